package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/store"
)

// These tests run one after the other: what one puts on the shelf, the next may get.
func TestMain(m *testing.M) { Main(m) }

// had is a schema as a test had it.
type had struct {
	schema string
	pid    uint32 // of the store's session
	seq    int64  // the number that the journal's next line would get
}

// in runs a test of its own, which must not find a row, and waits until a session that fn has ended is gone.
func in(t *testing.T, fn func(conn *pgx.Conn)) (h had) {
	t.Helper()
	ctx := context.Background()
	t.Run("in", func(t *testing.T) {
		h.schema = Migrated(t)
		ring, _ := Ring(t)
		warm := Warm(t, ring, store.Options{Schema: h.schema})
		orgs, err := warm.Orgs(ctx)
		require.NoError(t, err)
		require.Empty(t, orgs, "another test's")
		require.NoError(t, lent(h.schema).pool.QueryRow(ctx, `select pg_backend_pid()`).Scan(&h.pid))

		conn, err := pgx.Connect(ctx, named(URL(t), h.schema))
		require.NoError(t, err)
		_, err = conn.Exec(ctx, `set search_path to `+h.schema)
		require.NoError(t, err)
		require.NoError(t, conn.QueryRow(ctx, `select nextval(pg_get_serial_sequence('journal', 'seq'))`).Scan(&h.seq))
		for _, table := range lent(h.schema).tables {
			var n int
			require.NoError(t, conn.QueryRow(ctx, `select count(*) from `+table).Scan(&n))
			require.Zero(t, n, table)
		}
		fn(conn)
	})
	return h
}

// ends closes a session and waits until the server has noticed.
func ends(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	ctx := context.Background()
	pid := conn.PgConn().PID()
	require.NoError(t, conn.Close(ctx))
	require.Eventually(t, func() bool {
		var there bool
		err := shelf.admin.QueryRow(ctx, `select exists (select from pg_stat_activity where pid = $1)`, pid).Scan(&there)
		return err == nil && !there
	}, 20*time.Second, time.Millisecond)
}

func TestSchemaComesBackEmpty(t *testing.T) { //nolint:paralleltest // see above
	fill := func(rows int) func(*pgx.Conn) {
		return func(conn *pgx.Conn) {
			_, err := conn.Exec(t.Context(), fmt.Sprintf(`insert into org (org) values ('acme');
				insert into feed_state (org, kind, first, last, at) values ('acme', 'contact', 1, 1, now());
				insert into erased (coll, item) select 1, 'link/' || n from generate_series(1, %d) n`, rows))
			require.NoError(t, err)
			ends(t, conn)
		}
	}
	first := in(t, fill(1))
	require.EqualValues(t, 1, first.seq)
	require.Equal(t, first, in(t, fill(5000)), "not the same schema on the same session")
	require.Equal(t, first, in(t, fill(0)), "not the same schema on the same session")
}

func TestAlteredSchemaIsDropped(t *testing.T) { //nolint:paralleltest // see above
	for _, sql := range []string{ //nolint:paralleltest // see above
		`alter table link add column later text`, `alter table link alter column made drop not null`, `alter table link set (autovacuum_enabled = false)`,
		`alter table rep disable trigger all`, `alter table rep drop constraint rep_org_fkey`, `drop index link_crm`, `create table more (x int)`,
		`create function f() returns int language sql as 'select 1'`, `create sequence more`, `create view more as select 1`, `create type more as (x int)`,
		`grant select on link to public`, `grant usage on schema SCHEMA to public`,
	} {
		t.Run(sql, func(t *testing.T) {
			var name string
			altered := in(t, func(conn *pgx.Conn) {
				require.NoError(t, conn.QueryRow(t.Context(), `select current_schema()`).Scan(&name))
				_, err := conn.Exec(t.Context(), strings.ReplaceAll(sql, "SCHEMA", name))
				require.NoError(t, err)
				ends(t, conn)
			})
			require.NotEqual(t, altered.schema, in(t, func(conn *pgx.Conn) { ends(t, conn) }).schema)
			var there bool
			require.NoError(t, shelf.admin.QueryRow(t.Context(), `select exists (select from pg_namespace where nspname = $1)`, name).Scan(&there))
			require.False(t, there)
		})
	}
}

// A session that was given up in the midst of a statement may end it later.
func TestSchemaInUseIsLeftAlone(t *testing.T) { //nolint:paralleltest // see above
	var left *pgx.Conn
	used := in(t, func(conn *pgx.Conn) { left = conn })
	require.NotEqual(t, used.schema, in(t, func(conn *pgx.Conn) { ends(t, conn) }).schema)
	_, err := left.Exec(t.Context(), `insert into org (org) values ('late')`)
	require.NoError(t, err)
	ends(t, left)
	for _, s := range shelf.idle {
		state, err := s.state(t.Context())
		require.NoError(t, err)
		require.Equal(t, asMade, state)
		require.NoError(t, s.empty(t.Context()))
	}
}
