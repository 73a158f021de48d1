package store_test

import (
	"context"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/internal/store/storetest"
)

func TestClassesOfErrors(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]store.Class{
		"40001": store.Contended, "40P01": store.Contended, "55P03": store.Contended,
		"40003": store.Away, // nobody knows whether it was committed: never run again behind the caller's back
		"53100": store.Full, "53200": store.Full, "53400": store.Full, "58030": store.Full,
		"53300": store.Crowded, store.CodeCrowded: store.Crowded,
		"57P01": store.Away, "57P02": store.Away, "57P03": store.Away, "57P05": store.Away, "57014": store.Away, "25006": store.Away, "08006": store.Away,
		store.CodeConnection: store.Away,
		"28P01":              store.Refused, "3D000": store.Refused, "42501": store.Refused,
		"23505": store.Faulty, "42P01": store.Faulty, "XX000": store.Faulty, "": store.Faulty, store.CodeSealed: store.Faulty, store.CodeClient: store.Faulty,
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			e := &store.Error{Op: "test", Code: code}
			require.Equal(t, want, e.Class())
			require.NotEmpty(t, e.Remedy())
			require.Equal(t, want != store.Refused && want != store.Faulty, store.Transient(e))
		})
	}
}

// rival is a session beside the store's, in a transaction.
func rival(t *testing.T, f *fixture) pgx.Tx {
	t.Helper()
	schema, err := store.Strings(f.ctx, f.Store, `select current_schema()::text`)
	require.NoError(t, err)
	conn, err := pgx.Connect(f.ctx, storetest.URL(t))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	_, err = conn.Exec(f.ctx, `set search_path = `+schema[0])
	require.NoError(t, err)
	tx, err := conn.Begin(f.ctx)
	require.NoError(t, err)
	return tx
}

// waiting returns when a session of the store waits for a lock that the rival holds.
func waiting(t *testing.T, f *fixture, tx pgx.Tx) {
	t.Helper()
	pid := tx.Conn().PgConn().PID()
	require.Eventually(t, func() bool {
		n, err := store.Strings(f.ctx, f.Store, `select pid::text from pg_stat_activity where $1 = any(pg_blocking_pids(pid))`, pid)
		return err == nil && len(n) > 0
	}, 20*time.Second, 5*time.Millisecond)
}

// settledOnce settles an intent with two journal lines while a rival, who has locked its claim, does what meanwhile says, and
// holds that it is settled once.
func settledOnce(t *testing.T, f *fixture, meanwhile func(tx pgx.Tx)) {
	t.Helper()
	i := create("i1")
	f.save(t, store.PlanBatch{Links: []planner.Link{link("l-i1", "c1", "")}, Intents: []store.Intent{i}})
	require.NoError(t, f.MarkSent(f.ctx, acme, alice, f.epoch, []store.Intent{i}))
	_, err := f.Claim(f.ctx, acme, record.Contact, alice, "l-i1", [][]byte{f.ring.Lookup(acme, "contact", "ann")}, time.Minute)
	require.NoError(t, err)
	tx := rival(t, f)
	_, err = tx.Exec(f.ctx, `select from claim for update`)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		done <- f.Settle(f.ctx, acme, alice, f.epoch, store.SettleBatch{Kind: record.Contact, Done: []string{"i1"}, Links: []planner.Link{link("l-i1", "c1", "m1")},
			ClaimCRM: map[string]string{"l-i1": "c1"}, Journal: []store.Line{line("c1", "l-i1", "A"), line("c1", "l-i1", "B")}})
	}()
	waiting(t, f, tx) // Settle has the rep's row and wants the claim
	meanwhile(tx)
	require.NoError(t, tx.Commit(f.ctx))
	require.NoError(t, <-done)
	f.mustCount(t, 1, `select count(*)::text from intent where state = 'done'`)
	f.mustCount(t, 1, `select count(*)::text from link where mailbox_id = 'm1'`)
	f.mustCount(t, 2, `select count(*)::text from journal`)
	f.mustCount(t, 1, `select count(*)::text from claim where crm_id = 'c1'`)
}

// A deadlock between Settle and another session, which Postgres ends by rolling Settle back.
func TestDeadlockIsRunAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	lost := store.CountErrors(f.Store, "40P01")
	settledOnce(t, f, func(tx pgx.Tx) {
		_, err := tx.Exec(f.ctx, `set local deadlock_timeout = '1h'`) // who looks for the deadlock is its victim
		require.NoError(t, err)
		_, err = tx.Exec(f.ctx, `update rep set profile = profile where rep = 'alice'`)
		require.NoError(t, err, "the rival wins")
	})
	require.Positive(t, lost.Load(), "deadlocks that Postgres ended: another one, where Settle is back before its rival has woken up")
}

