package activities

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// stage turns what a side showed into observations and stores them together with the cursor. A cursor without a kind is
// not stored: the items were looked up by id.
func (f *fetcher) stage(ctx context.Context, k record.Kind, side record.Side, d connector.Delta, cur store.Cursor) error {
	if err := f.hold(ctx); err != nil {
		return err
	}
	rows, err := f.observe(ctx, k, side, d)
	if err != nil {
		return err
	}
	// A tag proves the mapped fields only: what a filter reads may have changed beside them.
	always := f.reread || side == record.CRM && f.policy.Sync(k).Filter != ""
	for i := range rows {
		if k == record.Event && side == record.Mailbox && isMaster(rows[i].Obs) {
			rows[i].ID += masterMark
		}
		rows[i].ReadNo = cur.ReadNo
		rows[i].Always = always || cur.Kind == "" // looked up because somebody wants it planned
		if cur.Full && k == record.Event && connector.ParseRef(rows[i].ID).Occurrence != "" {
			rows[i].Always = true // its series is unrolled by what is staged: where an exception is missing, the rule would speak for it
		}
	}
	if planted.Is(planted.CursorEarly) && cur.Kind != "" {
		if err := f.a.Store.Stage(ctx, f.org, f.rep, f.epoch, nil, cur); err != nil {
			return err
		}
		cur, f.moved = store.Cursor{Full: cur.Full}, true
	}
	f.staged += len(rows)
	f.moved = f.moved || cur.Kind != ""
	f.a.at(PointStage)
	for {
		part := portion(rows)
		if part == len(rows) {
			return f.a.Store.Stage(ctx, f.org, f.rep, f.epoch, rows, cur)
		}
		// The cursor goes with the last portion: should this be all that is staged, the page is read again.
		if err := f.a.Store.Stage(ctx, f.org, f.rep, f.epoch, rows[:part], store.Cursor{}); err != nil {
			return err
		}
		rows = rows[part:]
	}
}

// stageBytes is about how much is staged at once: a sealed row is in memory several times while it is written.
const stageBytes = 4 << 20

// portion is how many of the first rows are staged at once, at least one: all of them, unless they are uncommonly large.
func portion(rows []store.Staged) int {
	size := 0
	for i, r := range rows {
		size += len(r.Obs.Item.Image)
		for _, v := range r.Obs.Item.Fields {
			size += len(v)
		}
		if size > stageBytes && i > 0 {
			return i
		}
	}
	return len(rows)
}

// observe makes observations of what a side showed: stale copies are read again, what the rep may not see is taken out,
// and what could not be decoded counts as present.
func (s *session) observe(ctx context.Context, k record.Kind, side record.Side, d connector.Delta) ([]store.Staged, error) {
	d, err := s.freshen(ctx, k, side, d)
	if err != nil {
		return nil, err
	}
	var rows []store.Staged
	for _, it := range d.Items {
		rows = append(rows, store.Staged{ID: it.ID, Obs: planner.Observation{Presence: planner.Present, Item: it, Editable: true}})
	}
	for _, g := range d.Gone {
		presence := planner.NoSight
		if g.Deleted {
			presence = planner.Deleted
		}
		rows = append(rows, store.Staged{ID: g.ID, Obs: planner.Observation{Presence: presence}})
	}
	for ref, bad := range d.Bad {
		it := connector.Item{Ref: ref}
		rows = append(rows, store.Staged{ID: ref.ID, Obs: planner.Observation{Presence: planner.Present, Item: it, Editable: true, Unread: codeOf(bad)}})
	}
	for i := range rows {
		r := &rows[i]
		if r.ID == "" { // nothing could ever be done with it, nor without it: the answer is not to be trusted
			return nil, &connector.Error{Class: connector.Retry, Code: "item_without_id", Op: "read the " + string(side)}
		}
		r.Kind, r.Side, r.Pass = k, side, s.pass
		s.unmark(&r.Obs)
		if side == record.Mailbox && r.Obs.Presence == planner.Present {
			r.Keys, r.Series = s.matchKeys(k, r.Obs.Item), s.seriesKey(r.Obs.Item)
		}
	}
	if side == record.CRM && len(rows) > 0 { // a place alone is noted without asking who may see what
		if err := s.asSeenBy(ctx, k, rows); err != nil {
			return nil, err
		}
	}
	return rows, s.enrich(ctx, k, side, rows)
}

