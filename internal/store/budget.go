package store

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// Budgets are counted in Postgres, so that all workers keep to them together. A worker takes calls in blocks, so that few of
// them cost a row: what it took and did not make is lost, which errs on the side of the vendor.
//
// Two counts there are. A rate, so many calls a minute, is one time per quota, that at which all calls taken so far are due:
// whoever takes n moves it on by n intervals (the generic cell rate algorithm, ITU-T I.371). A day's calls are counted by
// the hour, because vendors count a rolling day, and beside them stands what the vendor itself said last.

// probeAfter is how long the vendor's own count is believed: what was used up comes back hour by hour, and only an answer
// tells, so that after this time one call is allowed to ask.
const probeAfter = 15 * time.Minute

// Rate is one quota of calls a minute.
type Rate struct {
	Quota   connector.Quota
	Project string        // where the quota is a project's: what the org calls it
	Mailbox string        // where it is one mailbox's: the address
	Every   time.Duration // between two calls, on average
	Burst   time.Duration // by how much calls may be early that were not made before
	Block   int           // how many may be made at once; of more, the rest is waited for first. 0: any number
}

// TakeRate takes n calls of a rate that are due within patience, and returns how long to wait before the first of them. Ok
// is false where they are due later: then nothing was taken, and wait says when to try again.
func (s *Store) TakeRate(ctx context.Context, org string, r Rate, n int, patience time.Duration) (wait time.Duration, ok bool, err error) {
	name := string(r.Quota) + "/" + r.Project
	if r.Mailbox != "" {
		name = string(r.Quota) + "@" + hex.EncodeToString(s.ring.Lookup(org, "rate", record.NormalEmail(r.Mailbox)))
	}
	cost := time.Duration(n) * r.Every
	var ahead time.Duration
	if r.Block > 0 {
		ahead = time.Duration(max(n-r.Block, 0)) * r.Every
	}
	err = s.tx(ctx, "take calls of "+string(r.Quota), func(tx pgx.Tx) error {
		var free, at time.Time
		err := tx.QueryRow(ctx, `insert into api_rate as r (org, name, free) values ($2, $3, `+now+` - interval '1 day')
			on conflict (org, name) do update set free = r.free returning free, `+now, s.clock(), org, name).Scan(&free, &at)
		if err != nil {
			return err
		}
		wait = max(free.Add(ahead).Sub(at), 0)
		if ok = wait <= patience; !ok {
			return nil
		}
		if earliest := at.Add(-r.Burst); free.Before(earliest) {
			free = earliest
		}
		_, err = tx.Exec(ctx, `update api_rate set free = $3 where org = $1 and name = $2`, org, name, free.Add(cost))
		return err
	})
	return wait, ok, err
}

// Calls asks for calls of the CRM's daily budget.
type Calls struct {
	N       int   // as many as a block has
	Need    int   // and as few as the caller can do with
	Daily   int64 // the most of a rolling day that is ours to use; 0 is all that the vendor allows
	Reserve int   // percent of either limit that only people may use
	Awaited bool  // a person waits
	// Told is what the vendor said to this worker and no store heard yet, Age how long ago. A zero Limit is nothing.
	Told Told
	Age  time.Duration
}

// Told is a vendor's own count of an org's calls in the last 24 hours.
type Told struct{ Used, Limit int64 }

// Use is what a vendor told, and when.
type Use struct {
	Told
	At time.Time // by the database's clock; zero when it did not tell yet
}

// TakeCalls takes calls of the day, and passes on what the vendor said last. Taken is N, Need where no more are left or the
// vendor is only to be asked how much it allows by now, and 0 where there are none: then until says when to try again.
func (s *Store) TakeCalls(ctx context.Context, org string, c Calls) (taken int, until time.Time, err error) {
	err = s.tx(ctx, "take calls of the day", func(tx pgx.Tx) error {
		taken, until = 0, time.Time{}
		at, use, hours, err := s.day(ctx, tx, org)
		if err != nil {
			return err
		}
		told := c.Told.Limit > 0 && !at.Add(-c.Age).Before(use.At)
		if told {
			use = Use{c.Told, at.Add(-c.Age)}
		}
		taken = c.N
		if left := (Told{sum(hours), c.Daily}).Left(c.Reserve, c.Awaited); c.Daily > 0 && left < int64(c.N) {
			taken = c.Need
			if left < int64(c.Need) {
				taken, until = 0, returns(hours, at)
			}
		}
		if taken > 0 && use.Limit > 0 && use.Left(c.Reserve, c.Awaited) < int64(c.N) {
			taken = c.Need
			if use.Left(c.Reserve, c.Awaited) < int64(c.Need) {
				if again := use.At.Add(probeAfter); again.After(at) {
					taken, until = 0, again
				} else {
					use.At, told = at, true // one asks, the others wait for what it hears
				}
			}
		}
		return s.book(ctx, tx, org, at, taken, use, told)
	})
	return taken, until, err
}

