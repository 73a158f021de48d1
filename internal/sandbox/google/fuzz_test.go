package google_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/fuzztest"
	"github.com/repsync/repsync/internal/sandbox/google"
)

// anew is a sandbox of its own for one input, without a network: with Alice, Bob, and Alice's token.
type anew struct {
	*google.Server
	token string
}

func newServer(t *testing.T) anew {
	t.Helper()
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	s, err := google.New(google.Config{Key: key(), Seed: 1, Clock: func() time.Time { return now }})
	require.NoError(t, err)
	s.AddUser(alice, false)
	s.AddUser(bob, false)
	token, err := s.MintToken(alice)
	require.NoError(t, err)
	return anew{s, token}
}

// send serves one request. Whatever it is, the answer is JSON with a status that says what was wrong with it, and never
// that the server failed.
func (a anew) send(t *testing.T, method, path string, query url.Values, body []byte) (int, map[string]any) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, "/", bytes.NewReader(body))
	req.URL = &url.URL{Path: path, RawQuery: query.Encode()}
	req.Header.Set("Authorization", "Bearer "+a.token)
	w := httptest.NewRecorder()
	a.ServeHTTP(w, req)
	require.Less(t, w.Code, 500, "%s %s: %s", method, path, w.Body)
	if w.Code == http.StatusNoContent {
		return w.Code, nil
	}
	var out map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &out), "%s %s: %s", method, path, w.Body)
	if w.Code >= 400 {
		e, _ := out["error"].(map[string]any)
		require.EqualValues(t, w.Code, e["code"])
		require.NotEmpty(t, e["message"])
	}
	return w.Code, out
}

// encoded is a value as JSON.
func encoded(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return raw
}

// lists are the fields of a person that an update may name.
var lists = []string{"addresses", "biographies", "birthdays", "clientData", "emailAddresses", "events", "names", "nicknames", "organizations", "phoneNumbers", "relations", "urls", "userDefined"}

// FuzzPerson sends any JSON as a person and any text as a field mask. What is taken can be read, and sent back as it was
// read without a change.
func FuzzPerson(f *testing.F) {
	for _, person := range []string{
		`{"names":[{"givenName":"Ada","familyName":"L"}],"emailAddresses":[{"value":"a@x.test","type":"work"}],"phoneNumbers":[{"value":"+1 415 555 0100"}]}`,
		`{"birthdays":[{"date":{"year":2000,"month":2,"day":29}}],"addresses":[{"city":"Bonn","country":"DE"}],"clientData":[{"key":"repsync","value":"acme/k"}]}`,
		`{"names":[{},{}]}`, `{"names":{"givenName":1}}`, `{"biographies":[{"value":"x\u0000","contentType":"TEXT_HTML"}],"given_name":5}`, `[]`, `null`, `{"resourceName":"people/c1","etag":"x"}`,
		`{"contacts":[{"contactPerson":{"names":[{"givenName":"A"}]}}],"readMask":"names"}`, `{"contacts":{"people/c1":{}},"updateMask":"names"}`, `{"resourceNames":["people/c1"]}`,
		`{"birthdays":[{"text":"soon","date":{"year":-1,"month":13}}],"organizations":[{"name":"N","startDate":{"year":99999}}]}`,
	} {
		f.Add([]byte(person), "names,emailAddresses")
	}
	f.Add([]byte(`{}`), "person.given_name,,*")
	f.Fuzz(func(t *testing.T, person []byte, mask string) {
		defer fuzztest.Within(10 * time.Second)()
		a := newServer(t)
		for _, batch := range []string{"batchCreateContacts", "batchUpdateContacts", "batchDeleteContacts"} {
			a.send(t, http.MethodPost, "/v1/people:"+batch, nil, person)
		}
		a.send(t, http.MethodGet, "/v1/people/me/connections", url.Values{"personFields": {mask}, "fields": {mask}}, nil)
		a.send(t, http.MethodGet, "/v1/people:searchContacts", url.Values{"readMask": {"names"}, "query": {mask}}, nil)
		code, created := a.send(t, http.MethodPost, "/v1/people:createContact", nil, person)
		if code != http.StatusOK {
			return
		}
		name, _ := created["resourceName"].(string)
		all := url.Values{"personFields": {strings.Join(append(lists, "metadata"), ",")}}
		_, read := a.send(t, http.MethodGet, "/v1/"+name, all, nil)
		code, _ = a.send(t, http.MethodPatch, "/v1/"+name+":updateContact", url.Values{"updatePersonFields": {strings.Join(lists, ",")}}, encoded(t, read))
		require.Equal(t, http.StatusOK, code, "what was read is written back: %v", read)
		_, again := a.send(t, http.MethodGet, "/v1/"+name, all, nil)
		for _, field := range lists {
			require.Equal(t, read[field], again[field], field)
		}
		code, _ = a.send(t, http.MethodPatch, "/v1/"+name+":updateContact", url.Values{"updatePersonFields": {mask}}, person)
		require.NotEqual(t, http.StatusNotFound, code)
		code, _ = a.send(t, http.MethodDelete, "/v1/"+name+":deleteContact", nil, nil)
		require.Equal(t, http.StatusOK, code)
	})
}

