package salesforce_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/credential"
	"github.com/repsync/repsync/internal/connector/salesforce"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
	sandbox "github.com/repsync/repsync/internal/sandbox/salesforce"
)

func (b *bench) contact(last string, more map[string]any) string {
	v := map[string]any{"LastName": last, "OwnerId": b.alice, "AccountId": b.account("Company 1")}
	maps.Copy(v, more)
	return b.insert("Contact", v)
}

func (b *bench) changes(q connector.Query) connector.Delta {
	b.t.Helper()
	var all connector.Delta
	for {
		d, err := b.crm.Changes(b.t.Context(), record.Contact, q)
		require.NoError(b.t, err)
		all.Items, all.Gone = append(all.Items, d.Items...), append(all.Gone, d.Gone...)
		if d.Token != nil {
			all.Token = d.Token
			return all
		}
		q.Page = d.Page
	}
}

func (b *bench) get(id string, extra ...string) connector.Item {
	b.t.Helper()
	items, gone, err := b.crm.Get(b.t.Context(), record.Contact, []connector.Ref{{ID: id}}, extra)
	require.NoError(b.t, err)
	require.Empty(b.t, gone)
	return items[0]
}

func (b *bench) write(op connector.Op) connector.Result {
	b.t.Helper()
	r, err := b.crm.Write(b.t.Context(), record.Contact, []connector.Op{op})
	require.NoError(b.t, err)
	return r[0]
}

func class(err error) (connector.Class, string) {
	var e *connector.Error
	if errors.As(err, &e) {
		return e.Class, e.Code
	}
	return connector.ClassOf(err), ""
}

func TestFullReadIsTheOwnersAndTheFeedEverybodys(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	bob := b.org.AddUser(sandbox.User{Username: "bob@acme.test", Name: "Bob", Active: true})
	mine, his := b.contact("Mine", nil), b.contact("His", map[string]any{"OwnerId": bob})
	d := b.changes(connector.Query{Owner: b.alice})
	require.Len(t, d.Items, 1)
	require.Equal(t, mine, d.Items[0].ID)
	require.Equal(t, b.alice, d.Items[0].Owner)
	require.Len(t, b.changes(connector.Query{}).Items, 2)

	feed := b.changes(connector.Query{FromNow: true}).Token
	b.clock.advance(time.Hour)
	require.NoError(t, b.org.Update("Contact", mine, map[string]any{"OwnerId": bob}, ""))
	d = b.changes(connector.Query{Token: feed})
	require.Len(t, d.Items, 3-1, "his once more, since a token from now on does not know it, and mine")
	for _, it := range d.Items {
		require.Equal(t, bob, it.Owner)
	}
	require.NotEmpty(t, his)
}

// A row of a long transaction appears with a stamp that is older than one already read.
func TestSlowCommitIsSeen(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	token := b.changes(connector.Query{}).Token
	b.org.SlowCommit(5 * time.Minute)
	slow := b.contact("Slow", nil)
	b.org.SlowCommit(0)
	b.clock.advance(time.Minute)
	quick := b.contact("Quick", nil)
	d := b.changes(connector.Query{Token: token})
	require.Len(t, d.Items, 1)
	require.Equal(t, quick, d.Items[0].ID)
	b.clock.advance(6 * time.Minute)
	d = b.changes(connector.Query{Token: d.Token})
	require.Len(t, d.Items, 1)
	require.Equal(t, slow, d.Items[0].ID)
	require.Empty(t, b.changes(connector.Query{Token: d.Token}).Items)
}

func TestPagesThatTheVendorCutsShort(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.org.SetPageLimit(2) // wide rows: fewer than asked for, and done: false
	want := map[string]bool{}
	for i := range 7 {
		want[b.contact(fmt.Sprintf("C%d", i), nil)] = true
	}
	d := b.changes(connector.Query{Owner: b.alice})
	require.Len(t, d.Items, 7)
	b.clock.advance(time.Hour)
	for id := range want {
		require.NoError(t, b.org.Update("Contact", id, map[string]any{"Title": "T"}, ""))
	}
	require.Len(t, b.changes(connector.Query{Token: d.Token}).Items, 7, "all with one stamp")
	for call := range b.faults.Calls() {
		require.NotContains(t, call, "/query/", "no locator is followed")
	}
}

