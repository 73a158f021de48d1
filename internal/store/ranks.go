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

// Ranking says what is known of the ranks of a kind.
type Ranking int

// The rankings.
const (
	NoRanks   Ranking = iota // nobody can be beyond the limit
	AllRanks                 // every admitted record has one, once those that are staged have
	LateRanks                // some are missing: the rep's next pass reads everything again, and makes them
)

// KeepRanks says whether ranks are to be kept under a limit. As long as no more records are known than it lets in, in links,
// verdicts and staged rows, there are none. Once there are more, ranks are kept from then on; those of records that were read
// before are made by reading everything again. Until a pass does that (whole), some may be missing, also for a stage that is run
// anew. Error: ErrLeaseLost.
func (s *Store) KeepRanks(ctx context.Context, org, rep string, epoch int64, kind record.Kind, limit int, whole bool) (Ranking, error) {
	out := NoRanks
	err := s.fenced(ctx, "keep ranks of "+rep, org, rep, epoch, exclusive, func(tx pgx.Tx) error {
		var ranked, asked, over, before bool
		err := tx.QueryRow(ctx, `select ranked, coalesce((select reread from rep r where r.org = c.org and r.rep = c.rep), false),
				(select count(*) from link l where l.coll = no) + (select count(*) from verdict v where v.coll = no and v.side = 'crm')
					+ (select count(*) from staged s where s.coll = no and s.side = 'crm' and s.admitted
						and not exists (select from link l where l.coll = no and l.crm_id = s.id)
						and not exists (select from verdict v where v.coll = no and v.side = 'crm' and v.id = s.id)) > $4,
				exists (select from link l where l.coll = no and l.crm_id <> ''
						and not exists (select from staged s where s.coll = no and s.side = 'crm' and s.id = l.crm_id))
					or exists (select from verdict v where v.coll = no and v.side = 'crm'
						and not exists (select from staged s where s.coll = no and s.side = 'crm' and s.id = v.id))
			from collection c where org = $1 and rep = $2 and kind = $3`, org, rep, kind, int64(limit)).Scan(&ranked, &asked, &over, &before)
		switch {
		case err != nil:
			return err
		case ranked && asked && !whole:
			out = LateRanks
			return nil
		case ranked:
			out = AllRanks
			return nil
		case !over:
			out = NoRanks
			return nil
		}
		var b pgx.Batch
		b.Queue(`update collection set ranked = true where org = $1 and rep = $2 and kind = $3`, org, rep, kind)
		if out = AllRanks; before {
			out = LateRanks
			b.Queue(`update rep set reread = true where org = $1 and rep = $2`, org, rep)
			// What was read in full and is not committed yet counts as read again: its records are planned, and not staged any more.
			b.Queue(`update cursor set page_sealed = null where org = $1 and rep = $2 and kind = $3 and side = 'crm'`, org, rep, kind)
		}
		return send(ctx, tx, &b)
	})
	return out, err
}

// PutRanks stores the ranks of CRM items that a policy's limit chooses among, where they are kept. Error: ErrLeaseLost.
func (s *Store) PutRanks(ctx context.Context, org, rep string, epoch int64, kind record.Kind, ranks []Ranked) error {
	if len(ranks) == 0 {
		return nil
	}
	return s.fenced(ctx, "put ranks of "+rep, org, rep, epoch, shared, func(tx pgx.Tx) error {
		var b pgx.Batch
		s.queueRanks(&b, org, rep, kind, ranks)
		return send(ctx, tx, &b)
	})
}

func (s *Store) queueRanks(b *pgx.Batch, org, rep string, kind record.Kind, ranks []Ranked) {
	if len(ranks) == 0 {
		return
	}
	rows := lastOf(ranks, func(r Ranked) string { return r.ID })
	b.Queue(`insert into rank (coll, id, rank_sealed)
		select no, id, box from collection, unnest($4::text[], $5::bytea[]) as i(id, box)
		where org = $1 and rep = $2 and kind = $3 and ranked
		on conflict (coll, id) do update set rank_sealed = excluded.rank_sealed`, org, rep, kind,
		col(rows, func(r Ranked) string { return r.ID }),
		col(rows, func(r Ranked) []byte { return s.ring.Seal([]byte(r.Rank), rankPlace(org, rep, kind, r.ID)) }))
}

// DropRanks forgets items: they are gone, or no longer admitted. Nil ids forgets every one. Error: ErrLeaseLost.
func (s *Store) DropRanks(ctx context.Context, org, rep string, epoch int64, kind record.Kind, ids []string) error {
	return s.exec(ctx, "drop ranks of "+rep, org, rep, epoch, `delete from rank
		where coll = `+ofKind+` and ($4::text[] is null or id = any($4))`, org, rep, kind, ids)
}

// Seats splits the ranked items at a limit: the greatest ranks are in, equal ranks go by id. While nothing is over the
// limit, or was when NoteSeats last said so, the database answers with no row. Ranks are made of customers' values and
// sealed, so that the order is made here and not in the database.
func (s *Store) Seats(ctx context.Context, org, rep string, kind record.Kind, limit int) (Seating, error) {
	type seat struct {
		Ranked
		beyond bool
	}
	scan := func(row pgx.CollectableRow) (seat, error) {
		var r seat
		var box []byte
		if err := row.Scan(&r.ID, &box, &r.beyond); err != nil {
			return seat{}, err
		}
		plain, err := s.open(box, rankPlace(org, rep, kind, r.ID))
		r.Rank = string(plain)
		return r, err
	}
	limit = max(limit, 0)
	rows, err := query(ctx, s, "rank items of "+rep, scan, ` -- a scalar subquery is run once; joined, it may be run for each item
		select id, rank_sealed, beyond from rank where coll = `+ofKind+`
			and (select count(*) > $4 or bool_or(beyond) from rank where coll = `+ofKind+`)`,
		org, rep, kind, int64(limit))
	if err != nil {
		return Seating{}, err
	}
	slices.SortFunc(rows, func(a, b seat) int { return cmp.Or(cmp.Compare(b.Rank, a.Rank), cmp.Compare(a.ID, b.ID)) })
	var out Seating
	for n, r := range rows {
		switch {
		case n < limit && r.beyond:
			out.Back = append(out.Back, r.ID)
		case n >= limit:
			out.Out = append(out.Out, r.ID)
			if !r.beyond {
				out.Pushed = append(out.Pushed, r.ID)
			}
		}
	}
	return out, nil
}

// Unseated returns which of these items were out when the seating was last noted.
func (s *Store) Unseated(ctx context.Context, org, rep string, kind record.Kind, ids []string) (map[string]bool, error) {
	rows, err := query(ctx, s, "find unseated items of "+rep, pgx.RowTo[string], `select id from rank
		where coll = `+ofKind+` and beyond and id = any($4)`, org, rep, kind, ids)
	out := make(map[string]bool, len(rows))
	for _, id := range rows {
		out[id] = true
	}
	return out, err
}

// NoteSeats notes who was pushed out and who came back, once both are staged. Error: ErrLeaseLost.
func (s *Store) NoteSeats(ctx context.Context, org, rep string, epoch int64, kind record.Kind, seats Seating) error {
	return s.exec(ctx, "note seats of "+rep, org, rep, epoch, `update rank set beyond = coalesce(id = any($4::text[]), false)
		where coll = `+ofKind+` and (id = any($4::text[]) or id = any($5::text[]))`, org, rep, kind, seats.Pushed, seats.Back)
}
