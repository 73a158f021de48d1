package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// reader reads one document into a policy that starts out as the default.
type reader struct {
	policy   Policy
	problems Problems
	written  []written
	lines    []string // of the document
}

// entry is one key with its value, as YAML has it.
type entry struct {
	name string
	at   position
	node ast.Node
}

// entries lists what stands in a mapping, without the keys that are doubled or no text.
func (r *reader) entries(path string, n *ast.MappingNode) []entry {
	var out []entry
	first := map[string]position{}
	for _, v := range n.Values {
		e := entry{at: place(v.Key), node: v.Value}
		switch k := ast.Node(v.Key).(type) {
		case *ast.StringNode:
			e.name = k.Value
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
			e.name = k.GetToken().Value
		default:
			r.fail(e.at, path, "a key must be a word", "write keys as plain words, without ? and brackets")
			continue
		}
		if at, ok := first[e.name]; ok {
			r.fail(e.at, join(path, e.name), fmt.Sprintf("is written twice, first on line %d", at.line), "keep one of the two")
			continue
		}
		first[e.name] = e.at
		out = append(out, e)
	}
	return out
}

func (r *reader) readGroup(k *key, path string, n *ast.MappingNode) {
	for _, e := range r.entries(path, n) {
		p := join(path, e.name)
		child := k.child(e.name)
		if child == nil {
			r.fail(e.at, p, "unknown key", unknownRemedy(k, path, e.name))
			continue
		}
		r.read(child, p, e)
	}
}

// unknownRemedy points to the nearest key beside the unknown one, else to a key of that name elsewhere.
func unknownRemedy(k *key, path, name string) string {
	if strings.HasSuffix(path, "s.match") && name == "by" {
		return "tasks match by subject and due date; remove the key"
	}
	if near := nearest(name, k.names()); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	if other := elsewhere(name); other != "" {
		if dot := strings.LastIndexByte(other, '.'); dot > 0 {
			return fmt.Sprintf("did you mean %s? Indent it under %s", other, other[:dot])
		}
		return fmt.Sprintf("%s belongs to the document itself: write it without indentation", other)
	}
	return instead(name, k.names())
}

func (r *reader) read(k *key, path string, e entry) {
	w := written{path: path, key: e.at, at: place(e.node)}
	if k.shape == aGroup || k.shape == aFields {
		w.group = true
		r.written = append(r.written, w)
		switch n := asMapping(e.node).(type) {
		case *ast.NullNode: // a section whose every key is commented out
		case *ast.MappingNode:
			if k.shape == aGroup {
				r.readGroup(k, path, n)
			} else {
				r.readFields(k, path, n)
			}
		default:
			r.fail(w.at, path, "is "+called(n)+", not a set of keys", "write its keys beneath it, indented: "+strings.Join(k.names(), ", "))
		}
		return
	}
	if _, empty := e.node.(*ast.NullNode); empty {
		r.fail(e.at, path, "has no value", "write "+k.wants()+", or remove the key for its default")
		return
	}
	w.value, _ = scalar(e.node)
	w.list = k.shape == aList
	mine, before := len(r.written), len(r.problems)
	r.written = append(r.written, w)
	switch at := k.at(&r.policy).(type) {
	case *string:
		if s, ok := r.text(k, path, e.node); ok {
			*at = s
		}
	case *int:
		if n, ok := r.number(k, path, e.node); ok {
			*at = n
		}
	case *bool:
		if b, ok := e.node.(*ast.BoolNode); ok {
			*at = b.Value
		} else {
			r.wrong(k, path, e.node)
		}
	case *time.Duration:
		if d, ok := r.duration(k, path, e.node); ok {
			*at = d
		}
	case *[]string:
		if l, ok := r.list(k, path, e.node); ok {
			*at = l
		}
	}
	// Whether a value is enforced is no question while it is none.
	r.written[mine].bad = r.problems[before:].Failed()
}

// wrong notes a value of the wrong type.
func (r *reader) wrong(k *key, path string, n ast.Node) {
	remedy := "write " + k.wants()
	if s, ok := scalar(n); ok && k.shape == aFlag {
		switch strings.ToLower(s) {
		case "yes", "on", "1", "y":
			remedy = "did you mean true?"
		case "no", "off", "0", "n":
			remedy = "did you mean false?"
		}
	}
	if s, ok := n.(*ast.StringNode); ok && k.shape == aNumber && decimal.MatchString(s.Value) {
		remedy = "remove the quotes"
	}
	r.fail(place(n), path, "is "+called(n)+", not "+k.wants(), remedy)
}

// wants says what a key's value must be.
func (k *key) wants() string {
	switch k.shape {
	case aText:
		return k.format
	case aChoice:
		return "one of " + strings.Join(k.choices, ", ")
	case aNumber:
		return fmt.Sprintf("a whole number from %d to %d", k.min, k.max)
	case aFlag:
		return "true or false"
	case aDuration:
		return fmt.Sprintf("a duration from %s to %s, such as 5m", formatDuration(k.shortest), formatDuration(k.longest))
	case aList:
		if k.choices != nil {
			return "a list of " + strings.Join(k.choices, ", ")
		}
		return "a list, such as [alice, bob]"
	case aFilter:
		return "a CEL expression"
	}
	return "keys"
}

