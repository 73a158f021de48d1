package connectortest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

var readCases = []Case{
	{"read/full_in_pages", func(t testing.TB, w *World) {
		made := w.create(t, 2*w.PageSize+1)
		w.Settle(t)
		r := w.full(t)
		require.Greater(t, r.pages, 1)
		require.ElementsMatch(t, made, ids(r.items))
		require.Empty(t, r.gone)
		require.Empty(t, r.bad)
		for n, id := range made {
			it := r.last(id)
			shows(t, *it, w.Record(n))
			require.NotEmpty(t, it.Version.Tag)
			require.False(t, it.Version.At.IsZero())
			require.Empty(t, it.Key, "a person made it")
			require.NotEmpty(t, it.Image)
		}
	}},
	{"read/empty", func(t testing.TB, w *World) {
		r := w.full(t)
		require.Empty(t, r.items)
		id := w.Create(t, w.Record(1))
		w.Settle(t)
		require.NotNil(t, w.since(t, r.token).last(id), "a token of an empty side sees what comes")
	}},
	{"read/page_resumed_twice", func(t testing.TB, w *World) {
		w.create(t, 2*w.PageSize)
		w.Settle(t)
		q := w.query(nil)
		d, err := w.Connector.Changes(ctx(t), w.Kind, q)
		require.NoError(t, err)
		q.Page = d.Page
		require.NotNil(t, q.Page)
		one := w.read(t, q, nil)
		two := w.read(t, q, nil)
		require.Equal(t, ids(one.items), ids(two.items))
	}},
	{"read/change_between_pages_is_not_lost", func(t testing.TB, w *World) {
		made := w.create(t, 2*w.PageSize+1)
		w.Settle(t)
		late := ""
		first := w.read(t, w.query(nil), func(page int) {
			if page == 1 {
				for _, id := range made {
					w.Edit(t, id, record.Fields{w.Text: "while reading"})
				}
				late = w.Create(t, w.Record(500))
			}
		})
		w.Settle(t)
		then := w.since(t, first.token)
		for _, id := range append(made, late) {
			it := then.last(id)
			if it == nil {
				it = first.last(id)
			}
			require.NotNil(t, it, "item %s", id)
			if id != late {
				require.Equal(t, "while reading", it.Fields[w.Text])
			}
		}
	}},
	{"read/incremental", func(t testing.TB, w *World) {
		made := w.create(t, 3)
		w.Settle(t)
		token := w.full(t).token
		w.Edit(t, made[1], record.Fields{w.Text: "edited"})
		fresh := w.Create(t, w.Record(7))
		w.Settle(t)
		r := w.since(t, token)
		require.ElementsMatch(t, []string{made[1], fresh}, ids(r.items), "what changed, and nothing else")
		require.Equal(t, "edited", r.last(made[1]).Fields[w.Text])
		require.Empty(t, r.gone)
		w.Settle(t)
		require.Empty(t, w.since(t, r.token).items, "an idle read shows nothing")
	}},
	{"read/two_edits_in_a_row", func(t testing.TB, w *World) {
		id := w.Create(t, w.Record(0))
		w.Settle(t)
		token := w.full(t).token
		for _, v := range []string{"first", "second", "third"} {
			w.Edit(t, id, record.Fields{w.Text: v})
			w.Settle(t)
			r := w.since(t, token)
			require.NotNil(t, r.last(id), "edit %q is seen", v)
			require.Equal(t, v, r.last(id).Fields[w.Text])
			token = r.token
		}
	}},
	{"read/incremental_in_pages", func(t testing.TB, w *World) {
		token := w.full(t).token
		made := w.create(t, 3*w.PageSize+1)
		w.Settle(t)
		r := w.since(t, token)
		require.ElementsMatch(t, made, ids(r.items))
		require.Greater(t, r.pages, 1)
	}},
	{"read/token_used_twice", func(t testing.TB, w *World) {
		made := w.create(t, 2)
		w.Settle(t)
		token := w.full(t).token
		w.Edit(t, made[0], record.Fields{w.Text: "edited"})
		w.Delete(t, made[1])
		w.Settle(t)
		one, two := w.since(t, token), w.since(t, token)
		require.Equal(t, ids(one.items), ids(two.items))
		require.Len(t, two.gone, len(one.gone))
	}},
	{"read/from_now", func(t testing.TB, w *World) {
		made := w.create(t, 2*w.PageSize)
		w.Settle(t)
		q := w.query(nil)
		q.FromNow = true
		r := w.read(t, q, nil)
		require.Empty(t, r.items)
		require.False(t, r.complete, "nothing was read, so absence says nothing")
		w.Edit(t, made[0], record.Fields{w.Text: "later"})
		w.Settle(t)
		it := w.since(t, r.token).last(made[0])
		require.NotNil(t, it)
		require.Equal(t, "later", it.Fields[w.Text])
	}},
	{"read/tombstone", func(t testing.TB, w *World) {
		made := w.create(t, 2)
		w.Settle(t)
		token := w.full(t).token
		w.Delete(t, made[0])
		w.Settle(t)
		if w.caps(t).Deletions {
			g := w.since(t, token).lost(made[0])
			require.NotNil(t, g, "the feed reports deletions")
			require.True(t, g.Deleted)
		}
		items, gone, err := w.Connector.Get(ctx(t), w.Kind, []connector.Ref{{ID: made[0]}, {ID: made[1]}}, nil)
		require.NoError(t, err)
		require.Equal(t, []string{made[1]}, ids(items))
		require.Equal(t, []connector.Gone{{Ref: connector.Ref{ID: made[0]}, Deleted: true}}, bare(gone))
	}},
	{"read/restored_and_deleted_again", func(t testing.TB, w *World) {
		skipWithout(t, w.Restore != nil, "way to restore a deleted item")
		id := w.create(t, 1)[0]
		w.Settle(t)
		r := w.full(t)
		w.Delete(t, id)
		w.Settle(t)
		r = w.since(t, r.token)
		first := r.lost(id)
		require.NotNil(t, first)
		w.Restore(t, id)
		w.Settle(t)
		r = w.since(t, r.token)
		require.NotNil(t, r.last(id), "it is there again, in the same second even")
		shows(t, w.get(t, connector.Ref{ID: id}), w.Record(0))
		w.Delete(t, id)
		w.Settle(t)
		r = w.since(t, r.token)
		second := r.lost(id)
		require.NotNil(t, second, "the second delete is another one, be its stamp the same")
		require.True(t, second.Deleted)
	}},
	{"read/left_view_is_no_delete", func(t testing.TB, w *World) {
		skipWithout(t, w.Hide != nil, "way to hide an item")
		made := w.create(t, 2)
		w.Settle(t)
		token := w.full(t).token
		w.Hide(t, made[0])
		w.Settle(t)
		if g := w.since(t, token).lost(made[0]); g != nil {
			require.False(t, g.Deleted, "it merely left the view")
		}
		require.NotContains(t, ids(w.full(t).items), made[0])
		_, gone, err := w.Connector.Get(ctx(t), w.Kind, []connector.Ref{{ID: made[0]}}, nil)
		require.NoError(t, err)
		require.Equal(t, []connector.Gone{{Ref: connector.Ref{ID: made[0]}}}, bare(gone))
	}},
	{"read/merged", func(t testing.TB, w *World) {
		skipWithout(t, w.Merge != nil, "merge")
		made := w.create(t, 2)
		w.Settle(t)
		token := w.full(t).token
		w.Merge(t, made[0], made[1])
		w.Settle(t)
		r := w.since(t, token)
		g := r.lost(made[1])
		require.NotNil(t, g)
		it := r.last(made[0])
		named := g.Into == made[0]
		if it != nil {
			for _, was := range it.Previous {
				named = named || was == made[1]
			}
		}
		require.True(t, named, "the feed says what the item became")
	}},
	{"read/cursor_lost", func(t testing.TB, w *World) {
		w.create(t, 1)
		w.Settle(t)
		token := w.full(t).token
		w.ExpireCursors(t)
		_, err := w.Connector.Changes(ctx(t), w.Kind, w.query(token))
		require.Equal(t, connector.CursorLost, connector.ClassOf(err))
		require.Len(t, w.full(t).items, 1, "a full read starts over")
	}},
	{"read/foreign_token", func(t testing.TB, w *World) {
		for _, token := range []string{"nonsense", "{}", "null", `{"v":99}`, "\x00\xff"} {
			_, err := w.Connector.Changes(ctx(t), w.Kind, w.query([]byte(token)))
			require.Equal(t, connector.CursorLost, connector.ClassOf(err), "token %q", token)
			q := w.query(nil)
			q.Page = []byte(token)
			_, err = w.Connector.Changes(ctx(t), w.Kind, q)
			require.Equal(t, connector.CursorLost, connector.ClassOf(err), "page %q", token)
		}
	}},
	{"read/undecodable_item_goes_to_bad", func(t testing.TB, w *World) {
		skipWithout(t, w.Break != nil, "way to break an item")
		made := w.create(t, w.PageSize)
		w.Break(t, made[1])
		w.Settle(t)
		r := w.full(t)
		require.Contains(t, r.bad, connector.Ref{ID: made[1]})
		require.Nil(t, r.last(made[1]))
		require.Len(t, ids(r.items), len(made)-1, "the page goes on")
		require.Error(t, r.bad[connector.Ref{ID: made[1]}])
		items, gone, err := w.Connector.Get(ctx(t), w.Kind, []connector.Ref{{ID: made[0]}, {ID: made[1]}}, nil)
		require.NoError(t, err)
		require.Empty(t, gone)
		require.Len(t, items, 2)
		for _, it := range items {
			require.Equal(t, it.ID == made[1], it.Partial, "what cannot be decoded is Partial")
			require.True(t, !it.Partial || it.Fields == nil, "and has no fields, which would look cleared")
		}
	}},
	{"read/version_moves_and_orders", func(t testing.TB, w *World) {
		made := w.create(t, 2)
		w.Settle(t)
		r := w.full(t)
		before, other := r.last(made[0]).Version, r.last(made[1]).Version
		require.Equal(t, before.Tag, w.get(t, connector.Ref{ID: made[0]}).Version.Tag, "feed and Get agree")
		w.Edit(t, made[0], record.Fields{w.Text: "edited"}) // at once: vendors' stamps may be as coarse as a second
		after := w.get(t, connector.Ref{ID: made[0]}).Version
		require.NotEqual(t, before.Tag, after.Tag, "an edit moves the tag")
		require.False(t, after.At.Before(before.At), "and never its time backwards")
		require.Equal(t, other.Tag, w.get(t, connector.Ref{ID: made[1]}).Version.Tag, "nobody touched the other")
	}},
}
