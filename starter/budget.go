package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/repsync/repsync/internal/budget"
	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/connector"
)

// connectors are those of the configuration; what they call counts, as what people wait for.
func (l *link) connectors() *config.Connectors {
	return config.NewConnectors(l.config).Through(config.Use{Meters: budget.New(l.store, budget.Options{ByHand: true})})
}

// budgetState is what `org status` tells of the vendors' limits.
type budgetState struct {
	Calls   int64     `json:"calls"`           // by Repsync in the last 24 hours, in whole blocks
	Daily   int64     `json:"daily,omitempty"` // the most of them
	Reserve int       `json:"reserve"`         // percent for people
	Used    int64     `json:"used,omitempty"`  // by all programs, as the CRM counts
	Limit   int64     `json:"limit,omitempty"`
	ToldAt  time.Time `json:"told_at,omitzero"`
	Spent   bool      `json:"spent,omitempty"` // passes wait
	Waiting []waiting `json:"waiting,omitempty"`
}

// waiting is a quota whose next call is due later.
type waiting struct {
	Quota     connector.Quota `json:"quota"`
	Project   string          `json:"project,omitempty"`
	Mailboxes int             `json:"mailboxes,omitempty"`
	Seconds   int             `json:"seconds"`
}

func (a *app) budgetState(ctx context.Context, l *link) (budgetState, error) {
	b := l.config.Orgs[a.org].CRM.Budget
	st := budgetState{Daily: b.Daily, Reserve: b.Reserve}
	calls, use, err := l.store.CallsOfDay(ctx, a.org)
	if err != nil {
		return st, storeFailure(err)
	}
	st.Calls, st.Used, st.Limit, st.ToldAt = calls, use.Used, use.Limit, use.At
	ours := use.Told
	ours.Used, ours.Limit = calls, b.Daily
	st.Spent = b.Daily > 0 && ours.Left(b.Reserve, false) <= 0 || use.Limit > 0 && use.Left(b.Reserve, false) <= 0
	behind, err := l.store.RatesBehind(ctx, a.org)
	if err != nil {
		return st, storeFailure(err)
	}
	for _, r := range behind {
		st.Waiting = append(st.Waiting, waiting{r.Quota, r.Project, r.Mailboxes, int((r.Wait + time.Second - 1) / time.Second)})
	}
	return st, nil
}

func (b budgetState) print(w io.Writer) {
	fmt.Fprintf(w, "CRM calls in 24 hours: %d by Repsync", b.Calls)
	if b.Daily > 0 {
		fmt.Fprintf(w, " of its %d", b.Daily)
	}
	if b.Limit > 0 {
		fmt.Fprintf(w, "; all programs %d of the org's %d, as told %s", b.Used, b.Limit, when(b.ToldAt))
	}
	fmt.Fprintf(w, "; %d%% kept for people\n", b.Reserve)
	if b.Spent {
		fmt.Fprintln(w, "BUDGET SPENT: passes wait and go on by themselves; `starter sync` may use what is kept")
	}
	for _, q := range b.Waiting {
		whose := "project " + q.Project
		if q.Mailboxes > 0 {
			whose = fmt.Sprintf("%d mailbox(es)", q.Mailboxes)
		}
		fmt.Fprintf(w, "%s: the next call of %s is due in %ds\n", q.Quota, whose, q.Seconds)
	}
}
