package activities

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/store"
)

// Classes of Trouble.
const (
	ClassRetry       = string(connector.Retry)
	ClassReconnect   = string(connector.Reconnect)
	ClassUnsupported = string(connector.Unsupported)
	ClassBug         = string(connector.Bug)
	ClassConfig      = "config"  // an admin has to change something of ours
	ClassWaiting     = "waiting" // for another worker or rep; it passes by itself
)

// CodeLeaseLost is the code of a stage that found its mailbox taken over.
const CodeLeaseLost = "lease_lost"

// Error makes a Trouble an error inside this package.
func (t *Trouble) Error() string { return fmt.Sprintf("%s: %s (%s)", t.Op, t.Code, t.Class) }

// remedies says what to do about the codes that an operator can do something about.
var remedies = map[string]string{
	ClassReconnect:   "The vendor refuses our credentials: check them with the vendor's admin, then signal sync-now.",
	ClassRetry:       "The vendor or the network is in trouble; Repsync tries again by itself.",
	ClassUnsupported: "The server does not offer what the policy asks for.",
	ClassBug:         "The vendor refused a request that should be right: report it with the code.",
}

// troubleOf turns a connector's error into what an operator reads. The vendor's own words stay behind: they may quote
// customers' values.
func (a *Activities) troubleOf(err error) *Trouble {
	var t *Trouble
	if errors.As(err, &t) {
		return t
	}
	var held store.ErrLeaseHeld
	if errors.As(err, &held) {
		return &Trouble{Class: ClassWaiting, Code: "mailbox_leased", Op: "lease the mailbox", Until: held.Until,
			Remedy: "Another worker holds the mailbox until then; its lease runs out by itself."}
	}
	var e *connector.Error
	if !errors.As(err, &e) {
		return nil
	}
	t = &Trouble{Class: string(e.Class), Code: e.Code, Op: e.Op, Remedy: remedies[string(e.Class)]}
	if e.Code == connector.BudgetSpent {
		t.Class, t.Remedy, t.Until = ClassWaiting, "What the vendor allows is used up, but for what people wait for; Repsync goes on by itself. See `starter org status`.", a.Now().Add(e.RetryAfter)
		return t
	}
	if e.Class == connector.Retry || e.Class == connector.Unclear {
		t.Class, t.Remedy = ClassRetry, remedies[ClassRetry]
		if e.RetryAfter > 0 {
			t.Until = a.Now().Add(e.RetryAfter)
		}
	}
	return t
}

// stage runs the body of an activity. A vendor's trouble is part of the stage's result; whatever else goes wrong (the
// store, a panic) becomes an error that carries a code and an operation and nothing more, since errors are kept in
// Temporal's history. What was wrong in detail is logged here, without values.
func stage[T any](ctx context.Context, a *Activities, name string, trouble func(*T) **Trouble, body func(ctx context.Context) (T, error)) (out T, err error) {
	stop := beat(ctx)
	defer stop()
	log := a.Log.With(slog.String("stage", name))
	if activity.IsActivity(ctx) {
		log = log.With(slog.String("workflow", activity.GetInfo(ctx).WorkflowExecution.ID)) // names the org and the rep
	}
	defer func() {
		if r := recover(); r != nil {
			log.ErrorContext(ctx, "stage panicked", slog.String("type", fmt.Sprintf("%T", r)), slog.String("stack", string(debug.Stack())))
			err = temporal.NewApplicationError("stage "+name+" broke down: report it with the worker's log", "panic")
		}
	}()
	out, err = body(ctx)
	if err == nil {
		return out, nil
	}
	if t := a.troubleOf(err); t != nil {
		log.WarnContext(ctx, "trouble", slog.String("class", t.Class), slog.String("code", t.Code), slog.String("op", t.Op))
		*trouble(&out) = t
		return out, nil
	}
	if errors.Is(err, store.ErrLeaseLost) {
		*trouble(&out) = &Trouble{Class: ClassWaiting, Code: CodeLeaseLost, Op: name, Remedy: "Another worker took the mailbox over; the pass goes on there."}
		return out, nil
	}
	var se *store.Error
	if errors.As(err, &se) {
		log.ErrorContext(ctx, "store", slog.String("op", se.Op), slog.String("code", se.Code))
		return out, temporal.NewApplicationError("the store could not "+se.Op+". "+se.Remedy(), "store_"+se.Code)
	}
	if ctx.Err() != nil {
		return out, ctx.Err()
	}
	log.ErrorContext(ctx, "stage failed", slog.String("type", fmt.Sprintf("%T", err)))
	return out, temporal.NewApplicationError("stage "+name+" could not go on; the worker's log says why", "internal")
}

// tellParked logs an item that cannot be written now: ids and codes, and nothing of what the item holds.
func (s *session) tellParked(row store.Parked) {
	s.a.Log.Info("parked", slog.String("org", s.org), slog.String("rep", s.rep), slog.Int64("pass", s.pass), slog.String("kind", string(row.Kind)),
		slog.String("side", string(row.Side)), slog.String("item", row.ID), slog.String("reason", string(row.Reason)), slog.String("code", row.Code))
}

// tellWritten logs what a stage wrote, where it wrote anything.
func (s *session) tellWritten(stage string, sum Summary) {
	if sum.Created == (Sided{}) && sum.Updated == (Sided{}) && sum.Deleted == (Sided{}) {
		return
	}
	s.a.Log.Info("written", slog.String("stage", stage), slog.String("org", s.org), slog.String("rep", s.rep), slog.Int64("pass", s.pass),
		slog.Any("created", sum.Created), slog.Any("updated", sum.Updated), slog.Any("deleted", sum.Deleted), slog.Int("parked", sum.Parked))
}

// beat heartbeats until stopped, so that a dead worker is noticed within the heartbeat timeout and a cancellation
// arrives. Progress is checkpointed in Postgres, not in the heartbeat.
func beat(ctx context.Context) (stop func()) {
	if !activity.IsActivity(ctx) {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		ticker := time.NewTicker(5 * time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				activity.RecordHeartbeat(ctx)
			}
		}
	}()
	return func() { close(done) }
}
