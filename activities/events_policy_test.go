package activities_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

func TestEventsExcludedByPolicy(t *testing.T) {
	outside := fields{"attendees": guests("ann@globex.example", "bo@initech.example")}
	for name, tc := range map[string]struct {
		exclude string
		why     planner.Reason
		left    func(w *world) fields // the event that is left out
		in      func(w *world) fields // one that is not
	}{
		"domains": {"{domains: [globex.example]}", planner.ReasonExcludedDomain,
			func(w *world) fields { return also(meeting("Out", w.day(3, 9, 0)), outside) },
			func(w *world) fields {
				return also(meeting("In", w.day(4, 9, 0)), fields{"attendees": guests("bo@initech.example")})
			}},
		"addresses": {"{addresses: [Bo@Initech.example]}", planner.ReasonExcludedAddress,
			func(w *world) fields { return also(meeting("Out", w.day(3, 9, 0)), outside) },
			func(w *world) fields {
				return also(meeting("In", w.day(4, 9, 0)), fields{"attendees": guests("jo@initech.example")})
			}},
		"all_day": {"{all_day: true}", planner.ReasonExcludedAllDay,
			func(w *world) fields {
				return fields{"summary": "Out", "start": onDate(w.day(3, 0, 0)), "end": onDate(w.day(4, 0, 0))}
			},
			func(w *world) fields { return meeting("In", w.day(4, 9, 0)) }},
		"declined": {"{declined: true}", planner.ReasonExcludedDeclined,
			func(w *world) fields {
				return also(meeting("Out", w.day(3, 9, 0)), fields{"attendees": guests("alice@acme.test declined", "bo@initech.example")})
			},
			func(w *world) fields {
				return also(meeting("In", w.day(4, 9, 0)), fields{"attendees": guests("alice@acme.test accepted", "bo@initech.example declined")})
			}},
		"internal_only": {"{internal_only: true}", planner.ReasonExcludedInternal,
			func(w *world) fields {
				return also(meeting("Out", w.day(3, 9, 0)), fields{"attendees": guests("dave@acme.test")})
			},
			func(w *world) fields { return also(meeting("In", w.day(4, 9, 0)), outside) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.eventsBothWays("  exclude: " + tc.exclude + "\n")
			left, in := w.event("alice", tc.left(w)), w.event("alice", tc.in(w))
			w.converged()
			require.Len(t, w.crmEvents(), 1)
			require.Contains(t, w.crmCalendar()[0], "In")
			require.Equal(t, tc.why, w.eventReason("alice", left))

			// Loosened and tightened again: what had been copied by then goes, what is people's own stays.
			w.eventsBothWays("  exclude: {declined: false}\n")
			w.converged()
			require.Len(t, w.crmEvents(), 2)
			w.eventsBothWays("  exclude: " + tc.exclude + "\n")
			w.pass("alice")
			require.Len(t, w.crmEvents(), 1)
			w.converged()
			require.Len(t, w.crmEvents(), 1)
			require.Len(t, w.calendar("alice"), 2)
			_ = in
		})
	}
}

func TestCRMEventsExcludedByPolicy(t *testing.T) {
	for name, tc := range map[string]struct {
		exclude string
		why     planner.Reason
		out     func(w *world) fields
	}{
		"domains": {"{domains: [globex.example]}", planner.ReasonExcludedDomain, func(w *world) fields {
			return also(crmMeeting("Out", w.day(3, 9, 0)), fields{"WhoId": w.contact("alice", fields{"LastName": "Ann", "Email": "ann@globex.example"})})
		}},
		"addresses": {"{addresses: [ann@globex.example]}", planner.ReasonExcludedAddress, func(w *world) fields {
			return also(crmMeeting("Out", w.day(3, 9, 0)), fields{"WhoId": w.contact("alice", fields{"LastName": "Ann", "Email": "ann@globex.example"})})
		}},
		"all_day": {"{all_day: true}", planner.ReasonExcludedAllDay, func(w *world) fields {
			d := w.day(3, 0, 0).Format(time.DateOnly) + "T00:00:00Z"
			return fields{"Subject": "Out", "IsAllDayEvent": true, "StartDateTime": d, "EndDateTime": d}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.eventsBothWays("  exclude: " + tc.exclude + "\n")
			id := w.crmEvent("alice", tc.out(w))
			w.crmEvent("alice", crmMeeting("In", w.day(4, 9, 0)))
			w.converged()
			require.Len(t, w.calendar("alice"), 1)
			require.Equal(t, tc.why, w.eventReason("alice", id))
		})
	}
}

