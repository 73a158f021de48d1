package activities_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

const uid = "meeting-1@outside.example"

const carried = "  deletes: {from_crm: propagate, from_mailbox: propagate}\n"

// outside is a meeting that somebody outside organises, in the calendars of two reps.
type outside struct {
	w     *world
	start time.Time
	ids   map[string]string
	crmID string
}

func outsideMeeting(t *testing.T, more string) *outside {
	t.Helper()
	w := newWorld(t, "alice", "bob")
	w.eventsBothWays(more)
	o := &outside{w: w, start: w.day(3, 9, 0), ids: map[string]string{}}
	o.send(fields{})
	w.settle("alice", "bob")
	o.crmID, _ = w.crmEventOf(o.start)
	return o
}

// send is the organiser's invitation, or its update, to these reps, both by default.
func (o *outside) send(change fields, reps ...string) {
	o.w.t.Helper()
	if len(reps) == 0 {
		reps = []string{"alice", "bob"}
	}
	for _, rep := range reps {
		o.ids[rep] = o.w.invite(rep, also(invitation(uid, "Their demo", o.start), also(fields{"attendees": guests("alice@acme.test", "bob@acme.test")}, change)))
	}
}

// speaker is the rep whose copy speaks for the meeting, by what the CRM says of its owner.
func (o *outside) speaker() (rep, other string) {
	if o.w.crmEvents()[o.crmID]["OwnerId"] == o.w.users["alice"] {
		return "alice", "bob"
	}
	return "bob", "alice"
}

func (w *world) deactivate(rep string, active bool) {
	w.t.Helper()
	r, err := w.store.GetRep(w.t.Context(), org, rep)
	require.NoError(w.t, err)
	r.Active = active
	require.NoError(w.t, w.store.UpdateRep(w.t.Context(), r))
}

func TestOutsideMeetingOfTwoRepsIsOneCRMEvent(t *testing.T) {
	o := outsideMeeting(t, carried)
	o.w.converged()
	require.Len(t, o.w.crmEvents(), 1)
	for _, rep := range []string{"alice", "bob"} {
		require.Equal(t, 1, o.w.activeLinks(rep))
	}
	_, other := o.speaker()
	require.Contains(t, o.w.relationsOf(o.crmID), o.w.users[other])

	later := o.start.Add(2 * time.Hour) // their edits flow
	o.send(fields{"start": at(later), "end": at(later.Add(time.Hour)), "sequence": 1, "location": "Their office"})
	o.w.converged()
	row := o.w.crmEvents()[o.crmID]
	require.Equal(t, utc(later), crmTime(row, "StartDateTime"))
	require.Equal(t, "Their office", row["Location"])
	require.Len(t, o.w.crmEvents(), 1)
}

func TestCRMEditOfAnOutsideMeetingIsNotOursToChange(t *testing.T) {
	o := outsideMeeting(t, carried)
	o.w.editCRMEvent("alice", o.crmID, fields{"Subject": "Ours"})
	o.w.converged()
	for rep, id := range o.ids {
		require.Equal(t, "Their demo", o.w.googleEvent(rep, id)["summary"])
	}
	speaker, other := o.speaker()
	o.w.onlyParked(speaker, planner.ReasonNotOurs)
	require.Empty(t, o.w.parked(other))
	o.send(fields{"location": "Their office", "sequence": 1})
	o.w.converged()
	require.Equal(t, "Their office", o.w.crmEvents()[o.crmID]["Location"], "the rest goes on")
	o.w.editCRMEvent("alice", o.crmID, fields{"Subject": "Their demo"})
	o.w.converged()
	require.Empty(t, o.w.parked(speaker))
}

