package connectortest

import "github.com/repsync/repsync/internal/record"

// A Bug is one promise that a fake breaks.
type Bug string

// The bugs, each a way in which a connector has lost, doubled or raised somebody's items.
const (
	BugAbsenceIsDelete     Bug = "what left the view is reported deleted"
	BugTokenTooLate        Bug = "the token starts at the end of the read, so that changes made meanwhile are lost"
	BugDoublesCreates      Bug = "a repeated create makes a second item"
	BugWipesUnmapped       Bug = "an update loses what is not mapped"
	BugFailuresComeFirst   Bug = "results come in another order than their ops"
	BugOneFailsAll         Bug = "one refused op fails the whole batch"
	BugUnclearIsRetry      Bug = "a lost answer is taken for a write that did not happen"
	BugErrorQuotesValue    Bug = "an error's text carries a customer's value"
	BugStartsOverInSilence Bug = "a token that is no longer good starts a full read in silence"
	BugVersionStandsStill  Bug = "an edit does not move the version"
	BugNeverClears         Bug = "an empty value clears nothing"
	BugHidesForeignMarker  Bug = "a marker loses its org"
	BugGetSkipsUnknown     Bug = "a Get says nothing about an id that it does not find"
	BugDropsUndecodable    Bug = "an item that cannot be decoded is left out"
	BugWritesOverEdits     Bug = "a write overwrites what a person wrote since the read"
	BugIgnoresDeadline     Bug = "a call outlives its context"
	BugForgetsRetryAfter   Bug = "the server's own wish for a wait is lost"
	BugClaimsGreaterLength Bug = "a field is said to hold more than it does"
	BugHidesPartial        Bug = "a row without details looks like one that was cleared"
)

// Bugs lists them all.
func Bugs() []Bug {
	return []Bug{BugAbsenceIsDelete, BugTokenTooLate, BugDoublesCreates, BugWipesUnmapped, BugFailuresComeFirst, BugOneFailsAll,
		BugUnclearIsRetry, BugErrorQuotesValue, BugStartsOverInSilence, BugVersionStandsStill, BugNeverClears, BugHidesForeignMarker,
		BugGetSkipsUnknown, BugDropsUndecodable, BugWritesOverEdits, BugIgnoresDeadline, BugForgetsRetryAfter, BugClaimsGreaterLength,
		BugHidesPartial}
}

// NewBrokenFake returns a fake with one bug.
func NewBrokenFake(org string, kind record.Kind, pageSize int, bug Bug) *Fake {
	f := NewFake(org, kind, pageSize)
	f.bug = bug
	return f
}
