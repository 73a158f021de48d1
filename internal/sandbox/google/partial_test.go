package google_test

import (
	"encoding/json"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox/google"
)

func TestPartialAnswers(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	b.insert(t, `{"names":[{"givenName":"A","familyName":"B"}],"emailAddresses":[{"value":"a@x.test","type":"work"}]}`)
	for _, c := range []struct{ name, fields, want string }{
		{"one property", "totalItems", `{"totalItems":1}`},
		{"a path into a list", "connections/names/givenName", `{"connections":[{"names":[{"givenName":"A"}]}]}`},
		{"groups", "totalItems,connections(names(givenName,familyName),emailAddresses/value)",
			`{"totalItems":1,"connections":[{"names":[{"givenName":"A","familyName":"B"}],"emailAddresses":[{"value":"a@x.test"}]}]}`},
		{"two paths into one", "connections/names/givenName,connections/emailAddresses/value", `{"connections":[{"names":[{"givenName":"A"}],"emailAddresses":[{"value":"a@x.test"}]}]}`},
		{"a wildcard", "connections/*/value", `{"connections":[{"resourceName":"","etag":"","names":[{}],"emailAddresses":[{"value":"a@x.test"}]}]}`},
		{"not there", "nextPageToken", `{}`},
		{"not well-formed", "connections(names", ``},
		{"nothing between commas", "a,,b", ``},
		{"a bracket too many", "a)", ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, body := b.do(t, "GET", "/v1/people/me/connections?personFields=names,emailAddresses&fields="+url.QueryEscape(c.fields), "")
			if c.want == "" {
				require.Equal(t, 400, status)
				return
			}
			require.Equal(t, 200, status)
			if list, ok := body["connections"].([]any); ok {
				if p, ok := list[0].(map[string]any); ok && p["etag"] != nil {
					p["etag"], p["resourceName"] = "", ""
				}
			}
			got, err := json.Marshal(body)
			require.NoError(t, err)
			require.JSONEq(t, c.want, string(got))
		})
	}
}
