package activities

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// unlinked plans staged rows that have no link: each is matched with the other side before anything is created there.
func (m *matcher) unlinked(ctx context.Context, rows []store.Staged) error {
	for _, side := range []record.Side{record.CRM, record.Mailbox} {
		var some []store.Staged
		for _, r := range rows {
			if r.Side == side && r.Obs.Presence != planner.Present {
				m.gone(r)
			} else if r.Side == side && !m.done[store.SideID{Side: side, ID: r.ID}] {
				some = append(some, r)
			}
		}
		if len(some) == 0 {
			continue
		}
		byEmail, byName, byMarker, err := m.candidates(ctx, side, some)
		if err != nil {
			return err
		}
		var claimed map[string]string
		if side == record.Mailbox {
			if claimed, err = m.claimed(ctx, some); err != nil {
				return err
			}
		}
		for _, r := range some {
			if id := claimed[r.ID]; id != "" && !m.done[store.SideID{Side: record.CRM, ID: id}] {
				if err := m.meetClaimed(ctx, r, id); err != nil {
					return err
				}
				continue
			}
			if err := m.choose(ctx, side, r, byEmail[r.ID], byName[r.ID], byMarker[r.ID]); err != nil {
				return err
			}
		}
	}
	return nil
}

// gone lets go of an item without a link that is not there any more. Only a parked one is told of: it waits no longer.
func (m *matcher) gone(r store.Staged) {
	at := store.SideID{Side: r.Side, ID: r.ID}
	m.batch.Unstage = append(m.batch.Unstage, at)
	if p, waits := m.parked[at]; waits && p.LinkID == "" {
		d := planner.Decision{Reason: planner.ReasonUnchanged}
		if r.Obs.Presence == planner.NoSight {
			d.Reason = planner.ReasonNoAccess
		}
		m.batch.Verdicts = append(m.batch.Verdicts, m.verdict(m.k, r.Side, r.ID, d, nil))
	}
}

// seeks reports whether an item is to be matched at all: one that the policy leaves out, that is gone, unreadable or
// foreign, or that would not be copied anyway, stays alone.
func (m *matcher) seeks(side record.Side, o planner.Observation) bool {
	if o.Presence != planner.Present || !o.In || o.Foreign || o.Unread != "" {
		return false
	}
	return m.rules.Direction == "both" || m.rules.Direction == string(side)+"_to_"+string(side.Other())
}

// candidates finds, per item id, what on the other side may be the same: by address, by name and company, and by our own
// marker, which tells after a restored backup what had been linked.
func (m *matcher) candidates(ctx context.Context, side record.Side, rows []store.Staged) (byEmail, byName, byMarker map[string][]planner.Candidate, err error) {
	if side == record.CRM {
		return m.inMailbox(ctx, rows)
	}
	byEmail, byName, err = m.inCRM(ctx, rows)
	return byEmail, byName, nil, err
}

