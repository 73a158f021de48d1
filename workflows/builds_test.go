package workflows_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/devstack/proc"
	"github.com/repsync/repsync/workflows"
)

// A build is a worker in a process of its own: this test binary, started once more. Two builds in one process would share
// the SDK's cache of running workflows, so that one answered with what the other's code had done.
type build struct {
	ID        string // "" is a worker without versioning
	Address   string // of Temporal
	Namespace string
	Change    string // how its workflows differ from this code: "", swapped or guarded
	Gate      string // a file: while it is there, Write goes on
}

// deployment is the worker deployment of all builds.
const deployment = "repsync"

// patience is how long a test waits for builds: processes that start, and a server that moves workflows between them.
const patience = 3 * time.Minute

// varBuild makes the test binary a build: its value is one in JSON.
const varBuild = "REPSYNC_TEST_BUILD"

func TestMain(m *testing.M) {
	text := os.Getenv(varBuild)
	if text == "" {
		flag.Parse()
		chosen := false
		flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
		if !chosen { // these tests wait far more than they work
			_ = flag.Set("test.parallel", "4")
		}
		os.Exit(m.Run())
	}
	if err := live(text); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

// live is the life of a build.
func live(text string) error {
	var b build
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c, err := client.DialContext(ctx, client.Options{HostPort: b.Address, Namespace: b.Namespace})
	if err != nil {
		return err
	}
	defer c.Close()
	options := worker.Options{
		Identity: b.name(), WorkerStopTimeout: 5 * time.Second, MaxHeartbeatThrottleInterval: 100 * time.Millisecond,
		Interceptors: map[string][]interceptor.WorkerInterceptor{"swapped": {&swap{}}, "guarded": {&swap{guarded: true}}}[b.Change],
	}
	if b.ID != "" {
		options.DeploymentOptions = worker.DeploymentOptions{
			UseVersioning: true, Version: worker.WorkerDeploymentVersion{DeploymentName: deployment, BuildID: b.ID}, DefaultVersioningBehavior: workflows.Errands,
		}
	}
	w := worker.New(c, workflows.TaskQueue, options)
	workflows.Register(w)
	w.RegisterWorkflow(Errand)
	w.RegisterActivity(&gated{script: &script{match: activities.StageOut{Writes: true, Deletes: true}}, gate: b.Gate})
	if err := w.Start(); err != nil {
		return err
	}
	<-ctx.Done()
	w.Stop()
	return nil
}

func (b build) name() string {
	if b.ID == "" {
		return "unversioned"
	}
	return b.ID
}

// gated are the stages of a build. A rep called idle has nothing to do, again and again; the others find work in every pass.
type gated struct {
	*script
	gate string
}

func (g *gated) Fetch(_ context.Context, in activities.FetchIn) (activities.FetchOut, error) {
	if in.Rep == "idle" {
		out := plain(idle(in))
		out.Every = 50 * time.Millisecond
		return out, nil
	}
	return plain(work(in)), nil
}

func (g *gated) Write(ctx context.Context, _ activities.Pass) (activities.StageOut, error) {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		if _, err := os.Stat(g.gate); g.gate == "" || err != nil {
			return activities.StageOut{Summary: activities.Summary{Created: activities.Sided{Mailbox: 1}}}, nil
		}
		<-look.C
		activity.RecordHeartbeat(ctx)
	}
}

// Undo is in trouble while the gate is there.
func (g *gated) Undo(context.Context, activities.UndoIn) (activities.UndoOut, error) {
	if _, err := os.Stat(g.gate); g.gate != "" && err == nil {
		return activities.UndoOut{Trouble: &activities.Trouble{Class: activities.ClassWaiting, Code: "mailbox_leased"}}, nil
	}
	return activities.UndoOut{PutBack: activities.UndoList{Count: 2}}, nil
}

// Errand is a workflow that ends by itself, and says nothing about versioning.
func Errand(ctx workflow.Context) error {
	workflow.GetSignalChannel(ctx, "go").Receive(ctx, nil)
	options := workflow.ActivityOptions{StartToCloseTimeout: time.Minute}
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), "Filter", activities.Pass{}).Get(ctx, nil)
}

// fleet is what a roll-out is done to: a namespace and the builds in it.
type fleet struct {
	t    *testing.T
	c    client.Client
	base build
}

func newFleet(t *testing.T, c client.Client, address, namespace string) *fleet {
	t.Helper()
	return &fleet{t: t, c: c, base: build{Address: address, Namespace: namespace}}
}

// runs starts a build; it ends with the test at the latest.
func (f *fleet) runs(b build) *proc.Process {
	f.t.Helper()
	b.Address, b.Namespace = f.base.Address, f.base.Namespace
	text, err := json.Marshal(b)
	require.NoError(f.t, err)
	self, err := os.Executable()
	require.NoError(f.t, err)
	log, err := proc.UnnamedLog()
	require.NoError(f.t, err)
	p, err := proc.Start(proc.Config{Name: "build " + b.name(), Path: self, Env: append(os.Environ(), varBuild+"="+string(text)), Log: log})
	require.NoError(f.t, err)
	f.t.Cleanup(func() {
		_ = p.Stop(0)
		if f.t.Failed() {
			f.t.Logf("build %s:\n%s", b.name(), p.Tail())
		}
		_ = log.Close()
	})
	return p
}

// gate makes a file that keeps Write waiting, and returns its path and what removes it.
func (f *fleet) gate() (path string, open func()) {
	path = filepath.Join(f.t.TempDir(), "gate")
	require.NoError(f.t, os.WriteFile(path, nil, 0o600))
	return path, func() { require.NoError(f.t, os.Remove(path)) }
}

