package activities

import (
	"context"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// choose pairs one unlinked item with its match, if it has one, and plans it.
func (m *matcher) choose(ctx context.Context, side record.Side, r store.Staged, byEmail, byName, byMarker []planner.Candidate) error {
	p := m.pair(nil)
	if l, ok := m.pending[store.SideID{Side: side, ID: r.ID}]; ok {
		p = m.pair(&l)
		m.mark(l)
	}
	setSide(&p, side, r.Obs)
	if !m.seeks(side, r.Obs) {
		return m.alone(ctx, p)
	}
	for _, c := range byMarker {
		if !c.Taken && !m.done[store.SideID{Side: side.Other(), ID: c.Item.ID}] {
			return m.matched(ctx, side, p, c.Item.ID)
		}
	}
	match := planner.Choose(r.Obs.Item, m.retake(side, byEmail), m.retake(side, byName), m.rules)
	if match.ID != "" && m.contested(side, r) {
		var err error
		if match, err = m.contest(ctx, side, r, match); err != nil {
			return err
		}
	}
	switch {
	case match.Reason != "":
		return m.book(ctx, p, planner.Decision{Reason: match.Reason})
	case match.ID != "":
		return m.matched(ctx, side, p, match.ID)
	default:
		return m.alone(ctx, p)
	}
}

// meetClaimed pairs a copy of a meeting with the record that another mailbox's copy made.
func (m *matcher) meetClaimed(ctx context.Context, r store.Staged, id string) error {
	p := m.pair(nil)
	if l, ok := m.pending[store.SideID{Side: record.Mailbox, ID: r.ID}]; ok {
		p = m.pair(&l)
		m.mark(l)
	}
	setSide(&p, record.Mailbox, r.Obs)
	seen, err := m.lookShared(ctx, record.CRM, id)
	if err != nil {
		return err
	}
	switch seen.Presence {
	case planner.NoSight:
		return m.book(ctx, p, planner.Decision{Reason: planner.ReasonMatchNotVisible})
	case planner.Deleted: // the record is gone and the claim with it
		if err := m.a.Store.DropClaims(ctx, m.org, m.k, id); err != nil {
			return err
		}
		return m.decideAlone(ctx, p)
	}
	return m.matched(ctx, record.Mailbox, p, id)
}

// retake marks the candidates that were linked since they were looked up, in this very page.
func (m *matcher) retake(side record.Side, cs []planner.Candidate) []planner.Candidate {
	for i := range cs {
		cs[i].Taken = cs[i].Taken || m.done[store.SideID{Side: side.Other(), ID: cs[i].Item.ID}]
	}
	return cs
}

// contested reports whether another item of the same side, without a link too, carries one of the item's addresses.
func (m *matcher) contested(side record.Side, r store.Staged) bool {
	for _, key := range planner.StrongKeys(r.Obs.Item.Fields) {
		if len(m.shared[string(side)+key]) > 1 {
			return true
		}
	}
	return false
}

// contest lets on_ambiguous decide between items of one side that want the same item of the other: the item chosen is
// asked which of them it would choose.
func (m *matcher) contest(ctx context.Context, side record.Side, r store.Staged, match planner.Match) (planner.Match, error) {
	rivals := map[string]bool{}
	for _, key := range planner.StrongKeys(r.Obs.Item.Fields) {
		for _, id := range m.shared[string(side)+key] {
			rivals[id] = true
		}
	}
	staged, err := m.a.Store.StagedByID(ctx, m.org, m.rep, m.k, side, keysOf(rivals))
	if err != nil {
		return match, err
	}
	var cs []planner.Candidate
	for _, o := range staged {
		cs = append(cs, planner.Candidate{Item: o.Obs.Item, Visible: true, LastActivity: lastActivity(o.Obs.Item)})
	}
	switch chosen := planner.Choose(r.Obs.Item, cs, nil, m.rules); {
	case chosen.Reason != "":
		return chosen, nil
	case chosen.ID == r.ID:
		return match, nil
	default:
		return planner.Match{}, nil // another one gets it
	}
}

// matched plans a new pair of two items that were both there.
func (m *matcher) matched(ctx context.Context, side record.Side, p planner.Pair, otherID string) error {
	other := side.Other()
	staged, err := m.a.Store.StagedByID(ctx, m.org, m.rep, m.k, other, []string{otherID})
	if err != nil {
		return err
	}
	o, ok := staged[otherID]
	if ok && o.Obs.In {
		setSide(&p, other, o.Obs)
	} else {
		// Not staged, or staged as a record that the policy would not bring by itself: what a mailbox item matches need
		// not be the rep's own.
		seen, err := m.lookShared(ctx, other, otherID)
		if err != nil {
			return err
		}
		setSide(&p, other, seen)
	}
	if p.CRM.Presence != planner.Present || p.Mailbox.Presence != planner.Present {
		return nil // gone since it was found: the next pass plans what is there then
	}
	waited := p.Link
	if !p.CRM.In {
		d := planner.Decision{Reason: p.CRM.Why}
		if waited != nil && !d.Reason.Parked() { // it is there already: nothing waits to be created
			m.batch.DropLinks = append(m.batch.DropLinks, waited.ID)
			p.Link = nil
		}
		return m.book(ctx, p, d)
	}
	if err := m.dropWaiting(ctx, other, otherID); err != nil {
		return err
	}
	p.Link = nil
	d, err := m.decideSeen(ctx, &p)
	if err != nil {
		return err
	}
	if waited != nil && d.Link != nil { // what was about to be created is there: the pair takes the place of the waiting link
		d.Link.Generation = max(d.Link.Generation, waited.Generation)
		m.batch.DropLinks = append(m.batch.DropLinks, waited.ID)
	}
	if d.Link != nil {
		d.Link.Shared = p.CRM.Item.Owner != m.sit.Rep.CRMUser
	}
	return m.book(ctx, p, d)
}

// waits reports whether a link waits for its create, and nothing was sent for it yet.
func (m *matcher) waits(l planner.Link) bool {
	return l.State == planner.Active && (l.CRM.ID == "" || l.Mailbox.ID == "") && !m.open[l.ID]
}

// dropWaiting drops the link of an item that waits for a create: the item is the other half of a pair now.
func (m *matcher) dropWaiting(ctx context.Context, side record.Side, id string) error {
	links, err := m.a.Store.LinksBySide(ctx, m.org, m.rep, m.k, side, []string{id})
	if l, ok := links[id]; ok && m.waits(l) {
		m.batch.DropLinks = append(m.batch.DropLinks, l.ID)
	}
	return err
}

// unclaimed is a create in the CRM that waits until the claims of its page are taken together.
type unclaimed struct {
	pair     planner.Pair
	decision planner.Decision
	link     string
}

// alone is decideAlone, with the create of an item that one key tells put off until claimTogether.
func (m *matcher) alone(ctx context.Context, p planner.Pair) error {
	d, err := m.decideOn(ctx, p)
	if err != nil {
		return err
	}
	if p.Link == nil && createsInCRM(d) && !planted.Is(planted.ClaimNotTaken) && len(planner.StrongKeys(p.Mailbox.Item.Fields)) == 1 {
		m.unclaimed = append(m.unclaimed, unclaimed{p, d, m.newLinkID(p)})
		return nil
	}
	return m.book(ctx, p, d)
}

// claimTogether claims what alone put off, in one statement, and books it. Of items with one address the first has it.
func (m *matcher) claimTogether(ctx context.Context) error {
	all := m.unclaimed
	m.unclaimed = nil
	keys, wanted := map[string][]byte{}, map[string]bool{}
	for _, u := range all {
		if key := m.strongKeys(m.k, u.pair.Mailbox.Item)[0]; !wanted[string(key)] {
			wanted[string(key)], keys[u.link] = true, key
		}
	}
	var err error
	if m.won, err = m.a.Store.ClaimEach(ctx, m.org, m.k, m.rep, keys, claimFor); err != nil {
		return err
	}
	for _, u := range all {
		if err := m.book(ctx, u.pair, u.decision); err != nil {
			return err
		}
	}
	return nil
}

// decideAlone plans an item that nothing matches.
func (m *matcher) decideAlone(ctx context.Context, p planner.Pair) error {
	d, err := m.decideOn(ctx, p)
	if err != nil {
		return err
	}
	return m.book(ctx, p, d)
}
