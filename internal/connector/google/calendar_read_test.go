package google_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/google"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
	sandbox "github.com/repsync/repsync/internal/sandbox/google"
)

// changes reads all pages.
func (b *bench) changes(q connector.Query) connector.Delta {
	b.t.Helper()
	var all connector.Delta
	for {
		d, err := b.mailbox.Changes(b.t.Context(), record.Event, q)
		require.NoError(b.t, err)
		all.Items, all.Gone = append(all.Items, d.Items...), append(all.Gone, d.Gone...)
		if q.Page = d.Page; d.Token != nil {
			all.Token, all.Complete = d.Token, d.Complete
			return all
		}
	}
}

func (b *bench) event(ref connector.Ref) connector.Item {
	b.t.Helper()
	items, lost, err := b.mailbox.Get(b.t.Context(), record.Event, []connector.Ref{ref}, nil)
	require.NoError(b.t, err)
	require.Empty(b.t, lost)
	require.Len(b.t, items, 1)
	return items[0]
}

func (b *bench) lost(ref connector.Ref) connector.Gone {
	b.t.Helper()
	items, lost, err := b.mailbox.Get(b.t.Context(), record.Event, []connector.Ref{ref}, nil)
	require.NoError(b.t, err)
	require.Empty(b.t, items)
	require.Len(b.t, lost, 1)
	lost[0].Version = connector.Version{}
	return lost[0]
}

func (b *bench) occurrences(master string, from, to time.Time) []connector.Item {
	b.t.Helper()
	items, _, err := b.mailbox.(connector.Calendar).Occurrences(b.t.Context(), []string{master}, from, to)
	require.NoError(b.t, err)
	return items
}

// weekly is a series of Sundays at half past two in Berlin, which both changes of the clocks concern.
func weekly() m {
	return m{"summary": "Night", "recurrence": []string{"RRULE:FREQ=WEEKLY;BYDAY=SU"},
		"start": m{"dateTime": "2026-03-08T02:30:00", "timeZone": "Europe/Berlin"}, "end": m{"dateTime": "2026-03-08T03:00:00", "timeZone": "Europe/Berlin"}}
}

func date(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestWindowBoundsSinglesOfAFullRead(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	at := func(start, end string) m {
		return m{"summary": start, "start": m{"dateTime": start, "timeZone": "UTC"}, "end": m{"dateTime": end, "timeZone": "UTC"}}
	}
	before := b.addEvent(t, at("2026-10-31T22:00:00Z", "2026-10-31T23:00:00Z"))
	across := b.addEvent(t, at("2026-10-31T23:00:00Z", "2026-11-01T01:00:00Z"))
	inside := b.addEvent(t, at("2026-11-15T09:00:00Z", "2026-11-15T10:00:00Z"))
	after := b.addEvent(t, at("2026-12-01T00:00:00Z", "2026-12-01T01:00:00Z"))
	lastDay := b.addEvent(t, m{"summary": "day", "start": m{"date": "2026-11-30"}, "end": m{"date": "2026-12-01"}})
	series := b.addEvent(t, weekly())
	b.clock.advance(5 * time.Minute)

	read := b.changes(connector.Query{From: date("2026-11-01"), To: date("2026-12-01")})
	require.True(t, read.Complete)
	require.ElementsMatch(t, []string{across, inside, lastDay, series}, idsOf(read.Items), "a series is always shown")
	require.Len(t, b.changes(connector.Query{}).Items, 6)

	b.patchEvent(t, after, m{"summary": "later"})
	b.patchEvent(t, before, m{"summary": "earlier"})
	b.clock.advance(5 * time.Minute)
	read = b.changes(connector.Query{Token: read.Token, From: date("2026-11-01"), To: date("2026-12-01")})
	require.ElementsMatch(t, []string{before, after}, idsOf(read.Items), "what changed is shown wherever it lies")
}

func idsOf(items []connector.Item) []string {
	var out []string
	for _, it := range items {
		out = append(out, it.ID)
	}
	slices.Sort(out)
	return out
}

func TestServerWithoutSyncTokenIsReadWhole(t *testing.T) {
	t.Parallel()
	queries := make(chan string, 9)
	var body atomic.Value
	body.Store(`{"items":[{"id":"e1","start":{"date":"2026-11-20"},"end":{"date":"2026-11-21"}}]}`)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		queries <- r.URL.Query().Get("syncToken") + r.URL.Query().Get("timeMin") + r.URL.Query().Get("showDeleted")
		_, _ = w.Write([]byte(body.Load().(string)))
	}))
	t.Cleanup(srv.Close)
	mailbox, err := google.New(google.Config{Org: "acme", BaseURLCalendar: srv.URL + "/calendar/v3", Bearer: func(context.Context) (string, error) { return "t", nil }})
	require.NoError(t, err)
	d, err := mailbox.Changes(t.Context(), record.Event, connector.Query{})
	require.NoError(t, err)
	require.Len(t, d.Items, 1)
	require.True(t, d.Complete)
	require.Empty(t, <-queries, "a full read has no parameters that would bind it")
	again, err := mailbox.Changes(t.Context(), record.Event, connector.Query{Token: d.Token})
	require.NoError(t, err)
	require.Equal(t, connector.Delta{Token: d.Token}, again, "what is there is what was there")
	require.Empty(t, <-queries)
	body.Store(`{"items":[]}`)
	_, err = mailbox.Changes(t.Context(), record.Event, connector.Query{Token: d.Token})
	require.Equal(t, connector.CursorLost, connector.ClassOf(err), "only a full read and a look by id can tell what became of it")
}

