package connect_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/connect"
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/internal/sandbox/google"
	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

func TestWhatIsConnectedAsTheGuideSaysLacksNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user = alice
	r := w.run()
	for _, s := range r.Steps {
		require.Equal(t, connector.OK, s.Standing, "%d %s: %s → %s", s.Number, s.Title, s.Found, s.Remedy)
	}
	require.False(t, r.Ours() || r.Theirs())
	require.Contains(t, step(t, r, "salesforce.identity").Found, `org "Repsync Sandbox"`)
	require.Contains(t, step(t, r, "google.key").Found, "client id 104892101234567890123", "the next step needs it")
	require.Contains(t, step(t, r, "salesforce.rep").Found, w.rep)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	require.Contains(t, string(text), `{"number":1,"area":"configuration","id":"configuration.org","title":"the configuration names the org","standing":"ok","found":"repsync.yaml"}`)
}

// broken is one thing that is not as it has to be: what is broken, and what is said of it.
type broken struct {
	name   string
	do     func(w *world)
	id     string // the step that says so
	want   connector.Standing
	found  string
	remedy string
	stops  []string // some of the steps that are not tried for it
}

const (
	contactsScope = "https://www.googleapis.com/auth/contacts"
	eventsScope   = "https://www.googleapis.com/auth/calendar.events"
)

// refuse makes the app refuse everybody.
func refuse(why salesforce.Refusal) func(*world) {
	return func(w *world) { w.box.Salesforce.Refuse(sandbox.ConnectedAppID, why) }
}

// answer makes a vendor's token endpoint answer as it does in cases that the sandbox does not play.
func answer(vendor, code, words string) func(*world) {
	return func(w *world) {
		body, err := json.Marshal(map[string]string{"error": code, "error_description": words})
		require.NoError(w.t, err)
		faults, path := w.box.SalesforceFaults, "/services/oauth2/token$"
		if vendor == "google" {
			faults, path = w.box.GoogleFaults, "^/token$"
		}
		faults.MustAdd(fault.Rule{Kind: fault.Status, Path: path, Status: 400, Body: string(body)})
	}
}

// integrationUser changes the integration user.
func integrationUser(change func(*salesforce.User)) func(*world) {
	return func(w *world) {
		u := salesforce.User{Username: integration, Name: "Repsync Integration", Profile: minimum, Active: true}
		change(&u)
		id := w.box.Salesforce.AddUser(u)
		for _, set := range w.box.Salesforce.All("PermissionSet") {
			if set["Name"] == permissionSet {
				w.box.Salesforce.Assign(id, set["Id"].(string))
			}
		}
	}
}

var configurationBroken = []broken{
	{"no key file", func(w *world) { require.NoError(w.t, os.Remove(w.crmKey)) }, "configuration.auth.jwt.key_file", connector.Lacking, "there is no file", "Put the file there", []string{"salesforce.key", "salesforce.token", "salesforce.budget"}},
	{"an empty key file", func(w *world) { w.put(w.mailKey, nil) }, "configuration.auth.service_account.key_file", connector.Lacking, "is empty", "", []string{"google.key", "google.account"}},
	{"a variable that is not set", func(w *world) {
		w.org.CRM.Auth.JWT.KeyFile, w.org.CRM.Auth.JWT.KeyEnv = "", "REPSYNC_TEST_NOWHERE"
	}, "configuration.auth.jwt.key_env", connector.Lacking, "REPSYNC_TEST_NOWHERE is not set", "where the workers do", []string{"salesforce.key"}},
	{"a key that everybody may read", func(w *world) { require.NoError(w.t, os.Chmod(w.crmKey, 0o644)) }, "configuration.auth.jwt.key_file", connector.Warning, "mode 0644: every user of this machine may use it", "chmod 600 ", nil},
	{"a mailbox of another domain", func(w *world) { w.mailbox = "bob@elsewhere.test" }, "configuration.domain", connector.Lacking, `"elsewhere.test"`, "orgs.acme.mailboxes", nil},
}

