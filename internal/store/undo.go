package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// Actions of journal lines that tell of a write; activities names them. A line of an undo has its verb as code.
const (
	undoAction = "undo"
	writeLines = `(j.action in ('create', 'update', 'delete') or j.action = 'undo' and j.code in ('create', 'update', 'delete'))`
)

// WrittenLinks returns, in order, up to n ids of links after the given one through which something was written since a
// time: by the intents that are kept, and by the journal, which is kept longer. An undo goes over them.
func (s *Store) WrittenLinks(ctx context.Context, org, rep string, kind record.Kind, since time.Time, after string, n int) ([]string, error) {
	return query(ctx, s, "list what was written for "+rep, pgx.RowTo[string], `select link_id from (
			select link_id from intent i where i.coll = `+ofKind+` and i.state = 'done' and i.settled >= $4
			union
			select link_id from journal j where j.org = $1 and j.rep = $2 and j.kind = $3 and j.at >= $4 and `+writeLines+`) written
		where link_id > $5 order by link_id limit $6`, org, rep, kind, since, after, n)
}

// Births returns how often an item was created through each of these links, ever; a link that is not named, never. It is the
// generation of a new link of that id: the keys of earlier lives are spent, and a vendor may still have what carried them.
func (s *Store) Births(ctx context.Context, org, rep string, linkIDs []string) (map[string]int, error) {
	type born struct {
		ID string
		N  int
	}
	rows, err := query(ctx, s, "count what was created for "+rep, pgx.RowToStructByPos[born], `select link_id, count(*)::int from journal
		where org = $1 and rep = $2 and link_id <> '' and link_id = any($3) and (action = 'create' or action = 'undo' and code = 'create')
		group by link_id`, org, rep, linkIDs)
	births := make(map[string]int, len(rows))
	for _, r := range rows {
		births[r.ID] = r.N
	}
	return births, err
}

// WritesOf returns what was written through these links since a time, by link id, in the order in which it was settled: the
// intents that are done, with their before-images. Those that are not kept (see Settle and Prune) are made of their journal
// lines: without source and generation, and without values where these were destroyed. Error: as Journal.
func (s *Store) WritesOf(ctx context.Context, org, rep string, kind record.Kind, since time.Time, linkIDs []string) (map[string][]Intent, error) {
	kept, err := query(ctx, s, "list writes of "+rep, s.scanIntentOf(org, rep), `select `+intentColumns+` from intent
		where coll = `+ofKind+` and state = 'done' and settled >= $4 and link_id = any($5)
		order by settled, pass, intent_id`, org, rep, kind, since, linkIDs)
	if err != nil {
		return nil, err
	}
	lines, err := query(ctx, s, "list writes of "+rep, s.scanLine, `select `+journalColumns+journalFrom+`
		where j.org = $1 and j.rep = $2 and j.kind = $3 and j.at >= $4 and j.link_id = any($5) and `+writeLines+`
		order by j.seq`, org, rep, kind, since, linkIDs)
	if err != nil {
		return nil, err
	}
	out := make(map[string][]Intent, len(linkIDs))
	for _, in := range untold(lines, kept) {
		out[in.LinkID] = append(out[in.LinkID], in)
	}
	for _, in := range kept {
		out[in.LinkID] = append(out[in.LinkID], in)
	}
	for _, all := range out {
		slices.SortStableFunc(all, func(a, b Intent) int { return a.Settled.Compare(b.Settled) })
	}
	return out, nil
}

// untold makes intents of those lines, oldest first, whose own intents are not kept any more. An intent is settled in the
// transaction that writes its line, and not before it: its line is the last one of its kind up to then.
func untold(lines []Line, kept []Intent) []Intent {
	out := col(lines, Line.write)
	for _, in := range slices.Backward(kept) {
		for i, l := range slices.Backward(out) {
			if l.LinkID == in.LinkID && l.Op.Side == in.Op.Side && l.Op.Verb == in.Op.Verb && !l.Settled.After(in.Settled) {
				out = slices.Delete(out, i, i+1)
				break
			}
		}
	}
	return out
}

// write makes of a line the intent that it tells of, as far as it does.
func (l Line) write() Intent {
	in := Intent{LinkID: l.LinkID, Kind: l.Kind, Pass: l.Pass, State: Done, Revision: l.Revision, Reason: l.Reason, SentAt: l.At, Settled: l.At}
	in.Op.Side, in.Op.Verb, in.Ref.ID = l.Side, connector.Verb(l.Action), l.ID
	if l.Action == undoAction {
		in.Op.Verb, in.Op.Undo = connector.Verb(l.Code), l.Rule
	}
	if in.Op.Verb != connector.Delete {
		in.Op.Set = record.Fields{}
	}
	if in.Op.Verb != connector.Create && l.Values != nil {
		in.Before = &connector.Item{Ref: in.Ref, Fields: record.Fields{}}
	}
	for f, c := range l.Values {
		if in.Op.Set != nil {
			in.Op.Set[f] = c.After
		}
		if in.Before != nil {
			in.Before.Fields[f] = c.Before
		}
	}
	return in
}

// LinesByRule returns up to n of a rep's lines of one action and rule after a sequence number, oldest first.
func (s *Store) LinesByRule(ctx context.Context, org, rep, action, rule string, after int64, n int) ([]Line, error) {
	return query(ctx, s, "read journal of "+rep, s.scanLine, `select `+journalColumns+journalFrom+`
		where j.org = $1 and j.rep = $2 and j.action = $3 and j.rule = $4 and j.seq > $5 order by j.seq limit $6`, org, rep, action, rule, after, n)
}
