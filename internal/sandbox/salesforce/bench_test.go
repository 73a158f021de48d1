package salesforce_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

// clock is a clock that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// bench is an org with three users, over HTTP: the integration user, and the reps Alice and Bob.
type bench struct {
	t          *testing.T
	clock      *clock
	s          *salesforce.Server
	srv        *httptest.Server
	api        string // user ids
	alice, bob string
	account    string // an account that Alice owns
	token      string // the integration user's
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, clock: &clock{t: time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)}} // a Wednesday
	b.s = salesforce.New(salesforce.Config{Clock: b.clock.now})
	b.srv = httptest.NewServer(b.s)
	t.Cleanup(b.srv.Close)
	b.s.SetBaseURL(b.srv.URL)
	b.api = b.s.AddUser(salesforce.User{Username: "api@acme.test", Email: "api@acme.test", Name: "Integration User", Profile: "System Administrator", Active: true, ModifyAll: true})
	b.alice = b.s.AddUser(salesforce.User{Username: "alice@acme.test", Email: "alice@acme.test", Name: "Alice Able", Profile: "Field Sales", Password: "secret1", Active: true})
	b.bob = b.s.AddUser(salesforce.User{Username: "bob@acme.test", Email: "bob@acme.test", Name: "Bob Baker", Profile: "Field Sales", Active: true})
	b.account = b.insert("Account", values{"Name": "Acme", "OwnerId": b.alice})
	b.token = b.s.NewSession(b.api)
	return b
}

type values = map[string]any

// insert seeds a record as the system does.
func (b *bench) insert(object string, v values) string {
	b.t.Helper()
	id, err := b.s.Insert(object, v, "")
	require.NoError(b.t, err)
	return id
}

// contact seeds a contact of Alice's under the account.
func (b *bench) contact(last string, more ...values) string {
	b.t.Helper()
	v := values{"LastName": last, "AccountId": b.account, "OwnerId": b.alice}
	for _, m := range more {
		maps.Copy(v, m)
	}
	return b.insert("Contact", v)
}

// answer is what the server said.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	raw    []byte
}

// as returns a bench that calls as another user.
func (b *bench) as(user string) *bench {
	other := *b
	other.token = b.s.NewSession(user)
	return &other
}

// do sends a request below /services/data/v65.0/; header is name, value, name, value.
func (b *bench) do(method, path string, body any, header ...string) answer {
	b.t.Helper()
	return b.raw(method, "/services/data/v65.0/"+path, body, header...)
}

func (b *bench) raw(method, path string, body any, header ...string) answer {
	b.t.Helper()
	var r io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(body)
	default:
		data, err := json.Marshal(body)
		require.NoError(b.t, err)
		r = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.srv.URL+path, r)
	require.NoError(b.t, err)
	req.Header.Set("Authorization", "Bearer "+b.token)
	if r != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(b.t, err)
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	return answer{b.t, resp.StatusCode, resp.Header, data}
}

// want checks the status.
func (a answer) want(status int) answer {
	a.t.Helper()
	require.Equal(a.t, status, a.status, "body: %s", a.raw)
	return a
}

// object decodes the body as an object.
func (a answer) object() values {
	a.t.Helper()
	var v values
	require.NoError(a.t, json.Unmarshal(a.raw, &v), "body: %s", a.raw)
	return v
}

// list decodes the body as a list.
func (a answer) list() []any {
	a.t.Helper()
	var v []any
	require.NoError(a.t, json.Unmarshal(a.raw, &v), "body: %s", a.raw)
	return v
}

// fails checks status and errorCode of a single resource's error and returns its message.
func (a answer) fails(status int, code string) string {
	a.t.Helper()
	a.want(status)
	e := a.list()[0].(values)
	require.Equal(a.t, code, e["errorCode"], "body: %s", a.raw)
	return e["message"].(string)
}

// rowFails checks a collection's row.
func rowFails(t *testing.T, row any, code string) values {
	t.Helper()
	r := row.(values)
	require.Equal(t, false, r["success"])
	e := r["errors"].([]any)[0].(values)
	require.Equal(t, code, e["statusCode"], "row: %v", row)
	return e
}

// query runs SOQL.
func (b *bench) query(soql string, header ...string) answer {
	b.t.Helper()
	return b.do("GET", "query?q="+url.QueryEscape(soql), nil, header...)
}

// column runs SOQL and returns one field of every record.
func (b *bench) column(soql, field string) []any {
	b.t.Helper()
	return column(b.query(soql).want(200).object(), field)
}

func column(result values, field string) []any {
	out := []any{}
	for _, r := range result["records"].([]any) {
		out = append(out, r.(values)[field])
	}
	return out
}

// stamp is a SystemModstamp or another time as SOQL writes it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
