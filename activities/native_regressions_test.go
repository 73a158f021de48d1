package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// nativeWeekly makes a weekly series of one hour in the CRM and returns the id of its record. more follows the rule: ";COUNT=4".
func (w *world) nativeWeekly(start time.Time, more string) string {
	w.t.Helper()
	id, err := w.box.Salesforce.AddSeries(w.users["alice"], "RRULE:FREQ=WEEKLY;BYDAY="+dayNames[start.Weekday()]+more, also(crmMeeting("Pipeline", start), fields{"Recurrence2PatternTimeZone": berlin}))
	require.NoError(w.t, err)
	return id
}

// nativeStarts lists when the CRM's events start, records of series apart.
func (w *world) nativeStarts() map[string]bool {
	out := map[string]bool{}
	for _, r := range w.crmEvents() {
		if r["GroupEventType"] != "3" {
			out[crmTime(r, "StartDateTime")] = true
		}
	}
	return out
}

// mailboxStarts lists when the events of a rep's calendar start.
func (w *world) mailboxStarts(rep string) map[string]bool {
	out := map[string]bool{}
	for _, line := range w.calendar(rep) {
		out[line[:len("2006-01-02T15:04")]] = true
	}
	return out
}

// sweeps lets days pass, with everything read anew on each.
func (w *world) sweeps(n int) {
	w.t.Helper()
	for range n {
		w.clock.Advance(1 * days)
		require.NoError(w.t, w.store.RequestReread(w.t.Context(), org, "alice"))
		w.settle()
	}
}

func inDirections(t *testing.T, test func(t *testing.T, direction string)) {
	for _, direction := range []string{"both", "crm_to_mailbox"} {
		t.Run(direction, func(t *testing.T) { test(t, direction) })
	}
}

func TestDeletedRowOfANativeSeriesStaysDeletedAsItsSlotEntersTheWindow(t *testing.T) {
	inDirections(t, func(t *testing.T, direction string) {
		w := newWorld(t)
		w.eventPolicy(direction, "  window: {past: 14d, future: 28d}\n")
		start := w.day(2, 9, 0)
		series := w.nativeWeekly(start, ";COUNT=8")
		w.settle()
		w.deleteCRMEvent("alice", w.box.Salesforce.Occurrences(series)[5])
		w.settle()
		w.sweeps(14)
		gone := utc(start.AddDate(0, 0, 35))
		require.False(t, w.nativeStarts()[gone], "the CRM has again what was deleted there")
		require.False(t, w.mailboxStarts("alice")[gone], "the mailbox still has what the CRM deleted")
		require.True(t, w.mailboxStarts("alice")[utc(start.AddDate(0, 0, 28))])
		require.Len(t, w.nativeStarts(), 7)
	})
}

func TestDeletedNativeSeriesStaysDeletedAsItsSlotsEnterTheWindow(t *testing.T) {
	inDirections(t, func(t *testing.T, direction string) {
		w := newWorld(t)
		w.eventPolicy(direction, "  window: {past: 14d, future: 28d}\n")
		other := w.day(1, 12, 0)
		w.crmEvent("alice", crmMeeting("Other", other))
		series := w.nativeWeekly(w.day(2, 9, 0), ";COUNT=8")
		w.settle()
		for _, id := range append(w.box.Salesforce.Occurrences(series), series) {
			w.deleteCRMEvent("alice", id)
		}
		w.settle()
		w.sweeps(14)
		require.Equal(t, map[string]bool{utc(other): true}, w.nativeStarts(), "the CRM has again what was deleted there")
		require.False(t, w.mailboxStarts("alice")[utc(w.day(2+35-14, 9, 0))], "the mailbox still has what the CRM deleted")
	})
}

func TestDeletedRowOfANativeSeriesStaysDeletedAfterATokenLoss(t *testing.T) {
	inDirections(t, func(t *testing.T, direction string) {
		w := newWorld(t)
		w.eventPolicy(direction, "  window: {past: 30d, future: 359d}\n")
		series := w.nativeWeekly(w.day(2, 9, 0), ";COUNT=4")
		w.deleteCRMEvent("alice", w.box.Salesforce.Occurrences(series)[2])
		w.pass("alice") // makes the copy
		require.Len(t, w.masters("alice"), 1)
		w.box.Google.ExpireCalendarTokens("")
		w.settle()
		require.Len(t, w.nativeStarts(), 3, "a meeting that was deleted in the CRM is there again")
		require.Len(t, w.calendar("alice"), 3, "and in the mailbox")
	})
}

