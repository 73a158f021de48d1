package google_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/calendar/v3"

	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/internal/sandbox/google"
)

func TestCalendars(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	as, bs := b.calendar(t, alice), b.calendar(t, bob)
	team, err := b.AddCalendar(alice, "Team")
	require.NoError(t, err)
	list, err := as.CalendarList.List().Do()
	require.NoError(t, err)
	require.Len(t, list.Items, 2)
	one, err := as.CalendarList.Get("primary").Do()
	require.NoError(t, err)
	require.Equal(t, alice, one.Id)
	require.True(t, one.Primary)
	require.Equal(t, "owner", one.AccessRole)
	require.NoError(t, b.Calendar(alice).SetTimeZone("Europe/Berlin"))
	require.Error(t, b.Calendar(alice).SetTimeZone("Mars/Base"))
	cal, err := as.Calendars.Get("primary").Do()
	require.NoError(t, err)
	require.Equal(t, "Europe/Berlin", cal.TimeZone)

	e, err := as.Events.Insert(team, meeting()).Do()
	require.NoError(t, err)
	require.Equal(t, team, e.Organizer.Email)
	_, err = bs.Events.Get(team, e.Id).Do()
	mustBe(t, err, 404, "notFound")
	require.NoError(t, b.ShareCalendar(team, bob, "reader"))
	_, err = bs.Events.Get(team, e.Id).Do()
	require.NoError(t, err)
	_, err = bs.Events.Patch(team, e.Id, &calendar.Event{Summary: "X"}).Do()
	mustBe(t, err, 403, "requiredAccessLevel")
	_, err = bs.Events.Insert(team, meeting()).Do()
	mustBe(t, err, 403, "requiredAccessLevel")
	mustBe(t, bs.Events.Delete(team, e.Id).Do(), 403, "requiredAccessLevel")
	page, err := bs.Events.List(team).Do()
	require.NoError(t, err)
	require.Equal(t, "reader", page.AccessRole)
	list, err = bs.CalendarList.List().MinAccessRole("writer").Do()
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	require.NoError(t, b.ShareCalendar(team, bob, "writer"))
	_, err = bs.Events.Patch(team, e.Id, &calendar.Event{Summary: "X"}).Do()
	require.NoError(t, err)
	got, err := b.CalendarOf(bob, team).Get(e.Id)
	require.NoError(t, err)
	require.Equal(t, "X", got["summary"])

	b.RemoveCalendar(team)
	_, err = as.Events.List(team).Do()
	mustBe(t, err, 404, "notFound")
	_, err = as.Calendars.Get(team).Do()
	mustBe(t, err, 404, "notFound")
	_, err = as.CalendarList.Get(team).Do()
	mustBe(t, err, 404, "notFound")
	require.Error(t, b.ShareCalendar(team, bob, "reader"))
}

func TestMove(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	team, err := b.AddCalendar(alice, "Team")
	require.NoError(t, err)
	m := inserted(t, svc, weekly(bob))
	_, err = svc.Events.Patch("primary", m.Id+"_20260322T080000Z", &calendar.Event{Summary: "Special"}).Do()
	require.NoError(t, err)
	_, err = svc.Events.Move("primary", m.Id+"_20260329T070000Z", team).Do()
	mustBe(t, err, 400, "cannotChangeOrganizerOfInstance")
	_, err = b.calendar(t, bob).Events.Move("primary", m.Id, bob).Do()
	mustBe(t, err, 403, "forbiddenForNonOrganizer")
	moved, err := svc.Events.Move("primary", m.Id, team).Do()
	require.NoError(t, err)
	require.Equal(t, m.Id, moved.Id)
	require.Equal(t, team, moved.Organizer.Email)
	old, err := svc.Events.Get("primary", m.Id).Do()
	require.NoError(t, err)
	require.Equal(t, "cancelled", old.Status)
	special, err := svc.Events.Get(team, m.Id+"_20260322T080000Z").Do()
	require.NoError(t, err)
	require.Equal(t, "Special", special.Summary)
	bobs, err := b.calendar(t, bob).Events.Get("primary", m.Id).Do()
	require.NoError(t, err)
	require.Equal(t, "confirmed", bobs.Status)
	require.Equal(t, team, bobs.Organizer.Email)
	_, err = svc.Events.Move("primary", m.Id, team).Do()
	mustBe(t, err, 410, "deleted")
}

