package oracle

import (
	"strings"

	"github.com/repsync/repsync/internal/chaos/scenario"
)

// rules are a policy as the laws need it for one item.
type rules struct {
	words   *words
	flows   [2]bool // what happens on that side is carried over
	wins    string  // crm_wins, mailbox_wins, newest, review
	deletes [2]string
	revert  bool
	filter  word // 0 admits all
	keep    bool
	meets   *occasions // nil for people
}

func (o *Oracle) rules(p scenario.Policy, it *item) rules {
	or := func(v, otherwise string) string {
		if v == "" {
			return otherwise
		}
		return v
	}
	direction := p.Contacts
	if it.of != nil {
		direction = p.Events
	}
	r := rules{
		words:   &o.words,
		flows:   [2]bool{direction == "both" || direction == "crm_to_mailbox", direction == "both" || direction == "mailbox_to_crm"},
		wins:    or(p.Conflict, "crm_wins"),
		deletes: [2]string{or(p.FromCRM, "propagate"), or(p.FromMailbox, "unlink")},
		revert:  p.Drift == "revert",
		filter:  o.words.of(p.Filter),
		keep:    strings.EqualFold(p.OnExit, "keep"),
	}
	if it.of != nil {
		r.filter, r.keep = 0, false // stories vary these for people only
		r.meets = o.occasions(p, it.of)
	}
	return r
}

// pass is one lawful pass of one rep over one item.
type pass struct {
	rules
	rep     int
	hides   side    // whose private copy is told of as busy only, nobody for none
	whole   []state // what it may come to: everything that the laws want at once
	partial []state // what it may have come to when it was cut off, beside those and nothing at all
	deletes bool    // the pass may delete something
}

// over decides what a pass makes of a state.
func (r rules) over(s state, rep int) *pass {
	p := &pass{rules: r, rep: rep, hides: nobody}
	secret := [2]bool{r.meets.secret(s.crm), r.meets.secret(s.box[rep])}
	strangers := s.link[rep].how == unlinked && s.crm.there && s.box[rep].there && !p.same(&s) // what one is, is none of the other's
	for _, at := range []side{crm, box} {
		if secret[at] && !strangers {
			p.hides, p.flows[at.other()] = at, false // nothing flows back from a copy that tells nothing
		}
	}
	switch {
	case s.wild, !p.flows[crm] && !p.flows[box] && !(secret[crm] && secret[box]):
		p.done(s)
	case p.hides != nobody && s.link[rep].how == left && s.link[rep].made == 1+int8(p.hides): // the two go their own ways
		p.done(s)
	case secret[crm] && secret[box]: // which of the two is to be kept from the other cannot be said
		p.done(state{wild: true})
	default:
		p.decide(s)
	}
	if s.loose&(1<<rep) != 0 { // a plan after a restored backup is held whole, until somebody has looked
		p.done(s)
	}
	if at := p.hides; at != nobody && s.link[rep].made == 1+int8(at) && s.link[rep].how != left {
		// A rep made the own copy private. DESIGN does not say that what it was copied from is to be disguised then: it may
		// stay as it is, and go on to be copied, or the two go their own ways.
		p.done(s)
		if s.link[rep].how == active {
			apart := s
			apart.link[rep].how, apart.link[rep].removed = left, false
			p.done(apart)
		}
		p.hides, p.flows = nobody, r.flows
		p.flows[at] = false
		p.decide(s)
	}
	return p
}

// told is what a side's copy tells the other side.
func (p *pass) told(s *state, at side) values {
	v := s.copy(at, p.rep).v
	if at == p.hides {
		v = values{subject: p.meets.busyName, timing: v[timing], private: v[private]}
	}
	return v
}

// edited reports whether what a side's copy tells differs from what was agreed on.
func (p *pass) edited(s *state, at side) bool {
	v, l := p.told(s, at), &s.link[p.rep]
	for f := range width {
		if l.agreed&(1<<f) != 0 && v[f] != l.base[at][f] {
			return true
		}
	}
	return false
}

func (p *pass) done(s state) { p.whole = append(p.whole, s) }

