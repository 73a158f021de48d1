package google

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planted"
)

// write sends inserts, patches and deletes in batches of 50 units of the quota. Results carry the event as the write's own answer shows it.
//
// A batch whose answer was lost makes its own ops Unclear, one whose answer was cut those that it does not tell of; ops of
// later batches are then not sent, and are Retry with Code "not_sent". So are they after Google said to slow down. An
// update or delete whose If is not the version that was read, or not the one that stands, is Stale. Nothing is mailed
// without Op.Invite.
func (c *calendar) write(ctx context.Context, ops []connector.Op) ([]connector.Result, error) {
	if _, err := c.client.current(ctx, 0); err != nil {
		return nil, err
	}
	w := &booking{calendar: c, ops: ops, results: make([]connector.Result, len(ops))}
	moved := w.unlike(ctx)
	var batch []int
	var all []request
	flush := func() {
		if len(batch) > 0 {
			w.send(ctx, batch, all)
		}
		batch, all = nil, nil
	}
	for i, op := range ops {
		w.results[i].Ref = op.Ref
		if e := moved[i]; e != nil {
			w.fail([]int{i}, e)
			continue
		}
		r, err := w.prepare(i)
		switch {
		case err != nil:
			w.fail([]int{i}, err)
			continue
		case r == nil: // nothing to change
			w.results[i].Item = op.Current
			continue
		}
		if units(append(all, *r)...) > maxParts || w.entangled(batch, op) {
			flush()
		}
		batch, all = append(batch, i), append(all, *r)
	}
	flush()
	return w.results, nil
}

// booking is one call of write.
type booking struct {
	*calendar
	ops     []connector.Op
	results []connector.Result
	stop    *connector.Error // once set, nothing is sent any more
}

// fail gives each op its own copy of an error.
func (w *booking) fail(at []int, e *connector.Error) {
	for _, i := range at {
		own := *e
		w.results[i].Err = &own
	}
}

// halt keeps later batches from being sent.
func (w *booking) halt(e *connector.Error) {
	w.stop = &connector.Error{Class: connector.Retry, Code: "not_sent", Op: e.Op, RetryAfter: e.RetryAfter, Quota: e.Quota}
	if e.Class == connector.Reconnect || e.Code == connector.BudgetSpent {
		w.stop.Class, w.stop.Code = e.Class, e.Code
	}
}

// entangled reports whether an op must wait for a batch to end: Google works on the requests of a batch in any order, and a
// series is changed before or after its occurrences, never beside them.
func (w *booking) entangled(batch []int, op connector.Op) bool {
	for _, i := range batch {
		other := w.ops[i].Ref
		if op.Ref.ID != "" && other.ID == op.Ref.ID && (other == op.Ref || other.Occurrence == "" || op.Ref.Occurrence == "") {
			return true
		}
	}
	return false
}

// unlike reads the events that are to be written and have no etag that could be a precondition, and says of those that are
// not as their ops assume why they are not written.
func (w *booking) unlike(ctx context.Context) map[int]*connector.Error {
	var refs []connector.Ref
	var at []int
	for i, op := range w.ops {
		if op.Verb != connector.Create && isMade(op.If.Tag) {
			refs, at = append(refs, op.Ref), append(at, i)
		}
	}
	if len(refs) == 0 {
		return nil
	}
	items, lost, err := w.get(ctx, refs)
	tags := map[connector.Ref]string{}
	for _, it := range items {
		tags[it.Ref] = it.Version.Tag
	}
	moved := map[int]*connector.Error{}
	for _, i := range at {
		op := w.ops[i]
		var e *connector.Error
		switch {
		case errors.As(err, &e):
			moved[i] = e
		case tags[op.Ref] == op.If.Tag:
		case slices.ContainsFunc(lost, func(g connector.Gone) bool { return g.Ref == op.Ref && g.Deleted }):
			moved[i] = &connector.Error{Class: connector.Missing, Code: cancelled, Op: writeEvent, Row: true}
		default:
			moved[i] = &connector.Error{Class: connector.Stale, Code: "moved_since", Op: writeEvent, Row: true}
		}
	}
	return moved
}