// book writes what was taken and what the vendor said.
func (s *Store) book(ctx context.Context, tx pgx.Tx, org string, at time.Time, taken int, use Use, told bool) error {
	var b pgx.Batch
	if told {
		b.Queue(`update api_use set used = $2, most = $3, told = $4 where org = $1`, org, use.Used, use.Limit, use.At)
	}
	if taken > 0 {
		hour := at.Truncate(time.Hour)
		b.Queue(`insert into api_hour as h (org, hour, calls) values ($1, $2, $3)
			on conflict (org, hour) do update set calls = h.calls + excluded.calls`, org, hour, taken)
		b.Queue(`delete from api_hour where org = $1 and hour < $2`, org, hour.Add(-48*time.Hour))
	}
	return send(ctx, tx, &b)
}

// Left is how much of the limit remains; the reserve, in percent of it, does not count where nobody waits.
func (t Told) Left(reserve int, awaited bool) int64 {
	limit := t.Limit
	if !awaited {
		limit -= limit * int64(reserve) / 100
	}
	return limit - t.Used
}

// hourly is how many calls were taken in the hour that began at Hour.
type hourly struct {
	Hour  time.Time
	Calls int64
}

// windowOf is how long ago an hour may have begun whose calls still count.
const windowOf = 25 * time.Hour

func sum(hours []hourly) (n int64) {
	for _, h := range hours {
		n += h.Calls
	}
	return n
}

// returns is when the oldest calls that count no longer do.
func returns(hours []hourly, at time.Time) time.Time {
	if len(hours) == 0 {
		return at.Add(time.Hour)
	}
	return hours[0].Hour.Add(windowOf)
}

// day reads an org's counts, and holds them against others until the transaction ends.
func (s *Store) day(ctx context.Context, tx pgx.Tx, org string) (at time.Time, use Use, hours []hourly, err error) {
	err = tx.QueryRow(ctx, `select `+now, s.clock()).Scan(&at)
	if err != nil {
		return at, use, nil, err
	}
	at = at.UTC()
	if _, err = tx.Exec(ctx, `insert into api_use (org) values ($1) on conflict do nothing`, org); err != nil {
		return at, use, nil, err
	}
	var told *time.Time
	err = tx.QueryRow(ctx, `select used, most, told from api_use where org = $1 for update`, org).Scan(&use.Used, &use.Limit, &told)
	if err != nil {
		return at, use, nil, err
	}
	use.At = moment(told)
	rows, err := tx.Query(ctx, `select hour, calls from api_hour where org = $1 and hour > $2 order by hour`, org, at.Add(-windowOf))
	if err != nil {
		return at, use, nil, err
	}
	hours, err = pgx.CollectRows(rows, pgx.RowToStructByPos[hourly])
	return at, use, hours, err
}

// CallsOfDay returns how many calls of an org's CRM the workers took in the last 24 hours, and what the vendor said last; its
// zero before it said anything.
func (s *Store) CallsOfDay(ctx context.Context, org string) (taken int64, use Use, err error) {
	use, err = queryOne(ctx, s, "read the calls of the day", func(row pgx.CollectableRow) (u Use, err error) {
		var told *time.Time
		err = row.Scan(&u.Used, &u.Limit, &told, &taken)
		u.At = moment(told)
		return u, err
	}, `select used, most, told, (select coalesce(sum(calls), 0)::bigint from api_hour h
			where h.org = u.org and hour > `+now+` - interval '25 hours')
		from api_use u where org = $2`, s.clock(), org)
	if errors.Is(err, ErrNotFound) {
		return 0, Use{}, nil
	}
	return taken, use, err
}

// Behind is how far ahead the calls of a quota have been taken: what is taken next is due after Wait.
type Behind struct {
	Quota     connector.Quota
	Project   string // "" for mailboxes
	Mailboxes int    // how many, where it is theirs
	Wait      time.Duration
}

// RatesBehind returns the quotas of an org whose calls wait now, those of mailboxes summed up, in order.
func (s *Store) RatesBehind(ctx context.Context, org string) ([]Behind, error) {
	return query(ctx, s, "read the rates", pgx.RowToStructByPos[Behind], `
		select split_part(split_part(name, '@', 1), '/', 1), case when name like '%@%' then '' else split_part(name, '/', 2) end as project,
			count(*) filter (where name like '%@%'), max(free - `+now+`)
		from api_rate where org = $2 and free > `+now+` group by 1, 2 order by 1, 2`, s.clock(), org)
}
