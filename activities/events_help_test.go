package activities_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// sides are the two directions that tests of events go through.
var sides = []record.Side{record.CRM, record.Mailbox}

// meet is one meeting of alice's that was made on one side and has been copied to the other.
type meet struct {
	w         *world
	start     time.Time
	id, crmID string
}

// eventNames are the vendors' names of the fields that tests edit, the CRM's first.
var eventNames = map[string][2]string{
	record.FieldSubject: {"Subject", "summary"}, record.FieldLocation: {"Location", "location"}, record.FieldDescription: {"Description", "description"},
}

// onSides runs a test for a meeting that was made in the CRM, and for one that was made in the mailbox.
func onSides(t *testing.T, test func(t *testing.T, made record.Side)) {
	t.Helper()
	for _, made := range sides {
		t.Run("made in the "+string(made), func(t *testing.T) { test(t, made) })
	}
}

// meetingOf makes a world with one meeting, under a policy both ways with more in it.
func meetingOf(t *testing.T, made record.Side, more string, reps ...string) *meet {
	t.Helper()
	w := newWorld(t, reps...)
	w.eventsBothWays(more)
	m := &meet{w: w, start: w.day(3, 9, 0)}
	if made == record.CRM {
		m.crmID = w.crmEvent("alice", also(crmMeeting("Demo", m.start), fields{"Location": "Room 4"}))
		w.settle("alice")
		m.id = w.eventPeer("alice", m.crmID)
		return m
	}
	m.id = w.event("alice", also(meeting("Demo", m.start), fields{"location": "Room 4"}))
	w.settle("alice")
	m.crmID, _ = w.crmEventOf(m.start)
	return m
}

func (m *meet) edit(side record.Side, field, value string) {
	m.w.t.Helper()
	if side == record.CRM {
		m.w.editCRMEvent("alice", m.crmID, fields{eventNames[field][0]: value})
		return
	}
	m.w.editEvent("alice", m.id, fields{eventNames[field][1]: value})
}

