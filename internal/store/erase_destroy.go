package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// ActionErase and ReasonErased stand on the journal line about an item whose values Erase destroyed.
const (
	ActionErase                 = "erase"
	ReasonErased planner.Reason = "erased"
)

var errDryRun = errors.New("dry run: nothing is kept")

// destroy destroys what is kept about what was found: first what is each rep's, under the rep's lease, then the org's feed. A
// rep with nothing to destroy is let be.
func (e *eraser) destroy(ctx context.Context, found nodes) error {
	reps, err := query(ctx, e.s, "list reps of "+e.org, pgx.RowTo[string], `select rep from rep where org = $1 order by rep`, e.org)
	if err != nil {
		return err
	}
	for _, rep := range reps {
		own := mine(found, rep)
		if len(own) == 0 {
			continue
		}
		var c counted
		do := func(tx pgx.Tx) (err error) {
			c, err = e.destroyOf(ctx, tx, rep, own)
			return err
		}
		if err := e.try(ctx, rep, do); err != nil {
			return err
		}
		if !e.opts.DryRun && len(c.items) > 0 {
			err := e.forRep(ctx, rep, func(tx pgx.Tx) error {
				if err := do(tx); err != nil {
					return err
				}
				return e.leave(ctx, tx, rep, c)
			})
			if err != nil {
				return err
			}
		}
		e.count(rep, c)
	}
	return e.destroyFeed(ctx, found)
}

// mine returns the nodes that a rep may have something of.
func mine(found nodes, rep string) []node {
	var out []node
	for n := range found {
		if n.Rep == rep || n.Rep == "" {
			n.Rep = rep
			out = append(out, n)
		}
	}
	return out
}

