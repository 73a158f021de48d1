// Package quirk makes a family of misbehaving servers out of the sandboxes: each of its named behaviours stands before a
// server that behaves, and takes away or spoils one thing that the vendors promise. They are what one meets in servers that
// speak only part of an API: in proxies, in other vendors' "compatible" endpoints, in test doubles, in an org whose admin
// has taken something away.
//
// A behaviour is one value in a table: what it does to a request before the server sees it, and to the answer after. The
// conformance suite (internal/connector/connectortest) is run against each of them by the connectors' tests, and
// docs/servers.md says of each what Repsync does.
package quirk

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
)

// Quirk is one behaviour. Name is its name in tests and docs; Does says what the server does.
type Quirk struct {
	Name, Does string

	// before may change the request, or answer it: then it reports true.
	before func(w http.ResponseWriter, r *http.Request, next http.Handler) bool
	// after may change the answer. Only answers whose body is a JSON object or list come by, or that have none.
	after func(r *http.Request, a *Answer)
}

// Answer is what a server answered.
type Answer struct {
	Status int
	Header http.Header
	Body   any // a tree of map[string]any, []any and json.Number; nil for none
}

// Object returns the body as an object, nil where it is none.
func (a *Answer) Object() map[string]any {
	o, _ := a.Body.(map[string]any)
	return o
}

// Middleware puts the behaviour before a server.
func (q Quirk) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if q.before != nil && q.before(w, r, next) {
			return
		}
		if q.after == nil {
			next.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		a := &Answer{Status: rec.Code, Header: rec.Header()}
		raw := rec.Body.Bytes()
		if len(raw) > 0 {
			d := json.NewDecoder(bytes.NewReader(raw))
			d.UseNumber()
			if d.Decode(&a.Body) != nil {
				replay(w, rec.Header(), rec.Code, raw) // no JSON: a batch, a page for people
				return
			}
		}
		q.after(r, a)
		var body []byte
		if a.Body != nil {
			body, _ = json.Marshal(a.Body) // a tree that was JSON
		}
		replay(w, a.Header, a.Status, body)
	})
}

func replay(w http.ResponseWriter, header http.Header, status int, body []byte) {
	maps.Copy(w.Header(), header)
	w.Header().Del("Content-Length")
	w.WriteHeader(status)
	if status != http.StatusNoContent {
		_, _ = w.Write(body)
	}
}

// walk calls f for every object of a tree, the outermost first.
func walk(v any, f func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		f(v)
		for _, one := range v {
			walk(one, f)
		}
	case []any:
		for _, one := range v {
			walk(one, f)
		}
	}
}

// strip removes members of every object of a tree.
func strip(v any, names ...string) {
	walk(v, func(o map[string]any) {
		for _, name := range names {
			delete(o, name)
		}
	})
}

// refuse answers a request with a status and a body.
func refuse(w http.ResponseWriter, status int, body string) bool {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
	return true
}

// editQuery changes the parameters of a request.
func editQuery(r *http.Request, edit func(name string) (drop bool)) {
	q := r.URL.Query()
	for name := range q {
		if edit(name) {
			delete(q, name)
		}
	}
	r.URL.RawQuery = q.Encode()
}

// drop removes parameters of a request.
func drop(r *http.Request, names ...string) {
	editQuery(r, func(name string) bool {
		for _, n := range names {
			if strings.EqualFold(n, name) {
				return true
			}
		}
		return false
	})
}

// editBody changes the JSON that a request carries, where it does.
func editBody(r *http.Request, edit func(tree any)) {
	if r.Body == nil || !strings.Contains(r.Header.Get("Content-Type"), "json") {
		return
	}
	raw, _ := io.ReadAll(r.Body)
	_ = r.Body.Close()
	var tree any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&tree) == nil {
		edit(tree)
		if changed, err := json.Marshal(tree); err == nil {
			raw = changed
		}
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
}
