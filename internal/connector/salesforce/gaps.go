package salesforce

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/repsync/repsync/internal/connector"
)

// A server may speak less than Salesforce does. What it does not serve is found out by asking, and believed as long as the
// connector lives; what it never tells is found out by comparison:
//
//   - Without queryAll, or IsDeleted, nobody tells of a delete. The org's feed then compares the ids that there are with
//     those that there were; where one is missing the token is CursorLost, every rep reads its records anew, and what is
//     absent is asked for by its id.
//   - An id that no query shows is asked for by its address, where no recycle bin is seen to work. ENTITY_IS_DELETED proves
//     a delete. So does NOT_FOUND where the server keeps no UserRecordAccess: it has no records that it could hide.
//   - Without semi-joins a user's permission sets are asked for before what they open.
//   - Without collections each record is a request of its own. Without upserts a create looks for its marker first.
//
// Source of the codes: REST API Developer Guide, "Status Codes and Error Responses".
type gaps struct {
	noQueryAll, noCollections, noUpsert, noSemiJoins atomic.Bool

	binLies atomic.Bool // a delete was proved that queryAll did not show
}

const (
	lookAfter   = time.Minute   // so often ids are compared where nothing tells of deletes
	lookProving = 2 * time.Hour // and where something is said to, and has not told of any yet
	unprovenFor = 6 * time.Hour // so often a feed begins anew that has too many ids to compare
	sketchMost  = 2 * maxPage   // ids that are compared
	singleBatch = 25            // records of one call of Write where each is a request
)

// errMany ends the reading of a sketch.
var errMany = errors.New("too many ids to compare")

// notThere reports whether an answer says that there is no such resource.
func notThere(err error) bool {
	return isStatus(err, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented)
}

// tellsDeletes reports whether reads show deleted rows.
func (c *crm) tellsDeletes(d *describe) bool {
	return d.byName["IsDeleted"] != nil && !c.noQueryAll.Load()
}

// stamps are the fields that tell when a record was changed, the better one first.
var stamps = []string{"SystemModstamp", "LastModifiedDate"}

// stampOf is the field that tells when a record was changed. Error: Unsupported where there is none: nothing would tell what
// changed, nor in which order.
func stampOf(d *describe) (string, error) {
	for _, name := range stamps {
		if d.byName[name] != nil {
			return name, nil
		}
	}
	return "", &connector.Error{Class: connector.Unsupported, Code: "no_stamp_field", Op: "salesforce describe " + d.Name}
}

