package policy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/repsync/repsync/internal/record"
)

// FieldOwner is a field that documents may name and that no connector of this version maps: who owns the record.
const FieldOwner = "owner"

// winners are the values of a field's winner.
var winners = []string{"crm", "mailbox", "newest", "review"}

// members are the keys of one entry of fields.
var members = []string{"crm", "mailbox", "winner"}

// apiName is Salesforce's form of a field's name, through relationships or not: Phone, Status__c, Account.Name.
const apiName = `^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*$`

var apiNameForm = regexp.MustCompile(apiName)

// contactFields lists the canonical fields of a contact that a document may name.
var contactFields = append(record.ContactFields(), FieldOwner)

// eventFields lists the canonical fields of an event that a document may name: those in which either side may win.
var eventFields = slices.DeleteFunc(record.EventFields(), func(f string) bool { return oneSided[f] != "" })

// oneSided are the fields of an event that no document may name, with what decides about them.
var oneSided = map[string]string{
	record.FieldRelations:  "relations follow the mailbox's attendees; see events.relate",
	record.FieldAttendees:  "attendees follow the CRM's relations; see events.invitations",
	record.FieldAnswer:     "an answer is its attendee's own",
	record.FieldRecurrence: "a series syncs by its occurrences; see events.series",
}

// mappedSections are the sections whose fields have a standard mapping.
var mappedSections = map[string]record.Kind{"contacts": record.Contact, "events": record.Event}

// readFields reads the mapping beneath contacts.fields and events.fields. Those of tasks take any name: their canonical
// fields come with the version that enforces them.
func (r *reader) readFields(k *key, path string, n *ast.MappingNode) {
	out := map[string]Field{}
	for _, e := range r.entries(path, n) {
		p := join(path, e.name)
		if k.known != nil && !r.known(k.known, p, e) {
			continue
		}
		r.written = append(r.written, written{path: p, key: e.at, at: place(e.node), group: true, canonical: e.name})
		body, ok := asMapping(e.node).(*ast.MappingNode)
		if !ok {
			r.fail(place(e.node), p, "is "+called(e.node)+", not a set of keys", "write {winner: newest}, for example")
			continue
		}
		out[e.name] = r.readField(k.known, p, e.name, body)
	}
	if len(out) > 0 {
		*k.fields(&r.policy) = out
	}
}

// known reports whether an entry names one of the kind's fields.
func (r *reader) known(names []string, path string, e entry) bool {
	switch {
	case slices.Contains(names, e.name):
		return true
	case strings.HasPrefix(path, "events.") && oneSided[e.name] != "":
		r.fail(e.at, path, "is not decided by a winner", "remove the field: "+oneSided[e.name])
		return false
	case e.name == record.FieldEmails:
		r.fail(e.at, path, "is derived from a contact's addresses and never written", "did you mean email?")
		return false
	}
	var beneath []string
	for _, f := range names {
		if strings.HasPrefix(f, e.name+".") {
			beneath = append(beneath, f)
		}
	}
	if len(beneath) > 0 {
		r.fail(e.at, path, "is a family of fields", "name one of them whole, as a key of its own: "+strings.Join(beneath, ", "))
		return false
	}
	r.fail(e.at, path, "unknown field", instead(e.name, names))
	return false
}

func (r *reader) readField(known []string, path, canonical string, n *ast.MappingNode) Field {
	var f Field
	for _, e := range r.entries(path, n) {
		p := join(path, e.name)
		if !slices.Contains(members, e.name) {
			r.fail(e.at, p, "unknown key", instead(e.name, members))
			continue
		}
		v, ok := str(e.node)
		if !ok {
			r.fail(place(e.node), p, "is "+called(e.node)+", not a name", map[string]string{
				"crm": "write the CRM's API name, such as Phone", "mailbox": "write a field's name, such as " + canonical,
				"winner": "write one of " + strings.Join(winners, ", "),
			}[e.name])
			continue
		}
		before := len(r.problems)
		switch e.name {
		case "crm":
			if !apiNameForm.MatchString(v) {
				r.fail(place(e.node), p, fmt.Sprintf("%q is no API name", short(v)), "write the field's API name as Setup shows it, such as Phone or Status__c")
			}
			f.CRM = v
		case "mailbox":
			if known != nil && !slices.Contains(known, v) {
				r.fail(place(e.node), p, fmt.Sprintf("unknown field %q", short(v)), instead(v, known))
			}
			f.Mailbox = v
		case "winner":
			if !slices.Contains(winners, v) {
				r.fail(place(e.node), p, fmt.Sprintf("unknown value %q", short(v)), instead(v, winners))
			}
			f.Winner = v
		}
		r.written = append(r.written, written{
			path: p, key: e.at, at: place(e.node), value: v, canonical: canonical, bad: r.problems[before:].Failed(),
		})
	}
	return f
}

// checkFields finds entries that cannot take effect: no CRM field at all, or one that another entry has.
func (r *reader) checkFields() {
	for _, section := range []string{"contacts", "events"} {
		kind := mappedSections[section]
		r.checkMapping(section, standard(kind), r.policy.Sync(kind).Fields)
	}
}

func (r *reader) checkMapping(section string, mapping map[string]string, fields map[string]Field) {
	api := maps.Clone(mapping)
	for name, f := range fields {
		if f.CRM != "" {
			api[name] = f.CRM
		}
	}
	held := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(api)) {
		if _, written := fields[name]; !written {
			held[api[name]] = name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		path := section + ".fields." + name
		if api[name] == "" {
			r.fail(r.where(path).key, path, "has no CRM field in the standard mapping", "name one with crm:, or remove the field")
			continue
		}
		if other := held[api[name]]; other != "" {
			at := r.where(path)
			if w := r.where(path + ".crm"); w.path != "" {
				at = w
			}
			r.fail(at.at, path+".crm", fmt.Sprintf("%s is already the CRM field of %s", api[name], other), "map each CRM field once")
			continue
		}
		held[api[name]] = name
	}
}
