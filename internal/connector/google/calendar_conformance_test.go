package google_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/connectortest"
	"github.com/repsync/repsync/internal/connector/google"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
)

func TestConformanceOfEvents(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, func(t testing.TB) *connectortest.World { return newBench(t).events() })
}

// meeting is the n-th of any number of events, each an hour of a day in November.
func meeting(n int) record.Fields {
	start := time.Date(2026, 11, 20, 9, 0, 0, 0, berlin).Add(time.Duration(n) * time.Minute)
	return record.Fields{
		record.FieldSubject: fmt.Sprintf("Meeting %d with O'Neil", n), record.FieldLocation: fmt.Sprintf("Room \"%d\" \\ Jörg", n),
		record.FieldDescription: fmt.Sprintf("Agenda %d\na < b & c", n), record.FieldPrivacy: "private", record.FieldTime: hour(start),
	}
}

var berlin = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return zone
}()

func hour(start time.Time) string {
	return record.Span{Start: record.Moment{At: start}, End: record.Moment{At: start.Add(time.Hour)}}.String()
}

// typedEvent is an event as a person would enter it.
func typedEvent(t testing.TB, f record.Fields) m {
	span, err := record.ParseSpan(f[record.FieldTime])
	require.NoError(t, err)
	at := func(mo record.Moment) m {
		return m{"dateTime": mo.At.Format(time.RFC3339), "timeZone": mo.At.Location().String()}
	}
	return m{
		"summary": f[record.FieldSubject], "location": f[record.FieldLocation], "description": f[record.FieldDescription],
		"visibility": f[record.FieldPrivacy], "start": at(span.Start), "end": at(span.End),
	}
}

func (b *bench) addEvent(t testing.TB, e m) string {
	t.Helper()
	out, err := b.server.Calendar(alice).Insert(e)
	require.NoError(t, err)
	return out["id"].(string)
}

func (b *bench) patchEvent(t testing.TB, id string, change m) {
	t.Helper()
	_, err := b.server.Calendar(alice).Patch(id, change)
	require.NoError(t, err)
}

// living are the events that the calendar has, series counted once.
func (b *bench) livingEvents(t testing.TB) int {
	t.Helper()
	all, err := b.server.Calendar(alice).List(nil)
	require.NoError(t, err)
	n := 0
	for _, e := range all {
		if e["recurringEventId"] == nil {
			n++
		}
	}
	return n
}

// quoting serves the refusal of a rule with the rule in it: vendors' messages quote values.
func quoting(canary string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		maps.Copy(w.Header(), rec.Header())
		w.Header().Del("Content-Length")
		w.WriteHeader(rec.Code)
		body := bytes.ReplaceAll(rec.Body.Bytes(), []byte("Invalid recurrence rule."), []byte("Invalid recurrence rule "+canary))
		_, _ = bytes.NewReader(body).WriteTo(w)
	})
}

func (b *bench) events() *connectortest.World {
	front := httptest.NewServer(quoting("zzcanaryzz", b.faults.Middleware(b.breaking(b.server))))
	b.t.Cleanup(front.Close)
	b.url = front.URL
	w := &connectortest.World{
		Connector: b.connect(google.Config{}), Kind: record.Event, Org: "acme", PageSize: 3,
		Record: meeting, Text: record.FieldDescription,
		// Attendees are never removed and show_as is never empty: they have tests of their own.
		Samples: record.Fields{
			record.FieldSubject: "Sample", record.FieldLocation: "Sample street 1", record.FieldDescription: "First <line>\nSecond &amp; <b>last</b>",
			record.FieldPrivacy: "confidential", record.FieldTime: "2026-11-24/2026-11-26",
			record.FieldRecurrence: "RRULE:FREQ=WEEKLY;COUNT=3",
		},
		Refused: func(canary string) record.Fields {
			f := meeting(999)
			f[record.FieldRecurrence] = "RRULE:FREQ=" + strings.ToUpper(canary)
			return f
		},
		Create: func(t testing.TB, f record.Fields) string { return b.addEvent(t, typedEvent(t, f)) },
		Edit: func(t testing.TB, id string, f record.Fields) {
			require.Len(t, f, 1)
			b.patchEvent(t, id, m{"description": f[record.FieldDescription]})
		},
		Delete:  func(t testing.TB, id string) { require.NoError(t, b.server.Calendar(alice).Delete(id)) },
		Restore: func(t testing.TB, id string) { b.patchEvent(t, id, m{"status": "confirmed"}) },
		Living:  b.livingEvents,
		Mark: func(t testing.TB, id, marker string) {
			b.patchEvent(t, id, m{"extendedProperties": m{"private": m{"another": "app", "repsync": marker, "repsyncId": id}}})
		},
		Break: func(_ testing.TB, id string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.broken[id] = true
		},
		Unmapped:  b.unmappedEvent,
		MissingID: "0123456789abcdefghijklmnop00000", AbsenceProves: true,
		ExpireCursors: func(testing.TB) { b.server.ExpireCalendarTokens(alice) },
		Settle:        func(testing.TB) { b.clock.advance(5 * time.Minute) },
		LoseAnswer: func(testing.TB) {
			b.faults.MustAdd(fault.Rule{Kind: fault.DropAfter, Method: "POST", Path: "^/batch/calendar/v3$", Times: 1})
		},
		Busy: func(testing.TB) {
			b.faults.MustAdd(fault.Rule{Kind: fault.Status, Path: "calendar/v3", Status: 403, RetryAfter: fault.Duration(7 * time.Second), Times: 1,
				Body: `{"error":{"code":403,"message":"Rate Limit Exceeded","errors":[{"domain":"usageLimits","reason":"rateLimitExceeded"}]}}`})
		},
		Hang:   func(testing.TB) func() { return b.faults.Hold(fault.Rule{Path: "calendar/v3"}) },
		Series: b.series(),
	}
	return w
}