// sketch is the ids of an object as hashes of four bytes, sorted. Error: errMany.
func (c *crm) sketch(ctx context.Context, s *shape, d *describe) ([]byte, error) {
	var all []uint32
	conditions, archive := s.living(d)
	if len(conditions) == 0 {
		conditions = []string{"Id != null"}
	}
	err := c.each(ctx, "ids of "+s.object, "Id", s.object, conditions[0], archive, func(raw json.RawMessage) error {
		var row struct{ ID string }
		if json.Unmarshal(raw, &row) == nil {
			h := fnv.New32a()
			_, _ = h.Write([]byte(same(row.ID)))
			all = append(all, h.Sum32())
		}
		if len(all) > sketchMost {
			return errMany
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(all)
	out := make([]byte, 0, 4*len(all))
	for _, h := range slices.Compact(all) {
		out = binary.BigEndian.AppendUint32(out, h)
	}
	return out, nil
}

// missing reports whether one of the ids of a sketch is not in another.
func missing(before, now []byte) bool {
	there := make(map[uint32]bool, len(now)/4)
	for h := range slices.Chunk(now, 4) {
		there[binary.BigEndian.Uint32(h)] = true
	}
	return slices.ContainsFunc(slices.Collect(slices.Chunk(before, 4)), func(h []byte) bool { return !there[binary.BigEndian.Uint32(h)] })
}

// look compares the ids of the org with those of the token, where nothing else tells of deletes. Error: CursorLost where one
// is missing.
func (c *crm) look(ctx context.Context, q connector.Query, sel selection, cur *cursor) error {
	tells := c.tellsDeletes(sel.d) && !c.binLies.Load()
	if q.Owner != "" || tells && cur.Deletes {
		cur.IDs, cur.Looked, cur.Many = nil, time.Time{}, false
		return nil
	}
	lost := &connector.Error{Class: connector.CursorLost, Code: "deletes_not_reported", Op: "salesforce changes " + sel.object}
	every := lookAfter
	if tells {
		every = lookProving
	}
	since := c.Now().Sub(cur.Looked)
	switch {
	case tells && cur.Looked.IsZero():
		cur.Looked = c.Now()
		return nil
	case cur.Many && (tells || since < unprovenFor), since < every:
		return nil
	case cur.Many:
		return lost
	}
	now, err := c.sketch(ctx, sel.shape, sel.d)
	if errors.Is(err, errMany) {
		cur.Many, cur.IDs, cur.Looked = true, nil, c.Now()
		return nil
	}
	if err != nil {
		return err
	}
	if missing(cur.IDs, now) {
		return lost
	}
	cur.IDs, cur.Looked = now, c.Now()
	return nil
}

// proved tells which of the ids that no query shows were deleted.
func (c *crm) proved(ctx context.Context, sel selection, ids []string) (map[string]bool, error) {
	out := map[string]bool{}
	if len(ids) == 0 {
		return out, nil
	}
	works, err := c.binWorks(ctx, sel)
	if err != nil || works {
		return out, err
	}
	keeps, asked := true, false
	for _, id := range ids {
		r := call{op: "salesforce get " + sel.object, method: http.MethodGet, path: "/sobjects/" + sel.object + "/" + url.PathEscape(id) + "?fields=Id"}
		_, err := c.client.do(ctx, r, &struct{}{})
		switch {
		case isCode(err, "ENTITY_IS_DELETED"):
			out[same(id)] = true
			c.binLies.Store(true)
		case isStatus(err, http.StatusNotFound, http.StatusGone):
			if !asked {
				if keeps, err = c.keepsAccess(ctx); err != nil {
					return nil, err
				}
				asked = true
			}
			if out[same(id)] = !keeps; !keeps {
				c.binLies.Store(true)
			}
		case err != nil && connector.ClassOf(err) != connector.Bug && !notServed(err):
			return nil, err
		}
	}
	return out, nil
}

// binWorks reports whether the recycle bin is seen to hold rows of an object: then it would hold this one too.
func (c *crm) binWorks(ctx context.Context, sel selection) (bool, error) {
	if !c.tellsDeletes(sel.d) {
		return false, nil
	}
	page, err := c.query(ctx, "recycle bin of "+sel.object, "SELECT Id,IsDeleted FROM "+sel.object+" WHERE IsDeleted = true LIMIT 1", true)
	if err != nil && !notServed(err) {
		return false, err
	}
	for _, raw := range page.Records {
		if r, err := decodeRow(raw); err == nil && r.deleted {
			return c.tellsDeletes(sel.d), nil
		}
	}
	return false, nil
}

// keepsAccess reports whether the server keeps who may see which record. That it has no such object must be its own word.
func (c *crm) keepsAccess(ctx context.Context) (bool, error) {
	const nobody = "005000000000000AAA"
	_, err := c.query(ctx, "access", "SELECT RecordId FROM UserRecordAccess WHERE UserId = "+quote(nobody)+" AND RecordId IN ("+quote(nobody)+")", false)
	switch {
	case isStatus(err, http.StatusBadRequest):
		return false, nil
	case notServed(err):
		return true, nil
	}
	return true, err
}

// alive makes sure, after a 404, that the server answers for an object at all: of one that answers everything with 404
// nothing is learnt. Error: Retry.
func (c *crm) alive(ctx context.Context, object string) error {
	_, err := c.query(ctx, "probe "+object, "SELECT Id FROM "+object+" LIMIT 1", false)
	if err == nil {
		return nil
	}
	return &connector.Error{Class: connector.Retry, Code: "not_alive", Op: "salesforce probe " + object} // whose cause would pass for an answer to what was asked
}

// findSent finds the records that creates of these ops have made before, by the position of the op.
func (w *writing) findSent(ctx context.Context, at []int) (map[int]string, error) {
	var keys []string
	for _, i := range at {
		keys = append(keys, w.marker(w.ops[i].Key))
	}
	byKey := map[string]string{}
	for _, batch := range batches(unique(keys), w.room("")) {
		err := w.each(ctx, "find "+w.object, "Id,"+w.KeyField, w.object, w.KeyField+" IN ("+quoteAll(batch)+")", false, func(raw json.RawMessage) error {
			var row map[string]any
			if json.Unmarshal(raw, &row) == nil {
				key, _ := row[w.KeyField].(string)
				byKey[key], _ = row["Id"].(string)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	found := map[int]string{}
	for n, i := range at {
		if id := byKey[keys[n]]; itemID.MatchString(id) {
			found[i] = id
		}
	}
	return found, nil
}

// single writes one record by itself. stop says that the failure is the request's, and not the record's: nothing else is to
// be sent then.
func (w *writing) single(ctx context.Context, verb connector.Verb, object string, ref connector.Ref, row map[string]any) (res connector.Result, stop bool) {
	r := call{op: "salesforce " + string(verb) + " " + object, path: "/sobjects/" + object, write: true}
	body := map[string]any{}
	for name, v := range row {
		if name != "attributes" && name != "id" {
			body[name] = v
		}
	}
	var s saved
	var out any
	switch verb {
	case connector.Create:
		r.method, r.body, out = http.MethodPost, body, &s
	case connector.Update:
		r.method, r.path, r.body = http.MethodPatch, r.path+"/"+ref.ID, body
	case connector.Delete:
		r.method, r.path = http.MethodDelete, r.path+"/"+ref.ID
	}
	_, err := w.client.do(ctx, r, out)
	w.refresh(err)
	res.Ref = ref
	if isCode(err, "http_404") {
		if down := w.alive(ctx, object); down != nil {
			err = down
		}
	}
	var e *connector.Error
	var a answered
	switch {
	case errors.As(err, &e) && errors.As(err, &a) && a.ofRow(e):
		own := rowError(r.op, verb, a.errors(e))
		if e.Class == connector.Missing && verb != connector.Create && len(a.list) == 0 {
			own.Class, own.Code = connector.Missing, e.Code
		}
		res.Err = own
	case errors.As(err, &e):
		res.Err, stop = e, true
	case verb == connector.Create && !itemID.MatchString(s.ID):
		res.Err = &connector.Error{Class: connector.Unclear, Code: "answer_without_id", Op: r.op}
	case verb == connector.Create:
		res.Ref = connector.Ref{ID: s.ID}
	}
	return res, stop
}

// sendSingly sends records one by one.
func (w *writing) sendSingly(ctx context.Context, verb connector.Verb, at []int, rows map[int]map[string]any) {
	for n, i := range at {
		if w.stop != nil {
			w.fail(at[n:], w.stop)
			return
		}
		res, stop := w.single(ctx, verb, w.object, w.ops[i].Ref, rows[i])
		w.results[i], w.sent[i] = res, res.Err == nil
		if e := (*connector.Error)(nil); stop && errors.As(res.Err, &e) {
			w.halt(e)
		}
	}
}

// answered is the cause of an error that an answer was.
type answered struct {
	status int
	list   []vendorError
	cause  error
}

// Error quotes nothing but the status.
func (a answered) Error() string { return "answered with status " + strconv.Itoa(a.status) }

// Unwrap returns what else is known.
func (a answered) Unwrap() error { return a.cause }

// isStatus reports whether err is an answer with one of these statuses.
func isStatus(err error, status ...int) bool {
	var a answered
	return errors.As(err, &a) && slices.Contains(status, a.status)
}

// ofRow reports whether an answer to a single record speaks of the record, and not of the request.
func (a answered) ofRow(e *connector.Error) bool {
	switch e.Class {
	case connector.Park, connector.Missing, connector.Bug, connector.Exists, connector.Unsupported:
		return a.status < 500
	case connector.Retry:
		return a.status == http.StatusBadRequest && e.RetryAfter == 0
	}
	return false
}

// errors are the vendor's errors of a record.
func (a answered) errors(e *connector.Error) []vendorError {
	if len(a.list) > 0 {
		return a.list
	}
	return []vendorError{{ErrorCode: e.Code, Message: e.Words}}
}
