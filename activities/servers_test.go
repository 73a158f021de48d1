package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/sandbox/quirk"
)

// calm passes for half an hour, as the schedule has it, and then holds that nothing is written any more. A server that has
// no use for tokens is read in full by each pass, so that there is always something to look at.
func (w *world) calm() {
	w.t.Helper()
	for range 6 {
		w.clock.Advance(5 * time.Minute)
		for rep := range w.users {
			require.Nil(w.t, w.pass(rep).hold, "held")
		}
	}
	before := w.mutations()
	for range 2 {
		w.clock.Advance(5 * time.Minute)
		for rep := range w.users {
			r := w.pass(rep)
			require.Nil(w.t, r.hold, "held")
			require.Nil(w.t, r.trouble(), "in trouble")
		}
	}
	require.Equal(w.t, before, w.mutations(), "converged, and yet something is written")
}

// misbehaving is a world whose vendor has one of the behaviours of package quirk.
func misbehaving(t *testing.T, around sandbox.Around) *world {
	t.Helper()
	t.Parallel()
	w := worldWith(t, sandbox.Config{Clock: &sandbox.Clock{}, Around: around})
	w.policy("name: test\norg: acme\nassign: {profiles: [Field Sales]}\ncontacts:\n  direction: both\n" + propagate + "events:\n  direction: both\n" + propagate)
	return w
}

// story syncs, edits and deletes on both sides.
func (w *world) story() {
	w.t.Helper()
	t := w.t
	cara := w.contact("alice", fields{"FirstName": "Cara", "LastName": "Crm", "Email": "cara@example.com", "Title": "Buyer"})
	carl := w.contact("alice", fields{"FirstName": "Carl", "LastName": "Crm", "Email": "carl@example.com"})
	owner := w.person("alice", `{"names":[{"givenName":"Max","familyName":"Mailbox"}],"emailAddresses":[{"value":"max@example.com","type":"work"}]}`)
	w.person("alice", `{"names":[{"givenName":"Mia","familyName":"Mailbox"}],"emailAddresses":[{"value":"mia@example.com","type":"work"}]}`)
	demo := w.event("alice", meeting("Demo", w.day(3, 9, 0)))
	w.event("alice", meeting("Lunch", w.day(3, 12, 0)))
	call := w.crmEvent("alice", crmMeeting("Call", w.day(4, 11, 0)))
	talk := w.crmEvent("alice", crmMeeting("Talk", w.day(5, 11, 0)))
	w.calm()
	require.Len(t, w.crmContacts(), 4, "nothing lost, nothing doubled")
	require.Len(t, w.people("alice"), 4)
	require.Len(t, w.crmEvents(), 4)
	require.Equal(t, w.crmCalendar(), w.calendar("alice"))

	w.editContact("alice", cara, fields{"Title": "Head buyer"})
	w.editPerson("alice", owner, `{"organizations":[{"title":"Owner","type":"work"}]}`)
	w.editEvent("alice", demo, fields{"location": "Room 4"})
	w.editCRMEvent("alice", call, fields{"Location": "Room 9"})
	w.calm()
	require.Equal(t, "Head buyer", w.people("alice")[w.peer("alice", cara)].Organizations[0].Title)
	titles := map[any]bool{}
	for _, row := range w.crmContacts() {
		titles[row["Title"]] = true
	}
	require.True(t, titles["Owner"], "what was edited in the mailbox came over")
	require.Equal(t, w.crmCalendar(), w.calendar("alice"))

	w.deletePerson("alice", owner)
	w.deleteEvent("alice", demo)
	w.calm()
	require.Len(t, w.crmContacts(), 3, "a delete in the mailbox is a delete in the CRM, whoever tells of it")
	require.Len(t, w.crmEvents(), 3)
	require.Len(t, w.people("alice"), 3)

	w.deleteContact("alice", carl)
	w.deleteCRMEvent("alice", talk)
	if w.lies { // the first delete is found when everything is read anew, once a day
		w.sweep("alice")
	}
	w.calm()
	require.Len(t, w.people("alice"), 2)
	require.Len(t, w.crmContacts(), 2)
	require.Len(t, w.calendar("alice"), 2)
	require.Len(t, w.crmEvents(), 2)
	require.Equal(t, w.crmCalendar(), w.calendar("alice"))
}

func TestMisbehavingGoogle(t *testing.T) {
	t.Parallel()
	for _, q := range quirk.Google() {
		t.Run(q.Name, func(t *testing.T) { misbehaving(t, sandbox.Around{Google: q.Middleware}).story() })
	}
}

func TestMisbehavingSalesforce(t *testing.T) {
	t.Parallel()
	for _, q := range quirk.Salesforce() {
		t.Run(q.Name, func(t *testing.T) {
			w := misbehaving(t, sandbox.Around{Salesforce: q.Middleware})
			w.lies = q.Name == "deletes_not_shown"
			w.story()
		})
	}
}

