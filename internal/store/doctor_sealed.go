package store

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/record"
)

// Box names a sealed column that does not open.
type Box struct {
	Table, Column string
	Rep           string
	Kind          record.Kind
	Side          record.Side
	ID            string // of the item; of an intent the intent's own
	Version       int    // of the key that it says it was sealed under
}

// Boxes is what OpenAll found.
type Boxes struct {
	Opened map[int]int // key version → how many boxes opened under it
	Broken []Box
	More   bool // there are more broken ones than were listed
}

// mostBroken bounds what OpenAll lists: with the wrong keyring nothing opens at all.
const mostBroken = 1000

var errEnough = errors.New("enough")

// sealedTable is a table with sealed columns; the statement gives kind, side, id and the boxes.
type sealedTable struct {
	name, sql string
	columns   []string
	place     func(org, rep string, kind record.Kind, side record.Side, id, column string) string
}

var sealedTables = []sealedTable{
	{"cursor", `select kind, side, '', token_sealed, next_sealed, page_sealed from cursor where org = $1 and rep = $2`, []string{"token", "token", "page"},
		func(org, rep string, k record.Kind, side record.Side, _, column string) string {
			return cursorPlace(org, rep, k, side, column)
		}},
	{"staged", `select kind, side, id, obs_sealed from collection c join staged s on s.coll = c.no where org = $1 and rep = $2`, []string{"obs"},
		func(org, rep string, k record.Kind, side record.Side, id, _ string) string {
			return stagedPlace(org, rep, k, side, id)
		}},
	{"parked", `select kind, side, id, words_sealed from parked where org = $1 and rep = $2`, []string{"words"},
		func(org, rep string, k record.Kind, side record.Side, id, _ string) string {
			return parkedPlace(org, rep, k, side, id)
		}},
	{"rank", `select kind, 'crm', id, rank_sealed from collection c join rank r on r.coll = c.no where org = $1 and rep = $2`, []string{"rank"},
		func(org, rep string, k record.Kind, _ record.Side, id, _ string) string {
			return rankPlace(org, rep, k, id)
		}},
	{"intent", `select kind, side, intent_id, op_sealed, before_sealed from collection c join intent i on i.coll = c.no
		where org = $1 and rep = $2 and state in ('planned', 'held', 'sent', 'unknown')`, []string{"op", "before"},
		func(org, rep string, _ record.Kind, _ record.Side, id, column string) string {
			return intentPlace(org, rep, id, column)
		}},
	{"past intent", `select kind, side, intent_id, op_sealed, before_sealed from collection c join intent i on i.coll = c.no
		where org = $1 and rep = $2 and state in ('done', 'parked', 'dropped')`, []string{"op", "before"},
		func(org, rep string, _ record.Kind, _ record.Side, id, column string) string {
			return intentPlace(org, rep, id, column)
		}},
}

// OpenAll opens every sealed column of a rep's rows and lists those that do not open; the journal's values are VerifyJournal's.
// Nothing that is opened is kept.
func (s *Store) OpenAll(ctx context.Context, org, rep string) (Boxes, error) {
	out := Boxes{Opened: map[int]int{}}
	for _, t := range sealedTables {
		found, err := s.openTable(ctx, org, rep, t, out.Opened)
		if err != nil {
			return out, err
		}
		out.Broken = append(out.Broken, found...)
	}
	if len(out.Broken) > mostBroken {
		out.Broken, out.More = out.Broken[:mostBroken], true
	}
	return out, nil
}

func (s *Store) openTable(ctx context.Context, org, rep string, t sealedTable, opened map[int]int) ([]Box, error) {
	var out []Box
	err := s.read(ctx, "open sealed columns of "+rep, func(conn *pgx.Conn) error {
		out = nil
		rows, err := conn.Query(ctx, t.sql, org, rep)
		if err != nil {
			return err
		}
		b := Box{Table: t.name, Rep: rep}
		boxes := make([][]byte, len(t.columns))
		into := []any{&b.Kind, &b.Side, &b.ID}
		for i := range boxes {
			into = append(into, &boxes[i])
		}
		_, err = pgx.ForEachRow(rows, into, func() error {
			for i, box := range boxes {
				if box == nil {
					continue
				}
				b.Column, b.Version = t.columns[i], versionOf(box)
				if _, err := s.ring.Open(box, t.place(org, rep, b.Kind, b.Side, b.ID, b.Column)); err == nil {
					opened[b.Version]++
					continue
				}
				if out = append(out, b); len(out) > mostBroken {
					return errEnough
				}
			}
			return nil
		})
		if errors.Is(err, errEnough) {
			return nil
		}
		return err
	})
	return out, err
}

// versionOf is the key version that a box says it was sealed under, 0 of an empty one.
func versionOf(box []byte) int {
	if len(box) == 0 {
		return 0
	}
	return int(box[0])
}

// FeedBoxes returns the kinds whose log holds a row that does not open.
func (s *Store) FeedBoxes(ctx context.Context, org string) ([]record.Kind, error) {
	var out []record.Kind
	err := s.read(ctx, "open the feed of "+org, func(conn *pgx.Conn) error {
		out = nil
		rows, err := conn.Query(ctx, `select kind, id, item_sealed from feed where org = $1 order by kind, seq`, org)
		if err != nil {
			return err
		}
		var kind record.Kind
		var id string
		var box []byte
		_, err = pgx.ForEachRow(rows, []any{&kind, &id, &box}, func() error {
			if _, err := s.open(box, feedPlace(org, kind, "item/"+id)); err != nil && !slices.Contains(out, kind) {
				out = append(out, kind)
			}
			return nil
		})
		return err
	})
	return out, err
}
