package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/internal/store/storetest"
)

// A look-up reads the rows of its rep alone, also of a person whom a thousand reps know, and with no statistics at all.
func TestLookUpReadsNobodyElsesRows(t *testing.T) {
	t.Parallel()
	const reps, each = 1000, 20
	ring, _ := storetest.Ring(t)
	f := fixtureOf(t, ring, storetest.Schema(t)) // a new one: dead rows of another test would be counted
	store.Repool(f.Store, func(config *pgxpool.Config) { config.MaxConns = 1 })
	famous, mine := ring.Lookup(acme, record.Contact, "email:famous"), ring.Lookup(acme, record.Contact, "email:mine")
	for _, sql := range []string{
		`alter table mailbox_key set (autovacuum_enabled = false)`,
		fmt.Sprintf(`insert into collection (org, rep, kind) select 'acme', 'rep' || i, 'contact' from generate_series(1, %d) i`, reps),
		fmt.Sprintf(`insert into mailbox_key (coll, id, keys)
			select no, 'people/c' || i, array[case i when 1 then %d else hashtextextended(i::text, no) end # no::bigint]
			from collection, generate_series(1, %d) i where kind = 'contact' and rep like 'rep%%'`, store.Short(famous), each),
	} {
		require.NoError(t, store.Exec(f.ctx, f.Store, sql))
	}
	row := seen(record.Mailbox, item("m1", "t", 1, "Ann"))
	row.Keys = [][]byte{famous, mine}
	f.stage(t, row)

	m := &meter{fixture: f, t: t}
	before := m.read()
	got, err := f.MailboxByKeys(f.ctx, acme, alice, record.Contact, [][]byte{famous, mine, ring.Lookup(acme, record.Contact, "email:nobody")})
	require.NoError(t, err)
	require.Equal(t, map[string][]string{string(famous): {"m1"}, string(mine): {"m1"}}, got)
	_, err = f.VerdictsByKeys(f.ctx, acme, alice, record.Contact, [][]byte{famous})
	require.NoError(t, err)
	for where, rows := range m.read() {
		require.LessOrEqual(t, rows-before[where], int64(10), where)
	}
	got, err = f.MailboxByKeys(f.ctx, acme, "rep7", record.Contact, [][]byte{famous})
	require.NoError(t, err)
	require.Equal(t, map[string][]string{string(famous): {"people/c1"}}, got, "everybody finds their own")
}

// Items are found by 4 bytes of their ids, and told apart by all of them.
func TestItemsWhoseIDsHashAlike(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	alike, err := store.Strings(f.ctx, f.Store, `with many as (select 'm' || i as id, hashtext('m' || i) as hash from generate_series(1, 200000) i)
		select id from many where hash = (select hash from many group by hash having count(*) > 1 limit 1) order by id limit 2`)
	require.NoError(t, err)
	require.Len(t, alike, 2)
	key := func(id string) []byte { return f.ring.Lookup(acme, record.Contact, id) }
	put := func(id, tag string, keys ...[]byte) {
		row := seen(record.Mailbox, item(id, tag, 1, "Ann"))
		row.Keys = keys
		f.stage(t, row)
	}
	find := func() map[string][]string {
		got, err := f.MailboxByKeys(f.ctx, acme, alice, record.Contact, [][]byte{key(alike[0]), key(alike[1])})
		require.NoError(t, err)
		return got
	}
	put(alike[0], "1", key(alike[0]))
	put(alike[1], "1", key(alike[1]))
	require.Equal(t, map[string][]string{string(key(alike[0])): {alike[0]}, string(key(alike[1])): {alike[1]}}, find())
	put(alike[0], "2", key(alike[1]))
	require.Equal(t, map[string][]string{string(key(alike[1])): alike}, find())
	require.NoError(t, f.Forget(f.ctx, acme, alice, f.epoch, record.Contact, record.Mailbox, alike[:1]))
	require.Equal(t, map[string][]string{string(key(alike[1])): {alike[1]}}, find())
	ids, err := f.MailboxIDs(f.ctx, acme, alice, record.Contact)
	require.NoError(t, err)
	require.Equal(t, alike[1:], ids)
}

