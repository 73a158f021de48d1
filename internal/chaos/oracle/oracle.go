// Package oracle judges a story by the laws of DESIGN.md.
//
// It does not know what Repsync does, only what it may do. For each item it keeps every state of the world that the laws
// permit after what people have done: who holds a copy, what the copy reads, and what was agreed on between the two
// sides. A deed of a person changes each of these states. While a rep's workflow runs, anything may have been carried
// over already or not yet, so the set grows by whatever one write of a lawful pass makes of it; after a run that came
// through whole, and once the world is at rest, only states remain in which nothing is left to do. What both sides then
// really show, read as raw JSON through the vendors' own APIs, must be one of these states. If it is not, the nearest one
// tells what is wrong, and which law says so.
//
// So a race has every outcome that the laws leave open, and a case without a race has one:
//
//	edit title in the CRM, run       the mailbox has that title
//	edit title on both sides, run    what the policy's conflict rule says
//	edit in the CRM inside a run     the mailbox has the old or the new title; at rest the new one
//
// The merge in lawful.go is written from DESIGN.md, and nothing of ours that is judged is imported (internal/house checks
// that). A story in which people themselves make two of one person leaves the model: such an item is Unjudged from there
// on, and says why.
package oracle

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/internal/demo/wire"
)

// Site is where one org's outcome is read from.
type Site struct {
	Org        string
	Salesforce wire.Salesforce
	People     map[string]wire.People   // by rep
	Calendars  map[string]wire.Calendar // by rep
	Users      map[string]string        // rep → CRM user id
}

// Violation is one law that the outcome breaks. Law is one of lost, doubled, resurrected, forbidden, diverged, unexplained,
// unjournalled, isolated, guard, invented, denied, undone, misrelated and unrelated. Want and Got are values of made-up people.
type Violation struct {
	Law, Org, Rep, Item, Field, Want, Got string
}

// String tells the violation in one line.
func (v Violation) String() string {
	return fmt.Sprintf("%s: %s %s %s %s: want %s, got %s", v.Law, v.Org, v.Rep, v.Item, v.Field, v.Want, v.Got)
}

// Oracle follows one story. It is not safe for concurrent use.
type Oracle struct {
	words words
	orgs  map[string]*org
	names []string        // of orgs, sorted
	lags  map[string]bool // sides whose deeds may show late, somewhere in the story: no run is sure to have seen everything
	start time.Time       // of the story: meetings are told in minutes from there
	skew  time.Duration   // how far the mailboxes' clock is ahead of the CRM's
	saved bool            // there is a backup of Postgres
	now   time.Time
	found []Violation // while the story ran: deeds that no lawful state allows

	last     *Snapshot     // as of the latest judgement
	judgedAt time.Time     // when that was
	told     map[told]bool // what had a verdict then
}

// org is what the oracle knows of one org.
type org struct {
	name    string
	reps    []string
	policy  scenario.Policy
	people  map[string]*item
	events  map[string]*meeting
	runs    map[int]*run // by rep
	deletes []deleted    // by Repsync, for the guard
	free    map[int]bool // reps of whom something was released since the latest judgement

	changedLimit bool            // the guard was changed since the latest judgement
	restored     bool            // Postgres was restored since
	stored       scenario.Policy // as the backup has it
	loose        uint8           // bit per rep: Postgres was restored, and what the rep's passes create and delete may be held, also of what comes later
	handled      map[place]bool  // copies that people have changed since

	collided map[collision]bool // conflicts of which the journal has to tell

	known
}

// run is a run of one rep that has not ended.
type run struct {
	policies  []scenario.Policy // one of which each of its passes goes by
	alone     bool              // no other run of the org took place meanwhile
	deep      int               // runs of the rep that have begun and not ended: one that was cut off may go on beside its successor
	touched   map[string]bool   // items that people changed meanwhile
	before    map[string]set    // of items, when it began
	unsettled bool              // the policy, or what Repsync remembers, changed meanwhile
}

// deleted counts what Repsync deleted for a rep between two judgements.
type deleted struct {
	rep      int
	from, to time.Time
	n        int
}

// New returns an oracle for a story that has not begun.
func New(s scenario.Scenario) *Oracle {
	o := &Oracle{orgs: map[string]*org{}, lags: map[string]bool{}, start: s.Begin(), now: s.Begin()}
	for _, declared := range s.Orgs {
		if len(declared.Reps) > maxReps {
			panic(fmt.Sprintf("oracle: org %s has %d reps, the model has room for %d", declared.Name, len(declared.Reps), maxReps))
		}
		o.orgs[declared.Name] = &org{
			name: declared.Name, reps: declared.Reps, policy: declared.Policy,
			people: map[string]*item{}, events: map[string]*meeting{}, runs: map[int]*run{}, free: map[int]bool{}, handled: map[place]bool{}, collided: map[collision]bool{},
			known: known{one: map[string]string{}, denied: map[string]time.Time{}, kept: map[told]kept{}},
		}
		o.orgs[declared.Name].narrow(declared.Policy)
	}
	o.names = slices.Sorted(maps.Keys(o.orgs))
	o.late(s.Steps)
	if d, err := time.ParseDuration(s.Skew); err == nil {
		o.skew = d
	}
	return o
}

// late notes which sides' deeds may show late.
func (o *Oracle) late(steps []scenario.Step) {
	for _, s := range steps {
		switch s.Do {
		case scenario.Lag:
			o.lags[scenario.Mailbox] = true
		case scenario.Slow:
			o.lags[scenario.CRM] = true
		}
		for _, m := range s.When {
			o.late(m.Steps)
		}
	}
}

