package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

func TestDeletesByPolicyInBothDirections(t *testing.T) {
	for _, from := range []string{"crm", "mailbox"} {
		for _, rule := range []string{"propagate", "unlink", "review"} {
			t.Run(from+" "+rule, func(t *testing.T) {
				w, id, name := pair(t, "  deletes: {from_"+from+": "+rule+"}\n")
				left := func() int { return len(w.people("alice")) }
				if from == "crm" {
					w.deleteContact("alice", id)
				} else {
					w.deletePerson("alice", name)
					left = func() int { return len(w.crmContacts()) }
				}
				sum := w.converged()["alice"]
				switch rule {
				case "propagate":
					require.Zero(t, left())
					require.Equal(t, 1, sum.Deleted.CRM+sum.Deleted.Mailbox)
				case "unlink":
					require.Equal(t, 1, left())
					l, _ := w.link("alice", id)
					require.Equal(t, planner.Tombstone, l.State)
				case "review":
					require.Equal(t, 1, left())
					require.Len(t, w.parked("alice")[planner.ReasonDeleteReview], 1)
				}
			})
		}
	}
}

func TestTombstoneStandsAfterTheSourceIsEdited(t *testing.T) {
	w, id, name := pair(t, "  deletes: {from_mailbox: unlink}\n")
	w.deletePerson("alice", name)
	w.settle()
	for _, title := range []string{"One", "Two"} {
		w.editContact("alice", id, fields{"Title": title})
		w.converged()
		require.Empty(t, w.people("alice"), "not created again")
	}
	require.Equal(t, planner.ReasonTombstoneStands, w.reason("alice", id))
}

func TestEditedHereDeletedThere(t *testing.T) {
	t.Run("deletes propagate: the edit wins under the next generation", func(t *testing.T) {
		w, id, name := pair(t, propagate)
		w.editContact("alice", id, fields{"Title": "Edited"})
		w.deletePerson("alice", name)
		sum := w.converged()["alice"]
		require.Equal(t, 1, sum.Reasons[planner.ReasonRestored])
		require.Equal(t, "Edited", w.people("alice")[only(t, w.people("alice"))].Organizations[0].Title)
		l, _ := w.link("alice", id)
		require.Equal(t, 1, l.Generation)
		require.Contains(t, w.people("alice")[l.Mailbox.ID].ClientData[0].Value, l.ID+".1")
	})
	t.Run("deletes propagate: the mailbox's edit restores the record", func(t *testing.T) {
		w, id, name := pair(t, propagate)
		w.editPerson("alice", name, `{"organizations":[{"title":"Edited","type":"work"}]}`)
		w.deleteContact("alice", id)
		w.converged()
		again := only(t, w.crmContacts())
		require.NotEqual(t, id, again)
		require.Equal(t, "Edited", w.crmContacts()[again]["Title"])
	})
	t.Run("the record was made again by hand: the edit goes to that one", func(t *testing.T) {
		w, id, name := pair(t, propagate)
		w.editPerson("alice", name, `{"organizations":[{"title":"Edited","type":"work"}]}`)
		w.deleteContact("alice", id)
		again := w.contact("alice", with(fields{"Title": nil}))
		w.converged()
		require.Equal(t, again, only(t, w.crmContacts()), "none beside it")
		require.Equal(t, name, w.peer("alice", again))
		require.Equal(t, "Edited", w.crmContacts()[again]["Title"])
		require.Equal(t, "Edited", w.people("alice")[name].Organizations[0].Title)
	})
	t.Run("the record was made again by hand, for a rep whose records are hidden: parked, and none beside it", func(t *testing.T) {
		w := newWorld(t, "alice", "bob")
		w.bothWays(propagate)
		id := w.contact("alice", with(nil))
		w.settle("alice")
		name := w.peer("alice", id)
		w.editPerson("alice", name, `{"organizations":[{"title":"Edited","type":"work"}]}`)
		w.deleteContact("alice", id)
		again := w.contact("bob", with(nil))
		w.converged()
		require.Equal(t, again, only(t, w.crmContacts()))
		require.Len(t, w.parked("alice")[planner.ReasonMatchNotVisible], 1)
		require.Equal(t, "Edited", w.people("alice")[name].Organizations[0].Title)
	})
	t.Run("the entry was made again by hand: the edit goes to that one", func(t *testing.T) {
		w, id, name := pair(t, propagate)
		w.editContact("alice", id, fields{"Title": "Edited"})
		w.deletePerson("alice", name)
		again := w.person("alice", `{"names":[{"givenName":"Cara","familyName":"Crm"}],"emailAddresses":[{"value":"cara@example.com","type":"work"}]}`)
		w.converged()
		require.Equal(t, again, only(t, w.people("alice")), "none beside it")
		require.Equal(t, again, w.peer("alice", id))
		require.Equal(t, "Edited", w.people("alice")[again].Organizations[0].Title)
		require.Contains(t, w.crmContacts(), id)
	})
	t.Run("deletes do not propagate: the tombstone stands", func(t *testing.T) {
		w, id, name := pair(t, "  deletes: {from_mailbox: unlink}\n")
		w.editContact("alice", id, fields{"Title": "Edited"})
		w.deletePerson("alice", name)
		w.converged()
		w.editContact("alice", id, fields{"Title": "Edited later"})
		w.converged()
		require.Empty(t, w.people("alice"))
		require.Contains(t, w.crmContacts(), id)
	})
}