// freshen replaces copies that are older than what the link's base already knows: a vendor's feed may lag behind our own
// write, and an old copy must never pass for an edit. So it does with records that were logged before the policy read the
// fields that it reads now: a field that was not asked for is not null. It also follows items to their new ids.
func (s *session) freshen(ctx context.Context, k record.Kind, side record.Side, d connector.Delta) (connector.Delta, error) {
	var ids []string
	merged := map[string]bool{}
	for _, it := range d.Items {
		ids = append(append(ids, it.ID), it.Previous...)
		for _, old := range it.Previous {
			merged[old] = true
		}
	}
	for _, g := range d.Gone {
		if g.Into != "" {
			ids = append(ids, g.ID, g.Into)
		}
	}
	if len(ids) == 0 {
		return d, nil
	}
	links, err := s.a.Store.LinksBySide(ctx, s.org, s.rep, k, side, ids)
	if err != nil {
		return d, err
	}
	extra, err := s.extra(k)
	if err != nil {
		return d, err
	}
	stale, err := s.followMerges(ctx, k, side, &d, links, merged)
	if err != nil {
		return d, err
	}
	keep := d.Items[:0:0]
	for _, it := range d.Items {
		base := links[it.ID].Mailbox.Version
		if side == record.CRM {
			base = links[it.ID].CRM.Version
		}
		old := it.Version.At.Before(base.At) && it.Version.Tag != base.Tag && !planted.Is(planted.BaseFromOlder)
		if old || side == record.CRM && lacks(it.Raw, extra) {
			stale = append(stale, it.ID)
			continue
		}
		keep = append(keep, it)
	}
	if err := s.followRenames(ctx, k, side, keep, links); err != nil {
		return d, err
	}
	d.Items = keep
	if len(stale) == 0 {
		return d, nil
	}
	fresh, err := s.get(ctx, k, side, stale)
	d.Items = append(d.Items, fresh.Items...)
	d.Gone = append(d.Gone, fresh.Gone...)
	if d.Bad == nil {
		d.Bad = map[connector.Ref]error{}
	}
	maps.Copy(d.Bad, fresh.Bad)
	return d, err
}

// followMerges takes merges for what they are: a merge is no delete. The link of an item that was merged into one without a
// link moves there, and that item is to be read; one that was merged into an item with a link of its own is out of sight.
func (s *session) followMerges(ctx context.Context, k record.Kind, side record.Side, d *connector.Delta, links map[string]planner.Link, merged map[string]bool) (look []string, err error) {
	var moved []planner.Link
	keep := d.Gone[:0:0]
	for _, g := range d.Gone {
		l, linked := links[g.ID]
		_, taken := links[g.Into]
		switch {
		case g.Into != "" && linked && l.State == planner.Active && !taken:
			if side == record.CRM {
				l.CRM.ID = g.Into
			} else {
				l.Mailbox.ID = g.Into
			}
			moved = append(moved, l)
			links[g.Into] = l
			look = append(look, g.Into)
			continue
		case g.Into != "" || merged[g.ID]:
			g.Deleted = false
		}
		keep = append(keep, g)
	}
	d.Gone = keep
	if len(moved) == 0 {
		return nil, nil
	}
	return look, s.a.Store.PutLinks(ctx, s.org, s.rep, s.epoch, k, moved)
}

// lacks reports whether a record was read without one of these fields.
func lacks(raw map[string]any, fields []string) bool {
	return slices.ContainsFunc(fields, func(path string) bool {
		in := raw
		for {
			name, rest, dotted := strings.Cut(path, ".")
			v, ok := in[name]
			if !ok {
				return true
			}
			if !dotted {
				return false
			}
			parent, nested := v.(map[string]any)
			if !nested {
				return false // a null parent has null fields
			}
			in, path = parent, rest
		}
	})
}

