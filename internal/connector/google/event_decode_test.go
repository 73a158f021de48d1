package google

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

var testCalendar = &calendar{Config: Config{Org: "acme", Mailbox: "alice@acme.test", CalendarID: "primary", EventPageSize: 10}}

// eventWith is an event of nine to ten in Berlin, with other members in place or beside.
func eventWith(members string) []byte {
	var out, more map[string]any
	base := `{"id":"e1","etag":"\"7\"","updated":"2026-11-18T12:00:00.123Z","status":"confirmed","iCalUID":"e1@google.com",
		"start":{"dateTime":"2026-11-20T09:00:00+01:00","timeZone":"Europe/Berlin"},"end":{"dateTime":"2026-11-20T10:00:00+01:00","timeZone":"Europe/Berlin"}}`
	for in, into := range map[string]*map[string]any{base: &out, "{" + members + "}": &more} {
		if err := json.Unmarshal([]byte(in), into); err != nil {
			panic(err)
		}
	}
	maps.Copy(out, more)
	raw, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return raw
}

const plainTime = "2026-11-20T09:00:00+01:00[Europe/Berlin]/2026-11-20T10:00:00+01:00[Europe/Berlin]"

func TestDecodeEventFields(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		members string
		field   string
		want    string
	}{
		"time":                                {``, record.FieldTime, plainTime},
		"time shown in another zone's offset": {`"start":{"dateTime":"2026-11-20T03:00:00-05:00","timeZone":"Europe/Berlin"}`, record.FieldTime, plainTime},
		"time across the spring change": {`"start":{"dateTime":"2026-03-29T01:30:00+01:00","timeZone":"Europe/Berlin"},"end":{"dateTime":"2026-03-29T03:30:00+02:00","timeZone":"Europe/Berlin"}`,
			record.FieldTime, "2026-03-29T01:30:00+01:00[Europe/Berlin]/2026-03-29T03:30:00+02:00[Europe/Berlin]"},
		"time in the repeated hour": {`"start":{"dateTime":"2026-10-25T02:30:00+02:00","timeZone":"Europe/Berlin"},"end":{"dateTime":"2026-10-25T02:30:00+01:00","timeZone":"Europe/Berlin"}`,
			record.FieldTime, "2026-10-25T02:30:00+02:00[Europe/Berlin]/2026-10-25T02:30:00+01:00[Europe/Berlin]"},
		"time without offset": {`"start":{"dateTime":"2026-11-20T09:00:00","timeZone":"Europe/Berlin"}`, record.FieldTime, plainTime},
		"time without zone": {`"start":{"dateTime":"2026-11-20T09:00:00+01:00"},"end":{"dateTime":"2026-11-20T10:00:00+01:00"}`,
			record.FieldTime, "2026-11-20T08:00:00Z[UTC]/2026-11-20T09:00:00Z[UTC]"},
		"time in an unknown zone": {`"start":{"dateTime":"2026-11-20T09:00:00+01:00","timeZone":"Customized/Zone"}`,
			record.FieldTime, "2026-11-20T08:00:00Z[UTC]/2026-11-20T10:00:00+01:00[Europe/Berlin]"},
		"time with a fraction of a second": {`"start":{"dateTime":"2026-11-20T09:00:00.750+01:00","timeZone":"Europe/Berlin"}`, record.FieldTime, plainTime},
		"start and end in two zones": {`"end":{"dateTime":"2026-11-20T09:00:00Z","timeZone":"Europe/London"}`,
			record.FieldTime, "2026-11-20T09:00:00+01:00[Europe/Berlin]/2026-11-20T09:00:00Z[Europe/London]"},
		"all day":              {`"start":{"date":"2026-10-24"},"end":{"date":"2026-10-26"}`, record.FieldTime, "2026-10-24/2026-10-26"},
		"subject":              {`"summary":" Kick-off \u0007"`, record.FieldSubject, "Kick-off"},
		"location":             {`"location":"Room 1\r\nBonn"`, record.FieldLocation, "Room 1\nBonn"},
		"description":          {`"description":"<p>One &amp; two</p><p>three</p>"`, record.FieldDescription, "One & two\n\nthree"},
		"uid":                  {`"iCalUID":"x_R20240513T213000@google.com"`, record.FieldUID, "x_R20240513T213000@google.com"},
		"sequence":             {`"sequence":3`, record.FieldSequence, "3"},
		"status":               {``, record.FieldStatus, record.StatusConfirmed},
		"tentative":            {`"status":"tentative"`, record.FieldStatus, record.StatusTentative},
		"busy":                 {``, record.FieldShowAs, record.ShowBusy},
		"opaque":               {`"transparency":"opaque"`, record.FieldShowAs, record.ShowBusy},
		"free":                 {`"transparency":"transparent"`, record.FieldShowAs, record.ShowFree},
		"out of office":        {`"eventType":"outOfOffice","transparency":"opaque"`, record.FieldShowAs, record.ShowOutOfOffice},
		"focus time is busy":   {`"eventType":"focusTime"`, record.FieldShowAs, record.ShowBusy},
		"a type of tomorrow":   {`"eventType":"somethingNew"`, record.FieldShowAs, record.ShowBusy},
		"private":              {`"visibility":"private"`, record.FieldPrivacy, record.PrivacyPrivate},
		"confidential":         {`"visibility":"confidential"`, record.FieldPrivacy, record.PrivacyConfidential},
		"public is no privacy": {`"visibility":"public"`, record.FieldPrivacy, ""},
		"default privacy":      {`"visibility":"default"`, record.FieldPrivacy, ""},
		"attendees": {`"attendees":[{"email":"Zoe@X.test","responseStatus":"accepted"},{"email":"room@resource.calendar.google.com","resource":true,"responseStatus":"accepted"},{"email":"bob@x.test"},{"displayName":"without address"},{"email":"cy@x.test","responseStatus":"declined"},{"email":"di@x.test","responseStatus":"somethingNew"}]`,
			record.FieldAttendees, "bob@x.test needs_action\ncy@x.test declined\ndi@x.test needs_action\nzoe@x.test accepted"},
		"answer":           {`"attendees":[{"email":"a@x.test","responseStatus":"accepted"},{"email":"alice@acme.test","self":true,"responseStatus":"tentative"}]`, record.FieldAnswer, record.AnswerTentative},
		"answer not given": {`"attendees":[{"email":"alice@acme.test","self":true,"responseStatus":"needsAction"}]`, record.FieldAnswer, record.AnswerNone},
		"answer not asked": {`"attendees":[{"email":"a@x.test","responseStatus":"accepted"}]`, record.FieldAnswer, ""},
		"labels":           {`"summary":"#CRM: call","description":"see <a href=\"https://x.test/#part\">x</a> #Über_2, #crm a#b (#late-one) #7 https://x.test/#frag"`, record.FieldLabels, "crm\nlate-one\nüber_2"},
		"recurrence": {`"recurrence":["rrule:FREQ=WEEKLY;BYDAY=FR"," EXDATE;TZID=Europe/Berlin:20261127T090000 ","","DTSTART:20261120T090000","RDATE;VALUE=DATE:20270101","RRULE:FREQ=WEEKLY;BYDAY=FR"]`,
			record.FieldRecurrence, "RRULE:FREQ=WEEKLY;BYDAY=FR\nEXDATE;TZID=Europe/Berlin:20261127T090000\nRDATE;VALUE=DATE:20270101"},
		"no recurrence": {`"recurrence":[]`, record.FieldRecurrence, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := testCalendar.decode(eventWith(c.members))
			require.NoError(t, err)
			require.Equal(t, c.want, d.item.Fields[c.field])
			require.Equal(t, connector.Ref{ID: "e1"}, d.item.Ref)
			require.Equal(t, connector.Version{Tag: `"7"`, At: time.Date(2026, 11, 18, 12, 0, 0, 123e6, time.UTC)}, d.item.Version)
			for field, v := range d.item.Fields {
				require.NotEmpty(t, v, field)
			}
			_, err = record.ParseSpan(d.item.Fields[record.FieldTime])
			require.NoError(t, err)
		})
	}
}

