package salesforce

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// row is one record of a query's answer.
type row struct {
	id      string
	stamp   string // SystemModstamp as the vendor wrote it
	at      time.Time
	deleted bool
	into    string
	by      string // LastModifiedById
	values  map[string]any
	bare    []byte // the row as JSON without "attributes", members sorted
}

// errRow is why a row cannot be read; it names a field and never quotes a value.
type errRow struct{ field, why string }

func (e errRow) Error() string { return e.field + ": " + e.why }

// decodeRow reads a row's bookkeeping. Where even that fails, row.id is what could be read of the id.
func decodeRow(raw json.RawMessage) (row, error) {
	var values map[string]any
	if err := jsonv2.Unmarshal(raw, &values, connector.Lenient); err != nil || values == nil {
		return row{}, errRow{"row", "is not an object"}
	}
	stripAttributes(values)
	r := row{values: values}
	var err error
	take := func(name string) string {
		s, bad := text(values[name])
		if bad {
			err = errors.Join(err, errRow{name, "is not text"})
		}
		return s
	}
	r.id = take("Id")
	if r.stamp = take("SystemModstamp"); r.stamp == "" {
		r.stamp = take("LastModifiedDate")
	}
	r.into = take("MasterRecordId")
	r.by = take("LastModifiedById")
	if !itemID.MatchString(r.id) {
		r.id = ""
		return r, errRow{"Id", "is not an id"}
	}
	if r.stamp != "" {
		at, ok := parseStamp(r.stamp)
		if !ok {
			err = errors.Join(err, errRow{"SystemModstamp", "is not a time"})
		}
		r.at = at
	}
	switch v := values["IsDeleted"].(type) {
	case bool:
		r.deleted = v
	case nil:
	default:
		err = errors.Join(err, errRow{"IsDeleted", "is not a boolean"})
	}
	bare, jsonErr := bareOf(values)
	if jsonErr != nil {
		err = errors.Join(err, errRow{"row", "cannot be written again"})
	}
	r.bare = bare
	return r, err
}

// bareOf writes a row as JSON, members sorted.
func bareOf(values map[string]any) ([]byte, error) {
	return jsonv2.Marshal(values, connector.Lenient, jsonv2.Deterministic(true))
}

// stripAttributes removes the "attributes" that the vendor puts on every record, parents included.
func stripAttributes(m map[string]any) {
	delete(m, "attributes")
	for _, v := range m {
		if nested, ok := v.(map[string]any); ok {
			stripAttributes(nested)
		}
	}
}

// parseStamp reads the vendor's dateTime: "2026-11-22T04:27:00.000+0000".
func parseStamp(s string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05.999999999Z0700", time.RFC3339Nano} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// text reads a value that must be text or null.
func text(v any) (s string, bad bool) {
	switch v := v.(type) {
	case nil:
		return "", false
	case string:
		return v, false
	default:
		return "", true
	}
}

// item turns a row into an item. With an error the item has what could be read: its key is among it, so that a look-up
// by key finds what nobody can read.
func (s selection) item(r row, keyField string) (connector.Item, error) {
	it := connector.Item{Ref: connector.Ref{ID: r.id}, Fields: record.Fields{}, Image: r.bare}
	var err error
	take := func(path string) string {
		v, bad := text(dig(r.values, path))
		if bad {
			err = errors.Join(err, errRow{path, "is not text"})
		}
		return v
	}
	it.Owner, it.Key = take("OwnerId"), take(keyField)
	for _, canonical := range s.canonical {
		var v string
		if sp := s.special[canonical]; sp.decode != nil {
			got, bad := sp.decode(r)
			v, err = got, errors.Join(err, bad)
		} else {
			v = record.Canonical(canonical, take(s.reads(canonical)[0]))
		}
		if v != "" {
			it.Fields[canonical] = v
		}
	}
	if s.finish != nil {
		err = errors.Join(err, s.finish(r, &it))
	}
	it.Version = connector.Version{Tag: tag(r.stamp, it), At: r.at}
	if len(s.extra) > 0 {
		it.Raw = make(map[string]any, len(s.extra))
		for _, path := range s.extra {
			put(it.Raw, path, dig(r.values, path))
		}
	}
	return it, err
}

// tag is a digest of the record and its stamp: two edits within a second have one stamp.
func tag(stamp string, it connector.Item) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q%q%q%q", stamp, it.ID, it.Owner, it.Key)
	for _, f := range slices.Sorted(maps.Keys(it.Fields)) {
		fmt.Fprintf(h, "%q%q", f, it.Fields[f])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// dig follows a dotted path; a null parent has null fields.
func dig(values map[string]any, path string) any {
	name, rest, dotted := strings.Cut(path, ".")
	v := values[name]
	if !dotted {
		return v
	}
	if nested, ok := v.(map[string]any); ok {
		return dig(nested, rest)
	}
	if v != nil {
		return []any{} // not an object where a parent belongs: nobody takes it for text
	}
	return nil
}

// put sets a dotted path, parents nested.
func put(m map[string]any, path string, v any) {
	name, rest, dotted := strings.Cut(path, ".")
	if !dotted {
		m[name] = v
		return
	}
	nested, ok := m[name].(map[string]any)
	if !ok {
		nested = map[string]any{}
		m[name] = nested
	}
	put(nested, rest, v)
}
