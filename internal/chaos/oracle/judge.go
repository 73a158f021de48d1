package oracle

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/chaos/scenario"
)

// day is the window over which the guard counts.
const day = 24 * time.Hour

// Judge compares what is there with what may be there, once the world is at rest, and returns what breaks a law, in a
// stable order. Then what is seen becomes what is known.
func (o *Oracle) Judge(snap Snapshot, books scenario.Books) []Violation {
	found := o.found
	o.found = nil
	for _, name := range o.names {
		g, s := o.orgs[name], snap.orgs[name]
		if s == nil {
			continue
		}
		found = append(found, o.plainly(g, s)...) // first: by what had left the model before
		found = append(found, o.stays(g, s)...)
		found = append(found, o.judgeItems(g, s)...)
		found = append(found, o.judgeTies(g, s)...)
		found = append(found, o.isolated(g, s)...)
	}
	found = append(found, o.judgeBooks(snap, books)...)
	for _, g := range o.orgs {
		clear(g.runs)
		clear(g.free)
	}
	o.last, o.judgedAt = &snap, o.now
	slices.SortFunc(found, func(a, b Violation) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(found)
}

// judgeItems judges all people and meetings of an org.
func (o *Oracle) judgeItems(g *org, s *seen) []Violation {
	var found []Violation
	reach := map[*item]set{}
	for _, it := range g.items() {
		if it.wild == "" {
			reach[it] = closed(it.states, append(o.everyone(g, it), o.doers(g, it)...))
		}
	}
	held := o.held(g, reach)
	permitted := map[*item]set{}
	for it, states := range reach {
		permitted[it] = o.rested(g, it, states, held)
	}
	views := s.views(g.reps)
	for _, name := range slices.Sorted(maps.Keys(g.people)) {
		p := g.people[name]
		if p.wild == "" {
			v := views[name]
			if v == nil {
				v = &view{}
			}
			p.states = o.judgePerson(g, p, v, permitted[p], &found)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(views)) {
		if g.people[name] == nil {
			found = append(found, Violation{Law: "unexplained", Org: g.name, Item: name, Want: "nobody of that name", Got: "an item that no person made"})
		}
	}
	found = append(found, o.judgeMeetings(g, s, permitted)...)
	found = append(found, o.guarded(g)...)
	for _, it := range g.items() {
		it.states = it.states.each(func(s state) (state, bool) {
			s.erased = [maxReps]uint8{}
			return s, true
		})
		clear(it.typed)
		it.logged = [maxReps]set{}
	}
	return found
}

// least is the least that Repsync has deleted for a rep, over all states.
func (s set) least(rep int) int {
	n := -1
	for st := range s {
		if e := int(st.erased[rep]); n < 0 || e < n {
			n = e
		}
	}
	return max(n, 0)
}

// judgePerson compares one person with the states that are permitted, and returns those that fit what is seen.
func (o *Oracle) judgePerson(g *org, p *item, v *view, permitted set, found *[]Violation) set {
	fit := set{}
	wild := false
	for s := range permitted {
		wild = wild || s.wild
		if !s.wild && len(o.compare(g, s, v)) == 0 {
			fit[s] = struct{}{}
		}
	}
	switch {
	case len(fit) > 0:
		return fit
	case wild || len(permitted) == 0 || len(permitted) > maxStates:
		p.giveUp(doubledByPeople)
		return p.states
	}
	nearest, differences := o.nearest(g, permitted, v)
	for _, d := range differences {
		*found = append(*found, Violation{Law: o.law(g, p, &nearest, d), Org: g.name, Rep: d.rep, Item: p.name, Field: d.field, Want: d.want, Got: d.got})
	}
	for _, s := range o.asSeen(g, nearest, v) {
		fit[s] = struct{}{}
	}
	return fit
}

// difference is one way in which what is seen is not a state.
type difference struct {
	at         side
	place      int // in a view
	rep        string
	f          int // -1: about the copy as such, -2: its owner
	field      string
	want, got  string
	many, seen bool
}

// compare lists how what is seen differs from a state.
func (o *Oracle) compare(g *org, s state, v *view) []difference {
	var out []difference
	for place := range 1 + len(g.reps) {
		at, rep, c := crm, "", s.crm
		if place > 0 {
			at, rep, c = box, g.reps[place-1], s.box[place-1]
		}
		rows := v[place]
		d := difference{at: at, place: place, rep: rep, f: -1, field: at.String(), want: "no copy", got: fmt.Sprintf("%d copies", len(rows)), many: len(rows) > 1, seen: len(rows) > 0}
		if c.there {
			d.want = "one copy"
		}
		switch {
		case len(rows) > 1, c.there != (len(rows) == 1):
			out = append(out, d)
			continue
		case !c.there:
			continue
		}
		r := rows[0]
		for f, name := range personFields {
			if want := o.words.text(c.v[f]); want != r.v[f] {
				out = append(out, difference{at: at, place: place, rep: rep, f: f, field: at.String() + " " + name, want: want, got: r.v[f], seen: true})
			}
		}
		if owner := g.reps[c.owner]; at == crm && owner != r.rep {
			out = append(out, difference{at: at, place: place, f: -2, field: "crm owner", want: owner, got: r.rep, seen: true})
		}
	}
	return out
}

// nearest returns the permitted state that differs least from what is seen.
func (o *Oracle) nearest(g *org, permitted set, v *view) (best state, differences []difference) {
	order := func(d []difference) string { return fmt.Sprintf("%d %v", len(d), d) }
	first := true
	for s := range permitted {
		d := o.compare(g, s, v)
		if first || cmp.Or(cmp.Compare(len(d), len(differences)), cmp.Compare(order(d), order(differences))) < 0 {
			best, differences, first = s, d, false
		}
	}
	return best, differences
}

// law names what a difference breaks.
func (o *Oracle) law(g *org, p *item, s *state, d difference) string {
	rules := o.rules(g.policy, p)
	switch c := s.copyAt(d.place); {
	case d.many:
		return "doubled"
	case d.f == -1 && d.seen && c.id > 0:
		return "resurrected"
	case d.f == -1 && d.seen:
		return "forbidden"
	case d.f == -1:
		return "lost"
	case d.f == -2:
		return "forbidden"
	case !rules.flows[d.at.other()]: // nothing may write there
		return "forbidden"
	case p.typed[typed{d.f, o.words.of(d.want)}]:
		return "lost"
	}
	return "diverged"
}

// copyAt returns the copy at a place of a view.
func (s *state) copyAt(place int) copied {
	if place == 0 {
		return s.crm
	}
	return s.box[place-1]
}

// asSeen returns what to go on from after a violation, so that it is told once: the state with its copies as they are seen, and
// either with its bases or with what is seen as bases.
func (o *Oracle) asSeen(g *org, s state, v *view) []state {
	for place := range 1 + len(g.reps) {
		c := &s.crm
		if place > 0 {
			c = &s.box[place-1]
		}
		c.there = len(v[place]) > 0
		if !c.there {
			continue
		}
		r := v[place][0]
		c.id, c.vague = max(c.id, 1), true
		for f := range width {
			c.v[f] = o.words.of(r.v[f])
		}
		if place == 0 {
			c.owner = int8(max(slices.Index(g.reps, r.rep), 0))
		}
	}
	based := s
	for rep := range g.reps {
		l := &based.link[rep]
		if s.crm.there && s.box[rep].there {
			l.how, l.id, l.agreed = active, [2]int8{s.crm.id, s.box[rep].id}, 1<<width-1
			l.base = [2]values{s.crm.v, s.box[rep].v}
		}
	}
	return []state{s, based}
}

// isolated finds values of one org in another. Every value that the stories' people write carries their org's name;
// addresses are shared on purpose.
func (o *Oracle) isolated(g *org, s *seen) []Violation {
	var found []Violation
	for _, r := range slices.Concat(s.people, s.events) {
		for _, other := range o.names {
			if other != g.name && !strings.Contains(g.name, other) && strings.Contains(r.text, other) {
				found = append(found, Violation{Law: "isolated", Org: g.name, Rep: r.rep, Item: r.name, Field: r.at.String(), Want: "nothing of " + other, Got: r.text})
			}
		}
	}
	return found
}
