package activities_test

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

// cara and her person are the pair that most tests begin with.
var cara = fields{"FirstName": "Cara", "LastName": "Crm", "Email": "cara@example.com", "Phone": "415-555-0100", "Title": "Buyer"}

const caraPerson = `{"names":[{"givenName":"Cara","familyName":"Crm"}],"emailAddresses":[{"value":"cara@example.com","type":"work"}],` +
	`"phoneNumbers":[{"value":"415-555-0100","type":"work"}],"organizations":[{"title":"Buyer","type":"work"}]}`

// with returns cara with other values.
func with(f fields) fields {
	out := fields{}
	maps.Copy(out, cara)
	maps.Copy(out, f)
	return out
}

// pair is a world in which cara has been copied from the CRM into alice's mailbox.
func pair(t *testing.T, more string) (w *world, id, name string) {
	t.Helper()
	w = newWorld(t)
	w.bothWays(more)
	id = w.contact("alice", with(nil))
	w.settle()
	return w, id, w.peer("alice", id)
}

const propagate = "  deletes: {from_crm: propagate, from_mailbox: propagate}\n"

func TestNothingChangedPassedTwiceWritesNothing(t *testing.T) {
	w, _, _ := pair(t, "")
	w.person("alice", `{"names":[{"givenName":"Max","familyName":"Mailbox"}],"emailAddresses":[{"value":"max@example.com","type":"work"}]}`)
	w.settle()
	before := w.mutations()
	for range 2 {
		r := w.pass("alice")
		require.Empty(t, r.Summary)
		require.False(t, r.fetch.Work)
	}
	require.Equal(t, before, w.mutations())
	w.converged()
}

func TestSameItemOnBothSidesIsLinkedAndNothingWritten(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	id, name := w.contact("alice", with(nil)), w.person("alice", caraPerson)
	sum := w.settle()["alice"]
	require.Zero(t, w.mutations())
	require.Equal(t, 1, sum.Linked)
	require.Equal(t, map[planner.Reason]int{planner.ReasonAdopted: 1}, sum.Reasons)
	require.Equal(t, name, w.peer("alice", id))
	w.converged()
}

func TestDifferentItemsThatMatchAreMergedAndEmptyOverwritesNothing(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	id := w.contact("alice", fields{"FirstName": "Cara", "LastName": "Crm", "Email": "cara@example.com", "Title": "Buyer"})
	name := w.person("alice", `{"names":[{"givenName":"Cara","familyName":"Crm"}],"emailAddresses":[{"value":"cara@example.com","type":"work"}],`+
		`"phoneNumbers":[{"value":"415-555-0100","type":"work"}],"organizations":[{"title":"Old title","type":"work"}]}`)
	sum := w.settle()["alice"]
	require.Equal(t, 1, sum.Linked)
	require.Equal(t, 1, sum.Conflicts)
	require.Equal(t, "415-555-0100", w.crmContacts()[id]["Phone"], "the empty phone overwrote nothing")
	p := w.people("alice")[name]
	require.Equal(t, "Buyer", p.Organizations[0].Title, "crm_wins")
	require.Len(t, p.PhoneNumbers, 1)
	require.Contains(t, w.actions("alice", id), "link")
	w.converged()
}

func TestTouchedOrReformattedItemIsNoEdit(t *testing.T) {
	w, id, name := pair(t, "")
	before := w.mutations()
	w.editPerson("alice", name, `{"phoneNumbers":[{"value":"(415) 555-0100","type":"work"}]}`)
	w.editContact("alice", id, fields{"AssistantName": "Ann"}) // SystemModstamp moves, nothing that is mapped does
	sum := w.settle()["alice"]
	require.Equal(t, before, w.mutations())
	require.Zero(t, sum.Conflicts)
	require.Equal(t, "(415) 555-0100", w.people("alice")[name].PhoneNumbers[0].Value, "each side keeps its own way of writing")
	w.converged()
}

func TestBothEditedTheSameWayMovesTheBaseAndWritesNothing(t *testing.T) {
	w, id, name := pair(t, "")
	before := w.mutations()
	w.editContact("alice", id, fields{"Title": "Head"})
	w.editPerson("alice", name, `{"organizations":[{"title":"Head","type":"work"}]}`)
	sum := w.settle()["alice"]
	require.Equal(t, before, w.mutations())
	require.Equal(t, map[planner.Reason]int{planner.ReasonConverged: 1}, sum.Reasons)
	w.editContact("alice", id, fields{"Title": "Chief"})
	w.settle()
	require.Equal(t, "Chief", w.people("alice")[name].Organizations[0].Title, "the base moved: a later edit is no conflict")
	w.converged()
}

