package activities

import (
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// disguised is the side whose event is private, where the policy shows it as busy.
func (m *matcher) disguised(p planner.Pair) record.Side {
	for _, side := range []record.Side{record.Mailbox, record.CRM} {
		ours := p.Link != nil && p.Link.Made == side
		if !ours && m.hides(p.Of(side)) {
			return side
		}
	}
	return ""
}

// hides reports whether an event is private, and shown as busy only.
func (m *matcher) hides(o planner.Observation) bool {
	return o.Presence == planner.Present && planner.Private(o.Item.Fields) && m.policy.Events.Private == "busy"
}

// apart keeps a private event from an item that was there without it: only a copy that Repsync makes may show it as busy.
// Nor may a copy that its owner made private tell more, be turned into "Busy" by way of its source, or bring a deleted source
// back: it goes its own way.
func (m *matcher) apart(p planner.Pair) planner.Pair {
	both := p.CRM.Presence == planner.Present && p.Mailbox.Presence == planner.Present
	if p.Link != nil && p.Link.Made != "" {
		copied, source := p.Of(p.Link.Made), p.Of(p.Link.Made.Other())
		open := source.Presence == planner.Present && !planner.Private(source.Item.Fields) || source.Presence == planner.Deleted
		if m.hides(copied) && open && p.Edited(p.Link.Made, record.FieldPrivacy) {
			p = withOut(p, p.Link.Made)
		}
	}
	if p.Link == nil && !both || p.Link != nil && (p.Link.Made != "" || p.Link.CRM.ID == "" || p.Link.Mailbox.ID == "") {
		return p
	}
	for _, side := range []record.Side{record.CRM, record.Mailbox} {
		if m.hides(p.Of(side)) {
			p = withOut(p, side)
		}
	}
	return p
}

// withOut is a pair of which one side's event is private and left out.
func withOut(p planner.Pair, side record.Side) planner.Pair {
	o := &p.CRM
	if side == record.Mailbox {
		o = &p.Mailbox
	}
	o.In, o.Why = false, planner.ReasonPrivateSkipped
	return p
}
