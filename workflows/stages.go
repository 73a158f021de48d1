package workflows

import (
	"errors"
	"hash/fnv"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/repsync/repsync/activities"
)

// stages is a zero value for method references; the real one lives in the worker.
var stages *activities.Activities

// Retries of a stage are for what no stage can report itself: the store cannot be reached, the worker died. Vendors'
// troubles come back as results. After the last attempt the pass ends in trouble, visibly, and the schedule goes on.
func stageOptions(summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		StartToCloseTimeout: 6 * time.Hour, // a first sync under a vendor's quota; the heartbeat notices a dead worker
		HeartbeatTimeout:    30 * time.Second,
		WaitForCancellation: true, // the batch in flight is settled before a cancelled pass ends
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second, MaximumAttempts: 6},
		Summary:             summary,
	}
}

func (s *repSync) fetch(ctx workflow.Context, in activities.FetchIn) (activities.FetchOut, *activities.Trouble) {
	var out activities.FetchOut
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, stageOptions("what changed")), stages.Fetch, in).Get(ctx, &out)
	return out, troubleOf(err)
}

// fetchIn is what a pass begins with.
func (s *repSync) fetchIn(ctx workflow.Context, want Want) activities.FetchIn {
	in := activities.FetchIn{Org: s.in.Org, Rep: s.in.Rep, Pass: s.c.Pass + 1, Fresh: want.Fresh, Release: want.Release, Committed: s.c.Committed, Sweep: s.sweepDue(workflow.Now(ctx))}
	in.SweptAt = s.c.SweptAt
	if !want.any() {
		in.Due = s.c.WakeAt
	}
	return in
}

// glanceFor is how long a glance may take; a workflow's task has ten seconds.
const glanceFor = 5 * time.Second

// glance asks whether there is anything at all, as part of this very workflow task. Only a pass that will find nothing, as far
// as one can know, begins so: one by the schedule, after one that found nothing. Where the glance finds something, or does
// not come through, Fetch does as if there had been none.
func (s *repSync) glance(ctx workflow.Context, in activities.FetchIn) (out activities.FetchOut, nothing bool) {
	after := s.c.Pass > 0 && s.c.Pass > s.c.Committed && s.c.Failures == 0 && s.c.Held == nil
	if in.Due.IsZero() || in.Sweep || !after || workflow.GetVersion(ctx, "glance", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return out, false
	}
	options := workflow.LocalActivityOptions{ScheduleToCloseTimeout: glanceFor, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1}, Summary: "is there anything new"}
	err := workflow.ExecuteLocalActivity(workflow.WithLocalActivityOptions(ctx, options), stages.Glance, in).Get(ctx, &out)
	return out, err == nil && !out.News
}

// sweepDue reports whether everything is to be read, which is how what no feed tells of is met. The first sweep comes half a day
// after the start, in which everything was read, or up to half a day later: the reps of an org do not sweep together.
func (s *repSync) sweepDue(now time.Time) bool {
	if s.c.SweptAt.IsZero() {
		h := fnv.New32a()
		_, _ = h.Write([]byte(s.in.Org + "/" + s.in.Rep)) // never fails
		s.c.SweptAt = now.Add(-time.Duration(h.Sum32()%uint32(activities.SweepEvery/2/time.Minute)) * time.Minute)
	}
	return now.Sub(s.c.SweptAt) >= activities.SweepEvery
}

func (s *repSync) stage(ctx workflow.Context, stage any, summary string, p activities.Pass) (activities.StageOut, *activities.Trouble) {
	var out activities.StageOut
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, stageOptions(summary)), stage, p).Get(ctx, &out)
	return out, troubleOf(err)
}

// troubleOf turns the failure of a stage into what an operator reads. Only the code travels: activities put nothing else
// into their errors.
func troubleOf(err error) *activities.Trouble {
	var app *temporal.ApplicationError
	switch {
	case err == nil, temporal.IsCanceledError(err):
		return nil
	case errors.As(err, &app) && app.Type() == "":
		return &activities.Trouble{Class: activities.ClassRetry, Code: "internal", Remedy: "the worker's log says why"}
	case errors.As(err, &app):
		return &activities.Trouble{Class: activities.ClassRetry, Code: app.Type(), Remedy: app.Message()}
	default: // a timeout: the worker died, again and again
		return &activities.Trouble{Class: activities.ClassRetry, Code: "stage_lost", Remedy: "the worker stopped answering in the middle of a stage; look at the worker's log"}
	}
}