func TestFullReadOfEventsCostsAPageEach(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for n := range 2600 {
		b.addEvent(t, m{"summary": fmt.Sprint(n), "start": m{"date": "2026-11-20"}, "end": m{"date": "2026-11-21"}})
	}
	b.clock.advance(5 * time.Minute)
	b.mailbox = b.connect(google.Config{EventPageSize: 2500})
	b.server.ResetCalls()
	read := b.changes(connector.Query{})
	require.Len(t, read.Items, 2600)
	require.Equal(t, map[string]int{"token": 1, "events.list": 2}, b.server.Calls())
	b.server.ResetCalls()
	require.Empty(t, b.changes(connector.Query{Token: read.Token}).Items)
	require.Equal(t, map[string]int{"events.list": 1}, b.server.Calls())
}

// Google says that the ids of occurrences are opaque: what they are made of today is only tried first.
func TestOccurrencesAreFoundByOriginalStart(t *testing.T) {
	t.Parallel()
	for name, opaque := range map[string]bool{"ids as they are": false, "ids of another form": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			master := b.addEvent(t, weekly())
			items := b.occurrences(master, date("2026-03-01"), date("2026-12-01"))
			require.Len(t, items, 39)
			if opaque {
				b.parts.MustAdd(fault.Rule{Kind: fault.Status, Method: http.MethodGet, Path: `/events/[^/]+_\d{8}T\d{6}Z$`, Status: 404,
					Body: `{"error":{"code":404,"message":"Not Found","errors":[{"domain":"global","reason":"notFound"}]}}`})
			}
			keys := map[string]bool{}
			for _, it := range items {
				require.Equal(t, it, b.event(it.Ref), it.Occurrence)
				keys[it.Occurrence] = true
			}
			require.Len(t, keys, 39)
			require.Contains(t, keys, "2026-10-25T02:30:00[Europe/Berlin]", "of the hour that comes twice")
			require.Contains(t, keys, "2026-03-29T03:30:00[Europe/Berlin]", "of the hour that does not come")
			for _, key := range []string{"2026-11-13T02:30:00[Europe/Berlin]", "2026-11-15"} {
				require.Equal(t, connector.Gone{Ref: connector.Ref{ID: master, Occurrence: key}, Deleted: true}, b.lost(connector.Ref{ID: master, Occurrence: key}), "the series never had it")
			}
			none := connector.Ref{ID: master, Occurrence: "some time"}
			require.Equal(t, connector.Gone{Ref: none}, b.lost(none))
		})
	}
}

func TestOccurrencesOfAnAllDaySeries(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	master := b.addEvent(t, m{"summary": "Fair", "start": m{"date": "2026-10-24"}, "end": m{"date": "2026-10-26"}, "recurrence": []string{"RRULE:FREQ=DAILY;INTERVAL=7;COUNT=3"}})
	items := b.occurrences(master, date("2026-10-01"), date("2026-12-01"))
	require.Len(t, items, 3)
	for i, want := range []string{"2026-10-24", "2026-10-31", "2026-11-07"} {
		require.Equal(t, connector.Ref{ID: master, Occurrence: want}, items[i].Ref)
		require.Equal(t, items[i], b.event(items[i].Ref))
		require.Equal(t, want+"/"+date(want).AddDate(0, 0, 2).Format(time.DateOnly), items[i].Fields[record.FieldTime])
	}
}

func TestManyOccurrencesComeInPages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var masters []string
	for range 3 {
		masters = append(masters, b.addEvent(t, m{"summary": "Daily", "start": m{"date": "2026-01-01"}, "end": m{"date": "2026-01-02"}, "recurrence": []string{"RRULE:FREQ=DAILY"}}))
	}
	items, lost, err := b.mailbox.(connector.Calendar).Occurrences(t.Context(), append(masters, "0123456789missing"), date("2026-01-01"), date("2027-01-01"))
	require.NoError(t, err)
	require.Equal(t, []connector.Gone{{Ref: connector.Ref{ID: "0123456789missing"}, Deleted: true}}, lost)
	seen := map[connector.Ref]bool{}
	for _, it := range items {
		seen[it.Ref] = true
	}
	require.Len(t, seen, 3*365)
	require.Len(t, items, 3*365)
}

