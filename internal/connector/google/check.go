package google

import (
	"cmp"
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/probe"
)

// Google takes an assertion whose times are within five minutes or so of its own; what is beyond is refused.
const (
	clockTolerance = 30 * time.Second
	clockLimit     = 4 * time.Minute
)

// NewChecker returns what tells step by step what a connection lacks. In contrast to New it takes a key that is none, and no
// mailbox: the checks say so. It makes no request.
func NewChecker(c Config) (connector.Checker, error) {
	c = c.WithDefaults()
	named := c
	if named.Mailbox == "" {
		named.Mailbox = "nobody"
	}
	if err := named.validate(); err != nil {
		return nil, err
	}
	return &checks{Config: c, people: clientOf(c, c.BaseURLPeople, scopeContacts), calendar: clientOf(c, c.BaseURLCalendar, scopeEvents)}, nil
}

// checks are the checks of one mailbox and what they have learned.
type checks struct {
	Config
	people, calendar *client

	clocks probe.Clocks
	key    accountKey
	came   map[string]error // what came of asking for a token, by scope
}

// service is one of the two APIs.
type service struct {
	name    string // "people.googleapis.com", as Google names it
	title   string
	kind    string // what is synced by it
	scope   string
	lesser  []string // scopes that are delegated by mistake for it
	client  *client
	request call
}

func (k *checks) services() []service {
	return []service{
		{name: "people.googleapis.com", title: "People API", kind: "contacts", scope: scopeContacts,
			lesser: []string{scopeContacts + ".readonly", "https://www.google.com/m8/feeds"}, client: k.people,
			request: call{op: "google check contacts", method: http.MethodGet, path: "v1/people/me/connections", query: url.Values{"personFields": {"metadata"}, "pageSize": {"1"}}}},
		{name: "calendar-json.googleapis.com", title: "Google Calendar API", kind: "events", scope: scopeEvents,
			lesser: []string{scopeEvents + ".readonly", "https://www.googleapis.com/auth/calendar.readonly", "https://www.googleapis.com/auth/calendar"}, client: k.calendar,
			request: call{op: "google check events", method: http.MethodGet, path: "calendars/" + url.PathEscape(k.CalendarID) + "/events", query: url.Values{"maxResults": {"1"}}}},
	}
}

// Checks implements connector.Checker. The query is for CRMs and ignored.
func (k *checks) Checks(connector.CheckQuery) []connector.Check {
	list := probe.List{Vendor: "google"}
	add := list.Add
	account := k.Key.Set()
	reach := []string{}
	if account {
		add("key", "the key is a service account's", k.accountKey)
		reach = append(reach, "key")
	}
	add("reach", "Google can be reached", k.reach, reach...)
	add("clock", "our clock agrees with Google's", k.clock, "reach")
	if account {
		add("account", "Google knows the service account", k.account, "clock")
		for _, s := range k.services() {
			add("scope."+s.kind, "the scope for "+s.kind+" is delegated", func(ctx context.Context) connector.Finding { return k.scope(ctx, s) }, "account")
		}
		add("mailbox", "the mailbox is there", k.mailbox, "account")
	}
	for _, s := range k.services() {
		needs := []string{"clock"}
		if account {
			needs = []string{"scope." + s.kind, "mailbox"}
		}
		add("api."+s.kind, "the "+s.title+" is enabled, "+s.kind+" can be read", func(ctx context.Context) connector.Finding { return k.api(ctx, s) }, needs...)
	}
	return list.Checks
}

