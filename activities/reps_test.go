package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/sandbox/fault"
)

// shared is a world in which alice and bob are linked to one record, which bob owns.
func shared(t *testing.T, more string) (w *world, id string) {
	t.Helper()
	w = newWorld(t, "alice", "bob")
	w.bothWays(more)
	id = w.contact("bob", with(fields{"AccountId": w.account("Acme Works")}))
	w.person("alice", caraPerson)
	w.settle()
	return w, id
}

func TestOneRepsEditIsNewsForTheOther(t *testing.T) {
	w, id := shared(t, "")
	w.editPerson("alice", w.peer("alice", id), `{"organizations":[{"name":"Acme Works","title":"Alice's","type":"work"}]}`)
	w.converged()
	require.Equal(t, "Alice's", w.crmContacts()[id]["Title"])
	require.Equal(t, "Alice's", w.people("bob")[w.peer("bob", id)].Organizations[0].Title)
}

func TestTwoRepsEditOneRecordAtOnce(t *testing.T) {
	w, id := shared(t, "")
	w.editPerson("alice", w.peer("alice", id), `{"organizations":[{"name":"Acme Works","title":"Alice's","type":"work"}]}`)
	w.editPerson("bob", w.peer("bob", id), `{"phoneNumbers":[{"value":"415-555-0122","type":"work"}]}`)
	done := make(chan error)
	for _, rep := range []string{"alice", "bob"} {
		go func() { _, err := w.try(rep, ""); done <- err }()
	}
	require.NoError(t, <-done)
	require.NoError(t, <-done)
	w.clock.Advance(2 * time.Minute)
	w.converged()
	require.Equal(t, "Alice's", w.crmContacts()[id]["Title"])
	require.Equal(t, "415-555-0122", w.crmContacts()[id]["Phone"])
	for _, rep := range []string{"alice", "bob"} {
		p := w.people(rep)[w.peer(rep, id)]
		require.Equal(t, "Alice's", p.Organizations[0].Title)
		require.Equal(t, "415-555-0122", p.PhoneNumbers[0].Value)
	}
}

func TestOneRepsDeleteReachesTheOthersByTheirOwnPolicy(t *testing.T) {
	w, id := shared(t, propagate)
	alices := w.peer("alice", id)
	w.deletePerson("bob", w.peer("bob", id))
	w.converged()
	require.NotContains(t, w.crmContacts(), id)
	require.NotContains(t, w.people("alice"), alices)
}

func TestMailboxMigratedIsMatchedAnewAndDoublesNothing(t *testing.T) {
	w := newWorld(t)
	w.bothWays(propagate)
	id := w.contact("alice", with(nil))
	ids := w.crowd("alice", 2)
	w.settle()
	w.deletePerson("alice", w.peer("alice", ids[1]))
	w.settle()
	require.Len(t, w.crmContacts(), 2)

	w.box.Google.AddUser("alice.new@acme.test", false)
	moved, err := w.box.Google.Insert("alice.new@acme.test", caraPerson) // migrated, without our marker
	require.NoError(t, err)
	rep, err := w.store.GetRep(t.Context(), org, "alice")
	require.NoError(t, err)
	rep.Mailbox = "alice.new@acme.test"
	require.NoError(t, w.store.UpdateRep(t.Context(), rep))
	w.converged()
	require.Len(t, w.crmContacts(), 2, "nothing is deleted because the old ids are not there")
	require.Equal(t, moved, w.peer("alice", id))
	require.Len(t, w.box.Google.Living("alice.new@acme.test"), 2)
	require.Len(t, w.people("alice"), 2, "the old mailbox is left alone")
}

func TestWriteThatReturnedNoVersionIsReadBeforeTheNextCompare(t *testing.T) {
	w, id, name := pair(t, "")
	w.editPerson("alice", name, `{"organizations":[{"title":"Edited","type":"work"}]}`)
	release := w.box.SalesforceFaults.Hold(fault.Rule{Name: "written", Kind: fault.GateAfter, Method: "PATCH", Path: "composite/sobjects"})
	done := make(chan result)
	go func() { r, _ := w.try("alice", ""); done <- r }()
	require.Eventually(t, func() bool { return w.box.SalesforceFaults.Hits()["written"] == 1 }, 10*time.Second, 5*time.Millisecond)
	w.salesforce(fault.Rule{Method: "GET", Path: "/query", Kind: fault.Status, Status: 503, Times: 1})
	release()
	r := <-done
	require.Equal(t, string(connector.Retry), r.trouble().Class)
	before := w.mutations()
	w.converged()
	require.Equal(t, before, w.mutations(), "found done by reading it")
	require.Equal(t, "Edited", w.crmContacts()[id]["Title"])
}

func TestNewestGoesByTheVendorsOwnTimes(t *testing.T) {
	w, id, name := pair(t, "  conflict: newest\n")
	w.editPerson("alice", name, `{"organizations":[{"title":"Earlier","type":"work"}]}`)
	w.clock.Advance(time.Hour)
	w.editContact("alice", id, fields{"Title": "Later"})
	w.clock.Advance(time.Hour)
	w.box.Google.ExpireSyncTokens("") // the mailbox's edit is met last, by a full read
	sum := w.converged()["alice"]
	require.Equal(t, 1, sum.Conflicts)
	require.Equal(t, "Later", w.people("alice")[name].Organizations[0].Title)
}

func TestRepLeavesAndTheOthersStay(t *testing.T) {
	w, id := shared(t, "")
	rep, err := w.store.GetRep(t.Context(), org, "alice")
	require.NoError(t, err)
	rep.Active = false
	require.NoError(t, w.store.UpdateRep(t.Context(), rep))
	w.editContact("bob", id, fields{"Title": "Goes on"})
	w.converged("bob")
	require.Equal(t, "Goes on", w.people("bob")[w.peer("bob", id)].Organizations[0].Title)
	require.Len(t, w.people("alice"), 1)
	l, _ := w.link("alice", id)
	require.Equal(t, planner.Active, l.State)
}
