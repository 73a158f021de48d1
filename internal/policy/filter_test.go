package policy_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/policy"
	"github.com/repsync/repsync/internal/record"
)

// An item as the Salesforce connector returns it.
var raw = decode(`{
	"Status__c": "Active candidate", "MailingCountry": "US", "Blank__c": null, "Empty__c": "",
	"Score__c": 7, "Amount__c": 12.5, "IsActive__c": true, "DoNotCall": false,
	"LastActivityDate": "2026-03-01", "Languages__c": "German;French",
	"Account": {"Industry": "Energy", "Rating": null, "Owner": {"Name": "Ann"}},
	"Tags": ["a", null, "c"]
}`, false)

var fields = record.Fields{
	record.FieldEmail: "ann@acme.test", record.FieldEmails: "ann@acme.test\nann@home.test", record.FieldPhoneWork: "+1 415 555 0100",
	record.FieldWorkCountry: "US",
}

func decode(src string, exact bool) map[string]any {
	d := json.NewDecoder(strings.NewReader(src))
	if exact {
		d.UseNumber()
	}
	var out map[string]any
	if err := d.Decode(&out); err != nil {
		panic(err)
	}
	return out
}

func TestFilterMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		filter string
		want   bool
	}{
		{`crm.Status__c == "Active candidate" && crm.MailingCountry in ["US", "CA"]`, true},
		{`crm.Status__c == "Active candidate" && crm.MailingCountry in ["DE"]`, false},
		{`crm["Status__c"] == 'Active candidate'`, true},
		{`crm.Account.Industry == "Energy"`, true},
		{`crm["Account"].Industry == "Energy" && crm.Account["Owner"]["Name"] == "Ann"`, true},
		{`crm["Account.Industry"] == "Energy"`, true},
		{`crm.status__c == "Active candidate"`, true}, // API names do not distinguish case
		{`record.email.endsWith("@acme.test")`, true},
		{`record.phone.work.startsWith("+1")`, true},
		{`record["phone.work"].startsWith("+1")`, true},
		{`record.address.work.country == "US"`, true},
		{`record.emails.exists(e, e.endsWith("@home.test"))`, true},
		{`"German" in crm.Languages__c.split(";")`, true},
		{`crm.Status__c.lowerAscii().contains("active")`, true},
		{`crm.Status__c.matches("^Act.*e$")`, true},

		// Numbers.
		{`crm.Score__c > 5`, true},
		{`crm.Score__c == 7`, true},
		{`crm.Score__c == 7.0`, true},
		{`crm.Score__c in [6, 7]`, true},
		{`crm.Score__c < 7.5 && crm.Amount__c >= 12`, true},
		{`5 < crm.Score__c`, true},
		{`crm.Amount__c + 1.0 == 13.5`, true},
		{`int(crm.Score__c) % 2 == 1`, true},
		{`crm.LastActivityDate >= "2026-01-01"`, true},

		// True and false by themselves.
		{`crm.IsActive__c`, true},
		{`!crm.DoNotCall`, true},
		{`crm.IsActive__c && !crm.DoNotCall`, true},
		{`crm.IsActive__c ? crm.Score__c > 5 : false`, true},
		{`true`, true},

		// Null, whether absent, empty or null.
		{`crm.Missing__c`, false},
		{`!crm.Missing__c`, true},
		{`crm.Missing__c == null`, true},
		{`crm.Blank__c == null && crm.Empty__c == null`, true},
		{`crm.Missing__c != null`, false},
		{`crm.Status__c != null`, true},
		{`has(crm.Missing__c) || has(crm.Blank__c) || has(crm.Account.Rating) || has(crm.No.Such)`, false},
		{`has(crm.Status__c) && has(crm.Account.Industry) && has(record.email)`, true},
		{`has(record.phone.fax)`, false},
		{`crm.Missing__c == "x"`, false},
		{`crm.Missing__c != "x"`, true},
		{`crm.Missing__c == ""`, true},
		{`crm.Missing__c != ""`, false},
		{`"" == crm.Empty__c`, true},
		{`crm.Status__c != ""`, true},
		{`crm.Status__c.replace("Active candidate", "") == ""`, true},
		{`crm.Missing__c > 5`, false},
		{`crm.Missing__c <= 5`, false},
		{`5 > crm.Missing__c`, false},
		{`!(crm.Missing__c > 5)`, true},
		{`crm.Missing__c in ["US"]`, false},
		{`"US" in crm.Missing__c`, false},
		{`crm.Missing__c.contains("x")`, false},
		{`crm.Missing__c.lowerAscii() == "x"`, false},
		{`crm.Missing__c.lowerAscii().trim().startsWith("x")`, false},
		{`size(crm.Missing__c) > 0`, false},
		{`crm.Missing__c + 1 > 5`, false},
		{`int(crm.Missing__c) == 5`, false},
		{`crm.Missing__c.Deeper.Still == null`, true},
		{`crm.Account.Rating == null`, true},
		{`crm.Missing__c.exists(x, x == 1)`, false},
		{`crm.Missing__c.all(x, x == 1)`, true},
		{`crm.Missing__c ? true : crm.IsActive__c`, true},
		{`(crm.Missing__c == null ? crm.Blank__c : crm.Status__c) == null`, true},
		{`crm.Tags.exists(t, t == "c") && crm.Tags.exists(t, t.startsWith("c"))`, true},
		{`crm.Tags[1] == null && crm.Tags[0] == "a"`, true},
		{`crm.Tags.filter(t, t != null).size() == 2`, true},
		{`crm.Tags.map(t, t).size() == 3`, true},
		{`crm.Tags.exists_one(t, t == "a")`, true},
		{`[1, 2, 3].all(n, n < crm.Score__c)`, true},
		{`{"a": 1}.a == 1`, true},
		{`null == null`, true},
	} {
		t.Run(c.filter, func(t *testing.T) {
			t.Parallel()
			f, err := policy.CompileFilter(c.filter)
			require.NoError(t, err)
			got, err := f.Match(raw, fields)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

// A mailbox item that no CRM record goes with is filtered too: the CRM's fields are null.
func TestFilterWithoutRecord(t *testing.T) {
	t.Parallel()
	f, err := policy.CompileFilter(`crm.Status__c == "Active" || record.email.endsWith("@acme.test")`)
	require.NoError(t, err)
	for fields, want := range map[string]bool{"ann@acme.test": true, "ann@else.test": false} {
		got, err := f.Match(nil, record.Fields{record.FieldEmail: fields})
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	got, err := f.Match(nil, nil)
	require.NoError(t, err)
	require.False(t, got)
}

func TestFilterNumbersDecodedExactly(t *testing.T) {
	t.Parallel()
	item := decode(`{"Score__c": 7, "Amount__c": 12.5, "Nested": {"List": [1, 2.5]}}`, true)
	f, err := policy.CompileFilter(`crm.Score__c == 7 && crm.Score__c < 7.5 && crm.Amount__c == 12.5 && crm.Nested.List[1] == 2.5`)
	require.NoError(t, err)
	got, err := f.Match(item, nil)
	require.NoError(t, err)
	require.True(t, got)
}

func TestFilterFields(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string][]string{
		`true`:                                   nil,
		`crm.B == 1 || crm.A == 2 || crm.B == 3`: {"A", "B"},
		`crm.Account.Industry == "x" && crm["Account"]["Name"] == "y"`: {"Account.Industry", "Account.Name"},
		`has(crm.Missing__c) && record.email != ""`:                    {"Missing__c"},
		`[crm.A].exists(x, x == crm.C) ? crm.D : crm.E`:                {"A", "C", "D", "E"},
		`crm.A.contains(crm.B) && size(crm.C) + 1 > 2`:                 {"A", "B", "C"},
	} {
		f, err := policy.CompileFilter(filter)
		require.NoError(t, err, filter)
		require.Equal(t, want, f.Fields(), filter)
		require.Equal(t, filter, f.Source())
	}
}

func TestFilterDoesNotCompile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, filter, message, remedy string
		line, column                  int
	}{
		{"empty", "  ", "is empty", "remove the key", 1, 1},
		{"one equals sign", `crm.A = "x"`, "Syntax error", "write == to compare", 1, 7},
		{"SQL", `crm.A == "x" AND crm.B == "y"`, "Syntax error", "&& for and", 1, 14},
		{"open bracket", `(crm.A == "x"`, "Syntax error", "brackets", 1, 14},
		{"bare field", `Status__c == "x"`, `unknown name "Status__c"`, "write crm.Status__c", 1, 1},
		{"mistyped root", `crn.A == "x"`, `unknown name "crn"`, "did you mean crm?", 1, 1},
		{"mistyped function", `crm.A == "x" && crm.B.startswith("x")`, `unknown name "startswith"`, "did you mean startsWith?", 1, 33},
		{"second line", "crm.A == \"x\" &&\n  crn.B == 1", `unknown name "crn"`, "did you mean crm?", 2, 3},
		{"not true or false", `size(crm.A)`, "gives a int", "compare it", 1, 1},
		{"types", `crm.A == "x" && "a" < 1`, "does not take", "one type", 1, 21},
		{"unknown record field", `record.emial == "x"`, "unknown field record.emial", "did you mean email?", 1, 7},
		{"group of fields", `record.phone == "x"`, "unknown field record.phone", "record.phone.work", 1, 7},
		{"whole record", `crm == record`, "crm alone is no value", "name a field", 1, 1},
		{"whole record and null", `crm == null`, "does not take", "name a field", 1, 5},
		{"computed field", `crm[record.email] == "x"`, "the field is computed", "quotes", 1, 4},
		{"no API name", `crm["a b"] == "x"`, `"a b" is no API name`, "Setup", 1, 4},
		{"shadowed", `[1].exists(crm, crm == 1)`, "a loop's variable is called crm", "another name", 1, 11},
		{"too long", `crm.A == "` + strings.Repeat("x", 5000) + `"`, "size exceeds limit", "shorter", 1, 1},
		{"too deep", strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200), "recursion", "less nested", 0, 0},
		{"bad pattern", `crm.A.matches("(")`, "invalid matches argument", "docs/policy.md", 1, 15},
		{"message", `google.protobuf.Duration{} == null`, "messages cannot be made", "compare fields", 1, 25},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := policy.CompileFilter(c.filter)
			var known *policy.FilterError
			require.ErrorAs(t, err, &known)
			require.Contains(t, known.Message, c.message)
			require.Contains(t, known.Remedy, c.remedy)
			if c.line > 0 {
				require.Equal(t, [2]int{c.line, c.column}, [2]int{known.Line, known.Column}, known.Error())
			}
		})
	}
}

