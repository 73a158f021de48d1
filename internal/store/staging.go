package store

import (
	"context"

	"github.com/repsync/repsync/internal/record"
)

// Stage stores observations, and saves the cursor in the same transaction unless its Kind is "".
//
// A row whose Version.At is older than the staged one's does not replace it. A row that is Present with the very tag of
// its link's base is no news and is not stored, unless it is Always or an earlier observation of it is staged; in a full
// read (Cursor.Full) it is noted as seen, which AbsentLinks needs. For mailbox items the match keys are kept as well.
// Error: ErrLeaseLost.
func (s *Store) Stage(ctx context.Context, org, rep string, epoch int64, rows []Staged, cursor Cursor) error {
	panic("unwritten")
}

// StagedPage returns up to n staged rows of a kind in the order of side and id, after the given Staged.Place.
func (s *Store) StagedPage(ctx context.Context, org, rep string, kind record.Kind, after string, n int, filter StagedFilter) ([]Staged, error) {
	panic("unwritten")
}

// StagedByID returns the staged rows of these ids, by id.
func (s *Store) StagedByID(ctx context.Context, org, rep string, kind record.Kind, side record.Side, ids []string) (map[string]Staged, error) {
	panic("unwritten")
}

// Judge stores what Filter decided. Rows that are not staged are passed over. Error: ErrLeaseLost.
func (s *Store) Judge(ctx context.Context, org, rep string, epoch int64, kind record.Kind, judgements []Judgement) error {
	panic("unwritten")
}

// Unstage removes staged rows. Error: ErrLeaseLost.
func (s *Store) Unstage(ctx context.Context, org, rep string, epoch int64, kind record.Kind, items []SideID) error {
	panic("unwritten")
}

// AbsentLinks returns, in order, up to n item ids after the given one: the items on a side whose link is active or a
// tombstone and that full read readNo did not show. Their absence is suspicion; Get decides.
func (s *Store) AbsentLinks(ctx context.Context, org, rep string, kind record.Kind, side record.Side, readNo int64, after string, n int) ([]string, error) {
	panic("unwritten")
}

// MailboxByKeys returns the mailbox items that carry each match key, sorted, by string(key).
func (s *Store) MailboxByKeys(ctx context.Context, org, rep string, kind record.Kind, keys [][]byte) (map[string][]string, error) {
	panic("unwritten")
}
