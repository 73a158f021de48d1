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

var feedIn = activities.FeedIn{Org: org}

// holdPages lets the first page of a list through and fails the others.
func holdPages(w *world) (stop func()) {
	id := w.google(fault.Rule{Method: "GET", Path: "me/connections", Query: "pageToken", Kind: fault.Status, Status: 503, Skip: 1})
	return func() { w.box.GoogleFaults.Remove(id) }
}

func TestRetryAfterOfAnHourDoesNotStopTheOtherSideAndSurvives(t *testing.T) {
	w, id, name := pair(t, "")
	w.google(fault.Rule{Kind: fault.Status, Status: 429, RetryAfter: fault.Duration(time.Hour), Times: 1, Path: "me/connections"})
	w.editPerson("alice", name, `{"phoneNumbers":[{"value":"415-555-0133","type":"work"}]}`)
	w.editContact("alice", id, fields{"Title": "Meanwhile"})
	r := w.pass("alice")
	require.Equal(t, "retry", r.trouble().Class)
	require.WithinDuration(t, w.clock.Now().Add(time.Hour), r.trouble().Until, time.Minute)
	staged, err := w.store.StagedByID(t.Context(), org, "alice", record.Contact, record.CRM, []string{id})
	require.NoError(t, err)
	require.Contains(t, staged, id, "the CRM is read meanwhile")

	w.open(w.ring) // another worker
	w.box.GoogleFaults.Reset()
	w.clock.Advance(50 * time.Minute)
	r = w.pass("alice")
	require.NotNil(t, r.trouble())
	require.Empty(t, w.box.GoogleFaults.Calls(), "nobody asks before the hour is over")
	w.clock.Advance(15 * time.Minute)
	w.converged()
	require.Equal(t, "Meanwhile", w.people("alice")[name].Organizations[0].Title)
	require.Equal(t, "415-555-0133", w.crmContacts()[id]["Phone"])
}

func TestRetryAfterOnAWriteDoesNotStopTheOtherSide(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	ids := w.crowd("alice", 2)
	w.settle()
	names := []string{w.peer("alice", ids[0]), w.peer("alice", ids[1])}
	w.salesforce(fault.Rule{Method: "PATCH", Path: "composite/sobjects", Kind: fault.Status, Status: 503, Code: "SERVER_UNAVAILABLE", RetryAfter: fault.Duration(time.Hour), Times: 1})
	w.editPerson("alice", names[0], `{"organizations":[{"title":"To the CRM","type":"work"}]}`)
	w.editContact("alice", ids[1], fields{"Title": "To the mailbox"})
	w.pass("alice")
	require.Equal(t, "To the mailbox", w.people("alice")[names[1]].Organizations[0].Title)
	require.Nil(t, w.crmContacts()[ids[0]]["Title"])
	w.clock.Advance(2 * time.Hour)
	w.converged()
	require.Equal(t, "To the CRM", w.crmContacts()[ids[0]]["Title"])
}

func TestRateLimitWaitsAndForbiddenFails(t *testing.T) {
	body := func(reason string) string {
		return `{"error":{"code":403,"status":"PERMISSION_DENIED","message":"x","errors":[{"reason":"` + reason + `"}]}}`
	}
	for reason, class := range map[string]string{"rateLimitExceeded": activities.ClassRetry, "forbidden": activities.ClassReconnect} {
		t.Run(reason, func(t *testing.T) {
			w, id, name := pair(t, "")
			w.editContact("alice", id, fields{"Title": "Edited"})
			w.google(fault.Rule{Method: "POST", Path: "batchUpdate", Kind: fault.Status, Status: 403, Body: body(reason), Times: 1})
			r := w.pass("alice")
			require.Equal(t, class, r.trouble().Class)
			require.NotEmpty(t, r.trouble().Remedy)
			require.Empty(t, w.parked("alice"))
			w.converged()
			require.Equal(t, "Edited", w.people("alice")[name].Organizations[0].Title)
		})
	}
}

func TestInvalidSalesforceSessionIsRenewed(t *testing.T) {
	w, id, name := pair(t, "")
	w.editPerson("alice", name, `{"organizations":[{"title":"Edited","type":"work"}]}`)
	w.box.Salesforce.ExpireSessions()
	w.box.Google.RevokeTokens("")
	w.converged()
	require.Equal(t, "Edited", w.crmContacts()[id]["Title"])
}