func (k *checks) accountKey(context.Context) connector.Finding {
	const remedy = "Make one in the Google Cloud console: IAM & Admin → Service Accounts → the account → Keys → Add key → Create new key → JSON."
	text, err := k.Key.Read()
	if err != nil {
		return probe.Lacking(remedy, "%s", err)
	}
	var file struct {
		Type      string          `json:"type"`
		Installed json.RawMessage `json:"installed"`
		Web       json.RawMessage `json:"web"`
	}
	switch err := json.Unmarshal(text, &file); {
	case err != nil:
		return probe.Lacking(remedy, "%s holds no JSON", k.Key)
	case file.Installed != nil || file.Web != nil:
		return probe.Lacking(remedy, "%s holds an OAuth client's credentials, which need a person in a browser", k.Key)
	case file.Type != "" && file.Type != "service_account":
		return probe.Lacking(remedy, "%s holds a key of type %q; service_account is needed", k.Key, probe.Short(file.Type))
	}
	key, _, err := readKey(k.Config)
	if err != nil {
		return probe.Lacking(remedy, "%s holds no service account's key", k.Key)
	}
	private, err := jwt.ParseRSAPrivateKeyFromPEM(key.PrivateKey)
	if err != nil {
		return probe.Lacking(remedy, "private_key in %s is no RSA key in PEM form", k.Key)
	}
	if key.ClientEmail == "" {
		return probe.Lacking(remedy, "%s has no client_email", k.Key)
	}
	k.key = key
	return k.described(private)
}

// described says whose key it is: an admin needs the client id in the next steps.
func (k *checks) described(private *rsa.PrivateKey) connector.Finding {
	return probe.Fine("%s, client id %s, project %s, RSA %d bits", k.key.ClientEmail, cmp.Or(k.key.ClientID, "(not said)"), cmp.Or(k.key.ProjectID, "(not said)"), private.N.BitLen())
}

func (k *checks) reach(ctx context.Context) connector.Finding {
	var places []probe.Place
	if k.Key.Set() {
		places = append(places, probe.Place{URL: k.key.TokenURI, Key: "auth.service_account.token_url"})
	}
	places = append(places, probe.Place{URL: k.BaseURLPeople, Key: "base_urls.people"}, probe.Place{URL: k.BaseURLCalendar, Key: "base_urls.calendar"})
	return k.clocks.Reach(ctx, k.people.http, k.Now, places...)
}

func (k *checks) clock(context.Context) connector.Finding {
	return k.clocks.Agree(clockTolerance, clockLimit)
}

// ask asks for a token of one scope, once. Without a mailbox it asks in the service account's own name.
func (k *checks) ask(ctx context.Context, scope string) error {
	if err, asked := k.came[scope]; asked {
		return err
	}
	c := clientOf(k.Config, k.BaseURLPeople, scope)
	_, err := c.exchange(ctx, k.key)
	if k.came == nil {
		k.came = map[string]error{}
	}
	k.came[scope] = err
	return err
}

// account looks whether the key is taken. Whatever Google says of scopes and of the mailbox comes after that.
func (k *checks) account(ctx context.Context) connector.Finding {
	err := k.ask(ctx, scopeContacts)
	var e *connector.Error
	switch {
	case err == nil, errors.As(err, &e) && e.Class != connector.Retry && troubleOf(err) != ofKey:
		return probe.Fine("the key is accepted")
	case e == nil:
		return probe.Lacking("", "%s", err)
	case e.Class == connector.Retry:
		return probe.Lacking("Try again in a while; see status.cloud.google.com.", "Google's token server does not answer as it should (%s)", e.Code)
	}
	said := "Google refuses the sign-in: " + e.Code
	if e.Words != "" {
		said += fmt.Sprintf(" (%q)", probe.Short(e.Words))
	}
	words := strings.ToLower(e.Words)
	for _, r := range refusals {
		if (r.code == "" || r.code == e.Code) && strings.Contains(words, r.words) {
			return probe.Lacking(strings.ReplaceAll(r.remedy, "PROJECT", cmp.Or(k.key.ProjectID, "the project")), "%s: %s", said, r.means)
		}
	}
	return probe.Lacking("See \"JWT error codes\" in developers.google.com/identity/protocols/oauth2/service-account.", "%s", said)
}