// FuzzEvent sends any JSON as an event and any text as a query. What is taken can be read, expanded within a bounded time,
// and sent back as it was read without a change.
func FuzzEvent(f *testing.F) {
	const at = `"start":{"dateTime":"2026-11-03T10:00:00+01:00","timeZone":"Europe/Berlin"},"end":{"dateTime":"2026-11-03T11:00:00+01:00","timeZone":"Europe/Berlin"}`
	for _, event := range []string{
		`{"summary":"S",` + at + `}`, `{` + at + `,"attendees":[{"email":"bob@acme.test","responseStatus":"accepted"},{"email":"x"}]}`,
		`{` + at + `,"recurrence":["RRULE:FREQ=WEEKLY;COUNT=6","EXDATE;TZID=Europe/Berlin:20261110T100000"]}`, `{` + at + `,"recurrence":["RRULE:FREQ=SECONDLY"]}`,
		`{"start":{"date":"2026-11-03"},"end":{"date":"2026-11-04"},"recurrence":["RRULE:FREQ=DAILY;UNTIL=20261201"]}`,
		`{` + at + `,"iCalUID":"u@x.test","id":"abc12345","status":"tentative","sequence":3,"extendedProperties":{"private":{"repsync":"acme/k"}}}`,
		`{` + at + `,"iCalUID":"u@x.test","organizer":{"email":"out@x.test"},"originalStartTime":{"dateTime":"2026-11-03T10:00:00+01:00"},"recurringEventId":"abc"}`,
		`{"start":{},"end":null}`, `{"start":{"dateTime":"2026-11-03T10:00:00"},"end":{"dateTime":"9999-12-31T23:59:59Z"}}`, `[]`, `{"attendees":[null]}`, `null`,
	} {
		f.Add([]byte(event), "singleEvents=true&timeMin=2026-11-01T00:00:00Z&timeMax=2026-12-01T00:00:00Z")
	}
	f.Add([]byte(`{}`), "orderBy=startTime&maxResults=-1&syncToken=x&sendUpdates=all&fields=items(id,start/date")
	for _, ics := range fuzztest.Files(f, "ics", "*.ics") { // rules that people wrote
		for line := range strings.Lines(string(ics)) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "RRULE") || strings.HasPrefix(line, "RDATE") {
				quoted, err := json.Marshal(line)
				require.NoError(f, err)
				f.Add([]byte(`{`+at+`,"recurrence":[`+string(quoted)+`]}`), "showDeleted=true")
			}
		}
	}
	const calendar = "/calendar/v3/calendars/primary/events"
	f.Fuzz(func(t *testing.T, event []byte, query string) {
		defer fuzztest.Within(20 * time.Second)()
		a := newServer(t)
		asked, _ := url.ParseQuery(query)
		a.send(t, http.MethodPost, calendar+"/import", nil, event)
		code, created := a.send(t, http.MethodPost, calendar, nil, event)
		a.send(t, http.MethodGet, calendar, asked, nil)
		a.send(t, http.MethodPost, calendar+"/watch", nil, event)
		if code != http.StatusOK {
			return
		}
		id, _ := created["id"].(string)
		a.send(t, http.MethodGet, calendar+"/"+id+"/instances", asked, nil)
		month := url.Values{"singleEvents": {"true"}, "timeMin": {"2026-11-01T00:00:00Z"}, "timeMax": {"2026-12-01T00:00:00Z"}, "maxResults": {"2500"}}
		code, page := a.send(t, http.MethodGet, calendar, month, nil)
		require.Equal(t, http.StatusOK, code)
		list, _ := page["items"].([]any)
		require.LessOrEqual(t, len(list), 2500)
		_, read := a.send(t, http.MethodGet, calendar+"/"+id, nil, nil)
		code, answer := a.send(t, http.MethodPut, calendar+"/"+id, nil, encoded(t, read))
		require.Equal(t, http.StatusOK, code, "what was read is written back: %v", answer)
		_, again := a.send(t, http.MethodGet, calendar+"/"+id, nil, nil)
		require.Equal(t, content(read), content(again))
		a.send(t, http.MethodPatch, calendar+"/"+id, asked, event)
		code, _ = a.send(t, http.MethodDelete, calendar+"/"+id, nil, nil)
		require.Contains(t, []int{http.StatusNoContent, http.StatusGone}, code)
	})
}

