package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/keyring"
)

// Options of a store.
type Options struct {
	Schema string           // the Postgres schema, "" is public; tests have one each
	Now    func() time.Time // nil: the database's clock, which all workers share
}

// Store is a pool of connections and the keyring. It is safe for concurrent use.
type Store struct {
	pool *pool
	ring *keyring.Ring
	opts Options
}

const connectTimeout = 10 * time.Second

// Open connects to Postgres 15 or newer. It does not migrate: see Migrate and Check. Errors name no password.
func Open(ctx context.Context, databaseURL string, ring *keyring.Ring, opts Options) (*Store, error) {
	if ring == nil {
		return nil, errors.New("store: open: no keyring")
	}
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil { // its text may quote the password
		return nil, errors.New("store: open: the database URL is malformed; want postgres://user:password@host:port/database")
	}
	if opts.Schema == "" {
		opts.Schema = "public"
	}
	config.RuntimeParams["search_path"] = pgx.Identifier{opts.Schema}.Sanitize()
	config.RuntimeParams["timezone"] = "UTC"
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "repsync"
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	s := &Store{pool: newPool(config, defaultConns), ring: ring, opts: opts}
	const op = "open"
	if err := s.read(ctx, op, func(conn *pgx.Conn) error { return conn.Ping(ctx) }); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close waits for calls that are under way and ends the connections.
func (s *Store) Close() { s.pool.close() }

// clock is the time that a statement uses: the injected one, or null, for which it reads the database's.
func (s *Store) clock() *time.Time {
	if s.opts.Now == nil {
		return nil
	}
	now := s.opts.Now()
	return &now
}

// read lends a connection for statements that need no transaction of their own.
func (s *Store) read(ctx context.Context, op string, fn func(*pgx.Conn) error) error {
	return wrap(op, s.pool.with(ctx, fn))
}

// tx runs fn in a transaction at read committed.
func (s *Store) tx(ctx context.Context, op string, fn func(pgx.Tx) error) error {
	return wrap(op, s.pool.with(ctx, func(conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, fn)
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
	return s.tx(ctx, op, func(tx pgx.Tx) error {
		var now int64
		err := tx.QueryRow(ctx, `select epoch from rep where org = $1 and rep = $2 `+string(l), org, rep).Scan(&now)
		if err != nil {
			return err
		}
		if now != epoch {
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
