package google_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/calendar/v3"

	"github.com/repsync/repsync/internal/sandbox/google"
)

const outside = "pat@customer.test"

// copies returns an event as each of three people has it.
func copies(t *testing.T, b *calBench, id string) map[string]*calendar.Event {
	t.Helper()
	out := map[string]*calendar.Event{}
	for _, user := range []string{alice, bob, carol} {
		e, err := b.calendar(t, user).Events.Get("primary", id).Do()
		if err == nil {
			out[user] = e
		}
	}
	return out
}

// answers shows the guests of an event as "address answer".
func answers(e *calendar.Event) []string {
	out := []string{}
	for _, a := range e.Attendees {
		out = append(out, a.Email+" "+a.ResponseStatus)
	}
	return out
}

// answer is a patch in which a guest answers and leaves all else alone.
func answer(e *calendar.Event, user, status string) *calendar.Event {
	out := &calendar.Event{}
	for _, a := range e.Attendees {
		one := *a
		if one.Email == user {
			one.ResponseStatus = status
		}
		out.Attendees = append(out.Attendees, &one)
	}
	return out
}

func TestMeetingsReachTheirGuests(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	as, bs := b.calendar(t, alice), b.calendar(t, bob)
	in := meeting("Bob@Acme.test", outside)
	in.Description = "Agenda"
	in.ExtendedProperties = &calendar.EventExtendedProperties{Private: map[string]string{"repsync": "a/1"}, Shared: map[string]string{"s": "1"}}
	e := inserted(t, as, in)
	bobs := copies(t, b, e.Id)[bob]
	require.Equal(t, e.ICalUID, bobs.ICalUID)
	require.Equal(t, alice, bobs.Organizer.Email)
	require.False(t, bobs.Organizer.Self)
	require.True(t, bobs.Attendees[0].Self)
	require.False(t, bobs.Attendees[1].Self)
	require.Empty(t, bobs.ExtendedProperties.Private, "private properties stay with one copy")
	require.Equal(t, "1", bobs.ExtendedProperties.Shared["s"])
	require.NotEqual(t, e.Etag, bobs.Etag)

	// A guest's own content stays, until the organiser changes the same field.
	_, err := bs.Events.Patch("primary", e.Id, &calendar.Event{Summary: "Mine", Location: "My desk",
		ExtendedProperties: &calendar.EventExtendedProperties{Private: map[string]string{"repsync": "b/1"}}}).Do()
	require.NoError(t, err)
	require.Equal(t, "Review", copies(t, b, e.Id)[alice].Summary)
	_, err = as.Events.Patch("primary", e.Id, &calendar.Event{Summary: "Theirs"}).Do()
	require.NoError(t, err)
	bobs = copies(t, b, e.Id)[bob]
	require.Equal(t, "Theirs", bobs.Summary)
	require.Equal(t, "My desk", bobs.Location)
	require.Equal(t, "b/1", bobs.ExtendedProperties.Private["repsync"])
	require.Equal(t, "a/1", copies(t, b, e.Id)[alice].ExtendedProperties.Private["repsync"])

	_, err = bs.Events.Patch("primary", e.Id, &calendar.Event{GuestsCanModify: true}).Do()
	mustBe(t, err, 403, "forbiddenForNonOrganizer")

	// Answers travel to everybody.
	_, token := listed(t, as.Events.List("primary"))
	out, err := bs.Events.Patch("primary", e.Id, answer(bobs, bob, "accepted")).Do()
	require.NoError(t, err)
	require.Equal(t, []string{bob + " accepted", outside + " needsAction"}, answers(out))
	list, _ := listed(t, as.Events.List("primary").SyncToken(token))
	require.Len(t, list, 1)
	require.Equal(t, answers(out), answers(list[0]))

	// A guest can neither answer for others nor take them out, but may bring others in.
	_, err = bs.Events.Patch("primary", e.Id, &calendar.Event{Attendees: []*calendar.EventAttendee{{Email: bob, ResponseStatus: "tentative"}, {Email: carol}}}).Do()
	require.NoError(t, err)
	all := copies(t, b, e.Id)
	for _, user := range []string{alice, bob, carol} {
		require.Equal(t, []string{bob + " tentative", outside + " needsAction", carol + " needsAction"}, answers(all[user]), user)
	}

	// The organiser takes one out.
	_, err = as.Events.Patch("primary", e.Id, &calendar.Event{Attendees: []*calendar.EventAttendee{{Email: bob, ResponseStatus: "tentative"}}}).Do()
	require.NoError(t, err)
	require.Equal(t, "cancelled", copies(t, b, e.Id)[carol].Status)

	// A guest's deletion declines and removes one copy.
	require.NoError(t, bs.Events.Delete("primary", e.Id).Do())
	all = copies(t, b, e.Id)
	require.Equal(t, "cancelled", all[bob].Status)
	require.Equal(t, "confirmed", all[alice].Status)
	require.Equal(t, []string{bob + " declined"}, answers(all[alice]))
	_, err = as.Events.Patch("primary", e.Id, &calendar.Event{Summary: "Later"}).Do()
	require.NoError(t, err)
	require.Equal(t, "cancelled", copies(t, b, e.Id)[bob].Status, "who removed the copy is left alone")
	require.Empty(t, b.mails())
}

