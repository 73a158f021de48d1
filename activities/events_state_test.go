package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
)

func TestEventsUnchangedPassedTwiceWriteNothing(t *testing.T) {
	onSides(t, func(t *testing.T, made record.Side) {
		m := meetingOf(t, made, "")
		m.w.event("alice", weekly("Stand-up", m.w.day(2, 10, 0), 3))
		m.w.settle()
		m.w.nothingWritten(func() {
			for range 2 {
				r := m.w.pass("alice")
				require.False(t, r.fetch.Work)
				require.Empty(t, r.Summary)
			}
		})
		m.w.converged()
		require.Equal(t, [2]int{4, 4}, m.count())
	})
}

func TestSameEventOnBothSidesIsLinkedAndNothingWritten(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays("")
	start := w.day(3, 9, 0)
	id, crmID := w.event("alice", meeting("Demo", start)), w.crmEvent("alice", crmMeeting("Demo", start))
	w.nothingWritten(func() { require.Equal(t, 1, w.settle()["alice"].Linked) })
	require.Equal(t, id, w.eventPeer("alice", crmID))
	w.converged()
}

func TestEventsThatMatchAreMergedAndEmptyOverwritesNothing(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays("")
	m := &meet{w: w, start: w.day(3, 9, 0)}
	m.id = w.event("alice", also(meeting("Demo", m.start), fields{"location": "Old room", "description": "Agenda"}))
	m.crmID = w.crmEvent("alice", also(crmMeeting("Demo", m.start), fields{"Location": "Room 4"}))
	w.converged()
	m.both(record.FieldLocation, "Room 4")
	m.both(record.FieldDescription, "Agenda")
	require.Equal(t, [2]int{1, 1}, m.count())
}

func TestTouchedEventIsNoEdit(t *testing.T) {
	onSides(t, func(t *testing.T, made record.Side) {
		m := meetingOf(t, made, "")
		m.edit(record.Mailbox, record.FieldDescription, "<p>Two&nbsp;lines</p>")
		m.w.converged()
		m.edit(record.Mailbox, record.FieldDescription, "<div><p>Two&nbsp;lines</p></div>") // saved again by another program
		m.edit(record.CRM, record.FieldSubject, "Demo")
		m.w.editEvent("alice", m.id, fields{"colorId": "5", "reminders": fields{"useDefault": false, "overrides": []any{fields{"method": "popup", "minutes": 7}}}})
		m.w.nothingWritten(func() { m.w.settle() })
		m.w.converged()
		require.Equal(t, "5", m.w.googleEvent("alice", m.id)["colorId"])
	})
}

func TestBothSidesEditAnEvent(t *testing.T) {
	t.Run("the same way", func(t *testing.T) {
		onSides(t, func(t *testing.T, made record.Side) {
			m := meetingOf(t, made, "")
			m.edit(record.CRM, record.FieldSubject, "Same")
			m.edit(record.Mailbox, record.FieldSubject, "Same")
			m.w.nothingWritten(func() { m.w.settle() })
			m.w.converged()
		})
	})
	t.Run("in different fields", func(t *testing.T) {
		onSides(t, func(t *testing.T, made record.Side) {
			m := meetingOf(t, made, "")
			moved := m.w.day(4, 15, 0)
			m.w.editEvent("alice", m.id, fields{"start": at(moved), "end": at(moved.Add(90 * time.Minute))})
			m.edit(record.CRM, record.FieldDescription, "The CRM's")
			m.w.converged()
			m.both(record.FieldDescription, "The CRM's")
			require.Equal(t, m.w.calendar("alice"), m.w.crmCalendar())
			id, _ := m.w.crmEventOf(moved)
			require.Equal(t, m.crmID, id)
		})
	})
	for rule, want := range map[string]string{
		"  conflict: crm_wins\n": "The CRM's", "  conflict: mailbox_wins\n": "The mailbox's", "  conflict: newest\n": "The mailbox's",
		"  conflict: crm_wins\n  fields: {subject: {crm: Subject, mailbox: subject, winner: mailbox}}\n": "The mailbox's",
	} {
		t.Run(rule, func(t *testing.T) {
			onSides(t, func(t *testing.T, made record.Side) {
				m := meetingOf(t, made, rule)
				m.edit(record.CRM, record.FieldSubject, "The CRM's")
				m.w.clock.Advance(time.Minute)
				m.edit(record.Mailbox, record.FieldSubject, "The mailbox's")
				require.Equal(t, 1, m.w.settle()["alice"].Conflicts)
				m.both(record.FieldSubject, want)
				lost := map[string]string{"The CRM's": "The mailbox's", "The mailbox's": "The CRM's"}[want]
				require.True(t, m.w.journalLost("alice", record.FieldSubject, lost), "the loser is in the journal")
				m.w.converged()
			})
		})
	}
}

