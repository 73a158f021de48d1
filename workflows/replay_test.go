package workflows_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	historypb "go.temporal.io/api/history/v1"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/devstack/temporaldev"
	"github.com/repsync/repsync/workflows"
)

// histories is where recorded histories are kept: NAME.json, recorded by `make record-histories` from released code.
const histories = "testdata/histories"

// TestReplay runs today's workflows over the histories of earlier code. One that does not replay would break the reps
// that run while the workers are upgraded.
func TestReplay(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(histories, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "no histories recorded: run make record-histories")
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			require.NoError(t, replay(t, file))
		})
	}
}

// TestReplayBitesOnAReorderedActivity swaps two stages, as a careless change would: a history with a whole pass must not
// replay then.
func TestReplayBitesOnAReorderedActivity(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, replay(t, filepath.Join(histories, "pass.json"), &swap{}), "nondeterministic")
}

func replay(t *testing.T, file string, interceptors ...interceptor.WorkerInterceptor) error {
	t.Helper()
	r, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{Interceptors: interceptors})
	require.NoError(t, err)
	r.RegisterWorkflow(workflows.RepSync)
	r.RegisterWorkflow(workflows.OrgFeed)
	return r.ReplayWorkflowHistoryFromJSONFile(nil, file)
}

// swap is an interceptor that turns Filter into Match and Match into Filter.
type swap struct {
	interceptor.WorkerInterceptorBase
}

func (*swap) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &swapIn{interceptor.WorkflowInboundInterceptorBase{Next: next}}
}

type swapIn struct {
	interceptor.WorkflowInboundInterceptorBase
}

func (i *swapIn) Init(out interceptor.WorkflowOutboundInterceptor) error {
	return i.Next.Init(&swapOut{interceptor.WorkflowOutboundInterceptorBase{Next: out}})
}

type swapOut struct {
	interceptor.WorkflowOutboundInterceptorBase
}

func (o *swapOut) ExecuteActivity(ctx workflow.Context, activity string, args ...any) workflow.Future {
	switch activity {
	case "Filter":
		activity = "Match"
	case "Match":
		activity = "Filter"
	}
	return o.Next.ExecuteActivity(ctx, activity, args...)
}

// TestRecordHistories records one history per case on a real server. It runs only for `make record-histories`: a fixture
// that the branch under test records by itself would always pass.
func TestRecordHistories(t *testing.T) {
	t.Parallel()
	if os.Getenv("REPSYNC_RECORD_HISTORIES") == "" {
		t.Skip("records nothing: REPSYNC_RECORD_HISTORIES is not set (make record-histories)")
	}
	for name, play := range map[string]func(*testing.T, client.Client, *script){
		"idle":    recordIdle,
		"pass":    recordPass,
		"held":    recordHeld,
		"trouble": recordTrouble,
		"signals": recordSignals,
		"feed":    recordFeed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := temporaldev.ForTest(t)
			s := &script{}
			play(t, ns.Client, s)
			id := workflows.RepID("acme", "alice")
			if name == "feed" {
				id = workflows.FeedID("acme")
			}
			events := history(t, ns.Client, id, "")
			text, err := protojson.MarshalOptions{Indent: " "}.Marshal(&historypb.History{Events: events})
			require.NoError(t, err)
			require.NoError(t, os.MkdirAll(histories, 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(histories, name+".json"), append(text, '\n'), 0o644))
		})
	}
}

// once makes the first Fetch find work and the others none.
func once(n int, in activities.FetchIn) (activities.FetchOut, error) {
	if n == 1 {
		return plain(work(in)), nil
	}
	return plain(idle(in)), nil
}

func rests(t *testing.T, c client.Client, state workflows.State, pass int64) {
	t.Helper()
	require.Eventually(t, func() bool { st, ok := ask(t, c); return ok && st.State == state && st.Pass >= pass }, limit, 20*time.Millisecond)
}

