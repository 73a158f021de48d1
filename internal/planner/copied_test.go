package planner_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

func TestALinkIsASeriesByItsRecurrence(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		shown planner.Hashes
		want  bool
	}{
		"Nothing known":        {nil, false},
		"No recurrence":        {planner.Hashes{record.FieldRecurrence: 0}, false},
		"Not agreed on yet":    {planner.Hashes{record.FieldRecurrence: math.MaxUint64}, false},
		"A recurrence":         {planner.Hashes{record.FieldRecurrence: 7}, true},
		"Another field's hash": {planner.Hashes{record.FieldTime: 7}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := planner.Link{CRM: planner.SideBase{Shown: c.shown}}
			require.Equal(t, c.want, l.Series())
		})
	}
}

func TestCopiedIsAgreedOnAsItIs(t *testing.T) {
	t.Parallel()
	it := connector.Item{Ref: connector.Ref{ID: "m#1"}, Version: connector.Version{Tag: "t", At: noon}, Fields: record.Fields{title: "a", notes: ""}}
	l := planner.Copied(it, now)
	require.Equal(t, planner.Active, l.State)
	require.Equal(t, record.Mailbox, l.Made)
	require.Equal(t, it.ID, l.Mailbox.ID)
	require.Equal(t, it.Version, l.Mailbox.Version)
	require.Equal(t, planner.Hashes{title: now.Value(title, "a"), notes: 0}, l.Mailbox.Shown)
	require.Equal(t, []int{now.Norm, now.KeyVersion}, []int{l.Norm, l.HashKey})
}

// The organiser, another rep, has let go of a meeting's record: so does the attendee's copy, wherever it stands.
func TestLetGo(t *testing.T) {
	t.Parallel()
	copied := func() *scene {
		s := meeting(planner.OwnAnswer).show("a", "a")
		s.LetGo = true
		return s
	}
	gone := func(s *scene) *scene { return s.presence(planner.Deleted, planner.Present).fresh() }
	for name, c := range map[string]struct {
		s    *scene
		want string
	}{
		"The record is gone":                    {gone(copied()), "left_policy_unlinked | store left"},
		"The record is gone, nobody let go":     {gone(copied()).with(func(p *planner.Pair) { p.LetGo = false }), "tombstoned | store tombstone"},
		"The mailbox's copy is gone":            {copied().presence(planner.Present, planner.Deleted).fresh(), "tombstoned | store tombstone"},
		"Left, and the record is gone":          {gone(copied()).state(planner.Left), "left_policy"},
		"Left, the record gone, nobody let go":  {gone(copied()).state(planner.Left).with(func(p *planner.Pair) { p.LetGo = false }), "tombstoned | store tombstone"},
		"Left, and the mailbox's copy is gone":  {copied().presence(planner.Present, planner.Deleted).fresh().state(planner.Left), "tombstoned | store tombstone"},
		"Left, and both are there, not let go":  {copied().fresh().state(planner.Left).with(func(p *planner.Pair) { p.LetGo = false }), "adopted | store active"},
		"Left, and both are there, once let go": {copied().fresh().state(planner.Left), "adopted | store active"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.s.wantsHere(t, c.want)
		})
	}
}
