package salesforce

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// selectQuery is a parsed SELECT.
type selectQuery struct {
	src           string
	items         []selectItem
	from          token
	alias         string
	scope         string // USING SCOPE, lower case: "mine", "everything"
	where         expr
	groupBy       []fieldRef
	having        expr
	order         []orderItem
	limit, offset int // -1: none
}

// selectItem is one of what a query selects: a field, a function of one, FIELDS(…) or a list of children.
type selectItem struct {
	fieldRef
	name     string // result name of an aggregate
	fields   string // ALL, STANDARD or CUSTOM
	children *selectQuery
}

// fieldRef names a field, or with fn an aggregate of it: path is empty for COUNT().
type fieldRef struct {
	path []string
	fn   string // upper case
	pos  int
}

type orderItem struct {
	fieldRef
	desc, nullsLast bool
}

// expr is a condition: *logic, *negation or *cond.
type expr interface{ isExpr() }

type logic struct {
	and         bool
	left, right expr
}

type negation struct{ of expr }

type cond struct {
	fieldRef
	op       string // = != < <= > >= LIKE IN, NOT IN, INCLUDES, EXCLUDES
	values   []literal
	sub      *selectQuery // of a semi-join
	valuePos int
	grouped  bool // it stands in parentheses
}

func (*logic) isExpr()    {}
func (*negation) isExpr() {}
func (*cond) isExpr()     {}

type litKind int

const (
	litNull litKind = iota
	litString
	litNumber
	litBool
	litDate
	litDateTime
	litRange // a date literal such as LAST_N_DAYS:7
)

type literal struct {
	kind litKind
	text string // litString: the text; litDate: the date; litRange: its name
	like string // litString: the pattern for LIKE
	num  float64
	b    bool
	at   time.Time
	n    int
}

const (
	maxQueryLength = 100_000 // characters, as at the vendor
	maxDepth       = 100     // of nested parentheses; ours, so that no query can exhaust the stack
)

type parser struct {
	src   string
	toks  []token
	i     int
	depth int

	groups int // parentheses around the condition that comes next
}

// parseQuery parses one SOQL SELECT. Errors: MALFORMED_QUERY.
func parseQuery(src string) (*selectQuery, *Error) {
	if strings.TrimSpace(src) == "" {
		return nil, fail("MALFORMED_QUERY", "SOQL statements cannot be empty or null")
	}
	if len(src) > maxQueryLength {
		return nil, fail("MALFORMED_QUERY", "SOQL statements cannot exceed %d characters.", maxQueryLength)
	}
	toks, err := lex(src)
	if err != nil {
		return nil, err
	}
	p := &parser{src: src, toks: toks}
	q, err := p.selectQuery()
	if err != nil {
		return nil, err
	}
	if p.peek().kind != tokEOF {
		return nil, p.unexpected()
	}
	return q, nil
}

func (p *parser) peek() token { return p.toks[p.i] }

func (p *parser) next() token {
	t := p.toks[p.i]
	if t.kind != tokEOF {
		p.i++
	}
	return t
}

func (p *parser) at(pos int, message string) *Error {
	return queryError("MALFORMED_QUERY", p.src, pos, message)
}

func (p *parser) unexpected() *Error {
	return p.at(p.peek().pos, fmt.Sprintf("unexpected token: '%s'", p.peek()))
}

// word takes a keyword if it comes next; several words must follow each other.
func (p *parser) word(words ...string) bool {
	for k, w := range words {
		if p.i+k >= len(p.toks) || p.toks[p.i+k].kind != tokIdent || !strings.EqualFold(p.toks[p.i+k].text, w) {
			return false
		}
	}
	p.i += len(words)
	return true
}

func (p *parser) punct(sign string) bool {
	if t := p.peek(); t.kind == tokPunct && t.text == sign {
		p.i++
		return true
	}
	return false
}

func (p *parser) expect(sign string) *Error {
	if !p.punct(sign) {
		return p.unexpected()
	}
	return nil
}

func (p *parser) enter() *Error {
	if p.depth++; p.depth > maxDepth {
		return p.at(p.peek().pos, "query is nested too deeply")
	}
	return nil
}

func (p *parser) selectQuery() (*selectQuery, *Error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	q := &selectQuery{src: p.src, limit: -1, offset: -1}
	if !p.word("SELECT") {
		return nil, p.unexpected()
	}
	for {
		item, err := p.selectItem()
		if err != nil {
			return nil, err
		}
		q.items = append(q.items, item)
		if !p.punct(",") {
			break
		}
	}
	if !p.word("FROM") {
		return nil, p.unexpected()
	}
	if p.peek().kind != tokIdent {
		return nil, p.unexpected()
	}
	q.from = p.next()
	p.word("AS")
	if t := p.peek(); t.kind == tokIdent && !clauseWord(t.text) {
		q.alias = p.next().text
	}
	return q, p.clauses(q)
}

// clauseWord tells whether a word after FROM begins a clause, and so is no alias.
func clauseWord(w string) bool {
	switch strings.ToUpper(w) {
	case "WHERE", "ORDER", "LIMIT", "OFFSET", "GROUP", "HAVING", "FOR", "USING", "WITH", "ALL":
		return true
	}
	return false
}

