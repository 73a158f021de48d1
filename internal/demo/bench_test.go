package demo

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/google"
	"github.com/repsync/repsync/internal/connector/salesforce"
	"github.com/repsync/repsync/internal/demo/scenario"
	"github.com/repsync/repsync/internal/demo/verify"
	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// bench is the engine on a bench: the stages that a workflow runs, called one after the other with no Temporal between,
// against both vendors' sandboxes and a real store, on a clock that is moved by hand. People act in world as they do in
// the demo.
type bench struct {
	t      *testing.T
	clock  *sandbox.Clock
	vendor vendors
	world  scenario.World
	store  *store.Store
	stages *activities.Activities
	crm    connector.CRM
	boxes  map[string]connector.Connector // by address
	passes map[string]int64               // by rep
}

// newBench hires reps and puts everything in place but a policy.
func newBench(t *testing.T, reps ...scenario.Rep) *bench {
	t.Helper()
	b := &bench{t: t, clock: &sandbox.Clock{}, boxes: map[string]connector.Connector{}, passes: map[string]int64{}}
	box, err := sandbox.Start(t.Context(), sandbox.Config{Dir: t.TempDir(), Clock: b.clock})
	require.NoError(t, err)
	t.Cleanup(func() { _ = box.Close() })
	b.vendor = vendors{salesforce: box.Salesforce, google: box.Google, salesforceURL: box.SalesforceURL, googleURL: box.GoogleURL,
		mails: func() int { return len(box.Outbox.All()) }}
	b.vendor.hire(reps)
	b.world = b.vendor.world(reps)

	pem, err := os.ReadFile(box.SalesforceKeyFile)
	require.NoError(t, err)
	b.crm, err = salesforce.New(salesforce.Config{Org: scenario.Org, LoginURL: box.SalesforceURL, BaseURL: box.SalesforceURL, Now: b.clock.Now,
		Auth: salesforce.Auth{JWT: &salesforce.JWT{ClientID: sandbox.ConnectedAppID, Username: box.IntegrationUser(), KeyPEM: pem}}})
	require.NoError(t, err)
	key, err := os.ReadFile(box.GoogleKeyFile)
	require.NoError(t, err)
	ring, _ := storetest.Ring(t)
	b.store = storetest.With(t, ring, store.Options{Now: b.clock.Now})
	require.NoError(t, b.store.PutOrg(t.Context(), scenario.Org))
	for _, r := range reps {
		b.boxes[r.Email], err = google.New(google.Config{Org: scenario.Org, Mailbox: r.Email, BaseURLPeople: box.GoogleURL, BaseURLCalendar: box.GoogleURL + "/calendar/v3/",
			ServiceAccount: key, TokenURL: box.GoogleURL + "/token", Now: b.clock.Now})
		require.NoError(t, err)
		require.NoError(t, b.store.AddRep(t.Context(), store.Rep{Org: scenario.Org, Rep: r.Name, Mailbox: r.Email, Profile: scenario.Profile, Active: true}))
	}
	b.stages = activities.New(activities.Config{Store: b.store, Ring: ring, Connect: b, Now: b.clock.Now})
	return b
}

// CRM and Mailbox make the bench the stages' Connectors.
func (b *bench) CRM(string) (connector.CRM, error) { return b.crm, nil }

func (b *bench) Mailbox(_, address string) (connector.Connector, string, error) {
	return b.boxes[address], "google", nil
}

// policy applies a document.
func (b *bench) policy(doc string) {
	b.t.Helper()
	_, err := office{b.store}.applyPolicy(b.t.Context(), scenario.Org, []byte(doc))
	require.NoError(b.t, err)
}

// settle passes reps until none of them finds work. A pass that is held or in trouble fails the test, as do ten without rest.
func (b *bench) settle(reps ...string) {
	b.t.Helper()
	for range 10 {
		rest := true
		for _, rep := range reps {
			rest = !b.pass(rep) && rest
		}
		if rest {
			return
		}
	}
	require.Fail(b.t, "the sides do not come to rest")
}

// pass runs the stages once, as RepSync does, and reports whether there was work.
func (b *bench) pass(rep string) (work bool) {
	b.t.Helper()
	ctx := b.t.Context()
	b.clock.Advance(time.Second)
	f, err := b.stages.Fetch(ctx, activities.FetchIn{Org: scenario.Org, Rep: rep, Pass: b.passes[rep] + 1, Fresh: true})
	require.NoError(b.t, err)
	require.Nil(b.t, f.Trouble, "fetch for %s", rep)
	b.passes[rep] = max(b.passes[rep]+1, f.Pass)
	if !f.Work {
		return false
	}
	p := activities.Pass{Org: scenario.Org, Rep: rep, Pass: f.Pass, Revision: f.Revision, Policy: f.Policy, Complete: f.Complete}
	for _, stage := range []func(context.Context, activities.Pass) (activities.StageOut, error){
		b.stages.Filter, b.stages.Match, b.stages.Write, b.stages.PropagateDeletes, b.stages.Commit} {
		out, err := stage(ctx, p)
		require.NoError(b.t, err)
		require.Nil(b.t, out.Hold, "held: %s", rep)
		require.Nil(b.t, out.Trouble, "trouble: %s", rep)
	}
	return true
}

// look reads both sides, as the verifier does.
func (b *bench) look() verify.Snapshot {
	b.t.Helper()
	s, err := verify.Read(b.t.Context(), b.vendor.seen(b.world))
	require.NoError(b.t, err)
	return s
}

// parked lists what is parked for a rep.
func (b *bench) parked(rep string) []store.Parked {
	b.t.Helper()
	list, err := b.store.ParkedList(b.t.Context(), scenario.Org, rep, 0)
	require.NoError(b.t, err)
	return list
}
