package salesforce_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func contactRow(v values) values {
	v["attributes"] = values{"type": "Contact"}
	return v
}

func TestCollectionsAreOneCallWithAnErrorPerRow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.do("POST", "composite/sobjects", values{"allOrNone": false, "records": []any{
		contactRow(values{"LastName": "A"}), contactRow(values{"FirstName": "no last name"}), contactRow(values{"LastName": "B", "Email": "nope"}), contactRow(values{"LastName": "C"}),
	}}).want(200)
	require.Equal(t, "api-usage=1/100000", a.header.Get("Sforce-Limit-Info"))
	rows := a.list()
	require.Equal(t, values{"id": rows[0].(values)["id"], "success": true, "errors": []any{}}, rows[0])
	require.Equal(t, values{"success": false, "errors": []any{values{"statusCode": "REQUIRED_FIELD_MISSING", "message": "Required fields are missing: [LastName]", "fields": []any{"LastName"}}}}, rows[1])
	rowFails(t, rows[2], "INVALID_EMAIL_ADDRESS")
	require.Equal(t, []any{"A", "C"}, b.column("SELECT LastName FROM Contact ORDER BY LastName", "LastName"))

	id := rows[0].(values)["id"].(string)
	gone := rows[3].(values)["id"].(string)
	require.NoError(t, b.s.Delete("Contact", gone, ""))
	rows = b.do("PATCH", "composite/sobjects", values{"records": []any{
		contactRow(values{"id": id, "Title": "X"}), contactRow(values{"Id": gone, "Title": "X"}), contactRow(values{"id": "003Rs0000zzzzzz", "Title": "X"}),
		contactRow(values{"Title": "X"}), contactRow(values{"id": id, "Nope__c": 1}), contactRow(values{"id": "oops", "Title": "X"}),
	}}).want(200).list()
	require.Equal(t, values{"id": id, "success": true, "errors": []any{}}, rows[0])
	for i, code := range []string{"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "MISSING_ARGUMENT", "INVALID_FIELD", "MALFORMED_ID"} {
		rowFails(t, rows[i+1], code)
	}

	rows = b.do("DELETE", "composite/sobjects?ids="+id+","+gone+",zzz", nil).want(200).list()
	require.Equal(t, values{"id": id, "success": true, "errors": []any{}}, rows[0])
	rowFails(t, rows[1], "ENTITY_IS_DELETED")
	rowFails(t, rows[2], "MALFORMED_ID")
	require.Equal(t, map[string]int{"collections.create": 1, "collections.update": 1, "collections.delete": 1, "query": 1}, b.s.Calls())
}

func TestCollectionsAllOrNone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	body := values{"allOrNone": true, "records": []any{contactRow(values{"LastName": "A", "Repsync_Key__c": "k"}), contactRow(values{})}}
	rows := b.do("POST", "composite/sobjects", body).want(200).list()
	rowFails(t, rows[0], "ALL_OR_NONE_OPERATION_ROLLED_BACK")
	rowFails(t, rows[1], "REQUIRED_FIELD_MISSING")
	require.Empty(t, b.s.All("Contact"))
	id := b.contact("Kept", values{"Repsync_Key__c": "k"}) // the key is free again
	other := b.contact("Other")
	require.NoError(t, b.s.Delete("Contact", other, ""))
	b.do("DELETE", "composite/sobjects?allOrNone=true&ids="+id+","+other, nil).want(200)
	require.Equal(t, []any{"Kept"}, b.column("SELECT LastName FROM Contact WHERE Repsync_Key__c = 'k'", "LastName"))
	rows = b.do("PATCH", "composite/sobjects", values{"allOrNone": true, "records": []any{contactRow(values{"id": id, "Repsync_Key__c": "x"}), contactRow(values{"id": other})}}).want(200).list()
	rowFails(t, rows[0], "ALL_OR_NONE_OPERATION_ROLLED_BACK")
	require.Equal(t, []any{"Kept"}, b.column("SELECT LastName FROM Contact WHERE Repsync_Key__c = 'k'", "LastName"))
}

