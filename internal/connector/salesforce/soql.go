package salesforce

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
)

const (
	maxPage    = 2000   // rows of a query's page, by the vendor
	maxURL     = 15_800 // bytes of a request's URI that we use of the vendor's 16,384, which are for the headers too
	usualToken = 250    // bytes of an Authorization for which what maxURL leaves is enough
	maxIn      = 200    // values of one IN list
	maxIDs     = 500    // ids or lookup values of one IN list; more would not fit the URI
)

// quote makes a SOQL string literal. Source: SOQL and SOSL Reference, "Quoted String Escape Sequences".
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for _, r := range s {
		switch r {
		case '\\':
			b.WriteString(`\\`)
		case '\'':
			b.WriteString(`\'`)
		case '"':
			b.WriteString(`\"`)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		case '\b':
			b.WriteString(`\b`)
		case '\f':
			b.WriteString(`\f`)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// quoteAll makes the inside of an IN list.
func quoteAll(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = quote(s)
	}
	return strings.Join(out, ",")
}

// literal makes a SOQL dateTime literal.
func literal(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// result is one answer of the query resource.
type result struct {
	Done    bool
	Records []json.RawMessage
	date    time.Time
}

// decodeFrom reads an answer row by row: it is never in memory twice.
func (r *result) decodeFrom(body io.Reader) error {
	var rest struct {
		Done bool `json:"done"`
	}
	err := connector.DecodeList(body, "records", func(raw json.RawMessage) error {
		r.Records = append(r.Records, bytes.Clone(raw))
		return nil
	}, &rest)
	r.Done = rest.Done
	return err
}

// query runs one SOQL query and returns its first batch; all sees deleted rows too.
func (c *crm) query(ctx context.Context, op, soql string, all bool) (result, error) {
	resource := "/query"
	if all {
		resource = "/queryAll"
	}
	var out result
	if all && c.noQueryAll.Load() {
		resource = "/query"
	}
	ask := func() (answer, error) {
		out = result{}
		return c.client.do(ctx, call{op: "salesforce " + op, method: http.MethodGet, path: resource + "?q=" + url.QueryEscape(soql)}, &out)
	}
	a, err := ask()
	if resource == "/queryAll" && notThere(err) { // what /query answers is all there is, and where that fails too nothing was learnt
		failed := err
		resource = "/query"
		if a, err = ask(); err == nil {
			c.noQueryAll.Store(true)
		} else if notThere(err) {
			err = failed
		}
	}
	c.refresh(err)
	out.date = a.date
	return out, err
}

// each runs a query to its end, by keyset over Id, and hands each row to f. fields must have Id among them.
func (c *crm) each(ctx context.Context, op, fields, object, where string, all bool, f func(raw json.RawMessage) error) error {
	after := ""
	for {
		cond := where
		if after != "" {
			cond = "Id > " + quote(after) + " AND " + together(where)
		}
		page, err := c.query(ctx, op, "SELECT "+fields+" FROM "+object+" WHERE "+cond+" ORDER BY Id LIMIT "+strconv.Itoa(c.PageSize), all)
		if err != nil {
			return err
		}
		for _, raw := range page.Records {
			if err := f(raw); err != nil {
				return err
			}
		}
		if page.last(c.PageSize) {
			return nil
		}
		if after, err = lastID(op, after, page.Records); err != nil {
			return err
		}
	}
}

// together makes conditions ones that may stand beside an AND. Those without an OR are left as they are: the vendor takes a
// semi-join at the top level only.
func together(where string) string {
	if strings.Contains(where, " OR ") {
		return "(" + where + ")"
	}
	return where
}

// last reports whether nothing follows the page. The vendor may cut a page short of its LIMIT and say done: false.
func (r result) last(limit int) bool {
	return len(r.Records) == 0 || r.Done && len(r.Records) < limit
}

// lastID reads the id of the last row, from where a keyset goes on. before is where the page began: a server that gives one
// page again and again would be read for ever.
func lastID(op, before string, rows []json.RawMessage) (string, error) {
	var r struct{ ID string }
	if err := json.Unmarshal(rows[len(rows)-1], &r); err != nil || !itemID.MatchString(r.ID) {
		return "", &connector.Error{Class: connector.Retry, Code: "row_without_id", Op: "salesforce " + op}
	}
	if r.ID == before {
		return "", &connector.Error{Class: connector.Retry, Code: "page_repeated", Op: "salesforce " + op}
	}
	return r.ID, nil
}

// batches cuts a list so that each part makes an IN list of at most maxIn values and room bytes of URI.
func batches(list []string, room int) [][]string { return cut(list, room, maxIn, inList) }

// idBatches is batches for ids, and what is looked up, that stand in a query of our own: more fit.
func idBatches(list []string, room int) [][]string { return cut(list, room, maxIDs, inList) }

// inList is how many bytes of URI a value of an IN list takes, with its quotes and its comma.
func inList(s string) int { return len(url.QueryEscape(quote(s))) + 3 }

// inOr is how many a condition takes among others, with its OR.
func inOr(s string) int { return len(url.QueryEscape(s)) + 4 }

func cut(list []string, room, most int, bytes func(string) int) [][]string {
	var out [][]string
	from, size := 0, 0
	for i, s := range list {
		n := bytes(s)
		if i > from && (size+n > room || i-from == most) {
			out, from, size = append(out, list[from:i]), i, 0
		}
		size += n
	}
	if from < len(list) {
		out = append(out, list[from:])
	}
	return out
}

// room is what a query's URI leaves for values, and the headers beside it: of both together the vendor takes 16,384 bytes, and
// a token that is a JWT may be some thousand long. Source: Salesforce Help, "Maximum number of rows returned by SOQL queries over
// the REST API", "Access Tokens".
func (c *crm) room(soql string) int {
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	long := max(0, len(c.client.session.authorization)-usualToken)
	return max(1000, maxURL-400-long-len(url.QueryEscape(soql)))
}

// unique returns the list without repetition and empty strings, in order.
func unique(list []string) []string {
	seen := make(map[string]bool, len(list))
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		was := s == "" || seen[s]
		seen[s] = true
		return was
	})
}