func TestGuestsWhoMayModify(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	in := meeting(bob, carol)
	in.GuestsCanModify = true
	e := inserted(t, b.calendar(t, alice), in)
	start, end := timed("2026-11-04T10:00:00+01:00", "2026-11-04T11:00:00+01:00", "Europe/Berlin")
	_, err := b.calendar(t, bob).Events.Patch("primary", e.Id, &calendar.Event{Summary: "Bob's", Start: start, End: end}).Do()
	require.NoError(t, err)
	for user, copied := range copies(t, b, e.Id) {
		require.Equal(t, "Bob's", copied.Summary, user)
		require.Equal(t, "2026-11-04T09:00:00Z", copied.Start.DateTime, user)
		require.EqualValues(t, 1, copied.Sequence, user)
	}
}

func TestMeetingsThatRecur(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	as, bs := b.calendar(t, alice), b.calendar(t, bob)
	m := inserted(t, as, weekly(bob))
	second, third := m.Id+"_20260322T080000Z", m.Id+"_20260329T070000Z"

	// One occurrence, answered by the guest.
	occ, err := bs.Events.Get("primary", second).Do()
	require.NoError(t, err)
	_, err = bs.Events.Patch("primary", second, answer(occ, bob, "declined")).Do()
	require.NoError(t, err)
	all := copies(t, b, second)
	require.Equal(t, []string{bob + " declined"}, answers(all[alice]))
	require.Equal(t, m.Id, all[alice].RecurringEventId)
	require.Equal(t, []string{bob + " needsAction"}, answers(copies(t, b, m.Id)[alice]), "the series is as it was")

	// One occurrence, moved and then cancelled by the organiser.
	start, end := timed("2026-03-30T09:00:00+02:00", "2026-03-30T10:00:00+02:00", "Europe/Berlin")
	_, err = as.Events.Patch("primary", third, &calendar.Event{Start: start, End: end}).Do()
	require.NoError(t, err)
	bobs := copies(t, b, third)[bob]
	require.Equal(t, "2026-03-30T07:00:00Z", bobs.Start.DateTime)
	require.Equal(t, "2026-03-29T07:00:00Z", bobs.OriginalStartTime.DateTime)
	require.NoError(t, as.Events.Delete("primary", third).Do())
	require.Equal(t, "cancelled", copies(t, b, third)[bob].Status)

	// Somebody who is asked to one occurrence only.
	fifth := m.Id + "_20260412T070000Z"
	_, err = as.Events.Patch("primary", fifth, &calendar.Event{Attendees: []*calendar.EventAttendee{{Email: bob}, {Email: carol}}}).Do()
	require.NoError(t, err)
	require.Equal(t, m.Id, copies(t, b, fifth)[carol].RecurringEventId)
	_, err = b.calendar(t, carol).Events.Get("primary", m.Id).Do()
	mustBe(t, err, 404, "notFound")

	// A guest who deletes one occurrence declines it.
	require.NoError(t, bs.Events.Delete("primary", m.Id+"_20260405T070000Z").Do())
	require.Equal(t, []string{bob + " declined"}, answers(copies(t, b, m.Id+"_20260405T070000Z")[alice]))

	// The organiser deletes it all.
	require.NoError(t, as.Events.Delete("primary", m.Id).Do())
	require.Equal(t, "cancelled", copies(t, b, m.Id)[bob].Status)
	list, _ := listed(t, bs.Events.List("primary"))
	require.Empty(t, list)
}

