package clients_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox/google"
)

// TestGoogleapis performs google.mjs: sign-in by a service account for a user, Calendar and People, through Google's own
// clients.
func TestGoogleapis(t *testing.T) {
	t.Parallel()
	needNode(t)
	sb := start(t)
	for _, rep := range []string{"alice", "bob"} {
		sb.AddRep(rep+"@acme.test", rep, "")
	}
	sb.Google.AddUser("left@acme.test", true)
	sb.Google.SetDelegation(google.ScopeContacts, google.ScopeContactsReadonly, google.ScopeCalendar, google.ScopeCalendarReadonly)
	shared, err := sb.Google.AddCalendar("bob@acme.test", "Bob's team")
	require.NoError(t, err)
	require.NoError(t, sb.Google.ShareCalendar(shared, "alice@acme.test", "reader"))
	notes := &recorder{}
	url := notes.serve(t, sb.Google)
	proxy, authority := proxyFor(t, notes.around(sb.Google))
	check(t, googleCalls, run(t, "google.mjs", map[string]string{"url": url, "control": sb.ControlURL, "keyFile": sb.GoogleKeyFile,
		"otherKey": strangersKey(t), "shared": shared, "clientId": google.OAuthClientID, "clientSecret": google.OAuthClientSecret},
		// What a company sets whose programs reach the outside through a proxy.
		"HTTPS_PROXY="+proxy, "NO_PROXY=127.0.0.1", "NODE_EXTRA_CA_CERTS="+authority))
	checkFidelity(t, "Google", "googleapis", sb.Google.Calls())
}
