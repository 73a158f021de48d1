package salesforce

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// create answers POST sobjects/X: the new id and success, nothing else.
func (c *call) create() reply {
	in := map[string]any{}
	if err := c.decode(&in); err != nil {
		return refuse(err)
	}
	t := c.s.table(c.path[1])
	id, err := c.s.insert(c.writer(), t, in)
	if err != nil {
		return refuse(err)
	}
	return reply{status: http.StatusCreated, header: map[string]string{"Location": recordURL(c.version, t.obj.Name, id)}, body: saved(id, nil)}
}

// saved is a SaveResult, or with created an UpsertResult.
func saved(id string, created *bool) *ordered {
	out := newOrdered()
	out.set("id", id)
	out.set("success", true)
	out.set("errors", []any{})
	if created != nil {
		out.set("created", *created)
	}
	return out
}

// row finds the record that the path names by id, for reading. Errors: NOT_FOUND for ids that are malformed, of another
// object, unknown or invisible; ENTITY_IS_DELETED.
func (c *call) row(t *table, given string) (*row, *state, *Error) {
	if !looksLikeID(given) {
		return nil, nil, errNoExternalID(given)
	}
	id, _ := normalizeID(given)
	r := t.rows[id]
	if r == nil {
		return nil, nil, errNotFound()
	}
	st := r.at(c.s.now())
	switch {
	case st == nil || !c.s.sees(c.actor, t.obj, id, st):
		return nil, nil, errNotFound()
	case st.isDeleted():
		return nil, nil, errDeleted()
	}
	return r, st, nil
}

// retrieve answers GET sobjects/X/id.
func (c *call) retrieve() reply {
	t := c.s.table(c.path[1])
	r, st, err := c.row(t, c.path[2])
	if err != nil {
		return refuse(err)
	}
	return c.show(t, r.id, st)
}

// show answers with one record: the fields asked for, else every field that the actor may read.
func (c *call) show(t *table, id string, st *state) reply {
	fields, err := c.fields(t, c.query.Get("fields"))
	if err != nil {
		return refuse(err)
	}
	header := map[string]string{}
	if modified, known := st.values["LastModifiedDate"].(time.Time); known {
		header["Last-Modified"] = modified.Format(http.TimeFormat)
		if since, perr := http.ParseTime(c.header.Get("If-Modified-Since")); perr == nil && !modified.After(since) {
			return reply{status: http.StatusNotModified, header: header}
		}
	}
	if t.obj.Name == "Account" {
		header["ETag"] = etag(st)
	}
	return reply{status: http.StatusOK, header: header, body: c.record(t, id, st, fields)}
}

// fields reads a comma-separated list of field names.
func (c *call) fields(t *table, list string) ([]*Field, *Error) {
	var out []*Field
	if list == "" {
		for _, f := range t.obj.Fields {
			if c.s.fieldAccess(c.actor, t.obj, f).Read {
				out = append(out, f)
			}
		}
		return out, nil
	}
	for name := range strings.SplitSeq(list, ",") {
		f := c.s.visibleField(c.actor, t.obj, strings.TrimSpace(name))
		if f == nil {
			return nil, errNoColumn(strings.TrimSpace(name), t.obj.Name)
		}
		out = append(out, f)
	}
	return out, nil
}

// record shows a record with these fields, and its Id always.
func (c *call) record(t *table, id string, st *state, fields []*Field) *ordered {
	a, out := newOrdered(), newOrdered()
	a.set("type", t.obj.Name)
	a.set("url", recordURL(c.version, t.obj.Name, id))
	out.set("attributes", a)
	for _, f := range fields {
		out.set(f.Name, show(f, st.get(f)))
	}
	out.set("Id", id)
	return out
}

// etag is the strong validator that the vendor keeps for accounts only.
func etag(st *state) string {
	t, _ := st.values["SystemModstamp"].(time.Time)
	return fmt.Sprintf(`"%x--gzip"`, fmt.Sprintf("%v%d", st.values["Id"], t.UnixNano()))
}

// precondition heeds If-Unmodified-Since on every object, in whole seconds, and If-Match on accounts. (REST API
// Developer Guide, "Conditional Request Headers": for PATCH; DELETE is not supported.)
func (c *call) precondition(t *table, st *state) *Error {
	stale := fail("PRECONDITION_FAILED", "The record was modified since the time or state that the request names").with(http.StatusPreconditionFailed)
	if h := c.header.Get("If-Unmodified-Since"); h != "" {
		since, err := http.ParseTime(h)
		if err != nil {
			return fail("INVALID_HEADER", "Invalid value for header If-Unmodified-Since")
		}
		if modified, _ := st.values["LastModifiedDate"].(time.Time); modified.After(since) {
			return stale
		}
	}
	if h := c.header.Get("If-Match"); h != "" && t.obj.Name == "Account" && h != "*" && !strings.Contains(h, etag(st)) {
		return stale
	}
	return nil
}

// updateRow answers PATCH sobjects/X/id.
func (c *call) updateRow() reply {
	t := c.s.table(c.path[1])
	in := map[string]any{}
	if err := c.decode(&in); err != nil {
		return refuse(err)
	}
	if err := c.change(t, c.path[2], in); err != nil {
		return refuse(err)
	}
	return reply{status: http.StatusNoContent}
}

