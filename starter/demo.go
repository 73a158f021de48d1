package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/repsync/repsync/internal/demo"
	"github.com/repsync/repsync/internal/devstack"
)

func (a *app) demoCommand() *cobra.Command {
	var c demo.Config
	cmd := &cobra.Command{
		Use: "demo", Short: "show a sync end to end, with servers of its own",
		Long:    "Starts Temporal, Postgres, a sandbox of Salesforce and Google and a worker, and tells a story of two reps; or, with --vcf, --csv or --ics, syncs an address book, a Salesforce export and a calendar of yours inside the sandbox. A verifier that shares no code with the engine judges the outcome: exit code 1 when it disagrees.",
		Example: "  starter demo\n  starter demo --once\n  starter demo --vcf contacts.vcf --csv Contact.csv\n  starter demo --ics calendar.ics", Args: flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Out = a.out
			return ended(demo.Run(cmd.Context(), c))
		},
	}
	cmd.Flags().BoolVar(&c.Once, "once", false, "end after the story; without it everything stays up until Ctrl-C")
	cmd.Flags().StringVar(&c.VCF, "vcf", "", "an exported address book (vCard)")
	cmd.Flags().StringVar(&c.CSV, "csv", "", "a Salesforce export of Contact (CSV)")
	cmd.Flags().StringVar(&c.ICS, "ics", "", "an exported calendar (iCalendar)")
	return cmd
}

func (a *app) devCommand() *cobra.Command {
	var c demo.Config
	return &cobra.Command{
		Use: "dev", Short: "run a development stack here until Ctrl-C: Temporal, Postgres, sandbox, worker", Example: "  starter dev", Args: flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Out = a.out
			return ended(demo.Dev(cmd.Context(), c))
		},
	}
}

// ended turns how a demo or a stack ended into an exit code. Ctrl-C is how they are meant to end.
func ended(err error) error {
	var running *devstack.RunningError
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return nil
	case errors.As(err, &running):
		return fail(exitRefused, "Stop it first, or start this one in another directory.", "%s", err)
	default:
		return &failure{code: demo.ExitCode(err), text: fmt.Sprint(err), stands: true}
	}
}
