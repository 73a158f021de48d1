package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/record"
)

// Situation reads all that a pass starts from, in one round trip. It is the only query of an idle pass. Error:
// ErrNotFound when the rep is not there.
func (s *Store) Situation(ctx context.Context, org, rep string) (Situation, error) {
	var out Situation
	err := s.read(ctx, "read situation of "+rep, func(conn *pgx.Conn) error {
		out = Situation{Staged: map[record.Kind]int{}, Open: map[record.Kind]map[IntentState]int{}, Feeds: map[record.Kind]FeedState{}}
		var b pgx.Batch
		s.queueSituation(&b, &out, org, rep)
		return conn.SendBatch(ctx, &b).Close()
	})
	if err != nil {
		return Situation{}, err
	}
	return out, nil
}

// queueSituation queues the questions; the answers land in out.
func (s *Store) queueSituation(b *pgx.Batch, out *Situation, org, rep string) {
	b.Queue(`select `+repColumns+` from rep where org = $1 and rep = $2`, org, rep).Query(func(rows pgx.Rows) (err error) {
		out.Rep, err = pgx.CollectExactlyOneRow(rows, s.scanRep)
		return err
	})
	b.Queue(`select revision from org where org = $1`, org).QueryRow(func(row pgx.Row) error {
		return row.Scan(&out.PolicyRevision)
	})
	b.Queue(newestOfEach(), org).Query(func(rows pgx.Rows) (err error) {
		out.Policies, err = pgx.CollectRows(rows, s.scanPolicy)
		return err
	})
	b.Queue(`select `+cursorColumns+` from cursor where org = $1 and rep = $2 order by kind, side`, org, rep).Query(func(rows pgx.Rows) (err error) {
		out.Cursors, err = pgx.CollectRows(rows, s.scanCursor)
		return err
	})
	b.Queue(`select kind, count(*) from collection c join staged s on s.coll = c.no where org = $1 and rep = $2 group by kind`, org, rep).Query(func(rows pgx.Rows) error {
		var kind record.Kind
		var n int
		_, err := pgx.ForEachRow(rows, []any{&kind, &n}, func() error {
			out.Staged[kind] = n
			return nil
		})
		return err
	})
	b.Queue(`select (select count(*) from parked where org = $2 and rep = $3),
			(select count(*) from parked where org = $2 and rep = $3 and next_try <= `+now+`)`,
		s.clock(), org, rep).QueryRow(func(row pgx.Row) error { return row.Scan(&out.Parked, &out.ParkedDue) })
	b.Queue(`select kind, state, count(*) from collection c, lateral (
			select state from intent where coll = c.no and state in ('planned', 'held')
			union all select state from intent where coll = c.no and state in ('sent', 'unknown')) i
		where org = $1 and rep = $2 group by kind, state`, org, rep).Query(func(rows pgx.Rows) error {
		var kind record.Kind
		var state IntentState
		var n int
		_, err := pgx.ForEachRow(rows, []any{&kind, &state, &n}, func() error {
			if out.Open[kind] == nil {
				out.Open[kind] = map[IntentState]int{}
			}
			out.Open[kind][state] = n
			return nil
		})
		return err
	})
	b.Queue(`select `+planColumns+` from plan where org = $1 and rep = $2`, org, rep).Query(func(rows pgx.Rows) error {
		plans, err := pgx.CollectRows(rows, scanPlan)
		if len(plans) > 0 {
			out.Plan = &plans[0]
		}
		return err
	})
	b.Queue(`select `+feedStateColumns+` from feed_state where org = $1`, org).Query(func(rows pgx.Rows) error {
		states, err := pgx.CollectRows(rows, s.scanFeedState)
		for _, f := range states {
			out.Feeds[f.Kind] = f
		}
		return err
	})
}
