package activities_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// asPrivate marks the meeting as private on one side.
func (m *meet) asPrivate(side record.Side, private bool) {
	m.w.t.Helper()
	if side == record.CRM {
		m.w.editCRMEvent("alice", m.crmID, fields{"IsPrivate": private})
		return
	}
	m.w.editEvent("alice", m.id, fields{"visibility": map[bool]string{true: "private", false: "default"}[private]})
}

// secret puts a private event into one side.
func (w *world) secret(side record.Side) string {
	w.t.Helper()
	start := w.day(3, 9, 0)
	if side == record.CRM {
		return w.crmEvent("alice", also(crmMeeting("Doctor", start), fields{"IsPrivate": true, "Location": "Clinic", "Description": "Results", "ShowAs": "OutOfOffice"}))
	}
	return w.event("alice", also(meeting("Doctor", start), fields{"visibility": "private", "location": "Clinic", "description": "Results", "attendees": guests("doc@clinic.example")}))
}

// shows is what the only event of the other side tells.
func (w *world) shows(side record.Side) (subject, location, description string, private bool) {
	w.t.Helper()
	text := func(v any) string { s, _ := v.(string); return s }
	if side == record.CRM {
		require.Len(w.t, w.crmEvents(), 1)
		for _, row := range w.crmEvents() {
			return text(row["Subject"]), text(row["Location"]), text(row["Description"]), row["IsPrivate"] == true
		}
	}
	list, err := w.box.Google.Calendar(address("alice")).List(nil)
	require.NoError(w.t, err)
	require.Len(w.t, list, 1)
	e := list[0]
	return text(e["summary"]), text(e["location"]), text(e["description"]), e["visibility"] == "private"
}

func TestPrivateEventIsSkippedShownAsBusyOrSynced(t *testing.T) {
	for _, from := range sides {
		t.Run("from the "+string(from), func(t *testing.T) {
			t.Run("skip", func(t *testing.T) {
				w := newWorld(t)
				w.eventsBothWays("")
				id := w.secret(from)
				w.converged()
				require.Equal(t, planner.ReasonPrivateSkipped, w.eventReason("alice", id))
				require.Equal(t, 1, len(w.crmEvents())+len(w.calendar("alice")))
			})
			t.Run("busy", func(t *testing.T) {
				w := newWorld(t)
				w.eventsBothWays("  private: busy\n")
				w.secret(from)
				w.converged()
				subject, location, description, private := w.shows(from.Other())
				require.Equal(t, []any{"Busy", "", "", true}, []any{subject, location, description, private})
				require.Equal(t, startsOf(w.calendar("alice")), startsOf(w.crmCalendar()))
				for id := range w.crmEvents() {
					require.Empty(t, w.relationsOf(id))
				}
			})
			t.Run("sync", func(t *testing.T) {
				w := newWorld(t)
				w.eventsBothWays("  private: sync\n")
				w.secret(from)
				w.converged()
				subject, location, description, private := w.shows(from.Other())
				require.Equal(t, []any{"Doctor", "Clinic", "Results", true}, []any{subject, location, description, private})
			})
		})
	}
}

// startsOf is the part of a calendar's lines that tells the time.
func startsOf(lines []string) (out []string) {
	for _, l := range lines {
		out = append(out, l[:len("2006-01-02T15:04 2006-01-02T15:04")])
	}
	return out
}

