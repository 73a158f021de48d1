package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/internal/sandbox/google"
	"github.com/repsync/repsync/workflows"
)

// meetings fills both calendars with one event each.
func meetings(w *world) {
	require.NoError(w.t, w.box.Google.Calendar(address("alice")).SetTimeZone(zone))
	w.event("alice", with(hour(day(2, 9)), fields{"summary": "Coffee", "attendees": []any{fields{"email": "grace@customer.test"}}}))
	w.crmEvent("alice", with(crmHour(day(4, 9)), fields{"Subject": "Call"}))
}

// copied tells which contacts and which events have come to the other side.
func (w *world) copied() (contacts, events []bool) {
	w.t.Helper()
	return []bool{w.personOf("alice", "ada@customer.test") != "", w.contactOf("edsger@customer.test") != ""},
		[]bool{w.eventOf("alice", "Call") != "", w.crmEventAt(day(2, 9)) != ""}
}

// TestTroubleOfOneKindLeavesTheOtherSyncing has one kind in trouble from the first pass on: the trouble is shown, the other
// kind is synced in full and goes on, and once it is mended all is as it should be.
func TestTroubleOfOneKindLeavesTheOtherSyncing(t *testing.T) {
	t.Parallel()
	salesforce := func(rules ...fault.Rule) func(*world) {
		return func(w *world) {
			for _, r := range rules {
				w.box.SalesforceFaults.MustAdd(r)
			}
		}
	}
	googles := func(r fault.Rule) func(*world) { return func(w *world) { w.box.GoogleFaults.MustAdd(r) } }
	scopes := func(names ...string) func(*world) { return func(w *world) { w.box.Google.SetDelegation(names...) } }
	for name, c := range map[string]struct {
		class  string
		events bool // they are in trouble, and not the contacts
		begin  func(*world)
	}{
		"the calendars are down":     {activities.ClassRetry, true, googles(fault.Rule{Path: `^/(batch/)?calendar/`, Kind: fault.Status, Status: 503, Body: "<html>upstream</html>"})},
		"the address books are down": {activities.ClassRetry, false, googles(fault.Rule{Path: `^/v1/`, Kind: fault.Drop})},
		"nobody may read calendars":  {activities.ClassReconnect, true, scopes(google.ScopeContacts, google.ScopeContactsReadonly)},
		"nobody may read contacts":   {activities.ClassReconnect, false, scopes(google.ScopeCalendar, google.ScopeCalendarEvents, google.ScopeCalendarReadonly)},
		"the CRM shows no events": {activities.ClassUnsupported, true, salesforce(
			fault.Rule{Path: `/sobjects/Event(/|$)`, Kind: fault.Status, Status: 404, Code: "NOT_FOUND"},
			fault.Rule{Path: `/query`, Query: `FROM Event\b`, Kind: fault.Status, Status: 400, Code: "INVALID_TYPE"})},
		"the CRM's events are down": {activities.ClassRetry, true, salesforce(
			fault.Rule{Path: `/sobjects/Event(/|$)`, Kind: fault.Status, Status: 503},
			fault.Rule{Path: `/query`, Query: `FROM Event\b`, Kind: fault.Status, Status: 503})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{})
			w.policy(bothWays)
			people(w)
			meetings(w)
			c.begin(w)
			w.worker()
			w.start("alice")
			st := w.failing("alice", c.class, "")
			yes, no := []bool{true, true}, []bool{false, false}
			contacts, events := w.copied()
			if c.events {
				require.Equal(t, [][]bool{yes, no}, [][]bool{contacts, events}, "contacts and events copied")
				w.editContact("alice", w.contactOf("ada@customer.test"), fields{"Title": "Countess"})
			} else {
				require.Equal(t, [][]bool{no, yes}, [][]bool{contacts, events}, "contacts and events copied")
				w.editEvent("alice", w.eventOf("alice", "Coffee"), fields{"location": "Canteen"})
			}
			w.syncNow("alice")
			w.until("alice", "past another pass", func(now workflows.Status) bool { return now.Pass > st.Pass && now.State == workflows.Failing })
			if c.events {
				require.Contains(t, w.bookText("ada@customer.test"), "Countess")
			} else {
				require.Contains(t, strings.Join(w.crmCalendars(), "\n"), "Canteen")
			}

			w.box.GoogleFaults.Clear()
			w.box.SalesforceFaults.Clear()
			w.box.Google.SetDelegation(google.DefaultScopes...)
			w.sync("alice")
			contacts, events = w.copied()
			require.Equal(t, [][]bool{yes, yes}, [][]bool{contacts, events}, "contacts and events copied")
			require.Equal(t, w.crmOccurrences("alice"), w.occurrences("alice"))
			w.noMail()
			w.converged()
		})
	}
}

