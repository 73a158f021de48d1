package activities

import (
	"context"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/series"
	"github.com/repsync/repsync/internal/store"
)

// Linked occurrences whose series was changed: retimed, moved, cut, made single or made a series.

// links that follow their series elsewhere, and those whose occurrence is gone.
type movedLinks struct{ renamed, gone []planner.Link }

// settleLinks pairs the linked occurrences that are there no more with those that came in their place. whole says that the
// family is known as a whole inside the window.
func (u *unrolled) settleLinks(links []planner.Link, whole bool, from, to time.Time) (out movedLinks) {
	if !whole || u.closed {
		return out
	}
	linked := map[string][]planner.Link{} // one that is left may stand beside the one that came after it
	inside := func(at record.Moment) bool { return !at.At.Before(from) && at.At.Before(to) }
	var gone, came []series.Occurrence
	for _, l := range links {
		linked[l.Mailbox.ID] = append(linked[l.Mailbox.ID], l)
		start, known := momentOf(l.Mailbox.ID)
		if _, there := u.there[l.Mailbox.ID]; there || l.Series() { // Series: of the series as a whole
			continue
		}
		ref := connector.ParseRef(l.Mailbox.ID)
		inRule := known && u.rule[instant(ref.ID, start)]
		switch at, began := u.first[l.Mailbox.ID]; {
		case u.gone[l.Mailbox.ID] && (len(u.rule) == 0 || inRule):
			continue // cancelled by itself; an exception that goes with its rule's change goes elsewhere
		case inRule: // not shown, and not cancelled: moved out of sight, perhaps
			if l.State == planner.Active && inside(start) {
				out.gone = append(out.gone, l)
			}
			continue
		case began && !inside(at): // a single event that became a series is the first of it
			l.Mailbox.ID = connector.Ref{ID: l.Mailbox.ID, Occurrence: at.Key()}.String()
			out.renamed = append(out.renamed, l)
			continue
		case began:
			start = at
		}
		if len(linked[l.Mailbox.ID]) == 1 {
			gone = append(gone, series.Occurrence{ID: l.Mailbox.ID, Start: start})
		}
	}
	for id, at := range u.there {
		if _, ok := linked[id]; !ok {
			came = append(came, series.Occurrence{ID: id, Start: at})
		}
	}
	moved := paired(gone, came, len(came) == len(u.there))
	for _, g := range gone {
		for _, l := range linked[g.ID] {
			if id, ok := moved[g.ID]; ok {
				l.Mailbox.ID = id
				out.renamed = append(out.renamed, l)
			} else if l.State == planner.Active && (inside(g.Start) || u.gone[connector.ParseRef(g.ID).ID]) {
				out.gone = append(out.gone, l)
			}
		}
	}
	return out
}

// paired says which of the occurrences that came stand for those that are gone. whole says that none stayed: the series may
// have been moved further than neighbours lie apart.
func paired(gone, came []series.Occurrence, whole bool) map[string]string {
	moved := series.Rekey(gone, came)
	if !whole || len(moved) == len(gone) {
		return moved
	}
	if all, ok := series.Shifted(gone, came); ok {
		return all
	}
	if len(moved) > 0 || len(came) == 0 {
		return moved
	}
	byStart := func(a, b series.Occurrence) int { return a.Start.At.Compare(b.Start.At) }
	slices.SortFunc(gone, byStart)
	slices.SortFunc(came, byStart)
	if came[0].Start.At.After(gone[len(gone)-1].Start.At) { // moved into the future, and its rule changed: the first to the first
		for i := range min(len(gone), len(came)) {
			moved[gone[i].ID] = came[i].ID
		}
	}
	return moved
}

// reach widens the window so that a series that is retimed is seen beyond its edges, as far as its occurrences are linked.
func reach(links []planner.Link, from, to time.Time) (farFrom, farTo time.Time) {
	const edge = 8 * day // Rekey looks for a week
	for _, l := range links {
		if at, known := momentOf(l.Mailbox.ID); known && at.At.Before(from) {
			from = at.At
		} else if known && at.At.After(to) {
			to = at.At
		}
	}
	return from.Add(-edge), to.Add(edge)
}

// ahead widens the window on for a series that was moved into the future as a whole, however far: as many of its occurrences
// are seen as are linked, so that each link finds its own. To leave the window is no delete.
func ahead(masters []store.Staged, links []planner.Link, to time.Time) time.Time {
	if len(masters) != 1 {
		return to
	}
	m := masters[0].Obs.Item
	first, known := startOf(store.Staged{ID: m.ID, Obs: masters[0].Obs})
	n, stayed := 0, !known
	for _, l := range links {
		if at, known := momentOf(l.Mailbox.ID); known && !l.Series() {
			n++
			stayed = stayed || !at.At.Before(first.At)
		}
	}
	if n == 0 || stayed {
		return to
	}
	slots, err := series.Expand(m.Fields, first.At, first.At.AddDate(10, 0, 0))
	if err != nil || len(slots) == 0 {
		return to
	}
	if last := slots[min(n, len(slots))-1].Span.Start.At; !last.Before(to) {
		to = last.Add(day)
	}
	return to
}

