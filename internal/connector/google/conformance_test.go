package google_test

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/connectortest"
	"github.com/repsync/repsync/internal/connector/google"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
	sandbox "github.com/repsync/repsync/internal/sandbox/google"
	"github.com/repsync/repsync/internal/sandbox/quirk"
)

const alice = "alice@acme.test"

func TestConformance(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, func(t testing.TB) *connectortest.World { return newBench(t).world() })
}

// Pages may be short, start with an empty one, repeat a person and come in another order.
func TestConformanceWithAwkwardPages(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, func(t testing.TB) *connectortest.World {
		b := newBench(t)
		b.server.SetPaging(sandbox.Paging{Short: true, Empty: true, Repeat: true, Reverse: true})
		return b.world()
	})
}

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

// bench is a sandbox with Alice in it, whose feed lags by two minutes, and a connector that pages by three.
type bench struct {
	t       testing.TB
	clock   *clock
	server  *sandbox.Server
	faults  *fault.Injector
	parts   *fault.Injector // strikes the requests inside of batches, and all others
	mails   []sandbox.Mail  // that Google would have sent; told with the server's lock held
	url     string
	mailbox connector.Connector

	mu     sync.Mutex
	broken map[string]bool // resource names whose names, and ids of events whose start, are served as a text
}

func newBench(t testing.TB) *bench { return newQuirkBench(t, quirk.Quirk{}) }

// newQuirkBench is a bench whose sandbox misbehaves in one way.
func newQuirkBench(t testing.TB, q quirk.Quirk) *bench {
	t.Helper()
	b := &bench{t: t, clock: &clock{t: time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)}, faults: fault.New(1), parts: fault.New(1), broken: map[string]bool{}}
	server, err := sandbox.New(sandbox.Config{Clock: b.clock.now, Key: key(), Seed: 1, Lag: 2 * time.Minute, Serial: true,
		Around: func(next http.Handler) http.Handler { return b.parts.Middleware(q.Middleware(next)) }, Mail: func(m sandbox.Mail) { b.mails = append(b.mails, m) }})
	require.NoError(t, err)
	b.server = server
	srv := httptest.NewServer(b.faults.Middleware(b.breaking(server)))
	t.Cleanup(srv.Close)
	t.Cleanup(b.faults.Clear)
	t.Cleanup(b.parts.Clear)
	b.url = srv.URL
	server.AddUser(alice, false)
	b.mailbox = b.connect(google.Config{})
	return b
}

// connect makes a connector; what c leaves out is the bench's.
func (b *bench) connect(c google.Config) connector.Connector {
	b.t.Helper()
	c.Org, c.BaseURLPeople, c.BaseURLCalendar, c.Now = "acme", b.url, b.url+"/calendar/v3", b.clock.now
	c.PageSize, c.EventPageSize, c.Timeout = cmp.Or(c.PageSize, 3), cmp.Or(c.EventPageSize, 3), 2*time.Minute // of a busy machine
	c.HTTPClient = sent.Client()
	if c.Bearer == nil && !c.Token.Set() {
		account, err := b.server.ServiceAccountJSON(b.url + "/token")
		require.NoError(b.t, err)
		c.ServiceAccount, c.Mailbox = account, alice
	}
	m, err := google.New(c)
	require.NoError(b.t, err)
	return m
}

// breaking serves the names of broken people, and the start of broken events, as a text, which no Google does. An answer to
// a batch has JSON among other things.
func (b *bench) breaking(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		none := len(b.broken) == 0
		b.mu.Unlock()
		if none {
			next.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		var body []byte
		for rest := rec.Body.Bytes(); len(rest) > 0; {
			at := bytes.IndexByte(rest, '{')
			if at < 0 {
				body = append(body, rest...)
				break
			}
			body = append(body, rest[:at]...)
			d := json.NewDecoder(bytes.NewReader(rest[at:]))
			var tree any
			if d.Decode(&tree) != nil {
				body = append(body, rest[at:]...)
				break
			}
			b.spoil(tree)
			changed, err := json.Marshal(tree)
			if err != nil {
				panic(err)
			}
			body, rest = append(body, changed...), rest[at+int(d.InputOffset()):]
		}
		maps.Copy(w.Header(), rec.Header())
		w.Header().Del("Content-Length")
		w.WriteHeader(rec.Code)
		_, _ = bytes.NewReader(body).WriteTo(w)
	})
}

