package activities_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/sandbox/fault"
)

// an edit made after a write whose answer was lost is staged by Fetch and thrown away when Match resolves the write.
func TestEditAfterALostAnswerIsNotThrownAway(t *testing.T) {
	for _, verb := range []string{"update", "create"} {
		t.Run("source edited again after "+verb, func(t *testing.T) {
			w, id, name := pair(t, "")
			w.salesforce(fault.Rule{Method: "PATCH", Path: "composite/sobjects", Kind: fault.DropAfter, Times: 1})
			if verb == "update" {
				w.editPerson("alice", name, `{"organizations":[{"title":"First","type":"work"}]}`)
			} else {
				name = w.person("alice", `{"names":[{"familyName":"New"}],"emailAddresses":[{"value":"new@example.com","type":"work"}],"organizations":[{"title":"First","type":"work"}]}`)
			}
			w.pass("alice")
			w.editPerson("alice", name, `{"organizations":[{"title":"Second","type":"work"}]}`)
			w.settle()
			if verb == "create" {
				for got, c := range w.crmContacts() {
					if c["LastName"] == "New" {
						id = got
					}
				}
			}
			require.Equal(t, "Second", w.crmContacts()[id]["Title"], "the person's later edit is on both sides")
		})
	}
	t.Run("target edited after update", func(t *testing.T) {
		w, id, name := pair(t, "")
		w.salesforce(fault.Rule{Method: "PATCH", Path: "composite/sobjects", Kind: fault.DropAfter, Times: 1})
		w.editPerson("alice", name, `{"organizations":[{"title":"First","type":"work"}]}`)
		w.pass("alice")
		w.editContact("alice", id, fields{"Phone": "415-555-0177"})
		w.settle()
		require.Equal(t, "415-555-0177", w.people("alice")[name].PhoneNumbers[0].Value, "an edit of the target is on both sides")
	})
}

// first sync, the mailbox cannot be read (to its end): CRM records are created there although it holds them.
func TestMailboxThatCouldNotBeReadIsNotTakenForEmpty(t *testing.T) {
	for _, where := range []string{"first page", "second page"} {
		t.Run(where, func(t *testing.T) {
			w := newWorld(t)
			w.bothWays("")
			for i := range 4 {
				w.person("alice", fmt.Sprintf(`{"names":[{"givenName":"Cara","familyName":"Crm%d"}],"emailAddresses":[{"value":"c%d@example.com","type":"work"}]}`, i, i))
				w.contact("alice", fields{"FirstName": "Cara", "LastName": fmt.Sprint("Crm", i), "Email": fmt.Sprintf("c%d@example.com", i)})
			}
			w.connect(2)
			rule := fault.Rule{Method: "GET", Path: "me/connections", Kind: fault.Status, Status: 503}
			if where == "second page" {
				rule.Query = "pageToken"
			}
			stop := w.google(rule)
			w.pass("alice")
			w.box.GoogleFaults.Remove(stop)
			w.settle()
			require.Len(t, w.people("alice"), 4, "nothing doubled")
			require.Len(t, w.crmContacts(), 4)
		})
	}
}

// an item that cannot be decoded and is got by id has no fields; they are taken for cleared.
func TestUndecodableItemIsNotTakenForCleared(t *testing.T) {
	w, id, name := pair(t, "")
	before := w.people("alice")[name]
	row := func(stamp string) string {
		return `{"totalSize":1,"done":true,"records":[{"attributes":{"type":"Contact"},"Id":"` + id + `","OwnerId":"` + w.users["alice"] +
			`","SystemModstamp":"` + stamp + `","IsDeleted":false,"LastName":"Crm","Title":{"not":"text"}}]}`
	}
	w.editContact("alice", id, fields{"Title": "Edited"})
	w.clock.Advance(time.Minute)
	bad := w.salesforce(fault.Rule{Method: "GET", Path: "quer", Query: "FROM Contact", Kind: fault.Status, Status: 200, Body: row("2030-01-01T00:00:00.000+0000")})
	require.NoError(t, w.store.RequestReread(t.Context(), org, "alice"))
	for range 4 {
		w.clock.Advance(10 * time.Minute)
		_, _ = w.try("alice", "")
	}
	w.box.SalesforceFaults.Remove(bad)
	require.Equal(t, before, w.people("alice")[name], "the copy is not emptied")
}

// a claim outlives the address that it was for; the next person of that address stops the rep for ever.
func TestClaimOfAnAddressThatTheRecordNoLongerHas(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	one := w.person("alice", `{"names":[{"givenName":"Ann","familyName":"One"}],"emailAddresses":[{"value":"desk@example.com","type":"work"}]}`)
	w.settle()
	w.editPerson("alice", one, `{"emailAddresses":[{"value":"ann@example.com","type":"work"}]}`)
	w.settle()
	w.person("alice", `{"names":[{"givenName":"Bea","familyName":"Two"}],"emailAddresses":[{"value":"desk@example.com","type":"work"}]}`)
	r, err := w.try("alice", "")
	require.NoError(t, err)
	require.Nil(t, r.trouble())
	w.settle()
	require.Len(t, w.crmContacts(), 2)
}