func recordIdle(t *testing.T, c client.Client, s *script) {
	t.Helper()
	s.fetch = func(_ int, in activities.FetchIn) (activities.FetchOut, error) {
		out := plain(idle(in))
		out.Every = 300 * time.Millisecond
		return out, nil
	}
	serve(t, c, s)
	begin(t, c)
	rests(t, c, workflows.Idle, 4)
}

func recordPass(t *testing.T, c client.Client, s *script) {
	t.Helper()
	s.fetch, s.match = once, activities.StageOut{Writes: true, Deletes: true}
	s.write = activities.StageOut{Summary: activities.Summary{Created: activities.Sided{CRM: 1, Mailbox: 2}}}
	serve(t, c, s)
	run := begin(t, c)
	rests(t, c, workflows.Idle, 1)
	require.NoError(t, c.CancelWorkflow(t.Context(), run.GetID(), ""))
	require.Error(t, run.Get(t.Context(), nil))
}

func recordHeld(t *testing.T, c client.Client, s *script) {
	t.Helper()
	hold := &activities.Hold{Digest: "abc", Counts: map[string]int{"delete mailbox": 60}, Why: []string{"guard.deletes.max"}}
	s.match = activities.StageOut{Deletes: true, Hold: hold}
	s.fetch = func(n int, in activities.FetchIn) (activities.FetchOut, error) {
		out := plain(idle(in))
		if n == 1 {
			return plain(work(in)), nil
		}
		if in.Release == "" {
			out.Held = hold
		}
		return out, nil
	}
	serve(t, c, s)
	run := begin(t, c)
	rests(t, c, workflows.Held, 1)
	h, err := c.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{WorkflowID: run.GetID(), UpdateName: workflows.UpdateRelease, Args: []any{workflows.ReleaseSignal{Digest: "abc"}}, WaitForStage: client.WorkflowUpdateStageCompleted})
	require.NoError(t, err)
	require.NoError(t, h.Get(t.Context(), nil))
}

func recordTrouble(t *testing.T, c client.Client, s *script) {
	t.Helper()
	s.fetch = func(n int, in activities.FetchIn) (activities.FetchOut, error) {
		out := plain(idle(in))
		if n == 1 {
			out.Trouble = &activities.Trouble{Class: activities.ClassReconnect, Code: "invalid_grant"}
		}
		return out, nil
	}
	serve(t, c, s)
	run := begin(t, c)
	rests(t, c, workflows.Failing, 1)
	require.NoError(t, c.SignalWorkflow(t.Context(), run.GetID(), "", workflows.SignalSyncNow, nil))
	rests(t, c, workflows.Idle, 2)
}

func recordSignals(t *testing.T, c client.Client, s *script) {
	t.Helper()
	s.fetch = func(_ int, in activities.FetchIn) (activities.FetchOut, error) { return plain(idle(in)), nil }
	serve(t, c, s)
	run := begin(t, c)
	rests(t, c, workflows.Idle, 1)
	signal := func(name string, payload any) {
		require.NoError(t, c.SignalWorkflow(t.Context(), run.GetID(), "", name, payload))
	}
	signal(workflows.SignalPause, nil)
	rests(t, c, workflows.Paused, 1)
	signal(workflows.SignalPolicy, workflows.PolicySignal{Revision: 4})
	signal("no-such-signal", "x")
	signal(workflows.SignalRelease, 17)
	signal(workflows.SignalResume, nil)
	rests(t, c, workflows.Idle, 2)
	signal(workflows.SignalNudge, nil)
	rests(t, c, workflows.Idle, 3)
}

func recordFeed(t *testing.T, c client.Client, s *script) {
	t.Helper()
	serve(t, c, s)
	_, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: workflows.FeedID("acme"), TaskQueue: workflows.TaskQueue}, workflows.OrgFeed, workflows.FeedInput{Org: "acme"})
	require.NoError(t, err)
	polled := func(n int) func() bool { return func() bool { return len(s.called()) >= n } }
	require.Eventually(t, polled(1), limit, 20*time.Millisecond)
	require.NoError(t, c.SignalWorkflow(context.Background(), workflows.FeedID("acme"), "", workflows.SignalNudge, nil))
	require.Eventually(t, polled(2), limit, 20*time.Millisecond)
}
