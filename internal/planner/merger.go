package planner

import (
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
)

// merger gathers what the merge does with each field of a pair into one decision.
type merger struct {
	p    Pair
	link Link // the bases that the fields are judged by, and what becomes of them
	met  map[step][]outcome

	silent bool // the copy gave only its attendee's answer until now: what it shows beside is no edit

	ops       []Op
	conflicts []Conflict
	blocked   string // the first field that its target does not let be written
	parked    Reason // why an operation was refused, and for which field
	field     string
}

// mergeFields merges two Present items against the bases in l, which are under today's normaliser and key. kind is the
// reason of a merge that finds nothing to do; unless that is ReasonUnchanged, l is not stored yet and will be.
func mergeFields(p Pair, l Link, kind Reason) Decision {
	m := &merger{p: p, link: l, met: map[step][]outcome{}, silent: p.Link != nil && p.Link.silent()}
	for _, f := range p.fields() {
		o := m.decide(f)
		m.met[o.step] = append(m.met[o.step], o)
	}
	agreed := slices.Concat(m.met[converge], m.met[rebase], m.met[stay])
	for _, o := range agreed {
		for _, side := range bothSides {
			m.link.Side(side).agree(o.field, m.hash(side, o.field))
		}
	}
	for _, o := range m.met[review] {
		m.conflicts = append(m.conflicts, Conflict{Field: o.field, Rule: o.rule})
	}
	for _, target := range bothSides {
		m.operate(target)
	}
	slices.SortFunc(m.conflicts, func(a, b Conflict) int { return strings.Compare(a.Field, b.Field) })
	d := Decision{Ops: m.ops, Conflicts: m.conflicts}
	d.Reason, d.Field = m.reason(kind)
	if len(agreed) > 0 || kind != ReasonUnchanged || m.renamed() || p.misheard() {
		d.Link = m.rebased()
	}
	return d
}

// operate wants the fields that go to one side as one update. One that the side cannot take as it is comes to nothing:
// the base stays, and no conflict is journalled that was not carried out.
func (m *merger) operate(target record.Side) {
	from := target.Other()
	op := Op{Side: target, Verb: connector.Update, Set: record.Fields{}, Source: Hashes{}}
	var conflicts []Conflict
	for _, o := range m.met[send] {
		switch {
		case o.from != from:
			continue
		case !m.p.Caps.Of(target)[o.field].Write && !planted.Is(planted.DeniedFieldWritten):
			if m.blocked == "" {
				m.blocked = o.field
			}
			continue
		}
		op.Set[o.field] = m.p.Of(from).Item.Fields[o.field]
		op.Source[o.field] = m.hash(from, o.field)
		if o.rule != "" {
			conflicts = append(conflicts, Conflict{Field: o.field, Winner: from, Rule: o.rule})
		}
	}
	if len(op.Set) == 0 {
		return
	}
	if why, field := refused(m.p, op); why != "" {
		m.parked, m.field = why, field
		return
	}
	m.tellAttendees(&op)
	op.From, op.Edited = m.version(from, op.Set), m.p.age(target)
	m.ops = append(m.ops, op)
	m.conflicts = append(m.conflicts, conflicts...)
}

// reason sums the fields up: what waits for somebody first, then what is written, then what is not. The field is the
// one that the reason speaks of, or one that could not be written.
func (m *merger) reason(kind Reason) (Reason, string) {
	switch {
	case m.parked != "":
		return m.parked, m.field
	case len(m.met[review]) > 0:
		return ReasonConflictReview, m.met[review][0].field
	case len(m.ops) > 0:
		return m.written(kind), m.blocked
	case kind == ReasonAdopted:
		return ReasonAdopted, m.blocked
	case m.blocked != "":
		return ReasonFieldNotWritable, m.blocked
	case len(m.met[drift]) > 0:
		return ReasonDriftKept, m.met[drift][0].field
	case len(m.met[rebase]) > 0:
		return ReasonRebased, ""
	case len(m.met[converge]) > 0:
		return ReasonConverged, ""
	}
	return kind, ""
}

// written is the reason of a merge that writes.
func (m *merger) written(kind Reason) Reason {
	reverted := 0
	for _, c := range m.conflicts {
		if c.Rule == onDriftRevert {
			reverted++
		}
	}
	switch {
	case kind == ReasonAdopted:
		return ReasonLinkedAndMerged
	case len(m.conflicts) > reverted:
		return ReasonConflictResolved
	case reverted > 0:
		return ReasonDriftReverted
	case len(m.ops) > 1:
		return ReasonMerged
	}
	return ReasonUpdated
}

func (m *merger) renamed() bool {
	return m.p.renamed(record.CRM) || m.p.renamed(record.Mailbox)
}

// rebased returns the link as it is to be stored, with each side's id and version as just seen.
func (m *merger) rebased() *Link {
	for _, side := range bothSides {
		b := m.link.Side(side)
		b.ID, b.Version = m.p.Of(side).Item.ID, m.version(side, nil)
	}
	return &m.link
}

// version returns a side's version for its base. While the side holds an edit beyond done that is not agreed on, the
// version orders but does not prove equality: it has no tag, or the edit would be taken for known.
func (m *merger) version(side record.Side, done record.Fields) connector.Version {
	v := m.p.Of(side).Item.Version
	for _, f := range m.p.fields() {
		if _, ok := done[f]; !ok && m.link.Side(side).differs(f, m.hash(side, f)) {
			v.Tag = ""
		}
	}
	return v
}

func (m *merger) hash(side record.Side, f string) uint64 {
	return m.p.Now.Value(f, m.p.Of(side).Item.Fields[f])
}
