package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/workflows"
)

// repState is one rep as `rep list` and `rep status` show it.
type repState struct {
	Rep     string            `json:"rep"`
	Mailbox string            `json:"mailbox"`
	CRMUser string            `json:"crm_user"`
	Profile string            `json:"profile"`
	Running bool              `json:"running"`
	Status  *workflows.Status `json:"status,omitempty"`
}

func (s repState) state() string {
	switch {
	case s.Status != nil:
		return string(s.Status.State)
	case s.Running:
		return "no worker answers"
	default:
		return "not running"
	}
}

// repStates asks every rep of the org how it does.
func (a *app) repStates(ctx context.Context, l *link) ([]repState, error) {
	reps, err := l.store.Reps(ctx, a.org)
	if err != nil {
		return nil, storeFailure(err)
	}
	out := []repState{}
	for _, r := range reps {
		st := repState{Rep: r.Rep, Mailbox: r.Mailbox, CRMUser: r.CRMUser, Profile: r.Profile}
		a.ask(ctx, l, &st)
		out = append(out, st)
	}
	return out, nil
}

// ask queries a rep's workflow; one that does not run has no status.
func (a *app) ask(ctx context.Context, l *link, st *repState) {
	id := workflows.RepID(a.org, st.Rep)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	d, err := l.temporal.DescribeWorkflowExecution(ctx, id, "")
	if err != nil || d.GetWorkflowExecutionInfo().GetCloseTime() != nil {
		return
	}
	st.Running = true
	v, err := l.temporal.QueryWorkflow(ctx, id, "", workflows.QueryStatus)
	if err != nil {
		return
	}
	var status workflows.Status
	if v.Get(&status) == nil {
		st.Status = &status
	}
}

func printReps(w io.Writer, reps []repState) {
	if len(reps) == 0 {
		fmt.Fprintln(w, "no reps yet: starter rep add")
		return
	}
	var rows [][]string
	for _, r := range reps {
		row := []string{r.Rep, r.Mailbox, r.state(), "–", "–", "–", "–"}
		if s := r.Status; s != nil {
			row = []string{r.Rep, r.Mailbox, r.state(), dash(s.Policy), fmt.Sprint(s.Pass), when(s.PassedAt), fmt.Sprint(s.Parked)}
		}
		rows = append(rows, row)
	}
	table(w, []string{"REP", "MAILBOX", "STATE", "POLICY", "PASS", "ENDED", "PARKED"}, rows)
}

func (a *app) repStatus(ctx context.Context) error {
	l, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	r, err := a.theRep(ctx, l)
	if err != nil {
		return err
	}
	st := repState{Rep: r.Rep, Mailbox: r.Mailbox, CRMUser: r.CRMUser, Profile: r.Profile}
	a.ask(ctx, l, &st)
	return a.print(st, func(w io.Writer) { printStatus(w, a.org, st) })
}

func printStatus(w io.Writer, org string, st repState) {
	fmt.Fprintf(w, "%s: %s\nmailbox %s, CRM user %s, profile %s\n", workflows.RepID(org, st.Rep), st.state(), st.Mailbox, dash(st.CRMUser), dash(st.Profile))
	s := st.Status
	if s == nil {
		if !st.Running {
			fmt.Fprintf(w, "start it with: starter rep start --org %s --rep %s\n", org, st.Rep)
		}
		return
	}
	fmt.Fprintf(w, "policy %s, provider %s\npass %d ended %s, the next is due %s\n\n", dash(s.Policy), dash(s.Provider), s.Pass, when(s.PassedAt), when(s.NextAt))
	sides := func(x activities.Sided) []string { return []string{fmt.Sprint(x.CRM), fmt.Sprint(x.Mailbox)} }
	table(w, []string{"", "CRM", "MAILBOX", "CRM IN ALL", "MAILBOX IN ALL"}, [][]string{
		slices.Concat([]string{"created"}, sides(s.Last.Created), sides(s.Totals.Created)),
		slices.Concat([]string{"updated"}, sides(s.Last.Updated), sides(s.Totals.Updated)),
		slices.Concat([]string{"deleted"}, sides(s.Last.Deleted), sides(s.Totals.Deleted)),
	})
	fmt.Fprintf(w, "\nlast pass with work: %d linked, %d unchanged, %d conflicts; parked now: %d\n", s.Last.Linked, s.Last.Unchanged, s.Last.Conflicts, s.Parked)
	if h := s.Held; h != nil {
		fmt.Fprintf(w, "\nHELD since %s: %s\nrelease it with: starter release --org %s --rep %s --digest %s\n", when(h.Since), strings.Join(h.Why, "; "), org, st.Rep, h.Digest)
	}
	if t := s.Trouble; t != nil {
		fmt.Fprintf(w, "\ntrouble: %s (%s) %s\n%s\n", t.Code, t.Class, t.Op, t.Remedy)
	}
	for _, r := range s.Remarks {
		fmt.Fprintf(w, "remark: %s\n", r)
	}
	if s.Parked > 0 {
		fmt.Fprintf(w, "see: starter parked list --org %s --rep %s\n", org, st.Rep)
	}
}
