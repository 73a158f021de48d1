package activities_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
)

// showing makes the mailbox's next list of changes hold one event as a vendor, or another program, may have it.
func (w *world) showing(items string) {
	w.google(fault.Rule{Method: "GET", Path: "/events$", Kind: fault.Status, Status: 200, Times: 1,
		Body: `{"kind":"calendar#events","items":[` + items + `],"nextSyncToken":"broken"}`})
}

func TestEventsThatCannotBeReadAreParkedAndTheRestSyncs(t *testing.T) {
	day := func(w *world, hour int) string { return w.day(3, hour, 0).UTC().Format(time.RFC3339) }
	for name, tc := range map[string]func(w *world) string{
		"end before start": func(w *world) string {
			return `"start":{"dateTime":"` + day(w, 10) + `"},"end":{"dateTime":"` + day(w, 9) + `"}`
		},
		"no end": func(w *world) string { return `"start":{"dateTime":"` + day(w, 10) + `"}` },
		"half a date": func(w *world) string {
			return `"start":{"date":"2027-03-01"},"end":{"dateTime":"` + day(w, 9) + `"}`
		},
		"unknown zone": func(*world) string {
			return `"start":{"dateTime":"2027-03-01T09:00:00","timeZone":"Mars/Olympus"},"end":{"dateTime":"2027-03-01T10:00:00","timeZone":"Mars/Olympus"}`
		},
		"floating time": func(*world) string {
			return `"start":{"dateTime":"2027-03-01T09:00:00"},"end":{"dateTime":"2027-03-01T10:00:00"}`
		},
		"not an object": func(*world) string { return `"start":"tomorrow","end":"later"` },
	} {
		t.Run(name, func(t *testing.T) {
			m := meetingOf(t, record.Mailbox, carried)
			w := m.w
			other := w.event("alice", meeting("Other", w.day(4, 9, 0)))
			w.settle()
			l, _ := w.eventLink("alice", record.Mailbox, other)
			w.editCRMEvent("alice", l.CRM.ID, fields{"Location": "Goes on"})
			w.showing(`{"id":"` + m.id + `","etag":"\"1\"","status":"confirmed","summary":"Broken","iCalUID":"x@y","updated":"` + w.clock.Now().UTC().Format(time.RFC3339) + `",` + tc(w) + `}`)
			w.pass("alice")
			p := w.onlyParked("alice", planner.ReasonUnreadable)
			require.NotEmpty(t, p.Code)
			require.Contains(t, w.crmEvents(), m.crmID, "it counts as present")
			require.Equal(t, "Demo", m.get(record.CRM, record.FieldSubject))
			require.Equal(t, "Goes on", w.googleEvent("alice", other)["location"])
			w.clock.Advance(2 * time.Minute)
			w.converged()
			require.Empty(t, w.parked("alice"))
			require.Equal(t, [2]int{2, 2}, m.count())
		})
	}
}

func TestNewEventThatCannotBeReadIsParkedAndMakesNoRecord(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays("")
	w.settle()
	w.showing(`{"id":"newone","etag":"\"1\"","status":"confirmed","summary":"Broken","start":{"dateTime":"2027-03-01T10:00:00Z"},"end":{"dateTime":"2027-03-01T09:00:00Z"}}`)
	w.pass("alice")
	require.Equal(t, "newone", w.onlyParked("alice", planner.ReasonUnreadable).ID)
	require.Empty(t, w.crmEvents())
}

func TestRuleThatNeverOccursIsParked(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(wideWindow)
	w.event("alice", meeting("Goes on", w.day(3, 9, 0)))
	w.settle()
	start := w.day(3, 9, 0).UTC()
	w.showing(fmt.Sprintf(`{"id":"never","etag":"\"1\"","status":"confirmed","summary":"Never","iCalUID":"never@y","start":{"dateTime":%q,"timeZone":"UTC"},"end":{"dateTime":%q,"timeZone":"UTC"},"recurrence":["RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"]}`,
		start.Format(time.RFC3339), start.Add(time.Hour).Format(time.RFC3339)))
	w.pass("alice")
	require.Equal(t, "rule_never", w.onlyParked("alice", planner.ReasonUnreadable).Code)
	require.Len(t, w.crmEvents(), 1)
}

