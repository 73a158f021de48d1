package activities_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// row is one weekly series of eight, in the CRM.
type row struct {
	w     *world
	id    string
	start time.Time
}

func weeklyRow(t *testing.T, more string) *row {
	t.Helper()
	w := newWorld(t)
	w.eventsBothWays(wideWindow + more)
	r := &row{w: w, start: w.day(2, 9, 0)}
	r.id = w.event("alice", weekly("Stand-up", r.start, 8))
	w.settle()
	w.same("alice", 8)
	return r
}

func (r *row) week(n int) time.Time { return r.start.AddDate(0, 0, 7*n) }

// record is the CRM event of a week's slot while nothing has moved.
func (r *row) record(n int) string {
	r.w.t.Helper()
	id, _ := r.w.crmEventOf(r.week(n))
	return id
}

func (r *row) change(n int, f fields) { r.w.editEvent("alice", instance(r.id, r.week(n)), f) }

// done converges, and holds that both sides show the same, each with one link.
func (r *row) done(n int) {
	r.w.t.Helper()
	r.w.converged()
	r.w.same("alice", n)
	r.w.oneLinkEach("alice")
}

func TestExceptionsOfASeriesAreKeptOnBothSides(t *testing.T) {
	r := weeklyRow(t, "")
	moved, deleted, renamed, crmMoved, crmDeleted := r.record(1), r.record(2), r.record(3), r.record(4), r.record(5)
	to := r.week(1).Add(3 * time.Hour)
	r.change(1, fields{"start": at(to), "end": at(to.Add(time.Hour))})
	r.w.deleteEvent("alice", instance(r.id, r.week(2)))
	r.w.editCRMEvent("alice", renamed, fields{"Subject": "Renamed in the CRM"})
	later := r.week(4).Add(26 * time.Hour)
	r.w.editCRMEvent("alice", crmMoved, fields{"StartDateTime": later.UTC().Format(time.RFC3339), "EndDateTime": later.Add(time.Hour).UTC().Format(time.RFC3339)})
	r.w.deleteCRMEvent("alice", crmDeleted)
	r.done(6)
	require.NotContains(t, r.w.crmEvents(), deleted)

	r.w.editEvent("alice", r.id, fields{"summary": "Daily", "location": "Room 9"}) // the master, after its exceptions
	r.done(6)
	rows := r.w.crmEvents()
	require.Equal(t, utc(to), crmTime(rows[moved], "StartDateTime"))
	require.Equal(t, utc(later), crmTime(rows[crmMoved], "StartDateTime"))
	require.Equal(t, "Renamed in the CRM", rows[renamed]["Subject"])
	require.Equal(t, "Daily", rows[r.record(0)]["Subject"])
	require.Equal(t, "Stand-up", rows[moved]["Subject"], "Google keeps what an exception says")
	require.NotContains(t, rows, crmDeleted)
	e := r.w.googleEvent("alice", r.id)
	require.Equal(t, []any{"RRULE:FREQ=WEEKLY;COUNT=8"}, e["recurrence"], "no rule was rewritten")
}

func TestOneOccurrenceChangedTouchesThatOneAlone(t *testing.T) {
	for _, side := range sides {
		t.Run("in the "+string(side), func(t *testing.T) {
			r := weeklyRow(t, "")
			id := r.record(3)
			before := r.w.crmEvents()
			calendarBefore := r.w.calendar("alice")
			if side == record.CRM {
				r.w.editCRMEvent("alice", id, fields{"Subject": "Only this one"})
			} else {
				r.change(3, fields{"summary": "Only this one"})
			}
			r.done(8)
			for other, was := range before {
				if other != id {
					require.Equal(t, was["SystemModstamp"], r.w.crmEvents()[other]["SystemModstamp"], "another one is written")
				}
			}
			changed := 0
			for i, line := range r.w.calendar("alice") {
				if line != calendarBefore[i] {
					changed++
				}
			}
			require.Equal(t, 1, changed)
		})
	}
}

