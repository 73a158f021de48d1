package salesforce

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// item decodes a row of Event from JSON; its id and what else every row has is added.
func eventItem(t *testing.T, more string) (connector.Item, error) {
	t.Helper()
	r, err := decodeRow(json.RawMessage(`{"Id":"00U000000000001AAA","OwnerId":"005000000000001AAA","SystemModstamp":"2026-11-18T12:00:00.000+0000",` + more + `}`))
	require.NoError(t, err)
	sel := selection{shape: eventShape}
	for canonical := range eventShape.mapping {
		sel.canonical = append(sel.canonical, canonical)
	}
	return sel.item(r, "Repsync_Key__c")
}

const atNine = `"StartDateTime":"2026-12-01T09:00:00.000+0000","EndDateTime":"2026-12-01T10:00:00.000+0000"`

func TestDecodeTime(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ row, want, bad string }{
		"timed":                     {atNine + `,"IsAllDayEvent":false,"DurationInMinutes":60`, "2026-12-01T09:00:00Z[UTC]/2026-12-01T10:00:00Z[UTC]", ""},
		"across midnight":           {`"StartDateTime":"2026-12-31T23:30:00.000+0000","DurationInMinutes":60`, "2026-12-31T23:30:00Z[UTC]/2027-01-01T00:30:00Z[UTC]", ""},
		"of no length":              {`"StartDateTime":"2026-12-01T09:00:00.000+0000","DurationInMinutes":0`, "2026-12-01T09:00:00Z[UTC]/2026-12-01T09:00:00Z[UTC]", ""},
		"by its due time":           {`"ActivityDateTime":"2026-12-01T09:00:00.000+0000","DurationInMinutes":15`, "2026-12-01T09:00:00Z[UTC]/2026-12-01T09:15:00Z[UTC]", ""},
		"the end counts":            {atNine + `,"DurationInMinutes":5`, "2026-12-01T09:00:00Z[UTC]/2026-12-01T10:00:00Z[UTC]", ""},
		"all day":                   {`"IsAllDayEvent":true,"StartDateTime":"2026-03-29T00:00:00.000+0000","EndDateTime":"2026-03-29T00:00:00.000+0000","ActivityDate":"2026-03-29"`, "2026-03-29/2026-03-30", ""},
		"all day, three days":       {`"IsAllDayEvent":true,"StartDateTime":"2026-02-27T00:00:00.000+0000","EndDateTime":"2026-03-01T00:00:00.000+0000"`, "2026-02-27/2026-03-02", ""},
		"all day by minutes":        {`"IsAllDayEvent":true,"StartDateTime":"2026-12-31T00:00:00.000+0000","DurationInMinutes":2880`, "2026-12-31/2027-01-02", ""},
		"all day, part of a day":    {`"IsAllDayEvent":true,"StartDateTime":"2026-12-31T00:00:00.000+0000","DurationInMinutes":1441`, "2026-12-31/2027-01-02", ""},
		"all day by its date alone": {`"IsAllDayEvent":true,"ActivityDate":"2024-02-29"`, "2024-02-29/2024-03-01", ""},
		"no start":                  {`"EndDateTime":"2026-12-01T10:00:00.000+0000"`, "", "StartDateTime: is missing"},
		"no end":                    {`"StartDateTime":"2026-12-01T09:00:00.000+0000"`, "", "EndDateTime: is missing"},
		"end before start":          {`"StartDateTime":"2026-12-01T09:00:00.000+0000","EndDateTime":"2026-12-01T08:59:59.000+0000"`, "", "EndDateTime: is before StartDateTime"},
		"start is a number":         {`"StartDateTime":5`, "", "StartDateTime: is not text"},
		"start is no time":          {`"StartDateTime":"soon"`, "", "StartDateTime: is not a time"},
		"negative length":           {`"StartDateTime":"2026-12-01T09:00:00.000+0000","DurationInMinutes":-1`, "", "DurationInMinutes: is no length of an event"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			it, err := eventItem(t, c.row)
			if c.bad != "" {
				require.EqualError(t, err, c.bad)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, it.Fields[record.FieldTime])
			require.NotContains(t, it.Fields, record.FieldRecurrence)
		})
	}
}