func TestEventIsExcludedOnceItChanges(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays("  exclude: {declined: true, domains: [globex.example]}\n")
	id := w.event("alice", also(meeting("Demo", w.day(3, 9, 0)), fields{"attendees": guests("alice@acme.test", "bo@initech.example")}))
	w.settle()
	require.Len(t, w.crmEvents(), 1)
	for _, list := range [][]any{guests("alice@acme.test declined", "bo@initech.example"), guests("alice@acme.test accepted", "bo@initech.example", "ann@globex.example")} {
		w.editEvent("alice", id, fields{"attendees": list})
		w.converged()
		require.Empty(t, w.crmEvents())
		w.editEvent("alice", id, fields{"attendees": guests("alice@acme.test accepted", "bo@initech.example")})
		w.converged()
		require.Len(t, w.crmEvents(), 1)
	}
	require.Len(t, w.calendar("alice"), 1)
}

func TestEventDirections(t *testing.T) {
	for direction, want := range map[string][2]int{"crm_to_mailbox": {1, 2}, "mailbox_to_crm": {2, 1}, "both": {2, 2}, `"off"`: {1, 1}} {
		t.Run(direction, func(t *testing.T) {
			w := newWorld(t)
			w.eventPolicy(direction, "")
			m := &meet{w: w}
			m.id, m.crmID = w.event("alice", meeting("Mailbox's", w.day(3, 9, 0))), w.crmEvent("alice", crmMeeting("CRM's", w.day(4, 9, 0)))
			w.converged()
			require.Equal(t, want, m.count())
			w.eventPolicy("both", "")
			w.converged()
			require.Equal(t, [2]int{2, 2}, m.count())
			w.eventPolicy(direction, "")
			w.converged()
			require.Equal(t, [2]int{2, 2}, m.count(), "a direction that changes removes nothing")
		})
	}
}

func TestEventDriftIsKeptOrReverted(t *testing.T) {
	for _, source := range sides {
		t.Run("source "+string(source), func(t *testing.T) {
			direction := string(source) + "_to_" + string(source.Other())
			m := meetingOf(t, source, "")
			m.w.eventPolicy(direction, "")
			m.edit(source.Other(), record.FieldSubject, "Drifted")
			m.w.converged()
			require.Equal(t, "Drifted", m.get(source.Other(), record.FieldSubject), "keep")
			require.Equal(t, "Demo", m.get(source, record.FieldSubject))
			m.edit(source, record.FieldLocation, "Room 9")
			m.w.converged()
			require.Equal(t, "Drifted", m.get(source.Other(), record.FieldSubject), "until the source changes that field")
			m.edit(source, record.FieldSubject, "The source's")
			m.w.converged()
			m.both(record.FieldSubject, "The source's")
			m.edit(source.Other(), record.FieldSubject, "Drifted again")
			m.w.settle()
			m.w.eventPolicy(direction, "  on_drift: revert\n")
			m.w.converged()
			m.both(record.FieldSubject, "The source's")
		})
	}
}

func TestEventFilterExit(t *testing.T) {
	const filter = "  filter: crm.Type == \"Meeting\"\n"
	for exit, left := range map[string]int{"remove": 1, "keep": 2} {
		t.Run(exit, func(t *testing.T) {
			w := newWorld(t)
			w.eventsBothWays(filter + "  on_filter_exit: " + exit + "\n")
			made := w.crmEvent("alice", also(crmMeeting("Made", w.day(3, 9, 0)), fields{"Type": "Meeting"}))
			adopted := w.crmEvent("alice", also(crmMeeting("Adopted", w.day(4, 9, 0)), fields{"Type": "Meeting"}))
			w.event("alice", meeting("Adopted", w.day(4, 9, 0)))
			other := w.crmEvent("alice", crmMeeting("Other", w.day(5, 9, 0)))
			w.converged()
			require.Len(t, w.calendar("alice"), 2)
			require.Equal(t, planner.ReasonFilteredOut, w.eventReason("alice", other))
			for _, id := range []string{made, adopted} {
				w.editCRMEvent("alice", id, fields{"Type": "Call"})
			}
			w.converged()
			require.Len(t, w.calendar("alice"), left, "an adopted one is never removed")
			require.Len(t, w.crmEvents(), 3)
			for _, id := range []string{made, adopted, other} {
				w.editCRMEvent("alice", id, fields{"Type": "Meeting"})
			}
			w.converged()
			w.same("alice", 3)
		})
	}
}

