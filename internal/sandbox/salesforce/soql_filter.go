package salesforce

import (
	"fmt"
	"strings"
	"time"
)

// condition compiles an expression into a predicate on rows.
func (p *plan) condition(e expr) (func(*row, *state) bool, *Error) {
	switch e := e.(type) {
	case *logic:
		left, err := p.condition(e.left)
		if err != nil {
			return nil, err
		}
		right, err := p.condition(e.right)
		if err != nil {
			return nil, err
		}
		if e.and {
			return func(r *row, st *state) bool { return left(r, st) && right(r, st) }, nil
		}
		return func(r *row, st *state) bool { return left(r, st) || right(r, st) }, nil
	case *negation:
		of, err := p.condition(e.of)
		if err != nil {
			return nil, err
		}
		return func(r *row, st *state) bool { return !of(r, st) }, nil
	case *cond:
		return p.comparison(e)
	}
	return nil, fail("MALFORMED_QUERY", "unexpected condition")
}

func (p *plan) comparison(c *cond) (func(*row, *state) bool, *Error) {
	if c.fn != "" {
		return nil, queryError("MALFORMED_QUERY", p.q.src, c.pos, "Aggregate functions are not allowed in WHERE")
	}
	col, err := p.resolve(c.fieldRef)
	if err != nil {
		return nil, err
	}
	f := col.field
	if f.NoFilter {
		return nil, queryError("INVALID_FIELD", p.q.src, c.pos, fmt.Sprintf("field '%s' can not be filtered in a query call", f.Name))
	}
	test, err := p.test(c, f)
	if err != nil {
		return nil, err
	}
	return func(_ *row, st *state) bool { return test(p.value(col, st)) }, nil
}

// test compiles operator and values into a predicate on the field's canonical value.
func (p *plan) test(c *cond, f *Field) (func(any) bool, *Error) {
	if c.sub != nil {
		return p.semiJoin(c, f)
	}
	switch c.op {
	case "INCLUDES", "EXCLUDES":
		return nil, queryError("INVALID_QUERY_FILTER_OPERATOR", p.q.src, c.pos, fmt.Sprintf("%s can only be used on multi-select picklists", strings.ToLower(c.op)))
	case "LIKE":
		if !f.isText() || c.values[0].kind != litString {
			return nil, queryError("INVALID_QUERY_FILTER_OPERATOR", p.q.src, c.pos, fmt.Sprintf("invalid operator on %s field", strings.ToLower(string(f.Type))))
		}
		match := like(c.values[0].like)
		return func(v any) bool { s, ok := v.(string); return ok && match(s) }, nil
	case "IN", "NOT IN":
		return p.in(c, f)
	}
	l := c.values[0]
	if err := p.typed(c, f, l); err != nil {
		return nil, err
	}
	if l.kind == litNull || l.kind == litString && l.text == "" { // an empty text is stored as null, and found as null
		switch c.op {
		case "=":
			return func(v any) bool { return v == nil }, nil
		case "!=":
			return func(v any) bool { return v != nil }, nil
		}
		return nil, queryError("INVALID_QUERY_FILTER_OPERATOR", p.q.src, c.pos, "invalid operator on null value")
	}
	if c.op != "=" && c.op != "!=" && (f.Type == TypeBoolean || f.Type == TypeReference) {
		return nil, queryError("INVALID_QUERY_FILTER_OPERATOR", p.q.src, c.pos, fmt.Sprintf("invalid operator on %s field", f.Type))
	}
	order, err := p.comparer(c, f, l)
	if err != nil {
		return nil, err
	}
	op := c.op
	return func(v any) bool {
		if v == nil {
			return op == "!="
		}
		n := order(v)
		switch op {
		case "=":
			return n == 0
		case "!=":
			return n != 0
		case "<":
			return n < 0
		case "<=":
			return n <= 0
		case ">":
			return n > 0
		default:
			return n >= 0
		}
	}, nil
}

// typed refuses a value of the wrong kind for the field, in the vendor's words.
func (p *plan) typed(c *cond, f *Field, l literal) *Error {
	if l.kind == litNull {
		return nil
	}
	want, ok, quoted := "string", l.kind == litString, true
	switch f.Type {
	case TypeBoolean:
		want, ok, quoted = "boolean", l.kind == litBool, false
	case TypeInt, TypeDouble:
		want, ok, quoted = string(f.Type), l.kind == litNumber, false
	case TypeDate:
		want, ok, quoted = "date", l.kind == litDate || l.kind == litRange, false
	case TypeDateTime:
		want, ok, quoted = "dateTime", l.kind == litDateTime || l.kind == litRange, false
	}
	if ok {
		return nil
	}
	should := "should be"
	if !quoted {
		should = "should not be"
	}
	return queryError("INVALID_FIELD", p.q.src, c.pos, fmt.Sprintf("value of filter criterion for field '%s' must be of type %s and %s enclosed in quotes", f.Name, want, should))
}