func TestEncodeTime(t *testing.T) {
	t.Parallel()
	describe := &describe{byName: map[string]*field{}}
	for _, name := range []string{"StartDateTime", "EndDateTime", "IsAllDayEvent", "ActivityDate", "DurationInMinutes"} {
		describe.byName[name] = &field{Name: name, Createable: true, Updateable: true}
	}
	allDay := func(from, to string, minutes int) map[string]any {
		return map[string]any{"IsAllDayEvent": true, "StartDateTime": from + "T00:00:00.000Z", "EndDateTime": to + "T00:00:00.000Z", "ActivityDate": from, "DurationInMinutes": minutes}
	}
	for name, c := range map[string]struct {
		value string
		want  map[string]any
		code  string
	}{
		"in a zone": {"2026-03-29T09:00:00+02:00[Europe/Berlin]/2026-03-29T10:30:00+02:00[Europe/Berlin]",
			map[string]any{"IsAllDayEvent": false, "StartDateTime": "2026-03-29T07:00:00.000Z", "EndDateTime": "2026-03-29T08:30:00.000Z", "DurationInMinutes": 90}, ""},
		"in two zones, over a change of the clocks": {"2026-03-29T01:30:00+01:00[Europe/Berlin]/2026-03-28T21:30:00-04:00[America/New_York]",
			map[string]any{"IsAllDayEvent": false, "StartDateTime": "2026-03-29T00:30:00.000Z", "EndDateTime": "2026-03-29T01:30:00.000Z", "DurationInMinutes": 60}, ""},
		"of no whole minutes": {"2026-12-01T09:00:00Z[UTC]/2026-12-01T09:00:59Z[UTC]",
			map[string]any{"IsAllDayEvent": false, "StartDateTime": "2026-12-01T09:00:00.000Z", "EndDateTime": "2026-12-01T09:00:59.000Z"}, ""},
		"all day":                {"2026-03-29/2026-03-30", allDay("2026-03-29", "2026-03-29", 1440), ""},
		"all day, three days":    {"2026-02-27/2026-03-02", allDay("2026-02-27", "2026-03-01", 4320), ""},
		"all day, an empty span": {"2026-03-29/2026-03-29", allDay("2026-03-29", "2026-03-29", 1440), ""},
		"cleared":                {"", nil, "time_required"},
		"unreadable":             {"tomorrow", nil, "time_unreadable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := map[string]any{}
			bad := encodeTime(&writing{d: describe}, connector.Op{}, c.value, row)
			if c.code != "" {
				require.Equal(t, &refusal{connector.Park, c.code}, bad)
				return
			}
			require.Nil(t, bad)
			require.Equal(t, c.want, row)
			// What was sent reads as what was meant.
			raw, err := json.Marshal(row)
			require.NoError(t, err)
			it, err := eventItem(t, string(raw[1:len(raw)-1]))
			require.NoError(t, err)
			if name != "all day, an empty span" {
				require.True(t, record.Equal(record.FieldTime, c.value, it.Fields[record.FieldTime]), it.Fields[record.FieldTime])
			}
		})
	}
}

func TestDecodeShowAsAndPrivacy(t *testing.T) {
	t.Parallel()
	for row, want := range map[string][2]string{
		`"ShowAs":"Busy","IsPrivate":false`:     {record.ShowBusy, ""},
		`"ShowAs":"Free","IsPrivate":true`:      {record.ShowFree, record.PrivacyPrivate},
		`"ShowAs":"OutOfOffice"`:                {record.ShowOutOfOffice, ""},
		`"ShowAs":null,"IsPrivate":null`:        {"", ""},
		`"ShowAs":"Something that an org adds"`: {record.ShowBusy, ""},
	} {
		it, err := eventItem(t, atNine+","+row)
		require.NoError(t, err, row)
		require.Equal(t, want, [2]string{it.Fields[record.FieldShowAs], it.Fields[record.FieldPrivacy]}, row)
	}
	for _, row := range []string{`"ShowAs":1`, `"IsPrivate":"yes"`} {
		_, err := eventItem(t, atNine+","+row)
		require.Error(t, err, row)
	}
}

func TestEncodeShowAsAndPrivacy(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]any{record.ShowBusy: "Busy", record.ShowFree: "Free", record.ShowOutOfOffice: "OutOfOffice", "": nil} {
		row := map[string]any{}
		require.Nil(t, encodeShowAs(nil, connector.Op{}, v, row))
		require.Equal(t, map[string]any{"ShowAs": want}, row)
	}
	require.Equal(t, &refusal{connector.Park, "show_as_unknown"}, encodeShowAs(nil, connector.Op{}, "asleep", map[string]any{}))
	for v, want := range map[string]bool{"": false, record.PrivacyPrivate: true, record.PrivacyConfidential: true} {
		row := map[string]any{}
		require.Nil(t, encodePrivacy(nil, connector.Op{}, v, row))
		require.Equal(t, map[string]any{"IsPrivate": want}, row)
	}
}