var salesforceBroken = []broken{
	{"no key in the file", func(w *world) { w.put(w.crmKey, []byte("secret")) }, "salesforce.key", connector.Lacking, "holds no RSA private key", "openssl req", []string{"salesforce.token"}},
	{"the certificate in its place", func(w *world) { w.put(w.crmKey, []byte("-----BEGIN CERTIFICATE-----\n")) }, "salesforce.key", connector.Lacking, "holds the certificate", "Name the private key", []string{"salesforce.token"}},
	{"a public key in its place", func(w *world) { w.put(w.crmKey, []byte("-----BEGIN PUBLIC KEY-----\n")) }, "salesforce.key", connector.Lacking, "holds a public key", "private key", []string{"salesforce.token"}},
	{"a key with a passphrase", func(w *world) { w.put(w.crmKey, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")) }, "salesforce.key", connector.Lacking, "locked with a passphrase", "openssl pkey -in", []string{"salesforce.token"}},
	{"a key that is too short", func(w *world) { w.put(w.crmKey, pemOf(makeKey(1024))) }, "salesforce.key", connector.Lacking, "1024 bits", "2048", []string{"salesforce.token"}},
	{"no such login host", func(w *world) { w.org.CRM.LoginURL = "http://acme.invalid" }, "salesforce.reach", connector.Lacking, "acme.invalid does not resolve", "crm.login_url", []string{"salesforce.clock", "salesforce.token", "salesforce.object.Contact"}},
	{"nobody at the instance", func(w *world) { w.org.CRM.BaseURL = "http://127.0.0.1:1" }, "salesforce.reach", connector.Lacking, "127.0.0.1:1 accepts no connection", "crm.base_url", []string{"salesforce.token"}},
	{"another key", func(w *world) { w.put(w.crmKey, pemOf(wrongKey())) }, "salesforce.token", connector.Lacking, `invalid_grant ("invalid assertion"): the app has no certificate that belongs to the key`, "Enable JWT Bearer Flow", []string{"salesforce.version", "salesforce.identity", "salesforce.sharing"}},
	{"an unknown consumer key", func(w *world) { w.org.CRM.Auth.JWT.ClientID = "3MVG9nobodynobodynobody" }, "salesforce.token", connector.Lacking, "no app has the consumer key 3MVG9nobodynob…", "Consumer Key", []string{"salesforce.api"}},
	{"an unknown user", func(w *world) { w.org.CRM.Auth.JWT.Username = "nobody@acme.test" }, "salesforce.token", connector.Lacking, "the org has no user nobody@acme.test", "Permitted Users", []string{"salesforce.api"}},
	{"a user that waits for consent", refuse(salesforce.ConsentMissing), "salesforce.token", connector.Lacking, "waits for a person's consent", "Admin approved users are pre-authorized", []string{"salesforce.api"}},
	{"a user that is not approved", func(w *world) { w.org.CRM.Auth.JWT.Username = alice }, "salesforce.token", connector.Lacking, "invalid_app_access", "sf org assign permset --name Repsync --on-behalf-of " + alice, []string{"salesforce.api"}},
	{"an app of another org", refuse(salesforce.NotInstalled), "salesforce.token", connector.Lacking, "app_not_found", "My Domain", []string{"salesforce.api"}},
	{"an address that is not allowed", refuse(salesforce.IPRestricted), "salesforce.token", connector.Lacking, "ip restricted", "Relax IP restrictions", []string{"salesforce.api"}},
	{"an org that is locked", refuse(salesforce.OrgInactive), "salesforce.token", connector.Lacking, "inactive_org", "Ask Salesforce", []string{"salesforce.api"}},
	{"an inactive user", integrationUser(func(u *salesforce.User) { u.Active = false }), "salesforce.token", connector.Lacking, "the user integration@acme.test is not active", "Setup → Users", []string{"salesforce.api"}},
	{"another audience", answer("salesforce", "invalid_grant", "audience is invalid"), "salesforce.token", connector.Lacking, "crm.login_url is none of the addresses", "test.salesforce.com", []string{"salesforce.api"}},
	{"a sign-in that came too late", answer("salesforce", "invalid_grant", "expired authorization code"), "salesforce.token", connector.Lacking, "our clock is wrong", "timedatectl", []string{"salesforce.api"}},
	{"a flow that is not enabled", answer("salesforce", "unsupported_grant_type", "grant type not supported"), "salesforce.token", connector.Lacking, "does not take this way", "Flow Enablement", []string{"salesforce.api"}},
	{"an answer that nobody has seen", answer("salesforce", "invalid_grant", "the moon is full"), "salesforce.token", connector.Lacking, `("the moon is full")`, "Login History", []string{"salesforce.api"}},
	{"a login server in trouble", func(w *world) {
		w.box.SalesforceFaults.MustAdd(fault.Rule{Kind: fault.Status, Path: "/token$", Status: 503})
	}, "salesforce.token", connector.Lacking, "does not answer as it should (http_503)", "status.salesforce.com", []string{"salesforce.api"}},
	{"a version of the future", func(w *world) { w.org.CRM.APIVersion = "99.0" }, "salesforce.version", connector.Lacking, "does not offer version 99.0; its newest is 66.0", `api_version: "66.0"`, []string{"salesforce.api", "salesforce.object.Contact"}},
	{"a user without the API", integrationUser(func(u *salesforce.User) { u.NoAPI = true }), "salesforce.api", connector.Lacking, "may not use the API (API_CURRENTLY_DISABLED)", "API Enabled", []string{"salesforce.identity", "salesforce.budget"}},
	{"an app without the scope api", func(w *world) {
		w.box.Salesforce.ConnectedApp(sandbox.ConnectedAppID, "", &goodKey().PublicKey, "id", "openid")
	}, "salesforce.api", connector.Lacking, "not accepted by the API (INVALID_SESSION_ID)", "Manage user data via APIs (api)", []string{"salesforce.identity"}},
	{"the daily requests used up", func(w *world) { w.box.Salesforce.SetDailyLimit(1) }, "salesforce.api", connector.Lacking, "daily API requests are used up", "Setup → API Usage", []string{"salesforce.identity"}},
	{"no View Setup", integrationUser(func(u *salesforce.User) { u.NoSetup = true }), "salesforce.setup", connector.Lacking, "what a rep may see is not known", "View Setup and Configuration", []string{"salesforce.rep"}},
	{"contacts closed", object("Contact", salesforce.ObjectAccess{}), "salesforce.object.Contact", connector.Lacking, "Contact is not open", "sf org assign permset --name Repsync --on-behalf-of " + integration, []string{"salesforce.marker.Contact", "salesforce.fields.Contact", "salesforce.sharing"}},
	{"contacts that may only be read", object("Contact", salesforce.ObjectAccess{Read: true, ViewAll: true}), "salesforce.object.Contact", connector.Lacking, "but not create, edit, delete", "rights on contacts", []string{"salesforce.marker.Contact"}},
	{"accounts closed", object("Account", salesforce.ObjectAccess{}), "salesforce.object.Account", connector.Warning, "companies of contacts are not synced", "rights on accounts", nil},
	{"leads closed", object("Lead", salesforce.ObjectAccess{}), "salesforce.object.Lead", connector.Warning, "leads are not found", "rights on leads", nil},
	{"events closed", object("Event", salesforce.ObjectAccess{}), "salesforce.object.Event", connector.Warning, "events are not synced", "Access Activities and Edit Events", nil},
	{"events that may only be read", object("Event", salesforce.ObjectAccess{Read: true}), "salesforce.object.Event", connector.Lacking, "not create, edit, delete", "Edit Events", nil},
	{"relations closed", object("EventRelation", salesforce.ObjectAccess{}), "salesforce.object.EventRelation", connector.Warning, "one contact or lead", "Allow Users to Relate Multiple Contacts", nil},
	{"no field for the key", func(w *world) { w.box.Salesforce.RemoveField("Contact", "Repsync_Key__c") }, "salesforce.marker.Contact", connector.Lacking, "nothing is created in Salesforce", "sf project deploy start", nil},
	{"no field for the key on events", func(w *world) { w.box.Salesforce.RemoveField("Event", "Repsync_Key__c") }, "salesforce.marker.Event", connector.Lacking, "Event.Repsync_Key__c is not there", "Object Manager → Activity", nil},
	{"the key's field hidden", field("Contact", "Repsync_Key__c", false, false), "salesforce.marker.Contact", connector.Lacking, "or field-level security hides it", "", nil},
	{"the key's field closed for writing", field("Contact", "Repsync_Key__c", true, false), "salesforce.marker.Contact", connector.Lacking, "may be read and not written", "for editing", nil},
	{"the key's field not unique", marker(salesforce.Field{Type: salesforce.TypeString, Length: 255, ExternalID: true}), "salesforce.marker.Contact", connector.Warning, "is not unique", "Unique, case-sensitive", nil},
	{"the key's field no external id", marker(salesforce.Field{Type: salesforce.TypeString, Length: 255}), "salesforce.marker.Contact", connector.Warning, "is no external id", "External ID", nil},
	{"the key's field of another type", marker(salesforce.Field{Type: salesforce.TypeDouble, ExternalID: true}), "salesforce.marker.Contact", connector.Lacking, "is double(0)", "Delete it", nil},
	{"the key's field too short", marker(salesforce.Field{Type: salesforce.TypeString, Length: 20, ExternalID: true, Unique: true}), "salesforce.marker.Contact", connector.Lacking, "is string(20)", "Delete it", nil},
	{"fields hidden", func(w *world) {
		field("Contact", "Phone", false, false)(w)
		field("Contact", "MailingCity", false, false)(w)
	}, "salesforce.fields.Contact", connector.Warning, "hidden: MailingAddress, Phone", "Leave closed what shall not be synced", nil},
	{"a field closed for writing", field("Contact", "Title", true, false), "salesforce.fields.Contact", connector.Warning, "may be read, not written: Title", "", nil},
	{"an event's field hidden", field("Event", "Location", false, false), "salesforce.fields.Event", connector.Warning, "hidden: Location", "", nil},
	{"a lead's address hidden", field("Lead", "Email", false, false), "salesforce.fields.Lead", connector.Warning, "hidden: Email", "", nil},
	{"contacts that are private", func(w *world) {
		w.box.Salesforce.SetSharing("Contact", salesforce.Private)
		object("Contact", salesforce.ObjectAccess{Read: true, Create: true, Edit: true, Delete: true})(w)
	}, "salesforce.sharing", connector.Warning, "only those contacts are seen that are shared", "Modify All on contacts", nil},
	{"contacts that are public to read", func(w *world) { w.box.Salesforce.SetSharing("Contact", salesforce.PublicReadOnly) }, "salesforce.sharing", connector.Warning, "only those contacts are edited that are shared", "Modify All on contacts", nil},
	{"calendars that are private", func(w *world) { w.box.Salesforce.SetSharing("Event", salesforce.Private) }, "salesforce.sharing", connector.Warning, "only those events are seen", "Sharing Settings → Calendar", nil},
	{"few requests left", func(w *world) {
		w.box.Salesforce.SetDailyLimit(21)
		w.org.CRM.Feed.Every, w.org.CRM.Feed.Keep = 24*time.Hour, 72*time.Hour
	}, "salesforce.budget", connector.Warning, "fewer than a fifth are left", "feed.every", nil},
	{"a feed that takes most of a day's requests", func(w *world) { w.box.Salesforce.SetDailyLimit(5000) }, "salesforce.budget", connector.Warning, "2880 a day (feed.every: 1m0s), more than half of all", "longer feed.every", nil},
	{"no user with the rep's address", func(w *world) { w.user = "carol@acme.test" }, "salesforce.rep", connector.Warning, "no active user has the email address carol@acme.test", "--crm-user", nil},
	{"a rep's user that is not active", func(w *world) { w.user = w.rep; w.box.Salesforce.SetActive(w.rep, false) }, "salesforce.rep", connector.Lacking, "alice@acme.test is not active", "Active", nil},
}

// object and field set what the permission set opens.
func object(name string, a salesforce.ObjectAccess) func(*world) {
	return func(w *world) { w.box.Salesforce.SetObjectAccess(permissionSet, name, a) }
}

func field(object, name string, read, edit bool) func(*world) {
	return func(w *world) { w.box.Salesforce.SetFieldAccess(permissionSet, object, name, read, edit) }
}

// marker makes Contact's key field another one.
func marker(f salesforce.Field) func(*world) {
	return func(w *world) {
		f.Name = "Repsync_Key__c"
		w.box.Salesforce.AddField("Contact", f)
	}
}

var googleBroken = []broken{
	{"no JSON", func(w *world) { w.put(w.mailKey, []byte("key")) }, "google.key", connector.Lacking, "holds no JSON", "Create new key → JSON", []string{"google.reach", "google.account", "google.api.events"}},
	{"an OAuth client's file", func(w *world) { w.put(w.mailKey, []byte(`{"installed":{}}`)) }, "google.key", connector.Lacking, "an OAuth client's credentials", "JSON", []string{"google.account"}},
	{"another type of key", func(w *world) { w.account(func(a map[string]any) { a["type"] = "authorized_user" }) }, "google.key", connector.Lacking, `of type "authorized_user"`, "JSON", []string{"google.account"}},
	{"a private key that is none", func(w *world) { w.account(func(a map[string]any) { a["private_key"] = "x" }) }, "google.key", connector.Lacking, "private_key in", "JSON", []string{"google.account"}},
	{"a token server that is not there", func(w *world) { w.org.Mailboxes[0].Auth.ServiceAccount.TokenURL = "http://127.0.0.1:1/token" }, "google.reach", connector.Lacking, "127.0.0.1:1 accepts no connection", "token_url", []string{"google.clock", "google.account"}},
	{"a key that was deleted", func(w *world) { w.account(func(a map[string]any) { a["private_key"] = string(pemOf(wrongKey())) }) }, "google.account", connector.Lacking, `invalid_grant ("Invalid JWT Signature."): the key was deleted`, "project=repsync-sandbox", []string{"google.scope.contacts", "google.mailbox", "google.api.contacts"}},
	{"an account that was deleted", func(w *world) {
		w.account(func(a map[string]any) { a["client_email"] = "gone@repsync-sandbox.iam.gserviceaccount.com" })
	}, "google.account", connector.Lacking, "there is no such service account any more", "Restore it", []string{"google.mailbox"}},
	{"another token server", answer("google", "invalid_grant", "Invalid JWT: Failed audience check. The right audience is https://oauth2.googleapis.com/token"), "google.account", connector.Lacking, "does not take for its own", "Leave token_url out", []string{"google.mailbox"}},
	{"a clock that is wrong", answer("google", "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."), "google.account", connector.Lacking, "our clock is wrong", "timedatectl", []string{"google.mailbox"}},
	{"an account that is disabled", answer("google", "disabled_client", "The OAuth client was disabled."), "google.account", connector.Lacking, "the service account is disabled", "Enable it", []string{"google.mailbox"}},
	{"nothing delegated", func(w *world) { w.box.Google.RevokeDelegation() }, "google.scope.contacts", connector.Lacking, contactsScope + " is not delegated to client id 104892101234567890123 in acme.test", "Domain-wide delegation → Manage: client id 104892101234567890123, and the scopes " + contactsScope + "," + eventsScope, []string{"google.api.contacts", "google.api.events"}},
	{"contacts delegated to read", func(w *world) { w.box.Google.SetDelegation(google.ScopeContactsReadonly, google.ScopeCalendarEvents) }, "google.scope.contacts", connector.Lacking, contactsScope + ".readonly is, which does not do", "Domain-wide delegation", []string{"google.api.contacts"}},
	{"events not delegated", func(w *world) { w.box.Google.SetDelegation(google.ScopeContacts) }, "google.scope.events", connector.Lacking, "events are not synced", "Domain-wide delegation", []string{"google.api.events"}},
	{"the whole calendar delegated, and not its events", func(w *world) { w.box.Google.SetDelegation(google.ScopeContacts, google.ScopeCalendar) }, "google.scope.events", connector.Lacking, google.ScopeCalendar + " is, which does not do", "", []string{"google.api.events"}},
	{"no such mailbox", func(w *world) { w.mailbox = "nobody@acme.test" }, "google.mailbox", connector.Lacking, "has no such account; an alias or a group is none", "Directory → Users", []string{"google.api.contacts", "google.api.events"}},
	{"a mailbox that is suspended", func(w *world) { w.box.Google.AddUser(alice, true) }, "google.mailbox", connector.Lacking, "has it suspended", "restore", []string{"google.api.contacts"}},
	{"People not enabled", func(w *world) { w.box.Google.SetService(google.ServicePeople, false) }, "google.api.contacts", connector.Lacking, "the People API is not enabled in project repsync-sandbox (SERVICE_DISABLED)", "gcloud services enable people.googleapis.com --project repsync-sandbox", nil},
	{"Calendar not enabled", func(w *world) { w.box.Google.SetService(google.ServiceCalendar, false) }, "google.api.events", connector.Lacking, "the Google Calendar API is not enabled", "gcloud services enable calendar-json.googleapis.com", nil},
	{"an account without Calendar", func(w *world) { w.box.Google.SetCalendarUser(alice, false) }, "google.api.events", connector.Lacking, "notACalendarUser", "Calendar → Service status", nil},
	{"another server", func(w *world) {
		w.box.GoogleFaults.MustAdd(fault.Rule{Kind: fault.Status, Path: "^/v1/", Status: 200, Body: "<html>"})
	}, "google.api.contacts", connector.Lacking, "what answers is not the People API (answer_not_json)", "base_urls", nil},
	{"a server in trouble", func(w *world) {
		w.box.GoogleFaults.MustAdd(fault.Rule{Kind: fault.Status, Path: "^/calendar", Status: 503})
	}, "google.api.events", connector.Lacking, "does not answer as it should (http_503)", "appsstatus", nil},
}

func TestEachThingThatCanBeBroken(t *testing.T) {
	t.Parallel()
	for area, list := range map[string][]broken{"configuration": configurationBroken, "salesforce": salesforceBroken, "google": googleBroken} {
		for _, b := range list {
			t.Run(area+"/"+b.name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.user = alice
				b.do(w)
				r := w.run()
				s := step(t, r, b.id)
				require.Equal(t, b.want, s.Standing, "%+v", s)
				require.Contains(t, s.Found, b.found)
				require.Contains(t, s.Remedy, b.remedy)
				require.NotContains(t, s.Remedy, "USERNAME")
				for _, id := range b.stops {
					stopped := step(t, r, id)
					require.Equal(t, connector.NotTried, stopped.Standing, "%+v", stopped)
					require.Contains(t, stopped.Found, "needs step")
				}
				for _, before := range r.Steps[:s.Number-1] { // the cause stands first
					require.NotEqual(t, connector.Lacking, before.Standing, "%+v", before)
				}
				require.Equal(t, b.want == connector.Lacking && area == "configuration", r.Ours())
				switch area { // one vendor's trouble is not the other's
				case "salesforce":
					require.Equal(t, connector.OK, step(t, r, "google.account").Standing)
				case "google":
					require.Equal(t, connector.OK, step(t, r, "salesforce.budget").Standing)
				}
			})
		}
	}
}

func TestWithoutAMailboxWhatIsTheSameForAllIsLookedAt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mailbox = ""
	other := w.org.Mailboxes[0]
	other.Domains = []string{"acme.example"}
	w.org.Mailboxes = append(w.org.Mailboxes, other)
	r := w.run()
	require.Zero(t, r.Missing)
	s := step(t, r, "google.scope.contacts")
	require.Equal(t, connector.NotTried, s.Standing)
	require.Contains(t, s.Found, "give --mailbox ADDRESS, or --rep")
	require.Equal(t, connector.OK, step(t, r, "google.account").Standing, "the key is looked at all the same")
	entries := 0
	for _, s := range r.Steps {
		if s.ID == "google.key" {
			entries++
		}
	}
	require.Equal(t, 2, entries, "each entry of mailboxes")
}

func TestTokensThatSomebodyElseKeepsFresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env := w.box.Env()
	token, err := w.box.Google.MintToken(alice)
	require.NoError(t, err)
	w.put(w.mailKey, []byte(token))
	var user string
	for _, u := range w.box.Salesforce.All("User") {
		if u["Username"] == integration {
			user, _ = u["Id"].(string)
		}
	}
	w.put(w.crmKey, []byte(w.box.Salesforce.NewSession(user)))
	w.org.CRM.Auth = config.CRMAuth{Bearer: &config.Bearer{TokenFile: w.crmKey}}
	w.org.Mailboxes[0].Auth = config.MailboxAuth{Bearer: &config.Bearer{TokenFile: w.mailKey}}
	r := w.run()
	require.Zero(t, r.Missing+r.Warnings+r.NotTried, "%+v", r.Steps)

	w.put(w.crmKey, []byte("dead"))
	w.put(w.mailKey, []byte("dead"))
	r = w.run()
	require.Contains(t, step(t, r, "salesforce.api").Found, "not accepted by the API")
	require.Contains(t, step(t, r, "google.api.contacts").Found, "the token is not accepted")

	w.org.CRM.Auth = config.CRMAuth{Password: &config.Password{ClientID: env.Salesforce.ClientID, Username: integration, PasswordFile: w.crmKey}}
	s := step(t, w.run(), "salesforce.token")
	require.Contains(t, s.Found, "the consumer key or the client's secret is wrong")
	require.NotContains(t, s.Found+s.Remedy, "dead")
}

func TestAnOrgThatIsNotThere(t *testing.T) {
	t.Parallel()
	_, err := connect.Run(t.Context(), connect.Options{Org: "acne"})
	require.ErrorContains(t, err, `no org "acne"`)
}

func TestStepsAreToldAsTheyAreDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var told []string
	c := config.Config{Orgs: map[string]config.Org{"acme": w.org}}.WithDefaults()
	r, err := connect.Run(t.Context(), connect.Options{Config: c, Org: "acme", Note: func(s connect.Step) { told = append(told, s.ID) }})
	require.NoError(t, err)
	require.Len(t, told, len(r.Steps))
	require.True(t, strings.HasPrefix(told[len(told)-1], "google."))
}
