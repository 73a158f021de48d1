package oracle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/chaos/scenario"
)

// kinds by what Repsync calls them.
const (
	contacts = "contact"
	meetings = "event"
)

// told is one item as Repsync's books name it.
type told struct{ org, rep, kind, side, id string }

// ledger is Repsync's books in order.
type ledger struct {
	verdicts map[told]scenario.Verdict
	series   map[told]bool // masters of which an occurrence has a verdict
	lines    map[told]bool // what the journal has a line about since the latest judgement, by id; rep is "" for records
	links    map[told]bool // the same by link: id is the link's
	linkOf   map[told][]string
}

// judgeBooks holds what Repsync says of itself against what is there: each item has a verdict, each parked one a
// reason, and each change that no person made a line in the journal.
func (o *Oracle) judgeBooks(snap Snapshot, books scenario.Books) []Violation {
	l := o.order(books)
	var found []Violation
	for _, v := range books.Verdicts {
		if v.Reason == "" || v.Explained == "" {
			found = append(found, Violation{Law: "unexplained", Org: v.Org, Rep: v.Rep, Item: v.Kind + " " + v.ID, Field: v.Side, Want: "a reason that people can read", Got: fmt.Sprintf("%q: %q", v.Reason, v.Explained)})
		}
	}
	for _, p := range books.Parked {
		if p.Reason == "" || p.Explained == "" {
			found = append(found, Violation{Law: "unexplained", Org: p.Org, Rep: p.Rep, Item: p.Kind + " " + p.ID, Field: p.Side, Want: "a reason to wait for", Got: fmt.Sprintf("%q: %q", p.Reason, p.Explained)})
		}
	}
	for _, name := range o.names {
		g, s := o.orgs[name], snap.orgs[name]
		if s == nil {
			continue
		}
		found = append(found, o.explained(g, s, l)...)
		if !g.restored {
			found = append(found, o.journalled(g, s, l)...)
			found = append(found, o.losers(g, s, books)...)
		}
		g.restored = false
		clear(g.handled)
	}
	o.told = map[told]bool{}
	for key := range l.verdicts {
		o.told[key] = true
	}
	return found
}

// order sorts the books by item.
func (o *Oracle) order(books scenario.Books) ledger {
	l := ledger{verdicts: map[told]scenario.Verdict{}, series: map[told]bool{}, lines: map[told]bool{}, links: map[told]bool{}, linkOf: map[told][]string{}}
	for _, v := range books.Verdicts {
		key := told{v.Org, v.Rep, v.Kind, v.Side, v.ID}
		l.verdicts[key] = v
		if master, _, ok := strings.Cut(v.ID, "#"); ok {
			key.id = master
			l.series[key] = true
		}
	}
	for _, line := range books.Journal {
		key := told{line.Org, line.Rep, line.Kind, line.Side, line.ID}
		if line.Side == scenario.CRM {
			key.rep = ""
		}
		if master, _, ok := strings.Cut(line.ID, "#"); ok {
			key.id = master
		}
		l.linkOf[key] = append(l.linkOf[key], line.LinkID)
		if !line.At.Before(o.judgedAt) {
			l.lines[key] = true
			l.links[told{org: line.Org, id: line.LinkID}] = line.LinkID != ""
		}
	}
	return l
}

// key is how Repsync's books name a row; series are known by their master.
func (r row) key(org, kind string) told {
	key := told{org, r.rep, kind, r.at.String(), r.id}
	if r.master != "" {
		key.id = r.master
	}
	return key
}

// kindsOn are the kinds that an org's policy syncs, with their rows.
func (g *org) kindsOn(s *seen) map[string][]row {
	out := map[string][]row{}
	if g.policy.Contacts != "" && g.policy.Contacts != "off" {
		out[contacts] = s.people
	}
	if g.policy.Events != "" && g.policy.Events != "off" {
		out[meetings] = s.events
	}
	return out
}

