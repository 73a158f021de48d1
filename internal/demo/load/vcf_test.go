package load_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/demo/load"
	"github.com/repsync/repsync/internal/demo/verify"
	"github.com/repsync/repsync/internal/demo/wire"
)

func TestVCF(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, in string
		want     map[string]string // the flat form of the only card
	}{
		{"2.1: bare parameters, quoted-printable over two lines, a character set",
			"BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:S=F8ren=\r\nsen;J=F8rgen\r\nTEL;WORK;VOICE:(905) 555-1234\r\nNOTE:C:\\new\\;old\r\nEND:VCARD\r\n",
			map[string]string{"names.givenName": "Jørgen", "names.familyName": "Sørensen", "phoneNumbers.work": "(905) 555-1234", "biographies": `C:\new;old`}},
		{"3.0: folded lines, escapes, an Apple label",
			"BEGIN:VCARD\nVERSION:3.0\nN:O\\;Neil;Sha\n un;Lee\\, Jr\nitem1.TEL;type=pref:555\nitem1.X-ABLabel:_$!<AssistantPhone>!$_\nURL:http\\://example.com/a\nNOTE:one\\ntwo\\\\three\nEND:VCARD\n",
			map[string]string{"names.givenName": "Shaun", "names.familyName": "O;Neil", "names.middleName": "Lee, Jr", "phoneNumbers.assistant": "555", "urls": "http://example.com/a", "biographies": "one\ntwo\\three"}},
		{"4.0: a tel URI, a birthday without a year, quoted types",
			"BEGIN:VCARD\nVERSION:4.0\nFN:Simon Perreault\nTEL;VALUE=uri;TYPE=\"work,voice\";PREF=1:tel:+1-418-656-9254;ext=102\nBDAY:--0203\nGENDER:M\nEND:VCARD\n",
			map[string]string{"names.givenName": "Simon", "names.familyName": "Perreault", "phoneNumbers.work": "+1-418-656-9254 ext. 102", "birthdays": "--02-03", "genders": "male"}},
		{"Apple's year that stands for none", "BEGIN:VCARD\nVERSION:3.0\nFN:A B\nBDAY;X-APPLE-OMIT-YEAR=1604:1604-05-06\nEND:VCARD\n",
			map[string]string{"names.givenName": "A", "names.familyName": "B", "birthdays": "--05-06"}},
		{"a birthday that is no day is kept as text", "BEGIN:VCARD\nVERSION:4.0\nFN:A B\nBDAY;VALUE=text:circa 1800\nEND:VCARD\n",
			map[string]string{"names.givenName": "A", "names.familyName": "B", "userDefined.Birthday": "circa 1800"}},
		{"a company without a person", "BEGIN:VCARD\nVERSION:3.0\nN:;;;;\nFN:Halden\nORG:Halden;IT;Ops\nEND:VCARD\n",
			map[string]string{"organizations.name": "Halden", "organizations.department": "IT, Ops"}},
		{"pictures are left behind", "BEGIN:VCARD\nVERSION:2.1\nN:B;A\nPHOTO;JPEG;ENCODING=BASE64:\n /9j/4AAQ\n\nEND:VCARD\n",
			map[string]string{"names.givenName": "A", "names.familyName": "B"}},
		{"Windows-1252", "BEGIN:VCARD\nVERSION:2.1\nN:M\xfcller;A\nEND:VCARD\n", map[string]string{"names.givenName": "A", "names.familyName": "Müller"}},
		{"types of phones", "BEGIN:VCARD\nVERSION:3.0\nFN:A\nTEL;TYPE=WORK,FAX:1\nTEL;TYPE=HOME;TYPE=FAX:2\nTEL;TYPE=FAX:3\nTEL;TYPE=CELL:4\nTEL;TYPE=PAGER:5\nTEL;TYPE=MAIN:6\nTEL:7\nTEL:8\nEND:VCARD\n",
			map[string]string{"names.givenName": "A", "phoneNumbers.workFax": "1", "phoneNumbers.homeFax": "2", "phoneNumbers.otherFax": "3", "phoneNumbers.mobile": "4",
				"phoneNumbers.pager": "5", "phoneNumbers.main": "6", "phoneNumbers": "7", "phoneNumbers#2": "8"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			people, problems, err := load.VCF(strings.NewReader(c.in))
			require.NoError(t, err)
			require.Empty(t, problems)
			require.Len(t, people, 1)
			require.Equal(t, c.want, flat(t, people[0].Fields))
		})
	}
}

