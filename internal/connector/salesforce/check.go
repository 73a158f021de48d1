package salesforce

import (
	"cmp"
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/probe"
)

// An assertion is good for three minutes from our clock on, and refused more than five ahead of the server's.
const (
	clockTolerance = 30 * time.Second
	clockLimit     = 2 * time.Minute
)

// NewChecker returns what tells step by step what a connection lacks. In contrast to New it takes a key that is none: that
// is what the first check says. It makes no request.
func NewChecker(c Config) (connector.Checker, error) {
	c = c.WithDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	return newCRM(c), nil
}

// checks is one run of the checks and what it has learned.
type checks struct {
	*crm
	q      connector.CheckQuery
	clocks probe.Clocks
	me     string // the integration user's id
	org    organization
}

// organization is the org's own record. Source: Object Reference, "Organization".
type organization struct {
	ID, Name, OrganizationType, DefaultAccountAccess, DefaultContactAccess, DefaultLeadAccess, DefaultCalendarAccess string
	IsSandbox                                                                                                        bool
}

// Checks implements connector.Checker.
func (c *crm) Checks(q connector.CheckQuery) []connector.Check {
	k := &checks{crm: c, q: q}
	list := probe.List{Vendor: "salesforce"}
	add := list.Add
	signIn := []string{"reach", "clock"}
	if c.Auth.JWT != nil {
		add("key", "the JWT key is a private key", k.privateKey)
		signIn = append(signIn, "key")
	}
	add("reach", "Salesforce can be reached", k.reach)
	add("clock", "our clock agrees with Salesforce's", k.clock, "reach")
	add("token", "Salesforce lets us in", k.token, signIn...)
	add("version", "the API version is offered", k.version, "token")
	add("api", "the API is open to the user", k.api, "version")
	add("identity", "it is the user and the org that are meant", k.identity, "api")
	add("setup", "permissions of reps can be seen", k.setup, "identity")
	for _, use := range Uses(c.KeyField) {
		add("object."+use.Object, use.Object+" is open", func(ctx context.Context) connector.Finding { return k.object(ctx, use) }, "api")
		if use.Create && use.Object != tieObject {
			add("marker."+use.Object, use.Object+"."+c.KeyField+" is there", func(ctx context.Context) connector.Finding { return k.marker(ctx, use) }, "object."+use.Object)
		}
		if use.Object != "User" {
			add("fields."+use.Object, "fields of "+use.Object+" are open", func(ctx context.Context) connector.Finding { return k.fields(ctx, use) }, "object."+use.Object)
		}
	}
	add("sharing", "all records are in sight", k.sharing, "identity", "object.Contact")
	add("budget", "API requests are left", k.budget, "api")
	if q.User != "" {
		add("rep", "the rep's CRM user is there", k.rep, "setup")
	}
	return list.Checks
}

func (k *checks) privateKey(context.Context) connector.Finding {
	const remedy = "Make one with its certificate: openssl req -x509 -newkey rsa:2048 -nodes -days 730 -subj /CN=repsync -keyout salesforce.key -out salesforce.crt"
	j := k.Auth.JWT
	text, err := j.Key.Read()
	if err != nil {
		return probe.Lacking(remedy, "%s", err)
	}
	switch head := string(text); {
	case strings.Contains(head, "ENCRYPTED"):
		return probe.Lacking("Take the passphrase off: openssl pkey -in "+cmp.Or(j.Key.Path(), "encrypted.key")+" -out salesforce.key", "%s holds a key that is locked with a passphrase", j.Key)
	case strings.Contains(head, "BEGIN CERTIFICATE") && !strings.Contains(head, "PRIVATE KEY"):
		return probe.Lacking("Name the private key here; the certificate goes into the app.", "%s holds the certificate", j.Key)
	case strings.Contains(head, "PUBLIC KEY") && !strings.Contains(head, "PRIVATE KEY"):
		return probe.Lacking("Name the private key that it belongs to.", "%s holds a public key", j.Key)
	}
	var key *rsa.PrivateKey
	if key, err = jwt.ParseRSAPrivateKeyFromPEM(text); err != nil {
		return probe.Lacking(remedy, "%s holds no RSA private key in PEM form", j.Key)
	}
	if bits := key.N.BitLen(); bits < 2048 {
		return probe.Lacking(remedy, "the RSA key has %d bits; Salesforce takes 2048 and more", bits)
	}
	return probe.Fine("RSA, %d bits, in %s", key.N.BitLen(), j.Key)
}

