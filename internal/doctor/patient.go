package doctor

import (
	"context"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/policy"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// kinds are those that passes enforce.
var kinds = []record.Kind{record.Contact, record.Event}

var sides = []record.Side{record.CRM, record.Mailbox}

// sideOf is a kind on a side.
type sideOf struct {
	kind record.Kind
	side record.Side
}

// patient is one rep in one reading.
type patient struct {
	*examiner
	row     store.RepRow
	policy  policy.Policy
	box     connector.Connector
	cursors map[sideOf]store.CursorRow
	intents map[string]store.IntentRow // open ones, by id
	open    map[string]bool            // links with an open intent
	silent  map[sideOf]bool            // sides that cannot be asked
	due     map[sideOf]*due
	epoch   int64           // of the lease, 0 without
	only    map[string]bool // items and links that were suspicious before; nil: all are looked at

	found, pending, bounded []Finding
	lag                     time.Duration // how long the lists behind the suspicions may lag
}

// examine reads one rep. With first, only what that reading suspected is asked of the vendors again.
func (e *examiner) examine(ctx context.Context, rep string, first *patient, epoch int64) (*patient, error) {
	p := &patient{examiner: e, epoch: epoch, cursors: map[sideOf]store.CursorRow{}, intents: map[string]store.IntentRow{}, open: map[string]bool{}, silent: map[sideOf]bool{}, due: map[sideOf]*due{}}
	if first != nil {
		p.only = map[string]bool{}
		for _, f := range first.found {
			p.only[f.Item], p.only[f.Link] = true, true
		}
		delete(p.only, "")
	}
	rows, err := e.Store.RepRows(ctx, e.Org, rep)
	if err != nil || len(rows) == 0 {
		return p, err
	}
	p.row = rows[0]
	p.policy = e.policies.of(rep, p.row.Profile)
	logs, err := e.Store.FeedLogs(ctx, e.Org)
	if err != nil {
		return p, err
	}
	e.feeds = map[record.Kind]store.FeedLog{}
	for _, l := range logs {
		e.feeds[l.Kind] = l
	}
	p.connect()
	for _, step := range []func(context.Context) error{p.checkRep, p.checkCursors, p.checkIntents, p.checkBoxes, p.checkJournal, p.checkVerdicts, p.checkParked, p.checkLinks, p.checkClaims} {
		if err := step(ctx); err != nil {
			return p, err
		}
		if err := p.alive(ctx); err != nil {
			return p, err
		}
	}
	return p, nil
}

// alive renews the lease, if there is one.
func (p *patient) alive(ctx context.Context) error {
	if p.epoch == 0 {
		return nil
	}
	return p.Store.Renew(ctx, p.Org, p.row.Rep.Rep, p.epoch, p.Lease)
}

// again reports whether an item or link is to be asked for in this reading.
func (p *patient) again(ids ...string) bool {
	return p.only == nil || slices.ContainsFunc(ids, func(id string) bool { return p.only[id] })
}

// counted says whether this reading counts for the report: the second is of what the first has counted.
func (p *patient) counted() bool { return p.only == nil }

// note adds a suspicion. One whose cure is a reread that is asked for already is pending.
func (p *patient) note(f Finding, mend func(*store.Repair)) {
	known := codes[f.Code]
	f.Rep, f.Explain, f.Remedy, f.Fixable, f.mend = p.row.Rep.Rep, known.explain, known.remedy, known.fixable && mend != nil, mend
	if known.reread && p.row.Reread {
		p.pending = append(p.pending, f)
		return
	}
	p.found = append(p.found, f)
}

// reread is the mend of a finding that a full read cures.
func reread(r *store.Repair) { r.Reread = true }

// on reports whether the rep's policy has anything to do with a kind, so that passes look at its items.
func (p *patient) on(k record.Kind) bool {
	return p.row.Active && slices.Contains(kinds, k) && p.policy.Rules(k).Direction != "off"
}

// connect builds the mailbox's connector, and notes which sides cannot be asked now.
func (p *patient) connect() {
	box, _, err := p.Connect.Mailbox(p.Org, p.row.Mailbox)
	for _, k := range kinds {
		p.silent[sideOf{k, record.CRM}] = p.crm == nil
		p.silent[sideOf{k, record.Mailbox}] = err != nil || p.row.MailboxBroken
	}
	if p.box = box; err != nil && !p.row.MailboxBroken && p.row.Active {
		p.unchecked(Unchecked{Rep: p.row.Rep.Rep, Side: record.Mailbox, Code: "not_configured"})
	}
}

func (p *patient) side(side record.Side) connector.Connector {
	if side == record.CRM {
		return p.crm
	}
	return p.box
}

// refused notes a vendor's refusal. From then on that side is not asked any more for this rep and kind: what was not read
// is neither in order nor a finding. An error that is no vendor's is the caller's.
func (p *patient) refused(at sideOf, err error) error {
	if err == nil {
		return nil
	}
	class := connector.ClassOf(err)
	if class == connector.Bug && codeOf(err) == "" {
		return err
	}
	p.silent[at] = true
	p.unchecked(Unchecked{Rep: p.row.Rep.Rep, Kind: at.kind, Side: at.side, Code: codeOf(err)})
	return nil
}

// answer is what a side said about items that were asked for by id.
type answer struct {
	items map[string]connector.Item
	gone  map[string]connector.Gone
}

// deleted reports whether a get by id proved that an item was deleted.
func (a answer) deleted(id string) bool {
	g, ok := a.gone[id]
	return ok && g.Deleted || isVacant(id)
}

// batch is how many items are asked for at once; connectors cut it to what their vendor takes.
const batch = 200

// get reads items by id. ok is false where the side cannot be asked.
func (p *patient) get(ctx context.Context, at sideOf, ids []string) (a answer, ok bool, err error) {
	a = answer{map[string]connector.Item{}, map[string]connector.Gone{}}
	var refs []connector.Ref
	for _, id := range ids {
		if id != "" && !isVacant(id) {
			refs = append(refs, connector.ParseRef(id))
		}
	}
	for some := range slices.Chunk(refs, batch) {
		if p.silent[at] {
			return a, false, nil
		}
		if err := p.alive(ctx); err != nil {
			return a, false, err
		}
		items, gone, err := p.side(at.side).Get(ctx, at.kind, some, nil)
		if err != nil {
			return a, false, p.refused(at, err)
		}
		if p.counted() {
			p.report.Checked.Items += len(some)
		}
		for _, it := range items {
			for _, id := range append([]string{it.String()}, it.Previous...) {
				a.items[id] = it
			}
		}
		for _, g := range gone {
			a.gone[g.String()] = g
		}
	}
	return a, !p.silent[at], nil
}

// caps asks a side what it can do with a kind; ok is false where the side cannot be asked.
func (p *patient) caps(ctx context.Context, at sideOf) (c connector.Caps, ok bool, err error) {
	if p.silent[at] {
		return c, false, nil
	}
	if c, err = p.side(at.side).Caps(ctx, at.kind, ""); err != nil { // batches and lags are the same for everybody
		return c, false, p.refused(at, err)
	}
	return c, true, nil
}

// suspect notes how long the lists of a side may lag behind what its get by id shows: the second reading waits for that.
func (p *patient) suspect(ctx context.Context, k record.Kind) error {
	for _, side := range sides {
		c, _, err := p.caps(ctx, sideOf{k, side})
		if err != nil {
			return err
		}
		p.lag = max(p.lag, c.Lag, time.Second)
	}
	return nil
}
