package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Error is one thing that is wrong with a document.
type Error struct {
	File    string // the document, as it was named
	Line    int    // from 1; 0 when the whole document is meant
	Key     string // dotted path, "orgs.acme.crm.base_url"; "" when the whole document is meant
	Problem string // what is wrong
	Remedy  string // what to do
}

// Error prints file, line, key, problem and remedy on one line.
func (e *Error) Error() string {
	where := e.File
	if e.Line > 0 {
		where += ":" + strconv.Itoa(e.Line)
	}
	if e.Key != "" {
		where += ": " + e.Key
	}
	return fmt.Sprintf("%s: %s; %s", where, e.Problem, e.Remedy)
}

// Load reads, fills in and validates a document. File paths inside it are relative to its directory. Everything wrong
// with it is returned at once, as *Error values joined by errors.Join.
func Load(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, &Error{
			File: path, Problem: "no such file",
			Remedy: "write one as docs/connect.md shows, name another with REPSYNC_CONFIG, or start `make dev`, which brings its own",
		}
	}
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, text)
}

// Parse is Load for a document at hand; name is used in errors, and its directory for relative file paths.
func Parse(name string, text []byte) (Config, error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return Config{}, yamlError(name, nil, err)
	}
	if err := checkDurations(name, file); err != nil {
		return Config{}, err
	}
	var c Config
	err = yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&c)
	if err != nil && !errors.Is(err, io.EOF) { // EOF: an empty document, which validation explains
		return Config{}, yamlError(name, file, err)
	}
	c = c.WithDefaults()
	if err := c.validate(name, file); err != nil {
		return Config{}, err
	}
	c.resolve(filepath.Dir(name))
	return c, nil
}

// yamlError turns the library's error into ours.
func yamlError(name string, file *ast.File, err error) error {
	out := &Error{File: name, Problem: err.Error(), Remedy: "correct the value"}
	var ye yaml.Error
	if !errors.As(err, &ye) {
		return out
	}
	out.Problem = ye.GetMessage()
	tok := ye.GetToken()
	if tok == nil {
		return out
	}
	if tok.Position != nil {
		out.Line = tok.Position.Line
	}
	path := pathAt(file, out.Line, tok.Position.Column)
	out.Key = strings.Join(path, ".")

	var (
		syntax  *yaml.SyntaxError
		unknown *yaml.UnknownFieldError
		scalar  *yaml.TypeError
		node    *yaml.UnexpectedNodeTypeError
	)
	switch {
	case errors.As(err, &syntax):
		out.Remedy = "correct the YAML: indent with spaces, write each key once"
	case errors.As(err, &unknown) && len(path) > 0:
		out.Problem = "unknown key"
		out.Remedy = "remove it or correct its spelling; known here: " + strings.Join(keysOf(typeAt(path[:len(path)-1])), ", ")
	case errors.As(err, &scalar), errors.As(err, &node):
		out.Problem = "is of the wrong kind"
		out.Remedy = "write " + wanted(typeAt(path))
	}
	return out
}

// checkDurations reports the durations that cannot be read, which the decoder would report without their line.
func checkDurations(name string, file *ast.File) error {
	if len(file.Docs) == 0 {
		return nil
	}
	var errs []error
	walk(file.Docs[0].Body, nil, func(path []string, key, value ast.Node) {
		if key == nil || value == nil || typeAt(path) != reflect.TypeFor[time.Duration]() {
			return
		}
		if _, err := time.ParseDuration(value.GetToken().Value); err != nil {
			errs = append(errs, &Error{
				File: name, Line: key.GetToken().Position.Line, Key: strings.Join(path, "."),
				Problem: "is no duration", Remedy: "write a number with its unit, such as 30s, 1m or 72h",
			})
		}
	})
	return errors.Join(errs...)
}

// wanted says in words what a value of type t looks like in YAML.
func wanted(t reflect.Type) string {
	if t == nil {
		return "what the documentation shows"
	}
	switch t.Kind() {
	case reflect.Map, reflect.Struct:
		if keys := keysOf(t); len(keys) > 0 {
			return "a mapping with the keys " + strings.Join(keys, ", ")
		}
		return "a mapping of names"
	case reflect.Slice:
		return "a list: [first, second]"
	default:
		return "a text"
	}
}

// typeAt returns the type of the value at path, nil where nothing may stand.
func typeAt(path []string) reflect.Type {
	t := reflect.TypeFor[Config]()
	for _, key := range path {
		switch t.Kind() {
		case reflect.Map, reflect.Slice:
			t = t.Elem()
		case reflect.Struct:
			i := slices.Index(keysInOrder(t), key)
			if i < 0 {
				return nil
			}
			t = t.Field(i).Type
		default:
			return nil
		}
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
	}
	return t
}

// keysOf lists the YAML keys of a struct in alphabetical order; none for other types.
func keysOf(t reflect.Type) []string { return slices.Sorted(slices.Values(keysInOrder(t))) }

// keysInOrder lists the YAML keys of a struct, one per field.
func keysInOrder(t reflect.Type) []string {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	keys := make([]string, 0, t.NumField())
	for f := range t.Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		keys = append(keys, key)
	}
	return keys
}

// pathAt returns the keys that lead to the key or value at line and column, nil when there is none.
func pathAt(file *ast.File, line, column int) []string {
	if file == nil || len(file.Docs) == 0 {
		return nil
	}
	var found []string
	walk(file.Docs[0].Body, nil, func(path []string, key, value ast.Node) {
		for _, n := range []ast.Node{key, value} {
			if n == nil || n.GetToken() == nil {
				continue
			}
			if p := n.GetToken().Position; p.Line == line && p.Column == column {
				found = slices.Clone(path)
			}
		}
	})
	return found
}

// lineOf returns the line of the key at path, or of its nearest parent that the document has, 0 when it has none.
func lineOf(file *ast.File, path []string) int {
	if file == nil || len(file.Docs) == 0 {
		return 0
	}
	line, depth := 0, 0
	walk(file.Docs[0].Body, nil, func(at []string, key, value ast.Node) {
		n := key
		if n == nil {
			n = value
		}
		if len(at) > depth && len(at) <= len(path) && slices.Equal(at, path[:len(at)]) && n != nil {
			line, depth = n.GetToken().Position.Line, len(at)
		}
	})
	return line
}

// walk visits every mapping entry and every sequence element of a document; key is nil for an element, whose path ends
// in its index.
func walk(n ast.Node, path []string, visit func(path []string, key, value ast.Node)) {
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			at := append(slices.Clone(path), v.Key.GetToken().Value)
			visit(at, v.Key, v.Value)
			walk(v.Value, at, visit)
		}
	case *ast.SequenceNode:
		for i, v := range n.Values {
			at := append(slices.Clone(path), strconv.Itoa(i))
			visit(at, nil, v)
			walk(v, at, visit)
		}
	default: // scalars have no children
	}
}
