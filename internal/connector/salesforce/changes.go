package salesforce

import (
	"context"
	"encoding/json"
	"maps"
	"strconv"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// Changes reads contacts: all of one owner or of the org without a token, else what SystemModstamp moved, deletes and
// merges included. A record that leaves an owner is not reported to an owner's own incremental read; the org's feed
// (Owner "") reports it, with its new owner.
func (c *crm) Changes(ctx context.Context, k record.Kind, q connector.Query) (connector.Delta, error) {
	if err := served("changes "+string(k), k); err != nil {
		return connector.Delta{}, err
	}
	if q.FromNow && q.Token == nil {
		return c.fromNow(ctx)
	}
	sel, err := c.selection(ctx, "changes Contact", q.Extra)
	if err != nil {
		return connector.Delta{}, err
	}
	if q.Token == nil {
		return c.full(ctx, q, sel)
	}
	return c.incremental(ctx, q, sel)
}

// fromNow returns a token from which later changes are seen.
func (c *crm) fromNow(ctx context.Context) (connector.Delta, error) {
	edge, err := c.newest(ctx)
	if err != nil {
		return connector.Delta{}, err
	}
	token, err := cursor{Edge: edge, Used: c.Now()}.bytes()
	return connector.Delta{Token: token}, err
}

// newest returns the newest stamp of the whole org, the zero time in an empty one.
func (c *crm) newest(ctx context.Context) (time.Time, error) {
	page, err := c.query(ctx, "newest Contact", "SELECT Id,SystemModstamp FROM Contact ORDER BY SystemModstamp DESC LIMIT 1", true)
	if err != nil || len(page.Records) == 0 {
		return time.Time{}, err
	}
	r, err := decodeRow(page.Records[0])
	if err != nil {
		return time.Time{}, &connector.Error{Class: connector.Retry, Code: "row_without_stamp", Op: "salesforce newest Contact", Cause: err}
	}
	return r.at, nil
}

// full reads one page of a full read, by keyset over Id.
func (c *crm) full(ctx context.Context, q connector.Query, sel selection) (connector.Delta, error) {
	var cur cursor
	var err error
	if q.Page == nil {
		// What changes from here on is seen by the token, whatever the pages below still show.
		cur.Edge, err = c.newest(ctx)
		cur.Full = true
	} else if cur, err = readCursor(q.Page, true); err == nil && !cur.Full {
		err = &connector.Error{Class: connector.CursorLost, Code: "page_of_another_read", Op: "salesforce changes Contact"}
	}
	if err != nil {
		return connector.Delta{}, err
	}
	where := ""
	if q.Owner != "" {
		where = " WHERE OwnerId = " + quote(q.Owner)
	}
	if cur.ID != "" {
		where += map[bool]string{true: " WHERE ", false: " AND "}[where == ""] + "Id > " + quote(cur.ID)
	}
	page, err := c.query(ctx, "changes Contact", "SELECT "+sel.list+" FROM Contact"+where+" ORDER BY Id LIMIT "+strconv.Itoa(c.PageSize), false)
	if err != nil {
		return connector.Delta{}, err
	}
	var d connector.Delta
	for _, raw := range page.Records {
		if r, ok := c.collect(&d, sel, raw); ok && !r.at.Before(cur.Edge.Add(-c.Overlap)) && !r.at.After(cur.Edge) {
			cur.note(r)
		}
	}
	cur.trim(c.Overlap)
	return c.finish(d, cur, page, true)
}

// incremental reads one page of what changed, by keyset over (SystemModstamp, Id).
func (c *crm) incremental(ctx context.Context, q connector.Query, sel selection) (connector.Delta, error) {
	token, err := readCursor(q.Token, false)
	if err != nil {
		return connector.Delta{}, err
	}
	if c.Now().Sub(token.Used) > binKeeps {
		return connector.Delta{}, &connector.Error{Class: connector.CursorLost, Code: "token_older_than_recycle_bin", Op: "salesforce changes Contact"}
	}
	cur := token
	if q.Page != nil {
		if cur, err = readCursor(q.Page, true); err != nil || cur.Full {
			return connector.Delta{}, &connector.Error{Class: connector.CursorLost, Code: "page_of_another_read", Op: "salesforce changes Contact"}
		}
	} else {
		cur.Tail = map[int64][]byte{}
	}
	from := time.Unix(0, 0)
	if !token.Edge.IsZero() {
		from = token.Edge.Add(-c.Overlap)
	}
	where := "SystemModstamp >= " + literal(from)
	if cur.ID != "" {
		at := literal(cur.Stamp)
		where = "SystemModstamp >= " + at + " AND (SystemModstamp > " + at + " OR Id > " + quote(cur.ID) + ")"
	}
	if q.Owner != "" {
		where += " AND OwnerId = " + quote(q.Owner)
	}
	page, err := c.query(ctx, "changes Contact",
		"SELECT "+sel.list+" FROM Contact WHERE "+where+" ORDER BY SystemModstamp, Id LIMIT "+strconv.Itoa(c.PageSize), sel.deleted)
	if err != nil {
		return connector.Delta{}, err
	}
	var d connector.Delta
	for _, raw := range page.Records {
		var one connector.Delta
		r, ok := c.collect(&one, sel, raw)
		if ok {
			cur.note(r)
		}
		if r.id == "" || !token.knows(r) {
			d.Items, d.Gone = append(d.Items, one.Items...), append(d.Gone, one.Gone...)
			if len(one.Bad) > 0 {
				d.Bad = merge(d.Bad, one.Bad)
			}
		}
	}
	if page.last(c.PageSize) && cur.rows() > tailRows {
		// The server's clock or ours, whichever is behind: a clock that runs ahead would skip rows.
		if now := c.Now(); now.Before(page.date) {
			cur.Edge = later(cur.Edge, now)
		} else {
			cur.Edge = later(cur.Edge, page.date)
		}
	}
	cur.trim(c.Overlap)
	return c.finish(d, cur, page, false)
}

// merge adds b to a, which may be nil.
func merge(a, b map[connector.Ref]error) map[connector.Ref]error {
	if a == nil {
		a = map[connector.Ref]error{}
	}
	maps.Copy(a, b)
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// collect puts one row where it belongs in a delta. ok is false for a row whose stamp could not be read.
func (c *crm) collect(d *connector.Delta, sel selection, raw json.RawMessage) (r row, ok bool) {
	r, err := decodeRow(raw)
	ref := connector.Ref{ID: r.id}
	if r.id != "" && r.deleted {
		d.Gone = append(d.Gone, connector.Gone{Ref: ref, Deleted: true, Version: connector.Version{Tag: r.stamp, At: r.at}, Into: r.into})
		return r, err == nil
	}
	var it connector.Item
	if err == nil {
		it, err = sel.item(r, c.KeyField)
	}
	if err != nil {
		d.Bad = merge(d.Bad, map[connector.Ref]error{ref: unreadable(err)})
		return r, r.id != "" && !r.at.IsZero()
	}
	d.Items = append(d.Items, it)
	return r, true
}

// unreadable is the error of an item that cannot be decoded; its cause names a field and quotes nothing.
func unreadable(err error) error {
	return &connector.Error{Class: connector.Park, Code: "unreadable", Op: "salesforce decode Contact", Cause: err}
}

// finish sets where to go on.
func (c *crm) finish(d connector.Delta, cur cursor, page result, full bool) (connector.Delta, error) {
	var err error
	cur.Used = c.Now()
	if page.last(c.PageSize) {
		cur.Full, cur.ID, cur.Stamp = false, "", time.Time{}
		d.Token, err = cur.bytes()
		d.Complete = full
		return d, err
	}
	if cur.ID, err = lastID("changes Contact", page.Records); err != nil {
		return connector.Delta{}, err
	}
	if !full {
		r, err := decodeRow(page.Records[len(page.Records)-1])
		if r.at.IsZero() {
			return connector.Delta{}, &connector.Error{Class: connector.Retry, Code: "row_without_stamp", Op: "salesforce changes Contact", Cause: err}
		}
		cur.Stamp = r.at
	}
	d.Page, err = cur.bytes()
	return d, err
}
