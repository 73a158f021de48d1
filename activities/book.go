package activities

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// claimFor is how long a claim on strong keys lasts while the create that it guards has not been settled.
const claimFor = 15 * time.Minute

var base32Hex = base32.HexEncoding.WithPadding(base32.NoPadding)

// linkID names the link that begins with an item: the same item of the same rep always begins the same link, so that a
// plan that is made twice makes no second one, and a marker leads back to it after a backup was restored.
func linkID(org, rep string, k record.Kind, side record.Side, id string) string {
	return nameOf(strings.Join([]string{org, rep, string(k), string(side), id}, "\x00"))
}

func (m *matcher) linkID(side record.Side, id string) string {
	return linkID(m.org, m.rep, m.k, side, id)
}

// nameOf makes an id of what it names: 16 letters, a-v0-9. Each row of an item has one or two, and so do the indexes. They hold 80
// bits: among a hundred million no two are alike, but once in two hundred million times.
func nameOf(what string) string {
	sum := sha256.Sum256([]byte(what))
	return strings.ToLower(base32Hex.EncodeToString(sum[:10]))
}

// keyOf is the marker's part that names a create: the link and its generation.
func keyOf(l planner.Link) string { return fmt.Sprintf("%s.%d", l.ID, l.Generation) }

// book turns a decision into rows: the link, intents, the verdict, journal lines for what changes at once.
func (m *matcher) book(ctx context.Context, p planner.Pair, d planner.Decision) error {
	if d.Reason == "" {
		return nil
	}
	if m.emptying && p.Link != nil && (p.CRM.Presence == planner.Deleted || p.Mailbox.Presence == planner.Deleted) {
		// A side that shows nothing any more may be broken: what would be buried or dropped waits for the guard.
		now := m.batch
		m.batch = m.later
		defer func() { m.later, m.batch = m.batch, now }()
		m.lines = append(m.lines, fmt.Sprintf("gone %s", p.Link.ID))
	}
	if d.Restore {
		if met, err := m.remade(ctx, p, d.Ops[0].Side.Other()); err != nil || met {
			return err
		}
		m.leaves(p, d)
	}
	link, err := m.linkOf(ctx, p, &d)
	if err != nil {
		return err
	}
	if len(d.Ops) > 0 && link == nil {
		return fmt.Errorf("decision %s has operations and no link", d.Reason)
	}
	waits, err := m.claim(ctx, link, &d, p)
	if err != nil {
		return err
	}
	if waits {
		return nil
	}
	m.count(d)
	if d.Link != nil {
		m.batch.Links = append(m.batch.Links, *d.Link)
		m.mark(*d.Link)
	}
	met := p.Link == nil && d.Link != nil && p.CRM.Presence == planner.Present && p.Mailbox.Presence == planner.Present
	if met && p.CRM.In { // it may never have been staged itself
		m.batch.Ranks = append(m.batch.Ranks, store.Ranked{ID: p.CRM.Item.ID, Rank: rankOf(p.CRM.Item)})
	}
	back := p.Link != nil && p.Link.State != planner.Active && d.Link != nil && d.Link.State == planner.Active && d.Link.Made == record.CRM &&
		p.CRM.Presence == planner.Present && p.Mailbox.Presence == planner.Present
	if met && m.k == record.Event || back {
		// Another mailbox's copy of the meeting meets the record by its UID, whatever either is called by then. A record that we
		// made and that was restored has lost its claims with the deletion.
		adopted := store.MovedClaim{Rep: m.rep, LinkID: d.Link.ID, CRMID: p.CRM.Item.ID, New: m.strongKeys(m.k, p.Mailbox.Item)}
		if err := m.a.Store.MoveClaims(ctx, m.org, m.rep, m.epoch, m.k, []store.MovedClaim{adopted}); err != nil {
			return err
		}
	}
	m.journalState(p, d, link)
	if d.Reason.Parked() {
		m.park(p, d, link)
	}
	m.verdicts(p, d, link)
	if p.Link != nil && p.Link.CRM.ID != "" && p.CRM.Presence == planner.Deleted {
		// The org's feed has told so, to whoever read it first, and that may have been before the create was settled and its claims
		// came to be the record's.
		m.batch.Ended = append(m.batch.Ended, p.Link.CRM.ID)
	}
	if d.Drop && len(d.Ops) == 0 && p.Link != nil {
		m.batch.DropLinks = append(m.batch.DropLinks, p.Link.ID)
	}
	if len(d.Ops) == 0 {
		m.unstage(p)
		return nil
	}
	for _, op := range d.Ops {
		m.intend(p, d, *link, op)
	}
	return nil
}

