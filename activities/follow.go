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
	linked := map[string]planner.Link{}
	inside := func(at record.Moment) bool { return !at.At.Before(from) && at.At.Before(to) }
	retimed := u.retimed(links)
	var gone, came []series.Occurrence
	for _, l := range links {
		linked[l.Mailbox.ID] = l
		start, known := momentOf(l.Mailbox.ID)
		if l.Series() { // of the series as a whole
			continue
		}
		if _, there := u.there[l.Mailbox.ID]; there {
			continue
		}
		if ref := connector.ParseRef(l.Mailbox.ID); u.gone[l.Mailbox.ID] && (len(u.rule) == 0 || u.rule[instant(ref.ID, start)]) {
			continue // cancelled by itself; an exception that goes with its rule's change goes elsewhere
		}
		if at, began := u.first[l.Mailbox.ID]; began { // a single event that became a series is the first of it
			start = at
			if !inside(start) {
				l.Mailbox.ID = connector.Ref{ID: l.Mailbox.ID, Occurrence: start.Key()}.String()
				out.renamed = append(out.renamed, l)
				continue
			}
		} else if whole := connector.ParseRef(l.Mailbox.ID).ID; u.gone[whole] && whole != l.Mailbox.ID {
			// The whole series was deleted, also what of it lies outside the window.
		} else if known && !inside(start) && !retimed {
			continue // beyond the window nothing is known
		}
		gone = append(gone, series.Occurrence{ID: l.Mailbox.ID, Start: start})
	}
	for id, at := range u.there {
		if _, ok := linked[id]; !ok && (retimed || inside(at)) {
			came = append(came, series.Occurrence{ID: id, Start: at})
		}
	}
	moved := series.Rekey(gone, came)
	for _, g := range gone {
		l := linked[g.ID]
		if id, ok := moved[g.ID]; ok {
			l.Mailbox.ID = id
			out.renamed = append(out.renamed, l)
		} else if l.State == planner.Active && (inside(g.Start) || u.gone[connector.ParseRef(g.ID).ID]) {
			out.gone = append(out.gone, l)
		}
	}
	return out
}

// retimed reports whether the rules have moved as a whole: no linked occurrence starts where they have a slot any more. Then
// those beyond the window have moved as well, and one may have moved over its edge.
func (u *unrolled) retimed(links []planner.Link) bool {
	return len(u.rule) > 0 && !slices.ContainsFunc(links, func(l planner.Link) bool {
		at, known := momentOf(l.Mailbox.ID)
		return known && u.rule[instant(connector.ParseRef(l.Mailbox.ID).ID, at)]
	})
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

// follow lets the linked occurrences of a series go along that was moved into the future as a whole, out of the window: the
// first to the first, and so on. That is no delete.
func (f *fetcher) follow(masters []store.Staged, u *unrolled, moved *movedLinks, farTo time.Time) {
	if len(masters) != 1 || len(moved.gone) == 0 || len(u.there) > 0 || u.closed {
		return
	}
	m := masters[0]
	first := u.first[m.Obs.Item.ID]
	if first.At.Before(farTo) {
		return
	}
	slots, err := series.Expand(m.Obs.Item.Fields, first.At, first.At.AddDate(10, 0, 0))
	if err != nil {
		return
	}
	slices.SortFunc(moved.gone, func(a, b planner.Link) int {
		x, _ := momentOf(a.Mailbox.ID)
		y, _ := momentOf(b.Mailbox.ID)
		return x.At.Compare(y.At)
	})
	n := min(len(slots), len(moved.gone))
	for i, l := range moved.gone[:n] {
		r := f.occurrence(m, slots[i])
		l.Mailbox.ID = r.ID
		moved.renamed = append(moved.renamed, l)
		u.stage = append(u.stage, r)
	}
	moved.gone = moved.gone[n:]
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
		moves = append(moves, store.MovedClaim{LinkID: l.ID, CRMID: l.CRM.ID, Old: f.strongKeys(record.Event, connector.Item{Fields: old}),
			New: f.strongKeys(record.Event, r.Obs.Item)})
	}
	return f.a.Store.MoveClaims(ctx, f.org, record.Event, f.rep, moves)
}
