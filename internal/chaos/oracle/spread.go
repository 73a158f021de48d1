package oracle

import (
	"maps"

	"github.com/repsync/repsync/internal/chaos/scenario"
)

// maxStates bounds a set. An item with more of them has left the model; stories of some dozen steps have some dozens.
const maxStates = 4000

// tooMany is why an item is not judged any more.
const tooMany = "more states than can be followed"

// doubledByPeople is why an item is not judged any more.
const doubledByPeople = "people made two of one name"

// doer is one rep's passes under one policy.
type doer struct {
	rules
	rep int
}

// doers are the passes that may take place now.
func (o *Oracle) doers(g *org) []doer {
	var out []doer
	for rep, r := range g.runs {
		for _, p := range r.policies {
			out = append(out, doer{o.rules(p), rep})
		}
	}
	return out
}

// spread closes a person's states under whatever the open runs may have done by now.
func (o *Oracle) spread(g *org, p *person) {
	if p.wild == "" {
		p.states = closed(p.states, o.doers(g))
		p.check()
	}
}

// closed returns the states that can be reached from some by any number of lawful writes.
func closed(from set, doers []doer) set {
	out := maps.Clone(from)
	var todo []state
	for s := range from {
		todo = append(todo, s)
	}
	for len(todo) > 0 && len(out) <= maxStates {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, d := range doers {
			p := d.over(s, d.rep)
			for _, next := range append(p.whole, p.partial...) {
				if _, known := out[next]; !known {
					out[next] = struct{}{}
					todo = append(todo, next)
				}
			}
		}
	}
	return out
}

// through returns the states after one or more whole passes of a rep.
func (o *Oracle) through(g *org, from set, rep int) set {
	d := doer{o.rules(g.policy), rep}
	out := set{}
	var todo []state
	visit := func(s state) {
		for _, next := range d.over(s, rep).whole {
			if _, known := out[next]; !known && len(out) <= maxStates {
				out[next] = struct{}{}
				todo = append(todo, next)
			}
		}
	}
	for s := range from {
		visit(s)
	}
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		visit(s)
	}
	return out
}

// rested returns the reachable states in which no rep has anything left to do. For reps that may be held, whatever they
// have left counts as well.
func (o *Oracle) rested(g *org, all set, held map[int]bool) set {
	rules := o.rules(g.policy)
	out := set{}
	for s := range all {
		idle := true
		for rep := range g.reps {
			idle = idle && (held[rep] || contains(rules.over(s, rep).whole, s))
		}
		if idle {
			out[s] = struct{}{}
		}
	}
	return out
}

func contains(list []state, s state) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}

// everyone are the passes of all reps under today's policy.
func (o *Oracle) everyone(g *org) []doer {
	rules := o.rules(g.policy)
	out := make([]doer, len(g.reps))
	for rep := range g.reps {
		out[rep] = doer{rules, rep}
	}
	return out
}

// mayErase reports whether a rep's pass may delete something of a person, in any of the states.
func (o *Oracle) mayErase(g *org, states set, rep int) bool {
	rules := o.rules(g.policy)
	for s := range states {
		if s.erased[rep] > 0 || rules.over(s, rep).deletes {
			return true
		}
	}
	return false
}

// check gives up an item of which too little is known.
func (p *person) check() {
	if len(p.states) > maxStates {
		p.giveUp(tooMany)
	}
}

func (p *person) giveUp(why string) {
	p.wild, p.states = why, set{{wild: true}: {}}
}

// personDeed lets a person do something to a person's copy.
func (o *Oracle) personDeed(g *org, p *person, rep int, e scenario.Entry) {
	if p.wild != "" {
		return
	}
	for f, name := range fields {
		if v, ok := e.Step.Set[name]; ok {
			p.typed[typed{f, o.words.of(v)}] = true
		}
	}
	next := p.states.each(func(s state) (state, bool) { return o.done(g, s, rep, e, false) })
	if len(next) == 0 {
		o.found = append(o.found, o.impossible(g, p, e))
		next = p.states.each(func(s state) (state, bool) { return o.done(g, s, rep, e, true) })
	}
	p.states = next
}

// done returns a state after a deed; not ok where the deed cannot have taken place, unless it is known that it did.
func (o *Oracle) done(g *org, s state, rep int, e scenario.Entry, did bool) (after state, ok bool) {
	if s.wild {
		return s, true
	}
	at := crm
	if e.Step.Side == scenario.Mailbox {
		at = box
	}
	c := s.copy(at, rep)
	switch e.Step.Do {
	case scenario.Create:
		if c.there && !did {
			return s, false
		}
		s.place(at, rep, values{})
	case scenario.Restore:
		switch {
		case (c.id == 0 || c.there && s.bin[0].id == 0) && !did:
			return s, false
		case c.there: // an older one came back beside a newer one
			return state{wild: true}, true
		}
		s.restore()
		return s, true
	default:
		if !c.there && !did {
			return s, false
		}
		c.there, c.id = true, max(c.id, 1)
	}
	switch e.Step.Do {
	case scenario.Delete:
		s.drop(at, rep)
		return s, true
	case scenario.Reassign:
		for i, name := range g.reps {
			if name == e.Step.To {
				c.owner = int8(i) //nolint:gosec // at most maxReps
			}
		}
	}
	for f, name := range fields {
		if v, given := e.Step.Set[name]; given {
			c.v[f] = o.words.of(v)
		}
	}
	c.at, c.vague = e.At.Unix(), e.Step.Do == scenario.Rename
	if at == box { // the vendors' clocks may differ
		c.at += int64(o.skew.Seconds())
	}
	return s, true
}

// impossible tells of a deed on a copy that should not be there, or of a create of one that should.
func (o *Oracle) impossible(g *org, p *person, e scenario.Entry) Violation {
	v := Violation{Law: "unexplained", Org: g.name, Rep: e.Step.Rep, Item: p.name, Field: e.Step.Side, Want: "no copy", Got: "a copy that was there to " + string(e.Step.Do)}
	at := crm
	if e.Step.Side == scenario.Mailbox {
		at = box
	}
	for s := range p.states {
		for rep, name := range g.reps {
			if name == e.Step.Rep && s.copy(at, rep).id > 0 {
				v.Law = "resurrected"
			}
		}
	}
	if e.Step.Do == scenario.Create {
		v.Law, v.Want, v.Got = "lost", "a copy", "none"
	}
	return v
}
