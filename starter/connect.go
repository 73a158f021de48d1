package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"log/slog"

	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/store"
)

// link is what a verb has opened.
type link struct {
	env      config.Env
	config   config.Config
	ring     *keyring.Ring
	store    *store.Store
	temporal client.Client
}

func (l *link) Close() {
	if l.temporal != nil {
		l.temporal.Close()
	}
	if l.store != nil {
		l.store.Close()
	}
}

// openStore connects to Postgres; the org must be one of the configuration's, unless the verb names none.
func (a *app) openStore(ctx context.Context) (*link, error) {
	env, err := config.FromEnv()
	if err != nil {
		return nil, fail(exitFailed, "", "%s", err)
	}
	l := &link{env: env}
	if l.config, err = env.Config(); err != nil {
		return nil, fail(exitFailed, "", "%s", err)
	}
	if a.org != "" {
		if _, ok := l.config.Orgs[a.org]; !ok {
			return nil, fail(exitNotFound, fmt.Sprintf("Add it under orgs in %s, or see `starter org list`.", env.ConfigFile), "the configuration names no org %q", a.org)
		}
	}
	if l.ring, err = keyring.Open(env.Keyring); err != nil {
		return nil, fail(exitFailed, "Set REPSYNC_KEYRING to the keyring that the workers use.", "open the keyring: %s", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if l.store, err = store.Open(ctx, env.DatabaseURL, l.ring, store.Options{}); err == nil {
		err = l.store.Migrate(ctx)
	}
	if err != nil {
		l.Close()
		return nil, fail(exitUnreachable, "Check DATABASE_URL and that Postgres runs.", "Postgres does not answer: %s", err)
	}
	if a.org != "" {
		if err := l.store.PutOrg(ctx, a.org); err != nil {
			l.Close()
			return nil, storeFailure(err)
		}
	}
	return l, nil
}

// open connects to Postgres and to Temporal.
func (a *app) open(ctx context.Context) (*link, error) {
	l, err := a.openStore(ctx)
	if err != nil {
		return nil, err
	}
	return l, l.dial(ctx)
}

func (l *link) dial(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	options := l.env.Temporal
	options.Logger = sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))
	var err error
	if l.temporal, err = client.DialContext(ctx, options); err != nil {
		l.Close()
		return fail(exitUnreachable, "Check TEMPORAL_ADDRESS and that the server runs.", "Temporal does not answer at %s", options.HostPort)
	}
	return nil
}

// rep returns the rep that the flags name.
func (a *app) theRep(ctx context.Context, l *link) (store.Rep, error) {
	r, err := l.store.GetRep(ctx, a.org, a.rep)
	if errors.Is(err, store.ErrNotFound) {
		return r, fail(exitNotFound, fmt.Sprintf("Add it with `starter rep add --org %s --rep %s --mailbox ADDRESS`, or see `starter rep list --org %s`.", a.org, a.rep, a.org), "there is no rep %q in org %s", a.rep, a.org)
	}
	if err != nil {
		return r, storeFailure(err)
	}
	return r, nil
}

func storeFailure(err error) error {
	if store.Transient(err) {
		return fail(exitUnreachable, "Check DATABASE_URL and that Postgres runs.", "%s", err)
	}
	return fail(exitFailed, "", "%s", err)
}
