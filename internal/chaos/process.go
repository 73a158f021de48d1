package chaos

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/google"
	"github.com/repsync/repsync/internal/connector/salesforce"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/store"
)

// errDied is what everything ends with that a dead worker still tries.
var errDied = errors.New("the worker is dead")

// process is a worker: its store, its connectors and its stages. A dead one reaches neither Postgres nor a vendor.
type process struct {
	p     *player
	store *store.Store
	acts  *activities.Activities
	dead  atomic.Bool
	crm   map[string]connector.CRM
	boxes map[string]connector.Connector
}

// ring opens the keyring as the story's present build does.
func (p *player) ring() (*keyring.Ring, error) {
	ring, err := keyring.Open(p.bench.ringFile())
	if err != nil {
		return nil, err
	}
	return ring.Upgraded(p.upgrades), nil
}

// begin starts a worker.
func (p *player) begin(ctx context.Context) error {
	ring, err := p.ring()
	if err != nil {
		return err
	}
	p.workers++
	w := &process{p: p, crm: map[string]connector.CRM{}, boxes: map[string]connector.Connector{}}
	if w.store, err = store.Open(ctx, p.bench.url, ring, store.Options{Schema: p.bench.schema, Now: p.clock.Now, Tracer: w}); err != nil {
		return err
	}
	w.acts = activities.New(activities.Config{Store: w.store, Ring: ring, Connect: w, Now: p.clock.Now, Name: fmt.Sprint("worker-", p.workers), Log: slog.New(slog.NewTextHandler(p.leaks("log"), nil))})
	p.worker = w
	return nil
}

// end ends a worker, and waits until its connections are closed.
func (w *process) end() {
	w.dead.Store(true)
	w.store.Close()
}

// CRM makes the worker its stages' Connectors.
func (w *process) CRM(org string) (connector.CRM, error) {
	if c := w.crm[org]; c != nil {
		return c, nil
	}
	box := w.p.world.Orgs[org].Box
	pem, err := os.ReadFile(box.SalesforceKeyFile)
	if err != nil {
		return nil, err
	}
	c, err := salesforce.New(salesforce.Config{Org: org, LoginURL: box.SalesforceURL, BaseURL: box.SalesforceURL, Now: w.p.clock.Now, PageSize: 10 * w.p.pages, HTTPClient: &http.Client{Transport: w},
		Auth: salesforce.Auth{JWT: &salesforce.JWT{ClientID: sandbox.ConnectedAppID, Username: box.IntegrationUser(), KeyPEM: pem}}})
	w.crm[org] = c
	return c, err
}

// Mailbox returns the connector of a mailbox.
func (w *process) Mailbox(org, address string) (connector.Connector, string, error) {
	if c := w.boxes[address]; c != nil {
		return c, "google", nil
	}
	box := w.p.world.Orgs[org].Box
	key, err := os.ReadFile(box.GoogleKeyFile)
	if err != nil {
		return nil, "", err
	}
	c, err := google.New(google.Config{Org: org, Mailbox: address, BaseURLPeople: box.GoogleURL, BaseURLCalendar: box.GoogleURL + "/calendar/v3/", ServiceAccount: key, TokenURL: box.GoogleURL + "/token",
		Now: w.p.clock.Now, PageSize: w.p.pages, EventPageSize: w.p.pages, HTTPClient: &http.Client{Transport: w}})
	w.boxes[address] = c
	return c, "google", err
}

// longestRequest is when whoever sent a request has given it up for certain, in the story's time.
const longestRequest = time.Minute

// RoundTrip carries a request to a vendor, and stops at the moments of the story before and after it. One that the story kept
// back for longer than its sender waits never leaves: a process that slept meanwhile wakes to a deadline that has passed.
func (w *process) RoundTrip(r *http.Request) (*http.Response, error) {
	f := w.p.frame()
	begun := w.p.clock.Now()
	at := []scenario.Moment{{Request: f.request()}}
	if f != nil && r.Method != http.MethodGet && !signsIn(r) {
		f.writes++
		at = append(at, scenario.Moment{Write: f.writes})
	}
	for _, m := range at {
		w.p.moment(f, m, signsIn(r))
	}
	switch {
	case w.dead.Load():
		return nil, errDied
	case w.p.clock.Now().Sub(begun) > longestRequest:
		return nil, context.DeadlineExceeded
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	w.p.heard(r, resp, err)
	for _, m := range at {
		m.After = true
		w.p.moment(f, m, signsIn(r))
	}
	if w.dead.Load() {
		if err == nil {
			_ = resp.Body.Close()
		}
		return nil, errDied
	}
	return resp, err
}

// signsIn reports whether a request is for a token. Whoever else signs in meanwhile waits for it.
func signsIn(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/token") }

// TraceQueryStart sees every statement, and stops at the moments of the story before it.
func (w *process) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return w.statement(ctx)
}

// TraceQueryEnd makes process a pgx.QueryTracer.
func (w *process) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart sees every batch.
func (w *process) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return w.statement(ctx)
}

// TraceBatchQuery makes process a pgx.BatchTracer.
func (w *process) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd makes process a pgx.BatchTracer.
func (w *process) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// statement stops at a moment of the story, and takes Postgres away from a dead worker.
func (w *process) statement(ctx context.Context) context.Context {
	if f := w.p.frame(); f != nil && !w.dead.Load() {
		w.p.moment(f, scenario.Moment{Statement: f.statement()}, true)
	}
	if w.dead.Load() {
		dead, cancel := context.WithCancelCause(ctx)
		cancel(errDied)
		return dead
	}
	return ctx
}