func TestBothEditDifferentFields(t *testing.T) {
	w, id, name := pair(t, "")
	w.editContact("alice", id, fields{"Phone": "415-555-0199"})
	w.editPerson("alice", name, `{"organizations":[{"title":"Head of Buying","type":"work"}]}`)
	sum := w.settle()["alice"]
	require.Equal(t, "Head of Buying", w.crmContacts()[id]["Title"])
	p := w.people("alice")[name]
	require.Equal(t, "415-555-0199", p.PhoneNumbers[0].Value)
	require.Equal(t, "Head of Buying", p.Organizations[0].Title)
	require.Zero(t, sum.Conflicts)
	w.converged()
}

func TestBothEditOneFieldByRule(t *testing.T) {
	tests := map[string]struct {
		rule, want string
		late       string // who edits last
	}{
		"crm wins":                  {rule: "  conflict: crm_wins\n", want: "Crm's", late: "mailbox"},
		"mailbox wins":              {rule: "  conflict: mailbox_wins\n", want: "Mailbox's", late: "crm"},
		"newest, the mailbox's":     {rule: "  conflict: newest\n", want: "Mailbox's", late: "mailbox"},
		"newest, the CRM's":         {rule: "  conflict: newest\n", want: "Crm's", late: "crm"},
		"the field's rule is first": {rule: "  conflict: crm_wins\n  fields: {title: {crm: Title, mailbox: title, winner: mailbox}}\n", want: "Mailbox's", late: "crm"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w, id, person := pair(t, tc.rule)
			edits := []func(){
				func() { w.editContact("alice", id, fields{"Title": "Crm's"}) },
				func() { w.editPerson("alice", person, `{"organizations":[{"title":"Mailbox's","type":"work"}]}`) },
			}
			if tc.late == "crm" {
				edits[0], edits[1] = edits[1], edits[0]
			}
			for _, edit := range edits {
				w.clock.Advance(time.Minute)
				edit()
			}
			sum := w.settle()["alice"]
			require.Equal(t, tc.want, w.crmContacts()[id]["Title"])
			require.Equal(t, tc.want, w.people("alice")[person].Organizations[0].Title)
			require.Equal(t, 1, sum.Conflicts)
			lost := map[string]string{"Crm's": "Mailbox's", "Mailbox's": "Crm's"}[tc.want]
			lines, err := w.store.Journal(t.Context(), org, "alice", 0, 100)
			require.NoError(t, err)
			found := false
			for _, l := range lines {
				found = found || l.Action == "conflict" && l.Field == record.FieldTitle && l.Values[record.FieldTitle].Lost == lost && l.Rule != ""
			}
			require.True(t, found, "the loser is in the journal")
			w.converged()
		})
	}
}

func TestNewestIsNotMovedByOurOwnWrites(t *testing.T) {
	w, id, name := pair(t, "  conflict: newest\n")
	w.clock.Advance(time.Minute)
	w.editPerson("alice", name, `{"organizations":[{"title":"Mailbox's","type":"work"}]}`)
	w.clock.Advance(time.Minute)
	// Another field of the record is written by Repsync after the person's edit, and the record is no newer for it.
	w.editContact("alice", id, fields{"Title": "Crm's"})
	w.settle()
	require.Equal(t, "Crm's", w.people("alice")[name].Organizations[0].Title)
	l, _ := w.link("alice", id)
	require.False(t, l.Mailbox.Edited.IsZero(), "the age from before our write is kept")
	require.True(t, l.Mailbox.Edited.Before(l.Mailbox.Version.At))
}

func TestConflictForReviewIsParkedAndThePersonDecides(t *testing.T) {
	w, id, name := pair(t, "  conflict: review\n")
	w.editContact("alice", id, fields{"Title": "Crm's", "Phone": "415-555-0111"})
	w.editPerson("alice", name, `{"organizations":[{"title":"Mailbox's","type":"work"}]}`)
	sum := w.settle()["alice"]
	require.Positive(t, sum.Parked)
	require.Len(t, w.parked("alice")[planner.ReasonConflictReview], 1)
	require.Equal(t, "Crm's", w.crmContacts()[id]["Title"])
	require.Equal(t, "Mailbox's", w.people("alice")[name].Organizations[0].Title)
	require.Equal(t, "415-555-0111", w.people("alice")[name].PhoneNumbers[0].Value, "the other fields flow")
	w.editPerson("alice", name, `{"organizations":[{"title":"Crm's","type":"work"}]}`)
	w.settle()
	require.Empty(t, w.parked("alice"))
	w.converged()
}