// outside takes out of what is to be staged the occurrences beyond the window that nothing is linked to: they were only
// looked for.
func (u *unrolled) outside(links, renamed []planner.Link, from, to time.Time) {
	linked := map[string]bool{}
	for _, l := range append(slices.Clone(links), renamed...) {
		linked[l.Mailbox.ID] = true
	}
	u.stage = slices.DeleteFunc(u.stage, func(r store.Staged) bool {
		span, err := record.ParseSpan(r.Obs.Item.Fields[record.FieldTime])
		return r.Obs.Follows && r.Obs.Presence == planner.Present && !linked[r.ID] && err == nil &&
			(!span.End.At.After(from) && span.Start.At.Before(from) || !span.Start.At.Before(to))
	})
}

// missed returns the links whose occurrence the series does not have any more, as of the series' last change: it is known to
// be gone since then, and not only in doubt.
func (u *unrolled) missed(masters []store.Staged, links, renamed []planner.Link) []planner.Link {
	var out []planner.Link
	for _, l := range links {
		ref := connector.ParseRef(l.Mailbox.ID)
		_, there := u.there[l.Mailbox.ID]
		if u.closed || there || ref.Occurrence == "" || l.State != planner.Active || slices.ContainsFunc(renamed, func(r planner.Link) bool { return r.ID == l.ID }) {
			continue
		}
		for _, m := range masters {
			if at := m.Obs.Item.Version.At; m.Obs.Item.ID == ref.ID && at.After(l.Mailbox.Version.At) {
				l.Mailbox.Version.At = at
				out = append(out, l)
			}
		}
	}
	return out
}

// reclaim moves the org-wide claims of meetings along with their occurrences, so that another rep's copy meets the same
// record.
func (f *fetcher) reclaim(ctx context.Context, links []planner.Link, rows []store.Staged, renamed []planner.Link) error {
	byID, was := keyedRows(rows), map[string]string{}
	for _, l := range links {
		was[l.ID] = l.Mailbox.ID
	}
	var moves []store.MovedClaim
	for _, l := range renamed {
		r, ok := byID[l.Mailbox.ID]
		if !ok || l.CRM.ID == "" || r.Obs.Presence != planner.Present {
			continue
		}
		old := record.Fields{record.FieldUID: r.Obs.Item.Fields[record.FieldUID], record.FieldOccurrence: connector.ParseRef(was[l.ID]).Occurrence,
			record.FieldTime: r.Obs.Item.Fields[record.FieldTime]}
		moves = append(moves, store.MovedClaim{Rep: f.rep, LinkID: l.ID, CRMID: l.CRM.ID, Old: f.strongKeys(record.Event, connector.Item{Fields: old}),
			New: f.strongKeys(record.Event, r.Obs.Item)})
	}
	return f.a.Store.MoveClaims(ctx, f.org, f.rep, f.epoch, record.Event, moves)
}

// namesBefore lists the ids that renamed items had.
func namesBefore(links, renamed []planner.Link) []string {
	was := map[string]string{}
	for _, l := range links {
		was[l.ID] = l.Mailbox.ID
	}
	var ids []string
	for _, l := range renamed {
		ids = append(ids, was[l.ID])
	}
	return ids
}

// doubt takes out of what was read by id the occurrences that are gone because their series has just changed: they may be
// there under another start. The next Fetch reads the series and knows.
func (s *session) doubt(ctx context.Context, k record.Kind, side record.Side, rows map[string]store.Staged) error {
	if k != record.Event || side != record.Mailbox {
		return nil
	}
	masters, ids := map[string]bool{}, map[string]bool{}
	for id, r := range rows {
		if ref := connector.ParseRef(id); ref.Occurrence != "" && r.Obs.Presence == planner.Deleted {
			masters[ref.ID], ids[id] = true, true
		}
	}
	if len(ids) == 0 {
		return nil
	}
	links, err := s.a.Store.LinksBySide(ctx, s.org, s.rep, k, side, keysOf(ids))
	if err != nil {
		return err
	}
	d, err := s.get(ctx, k, side, keysOf(masters))
	if err != nil {
		return err
	}
	changed := map[string]time.Time{}
	for _, it := range d.Items {
		if it.Fields[record.FieldRecurrence] != "" {
			changed[it.ID] = it.Version.At
		}
	}
	for id := range ids {
		if at, there := changed[connector.ParseRef(id).ID]; there && links[id].State == planner.Active && at.After(links[id].Mailbox.Version.At) {
			delete(rows, id)
		}
	}
	return nil
}
