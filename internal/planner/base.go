package planner

import (
	"maps"
	"math"
	"slices"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// undecided stands in a base for a field that was never agreed on and is to be merged as on a first sync. It outlasts
// a parked first write, so that what the first sync may not do (let an empty value overwrite) is not done later either.
const undecided uint64 = math.MaxUint64

// clone copies a link with its maps, which are never nil afterwards.
func (l Link) clone() Link {
	for _, side := range bothSides {
		b := l.Side(side)
		b.Shown, b.Sent = copyHashes(b.Shown), copyHashes(b.Sent)
	}
	return l
}

func copyHashes(h Hashes) Hashes {
	if h == nil {
		return Hashes{}
	}
	return maps.Clone(h)
}

// differs reports whether a side's value is another than the base's: not what the side showed when last agreed on, nor
// what was then sent to it. The second matters where a vendor answers a write with the value as it trims it, and shows
// the value as it was sent later, or the other way round.
func (b SideBase) differs(field string, hash uint64) bool {
	if sent, ok := b.Sent[field]; ok && hash == sent {
		return false
	}
	return hash != b.Shown[field]
}

// agreed reports whether the base knows a field.
func (b SideBase) agreed(field string) bool {
	shown, ok := b.Shown[field]
	return ok && shown != undecided
}

// agree sets a field's base to what the side shows.
func (b SideBase) agree(field string, hash uint64) {
	b.Shown[field] = hash
	delete(b.Sent, field)
}

// fields lists, sorted, the fields that the policy maps, that the copy has a voice in, and that both sides let be read.
// All others do not exist for Plan.
func (p Pair) fields() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(p.Rules.Fields)), func(f string) bool {
		return !p.Voice.speaksOf(f) || !p.Caps.CRM[f].Read || !p.Caps.Mailbox[f].Read
	})
}

// edits lists the fields in which a side's item differs from what was agreed on. A field that never was is no edit.
func (p Pair) edits(side record.Side) []string {
	base, it := p.Link.Side(side), p.Of(side).Item
	return slices.DeleteFunc(p.fields(), func(f string) bool {
		return !base.agreed(f) || !base.differs(f, p.Was.Value(f, it.Fields[f]))
	})
}

// Edited reports whether a person changed one of the pair's fields on a side since it was agreed on.
func (p Pair) Edited(side record.Side, field string) bool {
	return p.Link != nil && slices.Contains(p.edits(side), field)
}

// outdated reports whether the link's hashes were made by another normaliser or under another key than today's.
func (p Pair) outdated() bool {
	return p.Link.Norm != p.Now.Norm || p.Link.HashKey != p.Now.KeyVersion
}

// renamed reports whether a side shows its item under another id than the link's: merged, renamed, or moved to another
// calendar. It is the same item.
func (p Pair) renamed(side record.Side) bool { return p.Of(side).Item.ID != p.Link.Side(side).ID }

// rehash returns the link with the bases of both sides, which must be Present, under today's normaliser and key. Where
// a side still shows what was agreed on, its value is hashed anew. Where it does not, the old hash stays: it was made
// under another key or form, so it differs from today's value as well, and the edit is not lost.
func (p Pair) rehash() Link {
	l := p.Link.clone()
	for _, side := range bothSides {
		base, it := l.Side(side), p.Of(side).Item
		kept := Hashes{}
		for _, f := range p.fields() {
			shown, ok := base.Shown[f]
			switch {
			case !ok:
				continue
			case !base.differs(f, p.Was.Value(f, it.Fields[f])):
				shown = p.Now.Value(f, it.Fields[f])
			}
			kept[f] = shown
		}
		base.Shown, base.Sent = kept, Hashes{}
	}
	l.Norm, l.HashKey = p.Now.Norm, p.Now.KeyVersion
	return l
}

// bare returns an active link between what the sides show now, with every mapped field undecided, also those that the rep
// may not read yet: once they may be, they are merged. The versions are not known until something is agreed on.
func (p Pair) bare(l Link) Link {
	l = l.clone()
	l.State, l.Pinned, l.Norm, l.HashKey = Active, "", p.Now.Norm, p.Now.KeyVersion
	for _, side := range bothSides {
		b := l.Side(side)
		b.ID, b.Version = p.Of(side).Item.ID, connector.Version{}
		b.Shown, b.Sent = Hashes{}, Hashes{}
		for f := range p.Rules.Fields {
			b.Shown[f] = undecided
		}
	}
	p.hear(&l)
	return l
}
