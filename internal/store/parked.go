package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/record"
)

func parkedPlace(org, rep string, kind record.Kind, side record.Side, id string) string {
	return place(org, "parked", rep, string(kind), itemOf(side, id))
}

// queueParked upserts parked rows; one that is parked again keeps the time since when it is.
func (s *Store) queueParked(b *pgx.Batch, org, rep string, parked []Parked) {
	if len(parked) == 0 {
		return
	}
	rows := lastOf(parked, func(p Parked) string { return place(string(p.Kind), itemOf(p.Side, p.ID)) })
	b.Queue(`insert into parked as t (org, rep, kind, side, id, link_id, reason, field, code, words_sealed, attempts, next_try,
			since, revision, metadata)
		select $2, $3, i.kind, i.side, i.id, i.link_id, i.reason, i.field, i.code, i.words, i.attempts, i.next_try,
			coalesce(i.since, `+now+`), i.revision, i.metadata
		from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bytea[],
			$12::integer[], $13::timestamptz[], $14::timestamptz[], $15::bigint[], $16::text[])
			as i(kind, side, id, link_id, reason, field, code, words, attempts, next_try, since, revision, metadata)
		on conflict (org, rep, kind, side, id) do update set link_id = excluded.link_id, reason = excluded.reason,
			field = excluded.field, code = excluded.code, words_sealed = excluded.words_sealed, attempts = excluded.attempts,
			next_try = excluded.next_try, revision = excluded.revision, metadata = excluded.metadata`,
		s.clock(), org, rep,
		col(rows, func(p Parked) string { return string(p.Kind) }),
		col(rows, func(p Parked) string { return string(p.Side) }),
		col(rows, func(p Parked) string { return p.ID }),
		col(rows, func(p Parked) string { return p.LinkID }),
		col(rows, func(p Parked) string { return string(p.Reason) }),
		col(rows, func(p Parked) string { return p.Field }),
		col(rows, func(p Parked) string { return p.Code }),
		col(rows, func(p Parked) []byte {
			if p.Words == "" {
				return nil
			}
			return s.seal([]byte(p.Words), parkedPlace(org, rep, p.Kind, p.Side, p.ID))
		}),
		col(rows, func(p Parked) int32 { return int32(p.Attempts) }),
		col(rows, func(p Parked) *time.Time { return stamp(p.NextTry) }),
		col(rows, func(p Parked) *time.Time { return stamp(p.Since) }),
		col(rows, func(p Parked) int64 { return p.Revision }),
		col(rows, func(p Parked) string { return p.Metadata }))
}

const parkedColumns = `org, rep, kind, side, id, link_id, reason, field, code, words_sealed, attempts, next_try, since, revision, metadata`

func (s *Store) scanParked(row pgx.CollectableRow) (Parked, error) {
	var (
		p        Parked
		org, rep string
		box      []byte
		next     *time.Time
	)
	err := row.Scan(&org, &rep, &p.Kind, &p.Side, &p.ID, &p.LinkID, &p.Reason, &p.Field, &p.Code, &box, &p.Attempts, &next,
		&p.Since, &p.Revision, &p.Metadata)
	if err != nil {
		return Parked{}, err
	}
	p.NextTry, p.Since = moment(next), p.Since.UTC()
	words, err := s.open(box, parkedPlace(org, rep, p.Kind, p.Side, p.ID))
	p.Words = string(words)
	return p, err
}

// ParkedDue returns the parked items of a kind ("" all) that are to be tried again: their time has come, they were last
// tried under another policy revision, or under other field metadata ("" does not compare). A zero NextTry never comes
// by itself.
func (s *Store) ParkedDue(ctx context.Context, org, rep string, kind record.Kind, now time.Time, revision int64, metadata string) ([]Parked, error) {
	return query(ctx, s, "list due parked items of "+rep, s.scanParked, `select `+parkedColumns+` from parked
		where org = $1 and rep = $2 and ($3 = '' or kind = $3)
			and (next_try <= $4 or revision <> $5 or $6 <> '' and metadata <> $6)
		order by since, kind, side, id`, org, rep, kind, now, revision, metadata)
}

// ParkedList returns up to n parked items (0: all), the longest parked first.
func (s *Store) ParkedList(ctx context.Context, org, rep string, n int) ([]Parked, error) {
	return query(ctx, s, "list parked items of "+rep, s.scanParked, `select `+parkedColumns+` from parked
		where org = $1 and rep = $2 order by since, kind, side, id limit nullif($3::bigint, 0)`, org, rep, int64(n))
}

// RetryParked makes parked items due at once, by item or link id, and returns how many; nil ids is all of them.
func (s *Store) RetryParked(ctx context.Context, org, rep string, ids []string) (int, error) {
	var n int64
	err := s.tx(ctx, "retry parked items of "+rep, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update parked set next_try = `+now+`
			where org = $2 and rep = $3 and ($4::text[] is null or id = any($4) or link_id <> '' and link_id = any($4))`,
			s.clock(), org, rep, ids)
		n = tag.RowsAffected()
		return err
	})
	return int(n), err
}
