// Package planner decides what a pass does with each item. It is pure: no clock, no I/O, no vendor, no store.
//
// The order is filter → match → three-way merge. Filtering (Admit, Limit) marks observations in or out of the policy.
// Matching (Choose) pairs items that have no link yet. Merging (Plan) turns one pair and its base into a Decision:
// operations for either side, or none, always with a reason. Settle computes the next base from what a write showed.
//
// The base is what was agreed at the last sync: per field and side a keyed hash of the value as that side last showed
// it, and of what was last sent to it. A side is only ever compared with itself, since vendors trim and reformat.
package planner

import (
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// Hashes maps a canonical field to the keyed hash of its value. A missing field was never agreed on; 0 stands for the
// empty value.
type Hashes map[string]uint64

// SideBase is what one side showed when it was last agreed on, and what was last sent to it.
type SideBase struct {
	ID      string            `json:"id,omitempty"`
	Version connector.Version `json:"version,omitzero"`
	Shown   Hashes            `json:"shown,omitempty"`
	Sent    Hashes            `json:"sent,omitempty"`
	// Edited is the item's age (see Pair.age) before Repsync wrote it: our own write makes no edit newer.
	Edited time.Time `json:"edited,omitzero"`
}

// LinkState is where a link stands.
type LinkState string

// The states. A tombstone keeps an item from being created again; left means that the pair was unlinked because the
// record left the policy or the rep's sight, and a return to it matches or creates anew under the next generation.
const (
	Active    LinkState = "active"
	Tombstone LinkState = "tombstone"
	Left      LinkState = "left"
)

// Link pairs one CRM record with one mailbox item for one rep. A link that waits for its create has one empty id.
type Link struct {
	ID         string      `json:"id"`
	State      LinkState   `json:"state"`
	Generation int         `json:"generation"`       // rises when an item is restored under a new key
	Made       record.Side `json:"made,omitempty"`   // the side whose copy Repsync created, "" when both were there
	Shared     bool        `json:"shared,omitempty"` // matched while another rep owned the record: leaving `records: owned` does not apply
	Norm       int         `json:"norm"`             // version of the normaliser behind the hashes
	HashKey    int         `json:"hash_key"`         // version of the hash key behind the hashes
	CRM        SideBase    `json:"crm"`
	Mailbox    SideBase    `json:"mailbox"`
	Organizes  bool        `json:"organizes,omitempty"` // events: the mailbox copy is the organiser's
	Sequence   int         `json:"sequence,omitempty"`  // events: the meeting's sequence as the mailbox copy last showed it
	Related    []string    `json:"related,omitempty"`   // events: ids of the CRM records that Repsync related through this link, sorted
	Pinned     Reason      `json:"pinned,omitempty"`    // an undo put something back: what it is not to be planned again for, see undo.go
}

// Side returns the base of a side, for reading and writing.
func (l *Link) Side(side record.Side) *SideBase {
	if side == record.CRM {
		return &l.CRM
	}
	return &l.Mailbox
}

// Presence is how a side's item was met in this pass.
type Presence string

// The presences. The zero value means that the pass did not look: by the side's feed the item has not changed.
const (
	Unseen  Presence = ""
	Present Presence = "present"
	Deleted Presence = "deleted"  // an explicit tombstone, or a get by id that proves it
	NoSight Presence = "no_sight" // the rep has no access to it any more
)

// Observation is an item as last read on one side, in this pass.
type Observation struct {
	Presence Presence
	Item     connector.Item // zero unless Present
	In       bool           // the policy admits it (Admit, Limit)
	Why      Reason         // when not In: the reason
	Editable bool           // crm: the rep may edit the record; always true for a mailbox
	Foreign  bool           // carries another org's marker
	Unread   string         // code when it could not be decoded: present, but parked
	Fresh    bool           // read by a direct get just now, not from a feed: believed even when older than the base
	Derived  bool           // an occurrence that follows its series' master: believed like a Fresh one, and read by itself before it is written
	// Follows says that the item is as it is, there or gone, because its series is: what was done to the series was done once.
	Follows bool
}

// FieldRule is one mapped field.
type FieldRule struct {
	Winner  string // crm | mailbox | newest | review, "" falls back to Rules.Conflict
	ByAdmin bool   // the admin's document maps it: a field with no base is merged, not rebased
}

// Rules are a policy's rules for one kind, resolved.
type Rules struct {
	Direction    string // off | crm_to_mailbox | mailbox_to_crm | both
	Conflict     string // crm_wins | mailbox_wins | newest | review
	Fields       map[string]FieldRule
	MatchBy      []string // email, name_and_company
	OnAmbiguous  string   // review | newest | oldest | most_recent_activity | create
	FromCRM      string   // propagate | unlink | review: what a delete in the CRM does to the mailbox copy
	FromMailbox  string
	OnFilterExit string // remove | keep
	OnDrift      string // keep | revert
}

// flows reports whether what happens on a side is carried over to the other: whether the side is a source.
func (r Rules) flows(from record.Side) bool {
	switch r.Direction {
	case "both":
		return true
	case "crm_to_mailbox":
		return from == record.CRM
	case "mailbox_to_crm":
		return from == record.Mailbox
	}
	return false
}

// Pair is everything that Plan needs to decide on one item.
type Pair struct {
	Link    *Link // nil: no link yet (after Match, or nothing matched)
	CRM     Observation
	Mailbox Observation
	// Voice says what the mailbox copy of a meeting has to say; "" for whatever is no meeting.
	Voice Voice
	// Parked says that something of the link waits for somebody: both sides are looked at, or what waits on one of them would
	// be taken for settled by what the other shows.
	Parked bool
	// LetGo says that the meeting's record went because its organiser, another rep, let go of it: this copy lets go of it too.
	LetGo bool
	// Disguised is the side whose item is private and shown by Disguise: the pair is one-way from there. "" for all others.
	Disguised record.Side
	Rules     Rules
	Caps      Sides[map[string]connector.FieldCaps]
	Was       record.Hasher // with the versions of Link.Norm and Link.HashKey
	Now       record.Hasher
}

// Of returns the observation of a side.
func (p Pair) Of(side record.Side) Observation {
	return Sides[Observation]{p.CRM, p.Mailbox}.Of(side)
}

// Sides holds one value per side.
type Sides[T any] struct{ CRM, Mailbox T }

// Of returns the value of a side.
func (s Sides[T]) Of(side record.Side) T {
	if side == record.CRM {
		return s.CRM
	}
	return s.Mailbox
}

// Op is an operation that a decision wants on one side.
type Op struct {
	Side record.Side    `json:"side"`
	Verb connector.Verb `json:"verb"`
	Set  record.Fields  `json:"set,omitempty"` // create: all values; update: only changed fields, "" clears
	// Source holds, for each field of Set, the hash of the other side's value that is being sent. When the operation
	// settles, these become the other side's base.
	// A create lists every mapped field there, also those that it does not send.
	Source Hashes `json:"source,omitempty"`
	// From is the version of the other side's item that Set was read from. It settles with the operation, too.
	From connector.Version `json:"from,omitzero"`
	// Edited is the age of the item that is written. It settles as SideBase.Edited.
	Edited time.Time `json:"edited,omitzero"`
	// Rules names, for each field of Set that overrides an edit of the target's, the rule that decided. Twin says that the
	// decision writes to the other side too. Why is the decision's. The planner leaves them empty; whoever plans the write
	// fills them in.
	Rules map[string]string `json:"rules,omitempty"`
	Twin  bool              `json:"twin,omitempty"`
	Why   Reason            `json:"why,omitempty"`
	// Undo names the undo that wants the operation, and Pin is the link's pin once it is done.
	Undo string `json:"undo,omitempty"`
	Pin  Reason `json:"pin,omitempty"`
}

// Conflict is a field that both sides changed.
type Conflict struct {
	Field  string
	Winner record.Side // "" when it waits for review
	Rule   string      // the rule that decided: "fields.title.winner: newest", "conflict: crm_wins", "first sync"
}

// Decision is what the planner wants for one item. A parked one may have an operation all the same, for the side that
// is not in question: a rep's edit that the CRM denies does not keep the CRM's own edits from the mailbox.
type Decision struct {
	Reason    Reason
	Why       Reason // for an item that left the policy: what it was that no longer admits it
	Ops       []Op
	Conflicts []Conflict
	Field     string      // the field that the reason speaks of, when there is one
	Need      record.Side // an observation of this side is needed first: Get it and plan again; no other member counts
	// Link is the link as it is to be stored at once, before any Op: a new link, an adopted one, a moved base (both
	// sides changed alike, fields rebased), a state change that takes no write. nil leaves it. Link.ID is empty for
	// a new one.
	Link *Link
	// Restore says that the create among Ops restores an item that was deleted. Link carries the next generation
	// already: make the create's key from Link as given here.
	Restore bool
	// After is the link's state once every Op has settled, "" leaves it.
	After LinkState
	// Drop says that the link goes, and no tombstone stays: deleted on both sides.
	Drop bool
}

// Parked reports whether the item waits for an admin or for a change, rather than being done.
func (d Decision) Parked() bool { return d.Reason.Parked() }

// age is the time by which `newest` compares: the item's own modification time as its vendor gives it, or while nobody
// has touched the item since our own last write, the time that it had before that.
func (p Pair) age(side record.Side) time.Time {
	at := p.Of(side).Item.Version.At
	if p.Link != nil {
		if base := p.Link.Side(side); !base.Edited.IsZero() && at.Equal(base.Version.At) {
			return base.Edited
		}
	}
	return at
}