func TestRevokedConsentIsShownAndAsksNoStorm(t *testing.T) {
	w, id, name := pair(t, "")
	w.editContact("alice", id, fields{"Title": "Edited"})
	w.box.Google.RevokeDelegation()
	w.box.GoogleFaults.Reset()
	r := w.pass("alice")
	require.Equal(t, activities.ClassReconnect, r.trouble().Class)
	require.NotEmpty(t, r.trouble().Remedy)
	calls := 0
	for _, n := range w.box.GoogleFaults.Calls() {
		calls += n
	}
	require.LessOrEqual(t, calls, 4, "one attempt a pass")
	w.box.Google.SetDelegation("https://www.googleapis.com/auth/contacts")
	w.converged()
	require.Equal(t, "Edited", w.people("alice")[name].Organizations[0].Title)
}

func TestCRMUserDeactivated(t *testing.T) {
	w, _, name := pair(t, "")
	w.box.Salesforce.SetActive(w.users["alice"], false)
	w.person("alice", `{"names":[{"familyName":"New"}],"emailAddresses":[{"value":"new@example.com","type":"work"}]}`)
	w.settle()
	require.Len(t, w.parked("alice")[planner.ReasonVendorRefused], 1, "an inactive user can own nothing new")
	w.box.Salesforce.SetActive(w.users["alice"], true)
	w.clock.Advance(25 * time.Hour)
	w.converged()
	require.Len(t, w.crmContacts(), 2)
	_ = name
}

func TestCRMBudgetSpentWaitsAndGoesOn(t *testing.T) {
	w, id, name := pair(t, "")
	w.editContact("alice", id, fields{"Title": "Edited"})
	w.box.Salesforce.SetDailyLimit(1)
	r := w.pass("alice")
	require.Equal(t, activities.ClassRetry, r.trouble().Class)
	require.Equal(t, "REQUEST_LIMIT_EXCEEDED", r.trouble().Code)
	require.Empty(t, w.parked("alice"))
	w.box.Salesforce.SetDailyLimit(100000)
	w.converged()
	require.Equal(t, "Edited", w.people("alice")[name].Organizations[0].Title)
}

func TestValidationRuleParksWithTheCRMsWordsAndIsRetried(t *testing.T) {
	refuse := func(w *world) (id, name string) {
		w.bothWays("")
		id = w.contact("alice", with(nil))
		w.settle()
		name = w.peer("alice", id)
		w.box.Salesforce.AddValidation("Contact", func(v map[string]any) (string, string) {
			if v["Title"] == "Boss" {
				return "Nobody is called boss here.", "Title"
			}
			return "", ""
		})
		w.editPerson("alice", name, `{"organizations":[{"title":"Boss","type":"work"}]}`)
		w.settle()
		p := w.parked("alice")[planner.ReasonVendorRefused]
		require.Len(w.t, p, 1)
		require.Equal(w.t, "FIELD_CUSTOM_VALIDATION_EXCEPTION", p[0].Code)
		require.Equal(w.t, "Nobody is called boss here.", p[0].Words)
		return id, name
	}
	t.Run("when the item changes", func(t *testing.T) {
		w := newWorld(t)
		id, name := refuse(w)
		w.editPerson("alice", name, `{"organizations":[{"title":"Lead","type":"work"}]}`)
		w.pass("alice")
		require.Empty(t, w.parked("alice"))
		require.Equal(t, "Lead", w.crmContacts()[id]["Title"])
		w.converged()
	})
	t.Run("when the policy changes", func(t *testing.T) {
		w := newWorld(t)
		id, _ := refuse(w)
		w.box.Salesforce.ClearValidations("Contact")
		w.bothWays("  conflict: newest\n")
		w.pass("alice")
		require.Equal(t, "Boss", w.crmContacts()[id]["Title"])
		require.Empty(t, w.parked("alice"))
		w.converged()
	})
	t.Run("when an admin asks", func(t *testing.T) {
		w := newWorld(t)
		id, _ := refuse(w)
		w.box.Salesforce.ClearValidations("Contact")
		n, err := w.store.RetryParked(t.Context(), org, "alice", nil)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		w.pass("alice")
		require.Equal(t, "Boss", w.crmContacts()[id]["Title"])
		w.converged()
	})
	t.Run("ever more seldom, and told once", func(t *testing.T) {
		w := newWorld(t)
		_, name := refuse(w)
		before := w.mutations()
		for range 48 {
			w.clock.Advance(time.Hour)
			w.pass("alice")
		}
		require.Less(t, w.mutations()-before, 10)
		require.Greater(t, w.parked("alice")[planner.ReasonVendorRefused][0].Attempts, 3)
		parks := 0
		for _, action := range w.actions("alice", name) {
			if action == activities.ActionPark {
				parks++
			}
		}
		require.Equal(t, 1, parks)
	})
}

