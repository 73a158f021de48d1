package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
)

// now is the statement's time: the injected clock where there is one, else the database's.
const now = `coalesce($1::timestamptz, clock_timestamp())`

// Acquire takes the lease on a rep's mailbox for ttl and returns its epoch. Holder names one run of one worker. The same
// holder renews and keeps its epoch; anybody else takes over only once the lease has expired, and gets the next epoch. So
// ttl must include the longest request timeout. Errors: ErrLeaseHeld, ErrNotFound.
func (s *Store) Acquire(ctx context.Context, org, rep, holder string, ttl time.Duration) (epoch int64, err error) {
	op := "acquire lease of " + rep
	if holder == "" {
		return 0, wrap(op, errors.New("no holder"))
	}
	err = s.tx(ctx, op, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `update rep set
				epoch = case when holder = $4 then epoch else epoch + 1 end,
				holder = $4,
				lease_until = `+now+` + $5::interval
			where org = $2 and rep = $3 and (holder = $4 or holder = '' or lease_until <= `+now+`)
			returning epoch`, s.clock(), org, rep, holder, ttl).Scan(&epoch)
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		var until time.Time
		err = tx.QueryRow(ctx, `select coalesce(lease_until, 'epoch') from rep where org = $1 and rep = $2`, org, rep).Scan(&until)
		if err != nil {
			return err
		}
		return ErrLeaseHeld{Until: until.UTC()}
	})
	return epoch, err
}

// Renew makes the lease last ttl from now. Error: ErrLeaseLost.
func (s *Store) Renew(ctx context.Context, org, rep string, epoch int64, ttl time.Duration) error {
	unchecked := planted.Is(planted.LeaseUnchecked) // not in the closure, see fenced
	return s.tx(ctx, "renew lease of "+rep, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update rep set lease_until = `+now+` + $5::interval
			where org = $2 and rep = $3 and epoch = $4 and holder <> ''`, s.clock(), org, rep, epoch, ttl)
		if err == nil && tag.RowsAffected() == 0 && !unchecked {
			return ErrLeaseLost
		}
		return err
	})
}

// Release ends the lease at once. Releasing a lease that was released or taken over changes nothing.
func (s *Store) Release(ctx context.Context, org, rep string, epoch int64) error {
	return s.tx(ctx, "release lease of "+rep, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update rep set holder = '', lease_until = null where org = $1 and rep = $2 and epoch = $3`,
			org, rep, epoch)
		return err
	})
}

// LockRecords takes the leases of CRM records for ttl, in id order, and returns the ids that it got, sorted: those that
// were free, expired, or this rep's already. The others are left for later.
func (s *Store) LockRecords(ctx context.Context, org string, kind record.Kind, rep string, ids []string, ttl time.Duration) (locked []string, err error) {
	err = s.tx(ctx, "lock records for "+rep, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `insert into record_lease as l (org, kind, crm_id, rep, until)
			select $2, $3, id, $4, `+now+` + $6::interval from unnest($5::text[]) as t(id)
			on conflict (org, kind, crm_id) do update set rep = excluded.rep, until = excluded.until
				where l.rep = excluded.rep or l.until <= `+now+`
			returning crm_id`, s.clock(), org, kind, rep, sorted(ids), ttl)
		if err != nil {
			return err
		}
		locked, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	slices.Sort(locked)
	return locked, err
}

// UnlockRecords gives back those of the records that the rep holds.
func (s *Store) UnlockRecords(ctx context.Context, org string, kind record.Kind, rep string, ids []string) error {
	return s.tx(ctx, "unlock records of "+rep, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `delete from record_lease l using (
				select crm_id from record_lease where org = $1 and kind = $2 and rep = $3 and crm_id = any($4)
				order by crm_id for update) mine
			where l.org = $1 and l.kind = $2 and l.crm_id = mine.crm_id`, org, kind, rep, ids)
		return err
	})
}

// sorted returns the distinct ids in order.
func sorted(ids []string) []string {
	out := slices.Clone(ids)
	slices.Sort(out)
	return slices.Compact(out)
}
