package doctor

import (
	"context"
	"slices"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// linkReading is what one walk over a rep's links gathers.
type linkReading struct {
	byCRM, byBox map[string][]store.LinkRow // by kind and item; only links that are not left
	marked       map[sideOf]map[string]string
}

// checkLinks walks over the rep's links, page by page, and asks both sides for the items of those that are in force.
func (p *patient) checkLinks(ctx context.Context) error {
	r := linkReading{byCRM: map[string][]store.LinkRow{}, byBox: map[string][]store.LinkRow{}, marked: map[sideOf]map[string]string{}}
	kind, id := record.Kind(""), ""
	for {
		rows, err := p.Store.LinkRows(ctx, p.Org, p.row.Rep.Rep, kind, id, batch)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		kind, id = rows[len(rows)-1].Place()
		if p.counted() {
			p.report.Checked.Links += len(rows)
		}
		for _, k := range kinds {
			ask, err := r.ofStore(ctx, p, slices.DeleteFunc(slices.Clone(rows), func(l store.LinkRow) bool { return l.Kind != k }))
			if err != nil {
				return err
			}
			if err := p.ofVendors(ctx, k, ask, &r); err != nil {
				return err
			}
		}
	}
	p.twice(r)
	return p.doubles(ctx, r.marked)
}

// ofStore checks what the store alone can tell of links, and returns those whose items are to be asked for.
func (r *linkReading) ofStore(ctx context.Context, p *patient, rows []store.LinkRow) (ask []store.LinkRow, err error) {
	for _, row := range rows {
		l := row.Link
		if l.State != planner.Left {
			if l.CRM.ID != "" && !isVacant(l.CRM.ID) {
				at := string(row.Kind) + "/" + l.CRM.ID
				r.byCRM[at] = append(r.byCRM[at], row)
			}
			if l.Mailbox.ID != "" {
				at := string(row.Kind) + "/" + slot(l.Mailbox.ID)
				r.byBox[at] = append(r.byBox[at], row)
			}
		}
		if err := p.base(ctx, row); err != nil {
			return nil, err
		}
		if p.open[l.ID] || row.Staged {
			continue // it is being planned or written
		}
		p.untold(row)
		switch f := (Finding{Kind: row.Kind, Link: l.ID}); {
		case l.CRM.ID == "" && l.Mailbox.ID == "":
			f.Code = LinkEmpty
			p.note(f, func(r *store.Repair) { drop(r, row.Kind, l.ID); r.Reread = true })
		case l.State != planner.Active || !p.on(row.Kind):
		case l.CRM.ID == "" || l.Mailbox.ID == "":
			if !row.Parked {
				f.Code = LinkWaits
				f.Side, f.Item = present(l)
				p.note(f, reread)
			}
		case p.again(l.ID):
			ask = append(ask, row)
		}
	}
	return ask, nil
}

func drop(r *store.Repair, k record.Kind, id string) {
	r.DropLinks = append(r.DropLinks, store.LinkOf{Kind: k, ID: id})
}

// present is the side and id of the item that a link has.
func present(l planner.Link) (record.Side, string) {
	if l.CRM.ID != "" {
		return record.CRM, l.CRM.ID
	}
	return record.Mailbox, l.Mailbox.ID
}

// base checks that what was agreed on can be read and compared with.
func (p *patient) base(ctx context.Context, row store.LinkRow) error {
	l := row.Link
	f := Finding{Kind: row.Kind, Link: l.ID}
	f.Side, f.Item = present(l)
	_, known := p.Ring.HasherAt(l.Norm, l.HashKey)
	series := l.Series()
	switch {
	case row.Broken:
		f.Code = LinkBase
		if row.Kind == record.Event && !series { // its base told whether it is the link of a native series; now the record does
			a, ok, err := p.get(ctx, sideOf{row.Kind, record.CRM}, []string{l.CRM.ID})
			if err != nil || !ok {
				return err
			}
			series = a.items[l.CRM.ID].Fields[record.FieldRecurrence] != ""
		}
	case !known && l.State == planner.Active:
		f.Code = LinkHashKey
	default:
		return nil
	}
	p.note(f, func(r *store.Repair) {
		r.Bases, r.Reread = append(r.Bases, store.NewBase{Kind: row.Kind, Link: l.Forgotten(p.Ring.Hasher(), series)}), true
	})
	return nil
}

// untold checks that each of a link's items has a verdict. It tells of the first that has none.
func (p *patient) untold(row store.LinkRow) {
	l := row.Link
	if l.State == planner.Left || !p.on(row.Kind) {
		return
	}
	for _, side := range sides {
		if id := l.Side(side).ID; id != "" && !isVacant(id) && !row.Told.Of(side) {
			p.note(Finding{Code: LinkUntold, Kind: row.Kind, Side: side, Item: id, Link: l.ID}, reread)
			return
		}
	}
}

// ofVendors asks both sides for the items of links in force.
func (p *patient) ofVendors(ctx context.Context, k record.Kind, rows []store.LinkRow, r *linkReading) error {
	if len(rows) == 0 {
		return nil
	}
	var asked planner.Sides[[]string]
	for _, row := range rows {
		asked.CRM, asked.Mailbox = append(asked.CRM, row.Link.CRM.ID), append(asked.Mailbox, row.Link.Mailbox.ID)
	}
	crm, ok1, err := p.get(ctx, sideOf{k, record.CRM}, asked.CRM)
	if err != nil {
		return err
	}
	box, ok2, err := p.get(ctx, sideOf{k, record.Mailbox}, asked.Mailbox)
	if err != nil || !ok1 || !ok2 {
		return err
	}
	var gone []store.LinkRow
	others := map[string][]store.LinkRow{} // link id that an item's marker names → the links whose mailbox item it is
	for _, row := range rows {
		l := row.Link
		if (crm.deleted(l.CRM.ID) || box.deleted(l.Mailbox.ID)) && !row.Parked && !l.Series() && p.inside(k, l, crm, box) {
			gone = append(gone, row)
		}
		for _, side := range sides {
			it, there := (planner.Sides[answer]{CRM: crm, Mailbox: box}).Of(side).items[l.Side(side).ID]
			if !there {
				continue
			}
			org, named := markerOf(it.Key)
			switch {
			case it.Key == "":
			case org != p.Org:
				p.note(Finding{Code: MarkerForeign, Kind: k, Side: side, Item: l.Side(side).ID, Link: l.ID}, nil)
			case side == record.Mailbox && named != l.ID:
				others[named] = append(others[named], row)
			}
			if l.Made == side {
				at := sideOf{k, side}
				if r.marked[at] == nil {
					r.marked[at] = map[string]string{}
				}
				r.marked[at][p.Org+"/"+keyOf(l)] = l.ID
			}
		}
		p.claimed(k, row, crm.items[l.CRM.ID], box.items[l.Mailbox.ID])
	}
	if err := p.vanished(ctx, k, gone, crm, box); err != nil {
		return err
	}
	return p.mistaken(ctx, k, others)
}

// vanished notes links whose items were deleted, unless the next pass will read of it.
func (p *patient) vanished(ctx context.Context, k record.Kind, rows []store.LinkRow, crm, box answer) error {
	if len(rows) == 0 {
		return nil
	}
	var ids planner.Sides[[]string]
	for _, row := range rows {
		ids.CRM, ids.Mailbox = append(ids.CRM, row.Link.CRM.ID), append(ids.Mailbox, row.Link.Mailbox.ID)
	}
	inCRM, err := p.comes(ctx, sideOf{k, record.CRM}, ids.CRM)
	if err != nil {
		return err
	}
	inBox, err := p.comes(ctx, sideOf{k, record.Mailbox}, ids.Mailbox)
	if err != nil {
		return err
	}
	for _, row := range rows {
		l := row.Link
		if crm.deleted(l.CRM.ID) && inCRM.has(l.CRM.ID) || box.deleted(l.Mailbox.ID) && inBox.has(l.Mailbox.ID) {
			continue
		}
		f := Finding{Code: LinkGone, Kind: k, Link: l.ID, Side: record.CRM, Item: l.CRM.ID}
		if !crm.deleted(l.CRM.ID) {
			f.Side, f.Item = record.Mailbox, l.Mailbox.ID
		}
		p.note(f, reread)
	}
	return p.suspect(ctx, k)
}

// inside reports whether a link's items are of those that a pass looks at: an event outside the policy's window is left as
// it is, and so is one whose time is not known any more.
func (p *patient) inside(k record.Kind, l planner.Link, crm, box answer) bool {
	if k != record.Event {
		return true
	}
	now, w := p.Now(), p.policy.Events.Window
	fits := func(m record.Moment) bool { return m.At.After(now.Add(-w.Past)) && m.At.Before(now.Add(w.Future)) }
	if at, err := record.ParseMoment(connector.ParseRef(l.Mailbox.ID).Occurrence); err == nil && !fits(at) {
		return false
	}
	for _, it := range []connector.Item{crm.items[l.CRM.ID], box.items[l.Mailbox.ID]} {
		if span, err := record.ParseSpan(it.Fields[record.FieldTime]); err == nil {
			return fits(span.Start)
		}
	}
	return crm.deleted(l.CRM.ID) && box.deleted(l.Mailbox.ID)
}

// claimed checks that a record which Repsync made is claimed, so that no other rep makes it again.
func (p *patient) claimed(k record.Kind, row store.LinkRow, crm, box connector.Item) {
	l := row.Link
	if l.Made != record.CRM || row.Claimed || crm.ID == "" || crm.Partial || box.Partial {
		return
	}
	keys := p.keysOf(k, box.Fields)
	if len(keys) == 0 {
		keys = p.keysOf(k, crm.Fields)
	}
	if len(keys) == 0 {
		return
	}
	p.note(Finding{Code: ClaimMissing, Kind: k, Side: record.CRM, Item: l.CRM.ID, Link: l.ID}, func(r *store.Repair) {
		for _, key := range keys {
			r.Claims = append(r.Claims, store.ClaimOf{Kind: k, Key: key, LinkID: l.ID, CRMID: l.CRM.ID})
		}
	})
}

// mistaken looks at mailbox items whose marker names another link than theirs. A marker outlives its link, and a copy that
// a person makes carries it too: it is wrong only where the link that it names is in force and its own item is without it.
func (p *patient) mistaken(ctx context.Context, k record.Kind, others map[string][]store.LinkRow) error {
	if len(others) == 0 {
		return nil
	}
	var names []string
	for id := range others {
		names = append(names, id)
	}
	named, err := p.Store.LinksByID(ctx, p.Org, p.row.Rep.Rep, k, names)
	if err != nil {
		return err
	}
	var ids []string
	for _, l := range named {
		if l.State == planner.Active && l.Mailbox.ID != "" {
			ids = append(ids, l.Mailbox.ID)
		}
	}
	a, ok, err := p.get(ctx, sideOf{k, record.Mailbox}, ids)
	if err != nil || !ok {
		return err
	}
	for id, l := range named {
		if _, own := markerOf(a.items[l.Mailbox.ID].Key); l.State != planner.Active || own == id {
			continue
		}
		for _, row := range others[id] {
			if row.Link.Mailbox.ID != l.Mailbox.ID {
				p.note(Finding{Code: MarkerOther, Kind: k, Side: record.Mailbox, Item: row.Link.Mailbox.ID, Link: row.Link.ID}, nil)
			}
		}
	}
	return nil
}