// TestCalendarsLongRetryAfterIsWaitedOutAcrossRestarts is TestLongRetryAfterIsWaitedOutAcrossRestarts for calendars, with the
// contacts going on meanwhile.
func TestCalendarsLongRetryAfterIsWaitedOutAcrossRestarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.policy(bothWays)
	people(w)
	meetings(w)
	first := w.worker()
	w.start("alice")
	pass := w.rest("alice", 0).Pass
	w.box.GoogleFaults.MustAdd(fault.Rule{Name: "busy", Method: "GET", Path: `/calendar/v3/`, Kind: fault.Status, Status: 429, Code: "rateLimitExceeded", RetryAfter: fault.Duration(time.Hour)})
	w.syncNow("alice")
	st := w.until("alice", "told to wait", func(st workflows.Status) bool {
		return st.Pass > pass && st.Trouble != nil && !st.Trouble.Until.IsZero()
	})
	require.WithinDuration(t, time.Now().Add(time.Hour), st.Trouble.Until, 5*time.Minute)
	asked := w.box.GoogleFaults.Hits()["busy"]
	require.Equal(t, 1, asked)

	require.NoError(t, first.Stop(0))
	w.worker()
	w.editContact("alice", w.contactOf("ada@customer.test"), fields{"Title": "Countess"})
	w.crmEvent("alice", with(crmHour(day(6, 9)), fields{"Subject": "Demo"}))
	w.syncNow("alice")
	w.eventually(func() bool { return strings.Contains(w.bookText("ada@customer.test"), "Countess") }, func() string { return "the contacts wait for the calendars" })
	st = w.until("alice", "past another pass", func(now workflows.Status) bool { return now.Pass > st.Pass && now.State == workflows.Failing })
	require.WithinDuration(t, time.Now().Add(time.Hour), st.Trouble.Until, 5*time.Minute)
	require.Equal(t, asked, w.box.GoogleFaults.Hits()["busy"], "the calendar was asked before its time")
	require.Empty(t, w.eventOf("alice", "Demo"), "a vendor that asks for an hour's rest is not written to either")

	w.box.GoogleFaults.Clear()
	conn, err := pgx.Connect(t.Context(), w.database)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	moved, err := conn.Exec(t.Context(), "update cursor set retry_at = retry_at - interval '2 hours' where retry_at is not null and kind = 'event'")
	require.NoError(t, err)
	require.EqualValues(t, 1, moved.RowsAffected())
	w.syncNow("alice")
	w.rest("alice", st.Pass)
	require.NotEmpty(t, w.eventOf("alice", "Demo"))
}

// TestMissingKeyFieldOfEventsIsShownAndStopsNothingElse has an org whose Event lacks the custom field that guards creates.
func TestMissingKeyFieldOfEventsIsShownAndStopsNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.box.Salesforce.RemoveField("Event", "Repsync_Key__c")
	w.policy(bothWays)
	people(w)
	meetings(w)
	w.worker()
	w.start("alice")
	w.rest("alice", 0)
	contacts, events := w.copied()
	require.Equal(t, []bool{true, true}, contacts)
	require.Equal(t, []bool{true, false}, events, "what needs no create in the CRM flows")
	require.Contains(t, w.parked("alice"), "key_field_missing")
}
