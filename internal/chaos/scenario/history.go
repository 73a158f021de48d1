package scenario

import "time"

// Happening says what an entry of a history is.
type Happening string

// What happens, as the player of a story notes it.
const (
	Deed    Happening = "deed"    // a person did Step; it was possible and took place
	Began   Happening = "began"   // a run of Rep begins; deeds and other runs may follow before it ended
	Ended   Happening = "ended"   // that run ended
	Applied Happening = "applied" // Step.Policy is in force from here on
	Rested  Happening = "rested"  // everything ran until nothing was left to do
)

// Entry is one line of a history, in the order in which things happened.
type Entry struct {
	What  Happening
	At    time.Time // the world's time
	Org   string
	Rep   string
	Step  Step
	Clean bool // Ended: the rep's passes came through whole, with no fault, no death, no trouble and no hold, and the feed was read before them
}

// Books is what Repsync says of itself, as plain values: for whoever judges it without sharing its code.
type Books struct {
	Journal  []Line
	Verdicts []Verdict
	Parked   []Parked
}

// Line is one line of the journal.
type Line struct {
	Org, Rep, Kind, Side, ID, LinkID, Action, Field, Reason string
	At                                                      time.Time
}

// Verdict is the latest decision on an item.
type Verdict struct {
	Org, Rep, Kind, Side, ID, Reason, Rule string
	Pass                                   int64
	Explained                              string // what people read of it
}

// Parked is an item that waits.
type Parked struct {
	Org, Rep, Kind, Side, ID, Reason, Explained string
}
