package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/repsync/repsync/activities"
)

// FeedInput starts an OrgFeed.
type FeedInput struct {
	Org string `json:"org"`
}

// FeedStatus is the answer to QueryStatus of an OrgFeed.
type FeedStatus struct {
	Org     string              `json:"org"`
	PollAt  time.Time           `json:"polled_at,omitzero"`
	NextAt  time.Time           `json:"next_at,omitzero"`
	Rows    int                 `json:"rows"` // read by this run
	Trouble *activities.Trouble `json:"trouble,omitempty"`
}

// feedPatience is the longest that a feed waits for an API's budget before it asks again.
const feedPatience = 15 * time.Minute

// OrgFeed reads what changed in an org's CRM once for all its reps, into the org's log. A nudge polls at once.
func OrgFeed(ctx workflow.Context, in FeedInput) error {
	if in.Org == "" {
		return temporal.NewNonRetryableApplicationError(`the input names no org: start OrgFeed with {"org":"acme"}`, "bad_input", nil)
	}
	status := FeedStatus{Org: in.Org}
	if err := workflow.SetQueryHandler(ctx, QueryStatus, func() (FeedStatus, error) { return status, nil }); err != nil {
		return err
	}
	nudges := workflow.GetSignalChannel(ctx, SignalNudge)
	for {
		for nudges.ReceiveAsync(nil) {
			continue // many nudges are one
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return workflow.NewContinueAsNewError(ctx, OrgFeed, in)
		}
		var out activities.FeedOut
		polling := workflow.WithActivityOptions(ctx, stageOptions("poll the CRM"))
		trouble := troubleOf(workflow.ExecuteActivity(polling, stages.PollFeed, activities.FeedIn{Org: in.Org}).Get(ctx, &out))
		if trouble == nil {
			trouble = out.Trouble
		}
		now := workflow.Now(ctx)
		status.PollAt, status.Trouble = now, trouble
		status.Rows += out.Rows
		if out.More {
			continue
		}
		wait := out.Every
		if wait <= 0 {
			wait = time.Minute
		}
		if trouble != nil && trouble.Until.Sub(now) > wait {
			wait = trouble.Until.Sub(now)
			if trouble.Class == activities.ClassWaiting { // it may be over sooner
				wait = min(wait, feedPatience)
			}
		}
		status.NextAt = now.Add(wait)
		options := workflow.AwaitOptions{Timeout: wait, TimerOptions: workflow.TimerOptions{Summary: "until the next poll"}}
		if _, err := workflow.AwaitWithOptions(ctx, options, func() bool { return nudges.Len() > 0 }); err != nil {
			return err
		}
	}
}
