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

// masterMark stands behind the id under which the master of a series is staged until it is unrolled: what is paired is an
// occurrence, never the rule.
const masterMark = "#"

func isMaster(o planner.Observation) bool {
	return o.Presence == planner.Present && o.Unread == "" && o.Item.Fields[record.FieldRecurrence] != ""
}

// window is the part of time in which the policy syncs events.
func (s *session) window() (from, to time.Time) {
	now, w := s.a.Now(), s.policy.Events.Window
	return now.Add(-w.Past), now.Add(w.Future)
}

// unroll turns the masters among what was staged of a mailbox into their occurrences inside the window, and compares them
// with what is linked: an occurrence that moved with its series keeps its link, one that is there no more was deleted.
// Occurrences outside the window are left as they are. It may be run again at any moment: masters are taken out of staging
// last.
func (f *fetcher) unroll(ctx context.Context, cur store.Cursor) error {
	met := map[string]bool{}
	for after := ""; ; {
		rows, err := f.a.Store.StagedPage(ctx, f.org, f.rep, record.Event, after, 5*chunk, store.StagedFilter{Side: record.Mailbox})
		if err != nil || len(rows) == 0 {
			return err
		}
		after = rows[len(rows)-1].Place()
		ids := map[string]bool{}
		for _, r := range rows {
			id := connector.ParseRef(r.ID).ID
			ids[id] = !met[id]
		}
		families, err := f.families(ctx, keysOf(ids))
		if err != nil {
			return err
		}
		for _, fam := range families {
			for _, id := range fam.ids {
				met[id] = true
			}
			if err := f.unrollOne(ctx, fam, cur); err != nil {
				return err
			}
		}
	}
}

// family is one series, or a single event that was one or becomes one, with those that were split off it.
type family struct {
	ids   []string
	rows  []store.Staged
	links []planner.Link
}

// families gathers what is staged and linked of these events, and of those that they were split from.
func (f *fetcher) families(ctx context.Context, ids []string) ([]family, error) {
	staged, links, err := f.familyRows(ctx, ids)
	if err != nil {
		return nil, err
	}
	earlier := map[string]bool{}
	for _, id := range ids {
		for _, r := range staged[id] {
			for _, old := range r.Obs.Item.Previous {
				earlier[old] = isMaster(r.Obs) && len(staged[old]) == 0
			}
		}
	}
	if more := keysOf(earlier); len(more) > 0 {
		if err := f.lookUp(ctx, record.Event, record.Mailbox, more, 0); err != nil {
			return nil, err
		}
		oldRows, oldLinks, err := f.familyRows(ctx, more)
		if err != nil {
			return nil, err
		}
		maps.Copy(staged, oldRows)
		maps.Copy(links, oldLinks)
	}
	root := map[string]string{}
	for id, rows := range staged {
		for _, r := range rows {
			if len(r.Obs.Item.Previous) > 0 && isMaster(r.Obs) {
				root[id] = r.Obs.Item.Previous[0]
			}
		}
	}
	byRoot := map[string]*family{}
	for _, id := range slices.Sorted(maps.Keys(staged)) {
		top := id
		for range len(root) {
			if up, ok := root[top]; ok {
				top = up
			}
		}
		fam := byRoot[top]
		if fam == nil {
			fam = &family{}
			byRoot[top] = fam
		}
		fam.ids, fam.rows, fam.links = append(fam.ids, id), append(fam.rows, staged[id]...), append(fam.links, links[id]...)
	}
	var out []family
	for _, top := range slices.Sorted(maps.Keys(byRoot)) {
		out = append(out, *byRoot[top])
	}
	return out, nil
}

