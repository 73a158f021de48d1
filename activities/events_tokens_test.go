package activities_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/internal/sandbox/google"
)

// gone410 is what Google answers when a sync token is too old.
const gone410 = `{"error":{"errors":[{"domain":"calendar","reason":"fullSyncRequired","message":"Sync token is no longer valid, a full sync is required."}],"code":410,"message":"Sync token is no longer valid, a full sync is required."}}`

// busyCalendar is a world with n single events and one weekly series of four, all in the CRM, read in pages of two.
func busyCalendar(t *testing.T, n int) (w *world, ids []string, series string) {
	t.Helper()
	w = newWorld(t)
	w.eventsBothWays(wideWindow)
	for i := range n {
		ids = append(ids, w.event("alice", meeting(fmt.Sprintf("Meeting %d", i), w.day(2+i, 9, 0))))
	}
	series = w.event("alice", weekly("Stand-up", w.day(1, 14, 0), 4))
	w.connect(2)
	w.settle()
	w.same("alice", n+4)
	return w, ids, series
}

// deleteAndEdit deletes the first event, edits the second, cancels the series' second occurrence and moves its third.
func deleteAndEdit(w *world, ids []string, series string) {
	w.deleteEvent("alice", ids[0])
	w.editEvent("alice", ids[1], fields{"summary": "Edited"})
	first := w.day(1, 14, 0)
	w.deleteEvent("alice", instance(series, first.AddDate(0, 0, 7)))
	third := first.AddDate(0, 0, 14)
	w.editEvent("alice", instance(series, third), fields{"start": at(third.Add(2 * time.Hour)), "end": at(third.Add(3 * time.Hour))})
}

func TestCalendarTokenExpiredReadsEverythingAndIsExact(t *testing.T) {
	w, ids, series := busyCalendar(t, 5)
	deleteAndEdit(w, ids, series)
	w.box.Google.ExpireCalendarTokens("")
	w.converged()
	w.same("alice", 4+3)
	w.oneLinkEach("alice")
	_, row := w.crmEventOf(w.day(3, 9, 0))
	require.Equal(t, "Edited", row["Subject"])
}

func TestCalendarTokenExpiredInTheMiddleOfPaging(t *testing.T) {
	for name, lost := range map[string]bool{"the token": true, "a page": false} {
		t.Run(name, func(t *testing.T) {
			w, ids, series := busyCalendar(t, 6)
			for i := range ids[2:] {
				w.editEvent("alice", ids[2+i], fields{"location": "Elsewhere"})
			}
			deleteAndEdit(w, ids, series)
			rule := fault.Rule{Method: "GET", Path: "/events", Query: "pageToken", Kind: fault.Status, Status: 410, Times: 1, Body: gone410}
			if lost {
				w.box.Google.ExpireCalendarTokens("")
			}
			w.google(rule)
			w.converged()
			w.same("alice", 5+3)
			w.oneLinkEach("alice")
			for _, row := range w.crmEvents() {
				if row["Subject"] != "Edited" && row["Subject"] != "Stand-up" {
					require.Equal(t, "Elsewhere", row["Location"])
				}
			}
		})
	}
}

func TestNoEventIsDeletedByAbsenceFromAnIncompleteRead(t *testing.T) {
	w, _, _ := busyCalendar(t, 6)
	w.box.Google.ExpireCalendarTokens("")
	stop := w.google(fault.Rule{Method: "GET", Path: "/events", Query: "pageToken", Kind: fault.Status, Status: 503})
	r := w.pass("alice")
	require.Equal(t, "retry", r.trouble().Class)
	require.Len(t, w.crmEvents(), 10)
	w.box.GoogleFaults.Remove(stop)
	w.converged()
	w.same("alice", 10)
}

func TestCalendarThatListsNothingInPlaceOfAnEventIsReadAgain(t *testing.T) {
	w, _, _ := busyCalendar(t, 1)
	w.event("alice", meeting("Demo", w.day(9, 9, 0)))
	w.google(fault.Rule{Method: "GET", Path: "/events$", Kind: fault.Status, Status: 200, Body: `{"items":[null,{"id":"no id at all"}],"nextSyncToken":"x"}`, Times: 1})
	r := w.pass("alice")
	require.Equal(t, activities.ClassRetry, r.trouble().Class)
	require.Equal(t, "item_without_id", r.trouble().Code)
	w.converged()
	w.same("alice", 6)
}

func TestWorkerDiesBetweenTwoPagesOfACalendar(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(wideWindow)
	for i := range 5 {
		w.event("alice", meeting(fmt.Sprintf("Meeting %d", i), w.day(2+i, 9, 0)))
		w.crmEvent("alice", crmMeeting(fmt.Sprintf("Call %d", i), w.day(2+i, 16, 0)))
	}
	w.event("alice", weekly("Stand-up", w.day(1, 14, 0), 4))
	w.connect(2)
	w.google(fault.Rule{Method: "GET", Path: "/events", Kind: fault.DropAfter, Skip: 2, Times: 1})
	w.salesforce(fault.Rule{Method: "GET", Path: "/query", Query: "LIMIT 2", Kind: fault.DropAfter, Skip: 2, Times: 1})
	w.upTo("alice", 1)
	w.converged()
	w.same("alice", 14)
	w.oneLinkEach("alice")
}