func TestEventBecomesPrivateUnderSkip(t *testing.T) {
	onSides(t, func(t *testing.T, made record.Side) {
		for _, exit := range []string{"remove", "keep"} {
			t.Run("on_filter_exit "+exit, func(t *testing.T) {
				m := meetingOf(t, made, "  on_filter_exit: "+exit+"\n")
				m.asPrivate(made, true)
				m.w.pass("alice")
				left := map[record.Side][2]int{record.CRM: {1, 0}, record.Mailbox: {0, 1}}[made]
				require.Equal(t, left, m.count(), "the copy that Repsync made is removed, whatever becomes of other exits")
				require.True(t, m.w.journalSays("alice", planner.ReasonPrivateSkipped), "the journal says why")
				m.w.converged()
				require.Equal(t, left, m.count())
				m.asPrivate(made, false)
				m.w.converged()
				require.Equal(t, [2]int{1, 1}, m.count(), "it comes back when it is private no more")
				require.Equal(t, m.w.calendar("alice"), m.w.crmCalendar())
			})
		}
	})
}

// journalSays reports whether the journal gives a reason for something.
func (w *world) journalSays(rep string, why planner.Reason) bool {
	w.t.Helper()
	lines, err := w.store.Journal(w.t.Context(), org, rep, 0, 1000)
	require.NoError(w.t, err)
	return slices.ContainsFunc(lines, func(l store.Line) bool { return l.Reason == why || l.Code == string(why) })
}

func TestCopyThatAPersonMadePrivateIsKeptApart(t *testing.T) {
	onSides(t, func(t *testing.T, made record.Side) {
		m := meetingOf(t, made, "")
		m.asPrivate(made.Other(), true)
		m.w.converged()
		require.Equal(t, [2]int{1, 1}, m.count(), "the original is not private and stays")
		m.edit(made.Other(), record.FieldDescription, "Secret")
		m.w.converged()
		require.NotEqual(t, "Secret", m.get(made, record.FieldDescription), "what is private is told to nobody")
	})
}

func TestAdoptedEventBecomesPrivate(t *testing.T) {
	for _, side := range sides {
		t.Run(string(side), func(t *testing.T) {
			w := newWorld(t)
			w.eventsBothWays("")
			m := &meet{w: w, start: w.day(3, 9, 0)}
			m.id, m.crmID = w.event("alice", meeting("Demo", m.start)), w.crmEvent("alice", crmMeeting("Demo", m.start))
			w.settle()
			m.asPrivate(side, true)
			m.w.converged()
			require.Equal(t, [2]int{1, 1}, m.count(), "both were people's own")
			m.edit(side, record.FieldDescription, "Secret")
			m.w.converged()
			require.Empty(t, m.get(side.Other(), record.FieldDescription))
		})
	}
}

func TestEventBecomesPrivateUnderBusy(t *testing.T) {
	onSides(t, func(t *testing.T, made record.Side) {
		m := meetingOf(t, made, "  private: busy\n")
		m.edit(made, record.FieldDescription, "Secret")
		m.w.settle()
		m.asPrivate(made, true)
		m.w.converged()
		subject, location, description, private := m.w.shows(made.Other())
		require.Equal(t, []any{"Busy", "", "", true}, []any{subject, location, description, private}, "what had been told is taken back")
		m.edit(made, record.FieldDescription, "More")
		m.w.nothingWritten(func() { m.w.settle() })
		m.edit(made.Other(), record.FieldSubject, "Typed over the copy")
		m.w.converged()
		require.Equal(t, "Demo", m.get(made, record.FieldSubject), "the copy says nothing to the original")
		m.asPrivate(made, false)
		m.w.converged()
		m.both(record.FieldDescription, "More")
		m.both(record.FieldLocation, "Room 4")
	})
}

// Who makes the own copy private finds it as it was: neither is it turned into "Busy", nor is the original.
func TestCopyMadePrivateUnderBusyGoesItsOwnWay(t *testing.T) {
	onSides(t, func(t *testing.T, made record.Side) {
		m := meetingOf(t, made, "  private: busy\n")
		m.w.settle()
		m.asPrivate(made.Other(), true)
		m.w.converged()
		subject, location, _, private := m.w.shows(made.Other())
		require.Equal(t, []any{"Demo", "Room 4", true}, []any{subject, location, private}, "the copy")
		subject, location, _, private = m.w.shows(made)
		require.Equal(t, []any{"Demo", "Room 4", false}, []any{subject, location, private}, "the original")
		m.edit(made.Other(), record.FieldSubject, "Doctor")
		m.w.converged()
		require.Equal(t, "Demo", m.get(made, record.FieldSubject), "a private copy tells its original nothing")
		m.asPrivate(made.Other(), false)
		m.w.converged()
		require.Equal(t, m.get(record.CRM, record.FieldSubject), m.get(record.Mailbox, record.FieldSubject), "it is linked again")
	})
}