func TestCollectionLimits(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	records, ids := []any{}, []string{}
	for i := range 201 {
		records = append(records, contactRow(values{"LastName": fmt.Sprint(i)}))
		ids = append(ids, fmt.Sprintf("003Rs00%08d", i))
	}
	require.Equal(t, "record limit reached. cannot submit more than 200 records into this call", b.do("POST", "composite/sobjects", values{"records": records}).fails(400, "EXCEEDED_ID_LIMIT"))
	b.do("PATCH", "composite/sobjects", values{"records": records}).fails(400, "EXCEEDED_ID_LIMIT")
	b.do("DELETE", "composite/sobjects?ids="+strings.Join(ids, ","), nil).fails(400, "EXCEEDED_ID_LIMIT")
	require.Empty(t, b.s.All("Contact"))
	require.Len(t, b.do("POST", "composite/sobjects", values{"records": records[:200]}).want(200).list(), 200)
	b.do("POST", "composite/sobjects", values{}).fails(400, "MISSING_ARGUMENT")
	row := b.do("POST", "composite/sobjects", values{"records": []any{values{"LastName": "x"}}}).want(200).list()[0]
	rowFails(t, row, "INVALID_TYPE")
}

func TestCollectionThatCannotBeReadFailsWhole(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.do("POST", "composite/sobjects", values{"records": []any{contactRow(values{"LastName": "A"}), contactRow(values{"LastName": "B", "Birthdate": "soon"})}}).fails(400, "JSON_PARSER_ERROR")
	require.Empty(t, b.s.All("Contact"))
}

func TestCollectionUpsert(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	there := b.contact("There", values{"Repsync_Key__c": "k1"})
	send := func() []any {
		return b.do("PATCH", "composite/sobjects/Contact/Repsync_Key__c", values{"records": []any{
			contactRow(values{"Repsync_Key__c": "k1", "LastName": "One"}), contactRow(values{"Repsync_Key__c": "k2", "LastName": "Two"}),
			contactRow(values{"LastName": "No key"}), contactRow(values{"Repsync_Key__c": "k3"}),
			contactRow(values{"Repsync_Key__c": "k4", "LastName": "Twin"}), contactRow(values{"Repsync_Key__c": "k4", "LastName": "Twin"}),
		}}).want(200).list()
	}
	rows := send()
	require.Equal(t, values{"id": there, "success": true, "errors": []any{}, "created": false}, rows[0])
	require.Equal(t, true, rows[1].(values)["created"])
	for i, code := range []string{"MISSING_ARGUMENT", "REQUIRED_FIELD_MISSING", "DUPLICATE_VALUE", "DUPLICATE_VALUE"} {
		rowFails(t, rows[i+2], code)
	}
	again := send()
	require.Equal(t, rows[1].(values)["id"], again[1].(values)["id"], "sending again makes no double")
	require.Equal(t, []any{"One", "Two"}, b.column("SELECT LastName FROM Contact ORDER BY LastName", "LastName"))
	b.do("PATCH", "composite/sobjects/Contact/Title", values{"records": []any{}}).fails(404, "NOT_FOUND")
}

func TestCollectionRetrieve(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, gone := b.contact("One"), b.contact("Gone")
	require.NoError(t, b.s.Delete("Contact", gone, ""))
	rows := b.do("POST", "composite/sobjects/Contact", values{"ids": []string{gone, one, "003Rs0000zzzzzz", one[:15]}, "fields": []string{"LastName", "SystemModstamp"}}).want(200).list()
	require.Len(t, rows, 4)
	require.Nil(t, rows[0])
	require.Nil(t, rows[2])
	require.Equal(t, "One", rows[1].(values)["LastName"])
	require.Equal(t, one, rows[3].(values)["Id"])
	require.Equal(t, rows, b.do("GET", "composite/sobjects/Contact?fields=LastName,SystemModstamp&ids="+url.QueryEscape(strings.Join([]string{gone, one, "003Rs0000zzzzzz", one[:15]}, ",")), nil).want(200).list())
	b.do("POST", "composite/sobjects/Contact", values{"ids": []string{one}, "fields": []string{"Nope"}}).fails(400, "INVALID_FIELD")
	b.do("POST", "composite/sobjects/Contact", values{"ids": []string{"x"}, "fields": []string{"Id"}}).fails(400, "MALFORMED_ID")
}

