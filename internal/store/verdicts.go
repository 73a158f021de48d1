package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/record"
)

const (
	verdictRest    = `side, id, link_id, pass, revision, reason, field, rule, code, at`
	verdictColumns = `kind, v.side, v.id, v.link_id, v.pass, v.revision, v.reason, v.field, v.rule, v.code, v.at`
)

func scanVerdict(row pgx.CollectableRow) (Verdict, error) {
	var v Verdict
	err := row.Scan(&v.Kind, &v.Side, &v.ID, &v.LinkID, &v.Pass, &v.Revision, &v.Reason, &v.Field, &v.Rule, &v.Code, &v.At)
	v.At = v.At.UTC()
	return v, err
}

// The verdict on the items of a link nearly always is one: it stands once, in the link's row. Of an item of which something else is
// said, or that has no link, it stands in table verdict. View told shows the verdict on each item, wherever it stands.

// joint is a verdict on both items of a link.
type joint struct {
	Verdict
	crm, mailbox string
}

// jointly finds, by kind and link, what a batch says of both items of a link alike.
func jointly(verdicts []Verdict) map[string]joint {
	type sides struct{ crm, mailbox *Verdict }
	of := map[string]sides{}
	for i, v := range verdicts {
		at := place(string(v.Kind), v.LinkID)
		both := of[at]
		if v.Side == record.CRM {
			both.crm = &verdicts[i]
		} else {
			both.mailbox = &verdicts[i]
		}
		of[at] = both
	}
	out := map[string]joint{}
	for at, both := range of {
		if both.crm == nil || both.mailbox == nil || both.crm.LinkID == "" {
			continue
		}
		other := *both.mailbox
		other.Side, other.ID = both.crm.Side, both.crm.ID
		if other == *both.crm {
			out[at] = joint{other, both.crm.ID, both.mailbox.ID}
		}
	}
	return out
}

// tellsAnew is whether a link is told another verdict, by the columns that tell: one that says the same writes nothing, so that
// an unchanged world costs no write and keeps the pass of the last change. toldAnew stores it then.
const tellsAnew = `excluded.reason <> '' and (l.reason, l.field, l.code) <> (excluded.reason, excluded.field, excluded.code)`

var toldAnew = col([]string{"pass", "revision", "at", "reason", "field", "rule", "code"}, func(column string) string {
	return column + ` = case when ` + tellsAnew + ` then excluded.` + column + ` else l.` + column + ` end`
})

// queueVerdicts stores verdicts and parked rows; told is what is said jointly of items of links that the batch does not store. What
// says the same as what is stored writes nothing.
func (s *Store) queueVerdicts(b *pgx.Batch, org, rep string, verdicts []Verdict, told map[string]joint, parked []Parked) {
	rows := lastOf(verdicts, func(v Verdict) string { return place(string(v.Kind), itemOf(v.Side, v.ID)) })
	stillParked := keyed(parked, func(p Parked) string { return place(string(p.Kind), itemOf(p.Side, p.ID)) })
	var free []Verdict
	for _, v := range rows {
		if _, ok := stillParked[place(string(v.Kind), itemOf(v.Side, v.ID))]; !ok {
			free = append(free, v)
		}
	}
	kinds := func(v Verdict) string { return string(v.Kind) }
	sides := func(v Verdict) string { return string(v.Side) }
	ids := func(v Verdict) string { return v.ID }
	if both := lastOf(slices.Collect(maps.Values(told)), func(j joint) string { return place(string(j.Kind), j.LinkID) }); len(both) > 0 {
		b.Queue(`update link l set pass = i.pass, revision = i.revision, at = coalesce(i.at, `+now+`), reason = i.reason, field = i.field,
				rule = i.rule, code = i.code
			from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[], $10::text[], $11::text[],
				$12::text[], $13::text[], $14::timestamptz[])
				as i(kind, link_id, crm_id, mailbox_id, pass, revision, reason, field, rule, code, at)
				join collection c on c.org = $2 and c.rep = $3 and c.kind = i.kind
			where l.coll = c.no and l.link_id = i.link_id and l.crm_id = i.crm_id and l.mailbox_id = i.mailbox_id
				and (l.reason, l.field, l.code) <> (i.reason, i.field, i.code)`,
			s.clock(), org, rep, col(both, func(j joint) string { return string(j.Kind) }),
			col(both, func(j joint) string { return j.LinkID }),
			col(both, func(j joint) string { return j.crm }),
			col(both, func(j joint) string { return j.mailbox }),
			col(both, func(j joint) int64 { return j.Pass }),
			col(both, func(j joint) int64 { return j.Revision }),
			col(both, func(j joint) string { return string(j.Reason) }),
			col(both, func(j joint) string { return j.Field }),
			col(both, func(j joint) string { return j.Rule }),
			col(both, func(j joint) string { return j.Code }),
			col(both, func(j joint) *time.Time { return stamp(j.At) }))
	}
	if len(rows) > 0 {
		b.Queue(verdictSQL, s.clock(), org, rep, col(rows, kinds), col(rows, sides), col(rows, ids),
			col(rows, func(v Verdict) string { return v.LinkID }),
			col(rows, func(v Verdict) int64 { return v.Pass }),
			col(rows, func(v Verdict) int64 { return v.Revision }),
			col(rows, func(v Verdict) string { return string(v.Reason) }),
			col(rows, func(v Verdict) string { return v.Field }),
			col(rows, func(v Verdict) string { return v.Rule }),
			col(rows, func(v Verdict) string { return v.Code }),
			col(rows, func(v Verdict) *time.Time { return stamp(v.At) }))
	}
	if len(free) > 0 {
		b.Queue(`delete from parked p using unnest($3::text[], $4::text[], $5::text[]) as i(kind, side, id)
			where p.org = $1 and p.rep = $2 and p.kind = i.kind and p.side = i.side and p.id = i.id`,
			org, rep, col(free, kinds), col(free, sides), col(free, ids))
	}
	s.queueParked(b, org, rep, parked)
}

