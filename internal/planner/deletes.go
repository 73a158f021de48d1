package planner

import (
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
)

// deleted decides on a linked pair of which one side was deleted, as deletes.from_crm and deletes.from_mailbox have it:
//
//	review                                   parked
//	unlink, or the direction does not allow  tombstone
//	propagate, nothing edited                the delete is carried over, then a tombstone
//	propagate, edited, edits flow back       the edit wins: created again
//	propagate, edited on a receiving side    the delete is carried over, the journal has the edits that went with it
//
// A record that the policy does not admit, or that the rep cannot see, is not deleted: its tombstone stands.
func deleted(p Pair, gone record.Side) Decision {
	rule := p.Rules.FromCRM
	if gone == record.Mailbox {
		rule = p.Rules.FromMailbox
	}
	stays := gone.Other()
	o := p.Of(stays)
	switch {
	case p.LetGo && gone == record.CRM:
		return moved(p, Left, ReasonLeftUnlinked)
	case p.Voice == OwnAnswer: // the meeting is not this copy's, on neither side
		return moved(p, Tombstone, ReasonTombstoned)
	case rule == "review":
		return Decision{Reason: ReasonDeleteReview}
	case p.Voice == Outside && gone == record.Mailbox: // who is asked may go; no vendor tells that from the organiser's calling off
		return moved(p, Tombstone, ReasonTombstoned)
	case planted.Is(planted.TombstoneDropped) && rule != "propagate":
		return Decision{Reason: ReasonTombstoned, Drop: true}
	case rule != "propagate" || !p.flows(gone) || o.Presence == NoSight:
		return moved(p, Tombstone, ReasonTombstoned)
	case o.Presence == Unseen:
		return need(stays)
	case len(leaving(p)) > 0 && !o.Why.Parked():
		return moved(p, Tombstone, ReasonTombstoned)
	case len(leaving(p)) > 0:
		return Decision{Reason: o.Why}
	case p.flows(stays) && len(p.typed(stays)) > 0:
		return restore(p, gone)
	}
	return remove(p, stays, ReasonDeleted, Tombstone)
}

// remove deletes a side's item, which must be Present. What a person typed into a copy that only receives goes with it,
// and is journalled.
func remove(p Pair, side record.Side, reason Reason, after LinkState) Decision {
	op := Op{Side: side, Verb: connector.Delete}
	if why, field := refused(p, op); why != "" {
		return Decision{Reason: why, Field: field}
	}
	d := Decision{Reason: reason, Ops: []Op{op}, After: after}
	for _, f := range p.edits(side) {
		d.Conflicts = append(d.Conflicts, Conflict{Field: f, Winner: side.Other(), Rule: "direction"})
	}
	return d
}

// buried decides on a pair with a tombstone. It stands whatever is edited, until a person restores what was deleted, so
// that both items are there again by direct reads (a feed may show an item for a while after it was deleted). It goes
// when both are gone.
func buried(p Pair) Decision {
	crm, box := p.CRM.Presence, p.Mailbox.Presence
	stands := Decision{Reason: ReasonTombstoneStands}
	switch {
	case crm == Deleted && box == Deleted:
		return Decision{Reason: ReasonDeletedBoth, Drop: true}
	case p.off() || crm == NoSight || box == NoSight || crm == box && crm == Unseen:
		return stands
	case crm == Unseen:
		return need(record.CRM)
	case box == Unseen:
		return need(record.Mailbox)
	case crm == Deleted && p.copyEdits(record.CRM):
		return deleted(p, record.CRM)
	case box == Deleted && p.copyEdits(record.Mailbox):
		return deleted(p, record.Mailbox)
	case crm != box:
		return stands
	case len(leaving(p)) > 0:
		return stands
	case !p.CRM.Fresh:
		return need(record.CRM)
	case !p.Mailbox.Fresh:
		return need(record.Mailbox)
	}
	return join(p, *p.Link)
}
