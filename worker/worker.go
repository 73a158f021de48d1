package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/budget"
	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/metrics"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/workflows"
)

// How much a worker takes on: docs/sizing.md.
const (
	varSlots      = "REPSYNC_SLOTS"            // stages at once
	varCached     = "REPSYNC_CACHED_WORKFLOWS" // workflows that are kept in memory between their tasks
	defaultSlots  = 64
	defaultCached = 10_000
)

// varLease names how long a mailbox's lease lasts unrenewed, as in "90s".
const varLease = "REPSYNC_LEASE"

// stopTimeout is how long a stopping worker waits for the batches in flight: a vendor's longest request, and its settling.
const stopTimeout = 60 * time.Second

// patience is how long a write waits for a vendor's quota within its stage: quotas are by the minute.
const patience = 90 * time.Second

// Worker is a running worker with everything that it holds open.
type Worker struct {
	log      *slog.Logger
	config   config.Config
	store    *store.Store
	temporal client.Client
	worker   worker.Worker
	http     *httpServer
	metrics  *metrics.Metrics

	stopping   atomic.Bool              // it takes no new work
	deployment worker.DeploymentOptions // zero where the worker is unversioned
	fatal      chan error               // why the SDK has stopped to work, once
}

// New connects to Postgres and Temporal, brings the store's schema up to date and registers search attributes where the
// server lets it. Its errors name what could not be reached and what to set.
func New(ctx context.Context, log *slog.Logger) (*Worker, error) {
	env, err := config.FromEnv()
	if err != nil {
		return nil, err
	}
	cfg, err := env.Config()
	if err != nil {
		return nil, err
	}
	lease, err := leaseFromEnv()
	if err != nil {
		return nil, err
	}
	slots, err := countFrom(os.Getenv, varSlots, defaultSlots)
	if err != nil {
		return nil, err
	}
	cached, err := countFrom(os.Getenv, varCached, defaultCached)
	if err != nil {
		return nil, err
	}
	deployment, err := deploymentFrom(os.Getenv)
	if err != nil {
		return nil, err
	}
	ring, err := keyring.Open(env.Keyring)
	if err != nil {
		return nil, err
	}
	w := &Worker{log: log, config: cfg, deployment: deployment, metrics: metrics.New(buildName(os.Getenv)), fatal: make(chan error, 1)}
	if w.store, err = store.Open(ctx, env.DatabaseURL, ring, store.Options{}); err != nil {
		return nil, fmt.Errorf("open the store: %w; check DATABASE_URL", err)
	}
	if err := w.store.Migrate(ctx); err != nil {
		w.Close()
		return nil, fmt.Errorf("migrate the store: %w; check DATABASE_URL and that Postgres runs", err)
	}
	w.metrics.Watch(w.store)
	env.Temporal.MetricsHandler = w.metrics.Temporal()
	env.Temporal.Logger = sdklog.NewStructuredLogger(log)
	// What goes to the server are ids and counts, some hundred bytes at a time: to compress them cost a worker of a fleet a
	// twelfth of its CPU.
	env.Temporal.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	if w.temporal, err = client.DialContext(ctx, env.Temporal); err != nil {
		w.Close()
		return nil, fmt.Errorf("reach Temporal at %s: %w; check TEMPORAL_ADDRESS and that the server runs", env.Temporal.HostPort, err)
	}
	registered, err := registerSearchAttributes(ctx, w.temporal.OperatorService(), env.Temporal.Namespace, log)
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("%w; check TEMPORAL_ADDRESS and that the server runs", err)
	}
	connectors := config.NewConnectors(cfg).Through(config.Use{
		Meters: budget.New(w.store, budget.Options{Told: w.metrics.Told, Spent: w.metrics.Spent}), Wrap: w.metrics.Wrap,
	})
	a := activities.New(activities.Config{
		Store: w.store, Ring: ring, Connect: connectors, Feeds: feedsOf(cfg), Plain: !registered, Lease: lease, Log: log, Patience: patience,
	})
	worker.SetStickyWorkflowCacheSize(cached)
	w.worker = worker.New(w.temporal, workflows.TaskQueue, worker.Options{
		WorkerStopTimeout: stopTimeout, MaxConcurrentActivityExecutionSize: slots,
		MaxConcurrentLocalActivityExecutionSize: slots,           // glances, which are all of an idle pass
		MaxHeartbeatThrottleInterval:            3 * time.Second, // a cancellation arrives with a heartbeat: by default up to 24 s late
		// After a crash, Temporal offers a workflow's next task to the dead worker for this long before anybody else gets it.
		StickyScheduleToStartTimeout: 2 * time.Second,
		DeploymentOptions:            deployment,
		OnFatalError:                 func(err error) { w.fatal <- err },
		Interceptors:                 []interceptor.WorkerInterceptor{w.metrics.Interceptor(), &settling{log: log}},
	})
	workflows.Register(w.worker)
	w.worker.RegisterActivity(a)
	w.http = newHTTPServer(w)
	return w, nil
}