// linkOf returns the link that a decision leaves, new or as it was, and writes into the decision what is stored of it.
func (m *matcher) linkOf(ctx context.Context, p planner.Pair, d *planner.Decision) (*planner.Link, error) {
	if d.Link == nil && !d.Drop && m.retold(p) {
		d.Link = p.Link
	}
	if d.Link == nil {
		return p.Link, nil
	}
	l := *d.Link
	if l.ID == "" {
		l.ID = m.newLinkID(p)
		if _, known := m.births[l.ID]; !known && len(d.Ops) > 0 {
			if err := m.countBirths(ctx, l.ID); err != nil {
				return nil, err
			}
		}
		l.Generation = max(l.Generation, m.births[l.ID])
	}
	m.describe(&l, p)
	d.Link = &l
	return &l, nil
}

// newLinkID names a new link after the item that Repsync copies; a pair that was there on both sides after the mailbox's.
// A link that went with its item to another id keeps its own: who comes after it begins another.
func (m *matcher) newLinkID(p planner.Pair) string {
	if p.Mailbox.Presence != planner.Present {
		return m.linkID(record.CRM, p.CRM.Item.ID)
	}
	id := m.linkID(record.Mailbox, p.Mailbox.Item.ID)
	if now, taken := m.taken[id]; taken && now != "" && now != p.Mailbox.Item.ID {
		id = m.linkID(record.Mailbox, p.Mailbox.Item.ID+"\x00"+now)
	}
	return id
}

// claim takes an item's strong keys before a create in the CRM. When another rep has made the record meanwhile, the item
// is staged on and meets that record in the next pass; while another rep is about to, it waits. Two items of one rep with
// one address are not merged.
func (m *matcher) claim(ctx context.Context, link *planner.Link, d *planner.Decision, p planner.Pair) (waits bool, err error) {
	if !createsInCRM(*d) || m.won[link.ID] {
		return false, nil
	}
	keys := m.strongKeys(m.k, p.Mailbox.Item)
	if len(keys) == 0 || planted.Is(planted.ClaimNotTaken) {
		return false, nil
	}
	got, err := m.a.Store.Claim(ctx, m.org, m.k, m.rep, link.ID, keys, claimFor)
	for _, id := range got.CRMIDs {
		// A claim ends with its record, and with the record's having the address.
		stale, err := m.staleClaim(ctx, id, p.Mailbox.Item)
		if err != nil {
			return false, err
		}
		if stale != nil {
			stale.Old = keys
			if err := m.a.Store.MoveClaims(ctx, m.org, m.rep, m.epoch, m.k, []store.MovedClaim{*stale}); err != nil {
				return false, err
			}
			return m.claim(ctx, link, d, p)
		}
	}
	if err != nil || got.Won {
		return false, err
	}
	if got.CRMID == "" && len(got.CRMIDs) == 0 && !strings.HasPrefix(got.Holder, m.rep+"/") {
		m.wait(p)
		return true, nil
	}
	if got.CRMID != "" {
		o, err := m.lookShared(ctx, record.CRM, got.CRMID)
		if err != nil {
			return false, err
		}
		if o.Presence == planner.Deleted {
			// The record is gone and the claim with it.
			return true, m.a.Store.DropClaims(ctx, m.org, m.k, got.CRMID)
		}
		linked, err := m.a.Store.Linked(ctx, m.org, m.rep, m.k, []string{got.CRMID})
		if err != nil {
			return false, err
		}
		if o.Presence == planner.Present && !linked[got.CRMID] && !m.done[store.SideID{Side: record.CRM, ID: got.CRMID}] {
			return true, m.matched(ctx, record.Mailbox, p, got.CRMID)
		}
		if o.Presence == planner.NoSight {
			*d = planner.Decision{Reason: planner.ReasonMatchNotVisible}
			return false, nil
		}
	}
	*d = planner.Decision{Reason: planner.ReasonAmbiguousMatch}
	return false, nil
}

