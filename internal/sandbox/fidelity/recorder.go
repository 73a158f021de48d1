// Package fidelity holds docs/fidelity.md against what our connectors really send.
//
// The page has a table for each connector: a row for each request, with its method, its path, and the parameters, headers and
// members of the body that go with it. A Recorder sits in the connector's HTTP client while the connector's tests run, the
// conformance suites above all, and notes every request, those inside of batches too. At the end Check compares both
// ways: a request, or a part of one, that the page does not name fails the tests, and so does a row, or a part of one, that
// nothing sends any more.
//
// Main does this for the tests of a package. Rows that name tests are checked too: a test that is not there any more shows
// nothing.
package fidelity

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Recorder notes requests. The zero value is ready, and safe for concurrent use.
type Recorder struct {
	mu   sync.Mutex
	seen map[string]map[string]bool // what was sent, by "GET /path"
}

// Client is an HTTP client whose requests are noted.
func (r *Recorder) Client() *http.Client { return &http.Client{Transport: transport{r}} }

type transport struct{ r *Recorder }

// RoundTrip implements http.RoundTripper. The request that is sent is a copy: notes need its body too.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body == nil {
		t.r.note(req, nil)
		return http.DefaultTransport.RoundTrip(req)
	}
	body, err := io.ReadAll(req.Body)
	_ = req.Body.Close()
	if err != nil {
		return nil, err
	}
	t.r.note(req, body)
	sent := req.Clone(req.Context())
	sent.Body = io.NopCloser(bytes.NewReader(body))
	return http.DefaultTransport.RoundTrip(sent)
}

// note notes one request, and those that it carries.
func (r *Recorder) note(req *http.Request, body []byte) {
	parts := map[string]bool{}
	for name := range req.URL.Query() {
		parts["?"+name] = true
	}
	for name := range req.Header {
		if !everyones[name] {
			parts[name+":"] = true
		}
	}
	kind, params, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	switch {
	case strings.HasPrefix(kind, "multipart/"):
		r.noteAll(body, params["boundary"])
	case kind == "application/x-www-form-urlencoded":
		form, _ := url.ParseQuery(string(body))
		for name := range form {
			parts[name] = true
		}
	default:
		var members map[string]json.RawMessage
		if json.Unmarshal(body, &members) == nil {
			for name := range members {
				parts[name] = true
			}
		}
	}
	if soql := req.URL.Query().Get("q"); soql != "" {
		r.add(statement(soql))
	}
	r.add(req.Method+" "+req.URL.EscapedPath(), parts)
}

func (r *Recorder) add(name string, parts map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[string]map[string]bool{}
	}
	if r.seen[name] == nil {
		r.seen[name] = map[string]bool{}
	}
	maps.Copy(r.seen[name], parts)
}

var (
	literal   = regexp.MustCompile(`'(\\.|[^'\\])*'`)
	from      = regexp.MustCompile(`FROM (\w+)`)
	condition = regexp.MustCompile(`([A-Za-z][\w.]*) (=|!=|<=|>=|<|>|LIKE|NOT IN|IN) `)
	order     = regexp.MustCompile(`ORDER BY (.+) LIMIT`)
)

// statement is a query in SOQL as a row of its own: "FROM Contact", with its conditions ("Email IN") and its order.
func statement(soql string) (name string, parts map[string]bool) {
	bare := literal.ReplaceAllString(soql, "''")
	parts = map[string]bool{}
	for _, c := range condition.FindAllStringSubmatch(strings.ReplaceAll(bare, "(", " ("), -1) {
		field := c[1]
		if strings.HasSuffix(field, "__c") {
			field = "the key field"
		}
		parts[field+" "+c[2]] = true
	}
	if o := order.FindStringSubmatch(bare); o != nil {
		parts["ORDER BY "+o[1]] = true
	}
	if f := from.FindString(bare); f != "" {
		name = f
	}
	return name, parts
}

// everyones are headers that go with any request of any client.
var everyones = map[string]bool{"Accept": true, "Accept-Encoding": true, "Authorization": true, "Content-Type": true, "Content-Length": true, "User-Agent": true}

// noteAll notes the requests of a batch.
func (r *Recorder) noteAll(body []byte, boundary string) {
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			return
		}
		inner, err := http.ReadRequest(bufio.NewReader(part))
		if err != nil {
			continue
		}
		content, _ := io.ReadAll(inner.Body)
		r.note(inner, content)
	}
}

// Check compares what was noted with the rows of the page's section of one connector. whole says that all of the connector's
// tests ran, so that a row which nothing sent is stale.
func (r *Recorder) Check(rows []Row, whole bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	sent := make([]map[string]bool, len(rows))
	for _, name := range slices.Sorted(maps.Keys(r.seen)) {
		at := slices.IndexFunc(rows, func(row Row) bool { return row.matches(name) })
		if at < 0 {
			errs = append(errs, fmt.Errorf("no row for %s, sent with %s", name, list(r.seen[name])))
			continue
		}
		if sent[at] == nil {
			sent[at] = map[string]bool{}
		}
		maps.Copy(sent[at], r.seen[name])
	}
	for i, row := range rows {
		if sent[i] == nil {
			if whole {
				errs = append(errs, fmt.Errorf("row %s: nothing sends %s any more", row.Name, row.Request))
			}
			continue
		}
		for _, part := range slices.Sorted(maps.Keys(sent[i])) {
			if !row.Parts[part] && !(row.Record && !strings.ContainsAny(part, "?:")) {
				errs = append(errs, fmt.Errorf("row %s: %s is sent with %s, which is not listed", row.Name, row.Request, part))
			}
		}
		for _, part := range slices.Sorted(maps.Keys(row.Parts)) {
			if whole && !sent[i][part] {
				errs = append(errs, fmt.Errorf("row %s: nothing sends %s with %s any more", row.Name, part, row.Request))
			}
		}
	}
	return errors.Join(errs...)
}

func list(parts map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(parts)), " ")
}
