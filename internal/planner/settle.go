package planner

import (
	"maps"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// Settle returns the link after op was done, with the target as it shows itself now (shown is not looked at for a
// delete). now has the versions of the link's hashes.
//
// For the fields that were written, what the target shows becomes its base, and what was sent is noted; the value that
// the other side had becomes that side's base. Where somebody else wrote between our write and this reading
// (Item.Moved), a difference from what was sent is that person's edit: the base is what was sent. All other fields keep
// their base, so that an edit in them is met in the next pass.
func Settle(l Link, op Op, shown connector.Item, now record.Hasher) Link {
	l = l.clone()
	target, source := l.Side(op.Side), l.Side(op.Side.Other())
	if op.Verb == connector.Delete {
		*target = SideBase{ID: target.ID}
		return l
	}
	for _, f := range slices.Sorted(maps.Keys(op.Source)) {
		sent := now.Value(f, op.Set[f])
		target.Shown[f] = now.Value(f, shown.Fields[f])
		if shown.Moved {
			target.Shown[f] = sent
		}
		delete(target.Sent, f)
		if _, ok := op.Set[f]; ok {
			target.Sent[f] = sent
		}
		source.agree(f, op.Source[f])
	}
	if source.Version == (connector.Version{}) || op.From.At.After(source.Version.At) { // else an operation on that side has settled since
		source.Version = op.From
	}
	target.ID, target.Version, target.Edited = shown.ID, shown.Version, op.Edited
	if shown.Moved {
		target.Edited = time.Time{} // somebody else has touched it since
	}
	for f := range target.Shown {
		if target.differs(f, now.Value(f, shown.Fields[f])) {
			target.Version.Tag = "" // the item holds an edit that is not agreed on: its version proves nothing
		}
	}
	return l
}

// Observe returns the link with one side's base set to what that side shows: every field that the item has or the base
// knows. now has the versions of the link's hashes.
func Observe(l Link, side record.Side, it connector.Item, now record.Hasher) Link {
	l = l.clone()
	b := l.Side(side)
	for f := range it.Fields {
		b.Shown[f] = 0
	}
	for f := range b.Shown {
		b.Shown[f] = now.Value(f, it.Fields[f])
	}
	b.ID, b.Version, b.Sent = it.ID, it.Version, Hashes{}
	return l
}
