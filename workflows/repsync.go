package workflows

import (
	"cmp"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/repsync/repsync/activities"
)

// RepSync keeps one rep's mailbox and the CRM in step until it is cancelled. It never fails because of data, of a vendor
// or of a store that cannot be reached: it shows the trouble, waits and goes on.
func RepSync(ctx workflow.Context, in RepInput) error {
	s, err := newRepSync(ctx, in)
	if err != nil {
		return err
	}
	return s.run(ctx)
}

// repSync is the state of one run. All that must survive into the next run is in Carried.
type repSync struct {
	in      RepInput
	c       Carried
	inbox   inbox
	ended   int64 // passes that this run has ended, for updates that wait for one
	passing bool  // a pass is under way
}

func newRepSync(ctx workflow.Context, in RepInput) (*repSync, error) {
	if in.Org == "" || in.Rep == "" {
		return nil, temporal.NewNonRetryableApplicationError(
			`the input names no org or no rep: start RepSync with {"org":"acme","rep":"alice"}`, "bad_input", nil)
	}
	s := &repSync{in: in, inbox: newInbox(ctx)}
	if in.Carried != nil {
		s.c = *in.Carried
	}
	if err := workflow.SetQueryHandler(ctx, QueryStatus, func() (Status, error) { return s.snapshot(), nil }); err != nil {
		return nil, err
	}
	return s, s.handleUpdates(ctx)
}

// run is the life of a rep: take in what signals want, pass when it is time, and sleep.
func (s *repSync) run(ctx workflow.Context) error {
	for {
		s.receive(ctx)
		if ctx.Err() != nil {
			return s.stop(ctx)
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() && workflow.AllHandlersFinished(ctx) {
			return s.continueAsNew(ctx)
		}
		if s.due(ctx) {
			s.pass(ctx)
			continue
		}
		s.show(ctx)
		s.sleep(ctx)
	}
}

// due reports whether it is time for a pass. A pause holds everything back; what was wanted meanwhile waits for resume.
func (s *repSync) due(ctx workflow.Context) bool {
	return !s.c.Paused && (s.c.Want.any() || !workflow.Now(ctx).Before(s.c.WakeAt))
}

// sleep waits for the next pass, a signal, an update or the end.
func (s *repSync) sleep(ctx workflow.Context) {
	woken := func() bool { return s.inbox.pending() || !s.c.Paused && s.c.Want.any() }
	if s.c.Paused {
		_ = workflow.Await(ctx, woken) // the error is the cancellation, which run sees in ctx
		return
	}
	_, _ = workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
		Timeout: s.c.WakeAt.Sub(workflow.Now(ctx)), TimerOptions: workflow.TimerOptions{Summary: "until the next pass"},
	}, woken)
}

// pass runs the stages once: a glance, which is all of an idle pass; else Fetch, and where it found work Filter, Match, Write,
// PropagateDeletes and Commit.
func (s *repSync) pass(ctx workflow.Context) {
	s.passing = true
	defer func() { s.passing = false }()
	want, started := s.c.Want, workflow.Now(ctx)
	want.Release = cmp.Or(want.Release, s.c.Release)
	s.c.Want, s.c.Release = Want{}, ""
	in := s.fetchIn(ctx, want)
	var trouble *activities.Trouble
	fetched, nothing := s.glance(ctx, in)
	if !nothing {
		if fetched.News {
			in.Due = time.Time{} // it has begun
		}
		fetched, trouble = s.fetch(ctx, in)
	}
	if trouble == nil {
		trouble = fetched.Trouble
	}
	if trouble != nil && fetched.Provider == "" { // Fetch did not come through: what was released is still released
		s.c.Release = want.Release // it waits with the schedule; only a signal makes a pass due
	}
	var sum activities.Summary
	more := false
	if fetched.Work && ctx.Err() == nil {
		s.setState(ctx, Syncing)
		var stuck *activities.Trouble
		if sum, more, stuck = s.stages(ctx, fetched, want.Fresh, started); stuck != nil {
			trouble = stuck
		}
	}
	if fetched.Complete && s.sweepDue(started) {
		s.c.SweptAt = started
	}
	if !fetched.SweptAt.IsZero() { // the store remembers it beyond the end of a workflow
		s.c.SweptAt = fetched.SweptAt
	}
	s.conclude(ctx, started, fetched, sum, trouble, more)
}

