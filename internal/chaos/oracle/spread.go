package oracle

import (
	"maps"
	"slices"
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

// actors are the reps whose passes concern an item: all, or for a meeting with guests its organiser, whose copy speaks.
func (g *org) actors(it *item) []int {
	if it.of != nil && len(it.of.guests) > 0 {
		return []int{it.of.organiser}
	}
	all := make([]int, len(g.reps))
	for rep := range all {
		all[rep] = rep
	}
	return all
}

// doers are the passes over an item that may take place now.
func (o *Oracle) doers(g *org, it *item) []doer {
	var out []doer
	for _, rep := range g.actors(it) {
		if r := g.runs[rep]; r != nil {
			for _, p := range r.policies {
				out = append(out, doer{o.rules(p, it), rep})
			}
		}
	}
	return out
}

// everyone are the passes over an item of all reps under today's policy.
func (o *Oracle) everyone(g *org, it *item) []doer {
	rules := o.rules(g.policy, it)
	var out []doer
	for _, rep := range g.actors(it) {
		out = append(out, doer{rules, rep})
	}
	return out
}

// spread closes an item's states under whatever the open runs may have done by now.
func (o *Oracle) spread(g *org, it *item) {
	if it.wild == "" {
		it.states = closed(it.states, o.doers(g, it))
		it.check()
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
func (o *Oracle) through(g *org, it *item, from set, rep int) set {
	if !slices.Contains(g.actors(it), rep) {
		return from
	}
	d := doer{o.rules(g.policy, it), rep}
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
func (o *Oracle) rested(g *org, it *item, all set, held map[int]bool) set {
	doers := o.everyone(g, it)
	out := set{}
	for s := range all {
		idle := true
		for _, d := range doers {
			idle = idle && (held[d.rep] || slices.Contains(d.over(s, d.rep).whole, s))
		}
		if idle {
			out[s] = struct{}{}
		}
	}
	return out
}

// mayErase reports whether a rep's pass may delete something of an item, in any of the states.
func (o *Oracle) mayErase(g *org, it *item, states set, rep int) bool {
	if !slices.Contains(g.actors(it), rep) {
		return false
	}
	rules := o.rules(g.policy, it)
	for s := range states {
		if s.erased[rep] > 0 || rules.over(s, rep).deletes {
			return true
		}
	}
	return false
}