func TestImport(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	in := meeting(bob)
	_, err := svc.Events.Import("primary", in).Do()
	mustBe(t, err, 400, "required")
	in.ICalUID, in.Organizer, in.Sequence = "abc@elsewhere.test", &calendar.EventOrganizer{Email: outside}, 3
	e, err := svc.Events.Import("primary", in).Do()
	require.NoError(t, err)
	require.Equal(t, outside, e.Organizer.Email)
	require.Equal(t, "_c5h66g35dhpmatr8clp6abjkclpn8", e.Id, "the UID in base32hex")
	require.Empty(t, copies(t, b, e.Id)[bob], "an import is a private copy")
	again, err := svc.Events.Import("primary", in).Do()
	require.NoError(t, err)
	require.Equal(t, e.Id, again.Id)
	in.Sequence = 2
	_, err = svc.Events.Import("primary", in).Do()
	mustBe(t, err, 400, "invalid")
	_, err = svc.Events.Insert("primary", &calendar.Event{ICalUID: in.ICalUID, Start: in.Start, End: in.End}).Do()
	mustBe(t, err, 409, "duplicate")
	require.Empty(t, b.mails())
}

func TestChannels(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	in := &calendar.Channel{Id: "ch-1", Type: "web_hook", Address: "https://repsync.test/hook", Token: "secret", Params: map[string]string{"ttl": "3600"}}
	ch, err := svc.Events.Watch("primary", in).Do()
	require.NoError(t, err)
	require.NotEmpty(t, ch.ResourceId)
	require.Equal(t, b.clock.now().Add(time.Hour).UnixMilli(), ch.Expiration)
	require.Equal(t, []google.Channel{{ID: "ch-1", ResourceID: ch.ResourceId, Address: in.Address, Token: "secret", Calendar: alice, User: alice, Expires: b.clock.now().Add(time.Hour)}}, b.Channels())
	_, err = svc.Events.Watch("primary", in).Do()
	mustBe(t, err, 400, "channelIdNotUnique")
	for _, c := range []struct {
		name, reason string
		in           calendar.Channel
	}{
		{"no id", "invalid", calendar.Channel{Type: "web_hook", Address: "https://a.test"}},
		{"no web hook", "channelUnknown", calendar.Channel{Id: "b", Type: "mail", Address: "https://a.test"}},
		{"not encrypted", "push.webhookUrlNotHttps", calendar.Channel{Id: "b", Type: "web_hook", Address: "http://a.test"}},
		{"almost this machine", "push.webhookUrlNotHttps", calendar.Channel{Id: "b", Type: "web_hook", Address: "http://127.0.0.1.a.test"}},
	} {
		_, err := svc.Events.Watch("primary", &c.in).Do()
		mustBe(t, err, 400, c.reason)
	}
	mustBe(t, svc.Channels.Stop(&calendar.Channel{Id: "ch-1", ResourceId: "other"}).Do(), 404, "notFound")
	require.NoError(t, svc.Channels.Stop(&calendar.Channel{Id: "ch-1", ResourceId: ch.ResourceId}).Do())
	require.Empty(t, b.Channels())
}

func TestCalendarQuotas(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{CalendarQuota: google.CalendarQuota{PerUser: 2, PerProject: 3}})
	as, bs := b.calendar(t, alice), b.calendar(t, bob)
	get := func(svc *calendar.Service) error { _, err := svc.CalendarList.Get("primary").Do(); return err }
	require.NoError(t, get(as))
	require.NoError(t, get(as))
	mustBe(t, get(as), 403, "userRateLimitExceeded")
	mustBe(t, get(bs), 403, "rateLimitExceeded")
	b.clock.advance(time.Minute)
	require.NoError(t, get(as), "the next minute is free again")
	b.SetCalendarQuota(google.CalendarQuota{})
	for range 5 {
		require.NoError(t, get(as))
	}
	require.Equal(t, google.CalendarQuota{PerUser: 600, PerProject: 10_000}, google.VendorCalendarQuota)
}

// The minute of a quota slides: a burst at the end of one minute of the clock is not over when the next begins.
func TestQuotasSlide(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{CalendarQuota: google.CalendarQuota{PerUser: 2}})
	svc := b.calendar(t, alice)
	get := func() error { _, err := svc.CalendarList.Get("primary").Do(); return err }
	now := b.clock.now()
	b.clock.advance(now.Truncate(time.Minute).Add(59 * time.Second).Sub(now))
	require.NoError(t, get())
	require.NoError(t, get())
	b.clock.advance(2 * time.Second)
	mustBe(t, get(), 403, "userRateLimitExceeded")
	b.clock.advance(58 * time.Second)
	require.NoError(t, get())
}

// A patch takes three units.
func TestAPatchTakesThreeUnits(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	event, err := b.Server.Calendar(alice).Insert(map[string]any{"start": map[string]any{"date": "2026-11-03"}, "end": map[string]any{"date": "2026-11-04"}})
	require.NoError(t, err)
	b.SetCalendarQuota(google.CalendarQuota{PerUser: 7})
	patch := func() error {
		_, err := svc.Events.Patch("primary", event["id"].(string), &calendar.Event{Summary: "Again"}).Do()
		return err
	}
	require.NoError(t, patch())
	require.NoError(t, patch())
	mustBe(t, patch(), 403, "userRateLimitExceeded")
	_, err = svc.Events.Get("primary", event["id"].(string)).Do()
	require.NoError(t, err, "one unit is left")
}

