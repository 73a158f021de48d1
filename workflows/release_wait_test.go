package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/workflows"
)

// a release that is kept for the next pass does not make that pass due at once: the backoff after trouble stands.
func TestReleaseThatWaitsDoesNotSpin(t *testing.T) {
	t.Parallel()
	s := &script{}
	s.fetch = func(n int, in activities.FetchIn) (activities.FetchOut, error) {
		if n > 1 && n < 300 {
			return activities.FetchOut{Pass: in.Pass, Every: time.Minute, Trouble: &activities.Trouble{Class: activities.ClassRetry, Code: "connection"}}, nil
		}
		return idle(in), nil
	}
	e := env(t, s)
	e.RegisterDelayedCallback(func() {
		e.SignalWorkflow(workflows.SignalRelease, workflows.ReleaseSignal{Digest: "abc"})
	}, 2*time.Minute)
	start(e, 12*time.Minute)
	require.Less(t, len(s.fetched()), 40, "ten minutes of trouble, backed off")
}