// decide goes by the link.
func (p *pass) decide(s state) {
	l := &s.link[p.rep]
	here, there := s.linked(crm, p.rep), s.linked(box, p.rep)
	switch {
	case l.how != unlinked && !here && !there:
		if l.how == tombstone { // that it goes is for tidiness only
			if !s.free(crm, p.rep) && !s.free(box, p.rep) {
				p.done(s)
			}
		}
		*l = link{}
		p.first(s)
	case l.how == unlinked:
		p.first(s)
	case here && p.unseen(&s) && l.how == active && there: // no access any more: unlinked, and nothing is deleted
		p.paired(s, here, there)
		l.how = left
		p.done(s)
	case here && p.unseen(&s) && !there:
		p.paired(s, here, there)
		if l.how != tombstone && p.rules.deletes[box] != "review" {
			l.how = tombstone
		}
		p.done(s)
	case here && p.unseen(&s):
		p.paired(s, here, there)
		p.done(s)
	case here && s.free(box, p.rep), there && s.free(crm, p.rep):
		// Somebody has made a new copy of what is linked to one that is gone: it may be taken for the same item, or wait.
		p.replaced(s)
	default:
		p.paired(s, here, there)
	}
}

// paired decides on a link of which at least one copy is there.
func (p *pass) paired(s state, here, there bool) {
	switch s.link[p.rep].how {
	case active:
		switch {
		case !here:
			p.deleted(s, crm)
		case !there:
			p.deleted(s, box)
		case !p.admits(&s):
			p.exit(s)
		default:
			p.merge(s)
		}
	case tombstone: // stands until both are there again
		if here && there && p.admits(&s) {
			p.join(s)
		} else {
			p.done(s)
		}
	case left:
		p.returned(s, here, there)
	case unlinked:
	}
}

// admits reports whether the policy admits a pair: a side that is no source is not asked.
func (p *pass) admits(s *state) bool { return !p.out(s, crm) && !p.out(s, box) }

// out reports whether a side is a source whose copy the policy leaves out. Of a pair the CRM's copy speaks of owner and
// filter.
func (p *pass) out(s *state, at side) bool {
	switch {
	case !p.flows[at] || !s.copy(at, p.rep).there:
		return false
	case at == crm && !p.owned(s) && !s.link[p.rep].shared:
		return true
	case p.meets != nil:
		return p.hidden(s, at) || at == box && p.meets.skipped && s.link[p.rep].made != 1+int8(box)
	}
	return at == crm && !p.filtered(s)
}

// hidden reports whether a side's copy is private, and such are left out.
func (p *pass) hidden(s *state, at side) bool {
	return p.meets != nil && p.meets.skipPrivate && s.copy(at, p.rep).v[private] != 0
}

// unseen reports whether the rep may not see the record. Nothing is made of that: what matches waits.
func (p *pass) unseen(s *state) bool {
	return p.meets == nil && s.crm.there && s.crm.lone && !p.owned(s)
}

func (p *pass) owned(s *state) bool { return int(s.crm.owner) == p.rep }

func (p *pass) filtered(s *state) bool { return p.filter == 0 || s.crm.v[department] == p.filter }

// first decides on copies that have no link.
func (p *pass) first(s state) {
	switch c, b := s.crm.there, s.box[p.rep].there; {
	case c && b:
		p.match(s)
	case c && p.flows[crm] && !p.out(&s, crm):
		p.create(s, box)
	case b && p.flows[box] && !p.out(&s, box) && p.filter == 0: // without a record, the CRM's fields are all null
		p.create(s, crm)
	default:
		p.done(s)
	}
}

// create copies what one side alone has, inside the window.
func (p *pass) create(s state, at side) {
	was := s
	in, sure := p.meets.window(p.words.text(s.copy(at.other(), p.rep).v[timing]))
	if !in || !sure {
		p.done(was)
	}
	if in || !sure {
		s.make(at, p.rep, p.told(&s, at.other()))
		p.done(s)
	}
}

// match links two that are the same, people by their address, meetings by subject and time. A rep's own item that is
// another rep's record is linked, too, where the mailbox is a source. People who share an address and no given name wait.
func (p *pass) match(s state) {
	in, sure := p.meets.window(p.words.text(s.box[p.rep].v[timing]))
	boxIn := p.filter == 0 && !p.out(&s, box)
	shared := p.flows[box] && boxIn && !p.owned(&s) && !p.hidden(&s, crm)
	speaks := p.admits(&s)
	if !p.flows[crm] {
		speaks = boxIn
	}
	restored := s.loose&(1<<p.rep) != 0
	if !in || !sure || p.unseen(&s) {
		p.done(s)
	}
	switch {
	case !in && sure:
	case !speaks && !shared:
		p.done(s)
	case restored: // by its marker, if it has one
		for made := range int8(3) {
			p.joined(s, made, shared)
		}
	case !p.same(&s):
		p.done(state{wild: true}) // there are two of that name
	case p.meets == nil && !p.words.begins(s.crm.v[given], s.box[p.rep].v[given]):
		p.done(s)
	default:
		p.joined(s, 0, shared)
	}
}

