package planner

import "time"

// Seat is an admitted item that competes for a place under a policy's limit.
type Seat struct {
	ID           string
	LastActivity time.Time // zero when not known: comes last
}

// Limit returns the ids that a limit of most leaves out (their reason is OverLimit).
func Limit(most int, seats []Seat) []string { return nil }
