package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wideWindow lets tests look a year ahead, over both changes of the clocks.
const wideWindow = "  window: {past: 30d, future: 359d}\n  deletes: {from_crm: propagate, from_mailbox: propagate}\n"

// same holds that the CRM and a rep's calendar show the same occurrences.
func (w *world) same(rep string, n int) {
	w.t.Helper()
	mailbox := w.calendar(rep)
	require.Equal(w.t, mailbox, w.crmCalendar())
	require.Len(w.t, mailbox, n)
}

func TestASeriesIsOneRecordForEachOccurrence(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(wideWindow)
	start := w.day(2, 9, 0)
	id := w.event("alice", weekly("Stand-up", start, 30)) // over a change of the clocks
	w.converged()
	w.same("alice", 30)

	week := func(n int) time.Time { return start.AddDate(0, 0, 7*n) }
	w.editEvent("alice", instance(id, week(1)), fields{"start": at(week(1).Add(2 * time.Hour)), "end": at(week(1).Add(3 * time.Hour))})
	w.deleteEvent("alice", instance(id, week(2)))
	crmID, _ := w.crmEventOf(week(3))
	w.editCRMEvent("alice", crmID, fields{"Subject": "Stand-up with Globex"})
	gone, _ := w.crmEventOf(week(4))
	w.deleteCRMEvent("alice", gone)
	w.converged()
	w.same("alice", 28)
	_, row := w.crmEventOf(week(3))
	require.Equal(t, "Stand-up with Globex", row["Subject"])

	// The master is edited after its exceptions: what was said about one occurrence stays.
	w.editEvent("alice", id, fields{"summary": "Daily"})
	w.converged()
	w.same("alice", 28)

	// And retimed: the records move, none is made or deleted.
	before := w.crmEvents()
	w.editEvent("alice", id, fields{"start": at(start.Add(time.Hour)), "end": at(start.Add(2 * time.Hour))})
	w.converged()
	after := w.crmEvents()
	same := 0
	for id := range after {
		if _, ok := before[id]; ok {
			same++
		}
	}
	require.Equal(t, w.calendar("alice"), w.crmCalendar())
	require.GreaterOrEqual(t, same, 28, "the records move with their series")
}
