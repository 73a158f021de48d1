package workflows_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
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

// TestReplayBites swaps two stages, as a careless change would: a history with a whole pass must not replay then, whichever
// builds wrote it. The same change behind GetVersion replays: a run goes on in the order in which it began.
func TestReplayBites(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"pass", "pinned", "upgraded", "undo"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(histories, name+".json")
			require.ErrorContains(t, replay(t, file, &swap{}), "nondeterministic")
			require.NoError(t, replay(t, file, &swap{guarded: true}))
		})
	}
}

// TestHistoriesOfTwoBuilds holds that the histories of rolling updates are what their names say.
func TestHistoriesOfTwoBuilds(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		builds  []string
		stages  int // at least
		behaves enumspb.VersioningBehavior
	}{
		"pinned":   {[]string{"one"}, 2 * len(aPass), enumspb.VERSIONING_BEHAVIOR_AUTO_UPGRADE}, // by an operator, not by its type
		"upgraded": {[]string{"one", "two"}, 2 * len(aPass), enumspb.VERSIONING_BEHAVIOR_AUTO_UPGRADE},
		"undo":     {[]string{"one"}, 2, enumspb.VERSIONING_BEHAVIOR_PINNED},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, err := os.Open(filepath.Join(histories, name+".json"))
			require.NoError(t, err)
			defer file.Close()
			h, err := client.HistoryFromJSON(file, client.HistoryJSONOptions{})
			require.NoError(t, err)
			require.Equal(t, want.builds, deciders(h.GetEvents()), name)
			require.GreaterOrEqual(t, len(stagesOf(h.GetEvents())), want.stages, name)
			for _, e := range h.GetEvents() {
				if done := e.GetWorkflowTaskCompletedEventAttributes(); done != nil {
					require.Equal(t, want.behaves, done.GetVersioningBehavior(), name)
				}
			}
			pin := h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetVersioningOverride().GetPinned().GetVersion().GetBuildId()
			require.Equal(t, name == "pinned", pin == "one", name)
		})
	}
}

func replay(t *testing.T, file string, interceptors ...interceptor.WorkerInterceptor) error {
	t.Helper()
	r, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{Interceptors: interceptors})
	require.NoError(t, err)
	workflows.Register(r)
	return r.ReplayWorkflowHistoryFromJSONFile(nil, file)
}

// swap is an interceptor that turns Filter into Match and Match into Filter, and Undo into Commit; a guarded one does so in
// runs that began with it, as a careful change would.
type swap struct {
	interceptor.WorkerInterceptorBase
	guarded bool
}

func (s *swap) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &swapIn{interceptor.WorkflowInboundInterceptorBase{Next: next}, s.guarded}
}

type swapIn struct {
	interceptor.WorkflowInboundInterceptorBase
	guarded bool
}

func (i *swapIn) Init(out interceptor.WorkflowOutboundInterceptor) error {
	return i.Next.Init(&swapOut{interceptor.WorkflowOutboundInterceptorBase{Next: out}, i.guarded})
}

type swapOut struct {
	interceptor.WorkflowOutboundInterceptorBase
	guarded bool
}

func (o *swapOut) ExecuteActivity(ctx workflow.Context, activity string, args ...any) workflow.Future {
	to, ok := map[string]string{"Filter": "Match", "Match": "Filter", "Undo": "Commit"}[activity]
	if ok && (!o.guarded || workflow.GetVersion(ctx, "stages-swapped", workflow.DefaultVersion, 1) == 1) {
		activity = to
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
		"glance":  recordGlance,
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
			save(t, name, history(t, ns.Client, id, ""))
		})
	}
	for name, play := range map[string]func(*fleet) (id string){"pinned": recordPinned, "upgraded": recordUpgraded, "undo": recordUndo} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fleetOf(t)
			save(t, name, history(t, f.c, play(f), ""))
		})
	}
}

func save(t *testing.T, name string, events []*historypb.HistoryEvent) {
	t.Helper()
	text, err := protojson.MarshalOptions{Indent: " "}.Marshal(&historypb.History{Events: events})
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(histories, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(histories, name+".json"), append(text, '\n'), 0o644))
}

// recordPinned is a rep that an operator pinned to a build, which works on while another one becomes current.
func recordPinned(f *fleet) string {
	f.runs(build{ID: "one"})
	f.current("one")
	f.begin("alice", "one")
	f.passed("alice", 1)
	f.runs(build{ID: "two"})
	f.current("two")
	f.sync("alice")
	f.passed("alice", 2)
	return workflows.RepID("acme", "alice")
}

// recordUpgraded is a rep that goes to the next build in the middle of a pass.
func recordUpgraded(f *fleet) string {
	gate, open := f.gate()
	f.runs(build{ID: "one", Gate: gate})
	f.current("one")
	f.begin("alice", "")
	f.writing("alice", "one")
	f.runs(build{ID: "two"})
	f.current("two")
	f.sync("alice")
	open()
	f.passed("alice", 2)
	return workflows.RepID("acme", "alice")
}

// recordUndo is an undo that waits while another build becomes current: its type is pinned, and it ends where it began.
func recordUndo(f *fleet) string {
	gate, open := f.gate()
	f.runs(build{ID: "one", Gate: gate})
	f.current("one")
	id := workflows.UndoID("acme", "alice")
	run, err := f.c.ExecuteWorkflow(f.t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue},
		workflows.Undo, workflows.UndoInput{Org: "acme", Rep: "alice", Since: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)})
	require.NoError(f.t, err)
	f.eventually("the undo waiting", func() error {
		if len(stagesOf(history(f.t, f.c, id, ""))) == 0 {
			return errors.New("it has not been tried")
		}
		return nil
	})
	f.runs(build{ID: "two"})
	f.current("two")
	open()
	require.NoError(f.t, run.Get(f.t.Context(), nil))
	return id
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

// recordGlance is a rep whose passes by the schedule find nothing at a glance, but for one.
func recordGlance(t *testing.T, c client.Client, s *script) {
	t.Helper()
	soon := func(in activities.FetchIn) activities.FetchOut {
		out := plain(idle(in))
		out.Every = 300 * time.Millisecond
		return out
	}
	s.fetch = func(n int, in activities.FetchIn) (activities.FetchOut, error) {
		out := soon(in)
		out.Work = n == 2
		return out, nil
	}
	s.glance = func(in activities.FetchIn) (activities.FetchOut, error) {
		out := soon(in)
		out.News = in.Pass == 4
		return out, nil
	}
	serve(t, c, s)
	begin(t, c)
	rests(t, c, workflows.Idle, 8)
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
