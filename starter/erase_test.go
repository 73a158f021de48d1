package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestErasingAPerson erases one of two contacts that sync, and lets the rep sync on.
func TestErasingAPerson(t *testing.T) {
	t.Parallel()
	who, address, ids := synced(t, "held", "erik", "gone@erik.test", "stays@erik.test")
	erase := []string{"erase", "--org", "held", "--email", "Gone@Erik.test"}

	starter(t, append(erase, "--dry-run")...).wants(exitOK, "would be destroyed: 1 × the values of all journal lines", "contact of rep erik: CRM "+ids[0], "were not touched", "delete the person there too")
	starter(t, with("journal list", who)...).wants(exitOK, "gone@erik.test", "stays@erik.test")
	out := starter(t, append(erase, "--json")...).wants(exitOK).json()
	require.Equal(t, false, out["dry_run"])
	require.EqualValues(t, 1, out["destroyed"].(map[string]any)["journal_keys"])
	require.EqualValues(t, 0, out["destroyed"].(map[string]any)["intents"], "a first sync's create has left its line in the journal alone")
	require.Equal(t, []any{}, out["open_writes"])
	require.Equal(t, map[string]any{"kind": "contact", "crm_item": ids[0]}, out["items"].([]any)[0], "the feed's")
	item := out["items"].([]any)[1].(map[string]any)
	require.Equal(t, []any{"erik", "contact", ids[0]}, []any{item["rep"], item["kind"], item["crm_item"]})
	list := starter(t, with("journal list", who)...).wants(exitOK, "stays@erik.test", "erase "+ids[0]+" in the crm (erased)")
	require.NotContains(t, list.out, "gone@erik.test")
	starter(t, with("journal verify", who)...).wants(exitOK, "the journal is whole", "1 of them with erased values")
	starter(t, erase...).wants(exitOK, "nothing is kept that could be destroyed")

	// The person is still there: nothing is written, and later edits come through without values in the journal.
	status := starter(t, with("sync --json", who)...).wants(exitOK).json()
	require.Equal(t, "idle", status["state"])
	require.NoError(t, crm(address).Update(t.Context(), "Contact", ids[0], map[string]any{"Title": "Head of Gone"}))
	require.NoError(t, crm(address).Update(t.Context(), "Contact", ids[1], map[string]any{"Title": "Head of Stays"}))
	starter(t, with("sync", who)...).wants(exitOK)
	starter(t, with("explain", who, "--item", ids[0])...).wants(exitOK, "update ", "active")
	list = starter(t, with("journal list", who)...).wants(exitOK, "Head of Stays")
	require.NotContains(t, list.out, "Head of Gone")
	starter(t, with("journal verify", who)...).wants(exitOK, "2 of them with erased values")

	starter(t, "erase", "--org", "held", "--email", address).wants(exitRefused, "is the mailbox of a rep")
	starter(t, "erase", "--org", "held", "--email", "erik").wants(exitUsage, `"erik" is no email address`)
	starter(t, "erase", "--org", "held").wants(exitUsage, `"email" not set`)
	starter(t, "erase", "--org", "nowhere", "--email", "a@b.test").wants(exitNotFound, "nowhere")
}
