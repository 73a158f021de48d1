//go:build !planted

package planted_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planted"
)

// TestOrdinaryBuildHasNone holds that a worker as it is shipped has no trace of a planted bug.
func TestOrdinaryBuildHasNone(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "worker")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "../../worker").CombinedOutput()
	require.NoError(t, err, "%s", out)
	text, err := os.ReadFile(binary)
	require.NoError(t, err)
	require.False(t, bytes.Contains(text, []byte("REPSYNC_PLANTED")), "the variable that chooses a planted bug is in the worker")
	for _, e := range planted.All() {
		require.False(t, planted.Is(e.Bug), e.Bug)
		require.False(t, bytes.Contains(text, []byte(e.Bug)), "the planted bug %s is in the worker", e.Bug)
	}
}
