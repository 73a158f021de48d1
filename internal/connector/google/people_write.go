package google

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/repsync/repsync/internal/connector"
)

// write sends creates and updates in batches of 200, deletes of 500, one after the other as Google asks for. Results
// carry the item as the write's own answer shows it.
//
// A batch whose answer was lost makes its own ops Unclear; ops of later batches are then not sent, and are Retry with Code
// "not_sent". An update or delete whose If is not the version that was read, or not the one that stands, is Stale.
func (m *people) write(ctx context.Context, ops []connector.Op) ([]connector.Result, error) {
	if _, err := m.client.current(ctx, 0); err != nil {
		return nil, err
	}
	w := &writing{people: m, ops: ops, results: make([]connector.Result, len(ops)), bodies: make([]person, len(ops))}
	var creates, deletes []int
	updates := map[string][]int{} // by mask: a batch has one
	for i, op := range ops {
		w.results[i].Ref = op.Ref
		switch {
		case op.Verb == connector.Create:
			if w.prepareCreate(i) {
				creates = append(creates, i)
			}
		case op.Verb != connector.Update && op.Verb != connector.Delete:
			w.fail([]int{i}, &connector.Error{Class: connector.Bug, Code: "verb", Op: "google write contact"})
		case !resourceName.MatchString(op.Ref.ID):
			w.fail([]int{i}, &connector.Error{Class: connector.Missing, Code: "not_a_name", Op: "google write contact"})
		case op.Verb == connector.Update:
			if mask := w.prepareUpdate(i); mask != "" {
				updates[mask] = append(updates[mask], i)
			}
		default:
			deletes = append(deletes, i)
		}
	}
	w.batches(creates, maxBatch, func(at []int) { w.send(ctx, at, "") })
	var made []int // without an etag
	for _, at := range updates {
		made = append(made, slices.DeleteFunc(slices.Clone(at), func(i int) bool { return !isMade(ops[i].If.Tag) })...)
	}
	for _, i := range w.moved(ctx, made) {
		for mask, at := range updates {
			updates[mask] = slices.DeleteFunc(at, func(j int) bool { return i == j })
		}
	}
	for _, mask := range slices.Sorted(maps.Keys(updates)) {
		for _, at := range w.apart(updates[mask]) {
			w.batches(at, maxBatch, func(at []int) { w.send(ctx, at, mask) })
		}
	}
	w.batches(w.unmoved(ctx, deletes), maxDelete, func(at []int) { w.delete(ctx, at) })
	return w.results, nil
}

// writing is one call of write.
type writing struct {
	*people
	ops     []connector.Op
	bodies  []person
	results []connector.Result
	stop    *connector.Error // once set, nothing is sent any more
}

// fail gives each op its own copy of an error.
func (w *writing) fail(at []int, e *connector.Error) {
	for _, i := range at {
		own := *e
		w.results[i].Err = &own
	}
}

// halt fails a batch as a whole and keeps later ones from being sent.
func (w *writing) halt(at []int, e *connector.Error) {
	w.fail(at, e)
	w.stop = &connector.Error{Class: connector.Retry, Code: "not_sent", Op: e.Op, RetryAfter: e.RetryAfter, Quota: e.Quota}
	if e.Class == connector.Reconnect || e.Code == connector.BudgetSpent {
		w.stop.Class, w.stop.Code = e.Class, e.Code
	}
}

func (w *writing) batches(at []int, size int, send func([]int)) {
	for batch := range slices.Chunk(at, size) {
		if w.stop != nil {
			w.fail(batch, w.stop)
			continue
		}
		send(batch)
	}
}

// apart splits ops so that no part has one contact twice: a batch is a map of them.
func (w *writing) apart(at []int) [][]int {
	var parts [][]int
	count := map[string]int{}
	for _, i := range at {
		n := count[w.ops[i].Ref.ID]
		count[w.ops[i].Ref.ID]++
		if n == len(parts) {
			parts = append(parts, nil)
		}
		parts[n] = append(parts[n], i)
	}
	return parts
}

