package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

func TestTwoContactsWithOneEmailAreNotMerged(t *testing.T) {
	tests := map[string]struct {
		crm, people []string // given names, all with one address
	}{
		"two in the CRM, one in the mailbox": {crm: []string{"Cara", "Cara"}, people: []string{"Cara"}},
		"one in the CRM, two in the mailbox": {crm: []string{"Cara"}, people: []string{"Cara", "Cara"}},
		"two people who share an address":    {crm: []string{"Cara"}, people: []string{"Dave"}},
		"two new ones in the mailbox":        {people: []string{"Cara", "Dave"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.bothWays("")
			for _, given := range tc.crm {
				w.contact("alice", fields{"FirstName": given, "LastName": "Shared", "Email": "shared@example.com"})
			}
			for _, given := range tc.people {
				w.person("alice", `{"names":[{"givenName":"`+given+`","familyName":"Shared"}],"emailAddresses":[{"value":"shared@example.com","type":"work"}]}`)
			}
			w.converged()
			require.NotEmpty(t, w.parked("alice")[planner.ReasonAmbiguousMatch])
			require.LessOrEqual(t, len(w.crmContacts()), max(len(tc.crm), 1), "no double in the CRM")
			require.Len(t, w.people("alice"), len(tc.people), "nor in the mailbox")
		})
	}
}

func TestOnAmbiguousPicksOrCreates(t *testing.T) {
	for rule, want := range map[string]string{"newest": "Second", "oldest": "First", "most_recent_activity": "First", "create": ""} {
		t.Run(rule, func(t *testing.T) {
			w := newWorld(t)
			w.bothWays("  match: {on_ambiguous: " + rule + "}\n")
			ids := map[string]string{}
			ids["First"] = w.contact("", fields{"OwnerId": w.users["alice"], "FirstName": "Cara", "LastName": "Twice", "Email": "twice@example.com", "LastActivityDate": "2026-05-01"})
			w.clock.Advance(time.Minute)
			ids["Second"] = w.contact("", fields{"OwnerId": w.users["alice"], "FirstName": "Cara", "LastName": "Twice", "Email": "twice@example.com", "LastActivityDate": "2026-01-01"})
			name := w.person("alice", `{"names":[{"givenName":"Cara","familyName":"Twice"}],"emailAddresses":[{"value":"twice@example.com","type":"work"}]}`)
			w.converged()
			if want == "" {
				require.Len(t, w.people("alice"), 3, "each is copied")
				return
			}
			require.Equal(t, name, w.peer("alice", ids[want]))
		})
	}
}

func TestAmbiguousMatchIsRetriedWhenTheDuplicateIsMerged(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	one := w.contact("alice", with(nil))
	two := w.contact("alice", with(fields{"Title": "Other"}))
	name := w.person("alice", caraPerson)
	w.settle()
	require.NotEmpty(t, w.parked("alice"))
	w.clock.Advance(time.Second)
	require.NoError(t, w.box.Salesforce.Merge("Contact", one, two, w.users["alice"]))
	w.clock.Advance(26 * time.Hour)
	w.converged()
	require.Equal(t, name, w.peer("alice", one))
	require.Empty(t, w.parked("alice"))
	require.Len(t, w.people("alice"), 1)
}

func TestItemThatAUserCopiedWithOurMarkerIsNotTheOldOne(t *testing.T) {
	w, id, name := pair(t, propagate)
	mark := w.people("alice")[name].ClientData[0]
	copied := w.person("alice", `{"names":[{"givenName":"Carl","familyName":"Copy"}],"emailAddresses":[{"value":"carl@example.com","type":"work"}],`+
		`"clientData":[{"key":"`+mark.Key+`","value":"`+mark.Value+`"}]}`)
	w.converged()
	require.Equal(t, name, w.peer("alice", id), "the old one keeps its link")
	require.Len(t, w.crmContacts(), 2, "the copy is an item of its own")
	w.deletePerson("alice", copied)
	w.converged()
	require.Contains(t, w.crmContacts(), id)
	require.Len(t, w.crmContacts(), 1)
}

func TestMarkerOfAnotherOrgIsRefused(t *testing.T) {
	w := newWorld(t)
	w.bothWays(propagate)
	name := w.person("alice", `{"names":[{"givenName":"Faye","familyName":"Foreign"}],"emailAddresses":[{"value":"faye@example.com","type":"work"}],`+
		`"clientData":[{"key":"repsync","value":"globex/abc.0"}]}`)
	w.contact("alice", fields{"FirstName": "Faye", "LastName": "Foreign", "Email": "faye@example.com"})
	w.converged()
	require.Equal(t, planner.ReasonForeignMarker, w.reason("alice", name))
	require.Len(t, w.crmContacts(), 1, "it made no record")
	w.editPerson("alice", name, `{"organizations":[{"title":"Edited","type":"work"}]}`)
	w.converged()
	for _, c := range w.crmContacts() {
		require.Nil(t, c["Title"])
	}
}

