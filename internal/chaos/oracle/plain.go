package oracle

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/chaos/scenario"
)

// Plain laws hold for what left the model, too: no copy has a value that no person gave the item, a rep is shown and writes
// nothing that the CRM denies, and an undo leaves what people did since. That every item has a verdict, every change a line
// in the journal, that orgs are apart and that the world comes to rest is held for all items alike.

// Why items are held to the plain laws only.
const (
	merged    = "people made one of two"
	unusual   = "people made something unusual"
	splitUp   = "a series was split"
	narrowed  = "a policy that the oracle does not go by"
	forbidden = "the CRM denies something"
	putBack   = "an undo put something back"
	unclear   = "an undo took place beside a run, or was in trouble"
)

// known is what the plain laws need of an org's past.
type known struct {
	deeds  []dated
	one    map[string]string    // items that were merged into another → which
	denied map[string]time.Time // what the CRM denies → since when
	why    [2]string            // people, meetings: why new ones are not followed, "" where they are
	kept   map[told]kept        // copies that an undo put back, which are to stay
}

// dated is a deed.
type dated struct {
	rep  int
	at   time.Time
	step scenario.Step
}

func (d dated) item() string {
	name, _, _ := strings.Cut(d.step.Item, "@")
	return name
}

// touches reports whether the deed was done to a copy.
func (d dated) touches(g *org, r row) bool {
	return d.item() == r.name && (d.step.Side == scenario.CRM) == (r.at == crm) && (r.at == crm || g.reps[d.rep] == r.rep)
}

// gave reports whether the deed gave a field a value, as the row shows it.
func (d dated) gave(field, value string) bool {
	text, ok := d.step.Set[field]
	if ok && field == "subject" {
		text = strings.TrimSpace(d.item() + " " + text)
	}
	return ok && text == value
}

// loosen gives up all people, or all meetings, of an org, and all that are made from here on.
func (g *org) loosen(meetings bool, why string) {
	g.why[b2i(meetings)] = why
	if why == "" {
		return
	}
	g.uncollide("")
	for _, p := range g.people {
		if !meetings && p.wild == "" {
			p.giveUp(why)
		}
	}
	for _, m := range g.events {
		if meetings && m.why() == "" {
			m.giveUp(why)
		}
	}
}

// loose gives up one item, whether it is known already or not.
func (o *Oracle) loose(g *org, name, why string) {
	g.uncollide(name)
	if isMeeting(name) {
		m := g.events[name]
		if m == nil {
			m = &meeting{name: name}
			g.events[name] = m
		}
		if m.why() == "" {
			m.giveUp(why)
		}
		return
	}
	p := g.people[name]
	if p == nil {
		p = &item{name: name, fields: personFields, typed: map[typed]bool{}}
		g.people[name] = p
	}
	if p.wild == "" {
		p.giveUp(why)
	}
}

// plainDeed notes a deed, and reports whether the model does not follow it.
func (o *Oracle) plainDeed(g *org, rep int, e scenario.Entry) bool {
	d := dated{rep, e.At, e.Step}
	g.deeds = append(g.deeds, d)
	maps.DeleteFunc(g.kept, func(_ told, k kept) bool { return k.row.name == d.item() || k.row.name == e.Step.To })
	name := d.item()
	if why := g.why[b2i(isMeeting(name))]; why != "" {
		o.loose(g, name, why)
	}
	switch e.Step.Do {
	case scenario.Odd:
		o.loose(g, name, unusual)
		o.loose(g, "", unusual) // it may have no name
		return true
	case scenario.Split:
		o.loose(g, name, splitUp)
		return true
	case scenario.Merge:
		o.loose(g, name, merged)
		o.loose(g, e.Step.To, merged)
		g.one[e.Step.To] = name
		return true
	case scenario.Answer:
		switch m := g.events[name]; {
		case m == nil:
		case len(m.guests) == 0:
			o.loose(g, name, unusual)
		default:
			_, nth, one := strings.Cut(e.Step.Item, "@")
			o.answered(g, m, nth, one)
		}
		return true
	}
	return false
}

// same names the items whose values may stand in an item's copies: those that were merged with it.
func (k *known) same(item string) map[string]bool {
	out := map[string]bool{item: true}
	for range len(k.one) {
		for from, into := range k.one {
			if out[from] || out[into] {
				out[from], out[into] = true, true
			}
		}
	}
	return out
}

// odd reports whether people made something of that name in the vendor's own words.
func (g *org) odd(items map[string]bool) bool {
	return slices.ContainsFunc(g.deeds, func(d dated) bool { return d.step.Do == scenario.Odd && (items[d.item()] || items[""]) })
}

