package load_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/demo/load"
	"github.com/repsync/repsync/internal/demo/wire"
)

// What is loaded can be read in the calendar, at the instants of the file; what the vendor refuses is named by its line.
func TestIntoCalendar(t *testing.T) {
	t.Parallel()
	events, problems, err := load.ICS(strings.NewReader(strings.ReplaceAll(`BEGIN:VCALENDAR
BEGIN:VEVENT
UID:weekly
SUMMARY:Call
DTSTART;TZID=Europe/Berlin:20260320T090000
DTEND;TZID=Europe/Berlin:20260320T093000
RRULE:FREQ=WEEKLY;COUNT=4
ATTENDEE;PARTSTAT=ACCEPTED:mailto:ann@else.test
END:VEVENT
BEGIN:VEVENT
UID:weekly
RECURRENCE-ID;TZID=Europe/Berlin:20260327T090000
SUMMARY:Call, moved
DTSTART;TZID=Europe/Berlin:20260328T110000
DTEND;TZID=Europe/Berlin:20260328T113000
END:VEVENT
BEGIN:VEVENT
UID:weekly
RECURRENCE-ID;TZID=Europe/Berlin:20260403T090000
STATUS:CANCELLED
DTSTART;TZID=Europe/Berlin:20260403T090000
END:VEVENT
BEGIN:VEVENT
SUMMARY:Fair
DTSTART;VALUE=DATE:20260325
DTEND;VALUE=DATE:20260327
END:VEVENT
BEGIN:VEVENT
UID:last
SUMMARY:Last
DTSTART:20260401T090000Z
DTEND:20260401T100000Z
END:VEVENT
END:VCALENDAR
`, "\n", "\r\n")), time.UTC)
	require.NoError(t, err)
	require.Empty(t, problems)
	bad := load.Item{Line: 77, Fields: wire.Object{"iCalUID": "bad", "summary": "x", "start": wire.Object{"date": "2026-04-02"}, "end": wire.Object{"date": "2026-04-01"}}}
	stray := load.Item{Line: 88, Fields: wire.Object{"iCalUID": "bad", "status": "cancelled", "originalStartTime": wire.Object{"date": "2026-04-02"}}}

	calendar := wire.Calendar{Endpoint: addressBook(t).Endpoint}
	n, problems, err := load.IntoCalendar(t.Context(), calendar, append([]load.Item{bad, stray}, events...))
	require.NoError(t, err)
	require.Equal(t, len(events), n)
	require.Equal(t, []string{"line 77: the calendar refuses this event: The specified time range is empty.",
		"line 88: the calendar refuses this event: Not Found"}, lines(problems))

	var got []string
	list, err := calendar.Events(t.Context(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	for _, e := range list {
		start := wire.Text(e, "start", "date")
		if at, err := time.Parse(time.RFC3339, wire.Text(e, "start", "dateTime")); err == nil {
			start = at.UTC().Format(time.RFC3339)
		}
		got = append(got, start+" "+wire.Text(e, "summary"))
	}
	require.ElementsMatch(t, []string{"2026-03-20T08:00:00Z Call", "2026-03-28T10:00:00Z Call, moved", "2026-04-10T07:00:00Z Call",
		"2026-03-25 Fair", "2026-04-01T09:00:00Z Last"}, got)
}
