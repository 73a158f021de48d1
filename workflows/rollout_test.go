package workflows_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/repsync/repsync/internal/devstack/proc"
	"github.com/repsync/repsync/internal/devstack/temporaldev"
	"github.com/repsync/repsync/workflows"
)

func fleetOf(t *testing.T) *fleet {
	t.Helper()
	ns := temporaldev.ForTest(t)
	return newFleet(t, ns.Client, ns.Address, ns.Name)
}

// TestRollingUpdate takes many reps from workers without versioning to build one, through a ramp to build two, and back.
// Each round wishes for a pass of everybody: each rep makes it, on the build that it should, and no task fails.
func TestRollingUpdate(t *testing.T) {
	t.Parallel()
	f := fleetOf(t)
	reps := make([]string, 12)
	for i := range reps {
		reps[i] = fmt.Sprintf("rep-%02d", i)
	}
	passes := int64(0)
	round := func() map[string]string { // which build ran each rep's latest pass
		t.Helper()
		passes++
		on := map[string]string{}
		for _, rep := range reps {
			if passes == 1 {
				f.begin(rep, "")
			} else {
				f.sync(rep)
			}
		}
		for _, rep := range reps {
			f.passed(rep, passes)
			stages := stagesOf(f.events(rep))
			require.Len(t, stages, int(passes)*len(aPass), "%s: every stage of every pass ran once: %v", rep, stages)
			latest := stages[len(stages)-len(aPass):]
			for _, s := range latest {
				require.Equal(t, latest[0].build, s.build, "%s: one pass is run by one build while nobody changes the routing", rep)
			}
			on[rep] = latest[0].build
		}
		return on
	}
	all := func(id string, on map[string]string) {
		t.Helper()
		for rep, got := range on {
			require.Equal(t, id, got, rep)
		}
	}

	plain := f.runs(build{})
	all("unversioned", round())
	one := f.runs(build{ID: "one"})
	f.eventually("build one known", func() error {
		_, err := f.deployment().DescribeVersion(t.Context(), client.WorkerDeploymentDescribeVersionOptions{BuildID: "one"})
		return err
	})
	all("unversioned", round()) // a build that is not current gets nothing

	f.current("one")
	require.NoError(t, plain.Stop(patience))
	all("one", round())

	f.runs(build{ID: "two"})
	f.ramp("two", 50)
	ramped := round()
	require.Contains(t, values(ramped), "one")
	require.Contains(t, values(ramped), "two")
	require.Equal(t, ramped, round(), "a rep that is on the new build stays there")

	f.current("two")
	require.NoError(t, one.Stop(patience))
	all("two", round())

	f.runs(build{ID: "one"})
	f.current("one") // the roll-back
	all("one", round())
	for _, rep := range reps {
		events := f.events(rep)
		require.Empty(t, failures(events), rep)
		require.Equal(t, []string{"", "one", "two", "one"}, deciders(events), rep)
	}
}

// aPass are the stages of a pass with work.
var aPass = []string{"Fetch", "Filter", "Match", "Write", "PropagateDeletes", "Commit"}