// A list of many pages is not looked at: it is read in full where tokens are of no use, and every few hours until the feed
// has told of a delete.
func TestMisbehavingGoogleInManyPages(t *testing.T) {
	t.Parallel()
	for _, q := range quirk.Google() {
		switch q.Name {
		case "no_sync_token", "sync_token_ignored", "sync_token_refused_410":
			t.Run(q.Name, func(t *testing.T) {
				w := misbehaving(t, sandbox.Around{Google: q.Middleware})
				w.connect(2)
				w.story()
			})
		case "deletes_not_reported":
			t.Run(q.Name, func(t *testing.T) {
				w := misbehaving(t, sandbox.Around{Google: q.Middleware})
				w.connect(2)
				ids := w.crowd("alice", 5)
				w.calm()
				require.Len(t, w.people("alice"), 5)
				w.deletePerson("alice", w.peer("alice", ids[0]))
				w.calm()
				require.Len(t, w.crmContacts(), 5, "nobody has told of it")
				w.clock.Advance(6 * time.Hour)
				w.calm()
				require.Len(t, w.crmContacts(), 4, "a full read has")
				require.Len(t, w.people("alice"), 4)
			})
		}
	}
}

// Without etags a copy is read just before it is written: who edited it meanwhile loses nothing.
func TestWithoutEtagsAnEditInBetweenStands(t *testing.T) {
	for _, q := range quirk.Google() {
		if q.Name != "no_etags" {
			continue
		}
		w := misbehaving(t, sandbox.Around{Google: q.Middleware})
		id := w.contact("alice", fields{"FirstName": "Cara", "LastName": "Crm", "Email": "cara@example.com"})
		call := w.crmEvent("alice", crmMeeting("Call", w.day(4, 11, 0)))
		w.calm()
		w.editContact("alice", id, fields{"Title": "Buyer"})
		w.editCRMEvent("alice", call, fields{"Location": "Room 9"})
		w.upTo("alice", 3)
		w.editPerson("alice", w.peer("alice", id), `{"organizations":[{"title":"By hand","name":"Acme","type":"work"}],"phoneNumbers":[{"value":"+1 415 555 0100","type":"work"}]}`)
		w.editEvent("alice", w.eventPeer("alice", call), fields{"description": "By hand"})
		w.calm()
		require.Equal(t, "Buyer", w.crmContacts()[id]["Title"], "both changed it, and crm_wins")
		require.Equal(t, "+1 415 555 0100", w.crmContacts()[id]["Phone"])
		require.Equal(t, "Buyer", w.people("alice")[w.peer("alice", id)].Organizations[0].Title)
		require.Equal(t, "By hand", w.crmEvents()[call]["Description"])
		require.Equal(t, "Room 9", w.googleEvent("alice", w.eventPeer("alice", call))["location"])
	}
}

// A list that cannot be read to its end ends the pass in trouble, after a bounded number of requests, and deletes nothing.
func TestPagesThatAreRefusedEndThePass(t *testing.T) {
	w := misbehaving(t, sandbox.Around{Google: quirk.PagesRefused().Middleware})
	w.crowd("alice", 5)
	w.settle()
	w.connect(2)
	w.box.Google.ResetCalls()
	r := w.pass("alice")
	require.Equal(t, "pages_refused", r.trouble().Code)
	require.Equal(t, "retry", r.trouble().Class)
	require.LessOrEqual(t, w.box.Google.Calls()["people.connections.list"], 10)
	require.Len(t, w.crmContacts(), 5)
}

// A kind that a server does not offer is refused with the reason, and delays no other.
func TestKindThatIsNotOfferedIsRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	for code, q := range map[string]quirk.Quirk{"no_object": quirk.NoObject("Event"), "describe_without_fields": quirk.NoFields(), "no_stamp_field": quirk.NoStamps(), "INVALID_TYPE": quirk.NoObject("User")} {
		t.Run(code, func(t *testing.T) {
			w := misbehaving(t, sandbox.Around{Salesforce: q.Middleware})
			w.crowd("alice", 2)
			w.event("alice", meeting("Demo", w.day(3, 9, 0)))
			for range 3 {
				w.clock.Advance(5 * time.Minute)
				r := w.pass("alice")
				require.Equal(t, "unsupported", r.trouble().Class)
				require.Equal(t, code, r.trouble().Code)
				require.NotEmpty(t, r.trouble().Remedy)
			}
			require.Empty(t, w.crmEvents())
			want := 0
			if code == "no_object" {
				want = 2
			}
			require.Len(t, w.people("alice"), want)
		})
	}
}