// the same for another rep: Bea is merged into Ann's record.
func TestClaimOfAnAddressThatTheRecordNoLongerHasOtherRep(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.bothWays("")
	one := w.person("alice", `{"names":[{"givenName":"Ann","familyName":"One"}],"emailAddresses":[{"value":"desk@example.com","type":"work"}]}`)
	w.settle("alice")
	w.editPerson("alice", one, `{"emailAddresses":[{"value":"ann@example.com","type":"work"}]}`)
	w.settle("alice")
	bea := w.person("bob", `{"names":[{"givenName":"Bea","familyName":"Two"}],"emailAddresses":[{"value":"desk@example.com","type":"work"}]}`)
	w.settle("alice", "bob")
	require.Equal(t, "Bea", w.people("bob")[bea].Names[0].GivenName)
	require.Len(t, w.crmContacts(), 2)
}

// a record that is staged and not linked yet is deleted, or handed to somebody else: the feed does not tell this rep.
func TestStagedRecordThatIsGoneByTheTimeItIsPlanned(t *testing.T) {
	for _, how := range []string{"deleted", "reassigned"} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t, "alice", "bob")
			w.bothWays("")
			w.settle("alice", "bob")
			id := w.contact("alice", with(nil))
			w.upTo("alice", 1) // read and staged; the worker dies, or a vendor is in trouble
			if how == "deleted" {
				w.deleteContact("alice", id)
			} else {
				w.editContact("alice", id, fields{"OwnerId": w.users["bob"]})
			}
			w.contact("alice", fields{"LastName": "Other", "Email": "other@example.com"}) // the offset moves on
			w.settle("alice")
			require.Len(t, w.people("alice"), 1, "only the other one")
			require.Len(t, w.crmContacts(), map[string]int{"deleted": 1, "reassigned": 2}[how])
		})
	}
}

// a create whose answer was lost is found by its marker with a person's edit in it, which becomes the base.
func TestEditOfACreateWhoseAnswerWasLost(t *testing.T) {
	t.Run("in the mailbox", func(t *testing.T) {
		w := newWorld(t)
		w.bothWays("")
		w.settle()
		w.google(fault.Rule{Method: "POST", Path: "batchCreate", Kind: fault.DropAfter, Times: 1})
		id := w.contact("alice", with(nil))
		w.pass("alice")
		name := only(t, w.people("alice"))
		w.editPerson("alice", name, `{"organizations":[{"title":"A person's","type":"work"}]}`)
		w.clock.Advance(10 * time.Minute)
		w.converged()
		require.Equal(t, "A person's", w.people("alice")[name].Organizations[0].Title)
		require.Equal(t, "A person's", w.crmContacts()[id]["Title"])
	})
	t.Run("in the CRM", func(t *testing.T) {
		w := newWorld(t)
		w.bothWays("")
		w.settle()
		w.salesforce(fault.Rule{Method: "PATCH", Path: "composite/sobjects", Kind: fault.DropAfter, Times: 1})
		name := w.person("alice", caraPerson)
		w.pass("alice")
		id := only(t, w.crmContacts())
		w.editContact("alice", id, fields{"Title": "A person's"})
		w.converged()
		require.Equal(t, "A person's", w.crmContacts()[id]["Title"])
		require.Equal(t, "A person's", w.people("alice")[name].Organizations[0].Title)
	})
}

// a policy that comes between Fetch and Filter judges rows by fields that were not read.
func TestPolicyThatComesInTheMiddleOfAPass(t *testing.T) {
	w := withStatus(t)
	w.bothWays("")
	id := w.contact("alice", with(fields{"Status__c": "Active"}))
	w.settle()
	name := w.peer("alice", id)
	w.editContact("alice", id, fields{"Title": "Edited"})
	w.clock.Advance(time.Second)
	f, err := w.stages.Fetch(t.Context(), activities.FetchIn{Org: org, Rep: "alice", Pass: w.passes["alice"] + 1, Fresh: true})
	require.NoError(t, err)
	w.bothWays(active)
	for _, stage := range []stageFunc{w.stages.Filter, w.stages.Match, w.stages.Write, w.stages.PropagateDeletes, w.stages.Commit} {
		_, err := stage(t.Context(), passOf(f, "alice"))
		require.NoError(t, err)
	}
	require.Contains(t, w.people("alice"), name, "an active contact's copy is not removed")
}

// the row that resolve stages again is not judged: a record that left the policy is written to, and its leaving is forgotten.
func TestResolvedWriteForgetsThatTheRecordLeft(t *testing.T) {
	w := withStatus(t)
	w.bothWays(active)
	id := w.contact("alice", with(fields{"Status__c": "Active"}))
	w.settle()
	name := w.peer("alice", id)
	w.salesforce(fault.Rule{Method: "PATCH", Path: "composite/sobjects", Kind: fault.Drop, Times: 1})
	w.editPerson("alice", name, `{"organizations":[{"title":"Mine","type":"work"}]}`)
	w.pass("alice")
	w.editContact("alice", id, fields{"Status__c": "Idle"})
	w.settle()
	l, _ := w.link("alice", id)
	require.Equal(t, planner.Left, l.State, "the record left the policy")
	require.Equal(t, "Buyer", w.crmContacts()[id]["Title"])
}