func TestEditedByAPersonBetweenOurWriteAndOurReadBack(t *testing.T) {
	w, id, name := pair(t, "")
	w.editPerson("alice", name, `{"organizations":[{"title":"Ours","type":"work"}]}`)
	release := w.box.SalesforceFaults.Hold(fault.Rule{Name: "written", Kind: fault.GateAfter, Method: "PATCH", Path: "composite/sobjects"})
	done := make(chan struct{})
	go func() { defer close(done); _, _ = w.try("alice", "") }()
	require.Eventually(t, func() bool { return w.box.SalesforceFaults.Hits()["written"] == 1 }, 10*time.Second, 5*time.Millisecond)
	w.editContact("alice", id, fields{"Title": "A person's", "Phone": "415-555-0123"})
	release()
	<-done
	w.converged()
	require.Equal(t, "A person's", w.crmContacts()[id]["Title"])
	require.Equal(t, "A person's", w.people("alice")[name].Organizations[0].Title, "the edit survived and reached the mailbox")
	require.Equal(t, "415-555-0123", w.people("alice")[name].PhoneNumbers[0].Value)
}

func TestEditedByAPersonBetweenOurReadAndOurWrite(t *testing.T) {
	for _, tc := range []struct{ name, method, path string }{{"crm", "PATCH", "composite/sobjects"}, {"mailbox", "POST", "batchUpdateContacts"}} {
		t.Run(tc.name, func(t *testing.T) {
			w, id, name := pair(t, "")
			faults := w.box.SalesforceFaults
			if tc.name == "mailbox" {
				faults = w.box.GoogleFaults
				w.editContact("alice", id, fields{"Title": "Ours"})
			} else {
				w.editPerson("alice", name, `{"organizations":[{"title":"Ours","type":"work"}]}`)
			}
			release := faults.Hold(fault.Rule{Name: "about to write", Method: tc.method, Path: tc.path})
			done := make(chan struct{})
			go func() { defer close(done); _, _ = w.try("alice", "") }()
			require.Eventually(t, func() bool { return faults.Hits()["about to write"] == 1 }, 10*time.Second, 5*time.Millisecond)
			if tc.name == "mailbox" {
				w.editPerson("alice", name, `{"phoneNumbers":[{"value":"415-555-0177","type":"work"}]}`)
			} else {
				w.editContact("alice", id, fields{"Phone": "415-555-0177"})
			}
			release()
			<-done
			w.converged()
			p := w.people("alice")[name]
			require.Equal(t, "415-555-0177", p.PhoneNumbers[0].Value)
			require.Equal(t, "Ours", p.Organizations[0].Title)
			require.Equal(t, "415-555-0177", w.crmContacts()[id]["Phone"])
			require.Equal(t, "Ours", w.crmContacts()[id]["Title"])
		})
	}
}

func TestFeedThatShowsAnOlderCopyIsNoEdit(t *testing.T) {
	w, id, name := pair(t, "")
	w.box.Google.SetLag(2 * time.Minute)
	w.clock.Advance(time.Hour)
	w.editPerson("alice", name, `{"organizations":[{"title":"First","type":"work"}]}`)
	w.clock.Advance(3 * time.Minute)
	w.settle() // the feed shows it now
	require.Equal(t, "First", w.crmContacts()[id]["Title"])
	w.editContact("alice", id, fields{"Title": "Second"})
	w.settle()
	require.Equal(t, "Second", w.people("alice")[name].Organizations[0].Title)
	w.box.Google.ExpireSyncTokens("") // a full read still shows the copy from before our write
	w.settle()
	require.Equal(t, "Second", w.crmContacts()[id]["Title"])
	w.clock.Advance(5 * time.Minute)
	w.converged()
	require.Equal(t, "Second", w.people("alice")[name].Organizations[0].Title)
}

