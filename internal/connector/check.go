package connector

import (
	"context"
	"time"
)

// Standing is how a check of a connection stands.
type Standing string

// The standings.
const (
	OK       Standing = "ok"
	Warning  Standing = "warning"   // it works, with less than all: something is not synced, or soon no longer
	Lacking  Standing = "missing"   // it does not work: something has to be mended
	NotTried Standing = "not_tried" // it builds upon a check that is not in order, or lacks something to look at
)

// Finding is what a check found. Its texts are for an admin: they name fields, scopes, users and files, and carry neither a
// credential nor a value of a record.
type Finding struct {
	Standing Standing `json:"standing"`
	Found    string   `json:"found"`            // what is there, or exactly what is missing
	Remedy   string   `json:"remedy,omitempty"` // what to do: where to click, or a command. For Warning and Lacking
}

// Check is one thing that a connection needs. Checks only read.
type Check struct {
	ID    string   // stable, unique: "salesforce.token"
	Title string   // what is checked, for people
	Needs []string // ids of checks before it without which this one makes no sense
	Run   func(ctx context.Context) Finding
}

// Checker is a connector that can tell step by step what it lacks. The checks come in the order in which an admin sets
// things up. They share what they learn: run each once, in order.
type Checker interface {
	Checks(q CheckQuery) []Check
}

// CheckQuery says for what a connection is checked.
type CheckQuery struct {
	User      string        // the CRM user of a rep, by id or by email address; "" checks none
	FeedEvery time.Duration // time between two reads of one object of the CRM, for the budget; 0 leaves it out
}
