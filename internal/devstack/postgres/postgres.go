// Package postgres runs a private Postgres server for the demo and for tests.
//
// The server is a child of this process and dies with it. It listens on 127.0.0.1 only, asks for a password that lies
// beside its data, and runs from the binaries that are on the machine; without any, a release is fetched once. Postgres
// refuses to run as root, so a root process runs it as the user "postgres" or "nobody" and hands that user the directory.
//
// The directory holds:
//
//	data/      the cluster
//	password   of the user repsync, mode 0600
//	bin/       the fetched binaries, when there were none
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	user         = "repsync"
	database     = "postgres"
	startTimeout = 60 * time.Second
	stopTimeout  = 20 * time.Second
	attempts     = 3 // to find a free port that stays free until the server has it
)

// Config says where and how the server runs.
type Config struct {
	Dir  string    // an existing cluster in it is used again; "" is a directory that Stop removes
	Port int       // 0 is any free one
	Log  io.Writer // the server's own log; nil throws it away. It may quote values: keep it beside the data
	Fast bool      // for tests: no fsync, so that a crash of the machine loses the cluster
}

// Cluster is a running server.
type Cluster struct {
	dir, password string
	port          int
	remove        bool
	process       *os.Process
	exited        chan struct{} // closed when the server has ended
}

// Start makes the cluster when the directory has none, starts the server and waits until it answers.
func Start(ctx context.Context, c Config) (*Cluster, error) {
	if c.Log == nil {
		c.Log = io.Discard
	}
	cl := &Cluster{dir: c.Dir}
	if cl.dir == "" {
		dir, err := temporary()
		if err != nil {
			return nil, fmt.Errorf("start postgres: %w", err)
		}
		cl.dir, cl.remove = dir, true
	}
	err := cl.start(ctx, c)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start postgres in %s: %w", cl.dir, err), cl.Stop())
	}
	return cl, nil
}

// URL is what to connect to, password included.
func (cl *Cluster) URL() string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(user, cl.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(cl.port)),
		Path:     database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Stop ends the server, rolling back what is under way, and waits for it. Stopping twice is fine.
func (cl *Cluster) Stop() error {
	err := cl.stop()
	if cl.remove {
		err = errors.Join(err, os.RemoveAll(cl.dir))
	}
	if err != nil {
		return fmt.Errorf("stop postgres in %s: %w", cl.dir, err)
	}
	return nil
}

func (cl *Cluster) stop() error {
	if cl.process == nil {
		return nil
	}
	select {
	case <-cl.exited:
		return nil
	default:
	}
	// SIGINT is Postgres's fast shutdown: https://www.postgresql.org/docs/current/server-shutdown.html
	if err := cl.process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-cl.exited:
		return nil
	case <-time.After(stopTimeout):
		return errors.Join(errors.New("it did not end in time and was killed"), cl.process.Kill())
	}
}

func (cl *Cluster) start(ctx context.Context, c Config) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := os.MkdirAll(cl.dir, 0o755); err != nil { //nolint:gosec // the server's user passes through; the data is 0700
		return err
	}
	bin, err := binaries(cl.dir, c.Log)
	if err != nil {
		return err
	}
	as, err := runAs(filepath.Join(cl.dir, "data"))
	if err != nil {
		return err
	}
	if err := cl.initdb(ctx, bin, as, c); err != nil {
		return err
	}
	for range attempts {
		if cl.port = c.Port; cl.port == 0 {
			if cl.port, err = freePort(); err != nil {
				return err
			}
		}
		if err = cl.serve(ctx, bin, as, c); err == nil || c.Port != 0 || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// initdb makes the cluster and its password, unless they are there.
func (cl *Cluster) initdb(ctx context.Context, bin string, as *owner, c Config) error {
	data, passwordFile := filepath.Join(cl.dir, "data"), filepath.Join(cl.dir, "password")
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err == nil {
		p, err := os.ReadFile(passwordFile)
		if err != nil {
			return fmt.Errorf("the cluster is there and its password is not: %w", err)
		}
		cl.password = strings.TrimSpace(string(p))
		return nil
	}
	cl.password = rand.Text()
	if err := os.WriteFile(passwordFile, []byte(cl.password+"\n"), 0o600); err != nil {
		return err
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	if err := as.own(cl.dir, passwordFile, data); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--pgdata", data, "--username", user, "--auth", "scram-sha-256",
		"--pwfile", passwordFile, "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.SysProcAttr = c.Log, c.Log, "/", as.attributes(false)
	if err := cmd.Run(); err != nil {
		// A half-made cluster must not be taken for a whole one the next time.
		return errors.Join(fmt.Errorf("initdb%s: %w; its log says more. The directory must be one that this user may enter", as, err),
			os.RemoveAll(data))
	}
	return nil
}

// serve starts the server on cl.port and waits until it answers.
func (cl *Cluster) serve(ctx context.Context, bin string, as *owner, c Config) error {
	args := []string{"-D", filepath.Join(cl.dir, "data"), "-p", strconv.Itoa(cl.port)}
	set := []string{"listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200", "jit=off",
		"autovacuum_naptime=10s"} // a first sync fills empty tables at once: give the planner its statistics soon
	if c.Fast {
		set = append(set, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	}
	for _, s := range set {
		args = append(args, "-c", s)
	}
	cmd := exec.Command(filepath.Join(bin, "postgres"), args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.SysProcAttr = c.Log, c.Log, "/", as.attributes(true)
	var err error
	if cl.process, cl.exited, err = startChild(cmd); err != nil {
		return err
	}
	for {
		conn, err := pgx.Connect(ctx, cl.URL())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-cl.exited:
			return errors.New("the server ended at once; its log says why (is another one running on this data or port?)")
		case <-ctx.Done():
			return errors.Join(errors.New("the server does not answer"), cl.stop())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("listen: %s is no TCP address", l.Addr())
	}
	return addr.Port, nil
}
