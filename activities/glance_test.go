package activities_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/sandbox/fault"
)

func (w *world) glance(rep string) activities.FetchOut {
	w.t.Helper()
	out, err := w.stages.Glance(w.t.Context(), activities.FetchIn{Org: org, Rep: rep, Pass: w.passes[rep] + 1, Committed: w.committed[rep]})
	require.NoError(w.t, err)
	require.Nil(w.t, out.Trouble)
	return out
}

// What a glance says of an idle pass is what Fetch says of it, at the cost of one look at the store and one call a kind.
func TestGlanceAtAnIdlePass(t *testing.T) {
	w := newWorld(t)
	w.policy("name: both\norg: acme\nassign: {profiles: [Field Sales]}\ncontacts: {direction: both}\nevents: {direction: both}\n")
	w.contact("alice", with(nil))
	w.person("alice", `{"names":[{"givenName":"Nameless"}]}`) // parked
	w.settle()
	for range 3 { // what was written is shown
		w.clock.Advance(5 * time.Minute)
		w.background("alice")
	}
	require.Len(t, w.parked("alice"), 1)
	w.glance("alice") // prepares the statements
	counted := countTrips(t, w)
	w.glance("alice")
	w.box.GoogleFaults.Reset()
	w.box.SalesforceFaults.Reset()
	before, rows := counted.n.Load(), w.rows()
	got := w.glance("alice")
	require.Equal(t, int64(1), counted.n.Load()-before, "the situation is one round trip")
	require.Equal(t, rows, w.rows())
	calls := w.box.GoogleFaults.Calls()
	require.Len(t, calls, 2, "%v", calls)
	for path, n := range calls {
		require.Equal(t, 1, n, path)
	}
	require.Empty(t, w.box.SalesforceFaults.Calls())
	require.False(t, got.News)
	fetched, err := w.stages.Fetch(t.Context(), activities.FetchIn{Org: org, Rep: "alice", Pass: w.passes["alice"] + 1, Committed: w.committed["alice"]})
	require.NoError(t, err)
	require.Equal(t, fetched, got)
}

// Whatever a pass would have to do, and whatever a glance cannot tell, is left to Fetch.
func TestGlanceLeavesWhatIsNewToFetch(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world, id, name string)
		want   bool // Fetch finds work, or trouble
	}{
		"nothing":              {func(*world, string, string) {}, false},
		"an edit in the CRM":   {func(w *world, id, _ string) { w.editContact("alice", id, fields{"Title": "New"}); w.polled() }, true},
		"another rep's record": {func(w *world, _, _ string) { w.contact("bob", with(nil)); w.polled() }, false},
		"a new record":         {func(w *world, _, _ string) { w.contact("alice", fields{"LastName": "New"}); w.polled() }, true},
		"a deleted record":     {func(w *world, id, _ string) { w.deleteContact("alice", id); w.polled() }, true},
		"an edit in the mailbox": {func(w *world, _, name string) {
			w.editPerson("alice", name, `{"organizations":[{"title":"Mine","type":"work"}]}`)
		}, true},
		"a new person":     {func(w *world, _, _ string) { w.person("alice", `{"names":[{"givenName":"A","familyName":"B"}]}`) }, true},
		"a deleted person": {func(w *world, _, name string) { w.deletePerson("alice", name) }, true},
		"another policy":   {func(w *world, _, _ string) { w.bothWays("guard: {creates: {max: 7}}\n") }, true},
		"a mailbox that fails": {func(w *world, _, _ string) {
			w.google(fault.Rule{Kind: fault.Status, Path: "connections", Status: 503})
		}, true},
		"a pass that was cut": {func(w *world, id, _ string) { w.editContact("alice", id, fields{"Title": "New"}); w.upTo("alice", 3) }, true},
		"a parked item that is due": {func(w *world, _, _ string) {
			w.person("alice", `{"names":[{"givenName":"Nameless"}]}`)
			w.converged("alice")
			require.NotEmpty(w.t, w.parked("alice")[planner.ReasonNoFamilyName])
			w.clock.Advance(25 * time.Hour)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "alice", "bob")
			w.bothWays("")
			id := w.contact("alice", with(nil))
			w.settle()
			w.converged()
			c.change(w, id, w.peer("alice", id))
			got := w.glance("alice")
			fetched, err := w.stages.Fetch(t.Context(), activities.FetchIn{Org: org, Rep: "alice", Pass: w.passes["alice"] + 1, Committed: w.committed["alice"]})
			require.NoError(t, err)
			require.Equal(t, c.want, fetched.Work || fetched.Trouble != nil)
			require.Equal(t, c.want, got.News)
		})
	}
}

// polled reads what has changed in the CRM into the org's log.
func (w *world) polled() {
	w.t.Helper()
	w.clock.Advance(time.Second)
	_, err := w.stages.PollFeed(w.t.Context(), feedIn)
	require.NoError(w.t, err)
}

// Opening what is staged is most of what Filter and Match do: the one looks over it once, the other twice.
func TestWhatIsStagedIsLookedOverThreeTimes(t *testing.T) {
	w := newWorld(t)
	w.policy("name: both\norg: acme\nassign: {profiles: [Field Sales]}\ncontacts: {direction: both}\nevents: {direction: both}\n")
	w.contact("alice", with(nil))
	w.crmEvent("alice", crmMeeting("Visit", w.day(3, 9, 0)))
	counted := countTrips(t, w)
	w.upTo("alice", 1)
	f, err := w.stages.Fetch(t.Context(), activities.FetchIn{Org: org, Rep: "alice", Pass: w.passes["alice"] + 1, Fresh: true})
	require.NoError(t, err)
	for _, c := range []struct {
		stage stageFunc
		looks int64
	}{{w.stages.Filter, 1}, {w.stages.Match, 2}} {
		before := counted.pages.Load()
		_, err := c.stage(t.Context(), passOf(f, "alice"))
		require.NoError(t, err)
		require.Equal(t, 2*2*c.looks, counted.pages.Load()-before, "a page of either kind, and one that says that there is no other")
	}
}

// What has to be seen of meetings before they are decided on is read for all of them together.
func TestChangedMeetingsAreReadInOneBatch(t *testing.T) {
	w := newWorld(t)
	w.policy("name: both\norg: acme\nassign: {profiles: [Field Sales]}\ncontacts: {direction: both}\nevents: {direction: both, conflict: newest}\n")
	who := w.contact("alice", with(nil))
	var ids []string
	for n := range 20 {
		ids = append(ids, w.crmEvent("alice", also(crmMeeting("Visit", w.day(3+n, 9, 0)), fields{"WhoId": who})))
	}
	w.settle()
	w.clock.Advance(10 * time.Minute)
	w.converged()
	for some := range slices.Chunk(ids, 10) { // the second pass meets the echoes of the first
		for n, id := range some {
			if n%2 == 0 {
				w.editCRMEvent("alice", id, fields{"Location": "Room 9"})
			} else {
				w.editEvent("alice", w.eventPeer("alice", id), fields{"location": "Room 7"})
			}
		}
		w.box.Google.ResetCalls()
		require.Equal(t, activities.Sided{CRM: 5, Mailbox: 5}, w.pass("alice").Updated)
	}
	calls, parts := w.box.Google.Calls(), w.box.Google.Parts()
	require.Equal(t, calls["events.get"], parts["events.get"], "none of them alone: %v", calls)
	require.LessOrEqual(t, calls["batch"], 4, "to decide, twice; before the writes; the writes: %v", calls)
}