// crowded is a meter on an org whose reps have many events.
func crowded(t *testing.T) *meter {
	t.Helper()
	ring, _ := storetest.Ring(t)
	f := fixtureOf(t, ring, storetest.Schema(t))
	store.Repool(f.Store, func(config *pgxpool.Config) { config.MaxConns = 1 })
	for _, sql := range []string{
		`alter table mailbox_key set (autovacuum_enabled = false)`, `alter table link set (autovacuum_enabled = false)`,
		`insert into mailbox_key (coll, id, keys) select no, 'e' || i, array[i] from collection, generate_series(1, 5000) i where kind = 'event'`,
	} {
		require.NoError(t, store.Exec(f.ctx, f.Store, sql))
	}
	links := make([]planner.Link, 1000)
	for i := range links {
		links[i] = link(fmt.Sprint("l", 100+i), fmt.Sprint("00U", 100+i), fmt.Sprint("e", 100+i))
	}
	require.NoError(t, f.PutLinks(f.ctx, acme, alice, f.epoch, record.Event, links))
	return &meter{fixture: f, t: t}
}

// speaks gives bob's mailbox an occurrence of a series, found by its own key.
func speaks(t *testing.T, f *fixture, key, series []byte) (epoch int64) {
	t.Helper()
	epoch, err := f.Acquire(f.ctx, acme, bob, "worker-2", time.Minute)
	require.NoError(t, err)
	require.NoError(t, f.SetSpeaks(f.ctx, acme, bob, true))
	row := seen(record.Mailbox, item("m1#20260302", "t", 1, "Ann"))
	row.Kind, row.Keys, row.Series = record.Event, [][]byte{key}, series
	require.NoError(t, f.Stage(f.ctx, acme, bob, epoch, []store.Staged{row}, store.Cursor{}))
	return epoch
}

func TestSeriesOfAnotherRep(t *testing.T) {
	t.Parallel()
	m := crowded(t)
	f := m.fixture
	key, series := f.ring.Lookup(acme, record.Event, "uid:1"), f.ring.Lookup(acme, record.Event, "series:1")
	epoch := speaks(t, f, key, series)
	held := func(rep string, keys ...[]byte) map[string]bool {
		var names []string
		for _, k := range keys {
			names = append(names, string(k))
		}
		got, err := f.SeriesHeld(f.ctx, acme, rep, names)
		require.NoError(t, err)
		return got
	}
	require.Empty(t, held(alice, series), "not linked yet")
	require.NoError(t, f.PutLinks(f.ctx, acme, bob, epoch, record.Event, []planner.Link{link("l1", "00U1", "m1#20260302")}))
	before := m.read()
	require.Equal(t, map[string]bool{string(series): true}, held(alice, key, series), "the series, and no key of bob's own")
	for where, rows := range m.read() {
		require.LessOrEqual(t, rows-before[where], int64(20), where)
	}
	require.Empty(t, held(bob, series), "his own")
	require.NoError(t, f.SetSpeaks(f.ctx, acme, bob, false))
	require.Empty(t, held(alice, series), "his events do not flow to the CRM any more")
}

// A copy of a meeting that waits for another rep's to get a record is tried again once that claim became one.
func TestResolvedClaimWakesOtherCopies(t *testing.T) {
	t.Parallel()
	m := crowded(t)
	f := m.fixture
	key, other := f.ring.Lookup(acme, record.Event, "uid:1"), f.ring.Lookup(acme, record.Event, "uid:2")
	epoch := speaks(t, f, key, nil)
	later := noon.Add(24 * time.Hour)
	wait := store.Parked{Kind: record.Event, Side: record.Mailbox, ID: "m1#20260302", Reason: "organizer_speaks", NextTry: later}
	require.NoError(t, f.SavePlan(f.ctx, acme, bob, epoch, store.PlanBatch{Kind: record.Event, Parked: []store.Parked{wait}}))
	next := func() time.Time {
		rows, err := f.ParkedList(f.ctx, acme, bob, 0)
		require.NoError(t, err)
		require.Len(t, rows, 1)
		return rows[0].NextTry
	}
	before := m.read()
	for _, c := range []struct {
		link string
		key  []byte
		want time.Time
	}{{"l2", other, later}, {"l1", key, noon}} {
		got, err := f.Claim(f.ctx, acme, record.Event, alice, c.link, [][]byte{c.key}, time.Minute)
		require.NoError(t, err)
		require.True(t, got.Won)
		require.NoError(t, f.Settle(f.ctx, acme, alice, f.epoch, store.SettleBatch{Kind: record.Event, ClaimCRM: map[string]string{c.link: "00U" + c.link}}))
		require.Equal(t, c.want, next(), c.link)
	}
	for where, rows := range m.read() {
		require.LessOrEqual(t, rows-before[where], int64(40), "%s: what waits is read, and its keys", where)
	}
}
