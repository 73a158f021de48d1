package planner

import (
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// Candidate is an item of the other side that may be the same as one's own.
type Candidate struct {
	Item         connector.Item
	Visible      bool      // the rep may read it
	Taken        bool      // linked for this rep already
	LastActivity time.Time // zero when not known
}

// Match is the outcome of Choose.
type Match struct {
	ID     string // the chosen candidate, "" when there is none
	Reason Reason // AmbiguousMatch or MatchNotVisible: parked. With ID "" and no reason nothing matches: create
}

// Choose picks the candidate that an unlinked item is the same as.
func Choose(own connector.Item, byEmail, byName []Candidate, r Rules) Match { return Match{} }

// StrongKeys returns the keys that a create in the CRM claims.
func StrongKeys(f record.Fields) []string { return nil }