func TestMail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		send                             string
		insert, change, drop, reply, end []string
	}{
		{"", nil, nil, nil, nil, nil},
		{"none", nil, nil, nil, nil, nil},
		{"externalOnly", []string{"invitation " + alice + ">" + outside}, []string{"update " + alice + ">" + outside},
			[]string{"cancellation " + alice + ">" + outside}, nil, nil},
		{"all", []string{"invitation " + alice + ">" + bob, "invitation " + alice + ">" + outside},
			[]string{"update " + alice + ">" + bob, "update " + alice + ">" + outside},
			[]string{"update " + alice + ">" + bob, "cancellation " + alice + ">" + outside},
			[]string{"reply " + bob + ">" + alice}, []string{"cancellation " + alice + ">" + bob}},
	} {
		t.Run("sendUpdates="+c.send, func(t *testing.T) {
			t.Parallel()
			b := startCalendar(t, google.Config{})
			as, bs := b.calendar(t, alice), b.calendar(t, bob)
			insert := as.Events.Insert("primary", meeting(alice, bob, outside))
			if c.send != "" {
				insert = insert.SendUpdates(c.send)
			}
			e, err := insert.Do()
			require.NoError(t, err)
			require.Equal(t, c.insert, b.mails())

			do := func(svc *calendar.Service, change *calendar.Event) {
				call := svc.Events.Patch("primary", e.Id, change)
				if c.send != "" {
					call = call.SendUpdates(c.send)
				}
				_, err := call.Do()
				require.NoError(t, err)
			}
			do(as, &calendar.Event{ExtendedProperties: &calendar.EventExtendedProperties{Private: map[string]string{"k": "v"}}})
			require.Empty(t, b.mails(), "what only one copy has is no news to guests")
			do(as, &calendar.Event{Location: "Room 2"})
			require.Equal(t, c.change, b.mails())
			do(as, &calendar.Event{Attendees: []*calendar.EventAttendee{{Email: alice}, {Email: bob}}})
			require.Equal(t, c.drop, b.mails())
			do(bs, answer(copies(t, b, e.Id)[bob], bob, "accepted"))
			require.Equal(t, c.reply, b.mails())
			del := as.Events.Delete("primary", e.Id)
			if c.send != "" {
				del = del.SendUpdates(c.send)
			}
			require.NoError(t, del.Do())
			require.Equal(t, c.end, b.mails())
		})
	}
}

func TestSendNotificationsIsTheOlderForm(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	_, err := b.calendar(t, alice).Events.Insert("primary", meeting(bob)).SendNotifications(true).Do()
	require.NoError(t, err)
	require.Equal(t, []string{"invitation " + alice + ">" + bob}, b.mails())
}

