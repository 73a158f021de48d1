package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

// eventPolicyOf gives one rep a policy of events alone.
func (w *world) eventPolicyOf(rep, direction string) {
	w.t.Helper()
	_, err := w.store.ApplyPolicy(w.t.Context(), org, rep, []byte("name: "+rep+"\norg: acme\nassign: {reps: ["+rep+"]}\ncontacts: {direction: off}\nevents: {direction: "+direction+"}\n"))
	require.NoError(w.t, err)
}

// notToTheCRM are the directions in which a rep's events do not reach the CRM.
var notToTheCRM = []string{"off", "crm_to_mailbox"}

// ordersOfPasses are who passes first, the rep whose copy was elected or the other.
var ordersOfPasses = []string{"speaker first", "other first"}

func (o *outside) passes(order string) []string {
	speaker, other := o.speaker()
	if order == "other first" {
		return []string{other, speaker}
	}
	return []string{speaker, other}
}

func TestElectedCopyOfARepWhoseEventsNoLongerFlow(t *testing.T) {
	for _, direction := range notToTheCRM {
		for _, order := range ordersOfPasses {
			t.Run(direction+", "+order, func(t *testing.T) {
				o := outsideMeeting(t, "")
				speaker, other := o.speaker()
				passes := o.passes(order)
				o.w.eventPolicyOf(speaker, direction)
				o.w.settle(passes...)
				o.send(fields{"location": "Their office", "sequence": 1})
				o.w.settle(passes...)
				require.Len(t, o.w.crmEvents(), 1)
				require.Equal(t, "Their office", o.w.crmEvents()[o.crmID]["Location"], "nobody speaks for a meeting that %s still attends", other)
				o.w.converged(passes...)

				o.w.eventPolicyOf(speaker, "both") // and back
				o.w.settle(passes...)
				o.send(fields{"location": "Room 9", "sequence": 2})
				o.w.settle(passes...)
				require.Equal(t, "Room 9", o.w.crmEvents()[o.crmID]["Location"])
				o.w.converged(passes...)
				require.Len(t, o.w.crmEvents(), 1)
			})
		}
	}
}

// Each copy of an outside meeting gets its organiser's update. Whoever passes first, one of them carries it.
func TestUpdateOfAnOutsideMeetingInEitherOrderOfPasses(t *testing.T) {
	for _, order := range ordersOfPasses {
		t.Run(order, func(t *testing.T) {
			o := outsideMeeting(t, "")
			passes := o.passes(order)
			for sequence, place := range []string{"Their office", "Room 9", "Lobby"} {
				o.send(fields{"location": place, "sequence": sequence + 1})
				o.w.settle(passes...)
				require.Equal(t, place, o.w.crmEvents()[o.crmID]["Location"])
			}
			_, other := o.speaker()
			o.send(fields{"location": "Café", "sequence": 4}, other) // the elected copy's invitation comes late
			o.w.settle(passes...)
			require.Equal(t, "Café", o.w.crmEvents()[o.crmID]["Location"])
			o.w.converged(passes...)
			o.send(fields{"location": "Café", "sequence": 4})
			o.w.converged(passes...)
			require.Len(t, o.w.crmEvents(), 1)
			require.Equal(t, "Café", o.w.crmEvents()[o.crmID]["Location"])
		})
	}
}

func TestMeetingOfAnOrganiserWhoseEventsDoNotFlow(t *testing.T) {
	for _, direction := range notToTheCRM {
		t.Run(direction, func(t *testing.T) {
			w := newWorld(t, "alice", "bob")
			w.eventPolicyOf("alice", direction)
			w.eventPolicyOf("bob", "both")
			w.event("alice", also(meeting("Demo", w.day(3, 9, 0)), fields{"attendees": guests("alice@acme.test accepted", "bob@acme.test")}))
			w.settle("alice", "bob")
			require.Len(t, w.crmCalendar(), 1, "bob's meetings flow to the CRM, and this one's organiser does not sync")
			w.converged()
			require.Len(t, w.crmCalendar(), 1)
		})
	}
}

// A rep who was added and whose calendar nobody has read yet is waited for a while: the first pass may never come. Once it
// comes the organiser's copy speaks.
func TestMeetingOfAnOrganiserWhoWasNeverRead(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.eventsBothWays("")
	start := w.day(3, 9, 0) // once: half an hour later it may be another day
	id := w.event("alice", also(meeting("Demo", start), fields{"attendees": guests("alice@acme.test accepted", "bob@acme.test")}))
	w.settle("bob")
	w.onlyParked("bob", planner.ReasonOrganizerSpeaks)
	for range 6 {
		w.clock.Advance(5 * time.Minute)
		w.settle("bob")
	}
	require.Len(t, w.crmCalendar(), 1)
	require.Empty(t, w.parked("bob"))
	w.converged()
	w.editEvent("alice", id, fields{"summary": "Demo, moved"})
	w.settle("alice")
	_, row := w.crmEventOf(start)
	require.Equal(t, "Demo, moved", row["Subject"], "the organiser's copy speaks now")
	w.converged()
	require.Len(t, w.crmCalendar(), 1)
}

