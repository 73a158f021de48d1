package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// passWith runs a pass, and does something just before one of its stages: 2 Match, 3 Write, 4 PropagateDeletes.
func (w *world) passWith(rep string, before int, do func()) {
	w.t.Helper()
	w.clock.Advance(time.Second)
	f, err := w.stages.Fetch(w.t.Context(), activities.FetchIn{Org: org, Rep: rep, Pass: w.passes[rep] + 1, Fresh: true})
	require.NoError(w.t, err)
	w.passes[rep] = f.Pass
	for i, stage := range []stageFunc{w.stages.Filter, w.stages.Match, w.stages.Write, w.stages.PropagateDeletes, w.stages.Commit} {
		if i+1 == before {
			do()
		}
		_, err := stage(w.t.Context(), passOf(f, rep))
		require.NoError(w.t, err)
	}
}

func TestAdoptedEventBecomesPrivateUnderBusy(t *testing.T) {
	for _, private := range []string{"mailbox", "crm"} {
		t.Run("in the "+private, func(t *testing.T) {
			w := newWorld(t)
			w.eventsBothWays(carried + "  private: busy\n")
			start := w.day(3, 9, 0)
			crm := w.crmEvent("alice", also(crmMeeting("Demo", start), fields{"Location": "Room 4", "Description": "The CRM's own notes"}))
			id := w.event("alice", also(meeting("Demo", start), fields{"location": "Room 4", "description": "The CRM's own notes"}))
			w.settle()
			require.Len(t, w.crmEvents(), 1)
			require.Len(t, w.calendar("alice"), 1)
			if private == "mailbox" {
				w.editEvent("alice", id, fields{"visibility": "private"})
			} else {
				w.editCRMEvent("alice", crm, fields{"IsPrivate": true})
			}
			w.settle()
			t.Log(w.crmEvents()[crm]["Subject"], w.crmEvents()[crm]["Location"], w.googleEvent("alice", id)["summary"], w.googleEvent("alice", id)["location"])
			require.Equal(t, "The CRM's own notes", w.crmEvents()[crm]["Description"])
			require.Equal(t, "The CRM's own notes", w.googleEvent("alice", id)["description"])
		})
	}
}

func TestReassignedRowOfASeriesThatIsRetimed(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.eventsBothWays(wideWindow)
	w.deactivate("bob", false)
	start := w.day(2, 9, 0)
	id := w.event("alice", weekly("Stand-up", start, 4))
	w.settle("alice")
	row, _ := w.crmEventOf(start.AddDate(0, 0, 7))
	w.clock.Advance(time.Second)
	require.NoError(t, w.box.Salesforce.Update("Event", row, fields{"OwnerId": w.users["bob"]}, ""))
	w.settle("alice")
	require.Len(t, w.crmEvents(), 4)
	w.editEvent("alice", id, fields{"location": "Room 9"})
	w.settle("alice")
	require.Len(t, w.crmEvents(), 4, "without a retime")
	w.editEvent("alice", id, fields{"start": at(start.Add(time.Hour)), "end": at(start.Add(2 * time.Hour))})
	w.settle("alice")
	require.Len(t, w.crmCalendar(), 4, "%v", w.crmCalendar())
}

func TestCutSeriesLeavesWhatWasLeft(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(wideWindow + "  on_filter_exit: keep\n  exclude: {addresses: [spy@else.example]}\n")
	w.event("alice", meeting("Other", w.day(1, 12, 0)))
	start := w.day(2, 9, 0)
	e := meeting("Daily", start)
	e["recurrence"] = []any{"RRULE:FREQ=DAILY;COUNT=6"}
	id := w.event("alice", e)
	w.settle()
	require.Len(t, w.crmEvents(), 7)
	third := start.AddDate(0, 0, 2)
	w.editEvent("alice", instance(id, third), fields{"attendees": guests("spy@else.example")})
	w.settle()
	require.Len(t, w.crmEvents(), 7, "kept")
	w.editEvent("alice", id, fields{"recurrence": []any{"RRULE:FREQ=DAILY;COUNT=3"}})
	w.settle()
	seen := map[string]bool{}
	for _, line := range w.crmCalendar() {
		require.False(t, seen[line], "two records of one occurrence: %v", w.crmCalendar())
		seen[line] = true
	}
	require.Len(t, w.crmCalendar(), 4, "%v", w.crmCalendar())
}

