package salesforce

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// decoded is a row with what stands beside it; err says what of it cannot be read.
type decoded struct {
	row
	err error
}

// rows decodes the rows of an answer and reads what stands beside them.
func (c *crm) rows(ctx context.Context, sel selection, raws []json.RawMessage) ([]decoded, error) {
	out := make([]decoded, len(raws))
	var whole []*row
	for i, raw := range raws {
		out[i].row, out[i].err = decodeRow(raw)
		if out[i].id != "" && !out[i].deleted {
			whole = append(whole, &out[i].row)
		}
	}
	if sel.attach == nil || len(whole) == 0 {
		return out, nil
	}
	if err := sel.attach(ctx, c, whole); err != nil {
		return nil, err
	}
	for _, r := range whole {
		bare, err := bareOf(r.values)
		if err != nil {
			return nil, &connector.Error{Class: connector.Bug, Code: "encode", Op: "salesforce read " + sel.object}
		}
		r.bare = bare
	}
	return out, nil
}

// all runs a query of whole rows to its end.
func (c *crm) all(ctx context.Context, op string, sel selection, where string, all bool) ([]decoded, error) {
	var raws []json.RawMessage
	err := c.each(ctx, op, sel.list, sel.object, where, all, func(raw json.RawMessage) error {
		raws = append(raws, raw)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.rows(ctx, sel, raws)
}

// Get reads items by id. A row in the recycle bin is Deleted, with Into where it was merged; an id that no row shows
// left the view (see the package comment). Item.Moved says that another user than the integration user modified the record
// last, so a caller that reads back its own write knows that somebody wrote after it; where the server does not tell
// who the integration user is, Moved stays false. An item that cannot be decoded comes back Partial, without fields.
func (c *crm) Get(ctx context.Context, k record.Kind, refs []connector.Ref, extra []string) ([]connector.Item, []connector.Gone, error) {
	s, err := shapeOf("get", k)
	if err != nil {
		return nil, nil, err
	}
	sel, err := c.selection(ctx, "get "+s.object, s, extra)
	if err != nil {
		return nil, nil, err
	}
	me, err := c.user(ctx)
	if err != nil {
		return nil, nil, err
	}
	ids := make([]string, 0, len(refs))
	for _, ref := range refs {
		if itemID.MatchString(ref.ID) {
			ids = append(ids, ref.ID)
		}
	}
	rows := map[string]decoded{}
	for _, batch := range batches(unique(ids), c.room(sel.list)) {
		where := append(s.always(sel.d), "Id IN ("+quoteAll(batch)+")")
		got, err := c.all(ctx, "get "+s.object, sel, strings.Join(where, " AND "), sel.deleted)
		if err != nil {
			return nil, nil, err
		}
		for _, r := range got {
			rows[same(r.id)] = r
		}
	}
	proved, err := c.proved(ctx, sel, slices.DeleteFunc(unique(ids), func(id string) bool { _, ok := rows[same(id)]; return ok }))
	if err != nil {
		return nil, nil, err
	}
	var items []connector.Item
	var gone []connector.Gone
	done := map[connector.Ref]bool{}
	for _, ref := range refs {
		if done[ref] {
			continue
		}
		done[ref] = true
		r, ok := rows[same(ref.ID)]
		switch {
		case !ok || ref.Occurrence != "":
			gone = append(gone, connector.Gone{Ref: ref, Deleted: ref.Occurrence == "" && proved[same(ref.ID)]})
		case r.deleted:
			gone = append(gone, connector.Gone{Ref: ref, Deleted: true, Version: connector.Version{Tag: r.stamp, At: r.at}, Into: r.into})
		default:
			it, err := sel.item(r.row, c.KeyField)
			if err != nil || r.err != nil {
				it.Partial, it.Fields, it.Raw = true, nil, nil
			}
			it.Ref = ref // as it was asked for: an id has a short form too
			it.Moved = me != "" && r.by != "" && same(r.by) != same(me)
			items = append(items, it)
		}
	}
	return items, gone, nil
}
