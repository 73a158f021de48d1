package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/workflows"
)

// The states that the command line adds to a workflow's own: what is to be said of one that gives no answer.
const (
	stateNotRunning = "not running"
	stateNoWorker   = "no worker answers"
	stateStuck      = "stuck"
)

// repState is one rep as `rep list` and `rep status` show it.
type repState struct {
	Rep      string            `json:"rep"`
	Mailbox  string            `json:"mailbox"`
	CRMUser  string            `json:"crm_user"`
	Profile  string            `json:"profile"`
	State    string            `json:"state"` // a RepsyncState, "not running", "no worker answers" or "stuck"
	Running  bool              `json:"running"`
	Ended    string            `json:"ended,omitempty"`    // how the last run ended, when none runs
	EndedAt  time.Time         `json:"ended_at,omitzero"`  //
	Retrying []retrying        `json:"retrying,omitempty"` // stages that Temporal tries again and again
	Status   *workflows.Status `json:"status,omitempty"`
}

// retrying is a stage that did not come through.
type retrying struct {
	Stage   string    `json:"stage"`
	Attempt int32     `json:"attempt"`
	Error   string    `json:"error"`
	NextTry time.Time `json:"next_try,omitzero"`
}

func stateOf(r store.Rep) repState {
	return repState{Rep: r.Rep, Mailbox: r.Mailbox, CRMUser: r.CRMUser, Profile: r.Profile, State: stateNotRunning}
}

// repStates asks every rep of the org how it does.
func (a *app) repStates(ctx context.Context, l *link) ([]repState, error) {
	reps, err := l.store.Reps(ctx, a.org)
	if err != nil {
		return nil, storeFailure(err)
	}
	out := make([]repState, len(reps))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i, r := range reps {
		out[i] = stateOf(r)
		group.Go(func() error { return a.ask(gctx, l, &out[i]) })
	}
	return out, group.Wait()
}

// ask looks at a rep's workflow from outside and then queries it; one that does not run, or cannot answer, has no status.
// Error: Temporal does not answer.
func (a *app) ask(ctx context.Context, l *link, st *repState) error {
	id := workflows.RepID(a.org, st.Rep)
	d, err := a.look(ctx, l, st)
	if err != nil || !st.Running {
		return err
	}
	status, err := a.query(ctx, l, id)
	if err == nil {
		st.Status, st.State = &status, string(status.State)
		if st.State == "" { // no pass has begun
			st.State = string(workflows.Idle)
		}
	} else if d.GetPendingWorkflowTask().GetAttempt() > 1 {
		st.State = stateStuck
	}
	return ctx.Err()
}

// query asks a workflow for its status. While a worker is busy the server may turn a query down at once: it is asked again
// until a worker had the time to answer.
func (a *app) query(ctx context.Context, l *link, id string) (status workflows.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryPatience)
	defer cancel()
	for {
		v, err := l.temporal.QueryWorkflow(ctx, id, "", workflows.QueryStatus)
		if err == nil {
			return status, v.Get(&status)
		}
		d, look := l.temporal.DescribeWorkflowExecution(ctx, id, "")
		if look == nil && d.GetPendingWorkflowTask().GetAttempt() > 1 {
			return status, err // its tasks fail
		}
		select {
		case <-ctx.Done():
			return status, err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// look tells whether a rep's workflow runs, without its help. Error: Temporal does not answer.
func (a *app) look(ctx context.Context, l *link, st *repState) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, temporalPatience)
	defer cancel()
	d, err := l.temporal.DescribeWorkflowExecution(ctx, workflows.RepID(a.org, st.Rep), "")
	var never *serviceerror.NotFound
	if errors.As(err, &never) {
		return nil, nil
	}
	if err != nil {
		return nil, l.temporalFailure(err)
	}
	if info := d.GetWorkflowExecutionInfo(); info.GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		st.Ended, st.EndedAt = strings.ToLower(info.GetStatus().String()), info.GetCloseTime().AsTime()
		return d, nil
	}
	st.Running, st.State, st.Retrying = true, stateNoWorker, pending(d)
	return d, nil
}

// pending lists the stages that have been tried more than once. Their errors carry codes and no values (DESIGN, law 11).
func pending(d *workflowservice.DescribeWorkflowExecutionResponse) []retrying {
	var out []retrying
	for _, p := range d.GetPendingActivities() {
		if p.GetAttempt() < 2 {
			continue
		}
		r := retrying{Stage: p.GetActivityType().GetName(), Attempt: p.GetAttempt(), Error: p.GetLastFailure().GetMessage()}
		if t := p.GetNextAttemptScheduleTime(); t != nil {
			r.NextTry = t.AsTime()
		}
		out = append(out, r)
	}
	return out
}