// same reports whether the two copies are found to be the same item without a link.
func (p *pass) same(s *state) bool {
	c, b := s.crm.v, s.box[p.rep].v
	if p.meets != nil {
		return c[subject] == b[subject] && c[timing] == b[timing]
	}
	return p.words.same(c[email], b[email])
}

func (p *pass) joined(s state, made int8, shared bool) {
	s.link[p.rep] = link{made: made, shared: shared}
	p.join(s)
}

// join links the two copies and merges them with no base.
func (p *pass) join(s state) {
	l := &s.link[p.rep]
	*l = link{how: active, made: l.made, shared: l.shared, id: [2]int8{s.crm.id, s.box[p.rep].id}}
	p.merge(s)
}

// deleted decides on an active link of which one copy was deleted.
func (p *pass) deleted(s state, gone side) {
	l, stays := &s.link[p.rep], gone.other()
	switch {
	case p.rules.deletes[gone] == "review":
	case p.rules.deletes[gone] != "propagate", !p.flows[gone], p.out(&s, stays):
		l.how = tombstone
	case p.flows[stays] && p.edited(&s, stays): // the edit wins
		s.make(gone, p.rep, p.told(&s, gone.other()))
		p.done(s)
		return
	default:
		if p.flows[stays] && s.copy(stays, p.rep).heard { // whether an answer is an edit, DESIGN does not say
			again := s
			again.make(gone, p.rep, p.told(&s, stays))
			p.done(again)
		}
		p.deletes = true
		l.how = tombstone
		s.remove(stays, p.rep)
		p.done(s)
		return
	}
	p.done(s)
}

// exit decides on a pair that the policy admits no longer. Only a copy that Repsync made goes, and only if nobody's
// edit waits in it, unless it tells of what is private now.
func (p *pass) exit(s state) {
	was := s
	l := &s.link[p.rep]
	l.how = left
	made := side(l.made - 1)
	hides := p.flows[crm] && p.hidden(&s, crm) || p.flows[box] && p.hidden(&s, box)
	switch {
	case l.made == 0, !p.out(&was, made.other()), p.keep && !hides, !hides && p.flows[made] && p.edited(&s, made):
		p.done(s)
		return
	}
	p.deletes = true
	l.removed = true
	s.remove(made, p.rep)
	p.done(s)
}

// returned decides on a pair that was unlinked when it left the policy. DESIGN does not say what becomes of a copy that a
// person deleted meanwhile: it may be made anew, or stay away.
func (p *pass) returned(s state, here, there bool) {
	l := &s.link[p.rep]
	switch {
	case !p.admits(&s), !(here && p.flows[crm]) && !(there && p.flows[box]):
		p.done(s)
		return
	case here && there:
		p.join(s)
		return
	}
	gone := box
	if !here {
		gone = crm
	}
	was := s
	if l.made == 1+int8(gone) {
		s.make(gone, p.rep, p.told(&s, gone.other()))
		p.done(s)
		s = was
		if l.removed {
			return
		}
	}
	s.link[p.rep].how = tombstone
	p.done(s)
}

// replaced decides where one copy of a link is gone and another was made in its place, by a person or for another rep. The
// new one may be taken for the same item where the address says so, or wait; or the link is dealt with first. No third
// copy may come of it.
func (p *pass) replaced(s state) {
	l := s.link[p.rep]
	gone := crm
	if s.linked(crm, p.rep) {
		gone = box
	}
	switch {
	case !p.same(&s):
		p.done(state{wild: true})
		return
	case (p.meets != nil || p.words.begins(s.crm.v[given], s.box[p.rep].v[given]) && p.filtered(&s)) && (p.owned(&s) || p.flows[box]) && !p.out(&s, box):
		p.joined(s, 0, !p.owned(&s))
		p.joined(s, l.made, !p.owned(&s))
	}
	if p.unseen(&s) {
		p.done(s)
	}
	waits := s
	switch {
	case l.how != active:
	case p.rules.deletes[gone] == "propagate" && p.flows[gone] && !(p.flows[gone.other()] && p.edited(&s, gone.other())):
		p.deletes = true
		waits.link[p.rep].how = tombstone
		waits.remove(gone.other(), p.rep)
	case p.rules.deletes[gone] != "review":
		waits.link[p.rep].how = tombstone
	}
	p.done(waits)
}
