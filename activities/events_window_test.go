package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

const days = 24 * time.Hour

// narrow is a window of two weeks back and four ahead, with deletes that would be carried over.
const narrow = "  window: {past: 14d, future: 28d}\n  deletes: {from_crm: propagate, from_mailbox: propagate}\n"

// starts lists when a world's CRM events start.
func (w *world) starts() map[string]bool {
	out := map[string]bool{}
	for _, row := range w.crmEvents() {
		out[crmTime(row, "StartDateTime")] = true
	}
	return out
}

func utc(t time.Time) string { return t.UTC().Format("2006-01-02T15:04") }

func TestEventEntersTheWindowWithoutHavingChanged(t *testing.T) {
	onSides(t, func(t *testing.T, made record.Side) {
		w := newWorld(t)
		w.eventsBothWays(narrow)
		start := w.day(40, 9, 0)
		if made == record.CRM {
			w.crmEvent("alice", crmMeeting("Far away", start))
		} else {
			id := w.event("alice", meeting("Far away", start))
			w.settle()
			require.Equal(t, planner.ReasonOutsideWindow, w.eventReason("alice", id))
		}
		w.settle()
		require.Zero(t, w.activeLinks("alice"))
		w.clock.Advance(11 * days)
		w.nothingWritten(func() { w.sweep("alice") })
		w.clock.Advance(2 * days)
		w.sweep("alice") // the daily pass, and nothing else
		require.Equal(t, 1, w.activeLinks("alice"))
		require.Equal(t, w.calendar("alice"), w.crmCalendar())
		w.converged()
	})
}

func TestEventLeavesTheWindowAndIsNotDeleted(t *testing.T) {
	onSides(t, func(t *testing.T, made record.Side) {
		m := meetingOf(t, made, narrow)
		m.w.clock.Advance(30 * days)
		m.w.nothingWritten(func() { m.w.sweep("alice"); m.w.reread() })
		m.w.box.Google.ExpireCalendarTokens("")
		m.w.nothingWritten(func() { m.w.settle() })
		require.Equal(t, 1, m.w.activeLinks("alice"), "it stays linked")
		for _, side := range sides { // edits still flow
			m.edit(side, record.FieldSubject, "Edited in the "+string(side))
			m.w.converged()
			m.both(record.FieldSubject, "Edited in the "+string(side))
		}
	})
}

func TestEventThatLeftTheWindowIsStillDeletedWhenAPersonDoes(t *testing.T) {
	for _, gone := range sides {
		t.Run(string(gone), func(t *testing.T) {
			m := meetingOf(t, record.Mailbox, narrow)
			m.w.clock.Advance(30 * days)
			m.w.sweep("alice")
			m.delete(gone)
			m.w.converged()
			require.Empty(t, m.w.crmEvents())
			require.Equal(t, "cancelled", m.w.googleEvent("alice", m.id)["status"])
		})
	}
}

func TestEventComesBackIntoTheWindowAndIsNotDoubled(t *testing.T) {
	onSides(t, func(t *testing.T, made record.Side) {
		m := meetingOf(t, made, narrow)
		away, back := m.w.day(200, 9, 0), m.w.day(5, 9, 0)
		for _, to := range []time.Time{away, back, away} {
			m.w.editEvent("alice", m.id, fields{"start": at(to), "end": at(to.Add(time.Hour))})
			m.w.converged()
			require.Equal(t, [2]int{1, 1}, m.count())
			require.Equal(t, m.w.calendar("alice"), m.w.crmCalendar())
		}
		m.w.clock.Advance(190 * days)
		m.w.sweep("alice")
		m.w.converged()
		require.Equal(t, [2]int{1, 1}, m.count())
		require.Equal(t, 1, m.w.activeLinks("alice"))
	})
}

func TestSeriesWithoutEndSlidesWithTheWindow(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(narrow)
	start := w.day(1, 9, 0)
	id := w.event("alice", weekly("Stand-up", start, 0))
	week := func(n int) time.Time { return start.AddDate(0, 0, 7*n) }
	w.converged()
	require.Len(t, w.crmEvents(), 4)
	exception := week(6) // beyond the window
	w.editEvent("alice", instance(id, exception), fields{"summary": "Exception"})
	w.deleteEvent("alice", instance(id, week(7)))
	w.converged()
	require.Len(t, w.crmEvents(), 4)
	records := w.crmEvents()
	for range 5 {
		w.clock.Advance(7 * days)
		w.sweep("alice")
		w.nothingWritten(func() { w.settle() })
	}
	starts := w.starts()
	require.Len(t, starts, 8, "weeks 0 to 8 but the one that was deleted: %v", starts)
	for n := range 9 {
		require.Equal(t, n != 7, starts[utc(week(n))], "week %d", n)
	}
	for id := range records {
		require.Contains(t, w.crmEvents(), id, "what left the window stays")
	}
	_, row := w.crmEventOf(exception)
	require.Equal(t, "Exception", row["Subject"])
	w.oneLinkEach("alice")

	// What lies behind the window is still the same record when its series is edited.
	w.editEvent("alice", id, fields{"location": "Room 9"})
	w.converged()
	require.Len(t, w.crmEvents(), 8)
	w.oneLinkEach("alice")
}