// Its original is deleted before a pass has seen that the copy is private: what the rep keeps to themselves stays, and brings
// nothing back.
func TestCopyMadePrivateUnderBusyOfADeletedOriginal(t *testing.T) {
	onSides(t, func(t *testing.T, made record.Side) {
		m := meetingOf(t, made, "  private: busy\n"+eventDeletes)
		m.w.settle()
		m.asPrivate(made.Other(), true)
		m.delete(made)
		m.w.converged()
		want := map[record.Side][2]int{record.CRM: {0, 1}, record.Mailbox: {1, 0}}[made]
		require.Equal(t, want, m.count())
		require.Empty(t, m.w.parked("alice"))
	})
}

func TestPrivateTightenedByPolicyAppliesToPastCopies(t *testing.T) {
	for _, step := range [][2]string{{"sync", "skip"}, {"sync", "busy"}, {"busy", "skip"}, {"skip", "busy"}, {"busy", "sync"}, {"skip", "sync"}} {
		t.Run(step[0]+" to "+step[1], func(t *testing.T) {
			for _, from := range sides {
				t.Run("from the "+string(from), func(t *testing.T) {
					w := newWorld(t)
					w.eventsBothWays("  private: " + step[0] + "\n")
					w.secret(from)
					w.event("alice", meeting("Open", w.day(5, 9, 0)))
					w.settle()
					w.eventsBothWays("  private: " + step[1] + "\n")
					w.pass("alice")
					check := func() {
						other := w.calendar("alice")
						if from == record.Mailbox {
							other = w.crmCalendar()
						}
						want := map[string]string{"skip": "", "busy": "Busy", "sync": "Doctor"}[step[1]]
						if want == "" {
							require.Len(t, other, 1)
							return
						}
						require.Len(t, other, 2)
						require.Contains(t, other[0], want)
					}
					check()
					w.converged()
					check()
				})
			}
		})
	}
}

func TestOneOccurrenceBecomesPrivate(t *testing.T) {
	r := weeklyRow(t, "")
	id := r.record(2)
	r.change(2, fields{"visibility": "private"})
	r.w.converged()
	require.Len(t, r.w.crmEvents(), 7)
	require.NotContains(t, r.w.crmEvents(), id)
	require.Len(t, r.w.calendar("alice"), 8)
	r.w.editEvent("alice", r.id, fields{"visibility": "private"})
	r.w.event("alice", meeting("Open", r.w.day(1, 9, 0)))
	r.w.converged()
	require.Len(t, r.w.crmEvents(), 1, "the whole series is private")
	require.Len(t, r.w.calendar("alice"), 9)
}

func TestPrivateEventTellsItsMatchNothing(t *testing.T) {
	for _, from := range sides {
		t.Run(string(from), func(t *testing.T) {
			w := newWorld(t)
			w.eventsBothWays("")
			m := &meet{w: w, start: w.day(3, 9, 0)}
			if from == record.CRM {
				m.crmID, m.id = w.secret(from), w.event("alice", meeting("Doctor", m.start))
			} else {
				m.id, m.crmID = w.secret(from), w.crmEvent("alice", crmMeeting("Doctor", m.start))
			}
			w.converged()
			require.Empty(t, m.get(from.Other(), record.FieldDescription))
			require.Empty(t, m.get(from.Other(), record.FieldLocation))
		})
	}
}
