package salesforce_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

// soqlBench holds five contacts; the stamps are a day apart, Ann's the oldest.
func soqlBench(t *testing.T) *bench {
	b := newBench(t)
	b.clock.advance(-5 * 24 * time.Hour)
	b.s.AddField("Contact", salesforce.Field{Name: "Score__c", Type: salesforce.TypeDouble})
	other := b.insert("Account", values{"Name": "Zenith", "BillingCity": "Oslo"})
	for _, v := range []values{
		{"LastName": "Ann", "FirstName": "O'Neil", "Email": "ann@x.test", "Birthdate": "1980-02-29", "Score__c": 1, "Status__c": "Placed"},
		{"LastName": "bert", "Title": "50%_off", "AccountId": other, "Score__c": 2.5},
		{"LastName": "Carl", "Title": `back\slash`, "DoNotCall": true, "Score__c": -3, "OwnerId": b.bob},
		{"LastName": "Dora", "Repsync_Key__c": "Key1", "AccountId": nil},
		{"LastName": "Emil", "Repsync_Key__c": "key1", "Title": "line\nbreak", "Status__c": "placed"},
	} {
		b.clock.advance(24 * time.Hour)
		b.contact(v["LastName"].(string), v)
	}
	return b
}

func TestSOQLRows(t *testing.T) {
	t.Parallel()
	b := soqlBench(t)
	ann := b.column("SELECT Id FROM Contact WHERE LastName = 'Ann'", "Id")[0].(string)
	for name, c := range map[string]struct {
		where string
		want  string
	}{
		"no case":                 {"LastName = 'BERT'", "bert"},
		"not equal takes nulls":   {"Title != '50%_off'", "Ann Carl Dora Emil"},
		"<>":                      {"LastName <> 'Ann'", "bert Carl Dora Emil"},
		"escaped quote":           {`FirstName = 'O\'Neil'`, "Ann"},
		"escaped backslash":       {`Title = 'back\\slash'`, "Carl"},
		"escaped line break":      {`Title = 'line\nbreak'`, "Emil"},
		"unicode escape":          {`LastName = '\u0041nn'`, "Ann"},
		"less, as texts":          {"LastName < 'carl'", "Ann bert"},
		"like prefix":             {"LastName LIKE 'b%'", "bert"},
		"like one character":      {"LastName LIKE '_arl'", "Carl"},
		"like escaped wildcards":  {`Title LIKE '50\%\_%'`, "bert"},
		"like escaped is literal": {`LastName LIKE 'b\%'`, ""},
		"not like":                {"(NOT LastName LIKE '%r%')", "Ann Emil"},
		"in":                      {"LastName IN ('ann', 'DORA', 'x')", "Ann Dora"},
		"not in takes nulls":      {"Title NOT IN ('50%_off')", "Ann Carl Dora Emil"},
		"null":                    {"Title = null", "Ann Dora"},
		"not null":                {"Title != NULL", "bert Carl Emil"},
		"boolean":                 {"DoNotCall = TRUE", "Carl"},
		"boolean is never null":   {"DoNotCall = false", "Ann bert Dora Emil"},
		"number":                  {"Score__c > 0.5 AND Score__c <= 2.5", "Ann bert"},
		"negative number":         {"Score__c = -3", "Carl"},
		"numbers in a list":       {"Score__c IN (1, 2.5)", "Ann bert"},
		"date":                    {"Birthdate = 1980-02-29", "Ann"},
		"date order":              {"Birthdate < 1990-01-01", "Ann"},
		"datetime":                {"CreatedDate >= 2026-11-17T12:00:00Z", "Dora Emil"},
		"datetime with offset":    {"CreatedDate >= 2026-11-17T13:00:00+01:00", "Dora Emil"},
		"datetime with fraction":  {"SystemModstamp > 2026-11-17T12:00:00.000Z", "Emil"},
		"today":                   {"CreatedDate = TODAY", "Emil"},
		"yesterday":               {"CreatedDate = YESTERDAY", "Dora"},
		"before today":            {"CreatedDate < TODAY", "Ann bert Carl Dora"},
		"last n days":             {"CreatedDate = LAST_N_DAYS:2", "Carl Dora Emil"},
		"n days ago":              {"CreatedDate = N_DAYS_AGO:3", "bert"},
		"this week":               {"CreatedDate = THIS_WEEK", "bert Carl Dora Emil"},
		"last week":               {"CreatedDate = LAST_WEEK", "Ann"},
		"this month":              {"CreatedDate = this_month", "Ann bert Carl Dora Emil"},
		"parent field":            {"Account.Name = 'zenith'", "bert"},
		"parent null":             {"Account.Name = null", "Dora"},
		"owner":                   {"Owner.Email = 'bob@acme.test'", "Carl"},
		"grandparent":             {"Account.Owner.Name = 'Alice Able'", "Ann Carl Emil"},
		"and, or, parentheses":    {"LastName = 'Ann' OR (DoNotCall = true AND Score__c < 0)", "Ann Carl"},
		"not":                     {"NOT (LastName = 'Ann' OR LastName = 'Bert')", "Carl Dora Emil"},
		"id":                      {"Id = '" + ann + "'", "Ann"},
		"short id":                {"Id IN ('" + ann[:15] + "')", "Ann"},
		"id whose case was lost":  {"Id = '" + strings.ToUpper(ann) + "'", "Ann"},
		"case-sensitive key":      {"Repsync_Key__c = 'key1'", "Emil"},
		"picklist":                {"Status__c = 'Placed'", "Ann Emil"},
		"semi-join":               {"AccountId IN (SELECT Id FROM Account WHERE BillingCity = 'Oslo')", "bert"},
		"anti-join":               {"AccountId NOT IN (SELECT Id FROM Account WHERE BillingCity = 'Oslo')", "Ann Carl Dora Emil"},
		"compound name":           {"Name = 'O\\'Neil Ann'", "Ann"},
		"email by index":          {"Email = 'ANN@X.test' AND LastName = 'Ann'", "Ann"},
		"key and other condition": {"Repsync_Key__c IN ('Key1','key1') AND Title = null", "Dora"},
		"alias":                   {"c.LastName = 'Ann'", "Ann"},
		"empty text is null":      {"Title = ''", "Ann Dora"},
		"null in a list":          {"Email IN ('x@x.test', null)", "bert Carl Dora Emil"},
		"nobody":                  {"LastName = 'Nobody'", ""},
		"contradiction":           {"LastName = 'Ann' AND LastName = 'bert'", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := *b
			b.t = t
			got := []string{}
			for _, v := range b.column("SELECT c.LastName FROM Contact c WHERE "+c.where+" ORDER BY CreatedDate", "LastName") {
				got = append(got, v.(string))
			}
			require.Equal(t, strings.Fields(c.want), got)
		})
	}
}