func TestDecodeSeries(t *testing.T) {
	t.Parallel()
	pattern := `,"IsRecurrence2":true,"Recurrence2PatternText":"RRULE:FREQ=WEEKLY;BYDAY=SU","Recurrence2PatternStartDate":"2026-03-22T08:00:00.000+0000","Recurrence2PatternTimeZone":"Europe/Berlin"`
	first := `"StartDateTime":"2026-03-22T08:00:00.000+0000","EndDateTime":"2026-03-22T09:00:00.000+0000"`
	for name, c := range map[string]struct{ row, at, rule, series, bad string }{
		"its record": {first + pattern + `,"GroupEventType":"3"`,
			"2026-03-22T09:00:00+01:00[Europe/Berlin]/2026-03-22T10:00:00+01:00[Europe/Berlin]", "RRULE:FREQ=WEEKLY;BYDAY=SU", "", ""},
		"its record, the rule without its name": {first + `,"IsRecurrence2":true,"Recurrence2PatternText":"FREQ=DAILY","GroupEventType":"3"`,
			"2026-03-22T08:00:00Z[UTC]/2026-03-22T09:00:00Z[UTC]", "RRULE:FREQ=DAILY", "", ""},
		"its record, all day": {`"IsAllDayEvent":true,"StartDateTime":"2026-03-22T00:00:00.000+0000","EndDateTime":"2026-03-23T00:00:00.000+0000","GroupEventType":"3"` +
			`,"Recurrence2PatternText":"RRULE:FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=22","Recurrence2PatternStartDate":"2026-03-22T00:00:00.000+0000","Recurrence2PatternTimeZone":"America/New_York"`,
			"2026-03-22/2026-03-24", "RRULE:FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=22", "", ""},
		"an occurrence": {`"StartDateTime":"2026-03-29T07:00:00.000+0000","EndDateTime":"2026-03-29T08:00:00.000+0000","GroupEventType":"0","_SeriesId":"00U000000000009AAA"` + pattern,
			"2026-03-29T07:00:00Z[UTC]/2026-03-29T08:00:00Z[UTC]", "", "00U000000000009AAA", ""},
		"an occurrence of nobody knows which": {first + `,"GroupEventType":"0","_SeriesId":true` + pattern, "", "", "", "Recurrence2PatternText: belongs to several series"},
		"an occurrence without its record":    {first + `,"GroupEventType":"0"` + pattern, "2026-03-22T08:00:00Z[UTC]/2026-03-22T09:00:00Z[UTC]", "", "", ""},
		"a zone that nobody knows": {first + `,"Recurrence2PatternText":"RRULE:FREQ=DAILY","Recurrence2PatternTimeZone":"Mars/Base","GroupEventType":"3"`,
			"", "", "", "Recurrence2PatternTimeZone: is not a time zone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			it, err := eventItem(t, c.row)
			if c.bad != "" {
				require.EqualError(t, err, c.bad)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.at, it.Fields[record.FieldTime])
			require.Equal(t, c.rule, it.Fields[record.FieldRecurrence])
			require.Equal(t, c.series, it.Fields[record.FieldSeries])
			require.NotContains(t, it.Fields, record.FieldOccurrence, "the engine says which slot a row fills")
		})
	}
}

func TestEventWindow(t *testing.T) {
	t.Parallel()
	from, to := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 8, 0, 0, 0, 0, time.UTC)
	d := &describe{byName: map[string]*field{"GroupEventType": {}}}
	require.Empty(t, eventWindow(d, time.Time{}, time.Time{}))
	require.Equal(t, "((IsAllDayEvent = false AND StartDateTime < 2026-12-08T00:00:00.000Z AND EndDateTime >= 2026-12-01T00:00:00.000Z)"+
		" OR (IsAllDayEvent = true AND StartDateTime < 2026-12-08T14:00:00.000Z AND EndDateTime >= 2026-11-29T10:00:00.000Z)"+
		" OR GroupEventType = '3')", eventWindow(d, from, to))
	require.Equal(t, "((IsAllDayEvent = false AND EndDateTime >= 2026-12-01T00:00:00.000Z) OR (IsAllDayEvent = true AND EndDateTime >= 2026-11-29T10:00:00.000Z))",
		eventWindow(&describe{}, from, time.Time{}))
}

func TestEventTerms(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"subject\n2026-12-01T09:00:00Z\n2026-12-01T10:00:00Z": "2026-12-01T09:00:00.000Z",
		"subject\n2026-12-01\n2026-12-02":                     "2026-12-01",
		"subject\n2026-12-01' OR Name != '\nx":                "",
		"given\nfamily":                                       "",
	} {
		require.Equal(t, want, eventTerm(key), key)
	}
	require.Equal(t, "(StartDateTime IN (2026-12-01T09:00:00.000Z) OR (IsAllDayEvent = true AND ActivityDate IN (2026-12-01)))",
		eventsAt(nil, []string{"2026-12-01T09:00:00.000Z", "2026-12-01"}))
}
