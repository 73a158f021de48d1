package google_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/credential"
	"github.com/repsync/repsync/internal/connector/google"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
)

func (b *bench) writeEvents(ops ...connector.Op) []connector.Result {
	b.t.Helper()
	results, err := b.mailbox.Write(b.t.Context(), record.Event, ops)
	require.NoError(b.t, err)
	require.Len(b.t, results, len(ops))
	return results
}

func createEvent(key string, f record.Fields) connector.Op {
	return connector.Op{Verb: connector.Create, Key: key, Set: f}
}

func updateEvent(it connector.Item, set record.Fields) connector.Op {
	return connector.Op{Verb: connector.Update, Ref: it.Ref, If: it.Version, Current: &it, Set: set}
}

func deleteEvent(it connector.Item) connector.Op {
	return connector.Op{Verb: connector.Delete, Ref: it.Ref, If: it.Version, Current: &it}
}

func (b *bench) guests(id string) map[string]string {
	b.t.Helper()
	e, err := b.server.Calendar(alice).Get(id)
	require.NoError(b.t, err)
	out := map[string]string{}
	list, _ := e["attendees"].([]any)
	for _, g := range list {
		answer, _ := g.(m)["responseStatus"].(string)
		out[g.(m)["email"].(string)] = answer
	}
	return out
}

func TestNobodyIsMailedUnlessInvited(t *testing.T) {
	t.Parallel()
	for name, invite := range map[string]bool{"silent": false, "invited": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			loud := func(op connector.Op) connector.Op { op.Invite = invite; return op }
			with := meeting(1)
			with[record.FieldAttendees] = "guest@outside.test needs_action"
			r := b.writeEvents(loud(createEvent("k1", with)), loud(createEvent("k2", meeting(2))))
			require.NoError(t, r[1].Err)
			if !invite {
				require.Equal(t, connector.Park, connector.ClassOf(r[0].Err), "an insert with guests may mail whatever it is told")
			} else {
				require.NoError(t, r[0].Err)
			}
			add := loud(updateEvent(b.event(r[1].Ref), record.Fields{record.FieldAttendees: "second@outside.test needs_action"}))
			require.NoError(t, b.writeEvents(add)[0].Err)
			move := loud(updateEvent(b.event(r[1].Ref), record.Fields{record.FieldTime: hour(time.Date(2026, 11, 25, 9, 0, 0, 0, berlin))}))
			require.NoError(t, b.writeEvents(move)[0].Err)
			require.NoError(t, b.writeEvents(loud(deleteEvent(b.event(r[1].Ref))))[0].Err)
			var kinds []string
			for _, mail := range b.mails {
				kinds = append(kinds, mail.To+" "+mail.Kind)
			}
			if !invite {
				require.Empty(t, kinds)
				return
			}
			require.Equal(t, []string{"guest@outside.test invitation", "second@outside.test invitation", "second@outside.test update", "second@outside.test cancellation"}, kinds)
		})
	}
}

func TestAttendeesAreAddedAndNeverRemoved(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := typedEvent(t, meeting(1))
	e["attendees"] = []m{{"email": "bob@outside.test", "responseStatus": "declined"}, {"email": "room@resource.calendar.google.com", "resource": true, "responseStatus": "accepted"}}
	id := b.addEvent(t, e)
	for _, value := range []string{"cy@outside.test needs_action", "", "bob@outside.test accepted"} {
		require.NoError(t, b.writeEvents(updateEvent(b.event(connector.Ref{ID: id}), record.Fields{record.FieldAttendees: value}))[0].Err)
	}
	require.Equal(t, map[string]string{"bob@outside.test": "declined", "room@resource.calendar.google.com": "accepted", "cy@outside.test": "needsAction"}, b.guests(id))
	require.Equal(t, "bob@outside.test declined\ncy@outside.test needs_action", b.event(connector.Ref{ID: id}).Fields[record.FieldAttendees])
}

