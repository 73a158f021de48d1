package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/workflows"
)

func (a *app) undoCommand() *cobra.Command {
	var since string
	var dry bool
	cmd := a.repFlag(&cobra.Command{
		Use: "undo", Short: "put back what passes changed",
		Long: "Puts back what passes have written for a rep since a time, item by item and field by field, on both sides. What a person has edited since is left alone and listed. What was put back is pinned, so that no pass does it again; an edit flows as usual. A worker does it, under the mailbox's lease. To look first: --dry-run. Exit code 1 when something was left or the undo ended in trouble. See docs/undo.md.",
		Example: `  starter undo --org acme --rep alice --since 2h --dry-run
  starter undo --org acme --rep alice --since 2026-11-22T08:00:00Z`, Args: flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from, err := sinceOf(since, time.Now())
			if err != nil {
				return err
			}
			return a.undo(cmd.Context(), workflows.UndoInput{Org: a.org, Rep: a.rep, Since: from, DryRun: dry})
		},
	})
	cmd.Flags().StringVar(&since, "since", "", "from when on: a time such as 2026-11-22T08:00:00Z, or how long ago, such as 2h")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "tell what would be put back, and change nothing")
	_ = cmd.MarkFlagRequired("since")
	return cmd
}

// sinceOf reads --since: an RFC 3339 time, or a duration before now.
func sinceOf(text string, now time.Time) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if ago, bad := time.ParseDuration(text); bad == nil && ago > 0 {
		at, err = now.Add(-ago), nil
	}
	switch {
	case err != nil:
		return at, fail(exitUsage, "Give a time such as 2026-11-22T08:00:00Z, or how long ago, such as 2h or 90m.", "--since %q is neither a time nor a length of time", text)
	case at.After(now):
		return at, fail(exitUsage, "Give a time that has passed.", "--since %s lies ahead", text)
	}
	return at.UTC(), nil
}

// undo starts the rep's Undo and waits for its report.
func (a *app) undo(ctx context.Context, in workflows.UndoInput) error {
	l, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	if _, err := a.theRep(ctx, l); err != nil {
		return err
	}
	if !l.worked(ctx) { // better now than after minutes of waiting
		return fail(exitUnreachable, "Start one (bin/worker), or look at the log of the one that runs.", "no worker asks for work, and a worker has to do it; nothing was started")
	}
	id := workflows.UndoID(a.org, a.rep)
	run, err := l.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.TaskQueue, WorkflowExecutionErrorWhenAlreadyStarted: true,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		StaticSummary:            fmt.Sprintf("puts back what was written for %s of %s since %s", in.Rep, in.Org, in.Since.Format(time.RFC3339)),
	}, workflows.Undo, in)
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	switch {
	case errors.As(err, &already):
		return fail(exitRefused, fmt.Sprintf("Wait for it with `temporal workflow result --workflow-id %s`, or end it with `temporal workflow cancel --workflow-id %s`.", id, id),
			"an undo of rep %s runs already", a.rep)
	case err != nil:
		return l.temporalFailure(err)
	}
	var out activities.UndoOut
	switch err := a.undoEnds(ctx, run, &out); {
	case errors.Is(err, errPatience):
		return fail(exitFailed, fmt.Sprintf("It goes on by itself; `temporal workflow result --workflow-id %s` waits for the report.", id), "the undo has not ended within %s", passPatience)
	case temporal.IsCanceledError(err):
		return fail(exitFailed, "What it has put back stays so. The same command goes on with the rest.", "the undo was cancelled")
	case err != nil:
		return l.temporalFailure(err)
	}
	if err := a.print(out, func(w io.Writer) { printUndo(w, out, in.DryRun) }); err != nil {
		return err
	}
	switch {
	case out.Trouble != nil:
		return fail(exitFailed, out.Trouble.Remedy+" The same command goes on where this one stopped.", "the undo ended in trouble: %s (%s)", out.Trouble.Code, out.Trouble.Class)
	case out.Left.Count > 0:
		return fail(exitFailed, "Each line says why. See docs/undo.md.", "not all of it %s put back: %s left", map[bool]string{true: "can be", false: "was"}[in.DryRun], count(out.Left.Count, "item"))
	}
	return nil
}

// undoEnds waits for the report.
func (a *app) undoEnds(ctx context.Context, run client.WorkflowRun, out *activities.UndoOut) error {
	a.onInterrupt = "The undo goes on by itself."
	waiting := time.AfterFunc(quiet, func() { a.warn("waiting for the undo to end; Ctrl-C ends the waiting, not the undo") })
	defer waiting.Stop()
	ctx, cancel := context.WithTimeoutCause(ctx, passPatience, errPatience)
	defer cancel()
	err := run.Get(ctx, out)
	if err != nil && errors.Is(context.Cause(ctx), errPatience) {
		return errPatience
	}
	return err
}

// printUndo prints the report for people.
func printUndo(w io.Writer, out activities.UndoOut, dry bool) {
	if out.PutBack.Count+out.Left.Count == 0 && out.Trouble == nil {
		fmt.Fprintln(w, "nothing to put back")
		return
	}
	done := "put back"
	if dry {
		done = "would be put back"
	}
	printUndoList(w, done, out.PutBack, func(l activities.UndoLine) string {
		return strings.TrimSpace(undoVerbs[string(l.Verb)] + " " + strings.Join(l.Fields, ", "))
	})
	printUndoList(w, "left as it is", out.Left, func(l activities.UndoLine) string {
		text := string(l.Reason)
		if len(l.Fields) > 0 {
			text += " (" + strings.Join(l.Fields, ", ") + ")"
		}
		if l.Code != "" {
			text += " [" + l.Code + "]"
		}
		return text + "\n    " + activities.ExplainUndo(l.Reason)
	})
	printUndoList(w, "pinned", out.Pinned, func(l activities.UndoLine) string {
		if l.Reason == planner.ReasonTombstoned {
			return "not created again"
		}
		return string(l.Reason)
	})
}

// undoVerbs tell what an undo did by what it wrote.
var undoVerbs = map[string]string{"create": "restored", "update": "values put back:", "delete": "removed again"}

func printUndoList(w io.Writer, name string, list activities.UndoList, tell func(activities.UndoLine) string) {
	fmt.Fprintf(w, "%s: %d\n", name, list.Count)
	for _, l := range list.Lines {
		item := l.Item
		if item == "" {
			item = "link " + l.Link
		}
		fmt.Fprintf(w, "  %s %s in the %s: %s\n", l.Kind, item, l.Side, tell(l))
	}
	if more := list.Count - len(list.Lines); more > 0 {
		fmt.Fprintf(w, "  and %d more: see `starter journal list`\n", more)
	}
}