func TestWorkerDiesBetweenStagesOfAPassOverEvents(t *testing.T) {
	for stages := 1; stages <= 6; stages++ {
		t.Run(fmt.Sprintf("after %d stages", stages), func(t *testing.T) {
			w, ids, series := busyCalendar(t, 2)
			deleteAndEdit(w, ids, series)
			w.crmEvent("alice", crmMeeting("Call", w.day(2, 16, 0)))
			w.upTo("alice", stages)
			w.converged()
			w.same("alice", 1+3+1)
			w.oneLinkEach("alice")
		})
	}
}

func TestEveryStageOfEventsTwiceGivesTheSameEndState(t *testing.T) {
	w, ids, series := busyCalendar(t, 2)
	w.twice = true
	deleteAndEdit(w, ids, series)
	w.crmEvent("alice", crmMeeting("Call", w.day(2, 16, 0)))
	w.converged()
	w.same("alice", 1+3+1)
	w.oneLinkEach("alice")
}

func TestLostAnswerToAWriteDoublesNoEvent(t *testing.T) {
	for _, target := range sides {
		t.Run("create in the "+string(target), func(t *testing.T) {
			w := newWorld(t)
			w.eventsBothWays(wideWindow)
			if target == record.Mailbox {
				w.crmEvent("alice", crmMeeting("Call", w.day(2, 16, 0)))
				w.google(fault.Rule{Method: "POST", Path: "batch/calendar", Kind: fault.DropAfter, Skip: 0, Times: 1})
			} else {
				w.event("alice", weekly("Stand-up", w.day(1, 14, 0), 4))
				w.salesforce(fault.Rule{Method: "PATCH", Path: "composite/sobjects", Kind: fault.DropAfter, Times: 1})
			}
			w.pass("alice")
			w.clock.Advance(10 * time.Minute)
			w.converged()
			w.same("alice", map[record.Side]int{record.Mailbox: 1, record.CRM: 4}[target])
			w.oneLinkEach("alice")
		})
	}
}

func TestCalendarRepeatsItemsAndShowsAnExceptionBeforeItsMaster(t *testing.T) {
	for name, paging := range map[string]google.Paging{
		"as it comes":         {},
		"repeated":            {Short: true, Empty: true, Repeat: true},
		"backwards":           {Reverse: true},
		"repeated, backwards": {Short: true, Empty: true, Repeat: true, Reverse: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.eventsBothWays(wideWindow)
			w.box.Google.SetPaging(paging)
			w.connect(2)
			first := w.day(1, 14, 0)
			series := w.event("alice", weekly("Stand-up", first, 4))
			second := first.AddDate(0, 0, 7)
			w.editEvent("alice", instance(series, second), fields{"summary": "Moved", "start": at(second.Add(3 * time.Hour)), "end": at(second.Add(4 * time.Hour))})
			w.deleteEvent("alice", instance(series, first.AddDate(0, 0, 14)))
			w.converged()
			w.same("alice", 3)
			w.editEvent("alice", instance(series, first), fields{"summary": "First"})
			w.editEvent("alice", series, fields{"location": "Room 9"})
			w.converged()
			w.same("alice", 3)
			w.oneLinkEach("alice")
		})
	}
}

func TestRepBehindTheFeedReadsEveryEvent(t *testing.T) {
	m := meetingOf(t, record.CRM, wideWindow)
	gone := m.w.crmEvent("alice", crmMeeting("Gone", m.w.day(4, 9, 0)))
	m.w.settle()
	m.edit(record.CRM, record.FieldSubject, "Missed")
	m.w.deleteCRMEvent("alice", gone)
	_, err := m.w.stages.PollFeed(t.Context(), feedIn)
	require.NoError(t, err)
	m.w.clock.Advance(80 * time.Hour)
	_, err = m.w.stages.PollFeed(t.Context(), feedIn)
	require.NoError(t, err)
	m.w.converged()
	m.both(record.FieldSubject, "Missed")
	require.Equal(t, [2]int{1, 1}, m.count())
}

