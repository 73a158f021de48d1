package postgres_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/devstack/postgres"
)

// reachable makes a directory that the server's user may enter; t.TempDir is closed to others.
func reachable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "repsync-postgres-test-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func TestDataOutlivesTheServer(t *testing.T) {
	t.Parallel()
	ctx, dir := context.Background(), reachable(t)
	var log bytes.Buffer
	first, err := postgres.Start(ctx, postgres.Config{Dir: dir, Log: &log, Fast: true})
	require.NoError(t, err, log.String())
	conn, err := pgx.Connect(ctx, first.URL())
	require.NoError(t, err)
	_, err = conn.Exec(ctx, `create table kept as select 42 as n`)
	require.NoError(t, err)
	require.NoError(t, conn.Close(ctx))
	require.NoError(t, first.Stop())
	require.NoError(t, first.Stop(), "stopping twice is fine")
	_, err = pgx.Connect(ctx, first.URL())
	require.Error(t, err, "the server is gone")

	second, err := postgres.Start(ctx, postgres.Config{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, second.Stop()) })
	conn, err = pgx.Connect(ctx, second.URL())
	require.NoError(t, err)
	var n int
	require.NoError(t, conn.QueryRow(ctx, `select n from kept`).Scan(&n))
	require.Equal(t, 42, n)
	require.NoError(t, conn.Close(ctx))

	_, err = postgres.Start(ctx, postgres.Config{Dir: dir})
	require.ErrorContains(t, err, "another one running", "two servers never share data")
	require.FileExists(t, filepath.Join(dir, "data", "PG_VERSION"), "the refused start removed nothing")
}

func TestTemporaryClusterLeavesNothing(t *testing.T) {
	t.Parallel()
	cl, err := postgres.Start(context.Background(), postgres.Config{Fast: true})
	require.NoError(t, err)
	require.NotContains(t, cl.URL(), "0.0.0.0")
	require.NoError(t, cl.Stop())
	_, err = pgx.Connect(context.Background(), cl.URL())
	require.Error(t, err)
}
