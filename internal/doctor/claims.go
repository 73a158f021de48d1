package doctor

import (
	"context"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// checkClaims walks over the claims that the rep made.
func (p *patient) checkClaims(ctx context.Context) error {
	key := []byte{}
	for {
		rows, err := p.Store.ClaimRows(ctx, p.Org, p.row.Rep.Rep, key, batch)
		if err != nil || len(rows) == 0 {
			return err
		}
		key = rows[len(rows)-1].Key
		if p.counted() {
			p.report.Checked.Claims += len(rows)
		}
		for _, k := range kinds {
			if err := p.claimsOf(ctx, k, slices.DeleteFunc(slices.Clone(rows), func(c store.ClaimRow) bool { return c.Kind != k })); err != nil {
				return err
			}
		}
	}
}

func (p *patient) claimsOf(ctx context.Context, k record.Kind, rows []store.ClaimRow) error {
	var ids []string
	for _, c := range rows {
		if code := p.overdue(c); code != "" {
			p.note(Finding{Code: code, Kind: k, Link: c.LinkID}, dropClaim(c))
		}
		if c.CRMID != "" && !c.Live && p.again(c.CRMID, c.LinkID) { // one that a link in force leads to is looked after with its link
			ids = append(ids, c.CRMID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	at := sideOf{k, record.CRM}
	a, ok, err := p.get(ctx, at, ids)
	if err != nil || !ok {
		return err
	}
	gone := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !a.deleted(id) })
	coming := &due{}
	if len(gone) > 0 { // a claim ends when the org's feed tells of its record's end
		if coming, err = p.unlogged(ctx, k, gone); err != nil {
			return err
		}
		if err := p.suspect(ctx, k); err != nil {
			return err
		}
	}
	for _, c := range rows {
		f := Finding{Kind: k, Side: record.CRM, Item: c.CRMID, Link: c.LinkID}
		_, there := a.items[c.CRMID]
		switch {
		case a.deleted(c.CRMID) && coming.has(c.CRMID):
		case a.deleted(c.CRMID):
			f.Code = ClaimRecord
			p.note(f, dropClaim(c))
		case there && !c.Linked && !c.Led && c.Named && p.on(k):
			f.Code = ClaimUnlinked
			p.note(f, func(r *store.Repair) {
				r.UnlinkVerdicts, r.Reread = append(r.UnlinkVerdicts, store.ItemAt{Kind: k, Side: record.CRM, ID: c.CRMID}), true
			})
		}
	}
	return nil
}

func dropClaim(c store.ClaimRow) func(*store.Repair) {
	return func(r *store.Repair) { r.DropClaims = append(r.DropClaims, claimOf(c)) }
}

func claimOf(c store.ClaimRow) store.ClaimOf {
	return store.ClaimOf{Kind: c.Kind, Key: c.Key, LinkID: c.LinkID, CRMID: c.CRMID}
}

// overdue says what is wrong with a claim for a create that has not come about: it lasts longer than a create can take, or
// it ran out so long ago that it ought to have been pruned, and its link is gone.
func (p *patient) overdue(c store.ClaimRow) Code {
	switch {
	case c.CRMID != "":
	case c.Until.After(p.Now().Add(longest + 5*time.Minute)):
		return ClaimEndless
	case !c.Linked && c.Until.Before(p.Now().Add(-p.Keep-time.Hour)):
		return ClaimExpired
	}
	return ""
}
