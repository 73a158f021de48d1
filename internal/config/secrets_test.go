package config

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox"
	google "github.com/repsync/repsync/internal/sandbox/google"
)

// vendors is a sandbox and the configuration of an org that signs in to it with files of its own, which tests replace.
type vendors struct {
	box      *sandbox.Sandbox
	config   Config
	crmKey   string // paths
	mailKey  string
	goodCRM  []byte
	goodMail []byte
}

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newVendors(t *testing.T) *vendors {
	t.Helper()
	dir := t.TempDir()
	box, err := sandbox.Start(t.Context(), sandbox.Config{Dir: dir, Key: testKey()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, box.Close()) })
	v := &vendors{box: box, crmKey: filepath.Join(dir, "crm.pem"), mailKey: filepath.Join(dir, "mail.json")}
	v.goodCRM, err = os.ReadFile(box.SalesforceKeyFile)
	require.NoError(t, err)
	v.goodMail, err = os.ReadFile(box.GoogleKeyFile)
	require.NoError(t, err)
	v.put(t, v.crmKey, v.goodCRM)
	v.put(t, v.mailKey, v.goodMail)
	env := box.Env()
	v.config = Config{Orgs: map[string]Org{"acme": {
		CRM: CRM{Connector: Salesforce, LoginURL: env.Salesforce.BaseURL, BaseURL: env.Salesforce.BaseURL,
			Auth: CRMAuth{JWT: &JWT{ClientID: env.Salesforce.ClientID, Username: env.Salesforce.Username, KeyFile: v.crmKey}}},
		Mailboxes: []Mailbox{{Domains: []string{"acme.test"}, Connector: Google,
			BaseURLs: BaseURLs{People: env.Google.PeopleURL, Calendar: env.Google.PeopleURL + "calendar/v3/"},
			Auth:     MailboxAuth{ServiceAccount: &ServiceAccount{KeyFile: v.mailKey, TokenURL: env.Google.TokenURL}}}},
	}}}.WithDefaults()
	return v
}

func (v *vendors) put(t *testing.T, path string, text []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, text, 0o600))
}

// another is a key that no vendor knows.
var another = sync.OnceValue(func() []byte {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
})

// anotherAccount is the sandbox's service account with a key that it does not have.
func (v *vendors) anotherAccount(t *testing.T) []byte {
	t.Helper()
	var account map[string]string
	require.NoError(t, json.Unmarshal(v.goodMail, &account))
	account["private_key"] = string(another())
	text, err := json.Marshal(account)
	require.NoError(t, err)
	return text
}

func (v *vendors) crm(t *testing.T, c *Connectors) error {
	t.Helper()
	crm, err := c.CRM("acme")
	require.NoError(t, err)
	_, err = crm.Caps(t.Context(), record.Contact, "")
	return err
}

func TestKeysAreRotatedWithoutARestart(t *testing.T) {
	t.Parallel()
	v := newVendors(t)
	c := NewConnectors(v.config)
	v.box.AddRep("alice@acme.test", "Alice Able", "")
	mail := func() error {
		box, _, err := c.Mailbox("acme", "alice@acme.test")
		require.NoError(t, err)
		_, err = box.Changes(t.Context(), record.Contact, connector.Query{})
		return err
	}
	endSessions := func() {
		v.box.Salesforce.ExpireSessions()
		v.box.Google.RevokeTokens("")
		crm, err := c.CRM("acme") // describe is believed for a while
		require.NoError(t, err)
		_, _, err = crm.Get(t.Context(), record.Contact, []connector.Ref{{ID: "003000000000001AAA"}}, nil)
		if err != nil {
			require.Equal(t, connector.Reconnect, connector.ClassOf(err))
		}
	}
	require.NoError(t, v.crm(t, c))
	require.NoError(t, mail())

	v.put(t, v.crmKey, another())
	v.put(t, v.mailKey, v.anotherAccount(t))
	require.NoError(t, v.crm(t, c), "a session holds whatever became of the key")
	endSessions()
	require.Equal(t, connector.Reconnect, connector.ClassOf(mail()))
	require.Equal(t, connector.Reconnect, connector.ClassOf(mail()), "paused by now")

	v.put(t, v.crmKey, v.goodCRM)
	v.put(t, v.mailKey, v.goodMail)
	require.NoError(t, mail(), "another key is tried at once")
	endSessions()
	require.NoError(t, v.crm(t, c))
}