func TestIdThatAPersonDeletedStaysTaken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.writeEvents(createEvent("k", meeting(1)))[0]
	require.NoError(t, first.Err)
	for range 2 {
		again := b.writeEvents(createEvent("k", meeting(1)))[0]
		require.Equal(t, connector.Exists, connector.ClassOf(again.Err))
		require.Equal(t, first.Ref, again.Ref, "so that it can be looked at")
		_ = b.server.Calendar(alice).Delete(first.Ref.ID)
	}
	require.Equal(t, connector.Gone{Ref: first.Ref, Deleted: true}, b.lost(first.Ref))
	require.Zero(t, b.livingEvents(t))
}

func TestDuplicateOfOurEventIsNotOurs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ours := b.writeEvents(createEvent("k", meeting(1)))[0]
	require.NoError(t, ours.Err)
	e, err := b.server.Calendar(alice).Get(ours.Ref.ID)
	require.NoError(t, err)
	for _, own := range []string{"id", "iCalUID", "etag"} {
		delete(e, own)
	}
	copied := b.event(connector.Ref{ID: b.addEvent(t, e)})
	require.Equal(t, "acme/k", ours.Item.Key)
	require.Empty(t, copied.Key)
	adopted := updateEvent(copied, nil)
	adopted.Key = "k.2"
	r := b.writeEvents(adopted)[0]
	require.NoError(t, r.Err)
	require.Equal(t, "acme/k.2", r.Item.Key)
	require.Equal(t, "acme/k", b.event(ours.Ref).Key)
}

func TestOccurrencesOfOurSeriesAreNotMarked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	f := meeting(1)
	f[record.FieldRecurrence] = "RRULE:FREQ=DAILY;COUNT=3"
	r := b.writeEvents(createEvent("k", f))[0]
	require.NoError(t, r.Err)
	items := b.occurrences(r.Ref.ID, date("2026-11-01"), date("2026-12-01"))
	require.Len(t, items, 3)
	for _, it := range items {
		require.Empty(t, it.Key, "the marker is the series'")
		require.Equal(t, r.Item.Fields[record.FieldUID], it.Fields[record.FieldUID])
	}
}

// A series and its occurrences in one call: in order, and each touches what it names.
func TestSeriesAndOccurrencesInOneWrite(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	master := b.addEvent(t, weekly())
	items := b.occurrences(master, date("2026-11-01"), date("2026-12-01"))
	require.Len(t, items, 5)
	whole := b.event(connector.Ref{ID: master})
	b.faults.Reset()
	r := b.writeEvents(
		updateEvent(items[0], record.Fields{record.FieldSubject: "first"}),
		updateEvent(items[1], record.Fields{record.FieldTime: "2026-11-09T10:00:00Z[UTC]/2026-11-09T10:30:00Z[UTC]"}),
		deleteEvent(items[2]),
		updateEvent(whole, record.Fields{record.FieldLocation: "Attic"}),
	)
	require.Equal(t, 2, b.faults.Calls()["POST /batch/calendar/v3"], "Google works on a batch in any order: the series has one of its own")
	for i := range r {
		require.NoError(t, r[i].Err, i)
	}
	require.Equal(t, "first", b.event(items[0].Ref).Fields[record.FieldSubject])
	require.Equal(t, "2026-11-09T11:00:00+01:00[Europe/Berlin]/2026-11-09T11:30:00+01:00[Europe/Berlin]", b.event(items[1].Ref).Fields[record.FieldTime], "in the event's own zone")
	require.Equal(t, connector.Gone{Ref: items[2].Ref, Deleted: true}, b.lost(items[2].Ref))
	require.Equal(t, "Attic", b.event(items[3].Ref).Fields[record.FieldLocation])
	require.Equal(t, "Night", b.event(items[3].Ref).Fields[record.FieldSubject])
	again := b.writeEvents(deleteEvent(items[2]))[0]
	require.Equal(t, connector.Missing, connector.ClassOf(again.Err))
}

