package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/record"
)

// col turns one member of many rows into the array that unnest takes.
func col[T, V any](rows []T, member func(T) V) []V {
	out := make([]V, len(rows))
	for i, r := range rows {
		out[i] = member(r)
	}
	return out
}

// lastOf keeps the last row of each key and sorts by key: one statement may not touch a row twice, and transactions that
// lock in one order cannot lock each other out.
func lastOf[T any](rows []T, key func(T) string) []T {
	if len(rows) == 0 {
		return nil
	}
	at := make(map[string]int, len(rows))
	for i, r := range rows {
		at[key(r)] = i
	}
	keys := make([]string, 0, len(at))
	for k := range at {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	out := make([]T, len(keys))
	for i, k := range keys {
		out[i] = rows[at[k]]
	}
	return out
}

// stamp is a time as a nullable column: the zero time is null.
func stamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// moment is the way back.
func moment(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// place is the context that a sealed column is bound to: org, table, and the row's key.
func place(parts ...string) string { return strings.Join(parts, "\x1f") }

// itemOf is a side and an id in one string.
func itemOf(side record.Side, id string) string { return string(side) + "/" + id }

// seal seals bytes; nil stays nil (null).
func (s *Store) seal(plain []byte, where string) []byte {
	if plain == nil {
		return nil
	}
	return s.ring.Seal(plain, where)
}

// open opens what seal made.
func (s *Store) open(box []byte, where string) ([]byte, error) {
	if box == nil {
		return nil, nil
	}
	return s.ring.Open(box, where)
}

// sealJSON seals v as one JSON box.
func (s *Store) sealJSON(v any, where string) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode sealed column: %w", err)
	}
	return s.ring.Seal(plain, where), nil
}

// openJSON opens what sealJSON made; null leaves v as it is.
func (s *Store) openJSON(box []byte, where string, v any) error {
	if box == nil {
		return nil
	}
	plain, err := s.ring.Open(box, where)
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, v)
}

// sealAll seals one box per row; the first error ends it.
func sealAll[T any](rows []T, seal func(T) ([]byte, error)) ([][]byte, error) {
	out := make([][]byte, len(rows))
	for i, r := range rows {
		box, err := seal(r)
		if err != nil {
			return nil, err
		}
		out[i] = box
	}
	return out, nil
}