func TestSOQLClauses(t *testing.T) {
	t.Parallel()
	b := soqlBench(t)
	for name, c := range map[string]struct{ soql, want string }{
		"order without case":  {"SELECT LastName FROM Contact ORDER BY LastName", "Ann bert Carl Dora Emil"},
		"descending":          {"SELECT LastName FROM Contact ORDER BY LastName DESC", "Emil Dora Carl bert Ann"},
		"nulls first":         {"SELECT LastName FROM Contact ORDER BY Score__c, LastName", "Dora Emil Carl Ann bert"},
		"nulls last":          {"SELECT LastName FROM Contact ORDER BY Score__c ASC NULLS LAST, LastName DESC", "Carl Ann bert Emil Dora"},
		"limit":               {"SELECT LastName FROM Contact ORDER BY LastName LIMIT 2", "Ann bert"},
		"offset":              {"SELECT LastName FROM Contact ORDER BY LastName LIMIT 2 OFFSET 3", "Dora Emil"},
		"offset past the end": {"SELECT LastName FROM Contact LIMIT 2 OFFSET 30", ""},
		"parent order":        {"SELECT LastName FROM Contact ORDER BY Account.Name DESC NULLS LAST, LastName LIMIT 1", "bert"},
		"lower case":          {"select lastname from contact where lastname='ann'", "Ann"},
		"for update":          {"SELECT LastName FROM Contact WHERE LastName = 'Ann' FOR UPDATE", "Ann"},
		"scope":               {"SELECT LastName FROM Contact USING SCOPE everything WHERE LastName = 'Ann'", "Ann"},
		"mine":                {"SELECT LastName FROM Contact USING SCOPE mine", ""},
		"security enforced":   {"SELECT LastName FROM Contact WHERE LastName = 'Ann' WITH SECURITY_ENFORCED", "Ann"},
		"several lines":       {"SELECT LastName\n\tFROM Contact\r\nWHERE LastName = 'Ann'", "Ann"},
		"object as prefix":    {"SELECT Contact.LastName FROM Contact WHERE Contact.LastName = 'Ann'", "Ann"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := *b
			b.t = t
			got := []string{}
			for _, v := range b.column(c.soql, "LastName") {
				got = append(got, v.(string))
			}
			require.Equal(t, strings.Fields(c.want), got)
		})
	}
}