func (k *checks) reach(ctx context.Context) connector.Finding {
	var places []probe.Place
	if k.Auth.JWT != nil || k.Auth.Password != nil {
		places = append(places, probe.Place{URL: k.LoginURL, Key: "crm.login_url"})
	}
	if k.BaseURL != "" {
		places = append(places, probe.Place{URL: k.BaseURL, Key: "crm.base_url"})
	}
	return k.clocks.Reach(ctx, k.client.http, k.Now, places...)
}

func (k *checks) clock(context.Context) connector.Finding {
	return k.clocks.Agree(clockTolerance, clockLimit)
}

func (k *checks) token(ctx context.Context) connector.Finding {
	s, err := k.client.current(ctx, 0)
	if err != nil {
		return k.refused(err)
	}
	switch {
	case k.Auth.JWT == nil && k.Auth.Password == nil:
		return probe.Fine("there is one to send; whether it is good shows below")
	case k.BaseURL == "":
		return probe.Fine("a session is granted, at %s", s.base)
	}
	return probe.Fine("a session is granted")
}

// version looks whether the org offers the API's version; the list takes no session.
func (k *checks) version(ctx context.Context) connector.Finding {
	var list []struct{ Version string }
	if _, err := k.client.do(ctx, call{op: "salesforce versions", method: http.MethodGet, path: "/services/data/"}, &list); err != nil {
		return k.trouble(err, "Is crm.base_url the org's My Domain address? See Setup → My Domain.")
	}
	newest := ""
	for _, v := range list {
		if v.Version == k.APIVersion {
			return probe.Fine("%s", v.Version)
		}
		newest = v.Version
	}
	return probe.Lacking("Write api_version: \""+newest+"\" under crm, or leave it out.", "the org does not offer version %s; its newest is %s", k.APIVersion, newest)
}

func (k *checks) api(ctx context.Context) connector.Finding {
	_, err := k.client.do(ctx, call{op: "salesforce resources", method: http.MethodGet, path: "/"}, nil)
	switch {
	case err == nil:
		return probe.Fine("REST API answers")
	case isCode(err, "API_CURRENTLY_DISABLED", "API_DISABLED_FOR_ORG", "FUNCTIONALITY_NOT_ENABLED", "INSUFFICIENT_API_ACCESS"):
		return probe.Lacking(k.assign("API Enabled")+". The org's edition has to include the API: Enterprise, Unlimited, Developer, or Professional with the API added.",
			"the user may not use the API (%s)", probe.Code(err))
	case isCode(err, sessionGone, "INVALID_AUTH_HEADER"):
		return probe.Lacking("Give the app the OAuth scope \"Manage user data via APIs (api)\": Setup → External Client App Manager → the app → Settings → OAuth Settings. "+
			"Where a token is configured: put a fresh one there. Where base_url is: correct it to the org's My Domain address.",
			"the session that was granted is not accepted by the API (%s)", probe.Code(err))
	}
	return k.trouble(err, "")
}

// assign is the remedy for whatever the permission set opens; which names what of it is needed here, "" all.
func (k *checks) assign(which string) string {
	if which != "" {
		which = ", which holds " + which
	}
	return k.fill("Deploy and assign the permission set" + which + ": cd deploy/salesforce && sf project deploy start && sf org assign permset --name Repsync --on-behalf-of USERNAME")
}

