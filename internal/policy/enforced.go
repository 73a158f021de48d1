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

	"contacts.direction":        nil,
	"contacts.records":          {"owned"},
	"contacts.filter":           nil,
	"contacts.limit.max":        nil,
	"contacts.limit.keep_first": {"last_activity"},
	"contacts.match":            nil,
	"contacts.conflict":         nil,
	"contacts.fields":           nil, // only with the standard mapping: see standardOnly
	"contacts.deletes":          nil,
	"contacts.on_filter_exit":   nil,
	"contacts.on_drift":         nil,

	"events.direction":        nil,
	"events.records":          {"owned"},
	"events.filter":           nil,
	"events.limit.max":        nil,
	"events.limit.keep_first": {"last_activity"},
	"events.match":            nil,
	"events.conflict":         nil,
	"events.fields":           nil, // as contacts.fields
	"events.deletes":          nil,
	"events.on_filter_exit":   nil,
	"events.on_drift":         nil,
	"events.scope":            nil,
	"events.label":            nil,
	"events.private":          nil,
	"events.series":           nil,
	"events.relate":           nil,
	"events.window":           nil,
	"events.exclude":          nil,
	"events.invitations":      nil,

	"tasks.direction": {"off"},
	"emails.capture":  {"off"},

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

const notYet = "not enforced yet"

// Unenforced lists the keys that were written and that this version does not enforce, each once, at the highest key that
// nothing beneath is enforced of.
func (d Document) Unenforced() Problems {
	var out Problems
	keys := map[string]position{}
	for _, w := range d.written {
		keys[w.path] = w.key
	}
	seen := map[string]bool{}
	for _, w := range d.written {
		r, refused := w.refusal()
		if !refused || seen[r.path] && !r.own {
			continue
		}
		seen[r.path] = true
		at := keys[r.path]
		if r.own {
			at = w.key
		}
		out = append(out, Problem{Line: at.line, Column: at.column, Key: r.path, Message: r.message, Remedy: r.remedy, Severity: SeverityError})
	}
	return out.sorted()
}

// refusal is why a written key is not enforced.
type refusal struct {
	path            string // the key that it is reported under
	message, remedy string
	own             bool // reported where it stands, not where path was written
}

// refusal says whether a written key is refused, and why.
func (w written) refusal() (refusal, bool) {
	section, _, _ := strings.Cut(w.path, ".")
	if kind, mapped := mappedSections[section]; mapped {
		if f, ok := w.field(); ok {
			return w.standardOnly(kind, f)
		}
	}
	path, entry := strings.CutSuffix(w.path, "[]")
	values, known := enforcement(path)
	switch {
	case !known && !w.group:
		return refusal{path: highest(path), message: notYet, remedy: kindRemedy()}, true
	case !known || values == nil:
		return refusal{}, false
	case w.bad || w.list || w.group && !entry || slices.Contains(values, w.value):
		// A bad value is no value; a list's entries are judged one by one.
		return refusal{}, false
	case slices.Contains(slices.Collect(maps.Values(switches)), path):
		return refusal{path: path, message: notYet, remedy: kindRemedy()}, true
	}
	return refusal{path: path, message: short(w.value) + " is " + notYet, own: entry,
		remedy: fmt.Sprintf("Repsync enforces %s in this version; write that or remove the key", strings.Join(values, ", "))}, true
}

func kindRemedy() string {
	return fmt.Sprintf("Repsync enforces %s in this version; remove the key", strings.Join(kindsEnforced(), ", "))
}

// standardOnly refuses another mapping than the standard one: connectors of this version know no other.
func (w written) standardOnly(kind record.Kind, f fieldKey) (refusal, bool) {
	const standardMapping = "Repsync enforces the standard mapping in this version; "
	api, mapped := standard(kind)[f.canonical]
	switch {
	case w.group || w.bad:
	case !mapped:
		return refusal{path: f.path, message: notYet, remedy: standardMapping + "remove the field"}, true
	case f.member == "crm" && w.value != api:
		return refusal{path: w.path, message: fmt.Sprintf("another CRM field than %s is %s", api, notYet),
			remedy: standardMapping + "write " + api + " or remove the key"}, true
	case f.member == "mailbox" && w.value != f.canonical:
		return refusal{path: w.path, message: fmt.Sprintf("another mailbox field than %s is %s", f.canonical, notYet),
			remedy: standardMapping + "write " + f.canonical + " or remove the key"}, true
	}
	return refusal{}, false
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
