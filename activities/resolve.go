package activities

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// resolve finds out what became of the writes whose answer never came: the worker died, or the connection did. Nothing
// else is planned for those links until it is known. A create is looked for by its own key, an update and a delete by
// reading the item. What a create has made may have been staged meanwhile, and judged as nobody's: it is judged again as a copy.
func (m *matcher) resolve(ctx context.Context) error {
	caps, err := m.capsOf(ctx, m.k)
	if err != nil {
		return err
	}
	made := false
	for _, side := range []record.Side{record.CRM, record.Mailbox} {
		open, err := m.a.Store.Intents(ctx, m.org, m.rep, m.k, []store.IntentState{store.Sent, store.Unknown}, nil, side, 0)
		if err != nil || len(open) == 0 {
			if err != nil {
				return err
			}
			continue
		}
		c := caps.CRM
		if side == record.Mailbox {
			c = caps.Mailbox
		}
		for _, some := range chunksOf(open, chunk) {
			found, err := m.resolveSome(ctx, side, c, some)
			if err != nil {
				return err
			}
			made = made || found
		}
	}
	if !made {
		return nil
	}
	return m.filtered(ctx, m.k)
}

// resolveSome settles some of one side's, and reports whether one was a create that took place.
func (m *matcher) resolveSome(ctx context.Context, side record.Side, caps connector.Caps, open []store.Intent) (made bool, err error) {
	t, err := m.settler(ctx, m.k, m.meta, open)
	if err != nil {
		return false, err
	}
	var keys, ids []string
	for _, in := range open {
		if in.Op.Verb == connector.Create {
			keys = append(keys, marker(m.org, in.Key))
		} else {
			ids = append(ids, in.Ref.ID)
		}
	}
	links := make([]string, 0, len(open))
	for _, in := range open {
		links = append(links, in.LinkID)
	}
	before, err := m.a.Store.CountDropped(ctx, m.org, m.rep, links, m.a.Now().Add(-time.Hour))
	if err != nil {
		return false, err
	}
	found := map[string][]connector.Item{}
	if len(keys) > 0 {
		if found, err = m.side(side).Find(ctx, m.k, connector.ByKey, keys, nil); err != nil {
			return false, err
		}
	}
	now, err := m.current(ctx, m.k, side, ids)
	if err != nil {
		return false, err
	}
	for _, in := range open {
		if in.Op.Verb == connector.Create {
			m.resolveCreate(t, in, found[marker(m.org, in.Key)], caps)
			made = made || slices.Contains(t.batch.Done, in.ID)
			continue
		}
		row, read := now[in.Ref.ID]
		m.resolveWrite(t, in, row, read, before[in.LinkID][notDone])
	}
	m.sum = m.sum.Plus(t.sum)
	return made, t.save(ctx)
}

// resolveCreate settles a create whose item is there, or was there and is deleted by now: its deletion is planned then, and the
// create is not repeated. Where there is none, a guarded create is planned again, and an unguarded one waits until the vendor's
// lists can be trusted to show it.
func (m *matcher) resolveCreate(t *settler, in store.Intent, found []connector.Item, caps connector.Caps) {
	switch {
	case planted.Is(planted.UnclearResent):
		t.drop(in, "not_found")
	case len(found) > 0:
		it := found[0]
		if living := slices.IndexFunc(found, func(it connector.Item) bool { return !it.Deleted }); living >= 0 {
			it = found[living]
		}
		it.Moved = true // whatever differs from what was sent is a person's edit since then
		t.done(in, it)
		if !it.Deleted && !holds(it.Fields, in.Op.Set) {
			t.restage(it.ID, in.Op.Side)
		}
	case strings.HasPrefix(in.Code, existsCode):
		// The vendor has something else in the way of it, and says so again and again.
		t.park(in, planner.ReasonVendorRefused, &connector.Error{Class: connector.Park, Code: strings.TrimPrefix(in.Code, existsCode)})
	case caps.Create == connector.GuardLookup && m.a.Now().Before(in.SentAt.Add(caps.Lag)):
		m.open[in.LinkID] = true
		m.waitFor(in.SentAt.Add(caps.Lag))
	default:
		t.drop(in, "not_found")
	}
}

// notDone marks an intent that was sent, and whose values are not there.
const notDone = "not_done"

// resolveWrite settles an update whose values are all there and a delete whose item is gone. Otherwise the item is planned
// again as it is now: what did arrive is equal on both sides by then, and what a person changed meanwhile is their edit. One
// that comes to nothing again and again (a part of it is refused, and the answer says so of the whole) is parked.
func (m *matcher) resolveWrite(t *settler, in store.Intent, now store.Staged, read bool, times int) {
	switch {
	case t.links[in.LinkID].ID != "" && idOn(t.links[in.LinkID], in.Op.Side) != in.Ref.ID: // its occurrence went along with a retimed series
		t.drop(in, "renamed")
	case !read: // it has another id by now: its link knows
		t.drop(in, "not_read")
	case in.Op.Verb == connector.Delete && now.Obs.Presence == planner.Deleted:
		t.done(in, connector.Item{Ref: in.Ref})
	case in.Op.Verb == connector.Update && now.Obs.Presence == planner.Present && holds(now.Obs.Item.Fields, in.Op.Set):
		t.done(in, now.Obs.Item)
	case times >= patience:
		t.park(in, planner.ReasonVendorRefused, &connector.Error{Class: connector.Park, Code: in.Code})
	default:
		t.drop(in, notDone, now)
	}
}

// holds reports whether an item has every one of these values.
func holds(have, want record.Fields) bool {
	for f, v := range want {
		if !record.Equal(f, have[f], asWritten(f, v)) {
			return false
		}
	}
	return true
}

// waitFor notes until when an unclear create has to be waited for.
func (m *matcher) waitFor(until time.Time) {
	if m.waiting == nil || until.Before(m.waiting.Until) {
		m.waiting = &Trouble{Class: ClassWaiting, Code: "outcome_unknown", Op: "look for a create whose answer never came", Until: until,
			Remedy: "The vendor's lists show new items late; the create is looked for until then, and sent again only if it is not there."}
	}
}

// current reads items by id, as rows ready to be staged.
func (s *session) current(ctx context.Context, k record.Kind, side record.Side, ids []string) (map[string]store.Staged, error) {
	out := map[string]store.Staged{}
	for _, some := range chunksOf(ids, chunk) {
		d, err := s.get(ctx, k, side, some)
		if err != nil {
			return nil, err
		}
		rows, err := s.observe(ctx, k, side, d)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			out[r.ID] = r
		}
	}
	if err := s.doubt(ctx, k, side, out); err != nil {
		return nil, err
	}
	judgements, err := s.admit(ctx, k, slices.Collect(maps.Values(out)))
	for _, j := range judgements {
		r := out[j.ID]
		r.Obs.In, r.Obs.Why = j.In, j.Why
		out[j.ID] = r
	}
	return out, err
}

// idOn is the id of a link's item on a side.
func idOn(l planner.Link, side record.Side) string {
	if side == record.CRM {
		return l.CRM.ID
	}
	return l.Mailbox.ID
}
