package credential

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/repsync/repsync/internal/connector"
)

// How long a sign-in that was refused is not tried again: not at all after the first refusal, so that what an admin has
// just mended works at once, then about firstPause, and twice as long each time up to lastPause.
const (
	firstPause = 2 * time.Second
	lastPause  = 15 * time.Second
)

// InFlight is how many sign-ins a gate lets through at once unless told otherwise.
const InFlight = 8

// Gate lets the sign-ins with one credential through: a few at a time, and after refusals one per some seconds. It is safe
// for concurrent use.
//
// What is refused has a scope. A key that is no longer known concerns every mailbox that it signs in for, a scope that is
// not delegated concerns that scope in one domain, an account that is disabled concerns one mailbox. A caller names the
// scopes that its sign-in depends on, widest first, and says of an error which of them it is to blame on; callers that
// depend on it get the same error until its pause is over, and nothing is sent.
type Gate struct {
	slots chan struct{}
	now   func() time.Time

	mu       sync.Mutex
	refusals map[string]*refusal // by scope
}

// refusal is the last refusal of a scope.
type refusal struct {
	mark  string // of the credential that was refused: another one is tried at once
	err   error
	at    time.Time
	pause time.Duration
}

// NewGate returns a gate that lets n sign-ins through at once; 0 is InFlight. now is the clock, nil for time.Now.
func NewGate(n int, now func() time.Time) *Gate {
	if n <= 0 {
		n = InFlight
	}
	if now == nil {
		now = time.Now
	}
	return &Gate{slots: make(chan struct{}, n), now: now, refusals: map[string]*refusal{}}
}

// Attempt is one sign-in.
type Attempt struct {
	Mark   string                      // of the credential, see Mark
	Scopes []string                    // what a refusal may concern, widest first
	Blame  func(error) string          // which of Scopes an error concerns; nil: the first
	SignIn func(context.Context) error // does it
}

// Do runs a sign-in, or returns the refusal that one with the same credential met while this one waited or, where no person
// waits (connector.IsAwaited), a moment ago: who has just mended it is believed. Such an error is a copy whose RetryAfter says when it makes sense to ask again. Errors: SignIn's own, and ctx's.
func (g *Gate) Do(ctx context.Context, a Attempt) error {
	came, awaited := g.now(), connector.IsAwaited(ctx)
	if err := g.refused(a, came, awaited); err != nil {
		return err
	}
	select {
	case g.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-g.slots }()
	if err := g.refused(a, came, awaited); err != nil {
		return err
	}
	began := g.now()
	err := a.SignIn(ctx)
	if ctx.Err() != nil && err != nil { // the caller left: nothing was refused
		return err
	}
	g.note(a, began, err)
	return err
}

// refused returns the refusal that holds a caller who came at that time back, nil where none does.
func (g *Gate) refused(a Attempt, came time.Time, awaited bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	for _, scope := range a.Scopes {
		r := g.refusals[scope]
		if r == nil || r.mark != a.Mark {
			continue
		}
		until := r.at.Add(r.pause)
		if now.Before(until) && !awaited || r.at.After(came) { // still paused, or refused while the caller waited for its turn
			return held(r.err, until.Sub(now))
		}
	}
	return nil
}

// note keeps what came of a sign-in that began then.
func (g *Gate) note(a Attempt, began time.Time, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil { // the whole way is open
		for _, scope := range a.Scopes {
			delete(g.refusals, scope)
		}
		return
	}
	scope := a.Scopes[0]
	if a.Blame != nil {
		if blamed := a.Blame(err); slices.Contains(a.Scopes, blamed) {
			scope = blamed
		}
	}
	now := g.now()
	r := &refusal{mark: a.Mark, err: err, at: now}
	switch was := g.refusals[scope]; {
	case was == nil || was.mark != a.Mark:
	case was.at.After(began): // one of the same round: it adds nothing
		return
	default:
		r.pause = jitter(min(max(2*was.pause, firstPause), lastPause))
	}
	if e := asConnector(err); e != nil && e.RetryAfter > r.pause {
		r.pause = e.RetryAfter // the server's own wish
	}
	g.refusals[scope] = r
}

// held is a refusal as those get it who are not let through.
func held(err error, wait time.Duration) error {
	e := asConnector(err)
	if e == nil {
		return err
	}
	again := *e
	again.RetryAfter = max(wait, 0)
	return &again
}

func asConnector(err error) *connector.Error {
	var e *connector.Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// jitter spreads a pause over 0.8 to 1.2 of it.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64())) //nolint:gosec // spreads load, guards nothing
}

// RenewAt is when a token is renewed that ends at a time: between a twelfth and a sixth of its remaining life before the
// end, 5 to 10 minutes of an hour. Each call draws anew, so that tokens that were got in the same minute are not all
// renewed in the same minute of every later hour. A token that tells no end (the zero time) has none.
func RenewAt(now, end time.Time) time.Time {
	if end.IsZero() {
		return time.Time{}
	}
	life := end.Sub(now)
	if life <= 0 {
		return end
	}
	return end.Add(-life/12 - time.Duration(rand.Int64N(int64(life/12)+1))) //nolint:gosec // spreads load, guards nothing
}
