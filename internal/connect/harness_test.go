package connect_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/connect"
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

const alice = "alice@acme.test"

// world is an org that is connected as docs/connect.md says, at sandboxes: the integration user has a profile that opens
// nothing and the permission set of deploy/salesforce. Tests break one thing each.
type world struct {
	t       *testing.T
	box     *sandbox.Sandbox
	org     config.Org
	mailbox string
	user    string
	crmKey  string // paths
	mailKey string
	rep     string // alice's user id
}

// makeKey makes a key, slowly; tests share two.
func makeKey(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

var (
	goodKey  = sync.OnceValue(func() *rsa.PrivateKey { return makeKey(2048) })
	wrongKey = sync.OnceValue(func() *rsa.PrivateKey { return makeKey(2048) })
)

func pemOf(key *rsa.PrivateKey) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// username and the sets that the world's integration user has.
const (
	integration   = "integration@acme.test"
	minimum       = "Minimum Access - API Only Integrations"
	permissionSet = "Repsync"
)

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	box, err := sandbox.Start(t.Context(), sandbox.Config{Dir: dir, Key: goodKey()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, box.Close()) })
	w := &world{t: t, box: box, mailbox: alice, crmKey: filepath.Join(dir, "salesforce.key"), mailKey: filepath.Join(dir, "google.json")}
	w.put(w.crmKey, pemOf(goodKey()))
	account, err := os.ReadFile(box.GoogleKeyFile)
	require.NoError(t, err)
	w.put(w.mailKey, account)
	w.rep = box.AddRep(alice, "Alice Able", "")
	w.install()
	env := box.Env()
	w.org = config.Org{
		CRM: config.CRM{Connector: config.Salesforce, LoginURL: env.Salesforce.BaseURL, BaseURL: env.Salesforce.BaseURL,
			Auth: config.CRMAuth{JWT: &config.JWT{ClientID: sandbox.ConnectedAppID, Username: integration, KeyFile: w.crmKey}}},
		Mailboxes: []config.Mailbox{{Domains: []string{"acme.test"}, Connector: config.Google,
			BaseURLs: config.BaseURLs{People: env.Google.PeopleURL, Calendar: env.Google.PeopleURL + "calendar/v3/"},
			Auth:     config.MailboxAuth{ServiceAccount: &config.ServiceAccount{KeyFile: w.mailKey, TokenURL: env.Google.TokenURL}}}},
	}
	return w
}

func (w *world) put(path string, text []byte) {
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(path, text, 0o600))
}

// account rewrites the service account's key file.
func (w *world) account(change func(map[string]any)) {
	w.t.Helper()
	text, err := os.ReadFile(w.mailKey)
	require.NoError(w.t, err)
	var account map[string]any
	require.NoError(w.t, json.Unmarshal(text, &account))
	change(account)
	text, err = json.Marshal(account)
	require.NoError(w.t, err)
	w.put(w.mailKey, text)
}

// run runs the checks.
func (w *world) run() connect.Report {
	w.t.Helper()
	c := config.Config{Orgs: map[string]config.Org{"acme": w.org}}
	require.NoError(w.t, c.Validate())
	before := w.writes()
	report, err := connect.Run(w.t.Context(), connect.Options{File: "repsync.yaml", Config: c.WithDefaults(), Org: "acme", Mailbox: w.mailbox, User: w.user})
	require.NoError(w.t, err)
	require.Equal(w.t, before, w.writes(), "nothing is written to either vendor")
	for i, s := range report.Steps {
		require.Equal(w.t, i+1, s.Number)
		require.NotEmpty(w.t, s.Found, "%+v", s)
		if s.Standing == connector.Lacking || s.Standing == connector.Warning {
			require.NotEmpty(w.t, s.Remedy, "%+v", s)
		} else {
			require.Empty(w.t, s.Remedy, "%+v", s)
		}
		require.NotContains(w.t, s.Found+s.Remedy, "PRIVATE KEY-")
	}
	require.Len(w.t, report.Steps, report.OK+report.Warnings+report.Missing+report.NotTried)
	return report
}

// writes counts the requests that change something.
func (w *world) writes() int {
	n := 0
	for _, calls := range []map[string]int{w.box.SalesforceFaults.Calls(), w.box.GoogleFaults.Calls()} {
		for call, count := range calls {
			method, path, _ := strings.Cut(call, " ")
			if method != "GET" && method != "HEAD" && !strings.HasSuffix(path, "/token") {
				n += count
			}
		}
	}
	return n
}

// step finds a step by its id.
func step(t *testing.T, r connect.Report, id string) connect.Step {
	t.Helper()
	for _, s := range r.Steps {
		if s.ID == id || strings.HasPrefix(s.ID, id+" ") {
			return s
		}
	}
	require.Fail(t, "no step "+id)
	return connect.Step{}
}

// install makes the org as after `sf project deploy start` and `sf org assign permset`: a profile that opens nothing but the
// API, and the permission set as it stands in deploy/salesforce.
func (w *world) install() {
	w.t.Helper()
	org := w.box.Salesforce
	for _, object := range []string{"Contact", "Account", "Lead", "Event", "EventRelation"} {
		org.SetObjectAccess(minimum, object, salesforce.ObjectAccess{})
	}
	set := readPermissionSet(w.t)
	id := org.AddPermissionSet(permissionSet)
	w.user = ""
	integrationID := org.AddUser(salesforce.User{Username: integration, Name: "Repsync Integration", Profile: minimum, Active: true,
		NoSetup: !set.may("ViewSetup"), NoAPI: !set.may("ApiEnabled")})
	for _, o := range set.Objects {
		org.SetObjectAccess(permissionSet, o.Object, salesforce.ObjectAccess{Read: o.Read, Create: o.Create, Edit: o.Edit, Delete: o.Delete, ViewAll: o.ViewAll, ModifyAll: o.ModifyAll})
	}
	if set.may("ActivitiesAccess") {
		edit := set.may("EditEvent")
		for _, object := range []string{"Event", "EventRelation"} {
			org.SetObjectAccess(permissionSet, object, salesforce.ObjectAccess{Read: true, Create: edit, Edit: edit, Delete: edit})
		}
	}
	for _, f := range permissionable(w.t, w.box) {
		object, field, _ := strings.Cut(f, ".")
		org.SetFieldAccess(minimum, object, field, false, false)
	}
	for _, f := range set.Fields {
		object, field, _ := strings.Cut(f.Field, ".")
		org.SetFieldAccess(permissionSet, object, field, f.Readable, f.Editable)
	}
	org.Assign(integrationID, id)
	org.Approve(sandbox.ConnectedAppID, integration)
}
