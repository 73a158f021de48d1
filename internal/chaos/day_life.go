package chaos

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
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

// life is one workflow through the day, run after run.
type life struct {
	d        *day
	id       string
	rep      string // "" for the org's feed
	signals  []signal
	frame    *frame
	tally    *Tally // of the run under way
	passing  bool   // a pass has begun, as the oracle knows
	passes   []time.Time
	troubles int
	runs     int
	commands int64
	longest  int64 // history of a run, in events
	ended    int64 // events of the runs that have ended
	last     activities.FetchOut
}

// signal is what an operator sends at a time of the day; a name of "cancel" cancels the workflow, and it is started anew.
type signal struct {
	at   time.Time
	name string
	arg  any
}

const cancel = "cancel"

// live runs the workflow until the day is over.
func (l *life) live(start time.Time) {
	defer l.d.turns.exit()
	l.tally = &Tally{}
	var carried *workflows.Carried
	for !l.d.over && l.d.p.err == nil {
		f := &frame{id: l.id, most: 1 << 30}
		env := l.environment(f, start)
		l.frame = f
		f.enter = l.enter
		if l.rep == "" {
			env.ExecuteWorkflow(workflows.OrgFeed, workflows.FeedInput{Org: l.d.org})
		} else {
			env.ExecuteWorkflow(workflows.RepSync, workflows.RepInput{Org: l.d.org, Rep: l.rep, Carried: carried})
		}
		l.runs++
		l.commands += l.tally.Commands()
		l.longest = max(l.longest, l.tally.Events())
		l.ended += l.tally.Events()
		l.tally = &Tally{}
		start, carried = env.Now(), nil
		var next *workflow.ContinueAsNewError
		switch err := env.GetWorkflowError(); {
		case !env.IsWorkflowCompleted():
			l.d.fail(fmt.Errorf("the workflow %s did not end within the test environment's time", l.id))
		case errors.As(err, &next) && l.rep != "":
			var again workflows.RepInput
			l.d.fail(converter.GetDefaultDataConverter().FromPayloads(next.Input, &again))
			carried = again.Carried
		case errors.As(err, &next), temporal.IsCanceledError(err):
		default:
			l.d.violate(oracle.Violation{Law: "survives", Rep: l.rep, Want: "a workflow that goes on", Got: fmt.Sprint(err)})
			return
		}
	}
}

// environment is Temporal's, for one run: it suggests to continue as new as a server would, and brings the signals.
func (l *life) environment(f *frame, start time.Time) *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	f.env = env
	l.tally.rests = func() {
		if l.tally.Events() >= suggested || l.d.over {
			env.SetContinueAsNewSuggested(true)
		}
	}
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{l.tally.Interceptor()}, DeadlockDetectionTimeout: time.Minute})
	env.SetTestTimeout(24 * time.Hour) // of real time without anything to do: others have their turns
	env.SetStartTime(start)
	env.RegisterWorkflow(workflows.RepSync)
	env.RegisterWorkflow(workflows.OrgFeed)
	l.d.p.stages(f, func(name string, call any) {
		env.RegisterActivityWithOptions(call, activity.RegisterOptions{Name: name})
	})
	for _, s := range l.signals {
		switch {
		case !s.at.After(start):
		case s.name == cancel:
			env.RegisterDelayedCallback(env.CancelWorkflow, s.at.Sub(start))
		default:
			env.RegisterDelayedCallback(func() { env.SignalWorkflow(s.name, s.arg) }, s.at.Sub(start))
		}
	}
	return env
}

// enter waits until it is a stage's turn, and lets happen in it what is to happen in the midst of something.
func (l *life) enter(_ context.Context, stage string) func(out any, err error) {
	d, f := l.d, l.frame
	d.turns.wait(f.env.Now(), l.id)
	if d.over || d.p.err != nil {
		f.terminated = true
		return func(any, error) {}
	}
	f.requests, f.statements, f.disturbed = 0, 0, false
	f.step = scenario.Step{When: d.meanwhile(l, stage)}
	d.now = l
	d.p.stack = append(d.p.stack, f)
	before := d.meter.read()
	return func(out any, err error) {
		d.p.stack = d.p.stack[:0]
		d.now = nil
		d.missed(f)
		l.leave(stage, out, err)
		d.meter.book(stage, l, out, err, before)
	}
}

// leave tells the oracle when passes begin to write, and when they end. A pass that found nothing has written nothing.
func (l *life) leave(stage string, out any, err error) {
	if err != nil {
		return
	}
	switch out := out.(type) {
	case activities.FetchOut:
		l.last = out
		l.passes = append(l.passes, l.d.p.clock.Now())
		if out.Trouble != nil {
			l.troubles++
		}
		if out.Work {
			l.begin()
		} else {
			l.end()
		}
	case activities.StageOut:
		if stage == "Commit" {
			l.end()
		}
	}
}

func (l *life) begin() {
	if !l.passing && l.rep != "" {
		l.passing = true
		l.d.p.note(scenario.Entry{What: scenario.Began, Org: l.d.org, Rep: l.rep})
	}
}

func (l *life) end() {
	if l.passing {
		l.passing = false
		l.d.p.note(scenario.Entry{What: scenario.Ended, Org: l.d.org, Rep: l.rep})
	}
}
