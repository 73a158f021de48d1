package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/workflows"
)

// How long a verb waits for a pass to end, and when it says that it waits.
const (
	passPatience = 10 * time.Minute
	quiet        = 5 * time.Second
)

func (a *app) syncCommand() *cobra.Command {
	return a.repFlag(&cobra.Command{
		Use: "sync", Short: "sync a rep now and show what the pass did",
		Long:    "Polls the CRM, runs a pass and waits for its end. Exit code 1 when the pass ended in trouble, 5 when a guard holds it.",
		Example: "  starter sync --org acme --rep alice", Args: flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.update(cmd.Context(), workflows.UpdateSync)
		},
	})
}

func (a *app) releaseCommand() *cobra.Command {
	var digest string
	cmd := a.repFlag(&cobra.Command{
		Use: "release", Short: "let a held pass go on",
		Long:    "A guard held the rep's pass because it would delete, overwrite or create more than the policy allows. `starter rep status` shows what it would do and its digest. Only that very plan is released: when something changed meanwhile there is another plan with another digest.",
		Example: "  starter release --org acme --rep alice --digest 3f0a11c2d4e5f607", Args: flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.update(cmd.Context(), workflows.UpdateRelease, workflows.ReleaseSignal{Digest: digest})
		},
	})
	cmd.Flags().StringVar(&digest, "digest", "", "the digest of the held plan")
	_ = cmd.MarkFlagRequired("digest")
	return cmd
}

// update asks the rep's workflow for a pass and prints the status after it.
func (a *app) update(ctx context.Context, name string, args ...any) error {
	l, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	r, err := a.theRep(ctx, l)
	if err != nil {
		return err
	}
	st := stateOf(r)
	if err := a.ask(ctx, l, &st); err != nil {
		return err
	}
	see := fmt.Sprintf("See `starter rep status --org %s --rep %s`.", a.org, a.rep)
	switch st.State { // better now than after minutes of waiting
	case stateNotRunning:
		return fail(exitRefused, fmt.Sprintf("Start it with `starter rep start --org %s --rep %s`.", a.org, a.rep), "rep %s does not run", a.rep)
	case stateNoWorker:
		return fail(exitUnreachable, "Start one (bin/worker), or look at the log of the one that runs.", "no worker answers for rep %s", a.rep)
	case stateStuck:
		return fail(exitFailed, see, "the workflow of rep %s is stuck", a.rep)
	}
	status, err := a.passEnds(ctx, l, name, args)
	var refused *temporal.ApplicationError
	switch {
	case errors.As(err, &refused):
		return fail(exitRefused, a.remedyFor(refused, see), "%s", refused.Message())
	case errors.Is(err, errPatience):
		return fail(exitFailed, "It goes on by itself. "+see, "the pass has not ended within %s", passPatience)
	case err != nil:
		return a.notRunning(l, err)
	}
	st.Status, st.State = &status, string(status.State)
	if err := a.print(st, func(w io.Writer) { printStatus(w, a.org, st) }); err != nil {
		return err
	}
	return a.verdictOn(status, see)
}

var errPatience = errors.New("waited long enough")

// passEnds sends the update and waits for its answer.
func (a *app) passEnds(ctx context.Context, l *link, name string, args []any) (status workflows.Status, err error) {
	a.onInterrupt = "The pass goes on by itself."
	waiting := time.AfterFunc(quiet, func() { a.warn("waiting for the pass to end; Ctrl-C ends the waiting, not the pass") })
	defer waiting.Stop()
	ctx, cancel := context.WithTimeoutCause(ctx, passPatience, errPatience)
	defer cancel()
	h, err := l.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflows.RepID(a.org, a.rep), UpdateName: name, Args: args, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = h.Get(ctx, &status)
	}
	if err != nil && errors.Is(context.Cause(ctx), errPatience) {
		err = errPatience
	}
	return status, err
}

// remedyFor says what to do about an update that the workflow refused.
func (a *app) remedyFor(refused *temporal.ApplicationError, see string) string {
	if refused.Type() == "paused" {
		return fmt.Sprintf("`starter rep resume --org %s --rep %s`", a.org, a.rep)
	}
	return see
}

// verdictOn turns how the pass ended into an exit code. Waiting passes by itself and is no failure.
func (a *app) verdictOn(s workflows.Status, see string) error {
	switch {
	case s.Trouble != nil && s.Trouble.Class != activities.ClassWaiting:
		return fail(exitFailed, s.Trouble.Remedy, "the pass ended in trouble: %s (%s)", s.Trouble.Code, s.Trouble.Class)
	case s.Held != nil:
		return fail(exitRefused, see, "a guard holds the pass: nothing of it was written")
	}
	return nil
}
