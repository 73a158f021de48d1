package wire

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// People is one Google account's address book, through the People API
// (https://developers.google.com/people/api/rest/v1/people).
type People struct{ Endpoint }

// PersonFields are all fields that a contact of one's own can have; a read names what it wants to see.
var PersonFields = []string{
	"addresses", "biographies", "birthdays", "calendarUrls", "clientData", "emailAddresses", "events", "externalIds",
	"genders", "imClients", "interests", "locales", "locations", "memberships", "metadata", "miscKeywords",
	"names", "nicknames", "occupations", "organizations", "phoneNumbers", "relations", "sipAddresses", "urls",
	"userDefined",
}

// Connections returns the whole address book.
func (p People) Connections(ctx context.Context) ([]Object, error) {
	var all []Object
	for page, token := 1, ""; ; page++ {
		q := url.Values{"personFields": {strings.Join(PersonFields, ",")}, "pageSize": {"1000"}}
		if token != "" {
			q.Set("pageToken", token)
		}
		var answer struct {
			Connections   []Object `json:"connections"`
			NextPageToken string   `json:"nextPageToken"`
		}
		if err := p.do(ctx, http.MethodGet, "/v1/people/me/connections?"+q.Encode(), nil, &answer); err != nil {
			return nil, fmt.Errorf("read page %d of the address book: %w", page, err)
		}
		all = append(all, answer.Connections...)
		if token = answer.NextPageToken; token == "" {
			return all, nil
		}
	}
}

// Get reads one entry. resource is its resourceName: "people/c123".
func (p People) Get(ctx context.Context, resource string) (Object, error) {
	var person Object
	path := "/v1/" + resource + "?personFields=" + strings.Join(PersonFields, ",")
	if err := p.do(ctx, http.MethodGet, path, nil, &person); err != nil {
		return nil, fmt.Errorf("read %s: %w", resource, err)
	}
	return person, nil
}

// Create makes an entry and returns its resourceName.
func (p People) Create(ctx context.Context, person Object) (resource string, err error) {
	var made Object
	if err := p.do(ctx, http.MethodPost, "/v1/people:createContact?personFields=names,metadata", person, &made); err != nil {
		return "", fmt.Errorf("create an entry: %w", err)
	}
	return Text(made, "resourceName"), nil
}

// maxBatch is how many entries one call of batchCreateContacts takes.
const maxBatch = 200

// CreateAll makes many entries, 200 to a call, and returns their resourceNames in order.
func (p People) CreateAll(ctx context.Context, people []Object) (resources []string, err error) {
	for start := 0; start < len(people); start += maxBatch {
		batch := people[start:min(start+maxBatch, len(people))]
		contacts := make([]Object, len(batch))
		for i, person := range batch {
			contacts[i] = Object{"contactPerson": person}
		}
		var answer struct {
			CreatedPeople []struct {
				Person Object `json:"person"`
			} `json:"createdPeople"`
		}
		if err := p.do(ctx, http.MethodPost, "/v1/people:batchCreateContacts", Object{"contacts": contacts, "readMask": "names"}, &answer); err != nil {
			return nil, fmt.Errorf("create %d entries from number %d on: %w", len(batch), start+1, err)
		}
		if len(answer.CreatedPeople) != len(batch) {
			return nil, fmt.Errorf("create entries: sent %d, the answer speaks of %d", len(batch), len(answer.CreatedPeople))
		}
		for _, c := range answer.CreatedPeople {
			resources = append(resources, Text(c.Person, "resourceName"))
		}
	}
	return resources, nil
}

// Edit reads an entry, lets alter change it, and writes the top-level fields named, as the address book's own page does.
func (p People) Edit(ctx context.Context, resource string, fields []string, alter func(person Object)) error {
	person, err := p.Get(ctx, resource)
	if err != nil {
		return err
	}
	alter(person)
	send := Object{"etag": person["etag"], "metadata": person["metadata"]}
	for _, field := range fields {
		send[field] = person[field]
	}
	path := "/v1/" + resource + ":updateContact?updatePersonFields=" + strings.Join(fields, ",") + "&personFields=names"
	if err := p.do(ctx, http.MethodPatch, path, send, nil); err != nil {
		return fmt.Errorf("edit %s: %w", resource, err)
	}
	return nil
}

// SetIn sets key of the value of that type among a person's values of a field, or of the first value when kind is "". A
// person without such a value gets one.
func SetIn(person Object, field, kind, key, value string) {
	values, _ := person[field].([]any)
	for _, v := range values {
		if o, ok := v.(Object); ok && (kind == "" || Text(o, "type") == kind) {
			o[key] = value
			return
		}
	}
	made := Object{key: value}
	if kind != "" {
		made["type"] = kind
	}
	person[field] = append(values, made)
}

// Delete removes an entry.
func (p People) Delete(ctx context.Context, resource string) error {
	if err := p.do(ctx, http.MethodDelete, "/v1/"+resource+":deleteContact", nil, nil); err != nil {
		return fmt.Errorf("delete %s: %w", resource, err)
	}
	return nil
}

// WithEmail returns the resourceNames of the entries that have an email address, ignoring case.
func (p People) WithEmail(ctx context.Context, email string) ([]string, error) {
	all, err := p.Connections(ctx)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, person := range all {
		addresses, _ := person["emailAddresses"].([]any)
		if slices.ContainsFunc(addresses, func(a any) bool {
			address, _ := a.(Object)
			return strings.EqualFold(Text(address, "value"), email)
		}) {
			found = append(found, Text(person, "resourceName"))
		}
	}
	return found, nil
}