func (f *fetcher) familyRows(ctx context.Context, ids []string) (map[string][]store.Staged, map[string][]planner.Link, error) {
	staged, err := f.a.Store.StagedOfSeries(ctx, f.org, f.rep, ids)
	if err != nil {
		return nil, nil, err
	}
	links, err := f.a.Store.LinksOfSeries(ctx, f.org, f.rep, ids)
	if err != nil {
		return nil, nil, err
	}
	left, err := f.a.Store.LeftOfSeries(ctx, f.org, f.rep, ids)
	for id, some := range left { // what was unlinked goes with its series too: it is known when it comes back
		links[id] = append(links[id], some...)
	}
	return staged, links, err
}

// unrolled is what becomes of a family.
type unrolled struct {
	there  map[string]record.Moment // items that are there, by id, with their original start
	gone   map[string]bool          // items that were cancelled, by id
	rule   map[string]bool          // occurrences that the masters' rules have, by series and instant, cancelled ones too
	first  map[string]record.Moment // where each master's rule starts, by its id
	stage  []store.Staged
	remove []store.SideID
	closed bool // a rule could not be expanded: nothing is known of what is not there
}

// unrollOne unrolls one family.
func (f *fetcher) unrollOne(ctx context.Context, fam family, cur store.Cursor) error {
	var masters []store.Staged
	for _, r := range fam.rows {
		if isMaster(r.Obs) {
			masters = append(masters, r)
		}
	}
	if len(masters) == 0 && !slices.ContainsFunc(fam.links, func(l planner.Link) bool { return strings.Contains(l.Mailbox.ID, "#") }) {
		return nil
	}
	if err := f.hold(ctx); err != nil { // what an earlier pass has staged may be all there is
		return err
	}
	from, to := f.window()
	farFrom, farTo := reach(fam.links, from, to)
	farTo = ahead(masters, fam.links, farTo)
	grown := expand(masters, farFrom, farTo)
	rows, err := f.explicit(ctx, masters, grown, fam.rows, cur, farFrom, farTo)
	if err != nil {
		return err
	}
	u := f.spread(masters, grown, rows, fam.links, cur)
	moved := u.settleLinks(fam.links, len(masters) > 0 || u.single(fam.ids), from, to)
	lost, err := f.lost(ctx, moved.gone, cur)
	if err != nil {
		return err
	}
	u.stage = append(u.stage, lost...)
	u.outside(fam.links, moved.renamed, from, to)
	// The links come last: what dies before them is done again, and once they are renamed nothing tells that they were.
	if err := f.reclaim(ctx, fam.links, u.stage, moved.renamed); err != nil {
		return err
	}
	before := namesBefore(fam.links, moved.renamed)
	if err := f.a.Store.PutRenamed(ctx, f.org, f.rep, f.epoch, append(moved.renamed, u.missed(masters, fam.links, moved.renamed)...), before); err != nil {
		return err
	}
	if len(moved.renamed) > 0 {
		f.a.at(PointRenamed)
	}
	for i := range u.stage {
		r := &u.stage[i]
		r.ReadNo, r.Always = cur.ReadNo, r.Always || f.reread
		if r.Obs.Presence == planner.Present && r.Obs.Unread == "" { // the store does not give keys back
			r.Keys, r.Series = f.matchKeys(record.Event, r.Obs.Item), f.seriesKey(r.Obs.Item)
		}
	}
	if err := f.a.Store.Stage(ctx, f.org, f.rep, f.epoch, u.stage, store.Cursor{ReadNo: cur.ReadNo, Full: cur.Full}); err != nil {
		return err
	}
	if cur.Full && (len(masters) > 0 || u.closed) {
		ids := make([]string, 0, len(fam.links))
		for _, l := range fam.links {
			ids = append(ids, l.ID)
		}
		if err := f.a.Store.NoteSeen(ctx, f.org, f.rep, f.epoch, record.Event, record.Mailbox, ids, cur.ReadNo); err != nil {
			return err
		}
	}
	done := store.PlanBatch{Kind: record.Event, Unstage: u.remove}
	if !u.closed {
		for _, m := range masters {
			done.Verdicts = append(done.Verdicts, f.verdict(record.Event, record.Mailbox, m.Obs.Item.ID, planner.Decision{Reason: planner.ReasonSeriesMaster}, nil))
		}
	}
	return f.a.Store.SavePlan(ctx, f.org, f.rep, f.epoch, done)
}

