package salesforce

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// match is a row that a query found, with the state in which it was seen.
type match struct {
	r  *row
	st *state
}

// run finds the rows of the plan: visible to the actor, passing the filter, sorted, cut to OFFSET and LIMIT.
func (p *plan) run() ([]match, *Error) {
	rows, err := p.source()
	if err != nil {
		return nil, err
	}
	found := p.filter(rows)
	if len(p.order) > 0 && !p.aggregated() {
		p.sort(found)
	}
	if p.aggregated() {
		return found, nil
	}
	return cut(found, p.q.offset, p.q.limit), nil
}

func (p *plan) filter(rows []*row) []match {
	var found []match
	for _, r := range rows {
		st := r.at(p.now)
		if st == nil || !p.deleted && (st.isDeleted() || st.isArchived()) || !p.where(r, st) {
			continue
		}
		if p.q.scope == "mine" && p.t.obj.owned() && st.values["OwnerId"] != p.actor.id {
			continue
		}
		if p.t.obj.rows == nil && !p.s.sees(p.actor, p.t.obj, r.id, st) {
			continue
		}
		found = append(found, match{r, st})
	}
	return found
}

func cut[T any](rows []T, offset, limit int) []T {
	if offset > 0 {
		rows = rows[min(offset, len(rows)):]
	}
	if limit >= 0 && limit < len(rows) {
		rows = rows[:limit]
	}
	return rows
}

// source lists the rows to look at: all, or by id and index those that alone can pass the filter.
func (p *plan) source() ([]*row, *Error) {
	if p.t.obj.rows != nil {
		return p.t.obj.rows(p.s, &virtualQuery{actor: p.actor, where: p.q.where})
	}
	if ids := pinned(p.q.where, "Id"); len(ids) > 0 {
		return p.t.pick(ids), nil
	}
	if !p.deleted {
		for _, f := range p.t.obj.Fields {
			if !f.indexed() {
				continue
			}
			if values := pinned(p.q.where, f.Name); len(values) > 0 {
				return p.t.pick(p.t.indexedIDs(f, values, p.now)), nil
			}
		}
	}
	out := make([]*row, 0, len(p.t.order))
	for _, id := range p.t.order {
		out = append(out, p.t.rows[id])
	}
	return out, nil
}

// pick returns the rows of these ids, each once, in the order of creation.
func (t *table) pick(ids []string) []*row {
	var out []*row
	for _, given := range ids {
		if id, ok := normalizeID(given); ok && t.rows[id] != nil {
			out = append(out, t.rows[id])
		}
	}
	slices.SortFunc(out, func(a, b *row) int { return strings.Compare(a.id, b.id) })
	return slices.Compact(out)
}

// indexedIDs finds rows by an indexed field, and adds those of open transactions, whose old values the index has
// forgotten.
func (t *table) indexedIDs(f *Field, values []string, now time.Time) []string {
	var ids []string
	for _, v := range values {
		if f.Type == TypeReference {
			v, _ = normalizeID(v)
		}
		for id := range t.index[f.Name][key(f, v)] {
			ids = append(ids, id)
		}
	}
	for id := range t.pending {
		if r := t.rows[id]; r == nil || !r.open(now) {
			delete(t.pending, id)
			continue
		}
		ids = append(ids, id)
	}
	return ids
}

// sort orders rows as ORDER BY says. Nulls come first unless NULLS LAST. The values to sort by are computed once.
func (p *plan) sort(found []match) {
	type keyed struct {
		m    match
		keys []any
	}
	rows := make([]keyed, len(found))
	for i, m := range found {
		rows[i] = keyed{m, make([]any, len(p.order))}
		for j, o := range p.order {
			v := p.value(o.column, m.st)
			if s, isText := v.(string); isText && o.field.isText() {
				v = strings.ToLower(s)
			}
			rows[i].keys[j] = v
		}
	}
	slices.SortStableFunc(rows, func(a, b keyed) int {
		for j, o := range p.order {
			if n := o.compare(a.keys[j], b.keys[j]); n != 0 {
				return n
			}
		}
		return 0
	})
	for i := range rows {
		found[i] = rows[i].m
	}
}

func (o ordering) compare(x, y any) int {
	if x == nil || y == nil {
		switch {
		case x == nil && y == nil:
			return 0
		case (x == nil) != o.nullsLast:
			return -1
		}
		return 1
	}
	n := compareValues(x, y)
	if o.desc {
		return -n
	}
	return n
}

// compareValues orders two canonical values of the same field, texts as they are.
func compareValues(x, y any) int {
	switch x := x.(type) {
	case string:
		y, _ := y.(string)
		return strings.Compare(x, y)
	case float64:
		y, _ := y.(float64)
		return compareNumbers(x, y)
	case time.Time:
		y, _ := y.(time.Time)
		return x.Compare(y)
	case bool:
		y, _ := y.(bool)
		switch {
		case x == y:
			return 0
		case x:
			return 1
		}
		return -1
	}
	return 0
}

