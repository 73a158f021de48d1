package chaos

import (
	"sync/atomic"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// suggested is at how many events Temporal suggests to continue as new (limit.historyCount.suggestContinueAsNew).
const suggested = 4096

// Tally counts what a workflow does, from which follows how long its history would be: the test environment keeps none.
type Tally struct {
	Activities, Glances, Timers, Signals, Upserts atomic.Int64

	rests func() // called when the workflow is about to wait, where set
}

// Commands is how many commands the workflow has given.
func (t *Tally) Commands() int64 { return t.Activities.Load() + t.Timers.Load() + t.Upserts.Load() }

// Events is how long the history is, at most: its start, three events for each activity, two for each timer (started; fired
// or cancelled), one for each local activity, signal and upsert, and three for each workflow task, of which the start, every
// activity, every timer and every signal make one. Those that come together share one. A local activity is part of a task.
func (t *Tally) Events() int64 {
	tasks := 1 + t.Activities.Load() + t.Timers.Load() + t.Signals.Load()
	return 1 + 3*t.Activities.Load() + t.Glances.Load() + 2*t.Timers.Load() + t.Signals.Load() + t.Upserts.Load() + 3*tasks
}

// Interceptor counts upserts and activities where workflows are intercepted.
func (t *Tally) Interceptor() interceptor.WorkerInterceptor { return &tallier{tally: t} }

type tallier struct {
	interceptor.WorkerInterceptorBase
	tally *Tally
}

// InterceptWorkflow makes tallier a WorkerInterceptor.
func (t *tallier) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	in := &tallyIn{tally: t.tally}
	in.Next = next
	return in
}

type tallyIn struct {
	interceptor.WorkflowInboundInterceptorBase
	tally *Tally
}

// Init puts the outbound side in between.
func (t *tallyIn) Init(next interceptor.WorkflowOutboundInterceptor) error {
	out := &tallyOut{tally: t.tally, versioned: map[string]bool{}}
	out.Next = next
	return t.Next.Init(out)
}

// HandleSignal counts a signal.
func (t *tallyIn) HandleSignal(ctx workflow.Context, in *interceptor.HandleSignalInput) error {
	t.tally.Signals.Add(1)
	return t.Next.HandleSignal(ctx, in)
}

type tallyOut struct {
	interceptor.WorkflowOutboundInterceptorBase
	tally     *Tally
	versioned map[string]bool
}

// ExecuteActivity counts an activity.
func (t *tallyOut) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	t.tally.Activities.Add(1)
	return t.Next.ExecuteActivity(ctx, name, args...)
}

// ExecuteLocalActivity counts a local activity.
func (t *tallyOut) ExecuteLocalActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	t.tally.Glances.Add(1)
	return t.Next.ExecuteLocalActivity(ctx, name, args...)
}

// GetVersion counts what is noted where a run asks for a version first: a marker, and a search attribute.
func (t *tallyOut) GetVersion(ctx workflow.Context, changeID string, minSupported, maxSupported workflow.Version) workflow.Version {
	if !t.versioned[changeID] {
		t.versioned[changeID] = true
		t.tally.Upserts.Add(2)
	}
	return t.Next.GetVersion(ctx, changeID, minSupported, maxSupported)
}

// UpsertTypedSearchAttributes counts an upsert.
func (t *tallyOut) UpsertTypedSearchAttributes(ctx workflow.Context, attributes ...temporal.SearchAttributeUpdate) error {
	t.tally.Upserts.Add(1)
	return t.Next.UpsertTypedSearchAttributes(ctx, attributes...)
}

// AwaitWithOptions counts the timer that a wait with a timeout starts.
func (t *tallyOut) AwaitWithOptions(ctx workflow.Context, options workflow.AwaitOptions, condition func() bool) (bool, error) {
	t.tally.Timers.Add(1)
	if t.tally.rests != nil {
		t.tally.rests()
	}
	return t.Next.AwaitWithOptions(ctx, options, condition)
}
