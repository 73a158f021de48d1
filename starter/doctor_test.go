package main

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// TestDoctor looks at a rep that is in order, at one that is not, and mends it; the ordinary pass does the rest.
func TestDoctor(t *testing.T) {
	t.Parallel()
	who, address := hire(t, "books", "dot", "")
	id := contact(t, address, "Doctored", "doctored@client.test")
	starter(t, with("doctor", []string{"--org", "books", "--rep", "dorothea"})...).wants(exitNotFound, `there is no rep "dorothea" in org books`, "starter rep list --org books")
	starter(t, with("rep add", who, "--mailbox", address)...).wants(exitOK)
	starter(t, with("rep start", who)...).wants(exitOK)
	starter(t, with("sync", who)...).wants(exitOK)
	starter(t, with("doctor", who)...).wants(exitOK, "checked 1 rep: 1 link, 2 items read from the vendors", "nothing is wrong; nothing was changed")
	said := starter(t, with("doctor --json --fix", who)...).wants(exitOK).json()
	require.ElementsMatch(t, []string{"org", "checked", "findings", "pending", "unchecked"}, keys(said))
	require.Empty(t, said["findings"])

	db, err := pgx.Connect(t.Context(), bench.stack.Info.DatabaseURL)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close(t.Context())) }()
	tag, err := db.Exec(t.Context(), `update link set reason = '' from collection where no = coll and org = 'books' and rep = 'dot' and crm_id = $1`, id)
	require.NoError(t, err)
	require.EqualValues(t, 1, tag.RowsAffected())
	starter(t, with("doctor", who)...).wants(exitFailed, "link_without_verdict: dot contact crm "+id, "--fix mends it", "1 finding", "starter doctor --org books --fix")
	listed := starter(t, with("doctor --json", who)...).wants(exitFailed).json()["findings"].([]any)
	require.Len(t, listed, 1)
	require.Subset(t, keys(listed[0].(map[string]any)), []string{"code", "rep", "kind", "side", "item", "link", "explain", "remedy", "fixable", "fixed"})
	starter(t, with("doctor --fix", who)...).wants(exitOK, "[fixed]")
	starter(t, with("sync", who)...).wants(exitOK)
	starter(t, with("doctor", who)...).wants(exitOK, "nothing is wrong; nothing was changed")
	starter(t, with("explain", who, "--item", id)...).wants(exitOK, "contact "+id)
	starter(t, with("journal list", who)...).wants(exitOK, "doctor")

	starter(t, with("doctor --patience=-1s", who)...).wants(exitUsage, "--patience is negative")
	starter(t, "doctor", "--org", "denied").wants(exitOK, "checked 0 reps")
}
