package store

import (
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// Rep is a CRM user whose mailbox syncs.
type Rep struct {
	Org, Rep        string
	Mailbox         string // the mailbox's address; sealed
	CRMUser         string // the CRM user's id
	Profile         string // the CRM profile's name, for policies assigned by profile
	Active          bool
	Pass            int64     // the last pass that was committed
	Epoch           int64     // of the lease that was last given
	AppliedRevision int64     // the policy revision that the last committed pass applied
	Reread          bool      // the next pass reads everything again and plans it, whatever the tags say
	Lines           int64     // of its journal
	Swept           time.Time // when everything was last read; zero until a pass has told when it would have been
	Speaks          *bool     // by the policy, events flow from the mailbox: its copies may speak for meetings; nil until its events are read
}

// Organizer is a rep by mailbox address, as one whose copies may speak for meetings.
type Organizer struct {
	Rep    string
	Unread bool // its events have not been read yet: whether they will be, nobody knows
}

// PolicyRow is one revision of a policy document.
type PolicyRow struct {
	Revision int64
	Name     string
	Document []byte // as the admin wrote it; sealed
	At       time.Time
}

// Cursor is where the reading of one kind on one side resumes.
//
// Token and Offset are committed: everything before them is settled. Next and NextOffset are read to the end and wait
// for Commit. Page is a place inside a read that is under way. Tokens and pages are sealed.
type Cursor struct {
	Kind record.Kind
	Side record.Side

	Token, Next, Page []byte
	// crm: in the org's feed. mailbox: one more than the lines of the rep's journal when the read began. NextOffset 0: none waits
	Offset, NextOffset int64
	Full               bool  // the read under way, or waiting for Commit, is a full one
	ReadNo             int64 // the number of the read; rises with each full read
	Synced             bool  // a pass over the kind was committed before
	RetryAt            time.Time
	RetryCode          string
}

// SideID names an item of a kind on one side.
type SideID struct {
	Side record.Side
	ID   string
}

// Staged is an observation that waits for the stages after Fetch.
type Staged struct {
	Kind   record.Kind
	Side   record.Side
	ID     string
	Pass   int64
	ReadNo int64
	Obs    planner.Observation // presence, tag, at, in and why are columns; all else is one sealed box
	Judged bool                // Filter has been over it
	Keys   [][]byte            // keyring lookup hashes of its match keys; written for mailbox items, never returned
	Series []byte              // keyring lookup hash of the series that it is an occurrence of, which SeriesHeld finds for other reps; as Keys
	Always bool                // Stage keeps it even when it shows the tag that the link's base has; never returned
}

// StagedAs names a staged row as it was when it was planned: a row that shows another tag by now is another observation.
type StagedAs struct {
	SideID
	Tag string
	At  time.Time // an older observation than this is no news either
}

// Place is the row's place in the order of StagedPage: hand the last row's as after to get the next page.
func (s Staged) Place() string { return string(s.Side) + "/" + s.ID }

// StagedFilter narrows StagedPage; the zero value takes all rows.
type StagedFilter struct {
	Side   record.Side // "" both
	Judged *bool       // nil either
	Before int64       // only what is there and was last shown by a full read before this one; 0 all
}

// Judgement is what Filter decided on one staged row.
type Judgement struct {
	Side record.Side
	ID   string
	In   bool
	Why  planner.Reason
}

// Ranked is an item's rank under a policy's limit: the greater string stays.
type Ranked struct{ ID, Rank string }

// Seating is who a policy's limit keeps. Of an org below its limit every list is empty.
type Seating struct {
	Out    []string // left out, the first to miss it first
	Pushed []string // of these, the ones that were in when the seating was last noted
	Back   []string // in, and out when the seating was last noted
}

// RepLink is a link together with the rep whose link it is.
type RepLink struct {
	Rep  string
	Link planner.Link
}

// ClaimResult is what became of an attempt to claim an item's strong keys.
type ClaimResult struct {
	Won    bool     // all keys are held by this rep and link
	CRMID  string   // the record that the keys belong to, "" when none or when there are several
	CRMIDs []string // every record that one of the keys belongs to, sorted; more than one is ambiguous
	Holder string   // when not won and not resolved: "rep/link id" of who holds one of the keys
}

// IntentState is where an intent stands.
type IntentState string

// The states. Planned and held intents are thrown away by the next plan; sent and unknown ones are open until they are
// settled; done, parked (ParkedI: Parked is the row about the item) and dropped are over.
const (
	Planned IntentState = "planned"
	Held    IntentState = "held"
	Sent    IntentState = "sent"
	Unknown IntentState = "unknown"
	Done    IntentState = "done"
	ParkedI IntentState = "parked"
	Dropped IntentState = "dropped"
)

// Intent is the durable row of one write, there before anything is sent.
type Intent struct {
	ID, LinkID string
	Kind       record.Kind
	Pass       int64
	Op         planner.Op // sealed
	Ref        connector.Ref
	If         connector.Version
	Key        string // the marker that a create stamps
	Generation int
	State      IntentState
	Revision   int64 // of the policy that it was planned under
	Epoch      int64 // of the lease it was last written under
	Reason     planner.Reason
	After      planner.LinkState
	Drop       bool
	SentAt     time.Time
	Before     *connector.Item   // the item as it was before the write; sealed
	Source     connector.Version // of the item that Op copies, so that a moved source is seen
	SourceID   string
	Code       string
	Exempt     bool      // CountWrites passes it over: a create of a first sync, or released by an admin
	Settled    time.Time // when it became done, parked or dropped
}

// Verdict is the latest decision on one item and why.
type Verdict struct {
	Kind           record.Kind
	Side           record.Side
	ID, LinkID     string
	Pass, Revision int64 // of the last change of the verdict
	Reason         planner.Reason
	Field          string
	Rule           string
	Code           string
	At             time.Time // of the last change; zero in SavePlan and Settle means now
}

// Parked is an item that cannot be written now.
type Parked struct {
	Kind       record.Kind
	Side       record.Side
	ID, LinkID string
	Reason     planner.Reason
	Field      string
	Code       string
	Words      string // the vendor's own message; sealed
	Attempts   int
	NextTry    time.Time
	Since      time.Time // zero means now; a row that is parked again keeps its first
	Revision   int64     // the policy revision that it was last tried under
	Metadata   string    // digest of the vendors' field metadata when it was last tried
}

// Change is one field's values in a journal line; Lost is the loser's value of a conflict.
type Change struct {
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	Lost   string `json:"lost,omitempty"`
}

// Line is one line of the journal.
type Line struct {
	Seq            int64  // set by the store, rises within an org
	Rep            string // set by the store
	Pass, Revision int64
	Kind           record.Kind
	Side           record.Side
	ID, LinkID     string
	Action         string
	Field          string
	Rule           string
	Code           string
	Reason         planner.Reason
	Values         map[string]Change // sealed under a key of their own; nil once that is destroyed
	At             time.Time         // zero means now
}

// PlanState says whether a stored plan waits.
type PlanState string

// The states of a stored plan.
const (
	PlanHeld     PlanState = "held"
	PlanReleased PlanState = "released"
)

// Plan is the summary of a pass that a guard stopped before its first write.
type Plan struct {
	Digest string
	Pass   int64
	Counts map[string]int
	Why    []string // which guards, in words without values
	Lines  []byte   // hashes of the single writes: what is left of a released plan is known by them
	State  PlanState
	At     time.Time // zero in SetHeld means now
}

// PlanBatch is what planning a chunk of items stores, in one transaction.
type PlanBatch struct {
	Kind      record.Kind // of links, dropped links and unstaged rows
	Links     []planner.Link
	Intents   []Intent
	Verdicts  []Verdict
	Parked    []Parked
	Journal   []Line
	Unstage   []SideID
	DropLinks []string
	Ended     []string // CRM records that were deleted: the claims on them end
	Ranks     []Ranked // of CRM items
}

// SettleBatch is what the outcome of a batch of writes stores, in one transaction. Intents are named by id.
type SettleBatch struct {
	Kind      record.Kind       // of links, dropped links and staged rows
	Done      []string          // became done
	Park      []string          // became parked
	Unknown   []string          // outcome unclear
	Back      []string          // to be sent again: planned
	Drop      []string          // no longer wanted: dropped
	Codes     map[string]string // intent id → code, for any of the above
	Links     []planner.Link
	DropLinks []string
	Verdicts  []Verdict
	Parked    []Parked
	Journal   []Line
	ClaimCRM  map[string]string // link id → CRM id: resolves the claims that the link holds
	Unclaim   []string          // link ids whose unresolved claims end: their create was refused
	Unstage   []StagedAs        // removed unless another observation was staged since
	Restage   []Staged
	Keys      []Keyed  // of mailbox items, by which they are found from now on
	Ranks     []Ranked // of CRM items
}

// Keyed is a mailbox item with all of its match keys, and that of the series that it is an occurrence of.
type Keyed struct {
	ID     string
	Keys   [][]byte
	Series []byte
}

// CommitIn is what Commit moves.
type CommitIn struct {
	Kinds           []record.Kind // whose cursors move to what was read
	Pass            int64
	AppliedRevision int64
	Reread          bool // what remains of Rep.Reread: false when the reread was done
}

// FeedRow is one line of the org's log of CRM changes.
type FeedRow struct {
	Seq     int64 // set by the store: rises by one within org and kind
	Kind    record.Kind
	ID      string
	Owner   string
	Version connector.Version
	Deleted bool
	Into    string         // of a deletion: the item that it was merged into
	Item    connector.Item // sealed; zero for a deletion
}

// FeedState is where the org's feed of one kind stands. First and Last are sequence numbers; an offset below First-1
// has been overtaken by retention: cursor lost. In an empty log First is Last+1.
type FeedState struct {
	Kind        record.Kind
	Token, Page []byte
	First, Last int64
	At          time.Time // of the last AppendFeed
}

// Situation is all that a pass needs to know to start, and everything that an idle pass asks.
type Situation struct {
	Rep            Rep
	Cursors        []Cursor
	PolicyRevision int64       // the org's newest
	Policies       []PolicyRow // the newest revision of each name
	Staged         map[record.Kind]int
	Open           map[record.Kind]map[IntentState]int // planned, held, sent and unknown ones
	Parked         int                                 // parked items in all
	ParkedDue      int                                 // of these, by their time; a new policy revision is for the caller to see
	Plan           *Plan                               // held or released, nil when there is none
	Feeds          map[record.Kind]FeedState
}
