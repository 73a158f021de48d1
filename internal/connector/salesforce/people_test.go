package salesforce_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/salesforce"
	sandbox "github.com/repsync/repsync/internal/sandbox/salesforce"
)

func TestPeople(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	account := b.account("Company 1").(string)
	ada := b.insert("Contact", map[string]any{"LastName": "Ada", "Email": "Ada@Out.test", "AccountId": account})
	twin := b.insert("Contact", map[string]any{"LastName": "Twin", "Email": "ada@out.test"})
	b.insert("Contact", map[string]any{"LastName": "Other", "Email": "other@out.test"})
	lead := b.insert("Lead", map[string]any{"LastName": "Lara", "Company": "Prospect", "Email": "lara@lead.test"})
	b.insert("Lead", map[string]any{"LastName": "Done", "Company": "Prospect", "Email": "lara@lead.test", "IsConverted": true})
	b.org.AddUser(sandbox.User{Username: "old@acme.test", Name: "Old", Profile: "Field Sales"}) // not active

	found, err := b.crm.People(t.Context(), []string{" ADA@out.test", "alice@acme.test", "old@acme.test", "nobody@out.test", "Lara@Lead.test", "", "o'brien@out.test"})
	require.NoError(t, err)
	now := b.clock.now()
	require.Equal(t, map[string][]connector.Person{
		"ada@out.test": {
			{Kind: connector.PersonContact, ID: ada, Account: account, Modified: now},
			{Kind: connector.PersonContact, ID: twin, Modified: now},
		},
		"lara@lead.test":  {{Kind: connector.PersonLead, ID: lead, Modified: now}},
		"alice@acme.test": {{Kind: connector.PersonUser, ID: b.alice, Modified: now}},
	}, found)
}

// Six hundred addresses are two queries an object, whatever is found: as many go in one as a URI holds.
func TestPeopleCostTwoQueriesAnObject(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.crm = b.connect(salesforce.Config{PageSize: 2000})
	emails := make([]string, 600)
	for n := range emails {
		emails[n] = fmt.Sprintf("p%d@out.test", n)
		if n%40 == 0 {
			b.insert("Contact", map[string]any{"LastName": "P", "Email": emails[n]})
		}
	}
	_, err := b.crm.People(t.Context(), emails[:1]) // sign-in and describe are paid once
	require.NoError(t, err)
	b.org.ResetCalls()
	found, err := b.crm.People(t.Context(), emails)
	require.NoError(t, err)
	require.Len(t, found, 15)
	calls := b.org.Calls()
	require.LessOrEqual(t, calls["query"], 3*2, "contacts, leads and users, twice each")
	require.GreaterOrEqual(t, calls["query"], 2*2)
	require.Equal(t, calls["query"], sum(calls), "and nothing else")
}

func sum(calls map[string]int) int {
	n := 0
	for _, c := range calls {
		n += c
	}
	return n
}
