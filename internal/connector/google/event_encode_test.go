package google

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// patchOf is what an update of an event with some members sends, as JSON.
func patchOf(t *testing.T, members string, ref connector.Ref, set record.Fields) (string, *connector.Error) {
	t.Helper()
	d, err := testCalendar.decode(eventWith(members))
	require.NoError(t, err)
	if ref.ID != "" {
		d.item.Ref = ref
	}
	body, e := testCalendar.patch(connector.Op{Verb: connector.Update, Ref: d.item.Ref, Current: &d.item, Set: set})
	if e != nil {
		return "", e
	}
	raw, err := json.Marshal(body)
	require.NoError(t, err)
	return string(raw), nil
}

func TestPatchOfAnEvent(t *testing.T) {
	t.Parallel()
	const guests = `"attendees":[{"email":"Bob@X.test","responseStatus":"declined","comment":"ill","new":[1]},{"email":"room@resource.calendar.google.com","resource":true}]`
	occurrence := connector.Ref{ID: "m1", Occurrence: "2026-11-13T09:00:00[Europe/Berlin]"}
	for name, c := range map[string]struct {
		members string
		ref     connector.Ref
		field   string
		value   string
		want    string
		refused string
	}{
		"subject":             {field: record.FieldSubject, value: "New", want: `{"summary":"New"}`},
		"subject cleared":     {field: record.FieldSubject, want: `{"summary":null}`},
		"location":            {field: record.FieldLocation, value: "Room", want: `{"location":"Room"}`},
		"description":         {field: record.FieldDescription, value: "a < b\nc", want: `{"description":"a \u003c b\nc"}`},
		"description of tags": {field: record.FieldDescription, value: "<b>", want: `{"description":"\u0026lt;b\u0026gt;"}`},
		"time": {field: record.FieldTime, value: "2026-11-21T09:00:00+01:00[Europe/Berlin]/2026-11-21T10:00:00+01:00[Europe/Berlin]",
			want: `{"start":{"dateTime":"2026-11-21T09:00:00+01:00","timeZone":"Europe/Berlin","date":null},"end":{"dateTime":"2026-11-21T10:00:00+01:00","timeZone":"Europe/Berlin","date":null}}`},
		"time in another zone": {field: record.FieldTime, value: "2026-11-21T09:00:00-05:00[America/New_York]/2026-11-21T10:00:00-05:00[America/New_York]",
			want: `{"start":{"dateTime":"2026-11-21T09:00:00-05:00","timeZone":"America/New_York","date":null},"end":{"dateTime":"2026-11-21T10:00:00-05:00","timeZone":"America/New_York","date":null}}`},
		"time as an instant keeps the event's zone": {field: record.FieldTime, value: "2026-07-01T08:00:00Z[UTC]/2026-07-01T09:00:00Z[UTC]",
			want: `{"start":{"dateTime":"2026-07-01T10:00:00+02:00","timeZone":"Europe/Berlin","date":null},"end":{"dateTime":"2026-07-01T11:00:00+02:00","timeZone":"Europe/Berlin","date":null}}`},
		"time of an all-day event as an instant": {members: `"start":{"date":"2026-11-20"},"end":{"date":"2026-11-21"}`, field: record.FieldTime, value: "2026-07-01T08:00:00Z[UTC]/2026-07-01T09:00:00Z[UTC]",
			want: `{"start":{"dateTime":"2026-07-01T08:00:00Z","timeZone":"UTC","date":null},"end":{"dateTime":"2026-07-01T09:00:00Z","timeZone":"UTC","date":null}}`},
		"time becomes all day": {field: record.FieldTime, value: "2026-11-20/2026-11-22",
			want: `{"start":{"date":"2026-11-20","dateTime":null,"timeZone":null},"end":{"date":"2026-11-22","dateTime":null,"timeZone":null}}`},
		"time cleared":          {field: record.FieldTime, refused: "not_a_time"},
		"time that is none":     {field: record.FieldTime, value: "tomorrow", refused: "not_a_time"},
		"busy":                  {field: record.FieldShowAs, value: record.ShowBusy, want: `{"transparency":"opaque"}`},
		"free":                  {field: record.FieldShowAs, value: record.ShowFree, want: `{"transparency":"transparent"}`},
		"absent is busy":        {field: record.FieldShowAs, value: record.ShowOutOfOffice, want: `{"transparency":"opaque"}`},
		"show as cleared":       {field: record.FieldShowAs, want: `{"transparency":"opaque"}`},
		"show as something":     {field: record.FieldShowAs, value: "dancing", refused: "unknown_value:show_as"},
		"an absence stays one":  {members: `"eventType":"outOfOffice"`, field: record.FieldShowAs, value: record.ShowFree, refused: "event_type_fixed"},
		"an absence as it is":   {members: `"eventType":"outOfOffice"`, field: record.FieldShowAs, value: record.ShowOutOfOffice, want: `{}`},
		"private":               {field: record.FieldPrivacy, value: record.PrivacyPrivate, want: `{"visibility":"private"}`},
		"privacy cleared":       {field: record.FieldPrivacy, want: `{"visibility":"default"}`},
		"privacy something":     {field: record.FieldPrivacy, value: "secret", refused: "unknown_value:privacy"},
		"attendee added":        {members: guests, field: record.FieldAttendees, value: "bob@x.test accepted\ncy@x.test accepted", want: `{"attendees":[{"email":"Bob@X.test","responseStatus":"declined","comment":"ill","new":[1]},{"email":"room@resource.calendar.google.com","resource":true},{"email":"cy@x.test"}]}`},
		"attendee removed":      {members: guests, field: record.FieldAttendees, value: "", want: `{}`},
		"attendee there":        {members: guests, field: record.FieldAttendees, value: "bob@x.test accepted", want: `{}`},
		"first attendees":       {field: record.FieldAttendees, value: "alice@acme.test needs_action\ncy@x.test needs_action", want: `{"attendees":[{"email":"alice@acme.test","responseStatus":"accepted"},{"email":"cy@x.test"}]}`},
		"attendees not whole":   {members: guests + `,"attendeesOmitted":true`, field: record.FieldAttendees, value: "cy@x.test needs_action", refused: "attendees_omitted"},
		"recurrence":            {field: record.FieldRecurrence, value: "RRULE:FREQ=DAILY\nEXDATE;TZID=Europe/Berlin:20261121T090000", want: `{"recurrence":["RRULE:FREQ=DAILY","EXDATE;TZID=Europe/Berlin:20261121T090000"]}`},
		"recurrence cleared":    {members: `"recurrence":["RRULE:FREQ=DAILY"]`, field: record.FieldRecurrence, want: `{"recurrence":null}`},
		"recurrence of nothing": {field: record.FieldRecurrence, value: "every day", refused: "not_a_recurrence"},
		"recurrence of one":     {ref: occurrence, field: record.FieldRecurrence, value: "RRULE:FREQ=DAILY", refused: "field_not_writable:recurrence"},
		"answer":                {field: record.FieldAnswer, value: record.AnswerYes, refused: "field_not_writable:answer"},
		"relations":             {field: record.FieldRelations, value: "003x", refused: "field_not_writable:relations"},
		"derived":               {field: record.FieldUID, value: "x", want: `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, e := patchOf(t, c.members, c.ref, record.Fields{c.field: c.value})
			if c.refused != "" {
				require.NotNil(t, e)
				require.Equal(t, connector.Park, e.Class)
				require.Equal(t, c.refused, e.Code)
				return
			}
			require.Nil(t, e)
			require.JSONEq(t, c.want, body)
		})
	}
}

func TestMarkerIsStampedWithTheIdOfTheEvent(t *testing.T) {
	t.Parallel()
	d, err := testCalendar.decode(eventWith(`"extendedProperties":{"private":{"repsync":"acme/old"}}`))
	require.NoError(t, err)
	require.Empty(t, d.item.Key, "it came with a copy")
	body, e := testCalendar.patch(connector.Op{Key: "k.1", Ref: d.item.Ref, Current: &d.item})
	require.Nil(t, e)
	require.Equal(t, entry{memberExtended: entry{"private": entry{"repsync": "acme/k.1", "repsyncId": "e1"}}}, body)
}

func TestInsertOfAnEvent(t *testing.T) {
	t.Parallel()
	body, e := testCalendar.insert(connector.Op{Key: "k.1", Set: record.Fields{
		record.FieldTime: "2026-11-21T08:00:00Z[UTC]/2026-11-21T09:00:00Z[UTC]", record.FieldSubject: "S", record.FieldLocation: "",
		record.FieldRecurrence: "RRULE:FREQ=DAILY;COUNT=2",
	}})
	require.Nil(t, e)
	require.Equal(t, entry{
		"id": idFor("acme/k.1"), "summary": "S", "recurrence": []string{"RRULE:FREQ=DAILY;COUNT=2"},
		"start":        entry{"dateTime": "2026-11-21T08:00:00Z", "timeZone": "UTC"},
		"end":          entry{"dateTime": "2026-11-21T09:00:00Z", "timeZone": "UTC"},
		memberExtended: entry{"private": entry{"repsync": "acme/k.1"}},
	}, body)
	for name, c := range map[string]struct {
		set  record.Fields
		code string
	}{
		"without a time":               {record.Fields{record.FieldSubject: "S"}, "required:time"},
		"with guests, and not invited": {record.Fields{record.FieldTime: plainTime, record.FieldAttendees: "a@x.test needs_action"}, "would_mail"},
	} {
		_, e := testCalendar.insert(connector.Op{Key: "k.1", Set: c.set})
		require.NotNil(t, e, name)
		require.Equal(t, connector.Park, e.Class, name)
		require.Equal(t, c.code, e.Code, name)
	}
}

func TestSilentOperations(t *testing.T) {
	t.Parallel()
	with := &connector.Item{Fields: record.Fields{record.FieldAttendees: "a@x.test needs_action"}}
	without := &connector.Item{Fields: record.Fields{}}
	add := record.Fields{record.FieldAttendees: "b@x.test needs_action"}
	for name, c := range map[string]struct {
		op   connector.Op
		item *connector.Item
		want bool
	}{
		"create":                      {connector.Op{Verb: connector.Create}, nil, true},
		"create with guests":          {connector.Op{Verb: connector.Create, Set: add}, nil, false},
		"update of a meeting":         {connector.Op{Verb: connector.Update}, with, true},
		"update of a meeting, mailed": {connector.Op{Verb: connector.Update, Invite: true}, with, false},
		"update of nobody, mailed":    {connector.Op{Verb: connector.Update, Invite: true}, without, true},
		"guests added":                {connector.Op{Verb: connector.Update, Set: add}, without, true},
		"guests invited":              {connector.Op{Verb: connector.Update, Set: add, Invite: true}, without, false},
		"delete of a meeting":         {connector.Op{Verb: connector.Delete}, with, true},
	} {
		require.Equal(t, c.want, testCalendar.caps().Silent(c.op, c.item), name)
	}
}

// FuzzDecodeEvent feeds any JSON to the decoder. What decodes must say the same when decoded from its own image, in
// canonical values, and must show an edit of its fields; what does not decode must not be quoted. As a description it must
// show the text that was written.
func FuzzDecodeEvent(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`null`))
	for _, members := range []string{
		``, `"start":{"date":"2026-11-20"},"end":{"date":"2026-11-21"}`, `"attendees":[{"email":"a@x.test"},null]`, `"summary":7`,
		`"recurringEventId":"m1","originalStartTime":{"dateTime":"2026-11-13T09:00:00+01:00"}`, `"recurrence":["RRULE:FREQ=DAILY"]`,
		`"description":"<p>x</p> &amp; #tag","visibility":"private","transparency":"transparent"`,
		`"start":{"dateTime":"0001-01-01T00:00:00Z","timeZone":"Pacific/Apia"}`, `"start":{"dateTime":"1890-01-01T00:00:00Z","timeZone":"Europe/Berlin"}`,
		`"extendedProperties":{"private":{"repsync":"acme/k"}},"sequence":1e3,"status":"cancelled"`,
	} {
		f.Add(eventWith(members))
	}
	for _, text := range descriptions {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		checkDescription(t, string(raw))
		one, err := testCalendar.decode(raw)
		if err != nil {
			require.NotContains(t, err.Error(), "zz.canary@zz.test")
			require.Less(t, len(err.Error()), 200)
			return
		}
		again, err := testCalendar.decode(one.item.Image)
		require.NoError(t, err)
		require.Equal(t, one, again)
		if one.state != present {
			return
		}
		for field, v := range one.item.Fields {
			require.NotEmpty(t, v, field)
			require.Equal(t, v, record.Canonical(field, v), field)
		}
		_, err = record.ParseSpan(one.item.Fields[record.FieldTime])
		require.NoError(t, err)
		if one.item.Occurrence != "" {
			_, err = record.ParseMoment(one.item.Occurrence)
			require.NoError(t, err)
		}
		set := record.Fields{record.FieldSubject: "new", record.FieldDescription: "<p>new</p>", record.FieldPrivacy: record.PrivacyPrivate, record.FieldTime: plainTime}
		body, e := testCalendar.patch(connector.Op{Ref: one.item.Ref, Current: &one.item, Set: set})
		require.Nil(t, e)
		whole, err := parseEvent(one.item.Image)
		require.NoError(t, err)
		maps.Copy(whole, body)
		changed, err := json.Marshal(whole)
		require.NoError(t, err)
		shown, err := testCalendar.decode(changed)
		require.NoError(t, err)
		for field, v := range set {
			require.Equal(t, v, shown.item.Fields[field], field)
		}
		if one.loose { // in which zone's words its start is told, the series says
			was, err := record.ParseMoment(one.item.Occurrence)
			require.NoError(t, err)
			is, err := record.ParseMoment(shown.item.Occurrence)
			require.NoError(t, err)
			require.True(t, was.At.Equal(is.At))
			require.Equal(t, one.item.ID, shown.item.ID)
			return
		}
		require.Equal(t, one.item.Ref, shown.item.Ref)
	})
}
