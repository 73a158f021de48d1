package salesforce_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/salesforce"
	"github.com/repsync/repsync/internal/sandbox/fidelity"
)

// sent notes what the connectors of all benches send.
var sent fidelity.Recorder

// TestMain holds docs/fidelity.md against what was sent.
func TestMain(m *testing.M) { os.Exit(fidelity.Main(m, "Salesforce", &sent)) }

// The checks of a connection send requests too.
func TestChecksOfAnOrgThatLacksNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key())})
	k, err := salesforce.NewChecker(salesforce.Config{Org: "acme", LoginURL: b.url, HTTPClient: sent.Client(), Now: b.clock.now,
		Auth: salesforce.Auth{JWT: &salesforce.JWT{ClientID: "app", Username: "api@acme.test", KeyPEM: pemKey}}})
	require.NoError(t, err)
	for _, c := range k.Checks(connector.CheckQuery{User: b.alice}) {
		if f := c.Run(t.Context()); c.ID != "salesforce.clock" { // the bench has a clock of its own
			require.NotEqual(t, connector.Lacking, f.Standing, "%s: %s", c.ID, f.Found)
		}
	}
}