// leaseFromEnv reads the length of a lease; 0 where the environment leaves it to the stages.
func leaseFromEnv() (time.Duration, error) {
	v := os.Getenv(varLease)
	if v == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%s=%s is not a length of time; give one such as 60s, or unset it", varLease, v)
	}
	return d, nil
}

// countFrom reads a number of at least one.
func countFrom(getenv func(string) string, name string, otherwise int) (int, error) {
	v := getenv(name)
	if v == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%s=%s is no number of at least 1; correct it, or unset it for %d", name, v, otherwise)
	}
	return n, nil
}

// feedsOf picks each org's feed settings out of the configuration.
func feedsOf(c config.Config) map[string]activities.FeedSettings {
	out := make(map[string]activities.FeedSettings, len(c.Orgs))
	for org, o := range c.Orgs {
		out[org] = activities.FeedSettings{Every: o.CRM.Feed.Every, Keep: o.CRM.Feed.Keep}
	}
	return out
}

// Run works until ctx ends. Error: work cannot begin, or Temporal has for minutes refused to give any (the namespace is gone, the
// server takes no client of this version). Then a process that lived on would look well and do nothing.
func (w *Worker) Run(ctx context.Context) error {
	if err := w.worker.Start(); err != nil {
		return fmt.Errorf("start working: %w", err)
	}
	defer w.worker.Stop()
	if err := w.startFeeds(ctx); err != nil {
		return err
	}
	if err := w.http.start(w.log); err != nil {
		return err
	}
	w.log.With(described(w.deployment)...).InfoContext(ctx, "working", slog.String("task_queue", workflows.TaskQueue), slog.Int("orgs", len(w.config.Orgs)))
	if w.deployment.UseVersioning {
		go w.announce(ctx)
	}
	select {
	case <-ctx.Done():
		w.stopping.Store(true)
		w.log.Info("stopping: settling what is in flight")
		return nil
	case err := <-w.fatal:
		return fmt.Errorf("ask Temporal for work: %w; check TEMPORAL_NAMESPACE, and start the worker again", err)
	}
}

// startFeeds starts the feed of every org that the configuration names; one that runs already goes on.
func (w *Worker) startFeeds(ctx context.Context) error {
	for org := range w.config.Orgs {
		if err := w.store.PutOrg(ctx, org); err != nil {
			return fmt.Errorf("note org %s: %w", org, err)
		}
		_, err := w.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: workflows.FeedID(org), TaskQueue: workflows.TaskQueue, StaticSummary: "reads the CRM of " + org + " once for all its reps",
			WorkflowIDConflictPolicy: useExisting, WorkflowIDReusePolicy: allowDuplicate,
		}, workflows.OrgFeed, workflows.FeedInput{Org: org})
		if err != nil {
			return fmt.Errorf("start the feed of org %s: %w", org, err)
		}
	}
	return nil
}

// Close gives everything back.
func (w *Worker) Close() {
	if w.http != nil {
		w.http.close()
	}
	if w.temporal != nil {
		w.temporal.Close()
	}
	if w.store != nil {
		w.store.Close()
	}
}