func (r *reader) text(k *key, path string, n ast.Node) (string, bool) {
	s, ok := str(n)
	switch {
	case !ok && k.shape == aText && isScalar(n):
		r.fail(place(n), path, "is "+called(n)+", not text", "put the value in quotes")
	case !ok:
		r.wrong(k, path, n)
	case k.shape == aChoice && !slices.Contains(k.choices, s):
		r.fail(place(n), path, fmt.Sprintf("unknown value %q", short(s)), instead(s, k.choices))
	case k.shape == aText && !regexp.MustCompile(k.pattern).MatchString(s):
		r.fail(place(n), path, "cannot be "+strconv.Quote(short(s)), "write "+k.format)
	case k.shape == aFilter:
		return s, r.filter(path, n, s)
	default:
		return s, true
	}
	return "", false
}

var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

func (r *reader) number(k *key, path string, n ast.Node) (int, bool) {
	_, ok := n.(*ast.IntegerNode)
	if s, isText := n.(*ast.StringNode); isText { // which the parser takes a number for that fits no int64
		ok = s.GetToken().Type == token.StringType
	}
	written := n.GetToken().Value
	if !ok || !decimal.MatchString(written) {
		r.wrong(k, path, n)
		return 0, false
	}
	v, err := strconv.Atoi(written)
	if err != nil || v < k.min || v > k.max {
		remedy := "write " + k.wants()
		if k.min == 1 && v == 0 {
			remedy += "; to switch the kind off, use direction: off"
			if strings.HasPrefix(path, "guard.") {
				remedy = "write " + k.wants() + "; the guard cannot be switched off, only widened"
			}
		}
		r.fail(place(n), path, fmt.Sprintf("%s is out of range", short(written)), remedy)
		return 0, false
	}
	return v, true
}

func (r *reader) duration(k *key, path string, n ast.Node) (time.Duration, bool) {
	if i, ok := n.(*ast.IntegerNode); ok {
		r.fail(place(n), path, i.GetToken().Value+" has no unit", fmt.Sprintf("write a unit: %ss, %sm, %sh or %sd",
			i.GetToken().Value, i.GetToken().Value, i.GetToken().Value, i.GetToken().Value))
		return 0, false
	}
	s, ok := str(n)
	if !ok {
		r.wrong(k, path, n)
		return 0, false
	}
	d, err := parseDuration(s)
	switch {
	case strings.HasPrefix(s, "-"):
		r.fail(place(n), path, fmt.Sprintf("%q is negative", short(s)), "write "+k.wants())
	case err != nil:
		r.fail(place(n), path, fmt.Sprintf("%q is not a duration", short(s)), "write whole numbers with the units d, h, m and s, such as 30d or 1h30m")
	case d < k.shortest || d > k.longest:
		r.fail(place(n), path, fmt.Sprintf("%q is out of range", short(s)), "write "+k.wants())
	default:
		return d, true
	}
	return 0, false
}

func (r *reader) list(k *key, path string, n ast.Node) ([]string, bool) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		remedy := "write " + k.wants()
		if s, isText := str(n); isText {
			remedy = fmt.Sprintf("put it in brackets: [%s]", short(s))
		}
		r.fail(place(n), path, "is "+called(n)+", not a list", remedy)
		return nil, false
	}
	if len(seq.Values) < k.min {
		r.fail(place(n), path, "is empty", "write at least one of "+strings.Join(k.choices, ", ")+", or remove the key for its default")
		return nil, false
	}
	good := true
	fail := func(v ast.Node, message, remedy string) {
		r.fail(place(v), path, message, remedy)
		good = false
	}
	var out []string
	seen := map[string]bool{}
	for _, v := range seq.Values {
		s, ok := str(v)
		switch {
		case !ok && isScalar(v):
			fail(v, "an entry is "+called(v)+", not text", "put it in quotes")
		case !ok || strings.TrimSpace(s) == "":
			fail(v, "an entry is "+called(v)+", not a name", "write one name an entry")
		case k.choices != nil && !slices.Contains(k.choices, s):
			fail(v, fmt.Sprintf("unknown value %q", short(s)), instead(s, k.choices))
		case seen[s]:
			fail(v, fmt.Sprintf("%q is listed twice", short(s)), "keep one of the two")
		default: // entries have their own place, which checks across keys point to
			out = append(out, s)
			r.written = append(r.written, written{path: path + "[]", key: place(v), at: place(v), value: s, group: true})
		}
		seen[s] = true
	}
	return out, good
}

// str returns the text of a node that is text.
func str(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return strings.TrimRight(n.Value.Value, "\n"), true
	}
	return "", false
}

// scalar returns the text of any node that is a single value.
func scalar(n ast.Node) (string, bool) {
	if s, ok := str(n); ok {
		return s, true
	}
	if isScalar(n) {
		return n.GetToken().Value, true
	}
	return "", false
}

func isScalar(n ast.Node) bool {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return true
	}
	return false
}

// asMapping turns a mapping of one entry, which the parser has a type of its own for, into one like all others.
func asMapping(n ast.Node) ast.Node {
	if v, ok := n.(*ast.MappingValueNode); ok {
		return &ast.MappingNode{BaseNode: v.BaseNode, Start: v.Start, Values: []*ast.MappingValueNode{v}}
	}
	return n
}

// short keeps a message readable when a value is long.
func short(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
