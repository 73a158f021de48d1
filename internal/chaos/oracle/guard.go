package oracle

import (
	"fmt"
	"time"
)

// held lists the reps whose guard may hold a plan: a rolling day's deletes, with all that may still be to delete, are more than
// the guard lets through. At rest such a rep may have anything left to do.
func (o *Oracle) held(g *org, reach map[*item]set) map[int]bool {
	out := map[int]bool{}
	if g.policy.MaxDeletes <= 0 {
		return out
	}
	for rep := range g.reps {
		may := 0
		for it, states := range reach {
			if o.mayErase(g, it, states, rep) {
				may++
			}
		}
		for _, it := range g.items() {
			may += 2 * b2i(it.wild != "") // which may have gone, and be about to
		}
		for _, d := range g.deletes {
			if d.rep == rep && o.now.Sub(d.to) <= day {
				may += d.n
			}
		}
		out[rep] = may > g.policy.MaxDeletes
	}
	return out
}

// guarded notes what Repsync deleted since the latest judgement and finds a guard that was exceeded. Deletes that somebody
// released do not count, nor those between judgements that lie more than a day apart.
func (o *Oracle) guarded(g *org) []Violation {
	from := o.judgedAt
	if from.IsZero() {
		from = o.now.Add(-time.Hour)
	}
	var found []Violation
	for rep := range g.reps {
		n := 0
		for _, p := range g.people {
			n += p.states.least(rep)
		}
		for _, m := range g.events { // what people do to a series is one thing
			most := 0
			for _, it := range m.units {
				most = max(most, it.states.least(rep))
			}
			n += most
		}
		if g.free[rep] || n == 0 {
			continue
		}
		g.deletes = append(g.deletes, deleted{rep: rep, from: from, to: o.now, n: n})
		sum := 0
		for _, d := range g.deletes {
			if d.rep == rep && o.now.Sub(d.from) <= day {
				sum += d.n
			}
		}
		if limit := g.policy.MaxDeletes; limit > 0 && !g.changedLimit && sum > limit {
			found = append(found, Violation{Law: "guard", Org: g.name, Rep: g.reps[rep], Field: "deletes", Want: fmt.Sprintf("at most %d in a day", limit), Got: fmt.Sprint(sum)})
		}
	}
	g.changedLimit = false
	return found
}
