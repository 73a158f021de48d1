// Package policy is the admin's document: what syncs, in which direction, who wins, and what must never happen.
//
// A document is YAML. Read parses it, fills in what it leaves out, and reports every problem at once, each with its line,
// column, key and remedy. Keys that this version understands but does not enforce yet are refused by
// Document.Unenforced, so that no admin believes in a rule that nothing keeps. One table (keys.go) drives parsing,
// validation, the published JSON Schema (docs/policy.schema.json) and Show.
//
// Documents are stored as numbered revisions and assigned to reps and profiles; Pick says which one counts for a rep.
// Rules resolves a policy for the planner, CompileFilter compiles a filter, and Touches tells what a pass has to do when
// a policy changes. The package has no clock, and does no I/O.
package policy

import "time"

// Policy is a policy document with every default filled in. The zero value is not one: see WithDefaults.
type Policy struct {
	Name     string // "default" when the document names none
	Org      string // "" is the org that the document is applied to
	Assign   Assign
	Schedule Schedule
	Contacts Sync
	Events   Events
	Tasks    Sync
	Emails   Emails
	Guard    Guard
}

// Assign says who gets the policy. See Pick.
type Assign struct {
	Reps     []string // reps by name: beats a profile
	Profiles []string // CRM profiles by name
	Except   []string // reps who do not get it, whatever their profile
}

// Schedule says when passes run.
type Schedule struct {
	Every time.Duration // pause between two passes, 30s to 24h, default 5m
}

// Sync is what contacts, events and tasks have in common.
type Sync struct {
	Direction    string // off | crm_to_mailbox | mailbox_to_crm | both
	Records      string // owned | team | visible
	Filter       string // CEL, "" admits everything; see CompileFilter
	Limit        Limit
	Match        Match
	Conflict     string           // crm_wins | mailbox_wins | newest | review
	Fields       map[string]Field // canonical field → how the admin wants it; the standard mapping holds for all others
	Deletes      Deletes
	OnFilterExit string // remove | keep
	OnDrift      string // keep | revert
}

// Limit bounds how many records one rep receives.
type Limit struct {
	Max       int      // records, 1 or more, default 50000
	KeepFirst []string // order in which records are kept, the first rule first; ties by id
}

// Match says how items that have no link yet are paired.
type Match struct {
	By          []string // contacts: email, name_and_company; events: uid, subject_and_time; in this order
	OnAmbiguous string   // review | newest | oldest | most_recent_activity | create
}

// Field is one entry of fields. An empty member stands for the standard mapping, and for the kind's conflict rule.
type Field struct {
	CRM     string // the CRM's API name: Phone, Account.Name
	Mailbox string // the canonical field on the mailbox's side
	Winner  string // crm | mailbox | newest | review
}

// Deletes says what a delete on one side does to the other side's copy.
type Deletes struct {
	FromCRM     string // propagate | unlink | review
	FromMailbox string
}

// Events are calendar events.
type Events struct {
	Sync
	Scope       string // all | selected | related
	Label       string // the label, or on Google the hashtag, that selects an event under scope: selected
	Private     string // skip | busy | sync
	Series      string // sync | skip
	Relate      Relate
	Window      Window
	Exclude     Exclude
	Invitations string // never | organizer
}

// Relate says which CRM records an event is related to through its attendees.
type Relate struct {
	Contacts, Leads, Accounts bool
	OnTie                     string // review | newest | oldest | most_recent_activity
}

// Window is how far from now events are synced, in whole days or any other duration.
type Window struct{ Past, Future time.Duration }

// Exclude leaves events out.
type Exclude struct {
	Domains      []string // an attendee of one of these mail domains
	Addresses    []string // one of these attendees
	AllDay       bool
	Declined     bool
	InternalOnly bool // no attendee from outside the org's domains
}

// Emails says which messages are logged in the CRM.
type Emails struct {
	Capture string // off | manual | automatic
}

// Guard stops a pass before its first write. It counts over a rolling day, per rep and per org, on the whole plan.
type Guard struct {
	Deletes    Threshold
	Overwrites Threshold
	Creates    CreateThreshold
	Org        OrgThreshold
	EmptySide  string // hold | ignore: what to do when a side that had items shows none
}

// Threshold holds a rep's pass that would exceed either bound. Percent is of the rep's links, and counts from 50 items on.
type Threshold struct {
	Max     int // items a day, 0 holds every one
	Percent int // 1 to 100
}

// CreateThreshold bounds a rep's creates.
type CreateThreshold struct {
	Max       int // items a day, 0 holds every one
	FirstSync int // items in the rep's first pass of a kind
}

// OrgThreshold bounds all reps of an org together.
type OrgThreshold struct {
	Deletes    int // items a day, 1 or more
	Overwrites int
}
