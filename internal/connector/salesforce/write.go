package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// batchSize is how many records a collection takes. Source: REST API Developer Guide, "sObject Collections".
const batchSize = 200

// Write sends creates, updates and deletes in collections of 200, each of which is one API call and lets each row fail for
// itself (allOrNone false). Results carry no Item: read back with Get.
//
// A collection whose answer was lost makes its own ops Unclear; ops of later collections are then not sent, and are Retry
// with Code "not_sent". An op that no collection could carry (a field that cannot be written) is parked here and costs
// the others nothing.
func (c *crm) Write(ctx context.Context, k record.Kind, ops []connector.Op) ([]connector.Result, error) {
	s, err := shapeOf("write", k)
	if err != nil {
		return nil, err
	}
	d, err := c.describe(ctx, s.object)
	if err != nil {
		return nil, err
	}
	w := &writing{crm: c, shape: s, d: d, ops: ops, results: make([]connector.Result, len(ops)), sent: map[int]bool{}, who: map[int]string{}}
	if s.before != nil {
		if err := s.before(ctx, w); err != nil {
			return nil, err
		}
	}
	if _, err := c.client.current(ctx, 0); err != nil {
		return nil, err
	}
	for _, verb := range []connector.Verb{connector.Create, connector.Update, connector.Delete} {
		w.verb(ctx, verb)
	}
	for i, op := range ops {
		if op.Verb != connector.Create && op.Verb != connector.Update && op.Verb != connector.Delete {
			w.fail([]int{i}, &connector.Error{Class: connector.Bug, Code: "verb", Op: "salesforce write " + s.object})
		}
	}
	if s.after != nil {
		s.after(ctx, w)
	}
	return w.results, nil
}

// writing is one call of Write.
type writing struct {
	*crm
	*shape
	d        *describe
	accounts map[string]string // account name → the one account's id
	ops      []connector.Op
	results  []connector.Result
	ties     *describe        // of EventRelation, where ops touch it
	who      map[int]string   // the WhoId that an op sets, "" where it clears it
	sent     map[int]bool     // the ops whose own rows were written
	stop     *connector.Error // once set, nothing is sent any more
}

// fail gives each op its own copy of an error.
func (w *writing) fail(at []int, e *connector.Error) {
	for _, i := range at {
		own := *e
		w.results[i].Err = &own
		w.results[i].Ref = w.ops[i].Ref
	}
}

// verb sends all ops of one verb.
func (w *writing) verb(ctx context.Context, verb connector.Verb) {
	var at []int // the batch being filled
	rows := map[int]map[string]any{}
	inBatch := map[string]bool{}
	flush := func() {
		if len(at) > 0 {
			w.send(ctx, verb, at, rows)
		}
		at = nil
		clear(inBatch)
	}
	for i, op := range w.ops {
		if op.Verb != verb {
			continue
		}
		row, err := w.row(op)
		if err != nil {
			w.fail([]int{i}, err)
			continue
		}
		if verb == connector.Update && len(row) == 2 { // nothing but attributes and id: a company that no single account bears, or only what stands beside the row
			w.results[i].Ref = op.Ref
			continue
		}
		name := same(op.Ref.ID)
		if verb == connector.Create {
			name = op.Key
		}
		if len(at) == batchSize || inBatch[name] { // the vendor refuses one record twice in a collection
			flush()
		}
		inBatch[name] = true
		if who, set := row["WhoId"]; set {
			w.who[i], _ = who.(string)
		}
		rows[i] = row
		at = append(at, i)
	}
	flush()
}

