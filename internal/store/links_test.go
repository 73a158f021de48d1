package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/internal/store/storetest"
)

func TestLinksComeBackWhole(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	l1, waiting := link("l1", "c1", "m1"), link("l2", "c2", "")
	l1.Shared, l1.Generation, l1.Pinned = true, 3, planner.ReasonDeleted
	waiting.Mailbox = planner.SideBase{}
	require.NoError(t, f.PutLinks(f.ctx, acme, alice, f.epoch, record.Contact, []planner.Link{l1, waiting}))

	byCRM, err := f.LinksBySide(f.ctx, acme, alice, record.Contact, record.CRM, []string{"c1", "c2", "c3"})
	require.NoError(t, err)
	require.Equal(t, map[string]planner.Link{"c1": l1, "c2": waiting}, byCRM)
	byMailbox, err := f.LinksBySide(f.ctx, acme, alice, record.Contact, record.Mailbox, []string{"m1", ""})
	require.NoError(t, err)
	require.Equal(t, map[string]planner.Link{"m1": l1}, byMailbox)
	byID, err := f.LinksByID(f.ctx, acme, alice, record.Contact, []string{"l2"})
	require.NoError(t, err)
	require.Equal(t, map[string]planner.Link{"l2": waiting}, byID)
	n, err := f.CountLinks(f.ctx, acme, alice, record.Contact, planner.Active)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	of, err := f.LinksOfRecord(f.ctx, acme, record.Contact, "c1")
	require.NoError(t, err)
	require.Equal(t, []store.RepLink{{Rep: alice, Link: l1}}, of)
	linked, err := f.Linked(f.ctx, acme, alice, record.Contact, []string{"c1", "c9"})
	require.NoError(t, err)
	require.Equal(t, map[string]bool{"c1": true}, linked)
	elsewhere, err := f.LinksOfRecord(f.ctx, "other-org", record.Contact, "c1")
	require.NoError(t, err)
	require.Empty(t, elsewhere)
}

func TestOneItemHasOneLink(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	put := func(links ...planner.Link) error {
		return f.PutLinks(f.ctx, acme, alice, f.epoch, record.Contact, links)
	}
	require.NoError(t, put(link("l1", "c1", "m1")))
	require.ErrorIs(t, put(link("l2", "c1", "m2")), store.ErrConflict)
	require.ErrorIs(t, put(link("l2", "c2", "m1")), store.ErrConflict)
	left := link("l1", "c1", "m1")
	left.State = planner.Left
	require.NoError(t, put(link("l0", "c1", "m2"), left), "what is left gives its items up, in the same batch")
	got, err := f.LinksBySide(f.ctx, acme, alice, record.Contact, record.CRM, []string{"c1"})
	require.NoError(t, err)
	require.Equal(t, "l0", got["c1"].ID, "the one that is not left counts")
	require.Error(t, put(planner.Link{State: planner.Active}), "a link needs its id")
}

func TestClaimsAreAllOrNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	key := func(s string) []byte { return f.ring.Lookup(acme, record.Contact, s) }
	claim := func(rep, link string, keys ...[]byte) store.ClaimResult {
		r, err := f.Claim(f.ctx, acme, record.Contact, rep, link, keys, time.Minute)
		require.NoError(t, err)
		return r
	}
	a, b, c := key("a"), key("b"), key("c")
	require.Equal(t, store.ClaimResult{Won: true}, claim(alice, "l1", a, b))
	require.Equal(t, store.ClaimResult{Won: true}, claim(alice, "l1", b, a), "again")
	require.Equal(t, store.ClaimResult{Holder: "alice/l1"}, claim(bob, "l2", c, b))
	require.True(t, claim(alice, "l3", c).Won, "bob's lost attempt left nothing behind")

	f.advance(time.Minute)
	require.True(t, claim(bob, "l2", b).Won, "an expired claim that came to nothing is free")
	require.False(t, claim(alice, "l1", a, b).Won)

	require.NoError(t, f.Settle(f.ctx, acme, alice, f.epoch, store.SettleBatch{Kind: record.Contact, ClaimCRM: map[string]string{"l3": "003X"}}))
	f.advance(time.Hour)
	require.Equal(t, store.ClaimResult{CRMID: "003X", CRMIDs: []string{"003X"}}, claim(bob, "l4", c), "resolved: link to it, for ever")
	mine := claim(alice, "l3", c)
	require.True(t, mine.Won)
	require.Equal(t, "003X", mine.CRMID)
	require.NoError(t, f.PutLinks(f.ctx, acme, alice, f.epoch, record.Contact, []planner.Link{link("l3", "003X", "m3")}))
	require.NoError(t, f.Settle(f.ctx, acme, alice, f.epoch, store.SettleBatch{Kind: record.Contact, ClaimCRM: map[string]string{"l3": "003Z"}, Links: []planner.Link{link("l3", "003Z", "m3")}}))
	require.Equal(t, "003Z", claim(bob, "l4", c).CRMID, "a link whose item was made anew")
	require.NoError(t, f.DropClaims(f.ctx, acme, record.Contact, "003X"))
	require.False(t, claim(bob, "l4", c).Won)
	require.NoError(t, f.DropClaims(f.ctx, acme, record.Contact, "003Z"))
	require.True(t, claim(bob, "l4", c).Won, "a claim ends with its record")
	require.True(t, claim(bob, "l5").Won, "no keys, nobody to ask")
}

