package activities

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/series"
	"github.com/repsync/repsync/internal/store"
)

// A series that people made in the CRM is copied to the mailbox as one series (docs/decisions/0002). Its record is linked to the mailbox's
// master, and that link does nothing but make the copy: from then on each occurrence is a row of its own that is linked to
// the mailbox's occurrence in its slot, so that nothing that happens to a pattern can reach what was held in the past.

// seriesRecord plans the record of a native series, which has no link yet, and lets one that has be. A series whose pattern
// has no occurrence inside the window is outside of it.
func (m *matcher) seriesRecord(ctx context.Context, r store.Staged, l *planner.Link) error {
	at := store.SideID{Side: r.Side, ID: r.ID}
	if r.Obs.Presence == planner.Present && r.Obs.Unread == "" && (l == nil || l.Mailbox.ID == "" && l.State == planner.Active) {
		from, to := m.window()
		slots, err := series.Expand(r.Obs.Item.Fields, from, to)
		if err == nil && len(slots) == 0 && r.Obs.In {
			r.Obs.In, r.Obs.Why = false, planner.ReasonOutsideWindow
		}
		p := m.pair(l)
		setSide(&p, r.Side, r.Obs)
		d, err := m.decideOn(ctx, p)
		if err != nil {
			return err
		}
		for _, op := range d.Ops {
			if op.Side == record.Mailbox && op.Verb == connector.Create && len(slots) > 0 {
				startAt(op.Set, slots[0])
			}
		}
		return m.book(ctx, p, d)
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

// startAt lets a series that is about to be created begin with one of its slots, if the rest of its pattern can be said
// exactly without what came before: what lies before the window is not created.
func startAt(set record.Fields, slot series.Slot) {
	first, err := record.ParseSpan(set[record.FieldTime])
	if err != nil || set[record.FieldRecurrence] == "" || !first.Start.At.Before(slot.Span.Start.At) {
		return
	}
	before, err := series.Expand(set, first.Start.At, slot.Span.Start.At)
	if err != nil {
		return
	}
	lines := strings.Split(set[record.FieldRecurrence], "\n")
	for i, line := range lines {
		lines[i] = fewer(line, len(before))
	}
	short := record.Fields{record.FieldTime: slot.Span.String(), record.FieldRecurrence: strings.Join(lines, "\n")}
	end := slot.Span.Start.At.AddDate(10, 0, 0)
	was, err := series.Expand(set, slot.Span.Start.At, end)
	if err != nil {
		return
	}
	was = slices.DeleteFunc(was, func(s series.Slot) bool { return s.Span.Start.At.Before(slot.Span.Start.At) })
	now, err := series.Expand(short, slot.Span.Start.At, end)
	if err == nil && slices.EqualFunc(was, now, func(a, b series.Slot) bool { return a.Key == b.Key && a.Span.String() == b.Span.String() }) {
		maps.Copy(set, short)
	}
}

// fewer takes n off the COUNT of a line, if it has one.
func fewer(line string, n int) string {
	name, value, ok := strings.Cut(line, ":")
	if !ok {
		return line
	}
	parts := strings.Split(value, ";")
	for i, part := range parts {
		if text, is := strings.CutPrefix(part, "COUNT="); is {
			if count, err := strconv.Atoi(text); err == nil {
				parts[i] = "COUNT=" + strconv.Itoa(count-n)
			}
		}
	}
	return name + ":" + strings.Join(parts, ";")
}

// native pairs the rows of native series with the occurrences of the mailbox's copies of them, before anything else is
// matched. Rows whose series has no copy yet wait for it. An occurrence of a copy that has no link is looked after here,
// whether a row came with it or not: it is never taken for the rep's own event as long as the pattern has it.
func (m *matcher) native(ctx context.Context, found unpaired) error {
	if m.k != record.Event {
		return nil
	}
	rows, copies := found.rows, found.copies
	ids := map[string]bool{}
	for id := range rows {
		ids[id] = true
	}
	masters, err := m.a.Store.LinksBySide(ctx, m.org, m.rep, m.k, record.CRM, keysOf(ids))
	if err != nil {
		return err
	}
	copied, err := m.a.Store.LinksBySide(ctx, m.org, m.rep, m.k, record.Mailbox, keysOf(copies))
	if err != nil {
		return err
	}
	for _, l := range copied {
		if l.Series() {
			masters[l.CRM.ID], ids[l.CRM.ID] = l, true
		}
	}
	for _, id := range keysOf(ids) {
		l, ok := masters[id]
		switch {
		case ok && (l.State == planner.Active || l.State == planner.Tombstone && copies[l.Mailbox.ID]):
			if err := m.slots(ctx, l, rows[id]); err != nil {
				return err
			}
		case !ok && m.rules.Direction != "mailbox_to_crm":
			if err := m.firstCopied(ctx, id, rows[id]); err != nil {
				return err
			}
		}
	}
	return nil
}

// unpaired is what has no link yet: CRM rows by the native series that they are of, and which series of the mailbox have
// occurrences without one.
type unpaired struct {
	rows   map[string][]store.Staged
	copies map[string]bool
}

// add takes in a row that has no link.
func (u unpaired) add(r store.Staged) {
	ref, id := connector.ParseRef(r.ID), r.Obs.Item.Fields[record.FieldSeries]
	switch {
	case r.Side == record.Mailbox && ref.Occurrence != "":
		u.copies[ref.ID] = true
	case r.Side == record.CRM && id != "" && r.Obs.In:
		u.rows[id] = append(u.rows[id], r)
	}
}

// firstCopied lets the rows of a series that has no copy yet wait for it, if its record makes one in this pass. Where it
// does not, because its pattern has nothing inside the window or the policy leaves it out, they are events of their own.
func (m *matcher) firstCopied(ctx context.Context, id string, rows []store.Staged) error {
	at := store.SideID{Side: record.CRM, ID: id}
	staged, err := m.a.Store.StagedByID(ctx, m.org, m.rep, m.k, record.CRM, []string{id})
	if err != nil {
		return err
	}
	r, ok := staged[id]
	if !ok {
		seen, err := m.look(ctx, planner.Sides[map[string]bool]{CRM: map[string]bool{id: true}})
		if err != nil {
			return err
		}
		r = store.Staged{Kind: m.k, Side: record.CRM, ID: id, Pass: m.pass, Obs: seen[at]}
	}
	if !isMaster(r.Obs) || !r.Obs.In {
		return nil
	}
	from, to := m.window()
	if slots, err := series.Expand(r.Obs.Item.Fields, from, to); err == nil && len(slots) == 0 {
		return nil
	}
	m.await(rows)
	if ok {
		return nil // it comes with its page
	}
	m.done[at] = true
	return m.seriesRecord(ctx, r, nil)
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
	here := staged[master.Mailbox.ID]
	linked, err := m.linksOf(ctx, m.k, here) // those that are left too
	if err != nil {
		return err
	}
	free := map[string]store.Staged{}
	for _, o := range here {
		_, taken := linked[store.SideID{Side: record.Mailbox, ID: o.ID}]
		if at, known := momentOf(o.ID); known && !taken && o.Obs.Presence == planner.Present {
			free[instant("", at)] = o
		}
	}
	if len(links[master.Mailbox.ID]) == 1 && len(linked) == 0 && len(free) == 0 { // the copy was made and has not been read yet
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
	if len(free) == 0 {
		return nil
	}
	c, err := m.copyOf(ctx, master, free)
	if err != nil {
		return err
	}
	return m.moved(ctx, c, moved)
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
