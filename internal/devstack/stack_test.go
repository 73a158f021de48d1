package devstack

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/devstack/proc"
	"github.com/repsync/repsync/internal/record"
)

// parentVar makes this test binary run a stack in the directory that it names, until somebody ends it.
const parentVar = "REPSYNC_DEVSTACK_TEST_DIR"

func TestMain(m *testing.M) {
	dir := os.Getenv(parentVar)
	if dir == "" {
		os.Exit(m.Run())
	}
	ctx := context.Background()
	s, err := Start(ctx, Config{Dir: dir, AnyPorts: true})
	if err != nil {
		panic(err)
	}
	<-s.Stopped()
}

// start starts a stack that is removed with the test.
func start(t *testing.T, c Config) *Stack {
	t.Helper()
	c.AnyPorts, c.Discard = true, true
	s, err := Start(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	return s
}

func TestStackServesAndStopLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "stack")
	var mu sync.Mutex
	var said []string
	s := start(t, Config{Dir: dir, Progress: func(line string) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, line)
	}})

	conn, err := pgx.Connect(t.Context(), s.Info.DatabaseURL)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	require.Contains(t, strings.Join(said, "\n"), s.Info.Temporal.UI)

	var written config.Stack
	text, err := os.ReadFile(filepath.Join(dir, "env.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &written))
	require.Equal(t, s.Info, written)
	require.True(t, config.StackRuns(dir))
	for _, name := range []string{"env.json", "keyring.json", "repsync.yaml"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}

	_, err = Start(t.Context(), Config{Dir: dir, AnyPorts: true})
	var running *RunningError
	require.ErrorAs(t, err, &running)
	require.Equal(t, os.Getpid(), running.PID)
	require.True(t, config.StackRuns(dir), "the refused start did no harm")

	worker, err := s.StartWorker(t.Context(), "/bin/sh", []string{"WORD=hello"})
	require.NoError(t, err)
	<-worker.Done() // a shell without input ends at once

	require.NoError(t, s.Stop())
	require.False(t, config.StackRuns(dir))
	require.NoFileExists(t, filepath.Join(dir, "env.json"))
	requireSilent(t, written)
	require.NoError(t, s.Stop(), "stopping twice is no error")
}

// requireSilent holds that nothing listens any more where a stack did.
func requireSilent(t *testing.T, s config.Stack) {
	t.Helper()
	db, err := url.Parse(s.DatabaseURL)
	require.NoError(t, err)
	addresses := []string{s.Temporal.Address, strings.TrimPrefix(s.Temporal.UI, "http://"), db.Host}
	for _, base := range s.BaseURLs {
		u, err := url.Parse(base)
		require.NoError(t, err)
		addresses = append(addresses, u.Host)
	}
	for _, address := range addresses {
		require.Eventually(t, func() bool {
			conn, err := net.DialTimeout("tcp4", address, time.Second)
			if err == nil {
				conn.Close()
			}
			return errors.Is(err, syscall.ECONNREFUSED)
		}, 20*time.Second, 20*time.Millisecond, "%s still listens", address)
	}
}

func TestTheWrittenConfigurationLeadsToTheVendors(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Dir: t.TempDir(), Org: "globex", Change: func(o *config.Org) { o.CRM.Feed.Every = time.Second }})
	s.Sandbox.Google.AddUser("alice@acme.test", false)
	c, err := config.Load(s.Info.Config)
	require.NoError(t, err)
	require.Equal(t, time.Second, c.Orgs["globex"].CRM.Feed.Every)

	connectors := config.NewConnectors(c)
	crm, err := connectors.CRM("globex")
	require.NoError(t, err)
	user, err := crm.User(t.Context(), s.Sandbox.IntegrationUser())
	require.NoError(t, err, "the CRM's credentials sign in")
	require.True(t, user.Active)
	box, _, err := connectors.Mailbox("globex", "alice@acme.test")
	require.NoError(t, err)
	_, err = box.Changes(t.Context(), record.Contact, connector.Query{})
	require.NoError(t, err, "the mailbox's credentials sign in")
}

func TestStackKeepsItsDataUnlessFresh(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := func(fresh, last bool, sql string) (keyring string, err error) {
		s, err := Start(t.Context(), Config{Dir: dir, AnyPorts: true, Fresh: fresh, Discard: last})
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Stop()) }()
		ring, err := os.ReadFile(s.Info.Keyring)
		require.NoError(t, err)
		conn, err := pgx.Connect(t.Context(), s.Info.DatabaseURL)
		require.NoError(t, err)
		defer conn.Close(t.Context())
		_, err = conn.Exec(t.Context(), sql)
		return string(ring), err
	}
	first, err := run(false, false, "CREATE TABLE kept ()")
	require.NoError(t, err)
	again, err := run(false, false, "TABLE kept")
	require.NoError(t, err)
	require.Equal(t, first, again, "the keyring that sealed the data stays")
	fresh, err := run(true, true, "TABLE kept")
	require.ErrorContains(t, err, "does not exist")
	require.NotEqual(t, first, fresh)
}

