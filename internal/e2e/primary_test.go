//go:build endure

package e2e

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// baseBackup is the program that copies a running cluster, "" where this machine has none.
func baseBackup() string {
	if path, err := exec.LookPath("pg_basebackup"); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_basebackup") // the pattern is right
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// standby starts a server that follows this one by streaming replication and answers to reads only.
func (s *server) standby() *server {
	s.t.Helper()
	program := baseBackup()
	if program == "" {
		s.t.Skip("this machine has no pg_basebackup: a copy that is promoted is not tested, a server that comes back elsewhere is")
	}
	dir := openDir(s.t)
	info, err := os.Stat(s.file("data"))
	require.NoError(s.t, err)
	owner, ok := info.Sys().(*syscall.Stat_t)
	require.True(s.t, ok)
	require.NoError(s.t, os.Chown(dir, int(owner.Uid), int(owner.Gid)))
	backup := exec.Command(program, "--dbname", s.URL(), "--pgdata", filepath.Join(dir, "data"), "--write-recovery-conf", "--wal-method", "stream", "--checkpoint", "fast", "--no-sync")
	backup.Dir = "/"
	if os.Geteuid() == 0 {
		backup.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
	}
	out, err := backup.CombinedOutput()
	require.NoError(s.t, err, "%s", out)
	password, err := os.ReadFile(s.file("password"))
	require.NoError(s.t, err)
	require.NoError(s.t, os.WriteFile(filepath.Join(dir, "password"), password, 0o600))
	other := ownPostgres(s.t, dir)
	var following bool
	conn, err := pgx.Connect(s.t.Context(), other.URL())
	require.NoError(s.t, err)
	defer conn.Close(s.t.Context())
	require.NoError(s.t, conn.QueryRow(s.t.Context(), `select pg_is_in_recovery()`).Scan(&following))
	require.True(s.t, following)
	return other
}

// address is where the server listens.
func (s *server) address() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// front listens at one address for whichever server is behind it, as a load balancer or a moved DNS name does.
type front struct {
	net.Listener
	target atomic.Pointer[string]
	mu     sync.Mutex
	open   []net.Conn
}

func newFront(t *testing.T, target string) *front {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f := &front{Listener: l}
	f.target.Store(&target)
	t.Cleanup(func() { _ = l.Close(); f.cut() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go f.carry(in)
		}
	}()
	return f
}

// carry forwards one connection to the server that is behind the front now, and keeps it there.
func (f *front) carry(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", *f.target.Load())
	if err != nil {
		return
	}
	defer out.Close()
	f.mu.Lock()
	f.open = append(f.open, in)
	f.mu.Unlock()
	go func() {
		_, _ = io.Copy(out, in)
		_ = out.Close()
	}()
	_, _ = io.Copy(in, out)
}

// cut ends all connections.
func (f *front) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.open {
		_ = c.Close()
	}
}

// through is a database's URL by way of the front.
func (f *front) through(database string) string {
	u, err := url.Parse(database)
	must(err)
	u.Host = f.Addr().String()
	return u.String()
}

// TestPrimaryMoves has the primary become another server while a result waits to be settled.
func TestPrimaryMoves(t *testing.T) {
	t.Parallel()

	// DATABASE_URL names both servers and asks for the one that takes writes: libpq's way.
	t.Run("to a promoted copy, both in the URL", func(t *testing.T) {
		t.Parallel()
		old := ownPostgres(t, "")
		w := newWorld(t, options{postgres: old.URL()})
		copied := old.standby()
		w.database = strings.Replace(w.database, old.address(), copied.address()+","+old.address(), 1) + "&target_session_attrs=read-write"
		w.policy("")
		people(w)
		w.throughTrouble(func() { require.NoError(t, old.Stop()) }, func() { copied.must(`select pg_promote()`) })
	})

	// One address leads to the copy before the copy is promoted: until then it takes no writes, 25006.
	t.Run("to a promoted copy, behind one address", func(t *testing.T) {
		t.Parallel()
		old := ownPostgres(t, "")
		w := newWorld(t, options{postgres: old.URL()})
		copied := old.standby()
		f := newFront(t, old.address())
		w.database = f.through(w.database)
		w.policy("")
		people(w)
		w.throughTrouble(func() {
			next := copied.address()
			f.target.Store(&next)
			require.NoError(t, old.Stop()) // ends its connections, after the copy has everything
		}, func() { copied.must(`select pg_promote()`) }, "25006")
	})

	// The old primary lives on, takes no more writes and keeps its connections; new ones lead to the copy.
	t.Run("and the old one keeps its connections", func(t *testing.T) {
		t.Parallel()
		old := ownPostgres(t, "")
		w := newWorld(t, options{postgres: old.URL()})
		copied := old.standby()
		f := newFront(t, old.address())
		w.database = f.through(w.database)
		w.policy("")
		people(w)
		w.throughTrouble(func() {
			old.must(`alter system set default_transaction_read_only = on`)
			old.must(`select pg_reload_conf()`)
		}, func() {
			copied.catchUp(old)
			copied.must(`select pg_promote()`)
			copied.must(`alter system reset default_transaction_read_only`)
			next := copied.address()
			f.target.Store(&next)
		}, "25006")
	})

	// The same server comes back at another port.
	t.Run("to another port, behind one address", func(t *testing.T) {
		t.Parallel()
		db := ownPostgres(t, "")
		w := newWorld(t, options{postgres: db.URL()})
		f := newFront(t, db.address())
		w.database = f.through(w.database)
		w.policy("")
		people(w)
		w.throughTrouble(func() { require.NoError(t, db.Stop()) }, func() {
			db.port = 0
			db.start()
			next := db.address()
			f.target.Store(&next)
		})
	})
}

// catchUp waits until the copy has what the primary has.
func (s *server) catchUp(primary *server) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), primary.URL())
	require.NoError(s.t, err)
	defer conn.Close(s.t.Context())
	var at string
	require.NoError(s.t, conn.QueryRow(s.t.Context(), `select pg_current_wal_lsn()::text`).Scan(&at))
	mine, err := pgx.Connect(s.t.Context(), s.URL())
	require.NoError(s.t, err)
	defer mine.Close(s.t.Context())
	there := false
	for !there {
		require.NoError(s.t, mine.QueryRow(s.t.Context(), `select pg_last_wal_replay_lsn() >= $1::text::pg_lsn from pg_sleep(0.01)`, at).Scan(&there))
	}
}
