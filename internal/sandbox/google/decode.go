package google

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// maxBody is the largest request body that is read, in bytes.
const maxBody = 10 << 20

// readBody reads a request's body whole.
func readBody(r *http.Request) ([]byte, *apiError) {
	b, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, invalid("Request payload size exceeds the limit: %d bytes.", maxBody)
	}
	if err != nil {
		return nil, invalid("Request contains an invalid argument.")
	}
	return b, nil
}

// decode reads a request's body strictly, as Google's JSON gateway does: a property that the message does not have is an
// error that names it, and proto names (given_name) are as good as JSON names (givenName). root is the name of the request
// field that the body stands for, "" when the body is the whole request.
func decode(b []byte, root string, into any) *apiError {
	if len(bytes.TrimSpace(b)) == 0 {
		return nil
	}
	var tree any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return invalid("Invalid JSON payload received. Unexpected token or end of input.")
	}
	var c checker
	tree = c.value(tree, reflect.TypeOf(into).Elem(), "", root)
	if len(c.violations) > 0 {
		var lines []string
		var list []any
		for _, v := range c.violations {
			lines = append(lines, v.description)
			list = append(list, map[string]any{"field": v.field, "description": v.description})
		}
		e := invalid("%s", strings.Join(lines, "\n"))
		e.details = []any{map[string]any{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": list}}
		return e
	}
	clean, err := json.Marshal(tree)
	if err == nil {
		err = json.Unmarshal(clean, into)
	}
	if err != nil {
		return invalid("Invalid JSON payload received. %v", err)
	}
	return nil
}

// checker walks a JSON value beside the Go type that it is meant for.
type checker struct{ violations []violation }

type violation struct{ field, description string }

func (c *checker) addf(field, format string, args ...any) {
	c.violations = append(c.violations, violation{field, fmt.Sprintf(format, args...)})
}

// value checks v against t and returns it with JSON names and without nulls, which mean absent.
func (c *checker) value(v any, t reflect.Type, enum, path string) any {
	switch t.Kind() {
	case reflect.Pointer:
		return c.value(v, t.Elem(), enum, path)
	case reflect.Struct:
		return c.object(v, t, path)
	case reflect.Slice:
		list, ok := v.([]any)
		if !ok { // the gateway takes a single value for a list of one
			list = []any{v}
		}
		for i := range list {
			list[i] = c.value(list[i], t.Elem(), enum, fmt.Sprintf("%s[%d]", path, i))
		}
		return list
	case reflect.Map:
		m, ok := v.(map[string]any)
		if !ok {
			c.addf(path, "Invalid value at '%s' (Map), %s", path, show(v))
			return nil
		}
		for i, k := range slices.Sorted(maps.Keys(m)) {
			m[k] = c.value(m[k], t.Elem(), enum, fmt.Sprintf("%s[%d].value", path, i))
		}
		return m
	case reflect.String:
		s, ok := v.(string)
		if !ok {
			c.addf(path, "Invalid value at '%s' (TYPE_STRING), %s", path, show(v))
		} else if enum != "" && s != "" && !slices.Contains(strings.Split(enum, ","), s) {
			c.addf(path, "Invalid value at '%s' (TYPE_ENUM), %s", path, show(v))
		}
		return v
	case reflect.Bool:
		if _, ok := v.(bool); !ok {
			c.addf(path, "Invalid value at '%s' (TYPE_BOOL), %s", path, show(v))
		}
		return v
	case reflect.Int:
		n, err := strconv.ParseInt(strings.Trim(show(v), `"`), 10, 32)
		if err != nil {
			c.addf(path, "Invalid value at '%s' (TYPE_INT32), %s", path, show(v))
		}
		return n
	default: // any: accepted and not kept
		return v
	}
}

func (c *checker) object(v any, t reflect.Type, path string) any {
	m, ok := v.(map[string]any)
	if !ok {
		c.addf(path, "Invalid value at '%s', %s", path, show(v))
		return nil
	}
	fields := map[string]reflect.StructField{}
	for _, f := range visibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			fields[name] = f
		}
	}
	out := make(map[string]any, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		f, known := fields[camel(k)]
		switch {
		case !known && path == "":
			c.addf("", "Invalid JSON payload received. Unknown name %q: Cannot find field.", k)
		case !known:
			c.addf(path, "Invalid JSON payload received. Unknown name %q at '%s': Cannot find field.", k, path)
		case m[k] != nil:
			out[camel(k)] = c.value(m[k], f.Type, f.Tag.Get("enum"), strings.TrimPrefix(path+"."+snake(k), "."))
		}
	}
	return out
}

func show(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	return string(b)
}

// camel turns a proto name into a JSON name: given_name, givenName.
func camel(s string) string {
	var b strings.Builder
	up := false
	for _, r := range s {
		switch {
		case r == '_':
			up = true
		case up:
			b.WriteRune(unicode.ToUpper(r))
			up = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// snake turns a JSON name into a proto name.
func snake(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
