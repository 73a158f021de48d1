package demo

import (
	"context"
	"fmt"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/repsync/repsync/workflows"
)

// engine is Repsync as the demo drives it: through Temporal alone, with the workflows' own names, as anybody with
// Temporal's CLI could.
type engine struct {
	temporal client.Client
	org      string
	ui       string // the Web UI's address: http://127.0.0.1:8233
}

// link is where Temporal's Web UI shows a rep's workflow.
func (e engine) link(rep string) string {
	return e.ui + "/namespaces/default/workflows/" + workflows.RepID(e.org, rep)
}

// start starts the org's feed and a RepSync for each rep; those that run already go on.
func (e engine) start(ctx context.Context, reps []string) error {
	feed := e.options(workflows.FeedID(e.org), "reads "+e.org+"'s CRM once for all reps")
	if _, err := e.temporal.ExecuteWorkflow(ctx, feed, workflows.OrgFeed, workflows.FeedInput{Org: e.org}); err != nil {
		return fmt.Errorf("start %s: %w", feed.ID, err)
	}
	for _, rep := range reps {
		o := e.options(workflows.RepID(e.org, rep), "keeps "+rep+"'s mailbox and the CRM in step")
		if _, err := e.temporal.ExecuteWorkflow(ctx, o, workflows.RepSync, workflows.RepInput{Org: e.org, Rep: rep}); err != nil {
			return fmt.Errorf("start %s: %w", o.ID, err)
		}
	}
	return nil
}

func (e engine) options(id, summary string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue, StaticSummary: summary,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING}
}

// pass asks every rep for a pass, all at once, and returns when each has ended one that began after the wish: the update
// "sync" answers then. The statuses are those after it, by rep.
func (e engine) pass(ctx context.Context, reps []string) (map[string]workflows.Status, error) {
	answers := make([]workflows.Status, len(reps))
	group, gctx := errgroup.WithContext(ctx)
	for i, rep := range reps {
		group.Go(func() error {
			id := workflows.RepID(e.org, rep)
			handle, err := e.temporal.UpdateWorkflow(gctx, client.UpdateWorkflowOptions{
				WorkflowID: id, UpdateName: workflows.UpdateSync, WaitForStage: client.WorkflowUpdateStageCompleted})
			if err == nil {
				err = handle.Get(gctx, &answers[i])
			}
			if err != nil {
				return fmt.Errorf("ask %s for a pass: %w", id, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return byRep(reps, answers), nil
}

// status asks each rep's workflow where it stands.
func (e engine) status(ctx context.Context, reps []string) (map[string]workflows.Status, error) {
	answers := make([]workflows.Status, len(reps))
	for i, rep := range reps {
		id := workflows.RepID(e.org, rep)
		answer, err := e.temporal.QueryWorkflow(ctx, id, "", workflows.QueryStatus)
		if err == nil {
			err = answer.Get(&answers[i])
		}
		if err != nil {
			return nil, fmt.Errorf("ask %s for its status: %w", id, err)
		}
	}
	return byRep(reps, answers), nil
}

func byRep(reps []string, answers []workflows.Status) map[string]workflows.Status {
	m := make(map[string]workflows.Status, len(reps))
	for i, rep := range reps {
		m[rep] = answers[i]
	}
	return m
}