func TestInvitationsFromOutside(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	event := func(change map[string]any) map[string]any {
		e := map[string]any{"iCalUID": "uid-1@customer.test", "summary": "Demo", "sequence": 1, "organizer": map[string]any{"email": outside},
			"start":      map[string]any{"dateTime": "2026-03-15T09:00:00", "timeZone": "Europe/Berlin"},
			"end":        map[string]any{"dateTime": "2026-03-15T10:00:00", "timeZone": "Europe/Berlin"},
			"recurrence": []any{"RRULE:FREQ=WEEKLY;COUNT=4"}}
		for k, v := range change {
			if e[k] = v; v == nil {
				delete(e, k)
			}
		}
		return e
	}
	in, err := b.Invite(alice, event(nil))
	require.NoError(t, err)
	id := in["id"].(string)
	got, err := svc.Events.Get("primary", id).Do()
	require.NoError(t, err)
	require.Equal(t, outside, got.Organizer.Email)
	require.False(t, got.Organizer.Self)
	require.Equal(t, []string{alice + " needsAction"}, answers(got))
	require.True(t, got.Attendees[0].Self)

	_, err = svc.Events.Patch("primary", id, answer(got, alice, "accepted")).SendUpdates("all").Do()
	require.NoError(t, err)
	require.Equal(t, []string{"reply " + alice + ">" + outside}, b.mails())
	_, err = svc.Events.Patch("primary", id, &calendar.Event{ExtendedProperties: &calendar.EventExtendedProperties{Private: map[string]string{"repsync": "a/1"}}}).Do()
	require.NoError(t, err)

	in, err = b.Invite(alice, event(map[string]any{"sequence": 2, "summary": "Longer demo"}))
	require.NoError(t, err)
	require.Equal(t, id, in["id"])
	got, err = svc.Events.Get("primary", id).Do()
	require.NoError(t, err)
	require.Equal(t, "Longer demo", got.Summary)
	require.EqualValues(t, 2, got.Sequence)
	require.Equal(t, "a/1", got.ExtendedProperties.Private["repsync"])
	_, err = b.Invite(alice, event(map[string]any{"sequence": 1}))
	require.ErrorContains(t, err, "Invalid sequence value")

	moved, err := b.Invite(alice, event(map[string]any{"sequence": 3, "recurrence": nil, "start": map[string]any{"dateTime": "2026-03-30T09:00:00", "timeZone": "Europe/Berlin"},
		"end":               map[string]any{"dateTime": "2026-03-30T10:00:00", "timeZone": "Europe/Berlin"},
		"originalStartTime": map[string]any{"dateTime": "2026-03-29T09:00:00", "timeZone": "Europe/Berlin"}}))
	require.NoError(t, err)
	require.Equal(t, id+"_20260329T070000Z", moved["id"])
	require.NoError(t, b.Withdraw(alice, "uid-1@customer.test", "20260405T070000Z"))
	page, err := svc.Events.Instances("primary", id).Do()
	require.NoError(t, err)
	require.Equal(t, []string{"2026-03-15T08:00:00Z", "2026-03-22T08:00:00Z", "2026-03-30T07:00:00Z"}, starts(page.Items))
	require.NoError(t, b.Withdraw(alice, "uid-1@customer.test", ""))
	list, _ := listed(t, svc.Events.List("primary"))
	require.Empty(t, list)
	_, err = b.Invite(alice, event(map[string]any{"organizer": map[string]any{"email": bob}}))
	require.Error(t, err, "Bob is no outsider")
	require.Error(t, b.Withdraw(alice, "unknown", ""))
}

