package activities_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

func TestEventOfFourteenDaysFitsAndALongerOneIsParked(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(wideWindow)
	start := w.day(3, 9, 0)
	end := func(d time.Duration) fields { return fields{"end": at(start.Add(d))} }
	w.event("alice", also(meeting("Fourteen days", start), end(14*days)))
	long := w.event("alice", also(meeting("Longer", start), end(14*days+time.Minute)))
	w.converged()
	require.Len(t, w.crmEvents(), 1)
	p := w.onlyParked("alice", planner.ReasonEventTooLong)
	require.Equal(t, long, p.ID)
	require.Equal(t, record.FieldTime, p.Field, "the limit is named")
	w.editEvent("alice", long, end(2*days))
	w.converged()
	require.Empty(t, w.parked("alice"))
	w.same("alice", 2)

	w.editEvent("alice", long, end(20*days)) // one that was copied grows
	w.converged()
	w.onlyParked("alice", planner.ReasonEventTooLong)
	require.Len(t, w.crmEvents(), 2)
	require.Equal(t, utc(start.Add(2*days)), crmTime(w.crmEvents()[crmIDOf(w, long)], "EndDateTime"), "it is not cut")
	require.Equal(t, 1, strings.Count(strings.Join(w.calendar("alice"), "\n"), utc(start.Add(20*days))), "nor is the longer one shortened")
}

func crmIDOf(w *world, id string) string {
	w.t.Helper()
	l, ok := w.eventLink("alice", record.Mailbox, id)
	require.True(w.t, ok)
	return l.CRM.ID
}

func TestAllDayEventOfFourteenDaysFits(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(wideWindow)
	first := w.day(3, 0, 0)
	w.event("alice", fields{"summary": "Fits", "start": onDate(first), "end": onDate(first.AddDate(0, 0, 14))})
	w.event("alice", fields{"summary": "Does not", "start": onDate(first), "end": onDate(first.AddDate(0, 0, 15))})
	w.converged()
	require.Equal(t, []string{first.Format(time.DateOnly) + " " + first.AddDate(0, 0, 14).Format(time.DateOnly) + " Fits"}, w.crmCalendar())
	w.onlyParked("alice", planner.ReasonEventTooLong)
}

func TestTextTooLongForTheCRMIsParkedAndNeverCut(t *testing.T) {
	for field, tc := range map[string]struct {
		name, crm string
		most      int
	}{
		record.FieldLocation: {"location", "Location", 255}, record.FieldSubject: {"summary", "Subject", 255}, record.FieldDescription: {"description", "Description", 32000},
	} {
		t.Run(field, func(t *testing.T) {
			w := newWorld(t)
			w.eventsBothWays("")
			start := w.day(3, 9, 0)
			fits := strings.Repeat("ü", tc.most)
			id := w.event("alice", also(meeting("Demo", start), fields{tc.name: fits}))
			w.converged()
			crmID, row := w.crmEventOf(start)
			if field != record.FieldDescription { // of which the CRM counts bytes
				require.Equal(t, fits, row[tc.crm])
			}
			w.editEvent("alice", id, fields{tc.name: fits + "x"})
			w.converged()
			require.Equal(t, field, w.onlyParked("alice", planner.ReasonTooLong).Field)
			require.Equal(t, fits, w.crmEvents()[crmID][tc.crm], "nothing is cut")
			require.Equal(t, fits+"x", w.googleEvent("alice", id)[tc.name], "nor shortened there")
			w.editCRMEvent("alice", crmID, fields{"Type": "Call", "ShowAs": "Free"})
			w.converged()
			require.Equal(t, "transparent", w.googleEvent("alice", id)["transparency"], "the other side's edits go on")
			require.Equal(t, fits+"x", w.googleEvent("alice", id)[tc.name])
			w.editEvent("alice", id, fields{tc.name: "Short"})
			w.converged()
			require.Empty(t, w.parked("alice"))
			require.Equal(t, "Short", w.crmEvents()[crmID][tc.crm])
		})
	}
}

func TestOneOccurrenceThatDoesNotFitIsParkedAlone(t *testing.T) {
	r := weeklyRow(t, "")
	r.change(3, fields{"location": strings.Repeat("x", 256)})
	r.w.converged()
	r.w.same("alice", 8)
	p := r.w.onlyParked("alice", planner.ReasonTooLong)
	require.Equal(t, record.FieldLocation, p.Field)
	require.Equal(t, r.record(3), p.ID)
	r.change(3, fields{"location": "Short"})
	r.done(8)
	require.Empty(t, r.w.parked("alice"))
}

func TestShowAsAndPrivacyOfBothSides(t *testing.T) {
	m := meetingOf(t, record.Mailbox, "  private: sync\n")
	m.w.editEvent("alice", m.id, fields{"transparency": "transparent", "visibility": "confidential"})
	m.w.converged()
	require.Equal(t, "Free", m.w.crmEvents()[m.crmID]["ShowAs"])
	require.Equal(t, true, m.w.crmEvents()[m.crmID]["IsPrivate"])
	require.Equal(t, "confidential", m.w.googleEvent("alice", m.id)["visibility"], "the finer word stays")
	m.w.editCRMEvent("alice", m.crmID, fields{"ShowAs": "Busy", "IsPrivate": false})
	m.w.converged()
	e := m.w.googleEvent("alice", m.id)
	require.Nil(t, e["transparency"])
	require.Nil(t, e["visibility"])
	m.w.editCRMEvent("alice", m.crmID, fields{"ShowAs": "OutOfOffice"})
	m.w.converged() // Google has no such plain event: what cannot be said is parked or kept, never looped
	require.Equal(t, "OutOfOffice", m.w.crmEvents()[m.crmID]["ShowAs"])
}

func TestWhatTheCRMHasNoFieldForIsLeftAlone(t *testing.T) {
	m := meetingOf(t, record.Mailbox, "")
	m.w.editEvent("alice", m.id, fields{"colorId": "7", "reminders": fields{"useDefault": false, "overrides": []any{fields{"method": "popup", "minutes": 5}}},
		"extendedProperties": fields{"private": fields{"other-program": "its value"}}})
	m.w.settle()
	before := m.w.googleEvent("alice", m.id)
	m.edit(record.CRM, record.FieldSubject, "Edited")
	m.w.converged()
	after := m.w.googleEvent("alice", m.id)
	for _, name := range []string{"colorId", "reminders", "conferenceData", "hangoutLink", "attendees", "recurrence"} {
		require.Equal(t, before[name], after[name], name)
	}
	require.Equal(t, "its value", after["extendedProperties"].(fields)["private"].(fields)["other-program"])
}

func TestEventsBeyondTheLimitOfAPolicyAreListed(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays("  limit: {max: 2}\n")
	ids := make([]string, 4)
	for i := range ids {
		ids[i] = w.crmEvent("alice", crmMeeting(fmt.Sprintf("Call %d", i), w.day(2+i, 9, 0)))
	}
	w.converged()
	require.Len(t, w.calendar("alice"), 2)
	left := 0
	for _, id := range ids {
		if w.eventReason("alice", id) == planner.ReasonOverLimit {
			left++
		}
	}
	require.Equal(t, 2, left)
}
