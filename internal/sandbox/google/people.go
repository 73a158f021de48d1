package google

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

var (
	readScopes  = []string{ScopeContacts, ScopeContactsReadonly}
	writeScopes = []string{ScopeContacts}
	maskParams  = []string{"personFields", "requestMask.includeField", "sources"}
)

// readSources are the values of sources. Contacts are the only source that is kept here.
var readSources = []string{"READ_SOURCE_TYPE_UNSPECIFIED", "READ_SOURCE_TYPE_PROFILE", "READ_SOURCE_TYPE_CONTACT",
	"READ_SOURCE_TYPE_DOMAIN_CONTACT", "READ_SOURCE_TYPE_OTHER_CONTACT"}

// fixed are People v1's methods with a path of their own.
var fixed = map[string]endpoint{
	"POST people:createContact":       {name: "people.createContact", mutates: true, scopes: writeScopes, params: maskParams, serve: (*Server).createContact},
	"GET people:batchGet":             {name: "people.getBatchGet", scopes: readScopes, params: append([]string{"resourceNames"}, maskParams...), serve: (*Server).batchGet},
	"POST people:batchCreateContacts": {name: "people.batchCreateContacts", mutates: true, scopes: writeScopes, serve: (*Server).batchCreate},
	"POST people:batchUpdateContacts": {name: "people.batchUpdateContacts", mutates: true, scopes: writeScopes, serve: (*Server).batchUpdate},
	"POST people:batchDeleteContacts": {name: "people.batchDeleteContacts", mutates: true, scopes: writeScopes, serve: (*Server).batchDelete},
	"GET people:searchContacts":       {name: "people.searchContacts", scopes: readScopes, params: []string{"query", "pageSize", "readMask", "sources"}, serve: (*Server).searchContacts},
	"GET people/me/connections":       {name: "people.connections.list", scopes: readScopes, params: append([]string{"pageSize", "pageToken", "syncToken", "requestSyncToken", "sortOrder"}, maskParams...), serve: (*Server).listConnections},
	"GET contactGroups":               {name: "contactGroups.list", scopes: readScopes, params: []string{"pageSize", "pageToken", "syncToken", "groupFields"}, serve: (*Server).listGroups},
}

// routePeople finds the method of People v1 for a path after /v1/, and the resource in it.
func routePeople(method, path string) (endpoint, string, bool) {
	if ep, ok := fixed[method+" "+path]; ok {
		return ep, "", true
	}
	// "The resource name to return connections for. Only people/me is valid."
	if rest, found := strings.CutPrefix(path, "people/"); found && method == http.MethodGet && strings.HasSuffix(rest, "/connections") && strings.Count(rest, "/") == 1 {
		ep := fixed["GET people/me/connections"]
		ep.serve = func(*Server, *call) (any, *apiError) { return nil, invalid("Request contains an invalid argument.") }
		return ep, "", true
	}
	resource, verb, _ := strings.Cut(path, ":")
	collection, id, _ := strings.Cut(resource, "/")
	if id == "" || strings.Contains(id, "/") {
		return endpoint{}, "", false
	}
	switch method + " " + collection + ":" + verb {
	case "GET people:":
		return endpoint{name: "people.get", scopes: readScopes, params: maskParams, serve: (*Server).get}, resource, true
	case "PATCH people:updateContact":
		return endpoint{name: "people.updateContact", mutates: true, scopes: writeScopes, params: append([]string{"updatePersonFields"}, maskParams...), serve: (*Server).updateContact}, resource, true
	case "DELETE people:deleteContact":
		return endpoint{name: "people.deleteContact", mutates: true, scopes: writeScopes, serve: (*Server).deleteContact}, resource, true
	case "GET contactGroups:":
		return endpoint{name: "contactGroups.get", scopes: readScopes, params: []string{"maxMembers", "groupFields"}, serve: (*Server).getGroup}, resource, true
	}
	return endpoint{}, "", false
}

// personMask reads personFields, or requestMask.includeField, which older clients send.
func personMask(q url.Values, required bool) ([]string, *apiError) {
	mask := cmp.Or(q.Get("personFields"), q.Get("requestMask.includeField"))
	for _, source := range q["sources"] {
		if !slices.Contains(readSources, source) {
			return nil, invalid("Invalid value at 'sources' (type.googleapis.com/google.people.v1.ReadSourceType), %q", source)
		}
	}
	fields, err := parseMask(mask, "personFields", readFields, required)
	if err == nil && len(fields) == 0 {
		fields = readFields
	}
	return fields, err
}

// get serves people.get.
func (s *Server) get(c *call) (any, *apiError) {
	mask, err := personMask(c.query, true)
	if err != nil {
		return nil, err
	}
	p := s.read(c, c.resource, mask)
	if p == nil {
		return nil, notFound()
	}
	return p, nil
}

