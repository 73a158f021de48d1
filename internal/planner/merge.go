package planner

import (
	"slices"

	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
)

// step is what the merge does with one field.
type step int

const (
	rest     step = iota // as agreed: nothing
	converge             // both sides show the same: the new base, nothing is written
	rebase               // the same for a field that was never agreed on, whatever the two sides show
	stay                 // the same for a value that the other side has no place for: see native
	drift                // edited where edits only stay: neither written nor agreed on
	send                 // one side's value is written to the other
	review               // a person decides; the base stays
)

// outcome is a step with its particulars.
type outcome struct {
	step  step
	field string
	from  record.Side // send: whose value
	rule  string      // send, review: the rule, where both sides had a value; it is journalled
}

const onDriftRevert = "on_drift: revert"

// merge decides on a linked pair that is admitted and of which nothing is known to be deleted.
func merge(p Pair) Decision {
	crm, box := p.CRM.Presence == Present, p.Mailbox.Presence == Present
	switch {
	case crm && box && p.outdated():
		l := p.rehash()
		p.hear(&l)
		return mergeFields(p, l, ReasonRebased)
	case crm && box:
		l := p.Link.clone()
		p.hear(&l)
		return mergeFields(p, l, ReasonUnchanged)
	case crm:
		return glance(p, record.CRM)
	case box:
		return glance(p, record.Mailbox)
	}
	return Decision{Reason: ReasonUnchanged}
}

// glance decides by one side alone, where that is enough: it is as agreed, or its edits only stay. Else it asks for the
// other side, which may hold edits that could not be written yet.
func glance(p Pair, seen record.Side) Decision {
	base, other := p.Link.Side(seen), seen.Other()
	known := func(f string) bool { return base.agreed(f) }
	if p.Parked || p.outdated() || p.renamed(seen) || p.misheard() || !all(p.fields(), known) {
		return need(other)
	}
	edits := p.edits(seen)
	switch {
	case len(edits) == 0:
		return Decision{Reason: ReasonUnchanged}
	case p.flows(seen) || p.Rules.OnDrift == "revert" || planted.Is(planted.DriftWritten):
		return need(other)
	}
	return Decision{Reason: ReasonDriftKept, Field: edits[0]}
}

func all(fields []string, ok func(string) bool) bool {
	return !slices.ContainsFunc(fields, func(f string) bool { return !ok(f) })
}

// decide says what to do with one field of two Present items.
func (m *merger) decide(f string) outcome {
	o := m.compare(f)
	if o.step == send && !native(f, o.from) {
		return outcome{step: stay, field: f}
	}
	return o
}

// compare is the whole of the three-way merge, for a field that either side can hold.
func (m *merger) compare(f string) outcome {
	crm, box := m.hash(record.CRM, f), m.hash(record.Mailbox, f)
	crmEdited, boxEdited := m.link.CRM.differs(f, crm), m.link.Mailbox.differs(f, box)
	agreed := m.link.CRM.agreed(f) && m.link.Mailbox.agreed(f)
	switch {
	case m.silent && m.p.Voice == Outside: // what its organiser says is the truth, also what was said since the last speaker went
		if crm == box {
			return outcome{step: converge, field: f}
		}
		return m.meet(f, crm, box)
	case m.unheard(f) && (m.silent || !m.p.Rules.Fields[f].ByAdmin):
		return outcome{step: rebase, field: f}
	case agreed && !crmEdited && !boxEdited:
		return outcome{step: rest, field: f}
	case crm == box:
		return outcome{step: converge, field: f}
	case !agreed:
		return m.meet(f, crm, box)
	case crmEdited && boxEdited:
		return m.collide(f)
	case crmEdited:
		return m.carry(f, record.CRM)
	}
	return m.carry(f, record.Mailbox)
}

// unheard reports whether a field is not in the base at all: it was mapped after the two were last in step.
func (m *merger) unheard(f string) bool {
	_, crm := m.link.CRM.Shown[f]
	_, box := m.link.Mailbox.Shown[f]
	return !crm || !box
}

// carry takes one side's edit to the other. On a receiving side it is drift.
func (m *merger) carry(f string, from record.Side) outcome {
	switch {
	case m.p.flows(from) || planted.Is(planted.DriftWritten):
		return outcome{step: send, field: f, from: from}
	case m.p.Rules.OnDrift == "revert" && m.p.flows(from.Other()):
		return decided(f, from.Other(), onDriftRevert)
	}
	return outcome{step: drift, field: f}
}

// collide decides a field that both sides changed: by its rule, or in a one-way policy by its source.
func (m *merger) collide(f string) outcome {
	switch crm, box := m.p.flows(record.CRM), m.p.flows(record.Mailbox); {
	case crm && box:
		winner, rule := m.winner(f)
		return decided(f, winner, rule)
	case crm:
		return decided(f, record.CRM, "direction")
	case box:
		return decided(f, record.Mailbox, "direction")
	}
	return outcome{step: drift, field: f}
}

// meet merges a field that was never agreed on and is not the same on both sides. An empty value never overwrites, and
// what the direction does not let through is agreed on as it is.
func (m *merger) meet(f string, crm, box uint64) outcome {
	winner, rule := m.winner(f)
	o := decided(f, winner, "first sync, "+rule)
	switch {
	case planted.Is(planted.EmptyOverwrites):
	case crm == 0:
		o = outcome{step: send, field: f, from: record.Mailbox}
	case box == 0:
		o = outcome{step: send, field: f, from: record.CRM}
	}
	outside := m.p.Voice == Outside && o.from == record.CRM // nothing that was there before is an edit of somebody else's meeting
	if o.step == send && (outside || !m.p.flows(o.from)) {
		return outcome{step: converge, field: f}
	}
	return o
}

// decided is the outcome of a conflict that a rule decides: one side's value is sent, or it waits for a person.
func decided(f string, winner record.Side, rule string) outcome {
	if winner == "" {
		return outcome{step: review, field: f, rule: rule}
	}
	return outcome{step: send, field: f, from: winner, rule: rule}
}

// winner names the side whose value stands where both have one, "" for review, and the rule that says so: the field's
// own, else the kind's.
func (m *merger) winner(f string) (record.Side, string) {
	if m.p.Voice == Outside {
		return record.Mailbox, "organised outside"
	}
	wins := m.p.Rules.Fields[f].Winner
	if !native(f, record.CRM) {
		wins = "mailbox"
	} else if !native(f, record.Mailbox) {
		wins = "crm"
	}
	rule := "fields." + f + ".winner: " + wins
	if wins == "" {
		wins = m.p.Rules.Conflict
		rule = "conflict: " + wins
	}
	switch wins {
	case "crm", "crm_wins":
		return record.CRM, rule
	case "mailbox", "mailbox_wins":
		return record.Mailbox, rule
	case "newest":
		if m.p.age(record.Mailbox).After(m.p.age(record.CRM)) {
			return record.Mailbox, rule
		}
		return record.CRM, rule
	}
	return "", rule
}
