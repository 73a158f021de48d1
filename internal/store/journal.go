package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/record"
)

// item names what a line's values are sealed for: the link, or the item itself while it has none.
func (l Line) item() string {
	if l.LinkID != "" {
		return "link/" + l.LinkID
	}
	return itemOf(l.Side, l.ID)
}

// digest is the same for the same line written again. It is keyed, since it covers values.
func (s *Store) digest(org, rep string, l Line) ([]byte, error) {
	l.Seq, l.Rep, l.At = 0, rep, time.Time{}
	plain, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	return s.ring.Lookup(org, "journal", string(plain)), nil
}

// link of the chain: a line's digest covers its predecessor's, so that none can be taken out, changed or put in between.
// It covers the sealed values and not the plain ones: destroying an item's key leaves the chain whole.
func chain(before, digest, sealed []byte, at time.Time) []byte {
	h := sha256.New()
	for _, part := range [][]byte{before, digest, sealed, at.UTC().AppendFormat(nil, time.RFC3339Nano)} {
		_, _ = fmt.Fprintf(h, "%d:", len(part))
		h.Write(part)
	}
	return h.Sum(nil)
}

// queueJournal queues the lines that are not in the journal yet. It needs the rep's row locked exclusively, and one round
// trip of its own for the items' keys and the end of the chain.
func (s *Store) queueJournal(ctx context.Context, tx pgx.Tx, b *pgx.Batch, org, rep string, lines []Line) error {
	if len(lines) == 0 {
		return nil
	}
	digests := make([][]byte, len(lines))
	for i, l := range lines {
		var err error
		if digests[i], err = s.digest(org, rep, l); err != nil {
			return err
		}
	}
	known, keys, last, at, err := s.prepareJournal(ctx, tx, org, rep, lines, digests)
	if err != nil {
		return err
	}
	var rows []Line
	var sums, boxes, chains [][]byte
	for i, l := range lines {
		if known[string(digests[i])] {
			continue
		}
		known[string(digests[i])] = true
		if l.At.IsZero() {
			l.At = at
		}
		l.At = l.At.UTC().Truncate(time.Microsecond) // what the column keeps, since the chain covers it
		var box []byte
		if key := keys[place(string(l.Kind), l.item())]; len(l.Values) > 0 && key != nil {
			plain, err := json.Marshal(l.Values)
			if err != nil {
				return err
			}
			box = keyring.SealUnder(key, plain, journalPlace(org, rep, l))
		}
		last = chain(last, digests[i], box, l.At)
		rows, sums, boxes, chains = append(rows, l), append(sums, digests[i]), append(boxes, box), append(chains, last)
	}
	if len(rows) == 0 {
		return nil
	}
	b.Queue(`insert into journal (org, rep, pass, revision, kind, side, id, link_id, action, field, rule, code, reason,
			values_sealed, at, digest, chain)
		select $1, $2, pass, revision, kind, side, id, link_id, action, field, rule, code, reason, box, at, digest, chain
		from unnest($3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
			$11::text[], $12::text[], $13::text[], $14::bytea[], $15::timestamptz[], $16::bytea[], $17::bytea[])
			with ordinality
			as i(pass, revision, kind, side, id, link_id, action, field, rule, code, reason, box, at, digest, chain, n)
		order by n`, org, rep,
		col(rows, func(l Line) int64 { return l.Pass }), col(rows, func(l Line) int64 { return l.Revision }),
		col(rows, func(l Line) string { return string(l.Kind) }), col(rows, func(l Line) string { return string(l.Side) }),
		col(rows, func(l Line) string { return l.ID }), col(rows, func(l Line) string { return l.LinkID }),
		col(rows, func(l Line) string { return l.Action }), col(rows, func(l Line) string { return l.Field }),
		col(rows, func(l Line) string { return l.Rule }), col(rows, func(l Line) string { return l.Code }),
		col(rows, func(l Line) string { return string(l.Reason) }), boxes,
		col(rows, func(l Line) time.Time { return l.At }), sums, chains)
	return nil
}

func journalPlace(org, rep string, l Line) string {
	return place(org, "journal", rep, string(l.Kind), l.item())
}

func itemKeyPlace(org, rep string, kind record.Kind, item string) string {
	return place(org, "item_key", rep, string(kind), item)
}

