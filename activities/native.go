package activities

import (
	"context"
	"strings"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/series"
	"github.com/repsync/repsync/internal/store"
)

// A series that people made in the CRM is copied to the mailbox as one series (docs/decisions/0002). Its record is linked to the mailbox's
// master, and that link does nothing but make the copy: from then on each occurrence is a row of its own that is linked to
// the mailbox's occurrence in its slot, so that nothing that happens to a pattern can reach what was held in the past.

// seriesRecord plans the record of a native series, which has no link yet, and lets one that has be.
func (m *matcher) seriesRecord(ctx context.Context, r store.Staged, l *planner.Link) error {
	at := store.SideID{Side: r.Side, ID: r.ID}
	if r.Obs.Presence == planner.Present && r.Obs.Unread == "" && (l == nil || l.Mailbox.ID == "" && l.State == planner.Active) {
		p := m.pair(l)
		setSide(&p, r.Side, r.Obs)
		return m.decideAlone(ctx, p)
	}
	m.batch.Unstage = append(m.batch.Unstage, at)
	m.batch.Verdicts = append(m.batch.Verdicts, m.verdict(m.k, r.Side, r.ID, planner.Decision{Reason: planner.ReasonSeriesMaster}, l))
	if l != nil && l.State == planner.Active && r.Obs.Presence == planner.Deleted { // it is not made again
		over := *l
		over.State = planner.Tombstone
		m.batch.Links = append(m.batch.Links, over)
	}
	return nil
}

// native pairs the rows of native series with the occurrences of the mailbox's copies of them, before anything else is
// matched. Rows whose series has no copy yet wait for it.
func (m *matcher) native(ctx context.Context) error {
	if m.k != record.Event {
		return nil
	}
	rows := map[string][]store.Staged{}
	for after := ""; ; {
		page, err := m.a.Store.StagedPage(ctx, m.org, m.rep, m.k, after, 5*chunk, store.StagedFilter{Side: record.CRM})
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].Place()
		links, err := m.linksOf(ctx, m.k, page)
		if err != nil {
			return err
		}
		for _, r := range page {
			id := r.Obs.Item.Fields[record.FieldSeries]
			if _, linked := links[store.SideID{Side: record.CRM, ID: r.ID}]; id != "" && !linked && r.Obs.Presence == planner.Present && r.Obs.In {
				rows[id] = append(rows[id], r)
			}
		}
	}
	ids := map[string]bool{}
	for id := range rows {
		ids[id] = true
	}
	masters, err := m.a.Store.LinksBySide(ctx, m.org, m.rep, m.k, record.CRM, keysOf(ids))
	if err != nil {
		return err
	}
	for _, id := range keysOf(ids) {
		if l, ok := masters[id]; ok && l.State == planner.Active {
			if err := m.slots(ctx, l, rows[id]); err != nil {
				return err
			}
		} else if !ok && m.rules.Direction != "mailbox_to_crm" {
			m.await(rows[id]) // the series' own record makes the copy in this pass, if it is there
		}
	}
	return nil
}

// await leaves rows staged for the next pass.
func (m *matcher) await(rows []store.Staged) {
	for _, r := range rows {
		m.awaits[r.ID] = true
	}
}

// slots pairs rows of one native series with the occurrences of its copy: those that start where the pattern has them, and
// then those that were moved.
func (m *matcher) slots(ctx context.Context, master planner.Link, rows []store.Staged) error {
	if master.Mailbox.ID == "" {
		m.await(rows)
		return nil
	}
	staged, err := m.a.Store.StagedOfSeries(ctx, m.org, m.rep, []string{master.Mailbox.ID})
	if err != nil {
		return err
	}
	links, err := m.a.Store.LinksOfSeries(ctx, m.org, m.rep, []string{master.Mailbox.ID})
	if err != nil {
		return err
	}
	linked, free := map[string]bool{}, map[string]store.Staged{}
	for _, l := range links[master.Mailbox.ID] {
		linked[l.Mailbox.ID] = true
	}
	for _, o := range staged[master.Mailbox.ID] {
		if at, known := momentOf(o.ID); known && !linked[o.ID] && o.Obs.Presence == planner.Present {
			free[instant("", at)] = o
		}
	}
	if len(linked) == 1 && len(free) == 0 { // the copy was made and has not been read yet
		m.await(rows)
		return nil
	}
	var moved []store.Staged
	for _, r := range rows {
		span, err := record.ParseSpan(r.Obs.Item.Fields[record.FieldTime])
		o, ok := free[instant("", span.Start)]
		if err != nil || !ok {
			moved = append(moved, r)
			continue
		}
		delete(free, instant("", span.Start))
		if err := m.pairSlot(ctx, r, o); err != nil {
			return err
		}
	}
	return m.moved(ctx, moved, free)
}

// moved pairs the rows that do not start where the pattern has a slot: they were moved before they were first seen. Each
// takes the nearest slot that is free, and what is left of the slots is vacated. Which of two moved rows had which slot
// cannot be told; the mailbox shows the same meetings either way. A row that finds no slot is an event of its own.
func (m *matcher) moved(ctx context.Context, rows []store.Staged, free map[string]store.Staged) error {
	var gone, came []series.Occurrence
	byID := map[string]store.Staged{}
	for _, r := range rows {
		if start, known := startOf(r); known {
			byID[r.ID] = r
			gone = append(gone, series.Occurrence{ID: r.ID, Start: start})
		}
	}
	for at, o := range free {
		start, _ := momentOf(o.ID)
		came = append(came, series.Occurrence{ID: at, Start: start})
	}
	for id, at := range series.Rekey(gone, came) {
		o := free[at]
		delete(free, at)
		if err := m.pairSlot(ctx, byID[id], o); err != nil {
			return err
		}
	}
	return m.vacate(ctx, free)
}

// pairSlot links a row of a native series to the occurrence in its slot.
func (m *matcher) pairSlot(ctx context.Context, r, o store.Staged) error {
	p := m.pair(nil)
	setSide(&p, record.CRM, r.Obs)
	m.done[store.SideID{Side: record.CRM, ID: r.ID}] = true
	if err := m.matched(ctx, record.CRM, p, o.ID); err != nil {
		return err
	}
	m.done[store.SideID{Side: record.Mailbox, ID: o.ID}] = true
	return nil
}

// vacant stands before the id of the CRM's half of a link whose row was deleted before the link was made.
const vacant = "deleted/"

// isVacant reports whether a CRM id is that of a row which no CRM has: it is as deleted as it was at first, and nobody is
// asked for it.
func isVacant(id string) bool { return strings.HasPrefix(id, vacant) }

// vacate deletes the occurrences of a copy for which the series has no row: they were deleted in the CRM before the copy
// was made.
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

// oneWay lets a native series' occurrence receive nothing from the mailbox: since API version 58 Salesforce takes an update
// of one occurrence for one of all (Object Reference, Event). What the rep edits there stays there; a delete is one row's.
func oneWay(p planner.Pair) planner.Pair {
	if p.CRM.Presence != planner.Present || p.CRM.Item.Fields[record.FieldSeries] == "" || p.Mailbox.Presence == planner.Deleted {
		return p
	}
	switch p.Rules.Direction {
	case "both":
		p.Rules.Direction = "crm_to_mailbox"
	case "mailbox_to_crm":
		p.Rules.Direction = "off"
	}
	return p
}