func TestGuestsWhoComeLaterOrGo(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	as := b.calendar(t, alice)
	m := inserted(t, as, weekly(bob))
	second, third, fourth := m.Id+"_20260322T080000Z", m.Id+"_20260329T070000Z", m.Id+"_20260405T070000Z"
	require.NoError(t, as.Events.Delete("primary", second).Do())
	_, err := as.Events.Patch("primary", third, &calendar.Event{Summary: "Bob only"}).Do()
	require.NoError(t, err)
	_, err = as.Events.Patch("primary", fourth, &calendar.Event{Attendees: []*calendar.EventAttendee{{Email: bob}, {Email: carol}}}).Do()
	require.NoError(t, err)
	_, err = as.Events.Patch("primary", m.Id, &calendar.Event{Attendees: []*calendar.EventAttendee{{Email: bob}, {Email: carol}}}).Do()
	require.NoError(t, err)
	page, err := b.calendar(t, carol).Events.Instances("primary", m.Id).ShowDeleted(true).Do()
	require.NoError(t, err)
	require.Equal(t, []string{"20260315T080000Z confirmed", "20260322T080000Z cancelled", "20260329T070000Z cancelled", "20260405T070000Z confirmed", "20260412T070000Z confirmed", "20260419T070000Z confirmed"}, brief(page.Items))

	// Bob deletes the series, and with it declines the occurrences that have a state of their own.
	require.NoError(t, b.calendar(t, bob).Events.Delete("primary", m.Id).Do())
	require.Equal(t, []string{bob + " declined", carol + " needsAction"}, answers(copies(t, b, m.Id)[alice]))
	require.Equal(t, []string{bob + " declined"}, answers(copies(t, b, third)[alice]))
	require.Equal(t, []string{bob + " declined", carol + " needsAction"}, answers(copies(t, b, fourth)[carol]))
}

func TestTheSameIDInAnotherCalendarIsAnotherEvent(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	own, theirs := meeting(), meeting(bob)
	own.Id, own.Summary, theirs.Id = "sameid", "Bob's own", "sameid"
	inserted(t, b.calendar(t, bob), own)
	inserted(t, b.calendar(t, alice), theirs)
	_, err := b.calendar(t, alice).Events.Patch("primary", "sameid", &calendar.Event{Summary: "Changed"}).Do()
	require.NoError(t, err)
	require.NoError(t, b.calendar(t, alice).Events.Delete("primary", "sameid").Do())
	bobs := copies(t, b, "sameid")[bob]
	require.Equal(t, "Bob's own", bobs.Summary)
	require.Equal(t, "confirmed", bobs.Status)
}

func TestReadersDoNotSeeWhatIsPrivate(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	in := meeting(outside)
	in.Visibility = "private"
	e := inserted(t, b.calendar(t, alice), in)
	require.NoError(t, b.ShareCalendar(alice, bob, "reader"))
	seen, err := b.calendar(t, bob).Events.Get(alice, e.Id).Do()
	require.NoError(t, err)
	require.Empty(t, seen.Summary)
	require.Empty(t, seen.Attendees)
	require.Equal(t, e.Start, seen.Start)
	require.NoError(t, b.ShareCalendar(alice, bob, "writer"))
	seen, err = b.calendar(t, bob).Events.Get(alice, e.Id).Do()
	require.NoError(t, err)
	require.Equal(t, "Review", seen.Summary)
}

func TestAnOrganiserRestoresAMeeting(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	e := inserted(t, svc, meeting(bob))
	p, err := svc.Events.Patch("primary", e.Id, &calendar.Event{Status: "cancelled"}).Do()
	require.NoError(t, err)
	require.Equal(t, "cancelled", p.Status)
	require.Equal(t, "cancelled", copies(t, b, e.Id)[bob].Status)
	p, err = svc.Events.Patch("primary", e.Id, &calendar.Event{Summary: "Still away"}).Do()
	require.NoError(t, err)
	require.Equal(t, "cancelled", p.Status, "a patch without a status restores nothing")
	_, err = svc.Events.Patch("primary", e.Id, &calendar.Event{Status: "confirmed"}).Do()
	require.NoError(t, err)
	require.Equal(t, "confirmed", copies(t, b, e.Id)[bob].Status)
	require.Equal(t, "Still away", copies(t, b, e.Id)[bob].Summary)
}
