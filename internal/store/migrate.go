package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

const minServer = 150000 // server_version_num of Postgres 15

// Migrate brings the schema to this build's version, and makes the schema itself when it is not there. Workers that
// start together may all call it: an advisory lock lets one work while the others wait.
func (s *Store) Migrate(ctx context.Context) error {
	const op = "migrate"
	return s.read(ctx, op, func(conn *pgx.Conn) error {
		var version int
		if err := conn.QueryRow(ctx, `select current_setting('server_version_num')::int`).Scan(&version); err != nil {
			return err
		}
		if version < minServer {
			return &Error{Op: op + ": needs Postgres 15 or newer", Code: fmt.Sprintf("server %d", version)}
		}
		const lockKey = `hashtextextended('repsync migrate ' || $1, 0)`
		if _, err := conn.Exec(ctx, `select pg_advisory_lock(`+lockKey+`)`, s.opts.Schema); err != nil {
			return err
		}
		defer func() {
			// Best effort: when the connection broke, the server has let go of the lock.
			_, _ = conn.Exec(context.WithoutCancel(ctx), `select pg_advisory_unlock(`+lockKey+`)`, s.opts.Schema)
		}()
		if _, err := conn.Exec(ctx, `create schema if not exists `+pgx.Identifier{s.opts.Schema}.Sanitize()); err != nil {
			return err
		}
		return s.goose(func(p *goose.Provider) error {
			_, err := p.Up(ctx)
			return err
		})
	})
}

// Check reports whether the database can be reached and its schema is this build's; the error says what to run.
func (s *Store) Check(ctx context.Context) error {
	const op = "check"
	var current, target int64
	err := s.read(ctx, op, func(conn *pgx.Conn) error {
		var there bool
		err := conn.QueryRow(ctx, `select to_regclass($1) is not null`,
			pgx.Identifier{s.opts.Schema, goose.DefaultTablename}.Sanitize()).Scan(&there)
		if err != nil || !there {
			return err
		}
		return s.goose(func(p *goose.Provider) error {
			current, target, err = p.GetVersions(ctx)
			return err
		})
	})
	switch {
	case err != nil:
		return err
	case current == 0:
		return errors.New("store: check: the database has no Repsync tables yet; start the worker, which makes them")
	case current < target:
		return fmt.Errorf("store: check: the schema is at version %d and this build needs %d; start a worker of this build, which migrates it", current, target)
	case current > target:
		return fmt.Errorf("store: check: the schema is at version %d, newer than this build's %d; run the newer build", current, target)
	}
	return nil
}

// goose lends a provider over connections of its own, which see the store's schema.
func (s *Store) goose(fn func(*goose.Provider) error) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	db := stdlib.OpenDB(*s.pool.Config().ConnConfig)
	defer func() { _ = db.Close() }()
	p, err := goose.NewProvider(goose.DialectPostgres, db, dir, goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	return fn(p)
}