func TestOccurrencesThatTheRepAddsToANativeCopyStay(t *testing.T) {
	inDirections(t, func(t *testing.T, direction string) {
		w := newWorld(t)
		w.eventPolicy(direction, "  window: {past: 30d, future: 359d}\n")
		start := w.day(2, 9, 0)
		day := dayNames[start.Weekday()]
		series := w.nativeWeekly(start, ";COUNT=6")
		w.settle()
		m := w.masters("alice")[0]
		w.editEvent("alice", m["id"].(string), fields{"recurrence": []any{"RRULE:FREQ=WEEKLY;BYDAY=" + day + "," + dayNames[start.AddDate(0, 0, 2).Weekday()] + ";COUNT=12"}})
		require.Len(t, w.calendar("alice"), 12)
		w.clock.Advance(time.Second)
		require.NoError(t, w.box.Salesforce.ChangeSeries(series, start.AddDate(0, 0, 30), "RRULE:FREQ=WEEKLY;BYDAY="+day+";COUNT=3", nil))
		w.settle()
		for week := range 6 {
			own := utc(start.AddDate(0, 0, 7*week+2))
			require.True(t, w.mailboxStarts("alice")[own], "what the rep added is deleted: %v", w.calendar("alice"))
			require.Equal(t, direction == "both", w.nativeStarts()[own], "what the rep added is an event like any other")
		}
	})
}

// The pattern says nothing of slots that the rep moved: they are left alone, and not made in the CRM.
func TestDeletedRowOfANativeSeriesStaysDeletedWhereTheRepRetimedTheCopy(t *testing.T) {
	inDirections(t, func(t *testing.T, direction string) {
		w := newWorld(t)
		w.eventPolicy(direction, "  window: {past: 14d, future: 28d}\n")
		start := w.day(2, 9, 0)
		series := w.nativeWeekly(start, ";COUNT=8")
		w.settle()
		later := start.Add(time.Hour)
		w.editEvent("alice", w.masters("alice")[0]["id"].(string), fields{"start": at(later), "end": at(later.Add(time.Hour))})
		w.settle()
		w.deleteCRMEvent("alice", w.box.Salesforce.Occurrences(series)[5])
		w.settle()
		w.sweeps(21)
		require.Len(t, w.nativeStarts(), 7, "%v", w.nativeStarts())
		require.LessOrEqual(t, len(w.calendar("alice")), 8, "a meeting is there twice: %v", w.calendar("alice"))
	})
}

// An edit of the copy unrolls it at once, before the CRM's rows are read anew.
func TestSlotOfANativeCopyThatEntersTheWindowBeforeItsRowIsLinked(t *testing.T) {
	inDirections(t, func(t *testing.T, direction string) {
		w := newWorld(t)
		w.eventPolicy(direction, "  window: {past: 14d, future: 28d}\n")
		start := w.day(2, 9, 0)
		series := w.nativeWeekly(start, ";COUNT=8")
		w.settle()
		w.clock.Advance(8 * days)
		w.editEvent("alice", w.masters("alice")[0]["id"].(string), fields{"location": "Room 9"})
		w.settle()
		require.Len(t, w.calendar("alice"), 8, "%v", w.calendar("alice"))
		_, ok := w.eventLink("alice", record.CRM, w.box.Salesforce.Occurrences(series)[4])
		require.True(t, ok)
		w.sweeps(14)
		require.Len(t, w.calendar("alice"), 8, "%v", w.calendar("alice"))
		require.Len(t, w.nativeStarts(), 8)
	})
}

// Rows of a series that is another rep's by now are not deleted rows.
func TestNativeSeriesGivenToAnotherRepLeavesTheCopysLaterSlotsAlone(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.eventPolicy("both", "  window: {past: 14d, future: 28d}\n  on_filter_exit: keep\n")
	start := w.day(2, 9, 0)
	series := w.nativeWeekly(start, ";COUNT=8")
	w.settle("alice")
	for _, id := range append(w.box.Salesforce.Occurrences(series), series) {
		w.clock.Advance(time.Second)
		require.NoError(t, w.box.Salesforce.EditOccurrence(id, fields{"OwnerId": w.users["bob"]}, w.users["alice"]))
	}
	w.sweeps(14)
	require.Len(t, w.nativeStarts(), 8, "%v", w.nativeStarts())
	require.Len(t, w.calendar("alice"), 8, "%v", w.calendar("alice"))
}

