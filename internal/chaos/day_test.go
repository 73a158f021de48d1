package chaos_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/chaos"
)

// A small day; `make day` plays a whole one of 100 reps.
func TestDay(t *testing.T) {
	t.Parallel()
	b := bench(t)
	r, err := b.PlayDay(t.Context(), chaos.Day{Seed: 1, Reps: 5, Hours: 6, Quiet: 6}, nil)
	require.NoError(t, err)
	r.Print(os.Stderr)
	require.Empty(t, r.Violations)
	require.Empty(t, r.Unjudged)
}
