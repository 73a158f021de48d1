package google_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	oauthgoogle "golang.org/x/oauth2/google"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/people/v1"

	"github.com/repsync/repsync/internal/sandbox/google"
	"github.com/repsync/repsync/internal/sandbox/google/discoverytest"
)

const alice = "alice@acme.test"

// key is shared by all tests, since making one takes long.
var key = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }

func (c *clock) advance(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.t = c.t.Add(d) }

// bench is a sandbox behind Google's own API description, with Alice in it.
type bench struct {
	*google.Server
	url   string
	clock *clock
}

func start(t *testing.T, cfg google.Config) *bench {
	t.Helper()
	b := &bench{clock: &clock{t: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)}}
	cfg.Key, cfg.Seed = key(), 1
	if cfg.Clock == nil {
		cfg.Clock = b.clock.now
	}
	var err error
	b.Server, err = google.New(cfg)
	require.NoError(t, err)
	b.AddUser(alice, false)
	doc := discoverytest.Load(t, "people/v1/people-api.json")
	calendars := discoverytest.Load(t, "calendar/v3/calendar-api.json")
	other := []string{"/token", "/oauth2/v4/token", "/revoke", "/batch/calendar/v3"}
	isCalendar := func(path string) bool { return strings.HasPrefix(path, "/calendar/v3/") }
	srv := httptest.NewServer(doc.WrapAnswers(t,
		calendars.WrapAnswers(t, b.Server, func(path string) bool { return !isCalendar(path) }),
		func(path string) bool { return isCalendar(path) || slices.Contains(other, path) }))
	t.Cleanup(srv.Close)
	b.url = srv.URL
	return b
}

// client is the vendor's own Go client, signed in by the service account for a user.
func (b *bench) client(t *testing.T, user string, scopes ...string) *people.Service {
	t.Helper()
	if scopes == nil {
		scopes = []string{people.ContactsScope}
	}
	file, err := b.ServiceAccountJSON(b.url + "/token")
	require.NoError(t, err)
	conf, err := oauthgoogle.JWTConfigFromJSON(file, scopes...)
	require.NoError(t, err)
	conf.Subject = user
	svc, err := people.NewService(context.Background(), option.WithHTTPClient(conf.Client(context.Background())), option.WithEndpoint(b.url+"/"))
	require.NoError(t, err)
	return svc
}

// insert adds a contact as Alice.
func (b *bench) insert(t *testing.T, person string) string {
	t.Helper()
	name, err := b.Insert(alice, person)
	require.NoError(t, err)
	return name
}

// do sends one request with Alice's own token and returns status and body.
func (b *bench) do(t *testing.T, method, path, body string) (int, map[string]any) {
	t.Helper()
	token, err := b.MintToken(alice)
	require.NoError(t, err)
	return b.doWith(t, "Bearer "+token, method, path, body)
}

func (b *bench) doWith(t *testing.T, auth, method, path, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.url+path, bytes.NewBufferString(body))
	require.NoError(t, err)
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	var out map[string]any
	require.NoError(t, json.Unmarshal(raw, &out), "body: %s", raw)
	return resp.StatusCode, out
}

// wire is what an error looked like on the wire.
type wire struct {
	Code    int
	Status  string
	Message string
	Reasons []string // of ErrorInfo details
	Details []map[string]any
}

// apiError reads the vendor client's error.
func apiError(t *testing.T, err error) wire {
	t.Helper()
	var e *googleapi.Error
	require.ErrorAs(t, err, &e)
	var body struct{ Error wire }
	require.NoError(t, json.Unmarshal([]byte(e.Body), &body))
	for _, d := range body.Error.Details {
		if r, ok := d["reason"].(string); ok {
			body.Error.Reasons = append(body.Error.Reasons, r)
		}
	}
	require.Equal(t, e.Code, body.Error.Code)
	return body.Error
}

const fields = "metadata,names,emailAddresses,phoneNumbers"

// readAll reads every page of a call and returns the people, the sync token and the number of pages.
func readAll(t *testing.T, call *people.PeopleConnectionsListCall) (out []*people.Person, token string, pages int) {
	t.Helper()
	err := call.Pages(t.Context(), func(r *people.ListConnectionsResponse) error {
		out = append(out, r.Connections...)
		pages++
		if r.NextPageToken != "" && r.NextSyncToken != "" {
			t.Errorf("page %d has a sync token and is not the last", pages)
		}
		token = r.NextSyncToken
		return nil
	})
	require.NoError(t, err)
	return out, token, pages
}

// full is a full read that asks for a sync token.
func full(svc *people.Service) *people.PeopleConnectionsListCall {
	return svc.People.Connections.List("people/me").PersonFields(fields).RequestSyncToken(true)
}

// since is a read of changes.
func since(svc *people.Service, token string) *people.PeopleConnectionsListCall {
	return svc.People.Connections.List("people/me").PersonFields(fields).RequestSyncToken(true).SyncToken(token)
}

func names(list []*people.Person) (out []string) {
	for _, p := range list {
		out = append(out, p.ResourceName)
	}
	return out
}
