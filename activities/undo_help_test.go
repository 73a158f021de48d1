package activities_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
)

// undoer is an admin who undoes what passes did since a moment.
type undoer struct {
	w     *world
	rep   string
	since time.Time
	runs  int
}

// fromNow is an admin who will undo what passes do from now on.
func (w *world) fromNow(rep string) *undoer {
	w.clock.Advance(time.Second)
	return &undoer{w: w, rep: rep, since: w.clock.Now()}
}

func (u *undoer) try(dry bool) (activities.UndoOut, error) {
	u.w.clock.Advance(time.Second)
	return u.w.stages.Undo(u.w.t.Context(), activities.UndoIn{Org: org, Rep: u.rep, Since: u.since, Run: fmt.Sprint("run", u.runs), DryRun: dry})
}

// undo undoes, as one run of its own.
func (u *undoer) undo() activities.UndoOut {
	u.w.t.Helper()
	u.runs++
	out, err := u.try(false)
	require.NoError(u.w.t, err)
	require.Nil(u.w.t, out.Trouble)
	return out
}

// dry tells what would be undone, and holds that nothing is.
func (u *undoer) dry() activities.UndoOut {
	u.w.t.Helper()
	before := u.w.mutations()
	out, err := u.try(true)
	require.NoError(u.w.t, err)
	require.Nil(u.w.t, out.Trouble)
	require.Equal(u.w.t, before, u.w.mutations())
	return out
}

// stays holds that nothing re-plans what the undo left: no pass, no full read, no sweep.
func (u *undoer) stays() {
	u.w.t.Helper()
	u.w.nothingWritten(func() {
		u.w.settle()
		u.w.reread()
		u.w.sweep(u.rep)
		u.w.settle()
	})
}

// lines tells a list as "verb side fields reason", sorted.
func lines(l activities.UndoList) []string {
	out := []string{}
	for _, line := range l.Lines {
		out = append(out, strings.Join(slices.DeleteFunc([]string{string(line.Verb), string(line.Side), strings.Join(line.Fields, ","), string(line.Reason)}, func(s string) bool { return s == "" }), " "))
	}
	slices.Sort(out)
	return out
}
