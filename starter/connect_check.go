package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/connect"
	"github.com/repsync/repsync/internal/connector"
)

func (a *app) connectCommand() *cobra.Command {
	var mailbox string
	check := a.orgFlag(&cobra.Command{
		Use: "check", Short: "look step by step whether an org is connected, and say what is missing",
		Long: "Looks, in the order of docs/connect.md, at the configuration and its credentials, at what Salesforce opens to the integration user, " +
			"and at what Google Workspace lets the service account do, and says of each step whether it is in order, exactly what is missing, and where to click or what to run. " +
			"A step that builds upon another that is not in order is not tried. It writes nothing to either vendor, and needs neither Postgres nor Temporal (--rep needs Postgres, to look the rep up).\n\n" +
			"Exit code 0: nothing is missing, though there may be warnings; 1: something is missing in the configuration; 4: a vendor does not answer, refuses the credentials, or something is missing there.",
		Example: "  starter connect check --org acme\n  starter connect check --org acme --mailbox alice@acme.com\n  starter connect check --org acme --rep alice --json", Args: flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.connectCheck(cmd.Context(), mailbox) },
	})
	check.Flags().StringVar(&a.rep, "rep", "", "a rep, whose mailbox and CRM user are looked at")
	check.Flags().StringVar(&mailbox, "mailbox", "", "the address of a mailbox to look at; no rep is needed yet")
	check.MarkFlagsMutuallyExclusive("rep", "mailbox")
	return group("connect", "connect orgs to Salesforce and Google Workspace", check)
}

// connectCheck runs the checks, and prints each step when it is done.
func (a *app) connectCheck(ctx context.Context, mailbox string) error {
	o := connect.Options{Org: a.org, Mailbox: mailbox, User: mailbox}
	if mailbox != "" && strings.Count(mailbox, "@") != 1 {
		return fail(exitUsage, "Write it like alice@acme.com.", "--mailbox %q is no address", mailbox)
	}
	var err error
	if a.rep != "" {
		if o.File, o.Config, o.Mailbox, o.User, err = a.connectedRep(ctx); err != nil {
			return err
		}
	} else {
		if o.File, err = config.File(); err != nil {
			return fail(exitFailed, "", "%s", err)
		}
		if o.Config, err = config.Load(o.File); err != nil {
			return fail(exitFailed, "See docs/connect.md for what it has to say.", "%s", err)
		}
	}
	area := ""
	if !a.json {
		o.Note = func(s connect.Step) {
			if s.Area != area {
				area = s.Area
				fmt.Fprintln(a.out, area)
			}
			printStep(a.out, s)
		}
	}
	report, err := connect.Run(ctx, o)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fail(exitNotFound, fmt.Sprintf("Add it under orgs in %s.", o.File), "%s", err)
	}
	if err := a.print(report, func(w io.Writer) { printSum(w, report) }); err != nil {
		return err
	}
	remedy := "Do what stands under each, and run it again."
	switch {
	case report.Ours():
		return fail(exitFailed, remedy, "%s missing", amount(report.Missing))
	case report.Theirs():
		return fail(exitUnreachable, remedy, "%s missing", amount(report.Missing))
	}
	return nil
}

// connectedRep looks a rep up in Postgres.
func (a *app) connectedRep(ctx context.Context) (file string, c config.Config, mailbox, user string, err error) {
	l, err := a.openStore(ctx)
	if err != nil {
		return "", c, "", "", err
	}
	defer l.Close()
	r, err := a.theRep(ctx, l)
	return l.env.ConfigFile, l.config, r.Mailbox, r.CRMUser, err
}

func amount(n int) string {
	if n == 1 {
		return "1 thing is"
	}
	return fmt.Sprintf("%d things are", n)
}

// standings are how a step's standing is shown.
var standings = map[connector.Standing]string{connector.OK: "ok", connector.Warning: "warning", connector.Lacking: "MISSING", connector.NotTried: "not tried"}

// printStep prints one step: what is in order on one line, what is not with what to do.
func printStep(w io.Writer, s connect.Step) {
	head := fmt.Sprintf("  %2d  %-9s  %s", s.Number, standings[s.Standing], s.Title)
	const indent = "                 "
	if s.Standing == connector.OK || s.Standing == connector.NotTried {
		fmt.Fprintf(w, "%s: %s\n", head, s.Found)
		return
	}
	fmt.Fprintf(w, "%s\n%s%s\n%s→ %s\n", head, indent, s.Found, indent, s.Remedy)
}

func printSum(w io.Writer, r connect.Report) {
	fmt.Fprintf(w, "org %s: %d ok, %s, %d missing, %d not tried; nothing was written\n", r.Org, r.OK, count(r.Warnings, "warning"), r.Missing, r.NotTried)
}