// read is one person by resource name, nil when there is none.
func (s *Server) read(c *call, name string, mask []string) *Person {
	if name == "people/me" || name == "people/"+c.user.id {
		return c.user.profile(mask)
	}
	_, v, ok := c.book.find(name)
	if !ok {
		return nil
	}
	return s.shape(v, mask)
}

// profile is what people/me shows: the account itself.
func (u *user) profile(mask []string) *Person {
	local, _, _ := strings.Cut(u.email, "@")
	meta := func(t string) Meta {
		return Meta{Metadata: &FieldMetadata{Primary: true, Source: &Source{Type: t, ID: u.id}}}
	}
	full := &Person{
		Metadata:       &PersonMetadata{ObjectType: "PERSON", Sources: []Source{{Type: "PROFILE", ID: u.id, Etag: "#" + u.id[:11] + "="}}},
		Names:          []Name{{Meta: meta("PROFILE"), GivenName: local, DisplayName: local, DisplayNameLastFirst: local, UnstructuredName: local}},
		EmailAddresses: []EmailAddress{{Meta: meta("ACCOUNT"), Value: u.email}},
	}
	out := &Person{ResourceName: "people/" + u.id, Etag: personEtag(u.id[:11]+"=", mask)}
	copyFields(out, full, mask)
	return out
}

// batchGet serves people.getBatchGet: each name gets an answer of its own.
func (s *Server) batchGet(c *call) (any, *apiError) {
	mask, err := personMask(c.query, true)
	if err != nil {
		return nil, err
	}
	names := c.query["resourceNames"]
	if len(names) == 0 {
		return nil, invalid("Request must specify at least one resource name.")
	}
	if len(names) > 200 {
		return nil, invalid("Maximum number of resource names allowed is 200.")
	}
	out := make([]PersonResponse, 0, len(names))
	for _, name := range names {
		if p := s.read(c, name, mask); p != nil {
			out = append(out, PersonResponse{HTTPStatusCode: http.StatusOK, Person: p, RequestedResourceName: name, Status: &Status{}})
			continue
		}
		e := notFound()
		out = append(out, PersonResponse{HTTPStatusCode: e.code, RequestedResourceName: name, Status: e.rpc()})
	}
	return map[string]any{"responses": out}, nil
}

// createContact serves people.createContact.
func (s *Server) createContact(c *call) (any, *apiError) {
	mask, err := personMask(c.query, false)
	if err != nil {
		return nil, err
	}
	var body Person
	if err := decode(c.body, "person", &body); err != nil {
		return nil, err
	}
	p, err := newPerson(&body)
	if err != nil {
		return nil, err
	}
	return s.shape(c.book.insert(p, c.now), mask), nil
}

// newPerson is a contact to be, made from what a client sent.
func newPerson(body *Person) (*Person, *apiError) {
	p := &Person{}
	copyFields(p, body, updateFields)
	if err := normalise(p, updateFields); err != nil {
		return nil, err
	}
	return p, nil
}

// updateContact serves people.updateContact.
func (s *Server) updateContact(c *call) (any, *apiError) {
	fields, err := parseMask(c.query.Get("updatePersonFields"), "updatePersonFields", updateFields, true)
	if err != nil {
		return nil, err
	}
	mask, err := personMask(c.query, false)
	if err != nil {
		return nil, err
	}
	var body Person
	if err := decode(c.body, "person", &body); err != nil {
		return nil, err
	}
	target, err := checkUpdate(c.book, c.resource, &body, fields)
	if err != nil {
		return nil, err
	}
	return s.shape(c.book.update(target, &body, fields, c.now), mask), nil
}

// checkUpdate tells whether a person may be replaced by body in the named fields, and brings body into the stored form.
func checkUpdate(b *book, name string, body *Person, fields []string) (*contact, *apiError) {
	target, v, ok := b.find(name)
	if !ok {
		return nil, notFound()
	}
	etag := body.Etag
	if body.Metadata != nil {
		for _, src := range body.Metadata.Sources {
			if src.Type == "CONTACT" && src.Etag != "" {
				etag = src.Etag
			}
		}
	}
	switch {
	case etag == "":
		return nil, invalid("Request must set person.etag or person.metadata.sources.etag for the source that is being updated.")
	case sourceEtag(etag) != v.etag:
		return nil, stale()
	}
	if err := normalise(body, fields); err != nil {
		return nil, err
	}
	if slices.Contains(fields, "memberships") && len(body.Memberships) == 0 {
		return nil, invalid("Request must specify at least one contact group membership when updating memberships.")
	}
	return target, nil
}

// deleteContact serves people.deleteContact.
func (s *Server) deleteContact(c *call) (any, *apiError) {
	target, _, ok := c.book.find(c.resource)
	if !ok {
		return nil, notFound()
	}
	c.book.remove(target, c.now)
	return struct{}{}, nil
}