func TestThisAndFollowing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	master := b.addEvent(t, weekly())
	b.clock.advance(5 * time.Minute)
	token := b.changes(connector.Query{}).Token
	moved := connector.Ref{ID: master, Occurrence: "2026-11-15T02:30:00[Europe/Berlin]"}
	b.event(moved)
	next, err := b.server.SplitSeries(alice, master, time.Date(2026, 11, 8, 2, 30, 0, 0, berlin), m{"location": "Elsewhere"})
	require.NoError(t, err)
	b.clock.advance(5 * time.Minute)
	read := b.changes(connector.Query{Token: token})
	require.ElementsMatch(t, []string{master, next["id"].(string)}, idsOf(read.Items))
	for _, it := range read.Items {
		if it.ID == next["id"] {
			require.Equal(t, []string{master}, it.Previous)
			require.NotEmpty(t, it.Fields[record.FieldRecurrence])
		}
	}
	into := connector.Ref{ID: next["id"].(string), Occurrence: moved.Occurrence}
	require.Equal(t, connector.Gone{Ref: moved, Deleted: true, Into: into.String()}, b.lost(moved))
	require.Equal(t, "Elsewhere", b.event(into).Fields[record.FieldLocation])
	first := connector.Ref{ID: master, Occurrence: "2026-11-01T02:30:00[Europe/Berlin]"}
	require.Empty(t, b.event(first).Fields[record.FieldLocation])
}

func TestSeriesThatBecameASingleEvent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	master := b.addEvent(t, weekly())
	ref := b.occurrences(master, date("2026-11-01"), date("2026-12-01"))[0].Ref
	b.patchEvent(t, master, m{"recurrence": nil})
	require.Equal(t, connector.Gone{Ref: ref, Deleted: true}, b.lost(ref))
	require.Empty(t, b.event(connector.Ref{ID: master}).Fields[record.FieldRecurrence])
	require.NoError(t, b.server.Calendar(alice).Delete(master))
	require.Equal(t, connector.Gone{Ref: ref, Deleted: true}, b.lost(ref))
}

func TestMeetingOfSomebodyOutside(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e, err := b.server.Invite(alice, m{"iCalUID": "u1@outside.test", "organizer": m{"email": "Boss@Outside.test"}, "summary": "Pitch",
		"start": m{"dateTime": "2026-11-20T09:00:00Z", "timeZone": "UTC"}, "end": m{"dateTime": "2026-11-20T10:00:00Z", "timeZone": "UTC"},
		"attendees": []m{{"email": "boss@outside.test", "responseStatus": "accepted"}}})
	require.NoError(t, err)
	it := b.event(connector.Ref{ID: e["id"].(string)})
	require.Equal(t, "boss@outside.test", it.Owner)
	require.Equal(t, []string{alice, "boss@outside.test"}, it.Reps)
	require.Equal(t, "u1@outside.test", it.Fields[record.FieldUID])
	require.Equal(t, record.AnswerNone, it.Fields[record.FieldAnswer])
	require.Equal(t, alice+" needs_action\nboss@outside.test accepted", it.Fields[record.FieldAttendees])
}

func TestDelegationOfOneServiceServesThatOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scope        string
		serves, does record.Kind
	}{
		"contacts": {sandbox.ScopeContacts, record.Contact, record.Event},
		"events":   {sandbox.ScopeCalendarEvents, record.Event, record.Contact},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.server.SetDelegation(c.scope)
			_, err := b.mailbox.Changes(t.Context(), c.serves, connector.Query{})
			require.NoError(t, err)
			_, err = b.mailbox.Changes(t.Context(), c.does, connector.Query{})
			got, code := class(err)
			require.Equal(t, connector.Reconnect, got)
			require.Equal(t, "unauthorized_client", code)
		})
	}
}

// Of a cancelled occurrence Google promises id, series and original start, and gives the latter without its zone at times.
func TestCancelledOccurrenceHasItsKeyInTheZoneOfItsSeries(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.broken["zones"] = true
	b.mailbox = b.connect(google.Config{EventPageSize: 50})
	master := b.addEvent(t, weekly())
	want := func(day string) connector.Gone {
		return connector.Gone{Ref: connector.Ref{ID: master, Occurrence: day + "T02:30:00[Europe/Berlin]"}, Deleted: true}
	}
	refs := func(all []connector.Gone) []connector.Gone {
		for i := range all {
			all[i].Version = connector.Version{}
		}
		return all
	}
	require.NoError(t, b.server.Calendar(alice).Delete(master+"_20261108T013000Z"))
	b.clock.advance(5 * time.Minute)
	read := b.changes(connector.Query{})
	require.Equal(t, []connector.Gone{want("2026-11-08")}, refs(read.Gone), "its master is on the page")
	require.NoError(t, b.server.Calendar(alice).Delete(master+"_20261115T013000Z"))
	b.clock.advance(5 * time.Minute)
	require.Equal(t, []connector.Gone{want("2026-11-15")}, refs(b.changes(connector.Query{Token: read.Token}).Gone), "its master is asked")
	for _, until := range []string{"2026-12-01", "2026-11-15"} { // with others, and alone
		_, lost, err := b.mailbox.(connector.Calendar).Occurrences(t.Context(), []string{master}, date("2026-11-02"), date(until))
		require.NoError(t, err)
		require.Contains(t, refs(lost), want("2026-11-08"))
	}
	require.Equal(t, want("2026-11-08"), b.lost(want("2026-11-08").Ref))
}