func TestVendorStoresSomethingElseThanWasSent(t *testing.T) {
	w, id, name := pair(t, "")
	w.editPerson("alice", name, `{"organizations":[{"title":"  Trimmed   title ","type":"work"}],"biographies":[{"value":"line one  \r\nline two\n\n"}]}`)
	w.converged()
	before := w.mutations()
	w.editContact("alice", id, fields{"Phone": "415-555-0101"})
	w.settle()
	require.Equal(t, before+1, w.mutations(), "one update, no loop")
	w.converged()
}

func TestValueTooLongForTheOtherSideIsParkedAndShortensNothing(t *testing.T) {
	w, id, name := pair(t, "")
	long := make([]byte, 200)
	for i := range long {
		long[i] = 'x'
	}
	w.editPerson("alice", name, `{"organizations":[{"title":"`+string(long)+`","type":"work"}]}`)
	w.settle()
	require.Len(t, w.parked("alice")[planner.ReasonTooLong], 1)
	require.Equal(t, "Buyer", w.crmContacts()[id]["Title"])
	require.Len(t, w.people("alice")[name].Organizations[0].Title, 200)
	w.converged()
	w.editPerson("alice", name, `{"organizations":[{"title":"Short","type":"work"}]}`)
	w.settle()
	require.Empty(t, w.parked("alice"), "an edit retries it at once")
	require.Equal(t, "Short", w.crmContacts()[id]["Title"])
}

func TestRemoteIDChangedIsTheSameLinkAndNoWrite(t *testing.T) {
	t.Run("renamed in the mailbox", func(t *testing.T) {
		w, id, name := pair(t, "")
		before := w.mutations()
		w.clock.Advance(time.Second)
		renamed, err := w.box.Google.Rename(address("alice"), name)
		require.NoError(t, err)
		w.settle()
		require.Equal(t, before, w.mutations())
		require.Equal(t, renamed, w.peer("alice", id))
		w.editContact("alice", id, fields{"Title": "Head"})
		w.converged()
		require.Equal(t, "Head", w.people("alice")[renamed].Organizations[0].Title)
	})
	t.Run("merged in the mailbox with one that was not linked", func(t *testing.T) {
		w, id, name := pair(t, "")
		other := w.person("alice", `{"names":[{"givenName":"Cara","familyName":"Crm"}],"phoneNumbers":[{"value":"415-555-0142","type":"mobile"}]}`)
		require.NoError(t, w.box.Google.Merge(address("alice"), other, name))
		w.converged()
		require.Equal(t, other, w.peer("alice", id))
		require.Len(t, w.crmContacts(), 1)
		require.Len(t, w.people("alice"), 1)
		require.Equal(t, "415-555-0142", w.crmContacts()[id]["MobilePhone"])
	})
	t.Run("merged in the CRM", func(t *testing.T) {
		w, id, name := pair(t, propagate)
		other := w.contact("alice", fields{"FirstName": "Cara", "LastName": "Crm", "MobilePhone": "415-555-0142"})
		w.clock.Advance(time.Second)
		require.NoError(t, w.box.Salesforce.Merge("Contact", other, id, w.users["alice"]))
		w.converged()
		require.Len(t, w.crmContacts(), 1)
		require.LessOrEqual(t, len(w.people("alice")), 1)
		_ = name
	})
}

func TestOneWriteOfABatchFailsAndTheOthersAreCommitted(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	w.box.Salesforce.AddValidation("Contact", func(v map[string]any) (string, string) {
		if v["LastName"] == "Bad" {
			return "No bad names.", "LastName"
		}
		return "", ""
	})
	for _, family := range []string{"Good", "Bad", "Better"} {
		w.person("alice", `{"names":[{"givenName":"Ann","familyName":"`+family+`"}],"emailAddresses":[{"value":"`+family+`@example.com","type":"work"}]}`)
	}
	sum := w.settle()["alice"]
	require.Equal(t, 2, sum.Created.CRM)
	require.Len(t, w.crmContacts(), 2)
	p := w.parked("alice")[planner.ReasonVendorRefused]
	require.Len(t, p, 1)
	require.Equal(t, "FIELD_CUSTOM_VALIDATION_EXCEPTION", p[0].Code)
	require.Contains(t, p[0].Words, "No bad names.")
	require.Equal(t, map[planner.Reason]int{planner.ReasonCreated: 2, planner.ReasonVendorRefused: 1}, sum.Reasons)
}

