package chaos

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/chaos/oracle"
	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/internal/chaos/world"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/policy"
	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/workflows"
)

const (
	aRun      = 4 * time.Minute  // of a rep's workflow, where the story does not say
	settling  = 70 * time.Minute // after which no vendor hides a write or wants to be left alone, and no lease of a dead worker holds
	rounds    = 15               // until everything has to be at rest
	tooMany   = 60               // passes in one run that never comes to rest
	shortPage = 3                // of both vendors' lists, so that stories turn pages
)

// Report is how a story ended.
type Report struct {
	Violations []oracle.Violation
	Reasons    map[string]int // decisions and parked items, by reason
	Faults     map[string]int // requests that faults struck
	Steps      map[scenario.Verb]int
	Unjudged   map[string]int // items that left the oracle's model, by reason
	Passes     int
	Calls      uint64 // a digest over every request and its answer's status, in order
}

// player plays one story.
type player struct {
	bench    *Bench
	story    scenario.Scenario
	clock    *sandbox.Clock
	world    *world.World
	worker   *process
	workers  int
	pages    int
	oracle   *oracle.Oracle
	report   Report
	stack    []*frame                      // runs under way, the innermost last
	carried  map[string]*workflows.Carried // what a rep's workflow carries over, by workflow id
	last     map[string]outcome            // of the last pass, by workflow id
	backup   bool                          // there is one
	rested   bool                          // nothing has happened since the world came to rest
	reread   bool                          // a sweep is due before the world can rest
	undos    int
	upgrades int // of the normaliser
	calls    io.Writer
	trace    func(format string, args ...any)
	heeds    func(scenario.Entry) // instead of the oracle, where set
	asked    map[string]int       // requests by vendor
	err      error                // of the harness itself
}

// outcome is what a run came to.
type outcome struct {
	passes  int
	work    bool   // the last pass found work
	trouble string // of any pass
	held    string // digest
	more    bool
}

// Play plays a story on a bench and returns how it ended. An error is one of the harness, not of what it looks at. Trace,
// where set, is told what happens.
func (b *Bench) Play(ctx context.Context, s scenario.Scenario, trace func(format string, args ...any)) (Report, error) {
	if trace == nil {
		trace = func(string, ...any) {}
	}
	h := fnv.New64a()
	p := &player{bench: b, story: s, clock: sandbox.StoppedAt(s.Begin()), pages: shortPage, oracle: oracle.New(s), calls: h, trace: trace,
		carried: map[string]*workflows.Carried{}, last: map[string]outcome{}, asked: map[string]int{}}
	p.report.begin()
	if s.Skew != "" {
		p.report.Faults[map[bool]string{true: "google behind", false: "google ahead"}[strings.HasPrefix(s.Skew, "-")]]++
	}
	if err := p.set(ctx); err != nil {
		return p.report, err
	}
	defer p.world.Close()
	defer func() { p.worker.end() }()
	for i, step := range s.Steps {
		p.clock.Advance(time.Second)
		p.step(ctx, fmt.Sprint(i+1), step)
		if p.err != nil {
			return p.report, fmt.Errorf("step %d, %s: %w", i+1, step.Do, p.err)
		}
		if len(p.report.Violations) > 0 {
			break // what follows from it is of no use to anybody
		}
	}
	for name, n := range p.world.Hits() {
		p.report.Faults[name] += n
	}
	p.report.Unjudged = Unjudged(p.oracle)
	p.report.Calls = h.Sum64()
	return p.report, nil
}

// set builds the stage: vendors, an empty store, orgs, reps and policies, a worker.
func (p *player) set(ctx context.Context) (err error) {
	if err := p.bench.wipe(ctx); err != nil {
		return err
	}
	if _, err := p.bench.ring(p.story.Seed); err != nil {
		return err
	}
	if p.world, err = world.New(ctx, p.story, world.Config{Dir: p.bench.dir, Key: p.bench.key, Clock: p.clock}); err != nil {
		return err
	}
	if err := p.begin(ctx); err != nil {
		p.world.Close()
		return err
	}
	for _, o := range p.story.Orgs {
		if err := p.worker.store.PutOrg(ctx, o.Name); err != nil {
			return err
		}
		for _, rep := range o.Reps {
			if err := p.worker.store.AddRep(ctx, store.Rep{Org: o.Name, Rep: rep, Mailbox: world.Address(o.Name, rep), Active: true}); err != nil {
				return err
			}
		}
		p.apply(ctx, o.Name, o.Policy)
	}
	return p.err
}

// apply puts a policy in force.
func (p *player) apply(ctx context.Context, org string, ruling scenario.Policy) {
	document := []byte(ruling.Document("chaos", org))
	if _, problems := policy.Parse(document); problems.Failed() {
		p.fail(problems)
		return
	}
	if _, err := p.worker.store.ApplyPolicy(ctx, org, "chaos", document); err != nil {
		p.fail(err)
		return
	}
	p.note(scenario.Entry{What: scenario.Applied, Org: org, Step: scenario.Step{Do: scenario.Apply, Org: org, Policy: &ruling}})
}

