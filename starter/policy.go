package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/repsync/repsync/internal/policy"
	"github.com/repsync/repsync/internal/store"
)

func (a *app) policyCommand() *cobra.Command {
	var (
		file string
		view policyView
	)
	fileFlag := func(cmd *cobra.Command) *cobra.Command {
		cmd.Flags().StringVarP(&file, "file", "f", "", "the policy document, - for standard input")
		_ = cmd.MarkFlagRequired("file")
		return cmd
	}
	apply := fileFlag(&cobra.Command{
		Use: "apply", Short: "store a policy document as a new revision and tell the reps concerned",
		Long: "Stores the document as the newest revision of its policy, says which reps get it, and signals the org's running reps; it is in force at their next pass, with what it touches re-evaluated in that pass. The org is the document's, or --org.\n\n" +
			"To roll back, apply an old revision again: it becomes the newest.",
		Example: "  starter policy apply --org acme -f examples/policies/recommended.yaml\n  starter policy show --org acme --revision 3 --as-written | starter policy apply --org acme -f -",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.policyApply(cmd.Context(), cmd.InOrStdin(), file) },
	})
	apply.Flags().StringVar(&a.org, "org", "", "the org, where the document names none")
	validate := fileFlag(&cobra.Command{
		Use: "validate", Short: "check a policy document without storing it; needs no server", Example: "  starter policy validate -f policy.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error { return a.policyValidate(cmd.InOrStdin(), file) },
	})
	var all bool
	list := a.orgFlag(&cobra.Command{Use: "list", Short: "list an org's policies and which reps get which",
		Example: "  starter policy list --org acme\n  starter policy list --org acme --all",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.policyList(cmd.Context(), all) }})
	list.Flags().BoolVar(&all, "all", false, "every revision, not only the newest of each policy")
	show := a.orgFlag(&cobra.Command{
		Use: "show", Short: "show a policy with every default: by name, by revision, or the one that a rep gets",
		Long:    "Shows a policy with every default, and says which kinds this version does not enforce yet. Without --name, --revision or --rep it is the recommended policy, which reps get whom no other one reaches.",
		Example: "  starter policy show --org acme --name field-sales\n  starter policy show --org acme --rep alice\n  starter policy show --org acme --revision 3 --as-written",
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.policyShow(cmd.Context(), view) },
	})
	show.Flags().StringVar(&view.name, "name", "", "the policy's name")
	show.Flags().Int64Var(&view.revision, "revision", 0, "the revision's number")
	show.Flags().StringVar(&a.rep, "rep", "", "the rep whose policy is wanted")
	show.Flags().BoolVar(&view.asWritten, "as-written", false, "the document as it was applied, without the defaults")
	show.MarkFlagsMutuallyExclusive("name", "rep", "revision")
	return group("policy", "apply, check and look at policies", apply, validate, list, show)
}

// readPolicy reads and checks a document. Its problems, each with line, key and remedy, come back also where they are
// the error.
func (a *app) readPolicy(stdin io.Reader, file string) (policy.Document, []byte, policy.Problems, error) {
	var text []byte
	var err error
	if file == "-" {
		text, err = io.ReadAll(stdin)
	} else {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		var at *os.PathError
		if errors.As(err, &at) {
			err = fmt.Errorf("%s: %w", at.Path, at.Err)
		}
		return policy.Document{}, nil, nil, fail(exitUsage, "Give the path of a policy document with -f, or - for standard input.", "read the policy: %s", err)
	}
	doc, problems := policy.Load(text)
	if problems.Failed() {
		return doc, nil, problems, fail(exitRefused, "Nothing was changed. docs/policy.md explains every key.", "%s: refused\n%s", name(file), problems.Text())
	}
	return doc, text, problems, nil
}

// name is how a document is called in messages.
func name(file string) string {
	if file == "-" {
		return "standard input"
	}
	return file
}

func (a *app) policyValidate(stdin io.Reader, file string) error {
	_, _, problems, err := a.readPolicy(stdin, file)
	var refused *failure
	if err != nil && !(errors.As(err, &refused) && refused.code == exitRefused) {
		return err
	}
	result := "valid"
	if err != nil {
		result = "refused"
	}
	if a.json || err == nil {
		printErr := a.print(map[string]any{"result": result, "problems": append(policy.Problems{}, problems...)}, func(w io.Writer) {
			if len(problems) > 0 {
				fmt.Fprintln(w, problems.Text())
			}
			fmt.Fprintln(w, "valid: it can be applied")
		})
		err = errors.Join(err, printErr)
	}
	return err
}

// assigned tells which policy each rep of the org gets.
func (a *app) assigned(ctx context.Context, l *link) ([]assignment, []store.PolicyRow, error) {
	rows, err := l.store.Policies(ctx, a.org)
	if err != nil {
		return nil, nil, storeFailure(err)
	}
	reps, err := l.store.Reps(ctx, a.org)
	if err != nil {
		return nil, nil, storeFailure(err)
	}
	all := make([]policy.Revision, len(rows))
	for i, r := range rows {
		all[i] = policy.Revision{Number: r.Revision, Policy: parsed(r)}
	}
	out := make([]assignment, len(reps))
	for i, r := range reps {
		out[i].rep = r
		out[i].gets, _ = policy.Pick(all, policy.Assignee{Rep: r.Rep, Profile: r.Profile}) // none is the recommended one
	}
	return out, rows, nil
}

// assignment is a rep and the policy that counts for it.
type assignment struct {
	rep  store.Rep
	gets policy.Revision
}

// whoGets lists the reps that get a revision; never nil.
func whoGets(all []assignment, revision int64) []string {
	out := []string{}
	for _, x := range all {
		if x.gets.Number == revision {
			out = append(out, x.rep.Rep)
		}
	}
	return out
}

func parsed(r store.PolicyRow) policy.Policy {
	p, _ := policy.Parse(r.Document) // it was valid when it was applied
	return p
}
