package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

func TestLease(t *testing.T) {
	t.Parallel()
	f := newFixture(t)

	again, err := f.Acquire(f.ctx, acme, alice, "worker-1", time.Minute)
	require.NoError(t, err)
	require.Equal(t, f.epoch, again, "the same holder keeps its epoch")

	f.advance(59 * time.Second)
	_, err = f.Acquire(f.ctx, acme, alice, "worker-2", time.Minute)
	var held store.ErrLeaseHeld
	require.ErrorAs(t, err, &held, "%v", err)
	require.Equal(t, noon.Add(time.Minute), held.Until)
	require.True(t, store.Transient(err))

	require.NoError(t, f.Renew(f.ctx, acme, alice, f.epoch, time.Minute))
	f.advance(59 * time.Second)
	_, err = f.Acquire(f.ctx, acme, alice, "worker-2", time.Minute)
	require.ErrorAs(t, err, &held, "renewed")

	f.advance(time.Second)
	second, err := f.Acquire(f.ctx, acme, alice, "worker-2", time.Minute)
	require.NoError(t, err)
	require.Greater(t, second, f.epoch, "takeover after expiry moves the epoch")

	require.ErrorIs(t, f.Renew(f.ctx, acme, alice, f.epoch, time.Minute), store.ErrLeaseLost)
	require.NoError(t, f.Release(f.ctx, acme, alice, f.epoch), "an old release changes nothing")
	_, err = f.Acquire(f.ctx, acme, alice, "worker-3", time.Minute)
	require.ErrorAs(t, err, &held)

	require.NoError(t, f.Release(f.ctx, acme, alice, second))
	third, err := f.Acquire(f.ctx, acme, alice, "worker-3", time.Minute)
	require.NoError(t, err)
	require.Greater(t, third, second)

	_, err = f.Acquire(f.ctx, acme, "nobody", "worker-1", time.Minute)
	require.ErrorIs(t, err, store.ErrNotFound)
}

// A takeover waits for a write that saw the old epoch, and the write after it is refused.
func TestTakeoverNeverOverlapsAWrite(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.advance(2 * time.Minute)
	wrote, took := make(chan error, 1), make(chan error, 1)
	go func() { wrote <- f.DropPlan(f.ctx, acme, alice, f.epoch) }()
	go func() {
		_, err := f.Acquire(f.ctx, acme, alice, "worker-2", time.Minute)
		took <- err
	}()
	require.NoError(t, <-took)
	if err := <-wrote; err != nil {
		require.ErrorIs(t, err, store.ErrLeaseLost)
	}
	require.ErrorIs(t, f.DropPlan(f.ctx, acme, alice, f.epoch), store.ErrLeaseLost)
}

func TestRecordLeases(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	lock := func(rep string, ids ...string) []string {
		got, err := f.LockRecords(f.ctx, acme, record.Contact, rep, ids, time.Minute)
		require.NoError(t, err)
		return got
	}
	require.Equal(t, []string{"1", "2"}, lock(alice, "2", "1", "2"))
	require.Equal(t, []string{"3"}, lock(bob, "3", "2"), "others' records are left for later")
	require.Equal(t, []string{"1", "2"}, lock(alice, "1", "2"), "one's own are renewed")
	require.NoError(t, f.UnlockRecords(f.ctx, acme, record.Contact, bob, []string{"1"}), "bob holds no lease on it")
	require.Empty(t, lock(bob, "1"))
	require.NoError(t, f.UnlockRecords(f.ctx, acme, record.Contact, alice, []string{"1"}))
	require.Equal(t, []string{"1"}, lock(bob, "1"))
	f.advance(time.Minute)
	require.Equal(t, []string{"1"}, lock(alice, "1"), "an expired lease is free")
}