// journalLost reports whether the journal keeps a value that lost a conflict, with the rule.
func (w *world) journalLost(rep, field, lost string) bool {
	w.t.Helper()
	lines, err := w.store.Journal(w.t.Context(), org, rep, 0, 1000)
	require.NoError(w.t, err)
	for _, l := range lines {
		if l.Action == "conflict" && l.Field == field && l.Values[field].Lost == lost && l.Rule != "" {
			return true
		}
	}
	return false
}

func TestEventConflictForReviewIsParkedAndThePersonDecides(t *testing.T) {
	onSides(t, func(t *testing.T, made record.Side) {
		m := meetingOf(t, made, "  conflict: review\n")
		m.edit(record.CRM, record.FieldSubject, "The CRM's")
		m.edit(record.CRM, record.FieldLocation, "Room 9")
		m.edit(record.Mailbox, record.FieldSubject, "The mailbox's")
		m.w.settle()
		m.w.onlyParked("alice", planner.ReasonConflictReview)
		require.Equal(t, "The mailbox's", m.get(record.Mailbox, record.FieldSubject))
		m.both(record.FieldLocation, "Room 9")
		m.edit(record.Mailbox, record.FieldSubject, "The CRM's")
		m.w.converged()
		require.Empty(t, m.w.parked("alice"))
	})
}

func TestEventEditedHereDeletedThere(t *testing.T) {
	for name, policy := range map[string]string{"propagate": "{from_crm: propagate, from_mailbox: propagate}", "unlink": "{from_crm: unlink, from_mailbox: unlink}"} {
		for _, gone := range sides {
			t.Run(name+", deleted in the "+string(gone), func(t *testing.T) {
				m := meetingOf(t, record.Mailbox, "  deletes: "+policy+"\n")
				m.delete(gone)
				m.edit(gone.Other(), record.FieldSubject, "Edited")
				m.w.converged()
				want := [2]int{1, 1} // the edit wins, and the event is there again
				if name == "unlink" {
					want = map[record.Side][2]int{record.CRM: {0, 1}, record.Mailbox: {1, 0}}[gone]
				}
				require.Equal(t, want, m.count())
				require.Equal(t, name == "propagate", m.w.activeLinks("alice") == 1)
				if name == "propagate" {
					require.Equal(t, m.w.calendar("alice"), m.w.crmCalendar())
					require.Contains(t, m.w.calendar("alice")[0], "Edited")
				}
			})
		}
	}
}

func TestEventDeletedOnOneSide(t *testing.T) {
	for _, rule := range []string{"propagate", "unlink", "review"} {
		for _, gone := range sides {
			t.Run(rule+", deleted in the "+string(gone), func(t *testing.T) {
				onSides(t, func(t *testing.T, made record.Side) {
					m := meetingOf(t, made, "  deletes: {from_crm: "+rule+", from_mailbox: "+rule+"}\n")
					m.delete(gone)
					m.w.converged()
					left := map[record.Side][2]int{record.CRM: {0, 1}, record.Mailbox: {1, 0}}[gone]
					switch rule {
					case "propagate":
						require.Equal(t, [2]int{0, 0}, m.count())
						return
					case "review":
						m.w.onlyParked("alice", planner.ReasonDeleteReview)
					}
					require.Equal(t, left, m.count())
					m.edit(gone.Other(), record.FieldSubject, "Edited afterwards")
					m.w.converged()
					require.Equal(t, left, m.count(), "not created again")
				})
			})
		}
	}
}

