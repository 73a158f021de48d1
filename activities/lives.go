package activities

import (
	"context"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// Items that live again: restored by a person, made again by hand, or created anew since an edit outweighed a delete.

// countBirths asks how often an item was created through links of these ids.
func (m *matcher) countBirths(ctx context.Context, ids ...string) error {
	births, err := m.a.Store.Births(ctx, m.org, m.rep, ids)
	for _, id := range ids {
		m.births[id] = births[id]
	}
	return err
}

// remade looks for what is about to be created again in the place of a deleted item: a person may have done that by hand, and
// the pair goes on with it, like an item without a link. Reports whether the pair is planned with that.
func (m *matcher) remade(ctx context.Context, p planner.Pair, stays record.Side) (bool, error) {
	r := store.Staged{Side: stays, ID: idOf(p, stays), Obs: p.Of(stays)}
	byEmail, byName, _, err := m.candidates(ctx, stays, []store.Staged{r})
	if err != nil {
		return false, err
	}
	switch match := planner.Choose(r.Obs.Item, m.retake(stays, byEmail[r.ID]), m.retake(stays, byName[r.ID]), m.rules); {
	case match.Reason != "":
		return true, m.book(ctx, p, planner.Decision{Reason: match.Reason})
	case match.ID != "":
		m.leaves(p, planner.Decision{Reason: planner.ReasonRestored})
		return true, m.matched(ctx, stays, p, match.ID)
	}
	return false, nil
}

// leaves notes on the item that is gone that another one comes in its place: it is parked no longer.
func (m *matcher) leaves(p planner.Pair, d planner.Decision) {
	for _, side := range []record.Side{record.CRM, record.Mailbox} {
		if id := idOf(p, side); id != "" && p.Of(side).Presence == planner.Deleted {
			m.batch.Verdicts = append(m.batch.Verdicts, m.verdict(m.k, side, id, d, p.Link))
		}
	}
}
