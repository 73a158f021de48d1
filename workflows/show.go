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

// details tells the state in Markdown: first what waits for somebody, since the Web UI shows the first lines of it.
func (s *repSync) details() string {
	var b strings.Builder
	st := s.snapshot()
	fmt.Fprintf(&b, "**%s** · org %s · rep %s · %s · policy %s\n\n", st.State, st.Org, st.Rep, orDash(st.Provider), orDash(st.Policy))
	if t := st.Trouble; t != nil {
		fmt.Fprintf(&b, "**Trouble**: %s (%s) %s. %s\n\n", t.Code, t.Class, t.Op, t.Remedy)
	}
	if h := st.Held; h != nil {
		fmt.Fprintf(&b, "**Held** since %s: %s. It would do: %s. Look at it, then release it: `starter release --org %s --rep %s --digest %s`\n\n",
			h.Since.UTC().Format(time.RFC3339), strings.Join(h.Why, "; "), countsOf(h.Counts), st.Org, st.Rep, h.Digest)
	}
	if st.Parked > 0 {
		fmt.Fprintf(&b, "**%d parked** (`starter parked list --org %s --rep %s`)\n\n", st.Parked, st.Org, st.Rep)
		for _, r := range workflow.DeterministicKeys(st.ParkedWhy) {
			fmt.Fprintf(&b, "- %d × %s: %s\n", st.ParkedWhy[r], r, r.Explain())
		}
		b.WriteString("\n")
	}
	for _, r := range st.Remarks {
		fmt.Fprintf(&b, "- %s\n", r)
	}
	b.WriteString(s.counts(st))
	return b.String()
}

// counts tells what the last pass with work did, and all passes together.
func (s *repSync) counts(st Status) string {
	var b strings.Builder
	if st.Pass > 0 {
		fmt.Fprintf(&b, "Pass %d ended %s", st.Pass, st.PassedAt.UTC().Format(time.RFC3339))
		if !st.NextAt.IsZero() {
			fmt.Fprintf(&b, ", the next is due %s", st.NextAt.UTC().Format(time.RFC3339))
		}
		b.WriteString(".\n\n")
	}
	b.WriteString("| last pass with work (in all) | created | updated | deleted |\n|---|---|---|---|\n")
	row := func(name string, side func(activities.Sided) int) {
		fmt.Fprintf(&b, "| in the %s | %d (%d) | %d (%d) | %d (%d) |\n", name, side(st.Last.Created), side(st.Totals.Created),
			side(st.Last.Updated), side(st.Totals.Updated), side(st.Last.Deleted), side(st.Totals.Deleted))
	}
	row("CRM", func(x activities.Sided) int { return x.CRM })
	row("mailbox", func(x activities.Sided) int { return x.Mailbox })
	fmt.Fprintf(&b, "\n%d linked, %d unchanged, %d conflicts\n", st.Last.Linked, st.Last.Unchanged, st.Last.Conflicts)
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
