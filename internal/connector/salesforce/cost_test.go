package salesforce_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/salesforce"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
)

// What calls cost stands in docs/bench.md; these hold the counts.

func TestFindAsksForAsMuchAsAURIHolds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.crm = b.connect(salesforce.Config{PageSize: 2000})
	emails, names := make([]string, 1000), make([]string, 1000)
	for n := range emails {
		emails[n] = fmt.Sprintf("person%d@customer.test", n)
		names[n] = record.NameKey(record.Fields{record.FieldGiven: "Given", record.FieldFamily: fmt.Sprint("Family", n), record.FieldCompany: fmt.Sprint("Company ", n)})
	}
	b.insert("Contact", map[string]any{"LastName": "P", "Email": emails[999]})
	_, err := b.crm.Find(t.Context(), record.Contact, connector.ByName, names[:1], nil)
	require.NoError(t, err)
	for _, c := range []struct {
		by   connector.By
		keys []string
		most int
	}{{connector.ByEmail, emails, 3}, {connector.ByName, names, 8}} {
		b.org.ResetCalls()
		_, err := b.crm.Find(t.Context(), record.Contact, c.by, c.keys, nil)
		require.NoError(t, err)
		require.LessOrEqual(t, sum(b.org.Calls()), c.most, "%s: %v", c.by, b.org.Calls())
	}
	found, err := b.crm.Find(t.Context(), record.Contact, connector.ByEmail, emails, nil)
	require.NoError(t, err)
	require.Len(t, found[emails[999]], 1)
}

// The vendor takes 16,384 bytes of the URI and the headers together, and an app may issue tokens that are JWTs.
func TestLongTokensLeaveLessOfAURI(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.org.LongerTokens(3000)
	b.crm = b.connect(salesforce.Config{PageSize: 2000})
	emails := make([]string, 1000)
	for n := range emails {
		emails[n] = fmt.Sprintf("person%d@customer.test", n)
	}
	b.insert("Contact", map[string]any{"LastName": "P", "Email": emails[999]})
	found, err := b.crm.Find(t.Context(), record.Contact, connector.ByEmail, emails, nil)
	require.NoError(t, err)
	require.Len(t, found[emails[999]], 1)
}

// A semi-join stands at the top level of a query on later pages too.
func TestRightsOfManyPagesAreReadByTheJoin(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.crm = b.connect(salesforce.Config{PageSize: 20})
	b.faults.MustAdd(fault.Rule{Kind: fault.Status, Path: "/query", Query: `SELECT Id,PermissionSetId`, Status: 500, Body: `[]`})
	b.org.ResetCalls()
	_, err := b.crm.Caps(t.Context(), record.Contact, b.alice)
	require.NoError(t, err)
	require.Greater(t, b.org.Calls()["query"], 1, "%v", b.org.Calls())
}

func TestCompaniesAreLookedUpOnceAMinute(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one := b.insert("Account", map[string]any{"Name": "Acme"})
	write := func(key string, companies ...string) int {
		var ops []connector.Op
		for n, company := range companies {
			ops = append(ops, connector.Op{Verb: connector.Create, Key: fmt.Sprint(key, n), Set: record.Fields{record.FieldFamily: "New", record.FieldCompany: company}})
		}
		b.org.ResetCalls()
		results, err := b.crm.Write(t.Context(), record.Contact, ops)
		require.NoError(t, err)
		for i, r := range results {
			require.NoError(t, r.Err)
			want := any(nil)
			if companies[i] == "acme" || companies[i] == "Acme" {
				want = one
			}
			require.Equal(t, want, b.row(r.Ref.ID)["AccountId"], companies[i])
		}
		return b.org.Calls()["query"]
	}
	write("describe", "Other")
	require.Equal(t, 1, write("first", "Acme", "Nobody"))
	require.Zero(t, write("again", "acme", "Nobody"), "also which name no account bears")
	require.Equal(t, 1, write("more", "Acme", "Nobody else"))
	b.clock.advance(2 * time.Minute)
	require.Equal(t, 1, write("later", "Acme", "Nobody"))
}

func TestAReadThatNobodyGoesOnFromIsOnlyItsPages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.insert("Contact", map[string]any{"LastName": "P", "OwnerId": b.alice})
	b.changes(connector.Query{Owner: b.alice})
	b.org.ResetCalls()
	d, err := b.crm.Changes(t.Context(), record.Contact, connector.Query{Owner: b.alice, Once: true})
	require.NoError(t, err)
	require.Len(t, d.Items, 1)
	require.True(t, d.Complete)
	require.Nil(t, d.Token)
	require.Equal(t, 1, sum(b.org.Calls()), "%v", b.org.Calls())
}

// Whoever takes part in an event is asked for with it. What was changed last is shown for twice the overlap, and not until
// somebody changes something.
func TestPollOfAQuietOrgIsOneQuery(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.insert("Event", map[string]any{"Subject": "Visit", "OwnerId": b.alice, "StartDateTime": "2026-11-20T09:00:00.000Z", "DurationInMinutes": 30})
	d, err := b.crm.Changes(t.Context(), record.Event, connector.Query{FromNow: true})
	require.NoError(t, err)
	poll := func() int {
		b.org.ResetCalls()
		d, err = b.crm.Changes(t.Context(), record.Event, connector.Query{Token: d.Token})
		require.NoError(t, err)
		return b.org.Calls()["query"] + b.org.Calls()["queryAll"]
	}
	require.Equal(t, 2, poll(), "the event, and its ties")
	b.clock.advance(15 * time.Minute)
	require.Equal(t, 2, poll(), "somebody may have been invited since")
	require.Empty(t, d.Items)
	b.clock.advance(10 * time.Minute)
	poll()
	for range 3 {
		b.clock.advance(time.Minute)
		require.Equal(t, 1, poll())
	}
	b.insert("Event", map[string]any{"Subject": "Next", "OwnerId": b.alice, "StartDateTime": "2026-11-20T09:00:00.000Z", "DurationInMinutes": 30})
	poll()
	require.Len(t, d.Items, 1)
}
