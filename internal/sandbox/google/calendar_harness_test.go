package google_test

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	oauthgoogle "golang.org/x/oauth2/google"
	"google.golang.org/api/calendar/v3"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"github.com/repsync/repsync/internal/sandbox/google"
)

const bob, carol = "bob@acme.test", "carol@acme.test"

// calBench is a bench with Alice, Bob and Carol, and a note of every mail.
type calBench struct {
	*bench
	mu   sync.Mutex
	mail []google.Mail
}

func startCalendar(t *testing.T, cfg google.Config) *calBench {
	t.Helper()
	b := &calBench{}
	cfg.Mail = func(m google.Mail) { b.mu.Lock(); defer b.mu.Unlock(); b.mail = append(b.mail, m) }
	b.bench = start(t, cfg)
	b.AddUser(bob, false)
	b.AddUser(carol, false)
	return b
}

// mails returns what was mailed since the last call, as "kind from>to".
func (b *calBench) mails() (out []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.mail {
		out = append(out, m.Kind+" "+m.From+">"+m.To)
	}
	b.mail = nil
	return out
}

// calendar is the vendor's own Go client, signed in by the service account for a user.
func (b *bench) calendar(t *testing.T, user string) *calendar.Service {
	t.Helper()
	file, err := b.ServiceAccountJSON(b.url + "/token")
	require.NoError(t, err)
	conf, err := oauthgoogle.JWTConfigFromJSON(file, calendar.CalendarScope)
	require.NoError(t, err)
	conf.Subject = user
	svc, err := calendar.NewService(context.Background(), option.WithHTTPClient(conf.Client(context.Background())), option.WithEndpoint(b.url+"/calendar/v3/"))
	require.NoError(t, err)
	return svc
}

// refused reads the vendor client's error: its status and first reason.
func refused(t *testing.T, err error) (int, string) {
	t.Helper()
	var e *googleapi.Error
	require.ErrorAs(t, err, &e)
	if len(e.Errors) == 0 {
		return e.Code, ""
	}
	return e.Code, e.Errors[0].Reason
}

// mustBe asserts a refusal.
func mustBe(t *testing.T, err error, code int, reason string) {
	t.Helper()
	gotCode, gotReason := refused(t, err)
	require.Equal(t, code, gotCode, "%v", err)
	require.Equal(t, reason, gotReason, "%v", err)
}

func timed(start, end, zone string) (s, e *calendar.EventDateTime) {
	return &calendar.EventDateTime{DateTime: start, TimeZone: zone}, &calendar.EventDateTime{DateTime: end, TimeZone: zone}
}

// meeting is a one-hour event on 3 November 2026, with guests.
func meeting(guests ...string) *calendar.Event {
	e := &calendar.Event{Summary: "Review"}
	e.Start, e.End = timed("2026-11-03T10:00:00+01:00", "2026-11-03T11:00:00+01:00", "Europe/Berlin")
	for _, g := range guests {
		e.Attendees = append(e.Attendees, &calendar.EventAttendee{Email: g})
	}
	return e
}

// weekly is a series of Sundays at nine in Berlin around the spring change of clocks, with guests.
func weekly(guests ...string) *calendar.Event {
	e := meeting(guests...)
	e.Summary = "Weekly"
	e.Start, e.End = timed("2026-03-15T09:00:00+01:00", "2026-03-15T10:00:00+01:00", "Europe/Berlin")
	e.Recurrence = []string{"RRULE:FREQ=WEEKLY;COUNT=6"}
	return e
}

func inserted(t *testing.T, svc *calendar.Service, e *calendar.Event) *calendar.Event {
	t.Helper()
	out, err := svc.Events.Insert("primary", e).Do()
	require.NoError(t, err)
	return out
}

// listed reads all pages of a call, and the sync token.
func listed(t *testing.T, call *calendar.EventsListCall) (out []*calendar.Event, token string) {
	t.Helper()
	require.NoError(t, call.Pages(t.Context(), func(page *calendar.Events) error {
		require.False(t, page.NextPageToken != "" && page.NextSyncToken != "", "a sync token comes only with the last page")
		out, token = append(out, page.Items...), page.NextSyncToken
		return nil
	}))
	return out, token
}

func ids(list []*calendar.Event) []string {
	out := []string{}
	for _, e := range list {
		out = append(out, e.Id)
	}
	return out
}

// brief shows events as "id status", without the series' part of ids.
func brief(list []*calendar.Event) []string {
	out := []string{}
	for _, e := range list {
		_, key, ok := strings.Cut(e.Id, "_")
		if !ok {
			key = "M"
		}
		out = append(out, key+" "+e.Status)
	}
	return out
}

func query(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	return q
}
