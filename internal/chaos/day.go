package chaos

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/chaos/oracle"
	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/internal/chaos/world"
	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/workflows"
)

// Day says how large a day is.
type Day struct {
	Seed  uint64
	Reps  int
	Hours int // of working and of trouble; then it is calm, and then come as many quiet hours as Quiet says
	Quiet int
	Deeds int // of people during the day
}

const (
	teamSize = 4  // reps who share people and meetings, as many as the oracle follows at once
	crowd    = 80 // a team's people
	diary    = 32 // a team's meetings
)

// day is a Day under way. A rep's workflow decides by itself when to pass: it is the real one, and its timers are on the
// virtual clock.
type day struct {
	Day
	p       *player
	org     string
	r       *rand.Rand
	oracle  *oracle.Oracle
	turns   *turns
	teams   map[string]*scenario.Team // by name
	of      map[string]string         // team by rep
	lives   []*life
	agenda  []errand
	pending []scenario.Step // deeds and deaths that are to happen in the midst of a stage
	now     *life           // whose stage has its turn
	over    bool
	deeds   map[string][]string // what people did to an item, by its name
	laid    int                 // steps that made what the day began with
	meter   *meter
	report  *DayReport
}

// errand is something that happens at a time.
type errand struct {
	at time.Time
	do func()
}

// PlayDay plays a day on a bench. An error is one of the harness. Tell, where set, hears every hour how far it is.
func (b *Bench) PlayDay(ctx context.Context, what Day, tell func(format string, args ...any)) (*DayReport, error) {
	if tell == nil {
		tell = func(string, ...any) {}
	}
	d := &day{Day: what, org: "acme", r: repeatable(what.Seed), turns: newTurns(), teams: map[string]*scenario.Team{}, of: map[string]string{}, deeds: map[string][]string{}, report: newDayReport(what)}
	d.p = &player{bench: b, clock: sandbox.StoppedAt(scenario.Start), pages: 100, calls: io.Discard, trace: func(string, ...any) {}, heeds: d.heed, asked: map[string]int{}, last: map[string]outcome{}}
	d.p.report.begin()
	if err := d.set(ctx); err != nil {
		return d.report, err
	}
	defer d.p.world.Close()
	defer func() { d.p.worker.end() }()
	d.meter = newMeter(ctx, b.db)
	d.plan(ctx)
	for h := range what.Hours + what.Quiet {
		d.at(float64(h+1), func() {
			passes, _ := passesOf(d.lives[1:])
			tell("hour %d: %d passes, %d idle, %s", h+1, passes, d.meter.idle, time.Since(d.meter.began).Round(time.Second))
		})
	}
	d.play()
	d.sum()
	return d.report, d.p.err
}

func (d *day) fail(err error)                { d.p.fail(err) }
func (d *day) violate(v oracle.Violation)    { d.p.violate(v) }
func (d *day) hours(h float64) time.Duration { return time.Duration(h * float64(time.Hour)) }

// ruling is the policy that the day begins with.
var ruling = scenario.Policy{Contacts: "both", Events: "both", Conflict: "newest", FromCRM: "propagate", FromMailbox: "unlink"}

// set makes the org: one CRM, and teams of reps who share what they have with their team only.
func (d *day) set(ctx context.Context) error {
	one, many := scenario.Org{Name: d.org, Policy: ruling}, scenario.Scenario{Seed: d.Seed}
	var laid []scenario.Step
	for n := 0; n*teamSize < d.Reps; n++ {
		team := scenario.Org{Name: fmt.Sprintf("team%02d", n+1), Policy: ruling}
		for i := range min(teamSize, d.Reps-n*teamSize) {
			rep := fmt.Sprintf("r%02d%c", n+1, 'a'+i)
			team.Reps = append(team.Reps, rep)
			d.of[rep] = team.Name
		}
		one.Reps, many.Orgs = append(one.Reps, team.Reps...), append(many.Orgs, team)
		d.teams[team.Name] = scenario.NewTeam(d.Seed+uint64(n), team, fmt.Sprint(n+1, "x"), crowd*len(team.Reps)/teamSize, diary*len(team.Reps)/teamSize)
		laid = append(laid, d.teams[team.Name].Laid()...)
	}
	d.p.story = scenario.Scenario{Seed: d.Seed, Orgs: []scenario.Org{one}}
	d.oracle = oracle.New(many)
	if err := d.p.set(ctx); err != nil {
		return err
	}
	d.laid = len(laid)
	for _, step := range laid {
		d.do(step)
	}
	return d.p.err
}

// do lets a person do something.
func (d *day) do(step scenario.Step) {
	step.Org = d.org
	d.p.step(context.Background(), "day", step)
}