func TestOutsideMeetingIsWithdrawn(t *testing.T) {
	o := outsideMeeting(t, carried)
	speaker, other := o.speaker()
	o.w.clock.Advance(time.Second)
	require.NoError(t, o.w.box.Google.Withdraw(address(other), uid, ""))
	o.w.converged()
	require.Contains(t, o.w.crmEvents(), o.crmID, "one rep was asked out")
	require.NoError(t, o.w.box.Google.Withdraw(address(speaker), uid, ""))
	o.w.settle()
	require.Equal(t, planner.ReasonTombstoned, o.w.eventVerdict(speaker, o.crmID).Reason)
	o.w.converged()
	require.Contains(t, o.w.crmEvents(), o.crmID, "nothing tells it from a rep who goes: the record stays, and the verdict says why")
}

func TestRepOfTheElectedCopyLeaves(t *testing.T) {
	o := outsideMeeting(t, carried)
	speaker, other := o.speaker()
	o.w.deactivate(speaker, false)
	o.w.settle(other)
	o.send(fields{"location": "Their office", "sequence": 1})
	o.w.settle(other)
	require.Len(t, o.w.crmEvents(), 1)
	require.Equal(t, "Their office", o.w.crmEvents()[o.crmID]["Location"], "another copy was elected")
	o.w.deactivate(speaker, true)
	o.w.converged()
	require.Len(t, o.w.crmEvents(), 1)
	o.send(fields{"location": "Room 9", "sequence": 2})
	o.w.converged()
	require.Equal(t, "Room 9", o.w.crmEvents()[o.crmID]["Location"])
	require.Len(t, o.w.crmEvents(), 1)
}

func TestElectedRepDeclinesOrDeletesAndTheMeetingStays(t *testing.T) {
	o := outsideMeeting(t, carried)
	speaker, other := o.speaker()
	o.w.editEvent(speaker, o.ids[speaker], fields{"attendees": guests(address(speaker) + " declined")})
	o.w.converged()
	require.Contains(t, o.w.crmEvents(), o.crmID)
	o.w.deleteEvent(speaker, o.ids[speaker])
	o.w.settle()
	o.send(fields{"location": "Their office", "sequence": 1}, other)
	o.w.converged()
	require.Len(t, o.w.crmEvents(), 1, "the other rep still attends it: %v", o.w.crmCalendar())
	for _, row := range o.w.crmEvents() {
		require.Equal(t, "Their office", row["Location"])
	}
}

func TestOutsideSeriesWithAnException(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.eventsBothWays(wideWindow)
	start := w.day(2, 9, 0)
	for _, rep := range []string{"alice", "bob"} {
		w.invite(rep, also(invitation(uid, "Their series", start), fields{"recurrence": []any{"RRULE:FREQ=WEEKLY;COUNT=4"}}))
	}
	w.converged()
	require.Len(t, w.crmEvents(), 4)
	second := start.AddDate(0, 0, 7)
	for _, rep := range []string{"alice", "bob"} {
		w.invite(rep, also(invitation(uid, "Moved", second.Add(3*time.Hour)), fields{"originalStartTime": at(second), "sequence": 1}))
	}
	w.converged()
	require.Len(t, w.crmEvents(), 4)
	require.Equal(t, w.calendar("alice"), w.crmCalendar())
	require.Equal(t, w.calendar("bob"), w.crmCalendar())
}

func TestOrganiserLeavesOrIsReassignedWithoutADouble(t *testing.T) {
	for name, leave := range map[string]func(x *three){
		"the rep is switched off": func(x *three) { x.w.deactivate("alice", false) },
		"the record is reassigned": func(x *three) {
			require.NoError(x.w.t, x.w.box.Salesforce.Update("Event", x.crmID, fields{"OwnerId": x.w.users["bob"]}, ""))
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := meetingOfThree(t, carried)
			left := []string{"bob", "carol"}
			if name == "the record is reassigned" {
				left = append(left, "alice")
			}
			x.w.clock.Advance(time.Second)
			leave(x)
			x.w.settle(left...)
			require.Len(t, x.w.crmEvents(), 1)
			x.edit(record.Mailbox, record.FieldSubject, "Goes on")
			x.w.settle(left...)
			require.Len(t, x.w.crmEvents(), 1)
			require.Equal(t, "Goes on", x.w.crmEvents()[x.crmID]["Subject"], "what the calendar says still reaches the CRM")
			x.w.deactivate("alice", true)
			x.w.converged()
			require.Len(t, x.w.crmEvents(), 1)
			for _, rep := range []string{"alice", "bob", "carol"} {
				require.Equal(t, x.w.crmCalendar(), x.w.calendar(rep))
			}
		})
	}
}

