package activities_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// three is a meeting that alice organises and bob and carol attend, with a contact.
type three struct {
	*meet
	ann string // the contact
}

func meetingOfThree(t *testing.T, more string) *three {
	t.Helper()
	w := newWorld(t, "alice", "bob", "carol")
	w.eventsBothWays(more)
	x := &three{meet: &meet{w: w, start: w.day(3, 9, 0)}}
	x.ann = w.contact("alice", fields{"LastName": "Ann", "Email": "ann@globex.example", "AccountId": w.account("Globex")})
	x.id = w.event("alice", also(meeting("Demo", x.start), fields{"attendees": guests("alice@acme.test accepted", "bob@acme.test", "carol@acme.test", "ann@globex.example")}))
	w.settle("alice", "bob", "carol")
	x.crmID, _ = w.crmEventOf(x.start)
	return x
}

// copyOf is another rep's copy of the meeting; Google gives it the same id.
func (x *three) copyOf(rep string) fields { return x.w.googleEvent(rep, x.id) }

func (x *three) answer(rep string) string { return x.w.relationsOf(x.crmID)[x.w.users[rep]] }

func TestMeetingOfThreeRepsIsOneCRMEvent(t *testing.T) {
	for _, order := range [][]string{{"alice", "bob", "carol"}, {"carol", "bob", "alice"}} {
		t.Run(order[0]+" first", func(t *testing.T) {
			w := newWorld(t, "alice", "bob", "carol")
			w.eventsBothWays(wideWindow)
			start := w.day(2, 9, 0)
			who := fields{"attendees": guests("alice@acme.test accepted", "bob@acme.test", "carol@acme.test")}
			one := w.event("alice", also(meeting("Demo", w.day(3, 15, 0)), who))
			w.event("alice", also(weekly("Stand-up", start, 4), who))
			w.settle(order...)
			w.converged()
			require.Len(t, w.crmEvents(), 5, "%v", w.crmCalendar())
			for _, rep := range order {
				require.Equal(t, w.crmCalendar(), w.calendar(rep))
				require.Equal(t, 5, w.activeLinks(rep), rep)
			}
			for id, row := range w.crmEvents() {
				require.Equal(t, w.users["alice"], row["OwnerId"], "it is its organiser's")
				related := w.relationsOf(id)
				require.Contains(t, related, w.users["bob"])
				require.Contains(t, related, w.users["carol"])
			}
			_, err := w.box.Google.Calendar(address("bob")).Patch(one, fields{"attendees": guests("bob@acme.test accepted")})
			require.NoError(t, err)
			w.converged()
			id, _ := w.crmEventOf(w.day(3, 15, 0))
			require.Equal(t, "Accepted", w.relationsOf(id)[w.users["bob"]])
			require.Equal(t, "New", w.relationsOf(id)[w.users["carol"]])
		})
	}
}

func TestAnswersOfAttendeesReachTheCRM(t *testing.T) {
	x := meetingOfThree(t, "")
	require.Equal(t, "New", x.answer("bob"))
	x.w.clock.Advance(time.Second)
	require.NoError(t, x.w.box.Google.Calendar(address("alice")).Answer(x.id, "ann@globex.example", "declined"))
	for rep, answer := range map[string]string{"bob": "accepted", "carol": "declined"} {
		x.w.editEvent(rep, x.id, fields{"attendees": guests(rep + "@acme.test " + answer)})
	}
	x.w.converged()
	require.Equal(t, "Accepted", x.answer("bob"))
	require.Equal(t, "Declined", x.answer("carol"))
	require.Equal(t, "Declined", x.w.relationsOf(x.crmID)[x.ann])
	require.Len(t, x.w.crmEvents(), 1)
}