// followRenames moves links to the new ids of items that were merged or renamed: the same link, and no write. The link of a
// series as a whole stays: who splits it makes a second one, and the first goes on under its id. What was noted under an
// id that no item has any more is forgotten: it would pass for a second item.
func (s *session) followRenames(ctx context.Context, k record.Kind, side record.Side, items []connector.Item, links map[string]planner.Link) error {
	var moved []planner.Link
	gone := map[string]bool{}
	for _, it := range items {
		for _, old := range it.Previous {
			l, ok := links[old]
			gone[old] = gone[old] || !ok && old != it.ID
			if _, taken := links[it.ID]; !ok || taken || old == it.ID || l.Series() {
				continue
			}
			if side == record.CRM {
				l.CRM.ID = it.ID
			} else {
				l.Mailbox.ID = it.ID
			}
			moved = append(moved, l)
			links[it.ID] = l
			gone[old] = true
		}
	}
	if len(moved) > 0 {
		if err := s.a.Store.PutLinks(ctx, s.org, s.rep, s.epoch, k, moved); err != nil {
			return err
		}
	}
	return s.a.Store.Forget(ctx, s.org, s.rep, s.epoch, k, side, keysOf(gone))
}

// marker is what an item carries of ours: "<org>/<link id>.<generation>".
func marker(org, key string) string { return org + "/" + key }

// unmark reads the marker: our own key without the org, or another org's, which makes the item foreign.
func (s *session) unmark(o *planner.Observation) {
	org, key, ok := strings.Cut(o.Item.Key, "/")
	switch {
	case o.Item.Key == "":
	case ok && (org == s.org || planted.Is(planted.ForeignAccepted)):
		o.Item.Key = key
	default:
		o.Foreign = true
	}
}

// matchKeys are the lookup hashes by which an item is found again: its addresses, its name with its company, its marker.
func (s *session) matchKeys(k record.Kind, it connector.Item) [][]byte {
	var keys [][]byte
	for _, key := range planner.StrongKeys(it.Fields) {
		keys = append(keys, s.a.Ring.Lookup(s.org, k, key))
	}
	if name := record.NameKey(it.Fields); name != "" {
		keys = append(keys, s.a.Ring.Lookup(s.org, k, "name:"+name))
	}
	if it.Key != "" {
		keys = append(keys, s.a.Ring.Lookup(s.org, k, "link:"+linkOfKey(it.Key)))
	}
	return keys
}

// asSeenBy takes out of CRM records what the rep may not read. A record of the rep's own needs no question; for others the
// CRM says whether the rep may read and edit it, and a record that the rep may not read is out of sight, not deleted.
func (s *session) asSeenBy(ctx context.Context, k record.Kind, rows []store.Staged) error {
	caps, err := s.capsOn(ctx, k, record.CRM)
	if err != nil {
		return err
	}
	var others []string
	for i := range rows {
		o := &rows[i].Obs
		if o.Presence != planner.Present {
			continue
		}
		hide(o.Item.Fields, caps.Fields)
		if o.Item.Owner != s.sit.Rep.CRMUser && o.Unread == "" {
			others = append(others, rows[i].ID)
		}
	}
	access := map[string]connector.Access{}
	for ids := range slices.Chunk(others, chunk) {
		some, err := s.crm.Access(ctx, k, s.sit.Rep.CRMUser, ids)
		if err != nil {
			return err
		}
		maps.Copy(access, some)
	}
	for i := range rows {
		o := &rows[i].Obs
		if o.Presence != planner.Present || o.Item.Owner == s.sit.Rep.CRMUser || o.Unread != "" {
			continue
		}
		may := access[rows[i].ID]
		o.Editable = may.Edit
		if !may.Read {
			rows[i].Obs = planner.Observation{Presence: planner.NoSight}
		}
	}
	return nil
}

// hide removes the fields that the rep may not read in the CRM.
func hide(f record.Fields, caps map[string]connector.FieldCaps) {
	for name := range f {
		if c, ok := caps[name]; ok && !c.Read {
			delete(f, name)
		}
	}
	if c, ok := caps[record.FieldEmail]; ok && !c.Read {
		delete(f, record.FieldEmails)
	}
}

func chunksOf[T any](all []T, n int) [][]T { return slices.Collect(slices.Chunk(all, n)) }
