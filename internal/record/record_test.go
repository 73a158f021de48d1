package record_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/record"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ field, raw, want string }{
		"kept as typed":                {record.FieldPhoneWork, "(415) 555-0100", "(415) 555-0100"},
		"white space around":           {record.FieldTitle, "\u00a0 CTO \n", "CTO"},
		"white space within is kept":   {record.FieldTitle, "Head  of  Sales", "Head  of  Sales"},
		"CRLF":                         {record.FieldWorkStreet, "1 Main St\r\nSuite 5", "1 Main St\nSuite 5"},
		"lone CR":                      {record.FieldNotes, "a\rb", "a\nb"},
		"tab is kept":                  {record.FieldNotes, "a\tb", "a\tb"},
		"control characters":           {record.FieldNotes, "a\x00\x07b\x1f", "ab"},
		"decomposed letters":           {record.FieldFamily, "Mu\u0308ller", "M\u00fcller"},
		"control within a letter":      {record.FieldFamily, "Mu\x00\u0308ller", "M\u00fcller"},
		"broken UTF-8":                 {record.FieldFamily, "M\xfcller", "M\uFFFDller"},
		"an address keeps its case":    {record.FieldEmail, " Ada@Acme.test ", "Ada@Acme.test"},
		"the derived list is in order": {record.FieldEmails, "b@acme.test\nA@acme.test b@acme.test", "a@acme.test\nb@acme.test"},
		"only white space":             {record.FieldNotes, " \r\n\t", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, record.Canonical(c.field, c.raw))
		})
	}
}

func TestEqual(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		field, a, b string
		want        bool
	}{
		"phone reformatted": {record.FieldPhoneWork, "(415) 555-0100", "415-555-0100", true},
		"phone with tel:":   {record.FieldPhoneWork, "tel:+1-415-555-0100", "+1 415 555 0100", true},
		"phone with a country code is not the one without": {record.FieldPhoneWork, "+14155550100", "4155550100", false},
		"phone extension spelled otherwise":                {record.FieldPhoneWork, "415 555 0100 ext. 12", "4155550100x12", true},
		"phone extension as in RFC 3966":                   {record.FieldPhoneWork, "+14155550100;ext=12", "+1 415 555 0100 x12", true},
		"phone extension changed":                          {record.FieldPhoneWork, "4155550100x12", "4155550100x13", false},
		"phone extension is not a digit more":              {record.FieldPhoneWork, "4155550100x1", "41555501001", false},
		"phone with the zero not dialled":                  {record.FieldPhoneWork, "+44 (0)20 7946 0018", "+442079460018", true},
		"area code 0 without a plus stays":                 {record.FieldPhoneWork, "(0)20 7946", "20 7946", false},
		"phone in words is text":                           {record.FieldPhoneWork, "on request", "On request", false},
		"two numbers are text":                             {record.FieldPhoneWork, "555-0100, 555-0101", "555-0100 5550101", false},
		"a plus within is text":                            {record.FieldPhoneWork, "555+0100", "555 0100", false},
		"digits of another script are text":                {record.FieldPhoneWork, "\u0661 555", "\u0662 555", false},
		"marks without digits are text":                    {record.FieldPhoneWork, "--", "-", false},
		"vanity number is text":                            {record.FieldPhoneWork, "1-800-FLOWERS", "1-800-PLANTS1", false},
		"phone cleared":                                    {record.FieldPhoneWork, "4155550100", "", false},
		"email case":                                       {record.FieldEmail, "Ada@Acme.test", "ada@acme.TEST", true},
		"email other":                                      {record.FieldEmail, "ada@acme.test", "ada@acme.example", false},
		"derived emails in any order":                      {record.FieldEmails, "b@x.test\na@x.test", "A@x.test\nb@x.test", true},
		"text case is an edit":                             {record.FieldFamily, "de la Cruz", "De la Cruz", false},
		"country case is an edit":                          {record.FieldWorkCountry, "us", "US", false},
		"white space at line ends":                         {record.FieldWorkStreet, "1 Main St \r\nSuite 5", "1 Main St\n Suite 5 ", true},
		"white space within":                               {record.FieldTitle, "Head  of Sales", "Head of Sales", false},
		"Unicode form":                                     {record.FieldFamily, "Mu\u0308ller", "M\u00fcller", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, record.Equal(c.field, c.a, c.b))
			require.Equal(t, c.want, record.Equal(c.field, c.b, c.a), "the other way round")
		})
	}
}