func (b *bench) spoil(v any) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			b.spoil(one)
		}
	case map[string]any:
		b.mu.Lock()
		if id, _ := v["resourceName"].(string); b.broken[id] {
			v["names"] = "zzcanaryzz"
		}
		if id, _ := v["id"].(string); b.broken[id] {
			v["start"] = "zzcanaryzz"
		}
		if original, ok := v["originalStartTime"].(map[string]any); ok && b.broken["zones"] && v["status"] == "cancelled" {
			delete(original, "timeZone")
			delete(v, "start")
			delete(v, "end")
		}
		b.mu.Unlock()
		for _, one := range v {
			b.spoil(one)
		}
	}
}

func person(n int) record.Fields {
	return record.Fields{
		record.FieldGiven: fmt.Sprintf("Jörg%d", n), record.FieldFamily: fmt.Sprintf("O'Neil-%d", n),
		record.FieldCompany: fmt.Sprintf("Company %d", n), record.FieldTitle: fmt.Sprintf("Title %d", n),
		record.FieldEmail: fmt.Sprintf("o'neil.%d@acme.test", n), record.FieldPhoneWork: fmt.Sprintf("+1 415 555 %04d", n),
		record.FieldWorkStreet: fmt.Sprintf("%d Main St\nFloor \"2\" \\ back", n), record.FieldBirthday: "1970-05-06",
	}
}

// typed is a contact as a person would type it.
func typed(f record.Fields) map[string]any {
	type m = map[string]any
	p := m{
		"names":          []m{{"givenName": f[record.FieldGiven], "familyName": f[record.FieldFamily]}},
		"organizations":  []m{{"name": f[record.FieldCompany], "title": f[record.FieldTitle]}},
		"emailAddresses": []m{{"value": f[record.FieldEmail], "type": "work"}},
		"phoneNumbers":   []m{{"value": f[record.FieldPhoneWork], "type": "work"}},
		"addresses":      []m{{"streetAddress": f[record.FieldWorkStreet], "type": "work"}},
		"birthdays":      []m{{"date": m{"year": 1970, "month": 5, "day": 6}}},
	}
	return p
}

func samples() record.Fields {
	f := record.Fields{}
	for _, field := range record.ContactFields() {
		f[field] = "Sample " + field
	}
	f[record.FieldPrefix], f[record.FieldEmail], f[record.FieldBirthday] = "Dr.", "Sample@Acme.test", "1980-02-28"
	for i, p := range []string{record.FieldPhoneWork, record.FieldPhoneMobile, record.FieldPhoneHome, record.FieldPhoneOther, record.FieldPhoneFax, record.FieldPhoneAssistant} {
		f[p] = fmt.Sprintf("(415) 555-010%d x1", i)
	}
	f[record.FieldNotes] = "First line\nSecond \"line\""
	return f
}

func (b *bench) insert(t testing.TB, p any) string {
	t.Helper()
	raw, err := json.Marshal(p)
	require.NoError(t, err)
	name, err := b.server.Insert(alice, string(raw))
	require.NoError(t, err)
	return name
}

func (b *bench) update(t testing.TB, name string, p any) {
	t.Helper()
	raw, err := json.Marshal(p)
	require.NoError(t, err)
	require.NoError(t, b.server.Update(alice, name, string(raw)))
}

// stored is a contact as the book holds it.
func (b *bench) stored(t testing.TB, name string) map[string]any {
	t.Helper()
	for _, c := range b.server.Living(alice) {
		if c.ResourceName == name {
			return c.Person
		}
	}
	require.Fail(t, "no such contact", name)
	return nil
}

// values are one member of all entries of a list, in order.
func values(p map[string]any, list, member string) []any {
	var out []any
	entries, _ := p[list].([]any)
	for _, e := range entries {
		out = append(out, e.(map[string]any)[member])
	}
	return out
}

