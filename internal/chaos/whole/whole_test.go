package whole

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/internal/devstack/stage"
)

// A worker that cannot reach Temporal while it starts ends. As in any deployment somebody starts it again, so that the story
// comes to rest.
func TestTemporalIsGoneWhileTheWorkerStarts(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	on, err := stage.New(ctx)
	require.NoError(t, err)
	t.Cleanup(on.Close)
	told := make(chan string, 1000)
	policy := scenario.Policy{Contacts: "both", Conflict: "newest", FromCRM: "review", FromMailbox: "review"}
	p := newPlayer(on, scenario.Scenario{Seed: 1, Orgs: []scenario.Org{{Name: "east", Reps: []string{"ann"}, Policy: policy}}},
		func(format string, args ...any) { told <- fmt.Sprintf(format, args...) })
	t.Cleanup(p.close)
	require.NoError(t, p.set(ctx))

	require.NoError(t, p.end(0))
	require.NoError(t, p.outages.during(func() error {
		require.NoError(t, on.Temporal.Stop())
		require.NoError(t, p.begin())
		require.Contains(t, next(t, told, "the worker did not end"), "reach Temporal at "+p.address)
		return on.RestartTemporal(ctx)
	}))
	for _, step := range []scenario.Step{
		{Do: scenario.Create, Org: "east", Rep: "ann", Side: "mailbox", Item: "p1", Set: map[string]string{"email": "p1@example.com"}},
		{Do: scenario.Run, Org: "east", Rep: "ann"},
		{Do: scenario.Calm},
	} {
		require.NoError(t, p.step(ctx, step))
	}
	p.falls()
	require.Empty(t, p.report.Violations)
	require.NotEmpty(t, p.running)
}

// A story that is played at night began the day before.
func TestLastMorning(t *testing.T) {
	t.Parallel()
	for now, want := range map[string]string{
		"2026-11-23T00:47:00Z":      "2026-11-22T09:00:00Z",
		"2026-11-23T08:59:59Z":      "2026-11-22T09:00:00Z",
		"2026-11-23T09:00:00Z":      "2026-11-23T09:00:00Z",
		"2026-11-23T23:59:59Z":      "2026-11-23T09:00:00Z",
		"2026-11-23T01:00:00+02:00": "2026-11-22T09:00:00Z",
	} {
		at, err := time.Parse(time.RFC3339, now)
		require.NoError(t, err)
		require.Equal(t, want, lastMorning(at).Format(time.RFC3339), now)
	}
}
