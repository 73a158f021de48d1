package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/repsync/repsync/internal/devstack/stage"
	"github.com/repsync/repsync/workflows"
)

// statsLag is how late Postgres shows a connection's counts: it reports them at the end of a transaction or, idle, after
// ten seconds (PGSTAT_IDLE_INTERVAL in its pgstat.c).
const statsLag = 12 * time.Second

// idle measures passes that find nothing, by their schedule, and then that one finds what was just edited.
func idle(ctx context.Context, s *bed, o Options) ([]Figure, error) {
	w, err := s.raise(ctx, setting{policy: fmt.Sprintf(both, "1m")}, func(w *world) error {
		return w.fillCRM(200, 100)
	})
	if err != nil {
		return nil, err
	}
	defer w.close()
	if err := w.start(ctx, alice); err != nil {
		return nil, err
	}
	last, err := w.rest(ctx, alice, 0, 10*time.Minute)
	if err != nil {
		return nil, err
	}
	if err := w.nudgeFeed(ctx); err != nil { // what the first sync wrote is shown once
		return nil, err
	}
	for range 2 {
		if last, err = w.syncNow(ctx, alice, time.Minute); err != nil {
			return nil, err
		}
	}
	if last, err = w.rest(ctx, alice, last.Pass, 3*time.Minute); err != nil { // by the schedule from here on
		return nil, err
	}
	seen, err := w.idlePass(ctx, o, last)
	if err != nil {
		return nil, err
	}
	found, err := w.found(ctx)
	if err != nil {
		return nil, err
	}
	what := "an idle pass: "
	return []Figure{
		atMost(what+"history events", "%.0f", 12, float64(seen.events)),
		atMost(what+"calls, most of a collection", "%.0f", 1, float64(seen.most)),
		atMost(what+"CRM calls", "%.0f", 0, float64(seen.crm)),
		atMost(what+"database writes (rows inserted, updated, deleted)", "%.0f", 1, float64(seen.writes)),
		{What: what + "with an edit on either side made just before, it is found", Bar: "both", Seen: found, Over: found != "both"},
	}, nil
}

// pass is what one pass took.
type pass struct {
	events, writes int64
	most, crm      int
}

// idlePass measures the next pass by the schedule.
func (w *world) idlePass(ctx context.Context, o Options, last workflows.Status) (p pass, err error) {
	id := workflows.RepID(org, alice)
	if err := stage.Pause(ctx, statsLag); err != nil {
		return p, err
	}
	events, err := w.length(ctx, id)
	if err != nil {
		return p, err
	}
	writes, err := w.writes(ctx)
	if err != nil {
		return p, err
	}
	w.forget()
	if last, err = w.rest(ctx, alice, last.Pass, 3*time.Minute); err != nil {
		return p, err
	}
	asked := w.asked()
	if p.events, err = w.length(ctx, id); err != nil {
		return p, err
	}
	p.events -= events
	if err := stage.Pause(ctx, statsLag); err != nil {
		return p, err
	}
	if p.writes, err = w.writes(ctx); err != nil {
		return p, err
	}
	p.writes -= writes
	p.crm = asked.sum("crm")
	for _, n := range asked.http {
		p.most = max(p.most, n)
	}
	fmt.Fprintf(o.Out, "  idle pass %d: %d events, %d rows written, calls: %s\n", last.Pass, p.events, p.writes, asked)
	return p, nil
}

// writes counts the rows that were written so far.
func (w *world) writes(ctx context.Context) (n int64, err error) {
	err = w.db.QueryRow(ctx, `select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint from pg_stat_user_tables`).Scan(&n)
	return n, err
}

// found edits a contact on each side and an event on each side just before a pass by the schedule, and says which sides'
// edits that pass brought over.
func (w *world) found(ctx context.Context) (string, error) {
	it, err := w.items()
	if err != nil {
		return "", err
	}
	before, err := status[workflows.Status](ctx, w, workflows.RepID(org, alice))
	if err != nil {
		return "", err
	}
	if err := stage.Pause(ctx, time.Until(before.NextAt)-5*time.Second); err != nil {
		return "", err
	}
	const text = "Just before"
	if err := w.box.Salesforce.Update("Contact", it.contacts[customer(0)], fields{"Title": text}, w.users[alice]); err != nil {
		return "", err
	}
	if err := w.nudgeFeed(ctx); err != nil { // as the next poll would
		return "", err
	}
	if err := w.editPerson(it.people[customer(1)], text); err != nil {
		return "", err
	}
	last, err := w.rest(ctx, alice, before.Pass, 3*time.Minute)
	was, is := before.Totals.Updated, last.Totals.Updated
	switch {
	case err != nil:
		return "", err
	case last.Pass != before.Pass+1:
		return fmt.Sprintf("after %d passes", last.Pass-before.Pass), nil
	case is.CRM-was.CRM == 1 && is.Mailbox-was.Mailbox == 1:
		return "both", nil
	}
	return fmt.Sprintf("%d in the CRM, %d in the mailbox", is.CRM-was.CRM, is.Mailbox-was.Mailbox), nil
}
