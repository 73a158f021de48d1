package google

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/fuzztest"
	"github.com/repsync/repsync/internal/record"
)

// FuzzDecode feeds any JSON to the decoder. What decodes must say the same when decoded from its own image, must take an
// edit of every field, and must show that edit; what does not decode must not be quoted.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `[]`, `"people/c1"`, `{"resourceName":"people/c1"}`,
		`{"resourceName":"people/c1","etag":"%1","metadata":{"deleted":true,"previousResourceNames":["people/c2",3],"sources":[{"type":"CONTACT","etag":"#1","updateTime":"2026-11-18T12:00:00.000001Z"}]}}`,
		`{"resourceName":"people/c1","names":[{"givenName":"A","familyName":"B","metadata":{"primary":true,"source":{"type":"PROFILE"}}},{"givenName":7}]}`,
		`{"resourceName":"people/c1","names":"zz.canary@zz.test","clientData":[{"key":"repsync","value":"other/k"}]}`,
		`{"resourceName":"people/c1","birthdays":[{"date":{"year":1999.5,"month":2,"day":30}}],"biographies":[{"value":"x\u0000\r\ny"}]}`,
		`{"resourceName":"people/c1","emailAddresses":[{"value":"a@x.test","type":"home"},{"value":" B@x.test ","type":"work"},{"type":"work"}],"phoneNumbers":[{"value":"1"},{"value":"2","type":"WORK"}]}`,
		`{"resourceName":"people/c1","addresses":[{"type":"work","formattedValue":"x"},{"city":"Bonn","poBox":"1"}],"organizations":[{"name":"N","new":{"deep":[1,2]}}]}`,
		`{"resourceName":"people/c1","phoneNumbers":[null],"addresses":{"city":1}}`,
	} {
		f.Add([]byte(seed))
	}
	box := &people{Config: Config{Org: "acme"}}
	f.Fuzz(func(t *testing.T, raw []byte) {
		one, err := box.decode(raw)
		if err != nil {
			require.NotContains(t, err.Error(), fuzztest.Canary)
			require.Less(t, len(err.Error()), 200)
			return
		}
		require.True(t, strings.HasPrefix(one.item.ID, "people/"))
		again, err := box.decode(one.item.Image)
		require.NoError(t, err)
		require.Equal(t, one, again)
		for field, v := range one.item.Fields {
			require.NotEmpty(t, v, field)
			require.Equal(t, v, record.Canonical(field, v), field)
		}
		set := record.Fields{}
		for _, field := range record.ContactFields() {
			set[field] = "new " + field
		}
		set[record.FieldBirthday] = "--02-29"
		shown := edited(t, box, one.item, set)
		for field, v := range set {
			require.Equal(t, v, shown.Fields[field], field)
		}
		for field := range set {
			set[field] = ""
		}
		shown = edited(t, box, shown, set)
		for field := range set {
			// A second entry of the type takes the cleared one's place; what is new must be gone.
			require.NotEqual(t, "new "+field, shown.Fields[field], field)
		}
		require.Equal(t, "acme/k", shown.Key[len(shown.Key)-len("acme/k"):], "the marker survives")
	})
}

// edited applies an update to an item as Google would, and decodes the result.
func edited(t *testing.T, box *people, it connector.Item, set record.Fields) connector.Item {
	t.Helper()
	if it.Key != "" && it.Key != "acme/k" {
		it.Key = "" // so that each item gets ours beside what it has
	}
	body, mask, e := box.update(connector.Op{Ref: it.Ref, Key: "k", Current: &it, Set: set})
	require.Nil(t, e)
	whole, err := parsePerson(it.Image)
	require.NoError(t, err)
	for name := range strings.SplitSeq(mask, ",") {
		delete(whole, name)
		if v, ok := body[name]; ok {
			whole[name] = v
		}
	}
	raw, err := json.Marshal(whole)
	require.NoError(t, err)
	one, err := box.decode(raw)
	require.NoError(t, err)
	return one.item
}