func TestParkedOccurrenceOfARetimedSeries(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays("  window: {past: 30d, future: 200d}\n  deletes: {from_crm: review, from_mailbox: propagate}\n")
	start := w.day(2, 9, 0)
	id := w.event("alice", weekly("Stand-up", start, 4))
	w.settle()
	row, _ := w.crmEventOf(start.AddDate(0, 0, 7))
	w.deleteCRMEvent("alice", row)
	w.settle()
	w.clock.Advance(2 * time.Minute)
	w.settle()
	t.Log(w.parked("alice"))
	w.editEvent("alice", id, fields{"start": at(start.Add(time.Hour)), "end": at(start.Add(2 * time.Hour))})
	w.settle()
	t.Log(w.parked("alice"))
	w.clock.Advance(24 * time.Hour)
	w.settle()
	t.Log(w.parked("alice"))
	n := 0
	for _, list := range w.parked("alice") {
		n += len(list)
	}
	require.LessOrEqual(t, n, 2)
}

func TestSeriesRetimedInTheMiddleOfAPass(t *testing.T) {
	for name, stage := range map[string]int{"before Match": 2, "before Write": 3} {
		for _, rule := range []string{"propagate", "unlink"} {
			t.Run(name+", "+rule, func(t *testing.T) {
				w := newWorld(t)
				w.eventsBothWays("  window: {past: 30d, future: 200d}\n  deletes: {from_crm: propagate, from_mailbox: " + rule + "}\n")
				start := w.day(2, 9, 0)
				id := w.event("alice", weekly("Stand-up", start, 4))
				w.settle()
				row, _ := w.crmEventOf(start.AddDate(0, 0, 7))
				w.editCRMEvent("alice", row, fields{"Location": "Room 9"})
				w.passWith("alice", stage, func() {
					w.editEvent("alice", id, fields{"start": at(start.Add(time.Hour)), "end": at(start.Add(2 * time.Hour))})
				})
				w.clock.Advance(time.Minute)
				w.settle()
				require.Len(t, w.calendar("alice"), 4, "%v", w.calendar("alice"))
				require.Equal(t, w.crmCalendar(), w.calendar("alice"))
				w.oneLinkEach("alice")
				l, _ := w.eventLink("alice", record.CRM, row)
				require.Contains(t, l.Mailbox.ID, id+"#")
			})
		}
	}
}

func TestSeriesRetimedBeforeADeleteIsSent(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(wideWindow)
	start := w.day(2, 9, 0)
	id := w.event("alice", weekly("Stand-up", start, 4))
	w.settle()
	row, _ := w.crmEventOf(start.AddDate(0, 0, 7))
	w.deleteCRMEvent("alice", row)
	w.passWith("alice", 4, func() {
		w.editEvent("alice", id, fields{"start": at(start.Add(time.Hour)), "end": at(start.Add(2 * time.Hour))})
	})
	w.clock.Advance(time.Minute)
	w.settle()
	require.Equal(t, w.crmCalendar(), w.calendar("alice"), "the delete is carried over")
}

// One rep's window, or answer, reaches less of an outside series than another's.
func TestOutsideSeriesOfWhichAnotherRepHoldsAPart(t *testing.T) {
	series := func(start time.Time) fields {
		return also(invitation(uid, "Their series", start), fields{"recurrence": []any{"RRULE:FREQ=WEEKLY;COUNT=6"}})
	}
	policyOf := func(w *world, rep, more string) {
		_, err := w.store.ApplyPolicy(t.Context(), org, rep, []byte("name: "+rep+"\norg: acme\nassign: {reps: ["+rep+"]}\ncontacts: {direction: off}\nevents:\n  direction: both\n"+more))
		require.NoError(t, err)
	}
	later := func(w *world) { // the other rep's copy may be about to follow a change
		for range 3 {
			w.clock.Advance(20 * time.Minute)
			w.settle("bob", "alice")
		}
	}
	t.Run("a shorter window", func(t *testing.T) {
		w := newWorld(t, "alice", "bob")
		policyOf(w, "alice", "  window: {past: 14d, future: 10d}\n")
		policyOf(w, "bob", "  window: {past: 14d, future: 100d}\n")
		start := w.day(2, 9, 0)
		w.invite("alice", series(start))
		w.invite("bob", series(start))
		w.settle("alice", "bob")
		later(w)
		require.Len(t, w.crmCalendar(), 6, "%v", w.crmCalendar())
	})
	t.Run("the first rep has declined the later ones", func(t *testing.T) {
		w := newWorld(t, "alice", "bob")
		policyOf(w, "alice", "  window: {past: 14d, future: 100d}\n")
		policyOf(w, "bob", "  window: {past: 14d, future: 100d}\n")
		start := w.day(2, 9, 0)
		id := w.invite("alice", series(start))
		for n := 1; n < 6; n++ {
			w.editEvent("alice", instance(id, start.AddDate(0, 0, 7*n)), fields{"attendees": guests("alice@acme.test declined")})
		}
		w.settle("alice")
		require.Len(t, w.crmCalendar(), 1)
		w.invite("bob", series(start))
		w.settle("bob", "alice")
		later(w)
		require.Len(t, w.crmCalendar(), 6, "%v", w.crmCalendar())
	})
}