// stages runs what follows Fetch. A stage that cannot do all it should reports trouble and the pass still commits what is
// settled; a held plan skips the writes.
func (s *repSync) stages(ctx workflow.Context, f activities.FetchOut, fresh bool, began time.Time) (sum activities.Summary, more bool, trouble *activities.Trouble) {
	p := activities.Pass{Org: s.in.Org, Rep: s.in.Rep, Pass: f.Pass, Revision: f.Revision, Policy: f.Policy, Complete: f.Complete, Reread: f.Reread, Restored: f.Restored, Fresh: fresh, Began: began, Closed: f.Closed}
	note := func(out activities.StageOut, t *activities.Trouble) bool {
		sum = sum.Plus(out.Summary)
		if t == nil {
			t = out.Trouble
		}
		if trouble == nil {
			trouble = t // the first trouble explains those after it
		}
		return t == nil
	}
	s.c.Held = nil
	if note(s.stage(ctx, stages.Filter, "mark what the policy admits", p)) {
		match, t := s.stage(ctx, stages.Match, "pair and plan", p)
		s.c.Held = match.Hold
		note(match, t)
		if match.Writes && match.Hold == nil && ctx.Err() == nil {
			note(s.stage(ctx, stages.Write, "creates and updates", p))
		}
		if match.Deletes && match.Hold == nil && ctx.Err() == nil {
			note(s.stage(ctx, stages.PropagateDeletes, "deletes", p))
		}
	}
	// A cancelled pass commits too: what it has written is settled, and the lease is given back.
	settled, _ := workflow.NewDisconnectedContext(ctx)
	commit, t := s.stage(settled, stages.Commit, "move the cursors", p)
	note(commit, t)
	if t == nil {
		if commit.Trouble == nil {
			s.c.Committed = f.Pass
		}
		s.c.Parked, s.c.Why = 0, commit.Parked
		for _, r := range workflow.DeterministicKeys(commit.Parked) {
			s.c.Parked += commit.Parked[r]
		}
	}
	return sum, commit.More, trouble
}

// conclude books a pass and sets when the next is due.
func (s *repSync) conclude(ctx workflow.Context, started time.Time, f activities.FetchOut, sum activities.Summary, trouble *activities.Trouble, more bool) {
	now := workflow.Now(ctx)
	s.c.Pass = max(s.c.Pass+1, f.Pass)
	s.ended++
	s.c.PassedAt, s.c.Trouble = now, trouble
	if f.Provider != "" { // Fetch came through
		s.c.Provider, s.c.Plain = f.Provider, f.Plain
		s.setPolicy(ctx, f.Policy)
		if !f.Work {
			s.c.Held, s.c.Parked = f.Held, f.Parked
		}
	}
	if f.Work {
		s.c.Last, s.c.Totals = sum, s.c.Totals.Plus(sum)
	}
	switch {
	case trouble != nil:
		s.c.Failures++
		s.c.WakeAt = wakeAfterTrouble(now, *trouble, f.Every, s.c.Failures)
	case more:
		s.c.Failures, s.c.WakeAt = 0, now
	default:
		s.c.Failures, s.c.WakeAt = 0, started.Add(f.Every)
	}
	s.setState(ctx, s.resting(trouble))
}

// resting is the state between passes.
func (s *repSync) resting(trouble *activities.Trouble) State {
	switch {
	case s.c.Paused:
		return Paused
	case trouble != nil && trouble.Class != activities.ClassWaiting:
		return Failing
	case s.c.Held != nil:
		return Held
	default:
		return Idle
	}
}

// wakeAfterTrouble backs off from five seconds up to the schedule, and no sooner than the trouble asks for. A server's
// long Retry-After concerns one kind and side, which the store remembers: the schedule goes on for the others.
func wakeAfterTrouble(now time.Time, t activities.Trouble, every time.Duration, failures int) time.Time {
	if every <= 0 {
		every = time.Minute
	}
	if t.Class == activities.ClassWaiting || t.Class == activities.ClassRetry {
		wait := 5 * time.Second << min(failures-1, 10)
		if t.Class == activities.ClassWaiting {
			wait = time.Second
		}
		if until := t.Until.Sub(now); until > wait {
			wait = until
		}
		return now.Add(min(wait, every))
	}
	return now.Add(every)
}

// stop ends a cancelled run; the batch that was in flight has been settled by its stage.
func (s *repSync) stop(ctx workflow.Context) error {
	s.setState(ctx, Stopped)
	s.show(ctx)
	return ctx.Err()
}

// continueAsNew is the one place where a run hands over to the next. Signals have just been received: none is left.
func (s *repSync) continueAsNew(ctx workflow.Context) error {
	next := s.in
	carried := s.c
	next.Carried = &carried
	return workflow.NewContinueAsNewError(ctx, RepSync, next)
}
