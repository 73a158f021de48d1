package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/record"
)

// WrittenLinks returns, in order, up to n ids of links after the given one through which something was written since a
// time. An undo goes over them.
func (s *Store) WrittenLinks(ctx context.Context, org, rep string, kind record.Kind, since time.Time, after string, n int) ([]string, error) {
	return query(ctx, s, "list what was written for "+rep, pgx.RowTo[string], `select distinct link_id from intent
		where org = $1 and rep = $2 and kind = $3 and state = 'done' and settled >= $4 and link_id > $5
		order by link_id limit $6`, org, rep, kind, since, after, n)
}

// WritesOf returns what was written through these links since a time, by link id, in the order in which it was settled: the
// intents that are done, with their before-images.
func (s *Store) WritesOf(ctx context.Context, org, rep string, kind record.Kind, since time.Time, linkIDs []string) (map[string][]Intent, error) {
	rows, err := query(ctx, s, "list writes of "+rep, s.scanIntent, `select `+intentColumns+` from intent
		where org = $1 and rep = $2 and kind = $3 and state = 'done' and settled >= $4 and link_id = any($5)
		order by settled, pass, intent_id`, org, rep, kind, since, linkIDs)
	out := make(map[string][]Intent, len(linkIDs))
	for _, in := range rows {
		out[in.LinkID] = append(out[in.LinkID], in)
	}
	return out, err
}

// LinesByRule returns up to n of a rep's lines of one action and rule after a sequence number, oldest first.
func (s *Store) LinesByRule(ctx context.Context, org, rep, action, rule string, after int64, n int) ([]Line, error) {
	return query(ctx, s, "read journal of "+rep, s.scanLine, `select `+journalColumns+journalFrom+`
		where j.org = $1 and j.rep = $2 and j.action = $3 and j.rule = $4 and j.seq > $5 order by j.seq limit $6`, org, rep, action, rule, after, n)
}