func TestThisAndFollowingKeepsTheRecordsAndOneLinkEach(t *testing.T) {
	for name, change := range map[string]func(r *row) fields{
		"renamed": func(*row) fields { return fields{"summary": "New name"} },
		"retimed": func(r *row) fields {
			to := r.week(4).Add(2 * time.Hour)
			return fields{"start": at(to), "end": at(to.Add(time.Hour))}
		},
		"another day": func(r *row) fields {
			to := r.week(4).AddDate(0, 0, 1)
			return fields{"start": at(to), "end": at(to.Add(time.Hour))}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := weeklyRow(t, "")
			r.change(1, fields{"summary": "Exception before"})
			r.w.settle()
			before := r.w.crmEvents()
			r.w.clock.Advance(time.Second)
			_, err := r.w.box.Google.SplitSeries(address("alice"), r.id, r.week(4), change(r))
			require.NoError(t, err)
			r.done(8)
			require.Equal(t, keysIn(before), keysIn(r.w.crmEvents()), "no record is made or deleted")
			_, row := r.w.crmEventOf(r.week(1))
			require.Equal(t, "Exception before", row["Subject"])
			// The two live apart from now on.
			r.w.editEvent("alice", r.id, fields{"location": "Old room"})
			r.done(8)
			require.Equal(t, 4-1, countRows(r.w, "Location", "Old room"))
		})
	}
}

func TestThisAndFollowingDeletedInTheMailbox(t *testing.T) {
	r := weeklyRow(t, "")
	r.w.editEvent("alice", r.id, fields{"recurrence": []any{"RRULE:FREQ=WEEKLY;COUNT=3"}})
	r.done(3)
}

