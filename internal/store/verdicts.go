package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/record"
)

const (
	verdictRest    = `side, id, link_id, pass, revision, reason, field, rule, code, at`
	verdictColumns = `kind, ` + verdictRest
	verdictFrom    = ` from collection c join verdict v on v.coll = c.no `
)

func scanVerdict(row pgx.CollectableRow) (Verdict, error) {
	var v Verdict
	err := row.Scan(&v.Kind, &v.Side, &v.ID, &v.LinkID, &v.Pass, &v.Revision, &v.Reason, &v.Field, &v.Rule, &v.Code, &v.At)
	v.At = v.At.UTC()
	return v, err
}

// queueVerdicts upserts verdicts and parked rows. A verdict that says what the stored one says writes nothing, so that an
// unchanged world costs no write and keeps the pass of the last change.
func (s *Store) queueVerdicts(b *pgx.Batch, org, rep string, verdicts []Verdict, parked []Parked) {
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
	if len(rows) > 0 {
		b.Queue(`insert into verdict as t (coll, `+verdictRest+`)
			select c.no, i.side, i.id, i.link_id, i.pass, i.revision, i.reason, i.field, i.rule, i.code,
				coalesce(i.at, `+now+`)
			from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[], $10::text[], $11::text[],
				$12::text[], $13::text[], $14::timestamptz[])
				as i(kind, side, id, link_id, pass, revision, reason, field, rule, code, at)
				left join collection c on c.org = $2 and c.rep = $3 and c.kind = i.kind
			on conflict (coll, side, id) do update set link_id = excluded.link_id, pass = excluded.pass,
				revision = excluded.revision, reason = excluded.reason, field = excluded.field, rule = excluded.rule,
				code = excluded.code, at = excluded.at
			where (t.link_id, t.reason, t.field, t.code) <> (excluded.link_id, excluded.reason, excluded.field, excluded.code)`,
			s.clock(), org, rep, col(rows, kinds), col(rows, sides), col(rows, ids),
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

// Verdicts returns the verdicts on an item, by its id on either side or its link's id.
func (s *Store) Verdicts(ctx context.Context, org, rep string, kind record.Kind, id string) ([]Verdict, error) {
	return query(ctx, s, "list verdicts of "+rep, scanVerdict, `select `+verdictColumns+verdictFrom+`
		where org = $1 and rep = $2 and kind = $3 and (side in ('crm', 'mailbox') and id = $4 or link_id = $4 and link_id <> '')
		order by side, id`, org, rep, kind, id)
}

// VerdictsOf returns the verdicts on an item of any kind, by its id on either side or its link's. Of a series, by its
// master's id, it returns those on the first n occurrences too.
func (s *Store) VerdictsOf(ctx context.Context, org, rep, id string, n int) ([]Verdict, error) {
	return query(ctx, s, "list verdicts of "+rep, scanVerdict, `select `+verdictColumns+verdictFrom+`
		where org = $1 and rep = $2 and (id = $3 or link_id = $3 and link_id <> '' or kind = 'event' and split_part(id, '#', 1) = $3)
		order by kind, side, id limit $4`, org, rep, id, n)
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
		select $3::text, `+verdictRest+` from verdict v join items using (side, id)
		where v.coll = `+ofKind+` order by side, id`, org, rep, kind, keys, shorts(keys))
}