// inMailbox looks candidates up among the match keys of the mailbox items that were seen so far; a mailbox is read
// completely before anything is matched.
func (m *matcher) inMailbox(ctx context.Context, rows []store.Staged) (byEmail, byName, byMarker map[string][]planner.Candidate, err error) {
	type want struct{ emails, name, mark []string }
	wants := map[string]want{}
	var keys [][]byte
	lookup := func(s string) string {
		key := m.a.Ring.Lookup(m.org, m.k, s)
		keys = append(keys, key)
		return string(key)
	}
	claims, err := m.claimsOn(ctx, rows)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, r := range rows {
		if !m.seeks(record.CRM, r.Obs) {
			continue
		}
		w := want{mark: []string{lookup("link:" + m.linkID(record.CRM, r.ID))}}
		if key := r.Obs.Item.Key; key != "" {
			w.mark = append(w.mark, lookup("link:"+linkOfKey(key)))
		}
		for _, key := range claims[r.ID] { // the meeting whose other copy made the record
			keys = append(keys, key)
			w.mark = append(w.mark, string(key))
		}
		for _, e := range planner.StrongKeys(r.Obs.Item.Fields) {
			w.emails = append(w.emails, lookup(e))
		}
		if name := record.NameKey(r.Obs.Item.Fields); name != "" {
			w.name = append(w.name, lookup("name:"+name))
		}
		wants[r.ID] = w
	}
	if len(keys) == 0 {
		return nil, nil, nil, nil
	}
	found, err := m.a.Store.MailboxByKeys(ctx, m.org, m.rep, m.k, keys)
	if err != nil || len(found) == 0 {
		return nil, nil, nil, err
	}
	ids := map[string]bool{}
	for _, list := range found {
		for _, id := range list {
			ids[id] = true
		}
	}
	seen, err := m.mailboxItems(ctx, ids)
	if err != nil {
		return nil, nil, nil, err
	}
	pick := func(keys []string) (out []planner.Candidate) {
		for _, key := range keys {
			for _, id := range found[key] {
				if c, ok := seen[id]; ok {
					out = append(out, c)
				}
			}
		}
		return out
	}
	byEmail, byName, byMarker = map[string][]planner.Candidate{}, map[string][]planner.Candidate{}, map[string][]planner.Candidate{}
	for id, w := range wants {
		byEmail[id], byName[id], byMarker[id] = pick(w.emails), pick(w.name), pick(w.mark)
	}
	return byEmail, byName, byMarker, nil
}

// mailboxItems reads mailbox items as they were staged, or now, and notes which are linked already.
func (m *matcher) mailboxItems(ctx context.Context, ids map[string]bool) (map[string]planner.Candidate, error) {
	links, err := m.a.Store.LinksBySide(ctx, m.org, m.rep, m.k, record.Mailbox, keysOf(ids))
	if err != nil {
		return nil, err
	}
	staged, err := m.a.Store.StagedByID(ctx, m.org, m.rep, m.k, record.Mailbox, keysOf(ids))
	if err != nil {
		return nil, err
	}
	missing := map[string]bool{}
	for id := range ids {
		_, ok := staged[id]
		missing[id] = !ok
	}
	looked, err := m.look(ctx, planner.Sides[map[string]bool]{Mailbox: missing})
	if err != nil {
		return nil, err
	}
	out := map[string]planner.Candidate{}
	for id := range ids {
		o, ok := looked[store.SideID{Side: record.Mailbox, ID: id}]
		if r, was := staged[id]; was {
			o, ok = r.Obs, true
		}
		if !ok || o.Presence != planner.Present || o.Foreign || o.Unread != "" {
			continue
		}
		l, linked := links[id]
		out[id] = planner.Candidate{Item: o.Item, Visible: true, Taken: m.done[store.SideID{Side: record.Mailbox, ID: id}] || linked && l.State != planner.Left && !m.waits(l)}
	}
	return out, nil
}

// inCRM asks the CRM, org-wide and in batches, which records carry an address or a name of these mailbox items.
func (m *matcher) inCRM(ctx context.Context, rows []store.Staged) (byEmail, byName map[string][]planner.Candidate, err error) {
	emails, names := map[string]bool{}, map[string]bool{}
	for _, r := range rows {
		if !m.seeks(record.Mailbox, r.Obs) {
			continue
		}
		for _, e := range record.Emails(r.Obs.Item.Fields) {
			emails[e] = slices.Contains(m.rules.MatchBy, "email")
		}
		if name := record.NameKey(r.Obs.Item.Fields); name != "" {
			names[name] = slices.Contains(m.rules.MatchBy, "name_and_company")
		}
	}
	foundEmail, err := m.find(ctx, connector.ByEmail, keysOf(emails))
	if err != nil {
		return nil, nil, err
	}
	foundName, err := m.find(ctx, connector.ByName, keysOf(names))
	if err != nil {
		return nil, nil, err
	}
	byEmail, byName = map[string][]planner.Candidate{}, map[string][]planner.Candidate{}
	for _, r := range rows {
		for _, e := range record.Emails(r.Obs.Item.Fields) {
			byEmail[r.ID] = append(byEmail[r.ID], foundEmail[e]...)
		}
		byName[r.ID] = foundName[record.NameKey(r.Obs.Item.Fields)]
	}
	return byEmail, byName, nil
}