func TestOnePartOfABatchFails(t *testing.T) {
	t.Parallel()
	reason := func(status int, reason string) string {
		return fmt.Sprintf(`{"error":{"code":%d,"message":"zzcanaryzz","errors":[{"domain":"global","reason":%q}]}}`, status, reason)
	}
	for name, c := range map[string]struct {
		rule fault.Rule
		want connector.Class
		code string
		rest connector.Class // of the batch after it
	}{
		"in trouble":        {fault.Rule{Kind: fault.Status, Status: 503, Body: reason(503, "backendError")}, connector.Unclear, "backendError", connector.Retry},
		"in trouble, done":  {fault.Rule{Kind: fault.StatusAfter, Status: 500, Body: reason(500, "backendError")}, connector.Unclear, "backendError", connector.Retry},
		"slow down":         {fault.Rule{Kind: fault.Status, Status: 403, Body: reason(403, "userRateLimitExceeded"), RetryAfter: fault.Duration(7 * time.Second)}, connector.Retry, "userRateLimitExceeded", connector.Retry},
		"too many":          {fault.Rule{Kind: fault.Status, Status: 429, Body: reason(429, "rateLimitExceeded")}, connector.Retry, "rateLimitExceeded", connector.Retry},
		"not allowed":       {fault.Rule{Kind: fault.Status, Status: 403, Body: reason(403, "forbiddenForNonOrganizer")}, connector.Park, "forbiddenForNonOrganizer", ""},
		"read-only":         {fault.Rule{Kind: fault.Status, Status: 403, Body: reason(403, "requiredAccessLevel")}, connector.Park, "requiredAccessLevel", ""},
		"without its scope": {fault.Rule{Kind: fault.Status, Status: 403, Body: reason(403, "insufficientPermissions")}, connector.Reconnect, "insufficientPermissions", ""},
		"not understood":    {fault.Rule{Kind: fault.Status, Status: 400, Body: reason(400, "invalid")}, connector.Park, "invalid", ""},
		"no calendar":       {fault.Rule{Kind: fault.Status, Status: 404, Body: reason(404, "notFound")}, connector.Park, "notFound", ""},
		"HTML":              {fault.Rule{Kind: fault.Status, Status: 502, Body: "<html>zzcanaryzz"}, connector.Unclear, "http_502", connector.Retry},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			var ops []connector.Op
			for i := range 52 {
				ops = append(ops, createEvent(fmt.Sprintf("k%d", i), meeting(i)))
			}
			c.rule.Method, c.rule.Path, c.rule.Skip, c.rule.Times = http.MethodPost, "/events$", 3, 1
			b.parts.MustAdd(c.rule)
			for i, r := range b.writeEvents(ops...) {
				switch got, code := class(r.Err); {
				case i == 3:
					require.Equal(t, c.want, got)
					require.Equal(t, c.code, code)
					require.NotContains(t, r.Err.Error(), "zzcanaryzz")
				case i >= 50:
					require.Equal(t, c.rest, got, i)
				default:
					require.NoError(t, r.Err, i)
					require.NotNil(t, r.Item, i)
				}
			}
		})
	}
}

// What arrived of an answer that was cut counts; what did not is unclear, and was done all the same.
func TestAnswerToABatchIsCut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var ops []connector.Op
	keys := make([]string, 20)
	for i := range keys {
		keys[i] = fmt.Sprintf("k%d", i)
		ops = append(ops, createEvent(keys[i], meeting(i)))
	}
	b.faults.MustAdd(fault.Rule{Kind: fault.Truncate, Path: "^/batch/", Times: 1})
	done, unclear := 0, 0
	for i, r := range b.writeEvents(ops...) {
		if r.Err == nil {
			done++
			require.Equal(t, "acme/"+keys[i], r.Item.Key)
			continue
		}
		unclear++
		require.Equal(t, connector.Unclear, connector.ClassOf(r.Err))
	}
	require.Positive(t, done)
	require.Positive(t, unclear)
	found, err := b.mailbox.Find(t.Context(), record.Event, connector.ByKey, keys, nil)
	require.NoError(t, err)
	require.Len(t, found, 20)
	b.faults.MustAdd(fault.Rule{Kind: fault.Truncate, Path: "^/batch/", Times: 1})
	_, err = b.mailbox.Find(t.Context(), record.Event, connector.ByKey, keys, nil)
	require.Equal(t, connector.Retry, connector.ClassOf(err), "absence is not taken from half an answer")
}

