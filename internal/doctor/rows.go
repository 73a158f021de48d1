package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// Checks of a rep's rows, apart from links and claims.

// checkRep looks at the rep's own row: its address, its lease, its CRM user, its policy.
func (p *patient) checkRep(ctx context.Context) error {
	r := p.row
	if r.MailboxBroken {
		p.note(Finding{Code: RepMailbox, Item: r.Rep.Rep}, nil)
	}
	if r.Holder != "" && (r.LeaseUntil.IsZero() || r.LeaseUntil.After(p.Now().Add(longest))) {
		p.note(Finding{Code: LeaseEndless, Item: r.Rep.Rep}, func(*store.Repair) {})
	}
	if r.AppliedRevision > 0 && !p.policies.has(r.AppliedRevision) {
		p.note(Finding{Code: RepPolicy, Item: fmt.Sprint(r.AppliedRevision)}, reread)
	}
	if !r.Active || r.CRMUser == "" || p.crm == nil {
		return nil
	}
	u, err := p.crm.User(ctx, r.CRMUser)
	switch {
	case connector.ClassOf(err) == connector.Park:
		p.note(Finding{Code: RepUserGone, Side: record.CRM, Item: r.CRMUser}, nil)
	case err != nil:
		return p.refused(sideOf{record.Contact, record.CRM}, err)
	case !u.Active:
		p.note(Finding{Code: RepUserStopped, Side: record.CRM, Item: r.CRMUser}, nil)
	}
	return nil
}

// checkCursors holds the rep's places against the org's feed.
func (p *patient) checkCursors(ctx context.Context) error {
	rows, err := p.Store.CursorRows(ctx, p.Org, p.row.Rep.Rep)
	for _, c := range rows {
		at := sideOf{c.Kind, c.Side}
		p.cursors[at] = c
		if left := c.RetryAt.Sub(p.Now()); left > 0 && p.row.Active {
			p.silent[at] = true
			p.unchecked(Unchecked{Rep: p.row.Rep.Rep, Kind: c.Kind, Side: c.Side, Code: "asked_to_wait:" + c.RetryCode})
		}
		next, feed := max(c.Offset, c.NextOffset), p.feeds[c.Kind]
		if c.Side != record.CRM || next == 0 || c.Broken {
			continue
		}
		f := Finding{Kind: c.Kind, Side: c.Side, Item: string(c.Kind)}
		anew := func(r *store.Repair) { r.Cursors = append(r.Cursors, store.ItemAt{Kind: c.Kind, Side: c.Side}) }
		switch {
		case next > feed.Last+1:
			f.Code = CursorAhead
			p.note(f, anew)
		case next < feed.First && p.on(c.Kind):
			f.Code = CursorBehind
			p.note(f, anew)
		}
	}
	return err
}

// patience is how long a write may have been sent without an answer: longer than a pass waits for the vendors' lists.
const patience = longest

// checkIntents looks for writes that nobody resolves.
func (p *patient) checkIntents(ctx context.Context) error {
	rows, err := p.Store.OpenIntents(ctx, p.Org, p.row.Rep.Rep)
	for _, in := range rows {
		p.intents[in.ID], p.open[in.LinkID] = in, true
		sent := in.State == store.Sent || in.State == store.Unknown
		f := Finding{Kind: in.Kind, Side: in.Side, Item: in.Item, Link: in.LinkID}
		switch {
		case !in.Linked && !sent:
			f.Code = IntentUnlinked
			p.note(f, func(r *store.Repair) { r.DropIntents, r.Reread = append(r.DropIntents, in.ID), true })
		case !in.Linked:
			f.Code = IntentUnlinked
			p.note(f, reread)
		case sent && in.SentAt.Before(p.Now().Add(-patience)):
			f.Code = IntentOld
			p.note(f, reread)
		}
	}
	if p.counted() {
		p.report.Checked.Intents += len(rows)
	}
	return err
}

// checkBoxes opens everything that is sealed. What does not open under a key version under which something else does was
// damaged; otherwise this may be the wrong keyring, and nothing is mended by it.
func (p *patient) checkBoxes(ctx context.Context) error {
	boxes, err := p.Store.OpenAll(ctx, p.Org, p.row.Rep.Rep)
	for _, b := range boxes.Broken {
		f := Finding{Kind: b.Kind, Side: b.Side, Item: b.ID}
		if boxes.Opened[b.Version]+p.opened[b.Version] == 0 {
			f.Code = SealedKey
			f.Item = fmt.Sprintf("%s: %s, key version %d", b.Table, b.ID, b.Version)
			p.note(f, nil)
			continue
		}
		code, mend := p.sealed(b)
		f.Code = code
		p.note(f, mend)
	}
	return err
}