func TestVCFOfJoinedFiles(t *testing.T) {
	t.Parallel()
	people, problems, err := load.VCF(strings.NewReader("BEGIN:VCARD\nFN:Ann One\nEND:VCARDBEGIN:VCARD\nFN:Ben Two\nEND:VCARD"))
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Len(t, people, 2)
	require.Equal(t, []int{1, 3}, []int{people[0].Line, people[1].Line})
}

func TestVCFSkipsBrokenCards(t *testing.T) {
	t.Parallel()
	in := strings.Join([]string{
		"hello", "world",
		"BEGIN:VCARD", "VERSION:3.0", "FN:Ann One", "END:VCARD",
		"BEGIN:VCARD", "VERSION:3.0", "FN:Ben Two",
		"BEGIN:VCARD", "VERSION:3.0", "FN:Cat Three", "a line of nothing", "END:VCARD",
		"BEGIN:VCARD", "VERSION:2.1", "two words:x", "FN:Dan Four", "END:VCARD",
		"BEGIN:VCARD", "VERSION:3.0", "NOTE:nobody", "END:VCARD",
		"BEGIN:VCARD", "VERSION:2.1", "FN;CHARSET=klingon;ENCODING=QUOTED-PRINTABLE:x", "END:VCARD",
		"BEGIN:VCARD", "VERSION:3.0", "FN:Eve Five", "END:VCARD",
		"BEGIN:VCARD", "FN:Fay Six",
	}, "\n")
	people, problems, err := load.VCF(strings.NewReader(in))
	require.NoError(t, err)
	var names []string
	for _, p := range people {
		names = append(names, flat(t, p.Fields)["names.familyName"])
	}
	require.Equal(t, []string{"One", "Five"}, names)
	require.Equal(t, []string{
		"line 1: text outside a card (a card runs from BEGIN:VCARD to END:VCARD)",
		"line 7: the card has no END:VCARD before the next one begins on line 10",
		"line 10: the card is broken on line 13: a property is NAME:value, and this line has no colon",
		"line 15: the card is broken on line 17: the text before the colon is not a property's name",
		"line 20: the card has no name, company, email address or phone number",
		"line 24: the card is broken on line 26: the character set of the value is not known",
		"line 32: the card has no END:VCARD before the file ends",
	}, lines(problems))
}

