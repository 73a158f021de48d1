package chaos_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/chaos"
	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func bench(t *testing.T) *chaos.Bench {
	t.Helper()
	b, err := chaos.NewBench(t.Context(), storetest.URL(t), nil)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

// Reasons that no story can reach in this build, each with why.
var beyond = map[string]string{
	"occurrence_unknown":     "is given by a mailbox whose occurrences have no ids of their own; Google's have",
	"required_field_missing": "of the standard mapping a last name alone is required, which has a reason of its own",
	"series_unreadable":      "Salesforce's sandbox keeps no rule that it cannot lay out",
	"time_invalid":           "neither vendor takes an event that ends before it starts",
}

// reaching are seeds whose stories reach what the kept ones do not.
var reaching = []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 19, 22}

// Every story that is kept breaks no law. Together with some seeds they reach every reason, every fault and every step.
func TestNothingStaysUnreached(t *testing.T) { //nolint:tparallel // a bench plays one story at a time
	t.Parallel()
	stories, err := chaos.Kept("testdata/stories")
	require.NoError(t, err)
	require.NotEmpty(t, stories)
	for _, seed := range reaching {
		s := scenario.Generate(seed)
		s.Why = "what it reaches"
		stories[fmt.Sprint("seed-", seed)] = s
	}
	b := bench(t)
	var all chaos.Report
	for _, name := range slices.Sorted(maps.Keys(stories)) {
		t.Run(name, func(t *testing.T) {
			require.NotEmpty(t, stories[name].Why, "a story says why it is kept")
			r, err := b.Play(t.Context(), stories[name], t.Logf)
			require.NoError(t, err)
			require.Empty(t, r.Violations)
			all.Merge(r)
		})
	}
	reasons, faults, steps := all.Unreached()
	for reason, why := range beyond { //nolint:paralleltest // likewise: one story at a time
		require.Contains(t, reasons, reason, "it is reached, and listed as beyond reach: %s", why)
	}
	require.Empty(t, slices.DeleteFunc(reasons, func(r string) bool { return beyond[r] != "" }), "reasons that nothing reaches")
	require.Empty(t, faults, "faults that nothing reaches")
	require.Empty(t, steps, "steps that nothing takes")
}

// One seed is one run: the same requests with the same answers in the same order.
func TestOneSeedIsOneRun(t *testing.T) {
	t.Parallel()
	first, second := bench(t), bench(t)
	for _, seed := range []uint64{3, 8, 11} {
		a, err := first.Play(t.Context(), scenario.Generate(seed), nil)
		require.NoError(t, err)
		b, err := second.Play(t.Context(), scenario.Generate(seed), nil)
		require.NoError(t, err)
		require.Equal(t, a, b, "seed %d", seed)
		require.NotZero(t, a.Passes)
	}
}
