package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

const eventDeletes = "  deletes: {from_crm: propagate, from_mailbox: propagate}\n"

func TestUndoOfAnEventsUpdate(t *testing.T) {
	onSides(t, func(t *testing.T, from record.Side) {
		m := meetingOf(t, from, "")
		u := m.w.fromNow("alice")
		m.edit(from, record.FieldLocation, "Room 9")
		m.edit(from, record.FieldSubject, "Demo, moved")
		m.w.settle()
		m.both(record.FieldLocation, "Room 9")
		other := from.Other()
		m.edit(other, record.FieldSubject, "By hand")
		out := u.undo()
		require.Equal(t, []string{"update " + string(other) + " location"}, lines(out.PutBack))
		require.Equal(t, []string{string(other) + " subject edited_since"}, lines(out.Left))
		m.w.converged()
		require.Equal(t, "Room 4", m.get(other, record.FieldLocation))
		require.Equal(t, "Room 9", m.get(from, record.FieldLocation))
		m.both(record.FieldSubject, "By hand")
		u.stays()
		require.Equal(t, [2]int{1, 1}, m.count())
	})
}

func TestUndoOfAnEventsTime(t *testing.T) {
	m := meetingOf(t, record.Mailbox, "")
	u := m.w.fromNow("alice")
	to := m.start.Add(2 * time.Hour)
	m.w.editEvent("alice", m.id, fields{"start": at(to), "end": at(to.Add(time.Hour))})
	m.w.settle()
	require.Equal(t, []string{"update crm time"}, lines(u.undo().PutBack))
	id, _ := m.w.crmEventOf(m.start)
	require.Equal(t, m.crmID, id)
	u.stays()
}

func TestUndoOfAnEventsCreate(t *testing.T) {
	onSides(t, func(t *testing.T, from record.Side) {
		w := newWorld(t)
		w.eventsBothWays(eventDeletes)
		u := w.fromNow("alice")
		if from == record.CRM {
			w.crmEvent("alice", crmMeeting("Demo", w.day(3, 9, 0)))
		} else {
			w.event("alice", meeting("Demo", w.day(3, 9, 0)))
		}
		w.settle()
		m := &meet{w: w}
		require.Equal(t, [2]int{1, 1}, m.count())
		require.Equal(t, []string{"delete " + string(from.Other())}, lines(u.undo().PutBack))
		want := map[record.Side][2]int{record.CRM: {1, 0}, record.Mailbox: {0, 1}}[from]
		require.Equal(t, want, m.count())
		u.stays()
		require.Equal(t, want, m.count())
	})
}

func TestUndoOfAnEventsDelete(t *testing.T) {
	onSides(t, func(t *testing.T, from record.Side) {
		m := meetingOf(t, record.CRM, eventDeletes)
		u := m.w.fromNow("alice")
		m.delete(from)
		m.w.settle()
		require.Equal(t, [2]int{0, 0}, m.count())
		require.Equal(t, []string{"create " + string(from.Other()) + " deleted"}, lines(u.undo().Pinned))
		want := map[record.Side][2]int{record.CRM: {0, 1}, record.Mailbox: {1, 0}}[from]
		require.Equal(t, want, m.count())
		if from == record.CRM {
			require.Contains(t, m.w.calendar("alice")[0], "Demo")
		} else {
			_, row := m.w.crmEventOf(m.start)
			require.Equal(t, []any{"Demo", "Room 4"}, []any{row["Subject"], row["Location"]})
		}
		u.stays()
		require.Equal(t, want, m.count())
	})
}

func TestUndoMailsNobody(t *testing.T) {
	t.Run("a meeting with guests is not created again", func(t *testing.T) {
		w := newWorld(t)
		w.eventsBothWays(eventDeletes)
		start := w.day(3, 9, 0)
		id := w.event("alice", also(meeting("Demo", start), fields{"attendees": guests("jane@client.example")}))
		w.settle()
		crmID, _ := w.crmEventOf(start)
		u := w.fromNow("alice")
		w.deleteCRMEvent("alice", crmID)
		w.settle()
		require.Equal(t, "cancelled", w.googleEvent("alice", id)["status"], "Google deletes it in silence")
		require.Equal(t, []string{"mailbox would_mail"}, lines(u.dry().Left))
		require.Equal(t, []string{"mailbox would_mail"}, lines(u.undo().Left))
		require.Empty(t, w.calendar("alice"))
	})
	t.Run("a meeting with guests gets its values back in silence", func(t *testing.T) {
		w := newWorld(t)
		w.eventsBothWays("")
		start := w.day(3, 9, 0)
		id := w.event("alice", also(meeting("Demo", start), fields{"location": "Room 4", "attendees": guests("jane@client.example")}))
		w.settle()
		crmID, _ := w.crmEventOf(start)
		u := w.fromNow("alice")
		w.editCRMEvent("alice", crmID, fields{"Location": "Room 9"})
		w.settle()
		require.Equal(t, "Room 9", w.googleEvent("alice", id)["location"])
		require.Equal(t, []string{"update mailbox location"}, lines(u.undo().PutBack))
		require.Equal(t, "Room 4", w.googleEvent("alice", id)["location"])
		u.stays()
	})
}

