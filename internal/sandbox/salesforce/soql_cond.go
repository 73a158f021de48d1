package salesforce

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// cond parses one comparison: a field, an operator, a value or a list.
func (p *parser) cond() (expr, *Error) {
	f, err := p.fieldRef()
	if err != nil {
		return nil, err
	}
	c := &cond{fieldRef: f, grouped: p.groups > 0}
	list := false
	switch t := p.peek(); {
	case t.kind == tokPunct && strings.Contains(" = != <> < <= > >= ", " "+t.text+" "):
		p.next()
		if c.op = t.text; c.op == "<>" {
			c.op = "!="
		}
	case p.word("LIKE"):
		c.op = "LIKE"
	case p.word("IN"):
		c.op, list = "IN", true
	case p.word("NOT", "IN"):
		c.op, list = "NOT IN", true
	case p.word("INCLUDES"):
		c.op, list = "INCLUDES", true
	case p.word("EXCLUDES"):
		c.op, list = "EXCLUDES", true
	default:
		return nil, p.unexpected()
	}
	c.valuePos = p.peek().pos
	if !list {
		v, err := p.literal()
		c.values = []literal{v}
		return c, err
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind == tokIdent && strings.EqualFold(t.text, "SELECT") {
		groups := p.groups
		p.groups = 0
		c.sub, err = p.selectQuery()
		if p.groups = groups; err != nil {
			return nil, err
		}
		return c, p.expect(")")
	}
	for {
		v, err := p.literal()
		if err != nil {
			return nil, err
		}
		c.values = append(c.values, v)
		if !p.punct(",") {
			return c, p.expect(")")
		}
	}
}

// literal parses a value.
func (p *parser) literal() (literal, *Error) {
	t := p.peek()
	switch t.kind {
	case tokString:
		text, like, bad := unescape(t.text)
		if bad != "" {
			return literal{}, p.at(t.pos, fmt.Sprintf("invalid string literal '%s'. Illegal character sequence '%s' in string literal.", t.text, bad))
		}
		p.next()
		return literal{kind: litString, text: text, like: like}, nil
	case tokNumber:
		v, ok := numberOrDate(t.text)
		if !ok {
			return literal{}, p.unexpected()
		}
		p.next()
		return v, nil
	case tokIdent:
		switch w := strings.ToUpper(t.text); {
		case w == "NULL":
			p.next()
			return literal{kind: litNull}, nil
		case w == "TRUE" || w == "FALSE":
			p.next()
			return literal{kind: litBool, b: w == "TRUE"}, nil
		case dateLiterals[w] != nil:
			p.next()
			return literal{kind: litRange, text: w}, nil
		case dateLiteralsN[w] != nil:
			p.next()
			if err := p.expect(":"); err != nil {
				return literal{}, err
			}
			n, err := p.count()
			return literal{kind: litRange, text: w, n: n}, err
		}
	}
	return literal{}, p.unexpected()
}

func numberOrDate(text string) (literal, bool) {
	switch {
	case numberShape.MatchString(text):
		n, err := strconv.ParseFloat(text, 64)
		return literal{kind: litNumber, num: n, text: text}, err == nil
	case dateShape.MatchString(text):
		_, err := time.Parse(dateLayout, text)
		return literal{kind: litDate, text: text}, err == nil
	case dateTimeShape.MatchString(text):
		t, ok := parseTime(text)
		return literal{kind: litDateTime, at: t}, ok
	}
	return literal{}, false
}

// The date literals: each is a span of days, from the first to before the last, seen from today's midnight in the
// user's time zone. (SOQL Reference, "Date Formats and Date Literals".)
var dateLiterals = map[string]func(today time.Time) (time.Time, time.Time){
	"TODAY":        func(d time.Time) (time.Time, time.Time) { return d, days(d, 1) },
	"YESTERDAY":    func(d time.Time) (time.Time, time.Time) { return days(d, -1), d },
	"TOMORROW":     func(d time.Time) (time.Time, time.Time) { return days(d, 1), days(d, 2) },
	"THIS_WEEK":    func(d time.Time) (time.Time, time.Time) { w := week(d); return w, days(w, 7) },
	"LAST_WEEK":    func(d time.Time) (time.Time, time.Time) { w := week(d); return days(w, -7), w },
	"NEXT_WEEK":    func(d time.Time) (time.Time, time.Time) { w := week(d); return days(w, 7), days(w, 14) },
	"THIS_MONTH":   func(d time.Time) (time.Time, time.Time) { m := month(d); return m, m.AddDate(0, 1, 0) },
	"LAST_MONTH":   func(d time.Time) (time.Time, time.Time) { m := month(d); return m.AddDate(0, -1, 0), m },
	"NEXT_MONTH":   func(d time.Time) (time.Time, time.Time) { m := month(d); return m.AddDate(0, 1, 0), m.AddDate(0, 2, 0) },
	"THIS_QUARTER": func(d time.Time) (time.Time, time.Time) { q := quarter(d); return q, q.AddDate(0, 3, 0) },
	"LAST_QUARTER": func(d time.Time) (time.Time, time.Time) { q := quarter(d); return q.AddDate(0, -3, 0), q },
	"NEXT_QUARTER": func(d time.Time) (time.Time, time.Time) {
		q := quarter(d)
		return q.AddDate(0, 3, 0), q.AddDate(0, 6, 0)
	},
	"THIS_YEAR":    func(d time.Time) (time.Time, time.Time) { y := year(d); return y, y.AddDate(1, 0, 0) },
	"LAST_YEAR":    func(d time.Time) (time.Time, time.Time) { y := year(d); return y.AddDate(-1, 0, 0), y },
	"NEXT_YEAR":    func(d time.Time) (time.Time, time.Time) { y := year(d); return y.AddDate(1, 0, 0), y.AddDate(2, 0, 0) },
	"LAST_90_DAYS": func(d time.Time) (time.Time, time.Time) { return days(d, -90), days(d, 1) },
	"NEXT_90_DAYS": func(d time.Time) (time.Time, time.Time) { return days(d, 1), days(d, 91) },
}

// The date literals that take a number.
var dateLiteralsN = map[string]func(today time.Time, n int) (time.Time, time.Time){
	"LAST_N_DAYS":   func(d time.Time, n int) (time.Time, time.Time) { return days(d, -n), days(d, 1) },
	"NEXT_N_DAYS":   func(d time.Time, n int) (time.Time, time.Time) { return days(d, 1), days(d, n+1) },
	"N_DAYS_AGO":    func(d time.Time, n int) (time.Time, time.Time) { return days(d, -n), days(d, 1-n) },
	"LAST_N_WEEKS":  func(d time.Time, n int) (time.Time, time.Time) { w := week(d); return days(w, -7*n), w },
	"NEXT_N_WEEKS":  func(d time.Time, n int) (time.Time, time.Time) { w := week(d); return days(w, 7), days(w, 7*(n+1)) },
	"LAST_N_MONTHS": func(d time.Time, n int) (time.Time, time.Time) { m := month(d); return m.AddDate(0, -n, 0), m },
	"NEXT_N_MONTHS": func(d time.Time, n int) (time.Time, time.Time) {
		m := month(d)
		return m.AddDate(0, 1, 0), m.AddDate(0, n+1, 0)
	},
	"LAST_N_YEARS": func(d time.Time, n int) (time.Time, time.Time) { y := year(d); return y.AddDate(-n, 0, 0), y },
	"NEXT_N_YEARS": func(d time.Time, n int) (time.Time, time.Time) {
		y := year(d)
		return y.AddDate(1, 0, 0), y.AddDate(n+1, 0, 0)
	},
}

func days(t time.Time, n int) time.Time { return t.AddDate(0, 0, n) }
func week(t time.Time) time.Time        { return days(t, -int(t.Weekday())) }
func month(t time.Time) time.Time       { return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, t.Location()) }
func year(t time.Time) time.Time        { return time.Date(t.Year(), 1, 1, 0, 0, 0, 0, t.Location()) }
func quarter(t time.Time) time.Time {
	return time.Date(t.Year(), (t.Month()-1)/3*3+1, 1, 0, 0, 0, 0, t.Location())
}

// span resolves a date literal at a moment, in a time zone.
func (l literal) span(now time.Time, zone *time.Location) (from, to time.Time) {
	local := now.In(zone)
	today := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
	if f := dateLiterals[l.text]; f != nil {
		return f(today)
	}
	return dateLiteralsN[l.text](today, min(l.n, 100_000))
}
