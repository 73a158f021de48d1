package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/workflows"
)

func (a *app) repCommand() *cobra.Command {
	var mailbox, user string
	add := a.repFlag(&cobra.Command{
		Use: "add", Short: "add a rep: a CRM user whose mailbox syncs",
		Long:    "Adds a rep, or changes the mailbox or CRM user of one that is there. By default the CRM user is the active one with the mailbox's address.",
		Example: "  starter rep add --org acme --rep alice --mailbox alice@acme.test\n  starter rep add --org acme --rep bob --mailbox bob@acme.test --crm-user 005AB000001234AAAA",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.repAdd(cmd.Context(), mailbox, user) },
	})
	add.Flags().StringVar(&mailbox, "mailbox", "", "the mailbox's address")
	add.Flags().StringVar(&user, "crm-user", "", "the CRM user's id")
	_ = add.MarkFlagRequired("mailbox")
	verb := func(use, short string, do func(context.Context) error) *cobra.Command {
		return a.repFlag(&cobra.Command{Use: use, Short: short, Example: "  starter rep " + use + " --org acme --rep alice", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return do(cmd.Context()) }})
	}
	list := a.orgFlag(&cobra.Command{Use: "list", Short: "list an org's reps and how they do", Example: "  starter rep list --org acme", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			defer l.Close()
			reps, err := a.repStates(cmd.Context(), l)
			if err != nil {
				return err
			}
			return a.print(reps, func(w io.Writer) { printReps(w, reps) })
		}})
	return group("rep", "add, start, stop and look at reps", add,
		verb("start", "start syncing a rep", a.repStart),
		verb("stop", "stop syncing a rep; the batch in flight is settled, links and tombstones stay", a.repStop),
		verb("pause", "let a rep rest until resume", func(ctx context.Context) error { return a.signal(ctx, workflows.SignalPause, nil, "paused") }),
		verb("resume", "let a paused rep go on; changes of policy made meanwhile apply", func(ctx context.Context) error {
			return a.signal(ctx, workflows.SignalResume, nil, "resumed")
		}),
		verb("status", "show a rep's state, its last pass and what waits", a.repStatus),
		list)
}

func (a *app) repAdd(ctx context.Context, mailbox, user string) error {
	l, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	connectors := config.NewConnectors(l.config)
	if _, _, err := connectors.Mailbox(a.org, mailbox); err != nil {
		return fail(exitRefused, "", "%s", err)
	}
	crm, err := connectors.CRM(a.org)
	if err != nil {
		return fail(exitRefused, "", "%s", err)
	}
	who := user
	if who == "" {
		who = mailbox
	}
	u, err := crm.User(ctx, who)
	if err != nil {
		return userFailure(err, who)
	}
	rep := store.Rep{Org: a.org, Rep: a.rep, Mailbox: mailbox, CRMUser: u.ID, Profile: u.Profile, Active: true}
	verb := "added"
	if err = l.store.AddRep(ctx, rep); errors.Is(err, store.ErrConflict) {
		old, getErr := l.store.GetRep(ctx, a.org, a.rep)
		if getErr != nil {
			return fail(exitRefused, "See `starter rep list --org "+a.org+"`.", "another rep of org %s has that mailbox", a.org)
		}
		if rep.Active = old.Active; old.Mailbox == rep.Mailbox && old.CRMUser == rep.CRMUser && old.Profile == rep.Profile {
			return fail(exitRefused, "", "rep %s is there already, with that mailbox", a.rep)
		}
		verb, err = "changed", l.store.UpdateRep(ctx, rep)
	}
	if err != nil {
		return storeFailure(err)
	}
	return a.print(map[string]string{"org": a.org, "rep": a.rep, "crm_user": u.ID, "profile": u.Profile, "result": verb}, func(w io.Writer) {
		fmt.Fprintf(w, "%s rep %s: CRM user %s, profile %s\nstart it with: starter rep start --org %s --rep %s\n", verb, a.rep, u.ID, dash(u.Profile), a.org, a.rep)
	})
}

func userFailure(err error, who string) error {
	switch connector.ClassOf(err) {
	case connector.Park:
		return fail(exitNotFound, "Give the CRM user's id with --crm-user.", "the CRM has no single active user %q", who)
	case connector.Reconnect:
		return fail(exitRefused, "Check the org's auth in the configuration.", "the CRM refuses the credentials: %s", err)
	default:
		return fail(exitUnreachable, "Check base_url and login_url in the configuration and that the server runs.", "the CRM does not answer: %s", err)
	}
}

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
		return fail(exitRefused, fmt.Sprintf("See `starter rep status --org %s --rep %s`.", a.org, a.rep), "rep %s runs already; nothing was changed", a.rep)
	}
	if err != nil {
		return fail(exitUnreachable, "Check TEMPORAL_ADDRESS and that the server runs.", "Temporal did not start the workflow: %s", err)
	}
	return a.said("started", workflows.RepID(a.org, a.rep))
}

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
	if err := l.temporal.CancelWorkflow(ctx, id, ""); err != nil {
		return a.notRunning(err)
	}
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_ = l.temporal.GetWorkflow(wait, id, "").Get(wait, nil) // it ends as cancelled, which is an error and what was wanted
	if wait.Err() != nil {
		return a.said("stopping: the batch in flight is being settled", id)
	}
	rep.Active = false
	if err := l.store.UpdateRep(ctx, rep); err != nil {
		return storeFailure(err)
	}
	return a.said("stopped", id)
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
		return a.notRunning(err)
	}
	return a.said(said, id)
}

func (a *app) notRunning(err error) error {
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) {
		return fail(exitNotFound, fmt.Sprintf("Start it with `starter rep start --org %s --rep %s`.", a.org, a.rep), "rep %s does not run", a.rep)
	}
	return fail(exitUnreachable, "Check TEMPORAL_ADDRESS and that the server and a worker run.", "Temporal did not do it: %s", err)
}

func (a *app) said(what, id string) error {
	return a.print(map[string]string{"result": what, "workflow_id": id}, func(w io.Writer) { fmt.Fprintf(w, "%s: %s\n", id, what) })
}