func (m *meet) get(side record.Side, field string) string {
	m.w.t.Helper()
	var v any
	if side == record.CRM {
		row, ok := m.w.crmEvents()[m.crmID]
		require.True(m.w.t, ok, "the CRM's event is gone")
		v = row[eventNames[field][0]]
	} else {
		v = m.w.googleEvent("alice", m.id)[eventNames[field][1]]
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// both holds that a field shows a value on both sides.
func (m *meet) both(field, want string) {
	m.w.t.Helper()
	for _, side := range sides {
		require.Equal(m.w.t, want, m.get(side, field), "%s in the %s", field, side)
	}
}

func (m *meet) delete(side record.Side) {
	m.w.t.Helper()
	if side == record.CRM {
		m.w.deleteCRMEvent("alice", m.crmID)
		return
	}
	m.w.deleteEvent("alice", m.id)
}

// count is how many events live on each side, the CRM first.
func (m *meet) count() [2]int {
	m.w.t.Helper()
	return [2]int{len(m.w.crmEvents()), len(m.w.calendar("alice"))}
}

// googleEvent is an event as its owner sees it, also a deleted one.
func (w *world) googleEvent(rep, id string) fields {
	w.t.Helper()
	e, err := w.box.Google.Calendar(address(rep)).Get(id)
	require.NoError(w.t, err)
	return e
}

// eventLink is the link of an event by its id on one side.
func (w *world) eventLink(rep string, side record.Side, id string) (planner.Link, bool) {
	w.t.Helper()
	links, err := w.store.LinksBySide(w.t.Context(), org, rep, record.Event, side, []string{id})
	require.NoError(w.t, err)
	l, ok := links[id]
	return l, ok
}

// eventPeer is the mailbox event that a CRM event is linked to.
func (w *world) eventPeer(rep, crmID string) string {
	w.t.Helper()
	l, ok := w.eventLink(rep, record.CRM, crmID)
	require.True(w.t, ok, "the event is linked")
	return l.Mailbox.ID
}

// activeLinks counts the links of a rep's events that are in force.
func (w *world) activeLinks(rep string) int {
	w.t.Helper()
	n, err := w.store.CountLinks(w.t.Context(), org, rep, record.Event, planner.Active)
	require.NoError(w.t, err)
	return n
}

// oneLinkEach holds that every living CRM event has exactly one link of a rep's that is in force, and no link is over.
func (w *world) oneLinkEach(rep string) {
	w.t.Helper()
	linked := map[string]bool{}
	for id := range w.crmEvents() {
		l, ok := w.eventLink(rep, record.CRM, id)
		require.True(w.t, ok, "a CRM event without a link")
		require.Equal(w.t, planner.Active, l.State)
		require.False(w.t, linked[l.Mailbox.ID], "one occurrence is linked twice")
		linked[l.Mailbox.ID] = true
	}
	require.Equal(w.t, len(linked), w.activeLinks(rep))
}

// sweep runs the pass that each rep has once a day.
func (w *world) sweep(rep string) {
	w.t.Helper()
	w.clock.Advance(time.Second)
	f, err := w.stages.Fetch(w.t.Context(), activities.FetchIn{Org: org, Rep: rep, Committed: w.committed[rep], Pass: w.passes[rep] + 1, Fresh: true, Sweep: true})
	require.NoError(w.t, err)
	require.Nil(w.t, f.Trouble)
	w.passes[rep] = f.Pass
	for _, stage := range []stageFunc{w.stages.Filter, w.stages.Match, w.stages.Write, w.stages.PropagateDeletes, w.stages.Commit} {
		out, err := stage(w.t.Context(), passOf(f, rep))
		require.NoError(w.t, err)
		require.Nil(w.t, out.Trouble)
		require.Nil(w.t, out.Hold)
	}
}

// eventReason is why the latest decision about a rep's event was made.
func (w *world) eventReason(rep, id string) planner.Reason {
	w.t.Helper()
	return w.eventVerdict(rep, id).Reason
}

// onlyParked holds that one event alone is parked for a rep, and returns its row.
func (w *world) onlyParked(rep string, why planner.Reason) store.Parked {
	w.t.Helper()
	all := w.parked(rep)
	require.Len(w.t, all, 1, "parked: %v", all)
	require.Len(w.t, all[why], 1, "parked: %v", all)
	return all[why][0]
}

// nothingWritten holds that nobody was written to while do ran.
func (w *world) nothingWritten(do func()) {
	w.t.Helper()
	before := w.mutations()
	do()
	require.Equal(w.t, before, w.mutations(), "something is written")
}

// guests are attendees as Google has them, each "address" or "address answer".
func guests(emails ...string) []any {
	out := make([]any, 0, len(emails))
	for _, e := range emails {
		who, answer, _ := strings.Cut(e, " ")
		g := fields{"email": who}
		if answer != "" {
			g["responseStatus"] = answer
		}
		out = append(out, g)
	}
	return out
}

// relationsOf lists who and what a CRM event concerns: "id status", as EventRelation has it.
func (w *world) relationsOf(event string) map[string]string {
	w.t.Helper()
	out := map[string]string{}
	for _, row := range w.box.Salesforce.All("EventRelation") {
		if row["IsDeleted"] != true && row["EventId"] == event {
			status, _ := row["Status"].(string)
			out[fmt.Sprint(row["RelationId"])] = status
		}
	}
	return out
}

// invitation is a meeting that somebody outside organises.
func invitation(uid, subject string, start time.Time) fields {
	return also(meeting(subject, start), fields{"iCalUID": uid, "organizer": fields{"email": "olga@outside.example"}})
}

// invite puts an outside meeting into a rep's calendar, or changes it there.
func (w *world) invite(rep string, e fields) string {
	w.t.Helper()
	w.clock.Advance(time.Second)
	made, err := w.box.Google.Invite(address(rep), e)
	require.NoError(w.t, err)
	return made["id"].(string)
}
