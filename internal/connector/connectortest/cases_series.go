package connectortest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// at returns the item of a ref, nil when it was not shown.
func (r reading) at(ref connector.Ref) *connector.Item {
	for i := len(r.items) - 1; i >= 0; i-- {
		if r.items[i].Ref == ref {
			return &r.items[i]
		}
	}
	return nil
}

func skipWithoutSeries(t testing.TB, w *World) {
	t.Helper()
	skipWithout(t, w.Series != nil, "series")
}

var seriesCases = []Case{
	{"series/exception_has_its_own_ref", func(t testing.TB, w *World) {
		skipWithoutSeries(t, w)
		master := w.Series.CreateSeries(t)
		w.Settle(t)
		token := w.full(t).token
		ref := w.Series.MoveOne(t, master, "moved")
		require.Equal(t, master, ref.ID)
		require.NotEmpty(t, ref.Occurrence)
		w.Settle(t)
		it := w.since(t, token).at(ref)
		require.NotNil(t, it)
		require.Equal(t, "moved", it.Fields[w.Text])
		require.Equal(t, "moved", w.get(t, ref).Fields[w.Text])
		require.NotEqual(t, "moved", w.get(t, connector.Ref{ID: master}).Fields[w.Text], "the master is another item")
	}},
	{"series/cancelled_occurrence_is_deleted_alone", func(t testing.TB, w *World) {
		skipWithoutSeries(t, w)
		master := w.Series.CreateSeries(t)
		w.Settle(t)
		token := w.full(t).token
		ref := w.Series.CancelOne(t, master)
		w.Settle(t)
		require.Contains(t, bare(w.since(t, token).gone), connector.Gone{Ref: ref, Deleted: true})
		items, gone, err := w.Connector.Get(ctx(t), w.Kind, []connector.Ref{{ID: master}, ref}, nil)
		require.NoError(t, err)
		require.Equal(t, []string{master}, ids(items))
		require.Equal(t, []connector.Gone{{Ref: ref, Deleted: true}}, bare(gone))
	}},
	{"series/write_one_occurrence", func(t testing.TB, w *World) {
		skipWithoutSeries(t, w)
		master := w.Series.CreateSeries(t)
		ref := w.Series.MoveOne(t, master, "moved")
		before := w.get(t, connector.Ref{ID: master}).Fields[w.Text]
		require.NoError(t, w.write(t, updateOp(w.get(t, ref), record.Fields{w.Text: "by us"}))[0].Err)
		require.Equal(t, "by us", w.get(t, ref).Fields[w.Text])
		require.Equal(t, before, w.get(t, connector.Ref{ID: master}).Fields[w.Text])
		require.NoError(t, w.write(t, deleteOp(w.get(t, ref)))[0].Err)
		w.get(t, connector.Ref{ID: master})
	}},
	{"series/row_without_details_is_partial", func(t testing.TB, w *World) {
		skipWithoutSeries(t, w)
		master := w.Series.CreateSeries(t)
		w.Settle(t)
		token := w.full(t).token
		ref := w.Series.Orphan(t, master)
		w.Settle(t)
		it := w.since(t, token).at(ref)
		require.NotNil(t, it)
		require.True(t, it.Partial, "its missing fields were not cleared by anybody")
		whole := w.get(t, ref)
		require.False(t, whole.Partial)
		require.NotEmpty(t, whole.Fields[w.Text])
	}},
	{"series/leaving_the_window_is_no_delete", func(t testing.TB, w *World) {
		skipWithoutSeries(t, w)
		id := w.Create(t, w.Record(0))
		w.Settle(t)
		token := w.full(t).token
		out := func(token []byte) connector.Query {
			q := w.query(token)
			q.From, q.To = w.Series.Outside.From, w.Series.Outside.To
			return q
		}
		r := w.read(t, out(token), nil)
		require.Nil(t, r.last(id))
		if g := r.lost(id); g != nil {
			require.False(t, g.Deleted, "it merely left the window")
		}
		require.Empty(t, w.read(t, out(nil), nil).items)
		require.NotEmpty(t, w.get(t, connector.Ref{ID: id}).Fields, "a Get knows no window")
		require.NotNil(t, w.read(t, w.query(r.token), nil).last(id), "it enters again without a change of its own")
	}},
	{"series/window_bounds_a_full_read", func(t testing.TB, w *World) {
		skipWithoutSeries(t, w)
		id := w.Create(t, w.Record(0))
		w.Settle(t)
		require.NotNil(t, w.full(t).last(id))
		w.Delete(t, id)
		w.Settle(t)
		require.Nil(t, w.full(t).last(id))
	}},
}
