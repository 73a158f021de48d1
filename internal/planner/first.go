package planner

import (
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
)

// first decides on items that have no link: two that were matched are linked, one alone is copied.
func first(p Pair) Decision {
	crm, box := p.CRM.Presence == Present, p.Mailbox.Presence == Present
	switch {
	case !crm && !box:
		return Decision{Reason: ReasonUnchanged}
	case p.off():
		return Decision{Reason: ReasonDirectionOff}
	case crm && box:
		return match(p)
	case crm:
		return copyOver(p, record.CRM)
	}
	return copyOver(p, record.Mailbox)
}

// match links two items. The CRM record speaks for the pair where it is a source: the mailbox item was judged by the
// filter while it had no record. A rep's own item that matches a record of another rep is linked all the same where
// the mailbox is a source (Link.Shared), since a copy of it would be a double in the CRM. What binds either side by itself
// (an event that is private, or excluded) keeps the two apart: a link would be undone by the next pass.
func match(p Pair) Decision {
	speaker := record.CRM
	if !p.flows(record.CRM) {
		speaker = record.Mailbox
	}
	o := p.Of(speaker)
	shared := p.flows(record.Mailbox) && p.Mailbox.In && p.CRM.Why == ReasonNotOwned
	if !o.In && !shared {
		return Decision{Reason: o.Why}
	}
	for _, side := range bothSides {
		if o := p.Of(side); p.flows(side) && o.Why.binds() {
			return Decision{Reason: o.Why}
		}
	}
	return join(p, Link{Shared: shared})
}

// join merges a pair with no base.
func join(p Pair, l Link) Decision {
	return mergeFields(p, p.bare(l), ReasonAdopted)
}

// copyOver creates on the other side what one side alone has, and links it.
func copyOver(p Pair, from record.Side) Decision {
	o := p.Of(from)
	switch {
	case !p.flows(from):
		return Decision{Reason: ReasonOneWay}
	case !o.In:
		return Decision{Reason: o.Why}
	case p.Voice == OwnAnswer:
		return Decision{Reason: ReasonOrganizerSpeaks}
	}
	link := p.bare(Link{Made: from.Other()})
	return create(p, link, from, ReasonCreated)
}

// waiting decides on a link whose create on the missing side has not settled: it is wanted still, or no longer.
func waiting(p Pair, missing record.Side) Decision {
	from := missing.Other()
	o := p.Of(from)
	switch {
	case o.Presence == Deleted:
		return Decision{Reason: ReasonDeletedBoth, Drop: true}
	case o.Presence == NoSight:
		return Decision{Reason: ReasonNoAccess, Drop: true}
	case p.off():
		return Decision{Reason: ReasonDirectionOff}
	case o.Presence == Unseen:
		return need(from)
	case !p.flows(from):
		return Decision{Reason: ReasonOneWay, Drop: true}
	case !o.In:
		return Decision{Reason: o.Why, Drop: !o.Why.Parked()}
	case p.Voice == OwnAnswer:
		return Decision{Reason: ReasonOrganizerSpeaks, Drop: true}
	}
	return create(p, p.bare(*p.Link), from, ReasonCreated)
}

// restore creates an item again, on the side where it is gone, under the next generation.
func restore(p Pair, gone record.Side) Decision {
	link := p.Link.clone()
	if !planted.Is(planted.RestoredGeneration) {
		link.Generation++
	}
	link.Made = gone
	*link.Side(gone) = SideBase{}
	d := create(p, p.bare(link), gone.Other(), ReasonRestored)
	d.Restore = len(d.Ops) > 0
	return d
}

// create wants a copy of one side's item on the other. A field that the target does not let be written stays undecided,
// so that it flows when it may be written; that a copy is made without its attendees, the decision says. An item that the target cannot hold is parked, and no link is made.
func create(p Pair, link Link, from record.Side, reason Reason) Decision {
	it, to := p.Of(from).Item, from.Other()
	op := Op{Side: to, Verb: connector.Create, Set: record.Fields{}, Source: Hashes{}, From: it.Version}
	uninvited := ""
	for _, f := range p.fields() {
		v := it.Fields[f]
		op.Source[f] = p.Now.Value(f, v)
		switch {
		case op.Source[f] == 0 || !native(f, from):
		case !p.Caps.Of(to)[f].Write:
			op.Source[f] = undecided
			if f == record.FieldAttendees {
				uninvited = f
			}
		default:
			op.Set[f] = v
		}
	}
	if why, field := refused(p, op); why != "" {
		return Decision{Reason: why, Field: field}
	}
	return Decision{Reason: reason, Field: uninvited, Ops: []Op{op}, Link: &link}
}
