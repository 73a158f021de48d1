package e2e

import (
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/devstack/postgres"
	"github.com/repsync/repsync/internal/devstack/temporaldev"
	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/internal/sandbox/google"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/workflows"
)

// failing waits until a rep shows a trouble of a class and code and says what to do about it.
func (w *world) failing(rep, class, code string) workflows.Status {
	w.t.Helper()
	st := w.until(rep, "failing with "+code, func(st workflows.Status) bool {
		return st.State == workflows.Failing && st.Trouble != nil && st.Trouble.Class == class && (code == "" || st.Trouble.Code == code)
	})
	require.NotEmpty(w.t, st.Trouble.Remedy)
	require.NotEmpty(w.t, st.Trouble.Code)
	return st
}

func TestUnknownRepAndOrgWaitAndRecover(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.policy("")
	people(w)
	first := w.worker()
	w.hire("bob")
	w.person("bob", someone("Edsger", "Dijkstra", "edsger@customer.test", ""))
	w.start("bob")
	st := w.failing("bob", activities.ClassConfig, "unknown_rep")
	require.Contains(t, st.Trouble.Remedy, "starter rep add")
	w.addRep("bob")
	w.mustCLI("temporal workflow signal --workflow-id rep:acme:bob --name sync-now")
	w.rest("bob", st.Pass)
	require.NotEmpty(t, w.contactOf("edsger@customer.test"))

	w.mustCLI(`temporal workflow start --type RepSync --task-queue repsync --workflow-id rep:globex:alice --input '{"org":"globex","rep":"alice"}'`)
	answer := func() (st workflows.Status) {
		got, err := w.temporal.Client.QueryWorkflow(t.Context(), "rep:globex:alice", "", workflows.QueryStatus)
		if err == nil {
			_ = got.Get(&st)
		}
		return st
	}
	w.eventually(func() bool { st = answer(); return st.State == workflows.Failing && st.Trouble != nil }, func() string { return "an unknown org is not said to be: " + show(st) })
	require.NotEmpty(t, st.Trouble.Remedy)

	// The org joins the configuration, which a worker reads when it starts.
	text, err := os.ReadFile(w.file("repsync.yaml"))
	require.NoError(t, err)
	var c config.Config
	require.NoError(t, yaml.Unmarshal(text, &c))
	c.Orgs["globex"] = c.Orgs[org]
	text, err = yaml.Marshal(c)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.file("repsync.yaml"), text, 0o600))
	require.NoError(t, first.Stop(patience))
	w.worker()
	w.eventually(func() bool {
		return w.store.AddRep(t.Context(), store.Rep{Org: "globex", Rep: "alice", Mailbox: address("alice"), Active: true}) == nil
	}, func() string { return "the worker does not make the new org known" })
	w.mustCLI("temporal workflow signal --workflow-id rep:globex:alice --name sync-now")
	w.eventually(func() bool { st = answer(); return st.State == workflows.Idle && st.Trouble == nil && st.Pass > 1 }, func() string { return "the rep of the new org does not recover: " + show(st) })
}

func TestVendorThatIsDownComesBack(t *testing.T) {
	t.Parallel()
	for name, down := range map[string]fault.Rule{
		"no answer":   {Kind: fault.Drop},
		"503":         {Kind: fault.Status, Status: 503, Body: "<html>upstream</html>"},
		"half answer": {Kind: fault.Truncate},
	} {
		for _, vendor := range []string{"salesforce", "google"} {
			t.Run(vendor+"/"+name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, options{})
				w.policy("")
				people(w)
				injector := w.box.SalesforceFaults
				if vendor == "google" {
					injector = w.box.GoogleFaults
				}
				injector.MustAdd(down)
				w.worker()
				w.start("alice")
				w.failing("alice", activities.ClassRetry, "")
				injector.Clear()
				w.rest("alice", 1) // by itself: nobody signals
				require.NotEmpty(t, w.personOf("alice", "ada@customer.test"))
				require.NotEmpty(t, w.contactOf("edsger@customer.test"))
			})
		}
	}
}

