package planner

import (
	"cmp"
	"slices"

	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
)

// leaving lists the sides whose item is a source and is not admitted by the policy. A receiving side's item is not asked.
func leaving(p Pair) []record.Side {
	return slices.DeleteFunc(slices.Clone(bothSides), func(side record.Side) bool {
		o := p.Of(side)
		return o.Presence != Present || !p.flows(side) || o.In
	})
}

// exit decides on a linked pair that the policy no longer admits. That is not a delete: only a copy that Repsync made
// itself is removed, and only where the policy says so and no edit of a person waits in it to be carried over. The copy of
// an item that is private now goes in any case, since it tells what nobody else may know.
func exit(p Pair, out []record.Side) Decision {
	why := whyOut(p, out)
	if why.Parked() { // it is not known whether the item is admitted
		return Decision{Reason: why}
	}
	d := leave(p, out)
	d.Why = why
	return d
}

// whyOut returns the reason why sides are not admitted: first that one is private, then one that parks.
func whyOut(p Pair, out []record.Side) Reason {
	first := func(ok func(Reason) bool) Reason {
		for _, side := range out {
			if why := p.Of(side).Why; ok(why) {
				return why
			}
		}
		return ""
	}
	private := func(r Reason) bool { return r == ReasonPrivateSkipped }
	return cmp.Or(first(private), first(Reason.Parked), p.Of(out[0]).Why)
}

func leave(p Pair, out []record.Side) Decision {
	made, private := p.Link.Made, whyOut(p, out) == ReasonPrivateSkipped
	if planted.Is(planted.ExitRemovesAdopted) && made == "" {
		made = record.Mailbox
	}
	switch {
	case made == "" || p.Voice == OwnAnswer: // what another copy speaks for is no copy of this one
		return moved(p, Left, ReasonLeftUnlinked)
	case p.Voice == Outside && whyOut(p, out) == ReasonExcludedDeclined: // the meeting takes place without the rep
		return moved(p, Left, ReasonLeftUnlinked)
	case !slices.Contains(out, made.Other()) || p.Rules.OnFilterExit != "remove" && !private:
		return moved(p, Left, ReasonLeftKept)
	case p.Of(made).Presence == Unseen:
		return need(made)
	case !private && p.flows(made) && len(p.typed(made)) > 0:
		return moved(p, Left, ReasonLeftKept)
	}
	return remove(p, made, ReasonLeftRemoved, Left)
}

// removed reports whether Repsync itself deleted a side's item: Settle leaves of it the id alone.
func (l *Link) removed(side record.Side) bool { return len(l.Side(side).Shown) == 0 }

// returned decides on a pair that was unlinked. When its source is admitted again, the two are linked anew and merged
// as on a first sync; a copy that Repsync made and took away again is made anew under the next generation, what a
// person deleted meanwhile stays deleted, and what an undo put back meanwhile stays put back.
func returned(p Pair) Decision {
	crm, box := p.CRM.Presence, p.Mailbox.Presence
	switch {
	case crm == Deleted && box == Deleted:
		return Decision{Reason: ReasonDeletedBoth, Drop: true}
	case p.off():
		return Decision{Reason: ReasonDirectionOff}
	case crm == NoSight || box == NoSight:
		return Decision{Reason: ReasonNoAccess}
	}
	if out := leaving(p); len(out) > 0 {
		return Decision{Reason: whyOut(p, out)}
	}
	source := slices.IndexFunc(bothSides, func(s record.Side) bool { return p.flows(s) && p.Of(s).Presence == Present })
	if source < 0 {
		for _, side := range bothSides { // a record may be given back while its source rests
			if p.flows(side) && p.Of(side).Presence == Unseen && p.Of(side.Other()).Presence == Present {
				return need(side)
			}
		}
		return Decision{Reason: ReasonLeft}
	}
	for _, side := range bothSides {
		switch gone := p.Of(side).Presence == Deleted; {
		case gone && side == record.CRM && p.LetGo: // the organiser's copy may bring it back, this one waits for that
			return Decision{Reason: ReasonLeft}
		case gone && p.Link.Made == side && p.Voice != OwnAnswer && p.Link.removed(side):
			return restore(p, side)
		case gone:
			return moved(p, Tombstone, ReasonTombstoned)
		}
	}
	for _, side := range bothSides {
		if !p.Of(side).Fresh { // not looked at, or by a feed that may show an item for a while after it was removed
			return need(side)
		}
	}
	if p.Link.Pinned == ReasonPinned {
		link := p.Link.clone()
		link.State = Active
		p.Link = &link
		d := merge(p)
		if d.Link == nil {
			d.Link = &link
		}
		return d
	}
	return join(p, *p.Link)
}
