package store

import (
	"context"
	"time"

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

// Open connects to Postgres 15 or newer. It does not migrate: see Migrate and Check. Errors name no password.
func Open(ctx context.Context, databaseURL string, ring *keyring.Ring, opts Options) (*Store, error) {
	panic("unwritten")
}

// Close ends the pool's connections.
func (s *Store) Close() { s.pool.close() }

// Migrate brings the schema to this build's version. Workers that start together may all call it.
func (s *Store) Migrate(ctx context.Context) error { panic("unwritten") }

// Check reports whether the database can be reached and its schema is this build's; the error says what to run.
func (s *Store) Check(ctx context.Context) error { panic("unwritten") }
