package planner

import (
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// Settle returns the link after op was done on its side, with the target as it shows itself now.
func Settle(l Link, op Op, shown connector.Item, now record.Hasher) Link { return l }

// Observe returns the link with one side's base set to what that side shows.
func Observe(l Link, side record.Side, it connector.Item, now record.Hasher) Link { return l }
