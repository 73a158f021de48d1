package chaos_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/chaos"
	"github.com/repsync/repsync/internal/devstack/temporaldev"
	"github.com/repsync/repsync/workflows"
)

// What a day says of histories is counted from what workflows do. A real server's history is as long as that, or a little
// shorter, where things that come together share a workflow task.
func TestTallyIsAHistorysLength(t *testing.T) {
	t.Parallel()
	ns := temporaldev.ForTest(t)
	const passes = 12
	var tally chaos.Tally
	n := 0
	w := worker.New(ns.Client, workflows.TaskQueue, worker.Options{WorkerStopTimeout: time.Second, Interceptors: []interceptor.WorkerInterceptor{tally.Interceptor()}})
	workflows.Register(w)
	w.RegisterActivityWithOptions(func(_ context.Context, in activities.FetchIn) (activities.FetchOut, error) {
		n++
		every := 50 * time.Millisecond
		if n > passes { // it waits from here on
			every = time.Hour
		}
		return activities.FetchOut{Pass: in.Pass, Provider: "google", Policy: "chaos@1", Plain: true, Every: every, Work: n%4 == 0}, nil
	}, activity.RegisterOptions{Name: "Fetch"})
	for _, name := range []string{"Filter", "Match", "Write", "PropagateDeletes", "Commit"} {
		w.RegisterActivityWithOptions(func(context.Context, activities.Pass) (activities.StageOut, error) {
			return activities.StageOut{Writes: true, Deletes: true}, nil
		}, activity.RegisterOptions{Name: name})
	}
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	id := workflows.RepID("acme", "alice")
	run, err := ns.Client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue}, workflows.RepSync, workflows.RepInput{Org: "acme", Rep: "alice"})
	require.NoError(t, err)
	events := func() (length int64, passed int64) {
		it := ns.Client.GetWorkflowHistory(t.Context(), id, run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for it.HasNext() {
			e, err := it.Next()
			require.NoError(t, err)
			length++
			if e.GetActivityTaskCompletedEventAttributes() != nil {
				passed++
			}
		}
		return length, passed
	}
	want := int64(passes + 1 + 5*(passes/4))  // the last one waits for an hour
	rests := func(passed int64) func() bool { // and has told the server of the timer
		return func() bool {
			before, _ := events()
			length, done := events()
			return done == passed && length == before && tally.Timers.Load() > 0
		}
	}
	require.Eventually(t, rests(want), time.Minute, 200*time.Millisecond)
	require.NoError(t, ns.Client.SignalWorkflow(t.Context(), id, run.GetRunID(), workflows.SignalNudge, nil))
	require.Eventually(t, rests(want+1), time.Minute, 200*time.Millisecond)
	length, _ := events()
	t.Logf("%d events, counted as %d", length, tally.Events())
	require.LessOrEqual(t, length, tally.Events(), "a history may not be longer than what is counted")
	require.Greater(t, float64(length), 0.95*float64(tally.Events()), "nor much shorter")
}
