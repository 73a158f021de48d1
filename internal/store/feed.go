package store

import (
	"context"
	"time"

	"github.com/repsync/repsync/internal/record"
)

// FeedState returns where the org's feed of a kind stands. Error: ErrNotFound before EnsureFeed.
func (s *Store) FeedState(ctx context.Context, org string, kind record.Kind) (FeedState, error) {
	panic("unwritten")
}

// EnsureFeed starts the org's feed of a kind at a token; a feed that is there stays as it is. Error: ErrNotFound when the
// org is not there.
func (s *Store) EnsureFeed(ctx context.Context, org string, kind record.Kind, token []byte) error {
	panic("unwritten")
}

// AppendFeed adds rows to the log and moves token and page, in one transaction, and returns how many rows were new. A row
// that shows an item's state that the log holds already (same id, tag and deleted) is not added again. Errors: ErrNotFound
// before EnsureFeed; ErrConflict when the feed's token is not expectToken, unless it stands where this very call would
// put it.
func (s *Store) AppendFeed(ctx context.Context, org string, kind record.Kind, expectToken []byte, rows []FeedRow, token, page []byte) (int, error) {
	panic("unwritten")
}

// FeedSince returns up to n rows after an offset that concern a rep: owned by or shared with crmUser, or linked to the
// rep; with crmUser "" every row. Of several rows of one item only the newest comes. Scanned is the offset to go on from.
func (s *Store) FeedSince(ctx context.Context, org string, kind record.Kind, rep, crmUser string, offset int64, n int) (rows []FeedRow, scanned int64, err error) {
	panic("unwritten")
}

// PruneFeed removes the rows of all kinds that were logged before a time, and returns how many.
func (s *Store) PruneFeed(ctx context.Context, org string, before time.Time) (int, error) {
	panic("unwritten")
}
