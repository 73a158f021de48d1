package salesforce_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

// describeFields returns the fields of Contact as a caller sees them.
func (b *bench) describeFields() map[string]values {
	b.t.Helper()
	out := map[string]values{}
	for _, f := range b.do("GET", "sobjects/Contact/describe", nil).want(200).object()["fields"].([]any) {
		out[f.(values)["name"].(string)] = f.(values)
	}
	return out
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	got := b.describeFields()
	for field, want := range map[string]values{
		"Id":             {"type": "id", "createable": false, "updateable": false, "nillable": false, "idLookup": true, "label": "Contact ID"},
		"LastName":       {"type": "string", "nillable": false, "createable": true, "compoundFieldName": "Name"},
		"Name":           {"type": "string", "createable": false, "nameField": true, "length": 121.0},
		"Email":          {"type": "email", "idLookup": true, "nillable": true, "soapType": "xsd:string"},
		"AccountId":      {"type": "reference", "referenceTo": []any{"Account"}, "relationshipName": "Account", "soapType": "tns:ID"},
		"OwnerId":        {"defaultedOnCreate": true, "updateable": true, "nillable": false, "relationshipName": "Owner"},
		"MailingAddress": {"type": "address", "createable": false, "filterable": false},
		"MailingCity":    {"compoundFieldName": "MailingAddress"},
		"Repsync_Key__c": {"custom": true, "externalId": true, "unique": true, "caseSensitive": true, "idLookup": true},
		"SystemModstamp": {"type": "datetime", "updateable": false, "nillable": false},
		"DoNotCall":      {"type": "boolean", "nillable": false, "defaultedOnCreate": true, "defaultValue": false},
	} {
		for key, value := range want {
			require.Equal(t, value, got[field][key], "%s.%s", field, key)
		}
	}
	require.Contains(t, fmt.Sprint(got["Status__c"]["picklistValues"]), "Active candidate")
	object := b.do("GET", "sobjects/Contact/describe/", nil).want(200).object()
	require.Equal(t, "003", object["keyPrefix"])
	require.Equal(t, true, object["createable"])
	names := []string{}
	for _, o := range b.do("GET", "sobjects/", nil).want(200).object()["sobjects"].([]any) {
		names = append(names, o.(values)["name"].(string))
	}
	require.Subset(t, names, []string{"Contact", "Account", "Lead", "User", "Profile", "FieldPermissions", "PermissionSetAssignment", "UserRecordAccess"})
}

func TestInvisibleFieldIsAsIfMissing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Doe", values{"Phone": "1", "MailingCity": "Bonn"})
	b.s.SetFieldAccess("Field Sales", "Contact", "Phone", false, false)
	b.s.SetFieldAccess("Field Sales", "Contact", "MailingCity", false, false) // the whole address goes
	rep := b.as(b.alice)
	fields := rep.describeFields()
	for _, name := range []string{"Phone", "MailingCity", "MailingStreet", "MailingAddress"} {
		require.NotContains(t, fields, name)
		require.Contains(t, rep.query("SELECT "+name+" FROM Contact").fails(400, "INVALID_FIELD"), "No such column '"+name+"' on entity 'Contact'.")
		rep.do("GET", "sobjects/Contact/"+id+"?fields="+name, nil).fails(400, "INVALID_FIELD")
	}
	rep.query("SELECT Id FROM Contact WHERE Phone = '1'").fails(400, "INVALID_FIELD")
	rep.query("SELECT Id FROM Contact ORDER BY Phone").fails(400, "INVALID_FIELD")
	rep.query("SELECT FIELDS(ALL) FROM Contact LIMIT 1").want(200)
	require.NotContains(t, rep.do("GET", "sobjects/Contact/"+id, nil).want(200).object(), "Phone")
	rep.do("PATCH", "sobjects/Contact/"+id, values{"Phone": "2"}).fails(400, "INVALID_FIELD")
	require.Equal(t, []any{"1"}, b.column("SELECT Phone FROM Contact", "Phone"), "the integration user's profile sees it")
}

