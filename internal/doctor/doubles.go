package doctor

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// keyOf is the marker's part that names a create.
func keyOf(l planner.Link) string { return fmt.Sprintf("%s.%d", l.ID, l.Generation) }

// doubles looks on each side for several items with the marker of one link that Repsync made there.
func (p *patient) doubles(ctx context.Context, marked map[sideOf]map[string]string) error {
	for _, k := range kinds {
		for _, side := range sides {
			at := sideOf{k, side}
			keys := slices.Sorted(maps.Keys(marked[at]))
			if p.only != nil {
				keys = slices.DeleteFunc(keys, func(key string) bool { return !p.only[marked[at][key]] })
			}
			if len(keys) == 0 {
				continue
			}
			caps, ok, err := p.caps(ctx, at)
			if err != nil || !ok {
				return err
			}
			for some := range slices.Chunk(keys, max(caps.FindBatch, 1)) {
				if err := p.doublesOf(ctx, at, some, marked[at]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (p *patient) doublesOf(ctx context.Context, at sideOf, keys []string, links map[string]string) error {
	if p.silent[at] {
		return nil
	}
	if err := p.alive(ctx); err != nil {
		return err
	}
	found, err := p.side(at.side).Find(ctx, at.kind, connector.ByKey, keys, nil)
	if connector.ClassOf(err) == connector.Unsupported {
		return nil // the vendor keeps no markers of this kind
	}
	if err != nil {
		return p.refused(at, err)
	}
	for _, key := range keys {
		ids := map[string]bool{}
		for _, it := range found[key] {
			if !it.Deleted {
				ids[it.String()] = true
			}
		}
		if len(ids) < 2 {
			continue
		}
		for _, id := range slices.Sorted(maps.Keys(ids)) {
			p.note(Finding{Code: MarkerDouble, Kind: at.kind, Side: at.side, Item: id, Link: links[key]}, nil)
		}
	}
	return nil
}

// twice notes links in force that have one item. The older one keeps it. What the other link leaves in the mailbox is
// buried, so that it is neither written to nor copied again; what it leaves in the CRM is matched anew.
func (p *patient) twice(r linkReading) {
	for _, at := range slices.Sorted(maps.Keys(r.byCRM)) {
		for _, row := range newer(r.byCRM[at]) {
			l := row.Link
			p.note(Finding{Code: LinkTwice, Kind: row.Kind, Side: record.CRM, Item: l.CRM.ID, Link: l.ID}, func(r *store.Repair) {
				if l.Mailbox.ID == "" {
					drop(r, row.Kind, l.ID)
					return
				}
				r.Bury = append(r.Bury, store.LinkOf{Kind: row.Kind, ID: l.ID})
			})
		}
	}
	for _, at := range slices.Sorted(maps.Keys(r.byBox)) {
		oldest := r.byBox[at][0]
		for _, row := range newer(r.byBox[at]) {
			l := row.Link
			f := Finding{Code: LinkTwice, Kind: row.Kind, Side: record.Mailbox, Item: l.Mailbox.ID, Link: l.ID}
			if l.Mailbox.ID != oldest.Link.Mailbox.ID {
				f.Code = LinkSlotTwice
				p.note(f, nil)
				continue
			}
			p.note(f, func(r *store.Repair) { drop(r, row.Kind, l.ID); r.Reread = true })
		}
	}
}

// newer returns the links but the one that keeps the item: in force before buried, then the oldest.
func newer(rows []store.LinkRow) []store.LinkRow {
	slices.SortFunc(rows, func(a, b store.LinkRow) int {
		return cmp.Or(cmp.Compare(a.Link.State, b.Link.State), cmp.Compare(a.N, b.N)) // "active" sorts before "tombstone"
	})
	return rows[1:]
}