func TestAttendeeWhoDeletesEditsOrDeclinesTouchesTheirCopyAlone(t *testing.T) {
	for name, do := range map[string]func(x *three){
		"deletes":  func(x *three) { x.w.deleteEvent("bob", x.id) },
		"declines": func(x *three) { x.w.editEvent("bob", x.id, fields{"attendees": guests("bob@acme.test declined")}) },
		"edits": func(x *three) {
			x.w.editEvent("bob", x.id, fields{"summary": "Bob's", "colorId": "3"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := meetingOfThree(t, "  deletes: {from_crm: propagate, from_mailbox: propagate}\n")
			do(x)
			x.w.converged()
			require.Contains(t, x.w.crmEvents(), x.crmID, "the meeting stays")
			require.Equal(t, "Demo", x.w.crmEvents()[x.crmID]["Subject"])
			require.Equal(t, "confirmed", x.w.googleEvent("alice", x.id)["status"])
			require.Equal(t, "Demo", x.w.googleEvent("alice", x.id)["summary"])
			require.Equal(t, "confirmed", x.copyOf("carol")["status"])
			if name != "edits" {
				require.NotEqual(t, "Accepted", x.answer("bob"))
			}
			x.edit(record.Mailbox, record.FieldSubject, "Goes on")
			x.w.converged()
			require.Equal(t, "Goes on", x.w.crmEvents()[x.crmID]["Subject"])
			require.Len(t, x.w.crmEvents(), 1)
		})
	}
}

func TestOrganiserEditsAndDeletesForAll(t *testing.T) {
	x := meetingOfThree(t, "  deletes: {from_crm: propagate, from_mailbox: propagate}\n")
	x.edit(record.CRM, record.FieldLocation, "Room 9")
	x.w.converged()
	require.Equal(t, "Room 9", x.w.googleEvent("alice", x.id)["location"])
	require.Equal(t, "Room 9", x.copyOf("bob")["location"])
	x.delete(record.Mailbox)
	x.w.converged()
	require.Empty(t, x.w.crmEvents())
	for _, rep := range []string{"alice", "bob", "carol"} {
		require.Empty(t, x.w.calendar(rep))
	}
}

func TestMeetingIsRelatedToContactsLeadsAccountsAndUsers(t *testing.T) {
	for policy, want := range map[string][]string{
		"": {"ann", "lee", "globex", "bob"}, "  relate: {contacts: false}\n": {"lee", "bob"},
		"  relate: {leads: false}\n": {"ann", "globex", "bob"}, "  relate: {accounts: false}\n": {"ann", "lee", "bob"},
	} {
		t.Run(policy, func(t *testing.T) {
			w := newWorld(t, "alice", "bob")
			w.eventsBothWays(policy)
			ids := map[string]string{"bob": w.users["bob"], "globex": w.account("Globex")}
			ids["ann"] = w.contact("alice", fields{"LastName": "Ann", "Email": "ann@globex.example", "AccountId": ids["globex"]})
			var err error
			ids["lee"], err = w.box.Salesforce.Insert("Lead", fields{"LastName": "Lee", "Company": "Initech", "Email": "lee@initech.example"}, w.users["alice"])
			require.NoError(t, err)
			all := guests("ann@globex.example accepted", "lee@initech.example", "bob@acme.test", "zoe@nowhere.example")
			start := w.day(3, 9, 0)
			id := w.event("alice", also(meeting("Demo", start), fields{"attendees": all}))
			w.converged()
			crmID, _ := w.crmEventOf(start)
			require.ElementsMatch(t, idsOf(ids, want), keysOfMap(w.relationsOf(crmID)))
			w.editEvent("alice", id, fields{"attendees": guests("zoe@nowhere.example")})
			w.converged()
			require.Empty(t, w.relationsOf(crmID), "what Repsync related and nobody attends any more goes")
		})
	}
}

func idsOf(ids map[string]string, names []string) (out []string) {
	for _, n := range names {
		out = append(out, ids[n])
	}
	return out
}

func keysOfMap(m map[string]string) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func TestRelationThatAPersonMadeStays(t *testing.T) {
	m := meetingOf(t, record.Mailbox, "")
	ann := m.w.contact("alice", fields{"LastName": "Ann", "Email": "ann@globex.example"})
	m.w.editCRMEvent("alice", m.crmID, fields{"WhoId": ann})
	m.w.converged()
	require.Contains(t, m.w.relationsOf(m.crmID), ann)
	bo := m.w.contact("alice", fields{"LastName": "Bo", "Email": "bo@initech.example"})
	m.w.clock.Advance(25 * time.Hour)
	m.w.editEvent("alice", m.id, fields{"attendees": guests("bo@initech.example")})
	m.w.converged()
	require.Contains(t, m.w.relationsOf(m.crmID), bo)
	m.w.editEvent("alice", m.id, fields{"attendees": nil})
	m.w.converged()
	require.NotContains(t, m.w.relationsOf(m.crmID), bo)
	require.Contains(t, m.w.relationsOf(m.crmID), ann, "what a person related is no business of ours")
}

func TestSeveralContactsOfOneAddressGoByTheTie(t *testing.T) {
	for rule, want := range map[string]string{"newest": "second", "oldest": "first", "most_recent_activity": "first", "review": ""} {
		t.Run(rule, func(t *testing.T) {
			w := newWorld(t)
			w.eventsBothWays("  relate: {on_tie: " + rule + "}\n")
			ids := map[string]string{"first": w.contact("", fields{"OwnerId": w.users["alice"], "LastName": "Ann", "Email": "ann@globex.example", "LastActivityDate": "2026-05-01"})}
			w.clock.Advance(time.Hour)
			ids["second"] = w.contact("", fields{"OwnerId": w.users["alice"], "LastName": "Ann", "Email": "ann@globex.example", "LastActivityDate": "2026-01-01"})
			start := w.day(3, 9, 0)
			w.event("alice", also(meeting("Demo", start), fields{"attendees": guests("ann@globex.example")}))
			w.converged()
			crmID, _ := w.crmEventOf(start)
			if want == "" {
				require.Empty(t, w.relationsOf(crmID))
				return
			}
			require.Equal(t, []string{ids[want]}, keysOfMap(w.relationsOf(crmID)))
			w.clock.Advance(time.Hour)
			w.editContact("alice", ids["first"], fields{"Title": "Touched"})
			w.editContact("alice", ids["second"], fields{"Title": "Touched"})
			w.converged()
			require.Equal(t, []string{ids[want]}, keysOfMap(w.relationsOf(crmID)), "and stays with the one")
		})
	}
}

func TestEventThatAUserCopiedWithOurMarkerIsANewOne(t *testing.T) {
	m := meetingOf(t, record.CRM, wideWindow)
	e := m.w.googleEvent("alice", m.id)
	copied := m.w.event("alice", also(meeting("Demo, copied", m.w.day(5, 9, 0)), fields{"extendedProperties": e["extendedProperties"], "location": e["location"]}))
	m.w.converged()
	require.Equal(t, [2]int{2, 2}, m.count(), "the copy is an item of its own")
	require.Equal(t, m.id, m.w.eventPeer("alice", m.crmID), "the old one keeps its link")
	m.w.deleteEvent("alice", copied)
	m.w.converged()
	require.Equal(t, [2]int{1, 1}, m.count())
	require.Contains(t, m.w.crmEvents(), m.crmID)
	m.w.box.Google.ExpireCalendarTokens("")
	m.w.converged()
	require.Equal(t, [2]int{1, 1}, m.count())
}

func TestEventWithTheMarkerOfAnotherOrgIsRefused(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays("")
	start := w.day(3, 9, 0)
	id := w.event("alice", also(meeting("Theirs", start), fields{"extendedProperties": fields{"private": fields{"repsync": "globex/abc.0"}}}))
	w.crmEvent("alice", crmMeeting("Theirs", start))
	w.converged()
	require.Equal(t, planner.ReasonForeignMarker, w.eventReason("alice", id))
	require.Len(t, w.crmEvents(), 1, "it made no record")
	w.editEvent("alice", id, fields{"location": "Secret"})
	w.converged()
	_, row := w.crmEventOf(start)
	require.Nil(t, row["Location"])
}

func TestRepsShareAMeetingThatTheCRMHasInvitedThemTo(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.eventsBothWays("")
	start := w.day(3, 9, 0)
	id := w.crmEvent("alice", crmMeeting("Review", start))
	_, err := w.box.Salesforce.Insert("EventRelation", fields{"EventId": id, "RelationId": w.users["bob"], "IsInvitee": true}, w.users["alice"])
	require.NoError(t, err)
	w.converged()
	require.Equal(t, w.crmCalendar(), w.calendar("alice"))
	require.Equal(t, w.crmCalendar(), w.calendar("bob"))
	require.Len(t, w.crmEvents(), 1, "the invitee's copy in the CRM is no event of its own")
	w.editCRMEvent("alice", id, fields{"Subject": "Review, moved"})
	w.converged()
	require.Contains(t, w.calendar("bob")[0], "Review, moved")
	require.Len(t, w.crmEvents(), 1)
}

// No feed tells that somebody who attends has come to the CRM since: whoever came, by hand or as a copy in the very pass that
// made the record, is related when everything is read again, as it is once a day.
func TestWhoComesToTheCRMLaterIsRelatedByTheSweep(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays("")
	w.event("alice", also(meeting("Demo", w.day(3, 9, 0)), fields{"attendees": guests("alice@acme.test accepted", "ann@globex.example")}))
	w.settle()
	id, _ := w.crmEventOf(w.day(3, 9, 0))
	ann := w.contact("alice", fields{"LastName": "Ann", "Email": "ann@globex.example", "AccountId": w.account("Globex")})
	w.settle()
	require.NotContains(t, w.relationsOf(id), ann)
	w.reread()
	require.Contains(t, w.relationsOf(id), ann)
	w.converged()
}
