package whole

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/internal/devstack/stage"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/workflows"
)

// step does one step.
func (p *player) step(ctx context.Context, step scenario.Step) error {
	p.report.Steps[step.Do]++
	p.trace("%s  %s", p.world.Now().Format("15:04:05.000"), step)
	switch step.Do {
	case scenario.Run:
		return p.run(ctx, step)
	case scenario.Apply:
		return p.apply(ctx, step.Org, *step.Policy)
	case scenario.Wait:
		return stage.Pause(ctx, min(step.Duration(0), longest))
	case scenario.Fault:
		f := *step.Fault
		if f.After != "" {
			f.After = "1s"
		}
		step.Fault = &f
		return p.world.Vendors(step)
	case scenario.Lag:
		step.For = min(step.Duration(0), longest).String()
		return p.world.Vendors(step)
	case scenario.Expire:
		return p.world.Vendors(step)
	case scenario.Feed:
		_ = p.client.SignalWorkflow(ctx, workflows.FeedID(step.Org), "", workflows.SignalNudge, nil) // it may be starting still
		return nil
	case scenario.Calm:
		return p.calm(ctx)
	}
	if step.ByHand() {
		done, err := p.world.Do(step)
		if err != nil {
			p.trace("        refused: %v", err)
		} else if done {
			p.note(scenario.Entry{What: scenario.Deed, Org: step.Org, Rep: step.Rep, Step: step})
		}
		return nil
	}
	return p.operate(ctx, step)
}

// operate does what operators and machines do.
func (p *player) operate(ctx context.Context, step scenario.Step) error {
	id := workflows.RepID(step.Org, step.Rep)
	switch step.Do {
	case scenario.Die:
		p.report.Kills++
		return errors.Join(p.end(0), p.begin())
	case scenario.Restart:
		return errors.Join(p.end(15*time.Second), p.begin())
	case scenario.Rotate:
		err := errors.Join(p.end(15*time.Second), keyring.Rotate(p.file("keyring.json")))
		p.office.Close()
		return errors.Join(err, p.open(ctx), p.begin())
	case scenario.Outage:
		return p.outages.during(func() error {
			if step.What == "temporal" {
				return p.RestartTemporal(ctx)
			}
			return p.RestartPostgres(ctx)
		})
	case scenario.Backup, scenario.Recover:
		return p.exchange(ctx, step.Do)
	case scenario.Stop:
		p.ended(id)
		_ = p.client.CancelWorkflow(ctx, id, "") // one that does not run is stopped already
		return nil
	case scenario.Kill:
		p.ended(id)
		_ = p.client.TerminateWorkflow(ctx, id, "", "chaos")
		return nil
	case scenario.Release:
		st, err := p.status(ctx, id)
		if err != nil {
			st.Held = nil // whoever does not answer holds nothing now
		}
		if st.Held == nil {
			return nil
		}
		p.note(scenario.Entry{What: scenario.Deed, Org: step.Org, Rep: step.Rep, Step: step})
		return p.client.SignalWorkflow(ctx, id, "", workflows.SignalRelease, workflows.ReleaseSignal{Digest: st.Held.Digest})
	default:
		return p.more(ctx, step)
	}
}

// exchange copies the database, or puts the copy in its place, while no worker runs.
func (p *player) exchange(ctx context.Context, do scenario.Verb) error {
	from, to := p.name, p.name+"_backup"
	if do == scenario.Recover {
		if !p.backup {
			return nil
		}
		from, to = to, from
	}
	p.backup = true
	err := p.end(15 * time.Second)
	p.office.Close()
	p.note(scenario.Entry{What: scenario.Deed, Step: scenario.Step{Do: do}}) // nothing writes any more, and nothing yet
	return errors.Join(err, p.SQL(ctx, "drop database if exists "+to+" with (force)"), p.SQL(ctx, "create database "+to+" template "+from), p.open(ctx), p.begin())
}

// run starts the rep's workflow, or wishes for a pass of the one that runs, and waits until it has passed. What happens
// inside happens while a vendor holds a request.
func (p *player) run(ctx context.Context, step scenario.Step) error {
	id := workflows.RepID(step.Org, step.Rep)
	before, err := p.status(ctx, id)
	if err != nil {
		before = workflows.Status{}
	}
	open := p.gate(step)
	if err := p.wish(ctx, step.Org, step.Rep); err != nil {
		return err
	}
	if err := open(ctx); err != nil {
		return err
	}
	_ = stage.Until(ctx, passing, func() bool { // under faults it may not come; the calm that ends every story waits for real
		st, err := p.status(ctx, id)
		return err == nil && st.Pass > before.Pass && st.State != workflows.Syncing
	})
	return nil
}

// wish starts a rep's workflow where it does not run, and asks for a pass.
func (p *player) wish(ctx context.Context, org, rep string) error {
	id := workflows.RepID(org, rep)
	if !p.running[id] {
		p.running[id] = true
		p.note(scenario.Entry{What: scenario.Began, Org: org, Rep: rep, Step: scenario.Step{Do: scenario.Run, Org: org, Rep: rep}})
	}
	return stage.Until(ctx, passing, func() bool { // also while Temporal starts again
		_, err := p.client.SignalWithStartWorkflow(ctx, id, workflows.SignalSyncNow, nil, client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue,
			WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE}, workflows.RepSync, workflows.RepInput{Org: org, Rep: rep})
		return err == nil
	})
}

// ended notes that a workflow is told to end; what it is at may go on for a while.
func (p *player) ended(id string) { delete(p.running, id) }

// status asks a workflow.
func (p *player) status(ctx context.Context, id string) (st workflows.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	answer, err := p.client.QueryWorkflow(ctx, id, "", workflows.QueryStatus)
	if err == nil {
		err = answer.Get(&st)
	}
	return st, err
}

// gate has the vendors of the rep's org hold the requests at which the story has something happen. The function that it
// returns waits for each, does it, and lets the request go.
func (p *player) gate(step scenario.Step) func(context.Context) error {
	moments := slices.Clone(step.When)
	slices.SortStableFunc(moments, func(a, b scenario.Moment) int {
		return a.Request + a.Write + a.Statement - b.Request - b.Write - b.Statement
	})
	box := p.world.Orgs[step.Org].Box
	var opens []func(context.Context) error
	for i, m := range moments {
		injector, skip := box.SalesforceFaults, (m.Request+m.Write+m.Statement/4)/2
		if i%2 == 1 {
			injector = box.GoogleFaults
		}
		p.gates++
		rule := fault.Rule{Name: fmt.Sprint("gate-", p.gates), Skip: skip, Times: 1}
		if m.After {
			rule.Kind = fault.GateAfter
		}
		release := injector.Hold(rule)
		opens = append(opens, func(ctx context.Context) error {
			defer release()
			_ = stage.Until(ctx, 4*time.Second, func() bool { return injector.Hits()[rule.Name] > 0 }) // a pass may need fewer requests
			for _, inner := range m.Steps {
				if inner.Do == scenario.Run {
					if err := p.wish(ctx, inner.Org, inner.Rep); err != nil {
						return err
					}
					continue
				}
				if err := p.step(ctx, inner); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return func(ctx context.Context) error {
		for _, open := range opens {
			if err := open(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}
