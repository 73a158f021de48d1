package demo

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/demo/scenario"
	"github.com/repsync/repsync/internal/demo/wire"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// A company whose account the org does not have stays where it was typed: the record is made without it, the entry keeps
// it, also when the record comes back and is edited, and the next rep's entry has none.
func TestCompanyWithoutAccountStaysInTheMailbox(t *testing.T) {
	t.Parallel()
	b := newBench(t, scenario.Reps...)
	b.policy("name: company\norg: acme\nassign: {reps: [alice]}\ncontacts: {direction: both}\n")
	id, err := b.world.Books["alice"].Create(t.Context(), wire.Object{"names": []wire.Object{{"givenName": "Ines", "familyName": "Solo"}},
		"organizations": []wire.Object{{"name": "Nowhere Ltd", "title": "Owner"}}})
	require.NoError(t, err)
	b.settle("alice")
	crm := b.look().CRM
	require.Len(t, crm, 1)
	require.Equal(t, map[string]string{"FirstName": "Ines", "LastName": "Solo", "Title": "Owner", "Owner": "alice@acme.test"}, crm[0].Fields)

	require.NoError(t, b.world.CRM.Update(t.Context(), "Contact", crm[0].ID, wire.Object{"Title": "Founder"}))
	b.settle("alice")
	require.Equal(t, map[string]string{"names.givenName": "Ines", "names.familyName": "Solo", "organizations.name": "Nowhere Ltd",
		"organizations.title": "Founder"}, b.look().Books["alice"][0].Fields)
	require.Empty(t, b.parked("alice"))
	verdicts, err := b.store.Verdicts(t.Context(), scenario.Org, "alice", record.Contact, id)
	require.NoError(t, err)
	require.Len(t, verdicts, 1)
	require.Equal(t, planner.ReasonUpdated, verdicts[0].Reason)
}
