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

	"github.com/repsync/repsync/workflows"
)

func (a *app) syncCommand() *cobra.Command {
	return a.repFlag(&cobra.Command{
		Use: "sync", Short: "sync a rep now and show what the pass did",
		Example: "  starter sync --org acme --rep alice", Args: cobra.NoArgs,
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
		Example: "  starter release --org acme --rep alice --digest 3f0a11c2d4e5f607", Args: cobra.NoArgs,
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
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	h, err := l.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflows.RepID(a.org, a.rep), UpdateName: name, Args: args, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	var status workflows.Status
	if err == nil {
		err = h.Get(ctx, &status)
	}
	var refused *temporal.ApplicationError
	switch {
	case errors.As(err, &refused):
		return fail(exitRefused, fmt.Sprintf("See `starter rep status --org %s --rep %s`.", a.org, a.rep), "%s", refused.Message())
	case ctx.Err() != nil:
		return fail(exitUnreachable, "It goes on by itself: see `starter rep status`. Check that a worker runs.", "the pass has not ended yet")
	case err != nil:
		return a.notRunning(err)
	}
	st := repState{Rep: r.Rep, Mailbox: r.Mailbox, CRMUser: r.CRMUser, Profile: r.Profile, Running: true, Status: &status}
	return a.print(st, func(w io.Writer) { printStatus(w, a.org, st) })
}
