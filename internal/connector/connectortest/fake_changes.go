package connectortest

import (
	"context"
	"encoding/json"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// fakeCursor is a fake's token and page.
type fakeCursor struct {
	Epoch  int
	After  int  // changes after this state
	Next   int  // page: where the token will start
	Full   bool // page: of a full read
	Offset int  // page: what was read before, by state
	Page   bool
	Mark   string // tells a fake's cursor from any other JSON
}

const fakeMark = "fake/1"

// Changes implements connector.Connector. The window bounds a full read; what changed since a token is shown wherever it
// lies.
func (f *Fake) Changes(ctx context.Context, k record.Kind, q connector.Query) (connector.Delta, error) {
	if err := f.enter(ctx, k); err != nil {
		return connector.Delta{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	cur, err := f.begin(q)
	if err != nil {
		return connector.Delta{}, err
	}
	if q.FromNow && q.Token == nil {
		return f.end(connector.Delta{}, cur, q)
	}
	var d connector.Delta
	n := 0
	for _, it := range f.sorted() {
		if it.seq <= cur.Offset || it.seq > cur.Next { // what changes while the read goes on is for the next one
			continue
		}
		if n == f.PageSize {
			cur.Page, cur.Mark = true, fakeMark
			d.Page = encodeCursor(cur)
			return d, nil
		}
		if f.deliver(&d, it, cur, q) {
			n++
		}
		cur.Offset = it.seq
	}
	return f.end(d, cur, q)
}

// begin finds where a call starts.
func (f *Fake) begin(q connector.Query) (fakeCursor, error) {
	raw := q.Page
	if raw == nil {
		raw = q.Token
	}
	if raw == nil {
		return fakeCursor{Epoch: f.epoch, Next: f.seq, Full: true}, nil
	}
	var cur fakeCursor
	if json.Unmarshal(raw, &cur) != nil || cur.Mark != fakeMark || cur.Epoch != f.epoch || cur.Page != (q.Page != nil) {
		if f.bug == BugStartsOverInSilence {
			return fakeCursor{Epoch: f.epoch, Next: f.seq, Full: true}, nil
		}
		return cur, fakeError(connector.CursorLost, "token")
	}
	if q.Page == nil {
		cur.Next = f.seq // before the read, so that what changes meanwhile is seen next time
	}
	return cur, nil
}

// deliver puts one item into a page; false where it is none of the read's business.
func (f *Fake) deliver(d *connector.Delta, it *fakeItem, cur fakeCursor, q connector.Query) bool {
	changed := it.seq > cur.After
	switch {
	case !cur.Full && !changed:
		return false
	case cur.Full && (it.deleted || it.hidden || !inWindow(it, q.From, q.To)):
		return false
	case it.deleted:
		d.Gone = append(d.Gone, connector.Gone{Ref: it.ref, Deleted: true, Version: f.show(it).Version, Into: it.into})
		return true
	case it.hidden:
		d.Gone = append(d.Gone, connector.Gone{Ref: it.ref, Deleted: f.bug == BugAbsenceIsDelete})
		return true
	case it.broken && f.bug == BugDropsUndecodable:
		return false
	case it.broken:
		if d.Bad == nil {
			d.Bad = map[connector.Ref]error{}
		}
		d.Bad[it.ref] = &connector.Error{Class: connector.Park, Code: "unreadable", Op: "fake", Cause: errNotHeld}
		return true
	}
	shown := f.show(it)
	if it.orphan {
		shown.Partial, shown.Fields = f.bug != BugHidesPartial, record.Fields{}
	}
	d.Items = append(d.Items, shown)
	return true
}

// inWindow reports whether an item lies in a window; without a window, or without a start, it does.
func inWindow(it *fakeItem, from, to time.Time) bool {
	span, err := record.ParseSpan(it.fields[record.FieldTime])
	return err != nil || from.IsZero() || Window{from, to}.Has(span.Start.At)
}

// end closes a read.
func (f *Fake) end(d connector.Delta, cur fakeCursor, q connector.Query) (connector.Delta, error) {
	d.Complete = cur.Full && !q.FromNow
	after := cur.Next
	if f.bug == BugTokenTooLate {
		after = f.seq
	}
	d.Token = encodeCursor(fakeCursor{Epoch: f.epoch, After: after, Mark: fakeMark})
	return d, nil
}

func encodeCursor(c fakeCursor) []byte {
	b, err := json.Marshal(c)
	if err != nil {
		return nil
	}
	return b
}