func printReps(w io.Writer, org string, reps []repState) {
	if len(reps) == 0 {
		fmt.Fprintf(w, "no reps yet: starter rep add --org %s --rep NAME --mailbox ADDRESS\n", org)
		return
	}
	var rows [][]string
	for _, r := range reps {
		row := []string{r.Rep, r.Mailbox, r.State, "–", "–", "–", "–", "–"}
		if s := r.Status; s != nil {
			trouble := ""
			if s.Trouble != nil {
				trouble = s.Trouble.Code
			}
			row = []string{r.Rep, r.Mailbox, r.State, dash(s.Policy), fmt.Sprint(s.Pass), when(s.PassedAt), fmt.Sprint(s.Parked), dash(trouble)}
		}
		rows = append(rows, row)
	}
	table(w, []string{"REP", "MAILBOX", "STATE", "POLICY", "PASS", "ENDED", "PARKED", "TROUBLE"}, rows)
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
	st := stateOf(r)
	if err := a.ask(ctx, l, &st); err != nil {
		return err
	}
	return a.print(st, func(w io.Writer) { printStatus(w, a.org, st) })
}

func printStatus(w io.Writer, org string, st repState) {
	flags := fmt.Sprintf("--org %s --rep %s", org, st.Rep)
	fmt.Fprintf(w, "%s: %s\nmailbox %s, CRM user %s, profile %s\n", workflows.RepID(org, st.Rep), st.State, st.Mailbox, dash(st.CRMUser), dash(st.Profile))
	defer func() {
		for _, r := range st.Retrying {
			fmt.Fprintf(w, "\nstage %s has been tried %d times: %s\n  Temporal tries it again by itself, next at %s\n", r.Stage, r.Attempt-1, r.Error, when(r.NextTry))
		}
	}()
	s := st.Status
	if s == nil {
		printSilent(w, flags, st)
		return
	}
	fmt.Fprintf(w, "policy %s, provider %s\n", dash(s.Policy), dash(s.Provider))
	switch {
	case s.Pass == 0:
		fmt.Fprintln(w, "no pass has ended yet")
	case s.State == workflows.Paused:
		fmt.Fprintf(w, "pass %d ended %s; none is due until: starter rep resume %s\n", s.Pass, when(s.PassedAt), flags)
	default:
		fmt.Fprintf(w, "pass %d ended %s, the next is due %s\n", s.Pass, when(s.PassedAt), when(s.NextAt))
	}
	printCounts(w, s)
	if h := s.Held; h != nil {
		fmt.Fprintf(w, "\nHELD since %s, before its first write: %s\n  it would do: %s\n  let it go on: starter release %s --digest %s\n  or change guard in the policy, or put right what made the plan so large\n",
			when(h.Since), strings.Join(h.Why, "; "), plans(h.Counts), flags, h.Digest)
	}
	if t := s.Trouble; t != nil {
		fmt.Fprintf(w, "\nTROUBLE (%s): %s, while this was done: %s\n", t.Class, t.Code, dash(t.Op))
		if t.Remedy != "" {
			fmt.Fprintf(w, "  %s\n", t.Remedy)
		}
	}
	if s.Parked > 0 {
		fmt.Fprintf(w, "\nwhat is parked and why: starter parked list %s\n", flags)
	}
	for _, r := range s.Remarks {
		fmt.Fprintf(w, "remark: %s\n", r)
	}
}

// printSilent says what to do about a workflow that gives no answer.
func printSilent(w io.Writer, flags string, st repState) {
	switch st.State {
	case stateStuck:
		fmt.Fprintln(w, "Its workflow task fails: the worker's log says why. Usually this worker's build does not fit the workflow's history;\nrun the build that worked before, or a fixed one: the workflow then goes on where it stands.")
	case stateNoWorker:
		fmt.Fprintln(w, "It runs, and no worker answers for it: start one (bin/worker), or look at the log of the one that runs.")
	default:
		if st.Ended != "" {
			fmt.Fprintf(w, "the last run ended %s: %s\n", when(st.EndedAt), st.Ended)
		}
		fmt.Fprintf(w, "start it with: starter rep start %s\n", flags)
	}
}

func printCounts(w io.Writer, s *workflows.Status) {
	sides := func(x activities.Sided) []string { return []string{fmt.Sprint(x.CRM), fmt.Sprint(x.Mailbox)} }
	fmt.Fprintln(w)
	table(w, []string{"", "CRM", "MAILBOX", "CRM IN ALL", "MAILBOX IN ALL"}, [][]string{
		slices.Concat([]string{"created"}, sides(s.Last.Created), sides(s.Totals.Created)),
		slices.Concat([]string{"updated"}, sides(s.Last.Updated), sides(s.Totals.Updated)),
		slices.Concat([]string{"deleted"}, sides(s.Last.Deleted), sides(s.Totals.Deleted)),
	})
	fmt.Fprintf(w, "\nlast pass with work: %d linked, %d unchanged, %s; parked now: %d\n", s.Last.Linked, s.Last.Unchanged, count(s.Last.Conflicts, "conflict"), s.Parked)
}

// plans lists what a held plan would do.
func plans(counts map[string]int) string {
	var out []string
	for what, n := range counts {
		out = append(out, fmt.Sprintf("%s: %d", what, n))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
