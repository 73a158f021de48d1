package record_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/record"
)

func TestSpan(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ value, start, length, bad string }{
		"a time":               {value: "2026-03-29T09:00:00+02:00[Europe/Berlin]/2026-03-29T10:00:00+02:00[Europe/Berlin]", start: "2026-03-29T09:00:00[Europe/Berlin]", length: "1h0m0s"},
		"two zones":            {value: "2026-03-28T09:00:00+01:00[Europe/Berlin]/2026-03-28T09:30:00Z[UTC]", start: "2026-03-28T09:00:00[Europe/Berlin]", length: "1h30m0s"},
		"over the lost hour":   {value: "2026-03-29T01:30:00+01:00[Europe/Berlin]/2026-03-29T03:30:00+02:00[Europe/Berlin]", start: "2026-03-29T01:30:00[Europe/Berlin]", length: "1h0m0s"},
		"all day":              {value: "2026-03-29/2026-03-30", start: "2026-03-29", length: "24h0m0s"},
		"no length":            {value: "2026-03-29T09:00:00Z[UTC]/2026-03-29T09:00:00Z[UTC]", start: "2026-03-29T09:00:00[UTC]", length: "0s"},
		"ends before it start": {value: "2026-03-29T09:00:00Z[UTC]/2026-03-29T08:00:00Z[UTC]", bad: "ends at or after"},
		"half a date":          {value: "2026-03-29/2026-03-29T08:00:00Z[UTC]", bad: "two dates or two times"},
		"unknown zone":         {value: "2026-03-29T09:00:00+02:00[Mars/Olympus]/2026-03-29T10:00:00+02:00[Mars/Olympus]", bad: "form"},
		"unknown zone, end":    {value: "2026-03-29T09:00:00Z[UTC]/2026-03-29T10:00:00+02:00[Mars/Olympus]", bad: "no time zone"},
		"one moment":           {value: "2026-03-29T09:00:00Z[UTC]", bad: "form"},
		"nothing":              {bad: "form"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := record.ParseSpan(c.value)
			if c.bad != "" {
				require.ErrorContains(t, err, c.bad)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.value, s.String())
			require.Equal(t, c.start, s.Start.Key())
			require.Equal(t, c.length, s.Length().String())
			key, err := record.ParseMoment(s.Start.Key())
			require.NoError(t, err)
			require.True(t, key.At.Equal(s.Start.At))
		})
	}
}

func TestTimesCompareAsInstants(t *testing.T) {
	t.Parallel()
	berlin := "2026-03-29T09:00:00+02:00[Europe/Berlin]/2026-03-29T10:00:00+02:00[Europe/Berlin]"
	require.True(t, record.Equal(record.FieldTime, berlin, "2026-03-29T07:00:00Z[UTC]/2026-03-29T08:00:00Z[UTC]"))
	require.False(t, record.Equal(record.FieldTime, berlin, "2026-03-29T07:00:00Z[UTC]/2026-03-29T08:00:01Z[UTC]"))
	require.False(t, record.Equal(record.FieldTime, "2026-03-29/2026-03-30", "2026-03-29T00:00:00Z[UTC]/2026-03-30T00:00:00Z[UTC]"), "a day is no time")
	require.Equal(t, record.NameKey(record.Fields{record.FieldSubject: "Réview.", record.FieldTime: berlin}),
		record.NameKey(record.Fields{record.FieldSubject: "review", record.FieldTime: "2026-03-29T07:00:00Z[UTC]/2026-03-29T08:00:00Z[UTC]"}))
	require.Empty(t, record.NameKey(record.Fields{record.FieldTime: berlin}), "an event without a subject is like many others")
}

func TestAttendeesAndRelations(t *testing.T) {
	t.Parallel()
	joined := record.JoinAttendees([]record.Attendee{{Email: "Zoe@B.test", Answer: record.AnswerYes}, {Email: "al@b.test"}, {Email: ""}, {Email: "zoe@b.test", Answer: "maybe so"}})
	require.Equal(t, "al@b.test needs_action\nzoe@b.test needs_action", joined, "sorted, each once, and the last one of an address counts")
	require.Equal(t, []record.Attendee{{"al@b.test", record.AnswerNone}, {"zoe@b.test", record.AnswerNone}}, record.Attendees(joined))
	require.Equal(t, record.AnswerNone, record.AnswerOf(joined, "AL@b.test"))
	require.Empty(t, record.AnswerOf(joined, "nobody@b.test"))

	all := []record.Relation{{ID: "003A", Answer: record.AnswerYes}, {ID: "001B"}, {ID: "005C", Gone: true}}
	require.Equal(t, "003A accepted\n001B\n-005C", record.JoinRelations(all), "in their order: the first is whom the event is with")
	require.Equal(t, all, record.Relations(record.JoinRelations(all)))
	require.True(t, record.Equal(record.FieldRelations, "003A accepted\n001B", "001B\n003A accepted"), "and compared without it")
}

func TestZone(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "Local", "Mars/Olympus"} {
		_, err := record.Zone(bad)
		require.Error(t, err, bad)
	}
	zone, err := record.Zone("Australia/Lord_Howe")
	require.NoError(t, err)
	require.Equal(t, "2026-04-05T01:45:00[Australia/Lord_Howe]", record.Moment{At: time.Date(2026, 4, 4, 15, 15, 0, 0, time.UTC).In(zone)}.Key())
}
