package sandbox

import (
	"sync"
	"time"
)

// Clock is the vendors' time when it is moved by hand: it runs with real time and jumps ahead on Advance, so that a week
// passes at once. Sign-in to Google stays on real time, since clients sign assertions and renew tokens by their own
// clocks. Salesforce's sign-in goes by this clock: after an advance it refuses new assertions of clients in real time as
// expired, while sessions opened before stay good, and NewSession opens others.
type Clock struct {
	mu    sync.Mutex
	ahead time.Duration
	stood time.Time // where a stopped clock was started; zero when it runs
}

// ClockAt is a clock that shows at now, for worlds whose vendors live at another time.
func ClockAt(at time.Time) *Clock { return &Clock{ahead: time.Until(at)} }

// StoppedAt is a clock that shows at and moves only by Advance, for runs that are to be repeated exactly.
func StoppedAt(at time.Time) *Clock { return &Clock{stood: at} }

// Now is real time plus all advances, or for a stopped clock where it was started plus all advances.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stood.IsZero() {
		return c.stood.Add(c.ahead)
	}
	return time.Now().Add(c.ahead)
}

// Advance moves the clock ahead. A negative duration is taken for 0: vendors' time never runs back.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += max(d, 0)
}
