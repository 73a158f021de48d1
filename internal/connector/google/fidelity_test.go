package google_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/google"
	"github.com/repsync/repsync/internal/sandbox/fidelity"
)

// sent notes what the connectors of all benches send.
var sent fidelity.Recorder

// TestMain holds docs/fidelity.md against what was sent.
func TestMain(m *testing.M) { os.Exit(fidelity.Main(m, "Google", &sent)) }

// The checks of a connection send requests too.
func TestChecksOfAMailboxThatLacksNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	account, err := b.server.ServiceAccountJSON(b.url + "/token")
	require.NoError(t, err)
	k, err := google.NewChecker(google.Config{Org: "acme", Mailbox: alice, ServiceAccount: account, HTTPClient: sent.Client(),
		BaseURLPeople: b.url, BaseURLCalendar: b.url + "/calendar/v3"})
	require.NoError(t, err)
	for _, c := range k.Checks(connector.CheckQuery{}) {
		f := c.Run(t.Context())
		require.Equal(t, connector.OK, f.Standing, "%s: %s", c.ID, f.Found)
	}
}
