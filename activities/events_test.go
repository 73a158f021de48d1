package activities_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASingleEventGoesBothWays(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays("")
	start := w.day(3, 9, 0)
	id := w.event("alice", also(meeting("Demo at Initech", start), fields{"location": "Room 4", "description": "Bring the <b>slides</b>"}))
	crmID := w.crmEvent("alice", also(crmMeeting("Call Globex", w.day(4, 11, 0)), fields{"Location": "Phone", "Description": "Renewal"}))
	w.converged()

	made, row := w.crmEventOf(start)
	require.Equal(t, "Demo at Initech", row["Subject"])
	require.Equal(t, "Room 4", row["Location"])
	require.Equal(t, "Bring the slides", row["Description"])
	require.Equal(t, w.users["alice"], row["OwnerId"])
	require.Len(t, w.crmEvents(), 2)
	require.Equal(t, w.crmCalendar(), w.calendar("alice"))

	w.editEvent("alice", id, fields{"summary": "Demo at Initech, moved", "start": at(w.day(3, 15, 0)), "end": at(w.day(3, 16, 30))})
	w.editCRMEvent("alice", crmID, fields{"Location": "Room 9"})
	w.converged()
	require.Equal(t, w.crmCalendar(), w.calendar("alice"))
	_, row = w.crmEventOf(w.day(3, 15, 0))
	require.Equal(t, "Demo at Initech, moved", row["Subject"])
	require.Contains(t, w.crmEvents(), made, "the same record")

	w.deleteCRMEvent("alice", crmID)
	w.converged()
	require.Len(t, w.calendar("alice"), 1)
}
