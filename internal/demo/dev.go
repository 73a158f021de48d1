package demo

import (
	"context"
	"errors"

	"github.com/repsync/repsync/internal/config"
)

// Dev runs the demo's servers and people without its story, in the directory where `starter` looks for a running stack:
// the org acme, the reps alice and bob at both vendors with empty books, a worker, and no rep added yet. It stays up until
// ctx ends.
func Dev(ctx context.Context, c Config) error {
	c.Dir = config.StackDir
	s, done, err := start(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	s.say("\nThe stack is up, until Ctrl-C. In another terminal, in this directory:")
	s.say("  bin/starter env                                                    addresses and credentials for other programs")
	s.say("  bin/starter rep add --org acme --rep alice --mailbox alice@acme.test")
	s.say("  bin/starter policy apply --org acme -f examples/policies/both-ways.yaml")
	s.say("  bin/starter rep start --org acme --rep alice")
	s.say("Temporal's Web UI: %s", s.engine.ui)
	<-ctx.Done()
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	return ctx.Err()
}
