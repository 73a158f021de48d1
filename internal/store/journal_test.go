package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

func line(id, link, after string) store.Line {
	return store.Line{Pass: 1, Revision: 2, Kind: record.Contact, Side: record.CRM, ID: id, LinkID: link, Action: "update", Field: "title",
		Rule: "conflict: crm_wins", Code: "c", Reason: "merged", Values: map[string]store.Change{"title": {Before: "VP", After: after, Lost: "CEO"}}}
}

func TestJournal(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.save(t, store.PlanBatch{Journal: []store.Line{line("c1", "l1", "A"), line("c2", "", "B")}})
	f.settle(t, store.SettleBatch{Journal: []store.Line{line("c1", "l1", "A"), line("c1", "l1", "C")}})
	all, err := f.Journal(f.ctx, acme, alice, 0, 10)
	require.NoError(t, err)
	require.Len(t, all, 3, "a line that was written already is not written again")
	want := line("c2", "", "B")
	want.Seq, want.Rep, want.At = all[1].Seq, alice, noon
	require.Equal(t, want, all[1])
	rest, err := f.Journal(f.ctx, acme, "", all[0].Seq, 1)
	require.NoError(t, err)
	require.Equal(t, all[1:2], rest)
	of, err := f.JournalOf(f.ctx, acme, alice, "l1", 10)
	require.NoError(t, err)
	require.Equal(t, []store.Line{all[2], all[0]}, of, "newest first")
	none, err := f.JournalOf(f.ctx, acme, bob, "l1", 10)
	require.NoError(t, err)
	require.Empty(t, none)
}

// destroyValues does to a contact of alice's what Erase does to those that it finds.
func (f *fixture) destroyValues(t *testing.T, link string) {
	t.Helper()
	require.NoError(t, store.Exec(f.ctx, f.Store, `update journal set values_salt = null where rep = 'alice' and link_id = '`+link+`'`))
	require.NoError(t, store.Exec(f.ctx, f.Store, `insert into erased select no, 'link/`+link+`' from collection where rep = 'alice' and kind = 'contact'`))
}

func TestDestroyedSaltTakesTheValuesOnly(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.save(t, store.PlanBatch{Journal: []store.Line{line("c1", "l1", "A"), line("c2", "l2", "B")}})
	f.destroyValues(t, "l1")
	f.save(t, store.PlanBatch{Journal: []store.Line{line("c1", "l1", "Z")}})
	all, err := f.Journal(f.ctx, acme, alice, 0, 10)
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Nil(t, all[0].Values)
	require.Equal(t, "B", all[1].Values["title"].After, "nobody else's values go")
	require.Nil(t, all[2].Values, "and none come back")
	require.Equal(t, "merged", string(all[0].Reason))
}
