package activities

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/series"
	"github.com/repsync/repsync/internal/store"
)

// Occurrences of a native series' copy for which no row came: which of them are the series' own, which the rep added, and
// which were deleted in the CRM.

// nativeCopy is what is known of a native series and its copy when slots without a row are looked at.
type nativeCopy struct {
	series    planner.Observation // the record, as it is now
	patterned map[string]series.Slot
	ours      map[string]store.Staged // free occurrences that the copied pattern has, by instant
	others    map[string]store.Staged // those that it has not, as far as can be told: the rep's own
	retimed   bool                    // the rep moved the copy as a whole
	kept      bool                    // the rep left its rule as it was
}

// copyOf tells which of the free occurrences of a copy the series' pattern has. As long as the rep left the copy's rule and
// time alone, it is the pattern that was copied, also when the CRM has changed or deleted its own since. Where the rep has
// changed it, the pattern that the CRM has now tells.
func (m *matcher) copyOf(ctx context.Context, master planner.Link, free map[string]store.Staged) (nativeCopy, error) {
	c := nativeCopy{patterned: map[string]series.Slot{}, ours: map[string]store.Staged{}, others: map[string]store.Staged{}}
	seen, err := m.look(ctx, planner.Sides[map[string]bool]{CRM: map[string]bool{master.CRM.ID: true}, Mailbox: map[string]bool{master.Mailbox.ID: true}})
	if err != nil {
		return c, err
	}
	c.series = seen[store.SideID{Side: record.CRM, ID: master.CRM.ID}]
	box, was := seen[store.SideID{Side: record.Mailbox, ID: master.Mailbox.ID}].Item.Fields, m.pair(&master).Was
	same := func(field string) bool { return was.Value(field, box[field]) == master.Mailbox.Shown[field] }
	c.kept, c.retimed = same(record.FieldRecurrence), !same(record.FieldTime)
	if isMaster(c.series) {
		var from, to time.Time
		for _, o := range free {
			at, _ := momentOf(o.ID)
			if from.IsZero() || at.At.Before(from) {
				from = at.At
			}
			if at.At.After(to) {
				to = at.At
			}
		}
		slots, err := series.Expand(c.series.Item.Fields, from.Add(-day), to.Add(day))
		if err != nil {
			c.series.Unread = string(planner.ReasonSeriesUnreadable)
		}
		for _, s := range slots {
			c.patterned[instant("", s.Span.Start)] = s
		}
	}
	for at, o := range free {
		if _, has := c.patterned[at]; has || c.kept && !c.retimed {
			c.ours[at] = o
		} else {
			c.others[at] = o
		}
	}
	return c, nil
}

// moved pairs the rows that do not start where the pattern has a slot: they were moved before they were first seen. Each
// takes the nearest slot that is free, and what is left of the slots is vacated. Which of two moved rows had which slot
// cannot be told; the mailbox shows the same meetings either way. A row that finds no slot is an event of its own.
func (m *matcher) moved(ctx context.Context, c nativeCopy, rows []store.Staged) error {
	var gone, came []series.Occurrence
	byID := map[string]store.Staged{}
	for _, r := range rows {
		if start, known := startOf(r); known {
			byID[r.ID] = r
			gone = append(gone, series.Occurrence{ID: r.ID, Start: start})
		}
	}
	free := maps.Clone(c.ours)
	if c.retimed { // its slots lie where the rep has moved them
		maps.Copy(free, c.others)
	}
	for at, o := range free {
		start, _ := momentOf(o.ID)
		came = append(came, series.Occurrence{ID: at, Start: start})
	}
	for id, at := range series.Rekey(gone, came) {
		o := free[at]
		delete(c.ours, at)
		delete(c.others, at)
		if err := m.pairSlot(ctx, byID[id], o); err != nil {
			return err
		}
	}
	if err := m.withoutRow(ctx, c); err != nil {
		return err
	}
	if c.retimed && c.kept || !c.kept && c.series.Presence == planner.Deleted {
		// Slots of the series in any case, or perhaps: no row can be looked for, so they stay, and are not made in the CRM.
		return m.letBe(ctx, c.others, planner.ReasonTombstoned)
	}
	return nil
}

