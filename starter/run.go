package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/workflows"
)

// stopPatience is how long `rep stop` waits for the batch in flight to be settled.
const stopPatience = time.Minute

func (a *app) repStart(ctx context.Context) error {
	l, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	rep, err := a.theRep(ctx, l)
	if err != nil {
		return err
	}
	if !rep.Active {
		rep.Active = true
		if err := l.store.UpdateRep(ctx, rep); err != nil {
			return storeFailure(err)
		}
	}
	_, err = l.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.RepID(a.org, a.rep), TaskQueue: workflows.TaskQueue, WorkflowExecutionErrorWhenAlreadyStarted: true,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		StaticSummary:            fmt.Sprintf("keeps %s's mailbox and the CRM of %s in step", a.rep, a.org),
	}, workflows.RepSync, workflows.RepInput{Org: a.org, Rep: a.rep})
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &already) {
		return fail(exitRefused, fmt.Sprintf("See `starter rep status --org %s --rep %s`; for a pass now: `starter sync --org %s --rep %s`.", a.org, a.rep, a.org, a.rep),
			"rep %s runs already; nothing was changed", a.rep)
	}
	if err != nil {
		return l.temporalFailure(err)
	}
	if !l.worked(ctx) {
		a.warn(noWorker)
	}
	return a.said("started", workflows.RepID(a.org, a.rep))
}

// repStop cancels the workflow, waits for its end and keeps the rep stopped until the next `rep start`.
func (a *app) repStop(ctx context.Context) error {
	l, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	rep, err := a.theRep(ctx, l)
	if err != nil {
		return err
	}
	id := workflows.RepID(a.org, a.rep)
	st := stateOf(rep)
	if _, err := a.look(ctx, l, &st); err != nil {
		return err
	}
	if !st.Running {
		return a.stopEnded(ctx, l, rep, st)
	}
	if err := l.temporal.CancelWorkflow(ctx, id, ""); err != nil {
		return a.notRunning(l, err)
	}
	a.onInterrupt = "It stops by itself once the batch in flight is settled."
	again := fmt.Sprintf("It stops by itself; then `starter rep stop --org %s --rep %s` again notes it.", a.org, a.rep)
	if !l.worked(ctx) {
		return fail(exitUnreachable, "It stops as soon as a worker runs (bin/worker).", "rep %s was asked to stop, and no worker runs to do it", a.rep)
	}
	waiting := time.AfterFunc(quiet, func() { a.warn("waiting for the batch in flight to be settled") })
	defer waiting.Stop()
	wait, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	_ = l.temporal.GetWorkflow(wait, id, "").Get(wait, nil) // it ends as cancelled, which is an error and what was wanted
	if wait.Err() != nil {
		return fail(exitFailed, again, "rep %s has not stopped within %s: the batch in flight is being settled, or no worker answers", a.rep, stopPatience)
	}
	return a.noteStopped(ctx, l, rep)
}

// stopEnded is a stop of a rep whose workflow does not run. Where a run was cancelled and nobody noted it, it is noted now.
func (a *app) stopEnded(ctx context.Context, l *link, rep store.Rep, st repState) error {
	if rep.Active && st.Ended != "" {
		return a.noteStopped(ctx, l, rep)
	}
	return fail(exitRefused, fmt.Sprintf("There is nothing to stop. See `starter rep list --org %s`.", a.org), "rep %s does not run", a.rep)
}

func (a *app) noteStopped(ctx context.Context, l *link, rep store.Rep) error {
	rep.Active = false
	if err := l.store.UpdateRep(ctx, rep); err != nil {
		return storeFailure(err)
	}
	return a.said("stopped", workflows.RepID(a.org, a.rep))
}

// signal sends a signal to the rep's workflow.
func (a *app) signal(ctx context.Context, name string, payload any, said string) error {
	l, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	if _, err := a.theRep(ctx, l); err != nil {
		return err
	}
	id := workflows.RepID(a.org, a.rep)
	if err := l.temporal.SignalWorkflow(ctx, id, "", name, payload); err != nil {
		return a.notRunning(l, err)
	}
	if !l.worked(ctx) {
		a.warn(noWorker)
	}
	return a.said(said, id)
}

func (a *app) said(what, id string) error {
	return a.print(map[string]string{"result": what, "workflow_id": id}, func(w io.Writer) { fmt.Fprintf(w, "%s: %s\n", id, what) })
}
