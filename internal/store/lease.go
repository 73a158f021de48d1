package store

import (
	"context"
	"time"

	"github.com/repsync/repsync/internal/record"
)

// Acquire takes the lease on a rep's mailbox for ttl and returns its epoch. Holder names one run of one worker. The same
// holder renews and keeps its epoch; anybody else takes over only once the lease has expired, and gets the next epoch. So
// ttl must include the longest request timeout. Errors: ErrLeaseHeld, ErrNotFound.
func (s *Store) Acquire(ctx context.Context, org, rep, holder string, ttl time.Duration) (epoch int64, err error) {
	panic("unwritten")
}

// Renew makes the lease last ttl from now. Error: ErrLeaseLost.
func (s *Store) Renew(ctx context.Context, org, rep string, epoch int64, ttl time.Duration) error {
	panic("unwritten")
}

// Release ends the lease at once. Releasing a lease that was released or taken over changes nothing.
func (s *Store) Release(ctx context.Context, org, rep string, epoch int64) error { panic("unwritten") }

// LockRecords takes the leases of CRM records for ttl, in id order, and returns the ids that it got, sorted: those that
// were free, expired, or this rep's already. The others are left for later.
func (s *Store) LockRecords(ctx context.Context, org string, kind record.Kind, rep string, ids []string, ttl time.Duration) (locked []string, err error) {
	panic("unwritten")
}

// UnlockRecords gives back those of the records that the rep holds.
func (s *Store) UnlockRecords(ctx context.Context, org string, kind record.Kind, rep string, ids []string) error {
	panic("unwritten")
}
