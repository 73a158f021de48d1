package store

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"
)

const (
	journalPage = 1000          // lines that are read at a time
	fromFirst   = math.MinInt64 // before every number, also one that somebody made up
)

const chainedColumns = journalColumns + `, j.n, j.digest, j.chain, j.mac`

// scanChained reads a line and, where open says so, opens its values. What does not open is told and is no error.
func (s *Store) scanChained(row pgx.CollectableRow, open bool) (chained, error) {
	var (
		c         chained
		org       string
		box, salt []byte
	)
	err := row.Scan(&org, &c.Seq, &c.Rep, &c.Pass, &c.Revision, &c.Kind, &c.Side, &c.ID, &c.LinkID, &c.Action, &c.Field, &c.Rule,
		&c.Code, &c.Reason, &box, &c.At, &salt, &c.N, &c.Digest, &c.Chain, &c.MAC)
	if err != nil {
		return chained{}, err
	}
	c.At, c.Sum = c.At.UTC(), sumOf(box)
	switch {
	case box != nil && salt == nil:
		c.State = valuesErased
	case box == nil && !slices.Equal(digest(s.ring, org, c.Line), c.Digest): // they were destroyed before the line was written
		c.State = valuesErased
	case box != nil && !open:
		c.State = valuesKept
	case box != nil:
		if c.Line.Values, err = s.openValues(org, c.Line, salt, box); err != nil {
			c.State = valuesDamaged
		}
	}
	return c, nil
}

// openValues opens what a line keeps.
func (s *Store) openValues(org string, l Line, salt, box []byte) (map[string]Change, error) {
	plain, err := s.ring.OpenApart(salt, box, journalPlace(org, l.Rep, l))
	if err != nil {
		return nil, err
	}
	return unpackValues(plain)
}

// walk hands a rep's lines after a number to fn, page by page, and returns the end that the rep's row has for them: lines
// that are written meanwhile come too.
func (s *Store) walk(ctx context.Context, org, rep string, after int64, open bool, fn func(chained) error) (chainEnd, error) {
	for {
		for {
			page, err := query(ctx, s, "walk journal of "+rep, func(row pgx.CollectableRow) (chained, error) { return s.scanChained(row, open) },
				`select `+chainedColumns+journalFrom+` where j.org = $1 and j.rep = $2 and j.seq > $3 order by j.seq limit $4`, org, rep, after, journalPage)
			if err != nil {
				return chainEnd{}, err
			}
			for _, c := range page {
				if err := fn(c); err != nil {
					return chainEnd{}, err
				}
				after = c.Seq
			}
			if len(page) < journalPage {
				break
			}
		}
		end, last, err := s.chainEndOf(ctx, org, rep)
		if err != nil || last <= after { // no line has come since
			return end, err
		}
	}
}

// chainEndOf returns the end of a rep's chain as its row has it, the empty end of a rep that is not there, and the number of
// its last line.
func (s *Store) chainEndOf(ctx context.Context, org, rep string) (end chainEnd, last int64, err error) {
	type both struct {
		chainEnd
		Last int64
	}
	got, err := queryOne(ctx, s, "read the journal's end of "+rep, pgx.RowToStructByPos[both], `
		select r.journal_lines, r.journal_chain, r.journal_head,
			coalesce((select seq from journal where org = $1 and rep = $2 order by seq desc limit 1), $3)
		from rep r where r.org = $1 and r.rep = $2`, org, rep, int64(fromFirst))
	if errors.Is(err, ErrNotFound) {
		return chainEnd{Head: s.emptyHead(org, rep)}, fromFirst, nil
	}
	return got.chainEnd, got.Last, err
}

// VerifyJournal follows the chain of a rep, or of every rep of the org with rep "", and returns the first fault of each.
// What it finds is what was removed, altered, moved, put in between or in front, or cut off at the end since the lines were
// written. Values that were erased are no fault, and neither is a database that was restored whole from an older backup.
// Passes may go on meanwhile.
func (s *Store) VerifyJournal(ctx context.Context, org, rep string) (Verified, error) {
	out := Verified{Keyed: true}
	reps := []string{rep}
	strays := map[string]bool{}
	if rep == "" {
		var whole bool
		var err error
		if reps, whole, err = s.enlisted(ctx, org); err != nil {
			return Verified{}, err
		}
		if !whole {
			out.Broken = append(out.Broken, Broken{Org: org, Fault: FaultRep})
		}
		others, err := query(ctx, s, "list journals of "+org, pgx.RowTo[string], `select distinct rep from journal j
			where org = $1 and not exists (select from rep r where r.org = j.org and r.rep = j.rep) order by 1`, org)
		if err != nil {
			return Verified{}, err
		}
		for _, r := range others {
			reps, strays[r] = append(reps, r), true
		}
	}
	for _, r := range reps {
		c := checker{ring: s.ring, org: org, rep: r}
		c.begin(0, nil)
		end, err := s.walk(ctx, org, r, fromFirst, true, func(l chained) error {
			c.line(l)
			return nil
		})
		if err != nil {
			return Verified{}, err
		}
		b := c.finish(end)
		if b != nil && strays[r] {
			b.Fault = FaultInserted
		}
		if b != nil {
			out.Broken = append(out.Broken, *b)
		}
		out.Reps, out.Lines, out.Erased = out.Reps+1, out.Lines+c.lines, out.Erased+c.erased
	}
	return out, nil
}

// enlisted returns the org's reps, and whether they are those that AddRep added.
func (s *Store) enlisted(ctx context.Context, org string) (reps []string, whole bool, err error) {
	type row struct {
		Reps   []string
		Roster []byte
	}
	got, err := queryOne(ctx, s, "list reps of "+org, pgx.RowToStructByPos[row], `select
		coalesce((select array_agg(rep order by rep) from rep where org = $1), '{}'), roster from org where org = $1`, org)
	return got.Reps, slices.Equal(got.Roster, s.roster(org, got.Reps)), err
}

// BehindArchive returns where the database does not have the last line that an archive has of a rep: it was restored from an
// older backup, or lines were cut off together with their end by somebody who had kept an older end. The database alone
// cannot tell.
func (s *Store) BehindArchive(ctx context.Context, ends []End) ([]Broken, error) {
	var out []Broken
	for _, e := range ends {
		if e.N == 0 {
			continue
		}
		there, err := queryOne(ctx, s, "look for the archive's end of "+e.Rep, pgx.RowTo[bool], `select exists (
			select from journal where org = $1 and rep = $2 and n = $3::bigint and chain = $4)`, e.Org, e.Rep, e.N, e.Chain)
		if err != nil {
			return nil, err
		}
		if !there {
			out = append(out, Broken{Org: e.Org, Rep: e.Rep, N: e.N, Fault: FaultBack})
		}
	}
	return out, nil
}