func TestSeriesWithThousandsOfExceptions(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(wideWindow)
	start := w.day(-20, 0, 0).UTC().Truncate(days)
	lines := []any{"RRULE:FREQ=DAILY;COUNT=6000"}
	dates := "EXDATE:"
	for n := range 5000 { // every day but each sixth
		if n%6 != 0 {
			dates += start.AddDate(0, 0, n).Format("20060102T150405Z") + ","
		}
	}
	lines = append(lines, dates[:len(dates)-1])
	e := fields{"summary": "Daily", "recurrence": lines, "start": fields{"dateTime": start.Format(time.RFC3339), "timeZone": "UTC"}, "end": fields{"dateTime": start.Add(time.Hour).Format(time.RFC3339), "timeZone": "UTC"}}
	w.event("alice", e)
	w.converged()
	require.Equal(t, w.calendar("alice"), w.crmCalendar())
	require.Greater(t, len(w.crmEvents()), 50)
}

func TestAttendeesInNumbersAndWithoutAddress(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays("")
	var many []any
	for i := range 198 { // as many as Google lets be asked
		many = append(many, guests(fmt.Sprintf("guest%03d@globex.example", i))...)
	}
	ids := map[string]bool{}
	for i := range 60 { // more contacts than a Salesforce event takes
		ids[w.contact("alice", fields{"LastName": fmt.Sprint("Guest ", i), "Email": fmt.Sprintf("guest%03d@globex.example", i)})] = true
	}
	w.event("alice", also(meeting("Town hall", w.day(3, 9, 0)), fields{"attendees": many}))
	w.event("alice", meeting("Other", w.day(4, 9, 0)))
	w.settle()
	require.Contains(t, fmt.Sprint(w.crmCalendar()), "Other", "the rest syncs")
	if len(w.crmEvents()) == 1 {
		require.NotEmpty(t, w.parked("alice"), "what does not fit is parked, with the reason")
	}
	w.converged()
}

func TestTwoThousandAttendeesFromAnInvitation(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays("")
	w.settle()
	who := ""
	for i := range 2000 {
		who += fmt.Sprintf(`{"email":"guest%04d@globex.example","responseStatus":"needsAction"},`, i)
	}
	start := w.day(3, 9, 0).UTC()
	w.showing(fmt.Sprintf(`{"id":"crowd","etag":"\"1\"","status":"confirmed","summary":"Crowd","iCalUID":"crowd@y","organizer":{"email":"alice@acme.test","self":true},"attendees":[%s{"displayName":"Nobody knows"}],"start":{"dateTime":%q},"end":{"dateTime":%q}}`,
		who, start.Format(time.RFC3339), start.Add(time.Hour).Format(time.RFC3339)))
	w.pass("alice")
	require.Len(t, w.crmEvents(), 1, "an attendee without an address is none; parked: %v", w.parked("alice"))
}

func TestTwoEventsOfOneUIDAreNotOne(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays("")
	w.settle()
	start := w.day(3, 9, 0).UTC()
	one := func(id, subject string, hours int) string {
		at := start.Add(time.Duration(hours) * time.Hour)
		return fmt.Sprintf(`{"id":%q,"etag":"\"1\"","status":"confirmed","summary":%q,"iCalUID":"same@y","organizer":{"email":"alice@acme.test","self":true},"start":{"dateTime":%q},"end":{"dateTime":%q}}`,
			id, subject, at.Format(time.RFC3339), at.Add(time.Hour).Format(time.RFC3339))
	}
	w.showing(one("first1", "First", 0) + "," + one("second2", "Second", 3))
	w.pass("alice")
	w.pass("alice")
	require.LessOrEqual(t, len(w.crmEvents()), 1, "which of them is the meeting is for a person to say")
	require.NotEmpty(t, w.parked("alice"), "%v", w.crmCalendar())
}