// A bulk load fills the overlap; a token that stood still would have it read again at every poll.
func TestBulkLoadIsReadOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.crm = b.connect(salesforce.Config{PageSize: 2000})
	token := b.changes(connector.Query{FromNow: true}).Token
	for i := range 600 {
		b.contact(fmt.Sprintf("C%d", i), nil)
	}
	d := b.changes(connector.Query{Token: token})
	require.Len(t, d.Items, 600)
	b.clock.advance(time.Hour)
	d = b.changes(connector.Query{Token: d.Token})
	require.Empty(t, d.Items, "known by their hashes")
	require.Less(t, len(d.Token), 300, "an hour later none of it is in the overlap")
	late := b.contact("Late", nil)
	d = b.changes(connector.Query{Token: d.Token})
	require.Len(t, d.Items, 1)
	require.Equal(t, late, d.Items[0].ID)
}

func TestIntegrationUserIsFoundByName(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.faults.MustAdd(fault.Rule{Kind: fault.Status, Path: "/userinfo", Status: 404, Body: "not here"})
	token := b.org.NewSession(b.api)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := r.Clone(r.Context())
		out.Header.Set("Authorization", "Bearer "+token) // a gateway that takes basic authentication
		b.faults.Middleware(b.org).ServeHTTP(w, out)
	}))
	t.Cleanup(proxy.Close)
	id := b.contact("Doe", nil)
	b.crm = b.connect(salesforce.Config{BaseURL: proxy.URL, Auth: salesforce.Auth{Basic: &salesforce.Basic{Username: "api@acme.test", Password: credential.Fixed("p")}}})
	require.True(t, b.get(id).Moved)
	require.NoError(t, b.write(connector.Op{Verb: connector.Update, Ref: connector.Ref{ID: id}, Set: record.Fields{record.FieldTitle: "T"}}).Err)
	require.False(t, b.get(id).Moved)
}

func TestExtraFields(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.org.AddField("Contact", sandbox.Field{Name: "Score__c", Label: "Score", Type: sandbox.TypeDouble})
	id := b.contact("Doe", map[string]any{"Status__c": "Placed", "Score__c": 4.5, "DoNotCall": true})
	it := b.get(id, "Status__c", "Score__c", "DoNotCall", "Account.Industry", "Account.Name", "Owner.Name", "LeadSource")
	require.Equal(t, map[string]any{"Status__c": "Placed", "Score__c": 4.5, "DoNotCall": true, "LeadSource": nil,
		"Account": map[string]any{"Industry": nil, "Name": "Company 1"}, "Owner": map[string]any{"Name": "Alice Able"}}, it.Raw)
	require.Equal(t, it.Raw["Status__c"], b.changes(connector.Query{Extra: []string{"Status__c"}}).Items[0].Raw["Status__c"])
	for _, name := range []string{"Nope__c", "Account.Nope", "Nope.Name", "Id FROM User--", ""} {
		_, _, err := b.crm.Get(t.Context(), record.Contact, []connector.Ref{{ID: id}}, []string{name})
		if name == "" {
			require.NoError(t, err)
			continue
		}
		c, code := class(err)
		require.Equal(t, connector.Unsupported, c)
		require.Equal(t, "unknown_field:"+name, code)
	}
}

func TestFieldsThatTheOrgLacksAreLeftOut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, f := range []string{"Title", "MiddleName", "MasterRecordId", "Repsync_Key__c"} {
		b.org.RemoveField("Contact", f)
	}
	id := b.contact("Doe", nil)
	require.Equal(t, "Doe", b.get(id).Fields[record.FieldFamily])
	caps, err := b.crm.Caps(t.Context(), record.Contact, "")
	require.NoError(t, err)
	require.NotContains(t, caps.Fields, record.FieldTitle)
	require.Equal(t, connector.GuardNone, caps.Create)
	c, code := class(b.write(connector.Op{Verb: connector.Create, Key: "k", Set: record.Fields{record.FieldFamily: "New"}}).Err)
	require.Equal(t, connector.Unsupported, c)
	require.Equal(t, "no_key_field:Repsync_Key__c", code)
}

func TestKeyFieldThatIsNoExternalIDIsLookedUp(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.org.RemoveField("Contact", "Repsync_Key__c")
	b.org.AddField("Contact", sandbox.Field{Name: "Repsync_Key__c", Label: "Key", Type: sandbox.TypeString, Length: 255, Custom: true})
	caps, err := b.crm.Caps(t.Context(), record.Contact, "")
	require.NoError(t, err)
	require.Equal(t, connector.GuardLookup, caps.Create)
	r := b.write(connector.Op{Verb: connector.Create, Key: "k", Set: record.Fields{record.FieldFamily: "New"}})
	require.NoError(t, r.Err)
	found, err := b.crm.Find(t.Context(), record.Contact, connector.ByKey, []string{"k"}, nil)
	require.NoError(t, err)
	require.Equal(t, r.Ref, found["k"][0].Ref)
}

