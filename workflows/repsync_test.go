package workflows_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/workflows"
)

// env runs one RepSync over a script, on the test environment's own clock. It is cancelled after the last of the delayed
// calls, or after three hours.
func env(t *testing.T, s *script) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	e := suite.NewTestWorkflowEnvironment()
	e.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: limit}) // a second is not much on a busy machine
	s.register(e)
	workflows.Register(e)
	return e
}

func start(e *testsuite.TestWorkflowEnvironment, end time.Duration) {
	e.RegisterDelayedCallback(e.CancelWorkflow, end)
	e.ExecuteWorkflow(workflows.RepSync, workflows.RepInput{Org: "acme", Rep: "alice"})
}

func status(t *testing.T, e *testsuite.TestWorkflowEnvironment) workflows.Status {
	t.Helper()
	v, err := e.QueryWorkflow(workflows.QueryStatus)
	require.NoError(t, err)
	var st workflows.Status
	require.NoError(t, v.Get(&st))
	return st
}

func TestIdlePassIsOneGlance(t *testing.T) {
	t.Parallel()
	s := &script{glance: func(in activities.FetchIn) (activities.FetchOut, error) { return idle(in), nil }}
	e := env(t, s)
	start(e, 150*time.Minute)
	require.Equal(t, []string{"Fetch", "Glance", "Glance"}, s.called(), "one at the start and one an hour")
	st := status(t, e)
	require.Equal(t, workflows.Stopped, st.State)
	require.EqualValues(t, 3, st.Pass)
}

func TestGlanceThatTellsNothingIsFollowedByFetch(t *testing.T) {
	t.Parallel()
	for name, glance := range map[string]func(in activities.FetchIn) (activities.FetchOut, error){
		"it finds something": func(in activities.FetchIn) (activities.FetchOut, error) {
			out := idle(in)
			out.News = true
			return out, nil
		},
		"it breaks down": func(activities.FetchIn) (activities.FetchOut, error) {
			return activities.FetchOut{}, errors.New("broken")
		},
		"it hangs": func(in activities.FetchIn) (activities.FetchOut, error) {
			return idle(in), temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{glance: glance, fetch: func(n int, in activities.FetchIn) (activities.FetchOut, error) {
				if n == 2 {
					return work(in), nil
				}
				return idle(in), nil
			}}
			e := env(t, s)
			start(e, 150*time.Minute)
			require.Equal(t, []string{"Fetch", "Glance", "Fetch", "Filter", "Match", "Commit", "Fetch"}, s.called(), "no glance after a pass with work: its echoes come")
			require.Equal(t, name == "it finds something", s.fetched()[1].Due.IsZero(), "a pass begins once")
			require.Empty(t, status(t, e).Trouble)
		})
	}
}

// Whoever waits, and whatever is to be read in full, is not glanced at first.
func TestPassThatIsWantedBeginsWithFetch(t *testing.T) {
	t.Parallel()
	s := &script{glance: func(in activities.FetchIn) (activities.FetchOut, error) { return idle(in), nil }}
	e := env(t, s)
	e.RegisterDelayedCallback(func() { e.SignalWorkflow(workflows.SignalNudge, nil) }, time.Minute)
	e.RegisterDelayedCallback(func() { e.SignalWorkflow(workflows.SignalSyncNow, nil) }, 2*time.Minute)
	start(e, 65*time.Minute)
	require.Equal(t, []string{"Fetch", "Fetch", "Fetch", "Glance"}, s.called())
}

func TestPassRunsTheStagesInOrder(t *testing.T) {
	t.Parallel()
	s := &script{
		match:  activities.StageOut{Writes: true, Deletes: true},
		write:  activities.StageOut{Summary: activities.Summary{Created: activities.Sided{CRM: 2}}},
		commit: activities.StageOut{Parked: map[planner.Reason]int{planner.ReasonNoFamilyName: 1}},
		fetch: func(n int, in activities.FetchIn) (activities.FetchOut, error) {
			if n == 1 {
				return work(in), nil
			}
			return idle(in), nil
		},
	}
	e := env(t, s)
	e.RegisterDelayedCallback(func() {
		st := status(t, e)
		require.Equal(t, workflows.Idle, st.State)
		require.Equal(t, 2, st.Last.Created.CRM)
		require.Equal(t, 1, st.Parked)
		require.Equal(t, "test@3", st.Policy)
	}, time.Minute)
	start(e, 2*time.Minute)
	require.Equal(t, []string{"Fetch", "Filter", "Match", "Write", "PropagateDeletes", "Commit"}, s.called())
}

func TestHeldPassWritesNothingAndReleaseNamesThePlan(t *testing.T) {
	t.Parallel()
	hold := &activities.Hold{Digest: "abc", Why: []string{"guard.deletes.max"}}
	s := &script{match: activities.StageOut{Writes: true, Deletes: true, Hold: hold}}
	s.fetch = func(n int, in activities.FetchIn) (activities.FetchOut, error) {
		if n == 1 {
			return work(in), nil
		}
		out := idle(in)
		out.Held = hold
		return out, nil
	}
	e := env(t, s)
	e.RegisterDelayedCallback(func() { require.Equal(t, workflows.Held, status(t, e).State) }, time.Minute)
	e.RegisterDelayedCallback(func() {
		e.SignalWorkflow(workflows.SignalRelease, workflows.ReleaseSignal{Digest: "abc"})
	}, 2*time.Minute)
	start(e, 3*time.Minute)
	require.NotContains(t, s.called(), "Write")
	require.NotContains(t, s.called(), "PropagateDeletes")
	require.Equal(t, "abc", s.fetched()[1].Release)
}

