package bench

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

// Stage is what the rows share: the servers and the worker's binary.
type Stage struct {
	dir      string
	binary   string
	profile  string // directory for profiles, "" for none
	key      *rsa.PrivateKey
	cluster  *postgres.Cluster
	server   int // process id of Postgres
	temporal *temporaldev.Server
	log      *os.File
	worlds   int
}

// NewStage builds the worker and starts Temporal and Postgres. With a directory for profiles the worker is built with the
// tag profile and writes them there.
func NewStage(ctx context.Context, profile string) (s *Stage, err error) {
	s = &Stage{}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "repsync-bench-"); err != nil {
		return nil, fmt.Errorf("make a stage: %w", err)
	}
	s.binary = filepath.Join(s.dir, "worker")
	args := []string{"build", "-o", s.binary}
	if profile != "" {
		if s.profile, err = filepath.Abs(profile); err != nil {
			return nil, err
		}
		args = append(args, "-tags", "profile")
	}
	if out, err := exec.CommandContext(ctx, "go", append(args, "github.com/repsync/repsync/worker")...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the worker: %w\n%s", err, out)
	}
	if s.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return nil, fmt.Errorf("make a stage: %w", err)
	}
	cli, err := temporaldev.Find(ctx)
	if err != nil {
		return nil, err
	}
	if s.log, err = proc.UnnamedLog(); err != nil {
		return nil, err
	}
	if s.temporal, err = temporaldev.Start(ctx, temporaldev.Config{CLI: cli, DB: filepath.Join(s.dir, "temporal.db"), Headless: true, Log: s.log}); err != nil {
		return nil, err
	}
	if s.cluster, err = postgres.Start(ctx, postgres.Config{Fast: true}); err != nil {
		return nil, err
	}
	return s, s.findServer(ctx)
}

// findServer finds the process id of Postgres: the parent of every connection's.
func (s *Stage) findServer(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.cluster.URL())
	if err != nil {
		return fmt.Errorf("reach Postgres: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var backend int
	if err := conn.QueryRow(ctx, `select pg_backend_pid()`).Scan(&backend); err != nil {
		return fmt.Errorf("ask Postgres for its process: %w", err)
	}
	s.server, err = parentOf(backend)
	return err
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
	_, err = conn.Exec(ctx, statement)
	return err
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
	_, err = c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{Namespace: name, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour)})
	if err == nil {
		err = until(ctx, time.Minute, func() bool {
			_, missing := c.WorkflowService().ListWorkflowExecutions(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: name, PageSize: 1})
			return missing == nil
		})
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("make namespace %s: %w", name, err)
	}
	return c, nil
}

// tick is how often a condition is looked at.
const tick = 200 * time.Millisecond

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// errLate is what waiting for a condition ends with.
var errLate = errors.New("it did not come about in time")

// until waits for a condition.
func until(ctx context.Context, limit time.Duration, ok func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errLate)
	defer cancel()
	for !ok() {
		if err := pause(ctx, tick); err != nil {
			return err
		}
	}
	return nil
}

// quiet drops what the SDK logs.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
