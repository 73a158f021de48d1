package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

// whole is DESIGN.md's example, with every value said.
const whole = `orgs:
  acme:
    crm:
      connector: salesforce
      login_url: https://login.acme.test/
      base_url: https://acme.my.salesforce.com
      api_version: "62.0"
      auth: {jwt: {client_id: c, username: u@acme.test, key_file: keys/crm.pem}}
      feed: {every: 30s, keep: 24h, overlap: 5m}
      budget: {daily: 50000, reserve: 20}
    mailboxes:
      - domains: [Acme.test, acme.example]
        connector: google
        base_urls: {calendar: http://127.0.0.1:1/calendar/v3, people: http://127.0.0.1:1}
        auth: {service_account: {key_file: /etc/repsync/google.json, token_url: http://127.0.0.1:1/token}}
        lag: 2m
        budget: {calendar: {mailbox: 300, project: 5000}, people_reads: {mailbox: 60, project: 600}, people_writes: {mailbox: -1}}
`

// least is the shortest document that is valid.
const least = `orgs:
  acme:
    crm: {connector: salesforce, base_url: https://acme.my.salesforce.com, auth: {bearer: {token_file: crm.token}}}
    mailboxes: [{domains: [acme.test], connector: google, auth: {bearer: {token_file: mail.token}}}]
`

func TestParseReadsEveryValue(t *testing.T) {
	t.Parallel()
	c, err := Parse("/etc/repsync/repsync.yaml", []byte(whole))
	require.NoError(t, err)
	require.Equal(t, Config{Orgs: map[string]Org{"acme": {
		CRM: CRM{
			Connector: "salesforce", LoginURL: "https://login.acme.test", BaseURL: "https://acme.my.salesforce.com", APIVersion: "62.0",
			Auth:   CRMAuth{JWT: &JWT{ClientID: "c", Username: "u@acme.test", KeyFile: "/etc/repsync/keys/crm.pem"}},
			Feed:   Feed{Every: 30 * time.Second, Keep: 24 * time.Hour, Overlap: 5 * time.Minute},
			Budget: Budget{Daily: 50_000, Reserve: 20},
		},
		Mailboxes: []Mailbox{{
			Domains: []string{"acme.test", "acme.example"}, Connector: "google", Lag: 2 * time.Minute,
			BaseURLs: BaseURLs{Calendar: "http://127.0.0.1:1/calendar/v3/", People: "http://127.0.0.1:1/"},
			Auth:     MailboxAuth{ServiceAccount: &ServiceAccount{KeyFile: "/etc/repsync/google.json", TokenURL: "http://127.0.0.1:1/token"}},
			Budget:   MailboxBudget{Calendar: Pace{300, 5000}, PeopleReads: Pace{60, 600}, PeopleWrites: Pace{Mailbox: -1}},
		}},
	}}}, c)
}

func TestParseFillsInDefaults(t *testing.T) {
	t.Parallel()
	c, err := Parse("repsync.yaml", []byte(least))
	require.NoError(t, err)
	crm, box := c.Orgs["acme"].CRM, c.Orgs["acme"].Mailboxes[0]
	require.Equal(t, "https://login.salesforce.com", crm.LoginURL)
	require.Equal(t, "65.0", crm.APIVersion)
	require.Equal(t, Feed{Every: time.Minute, Keep: 72 * time.Hour, Overlap: 10 * time.Minute}, crm.Feed)
	require.Equal(t, BaseURLs{Calendar: "https://www.googleapis.com/calendar/v3/", People: "https://people.googleapis.com/"}, box.BaseURLs)
	require.Zero(t, box.Lag, "the connector knows its vendor's lag")
	require.Equal(t, "crm.token", crm.Auth.Bearer.TokenFile)
}

func TestConfigSurvivesBeingWritten(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string]string{"whole": whole, "least": least} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := Parse("/etc/repsync.yaml", []byte(doc))
			require.NoError(t, err)
			text, err := yaml.Marshal(c)
			require.NoError(t, err)
			again, err := Parse("/elsewhere/repsync.yaml", text)
			require.NoError(t, err, "the development stack writes its configuration so:\n%s", text)
			require.Equal(t, c, again)
		})
	}
}

