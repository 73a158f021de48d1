//go:build planted

package planted_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planted"
)

// TestEnvironmentChoosesOne holds that a build with the tag has the bug that the environment names, and no other.
func TestEnvironmentChoosesOne(t *testing.T) {
	t.Parallel()
	for _, e := range planted.All() {
		require.Equal(t, os.Getenv(planted.Variable) == string(e.Bug), planted.Is(e.Bug), e.Bug)
	}
}
