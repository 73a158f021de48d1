package planner

import (
	"slices"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// Scope is what a policy admits for one rep and one kind.
type Scope struct {
	Records string // owned | team | visible
	User    string // the rep's CRM user id
	// Filter is the policy's filter over an item's raw and canonical fields; nil admits all. For a mailbox item that
	// has no CRM record it sees every crm field as null.
	Filter func(connector.Item) (bool, error)
	Event  *EventScope // nil for every other kind
}

// Admit tells whether the policy admits an item, and if not, why. link is the item's active link, nil without one.
//
// A CRM record must be the rep's by the policy's `records`, and pass the filter. A link that was made while another rep
// owned the record (Link.Shared) is not bound by ownership, or it would be undone by the pass after the one that made it.
// Of a linked pair the CRM record speaks, so a mailbox item passes through the filter only while it has no link.
// The rules of events hold for either side and for linked pairs, too: see EventScope.
// A filter that fails admits nothing and removes nothing: its reason, ReasonFilterError, parks the item.
func Admit(s Scope, side record.Side, it connector.Item, link *Link) (in bool, why Reason) {
	if s.Event != nil && s.Event.skips(it, link) {
		return false, ReasonPrivateSkipped
	}
	if side == record.Mailbox && link != nil {
		why := s.Event.refuses(side, it, link)
		return why == "", why
	}
	shared := link != nil && link.Shared
	if side == record.CRM && !shared && !s.concerns(it) {
		return false, ReasonNotOwned
	}
	if why := s.Event.refuses(side, it, link); why != "" {
		return false, why
	}
	if s.Filter == nil {
		return true, ""
	}
	switch ok, err := s.Filter(it); {
	case err != nil:
		return false, ReasonFilterError
	case !ok:
		return false, ReasonFilteredOut
	}
	return true, ""
}

// concerns reports whether a CRM record is the rep's under `records`. What the rep may see is settled by the time a
// record is observed, so `visible` admits every record. An event is a rep's own who is invited to it.
func (s Scope) concerns(it connector.Item) bool {
	switch s.Records {
	case "visible":
		return true
	case "team":
		return it.Owner == s.User || slices.Contains(it.Reps, s.User)
	}
	return it.Owner == s.User || s.Event != nil && slices.Contains(it.Reps, s.User)
}
