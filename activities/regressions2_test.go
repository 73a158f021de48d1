package activities_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
)

func settled(w *world, rep string, n int) (rest bool) {
	for range n {
		w.clock.Advance(time.Minute)
		r, err := w.try(rep, "")
		require.NoError(w.t, err)
		if rest = !r.fetch.Work; rest {
			return true
		}
	}
	return false
}

// a create that the vendor answers with DUPLICATE_VALUE of another unique field holds the rep's cursor for ever.
func TestDuplicateValueOfAnotherFieldParksTheItem(t *testing.T) {
	w, id, _ := pair(t, "")
	w.salesforce(fault.Rule{Method: "PATCH", Path: "composite/sobjects/Contact", Kind: fault.Status, Status: 200,
		Body: `[{"success":false,"errors":[{"statusCode":"DUPLICATE_VALUE","message":"duplicate value found: Badge__c duplicates value on record with id: 003","fields":[]}]}]`})
	w.person("alice", `{"names":[{"familyName":"New"}],"emailAddresses":[{"value":"new@example.com","type":"work"}]}`)
	require.True(t, settled(w, "alice", 15), "comes to rest")
	require.Len(t, w.parked("alice")[planner.ReasonVendorRefused], 1)
	_ = id
}

// an update that the vendor always refuses as FAILED_PRECONDITION, or as not found, likewise.
func TestUpdateThatIsAlwaysStaleOrMissingParksTheItem(t *testing.T) {
	t.Run("google", func(t *testing.T) {
		w, id, _ := pair(t, "")
		w.google(fault.Rule{Method: "POST", Path: "batchUpdate", Kind: fault.Status, Status: 400, Body: `{"error":{"code":400,"status":"FAILED_PRECONDITION","message":"no"}}`})
		w.editContact("alice", id, fields{"Title": "Edited"})
		require.True(t, settled(w, "alice", 15), "comes to rest")
		require.Len(t, w.parked("alice")[planner.ReasonVendorRefused], 1)
	})
	t.Run("salesforce", func(t *testing.T) {
		w, _, name := pair(t, "")
		w.salesforce(fault.Rule{Method: "PATCH", Path: "composite/sobjects$", Kind: fault.Status, Status: 200,
			Body: `[{"success":false,"errors":[{"statusCode":"INVALID_CROSS_REFERENCE_KEY","message":"invalid cross reference id","fields":[]}]}]`})
		w.editPerson("alice", name, `{"organizations":[{"title":"Edited","type":"work"}]}`)
		require.True(t, settled(w, "alice", 15), "comes to rest")
		require.Len(t, w.parked("alice")[planner.ReasonVendorRefused], 1)
	})
}

// the claim of a record that was purged never ends.
func TestClaimEndsWithAPurgedRecord(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.bothWays("")
	w.person("alice", caraPerson)
	w.settle("alice", "bob")
	id := only(t, w.crmContacts())
	w.deleteContact("alice", id)
	w.settle("alice", "bob")
	w.clock.Advance(time.Hour)
	require.NoError(t, w.box.Salesforce.Purge("Contact", id)) // the recycle bin was emptied
	w.person("bob", caraPerson)
	w.settle("alice", "bob")
	require.Empty(t, w.parked("bob"))
	require.Len(t, w.crmContacts(), 1, "bob's person gets a record")
}

// a create that the vendor refused keeps its claim; another rep's cursor stands still, and it asks the CRM every second.
func TestRefusedCreateGivesItsClaimBack(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.bothWays("")
	refuse := true
	w.box.Salesforce.AddValidation("Contact", func(v map[string]any) (string, string) {
		if refuse && v["OwnerId"] == w.users["bob"] {
			return "Not by Bob.", ""
		}
		return "", ""
	})
	w.person("bob", caraPerson)
	w.pass("bob")
	require.Len(t, w.parked("bob")[planner.ReasonVendorRefused], 1)
	w.person("alice", caraPerson)
	var r result
	n := 0
	for ; n < 60; n++ { // the workflow passes every second while it waits
		if r = w.pass("alice"); !r.fetch.Work {
			break
		}
	}
	t.Log("passes", n, r.trouble())
	require.Less(t, n, 10, "alice does not wait for what bob is not doing")
	require.Len(t, w.crmContacts(), 1)
}

// a field that only the filter reads changes in the second of another edit: the stamp and the tag stay.
func TestFilterFieldThatChangesInTheSameSecond(t *testing.T) {
	t.Run("between two polls", func(t *testing.T) {
		w := withStatus(t)
		w.bothWays(active)
		id := w.contact("alice", with(fields{"Status__c": "Active"}))
		w.settle()
		w.editContact("alice", id, fields{"Title": "Edited"})
		_, err := w.stages.PollFeed(t.Context(), activities.FeedIn{Org: org})
		require.NoError(t, err)
		require.NoError(t, w.box.Salesforce.Update("Contact", id, fields{"Status__c": "Idle"}, w.users["alice"]))
		w.settle()
		require.Empty(t, w.people("alice"), "what left the policy is removed")
	})
	t.Run("just after our own write", func(t *testing.T) {
		w := withStatus(t)
		w.bothWays(active)
		id := w.contact("alice", with(fields{"Status__c": "Active"}))
		w.settle()
		w.editPerson("alice", w.peer("alice", id), `{"organizations":[{"title":"Mine","type":"work"}]}`)
		w.pass("alice")
		require.Equal(t, "Mine", w.crmContacts()[id]["Title"])
		require.NoError(t, w.box.Salesforce.Update("Contact", id, fields{"Status__c": "Idle"}, w.users["alice"])) // a flow, in the same second
		w.settle()
		l, _ := w.link("alice", id)
		require.Equal(t, planner.Left, l.State)
	})
}