func (w *writing) prepareCreate(i int) bool {
	if w.ops[i].Key == "" {
		w.fail([]int{i}, &connector.Error{Class: connector.Bug, Code: "create_without_key", Op: "google create contact"})
		return false
	}
	body, err := w.create(w.ops[i])
	if err != nil {
		w.fail([]int{i}, err)
		return false
	}
	w.bodies[i] = body
	return true
}

// prepareUpdate builds an update's body; "" means that there is nothing to send, be it done or refused.
func (w *writing) prepareUpdate(i int) (mask string) {
	op := w.ops[i]
	switch {
	case op.Current == nil || len(op.Current.Image) == 0:
		w.fail([]int{i}, &connector.Error{Class: connector.Bug, Code: "update_without_current", Op: "google update contact"})
		return ""
	case op.If.Tag != "" && op.If.Tag != op.Current.Version.Tag:
		w.fail([]int{i}, &connector.Error{Class: connector.Stale, Code: "read_since", Op: "google update contact"})
		return ""
	}
	body, mask, err := w.update(op)
	if err != nil {
		w.fail([]int{i}, err)
		return ""
	}
	if mask == "" {
		w.results[i].Item = op.Current
	}
	w.bodies[i] = body
	return mask
}

// send sends one batch of creates (mask "") or of updates.
func (w *writing) send(ctx context.Context, at []int, mask string) {
	if w.client.singly.Load() {
		w.sendSingly(ctx, at, mask)
		return
	}
	r := call{op: "google create contact", method: http.MethodPost, path: "v1/people:batchCreateContacts", write: true}
	id := strconv.Itoa // how the answer calls the n-th
	if mask == "" {
		list := make([]any, len(at))
		for n, i := range at {
			list[n] = map[string]any{"contactPerson": w.bodies[i]}
		}
		r.body = map[string]any{"contacts": list, "readMask": personFields, "sources": []string{contactOnly}}
	} else {
		r.op, r.path = "google update contact", "v1/people:batchUpdateContacts"
		id = func(n int) string { return w.ops[at[n]].Ref.ID }
		contacts := map[string]person{}
		for _, i := range at {
			contacts[w.ops[i].Ref.ID] = w.bodies[i]
		}
		r.body = map[string]any{"contacts": contacts, "updateMask": mask, "readMask": personFields, "sources": []string{contactOnly}}
	}
	var out struct {
		CreatedPeople []response          `json:"createdPeople"`
		UpdateResult  map[string]response `json:"updateResult"`
	}
	if err := w.client.do(ctx, r, &out); err != nil {
		again := func(at []int) { w.send(ctx, at, mask) }
		if w.unserved(ctx, at, err) {
			again(at)
			return
		}
		w.refusal(r.op, at, id, err, again)
		return
	}
	for n, i := range at {
		one, ok := out.UpdateResult[id(n)]
		if mask == "" && len(out.CreatedPeople) == len(at) {
			one, ok = out.CreatedPeople[n], true
		}
		w.results[i] = w.result(r.op, w.ops[i], one, ok)
	}
}

// unserved tells a server without batches from one that refuses this batch. The vendor's own 404 to an update or a delete
// speaks of a contact; a get, which comes before, tells whether there are batches.
func (w *writing) unserved(ctx context.Context, at []int, err error) bool {
	if w.ops[at[0]].Verb != connector.Create && isCode(err, "NOT_FOUND") {
		return false
	}
	return w.client.unbatched(ctx, err, w.alive)
}

// result reads one person's part of an answer.
func (w *writing) result(op string, o connector.Op, one response, ok bool) connector.Result {
	res := connector.Result{Ref: o.Ref}
	switch {
	case !ok:
		res.Err = &connector.Error{Class: connector.Unclear, Code: "answer_incomplete", Op: op}
	case one.Status.Code != 0 || one.HTTPStatusCode >= 400:
		res.Err = itemError(op, one.Status.Code, one.Status.Message)
	default:
		d, err := w.decode(one.Person)
		switch {
		case d.item.ID == "" && o.Verb == connector.Create:
			res.Err = &connector.Error{Class: connector.Unclear, Code: "answer_without_name", Op: op}
		case d.item.ID != "":
			res.Ref = connector.Ref{ID: d.item.ID}
		}
		if err == nil {
			res.Item = &d.item
		}
	}
	return res
}