func TestSOQLRecordShape(t *testing.T) {
	t.Parallel()
	b := soqlBench(t)
	got := b.query("SELECT Id, Account.Name, Account.Owner.Email, MailingAddress FROM Contact WHERE LastName IN ('bert', 'Dora') ORDER BY LastName").want(200).object()
	require.EqualValues(t, 2, got["totalSize"])
	require.Equal(t, true, got["done"])
	require.NotContains(t, got, "nextRecordsUrl")
	records := got["records"].([]any)
	account := records[0].(values)["Account"].(values)
	require.Equal(t, "Zenith", account["Name"])
	require.Equal(t, "Account", account["attributes"].(values)["type"])
	require.Contains(t, account["Owner"], "Email")
	require.Nil(t, records[1].(values)["Account"])
	require.Contains(t, records[1], "Account")

	all := b.query("SELECT FIELDS(ALL) FROM Contact LIMIT 1").want(200).object()["records"].([]any)[0].(values)
	require.Contains(t, all, "Repsync_Key__c")
	require.Contains(t, all, "SystemModstamp")
	custom := b.query("SELECT FIELDS(CUSTOM) FROM Contact LIMIT 1").want(200).object()["records"].([]any)[0].(values)
	require.NotContains(t, custom, "LastName")
	standard := b.query("SELECT FIELDS(STANDARD) FROM Contact").want(200).object()["records"].([]any)[0].(values)
	require.NotContains(t, standard, "Repsync_Key__c")

	children := b.query("SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName) FROM Account ORDER BY Name").want(200).object()["records"].([]any)
	list := children[0].(values)["Contacts"].(values)
	require.EqualValues(t, 3, list["totalSize"])
	require.Equal(t, []any{"Ann", "Carl", "Emil"}, column(list, "LastName"))
}

func TestSOQLAggregates(t *testing.T) {
	t.Parallel()
	b := soqlBench(t)
	count := b.query("SELECT COUNT() FROM Contact WHERE Title != null").want(200).object()
	require.Equal(t, values{"totalSize": 3.0, "done": true, "records": []any{}}, count)
	one := b.query("SELECT COUNT(Id), COUNT(Title) titles, MAX(Score__c), MIN(LastName), SUM(Score__c), AVG(Score__c), COUNT_DISTINCT(Status__c) FROM Contact").want(200).object()
	require.Equal(t, values{"attributes": values{"type": "AggregateResult"}, "expr0": 5.0, "titles": 3.0, "expr1": 2.5, "expr2": "Ann", "expr3": 0.5,
		"expr4": 0.5 / 3, "expr5": 1.0}, one["records"].([]any)[0])
	grouped := b.query("SELECT AccountId, Account.Name n, COUNT(Id) c FROM Contact GROUP BY AccountId, Account.Name ORDER BY COUNT(Id) DESC, Account.Name").want(200).object()["records"].([]any)
	require.Len(t, grouped, 3)
	require.EqualValues(t, 3, grouped[0].(values)["c"])
	require.Equal(t, b.account, grouped[0].(values)["AccountId"])
	require.Equal(t, "Acme", grouped[0].(values)["n"])
	require.EqualValues(t, 0, b.query("SELECT COUNT(Id) c FROM Contact WHERE LastName = 'x'").want(200).object()["records"].([]any)[0].(values)["c"])
}