func TestNobodyIsMailedAboutEvents(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.eventsBothWays("  invitations: never\n" + carried)
	ann := w.contact("alice", fields{"LastName": "Ann", "Email": "ann@globex.example"})
	crmID := w.crmEvent("alice", also(crmMeeting("With Ann", w.day(3, 9, 0)), fields{"WhoId": ann}))
	past := w.event("alice", also(meeting("Past", w.day(-5, 9, 0)), fields{"attendees": guests("ann@globex.example", "bob@acme.test")}))
	soon := w.event("alice", also(meeting("Soon", w.day(4, 9, 0)), fields{"attendees": guests("ann@globex.example")}))
	w.converged()
	copied := w.eventPeer("alice", crmID)
	require.Nil(t, w.googleEvent("alice", copied)["attendees"], "nobody is copied to where invitations are sent from")
	require.Equal(t, record.FieldAttendees, w.eventVerdict("alice", crmID).Field, "the verdict says so")
	require.Contains(t, w.relationsOf(crmID), ann)
	w.editEvent("alice", copied, fields{"location": "Room 4"})
	w.converged()
	require.Contains(t, w.relationsOf(crmID), ann, "that nobody is invited there is no removal")

	for _, id := range []string{past, soon} { // edits from the CRM of meetings with guests
		l, ok := w.eventLink("alice", record.Mailbox, id)
		require.True(t, ok)
		w.editCRMEvent("alice", l.CRM.ID, fields{"Description": "Edited in the CRM"})
	}
	w.converged()
	require.Len(t, w.googleEvent("alice", past)["attendees"], 2, "guests stay")
	l, _ := w.eventLink("alice", record.Mailbox, soon)
	w.deleteCRMEvent("alice", l.CRM.ID)
	w.box.Google.ExpireCalendarTokens("")
	w.converged()
	require.Equal(t, "cancelled", w.googleEvent("alice", soon)["status"])
}

func TestOrganizerPolicyMailsExactlyThoseOfTheMeeting(t *testing.T) {
	w := newWorld(t)
	w.mails = true
	w.eventsBothWays("  invitations: organizer\n" + carried)
	ann := w.contact("alice", fields{"LastName": "Ann", "Email": "ann@globex.example"})
	id := w.crmEvent("alice", also(crmMeeting("With Ann", w.day(3, 9, 0)), fields{"WhoId": ann}))
	w.crmEvent("alice", crmMeeting("Alone", w.day(4, 9, 0)))
	w.converged()
	sent := func() (out []string) {
		for _, m := range w.box.Outbox.All() {
			out = append(out, m.To+" "+m.Reason)
		}
		slices.Sort(out)
		return out
	}
	require.Equal(t, []string{"ann@globex.example invitation"}, sent())
	w.editCRMEvent("alice", id, fields{"StartDateTime": w.day(3, 11, 0).UTC().Format(time.RFC3339), "EndDateTime": w.day(3, 12, 0).UTC().Format(time.RFC3339)})
	w.converged()
	require.Equal(t, []string{"ann@globex.example invitation", "ann@globex.example update"}, sent())
	w.deleteCRMEvent("alice", id)
	w.converged()
	require.Equal(t, []string{"ann@globex.example cancellation", "ann@globex.example invitation", "ann@globex.example update"}, sent())
}
