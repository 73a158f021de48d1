package planner

import (
	"maps"
	"slices"

	"github.com/repsync/repsync/internal/record"
)

// Voice is what one mailbox's copy of a meeting has to say, where several mailboxes hold copies of it.
type Voice string

// The voices.
const (
	// Speaks is a copy that speaks for the meeting, and every item that is no meeting. Answers come with the relations.
	Speaks Voice = ""
	// OwnAnswer is a copy of a meeting for which another copy speaks: it gets no content, gives only its attendee's
	// answer, and never deletes nor makes the record that is shared.
	OwnAnswer Voice = "own_answer"
	// Outside is the elected copy of a meeting that is organised outside: content flows from the mailbox to the CRM, and
	// nothing is written to the mailbox.
	Outside Voice = "outside"
)

// speaksOf reports whether a copy has a say in a field. Whom a meeting that is organised outside invites is its
// organiser's alone.
func (v Voice) speaksOf(field string) bool {
	switch v {
	case OwnAnswer:
		return field == record.FieldAnswer
	case Outside:
		return field != record.FieldAnswer && field != record.FieldAttendees
	}
	return field != record.FieldAnswer
}

// hear takes out of a link's base what the copy has no say in: were it kept, it would be stale when the copy speaks
// again, and taken for an edit. The answer stands in the base of a copy that only answers, and of no other.
func (p Pair) hear(l *Link) {
	for _, side := range bothSides {
		b := l.Side(side)
		stale := func(f string, _ uint64) bool { return !p.Voice.speaksOf(f) }
		maps.DeleteFunc(b.Shown, stale)
		maps.DeleteFunc(b.Sent, stale)
		if _, ok := b.Shown[record.FieldAnswer]; !ok && p.Voice == OwnAnswer {
			b.Shown[record.FieldAnswer] = undecided
		}
	}
}

// misheard reports whether the link's base is that of another voice.
func (p Pair) misheard() bool {
	for _, side := range bothSides {
		for f := range p.Link.Side(side).Shown {
			if !p.Voice.speaksOf(f) {
				return true
			}
		}
	}
	return p.Voice == OwnAnswer && !p.Link.silent()
}

// silent reports whether the link's copy gave only its attendee's answer until now.
func (l *Link) silent() bool {
	_, ok := l.Mailbox.Shown[record.FieldAnswer]
	return ok
}

// native reports whether a value of a field can come from a side. Relations are CRM records, which a mailbox tells by its
// attendees; attendees are addresses, which the CRM knows by its relations; the answer of a rep is given in the mailbox.
func native(field string, from record.Side) bool {
	switch field {
	case record.FieldRelations, record.FieldAnswer:
		return from == record.Mailbox
	case record.FieldAttendees:
		return from == record.CRM
	}
	return true
}

// flows reports whether what happens on a side is carried over: the direction allows it, and the other side's item is
// not private.
func (p Pair) flows(from record.Side) bool {
	return p.Rules.flows(from) && p.Disguised != from.Other()
}

// typed lists the edits of a side that a person made there. A mailbox's relations are made by Repsync from its attendees.
func (p Pair) typed(side record.Side) []string {
	return slices.DeleteFunc(p.edits(side), func(f string) bool { return side == record.Mailbox && f == record.FieldRelations })
}

// tellAttendees lets an update of the CRM's relations settle the attendees too: the CRM shows those of whom it is related,
// so that they change by our own write.
func (m *merger) tellAttendees(op *Op) {
	const f = record.FieldAttendees
	if _, ok := op.Set[record.FieldRelations]; ok && slices.Contains(m.p.fields(), f) && !m.link.CRM.differs(f, m.hash(record.CRM, f)) {
		op.Source[f] = m.hash(record.Mailbox, f)
	}
}

// disguised lists the fields that a private event shows under `private: busy`.
var disguised = []string{
	record.FieldTime, record.FieldShowAs, record.FieldPrivacy, record.FieldUID, record.FieldOccurrence, record.FieldSequence, record.FieldStatus,
}

// Disguise returns a private event as `private: busy` shows it: that the time is taken, and nothing else.
func Disguise(f record.Fields) record.Fields {
	out := record.Fields{record.FieldSubject: "Busy"}
	for _, name := range disguised {
		if v, ok := f[name]; ok {
			out[name] = v
		}
	}
	return out
}
