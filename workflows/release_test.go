package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/workflows"
)

// the pass that a release woke cannot open the rep (a vendor is in trouble, Postgres restarts): the release is forgotten.
func TestReleaseOutlivesAFetchThatDidNotComeThrough(t *testing.T) {
	t.Parallel()
	s := &script{}
	s.fetch = func(n int, in activities.FetchIn) (activities.FetchOut, error) {
		if n == 2 {
			return activities.FetchOut{Pass: in.Pass, Every: time.Minute, Trouble: &activities.Trouble{Class: activities.ClassRetry, Code: "connection"}}, nil
		}
		return idle(in), nil
	}
	e := env(t, s)
	e.RegisterDelayedCallback(func() {
		e.SignalWorkflow(workflows.SignalRelease, workflows.ReleaseSignal{Digest: "abc"})
	}, 2*time.Minute)
	start(e, 30*time.Minute)
	require.GreaterOrEqual(t, len(s.fetched()), 3)
	require.Equal(t, "abc", s.fetched()[1].Release)
	require.Equal(t, "abc", s.fetched()[2].Release, "it is still wanted")
}