// Note takes in what happens, in order. Steps of operators that touch what Repsync remembers (backup, recover, release) are
// noted as Deeds, too; Recover and Backup may name no org, and then mean all.
func (o *Oracle) Note(e scenario.Entry) {
	if e.At.After(o.now) {
		o.now = e.At
	}
	name := e.Org
	if name == "" {
		name = e.Step.Org
	}
	o.saved = o.saved || e.Step.Do == scenario.Backup
	for _, at := range o.names {
		if name == "" || at == name {
			o.note(o.orgs[at], e)
		}
	}
}

func (o *Oracle) note(g *org, e scenario.Entry) {
	rep := slices.Index(g.reps, e.Rep)
	if e.Rep == "" {
		rep = slices.Index(g.reps, e.Step.Rep)
	}
	switch e.What {
	case scenario.Began:
		o.began(g, rep)
	case scenario.Ended:
		o.ended(g, rep, e.Clean)
	case scenario.Applied:
		if e.Step.Policy != nil {
			g.apply(*e.Step.Policy)
			for _, it := range g.items() { // of runs that are open
				o.spread(g, it)
			}
		}
	case scenario.Deed:
		o.deed(g, rep, e)
	case scenario.Rested:
	}
}

func (g *org) apply(p scenario.Policy) {
	g.changedLimit = g.changedLimit || g.policy.MaxDeletes != p.MaxDeletes
	g.policy = p
	g.narrow(p)
	g.uncollide("")
	for _, r := range g.runs {
		r.policies = append(r.policies, p)
		r.unsettled = true
	}
}

// store backs up what an org's policy is, or brings it back.
func (g *org) store(back bool) {
	if back {
		g.apply(g.stored)
		g.loose = 1<<len(g.reps) - 1
		return
	}
	g.stored = g.policy
}

// began opens a rep's run, beside one that was cut off and may go on.
func (o *Oracle) began(g *org, rep int) {
	if open := g.runs[rep]; open != nil {
		open.alone = false
	} else {
		r := &run{policies: []scenario.Policy{g.policy}, alone: len(g.runs) == 0, touched: map[string]bool{}, before: map[string]set{}}
		for _, it := range g.items() {
			r.before[it.name] = it.states
		}
		for _, other := range g.runs {
			other.alone = false
		}
		g.runs[rep] = r
		o.collide(g, rep)
	}
	g.runs[rep].deep++
	for _, it := range g.items() {
		it.polled = true
		o.spread(g, it)
	}
}

// items are all people and occurrences, in no order.
func (g *org) items() []*item {
	out := slices.Collect(maps.Values(g.people))
	for _, m := range g.events {
		out = append(out, m.units...)
	}
	return out
}

// ended closes a rep's run. After one that was alone and came through whole, what nobody touched meanwhile has been through
// at least one pass.
func (o *Oracle) ended(g *org, rep int, clean bool) {
	r := g.runs[rep]
	if r == nil {
		return
	}
	exact := clean && r.alone && !r.unsettled && len(o.lags) == 0
	for _, p := range g.items() {
		before, known := r.before[p.name]
		if !clean && p.wild == "" { // it may have gone by an older log
			p.states = union(p.states, p.logged[rep])
		}
		if clean {
			p.logged[rep] = nil
		}
		if exact && known && !r.touched[p.name] {
			p.states = o.through(g, p, before, rep)
		} else {
			o.spread(g, p)
		}
		if clean {
			p.states = p.states.each(func(s state) (state, bool) {
				s.loose &^= 1 << rep
				return s, true
			})
		}
	}
	if clean {
		g.loose &^= 1 << rep
	}
	if r.deep--; r.deep == 0 {
		delete(g.runs, rep)
	}
}

// deed lets a person, or an operator, do something.
func (o *Oracle) deed(g *org, rep int, e scenario.Entry) {
	switch e.Step.Do {
	case scenario.Backup, scenario.Recover:
		g.store(e.Step.Do == scenario.Recover && o.saved)
		for _, p := range g.items() {
			p.logged = [maxReps]set{}
			if !o.saved {
				p.giveUp("Postgres was restored from a backup that nobody noted")
				continue
			}
			p.states = p.states.each(func(s state) (state, bool) { return s.store(e.Step.Do == scenario.Recover, len(g.reps)), true })
			o.spread(g, p)
		}
		for _, r := range g.runs {
			r.unsettled = true
		}
	case scenario.Release:
		if rep >= 0 {
			g.free[rep] = true
		}
	case scenario.Deny, scenario.Allow:
		g.deny(e)
	}
	if e.Step.Do == scenario.Recover {
		clear(g.kept)
		g.restored = true
		g.uncollide("")
	}
	if !e.Step.ByHand() || rep < 0 {
		return
	}
	g.handle(e.Step)
	if o.plainDeed(g, rep, e) {
		return
	}
	if isMeeting(e.Step.Item) {
		o.meetingDeed(g, rep, e)
		return
	}
	p := g.people[e.Step.Item]
	if p == nil {
		p = &item{name: e.Step.Item, fields: personFields, states: set{{loose: g.loose}: {}}, typed: map[typed]bool{}}
		g.people[e.Step.Item] = p
	}
	g.uncollide(p.name)
	o.do(g, p, rep, e)
}

// Unjudged names the items that left the model, with the reason: "acme/p3: two of one person, made by people".
func (o *Oracle) Unjudged() []string {
	var out []string
	for _, at := range o.names {
		g := o.orgs[at]
		for _, name := range slices.Sorted(maps.Keys(g.people)) {
			if p := g.people[name]; p.wild != "" {
				out = append(out, g.name+"/"+name+": "+p.wild)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(g.events)) {
			if why := g.events[name].why(); why != "" {
				out = append(out, g.name+"/"+name+": "+why)
			}
		}
	}
	return out
}
