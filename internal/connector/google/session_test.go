package google

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/credential"
	sandbox "github.com/repsync/repsync/internal/sandbox/google"
)

// signedIn is a client of a mailbox at a sandbox, and how often a token was asked for.
func signedIn(t *testing.T) (c *client, server *sandbox.Server, asked func() int) {
	t.Helper()
	server, err := sandbox.New(sandbox.Config{})
	require.NoError(t, err)
	srv := httptest.NewServer(server)
	t.Cleanup(srv.Close)
	server.AddUser("alice@acme.test", false)
	key, err := server.ServiceAccountJSON(srv.URL + "/token")
	require.NoError(t, err)
	cfg := Config{Org: "acme", Mailbox: "alice@acme.test", BaseURLPeople: srv.URL, Key: credential.Fixed(key)}.WithDefaults()
	c, err = newClient(cfg, cfg.BaseURLPeople, scopeContacts)
	require.NoError(t, err)
	return c, server, func() int { return server.Calls()["token"] }
}

// due makes it time to renew the token.
func (c *client) due() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session.renew = time.Now().Add(-time.Second)
}

func TestATokenIsRenewedBeforeItEnds(t *testing.T) {
	t.Parallel()
	c, server, asked := signedIn(t)
	first, err := c.current(t.Context(), 0)
	require.NoError(t, err)
	ahead := time.Until(first.renew)
	require.True(t, ahead > 49*time.Minute && ahead < 56*time.Minute, "renewed in %s of an hour", ahead)
	again, err := c.current(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, first.number, again.number)
	require.Equal(t, 1, asked())

	c.due()
	second, err := c.current(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, first.number+1, second.number)
	require.NotEqual(t, first.token.AccessToken, second.token.AccessToken)

	c.due()
	c.signing <- struct{}{} // another request renews it just now
	same, err := c.current(t.Context(), 0)
	require.NoError(t, err, "nobody waits for a token that only comes before its time")
	require.Equal(t, second.number, same.number)
	<-c.signing

	server.RevokeDelegation()
	kept, err := c.current(t.Context(), 0)
	require.NoError(t, err, "the token holds, whatever became of the right to a new one")
	require.Equal(t, second.number, kept.number)
	require.Equal(t, 3, asked())
	_, err = c.current(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, 3, asked(), "not asked again at every request")
	_, err = c.current(t.Context(), kept.number)
	require.Equal(t, connector.Reconnect, connector.ClassOf(err), "a token that the API refuses is no longer kept")
}

func TestWhatARefusalConcerns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code, words string
		want        trouble
	}{
		{"unauthorized_client", "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.", ofScope},
		{"access_denied", "Requested client not authorized.", ofScope},
		{"invalid_scope", "Invalid OAuth scope or ID token audience provided.", ofScope},
		{"invalid_grant", "Invalid email or User ID", ofMailbox},
		{"invalid_grant", "Not a valid email or user ID.", ofMailbox},
		{"invalid_grant", "account_disabled", ofMailbox},
		{"invalid_grant", "Invalid JWT Signature.", ofKey},
		{"invalid_grant", "Invalid grant: account not found", ofKey},
		{"invalid_client", "The OAuth client was not found.", ofKey},
		{"http_503", "", ofKey},
	} {
		require.Equal(t, c.want, troubleOf(&connector.Error{Code: c.code, Words: c.words}), "%s %s", c.code, c.words)
	}
}

func TestClockCheck(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(nil)
	t.Cleanup(server.Close)
	for _, c := range []struct {
		off  time.Duration
		want connector.Standing
	}{{0, connector.OK}, {-2 * time.Minute, connector.Warning}, {time.Hour, connector.Lacking}} {
		k, err := NewChecker(Config{Org: "acme", Token: credential.Fixed("t"), BaseURLPeople: server.URL, BaseURLCalendar: server.URL + "/calendar/v3/",
			Now: func() time.Time { return time.Now().Add(c.off) }})
		require.NoError(t, err)
		list := k.Checks(connector.CheckQuery{})
		require.Equal(t, connector.OK, list[0].Run(t.Context()).Standing)
		require.Equal(t, "google.clock", list[1].ID)
		require.Equal(t, c.want, list[1].Run(t.Context()).Standing, c.off)
	}
}