func TestRetryAfterOnContactsDelaysNoEventAndTheOtherWayRound(t *testing.T) {
	for name, path := range map[string]string{"contacts": "me/connections", "events": "/events"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.policy("name: test\norg: acme\nassign: {profiles: [Field Sales]}\ncontacts: {direction: both}\nevents: {direction: both}\n")
			w.settle()
			w.contact("alice", with(nil))
			w.event("alice", meeting("Demo", w.day(3, 9, 0)))
			w.google(fault.Rule{Method: "GET", Path: path, Kind: fault.Status, Status: 429, RetryAfter: fault.Duration(time.Hour), Times: 1})
			r := w.pass("alice")
			require.Equal(t, activities.ClassRetry, r.trouble().Class)
			w.pass("alice")
			require.Equal(t, name == "contacts", len(w.crmEvents()) == 1, "events")
			require.Equal(t, name == "events", len(w.people("alice")) == 1, "contacts")
			w.clock.Advance(61 * time.Minute)
			w.converged()
			require.Len(t, w.crmEvents(), 1)
			require.Len(t, w.people("alice"), 1)
		})
	}
}

func TestDatabaseRestoredFromYesterdayAdoptsEventsByTheirMarkers(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(wideWindow)
	w.event("alice", meeting("Old", w.day(2, 9, 0)))
	w.settle()
	restore := backup(t, w)
	w.crmEvent("alice", crmMeeting("Call", w.day(3, 16, 0)))
	w.event("alice", meeting("Demo", w.day(4, 9, 0)))
	series := w.event("alice", weekly("Stand-up", w.day(1, 14, 0), 4))
	w.settle()
	second := w.day(1, 14, 0).AddDate(0, 0, 7)
	w.editEvent("alice", instance(series, second), fields{"summary": "Exception"})
	w.settle()
	w.same("alice", 7)
	w.committed["alice"] = w.passes["alice"]
	restore()
	w.nothingWritten(func() { w.settle() })
	w.same("alice", 7)
	w.oneLinkEach("alice")
	w.editEvent("alice", instance(series, second), fields{"summary": "Edited later"})
	w.converged()
	w.same("alice", 7)
}

func TestRestoredDatabaseHoldsEventsUntilAnAdminHasLooked(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays("")
	w.event("alice", meeting("Old", w.day(2, 9, 0)))
	w.settle()
	restore := backup(t, w)
	lone := w.crmEvent("alice", crmMeeting("Call", w.day(3, 16, 0)))
	w.settle()
	w.deleteEvent("alice", w.eventPeer("alice", lone)) // a tombstone that the backup does not have
	w.settle()
	w.committed["alice"] = w.passes["alice"]
	restore()
	var held *activities.Hold
	w.nothingWritten(func() {
		for range 3 {
			if r := w.pass("alice"); r.hold != nil {
				held = r.hold
			}
		}
	})
	require.NotNil(t, held)
	require.Contains(t, held.Why[0], "restored from an older backup")
}

func TestTwoWorkersOnOneCalendar(t *testing.T) {
	m := meetingOf(t, record.CRM, wideWindow)
	m.edit(record.Mailbox, record.FieldSubject, "Edited")
	m.w.event("alice", weekly("Stand-up", m.w.day(1, 14, 0), 4))
	faults := m.w.box.SalesforceFaults
	release := faults.Hold(fault.Rule{Name: "asked", Kind: fault.GateAfter, Method: "PATCH", Path: "composite/sobjects"})
	done := make(chan result)
	go func() { r, _ := m.w.try("alice", ""); done <- r }()
	require.Eventually(t, func() bool { return faults.Hits()["asked"] >= 1 }, 20*time.Second, 5*time.Millisecond)
	second := m.w.worker()
	f, err := second.Fetch(t.Context(), activities.FetchIn{Org: org, Rep: "alice", Pass: 9, Fresh: true})
	require.NoError(t, err)
	m.w.clock.Advance(2 * time.Minute) // the first one's lease has run out
	_, err = second.Filter(t.Context(), passOf(f, "alice"))
	require.NoError(t, err)
	release()
	require.NotNil(t, (<-done).trouble(), "the older one's result is refused")
	m.w.clock.Advance(10 * time.Minute)
	m.w.converged()
	m.w.same("alice", 5)
	m.w.oneLinkEach("alice")
	m.both(record.FieldSubject, "Edited")
}

func TestReassignedEventLeavesItsOldOwnerAndComesBack(t *testing.T) {
	m := meetingOf(t, record.CRM, wideWindow)
	require.NoError(t, m.w.box.Salesforce.Update("Event", m.crmID, fields{"OwnerId": m.w.box.AddRep("eve@acme.test", "Eve", "")}, ""))
	m.w.converged()
	require.Contains(t, m.w.crmEvents(), m.crmID, "nothing is deleted in the CRM")
	require.Empty(t, m.w.calendar("alice"), "the copy of what is another's now goes")
	require.Equal(t, planner.ReasonLeft, m.w.eventReason("alice", m.crmID))
	m.w.clock.Advance(time.Second)
	require.NoError(t, m.w.box.Salesforce.Update("Event", m.crmID, fields{"OwnerId": m.w.users["alice"]}, ""))
	m.w.converged()
	m.w.same("alice", 1)
}
