package series_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/series"
)

var zones = []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu", "Pacific/Apia", "America/Sao_Paulo"}

// drawn is a series of which a test can compute the occurrences by itself: every n-th day or week, at some minute.
type drawn struct {
	fields record.Fields
	start  time.Time // wall time
	zone   *time.Location
	step   int // days
	length time.Duration
}

func draw(t *rapid.T) drawn {
	zone, err := record.Zone(rapid.SampledFrom(zones).Draw(t, "zone"))
	require.NoError(t, err)
	d := drawn{
		start:  time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 6000*24*4).Draw(t, "quarter")) * 15 * time.Minute),
		zone:   zone,
		step:   rapid.IntRange(1, 5).Draw(t, "every"),
		length: time.Duration(rapid.IntRange(0, 60).Draw(t, "hours")) * time.Hour,
	}
	freq := "DAILY"
	if rapid.Bool().Draw(t, "weekly") {
		freq = "WEEKLY"
	}
	rule := fmt.Sprintf("RRULE:FREQ=%s;INTERVAL=%d", freq, d.step)
	if freq == "WEEKLY" {
		d.step *= 7
	}
	at := time.Date(d.start.Year(), d.start.Month(), d.start.Day(), d.start.Hour(), d.start.Minute(), 0, 0, zone)
	d.start = time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), 0, 0, time.UTC) // a start that exists
	d.fields = master(record.Span{Start: record.Moment{At: at}, End: record.Moment{At: at.Add(d.length)}}.String(), rule)
	return d
}

// TestExpandByHand holds every occurrence to what the calendar says: each step has one, at the same wall time unless the
// clocks skip it, of the same length.
func TestExpandByHand(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		from := d.start.AddDate(0, 0, rapid.IntRange(-100, 1000).Draw(t, "from"))
		to := from.AddDate(0, 0, rapid.IntRange(1, 400).Draw(t, "days"))
		slots, err := series.Expand(d.fields, from, to)
		require.NoError(t, err)
		got := map[string]bool{}
		for i, s := range slots {
			require.False(t, got[s.Key], "each once")
			got[s.Key] = true
			require.Equal(t, d.length, s.Span.Length())
			require.Equal(t, s.Span.Start.Key(), s.Key)
			require.True(t, s.Span.Start.At.Before(to) && (s.Span.End.At.After(from) || s.Span.Start.At.Equal(from)))
			require.True(t, i == 0 || slots[i-1].Span.Start.At.Before(s.Span.Start.At))
		}
		for wall := d.start; wall.Before(to); wall = wall.AddDate(0, 0, d.step) {
			// A day within the period on both sides is sure to be in it, whatever the zone.
			if wall.Before(from.AddDate(0, 0, 1)) || wall.After(to.AddDate(0, 0, -1)) {
				continue
			}
			key := wall.Format("2006-01-02T15:04:05") + "[" + d.zone.String() + "]"
			at := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, d.zone)
			exists := at.Hour() == wall.Hour() && at.Minute() == wall.Minute() && at.Day() == wall.Day()
			require.Equal(t, exists, got[key], key)
		}
	})
}

// TestExpandInParts says that a period's occurrences are those of its parts, however it is cut.
func TestExpandInParts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		from := d.start.AddDate(0, 0, rapid.IntRange(-30, 400).Draw(t, "from"))
		cut := from.Add(time.Duration(rapid.IntRange(1, 200*24).Draw(t, "cut")) * time.Hour)
		to := cut.Add(time.Duration(rapid.IntRange(1, 200*24).Draw(t, "to")) * time.Hour)
		whole, err := series.Expand(d.fields, from, to)
		require.NoError(t, err)
		left, err := series.Expand(d.fields, from, cut)
		require.NoError(t, err)
		right, err := series.Expand(d.fields, cut, to)
		require.NoError(t, err)
		parts := spans(left)
		for _, s := range spans(right) {
			if !slices.Contains(parts, s) {
				parts = append(parts, s)
			}
		}
		require.Equal(t, spans(whole), parts)
	})
}

func spans(slots []series.Slot) []string {
	out := []string{}
	for _, s := range slots {
		out = append(out, s.Span.String())
	}
	return out
}

func TestRekey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		gone, came []string // keys of moments; the ID is the key
		want       map[string]string
	}{
		{"nothing", nil, nil, map[string]string{}},
		{"nothing came", []string{"2026-06-01"}, nil, map[string]string{}},
		{"retimed", []string{"2026-06-01T09:00:00[UTC]", "2026-06-08T09:00:00[UTC]"}, []string{"2026-06-01T15:00:00[UTC]", "2026-06-08T15:00:00[UTC]"},
			map[string]string{"2026-06-01T09:00:00[UTC]": "2026-06-01T15:00:00[UTC]", "2026-06-08T09:00:00[UTC]": "2026-06-08T15:00:00[UTC]"}},
		{"another zone, the same instant", []string{"2026-06-01T23:00:00[UTC]"}, []string{"2026-06-01T09:00:00[UTC]", "2026-06-02T01:00:00[Europe/Berlin]"},
			map[string]string{"2026-06-01T23:00:00[UTC]": "2026-06-02T01:00:00[Europe/Berlin]"}},
		{"made all day", []string{"2026-06-01T09:00:00[Asia/Tokyo]", "2026-06-08T09:00:00[Asia/Tokyo]"}, []string{"2026-06-08", "2026-06-01"},
			map[string]string{"2026-06-01T09:00:00[Asia/Tokyo]": "2026-06-01", "2026-06-08T09:00:00[Asia/Tokyo]": "2026-06-08"}},
		{"Monday to Friday, in order", []string{"2026-06-01", "2026-06-08", "2026-06-15"}, []string{"2026-06-05", "2026-06-12", "2026-06-19"},
			map[string]string{"2026-06-01": "2026-06-05", "2026-06-08": "2026-06-12", "2026-06-15": "2026-06-19"}},
		{"the closest, where there are fewer", []string{"2026-06-01", "2026-06-08"}, []string{"2026-06-07"},
			map[string]string{"2026-06-08": "2026-06-07"}},
		{"a week is too far", []string{"2026-06-01"}, []string{"2026-06-08"}, map[string]string{}},
		{"a series becomes a single event", []string{"2026-06-01", "2026-06-08"}, []string{"2026-06-01"}, map[string]string{"2026-06-01": "2026-06-01"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := series.Rekey(occurrences(t, c.gone), occurrences(t, c.came))
			require.Equal(t, c.want, got)
		})
	}
}