// letBe books occurrences of a copy with nothing to do.
func (m *matcher) letBe(ctx context.Context, rows map[string]store.Staged, why planner.Reason) error {
	for _, o := range rows {
		m.done[store.SideID{Side: record.Mailbox, ID: o.ID}] = true
		p := m.pair(nil)
		setSide(&p, record.Mailbox, o.Obs)
		if err := m.book(ctx, p, planner.Decision{Reason: why}); err != nil {
			return err
		}
	}
	return nil
}

// withoutRow settles the slots of a series for which no row was staged. The CRM is asked for a row there, one that has
// been let go or comes later; a slot without any was deleted.
func (m *matcher) withoutRow(ctx context.Context, c nativeCopy) error {
	switch {
	case c.series.Presence == planner.Present && c.series.Unread != "":
		return m.letBe(ctx, c.ours, planner.ReasonUnreadable)
	case c.series.Presence == planner.Present && !c.series.In: // another rep's by now, or left out by the policy
		return m.letBe(ctx, c.ours, c.series.Why)
	case c.series.Presence != planner.Present && c.series.Presence != planner.Deleted:
		return m.letBe(ctx, c.ours, planner.ReasonNoAccess)
	}
	maps.DeleteFunc(c.ours, func(_ string, o store.Staged) bool { return !o.Obs.In && o.Obs.Why == planner.ReasonOutsideWindow })
	keys := map[string]bool{}
	keysAt := func(at string, o store.Staged) []string {
		list := []string{record.NameKey(o.Obs.Item.Fields)}
		if s, has := c.patterned[at]; has {
			f := maps.Clone(c.series.Item.Fields)
			f[record.FieldTime] = s.Span.String()
			list = append(list, record.NameKey(f))
		}
		return slices.DeleteFunc(list, func(key string) bool { return key == "" })
	}
	for at, o := range c.ours {
		for _, key := range keysAt(at, o) {
			keys[key] = true
		}
	}
	found, err := m.find(ctx, connector.ByName, keysOf(keys))
	if err != nil {
		return err
	}
	for at, o := range c.ours {
		for _, key := range keysAt(at, o) {
			i := slices.IndexFunc(m.retake(record.Mailbox, found[key]), func(row planner.Candidate) bool {
				return !row.Taken && row.Item.Owner == m.sit.Rep.CRMUser && !row.Item.Partial
			})
			if i < 0 {
				continue
			}
			p := m.pair(nil)
			setSide(&p, record.Mailbox, o.Obs)
			m.done[store.SideID{Side: record.Mailbox, ID: o.ID}] = true
			delete(c.ours, at)
			if err := m.matched(ctx, record.Mailbox, p, found[key][i].Item.ID); err != nil {
				return err
			}
			m.done[store.SideID{Side: record.CRM, ID: found[key][i].Item.ID}] = true
			break
		}
	}
	return m.vacate(ctx, c.ours)
}

// vacant stands before the id of the CRM's half of a link whose row was deleted before the link was made.
const vacant = "deleted/"

// isVacant reports whether a CRM id is that of a row which no CRM has: it is as deleted as it was at first, and nobody is
// asked for it.
func isVacant(id string) bool { return strings.HasPrefix(id, vacant) }

// vacate deletes the occurrences of a copy for which the series has no row: they were deleted in the CRM before they had a
// link.
func (m *matcher) vacate(ctx context.Context, free map[string]store.Staged) error {
	for _, o := range free {
		at := store.SideID{Side: record.Mailbox, ID: o.ID}
		m.done[at] = true
		l := planner.Copied(o.Obs.Item, m.now)
		l.ID, l.CRM.ID = m.linkID(record.Mailbox, o.ID), vacant+m.linkID(record.Mailbox, o.ID)
		p := m.pair(&l)
		p.CRM.Presence = planner.Deleted
		setSide(&p, record.Mailbox, o.Obs)
		d, err := m.decideSeen(ctx, &p)
		if err != nil {
			return err
		}
		if d.Link == nil {
			d.Link = &l
		}
		if err := m.book(ctx, p, d); err != nil {
			return err
		}
	}
	return nil
}