func TestDeletedOnBothDropsTheLinkAndWritesNothing(t *testing.T) {
	w, id, name := pair(t, propagate)
	before := w.mutations()
	w.deleteContact("alice", id)
	w.deletePerson("alice", name)
	w.converged()
	require.Equal(t, before, w.mutations())
	_, there := w.link("alice", id)
	require.False(t, there)
}

func TestStaleLinkWithNothingOnEitherSideIsPurged(t *testing.T) {
	w, id, name := pair(t, "  deletes: {from_crm: unlink}\n")
	w.deleteContact("alice", id)
	w.settle()
	l, _ := w.link("alice", id)
	require.Equal(t, planner.Tombstone, l.State)
	w.deletePerson("alice", name)
	w.converged()
	_, there := w.link("alice", id)
	require.False(t, there)
}

func TestDeletedRestoredAndDeletedAgain(t *testing.T) {
	w, id, _ := pair(t, propagate)
	w.deleteContact("alice", id)
	w.settle()
	require.Empty(t, w.people("alice"))
	w.clock.Advance(time.Minute)
	require.NoError(t, w.box.Salesforce.Undelete("Contact", id, w.users["alice"]))
	w.settle()
	require.Len(t, w.people("alice"), 1, "an undelete is a person's wish")
	w.clock.Advance(time.Minute)
	w.deleteContact("alice", id)
	w.converged()
	require.Empty(t, w.people("alice"), "the second delete is another one")
}

// What is restored begins a life of its own: with the key of its first one Google would answer that the id is used, by what was
// deleted with it.
func TestRestoredAfterItsLinkWasDropped(t *testing.T) {
	w := newWorld(t)
	w.eventPolicy("both", "  deletes: {from_crm: propagate, from_mailbox: propagate}\n")
	id := w.crmEvent("alice", crmMeeting("Review", w.day(3, 9, 0)))
	for range 3 {
		w.converged()
		require.Len(t, w.calendar("alice"), 1)
		w.clock.Advance(time.Minute)
		w.deleteCRMEvent("alice", id)
		w.converged()
		require.Empty(t, w.calendar("alice"))
		_, there := w.eventLink("alice", record.CRM, id)
		require.False(t, there, "nothing is left to remember but the journal")
		w.clock.Advance(time.Minute)
		require.NoError(t, w.box.Salesforce.Undelete("Event", id, w.users["alice"]))
	}
	w.converged()
	require.Len(t, w.calendar("alice"), 1)
	require.Contains(t, w.crmEvents(), id)
}

