package demo

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.temporal.io/sdk/client"
	tlog "go.temporal.io/sdk/log"

	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/demo/scenario"
	"github.com/repsync/repsync/internal/devstack"
)

const (
	// Dir is where a demo keeps its servers' data and logs, unless Config says otherwise: apart from a development
	// stack's, so that the two can run side by side and a demo may begin with nothing.
	Dir = ".repsync-demo"
	// feedEvery is how often Salesforce is polled for changes while a user looks around after the story.
	feedEvery = 5 * time.Second
)

// start starts the servers, the people and the worker, and sets the stage. done stops all of it.
func start(ctx context.Context, c Config) (_ *stage, done func(), err error) {
	s := &stage{out: c.Out, reps: scenario.Reps, read: map[string]int64{}}
	if c.own() {
		s.reps = []scenario.Rep{You}
		for _, path := range []string{c.VCF, c.CSV, c.ICS} { // before a minute of starting servers
			if err := readable(path); err != nil {
				return nil, nil, err
			}
		}
	}
	worker, err := workerBinary(c.WorkerBin)
	if err != nil {
		return nil, nil, err
	}
	if c.Dir == "" {
		c.Dir = Dir
	}
	s.say("Repsync's demo: Temporal, Postgres and both vendors' sandboxes start on this machine.")
	began := time.Now()
	stack, err := devstack.Start(ctx, devstack.Config{
		Dir: c.Dir, Fresh: true, AnyPorts: c.AnyPorts, Org: scenario.Org,
		Progress: func(line string) { s.say("  %5s  %s", time.Since(began).Round(100*time.Millisecond), line) },
		Change:   func(org *config.Org) { org.CRM.Feed.Every = feedEvery },
	})
	if err != nil {
		return nil, nil, err
	}
	ends := []func(){func() {
		if err := stack.Stop(); err != nil {
			s.say("while stopping: %v", err)
		}
	}}
	done = func() {
		for _, end := range slices.Backward(ends) {
			end()
		}
	}
	defer func() {
		if err != nil {
			done()
		}
	}()
	s.logs = filepath.Join(stack.Dir(), "logs")
	s.vendors = vendors{salesforce: stack.Sandbox.Salesforce, google: stack.Sandbox.Google,
		salesforceURL: stack.Sandbox.SalesforceURL, googleURL: stack.Sandbox.GoogleURL,
		mails: func() int { return len(stack.Sandbox.Outbox.All()) }}
	s.vendors.hire(s.reps)
	s.world = s.vendors.world(s.reps)

	if s.office, err = openOffice(ctx, stack.Info.DatabaseURL, stack.Info.Keyring, scenario.Org); err != nil {
		return nil, nil, err
	}
	ends = append(ends, s.office.store.Close)
	temporal, err := client.DialContext(ctx, client.Options{HostPort: stack.Info.Temporal.Address, Namespace: stack.Info.Temporal.Namespace,
		Logger: tlog.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	if err != nil {
		return nil, nil, fmt.Errorf("reach Temporal at %s: %w", stack.Info.Temporal.Address, err)
	}
	ends = append(ends, temporal.Close)
	s.engine = engine{temporal: temporal, org: scenario.Org, ui: stack.Info.Temporal.UI}

	if s.worker, err = stack.StartWorker(ctx, worker, nil); err != nil {
		return nil, nil, fmt.Errorf("start the worker %s: %w", worker, err)
	}
	s.say("  %5s  the worker runs; logs are in %s", time.Since(began).Round(100*time.Millisecond), s.logs)
	return s, done, nil
}

// readable tells whether a file of the user's own can be read; "" is none.
func readable(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open your file: %w", err)
	}
	return f.Close()
}

// workerBinary finds the worker: as named, or beside the running program.
func workerBinary(named string) (string, error) {
	if named == "" {
		self, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("find the worker's binary: %w", err)
		}
		named = filepath.Join(filepath.Dir(self), "worker")
	}
	if _, err := os.Stat(named); err != nil {
		return "", fmt.Errorf("the worker's binary is not at %s: build it with `make build`", named)
	}
	return named, nil
}