func TestEventDeletedOnBothSidesDropsTheLink(t *testing.T) {
	onSides(t, func(t *testing.T, made record.Side) {
		m := meetingOf(t, made, "")
		m.delete(record.CRM)
		m.delete(record.Mailbox)
		m.w.nothingWritten(func() { m.w.settle() })
		require.Zero(t, m.w.activeLinks("alice"))
		m.w.converged()
	})
}

func TestEventEditedByAPersonBetweenOurReadAndOurWrite(t *testing.T) {
	for _, target := range sides {
		t.Run(string(target), func(t *testing.T) {
			m := meetingOf(t, record.Mailbox, "")
			faults, rule := m.w.box.SalesforceFaults, fault.Rule{Name: "write", Method: "PATCH", Path: "composite/sobjects"}
			if target == record.Mailbox {
				faults, rule = m.w.box.GoogleFaults, fault.Rule{Name: "write", Method: "POST", Path: "batch/calendar", Skip: 0}
			}
			m.edit(target.Other(), record.FieldSubject, "Ours")
			release := faults.Hold(rule)
			done := make(chan struct{})
			go func() { defer close(done); _, _ = m.w.try("alice", "") }()
			require.Eventually(t, func() bool { return faults.Hits()["write"] == 1 }, 20*time.Second, 5*time.Millisecond)
			m.edit(target, record.FieldLocation, "A person's")
			release()
			<-done
			m.w.converged()
			m.both(record.FieldSubject, "Ours")
			m.both(record.FieldLocation, "A person's")
		})
	}
}

func TestEventEditedByAPersonBetweenOurWriteAndOurReadBack(t *testing.T) {
	m := meetingOf(t, record.Mailbox, "")
	m.edit(record.Mailbox, record.FieldSubject, "Ours")
	release := m.w.box.SalesforceFaults.Hold(fault.Rule{Name: "written", Kind: fault.GateAfter, Method: "PATCH", Path: "composite/sobjects"})
	done := make(chan struct{})
	go func() { defer close(done); _, _ = m.w.try("alice", "") }()
	require.Eventually(t, func() bool { return m.w.box.SalesforceFaults.Hits()["written"] == 1 }, 20*time.Second, 5*time.Millisecond)
	m.edit(record.CRM, record.FieldSubject, "A person's")
	release()
	<-done
	m.w.converged()
	m.both(record.FieldSubject, "A person's")
}

func TestFeedThatShowsAnOlderEventIsNoEdit(t *testing.T) {
	m := meetingOf(t, record.CRM, "")
	m.w.box.Google.SetLag(2 * time.Minute)
	m.w.clock.Advance(time.Hour)
	m.edit(record.Mailbox, record.FieldSubject, "First")
	m.w.clock.Advance(3 * time.Minute)
	m.w.settle()
	require.Equal(t, "First", m.get(record.CRM, record.FieldSubject))
	m.edit(record.CRM, record.FieldSubject, "Second")
	m.w.settle()
	m.w.box.Google.ExpireCalendarTokens("") // a full read still shows the copy from before our write
	m.w.settle()
	m.both(record.FieldSubject, "Second")
	m.w.clock.Advance(5 * time.Minute)
	m.w.converged()
	m.both(record.FieldSubject, "Second")
}

func TestEventStoredOtherwiseThanSentMakesNoLoop(t *testing.T) {
	onSides(t, func(t *testing.T, made record.Side) {
		m := meetingOf(t, made, "")
		seconds := m.w.day(5, 9, 0).Add(17 * time.Second)
		m.w.editEvent("alice", m.id, fields{"start": at(seconds), "end": at(seconds.Add(time.Hour)), "description": "<b>one</b><br>two  <br>", "summary": "  Padded  "})
		m.w.converged()
		m.edit(record.CRM, record.FieldDescription, "  lines\r\nof\r\n\r\ntext  ")
		m.w.converged()
	})
}