// try runs fn in a transaction that is rolled back. It holds the rep's row, so that no stage's write comes across.
func (e *eraser) try(ctx context.Context, rep string, fn func(pgx.Tx) error) error {
	op := "see what to erase for " + rep
	err := e.s.tx(ctx, op, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select from rep where org = $1 and rep = $2 `+string(exclusive), e.org, rep); err != nil {
			return err
		}
		if err := fn(tx); err != nil {
			return err
		}
		return &Error{Op: op, Code: CodeClient, kind: errDryRun}
	})
	if errors.Is(err, errDryRun) {
		return nil
	}
	return err
}

// forRep runs fn in a transaction under the rep's lease, so that no stage of a pass is at work.
func (e *eraser) forRep(ctx context.Context, rep string, fn func(pgx.Tx) error) error {
	epoch, err := e.acquire(ctx, rep)
	if err != nil {
		return err
	}
	defer func() { _ = e.s.Release(context.WithoutCancel(ctx), e.org, rep, epoch) }() // one that is not given back expires
	return e.s.fenced(ctx, "erase for "+rep, e.org, rep, epoch, exclusive, fn)
}

const leaseLook = 500 * time.Millisecond // how often a lease that is held is looked at again

// acquire takes a rep's lease, waiting for it as long as the options say.
func (e *eraser) acquire(ctx context.Context, rep string) (int64, error) {
	ttl := e.opts.Lease
	if ttl == 0 {
		ttl = time.Minute
	}
	patience := time.NewTimer(e.opts.Wait)
	defer patience.Stop()
	for {
		epoch, err := e.s.Acquire(ctx, e.org, rep, e.opts.Holder, ttl)
		if held := (ErrLeaseHeld{}); !errors.As(err, &held) {
			return epoch, err
		}
		select {
		case <-ctx.Done():
			return 0, wrap("erase for "+rep, ctx.Err())
		case <-patience.C:
			return 0, err
		case <-time.After(leaseLook):
		}
	}
}

// counted is what one transaction destroyed: it counts only once that is committed.
type counted struct {
	Erased
	items  map[ErasedItem]bool
	reread bool
}

// destroyOf destroys what a rep has about what was found.
func (e *eraser) destroyOf(ctx context.Context, tx pgx.Tx, rep string, own []node) (counted, error) {
	c := counted{items: map[ErasedItem]bool{}}
	note := func(kind record.Kind, side record.Side, id string) {
		c.items[e.pairOf(node{rep, kind, side, id})] = true
	}
	kinds := col(own, func(n node) string { return string(n.Kind) })
	sides := col(own, func(n node) string { return string(n.Side) })
	ids := col(own, func(n node) string { return n.ID })
	var b pgx.Batch
	gone := func(n *int, sql string) {
		b.Queue(sql, e.org, rep, kinds, sides, ids).Query(func(rows pgx.Rows) error {
			all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[node])
			for _, it := range all {
				*n++
				note(it.Kind, it.Side, it.ID)
			}
			return err
		})
	}
	const among = ` from unnest($3::text[], $4::text[], $5::text[]) as i(kind, side, id) `
	for _, line := range []string{`i.side = 'link' and t.link_id = i.id and t.link_id <> ''`, `t.side = i.side and t.id = i.id and t.link_id = ''`} {
		gone(&c.Keys, `with lines as (update journal t set values_salt = null`+among+`where t.org = $1 and t.rep = $2 and t.kind = i.kind
				and t.values_salt is not null and `+line+` returning i.*),
			items as (select distinct * from lines),
			marks as (insert into erased (coll, item) select c.no, i.side || '/' || i.id from items i
				join collection c on c.org = $1 and c.rep = $2 and c.kind = i.kind on conflict do nothing)
			select $2::text, * from items`)
	}
	gone(&c.Words, `update parked t set words_sealed = null`+among+`where t.org = $1 and t.rep = $2 and t.kind = i.kind
		and (t.side = i.side and t.id = i.id or i.side = 'link' and t.link_id = i.id) and t.words_sealed is not null returning t.rep, t.kind, t.side, t.id`)
	const usingOf = ` using unnest($3::text[], $4::text[], $5::text[]) as i(kind, side, id)
		join collection c on c.org = $1 and c.rep = $2 and c.kind = i.kind where true `
	gone(&c.Staged, `delete from staged t`+usingOf+`and c.no = t.coll and t.side = i.side and t.id = i.id
		and t.presence = 'present' returning c.rep, i.kind, i.side, i.id`)
	gone(&c.Ranks, `delete from rank t`+usingOf+`and c.no = t.coll and i.side = 'crm' and t.id = i.id
		returning c.rep, i.kind, i.side, i.id`)
	if err := send(ctx, tx, &b); err != nil {
		return c, err
	}
	err := e.destroyIntents(ctx, tx, rep, own, &c, note)
	c.reread = c.Staged+c.Ranks+c.Planned > 0
	return c, err
}

// leave writes what is to be known later: a journal line per item, and that everything is to be read again.
func (e *eraser) leave(ctx context.Context, tx pgx.Tx, rep string, c counted) error {
	var pass, revision int64
	if err := tx.QueryRow(ctx, `select pass, applied_revision from rep where org = $1 and rep = $2`, e.org, rep).Scan(&pass, &revision); err != nil {
		return err
	}
	var lines []Line
	for it := range c.items {
		l := Line{Pass: pass, Revision: revision, Kind: it.Kind, Side: record.CRM, ID: it.CRM, LinkID: it.Link, Action: ActionErase, Reason: ReasonErased}
		if it.CRM == "" {
			l.Side, l.ID = record.Mailbox, it.Mailbox
		}
		lines = append(lines, l)
	}
	slices.SortFunc(lines, func(a, b Line) int { return slices.Compare(a.said(), b.said()) })
	var b pgx.Batch
	if err := e.s.queueJournal(ctx, tx, &b, e.org, rep, lines); err != nil {
		return err
	}
	if c.reread {
		b.Queue(`update rep set reread = true where org = $1 and rep = $2`, e.org, rep)
	}
	return send(ctx, tx, &b)
}

func (e *eraser) count(rep string, c counted) {
	o := &e.out
	o.Keys, o.Intents, o.Planned, o.Staged, o.Words, o.Ranks = o.Keys+c.Keys, o.Intents+c.Intents, o.Planned+c.Planned, o.Staged+c.Staged, o.Words+c.Words, o.Ranks+c.Ranks
	o.Open = append(o.Open, c.Open...)
	for it := range c.items {
		e.items[it] = true
	}
	if c.reread {
		e.reread[rep] = true
	}
}

// destroyIntents takes the values of a rep's intents. Of one that is over the row stays, since the guards count it: its
// operation keeps the names of the fields. One that is planned or held goes; one that is sent or unknown is needed to find out
// what became of it.
func (e *eraser) destroyIntents(ctx context.Context, tx pgx.Tx, rep string, own []node, c *counted, note func(record.Kind, record.Side, string)) error {
	rows, err := tx.Query(ctx, `select `+intentColumns+` from intent where coll = `+ofRep+`
		and (link_id = any($3) or ref_id = any($4) or ref_id || '#' || occurrence = any($4) or source_id = any($4)) order by intent_id for update`,
		e.org, rep, col(own, func(n node) string { return n.ID }), col(own, func(n node) string { return n.ID }))
	if err != nil {
		return err
	}
	all, err := pgx.CollectRows(rows, e.s.scanIntentOf(e.org, rep))
	if err != nil {
		return err
	}
	set := nodes{}
	for _, n := range own {
		set.add(n.Rep, n.Kind, n.Side, n.ID)
	}
	var b pgx.Batch
	for _, in := range all {
		side := in.Op.Side
		if !set.has(rep, in.Kind, linkSide, in.LinkID) && (in.Ref.ID == "" || !set.has(rep, in.Kind, side, in.Ref.String())) &&
			!set.has(rep, in.Kind, side.Other(), in.SourceID) {
			continue
		}
		switch in.State {
		case Sent, Unknown:
			c.Open = append(c.Open, OpenIntent{rep, in.ID})
			continue
		case Planned, Held:
			c.Planned++
			b.Queue(`delete from intent where coll = `+ofRep+` and no = $3 and intent_id = $4`, e.org, rep, intentNo(in.ID), in.ID)
		default:
			if in.Before == nil && bare(in.Op) {
				continue
			}
			c.Intents++
			strip(&in.Op)
			box, err := e.s.sealOp(in.Op, intentPlace(e.org, rep, in.ID, "op"))
			if err != nil {
				return err
			}
			b.Queue(`update intent set op_sealed = $4, before_sealed = null where coll = `+ofRep+` and no = $3 and intent_id = $5`, e.org, rep, intentNo(in.ID), box, in.ID)
		}
		note(in.Kind, linkSide, in.LinkID)
	}
	return send(ctx, tx, &b)
}

// bare reports whether an operation has no value.
func bare(op planner.Op) bool {
	for _, v := range op.Set {
		if v != "" {
			return false
		}
	}
	return true
}

// strip takes an operation's values, and leaves the names of its fields.
func strip(op *planner.Op) {
	for f := range op.Set {
		op.Set[f] = ""
	}
}

// destroyFeed takes the values of the feed's rows on what was found. A rep who has not come to them yet reads everything
// again instead.
func (e *eraser) destroyFeed(ctx context.Context, found nodes) error {
	var kinds, ids []string
	for n := range found {
		if n.Side == record.CRM {
			kinds, ids = append(kinds, string(n.Kind)), append(ids, n.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	const of = ` from feed f join unnest($2::text[], $3::text[]) as i(kind, id) on f.kind = i.kind and f.id = i.id
		where f.org = $1 and not f.deleted and f.item_sealed is not null`
	behind, err := query(ctx, e.s, "find reps behind the feed of "+e.org, pgx.RowTo[string], `select distinct r.rep from rep r
		join cursor c on c.org = r.org and c.rep = r.rep and c.side = 'crm'
		join (select f.kind, max(f.seq) as seq `+of+` group by f.kind) f on f.kind = c.kind and f.seq > c.position
		where r.org = $1 and not r.reread order by 1`, e.org, kinds, ids)
	if err != nil {
		return err
	}
	for _, rep := range behind {
		e.reread[rep] = true
		if e.opts.DryRun {
			continue
		}
		err := e.forRep(ctx, rep, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `update rep set reread = true where org = $1 and rep = $2`, e.org, rep)
			return err
		})
		if err != nil {
			return err
		}
	}
	var gone []ErasedItem
	op := "erase from the feed of " + e.org
	err = e.s.tx(ctx, op, func(tx pgx.Tx) error {
		// The state's lock comes first, as in AppendFeed.
		if _, err := tx.Exec(ctx, `select from feed_state where org = $1 order by kind for update`, e.org); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `update feed t set item_sealed = null from (select f.kind, f.seq `+of+`) m
			where t.org = $1 and t.kind = m.kind and t.seq = m.seq returning '', t.kind, '', t.id, ''`, e.org, kinds, ids)
		if err != nil {
			return err
		}
		if gone, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ErasedItem]); err != nil {
			return err
		}
		if e.opts.DryRun {
			return &Error{Op: op, Code: CodeClient, kind: errDryRun}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return err
	}
	e.out.Feed += len(gone)
	for _, it := range gone {
		e.items[it] = true
	}
	return nil
}
