package salesforce

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// plan is a query bound to the object tables as one user may see them: every name resolved, every value typed.
type plan struct {
	s       *Server
	actor   *actor
	q       *selectQuery
	t       *table
	now     time.Time
	deleted bool // queryAll
	columns []column
	where   func(*row, *state) bool
	groups  []column
	order   []ordering
}

// column is one thing to select: a path of references that ends in a field, or a list of children, or an aggregate.
type column struct {
	steps    []*Field
	field    *Field
	fn       string // aggregate, upper case; with field nil it is COUNT()
	name     string // result name of an aggregate
	children *plan
	link     *Field // on the child, the reference to this object
}

type ordering struct {
	column
	desc, nullsLast bool
}

// bind resolves a parsed query. Errors: INVALID_TYPE, INVALID_FIELD, MALFORMED_QUERY and the errors of filters.
func (s *Server) bind(q *selectQuery, a *actor, deleted bool) (*plan, *Error) {
	t := s.visibleTable(a, q.from.text)
	if t == nil {
		return nil, queryError("INVALID_TYPE", q.src, q.from.pos, fmt.Sprintf("sObject type '%s' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.", q.from.text))
	}
	return s.bindTo(q, a, t, deleted)
}

func (s *Server) bindTo(q *selectQuery, a *actor, t *table, deleted bool) (*plan, *Error) {
	p := &plan{s: s, actor: a, q: q, t: t, now: s.now(), deleted: deleted}
	if q.offset > 2000 {
		return nil, fail("NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
	}
	if err := p.bindColumns(); err != nil {
		return nil, err
	}
	p.where = func(*row, *state) bool { return true }
	if err := checkJoins(q); err != nil {
		return nil, err
	}
	if q.where != nil {
		where, err := p.condition(q.where)
		if err != nil {
			return nil, err
		}
		p.where = where
	}
	for _, g := range q.groupBy {
		c, err := p.resolve(g)
		if err != nil {
			return nil, err
		}
		if c.field == nil || c.fn != "" || c.field.NoFilter {
			return nil, queryError("MALFORMED_QUERY", q.src, g.pos, "field can not be grouped in a query call")
		}
		p.groups = append(p.groups, c)
	}
	for _, o := range q.order {
		c, err := p.resolve(o.fieldRef)
		if err != nil {
			return nil, err
		}
		if c.field != nil && c.field.NoFilter {
			return nil, queryError("INVALID_FIELD", q.src, o.pos, fmt.Sprintf("field '%s' can not be sorted in a query call", c.field.Name))
		}
		if c.fn != "" && !p.aggregated() {
			return nil, queryError("MALFORMED_QUERY", q.src, o.pos, "Ordered field must be grouped or aggregated")
		}
		p.order = append(p.order, ordering{c, o.desc, o.nullsLast})
	}
	return p, p.checkAggregates()
}

// bindColumns resolves what is selected.
func (p *plan) bindColumns() *Error {
	seen := map[string]bool{}
	for _, item := range p.q.items {
		switch {
		case item.children != nil:
			c, err := p.bindChildren(item)
			if err != nil {
				return err
			}
			p.columns = append(p.columns, c)
		case item.fields != "":
			if item.fields != "STANDARD" && (p.q.limit < 0 || p.q.limit > 200) {
				return fail("MALFORMED_QUERY", "The SOQL FIELDS function must have a LIMIT of at most 200")
			}
			for _, f := range p.t.obj.Fields {
				if (item.fields == "ALL" || f.Custom == (item.fields == "CUSTOM")) && p.s.fieldAccess(p.actor, p.t.obj, f).Read {
					p.columns = append(p.columns, column{field: f})
				}
			}
		default:
			c, err := p.resolve(item.fieldRef)
			if err != nil {
				return err
			}
			if key := strings.ToLower(strings.Join(item.path, ".")); item.fn == "" {
				if seen[key] {
					return queryError("INVALID_FIELD", p.q.src, item.pos, "duplicate field selected: "+c.field.Name)
				}
				seen[key] = true
			}
			c.name = item.name
			p.columns = append(p.columns, c)
		}
	}
	return nil
}

// bindChildren resolves (SELECT … FROM Contacts) on an account.
func (p *plan) bindChildren(item selectItem) (column, *Error) {
	for _, o := range p.s.objects {
		for _, f := range o.Fields {
			if f.ChildName != "" && strings.EqualFold(f.ChildName, item.children.from.text) && slices.Contains(f.ReferenceTo, p.t.obj.Name) {
				child, err := p.s.bindTo(item.children, p.actor, p.s.table(o.Name), p.deleted)
				if err == nil && child.aggregated() {
					err = queryError("MALFORMED_QUERY", p.q.src, item.pos, "Aggregate functions and GROUP BY are not allowed in a subquery of the SELECT clause")
				}
				return column{children: child, link: f, name: f.ChildName}, err
			}
		}
	}
	return column{}, queryError("INVALID_TYPE", p.q.src, item.children.from.pos, fmt.Sprintf("Didn't understand relationship '%s' in FROM part of query call. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.", item.children.from.text))
}

var aggregates = []string{"COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM", "AVG"}

// resolve follows a dotted path from the query's object to a field that the actor may read.
func (p *plan) resolve(ref fieldRef) (column, *Error) {
	c := column{fn: ref.fn}
	if ref.fn != "" && !slices.Contains(aggregates, ref.fn) {
		return c, queryError("MALFORMED_QUERY", p.q.src, ref.pos, fmt.Sprintf("unexpected token: '%s'", ref.fn))
	}
	path := ref.path
	if len(path) == 0 {
		if ref.fn != "COUNT" {
			return c, queryError("MALFORMED_QUERY", p.q.src, ref.pos, "unexpected token: ')'")
		}
		return c, nil
	}
	if len(path) > 1 && (strings.EqualFold(path[0], p.q.alias) || strings.EqualFold(path[0], p.q.from.text) && p.t.obj.field(path[0]) == nil && !p.isRelationship(path[0])) {
		path = path[1:]
	}
	obj := p.t.obj
	for _, step := range path[:len(path)-1] {
		var via *Field
		for _, f := range obj.Fields {
			if f.RelationshipName != "" && strings.EqualFold(f.RelationshipName, step) && p.s.fieldAccess(p.actor, obj, f).Read {
				via = f
			}
		}
		if via == nil || p.s.target(via) == nil || len(c.steps) == 5 {
			return c, queryError("INVALID_FIELD", p.q.src, ref.pos, fmt.Sprintf("Didn't understand relationship '%s' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.", step))
		}
		c.steps = append(c.steps, via)
		obj = p.s.target(via)
	}
	name := path[len(path)-1]
	if c.field = p.s.visibleField(p.actor, obj, name); c.field == nil {
		return c, queryError("INVALID_FIELD", p.q.src, ref.pos, fmt.Sprintf("No such column '%s' on entity '%s'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.", name, obj.Name))
	}
	return c, nil
}

// target is the object whose fields a path reaches through a reference: where the reference may point to several, the
// vendor's Name. nil when the org has no such object.
func (s *Server) target(f *Field) *Object {
	if len(f.ReferenceTo) > 1 {
		return nameObject
	}
	if t := s.table(f.ReferenceTo[0]); t != nil {
		return t.obj
	}
	return nil
}

func (p *plan) isRelationship(name string) bool {
	return slices.ContainsFunc(p.t.obj.Fields, func(f *Field) bool { return strings.EqualFold(f.RelationshipName, name) })
}

// value follows the column from a row's state to the field's canonical value; nil where a parent is missing.
func (p *plan) value(c column, st *state) any {
	if parent := p.parent(c.steps, st); parent != nil && c.field != nil {
		return parent.get(c.field)
	}
	return nil
}

// parent follows references; nil where one is empty or points at nothing.
func (p *plan) parent(steps []*Field, st *state) *state {
	for _, f := range steps {
		id, _ := st.values[f.Name].(string)
		t := p.s.tableOf(id)
		if t == nil || t.rows[id] == nil {
			return nil
		}
		if st = t.rows[id].at(p.now); st == nil {
			return nil
		}
		if len(f.ReferenceTo) > 1 {
			st = nameOf(t.obj, st)
		}
	}
	return st
}

// checkAggregates refuses fields beside aggregates that are not grouped.
func (p *plan) checkAggregates() *Error {
	if !p.aggregated() {
		return nil
	}
	for i, c := range p.columns {
		if c.fn != "" {
			if c.field == nil && (len(p.columns) > 1 || len(p.groups) > 0) {
				return queryError("MALFORMED_QUERY", p.q.src, p.q.items[i].pos, "Grouped query cannot use COUNT() without a field; use COUNT(Id)")
			}
			continue
		}
		if c.children != nil || !slices.ContainsFunc(p.groups, func(g column) bool { return sameColumn(g, c) }) {
			name := "subquery"
			if c.field != nil {
				name = c.field.Name
			}
			return queryError("MALFORMED_QUERY", p.q.src, p.q.items[min(i, len(p.q.items)-1)].pos, "Field must be grouped or aggregated: "+name)
		}
	}
	if p.q.having != nil {
		return fail("MALFORMED_QUERY", "HAVING is not available in this sandbox")
	}
	return nil
}

func sameColumn(a, b column) bool {
	return a.field == b.field && slices.Equal(a.steps, b.steps)
}

// aggregated tells whether the query answers with AggregateResult rows or a bare count.
func (p *plan) aggregated() bool {
	return len(p.groups) > 0 || slices.ContainsFunc(p.columns, func(c column) bool { return c.fn != "" })
}