func TestOneEventOfABatchFailsAndTheOthersAreCommitted(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays("")
	w.box.Salesforce.AddValidation("Event", func(v map[string]any) (string, string) {
		if v["Subject"] == "Bad" {
			return "No bad meetings.", "Subject"
		}
		return "", ""
	})
	bad := ""
	for i, subject := range []string{"Good", "Bad", "Better"} {
		if id := w.event("alice", meeting(subject, w.day(2+i, 9, 0))); subject == "Bad" {
			bad = id
		}
	}
	w.settle()
	require.Len(t, w.crmEvents(), 2)
	p := w.onlyParked("alice", planner.ReasonVendorRefused)
	require.Equal(t, "FIELD_CUSTOM_VALIDATION_EXCEPTION", p.Code)
	require.Contains(t, p.Words, "No bad meetings.")
	w.editEvent("alice", bad, fields{"summary": "Fine"})
	w.converged()
	require.Len(t, w.crmEvents(), 3)
	require.Empty(t, w.parked("alice"))
}

func TestOneSideOfTheCalendarSuddenlyEmptyIsHeld(t *testing.T) {
	for _, side := range sides {
		t.Run(string(side), func(t *testing.T) {
			m := meetingOf(t, record.Mailbox, "  deletes: {from_crm: propagate, from_mailbox: propagate}\n")
			other := m.w.crmEvent("alice", crmMeeting("Other", m.w.day(4, 9, 0)))
			m.w.settle()
			if peer := m.w.eventPeer("alice", other); side == record.Mailbox {
				m.w.deleteEvent("alice", peer)
			} else {
				m.w.deleteCRMEvent("alice", other)
			}
			m.delete(side)
			var held result
			m.w.nothingWritten(func() { held = m.w.pass("alice") })
			require.NotNil(t, held.hold)
			require.Contains(t, held.hold.Why[0], "guard.empty_side")
			m.w.passReleasing("alice", held.hold.Digest)
			m.w.converged()
			require.Equal(t, [2]int{0, 0}, m.count())
		})
	}
}

func TestRotatedHashKeyWritesNoEvent(t *testing.T) {
	onSides(t, func(t *testing.T, made record.Side) {
		m := meetingOf(t, made, "")
		m.w.event("alice", weekly("Stand-up", m.w.day(1, 10, 0), 4))
		m.w.event("alice", also(meeting("Guests", m.w.day(2, 12, 0)), fields{"attendees": guests("ann@globex.example")}))
		m.w.settle()
		require.NoError(t, keyring.Rotate(m.w.keys))
		ring, err := keyring.Open(m.w.keys)
		require.NoError(t, err)
		m.w.open(ring)
		m.w.nothingWritten(func() { m.w.reread() })
		l, _ := m.w.eventLink("alice", record.CRM, m.crmID)
		require.Equal(t, ring.Hasher().KeyVersion, l.HashKey, "the base was renewed")
		m.edit(record.CRM, record.FieldSubject, "After")
		m.w.converged()
		m.both(record.FieldSubject, "After")
	})
}

// Only the primary calendar syncs. An event that its owner moves to another calendar is gone there; nothing is written, the
// CRM keeps its record, and when the event is moved back it meets that record again.
func TestEventMovedToAnotherCalendarAndBack(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays("")
	w.event("alice", meeting("Other", w.day(2, 9, 0)))
	id := w.event("alice", meeting("Demo", w.day(3, 9, 0)))
	w.converged()
	crmID, _ := w.crmEventOf(w.day(3, 9, 0))
	w.deleteEvent("alice", id) // what its primary calendar shows of a move
	w.converged()
	require.Contains(t, w.crmEvents(), crmID)
	w.editEvent("alice", id, fields{"status": "confirmed"})
	w.converged()
	require.Len(t, w.crmEvents(), 2)
	require.Len(t, w.calendar("alice"), 2)
	w.editEvent("alice", id, fields{"location": "Room 4"})
	w.converged()
	require.Equal(t, "Room 4", w.crmEvents()[crmID]["Location"], "the same link")
}