func values(m map[string]string) []string {
	var out []string
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// TestUpgradeInTheMiddleOfAPass changes the current build while the old one writes: that batch ends where it began, once,
// and the rest of the pass is the new build's.
func TestUpgradeInTheMiddleOfAPass(t *testing.T) {
	t.Parallel()
	f := fleetOf(t)
	gate, open := f.gate()
	one := f.runs(build{ID: "one", Gate: gate})
	f.current("one")
	f.begin("alice", "")
	f.writing("alice", "one")
	f.runs(build{ID: "two"})
	f.current("two")
	f.sync("alice") // wakes the workflow: it moves while its stage is still with the old build
	open()
	f.passed("alice", 2)
	require.NoError(t, one.Stop(patience))
	events := f.events("alice")
	require.Equal(t, []ran{{"Fetch", "one"}, {"Filter", "one"}, {"Match", "one"}, {"Write", "one"}, {"PropagateDeletes", "two"}, {"Commit", "two"}}, stagesOf(events)[:6])
	require.Equal(t, []string{"one", "two"}, deciders(events))
	require.Empty(t, failures(events))
}

// TestOldBuildDiesInTheMiddleOfAPass kills the last worker of the old build while it writes. Nobody ever runs that build
// again: the stage is run by the new one.
func TestOldBuildDiesInTheMiddleOfAPass(t *testing.T) {
	t.Parallel()
	f := fleetOf(t)
	gate, _ := f.gate()
	one := f.runs(build{ID: "one", Gate: gate})
	f.current("one")
	f.begin("alice", "")
	f.writing("alice", "one")
	f.runs(build{ID: "two"})
	f.current("two")
	require.NoError(t, one.Stop(0))
	f.passed("alice", 1)
	require.Equal(t, ran{"Write", "two"}, stagesOf(f.events("alice"))[3])
	require.Empty(t, failures(f.events("alice")))
}

// TestErrandStaysAndItsBuildDrains holds that a workflow which ends by itself ends on the build that it began on, and that
// the server then says that this build can go.
func TestErrandStaysAndItsBuildDrains(t *testing.T) {
	t.Parallel()
	f := fleetOf(t)
	one := f.runs(build{ID: "one"})
	f.current("one")
	f.begin("alice", "")
	f.passed("alice", 1)
	errand := func(id string) client.WorkflowRun {
		run, err := f.c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue}, Errand)
		require.NoError(t, err)
		return run
	}
	early := errand("early")
	f.eventually("the early errand begun", func() error {
		if len(deciders(history(t, f.c, "early", ""))) == 0 {
			return errors.New("no build has run it")
		}
		return nil
	})
	f.runs(build{ID: "two"})
	f.current("two")
	late := errand("late")
	drainage := func(want client.WorkerDeploymentVersionDrainageStatus) {
		t.Helper()
		f.eventually("build one drained", func() error {
			d, err := f.deployment().DescribeVersion(t.Context(), client.WorkerDeploymentDescribeVersionOptions{BuildID: "one"})
			if err != nil {
				return err
			}
			if info := d.Info.DrainageInfo; info == nil || info.DrainageStatus != want || info.LastCheckedTime.IsZero() {
				return fmt.Errorf("it is %+v", info)
			}
			return nil
		})
	}
	drainage(client.WorkerDeploymentVersionDrainageStatusDraining)
	for _, run := range []client.WorkflowRun{early, late} {
		require.NoError(t, f.c.SignalWorkflow(t.Context(), run.GetID(), "", "go", nil))
		require.NoError(t, run.Get(t.Context(), nil))
	}
	require.Equal(t, []ran{{"Filter", "one"}}, stagesOf(history(t, f.c, "early", "")))
	require.Equal(t, []string{"one"}, deciders(history(t, f.c, "early", "")))
	require.Equal(t, []string{"two"}, deciders(history(t, f.c, "late", "")))
	drainage(client.WorkerDeploymentVersionDrainageStatusDrained) // alice, who goes where the current build is, keeps it from nothing
	require.NoError(t, one.Stop(patience))
	f.sync("alice")
	f.passed("alice", 2)
}