// The address books of TESTDATA, as real programs exported them.
func TestVCFOfRealPrograms(t *testing.T) {
	t.Parallel()
	note := "THIS SOFTWARE IS PROVIDED BY"
	cases := map[string]map[string]string{
		"John_Doe_EVOLUTION.vcf": {"names.honorificPrefix": "Mr.", "names.givenName": "John", "names.middleName": "Richter, James", "names.familyName": "Doe", "names.honorificSuffix": "Sr.",
			"nicknames": "Johny", "organizations.name": "IBM", "organizations.department": "Accounting, Dungeon", "organizations.title": "Money Counter",
			"phoneNumbers.mobile": "905-666-1234", "phoneNumbers.work": "905-555-1234", "emailAddresses.work": "john.doe@ibm.com",
			"addresses.home.poBox": "ASB-123", "addresses.home.streetAddress": "15 Crescent moon drive", "addresses.home.city": "Albaney", "addresses.home.region": "New York",
			"addresses.home.postalCode": "12345", "addresses.home.country": "United States of America", "birthdays": "1980-03-22", "events.anniversary": "1980-03-22",
			"relations.spouse": "Maria", "relations.manager": "Big Blue", "relations.assistant": "Little Red", "urls": "http://www.ibm.com", "imClients": "johnny5@aol.com", "imClients.protocol": "aim"},
		"John_Doe_GMAIL.vcf": {"names.honorificPrefix": "Mr.", "names.givenName": "John", "names.middleName": "Richter, James", "names.familyName": "Doe", "names.honorificSuffix": "Sr.",
			"names.phoneticGivenName": "Jon", "names.phoneticFamilyName": "Dow", "emailAddresses.home": "john.doe@ibm.com", "phoneNumbers.mobile": "905-555-1234", "phoneNumbers.home": "905-666-1234",
			"addresses.home.extendedAddress": "Crescent moon drive\n555-asd\nNice Area, Albaney, New York 12345\nUnited States of America", "organizations.name": "IBM", "organizations.title": "Money Counter",
			"birthdays": "1980-03-22", "urls.work": "http://www.ibm.com", "events.anniversary": "1975-03-01", "relations.spouse": "Jenny"},
		"John_Doe_IPHONE.vcf": {"names.honorificPrefix": "Mr.", "names.givenName": "John", "names.middleName": "Richter,James", "names.familyName": "Doe", "names.honorificSuffix": "Sr.",
			"nicknames": "Johny", "organizations.name": "IBM", "organizations.department": "Accounting", "organizations.title": "Money Counter", "emailAddresses": "john.doe@ibm.com",
			"phoneNumbers.mobile": "905-555-1234", "phoneNumbers.home": "905-666-1234", "phoneNumbers.work": "905-777-1234", "phoneNumbers.homeFax": "905-888-1234", "phoneNumbers.workFax": "905-999-1234",
			"phoneNumbers.pager": "905-111-1234", "phoneNumbers.assistant": "905-222-1234",
			"addresses.home.streetAddress": "Silicon Alley 5,", "addresses.home.city": "New York", "addresses.home.region": "New York", "addresses.home.postalCode": "12345", "addresses.home.country": "United States of America",
			"addresses.work.streetAddress": "Street4\nBuilding 6\nFloor 8", "addresses.work.city": "New York", "addresses.work.postalCode": "12345", "addresses.work.country": "USA",
			"urls.homePage": "http://www.ibm.com", "birthdays": "2012-06-06"},
		"John_Doe_MS_OUTLOOK.vcf": {"names.honorificPrefix": "Mr.", "names.givenName": "John", "names.middleName": "Richter,James", "names.familyName": "Doe", "names.honorificSuffix": "Sr.",
			"nicknames": "Johny", "organizations.name": "IBM", "organizations.department": "Accounting", "organizations.title": "Money Counter", "organizations.jobDescription": "Counting Money",
			"emailAddresses": "john.doe@ibm.cm", "phoneNumbers.work": "(905) 555-1234", "phoneNumbers.home": "(905) 666-1234",
			"addresses.work.streetAddress": "Cresent moon drive", "addresses.work.city": "Albaney", "addresses.work.region": "New York", "addresses.work.postalCode": "12345", "addresses.work.country": "United States of America",
			"addresses.home.streetAddress": "Silicon Alley 5,", "addresses.home.city": "New York", "addresses.home.region": "New York", "addresses.home.postalCode": "12345", "addresses.home.country": "United States of America",
			"urls.work": "http://www.ibm.com", "birthdays": "1980-03-22", "events.anniversary": "2011-01-13", "imClients": "johny5@aol.com", "relations.manager": "Big Blue", "relations.assistant": "Jenny"},
		"rfc6350-example.vcf": {"names.givenName": "Simon", "names.familyName": "Perreault", "names.honorificSuffix": "ing. jr,M.Sc.", "birthdays": "--02-03", "genders": "male", "organizations.name": "Viagenie",
			"addresses.work.extendedAddress": "Suite D2-630", "addresses.work.streetAddress": "2875 Laurier", "addresses.work.city": "Quebec", "addresses.work.region": "QC", "addresses.work.postalCode": "G1V 2M2", "addresses.work.country": "Canada",
			"phoneNumbers.work": "+1-418-656-9254 ext. 102", "phoneNumbers.workMobile": "+1-418-262-6501", "emailAddresses.work": "simon.perreault@viagenie.ca", "urls.home": "http://nomis80.org", "events.anniversary": "2009-08-08"},
		"gmail-single2.vcf": {"names.givenName": "VCard", "names.familyName": "Test", "emailAddresses.home": "homeemail@example.com", "emailAddresses.work": "workemail@example.com", "emailAddresses": "email@example.com",
			"emailAddresses.CustomEmailCategory": "customcategory@example.com", "phoneNumbers.work": "5555551113", "phoneNumbers.googleVoice": "5555551119", "phoneNumbers.CustomePhoneCategory": "5555551121", "phoneNumbers#2": "5555551114",
			"addresses.work.streetAddress": "113 Main St", "addresses.CustomAddressCategory.city": "NY", "organizations.name": "TheCompany", "organizations.title": "TheJobTitle", "birthdays": "1912-06-23",
			"events.CustomDateCategory": "2000-09-12", "events": "1776-07-04", "relations.spouse": "Name2", "relations.RELATIVE": "Name10", "urls.homePage": "http://www.example4.com",
			"biographies": "note line 1\nnote line 2\nCustomField: field value"},
		"fullcontact.vcf": {"names.honorificPrefix": "Prefix", "names.givenName": "FirstName", "names.middleName": "MiddleName", "names.familyName": "LastName", "names.honorificSuffix": "Suffix",
			"emailAddresses.home": "home@example.com", "emailAddresses.work": "work@example.com", "emailAddresses.school": "school@example.com", "emailAddresses.customtype": "custom@example.com",
			"phoneNumbers.mobile": "555-555-1113", "phoneNumbers.mobile#2": "555-555-1114", "phoneNumbers.workFax": "555-555-1117", "organizations.name": "Organization1", "organizations.title#2": "Title2",
			"birthdays": "2016-08-01", "addresses.customtype.city": "CustomCity", "genders": "male", "nicknames": "NickName", "biographies": "Notes line 1\nNotes line 2"},
	}
	dir := testData(t, "vcf")
	files, err := filepath.Glob(filepath.Join(dir, "*.vcf"))
	require.NoError(t, err)
	require.Len(t, files, len(cases), "one case per file")
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := os.Open(filepath.Join(dir, name))
			require.NoError(t, err)
			defer f.Close()
			people, problems, err := load.VCF(f)
			require.NoError(t, err)
			require.Empty(t, problems)
			require.Len(t, people, 1)
			got := flat(t, people[0].Fields)
			for k, v := range want {
				require.Equal(t, v, got[k], k)
			}
			if strings.HasPrefix(name, "John_Doe") && name != "John_Doe_IPHONE.vcf" {
				require.Contains(t, got["biographies"], note)
			}
			if name != "gmail-single2.vcf" && name != "fullcontact.vcf" { // those two are tested in part: they hold dozens of odd values
				delete(got, "biographies")
				require.Equal(t, want, got)
			}
		})
	}
}

// flat is the flat form of a person, as the vendor would return it.
func flat(t *testing.T, person wire.Object) map[string]string {
	t.Helper()
	return verify.FlattenPerson(wire.Clean(person))
}

// testData is the folder with data that nobody on this project wrote; the test is skipped when it is not there.
func testData(t *testing.T, folder string) string {
	t.Helper()
	root := os.Getenv("REPSYNC_TESTDATA")
	if root == "" {
		_, file, _, _ := runtime.Caller(0)
		root = filepath.Join(filepath.Dir(file), "..", "..", "..", "..", "shared", "data")
	}
	dir := filepath.Join(root, folder)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no real test data at %s: set REPSYNC_TESTDATA to the folder that holds %s/", root, folder)
	}
	return dir
}
