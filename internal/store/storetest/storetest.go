// Package storetest gives tests a store on a real Postgres, each in a schema of its own. When a test has ended, another one
// may get its schema, without a row in it.
//
// The server is DATABASE_URL's when that is set, else a private one per test binary, started by the first test that asks
// and ended by Main, or with the process when that dies:
//
//	func TestMain(m *testing.M) { storetest.Main(m) }
//
// A binary without that TestMain leaks no server either, but leaves a directory in /tmp to the next one.
package storetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/devstack/postgres"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/store"
)

var cluster struct {
	once sync.Once
	own  *postgres.Cluster
	url  string
	err  error
}

// Main runs the tests and then ends the server. Call it from TestMain.
func Main(m *testing.M) {
	shelf.open = true
	code := m.Run()
	if err := clearShelf(context.Background(), cluster.own == nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	if cluster.own != nil {
		if err := cluster.own.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// URL returns the database that tests share.
func URL(t testing.TB) string {
	t.Helper()
	cluster.once.Do(func() {
		if cluster.url = os.Getenv("DATABASE_URL"); cluster.url != "" {
			return
		}
		if cluster.own, cluster.err = postgres.Start(context.Background(), postgres.Config{Fast: true}); cluster.err == nil {
			cluster.url = cluster.own.URL()
		}
	})
	require.NoError(t, cluster.err)
	return cluster.url
}

// Ring returns a fresh keyring and the path of its file.
func Ring(t testing.TB) (*keyring.Ring, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyring.json")
	ring, err := keyring.Generate(path)
	require.NoError(t, err)
	return ring, path
}

// New returns a migrated store without a row, in a schema that is the test's own until it ends, with a fresh keyring.
func New(t testing.TB) *store.Store {
	t.Helper()
	ring, _ := Ring(t)
	return With(t, ring, store.Options{})
}

// With is New with the caller's keyring and options. A Schema that is named, by Migrated or Schema, may be opened several
// times.
func With(t testing.TB, ring *keyring.Ring, opts store.Options) *store.Store {
	t.Helper()
	ctx, url := context.Background(), URL(t)
	if opts.Schema == "" {
		opts.Schema = Migrated(t)
	}
	s, err := store.Open(ctx, named(url, opts.Schema), ring, opts)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	if lent(opts.Schema) == nil {
		require.NoError(t, s.Migrate(ctx))
	}
	return s
}

// Warm is With on connections that the schema, one of Migrated's, keeps from test to test: opening them and planning every
// statement anew is a good part of what Postgres does for a short test. Closing the store does nothing.
func Warm(t testing.TB, ring *keyring.Ring, opts store.Options) *store.Store {
	t.Helper()
	s := lent(opts.Schema)
	require.NotNil(t, s, "schema %q is none of Migrated's", opts.Schema)
	require.Nil(t, opts.Tracer, "connections that others have used keep their tracer")
	pool, err := s.warm(context.Background(), URL(t))
	require.NoError(t, err)
	return store.On(pool, ring, opts)
}

// Schema returns the name of a schema that is not there yet: With makes it, and migrates it. It is dropped when the test ends.
func Schema(t testing.TB) string {
	t.Helper()
	name := newName()
	t.Cleanup(func() {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, URL(t))
		require.NoError(t, err)
		_, err = conn.Exec(ctx, `drop schema if exists `+pgx.Identifier{name}.Sanitize()+` cascade`)
		require.NoError(t, err)
		require.NoError(t, conn.Close(ctx))
	})
	return name
}