// explicit returns the rows that say something about an occurrence by themselves. A full read showed all exceptions; a
// master that changed later is asked what its occurrences are now, since its exceptions are not shown again.
func (f *fetcher) explicit(ctx context.Context, masters []store.Staged, grown map[string]expanded, rows []store.Staged, cur store.Cursor, from, to time.Time) ([]store.Staged, error) {
	if len(masters) == 0 || cur.Full {
		return rows, nil
	}
	var ids []string
	for _, m := range masters {
		if id := m.Obs.Item.ID; grown[id].code == "" {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return rows, nil
	}
	calendar, ok := f.mailbox.(connector.Calendar)
	if !ok {
		return rows, nil
	}
	items, gone, err := calendar.Occurrences(ctx, ids, from, to)
	if connector.ClassOf(err) == connector.Unsupported {
		return rows, nil
	}
	if err != nil {
		return nil, err
	}
	now, err := f.observe(ctx, record.Event, record.Mailbox, connector.Delta{Items: items, Gone: gone})
	if err != nil {
		return nil, err
	}
	byID := keyedRows(rows)
	for _, r := range now {
		if old, staged := byID[r.ID]; staged && old.Obs.Item.Version.At.After(r.Obs.Item.Version.At) {
			continue
		}
		byID[r.ID] = r
	}
	tags := map[string]string{}
	for _, m := range masters {
		tags[m.Obs.Item.ID] = m.Obs.Item.Version.Tag
	}
	for id, r := range byID {
		if ref := connector.ParseRef(id); ref.Occurrence != "" && slices.Contains(ids, ref.ID) && r.Obs.Presence == planner.Present {
			r.Obs.Fresh = true // read just now
			r.Obs.Follows = r.Obs.Item.Version.Tag == tags[ref.ID]
			byID[id] = r
		}
	}
	return slices.Collect(maps.Values(byID)), nil
}

// lost tells of linked occurrences that their series does not show any more. After a full read that is the master's own
// word. Of a part of a calendar, one that was moved out of the window is not shown either: it is asked for by its id.
func (f *fetcher) lost(ctx context.Context, links []planner.Link, cur store.Cursor) ([]store.Staged, error) {
	ids := make([]string, 0, len(links))
	for _, l := range links {
		ids = append(ids, l.Mailbox.ID)
	}
	rows := map[string]store.Staged{}
	if !cur.Full {
		for some := range slices.Chunk(ids, chunk) {
			d, err := f.get(ctx, record.Event, record.Mailbox, some)
			if err != nil {
				return nil, err
			}
			now, err := f.observe(ctx, record.Event, record.Mailbox, d)
			if err != nil {
				return nil, err
			}
			maps.Copy(rows, keyedRows(now))
		}
	}
	out := make([]store.Staged, 0, len(ids))
	for _, id := range ids {
		r, read := rows[id]
		if !read || isMaster(r.Obs) {
			r = store.Staged{Kind: record.Event, Side: record.Mailbox, ID: id, Pass: f.pass, Obs: planner.Observation{Presence: planner.Deleted, Follows: true}}
		}
		r.Obs.Follows = true
		out = append(out, r)
		delete(rows, id)
	}
	for _, id := range slices.Sorted(maps.Keys(rows)) { // where links went along with their items
		out = append(out, rows[id])
	}
	return out, nil
}

func keyedRows(rows []store.Staged) map[string]store.Staged {
	out := make(map[string]store.Staged, len(rows))
	for _, r := range rows {
		out[r.ID] = r
	}
	return out
}

// spread lists what there is of the family. Of a series that cannot be expanded, nothing is made: what is linked goes on,
// and an exception that is not waits with its master.
func (f *fetcher) spread(masters []store.Staged, grown map[string]expanded, rows []store.Staged, links []planner.Link, cur store.Cursor) unrolled {
	u := unrolled{there: map[string]record.Moment{}, gone: map[string]bool{}, rule: map[string]bool{}, first: map[string]record.Moment{}}
	names := namesOf(links)
	linked := map[string]bool{}
	for _, l := range links {
		linked[l.Mailbox.ID] = true
	}
	said := map[string]bool{} // occurrences that speak for themselves, by series and instant
	for _, r := range rows {
		if isMaster(r.Obs) {
			continue
		}
		ref := connector.ParseRef(r.ID)
		start, known := startOf(r)
		if known && ref.Occurrence != "" {
			said[instant(ref.ID, start)] = true
			if name, linked := names[instant(ref.ID, start)]; linked && name != r.ID { // the same start in another zone's words
				u.remove = append(u.remove, store.SideID{Side: record.Mailbox, ID: r.ID})
				r.ID = name
				if r.Obs.Presence == planner.Present {
					r.Obs.Item.ID = name
				}
			}
		}
		if code := grown[ref.ID].code; code != "" && r.Obs.Presence == planner.Present && !linked[r.ID] {
			r.Obs.Unread, r.Always = code, true
		}
		u.note(r, start)
	}
	asked := !cur.Full && len(u.there)+len(u.gone) > 0 // the vendor has said what there is
	for _, m := range masters {
		u.remove = append(u.remove, store.SideID{Side: record.Mailbox, ID: m.ID})
		slots, code := grown[m.Obs.Item.ID].slots, grown[m.Obs.Item.ID].code
		if code != "" {
			u.closed = true
			m.ID, m.Obs.Unread, m.Always = m.Obs.Item.ID, code, true
			u.stage = append(u.stage, m)
			continue
		}
		u.first[m.Obs.Item.ID], _ = startOf(store.Staged{ID: m.Obs.Item.ID, Obs: m.Obs})
		for _, slot := range slots {
			at := instant(m.Obs.Item.ID, mustMoment(slot.Key))
			u.rule[at] = true
			if said[at] || asked {
				continue
			}
			r := f.occurrence(m, slot)
			if name, linked := names[at]; linked {
				r.ID, r.Obs.Item.ID = name, name
			}
			u.stage = append(u.stage, r)
			u.there[r.ID] = mustMoment(slot.Key)
		}
	}
	return u
}

// note takes a row that speaks for itself.
func (u *unrolled) note(r store.Staged, start record.Moment) {
	u.stage = append(u.stage, r)
	if r.Obs.Unread != "" && connector.ParseRef(r.ID).Occurrence == "" { // perhaps the master: what it has cannot be known
		u.closed = true
	}
	switch r.Obs.Presence {
	case planner.Present:
		u.there[r.ID] = start
	case planner.Deleted:
		u.gone[r.ID] = true
	}
}

// occurrence is one occurrence that follows its master.
func (f *fetcher) occurrence(m store.Staged, slot series.Slot) store.Staged {
	it := m.Obs.Item
	it.Ref = connector.Ref{ID: connector.Ref{ID: it.ID, Occurrence: slot.Key}.String()}
	it.Key, it.Previous, it.Image = "", nil, nil
	it.Fields = maps.Clone(it.Fields)
	delete(it.Fields, record.FieldRecurrence)
	it.Fields[record.FieldTime], it.Fields[record.FieldOccurrence] = slot.Span.String(), slot.Key
	r := m
	r.ID, r.Always = it.ID, m.Always
	r.Obs.Item, r.Obs.Derived, r.Obs.Follows = it, true, true
	r.Keys, r.Series = f.matchKeys(record.Event, it), f.seriesKey(it)
	return r
}

// single reports whether one of these events is there as a single one.
func (u *unrolled) single(ids []string) bool {
	return slices.ContainsFunc(ids, func(id string) bool { _, there := u.there[id]; return there || u.gone[id] })
}
