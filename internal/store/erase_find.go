package store

import (
	"cmp"
	"context"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

const erasePage = 500 // rows that are opened at a time

// linkSide names a link where a side is asked for.
const linkSide record.Side = "link"

// node is an item on one side, or a link. A CRM record is everybody's: its Rep is "".
type node struct {
	Rep  string
	Kind record.Kind
	Side record.Side
	ID   string
}

// nodes are what belongs to a person.
type nodes map[node]bool

func (n nodes) add(rep string, kind record.Kind, side record.Side, id string) {
	if id == "" {
		return
	}
	if side == record.CRM {
		rep = ""
	}
	n[node{rep, kind, side, id}] = true
}

// has reports whether an item, or a link with Side link, of a rep is among them.
func (n nodes) has(rep string, kind record.Kind, side record.Side, id string) bool {
	if side == record.CRM {
		rep = ""
	}
	return n[node{rep, kind, side, id}]
}

// find opens all that is kept, page by page, and returns what the person's address occurs on, with everything that is linked
// to it. What an item was called when it was last seen is found too: by the keyed hashes that it is matched by.
func (e *eraser) find(ctx context.Context) (nodes, error) {
	found := nodes{}
	e.out.Damaged, e.out.Open, e.out.Policies = 0, nil, nil
	for _, look := range []func(context.Context, nodes) error{e.inJournal, e.inIntents, e.inStaged, e.inParked, e.inRanks, e.inFeed, e.byKeys, e.inPolicies} {
		if err := look(ctx, found); err != nil {
			return nil, err
		}
	}
	return found, e.spread(ctx, found)
}

// opens reports whether the address is in a box. A box that does not open is counted.
func (e *eraser) opens(box []byte, where string) bool {
	plain, err := e.s.open(box, where)
	if err != nil {
		e.out.Damaged++
		return false
	}
	if len(plain) > 0 && plain[0] == boxFormat {
		if text, beside, err := splitBox(plain); err == nil {
			return e.who.in(text) || e.who.in(beside)
		}
	}
	return len(plain) > 0 && e.who.in(plain)
}

func (e *eraser) inJournal(ctx context.Context, found nodes) error {
	rep, after := "", int64(fromFirst)
	for {
		page, err := query(ctx, e.s, "look through the journal of "+e.org, func(row pgx.CollectableRow) (chained, error) { return e.s.scanChained(row, true) },
			`select `+chainedColumns+journalFrom+` where j.org = $1 and (j.rep, j.seq) > ($2, $3) order by j.rep, j.seq limit $4`, e.org, rep, after, erasePage)
		if err != nil {
			return err
		}
		for _, l := range page {
			rep, after = l.Rep, l.Seq
			if l.State == valuesDamaged {
				e.out.Damaged++
			}
			for field, c := range l.Line.Values {
				if e.who.inString(field) || e.who.inString(c.Before) || e.who.inString(c.After) || e.who.inString(c.Lost) {
					found.add(l.Rep, l.Kind, l.Side, l.ID)
					found.add(l.Rep, l.Kind, linkSide, l.LinkID)
				}
			}
		}
		if len(page) < erasePage {
			return nil
		}
	}
}

// sealedRow is a row of any table that has boxes and is a rep's.
type sealedRow struct {
	Rep  string
	Kind record.Kind
	Side record.Side
	ID   string
	Link string
	Ref  connector.Ref // of an intent: what it writes
	From string        // and what it copies
	A, B []byte
}

func scanSealed(row pgx.CollectableRow) (r sealedRow, err error) {
	return r, row.Scan(&r.Rep, &r.Kind, &r.Side, &r.ID, &r.Link, &r.Ref.ID, &r.Ref.Occurrence, &r.From, &r.A, &r.B)
}

// each hands the rows of a statement to fn in pages. The statement orders by rep, kind, side and id, and takes the last of the
// page before as $2 to $5 and the page's length as $6.
func (e *eraser) each(ctx context.Context, op, sql string, fn func(sealedRow)) error {
	var last sealedRow
	for {
		page, err := query(ctx, e.s, op+" of "+e.org, scanSealed, sql, e.org, last.Rep, last.Kind, last.Side, last.ID, erasePage)
		if err != nil {
			return err
		}
		for _, r := range page {
			fn(r)
			last = r
		}
		if len(page) < erasePage {
			return nil
		}
	}
}

// inIntents looks at operations and before-images. The order of an intent is by rep and id alone.
func (e *eraser) inIntents(ctx context.Context, found nodes) error {
	var rep, id string
	for {
		page, err := query(ctx, e.s, "look through intents of "+e.org, scanSealed, `select rep, kind, side, intent_id, link_id, ref_id, occurrence, source_id,
				op_sealed, before_sealed
			from collection c join intent i on i.coll = c.no where org = $1 and (rep, intent_id) > ($2, $3) order by rep, intent_id limit $4`, e.org, rep, id, erasePage)
		if err != nil {
			return err
		}
		for _, r := range page {
			rep, id = r.Rep, r.ID
			op, before := e.opens(r.A, intentPlace(e.org, r.Rep, r.ID, "op")), e.opens(r.B, intentPlace(e.org, r.Rep, r.ID, "before"))
			if op || before {
				if r.Ref.ID != "" {
					found.add(r.Rep, r.Kind, r.Side, r.Ref.String())
				}
				found.add(r.Rep, r.Kind, r.Side.Other(), r.From)
				found.add(r.Rep, r.Kind, linkSide, r.Link)
			}
		}
		if len(page) < erasePage {
			return nil
		}
	}
}

func (e *eraser) inStaged(ctx context.Context, found nodes) error {
	return e.each(ctx, "look through staged rows", `select rep, kind, side, id, '', '', '', '', obs_sealed, null::bytea from collection c join staged s on s.coll = c.no
		where org = $1 and (rep, kind, side, id) > ($2, $3, $4, $5) order by rep, kind, side, id limit $6`, func(r sealedRow) {
		if e.opens(r.A, stagedPlace(e.org, r.Rep, r.Kind, r.Side, r.ID)) {
			found.add(r.Rep, r.Kind, r.Side, r.ID)
		}
	})
}

func (e *eraser) inParked(ctx context.Context, found nodes) error {
	return e.each(ctx, "look through parked rows", `select rep, kind, side, id, link_id, '', '', '', words_sealed, null::bytea from parked
		where org = $1 and (rep, kind, side, id) > ($2, $3, $4, $5) and words_sealed is not null order by rep, kind, side, id limit $6`, func(r sealedRow) {
		if e.opens(r.A, parkedPlace(e.org, r.Rep, r.Kind, r.Side, r.ID)) {
			found.add(r.Rep, r.Kind, r.Side, r.ID)
			found.add(r.Rep, r.Kind, linkSide, r.Link)
		}
	})
}

func (e *eraser) inRanks(ctx context.Context, found nodes) error {
	return e.each(ctx, "look through ranks", `select rep, kind, 'crm', id, '', '', '', '', rank_sealed, null::bytea from collection c join rank r on r.coll = c.no
		where org = $1 and (rep, kind, 'crm', id) > ($2, $3, $4, $5) order by rep, kind, id limit $6`, func(r sealedRow) {
		if e.opens(r.A, rankPlace(e.org, r.Rep, r.Kind, r.ID)) {
			found.add(r.Rep, r.Kind, record.CRM, r.ID)
		}
	})
}

func (e *eraser) inFeed(ctx context.Context, found nodes) error {
	type row struct {
		Kind record.Kind
		Seq  int64
		ID   string
		Box  []byte
	}
	last := row{Seq: math.MinInt64}
	for {
		page, err := query(ctx, e.s, "look through the feed of "+e.org, pgx.RowToStructByPos[row], `select kind, seq, id, item_sealed from feed
			where org = $1 and (kind, seq) > ($2, $3) and item_sealed is not null order by kind, seq limit $4`, e.org, last.Kind, last.Seq, erasePage)
		if err != nil {
			return err
		}
		for _, r := range page {
			last = r
			if e.opens(r.Box, feedPlace(e.org, r.Kind, "item/"+r.ID)) {
				found.add("", r.Kind, record.CRM, r.ID)
			}
		}
		if len(page) < erasePage {
			return nil
		}
	}
}

// byKeys finds items by the address's match key, also where no box with the address is left.
func (e *eraser) byKeys(ctx context.Context, found nodes) error {
	var keys [][]byte
	for _, k := range planner.StrongKeys(record.Fields{record.FieldEmail: e.who.address}) {
		keys = append(keys, e.s.ring.Lookup(e.org, record.Contact, k))
	}
	rows, err := query(ctx, e.s, "find a person's items in "+e.org, pgx.RowToStructByPos[node], `
		select rep, kind, 'mailbox', id from mailbox_key join collection c on c.no = coll + 0 where org = $1 and kind = 'contact'
			and keys && array(select key # o.no::bigint from collection o, unnest($3::bigint[]) key where o.org = $1 and o.kind = 'contact')
			and rep in (select rep from rep where org = $1)
		union
		select '', kind, 'crm', crm_id from claim join collection c on c.no = coll where org = $1 and kind = 'contact' and key = any($2::uuid[])
		union
		select rep, kind, 'link', link_id from claim join collection c on c.no = coll where org = $1 and kind = 'contact' and key = any($2::uuid[])`, e.org, keys, shorts(keys))
	for _, n := range rows {
		found.add(n.Rep, n.Kind, n.Side, n.ID)
	}
	return err
}

func (e *eraser) inPolicies(ctx context.Context, _ nodes) error {
	type row struct {
		NamedIn
		Box []byte
	}
	rows, err := query(ctx, e.s, "look through policies of "+e.org, pgx.RowToStructByPos[row],
		`select name, revision, document_sealed from policy where org = $1 order by revision`, e.org)
	for _, r := range rows {
		if e.opens(r.Box, policyPlace(e.org, r.Revision)) {
			e.out.Policies = append(e.out.Policies, r.NamedIn)
		}
	}
	return err
}

// spread adds what is linked to what was found, until there is no more: the other side's item, and what other reps have of the
// same CRM record.
func (e *eraser) spread(ctx context.Context, found nodes) error {
	reps, err := query(ctx, e.s, "list reps of "+e.org, pgx.RowTo[string], `select rep from rep where org = $1 order by rep`, e.org)
	if err != nil {
		return err
	}
	seen := nodes{}
	for len(seen) < len(found) {
		var items, links []node
		for n := range found {
			switch {
			case seen[n]:
			case n.Side == linkSide:
				links = append(links, n)
			case n.Rep != "":
				items = append(items, n)
			default:
				for _, rep := range reps {
					items = append(items, node{rep, n.Kind, n.Side, n.ID})
				}
			}
			seen[n] = true
		}
		kind := func(n node) string { return string(n.Kind) }
		rep, id := func(n node) string { return n.Rep }, func(n node) string { return n.ID }
		pairs, err := query(ctx, e.s, "follow links of "+e.org, pgx.RowToStructByPos[ErasedItem], `
			with i as materialized (select i.*, c.no as coll from unnest($2::text[], $3::text[], $4::text[], $5::text[]) as i(rep, kind, side, id)
					left join collection c on c.org = $1 and c.rep = i.rep and c.kind = i.kind),
				k as materialized (select k.*, c.no as coll from unnest($6::text[], $7::text[], $8::text[]) as k(rep, kind, link_id)
					left join collection c on c.org = $1 and c.rep = k.rep and c.kind = k.kind)
			select i.rep, i.kind, l.link_id, l.crm_id, l.mailbox_id from i join link l on l.coll = i.coll and l.crm_id = i.id where i.side = 'crm'
			union select i.rep, i.kind, l.link_id, l.crm_id, l.mailbox_id from i join link l on l.coll = i.coll and l.mailbox_id = i.id where i.side = 'mailbox'
			union select k.rep, k.kind, l.link_id, l.crm_id, l.mailbox_id from k join link l on l.coll = k.coll and l.link_id = k.link_id
			union select j.rep, j.kind, j.link_id, '', '' from i join journal j on j.org = $1 and j.rep = i.rep and j.id = i.id and j.kind = i.kind and j.side = i.side
			union select j.rep, j.kind, j.link_id, case when j.side = 'crm' then j.id else '' end, case when j.side = 'mailbox' then j.id else '' end
				from k join journal j on j.org = $1 and j.rep = k.rep and j.link_id = k.link_id and j.kind = k.kind where j.link_id <> ''
			union select i.rep, i.kind, v.link_id, '', '' from i join verdict v on v.coll = i.coll and v.side = i.side and v.id = i.id
			union select k.rep, k.kind, v.link_id, case when v.side = 'crm' then v.id else '' end, case when v.side = 'mailbox' then v.id else '' end
				from k join link l on l.coll = k.coll and l.link_id = k.link_id
				join verdict v on v.coll = l.coll and (v.side, v.id) in (('crm', l.crm_id), ('mailbox', l.mailbox_id))
			order by 1, 2, 3, 4, 5`,
			e.org, col(items, rep), col(items, kind), col(items, func(n node) string { return string(n.Side) }), col(items, id),
			col(links, rep), col(links, kind), col(links, id))
		if err != nil {
			return err
		}
		for _, p := range pairs {
			found.add(p.Rep, p.Kind, record.CRM, p.CRM)
			found.add(p.Rep, p.Kind, record.Mailbox, p.Mailbox)
			found.add(p.Rep, p.Kind, linkSide, p.Link)
			e.pair(p)
		}
	}
	return nil
}

// pair notes what is known of a link: its two items.
func (e *eraser) pair(p ErasedItem) {
	if p.Link == "" {
		return
	}
	at := node{p.Rep, p.Kind, linkSide, p.Link}
	known := e.pairs[at]
	if known == nil {
		known = &ErasedItem{Rep: p.Rep, Kind: p.Kind, Link: p.Link}
		e.pairs[at] = known
	}
	known.CRM, known.Mailbox = cmp.Or(known.CRM, p.CRM), cmp.Or(known.Mailbox, p.Mailbox)
	for _, n := range []node{{p.Rep, p.Kind, record.CRM, p.CRM}, {p.Rep, p.Kind, record.Mailbox, p.Mailbox}} {
		if n.ID != "" {
			e.pairs[n] = known
		}
	}
}

// pairOf returns the pair that an item or a link of a rep is of, or the item by itself.
func (e *eraser) pairOf(n node) ErasedItem {
	if known := e.pairs[n]; known != nil {
		return *known
	}
	it := ErasedItem{Rep: n.Rep, Kind: n.Kind}
	switch n.Side {
	case record.CRM:
		it.CRM = n.ID
	case record.Mailbox:
		it.Mailbox = n.ID
	default:
		it.Link = n.ID
	}
	return it
}
