package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/repsync/repsync/internal/store"
)

// eraseLease is how long a rep's lease lasts while its rows are destroyed, unless they are sooner.
const eraseLease = 2 * time.Minute

func (a *app) eraseCommand() *cobra.Command {
	var email string
	var dryRun bool
	var wait time.Duration
	cmd := a.orgFlag(&cobra.Command{
		Use: "erase", Short: "destroy a person's values in everything that Repsync keeps",
		Long: "Opens everything that is stored for the org and destroys the values of every item on which the address occurs, for all reps, also of events that the person attends. The journal keeps its lines and its chain, without their values. " +
			"The items in the CRM and in the mailboxes are not touched: delete the person there first, and let the reps sync, or the next pass copies the person again. Nothing brings the values back but a backup. docs/erase.md says what goes and what stays.",
		Example: "  starter erase --org acme --email jane@example.com --dry-run\n  starter erase --org acme --email jane@example.com", Args: flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if m, err := mail.ParseAddress(email); err != nil || m.Address != email {
				return fail(exitUsage, "Give the bare address, such as jane@example.com.", "--email %q is no email address", email)
			}
			return a.erase(cmd.Context(), email, store.EraseOptions{DryRun: dryRun, Wait: wait, Lease: eraseLease})
		},
	})
	cmd.Flags().StringVar(&email, "email", "", "the person's email address")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be destroyed, and change nothing")
	cmd.Flags().DurationVar(&wait, "wait", 2*time.Minute, "how long to wait for a rep whose pass is at work")
	_ = cmd.MarkFlagRequired("email")
	return cmd
}

// erased is what `erase` prints.
type erased struct {
	Org    string       `json:"org"`
	DryRun bool         `json:"dry_run"`
	Items  []erasedItem `json:"items"`
	Counts struct {
		Keys    int `json:"journal_keys"`
		Intents int `json:"intents"`
		Planned int `json:"planned_writes"`
		Staged  int `json:"staged"`
		Feed    int `json:"feed_rows"`
		Words   int `json:"parked_words"`
		Ranks   int `json:"ranks"`
	} `json:"destroyed"`
	Reread   []string       `json:"reps_that_read_again"`
	Open     []openWrite    `json:"open_writes"`
	Policies []erasedPolicy `json:"policies"`
	Damaged  int            `json:"unreadable"`
	Again    bool           `json:"stored_again"`
}

type erasedItem struct {
	Rep     string `json:"rep,omitempty"`
	Kind    string `json:"kind"`
	CRM     string `json:"crm_item,omitempty"`
	Mailbox string `json:"mailbox_item,omitempty"`
	Link    string `json:"link,omitempty"`
}

type openWrite struct {
	Rep    string `json:"rep"`
	Intent string `json:"intent"`
}

type erasedPolicy struct {
	Policy   string `json:"policy"`
	Revision int64  `json:"revision"`
}

func erasedOf(org string, dryRun bool, e store.Erased) erased {
	out := erased{Org: org, DryRun: dryRun, Items: []erasedItem{}, Reread: append([]string{}, e.Reread...), Open: []openWrite{}, Policies: []erasedPolicy{}, Damaged: e.Damaged, Again: e.Again}
	for _, it := range e.Items {
		out.Items = append(out.Items, erasedItem{it.Rep, string(it.Kind), it.CRM, it.Mailbox, it.Link})
	}
	for _, o := range e.Open {
		out.Open = append(out.Open, openWrite{o.Rep, o.ID})
	}
	for _, p := range e.Policies {
		out.Policies = append(out.Policies, erasedPolicy{p.Name, p.Revision})
	}
	c := &out.Counts
	c.Keys, c.Intents, c.Planned, c.Staged, c.Feed, c.Words, c.Ranks = e.Keys, e.Intents, e.Planned, e.Staged, e.Feed, e.Words, e.Ranks
	return out
}

func (a *app) erase(ctx context.Context, email string, opts store.EraseOptions) error {
	l, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	opts.Holder = fmt.Sprintf("erase/%d/%d", os.Getpid(), time.Now().UnixNano())
	if !opts.DryRun {
		a.onInterrupt = "What was destroyed until then is gone; the same command does the rest."
	}
	got, err := l.store.Erase(ctx, a.org, email, opts)
	if errors.Is(err, store.ErrOwnMailbox) {
		return fail(exitRefused, "Every meeting of a rep names the rep. Give the rep another mailbox, or end its sync first; docs/erase.md says how.", "the address is the mailbox of a rep of org %s", a.org)
	}
	out := erasedOf(a.org, opts.DryRun, got)
	if perr := a.print(out, out.text); perr != nil {
		return perr
	}
	var held store.ErrLeaseHeld
	switch {
	case errors.As(err, &held), errors.Is(err, store.ErrLeaseLost):
		return fail(exitFailed, "What was destroyed is gone. The same command does the rest once the pass has ended; --wait waits longer.", "a rep's pass is at work: %s", err)
	case err != nil:
		return storeFailure(err)
	case len(got.Open) > 0:
		return fail(exitFailed, fmt.Sprintf("Let them be resolved (`starter sync --org %s --rep %s`), then erase again.", a.org, got.Open[0].Rep), "%s in doubt still have values of the person", count(len(got.Open), "write"))
	case got.Damaged > 0:
		return fail(exitFailed, "Erase again with the keyring that sealed them; `starter doctor` lists them.", "%s not open under this keyring, and may have values of the person", boxes(got.Damaged))
	case got.Again:
		return fail(exitFailed, "Delete the person in the CRM and in the mailboxes, let the reps sync, then erase again.", "passes store the person again as fast as the values are destroyed")
	}
	return nil
}

func boxes(n int) string {
	if n == 1 {
		return "1 sealed value does"
	}
	return fmt.Sprintf("%d sealed values do", n)
}

// text prints it for people.
func (e erased) text(w io.Writer) {
	done := "destroyed"
	if e.DryRun {
		done = "would be destroyed"
	}
	c := e.Counts
	some := false
	for _, part := range []struct {
		n    int
		what string
	}{
		{c.Keys, "the values of all journal lines on an item"}, {c.Intents, "before-image or values of a past write"}, {c.Planned, "planned write"},
		{c.Staged, "staged observation"}, {c.Feed, "row of the CRM feed"}, {c.Words, "vendor's message on a parked item"}, {c.Ranks, "rank under a limit"},
	} {
		if part.n > 0 {
			some = true
			fmt.Fprintf(w, "%s: %d × %s\n", done, part.n, part.what)
		}
	}
	if !some {
		fmt.Fprintln(w, "nothing is kept that could be destroyed: no value of an item with that address")
	}
	for _, it := range e.Items {
		whose := "the org's feed"
		if it.Rep != "" {
			whose = "rep " + it.Rep
		}
		fmt.Fprintf(w, "  %s of %s: CRM %s, mailbox %s\n", it.Kind, whose, dash(it.CRM), dash(it.Mailbox))
	}
	if len(e.Reread) > 0 {
		fmt.Fprintf(w, "the next pass reads everything again, of %s\n", strings.Join(e.Reread, ", "))
	}
	for _, p := range e.Policies {
		fmt.Fprintf(w, "policy %s names the address in revision %d: revisions are kept as they were applied\n", p.Policy, p.Revision)
	}
	if some {
		fmt.Fprintln(w, "The items in the CRM and in the mailboxes were not touched. Whoever is still there is copied again by the next pass: delete the person there too.")
		fmt.Fprintln(w, "Backups and archives with values still have what was in them.")
	}
}
