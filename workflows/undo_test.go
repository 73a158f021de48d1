package workflows_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/workflows"
)

// undone runs one Undo, whose activity answers by its number from 1.
func undone(t *testing.T, answer func(n int) (activities.UndoOut, error)) (e *testsuite.TestWorkflowEnvironment, asked *[]activities.UndoIn) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	e = suite.NewTestWorkflowEnvironment()
	workflows.Register(e)
	asked = &[]activities.UndoIn{}
	e.RegisterActivityWithOptions(func(_ context.Context, in activities.UndoIn) (activities.UndoOut, error) {
		*asked = append(*asked, in)
		return answer(len(*asked))
	}, activity.RegisterOptions{Name: "Undo"})
	return e, asked
}

var undoInput = workflows.UndoInput{Org: "acme", Rep: "alice", Since: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}

func TestUndoWaitsOutWhatPassesAndReports(t *testing.T) {
	t.Parallel()
	trouble := func(class string) activities.UndoOut {
		return activities.UndoOut{Trouble: &activities.Trouble{Class: class, Code: "code"}}
	}
	done := activities.UndoOut{PutBack: activities.UndoList{Count: 2}}
	for name, c := range map[string]struct {
		answers []activities.UndoOut
		err     error // of the first attempt, for good
		times   int
		trouble string
	}{
		"done at once":              {answers: []activities.UndoOut{done}, times: 1},
		"a pass holds the mailbox":  {answers: []activities.UndoOut{trouble(activities.ClassWaiting), trouble(activities.ClassWaiting), done}, times: 3},
		"a vendor is down":          {answers: []activities.UndoOut{trouble(activities.ClassRetry), done}, times: 2},
		"the credentials are wrong": {answers: []activities.UndoOut{trouble(activities.ClassReconnect), done}, times: 1, trouble: activities.ClassReconnect},
		"an admin has to act":       {answers: []activities.UndoOut{trouble(activities.ClassConfig), done}, times: 1, trouble: activities.ClassConfig},
		"the store is down":         {answers: []activities.UndoOut{{}, done}, err: temporal.NewNonRetryableApplicationError("no store", "store_connection", nil), times: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, asked := undone(t, func(n int) (activities.UndoOut, error) {
				if n == 1 && c.err != nil {
					return activities.UndoOut{}, c.err
				}
				return c.answers[n-1], nil
			})
			e.ExecuteWorkflow(workflows.Undo, undoInput)
			require.NoError(t, e.GetWorkflowError())
			var out activities.UndoOut
			require.NoError(t, e.GetWorkflowResult(&out))
			require.Len(t, *asked, c.times)
			if c.trouble != "" {
				require.Equal(t, c.trouble, out.Trouble.Class)
				return
			}
			require.Nil(t, out.Trouble)
			require.Equal(t, 2, out.PutBack.Count)
			for _, in := range *asked {
				require.Equal(t, (*asked)[0], in, "every attempt is of the same undo")
				require.Equal(t, undoInput.Since, in.Since)
			}
		})
	}
}

func TestUndoThatIsCancelledWhileItWaitsEnds(t *testing.T) {
	t.Parallel()
	e, asked := undone(t, func(int) (activities.UndoOut, error) {
		return activities.UndoOut{Trouble: &activities.Trouble{Class: activities.ClassRetry, Code: "down"}}, nil
	})
	e.RegisterDelayedCallback(e.CancelWorkflow, time.Minute)
	e.ExecuteWorkflow(workflows.Undo, undoInput)
	var cancelled *temporal.CanceledError
	require.ErrorAs(t, e.GetWorkflowError(), &cancelled)
	require.Less(t, len(*asked), 10)
}

func TestUndoInLongTroubleContinuesAsNew(t *testing.T) {
	t.Parallel()
	e, asked := undone(t, func(int) (activities.UndoOut, error) {
		return activities.UndoOut{Trouble: &activities.Trouble{Class: activities.ClassRetry, Code: "down"}}, nil
	})
	e.SetContinueAsNewSuggested(true)
	e.ExecuteWorkflow(workflows.Undo, undoInput)
	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, e.GetWorkflowError(), &next)
	require.Equal(t, "Undo", next.WorkflowType.Name)
	require.Len(t, *asked, 1)
}

func TestUndoNeedsAnOrgARepAndATime(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]workflows.UndoInput{
		"no org": {Rep: "alice", Since: undoInput.Since}, "no rep": {Org: "acme", Since: undoInput.Since}, "no time": {Org: "acme", Rep: "alice"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, asked := undone(t, func(int) (activities.UndoOut, error) { return activities.UndoOut{}, errors.New("asked") })
			e.ExecuteWorkflow(workflows.Undo, in)
			require.ErrorContains(t, e.GetWorkflowError(), "names no org")
			require.Empty(t, *asked)
		})
	}
}
