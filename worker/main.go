// Command worker hosts Repsync's workflows and activities. It takes no arguments: what it needs stands in the
// environment (DATABASE_URL, REPSYNC_KEYRING, REPSYNC_CONFIG, TEMPORAL_*) or in the running development stack of the
// current directory. It serves /healthz, /readyz and /metrics on REPSYNC_HTTP (default 127.0.0.1:9464, "off" for none),
// starts every org's feed, and stops gracefully on SIGINT and SIGTERM: the batch in flight is settled first.
//
// REPSYNC_LEASE is how long a mailbox stays reserved for a worker that went silent, 60s by default. It has to be longer
// than a request to a vendor may take (45s), or a worker that was thought dead may write beside its successor; tests,
// whose dead workers are dead, set less.
//
// REPSYNC_DEPLOYMENT, unset by default, makes the worker a version of the worker deployment of that name, so that a new
// build takes over by Temporal's Worker Versioning (docs/rollout.md). REPSYNC_BUILD_ID names the build; by default it is the
// commit that the binary was built from.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, log)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, log *slog.Logger) error {
	w, err := New(ctx, log)
	if err != nil {
		return err
	}
	defer w.Close()
	return w.Run(ctx)
}
