package activities_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// Things that happen at the same time.

// atOnce runs one pass of each rep side by side, and then all of them to rest.
func (w *world) atOnce(reps ...string) {
	w.t.Helper()
	done := make(chan error)
	for _, rep := range reps {
		go func() { _, err := w.try(rep, ""); done <- err }()
	}
	for range reps {
		require.NoError(w.t, <-done)
	}
	w.clock.Advance(2 * time.Minute)
	w.settle()
}

func TestTwoRepsMeetANewMeetingAtOnce(t *testing.T) {
	for name, add := range map[string]func(w *world){
		"organised outside": func(w *world) {
			for _, rep := range []string{"alice", "bob"} {
				w.invite(rep, also(invitation(uid, "Theirs", w.day(3, 9, 0)), fields{"attendees": guests("alice@acme.test", "bob@acme.test")}))
			}
		},
		"organised by one of them": func(w *world) {
			w.event("alice", also(meeting("Ours", w.day(3, 9, 0)), fields{"attendees": guests("bob@acme.test")}))
		},
		"a series": func(w *world) {
			w.event("alice", also(weekly("Ours", w.day(3, 9, 0), 6), fields{"attendees": guests("bob@acme.test")}))
		},
		"a series from outside": func(w *world) {
			for _, rep := range []string{"alice", "bob"} {
				w.invite(rep, also(invitation(uid, "Theirs", w.day(3, 9, 0)), fields{"recurrence": []any{"RRULE:FREQ=WEEKLY;COUNT=6"}, "attendees": guests("alice@acme.test", "bob@acme.test")}))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "alice", "bob")
			w.eventsBothWays(wideWindow)
			w.settle()
			add(w)
			w.atOnce("alice", "bob")
			w.converged()
			require.Equal(t, w.calendar("alice"), w.crmCalendar())
			require.Equal(t, w.calendar("bob"), w.crmCalendar())
			for _, rep := range []string{"alice", "bob"} {
				require.Equal(t, len(w.crmEvents()), w.activeLinks(rep), rep)
				require.Empty(t, w.parked(rep))
			}
		})
	}
}

func TestOccurrenceEditedInTheCRMWhileItsSeriesIsRetimed(t *testing.T) {
	r := weeklyRow(t, "")
	id := r.record(3)
	r.w.editCRMEvent("alice", id, fields{"Subject": "The CRM's"})
	r.w.editEvent("alice", r.id, fields{"start": at(r.start.Add(time.Hour)), "end": at(r.start.Add(2 * time.Hour)), "location": "Room 9"})
	r.done(8)
	row := r.w.crmEvents()[id]
	require.Equal(t, "The CRM's", row["Subject"])
	require.Equal(t, "Room 9", row["Location"])
	require.Equal(t, utc(r.week(3).Add(time.Hour)), crmTime(row, "StartDateTime"))
}

func TestOccurrenceEditedInTheCRMWhileItsSeriesIsSplit(t *testing.T) {
	r := weeklyRow(t, "")
	early, late := r.record(1), r.record(6)
	r.w.editCRMEvent("alice", early, fields{"Subject": "Early, the CRM's"})
	r.w.editCRMEvent("alice", late, fields{"Subject": "Late, the CRM's"})
	r.w.clock.Advance(time.Second)
	_, err := r.w.box.Google.SplitSeries(address("alice"), r.id, r.week(4), fields{"location": "Room 9"})
	require.NoError(t, err)
	r.done(8)
	rows := r.w.crmEvents()
	require.Equal(t, "Early, the CRM's", rows[early]["Subject"])
	require.Equal(t, "Late, the CRM's", rows[late]["Subject"])
	require.Equal(t, "Room 9", rows[late]["Location"])
	require.Nil(t, rows[early]["Location"])
}

