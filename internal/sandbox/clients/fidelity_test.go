package clients_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fidelityRow is a row of a table in docs/fidelity.md: an endpoint by the sandbox's name for it, and its last cell.
var fidelityRow = regexp.MustCompile("(?m)^\\| `([\\w.]+)` \\|.*\\| ([^|]*) \\|$")

// checkFidelity holds that one section of docs/fidelity.md lists every endpoint that a client called, and says of exactly
// those that the client tests them.
func checkFidelity(t *testing.T, section, client string, called map[string]int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "fidelity.md"))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "\n## "+section+"\n")
	require.True(t, found, "docs/fidelity.md has no section %q", section)
	rest, _, _ = strings.Cut(rest, "\n## ")
	listed := map[string]bool{}
	for _, row := range fidelityRow.FindAllStringSubmatch(rest, -1) {
		listed[row[1]] = true
		require.Equal(t, called[row[1]] > 0, strings.Contains(row[2], client), "docs/fidelity.md, %s: whether %s calls %s", section, client, row[1])
	}
	for name := range called {
		require.True(t, listed[name], "docs/fidelity.md, %s: %s calls %s, which is not listed", section, client, name)
	}
}