// As long as no feed has told of a delete, what a mailbox holds is compared with what it held: what Repsync made since and
// somebody deleted at once is in neither.
func TestCopyThatIsDeletedBeforeTheNextPass(t *testing.T) {
	t.Run("contact", func(t *testing.T) {
		w := newWorld(t)
		w.bothWays(propagate)
		w.person("alice", `{"names":[{"givenName":"Ada","familyName":"Lovelace"}],"emailAddresses":[{"value":"ada@example.com","type":"work"}]}`)
		id := w.contact("alice", with(nil))
		w.pass("alice")
		w.deletePerson("alice", w.peer("alice", id))
		w.clock.Advance(time.Hour)
		w.settle()
		require.NotContains(t, w.crmContacts(), id)
		w.converged()
	})
	t.Run("event", func(t *testing.T) {
		w := newWorld(t)
		w.eventPolicy("both", propagate)
		w.event("alice", meeting("Mine", w.day(6, 9, 0)))
		id := w.crmEvent("alice", crmMeeting("Review", w.day(3, 9, 0)))
		w.pass("alice")
		w.deleteEvent("alice", w.eventPeer("alice", id))
		w.clock.Advance(time.Hour)
		w.settle()
		require.NotContains(t, w.crmEvents(), id)
		w.converged()
	})
}

func TestContactDeletedAndPurgedFromTheBinIsNoProof(t *testing.T) {
	w, id, name := pair(t, propagate)
	w.deleteContact("alice", id)
	require.NoError(t, w.box.Salesforce.Purge("Contact", id))
	w.reread()
	require.Contains(t, w.people("alice"), name, "nothing proves the delete: unlinked, and kept")
	w.converged()
}

func TestUnlinkedItemThatIsDeletedLeavesNothingBehind(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	name := w.person("alice", `{"phoneNumbers":[{"value":"415-555-0100"}]}`)
	w.settle()
	require.Len(t, w.parked("alice")[planner.ReasonNoFamilyName], 1)
	w.deletePerson("alice", name)
	w.converged()
	require.Empty(t, w.parked("alice"))
}

func TestItemThatWentBeforeItWasPlannedIsNotCreated(t *testing.T) {
	w := newWorld(t)
	w.bothWays(propagate)
	name := w.person("alice", caraPerson)
	w.upTo("alice", 2) // read and staged, and then the worker dies
	w.deletePerson("alice", name)
	w.box.Google.ExpireSyncTokens("") // the tombstone is lost with the token
	w.converged()
	require.Empty(t, w.crmContacts())
}

// What was parked does not wait any more once it is gone and another item has come in its place.
func TestParkedAndDeletedAndRestored(t *testing.T) {
	for name, again := range map[string]func(w *world) string{
		"by the other side's edit": func(*world) string { return "" },
		"by hand":                  func(w *world) string { return w.contact("alice", with(fields{"Title": nil})) },
	} {
		t.Run(name, func(t *testing.T) {
			w, id, person := pair(t, propagate+"  conflict: review\n")
			w.editContact("alice", id, fields{"Title": "Theirs"})
			w.editPerson("alice", person, `{"organizations":[{"title":"Mine","type":"work"}]}`)
			w.settle()
			require.Len(t, w.parked("alice")[planner.ReasonConflictReview], 1)
			w.deleteContact("alice", id)
			made := again(w)
			w.settle()
			require.Empty(t, w.parked("alice"))
			if made != "" {
				require.Equal(t, made, only(t, w.crmContacts()))
			}
			require.Equal(t, "Mine", w.crmContacts()[only(t, w.crmContacts())]["Title"])
			w.converged()
		})
	}
}