// prepare builds the request of one op; nil where there is nothing to send.
func (w *booking) prepare(i int) (*request, *connector.Error) {
	op := w.ops[i]
	updates := "none"
	if op.Invite || planted.Is(planted.MailsGuests) {
		updates = "all"
	}
	r := &request{method: http.MethodPost, op: "google create event", path: w.path(), query: url.Values{"sendUpdates": {updates}}, write: true}
	switch op.Verb {
	case connector.Create:
		if op.Key == "" {
			return nil, &connector.Error{Class: connector.Bug, Code: "create_without_key", Op: r.op}
		}
		body, err := w.insert(op)
		if err != nil {
			return nil, err
		}
		r.body = body
		return r, nil
	case connector.Update:
		r.op, r.method = "google update event", http.MethodPatch
	case connector.Delete:
		r.op, r.method = "google delete event", http.MethodDelete
	default:
		return nil, &connector.Error{Class: connector.Bug, Code: "verb", Op: writeEvent}
	}
	if !eventID.MatchString(op.Ref.ID) {
		return nil, &connector.Error{Class: connector.Missing, Code: "not_an_id", Op: r.op}
	}
	id := op.Ref.ID
	switch {
	case op.Current != nil && len(op.Current.Image) > 0:
		current, err := parseEvent(op.Current.Image)
		if err != nil {
			return nil, &connector.Error{Class: connector.Bug, Code: "image", Op: r.op}
		}
		id = str(current, "id") // an occurrence's own
	case op.Verb == connector.Update || op.Ref.Occurrence != "":
		return nil, &connector.Error{Class: connector.Bug, Code: "write_without_current", Op: r.op}
	}
	if op.If.Tag != "" && op.Current != nil && op.If.Tag != op.Current.Version.Tag {
		return nil, &connector.Error{Class: connector.Stale, Code: "read_since", Op: r.op}
	}
	if r.path = w.path(id); !isMade(op.If.Tag) {
		r.ifMatch = op.If.Tag
	}
	if op.Verb == connector.Update {
		body, err := w.patch(op)
		if err != nil || len(body) == 0 {
			return nil, err
		}
		r.body = body
	}
	return r, nil
}

// send sends one batch.
func (w *booking) send(ctx context.Context, at []int, all []request) {
	if w.stop != nil {
		w.fail(at, w.stop)
		return
	}
	answers, err := w.client.batch(ctx, writeEvent, all, w.alive)
	if err != nil {
		var e *connector.Error
		if !errors.As(err, &e) {
			e = &connector.Error{Class: connector.Bug, Code: "unknown_code", Op: writeEvent, Cause: err}
		}
		w.fail(at, e)
		w.halt(e)
		return
	}
	for n, i := range at {
		w.results[i] = w.result(w.ops[i], all[n], answers[n])
		if e := answers[n].err; e != nil && (e.Class == connector.Retry || e.Class == connector.Unclear) {
			w.halt(e)
		}
	}
	w.tellMissing(ctx, at)
}

// tellMissing tells, of events that are not as their ops assume, those that are not there at all: Google compares the
// version first.
func (w *booking) tellMissing(ctx context.Context, at []int) {
	var refs []connector.Ref
	for _, i := range at {
		if connector.ClassOf(w.results[i].Err) == connector.Stale {
			refs = append(refs, w.ops[i].Ref)
		}
	}
	if len(refs) == 0 {
		return
	}
	_, lost, err := w.get(ctx, refs)
	if err != nil {
		return // Stale they are in any case
	}
	for _, i := range at {
		for _, g := range lost {
			if g.Ref == w.ops[i].Ref && g.Deleted && connector.ClassOf(w.results[i].Err) == connector.Stale {
				w.results[i].Err = &connector.Error{Class: connector.Missing, Code: cancelled, Op: writeEvent, Row: true}
			}
		}
	}
}

// result reads the answer to one op.
func (w *booking) result(op connector.Op, r request, a answer) connector.Result {
	res := connector.Result{Ref: op.Ref}
	if body, ok := r.body.(entry); ok && op.Verb == connector.Create {
		res.Ref = connector.Ref{ID: str(body, "id")}
	}
	if a.err != nil {
		res.Err = refusal(op.Verb, a)
		return res
	}
	if op.Verb == connector.Delete {
		return res
	}
	one, err := w.decode(a.body)
	switch {
	case err != nil || one.item.ID != res.Ref.ID: // it was done; what stands is for a Get to say
	case one.state == gone:
		res.Err = &connector.Error{Class: connector.Missing, Code: cancelled, Op: r.op, Row: true}
	case one.state == present:
		one.item.Ref = res.Ref
		res.Item = &one.item
	}
	return res
}

// refusal is why Google did not do one op. It concerns this event alone, unless it is about the mailbox.
func refusal(verb connector.Verb, a answer) *connector.Error {
	e := a.err
	switch a.status {
	case http.StatusConflict:
		if verb == connector.Create {
			e.Class = connector.Exists // also when a person deleted it: the id stays taken
		}
	case http.StatusGone:
		e.Class = connector.Missing
	case http.StatusNotFound:
		if verb == connector.Create { // of the calendar
			e.Class = connector.Park
		}
	case http.StatusUnauthorized:
		e.Class = connector.Retry // the token ran out, and this was not done
	case http.StatusBadRequest:
		if e.Class == connector.Bug {
			e.Class = connector.Park
		}
	case http.StatusForbidden:
		if e.Class == connector.Reconnect && !ofAll[e.Code] {
			e.Class = connector.Park
		}
	}
	return e
}