// prepareJournal makes the keys of items that have none, and reads which lines are known, the keys, the end of the chain
// and the time. A destroyed key comes back as nil.
func (s *Store) prepareJournal(ctx context.Context, tx pgx.Tx, org, rep string, lines []Line, digests [][]byte) (known map[string]bool, keys map[string][]byte, last []byte, at time.Time, err error) {
	var valued []Line
	for _, l := range lines {
		if len(l.Values) > 0 {
			valued = append(valued, l)
		}
	}
	valued = lastOf(valued, func(l Line) string { return place(string(l.Kind), l.item()) })
	kinds := col(valued, func(l Line) string { return string(l.Kind) })
	items := col(valued, Line.item)
	known, keys = map[string]bool{}, map[string][]byte{}
	var b pgx.Batch
	b.Queue(`insert into item_key (org, rep, kind, item, key_sealed)
		select $1, $2, i.kind, i.item, i.box from unnest($3::text[], $4::text[], $5::bytea[]) as i(kind, item, box)
		on conflict do nothing`, org, rep, kinds, items, col(valued, func(l Line) []byte {
		return s.ring.Seal(keyring.NewItemKey(), itemKeyPlace(org, rep, l.Kind, l.item()))
	}))
	b.Queue(`select k.kind, k.item, k.key_sealed from item_key k join unnest($3::text[], $4::text[]) as i(kind, item) using (kind, item)
		where k.org = $1 and k.rep = $2`, org, rep, kinds, items).Query(func(rows pgx.Rows) error {
		var kind record.Kind
		var item string
		var box []byte
		_, err := pgx.ForEachRow(rows, []any{&kind, &item, &box}, func() error {
			key, err := s.open(box, itemKeyPlace(org, rep, kind, item))
			keys[place(string(kind), item)] = key
			return err
		})
		return err
	})
	b.Queue(`select digest from journal where org = $1 and rep = $2 and digest = any($3)`, org, rep, digests).Query(func(rows pgx.Rows) error {
		var digest []byte
		_, err := pgx.ForEachRow(rows, []any{&digest}, func() error {
			known[string(digest)] = true
			return nil
		})
		return err
	})
	b.Queue(`select `+now+`, (select chain from journal where org = $2 and rep = $3 order by seq desc limit 1)`,
		s.clock(), org, rep).QueryRow(func(row pgx.Row) error { return row.Scan(&at, &last) })
	return known, keys, last, at, send(ctx, tx, &b)
}

const journalColumns = `j.org, j.seq, j.rep, j.pass, j.revision, j.kind, j.side, j.id, j.link_id, j.action, j.field, j.rule, j.code,
	j.reason, j.values_sealed, j.at, k.key_sealed`

const journalFrom = ` from journal j left join item_key k on k.org = j.org and k.rep = j.rep and k.kind = j.kind
	and k.item = case when j.link_id <> '' then 'link/' || j.link_id else j.side || '/' || j.id end `

func (s *Store) scanLine(row pgx.CollectableRow) (Line, error) {
	var (
		l        Line
		org      string
		box, key []byte
	)
	err := row.Scan(&org, &l.Seq, &l.Rep, &l.Pass, &l.Revision, &l.Kind, &l.Side, &l.ID, &l.LinkID, &l.Action, &l.Field, &l.Rule,
		&l.Code, &l.Reason, &box, &l.At, &key)
	if err != nil {
		return Line{}, err
	}
	l.At = l.At.UTC()
	if box == nil || key == nil { // no values, or destroyed
		return l, nil
	}
	if key, err = s.open(key, itemKeyPlace(org, l.Rep, l.Kind, l.item())); err != nil {
		return Line{}, err
	}
	plain, err := keyring.OpenUnder(key, box, journalPlace(org, l.Rep, l))
	if err != nil {
		return Line{}, err
	}
	return l, json.Unmarshal(plain, &l.Values)
}

// Journal returns up to n lines after a sequence number, oldest first, with their values opened; rep "" is the whole org.
// A reader who follows the whole org may meet a line late: numbers are given out before transactions end. Within one rep
// none comes late.
func (s *Store) Journal(ctx context.Context, org, rep string, after int64, n int) ([]Line, error) {
	return query(ctx, s, "read journal of "+org, s.scanLine, `select `+journalColumns+journalFrom+`
		where j.org = $1 and ($2 = '' or j.rep = $2) and j.seq > $3 order by j.seq limit $4`, org, rep, after, n)
}

// JournalOf returns the newest n lines on one item, by its id on either side or its link's id, newest first.
func (s *Store) JournalOf(ctx context.Context, org, rep, id string, n int) ([]Line, error) {
	return query(ctx, s, "read journal of an item of "+rep, s.scanLine, `select `+journalColumns+journalFrom+`
		where j.org = $1 and j.rep = $2 and (j.id = $3 or j.link_id = $3 and j.link_id <> '') order by j.seq desc limit $4`, org, rep, id, n)
}

var errBroken = errors.New("chain is broken")

// VerifyJournal walks a rep's journal and checks the chain of digests. It returns the first sequence number that does
// not fit its predecessor, 0 when all do. Erased values do not break the chain.
func (s *Store) VerifyJournal(ctx context.Context, org, rep string) (int64, error) {
	var broken int64
	err := s.read(ctx, "verify journal of "+rep, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `select seq, digest, values_sealed, at, chain from journal
			where org = $1 and rep = $2 order by seq`, org, rep)
		if err != nil {
			return err
		}
		var (
			seq               int64
			digest, box, have []byte
			at                time.Time
			last              []byte
		)
		_, err = pgx.ForEachRow(rows, []any{&seq, &digest, &box, &at, &have}, func() error {
			if last = chain(last, digest, box, at); !slices.Equal(last, have) {
				broken = seq
				return errBroken
			}
			return nil
		})
		if errors.Is(err, errBroken) {
			return nil
		}
		return err
	})
	return broken, err
}
