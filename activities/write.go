package activities

import (
	"context"
	"errors"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// requestTimeout bounds one write to a vendor, its retries by the transport included. It is shorter than a lease, so that
// a worker that was thought dead cannot write beside its successor.
const requestTimeout = 45 * time.Second

// Write sends creates and updates, the CRM's first: what a mailbox creates may be claimed by several reps at once, and
// the sooner the record is there, the sooner the others link to it.
func (a *Activities) Write(ctx context.Context, p Pass) (StageOut, error) {
	return a.writes(ctx, p, "write", connector.Create, connector.Update)
}

// writes runs the write protocol for some verbs on both sides.
func (a *Activities) writes(ctx context.Context, p Pass, name string, verbs ...connector.Verb) (StageOut, error) {
	return stage(p.under(ctx), a, name, troubleIn, func(ctx context.Context) (StageOut, error) {
		s, release, err := a.begin(ctx, p)
		if err != nil {
			return StageOut{}, err
		}
		defer release()
		var out StageOut
		defer func() { s.tellWritten(name, out.Summary) }()
		for _, k := range s.kinds(p) {
			for _, side := range []record.Side{record.CRM, record.Mailbox} {
				sum, err := s.writeSide(ctx, k, side, verbs)
				out.Summary = out.Summary.Plus(sum)
				if err == nil {
					continue
				}
				t := a.troubleOf(err)
				if t == nil {
					return out, err
				}
				if planted.Is(planted.ErrorTextWithAddress) {
					t.Op += " for " + s.sit.Rep.Mailbox
				}
				if out.Trouble == nil {
					out.Trouble = t // what one side is in trouble with does not keep the other waiting
				}
			}
		}
		return out, nil
	})
}

// writeSide sends all of a kind that is planned for one side.
func (s *session) writeSide(ctx context.Context, k record.Kind, side record.Side, verbs []connector.Verb) (sum Summary, err error) {
	caps, err := s.capsOf(ctx, k)
	if err != nil {
		return sum, err
	}
	meta := caps.CRM.Metadata + "/" + caps.Mailbox.Metadata
	for _, verb := range verbs {
		w := writer{session: s, k: k, side: side, verb: verb, caps: caps.Of(side), meta: meta}
		err := w.run(ctx)
		sum = sum.Plus(w.sum)
		if err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// writer sends the planned intents of one verb to one side.
type writer struct {
	*session
	k    record.Kind
	side record.Side
	verb connector.Verb
	caps connector.Caps
	meta string
	sum  Summary

	waited time.Duration // for a quota, since something last got through
	wait   time.Duration // the last of these waits
}

// run sends batch after batch until nothing is planned, the stage is cancelled or the vendor is in trouble. A cancellation
// is obeyed between batches: the one in flight is settled.
func (w *writer) run(ctx context.Context) error {
	size := max(w.caps.Batch[w.verb], 1)
	for ctx.Err() == nil {
		intents, err := w.a.Store.Intents(ctx, w.org, w.rep, w.k, []store.IntentState{store.Planned}, []connector.Verb{w.verb}, w.side, size)
		if err != nil || len(intents) == 0 {
			return err
		}
		before := w.sum
		err = w.batch(context.WithoutCancel(ctx), intents)
		if w.sum.Created != before.Created || w.sum.Updated != before.Updated || w.sum.Deleted != before.Deleted {
			w.waited, w.wait = 0, 0
		}
		if err != nil && !w.patient(ctx, err) {
			return err
		}
	}
	return nil
}

// longestWait is the longest time between two tries while a quota is used up: a small part of a minute, after which quotas
// begin anew.
const longestWait = 4 * time.Second

// patient waits a little where a quota is used up, longer each time, and reports whether to try again. Where the server
// says itself when to come again, the pass ends, and the kind waits for that time.
func (w *writer) patient(ctx context.Context, err error) bool {
	var e *connector.Error
	if !errors.As(err, &e) || !e.Quota || e.Class != connector.Retry || e.RetryAfter > 0 {
		return false
	}
	w.wait = min(max(2*w.wait, time.Second), longestWait)
	if w.waited += w.wait; w.waited > w.a.Patience {
		return false
	}
	t := time.NewTimer(w.wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// existsCode marks an intent whose create was answered with "is there already".
const existsCode = "exists:"

// batch is the write protocol: lease, read, save, send, settle.
func (w *writer) batch(ctx context.Context, intents []store.Intent) (err error) {
	if err := w.a.Store.Renew(ctx, w.org, w.rep, w.epoch, w.a.Lease); err != nil {
		return err
	}
	t, err := w.settler(ctx, w.k, w.meta, intents)
	if err != nil {
		return err
	}
	defer func() { w.sum = w.sum.Plus(t.sum) }()
	send, unlock, err := w.ready(ctx, t, intents)
	defer unlock()
	if err != nil {
		return err
	}
	var failed error
	if len(send) > 0 {
		if failed, err = w.send(ctx, t, send); err != nil {
			return err
		}
	}
	if err := t.save(ctx); err != nil {
		return err
	}
	w.at(PointSettled)
	return failed
}

// op is the write as the connector wants it.
func (w *writer) op(in store.Intent) connector.Op {
	op := connector.Op{Verb: in.Op.Verb, Ref: in.Ref, If: in.If, Set: in.Op.Set, Current: in.Before, Invite: w.invites()}
	if in.Op.Verb == connector.Create {
		op.Key = marker(w.org, in.Key)
	}
	if w.side == record.CRM {
		op.Owner = w.sit.Rep.CRMUser
	}
	return op
}

// invites reports whether the policy lets writes to this side mail attendees.
func (w *writer) invites() bool {
	return w.k == record.Event && w.side == record.Mailbox && w.policy.Events.Invitations == "organizer"
}

// answersOnly reports whether a write does no more than give an attendee's answer, which takes no right to the record.
func answersOnly(in store.Intent) bool {
	_, answers := in.Op.Set[record.FieldAnswer]
	return answers && len(in.Op.Set) == 1
}

// send commits what is about to be sent, with before-images, sends it, and sorts the results. failed is the trouble that
// keeps the rest of this side from being sent.
func (w *writer) send(ctx context.Context, t *settler, intents []store.Intent) (failed, err error) {
	before, after := PointSent, PointAnswered
	if w.verb == connector.Delete {
		before, after = PointBeforeDelete, PointDeleted
	}
	w.at(PointBeforeSent)
	// The lease outlives the request that follows, however long the reading took.
	if err := w.renew(ctx, intents); err != nil {
		return nil, err
	}
	if !planted.Is(planted.IntentUnwritten) {
		if err := w.a.Store.MarkSent(ctx, w.org, w.rep, w.epoch, intents); err != nil {
			return nil, err
		}
	}
	w.at(before)
	ops := make([]connector.Op, len(intents))
	for i, in := range intents {
		ops[i] = w.op(in)
	}
	sending, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	results, err := w.session.side(w.side).Write(sending, w.k, ops)
	if err != nil { // nothing was sent
		for _, in := range intents {
			t.batch.Back = append(t.batch.Back, in.ID)
		}
		return err, nil
	}
	w.at(after)
	w.readBack(ctx, intents, results)
	w.relateShown(ctx, results)
	var moved []refused
	for i, in := range intents {
		if class := connector.ClassOf(results[i].Err); class == connector.Stale || class == connector.Missing && in.Op.Verb != connector.Delete {
			moved = append(moved, refused{in, results[i].Err})
			continue
		}
		if f := w.outcome(t, in, results[i]); f != nil && failed == nil {
			failed = f
		}
	}
	return failed, w.planAgain(ctx, t, moved)
}

// refused is an intent whose item the vendor says has moved, although it was just read.
type refused struct {
	in  store.Intent
	err error
}

// patience is how often within an hour a write may be answered with "it has moved" before its item is parked.
const patience = 2

// planAgain drops the writes whose item moved between our read and our write, so that they are planned again. An item of
// which the vendor says so again and again is parked: it would hold the cursor for ever.
func (w *writer) planAgain(ctx context.Context, t *settler, moved []refused) error {
	if len(moved) == 0 {
		return nil
	}
	ids := make([]string, 0, len(moved))
	for _, m := range moved {
		ids = append(ids, m.in.LinkID)
	}
	before, err := w.a.Store.CountDropped(ctx, w.org, w.rep, ids, w.a.Now().Add(-time.Hour))
	if err != nil {
		return err
	}
	for _, m := range moved {
		if before[m.in.LinkID][codeOf(m.err)] >= patience {
			t.park(m.in, planner.ReasonVendorRefused, m.err)
			continue
		}
		t.drop(m.in, codeOf(m.err))
	}
	return nil
}

// readBack reads, in one batch, the items whose write's response did not show them. What was created and is deleted by now was
// created all the same; what else cannot be read back stays unclear and is resolved by the next pass.
func (w *writer) readBack(ctx context.Context, intents []store.Intent, results []connector.Result) {
	var refs []connector.Ref
	for i, r := range results {
		if r.Err == nil && r.Item == nil && intents[i].Op.Verb != connector.Delete {
			refs = append(refs, r.Ref)
		}
	}
	if len(refs) == 0 {
		return
	}
	items, gone, err := w.session.side(w.side).Get(ctx, w.k, refs, nil)
	shown := map[string]*connector.Item{}
	for i := range items {
		shown[items[i].ID] = &items[i]
	}
	for _, g := range gone {
		if w.verb == connector.Create && g.Deleted {
			shown[g.ID] = &connector.Item{Ref: g.Ref, Deleted: true}
		}
	}
	for i := range results {
		r := &results[i]
		if r.Err != nil || r.Item != nil || intents[i].Op.Verb == connector.Delete {
			continue
		}
		if r.Item = shown[r.Ref.ID]; r.Item == nil {
			r.Err = &connector.Error{Class: connector.Unclear, Code: "not_read_back", Op: "read back", Cause: err}
		}
	}
}

// relateShown adds to the events that a mailbox shows as written whom they concern in the CRM, as their feed will show
// them. Should that fail, the next reading takes it for an edit, which writes what is there.
func (w *writer) relateShown(ctx context.Context, results []connector.Result) {
	var rows []store.Staged
	for _, r := range results {
		if r.Err == nil && r.Item != nil && r.Item.Fields != nil {
			rows = append(rows, store.Staged{Obs: planner.Observation{Presence: planner.Present, Item: *r.Item}})
		}
	}
	if w.side == record.Mailbox {
		_ = w.session.enrich(ctx, w.k, w.side, rows)
	}
}

// outcome sorts one result by the class of its error.
func (w *writer) outcome(t *settler, in store.Intent, r connector.Result) (failed error) {
	class := connector.ClassOf(r.Err)
	if r.Err == nil {
		shown := connector.Item{Ref: r.Ref}
		if r.Item != nil {
			shown = *r.Item
		}
		t.done(in, shown)
		return nil
	}
	switch class {
	case connector.Unclear:
		t.batch.Unknown = append(t.batch.Unknown, in.ID)
		t.batch.Codes[in.ID] = codeOf(r.Err)
		return r.Err
	case connector.Exists: // ours from before, or something else in its way: looked for by the next pass
		t.batch.Unknown = append(t.batch.Unknown, in.ID)
		t.batch.Codes[in.ID] = existsCode + codeOf(r.Err)
	case connector.Missing:
		if in.Op.Verb == connector.Delete {
			t.done(in, connector.Item{Ref: in.Ref})
			return nil
		}
	case connector.Reconnect, connector.CursorLost:
		t.batch.Back = append(t.batch.Back, in.ID)
		return r.Err
	case connector.Retry:
		var e *connector.Error
		if errors.As(r.Err, &e) && !e.Row { // the request, and not this item: it is sent again when the vendor takes it
			t.batch.Back = append(t.batch.Back, in.ID)
			return r.Err
		}
		t.park(in, planner.ReasonVendorRefused, r.Err)
	default: // park; a refusal of this one item that may pass comes back soon
		t.park(in, planner.ReasonVendorRefused, r.Err)
	}
	return nil
}