// row builds what a collection carries for one op.
func (w *writing) row(op connector.Op) (map[string]any, *connector.Error) {
	refuse := func(class connector.Class, code string) (map[string]any, *connector.Error) {
		return nil, &connector.Error{Class: class, Code: code, Op: "salesforce " + string(op.Verb) + " " + w.object}
	}
	row := map[string]any{"attributes": map[string]string{"type": w.object}}
	switch {
	case op.Verb == connector.Create && guard(w.d, w.KeyField) == connector.GuardNone:
		return refuse(connector.Unsupported, "no_key_field:"+w.KeyField)
	case op.Verb == connector.Create && op.Key == "":
		return refuse(connector.Bug, "create_without_key")
	case op.Verb == connector.Create:
		row[w.KeyField] = w.marker(op.Key)
		if op.Owner != "" {
			row["OwnerId"] = op.Owner
		}
	case !itemID.MatchString(op.Ref.ID):
		return refuse(connector.Missing, "not_an_id")
	case op.Verb == connector.Update:
		row["id"] = op.Ref.ID
		if f := w.d.byName[w.KeyField]; op.Key != "" && f != nil && f.Updateable && op.Current != nil && op.Current.Key == "" {
			row[w.KeyField] = w.marker(op.Key)
		}
	}
	for canonical, v := range op.Set {
		v = record.Canonical(canonical, v)
		if w.isDerived(canonical) || v == "" && op.Verb == connector.Create {
			continue
		}
		if !w.writable(op.Verb, canonical) {
			return refuse(connector.Park, "field_not_writable:"+canonical)
		}
		if encode := w.special[canonical].encode; encode != nil {
			if bad := encode(w, op, v, row); bad != nil {
				return refuse(bad.class, bad.code)
			}
			continue
		}
		name := w.columns(canonical)[0]
		if row[name] = v; v == "" {
			row[name] = nil
		}
	}
	if w.shape.refuse != nil && op.Verb != connector.Create {
		if bad := w.shape.refuse(op, row); bad != nil {
			return refuse(bad.class, bad.code)
		}
	}
	return row, nil
}

// writable reports whether describe lets a canonical field be sent.
func (w *writing) writable(verb connector.Verb, canonical string) bool {
	columns := w.columns(canonical)
	for _, name := range columns {
		f := w.d.byName[name]
		if f == nil || verb == connector.Create && !f.Createable || verb == connector.Update && !f.Updateable {
			return false
		}
	}
	return len(columns) > 0 || w.special[canonical].encode != nil
}

// saved is one row of a collection's answer.
type saved struct {
	ID      string       `json:"id"`
	Success *bool        `json:"success"`
	Errors  vendorErrors `json:"errors"`
}

// done reports whether the row was written: without a word on success, one without errors was.
func (s saved) done() bool {
	if s.Success != nil {
		return *s.Success
	}
	return len(s.Errors) == 0
}

// send sends one collection, in halves where the vendor refuses the whole of it for one row.
func (w *writing) send(ctx context.Context, verb connector.Verb, at []int, rows map[int]map[string]any) {
	if w.stop != nil {
		w.fail(at, w.stop)
		return
	}
	r := call{op: "salesforce " + string(verb) + " " + w.object, path: "/composite/sobjects", write: true}
	upsert := verb == connector.Create && guard(w.d, w.KeyField) == connector.GuardUpsert && !w.noUpsert.Load()
	if verb == connector.Create && !upsert && guard(w.d, w.KeyField) == connector.GuardUpsert {
		if at = w.unsent(ctx, at); len(at) == 0 {
			return
		}
	}
	if w.noCollections.Load() {
		w.sendSingly(ctx, verb, at, rows)
		return
	}
	list := make([]map[string]any, 0, len(at))
	ids := make([]string, 0, len(at))
	for _, i := range at {
		list = append(list, rows[i])
		ids = append(ids, w.ops[i].Ref.ID)
	}
	switch verb {
	case connector.Create:
		r.method, r.body = http.MethodPost, map[string]any{"allOrNone": false, "records": list}
		if upsert {
			r.method, r.path = http.MethodPatch, "/composite/sobjects/"+w.object+"/"+w.KeyField
		}
	case connector.Update:
		r.method, r.body = http.MethodPatch, map[string]any{"allOrNone": false, "records": list}
	case connector.Delete:
		r.method, r.path = http.MethodDelete, "/composite/sobjects?ids="+url.QueryEscape(strings.Join(ids, ","))+"&allOrNone=false"
	}
	var answers []json.RawMessage
	_, err := w.client.do(ctx, r, &answers)
	w.refresh(err)
	if notThere(err) {
		if down := w.alive(ctx, w.object); down != nil {
			err = down
		}
	}
	var e *connector.Error
	switch {
	case notThere(err) && upsert:
		w.noUpsert.Store(true)
		w.send(ctx, verb, at, rows)
	case notThere(err):
		w.noCollections.Store(true)
		w.send(ctx, verb, at, rows)
	case errors.As(err, &e) && e.Class == connector.Bug && len(at) > 1:
		w.send(ctx, verb, at[:len(at)/2], rows)
		w.send(ctx, verb, at[len(at)/2:], rows)
	case errors.As(err, &e) && e.Class == connector.Bug:
		e.Class = connector.Park // alone, it is this row that the vendor does not take
		w.fail(at, e)
	case errors.As(err, &e):
		w.fail(at, e)
		w.halt(e)
	case len(answers) != len(at):
		w.fail(at, &connector.Error{Class: connector.Unclear, Code: "answer_incomplete", Op: r.op})
	default:
		for n, i := range at {
			w.results[i] = w.result(r.op, verb, w.ops[i].Ref, answers[n])
			w.sent[i] = w.results[i].Err == nil
		}
	}
}

