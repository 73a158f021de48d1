package activities_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

// the rep merges two linked contacts in the mailbox: no record is deleted for it in the CRM.
func TestMergeOfTwoLinkedItemsDeletesNothing(t *testing.T) {
	w := newWorld(t)
	w.bothWays(propagate)
	w.contact("alice", fields{"LastName": "Other", "Email": "other@example.com"})
	one, two := w.contact("alice", with(nil)), w.contact("alice", with(fields{"Email": "cara@home.example.com", "FirstName": "C."}))
	w.settle()
	require.NoError(t, w.box.Google.Merge(address("alice"), w.peer("alice", one), w.peer("alice", two)))
	w.clock.Advance(time.Second)
	w.settle()
	require.Contains(t, w.crmContacts(), one)
	require.Contains(t, w.crmContacts(), two, "a merge is no delete")
}

// the right to edit a record is not the right to delete it.
func TestRepDeletesNoRecordThatTheRepMayNotDelete(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.bothWays(propagate)
	w.box.Salesforce.SetSharing("Contact", salesforce.PublicReadWrite)
	w.contact("alice", fields{"LastName": "Other", "Email": "other@example.com"})
	id := w.contact("bob", with(fields{"AccountId": w.account("Acme")})) // without an account it would be private
	name := w.person("alice", caraPerson)
	w.settle("alice")
	require.Equal(t, name, w.peer("alice", id))
	err := w.box.Salesforce.Delete("Contact", id, w.users["alice"])
	require.Error(t, err, "in the CRM alice may not")
	t.Log(err)
	w.deletePerson("alice", name)
	w.settle("alice")
	require.Contains(t, w.crmContacts(), id)
}

// an answer of UserRecordAccess that is cut short is no proof that the rest is out of sight.
func TestAccessAnswerCutShortUnlinksNobody(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.bothWays(propagate)
	w.box.Salesforce.SetSharing("Contact", salesforce.PublicReadWrite)
	account := w.account("Acme") // without one a contact is private
	var ids []string
	for i := range 4 {
		ids = append(ids, w.contact("bob", fields{"AccountId": account, "LastName": fmt.Sprint("Crm", i), "Email": fmt.Sprintf("c%d@example.com", i)}))
		w.person("alice", fmt.Sprintf(`{"names":[{"familyName":"Crm%d"}],"emailAddresses":[{"value":"c%d@example.com","type":"work"}]}`, i, i))
	}
	w.settle("alice")
	w.box.Salesforce.SetPageLimit(2)
	w.reread("alice")
	for _, id := range ids {
		l, _ := w.link("alice", id)
		require.Equal(t, planner.Active, l.State)
	}
}
