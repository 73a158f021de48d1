package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/record"
)

// enforced is the table of what this version enforces: a key, with everything beneath it, and the values of it that are
// enforced, or nil for all. What is not here is understood, validated and refused. To enforce one more key, add its line.
var enforced = map[string][]string{
	"name":     nil,
	"org":      nil,
	"assign":   nil,
	"schedule": nil,

	"contacts.direction":      nil,
	"contacts.records":        {"owned"},
	"contacts.filter":         nil,
	"contacts.limit":          nil,
	"contacts.match":          nil,
	"contacts.conflict":       nil,
	"contacts.fields":         nil, // only with the standard mapping: see standardOnly
	"contacts.deletes":        nil,
	"contacts.on_filter_exit": nil,
	"contacts.on_drift":       nil,

	"events.direction": {"off"},
	"tasks.direction":  {"off"},
	"emails.capture":   {"off"},

	"guard": nil,
}

// switches are the keys that turn a kind on.
var switches = map[record.Kind]string{
	record.Contact: "contacts.direction",
	record.Event:   "events.direction",
	record.Task:    "tasks.direction",
	record.Email:   "emails.capture",
}

// Enforces reports whether this version syncs a kind. A kind that it does not is off by default.
func Enforces(kind record.Kind) bool {
	values, ok := enforced[switches[kind]]
	return ok && values == nil
}

// Unenforced lists the keys that were written and that this version does not enforce, each once, at the highest key that
// nothing beneath is enforced of.
func (d Document) Unenforced() Problems {
	var out Problems
	seen := map[string]bool{}
	for _, w := range d.written {
		path, message, remedy := unenforced(w)
		if path == "" || seen[path] {
			continue
		}
		seen[path] = true
		at := w
		if i := slices.IndexFunc(d.written, func(o written) bool { return o.path == path }); i >= 0 {
			at = d.written[i]
		}
		out = append(out, Problem{Line: at.key.line, Column: at.key.column, Key: path, Message: message, Remedy: remedy, Severity: SeverityError})
	}
	return out.sorted()
}

// unenforced returns the path that a written key is refused under, "" when it is enforced.
func unenforced(w written) (path, message, remedy string) {
	if w.group {
		return "", "", ""
	}
	const word = "not enforced yet"
	kinds := fmt.Sprintf("Repsync enforces %s in this version; remove the key", strings.Join(kindsEnforced(), ", "))
	if f, ok := w.field(); ok && Enforces(record.Contact) && strings.HasPrefix(w.path, "contacts.") {
		return standardOnly(w, f)
	}
	if values, ok := enforcement(w.path); ok {
		if values == nil || slices.Contains(values, w.value) {
			return "", "", ""
		}
		if slices.Contains(slices.Collect(maps.Values(switches)), w.path) {
			return w.path, word, kinds
		}
		return w.path, fmt.Sprintf("%s is %s", w.value, word),
			fmt.Sprintf("Repsync enforces %s in this version; write that or remove the key", strings.Join(values, ", "))
	}
	return highest(w.path), word, kinds
}

// standardOnly refuses another mapping than the standard one: connectors of this version know no other.
func standardOnly(w written, f fieldKey) (path, message, remedy string) {
	api, mapped := standard(record.Contact)[f.canonical]
	switch {
	case !mapped:
		return f.path, "not enforced yet", "Repsync enforces the standard mapping in this version; remove the field"
	case f.member == "crm" && w.value != api:
		return w.path, fmt.Sprintf("another CRM field than %s is not enforced yet", api),
			fmt.Sprintf("Repsync enforces the standard mapping in this version; write %s or remove the key", api)
	case f.member == "mailbox" && w.value != f.canonical:
		return w.path, fmt.Sprintf("another mailbox field than %s is not enforced yet", f.canonical),
			fmt.Sprintf("Repsync enforces the standard mapping in this version; write %s or remove the key", f.canonical)
	}
	return "", "", ""
}

// enforcement finds the line of the table that a path falls under.
func enforcement(path string) ([]string, bool) {
	for p := path; ; {
		if values, ok := enforced[p]; ok {
			return values, true
		}
		i := strings.LastIndexByte(p, '.')
		if i < 0 {
			return nil, false
		}
		p = p[:i]
	}
}

// highest is the shortest prefix of an unenforced path that has no enforced key beneath it.
func highest(path string) string {
	for i, c := range path {
		if c != '.' {
			continue
		}
		prefix := path[:i]
		beneath := func(k string) bool { return strings.HasPrefix(k, prefix+".") }
		if !slices.ContainsFunc(slices.Collect(maps.Keys(enforced)), beneath) {
			return prefix
		}
	}
	return path
}

func kindsEnforced() []string {
	var out []string
	for _, kind := range []record.Kind{record.Contact, record.Event, record.Task, record.Email} {
		if Enforces(kind) {
			section, _, _ := strings.Cut(switches[kind], ".")
			out = append(out, section)
		}
	}
	return out
}