// target finds the record that the path names by id, for writing. Errors: what is no id is taken for the name of an
// external id field, NOT_FOUND; a wrong checksum or another object's id is 400 MALFORMED_ID (REST API Developer Guide, "Status
// Codes and Error Responses"); an id that no record has is 404 INVALID_CROSS_REFERENCE_KEY.
func (c *call) target(t *table, given string) (*row, *Error) {
	if !looksLikeID(given) {
		return nil, errNoExternalID(given)
	}
	id, valid := normalizeID(given)
	if !valid || id[:3] != t.obj.Prefix {
		return nil, failFields("MALFORMED_ID", fmt.Sprintf("%s ID: id value of incorrect type: %s", t.obj.Label, given), "Id")
	}
	r := t.rows[id]
	if r == nil {
		return nil, errCrossReference().with(http.StatusNotFound)
	}
	return r, nil
}

// change updates a record under the request's preconditions.
func (c *call) change(t *table, given string, in map[string]any) *Error {
	r, err := c.target(t, given)
	if err != nil {
		return err
	}
	for name, v := range in {
		if strings.EqualFold(name, "id") && v != nil {
			return failFields("INVALID_FIELD", "The Id field should not be specified in the sobject data.")
		}
	}
	if err := c.precondition(t, r.cur); err != nil {
		return err
	}
	return c.s.update(c.writer(), t, r.id, in)
}

// deleteRow answers DELETE sobjects/X/id.
func (c *call) deleteRow() reply {
	t := c.s.table(c.path[1])
	r, err := c.target(t, c.path[2])
	if err != nil {
		return refuse(err)
	}
	if err := c.s.remove(c.writer(), t, r.id); err != nil {
		return refuse(err)
	}
	return reply{status: http.StatusNoContent}
}

// external finds the external id field that the path names. Id counts as one.
func (c *call) external(t *table, name string) (*Field, *Error) {
	f := c.s.visibleField(c.actor, t.obj, name)
	if f == nil || !f.ExternalID && !f.IDLookup && f.Type != TypeID {
		return nil, errNoExternalID(name)
	}
	return f, nil
}

// byKey finds the live records whose external id has a value, as far as the actor sees them.
func (c *call) byKey(t *table, f *Field, value string) []*row {
	if f.Type == TypeID {
		if id, valid := normalizeID(value); valid && t.rows[id] != nil && !t.rows[id].cur.isDeleted() {
			return []*row{t.rows[id]}
		}
		return nil
	}
	var out []*row
	for _, r := range t.lookup(f, strings.TrimSpace(value)) {
		if c.s.sees(c.actor, t.obj, r.id, r.cur) {
			out = append(out, r)
		}
	}
	return out
}

// several is the answer 300 to an external id that more than one record has: their addresses.
func (c *call) several(t *table, rows []*row) reply {
	urls := []string{}
	for _, r := range rows {
		urls = append(urls, recordURL(c.version, t.obj.Name, r.id))
	}
	return reply{status: http.StatusMultipleChoices, body: urls}
}

// one finds the one record that an external id in the path names; nil with an answer otherwise.
func (c *call) one() (*table, *row, *reply) {
	t := c.s.table(c.path[1])
	f, err := c.external(t, c.path[2])
	if err != nil {
		out := refuse(err)
		return t, nil, &out
	}
	rows := c.byKey(t, f, c.path[3])
	if len(rows) > 1 {
		out := c.several(t, rows)
		return t, nil, &out
	}
	if len(rows) == 0 || rows[0].at(c.s.now()) == nil {
		out := refuse(errNotFound())
		return t, nil, &out
	}
	return t, rows[0], nil
}

// retrieveByKey answers GET sobjects/X/Field/value.
func (c *call) retrieveByKey() reply {
	t, r, answer := c.one()
	if answer != nil {
		return *answer
	}
	return c.show(t, r.id, r.at(c.s.now()))
}

// deleteByKey answers DELETE sobjects/X/Field/value.
func (c *call) deleteByKey() reply {
	t, r, answer := c.one()
	if answer != nil {
		return *answer
	}
	if err := c.s.remove(c.writer(), t, r.id); err != nil {
		return refuse(err)
	}
	return reply{status: http.StatusNoContent}
}

// upsertRow answers PATCH sobjects/X/Field/value: 201 created, 200 updated (204 before version 46), 300 several.
func (c *call) upsertRow() reply {
	t := c.s.table(c.path[1])
	f, err := c.external(t, c.path[2])
	if err != nil {
		return refuse(err)
	}
	in := map[string]any{}
	if err := c.decode(&in); err != nil {
		return refuse(err)
	}
	for name := range in {
		if strings.EqualFold(name, f.Name) {
			return refuse(failFields("INVALID_FIELD", fmt.Sprintf("The %s field should not be specified in the sobject data.", f.Name)))
		}
	}
	rows := c.byKey(t, f, c.path[3])
	switch {
	case len(rows) > 1:
		return c.several(t, rows)
	case len(rows) == 1:
		if err := c.change(t, rows[0].id, in); err != nil {
			return refuse(err)
		}
		created := false
		return ok(saved(rows[0].id, &created))
	case f.Type == TypeID, c.query.Get("updateOnly") == "true":
		return refuse(errNotFound())
	}
	in[f.Name] = c.path[3]
	id, err := c.s.insert(c.writer(), t, in)
	if err != nil {
		return refuse(err)
	}
	created := true
	return reply{status: http.StatusCreated, header: map[string]string{"Location": recordURL(c.version, t.obj.Name, id)}, body: saved(id, &created)}
}
