package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// ranked has ranks kept of alice's contacts, however few there are.
func (f *fixture) ranked(t testing.TB) {
	t.Helper()
	require.NoError(t, store.Exec(f.ctx, f.Store, `update collection set ranked = true where org = 'acme' and rep = 'alice' and kind = 'contact'`))
}

// Ranks are kept from when more records are known than a limit lets in, and none before. What was read before has none yet: the
// rep reads everything again.
func TestRanksAreKeptFromTheLimitOn(t *testing.T) {
	t.Parallel()
	admitted := func(t *testing.T, f *fixture, ids ...string) {
		t.Helper()
		for _, id := range ids {
			f.stage(t, seen(record.CRM, item(id, id+"-2", 1, "Ann")))
			require.NoError(t, f.Judge(f.ctx, acme, alice, f.epoch, record.Contact, []store.Judgement{{Side: record.CRM, ID: id, In: true}}))
		}
	}
	known := func(t *testing.T, f *fixture) { // three records: one linked, one left out, one staged as well as linked
		t.Helper()
		l := link("l1", "c1", "m1")
		f.save(t, store.PlanBatch{Links: []planner.Link{l, link("l3", "c3", "m3")}, Verdicts: append(toldOf(l, 1, "created"),
			store.Verdict{Kind: record.Contact, Side: record.CRM, ID: "c2", Pass: 1, Revision: 1, Reason: "ambiguous"})})
		admitted(t, f, "c3")
	}
	for name, c := range map[string]struct {
		world  func(t *testing.T, f *fixture)
		limit  int
		whole  bool
		want   store.Ranking
		reread bool
	}{
		"nothing is known":                  {func(*testing.T, *fixture) {}, 0, false, store.NoRanks, false},
		"as many as the limit lets in":      {known, 3, false, store.NoRanks, false},
		"one more":                          {known, 2, false, store.LateRanks, true},
		"one more, while all is read again": {known, 2, true, store.LateRanks, true}, // what was planned of it is staged no more
		"one more, all of them staged":      {func(t *testing.T, f *fixture) { known(t, f); admitted(t, f, "c1", "c2") }, 2, false, store.AllRanks, false},
		"a first read, within":              {func(t *testing.T, f *fixture) { admitted(t, f, "c1", "c2") }, 2, false, store.NoRanks, false},
		"a first read, beyond":              {func(t *testing.T, f *fixture) { admitted(t, f, "c1", "c2") }, 1, false, store.AllRanks, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			c.world(t, f)
			keep := func(limit int, whole bool) store.Ranking {
				got, err := f.KeepRanks(f.ctx, acme, alice, f.epoch, record.Contact, limit, whole)
				require.NoError(t, err)
				return got
			}
			require.Equal(t, c.want, keep(c.limit, c.whole))
			r, err := f.GetRep(f.ctx, acme, alice)
			require.NoError(t, err)
			require.Equal(t, c.reread, r.Reread)
			if c.want != store.NoRanks {
				require.Equal(t, c.want, keep(c.limit, false), "a worker died before it could say so")
				require.Equal(t, store.AllRanks, keep(1000, true), "and from then on")
			}
			f.settle(t, store.SettleBatch{Ranks: []store.Ranked{{ID: "c1", Rank: "2026"}}})
			kept := 0
			if c.want != store.NoRanks {
				kept = 1
			}
			f.mustCount(t, kept, `select count(*)::text from rank`)
		})
	}
}
