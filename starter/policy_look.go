package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/policy"
	"github.com/repsync/repsync/internal/store"
)

// policyEntry is one row of `policy list`.
type policyEntry struct {
	Name     string    `json:"name"`
	Revision int64     `json:"revision"` // 0 is the recommended policy, which is built in
	At       time.Time `json:"at,omitzero"`
	Assign   struct {
		Reps     []string `json:"reps"`
		Profiles []string `json:"profiles"`
		Except   []string `json:"except"`
	} `json:"assign"`
	Reps []string `json:"reps"` // that get it now
}

func (a *app) policyList(ctx context.Context, history bool) error {
	l, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	all, rows, err := a.assigned(ctx, l)
	if err != nil {
		return err
	}
	if history {
		if rows, err = l.store.PolicyHistory(ctx, a.org); err != nil {
			return storeFailure(err)
		}
	}
	out := []policyEntry{}
	for _, r := range rows {
		e := policyEntry{Name: r.Name, Revision: r.Revision, At: r.At, Reps: whoGets(all, r.Revision)}
		assign := parsed(r).Assign
		e.Assign.Reps, e.Assign.Profiles, e.Assign.Except = list(assign.Reps), list(assign.Profiles), list(assign.Except)
		out = append(out, e)
	}
	builtIn := policyEntry{Name: "(recommended)", Reps: whoGets(all, 0)}
	builtIn.Assign.Reps, builtIn.Assign.Profiles, builtIn.Assign.Except = list(nil), list(nil), list(nil)
	if len(builtIn.Reps) > 0 || len(out) == 0 {
		out = append(out, builtIn)
	}
	return a.print(out, func(w io.Writer) {
		var cells [][]string
		for _, e := range out {
			cells = append(cells, []string{e.Name, fmt.Sprint(e.Revision), when(e.At), e.assign(), dash(strings.Join(e.Reps, ", "))})
		}
		table(w, []string{"POLICY", "REVISION", "APPLIED", "ASSIGNED TO", "REPS THAT GET IT"}, cells)
	})
}

// list makes JSON say [] rather than null.
func list(s []string) []string { return append([]string{}, s...) }

// assign tells an assignment in a few words.
func (e policyEntry) assign() string {
	var parts []string
	for _, p := range []struct {
		word  string
		names []string
	}{{"reps", e.Assign.Reps}, {"profiles", e.Assign.Profiles}, {"except", e.Assign.Except}} {
		if len(p.names) > 0 {
			parts = append(parts, p.word+" "+strings.Join(p.names, ", "))
		}
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, "; ")
	case e.Revision == 0 || e.Name == policy.DefaultName:
		return "everybody else"
	}
	return "nobody"
}

// policyView is what `policy show` was asked for.
type policyView struct {
	name      string
	revision  int64
	asWritten bool
}

func (a *app) policyShow(ctx context.Context, view policyView) error {
	l, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	all, rows, err := a.assigned(ctx, l)
	if err != nil {
		return err
	}
	row, err := a.wanted(ctx, l, view, all, rows)
	if err != nil {
		return err
	}
	got, document := policy.Default(), []byte(nil)
	if row != nil {
		doc, _ := policy.Read(row.Document)
		got, document = doc.Policy, policy.Show(doc.Policy, doc.Written()...)
	} else {
		row, document = &store.PolicyRow{Document: []byte("{}")}, policy.Show(got)
	}
	if view.asWritten {
		document = append(bytes.TrimSpace(row.Document), '\n')
	}
	reps, off := whoGets(all, row.Revision), []string{}
	for _, kind := range policy.KindsOff() {
		off = append(off, string(kind)+"s")
	}
	return a.print(map[string]any{"name": got.Name, "revision": row.Revision, "reps": reps, "not_enforced": off, "document": string(document)}, func(w io.Writer) {
		if !view.asWritten {
			a.printHead(w, *row, reps, off)
		}
		_, _ = w.Write(document)
	})
}

// wanted finds the revision that was asked for, nil for the recommended policy.
func (a *app) wanted(ctx context.Context, l *link, view policyView, all []assignment, rows []store.PolicyRow) (*store.PolicyRow, error) {
	see := fmt.Sprintf("See `starter policy list --org %s --all`.", a.org)
	revision := view.revision
	switch {
	case view.name != "":
		for _, r := range rows {
			if r.Name == view.name {
				return &r, nil
			}
		}
		return nil, fail(exitNotFound, see, "org %s has no policy %q", a.org, view.name)
	case a.rep != "":
		if _, err := a.theRep(ctx, l); err != nil {
			return nil, err
		}
		for _, x := range all {
			if x.rep.Rep == a.rep {
				revision = x.gets.Number
			}
		}
	}
	if revision == 0 {
		return nil, nil
	}
	row, err := l.store.PolicyAt(ctx, a.org, revision)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fail(exitNotFound, see, "org %s has no policy revision %d", a.org, revision)
	}
	if err != nil {
		return nil, storeFailure(err)
	}
	return &row, nil
}

// printHead says, as comments of the document, whose policy it is and what is not enforced.
func (a *app) printHead(w io.Writer, row store.PolicyRow, reps, off []string) {
	if row.Revision == 0 {
		fmt.Fprintln(w, "# the recommended policy, which reps get whom no other one reaches")
	} else {
		fmt.Fprintf(w, "# revision %d, applied %s\n", row.Revision, when(row.At))
	}
	fmt.Fprintf(w, "# reps that get it: %s\n", dash(strings.Join(reps, ", ")))
	if len(off) > 0 {
		fmt.Fprintf(w, "# not enforced yet, and therefore off: %s\n", strings.Join(off, ", "))
	}
}
