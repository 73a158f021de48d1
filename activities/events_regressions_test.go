package activities_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
)

// What a review by other eyes has found in series and meetings.

func TestSeriesRetimedOverThePastEdgeKeepsItsRecords(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(narrow)
	w.event("alice", meeting("Other", w.day(1, 12, 0)))
	start := w.day(-13, 9, 0)
	id := w.event("alice", weekly("Stand-up", start, 5))
	w.settle()
	before := w.crmEvents()
	require.Len(t, before, 6)
	to := start.AddDate(0, 0, -2)
	w.editEvent("alice", id, fields{"start": at(to), "end": at(to.Add(time.Hour))})
	w.settle()
	for id, row := range before {
		require.Contains(t, keysIn(w.crmEvents()), id, "history is deleted: %v", crmTime(row, "StartDateTime"))
	}
}

func TestSeriesRetimedOverTheFutureEdgeKeepsItsRecords(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(narrow)
	w.event("alice", meeting("Other", w.day(1, 12, 0)))
	start := w.day(6, 9, 0)
	id := w.event("alice", weekly("Stand-up", start, 4))
	w.settle()
	before := w.crmEvents()
	require.Len(t, before, 5)
	to := start.AddDate(0, 0, 2)
	w.editEvent("alice", id, fields{"start": at(to), "end": at(to.Add(time.Hour))})
	w.settle()
	for id, row := range before {
		require.Contains(t, keysIn(w.crmEvents()), id, "deleted: %v", crmTime(row, "StartDateTime"))
	}
}

func TestSeriesMovedOutOfTheWindowIsNoDelete(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(narrow)
	w.event("alice", meeting("Other", w.day(1, 12, 0)))
	start := w.day(2, 9, 0)
	id := w.event("alice", weekly("Stand-up", start, 3))
	w.settle()
	require.Len(t, w.crmEvents(), 4)
	to := start.AddDate(0, 0, 60)
	w.editEvent("alice", id, fields{"start": at(to), "end": at(to.Add(time.Hour))})
	w.settle()
	require.Len(t, w.crmCalendar(), 4, "a move out of the window is no delete")
}

func TestOccurrenceOutOfSightIsNoDelete(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(wideWindow)
	w.event("alice", meeting("Other", w.day(1, 12, 0)))
	start := w.day(2, 9, 0)
	id := w.event("alice", weekly("Stand-up", start, 6))
	w.settle()
	require.Len(t, w.crmEvents(), 7)
	w.editEvent("alice", id, fields{"recurrence": []any{"RRULE:FREQ=WEEKLY;COUNT=3"}})
	w.google(fault.Rule{Method: "GET", Path: "/events/" + id + "_", Kind: fault.Status, Status: 403, Times: 100, Body: `{"error":{"errors":[{"domain":"calendar","reason":"forbidden","message":"Forbidden"}],"code":403,"message":"Forbidden"}}`})
	w.pass("alice")
	require.Len(t, w.crmCalendar(), 7, "no access is not a delete")
}

func TestOutsideSeriesRetimedAndAnotherRepAsked(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.eventsBothWays(wideWindow)
	start := w.day(2, 9, 0)
	series := func(start time.Time, more fields) fields {
		return also(also(invitation(uid, "Their demo", start), fields{"recurrence": []any{"RRULE:FREQ=WEEKLY;COUNT=4"}}), more)
	}
	w.invite("alice", series(start, fields{"attendees": guests("alice@acme.test")}))
	w.settle("alice")
	require.Len(t, w.crmEvents(), 4)
	later := start.Add(2 * time.Hour)
	w.invite("alice", series(later, fields{"attendees": guests("alice@acme.test", "bob@acme.test"), "sequence": 1}))
	w.invite("bob", series(later, fields{"attendees": guests("alice@acme.test", "bob@acme.test"), "sequence": 1}))
	w.settle("bob", "alice")
	require.Len(t, w.crmCalendar(), 4, "%v", w.crmCalendar())
}

