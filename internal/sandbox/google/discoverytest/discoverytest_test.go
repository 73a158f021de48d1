package discoverytest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox/google/discoverytest"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	doc := discoverytest.Load(t, "people/v1/people-api.json")
	for _, c := range []struct {
		name, schema, body, wrong string
	}{
		{"good", "Person", `{"resourceName":"people/c1","birthdays":[{"date":{"year":1980}}],"metadata":{"sources":[{"type":"CONTACT"}]}}`, ""},
		{"map of persons", "BatchUpdateContactsResponse", `{"updateResult":{"people/c1":{"httpStatusCode":200}}}`, ""},
		{"unknown property", "Person", `{"names":[{"firstName":"A"}]}`, `Person.names[0]: has no property "firstName"`},
		{"string for a number", "Person", `{"birthdays":[{"date":{"year":"1980"}}]}`, "Person.birthdays[0].date.year: 1980, not an integer"},
		{"number for a string", "Person", `{"etag":5}`, "Person.etag: float64, not a string"},
		{"object for a list", "Person", `{"names":{}}`, "Person.names: map[string]interface {}, not a list"},
		{"list for an object", "Person", `{"metadata":[]}`, "Person.metadata: []interface {}, not an object"},
		{"outside its enumeration", "Source", `{"type":"GMAIL"}`, `Source.type: "GMAIL" is none of`},
		{"wrong inside a map", "BatchUpdateContactsResponse", `{"updateResult":{"people/c1":{"person":{"x":1}}}}`, `updateResult.people/c1.person: has no property "x"`},
		{"no JSON", "Person", `<html>`, "is not JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wrong := doc.Check(c.schema, []byte(c.body))
			if c.wrong == "" {
				require.Empty(t, wrong)
				return
			}
			require.Len(t, wrong, 1)
			require.Contains(t, wrong[0], c.wrong)
		})
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	doc := discoverytest.Load(t, "people/v1/people-api.json")
	for _, c := range []struct{ method, path, id string }{
		{"GET", "/v1/people/me/connections", "people.people.connections.list"},
		{"GET", "/v1/people/c1", "people.people.get"},
		{"GET", "/v1/people:batchGet", "people.people.getBatchGet"},
		{"PATCH", "/v1/people/c1:updateContact", "people.people.updateContact"},
		{"DELETE", "/v1/people/c1:deleteContact", "people.people.deleteContact"},
		{"GET", "/v1/contactGroups/myContacts", "people.contactGroups.get"},
		{"POST", "/v1/people/c1:updateContact", ""},
		{"GET", "/v1/nobody", ""},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			t.Parallel()
			m := doc.Find(c.method, c.path)
			if c.id == "" {
				require.Nil(t, m)
				return
			}
			require.NotNil(t, m)
			require.Equal(t, c.id, m.ID)
		})
	}
}