// halt keeps whatever follows from being sent.
func (w *writing) halt(e *connector.Error) {
	w.stop = &connector.Error{Class: e.Class, Code: e.Code, Op: e.Op, RetryAfter: e.RetryAfter}
	if e.Class != connector.Reconnect && e.Code != connector.BudgetSpent {
		w.stop.Class, w.stop.Code = connector.Retry, "not_sent"
	}
}

// unsent settles the creates whose record is there already, and returns the others. It is the guard of a server that takes no
// upserts.
func (w *writing) unsent(ctx context.Context, at []int) []int {
	found, err := w.findSent(ctx, at)
	var e *connector.Error
	if errors.As(err, &e) {
		e.Class = connector.Retry // nothing was sent
		w.fail(at, e)
		w.halt(e)
		return nil
	}
	return slices.DeleteFunc(slices.Clone(at), func(i int) bool {
		if found[i] == "" {
			return false
		}
		w.results[i].Ref, w.sent[i] = connector.Ref{ID: found[i]}, true
		return true
	})
}

// result reads one row of the answer.
func (w *writing) result(op string, verb connector.Verb, ref connector.Ref, raw json.RawMessage) connector.Result {
	var s saved
	if err := json.Unmarshal(raw, &s); err != nil {
		return connector.Result{Ref: ref, Err: &connector.Error{Class: connector.Unclear, Code: "answer_not_json", Op: op}}
	}
	if !s.done() {
		e := rowError(op, verb, s.Errors)
		w.refresh(e)
		return connector.Result{Ref: ref, Err: e}
	}
	if verb == connector.Create {
		if !itemID.MatchString(s.ID) {
			return connector.Result{Ref: ref, Err: &connector.Error{Class: connector.Unclear, Code: "answer_without_id", Op: op}}
		}
		ref = connector.Ref{ID: s.ID}
	}
	return connector.Result{Ref: ref}
}

// namedFor is how long it is believed which account bears a name, or that none does: the batches of a first sync name the
// same companies over and over.
const namedFor = time.Minute

// account is the one account of a name.
type account struct {
	id string // "" for none, and where several bear it
	at time.Time
}

// accounts finds, for the companies that ops set, the accounts of exactly that name; names that several accounts bear are
// left out.
func (c *crm) accounts(ctx context.Context, d *describe, ops []connector.Op) (map[string]string, error) {
	ids := map[string]string{}
	var names []string
	known := c.knownAccounts()
	for _, op := range ops {
		v := record.Canonical(record.FieldCompany, op.Set[record.FieldCompany])
		if v == "" || op.Verb == connector.Delete {
			continue
		}
		if one, ok := known[fold(v)]; !ok {
			names = append(names, v)
		} else if one.id != "" {
			ids[fold(v)] = one.id
		}
	}
	if len(names) == 0 || d.byName["AccountId"] == nil {
		return ids, nil
	}
	at, several := c.Now(), map[string]bool{}
	for _, batch := range batches(unique(names), c.room("")) {
		err := c.each(ctx, "find Account", "Id,Name", "Account", "Name IN ("+quoteAll(batch)+")", false, func(raw json.RawMessage) error {
			var a struct{ ID, Name string }
			if json.Unmarshal(raw, &a) == nil && a.Name != "" {
				name := fold(a.Name)
				several[name] = several[name] || ids[name] != "" && ids[name] != a.ID
				ids[name] = a.ID
			}
			return nil
		})
		if err != nil && !notServed(err) {
			return nil, err
		}
	}
	for name := range several {
		if several[name] {
			delete(ids, name)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range names {
		c.named[fold(name)] = account{ids[fold(name)], at}
	}
	return ids, nil
}

// knownAccounts are those that are still believed.
func (c *crm) knownAccounts() map[string]account {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.named, func(_ string, a account) bool { return !c.believed(a.at, namedFor) })
	return maps.Clone(c.named)
}

// fold is how the vendor compares names: without case.
func fold(name string) string { return strings.ToLower(record.Canonical(record.FieldCompany, name)) }