func TestEmails(t *testing.T) {
	t.Parallel()
	require.Empty(t, record.Emails(record.Fields{}))
	require.Equal(t, []string{"a@x.test", "b@x.test"}, record.Emails(record.Fields{
		record.FieldEmail: "B@x.test", record.FieldEmails: "b@x.test\nA@x.test",
	}))
}

func TestPrimaryEmail(t *testing.T) {
	t.Parallel()
	home, work, work2 := record.Address{Email: "h@x.test"}, record.Address{Email: "W@x.test", Work: true}, record.Address{Email: "v@x.test", Work: true}
	require.Equal(t, "W@x.test", record.PrimaryEmail([]record.Address{home, work, work2}), "the first work address, as typed")
	require.Equal(t, "h@x.test", record.PrimaryEmail([]record.Address{{Email: " "}, home, {Email: "z@x.test"}}), "else the first of all")
	require.Equal(t, "h@x.test", record.PrimaryEmail([]record.Address{home, {Email: " ", Work: true}}), "an empty work address is none")
	require.Empty(t, record.PrimaryEmail(nil))
	require.Equal(t, "h@x.test\nw@x.test", record.JoinEmails([]record.Address{work, home, work}))
}

func TestNameKey(t *testing.T) {
	t.Parallel()
	key := func(given, family, company string) string {
		return record.NameKey(record.Fields{record.FieldGiven: given, record.FieldFamily: family, record.FieldCompany: company})
	}
	require.Empty(t, key("Ada", "", "Acme"), "no family name, no key")
	require.Empty(t, key("Ada", "Lovelace", " "), "no company, no key")
	require.Empty(t, key("Ada", "...", "Acme"), "a family name of nothing but dots is none")
	require.NotEmpty(t, key("", "Lovelace", "Acme"))
	require.Equal(t, key("José", "Núñez", "Acme Inc."), key("jose", "NUNEZ", "acme  inc"))
	require.Equal(t, key("Ada", "Strauß", "Acme"), key("Ada", "STRAUSS", "Acme"))
	require.NotEqual(t, key("Ada", "Lovelace", "Acme"), key("Bea", "Lovelace", "Acme"))
	require.NotEqual(t, key("Ada", "Lovelace", "Acme"), key("Ada", "Lovelace", "Apex"))
	require.NotEqual(t, key("a b", "c", "d"), key("a", "b c", "d"), "the parts do not run together")
}

func TestDates(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]struct{ valid, year bool }{
		"1990-02-28": {true, true}, "1990-02-29": {false, false}, "--02-29": {true, false}, "--12-31": {true, false},
		"--13-01": {false, false}, "": {false, false}, "31.12.1990": {false, false}, "--": {false, false}, "1990-2-3": {false, false},
	} {
		require.Equal(t, want.valid, record.ValidDate(v), v)
		require.Equal(t, want.year, record.HasYear(v), v)
	}
}

func TestContactFields(t *testing.T) {
	t.Parallel()
	fields := record.ContactFields()
	require.Equal(t, fields, record.ContactFields(), "stable")
	require.NotContains(t, fields, record.FieldEmails, "derived")
	labels := map[string]bool{}
	for _, f := range fields {
		require.NotEmpty(t, record.Label(f))
		labels[record.Label(f)] = true
	}
	require.Len(t, labels, len(fields), "no two fields and no two labels are the same")
	require.Equal(t, "work phone", record.Label(record.FieldPhoneWork))
	require.Equal(t, "Region__c", record.Label("Region__c"))
	fields[0] = "changed"
	require.NotEqual(t, "changed", record.ContactFields()[0], "the caller's copy is its own")
}

func TestOtherSide(t *testing.T) {
	t.Parallel()
	require.Equal(t, record.Mailbox, record.CRM.Other())
	require.Equal(t, record.CRM, record.Mailbox.Other())
}

func TestHash(t *testing.T) {
	t.Parallel()
	h := record.Hasher{Norm: record.Normaliser, KeyVersion: 1, Key: []byte("0123456789abcdef0123456789abcdef")}
	other := h
	other.Key = []byte("fedcba9876543210fedcba9876543210")
	require.Zero(t, h.Value(record.FieldTitle, " \n"), "only the empty value")
	require.NotZero(t, h.Value(record.FieldTitle, "CTO"))
	require.Equal(t, h.Value(record.FieldEmail, "A@x.test"), h.Value(record.FieldEmail, "a@x.test"))
	require.NotEqual(t, h.Value(record.FieldTitle, "CTO"), other.Value(record.FieldTitle, "CTO"), "another key, another hash")
	require.NotEqual(t, h.Value(record.FieldTitle, "CTO"), h.Value(record.FieldNotes, "CTO"), "a value does not show that it stands in two fields")
}
