package salesforce

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	maxPage    = 2000           // rows of a query page
	minPage    = 200            // the smallest batchSize that the vendor heeds
	cursorLife = 48 * time.Hour // of a query locator
	maxCursors = 10             // open per user; the oldest gives way
)

// cursor is an open query: the rows that matched when it ran, and how to show them.
type cursor struct {
	id      string
	user    string
	plan    *plan
	found   []match
	size    int
	created time.Time
	seq     int64
}

// runQuery answers query and queryAll.
func (c *call) runQuery() reply {
	src := c.query.Get("q")
	if src == "" {
		return refuse(fail("MALFORMED_QUERY", "A query string has to be specified"))
	}
	q, err := parseQuery(src)
	if err != nil {
		return refuse(err)
	}
	p, err := c.s.bind(q, c.actor, c.path[0] == "queryAll")
	if err != nil {
		return refuse(err)
	}
	found, err := p.run()
	if err != nil {
		return refuse(err)
	}
	if p.aggregated() {
		if p.columns[0].fn == "COUNT" && p.columns[0].field == nil {
			return ok(page(len(cut(found, q.offset, q.limit)), []any{}, ""))
		}
		records := p.aggregate(found)
		return ok(page(len(records), records, ""))
	}
	cur := &cursor{plan: p, found: found, user: c.actor.id, size: c.pageSize(), created: c.s.now()}
	return c.page(cur, 0)
}

// pageSize is how many rows a page of this query holds: what Sforce-Query-Options asks, from 200 to 2000, and never
// more than the server's own limit.
func (c *call) pageSize() int {
	size := maxPage
	for _, part := range strings.FieldsFunc(c.header.Get("Sforce-Query-Options"), func(r rune) bool { return r == ',' || r == ';' }) {
		name, value, _ := strings.Cut(part, "=")
		if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && strings.EqualFold(strings.TrimSpace(name), "batchSize") {
			size = min(max(n, minPage), maxPage)
		}
	}
	if limit := c.s.pageLimit; limit > 0 {
		size = min(size, limit)
	}
	return size
}

// page shows rows from an offset on, and keeps the cursor while there are more.
func (c *call) page(cur *cursor, offset int) reply {
	p := cur.plan
	p.now = c.s.now()
	end := min(offset+cur.size, len(cur.found))
	records := make([]any, 0, end-offset)
	for _, m := range cur.found[offset:end] {
		if p.t.obj.rows == nil {
			r := p.t.rows[m.r.id]
			if r == nil {
				continue
			}
			if m = (match{r, r.at(p.now)}); m.st == nil || (m.st.isDeleted() || m.st.isArchived()) && !p.deleted || !c.s.sees(p.actor, p.t.obj, r.id, m.st) {
				continue
			}
		}
		records = append(records, p.record(m, c.version))
	}
	next := ""
	if end < len(cur.found) {
		if cur.id == "" {
			c.open(cur)
		}
		next = fmt.Sprintf("/services/data/v%s/query/%s-%d", c.version, cur.id, end)
	}
	return ok(page(len(cur.found), records, next))
}

func page(total int, records []any, next string) *ordered {
	out := newOrdered()
	out.set("totalSize", total)
	out.set("done", next == "")
	if next != "" {
		out.set("nextRecordsUrl", next)
	}
	out.set("records", records)
	return out
}

// open keeps a cursor under a new locator.
func (c *call) open(cur *cursor) {
	s := c.s
	s.cursorSeq++
	cur.id, cur.seq = makeID("01g", s.cursorSeq), s.cursorSeq
	var first *cursor
	n := 0
	for _, other := range s.cursors {
		if other.user == cur.user {
			if n++; first == nil || other.seq < first.seq {
				first = other
			}
		}
	}
	if n >= maxCursors {
		delete(s.cursors, first.id)
	}
	s.cursors[cur.id] = cur
}

// queryMore answers query/<locator>.
func (c *call) queryMore() reply {
	cur, offset, err := c.cursor()
	if err != nil {
		return refuse(err)
	}
	return c.page(cur, offset)
}

func (c *call) cursor() (*cursor, int, *Error) {
	bad := fail("INVALID_QUERY_LOCATOR", "invalid query locator")
	id, at, found := strings.Cut(c.path[1], "-")
	offset, err := strconv.Atoi(at)
	id18, valid := normalizeID(id)
	cur := c.s.cursors[id18]
	if !found || err != nil || !valid || cur == nil || cur.user != c.actor.id || offset < 0 || offset > len(cur.found) {
		return nil, 0, bad
	}
	if c.s.now().Sub(cur.created) > cursorLife {
		delete(c.s.cursors, cur.id)
		return nil, 0, bad
	}
	return cur, offset, nil
}

// ExpireCursors forgets every open query, so that the next page of each answers INVALID_QUERY_LOCATOR.
func (s *Server) ExpireCursors() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.cursors)
}
