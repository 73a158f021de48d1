package google_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/calendar/v3"

	"github.com/repsync/repsync/internal/sandbox/google"
)

func TestSyncTokens(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	first, second := inserted(t, svc, meeting()), inserted(t, svc, meeting())
	gone := inserted(t, svc, meeting())
	require.NoError(t, svc.Events.Delete("primary", gone.Id).Do())

	list, token := listed(t, svc.Events.List("primary").MaxResults(1))
	require.Equal(t, []string{first.Id, second.Id}, ids(list))
	require.NotEmpty(t, token)
	list, _ = listed(t, svc.Events.List("primary").ShowDeleted(true))
	require.Len(t, list, 3)

	list, again := listed(t, svc.Events.List("primary").SyncToken(token))
	require.Empty(t, list, "nothing has changed")
	_, err := svc.Events.Patch("primary", second.Id, &calendar.Event{Summary: "B"}).Do()
	require.NoError(t, err)
	require.NoError(t, svc.Events.Delete("primary", first.Id).Do())
	third := inserted(t, svc, meeting())
	for _, token := range []string{token, again} { // a token may be used again
		list, _ = listed(t, svc.Events.List("primary").SyncToken(token).MaxResults(2))
		require.Equal(t, []string{second.Id, first.Id, third.Id}, ids(list))
		require.Equal(t, "B", list[0].Summary)
		require.Equal(t, "cancelled", list[1].Status)
		require.Empty(t, list[1].Summary, "of a deleted event only the id is certain")
	}

	b.ExpireCalendarTokens(bob)
	_, err = svc.Events.List("primary").SyncToken(token).Do()
	require.NoError(t, err)
	b.ExpireCalendarTokens(alice)
	_, err = svc.Events.List("primary").SyncToken(token).Do()
	mustBe(t, err, 410, "fullSyncRequired")
	_, err = svc.Events.List("primary").SyncToken("nonsense").Do()
	mustBe(t, err, 400, "invalid")
}

func TestWhatASyncTokenExcludes(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	_, token := listed(t, svc.Events.List("primary"))
	for _, c := range []struct{ param, value, reason string }{
		{"iCalUID", "x", "syncTokenWithRequestRestrictions"},
		{"orderBy", "updated", "syncTokenWithRequestRestrictions"},
		{"privateExtendedProperty", "a=b", "syncTokenWithRequestRestrictions"},
		{"sharedExtendedProperty", "a=b", "syncTokenWithRequestRestrictions"},
		{"q", "x", "syncTokenWithRequestRestrictions"},
		{"timeMin", "2026-11-01T00:00:00Z", "syncTokenWithRequestRestrictions"},
		{"timeMax", "2026-11-01T00:00:00Z", "syncTokenWithRequestRestrictions"},
		{"updatedMin", "2026-11-01T00:00:00Z", "syncTokenWithRequestRestrictions"},
		{"showDeleted", "false", "syncTokenWithNonDefaultShowDeleted"},
		{"singleEvents", "true", "invalid"},
		{"showDeleted", "true", ""},
		{"maxResults", "10", ""},
		{"maxAttendees", "1", ""},
	} {
		t.Run(c.param+"="+c.value, func(t *testing.T) {
			t.Parallel()
			code, out := b.do(t, "GET", "/calendar/v3/calendars/primary/events?"+url.Values{"syncToken": {token}, c.param: {c.value}}.Encode(), "")
			if c.reason == "" {
				require.Equal(t, 200, code)
				return
			}
			require.Equal(t, 400, code)
			require.Equal(t, c.reason, out["error"].(map[string]any)["errors"].([]any)[0].(map[string]any)["reason"])
		})
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	lunch := meeting("pat@customer.test")
	lunch.Summary, lunch.ExtendedProperties = "Lunch", &calendar.EventExtendedProperties{Private: map[string]string{"repsync": "a/1", "x": "y"}}
	l := inserted(t, svc, lunch)
	b.clock.advance(time.Minute)
	day := inserted(t, svc, &calendar.Event{Summary: "Holiday", Start: &calendar.EventDateTime{Date: "2026-11-05"}, End: &calendar.EventDateTime{Date: "2026-11-06"}})
	series := weekly()
	m := inserted(t, svc, series)
	deleted := inserted(t, svc, meeting())
	b.clock.advance(time.Minute)
	require.NoError(t, svc.Events.Delete("primary", deleted.Id).Do())
	cut := "2026-11-02T09:00:30Z"
	for _, c := range []struct {
		name  string
		call  *calendar.EventsListCall
		want  []string
		token bool
	}{
		{"everything", svc.Events.List("primary"), []string{l.Id, day.Id, m.Id}, true},
		{"from a time", svc.Events.List("primary").TimeMin("2026-11-03T10:00:00Z"), []string{day.Id}, true},
		{"from within", svc.Events.List("primary").TimeMin("2026-11-03T09:59:59Z"), []string{l.Id, day.Id}, true},
		{"to a time", svc.Events.List("primary").TimeMax("2026-03-15T08:00:00Z"), []string{}, true},
		{"to within a series", svc.Events.List("primary").TimeMin("2026-04-01T00:00:00Z").TimeMax("2026-04-06T00:00:00+02:00"), []string{m.Id}, true},
		{"between occurrences", svc.Events.List("primary").TimeMin("2026-04-01T00:00:00Z").TimeMax("2026-04-05T00:00:00Z"), []string{}, true},
		{"occurrences", svc.Events.List("primary").SingleEvents(true).TimeMin("2026-04-10T00:00:00Z"), []string{l.Id, day.Id, m.Id + "_20260412T070000Z", m.Id + "_20260419T070000Z"}, true},
		{"by start", svc.Events.List("primary").SingleEvents(true).OrderBy("startTime").TimeMin("2026-04-10T00:00:00Z"), []string{m.Id + "_20260412T070000Z", m.Id + "_20260419T070000Z", l.Id, day.Id}, false},
		{"by change", svc.Events.List("primary").OrderBy("updated").ShowDeleted(true), []string{l.Id, day.Id, m.Id, deleted.Id}, false},
		{"changed since, with deleted ones", svc.Events.List("primary").UpdatedMin(cut), []string{day.Id, m.Id, deleted.Id}, false},
		{"UID", svc.Events.List("primary").ICalUID(day.ICalUID), []string{day.Id}, false},
		{"marker", svc.Events.List("primary").PrivateExtendedProperty("repsync=a/1"), []string{l.Id}, false},
		{"two markers", svc.Events.List("primary").PrivateExtendedProperty("repsync=a/1", "x=z"), []string{}, false},
		{"words", svc.Events.List("primary").Q("lunch CUSTOMER.test"), []string{l.Id}, false},
		{"other types", svc.Events.List("primary").EventTypes("outOfOffice"), []string{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			list, token := listed(t, c.call.MaxResults(2))
			require.Equal(t, c.want, ids(list))
			require.Equal(t, c.token, token != "")
		})
	}
	for _, c := range []struct {
		name, reason string
		code         int
		call         *calendar.EventsListCall
	}{
		{"order by start without single events", "invalidParameter", 400, svc.Events.List("primary").OrderBy("startTime")},
		{"another order", "invalidParameter", 400, svc.Events.List("primary").OrderBy("name")},
		{"an empty range", "timeRangeEmpty", 400, svc.Events.List("primary").TimeMin("2026-11-03T10:00:00Z").TimeMax("2026-11-03T10:00:00Z")},
		{"a time without offset", "badRequest", 400, svc.Events.List("primary").TimeMin("2026-11-03T10:00:00")},
		{"an unknown zone", "invalidParameter", 400, svc.Events.List("primary").TimeZone("Mars/Base")},
		{"changes of long ago", "updatedMinTooLongAgo", 410, svc.Events.List("primary").UpdatedMin("2026-09-01T00:00:00Z")},
		{"no page token", "invalid", 400, svc.Events.List("primary").PageToken("x")},
		{"no calendar", "notFound", 404, svc.Events.List("nobody@acme.test")},
		{"somebody else's calendar", "notFound", 404, svc.Events.List(bob)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := c.call.Do()
			mustBe(t, err, c.code, c.reason)
		})
	}
}