// verdictSQL upserts the verdicts that an item's link does not tell, and takes away those that it does.
const verdictSQL = `
with input as materialized (
	select c.no as coll, i.*, exists (select from link l where l.coll = c.no and l.link_id = i.link_id
			and (i.side = 'crm' and l.crm_id = i.id or i.side = 'mailbox' and l.mailbox_id = i.id)
			and (l.reason, l.field, l.code) = (i.reason, i.field, i.code)) as linked
	from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[], $10::text[], $11::text[],
		$12::text[], $13::text[], $14::timestamptz[])
		as i(kind, side, id, link_id, pass, revision, reason, field, rule, code, at)
		left join collection c on c.org = $2 and c.rep = $3 and c.kind = i.kind
), gone as (
	delete from verdict v using input i where i.linked and v.coll = i.coll and v.side = i.side and v.id = i.id
)
insert into verdict as t (coll, ` + verdictRest + `)
select coll, side, id, link_id, pass, revision, reason, field, rule, code, coalesce(at, ` + now + `)
from input where not linked
on conflict (coll, side, id) do update set link_id = excluded.link_id, pass = excluded.pass,
	revision = excluded.revision, reason = excluded.reason, field = excluded.field, rule = excluded.rule,
	code = excluded.code, at = excluded.at
where (t.link_id, t.reason, t.field, t.code) <> (excluded.link_id, excluded.reason, excluded.field, excluded.code)`

// Verdicts returns the verdicts on an item, by its id on either side or its link's id.
func (s *Store) Verdicts(ctx context.Context, org, rep string, kind record.Kind, id string) ([]Verdict, error) {
	return query(ctx, s, "list verdicts of "+rep, scanVerdict, `select `+verdictColumns+` from collection c, lateral (
			select * from told where coll = c.no and side in ('crm', 'mailbox') and id = $4
			union select * from told where coll = c.no and link_id = $4 and link_id <> '') v
		where org = $1 and rep = $2 and kind = $3 order by v.side, v.id`, org, rep, kind, id)
}

// VerdictsOf returns the verdicts on an item of any kind, by its id on either side or its link's. Of a series, by its
// master's id, it returns those on the first n occurrences too.
func (s *Store) VerdictsOf(ctx context.Context, org, rep, id string, n int) ([]Verdict, error) {
	return query(ctx, s, "list verdicts of "+rep, scanVerdict, `select `+verdictColumns+` from collection c, lateral (
			select * from told where coll = c.no and id = $3
			union select * from told where coll = c.no and link_id = $3 and link_id <> ''
			union select * from told where coll = c.no and kind = 'event' and id >= $3 || '#' and id < $3 || '$') v
		where org = $1 and rep = $2 order by kind, v.side, v.id limit $4`, org, rep, id, n)
}

// VerdictsByKeys returns the verdicts on the items known to carry one of these match keys (keyring lookup hashes): as
// mailbox items, as what those are linked to, or as CRM records that the key was claimed for.
func (s *Store) VerdictsByKeys(ctx context.Context, org, rep string, kind record.Kind, keys [][]byte) ([]Verdict, error) {
	return query(ctx, s, "find verdicts of "+rep, scanVerdict, `
		with mailbox as (
			select id from mailbox_key where `+withKeys("$5")+`
		), crm as (
			select crm_id as id from claim where key = any($4::uuid[]) and crm_id <> ''
		), linked as (
			select link_id from link l join mailbox m on l.mailbox_id = m.id and l.mailbox_id <> ''
			where l.coll = `+ofKind+`
			union
			select link_id from link l join crm c on l.crm_id = c.id where l.coll = `+ofKind+`
		), items as (
			select 'mailbox' as side, id from mailbox
			union
			select 'crm', id from crm
			union
			select unnest(array['crm', 'mailbox']), unnest(array[l.crm_id, l.mailbox_id])
			from link l join linked using (link_id) where l.coll = `+ofKind+`
		)
		select $3::text, v.side, v.id, v.link_id, v.pass, v.revision, v.reason, v.field, v.rule, v.code, v.at -- offset 0: each is looked up
		from items i, lateral (select * from told where coll = `+ofKind+` and side = i.side and id = i.id offset 0) v order by v.side, v.id`, org, rep, kind, keys, shorts(keys))
}
