package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/planted"
)

// item names what a line's values are sealed for: the link, or the item itself while it has none.
func (l Line) item() string {
	if l.LinkID != "" {
		return "link/" + l.LinkID
	}
	return itemOf(l.Side, l.ID)
}

// queueJournal queues the lines that are not in the journal yet, and the new end of the rep's chain. It needs the rep's row
// locked exclusively, and one round trip of its own for the lines' numbers and the end of the chain.
func (s *Store) queueJournal(ctx context.Context, tx pgx.Tx, b *pgx.Batch, org, rep string, lines []Line) error {
	if len(lines) == 0 {
		return nil
	}
	digests := make([][]byte, len(lines))
	for i, l := range lines {
		l.Rep = rep
		digests[i] = digest(s.ring, org, l)
	}
	p, err := s.prepareJournal(ctx, tx, org, rep, lines, digests)
	if err != nil {
		return err
	}
	var rows []chained
	var salts, boxes [][]byte
	for i, l := range lines {
		if p.known[string(digests[i])] {
			continue
		}
		p.known[string(digests[i])] = true
		l.Rep, l.Seq = rep, p.seqs[i]
		if l.At.IsZero() {
			l.At = p.at
		}
		l.At = l.At.UTC().Truncate(time.Microsecond) // what the column keeps, since the chain covers it
		var salt, box []byte
		if len(l.Values) > 0 && !p.erased[place(string(l.Kind), l.item())] {
			plain := packValues(l.Values)
			salt, box = s.ring.SealApart(plain, journalPlace(org, rep, l))
			if planted.Is(planted.SealedInPlain) {
				box = plain
			}
		}
		row := chained{Line: l, Digest: digests[i], Sum: sumOf(box)}
		p.end = p.end.extend(s.ring, org, &row)
		rows, salts, boxes = append(rows, row), append(salts, salt), append(boxes, box)
	}
	if len(rows) == 0 {
		return nil
	}
	b.Queue(`insert into journal (org, rep, pass, revision, kind, side, id, link_id, action, field, rule, code, reason,
			values_sealed, at, digest, chain, seq, n, mac, values_salt)
		select $1, $2, i.*
		from unnest($3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
			$11::text[], $12::text[], $13::text[], $14::bytea[], $15::timestamptz[], $16::bytea[], $17::bytea[],
			$18::bigint[], $19::bigint[], $20::bytea[], $21::bytea[]) as i`, org, rep,
		col(rows, func(l chained) int64 { return l.Pass }), col(rows, func(l chained) int64 { return l.Revision }),
		col(rows, func(l chained) string { return string(l.Kind) }), col(rows, func(l chained) string { return string(l.Side) }),
		col(rows, func(l chained) string { return l.ID }), col(rows, func(l chained) string { return l.LinkID }),
		col(rows, func(l chained) string { return l.Action }), col(rows, func(l chained) string { return l.Field }),
		col(rows, func(l chained) string { return l.Rule }), col(rows, func(l chained) string { return l.Code }),
		col(rows, func(l chained) string { return string(l.Reason) }), boxes,
		col(rows, func(l chained) time.Time { return l.At }), col(rows, func(l chained) []byte { return l.Digest }),
		col(rows, func(l chained) []byte { return l.Chain }), col(rows, func(l chained) int64 { return l.Seq }),
		col(rows, func(l chained) int64 { return l.N }), col(rows, func(l chained) []byte { return l.MAC }), salts)
	b.Queue(`update rep set journal_lines = $3, journal_chain = $4, journal_head = $5 where org = $1 and rep = $2`,
		org, rep, p.end.Lines, p.end.Chain, p.end.Head)
	return nil
}

func journalPlace(org, rep string, l Line) string {
	return place(org, "journal", rep, string(l.Kind), l.item())
}

// prepared is what prepareJournal found.
type prepared struct {
	known  map[string]bool // digests of lines that stand in the journal already
	erased map[string]bool // items
	seqs   []int64         // numbers for the lines. They rise within a rep, whose row is locked
	end    chainEnd
	at     time.Time
}

