package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/repsync/repsync/internal/doctor"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/workflows"
)

func (a *app) doctorCommand() *cobra.Command {
	var fix bool
	var patience time.Duration
	cmd := a.orgFlag(&cobra.Command{
		Use: "doctor", Short: "check what is stored against both sides, and mend it",
		Long: "Checks every link, cursor, intent, claim, lease, parked and staged row, verdict and journal line of an org, or of one rep, and reads the items that they name from both vendors by their ids. " +
			"What looks wrong is looked at again after a while, since workers go on meanwhile. It names items by id and shows no values. " +
			"--fix takes the rep's lease and mends what can be mended without a person; it never writes to a vendor: mostly it has the rep's next pass read everything again. " +
			"docs/doctor.md lists the codes. Exit code 0: nothing is wrong, or all of it was fixed; 1: findings; 4: something could not be looked at.",
		Example: "  starter doctor --org acme\n  starter doctor --org acme --rep alice --fix\n  starter doctor --org acme --json", Args: flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.examine(cmd.Context(), fix, patience) },
	})
	cmd.Flags().StringVar(&a.rep, "rep", "", "the rep's name; without it, every rep and what is the org's own")
	cmd.Flags().BoolVar(&fix, "fix", false, "mend what can be mended")
	cmd.Flags().DurationVar(&patience, "patience", 0, "how long to wait before looking again at what the vendors' lists may not show yet (default: as long as the vendors may take, 10m)")
	return cmd
}

func (a *app) examine(ctx context.Context, fix bool, patience time.Duration) error {
	if patience < 0 {
		return fail(exitUsage, "Give a time such as 30s.", "--patience is negative")
	}
	l, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	var mended []string
	a.onInterrupt = "What was mended until now stays; run it again."
	report, err := doctor.Run(ctx, doctor.Config{
		Store: l.store, Ring: l.ring, Connect: l.connectors(), Patience: patience, Keep: l.config.Orgs[a.org].CRM.Feed.Keep,
		Nudge: func(_ context.Context, rep string) { mended = append(mended, rep) },
		Note: func(rep string, n int, d time.Duration) {
			a.warn("rep %s: %s to look at again in %s", rep, count(n, "row"), d)
		},
	}, doctor.Options{Org: a.org, Rep: a.rep, Fix: fix})
	if errors.Is(err, store.ErrNotFound) {
		return fail(exitNotFound, fmt.Sprintf("See `starter rep list --org %s`.", a.org), "there is no rep %q in org %s", a.rep, a.org)
	}
	if err != nil {
		return storeFailure(err)
	}
	a.nudge(ctx, mended)
	if err := a.print(report, func(w io.Writer) { printDoctor(w, report) }); err != nil {
		return err
	}
	return a.diagnosis(report, fix)
}

// diagnosis turns a report into an exit code.
func (a *app) diagnosis(r doctor.Report, fix bool) error {
	switch n := r.Open(); {
	case n > 0 && fix:
		return fail(exitFailed, "What is left needs a person: do what stands under each.", "%s left", count(n, "finding"))
	case n > 0:
		return fail(exitFailed, fmt.Sprintf("`starter doctor --org %s --fix` mends what can be mended; the rest says what to do.", a.org), "%s", count(n, "finding"))
	case len(r.Unchecked) > 0:
		return fail(exitUnreachable, "Run it again once they answer; see `starter org status`.", "not everything could be looked at")
	}
	return nil
}

// nudge tells the workflows of reps that there is work. A rep that does not run, or a Temporal that is not there, keeps
// nothing from being mended: the next pass does it whenever it comes.
func (a *app) nudge(ctx context.Context, reps []string) {
	if len(reps) == 0 {
		return
	}
	l, err := a.open(ctx)
	if err != nil {
		a.warn("warning: Temporal could not be reached; the next pass of each rep does the rest")
		return
	}
	defer l.Close()
	for _, rep := range reps {
		if err := l.temporal.SignalWorkflow(ctx, workflows.RepID(a.org, rep), "", workflows.SignalNudge, nil); err != nil {
			a.warn("rep %s does not run: its next pass does the rest", rep)
		}
	}
}

func printDoctor(w io.Writer, r doctor.Report) {
	c := r.Checked
	fmt.Fprintf(w, "checked %s: %s, %s read from the vendors, %s, %s, %s\n", count(c.Reps, "rep"), count(c.Links, "link"), count(c.Items, "item"),
		count(c.Claims, "claim"), count(c.Intents, "open intent"), count(c.Parked, "parked item"))
	for _, f := range r.Findings {
		state := "cannot be fixed by --fix"
		switch {
		case f.Fixed:
			state = "fixed"
		case f.Fixable:
			state = "--fix mends it"
		}
		fmt.Fprintf(w, "%s [%s]\n  %s\n", finding(f), state, f.Explain)
		if f.Fixable {
			fmt.Fprintf(w, "  --fix %s\n", f.Remedy)
		} else {
			fmt.Fprintf(w, "  %s\n", f.Remedy)
		}
	}
	for _, f := range r.Pending {
		fmt.Fprintf(w, "%s [waits for the rep's next pass, which reads everything again]\n", finding(f))
	}
	for _, u := range r.Unchecked {
		fmt.Fprintf(w, "not checked: %s\n", strings.Join(words(u.Rep, string(u.Kind), string(u.Side), u.Code), " "))
	}
	switch {
	case len(r.Findings)+len(r.Unchecked) > 0:
	case len(r.Pending) > 0:
		fmt.Fprintf(w, "nothing else is wrong; nothing was changed. `starter sync --org %s --rep REP` runs the pass now\n", r.Org)
	default:
		fmt.Fprintln(w, "nothing is wrong; nothing was changed")
	}
}

// finding is a finding in one line: its code and whose it is.
func finding(f doctor.Finding) string {
	parts := words(string(f.Code)+":", f.Rep, string(f.Kind), string(f.Side), f.Item)
	if f.Link != "" {
		parts = append(parts, "(link "+f.Link+")")
	}
	return strings.Join(parts, " ")
}

// words leaves out what is empty.
func words(all ...string) (out []string) {
	for _, word := range all {
		if word != "" {
			out = append(out, word)
		}
	}
	return out
}
