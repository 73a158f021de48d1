package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/planted"
)

// Options of a store.
type Options struct {
	Schema string           // the Postgres schema, "" is public; tests have one each
	Now    func() time.Time // nil: the database's clock, which all workers share
	Tracer pgx.QueryTracer  // sees every statement; nil: none
}

// Store is a pool of connections and the keyring. It is safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
	lent bool // the pool is not the store's to close
	ring *keyring.Ring
	opts Options

	acquire time.Duration // how long to wait for a connection
	written atomic.Int64  // rows since Open, see wrote
}

const (
	defaultConns   = 8                // of one store; pool_max_conns in the URL says otherwise
	connectTimeout = 10 * time.Second // connect_timeout in the URL says otherwise
	pingTimeout    = 5 * time.Second  // an idle connection that does not answer in that time is dead; or pool_ping_timeout
	acquireTimeout = 30 * time.Second // waiting longer for a connection is a failure of the database, to be tried again
)

// Open connects to Postgres 15 or newer. It does not migrate: see Migrate and Check. Besides Postgres's own parameters the
// URL may carry pgxpool's, such as pool_max_conns=16 (https://pkg.go.dev/github.com/jackc/pgx/v5/pgxpool#ParseConfig).
// Errors name no password.
func Open(ctx context.Context, databaseURL string, ring *keyring.Ring, opts Options) (*Store, error) {
	if ring == nil {
		return nil, errors.New("store: open: no keyring")
	}
	pool, err := Pool(ctx, databaseURL, opts)
	if err != nil {
		return nil, err
	}
	s := On(pool, ring, opts)
	s.lent = false
	if err := s.read(ctx, opOpen, func(conn *pgx.Conn) error { return conn.Ping(ctx) }); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Pool makes connections for stores with these options' Schema and Tracer. That there is a database shows when one is used.
func Pool(ctx context.Context, databaseURL string, opts Options) (*pgxpool.Pool, error) {
	config, err := parse(databaseURL, opts.schema())
	if err != nil { // its text may quote the password
		return nil, errors.New("store: open: the database URL is malformed; want postgres://user:password@host:port/database")
	}
	config.ConnConfig.Tracer = opts.Tracer
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, wrap(opOpen, err)
	}
	return pool, nil
}

// On returns a store on connections that Pool made, for those who have several stores in a row. Closing it leaves them open.
func On(pool *pgxpool.Pool, ring *keyring.Ring, opts Options) *Store {
	opts.Schema = opts.schema()
	return &Store{pool: pool, lent: true, ring: ring, opts: opts, acquire: acquireTimeout}
}

const opOpen = "open"

func (o Options) schema() string { return cmp.Or(o.Schema, "public") }

// parse reads the URL and sets what it leaves open.
func parse(databaseURL, schema string) (*pgxpool.Config, error) {
	plain, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, err
	}
	given := plain.RuntimeParams // pgxpool.ParseConfig takes its own out
	if given["pool_max_conns"] == "" {
		config.MaxConns = defaultConns
	}
	if given["pool_ping_timeout"] == "" {
		config.PingTimeout = pingTimeout
	}
	if plain.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	params := config.ConnConfig.RuntimeParams
	params["search_path"] = pgx.Identifier{schema}.Sanitize()
	params["timezone"] = "UTC"
	params["default_transaction_isolation"] = "read committed" // whatever the server's default: rows are locked by hand
	if params["application_name"] == "" {
		params["application_name"] = "repsync"
	}
	// Every statement of this package names its rows by keys that an index begins with: one look-up per row, from the short
	// list that the caller gave, is the plan that never turns bad. A plan for the average rep is made once, not one for
	// what the last statistics knew of this one. See wrote, and
	// https://www.postgresql.org/docs/current/runtime-config-query.html.
	params["plan_cache_mode"] = "force_generic_plan"
	for _, way := range []string{"enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_material"} {
		params[way] = "off"
	}
	return config, nil
}

// Close waits for calls that are under way and ends the connections, unless they are lent: see On.
func (s *Store) Close() {
	if !s.lent {
		s.pool.Close()
	}
}

// clock is the time that a statement uses: the injected one, or null, for which it reads the database's.
func (s *Store) clock() *time.Time {
	if s.opts.Now == nil {
		return nil
	}
	now := s.opts.Now()
	return &now
}

// lend lends a connection to fn. Errors: errNoConnection, errCrowded, Postgres's own when it refuses one, the context's,
// fn's.
func (s *Store) lend(ctx context.Context, fn func(*pgx.Conn) error) error {
	wait, cancel := context.WithTimeout(ctx, s.acquire)
	conn, err := s.pool.Acquire(wait)
	cancel()
	if err != nil {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case stateOf(err) != "":
			return err
		case errors.Is(err, context.DeadlineExceeded) && s.pool.Stat().AcquiredConns() >= s.pool.Config().MaxConns:
			return errCrowded
		}
		return errNoConnection
	}
	defer conn.Release()
	return fn(conn.Conn())
}

