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

func TestSecondAddressClaim(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.bothWays("")
	w.settle("alice", "bob")
	w.person("alice", `{"names":[{"givenName":"Ann","familyName":"One"}],"emailAddresses":[{"value":"a@example.com","type":"work"},{"value":"b@example.com","type":"home"}]}`)
	w.settle("alice")
	for id := range w.crmContacts() {
		w.editContact("", id, fields{"AccountId": w.account("Acme Works")})
	}
	w.person("bob", `{"names":[{"givenName":"Ann","familyName":"One"}],"emailAddresses":[{"value":"b@example.com","type":"home"}]}`)
	w.settle("alice", "bob")
	require.Len(t, w.crmContacts(), 1)
}

func TestTwinLag(t *testing.T) {
	w, id, name := pair(t, "")
	w.box.Salesforce.AddValidation("Contact", func(v map[string]any) (string, string) {
		if v["Title"] == "Bad" {
			return "No.", "Title"
		}
		return "", ""
	})
	w.box.Google.SetLag(2 * time.Minute)
	w.clock.Advance(time.Hour)
	w.editPerson("alice", name, `{"organizations":[{"title":"Bad","type":"work"}]}`)
	w.clock.Advance(3 * time.Minute)
	w.editContact("alice", id, fields{"Phone": "415-555-0177"})
	before := w.mutations()
	for i := range 12 {
		r := w.pass("alice")
		t.Log(i, r.fetch.Work, w.mutations()-before, r.trouble())
	}
	p := w.parked("alice")[planner.ReasonVendorRefused]
	require.Len(t, p, 1)
	require.LessOrEqual(t, w.mutations()-before, 4)
	require.LessOrEqual(t, p[0].Attempts, 2)
}

func TestRenameBeforeLook(t *testing.T) {
	w, id, name := pair(t, "")
	w.editContact("alice", id, fields{"Title": "Head"})
	w.clock.Advance(time.Second)
	f, err := w.stages.Fetch(t.Context(), activities.FetchIn{Org: org, Rep: "alice", Pass: w.passes["alice"] + 1, Fresh: true})
	require.NoError(t, err)
	w.clock.Advance(time.Second)
	renamed, err := w.box.Google.Rename(address("alice"), name)
	require.NoError(t, err)
	for _, stage := range []stageFunc{w.stages.Filter, w.stages.Match, w.stages.Write, w.stages.Commit} {
		_, err := stage(t.Context(), passOf(f, "alice"))
		require.NoError(t, err)
	}
	l, _ := w.link("alice", id)
	t.Log(w.actions("alice", id), l.State, l.Mailbox.ID, renamed)
	require.Equal(t, planner.Active, l.State)
	w.settle()
	require.NotContains(t, w.actions("alice", id), "unlink")
}

func TestRecordLocksLeft(t *testing.T) {
	w, id, name := pair(t, "")
	w.editPerson("alice", name, `{"organizations":[{"title":"Ours","type":"work"}]}`)
	w.clock.Advance(time.Second)
	f, err := w.stages.Fetch(t.Context(), activities.FetchIn{Org: org, Rep: "alice", Pass: w.passes["alice"] + 1, Fresh: true})
	require.NoError(t, err)
	for _, stage := range []stageFunc{w.stages.Filter, w.stages.Match} {
		_, err := stage(t.Context(), passOf(f, "alice"))
		require.NoError(t, err)
	}
	stop := w.salesforce(fault.Rule{Method: "GET", Path: "quer", Query: "FROM Contact WHERE Id IN", Kind: fault.Status, Status: 503})
	o, err := w.stages.Write(t.Context(), passOf(f, "alice"))
	require.NoError(t, err)
	require.NotNil(t, o.Trouble)
	w.box.SalesforceFaults.Remove(stop)
	_, err = w.stages.Commit(t.Context(), passOf(f, "alice"))
	require.NoError(t, err)
	for i := range 5 {
		w.pass("alice")
		t.Log(i, w.crmContacts()[id]["Title"])
	}
	require.Equal(t, "Ours", w.crmContacts()[id]["Title"])
}

func TestAmbiguousCreate(t *testing.T) {
	w := newWorld(t)
	w.bothWays("  match: {on_ambiguous: create}\n")
	w.person("alice", `{"names":[{"givenName":"Ann","familyName":"One"}],"emailAddresses":[{"value":"desk@example.com","type":"work"}]}`)
	w.settle()
	w.person("alice", `{"names":[{"givenName":"Bea","familyName":"Two"}],"emailAddresses":[{"value":"desk@example.com","type":"work"}]}`)
	for range 3 {
		_, err := w.try("alice", "")
		require.NoError(t, err)
	}
	w.settle()
}

func TestOverLimitMatched(t *testing.T) {
	w := newWorld(t)
	w.bothWays("  limit: {max: 2, keep_first: [last_activity]}\n")
	ids := make([]string, 3)
	for i := range ids {
		ids[i] = w.contact("", fields{"OwnerId": w.users["alice"], "LastName": fmt.Sprint("Rank ", i), "Email": fmt.Sprintf("r%d@example.com", i),
			"LastActivityDate": fmt.Sprintf("2026-01-%02d", 10+i)})
	}
	w.settle()
	w.person("alice", `{"names":[{"familyName":"Rank 0"}],"emailAddresses":[{"value":"r0@example.com","type":"work"}],"organizations":[{"title":"Mine","type":"work"}]}`)
	w.settle()
	l, ok := w.link("alice", ids[0])
	t.Log(l.State, ok, w.crmContacts()[ids[0]]["Title"], w.reason("alice", ids[0]))
	require.False(t, ok && l.State == planner.Active, "beyond the limit")
}