// plainly holds the plain laws.
func (o *Oracle) plainly(g *org, s *seen) []Violation {
	var found []Violation
	for _, r := range slices.Concat(s.people, s.events) {
		wild, fields := false, personFields
		if p := g.people[r.name]; p != nil {
			wild = p.wild != ""
		}
		if m := g.events[r.name]; m != nil {
			wild, fields = m.why() != "", meetingFields
		}
		items := g.same(r.name)
		if !wild || r.deleted || g.odd(items) {
			continue
		}
		for f, field := range fields {
			if fields == meetingFields && f >= timing || r.v[f] == "" || fields == meetingFields && r.v[f] == r.name {
				continue
			}
			if !slices.ContainsFunc(g.deeds, func(d dated) bool { return items[d.item()] && d.gave(field, r.v[f]) }) {
				found = append(found, Violation{Law: "invented", Org: g.name, Rep: r.rep, Item: r.name, Field: r.at.String() + " " + field, Want: "a value that somebody gave it", Got: r.v[f]})
			}
		}
	}
	return append(found, o.denials(g, s)...)
}

// denials holds that no title crossed over that was written since the CRM denies it, and no value of a record that a rep may
// not see.
func (o *Oracle) denials(g *org, s *seen) []Violation { //nolint:gocognit // one look over both sides
	var found []Violation
	for _, r := range s.people {
		for _, d := range g.deeds {
			since, from := time.Time{}, scenario.CRM
			switch {
			case r.deleted || !g.same(r.name)[d.item()]:
				continue
			case r.at == box:
				since = g.denied["title"]
			case r.at == crm:
				from = scenario.Mailbox
				since = earliest(g.denied["title"], g.denied["title_edit"])
			}
			if !since.IsZero() && d.at.After(since) && d.step.Side == from && r.v[0] != "" && d.gave("title", r.v[0]) {
				found = append(found, Violation{Law: "denied", Org: g.name, Rep: r.rep, Item: r.name, Field: r.at.String() + " title", Want: "nothing that the CRM denies", Got: r.v[0]})
			}
		}
	}
	since := g.denied["records"]
	for _, record := range s.people {
		for _, copied := range s.people {
			if since.IsZero() || record.at != crm || copied.at != box || record.name != copied.name || record.rep == copied.rep || record.rep == "" {
				continue
			}
			for _, d := range g.deeds {
				if d.step.Do == scenario.Reassign && d.item() == record.name && d.at.After(since) {
					break
				}
				for f, field := range personFields {
					if d.touches(g, record) && d.at.After(since) && copied.v[f] != "" && copied.v[f] == record.v[f] && d.gave(field, copied.v[f]) && !o.typedBy(g, copied, field) {
						found = append(found, Violation{Law: "denied", Org: g.name, Rep: copied.rep, Item: copied.name, Field: "mailbox " + field, Want: "nothing of a record that the rep may not see", Got: copied.v[f]})
					}
				}
			}
		}
	}
	return found
}

// typedBy reports whether a rep gave an item what the field of the own copy reads, on either side.
func (o *Oracle) typedBy(g *org, r row, field string) bool {
	f := slices.Index(personFields[:], field)
	return slices.ContainsFunc(g.deeds, func(d dated) bool { return d.item() == r.name && g.reps[d.rep] == r.rep && d.gave(field, r.v[f]) })
}

// earliest is the earlier of two times; zero is none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// deny notes what the CRM denies from here on, or does not any more.
func (g *org) deny(e scenario.Entry) {
	clear(g.kept)
	if e.Step.Do == scenario.Allow {
		delete(g.denied, e.Step.What)
		if len(g.denied) == 0 && g.why[0] == forbidden {
			g.why[0] = ""
		}
		return
	}
	if g.denied[e.Step.What].IsZero() {
		g.denied[e.Step.What] = e.At
	}
	g.loosen(false, forbidden)
}

// narrow gives up what a policy has rules for that the oracle does not go by.
func (g *org) narrow(p scenario.Policy) {
	clear(g.kept)
	for i, lines := range [][]string{p.AlsoContacts, p.AlsoEvents} {
		switch {
		case len(lines) > 0:
			g.loosen(i == 1, narrowed)
		case g.why[i] == narrowed:
			g.why[i] = ""
		}
	}
	if len(g.denied) > 0 {
		g.loosen(false, forbidden)
	}
}

// String tells a row for people.
func (r row) String() string {
	if r.id == "" {
		return "none"
	}
	return fmt.Sprint(r.v)
}
