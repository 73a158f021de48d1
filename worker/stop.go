package main

import (
	"context"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
)

// settling is an interceptor that makes a stopping worker end its writing stages after the batch in flight, rather than
// when everything is written or when the time to stop is over, which would cut a batch in half. What is left stays
// planned, and the next pass, on another worker, goes on with it.
type settling struct {
	interceptor.WorkerInterceptorBase
}

func (*settling) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &settlingIn{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

type settlingIn struct {
	interceptor.ActivityInboundInterceptorBase
}

// ExecuteActivity cancels the context of a stage that works in batches once the worker stops: such a stage looks at it
// between batches. The others are short, or resume where they were.
func (i *settlingIn) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	switch activity.GetInfo(ctx).ActivityType.Name {
	case "Write", "PropagateDeletes":
	default:
		return i.Next.ExecuteActivity(ctx, in)
	}
	stopping, ended := activity.GetWorkerStopChannel(ctx), make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer close(ended)
	go func() {
		select {
		case <-stopping:
			cancel()
		case <-ended:
		}
	}()
	return i.Next.ExecuteActivity(ctx, in)
}
