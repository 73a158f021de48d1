package google_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/people/v1"

	"github.com/repsync/repsync/internal/sandbox/google"
)

func TestCreateGetUpdateDelete(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	svc := b.client(t, alice)
	made, err := svc.People.CreateContact(&people.Person{
		Names:          []*people.Name{{GivenName: " Ada ", FamilyName: "Lovelace"}},
		EmailAddresses: []*people.EmailAddress{{Value: "ada@example.com", Type: "work"}, {Value: "  "}},
		ClientData:     []*people.ClientData{{Key: "repsync", Value: "k1"}},
	}).Do()
	require.NoError(t, err)
	require.Regexp(t, `^people/c\d{15,19}$`, made.ResourceName)
	require.Regexp(t, `^%EgU`, personFieldsEtag(t, svc, made.ResourceName, "names,metadata,photos"))
	require.Equal(t, "Ada", made.Names[0].GivenName, "values are trimmed")
	require.Len(t, made.EmailAddresses, 1, "an entry without a value is dropped")
	require.Equal(t, "contactGroups/myContacts", made.Memberships[0].ContactGroupMembership.ContactGroupResourceName)

	src := made.Metadata.Sources[0]
	require.Equal(t, "CONTACT", src.Type)
	require.NotEmpty(t, src.UpdateTime)
	var number uint64
	_, err = fmt.Sscanf(strings.TrimPrefix(made.ResourceName, "people/c"), "%d", &number)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("%x", number), src.Id, "the source's id is the resource's number in hexadecimal")

	up, err := svc.People.UpdateContact(made.ResourceName, &people.Person{
		Metadata:     made.Metadata,
		Names:        []*people.Name{{GivenName: "Not in the mask"}},
		PhoneNumbers: []*people.PhoneNumber{{Value: "(415) 555-2671", Type: "mobile"}},
	}).UpdatePersonFields("phoneNumbers,emailAddresses").PersonFields("names,emailAddresses,phoneNumbers,clientData,metadata").Do()
	require.NoError(t, err)
	require.Equal(t, "Ada", up.Names[0].GivenName, "fields outside the mask stay")
	require.Equal(t, "k1", up.ClientData[0].Value)
	require.Empty(t, up.EmailAddresses, "an empty field in the mask is cleared")
	require.Equal(t, "+14155552671", up.PhoneNumbers[0].CanonicalForm)
	require.NotEqual(t, src.Etag, up.Metadata.Sources[0].Etag, "every write changes the etag")

	_, err = svc.People.DeleteContact(made.ResourceName).Do()
	require.NoError(t, err)
	_, err = svc.People.Get(made.ResourceName).PersonFields("names").Do()
	require.Equal(t, "NOT_FOUND", apiError(t, err).Status)
	_, err = svc.People.DeleteContact(made.ResourceName).Do()
	require.Equal(t, 404, apiError(t, err).Code)
	require.Equal(t, map[string]int{"token": 1, "people.createContact": 1, "people.get": 2, "people.updateContact": 1,
		"people.deleteContact": 2}, b.Calls())
	b.AddUser("bob@acme.test", false)
	require.Equal(t, 6, b.CallsOf(alice), "all but the sign-in carried a token of hers")
	require.Zero(t, b.CallsOf("bob@acme.test"))
	require.Zero(t, b.CallsOf("nobody@acme.test"))
	b.ResetCalls()
	require.Empty(t, b.Calls())
	require.Zero(t, b.CallsOf(alice))
}

func personFieldsEtag(t *testing.T, svc *people.Service, name, mask string) string {
	t.Helper()
	p, err := svc.People.Get(name).PersonFields(mask).Do()
	require.NoError(t, err)
	return p.Etag
}

