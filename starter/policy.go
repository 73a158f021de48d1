package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"

	"github.com/repsync/repsync/internal/policy"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/workflows"
)

func (a *app) policyCommand() *cobra.Command {
	var file, name string
	fileFlag := func(cmd *cobra.Command) *cobra.Command {
		cmd.Flags().StringVarP(&file, "file", "f", "", "the policy document, - for standard input")
		_ = cmd.MarkFlagRequired("file")
		return cmd
	}
	apply := fileFlag(&cobra.Command{
		Use: "apply", Short: "store a policy document as a new revision and tell the reps concerned",
		Long:    "Stores the document as the newest revision of its policy and signals the org's running reps; it is in force at their next pass, with what it touches re-evaluated in that pass. To roll back, apply the old document again. The org is the document's, or --org.",
		Example: "  starter policy apply -f examples/policies/recommended.yaml --org acme", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.policyApply(cmd.Context(), cmd.InOrStdin(), file) },
	})
	apply.Flags().StringVar(&a.org, "org", "", "the org, where the document names none")
	validate := fileFlag(&cobra.Command{
		Use: "validate", Short: "check a policy document without storing it", Example: "  starter policy validate -f policy.yaml", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, _, err := a.readPolicy(cmd.InOrStdin(), file)
			if err != nil {
				return err
			}
			return a.print(map[string]string{"result": "valid"}, func(w io.Writer) { fmt.Fprintln(w, "valid: it can be applied") })
		},
	})
	list := a.orgFlag(&cobra.Command{Use: "list", Short: "list an org's policies", Example: "  starter policy list --org acme", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.policyList(cmd.Context()) }})
	show := a.orgFlag(&cobra.Command{
		Use: "show", Short: "show a policy with every default, or the one that a rep gets",
		Example: "  starter policy show --org acme --name field-sales\n  starter policy show --org acme --rep alice", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.policyShow(cmd.Context(), name) },
	})
	show.Flags().StringVar(&name, "name", "", "the policy's name")
	show.Flags().StringVar(&a.rep, "rep", "", "the rep whose policy is wanted")
	show.MarkFlagsMutuallyExclusive("name", "rep")
	return group("policy", "apply, check and look at policies", apply, validate, list, show)
}

// readPolicy reads and checks a document; its problems, each with line, key and remedy, are the error.
func (a *app) readPolicy(stdin io.Reader, file string) (policy.Document, []byte, error) {
	var text []byte
	var err error
	if file == "-" {
		text, err = io.ReadAll(stdin)
	} else {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return policy.Document{}, nil, fail(exitUsage, "Give the path of a policy document with -f.", "read the policy: %s", err)
	}
	doc, problems := policy.Load(text)
	if problems.Failed() {
		if a.json {
			_, _ = a.out.Write(append(problems.JSON(), '\n'))
		}
		return doc, nil, fail(exitRefused, "", "%s: refused\n%s", file, problems.Text())
	}
	if len(problems) > 0 && !a.json {
		fmt.Fprintln(a.out, problems.Text())
	}
	return doc, text, nil
}

func (a *app) policyApply(ctx context.Context, stdin io.Reader, file string) error {
	doc, text, err := a.readPolicy(stdin, file)
	if err != nil {
		return err
	}
	switch {
	case a.org == "" && doc.Policy.Org == "":
		return fail(exitUsage, "Write `org: NAME` in the document, or give --org.", "%s names no org", file)
	case a.org != "" && doc.Policy.Org != "" && a.org != doc.Policy.Org:
		return fail(exitUsage, "Give the org that the document names, or none.", "%s is for org %s, not for %s", file, doc.Policy.Org, a.org)
	case a.org == "":
		a.org = doc.Policy.Org
	}
	l, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	revision, err := l.store.ApplyPolicy(ctx, a.org, doc.Policy.Name, bytes.TrimSpace(text))
	if err != nil {
		return storeFailure(err)
	}
	told, err := a.tell(ctx, l, revision)
	if err != nil {
		return err
	}
	return a.print(map[string]any{"org": a.org, "policy": doc.Policy.Name, "revision": revision, "reps_told": told}, func(w io.Writer) {
		fmt.Fprintf(w, "policy %s is revision %d of org %s; %d running reps were told and apply what concerns them at their next pass\n", doc.Policy.Name, revision, a.org, told)
	})
}

