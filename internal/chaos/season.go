package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/chaos/oracle"
	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/internal/doctor"
	"github.com/repsync/repsync/workflows"
)

// more does the steps of scenario's season.go.
func (p *player) more(ctx context.Context, step scenario.Step) {
	switch step.Do {
	case scenario.Deny, scenario.Allow:
		p.fail(p.world.Admin(step))
		p.note(scenario.Entry{What: scenario.Deed, Org: step.Org, Step: step})
		p.reread = true // rights that change are no change of an item: a sweep finds what they let through
		p.clock.Advance(time.Second)
	case scenario.Slow:
		p.fail(p.world.Vendors(step))
		p.arranged(step)
	case scenario.Undo:
		p.undo(ctx, step)
	case scenario.Doctor:
		p.examine(ctx)
	case scenario.Signal:
		p.signal(step)
	default:
		p.fail(fmt.Errorf("%q is no step", step.Do))
	}
}

// undo runs an undo's workflow for a rep. Beside a run of the rep it waits for the mailbox, or takes it over from one that is
// thought dead.
func (p *player) undo(ctx context.Context, step scenario.Step) {
	for _, f := range p.stack {
		if f.id == workflows.UndoID(step.Org, step.Rep) {
			return // Temporal runs one workflow of an id
		}
	}
	alone := p.frame() == nil
	since := p.clock.Now().Add(-step.Duration(time.Hour))
	var before oracle.Snapshot
	if alone {
		var err error
		before, err = p.oracle.Look(ctx, Sites(p.world))
		alone = err == nil // a fault of the story may strike the look instead
	}
	p.undos++
	p.note(scenario.Entry{What: scenario.Began, Org: step.Org, Rep: step.Rep, Step: step})
	f := &frame{id: workflows.UndoID(step.Org, step.Rep), step: step}
	p.play(f, aRun, workflows.SignalNudge, workflows.Undo, workflows.UndoInput{Org: step.Org, Rep: step.Rep, Since: since})
	var out activities.UndoOut
	failed := f.env.GetWorkflowError()
	if failed == nil {
		failed = f.env.GetWorkflowResult(&out)
	}
	p.note(scenario.Entry{What: scenario.Ended, Org: step.Org, Rep: step.Rep, Step: step})
	whole := alone && failed == nil && out.Trouble == nil && !f.disturbed
	for _, list := range []activities.UndoList{out.PutBack, out.Left, out.Pinned} {
		for _, line := range list.Lines {
			if line.Reason != "" {
				p.report.Reasons[string(line.Reason)]++
			}
		}
	}
	if p.stuck() {
		return
	}
	after := before
	if alone {
		var err error
		if after, err = p.oracle.Look(ctx, Sites(p.world)); err != nil {
			after, whole = before, false
		}
	}
	p.report.Violations = append(p.report.Violations, p.oracle.Undone(before, after, step.Org, step.Rep, since, whole)...)
	p.trace("%s  undo of %s since %s: %d put back, %d left, %d pinned, whole %v, %v", p.clock.Now().Format(time.TimeOnly), f.id, since.Format(time.TimeOnly), out.PutBack.Count, out.Left.Count, out.Pinned.Count, whole, failed)
}

// examine has the doctor look at all orgs. Where the world has just come to rest, nothing may be wrong.
func (p *player) examine(ctx context.Context) {
	if p.frame() != nil || !p.rested {
		return
	}
	ring, err := p.ring()
	p.fail(err)
	for _, o := range p.story.Orgs {
		if p.stuck() {
			return
		}
		report, err := doctor.Run(ctx, doctor.Config{Store: p.worker.store, Ring: ring, Connect: p.worker, Now: p.clock.Now, Wait: func(_ context.Context, d time.Duration) error {
			p.clock.Advance(d)
			return nil
		}}, doctor.Options{Org: o.Name})
		p.fail(err)
		for _, f := range append(report.Findings, report.Pending...) {
			p.violate(oracle.Violation{Law: "doctor", Org: o.Name, Rep: f.Rep, Item: fmt.Sprint(f.Kind, " ", f.Item), Field: fmt.Sprint(f.Side), Want: "books that are in order", Got: fmt.Sprint(f.Code, ": ", f.Explain)})
		}
		for _, u := range report.Unchecked {
			p.violate(oracle.Violation{Law: "doctor", Org: o.Name, Rep: u.Rep, Want: "a vendor that answers", Got: u.Code})
		}
	}
}

// signal sends a signal to a rep's workflow, where it runs. To one that rests between two runs of the story, pause is kept.
func (p *player) signal(step scenario.Step) {
	id := workflows.RepID(step.Org, step.Rep)
	for _, f := range p.stack {
		if f.id != id || f.terminated {
			continue
		}
		switch step.What {
		case "pause":
			f.env.SignalWorkflow(workflows.SignalPause, nil)
		case "resume":
			f.env.SignalWorkflow(workflows.SignalResume, nil)
		case "nudge":
			f.env.SignalWorkflow(workflows.SignalNudge, nil)
		case "sync":
			f.env.SignalWorkflow(workflows.SignalSyncNow, nil)
		case "policy":
			f.env.SignalWorkflow(workflows.SignalPolicy, workflows.PolicySignal{Revision: 1})
		case "garbage":
			f.env.SignalWorkflow(workflows.SignalRelease, "no plan")
			f.env.SignalWorkflow("nobody knows this", 7)
		case "continue":
			f.env.SetContinueAsNewSuggested(true)
		}
		return
	}
	if step.What == "pause" && p.carried[id] != nil {
		p.carried[id].Paused = true
	}
	if step.What == "resume" {
		p.resume(step.Org, step.Rep)
	}
}

// resume lets a paused rep go on.
func (p *player) resume(org, rep string) {
	if c := p.carried[workflows.RepID(org, rep)]; c != nil {
		c.Paused = false
	}
}

// stageUndo registers an undo's stage. The test environment gives all workflows one run id; of an undo it is the name.
func (p *player) stageUndo() func(*activities.Activities, context.Context, activities.UndoIn) (activities.UndoOut, error) {
	name := fmt.Sprint("undo-", p.undos)
	return func(a *activities.Activities, ctx context.Context, in activities.UndoIn) (activities.UndoOut, error) {
		in.Run = name
		return a.Undo(ctx, in)
	}
}
