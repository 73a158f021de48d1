package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/chaos/oracle"
	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/workflows"
)

// frame is a run under way: of a rep's workflow, or of an org's feed.
type frame struct {
	id, at     string
	env        *testsuite.TestWorkflowEnvironment
	step       scenario.Step
	requests   int
	writes     int
	statements int
	terminated bool // nothing that it does counts any more
	disturbed  bool // something went wrong
	outcome    outcome
	most       int                                                                      // passes that are no restlessness
	enter      func(ctx context.Context, stage string) (leave func(out any, err error)) // around every stage, where set

	mu     sync.Mutex
	stages sync.WaitGroup // under way
	over   bool           // no further stage begins
}

// begin notes that a stage is under way, unless the run is over.
func (f *frame) begin() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.over {
		f.stages.Add(1)
	}
	return !f.over
}

// end waits for the stage that goes on after its workflow has: one that is cancelled does not wait for it.
func (f *frame) end() {
	f.mu.Lock()
	f.over = true
	f.mu.Unlock()
	f.stages.Wait()
}

// frame is the innermost run, nil between runs.
func (p *player) frame() *frame {
	if len(p.stack) == 0 {
		return nil
	}
	return p.stack[len(p.stack)-1]
}

func (f *frame) request() int {
	if f == nil {
		return 0
	}
	f.requests++
	return f.requests
}

func (f *frame) statement() int {
	f.statements++
	return f.statements
}

// moment plays what the story has at a moment of a run. At one that holds what others would wait for, rows of a transaction
// or a token, nobody but people and death may act: nothing runs beside anything here, so that the wait would not end.
func (p *player) moment(f *frame, at scenario.Moment, holds bool) {
	if f == nil {
		return
	}
	for i, m := range f.step.When {
		if m.Request != at.Request || m.Write != at.Write || m.Statement != at.Statement || m.After != at.After {
			continue
		}
		for j, step := range m.Steps {
			if holds && step.Do != scenario.Die && !step.ByHand() {
				continue
			}
			p.step(context.Background(), fmt.Sprintf("%s.%d.%d", f.at, i+1, j+1), step)
		}
	}
}

// RepOf tells whose workflow an id names.
func RepOf(id string) (org, rep string) {
	id, _ = strings.CutPrefix(id, "rep:")
	org, rep, _ = strings.Cut(id, ":")
	return org, rep
}

// run plays a rep's workflow for a while and keeps what it carries over.
func (p *player) run(at string, step scenario.Step) {
	id := workflows.RepID(step.Org, step.Rep)
	for _, f := range p.stack {
		if f.id == id && !f.terminated {
			return // Temporal runs one workflow of an id
		}
	}
	in := workflows.RepInput{Org: step.Org, Rep: step.Rep, Carried: &workflows.Carried{}}
	if c := p.carried[id]; c != nil {
		in.Carried = c
	}
	in.Carried.Want.Sync, in.Carried.Want.Fresh = true, true
	p.note(scenario.Entry{What: scenario.Began, Org: step.Org, Rep: step.Rep, Step: step})
	f := &frame{id: id, at: at, step: step}
	p.play(f, step.Duration(aRun), workflows.SignalNudge, workflows.RepSync, in)
	var next *workflow.ContinueAsNewError
	if err := f.env.GetWorkflowError(); errors.As(err, &next) && !f.terminated {
		var again workflows.RepInput
		p.fail(converter.GetDefaultDataConverter().FromPayloads(next.Input, &again))
		p.carried[id] = again.Carried
	} else if err != nil && !temporal.IsCanceledError(err) && !f.terminated {
		p.violate(oracle.Violation{Law: "survives", Org: step.Org, Rep: step.Rep, Want: "a workflow that goes on", Got: err.Error()})
	}
	p.last[id] = f.outcome
	clean := !f.disturbed && !f.terminated && f.outcome.passes > 0 && f.outcome.trouble == "" && f.outcome.held == "" && !f.outcome.more
	p.note(scenario.Entry{What: scenario.Ended, Org: step.Org, Rep: step.Rep, Step: step, Clean: clean})
	p.trace("%s  %s run %s: %d passes, %d requests, %d statements, %+v clean=%v", p.clock.Now().Format(time.TimeOnly), at, id, f.outcome.passes, f.requests, f.statements, f.outcome, clean)
}