// patiently is lend, but runs fn again where that is safe and likely to help:
//
//   - once, when the connection turns out to be broken and again says that nothing has happened yet: the server was
//     restarted while the connection lay idle, too shortly for the pool's own check to see it;
//   - once, when the server takes no writes: another one may be the primary by now, and a new connection finds it;
//   - a few times, when Postgres rolled back what fn did in favour of another transaction.
//
// In the first two cases whatever else lies idle is as old and is thrown away.
func (s *Store) patiently(ctx context.Context, again func() bool, fn func(*pgx.Conn) error) error {
	moved := false
	for lost := 0; ; {
		var broken bool
		err := s.lend(ctx, func(conn *pgx.Conn) error {
			err := fn(conn)
			broken = err != nil && conn.IsClosed()
			return err
		})
		switch {
		case err == nil, ctx.Err() != nil:
			return err
		case !moved && (broken && again() || stateOf(err) == readOnly):
			moved = true
			s.pool.Reset()
		case lost < contests && rolledBack(err):
			lost++
			if err := pause(ctx, lost); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// contests is how often a transaction that lost against another is run again before its caller hears of it.
const contests = 5

// pause waits before a transaction is run again, longer each time and never as long as its rival: 10 ms to 20 ms, then
// twice that.
func pause(ctx context.Context, lost int) error {
	least := 10 * time.Millisecond << (lost - 1)
	t := time.NewTimer(least + rand.N(least)) //nolint:gosec // no secret
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// read lends a connection for statements that need no transaction of their own. It may run fn more than once.
func (s *Store) read(ctx context.Context, op string, fn func(*pgx.Conn) error) error {
	return wrap(op, s.patiently(ctx, func() bool { return true }, fn))
}

// tx runs fn in a transaction at read committed. It may run fn more than once, in a new transaction after the one before
// was rolled back, so that fn has to begin anew each time. What broke after its begin is for the caller to try again: nobody
// knows whether it was committed.
func (s *Store) tx(ctx context.Context, op string, fn func(pgx.Tx) error) error {
	var begun bool
	return wrap(op, s.patiently(ctx, func() bool { return !begun }, func(conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			begun = true
			return fn(tx)
		})
	}))
}

// lock says how strongly fenced holds the rep's row.
type lock string

const (
	shared    lock = "for share"         // others may write for this rep too
	exclusive lock = "for no key update" // nobody else may: what the journal's chain needs
)

// fenced runs fn in a transaction that holds the rep's row and saw the epoch on it, so that a takeover waits until the
// transaction has ended. Errors: ErrLeaseLost, ErrNotFound when the rep is not there.
func (s *Store) fenced(ctx context.Context, op, org, rep string, epoch int64, l lock, fn func(pgx.Tx) error) error {
	unchecked := planted.Is(planted.LeaseUnchecked) // not in the closure, where the compiler leaves the call once it has inlined it
	return s.tx(ctx, op, func(tx pgx.Tx) error {
		var now int64
		err := tx.QueryRow(ctx, `select epoch from rep where org = $1 and rep = $2 `+string(l), org, rep).Scan(&now)
		if err != nil {
			return err
		}
		if now != epoch && !unchecked {
			return ErrLeaseLost
		}
		return fn(tx)
	})
}

// exec runs one statement inside a fenced transaction.
func (s *Store) exec(ctx context.Context, op, org, rep string, epoch int64, sql string, args ...any) error {
	return s.fenced(ctx, op, org, rep, epoch, shared, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sql, args...)
		return err
	})
}

// send sends what was queued in one round trip. An empty batch costs none.
func send(ctx context.Context, tx pgx.Tx, b *pgx.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, b).Close()
}

// query collects the rows of one statement.
func query[T any](ctx context.Context, s *Store, op string, scan func(pgx.CollectableRow) (T, error), sql string, args ...any) ([]T, error) {
	var out []T
	err := s.read(ctx, op, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, scan)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// queryOne returns the first row, ErrNotFound without one.
func queryOne[T any](ctx context.Context, s *Store, op string, scan func(pgx.CollectableRow) (T, error), sql string, args ...any) (T, error) {
	rows, err := query(ctx, s, op, scan, sql, args...)
	var none T
	if err != nil {
		return none, err
	}
	if len(rows) == 0 {
		return none, fmt.Errorf("store: %s: %w", op, ErrNotFound)
	}
	return rows[0], nil
}
