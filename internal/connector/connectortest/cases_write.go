package connectortest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

var writeCases = []Case{
	{"write/create", func(t testing.TB, w *World) {
		ops := []connector.Op{w.createOp("k0", w.Record(0)), w.createOp("k1", w.Record(1)), w.createOp("k2", w.Record(2))}
		for i, r := range w.write(t, ops...) {
			require.NoError(t, r.Err)
			it := w.get(t, r.Ref)
			shows(t, it, w.Record(i))
			if w.Owner != "" { // a mailbox's owner is the organiser
				require.Equal(t, w.Owner, it.Owner)
			}
			if r.Item != nil {
				require.Equal(t, it.Fields, r.Item.Fields, "the answer shows what stands")
				require.Equal(t, it.Version, r.Item.Version)
			} else {
				require.True(t, w.caps(t).ReadBack, "without an item the caps say so")
			}
		}
		require.Equal(t, 3, w.Living(t))
	}},
	{"write/create_repeated_makes_no_double", func(t testing.TB, w *World) {
		op := w.createOp("same-key", w.Record(0))
		first := w.write(t, op)[0]
		require.NoError(t, first.Err)
		switch caps := w.caps(t); caps.Create {
		case connector.GuardID, connector.GuardUpsert:
			again := w.write(t, op)[0]
			if again.Err != nil {
				require.Equal(t, connector.Exists, connector.ClassOf(again.Err))
			} else {
				require.Equal(t, first.Ref, again.Ref)
			}
		case connector.GuardLookup:
			found := w.find(t, connector.ByKey, "same-key")
			require.Len(t, found, 1, "the look-up is the guard")
			require.Equal(t, first.Ref, found[0].Ref)
		default:
			require.Fail(t, "creates are refused", "guard %q", caps.Create)
		}
		require.Equal(t, 1, w.Living(t))
	}},
	{"write/update_only_what_is_set", func(t testing.TB, w *World) {
		id := w.create(t, 1)[0]
		before := w.get(t, connector.Ref{ID: id})
		r := w.write(t, updateOp(before, record.Fields{w.Text: "changed"}))[0]
		require.NoError(t, r.Err)
		require.Equal(t, id, r.Ref.ID)
		after := w.get(t, connector.Ref{ID: id})
		want := before.Fields
		want[w.Text] = "changed"
		require.Equal(t, want, after.Fields)
		require.NotEqual(t, before.Version.Tag, after.Version.Tag)
		require.Empty(t, after.Key, "nobody asked for a marker")
	}},
	{"write/clear_a_field", func(t testing.TB, w *World) {
		id := w.create(t, 1)[0]
		before := w.get(t, connector.Ref{ID: id})
		require.NotEmpty(t, before.Fields[w.Text])
		require.NoError(t, w.write(t, updateOp(before, record.Fields{w.Text: ""}))[0].Err)
		want := before.Fields
		delete(want, w.Text)
		require.Equal(t, want, w.get(t, connector.Ref{ID: id}).Fields)
	}},
	{"write/unmapped_values_survive", func(t testing.TB, w *World) {
		skipWithout(t, w.Unmapped != nil, "unmapped values")
		id := w.create(t, 1)[0]
		check := w.Unmapped(t, id)
		check(t)
		set := record.Fields{}
		fields := w.caps(t).Fields
		for f, v := range w.Samples {
			if fields[f].Write {
				set[f] = v
			}
		}
		op := updateOp(w.get(t, connector.Ref{ID: id}), set)
		op.Key = "adopted"
		require.NoError(t, w.write(t, op)[0].Err)
		check(t)
		for f := range set {
			if !fields[f].Required {
				set[f] = ""
			}
		}
		require.NoError(t, w.write(t, updateOp(w.get(t, connector.Ref{ID: id}), set))[0].Err)
		check(t)
		require.Equal(t, w.Org+"/adopted", w.get(t, connector.Ref{ID: id}).Key)
	}},
	{"write/marker_is_stamped_where_none_is", func(t testing.TB, w *World) {
		made := w.create(t, 2)
		w.Mark(t, made[1], w.Org+"/older")
		for _, id := range made {
			op := updateOp(w.get(t, connector.Ref{ID: id}), record.Fields{w.Text: "changed"})
			op.Key = "newer"
			require.NoError(t, w.write(t, op)[0].Err)
		}
		require.Equal(t, w.Org+"/newer", w.get(t, connector.Ref{ID: made[0]}).Key)
		require.Equal(t, w.Org+"/older", w.get(t, connector.Ref{ID: made[1]}).Key, "a marker that is there stays")
	}},
	{"write/person_wrote_since_the_read", func(t testing.TB, w *World) {
		id := w.create(t, 1)[0]
		read := w.get(t, connector.Ref{ID: id})
		w.Edit(t, id, record.Fields{w.Text: "by a person"})
		if !w.caps(t).Conditional {
			require.NotEqual(t, read.Version.Tag, w.get(t, connector.Ref{ID: id}).Version.Tag, "a re-read just before the write shows it")
			return
		}
		r := w.write(t, updateOp(read, record.Fields{w.Text: "by us"}), deleteOp(read))
		require.Equal(t, connector.Stale, connector.ClassOf(r[0].Err))
		require.Equal(t, connector.Stale, connector.ClassOf(r[1].Err), "a delete too")
		require.Equal(t, "by a person", w.get(t, connector.Ref{ID: id}).Fields[w.Text])
	}},
	{"write/person_wrote_after_us", func(t testing.TB, w *World) {
		id := w.create(t, 1)[0]
		r := w.write(t, updateOp(w.get(t, connector.Ref{ID: id}), record.Fields{w.Text: "by us"}))[0]
		require.NoError(t, r.Err)
		ours := r.Item
		if ours == nil {
			it := w.get(t, connector.Ref{ID: id})
			require.False(t, it.Moved, "nobody wrote yet")
			ours = &it
		}
		w.Edit(t, id, record.Fields{w.Text: "by a person"})
		after := w.get(t, connector.Ref{ID: id})
		require.NotEqual(t, ours.Version.Tag, after.Version.Tag)
		require.Equal(t, "by a person", after.Fields[w.Text])
	}},
	{"write/delete", func(t testing.TB, w *World) {
		made := w.create(t, 3)
		a, b := w.get(t, connector.Ref{ID: made[0]}), w.get(t, connector.Ref{ID: made[1]})
		w.Delete(t, made[1])
		r := w.write(t, deleteOp(b), deleteOp(a))
		require.Equal(t, connector.Missing, connector.ClassOf(r[0].Err), "it was gone before")
		require.NoError(t, r[1].Err)
		require.Equal(t, 1, w.Living(t))
		_, gone, err := w.Connector.Get(ctx(t), w.Kind, []connector.Ref{a.Ref}, nil)
		require.NoError(t, err)
		require.Equal(t, []connector.Gone{{Ref: a.Ref, Deleted: true}}, bare(gone))
	}},
	{"write/delete_repeated", func(t testing.TB, w *World) {
		it := w.get(t, connector.Ref{ID: w.create(t, 1)[0]})
		require.NoError(t, w.write(t, deleteOp(it))[0].Err)
		require.Equal(t, connector.Missing, connector.ClassOf(w.write(t, deleteOp(it))[0].Err))
		require.Zero(t, w.Living(t))
	}},
	{"write/one_bad_op_fails_alone", func(t testing.TB, w *World) {
		made := w.create(t, 5)
		var ops []connector.Op
		for i, id := range made {
			ops = append(ops, updateOp(w.get(t, connector.Ref{ID: id}), record.Fields{w.Text: fmt.Sprintf("changed %d", i)}))
		}
		w.Delete(t, made[2])
		r := w.write(t, ops...)
		for i, id := range made {
			if i == 2 {
				require.Contains(t, []connector.Class{connector.Missing, connector.Stale}, connector.ClassOf(r[i].Err))
				continue
			}
			require.NoError(t, r[i].Err, "op %d", i)
			require.Equal(t, id, r[i].Ref.ID, "results keep the order of their ops")
			require.Equal(t, fmt.Sprintf("changed %d", i), w.get(t, connector.Ref{ID: id}).Fields[w.Text])
		}
	}},
	{"write/one_refused_create_fails_alone", func(t testing.TB, w *World) {
		skipWithout(t, w.Refused != nil, "record that is refused")
		bad := w.createOp("k1", w.Refused("canary"))
		r := w.write(t, w.createOp("k0", w.Record(0)), bad, w.createOp("k2", w.Record(2)), w.createOp("k3", w.Record(3)))
		require.Equal(t, connector.Park, connector.ClassOf(r[1].Err))
		for _, i := range []int{0, 2, 3} {
			require.NoError(t, r[i].Err)
			shows(t, w.get(t, r[i].Ref), w.Record(i))
		}
		require.Equal(t, 3, w.Living(t))
	}},
	{"write/mixed_verbs_in_order", func(t testing.TB, w *World) {
		made := w.create(t, 2)
		a, b := w.get(t, connector.Ref{ID: made[0]}), w.get(t, connector.Ref{ID: made[1]})
		r := w.write(t, deleteOp(a), w.createOp("k", w.Record(5)), updateOp(b, record.Fields{w.Text: "changed"}))
		for i := range r {
			require.NoError(t, r[i].Err)
		}
		require.Equal(t, a.ID, r[0].Ref.ID)
		shows(t, w.get(t, r[1].Ref), w.Record(5))
		require.Equal(t, b.ID, r[2].Ref.ID)
		require.Equal(t, "changed", w.get(t, b.Ref).Fields[w.Text])
	}},
	{"write/more_than_a_batch", func(t testing.TB, w *World) {
		n := w.caps(t).Batch[connector.Create] + 1
		ops := make([]connector.Op, n)
		for i := range ops {
			ops[i] = w.createOp(fmt.Sprintf("k%d", i), w.Record(i))
		}
		refs := map[connector.Ref]bool{}
		for _, r := range w.write(t, ops...) {
			require.NoError(t, r.Err)
			refs[r.Ref] = true
		}
		require.Len(t, refs, n)
		require.Equal(t, n, w.Living(t))
	}},
	{"write/nothing", func(t testing.TB, w *World) {
		require.Empty(t, w.write(t))
	}},
}
