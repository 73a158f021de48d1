package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes, documented in the help of the root command and in docs/cli.md.
const (
	exitOK          = 0
	exitFailed      = 1   // it was tried and did not work out; also: a pass that ended in trouble, a demo whose verifier disagrees
	exitUsage       = 2   // the command line is wrong; nothing was tried
	exitNotFound    = 3   // no such org, rep, policy, item or running stack
	exitUnreachable = 4   // Postgres, Temporal, a worker or a vendor does not answer, or refuses our credentials
	exitRefused     = 5   // not allowed as things are: an invalid policy, another plan is held, the rep runs already or does not run
	exitInterrupted = 130 // Ctrl-C
)

// failure is an error with an exit code and what to do about it.
type failure struct {
	code   int
	text   string
	remedy string
	stands bool // it counts although Ctrl-C came after it
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
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	a := &app{out: out, errs: errs}
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		// A misspelt verb is what is wrong, not the flags that the verb would know.
		if _, rest, _ := root.Find(args); cmd.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
			return wordsOf(cmd, rest[:1])
		}
		return err
	})
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	var f *failure
	switch {
	case ctx.Err() != nil && (!errors.As(err, &f) || !f.stands):
		f = &failure{code: exitInterrupted, text: "interrupted", remedy: a.onInterrupt}
	case errors.As(err, &f):
	case a.running:
		f = &failure{code: exitFailed, text: err.Error()}
	default: // cobra's own complaint: no verb has begun, and not every flag may have been read
		a.json = a.json || slices.Contains(args, "--json")
		f = &failure{code: exitUsage, text: err.Error(), remedy: fmt.Sprintf("See `%s --help`.", cmd.CommandPath())}
	}
	a.complain(f)
	return f.code
}

// complain prints a failure: for people, or as one JSON object where --json was given.
func (a *app) complain(f *failure) {
	if !a.json {
		fmt.Fprintln(a.errs, "starter:", f.Error())
		return
	}
	enc := json.NewEncoder(a.errs)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(struct {
		Error    string `json:"error"`
		Remedy   string `json:"remedy,omitempty"`
		ExitCode int    `json:"exit_code"`
	}{f.text, f.remedy, f.code}); err != nil {
		return // nobody reads the stream: the exit code is what is left
	}
}

// app is what every verb shares.
type app struct {
	out, errs   io.Writer
	json        bool
	org         string
	rep         string
	running     bool   // a verb has begun: from here on an error is no matter of the command line
	onInterrupt string // what Ctrl-C leaves behind, where that is not obvious
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "starter",
		Short: "Repsync's command line for admins and operators",
		Long: `Repsync keeps Salesforce and each rep's mailbox in step.

starter finds Postgres, the keyring, the configuration and Temporal through DATABASE_URL, REPSYNC_KEYRING,
REPSYNC_CONFIG and TEMPORAL_*, or through the development stack that runs in the current directory (make dev).

Exit codes:
    0  done
    1  it was tried and did not work out
    2  the command line is wrong
    3  no such org, rep, policy or item
    4  Postgres, Temporal, a worker or a vendor does not answer, or refuses the credentials
    5  refused as things are: an invalid policy, another plan is held, the rep runs already or does not run
  130  interrupted by Ctrl-C`,
		Example: `  starter rep add --org acme --rep alice --mailbox alice@acme.test
  starter policy apply --org acme -f examples/policies/recommended.yaml
  starter rep start --org acme --rep alice
  starter rep status --org acme --rep alice
  starter explain --org acme --rep alice --email jane@example.com`,
		SilenceErrors: true, SilenceUsage: true,
		Args: wordsOf,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON: results on standard output, an error on standard error")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(a.orgCommand(), a.repCommand(), a.policyCommand(), a.syncCommand(), a.releaseCommand(), a.undoCommand(), a.explainCommand(),
		a.parkedCommand(), a.journalCommand(), a.eraseCommand(), a.connectCommand(), a.doctorCommand(), a.envCommand(), a.demoCommand(), a.devCommand())
	a.noteStart(root)
	return root
}

// noteStart makes every command note that its flags and arguments were in order when it begins.
func (a *app) noteStart(cmd *cobra.Command) {
	if do := cmd.RunE; do != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			for _, name := range []string{"org", "rep"} {
				if f := cmd.Flags().Lookup(name); f != nil && f.Changed && f.Value.String() == "" {
					return fmt.Errorf("--%s is empty", name)
				}
			}
			a.running = true
			return do(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		a.noteStart(sub)
	}
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
	cmd := &cobra.Command{Use: use, Short: short, Args: wordsOf, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	for _, sub := range subs {
		sub.Args = flagsOnly
	}
	cmd.AddCommand(subs...)
	return cmd
}

// wordsOf refuses a word that a group does not know, naming those that come near.
func wordsOf(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	near := cmd.SuggestionsFor(args[0])
	for _, sub := range cmd.Commands() { // "status" alone may be the org's or a rep's
		if verb, _, err := sub.Find(args[:1]); err == nil && verb != sub {
			near = append(near, sub.Name()+" "+verb.Name())
		}
	}
	if len(near) == 0 {
		return fmt.Errorf("there is no verb %q", cmd.CommandPath()+" "+args[0])
	}
	return fmt.Errorf("there is no verb %q: did you mean %s?", cmd.CommandPath()+" "+args[0], strings.Join(near, " or "))
}

// flagsOnly refuses words behind a verb: everything is said with flags.
func flagsOnly(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("`%s` takes flags only, such as --org acme; %q stands alone", cmd.CommandPath(), args[0])
}
