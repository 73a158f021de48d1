package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/store"
)

// Ten calls a second, of which five may be early.
var tenth = store.Rate{Quota: connector.QuotaCalendar, Project: "acme.test", Every: 100 * time.Millisecond, Burst: 500 * time.Millisecond}

func TestRateIsSharedAndKept(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const patience = 10 * time.Second
	take := func(r store.Rate, org string, n int) (time.Duration, bool) {
		t.Helper()
		wait, ok, err := f.TakeRate(f.ctx, org, r, n, patience)
		require.NoError(t, err)
		return wait, ok
	}
	for _, step := range []struct {
		name string
		n    int
		wait time.Duration
		ok   bool
		then time.Duration // what passes afterwards
	}{
		{"the first are early", 5, 0, true, 0},
		{"these are due now", 10, 0, true, 0},
		{"these after a second", 100, time.Second, true, 0},
		{"later than anybody waits", 1, 11 * time.Second, false, time.Second},
		{"in ten seconds, now that one has passed", 1, 10 * time.Second, true, time.Hour},
		{"what was not used does not pile up", 5, 0, true, 0},
		{"again in time", 10, 0, true, 0},
		{"and no sooner", 1, time.Second, true, 0},
	} {
		wait, ok := take(tenth, acme, step.n)
		require.Equal(t, step.ok, ok, step.name)
		require.Equal(t, step.wait, wait, step.name)
		f.advance(step.then)
	}
	for name, other := range map[string]store.Rate{
		"another project": {Quota: tenth.Quota, Project: "other", Every: tenth.Every, Burst: tenth.Burst},
		"another quota":   {Quota: connector.QuotaPeopleRead, Project: tenth.Project, Every: tenth.Every, Burst: tenth.Burst},
		"a mailbox":       {Quota: tenth.Quota, Mailbox: "alice@acme.test", Every: tenth.Every, Burst: tenth.Burst},
		"another mailbox": {Quota: tenth.Quota, Mailbox: "bob@acme.test", Every: tenth.Every, Burst: tenth.Burst},
	} {
		_, ok := take(other, acme, 1000)
		require.True(t, ok, name)
	}
	_, ok := take(tenth, "other", 1)
	require.True(t, ok, "another org")
	wait, ok := take(store.Rate{Quota: tenth.Quota, Mailbox: " Alice@ACME.test", Every: tenth.Every, Burst: tenth.Burst}, acme, 1)
	require.False(t, ok, "the same mailbox, written otherwise: %s", wait)
	behind, err := f.RatesBehind(f.ctx, acme)
	require.NoError(t, err)
	require.Equal(t, []store.Behind{
		{Quota: connector.QuotaCalendar, Mailboxes: 2, Wait: 99500 * time.Millisecond},
		{Quota: connector.QuotaCalendar, Project: "acme.test", Wait: 1100 * time.Millisecond},
		{Quota: connector.QuotaCalendar, Project: "other", Wait: 99500 * time.Millisecond},
		{Quota: connector.QuotaPeopleRead, Project: "acme.test", Wait: 99500 * time.Millisecond},
	}, behind)
	names, err := store.Strings(f.ctx, f.Store, `select name from api_rate`)
	require.NoError(t, err)
	for _, name := range names {
		require.NotContains(t, name, "alice")
	}
}

