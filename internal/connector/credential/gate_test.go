package credential_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/credential"
)

// clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Nanosecond) // no two readings are the same, as on a real clock
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }

var errRefused = &connector.Error{Class: connector.Reconnect, Code: "invalid_grant", Op: "sign in"}

func TestARefusedKeyIsTriedOncePerSomeSeconds(t *testing.T) {
	t.Parallel()
	c := newClock()
	g := credential.NewGate(4, c.Now)
	var tries, most, now atomic.Int64
	signIn := func(context.Context) error {
		tries.Add(1)
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		return errRefused
	}
	thousand := func(mark string) {
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				var e *connector.Error
				if !errors.As(g.Do(t.Context(), credential.Attempt{Mark: mark, Scopes: []string{"key"}, SignIn: signIn}), &e) || e.Code != "invalid_grant" {
					t.Error("a caller did not get the refusal")
				}
			})
		}
		all.Wait()
	}
	// All at once: no more than are in flight, and those that waited share what came of them. Callers that arrive after
	// the first refusal have one round more.
	thousand("a")
	first := tries.Load()
	require.LessOrEqual(t, first, int64(8), "two rounds of four")
	require.LessOrEqual(t, most.Load(), int64(4))
	for range 30 { // each rep again, every second for half a minute
		c.advance(time.Second)
		thousand("a")
	}
	require.LessOrEqual(t, tries.Load()-first, int64(30), "30,000 asked")
	before := tries.Load()
	thousand("b")
	require.Greater(t, tries.Load(), before, "another key is tried at once")
}

func TestOneRefusalDoesNotPauseWhatIsMendedAtOnce(t *testing.T) {
	t.Parallel()
	c := newClock()
	g := credential.NewGate(1, c.Now)
	tries := 0
	as := func(ctx context.Context, err error) error {
		return g.Do(ctx, credential.Attempt{Scopes: []string{"key"}, SignIn: func(context.Context) error { tries++; return err }})
	}
	do := func(err error) error { return as(t.Context(), err) }
	require.Error(t, do(errRefused))
	require.NoError(t, do(nil))
	require.Error(t, do(errRefused))
	require.Error(t, do(errRefused))
	require.Equal(t, 4, tries)
	err := do(nil)
	require.Equal(t, 4, tries, "paused")
	var e *connector.Error
	require.ErrorAs(t, err, &e)
	require.InDelta(t, 2*time.Second, e.RetryAfter, float64(500*time.Millisecond))
	require.Zero(t, errRefused.RetryAfter, "the error that is kept is not touched")
	c.advance(3 * time.Second)
	require.NoError(t, do(nil))
	require.Error(t, do(errRefused))
	require.Error(t, do(errRefused))
	require.NoError(t, as(connector.Awaited(t.Context()), nil), "whoever has mended it waits for nothing")
}

func TestARefusalConcernsItsScope(t *testing.T) {
	t.Parallel()
	c := newClock()
	g := credential.NewGate(0, c.Now)
	try := func(mailbox, scope string, err error, blame string) error {
		return g.Do(t.Context(), credential.Attempt{
			Scopes: []string{"key", scope, mailbox}, Blame: func(error) string { return blame }, SignIn: func(context.Context) error { return err },
		})
	}
	for range 2 {
		require.Error(t, try("alice", "contacts", errRefused, "alice"))
		require.Error(t, try("bob", "events", errRefused, "events"))
	}
	require.Error(t, try("alice", "contacts", nil, ""), "alice is paused")
	require.NoError(t, try("bob", "contacts", nil, ""), "bob's contacts are not")
	require.Error(t, try("carol", "events", nil, ""), "events are, for everybody")
	for range 2 {
		require.Error(t, try("carol", "contacts", errRefused, "no such scope"))
	}
	require.Error(t, try("bob", "contacts", nil, ""), "what is blamed on nothing is blamed on the key")
}

func TestTheServersWishIsHeeded(t *testing.T) {
	t.Parallel()
	c := newClock()
	g := credential.NewGate(0, c.Now)
	busy := &connector.Error{Class: connector.Retry, Code: "http_503", RetryAfter: time.Minute}
	do := func(err error) error {
		return g.Do(t.Context(), credential.Attempt{Scopes: []string{"key"}, SignIn: func(context.Context) error { return err }})
	}
	require.ErrorIs(t, do(busy), busy)
	c.advance(50 * time.Second)
	require.Error(t, do(nil))
	c.advance(11 * time.Second)
	require.NoError(t, do(nil))
}

func TestWhoLeavesRefusesNothing(t *testing.T) {
	t.Parallel()
	g := credential.NewGate(1, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancelled := credential.Attempt{Scopes: []string{"key"}, SignIn: func(ctx context.Context) error { cancel(); return ctx.Err() }}
	require.ErrorIs(t, g.Do(ctx, cancelled), context.Canceled)
	require.NoError(t, g.Do(t.Context(), credential.Attempt{Scopes: []string{"key"}, SignIn: func(context.Context) error { return nil }}))
	full := make(chan struct{})
	release := make(chan struct{})
	go func() {
		_ = g.Do(context.Background(), credential.Attempt{Scopes: []string{"key"}, SignIn: func(context.Context) error { close(full); <-release; return nil }})
	}()
	<-full
	require.ErrorIs(t, g.Do(ctx, cancelled), context.Canceled, "no slot is waited for")
	close(release)
}

func TestRenewalsAreSpread(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	minutes := map[int]int{}
	for range 1000 {
		at := credential.RenewAt(now, now.Add(time.Hour))
		require.False(t, at.Before(now.Add(50*time.Minute)), "%s", at)
		require.False(t, at.After(now.Add(55*time.Minute)), "%s", at)
		minutes[at.Minute()]++
	}
	for minute, n := range minutes {
		require.Less(t, n, 400, "minute %d has most of them", minute)
	}
	require.Zero(t, credential.RenewAt(now, time.Time{}))
	require.Equal(t, now, credential.RenewAt(now, now))
}
