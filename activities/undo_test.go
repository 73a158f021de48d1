package activities_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
)

// title is what a rep's one address book entry shows as title.
func (w *world) title(rep string) string {
	w.t.Helper()
	all := w.people(rep)
	require.Len(w.t, all, 1)
	for _, p := range all {
		if len(p.Organizations) > 0 {
			return p.Organizations[0].Title
		}
	}
	return ""
}

func TestUndoPutsAnUpdateBackAndItStays(t *testing.T) {
	w, id, _ := pair(t, "")
	w.editContact("alice", id, fields{"Title": "First"})
	w.settle()
	u := w.fromNow("alice")
	w.editContact("alice", id, fields{"Title": "Second"})
	w.settle()
	require.Equal(t, "Second", w.title("alice"))

	require.Equal(t, []string{"update mailbox title"}, lines(u.dry().PutBack))
	out := u.undo()
	require.Equal(t, []string{"update mailbox title"}, lines(out.PutBack))
	require.Empty(t, lines(out.Left))
	require.Equal(t, []string{"update mailbox title pinned"}, lines(out.Pinned))
	require.Equal(t, "First", w.title("alice"))
	require.Equal(t, "Second", w.crmContacts()[id]["Title"], "what a person typed stays")
	u.stays()
	require.Equal(t, "First", w.title("alice"))
	require.Equal(t, planner.ReasonPinned, w.reason("alice", id))
}
