// Command worker hosts Repsync's workflows and activities. It takes no arguments: what it needs stands in the
// environment (DATABASE_URL, REPSYNC_KEYRING, REPSYNC_CONFIG, TEMPORAL_*) or in the running development stack of the
// current directory. It serves /healthz, /readyz and /metrics on REPSYNC_HTTP (default 127.0.0.1:9464, "off" for none),
// starts every org's feed, and stops gracefully on SIGINT and SIGTERM: the batch in flight is settled first.
//
// REPSYNC_LEASE is how long a mailbox stays reserved for a worker that went silent, 60s by default. It has to be longer
// than a request to a vendor may take (45s), or a worker that was thought dead may write beside its successor; tests,
// whose dead workers are dead, set less.
//
// REPSYNC_SLOTS is how many stages run at once, 64 by default, and REPSYNC_CACHED_WORKFLOWS how many workflows are kept in memory
// between their tasks, 10000 by default (docs/sizing.md).
//
// REPSYNC_LOG=json makes each line of the log a JSON object; by default it is key=value.
//
// REPSYNC_DEPLOYMENT, unset by default, makes the worker a version of the worker deployment of that name, so that a new
// build takes over by Temporal's Worker Versioning (docs/rollout.md). REPSYNC_BUILD_ID names the build; by default it is the
// commit that the binary was built from.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	log := slog.New(logHandler(os.Stderr, os.Getenv(varLog)))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, log)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

// varLog names the form of the log.
const varLog = "REPSYNC_LOG"

func logHandler(to io.Writer, form string) slog.Handler {
	opts := &slog.HandlerOptions{Level: slog.LevelInfo}
	if form == "json" {
		return slog.NewJSONHandler(to, opts)
	}
	return slog.NewTextHandler(to, opts)
}

func run(ctx context.Context, log *slog.Logger) error {
	go collectRarely(ctx)
	w, err := New(ctx, log)
	if err != nil {
		return err
	}
	defer w.Close()
	defer profile(log)()
	return w.Run(ctx)
}