func TestOccurrenceDeletedInTheCRMWhileItsSeriesIsRetimed(t *testing.T) {
	r := weeklyRow(t, "")
	r.w.deleteCRMEvent("alice", r.record(3))
	r.w.editEvent("alice", r.id, fields{"start": at(r.start.Add(time.Hour)), "end": at(r.start.Add(2 * time.Hour))})
	r.w.converged()
	require.Equal(t, r.w.calendar("alice"), r.w.crmCalendar())
	require.Len(t, r.w.crmEvents(), 8, "the edit wins over the delete")
	r.w.oneLinkEach("alice")
}

func TestSeriesSplitTwiceBetweenTwoPasses(t *testing.T) {
	r := weeklyRow(t, "")
	before := keysIn(r.w.crmEvents())
	r.w.clock.Advance(time.Second)
	next, err := r.w.box.Google.SplitSeries(address("alice"), r.id, r.week(2), fields{"summary": "Second"})
	require.NoError(t, err)
	_, err = r.w.box.Google.SplitSeries(address("alice"), next["id"].(string), r.week(5), fields{"summary": "Third"})
	require.NoError(t, err)
	r.done(8)
	require.Equal(t, before, keysIn(r.w.crmEvents()))
	require.Equal(t, 3, countRows(r.w, "Subject", "Second"))
	require.Equal(t, 3, countRows(r.w, "Subject", "Third"))
}

func TestSeriesSplitAndTheTailDeleted(t *testing.T) {
	r := weeklyRow(t, "")
	r.w.clock.Advance(time.Second)
	next, err := r.w.box.Google.SplitSeries(address("alice"), r.id, r.week(4), nil)
	require.NoError(t, err)
	r.w.deleteEvent("alice", next["id"].(string))
	r.done(4)
}

func TestAttendeesTouchOneOccurrenceOfASeries(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.eventsBothWays(wideWindow)
	start := w.day(2, 9, 0)
	week := func(n int) time.Time { return start.AddDate(0, 0, 7*n) }
	id := w.event("alice", also(weekly("Stand-up", start, 4), fields{"attendees": guests("bob@acme.test")}))
	w.converged()
	w.deleteEvent("bob", instance(id, week(1)))
	w.editEvent("bob", instance(id, week(2)), fields{"attendees": guests("bob@acme.test declined")})
	w.editEvent("bob", instance(id, week(3)), fields{"attendees": guests("bob@acme.test accepted")})
	w.converged()
	require.Len(t, w.crmEvents(), 4, "the meeting stays")
	last, _ := w.crmEventOf(week(3))
	require.Equal(t, "Accepted", w.relationsOf(last)[w.users["bob"]])
	third, _ := w.crmEventOf(week(2))
	require.Equal(t, "Declined", w.relationsOf(third)[w.users["bob"]])
	w.deleteEvent("alice", instance(id, week(0)))
	w.converged()
	require.Len(t, w.crmEvents(), 3)
	require.Equal(t, w.calendar("alice"), w.crmCalendar())
}

func TestAttendeeDeclinesAndAcceptsAgain(t *testing.T) {
	x := meetingOfThree(t, carried)
	for _, answer := range []string{"declined", "accepted", "tentative", "declined", "accepted"} {
		x.w.editEvent("bob", x.id, fields{"attendees": guests("bob@acme.test " + answer)})
		x.w.converged()
		require.Len(t, x.w.crmEvents(), 1)
		require.Contains(t, x.w.crmEvents(), x.crmID)
	}
	require.Equal(t, "Accepted", x.answer("bob"))
	l, ok := x.w.eventLink("bob", record.CRM, x.crmID)
	require.True(t, ok)
	require.Equal(t, planner.Active, l.State)
}

func TestAttendeeMakesTheirCopyPrivate(t *testing.T) {
	for _, private := range []string{"skip", "busy"} {
		t.Run(private, func(t *testing.T) {
			x := meetingOfThree(t, "  private: "+private+"\n"+carried)
			x.w.editEvent("bob", x.id, fields{"visibility": "private"})
			x.w.converged()
			require.Equal(t, "Demo", x.w.crmEvents()[x.crmID]["Subject"], "the meeting is its organiser's")
			x.edit(record.Mailbox, record.FieldSubject, "Goes on")
			x.w.converged()
			require.Equal(t, "Goes on", x.w.crmEvents()[x.crmID]["Subject"])
		})
	}
}

