package storetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/store"
)

// Making a schema with all its tables, dropping it, and planning every statement anew in new sessions is most of what
// Postgres would do for a short test. So a migrated schema that a test is done with goes on the shelf, its connections
// with it (see Warm), and is emptied and handed out again when the next test asks. The one that came last goes first.
//
// It is dropped instead when the test has changed more than rows: a table, an index, a trigger, a function, a grant. And it
// stays there while a session of that test may still be at it, such as one whose statement was cancelled.

var shelf struct {
	open  bool // by Main, which clears it
	mu    sync.Mutex
	idle  []*schema
	lent  map[string]*schema // by name
	admin *pgxpool.Pool
}

// schema is a migrated one.
type schema struct {
	name   string
	tables []string      // but goose's, children before parents
	shape  string        // see shapeOf
	pool   *pgxpool.Pool // of all tests that get it and ask for Warm; nil until one does
}

// Migrated returns the name of a schema that has all tables and no rows, for this test alone. Others may get it once the
// test has ended. For a schema that is not migrated see Schema.
func Migrated(t testing.TB) string {
	t.Helper()
	ctx := context.Background()
	if !shelf.open {
		s := &schema{name: Schema(t)}
		require.NoError(t, migrate(ctx, t, s.name))
		lend(t, s, s.close)
		return s.name
	}
	s, err := take(ctx, URL(t))
	require.NoError(t, err)
	if s == nil {
		s = &schema{name: newName()}
		require.NoError(t, migrate(ctx, t, s.name))
		require.NoError(t, s.look(ctx))
	}
	lend(t, s, func() { putBack(s) })
	return s.name
}

// lend notes that a schema is migrated and in use, until the test ends.
func lend(t testing.TB, s *schema, back func()) {
	shelf.mu.Lock()
	defer shelf.mu.Unlock()
	if shelf.lent == nil {
		shelf.lent = map[string]*schema{}
	}
	shelf.lent[s.name] = s
	t.Cleanup(func() {
		shelf.mu.Lock()
		delete(shelf.lent, s.name)
		shelf.mu.Unlock()
		back()
	})
}

// lent returns a schema of Migrated's that is in use, or nil.
func lent(name string) *schema {
	shelf.mu.Lock()
	defer shelf.mu.Unlock()
	return shelf.lent[name]
}

// warm is the schema's pool, whose sessions have planned what earlier tests asked.
func (s *schema) warm(ctx context.Context, address string) (*pgxpool.Pool, error) {
	shelf.mu.Lock()
	defer shelf.mu.Unlock()
	if s.pool != nil {
		return s.pool, nil
	}
	var err error
	s.pool, err = store.Pool(ctx, named(address, s.name), store.Options{Schema: s.name})
	return s.pool, err
}

func (s *schema) close() {
	if s.pool != nil {
		s.pool.Close()
	}
}

func newName() string { return "test_" + strings.ToLower(rand.Text()) }

// migrate makes a schema.
func migrate(ctx context.Context, t testing.TB, name string) error {
	t.Helper()
	ring, _ := Ring(t)
	s, err := store.Open(ctx, URL(t), ring, store.Options{Schema: name})
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Migrate(ctx)
}

// take returns the schema that was given back last, emptied, or nil when there is none to be had.
func take(ctx context.Context, address string) (*schema, error) {
	if err := openShelf(ctx, address); err != nil {
		return nil, err
	}
	var busy []*schema
	defer func() { putBack(busy...) }()
	for {
		s := pop()
		if s == nil {
			return nil, nil
		}
		switch state, err := s.state(ctx); {
		case err != nil:
			return nil, fmt.Errorf("look at schema %s: %w", s.name, err)
		case state == inUse:
			busy = append(busy, s)
		case state == altered:
			if err := s.drop(ctx); err != nil {
				return nil, err
			}
		default:
			return s, s.empty(ctx)
		}
	}
}

func openShelf(ctx context.Context, address string) (err error) {
	shelf.mu.Lock()
	defer shelf.mu.Unlock()
	if shelf.admin != nil {
		return nil
	}
	if shelf.admin, err = pgxpool.New(ctx, address); err != nil {
		return fmt.Errorf("open the shelf of schemas: %w", err)
	}
	return nil
}

func pop() *schema {
	shelf.mu.Lock()
	defer shelf.mu.Unlock()
	if len(shelf.idle) == 0 {
		return nil
	}
	last := len(shelf.idle) - 1
	s := shelf.idle[last]
	shelf.idle = shelf.idle[:last]
	return s
}

func putBack(all ...*schema) {
	shelf.mu.Lock()
	defer shelf.mu.Unlock()
	shelf.idle = append(shelf.idle, all...)
}

// state says whether a schema can be emptied and handed out.
type state int

const (
	asMade  state = iota
	inUse         // by a session of the test before
	altered       // more than its rows
)