func createsInCRM(d planner.Decision) bool {
	return slices.ContainsFunc(d.Ops, func(op planner.Op) bool { return op.Side == record.CRM && op.Verb == connector.Create })
}

// staleClaim returns what becomes of a record's claims on an item's addresses when it is gone, or has none of them any more:
// neither the record itself, which may show one of several, nor a mailbox item that is linked to it, of whatever rep. Its
// claims then are on what it shows now. The record is read as the integration user sees it: one that is hidden from the rep
// is still there. Nil where the claims stand.
func (m *matcher) staleClaim(ctx context.Context, id string, it connector.Item) (*store.MovedClaim, error) {
	stale := &store.MovedClaim{CRMID: id}
	items, _, err := m.crm.Get(ctx, m.k, []connector.Ref{{ID: id}}, nil)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return stale, nil
	}
	theirs := planner.StrongKeys(items[0].Fields)
	if items[0].Partial || slices.ContainsFunc(planner.StrongKeys(it.Fields), func(key string) bool { return slices.Contains(theirs, key) }) {
		return nil, nil //nolint:nilnil // the claims stand
	}
	links, err := m.a.Store.LinksOfRecord(ctx, m.org, m.k, id)
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		found, err := m.a.Store.MailboxByKeys(ctx, m.org, l.Rep, m.k, m.strongKeys(m.k, it))
		if err != nil {
			return nil, err
		}
		for _, carriers := range found {
			if l.Link.Mailbox.ID != "" && slices.Contains(carriers, l.Link.Mailbox.ID) {
				return nil, nil //nolint:nilnil // the claims stand
			}
		}
		if stale.Rep == "" || l.Link.Made == record.CRM {
			stale.Rep, stale.LinkID, stale.New = l.Rep, l.Link.ID, m.strongKeys(m.k, items[0])
		}
	}
	return stale, nil
}

// strongKeys are the sorted claim keys of an item.
func (s *session) strongKeys(k record.Kind, it connector.Item) [][]byte {
	var keys [][]byte
	for _, key := range planner.StrongKeys(it.Fields) {
		keys = append(keys, s.a.Ring.Lookup(s.org, k, key))
	}
	slices.SortFunc(keys, bytes.Compare)
	return keys
}

// wait leaves an item staged until the other rep's create is settled.
func (m *matcher) wait(p planner.Pair) {
	m.count(planner.Decision{Reason: planner.ReasonWaitingForClaim})
	m.batch.Verdicts = append(m.batch.Verdicts, m.verdict(m.k, record.Mailbox, p.Mailbox.Item.ID, planner.Decision{Reason: planner.ReasonWaitingForClaim}, nil))
}

// count adds a decision to the summary.
func (m *matcher) count(d planner.Decision) {
	if len(d.Ops) == 0 || d.Reason.Parked() { // what is written counts once it is
		m.sum.reason(d.Reason, 1)
	}
	for _, c := range d.Conflicts {
		if c.Winner == "" {
			m.sum.Conflicts++ // for review; the others count once they are written
		}
	}
	switch {
	case d.Reason == planner.ReasonWaitingForClaim:
	case d.Reason.Parked():
		m.sum.Parked++
	case d.Reason == planner.ReasonAdopted || d.Reason == planner.ReasonLinkedAndMerged:
		m.sum.Linked++
	case len(d.Ops) == 0:
		m.sum.Unchanged++
	}
}