// refusals are what Google's token endpoint answers of the service account and its key. The first that fits counts.
// Source: developers.google.com/identity/protocols/oauth2/service-account, "JWT error codes".
var refusals = []struct{ code, words, means, remedy string }{
	{"invalid_grant", "signature", "the key was deleted, or belongs to another account",
		"Make a new key: console.cloud.google.com/iam-admin/serviceaccounts?project=PROJECT → the account → Keys → Add key → JSON."},
	{"invalid_grant", "account not found", "there is no such service account any more",
		"Restore it, or make another: console.cloud.google.com/iam-admin/serviceaccounts?project=PROJECT. Delegate to the new one's client id."},
	{"invalid_grant", "audience", "the token is asked of an address that Google does not take for its own", "Leave token_url out, and take the key file as Google gave it."},
	{"invalid_grant", "timeframe", "our clock is wrong", "Synchronize this machine's clock: timedatectl set-ntp true."},
	{"invalid_client", "", "the client is unknown or disabled", "Enable the service account: console.cloud.google.com/iam-admin/serviceaccounts?project=PROJECT → the account → Enable."},
	{"disabled_client", "", "the service account is disabled", "Enable it: console.cloud.google.com/iam-admin/serviceaccounts?project=PROJECT → the account → Enable."},
	{"deleted_client", "", "the service account was deleted", "Restore it within 30 days, or make another, and delegate to its client id."},
	{"org_internal", "", "the project belongs to another organization", "Make the service account in a project of the Workspace's own organization."},
	{"sign_in", "", "the key cannot sign", "Make a new key: console.cloud.google.com/iam-admin/serviceaccounts?project=PROJECT → the account → Keys → Add key → JSON."},
}

// noMailbox is the finding of checks that need one.
func noMailbox() connector.Finding {
	return connector.Finding{Standing: connector.NotTried, Found: "needs a mailbox: give --mailbox ADDRESS, or --rep"}
}

// scope looks whether one scope is delegated, by itself: Google refuses a token as a whole and does not say for which scope.
func (k *checks) scope(ctx context.Context, s service) connector.Finding {
	if k.Mailbox == "" {
		return noMailbox()
	}
	err := k.ask(ctx, s.scope)
	var e *connector.Error
	switch {
	case err == nil, errors.As(err, &e) && troubleOf(err) == ofMailbox:
		return probe.Fine("%s", s.scope)
	case e == nil || e.Class == connector.Retry || troubleOf(err) != ofScope:
		return k.oddly(err)
	}
	domain := k.Mailbox[strings.LastIndexByte(k.Mailbox, '@')+1:]
	remedy := fmt.Sprintf("Admin console of %s → Security → Access and data control → API controls → Domain-wide delegation → Manage: client id %s, and the scopes %s,%s. A change takes up to 24 hours, mostly minutes.",
		domain, cmp.Or(k.key.ClientID, "of the service account"), scopeContacts, scopeEvents)
	found := fmt.Sprintf("%s is not delegated to client id %s in %s (%s)", s.scope, cmp.Or(k.key.ClientID, "of the service account"), domain, e.Code)
	for _, lesser := range s.lesser {
		if k.ask(ctx, lesser) == nil {
			return probe.Lacking(remedy, "%s; %s is, which does not do", found, lesser)
		}
	}
	return probe.Lacking(remedy, "%s: %s are not synced", found, s.kind)
}