// TestParseExplains holds that each thing that can be wrong is reported at its line, under its key, with a remedy.
func TestParseExplains(t *testing.T) {
	t.Parallel()
	const crm = "orgs:\n  acme:\n    crm:\n      connector: salesforce\n      base_url: https://acme.test\n"
	const auth = "      auth: {bearer: {token_file: t}}\n"
	const boxes = "    mailboxes:\n      - domains: [acme.test]\n        connector: google\n        auth: {bearer: {token_file: t}}\n"
	tests := []struct {
		name    string
		doc     string
		line    int
		key     string
		problem string
		remedy  string
	}{
		{"empty", "", 0, "orgs", "names no org", "write at least one"},
		{"null", "null\n", 1, "", "wrong kind", "a mapping with the keys orgs"},
		{"tabs", "orgs:\n\tacme: 1\n", 2, "", "cannot start any token", "indent with spaces"},
		{"unclosed", "orgs: {acme\n", 1, "", "could not find", "correct the YAML"},
		{"key twice", "orgs:\n  acme: {}\n  acme: {}\n", 3, "", "already defined", "write each key once"},
		{"text for a mapping", "orgs: acme\n", 1, "orgs", "wrong kind", "a mapping of names"},
		{"text for an org", "orgs:\n  acme: yes please\n", 2, "orgs.acme", "wrong kind", "a mapping with the keys crm, mailboxes"},
		{"text for a list", crm + auth + "    mailboxes:\n      - domains: acme.test\n", 8, "orgs.acme.mailboxes.0.domains", "wrong kind", "a list"},
		{"list for a text", "orgs:\n  acme:\n    crm:\n      base_url: [a]\n", 4, "orgs.acme.crm.base_url", "wrong kind", "a text"},
		{"unknown key at the top", "org: {}\n", 1, "org", "unknown key", "known here: orgs"},
		{"unknown key in crm", "orgs:\n  acme:\n    crm:\n      conector: x\n", 4, "orgs.acme.crm.conector", "unknown key", "known here: api_version, auth, base_url, budget, connector, feed, login_url"},
		{"unknown key in a mailbox", crm + auth + "    mailboxes:\n      - domains: [a.test]\n        domain: a\n", 9, "orgs.acme.mailboxes.0.domain", "unknown key", "auth, base_urls, budget, connector, domains, lag"},
		{"a budget below nothing", crm + auth + "      budget: {daily: -1}\n" + boxes, 7, "orgs.acme.crm.budget.daily", "negative", "leave it out"},
		{"a reserve that leaves nothing", crm + auth + "      budget: {reserve: 100}\n" + boxes, 7, "orgs.acme.crm.budget.reserve", "no percentage", "write 10"},
		{"secret in the document", "orgs:\n  acme:\n    crm:\n      auth: {bearer: {token: x}}\n", 4, "orgs.acme.crm.auth.bearer.token", "unknown key", "known here: token_env, token_file"},
		{"duration without unit", crm + "      feed:\n        every: 5\n", 7, "orgs.acme.crm.feed.every", "is no duration", "30s"},
		{"duration in words", crm + auth + "    mailboxes:\n      - lag: soon\n", 8, "orgs.acme.mailboxes.0.lag", "is no duration", "30s"},
		{"negative duration", crm + auth + "      feed:\n        overlap: -1m\n" + boxes, 8, "orgs.acme.crm.feed.overlap", "is negative", "write a duration"},
		{"log shorter than a poll", crm + auth + "      feed: {every: 1h, keep: 1m}\n" + boxes, 7, "orgs.acme.crm.feed.keep", "shorter than feed.every", "72h"},
		{"org that would split a workflow id", "orgs:\n  \"a:b\":\n" + strings.SplitAfterN(crm, "\n", 3)[2] + auth + boxes, 2, "orgs.a:b", "no name for an org", "lower-case letters"},
		{"no crm connector", "orgs:\n  acme:\n    crm:\n" + auth + "      base_url: https://a.test\n" + boxes, 3, "orgs.acme.crm.connector", "is missing", "connector: salesforce"},
		{"unknown crm connector", strings.Replace(crm, "salesforce", "hubspot", 1) + auth + boxes, 4, "orgs.acme.crm.connector", `no CRM connector "hubspot"`, "connector: salesforce"},
		{"relative address", strings.Replace(crm, "https://acme.test", "acme.test", 1) + auth + boxes, 5, "orgs.acme.crm.base_url", "not an absolute address", "scheme and host"},
		{"address with a user", strings.Replace(crm, "https://acme.test", "https://u:p@acme.test", 1) + auth + boxes, 5, "orgs.acme.crm.base_url", "carries a user", "credentials belong into the files"},
		{"version in words", crm + "      api_version: newest\n" + auth + boxes, 6, "orgs.acme.crm.api_version", "no version number", "65.0"},
		{"no way to sign in", crm + boxes, 3, "orgs.acme.crm.auth", "no way to sign in", "basic, bearer, jwt, password"},
		{"two ways to sign in", crm + "      auth:\n        bearer: {token_file: t}\n        basic: {username: u, password_file: p}\n" + boxes, 6, "orgs.acme.crm.auth", "several ways to sign in (basic, bearer)", "keep one"},
		{"jwt without key", crm + "      auth:\n        jwt: {client_id: c, username: u}\n" + boxes, 7, "orgs.acme.crm.auth.jwt.key_file", "is missing", "private key"},
		{"password without user", crm + "      auth:\n        password: {client_id: c, password_file: p}\n" + boxes, 7, "orgs.acme.crm.auth.password.username", "is missing", "integration user"},
		{"basic without file", crm + "      auth:\n        basic: {username: u}\n" + boxes, 7, "orgs.acme.crm.auth.basic.password_file", "is missing", "name the file"},
		{"bearer without address", "orgs:\n  acme:\n    crm:\n      connector: salesforce\n" + auth + boxes, 3, "orgs.acme.crm.base_url", "is missing", "the org's address"},
		{"no mailboxes", crm + auth, 2, "orgs.acme.mailboxes", "names no mailboxes", "at least one entry"},
		{"no domains", crm + auth + "    mailboxes:\n      - connector: google\n        auth: {bearer: {token_file: t}}\n", 8, "orgs.acme.mailboxes.0.domains", "names no mail domain", "domains: [acme.test]"},
		{"address for a domain", crm + auth + strings.Replace(boxes, "acme.test", "a@acme.test", 1), 8, "orgs.acme.mailboxes.0.domains.0", "no mail domain", "after the @"},
		{"domain twice", crm + auth + strings.Replace(boxes, "[acme.test]", "[acme.test, ACME.test]", 1), 8, "orgs.acme.mailboxes.0.domains.1", "stands twice", "one entry"},
		{"connector to come", crm + auth + strings.Replace(boxes, "google", "microsoft", 1), 9, "orgs.acme.mailboxes.0.connector", "microsoft is not enforced yet", "use google"},
		{"unknown connector", crm + auth + strings.Replace(boxes, "google", "gogle", 1), 9, "orgs.acme.mailboxes.0.connector", `no mailbox connector "gogle"`, "connector: google"},
		{"mailbox without sign-in", crm + auth + "    mailboxes:\n      - domains: [acme.test]\n        connector: google\n", 8, "orgs.acme.mailboxes.0.auth", "no way to sign in", "bearer, service_account"},
		{"calendar of another path", crm + auth + boxes + "        base_urls: {calendar: \"https://www.googleapis.com/\"}\n", 11, "orgs.acme.mailboxes.0.base_urls.calendar", "does not end in /calendar/v3/", "https://www.googleapis.com/calendar/v3/"},
		{"service account without key", crm + auth + strings.Replace(boxes, "{bearer: {token_file: t}}", "{service_account: {}}", 1), 10, "orgs.acme.mailboxes.0.auth.service_account.key_file", "is missing", "key_env"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("repsync.yaml", []byte(tt.doc))
			var got *Error
			require.ErrorAs(t, err, &got)
			require.Equal(t, tt.line, got.Line, "%v", err)
			require.Equal(t, tt.key, got.Key, "%v", err)
			require.Contains(t, got.Problem, tt.problem)
			require.Contains(t, got.Remedy, tt.remedy)
			require.True(t, strings.HasPrefix(err.Error(), "repsync.yaml"), "the document is named: %v", err)
		})
	}
}

func TestParseReportsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Parse("repsync.yaml", []byte("orgs:\n  acme:\n    crm: {connector: salesforce}\n"))
	require.ErrorContains(t, err, "orgs.acme.crm.auth")
	require.ErrorContains(t, err, "orgs.acme.mailboxes")
	require.Len(t, strings.Split(err.Error(), "\n"), 2, "one line each")
}

func TestLoadNamesAMissingFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "none.yaml")
	_, err := Load(path)
	require.ErrorContains(t, err, path+": no such file")
	require.ErrorContains(t, err, "REPSYNC_CONFIG")
}

func TestLoadResolvesPathsFromItsDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "repsync.yaml")
	require.NoError(t, os.WriteFile(path, []byte(least), 0o600))
	c, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "crm.token"), c.Orgs["acme"].CRM.Auth.Bearer.TokenFile)
	require.Equal(t, filepath.Join(dir, "mail.token"), c.Orgs["acme"].Mailboxes[0].Auth.Bearer.TokenFile)
}

func TestValidateWithoutDocument(t *testing.T) {
	t.Parallel()
	err := Config{}.Validate()
	require.EqualError(t, err, "configuration: orgs: names no org; write at least one: orgs: {acme: {crm: …, mailboxes: […]}}")
}