// heed tells the oracle what happens, as one that knows the teams as orgs of their own.
func (d *day) heed(e scenario.Entry) {
	if e.What == scenario.Deed && d.now != nil && d.of[e.Step.Rep] == d.of[d.now.rep] {
		d.now.begin()
	}
	if e.What == scenario.Deed {
		item, _, _ := strings.Cut(e.Step.Item, "@")
		d.deeds[item] = append(d.deeds[item], fmt.Sprintf("%s %s", e.At.Format(time.TimeOnly), e.Step))
	}
	team := d.of[e.Rep]
	if e.Rep == "" {
		team = d.of[e.Step.Rep]
	}
	e.Org, e.Step.Org = team, team
	d.oracle.Note(e)
}

// part is the team to which an item belongs that somebody sees.
func (d *day) part(item, rep string) string {
	if number, _, ok := strings.Cut(strings.TrimLeft(item, "pm"), "x"); ok {
		var n int
		if _, err := fmt.Sscan(number, &n); err == nil && d.of[rep] == "" {
			return fmt.Sprintf("team%02d", n)
		}
	}
	return d.of[rep]
}

// at puts something on the agenda, h hours into the day.
func (d *day) at(h float64, do func()) {
	d.agenda = append(d.agenda, errand{d.report.Began.Add(d.hours(h)), do})
}

// play begins all workflows and lets happen what comes first, until the day is over.
func (d *day) play() {
	slices.SortStableFunc(d.agenda, func(a, b errand) int { return a.at.Compare(b.at) })
	for i, l := range d.lives {
		d.turns.enter()
		go l.live(d.report.Began.Add(time.Duration(i) * 5 * time.Minute / time.Duration(len(d.lives))))
	}
	for {
		next := d.turns.next()
		if len(d.agenda) > 0 && (next == nil || !d.agenda[0].at.After(next.at)) && d.p.err == nil {
			e := d.agenda[0]
			d.agenda = d.agenda[1:]
			d.p.to(e.at)
			e.do()
			continue
		}
		if next == nil {
			return
		}
		d.turns.give(next)
	}
}

// meanwhile says what happens in the midst of a stage: something that a person of the team does, or the worker's death.
func (d *day) meanwhile(l *life, stage string) []scenario.Moment {
	for i, step := range d.pending {
		die := step.Do == scenario.Die
		if die && stage != "Write" && stage != "Match" && stage != "Commit" || !die && d.of[step.Rep] != d.of[l.rep] {
			continue
		}
		d.pending = slices.Delete(d.pending, i, i+1)
		m := scenario.Moment{Request: 1 + d.r.IntN(3), After: d.r.IntN(2) == 0, Steps: []scenario.Step{step}}
		if die && stage != "Write" {
			m = scenario.Moment{Statement: 1 + d.r.IntN(10), Steps: []scenario.Step{step}}
		}
		return []scenario.Moment{m}
	}
	return nil
}

// missed puts back what was to happen in a stage that ended before.
func (d *day) missed(f *frame) {
	for _, m := range f.step.When {
		if f.requests < m.Request || f.writes < m.Write || f.statements < m.Statement {
			d.pending = append(d.pending, m.Steps...)
		}
	}
}

// plan fills the agenda.
func (d *day) plan(ctx context.Context) {
	d.report.Began = d.p.clock.Now().Truncate(time.Minute).Add(time.Minute)
	d.p.to(d.report.Began)
	d.lives = append(d.lives, &life{d: d, id: workflows.FeedID(d.org)})
	for _, rep := range d.p.story.Orgs[0].Reps {
		d.lives = append(d.lives, &life{d: d, id: workflows.RepID(d.org, rep), rep: rep})
	}
	h := float64(d.Hours)
	d.folk(h)
	d.vendors(h)
	d.operators(h)
	d.at(h, func() {
		d.p.world.Quiet()
		for _, step := range d.pending {
			if step.Do != scenario.Die {
				d.do(step)
			}
		}
		d.pending = nil
	})
	const calm = 1.5
	d.at(h+calm, func() { d.judge(ctx) })
	d.at(h+calm+float64(d.Quiet), func() {
		d.quiet(ctx)
		d.over = true
	})
}

// folk work from nine to seven, and a few at night.
func (d *day) folk(h float64) {
	names := d.p.story.Orgs[0].Reps
	for range d.Deeds {
		at := d.r.Float64() * h
		if d.r.IntN(5) > 0 {
			at *= min(1, 10/h)
		}
		rep := names[d.r.IntN(len(names))]
		team := d.teams[d.of[rep]]
		midst := d.r.IntN(3) == 0
		d.at(at, func() {
			step := team.Deed()
			if midst {
				d.pending = append(d.pending, step)
				return
			}
			d.do(step)
		})
	}
}

