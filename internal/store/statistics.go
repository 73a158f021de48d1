package store

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// A first sync fills empty tables within minutes. Postgres would go on planning for empty ones, and read all of a rep's
// rows for every batch, until its autovacuum comes by; and table staged is empty again whenever that happens. So the
// store sees to the statistics itself: each time that it has written so many rows, it has those tables analyzed that are
// twice as large as when Postgres last looked. Plans that connections have cached are made anew then.
//
// parse sets the other half of this: how to plan with them.

const analyzeAfter = 1000 // rows

// wrote counts rows that a call has stored. Whether statistics are refreshed is never the caller's failure.
func (s *Store) wrote(ctx context.Context, rows int) {
	n := int64(rows)
	if total := s.written.Add(n); total/analyzeAfter > (total-n)/analyzeAfter {
		_ = s.analyze(ctx)
	}
}

// analyze refreshes the statistics of the tables that have doubled since, or of which Postgres has none. A table that
// another worker is at is passed over.
func (s *Store) analyze(ctx context.Context) error {
	grown, err := query(ctx, s, "find grown tables", pgx.RowTo[string], `
		select c.relname::text from pg_class c, lateral (
			select pg_relation_size(c.oid) / current_setting('block_size')::bigint as pages) now
		where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and now.pages > 8
			and (c.reltuples <= 0 or now.pages > 2 * c.relpages)
		order by 1`)
	if err != nil || len(grown) == 0 {
		return err
	}
	return s.read(ctx, "analyze grown tables", func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `analyze (skip_locked) `+strings.Join(col(grown, func(name string) string { return pgx.Identifier{name}.Sanitize() }), ", "))
		return err
	})
}
