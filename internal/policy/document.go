package policy

import (
	"cmp"
	"strings"
)

// Document is a policy and what its author wrote, where.
type Document struct {
	Policy  Policy
	written []written
}

// written is one key of a document, in the document's order.
type written struct {
	path      string
	key, at   position // of the key, and of its value
	value     string   // of a scalar
	group     bool     // keys beneath it: the key itself says nothing
	list      bool     // its entries follow, each with the path and []
	bad       bool     // the value is not valid
	canonical string   // beneath fields: the field that the key belongs to
}

// position is a place in the document, both from 1.
type position struct{ line, column int }

// fieldKey is a key beneath fields: the entry it belongs to, and which member of it, "" for the entry as a whole.
type fieldKey struct{ path, canonical, member string }

// field takes a key beneath fields apart. Canonical names hold dots, so that the path alone does not tell.
func (w written) field() (fieldKey, bool) {
	if w.canonical == "" {
		return fieldKey{}, false
	}
	_, rest, _ := strings.Cut(w.path, ".fields."+w.canonical)
	entry := strings.TrimSuffix(w.path, rest)
	return fieldKey{path: entry, canonical: w.canonical, member: strings.TrimPrefix(rest, ".")}, true
}

// Parse reads a document and returns the policy with every default filled in. The policy is of use only when the
// problems hold no error.
func Parse(data []byte) (Policy, Problems) {
	doc, problems := Read(data)
	return doc.Policy, problems
}

// Read is Parse for callers who also need to know what was written: Unenforced, Show.
func Read(data []byte) (Document, Problems) {
	r := &reader{policy: Default()}
	if body := r.open(data); body != nil {
		r.readGroup(document, "", body)
		r.check()
	}
	problems := r.problems.sorted()
	return Document{Policy: r.policy, written: r.written}, problems[:min(len(problems), maxProblems)]
}

// Load is what applying a document takes: Read, and what this version would not enforce is an error too.
func Load(data []byte) (Document, Problems) {
	doc, problems := Read(data)
	return doc, append(problems, doc.Unenforced()...).sorted()
}

// Written lists the keys that the document gives a valid value to, as whole paths in its order.
func (d Document) Written() []string {
	var out []string
	for _, w := range d.written {
		if !w.group && !w.bad {
			out = append(out, w.path)
		}
	}
	return out
}

func (r *reader) fail(at position, key, message, remedy string) {
	r.add(SeverityError, at, key, message, remedy)
}

func (r *reader) warn(at position, key, message, remedy string) {
	r.add(SeverityWarning, at, key, message, remedy)
}

func (r *reader) add(s Severity, at position, key, message, remedy string) {
	r.problems = append(r.problems, Problem{
		Line: cmp.Or(at.line, 1), Column: cmp.Or(at.column, 1), Key: key, Message: message, Remedy: remedy, Severity: s,
	})
}