// content is an event without what every write moves.
func content(event map[string]any) map[string]any {
	out := maps.Clone(event)
	for _, moves := range []string{"etag", "updated", "sequence"} {
		delete(out, moves)
	}
	return out
}

// FuzzBatch sends any body as a batch. It is refused, or each of its calls has its answer.
func FuzzBatch(f *testing.F) {
	one := func(call string) string {
		return "--b\r\nContent-Type: application/http\r\nContent-ID: <item0>\r\n\r\n" + strings.ReplaceAll(call, "\n", "\r\n") + "\r\n"
	}
	get := one("GET /calendar/v3/calendars/primary/events/x HTTP/1.1\n\n")
	for _, body := range []string{
		get + "--b--", get + get + "--b--", get, one("POST /calendar/v3/calendars/primary/events\nContent-Type: application/json\n\n{\"summary\":1}") + "--b--",
		one("POST /batch/calendar/v3 HTTP/1.1\n\n") + "--b--", one("GET") + "--b--", one("") + "--b--", one("GET %zz HTTP/1.1\n\n") + "--b--", "--b--", "",
		one("DELETE /v1/people/c1:deleteContact\nAuthorization: Bearer x\n\n") + "--b--", one("PUT //calendar?x=;y#z\nA B\n\n") + "--b--", one("GET http://other.test/token\n\n") + "--b--",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		defer fuzztest.Within(20 * time.Second)()
		a := newServer(t)
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/batch/calendar/v3", bytes.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+a.token)
		req.Header.Set("Content-Type", "multipart/mixed; boundary=b")
		w := httptest.NewRecorder()
		a.ServeHTTP(w, req)
		require.Contains(t, []int{http.StatusOK, http.StatusBadRequest}, w.Code)
		if w.Code != http.StatusOK {
			return
		}
		_, params, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
		require.NoError(t, err)
		asked, answered := multipart.NewReader(bytes.NewReader(body), "b"), multipart.NewReader(w.Body, params["boundary"])
		for {
			_, errAsked := asked.NextPart()
			part, err := answered.NextPart()
			if errors.Is(err, io.EOF) {
				require.ErrorIs(t, errAsked, io.EOF, "each call has its answer")
				return
			}
			require.NoError(t, err)
			require.NoError(t, errAsked)
			raw, err := io.ReadAll(part)
			require.NoError(t, err)
			line, _, _ := strings.Cut(string(raw), "\r\n")
			require.Regexp(t, `^HTTP/1\.1 [234]\d\d `, line)
		}
	})
}