func TestCalendarScopes(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	for _, c := range []struct {
		scope       string
		read, write int
	}{
		{google.ScopeCalendar, 200, 200},
		{google.ScopeCalendarEvents, 200, 200},
		{google.ScopeCalendarReadonly, 200, 403},
		{google.ScopeContacts, 403, 403},
	} {
		token, err := b.MintToken(alice, c.scope)
		require.NoError(t, err)
		code, _ := b.doWith(t, "Bearer "+token, "GET", "/calendar/v3/calendars/primary/events", "")
		require.Equal(t, c.read, code, c.scope)
		code, _ = b.doWith(t, "Bearer "+token, "POST", "/calendar/v3/calendars/primary/events", `{"start":{"date":"2026-11-03"},"end":{"date":"2026-11-04"}}`)
		require.Equal(t, c.write, code, c.scope)
	}
	code, _ := b.doWith(t, "", "GET", "/calendar/v3/calendars/primary/events", "")
	require.Equal(t, 401, code)
}

func TestCalendarFaultAfterTheWrite(t *testing.T) {
	t.Parallel()
	faults := fault.New(1)
	b := startCalendar(t, google.Config{Around: faults.Middleware})
	svc := b.calendar(t, alice)
	in := meeting()
	in.Id = "guarded1"
	faults.MustAdd(fault.Rule{Kind: fault.DropAfter, Method: "POST", Path: "/events$", Times: 1})
	_, err := svc.Events.Insert("primary", in).Do()
	require.Error(t, err)
	_, err = svc.Events.Insert("primary", in).Do()
	mustBe(t, err, 409, "duplicate")
	require.Equal(t, 2, b.Calls()["events.insert"])
	require.Equal(t, 1, b.MaxConcurrentMutations(alice))
}

func TestTheZoneAndTheGuestsThatAReaderAsksFor(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	e := inserted(t, svc, meeting(alice, bob, carol))
	got, err := svc.Events.Get("primary", e.Id).TimeZone("America/New_York").MaxAttendees(1).Do()
	require.NoError(t, err)
	require.Equal(t, "2026-11-03T04:00:00-05:00", got.Start.DateTime)
	require.Equal(t, "Europe/Berlin", got.Start.TimeZone)
	require.True(t, got.AttendeesOmitted)
	require.Equal(t, []string{alice + " needsAction"}, answers(got))
	_, err = svc.Events.Patch("primary", e.Id, &calendar.Event{AttendeesOmitted: true, Attendees: []*calendar.EventAttendee{{Email: alice, ResponseStatus: "accepted"}}}).Do()
	require.NoError(t, err)
	require.Equal(t, []string{alice + " accepted", bob + " needsAction", carol + " needsAction"}, answers(copies(t, b, e.Id)[bob]))
}

func TestPeopleActBesideTheWire(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	k := b.Calendar(alice)
	in := map[string]any{"summary": "Walk", "start": map[string]any{"date": "2026-11-03"}, "end": map[string]any{"date": "2026-11-04"},
		"recurrence": []any{"RRULE:FREQ=DAILY;COUNT=3"}, "attendees": []any{map[string]any{"email": bob}, map[string]any{"email": outside}}}
	e, err := k.Insert(in)
	require.NoError(t, err)
	id := e["id"].(string)
	b.clock.advance(time.Hour)
	e, err = k.Patch(id, map[string]any{"summary": "Run", "description": nil})
	require.NoError(t, err)
	require.Equal(t, "2026-11-02T10:00:00.000Z", e["updated"])
	require.NoError(t, k.Delete(id+"_20261104"))
	list, err := k.Instances(id, nil)
	require.NoError(t, err)
	require.Len(t, list, 2)
	list, err = k.List(query("singleEvents", "true", "showDeleted", "true"))
	require.NoError(t, err)
	require.Len(t, list, 3)
	require.NoError(t, k.Answer(id, outside, "accepted"))
	require.ErrorContains(t, k.Answer(id, "who@x.test", "accepted"), "not asked")
	bobs, err := b.Calendar(bob).Get(id)
	require.NoError(t, err)
	require.Contains(t, bobs["attendees"], map[string]any{"email": outside, "responseStatus": "accepted"})
	require.ErrorContains(t, k.Delete("never"), "404")
	_, err = b.Calendar("nobody@acme.test").Insert(in)
	require.ErrorContains(t, err, "no user")
	require.Empty(t, b.mails(), "people at the vendor's own screens mail whom they like")
}
