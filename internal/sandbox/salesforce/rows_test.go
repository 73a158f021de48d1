package salesforce_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

func TestCreateReturnsIDAndSuccessOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.do("POST", "sobjects/Contact/", values{"LastName": "Doe", "FirstName": "Jane", "AccountId": b.account}).want(201)
	id := a.object()["id"].(string)
	require.Equal(t, values{"id": id, "success": true, "errors": []any{}}, a.object())
	require.Len(t, id, 18)
	require.Equal(t, "003", id[:3])
	require.Equal(t, "/services/data/v65.0/sobjects/Contact/"+id, a.header.Get("Location"))

	got := b.do("GET", "sobjects/Contact/"+id, nil).want(200).object()
	require.Equal(t, "Jane Doe", got["Name"])
	require.Equal(t, b.api, got["OwnerId"])
	require.Equal(t, b.api, got["LastModifiedById"])
	require.Equal(t, "2026-11-18T12:00:00.000+0000", got["SystemModstamp"])
	require.Equal(t, values{"type": "Contact", "url": "/services/data/v65.0/sobjects/Contact/" + id}, got["attributes"])
	require.Nil(t, got["MailingAddress"])
	require.Equal(t, id, b.do("GET", "sobjects/Contact/"+id[:15]+"?fields=Id,LastName", nil).want(200).object()["Id"], "15-character ids are accepted")
}

func TestCompoundAddress(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Doe", values{"MailingCity": "Bonn", "MailingStreet": "Am Hof 1\nHinterhaus"})
	got := b.do("GET", "sobjects/Contact/"+id+"?fields=MailingAddress,MailingStreet", nil).want(200).object()
	require.Equal(t, values{"city": "Bonn", "street": "Am Hof 1\nHinterhaus", "country": nil, "geocodeAccuracy": nil, "latitude": nil, "longitude": nil,
		"postalCode": nil, "state": nil}, got["MailingAddress"])
	b.do("PATCH", "sobjects/Contact/"+id, values{"MailingAddress": values{"city": "Köln"}}).fails(400, "INVALID_FIELD_FOR_INSERT_UPDATE")
}

func TestUpdateMovesTheStampEvenWithoutAChange(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Doe")
	b.clock.advance(time.Minute)
	require.Empty(t, b.do("PATCH", "sobjects/Contact/"+id, values{"LastName": "Doe"}).want(204).raw)
	got := b.do("GET", "sobjects/Contact/"+id, nil).want(200).object()
	require.Equal(t, "2026-11-18T12:01:00.000+0000", got["SystemModstamp"])
	require.Equal(t, "2026-11-18T12:00:00.000+0000", got["CreatedDate"])
	require.Equal(t, b.api, got["LastModifiedById"])
}

func TestTwoEditsWithinASecondCarryOneStamp(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Doe")
	b.clock.advance(2 * time.Second)
	b.do("PATCH", "sobjects/Contact/"+id, values{"Title": "One"}).want(204)
	first := b.column("SELECT SystemModstamp FROM Contact", "SystemModstamp")
	b.clock.advance(300 * time.Millisecond)
	b.do("PATCH", "sobjects/Contact/"+id, values{"Title": "Two"}).want(204)
	since := stamp(b.clock.now())
	require.Equal(t, first, b.column("SELECT SystemModstamp FROM Contact", "SystemModstamp"))
	require.Empty(t, b.column("SELECT Title FROM Contact WHERE SystemModstamp > "+since, "Title"), "a strict poll loses the second edit")
	require.Equal(t, []any{"Two"}, b.column("SELECT Title FROM Contact WHERE SystemModstamp >= "+since, "Title"))
}