func TestSOQLErrors(t *testing.T) {
	t.Parallel()
	b := soqlBench(t)
	for name, c := range map[string]struct{ soql, code, words string }{
		"unknown column":           {"SELECT Foo FROM Contact", "INVALID_FIELD", "\nSELECT Foo FROM Contact\n       ^\nERROR at Row:1:Column:8\nNo such column 'Foo' on entity 'Contact'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names."},
		"unknown column in where":  {"SELECT Id FROM Contact WHERE Foo__c = 1", "INVALID_FIELD", "ERROR at Row:1:Column:30\nNo such column 'Foo__c' on entity 'Contact'."},
		"unknown column on line 2": {"SELECT Id,\n  Foo FROM Contact", "INVALID_FIELD", "\n  Foo FROM Contact\n  ^\nERROR at Row:2:Column:3\n"},
		"unknown parent column":    {"SELECT Account.Foo FROM Contact", "INVALID_FIELD", "No such column 'Foo' on entity 'Account'."},
		"unknown relationship":     {"SELECT Nope__r.Name FROM Contact", "INVALID_FIELD", "Didn't understand relationship 'Nope__r' in field path."},
		"unknown object":           {"SELECT Id FROM Nope", "INVALID_TYPE", "ERROR at Row:1:Column:16\nsObject type 'Nope' is not supported."},
		"unknown child":            {"SELECT (SELECT Id FROM Nopes) FROM Account", "INVALID_TYPE", "Didn't understand relationship 'Nopes' in FROM part of query call."},
		"misspelt keyword":         {"SELECT Id FORM Contact", "MALFORMED_QUERY", "unexpected token: 'Contact'"},
		"no from":                  {"SELECT Id", "MALFORMED_QUERY", "unexpected token: '<EOF>'"},
		"no select":                {"DELETE FROM Contact", "MALFORMED_QUERY", "ERROR at Row:1:Column:1\nunexpected token: 'DELETE'"},
		"star":                     {"SELECT * FROM Contact", "MALFORMED_QUERY", "no viable alternative at character '*'"},
		"no value":                 {"SELECT Id FROM Contact WHERE LastName =", "MALFORMED_QUERY", "unexpected token: '<EOF>'"},
		"and mixed with or":        {"SELECT Id FROM Contact WHERE LastName = 'a' AND FirstName = 'b' OR Title = 'c'", "MALFORMED_QUERY", "unexpected token: 'OR'"},
		"unclosed string":          {"SELECT Id FROM Contact WHERE LastName = 'a", "MALFORMED_QUERY", "mismatched character '<EOF>' expecting '''"},
		"unescaped quote":          {"SELECT Id FROM Contact WHERE LastName = 'O'Neil'", "MALFORMED_QUERY", ""},
		"bad escape":               {`SELECT Id FROM Contact WHERE LastName = 'a\q'`, "MALFORMED_QUERY", `Illegal character sequence '\q' in string literal.`},
		"unclosed parenthesis":     {"SELECT Id FROM Contact WHERE (LastName = 'a'", "MALFORMED_QUERY", "unexpected token: '<EOF>'"},
		"rubbish after the end":    {"SELECT Id FROM Contact LIMIT 1 SELECT", "MALFORMED_QUERY", "unexpected token: 'SELECT'"},
		"is null":                  {"SELECT Id FROM Contact WHERE Title IS NULL", "MALFORMED_QUERY", "unexpected token: 'IS'"},
		"all rows":                 {"SELECT Id FROM Contact ALL ROWS", "MALFORMED_QUERY", "ALL ROWS not allowed in this context"},
		"empty list":               {"SELECT Id FROM Contact WHERE LastName IN ()", "MALFORMED_QUERY", "unexpected token: ')'"},
		"negative limit":           {"SELECT Id FROM Contact LIMIT -1", "MALFORMED_QUERY", "unexpected token: '-1'"},
		"quoted date":              {"SELECT Id FROM Contact WHERE CreatedDate = '2026-01-01'", "INVALID_FIELD", "value of filter criterion for field 'CreatedDate' must be of type dateTime and should not be enclosed in quotes"},
		"date for a datetime":      {"SELECT Id FROM Contact WHERE CreatedDate = 2026-01-01", "INVALID_FIELD", "must be of type dateTime"},
		"unquoted text":            {"SELECT Id FROM Contact WHERE LastName = 5", "INVALID_FIELD", "must be of type string and should be enclosed in quotes"},
		"quoted boolean":           {"SELECT Id FROM Contact WHERE DoNotCall = 'true'", "INVALID_FIELD", "must be of type boolean and should not be enclosed in quotes"},
		"impossible date":          {"SELECT Id FROM Contact WHERE Birthdate = 2026-02-30", "MALFORMED_QUERY", "unexpected token: '2026-02-30'"},
		"malformed id":             {"SELECT Id FROM Contact WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: abc"},
		"like on an id":            {"SELECT Id FROM Contact WHERE Id LIKE '003%'", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on id field"},
		"less on an id":            {"SELECT Id FROM Contact WHERE OwnerId > '003Rs0000zzzzzz'", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on reference field"},
		"filter on a long text":    {"SELECT Id FROM Contact WHERE Description = 'x'", "INVALID_FIELD", "field 'Description' can not be filtered in a query call"},
		"order by a long text":     {"SELECT Id FROM Contact ORDER BY Description", "INVALID_FIELD", "field 'Description' can not be sorted in a query call"},
		"duplicate field":          {"SELECT Id, id FROM Contact", "INVALID_FIELD", "duplicate field selected: Id"},
		"fields(all) without end":  {"SELECT FIELDS(ALL) FROM Contact", "MALFORMED_QUERY", "The SOQL FIELDS function must have a LIMIT of at most 200"},
		"offset too far":           {"SELECT Id FROM Contact OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"},
		"ungrouped field":          {"SELECT LastName, COUNT(Id) FROM Contact", "MALFORMED_QUERY", "Field must be grouped or aggregated: LastName"},
		"unknown function":         {"SELECT FOO(Id) FROM Contact", "MALFORMED_QUERY", "unexpected token: 'FOO'"},
		"aggregate child":          {"SELECT (SELECT COUNT() FROM Contacts) FROM Account", "MALFORMED_QUERY", "not allowed in a subquery"},
		"grouped long text":        {"SELECT Description FROM Contact GROUP BY Description", "MALFORMED_QUERY", "can not be grouped"},
		"semi-join on a text":      {"SELECT Id FROM Contact WHERE LastName IN (SELECT Id FROM Account)", "INVALID_FIELD", "must be an id or reference field"},
		"semi-join beside an OR":   {"SELECT Id FROM Contact WHERE LastName = 'x' OR AccountId IN (SELECT Id FROM Account)", "MALFORMED_QUERY", "only allowed at the top level WHERE expressions"},
		"semi-join below a NOT":    {"SELECT Id FROM Contact WHERE NOT (AccountId IN (SELECT Id FROM Account))", "MALFORMED_QUERY", "only allowed at the top level WHERE expressions"},
		"semi-join in parentheses": {"SELECT Id FROM Contact WHERE (LastName = 'x' AND AccountId IN (SELECT Id FROM Account)) AND Id != null", "MALFORMED_QUERY", "only allowed at the top level WHERE expressions"},
		"three semi-joins":         {"SELECT Id FROM Contact WHERE AccountId IN (SELECT Id FROM Account) AND OwnerId IN (SELECT Id FROM User) AND AccountId NOT IN (SELECT AccountId FROM Lead)", "MALFORMED_QUERY", "limited to 2"},
		"semi-join of itself":      {"SELECT Id FROM Contact WHERE Id IN (SELECT ReportsToId FROM Contact)", "MALFORMED_QUERY", "same object type"},
		"semi-join of events":      {"SELECT Id FROM Contact WHERE Id IN (SELECT WhoId FROM Event)", "MALFORMED_QUERY", "not supported for semi join inner selects"},
		"ordered semi-join":        {"SELECT Id FROM Contact WHERE AccountId IN (SELECT Id FROM Account LIMIT 5)", "MALFORMED_QUERY", "takes no ORDER BY, LIMIT"},
		"semi-join in a semi-join": {"SELECT Id FROM Contact WHERE AccountId IN (SELECT Id FROM Account WHERE OwnerId IN (SELECT Id FROM User))", "MALFORMED_QUERY", "Nesting of semi join"},
		"semi-join of two fields":  {"SELECT Id FROM Contact WHERE AccountId IN (SELECT Id, Name FROM Account)", "MALFORMED_QUERY", "exactly one field"},
		"deep nesting":             {"SELECT Id FROM Contact WHERE " + strings.Repeat("(", 300) + "LastName = 'a'" + strings.Repeat(")", 300), "MALFORMED_QUERY", "nested too deeply"},
		"empty":                    {" ", "MALFORMED_QUERY", "SOQL statements cannot be empty or null"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := *b
			b.t = t
			require.Contains(t, b.query(c.soql).fails(400, c.code), c.words)
		})
	}
	b.do("GET", "query", nil).fails(400, "MALFORMED_QUERY")
	b.query("SELECT Id FROM Contact WHERE LastName IN ('" + strings.Repeat("x", 17_000) + "')").want(414)
	b.query("SELECT Id FROM Contact WHERE LastName IN ('" + strings.Repeat("x", 16_200) + "')").want(431)
	b.do("POST", "query", values{"q": "SELECT Id FROM Contact"}).fails(405, "METHOD_NOT_ALLOWED")
}

func TestDateLiteralsFollowTheUsersZone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	kiwi := b.s.AddUser(salesforce.User{Username: "kiwi@acme.test", Active: true, ModifyAll: true, TimeZone: "Pacific/Auckland"})
	b.contact("Noon") // 12:00 UTC is 01:00 of the next day in Auckland
	b.clock.advance(-2 * time.Hour)
	b.contact("Ten")
	b.clock.advance(2 * time.Hour)
	require.Len(t, b.column("SELECT Id FROM Contact WHERE CreatedDate = TODAY", "Id"), 2)
	require.Equal(t, []any{"Noon"}, b.as(kiwi).column("SELECT LastName FROM Contact WHERE CreatedDate = TODAY", "LastName"))
}