func TestExceptionWithoutItsMaster(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(wideWindow)
	w.settle()
	at := w.day(3, 9, 0).UTC()
	item := fmt.Sprintf(`{"id":"lost_%s","recurringEventId":"lost","originalStartTime":{"dateTime":%q,"timeZone":"UTC"},"etag":"\"1\"","status":"confirmed","summary":"Invited to one","iCalUID":"lost@y","organizer":{"email":"olga@outside.example"},"attendees":[{"email":"alice@acme.test","self":true,"responseStatus":"accepted"}],"start":{"dateTime":%q,"timeZone":"UTC"},"end":{"dateTime":%q,"timeZone":"UTC"}}`,
		at.Format("20060102T150405Z"), at.Format(time.RFC3339), at.Add(time.Hour).Format(time.RFC3339), at.Add(2*time.Hour).Format(time.RFC3339))
	w.showing(item)
	w.pass("alice")
	_, row := w.crmEventOf(at.Add(time.Hour))
	require.Equal(t, "Invited to one", row["Subject"])
}

func TestCancelledMasterTakesItsExceptionsAlong(t *testing.T) {
	r := weeklyRow(t, "")
	r.w.event("alice", meeting("Other", r.w.day(1, 9, 0)))
	to := r.week(2).Add(5 * time.Hour)
	r.change(2, fields{"summary": "Living exception", "start": at(to), "end": at(to.Add(time.Hour))})
	r.w.settle()
	r.w.deleteEvent("alice", r.id)
	r.w.converged()
	require.Equal(t, r.w.calendar("alice"), r.w.crmCalendar())
	require.Len(t, r.w.crmEvents(), 1)
}

func TestCalendarThatIsGoneOrReadOnly(t *testing.T) {
	for name, rule := range map[string]fault.Rule{
		"gone":      {Method: "GET", Path: "calendars/", Kind: fault.Status, Status: 404, Body: `{"error":{"code":404,"message":"Not Found","errors":[{"domain":"global","reason":"notFound","message":"Not Found"}]}}`},
		"forbidden": {Method: "GET", Path: "calendars/", Kind: fault.Status, Status: 403, Body: `{"error":{"code":403,"message":"Forbidden","errors":[{"domain":"global","reason":"forbidden","message":"Forbidden"}]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.policy("name: test\norg: acme\nassign: {profiles: [Field Sales]}\ncontacts: {direction: both}\nevents: {direction: both}\n")
			w.event("alice", meeting("Demo", w.day(3, 9, 0)))
			w.settle()
			w.contact("alice", with(nil))
			stop := w.google(rule)
			r, err := w.try("alice", "")
			require.NoError(t, err)
			require.NotNil(t, r.trouble(), "the reason is shown")
			require.NotEmpty(t, r.trouble().Remedy)
			require.Len(t, w.crmEvents(), 1, "nothing is deleted")
			w.box.GoogleFaults.Remove(stop)
			w.converged()
			require.Len(t, w.crmEvents(), 1)
			require.Len(t, w.people("alice"), 1)
		})
	}
	t.Run("read-only", func(t *testing.T) {
		w := newWorld(t)
		w.eventsBothWays("")
		w.crmEvent("alice", crmMeeting("Call", w.day(3, 9, 0)))
		w.event("alice", meeting("Demo", w.day(4, 9, 0)))
		body := `{"error":{"code":403,"message":"You need to have writer access to this calendar.","errors":[{"domain":"calendar","reason":"requiredAccessLevel","message":"You need to have writer access to this calendar."}]}}`
		stop := w.google(fault.Rule{Method: "POST", Path: "batch/calendar", Kind: fault.Status, Status: 403, Body: body})
		w.pass("alice")
		w.pass("alice")
		require.Len(t, w.calendar("alice"), 1)
		_, demo := w.crmEventOf(w.day(4, 9, 0))
		require.Equal(t, "Demo", demo["Subject"], "what can be read syncs")
		w.box.GoogleFaults.Remove(stop)
		w.clock.Advance(26 * time.Hour)
		w.sweep("alice")
		w.converged()
		w.same("alice", 2)
	})
}