func TestDecodeEventRefs(t *testing.T) {
	t.Parallel()
	const original = `"recurringEventId":"m1","id":"m1_x",`
	for name, c := range map[string]struct {
		members  string
		ref      connector.Ref
		state    standing
		previous []string
	}{
		"a single event":                 {``, connector.Ref{ID: "e1"}, present, nil},
		"a deleted event":                {`"status":"cancelled","start":null,"end":null`, connector.Ref{ID: "e1"}, gone, nil},
		"a series that was cut":          {`"id":"m1_R20240513T213000"`, connector.Ref{ID: "m1_R20240513T213000"}, present, []string{"m1"}},
		"an all-day series that was cut": {`"id":"m1_R20240513"`, connector.Ref{ID: "m1_R20240513"}, present, []string{"m1"}},
		"an occurrence": {original + `"originalStartTime":{"dateTime":"2026-11-13T09:00:00+01:00","timeZone":"Europe/Berlin"}`,
			connector.Ref{ID: "m1", Occurrence: "2026-11-13T09:00:00[Europe/Berlin]"}, present, nil},
		"an occurrence moved to another zone": {original + `"start":{"dateTime":"2026-11-20T08:00:00Z","timeZone":"Europe/London"},"originalStartTime":{"dateTime":"2026-11-13T08:00:00Z","timeZone":"Europe/Berlin"}`,
			connector.Ref{ID: "m1", Occurrence: "2026-11-13T09:00:00[Europe/Berlin]"}, present, nil},
		"an occurrence whose original start has no zone": {original + `"originalStartTime":{"dateTime":"2026-11-13T08:00:00Z"}`,
			connector.Ref{ID: "m1", Occurrence: "2026-11-13T09:00:00[Europe/Berlin]"}, present, nil},
		"a cancelled occurrence without start": {original + `"status":"cancelled","start":null,"end":null,"originalStartTime":{"dateTime":"2026-11-13T09:00:00+01:00"}`,
			connector.Ref{ID: "m1", Occurrence: "2026-11-13T08:00:00[UTC]"}, gone, nil},
		"a cancelled occurrence of which only the id says when": {`"recurringEventId":"m1","id":"m1_20261113T080000Z","status":"cancelled","start":null,"end":null`,
			connector.Ref{ID: "m1", Occurrence: "2026-11-13T08:00:00[UTC]"}, gone, nil},
		"an occurrence of an all-day series": {original + `"start":{"date":"2026-11-14"},"end":{"date":"2026-11-15"},"originalStartTime":{"date":"2026-11-13"}`,
			connector.Ref{ID: "m1", Occurrence: "2026-11-13"}, present, nil},
		"an occurrence of a cut series": {`"recurringEventId":"m1_R20240513T213000","id":"m1_x","originalStartTime":{"dateTime":"2026-11-13T09:00:00+01:00","timeZone":"Europe/Berlin"}`,
			connector.Ref{ID: "m1_R20240513T213000", Occurrence: "2026-11-13T09:00:00[Europe/Berlin]"}, present, nil},
		"a birthday":         {`"eventType":"birthday"`, connector.Ref{ID: "e1"}, foreign, nil},
		"a working location": {`"eventType":"workingLocation"`, connector.Ref{ID: "e1"}, foreign, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := testCalendar.decode(eventWith(c.members))
			require.NoError(t, err)
			require.Equal(t, c.ref, d.item.Ref)
			require.Equal(t, c.state, d.state)
			require.Equal(t, c.previous, d.item.Previous)
			if c.state == present {
				require.Equal(t, c.ref.Occurrence, d.item.Fields[record.FieldOccurrence])
			}
		})
	}
}