func TestRowErrors(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	taken := b.contact("Taken", values{"Repsync_Key__c": "k1"})
	gone := b.contact("Gone")
	b.do("DELETE", "sobjects/Contact/"+gone, nil).want(204)
	goneAccount := b.insert("Account", values{"Name": "Gone"})
	require.NoError(t, b.s.Delete("Account", goneAccount, ""))
	inactive := b.s.AddUser(salesforce.User{Username: "old@acme.test", Name: "Old Hand"})
	b.s.AddField("Contact", salesforce.Field{Name: "Grade__c", Type: salesforce.TypePicklist, Picklist: []string{"A", "B"}, Restricted: true})
	live := b.contact("Live")
	b.s.AddValidation("Contact", func(v map[string]any) (string, string) {
		if v["Department"] == "Legal" {
			return "No contacts of the legal department", "Department"
		}
		return "", ""
	})
	long := strings.Repeat("ä", 41)
	for name, c := range map[string]struct {
		method, path string
		body         any
		status       int
		code         string
		message      string
		fields       []any
	}{
		"required field":         {"POST", "sobjects/Contact", values{"FirstName": "X"}, 400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", []any{"LastName"}},
		"required field emptied": {"PATCH", "sobjects/Contact/" + live, values{"LastName": ""}, 400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", []any{"LastName"}},
		"too long":               {"PATCH", "sobjects/Contact/" + live, values{"FirstName": long}, 400, "STRING_TOO_LONG", "First Name: data value too large: " + long + " (max length=40)", []any{"FirstName"}},
		"bad email":              {"PATCH", "sobjects/Contact/" + live, values{"Email": "jane@"}, 400, "INVALID_EMAIL_ADDRESS", "Email: invalid email address: jane@", []any{"Email"}},
		"accented email":         {"PATCH", "sobjects/Contact/" + live, values{"Email": "jürgen@x.test"}, 400, "INVALID_EMAIL_ADDRESS", "", []any{"Email"}},
		"unknown field":          {"PATCH", "sobjects/Contact/" + live, values{"Nope__c": 1}, 400, "INVALID_FIELD", "No such column 'Nope__c' on sobject of type Contact", nil},
		"read-only field":        {"PATCH", "sobjects/Contact/" + live, values{"Name": "X"}, 400, "INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: Name. Please check the security settings of this field and verify that it is read/write for your profile or permission set.", []any{"Name"}},
		"audit field":            {"PATCH", "sobjects/Contact/" + live, values{"SystemModstamp": "2020-01-01T00:00:00Z"}, 400, "INVALID_FIELD_FOR_INSERT_UPDATE", "", []any{"SystemModstamp"}},
		"id in the body":         {"PATCH", "sobjects/Contact/" + live, values{"Id": live, "LastName": "X"}, 400, "INVALID_FIELD", "", []any{}},
		"malformed lookup":       {"PATCH", "sobjects/Contact/" + live, values{"AccountId": "abc"}, 400, "MALFORMED_ID", "Account ID: id value of incorrect type: abc", []any{"AccountId"}},
		"lookup of another kind": {"PATCH", "sobjects/Contact/" + live, values{"AccountId": taken}, 400, "FIELD_INTEGRITY_EXCEPTION", "Account ID: id value of incorrect type: " + taken, []any{"AccountId"}},
		"lookup of nothing":      {"PATCH", "sobjects/Contact/" + live, values{"AccountId": "001Rs0000zzzzzz"}, 400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", []any{"AccountId"}},
		"lookup of a deleted":    {"PATCH", "sobjects/Contact/" + live, values{"AccountId": goneAccount}, 400, "ENTITY_IS_DELETED", "entity is deleted", []any{"AccountId"}},
		"inactive owner":         {"PATCH", "sobjects/Contact/" + live, values{"OwnerId": inactive}, 400, "INACTIVE_OWNER_OR_USER", "", []any{"OwnerId"}},
		"duplicate key":          {"PATCH", "sobjects/Contact/" + live, values{"Repsync_Key__c": "k1"}, 400, "DUPLICATE_VALUE", "duplicate value found: Repsync_Key__c duplicates value on record with id: " + taken[:15], []any{}},
		"validation rule":        {"PATCH", "sobjects/Contact/" + live, values{"Department": "Legal"}, 400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "No contacts of the legal department", []any{"Department"}},
		"restricted picklist":    {"PATCH", "sobjects/Contact/" + live, values{"Grade__c": "C"}, 400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Grade: bad value for restricted picklist field: C", []any{"Grade__c"}},
		"bad date":               {"PATCH", "sobjects/Contact/" + live, values{"Birthdate": "soon"}, 400, "JSON_PARSER_ERROR", "Cannot deserialize instance of date from VALUE_STRING value soon or request may be missing a required field at [line:1, column:2]", nil},
		"no boolean":             {"PATCH", "sobjects/Contact/" + live, values{"DoNotCall": "maybe"}, 400, "JSON_PARSER_ERROR", "", nil},
		"number for a text":      {"PATCH", "sobjects/Contact/" + live, values{"Title": 3}, 400, "JSON_PARSER_ERROR", "", nil},
		"no JSON":                {"POST", "sobjects/Contact", "{nope", 400, "JSON_PARSER_ERROR", "", nil},
		"no body":                {"PATCH", "sobjects/Contact/" + live, "", 400, "JSON_PARSER_ERROR", "", nil},
		"update of a deleted":    {"PATCH", "sobjects/Contact/" + gone, values{"Title": "X"}, 404, "ENTITY_IS_DELETED", "entity is deleted", []any{}},
		"delete of a deleted":    {"DELETE", "sobjects/Contact/" + gone, nil, 404, "ENTITY_IS_DELETED", "entity is deleted", []any{}},
		"get of a deleted":       {"GET", "sobjects/Contact/" + gone, nil, 404, "ENTITY_IS_DELETED", "entity is deleted", []any{}},
		"get of nothing":         {"GET", "sobjects/Contact/003Rs0000zzzzzz", nil, 404, "NOT_FOUND", "The requested resource does not exist", nil},
		"update of nothing":      {"PATCH", "sobjects/Contact/003Rs0000zzzzzz", values{"Title": "X"}, 404, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", []any{}},
		"delete of nothing":      {"DELETE", "sobjects/Contact/003Rs0000zzzzzz", nil, 404, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", []any{}},
		"update of another kind": {"PATCH", "sobjects/Account/" + live, values{"Name": "X"}, 400, "MALFORMED_ID", "Account ID: id value of incorrect type: " + live, []any{"Id"}},
		"update by no id":        {"PATCH", "sobjects/Contact/xyz", values{"Title": "X"}, 404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: xyz", nil},
		"delete, wrong checksum": {"DELETE", "sobjects/Contact/" + live[:15] + "999", nil, 400, "MALFORMED_ID", "", []any{"Id"}},
		"get of another kind":    {"GET", "sobjects/Account/" + live, nil, 404, "NOT_FOUND", "The requested resource does not exist", nil},
		"malformed id":           {"GET", "sobjects/Contact/xyz", nil, 404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: xyz", nil},
		"wrong checksum":         {"GET", "sobjects/Contact/" + live[:15] + "999", nil, 404, "NOT_FOUND", "", nil},
		"unknown object":         {"GET", "sobjects/Nope__c/describe", nil, 404, "NOT_FOUND", "The requested resource does not exist", nil},
		"unknown resource":       {"GET", "nothing/here", nil, 404, "NOT_FOUND", "The requested resource does not exist", nil},
		"wrong method":           {"PUT", "sobjects/Contact/" + live, values{}, 405, "METHOD_NOT_ALLOWED", "HTTP Method 'PUT' not allowed. Allowed are HEAD,GET,PATCH,DELETE", nil},
		"upsert without a value": {"PATCH", "sobjects/Contact", values{}, 405, "METHOD_NOT_ALLOWED", "HTTP Method 'PATCH' not allowed. Allowed are HEAD,GET,POST", nil},
		"setup object":           {"POST", "sobjects/Profile", values{"Name": "X"}, 400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "", []any{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := *b
			b.t = t
			a := b.do(c.method, c.path, c.body)
			message := a.fails(c.status, c.code)
			if c.message != "" {
				require.Equal(t, c.message, message)
			}
			if c.fields == nil {
				require.NotContains(t, a.list()[0], "fields")
			} else {
				require.Equal(t, c.fields, a.list()[0].(values)["fields"])
			}
		})
	}
}

func TestFieldLengthsAreTheVendors(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	got := map[string]int{}
	for _, f := range b.do("GET", "sobjects/Contact/describe", nil).want(200).object()["fields"].([]any) {
		got[f.(values)["name"].(string)] = int(f.(values)["length"].(float64))
	}
	for name, length := range map[string]int{"FirstName": 40, "LastName": 80, "MiddleName": 40, "Suffix": 40, "Title": 128, "Department": 80, "Email": 80,
		"Phone": 40, "MailingCity": 40, "MailingState": 80, "MailingPostalCode": 20, "MailingCountry": 80, "MailingStreet": 255, "Description": 32000,
		"AssistantName": 40, "Repsync_Key__c": 255, "Id": 18} {
		require.Equal(t, length, got[name], name)
	}
}

func TestTextsAreTrimmedAndEmptyIsNull(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Doe", values{"Title": "Boss"})
	b.do("PATCH", "sobjects/Contact/"+id, values{"FirstName": "  Jane ", "Title": ""}).want(204)
	got := b.do("GET", "sobjects/Contact/"+id, nil).want(200).object()
	require.Equal(t, "Jane", got["FirstName"])
	require.Nil(t, got["Title"])
}

func TestAddressesLoseTheirCapitals(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Doe", values{"Email": "Jane.Doe@Customer.test"})
	require.Equal(t, "jane.doe@customer.test", b.do("GET", "sobjects/Contact/"+id, nil).want(200).object()["Email"])
}

func TestIfUnmodifiedSince(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Doe")
	read := b.do("GET", "sobjects/Contact/"+id, nil).want(200).header.Get("Last-Modified")
	require.NotEmpty(t, read)
	b.do("PATCH", "sobjects/Contact/"+id, values{"Title": "A"}, "If-Unmodified-Since", read).want(204)
	b.clock.advance(time.Second)
	b.do("PATCH", "sobjects/Contact/"+id, values{"Title": "B"}).want(204)
	b.do("PATCH", "sobjects/Contact/"+id, values{"Title": "C"}, "If-Unmodified-Since", read).want(412)
	b.do("PATCH", "sobjects/Contact/"+id, values{"Title": "C"}, "If-Unmodified-Since", "yesterday").want(400)
	b.do("DELETE", "sobjects/Contact/"+id, nil, "If-Unmodified-Since", read).want(204) // DELETE heeds no condition
}

func TestETagWorksForAccountOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Doe")
	require.Empty(t, b.do("GET", "sobjects/Contact/"+id, nil).want(200).header.Get("ETag"))
	b.do("PATCH", "sobjects/Contact/"+id, values{"Title": "A"}, "If-Match", `"other"`).want(204)
	tag := b.do("GET", "sobjects/Account/"+b.account, nil).want(200).header.Get("ETag")
	b.do("PATCH", "sobjects/Account/"+b.account, values{"Phone": "1"}, "If-Match", `"other"`).want(412)
	b.clock.advance(time.Second)
	b.do("PATCH", "sobjects/Account/"+b.account, values{"Phone": "1"}, "If-Match", tag).want(204)
	b.do("PATCH", "sobjects/Account/"+b.account, values{"Phone": "2"}, "If-Match", tag).want(412)
}

func TestIfModifiedSince(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Doe")
	b.do("GET", "sobjects/Contact/"+id, nil, "If-Modified-Since", b.clock.now().Format(http.TimeFormat)).want(304)
	b.do("GET", "sobjects/Contact/"+id, nil, "If-Modified-Since", b.clock.now().Add(-time.Hour).Format(http.TimeFormat)).want(200)
}

func TestUpsertByExternalID(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := "sobjects/Contact/Repsync_Key__c/acme%2Fk%201"
	first := b.do("PATCH", path, values{"LastName": "Doe"}).want(201).object()
	require.Equal(t, true, first["created"])
	again := b.do("PATCH", path, values{"LastName": "Doe"}).want(200).object() // safe to send again
	require.Equal(t, values{"id": first["id"], "success": true, "errors": []any{}, "created": false}, again)
	require.Equal(t, first["id"], b.do("GET", path, nil).want(200).object()["Id"])
	require.Equal(t, []any{"acme/k 1"}, b.column("SELECT Repsync_Key__c FROM Contact", "Repsync_Key__c"))
	b.do("PATCH", path, values{"LastName": "Doe", "Repsync_Key__c": "x"}).fails(400, "INVALID_FIELD")
	b.do("PATCH", "sobjects/Contact/Title/x", values{"LastName": "Doe"}).fails(404, "NOT_FOUND")
	b.do("GET", "sobjects/Contact/Repsync_Key__c/none", nil).fails(404, "NOT_FOUND")
	upper := b.do("PATCH", "sobjects/Contact/Repsync_Key__c/ACME%2Fk%201", values{"LastName": "Other"}).want(201).object()
	require.NotEqual(t, first["id"], upper["id"], "the key minds case")
}

func TestUpsertWithSeveralMatchesAnswers300(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.s.AddField("Contact", salesforce.Field{Name: "Legacy__c", Type: salesforce.TypeString, ExternalID: true})
	one, two := b.contact("One", values{"Legacy__c": "L"}), b.contact("Two", values{"Legacy__c": "l"})
	got := b.do("PATCH", "sobjects/Contact/Legacy__c/L", values{"LastName": "X"}).want(300).list()
	require.Equal(t, []any{"/services/data/v65.0/sobjects/Contact/" + one, "/services/data/v65.0/sobjects/Contact/" + two}, got)
	row := b.do("PATCH", "composite/sobjects/Contact/Legacy__c", values{"records": []any{values{"attributes": values{"type": "Contact"}, "Legacy__c": "L", "LastName": "X"}}}).want(200).list()[0]
	rowFails(t, row, "DUPLICATE_EXTERNAL_ID")
	require.Equal(t, []any{"One", "Two"}, b.column("SELECT LastName FROM Contact ORDER BY LastName", "LastName"))
}

func TestDuplicateRule(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	there := b.contact("Doe", values{"Email": "jane@x.test"})
	twin := values{"LastName": "Roe", "Email": "JANE@x.test"}
	b.s.SetDuplicateRule("Contact", &salesforce.DuplicateRule{})
	a := b.do("POST", "sobjects/Contact", twin)
	require.Equal(t, "Use one of these records?", a.fails(400, "DUPLICATES_DETECTED"))
	result := a.list()[0].(values)["duplicateResut"].(values)
	require.Equal(t, "Standard_Contact_Duplicate_Rule", result["duplicateRule"])
	record := result["matchResults"].([]any)[0].(values)["matchRecords"].([]any)[0].(values)["record"].(values)
	require.Equal(t, there, record["Id"])
	b.do("POST", "sobjects/Contact", twin, "Sforce-Duplicate-Rule-Header", "allowSave=true").want(201)
	b.s.SetDuplicateRule("Contact", &salesforce.DuplicateRule{Block: true})
	b.do("POST", "sobjects/Contact", twin, "Sforce-Duplicate-Rule-Header", "allowSave=true").fails(400, "DUPLICATES_DETECTED")
	b.s.SetDuplicateRule("Contact", nil)
	b.do("POST", "sobjects/Contact", twin).want(201)
}

func TestParentByExternalID(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.s.AddField("Account", salesforce.Field{Name: "Code__c", Type: salesforce.TypeString, ExternalID: true, Unique: true})
	require.NoError(t, b.s.Update("Account", b.account, values{"Code__c": "A1"}, ""))
	b.do("POST", "sobjects/Contact", values{"LastName": "Doe", "Account": values{"Code__c": "A1"}}).want(201)
	b.do("POST", "sobjects/Contact", values{"LastName": "Doe", "Account": values{"Code__c": "A2"}}).fails(400, "INVALID_FIELD")
	require.Equal(t, []any{b.account}, b.column("SELECT AccountId FROM Contact", "AccountId"))
}