func TestComposite(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	body := func(allOrNone bool, last string) values {
		return values{"allOrNone": allOrNone, "compositeRequest": []any{
			values{"method": "POST", "url": "/services/data/v65.0/sobjects/Account", "referenceId": "acc", "body": values{"Name": "New \"Co\""}},
			values{"method": "POST", "url": "/services/data/v65.0/sobjects/Contact", "referenceId": "con", "body": values{"LastName": last, "AccountId": "@{acc.id}"}},
			values{"method": "GET", "url": "/services/data/v65.0/sobjects/Contact/@{con.id}?fields=Name,Account.Name", "referenceId": "bad"},
			values{"method": "GET", "url": "/services/data/v65.0/query?q=SELECT+Name+FROM+Account+WHERE+Id='@{acc.id}'", "referenceId": "q"},
			values{"method": "PATCH", "url": "/services/data/v65.0/sobjects/Account/@{acc.id}", "referenceId": "upd", "body": values{"Description": "@{q.records[0].Name}"}},
		}}
	}
	statuses := func(a answer) (out []any) {
		for _, r := range a.want(200).object()["compositeResponse"].([]any) {
			out = append(out, r.(values)["httpStatusCode"])
		}
		return out
	}
	a := b.do("POST", "composite", body(false, "Doe"))
	require.Equal(t, []any{201.0, 201.0, 400.0, 200.0, 204.0}, statuses(a))
	require.Equal(t, "api-usage=1/100000", a.header.Get("Sforce-Limit-Info"))
	require.Equal(t, []any{"New \"Co\""}, b.column("SELECT Description FROM Account WHERE Name LIKE 'New%'", "Description"))
	require.Equal(t, map[string]int{"composite": 1, "query": 1}, b.s.Calls())

	a = b.do("POST", "composite", body(true, ""))
	require.Equal(t, []any{400.0, 400.0, 400.0, 400.0, 400.0}, statuses(a))
	list := a.object()["compositeResponse"].([]any)
	require.Equal(t, "PROCESSING_HALTED", list[0].(values)["body"].([]any)[0].(values)["errorCode"])
	require.Equal(t, "REQUIRED_FIELD_MISSING", list[1].(values)["body"].([]any)[0].(values)["errorCode"])
	require.Len(t, b.column("SELECT Id FROM Account WHERE Name LIKE 'New%'", "Id"), 1, "the second account was taken back")

	a = b.do("POST", "composite", body(false, ""))
	require.Equal(t, []any{201.0, 400.0, 400.0, 200.0, 204.0}, statuses(a), "what refers to a failed one halts, the rest goes on")
	many := []any{}
	for i := range 26 {
		many = append(many, values{"method": "GET", "url": "/services/data/v65.0/limits", "referenceId": fmt.Sprint("r", i)})
	}
	b.do("POST", "composite", values{"compositeRequest": many}).fails(400, "LIMIT_EXCEEDED")
}

func TestBatch(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	got := b.do("POST", "composite/batch", values{"batchRequests": []any{
		values{"method": "POST", "url": "v65.0/sobjects/Contact", "richInput": values{"LastName": "Doe"}},
		values{"method": "GET", "url": "v65.0/query?q=" + url.QueryEscape("SELECT LastName FROM Contact")},
		values{"method": "GET", "url": "v65.0/sobjects/Contact/zzz"},
	}}).want(200).object()
	require.Equal(t, true, got["hasErrors"])
	results := got["results"].([]any)
	require.EqualValues(t, 201, results[0].(values)["statusCode"])
	require.Equal(t, []any{"Doe"}, column(results[1].(values)["result"].(values), "LastName"))
	require.EqualValues(t, 404, results[2].(values)["statusCode"])
}

func TestGraphsAreAllOrNoneEach(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	node := func(ref, last string) values {
		return values{"method": "POST", "url": "/services/data/v65.0/sobjects/Contact", "referenceId": ref, "body": values{"LastName": last}}
	}
	graphs := []any{
		values{"graphId": "good", "compositeRequest": []any{node("a", "A"), node("b", "B")}},
		values{"graphId": "bad", "compositeRequest": []any{node("a", "C"), node("b", "")}},
	}
	got := b.do("POST", "composite/graph", values{"graphs": graphs}).want(200).object()["graphs"].([]any)
	require.Equal(t, true, got[0].(values)["isSuccessful"])
	require.Equal(t, false, got[1].(values)["isSuccessful"])
	require.Equal(t, []any{"A", "B"}, b.column("SELECT LastName FROM Contact ORDER BY LastName", "LastName"))
	many := []any{}
	for i := range 501 {
		many = append(many, node(fmt.Sprint("r", i), "X"))
	}
	b.do("POST", "composite/graph", values{"graphs": []any{values{"graphId": "g", "compositeRequest": many}}}).fails(400, "LIMIT_EXCEEDED")
}