// refusal deals with a batch that failed as a whole. Where the answer names the contacts that are the reason, these fail
// and the others are sent again; where it names none, the batch is cut in halves until the reason is alone.
func (w *writing) refusal(op string, at []int, id func(int) string, err error, again func([]int)) {
	var e *connector.Error
	if !errors.As(err, &e) {
		e = &connector.Error{Class: connector.Bug, Code: "unknown_code", Op: op, Cause: err}
	}
	whole := e.Class != connector.Bug && e.Class != connector.Stale && e.Class != connector.Missing
	if whole {
		w.halt(at, e)
		return
	}
	var named refused
	if errors.As(err, &named) {
		var rest []int
		for n, i := range at {
			if c, ok := named.contacts[id(n)]; ok {
				w.fail([]int{i}, itemError(op, c.Code, c.Message))
			} else {
				rest = append(rest, i)
			}
		}
		if len(rest) < len(at) {
			w.batches(rest, maxBatch, again)
			return
		}
	}
	if len(at) == 1 {
		if e.Class == connector.Bug {
			e.Class = connector.Park // alone, it is this contact that Google does not take
		}
		w.fail(at, e)
		return
	}
	w.batches(at[:len(at)/2], maxBatch, again)
	w.batches(at[len(at)/2:], maxBatch, again)
}

// moved is the rest of unmoved.
func (w *writing) moved(ctx context.Context, at []int) []int {
	stand := w.unmoved(ctx, at)
	return slices.DeleteFunc(slices.Clone(at), func(i int) bool { return slices.Contains(stand, i) })
}

// unmoved reads contacts that are to be written without a precondition, and returns those that stand as their ops assume.
func (w *writing) unmoved(ctx context.Context, at []int) []int {
	if len(at) == 0 || w.stop != nil {
		return at
	}
	refs := make([]connector.Ref, len(at))
	for n, i := range at {
		refs[n] = connector.Ref{ID: w.ops[i].Ref.ID}
	}
	items, _, err := w.get(ctx, refs)
	if err != nil {
		var e *connector.Error
		if !errors.As(err, &e) {
			e = &connector.Error{Class: connector.Bug, Code: "unknown_code", Op: "google write contact", Cause: err}
		}
		w.halt(at, e)
		return nil
	}
	tags := map[string]string{}
	for _, it := range items {
		tags[it.ID] = it.Version.Tag
		for _, name := range it.Previous {
			tags[name] = it.Version.Tag
		}
	}
	return slices.DeleteFunc(slices.Clone(at), func(i int) bool {
		op := w.ops[i]
		tag, there := tags[op.Ref.ID]
		switch {
		case !there:
			w.fail([]int{i}, &connector.Error{Class: connector.Missing, Code: "NOT_FOUND", Op: "google write contact"})
		case op.If.Tag != "" && op.If.Tag != tag:
			w.fail([]int{i}, &connector.Error{Class: connector.Stale, Code: "moved_since", Op: "google write contact"})
		default:
			return false
		}
		return true
	})
}

// delete sends one batch of deletes.
func (w *writing) delete(ctx context.Context, at []int) {
	if w.client.singly.Load() {
		w.sendSingly(ctx, at, "")
		return
	}
	r := call{op: "google delete contact", method: http.MethodPost, path: "v1/people:batchDeleteContacts", write: true, silent: true}
	names := make([]string, len(at))
	for n, i := range at {
		names[n] = w.ops[i].Ref.ID
	}
	r.body = map[string]any{"resourceNames": names}
	var out json.RawMessage
	if err := w.client.do(ctx, r, &out); err != nil {
		again := func(at []int) { w.delete(ctx, at) }
		if w.unserved(ctx, at, err) {
			again(at)
			return
		}
		w.refusal(r.op, at, strconv.Itoa, err, again)
	}
}