// tell signals the org's running reps. Each looks up by itself which policy it has now: one that the document used to
// name is concerned as well as one that it names.
func (a *app) tell(ctx context.Context, l *link, revision int64) (told int, err error) {
	reps, err := l.store.Reps(ctx, a.org)
	if err != nil {
		return 0, storeFailure(err)
	}
	for _, r := range reps {
		err := l.temporal.SignalWorkflow(ctx, workflows.RepID(a.org, r.Rep), "", workflows.SignalPolicy, workflows.PolicySignal{Revision: revision})
		var gone *serviceerror.NotFound
		switch {
		case err == nil:
			told++
		case !errors.As(err, &gone):
			return told, fail(exitUnreachable, "The revision is stored; running reps apply it at their next scheduled pass.", "Temporal did not take a signal: %s", err)
		}
	}
	return told, nil
}

func (a *app) policyList(ctx context.Context) error {
	l, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	rows, err := l.store.Policies(ctx, a.org)
	if err != nil {
		return storeFailure(err)
	}
	type entry struct {
		Name     string        `json:"name"`
		Revision int64         `json:"revision"`
		At       string        `json:"at"`
		Assign   policy.Assign `json:"assign"`
	}
	out := []entry{}
	for _, r := range rows {
		p, _ := policy.Parse(r.Document)
		out = append(out, entry{r.Name, r.Revision, when(r.At), p.Assign})
	}
	return a.print(out, func(w io.Writer) {
		if len(out) == 0 {
			fmt.Fprintln(w, "no policies: every rep gets the recommended one (starter policy show shows it)")
			return
		}
		var cells [][]string
		for _, e := range out {
			cells = append(cells, []string{e.Name, fmt.Sprint(e.Revision), e.At, fmt.Sprint(e.Assign.Reps), fmt.Sprint(e.Assign.Profiles), fmt.Sprint(e.Assign.Except)})
		}
		table(w, []string{"POLICY", "REVISION", "APPLIED", "REPS", "PROFILES", "EXCEPT"}, cells)
	})
}

func (a *app) policyShow(ctx context.Context, name string) error {
	l, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	rows, err := l.store.Policies(ctx, a.org)
	if err != nil {
		return storeFailure(err)
	}
	got := policy.Revision{Policy: policy.Default()}
	switch {
	case name != "":
		row, err := named(rows, name)
		if err != nil {
			return err
		}
		got.Number, got.Policy = row.Revision, parsed(row)
	case a.rep != "":
		rep, err := a.theRep(ctx, l)
		if err != nil {
			return err
		}
		var all []policy.Revision
		for _, r := range rows {
			all = append(all, policy.Revision{Number: r.Revision, Policy: parsed(r)})
		}
		if picked, ok := policy.Pick(all, policy.Assignee{Rep: a.rep, Profile: rep.Profile}); ok {
			got = picked
		}
	}
	text := policy.Show(got.Policy)
	return a.print(map[string]any{"name": got.Policy.Name, "revision": got.Number, "document": string(text)}, func(w io.Writer) {
		if got.Number == 0 {
			fmt.Fprintln(w, "# the recommended policy, which reps get that no policy names")
		} else {
			fmt.Fprintf(w, "# revision %d\n", got.Number)
		}
		_, _ = w.Write(text)
	})
}

func named(rows []store.PolicyRow, name string) (store.PolicyRow, error) {
	for _, r := range rows {
		if r.Name == name {
			return r, nil
		}
	}
	return store.PolicyRow{}, fail(exitNotFound, "See `starter policy list`.", "there is no policy %q", name)
}

func parsed(r store.PolicyRow) policy.Policy {
	p, _ := policy.Parse(r.Document) // it was valid when it was applied
	return p
}
