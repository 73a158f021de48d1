package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

func TestStandings(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	got, err := f.Standings(f.ctx)
	require.NoError(t, err)
	require.Equal(t, []store.Standing{{Org: acme, Reps: 2, Parked: map[planner.Reason]int{}}}, got)

	upTo(t, f, "ReleasePlan")
	require.NoError(t, f.PutOrg(f.ctx, "other"))
	require.NoError(t, f.AddRep(f.ctx, store.Rep{Org: "other", Rep: "eve", Mailbox: "eve@other.test"}))
	got, err = f.Standings(f.ctx)
	require.NoError(t, err)
	require.Len(t, got, 1, "an org without an active rep and without trouble is not told of")
	reps, err := f.Reps(f.ctx, acme)
	require.NoError(t, err)
	active := 0
	for _, r := range reps {
		if r.Active {
			active++
		}
	}
	require.Equal(t, active, got[0].Reps)
	s, err := f.Situation(f.ctx, acme, alice)
	require.NoError(t, err)
	require.Equal(t, s.Open[record.Contact][store.Unknown], got[0].Unknown)
	require.Positive(t, got[0].Unknown)
	held := 0
	if s.Plan != nil && s.Plan.State == store.PlanHeld {
		held = 1
	}
	require.Equal(t, held, got[0].Held)
	n := 0
	for _, of := range got[0].Parked {
		n += of
	}
	require.Equal(t, s.Parked, n)
	require.Positive(t, n)
	lent, idle, most := f.Connections()
	require.Zero(t, lent)
	require.Positive(t, idle)
	require.GreaterOrEqual(t, most, idle)
}