// Reps that hold the same person claim overlapping keys in any order: one wins, none deadlocks.
func TestConcurrentClaims(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for i := range 4 {
		require.NoError(t, f.AddRep(f.ctx, store.Rep{Org: acme, Rep: fmt.Sprint("rep", i), Mailbox: fmt.Sprintf("rep%d@acme.test", i), Active: true}))
	}
	for round := range 20 {
		key := func(n int) []byte { return f.ring.Lookup(acme, record.Contact, fmt.Sprint(round, n)) }
		orders := [][][]byte{{key(1), key(2), key(3)}, {key(3), key(2), key(1)}, {key(2), key(3), key(4)}, {key(4), key(2)}}
		won := make([]bool, len(orders))
		errs := make([]error, len(orders))
		var wg sync.WaitGroup
		for i, keys := range orders {
			wg.Go(func() {
				r, err := f.Claim(f.ctx, acme, record.Contact, fmt.Sprint("rep", i), "l", keys, time.Minute)
				won[i], errs[i] = r.Won, err
			})
		}
		wg.Wait()
		winners := 0
		for i := range orders {
			require.NoError(t, errs[i])
			if won[i] {
				winners++
			}
		}
		require.Equal(t, 1, winners, "all of them share key 2")
	}
}

func TestClaimsAreRenewedTogether(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	key := func(s string) []byte { return f.ring.Lookup(acme, record.Contact, s) }
	claim := func(rep, link string, keys ...[]byte) bool {
		r, err := f.Claim(f.ctx, acme, record.Contact, rep, link, keys, time.Minute)
		require.NoError(t, err)
		return r.Won
	}
	renew := func(of map[string][][]byte) map[string]bool {
		got, err := f.RenewClaims(f.ctx, acme, record.Contact, alice, of, time.Minute)
		require.NoError(t, err)
		return got
	}
	require.True(t, claim(alice, "l1", key("a"), key("b")))
	require.True(t, claim(alice, "l2", key("c")))
	require.True(t, claim(bob, "l1", key("d")))
	require.True(t, claim(alice, "l5", key("f")))
	require.NoError(t, f.Settle(f.ctx, acme, alice, f.epoch, store.SettleBatch{Kind: record.Contact, ClaimCRM: map[string]string{"l5": "003X"}}))
	f.advance(50 * time.Second)
	require.Equal(t, map[string]bool{"l1": true, "l2": false, "l3": false, "l4": false, "l5": false}, renew(map[string][][]byte{
		"l1": {key("b"), key("a"), key("b")}, "l2": {key("c"), key("d")}, "l3": {key("e")}, "l4": {}, "l5": {key("f")},
	}), "what another rep or link holds, nobody holds, or became a record is not renewed")
	f.advance(50 * time.Second)
	require.False(t, claim(bob, "l9", key("a")), "renewed")
	require.True(t, claim(bob, "l9", key("d")), "not renewed, and nothing was taken")
	require.True(t, claim(bob, "l9", key("e")))
	require.Empty(t, renew(nil))
}