func TestReadOnlyFieldCannotBeWritten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Doe", values{"Title": "Boss"})
	b.s.SetFieldAccess("Field Sales", "Contact", "Title", true, false)
	rep := b.as(b.alice)
	require.Equal(t, false, rep.describeFields()["Title"]["updateable"])
	require.Equal(t, true, b.describeFields()["Title"]["updateable"])
	require.Equal(t, []any{"Boss"}, rep.column("SELECT Title FROM Contact", "Title"))
	a := rep.do("PATCH", "sobjects/Contact/"+id, values{"Title": "X", "Phone": "1"})
	a.fails(400, "INVALID_FIELD_FOR_INSERT_UPDATE")
	require.Equal(t, []any{"Title"}, a.list()[0].(values)["fields"])
	require.Equal(t, []any{nil}, rep.column("SELECT Phone FROM Contact", "Phone"), "nothing of it was written")
}

func TestPermissionSetWidensTheProfile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.contact("Doe", values{"Phone": "1"})
	b.s.SetFieldAccess("Field Sales", "Contact", "Phone", false, false)
	set := b.s.AddPermissionSet("Phones")
	b.s.SetFieldAccess("Phones", "Contact", "Phone", true, false)
	b.s.Assign(b.alice, set)
	require.Equal(t, []any{"1"}, b.as(b.alice).column("SELECT Phone FROM Contact", "Phone"))
	b.as(b.bob).query("SELECT Phone FROM Contact").fails(400, "INVALID_FIELD")
}

func TestFieldPermissionsRows(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.s.SetFieldAccess("Field Sales", "Contact", "Phone", false, false)
	b.s.SetFieldAccess("Field Sales", "Contact", "Title", true, false)
	soql := "SELECT Field, PermissionsRead, PermissionsEdit FROM FieldPermissions WHERE SobjectType = 'Contact' AND ParentId IN (SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = '%s')"
	rows := map[string]values{}
	for _, r := range b.query(fmt.Sprintf(soql, b.alice)).want(200).object()["records"].([]any) {
		rows[r.(values)["Field"].(string)] = r.(values)
	}
	require.NotContains(t, rows, "Contact.Phone", "a field that may not be read has no row")
	require.Equal(t, false, rows["Contact.Title"]["PermissionsEdit"])
	require.Equal(t, true, rows["Contact.Email"]["PermissionsEdit"])
	require.Contains(t, rows, "Contact.MailingAddress")
	for _, name := range []string{"Id", "LastName", "FirstName", "Name", "OwnerId", "SystemModstamp", "MailingCity"} {
		require.NotContains(t, rows, "Contact."+name, "not permissionable")
	}
	profile := b.query("SELECT Profile.Name, IsActive, Username FROM User WHERE Email = 'ALICE@acme.test' AND IsActive = true").want(200).object()["records"].([]any)
	require.Equal(t, "Field Sales", profile[0].(values)["Profile"].(values)["Name"])
	own := b.column("SELECT ParentId FROM FieldPermissions WHERE Parent.ProfileId != null AND Parent.Profile.Name = 'Field Sales' AND Field = 'Contact.Title'", "ParentId")
	require.Len(t, own, 1)
}

func TestContactsWithoutAnAccountArePrivate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Private", values{"AccountId": nil})
	b.contact("Public")
	require.Equal(t, []any{"Public"}, b.as(b.bob).column("SELECT LastName FROM Contact", "LastName"))
	require.Len(t, b.as(b.alice).column("SELECT LastName FROM Contact", "LastName"), 2)
	require.Len(t, b.column("SELECT LastName FROM Contact", "LastName"), 2, "an integration user sees all")
	b.as(b.bob).do("GET", "sobjects/Contact/"+id, nil).fails(404, "NOT_FOUND")
}

