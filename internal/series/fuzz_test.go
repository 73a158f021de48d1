package series_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/fuzztest"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/series"
)

// FuzzExpand lets anybody write the time and the recurrence of a series. The answer comes within a bounded time, in order,
// each occurrence once and of a bounded number; a part of the period shows what the whole does; and errors have codes and
// quote nothing. What became of a series when its rule was changed is found for each occurrence once.
func FuzzExpand(f *testing.F) {
	rules := []string{
		"RRULE:FREQ=WEEKLY;BYDAY=MO,2TU;COUNT=3", "RRULE:FREQ=YEARLY;BYWEEKNO=51,1;WKST=SU", "EXRULE:FREQ=MONTHLY;BYSETPOS=-1;BYDAY=FR\nRRULE:FREQ=DAILY",
		"RDATE;VALUE=PERIOD:20260325T100000Z/P1DT3H", "EXDATE;TZID=\"Europe/Berlin\":20260401T000000", "RRULE:FREQ=HOURLY;BYHOUR=1;INTERVAL=7;UNTIL=20270101",
		"RRULE:FREQ=YEARLY;BYYEARDAY=-366,366;BYMONTH=2;BYDAY=-53SU", "RRULE:FREQ=MONTHLY;BYMONTHDAY=-31;INTERVAL=999999", "RRULE:FREQ=" + fuzztest.Canary, fuzztest.Canary,
		"RDATE;TZID=" + fuzztest.Canary + ":20260325T100000",
	}
	for _, ics := range fuzztest.Files(f, "ics", "*.ics") {
		var lines []string
		for line := range strings.Lines(string(ics)) {
			line = strings.TrimSpace(line)
			if name, _, _ := strings.Cut(line, ":"); strings.HasPrefix(name, "RRULE") || strings.HasPrefix(name, "RDATE") || strings.HasPrefix(name, "EXDATE") {
				lines = append(lines, line)
			}
			if line == "END:VEVENT" && len(lines) > 0 {
				rules = append(rules, strings.Join(lines, "\n"))
				lines = nil
			}
		}
	}
	for i, s := range rules {
		f.Add(berlin, s, rules[(i+1)%len(rules)], int16(0))
		f.Add("2026-03-27/2026-03-28", s, rules[(i+1)%len(rules)], int16(-400))
	}
	f.Add("0001-01-01/0001-01-02", "RRULE:FREQ=DAILY", "", int16(0))
	f.Add("9999-12-30T00:00:00Z[UTC]/9999-12-31T23:59:59Z[UTC]", "RRULE:FREQ=YEARLY", "RDATE:99991231T235959Z", int16(32767))
	f.Fuzz(func(t *testing.T, when, lines, changed string, days int16) {
		defer fuzztest.Within(20 * time.Second)()
		from := day(t, "2026-01-01").AddDate(0, 0, int(days))
		if span, err := record.ParseSpan(when); err == nil && days%2 != 0 { // near the first, so that something is found
			from = span.Start.At.AddDate(0, 0, -100)
		}
		to := from.AddDate(1, 0, 0)
		slots := expanded(t, when, lines, from, to)
		half := from.AddDate(0, 6, 0)
		for _, s := range expanded(t, when, lines, from, half) {
			require.Contains(t, slots, s)
		}
		gone, came := named("g", slots), named("c", expanded(t, when, changed, from, to))
		taken := map[string]bool{}
		for g, c := range series.Rekey(gone, came) {
			require.True(t, strings.HasPrefix(g, "g") && strings.HasPrefix(c, "c") && !taken[c])
			taken[c] = true
		}
	})
}

// expanded is series.Expand with what is true of every answer.
func expanded(t *testing.T, when, lines string, from, to time.Time) []series.Slot {
	t.Helper()
	begun := time.Now()
	slots, err := series.Expand(master(when, lines), from, to)
	require.Less(t, time.Since(begun), 5*time.Second)
	if err != nil {
		require.NotEmpty(t, series.Code(err))
		require.NotContains(t, err.Error(), fuzztest.Canary)
		require.Empty(t, slots)
	}
	require.LessOrEqual(t, len(slots), 20_000)
	for i, s := range slots {
		require.True(t, i == 0 || slots[i-1].Span.Start.At.Before(s.Span.Start.At))
		require.True(t, s.Span.Start.At.Before(to) && !s.Span.End.At.Before(from))
		again, err := record.ParseSpan(s.Span.String())
		require.NoError(t, err, s.Span)
		require.Equal(t, s.Span.String(), again.String())
		key, err := record.ParseMoment(s.Key)
		require.NoError(t, err, s.Key)
		require.Equal(t, s.Key, key.Key())
	}
	return slots
}

func named(prefix string, slots []series.Slot) []series.Occurrence {
	slots = slots[:min(len(slots), 400)] // aligning takes the square of these
	out := make([]series.Occurrence, len(slots))
	for i, s := range slots {
		out[i] = series.Occurrence{ID: fmt.Sprint(prefix, i), Start: s.Span.Start}
	}
	return out
}
