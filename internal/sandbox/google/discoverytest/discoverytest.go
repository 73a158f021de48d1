// Package discoverytest holds a server's answers against one of Google's own API descriptions (discovery documents), as
// they ship inside the module google.golang.org/api.
//
// A sandbox that only its own author's client has read proves little. With Doc.Wrap around it, every answer in every test
// is checked against the vendor's description: a method that does not exist, a property that the schema does not have, or
// a value of another type or outside its enumeration fails the test that caused it. Requests are checked the same way, so
// that a test cannot lean on something that the real service would refuse; WrapAnswers leaves them alone, for tests of
// exactly that.
package discoverytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Doc is a discovery document (https://developers.google.com/discovery/v1/reference/apis).
type Doc struct {
	ServicePath string               `json:"servicePath"`
	Schemas     map[string]*Schema   `json:"schemas"`
	Resources   map[string]*Resource `json:"resources"`
	methods     []*Method
}

// Resource groups methods.
type Resource struct {
	Methods   map[string]*Method   `json:"methods"`
	Resources map[string]*Resource `json:"resources"`
}

// Method is one call of an API.
type Method struct {
	ID         string  `json:"id"`
	HTTPMethod string  `json:"httpMethod"`
	Path       string  `json:"path"`     // with {+name} for a name that may have slashes
	FlatPath   string  `json:"flatPath"` // with every segment spelled out, where the document has it
	Request    *Schema `json:"request"`
	Response   *Schema `json:"response"`
	pattern    *regexp.Regexp
}

// Schema is the JSON Schema dialect of discovery documents.
type Schema struct {
	Ref                  string             `json:"$ref"`
	Type                 string             `json:"type"`
	Format               string             `json:"format"`
	Enum                 []string           `json:"enum"`
	Properties           map[string]*Schema `json:"properties"`
	AdditionalProperties *Schema            `json:"additionalProperties"`
	Items                *Schema            `json:"items"`
}

// moduleDir is where this build's google.golang.org/api is kept.
var moduleDir = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "google.golang.org/api").Output()
	if err != nil {
		return "", fmt.Errorf("find the module google.golang.org/api: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
})

// Load reads a discovery document of the module, such as "people/v1/people-api.json".
func Load(t testing.TB, path string) *Doc {
	t.Helper()
	dir, err := moduleDir()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	d := &Doc{}
	if err := json.Unmarshal(b, d); err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
	d.collect(d.Resources)
	return d
}

var variable = regexp.MustCompile(`\{\+?[^}]*\}`)

func (d *Doc) collect(resources map[string]*Resource) {
	for _, r := range resources {
		for _, m := range r.Methods {
			path := m.FlatPath
			if path == "" {
				path = m.Path
			}
			var b strings.Builder
			b.WriteString("^/" + regexp.QuoteMeta(d.ServicePath))
			at := 0
			for _, v := range variable.FindAllStringIndex(path, -1) {
				b.WriteString(regexp.QuoteMeta(path[at:v[0]]) + `[^/:]+`)
				at = v[1]
			}
			m.pattern = regexp.MustCompile(b.String() + regexp.QuoteMeta(path[at:]) + "$")
			d.methods = append(d.methods, m)
		}
		d.collect(r.Resources)
	}
}

// Find returns the method that a request calls, nil for none.
func (d *Doc) Find(method, path string) *Method {
	for _, m := range d.methods {
		if m.HTTPMethod == method && m.pattern.MatchString(path) {
			return m
		}
	}
	return nil
}

// Wrap checks every request and every successful answer that passes through next, and fails t. Paths for which other
// returns true belong to something else (the sign-in) and pass unchecked.
func (d *Doc) Wrap(t testing.TB, next http.Handler, other func(path string) bool) http.Handler {
	return d.wrap(t, next, other, true)
}

// WrapAnswers is Wrap without the check of requests.
func (d *Doc) WrapAnswers(t testing.TB, next http.Handler, other func(path string) bool) http.Handler {
	return d.wrap(t, next, other, false)
}

func (d *Doc) wrap(t testing.TB, next http.Handler, other func(string) bool, requests bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if other(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		m := d.Find(r.Method, r.URL.Path)
		if m == nil {
			t.Errorf("%s %s is no method of the API", r.Method, r.URL.Path)
			next.ServeHTTP(w, r)
			return
		}
		if requests && m.Request != nil {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Errorf("%s: read request: %v", m.ID, err)
			}
			r.Body = io.NopCloser(bytes.NewReader(b))
			for _, e := range d.Check(m.Request.Ref, b) {
				t.Errorf("%s: request: %s", m.ID, e)
			}
		}
		tee := &tee{ResponseWriter: w}
		next.ServeHTTP(tee, r)
		if tee.status == http.StatusOK && m.Response != nil {
			for _, e := range d.Check(m.Response.Ref, tee.body.Bytes()) {
				t.Errorf("%s: answer: %s", m.ID, e)
			}
		}
	})
}

// tee sends an answer and keeps it.
type tee struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (w *tee) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *tee) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.body.Write(b)
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *tee) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Check holds a JSON body against a schema and returns what is wrong with it, by path.
func (d *Doc) Check(schema string, body []byte) []string {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return []string{fmt.Sprintf("is not JSON: %v", err)}
	}
	c := check{doc: d}
	c.value(v, &Schema{Ref: schema}, schema)
	return c.wrong
}

type check struct {
	doc   *Doc
	wrong []string
}

func (c *check) addf(path, format string, args ...any) {
	c.wrong = append(c.wrong, path+": "+fmt.Sprintf(format, args...))
}

func (c *check) value(v any, s *Schema, path string) {
	if s.Ref != "" {
		next, ok := c.doc.Schemas[s.Ref]
		if !ok {
			c.addf(path, "there is no schema %s", s.Ref)
			return
		}
		s = next
	}
	switch s.Type {
	case "object":
		c.object(v, s, path)
	case "array":
		list, ok := v.([]any)
		if !ok {
			c.addf(path, "%T, not a list", v)
		}
		for i, item := range list {
			c.value(item, s.Items, fmt.Sprintf("%s[%d]", path, i))
		}
	case "string":
		str, ok := v.(string)
		if !ok {
			c.addf(path, "%T, not a string", v)
		} else if len(s.Enum) > 0 && !slices.Contains(s.Enum, str) {
			c.addf(path, "%q is none of %v", str, s.Enum)
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			c.addf(path, "%T, not a boolean", v)
		}
	case "integer":
		if n, ok := v.(float64); !ok || n != float64(int64(n)) {
			c.addf(path, "%v, not an integer", v)
		}
	case "number":
		if _, ok := v.(float64); !ok {
			c.addf(path, "%T, not a number", v)
		}
	}
}

func (c *check) object(v any, s *Schema, path string) {
	m, ok := v.(map[string]any)
	if !ok {
		c.addf(path, "%T, not an object", v)
		return
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		switch p, known := s.Properties[k]; {
		case known:
			c.value(m[k], p, path+"."+k)
		case s.AdditionalProperties != nil:
			c.value(m[k], s.AdditionalProperties, path+"."+k)
		default:
			c.addf(path, "has no property %q", k)
		}
	}
}