func TestOccurrenceMovedOverTheEdgeOfTheWindow(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(narrow)
	start := w.day(1, 9, 0)
	id := w.event("alice", weekly("Stand-up", start, 10))
	w.settle()
	require.Len(t, w.crmEvents(), 4)
	out, in := start.AddDate(0, 0, 7), start.AddDate(0, 0, 56)
	move := func(from, to time.Time) {
		w.editEvent("alice", instance(id, from), fields{"start": at(to), "end": at(to.Add(time.Hour))})
	}
	move(out, w.day(100, 9, 0)) // out of the window
	move(in, w.day(3, 15, 0))   // into it, from a slot beyond
	w.converged()
	require.Equal(t, map[string]bool{utc(start): true, utc(w.day(100, 9, 0)): true, utc(start.AddDate(0, 0, 14)): true,
		utc(start.AddDate(0, 0, 21)): true, utc(w.day(3, 15, 0)): true}, w.starts())
	w.oneLinkEach("alice")
	w.editEvent("alice", id, fields{"location": "Room 9"}) // the series is asked anew
	w.converged()
	require.Len(t, w.crmEvents(), 5)
	move(out, out)
	w.converged()
	require.Len(t, w.crmEvents(), 5)
	w.oneLinkEach("alice")
}

func TestWiderAndNarrowerWindowByPolicy(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(narrow)
	w.event("alice", meeting("Past", w.day(-20, 9, 0)))
	w.event("alice", meeting("Soon", w.day(2, 9, 0)))
	w.crmEvent("alice", crmMeeting("Later", w.day(60, 9, 0)))
	w.settle()
	require.Equal(t, 1, w.activeLinks("alice"))
	w.eventsBothWays(wideWindow)
	w.pass("alice")
	require.Equal(t, 3, w.activeLinks("alice"))
	w.same("alice", 3)
	w.eventsBothWays(narrow)
	w.nothingWritten(func() { w.settle() })
	require.Equal(t, 3, w.activeLinks("alice"), "what is linked stays linked")
	w.converged()
}

func TestEventThatIsGoingOnAtTheEdgeIsInside(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(narrow)
	start := w.day(-16, 9, 0)
	w.event("alice", also(meeting("Conference", start), fields{"end": at(w.day(-12, 9, 0))}))
	w.event("alice", also(meeting("Over", start), fields{"end": at(w.day(-15, 9, 0))}))
	w.converged()
	require.Len(t, w.crmEvents(), 1)
}

// aroundTheClocksChange lists days around the next two changes of Berlin's clocks.
func aroundTheClocksChange(w *world) []time.Time {
	var out []time.Time
	for n := range 350 {
		a, b := w.day(n, 0, 0), w.day(n+1, 0, 0)
		if b.Sub(a) != days {
			out = append(out, w.day(n-1, 0, 0), a, b)
		}
	}
	require.Len(w.t, out, 6)
	return out
}

func TestAllDayEventHasTheSameDatesOnBothSides(t *testing.T) {
	for _, zone := range []string{"UTC", berlin, "America/Los_Angeles", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe", "Africa/Casablanca"} {
		t.Run(zone, func(t *testing.T) {
			w := newWorld(t)
			require.NoError(t, w.box.Google.Calendar(address("alice")).SetTimeZone(zone))
			w.eventsBothWays(wideWindow)
			for _, day := range aroundTheClocksChange(w) {
				for _, length := range []int{1, 2, 14} {
					w.event("alice", fields{"summary": "Mailbox's", "start": onDate(day), "end": onDate(day.AddDate(0, 0, length))})
				}
				midnight := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC)
				w.crmEvent("alice", fields{"Subject": "CRM's", "IsAllDayEvent": true, "StartDateTime": midnight.Format(time.RFC3339), "EndDateTime": midnight.AddDate(0, 0, 2).Format(time.RFC3339)})
			}
			w.converged()
			require.Equal(t, w.calendar("alice"), w.crmCalendar())
			mailbox := w.calendar("alice")
			for _, day := range aroundTheClocksChange(w) {
				for _, length := range []int{1, 2, 14} {
					require.Contains(t, mailbox, day.Format(time.DateOnly)+" "+day.AddDate(0, 0, length).Format(time.DateOnly)+" Mailbox's", "the end is the day after")
				}
				require.Contains(t, mailbox, day.Format(time.DateOnly)+" "+day.AddDate(0, 0, 3).Format(time.DateOnly)+" CRM's", "the CRM's end is the last day itself")
			}
		})
	}
}