// stages registers what a frame's workflow calls.
func (p *player) stages(f *frame, register func(name string, call any)) {
	register("Fetch", stageOf(p, f, "Fetch", (*activities.Activities).Fetch, func(o *outcome, out activities.FetchOut) {
		o.passes++
		o.work, o.held, o.more = out.Work, "", false
		o.see(out.Trouble, out.Held)
	}))
	register("Glance", stageOf(p, f, "Glance", (*activities.Activities).Glance, func(o *outcome, out activities.FetchOut) {
		if !out.News { // it is all of the pass
			o.passes++
			o.work, o.held, o.more = false, "", false
		}
	}))
	for name, call := range map[string]func(*activities.Activities, context.Context, activities.Pass) (activities.StageOut, error){
		"Filter": (*activities.Activities).Filter, "Match": (*activities.Activities).Match, "Write": (*activities.Activities).Write,
		"PropagateDeletes": (*activities.Activities).PropagateDeletes, "Commit": (*activities.Activities).Commit,
	} {
		register(name, stageOf(p, f, name, call, func(o *outcome, out activities.StageOut) {
			o.more = out.More
			o.see(out.Trouble, out.Hold)
			for r, n := range out.Summary.Reasons {
				p.report.Reasons[string(r)] += n
			}
			for r, n := range out.Parked {
				p.report.Reasons[string(r)] += n
			}
		}))
	}
	register("Undo", stageOf(p, f, "Undo", p.stageUndo(), func(*outcome, activities.UndoOut) {}))
	register("PollFeed", stageOf(p, f, "PollFeed", (*activities.Activities).PollFeed, func(o *outcome, out activities.FeedOut) { o.see(out.Trouble, nil) }))
}

// feed polls an org's feed.
func (p *player) feed(org string) {
	f := &frame{id: workflows.FeedID(org), step: scenario.Step{Do: scenario.Feed, Org: org}}
	p.play(f, 30*time.Second, workflows.SignalNudge, workflows.OrgFeed, workflows.FeedInput{Org: org})
}

// play runs a workflow in Temporal's test environment until it hands over after d of the world's time.
func (p *player) play(f *frame, d time.Duration, signal string, fn any, in any) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	f.env = env
	env.SetTestTimeout(5 * time.Minute)
	env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: 5 * time.Minute}) // a busy machine is no deadlock
	env.SetStartTime(p.clock.Now())
	env.RegisterWorkflow(fn)
	p.stages(f, func(name string, call any) {
		env.RegisterActivityWithOptions(call, activity.RegisterOptions{Name: name})
	})
	env.RegisterDelayedCallback(func() {
		env.SetContinueAsNewSuggested(true)
		env.SignalWorkflow(signal, nil)
	}, d)
	p.stack = append(p.stack, f)
	env.ExecuteWorkflow(fn, in)
	f.end()
	p.stack = p.stack[:len(p.stack)-1]
	p.to(env.Now())
	p.report.Passes += f.outcome.passes
	if !env.IsWorkflowCompleted() {
		p.fail(fmt.Errorf("the workflow %s did not end within the test environment's time", f.id))
	}
}

func (o *outcome) see(t *activities.Trouble, h *activities.Hold) {
	if t != nil {
		o.trouble = t.Class + " " + t.Code
	}
	if h != nil {
		o.held = h.Digest
	}
}

// to moves the world's clock on to a time.
func (p *player) to(t time.Time) { p.clock.Advance(t.Sub(p.clock.Now())) }

// stageOf is an activity that runs on whichever worker lives. Of one that died in the middle nobody hears: Temporal
// notices and tries again, on the next.
func stageOf[I, O any](p *player, f *frame, name string, call func(*activities.Activities, context.Context, I) (O, error), see func(*outcome, O)) func(context.Context, I) (O, error) {
	return func(ctx context.Context, in I) (out O, err error) {
		if !f.begin() {
			return out, temporal.NewNonRetryableApplicationError("over", "over", nil)
		}
		defer f.stages.Done()
		if f.enter != nil {
			leave := f.enter(ctx, name)
			defer func() { leave(out, err) }()
		}
		if f.terminated || p.err != nil {
			return out, temporal.NewNonRetryableApplicationError("terminated", "terminated", nil)
		}
		if f.outcome.passes > max(f.most, tooMany) {
			p.violate(oracle.Violation{Law: "restless", Got: fmt.Sprint(f.outcome.passes, " passes of ", f.id, " in one run")})
			return out, temporal.NewNonRetryableApplicationError("restless", "restless", nil)
		}
		p.to(f.env.Now())
		w := p.worker
		p.payload(in)
		out, err = call(w.acts, ctx, in)
		if w.dead.Load() {
			if p.worker == w {
				p.revive(context.WithoutCancel(ctx))
			}
			var none O
			return none, temporal.NewApplicationError("the worker died", "worker_died")
		}
		if err != nil {
			f.disturbed = true
			p.trace("        %s: %v", f.id, err)
		} else {
			see(&f.outcome, out)
		}
		p.payload(out)
		return out, err
	}
}

// payload holds that no customer's value travels through Temporal.
func (p *player) payload(v any) {
	text, err := json.Marshal(v)
	p.fail(err)
	_, _ = p.leaks("payload").Write(text)
}