// A row of the catalogues gets another xmin when a command changes what it describes, but not when statistics are taken.
const shapeOf = `
	with mine as (select oid from pg_class where relnamespace = $1::text::regnamespace)
	select concat_ws(' ', count(*), sum(hashtextextended(catalogue || ' ' || xmin, 0))) from (
		select 'schema' as catalogue, xmin::text from pg_namespace where oid = $1::text::regnamespace
		union all select 'class', xmin::text from pg_class where relnamespace = $1::text::regnamespace
		union all select 'column', xmin::text from pg_attribute where attrelid in (select oid from mine)
		union all select 'constraint', xmin::text from pg_constraint where connamespace = $1::text::regnamespace
		union all select 'trigger', xmin::text from pg_trigger where tgrelid in (select oid from mine)
		union all select 'function', xmin::text from pg_proc where pronamespace = $1::text::regnamespace
		union all select 'type', xmin::text from pg_type where typnamespace = $1::text::regnamespace
	) rows`

// look learns what a schema that was just made has.
func (s *schema) look(ctx context.Context) error {
	rows, err := shelf.admin.Query(ctx, `
		select relname::text from pg_class c where relnamespace = $1::text::regnamespace and relkind = 'r' and relname not like 'goose%'
		order by exists (select from pg_constraint where confrelid = c.oid), relname`, s.name)
	if err != nil {
		return err
	}
	if s.tables, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return err
	}
	return shelf.admin.QueryRow(ctx, shapeOf, s.name).Scan(&s.shape)
}

func (s *schema) state(ctx context.Context) (state, error) {
	own := []uint32{}
	if s.pool != nil { // what lies idle there does nothing; a session that was given up is not there any more
		for _, conn := range s.pool.AcquireAllIdle(ctx) {
			own = append(own, conn.Conn().PgConn().PID())
			conn.Release()
		}
	}
	var sessions int
	var shape string
	b := &pgx.Batch{}
	b.Queue(`select count(*) from pg_stat_activity where application_name = $1 and pid <> all($2::bigint[])`, s.name, own).
		QueryRow(func(r pgx.Row) error { return r.Scan(&sessions) })
	b.Queue(shapeOf, s.name).QueryRow(func(r pgx.Row) error { return r.Scan(&shape) })
	err := shelf.admin.SendBatch(ctx, b).Close()
	switch {
	case err != nil:
		return 0, err
	case sessions > 0:
		return inUse, nil
	case shape != s.shape:
		return altered, nil
	}
	return asMade, nil
}

// grownBytes is how large a table may be, dead rows and all, that is emptied by deleting.
const grownBytes = 128 << 10

// empty deletes all rows and sets the sequences back. A table that has grown is truncated, which costs more where it is
// small: otherwise the next test would wade through dead rows.
func (s *schema) empty(ctx context.Context) error {
	var grown []string
	if err := shelf.admin.QueryRow(ctx, `select coalesce(array_agg(relname::text), '{}') from pg_class
		where relnamespace = $1::text::regnamespace and relkind = 'r' and pg_table_size(oid) > $2`, s.name, grownBytes).Scan(&grown); err != nil {
		return fmt.Errorf("empty schema %s: %w", s.name, err)
	}
	var sql strings.Builder
	for _, table := range s.tables {
		format := "delete from %s;"
		if slices.Contains(grown, table) {
			format = "truncate %s cascade;"
		}
		fmt.Fprintf(&sql, format, pgx.Identifier{s.name, table}.Sanitize())
	}
	fmt.Fprintf(&sql, `select setval(seqrelid::regclass, seqstart, false) from pg_sequence
		where seqrelid in (select oid from pg_class where relnamespace = '%s'::regnamespace and relname not like 'goose%%')`, s.name)
	conn, err := shelf.admin.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("empty schema %s: %w", s.name, err)
	}
	defer conn.Release()
	if err := conn.Conn().PgConn().Exec(ctx, sql.String()).Close(); err != nil {
		return fmt.Errorf("empty schema %s: %w", s.name, err)
	}
	if len(grown) == 0 {
		return nil
	}
	return conn.QueryRow(ctx, shapeOf, s.name).Scan(&s.shape)
}

func (s *schema) drop(ctx context.Context) error {
	s.close()
	if _, err := shelf.admin.Exec(ctx, `drop schema if exists `+pgx.Identifier{s.name}.Sanitize()+` cascade`); err != nil {
		return fmt.Errorf("drop schema %s: %w", s.name, err)
	}
	return nil
}

// clearShelf drops what lies on the shelf, unless the whole server is about to go.
func clearShelf(ctx context.Context, drop bool) error {
	if shelf.admin == nil {
		return nil
	}
	defer shelf.admin.Close()
	for _, s := range shelf.idle {
		s.close()
		if !drop {
			continue
		}
		if err := s.drop(ctx); err != nil {
			return err
		}
	}
	return nil
}

// named is the address under an application name, by which the sessions of a schema are found.
func named(address, name string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" { // keywords and values
		return address + " application_name=" + name
	}
	q := u.Query()
	q.Set("application_name", name)
	u.RawQuery = q.Encode()
	return u.String()
}