func (b *bench) world() *connectortest.World {
	type m = map[string]any
	return &connectortest.World{
		Connector: b.mailbox, Kind: record.Contact, Org: "acme", PageSize: 3,
		Record: person, Text: record.FieldTitle, Samples: samples(),
		Create: func(t testing.TB, f record.Fields) string { return b.insert(t, typed(f)) },
		Edit: func(t testing.TB, id string, f record.Fields) {
			p := m{}
			for field, v := range f {
				switch field {
				case record.FieldTitle:
					p["organizations"] = []m{{"name": "Company", "title": v}}
				case record.FieldEmail:
					p["emailAddresses"] = []m{{"value": v}}
				default:
					require.Fail(t, "the person does not know "+field)
				}
			}
			b.update(t, id, p)
		},
		Delete: func(t testing.TB, id string) { require.NoError(t, b.server.Delete(alice, id)) },
		Living: func(testing.TB) int { return len(b.server.Living(alice)) },
		Merge:  func(t testing.TB, winner, loser string) { require.NoError(t, b.server.Merge(alice, winner, loser)) },
		Mark: func(t testing.TB, id, marker string) {
			b.update(t, id, m{"clientData": []m{{"key": "another", "value": "app"}, {"key": "repsync", "value": marker}}})
		},
		Break: func(_ testing.TB, id string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.broken[id] = true
		},
		Unmapped:  b.unmapped,
		MissingID: "people/c99999999", AbsenceProves: true,
		ExpireCursors: func(testing.TB) { b.server.ExpireSyncTokens(alice) },
		Settle:        func(testing.TB) { b.clock.advance(5 * time.Minute) },
		LoseAnswer: func(testing.TB) {
			b.faults.MustAdd(fault.Rule{Kind: fault.DropAfter, Method: "POST", Path: "/v1/people:batch", Times: 1})
		},
		Busy: func(testing.TB) {
			b.faults.MustAdd(fault.Rule{Kind: fault.Status, Path: "^/v1/", Status: 429, RetryAfter: fault.Duration(7 * time.Second), Times: 1,
				Body: `{"error":{"code":429,"message":"Quota exceeded","status":"RESOURCE_EXHAUSTED"}}`})
		},
		Hang: func(testing.TB) func() { return b.faults.Hold(fault.Rule{Path: "^/v1/"}) },
	}
}

// unmapped gives a contact what a record has no place for.
func (b *bench) unmapped(t testing.TB, id string) func(testing.TB) {
	type m = map[string]any
	b.update(t, id, m{
		"nicknames":      []m{{"value": "Joe"}},
		"urls":           []m{{"value": "https://example.test", "type": "blog"}},
		"emailAddresses": []m{{"value": "second@acme.test", "type": "home", "displayName": "Second"}, {"value": "first@acme.test", "type": "work"}, {"value": "third@acme.test", "type": "custom type"}},
		"phoneNumbers":   []m{{"value": "1", "type": "main"}, {"value": "2", "type": "work"}, {"value": "3", "type": "work"}, {"value": "4", "type": "pager"}},
		"addresses":      []m{{"type": "work", "city": "Bonn", "poBox": "12", "extendedAddress": "Floor 2"}, {"type": "work", "city": "Kiel"}, {"type": "cabin", "city": "Oslo"}},
		"organizations":  []m{{"name": "Acme", "title": "Boss", "jobDescription": "all of it", "symbol": "ACM"}, {"name": "Side", "title": "Helper"}},
		"names":          []m{{"givenName": "Jane", "familyName": "Doe", "phoneticGivenName": "Dschein"}},
		"clientData":     []m{{"key": "another", "value": "app"}},
	})
	return func(t testing.TB) {
		p := b.stored(t, id)
		require.Equal(t, []any{"Joe"}, values(p, "nicknames", "value"))
		require.Equal(t, []any{"https://example.test"}, values(p, "urls", "value"))
		require.Subset(t, values(p, "emailAddresses", "value"), []any{"second@acme.test", "third@acme.test"})
		require.Subset(t, values(p, "emailAddresses", "type"), []any{"home", "custom type"})
		require.Subset(t, values(p, "emailAddresses", "displayName"), []any{"Second"})
		require.Subset(t, values(p, "phoneNumbers", "value"), []any{"1", "3", "4"})
		require.Subset(t, values(p, "phoneNumbers", "type"), []any{"main", "work", "pager"})
		require.Subset(t, values(p, "addresses", "city"), []any{"Kiel", "Oslo"})
		require.Subset(t, values(p, "addresses", "poBox"), []any{"12"})
		require.Subset(t, values(p, "addresses", "extendedAddress"), []any{"Floor 2"})
		require.Subset(t, values(p, "organizations", "jobDescription"), []any{"all of it"})
		require.Subset(t, values(p, "organizations", "symbol"), []any{"ACM"})
		require.Subset(t, values(p, "organizations", "name"), []any{"Side"})
		require.Subset(t, values(p, "names", "phoneticGivenName"), []any{"Dschein"})
		require.Subset(t, values(p, "clientData", "value"), []any{"app"})
	}
}