// step does one step, at the top of the story or inside a run.
func (p *player) step(ctx context.Context, at string, step scenario.Step) {
	if p.err != nil {
		return
	}
	p.report.Steps[step.Do]++
	if step.Do != scenario.Run {
		p.trace("%s  %s %s", p.clock.Now().Format(time.TimeOnly), at, step)
	}
	switch step.Do {
	case scenario.Create, scenario.Edit, scenario.Delete, scenario.Restore, scenario.Reassign, scenario.Touch, scenario.Rename, scenario.Merge, scenario.Split, scenario.Answer, scenario.Odd:
		p.clock.Advance(time.Second)
		done, err := p.world.Do(step)
		if err != nil {
			p.trace("        refused: %v", err)
		}
		if done && err == nil {
			p.note(scenario.Entry{What: scenario.Deed, Org: step.Org, Rep: step.Rep, Step: step})
		}
		p.clock.Advance(time.Second)
	case scenario.Run:
		p.run(at, step)
	case scenario.Feed:
		p.feed(step.Org)
	case scenario.Apply:
		p.apply(ctx, step.Org, *step.Policy)
	case scenario.Wait:
		p.clock.Advance(step.Duration(time.Minute))
	case scenario.Fault, scenario.Expire, scenario.Lag:
		p.fail(p.world.Vendors(step))
		p.arranged(step)
	case scenario.Calm:
		p.calm(ctx)
	case scenario.Die, scenario.Restart, scenario.Rotate, scenario.Upgrade, scenario.Recover, scenario.Backup, scenario.Stop, scenario.Kill, scenario.Release, scenario.Outage:
		p.operate(ctx, step)
	default:
		p.more(ctx, step)
	}
	p.rested = step.Do == scenario.Calm || p.rested && step.Do == scenario.Doctor
}

// operate does what operators and machines do to workers, workflows and Postgres.
func (p *player) operate(ctx context.Context, step scenario.Step) {
	id := workflows.RepID(step.Org, step.Rep)
	switch step.Do {
	case scenario.Die:
		p.worker.dead.Store(true)
		if f := p.frame(); f != nil {
			f.disturbed = true
			return // it is replaced when its stage returns
		}
		p.revive(ctx)
	case scenario.Stop:
		if f := p.frame(); f != nil {
			f.env.CancelWorkflow()
			f.disturbed = true
		}
		p.carried[id] = nil
	case scenario.Kill:
		for _, f := range p.stack {
			if f.id == id {
				f.terminated, f.disturbed = true, true
			}
		}
		p.carried[id] = nil
	case scenario.Release:
		if held := p.last[id].held; held != "" {
			if p.carried[id] == nil {
				p.carried[id] = &workflows.Carried{}
			}
			p.carried[id].Want.Release = held
			p.note(scenario.Entry{What: scenario.Deed, Org: step.Org, Rep: step.Rep, Step: step})
		}
	case scenario.Outage: // in process, whatever is under way to Postgres is lost; Temporal is not asked
		if step.What == "postgres" && p.frame() == nil {
			p.exchange(ctx, scenario.Step{Do: scenario.Restart})
		}
	default:
		if p.frame() != nil {
			return // Postgres and keys are not exchanged under a request that this world waits for
		}
		p.exchange(ctx, step)
	}
}

// exchange ends the worker and starts another one, over what the step did meanwhile.
func (p *player) exchange(ctx context.Context, step scenario.Step) {
	switch step.Do {
	case scenario.Backup:
		p.fail(p.bench.backup(ctx))
		p.backup = true
		p.note(scenario.Entry{What: scenario.Deed, Step: step})
		return
	case scenario.Recover:
		if !p.backup {
			return
		}
		p.worker.end()
		p.fail(p.bench.recover(ctx))
		p.note(scenario.Entry{What: scenario.Deed, Step: step})
	case scenario.Upgrade:
		p.upgrades++
	case scenario.Rotate:
		p.worker.end()
		p.fail(keyring.Rotate(p.bench.ringFile()))
	}
	p.worker.end()
	p.fail(p.begin(ctx))
}

// revive puts a worker in the place of a dead one.
func (p *player) revive(ctx context.Context) {
	go p.worker.store.Close() // it may wait for a connection of a stage further out
	p.fail(p.begin(ctx))
}

func (p *player) fail(err error) {
	if p.err == nil && err != nil {
		p.err = err
	}
}

func (p *player) note(e scenario.Entry) {
	e.At = p.clock.Now()
	if p.heeds != nil {
		p.heeds(e)
		return
	}
	p.oracle.Note(e)
}

// violate books what the harness sees by itself.
func (p *player) violate(v oracle.Violation) { p.report.Violations = append(p.report.Violations, v) }

// heard notes a request and what came of it, for the digest that two runs of one seed share.
func (p *player) heard(r *http.Request, resp *http.Response, err error) {
	status := 0
	if err == nil {
		status = resp.StatusCode
	}
	_, _ = fmt.Fprintf(p.calls, "%s %s %d\n", r.Method, r.URL.Path, status)
	vendor := "google"
	if strings.HasPrefix(r.URL.Path, "/services/") {
		vendor = "salesforce"
	}
	p.asked[vendor]++
	p.tally(vendor, status)
	if status/100 != 2 && !errors.Is(err, errDied) {
		if f := p.frame(); f != nil {
			f.disturbed = true
		}
	}
	if os.Getenv("CHAOS_CALLS") != "" {
		p.trace("        %s %s %d", r.Method, r.URL.RequestURI(), status)
	}
}

// Canary is in every value that people write: it may stand in no payload and no log.
const Canary = "zqx"

// leaks returns a writer that looks for the canary.
func (p *player) leaks(where string) io.Writer { return leak{p, where} }

type leak struct {
	p     *player
	where string
}

func (l leak) Write(text []byte) (int, error) {
	if strings.Contains(string(text), Canary) || strings.Contains(string(text), world.Domain("")) { // no rep's address either
		l.p.violate(oracle.Violation{Law: "sealed", Want: "no customer's value in a " + l.where, Got: string(text)})
	}
	if os.Getenv("CHAOS_LOG") != "" {
		l.p.trace("        %s: %s", l.where, strings.TrimSpace(string(text)))
	}
	return len(text), nil
}
