package budget_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/budget"
	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/credential"
	"github.com/repsync/repsync/internal/connector/salesforce"
	"github.com/repsync/repsync/internal/record"
	sandbox "github.com/repsync/repsync/internal/sandbox/salesforce"
)

// Sforce-Limit-Info is obeyed: passes stop at the reserve, people at the limit, and both go on once the day has passed, though
// nobody but the next answer says so. Other programs use the same budget.
func TestSalesforceLimitIsObeyed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	org := sandbox.New(sandbox.Config{Clock: w.now, DailyLimit: 60})
	srv := httptest.NewServer(org)
	t.Cleanup(srv.Close)
	org.SetBaseURL(srv.URL)
	org.AddUser(sandbox.User{Username: "api@acme.test", Name: "Integration User", Profile: "System Administrator", Active: true, Password: "secret", ViewAll: true, ModifyAll: true})
	org.ConnectedApp("app", "app-secret", nil)
	crm := func(m *budget.Meters) connector.CRM {
		c, err := salesforce.New(salesforce.Config{Org: "acme", LoginURL: srv.URL, BaseURL: srv.URL, Now: w.now, Meter: m.CRM("acme", config.Budget{Reserve: 10}),
			Auth: salesforce.Auth{Password: &salesforce.Password{ClientID: "app", ClientSecret: credential.Fixed("app-secret"), Username: "api@acme.test", Password: credential.Fixed("secret")}}})
		require.NoError(t, err)
		return c
	}
	one, two := crm(w.worker()), crm(w.worker())
	until := func(c connector.CRM, awaited bool) error {
		ctx := t.Context()
		if awaited {
			ctx = connector.Awaited(ctx)
		}
		for range 100 {
			if _, err := c.Changes(ctx, record.Contact, connector.Query{FromNow: true}); err != nil {
				return err
			}
		}
		return nil
	}
	used := func() int {
		n := 0
		for kind, times := range org.Calls() {
			if kind != "token" {
				n += times
			}
		}
		return n
	}
	spent(t, until(one, false))
	require.Equal(t, 54, used())
	w.pass(time.Second)
	spent(t, until(two, false))
	require.LessOrEqual(t, used(), 55, "the other worker finds out with its first call at the latest")
	spent(t, until(two, true))
	require.Equal(t, 60, used(), "people have the rest, and the vendor refused nothing")
	w.pass(26 * time.Hour)
	_, err := one.Changes(t.Context(), record.Contact, connector.Query{FromNow: true})
	require.NoError(t, err)
}
