package salesforce

import (
	"fmt"
	"net/http"
	"strings"
)

const maxCollection = 200 // records of a collection that writes

// collectionBody is what POST and PATCH composite/sobjects take.
type collectionBody struct {
	AllOrNone bool             `json:"allOrNone"`
	Records   []map[string]any `json:"records"`
}

func (c *call) collection() (*collectionBody, *Error) {
	var in collectionBody
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Records == nil {
		return nil, fail("MISSING_ARGUMENT", "The records parameter is required")
	}
	return &in, tooMany(len(in.Records))
}

func tooMany(n int) *Error {
	if n > maxCollection {
		return fail("EXCEEDED_ID_LIMIT", "record limit reached. cannot submit more than %d records into this call", maxCollection)
	}
	return nil
}

// recordTable finds the object that a row's attributes name.
func (c *call) recordTable(rec map[string]any) (*table, *Error) {
	attributes, _ := rec["attributes"].(map[string]any)
	name, _ := attributes["type"].(string)
	if name == "" {
		return nil, fail("INVALID_TYPE", "Each record must have attributes with a type")
	}
	t := c.s.table(name)
	if t == nil {
		return nil, fail("INVALID_TYPE", "sObject type '%s' is not supported.", name)
	}
	return t, nil
}

// rows writes one row after another and answers with one result each. A row's failure is its own, unless allOrNone:
// then everything is taken back and the other rows say so. A body that cannot be read fails as a whole.
func (c *call) rows(n int, allOrNone bool, do func(i int) (any, *Error)) reply {
	results, failed := make([]any, n), make([]*Error, n)
	anyFailed := false
	for i := range n {
		mark := c.tx.mark()
		result, err := do(i)
		if err == nil {
			results[i] = result
			continue
		}
		c.tx.rollback(mark)
		if err.Code == "JSON_PARSER_ERROR" {
			c.tx.rollback(0)
			return refuse(err)
		}
		failed[i], anyFailed = err, true
	}
	for i := range n {
		if failed[i] == nil && allOrNone && anyFailed {
			failed[i] = failFields("ALL_OR_NONE_OPERATION_ROLLED_BACK", "Record rolled back because not all records were valid and the request was using AllOrNone header")
		}
		if failed[i] != nil {
			out := newOrdered()
			out.set("success", false)
			out.set("errors", []any{failed[i].row()})
			results[i] = out
		}
	}
	if allOrNone && anyFailed {
		c.tx.rollback(0)
	}
	return ok(results)
}

// collectionCreate answers POST composite/sobjects.
func (c *call) collectionCreate() reply {
	in, err := c.collection()
	if err != nil {
		return refuse(err)
	}
	w := c.writer()
	return c.rows(len(in.Records), in.AllOrNone, func(i int) (any, *Error) {
		t, err := c.recordTable(in.Records[i])
		if err != nil {
			return nil, err
		}
		id, err := c.s.insert(w, t, in.Records[i])
		return saved(id, nil), err
	})
}

// collectionUpdate answers PATCH composite/sobjects.
func (c *call) collectionUpdate() reply {
	in, err := c.collection()
	if err != nil {
		return refuse(err)
	}
	w := c.writer()
	return c.rows(len(in.Records), in.AllOrNone, func(i int) (any, *Error) {
		t, err := c.recordTable(in.Records[i])
		if err != nil {
			return nil, err
		}
		given := ""
		for name, v := range in.Records[i] {
			if strings.EqualFold(name, "id") {
				given, _ = v.(string)
			}
		}
		if given == "" {
			return nil, failFields("MISSING_ARGUMENT", "Id not specified in an update call")
		}
		if err := c.s.update(w, t, given, in.Records[i]); err != nil {
			return nil, err
		}
		id, _ := normalizeID(given)
		return saved(id, nil), nil
	})
}

