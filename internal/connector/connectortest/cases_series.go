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
		skipWithout(t, w.Series.Orphan != nil, "row without details")
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
		require.NotNil(t, w.full(t).last(id), "it enters again without a change of its own: a full read of the window sees it")
	}},
	{"series/change_outside_the_window_is_seen", func(t testing.TB, w *World) {
		skipWithoutSeries(t, w)
		id := w.Create(t, w.Record(0))
		w.Settle(t)
		token := w.full(t).token
		w.Edit(t, id, record.Fields{w.Text: "edited"})
		w.Settle(t)
		q := w.query(token)
		q.From, q.To = w.Series.Outside.From, w.Series.Outside.To
		it := w.read(t, q, nil).last(id)
		require.NotNil(t, it, "what changed is shown wherever it lies: it may have left the window just now")
		require.Equal(t, "edited", it.Fields[w.Text])
	}},
	{"series/times_survive", func(t testing.TB, w *World) {
		skipWithout(t, w.Kind == record.Event, "times")
		id := w.Create(t, w.Record(0))
		for _, v := range []string{
			"2026-03-29T01:30:00+01:00[Europe/Berlin]/2026-03-29T04:00:00+02:00[Europe/Berlin]", // across the change of the clocks
			"2026-10-25T02:30:00+02:00[Europe/Berlin]/2026-10-25T02:15:00+01:00[Europe/Berlin]",
			"2026-11-20/2026-11-21", "2026-10-24/2026-10-27",
			"2026-11-20T09:00:00+05:45[Asia/Kathmandu]/2026-11-20T09:30:00+05:45[Asia/Kathmandu]",
		} {
			require.NoError(t, w.write(t, updateOp(w.get(t, connector.Ref{ID: id}), record.Fields{record.FieldTime: v}))[0].Err, v)
			shows(t, w.get(t, connector.Ref{ID: id}), record.Fields{record.FieldTime: v})
		}
	}},
	{"series/occurrences_of_a_series", func(t testing.TB, w *World) {
		skipWithoutSeries(t, w)
		calendar, ok := w.Connector.(connector.Calendar)
		skipWithout(t, ok, "way to list occurrences")
		master := w.Series.CreateSeries(t)
		plain, gone, err := calendar.Occurrences(ctx(t), []string{master}, w.Series.Window.From, w.Series.Window.To)
		require.NoError(t, err)
		require.Greater(t, len(plain), 2)
		require.Empty(t, gone)
		moved, ended := w.Series.MoveOne(t, master, "moved"), w.Series.CancelOne(t, master)
		items, gone, err := calendar.Occurrences(ctx(t), []string{master}, w.Series.Window.From, w.Series.Window.To)
		require.NoError(t, err)
		require.Equal(t, []connector.Gone{{Ref: ended, Deleted: true}}, bare(gone))
		require.Len(t, items, len(plain)-1)
		for _, it := range items {
			require.Equal(t, master, it.ID)
			require.NotEmpty(t, it.Occurrence)
			require.Equal(t, it.Ref == moved, it.Fields[w.Text] == "moved")
			require.Equal(t, it.Fields, w.get(t, it.Ref).Fields, "a Get of any occurrence shows the same")
		}
		first := items[0]
		if first.Ref == moved {
			first = items[1]
		}
		r := w.write(t, updateOp(first, record.Fields{w.Text: "by us"}))[0]
		require.NoError(t, r.Err, "also of one that followed its master")
		require.Equal(t, first.Ref, r.Ref)
		require.Equal(t, "by us", w.get(t, first.Ref).Fields[w.Text])
		none, gone, err := calendar.Occurrences(ctx(t), nil, w.Series.Window.From, w.Series.Window.To)
		require.NoError(t, err)
		require.Empty(t, none)
		require.Empty(t, gone)
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
