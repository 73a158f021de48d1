package demo

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/demo/load"
	"github.com/repsync/repsync/internal/demo/scenario"
	"github.com/repsync/repsync/internal/demo/verify"
	"github.com/repsync/repsync/internal/demo/wire"
	"github.com/repsync/repsync/internal/policy"
)

// On whatever day the story is played, all its meetings are still to come and inside its policy's window.
func TestMeetingsLieInsideTheWindowOnEveryDay(t *testing.T) {
	t.Parallel()
	d, problems := policy.Load(scenario.Policy)
	require.NoError(t, problems.Err())
	for _, read := range []func() (verify.Agenda, error){scenario.AgendaAfterFirstSync, scenario.AgendaAfterEdits, scenario.AgendaAfterRetiming} {
		agenda, err := read()
		require.NoError(t, err)
		for n := range 3 * 365 {
			today := scenario.Date(time.Date(2026, 1, 1+n, 0, 0, 0, 0, time.UTC))
			for _, m := range agenda.CRM {
				span, err := m.When.Span(today)
				require.NoError(t, err)
				require.True(t, span.Start.After(time.Time(today).AddDate(0, 0, 1)), "%s on %v", m.When, time.Time(today))
				require.True(t, span.End.Before(time.Time(today).Add(d.Policy.Events.Window.Future)), "%s on %v", m.When, time.Time(today))
			}
		}
	}
}

// The window reaches as far as the file, and no further than a policy may.
func TestReachOf(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	on := func(date string) load.Item { return load.Item{Fields: wire.Object{"start": wire.Object{"date": date}}} }
	for name, c := range map[string]struct {
		events []load.Item
		want   reach
		early  int
	}{
		"nothing":          {nil, reach{90, 90}, 0},
		"a cancelled one":  {[]load.Item{{Fields: wire.Object{"status": "cancelled"}}}, reach{90, 90}, 0},
		"near":             {[]load.Item{on("2026-05-20"), on("2026-06-20")}, reach{90, 90}, 0},
		"two years around": {[]load.Item{on("2025-06-01"), on("2027-06-01")}, reach{368, 367}, 0},
		"older than any":   {[]load.Item{on("2010-06-01"), on("2025-06-01")}, reach{3650, 90}, 1},
		"further than any": {[]load.Item{on("2050-06-01")}, reach{90, 3650}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, early := reachOf(now, c.events)
			require.Equal(t, c.want, got)
			require.Equal(t, c.early, early)
			_, problems := policy.Load(policyOfOwn(Config{ICS: "x"}, got))
			require.NoError(t, problems.Err())
		})
	}
}

// What changes an event counts as a write, what reads one does not.
func TestWritesCountEvents(t *testing.T) {
	t.Parallel()
	c := calls{google: map[string]int{"events.insert": 1, "events.patch": 2, "events.update": 4, "events.delete": 8, "events.import": 16,
		"events.list": 100, "events.get": 100, "events.instances": 100}, salesforce: map[string]int{"collections.create": 32, "query": 100, "delete": 64}}
	require.Equal(t, 127, c.writes())
}