func TestFilterFailsOnOneItem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, filter string
		want         error
	}{
		{"text compared with a number", `crm.Status__c > 5`, policy.ErrFilterType},
		{"number where a truth belongs", `crm.Score__c && true`, policy.ErrFilterType},
		{"whole answer is text", `crm.Status__c`, policy.ErrFilterType},
		{"text is no number", `int(crm.Status__c) > 5`, policy.ErrFilterType},
		{"function of the wrong type", `crm.Score__c.startsWith("x")`, policy.ErrFilterType},
		{"index out of range", `crm.Tags[9] == "x"`, policy.ErrFilterType},
		{"division by zero", `int(crm.Score__c) / 0 == 1`, policy.ErrFilterType},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, err := policy.CompileFilter(c.filter)
			require.NoError(t, err)
			_, err = f.Match(raw, fields)
			require.ErrorIs(t, err, c.want)
			require.NotContains(t, err.Error(), "Active", "no value in an error")
		})
	}
}

// A filter runs for every item of every rep: one that loops within loops is stopped, soon.
func TestFilterCannotHang(t *testing.T) {
	t.Parallel()
	long := "[" + strings.TrimSuffix(strings.Repeat("1,", 200), ",") + "]"
	for name, filter := range map[string]string{
		"loops": long + ".all(a, " + long + ".all(b, " + long + ".all(c, " + long + ".all(d, a + b + c + d > 0))))",
		"text":  `record.emails.all(a, record.emails.all(b, (a + b + a + b).matches("(a+)+$") || true))`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := policy.CompileFilter(filter)
			require.NoError(t, err)
			started := time.Now()
			_, err = f.Match(raw, record.Fields{record.FieldEmails: strings.Repeat(strings.Repeat("a", 300)+"\n", 300)})
			require.ErrorIs(t, err, policy.ErrFilterCost)
			require.Less(t, time.Since(started), time.Minute)
		})
	}
}

func TestFilterIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	f, err := policy.CompileFilter(`crm.N > 50 && crm.Missing.lowerAscii() != "x"`)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for n := range 100 {
		wg.Go(func() {
			got, err := f.Match(map[string]any{"N": n}, nil)
			if err != nil || got != (n > 50) {
				t.Errorf("N = %d: %v, %v", n, got, err)
			}
		})
	}
	wg.Wait()
}