// find looks CRM records up and tells of each whether the rep may read it and whether it is linked for the rep already.
func (m *matcher) find(ctx context.Context, by connector.By, keys []string) (map[string][]planner.Candidate, error) {
	out := map[string][]planner.Candidate{}
	extra, err := m.extra(m.k)
	if err != nil {
		return nil, err
	}
	for _, some := range chunksOf(keys, 10*chunk) {
		found, err := m.crm.Find(ctx, m.k, by, some, extra)
		if err != nil {
			return nil, err
		}
		ids, strange := map[string]bool{}, map[string]bool{}
		for _, items := range found {
			for _, it := range items {
				ids[it.ID] = true
				strange[it.ID] = it.Owner != m.sit.Rep.CRMUser
			}
		}
		access := map[string]connector.Access{}
		for _, some := range chunksOf(keysOf(strange), chunk) {
			a, err := m.crm.Access(ctx, m.k, m.sit.Rep.CRMUser, some)
			if err != nil {
				return nil, err
			}
			maps.Copy(access, a)
		}
		linked, err := m.a.Store.Linked(ctx, m.org, m.rep, m.k, keysOf(ids))
		if err != nil {
			return nil, err
		}
		for key, items := range found {
			for _, it := range items {
				out[key] = append(out[key], planner.Candidate{
					Item: it, Visible: !strange[it.ID] || access[it.ID].Read,
					Taken:        linked[it.ID] || m.done[store.SideID{Side: record.CRM, ID: it.ID}],
					LastActivity: lastActivity(it),
				})
			}
		}
	}
	return out, nil
}

func lastActivity(it connector.Item) time.Time {
	at, err := time.Parse(time.DateOnly, fmt.Sprint(it.Raw[lastActivityField]))
	if err != nil {
		return time.Time{}
	}
	return at
}

// choose pairs one unlinked item with its match, if it has one, and plans it.
func (m *matcher) choose(ctx context.Context, side record.Side, r store.Staged, byEmail, byName, byMarker []planner.Candidate) error {
	p := m.pair(nil)
	if l, ok := m.pending[store.SideID{Side: side, ID: r.ID}]; ok {
		p = m.pair(&l)
		m.mark(l)
	}
	setSide(&p, side, r.Obs)
	if !m.seeks(side, r.Obs) {
		return m.decideAlone(ctx, p)
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
		return m.decideAlone(ctx, p)
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

// lookShared reads one item and judges it as a record that is matched while another rep owns it.
func (m *matcher) lookShared(ctx context.Context, side record.Side, id string) (planner.Observation, error) {
	seen, err := m.look(ctx, planner.Sides[map[string]bool]{CRM: map[string]bool{id: side == record.CRM}, Mailbox: map[string]bool{id: side == record.Mailbox}})
	o := seen[store.SideID{Side: side, ID: id}]
	if err != nil || side == record.Mailbox || o.Presence != planner.Present {
		return o, err
	}
	scope, err := m.scope(m.k)
	if err != nil {
		return o, err
	}
	if o.Why != planner.ReasonOverLimit {
		o.In, o.Why = planner.Admit(scope, side, o.Item, &planner.Link{Shared: o.Item.Owner != m.sit.Rep.CRMUser})
	}
	return o, nil
}

// decideAlone plans an item that nothing matches.
func (m *matcher) decideAlone(ctx context.Context, p planner.Pair) error {
	d, err := m.decideOn(ctx, p)
	if err != nil {
		return err
	}
	return m.book(ctx, p, d)
}

// linkOfKey is the link that a marker names: "<link id>.<generation>".
func linkOfKey(key string) string {
	id, _, _ := strings.Cut(key, ".")
	return id
}
