package chaos_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
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

// Every story that once broke a law, and was kept.
func TestStories(t *testing.T) { //nolint:tparallel // a bench plays one story at a time
	t.Parallel()
	files, err := filepath.Glob("testdata/stories/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	b := bench(t)
	for _, file := range files { //nolint:paralleltest // likewise
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			s, err := scenario.Parse(text)
			require.NoError(t, err)
			require.NotEmpty(t, s.Why, "a story says why it is kept")
			r, err := b.Play(t.Context(), s, t.Logf)
			require.NoError(t, err)
			require.Empty(t, r.Violations)
		})
	}
}

// The first stories that the generator makes; `make chaos` plays more. CHAOS_SEEDS says how many.
func TestSeeds(t *testing.T) {
	t.Parallel()
	n, err := strconv.ParseUint(os.Getenv("CHAOS_SEEDS"), 10, 64)
	if err != nil {
		n = 20
	}
	b := bench(t)
	for seed := uint64(1); seed <= n; seed++ {
		r, err := b.Play(t.Context(), scenario.Generate(seed), nil)
		require.NoError(t, err, "seed %d", seed)
		if len(r.Violations) == 0 {
			continue
		}
		text, err := b.Shrink(t.Context(), scenario.Generate(seed), r.Violations[0].Law).YAML()
		require.NoError(t, err)
		t.Errorf("seed %d: %+v\n%s", seed, r.Violations, text)
	}
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
