// Package connector is the one interface through which Repsync speaks to a CRM and to a mailbox.
//
// A connector translates between a vendor's API and canonical records (package record). Vendors differ by what they
// declare in Caps, never by an "if vendor" elsewhere. Vendor types stay inside the vendor's package. The conformance
// suite in connectortest runs against every implementation.
//
// Every method honours its context's deadline, is safe to repeat, and returns a *Error whose Class tells the caller what
// to do. An Error's text never carries a customer's value.
package connector

import (
	"context"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/record"
)

// Version tells one state of an item from another. Tag proves equality (ETag, changeKey, SystemModstamp); At, the
// vendor's own modification time, orders, so that a late copy cannot undo a newer base. The zero Version is unknown.
type Version struct {
	Tag string    `json:"tag,omitempty"`
	At  time.Time `json:"at,omitzero"`
}

// Ref names an item on one side. Occurrence is the original start of one occurrence of a series (RFC 5545
// RECURRENCE-ID: wall time and zone, "2026-03-29T09:00:00[Europe/Berlin]", or a date), "" for a single item or a master.
type Ref struct {
	ID         string `json:"id"`
	Occurrence string `json:"occurrence,omitempty"`
}

// String returns a ref in one word: its id, and after a "#" the occurrence.
func (r Ref) String() string {
	if r.Occurrence == "" {
		return r.ID
	}
	return r.ID + "#" + r.Occurrence
}

// ParseRef reads what String printed. No vendor's id holds a "#".
func ParseRef(s string) Ref {
	id, occurrence, _ := strings.Cut(s, "#")
	return Ref{ID: id, Occurrence: occurrence}
}

// Item is one item as a side shows it now.
type Item struct {
	Ref
	Version  Version        `json:"version"`
	Fields   record.Fields  `json:"fields"`
	Raw      map[string]any `json:"raw,omitempty"`      // crm: the vendor fields that Query.Extra asked for, as JSON values keyed by API name; filters read them
	Key      string         `json:"key,omitempty"`      // our own marker as stored on the item, "" when a person made it
	Owner    string         `json:"owner,omitempty"`    // crm: the owner's user id; mailbox: the organiser's address
	Reps     []string       `json:"reps,omitempty"`     // crm: user ids that this item concerns beside its owner; mailbox: attendees' addresses
	Previous []string       `json:"previous,omitempty"` // earlier ids of the same item (merged, renamed, moved between calendars)
	Partial  bool           `json:"partial,omitempty"`  // an exception without its master, a row without details: Get before planning
	Moved    bool           `json:"moved,omitempty"`    // in a Result: somebody else wrote after our write and before this read back
	Deleted  bool           `json:"deleted,omitempty"`  // in Find by key only: nothing but its tombstone is there any more
	Image    []byte         `json:"image,omitempty"`    // the vendor's own form: kept as before-image, and what an update starts from; opaque to everybody else
}

// Gone is an item that a side no longer shows. Deleted is an explicit tombstone or a proof by id; without it the item
// merely left the view (window, sharing, filter), which is never a delete.
type Gone struct {
	Ref
	Deleted bool    `json:"deleted"`
	Version Version `json:"version,omitzero"` // of the deletion, where the vendor says: a delete after a restore is another one
	Into    string  `json:"into,omitempty"`   // the item that it was merged into, where the vendor says
}

// Query asks what changed.
type Query struct {
	Owner    string    // crm: one user's own records; "" reads the whole org (OrgFeed). mailbox: ignored
	Token    []byte    // where the last complete read ended; nil asks for a full read
	Page     []byte    // resumes inside a read, with the same Token
	From, To time.Time // the window, for kinds that have one
	FromNow  bool      // with no Token: read nothing, return a Token from which later changes are seen (how an OrgFeed starts)
	Once     bool      // with no Token: nobody goes on from this read, so that a Token that would cost a request may be left out
	Written  bool      // mailbox: Repsync may have written since the Token was read, so that no comparison with what was there then tells all
	Extra    []string  // vendor fields that filters read, returned in Item.Raw
}

// Delta is one page of what changed.
type Delta struct {
	Items    []Item
	Gone     []Gone
	Bad      map[Ref]error // undecodable items: parked, and counted as present
	Page     []byte        // set while there are more pages
	Token    []byte        // set on the last page only
	Complete bool          // last page of a full read: absence (inside the window) is suspicion, worth a Get
}

// Verb is what an operation does.
type Verb string

// The verbs.
const (
	Create Verb = "create"
	Update Verb = "update"
	Delete Verb = "delete"
)

// Op is one write.
type Op struct {
	Verb    Verb
	Key     string        // create: the marker to stamp on the item; update: stamps it where the item carries none and Key is set
	Ref     Ref           // update, delete
	If      Version       // update, delete: the state that the write assumes; a connector that can, makes the write conditional on it
	Set     record.Fields // create: all values; update: only changed fields, an empty value clears
	Current *Item         // update, delete: the item as just read with Get; carries the Image that a list-valued vendor field is rebuilt from
	Owner   string        // crm: the user id of the rep: a create's owner, and whose FieldAnswer an update sets
	Invite  bool          // mailbox, events: attendees are to be mailed; without it the write is silent or is not done
}

// Result is the outcome of one Op. Err is a *Error, nil on success. Item is the item as the write's own response or a
// read back by the connector showed it; nil after success means that the caller must Get before the base moves.
type Result struct {
	Ref  Ref
	Item *Item
	Err  error
}

