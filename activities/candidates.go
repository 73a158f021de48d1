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
		if err := m.claimTogether(ctx); err != nil {
			return err
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
	found, ids := map[string][]string{}, map[string]bool{}
	for _, r := range rows {
		if !m.seeks(record.CRM, r.Obs) {
			continue
		}
		w := want{mark: []string{lookup("link:" + m.linkID(record.CRM, r.ID))}}
		if key := r.Obs.Item.Key; key != "" {
			w.mark = append(w.mark, lookup("link:"+linkOfKey(key)))
			from, err := m.begins(ctx, linkOfKey(key))
			if err != nil {
				return nil, nil, nil, err
			}
			if from != "" {
				w.mark, found[key], ids[from] = append(w.mark, key), []string{from}, true
			}
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
	carriers, err := m.a.Store.MailboxByKeys(ctx, m.org, m.rep, m.k, keys)
	if err != nil || len(carriers)+len(found) == 0 {
		return nil, nil, nil, err
	}
	for key, list := range carriers {
		found[key] = list
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

// begins returns the mailbox item that a link began with, "" for none: what a record that Repsync made of it tells, once the
// link is not there any more. Such records are few, and so this takes no index: the link's name follows from the item's.
func (m *matcher) begins(ctx context.Context, linkID string) (string, error) {
	if m.begun == nil {
		ids, err := m.a.Store.MailboxIDs(ctx, m.org, m.rep, m.k)
		if err != nil {
			return "", err
		}
		m.begun = make(map[string]string, len(ids))
		for _, id := range ids {
			m.begun[m.linkID(record.Mailbox, id)] = id
		}
	}
	return m.begun[linkID], nil
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

// linkOfKey is the link that a marker names: "<link id>.<generation>".
func linkOfKey(key string) string {
	id, _, _ := strings.Cut(key, ".")
	return id
}