// vendors have a bad day.
func (d *day) vendors(h float64) {
	one := d.teams[d.of[d.p.story.Orgs[0].Reps[0]]]
	step := func(at float64, s scenario.Step) {
		s.Org = d.org
		d.at(at, func() { d.p.step(context.Background(), "day", s) })
	}
	for at := 0.1; at < h; at += 0.1 {
		step(at, scenario.Step{Do: scenario.Fault, Fault: one.Fault()})
	}
	for i, what := range []string{"tokens", "sessions", "cursors", "tokens", "sync", "sessions", "calendar", "tokens"} {
		step(h*(float64(i)+0.5)/8, scenario.Step{Do: scenario.Expire, What: what})
	}
	step(h*0.2, scenario.Step{Do: scenario.Lag, For: "2m"})
	step(h*0.25, scenario.Step{Do: scenario.Lag, For: "0s"})
	box := d.p.world.Orgs[d.org].Box
	d.at(h*0.6, func() {
		id, err := box.SalesforceFaults.Add(fault.Rule{Name: "down", Kind: fault.Status, Status: 503})
		d.fail(err)
		d.agenda = append([]errand{{d.p.clock.Now().Add(30 * time.Minute), func() { box.SalesforceFaults.Remove(id) }}}, d.agenda...)
		slices.SortStableFunc(d.agenda, func(a, b errand) int { return a.at.Compare(b.at) })
	})
}

// operators change the policy, restart workers, pause, cancel and nudge; one rep's credentials are revoked for two hours.
func (d *day) operators(h float64) {
	stricter, looser := ruling, ruling
	stricter.Conflict, stricter.Private = "crm_wins", "busy"
	looser.FromMailbox, looser.Drift = "propagate", "keep"
	for i, p := range []scenario.Policy{stricter, looser} {
		at := h * (0.35 + 0.4*float64(i))
		d.at(at, func() { d.p.apply(context.Background(), d.org, p) })
		for _, l := range d.lives[1:] {
			if d.r.IntN(2) == 0 { // the others hear of it by themselves
				l.signals = append(l.signals, signal{d.report.Began.Add(d.hours(at) + time.Second), workflows.SignalPolicy, workflows.PolicySignal{Revision: int64(i) + 2}})
			}
		}
	}
	for at := 2.0; at < h; at += 4 {
		d.at(at, func() { d.p.step(context.Background(), "day", scenario.Step{Do: scenario.Restart}) })
		d.at(at+1, func() { d.pending = append(d.pending, scenario.Step{Do: scenario.Die}) })
	}
	to := func(l *life, at float64, name string) {
		l.signals = append(l.signals, signal{at: d.report.Began.Add(d.hours(at)), name: name})
	}
	for at := 0.5; at < h; at++ {
		to(d.lives[1+d.r.IntN(d.Reps)], at, workflows.SignalSyncNow)
		to(d.lives[1+d.r.IntN(d.Reps)], at+0.3, workflows.SignalNudge)
	}
	resting := d.lives[1+d.r.IntN(d.Reps)]
	to(resting, h*0.4, workflows.SignalPause)
	to(resting, h*0.5, workflows.SignalResume)
	to(d.lives[1+d.r.IntN(d.Reps)], h*0.45, cancel)
	to(d.lives[1+d.r.IntN(d.Reps)], h*0.8, cancel)
	unlucky := d.lives[1+d.r.IntN(d.Reps)]
	from, until := h*0.3, h*0.3+min(2, h*0.2)
	google, address := d.p.world.Orgs[d.org].Box.Google, world.Address(d.org, unlucky.rep)
	d.at(from, func() {
		google.AddUser(address, true)
		google.RevokeTokens(address)
	})
	d.at(until, func() {
		google.AddUser(address, false)
		d.others(unlucky, d.report.Began.Add(d.hours(from)))
	})
}

// others holds that one rep's failure stopped nobody else.
func (d *day) others(unlucky *life, since time.Time) {
	now := d.p.clock.Now()
	if t := unlucky.last.Trouble; t == nil {
		d.violate(oracle.Violation{Law: "isolated", Rep: unlucky.rep, Want: "trouble with the credentials", Got: "none"})
	}
	for _, l := range d.lives[1:] {
		n := 0
		for _, at := range l.passes {
			if at.After(since) {
				n++
			}
		}
		if want := int(now.Sub(since)/(5*time.Minute)) - 2; n < want && l != unlucky && !l.paused(since, now) {
			d.violate(oracle.Violation{Law: "isolated", Rep: l.rep, Want: fmt.Sprintf("%d passes or more while %s fails", want, unlucky.rep), Got: fmt.Sprint(n)})
		}
	}
}

// paused reports whether the rep was paused for some of the time.
func (l *life) paused(from, until time.Time) bool {
	var since time.Time
	for _, s := range l.signals {
		switch s.name {
		case workflows.SignalPause:
			since = s.at
		case workflows.SignalResume:
			if !since.IsZero() && since.Before(until) && s.at.After(from) {
				return true
			}
		}
	}
	return false
}

// repeatable is chance that a seed decides.
func repeatable(seed uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, 0xda1)) //nolint:gosec // a day is to be repeated
}
