package salesforce

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// finder says how items of a kind are looked up by one sort of key.
type finder struct {
	needs []string                            // fields without which there is nothing to look in
	form  func(c *crm, key string) string     // what a key is compared as; nil: as it is given
	of    func(it connector.Item) string      // the same of an item
	term  func(key string) string             // what of a key stands in the query, as a condition; nil: its form, in an IN list. "" finds nothing
	where func(c *crm, terms []string) string // the condition of a batch of terms
}

// byKey looks for our own marker.
var byKey = finder{
	form:  (*crm).marker,
	of:    func(it connector.Item) string { return it.Key },
	where: func(c *crm, terms []string) string { return c.KeyField + " IN (" + quoteAll(terms) + ")" },
}

func byNameKey(it connector.Item) string { return record.NameKey(it.Fields) }

// anyOf joins terms that are conditions themselves.
func anyOf(_ *crm, terms []string) string { return "(" + strings.Join(terms, " OR ") + ")" }

// Find looks items up in the whole org, as the integration user sees it. Deleted ones are found by key only: a create whose
// answer was lost took place, also where somebody deleted the record since.
//
// By name, the vendor compares neither accents nor dots the way record.NameKey does, so the query is wider than the
// question (letters that carry accents match any letter) and the answer is filtered here. An item that cannot be decoded
// comes back Partial.
func (c *crm) Find(ctx context.Context, k record.Kind, by connector.By, keys []string, extra []string) (map[string][]connector.Item, error) {
	s, err := shapeOf("find", k)
	if err != nil {
		return nil, err
	}
	sel, err := c.selection(ctx, "find "+s.object, s, extra)
	if err != nil {
		return nil, err
	}
	f, ok := s.find[by]
	if !ok {
		return nil, &connector.Error{Class: connector.Bug, Code: "find_by", Op: "salesforce find " + s.object}
	}
	needs := f.needs
	if by == connector.ByKey {
		needs = []string{c.KeyField}
	}
	for _, path := range needs {
		if shown, err := c.find(ctx, sel.d, path); err != nil {
			return nil, err
		} else if shown == nil {
			return nil, &connector.Error{Class: connector.Unsupported, Code: "unknown_field:" + path, Op: "salesforce find " + s.object}
		}
	}
	asked := map[string][]string{} // form of a key → the keys as given
	var list []string
	for _, key := range unique(keys) {
		form := key
		if f.form != nil {
			form = f.form(c, key)
		}
		term := form
		if f.term != nil {
			term = f.term(key)
		}
		if form != "" && term != "" {
			asked[form] = append(asked[form], key)
			list = append(list, term)
		}
	}
	found := map[string][]connector.Item{}
	living, all := s.living(sel.d)
	if by == connector.ByKey && sel.deleted {
		living, all = s.always(sel.d), true
	}
	bytes := inList
	if f.term != nil {
		bytes = inOr
	}
	for _, batch := range cut(unique(list), c.room(sel.list), maxIDs, bytes) {
		where := strings.Join(append([]string{f.where(c, batch)}, living...), " AND ")
		rows, err := c.all(ctx, "find "+s.object, sel, where, all)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if r.id == "" {
				continue
			}
			it, err := sel.item(r.row, c.KeyField)
			given := asked[f.of(it)]
			it.Deleted = r.deleted
			if err != nil || r.err != nil {
				it.Partial, it.Fields, it.Raw = true, nil, nil
			}
			for _, key := range given {
				found[key] = append(found[key], it)
			}
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