func TestStaleEtagIsRefused(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	svc := b.client(t, alice)
	name := b.insert(t, `{"names":[{"givenName":"A"}]}`)
	old, err := svc.People.Get(name).PersonFields("names,metadata").Do()
	require.NoError(t, err)
	require.NoError(t, b.Update(alice, name, `{"nicknames":[{"value":"N"}]}`))
	fresh, err := svc.People.Get(name).PersonFields("metadata").Do()
	require.NoError(t, err)
	sources := func(p *people.Person) *people.PersonMetadata { return p.Metadata }
	for _, c := range []struct {
		name   string
		etag   string
		meta   *people.PersonMetadata
		status string
	}{
		{"stale source", "", sources(old), "FAILED_PRECONDITION"},
		{"stale person", old.Etag, nil, "FAILED_PRECONDITION"},
		{"etag that is none", "%x", nil, "FAILED_PRECONDITION"},
		{"stale source beside a fresh person", fresh.Etag, sources(old), "FAILED_PRECONDITION"},
		{"neither", "", nil, "INVALID_ARGUMENT"},
		{"only a profile source", "", &people.PersonMetadata{Sources: []*people.Source{{Type: "PROFILE", Etag: "#x"}}}, "INVALID_ARGUMENT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := svc.People.UpdateContact(name, &people.Person{Etag: c.etag, Metadata: c.meta,
				Names: []*people.Name{{GivenName: "B"}}}).UpdatePersonFields("names").Do()
			e := apiError(t, err)
			require.Equal(t, 400, e.Code)
			require.Equal(t, c.status, e.Status)
			if c.status == "FAILED_PRECONDITION" {
				require.Contains(t, e.Message, "Request person.etag is different than the current person.etag.")
			}
		})
	}
}

func TestFreshEtagsAreAccepted(t *testing.T) {
	t.Parallel()
	for name, etag := range map[string]func(p *people.Person) *people.Person{
		"of the source": func(p *people.Person) *people.Person { return &people.Person{Metadata: p.Metadata} },
		"of the person": func(p *people.Person) *people.Person { return &people.Person{Etag: p.Etag} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, google.Config{})
			svc := b.client(t, alice)
			resource := b.insert(t, `{"names":[{"givenName":"A"}]}`)
			read, err := svc.People.Get(resource).PersonFields("metadata").Do()
			require.NoError(t, err)
			body := etag(read)
			body.Names = []*people.Name{{GivenName: "B"}}
			first, err := svc.People.UpdateContact(resource, body).UpdatePersonFields("names").Do()
			require.NoError(t, err)
			body = etag(first)
			body.Names = []*people.Name{{GivenName: "C"}}
			_, err = svc.People.UpdateContact(resource, body).UpdatePersonFields("names").Do()
			require.NoError(t, err, "a chain of updates goes by each answer's etag")
		})
	}
}

func TestSingleValuedFields(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	svc := b.client(t, alice)
	name := b.insert(t, `{"names":[{"givenName":"A"}]}`)
	for field, two := range map[string]string{
		"names":       `[{"givenName":"A"},{"givenName":"B"}]`,
		"birthdays":   `[{"date":{"month":1,"day":2}},{"date":{"month":1,"day":3}}]`,
		"genders":     `[{"value":"female"},{"value":"male"}]`,
		"biographies": `[{"value":"a"},{"value":"b"}]`,
	} {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			var p people.Person
			require.NoError(t, json.Unmarshal([]byte(fmt.Sprintf(`{%q:%s}`, field, two)), &p))
			_, err := svc.People.CreateContact(&p).Do()
			require.Equal(t, "INVALID_ARGUMENT", apiError(t, err).Status)
			read, err := svc.People.Get(name).PersonFields("metadata").Do()
			require.NoError(t, err)
			p.Metadata = read.Metadata
			_, err = svc.People.UpdateContact(name, &p).UpdatePersonFields(field).Do()
			require.Equal(t, "INVALID_ARGUMENT", apiError(t, err).Status)
			_, err = b.Insert(alice, fmt.Sprintf(`{%q:%s}`, field, two))
			require.Error(t, err, "a person at the web page has one value too")
		})
	}
}