// prepareJournal reads which lines are known, of which items no values are kept, numbers, the end of the chain as the rep's row
// has it, and the time.
func (s *Store) prepareJournal(ctx context.Context, tx pgx.Tx, org, rep string, lines []Line, digests [][]byte) (prepared, error) {
	var valued []Line
	for _, l := range lines {
		if len(l.Values) > 0 {
			valued = append(valued, l)
		}
	}
	valued = lastOf(valued, func(l Line) string { return place(string(l.Kind), l.item()) })
	p := prepared{known: map[string]bool{}, erased: map[string]bool{}}
	var b pgx.Batch
	b.Queue(`select i.kind, i.item from unnest($3::text[], $4::text[]) as i(kind, item)
		join collection c on c.org = $1 and c.rep = $2 and c.kind = i.kind join erased e on e.coll = c.no and e.item = i.item`, org, rep,
		col(valued, func(l Line) string { return string(l.Kind) }), col(valued, Line.item)).Query(func(rows pgx.Rows) error {
		var kind, item string
		_, err := pgx.ForEachRow(rows, []any{&kind, &item}, func() error {
			p.erased[place(kind, item)] = true
			return nil
		})
		return err
	})
	b.Queue(`select digest from journal where org = $1 and rep = $2 and id = any($3) and digest = any($4)`, org, rep,
		col(lines, func(l Line) string { return l.ID }), digests).Query(func(rows pgx.Rows) error {
		var digest []byte
		_, err := pgx.ForEachRow(rows, []any{&digest}, func() error {
			p.known[string(digest)] = true
			return nil
		})
		return err
	})
	b.Queue(`select nextval(pg_get_serial_sequence('journal', 'seq')) from generate_series(1, $1)`, len(lines)).Query(func(rows pgx.Rows) (err error) {
		p.seqs, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	b.Queue(`select `+now+`, journal_lines, journal_chain, journal_head from rep where org = $2 and rep = $3`,
		s.clock(), org, rep).QueryRow(func(row pgx.Row) error {
		return row.Scan(&p.at, &p.end.Lines, &p.end.Chain, &p.end.Head)
	})
	return p, send(ctx, tx, &b)
}

const journalColumns = `j.org, j.seq, j.rep, j.pass, j.revision, j.kind, j.side, j.id, j.link_id, j.action, j.field, j.rule, j.code,
	j.reason, j.values_sealed, j.at, j.values_salt`

const journalFrom = ` from journal j`

func (s *Store) scanLine(row pgx.CollectableRow) (Line, error) {
	var (
		l         Line
		org       string
		box, salt []byte
	)
	err := row.Scan(&org, &l.Seq, &l.Rep, &l.Pass, &l.Revision, &l.Kind, &l.Side, &l.ID, &l.LinkID, &l.Action, &l.Field, &l.Rule,
		&l.Code, &l.Reason, &box, &l.At, &salt)
	if err != nil {
		return Line{}, err
	}
	l.At = l.At.UTC()
	if salt == nil { // no values, or destroyed
		return l, nil
	}
	l.Values, err = s.openValues(org, l, salt, box)
	return l, err
}

// Journal returns up to n lines after a sequence number, oldest first, with their values opened; rep "" is the whole org.
// A reader who follows the whole org may meet a line late: numbers are given out before transactions end. Within one rep
// none comes late.
func (s *Store) Journal(ctx context.Context, org, rep string, after int64, n int) ([]Line, error) {
	if rep == "" { // the first of each rep, and of these the first
		return query(ctx, s, "read journal of "+org, s.scanLine, `select `+journalColumns+` from (select distinct rep from journal where org = $1) r, lateral (
				select * from journal j where j.org = $1 and j.rep = r.rep and j.seq > $2 order by j.seq limit $3) j
			order by j.seq limit $3`, org, after, n)
	}
	return query(ctx, s, "read journal of "+rep, s.scanLine, `select `+journalColumns+journalFrom+`
		where j.org = $1 and j.rep = $2 and j.seq > $3 order by j.seq limit $4`, org, rep, after, n)
}

// JournalOf returns the newest n lines on one item, by its id on either side or its link's id, newest first.
func (s *Store) JournalOf(ctx context.Context, org, rep, id string, n int) ([]Line, error) {
	return query(ctx, s, "read journal of an item of "+rep, s.scanLine, `select `+journalColumns+journalFrom+`
		where j.org = $1 and j.rep = $2 and (j.id = $3 or j.link_id = $3 and j.link_id <> '') order by j.seq desc limit $4`, org, rep, id, n)
}