// intend plans one operation.
func (m *matcher) intend(p planner.Pair, d planner.Decision, l planner.Link, op planner.Op) {
	target, source, base, sourceID := p.CRM, p.Mailbox, l.CRM, l.Mailbox.ID
	if op.Side == record.Mailbox {
		target, source, base, sourceID = p.Mailbox, p.CRM, l.Mailbox, l.CRM.ID
	}
	for _, c := range d.Conflicts {
		if _, sent := op.Set[c.Field]; sent && c.Winner == op.Side.Other() {
			if op.Rules == nil {
				op.Rules = map[string]string{}
			}
			op.Rules[c.Field] = c.Rule
		}
	}
	op.Twin, op.Why = len(d.Ops) > 1, d.Why
	unrelate(op.Set, l.Related)
	in := store.Intent{
		LinkID: l.ID, Kind: m.k, Pass: m.pass, Op: op, Generation: l.Generation, State: store.Planned, Revision: m.revision,
		Reason: d.Reason, After: d.After, Drop: d.Drop, Source: source.Item.Version, SourceID: sourceID, Key: keyOf(l),
	}
	if op.Verb != connector.Create {
		in.Ref, in.If = connector.Ref{ID: base.ID}, base.Version
		if target.Presence == planner.Present {
			in.If = target.Item.Version
		}
	}
	in.ID = intentID(in, m.rep)
	written := line(in)
	again := m.weigh(in, l, p.Mailbox.Follows)
	in.Exempt = again || m.first(m.k) && op.Verb == connector.Create || m.released[lineHash(written)]
	m.batch.Intents = append(m.batch.Intents, in)
	m.writes = m.writes || op.Verb != connector.Delete
	m.deletes = m.deletes || op.Verb == connector.Delete
	m.counts[string(op.Verb)+" "+string(op.Side)]++
	m.lines = append(m.lines, written)
	m.ifHeld = append(m.ifHeld, planned{link: l.ID, crm: idOf(p, record.CRM), mailbox: idOf(p, record.Mailbox)})
}

// weigh counts an operation for the guard. What a person does to a series in the mailbox is one thing, however many of its
// occurrences follow; what is done to single ones, and to the CRM's records, is counted one by one. again says that the
// series was counted before.
func (m *matcher) weigh(in store.Intent, l planner.Link, follows bool) (again bool) {
	what := string(in.Op.Verb) + " " + string(in.Op.Side)
	if ref := connector.ParseRef(l.Mailbox.ID); follows && in.Op.Side == record.CRM && ref.Occurrence != "" {
		series := what + " " + ref.ID
		if m.weighed[series] {
			return true
		}
		m.weighed[series] = true
	}
	m.weights[what]++
	return false
}

// intentID is derived from what the intent does in this pass, so that planning twice plans it once.
func intentID(in store.Intent, rep string) string {
	return nameOf(fmt.Sprintf("%s\x00%s\x00%d\x00%s\x00%s\x00%d", rep, in.LinkID, in.Pass, in.Op.Side, in.Op.Verb, in.Generation))
}

// line says in a stable form what an intent would do; the digest of a held plan is made of them. It holds hashes of the
// values that would be sent, and no value.
func line(in store.Intent) string {
	h := sha256.New()
	for _, f := range slices.Sorted(maps.Keys(in.Op.Set)) {
		fmt.Fprintf(h, "%s\x00%s\x00", f, in.Op.Set[f])
	}
	return fmt.Sprintf("%s %s %s %s %d %x", in.Op.Verb, in.Op.Side, in.LinkID, in.Ref.ID, in.Generation, binary.BigEndian.Uint64(h.Sum(nil)))
}

// unstage takes what needs no write out of staging.
func (m *matcher) unstage(p planner.Pair) {
	if id := idOf(p, record.CRM); id != "" && p.CRM.Presence != planner.Unseen {
		m.batch.Unstage = append(m.batch.Unstage, store.SideID{Side: record.CRM, ID: id})
	}
	if id := idOf(p, record.Mailbox); id != "" && p.Mailbox.Presence != planner.Unseen {
		m.batch.Unstage = append(m.batch.Unstage, store.SideID{Side: record.Mailbox, ID: id})
	}
}

// idOf is the id of a pair's item on a side.
func idOf(p planner.Pair, side record.Side) string {
	o, base := p.CRM, planner.SideBase{}
	if side == record.Mailbox {
		o = p.Mailbox
	}
	if o.Presence == planner.Present {
		return o.Item.ID
	}
	if p.Link != nil {
		if base = p.Link.CRM; side == record.Mailbox {
			base = p.Link.Mailbox
		}
	}
	return base.ID
}

// save stores what a page gave.
func (m *matcher) save(ctx context.Context) error {
	b := m.batch
	b.Kind = m.k
	m.batch = store.PlanBatch{}
	if len(b.Links)+len(b.Intents)+len(b.Verdicts)+len(b.Parked)+len(b.Unstage)+len(b.DropLinks) == 0 {
		return nil
	}
	return m.a.Store.SavePlan(ctx, m.org, m.rep, m.epoch, b)
}