func (f *fleet) deployment() client.WorkerDeploymentHandle {
	return f.c.WorkerDeploymentClient().GetHandle(deployment)
}

// eventually waits for what a server takes only after a while, and shows why it did not.
func (f *fleet) eventually(what string, try func() error) {
	f.t.Helper()
	var err error
	if !eventually(f.t, func() bool { err = try(); return err == nil }) {
		require.NoError(f.t, err, what)
	}
}

func eventually(t *testing.T, ok func() bool) bool {
	t.Helper()
	// Each look is a call or several that the server, and often a worker, have to work for.
	end, look := time.NewTimer(patience), time.NewTicker(100*time.Millisecond)
	defer end.Stop()
	defer look.Stop()
	for !ok() {
		select {
		case <-look.C:
		case <-end.C:
			return false
		}
	}
	return true
}

// current makes a build current, once the server knows of its worker.
func (f *fleet) current(id string) {
	f.t.Helper()
	f.eventually("make "+id+" current", func() error {
		_, err := f.deployment().SetCurrentVersion(f.t.Context(), client.WorkerDeploymentSetCurrentVersionOptions{BuildID: id})
		return err
	})
}

// ramp gives a build a share of the workflows, in percent.
func (f *fleet) ramp(id string, percent float32) {
	f.t.Helper()
	f.eventually("ramp "+id, func() error {
		_, err := f.deployment().SetRampingVersion(f.t.Context(), client.WorkerDeploymentSetRampingVersionOptions{BuildID: id, Percentage: percent})
		return err
	})
}

// begin starts a rep, pinned to a build unless pin is "".
func (f *fleet) begin(rep, pin string) {
	f.t.Helper()
	options := client.StartWorkflowOptions{ID: workflows.RepID("acme", rep), TaskQueue: workflows.TaskQueue}
	if pin != "" {
		options.VersioningOverride = &client.PinnedVersioningOverride{Version: worker.WorkerDeploymentVersion{DeploymentName: deployment, BuildID: pin}}
	}
	_, err := f.c.ExecuteWorkflow(f.t.Context(), options, workflows.RepSync, workflows.RepInput{Org: "acme", Rep: rep})
	require.NoError(f.t, err)
}

func (f *fleet) status(rep string) (st workflows.Status, err error) {
	ctx, cancel := context.WithTimeout(f.t.Context(), 10*time.Second)
	defer cancel()
	v, err := f.c.QueryWorkflow(ctx, workflows.RepID("acme", rep), "", workflows.QueryStatus)
	if err != nil {
		return st, err
	}
	return st, v.Get(&st)
}

func (f *fleet) sync(rep string) {
	f.t.Helper()
	require.NoError(f.t, f.c.SignalWorkflow(f.t.Context(), workflows.RepID("acme", rep), "", workflows.SignalSyncNow, nil))
}

// passed waits until a rep has ended n passes and rests.
func (f *fleet) passed(rep string, n int64) {
	f.t.Helper()
	f.eventually(fmt.Sprintf("pass %d of %s", n, rep), func() error {
		st, err := f.status(rep)
		if err == nil && (st.Pass < n || st.State != workflows.Idle) {
			err = fmt.Errorf("it is %s after pass %d", st.State, st.Pass)
		}
		return err
	})
}

// events is the history of a workflow's latest run.
func (f *fleet) events(rep string) []*historypb.HistoryEvent {
	f.t.Helper()
	return history(f.t, f.c, workflows.RepID("acme", rep), "")
}

// writing waits until a build has begun to write for a rep.
func (f *fleet) writing(rep, id string) {
	f.t.Helper()
	f.eventually(rep+" being written by "+id, func() error {
		d, err := f.c.DescribeWorkflowExecution(f.t.Context(), workflows.RepID("acme", rep), "")
		if err != nil {
			return err
		}
		for _, a := range d.GetPendingActivities() {
			if a.GetActivityType().GetName() == "Write" && a.GetState() == enumspb.PENDING_ACTIVITY_STATE_STARTED && a.GetLastWorkerIdentity() == id {
				return nil
			}
		}
		return fmt.Errorf("pending: %v", d.GetPendingActivities())
	})
}

// ran is one stage that was run, and by which build.
type ran struct{ stage, build string }

// stagesOf lists the stages that ended, in order, with the build of the worker that ran each.
func stagesOf(events []*historypb.HistoryEvent) (out []ran) {
	scheduled, started := map[int64]string{}, map[int64]string{}
	for _, e := range events {
		if a := e.GetActivityTaskScheduledEventAttributes(); a != nil {
			scheduled[e.GetEventId()] = a.GetActivityType().GetName()
		}
		if a := e.GetActivityTaskStartedEventAttributes(); a != nil {
			started[e.GetEventId()] = a.GetIdentity()
		}
		if a := e.GetActivityTaskCompletedEventAttributes(); a != nil {
			out = append(out, ran{scheduled[a.GetScheduledEventId()], started[a.GetStartedEventId()]})
		}
	}
	return out
}

// deciders lists the builds whose code ran the workflow itself, in order, each once per stretch.
func deciders(events []*historypb.HistoryEvent) (out []string) {
	for _, e := range events {
		a := e.GetWorkflowTaskCompletedEventAttributes()
		if a == nil {
			continue
		}
		id := a.GetDeploymentVersion().GetBuildId()
		if len(out) == 0 || out[len(out)-1] != id {
			out = append(out, id)
		}
	}
	return out
}

// failures lists the causes of workflow tasks that failed.
func failures(events []*historypb.HistoryEvent) (out []enumspb.WorkflowTaskFailedCause) {
	for _, e := range events {
		if a := e.GetWorkflowTaskFailedEventAttributes(); a != nil {
			out = append(out, a.GetCause())
		}
	}
	return out
}
