package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/store"
)

func TestUndoOfAFilterExit(t *testing.T) {
	w := newWorld(t)
	w.bothWays(active)
	id := w.contact("alice", with(fields{"Status__c": "Active"}))
	w.settle()
	u := w.fromNow("alice")
	w.editContact("alice", id, fields{"Status__c": "Gone"})
	w.settle()
	require.Empty(t, w.people("alice"))

	out := u.undo()
	require.Equal(t, []string{"create mailbox filtered_out"}, lines(out.Pinned))
	require.Len(t, w.people("alice"), 1)
	u.stays()
	require.Equal(t, planner.ReasonPinned, w.reason("alice", id))

	w.editContact("alice", id, fields{"Title": "Boss"}) // left out for the same reason: the pair syncs on
	w.converged()
	require.Equal(t, [2]string{"Boss", "Boss"}, w.titles(id))
	w.retitle(only(t, w.people("alice")), "Chief")
	w.converged()
	require.Equal(t, [2]string{"Chief", "Chief"}, w.titles(id))

	w.editContact("alice", id, fields{"Status__c": "Active"}) // it returns: the pin goes
	w.converged()
	require.Equal(t, [2]string{"Chief", "Chief"}, w.titles(id))
	l, _ := w.link("alice", id)
	require.Empty(t, l.Pinned)
	w.editContact("alice", id, fields{"Status__c": "Gone"}) // and another exit is another one
	w.converged()
	require.Empty(t, w.people("alice"))
}

func TestUndoOfWhatIsToldByTheJournalAlone(t *testing.T) {
	prune := func(w *world) {
		w.clock.Advance(100 * time.Hour)
		require.NoError(t, w.store.Prune(t.Context(), org, w.clock.Now()))
		left, err := w.store.Intents(t.Context(), org, "alice", "", []store.IntentState{store.Done}, nil, "", 0)
		require.NoError(t, err)
		require.Empty(t, left)
	}
	t.Run("an update before, and one after what was pruned", func(t *testing.T) {
		w, id, _ := pair(t, "")
		u := w.fromNow("alice")
		w.editContact("alice", id, fields{"Title": "One"})
		w.settle()
		prune(w)
		w.editContact("alice", id, fields{"Title": "Two"})
		w.settle()
		require.Equal(t, []string{"update mailbox title"}, lines(u.undo().PutBack))
		require.Equal(t, [2]string{"Two", "Buyer"}, w.titles(id))
		prune(w)
		w.nothingWritten(func() {
			out := u.undo()
			require.Zero(t, out.PutBack.Count+out.Left.Count)
		})
	})
	t.Run("a create", func(t *testing.T) {
		w := newWorld(t)
		w.bothWays("")
		u := w.fromNow("alice")
		w.contact("alice", with(nil))
		w.settle()
		prune(w)
		require.Equal(t, []string{"delete mailbox"}, lines(u.undo().PutBack))
		u.stays()
	})
	t.Run("a delete", func(t *testing.T) {
		w, id, _ := pair(t, propagate)
		u := w.fromNow("alice")
		w.deleteContact("alice", id)
		w.settle()
		l, tombstone := w.link("alice", id)
		prune(w)
		out := u.undo()
		if !tombstone {
			require.Equal(t, []string{"mailbox not_kept"}, lines(out.Left))
			return
		}
		require.Equal(t, planner.Tombstone, l.State)
		require.Equal(t, []string{"create mailbox"}, lines(out.PutBack))
		require.Len(t, w.people("alice"), 1)
		u.stays()
	})
	t.Run("a delete whose link is gone, too", func(t *testing.T) {
		w, id, _ := pair(t, propagate)
		u := w.fromNow("alice")
		w.deleteContact("alice", id)
		w.converged()
		w.reread()
		_, there := w.link("alice", id)
		require.False(t, there)
		prune(w)
		require.Equal(t, []string{"mailbox not_kept"}, lines(u.undo().Left))
	})
}

func TestUndoOfWhatWasErased(t *testing.T) {
	for name, pruned := range map[string]bool{"with its intents": false, "and pruned": true} {
		t.Run(name, func(t *testing.T) {
			w, id, _ := pair(t, "")
			u := w.fromNow("alice")
			w.editContact("alice", id, fields{"Title": "Boss"})
			w.settle()
			_, err := w.store.Erase(t.Context(), org, "cara@example.com", store.EraseOptions{Holder: "a test"})
			require.NoError(t, err)
			if pruned {
				w.clock.Advance(100 * time.Hour)
				require.NoError(t, w.store.Prune(t.Context(), org, w.clock.Now()))
			}
			out := u.undo()
			require.Zero(t, out.PutBack.Count)
			require.Equal(t, 1, out.Left.Count)
			require.Equal(t, activities.UndoNotKept, out.Left.Lines[0].Reason)
			w.converged()
		})
	}
}

// What people edited on both sides alike was never written by a pass, so that no line tells of it: the copy is theirs all the
// same.
func TestUndoKeepsACopyThatWasEditedOnBothSidesAlike(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	u := w.fromNow("alice")
	id := w.contact("alice", with(nil))
	w.settle()
	name := w.peer("alice", id)
	w.editContact("alice", id, fields{"Department": "Sales"})
	w.editPerson("alice", name, `{"organizations":[{"title":"`+w.people("alice")[name].Organizations[0].Title+`","department":"Sales","type":"work"}]}`)
	w.settle()
	require.Equal(t, []string{"mailbox edited_since"}, lines(u.undo().Left))
	require.Contains(t, w.people("alice"), name)
	w.converged()
}

// A copy whose edit outweighed the delete of its original stays at every undo: the first one takes the original away again, which
// a pass had made for that edit, and a second one finds the copy alone.
func TestUndoKeepsACopyWhoseEditOutweighedADelete(t *testing.T) {
	w := newWorld(t)
	w.bothWays(propagate)
	u := w.fromNow("alice")
	id := w.contact("alice", with(nil))
	w.settle()
	name := w.peer("alice", id)
	w.deleteContact("alice", id)
	w.retitle(name, "Boss")
	w.settle()
	require.Equal(t, []string{"delete crm"}, lines(u.undo().PutBack))
	u.runs = 10
	again := u.undo()
	require.Zero(t, again.PutBack.Count)
	require.Equal(t, []string{"mailbox edited_since"}, lines(again.Left))
	require.Contains(t, w.people("alice"), name)
	w.converged()
}
