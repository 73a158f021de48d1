package google_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/calendar/v3"
	"google.golang.org/api/googleapi"

	"github.com/repsync/repsync/internal/sandbox/google"
)

func TestAnEventFromInsertToDelete(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	in := meeting()
	in.Id = "marker0123"
	in.ExtendedProperties = &calendar.EventExtendedProperties{Private: map[string]string{"repsync": "acme/1"}}
	e := inserted(t, svc, in)
	require.Equal(t, "marker0123", e.Id)
	require.Equal(t, "marker0123@google.com", e.ICalUID)
	require.Equal(t, "confirmed", e.Status)
	require.True(t, e.Organizer.Self)
	require.Equal(t, alice, e.Organizer.Email)
	require.Equal(t, "2026-11-03T09:00:00Z", e.Start.DateTime, "in the zone of the calendar, which is UTC")
	require.Equal(t, "Europe/Berlin", e.Start.TimeZone, "and the event's own zone beside it")
	require.Equal(t, "2026-11-02T09:00:00.000Z", e.Updated)
	require.Equal(t, e.Etag, e.ServerResponse.Header.Get("ETag"))

	b.clock.advance(time.Minute)
	p, err := svc.Events.Patch("primary", e.Id, &calendar.Event{Location: "Room 1"}).Do()
	require.NoError(t, err)
	require.Equal(t, "Review", p.Summary)
	require.NotEqual(t, e.Etag, p.Etag)
	require.Equal(t, "2026-11-02T09:01:00.000Z", p.Updated)
	require.EqualValues(t, 0, p.Sequence, "a place does not raise the sequence")
	require.Equal(t, "acme/1", p.ExtendedProperties.Private["repsync"])

	p, err = svc.Events.Patch("primary", e.Id, &calendar.Event{End: &calendar.EventDateTime{DateTime: "2026-11-03T12:00:00+01:00"}}).Do()
	require.NoError(t, err)
	require.EqualValues(t, 1, p.Sequence)
	require.Equal(t, "Europe/Berlin", p.End.TimeZone, "patches merge objects")

	u, err := svc.Events.Update("primary", e.Id, meeting()).Do()
	require.NoError(t, err)
	require.Empty(t, u.Location, "an update clears what it does not send")
	require.Nil(t, u.ExtendedProperties)

	require.NoError(t, svc.Events.Delete("primary", e.Id).Do())
	mustBe(t, svc.Events.Delete("primary", e.Id).Do(), 410, "deleted")
	gone, err := svc.Events.Get("primary", e.Id).Do()
	require.NoError(t, err)
	require.Equal(t, "cancelled", gone.Status)
	_, err = svc.Events.Insert("primary", in).Do()
	mustBe(t, err, 409, "duplicate")
	_, err = svc.Events.Get("primary", "never").Do()
	mustBe(t, err, 404, "notFound")
	mustBe(t, svc.Events.Delete("primary", "never").Do(), 404, "notFound")

	u, err = svc.Events.Update("primary", e.Id, meeting()).Do()
	require.NoError(t, err)
	require.Equal(t, "confirmed", u.Status, "an update without a status restores")
	require.Empty(t, b.mails())
}

func TestWhatInsertRefuses(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	const day = `"start":{"date":"2026-11-03"},"end":{"date":"2026-11-04"}`
	const zoned = `"start":{"dateTime":"2026-11-03T10:00:00","timeZone":"Europe/Berlin"},"end":{"dateTime":"2026-11-03T11:00:00","timeZone":"Europe/Berlin"}`
	many := strings.Repeat(`{"email":"a@b.test"},`, 200) + `{"email":"a@b.test"}`
	for _, c := range []struct {
		name, body, reason string
		code               int
	}{
		{"all-day", `{` + day + `}`, "", 200},
		{"wall time with zone", `{` + zoned + `}`, "", 200},
		{"no end", `{"start":{"date":"2026-11-03"}}`, "required", 400},
		{"no start", `{"end":{"date":"2026-11-03"}}`, "required", 400},
		{"date and time mixed", `{"start":{"date":"2026-11-03"},"end":{"dateTime":"2026-11-03T10:00:00Z"}}`, "invalid", 400},
		{"date and time in one", `{"start":{"date":"2026-11-03","dateTime":"2026-11-03T10:00:00Z"},"end":{"date":"2026-11-04"}}`, "invalid", 400},
		{"end before start", `{"start":{"dateTime":"2026-11-03T11:00:00Z"},"end":{"dateTime":"2026-11-03T10:00:00Z"}}`, "timeRangeEmpty", 400},
		{"all-day of no days", `{"start":{"date":"2026-11-03"},"end":{"date":"2026-11-03"}}`, "timeRangeEmpty", 400},
		{"unknown zone", `{"start":{"dateTime":"2026-11-03T10:00:00Z","timeZone":"Mars/Base"},"end":{"dateTime":"2026-11-03T11:00:00Z"}}`, "invalid", 400},
		{"wall time without zone", `{"start":{"dateTime":"2026-11-03T10:00:00"},"end":{"dateTime":"2026-11-03T11:00:00"}}`, "required", 400},
		{"series without zone", `{"start":{"dateTime":"2026-11-03T10:00:00Z"},"end":{"dateTime":"2026-11-03T11:00:00Z"},"recurrence":["RRULE:FREQ=DAILY"]}`, "required", 400},
		{"series of days", `{` + day + `,"recurrence":["RRULE:FREQ=DAILY"]}`, "", 200},
		{"rule without frequency", `{` + zoned + `,"recurrence":["RRULE:COUNT=2"]}`, "invalid", 400},
		{"rule of unknown frequency", `{` + zoned + `,"recurrence":["RRULE:FREQ=OFTEN"]}`, "invalid", 400},
		{"hourly rule", `{` + zoned + `,"recurrence":["RRULE:FREQ=HOURLY"]}`, "invalid", 400},
		{"start inside recurrence", `{` + zoned + `,"recurrence":["DTSTART:20261103T100000Z","RRULE:FREQ=DAILY"]}`, "invalid", 400},
		{"every form of line", `{` + zoned + `,"recurrence":["RRULE:FREQ=DAILY;UNTIL=20261110","RRULE:FREQ=WEEKLY;COUNT=2","EXRULE:FREQ=WEEKLY","EXDATE;TZID=Europe/Berlin:20261104T100000,20261105T100000","EXDATE;VALUE=DATE:20261106","RDATE:20261201T100000Z","RDATE;VALUE=DATE-TIME;TZID=America/New_York:20261202T100000"]}`, "", 200},
		{"period", `{` + zoned + `,"recurrence":["RDATE;VALUE=PERIOD:20261201T100000Z/PT1H"]}`, "invalid", 400},
		{"id too short", `{` + day + `,"id":"abcd"}`, "invalid", 400},
		{"id with other letters", `{` + day + `,"id":"abcdz"}`, "invalid", 400},
		{"id and UID", `{` + day + `,"id":"abcde","iCalUID":"x@y"}`, "invalid", 400},
		{"no address", `{` + day + `,"attendees":[{"displayName":"X"}]}`, "invalid", 400},
		{"unknown answer", `{` + day + `,"attendees":[{"email":"a@b.test","responseStatus":"yes"}]}`, "invalid", 400},
		{"too many guests", `{` + day + `,"attendees":[` + many + `]}`, "tooManyAttendees", 400},
		{"unknown visibility", `{` + day + `,"visibility":"secret"}`, "invalid", 400},
		{"another type", `{` + day + `,"summary":7}`, "invalid", 400},
		{"no JSON", `{`, "parseError", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			code, out := b.do(t, "POST", "/calendar/v3/calendars/primary/events", c.body)
			require.Equal(t, c.code, code, "%v", out)
			if c.code != 200 {
				first := out["error"].(map[string]any)["errors"].([]any)[0].(map[string]any)
				require.Equal(t, c.reason, first["reason"], "%v", out)
			}
		})
	}
	_, err := svc.Events.Insert("primary", meeting()).SendUpdates("some").Do()
	mustBe(t, err, 400, "invalidParameter")
}