func TestSharing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Doe")
	bob := b.as(b.bob)
	patch := func() answer { return bob.do("PATCH", "sobjects/Contact/"+id, values{"Title": "X"}) }
	patch().want(204)
	bob.do("PATCH", "sobjects/Contact/"+id, values{"OwnerId": b.bob}).fails(403, "INSUFFICIENT_ACCESS_OR_READONLY") // nor transfer
	bob.do("DELETE", "sobjects/Contact/"+id, nil).fails(403, "INSUFFICIENT_ACCESS_OR_READONLY")                     // edit is not delete
	b.s.SetSharing("Contact", salesforce.PublicReadOnly)
	patch().fails(403, "INSUFFICIENT_ACCESS_OR_READONLY")
	require.Len(t, bob.column("SELECT Id FROM Contact", "Id"), 1)
	b.s.SetSharing("Contact", salesforce.Private)
	patch().fails(403, "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY")
	require.Empty(t, bob.column("SELECT Id FROM Contact", "Id"))
	bob.do("GET", "sobjects/Contact/"+id, nil).fails(404, "NOT_FOUND")
	b.s.Share(id, b.bob, salesforce.Access{Read: true})
	require.Len(t, bob.column("SELECT Id FROM Contact", "Id"), 1)
	patch().fails(403, "INSUFFICIENT_ACCESS_OR_READONLY")
	b.s.Share(id, b.bob, salesforce.Access{Read: true, Edit: true})
	patch().want(204)
	b.s.Share(id, b.bob, salesforce.Access{})
	require.Empty(t, bob.column("SELECT Id FROM Contact", "Id"))
	viewer := b.s.AddUser(salesforce.User{Username: "view@acme.test", Active: true, ViewAll: true})
	require.Len(t, b.as(viewer).column("SELECT Id FROM Contact", "Id"), 1)
	b.as(viewer).do("PATCH", "sobjects/Contact/"+id, values{"Title": "X"}).fails(403, "INSUFFICIENT_ACCESS_OR_READONLY")
	b.do("PATCH", "sobjects/Contact/"+id, values{"OwnerId": b.bob}).want(204) // reassigned
	require.Len(t, bob.column("SELECT Id FROM Contact", "Id"), 1)
	require.Empty(t, b.as(b.alice).column("SELECT Id FROM Contact", "Id"))
}

func TestUserRecordAccess(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	public, private, bobs := b.contact("Public"), b.contact("Private", values{"AccountId": nil}), b.contact("Bob's", values{"OwnerId": b.bob})
	ids := "'" + strings.Join([]string{public, private, bobs, "003Rs0000zzzzzz"}, "','") + "'"
	got := map[string]string{}
	result := b.query("SELECT RecordId, HasReadAccess, HasEditAccess, HasDeleteAccess, MaxAccessLevel FROM UserRecordAccess WHERE UserId = '" + b.bob + "' AND RecordId IN (" + ids + ")").want(200).object()
	for _, r := range result["records"].([]any) {
		v := r.(values)
		got[v["RecordId"].(string)] = fmt.Sprintf("%v %v %v %v", v["HasReadAccess"], v["HasEditAccess"], v["HasDeleteAccess"], v["MaxAccessLevel"])
	}
	require.Equal(t, map[string]string{public: "true true false Edit", private: "false false false None", bobs: "true true true All"}, got)
	require.Len(t, b.column("SELECT RecordId FROM UserRecordAccess WHERE UserId = '"+b.bob+"' AND RecordId IN ("+ids+") AND HasReadAccess = true", "RecordId"), 2)
	b.query("SELECT RecordId FROM UserRecordAccess WHERE UserId = '"+b.bob+"'").fails(400, "MALFORMED_QUERY")
	b.query("SELECT RecordId FROM UserRecordAccess WHERE RecordId = '"+public+"'").fails(400, "MALFORMED_QUERY")
	many := []string{}
	for i := range 201 {
		many = append(many, fmt.Sprintf("'003Rs00%08d'", i))
	}
	b.query("SELECT RecordId FROM UserRecordAccess WHERE UserId = '"+b.bob+"' AND RecordId IN ("+strings.Join(many, ",")+")").fails(400, "EXCEEDED_ID_LIMIT")
}

func TestOrganization(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.Equal(t, []any{b.s.OrgID()}, b.column("SELECT Id, Name FROM Organization", "Id"))
}
