package salesforce

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
)

// Changes reads items: all of one owner or of the org without a token, else what SystemModstamp moved, deletes and merges
// included. A record that leaves an owner is not reported to an owner's own incremental read; the org's feed (Owner "")
// reports it, with its new owner.
func (c *crm) Changes(ctx context.Context, k record.Kind, q connector.Query) (connector.Delta, error) {
	s, err := shapeOf("changes", k)
	if err != nil {
		return connector.Delta{}, err
	}
	if q.FromNow && q.Token == nil {
		return c.fromNow(ctx, s)
	}
	sel, err := c.selection(ctx, "changes "+s.object, s, q.Extra)
	if err != nil {
		return connector.Delta{}, err
	}
	if q.Token == nil {
		return c.full(ctx, q, sel)
	}
	return c.incremental(ctx, q, sel)
}

// fromNow returns a token from which later changes are seen.
func (c *crm) fromNow(ctx context.Context, s *shape) (connector.Delta, error) {
	sel, err := c.selection(ctx, "changes "+s.object, s, nil)
	if err != nil {
		return connector.Delta{}, err
	}
	edge, err := c.newest(ctx, sel)
	if err != nil {
		return connector.Delta{}, err
	}
	cur := cursor{Edge: edge, Used: c.Now()}
	if err := c.look(ctx, connector.Query{}, sel, &cur); err != nil {
		return connector.Delta{}, err
	}
	token, err := cur.bytes()
	return connector.Delta{Token: token}, err
}

// newest returns the newest stamp of the whole org, the zero time in an empty one.
func (c *crm) newest(ctx context.Context, s selection) (time.Time, error) {
	page, err := c.query(ctx, "newest "+s.object, "SELECT Id,"+s.stamp+" FROM "+s.object+" ORDER BY "+s.stamp+" DESC LIMIT 1", true)
	if err != nil || len(page.Records) == 0 {
		return time.Time{}, err
	}
	r, err := decodeRow(page.Records[0])
	if err != nil {
		return time.Time{}, &connector.Error{Class: connector.Retry, Code: "row_without_stamp", Op: "salesforce newest " + s.object, Cause: err}
	}
	return r.at, nil
}

// read is a page of rows on its way into a delta.
type read struct {
	sel        selection
	rows       []decoded
	page       result // what the keyset goes on from
	conditions []string
	all        bool
}

