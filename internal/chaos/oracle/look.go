package oracle

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/demo/wire"
)

// Snapshot is what both sides of all orgs hold at one moment.
type Snapshot struct {
	orgs map[string]*seen // by org
}

// seen is what one org holds.
type seen struct {
	people, events []row
	ties           map[string][]string // who a record is related to, by the record's id
	users          map[string]string   // rep → CRM user id
}

// row is one item as a vendor shows it.
type row struct {
	at      side
	rep     string // box: whose; crm: the owner's, "" for a user who is none of the reps
	id      string
	version string
	deleted bool
	name    string        // of the item in the story
	v       [width]string // by personFields or meetingFields
	text    string        // everything that people could have written into it
	master  string        // of an occurrence: its series
}

// Look reads both sides of all orgs. Errors: those of package wire, naming what was being read.
func (o *Oracle) Look(ctx context.Context, sites []Site) (Snapshot, error) {
	snap := Snapshot{orgs: map[string]*seen{}}
	for _, site := range sites {
		s := &seen{}
		snap.orgs[site.Org] = s
		reps := map[string]string{}
		for rep, id := range site.Users {
			reps[id] = rep
		}
		rows, err := site.Salesforce.QueryAll(ctx, "SELECT Id, IsDeleted, OwnerId, LastName, FirstName, Title, Department, Phone, Email, MobilePhone, Description, SystemModstamp FROM Contact")
		if err != nil {
			return snap, fmt.Errorf("%s: %w", site.Org, err)
		}
		for _, c := range rows {
			s.people = append(s.people, contactRow(c, reps[wire.Text(c, "OwnerId")]))
		}
		for _, rep := range slices.Sorted(maps.Keys(site.People)) {
			entries, err := site.People[rep].Connections(ctx)
			if err != nil {
				return snap, fmt.Errorf("%s: %s: %w", site.Org, rep, err)
			}
			for _, entry := range entries {
				s.people = append(s.people, personRow(entry, rep))
			}
		}
		if err := o.lookAtEvents(ctx, site, reps, s); err != nil {
			return snap, fmt.Errorf("%s: %w", site.Org, err)
		}
		if err := lookAtTies(ctx, site, s); err != nil {
			return snap, fmt.Errorf("%s: %w", site.Org, err)
		}
	}
	return snap, nil
}

// Split sorts what was seen of all orgs anew, for a story that knows parts of one CRM as orgs of their own: part tells in
// which a row is that is called item and belongs to rep, both of which may be "" or unknown. Relations are left out.
func (s Snapshot) Split(part func(item, rep string) string) Snapshot {
	out := Snapshot{orgs: map[string]*seen{}}
	at := func(r row) *seen {
		name := part(r.name, r.rep)
		if out.orgs[name] == nil {
			out.orgs[name] = &seen{}
		}
		return out.orgs[name]
	}
	for _, all := range s.orgs {
		for _, r := range all.people {
			p := at(r)
			p.people = append(p.people, r)
		}
		for _, r := range all.events {
			p := at(r)
			p.events = append(p.events, r)
		}
	}
	return out
}

// contactRow reads a Contact.
func contactRow(c wire.Object, owner string) row {
	deleted, _ := c["IsDeleted"].(bool)
	t := func(key string) string { return wire.Text(c, key) }
	r := row{at: crm, rep: owner, id: t("Id"), version: t("SystemModstamp"), deleted: deleted, name: t("LastName"),
		v: [width]string{t("Title"), t("Department"), t("Phone"), t("Email"), t("FirstName")}}
	r.text = strings.Join([]string{strings.Join(r.v[:], "\n"), t("MobilePhone"), t("Description")}, "\n")
	return r
}

// personRow reads an entry of an address book.
func personRow(p wire.Object, rep string) row {
	first := func(field string) wire.Object {
		list, _ := p[field].([]any)
		if len(list) == 0 {
			return wire.Object{}
		}
		o, _ := list[0].(wire.Object)
		return o
	}
	phone := ""
	list, _ := p["phoneNumbers"].([]any)
	for _, v := range list {
		if o, ok := v.(wire.Object); ok && wire.Text(o, "type") == "work" {
			phone = wire.Text(o, "value")
			break
		}
	}
	job, name := first("organizations"), first("names")
	r := row{at: box, rep: rep, id: wire.Text(p, "resourceName"), version: wire.Text(p, "etag"), name: wire.Text(name, "familyName"),
		v: [width]string{wire.Text(job, "title"), wire.Text(job, "department"), phone, wire.Text(first("emailAddresses"), "value"), wire.Text(name, "givenName")}}
	r.text = strings.Join([]string{strings.Join(r.v[:], "\n"), textOf(p["biographies"]), textOf(p["phoneNumbers"])}, "\n")
	return r
}

// textOf is a part of a vendor's answer as text.
func textOf(v any) string {
	if v == nil {
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// Fingerprint returns every item's version: what the vendor calls it, and all values that the oracle reads. Two equal
// ones prove that nothing was written in between. A key names org, side, rep and id.
func (s Snapshot) Fingerprint() map[string]string {
	out := map[string]string{}
	for org, seen := range s.orgs {
		for _, r := range slices.Concat(seen.people, seen.events) {
			text := fmt.Sprint(r.version, " ", r.deleted, " ", r.rep, " ", r.name, " ", r.v)
			out[r.place(org)] = text
		}
	}
	return out
}

// Echoes lists what changed between two looks at a world that was at rest, and that nobody touched. What the window has come
// to hold as time passed is none: it is found within a day, or when everything is read anew.
func (o *Oracle) Echoes(was, is Snapshot) []Violation {
	var found []Violation
	before, after := was.Fingerprint(), is.Fingerprint()
	for _, place := range slices.Sorted(maps.Keys(after)) {
		if before[place] != after[place] && (before[place] != "" || !o.entered(place, is)) {
			found = append(found, Violation{Law: "echo", Item: place, Want: before[place], Got: after[place]})
		}
	}
	return found
}

// entered reports whether what is new at a place of a fingerprint is a copy of a meeting that the window may not have held
// before.
func (o *Oracle) entered(place string, is Snapshot) bool {
	for _, name := range o.names {
		g, s := o.orgs[name], is.orgs[name]
		if s == nil {
			continue
		}
		for _, r := range s.events {
			if r.place(name) == place {
				_, sure := o.occasions(g.policy, &meeting{}).window(r.v[timing])
				return !sure
			}
		}
	}
	return false
}

// place names a row among all of a snapshot.
func (r row) place(org string) string {
	rep := r.rep
	if r.at == crm {
		rep = ""
	}
	return strings.Join([]string{org, r.at.String(), rep, r.id}, "/")
}

// view is what both sides hold of one person: living copies only, first the CRM's, then each rep's.
type view [1 + maxReps][]row

// views sorts what an org holds by item.
func (s *seen) views(reps []string) map[string]*view {
	out := map[string]*view{}
	for _, r := range s.people {
		if r.deleted {
			continue
		}
		v := out[r.name]
		if v == nil {
			v = &view{}
			out[r.name] = v
		}
		place := 0
		if r.at == box {
			place = 1 + slices.Index(reps, r.rep)
		}
		v[place] = append(v[place], r)
	}
	return out
}

// isMeeting tells a meeting's name in a story from a person's.
func isMeeting(item string) bool { return strings.HasPrefix(item, "m") }