func TestPauseHoldsBackAndResumeApplies(t *testing.T) {
	t.Parallel()
	s := &script{}
	e := env(t, s)
	e.RegisterDelayedCallback(func() { e.SignalWorkflow(workflows.SignalPause, nil) }, time.Minute)
	e.RegisterDelayedCallback(func() { e.SignalWorkflow(workflows.SignalPolicy, workflows.PolicySignal{Revision: 9}) }, 2*time.Minute)
	e.RegisterDelayedCallback(func() {
		require.Len(t, s.fetched(), 1, "paused: no pass, whatever is wanted")
		require.Equal(t, workflows.Paused, status(t, e).State)
		e.SignalWorkflow(workflows.SignalResume, nil)
	}, 170*time.Minute)
	e.RegisterDelayedCallback(func() {
		require.Len(t, s.fetched(), 2)
		require.Equal(t, workflows.Idle, status(t, e).State)
	}, 171*time.Minute)
	start(e, 172*time.Minute)
}

func TestSignalsThatMakeNoSenseLeaveTheWorkflowAlive(t *testing.T) {
	t.Parallel()
	s := &script{}
	e := env(t, s)
	e.RegisterDelayedCallback(func() {
		e.SignalWorkflow("no-such-signal", "x")
		e.SignalWorkflow(workflows.SignalPolicy, "not an object")
		e.SignalWorkflow(workflows.SignalRelease, 17)
	}, time.Minute)
	e.RegisterDelayedCallback(func() {
		st := status(t, e)
		require.Len(t, st.Remarks, 3)
		require.Contains(t, st.Remarks[0]+st.Remarks[1]+st.Remarks[2], `{"revision": 7}`)
		require.Len(t, s.fetched(), 2, "a policy signal is a wish for a pass, whatever its payload")
	}, 2*time.Minute)
	start(e, 3*time.Minute)
}

func TestTroubleNeverFailsTheWorkflow(t *testing.T) {
	t.Parallel()
	for name, fetch := range map[string]func(n int, in activities.FetchIn) (activities.FetchOut, error){
		"a vendor's trouble in the result": func(_ int, in activities.FetchIn) (activities.FetchOut, error) {
			out := idle(in)
			out.Trouble = &activities.Trouble{Class: activities.ClassReconnect, Code: "invalid_grant", Remedy: "connect again"}
			return out, nil
		},
		"the store cannot be reached": func(int, activities.FetchIn) (activities.FetchOut, error) {
			return activities.FetchOut{}, temporal.NewApplicationError("the store could not be read: check Postgres", "store_connection")
		},
		"an error of no class": func(int, activities.FetchIn) (activities.FetchOut, error) {
			return activities.FetchOut{}, errors.New("broken")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{fetch: fetch}
			e := env(t, s)
			e.RegisterDelayedCallback(func() {
				st := status(t, e)
				require.Equal(t, workflows.Failing, st.State)
				require.NotNil(t, st.Trouble)
				require.NotEmpty(t, st.Trouble.Code)
				s.mu.Lock()
				defer s.mu.Unlock()
				s.fetch = nil // mended
			}, 10*time.Minute)
			e.RegisterDelayedCallback(func() {
				st := status(t, e)
				require.Equal(t, workflows.Idle, st.State)
				require.Nil(t, st.Trouble)
			}, 2*time.Hour)
			start(e, 121*time.Minute)
			require.True(t, temporal.IsCanceledError(e.GetWorkflowError()))
		})
	}
}

func TestInputWithoutOrgOrRepIsRefusedWithTheRemedy(t *testing.T) {
	t.Parallel()
	e := env(t, &script{})
	e.ExecuteWorkflow(workflows.RepSync, workflows.RepInput{Org: "acme"})
	require.ErrorContains(t, e.GetWorkflowError(), `{"org":"acme","rep":"alice"}`)
}

func TestWorkflowRemembersWhatWasCommitted(t *testing.T) {
	t.Parallel()
	s := &script{fetch: func(n int, in activities.FetchIn) (activities.FetchOut, error) {
		if n == 1 {
			return work(in), nil
		}
		return idle(in), nil
	}}
	e := env(t, s)
	e.RegisterDelayedCallback(func() { e.SignalWorkflow(workflows.SignalNudge, nil) }, time.Minute)
	e.RegisterDelayedCallback(func() { e.SignalWorkflow(workflows.SignalNudge, nil) }, 2*time.Minute)
	start(e, 3*time.Minute)
	fetched := s.fetched()
	require.Len(t, fetched, 3)
	require.Zero(t, fetched[0].Committed)
	require.EqualValues(t, 1, fetched[1].Committed)
	require.EqualValues(t, 1, fetched[2].Committed, "an idle pass commits nothing")
}

func TestEveryRepSweepsOnceADay(t *testing.T) {
	t.Parallel()
	s := &script{glance: func(in activities.FetchIn) (activities.FetchOut, error) { return idle(in), nil }}
	e := env(t, s)
	start(e, 73*time.Hour)
	sweeps := 0
	for i, in := range s.fetched() {
		if in.Sweep {
			require.Positive(t, i, "the first pass reads everything by itself")
			sweeps++
		}
	}
	require.Equal(t, 3, sweeps, "in three days")
}
