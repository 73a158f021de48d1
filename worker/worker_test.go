package main

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/worker"
)

// sdk stands in for the SDK's worker: it starts and stops.
type sdk struct {
	worker.Worker
	stopped bool
}

func (s *sdk) Start() error { return nil }
func (s *sdk) Stop()        { s.stopped = true }

func TestRunEndsWithItsContextOrWithTheSDK(t *testing.T) {
	t.Parallel()
	missing := serviceerror.NewNamespaceNotFound("acme")
	for name, fatal := range map[string]error{"it is stopped": nil, "the SDK gives up": missing} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			inner := &sdk{}
			w := &Worker{log: slog.New(slog.DiscardHandler), worker: inner, http: &httpServer{addr: "off"}, fatal: make(chan error, 1)}
			if fatal != nil {
				w.fatal <- fatal
			} else {
				cancel()
			}
			require.ErrorIs(t, w.Run(ctx), fatal)
			require.True(t, inner.stopped)
		})
	}
}
