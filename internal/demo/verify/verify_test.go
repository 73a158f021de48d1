package verify_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/demo/verify"
	"github.com/repsync/repsync/internal/demo/wire"
)

// A judge who shares code with the judged agrees with its mistakes.
func TestImportsNothingOfTheEngine(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	const module = "github.com/repsync/repsync/"
	var ours []string
	for dep := range strings.FieldsSeq(string(out)) {
		if own, ok := strings.CutPrefix(dep, module); ok {
			ours = append(ours, own)
		}
	}
	require.ElementsMatch(t, []string{"internal/demo/verify", "internal/demo/wire"}, ours)
}

func TestFlattenPerson(t *testing.T) {
	t.Parallel()
	var person wire.Object
	require.NoError(t, json.Unmarshal([]byte(`{
		"resourceName": "people/c1", "etag": "%x", "metadata": {"sources": [{"type": "CONTACT"}]},
		"names": [{"metadata": {"primary": true}, "displayName": "Ms. Amara Okafor", "givenName": "Amara", "familyName": "Okafor", "honorificPrefix": "Ms."}],
		"emailAddresses": [{"value": "a@halden.test", "type": "work", "formattedType": "Work"}, {"value": "b@halden.test", "type": "work"}, {"value": "c@halden.test"}],
		"phoneNumbers": [{"value": "+1 617 555 0101", "canonicalForm": "+16175550101", "type": "mobile"}],
		"organizations": [{"type": "work", "name": "Halden", "title": "Head", "current": true}],
		"addresses": [{"type": "home", "formattedValue": "x", "city": "Boston", "country": "United States", "countryCode": "US"}],
		"birthdays": [{"date": {"year": 1984, "month": 2, "day": 29}, "text": "2/29/1984"}],
		"events": [{"date": {"month": 6, "day": 1}, "type": "anniversary"}],
		"biographies": [{"value": "line 1\nline 2", "contentType": "TEXT_PLAIN"}],
		"clientData": [{"key": "repsync", "value": "mark"}],
		"memberships": [{"contactGroupMembership": {"contactGroupId": "myContacts"}}],
		"userDefined": [{"key": "Coffee", "value": "black"}],
		"relations": [{"person": "Chi", "type": "spouse"}],
		"nicknames": [{"value": ""}]
	}`), &person))
	require.Equal(t, map[string]string{
		"names.givenName": "Amara", "names.familyName": "Okafor", "names.honorificPrefix": "Ms.",
		"emailAddresses.work": "a@halden.test", "emailAddresses.work#2": "b@halden.test", "emailAddresses": "c@halden.test",
		"phoneNumbers.mobile": "+1 617 555 0101", "organizations.name": "Halden", "organizations.title": "Head", "organizations.current": "true",
		"addresses.home.city": "Boston", "addresses.home.country": "United States", "birthdays": "1984-02-29", "events.anniversary": "--06-01",
		"biographies": "line 1\nline 2", "userDefined.Coffee": "black", "relations.spouse": "Chi",
	}, verify.FlattenPerson(person))
}

func TestCheckTakesAnyOfSeveralValues(t *testing.T) {
	t.Parallel()
	var e verify.Expect
	require.NoError(t, json.Unmarshal([]byte(`{"crm": [{"Email": "z@x.test", "Owner": ["alice", "bob"]}]}`), &e))
	for owner, differences := range map[string]int{"alice": 0, "bob": 0, "carol": 1} {
		s := verify.Snapshot{CRM: []verify.Item{{ID: "1", Fields: map[string]string{"Email": "z@x.test", "Owner": owner}}}}
		require.Len(t, verify.Check(s, e), differences, owner)
	}
}

func TestCheckCountsMailsAndStrangeBooks(t *testing.T) {
	t.Parallel()
	diffs := verify.Check(verify.Snapshot{Mails: 2, Books: map[string][]verify.Item{"carol": {{ID: "p"}}}}, verify.Expect{})
	require.Equal(t, []string{"carol's address book: holds 1 entries; nobody expects this book", "mail: 2 messages were sent; a sync sends none"}, texts(diffs))
}

func contact(id string, fields ...string) verify.Item {
	return verify.Item{ID: id, Fields: pairs(fields)}
}

func pairs(kv []string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = kv[i+1]
	}
	return m
}

func texts(diffs []verify.Difference) []string {
	var out []string
	for _, d := range diffs {
		out = append(out, d.String())
	}
	return out
}

