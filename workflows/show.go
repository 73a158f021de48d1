package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/repsync/repsync/activities"
)

// snapshot is the status as of now.
func (s *repSync) snapshot() Status {
	st := Status{
		Org: s.in.Org, Rep: s.in.Rep, State: s.c.State, Provider: s.c.Provider, Policy: s.c.Policy, Pass: s.c.Pass, PassedAt: s.c.PassedAt,
		NextAt: s.c.WakeAt, Last: s.c.Last, Totals: s.c.Totals, Held: s.c.Held, Parked: s.c.Parked, ParkedWhy: s.c.Why, Trouble: s.c.Trouble,
		Remarks: slices.Clone(s.c.Remarks),
	}
	if s.c.Paused {
		st.NextAt = time.Time{}
	}
	return st
}

// setState upserts the state where it changed; an upsert is an event, so that an idle pass makes none.
func (s *repSync) setState(ctx workflow.Context, state State) {
	if s.c.State == state {
		return
	}
	s.c.State = state
	s.upsert(ctx, AttributeState.ValueSet(string(state)))
}

// setPolicy upserts what is known only after the first Fetch, where it changed.
func (s *repSync) setPolicy(ctx workflow.Context, policy string) {
	if s.c.Policy == policy {
		return
	}
	s.c.Policy = policy
	s.upsert(ctx, AttributePolicy.ValueSet(policy), AttributeProvider.ValueSet(s.c.Provider), AttributeOrg.ValueSet(s.in.Org),
		AttributeState.ValueSet(string(s.c.State)))
}

// upsert writes search attributes, once Fetch has said that the server knows them.
func (s *repSync) upsert(ctx workflow.Context, updates ...temporal.SearchAttributeUpdate) {
	if s.c.Plain || s.c.Provider == "" {
		return
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		s.remark("search attributes could not be set")
	}
}

// show writes what Temporal's Web UI shows under "User Metadata".
func (s *repSync) show(ctx workflow.Context) {
	if s.c.Paused {
		s.setState(ctx, Paused)
	} else if s.c.State == Paused {
		s.setState(ctx, Idle)
	}
	workflow.SetCurrentDetails(ctx, s.details())
}

// details tells the state in Markdown.
func (s *repSync) details() string {
	var b strings.Builder
	st := s.snapshot()
	fmt.Fprintf(&b, "**%s** · org %s · rep %s · %s · policy %s\n\n", st.State, st.Org, st.Rep, orDash(st.Provider), orDash(st.Policy))
	if st.Pass > 0 {
		fmt.Fprintf(&b, "Pass %d ended %s", st.Pass, st.PassedAt.UTC().Format(time.RFC3339))
		if !st.NextAt.IsZero() {
			fmt.Fprintf(&b, ", the next is due %s", st.NextAt.UTC().Format(time.RFC3339))
		}
		b.WriteString(".\n\n")
	}
	b.WriteString("| | in the CRM | in the mailbox |\n|---|---|---|\n")
	for _, row := range []struct {
		name        string
		last, total activities.Sided
	}{{"created", st.Last.Created, st.Totals.Created}, {"updated", st.Last.Updated, st.Totals.Updated}, {"deleted", st.Last.Deleted, st.Totals.Deleted}} {
		fmt.Fprintf(&b, "| %s | %d (%d in all) | %d (%d in all) |\n", row.name, row.last.CRM, row.total.CRM, row.last.Mailbox, row.total.Mailbox)
	}
	fmt.Fprintf(&b, "\nLast pass with work: %d linked, %d unchanged, %d conflicts. Parked now: %d.\n", st.Last.Linked, st.Last.Unchanged, st.Last.Conflicts, st.Parked)
	if h := st.Held; h != nil {
		fmt.Fprintf(&b, "\n**Held** since %s: %s. It would do: %s. Look at it, then release it: `starter release --org %s --rep %s --digest %s`\n",
			h.Since.UTC().Format(time.RFC3339), strings.Join(h.Why, "; "), countsOf(h.Counts), st.Org, st.Rep, h.Digest)
	}
	if t := st.Trouble; t != nil {
		fmt.Fprintf(&b, "\n**Trouble**: %s (%s) %s. %s\n", t.Code, t.Class, t.Op, t.Remedy)
	}
	if st.Parked > 0 {
		fmt.Fprintf(&b, "\nParked items wait for somebody (`starter parked list --org %s --rep %s` names them):\n\n", st.Org, st.Rep)
		for _, r := range workflow.DeterministicKeys(st.ParkedWhy) {
			fmt.Fprintf(&b, "- %d × %s: %s\n", st.ParkedWhy[r], r, r.Explain())
		}
	}
	for _, r := range st.Remarks {
		fmt.Fprintf(&b, "\n- %s\n", r)
	}
	return b.String()
}

func countsOf(m map[string]int) string {
	keys := workflow.DeterministicKeys(m)
	for i, k := range keys {
		keys[i] = fmt.Sprintf("%s: %d", k, m[k])
	}
	return strings.Join(keys, ", ")
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