func TestRevokedCredentialsAreShownAndMended(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{reps: []string{"alice", "bob"}})
	w.policy("")
	people(w)
	w.worker()
	for _, rep := range []string{"alice", "bob"} {
		w.start(rep)
		w.rest(rep, 0)
	}
	w.box.Google.AddUser(address("bob"), true) // one account is suspended
	w.box.Google.RevokeTokens(address("bob"))
	w.syncNow("bob")
	st := w.failing("bob", activities.ClassReconnect, "")
	w.editContact("alice", w.contactOf("ada@customer.test"), fields{"Title": "Countess"})
	w.sync("alice")
	require.Contains(t, w.bookText("ada@customer.test"), "Countess", "the other rep is not affected")
	w.box.Google.AddUser(address("bob"), false)
	w.syncNow("bob")
	w.rest("bob", st.Pass)

	w.box.Google.RevokeDelegation() // everybody's
	w.syncNow("alice")
	st = w.failing("alice", activities.ClassReconnect, "")
	require.Contains(t, st.Trouble.Remedy, "sync-now")
	w.eventually(func() bool { return w.listed(`RepsyncState="failing" AND RepsyncOrg="acme"`) >= 1 }, func() string { return "a failing rep is not found by its state" })
	w.editContact("alice", w.contactOf("ada@customer.test"), fields{"Title": "Lady"})
	w.box.Google.SetDelegation(google.DefaultScopes...)
	w.syncNow("alice")
	w.rest("alice", st.Pass)
	require.Contains(t, w.bookText("ada@customer.test"), "Lady")
}

// TestLongRetryAfterIsWaitedOutAcrossRestarts lets an hour pass by moving the time that the store remembers: what is under
// test is that nobody asks before it.
func TestLongRetryAfterIsWaitedOutAcrossRestarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.policy("")
	people(w)
	first := w.worker()
	w.start("alice")
	pass := w.rest("alice", 0).Pass
	w.box.GoogleFaults.MustAdd(fault.Rule{Name: "busy", Path: `/v1/people/me/connections`, Kind: fault.Status, Status: 429, Code: "rateLimitExceeded", RetryAfter: fault.Duration(time.Hour)})
	w.syncNow("alice")
	st := w.until("alice", "told to wait", func(st workflows.Status) bool {
		return st.Pass > pass && st.Trouble != nil && !st.Trouble.Until.IsZero()
	})
	require.WithinDuration(t, time.Now().Add(time.Hour), st.Trouble.Until, 5*time.Minute)
	asked := w.box.GoogleFaults.Hits()["busy"]
	require.Equal(t, 1, asked)

	require.NoError(t, first.Stop(0))
	second := w.worker()
	w.syncNow("alice")
	w.until("alice", "past another pass", func(now workflows.Status) bool { return now.Pass > st.Pass })
	require.NoError(t, second.Stop(patience))
	w.worker()
	w.editContact("alice", w.contactOf("ada@customer.test"), fields{"Title": "Countess"})
	before, _ := w.status("alice")
	w.syncNow("alice")
	st = w.until("alice", "past a third pass", func(now workflows.Status) bool { return now.Pass > before.Pass && now.Pass > st.Pass+1 })
	require.Equal(t, workflows.Failing, st.State, "the wait is shown")
	require.WithinDuration(t, time.Now().Add(time.Hour), st.Trouble.Until, 5*time.Minute)
	require.Equal(t, asked, w.box.GoogleFaults.Hits()["busy"], "the mailbox was asked before its time")
	require.NotContains(t, w.bookText("ada@customer.test"), "Countess", "a vendor that asks for an hour's rest is not written to either")

	w.box.GoogleFaults.Clear()
	conn, err := pgx.Connect(t.Context(), w.database)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	moved, err := conn.Exec(t.Context(), "update cursor set retry_at = retry_at - interval '2 hours' where retry_at is not null")
	require.NoError(t, err)
	require.EqualValues(t, 1, moved.RowsAffected())
	w.syncNow("alice")
	w.rest("alice", st.Pass)
	require.Contains(t, w.bookText("ada@customer.test"), "Countess")
}

