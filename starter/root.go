package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes, documented in the help of the root command.
const (
	exitOK          = 0
	exitFailed      = 1 // it was tried and did not work out; also: the demo's verifier disagrees
	exitUsage       = 2 // the command line is wrong
	exitNotFound    = 3 // no such org, rep, policy, plan or item
	exitUnreachable = 4 // Postgres, Temporal or a vendor does not answer
	exitRefused     = 5 // what was asked for is not allowed: an invalid policy, another plan is held, the rep runs already
)

// failure is an error with an exit code and what to do about it.
type failure struct {
	code   int
	text   string
	remedy string
}

func (f *failure) Error() string {
	if f.remedy == "" {
		return f.text
	}
	return f.text + "\n" + f.remedy
}

func fail(code int, remedy, format string, args ...any) error {
	return &failure{code: code, text: fmt.Sprintf(format, args...), remedy: remedy}
}

// run is main without the process.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	root := newRoot(out)
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{code: exitFailed, text: err.Error()}
		if isUsage(err) {
			f = &failure{code: exitUsage, text: err.Error(), remedy: "Run it with --help to see how it is used."}
		}
	}
	fmt.Fprintln(errs, "starter:", f.Error())
	return f.code
}

// isUsage tells cobra's own complaints from ours; it has no type for them.
func isUsage(err error) bool {
	for _, start := range []string{"unknown command", "unknown flag", "unknown shorthand", "required flag", "accepts ", "flag needs", "invalid argument", "requires at least", "if any flags"} {
		if strings.HasPrefix(err.Error(), start) {
			return true
		}
	}
	return false
}

// app is what every verb shares.
type app struct {
	out  io.Writer
	json bool
	org  string
	rep  string
}

func newRoot(out io.Writer) *cobra.Command {
	a := &app{out: out}
	root := &cobra.Command{
		Use:   "starter",
		Short: "Repsync's command line for admins and operators",
		Long: `Repsync keeps Salesforce and each rep's mailbox in step.

starter finds Postgres, the keyring, the configuration and Temporal through DATABASE_URL, REPSYNC_KEYRING,
REPSYNC_CONFIG and TEMPORAL_*, or through the development stack that runs in the current directory (make dev).

Exit codes: 0 done, 1 it did not work out, 2 wrong command line, 3 no such org, rep, policy, plan or item,
4 Postgres, Temporal or a vendor does not answer, 5 refused (an invalid policy, another plan, a rep that runs already).`,
		Example: `  starter rep add --org acme --rep alice --mailbox alice@acme.test
  starter policy apply --org acme -f examples/policies/recommended.yaml
  starter rep start --org acme --rep alice
  starter rep status --org acme --rep alice
  starter explain --org acme --rep alice --item 003AB0000012345AAA`,
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(a.orgCommand(), a.repCommand(), a.policyCommand(), a.syncCommand(), a.releaseCommand(), a.explainCommand(),
		a.parkedCommand(), a.journalCommand(), a.envCommand(), a.demoCommand(), a.devCommand())
	return root
}

// orgFlag and repFlag add the flags that most verbs need.
func (a *app) orgFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&a.org, "org", "", "the org's name in repsync.yaml")
	_ = cmd.MarkFlagRequired("org")
	return cmd
}

func (a *app) repFlag(cmd *cobra.Command) *cobra.Command {
	a.orgFlag(cmd)
	cmd.Flags().StringVar(&a.rep, "rep", "", "the rep's name")
	_ = cmd.MarkFlagRequired("rep")
	return cmd
}

// group is a command that only holds others; a word that it does not know is an error, not a page of help.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(subs...)
	return cmd
}