func TestDecodeEventPeople(t *testing.T) {
	t.Parallel()
	d, err := testCalendar.decode(eventWith(`"organizer":{"email":"Boss@Outside.test"},"attendees":[{"email":"b@x.test"},{"email":"a@x.test"},{"email":"r@x.test","resource":true}]`))
	require.NoError(t, err)
	require.Equal(t, "boss@outside.test", d.item.Owner)
	require.Equal(t, []string{"a@x.test", "b@x.test"}, d.item.Reps)
}

func TestUnreadableEventsNameAMemberAndQuoteNothing(t *testing.T) {
	t.Parallel()
	for name, members := range map[string]string{
		"start is no object":             `"start":"zz.canary@zz.test"`,
		"no start":                       `"start":null`,
		"no end":                         `"end":null`,
		"end before start":               `"end":{"dateTime":"2026-11-20T08:00:00+01:00","timeZone":"Europe/Berlin"}`,
		"a date and a time":              `"end":{"date":"2026-11-21"}`,
		"no day of any calendar":         `"start":{"date":"2026-02-30"}`,
		"a floating time":                `"start":{"dateTime":"2026-11-20T09:00:00"}`,
		"a floating time in no zone":     `"start":{"dateTime":"2026-11-20T09:00:00","timeZone":"zz.canary@zz.test"}`,
		"no time":                        `"start":{"dateTime":"zz.canary@zz.test","timeZone":"Europe/Berlin"}`,
		"subject is no text":             `"summary":{"zz.canary@zz.test":1}`,
		"attendees is no list":           `"attendees":"zz.canary@zz.test"`,
		"an attendee is no object":       `"attendees":["zz.canary@zz.test"]`,
		"an attendee's address":          `"attendees":[{"email":["zz.canary@zz.test"]}]`,
		"organizer is no object":         `"organizer":"zz.canary@zz.test"`,
		"recurrence is no list":          `"recurrence":"zz.canary@zz.test"`,
		"recurrence is no text":          `"recurrence":[7]`,
		"two rules in one line":          `"recurrence":["RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY"]`,
		"sequence is no number":          `"sequence":"zz.canary@zz.test"`,
		"private properties":             `"extendedProperties":{"private":"zz.canary@zz.test"}`,
		"our marker is no text":          `"extendedProperties":{"private":{"repsync":7}}`,
		"updated is no time":             `"updated":"zz.canary@zz.test"`,
		"an occurrence without its slot": `"recurringEventId":"m1"`,
		"an id that is none":             `"id":"zz canary zz"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := testCalendar.decode(eventWith(members))
			require.Error(t, err)
			require.NotContains(t, badEvent(err).Error(), "zz.canary@zz.test")
			require.NotContains(t, err.Error(), "zz.canary@zz.test")
			require.Less(t, len(err.Error()), 200)
		})
	}
}

func TestMarkerOfAnEvent(t *testing.T) {
	t.Parallel()
	own := idFor("acme/k.1")
	require.Regexp(t, `^[a-v0-9]{26}$`, own)
	require.NotEqual(t, own, idFor("acme/k.2"))
	for name, c := range map[string]struct{ members, want string }{
		"one that we created":                 {`"id":"` + own + `","extendedProperties":{"private":{"repsync":"acme/k.1"}}`, "acme/k.1"},
		"one that a person duplicated":        {`"extendedProperties":{"private":{"repsync":"acme/k.1"}}`, ""},
		"one that we adopted":                 {`"extendedProperties":{"private":{"repsync":"acme/k.1","repsyncId":"e1"}}`, "acme/k.1"},
		"a duplicate of an adopted one":       {`"extendedProperties":{"private":{"repsync":"acme/k.1","repsyncId":"e0"}}`, ""},
		"another org's":                       {`"extendedProperties":{"private":{"repsync":"other/k.1"}}`, "other/k.1"},
		"a shared property":                   {`"extendedProperties":{"shared":{"repsync":"acme/k.1"}}`, ""},
		"an occurrence inherits its master's": {`"id":"` + own + `_20261113T080000Z","recurringEventId":"` + own + `","originalStartTime":{"dateTime":"2026-11-13T08:00:00Z"},"extendedProperties":{"private":{"repsync":"acme/k.1"}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := testCalendar.decode(eventWith(c.members))
			require.NoError(t, err)
			require.Equal(t, c.want, d.item.Key)
		})
	}
}

func TestOriginalsOfAnOccurrence(t *testing.T) {
	t.Parallel()
	for key, want := range map[string][]string{
		"2026-11-13T09:00:00[Europe/Berlin]":       {"m1_20261113T080000Z"},
		"2026-11-13":                               {"m1_20261113"},
		"2026-10-25T02:30:00[Europe/Berlin]":       {"m1_20261025T003000Z", "m1_20261025T013000Z"}, // the hour that comes twice
		"2026-04-05T01:45:00[Australia/Lord_Howe]": {"m1_20260404T144500Z", "m1_20260404T151500Z"}, // by half an hour
		"2026-11-13T08:00:00[UTC]":                 {"m1_20261113T080000Z"},
	} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			starts, err := originals(key)
			require.NoError(t, err)
			var ids []string
			for _, at := range starts {
				ids = append(ids, instanceID("m1_R20240513T213000", at))
			}
			require.ElementsMatch(t, want, ids)
		})
	}
	_, err := originals("tomorrow")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "tomorrow")
}