// series is a weekly meeting of Berlin, which crosses no change of the clocks; another test does.
func (b *bench) series() *connectortest.Series {
	day := func(d int) time.Time { return time.Date(2026, 11, d, 9, 0, 0, 0, berlin) }
	occurrence := func(master string, d int) (string, connector.Ref) {
		return master + "_" + day(d).UTC().Format("20060102T150405Z"),
			connector.Ref{ID: master, Occurrence: record.Moment{At: day(d)}.Key()}
	}
	return &connectortest.Series{
		Window:  connectortest.Window{From: day(1), To: day(30)},
		Outside: connectortest.Window{From: day(1).AddDate(1, 0, 0), To: day(30).AddDate(1, 0, 0)},
		CreateSeries: func(t testing.TB) string {
			e := typedEvent(t, meeting(0))
			e["start"], e["end"] = m{"dateTime": "2026-11-02T09:00:00", "timeZone": "Europe/Berlin"}, m{"dateTime": "2026-11-02T10:00:00", "timeZone": "Europe/Berlin"}
			e["recurrence"] = []string{"RRULE:FREQ=WEEKLY;BYDAY=MO"}
			return b.addEvent(t, e)
		},
		MoveOne: func(t testing.TB, master, text string) connector.Ref {
			id, ref := occurrence(master, 16)
			b.patchEvent(t, id, m{"description": text})
			return ref
		},
		CancelOne: func(t testing.TB, master string) connector.Ref {
			id, ref := occurrence(master, 23)
			require.NoError(t, b.server.Calendar(alice).Delete(id))
			return ref
		},
	}
}

// unmappedEvent gives an event what a record has no place for.
func (b *bench) unmappedEvent(t testing.TB, id string) func(testing.TB) {
	b.patchEvent(t, id, m{
		"colorId": "5", "guestsCanModify": true, "reminders": m{"useDefault": false, "overrides": []m{{"method": "popup", "minutes": 7}}},
		"extendedProperties": m{"private": m{"another": "app"}, "shared": m{"other": "thing"}},
		"attendees":          []m{{"email": "guest@outside.test", "responseStatus": "accepted", "comment": "with pleasure", "optional": true}, {"email": "room-1@resource.calendar.google.com", "resource": true}},
		"source":             m{"title": "Tickets", "url": "https://tickets.test/1"},
	})
	return func(t testing.TB) {
		e, err := b.server.Calendar(alice).Get(id)
		require.NoError(t, err)
		require.Equal(t, "5", e["colorId"])
		require.Equal(t, true, e["guestsCanModify"])
		require.Equal(t, "popup", e["reminders"].(m)["overrides"].([]any)[0].(m)["method"])
		require.Equal(t, "app", e["extendedProperties"].(m)["private"].(m)["another"])
		require.Equal(t, "thing", e["extendedProperties"].(m)["shared"].(m)["other"])
		require.Equal(t, "Tickets", e["source"].(m)["title"])
		guests := map[string]m{}
		for _, g := range e["attendees"].([]any) {
			guests[g.(m)["email"].(string)] = g.(m)
		}
		require.Equal(t, "accepted", guests["guest@outside.test"]["responseStatus"])
		require.Equal(t, "with pleasure", guests["guest@outside.test"]["comment"])
		require.Equal(t, true, guests["room-1@resource.calendar.google.com"]["resource"])
	}
}
