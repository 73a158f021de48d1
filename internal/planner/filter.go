package planner

import (
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
}

// Admit stub.
func Admit(s Scope, side record.Side, it connector.Item, link *Link) (in bool, why Reason) {
	return true, ""
}