func TestConditions(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	e := inserted(t, svc, meeting())
	fresh, err := svc.Events.Patch("primary", e.Id, &calendar.Event{Summary: "B"}).Do()
	require.NoError(t, err, "without If-Match the last one wins")

	patch := svc.Events.Patch("primary", e.Id, &calendar.Event{Summary: "C"})
	patch.Header().Set("If-Match", e.Etag)
	_, err = patch.Do()
	mustBe(t, err, 412, "conditionNotMet")
	update := svc.Events.Update("primary", e.Id, meeting())
	update.Header().Set("If-Match", e.Etag)
	_, err = update.Do()
	mustBe(t, err, 412, "conditionNotMet")
	del := svc.Events.Delete("primary", e.Id)
	del.Header().Set("If-Match", e.Etag)
	mustBe(t, del.Do(), 412, "conditionNotMet")

	_, err = svc.Events.Get("primary", e.Id).IfNoneMatch(fresh.Etag).Do()
	require.True(t, googleapi.IsNotModified(err))
	patch.Header().Set("If-Match", fresh.Etag)
	last, err := patch.Do()
	require.NoError(t, err)
	require.Equal(t, "C", last.Summary)
	del.Header().Set("If-Match", last.Etag)
	require.NoError(t, del.Do())
}

func TestPatchFromTimeToDateNeedsNulls(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	e := inserted(t, svc, meeting())
	change := &calendar.Event{Start: &calendar.EventDateTime{Date: "2026-11-03"}, End: &calendar.EventDateTime{Date: "2026-11-04"}}
	_, err := svc.Events.Patch("primary", e.Id, change).Do()
	mustBe(t, err, 400, "invalid")
	change.Start.NullFields, change.End.NullFields = []string{"DateTime"}, []string{"DateTime"}
	out, err := svc.Events.Patch("primary", e.Id, change).Do()
	require.NoError(t, err)
	require.Equal(t, &calendar.EventDateTime{Date: "2026-11-03"}, out.Start)
}

func TestRemindersAreNoChange(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	e := inserted(t, svc, meeting())
	b.clock.advance(time.Hour)
	p, err := svc.Events.Patch("primary", e.Id, &calendar.Event{Reminders: &calendar.EventReminders{UseDefault: false, ForceSendFields: []string{"UseDefault"}}}).Do()
	require.NoError(t, err)
	require.Equal(t, e.Updated, p.Updated)
	require.NotEqual(t, e.Etag, p.Etag)
}

// Extended properties that are too long are cut without a word.
func TestLongExtendedProperties(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	event, err := b.Server.Calendar(alice).Insert(map[string]any{"start": map[string]any{"date": "2026-11-03"}, "end": map[string]any{"date": "2026-11-04"},
		"extendedProperties": map[string]any{"private": map[string]any{"k": strings.Repeat("v", 1025), strings.Repeat("k", 45): "v", strings.Repeat("k", 44): "w"}}})
	require.NoError(t, err)
	private := event["extendedProperties"].(map[string]any)["private"].(map[string]any)
	require.Equal(t, map[string]any{"k": strings.Repeat("v", 1024), strings.Repeat("k", 44): "w"}, private)
}
