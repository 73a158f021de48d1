package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"go.temporal.io/api/serviceerror"

	"github.com/repsync/repsync/internal/policy"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/workflows"
)

func (a *app) policyApply(ctx context.Context, stdin io.Reader, file string) error {
	doc, text, problems, err := a.readPolicy(stdin, file)
	if err != nil {
		return err
	}
	switch {
	case a.org == "" && doc.Policy.Org == "":
		return fail(exitUsage, "Write `org: NAME` in the document, or give --org.", "%s names no org", name(file))
	case a.org != "" && doc.Policy.Org != "" && a.org != doc.Policy.Org:
		return fail(exitUsage, "Give the org that the document names, or none.", "%s is for org %s, not for %s", name(file), doc.Policy.Org, a.org)
	case a.org == "":
		a.org = doc.Policy.Org
	}
	l, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	before, err := l.store.Policies(ctx, a.org)
	if err != nil {
		return storeFailure(err)
	}
	revision, err := l.store.ApplyPolicy(ctx, a.org, doc.Policy.Name, bytes.TrimSpace(text))
	if err != nil {
		return storeFailure(err)
	}
	all, _, err := a.assigned(ctx, l)
	if err != nil {
		return err
	}
	told, err := a.tell(ctx, l, revision, all)
	if err != nil {
		return err
	}
	again := slices.ContainsFunc(before, func(r store.PolicyRow) bool { return r.Revision == revision }) // the same document once more
	warnings := []string{}
	for _, p := range problems.Warnings() {
		warnings = append(warnings, strings.TrimPrefix(p.String(), "warning: "))
	}
	warnings = append(warnings, misses(a.org, doc.Policy, revision, all)...)
	gets := whoGets(all, revision)
	return a.print(map[string]any{"org": a.org, "policy": doc.Policy.Name, "revision": revision, "reps": gets, "unchanged": again, "reps_told": told, "warnings": warnings}, func(w io.Writer) {
		if again {
			fmt.Fprintf(w, "policy %s is unchanged: it is revision %d of org %s already\n", doc.Policy.Name, revision, a.org)
		} else {
			fmt.Fprintf(w, "policy %s is revision %d of org %s\n", doc.Policy.Name, revision, a.org)
		}
		if len(gets) > 0 {
			fmt.Fprintf(w, "reps that get it: %s\n", strings.Join(gets, ", "))
		}
		if told > 0 {
			fmt.Fprintf(w, "%s told; each applies what concerns it in a pass that starts now\n", count(told, "running rep"))
		} else {
			fmt.Fprintln(w, "no rep runs: those that start get it with their first pass")
		}
		for _, text := range warnings {
			a.warn("warning: %s", text)
		}
	})
}

// misses says whom the assignment names in vain: nobody by that name or profile, or somebody whom another policy reaches
// more closely.
func misses(org string, p policy.Policy, revision int64, all []assignment) []string {
	var out []string
	reps, profiles := map[string]assignment{}, map[string][]assignment{}
	for _, x := range all {
		reps[x.rep.Rep] = x
		profiles[x.rep.Profile] = append(profiles[x.rep.Profile], x)
	}
	instead := func(x assignment) string {
		return fmt.Sprintf("%s gets %s (revision %d) instead, which names the rep itself or is newer: change one of the two assignments", x.rep.Rep, x.gets.Policy.Name, x.gets.Number)
	}
	for _, name := range p.Assign.Reps {
		if x, ok := reps[name]; !ok {
			out = append(out, fmt.Sprintf("assign.reps: org %s has no rep %q: correct the name, or add the rep", org, name))
		} else if x.gets.Number != revision {
			out = append(out, "assign.reps: "+instead(x))
		}
	}
	for _, name := range p.Assign.Profiles {
		have := profiles[name]
		if len(have) == 0 {
			known := slices.DeleteFunc(slices.Sorted(maps.Keys(profiles)), func(s string) bool { return s == "" })
			out = append(out, fmt.Sprintf("assign.profiles: no rep of org %s has the profile %q; profiles are: %s", org, name, dash(strings.Join(known, ", "))))
		}
		for _, x := range have {
			if x.gets.Number != revision && !slices.Contains(p.Assign.Except, x.rep.Rep) && !slices.Contains(p.Assign.Reps, x.rep.Rep) {
				out = append(out, "assign.profiles: "+instead(x))
			}
		}
	}
	if len(whoGets(all, revision)) == 0 {
		out = append(out, "no rep gets this policy: it is stored and changes nothing until its assign names reps, or profiles that reps have")
	}
	return out
}

// tell signals the org's running reps. Each looks up by itself which policy it has now: one that the document used to
// name is concerned as well as one that it names.
func (a *app) tell(ctx context.Context, l *link, revision int64, all []assignment) (told int, err error) {
	for _, x := range all {
		err := l.temporal.SignalWorkflow(ctx, workflows.RepID(a.org, x.rep.Rep), "", workflows.SignalPolicy, workflows.PolicySignal{Revision: revision})
		var gone *serviceerror.NotFound
		switch {
		case err == nil:
			told++
		case !errors.As(err, &gone):
			var f *failure
			if errors.As(l.temporalFailure(err), &f) {
				f.remedy = fmt.Sprintf("Revision %d is stored; running reps apply it at their next scheduled pass. %s", revision, f.remedy)
				return told, f
			}
		}
	}
	return told, nil
}
