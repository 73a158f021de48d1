package verify_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/demo/verify"
)

func TestWhen(t *testing.T) {
	t.Parallel()
	today := verify.Today(time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)) // the clocks change in Berlin on 29 March
	three, before, after := 3, -1, 1
	for name, c := range map[string]struct {
		when       verify.When
		start, end string
	}{
		"a wall time in a zone":     {verify.When{Day: &three, At: "09:00", To: "10:30", Zone: "Europe/Berlin"}, "2026-03-13T08:00:00Z", "2026-03-13T09:30:00Z"},
		"the day before the change": {verify.When{Clocks: &before, At: "09:00", To: "09:30", Zone: "Europe/Berlin"}, "2026-03-28T08:00:00Z", "2026-03-28T08:30:00Z"},
		"the day after the change":  {verify.When{Clocks: &after, At: "09:00", To: "09:30", Zone: "Europe/Berlin"}, "2026-03-30T07:00:00Z", "2026-03-30T07:30:00Z"},
		"whole days":                {verify.When{Day: &three, Days: 2}, "2026-03-13", "2026-03-15"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			span, err := c.when.Span(today)
			require.NoError(t, err)
			start, end := span.Words()
			require.Equal(t, [2]string{c.start, c.end}, [2]string{start, end})
		})
	}
	for name, when := range map[string]verify.When{
		"no day":            {At: "09:00", To: "10:00"},
		"two days":          {Day: &three, Clocks: &three, At: "09:00", To: "10:00"},
		"no time":           {Day: &three, At: "nine", To: "10:00"},
		"a zone of no land": {Day: &three, At: "09:00", To: "10:00", Zone: "Europe/Nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := when.Span(today)
			require.Error(t, err)
		})
	}
}

// A change that is only days away does not count: what the story puts before it would lie in the past.
func TestNextChangeIsTwoWeeksAway(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for today, want := range map[string]string{"2026-03-10": "2026-03-29", "2026-03-15": "2026-03-29", "2026-03-16": "2026-10-25", "2026-10-20": "2027-03-28"} {
		at, err := time.Parse(time.DateOnly, today)
		require.NoError(t, err)
		require.Equal(t, want, verify.NextChange(at, zone).Format(time.DateOnly), today)
	}
}

func TestListed(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"abc": "abc", "abc#2026-03-29": "abc_20260329", "abc#2026-03-30T09:00:00[Europe/Berlin]": "abc_20260330T070000Z",
		"abc#2026-03-30T09:00:00+02:00[Europe/Berlin]": "abc_20260330T070000Z", "abc#nonsense": "abc#nonsense",
	} {
		require.Equal(t, want, verify.Listed(id))
	}
}

// A calendar and its copy in the CRM agree; each way in which they do not is told.
func TestCheckCalendar(t *testing.T) {
	t.Parallel()
	w := verify.Window{From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}
	event := func(id, subject, start, end string) verify.Item {
		return verify.Item{ID: id, Fields: map[string]string{"summary": subject, "start": start, "end": end}}
	}
	record := func(id, subject, start, end string) verify.Item {
		return verify.Item{ID: id, Fields: map[string]string{"Subject": subject, "start": start, "end": end}}
	}
	world := func() verify.Snapshot {
		return verify.Snapshot{
			Calendars: map[string][]verify.Item{"you": {
				event("a_20260303T080000Z", "Call", "2026-03-03T08:00:00Z", "2026-03-03T09:00:00Z"), event("a_20260310T080000Z", "Call", "2026-03-10T08:00:00Z", "2026-03-10T09:00:00Z"),
				event("b", "Fair", "2026-03-10", "2026-03-12"), event("c", "Trek", "2026-04-01", "2026-05-01"), event("d", "Old", "2020-04-01", "2020-04-02"),
				event("e", "Brink", "2026-11-30T12:00:00Z", "2026-11-30T13:00:00Z"),
			}},
			Events: []verify.Item{record("1", "Call", "2026-03-03T08:00:00Z", "2026-03-03T09:00:00Z"), record("2", "Call", "2026-03-10T08:00:00Z", "2026-03-10T09:00:00Z"),
				record("3", "Fair", "2026-03-10", "2026-03-12")},
		}
	}
	parked := []verify.Parked{{ID: "c", Reason: "event_too_long"}}
	for name, c := range map[string]struct {
		spoil func(*verify.Snapshot)
		want  []string
	}{
		"agrees": {func(*verify.Snapshot) {}, nil},
		"one at the brink may be there": {func(s *verify.Snapshot) {
			s.Events = append(s.Events, record("4", "Brink", "2026-11-30T12:00:00Z", "2026-11-30T13:00:00Z"))
		}, nil},
		"missing":                    {func(s *verify.Snapshot) { s.Events = s.Events[1:] }, []string{"your calendar: Call at 2026-03-03T08:00:00Z: has no record in Salesforce that starts and ends with it, and is not parked"}},
		"double":                     {func(s *verify.Snapshot) { s.Events = append(s.Events, s.Events[0]) }, []string{"Salesforce: Call at 2026-03-03T08:00:00Z: is a copy of nothing, or a double"}},
		"outside the window":         {func(s *verify.Snapshot) { s.Events = append(s.Events, record("4", "Old", "2020-04-01", "2020-04-02")) }, []string{"Salesforce: Old at 2020-04-01: is a copy of nothing, or a double"}},
		"elsewhere":                  {func(s *verify.Snapshot) { s.Events[2].Fields["Location"] = "Hall 9" }, []string{`Salesforce: Fair at 2026-03-10: Location is "Hall 9", and your calendar says ""`}},
		"deleted":                    {func(s *verify.Snapshot) { s.DeletedEvents = s.Events[:1] }, []string{"Salesforce: Call at 2026-03-03T08:00:00Z: lies in the recycle bin, and nobody deleted it"}},
		"the calendar lost an event": {func(s *verify.Snapshot) { s.Calendars["you"] = slices.Delete(s.Calendars["you"], 4, 5) }, []string{"your calendar: Old at 2020-04-01: is missing"}},
		"the calendar has another event": {func(s *verify.Snapshot) {
			s.Calendars["you"] = append(s.Calendars["you"], event("f", "New", "2020-04-01", "2020-04-02"))
		}, []string{"your calendar: New at 2020-04-01: is new, and a copy of nothing"}},
		"an event of the calendar has more": {func(s *verify.Snapshot) { s.Calendars["you"][4].Fields["location"] = "Here" }, []string{"your calendar: Old at 2020-04-01: has changed, and nobody changed it: it was map[end:2020-04-02 start:2020-04-01 summary:Old] and is map[end:2020-04-02 location:Here start:2020-04-01 summary:Old]"}},
		"an hour late": {func(s *verify.Snapshot) {
			s.Events[0] = record("1", "Call", "2026-03-03T09:00:00Z", "2026-03-03T10:00:00Z")
		},
			[]string{"your calendar: Call at 2026-03-03T08:00:00Z: has no record in Salesforce that starts and ends with it, and is not parked", "Salesforce: Call at 2026-03-03T09:00:00Z: is a copy of nothing, or a double"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			after := world()
			for i, it := range after.Calendars["you"] {
				after.Calendars["you"][i].Fields = maps.Clone(it.Fields)
			}
			c.spoil(&after)
			diffs, seen := verify.CheckCalendar(world(), after, "you", parked, w)
			var got []string
			for _, d := range diffs {
				got = append(got, d.String())
			}
			require.Equal(t, c.want, got)
			require.Equal(t, 1, seen.Parked)
		})
	}
}
