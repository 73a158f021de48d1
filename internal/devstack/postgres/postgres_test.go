package postgres_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	log, err := os.Create(filepath.Join(t.TempDir(), "postgres.log"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = log.Close() })
	first, err := postgres.Start(ctx, postgres.Config{Dir: dir, Log: log, Fast: true})
	require.NoError(t, err)
	conn, err := pgx.Connect(ctx, first.URL())
	require.NoError(t, err)
	_, err = conn.Exec(ctx, `create table kept as select 42 as n`)
	require.NoError(t, err)
	require.NoError(t, conn.Close(ctx))
	require.NoError(t, first.Stop())
	require.NoError(t, first.Stop(), "stopping twice is fine")
	said, err := os.ReadFile(log.Name())
	require.NoError(t, err)
	require.Contains(t, string(said), "database system is shut down")
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

const childEnv = "REPSYNC_TEST_POSTGRES_CHILD"

// TestMain plays the process that is killed when it is told to.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		os.Exit(m.Run())
	}
	cl, err := postgres.Start(context.Background(), postgres.Config{Fast: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(cl.URL())
	select {}
}

// A killed process can clean nothing up: Linux ends its server, and the next cluster removes its directory.
func TestServerDiesWithItsParent(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	child := exec.Command(os.Args[0])
	child.Env, child.Stderr = append(os.Environ(), childEnv+"=1"), os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	address, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	address = strings.TrimSpace(address)
	conn, err := pgx.Connect(ctx, address)
	require.NoError(t, err)
	var data string
	require.NoError(t, conn.QueryRow(ctx, `show data_directory`).Scan(&data))
	require.NoError(t, conn.Close(ctx))

	require.NoError(t, child.Process.Kill())
	_ = child.Wait() // "signal: killed"
	require.Eventually(t, func() bool {
		conn, err := pgx.Connect(ctx, address)
		if err == nil {
			_ = conn.Close(ctx)
		}
		_, pid := os.Stat(filepath.Join(data, "postmaster.pid"))
		return err != nil && os.IsNotExist(pid)
	}, 20*time.Second, 20*time.Millisecond, "the server is gone")

	next, err := postgres.Start(ctx, postgres.Config{Fast: true})
	require.NoError(t, err)
	require.NoDirExists(t, filepath.Dir(data))
	require.NoError(t, next.Stop())
}