func TestAThousandRepsWhoseKeyIsRefused(t *testing.T) {
	t.Parallel()
	v := newVendors(t)
	v.put(t, v.crmKey, another())
	v.put(t, v.mailKey, v.anotherAccount(t))
	c := NewConnectors(v.config)
	var all sync.WaitGroup
	for i := range 1000 {
		all.Go(func() {
			box, _, err := c.Mailbox("acme", fmt.Sprintf("rep%d@acme.test", i))
			if err != nil {
				t.Error(err)
				return
			}
			_, err = box.Changes(t.Context(), record.Contact, connector.Query{})
			var e *connector.Error
			if !errors.As(err, &e) || e.Class != connector.Reconnect || e.Code != "invalid_grant" {
				t.Errorf("a rep did not get the refusal: %v", err)
			}
			if err := v.crm(t, c); connector.ClassOf(err) != connector.Reconnect {
				t.Errorf("a rep did not get the CRM's refusal: %v", err)
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, v.box.Google.Calls()["token"], 24, "sign-ins for 1,000 mailboxes")
	require.LessOrEqual(t, v.box.Salesforce.Calls()["token"], 6, "sign-ins for 1,000 reps of one org")
}

func TestAThousandRepsSignInAFewAtATime(t *testing.T) {
	t.Parallel()
	const reps = 1000
	v := newVendors(t)
	for i := range reps {
		v.box.Google.AddUser(fmt.Sprintf("rep%d@acme.test", i), false)
	}
	c := NewConnectors(v.config)
	var all sync.WaitGroup
	for i := range reps {
		all.Go(func() {
			box, _, err := c.Mailbox("acme", fmt.Sprintf("rep%d@acme.test", i))
			if err != nil {
				t.Error(err)
				return
			}
			for range 2 {
				if _, err := box.Changes(t.Context(), record.Contact, connector.Query{}); err != nil {
					t.Error(err)
				}
			}
			if err := v.crm(t, c); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Equal(t, reps, v.box.Google.Calls()["token"], "each mailbox has a token of its own, once")
	require.Equal(t, 1, v.box.Salesforce.Calls()["token"], "the org has one")
}

func TestWhatIsNotDelegatedIsAskedOncePerSomeSeconds(t *testing.T) {
	t.Parallel()
	v := newVendors(t)
	v.box.Google.SetDelegation(google.ScopeContacts)
	for i := range 200 {
		v.box.Google.AddUser(fmt.Sprintf("rep%d@acme.test", i), false)
	}
	c := NewConnectors(v.config)
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			box, _, err := c.Mailbox("acme", fmt.Sprintf("rep%d@acme.test", i))
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := box.Changes(t.Context(), record.Event, connector.Query{}); connector.ClassOf(err) != connector.Reconnect {
				t.Errorf("events: %v", err)
			}
			if _, err := box.Changes(t.Context(), record.Contact, connector.Query{}); err != nil {
				t.Errorf("contacts go on: %v", err)
			}
		})
	}
	all.Wait()
	require.Less(t, v.box.Google.Calls()["token"], 200+64)
}

func TestNothingPrintsACredential(t *testing.T) {
	t.Parallel()
	v := newVendors(t)
	auth := v.config.Orgs["acme"].CRM
	passwords := auth
	passwordFile, secretFile := v.crmKey+".password", v.crmKey+".secret"
	v.put(t, passwordFile, []byte("zzpasswordzz\n"))
	v.put(t, secretFile, []byte("zzsecretzz\n"))
	passwords.Auth = CRMAuth{Password: &Password{ClientID: "c", ClientSecretFile: secretFile, Username: "u", PasswordFile: passwordFile}}
	crm, err := newSalesforce("acme", auth, Use{})
	require.NoError(t, err)
	other, err := newSalesforce("acme", passwords, Use{})
	require.NoError(t, err)
	box, err := newGoogle("acme", "alice@acme.test", v.config.Orgs["acme"].Mailboxes[0], Use{})
	require.NoError(t, err)
	v.put(t, v.crmKey, another())
	_, refused := crm.Caps(t.Context(), record.Contact, "")
	require.Error(t, refused)
	_, wrong := other.Caps(t.Context(), record.Contact, "")
	require.Error(t, wrong)

	body := func(text []byte) string { return strings.Split(string(text), "\n")[2] } // a line of base64 in the middle of the PEM
	secrets := []string{"zzpasswordzz", "zzsecretzz", body(v.goodCRM), body(another()), "BEGIN PRIVATE KEY", "BEGIN RSA"}
	secrets = append(secrets, strings.Split(string(v.goodMail), `\n`)[1:3]...)
	salesforceConf, googleConf := salesforceConfig("acme", auth, Use{}), googleConfig("acme", "a@acme.test", v.config.Orgs["acme"].Mailboxes[0], Use{})
	googleConf.ServiceAccount = v.goodMail
	salesforceConf.Auth.JWT.KeyPEM = v.goodCRM
	everything := []any{v.config, &v.config, auth, salesforceConf, *salesforceConf.Auth.JWT, googleConf, crm, other, box, refused, wrong, auth.Secrets()}
	var out bytes.Buffer
	text, jsonLog := slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))
	for _, thing := range everything {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			fmt.Fprintf(&out, verb+"\n", thing)
		}
		text.Info("x", "thing", thing)
		jsonLog.Info("x", "thing", thing)
		if asJSON, err := json.Marshal(thing); err == nil {
			out.Write(asJSON)
		}
	}
	asYAML, err := yaml.Marshal(v.config)
	require.NoError(t, err)
	out.Write(asYAML)
	for _, secret := range secrets {
		require.NotEmpty(t, secret)
		for _, form := range []string{secret, fmt.Sprintf("%x", secret), strings.Trim(fmt.Sprintf("%d", []byte(secret)), "[]")} {
			if at := strings.Index(out.String(), form); at >= 0 {
				t.Errorf("a credential is printed: … %.200s", out.String()[max(0, at-150):])
			}
		}
	}
	require.Contains(t, out.String(), v.crmKey, "where they are may be said")
}

