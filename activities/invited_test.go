package activities_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A rep whose own calendar gets nothing into the CRM still has the meeting once: the CRM's record, which the organiser's
// copy made, meets the invitation that is there.
func TestARecordMeetsTheInvitationThatIsThere(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	for rep, direction := range map[string]string{"alice": "both", "bob": "crm_to_mailbox"} {
		_, err := w.store.ApplyPolicy(t.Context(), org, rep, []byte("name: "+rep+"\norg: acme\nassign: {reps: ["+rep+"]}\ncontacts: {direction: off}\nevents: {direction: "+direction+"}\n"))
		require.NoError(t, err)
	}
	w.event("alice", also(meeting("Quarter review", w.day(3, 9, 0)), fields{"attendees": []any{fields{"email": address("alice")}, fields{"email": address("bob")}}}))
	w.settle("alice")
	crmID, _ := w.crmEventOf(w.day(3, 9, 0))
	w.editCRMEvent("alice", crmID, fields{"Subject": "Quarter review, with numbers"}) // bob's copy does not know yet
	w.settle("bob")
	w.converged()
	require.Len(t, w.crmEvents(), 1)
	require.Len(t, w.calendar("bob"), 1, "the invitation, and no copy beside it")
}

// A guest's copy that is read before its organiser's has a record waits, and is linked as soon as the record is there.
func TestAGuestWaitsForTheOrganisersRecordAndNoLonger(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.eventsBothWays("")
	w.pass("alice") // alice syncs
	w.event("alice", also(meeting("Quarter review", w.day(3, 9, 0)), fields{"attendees": []any{fields{"email": address("alice")}, fields{"email": address("bob")}}}))
	w.settle("bob")
	require.Empty(t, w.crmEvents(), "it is alice's to make")
	w.settle("alice")
	w.settle("bob")
	parked, err := w.store.ParkedList(t.Context(), org, "bob", 0)
	require.NoError(t, err)
	require.Empty(t, parked)
	w.converged()
	require.Len(t, w.crmEvents(), 1)
}