func TestCapsAreNarrowedByFieldLevelSecurity(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.org.SetFieldAccess("Field Sales", "Contact", "HomePhone", false, false)
	b.org.SetFieldAccess("Field Sales", "Contact", "Title", true, false)
	b.org.SetFieldAccess("Field Sales", "Contact", "MailingCity", true, false)
	own, err := b.crm.Caps(t.Context(), record.Contact, "")
	require.NoError(t, err)
	hers, err := b.crm.Caps(t.Context(), record.Contact, b.alice)
	require.NoError(t, err)
	require.NotEqual(t, own.Metadata, hers.Metadata)
	type rw [2]bool
	for field, want := range map[string]rw{record.FieldPhoneHome: {false, false}, record.FieldTitle: {true, false},
		record.FieldWorkCity: {true, false}, record.FieldWorkStreet: {true, false}, record.FieldPhoneWork: {true, true}, record.FieldFamily: {true, true}} {
		require.Equal(t, rw{true, true}, rw{own.Fields[field].Read, own.Fields[field].Write}, field)
		require.Equal(t, want, rw{hers.Fields[field].Read, hers.Fields[field].Write}, field)
	}
	require.Equal(t, 128, hers.Fields[record.FieldTitle].MaxLen)
	require.True(t, hers.Fields[record.FieldFamily].Required)
	require.True(t, hers.Fields[record.FieldBirthday].FullDate)

	set := b.org.AddPermissionSet("More")
	b.org.Assign(b.alice, set)
	b.org.SetFieldAccess("More", "Contact", "HomePhone", true, true)
	b.org.ResetCalls()
	hers, err = b.crm.Caps(t.Context(), record.Contact, b.alice)
	require.NoError(t, err)
	require.False(t, hers.Fields[record.FieldPhoneHome].Read, "believed for minutes")
	require.Zero(t, sum(b.org.Calls()), "and not asked for again by every stage")
	b.crm = b.connect(salesforce.Config{PageSize: 2000})
	_, err = b.crm.Caps(t.Context(), record.Event, b.alice)
	require.NoError(t, err)
	b.org.ResetCalls()
	anew := connector.Anew(t.Context())
	early, err := b.crm.Caps(anew, record.Contact, b.alice)
	require.NoError(t, err)
	require.True(t, early.Fields[record.FieldPhoneHome].Write, "a pass goes by the rights of its own time")
	_, err = b.crm.Caps(anew, record.Event, b.alice)
	require.NoError(t, err)
	require.Equal(t, 1, b.org.Calls()["query"], "and asks for those to all kinds in one query: %v", b.org.Calls())
	b.clock.advance(6 * time.Minute)
	hers, err = b.crm.Caps(t.Context(), record.Contact, b.alice)
	require.NoError(t, err)
	require.True(t, hers.Fields[record.FieldPhoneHome].Write, "a permission set opens what the profile closes")
}

func TestMetadataChangesWithDescribe(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, err := b.crm.Caps(t.Context(), record.Contact, "")
	require.NoError(t, err)
	b.org.AddField("Contact", sandbox.Field{Name: "New__c", Label: "New", Type: sandbox.TypeString, Length: 10, Custom: true})
	b.clock.advance(16 * time.Minute)
	two, err := b.crm.Caps(t.Context(), record.Contact, "")
	require.NoError(t, err)
	require.NotEqual(t, one.Metadata, two.Metadata)
}

func TestAccess(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	bob := b.org.AddUser(sandbox.User{Username: "bob@acme.test", Name: "Bob", Active: true})
	b.org.SetSharing("Contact", sandbox.Private)
	mine, shared, his := b.contact("Mine", nil), b.contact("Shared", map[string]any{"OwnerId": bob}), b.contact("His", map[string]any{"OwnerId": bob})
	b.org.Share(shared, b.alice, sandbox.Access{Read: true})
	got, err := b.crm.Access(t.Context(), record.Contact, b.alice, []string{mine, shared, his, "nonsense", "003000000009999AAA"})
	require.NoError(t, err)
	require.Equal(t, map[string]connector.Access{mine: {Read: true, Edit: true, Delete: true}, shared: {Read: true}}, got)
}