// comparer returns a function that orders a value against the literal: negative, zero or positive. A date literal is a
// span: values inside are equal to it, those before it less, those after it greater.
func (p *plan) comparer(c *cond, f *Field, l literal) (func(any) int, *Error) {
	switch l.kind {
	case litBool:
		return func(v any) int {
			if v == l.b {
				return 0
			}
			return 1
		}, nil
	case litNumber:
		return func(v any) int { n, _ := v.(float64); return compareNumbers(n, l.num) }, nil
	case litDate:
		return func(v any) int { s, _ := v.(string); return strings.Compare(s, l.text) }, nil
	case litDateTime:
		return func(v any) int { t, _ := v.(time.Time); return t.Compare(l.at) }, nil
	case litRange:
		from, to := l.span(p.now, p.actor.zone)
		return func(v any) int {
			t, ok := v.(time.Time)
			if s, isDate := v.(string); isDate {
				t, _ = time.ParseInLocation(dateLayout, s, p.actor.zone)
			} else if !ok {
				return -1
			}
			switch {
			case t.Before(from):
				return -1
			case t.Before(to):
				return 0
			}
			return 1
		}, nil
	}
	want := l.text
	if f.Type == TypeID || f.Type == TypeReference {
		id, ok := normalizeID(want)
		if !ok {
			return nil, queryError("INVALID_QUERY_FILTER_OPERATOR", p.q.src, c.pos, "invalid ID field: "+want)
		}
		return func(v any) int { s, _ := v.(string); return strings.Compare(s, id) }, nil
	}
	want = key(f, want)
	return func(v any) int { return strings.Compare(key(f, v), want) }, nil
}

func compareNumbers(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// in compiles IN and NOT IN with a list. Texts and ids become a set, so that long lists cost no more than short ones.
func (p *plan) in(c *cond, f *Field) (func(any) bool, *Error) {
	set, null := map[string]bool{}, false
	var tests []func(any) int
	for _, l := range c.values {
		if err := p.typed(c, f, l); err != nil {
			return nil, err
		}
		switch {
		case l.kind == litNull, l.kind == litString && l.text == "":
			null = true
		case l.kind == litString && (f.Type == TypeID || f.Type == TypeReference):
			id, ok := normalizeID(l.text)
			if !ok {
				return nil, queryError("INVALID_QUERY_FILTER_OPERATOR", p.q.src, c.pos, "invalid ID field: "+l.text)
			}
			set[id] = true
		case l.kind == litString:
			set[key(f, l.text)] = true
		default:
			t, err := p.comparer(c, f, l)
			if err != nil {
				return nil, err
			}
			tests = append(tests, t)
		}
	}
	wanted := c.op == "IN"
	return func(v any) bool { return member(f, v, set, null, tests) == wanted }, nil
}

func member(f *Field, v any, set map[string]bool, null bool, tests []func(any) int) bool {
	if v == nil {
		return null
	}
	if _, ok := v.(string); ok && set[key(f, v)] {
		return true
	}
	for _, t := range tests {
		if t(v) == 0 {
			return true
		}
	}
	return false
}

// like compiles a LIKE pattern: % is any text, _ any character, case does not count. Escaped wildcards stand for
// themselves.
func like(pattern string) func(string) bool {
	type piece struct {
		r   rune
		any bool // %
		one bool // _
	}
	var pieces []piece
	escaped := false
	for _, r := range strings.ToLower(pattern) {
		switch {
		case escaped:
			pieces = append(pieces, piece{r: r})
			escaped = false
		case r == '\\':
			escaped = true
		case r == '%':
			pieces = append(pieces, piece{any: true})
		case r == '_':
			pieces = append(pieces, piece{one: true})
		default:
			pieces = append(pieces, piece{r: r})
		}
	}
	return func(s string) bool {
		text := []rune(strings.ToLower(s))
		// The usual two-pointer walk: on a mismatch go back to the last % and let it take one character more.
		i, j, star, mark := 0, 0, -1, 0
		for i < len(text) {
			switch {
			case j < len(pieces) && pieces[j].any:
				star, mark = j, i
				j++
			case j < len(pieces) && (pieces[j].one || pieces[j].r == text[i]):
				i++
				j++
			case star >= 0:
				mark++
				i, j = mark, star+1
			default:
				return false
			}
		}
		for j < len(pieces) && pieces[j].any {
			j++
		}
		return j == len(pieces)
	}
}
