package planner

import (
	"maps"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// An undo puts back what passes wrote. Nothing that it put back may be planned again for the very reason that it was
// planned for: the link remembers that reason as its pin (Link.Pinned).
//
//	pinned            values were put back: the base agrees on what each side shows, so that only an edit differs from it
//	deleted           a deleted copy is there again and its original is not: the tombstone stays until the copy is edited
//	a policy's reason a copy that was removed because the original left the policy is there again: the pair syncs on for
//	                  as long as the original is left out for that very reason
//
// An edit flows as it does without a pin.

// Wrote reports whether what a side shows of a field is what was last sent to it: the value itself, or what the side made of
// it when it was sent. was has the versions of the link's hashes.
func (l *Link) Wrote(side record.Side, field, sent, shown string, was record.Hasher) bool {
	if record.Equal(field, sent, shown) {
		return true
	}
	base := l.Side(side)
	known, ok := base.Sent[field]
	return ok && known == was.Value(field, sent) && !base.differs(field, was.Value(field, shown))
}

// Age returns the time by which `newest` compares a side's item, which has this version now; see Pair.age.
func (l *Link) Age(side record.Side, v connector.Version) time.Time {
	return Pair{Link: l, CRM: Observation{Item: connector.Item{Version: v}}, Mailbox: Observation{Item: connector.Item{Version: v}}}.age(side)
}

// Touched reports whether a side shows another value than was agreed on, in any field. was has the versions of the link's
// hashes.
func (l *Link) Touched(side record.Side, shown record.Fields, was record.Hasher) bool {
	base := l.Side(side)
	for f := range base.Shown {
		if base.agreed(f) && base.differs(f, was.Value(f, shown[f])) {
			return true
		}
	}
	return false
}

// Reborn returns the link of an item that an undo is about to create again: the next generation, with nothing agreed on.
func Reborn(l Link, now record.Hasher) Link {
	l = l.clone()
	l.Generation++
	l.Norm, l.HashKey = now.Norm, now.KeyVersion
	for _, side := range bothSides {
		b := l.Side(side)
		*b = SideBase{ID: b.ID, Shown: Hashes{}, Sent: Hashes{}}
	}
	return l
}

// PutBack returns the link after op, which an undo wanted, was done; shown as in Settle. Only the base of the side that was
// written moves, so that a person's edit on the other side is an edit still. Where an item was created again beside its
// original, both are agreed on as they are.
func PutBack(l Link, op Op, shown connector.Item, now record.Hasher) Link {
	was := l.clone()
	l = Settle(l, op, shown, now)
	l.Pinned = op.Pin
	// What the original is to look like is known from its own put back, where that was settled before: not from the plan.
	if op.Verb != connector.Create || op.Pin == ReasonDeleted || was.Pinned == ReasonPinned {
		*l.Side(op.Side.Other()) = *was.Side(op.Side.Other())
	}
	if op.Verb == connector.Create {
		l.Made = op.Side
	}
	return l
}

// pinned reports whether the link's pin holds a pair in the policy although these sides are left out.
func (p Pair) pinned(out []record.Side) bool {
	return !slices.ContainsFunc(out, func(side record.Side) bool { return p.Of(side).Why != p.Link.Pinned })
}

// unpin lets go of a pin whose time is over: the original is admitted again, or both sides show the same. The link of a
// decision that leaves it to the pin is told as ReasonPinned.
func unpin(p Pair, d Decision) Decision {
	if p.Link == nil || p.Link.Pinned == "" || d.Need != "" {
		return d
	}
	if p.pinIsOver() {
		link := *p.Link
		if d.Link != nil {
			link = *d.Link
		}
		link.Pinned = ""
		d.Link = &link
		return d
	}
	if d.Reason == ReasonUnchanged || d.Reason == ReasonTombstoneStands {
		d.Reason = ReasonPinned
	}
	return d
}

func (p Pair) pinIsOver() bool {
	switch p.Link.Pinned {
	case ReasonDeleted:
		return p.Link.State != Tombstone
	case ReasonPinned:
		return p.CRM.Presence == Present && p.Mailbox.Presence == Present && all(p.fields(), func(f string) bool {
			return record.Equal(f, p.CRM.Item.Fields[f], p.Mailbox.Item.Fields[f])
		})
	}
	original := p.Of(p.Link.Made.Other())
	return original.Presence == Present && original.In
}

// copyEdits reports whether a copy that was put back without its original was edited since: the edit wins over the delete.
func (p Pair) copyEdits(gone record.Side) bool {
	return p.Link.Pinned == ReasonDeleted && p.flows(gone.Other()) && len(p.typed(gone.Other())) > 0
}

// sourceOf lists, for the base of an item that is created again, what its original shows of the fields that are mapped now.
// A rep's own answer stands in the base of a copy that only answers.
func sourceOf(rules Rules, original record.Fields, now record.Hasher) Hashes {
	out := Hashes{}
	for f := range rules.Fields {
		out[f] = now.Value(f, original[f])
	}
	delete(out, record.FieldAnswer)
	return out
}

// Restore returns the create that brings an item back: its values as they were, as far as the side lets them be written.
func Restore(side record.Side, was record.Fields, caps map[string]connector.FieldCaps, rules Rules, original connector.Item, now record.Hasher) Op {
	op := Op{Side: side, Verb: connector.Create, Set: maps.Clone(was), Source: sourceOf(rules, original.Fields, now), From: original.Version}
	maps.DeleteFunc(op.Set, func(f, v string) bool { return v == "" || !caps[f].Write || f == record.FieldAnswer })
	return op
}
