package store

import (
	"context"
	"time"

	"github.com/repsync/repsync/internal/record"
)

// ParkedDue returns the parked items of a kind ("" all) that are to be tried again: their time has come, they were last
// tried under another policy revision, or under other field metadata ("" does not compare).
func (s *Store) ParkedDue(ctx context.Context, org, rep string, kind record.Kind, now time.Time, revision int64, metadata string) ([]Parked, error) {
	panic("unwritten")
}

// ParkedList returns up to n parked items (0: all), the longest parked first.
func (s *Store) ParkedList(ctx context.Context, org, rep string, n int) ([]Parked, error) {
	panic("unwritten")
}

// RetryParked makes parked items due at once, by item or link id, and returns how many; nil ids is all of them.
func (s *Store) RetryParked(ctx context.Context, org, rep string, ids []string) (int, error) {
	panic("unwritten")
}
