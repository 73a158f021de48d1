package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

func TestAnotherMailboxEndsLinksAndKeepsTombstones(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	buried := link("l2", "c2", "m2")
	buried.State = planner.Tombstone
	require.NoError(t, f.PutLinks(f.ctx, acme, alice, f.epoch, record.Contact, []planner.Link{link("l1", "c1", "m1"), buried}))
	f.save(t, store.PlanBatch{Intents: []store.Intent{create("i1")}})
	f.stage(t, seen(record.Mailbox, item("m1", "m1-2", 2, "Ann")))
	rep, err := f.GetRep(f.ctx, acme, alice)
	require.NoError(t, err)

	rep.Profile = "Other"
	require.NoError(t, f.UpdateRep(f.ctx, rep))
	n, err := f.CountLinks(f.ctx, acme, alice, record.Contact, "")
	require.NoError(t, err)
	require.Equal(t, 2, n, "the mailbox is the same")

	rep.Mailbox = "elsewhere@acme.test"
	require.NoError(t, f.UpdateRep(f.ctx, rep))
	n, err = f.CountLinks(f.ctx, acme, alice, record.Contact, "")
	require.NoError(t, err)
	require.Equal(t, 1, n)
	links, err := f.LinksByID(f.ctx, acme, alice, record.Contact, []string{"l2"})
	require.NoError(t, err)
	require.Equal(t, planner.Tombstone, links["l2"].State)
	_, there := f.staged(t, record.Mailbox, "m1")
	require.False(t, there)
	sit, err := f.Situation(f.ctx, acme, alice)
	require.NoError(t, err)
	require.Empty(t, sit.Open)
	require.True(t, sit.Rep.Reread)
	require.ErrorIs(t, f.PutLinks(f.ctx, acme, alice, f.epoch, record.Contact, nil), store.ErrLeaseLost, "who worked for the old one is refused")
}
