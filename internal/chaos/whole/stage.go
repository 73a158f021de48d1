// Package whole plays stories against real processes: workers that are killed with SIGKILL, a real Temporal server, a real
// Postgres, real time. The stories are those that package chaos plays in process; what they wait for is cut to seconds, and
// a moment inside a run is a request that the vendor holds until the story has gone on.
//
// A run in real time never happens twice. What repeats is the world, the edits and the faults.
package whole

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
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/repsync/repsync/internal/devstack/postgres"
	"github.com/repsync/repsync/internal/devstack/proc"
	"github.com/repsync/repsync/internal/devstack/temporaldev"
)

// Stage is what stories share: the servers and the worker's binary.
type Stage struct {
	dir      string
	binary   string
	key      *rsa.PrivateKey
	cluster  *postgres.Cluster
	temporal *temporaldev.Server
	cli      string
	log      *os.File
}

// NewStage builds the worker and starts Temporal and Postgres, with their data in files, so that stories can restart them.
func NewStage(ctx context.Context) (s *Stage, err error) {
	s = &Stage{}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "repsync-whole-"); err != nil {
		return nil, fmt.Errorf("make a stage: %w", err)
	}
	s.binary = filepath.Join(s.dir, "worker")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", s.binary, "github.com/repsync/repsync/worker").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the worker: %w\n%s", err, out)
	}
	if s.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, fmt.Errorf("make a stage: %w", err)
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
	s.cluster, err = postgres.Start(ctx, postgres.Config{Fast: true})
	return s, err
}

func (s *Stage) startTemporal(ctx context.Context, port int) (err error) {
	s.temporal, err = temporaldev.Start(ctx, temporaldev.Config{CLI: s.cli, DB: filepath.Join(s.dir, "temporal.db"), Port: port, Headless: true, Log: s.log})
	return err
}

// restartTemporal ends the server and starts it again over the same data, at the same address: who knew it finds it there.
func (s *Stage) restartTemporal(ctx context.Context) error {
	address := s.temporal.Address
	_, text, _ := strings.Cut(address, ":")
	port, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("restart Temporal: %w", err)
	}
	var failed error
	err = until(ctx, returning, func() bool { // a server whose port somebody else has meanwhile begins at another one
		if failed = s.temporal.Stop(); failed == nil {
			failed = s.startTemporal(ctx, port)
		}
		return failed != nil || s.temporal.Address == address
	})
	if err = errors.Join(failed, err); err != nil {
		return fmt.Errorf("restart Temporal at %s: %w", address, err)
	}
	return nil
}

// restartPostgres ends every connection at once, as a restart does.
func (s *Stage) restartPostgres(ctx context.Context) error {
	return s.sql(ctx, `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'`)
}

// Close ends the servers and removes their data.
func (s *Stage) Close() {
	if s.temporal != nil {
		_ = s.temporal.Stop()
	}
	if s.cluster != nil {
		_ = s.cluster.Stop()
	}
	if s.log != nil {
		_ = s.log.Close()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// sql runs a statement on the cluster's own database.
func (s *Stage) sql(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, s.cluster.URL())
	if err != nil {
		return fmt.Errorf("reach Postgres: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", strings.Fields(statement)[0], err)
	}
	return nil
}

// database is the URL of a database of the cluster.
func (s *Stage) database(name string) string {
	return strings.Replace(s.cluster.URL(), "/postgres?", "/"+name+"?", 1)
}

// namespace makes a namespace and returns a client for it, once the server knows it everywhere.
func (s *Stage) namespace(ctx context.Context, name string) (client.Client, error) {
	c, err := client.NewLazyClient(client.Options{HostPort: s.temporal.Address, Namespace: name, Logger: quiet{}})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, err = c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{Namespace: name, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour)})
	for err == nil {
		if _, missing := c.WorkflowService().ListWorkflowExecutions(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: name, PageSize: 1}); missing == nil {
			return c, nil
		}
		err = pause(ctx, tick)
	}
	c.Close()
	return nil, fmt.Errorf("make namespace %s: %w", name, err)
}

// returning is how long Temporal's port is waited for.
const returning = time.Minute

const tick = 100 * time.Millisecond

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errLate is what waiting for a condition ends with.
var errLate = errors.New("it did not come about in time")

// until waits for a condition.
func until(ctx context.Context, limit time.Duration, ok func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errLate)
	defer cancel()
	for !ok() {
		if pause(ctx, tick) != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// quiet drops what the SDK logs while servers come and go.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