func TestCallsOfADay(t *testing.T) {
	t.Parallel()
	type step struct {
		name  string
		calls store.Calls
		taken int
		until time.Duration // from now
		then  time.Duration
	}
	told := func(used, limit int64) store.Told { return store.Told{Used: used, Limit: limit} }
	for name, steps := range map[string][]step{
		"no limit is known": {
			{"all", store.Calls{N: 50, Need: 1, Reserve: 10}, 50, 0, 0},
		},
		"a limit of ours": {
			{"a block", store.Calls{N: 50, Need: 1, Daily: 100, Reserve: 10}, 50, 0, 2 * time.Hour},
			{"a block that is too large", store.Calls{N: 50, Need: 3, Daily: 100, Reserve: 10}, 3, 0, 0},
			{"the last that is not kept", store.Calls{N: 37, Need: 1, Daily: 100, Reserve: 10}, 37, 0, 0},
			{"the reserve is not for passes", store.Calls{N: 1, Need: 1, Daily: 100, Reserve: 10}, 0, 23 * time.Hour, 0},
			{"but for people", store.Calls{N: 10, Need: 1, Daily: 100, Reserve: 10, Awaited: true}, 10, 0, 0},
			{"while there is some", store.Calls{N: 1, Need: 1, Daily: 100, Reserve: 10, Awaited: true}, 0, 23 * time.Hour, 23 * time.Hour},
			{"the first block is back", store.Calls{N: 40, Need: 1, Daily: 100, Reserve: 10}, 40, 0, 0},
			{"the second is not", store.Calls{N: 1, Need: 1, Daily: 100, Reserve: 10}, 0, 2 * time.Hour, 0},
		},
		"the vendor's limit": {
			{"far from it", store.Calls{N: 50, Need: 1, Reserve: 10, Told: told(500, 1000)}, 50, 0, time.Minute},
			{"close to it", store.Calls{N: 50, Need: 1, Reserve: 10, Told: told(860, 1000)}, 1, 0, time.Minute},
			{"up to the reserve", store.Calls{N: 50, Need: 1, Reserve: 10, Told: told(900, 1000)}, 0, 15 * time.Minute, time.Minute},
			{"another worker has not heard", store.Calls{N: 50, Need: 1, Reserve: 10}, 0, 14 * time.Minute, 0},
			{"people may", store.Calls{N: 50, Need: 1, Reserve: 10, Awaited: true}, 50, 0, 14 * time.Minute},
			{"one asks", store.Calls{N: 50, Need: 1, Reserve: 10}, 1, 0, time.Minute},
			{"the others wait for what it hears", store.Calls{N: 50, Need: 1, Reserve: 10}, 0, 14 * time.Minute, time.Minute},
			{"it hears that there is more", store.Calls{N: 50, Need: 1, Reserve: 10, Told: told(100, 1000)}, 50, 0, time.Minute},
			{"and so do the others", store.Calls{N: 50, Need: 1, Reserve: 10}, 50, 0, 0},
		},
		"all of it is used": {
			{"people wait, too", store.Calls{N: 50, Need: 1, Reserve: 10, Awaited: true, Told: told(1000, 1000)}, 0, 15 * time.Minute, 0},
		},
		"both limits": {
			{"ours is the closer one", store.Calls{N: 50, Need: 1, Daily: 20, Reserve: 10, Told: told(0, 1000)}, 1, 0, time.Minute},
			{"the vendor's is", store.Calls{N: 10, Need: 1, Daily: 2000, Reserve: 10, Told: told(899, 1000)}, 1, 0, 0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			var sum int64
			for _, s := range steps {
				taken, until, err := f.TakeCalls(f.ctx, acme, s.calls)
				require.NoError(t, err)
				require.Equal(t, s.taken, taken, s.name)
				if taken == 0 {
					require.Equal(t, s.until, until.Sub(f.now()), s.name)
				}
				if sum += int64(taken); s.then < time.Hour {
					got, use, err := f.CallsOfDay(f.ctx, acme)
					require.NoError(t, err)
					require.GreaterOrEqual(t, sum, got, s.name)
					require.GreaterOrEqual(t, got, int64(taken), s.name)
					if s.calls.Told.Limit > 0 {
						require.Equal(t, s.calls.Told.Limit, use.Limit, s.name)
					}
				}
				f.advance(s.then)
			}
			got, use, err := f.CallsOfDay(f.ctx, "other")
			require.NoError(t, err)
			require.Zero(t, got)
			require.Zero(t, use)
		})
	}
}
