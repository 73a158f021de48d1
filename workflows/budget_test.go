package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/workflows"
)

func spent(until time.Time) *activities.Trouble {
	return &activities.Trouble{Class: activities.ClassWaiting, Code: connector.BudgetSpent, Until: until}
}

// A rep whose calls are used up does not fail: the status tells it, the schedule goes on, and a person may have a pass.
func TestSpentBudgetIsNoFailure(t *testing.T) {
	t.Parallel()
	s := &script{}
	e := env(t, s)
	s.fetch = func(n int, in activities.FetchIn) (activities.FetchOut, error) {
		out := idle(in)
		switch {
		case in.Fresh:
			return work(in), nil
		case n < 4:
			out.Trouble = spent(e.Now().Add(20 * time.Hour))
		}
		return out, nil
	}
	e.RegisterDelayedCallback(func() {
		st := status(t, e)
		require.Equal(t, workflows.Idle, st.State)
		require.Equal(t, connector.BudgetSpent, st.Trouble.Code)
		require.Equal(t, time.Hour, st.NextAt.Sub(st.PassedAt), "no sooner than the schedule, and no later")
		e.SignalWorkflow(workflows.SignalSyncNow, nil)
	}, 90*time.Minute)
	e.RegisterDelayedCallback(func() { require.Nil(t, status(t, e).Trouble, "it is over") }, 5*time.Hour)
	start(e, 6*time.Hour)

	asked := s.fetched()
	require.True(t, asked[2].Fresh)
	require.Zero(t, asked[2].Due, "a pass for which somebody asks is not late")
	require.True(t, s.passes[0].Fresh, "what follows is awaited, too")
	require.NotZero(t, s.passes[0].Began)
	require.False(t, asked[1].Fresh)
	require.False(t, asked[1].Due.IsZero(), "by this time the delay of a pass is measured")
}

// A feed whose calls are used up asks again before they are all back.
func TestFeedWaitsForItsBudget(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		trouble func(now time.Time) *activities.Trouble
		polls   int // within two hours
	}{
		"a spent budget":          {func(now time.Time) *activities.Trouble { return spent(now.Add(20 * time.Hour)) }, 8},
		"calls that are due soon": {func(now time.Time) *activities.Trouble { return spent(now.Add(6 * time.Minute)) }, 20},
		"a server's own wish": {func(now time.Time) *activities.Trouble {
			return &activities.Trouble{Class: activities.ClassRetry, Until: now.Add(time.Hour)}
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var suite testsuite.WorkflowTestSuite
			e := suite.NewTestWorkflowEnvironment()
			polls := 0
			e.RegisterActivityWithOptions(func(context.Context, activities.FeedIn) (activities.FeedOut, error) {
				polls++
				return activities.FeedOut{Every: time.Minute, Trouble: tt.trouble(e.Now())}, nil
			}, activity.RegisterOptions{Name: "PollFeed"})
			e.RegisterDelayedCallback(e.CancelWorkflow, 2*time.Hour-time.Second)
			e.ExecuteWorkflow(workflows.OrgFeed, workflows.FeedInput{Org: "acme"})
			require.Equal(t, tt.polls, polls)
		})
	}
}
