package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/repsync/repsync/activities"
)

// UndoID is the workflow id of a rep's undo. One undo of a rep runs at a time.
func UndoID(org, rep string) string { return "undo:" + org + ":" + rep }

// UndoInput starts an Undo. Since is the first moment that is undone.
type UndoInput struct {
	Org    string    `json:"org"`
	Rep    string    `json:"rep"`
	Since  time.Time `json:"since"`
	DryRun bool      `json:"dry_run,omitempty"`
}

// Undo puts back what passes have written for a rep since a time, and ends:
//
//	temporal workflow start --type Undo --task-queue repsync --workflow-id undo:acme:alice --input '{"org":"acme","rep":"alice","since":"2026-11-22T08:00:00Z"}'
//
// Its result is the report: ids, counts and codes. It needs no RepSync to run, and beside one it waits for the mailbox's
// lease as any stage does; so does it wait out a vendor's or the store's trouble, for as long as it takes. What only an admin can mend ends it, with
// the trouble in the report. Cancelling it ends it after the batch in flight; terminating it is safe, too.
func Undo(ctx workflow.Context, in UndoInput) (activities.UndoOut, error) {
	if in.Org == "" || in.Rep == "" || in.Since.IsZero() {
		return activities.UndoOut{}, temporal.NewNonRetryableApplicationError(
			`the input names no org, no rep or no time: start Undo with {"org":"acme","rep":"alice","since":"2026-11-22T08:00:00Z"}`, "bad_input", nil)
	}
	order := activities.UndoIn{Org: in.Org, Rep: in.Rep, Since: in.Since, DryRun: in.DryRun, Run: workflow.GetInfo(ctx).FirstRunID}
	for failures := 1; ; failures++ {
		var out activities.UndoOut
		err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, stageOptions("put back what passes wrote")), stages.Undo, order).Get(ctx, &out)
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		if trouble := troubleOf(err); trouble != nil {
			out.Trouble = trouble
		}
		if out.Trouble == nil || !passes(*out.Trouble) {
			return out, nil
		}
		workflow.SetCurrentDetails(ctx, fmt.Sprintf("In trouble: %s (%s). %s", out.Trouble.Code, out.Trouble.Class, out.Trouble.Remedy))
		now := workflow.Now(ctx)
		if err := workflow.NewTimerWithOptions(ctx, wakeAfterTrouble(now, *out.Trouble, time.Minute, failures).Sub(now),
			workflow.TimerOptions{Summary: "until the next attempt"}).Get(ctx, nil); err != nil {
			return out, err
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return out, workflow.NewContinueAsNewError(ctx, Undo, in)
		}
	}
}

// passes reports whether a trouble passes by itself.
func passes(t activities.Trouble) bool {
	return t.Class == activities.ClassWaiting || t.Class == activities.ClassRetry
}