func TestReassignedRecordLeavesTheOldOwnerAndReachesTheNew(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.bothWays("")
	id := w.contact("alice", with(fields{"AccountId": w.account("Acme Works")}))
	w.settle()
	require.Empty(t, w.people("bob"))
	w.clock.Advance(time.Second)
	require.NoError(t, w.box.Salesforce.Update("Contact", id, fields{"OwnerId": w.users["bob"]}, ""))
	w.converged()
	require.Empty(t, w.people("alice"), "the copy that Repsync made goes")
	require.Len(t, w.people("bob"), 1)
	w.clock.Advance(time.Second)
	require.NoError(t, w.box.Salesforce.Update("Contact", id, fields{"OwnerId": w.users["alice"]}, ""))
	w.converged()
	require.Len(t, w.people("alice"), 1, "and comes back")
	require.Empty(t, w.people("bob"))
}

func TestFieldThatTheRepMayNotReadNeverReachesTheMailbox(t *testing.T) {
	w := newWorld(t)
	w.box.Salesforce.SetFieldAccess("Field Sales", "Contact", "Phone", false, false)
	w.bothWays("")
	id := w.contact("", with(fields{"OwnerId": w.users["alice"]}))
	w.settle()
	name := w.peer("alice", id)
	require.Empty(t, w.people("alice")[name].PhoneNumbers)
	w.editPerson("alice", name, `{"phoneNumbers":[{"value":"415-555-0166","type":"work"}]}`)
	w.converged()
	require.Equal(t, cara["Phone"], w.crmContacts()[id]["Phone"], "nor is it written")
	w.box.Salesforce.SetFieldAccess("Field Sales", "Contact", "Phone", true, true)
	w.clock.Advance(2 * time.Minute)
	w.editContact("alice", id, fields{"Title": "Touched"})
	w.converged()
	require.Equal(t, w.people("alice")[name].PhoneNumbers[0].Value, w.crmContacts()[id]["Phone"], "in step once it may be read")
}

func TestFieldThatTheRepMayOnlyReadIsNeverWritten(t *testing.T) {
	w := newWorld(t)
	w.box.Salesforce.SetFieldAccess("Field Sales", "Contact", "Title", true, false)
	w.bothWays("")
	id := w.contact("", with(fields{"OwnerId": w.users["alice"]}))
	w.settle()
	name := w.peer("alice", id)
	require.Equal(t, "Buyer", w.people("alice")[name].Organizations[0].Title)
	w.editPerson("alice", name, `{"organizations":[{"title":"Mine","type":"work"}],"phoneNumbers":[{"value":"415-555-0155","type":"work"}]}`)
	w.converged()
	require.Equal(t, "Buyer", w.crmContacts()[id]["Title"])
	require.Equal(t, "415-555-0155", w.crmContacts()[id]["Phone"], "the rest is in step")
}

func TestRecordThatTheRepMayNotEditParksTheEditAndCRMEditsStillFlow(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.bothWays("")
	w.box.Salesforce.SetSharing("Contact", salesforce.PublicReadOnly)
	id := w.contact("bob", with(fields{"AccountId": w.account("Acme Works")}))
	name := w.person("alice", caraPerson)
	w.settle()
	require.Equal(t, name, w.peer("alice", id))
	w.editPerson("alice", name, `{"organizations":[{"title":"Alice's","type":"work"}]}`)
	w.settle()
	require.Len(t, w.parked("alice")[planner.ReasonCRMDeniesEdit], 1)
	require.Equal(t, "Buyer", w.crmContacts()[id]["Title"])
	w.editContact("bob", id, fields{"Phone": "415-555-0188"})
	w.converged()
	require.Equal(t, "415-555-0188", w.people("alice")[name].PhoneNumbers[0].Value)
	require.Equal(t, "Alice's", w.people("alice")[name].Organizations[0].Title, "the edit is not lost")
	w.box.Salesforce.SetSharing("Contact", salesforce.PublicReadWrite)
	_, err := w.store.RetryParked(t.Context(), org, "alice", nil)
	require.NoError(t, err)
	w.converged()
	require.Equal(t, "Alice's", w.crmContacts()[id]["Title"])
	require.Empty(t, w.parked("alice"))
}

func TestMatchThatTheRepMayNotSeeIsParkedAndNotDoubled(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.bothWays("")
	w.contact("bob", with(nil)) // without an account: bob's alone
	name := w.person("alice", caraPerson)
	w.converged()
	require.Len(t, w.crmContacts(), 1)
	require.Equal(t, planner.ReasonMatchNotVisible, w.reason("alice", name))
	require.Len(t, w.people("alice"), 1)
}