// The store runs at read committed; on a server or behind a pooler that forces a stricter level it fails to serialize now and
// then, and goes on.
func TestSerializationFailureIsRunAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	store.Repool(f.Store, func(config *pgxpool.Config) {
		require.Equal(t, "read committed", config.ConnConfig.RuntimeParams["default_transaction_isolation"])
		config.ConnConfig.RuntimeParams["default_transaction_isolation"] = "repeatable read"
	})
	lost := store.CountErrors(f.Store, "40001")
	settledOnce(t, f, func(tx pgx.Tx) { // Settle's snapshot is older than this
		_, err := tx.Exec(f.ctx, `update claim set until = until + interval '1 s'`)
		require.NoError(t, err)
	})
	require.EqualValues(t, 1, lost.Load(), "serialization failures")
}

// Every write of the store loses twice, at its first statement and in its middle, and leaves what it leaves undisturbed.
func TestEveryWriteMayLose(t *testing.T) {
	t.Parallel()
	ring, _ := storetest.Ring(t)
	// Numbers that a rolled back transaction has used up, and what covers a sealed value's nonce.
	volatile := regexp.MustCompile(`"(seq|n|no)": \d+,? ?|"(mac|journal_chain|journal_head)": "[^"]*",? ?`)
	left := func(f *fixture) (out []string) {
		for _, row := range dump(t, f, false) {
			if !strings.HasPrefix(row, "goose") {
				out = append(out, volatile.ReplaceAllString(row, ""))
			}
		}
		slices.Sort(out)
		return out
	}
	calm := fixtureOf(t, ring, storetest.Migrated(t))
	upTo(t, calm, "")

	f := fixtureOf(t, ring, storetest.Migrated(t))
	require.NoError(t, store.Exec(f.ctx, f.Store, `create sequence turn`))
	require.NoError(t, store.Exec(f.ctx, f.Store, `create function lose() returns trigger language plpgsql as $$
		declare n bigint := nextval('turn');
		begin
			if n = 1 then raise exception 'lost' using errcode = '40P01'; end if;
			if n = 3 then raise exception 'lost' using errcode = '40001'; end if;
			return null;
		end $$`))
	tables, err := store.Strings(f.ctx, f.Store, `select tablename::text from pg_tables where schemaname = current_schema()`)
	require.NoError(t, err)
	for _, table := range tables {
		require.NoError(t, store.Exec(f.ctx, f.Store, `create trigger lose after insert or update or delete on `+table+` for each statement execute function lose()`))
	}
	lost := store.CountErrors(f.Store, "40P01", "40001")
	writes := script()
	for _, w := range writes {
		require.NoError(t, store.Exec(f.ctx, f.Store, `select setval('turn', 1, false)`))
		require.NoError(t, w.run(f, f.epoch), w.name)
	}
	require.GreaterOrEqual(t, lost.Load(), int64(len(writes)), "writes that lost at least once")
	require.Equal(t, left(calm), left(f))
}

// A transaction that always loses is its caller's to try again, later.
func TestLosingForEverEnds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, code := range []string{"40001", "40P01"} {
		runs, err := store.InTx(f.ctx, f.Store, func(tx pgx.Tx) error {
			_, err := tx.Exec(f.ctx, `do $$ begin raise exception 'lost' using errcode = '`+code+`'; end $$`)
			return err
		})
		require.Equal(t, store.Contests+1, runs)
		var e *store.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, store.Contended, e.Class())
		require.True(t, store.Transient(err))
	}
	ctx, cancel := context.WithCancel(f.ctx)
	runs, err := store.InTx(ctx, f.Store, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `do $$ begin raise exception 'lost' using errcode = '40001'; end $$`)
		cancel()
		return err
	})
	require.Error(t, err)
	require.Equal(t, 1, runs, "nobody waits for it any more")
}