func TestIdlePassAsksOneQueryAndOneCallPerSide(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	w.contact("alice", with(nil))
	w.person("alice", `{"names":[{"givenName":"Nameless"}]}`) // parked
	w.settle()
	require.Len(t, w.parked("alice"), 1)
	counted := countTrips(t, w)
	_, err := w.stages.Fetch(t.Context(), activities.FetchIn{Org: org, Rep: "alice", Pass: 9}) // prepares the statements
	require.NoError(t, err)
	w.box.GoogleFaults.Reset()
	w.box.SalesforceFaults.Reset()
	before := counted.n.Load()
	f, err := w.stages.Fetch(t.Context(), activities.FetchIn{Org: org, Rep: "alice", Pass: 9})
	require.NoError(t, err)
	require.False(t, f.Work)
	require.Equal(t, 1, f.Parked)
	require.Equal(t, int64(1), counted.n.Load()-before, "the situation is one round trip")
	require.Equal(t, map[string]int{"GET /v1/people/me/connections": 1}, w.box.GoogleFaults.Calls())
	require.Empty(t, w.box.SalesforceFaults.Calls())
}

func TestOnePollServesManyReps(t *testing.T) {
	reps := []string{"alice", "bob", "carol", "dave", "erin"}
	w := newWorld(t, reps...)
	w.bothWays("")
	for _, rep := range reps {
		w.crowd(rep, 2)
	}
	w.settle()
	for _, rep := range reps {
		w.contact(rep, fields{"LastName": "News of " + rep})
	}
	w.clock.Advance(time.Second)
	queries := func() int { return w.box.Salesforce.Calls()["query"] + w.box.Salesforce.Calls()["queryAll"] }
	before := queries()
	_, err := w.stages.PollFeed(t.Context(), feedIn)
	require.NoError(t, err)
	require.Equal(t, 1, queries()-before)
	for i, rep := range reps {
		f, err := w.stages.Fetch(t.Context(), activities.FetchIn{Org: org, Rep: rep, Pass: int64(50 + i)})
		require.NoError(t, err)
		require.Equal(t, 1, f.Observed, rep)
	}
	require.LessOrEqual(t, queries()-before, 1+len(reps), "no rep reads the CRM's changes; only their rights are asked for")
	w.converged()
}

// The polls of an org's feed apart, a change in the CRM costs one call: what its rep may see is asked for. The pass that
// meets the copy's echo costs none.
func TestChangeInTheCRMCostsOneCall(t *testing.T) {
	w := newWorld(t)
	w.connect(2000)
	w.bothWays("")
	id := w.contact("alice", with(nil))
	w.settle()
	w.clock.Advance(10 * time.Minute)
	w.editContact("alice", id, fields{"Title": "News"})
	_, err := w.stages.PollFeed(t.Context(), feedIn)
	require.NoError(t, err)
	for _, want := range []struct {
		updated int
		calls   map[string]int
	}{{1, map[string]int{"query": 1}}, {0, map[string]int{}}} {
		w.box.Salesforce.ResetCalls()
		require.Equal(t, want.updated, w.background("alice").Updated.Mailbox)
		require.Equal(t, want.calls, w.box.Salesforce.Calls())
		w.clock.Advance(10 * time.Minute)
	}
}

func TestNoValueReachesWhatAStageReturns(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	w.contact("alice", fields{"FirstName": "Secretgiven", "LastName": "Secretfamily", "Email": "secret@example.com"})
	r := w.pass("alice")
	require.Equal(t, 1, r.Created.Mailbox)
	require.NotContains(t, strings.ToLower(fmt.Sprintf("%+v", r)), "secret")
}