func TestWhatIsStoredAndShown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, sent, field, shown string }{
		{"structured name", `{"honorificPrefix":"Dr.","givenName":"Ada","middleName":"K","familyName":"Lovelace","honorificSuffix":"Jr."}`, "names",
			`{"honorificPrefix":"Dr.","givenName":"Ada","middleName":"K","familyName":"Lovelace","honorificSuffix":"Jr.","displayName":"Dr. Ada K Lovelace, Jr.","unstructuredName":"Dr. Ada K Lovelace, Jr.","displayNameLastFirst":"Dr. Lovelace, Ada K, Jr."}`},
		{"unstructured name", `{"unstructuredName":"Mrs. Ada K. Lovelace PhD"}`, "names",
			`{"honorificPrefix":"Mrs.","givenName":"Ada","middleName":"K.","familyName":"Lovelace","honorificSuffix":"PhD","displayName":"Mrs. Ada K. Lovelace, PhD","unstructuredName":"Mrs. Ada K. Lovelace, PhD","displayNameLastFirst":"Mrs. Lovelace, Ada K., PhD"}`},
		{"unstructured name, family first", `{"unstructuredName":"Lovelace, Ada"}`, "names",
			`{"givenName":"Ada","familyName":"Lovelace","displayName":"Ada Lovelace","unstructuredName":"Ada Lovelace","displayNameLastFirst":"Lovelace, Ada"}`},
		{"one word", `{"unstructuredName":"Ada"}`, "names", `{"givenName":"Ada","displayName":"Ada","unstructuredName":"Ada","displayNameLastFirst":"Ada"}`},
		{"parts win over the whole", `{"unstructuredName":"Old Name","givenName":"New"}`, "names", `{"givenName":"New","displayName":"New","unstructuredName":"New","displayNameLastFirst":"New"}`},
		{"display name is not for clients", `{"givenName":"A","displayName":"B"}`, "names", `{"givenName":"A","displayName":"A","unstructuredName":"A","displayNameLastFirst":"A"}`},
		{"proto names", `{"given_name":"A"}`, "names", `{"givenName":"A","displayName":"A","unstructuredName":"A","displayNameLastFirst":"A"}`},
		{"phone in E.164", `{"value":"+49 30 123456","type":"workMobile"}`, "phoneNumbers", `{"value":"+49 30 123456","canonicalForm":"+4930123456","type":"workMobile","formattedType":"Work Mobile"}`},
		{"phone of the region", `{"value":"415-555-2671"}`, "phoneNumbers", `{"value":"415-555-2671","canonicalForm":"+14155552671"}`},
		{"phone that is none", `{"value":"ask for Bob","canonicalForm":"+1"}`, "phoneNumbers", `{"value":"ask for Bob"}`},
		{"email keeps its case", `{"value":"Ada@Example.com ","type":"work","displayName":"Ada"}`, "emailAddresses", `{"value":"Ada@Example.com","type":"work","formattedType":"Work","displayName":"Ada"}`},
		{"custom type", `{"value":"a@x.test","type":"Assistant's"}`, "emailAddresses", `{"value":"a@x.test","type":"Assistant's","formattedType":"Assistant's"}`},
		{"address gets a formatted value", `{"streetAddress":"1 Main St","city":"Springfield","region":"IL","postalCode":"62701","country":"USA","type":"home"}`, "addresses",
			`{"streetAddress":"1 Main St","city":"Springfield","region":"IL","postalCode":"62701","country":"USA","type":"home","formattedType":"Home","formattedValue":"1 Main St\nSpringfield, IL 62701\nUSA"}`},
		{"address keeps a formatted value", `{"city":"Springfield","formattedValue":"somewhere"}`, "addresses", `{"city":"Springfield","formattedValue":"somewhere"}`},
		{"birthday", `{"date":{"year":1980,"month":12,"day":31}}`, "birthdays", `{"date":{"year":1980,"month":12,"day":31},"text":"12/31/1980"}`},
		{"birthday without a year", `{"date":{"month":2,"day":29}}`, "birthdays", `{"date":{"month":2,"day":29},"text":"2/29"}`},
		{"biography", `{"value":"line one\r\nline two\n"}`, "biographies", `{"value":"line one\nline two","contentType":"TEXT_PLAIN"}`},
		{"organization", `{"name":"Acme","title":"CEO","department":"Top","type":"work","current":true}`, "organizations", `{"name":"Acme","title":"CEO","department":"Top","type":"work","formattedType":"Work","current":true}`},
		{"url", `{"value":"https://x.test","type":"homePage"}`, "urls", `{"value":"https://x.test","type":"homePage","formattedType":"Home Page"}`},
		{"relation", `{"person":"Bob","type":"spouse"}`, "relations", `{"person":"Bob","type":"spouse","formattedType":"Spouse"}`},
		{"event", `{"date":{"year":2020,"month":5,"day":1},"type":"anniversary"}`, "events", `{"date":{"year":2020,"month":5,"day":1},"type":"anniversary","formattedType":"Anniversary"}`},
		{"custom field", `{"key":"Badge","value":"7"}`, "userDefined", `{"key":"Badge","value":"7"}`},
		{"client data", `{"key":"repsync","value":"x"}`, "clientData", `{"key":"repsync","value":"x"}`},
		{"gender", `{"value":"female"}`, "genders", `{"value":"female","formattedValue":"Female"}`},
		{"calendar address", `{"url":"https://x.test/c","type":"work"}`, "calendarUrls", `{"url":"https://x.test/c","type":"work","formattedType":"Work"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := start(t, google.Config{})
			status, made := b.do(t, "POST", "/v1/people:createContact?personFields="+c.field, fmt.Sprintf(`{%q:[%s]}`, c.field, c.sent))
			require.Equal(t, 200, status, "%v", made)
			list, ok := made[c.field].([]any)
			require.True(t, ok, "%v", made)
			entry, ok := list[0].(map[string]any)
			require.True(t, ok)
			meta, err := json.Marshal(entry["metadata"])
			require.NoError(t, err)
			require.Contains(t, string(meta), `"primary":true`)
			require.Contains(t, string(meta), `"type":"CONTACT"`)
			delete(entry, "metadata")
			got, err := json.Marshal(entry)
			require.NoError(t, err)
			require.JSONEq(t, c.shown, string(got))
		})
	}
}

func TestPrimaryIsTheFirstUnlessAskedFor(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	for body, want := range map[string]string{
		`{"emailAddresses":[{"value":"a@x.test"},{"value":"b@x.test"}]}`:                                   "a@x.test",
		`{"emailAddresses":[{"value":"a@x.test"},{"value":"b@x.test","metadata":{"sourcePrimary":true}}]}`: "b@x.test",
	} {
		p, err := b.client(t, alice).People.Get(b.insert(t, body)).PersonFields("emailAddresses").Do()
		require.NoError(t, err)
		require.Len(t, p.EmailAddresses, 2)
		for _, e := range p.EmailAddresses {
			require.Equal(t, e.Value == want, e.Metadata.Primary, e.Value)
		}
	}
}

func TestBadBodies(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	const create = "/v1/people:createContact"
	for _, c := range []struct{ name, method, path, body, message string }{
		{"unknown property", "POST", create, `{"shoeSize":42}`, `Invalid JSON payload received. Unknown name "shoeSize" at 'person': Cannot find field.`},
		{"unknown property inside", "POST", create, `{"names":[{"firstName":"A"}]}`, `Unknown name "firstName" at 'person.names[0]': Cannot find field.`},
		{"two unknown properties", "POST", create, `{"a":1,"b":2}`, `Unknown name "b" at 'person'`},
		{"unknown property of a batch", "POST", "/v1/people:batchCreateContacts", `{"people":[]}`, `Invalid JSON payload received. Unknown name "people": Cannot find field.`},
		{"number for a string", "POST", create, `{"names":[{"givenName":5}]}`, `Invalid value at 'person.names[0].given_name' (TYPE_STRING), 5`},
		{"text for a number", "POST", create, `{"birthdays":[{"date":{"year":"soon"}}]}`, `Invalid value at 'person.birthdays[0].date.year' (TYPE_INT32), "soon"`},
		{"outside an enumeration", "POST", create, `{"biographies":[{"value":"a","contentType":"MARKDOWN"}]}`, `Invalid value at 'person.biographies[0].content_type'`},
		{"no JSON", "POST", create, `{`, "Invalid JSON payload received."},
		{"a day that does not exist", "POST", create, `{"birthdays":[{"date":{"month":2,"day":30}}]}`, "Invalid date"},
		{"a group that does not exist", "POST", create, `{"memberships":[{"contactGroupMembership":{"contactGroupResourceName":"contactGroups/x"}}]}`, "contact group"},
		{"update without a mask", "PATCH", "/v1/people/c1:updateContact", `{}`, "updatePersonFields mask is required."},
		{"update of what is read only", "PATCH", "/v1/people/c1:updateContact?updatePersonFields=photos", `{}`, `Invalid updatePersonFields mask path: "photos"`},
		{"get without a mask", "GET", "/v1/people/c1", ``, "personFields mask is required."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, body := b.do(t, c.method, c.path, c.body)
			require.Equal(t, 400, status)
			e, ok := body["error"].(map[string]any)
			require.True(t, ok)
			require.Equal(t, "INVALID_ARGUMENT", e["status"])
			require.Contains(t, e["message"], c.message)
		})
	}
	require.Empty(t, b.All(alice), "nothing was stored")
}

func TestMembershipsAndGroups(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	svc := b.client(t, alice)
	name := b.insert(t, `{"names":[{"givenName":"A"}]}`)
	read, err := svc.People.Get(name).PersonFields("memberships,metadata").Do()
	require.NoError(t, err)
	require.Equal(t, "myContacts", read.Memberships[0].ContactGroupMembership.ContactGroupId)
	_, err = svc.People.UpdateContact(name, &people.Person{Metadata: read.Metadata}).UpdatePersonFields("memberships").Do()
	require.Equal(t, 400, apiError(t, err).Code, "a contact stays in one group at least")

	groups, err := svc.ContactGroups.List().Do()
	require.NoError(t, err)
	require.Equal(t, "contactGroups/myContacts", groups.ContactGroups[0].ResourceName)
	require.EqualValues(t, 1, groups.ContactGroups[0].MemberCount)
	group, err := svc.ContactGroups.Get("contactGroups/myContacts").MaxMembers(10).Do()
	require.NoError(t, err)
	require.Equal(t, []string{name}, group.MemberResourceNames)
	_, err = svc.ContactGroups.Get("contactGroups/none").Do()
	require.Equal(t, 404, apiError(t, err).Code)
}

func TestMe(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	me, err := b.client(t, alice).People.Get("people/me").PersonFields("emailAddresses,names").Do()
	require.NoError(t, err)
	require.Equal(t, alice, me.EmailAddresses[0].Value)
}

func TestSearchNeedsAWarmUp(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	svc := b.client(t, alice)
	b.insert(t, `{"names":[{"givenName":"Foo","familyName":"Name"}],"emailAddresses":[{"value":"foo@x.test"}]}`)
	search := func(q string) int {
		r, err := svc.People.SearchContacts().Query(q).ReadMask("names").Do()
		require.NoError(t, err)
		return len(r.Results)
	}
	require.Zero(t, search("foo"), "the cache is cold")
	require.Zero(t, search(""), "the warm-up finds nothing")
	for q, want := range map[string]int{"f": 1, "foo n": 1, "nam": 1, "foo@x": 1, "oo n": 0, "bar": 0} {
		require.Equal(t, want, search(q), q)
	}
	b.insert(t, `{"names":[{"givenName":"Foot"}]}`)
	require.Equal(t, 1, search("foo"), "the cache is not refreshed by itself")
	_, err := svc.People.SearchContacts().Query("f").Do()
	require.Equal(t, 400, apiError(t, err).Code)
}