func TestPostgresIsWhereItsUserCanGo(t *testing.T) {
	t.Parallel()
	open, closed := filepath.Join(t.TempDir(), "open"), filepath.Join(t.TempDir(), "closed", "stack")
	require.NoError(t, os.MkdirAll(open, 0o700))
	require.NoError(t, os.MkdirAll(closed, 0o700))
	require.NoError(t, os.Chmod(filepath.Dir(filepath.Dir(open)), 0o755)) // the test's own directory is closed
	got, err := postgresDir(open)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(open, "postgres"), got)

	got, err = postgresDir(closed)
	require.NoError(t, err)
	if os.Geteuid() != 0 {
		require.Equal(t, filepath.Join(closed, "postgres"), got, "only root's Postgres runs as another user")
		return
	}
	require.True(t, passable(got), "%s", got)
	again, err := postgresDir(closed)
	require.NoError(t, err)
	require.Equal(t, got, again)
	require.NoError(t, removeData(closed))
	require.NoDirExists(t, got, "what lies elsewhere is removed too")
	require.NoFileExists(t, filepath.Join(closed, "postgres"))
}

func TestStackEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	s, err := Start(ctx, Config{Dir: dir, AnyPorts: true, Discard: true})
	require.NoError(t, err)
	cancel()
	select {
	case <-s.Stopped():
	case <-time.After(time.Minute):
		require.Fail(t, "the stack runs on after its context ended")
	}
	requireSilent(t, s.Info)
}

func TestNothingOutlivesAKilledStackAndTheNextOneReplacesItsFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentVar+"="+dir)
	require.NoError(t, parent.Start())
	t.Cleanup(func() { _ = parent.Process.Kill() })
	path := filepath.Join(dir, "env.json")
	require.Eventually(t, func() bool { return exists(path) }, time.Minute, 20*time.Millisecond, "the stack does not start")
	var left config.Stack
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &left))
	require.Equal(t, parent.Process.Pid, left.PID)

	require.NoError(t, parent.Process.Kill())
	require.Error(t, parent.Wait())
	requireSilent(t, left)
	require.FileExists(t, path, "a killed stack cannot clean up")
	require.False(t, config.StackRuns(dir), "and yet nobody takes it for a running one")

	var said []string
	s := start(t, Config{Dir: dir, Progress: func(line string) { said = append(said, line) }})
	require.Contains(t, strings.Join(said, "\n"), "without cleaning up")
	require.Equal(t, os.Getpid(), s.Info.PID)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestWorkersSeeTheStackAndEndWithIt(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Dir: t.TempDir()})
	script := filepath.Join(t.TempDir(), "worker")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\nenv\necho ready\nexec sleep 600\n"), 0o700))
	w, err := s.StartWorker(t.Context(), script, []string{"WORD=hello"})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return strings.HasSuffix(w.Tail(), "ready") }, 10*time.Second, 10*time.Millisecond)
	log, err := os.ReadFile(filepath.Join(s.Dir(), "logs", "worker-1.log"))
	require.NoError(t, err)
	for _, want := range []string{
		"WORD=hello", "DATABASE_URL=" + s.Info.DatabaseURL, "REPSYNC_KEYRING=" + s.Info.Keyring,
		"REPSYNC_CONFIG=" + s.Info.Config, "TEMPORAL_ADDRESS=" + s.Info.Temporal.Address,
	} {
		require.Contains(t, string(log), want+"\n")
	}
	require.NoError(t, s.Stop())
	select {
	case <-w.Done():
	default:
		require.Fail(t, "the worker outlived the stack")
	}
}

func TestPreferredPortsGiveWay(t *testing.T) {
	t.Parallel()
	// Whether or not something listens on the preferred ports of this machine, two stacks at once get different ones.
	for _, port := range []int{TemporalPort, UIPort, PostgresPort} {
		if l, err := net.Listen("tcp4", proc.Addr(port)); err == nil {
			t.Cleanup(func() { l.Close() })
		}
	}
	dir := t.TempDir()
	s, err := Start(t.Context(), Config{Dir: dir, Discard: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	_, port, err := net.SplitHostPort(s.Info.Temporal.Address)
	require.NoError(t, err)
	got, err := strconv.Atoi(port)
	require.NoError(t, err)
	require.Greater(t, got, TemporalPort)
	require.Less(t, got, TemporalPort+100, "the next free one is near")
}