func TestOutsideSeriesRetimedAndAnotherRepAskedLater(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.eventsBothWays(wideWindow)
	start := w.day(2, 9, 0)
	series := func(start time.Time, more fields) fields {
		return also(also(invitation(uid, "Their demo", start), fields{"recurrence": []any{"RRULE:FREQ=WEEKLY;COUNT=4"}}), more)
	}
	w.invite("alice", series(start, fields{"attendees": guests("alice@acme.test")}))
	w.settle("alice")
	later := start.Add(2 * time.Hour)
	w.invite("alice", series(later, fields{"attendees": guests("alice@acme.test", "bob@acme.test"), "sequence": 1}))
	w.settle("alice")
	require.Len(t, w.crmEvents(), 4)
	w.invite("bob", series(later, fields{"summary": "Their demo (with Bob)", "attendees": guests("alice@acme.test", "bob@acme.test"), "sequence": 2}))
	w.settle("bob", "alice")
	require.Len(t, w.crmCalendar(), 4, "%v", w.crmCalendar())
}

func TestMassDeleteDoesNotHideInSeries(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(wideWindow + "guard: {deletes: {max: 50, percent: 10}, creates: {max: 5000, first_sync: 60000}}\n")
	for i := range 3 {
		e := meeting(fmt.Sprint("Daily ", i), w.day(1, 9+i, 0))
		e["recurrence"] = []any{"RRULE:FREQ=DAILY;COUNT=60"}
		w.event("alice", e)
	}
	w.event("alice", meeting("Single", w.day(1, 15, 0)))
	w.settle()
	rows := w.crmEvents()
	require.Len(t, rows, 181)
	for id, row := range rows { // somebody's data loader
		if row["Subject"] != "Single" {
			w.deleteCRMEvent("alice", id)
		}
	}
	r := w.pass("alice")
	require.NotNil(t, r.hold, "180 of 181 linked items are deleted in the CRM, and nothing is held; calendar: %d", len(w.calendar("alice")))
}

func TestHistoryOfARetimedSeriesIsEdited(t *testing.T) {
	for _, rule := range []string{"propagate", "unlink"} {
		t.Run(rule, func(t *testing.T) {
			w := newWorld(t)
			w.eventsBothWays("  window: {past: 14d, future: 60d}\n  deletes: {from_crm: " + rule + ", from_mailbox: " + rule + "}\n")
			w.event("alice", meeting("Other", w.day(1, 12, 0)))
			start := w.day(1, 9, 0)
			id := w.event("alice", weekly("Stand-up", start, 8))
			w.settle()
			first, _ := w.crmEventOf(start)
			w.clock.Advance(30 * days)
			w.sweep("alice")
			w.settle()
			to := start.Add(2 * time.Hour)
			w.editEvent("alice", id, fields{"start": at(to), "end": at(to.Add(time.Hour))})
			w.settle()
			before := w.calendar("alice")
			w.editCRMEvent("alice", first, fields{"Description": "Minutes of the meeting"})
			w.settle()
			require.Contains(t, keysIn(w.crmEvents()), first)
			require.Equal(t, before, w.calendar("alice"), "one meeting is in the mailbox twice")
			l, ok := w.eventLink("alice", record.CRM, first)
			require.True(t, ok)
			require.Equal(t, planner.Active, l.State, "what left the window stays linked")
		})
	}
}

func TestEventsSwitchedOffWhileASeriesWaits(t *testing.T) {
	w := newWorld(t)
	w.connect(2)
	w.eventsBothWays(wideWindow)
	for i := range 5 {
		w.event("alice", weekly(fmt.Sprint("Series ", i), w.day(1+i, 9, 0), 2))
	}
	w.google(fault.Rule{Method: "GET", Path: "/events", Query: "pageToken", Kind: fault.Status, Status: 503, Times: 40})
	r, err := w.try("alice", "")
	t.Log(r.fetch.Trouble, err)
	require.NotNil(t, r.fetch.Trouble)
	w.box.GoogleFaults.Clear()
	w.policy("name: test\norg: acme\nassign: {profiles: [Field Sales]}\ncontacts: {direction: both}\nevents: {direction: off}\n")
	w.clock.Advance(time.Hour)
	w.settle()
}