// explained holds that every item of a kind that is on has a verdict for its rep, and that one in the recycle bin that had one
// still has.
func (o *Oracle) explained(g *org, s *seen, l ledger) []Violation {
	var found []Violation
	for kind, rows := range g.kindsOn(s) {
		for _, r := range rows {
			key := r.key(g.name, kind)
			_, has := l.verdicts[key]
			has = has || l.series[key]
			if has || r.rep == "" || r.deleted && (g.restored || !o.told[key]) {
				continue
			}
			found = append(found, Violation{Law: "unexplained", Org: g.name, Rep: r.rep, Item: r.name, Field: r.at.String(), Want: "a verdict", Got: "none for " + kind + " " + r.id})
		}
	}
	return found
}

// place names a copy of an item, for telling whom a person has touched.
type place struct {
	item string
	at   side
	rep  string // of a mailbox
}

// handle notes that a person has changed a copy. What one does to a meeting in a calendar, the vendor carries to all guests.
func (g *org) handle(step scenario.Step) {
	name, _, _ := strings.Cut(step.Item, "@")
	if step.Do == scenario.Merge || step.Do == scenario.Odd {
		other := step
		other.Do, other.Item = scenario.Edit, step.To // "" for what has no name
		g.handle(other)
	}
	switch {
	case step.Side == scenario.CRM:
		g.handled[place{name, crm, ""}] = true
	case isMeeting(name):
		for _, rep := range g.reps {
			g.handled[place{name, box, rep}] = true
		}
	default:
		g.handled[place{name, box, step.Rep}] = true
	}
}

// journalled holds that the journal has a line about every item that was written to since the latest judgement and that no
// person touched meanwhile.
func (o *Oracle) journalled(g *org, s *seen, l ledger) []Violation {
	before := &seen{}
	if o.last != nil && o.last.orgs[g.name] != nil {
		before = o.last.orgs[g.name]
	}
	var found []Violation
	for kind, rows := range map[string][2][]row{contacts: {before.people, s.people}, meetings: {before.events, s.events}} {
		was, is := living(rows[0]), living(rows[1])
		ids := map[told]bool{}
		for key := range was {
			ids[key] = true
		}
		for key := range is {
			ids[key] = true
		}
		for key := range ids {
			a, b := was[key], is[key]
			if a.version == b.version && a.v == b.v && a.rep == b.rep {
				continue
			}
			r := b
			if b.id == "" {
				r = a
			}
			where := place{r.name, r.at, r.rep}
			book := r.key(g.name, kind)
			if r.at == crm {
				where.rep, book.rep = "", ""
			}
			if g.handled[where] || l.about(book) || kind == meetings && r.at == box && g.followed(r, slices.Concat(rows[0], rows[1]), l) {
				continue
			}
			found = append(found, Violation{Law: "unjournalled", Org: g.name, Rep: r.rep, Item: r.name, Field: r.at.String(), Want: "a line about " + kind + " " + book.id, Got: fmt.Sprint(a.v, " → ", b.v)})
		}
	}
	return found
}

// followed reports whether a copy is a guest's, and the journal speaks of the organiser's: what is done to that one, the vendor
// carries to all guests.
func (g *org) followed(r row, rows []row, l ledger) bool {
	organiser := g.invited(r)
	return organiser != "" && slices.ContainsFunc(rows, func(o row) bool {
		return o.at == box && o.name == r.name && o.rep == organiser && l.about(o.key(g.name, meetings))
	})
}

// invited returns the rep who organises the meeting that a copy is a guest's of, "" for any other copy.
func (g *org) invited(r row) (organiser string) {
	m := g.events[r.name]
	if m == nil || !slices.Contains(m.guests, slices.Index(g.reps, r.rep)) {
		return ""
	}
	return g.reps[m.organiser]
}

// about reports whether the journal speaks of an item since the latest judgement, by its id or its link.
func (l ledger) about(key told) bool {
	return l.lines[key] || slices.ContainsFunc(l.linkOf[key], func(link string) bool { return l.links[told{org: key.org, id: link}] })
}

// living returns the rows that are not deleted, by side and id.
func living(rows []row) map[told]row {
	out := map[told]row{}
	for _, r := range rows {
		if !r.deleted {
			key := told{side: r.at.String(), id: r.id}
			if r.at == box {
				key.rep = r.rep
			}
			out[key] = r
		}
	}
	return out
}