// where joins conditions, with the keyword where there are any.
func where(conditions []string) string {
	if len(conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(conditions, " AND ")
}

// owned reads a page of the owner's own rows, or of everybody's, in an order that the keyset goes by.
func (c *crm) owned(ctx context.Context, r *read, q connector.Query, keyset, order string) error {
	conditions := r.conditions
	if q.Owner != "" {
		conditions = append(conditions, "OwnerId = "+quote(q.Owner))
	}
	if keyset != "" {
		conditions = append(conditions, keyset)
	}
	var err error
	r.page, err = c.query(ctx, "changes "+r.sel.object,
		"SELECT "+r.sel.list+" FROM "+r.sel.object+where(conditions)+" ORDER BY "+order+" LIMIT "+strconv.Itoa(c.PageSize), r.all)
	if err == nil {
		r.rows, err = c.rows(ctx, r.sel, r.page.Records)
	}
	return err
}

// invited reads a page of the rows that a user is tied to without owning them: first the ties, then their rows. SOQL takes
// no semi-join beside an OR (SOQL and SOSL Reference, "Comparison Operators": semi-joins stand at the top level only), and
// two plain queries work in every org.
func (c *crm) invited(ctx context.Context, r *read, q connector.Query, after string) error {
	ties := []string{"RelationId = " + quote(q.Owner)}
	if after != "" {
		ties = append(ties, "Id > "+quote(after))
	}
	limit := min(c.PageSize, maxIDs)
	op := "changes " + r.sel.guests
	page, err := c.query(ctx, op, "SELECT Id,"+r.sel.tie+" FROM "+r.sel.guests+where(ties)+" ORDER BY Id LIMIT "+strconv.Itoa(limit), r.all)
	if notServed(err) { // nobody can be invited here
		r.page = result{Done: true}
		return nil
	}
	if err != nil {
		return err
	}
	page.Done = page.Done && len(page.Records) < limit
	r.page = page
	var ids []string
	for _, raw := range page.Records {
		var one map[string]any
		if json.Unmarshal(raw, &one) == nil {
			if id, _ := one[r.sel.tie].(string); itemID.MatchString(id) {
				ids = append(ids, id)
			}
		}
	}
	for _, batch := range idBatches(unique(ids), c.room(r.sel.list)) {
		conditions := slices.Concat(r.conditions, []string{"OwnerId != " + quote(q.Owner), "Id IN (" + quoteAll(batch) + ")"})
		rows, err := c.all(ctx, "changes "+r.sel.object, r.sel, strings.Join(conditions, " AND "), r.all)
		if err != nil {
			return err
		}
		r.rows = append(r.rows, rows...)
	}
	return nil
}

// full reads one page of a full read, by keyset over Id.
func (c *crm) full(ctx context.Context, q connector.Query, sel selection) (connector.Delta, error) {
	var cur cursor
	var err error
	if q.Page == nil {
		// What changes from here on is seen by the token, whatever the pages below still show.
		if !q.Once {
			cur.Edge, err = c.newest(ctx, sel)
		}
		cur.Full = true
	} else if cur, err = readCursor(q.Page, true); err == nil && !cur.Full {
		err = &connector.Error{Class: connector.CursorLost, Code: "page_of_another_read", Op: "salesforce changes " + sel.object}
	}
	if err != nil {
		return connector.Delta{}, err
	}
	r := read{sel: sel}
	r.conditions, r.all = sel.living(sel.d)
	if sel.window != nil {
		if w := sel.window(sel.d, q.From, q.To); w != "" {
			r.conditions = append(r.conditions, w)
		}
	}
	if cur.Guests {
		err = c.invited(ctx, &r, q, cur.ID)
	} else {
		keyset := ""
		if cur.ID != "" {
			keyset = "Id > " + quote(cur.ID)
		}
		err = c.owned(ctx, &r, q, keyset, "Id")
	}
	if err != nil {
		return connector.Delta{}, err
	}
	var d connector.Delta
	for _, one := range r.rows {
		if c.collect(&d, sel, one) && !one.at.Before(cur.Edge.Add(-c.Overlap)) && !one.at.After(cur.Edge) {
			cur.note(one.row)
		}
	}
	cur.trim(c.Overlap)
	return c.goOn(d, cur, q, r, true)
}

// incremental reads one page of what changed, by keyset over (SystemModstamp, Id).
func (c *crm) incremental(ctx context.Context, q connector.Query, sel selection) (connector.Delta, error) {
	token, err := readCursor(q.Token, false)
	if err != nil {
		return connector.Delta{}, err
	}
	if c.Now().Sub(token.Used) > binKeeps {
		return connector.Delta{}, &connector.Error{Class: connector.CursorLost, Code: "token_older_than_recycle_bin", Op: "salesforce changes " + sel.object}
	}
	cur := token
	if q.Page != nil {
		if cur, err = readCursor(q.Page, true); err != nil || cur.Full {
			return connector.Delta{}, &connector.Error{Class: connector.CursorLost, Code: "page_of_another_read", Op: "salesforce changes " + sel.object}
		}
	} else {
		cur.Tail = map[int64][]byte{}
		if err := c.look(ctx, q, sel, &cur); err != nil {
			return connector.Delta{}, err
		}
	}
	from := time.Unix(0, 0)
	if !token.Edge.IsZero() {
		from = token.Edge.Add(-c.Overlap)
	}
	r := read{sel: sel, conditions: sel.always(sel.d), all: sel.deleted}
	switch {
	case cur.Guests:
		r.conditions = append(r.conditions, sel.stamp+" >= "+literal(from))
		err = c.invited(ctx, &r, q, cur.ID)
	case cur.ID != "":
		at := literal(cur.Stamp)
		err = c.owned(ctx, &r, q, sel.stamp+" >= "+at+" AND ("+sel.stamp+" > "+at+" OR Id > "+quote(cur.ID)+")", sel.stamp+", Id")
	default:
		err = c.owned(ctx, &r, q, sel.stamp+" >= "+literal(from), sel.stamp+", Id")
	}
	if err != nil {
		return connector.Delta{}, err
	}
	var d connector.Delta
	for _, row := range r.rows {
		if planted.Is(planted.EchoByAuthor) && c.wrote(ctx, row) {
			continue
		}
		var one connector.Delta
		if c.collect(&one, sel, row) {
			cur.note(row.row)
		}
		cur.Deletes = cur.Deletes || row.deleted
		if row.id == "" || !token.knows(row.row) {
			d.Items, d.Gone = append(d.Items, one.Items...), append(d.Gone, one.Gone...)
			if len(one.Bad) > 0 {
				d.Bad = merge(d.Bad, one.Bad)
			}
		}
	}
	if r.page.last(c.PageSize) {
		cur.goWith(c.clock(r.page.date), c.Overlap)
	}
	cur.trim(c.Overlap)
	return c.goOn(d, cur, q, r, false)
}

// clock is the server's clock or ours, whichever is behind: by one that runs ahead, rows would be skipped. It is zero where
// the server does not tell.
func (c *crm) clock(server time.Time) time.Time {
	if now := c.Now(); now.Before(server) {
		return now
	}
	return server
}

// wrote reports whether it was the integration user who modified a row last.
func (c *crm) wrote(ctx context.Context, r decoded) bool {
	me, err := c.user(ctx)
	return err == nil && me != "" && same(r.by) == same(me)
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

// collect puts one row where it belongs in a delta, and reports whether its stamp could be read.
func (c *crm) collect(d *connector.Delta, sel selection, r decoded) bool {
	ref, err := connector.Ref{ID: r.id}, r.err
	if r.id != "" && r.deleted {
		d.Gone = append(d.Gone, connector.Gone{Ref: ref, Deleted: true, Version: connector.Version{Tag: r.stamp, At: r.at}, Into: r.into})
		return err == nil
	}
	var it connector.Item
	if err == nil {
		it, err = sel.item(r.row, c.KeyField)
	}
	if err != nil {
		// The cause names a field and quotes nothing.
		bad := &connector.Error{Class: connector.Park, Code: "unreadable", Op: "salesforce decode " + sel.object, Cause: err}
		d.Bad = merge(d.Bad, map[connector.Ref]error{ref: bad})
		return r.id != "" && !r.at.IsZero()
	}
	d.Items = append(d.Items, it)
	return true
}

// goOn sets where the read goes on, or that it is complete.
func (c *crm) goOn(d connector.Delta, cur cursor, q connector.Query, r read, full bool) (connector.Delta, error) {
	var err error
	op := "changes " + r.sel.object
	cur.Used = c.Now()
	last := r.page.last(c.PageSize)
	switch {
	case last && !cur.Guests && r.sel.guests != "" && q.Owner != "":
		cur.Guests, cur.ID, cur.Stamp = true, "", time.Time{}
		d.Page, err = cur.bytes()
		return d, err
	case last:
		cur.Full, cur.Guests, cur.ID, cur.Stamp = false, false, "", time.Time{}
		if d.Complete = full; !full || !q.Once {
			d.Token, err = cur.bytes()
		}
		return d, err
	}
	before := cur.ID
	if !full && !cur.Guests { // there the stamp goes on too, and one record may come again under a later one
		before = ""
	}
	came := cur
	if cur.ID, err = lastID(op, before, r.page.Records); err != nil {
		return connector.Delta{}, err
	}
	if !full && !cur.Guests {
		last, err := decodeRow(r.page.Records[len(r.page.Records)-1])
		if last.at.IsZero() {
			return connector.Delta{}, &connector.Error{Class: connector.Retry, Code: "row_without_stamp", Op: "salesforce " + op, Cause: err}
		}
		if cur.Stamp = last.at; came.ID == cur.ID && came.Stamp.Equal(cur.Stamp) {
			return connector.Delta{}, &connector.Error{Class: connector.Retry, Code: "page_repeated", Op: "salesforce " + op}
		}
	}
	d.Page, err = cur.bytes()
	return d, err
}
