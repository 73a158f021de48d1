package whole

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/repsync/repsync/internal/chaos"
	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/workflows"
)

// more does the steps of scenario's season.go.
func (p *player) more(ctx context.Context, step scenario.Step) error {
	switch step.Do {
	case scenario.Deny, scenario.Allow:
		p.note(scenario.Entry{What: scenario.Deed, Org: step.Org, Step: step})
		p.reread = true // rights that change are no change of an item: a sweep finds what they let through
		return p.world.Admin(step)
	case scenario.Slow:
		step.For = min(step.Duration(0), longest).String()
		return p.world.Vendors(step)
	case scenario.Undo:
		return p.undo(ctx, step)
	case scenario.Doctor:
		p.trace("        the doctor is asked in process only")
		return nil
	case scenario.Upgrade:
		p.trace("        there is one build: it is upgraded in process only")
		return nil
	case scenario.Signal:
		p.signal(ctx, step)
		return nil
	default:
		return fmt.Errorf("%q is no step", step.Do)
	}
}

// signal sends a rep's workflow a signal; one that does not run misses it, as it may.
func (p *player) signal(ctx context.Context, step scenario.Step) {
	name, payload := workflows.SignalNudge, any(nil)
	switch step.What {
	case "pause":
		name = workflows.SignalPause
	case "resume":
		name = workflows.SignalResume
	case "sync":
		name = workflows.SignalSyncNow
	case "policy":
		name, payload = workflows.SignalPolicy, workflows.PolicySignal{Revision: 1}
	case "garbage":
		name, payload = workflows.SignalRelease, "no plan"
	}
	_ = p.client.SignalWorkflow(ctx, workflows.RepID(step.Org, step.Rep), "", name, payload)
}

// undo runs an undo of all that the story has done for a rep, and waits for it. What it has put back is not judged.
func (p *player) undo(ctx context.Context, step scenario.Step) error {
	before, err := p.oracle.Look(ctx, chaos.Sites(p.world))
	if err != nil {
		p.trace("        not undone: a fault is in the way")
		return nil // a fault of the story struck the look instead: nothing to compare with
	}
	since := p.world.Now().Add(-step.Duration(time.Hour))
	p.note(scenario.Entry{What: scenario.Began, Org: step.Org, Rep: step.Rep, Step: step})
	run, err := p.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: workflows.UndoID(step.Org, step.Rep), TaskQueue: workflows.TaskQueue},
		workflows.Undo, workflows.UndoInput{Org: step.Org, Rep: step.Rep, Since: since})
	if err == nil {
		waiting, cancel := context.WithTimeout(ctx, settling)
		defer cancel()
		err = run.Get(waiting, nil)
	}
	p.note(scenario.Entry{What: scenario.Ended, Org: step.Org, Rep: step.Rep, Step: step})
	if p.running[workflows.RepID(step.Org, step.Rep)] { // whose passes go on
		p.note(scenario.Entry{What: scenario.Began, Org: step.Org, Rep: step.Rep, Step: scenario.Step{Do: scenario.Run, Org: step.Org, Rep: step.Rep}})
	}
	if err != nil {
		return fmt.Errorf("undo: %w", err)
	}
	p.world.Quiet()
	after, err := p.oracle.Look(ctx, chaos.Sites(p.world))
	if err != nil {
		return err
	}
	for _, v := range p.oracle.Undone(before, after, step.Org, step.Rep, since, false) {
		p.violate(v)
	}
	return nil
}