func TestBatchThatIsNoBatch(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ref := connector.Ref{ID: b.addEvent(t, typedEvent(t, meeting(1)))}
	it := b.event(ref)
	for body, want := range map[string][2]connector.Class{"<html>zzcanaryzz": {connector.Retry, connector.Unclear}, `{"a":"zzcanaryzz"}`: {connector.Retry, connector.Unclear}} {
		b.faults.MustAdd(fault.Rule{Kind: fault.Status, Status: 200, Body: body, Path: "^/batch/", Times: 2})
		_, _, err := b.mailbox.Get(t.Context(), record.Event, []connector.Ref{ref}, nil)
		require.Equal(t, want[0], connector.ClassOf(err))
		require.NotContains(t, err.Error(), "zzcanaryzz")
		r := b.writeEvents(updateEvent(it, record.Fields{record.FieldSubject: "x"}))[0]
		require.Equal(t, want[1], connector.ClassOf(r.Err))
	}
	b.faults.MustAdd(fault.Rule{Kind: fault.Status, Status: 200, Body: `{}`, Path: "^/batch/"})
	items, _, err := b.mailbox.Get(t.Context(), record.Event, []connector.Ref{ref}, nil)
	require.NoError(t, err, "again and again: there are no batches here")
	require.Len(t, items, 1)
}

// Google checks the token of a batch where it works on the parts.
func TestTokenThatDiedIsRenewedForABatch(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ref := connector.Ref{ID: b.addEvent(t, typedEvent(t, meeting(1)))}
	it := b.event(ref)
	b.server.RevokeTokens(alice)
	require.Equal(t, it, b.event(ref))
	b.server.RevokeTokens(alice)
	r := b.writeEvents(updateEvent(it, record.Fields{record.FieldSubject: "by us"}), createEvent("k", meeting(2)))
	require.NoError(t, r[0].Err)
	require.NoError(t, r[1].Err)
	b.server.RevokeDelegation()
	_, _, err := b.mailbox.Get(t.Context(), record.Event, []connector.Ref{ref}, nil)
	require.Equal(t, connector.Reconnect, connector.ClassOf(err))
}

func TestWritesThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	it := b.event(connector.Ref{ID: b.addEvent(t, typedEvent(t, meeting(1)))})
	moved := it
	moved.Version.Tag = `"another"`
	for name, c := range map[string]struct {
		op   connector.Op
		want connector.Class
	}{
		"create without a key":     {connector.Op{Verb: connector.Create, Set: meeting(1)}, connector.Bug},
		"update without its item":  {connector.Op{Verb: connector.Update, Ref: it.Ref, Set: meeting(2)}, connector.Bug},
		"delete of one without it": {connector.Op{Verb: connector.Delete, Ref: connector.Ref{ID: it.ID, Occurrence: "2026-11-20"}}, connector.Bug},
		"another verb":             {connector.Op{Verb: "move", Ref: it.Ref}, connector.Bug},
		"an id that is none":       {connector.Op{Verb: connector.Delete, Ref: connector.Ref{ID: "no id '"}}, connector.Missing},
		"read since":               {connector.Op{Verb: connector.Update, Ref: it.Ref, If: it.Version, Current: &moved}, connector.Stale},
		"nothing to change":        {updateEvent(it, record.Fields{}), ""},
	} {
		require.Equal(t, c.want, connector.ClassOf(b.writeEvents(c.op)[0].Err), name)
	}
	_, err := b.mailbox.Find(t.Context(), record.Event, connector.ByName, []string{"x"}, nil)
	require.Equal(t, connector.Unsupported, connector.ClassOf(err))
	_, err = google.New(google.Config{Org: "acme", Token: credential.File("x"), BaseURLCalendar: "https://www.googleapis.com/"})
	require.Error(t, err)
	require.ErrorContains(t, err, "/calendar/v3/")
}