// A server that offers the data and not the administration answers as describe does for the integration user.
func TestServerWithoutPermissions(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.faults.MustAdd(fault.Rule{Kind: fault.Status, Path: "/query", Query: "FROM (UserRecordAccess|PermissionSetAssignment|FieldPermissions)", Status: 400,
		Body: `[{"message":"sObject type is not supported.","errorCode":"INVALID_TYPE"}]`})
	b.faults.MustAdd(fault.Rule{Kind: fault.Status, Path: "/userinfo", Status: 404, Body: "not here"})
	id := b.contact("Doe", nil)
	b.crm = b.connect(salesforce.Config{BaseURL: b.url, Auth: salesforce.Auth{Bearer: &salesforce.Bearer{Token: func(context.Context) (string, error) {
		return b.org.NewSession(b.api), nil
	}}}})
	got, err := b.crm.Access(t.Context(), record.Contact, b.alice, []string{id, "003000000009999AAA"})
	require.NoError(t, err)
	require.Equal(t, map[string]connector.Access{id: {Read: true, Edit: true, Delete: true}}, got)
	caps, err := b.crm.Caps(t.Context(), record.Contact, b.alice)
	require.NoError(t, err)
	require.True(t, caps.Fields[record.FieldTitle].Write)
	require.False(t, b.get(id).Moved, "who wrote cannot be told")
}

func TestUser(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, active := range []bool{true, true} {
		b.org.AddUser(sandbox.User{Username: fmt.Sprintf("twin%d@acme.test", len(b.org.All("User"))), Email: "twin@acme.test", Name: "Twin", Active: active})
	}
	left := b.org.AddUser(sandbox.User{Username: "left@acme.test", Name: "Left", Active: true})
	b.org.SetActive(left, false)
	u, err := b.crm.User(t.Context(), "Alice@ACME.test")
	require.NoError(t, err)
	require.Equal(t, connector.User{ID: b.alice, Username: "alice@acme.test", Email: "alice@acme.test", Name: "Alice Able", Profile: "Field Sales", Active: true}, u)
	u, err = b.crm.User(t.Context(), left[:15])
	require.NoError(t, err)
	require.False(t, u.Active)
	for who, want := range map[string]string{"twin@acme.test": "user_ambiguous", "left@acme.test": "user_not_found", "x' OR Name != '@y": "user_not_found",
		"nobody": "user_not_found", "005000000009999AAA": "user_not_found"} {
		_, err := b.crm.User(t.Context(), who)
		c, code := class(err)
		require.Equal(t, connector.Park, c, who)
		require.Equal(t, want, code, who)
	}
}

func TestCompanyIsTheOneAccountOfThatName(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.insert("Account", map[string]any{"Name": "Twice"})
	b.insert("Account", map[string]any{"Name": "Twice"})
	id := b.contact("Doe", nil)
	for value, want := range map[string]string{"Twice": "Company 1", "Nowhere Ltd": "Company 1", "company 3": "Company 3"} {
		r := b.write(connector.Op{Verb: connector.Update, Ref: connector.Ref{ID: id}, Set: record.Fields{record.FieldCompany: value}})
		require.NoError(t, r.Err, "never an error")
		require.Equal(t, want, b.get(id).Fields[record.FieldCompany])
		require.NoError(t, b.org.Update("Contact", id, map[string]any{"AccountId": b.account("Company 1")}, ""))
	}
	require.NoError(t, b.write(connector.Op{Verb: connector.Update, Ref: connector.Ref{ID: id}, Set: record.Fields{record.FieldCompany: ""}}).Err)
	require.NotContains(t, b.get(id).Fields, record.FieldCompany)
}

func TestMovedSaysThatSomebodyElseWroteLast(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Doe", nil)
	require.True(t, b.get(id).Moved, "a person made it")
	require.NoError(t, b.write(connector.Op{Verb: connector.Update, Ref: connector.Ref{ID: id}, Set: record.Fields{record.FieldTitle: "T"}}).Err)
	require.False(t, b.get(id).Moved)
	require.NoError(t, b.org.Update("Contact", id, map[string]any{"Title": "P"}, b.alice))
	require.True(t, b.get(id).Moved)
}