func TestSummaryCountsWhatWasDone(t *testing.T) {
	w := newWorld(t)
	w.bothWays(propagate)
	ids := w.crowd("alice", 5)
	adopted := w.contact("alice", with(nil))
	w.person("alice", caraPerson)
	sum := w.settle()["alice"]
	require.Equal(t, activities.Sided{Mailbox: 5}, sum.Created)
	require.Equal(t, 1, sum.Linked)
	require.Equal(t, map[planner.Reason]int{planner.ReasonCreated: 5, planner.ReasonAdopted: 1}, sum.Reasons)

	w.editContact("alice", ids[0], fields{"Title": "One side"})
	w.editContact("alice", ids[1], fields{"Title": "Both"})
	w.editPerson("alice", w.peer("alice", ids[1]), `{"phoneNumbers":[{"value":"415-555-0100","type":"work"}]}`)
	w.editContact("alice", ids[2], fields{"Title": "Crm's"})
	w.editPerson("alice", w.peer("alice", ids[2]), `{"organizations":[{"title":"Mailbox's","type":"work"}]}`)
	w.deletePerson("alice", w.peer("alice", ids[3]))
	w.editPerson("alice", w.peer("alice", adopted), `{"names":[{"givenName":"Cara"}]}`)
	r := w.pass("alice")
	require.Equal(t, activities.Sided{CRM: 1, Mailbox: 3}, r.Updated)
	require.Equal(t, activities.Sided{CRM: 1}, r.Deleted)
	require.Equal(t, 1, r.Conflicts)
	require.Equal(t, 1, r.Parked)
	require.Equal(t, map[planner.Reason]int{planner.ReasonUpdated: 1, planner.ReasonMerged: 1, planner.ReasonConflictResolved: 1,
		planner.ReasonDeleted: 1, planner.ReasonNoFamilyName: 1}, r.Reasons)
}

func TestServerWithoutALastActivityIsAskedWithoutIt(t *testing.T) {
	w := newWorld(t)
	w.box.Salesforce.RemoveField("Contact", "LastActivityDate")
	w.bothWays("")
	w.contact("alice", fields{"FirstName": "Cara", "LastName": "Crm", "Email": "cara@example.com"})
	w.person("alice", `{"names":[{"givenName":"Max","familyName":"Mailbox"}],"emailAddresses":[{"value":"max@example.com","type":"work"}]}`)
	w.converged()
	require.Len(t, w.crmContacts(), 2)
	require.Len(t, w.people("alice"), 2)
}

func TestSweepMeetsWhatNoFeedTellsOf(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	account := w.account("Acme Works")
	id := w.contact("alice", fields{"LastName": "Crm", "Email": "cara@example.com", "AccountId": account})
	w.settle()
	name := w.peer("alice", id)
	require.Equal(t, "Acme Works", w.people("alice")[name].Organizations[0].Name)
	w.clock.Advance(20 * time.Minute)
	w.contact("alice", fields{"LastName": "Later", "Email": "later@example.com"}) // moves the feed past its overlap
	w.settle()
	require.NoError(t, w.box.Salesforce.Update("Account", account, fields{"Name": "Acme Industries"}, "")) // moves no contact's stamp
	w.settle()
	require.Equal(t, "Acme Works", w.people("alice")[name].Organizations[0].Name, "no feed tells of it")
	w.clock.Advance(time.Minute)
	f, err := w.stages.Fetch(t.Context(), activities.FetchIn{Org: org, Rep: "alice", Pass: w.passes["alice"] + 1, Sweep: true})
	require.NoError(t, err)
	require.True(t, f.Work)
	for _, stage := range []stageFunc{w.stages.Filter, w.stages.Match, w.stages.Write, w.stages.PropagateDeletes, w.stages.Commit} {
		_, err := stage(t.Context(), passOf(f, "alice"))
		require.NoError(t, err)
	}
	require.Equal(t, "Acme Industries", w.people("alice")[name].Organizations[0].Name)
	w.converged()
}

// A workflow that is started again and again would put off its sweep each time. The store remembers when it was due.
func TestSweepIsDueAcrossStarts(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	w.contact("alice", fields{"LastName": "Crm", "Email": "cara@example.com"})
	w.converged()
	first := w.clock.Now().Add(-10 * time.Hour).Truncate(time.Microsecond) // as the workflow has it for a start
	fetch := func(in activities.FetchIn) activities.FetchOut {
		in.Org, in.Rep, in.Pass = org, "alice", w.passes["alice"]+1
		out, err := w.stages.Fetch(t.Context(), in)
		require.NoError(t, err)
		return out
	}
	require.True(t, first.Equal(fetch(activities.FetchIn{SweptAt: first}).SweptAt))
	again := fetch(activities.FetchIn{SweptAt: w.clock.Now()})
	require.True(t, first.Equal(again.SweptAt), "a start does not put it off")
	w.clock.Advance(14 * time.Hour)
	running := fetch(activities.FetchIn{Committed: w.passes["alice"], SweptAt: first})
	require.True(t, first.Equal(running.SweptAt), "a workflow that runs knows by itself")
	swept := fetch(activities.FetchIn{SweptAt: w.clock.Now()})
	require.True(t, swept.Work, "it was due")
	require.WithinDuration(t, w.clock.Now(), swept.SweptAt, time.Minute)
}
