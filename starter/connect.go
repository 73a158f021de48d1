package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/demo"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/workflows"
)

// How long a server may take before it counts as silent; tests are less patient.
var (
	postgresPatience = 20 * time.Second
	temporalPatience = 10 * time.Second
	vendorPatience   = 30 * time.Second // to tell a user
	queryPatience    = 8 * time.Second  // for a workflow's answer: a worker has to load its history first
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
		remedy := ""
		if config.StackRuns(demo.Dir) { // not taken by itself: a demo's data goes with the next one
			remedy = "A demo runs here. To use it: eval \"$(bin/starter env)\""
		}
		return nil, fail(exitFailed, remedy, "%s", err)
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
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("there is no keyring at %s", env.Keyring)
		}
		return nil, fail(exitFailed, "Set REPSYNC_KEYRING to the keyring that the workers use.", "%s", err)
	}
	patient, cancel := context.WithTimeout(ctx, postgresPatience)
	defer cancel()
	l.store, err = store.Open(patient, env.DatabaseURL, l.ring, store.Options{})
	var asked *store.Error
	if err != nil && patient.Err() == nil && !errors.As(err, &asked) { // no server was asked
		return nil, fail(exitFailed, "Correct DATABASE_URL.", "%s", err)
	}
	if err == nil {
		err = l.store.Migrate(patient)
	}
	if err == nil && a.org != "" {
		err = l.store.PutOrg(patient, a.org)
	}
	if err != nil {
		l.Close()
		return nil, storeFailure(err)
	}
	return l, nil
}

// open connects to Postgres and to Temporal.
func (a *app) open(ctx context.Context) (*link, error) {
	l, err := a.openStore(ctx)
	if err != nil {
		return nil, err
	}
	options := l.env.Temporal
	options.Logger = sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))
	patient, cancel := context.WithTimeout(ctx, temporalPatience)
	defer cancel()
	if l.temporal, err = client.DialContext(patient, options); err != nil {
		defer l.Close()
		return nil, l.temporalFailure(err)
	}
	return l, nil
}

// theRep returns the rep that the flags name.
func (a *app) theRep(ctx context.Context, l *link) (store.Rep, error) {
	r, err := l.store.GetRep(ctx, a.org, a.rep)
	if errors.Is(err, store.ErrNotFound) {
		add := ""
		if checkRepName(a.rep) == nil {
			add = fmt.Sprintf("Add it with `starter rep add --org %s --rep %s --mailbox ADDRESS`, or see", a.org, a.rep)
		}
		if add == "" {
			add = "See"
		}
		return r, fail(exitNotFound, fmt.Sprintf("%s `starter rep list --org %s`.", add, a.org), "there is no rep %q in org %s", a.rep, a.org)
	}
	if err != nil {
		return r, storeFailure(err)
	}
	return r, nil
}

// storeFailure says what to do about an error of the store.
func storeFailure(err error) error {
	const check = "Check DATABASE_URL and that Postgres runs."
	var e *store.Error
	switch {
	case errors.As(err, &e) && strings.HasPrefix(e.Code, "28"): // invalid authorization specification
		return fail(exitUnreachable, "Check the user and the password in DATABASE_URL.", "Postgres refuses the credentials (%s)", e.Code)
	case errors.As(err, &e) && e.Code == "3D000": // invalid catalog name
		return fail(exitUnreachable, "Create it, or correct the name in DATABASE_URL.", "Postgres has no such database (%s)", e.Code)
	case errors.As(err, &e) && e.Code == "42501": // insufficient privilege
		return fail(exitUnreachable, "Let the user of DATABASE_URL own the database: Repsync makes its own tables.", "Postgres does not let that user %s (%s)", e.Op, e.Code)
	case errors.As(err, &e) && e.Code == store.CodeSealed:
		return fail(exitFailed, "Set REPSYNC_KEYRING to the keyring that sealed this database: the workers' one.", "the keyring does not open what is stored here (%s)", e.Op)
	case errors.As(err, &e) && e.Code == store.CodeConnection, errors.Is(err, context.DeadlineExceeded):
		return fail(exitUnreachable, check, "Postgres does not answer")
	case store.Transient(err):
		return fail(exitUnreachable, check+" Then try again.", "%s", err)
	}
	return fail(exitFailed, "", "%s", err)
}

// temporalFailure says what to do about an error of Temporal that is not about one workflow.
func (l *link) temporalFailure(err error) error {
	var (
		namespace *serviceerror.NamespaceNotFound
		denied    *serviceerror.PermissionDenied
		address   = l.env.Temporal.HostPort
	)
	if address == "" {
		address = client.DefaultHostPort
	}
	switch {
	case errors.As(err, &namespace):
		return fail(exitUnreachable, "Set TEMPORAL_NAMESPACE to the one that the workers use, or create it.", "Temporal at %s has no namespace %q", address, namespace.Namespace)
	// The SDK has no type for a caller that is not known at all.
	case errors.As(err, &denied), strings.Contains(err.Error(), "Unauthenticated"), strings.Contains(err.Error(), "unauthorized"):
		return fail(exitUnreachable, "Check TEMPORAL_API_KEY, or the certificates that TEMPORAL_TLS_* name.", "Temporal at %s refuses the credentials", address)
	}
	return fail(exitUnreachable, "Check TEMPORAL_ADDRESS and that the server runs.", "Temporal does not answer at %s", address)
}

// notRunning says what to do when something was asked of the rep's workflow and did not come through.
func (a *app) notRunning(l *link, err error) error {
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) {
		return fail(exitRefused, fmt.Sprintf("Start it with `starter rep start --org %s --rep %s`.", a.org, a.rep), "rep %s does not run", a.rep)
	}
	return l.temporalFailure(err)
}

// worked tells whether a worker has asked for work lately. One that died a minute ago still counts.
func (l *link) worked(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, temporalPatience)
	defer cancel()
	d, err := l.temporal.DescribeTaskQueue(ctx, workflows.TaskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	return err != nil || len(d.GetPollers()) > 0 // what cannot be told is no reason to alarm
}

// warn prints a line for people beside the result.
func (a *app) warn(format string, args ...any) {
	if !a.json {
		fmt.Fprintf(a.errs, format+"\n", args...)
	}
}

const noWorker = "warning: no worker asks for work on the task queue " + workflows.TaskQueue + ": nothing happens until one runs (bin/worker)"
