package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// record leases carry no epoch: a worker that was thought dead gives back those of its successor.
func TestOldWorkerGivesBackItsSuccessorsRecordLease(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	ctx, id := t.Context(), []string{"003000000000001AAA"}
	_, err := w.store.LockRecords(ctx, org, record.Contact, "alice/1", id, time.Minute) // the old worker
	require.NoError(t, err)
	w.clock.Advance(2 * time.Minute)
	_, err = w.store.LockRecords(ctx, org, record.Contact, "alice/2", id, time.Minute) // its successor
	require.NoError(t, err)
	require.NoError(t, w.store.UnlockRecords(ctx, org, record.Contact, "alice/1", id)) // the old worker's defer
	got, err := w.store.LockRecords(ctx, org, record.Contact, "bob/1", id, time.Minute)
	require.NoError(t, err)
	require.Empty(t, got, "bob does not write beside alice's worker")
}

// between a plan and its create (a worker died, a plan was held, a create was refused) the other side gets the item.
func TestPlannedCreateMeetsWhatCameMeanwhile(t *testing.T) {
	t.Run("in the CRM", func(t *testing.T) {
		w := newWorld(t)
		w.bothWays("")
		w.settle()
		name := w.person("alice", caraPerson)
		w.upTo("alice", 3) // planned, not written
		id := w.contact("alice", with(nil))
		for range 4 {
			w.pass("alice")
		}
		require.Len(t, w.crmContacts(), 1)
		require.Len(t, w.people("alice"), 1)
		require.Equal(t, name, w.peer("alice", id))
	})
	t.Run("in the CRM, after a refusal", func(t *testing.T) {
		w := newWorld(t)
		w.bothWays("")
		w.box.Salesforce.AddValidation("Contact", func(map[string]any) (string, string) { return "Closed.", "" })
		w.person("alice", caraPerson)
		w.settle()
		require.Len(t, w.parked("alice")[planner.ReasonVendorRefused], 1)
		w.box.Salesforce.ClearValidations("Contact")
		w.contact("alice", with(nil)) // a colleague types it in
		w.clock.Advance(10 * time.Minute)
		for range 4 {
			w.pass("alice")
		}
		require.Len(t, w.crmContacts(), 1)
		require.Len(t, w.people("alice"), 1)
	})
	t.Run("in the mailbox", func(t *testing.T) {
		w := newWorld(t)
		w.bothWays("")
		w.settle()
		w.contact("alice", with(nil))
		w.upTo("alice", 3)
		w.person("alice", caraPerson)
		for range 4 {
			w.pass("alice")
		}
		require.Len(t, w.crmContacts(), 1)
		require.Len(t, w.people("alice"), 1)
	})
}

// a create's source is read before the create, and not again: what a person typed meanwhile is not lost.
func TestDuplicateDetectedIsLinkedOnceItMatches(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	w.settle()
	name := w.person("alice", `{"names":[{"givenName":"Cara","familyName":"Crm"}],"emailAddresses":[{"value":"cara@old.example.com","type":"work"}]}`)
	w.box.Salesforce.AddValidation("Contact", func(v map[string]any) (string, string) {
		if v["Email"] == "cara@old.example.com" {
			return "Use the new address.", "Email"
		}
		return "", ""
	})
	w.settle()
	require.Len(t, w.parked("alice")[planner.ReasonVendorRefused], 1)
	id := w.contact("alice", with(nil)) // cara@example.com
	w.settle()
	w.editPerson("alice", name, `{"emailAddresses":[{"value":"cara@example.com","type":"work"}]}`) // the rep corrects the address: now they match
	for range 4 {
		w.pass("alice")
	}
	require.Len(t, w.crmContacts(), 1)
	_ = id
}
