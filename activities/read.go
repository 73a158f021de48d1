package activities

import (
	"context"
	"encoding/json"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// place is what a cursor's Page holds: where inside a read to go on, and what that read is for. A read that was begun
// before the policy changed has passed over items that the new policy wants planned again, so that it is begun anew.
type place struct {
	Page     []byte `json:"page,omitempty"`     // the connector's own
	Reread   bool   `json:"reread,omitempty"`   // everything it shows is planned again
	Revision int64  `json:"revision,omitempty"` // of the policy that it is for
	Check    bool   `json:"check,omitempty"`    // read to its end; what it did not show is still to be looked up
	Done     bool   `json:"done,omitempty"`     // and that too
	Lines    int64  `json:"lines,omitempty"`    // mailbox: one more than the rep's journal had when it was begun
}

// placeOf reads a cursor's Page; one that cannot be read begins anew.
func placeOf(cur store.Cursor) (p place) {
	if len(cur.Page) > 0 && json.Unmarshal(cur.Page, &p) != nil {
		return place{}
	}
	return p
}

// mark returns the cursor with a place in it.
func (p place) mark(cur store.Cursor) store.Cursor {
	page, err := json.Marshal(p)
	if err != nil {
		panic(err) // a struct of plain values always encodes
	}
	cur.Page = page
	return cur
}

// begin decides what a side's read has to do: go on inside a read, read everything, or read what changed.
func (f *fetcher) begin(cur store.Cursor, waits bool) (p place, full bool) {
	p = placeOf(cur)
	ours := p.Reread && p.Revision == f.revision
	switch {
	case (len(p.Page) > 0 || p.Check) && (ours || !f.reread):
		return p, cur.Full
	case f.reread && ours && p.Done && waits:
		return p, false // read under this very revision, and not committed yet
	default:
		return place{Reread: f.reread, Revision: f.revision}, f.reread
	}
}

// restarts is how often a full read is begun anew within one pass because a page of it is refused.
const restarts = 3

// beginAgain counts a read that is begun anew. Error: Retry where the server refuses its own pages again and again.
func beginAgain(again *int, k record.Kind, side record.Side) error {
	if *again++; *again > restarts {
		return &connector.Error{Class: connector.Retry, Code: "pages_refused", Op: "read the " + string(side) + "'s " + string(k) + "s in full"}
	}
	return nil
}

// finish looks up what a full read did not show, and notes that this is done. Its cursor may be committed by then.
func (f *fetcher) finish(ctx context.Context, k record.Kind, side record.Side, p place, cur store.Cursor) error {
	if !p.Check {
		return nil
	}
	if k == record.Event && side == record.Mailbox { // what a series shows is shown with its master
		if err := f.unroll(ctx, cur); err != nil {
			return err
		}
	}
	if err := f.absent(ctx, k, side, cur); err != nil {
		return err
	}
	p.Page, p.Check, p.Done = nil, false, true
	return f.stage(ctx, k, side, connector.Delta{}, p.mark(cur))
}

// readMailbox reads a mailbox's changes to the end.
func (f *fetcher) readMailbox(ctx context.Context, k record.Kind, cur store.Cursor) error {
	p, full := f.begin(cur, len(cur.Next) > 0)
	if p.Check {
		if err := f.finish(ctx, k, record.Mailbox, p, cur); err != nil {
			return err
		}
		p, full = place{Reread: p.Reread, Revision: p.Revision, Done: true}, false
	}
	start := cur.Token
	if len(cur.Next) > 0 {
		start = cur.Next // read, staged, and not committed yet: go on from there
	}
	inside, again, written := len(p.Page) > 0, 0, f.written(cur)
	if !inside {
		if full = full || len(start) == 0; full {
			cur.ReadNo++
			p.Done = false
		}
		cur.Full = full
	}
	for {
		if len(p.Page) == 0 {
			p.Lines = f.sit.Rep.Lines + 1
		}
		q := connector.Query{Token: start, Page: p.Page, Written: written}
		if cur.Full {
			q.Token = nil
		}
		d, err := f.mailbox.Changes(ctx, k, q)
		if connector.ClassOf(err) == connector.CursorLost && len(q.Token)+len(q.Page) > 0 {
			// The token or a page of it is gone: everything again, from the start. Nothing is deleted by absence until
			// that read is complete.
			if err := beginAgain(&again, k, record.Mailbox); err != nil {
				return err
			}
			cur.Full, cur.Token, cur.Next, start = true, nil, nil, nil
			p = place{Reread: f.reread, Revision: f.revision}
			cur.ReadNo++
			continue
		}
		if err != nil {
			return err
		}
		last := len(d.Page) == 0
		if !cur.Full && last && !inside && !written && len(d.Items)+len(d.Gone)+len(d.Bad) == 0 {
			return nil // idle: the token stays good
		}
		p.Page = d.Page
		if last {
			cur.Next, cur.NextOffset = d.Token, p.Lines
			p.Check = cur.Full
		}
		if planted.Is(planted.LastPageLost) && last && inside {
			d = connector.Delta{}
		}
		if err := f.stage(ctx, k, record.Mailbox, d, p.mark(cur)); err != nil {
			return err
		}
		inside = true
		if last {
			return f.finish(ctx, k, record.Mailbox, p, cur)
		}
	}
}

// written reports whether Repsync may have written to the mailbox since its token was read.
func (s *session) written(cur store.Cursor) bool {
	known := cur.Offset
	if len(cur.Next) > 0 {
		known = cur.NextOffset
	}
	return s.sit.Rep.Lines+1 > known
}

// readCRM reads what the org's feed has for the rep, or takes a snapshot: the first time, after falling behind the feed,
// and when everything is to be read again. The cursor's offset is the sequence number of the next row to read.
func (f *fetcher) readCRM(ctx context.Context, k record.Kind, cur store.Cursor, feed store.FeedState) error {
	p, full := f.begin(cur, cur.NextOffset != 0)
	if p.Check {
		if err := f.finish(ctx, k, record.CRM, p, cur); err != nil {
			return err
		}
		p, full = place{Reread: p.Reread, Revision: p.Revision, Done: true}, false
	}
	next := max(cur.Offset, cur.NextOffset)
	cut := cur.Full && cur.NextOffset == 0 // a snapshot whose place is not known any more
	if next == 0 || next < feed.First || full || cut || len(p.Page) > 0 {
		return f.snapshot(ctx, k, p, cur, feed)
	}
	noted := next
	cur.Full = false
	for next <= feed.Last {
		rows, scanned, err := f.a.Store.FeedSince(ctx, f.org, k, f.rep, f.sit.Rep.CRMUser, next-1, 5*chunk)
		if err != nil {
			return err
		}
		if scanned < next {
			break
		}
		next = scanned + 1
		if len(rows) > 0 {
			cur.NextOffset, noted = next, next
			if err := f.stage(ctx, k, record.CRM, deltaOf(rows), p.mark(cur)); err != nil {
				return err
			}
		}
	}
	if behind(noted, next, feed) {
		cur.NextOffset = next
		return f.stage(ctx, k, record.CRM, connector.Delta{}, p.mark(cur))
	}
	return nil
}

func deltaOf(rows []store.FeedRow) connector.Delta {
	var d connector.Delta
	for _, r := range rows {
		if r.Deleted {
			d.Gone = append(d.Gone, connector.Gone{Ref: connector.Ref{ID: r.ID}, Deleted: true, Version: r.Version, Into: r.Into})
			continue
		}
		if r.Item.Partial { // it could not be decoded when it was logged: it is there all the same
			if d.Bad == nil {
				d.Bad = map[connector.Ref]error{}
			}
			d.Bad[r.Item.Ref] = &connector.Error{Class: connector.Park, Code: "undecodable", Op: "read the feed"}
			continue
		}
		d.Items = append(d.Items, r.Item)
	}
	return d
}

// snapshot reads all of a rep's own records. What changes meanwhile is in the feed after the offset noted first.
func (f *fetcher) snapshot(ctx context.Context, k record.Kind, p place, cur store.Cursor, feed store.FeedState) error {
	begin := func() {
		cur.Full, cur.ReadNo, cur.NextOffset = true, cur.ReadNo+1, 0
		cur.Offset = feed.Last + 1 // kept while inside the read, whose end makes it NextOffset
		p = place{Reread: f.reread, Revision: f.revision}
	}
	if len(p.Page) == 0 {
		begin()
	}
	extra, err := f.extra(k)
	if err != nil {
		return err
	}
	for again := 0; ; {
		d, err := f.crm.Changes(ctx, k, connector.Query{Owner: f.sit.Rep.CRMUser, Page: p.Page, Extra: extra, Once: true}) // what comes later is in the feed
		if connector.ClassOf(err) == connector.CursorLost && len(p.Page) > 0 {
			if err := beginAgain(&again, k, record.CRM); err != nil {
				return err
			}
			begin()
			continue
		}
		if err != nil {
			return err
		}
		p.Page = d.Page
		last := len(d.Page) == 0
		if last {
			cur.NextOffset = cur.Offset
			p.Check = true
		}
		if err := f.stage(ctx, k, record.CRM, d, p.mark(cur)); err != nil {
			return err
		}
		if last {
			return f.finish(ctx, k, record.CRM, p, cur)
		}
	}
}

// absent looks, one by one, for the linked items that a complete full read did not show: absence is suspicion, and only a
// get by id tells whether an item was deleted, left the rep's sight, or merely was not in the answer.
func (f *fetcher) absent(ctx context.Context, k record.Kind, side record.Side, cur store.Cursor) error {
	if err := f.stale(ctx, k, side, cur); err != nil {
		return err
	}
	for after := ""; ; {
		absent, err := f.a.Store.AbsentLinks(ctx, f.org, f.rep, k, side, cur.ReadNo, after, chunk)
		if err != nil || len(absent) == 0 {
			return err
		}
		after = absent[len(absent)-1].LinkID
		var ids []string
		for _, a := range absent {
			ids = append(ids, a.ID)
		}
		if planted.Is(planted.AbsenceIsDeletion) {
			var d connector.Delta
			for _, id := range ids {
				d.Gone = append(d.Gone, connector.Gone{Ref: connector.Ref{ID: id}, Deleted: true})
			}
			if err := f.stage(ctx, k, side, d, store.Cursor{ReadNo: cur.ReadNo}); err != nil {
				return err
			}
			continue
		}
		if err := f.lookUp(ctx, k, side, ids, cur.ReadNo); err != nil {
			return err
		}
	}
}

// stale looks for the staged items that a complete full read did not show: they were read by an earlier pass, have no link
// yet that would tell of their absence, and may be gone.
func (f *fetcher) stale(ctx context.Context, k record.Kind, side record.Side, cur store.Cursor) error {
	for after := ""; ; {
		rows, err := f.a.Store.StagedPage(ctx, f.org, f.rep, k, after, 5*chunk, store.StagedFilter{Side: side, Before: cur.ReadNo})
		if err != nil || len(rows) == 0 {
			return err
		}
		after = rows[len(rows)-1].Place()
		old := map[string]bool{}
		for _, r := range rows {
			old[r.ID] = true
		}
		for _, ids := range chunksOf(keysOf(old), chunk) {
			if err := f.lookUp(ctx, k, side, ids, cur.ReadNo); err != nil {
				return err
			}
		}
	}
}

// lookUp gets items by id and stages what it finds.
func (f *fetcher) lookUp(ctx context.Context, k record.Kind, side record.Side, ids []string, readNo int64) error {
	d, err := f.get(ctx, k, side, ids)
	if err != nil {
		return err
	}
	return f.stage(ctx, k, side, d, store.Cursor{ReadNo: readNo})
}

// get reads items by id, as a delta.
func (s *session) get(ctx context.Context, k record.Kind, side record.Side, ids []string) (connector.Delta, error) {
	extra := []string(nil)
	if side == record.CRM {
		var err error
		if extra, err = s.extra(k); err != nil {
			return connector.Delta{}, err
		}
	}
	var refs []connector.Ref
	var never []connector.Gone
	for _, id := range ids {
		if side == record.CRM && isVacant(id) {
			never = append(never, connector.Gone{Ref: connector.Ref{ID: id}, Deleted: true})
			continue
		}
		refs = append(refs, connector.Ref{ID: id})
	}
	if len(refs) == 0 {
		return connector.Delta{Gone: never}, nil
	}
	items, gone, err := s.side(side).Get(ctx, k, refs, extra)
	return asDelta(refs, items, append(gone, never...)), err
}

// asDelta makes a delta of what was read by id. An item that comes without its values could not be decoded: it is there, and
// its missing values are no cleared ones. An id that got no answer has left the view.
func asDelta(refs []connector.Ref, items []connector.Item, gone []connector.Gone) connector.Delta {
	d := connector.Delta{Gone: gone, Bad: map[connector.Ref]error{}}
	answered := map[string]bool{}
	for _, g := range gone {
		answered[g.ID] = true
	}
	for _, it := range items {
		answered[it.ID] = true
		if it.Partial {
			d.Bad[it.Ref] = &connector.Error{Class: connector.Park, Code: "undecodable", Op: "get"}
			continue
		}
		d.Items = append(d.Items, it)
	}
	for _, ref := range refs {
		if !answered[ref.ID] {
			d.Gone = append(d.Gone, connector.Gone{Ref: ref})
		}
	}
	return d
}