// "This and following", two days later: the last one inside the window goes over its edge.
func TestSplitAndRetimedOverTheFutureEdge(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(narrow)
	w.event("alice", meeting("Other", w.day(1, 12, 0)))
	start := w.day(6, 9, 0)
	id := w.event("alice", weekly("Stand-up", start, 0))
	w.settle()
	before := keysIn(w.crmEvents())
	require.Len(t, before, 5)
	w.clock.Advance(time.Second)
	to := start.AddDate(0, 0, 16)
	_, err := w.box.Google.SplitSeries(address("alice"), id, start.AddDate(0, 0, 14), fields{"start": at(to), "end": at(to.Add(time.Hour))})
	require.NoError(t, err)
	w.settle()
	for _, id := range before {
		require.Contains(t, keysIn(w.crmEvents()), id, "a move over the window's edge is no delete: %v", w.crmCalendar())
	}
}

// One weekday of two is moved; the series' oldest record inside the window goes behind its edge.
func TestOneWeekdayOfTwoIsMovedOverThePastEdge(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(narrow)
	w.event("alice", meeting("Other", w.day(1, 12, 0)))
	start := w.day(-13, 9, 0)
	second := dayNames[start.AddDate(0, 0, 3).Weekday()]
	e := meeting("Stand-up", start)
	e["recurrence"] = []any{"RRULE:FREQ=WEEKLY;BYDAY=" + dayNames[start.Weekday()] + "," + second + ";COUNT=12"}
	id := w.event("alice", e)
	w.settle()
	before := keysIn(w.crmEvents())
	to := start.AddDate(0, 0, -2)
	w.editEvent("alice", id, fields{"start": at(to), "end": at(to.Add(time.Hour)), "recurrence": []any{"RRULE:FREQ=WEEKLY;BYDAY=" + dayNames[to.Weekday()] + "," + second + ";COUNT=12"}})
	w.settle()
	for _, id := range before {
		require.Contains(t, keysIn(w.crmEvents()), id, "a move over the window's edge is no delete: %v", w.crmCalendar())
	}
}

// An occurrence whose delete waits for a review is known to be gone, however its series is changed afterwards: an edit of its
// record does not send pass after pass to look where it went.
func TestReviewedDeleteOfAnOccurrenceEndsThePass(t *testing.T) {
	for name, change := range map[string]func(w *world, id string, last time.Time){
		"cancelled, then the series is touched": func(w *world, id string, last time.Time) {
			w.deleteEvent("alice", instance(id, last))
			w.settle()
			w.editEvent("alice", id, fields{"location": "Room 2"})
		},
		"cancelled and touched at once": func(w *world, id string, last time.Time) {
			w.deleteEvent("alice", instance(id, last))
			w.editEvent("alice", id, fields{"location": "Room 2"})
		},
		"the series is cut": func(w *world, id string, _ time.Time) {
			w.editEvent("alice", id, fields{"recurrence": []any{"RRULE:FREQ=WEEKLY;COUNT=3"}})
		},
		"excepted by the rule": func(w *world, id string, last time.Time) {
			w.editEvent("alice", id, fields{"recurrence": []any{"RRULE:FREQ=WEEKLY;COUNT=4", "EXDATE:" + last.UTC().Format("20060102T150405Z")}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.eventPolicy("both", "  deletes: {from_mailbox: review}\n")
			start := w.day(2, 9, 0)
			last := start.AddDate(0, 0, 21)
			id := w.event("alice", weekly("Stand-up", start, 4))
			w.settle()
			record, _ := w.crmEventOf(last)
			change(w, id, last)
			w.settle()
			require.Len(t, w.parked("alice")[planner.ReasonDeleteReview], 1)
			w.editCRMEvent("alice", record, fields{"Subject": "Stand-up, moved"})
			w.converged()
			require.Len(t, w.parked("alice")[planner.ReasonDeleteReview], 1)
			require.Contains(t, w.crmEvents(), record)
		})
	}
}