func TestNativeOccurrenceDeletedInTheMailbox(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays("  window: {past: 30d, future: 359d}\n  deletes: {from_crm: propagate, from_mailbox: propagate}\n")
	w.event("alice", meeting("Other", w.day(1, 12, 0)))
	start := w.day(2, 9, 0)
	weekday := []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}[start.Weekday()]
	series, err := w.box.Salesforce.AddSeries(w.users["alice"], "RRULE:FREQ=WEEKLY;BYDAY="+weekday+";COUNT=4", also(crmMeeting("Pipeline", start), fields{"Recurrence2PatternTimeZone": berlin}))
	require.NoError(t, err)
	w.settle()
	m := w.masters("alice")[0]
	w.deleteEvent("alice", instance(m["id"].(string), start.AddDate(0, 0, 7)))
	w.settle()
	n := 0
	for _, id := range w.box.Salesforce.Occurrences(series) {
		if _, ok := w.crmEvents()[id]; ok {
			n++
		}
	}
	require.Equal(t, 3, n, "docs/decisions/0005: deleting one occurrence in the mailbox deletes its row where the policy carries deletes over")
}

func TestSeriesThatCannotBeReadLosesNothing(t *testing.T) {
	for _, rule := range []string{"propagate", "unlink"} {
		t.Run(rule, func(t *testing.T) {
			w := newWorld(t)
			w.eventsBothWays("  window: {past: 30d, future: 359d}\n  deletes: {from_mailbox: " + rule + "}\n")
			w.event("alice", meeting("Other", w.day(1, 12, 0)))
			w.event("alice", meeting("Other 2", w.day(1, 15, 0)))
			id := w.event("alice", weekly("Stand-up", w.day(-13, 9, 0), 8))
			w.settle()
			require.Len(t, w.crmEvents(), 10)
			require.NoError(t, w.store.RequestReread(t.Context(), org, "alice"))
			// A zone that is newer than our zone database, as Google would write it: without an offset that helps.
			w.showing(`{"id":"` + id + `","etag":"\"1\"","status":"confirmed","summary":"Stand-up","iCalUID":"x@y","updated":"` + w.clock.Now().UTC().Format(time.RFC3339) + `","recurrence":["RRULE:FREQ=WEEKLY;COUNT=8"],"start":{"dateTime":"2026-11-09T09:00:00","timeZone":"Mars/Olympus"},"end":{"dateTime":"2026-11-09T10:00:00","timeZone":"Mars/Olympus"}}`)
			for range 3 {
				w.pass("alice")
			}
			require.Len(t, w.crmCalendar(), 10, "nothing was deleted by anybody")
			w.clock.Advance(time.Hour)
			w.settle()
			require.Equal(t, 10, w.activeLinks("alice"), "the series is readable again, and not linked any more")
		})
	}
}

func TestAdoptedRecordOfAnOutsideMeetingIsClaimed(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.eventsBothWays(carried)
	start := w.day(3, 9, 0)
	w.crmEvent("alice", crmMeeting("Their demo", start))
	w.invite("alice", also(invitation(uid, "Their demo", start), fields{"attendees": guests("alice@acme.test")}))
	w.settle("alice")
	require.Len(t, w.crmEvents(), 1, "adopted")
	more := fields{"sequence": 1, "summary": "Their demo, now with Bob", "attendees": guests("alice@acme.test", "bob@acme.test")}
	w.invite("alice", also(invitation(uid, "", start), more))
	w.invite("bob", also(invitation(uid, "", start), more))
	w.settle("bob", "alice")
	require.Len(t, w.crmCalendar(), 1, "%v", w.crmCalendar())
}

func TestLostDeleteOfAnOccurrenceThatIsRetimedMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(wideWindow)
	w.event("alice", meeting("Other", w.day(1, 12, 0)))
	start := w.day(2, 9, 0)
	id := w.event("alice", weekly("Stand-up", start, 4))
	w.settle()
	row, _ := w.crmEventOf(start.AddDate(0, 0, 7))
	w.deleteCRMEvent("alice", row)
	rule := w.google(fault.Rule{Method: "DELETE", Path: "/events/", Kind: fault.Drop})
	w.pass("alice")
	w.box.GoogleFaults.Remove(rule)
	w.editEvent("alice", id, fields{"start": at(start.Add(time.Hour)), "end": at(start.Add(2 * time.Hour))})
	w.clock.Advance(time.Minute)
	w.settle()
	require.Equal(t, w.crmCalendar(), w.calendar("alice"), "the delete is carried over")
}
