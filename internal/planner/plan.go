package planner

import (
	"slices"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
)

var bothSides = []record.Side{record.CRM, record.Mailbox}

// Plan decides on one item. It is a pure function of its argument, which it does not change.
//
// When a decision would need to know a side that the pass did not look at, or saw only in a copy older than the base,
// Plan asks for it (Decision.Need): the caller gets the item by id, marks the observation as Fresh and plans again. So it
// does before it writes to an occurrence that is known by its series' master only (Observation.Derived).
func Plan(p Pair) Decision {
	d := unpin(p, plan(p))
	switch {
	case p.Mailbox.Derived && slices.ContainsFunc(d.Ops, func(op Op) bool { return op.Side == record.Mailbox }):
		return need(record.Mailbox)
	case d.Reason == ReasonUnchanged && p.Voice == OwnAnswer:
		d.Reason = ReasonAnswerOnly
	}
	return d
}

func plan(p Pair) Decision {
	if d, done := unusable(p); done {
		return d
	}
	switch {
	case p.Link == nil:
		return first(p)
	case p.Link.State == Tombstone:
		return buried(p)
	case p.Link.State == Left:
		return returned(p)
	case p.Link.CRM.ID == "" && p.CRM.Presence != Present:
		return waiting(p, record.CRM)
	case p.Link.Mailbox.ID == "" && p.Mailbox.Presence != Present:
		return waiting(p, record.Mailbox)
	}
	return linked(p)
}

// unusable stops at observations that no decision can stand on: an item stamped by another org, one that could not be
// decoded, and a copy that is partial or older than the base.
func unusable(p Pair) (Decision, bool) {
	if p.CRM.Foreign || p.Mailbox.Foreign {
		return Decision{Reason: ReasonForeignMarker}, true
	}
	if p.CRM.Unread != "" || p.Mailbox.Unread != "" {
		return Decision{Reason: ReasonUnreadable}, true
	}
	for _, side := range bothSides {
		o := p.Of(side)
		if o.Presence != Present || o.Fresh || o.Derived {
			continue
		}
		if o.Item.Partial || p.Link != nil && older(o.Item.Version, p.Link.Side(side).Version) {
			return need(side), true
		}
	}
	return Decision{}, false
}

// older reports whether v may be of a time before the base: from a feed that lags, or staged before our own write. Two
// versions of one moment, or of a vendor that gives no time, have no order; then the item is read again to be sure.
func older(v, base connector.Version) bool {
	return v.Tag != base.Tag && !v.At.After(base.At) && !planted.Is(planted.BaseFromOlder)
}

// linked decides on a pair that is linked and in force.
func linked(p Pair) Decision {
	crm, box := p.CRM.Presence, p.Mailbox.Presence
	switch {
	case crm == Deleted && box == Deleted:
		return Decision{Reason: ReasonDeletedBoth, Drop: true}
	case p.off():
		return Decision{Reason: ReasonDirectionOff}
	case crm == Deleted:
		return deleted(p, record.CRM)
	case box == Deleted:
		return deleted(p, record.Mailbox)
	case crm == NoSight || box == NoSight:
		return moved(p, Left, ReasonNoAccess)
	}
	if out := leaving(p); len(out) > 0 && !p.pinned(out) {
		return exit(p, out)
	}
	return merge(p)
}

func (p Pair) off() bool { return !p.Rules.flows(record.CRM) && !p.Rules.flows(record.Mailbox) }

// need asks for an observation of a side.
func need(side record.Side) Decision { return Decision{Need: side} }

// moved changes the link's state and writes nothing.
func moved(p Pair, to LinkState, why Reason) Decision {
	link := p.Link.clone()
	link.State = to
	return Decision{Reason: why, Link: &link}
}