// One connection is enough for every call: no method waits for a second one while it holds the first.
func TestOneConnectionIsEnough(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	store.Repool(f.Store, func(config *pgxpool.Config) { config.MaxConns = 1 })
	upTo(t, f, "")
	require.NoError(t, f.Check(f.ctx))
	require.NoError(t, f.Migrate(f.ctx))
	errs := make(chan error)
	const reps = 40
	for range reps {
		go func() {
			_, err := f.Situation(f.ctx, acme, alice)
			if err == nil {
				err = f.Renew(f.ctx, acme, alice, f.epoch, time.Minute)
			}
			errs <- err
		}()
	}
	for range reps {
		require.NoError(t, <-errs)
	}
}

// All connections stay lent, or the server has none to spare: callers hear so, by class, and go on afterwards.
func TestNoConnectionToSpare(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	get := func() error {
		_, err := f.GetRep(f.ctx, acme, alice)
		return err
	}
	crowded := func(err error, code string) {
		t.Helper()
		var e *store.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, code, e.Code)
		require.Equal(t, store.Crowded, e.Class())
	}
	store.Repool(f.Store, func(config *pgxpool.Config) { config.MaxConns = 1 })
	store.Occupy(t, f.Store, 1) // opening it may take longer than callers will wait
	store.SetAcquireTimeout(f.Store, 50*time.Millisecond)
	require.NoError(t, store.Lend(f.ctx, f.Store, func(*pgx.Conn) error { crowded(get(), store.CodeCrowded); return nil }))
	require.NoError(t, get())
	store.SetAcquireTimeout(f.Store, time.Minute)

	role := "crowd_" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "_")) + "_" + time.Now().Format("150405")
	require.NoError(t, store.Exec(f.ctx, f.Store, `create role `+role+` login password 'x' connection limit 1`))
	t.Cleanup(func() {
		require.NoError(t, store.Exec(context.Background(), f.Store, `drop owned by `+role))
		require.NoError(t, store.Exec(context.Background(), f.Store, `drop role `+role))
	})
	require.NoError(t, store.Exec(f.ctx, f.Store, `do $$ begin execute format('grant all on schema %I to `+role+`', current_schema());
		execute format('grant all on all tables in schema %I to `+role+`', current_schema()); end $$`))
	at, err := url.Parse(storetest.URL(t))
	require.NoError(t, err)
	at.User = url.UserPassword(role, "x")
	other, err := pgx.Connect(f.ctx, at.String())
	require.NoError(t, err, "somebody else has the only connection of the role")
	limited := newLimited(t, f, at.String())
	_, err = limited.GetRep(f.ctx, acme, alice)
	crowded(err, "53300")
	require.NoError(t, other.Close(f.ctx))
	require.Eventually(t, func() bool { _, err := limited.GetRep(f.ctx, acme, alice); return err == nil }, 20*time.Second, 5*time.Millisecond)
}

// newLimited is the fixture's store for another user, not connected yet.
func newLimited(t *testing.T, f *fixture, address string) *store.Store {
	t.Helper()
	schema, err := store.Strings(f.ctx, f.Store, `select current_schema()::text`)
	require.NoError(t, err)
	s := storetest.With(t, f.ring, store.Options{Schema: schema[0]})
	store.Repool(s, func(config *pgxpool.Config) {
		c, err := store.Parse(address, schema[0])
		require.NoError(t, err)
		config.ConnConfig.User, config.ConnConfig.Password = c.ConnConfig.User, c.ConnConfig.Password
	})
	return s
}

// A server that takes no more writes, 25006, is left for whichever answers a new connection: behind one address the primary
// may have moved.
func TestReadOnlyServerIsLeft(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var old atomic.Bool
	old.Store(true)
	store.Repool(f.Store, func(config *pgxpool.Config) {
		config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			if !old.Load() {
				return nil
			}
			_, err := conn.Exec(ctx, `set default_transaction_read_only = on`)
			return err
		}
	})
	store.Occupy(t, f.Store, 4)
	require.NoError(t, store.Exec(f.ctx, f.Store, `select 1`))
	err := f.Renew(f.ctx, acme, alice, f.epoch, time.Minute)
	var e *store.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "25006", e.Code)
	require.Equal(t, store.Away, e.Class())
	store.Occupy(t, f.Store, 4) // that many lie idle, all of them old
	old.Store(false)
	runs, err := store.InTx(f.ctx, f.Store, func(tx pgx.Tx) error {
		_, err := tx.Exec(f.ctx, `update rep set profile = 'moved'`)
		return err
	})
	require.NoError(t, err)
	require.Equal(t, 2, runs)
	for range 4 {
		require.NoError(t, f.Renew(f.ctx, acme, alice, f.epoch, time.Minute))
	}
}
