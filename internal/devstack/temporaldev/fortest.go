package temporaldev

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/repsync/repsync/internal/devstack/proc"
)

// Namespace is one test's own namespace on the test binary's server.
type Namespace struct {
	Address string        // host:port, for a client or worker process of the test's own
	Name    string        // the namespace
	Client  client.Client // speaks to the namespace; closed when the test ends
}

// shared is the test binary's server. Nobody stops it: it dies with the binary.
var shared = sync.OnceValues(func() (*Server, error) {
	ctx := context.Background()
	cli, err := Find(ctx)
	if err != nil {
		return nil, err
	}
	log, err := proc.UnnamedLog()
	if err != nil {
		return nil, err
	}
	return Start(ctx, Config{CLI: cli, Headless: true, Log: log, Dynamic: []string{
		// How soon a server notices that nothing needs an old build of a worker deployment: by default after minutes.
		`matching.wv.VersionDrainageStatusRefreshInterval="1s"`, `matching.wv.VersionDrainageStatusVisibilityGracePeriod="1s"`,
	}})
})

// ForTest returns a namespace of the test's own on a real server, which all tests of a binary share and which starts
// with the first of them, in about a second. The server keeps everything in memory.
func ForTest(t testing.TB) *Namespace {
	t.Helper()
	server, err := shared()
	require.NoError(t, err)
	name := namespaceName(t.Name())
	c, err := server.NewNamespace(t.Context(), name)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return &Namespace{Address: server.Address, Name: name, Client: c}
}

var notName = regexp.MustCompile(`[^a-z0-9]+`)

// namespaceName makes a name of a test's name that is unique on the server and says whose it is.
func namespaceName(test string) string {
	s := strings.Trim(notName.ReplaceAllString(strings.ToLower(test), "-"), "-")
	return fmt.Sprintf("%.60s-%s", s, uuid.NewString()[:8])
}
