package salesforce

import (
	"context"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/salesforce/mapping"
	"github.com/repsync/repsync/internal/record"
)

// Get reads contacts by id. A row in the recycle bin is Deleted, with Into where it was merged; an id that no row shows
// left the view (see the package comment). Item.Moved says that another user than the integration user modified the record
// last, so a caller that reads back its own write knows that somebody wrote after it; where the server does not tell
// who the integration user is, Moved stays false. An item that cannot be decoded comes back Partial, without fields.
func (c *crm) Get(ctx context.Context, k record.Kind, refs []connector.Ref, extra []string) ([]connector.Item, []connector.Gone, error) {
	if err := served("get "+string(k), k); err != nil {
		return nil, nil, err
	}
	sel, err := c.selection(ctx, "get Contact", extra)
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
	rows := map[string]row{}
	bad := map[string]error{}
	for _, batch := range batches(unique(ids), room(sel.list)) {
		err := c.each(ctx, "get Contact", sel.list, contact, "Id IN ("+quoteAll(batch)+")", sel.deleted, func(raw json.RawMessage) error {
			r, err := decodeRow(raw)
			rows[same(r.id)], bad[same(r.id)] = r, err
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
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
			gone = append(gone, connector.Gone{Ref: ref})
		case r.deleted:
			gone = append(gone, connector.Gone{Ref: ref, Deleted: true, Version: connector.Version{Tag: r.stamp, At: r.at}, Into: r.into})
		default:
			it, err := sel.item(r, c.KeyField)
			if err != nil || bad[same(ref.ID)] != nil {
				it.Partial, it.Fields, it.Raw = true, nil, nil
			}
			it.Ref = ref // as it was asked for: an id has a short form too
			it.Moved = me != "" && r.by != "" && same(r.by) != same(me)
			items = append(items, it)
		}
	}
	return items, gone, nil
}

// Find looks contacts up in the whole org, as the integration user sees it; deleted ones are not found.
//
// By name, the vendor compares neither accents nor dots the way record.NameKey does, so the query is wider than the
// question (letters that carry accents match any letter) and the answer is filtered here. An item that cannot be decoded
// comes back Partial.
func (c *crm) Find(ctx context.Context, k record.Kind, by connector.By, keys []string, extra []string) (map[string][]connector.Item, error) {
	if err := served("find "+string(k), k); err != nil {
		return nil, err
	}
	sel, err := c.selection(ctx, "find Contact", extra)
	if err != nil {
		return nil, err
	}
	var needs []string
	var where func([]string) string
	var form func(string) string                             // what a key is compared as
	var of func(connector.Item) string                       // the same of an item
	var terms = func(key string) string { return form(key) } // what of a key stands in the query
	switch by {
	case connector.ByKey:
		needs = []string{c.KeyField}
		form = c.marker
		of = func(it connector.Item) string { return it.Key }
		where = func(list []string) string { return c.KeyField + " IN (" + quoteAll(list) + ")" }
	case connector.ByEmail:
		needs = []string{mapping.Contact[record.FieldEmail]}
		form = record.NormalEmail
		of = func(it connector.Item) string { return record.NormalEmail(it.Fields[record.FieldEmail]) }
		where = func(list []string) string { return needs[0] + " IN (" + quoteAll(list) + ")" }
	case connector.ByName:
		needs = []string{mapping.Contact[record.FieldFamily], mapping.Contact[record.FieldCompany]}
		form = func(key string) string { return key }
		of = func(it connector.Item) string { return record.NameKey(it.Fields) }
		where = func(list []string) string { return strings.Join(list, " OR ") }
		terms = nameTerm
	default:
		return nil, &connector.Error{Class: connector.Bug, Code: "find_by", Op: "salesforce find Contact"}
	}
	for _, path := range needs {
		if f, err := c.find(ctx, sel.d, path); err != nil {
			return nil, err
		} else if f == nil {
			return nil, &connector.Error{Class: connector.Unsupported, Code: "unknown_field:" + path, Op: "salesforce find Contact"}
		}
	}
	asked := map[string][]string{} // form of a key → the keys as given
	var list []string
	for _, key := range unique(keys) {
		if f := form(key); f != "" {
			asked[f] = append(asked[f], key)
			list = append(list, terms(key))
		}
	}
	found := map[string][]connector.Item{}
	for _, batch := range batches(unique(list), room(sel.list)) {
		err := c.each(ctx, "find Contact", sel.list, contact, where(batch), false, func(raw json.RawMessage) error {
			r, err := decodeRow(raw)
			if r.id == "" {
				return nil
			}
			it, itemErr := sel.item(r, c.KeyField)
			given := asked[of(it)]
			if err != nil || itemErr != nil {
				it.Partial, it.Fields, it.Raw = true, nil, nil
			}
			for _, key := range given {
				found[key] = append(found[key], it)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// nameTerm is the condition that finds at least the contacts of a name key.
func nameTerm(key string) string {
	parts := strings.SplitN(key, "\n", 3)
	if len(parts) != 3 {
		return ""
	}
	return "(LastName LIKE " + quote(loose(parts[1])) + " AND Account.Name LIKE " + quote(loose(parts[2])) + ")"
}

// loose makes a LIKE pattern of a folded name: a letter that may carry an accent, and everything that is not a letter or
// a digit, matches whatever stands there.
func loose(folded string) string {
	var b strings.Builder
	for _, r := range folded {
		switch {
		case strings.ContainsRune("aceinosuyz", r) || r >= utf8.RuneSelf:
			b.WriteByte('_')
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		default:
			b.WriteByte('%')
		}
	}
	return b.String() + "%"
}

// marker is what stands in the key field for a key.
func (c *crm) marker(key string) string {
	if key == "" || strings.HasPrefix(key, c.Org+"/") {
		return key
	}
	return c.Org + "/" + key
}