func TestSingleEventsSync(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	m := inserted(t, svc, weekly())
	list, token := listed(t, svc.Events.List("primary").SingleEvents(true).TimeMin("2026-04-10T00:00:00Z"))
	require.Len(t, list, 2)
	_, err := svc.Events.Patch("primary", m.Id, &calendar.Event{Summary: "New"}).Do()
	require.NoError(t, err)
	require.NoError(t, svc.Events.Delete("primary", m.Id+"_20260419T070000Z").Do())
	list, _ = listed(t, svc.Events.List("primary").SingleEvents(true).SyncToken(token))
	require.Equal(t, []string{"20260412T070000Z confirmed", "20260419T070000Z cancelled"}, brief(list))
}

func TestPagesAreOneMoment(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	b.SetPaging(google.Paging{Short: true, Empty: true})
	svc := b.calendar(t, alice)
	want := []string{}
	for i := range 5 {
		e := meeting()
		e.Id = fmt.Sprintf("event%d", i)
		want = append(want, inserted(t, svc, e).Id)
	}
	page, err := svc.Events.List("primary").MaxResults(4).Do()
	require.NoError(t, err)
	require.Len(t, page.Items, 2, "pages may be short")
	got := ids(page.Items)
	require.NoError(t, svc.Events.Delete("primary", "event4").Do())
	inserted(t, svc, meeting())
	for next := page.NextPageToken; next != ""; next = page.NextPageToken {
		page, err = svc.Events.List("primary").MaxResults(4).PageToken(next).Do()
		require.NoError(t, err)
		got = append(got, ids(page.Items)...)
	}
	require.Equal(t, want, got)
	list, _ := listed(t, svc.Events.List("primary").SyncToken(page.NextSyncToken))
	require.Len(t, list, 2, "what changed meanwhile comes with the token")
}

func TestTheSyncFeedLags(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{Lag: time.Minute})
	svc := b.calendar(t, alice)
	_, token := listed(t, svc.Events.List("primary"))
	e := inserted(t, svc, meeting())
	list, next := listed(t, svc.Events.List("primary").SyncToken(token))
	require.Empty(t, list)
	b.clock.advance(time.Minute)
	list, _ = listed(t, svc.Events.List("primary").SyncToken(next))
	require.Equal(t, []string{e.Id}, ids(list))
}

func TestPagesHold250UnlessAsked(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	k := b.Calendar(alice)
	for range 251 {
		_, err := k.Insert(map[string]any{"start": map[string]any{"date": "2026-11-03"}, "end": map[string]any{"date": "2026-11-04"}})
		require.NoError(t, err)
	}
	page, err := svc.Events.List("primary").Do()
	require.NoError(t, err)
	require.Len(t, page.Items, 250)
	page, err = svc.Events.List("primary").PageToken(page.NextPageToken).Do()
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	page, err = svc.Events.List("primary").MaxResults(9999).Do()
	require.NoError(t, err)
	require.Len(t, page.Items, 251)
	require.NotEmpty(t, page.NextSyncToken)
}