func TestClaimsAreTakenTogether(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	key := func(s string) []byte { return f.ring.Lookup(acme, record.Contact, s) }
	each := func(rep string, of map[string][]byte) map[string]bool {
		got, err := f.ClaimEach(f.ctx, acme, record.Contact, rep, of, time.Minute)
		require.NoError(t, err)
		return got
	}
	require.Empty(t, each(alice, nil))
	require.Equal(t, map[string]bool{"l1": true, "l2": true}, each(alice, map[string][]byte{"l1": key("a"), "l2": key("b")}))
	require.Equal(t, map[string]bool{"l1": true}, each(alice, map[string][]byte{"l1": key("a")}), "taking it again renews it")
	require.Equal(t, map[string]bool{"l1": true}, each(bob, map[string][]byte{"l1": key("c"), "l2": key("b"), "l3": key("a")}), "what another rep holds is not taken")
	require.Equal(t, map[string]bool{"l4": true}, each(alice, map[string][]byte{"l4": key("d"), "l5": key("d")}), "of two that want one key one has it")
	require.NoError(t, f.Settle(f.ctx, acme, alice, f.epoch, store.SettleBatch{Kind: record.Contact, ClaimCRM: map[string]string{"l1": "003X"}}))
	f.advance(2 * time.Minute)
	require.Equal(t, map[string]bool{"l8": true}, each(bob, map[string][]byte{"l7": key("a"), "l8": key("b")}), "a record's claim lasts, another one runs out")
}

func TestAWorkerThatLostTheLeaseMovesNoClaim(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	keys := func(s string) [][]byte { return [][]byte{f.ring.Lookup(acme, record.Event, s)} }
	move := []store.MovedClaim{{Rep: "alice", LinkID: "l", CRMID: "00U1", New: keys("new")}}
	require.ErrorIs(t, f.MoveClaims(f.ctx, acme, alice, f.epoch-1, record.Event, move), store.ErrLeaseLost)
	claimed := func(names ...string) (ids []string) {
		for _, name := range names {
			found, err := f.Claimed(f.ctx, acme, record.Event, keys(name))
			require.NoError(t, err)
			ids = append(ids, found[string(keys(name)[0])])
		}
		return ids
	}
	require.Equal(t, []string{""}, claimed("new"))
	require.NoError(t, f.MoveClaims(f.ctx, acme, alice, f.epoch, record.Event, move))
	move[0].Old, move[0].New = move[0].New, keys("newer")
	for range 2 { // as after a crash
		require.NoError(t, f.MoveClaims(f.ctx, acme, alice, f.epoch, record.Event, move))
		require.Equal(t, []string{"", "00U1"}, claimed("new", "newer"))
	}
	require.NoError(t, f.DropClaims(f.ctx, acme, record.Event, "00U1"))
	move[0].Old, move[0].New = move[0].New, keys("newest")
	require.NoError(t, f.MoveClaims(f.ctx, acme, alice, f.epoch, record.Event, move))
	require.Equal(t, []string{"", ""}, claimed("newer", "newest"), "a record that is gone has none to move")
}

// What is done to the claims of a link or a record reads those, however many there are.
func TestClaimsAreFoundByTheirHolder(t *testing.T) {
	t.Parallel()
	ring, _ := storetest.Ring(t)
	f := fixtureOf(t, ring, storetest.Schema(t))
	store.Repool(f.Store, func(config *pgxpool.Config) { config.MaxConns = 1 })
	for _, sql := range []string{
		`alter table claim set (autovacuum_enabled = false)`,
		`insert into claim (coll, key, link_id, crm_id, until) select no, gen_random_uuid(), 'l' || i, case when i % 2 = 0 then '003' || i else '' end, now() + interval '1 d'
			from collection, generate_series(1, 20000) i where rep = 'alice' and kind = 'contact'`,
	} {
		require.NoError(t, store.Exec(f.ctx, f.Store, sql))
	}
	require.NoError(t, f.PutLinks(f.ctx, acme, alice, f.epoch, record.Contact, []planner.Link{link("l2", "0032", "m2")}))
	m := &meter{fixture: f, t: t}
	before := m.read()
	require.NoError(t, f.Settle(f.ctx, acme, alice, f.epoch, store.SettleBatch{Kind: record.Contact, ClaimCRM: map[string]string{"l1": "003X", "l2": "003Y"}, Unclaim: []string{"l3"}}))
	on, err := f.ClaimsOn(f.ctx, acme, record.Contact, []string{"003X", "003Y", "0032", "0034"})
	require.NoError(t, err)
	require.Len(t, on["003X"], 1)
	require.Len(t, on["003Y"], 1)
	require.Len(t, on["0034"], 1)
	require.NoError(t, f.DropClaims(f.ctx, acme, record.Contact, "0034"))
	_, err = f.LinkRows(f.ctx, acme, alice, record.Contact, "", 10)
	require.NoError(t, err)
	for where, rows := range m.read() {
		require.LessOrEqual(t, rows-before[where], int64(40), where)
	}
	f.mustCount(t, 19998, `select count(*)::text from claim`)
}
