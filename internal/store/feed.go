package store

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

func feedPlace(org string, kind record.Kind, what string) string {
	return place(org, "feed", string(kind), what)
}

const feedStateColumns = `org, kind, token_sealed, page_sealed, first, last, at`

func (s *Store) scanFeedState(row pgx.CollectableRow) (FeedState, error) {
	var (
		f           FeedState
		org         string
		token, page []byte
	)
	err := row.Scan(&org, &f.Kind, &token, &page, &f.First, &f.Last, &f.At)
	if err != nil {
		return FeedState{}, err
	}
	f.At = f.At.UTC()
	if f.Token, err = s.open(token, feedPlace(org, f.Kind, "token")); err != nil {
		return FeedState{}, err
	}
	f.Page, err = s.open(page, feedPlace(org, f.Kind, "page"))
	return f, err
}

// FeedState returns where the org's feed of a kind stands. Error: ErrNotFound before EnsureFeed.
func (s *Store) FeedState(ctx context.Context, org string, kind record.Kind) (FeedState, error) {
	return queryOne(ctx, s, "get feed of "+org, s.scanFeedState,
		`select `+feedStateColumns+` from feed_state where org = $1 and kind = $2`, org, kind)
}

// EnsureFeed starts the org's feed of a kind at a token; a feed that is there stays as it is. Error: ErrNotFound when the
// org is not there.
func (s *Store) EnsureFeed(ctx context.Context, org string, kind record.Kind, token []byte) error {
	return s.tx(ctx, "start feed of "+org, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into feed_state (org, kind, token_sealed, first, last, at)
			values ($2, $3, $4, 1, 0, `+now+`) on conflict do nothing`,
			s.clock(), org, kind, s.seal(token, feedPlace(org, kind, "token")))
		return err
	})
}

// AppendFeed adds rows to the log and moves token and page, in one transaction, and returns how many rows were new. A row
// that shows an item's state that the log holds already (same id, tag and deleted; without a tag, its newest state) is not
// added again. Errors: ErrNotFound before EnsureFeed; ErrConflict when the feed's token is not expectToken, unless token
// and page stand where this very call would put them.
func (s *Store) AppendFeed(ctx context.Context, org string, kind record.Kind, expectToken []byte, rows []FeedRow, token, page []byte) (int, error) {
	var added int64
	err := s.tx(ctx, "append to feed of "+org, func(tx pgx.Tx) error {
		r, err := tx.Query(ctx, `select `+feedStateColumns+` from feed_state where org = $1 and kind = $2 for update`, org, kind)
		if err != nil {
			return err
		}
		state, err := pgx.CollectExactlyOneRow(r, s.scanFeedState)
		if err != nil {
			return err
		}
		added = 0
		if !bytes.Equal(state.Token, expectToken) {
			if bytes.Equal(state.Token, token) && bytes.Equal(state.Page, page) {
				return nil // this very call, again
			}
			return ErrConflict
		}
		if len(rows) > 0 {
			if added, err = s.appendRows(ctx, tx, org, kind, state.Last, rows); err != nil {
				return err
			}
			if err := endClaims(ctx, tx, org, kind, rows); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `update feed_state set token_sealed = $4, page_sealed = $5, last = last + $6, at = `+now+`
			where org = $2 and kind = $3`, s.clock(), org, kind,
			s.seal(token, feedPlace(org, kind, "token")), s.seal(page, feedPlace(org, kind, "page")), added)
		return err
	})
	return int(added), err
}

func (s *Store) appendRows(ctx context.Context, tx pgx.Tx, org string, kind record.Kind, last int64, in []FeedRow) (int64, error) {
	rows := distinctStates(in)
	boxes, err := sealAll(rows, func(r FeedRow) ([]byte, error) {
		if r.Deleted {
			r.Item = connector.Item{Ref: connector.Ref{ID: r.Into}}
		}
		return s.sealJSON(r.Item, feedPlace(org, kind, "item/"+r.ID))
	})
	if err != nil {
		return 0, err
	}
	tag, err := tx.Exec(ctx, `insert into feed (org, kind, seq, id, owner, reps, tag, at, deleted, logged, item_sealed)
		select $2, $3, $4 + row_number() over (order by i.n), i.id, i.owner,
			coalesce(string_to_array(nullif(i.reps, ''), e'\x1f'), '{}'), i.tag, i.at, i.deleted, `+now+`, i.box
		from unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[], $10::boolean[], $11::bytea[])
			with ordinality as i(id, owner, reps, tag, at, deleted, box, n)
		where not exists (
			select from feed f where f.org = $2 and f.kind = $3 and f.id = i.id and f.tag = i.tag and f.deleted = i.deleted
				and f.seq = (select max(g.seq) from feed g where g.org = $2 and g.kind = $3 and g.id = i.id))`,
		s.clock(), org, kind, last,
		col(rows, func(r FeedRow) string { return r.ID }), col(rows, func(r FeedRow) string { return r.Owner }),
		col(rows, func(r FeedRow) string { return place(r.Item.Reps...) }),
		col(rows, func(r FeedRow) string { return r.Version.Tag }),
		col(rows, func(r FeedRow) *time.Time { return stamp(r.Version.At) }),
		col(rows, func(r FeedRow) bool { return r.Deleted }), boxes)
	return tag.RowsAffected(), err
}

// distinctStates keeps one row of each state of an item, the last of them, in the order given.
func distinctStates(rows []FeedRow) []FeedRow {
	seen := map[string]bool{}
	var out []FeedRow
	for _, r := range slices.Backward(rows) {
		k := place(r.ID, r.Version.Tag, strconv.FormatBool(r.Deleted))
		if !seen[k] {
			seen[k] = true
			out = append(out, r)
		}
	}
	slices.Reverse(out)
	return out
}

// FeedSince returns up to n rows after an offset that concern a rep: owned by or shared with crmUser, linked to the rep,
// staged for it, or ranked under its limit; with crmUser "" every row. Of several rows of one item only the newest comes. Scanned is the offset to go on from.
// It does not look whether retention has overtaken the offset: FeedState.First tells.
func (s *Store) FeedSince(ctx context.Context, org string, kind record.Kind, rep, crmUser string, offset int64, n int) (rows []FeedRow, scanned int64, err error) {
	err = s.read(ctx, "read feed of "+org, func(conn *pgx.Conn) error {
		r, err := conn.Query(ctx, `
			with head as (select last from feed_state where org = $1 and kind = $2), mine as (select no from collection where org = $1 and rep = $3 and kind = $2)
			select h.last, f.seq, f.id, f.owner, f.tag, f.at, f.deleted, f.item_sealed
			from head h left join lateral (
				select * from feed f
				where f.org = $1 and f.kind = $2 and f.seq > $5 and f.seq <= h.last and f.item_sealed is not null -- null: see Erase
					and not exists (select from feed g where g.org = $1 and g.kind = $2 and g.id = f.id and g.seq > f.seq and g.seq <= h.last)
					and ($4 = '' or f.owner = $4 or $4 = any(f.reps) or exists (
						select from link l where l.coll = (select no from mine) and l.crm_id = f.id) or exists (
						select from staged s where s.coll = (select no from mine) and s.side = 'crm' and s.id = f.id) or exists (
						select from rank r where r.coll = (select no from mine) and r.id = f.id))
				order by f.seq limit $6) f on true
			order by f.seq`, org, kind, rep, crmUser, offset, n)
		if err != nil {
			return err
		}
		rows, scanned = nil, offset
		var (
			last        int64
			seq         *int64
			id, own, tg *string
			at          *time.Time
			deleted     *bool
			box         []byte
		)
		_, err = pgx.ForEachRow(r, []any{&last, &seq, &id, &own, &tg, &at, &deleted, &box}, func() error {
			if seq == nil { // nothing concerns this rep
				return nil
			}
			row := FeedRow{Seq: *seq, Kind: kind, ID: *id, Owner: *own, Deleted: *deleted,
				Version: connector.Version{Tag: *tg, At: moment(at)}}
			if err := s.openJSON(box, feedPlace(org, kind, "item/"+row.ID), &row.Item); err != nil {
				return err
			}
			if row.Deleted {
				row.Into, row.Item = row.Item.ID, connector.Item{}
			}
			rows = append(rows, row)
			return nil
		})
		switch {
		case err != nil:
			return err
		case len(rows) == n && n > 0:
			scanned = rows[n-1].Seq
		default:
			scanned = max(offset, last)
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	return rows, scanned, nil
}

// RestartFeed empties the log of a kind and moves its token: what happened in between is not known. Every offset into the log
// is overtaken. Error: ErrConflict when the feed's token is not expectToken.
func (s *Store) RestartFeed(ctx context.Context, org string, kind record.Kind, expectToken, token []byte) error {
	return s.tx(ctx, "restart feed of "+org, func(tx pgx.Tx) error {
		r, err := tx.Query(ctx, `select `+feedStateColumns+` from feed_state where org = $1 and kind = $2 for update`, org, kind)
		if err != nil {
			return err
		}
		state, err := pgx.CollectExactlyOneRow(r, s.scanFeedState)
		switch {
		case err != nil:
			return err
		case !bytes.Equal(state.Token, expectToken):
			return ErrConflict
		}
		if _, err := tx.Exec(ctx, `delete from feed where org = $1 and kind = $2`, org, kind); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update feed_state set token_sealed = $4, page_sealed = null, first = last + 2, last = last + 1, at = `+now+`
			where org = $2 and kind = $3`, s.clock(), org, kind, s.seal(token, feedPlace(org, kind, "token")))
		return err
	})
}

// PruneFeed removes the rows of all kinds that were logged before a time, and returns how many.
func (s *Store) PruneFeed(ctx context.Context, org string, before time.Time) (int, error) {
	var n int64
	err := s.tx(ctx, "prune feed of "+org, func(tx pgx.Tx) error {
		// The state's lock comes first, as in AppendFeed; the log loses its oldest end only.
		_, err := tx.Exec(ctx, `select from feed_state where org = $1 order by kind for update`, org)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `delete from feed f using (
				select s.kind, coalesce((select min(k.seq) from feed k where k.org = $1 and k.kind = s.kind and k.logged >= $2), s.last + 1) as keep
				from feed_state s where s.org = $1) cut
			where f.org = $1 and f.kind = cut.kind and f.seq < cut.keep`, org, before)
		if err != nil {
			return err
		}
		n = tag.RowsAffected()
		_, err = tx.Exec(ctx, `update feed_state s set
				first = coalesce((select min(f.seq) from feed f where f.org = $1 and f.kind = s.kind), s.last + 1)
			where s.org = $1`, org)
		return err
	})
	return int(n), err
}
