package main

import (
	"context"
	"log/slog"
	"slices"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
)

// settling is an interceptor that makes a stopping worker end its writing stages after the batch in flight, rather than
// when everything is written or when the time to stop is over, which would cut a batch in half. What is left stays
// planned, and goes on on another worker: in the next pass, or in the stage's next attempt.
type settling struct {
	interceptor.WorkerInterceptorBase
	log *slog.Logger
}

// inBatches are the stages that write batch after batch, and look between them at whether they are to end. The others are
// short, or resume where they were.
var inBatches = []string{"Write", "PropagateDeletes", "Undo"}

func (s *settling) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &settlingIn{interceptor.ActivityInboundInterceptorBase{Next: next}, s.log}
}

type settlingIn struct {
	interceptor.ActivityInboundInterceptorBase
	log *slog.Logger
}

// ExecuteActivity cancels the stage's context once the worker stops. A stage that cannot end well then fails, to be tried
// again elsewhere.
func (i *settlingIn) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	name := activity.GetInfo(ctx).ActivityType.Name
	if !slices.Contains(inBatches, name) {
		return i.Next.ExecuteActivity(ctx, in)
	}
	stopping, ended := activity.GetWorkerStopChannel(ctx), make(chan struct{})
	defer close(ended)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-stopping:
			cancel(errStopping)
			i.log.Info("ends after the batch in flight", slog.String("stage", name))
		case <-ended:
		}
	}()
	out, err := i.Next.ExecuteActivity(ctx, in)
	if err != nil && context.Cause(ctx) == errStopping { //nolint:errorlint // it is the cause itself or another one
		return nil, errStopping
	}
	return out, err
}

// errStopping is why a stage ended early.
var errStopping = temporal.NewApplicationError("the worker stops; another one goes on", "worker_stopping")