// CreateGuard says what keeps a repeated create from making a double.
type CreateGuard string

// The guards. With GuardID and GuardUpsert a create may simply be sent again; with GuardLookup the item's own key must be
// looked for first, and its absence counts only Caps.Lag after the send. GuardNone means that creates are refused.
const (
	GuardID     CreateGuard = "id"
	GuardUpsert CreateGuard = "upsert"
	GuardLookup CreateGuard = "lookup"
	GuardNone   CreateGuard = "none"
)

// FieldCaps says what may be done with one canonical field.
type FieldCaps struct {
	Read, Write bool
	MaxLen      int           // in characters, 0 is unlimited
	Required    bool          // an item without it is refused
	FullDate    bool          // a date needs its year
	MaxSpan     time.Duration // of record.FieldTime: the longest event, 0 is unlimited
}

// Caps are a connector's capabilities for one kind and one rep.
type Caps struct {
	Batch       map[Verb]int // largest safe batch
	GetBatch    int          // refs per Get call
	FindBatch   int          // keys per Find call
	Parallel    int          // concurrent writes per mailbox, or per org
	Conditional bool         // writes honour Op.If
	ReadBack    bool         // a write's response carries no version: Get before the base moves
	Create      CreateGuard
	Lag         time.Duration // how long a feed may hide a write; Find proves absence only after this
	Deletions   bool          // the feed reports deletions
	Fields      map[string]FieldCaps
	Metadata    string               // digest of the vendor's field metadata: parked items are retried when it changes
	Silent      func(Op, *Item) bool // whether the operation, on the item as it stands, mails nobody; nil means always
}

// By says what Find looks for.
type By string

// ByKey looks for our own marker, also on deleted items where the vendor keeps them (Item.Deleted); ByEmail for any item with that address (contacts); ByName for record.NameKey values.
const (
	ByKey   By = "key"
	ByEmail By = "email"
	ByName  By = "name"
)

// Connector is one CRM org or one mailbox.
type Connector interface {
	// Caps tells what is possible for a kind; owner is the CRM user id of the rep whose rights count ("" for the
	// integration user's own). Errors: Retry, Reconnect, Unsupported (the kind is refused, Code says why).
	Caps(ctx context.Context, k record.Kind, owner string) (Caps, error)
	// Changes returns one page of what changed since q.Token. Errors: Retry, CursorLost, Reconnect, Bug.
	Changes(ctx context.Context, k record.Kind, q Query) (Delta, error)
	// Get reads items by id, in any number. Each ref comes back once, as an item or as gone. extra as in Query.
	Get(ctx context.Context, k record.Kind, refs []Ref, extra []string) ([]Item, []Gone, error)
	// Find looks items up org-wide or mailbox-wide; the result maps each key that was found to its items.
	Find(ctx context.Context, k record.Kind, by By, keys []string, extra []string) (map[string][]Item, error)
	// Write sends ops in the vendor's largest safe batches and returns one Result per Op, in order. The error is for
	// a failure before anything was sent; afterwards every Op has its own Result, which may be Unclear.
	Write(ctx context.Context, k record.Kind, ops []Op) ([]Result, error)
}

// Calendar is what a mailbox offers beside its items where it serves events. Its Changes show a series as its master and
// the occurrences that differ from it, each with the full fields of its own, and a cancelled occurrence as Gone; Get and
// Write take the ref of any occurrence, also of one that follows its master.
type Calendar interface {
	// Occurrences reads what these series (ids of masters) hold in [from, to): the occurrences as they stand, those that
	// follow their master or not, and as Gone those that were cancelled. It serves a master that changed, whose
	// exceptions Changes does not show again. Errors: Retry, Reconnect, Bug.
	Occurrences(ctx context.Context, masters []string, from, to time.Time) ([]Item, []Gone, error)
}

// User is a CRM user.
type User struct {
	ID, Username, Email, Name, Profile string
	Active                             bool
}

// Access says what a user may do with one record. To edit one is not to delete it.
type Access struct{ Read, Edit, Delete bool }

// Person is a CRM record that stands for somebody with an email address.
type Person struct {
	Kind         PersonKind
	ID           string
	Account      string    // a contact's account, "" without one
	Modified     time.Time // the vendor's own modification time
	LastActivity time.Time // zero when not known
}

// PersonKind is what a Person is in the CRM.
type PersonKind string

// The kinds of people. A converted lead is none: its contact stands for it.
const (
	PersonContact PersonKind = "contact"
	PersonLead    PersonKind = "lead"
	PersonUser    PersonKind = "user"
)

// CRM is what the CRM side offers beside its items.
type CRM interface {
	Connector
	// User finds one user by id or by email address; for an address, the active one. Error: Park with Code
	// "user_not_found" or "user_ambiguous".
	User(ctx context.Context, idOrEmail string) (User, error)
	// Access tells which records a user may read and edit. A server that does not keep per-record access answers as
	// describe does for the integration user. Ids that are absent from the result are not accessible.
	Access(ctx context.Context, k record.Kind, user string, ids []string) (map[string]Access, error)
	// People finds contacts, leads and active users by address, org-wide; the result maps each normalised address that was
	// found to its people, ordered by id. Kinds that the org does not let be read are left out.
	People(ctx context.Context, emails []string) (map[string][]Person, error)
}