// a quiet rep falls behind the feed's retention in an org with fewer than a thousand changes in that time.
func TestQuietRepDoesNotFallBehindTheFeed(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.bothWays("")
	w.contact("alice", with(nil))
	w.settle("alice", "bob")
	read := func() int64 {
		sit, err := w.store.Situation(t.Context(), org, "alice")
		require.NoError(t, err)
		for _, c := range sit.Cursors {
			if c.Side == record.CRM {
				return c.ReadNo
			}
		}
		return 0
	}
	before := read()
	for day := range 8 {
		w.contact("bob", fields{"LastName": fmt.Sprint("Other ", day), "Email": fmt.Sprintf("o%d@example.com", day)})
		w.clock.Advance(24 * time.Hour)
		_, err := w.stages.PollFeed(t.Context(), activities.FeedIn{Org: org})
		require.NoError(t, err)
		w.settle("alice")
	}
	require.Equal(t, before, read(), "alice took no snapshot")
}

// the lease runs from before the read; the request that follows outlives it.
func TestLeaseCoversTheRequestInFlight(t *testing.T) {
	w, _, name := pair(t, "")
	w.editPerson("alice", name, `{"organizations":[{"title":"Ours","type":"work"}]}`)
	w.clock.Advance(time.Second)
	ctx := t.Context()
	f, err := w.stages.Fetch(ctx, activities.FetchIn{Org: org, Rep: "alice", Pass: w.passes["alice"] + 1, Fresh: true})
	require.NoError(t, err)
	for _, stage := range []stageFunc{w.stages.Filter, w.stages.Match} {
		_, err := stage(ctx, passOf(f, "alice"))
		require.NoError(t, err)
	}
	reading := w.box.SalesforceFaults.Hold(fault.Rule{Name: "reading", Method: "GET", Path: "quer", Query: "FROM Contact WHERE Id IN"})
	writing := w.box.SalesforceFaults.Hold(fault.Rule{Name: "writing", Method: "PATCH", Path: "composite/sobjects"})
	done := make(chan struct{})
	go func() { defer close(done); _, _ = w.stages.Write(ctx, passOf(f, "alice")) }()
	defer func() { writing(); <-done }()
	require.Eventually(t, func() bool { return w.box.SalesforceFaults.Hits()["reading"] == 1 }, 10*time.Second, 5*time.Millisecond)
	w.clock.Advance(50 * time.Second) // a slow read, well within its own timeouts
	reading()
	require.Eventually(t, func() bool { return w.box.SalesforceFaults.Hits()["writing"] == 1 }, 10*time.Second, 5*time.Millisecond)
	w.clock.Advance(30 * time.Second) // the request may take 45
	_, err = w.store.Acquire(ctx, org, "alice", "successor", time.Minute)
	require.Error(t, err, "nobody takes over while a request of the old holder may still arrive")
}

// an item that is parked and gets another id stays parked, and due, for ever.
func TestParkedItemThatIsRenamed(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	name := w.person("alice", `{"names":[{"givenName":"Only"}],"emailAddresses":[{"value":"only@example.com","type":"work"}]}`)
	w.settle()
	require.Len(t, w.parked("alice")[planner.ReasonNoFamilyName], 1)
	w.clock.Advance(time.Second)
	renamed, err := w.box.Google.Rename(address("alice"), name)
	require.NoError(t, err)
	w.settle()
	w.editPerson("alice", renamed, `{"names":[{"givenName":"Only","familyName":"Now"}]}`)
	w.settle()
	w.clock.Advance(48 * time.Hour)
	require.True(t, settled(w, "alice", 10), "comes to rest")
	require.Empty(t, w.parked("alice"))
}

// a record that the feed cannot decode is neither parked nor told of, and the feed passes it.
func TestUndecodableRowOfTheFeedIsParked(t *testing.T) {
	w, id, _ := pair(t, "")
	w.editContact("alice", id, fields{"Title": "Edited"})
	bad := w.salesforce(fault.Rule{Method: "GET", Path: "quer", Query: "FROM Contact WHERE SystemModstamp", Kind: fault.Status, Status: 200, Times: 1,
		Body: `{"totalSize":1,"done":true,"records":[{"attributes":{"type":"Contact"},"Id":"` + id + `","OwnerId":"` + w.users["alice"] +
			`","SystemModstamp":"` + strings.Replace(w.clock.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "Z", "+0000", 1) + `","IsDeleted":false,"LastName":"Crm","Title":{"not":"text"}}]}`})
	w.pass("alice")
	require.Len(t, w.parked("alice"), 1, "parked and counted")
	w.box.SalesforceFaults.Remove(bad)
}

// a pair that left the policy comes back when its record is linked to another item: the whole rep stops.
func TestPairThatComesBackToATakenRecord(t *testing.T) {
	w := withStatus(t)
	w.bothWays(active + "  on_filter_exit: keep\n")
	id := w.contact("alice", with(fields{"Status__c": "Active"}))
	w.settle()
	old := w.peer("alice", id)
	w.editContact("alice", id, fields{"Status__c": "Idle"})
	w.settle()
	l, _ := w.link("alice", id)
	require.Equal(t, planner.Left, l.State)
	w.person("alice", caraPerson)
	w.editContact("alice", id, fields{"Status__c": "Active"})
	w.settle()
	t.Log(old, w.peer("alice", id), w.parked("alice"))
	w.editPerson("alice", old, `{"organizations":[{"title":"Old","type":"work"}]}`)
	_, err := w.try("alice", "")
	require.NoError(t, err)
	w.converged()
}
