package chaos_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/chaos"
)

// A small day; `make day` plays a whole one of 100 reps.
func TestDay(t *testing.T) {
	t.Parallel()
	b := bench(t)
	r, err := b.PlayDay(t.Context(), chaos.Day{Seed: 1, Reps: 5, Hours: 6, Quiet: 6, Deeds: 120}, nil)
	require.NoError(t, err)
	var table strings.Builder
	r.Print(&table)
	t.Log(table.String())
	require.Empty(t, r.Violations)
	require.LessOrEqual(t, len(r.Unjudged), 5, "what leaves the oracle's model is the exception")
}
