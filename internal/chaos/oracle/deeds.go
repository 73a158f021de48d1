package oracle

import (
	"slices"

	"github.com/repsync/repsync/internal/chaos/scenario"
)

// check gives up an item of which too little is known.
func (it *item) check() {
	if len(it.states) > maxStates {
		it.giveUp(tooMany)
	}
}

func (it *item) giveUp(why string) {
	it.wild, it.states = why, set{{wild: true}: {}}
}

// do lets a person do something to an item's copy, and then the runs that are open.
func (o *Oracle) do(g *org, it *item, rep int, e scenario.Entry) {
	if it.wild != "" {
		return
	}
	if e.Step.Do == scenario.Create && (e.Step.Side == scenario.CRM && g.racing(it) || e.Step.Side == scenario.Mailbox && g.copying(it, rep)) {
		it.giveUp(madeAtOnce)
		return
	}
	if e.Step.Do == scenario.Create && len(o.lags) > 0 && it.stands(rep) {
		it.giveUp("a person made it on both sides while a feed may have lagged")
		return
	}
	if e.Step.Do == scenario.Create && len(o.lags) > 0 && o.mayShow(g, it, e.Step.Side) {
		it.giveUp("a person made an item while one that was just deleted may still have shown")
		return
	}
	if o.lags[e.Step.Side] { // a run to come may not be shown it yet, and go by what was before
		it.states = closed(it.states, o.everyone(g, it))
		it.check()
	}
	o.log(g, it, rep, e)
	next := it.states.each(func(s state) (state, bool) { return o.done(g, it, s, rep, e, false) })
	if len(next) == 0 {
		o.found = append(o.found, o.impossible(g, it, e))
		next = it.states.each(func(s state) (state, bool) { return o.done(g, it, s, rep, e, true) })
	}
	it.states = next
	o.after(g, it)
}

// log keeps what may be there where a run to come cannot read what changed in the CRM, and goes by what the org's log showed
// before the record was changed once more.
func (o *Oracle) log(g *org, it *item, rep int, e scenario.Entry) {
	if it.of != nil && it.of.recurs {
		return
	}
	for r := range g.reps {
		if e.Step.Side == scenario.CRM && it.polled {
			rules := o.rules(g.policy, it)
			rules.flows[box], rules.revert = false, false // a log tells of records only
			it.logged[r] = closed(it.states, []doer{{rules, r}})
		}
		it.logged[r] = it.logged[r].each(func(s state) (state, bool) { return o.done(g, it, s, rep, e, false) })
	}
	it.polled = it.polled && e.Step.Side != scenario.CRM
}

// madeAtOnce: between a look for an item and the create that follows, somebody may make it by hand; no vendor can be asked to
// do both in one.
const madeAtOnce = "a person made an item while a run may have been about to make it"

// racing reports whether a run is under way that may be about to make the item's record.
func (g *org) racing(it *item) bool {
	for rep := range g.runs {
		for s := range it.states {
			if s.box[rep].there && !s.crm.there && s.link[rep].how == unlinked {
				return true
			}
		}
	}
	return false
}

// copying reports whether a run of this rep is under way that may be about to make a copy of the item in the mailbox.
func (g *org) copying(it *item, rep int) bool {
	if g.runs[rep] == nil {
		return false
	}
	for s := range it.states {
		if s.crm.there && !s.box[rep].there && s.link[rep].how == unlinked {
			return true
		}
	}
	return false
}

// stands reports whether there is a copy of the item already, here or there, that is linked to none.
func (it *item) stands(rep int) bool {
	for s := range it.states {
		if s.link[rep].how == unlinked && (s.crm.there || s.box[rep].there) {
			return true
		}
	}
	return false
}

// mayShow reports whether somebody deleted the item on the other side since the world was at rest: where that shows late, the
// new one may be paired with what is gone, and go by what becomes of it.
func (o *Oracle) mayShow(g *org, it *item, at string) bool {
	return slices.ContainsFunc(g.deeds, func(d dated) bool {
		return d.step.Do == scenario.Delete && d.step.Side != at && o.lags[d.step.Side] && !d.at.Before(o.judgedAt) && (d.step.Item == it.name || it.of != nil && d.item() == it.of.name)
	})
}

// after is what becomes of an item that a person has changed: open runs go on.
func (o *Oracle) after(g *org, it *item) {
	for _, r := range g.runs {
		r.touched[it.name] = true
	}
	o.spread(g, it)
}

// set returns values with those that a step sets, and notes that somebody typed them.
func (o *Oracle) set(it *item, v values, step scenario.Step) values {
	was := v
	if it.of != nil {
		v = o.setMeeting(it, v, step.Set)
	} else {
		for f, name := range it.fields {
			if text, given := step.Set[name]; given {
				v[f] = o.words.of(text)
			}
		}
	}
	for f := range v {
		if v[f] != was[f] {
			it.typed[typed{f, v[f]}] = true
		}
	}
	return v
}

// done returns a state after a deed; not ok where the deed cannot have taken place, unless it is known that it did.
func (o *Oracle) done(g *org, it *item, s state, rep int, e scenario.Entry, did bool) (after state, ok bool) {
	if s.wild {
		return s, true
	}
	at := crm
	if e.Step.Side == scenario.Mailbox {
		at = box
	}
	c := s.copy(at, rep)
	if it.of != nil && c.there && o.words.text(c.v[subject]) == busyName && !(it.of.recurs && at == box) { // nobody knows which meeting that is
		return state{wild: true}, e.Step.Do == scenario.Create
	}
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
				c.owner = int8(i)
			}
		}
	}
	if e.Step.Do == scenario.Create || e.Step.Do == scenario.Edit {
		c.v = o.set(it, c.v, e.Step)
	}
	c.at, c.vague = e.At.Unix(), e.Step.Do == scenario.Rename || it.of != nil && it.of.recurs
	if at == box { // the vendors' clocks may differ
		c.at += int64(o.skew.Seconds())
	}
	return s, true
}

// impossible tells of a deed on a copy that should not be there, or of a create of one that should.
func (o *Oracle) impossible(g *org, p *item, e scenario.Entry) Violation {
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
