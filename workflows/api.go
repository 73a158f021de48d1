// Package workflows orchestrates, deterministically and with no I/O of its own: RepSync keeps one rep's mailbox and the
// CRM in step for years, OrgFeed reads an org's CRM once for all its reps. What they do is told by the stages that they
// call (package activities); what an operator sees in Temporal's Web UI is made here.
//
// Everything that Temporal's own CLI needs to know stands in this file:
//
//	temporal workflow start --type RepSync --task-queue repsync --workflow-id rep:acme:alice --input '{"org":"acme","rep":"alice"}'
//	temporal workflow signal --workflow-id rep:acme:alice --name sync-now
//	temporal workflow query --workflow-id rep:acme:alice --type status
package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/planner"
)

// TaskQueue is the one queue of all workflows and activities.
const TaskQueue = "repsync"

// RepID is the workflow id of a rep.
func RepID(org, rep string) string { return "rep:" + org + ":" + rep }

// FeedID is the workflow id of an org's feed.
func FeedID(org string) string { return "feed:" + org }

// Signals of RepSync. A signal wakes the workflow and names what is wanted; order, number and loss do not matter, since
// every pass starts by reading the rep's policy and situation from the store. OrgFeed knows SignalNudge only.
const (
	SignalPolicy  = "policy"   // PolicySignal: a revision was stored
	SignalNudge   = "nudge"    // no payload: something changed
	SignalSyncNow = "sync-now" // no payload: a person waits; the CRM's feed is polled first
	SignalPause   = "pause"    // no payload
	SignalResume  = "resume"   // no payload
	SignalRelease = "release"  // ReleaseSignal: an admin lets a held pass go on
)

// QueryStatus answers with a Status.
const QueryStatus = "status"

// Updates, for callers that need an answer: both run a pass and return the Status after it.
const (
	UpdateSync    = "sync"
	UpdateRelease = "release" // ReleaseSignal; refused when that plan is not the one held
)

// PolicySignal is the payload of SignalPolicy.
type PolicySignal struct {
	Revision int64 `json:"revision"`
}

// ReleaseSignal is the payload of SignalRelease and UpdateRelease.
type ReleaseSignal struct {
	Digest string `json:"digest"`
}

// RepInput starts a RepSync. Org and Rep are all that a person gives; Carried is what one run hands to the next.
type RepInput struct {
	Org     string   `json:"org"`
	Rep     string   `json:"rep"`
	Carried *Carried `json:"carried,omitempty"`
}

// Carried is the state that survives continue-as-new.
type Carried struct {
	Pass      int64                  `json:"pass"` // number of the last pass
	PassedAt  time.Time              `json:"passed_at,omitzero"`
	Committed int64                  `json:"committed,omitempty"` // number of the last pass that was committed
	Paused    bool                   `json:"paused,omitempty"`    // until resume
	Want      Want                   `json:"want,omitzero"`       // signals received and not yet acted on
	Release   string                 `json:"release,omitempty"`   // a release whose pass did not come through
	WakeAt    time.Time              `json:"wake_at,omitzero"`    // when the next pass is due
	SweptAt   time.Time              `json:"swept_at,omitzero"`   // when everything was last read
	State     State                  `json:"state"`               // as last upserted
	Policy    string                 `json:"policy,omitempty"`    // as last upserted
	Provider  string                 `json:"provider,omitempty"`
	Plain     bool                   `json:"plain,omitempty"` // no search attributes: the server has none registered
	Last      activities.Summary     `json:"last,omitzero"`
	Totals    activities.Summary     `json:"totals,omitzero"`
	Held      *activities.Hold       `json:"held,omitempty"`
	Parked    int                    `json:"parked,omitempty"`
	Why       map[planner.Reason]int `json:"why,omitempty"` // parked items by reason, as the last pass with work counted them
	Trouble   *activities.Trouble    `json:"trouble,omitempty"`
	Failures  int                    `json:"failures,omitempty"` // passes in a row that ended in trouble
	Remarks   []string               `json:"remarks,omitempty"`  // signals that could not be understood
}

// Want is what signals asked for since the last pass.
type Want struct {
	Sync    bool   `json:"sync,omitempty"`    // pass now
	Fresh   bool   `json:"fresh,omitempty"`   // a person waits: poll the feed first
	Release string `json:"release,omitempty"` // digest of a held plan that may go
}

func (w Want) any() bool { return w != Want{} }

// State is what the search attribute RepsyncState shows.
type State string

// The states.
const (
	Syncing State = "syncing"
	Idle    State = "idle"
	Paused  State = "paused"
	Held    State = "held"
	Failing State = "failing"
	Stopped State = "stopped"
)

// Status is the answer to QueryStatus: ids, counts, codes and revisions, no customer's value.
type Status struct {
	Org       string                 `json:"org"`
	Rep       string                 `json:"rep"`
	State     State                  `json:"state"`
	Provider  string                 `json:"provider,omitempty"`
	Policy    string                 `json:"policy,omitempty"` // name@revision
	Pass      int64                  `json:"pass"`             // number of the last pass that ended
	PassedAt  time.Time              `json:"passed_at,omitzero"`
	NextAt    time.Time              `json:"next_at,omitzero"`
	Last      activities.Summary     `json:"last"`   // the last pass that found work
	Totals    activities.Summary     `json:"totals"` // since the workflow was first started
	Held      *activities.Hold       `json:"held,omitempty"`
	Parked    int                    `json:"parked"`               // items parked now
	ParkedWhy map[planner.Reason]int `json:"parked_why,omitempty"` // by reason
	Trouble   *activities.Trouble    `json:"trouble,omitempty"`
	Remarks   []string               `json:"remarks,omitempty"` // signals that could not be understood
}

// Search attributes of RepSync, registered by the worker where it may.
var (
	AttributeOrg      = temporal.NewSearchAttributeKeyKeyword("RepsyncOrg")
	AttributeProvider = temporal.NewSearchAttributeKeyKeyword("RepsyncProvider")
	AttributeState    = temporal.NewSearchAttributeKeyKeyword("RepsyncState")
	AttributePolicy   = temporal.NewSearchAttributeKeyKeyword("RepsyncPolicy")
)