// record shows a row as the query selected it.
func (p *plan) record(m match, version string) *ordered {
	out := p.attributes(p.t.obj, m.r.id, version)
	for _, c := range p.columns {
		if c.children != nil {
			out.set(c.name, p.childList(c, m.r.id, version))
			continue
		}
		at, st := out, m.st
		for i, f := range c.steps {
			parent := p.parent(c.steps[:i+1], m.st)
			if parent == nil {
				at.set(f.RelationshipName, nil)
				at = nil
				break
			}
			nested, ok := at.values[f.RelationshipName].(*ordered)
			if !ok {
				id, _ := parent.values["Id"].(string)
				nested = p.attributes(p.s.target(f), id, version)
				at.set(f.RelationshipName, nested)
			}
			at, st = nested, parent
		}
		if at != nil {
			at.set(c.field.Name, show(c.field, st.get(c.field)))
		}
	}
	return out
}

func (p *plan) attributes(o *Object, id, version string) *ordered {
	a := newOrdered()
	a.set("type", o.Name)
	name := o.Name
	if o == nameObject {
		name = p.s.tableOf(id).obj.Name
	}
	a.set("url", recordURL(version, name, id))
	out := newOrdered()
	out.set("attributes", a)
	return out
}

// childSource lists the rows that may be children of a record.
func (p *plan) childSource(link *Field, parent string) ([]*row, *Error) {
	if link.indexed() && !p.deleted {
		return p.t.pick(p.t.indexedIDs(link, []string{parent}, p.now)), nil
	}
	return p.source()
}

// childList shows the children of a record; null when there are none, as the vendor does.
func (p *plan) childList(c column, parent, version string) any {
	child := c.children
	child.now = p.now
	rows, err := child.childSource(c.link, parent)
	if err != nil {
		return nil
	}
	var mine []match
	for _, m := range child.filter(rows) {
		if m.st.values[c.link.Name] == parent {
			mine = append(mine, m)
		}
	}
	child.sort(mine)
	mine = cut(mine, child.q.offset, child.q.limit)
	if len(mine) == 0 {
		return nil
	}
	records := make([]any, 0, len(mine))
	for _, m := range mine {
		records = append(records, child.record(m, version))
	}
	return map[string]any{"totalSize": len(records), "done": true, "records": records}
}

// aggregate answers a query with aggregates or GROUP BY: one AggregateResult per group.
func (p *plan) aggregate(found []match) []any {
	var keys []string
	groups := map[string][]match{}
	for _, m := range found {
		var b strings.Builder
		for _, g := range p.groups {
			v := p.value(g, m.st)
			if s, ok := v.(string); ok {
				v = strings.ToLower(s)
			}
			fmt.Fprintf(&b, "%T:%v\x00", v, v)
		}
		k := b.String()
		if groups[k] == nil {
			keys = append(keys, k)
		}
		groups[k] = append(groups[k], m)
	}
	if len(p.groups) == 0 && len(keys) == 0 {
		keys = []string{""} // without GROUP BY there is always one row
	}
	p.sortGroups(keys, groups)
	out := []any{}
	for _, k := range cut(keys, p.q.offset, p.q.limit) {
		row := newOrdered()
		row.set("attributes", map[string]any{"type": "AggregateResult"})
		n := 0
		for _, c := range p.columns {
			name := c.name
			if c.fn == "" {
				if name == "" {
					name = c.field.Name
				}
				row.set(name, show(c.field, p.value(c, groups[k][0].st)))
				continue
			}
			if name == "" {
				name = fmt.Sprintf("expr%d", n)
				n++
			}
			row.set(name, p.fold(c, groups[k]))
		}
		out = append(out, row)
	}
	return out
}

// sortGroups orders groups by the ORDER BY columns: grouped fields, or aggregates such as COUNT(Id).
func (p *plan) sortGroups(keys []string, groups map[string][]match) {
	value := func(o ordering, rows []match) any {
		var v any
		if o.fn == "" {
			v = p.value(o.column, rows[0].st)
		} else {
			v = p.fold(o.column, rows)
		}
		switch v := v.(type) {
		case int:
			return float64(v)
		case string:
			return strings.ToLower(v)
		}
		return v
	}
	if len(p.groups) == 0 {
		return
	}
	slices.SortStableFunc(keys, func(a, b string) int {
		for _, o := range p.order {
			if n := o.compare(value(o, groups[a]), value(o, groups[b])); n != 0 {
				return n
			}
		}
		return 0
	})
}

// compareFolded orders two values, texts without their case.
func compareFolded(x, y any) int {
	a, isText := x.(string)
	b, too := y.(string)
	if isText && too {
		return strings.Compare(strings.ToLower(a), strings.ToLower(b))
	}
	return compareValues(x, y)
}

// fold computes one aggregate over a group.
func (p *plan) fold(c column, rows []match) any {
	var best any
	distinct, n, sum := map[string]bool{}, 0, 0.0
	for _, m := range rows {
		v := p.value(c, m.st)
		if v == nil {
			continue
		}
		n++
		if x, ok := v.(float64); ok {
			sum += x
		}
		distinct[strings.ToLower(fmt.Sprint(v))] = true
		if n := compareFolded(v, best); best == nil || c.fn == "MIN" && n < 0 || c.fn == "MAX" && n > 0 {
			best = v
		}
	}
	switch c.fn {
	case "COUNT":
		return n
	case "COUNT_DISTINCT":
		return len(distinct)
	case "SUM":
		return sum
	case "AVG":
		if n == 0 {
			return nil
		}
		return sum / float64(n)
	}
	return show(c.field, best)
}
