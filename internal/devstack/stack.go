package devstack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/devstack/postgres"
	"github.com/repsync/repsync/internal/devstack/proc"
	"github.com/repsync/repsync/internal/devstack/temporaldev"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/sandbox"
)

// The ports that a stack prefers; a taken one gives way to the next free one.
const (
	TemporalPort = 7233
	UIPort       = 8233
	PostgresPort = 5433
	SandboxPort  = 8400 // and the two after it: Salesforce, Google, the control endpoint
)

// Config says where and how a stack runs. The zero value is what `make dev` uses.
type Config struct {
	Dir      string         // default ".repsync"
	Progress func(string)   // hears one line per step; default: nobody
	Fresh    bool           // removes the data of an earlier run first
	AnyPorts bool           // takes any free ports rather than the preferred ones: for tests and one-off runs
	Discard  bool           // removes the data when it stops: for tests
	Org      string         // the org's name in repsync.yaml; default "acme"
	Sandbox  sandbox.Config // Dir and Ports are the stack's to say; the rest as package sandbox has it
	// Change adapts the written repsync.yaml, a shorter feed interval for example; default: nothing.
	Change func(*config.Org)
}

// WithDefaults returns the configuration with every default filled in.
func (c Config) WithDefaults() Config {
	c.Dir = cmp.Or(c.Dir, config.StackDir)
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	c.Org = cmp.Or(c.Org, "acme")
	return c
}

// Stack is a running stack.
type Stack struct {
	Info    config.Stack     // what env.json says
	Sandbox *sandbox.Sandbox // the vendors; it runs in this process and keeps nothing when it stops

	dir      string // absolute
	discard  bool
	progress func(string)
	lock     *os.File
	temporal *temporaldev.Server
	postgres *postgres.Cluster
	logs     []*os.File

	mu      sync.Mutex
	workers []*proc.Process
	stop    sync.Once
	stopErr error
	stopped chan struct{}
}

// Start starts a stack and returns when everything in it answers. The stack stops by itself when ctx ends; hand it one
// of signal.NotifyContext, so that Ctrl-C ends the servers in order. Errors: *RunningError, and what kept a server from
// starting, with its last words; nothing is left running then.
func Start(ctx context.Context, c Config) (*Stack, error) {
	c = c.WithDefaults()
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("start the stack: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("start the stack: %w", err)
	}
	s := &Stack{dir: dir, discard: c.Discard, stopped: make(chan struct{})}
	s.progress = func(line string) { // servers start at the same time
		s.mu.Lock()
		defer s.mu.Unlock()
		c.Progress(line)
	}
	if s.lock, err = lock(dir); err != nil {
		return nil, err
	}
	if err := s.start(ctx, c); err != nil {
		return nil, errors.Join(fmt.Errorf("start the stack in %s: %w", c.Dir, err), s.Stop())
	}
	context.AfterFunc(ctx, func() { _ = s.Stop() }) // the caller's own Stop reports the same error
	return s, nil
}

func (s *Stack) start(ctx context.Context, c Config) error {
	stale, err := removeEnv(s.dir)
	if err != nil {
		return err
	}
	if stale {
		s.progress("an earlier stack ended without cleaning up; its addresses are replaced")
	}
	if c.Fresh {
		if err := removeData(s.dir); err != nil {
			return err
		}
	}
	ring, err := keyringIn(s.dir)
	if err != nil {
		return err
	}
	s.Info = config.Stack{PID: os.Getpid(), Keyring: ring}

	cli, err := temporaldev.Install(ctx, s.progress)
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.Go(func() error { return s.startTemporal(ctx, cli, c) })
	group.Go(func() error { return s.startPostgres(ctx, c) })
	group.Go(func() error { return s.startSandbox(c) })
	if err := group.Wait(); err != nil {
		return err
	}
	return writeEnv(s.dir, s.Info)
}

func (s *Stack) startTemporal(ctx context.Context, cli string, c Config) error {
	log, err := s.newLog("temporal")
	if err != nil {
		return err
	}
	t := temporaldev.Config{CLI: cli, DB: filepath.Join(s.dir, temporalDB), Log: log}
	if !c.AnyPorts {
		t.Port, t.UIPort = TemporalPort, UIPort
	}
	if s.temporal, err = temporaldev.Start(ctx, t); err != nil {
		return err
	}
	s.Info.Temporal = config.StackTemporal{Address: s.temporal.Address, Namespace: temporaldev.DefaultNamespace, UI: s.temporal.UI}
	s.progress("Temporal serves at " + s.temporal.Address + ", its Web UI at " + s.temporal.UI)
	return nil
}

func (s *Stack) startPostgres(ctx context.Context, c Config) error {
	dir, err := postgresDir(s.dir)
	if err != nil {
		return err
	}
	log, err := s.newLog("postgres")
	if err != nil {
		return err
	}
	port := 0
	if !c.AnyPorts {
		ports, err := proc.FreePorts(PostgresPort)
		if err != nil {
			return err
		}
		port = ports[0]
	}
	if s.postgres, err = postgres.Start(ctx, postgres.Config{Dir: dir, Port: port, Log: log}); err != nil {
		return err
	}
	s.Info.DatabaseURL = s.postgres.URL()
	s.progress("Postgres serves; its files are in " + dir)
	return nil
}

// keyringIn returns the path of the stack's keyring, which is made once: without it, sealed rows cannot be read.
func keyringIn(dir string) (string, error) {
	path := filepath.Join(dir, keyringFile)
	_, err := keyring.Generate(path)
	if errors.Is(err, os.ErrExist) {
		_, err = keyring.Open(path)
	}
	if err != nil {
		return "", fmt.Errorf("keyring: %w", err)
	}
	return path, nil
}

// newLog makes a log file that the stack closes at its end.
func (s *Stack) newLog(name string) (*os.File, error) {
	f, err := proc.CreateLog(filepath.Join(s.dir, "logs", name+".log"))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs = append(s.logs, f)
	return f, nil
}

// Dir is the stack's directory, absolute.
func (s *Stack) Dir() string { return s.dir }

// Env is the environment of a process that is to work on this stack: that of this process, with every variable of
// Repsync's set.
func (s *Stack) Env() []string {
	return append(os.Environ(),
		config.VarDatabaseURL+"="+s.Info.DatabaseURL,
		config.VarKeyring+"="+s.Info.Keyring,
		config.VarConfig+"="+s.Info.Config,
		"TEMPORAL_ADDRESS="+s.Info.Temporal.Address,
		"TEMPORAL_NAMESPACE="+s.Info.Temporal.Namespace,
		"REPSYNC_DEPLOYMENT=", // nobody would make the stack's worker a deployment's current version
	)
}

// StartWorker starts a worker process on the stack. A variable in env goes before the stack's own; the log is
// logs/worker-N.log in the stack's directory. The worker ends with the stack, or when its own Stop is called.
func (s *Stack) StartWorker(ctx context.Context, binary string, env []string) (*proc.Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start worker: %w", err)
	}
	s.mu.Lock()
	n := len(s.workers) + 1
	s.mu.Unlock()
	log, err := s.newLog("worker-" + strconv.Itoa(n))
	if err != nil {
		return nil, err
	}
	p, err := proc.Start(proc.Config{Name: "worker " + strconv.Itoa(n), Path: binary, Env: append(s.Env(), env...), Log: log})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.workers = append(s.workers, p)
	return p, nil
}

// Stopped is closed once the stack has stopped, by Stop or by its context.
func (s *Stack) Stopped() <-chan struct{} { return s.stopped }