func TestUndoOfRelations(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays("")
	acme := w.account("Acme Works")
	jane := w.contact("alice", fields{"LastName": "Jane", "Email": "jane@client.example", "AccountId": acme})
	john := w.contact("alice", fields{"LastName": "John", "Email": "john@client.example", "AccountId": acme})
	start := w.day(3, 9, 0)
	id := w.event("alice", also(meeting("Demo", start), fields{"attendees": guests("jane@client.example")}))
	w.settle()
	crmID, _ := w.crmEventOf(start)
	require.Contains(t, w.relationsOf(crmID), jane)
	u := w.fromNow("alice")
	w.editEvent("alice", id, fields{"attendees": guests("jane@client.example", "john@client.example")})
	w.settle()
	require.Contains(t, w.relationsOf(crmID), john)
	require.Equal(t, []string{"update crm relations"}, lines(u.undo().PutBack))
	require.Contains(t, w.relationsOf(crmID), jane)
	require.NotContains(t, w.relationsOf(crmID), john)
	u.stays()
	require.NotContains(t, w.relationsOf(crmID), john)
}

func TestUndoTellsNothingPrivate(t *testing.T) {
	m := meetingOf(t, record.Mailbox, "")
	u := m.w.fromNow("alice")
	m.edit(record.Mailbox, record.FieldLocation, "Clinic")
	m.w.settle()
	m.edit(record.Mailbox, record.FieldLocation, "Room 4")
	m.asPrivate(record.Mailbox, true)
	m.w.settle()
	require.Empty(t, m.w.crmEvents(), "what is private is taken back")
	out := u.undo()
	require.Equal(t, []string{"crm private_skipped"}, lines(out.Left))
	require.Empty(t, m.w.crmEvents())
	u.stays()
}

func TestUndoOfAnEventThatLeftThePolicy(t *testing.T) {
	m := meetingOf(t, record.Mailbox, "")
	u := m.w.fromNow("alice")
	m.w.eventsBothWays("  exclude: {domains: [client.example]}\n")
	m.w.editEvent("alice", m.id, fields{"attendees": guests("jane@client.example")})
	m.w.settle()
	require.Empty(t, m.w.crmEvents())
	require.Equal(t, []string{"create crm excluded_domain"}, lines(u.undo().Pinned))
	require.Len(t, m.w.crmEvents(), 1)
	u.stays()
	require.Len(t, m.w.crmEvents(), 1)
	require.Equal(t, 1, m.w.rows()["claim"], "another rep's copy of the meeting has to meet the record")
	m.w.editEvent("alice", m.id, fields{"location": "Room 9"})
	m.w.converged()
	_, row := m.w.crmEventOf(m.start)
	require.Equal(t, "Room 9", row["Location"], "an edit flows")
}

