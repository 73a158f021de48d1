package salesforce_test

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
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
	"github.com/repsync/repsync/internal/connector/salesforce"
	"github.com/repsync/repsync/internal/connector/salesforce/mapping"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/internal/sandbox/quirk"
	sandbox "github.com/repsync/repsync/internal/sandbox/salesforce"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, func(t testing.TB) *connectortest.World { return newBench(t).world() })
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

// bench is an org with an integration user and the rep Alice, and a connector to it that pages by three.
type bench struct {
	t          testing.TB
	clock      *clock
	org        *sandbox.Server
	faults     *fault.Injector
	url        string
	api, alice string
	crm        connector.CRM

	mu     sync.Mutex
	broken map[string]bool // ids that breaking breaks
}

func newBench(t testing.TB) *bench { return newQuirkBench(t, quirk.Quirk{}) }

// newQuirkBench is a bench whose sandbox misbehaves in one way.
func newQuirkBench(t testing.TB, q quirk.Quirk) *bench {
	t.Helper()
	b := &bench{t: t, clock: &clock{t: time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)}, faults: fault.New(1), broken: map[string]bool{}}
	b.org = sandbox.New(sandbox.Config{Clock: b.clock.now})
	srv := httptest.NewServer(b.faults.Middleware(b.breaking(q.Middleware(b.org))))
	t.Cleanup(srv.Close)
	t.Cleanup(b.faults.Clear)
	b.url = srv.URL
	b.org.SetBaseURL(srv.URL)
	b.api = b.org.AddUser(sandbox.User{Username: "api@acme.test", Name: "Integration User", Profile: "System Administrator", Active: true, Password: "secret", ViewAll: true, ModifyAll: true})
	b.alice = b.org.AddUser(sandbox.User{Username: "alice@acme.test", Name: "Alice Able", Profile: "Field Sales", Active: true})
	b.org.ConnectedApp("app", "app-secret", &key().PublicKey)
	for n := range 7 {
		b.insert("Account", map[string]any{"Name": fmt.Sprintf("Company %d", n)})
	}
	b.insert("Account", map[string]any{"Name": "Sample & Söhne"})
	b.crm = b.connect(salesforce.Config{})
	return b
}

// connect makes a connector; what c leaves out is the bench's.
func (b *bench) connect(c salesforce.Config) connector.CRM {
	b.t.Helper()
	c.Org, c.LoginURL, c.Now, c.PageSize = "acme", b.url, b.clock.now, cmp.Or(c.PageSize, 3)
	c.Timeout = 2 * time.Minute // of a busy machine
	c.HTTPClient = sent.Client()
	if c.Auth == (salesforce.Auth{}) {
		pemKey := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key())})
		c.Auth.JWT = &salesforce.JWT{ClientID: "app", Username: "api@acme.test", KeyPEM: pemKey}
	}
	crm, err := salesforce.New(c)
	require.NoError(b.t, err)
	return crm
}

func (b *bench) insert(object string, v map[string]any) string {
	b.t.Helper()
	id, err := b.org.Insert(object, v, "")
	require.NoError(b.t, err)
	return id
}

// breaking serves the Birthdate of broken contacts, and the start of broken events, as a number, which no Salesforce does.
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
		body := rec.Body.Bytes()
		var page map[string]any
		if json.Unmarshal(body, &page) == nil {
			records, _ := page["records"].([]any)
			for _, one := range records {
				row, _ := one.(map[string]any)
				b.mu.Lock()
				if id, _ := row["Id"].(string); b.broken[id] {
					row["Birthdate"], row["StartDateTime"] = 19700101, 19700101
				}
				b.mu.Unlock()
			}
			if changed, err := json.Marshal(page); err == nil {
				body = changed
			}
		}
		maps.Copy(w.Header(), rec.Header())
		w.Header().Del("Content-Length")
		w.WriteHeader(rec.Code)
		_, _ = bytes.NewReader(body).WriteTo(w)
	})
}

// values turns a record into what a person types into Salesforce.
func (b *bench) values(f record.Fields) map[string]any {
	v := map[string]any{}
	for field, value := range f {
		switch {
		case field == record.FieldCompany:
			v["AccountId"] = b.account(value)
		case value == "":
			v[mapping.Contact[field]] = nil
		default:
			v[mapping.Contact[field]] = value
		}
	}
	return v
}

func (b *bench) account(name string) any {
	for _, a := range b.org.All("Account") {
		if a["Name"] == name {
			return a["Id"]
		}
	}
	return nil
}