func keysIn(rows map[string]fields) []string {
	var out []string
	for id := range rows {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

func countRows(w *world, field, value string) (n int) {
	for _, row := range w.crmEvents() {
		if row[field] == value {
			n++
		}
	}
	return n
}

func TestSeriesRetimedAfterExceptionsMovesItsRecords(t *testing.T) {
	r := weeklyRow(t, "")
	r.change(2, fields{"summary": "Exception"})
	r.w.deleteEvent("alice", instance(r.id, r.week(3)))
	r.w.settle()
	r.w.editEvent("alice", r.id, fields{"start": at(r.start.Add(time.Hour)), "end": at(r.start.Add(2 * time.Hour))})
	r.w.converged()
	require.Equal(t, r.w.calendar("alice"), r.w.crmCalendar())
	r.w.oneLinkEach("alice")
}

func TestSeriesShortenedLengthenedAndGivenAnotherRule(t *testing.T) {
	r := weeklyRow(t, "")
	before := r.w.crmEvents()
	r.w.editEvent("alice", r.id, fields{"recurrence": []any{"RRULE:FREQ=WEEKLY;COUNT=5"}})
	r.done(5)
	r.w.editEvent("alice", r.id, fields{"recurrence": []any{"RRULE:FREQ=WEEKLY;COUNT=12"}})
	r.done(12)
	for id := range r.w.crmEvents() {
		if before[id] != nil {
			delete(before, id)
		}
	}
	require.Len(t, before, 3, "five records lived on")
	r.w.editEvent("alice", r.id, fields{"recurrence": []any{"RRULE:FREQ=DAILY;COUNT=4"}})
	r.done(4)
}

func TestSeriesBecomesASingleEventAndBack(t *testing.T) {
	r := weeklyRow(t, "")
	first := r.record(0)
	r.w.editEvent("alice", r.id, fields{"recurrence": nil})
	r.done(1)
	require.Contains(t, r.w.crmEvents(), first, "the same record")
	r.w.editEvent("alice", r.id, fields{"summary": "Single"})
	r.done(1)
	r.w.editEvent("alice", r.id, fields{"recurrence": []any{"RRULE:FREQ=WEEKLY;COUNT=3"}})
	r.done(3)
	require.Contains(t, r.w.crmEvents(), first)
	r.w.event("alice", meeting("Other", r.w.day(1, 9, 0))) // the calendar is not empty
	r.w.settle()
	r.w.deleteEvent("alice", r.id)
	r.done(1)
}

func TestWholeSeriesDeletedInTheMailbox(t *testing.T) {
	for rule, left := range map[string]int{"propagate": 1, "unlink": 9} {
		t.Run(rule, func(t *testing.T) {
			r := weeklyRow(t, "")
			r.w.event("alice", meeting("Other", r.w.day(1, 9, 0)))
			r.change(2, fields{"summary": "Exception"})
			r.w.eventsBothWays("  window: {past: 30d, future: 359d}\n  deletes: {from_mailbox: " + rule + "}\n")
			r.w.settle()
			r.w.deleteEvent("alice", r.id)
			r.w.converged()
			require.Len(t, r.w.calendar("alice"), 1)
			require.Len(t, r.w.crmEvents(), left)
			require.Equal(t, 1, r.w.activeLinks("alice"))
		})
	}
}

func TestRecurrencesThatCanBeSaidAreExact(t *testing.T) {
	start := func(w *world) time.Time { return w.day(2, 9, 0) }
	stamp := func(t time.Time) string { return t.UTC().Format("20060102T150405Z") }
	local := func(t time.Time) string { return t.Format("20060102T150405") }
	for name, lines := range map[string]func(s time.Time) []any{
		"several rules": func(time.Time) []any { return []any{"RRULE:FREQ=WEEKLY;COUNT=4", "RRULE:FREQ=MONTHLY;COUNT=3"} },
		"RDATE": func(s time.Time) []any {
			return []any{"RRULE:FREQ=WEEKLY;COUNT=4", "RDATE:" + stamp(s.AddDate(0, 0, 3)) + "," + stamp(s.AddDate(0, 0, 4))}
		},
		"RDATE alone": func(s time.Time) []any { return []any{"RDATE;TZID=" + berlin + ":" + local(s.AddDate(0, 0, 3))} },
		"EXDATE": func(s time.Time) []any {
			return []any{"RRULE:FREQ=WEEKLY;COUNT=6", "EXDATE;TZID=" + berlin + ":" + local(s.AddDate(0, 0, 7)), "EXDATE:" + stamp(s.AddDate(0, 0, 14))}
		},
		"EXRULE":                   func(time.Time) []any { return []any{"RRULE:FREQ=DAILY;COUNT=10", "EXRULE:FREQ=WEEKLY;COUNT=3"} },
		"last Friday of the month": func(time.Time) []any { return []any{"RRULE:FREQ=MONTHLY;BYDAY=-1FR;COUNT=5"} },
		"every other week, three days, from Sunday": func(time.Time) []any {
			return []any{"RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE,SU;WKST=SU;COUNT=20"}
		},
		"by set position": func(time.Time) []any { return []any{"RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=2;COUNT=6"} },
		"until":           func(s time.Time) []any { return []any{"RRULE:FREQ=WEEKLY;UNTIL=" + stamp(s.AddDate(0, 0, 28))} },
		"yearly":          func(time.Time) []any { return []any{"RRULE:FREQ=YEARLY"} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.eventsBothWays(wideWindow)
			id := w.event("alice", also(meeting("Series", start(w)), fields{"recurrence": lines(start(w))}))
			w.converged()
			require.NotEmpty(t, w.crmEvents())
			require.Equal(t, w.calendar("alice"), w.crmCalendar())
			require.Empty(t, w.parked("alice"))
			w.editEvent("alice", id, fields{"summary": "Renamed"})
			w.converged()
			require.Equal(t, w.calendar("alice"), w.crmCalendar())
			w.oneLinkEach("alice")
		})
	}
}

func TestRuleThatCannotBeExpandedParksItsSeriesAlone(t *testing.T) {
	r := weeklyRow(t, "")
	bad := r.w.event("alice", also(meeting("Too often", r.w.day(1, 12, 0)), fields{"recurrence": []any{"RRULE:FREQ=YEARLY;BYWEEKNO=53;BYDAY=SU"}}))
	r.w.event("alice", meeting("Goes on", r.w.day(3, 9, 0)))
	r.w.converged()
	require.Len(t, r.w.crmCalendar(), 9)
	p := r.w.onlyParked("alice", planner.ReasonUnreadable)
	require.Equal(t, bad, p.ID)
	require.True(t, strings.HasPrefix(p.Code, "rule_"), p.Code)
	r.w.editEvent("alice", bad, fields{"recurrence": []any{"RRULE:FREQ=DAILY;COUNT=2"}})
	r.w.converged()
	require.Empty(t, r.w.parked("alice"))
	require.Len(t, r.w.crmCalendar(), 11)

	// One that was synced and cannot be expanded any more: nothing is deleted.
	r.w.editEvent("alice", r.id, fields{"recurrence": []any{"RRULE:FREQ=YEARLY;BYWEEKNO=53;BYDAY=SU"}})
	r.w.settle()
	require.Len(t, r.w.crmCalendar(), 11)
	r.w.onlyParked("alice", planner.ReasonUnreadable)
	r.w.editEvent("alice", r.id, fields{"recurrence": []any{"RRULE:FREQ=WEEKLY;COUNT=8"}})
	r.w.converged()
	require.Empty(t, r.w.parked("alice"))
	require.Len(t, r.w.crmCalendar(), 11)
	r.w.oneLinkEach("alice")
}

func TestGuardCountsASeriesOnce(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(wideWindow + "guard: {deletes: {max: 2}, overwrites: {max: 2}, creates: {max: 2, first_sync: 2}}\n")
	one := w.event("alice", weekly("One", w.day(1, 9, 0), 20))
	w.event("alice", weekly("Two", w.day(2, 9, 0), 20))
	w.converged()
	w.same("alice", 40)
	w.editEvent("alice", one, fields{"summary": "Renamed"})
	w.converged()
	w.deleteEvent("alice", one)
	w.converged()
	w.same("alice", 20)
	for n := range 3 {
		w.event("alice", meeting("Single", w.day(4+n, 15, 0)))
	}
	require.NotNil(t, w.pass("alice").hold, "three single events are three")
}

func TestOneOccurrenceDeletedUnderEveryRule(t *testing.T) {
	for _, rule := range []string{"propagate", "unlink", "review"} {
		for _, gone := range sides {
			t.Run(rule+", deleted in the "+string(gone), func(t *testing.T) {
				r := weeklyRow(t, "")
				r.w.eventsBothWays("  window: {past: 30d, future: 359d}\n  deletes: {from_crm: " + rule + ", from_mailbox: " + rule + "}\n")
				r.w.settle()
				id := r.record(2)
				if gone == record.CRM {
					r.w.deleteCRMEvent("alice", id)
				} else {
					r.w.deleteEvent("alice", instance(r.id, r.week(2)))
				}
				r.w.converged()
				want := map[record.Side][2]int{record.CRM: {7, 8}, record.Mailbox: {8, 7}}[gone]
				if rule == "propagate" {
					want = [2]int{7, 7}
				}
				require.Equal(t, want, [2]int{len(r.w.crmEvents()), len(r.w.calendar("alice"))})
				r.w.editEvent("alice", r.id, fields{"summary": "Renamed"}) // the master, afterwards
				r.w.converged()
				require.Equal(t, want, [2]int{len(r.w.crmEvents()), len(r.w.calendar("alice"))}, "not created again")
				require.Equal(t, 7, countRows(r.w, "Subject", "Renamed"))
			})
		}
	}
}

func TestSeriesSkippedByPolicy(t *testing.T) {
	r := weeklyRow(t, "")
	r.w.event("alice", meeting("Single", r.w.day(1, 9, 0)))
	r.w.eventsBothWays(wideWindow + "  series: skip\n")
	r.w.converged()
	require.Len(t, r.w.crmEvents(), 1, "what had been copied goes")
	require.Len(t, r.w.calendar("alice"), 9)
	r.w.eventsBothWays(wideWindow)
	r.done(9)
}
