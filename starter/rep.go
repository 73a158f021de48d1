package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/workflows"
)

func (a *app) repCommand() *cobra.Command {
	var mailbox, user string
	add := a.repFlag(&cobra.Command{
		Use: "add", Short: "add a rep: a CRM user whose mailbox syncs",
		Long: "Adds a rep, or changes the mailbox or CRM user of one that is there. By default the CRM user is the active one with the mailbox's address. " +
			"The name is yours to choose: lower-case letters, digits, dots, underscores and hyphens; it becomes a part of the workflow's id.",
		Example: "  starter rep add --org acme --rep alice --mailbox alice@acme.test\n  starter rep add --org acme --rep bob --mailbox bob@acme.test --crm-user 005AB000001234AAAA",
		Args:    flagsOnly,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.repAdd(cmd.Context(), mailbox, user) },
	})
	add.Flags().StringVar(&mailbox, "mailbox", "", "the mailbox's address")
	add.Flags().StringVar(&user, "crm-user", "", "the CRM user's id")
	_ = add.MarkFlagRequired("mailbox")
	verb := func(use, short string, do func(context.Context) error) *cobra.Command {
		return a.repFlag(&cobra.Command{Use: use, Short: short, Example: "  starter rep " + use + " --org acme --rep alice", Args: flagsOnly,
			RunE: func(cmd *cobra.Command, _ []string) error { return do(cmd.Context()) }})
	}
	list := a.orgFlag(&cobra.Command{Use: "list", Short: "list an org's reps and how they do", Example: "  starter rep list --org acme", Args: flagsOnly,
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
			return a.print(reps, func(w io.Writer) { printReps(w, a.org, reps) })
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

// repName keeps a rep's name usable inside workflow ids ("rep:<org>:<rep>"), in shells and in Temporal's queries.
var repName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

func checkRepName(name string) error {
	if repName.MatchString(name) {
		return nil
	}
	return fail(exitUsage, "Use lower-case letters, digits, dots, underscores and hyphens, at most 63, such as alice or alice.archer.",
		"%q is no name for a rep: it becomes a part of the workflow's id", name)
}

func (a *app) repAdd(ctx context.Context, mailbox, user string) error {
	if err := checkRepName(a.rep); err != nil {
		return err
	}
	if m, err := mail.ParseAddress(mailbox); err != nil || m.Address != mailbox {
		return fail(exitUsage, "Give the bare address, such as alice@acme.test.", "--mailbox %q is no address of a mailbox", mailbox)
	}
	l, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	u, err := a.crmUser(ctx, l, mailbox, user)
	if err != nil {
		return err
	}
	rep := store.Rep{Org: a.org, Rep: a.rep, Mailbox: mailbox, CRMUser: u.ID, Profile: u.Profile, Active: true}
	verb, err := a.storeRep(ctx, l, rep)
	if err != nil {
		return err
	}
	return a.print(map[string]string{"org": a.org, "rep": a.rep, "mailbox": mailbox, "crm_user": u.ID, "profile": u.Profile, "result": verb}, func(w io.Writer) {
		fmt.Fprintf(w, "%s rep %s: CRM user %s, profile %s\n", verb, a.rep, u.ID, dash(u.Profile))
		if verb == "added" {
			fmt.Fprintf(w, "start it with: starter rep start --org %s --rep %s\n", a.org, a.rep)
		} else {
			fmt.Fprintln(w, "it counts from the rep's next pass on")
		}
	})
}

// crmUser finds the rep's CRM user: by the id given, or by the mailbox's address.
func (a *app) crmUser(ctx context.Context, l *link, mailbox, user string) (connector.User, error) {
	connectors := l.connectors()
	if _, _, err := connectors.Mailbox(a.org, mailbox); err != nil {
		return connector.User{}, fail(exitRefused, "The configuration is "+l.env.ConfigFile+".", "%s", err)
	}
	crm, err := connectors.CRM(a.org)
	if err != nil {
		return connector.User{}, fail(exitRefused, "The configuration is "+l.env.ConfigFile+".", "%s", err)
	}
	ctx, cancel := context.WithTimeout(ctx, vendorPatience)
	defer cancel()
	u, err := crm.User(ctx, cmp.Or(user, mailbox))
	switch {
	case err != nil:
		return u, userFailure(err, mailbox, user)
	case !u.Active:
		return u, fail(exitRefused, "Give the id of an active one, or have it activated in the CRM.", "the CRM user %s is not active", u.ID)
	}
	reps, err := l.store.Reps(ctx, a.org)
	if err != nil {
		return u, storeFailure(err)
	}
	for _, r := range reps {
		if r.CRMUser == u.ID && r.Rep != a.rep {
			return u, fail(exitRefused, "Give another --crm-user, or change that rep: a CRM user syncs with one mailbox.", "the CRM user %s is rep %s's", u.ID, r.Rep)
		}
	}
	return u, nil
}

// userFailure says what to do when the CRM does not tell the user.
func userFailure(err error, mailbox, id string) error {
	const where = "Check login_url and base_url in the configuration, and that the server runs."
	var e *connector.Error
	switch class := connector.ClassOf(err); {
	case class == connector.Park && id != "":
		return fail(exitNotFound, "Give the id of an active user: 15 or 18 characters that begin with 005.", "the CRM has no user %q", id)
	case class == connector.Park && errors.As(err, &e) && e.Code == "user_ambiguous":
		return fail(exitNotFound, "Say which one with --crm-user ID.", "the CRM has several active users with the address %s", mailbox)
	case class == connector.Park:
		return fail(exitNotFound, "Say which user it is with --crm-user ID.", "the CRM has no active user with the address %s", mailbox)
	case class == connector.Reconnect:
		return fail(exitUnreachable, "Check the org's auth under crm in the configuration, with the CRM's admin.", "the CRM refuses our credentials: %s", err)
	case class == connector.Retry, errors.Is(err, context.DeadlineExceeded):
		return fail(exitUnreachable, where, "the CRM does not answer: %s", err)
	}
	return fail(exitUnreachable, where, "the CRM's answer is of no use: %s", err)
}

// storeRep adds the rep, or changes it where it is there and differs.
func (a *app) storeRep(ctx context.Context, l *link, rep store.Rep) (verb string, err error) {
	err = l.store.AddRep(ctx, rep)
	if err == nil {
		return "added", nil
	}
	if !errors.Is(err, store.ErrConflict) {
		return "", storeFailure(err)
	}
	taken := func() error {
		return fail(exitRefused, "See `starter rep list --org "+a.org+"`.", "another rep of org %s has the mailbox %s", a.org, rep.Mailbox)
	}
	old, err := l.store.GetRep(ctx, a.org, a.rep)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "", taken()
	case err != nil:
		return "", storeFailure(err)
	}
	if rep.Active = old.Active; old.Mailbox == rep.Mailbox && old.CRMUser == rep.CRMUser && old.Profile == rep.Profile {
		return "", fail(exitRefused, fmt.Sprintf("Start it with `starter rep start --org %s --rep %s`; to change it, give another --mailbox or --crm-user.", a.org, a.rep),
			"rep %s is there already, just so", a.rep)
	}
	if err := l.store.UpdateRep(ctx, rep); errors.Is(err, store.ErrConflict) {
		return "", taken()
	} else if err != nil {
		return "", storeFailure(err)
	}
	return "changed", nil
}