// Who waits for an organiser's record is tried again as soon as the organiser's events are switched off.
func TestGuestsCopyNoLongerWaitsForAnOrganiserWhoseEventsAreOff(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.eventPolicyOf("alice", "both")
	w.eventPolicyOf("bob", "both")
	w.settle()
	w.event("alice", also(meeting("Demo", w.day(3, 9, 0)), fields{"attendees": guests("alice@acme.test accepted", "bob@acme.test")}))
	w.settle("bob")
	w.onlyParked("bob", planner.ReasonOrganizerSpeaks)
	w.eventPolicyOf("alice", "off")
	w.pass("alice")
	w.settle("bob")
	require.Len(t, w.crmCalendar(), 1)
	require.Empty(t, w.parked("bob"))
}

func TestAttendeeOfAMeetingThatIsMadePrivate(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.eventsBothWays(carried + "  private: skip\n")
	id := w.event("alice", also(meeting("Secret", w.day(3, 9, 0)), fields{"attendees": guests("alice@acme.test accepted", "bob@acme.test")}))
	w.settle("alice", "bob")
	w.editEvent("alice", id, fields{"visibility": "private"})
	w.settle("alice", "bob")
	require.Empty(t, w.crmCalendar())
	stays := func() {
		w.t.Helper()
		require.Empty(t, w.crmCalendar(), "the attendee's copy brings it back")
		require.Empty(t, w.parked("bob"), "nothing is there for anybody to decide")
		l, ok := w.eventLink("bob", record.Mailbox, id)
		require.True(t, ok)
		require.Equal(t, planner.Left, l.State)
	}
	stays()
	w.editEvent("bob", id, fields{"summary": "Secret: my notes"})
	w.settle("alice", "bob")
	stays()
	w.editEvent("alice", id, fields{"visibility": "default"})
	w.settle("alice", "bob")
	w.converged()
	require.Len(t, w.crmCalendar(), 1, "public again")
	require.Len(t, w.calendar("bob"), 1, "the invitation, and no copy beside it")
	require.Empty(t, w.parked("bob"))
}

// A rep whom the CRM has invited to somebody else's event deletes the copy of it: it goes from that calendar alone, though
// the CRM would let the rep delete the record.
func TestInviteesDeleteOfACopyStaysTheirs(t *testing.T) {
	for _, rule := range []string{"propagate", "review"} {
		t.Run(rule, func(t *testing.T) {
			w := newWorld(t, "alice", "bob")
			w.eventsBothWays("  deletes: {from_crm: propagate, from_mailbox: " + rule + "}\n")
			id := w.crmEvent("alice", crmMeeting("Review", w.day(3, 9, 0)))
			_, err := w.box.Salesforce.Insert("EventRelation", fields{"EventId": id, "RelationId": w.users["bob"], "IsInvitee": true}, w.users["alice"])
			require.NoError(t, err)
			w.box.Salesforce.AddUser(salesforce.User{Username: address("bob"), Name: "Rep bob", Profile: "Field Sales", Active: true, ModifyAll: true})
			w.converged()
			w.deleteEvent("bob", w.eventPeer("bob", id))
			w.converged()
			require.Contains(t, w.crmEvents(), id)
			require.Len(t, w.calendar("alice"), 1)
			require.Empty(t, w.calendar("bob"))
			require.Empty(t, w.parked("bob"))
			l, ok := w.eventLink("bob", record.CRM, id)
			require.True(t, ok)
			require.Equal(t, planner.Tombstone, l.State)
			w.editCRMEvent("alice", id, fields{"Subject": "Review, moved"})
			w.converged()
			require.Empty(t, w.calendar("bob"), "it does not come back")
		})
	}
}

// The link of a series as a whole stays with its first half when the rep splits the copy.
func TestSplitCopyOfANativeSeriesKeepsItsLink(t *testing.T) {
	w := newWorld(t)
	w.eventPolicy("both", "  window: {past: 30d, future: 359d}\n")
	start := w.day(2, 9, 0)
	weekday := []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}[start.Weekday()]
	series, err := w.box.Salesforce.AddSeries(w.users["alice"], "RRULE:FREQ=WEEKLY;BYDAY="+weekday+";COUNT=10", fields{
		"Subject": "Pipeline", "Recurrence2PatternTimeZone": berlin, "StartDateTime": start.UTC().Format(time.RFC3339), "EndDateTime": start.Add(time.Hour).UTC().Format(time.RFC3339)})
	require.NoError(t, err)
	w.converged()
	copied := w.eventPeer("alice", series)
	w.clock.Advance(time.Second)
	_, err = w.box.Google.SplitSeries(address("alice"), copied, start.AddDate(0, 0, 35), fields{"summary": "From now on"})
	require.NoError(t, err)
	w.settle()
	require.Equal(t, copied, w.eventPeer("alice", series))
	w.converged()
	require.Equal(t, copied, w.eventPeer("alice", series))
}
