package activities_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/internal/store"
)

// crowd makes n contacts of a rep's and returns their ids.
func (w *world) crowd(rep string, n int) []string {
	w.t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = w.contact(rep, fields{"LastName": fmt.Sprintf("Crowd %02d", i), "Email": fmt.Sprintf("%s%02d@example.com", rep, i)})
	}
	return ids
}

const tight = propagate + "guard: {deletes: {max: 2}, overwrites: {max: 3}, creates: {max: 3, first_sync: 20}}\n"

func TestDeletesBeyondTheGuardAreHeldAndReleasedOnce(t *testing.T) {
	w := newWorld(t)
	w.bothWays(tight)
	ids := w.crowd("alice", 6)
	w.settle()
	for _, id := range ids[:3] {
		w.deleteContact("alice", id)
	}
	before := w.mutations()
	r := w.pass("alice")
	require.NotNil(t, r.hold)
	require.Equal(t, map[string]int{"delete mailbox": 3}, r.hold.Counts)
	require.Equal(t, 3, r.Held)
	require.Equal(t, before, w.mutations(), "held before the first write")
	require.Equal(t, planner.ReasonGuardHeld, w.reason("alice", ids[0]), "explain tells that it is held")
	require.Equal(t, planner.ReasonCreated, w.reason("alice", ids[5]))
	require.Equal(t, r.hold.Digest, w.pass("alice").fetch.Held.Digest)
	require.Nil(t, w.passReleasing("alice", "another").hold, "a release of something else does nothing")
	require.Len(t, w.people("alice"), 6)

	r = w.passReleasing("alice", r.hold.Digest)
	require.Nil(t, r.hold)
	require.Equal(t, 3, r.Deleted.Mailbox)
	require.NotEqual(t, planner.ReasonGuardHeld, w.reason("alice", ids[0]))
	require.Len(t, w.people("alice"), 3)
	w.deleteContact("alice", ids[3])
	w.deleteContact("alice", ids[4])
	require.Nil(t, w.pass("alice").hold, "what an admin released does not count against the next ones")
	w.converged()
	_, err := w.store.HeldPlan(t.Context(), org, "alice")
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestHeldPlanWhoseContentChangesHasAnotherDigest(t *testing.T) {
	w := newWorld(t)
	w.bothWays(tight)
	ids := w.crowd("alice", 6)
	w.settle()
	for _, id := range ids[:3] {
		w.deleteContact("alice", id)
	}
	first := w.pass("alice").hold
	w.deleteContact("alice", ids[3])
	second := w.pass("alice").hold
	require.NotEqual(t, first.Digest, second.Digest)
	require.NotNil(t, w.passReleasing("alice", first.Digest).fetch.Held, "the old release does nothing")
	require.Len(t, w.people("alice"), 6)
	w.passReleasing("alice", second.Digest)
	require.Len(t, w.people("alice"), 2)
	w.converged()
}

func TestReadingGoesOnWhileHeldAndAnUndeleteEndsIt(t *testing.T) {
	w := newWorld(t)
	w.bothWays(tight)
	ids := w.crowd("alice", 6)
	w.settle()
	for _, id := range ids[:3] {
		w.deleteContact("alice", id)
	}
	require.NotNil(t, w.pass("alice").hold)
	for _, id := range ids[:3] {
		require.NoError(t, w.box.Salesforce.Undelete("Contact", id, w.users["alice"]))
	}
	w.converged()
	require.Len(t, w.people("alice"), 6)
	_, err := w.store.HeldPlan(t.Context(), org, "alice")
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestReleasedPlanThatIsInterruptedGoesOnWithoutAnotherRelease(t *testing.T) {
	w := newWorld(t)
	w.bothWays("guard: {overwrites: {max: 1}}\n")
	ids := w.crowd("alice", 3)
	w.settle()
	w.editContact("alice", ids[0], fields{"Title": "Changed"})
	w.editContact("alice", ids[1], fields{"Phone": "415-555-0100"}) // another mask: another request
	w.editContact("alice", ids[2], fields{"Title": "Changed"})
	hold := w.pass("alice").hold
	require.NotNil(t, hold)
	w.google(fault.Rule{Method: "POST", Path: "batchUpdateContacts", Kind: fault.Status, Status: 429, Skip: 1, Times: 1})
	r := w.passReleasing("alice", hold.Digest)
	require.Equal(t, "retry", r.trouble().Class)
	require.Less(t, r.Updated.Mailbox, 3)
	require.Empty(t, w.parked("alice"), "a busy vendor parks nobody")
	w.converged()
	for _, p := range w.people("alice") {
		require.Equal(t, 1, len(p.Organizations)+len(p.PhoneNumbers))
	}
}

func TestRollingGuardHoldsDeletesSpreadOverPasses(t *testing.T) {
	w := newWorld(t)
	w.bothWays(tight)
	ids := w.crowd("alice", 6)
	w.settle()
	for i, id := range ids[:3] {
		w.deleteContact("alice", id)
		hold := w.pass("alice").hold
		require.Equal(t, i == 2, hold != nil, "delete %d", i)
		w.clock.Advance(time.Hour)
	}
	require.Len(t, w.people("alice"), 4)
	w.clock.Advance(23 * time.Hour)
	w.editContact("alice", ids[5], fields{"Title": "x"}) // anything that makes a pass
	w.converged()
	require.Len(t, w.people("alice"), 3, "a day later the first ones do not count any more")
}

func TestRollingGuardHoldsDeletesSpreadOverReps(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.bothWays(propagate + "guard: {deletes: {max: 10}, org: {deletes: 3}}\n")
	mine, others := w.crowd("alice", 5), w.crowd("bob", 5)
	w.settle()
	for _, id := range mine[:2] {
		w.deleteContact("alice", id)
	}
	require.Nil(t, w.pass("alice").hold)
	for _, id := range others[:2] {
		w.deleteContact("bob", id)
	}
	hold := w.pass("bob").hold
	require.NotNil(t, hold)
	require.Contains(t, hold.Why[0], "guard.org.deletes")
}

func TestFirstSyncHasItsOwnGuardAndDoesNotCountAgainstTheNextCreate(t *testing.T) {
	w := newWorld(t)
	w.bothWays(tight)
	w.crowd("alice", 10) // more than creates.max, less than first_sync
	require.Nil(t, w.pass("alice").hold)
	w.settle()
	w.contact("alice", fields{"LastName": "Next"})
	require.Nil(t, w.pass("alice").hold, "what the first sync created does not count")
	for i := range 3 {
		w.contact("alice", fields{"LastName": fmt.Sprint("More ", i)})
	}
	require.NotNil(t, w.pass("alice").hold)
}

func TestFirstSyncBeyondItsGuardIsHeld(t *testing.T) {
	w := newWorld(t)
	w.bothWays("guard: {creates: {max: 3, first_sync: 5}}\n")
	w.crowd("alice", 6)
	hold := w.pass("alice").hold
	require.NotNil(t, hold)
	require.Contains(t, hold.Why[0], "guard.creates.first_sync")
	require.Empty(t, w.people("alice"))
	w.passReleasing("alice", hold.Digest)
	w.converged()
	require.Len(t, w.people("alice"), 6)
}

func TestOverwritesBeyondTheGuardAreHeld(t *testing.T) {
	w := newWorld(t)
	w.bothWays(tight)
	ids := w.crowd("alice", 5)
	w.settle()
	for _, id := range ids[:4] {
		w.editContact("alice", id, fields{"Title": "Mass edit"})
	}
	hold := w.pass("alice").hold
	require.NotNil(t, hold)
	require.Contains(t, hold.Why[0], "guard.overwrites.max")
	w.passReleasing("alice", hold.Digest)
	w.converged()
}

func TestPolicyChangedWhileHeldIsApplied(t *testing.T) {
	w := newWorld(t)
	w.bothWays(tight)
	ids := w.crowd("alice", 6)
	w.settle()
	for _, id := range ids[:3] {
		w.deleteContact("alice", id)
	}
	require.NotNil(t, w.pass("alice").hold)
	w.bothWays("  deletes: {from_crm: unlink}\n" + "guard: {deletes: {max: 2}}\n")
	w.converged()
	require.Len(t, w.people("alice"), 6, "the new policy carries no delete over")
	l, _ := w.link("alice", ids[0])
	require.Equal(t, planner.Tombstone, l.State)
}
