package activities_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

// the source's deletion, staged before its unclear create is resolved, is thrown away: the copy stays for ever.
func TestSourceDeletedAfterALostCreate(t *testing.T) {
	t.Run("mailbox", func(t *testing.T) {
		w := newWorld(t)
		w.bothWays(propagate)
		w.contact("alice", fields{"LastName": "Other", "Email": "other@example.com"})
		w.settle()
		w.salesforce(fault.Rule{Method: "PATCH", Path: "composite/sobjects", Kind: fault.DropAfter, Times: 1})
		name := w.person("alice", caraPerson)
		w.pass("alice")
		require.Len(t, w.crmContacts(), 2)
		w.deletePerson("alice", name)
		w.settle()
		require.Len(t, w.crmContacts(), 1, "the delete is propagated")
	})
	t.Run("filter exit", func(t *testing.T) {
		w := withStatus(t)
		w.bothWays(active)
		w.settle()
		w.google(fault.Rule{Method: "POST", Path: "batchCreate", Kind: fault.DropAfter, Times: 1})
		id := w.contact("alice", with(fields{"Status__c": "Active"}))
		w.pass("alice")
		w.clock.Advance(10 * time.Minute)
		w.editContact("alice", id, fields{"Status__c": "Idle"})
		w.settle()
		require.Empty(t, w.people("alice"), "what left the policy is removed")
	})
}

// trouble in the middle of the first sync makes the rest of it an ordinary pass for the guard.
func TestFirstSyncInSeveralPassesIsStillTheFirst(t *testing.T) {
	w := newWorld(t)
	w.policy("name: test\norg: acme\nassign: {profiles: [Field Sales]}\ncontacts:\n  direction: both\nguard:\n  creates: {max: 3, first_sync: 60000}\n")
	for i := range 8 {
		w.contact("alice", fields{"LastName": fmt.Sprint("Crm", i), "Email": fmt.Sprintf("c%d@example.com", i)})
	}
	w.connect(2)
	stop := w.salesforce(fault.Rule{Method: "GET", Path: "query", Query: "OwnerId = .*Id > ", Kind: fault.Status, Status: 503})
	w.pass("alice")
	w.box.SalesforceFaults.Remove(stop)
	for range 4 {
		r := w.pass("alice")
		require.Nil(t, r.hold, "held")
	}
	require.Len(t, w.people("alice"), 8)
}

// with a key field that is not unique, a create that is still under way is sent a second time.
func TestCreateUnderWayIsNotSentAgain(t *testing.T) {
	w := newWorld(t)
	w.box.Salesforce.RemoveField("Contact", "Repsync_Key__c")
	w.box.Salesforce.AddField("Contact", salesforce.Field{Name: "Repsync_Key__c", Type: salesforce.TypeString, Length: 255})
	w.clock.Advance(2 * time.Minute)
	w.bothWays("")
	w.settle()
	w.person("alice", caraPerson)
	release := w.box.SalesforceFaults.Hold(fault.Rule{Name: "creating", Method: "POST", Path: "composite/sobjects"})
	done := make(chan struct{})
	go func() { defer close(done); _, _ = w.try("alice", "") }()
	require.Eventually(t, func() bool { return w.box.SalesforceFaults.Hits()["creating"] == 1 }, 10*time.Second, 5*time.Millisecond)
	w.clock.Advance(61 * time.Second) // the worker was thought dead; its request has 45 s and the vendor may take longer
	other := w.worker()
	f, err := other.Fetch(t.Context(), activities.FetchIn{Org: org, Rep: "alice", Pass: w.passes["alice"] + 5, Fresh: true})
	require.NoError(t, err)
	for _, stage := range []stageFunc{other.Filter, other.Match} {
		_, err := stage(t.Context(), passOf(f, "alice"))
		require.NoError(t, err)
	}
	second := make(chan struct{})
	go func() { defer close(second); _, _ = other.Write(t.Context(), passOf(f, "alice")) }()
	require.Eventually(t, func() bool {
		select {
		case <-second:
			return true
		default:
			return w.box.SalesforceFaults.Hits()["creating"] > 1
		}
	}, 20*time.Second, 5*time.Millisecond)
	release()
	<-done
	<-second
	require.Len(t, w.crmContacts(), 1, "nothing doubled")
}

// a linked record is merged in the CRM into one that is not linked: same link, no write.
func TestLinkedRecordMergedIntoAnotherKeepsItsItem(t *testing.T) {
	w, id, name := pair(t, propagate)
	other := w.contact("alice", fields{"FirstName": "Cara", "LastName": "Crm", "MobilePhone": "415-555-0142"})
	w.clock.Advance(time.Second)
	require.NoError(t, w.box.Salesforce.Merge("Contact", other, id, w.users["alice"]))
	w.converged()
	require.Contains(t, w.people("alice"), name, "the rep's item is still there")
	require.Equal(t, name, w.peer("alice", other))
}

// a plan is held; a policy with a wider guard comes, and is not looked at.
func TestWiderGuardFreesWhatIsHeld(t *testing.T) {
	w := newWorld(t)
	doc := "name: test\norg: acme\nassign: {profiles: [Field Sales]}\ncontacts:\n  direction: both\n" + propagate + "guard:\n  deletes: {max: %d}\n"
	w.policy(fmt.Sprintf(doc, 1))
	var ids []string
	for i := range 5 {
		ids = append(ids, w.contact("alice", fields{"LastName": fmt.Sprint("Crm", i), "Email": fmt.Sprintf("c%d@example.com", i)}))
	}
	w.settle()
	for _, id := range ids[:3] {
		w.deleteContact("alice", id)
	}
	require.NotNil(t, w.pass("alice").hold)
	w.policy(fmt.Sprintf(doc, 10))
	for range 3 {
		w.pass("alice")
	}
	require.Len(t, w.people("alice"), 2, "the policy that is assigned now lets the plan pass")
}

// steady state: a person added to the mailbox and to the CRM while the mailbox cannot be read.
func TestMailboxInTroubleInSteadyStateDoublesNothing(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	w.settle()
	w.person("alice", caraPerson)
	w.contact("alice", with(nil))
	stop := w.google(fault.Rule{Method: "GET", Path: "me/connections", Kind: fault.Status, Status: 503})
	w.pass("alice")
	w.box.GoogleFaults.Remove(stop)
	w.settle()
	require.Len(t, w.people("alice"), 1)
	require.Len(t, w.crmContacts(), 1)
}

// one side's half of a decision is refused, and the other side is in trouble: its edit waits for the refused one.
func TestRefusedTwinDoesNotKeepTheOtherEditWaiting(t *testing.T) {
	w, id, name := pair(t, "")
	w.box.Salesforce.AddValidation("Contact", func(v map[string]any) (string, string) {
		if v["Title"] == "Bad" {
			return "No.", "Title"
		}
		return "", ""
	})
	w.editPerson("alice", name, `{"organizations":[{"title":"Bad","type":"work"}]}`)
	w.settle()
	for range 8 { // it has been tried for days
		w.clock.Advance(25 * time.Hour)
		w.settle()
	}
	require.Len(t, w.parked("alice")[planner.ReasonVendorRefused], 1)
	w.editContact("alice", id, fields{"Phone": "415-555-0177"})
	w.google(fault.Rule{Method: "POST", Path: "batchUpdate", Kind: fault.Status, Status: 429, Times: 1})
	w.pass("alice")
	w.settle()
	require.Equal(t, "415-555-0177", w.people("alice")[name].PhoneNumbers[0].Value, "within the next passes, not within a day")
}
