package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
)

// TestStoppingEndsStagesThatWorkInBatches runs a stage in a worker that stops meanwhile. What the stage says of its end
// counts; where it says that it could not end well, it is tried again.
func TestStoppingEndsStagesThatWorkInBatches(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		stage string
		fails bool // with its context's error
		ends  bool // early
	}{
		"a stage that settles its batch":     {stage: "Write", ends: true},
		"deletes":                            {stage: "PropagateDeletes", ends: true},
		"a stage that cannot end in between": {stage: "Undo", fails: true, ends: true},
		"a stage that resumes where it was":  {stage: "Fetch"},
		"a stage that is short":              {stage: "Commit"},
		"a stage that nobody has thought of": {stage: "Other"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var suite testsuite.WorkflowTestSuite
			e := suite.NewTestActivityEnvironment()
			stop, done := make(chan struct{}), make(chan struct{})
			e.SetWorkerStopChannel(stop)
			e.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&settling{log: slog.New(slog.DiscardHandler)}}})
			e.RegisterActivityWithOptions(func(ctx context.Context) (string, error) {
				close(stop)
				select {
				case <-ctx.Done():
				case <-done:
					return "to the end", nil
				}
				if tt.fails {
					return "", ctx.Err()
				}
				return "early", nil
			}, activity.RegisterOptions{Name: tt.stage})
			timer := time.AfterFunc(map[bool]time.Duration{true: 10 * time.Second, false: 200 * time.Millisecond}[tt.ends], func() { close(done) })
			defer timer.Stop()

			v, err := e.ExecuteActivity(tt.stage)
			if tt.fails {
				var app *temporal.ApplicationError
				require.ErrorAs(t, err, &app)
				require.Equal(t, "worker_stopping", app.Type())
				require.False(t, app.NonRetryable())
				return
			}
			require.NoError(t, err)
			var said string
			require.NoError(t, v.Get(&said))
			require.Equal(t, map[bool]string{true: "early", false: "to the end"}[tt.ends], said)
		})
	}
}