// collectionUpsert answers PATCH composite/sobjects/X/Field.
func (c *call) collectionUpsert() reply {
	t := c.s.table(c.path[2])
	if t == nil {
		return refuse(errNotFound())
	}
	f, err := c.external(t, c.path[3])
	if err != nil {
		return refuse(err)
	}
	in, err := c.collection()
	if err != nil {
		return refuse(err)
	}
	w := c.writer()
	seen := map[string]int{}
	keys := make([]string, len(in.Records))
	for i, rec := range in.Records {
		for name, v := range rec {
			if text, isText := v.(string); isText && strings.EqualFold(name, f.Name) {
				keys[i] = strings.TrimSpace(text)
				seen[key(f, keys[i])]++
			}
		}
	}
	return c.rows(len(in.Records), in.AllOrNone, func(i int) (any, *Error) {
		rec := in.Records[i]
		if rt, err := c.recordTable(rec); err != nil {
			return nil, err
		} else if rt != t {
			return nil, failFields("INVALID_TYPE", fmt.Sprintf("The record is of type %s, the request upserts %s", rt.obj.Name, t.obj.Name))
		}
		if keys[i] == "" && f.Type != TypeID {
			return nil, failFields("MISSING_ARGUMENT", f.Name+" not specified")
		}
		if keys[i] != "" && seen[key(f, keys[i])] > 1 {
			return nil, failFields("DUPLICATE_VALUE", "Duplicate external id specified: "+keys[i], f.Name)
		}
		return c.upsertOne(w, t, f, keys[i], rec)
	})
}

// upsertOne creates or updates the record with an external id.
func (c *call) upsertOne(w *writer, t *table, f *Field, value string, rec map[string]any) (any, *Error) {
	rows := c.byKey(t, f, value)
	if len(rows) > 1 {
		ids := []string{}
		for _, r := range rows {
			ids = append(ids, r.id)
		}
		return nil, failFields("DUPLICATE_EXTERNAL_ID", fmt.Sprintf("%s: more than one record found for external id field: [%s]", f.Name, strings.Join(ids, ", ")))
	}
	created := len(rows) == 0
	if created {
		if f.Type == TypeID && value != "" {
			return nil, errCrossReference()
		}
		id, err := c.s.insert(w, t, rec)
		return saved(id, &created), err
	}
	if f.Type != TypeID {
		for name := range rec { // a key that only the unique index compares without case is not written again
			if strings.EqualFold(name, f.Name) {
				delete(rec, name)
			}
		}
	}
	return saved(rows[0].id, &created), c.s.update(w, t, rows[0].id, rec)
}

// collectionDelete answers DELETE composite/sobjects?ids=…
func (c *call) collectionDelete() reply {
	list := c.query.Get("ids")
	if list == "" {
		return refuse(fail("MISSING_ARGUMENT", "The ids parameter is required"))
	}
	ids := strings.Split(list, ",")
	if err := tooMany(len(ids)); err != nil {
		return refuse(err)
	}
	w := c.writer()
	return c.rows(len(ids), strings.EqualFold(c.query.Get("allOrNone"), "true"), func(i int) (any, *Error) {
		id, valid := normalizeID(strings.TrimSpace(ids[i]))
		t := c.s.tableOf(id)
		if !valid || t == nil {
			return nil, failFields("MALFORMED_ID", "malformed id "+ids[i])
		}
		return saved(id, nil), c.s.remove(w, t, id)
	})
}

// collectionRetrieve answers GET and POST composite/sobjects/X: null for ids that are missing, deleted or invisible.
func (c *call) collectionRetrieve() reply {
	t := c.s.table(c.path[2])
	if t == nil {
		return refuse(errNotFound())
	}
	var in struct {
		IDs    []string `json:"ids"`
		Fields []string `json:"fields"`
	}
	if c.method == http.MethodPost {
		if err := c.decode(&in); err != nil {
			return refuse(err)
		}
	} else {
		in.IDs = split(c.query.Get("ids"))
		in.Fields = split(c.query.Get("fields"))
	}
	if len(in.IDs) == 0 || len(in.Fields) == 0 {
		return refuse(fail("MISSING_ARGUMENT", "The ids and fields parameters are required"))
	}
	if len(in.IDs) > maxPage {
		return refuse(fail("EXCEEDED_ID_LIMIT", "record limit reached. cannot submit more than %d records into this call", maxPage))
	}
	fields, err := c.fields(t, strings.Join(in.Fields, ","))
	if err != nil {
		return refuse(err)
	}
	out := make([]any, len(in.IDs))
	for i, given := range in.IDs {
		if _, valid := normalizeID(given); !valid {
			return refuse(fail("MALFORMED_ID", "malformed id %s", given))
		}
		if r, st, err := c.row(t, given); err == nil {
			out[i] = c.record(t, r.id, st, fields)
		}
	}
	return ok(out)
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}