// TestIncompatibleBuildIsRolledBack makes a build current that orders the stages otherwise. Reps that run get stuck and show
// it, a rep that is pinned to the old build goes on, and the roll-back frees the stuck ones with nothing lost. The same
// change behind GetVersion sticks nowhere.
func TestIncompatibleBuildIsRolledBack(t *testing.T) {
	t.Parallel()
	f := fleetOf(t)
	f.runs(build{ID: "one"})
	f.current("one")
	f.begin("alice", "")
	f.begin("pinned", "one")
	f.passed("alice", 1)
	f.passed("pinned", 1)

	f.runs(build{ID: "careless", Change: "swapped"})
	f.current("careless")
	f.sync("alice")
	f.eventually("alice stuck", func() error {
		if got := failures(f.events("alice")); !slices.Contains(got, enumspb.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR) {
			return fmt.Errorf("failures: %v", got)
		}
		return nil
	})
	f.sync("pinned")
	f.passed("pinned", 2)
	require.Empty(t, failures(f.events("pinned")))

	f.current("one")
	f.passed("alice", 2) // the wish outlived the bad build
	require.Equal(t, []string{"one"}, deciders(f.events("alice")), "nothing that the bad build did has counted")

	f.runs(build{ID: "careful", Change: "guarded"})
	f.current("careful")
	f.sync("alice")
	f.passed("alice", 3)
	stages := stagesOf(f.events("alice"))
	require.Equal(t, []ran{{"Filter", "careful"}, {"Match", "careful"}}, stages[len(stages)-5:len(stages)-3], "a run goes on in the order in which it began")
	f.begin("bob", "")
	f.passed("bob", 1)
	require.Equal(t, []ran{{"Match", "careful"}, {"Filter", "careful"}}, stagesOf(f.events("bob"))[1:3], "a new run has the new order")
	require.Equal(t, []string{"one"}, deciders(f.events("pinned")))

	unpin := client.WorkflowExecutionOptionsChanges{VersioningOverride: &client.VersioningOverrideChange{}}
	_, err := f.c.UpdateWorkflowExecutionOptions(t.Context(), client.UpdateWorkflowExecutionOptionsRequest{WorkflowId: workflows.RepID("acme", "pinned"), WorkflowExecutionOptionsChanges: unpin})
	require.NoError(t, err)
	f.sync("pinned")
	f.passed("pinned", 3)
	require.Equal(t, []string{"one", "careful"}, deciders(f.events("pinned")), "where the pin is lifted, the current build takes over")
}

// TestContinueAsNewUnderVersioning lets a rep with nothing to do continue as new again and again: a run begins on the current
// build, needs no older one, and an idle pass costs no more events than without versioning.
func TestContinueAsNewUnderVersioning(t *testing.T) {
	t.Parallel()
	cli, err := temporaldev.Find(t.Context())
	require.NoError(t, err)
	log, err := proc.UnnamedLog()
	require.NoError(t, err)
	server, err := temporaldev.Start(t.Context(), temporaldev.Config{CLI: cli, Headless: true, Log: log, Dynamic: []string{"limit.historyCount.suggestContinueAsNew=60"}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Stop() })
	c, err := client.DialContext(t.Context(), client.Options{HostPort: server.Address})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	f := newFleet(t, c, server.Address, temporaldev.DefaultNamespace)

	one := f.runs(build{ID: "one"})
	f.current("one")
	id := workflows.RepID("acme", "idle")
	f.begin("idle", "")
	run := func() string {
		d, err := c.DescribeWorkflowExecution(t.Context(), id, "")
		require.NoError(t, err)
		return d.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	}
	// next waits until a run that begins from now on has ended, and returns the builds that ran it: the run of this moment
	// may have begun before what the test did last.
	next := func() []string {
		t.Helper()
		seen := []string{run()}
		require.True(t, eventually(t, func() bool {
			if now := run(); now != seen[len(seen)-1] {
				seen = append(seen, now)
			}
			return len(seen) > 2
		}), "it does not continue as new")
		events := history(t, c, id, seen[1])
		require.Empty(t, failures(events))
		require.Equal(t, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW, events[len(events)-1].GetEventType())
		var fetches []int
		for i, e := range events {
			if e.GetActivityTaskScheduledEventAttributes() != nil {
				fetches = append(fetches, i)
			}
		}
		require.Greater(t, len(fetches), 2)
		for i := 1; i < len(fetches); i++ {
			require.LessOrEqual(t, fetches[i]-fetches[i-1], 12, "events of an idle pass")
		}
		return deciders(events)
	}
	require.Equal(t, []string{"one"}, next())
	f.runs(build{ID: "two"})
	f.current("two")
	require.Equal(t, []string{"two"}, next())
	require.NoError(t, one.Stop(patience))
	st, err := f.status("idle")
	require.NoError(t, err)
	passed := st.Pass
	require.Equal(t, []string{"two"}, next(), "the old build is not needed any more")
	st, err = f.status("idle")
	require.NoError(t, err)
	require.Greater(t, st.Pass, passed, "passes are counted over runs and builds")
}