// What the policy has let go of is not a slot without a row.
func TestOccurrenceOfANativeCopyThatWasLetGoStays(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.eventsBothWays("  window: {past: 30d, future: 359d}\n  on_filter_exit: keep\n")
	start := w.day(2, 9, 0)
	series := w.nativeWeekly(start, ";COUNT=6")
	w.settle()
	rows := w.box.Salesforce.Occurrences(series)
	w.clock.Advance(time.Second)
	require.NoError(t, w.box.Salesforce.EditOccurrence(rows[2], fields{"OwnerId": w.users["bob"]}, w.users["alice"]))
	w.settle()
	l, ok := w.eventLink("alice", record.CRM, rows[2])
	require.True(t, ok)
	require.Equal(t, planner.Left, l.State)
	w.clock.Advance(time.Second)
	require.NoError(t, w.box.Salesforce.ChangeSeries(series, start.AddDate(0, 0, 30), "RRULE:FREQ=WEEKLY;BYDAY="+dayNames[start.Weekday()]+";COUNT=3", nil))
	w.sweeps(1)
	require.True(t, w.mailboxStarts("alice")[utc(start.AddDate(0, 0, 14))], "%v", w.calendar("alice"))
}

func TestNativeSeriesThatEndedBeforeTheWindowIsNotCopied(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(narrow)
	series := w.nativeWeekly(w.day(-100, 9, 0), ";COUNT=4")
	w.settle()
	list, err := w.box.Google.Calendar(address("alice")).List(map[string][]string{"maxResults": {"2500"}})
	require.NoError(t, err)
	require.Empty(t, list, "what lies outside of the window is not created")
	require.Equal(t, planner.ReasonOutsideWindow, w.eventReason("alice", series))
}

func TestNativeSeriesThatBeganBeforeTheWindowIsCopiedFromThere(t *testing.T) {
	for name, count := range map[string]string{"so many": ";COUNT=20", "until a day": ";UNTIL=20270301T000000Z"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.eventsBothWays(narrow)
			start := w.day(-63, 9, 0)
			series := w.nativeWeekly(start, count)
			rows := w.box.Salesforce.Occurrences(series)
			w.deleteCRMEvent("alice", rows[1])
			w.settle()
			m := w.masters("alice")
			require.Len(t, m, 1)
			first := start.AddDate(0, 0, 49)
			if first.Before(w.clock.Now().Add(-14 * days)) {
				first = first.AddDate(0, 0, 7)
			}
			require.Equal(t, utc(first), when(m[0]["start"])[:16])
			require.Len(t, w.nativeStarts(), len(rows)-1)
			w.sweeps(3)
			for at := range w.mailboxStarts("alice") {
				require.True(t, w.nativeStarts()[at], "%s is not in the CRM", at)
			}
			last := crmTime(w.crmEvents()[rows[len(rows)-1]], "StartDateTime")
			require.True(t, w.mailboxStarts("alice")[last], "it ends when the CRM's ends")
			require.False(t, w.mailboxStarts("alice")[utc(start.AddDate(0, 0, 7*len(rows)))], "it ends when the CRM's ends")
		})
	}
}

func TestNativeSeriesEntersTheWindow(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(narrow)
	start := w.day(35, 9, 0)
	series := w.nativeWeekly(start, ";COUNT=4")
	w.settle()
	require.Empty(t, w.masters("alice"))
	w.sweeps(10)
	require.Len(t, w.masters("alice"), 1, "one series")
	require.Len(t, w.calendar("alice"), 4)
	require.Len(t, w.nativeStarts(), 4)
	_, ok := w.eventLink("alice", record.CRM, w.box.Salesforce.Occurrences(series)[0])
	require.True(t, ok)
}

func TestRowMovedIntoTheWindowWithoutItsSeriesIsAnEventOfItsOwn(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(narrow)
	series := w.nativeWeekly(w.day(-100, 9, 0), ";COUNT=4")
	to := w.day(3, 9, 0)
	require.NoError(t, w.box.Salesforce.EditOccurrence(w.box.Salesforce.Occurrences(series)[3], fields{"StartDateTime": to.UTC().Format(time.RFC3339), "EndDateTime": to.Add(time.Hour).UTC().Format(time.RFC3339)}, w.users["alice"]))
	w.settle()
	require.Empty(t, w.masters("alice"))
	require.Len(t, w.calendar("alice"), 1)
	require.True(t, w.mailboxStarts("alice")[utc(to)])
}