func TestShifted(t *testing.T) {
	t.Parallel()
	days := func(month string, days ...int) (keys []string) {
		for _, d := range days {
			keys = append(keys, fmt.Sprintf("2026-%s-%02d", month, d))
		}
		return keys
	}
	for _, c := range []struct {
		name       string
		gone, came []string
		want       []string // what the vanished ones became, in order; nil: not moved as a whole
	}{
		{"ten days earlier", days("06", 11, 12, 13), days("06", 1, 2, 3), days("06", 1, 2, 3)},
		{"a month later, one of them cancelled before", days("06", 1, 3), days("07", 1, 2, 3), days("07", 1, 3)},
		{"the first cancelled before: the first that fits", days("06", 2, 3), days("07", 1, 2, 3), days("07", 1, 2)},
		{"over the change of the clocks", []string{"2026-03-27T09:00:00[Europe/Berlin]", "2026-03-28T09:00:00[Europe/Berlin]"}, []string{"2026-04-10T10:30:00[Europe/Berlin]", "2026-04-11T10:30:00[Europe/Berlin]"},
			[]string{"2026-04-10T10:30:00[Europe/Berlin]", "2026-04-11T10:30:00[Europe/Berlin]"}},
		{"another rule", days("06", 1, 2, 3), days("06", 11, 18, 25), nil},
		{"fewer came", days("06", 1, 2), days("06", 11), nil},
		{"two that began at once", append(days("06", 1), "2026-06-01T00:00:00[UTC]"), days("06", 11, 12), nil},
		{"nothing vanished", nil, days("06", 11), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pairs, ok := series.Shifted(occurrences(t, c.gone), occurrences(t, c.came))
			require.Equal(t, c.want != nil, ok)
			for i, id := range c.want {
				require.Equal(t, id, pairs[c.gone[i]])
			}
		})
	}
}

func occurrences(t *testing.T, keys []string) []series.Occurrence {
	t.Helper()
	var out []series.Occurrence
	for _, k := range keys {
		m, err := record.ParseMoment(k)
		require.NoError(t, err)
		out = append(out, series.Occurrence{ID: k, Start: m})
	}
	return out
}

func TestRekeyAlways(t *testing.T) {
	t.Parallel()
	some := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) record.Moment {
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 60*24).Draw(t, "hour")) * time.Hour)
		if rapid.Bool().Draw(t, "date") {
			return record.Moment{At: at.Truncate(24 * time.Hour), Date: true}
		}
		return record.Moment{At: at}
	}), 0, 40)
	named := func(prefix string, all []record.Moment) []series.Occurrence {
		var out []series.Occurrence
		for i, m := range all {
			out = append(out, series.Occurrence{ID: fmt.Sprint(prefix, i), Start: m})
		}
		return out
	}
	rapid.Check(t, func(t *rapid.T) {
		gone, came := named("g", some.Draw(t, "gone")), named("c", some.Draw(t, "came"))
		got := series.Rekey(gone, came)
		at := map[string]time.Time{}
		for _, o := range slices.Concat(gone, came) {
			at[o.ID] = o.Start.At
		}
		taken := map[string]bool{}
		for g, c := range got {
			require.False(t, taken[c], "each once")
			taken[c] = true
			require.Less(t, at[g].Sub(at[c]).Abs(), 7*24*time.Hour)
		}
		// What did not change is not paired with anything else.
		for g, c := range series.Rekey(gone, gone) {
			require.Equal(t, at[g], at[c])
		}
		require.Len(t, series.Rekey(gone, gone), len(gone))
		// No two that were left out could still be a pair.
		for _, g := range gone {
			for _, c := range came {
				require.False(t, got[g.ID] == "" && !taken[c.ID] && g.Start.At.Sub(c.Start.At).Abs() < 7*24*time.Hour, "%s and %s", g.ID, c.ID)
			}
		}
	})
}

func TestRekeyMany(t *testing.T) {
	t.Parallel()
	var gone, came []series.Occurrence
	for i := range 6000 {
		at := time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC).AddDate(0, 0, 7*i)
		gone = append(gone, series.Occurrence{ID: fmt.Sprint("g", i), Start: record.Moment{At: at}})
		came = append(came, series.Occurrence{ID: fmt.Sprint("c", i), Start: record.Moment{At: at.AddDate(0, 0, 4)}})
	}
	got := series.Rekey(gone, came)
	require.Equal(t, 6000, len(got)) //nolint:testifylint // Len would print thousands of pairs
	for i := range 6000 {
		require.Equal(t, fmt.Sprint("c", i), got[fmt.Sprint("g", i)])
	}
	far := slices.Clone(came)
	for i := range far {
		far[i].Start.At = far[i].Start.At.AddDate(200, 0, 0)
	}
	require.Empty(t, series.Rekey(gone, far))
}