func (k *checks) identity(ctx context.Context) connector.Finding {
	me, err := k.user(ctx)
	if err != nil {
		return k.trouble(err, "")
	}
	// Servers that offer part of the API have none.
	page, err := k.query(ctx, "organization", "SELECT Id,Name,OrganizationType,IsSandbox,DefaultAccountAccess,DefaultContactAccess,DefaultLeadAccess,DefaultCalendarAccess FROM Organization LIMIT 1", false)
	if err == nil && len(page.Records) > 0 {
		_ = json.Unmarshal(page.Records[0], &k.org)
	}
	where := "an org that tells no name"
	if k.org.ID != "" {
		where = fmt.Sprintf("org %q (%s, %s)", k.org.Name, k.org.ID, k.org.OrganizationType)
		if k.org.IsSandbox {
			where += ", a sandbox"
		}
	}
	if me == "" {
		return probe.Warning("Items that Repsync wrote itself count as moved by others then.", "the server does not say who we are; %s", where)
	}
	k.me = me
	u, err := k.User(ctx, me)
	if err != nil {
		return k.trouble(err, k.assign(""))
	}
	wanted := ""
	switch a := k.Auth; {
	case a.JWT != nil:
		wanted = a.JWT.Username
	case a.Password != nil:
		wanted = a.Password.Username
	}
	if wanted != "" && !strings.EqualFold(wanted, u.Username) {
		return probe.Lacking("Correct auth's username, or base_url: the session is another org's.", "the session is %s's, not %s's, in %s", u.Username, wanted, where)
	}
	return probe.Fine("%s (profile %s) in %s", u.Username, cmp.Or(u.Profile, "unknown"), where)
}

// refused explains what the token endpoint answered.
func (k *checks) refused(err error) connector.Finding {
	var e *connector.Error
	if !errors.As(err, &e) {
		return probe.Lacking("", "%s", err)
	}
	if e.Code == "no_token" || e.Code == "no_password" || e.Code == "no_client_secret" || e.Code == "no_key" {
		return probe.Lacking("Put the credential where the configuration says it is.", "%s", cmp.Or(textOf(e.Cause), "there is no credential"))
	}
	if e.Class == connector.Retry {
		return k.trouble(err, "")
	}
	said := fmt.Sprintf("Salesforce refuses the sign-in: %s", e.Code)
	if e.Words != "" {
		said += fmt.Sprintf(" (%q)", probe.Short(e.Words))
	}
	words := strings.ToLower(e.Words)
	for _, r := range refusals {
		if (r.code == "" || r.code == e.Code) && strings.Contains(words, r.words) {
			return probe.Lacking(k.fill(r.remedy), "%s: %s", said, k.fill(r.means))
		}
	}
	return probe.Lacking("Look it up in Setup → Login History of that user, and under \"OAuth 2.0 Authorization Errors\" in Salesforce Help.", "%s", said)
}

// fill puts what is configured into a text.
func (k *checks) fill(text string) string {
	username, clientID := "the user", "client_id"
	switch a := k.Auth; {
	case a.JWT != nil:
		username, clientID = a.JWT.Username, a.JWT.ClientID
	case a.Password != nil:
		username, clientID = a.Password.Username, a.Password.ClientID
	}
	if len(clientID) > 14 {
		clientID = clientID[:14] + "…"
	}
	return strings.NewReplacer("USERNAME", username, "CLIENT", clientID, "LOGIN", k.LoginURL).Replace(text)
}

// trouble explains an error that is no matter of permissions; remedy is said where nothing better is known.
func (k *checks) trouble(err error, remedy string) connector.Finding {
	code := probe.Code(err)
	switch connector.ClassOf(err) {
	case connector.Retry:
		if code == "REQUEST_LIMIT_EXCEEDED" {
			return probe.Lacking("Wait until requests of the last 24 hours fall out of the window, stop what uses them up (Setup → API Usage), or buy more.", "the org's daily API requests are used up")
		}
		return probe.Lacking("Try again in a while; see status.salesforce.com.", "Salesforce does not answer as it should (%s)", code)
	case connector.Reconnect:
		if strings.HasPrefix(code, "http_3") {
			return probe.Lacking("Correct crm.base_url: the org's address changed. See Setup → My Domain.", "the server sends us elsewhere (%s)", code)
		}
	}
	return probe.Lacking(cmp.Or(remedy, "See the vendor's page on this code."), "Salesforce answers %s", code)
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