func TestPurgedIsNoProof(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Doe", nil)
	require.NoError(t, b.org.Delete("Contact", id, b.alice))
	require.NoError(t, b.org.Purge("Contact", id))
	_, gone, err := b.crm.Get(t.Context(), record.Contact, []connector.Ref{{ID: id}}, nil)
	require.NoError(t, err)
	require.Equal(t, []connector.Gone{{Ref: connector.Ref{ID: id}}}, gone)
}

func TestShortIDs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Doe", nil)
	require.Equal(t, id[:15], b.get(id[:15]).ID, "as it was asked for")
	access, err := b.crm.Access(t.Context(), record.Contact, b.alice, []string{id[:15]})
	require.NoError(t, err)
	require.Contains(t, access, id[:15])
}

func TestFindByNameIgnoresAccentsAndDots(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.insert("Account", map[string]any{"Name": "Müller & Söhne, Inc."})
	id := b.contact("Peña", map[string]any{"FirstName": "José", "AccountId": b.account("Müller & Söhne, Inc.")})
	b.contact("Pena", map[string]any{"FirstName": "José"})
	key := record.NameKey(record.Fields{record.FieldGiven: "jose", record.FieldFamily: "PENA", record.FieldCompany: "muller & sohne inc"})
	found, err := b.crm.Find(t.Context(), record.Contact, connector.ByName, []string{key}, nil)
	require.NoError(t, err)
	require.Len(t, found[key], 1)
	require.Equal(t, id, found[key][0].ID)
}

func TestConfigIsValidated(t *testing.T) {
	t.Parallel()
	basic := salesforce.Auth{Basic: &salesforce.Basic{}}
	for name, c := range map[string]salesforce.Config{
		"no org":         {Auth: basic, BaseURL: "https://x.test"},
		"org with slash": {Org: "a/b", Auth: basic, BaseURL: "https://x.test"},
		"no auth":        {Org: "acme"},
		"two ways":       {Org: "acme", BaseURL: "https://x.test", Auth: salesforce.Auth{Basic: &salesforce.Basic{}, Bearer: &salesforce.Bearer{}}},
		"basic, no base": {Org: "acme", Auth: basic},
		"base is no URL": {Org: "acme", Auth: basic, BaseURL: "acme"},
		"key is no name": {Org: "acme", Auth: basic, BaseURL: "https://x.test", KeyField: "Key FROM User"},
		"key is no RSA":  {Org: "acme", Auth: salesforce.Auth{JWT: &salesforce.JWT{KeyPEM: []byte("zzcanaryzz")}}},
	} {
		_, err := salesforce.New(c)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "zzcanaryzz")
	}
}

// What a rep may not see must not be guessed from assignments that are hidden from us.
func TestRightsThatAreHidden(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.faults.MustAdd(fault.Rule{Kind: fault.Status, Path: "/query", Query: "FROM PermissionSetAssignment WHERE AssigneeId", Status: 200,
		Body: `{"totalSize":0,"done":true,"records":[]}`})
	_, err := b.crm.Caps(t.Context(), record.Contact, b.alice)
	var e *connector.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, connector.Reconnect, e.Class)
	require.Equal(t, "rights_not_visible", e.Code)
}

// A server may know no semi-joins, or answer them with nothing: the permission sets are asked for first then, and from then
// on.
func TestRightsWithoutSemiJoins(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"refused": {400, `[{"message":"unexpected token: SELECT","errorCode":"MALFORMED_QUERY"}]`},
		"empty":   {200, `{"totalSize":0,"done":true,"records":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.crm = b.connect(salesforce.Config{PageSize: 2000})
			b.org.SetFieldAccess("Field Sales", "Contact", "Title", true, false)
			b.faults.MustAdd(fault.Rule{Kind: fault.Status, Path: "/query", Query: `IN \(SELECT`, Status: c.status, Body: c.body})
			for _, calls := range []int{3, 2} {
				_, err := b.crm.Caps(t.Context(), record.Contact, "") // describe is no part of it
				require.NoError(t, err)
				before := b.crm.(interface{ Requests() int64 }).Requests()
				caps, err := b.crm.Caps(connector.Anew(t.Context()), record.Contact, b.alice)
				require.NoError(t, err)
				require.True(t, caps.Fields[record.FieldTitle].Read)
				require.False(t, caps.Fields[record.FieldTitle].Write)
				require.EqualValues(t, calls, b.crm.(interface{ Requests() int64 }).Requests()-before)
			}
		})
	}
}