// sealed says what a box that does not open means, and how it is mended.
func (p *patient) sealed(b store.Box) (Code, func(*store.Repair)) {
	at := store.ItemAt{Kind: b.Kind, Side: b.Side, ID: b.ID}
	switch b.Table {
	case "cursor":
		return CursorSealed, func(r *store.Repair) { r.Cursors = append(r.Cursors, at) }
	case "staged":
		return Sealed, func(r *store.Repair) { r.Unstage, r.Reread = append(r.Unstage, at), true }
	case "parked":
		return Sealed, func(r *store.Repair) { r.ForgetWords = append(r.ForgetWords, at) }
	case "rank":
		return Sealed, func(r *store.Repair) { r.DropRanks, r.Reread = append(r.DropRanks, b.Kind), true }
	}
	if b.Column == "before" {
		return Sealed, func(r *store.Repair) { r.ForgetBefore = append(r.ForgetBefore, b.ID) }
	}
	if b.Table == "past intent" {
		return SealedPast, nil
	}
	in := p.intents[b.ID]
	if in.SentAt.After(p.Now().Add(-patience)) { // the vendor's lists may not show yet what became of it
		return Sealed, nil
	}
	// What was sent is found by its marker in a full read; an update or delete is planned again from what both sides show.
	return Sealed, func(r *store.Repair) { r.DeleteIntents, r.Reread = append(r.DeleteIntents, b.ID), true }
}

// checkJournal verifies the chain.
func (p *patient) checkJournal(ctx context.Context) error {
	v, err := p.Store.VerifyJournal(ctx, p.Org, p.row.Rep.Rep)
	for _, b := range v.Broken {
		f := Finding{Code: JournalBroken, Item: fmt.Sprintf("#%d %s", b.Seq, b.Fault)}
		if b.Fault == store.FaultValues {
			f.Code = JournalValues
		}
		p.note(f, nil)
	}
	return err
}

func (p *patient) checkVerdicts(ctx context.Context) error {
	rows, err := p.Store.MuteVerdicts(ctx, p.Org, p.row.Rep.Rep, planner.Reasons(), 1000)
	for _, v := range rows {
		p.note(Finding{Code: VerdictMute, Kind: v.Kind, Side: v.Side, Item: v.ID}, func(r *store.Repair) {
			r.DropVerdicts, r.Reread = append(r.DropVerdicts, store.ItemAt(v)), true
		})
	}
	return err
}

const mostParked = 25 * time.Hour // a parked item is tried again at least once a day

// checkParked looks at parked rows of kinds that are on; those that are due are for the next pass to see to.
func (p *patient) checkParked(ctx context.Context) error {
	rows, err := p.Store.ParkedRows(ctx, p.Org, p.row.Rep.Rep)
	if err != nil {
		return err
	}
	if p.counted() {
		p.report.Checked.Parked += len(rows)
	}
	waiting := map[sideOf][]string{}
	for _, r := range rows {
		due := !r.NextTry.IsZero() && !r.NextTry.After(p.Now())
		f := Finding{Kind: r.Kind, Side: r.Side, Item: r.ID}
		switch {
		case due || !p.on(r.Kind):
			continue
		case !r.Reason.Parked():
			f.Code = ParkedMute
		case r.NextTry.IsZero() || r.NextTry.After(p.Now().Add(mostParked)):
			f.Code = ParkedNever
		case p.again(r.ID) && !isVacant(r.ID) && !r.Linked: // a link's item may be parked because it is gone
			at := sideOf{r.Kind, r.Side}
			waiting[at] = append(waiting[at], r.ID)
			continue
		default:
			continue
		}
		p.note(f, dueNow(f))
	}
	for at, ids := range waiting {
		if err := p.parkedGone(ctx, at, ids); err != nil {
			return err
		}
	}
	return nil
}

func dueNow(f Finding) func(*store.Repair) {
	return func(r *store.Repair) { r.Due = append(r.Due, store.ItemAt{Kind: f.Kind, Side: f.Side, ID: f.Item}) }
}

// parkedGone asks for parked items. One whose delete the next pass will read is not forgotten.
func (p *patient) parkedGone(ctx context.Context, at sideOf, ids []string) error {
	a, ok, err := p.get(ctx, at, ids)
	if err != nil || !ok {
		return err
	}
	var gone []string
	for _, id := range ids {
		if a.deleted(id) {
			gone = append(gone, id)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	coming, err := p.comes(ctx, at, gone)
	if err != nil {
		return err
	}
	for _, id := range gone {
		if coming.has(id) {
			continue
		}
		f := Finding{Code: ParkedGone, Kind: at.kind, Side: at.side, Item: id}
		p.note(f, dueNow(f))
	}
	return p.suspect(ctx, at.kind)
}
