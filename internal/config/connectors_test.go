package config

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// twoOrgs has two orgs that sign in with files beside the document.
const twoOrgs = `orgs:
  acme:
    crm: {connector: salesforce, base_url: https://acme.test, auth: {bearer: {token_file: crm.token}}}
    mailboxes:
      - {domains: [acme.test], connector: google, auth: {bearer: {token_file: mail.token}}}
      - {domains: [acme.example], connector: google, auth: {service_account: {key_file: none.json}}}
  other:
    crm: {connector: salesforce, auth: {jwt: {client_id: c, username: u, key_file: none.pem}}}
    mailboxes: [{domains: [other.test], connector: google, auth: {bearer: {token_file: mail.token}}}]
`

func connectors(t *testing.T) *Connectors {
	t.Helper()
	c, err := Parse(t.TempDir()+"/repsync.yaml", []byte(twoOrgs))
	require.NoError(t, err)
	return NewConnectors(c)
}

func TestConnectorsAreBuiltOnce(t *testing.T) {
	t.Parallel()
	c := connectors(t)
	first, err := c.CRM("acme")
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			again, err := c.CRM("acme")
			if err != nil || again != first {
				t.Errorf("a second call gave another connector, error %v", err)
			}
		})
	}
	wg.Wait()

	alice, provider, err := c.Mailbox("acme", "alice@acme.test")
	require.NoError(t, err)
	require.Equal(t, Google, provider)
	same, _, err := c.Mailbox("acme", "Alice@ACME.test")
	require.NoError(t, err)
	require.Same(t, alice, same, "an address's case does not matter")
	bob, _, err := c.Mailbox("acme", "bob@acme.test")
	require.NoError(t, err)
	require.NotSame(t, alice, bob)
}

// Each kind of a mailbox is read where the configuration says that its service is.
func TestMailboxReadsWhereItIsTold(t *testing.T) {
	t.Parallel()
	paths := make(chan string, 2)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths <- r.URL.Path
		_, _ = w.Write([]byte(`{"nextSyncToken":"t"}`))
	}))
	t.Cleanup(srv.Close)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/mail.token", []byte("t"), 0o600))
	text := strings.Replace(twoOrgs, "connector: google, auth", "connector: google, base_urls: {people: "+srv.URL+"/p, calendar: "+srv.URL+"/c/calendar/v3}, auth", 1)
	c, err := Parse(dir+"/repsync.yaml", []byte(text))
	require.NoError(t, err)
	box, _, err := NewConnectors(c).Mailbox("acme", "alice@acme.test")
	require.NoError(t, err)
	for kind, path := range map[record.Kind]string{record.Contact: "/p/v1/people/me/connections", record.Event: "/c/calendar/v3/calendars/primary/events"} {
		_, err := box.Changes(t.Context(), kind, connector.Query{})
		require.NoError(t, err)
		require.Equal(t, path, <-paths)
	}
}

func TestConnectorsExplain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		ask  func(*Connectors) error
		want []string
	}{
		{"an org that is not configured", func(c *Connectors) error { _, err := c.CRM("acne"); return err }, []string{`no org "acne"`, "under orgs"}},
		{"the same for a mailbox", func(c *Connectors) error { _, _, err := c.Mailbox("acne", "a@acme.test"); return err }, []string{`no org "acne"`}},
		{"a domain of another org", func(c *Connectors) error { _, _, err := c.Mailbox("acme", "eve@other.test"); return err }, []string{"org acme", "the domain other.test", "add one"}},
		{"no address at all", func(c *Connectors) error { _, _, err := c.Mailbox("acme", "alice"); return err }, []string{"no address with a domain"}},
		{"a CRM key that is not there", func(c *Connectors) error { _, err := c.CRM("other"); return err }, []string{"org other", "auth.jwt.key_file", "none.pem", "correct its path"}},
		{"a mailbox key that is not there", func(c *Connectors) error { _, _, err := c.Mailbox("acme", "eve@acme.example"); return err }, []string{"auth.service_account.key_file", "none.json"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.ask(connectors(t))
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), "eve@", "no address is quoted")
		})
	}
}

func TestConnectorsTryAgainAfterAnError(t *testing.T) {
	t.Parallel()
	c := connectors(t)
	broken := true
	built := c.crm[Salesforce]
	c.crm = map[string]func(string, CRM, Use) (connector.CRM, error){Salesforce: func(org string, crm CRM, use Use) (connector.CRM, error) {
		if broken {
			return nil, errors.New("the file is being replaced")
		}
		return built(org, crm, use)
	}}
	_, err := c.CRM("acme")
	require.ErrorContains(t, err, "org acme: connect CRM: the file is being replaced")
	broken = false
	_, err = c.CRM("acme")
	require.NoError(t, err, "an error is not kept")
}
