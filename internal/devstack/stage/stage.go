// Package stage has what runs of the whole engine share, the stories of internal/chaos/whole and the rows of internal/bench: a
// worker's binary, a Temporal server and a Postgres cluster, whose data lie in files, so that either can be restarted.
package stage

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/devstack/postgres"
	"github.com/repsync/repsync/internal/devstack/proc"
	"github.com/repsync/repsync/internal/devstack/temporaldev"
)

// Stage is what stands while worlds come and go on it.
type Stage struct {
	Dir      string          // of files that go with the stage
	Binary   string          // the worker
	Key      *rsa.PrivateKey // of the vendors' sandboxes: making one takes longer than making a world
	Cluster  *postgres.Cluster
	Temporal *temporaldev.Server

	cli string
	log *os.File
}

// New builds the worker, with build tags or none, and starts Temporal and Postgres. The caller closes the stage.
func New(ctx context.Context, tags ...string) (_ *Stage, err error) {
	s := &Stage{}
	defer func() {
		if err != nil {
			s.Close()
			err = fmt.Errorf("make a stage: %w", err)
		}
	}()
	if s.Dir, err = os.MkdirTemp("", "repsync-stage-"); err != nil {
		return nil, err
	}
	s.Binary = filepath.Join(s.Dir, "worker")
	build := exec.CommandContext(ctx, "go", "build", "-tags", strings.Join(tags, ","), "-o", s.Binary, "github.com/repsync/repsync/worker")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the worker: %w\n%s", err, out)
	}
	if s.Key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, err
	}
	if s.cli, err = temporaldev.Find(ctx); err != nil {
		return nil, err
	}
	if s.log, err = proc.UnnamedLog(); err != nil {
		return nil, err
	}
	if err := s.startTemporal(ctx, 0); err != nil {
		return nil, err
	}
	s.Cluster, err = postgres.Start(ctx, postgres.Config{Fast: true})
	return s, err
}

func (s *Stage) startTemporal(ctx context.Context, port int) (err error) {
	s.Temporal, err = temporaldev.Start(ctx, temporaldev.Config{CLI: s.cli, DB: filepath.Join(s.Dir, "temporal.db"), Port: port, Headless: true, Log: s.log})
	return err
}

// returning is how long Temporal's port is waited for.
const returning = time.Minute

// RestartTemporal ends the server and starts it again over the same data, at the same address: who knew it finds it there.
func (s *Stage) RestartTemporal(ctx context.Context) error {
	address := s.Temporal.Address
	_, text, _ := strings.Cut(address, ":")
	port, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("restart Temporal: %w", err)
	}
	var failed error
	err = Until(ctx, returning, func() bool { // a server whose port somebody else has meanwhile begins at another one
		if failed = s.Temporal.Stop(); failed == nil {
			failed = s.startTemporal(ctx, port)
		}
		return failed != nil || s.Temporal.Address == address
	})
	if err = errors.Join(failed, err); err != nil {
		return fmt.Errorf("restart Temporal at %s: %w", address, err)
	}
	return nil
}

// RestartPostgres ends every connection at once, as a restart does.
func (s *Stage) RestartPostgres(ctx context.Context) error {
	return s.SQL(ctx, `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'`)
}

// Close ends the servers and removes their data.
func (s *Stage) Close() {
	if s.Temporal != nil {
		_ = s.Temporal.Stop()
	}
	if s.Cluster != nil {
		_ = s.Cluster.Stop()
	}
	if s.log != nil {
		_ = s.log.Close()
	}
	if s.Dir != "" {
		_ = os.RemoveAll(s.Dir)
	}
}

// SQL runs a statement on the cluster's own database.
func (s *Stage) SQL(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, s.Cluster.URL())
	if err != nil {
		return fmt.Errorf("reach Postgres: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", strings.Fields(statement)[0], err)
	}
	return nil
}

// Database is the URL of a database of the cluster.
func (s *Stage) Database(name string) string {
	return strings.Replace(s.Cluster.URL(), "/postgres?", "/"+name+"?", 1)
}
