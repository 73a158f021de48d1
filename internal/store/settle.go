package store

import (
	"context"
	"time"

	"github.com/repsync/repsync/internal/record"
)

// Settle stores the outcome of a batch of writes in one transaction: intents, links with their new bases, verdicts,
// journal lines, claims, staged rows. An item with a verdict in the batch is unparked unless the batch parks it. An intent
// that is over is left as it is. Errors: ErrLeaseLost, ErrConflict (see PutLinks).
func (s *Store) Settle(ctx context.Context, org, rep string, epoch int64, b SettleBatch) error {
	panic("unwritten")
}

// Commit moves the cursors of these kinds to what was read (Token = Next, Offset = NextOffset) where something waits,
// and stores the pass. Error: ErrLeaseLost.
func (s *Store) Commit(ctx context.Context, org, rep string, epoch int64, in CommitIn) error {
	panic("unwritten")
}

// SetRetry notes that reading a kind on a side waits until at, and why; a zero at clears it.
func (s *Store) SetRetry(ctx context.Context, org, rep string, kind record.Kind, side record.Side, at time.Time, code string) error {
	panic("unwritten")
}
