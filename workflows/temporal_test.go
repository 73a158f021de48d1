package workflows_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/devstack/proc"
	"github.com/repsync/repsync/internal/devstack/temporaldev"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/workflows"
)

const limit = 60 * time.Second

// serve runs a worker over a script on a server.
func serve(t *testing.T, c client.Client, s *script) {
	t.Helper()
	w := worker.New(c, workflows.TaskQueue, worker.Options{WorkerStopTimeout: time.Second, MaxHeartbeatThrottleInterval: 100 * time.Millisecond})
	workflows.Register(w)
	s.register(w)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
}

func begin(t *testing.T, c client.Client) client.WorkflowRun {
	t.Helper()
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: workflows.RepID("acme", "alice"), TaskQueue: workflows.TaskQueue},
		workflows.RepSync, workflows.RepInput{Org: "acme", Rep: "alice"})
	require.NoError(t, err)
	return run
}

// ask queries the status; false while no worker answers.
func ask(t *testing.T, c client.Client) (st workflows.Status, ok bool) {
	t.Helper()
	v, err := c.QueryWorkflow(t.Context(), workflows.RepID("acme", "alice"), "", workflows.QueryStatus)
	return st, err == nil && v.Get(&st) == nil
}

func history(t *testing.T, c client.Client, id, run string) []*historypb.HistoryEvent {
	t.Helper()
	it := c.GetWorkflowHistory(t.Context(), id, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	var out []*historypb.HistoryEvent
	for it.HasNext() {
		e, err := it.Next()
		require.NoError(t, err)
		out = append(out, e)
	}
	return out
}

// plain makes Fetch say that the server has no search attributes: these namespaces have none.
func plain(out activities.FetchOut) activities.FetchOut {
	out.Plain = true
	return out
}

func TestIdlePassCostsSixEvents(t *testing.T) {
	t.Parallel()
	ns := temporaldev.ForTest(t)
	soon := func(in activities.FetchIn) activities.FetchOut {
		out := plain(idle(in))
		out.Every = 200 * time.Millisecond
		return out
	}
	s := &script{
		fetch:  func(_ int, in activities.FetchIn) (activities.FetchOut, error) { return soon(in), nil },
		glance: func(in activities.FetchIn) (activities.FetchOut, error) { return soon(in), nil },
	}
	serve(t, ns.Client, s)
	begin(t, ns.Client)
	require.Eventually(t, func() bool { return len(s.called()) > 6 }, limit, 20*time.Millisecond)
	var at []int // events before each glance
	tasks := 0
	for i, e := range history(t, ns.Client, workflows.RepID("acme", "alice"), "") {
		if e.GetMarkerRecordedEventAttributes().GetMarkerName() == "LocalActivity" {
			at = append(at, i)
		}
		if e.GetActivityTaskScheduledEventAttributes() != nil {
			tasks++
		}
	}
	require.Greater(t, len(at), 3)
	require.Equal(t, 1, tasks, "the first pass")
	require.Equal(t, 6, at[3]-at[2], "timer started and fired, workflow task scheduled, started and completed, glance")
}

func TestCancelSettlesTheBatchInFlightAndCommits(t *testing.T) {
	t.Parallel()
	ns := temporaldev.ForTest(t)
	s := &script{match: activities.StageOut{Writes: true, Deletes: true}, block: make(chan struct{}), began: make(chan struct{}),
		fetch: func(_ int, in activities.FetchIn) (activities.FetchOut, error) { return plain(work(in)), nil }}
	serve(t, ns.Client, s)
	run := begin(t, ns.Client)
	<-s.began
	require.NoError(t, ns.Client.CancelWorkflow(t.Context(), run.GetID(), ""))
	require.True(t, temporal.IsCanceledError(run.Get(t.Context(), nil)))
	require.Equal(t, []string{"Fetch", "Filter", "Match", "Write", "Commit"}, s.called(), "no new stage but the commit after a cancellation")
}

func TestSyncUpdateAnswersAfterAPassThatBeganLater(t *testing.T) {
	t.Parallel()
	ns := temporaldev.ForTest(t)
	s := &script{fetch: func(_ int, in activities.FetchIn) (activities.FetchOut, error) { return plain(idle(in)), nil }}
	serve(t, ns.Client, s)
	run := begin(t, ns.Client)
	h, err := ns.Client.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{WorkflowID: run.GetID(), UpdateName: workflows.UpdateSync, WaitForStage: client.WorkflowUpdateStageCompleted})
	require.NoError(t, err)
	var st workflows.Status
	require.NoError(t, h.Get(t.Context(), &st))
	fetched := s.fetched()
	require.True(t, fetched[len(fetched)-1].Fresh, "a person waits: the feed is polled first")
	require.NoError(t, ns.Client.SignalWorkflow(t.Context(), run.GetID(), "", workflows.SignalPause, nil))
	require.Eventually(t, func() bool { st, ok := ask(t, ns.Client); return ok && st.State == workflows.Paused }, limit, 20*time.Millisecond)
	for _, update := range []string{workflows.UpdateSync, workflows.UpdateRelease} {
		h, err := ns.Client.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{WorkflowID: run.GetID(), UpdateName: update, Args: []any{workflows.ReleaseSignal{Digest: "x"}}, WaitForStage: client.WorkflowUpdateStageCompleted})
		if err == nil {
			err = h.Get(t.Context(), nil)
		}
		var refused *temporal.ApplicationError
		require.ErrorAs(t, err, &refused, "update %s is refused by its validator", update)
	}
}