func TestNoFamilyNameIsParkedUntilThePersonFillsItIn(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	name := w.person("alice", `{"names":[{"givenName":"Prince"}],"emailAddresses":[{"value":"prince@example.com","type":"work"}]}`)
	w.settle()
	require.Len(t, w.parked("alice")[planner.ReasonNoFamilyName], 1)
	require.Empty(t, w.crmContacts())
	w.editPerson("alice", name, `{"names":[{"givenName":"Prince","familyName":"Nelson"}]}`)
	w.converged()
	require.Len(t, w.crmContacts(), 1)
	require.Empty(t, w.parked("alice"))
}

func TestWhatTheCRMCannotHoldSurvivesInTheMailbox(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	name := w.person("alice", `{"names":[{"givenName":"Cara","familyName":"Crm"}],`+
		`"emailAddresses":[{"value":"home@example.com","type":"home"},{"value":"cara@example.com","type":"work"},{"value":"two@example.com","type":"work"}],`+
		`"phoneNumbers":[{"value":"415-555-0100","type":"work"},{"value":"415-555-0101","type":"work"},{"value":"415-555-0102","type":"pager"}],`+
		`"urls":[{"value":"https://example.com/cara"}],"relations":[{"person":"Kim","type":"partner"}]}`)
	w.settle()
	id := only(t, w.crmContacts())
	require.Equal(t, "cara@example.com", w.crmContacts()[id]["Email"], "the first work address is the CRM's")
	w.editContact("alice", id, fields{"Email": "new@example.com", "Phone": "415-555-0999", "Title": "Head"})
	w.converged()
	p := w.people("alice")[name]
	var emails, phones []string
	for _, e := range p.EmailAddresses {
		emails = append(emails, e.Value)
	}
	for _, n := range p.PhoneNumbers {
		phones = append(phones, n.Value)
	}
	require.ElementsMatch(t, []string{"home@example.com", "new@example.com", "two@example.com"}, emails)
	require.ElementsMatch(t, []string{"415-555-0999", "415-555-0101", "415-555-0102"}, phones)
	raw := w.box.Google.Living(address("alice"))[0].Person
	require.Len(t, raw["urls"], 1)
	require.Len(t, raw["relations"], 1)
}

func TestCompanyIsTheAccountOfExactlyThatNameOrLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	works := w.account("Acme Works")
	w.account("Twin Inc")
	w.account("Twin Inc")
	person := func(given, company string) string {
		return w.person("alice", `{"names":[{"givenName":"`+given+`","familyName":"Co"}],"organizations":[{"name":"`+company+`","type":"work"}]}`)
	}
	person("One", "acme works")
	person("Twin", "Twin Inc")
	none := person("None", "Nowhere Ltd")
	w.converged()
	byName := map[string]map[string]any{}
	for _, c := range w.crmContacts() {
		byName[c["FirstName"].(string)] = c
	}
	require.Equal(t, works, byName["One"]["AccountId"])
	require.Nil(t, byName["Twin"]["AccountId"], "two accounts of that name")
	require.Nil(t, byName["None"]["AccountId"])
	require.Equal(t, "Nowhere Ltd", w.people("alice")[none].Organizations[0].Name, "and the mailbox keeps what was typed")
	before := w.mutations()
	w.editPerson("alice", none, `{"organizations":[{"name":"Acme Works","type":"work"}]}`)
	w.converged()
	require.Equal(t, before+1, w.mutations())
	require.Equal(t, works, w.crmContacts()[byName["None"]["Id"].(string)]["AccountId"])
}

func TestNobodyIsMailed(t *testing.T) {
	w, id, name := pair(t, propagate)
	w.editContact("alice", id, fields{"Title": "Edited"})
	w.settle()
	w.deletePerson("alice", name)
	w.converged()
	require.Empty(t, w.box.Outbox.All())
}

func TestDuplicateRuleOfTheCRMParksWithItsWords(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.bothWays("  match: {by: [name_and_company]}\n")
	w.box.Salesforce.SetDuplicateRule("Contact", &salesforce.DuplicateRule{Block: true})
	w.contact("alice", with(nil))
	w.settle()
	w.person("alice", `{"names":[{"givenName":"Other","familyName":"Name"}],"emailAddresses":[{"value":"cara@example.com","type":"work"}]}`)
	w.settle()
	require.Len(t, w.crmContacts(), 1)
	p := w.parked("alice")
	require.Len(t, p, 1)
	require.NotEmpty(t, append(p[planner.ReasonVendorRefused], p[planner.ReasonAmbiguousMatch]...))
}
