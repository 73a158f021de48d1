package oracle

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/chaos/scenario"
)

// TestConflictLosers leaves the lines about conflicts out of the books. Where two edits had to meet, that is found; where one
// may have come after the other, or somebody has a hand in it, nothing is.
func TestConflictLosers(t *testing.T) {
	t.Parallel()
	const both = "crm alice edit p1 title=B\nbox alice edit p1 title=C\n"
	for _, c := range []struct {
		name   string
		policy string
		deeds  string
		shown  string
		want   []string
	}{
		{"two edits", "conflict=crm_wins", both + "run alice", "B", []string{"unjournalled title"}},
		{"two edits, the other wins", "conflict=mailbox_wins", both + "run alice", "C", []string{"unjournalled title"}},
		{"a run between", "conflict=crm_wins", "crm alice edit p1 title=B\nrun alice\nbox alice edit p1 title=C\nrun alice", "C", nil},
		{"the same on both sides", "conflict=crm_wins", "crm alice edit p1 title=B\nbox alice edit p1 title=B\nrun alice", "B", nil},
		{"edited again", "conflict=crm_wins", both + "run alice\ncrm alice edit p1 title=D\nrun alice", "D", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := begin(t, change(scenario.Policy{}, []string{"contacts=both", c.policy}))
			s.play(linked)
			require.Empty(t, s.laws("crm alice p1 title=Boss\nbox alice p1 title=Boss"))
			s.at = s.at.Add(2 * time.Hour)
			s.play(c.deeds)
			snap := snapshot("crm alice p1 title=" + c.shown + "\nbox alice p1 title=" + c.shown)
			books := s.books(snap)
			books.Journal = slices.DeleteFunc(books.Journal, func(l scenario.Line) bool { return l.Action == "conflict" })
			var got []string
			for _, v := range s.o.Judge(snap, books) {
				got = append(got, v.Law+" "+v.Field)
			}
			require.Equal(t, c.want, got)
		})
	}
}