func TestEventsSelectedByTheirHashtag(t *testing.T) {
	for label, tag := range map[string]string{"": "#crm", "  label: kunde\n": "#Kunde"} {
		t.Run(tag, func(t *testing.T) {
			w := newWorld(t)
			w.eventsBothWays("  scope: selected\n" + label)
			plain := w.event("alice", meeting("Dentist", w.day(3, 9, 0)))
			w.event("alice", meeting("Demo "+tag, w.day(4, 9, 0)))
			w.event("alice", also(meeting("Call", w.day(5, 9, 0)), fields{"description": "with Globex\n" + tag}))
			w.event("alice", meeting("Not "+tag+"x", w.day(6, 9, 0)))
			w.crmEvent("alice", crmMeeting("CRM's", w.day(7, 9, 0)))
			w.converged()
			require.Len(t, w.crmEvents(), 3)
			require.Len(t, w.calendar("alice"), 5, "the CRM's events need no label")
			require.Equal(t, planner.ReasonNotSelected, w.eventReason("alice", plain))
			w.editEvent("alice", plain, fields{"description": strings.ToUpper(tag)})
			w.converged()
			require.Len(t, w.crmEvents(), 4)
			w.editEvent("alice", plain, fields{"description": "no more"})
			w.converged()
			require.Len(t, w.crmEvents(), 3)
			require.Len(t, w.calendar("alice"), 5)
		})
	}
}

func TestSeriesSelectedByItsHashtag(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(wideWindow + "  scope: selected\n")
	start := w.day(2, 9, 0)
	id := w.event("alice", weekly("Stand-up", start, 4))
	w.converged()
	require.Empty(t, w.crmEvents())
	w.editEvent("alice", id, fields{"description": "#crm"})
	w.converged()
	w.same("alice", 4)
	w.editEvent("alice", instance(id, start.AddDate(0, 0, 7)), fields{"description": ""})
	w.converged()
	require.Len(t, w.crmEvents(), 3, "one occurrence lost its label")
}

func TestEventsRelatedToPeopleOfTheCRM(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.eventsBothWays("  scope: related\n")
	w.contact("alice", fields{"LastName": "Ann", "Email": "ann@globex.example"})
	_, err := w.box.Salesforce.Insert("Lead", fields{"LastName": "Lee", "Company": "Initech", "Email": "lee@initech.example"}, w.users["alice"])
	require.NoError(t, err)
	add := func(subject string, n int, who ...string) string {
		return w.event("alice", also(meeting(subject, w.day(n, 9, 0)), fields{"attendees": guests(who...)}))
	}
	add("Contact", 2, "ann@globex.example")
	add("Lead", 3, "lee@initech.example")
	stranger := add("Stranger", 4, "zoe@nowhere.example")
	add("Colleague", 5, "bob@acme.test")
	w.converged()
	require.Len(t, w.crmEvents(), 2, "%v", w.crmCalendar())
	require.Equal(t, planner.ReasonNotRelated, w.eventReason("alice", stranger))
	w.contact("alice", fields{"LastName": "Zoe", "Email": "zoe@nowhere.example"})
	w.clock.Advance(25 * time.Hour)
	w.sweep("alice")
	require.Len(t, w.crmEvents(), 3, "within a day of the person's coming to the CRM")
}

func TestEventPolicyChangedSeveralTimesAppliesTheNewestOnce(t *testing.T) {
	m := meetingOf(t, record.CRM, "")
	m.w.eventsBothWays("  exclude: {internal_only: true}\n")
	m.w.eventPolicy("mailbox_to_crm", "")
	m.w.eventsBothWays("") // rolled back
	m.w.nothingWritten(func() { m.w.settle() })
	require.Equal(t, [2]int{1, 1}, m.count())
	require.False(t, m.w.pass("alice").fetch.Work)
}