func TestABA(t *testing.T) {
	w := withStatus(t)
	w.bothWays(active)
	id := w.contact("alice", with(fields{"Status__c": "Active"}))
	w.settle()
	w.editContact("alice", id, fields{"Title": "Edited"})
	poll := func() {
		_, err := w.stages.PollFeed(t.Context(), activities.FeedIn{Org: org})
		require.NoError(t, err)
	}
	poll()
	for _, s := range []string{"Idle", "Active"} {
		require.NoError(t, w.box.Salesforce.Update("Contact", id, fields{"Status__c": s}, w.users["alice"]))
		poll()
	}
	w.settle()
	require.Len(t, w.people("alice"), 1)
}

func TestPendingOfFilteredMatch(t *testing.T) {
	w := newWorld(t)
	w.bothWays("  filter: crm.Title != \"Other\"\n")
	w.settle()
	w.box.Salesforce.AddValidation("Contact", func(map[string]any) (string, string) { return "Closed.", "" })
	name := w.person("alice", caraPerson)
	w.settle()
	t.Log(w.parked("alice"))
	w.box.Salesforce.ClearValidations("Contact")
	id := w.contact("alice", with(fields{"Title": "Other"}))
	w.settle()
	w.clock.Advance(25 * time.Hour)
	w.settle()
	t.Log(w.reason("alice", name), w.reason("alice", id))
	w.editContact("alice", id, fields{"Title": "Buyer"})
	w.settle()
	t.Log(w.parked("alice"))
	require.Empty(t, w.parked("alice"))
	require.Equal(t, name, w.peer("alice", id))
}

func TestUndecodableClaim(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.bothWays("")
	w.settle("alice", "bob")
	w.person("alice", caraPerson)
	w.settle("alice")
	var id string
	for id = range w.crmContacts() {
	}
	w.settle("bob")
	w.person("bob", caraPerson)
	w.clock.Advance(time.Second)
	row := `{"totalSize":1,"done":true,"records":[{"attributes":{"type":"Contact"},"Id":"` + id + `","OwnerId":"` + w.users["alice"] +
		`","SystemModstamp":"2030-01-01T00:00:00.000+0000","IsDeleted":false,"LastName":"Crm","Title":{"not":"text"}}]}`
	bad := w.salesforce(fault.Rule{Method: "GET", Path: "quer", Query: "FROM Contact WHERE Id IN", Kind: fault.Status, Status: 200, Body: row})
	bad2 := w.salesforce(fault.Rule{Method: "GET", Path: "quer", Query: "FROM Contact WHERE Email", Kind: fault.Status, Status: 200, Body: row})
	for range 2 {
		_, _ = w.try("bob", "")
	}
	w.box.SalesforceFaults.Remove(bad)
	w.box.SalesforceFaults.Remove(bad2)
	require.Len(t, w.crmContacts(), 1)
}

// an edit typed in the mailbox before the rename is lost with the base
func TestRenameBeforeLookLosesEdit(t *testing.T) {
	w, id, name := pair(t, "")
	w.editContact("alice", id, fields{"Phone": "415-555-0199"})
	w.clock.Advance(time.Second)
	f, err := w.stages.Fetch(t.Context(), activities.FetchIn{Org: org, Rep: "alice", Pass: w.passes["alice"] + 1, Fresh: true})
	require.NoError(t, err)
	w.editPerson("alice", name, `{"organizations":[{"title":"Persons edit","type":"work"}]}`)
	renamed, err := w.box.Google.Rename(address("alice"), name)
	require.NoError(t, err)
	for _, stage := range []stageFunc{w.stages.Filter, w.stages.Match, w.stages.Write, w.stages.Commit} {
		_, err := stage(t.Context(), passOf(f, "alice"))
		require.NoError(t, err)
	}
	w.settle()
	t.Log(w.actions("alice", id))
	require.Equal(t, "Persons edit", w.people("alice")[renamed].Organizations[0].Title)
	require.Equal(t, "Persons edit", w.crmContacts()[id]["Title"])
}

// merge chain A into B into C, reported in the other order
func TestMergeLoserUnlinkedMasterForeignOwner(t *testing.T) {
	w, id, _ := pair(t, propagate)
	b := w.contact("alice", fields{"LastName": "Bee"})
	c := w.contact("alice", fields{"LastName": "Cee"})
	w.clock.Advance(time.Second)
	require.NoError(t, w.box.Salesforce.Merge("Contact", b, id, w.users["alice"]))
	require.NoError(t, w.box.Salesforce.Merge("Contact", c, b, w.users["alice"]))
	w.settle()
	l, ok := w.link("alice", c)
	t.Log(ok, l.State, len(w.people("alice")), w.actions("alice", c))
	require.Len(t, w.people("alice"), 1)
}
