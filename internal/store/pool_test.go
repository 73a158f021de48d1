package store_test

import (
	"context"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/devstack/postgres"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/internal/store/storetest"
)

// A server that goes away breaks the connection in use; the next call opens another one.
func TestBrokenConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	err := store.Exec(f.ctx, f.Store, `select pg_terminate_backend(pg_backend_pid())`)
	require.Error(t, err)
	_, err = f.GetRep(f.ctx, acme, alice)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	_, err = f.GetRep(ctx, acme, alice)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, f.PutLinks(f.ctx, acme, alice, f.epoch, record.Contact, []planner.Link{link("l1", "c1", "m1")}))
}

// A pass does not notice that the server was restarted between two of its calls, though every connection is dead then and
// none has lain idle long enough for the pool to check it.
func TestRestartBetweenTwoCalls(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir, err := os.MkdirTemp("/tmp", "repsync-store-test-") // the server's user may not enter t.TempDir
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	server, err := postgres.Start(ctx, postgres.Config{Dir: dir, Fast: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	at, err := url.Parse(server.URL())
	require.NoError(t, err)
	port, err := strconv.Atoi(at.Port())
	require.NoError(t, err)

	ring, _ := storetest.Ring(t)
	s, err := store.Open(ctx, server.URL(), ring, store.Options{})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	store.Repool(s, func(config *pgxpool.Config) { // however slow the restart is
		config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	})
	require.NoError(t, s.Migrate(ctx))
	require.NoError(t, s.PutOrg(ctx, acme))
	require.NoError(t, s.AddRep(ctx, store.Rep{Org: acme, Rep: alice, Mailbox: "alice@acme.test", CRMUser: "005A", Active: true}))
	epoch, err := s.Acquire(ctx, acme, alice, "worker-1", time.Hour)
	require.NoError(t, err)

	for name, call := range map[string]func() error{
		"a query": func() error {
			_, err := s.GetRep(ctx, acme, alice)
			return err
		},
		"a batch of queries": func() error {
			_, err := s.Situation(ctx, acme, alice)
			return err
		},
		"a transaction": func() error {
			return s.Stage(ctx, acme, alice, epoch, []store.Staged{seen(record.CRM, item("c1", "t1", 1, "Ann"))}, store.Cursor{})
		},
		"a check of the schema": func() error { return s.Check(ctx) },
	} {
		require.NoError(t, call(), name)
		store.Occupy(t, s, 4) // that many lie idle afterwards
		require.NoError(t, server.Stop())
		server, err = postgres.Start(ctx, postgres.Config{Dir: dir, Port: port, Fast: true})
		require.NoError(t, err)
		require.NoError(t, call(), name)
	}

	require.NoError(t, server.Stop())
	_, err = s.GetRep(ctx, acme, alice)
	require.ErrorContains(t, err, store.CodeConnection)
	require.True(t, store.Transient(err), "gone for good is for Temporal to try again")
}

// What broke inside a transaction is not run twice behind its caller's back.
func TestBrokenTransactionIsTheCallersToRetry(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	runs, err := store.BreakInside(f.ctx, f.Store)
	require.Error(t, err)
	require.True(t, store.Transient(err), "%v", err)
	require.Equal(t, 1, runs)
}

func TestClosedStoreSaysSo(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Close()
	f.Close()
	_, err := f.GetRep(f.ctx, acme, alice)
	require.ErrorContains(t, err, store.CodeConnection)
}

// A few connections serve any number of callers.
func TestPoolLendsToEverybody(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	errs := make(chan error)
	for range 50 {
		go func() {
			_, err := f.Situation(f.ctx, acme, alice)
			errs <- err
		}()
	}
	for range 50 {
		require.NoError(t, <-errs)
	}
}

func TestURLSetsThePool(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		query string
		conns int32
		ping  time.Duration
	}{
		"defaults": {"", 8, 5 * time.Second},
		"given":    {"?pool_max_conns=3&pool_ping_timeout=2s", 3, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, err := store.Parse("postgres://somebody@127.0.0.1:1/x"+tt.query, "crm")
			require.NoError(t, err)
			require.Equal(t, tt.conns, config.MaxConns)
			require.Equal(t, tt.ping, config.PingTimeout)
			require.Equal(t, 10*time.Second, config.ConnConfig.ConnectTimeout)
			require.Equal(t, `"crm"`, config.ConnConfig.RuntimeParams["search_path"])
		})
	}
}
