package connectortest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

var findCases = []Case{
	{"get/each_ref_once", func(t testing.TB, w *World) {
		made := w.create(t, 3)
		w.Delete(t, made[2])
		refs := []connector.Ref{{ID: made[1]}, {ID: w.MissingID}, {ID: made[0]}, {ID: made[2]}, {ID: "no id at all ' \\"}}
		items, gone, err := w.Connector.Get(ctx(t), w.Kind, refs, nil)
		require.NoError(t, err)
		require.ElementsMatch(t, made[:2], ids(items))
		require.Len(t, items, 2)
		require.ElementsMatch(t, []connector.Gone{
			{Ref: connector.Ref{ID: made[2]}, Deleted: true},
			{Ref: connector.Ref{ID: w.MissingID}, Deleted: w.AbsenceProves},
			{Ref: connector.Ref{ID: "no id at all ' \\"}},
		}, bare(gone))
		for _, it := range items {
			require.False(t, it.Partial)
			require.NotEmpty(t, it.Version.Tag)
		}
	}},
	{"get/nothing", func(t testing.TB, w *World) {
		items, gone, err := w.Connector.Get(ctx(t), w.Kind, nil, nil)
		require.NoError(t, err)
		require.Empty(t, items)
		require.Empty(t, gone)
	}},
	{"get/more_than_a_batch", func(t testing.TB, w *World) {
		n := w.caps(t).GetBatch + 2
		made := w.create(t, 2)
		refs := make([]connector.Ref, 0, n)
		for i := range n - 2 {
			refs = append(refs, connector.Ref{ID: vary(w.MissingID, i)})
		}
		refs = append(refs, connector.Ref{ID: made[0]}, connector.Ref{ID: made[1]})
		items, gone, err := w.Connector.Get(ctx(t), w.Kind, refs, nil)
		require.NoError(t, err)
		require.ElementsMatch(t, made, ids(items))
		require.Len(t, gone, n-2)
	}},
	{"find/by_own_key", func(t testing.TB, w *World) {
		w.create(t, 2)
		keys := []string{"key-one", "key-two"}
		r := w.write(t, w.createOp(keys[0], w.Record(10)), w.createOp(keys[1], w.Record(11)))
		w.Settle(t)
		found, err := w.Connector.Find(ctx(t), w.Kind, connector.ByKey, append(keys, "key-three", ""), nil)
		require.NoError(t, err)
		require.Len(t, found, 2)
		for i, key := range keys {
			require.NoError(t, r[i].Err)
			require.Len(t, found[key], 1)
			it := found[key][0]
			require.Equal(t, r[i].Ref, it.Ref)
			require.Equal(t, w.Org+"/"+key, it.Key, "the marker names the org")
			shows(t, it, w.Record(10+i))
			require.Equal(t, it.Key, w.get(t, it.Ref).Key)
		}
		again, err := w.Connector.Find(ctx(t), w.Kind, connector.ByKey, []string{w.Org + "/" + keys[0]}, nil)
		require.NoError(t, err)
		require.Len(t, again[w.Org+"/"+keys[0]], 1, "a key may be given with its org")
	}},
	{"find/by_own_key_shows_in_feed", func(t testing.TB, w *World) {
		token := w.full(t).token
		r := w.write(t, w.createOp("key-one", w.Record(1)))
		require.NoError(t, r[0].Err)
		w.Settle(t)
		it := w.since(t, token).last(r[0].Ref.ID)
		require.NotNil(t, it)
		require.Equal(t, w.Org+"/key-one", it.Key)
	}},
	{"find/foreign_marker_verbatim", func(t testing.TB, w *World) {
		id := w.Create(t, w.Record(1))
		w.Mark(t, id, "elsewhere/key-one")
		require.Empty(t, w.find(t, connector.ByKey, "key-one"), "another org's item is not ours")
		require.Equal(t, "elsewhere/key-one", w.get(t, connector.Ref{ID: id}).Key)
		require.Equal(t, "elsewhere/key-one", w.full(t).last(id).Key)
	}},
	{"find/by_email", func(t testing.TB, w *World) {
		skipWithout(t, w.Kind == record.Contact, "email to find by")
		made := w.create(t, 4)
		w.Delete(t, made[3])
		w.Settle(t)
		asked := []string{strings.ToUpper(email(w, 0)), email(w, 2), email(w, 3), "o'brien\\@nowhere.test", ""}
		found, err := w.Connector.Find(ctx(t), w.Kind, connector.ByEmail, asked, nil)
		require.NoError(t, err)
		require.Equal(t, []string{made[0]}, ids(found[asked[0]]))
		require.Equal(t, []string{made[2]}, ids(found[asked[1]]))
		require.Len(t, found, 2, "neither deleted nor unknown ones")
	}},
	{"find/several_with_one_email", func(t testing.TB, w *World) {
		skipWithout(t, w.Kind == record.Contact, "email to find by")
		made := w.create(t, 2)
		w.Edit(t, made[1], record.Fields{record.FieldEmail: email(w, 0)})
		require.ElementsMatch(t, made, ids(w.find(t, connector.ByEmail, email(w, 0))))
	}},
	{"find/more_than_a_batch", func(t testing.TB, w *World) {
		skipWithout(t, w.Kind == record.Contact, "email to find by")
		made := w.create(t, 2)
		w.Settle(t)
		keys := []string{email(w, 0)}
		for i := range min(w.caps(t).FindBatch+1, 450) {
			keys = append(keys, fmt.Sprintf("a.rather.long.address.of.nobody.%d@an.even.longer.domain.nowhere.test", i))
		}
		keys = append(keys, email(w, 1))
		found, err := w.Connector.Find(ctx(t), w.Kind, connector.ByEmail, keys, nil)
		require.NoError(t, err)
		require.Len(t, found, 2)
		require.Equal(t, made[:1], ids(found[keys[0]]))
		require.Equal(t, made[1:], ids(found[keys[len(keys)-1]]))
	}},
	{"find/by_name", func(t testing.TB, w *World) {
		skipWithout(t, w.Kind == record.Contact, "name to find by")
		made := w.create(t, 3)
		w.Settle(t)
		it := w.get(t, connector.Ref{ID: made[1]})
		key := record.NameKey(it.Fields)
		require.NotEmpty(t, key, "Record has a name and a company")
		require.Equal(t, made[1:2], ids(w.find(t, connector.ByName, key)))
		require.Empty(t, w.find(t, connector.ByName, "nobody\nat\nall"))
	}},
	{"find/deleted_by_key", func(t testing.TB, w *World) {
		r := w.write(t, w.createOp("key-one", w.Record(1)))
		require.NoError(t, r[0].Err)
		w.Settle(t)
		w.Delete(t, r[0].Ref.ID)
		w.Settle(t)
		found := w.find(t, connector.ByKey, "key-one")
		if w.Restore != nil { // the vendor keeps what is deleted, and a create whose answer was lost must not come again
			require.Len(t, found, 1)
			require.Equal(t, r[0].Ref, found[0].Ref)
		}
		for _, it := range found {
			require.True(t, it.Deleted)
		}
		require.Empty(t, w.find(t, connector.ByKey, "key-two"))
	}},
	{"find/undecodable_by_key", func(t testing.TB, w *World) {
		skipWithout(t, w.Break != nil, "way to break an item")
		r := w.write(t, w.createOp("key-one", w.Record(1)))
		require.NoError(t, r[0].Err)
		w.Break(t, r[0].Ref.ID)
		found := w.find(t, connector.ByKey, "key-one")
		require.Len(t, found, 1, "an item that nobody can read is not created again")
		require.True(t, found[0].Partial)
	}},
}

func email(w *World, n int) string { return w.Record(n)[record.FieldEmail] }

// vary makes another well-formed id out of one, by its last digits.
func vary(id string, n int) string {
	s := fmt.Sprintf("%05d", n)
	at := len(id) - len(s)
	if len(id) == 18 { // Salesforce: the last three are a check of the first fifteen
		at -= 3
	}
	return id[:at] + s + id[at+len(s):]
}