func TestAllDayEventIsMovedAndTurnedIntoTimedAndBack(t *testing.T) {
	m := meetingOf(t, record.Mailbox, wideWindow)
	monday := aroundTheClocksChange(m.w)[1]
	m.w.editEvent("alice", m.id, fields{"start": fields{"date": monday.Format(time.DateOnly), "dateTime": nil, "timeZone": nil}, "end": fields{"date": monday.AddDate(0, 0, 1).Format(time.DateOnly), "dateTime": nil, "timeZone": nil}})
	m.w.converged()
	require.Equal(t, []string{monday.Format(time.DateOnly) + " " + monday.AddDate(0, 0, 1).Format(time.DateOnly) + " Demo"}, m.w.crmCalendar())
	require.Equal(t, m.w.calendar("alice"), m.w.crmCalendar())
	next := time.Date(monday.Year(), monday.Month(), monday.Day()+3, 0, 0, 0, 0, time.UTC)
	m.w.editCRMEvent("alice", m.crmID, fields{"StartDateTime": next.Format(time.RFC3339), "EndDateTime": next.AddDate(0, 0, 1).Format(time.RFC3339)})
	m.w.converged()
	require.Equal(t, []string{next.Format(time.DateOnly) + " " + next.AddDate(0, 0, 2).Format(time.DateOnly) + " Demo"}, m.w.calendar("alice"))
	require.Equal(t, m.w.calendar("alice"), m.w.crmCalendar())
	noon := next.Add(12 * time.Hour)
	m.w.editCRMEvent("alice", m.crmID, fields{"IsAllDayEvent": false, "StartDateTime": noon.Format(time.RFC3339), "EndDateTime": noon.Add(time.Hour).Format(time.RFC3339)})
	m.w.converged()
	require.Equal(t, []string{utc(noon) + " " + utc(noon.Add(time.Hour)) + " Demo"}, m.w.calendar("alice"))
	require.Equal(t, m.w.calendar("alice"), m.w.crmCalendar())
}

func TestAllDaySeriesKeepsItsDatesOverTheChangeOfTheClocks(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(wideWindow)
	first := aroundTheClocksChange(w)[0]
	id := w.event("alice", fields{"summary": "On call", "start": onDate(first), "end": onDate(first.AddDate(0, 0, 1)), "recurrence": []any{"RRULE:FREQ=DAILY;COUNT=6"}})
	w.converged()
	w.same("alice", 6)
	day := func(n int) string { return first.AddDate(0, 0, n).Format(time.DateOnly) }
	require.Equal(t, day(0)+" "+day(1)+" On call", w.crmCalendar()[0])
	w.deleteEvent("alice", id+"_"+first.AddDate(0, 0, 2).Format("20060102"))
	w.editEvent("alice", id+"_"+first.AddDate(0, 0, 3).Format("20060102"), fields{"summary": "Swapped", "start": onDate(first.AddDate(0, 0, 9)), "end": onDate(first.AddDate(0, 0, 11))})
	w.converged()
	w.same("alice", 5)
	require.Contains(t, w.crmCalendar(), day(9)+" "+day(11)+" Swapped")
	w.editEvent("alice", id, fields{"location": "Home"})
	w.converged()
	w.same("alice", 5)
	w.oneLinkEach("alice")
}

func TestTimedEventsInOddZonesKeepTheirInstants(t *testing.T) {
	for _, name := range []string{"Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.eventsBothWays(wideWindow)
			zone, err := time.LoadLocation(name)
			require.NoError(t, err)
			d := w.day(2, 0, 0)
			start := time.Date(d.Year(), d.Month(), d.Day(), 9, 45, 0, 0, zone)
			id := w.event("alice", weekly("Stand-up", start, 50)) // over both changes of the clocks
			w.converged()
			w.same("alice", 50)
			crmID, _ := w.crmEventOf(start.AddDate(0, 0, 7*30))
			w.editCRMEvent("alice", crmID, fields{"Location": "Room 9"})
			w.converged()
			w.same("alice", 50)
			e := w.googleEvent("alice", instance(id, start.AddDate(0, 0, 7*30)))
			require.Equal(t, "Room 9", e["location"])
			require.Equal(t, name, e["start"].(fields)["timeZone"], "the event keeps its zone")
		})
	}
}