func TestRotatedHashKeyWritesNothing(t *testing.T) {
	w, id, name := pair(t, "")
	w.editPerson("alice", name, `{"phoneNumbers":[{"value":"(415) 555 0100","type":"work"}]}`)
	w.settle()
	before := w.mutations()
	require.NoError(t, keyring.Rotate(w.keys))
	ring, err := keyring.Open(w.keys)
	require.NoError(t, err)
	w.open(ring)
	w.reread()
	require.Equal(t, before, w.mutations())
	l, _ := w.link("alice", id)
	require.Equal(t, ring.Hasher().KeyVersion, l.HashKey, "the base was renewed")
	w.editContact("alice", id, fields{"Title": "After"})
	w.settle()
	require.Equal(t, "After", w.people("alice")[name].Organizations[0].Title)
	w.converged()
}

func TestEditBeforeTheHashKeyRotatedIsNotLost(t *testing.T) {
	w, id, name := pair(t, "")
	w.editPerson("alice", name, `{"organizations":[{"title":"Edited meanwhile","type":"work"}]}`)
	require.NoError(t, keyring.Rotate(w.keys))
	ring, err := keyring.Open(w.keys)
	require.NoError(t, err)
	w.open(ring)
	w.converged()
	require.Equal(t, "Edited meanwhile", w.crmContacts()[id]["Title"])
	require.Equal(t, "Edited meanwhile", w.people("alice")[name].Organizations[0].Title)
}

func TestOneSideSuddenlyEmptyIsHeld(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	for _, n := range []string{"One", "Two", "Three"} {
		w.contact("alice", fields{"LastName": n, "Email": n + "@example.com"})
	}
	w.settle()
	for name := range w.people("alice") {
		w.deletePerson("alice", name)
	}
	before := w.mutations()
	r := w.pass("alice")
	require.NotNil(t, r.hold)
	require.Contains(t, r.hold.Why[0], "guard.empty_side")
	require.Equal(t, before, w.mutations())
	require.Len(t, w.crmContacts(), 3)
	for id := range w.crmContacts() {
		l, _ := w.link("alice", id)
		require.Equal(t, planner.Active, l.State, "nothing is buried before an admin has looked")
	}
	require.NotNil(t, w.pass("alice").fetch.Held)
	w.passReleasing("alice", r.hold.Digest)
	w.converged()
	require.Len(t, w.crmContacts(), 3)
	require.Empty(t, w.people("alice"))
}

func TestUnparseableItemIsParkedAndThePageGoesOn(t *testing.T) {
	w, id, _ := pair(t, propagate)
	other := w.contact("alice", fields{"LastName": "Other", "Email": "other@example.com"})
	w.settle()
	w.editContact("alice", other, fields{"Title": "Goes on"})
	bad := w.google(fault.Rule{Method: "GET", Path: "people/me/connections", Kind: fault.Status, Status: 200, Times: 1,
		Body: `{"connections":[{"resourceName":"` + w.peer("alice", id) + `","etag":"%x","names":"not a list"}],"nextSyncToken":"broken"}`})
	w.pass("alice")
	w.box.GoogleFaults.Remove(bad)
	require.Len(t, w.parked("alice")[planner.ReasonUnreadable], 1, "parked and counted")
	require.Equal(t, "Goes on", w.people("alice")[w.peer("alice", other)].Organizations[0].Title)
	require.Contains(t, w.crmContacts(), id, "not taken for absent")
	w.clock.Advance(2 * time.Minute)
	w.converged()
	require.Empty(t, w.parked("alice"))
	require.Len(t, w.people("alice"), 2)
}

func TestMissingFromACompleteReadBecauseSharingChangedUnlinks(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.bothWays(propagate)
	id := w.contact("bob", with(fields{"AccountId": w.account("Acme Works")}))
	name := w.person("alice", caraPerson)
	w.settle()
	require.Equal(t, name, w.peer("alice", id), "alice's own contact is linked to the record that bob owns")
	w.box.Salesforce.SetSharing("Contact", salesforce.Private)
	w.reread()
	l, _ := w.link("alice", id)
	require.Equal(t, planner.Left, l.State)
	require.Len(t, w.crmContacts(), 1, "nothing is deleted, and no double made")
	require.Contains(t, w.people("alice"), name)
	w.converged()
	w.box.Salesforce.SetSharing("Contact", salesforce.PublicReadWrite)
	w.converged()
	require.Equal(t, name, w.peer("alice", id))
}
