package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/repsync/repsync/workflows"
)

const (
	// patience is how long one act may take to settle before the demo says where to look, and patiencePerItem what a
	// user's own data adds to it: both are many times what they take.
	patience        = 5 * time.Minute
	patiencePerItem = 100 * time.Millisecond
	// rounds is how many passes may still find work: an edit travels from one rep over the CRM to the next in two.
	rounds = 12
)

// outcome is what an act made the engine do.
type outcome struct {
	calls  calls
	passes int
}

// settle lets passes run until one of them, at every rep, writes nothing to either vendor: then the sides are in step.
func (s *stage) settle(ctx context.Context) (outcome, error) {
	limit := patience + time.Duration(s.items)*patiencePerItem
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not settled after %s", limit))
	defer cancel()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	defer s.watchWorker(fail)()
	defer s.showProgress(ctx)()
	var out outcome
	start := s.vendors.calls()
	var did calls
	for out.passes = 1; out.passes <= rounds; out.passes++ {
		mark := s.vendors.calls()
		status, err := s.engine.pass(ctx, s.names())
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return out, s.lost(err)
		}
		s.last = status
		if err := s.stuck(status); err != nil {
			return out, err
		}
		if did = s.vendors.calls().minus(mark); s.resting(status) && did.writes() == 0 {
			out.calls = s.vendors.calls().minus(start)
			return out, nil
		}
	}
	return out, s.lost(fmt.Errorf("still busy after %d passes: the sides do not come to rest; the last one made these calls: %v %v", rounds, did.salesforce, did.google))
}

// watchWorker ends the act when the worker is gone: nobody else would answer.
func (s *stage) watchWorker(fail context.CancelCauseFunc) (stop func()) {
	if s.worker == nil {
		return func() {}
	}
	end := make(chan struct{})
	go func() {
		select {
		case <-s.worker.Done():
			fail(fmt.Errorf("the worker has ended: %w", cmp.Or(s.worker.Err(), errors.New("by itself"))))
		case <-end:
		}
	}()
	return func() { close(end) }
}

// resting tells whether every rep is idle.
func (s *stage) resting(status map[string]workflows.Status) bool {
	for _, st := range status {
		if st.State != workflows.Idle || st.Trouble != nil {
			return false
		}
	}
	return true
}

// stuck tells what only a person can solve.
func (s *stage) stuck(status map[string]workflows.Status) error {
	for _, rep := range s.names() {
		st := status[rep]
		switch {
		case st.Held != nil:
			return s.lost(fmt.Errorf("%s is held before any write, because a guard tripped: %s", rep, strings.Join(st.Held.Why, "; ")))
		case st.Trouble != nil && (st.Trouble.Class == "reconnect" || st.Trouble.Class == "unsupported" || st.Trouble.Class == "bug"):
			return s.lost(fmt.Errorf("%s cannot go on: %s %s: %s", rep, st.Trouble.Op, st.Trouble.Code, st.Trouble.Remedy))
		}
	}
	return nil
}

// lost adds to an error what to look at.
func (s *stage) lost(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	var b strings.Builder
	for _, rep := range s.names() {
		if st, ok := s.last[rep]; ok {
			fmt.Fprintf(&b, "\n  %s was last seen %s after pass %d, which ended with %v", rep, st.State, st.Pass, st.Last.Reasons)
			if st.Trouble != nil {
				fmt.Fprintf(&b, ", with trouble %s (%s) %s", st.Trouble.Code, st.Trouble.Class, st.Trouble.Remedy)
			}
		}
		fmt.Fprintf(&b, "\n  look at %s", s.engine.link(rep))
	}
	if s.logs != "" {
		fmt.Fprintf(&b, "\n  and at the logs in %s", s.logs)
	}
	return fmt.Errorf("%w%s", err, b.String())
}

// showProgress prints how far things are, whenever something moved, until stop is called. It reads the sandboxes from
// inside, so that it costs no call that the table would count.
func (s *stage) showProgress(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		began, shown := time.Now(), s.holdings()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if now := s.holdings(); now != shown {
				shown = now
				s.say("  … %s: %s%s", time.Since(began).Round(time.Second), now, s.doing(ctx))
			}
		}
	}()
	return func() { cancel(); <-done }
}

// doing says where each rep's workflow stands; nothing when it does not answer just now.
func (s *stage) doing(ctx context.Context) string {
	status, err := s.engine.status(ctx, s.names())
	if err != nil {
		return ""
	}
	var parts []string
	for _, rep := range s.names() {
		parts = append(parts, fmt.Sprintf("%s: %s, pass %d done", rep, status[rep].State, status[rep].Pass))
	}
	return " (" + strings.Join(parts, "; ") + ")"
}

// holdings says how much each side holds.
func (s *stage) holdings() string {
	parts := []string{fmt.Sprintf("%s and %s in Salesforce", count(living(s.vendors.salesforce.All("Contact")), "contact"), count(living(s.vendors.salesforce.All("Event")), "event"))}
	for _, rep := range s.reps {
		parts = append(parts, fmt.Sprintf("%s and %s at Google for %s", many(len(s.vendors.google.Living(rep.Email)), "entry", "entries"),
			count(s.vendors.events(rep.Email), "event"), rep.Name))
	}
	return strings.Join(parts, ", ")
}

// living counts the rows that are neither deleted nor the copy of another.
func living(rows []map[string]any) (n int) {
	for _, row := range rows {
		if row["IsDeleted"] != true && row["IsChild"] != true {
			n++
		}
	}
	return n
}
