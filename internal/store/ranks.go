package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/record"
)

func rankPlace(org, rep string, kind record.Kind, id string) string {
	return place(org, "rank", rep, string(kind), id)
}

// PutRanks stores the ranks of CRM items that a policy's limit chooses among. Error: ErrLeaseLost.
func (s *Store) PutRanks(ctx context.Context, org, rep string, epoch int64, kind record.Kind, ranks []Ranked) error {
	rows := lastOf(ranks, func(r Ranked) string { return r.ID })
	return s.exec(ctx, "put ranks of "+rep, org, rep, epoch, `insert into rank (org, rep, kind, id, rank_sealed)
		select $1, $2, $3, id, box from unnest($4::text[], $5::bytea[]) as i(id, box)
		on conflict (org, rep, kind, id) do update set rank_sealed = excluded.rank_sealed`, org, rep, kind,
		col(rows, func(r Ranked) string { return r.ID }),
		col(rows, func(r Ranked) []byte { return s.ring.Seal([]byte(r.Rank), rankPlace(org, rep, kind, r.ID)) }))
}

// DropRanks forgets items: they are gone, or no longer admitted. Nil ids forgets every one. Error: ErrLeaseLost.
func (s *Store) DropRanks(ctx context.Context, org, rep string, epoch int64, kind record.Kind, ids []string) error {
	return s.exec(ctx, "drop ranks of "+rep, org, rep, epoch, `delete from rank
		where org = $1 and rep = $2 and kind = $3 and ($4::text[] is null or id = any($4))`, org, rep, kind, ids)
}

// Beyond splits the ranked items at a limit: the greatest ranks are in, in that order, equal ranks by id; the others are
// out. Ranks are made of customers' values and sealed, so that the order is made here and not in the database.
func (s *Store) Beyond(ctx context.Context, org, rep string, kind record.Kind, limit int) (in, out []string, err error) {
	scan := func(row pgx.CollectableRow) (Ranked, error) {
		var r Ranked
		var box []byte
		if err := row.Scan(&r.ID, &box); err != nil {
			return Ranked{}, err
		}
		plain, err := s.open(box, rankPlace(org, rep, kind, r.ID))
		r.Rank = string(plain)
		return r, err
	}
	rows, err := query(ctx, s, "rank items of "+rep, scan, `select id, rank_sealed from rank
		where org = $1 and rep = $2 and kind = $3`, org, rep, kind)
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(rows, func(a, b Ranked) int { return cmp.Or(cmp.Compare(b.Rank, a.Rank), cmp.Compare(a.ID, b.ID)) })
	ids := col(rows, func(r Ranked) string { return r.ID })
	limit = min(max(limit, 0), len(ids))
	return ids[:limit:limit], ids[limit:], nil
}
