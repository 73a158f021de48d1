package oracle

import (
	"maps"
	"slices"

	"github.com/repsync/repsync/internal/chaos/scenario"
)

// A conflict has a loser, and the journal has to name it: else what a person wrote is gone without a trace. Mostly one cannot
// tell from outside whether two edits met, or one came after the other. Where a field of a linked pair was changed on both
// sides before any run began, they must meet.

// collision is a field of a person that a rep's next passes must find changed on both sides.
type collision struct {
	item  string
	rep   int
	field string // as the journal calls it
}

// journalFields are a person's fields as the journal calls them, in the order of personFields.
var journalFields = [width]string{"title", "department", "phone.work", "email", "name.given"}

// collide notes the collisions that a run which is alone has before it.
func (o *Oracle) collide(g *org, rep int) {
	if len(g.runs) > 1 || g.policy.MaxDeletes > 0 {
		return // a plan that is held resolves nothing
	}
	for name, p := range g.people {
		rules := o.rules(g.policy, p)
		if p.wild != "" || !rules.flows[crm] || !rules.flows[box] || rules.wins == "review" {
			continue
		}
		for f := range width {
			if p.collides(rules, rep, f) {
				g.collided[collision{name, rep, journalFields[f]}] = true
			}
		}
	}
}

// collides reports whether a field was changed on both sides, in whichever state the world is.
func (it *item) collides(r rules, rep, f int) bool {
	for s := range it.states {
		l := s.link[rep]
		c, b := s.crm.v[f], s.box[rep].v[f]
		pass := pass{rules: r, rep: rep}
		sure := l.how == active && s.loose == 0 && s.linked(crm, rep) && s.linked(box, rep) && l.agreed&(1<<f) != 0 && pass.admits(&s)
		if !sure || c == b || c == l.base[crm][f] || b == l.base[box][f] || s.othersLinked(rep) {
			return false
		}
	}
	return len(it.states) > 0
}

// othersLinked reports whether other reps remember the item: what they carry over may come between.
func (s state) othersLinked(rep int) bool {
	for other, l := range s.link {
		if other != rep && l.how != unlinked {
			return true
		}
	}
	return false
}

// uncollide forgets what is no longer sure: an item that somebody changed meanwhile, "" for all.
func (g *org) uncollide(name string) {
	maps.DeleteFunc(g.collided, func(c collision, _ bool) bool { return name == "" || c.item == name })
}

// losers finds collisions of which the journal does not tell.
func (o *Oracle) losers(g *org, s *seen, books scenario.Books) []Violation {
	var found []Violation
	for c := range g.collided {
		var ids []string
		for _, r := range s.people {
			if r.name == c.item {
				ids = append(ids, r.id)
			}
		}
		told := slices.ContainsFunc(books.Journal, func(l scenario.Line) bool {
			return l.Org == g.name && l.Kind == contacts && l.Action == "conflict" && l.Field == c.field && !l.At.Before(o.judgedAt) && slices.Contains(ids, l.ID)
		})
		if len(ids) > 0 && !told {
			found = append(found, Violation{Law: "unjournalled", Org: g.name, Rep: g.reps[c.rep], Item: c.item, Field: c.field, Want: "a line about the value that lost a conflict", Got: "none"})
		}
	}
	clear(g.collided)
	return found
}
