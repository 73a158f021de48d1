package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// TestClaimsEndWithTheirRecord holds that what the CRM's feed tells of a record's end ends its claims, and that those of a
// merged record go on with the one that it was merged into.
func TestClaimsEndWithTheirRecord(t *testing.T) {
	t.Parallel()
	f := newFeeder(t)
	key := func(s string) []byte { return f.ring.Lookup(acme, record.Contact, s) }
	claim := func(link, id string) {
		got, err := f.Claim(f.ctx, acme, record.Contact, alice, link, [][]byte{key(link)}, time.Minute)
		require.NoError(t, err)
		require.True(t, got.Won)
		require.NoError(t, f.Settle(f.ctx, acme, alice, f.epoch, store.SettleBatch{Kind: record.Contact, ClaimCRM: map[string]string{link: id}}))
	}
	claimed := func() map[string]string {
		got, err := f.Claimed(f.ctx, acme, record.Contact, [][]byte{key("kept"), key("gone"), key("merged")})
		require.NoError(t, err)
		return got
	}
	claim("kept", "003K")
	claim("gone", "003G")
	claim("merged", "003M")
	into := feedGone("003M", "t2")
	into.Into = "003W"
	for range 2 { // a feed shows again what was new
		f.add(feedRow("003K", "t1", "u1"), feedGone("003G", "t1"), into)
		require.Equal(t, map[string]string{string(key("kept")): "003K", string(key("merged")): "003W"}, claimed())
	}
	claim("gone", "003G") // settled after the feed told
	require.Len(t, claimed(), 3)
	require.NoError(t, f.SavePlan(f.ctx, acme, alice, f.epoch, store.PlanBatch{Kind: record.Contact, Ended: []string{"003G"}}))
	require.Equal(t, map[string]string{string(key("kept")): "003K", string(key("merged")): "003W"}, claimed())
}

// TestMendIsFenced holds that a repair of somebody who lost the lease changes nothing.
func TestMendIsFenced(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	require.ErrorIs(t, f.Mend(f.ctx, acme, alice, f.epoch+1, store.Repair{Reread: true}), store.ErrLeaseLost)
	require.ErrorIs(t, f.BoundLease(f.ctx, acme, alice, f.epoch+1, time.Now(), store.Line{}), store.ErrLeaseLost)
	r, err := f.GetRep(f.ctx, acme, alice)
	require.NoError(t, err)
	require.False(t, r.Reread)
	require.NoError(t, f.Mend(f.ctx, acme, alice, f.epoch, store.Repair{Reread: true}))
	r, err = f.GetRep(f.ctx, acme, alice)
	require.NoError(t, err)
	require.True(t, r.Reread)
}

// TestMendOrgSparesReps holds that what is forgotten of a rep who is not there is forgotten of nobody else.
func TestMendOrgSparesReps(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	require.NoError(t, f.Stage(f.ctx, acme, alice, f.epoch, []store.Staged{{Kind: record.Contact, Side: record.Mailbox, ID: "people/c1", Pass: 1, Obs: planner.Observation{Presence: planner.Present, Item: item("people/c1", "t1", 1, "Ann"), In: true}}}, store.Cursor{}))
	require.NoError(t, f.MendOrg(f.ctx, acme, store.OrgRepair{Rep: alice}))
	s, err := f.Situation(f.ctx, acme, alice)
	require.NoError(t, err)
	require.Equal(t, 1, s.Staged[record.Contact])
	require.ErrorIs(t, f.MendOrg(f.ctx, "nowhere", store.OrgRepair{}), store.ErrNotFound)
}
