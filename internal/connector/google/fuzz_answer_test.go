package google

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/fuzztest"
	"github.com/repsync/repsync/internal/record"
)

// oneAnswer is a server that gives the same answer to everything, and to each call of a batch.
type oneAnswer struct {
	status int
	body   []byte
	asked  int
}

// mostAsked is how many requests any one call of the connector may need here: an answer must not keep it asking.
const mostAsked = 40

func (s *oneAnswer) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.asked++; s.asked > mostAsked {
		panic("the connector asks without end")
	}
	answer := &http.Response{StatusCode: s.status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(s.body)), Request: r}
	if !strings.Contains(r.URL.Path, "/batch/") {
		return answer, nil
	}
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var parts bytes.Buffer
	for i := range bytes.Count(sent, []byte("Content-Id: <item")) {
		fmt.Fprintf(&parts, "--b\r\nContent-ID: <response-item%d>\r\n\r\nHTTP/1.1 %d X\r\n\r\n%s\r\n", i, s.status, s.body)
	}
	parts.WriteString("--b--")
	answer.StatusCode, answer.Body = http.StatusOK, io.NopCloser(&parts)
	answer.Header.Set("Content-Type", "multipart/mixed; boundary=b")
	return answer, nil
}

// FuzzAnswer lets a server say anything, as an answer and as an error, and a caller bring any token. Every call comes back
// after a bounded number of requests, with values that are canonical or with an error that has a class and quotes nothing.
func FuzzAnswer(f *testing.F) {
	const person = `{"resourceName":"people/c1","etag":"%1","names":[{"givenName":"A"}],"metadata":{"sources":[{"type":"CONTACT","etag":"#1"}]}}`
	event := string(eventWith(`"recurringEventId":"m1","originalStartTime":{"dateTime":"2026-11-13T09:00:00Z"}`))
	for _, body := range []string{
		`{"connections":[` + person + `],"nextSyncToken":"s"}`, `{"connections":[` + person + `],"nextPageToken":"p"}`, `{"items":[` + event + `],"nextPageToken":"p"}`,
		`{"items":[` + event + `,` + string(eventWith(``)) + `],"nextSyncToken":"s"}`, `{"items":[null,5,"` + fuzztest.Canary + `"]}`, event, string(eventWith(``)), person,
		`{"responses":[{"person":` + person + `,"requestedResourceName":"people/c1"},{"httpStatusCode":404,"requestedResourceName":"people/c2"}]}`,
		`{"createdPeople":[{"person":` + person + `,"httpStatusCode":200}],"updateResult":{"people/c1":{"status":{"code":9,"message":"` + fuzztest.Canary + `"}}}}`,
		`[]`, `null`, `{`, `"` + fuzztest.Canary + `"`, `{"items":[{"id":"e1_20261113T090000Z","status":"cancelled","recurringEventId":"m1"}],"nextSyncToken":"s"}`,
	} {
		f.Add(200, []byte(body), []byte(`{"v":2}`))
	}
	token, err := (&calendar{Config: Config{}.WithDefaults()}).cursor().seal("t", memory{})
	require.NoError(f, err)
	for i, status := range []int{400, 401, 403, 404, 409, 410, 412, 429, 500, 503, 301} {
		body := []string{
			`{"error":{"code":400,"message":"` + fuzztest.Canary + `","status":"INVALID_ARGUMENT","errors":[{"reason":"` + fuzztest.Canary + `"}]}}`, `<html>` + fuzztest.Canary,
			`{"error":{"status":"FAILED_PRECONDITION","details":[{"reason":"EXPIRED_SYNC_TOKEN"},{"contactErrors":{"0":{"code":3,"message":"` + fuzztest.Canary + `"}}}]}}`,
			`{"error":"` + fuzztest.Canary + `"}`,
		}[i%4]
		f.Add(status, []byte(body), token)
	}
	f.Fuzz(func(t *testing.T, status int, body, token []byte) {
		if status < 200 || status > 599 {
			return // the transport knows no other
		}
		defer fuzztest.Within(10 * time.Second)()
		askEverything(t, &oneAnswer{status: status, body: body}, token)
	})
}

// askEverything calls every method of a connector.
func askEverything(t *testing.T, server *oneAnswer, token []byte) {
	t.Helper()
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	box, err := newMailbox(Config{Org: "acme", Mailbox: "alice@acme.test", HTTPClient: &http.Client{Transport: server}, Now: func() time.Time { return now },
		Bearer: func(context.Context) (string, error) { return "t", nil }}.WithDefaults())
	require.NoError(t, err)
	ctx := context.Background()
	check := func(err error) {
		server.asked = 0
		if err == nil {
			return
		}
		var e *connector.Error
		require.ErrorAs(t, err, &e)
		require.NotEmpty(t, e.Class)
		require.NotEmpty(t, e.Code)
		require.NotContains(t, err.Error(), fuzztest.Canary)
		require.Less(t, len(err.Error()), 500)
	}
	for k, refs := range map[record.Kind][]connector.Ref{
		record.Contact: {{ID: "people/c1"}, {ID: "people/c2"}}, record.Event: {{ID: "e1"}, {ID: "m1", Occurrence: "2026-11-13T10:00:00[Europe/Berlin]"}},
	} {
		for _, q := range []connector.Query{{}, {Token: token}, {Page: token}, {FromNow: true}} {
			for range 2 { // a page, and what follows it
				d, err := box.Changes(ctx, k, q)
				check(err)
				checkItems(t, d.Items)
				for _, bad := range d.Bad {
					check(bad)
				}
				require.False(t, err == nil && d.Page != nil && bytes.Equal(d.Page, q.Page), "a page is followed by another one")
				if q.Page = d.Page; d.Page == nil {
					q.Token = d.Token
				}
			}
		}
		items, lost, err := box.Get(ctx, k, refs, nil)
		check(err)
		checkItems(t, items)
		if err == nil {
			require.Len(t, refs, len(items)+len(lost), "each comes back once")
		}
		found, err := box.Find(ctx, k, connector.ByKey, []string{"k"}, nil)
		check(err)
		for _, list := range found {
			checkItems(t, list)
		}
		image := map[record.Kind]string{record.Contact: `{"resourceName":"people/c1"}`, record.Event: string(eventWith(``))}[k]
		current := &connector.Item{Ref: refs[0], Image: []byte(image)}
		set := map[record.Kind]record.Fields{record.Contact: {record.FieldFamily: "Doe"}, record.Event: {record.FieldSubject: "S", record.FieldTime: plainTime}}[k]
		results, err := box.Write(ctx, k, []connector.Op{
			{Verb: connector.Create, Key: "k", Set: set}, {Verb: connector.Update, Ref: refs[0], Current: current, Set: set}, {Verb: connector.Delete, Ref: refs[0], Current: current},
		})
		check(err)
		for _, r := range results {
			check(r.Err)
			if r.Item != nil && r.Err == nil {
				checkItems(t, []connector.Item{*r.Item})
			}
		}
	}
	items, _, err := box.Occurrences(ctx, []string{"m1"}, now, now.AddDate(0, 1, 0))
	check(err)
	checkItems(t, items)
}

func checkItems(t *testing.T, items []connector.Item) {
	t.Helper()
	for _, it := range items {
		require.NotEmpty(t, it.ID)
		require.NotContains(t, it.ID, "#", "an id in one word is read back")
		for canonical, v := range it.Fields {
			require.NotEmpty(t, v)
			require.Equal(t, v, record.Canonical(canonical, v), canonical)
		}
	}
}