// mailbox looks whether the account that we act for is there.
func (k *checks) mailbox(ctx context.Context) connector.Finding {
	if k.Mailbox == "" {
		return noMailbox()
	}
	var last error
	for _, s := range k.services() {
		err := k.ask(ctx, s.scope)
		if err == nil {
			return probe.Fine("%s", k.Mailbox)
		}
		if troubleOf(err) == ofMailbox {
			var e *connector.Error
			_ = errors.As(err, &e)
			what := "has no such account; an alias or a group is none"
			if w := strings.ToLower(e.Words); strings.Contains(w, "disabled") || strings.Contains(w, "suspended") {
				what = "has it suspended"
			}
			return probe.Lacking("Admin console → Directory → Users: look the primary address up, and restore or correct it.", "%s: the domain %s (%q)", k.Mailbox, what, probe.Short(e.Words))
		}
		last = err
	}
	if troubleOf(last) == ofScope {
		return connector.Finding{Standing: connector.NotTried, Found: "needs one of the scopes"}
	}
	return k.oddly(last)
}

// oddly is the finding of an answer that says nothing of what was asked.
func (k *checks) oddly(err error) connector.Finding {
	return probe.Lacking("Try again in a while; see status.cloud.google.com.", "Google's token server does not answer as it should (%s)", probe.Code(err))
}

// api reads one item: whether the project has the API, whether the account has the service, whether we may write.
func (k *checks) api(ctx context.Context, s service) connector.Finding {
	if k.Mailbox == "" && k.Key.Set() {
		return noMailbox()
	}
	var out struct {
		AccessRole string `json:"accessRole"`
		TimeZone   string `json:"timeZone"`
		TotalItems int    `json:"totalItems"`
	}
	err := s.client.do(ctx, s.request, &out)
	switch {
	case err != nil:
		return k.unread(s, err)
	case s.scope == scopeEvents && out.AccessRole != "owner" && out.AccessRole != "writer" && out.AccessRole != "":
		return probe.Lacking("The primary calendar has to be the mailbox's own: look at its sharing in Google Calendar's settings.", "the primary calendar may be read and not written (role %s)", out.AccessRole)
	case s.scope == scopeEvents:
		return probe.Fine("primary calendar, role %s, zone %s", cmp.Or(out.AccessRole, "not said"), cmp.Or(out.TimeZone, "not said"))
	case out.TotalItems > 0:
		return probe.Fine("%d contacts", out.TotalItems)
	}
	return probe.Fine("the address book can be read")
}

// unread explains a read that did not work.
func (k *checks) unread(s service, err error) connector.Finding {
	code := probe.Code(err)
	enable := fmt.Sprintf("gcloud services enable %s --project %s, or console.cloud.google.com/apis/library/%s?project=%s → Enable. It takes some minutes.",
		s.name, cmp.Or(k.key.ProjectID, "PROJECT"), s.name, cmp.Or(k.key.ProjectID, "PROJECT"))
	switch code {
	case "SERVICE_DISABLED", "accessNotConfigured":
		return probe.Lacking(enable, "the %s is not enabled in project %s (%s)", s.title, cmp.Or(k.key.ProjectID, "of the service account"), code)
	case "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "insufficientPermissions":
		return probe.Lacking("Get a token with the scope "+s.scope+".", "the token does not carry %s (%s)", s.scope, code)
	case "notACalendarUser":
		return probe.Lacking("Admin console → Apps → Google Workspace → Calendar → Service status: on, for the unit that the account is in.", "the account does not have Google Calendar (%s)", code)
	case unauthenticated:
		return probe.Lacking("Put a fresh token where the configuration says it is.", "the token is not accepted (%s)", code)
	case "no_token":
		return probe.Lacking("Put a token where the configuration says it is.", "there is no token to send")
	}
	switch class := connector.ClassOf(err); {
	case strings.HasPrefix(code, "http_3"), class == connector.Missing, code == "answer_not_json":
		return probe.Lacking("Correct base_urls, or leave them out.", "what answers is not the %s (%s)", s.title, code)
	case class == connector.Retry:
		return probe.Lacking("Try again in a while; see www.google.com/appsstatus.", "the %s does not answer as it should (%s)", s.title, code)
	}
	return probe.Lacking("Admin console → Apps → Google Workspace: the service has to be on for the account. See the vendor's page on this code.", "the %s refuses to show %s (%s)", s.title, s.kind, code)
}