// TestServersAndWorkersRestart stops Postgres, Temporal and the worker, one after the other, in the middle of a rep's life.
func TestServersAndWorkersRestart(t *testing.T) {
	t.Parallel()
	ctx := context.WithoutCancel(t.Context())
	dir, err := os.MkdirTemp("/tmp", "repsync-e2e-postgres-") // where Postgres's user may go
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	db, err := postgres.Start(ctx, postgres.Config{Dir: dir, Fast: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Stop() })
	u, err := url.Parse(db.URL())
	require.NoError(t, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)

	cli, err := temporaldev.Find(ctx)
	require.NoError(t, err)
	own := temporaldev.Config{CLI: cli, DB: filepath.Join(t.TempDir(), "temporal.db"), Headless: true}
	server, err := temporaldev.Start(ctx, own)
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Stop() })
	c, err := client.DialContext(ctx, client.Options{HostPort: server.Address})
	require.NoError(t, err)
	t.Cleanup(c.Close)

	w := newWorld(t, options{postgres: db.URL(), temporal: &temporaldev.Namespace{Address: server.Address, Name: "default", Client: c}})
	w.policy("")
	people(w)
	worker := w.worker()
	w.start("alice")
	pass := w.rest("alice", 0).Pass

	t.Log("Postgres stops while a change waits, and comes back")
	w.editContact("alice", w.contactOf("ada@customer.test"), fields{"Title": "Countess"})
	require.NoError(t, db.Stop())
	w.syncNow("alice")
	w.eventually(func() bool { // the stage fails and is tried again: Temporal shows it
		d, err := c.DescribeWorkflowExecution(ctx, workflows.RepID(org, "alice"), "")
		return err == nil && len(d.GetPendingActivities()) == 1 && d.GetPendingActivities()[0].GetLastFailure() != nil
	}, func() string { return "the stage does not notice that Postgres is gone" })
	db, err = postgres.Start(ctx, postgres.Config{Dir: dir, Port: port, Fast: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Stop() })
	pass = w.rest("alice", pass).Pass
	require.Contains(t, w.bookText("ada@customer.test"), "Countess")

	t.Log("Temporal stops and comes back with its database")
	_, temporalPort, err := net.SplitHostPort(server.Address)
	require.NoError(t, err)
	own.Port, err = strconv.Atoi(temporalPort)
	require.NoError(t, err)
	require.NoError(t, server.Stop())
	w.editContact("alice", w.contactOf("ada@customer.test"), fields{"Title": "Lady"})
	server, err = temporaldev.Start(ctx, own)
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Stop() })
	require.Equal(t, w.temporal.Address, server.Address)
	w.eventually(func() bool {
		return c.SignalWorkflow(ctx, workflows.RepID(org, "alice"), "", workflows.SignalSyncNow, nil) == nil
	}, func() string { return "Temporal takes no signal" })
	pass = w.rest("alice", pass).Pass
	require.Contains(t, w.bookText("ada@customer.test"), "Lady")

	t.Log("the worker stops in peace; what was signalled meanwhile waits for the next")
	require.NoError(t, worker.Stop(patience))
	require.NoError(t, worker.Err(), "a worker that is asked to stop ends with code 0")
	w.editContact("alice", w.contactOf("ada@customer.test"), fields{"Title": "Programmer"})
	w.syncNow("alice")
	w.worker()
	w.rest("alice", pass)
	require.Contains(t, w.bookText("ada@customer.test"), "Programmer")
}