func TestCredentialsFromTheEnvironment(t *testing.T) {
	v := newVendors(t)
	t.Setenv("ACME_SALESFORCE_KEY", strings.ReplaceAll(string(v.goodCRM), "\n", `\n`))
	t.Setenv("ACME_GOOGLE_KEY", string(v.goodMail))
	org := v.config.Orgs["acme"]
	org.CRM.Auth.JWT.KeyFile, org.CRM.Auth.JWT.KeyEnv = "", "ACME_SALESFORCE_KEY"
	org.Mailboxes[0].Auth.ServiceAccount.KeyFile, org.Mailboxes[0].Auth.ServiceAccount.KeyEnv = "", "ACME_GOOGLE_KEY"
	text, err := yaml.Marshal(v.config)
	require.NoError(t, err)
	parsed, err := Parse("repsync.yaml", text)
	require.NoError(t, err, "%s", text)
	c := NewConnectors(parsed)
	require.NoError(t, v.crm(t, c))
	v.box.Google.AddUser("alice@acme.test", false)
	box, _, err := c.Mailbox("acme", "alice@acme.test")
	require.NoError(t, err)
	_, err = box.Changes(t.Context(), record.Contact, connector.Query{})
	require.NoError(t, err)

	require.NoError(t, os.Unsetenv("ACME_SALESFORCE_KEY"))
	_, err = NewConnectors(parsed).CRM("acme")
	require.ErrorContains(t, err, "read auth.jwt.key_env: the environment variable ACME_SALESFORCE_KEY is not set; set it, or correct its name")
}

func TestOneCredentialHasOnePlace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ auth, key, problem string }{
		"none":           {"{jwt: {client_id: c, username: u}}", "auth.jwt.key_file", "is missing"},
		"both":           {"{jwt: {client_id: c, username: u, key_file: k, key_env: K}}", "auth.jwt.key_env", "stands beside key_file"},
		"what it holds":  {"{bearer: {token_env: \"00D!token\"}}", "auth.bearer.token_env", "is no name of an environment variable"},
		"a secret twice": {"{password: {client_id: c, username: u, password_env: P, client_secret_file: s, client_secret_env: S}}", "auth.password.client_secret_env", "stands beside"},
	} {
		doc := "orgs:\n  acme:\n    crm: {connector: salesforce, base_url: https://acme.test, auth: " + c.auth + "}\n" +
			"    mailboxes: [{domains: [acme.test], connector: google, auth: {service_account: {key_env: GOOGLE_KEY}}}]\n"
		_, err := Parse("repsync.yaml", []byte(doc))
		require.ErrorContains(t, err, c.problem, name)
		require.ErrorContains(t, err, c.key, name)
		require.NotContains(t, err.Error(), "00D!token", "what stands there may be the secret itself")
	}
}
