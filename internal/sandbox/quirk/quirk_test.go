package quirk_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox/quirk"
)

// Every behaviour has a name of its own, and docs/servers.md says what becomes of it.
func TestEveryBehaviourIsNamedAndDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "servers.md"))
	require.NoError(t, err)
	google, salesforce, ok := strings.Cut(string(page), "\n## Salesforce\n")
	require.True(t, ok)
	for text, all := range map[string][]quirk.Quirk{
		google:     append(quirk.Google(), quirk.PagesRefused()),
		salesforce: append(quirk.Salesforce(), quirk.NoStamps(), quirk.NoFields(), quirk.NoObject("Contact")),
	} {
		names := map[string]bool{}
		for _, q := range all {
			require.NotEmpty(t, q.Does, q.Name)
			require.False(t, names[q.Name], "%s twice", q.Name)
			names[q.Name] = true
			require.Contains(t, text, "`"+q.Name+"`")
		}
	}
}

// What a behaviour is not about goes through as it is.
func TestTheRestGoesThrough(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		q          quirk.Quirk
		path, body string
		want       string
		status     int
	}{
		"another request":        {q: byName(t, quirk.Google(), "no_sync_token"), path: "/v1/people/c1", body: `{"nextSyncToken":"s"}`, want: `{"nextSyncToken":"s"}`, status: 200},
		"a list":                 {q: byName(t, quirk.Google(), "no_sync_token"), path: "/v1/people/me/connections", body: `{"connections":[],"nextSyncToken":"s"}`, want: `{"connections":[]}`, status: 200},
		"deleted ones":           {q: byName(t, quirk.Google(), "deletes_not_reported"), path: "/v1/people/me/connections?syncToken=s", body: `{"connections":[{"metadata":{"deleted":true}},{"n":1}]}`, want: `{"connections":[{"n":1}]}`, status: 200},
		"deleted ones in full":   {q: byName(t, quirk.Google(), "deletes_not_reported"), path: "/calendar/v3/calendars/p/events", body: `{"items":[{"status":"cancelled"}]}`, want: `{"items":[{"status":"cancelled"}]}`, status: 200},
		"a large number":         {q: byName(t, quirk.Google(), "no_times"), path: "/x", body: `{"n":12345678901234567890,"updated":"u"}`, want: `{"n":12345678901234567890}`, status: 200},
		"an object that is gone": {q: quirk.NoObject("Lead"), path: "/services/data/v65.0/query?q=SELECT+Id+FROM+Lead", want: `[{"message":"sObject type is not supported.","errorCode":"INVALID_TYPE"}]`, status: 400},
		"an object that is not":  {q: quirk.NoObject("Lead"), path: "/services/data/v65.0/query?q=SELECT+LeadSource+FROM+Contact", body: `{}`, want: `{}`, status: 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := httptest.NewRecorder()
			c.q.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(c.body)) })).
				ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, nil))
			require.Equal(t, c.status, rec.Code)
			require.True(t, json.Valid(rec.Body.Bytes()))
			require.Equal(t, c.want, rec.Body.String())
		})
	}
}

func byName(t *testing.T, all []quirk.Quirk, name string) quirk.Quirk {
	t.Helper()
	for _, q := range all {
		if q.Name == name {
			return q
		}
	}
	require.Fail(t, "no such behaviour", name)
	return quirk.Quirk{}
}
