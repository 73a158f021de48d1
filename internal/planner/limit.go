package planner

import (
	"cmp"
	"slices"
	"time"
)

// Seat is an admitted item that competes for a place under a policy's limit.
type Seat struct {
	ID           string
	LastActivity time.Time // zero when not known: comes last
}

// Limit returns the ids of the items that a limit of most items leaves out, in the order in which they missed it; their
// reason is ReasonOverLimit. The items with the latest activity are kept (limit.keep_first: last_activity), ties go by
// id, so that the same items are left out in every pass. most 0 or less means no limit.
func Limit(most int, seats []Seat) []string {
	if most <= 0 || len(seats) <= most {
		return nil
	}
	order := slices.SortedFunc(slices.Values(seats), func(a, b Seat) int {
		return cmp.Or(b.LastActivity.Compare(a.LastActivity), cmp.Compare(a.ID, b.ID))
	})
	var out []string
	for _, s := range order[most:] {
		out = append(out, s.ID)
	}
	return out
}