func TestCheckPairs(t *testing.T) {
	t.Parallel()
	amaraC := contact("c1", "LastName", "Okafor", "Email", "a@x.test", "Phone", "555-0101", "LeadSource", "Web")
	amaraE := contact("p1", "names.familyName", "Okafor", "emailAddresses.home", "A@x.test", "phoneNumbers.work", "555 0199", "organizations.title", "Head", "nicknames", "Ama")
	mergedC := contact("c1", "LastName", "Okafor", "Email", "a@x.test", "Phone", "555-0101", "LeadSource", "Web", "Title", "Head")
	mergedE := contact("p1", "names.familyName", "Okafor", "emailAddresses.home", "A@x.test", "phoneNumbers.work", "5550101", "organizations.title", "Head", "nicknames", "Ama")
	parkE := contact("p2", "names.familyName", "Park")
	parkC := contact("c2", "LastName", "Park")
	plumber := contact("p3", "names.givenName", "Plumber")
	before := verify.Snapshot{CRM: []verify.Item{amaraC}, Books: map[string][]verify.Item{"me": {amaraE, parkE, plumber}}}
	parked := []verify.Parked{{ID: "p3", Reason: "required_field_missing"}}
	cases := []struct {
		name   string
		crm    []verify.Item
		book   []verify.Item
		parked []verify.Parked
		want   []string
	}{
		{"all as it must be", []verify.Item{mergedC, parkC}, []verify.Item{mergedE, parkE, plumber}, parked, nil},
		{"not parked, and nowhere", []verify.Item{mergedC, parkC}, []verify.Item{mergedE, parkE, plumber}, nil,
			[]string{"me's address book: plumber: has no partner on the other side, and is not parked"}},
		{"lost", []verify.Item{mergedC, parkC}, []verify.Item{mergedE, plumber}, parked,
			[]string{"me's address book: park: is missing", "Salesforce: park: is new, and a copy of nothing"}},
		{"doubled", []verify.Item{mergedC, parkC, contact("c3", "LastName", "Park")}, []verify.Item{mergedE, parkE, plumber}, parked,
			[]string{"Salesforce: park: is new, though the person was there already: a double"}},
		{"not merged", []verify.Item{amaraC, parkC}, []verify.Item{mergedE, parkE, plumber}, parked,
			[]string{`Salesforce: a@x.test: Title is "", and me's address book says "Head"`}},
		{"the wrong side won", []verify.Item{contact("c1", "LastName", "Okafor", "Email", "a@x.test", "Phone", "5550199", "LeadSource", "Web", "Title", "Head"), parkC},
			[]verify.Item{contact("p1", "names.familyName", "Okafor", "emailAddresses.home", "A@x.test", "phoneNumbers.work", "5550199", "organizations.title", "Head", "nicknames", "Ama"), parkE, plumber}, parked,
			[]string{`Salesforce: a@x.test: Phone is "5550199" on both sides, want "555-0101"`}},
		{"an unmapped value is gone", []verify.Item{mergedC, parkC},
			[]verify.Item{contact("p1", "names.familyName", "Okafor", "emailAddresses.home", "A@x.test", "phoneNumbers.work", "5550101", "organizations.title", "Head"), parkE, plumber}, parked,
			[]string{`me's address book: a@x.test: nicknames is "" and was "Ama"; no sync touches it`}},
		{"parked as a pair, under one of its ids", []verify.Item{amaraC, parkC}, []verify.Item{amaraE, parkE, plumber}, append([]verify.Parked{{ID: "c1", Reason: "too_long"}}, parked...), nil},
		{"the address did not reach the CRM", []verify.Item{mergedC, parkC}, []verify.Item{mergedE, contact("p2", "names.familyName", "Park", "emailAddresses", "p@x.test"), plumber}, parked,
			[]string{`Salesforce: park: Email is "", and me's address book says ["p@x.test"]`}},
		{"invented", []verify.Item{mergedC, contact("c2", "LastName", "Park", "Fax", "1")}, []verify.Item{mergedE, contact("p2", "names.familyName", "Park", "phoneNumbers.workFax", "1"), plumber}, parked,
			[]string{`Salesforce: park: Fax is "1", which nobody wrote`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			after := verify.Snapshot{CRM: c.crm, Books: map[string][]verify.Item{"me": c.book}}
			require.Equal(t, c.want, texts(verify.CheckPairs(before, after, "me", c.parked)))
		})
	}
}