func TestElectedCopyBecomesPrivateAndAnotherSpeaks(t *testing.T) {
	o := outsideMeeting(t, carried)
	speaker, _ := o.speaker()
	o.w.editEvent(speaker, o.ids[speaker], fields{"visibility": "private"})
	o.w.converged()
	require.Contains(t, o.w.crmEvents(), o.crmID)
	o.send(fields{"location": "Their office", "sequence": 1})
	o.w.converged()
	require.Len(t, o.w.crmEvents(), 1)
	require.Equal(t, "Their office", o.w.crmEvents()[o.crmID]["Location"])
}

func TestNewestGoesByTheLaterEditOfAnEvent(t *testing.T) {
	for _, later := range sides {
		t.Run(string(later), func(t *testing.T) {
			m := meetingOf(t, record.Mailbox, "  conflict: newest\n")
			m.edit(later.Other(), record.FieldSubject, "Earlier")
			m.w.clock.Advance(time.Hour)
			m.edit(later, record.FieldSubject, "Later")
			m.w.converged()
			m.both(record.FieldSubject, "Later")
		})
	}
}

func TestMailboxMigratedKeepsTheCRMsEvents(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(wideWindow)
	w.event("alice", also(meeting("Demo", w.day(3, 9, 0)), fields{"location": "Room 4"}))
	w.event("alice", weekly("Stand-up", w.day(2, 14, 0), 4))
	w.crmEvent("alice", crmMeeting("Call", w.day(4, 16, 0)))
	w.settle()
	before := keysIn(w.crmEvents())
	const fresh = "alice.new@acme.test"
	w.box.Google.AddUser(fresh, false)
	list, err := w.box.Google.Calendar(address("alice")).List(nil)
	require.NoError(t, err)
	for _, e := range list {
		made := fields{}
		for _, k := range []string{"summary", "start", "end", "location", "recurrence", "iCalUID"} {
			if e[k] != nil {
				made[k] = e[k]
			}
		}
		_, err := w.box.Google.Calendar(fresh).Insert(made)
		require.NoError(t, err)
	}
	rep, err := w.store.GetRep(t.Context(), org, "alice")
	require.NoError(t, err)
	rep.Mailbox = fresh
	require.NoError(t, w.store.UpdateRep(t.Context(), rep))
	w.converged()
	require.Equal(t, before, keysIn(w.crmEvents()), "nothing is doubled or deleted")
	require.Equal(t, len(before), w.activeLinks("alice"))
	moved, err := w.box.Google.Calendar(fresh).List(map[string][]string{"singleEvents": {"true"}})
	require.NoError(t, err)
	require.Len(t, moved, len(before))
}

func TestRepStoppedAndStartedAgainWritesNoEvent(t *testing.T) {
	m := meetingOf(t, record.CRM, wideWindow)
	m.w.event("alice", weekly("Stand-up", m.w.day(2, 14, 0), 4))
	m.w.settle()
	m.w.deactivate("alice", false)
	m.w.clock.Advance(26 * time.Hour)
	m.w.deactivate("alice", true)
	m.w.nothingWritten(func() { m.w.reread() })
	m.w.same("alice", 5)
}

func TestManySmallEditsOnBothSidesOfASeries(t *testing.T) {
	r := weeklyRow(t, "")
	for n := range 6 {
		id := r.record(n)
		r.w.editCRMEvent("alice", id, fields{"Description": fmt.Sprint("Notes ", n)})
		r.w.editEvent("alice", r.id, fields{"location": fmt.Sprint("Room ", n)})
		if n%2 == 0 {
			r.change(n+1, fields{"summary": fmt.Sprint("Named ", n)})
		}
		r.w.settle()
	}
	r.done(8)
}