// clauses parses what follows FROM, in the order that SOQL demands.
func (p *parser) clauses(q *selectQuery) (err *Error) {
	if p.word("USING", "SCOPE") {
		if p.peek().kind != tokIdent {
			return p.unexpected()
		}
		q.scope = strings.ToLower(p.next().text)
	}
	if p.word("WHERE") {
		if q.where, err = p.expr(); err != nil {
			return err
		}
	}
	if p.word("WITH") && !p.word("SECURITY_ENFORCED") && !p.word("USER_MODE") { // the REST API enforces them anyway
		return p.unexpected()
	}
	if p.word("GROUP", "BY") {
		for {
			f, err := p.fieldRef()
			if err != nil {
				return err
			}
			if q.groupBy = append(q.groupBy, f); !p.punct(",") {
				break
			}
		}
		if p.word("HAVING") {
			if q.having, err = p.expr(); err != nil {
				return err
			}
		}
	}
	if p.word("ORDER", "BY") {
		if err := p.orderBy(q); err != nil {
			return err
		}
	}
	if p.word("LIMIT") {
		if q.limit, err = p.count(); err != nil {
			return err
		}
	}
	if p.word("OFFSET") {
		if q.offset, err = p.count(); err != nil {
			return err
		}
	}
	if p.word("FOR") && !p.word("VIEW") && !p.word("REFERENCE") && !p.word("UPDATE") {
		return p.unexpected()
	}
	if t := p.peek(); p.word("ALL", "ROWS") {
		return p.at(t.pos, "ALL ROWS not allowed in this context")
	}
	return nil
}

func (p *parser) orderBy(q *selectQuery) *Error {
	for {
		f, err := p.fieldRef()
		if err != nil {
			return err
		}
		o := orderItem{fieldRef: f}
		if p.word("DESC") {
			o.desc = true
		} else {
			p.word("ASC")
		}
		if p.word("NULLS") {
			switch {
			case p.word("LAST"):
				o.nullsLast = true
			case !p.word("FIRST"):
				return p.unexpected()
			}
		}
		if q.order = append(q.order, o); !p.punct(",") {
			return nil
		}
	}
}

func (p *parser) count() (int, *Error) {
	t := p.peek()
	n, err := strconv.Atoi(t.text)
	if t.kind != tokNumber || err != nil || n < 0 {
		return 0, p.unexpected()
	}
	p.next()
	return n, nil
}

func (p *parser) selectItem() (selectItem, *Error) {
	start := p.peek()
	if p.punct("(") {
		q, err := p.selectQuery()
		if err != nil {
			return selectItem{}, err
		}
		return selectItem{fieldRef: fieldRef{pos: start.pos}, children: q}, p.expect(")")
	}
	if t := p.peek(); t.kind == tokIdent && strings.EqualFold(t.text, "FIELDS") && p.toks[p.i+1].text == "(" {
		p.i += 2
		which := p.next()
		switch w := strings.ToUpper(which.text); w {
		case "ALL", "STANDARD", "CUSTOM":
			return selectItem{fieldRef: fieldRef{pos: start.pos}, fields: w}, p.expect(")")
		}
		p.i--
		return selectItem{}, p.unexpected()
	}
	f, err := p.fieldRef()
	if err != nil {
		return selectItem{}, err
	}
	item := selectItem{fieldRef: f}
	if t := p.peek(); t.kind == tokIdent && !strings.EqualFold(t.text, "FROM") {
		item.name = p.next().text
	}
	return item, nil
}

// fieldRef parses Name, Account.Owner.Name, COUNT() or MAX(CreatedDate).
func (p *parser) fieldRef() (fieldRef, *Error) {
	t := p.peek()
	if t.kind != tokIdent || strings.EqualFold(t.text, "FROM") || strings.EqualFold(t.text, "SELECT") {
		return fieldRef{}, p.unexpected()
	}
	p.next()
	if p.punct("(") {
		f := fieldRef{fn: strings.ToUpper(t.text), pos: t.pos}
		if p.punct(")") {
			return f, nil
		}
		arg := p.peek()
		if arg.kind != tokIdent {
			return fieldRef{}, p.unexpected()
		}
		p.next()
		path, err := p.path(arg)
		if err != nil {
			return fieldRef{}, err
		}
		f.path = path
		return f, p.expect(")")
	}
	path, err := p.path(t)
	return fieldRef{path: path, pos: t.pos}, err
}

func (p *parser) path(first token) ([]string, *Error) {
	path := []string{first.text}
	for p.punct(".") {
		t := p.peek()
		if t.kind != tokIdent {
			return nil, p.unexpected()
		}
		path = append(path, p.next().text)
	}
	return path, nil
}

// expr parses conditions. One chain holds ANDs or ORs; to mix them SOQL demands parentheses.
func (p *parser) expr() (expr, *Error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	left, err := p.term()
	if err != nil {
		return nil, err
	}
	op := ""
	for {
		var got string
		switch {
		case p.word("AND"):
			got = "AND"
		case p.word("OR"):
			got = "OR"
		default:
			return left, nil
		}
		if op != "" && got != op {
			p.i--
			return nil, p.unexpected()
		}
		op = got
		right, err := p.term()
		if err != nil {
			return nil, err
		}
		left = &logic{and: op == "AND", left: left, right: right}
	}
}

func (p *parser) term() (expr, *Error) {
	if p.word("NOT") {
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer func() { p.depth-- }()
		e, err := p.term()
		return &negation{e}, err
	}
	if p.punct("(") {
		p.groups++
		e, err := p.expr()
		p.groups--
		if err != nil {
			return nil, err
		}
		return e, p.expect(")")
	}
	return p.cond()
}
