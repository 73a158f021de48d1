package stage

import (
	"context"
	"errors"
	"time"
)

// tick is how often a condition is looked at.
const tick = 100 * time.Millisecond

// ErrLate is what waiting for a condition ends with.
var ErrLate = errors.New("it did not come about in time")

// Pause waits, unless ctx ends. Error: why it did.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Until waits for a condition. Errors: ErrLate, or why ctx ended.
func Until(ctx context.Context, limit time.Duration, ok func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, ErrLate)
	defer cancel()
	for !ok() {
		if err := Pause(ctx, tick); err != nil {
			return err
		}
	}
	return nil
}