// TestContinueAsNewLosesNoSignal sends a stream of signals at a server that suggests continue-as-new every few dozen
// events. Every release is for a plan of its own, and each has to reach a Fetch; a pause at the end has to survive two
// more runs.
func TestContinueAsNewLosesNoSignal(t *testing.T) {
	t.Parallel()
	cli, err := temporaldev.Find(t.Context())
	require.NoError(t, err)
	log, err := proc.UnnamedLog()
	require.NoError(t, err)
	server, err := temporaldev.Start(t.Context(), temporaldev.Config{CLI: cli, Headless: true, Log: log, Dynamic: []string{"limit.historyCount.suggestContinueAsNew=40"}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Stop() })
	c, err := client.DialContext(t.Context(), client.Options{HostPort: server.Address})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	s := &script{
		commit: activities.StageOut{Parked: map[planner.Reason]int{planner.ReasonNoFamilyName: 2}},
		fetch: func(n int, in activities.FetchIn) (activities.FetchOut, error) {
			out := plain(idle(in))
			out.Work, out.Parked = n == 1, 2
			return out, nil
		},
	}
	serve(t, c, s)
	first := begin(t, c)

	const signals = 24
	acted := func(digest string) func() bool {
		return func() bool {
			for _, in := range s.fetched() {
				if in.Release == digest {
					return true
				}
			}
			return false
		}
	}
	noise, stop := context.WithCancel(t.Context())
	defer stop()
	var sent atomic.Int64
	go func() { // nudges in between, as many as the server takes
		for tick := time.Tick(50 * time.Millisecond); noise.Err() == nil; <-tick {
			if c.SignalWorkflow(noise, first.GetID(), "", workflows.SignalNudge, nil) == nil {
				sent.Add(1)
			}
		}
	}()
	for i := range signals {
		digest := fmt.Sprintf("plan-%d", i)
		require.NoError(t, c.SignalWorkflow(t.Context(), first.GetID(), "", workflows.SignalRelease, workflows.ReleaseSignal{Digest: digest}))
		require.Eventually(t, acted(digest), limit, 5*time.Millisecond, "the release of %s was lost", digest)
	}
	stop()
	require.Positive(t, sent.Load())
	runs := map[string]bool{}
	now := func() string {
		d, err := c.DescribeWorkflowExecution(t.Context(), first.GetID(), "")
		require.NoError(t, err)
		return d.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	}
	runs[now()] = true
	require.NotEqual(t, first.GetRunID(), now(), "it has continued as new")

	// Paused, with a wish and a policy signal on top: both survive run after run and act on resume.
	require.NoError(t, c.SignalWorkflow(t.Context(), first.GetID(), "", workflows.SignalPause, nil))
	require.NoError(t, c.SignalWorkflow(t.Context(), first.GetID(), "", workflows.SignalRelease, workflows.ReleaseSignal{Digest: "kept"}))
	require.Eventually(t, func() bool { st, ok := ask(t, c); return ok && st.State == workflows.Paused }, limit, 5*time.Millisecond)
	passed := len(s.fetched())
	for len(runs) < 4 {
		require.NoError(t, c.SignalWorkflow(t.Context(), first.GetID(), "", workflows.SignalNudge, nil))
		runs[now()] = true
	}
	require.Len(t, s.fetched(), passed, "paused: no pass")
	require.NoError(t, c.SignalWorkflow(t.Context(), first.GetID(), "", workflows.SignalResume, nil))
	require.Eventually(t, acted("kept"), limit, 5*time.Millisecond, "what was wanted while paused was lost")
	st, ok := ask(t, c)
	require.True(t, ok)
	require.GreaterOrEqual(t, st.Pass, int64(signals), "passes are counted over all runs")
	require.Equal(t, 2, st.ParkedWhy[planner.ReasonNoFamilyName], "what is parked and why is known in every run")
}