func person(n int) record.Fields {
	return record.Fields{
		record.FieldGiven: fmt.Sprintf("Jörg%d", n), record.FieldFamily: fmt.Sprintf("O'Neil-%d", n),
		record.FieldCompany: fmt.Sprintf("Company %d", n%7), record.FieldTitle: fmt.Sprintf("Title %d", n),
		record.FieldEmail: fmt.Sprintf("o'neil.%d@acme.test", n), record.FieldPhoneWork: fmt.Sprintf("+1 415 555 %04d", n),
		record.FieldWorkStreet: fmt.Sprintf("%d Main St\nFloor \"2\" \\ back", n),
	}
}

// samples has a value for every field of a contact.
func samples() record.Fields {
	f := record.Fields{}
	for _, field := range record.ContactFields() {
		f[field] = "Sample " + field
	}
	f[record.FieldPrefix], f[record.FieldEmail], f[record.FieldBirthday] = "Dr.", "Sample@Acme.test", "1970-02-28"
	f[record.FieldCompany] = "Sample & Söhne"
	for i, p := range []string{record.FieldPhoneWork, record.FieldPhoneMobile, record.FieldPhoneHome, record.FieldPhoneOther, record.FieldPhoneFax, record.FieldPhoneAssistant} {
		f[p] = fmt.Sprintf("(415) 555-010%d x1", i)
	}
	f[record.FieldNotes] = "First line\nSecond \"line\""
	for _, a := range []string{"work", "home", "other"} {
		f["address."+a+".postal_code"] = "94105"
	}
	return f
}

func (b *bench) world() *connectortest.World {
	return &connectortest.World{
		Connector: b.crm, Kind: record.Contact, Org: "acme", Owner: b.alice, PageSize: 3,
		Record: person, Text: record.FieldTitle, Samples: samples(),
		Refused: func(canary string) record.Fields {
			f := person(400)
			f[record.FieldEmail] = canary + " is no address"
			return f
		},
		Create: func(t testing.TB, f record.Fields) string {
			v := b.values(f)
			v["OwnerId"] = b.alice
			id, err := b.org.Insert("Contact", v, b.alice)
			require.NoError(t, err)
			return id
		},
		Edit: func(t testing.TB, id string, f record.Fields) {
			require.NoError(t, b.org.Update("Contact", id, b.values(f), b.alice))
		},
		Delete:  func(t testing.TB, id string) { require.NoError(t, b.org.Delete("Contact", id, b.alice)) },
		Restore: func(t testing.TB, id string) { require.NoError(t, b.org.Undelete("Contact", id, b.alice)) },
		Living:  func(testing.TB) int { return len(b.living()) },
		Hide: func(t testing.TB, id string) {
			// A contact without an account is private to its owner, once the integration user does not see all data.
			b.org.AddUser(sandbox.User{Username: "api@acme.test", Name: "Integration User", Profile: "System Administrator", Active: true})
			require.NoError(t, b.org.Update("Contact", id, map[string]any{"AccountId": nil}, ""))
		},
		Merge: func(t testing.TB, winner, loser string) {
			require.NoError(t, b.org.Merge("Contact", winner, loser, b.alice))
		},
		Mark: func(t testing.TB, id, marker string) {
			require.NoError(t, b.org.Update("Contact", id, map[string]any{"Repsync_Key__c": marker}, b.alice))
		},
		Break: func(_ testing.TB, id string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.broken[id] = true
		},
		Unmapped: func(t testing.TB, id string) func(testing.TB) {
			set := map[string]any{"LeadSource": "Web", "DoNotCall": true, "AssistantName": "Ann", "Status__c": "Placed"}
			require.NoError(t, b.org.Update("Contact", id, set, b.alice))
			return func(t testing.TB) {
				row := b.row(id)
				for name, v := range set {
					require.Equal(t, v, row[name])
				}
			}
		},
		MissingID:     "003000000009999AAA",
		ExpireCursors: func(testing.TB) { b.clock.advance(16 * 24 * time.Hour) },
		Settle:        func(testing.TB) {},
		LoseAnswer: func(testing.TB) {
			b.faults.MustAdd(fault.Rule{Kind: fault.DropAfter, Path: "/composite/sobjects", Times: 1})
		},
		Busy: func(testing.TB) {
			b.faults.MustAdd(fault.Rule{Kind: fault.Status, Path: "^/services/data/", Status: 403, RetryAfter: fault.Duration(7 * time.Second), Times: 1,
				Body: `[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`})
		},
		Hang: func(testing.TB) func() { return b.faults.Hold(fault.Rule{Path: "^/services/data/"}) },
	}
}

func (b *bench) row(id string) map[string]any {
	for _, row := range b.org.All("Contact") {
		if row["Id"] == id {
			return row
		}
	}
	return nil
}

func (b *bench) living() []map[string]any {
	var out []map[string]any
	for _, row := range b.org.All("Contact") {
		if row["IsDeleted"] != true {
			out = append(out, row)
		}
	}
	return out
}
