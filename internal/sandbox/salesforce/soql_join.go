package salesforce

import (
	"fmt"
	"strings"
)

// maxJoins is how many semi-joins and anti-joins a query takes.
const maxJoins = 2

// notInJoins are objects that no sub-select reads. Source: as of checkJoins.
var notInJoins = map[string]bool{"activityhistory": true, "attachment": true, "event": true, "eventattendee": true, "note": true, "openactivity": true, "task": true}

// checkJoins refuses semi-joins where they may not stand, and too many of them. Source: SOQL and SOSL Reference, "Comparison
// Operators" (semi-joins with IN and anti-joins with NOT IN); the wording of all but the first and of "same object" is from memory.
func checkJoins(q *selectQuery) *Error {
	if nested(q.where, true) {
		return fail("MALFORMED_QUERY", "Semi join sub-selects are only allowed at the top level WHERE expressions and not in nested WHERE expressions.")
	}
	if n := joins(q.where); n > maxJoins {
		return fail("MALFORMED_QUERY", "Semi join sub-selects are limited to %d, and there are %d", maxJoins, n)
	}
	return nil
}

// joins counts the sub-selects of a condition.
func joins(e expr) int {
	switch e := e.(type) {
	case *logic:
		return joins(e.left) + joins(e.right)
	case *negation:
		return joins(e.of)
	case *cond:
		if e.sub != nil {
			return 1
		}
	}
	return 0
}

// nested reports whether a sub-select stands beside an OR, below a NOT or in parentheses; top says that the condition itself
// does not. Whether parentheses alone are too much for the vendor is from memory.
func nested(e expr, top bool) bool {
	switch e := e.(type) {
	case *logic:
		return nested(e.left, top && e.and) || nested(e.right, top && e.and)
	case *negation:
		return nested(e.of, false)
	case *cond:
		return e.sub != nil && (!top || e.grouped)
	}
	return false
}

// semiJoin runs the inner query of field IN (SELECT …) and compiles the set of what it found.
func (p *plan) semiJoin(c *cond, f *Field) (func(any) bool, *Error) {
	if f.Type != TypeID && f.Type != TypeReference {
		return nil, queryError("INVALID_FIELD", p.q.src, c.pos, fmt.Sprintf("The left operand '%s' in the where expression with outer semi join selects must be an id or reference field", f.Name))
	}
	switch sub := c.sub; {
	case strings.EqualFold(sub.from.text, p.t.obj.Name):
		return nil, queryError("MALFORMED_QUERY", p.q.src, c.valuePos, "The inner and outer selects should not be on the same object type")
	case notInJoins[strings.ToLower(sub.from.text)]:
		return nil, queryError("MALFORMED_QUERY", p.q.src, c.valuePos, fmt.Sprintf("Entity '%s' is not supported for semi join inner selects", sub.from.text))
	case len(sub.order) > 0 || sub.limit >= 0 || sub.offset >= 0 || len(sub.groupBy) > 0:
		return nil, queryError("MALFORMED_QUERY", p.q.src, c.valuePos, "A semi join sub-select takes no ORDER BY, LIMIT, OFFSET or GROUP BY")
	case joins(sub.where) > 0:
		return nil, queryError("MALFORMED_QUERY", p.q.src, c.valuePos, "Nesting of semi join sub-selects is not supported")
	}
	inner, err := p.s.bind(c.sub, p.actor, false)
	if err != nil {
		return nil, err
	}
	if len(inner.columns) != 1 || inner.columns[0].field == nil || inner.columns[0].fn != "" {
		return nil, queryError("MALFORMED_QUERY", p.q.src, c.valuePos, "A semi join sub-select must select exactly one field")
	}
	col := inner.columns[0]
	if col.field.Type != TypeID && col.field.Type != TypeReference {
		return nil, queryError("INVALID_FIELD", p.q.src, c.valuePos, fmt.Sprintf("The inner select field '%s' must be an id or reference field", col.field.Name))
	}
	rows, err := inner.run()
	if err != nil {
		return nil, err
	}
	set := map[string]bool{}
	for _, m := range rows {
		if id, ok := inner.value(col, m.st).(string); ok {
			set[id] = true
		}
	}
	wanted := c.op == "IN"
	return func(v any) bool { s, _ := v.(string); return (v != nil && set[s]) == wanted }, nil
}