func TestUndoOfOccurrences(t *testing.T) {
	t.Run("an occurrence that the CRM changed", func(t *testing.T) {
		r := weeklyRow(t, "")
		u := r.w.fromNow("alice")
		r.w.editCRMEvent("alice", r.record(3), fields{"Subject": "Renamed"})
		r.w.settle()
		require.Equal(t, "Renamed", r.w.googleEvent("alice", instance(r.id, r.week(3)))["summary"])
		require.Equal(t, []string{"update mailbox subject"}, lines(u.undo().PutBack))
		require.Equal(t, "Stand-up", r.w.googleEvent("alice", instance(r.id, r.week(3)))["summary"])
		u.stays()
		require.Equal(t, "Renamed", r.w.crmEvents()[r.record(3)]["Subject"])
	})
	t.Run("an occurrence that the mailbox changed", func(t *testing.T) {
		r := weeklyRow(t, "")
		u := r.w.fromNow("alice")
		r.change(3, fields{"summary": "Renamed"})
		r.w.settle()
		require.Equal(t, []string{"update crm subject"}, lines(u.undo().PutBack))
		require.Equal(t, "Stand-up", r.w.crmEvents()[r.record(3)]["Subject"])
		u.stays()
	})
	t.Run("a whole series that the mailbox renamed", func(t *testing.T) {
		r := weeklyRow(t, "")
		u := r.w.fromNow("alice")
		r.w.editEvent("alice", r.id, fields{"summary": "Renamed"})
		r.w.settle()
		require.Equal(t, 8, countRows(r.w, "Subject", "Renamed"))
		require.Equal(t, 8, u.undo().PutBack.Count)
		require.Equal(t, 8, countRows(r.w, "Subject", "Stand-up"))
		u.stays()
		r.w.editEvent("alice", r.id, fields{"location": "Room 9"})
		r.w.converged()
		require.Equal(t, 8, countRows(r.w, "Location", "Room 9"), "an edit flows")
		require.Equal(t, 8, countRows(r.w, "Subject", "Stand-up"))
	})
	t.Run("the records of a new series", func(t *testing.T) {
		w := newWorld(t)
		w.eventsBothWays(wideWindow)
		u := w.fromNow("alice")
		id := w.event("alice", weekly("Stand-up", w.day(2, 9, 0), 8))
		w.settle()
		require.Len(t, w.crmEvents(), 8)
		require.Equal(t, 8, u.undo().PutBack.Count)
		require.Empty(t, w.crmEvents())
		require.Len(t, w.calendar("alice"), 8)
		u.stays()
		w.editEvent("alice", id, fields{"summary": "Renamed"})
		w.converged()
		require.Empty(t, w.crmEvents())
		require.Len(t, w.calendar("alice"), 8)
	})
	t.Run("a record whose occurrence was deleted in the mailbox", func(t *testing.T) {
		r := weeklyRow(t, "")
		u := r.w.fromNow("alice")
		r.w.deleteEvent("alice", instance(r.id, r.week(3)))
		r.w.settle()
		require.Len(t, r.w.crmEvents(), 7)
		require.Equal(t, []string{"create crm"}, lines(u.undo().PutBack))
		require.Len(t, r.w.crmEvents(), 8)
		_, row := r.w.crmEventOf(r.week(3))
		require.Equal(t, "Stand-up", row["Subject"])
		u.stays()
		require.Len(t, r.w.crmEvents(), 8)
		require.Len(t, r.w.calendar("alice"), 7)
	})
	t.Run("an occurrence whose record was deleted in the CRM", func(t *testing.T) {
		r := weeklyRow(t, "")
		u := r.w.fromNow("alice")
		r.w.deleteCRMEvent("alice", r.record(3))
		r.w.settle()
		require.Len(t, r.w.calendar("alice"), 7)
		require.Equal(t, []string{"create mailbox"}, lines(u.undo().PutBack))
		require.Len(t, r.w.calendar("alice"), 8)
		u.stays()
		require.Len(t, r.w.calendar("alice"), 8)
		require.Len(t, r.w.crmEvents(), 7)
	})
}

func TestUndoOfANativeSeriesCopy(t *testing.T) {
	begin := func(t *testing.T) (*undoer, []string) {
		t.Helper()
		w := newWorld(t)
		w.eventsBothWays("  window: {past: 30d, future: 359d}\n" + eventDeletes)
		u := w.fromNow("alice")
		start := w.day(2, 9, 0)
		weekday := []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}[start.Weekday()]
		series, err := w.box.Salesforce.AddSeries(w.users["alice"], "RRULE:FREQ=WEEKLY;BYDAY="+weekday+";COUNT=5", fields{
			"Subject": "Pipeline", "Recurrence2PatternTimeZone": berlin, "StartDateTime": start.UTC().Format(time.RFC3339), "EndDateTime": start.Add(time.Hour).UTC().Format(time.RFC3339)})
		require.NoError(t, err)
		w.converged()
		require.Len(t, w.masters("alice"), 1)
		require.Len(t, w.calendar("alice"), 5)
		return u, w.box.Salesforce.Occurrences(series)
	}
	t.Run("removed as a whole, and its rows stay", func(t *testing.T) {
		u, rows := begin(t)
		u.undo()
		require.Empty(t, u.w.calendar("alice"))
		u.stays()
		for _, id := range rows {
			require.Contains(t, u.w.crmEvents(), id)
		}
		require.Empty(t, u.w.calendar("alice"))
	})
	t.Run("one of its occurrences was edited: left", func(t *testing.T) {
		u, _ := begin(t)
		u.w.editEvent("alice", instance(u.w.masters("alice")[0]["id"].(string), u.w.day(9, 9, 0)), fields{"summary": "By hand"})
		require.Equal(t, []string{"mailbox edited_since"}, lines(u.undo().Left))
		require.Len(t, u.w.calendar("alice"), 5)
		u.w.settle()
	})
}

func TestUndoHoldsWhatTheRepMayDo(t *testing.T) {
	w, id, name := pair(t, "")
	u := w.fromNow("alice")
	w.retitle(name, "Boss")
	w.settle()
	w.box.AddRep(address("bob"), "Rep bob", "")
	w.editContact("alice", id, fields{"OwnerId": w.box.AddRep(address("carl"), "Rep carl", "")})
	w.settle()
	out := u.undo()
	require.Equal(t, []string{"crm " + string(planner.ReasonNoAccess)}, lines(out.Left), "another's record by now, and out of sight")
	require.Equal(t, "Boss", w.crmContacts()[id]["Title"])
}
