package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/record"
)

func cursorPlace(org, rep string, kind record.Kind, side record.Side, column string) string {
	return place(org, "cursor", rep, string(kind), string(side), column)
}

// queueCursor stores a cursor whole, but for Synced, which is Commit's.
func (s *Store) queueCursor(b *pgx.Batch, org, rep string, c Cursor) {
	at := func(column string) string { return cursorPlace(org, rep, c.Kind, c.Side, column) }
	b.Queue(`insert into cursor (org, rep, kind, side, token_sealed, next_sealed, page_sealed, position, next_position,
			full_read, read_no, retry_at, retry_code)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		on conflict (org, rep, kind, side) do update set token_sealed = excluded.token_sealed,
			next_sealed = excluded.next_sealed, page_sealed = excluded.page_sealed, position = excluded.position,
			next_position = excluded.next_position, full_read = excluded.full_read, read_no = excluded.read_no,
			retry_at = excluded.retry_at, retry_code = excluded.retry_code`,
		org, rep, c.Kind, c.Side, s.seal(c.Token, at("token")), s.seal(c.Next, at("token")), s.seal(c.Page, at("page")),
		c.Offset, c.NextOffset, c.Full, c.ReadNo, stamp(c.RetryAt), c.RetryCode)
}

const cursorColumns = `org, rep, kind, side, token_sealed, next_sealed, page_sealed, position, next_position, full_read,
	read_no, synced, retry_at, retry_code`

func (s *Store) scanCursor(row pgx.CollectableRow) (Cursor, error) {
	var (
		c                 Cursor
		org, rep          string
		token, next, page []byte
		retry             *time.Time
	)
	err := row.Scan(&org, &rep, &c.Kind, &c.Side, &token, &next, &page, &c.Offset, &c.NextOffset, &c.Full, &c.ReadNo, &c.Synced, &retry,
		&c.RetryCode)
	if err != nil {
		return Cursor{}, err
	}
	c.RetryAt = moment(retry)
	// Token and Next share a context, so that Commit can move the box without opening it.
	for _, f := range []struct {
		into   *[]byte
		box    []byte
		column string
	}{{&c.Token, token, "token"}, {&c.Next, next, "token"}, {&c.Page, page, "page"}} {
		if *f.into, err = s.open(f.box, cursorPlace(org, rep, c.Kind, c.Side, f.column)); err != nil {
			return Cursor{}, err
		}
	}
	return c, nil
}

// Commit moves the cursors of these kinds to what was read (Token = Next, Offset = NextOffset) where something waits,
// and stores the pass. Error: ErrLeaseLost.
func (s *Store) Commit(ctx context.Context, org, rep string, epoch int64, in CommitIn) error {
	return s.fenced(ctx, "commit pass of "+rep, org, rep, epoch, exclusive, func(tx pgx.Tx) error {
		var b pgx.Batch
		b.Queue(`update cursor set token_sealed = coalesce(next_sealed, token_sealed), next_sealed = null,
				position = case when next_position <> 0 then next_position else position end, next_position = 0,
				full_read = false
			where org = $1 and rep = $2 and kind = any($3) and (next_sealed is not null or next_position <> 0)`,
			org, rep, col(in.Kinds, func(k record.Kind) string { return string(k) }))
		b.Queue(`update cursor set synced = true where org = $1 and rep = $2 and kind = any($3) and not synced`,
			org, rep, col(in.Kinds, func(k record.Kind) string { return string(k) }))
		b.Queue(`update rep set pass = greatest(pass, $3), applied_revision = $4, reread = $5 where org = $1 and rep = $2`,
			org, rep, in.Pass, in.AppliedRevision, in.Reread)
		return send(ctx, tx, &b)
	})
}

// SetRetry notes that reading a kind on a side waits until at, and why; a zero at clears it.
func (s *Store) SetRetry(ctx context.Context, org, rep string, kind record.Kind, side record.Side, at time.Time, code string) error {
	return s.tx(ctx, "set retry of "+rep, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into cursor (org, rep, kind, side, retry_at, retry_code) values ($1, $2, $3, $4, $5, $6)
			on conflict (org, rep, kind, side) do update set retry_at = excluded.retry_at, retry_code = excluded.retry_code`,
			org, rep, kind, side, stamp(at), code)
		return err
	})
}
