package config

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// orgName keeps an org's name usable inside workflow ids ("rep:<org>:<rep>"), where a colon would split it.
var orgName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Validate reports everything that is wrong with a configuration that did not come from a document; Load and Parse
// validate by themselves, with line numbers.
func (c Config) Validate() error { return c.validate("configuration", nil) }

// checker collects the problems of one document.
type checker struct {
	name string
	file *ast.File
	errs []error
}

func (k *checker) report(path []string, problem, remedy string) {
	k.errs = append(k.errs, &Error{
		File: k.name, Line: lineOf(k.file, path), Key: strings.Join(path, "."), Problem: problem, Remedy: remedy,
	})
}

// need reports an empty required value.
func (k *checker) need(value string, path []string, remedy string) {
	if value == "" {
		k.report(path, "is missing", remedy)
	}
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// secret reports a credential of which not exactly one place is said: key_file or key_env.
func (k *checker) secret(file, env string, path []string, key, what string) {
	switch {
	case file == "" && env == "":
		k.report(join(path, key+"_file"), "is missing", fmt.Sprintf("name the file with %s, or in %s_env the environment variable that holds it", what, key))
	case file != "" && env != "":
		k.report(join(path, key+"_env"), "stands beside "+key+"_file", "keep one of them")
	case env != "" && !envName.MatchString(env):
		k.report(join(path, key+"_env"), "is no name of an environment variable", "write the variable's name, such as SALESFORCE_KEY, not what it holds")
	}
}

// address reports a value that is no absolute HTTP address; an empty one is left to need.
func (k *checker) address(value string, path []string) {
	if value == "" {
		return
	}
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		k.report(path, "is not an absolute address", "write it with scheme and host, such as https://acme.my.salesforce.com")
		return
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		k.report(path, "carries a user, a query or a fragment", "write the bare address; credentials belong into the files that auth names")
	}
}

// duration reports a negative one.
func (k *checker) duration(d time.Duration, path []string) {
	if d < 0 {
		k.report(path, "is negative", "write a duration such as 1m or 72h, or leave it out")
	}
}

// one reports an auth block in which not exactly one way is set.
func (k *checker) one(path []string, ways map[string]bool) {
	var set []string
	for _, way := range slices.Sorted(maps.Keys(ways)) {
		if ways[way] {
			set = append(set, way)
		}
	}
	all := strings.Join(slices.Sorted(maps.Keys(ways)), ", ")
	switch len(set) {
	case 0:
		k.report(path, "says no way to sign in", "write one of "+all)
	case 1:
	default:
		k.report(path, "says several ways to sign in ("+strings.Join(set, ", ")+")", "keep one of them")
	}
}

func (c Config) validate(name string, file *ast.File) error {
	k := &checker{name: name, file: file}
	if len(c.Orgs) == 0 {
		k.report([]string{"orgs"}, "names no org", "write at least one: orgs: {acme: {crm: …, mailboxes: […]}}")
	}
	for _, org := range slices.Sorted(maps.Keys(c.Orgs)) {
		path := []string{"orgs", org}
		if !orgName.MatchString(org) {
			k.report(path, "is no name for an org", "use lower-case letters, digits and hyphens, at most 63; it becomes a part of workflow ids")
		}
		k.crm(c.Orgs[org].CRM, join(path, "crm"))
		k.mailboxes(c.Orgs[org].Mailboxes, join(path, "mailboxes"))
	}
	return errors.Join(k.errs...)
}

func (k *checker) crm(crm CRM, path []string) {
	switch crm.Connector {
	case Salesforce:
	case "":
		k.report(join(path, "connector"), "is missing", "write connector: salesforce")
	default:
		k.report(join(path, "connector"), fmt.Sprintf("there is no CRM connector %q", crm.Connector), "write connector: salesforce")
	}
	k.address(crm.LoginURL, join(path, "login_url"))
	k.address(crm.BaseURL, join(path, "base_url"))
	if _, err := strconv.ParseFloat(crm.APIVersion, 64); crm.APIVersion != "" && err != nil {
		k.report(join(path, "api_version"), "is no version number", `write it like "65.0"`)
	}
	k.crmAuth(crm, join(path, "auth"))
	k.budget(crm.Budget, join(path, "budget"))

	feed := join(path, "feed")
	k.duration(crm.Feed.Every, join(feed, "every"))
	k.duration(crm.Feed.Keep, join(feed, "keep"))
	k.duration(crm.Feed.Overlap, join(feed, "overlap"))
	if crm.Feed.Keep < crm.Feed.Every {
		k.report(join(feed, "keep"), "is shorter than feed.every", "keep the log for longer than the time between two reads; 72h is the default")
	}
}

func (k *checker) crmAuth(crm CRM, path []string) {
	a := crm.Auth
	k.one(path, map[string]bool{"jwt": a.JWT != nil, "bearer": a.Bearer != nil, "basic": a.Basic != nil, "password": a.Password != nil})
	if (a.Bearer != nil || a.Basic != nil) && crm.BaseURL == "" {
		k.need("", join(path[:len(path)-1], "base_url"), "write the org's address; only the jwt and password sign-ins tell it by themselves")
	}
	if a.JWT != nil {
		p := join(path, "jwt")
		k.need(a.JWT.ClientID, join(p, "client_id"), "write the connected app's consumer key")
		k.need(a.JWT.Username, join(p, "username"), "write the integration user's name")
		k.secret(a.JWT.KeyFile, a.JWT.KeyEnv, p, "key", "the private key in PEM form")
	}
	if a.Bearer != nil {
		k.secret(a.Bearer.TokenFile, a.Bearer.TokenEnv, join(path, "bearer"), "token", "the token")
	}
	if a.Basic != nil {
		p := join(path, "basic")
		k.need(a.Basic.Username, join(p, "username"), "write the user's name")
		k.secret(a.Basic.PasswordFile, a.Basic.PasswordEnv, p, "password", "the password")
	}
	if a.Password != nil {
		p := join(path, "password")
		k.need(a.Password.ClientID, join(p, "client_id"), "write the connected app's consumer key")
		k.need(a.Password.Username, join(p, "username"), "write the integration user's name")
		k.secret(a.Password.PasswordFile, a.Password.PasswordEnv, p, "password", "the password and security token")
		if a.Password.ClientSecretFile != "" || a.Password.ClientSecretEnv != "" {
			k.secret(a.Password.ClientSecretFile, a.Password.ClientSecretEnv, p, "client_secret", "the client's secret")
		}
	}
}

func (k *checker) mailboxes(mailboxes []Mailbox, path []string) {
	if len(mailboxes) == 0 {
		k.report(path, "names no mailboxes", "write at least one entry with domains, connector and auth")
	}
	seen := map[string]bool{}
	for i, m := range mailboxes {
		at := join(path, strconv.Itoa(i))
		if len(m.Domains) == 0 {
			k.report(join(at, "domains"), "names no mail domain", "write the domains of the reps' addresses: domains: [acme.test]")
		}
		for j, d := range m.Domains {
			p := join(at, "domains", strconv.Itoa(j))
			switch {
			case d == "" || strings.ContainsAny(d, "@ /:"):
				k.report(p, "is no mail domain", "write what stands after the @ of an address")
			case seen[d]:
				k.report(p, "stands twice in this org", "keep it in one entry, so that each address has one mailbox server")
			}
			seen[d] = true
		}
		switch m.Connector {
		case Google:
		case "":
			k.report(join(at, "connector"), "is missing", "write connector: google")
		case Microsoft, DAV:
			k.report(join(at, "connector"), "the connector "+m.Connector+" is not enforced yet", "remove this entry, or use google")
		default:
			k.report(join(at, "connector"), fmt.Sprintf("there is no mailbox connector %q", m.Connector), "write connector: google")
		}
		k.address(m.BaseURLs.Calendar, join(at, "base_urls", "calendar"))
		if c := m.BaseURLs.Calendar; c != "" && !strings.HasSuffix(withSlash(c), "/calendar/v3/") { // batches go beside it
			k.report(join(at, "base_urls", "calendar"), "does not end in /calendar/v3/", "write it as Google does: https://www.googleapis.com/calendar/v3/")
		}
		k.address(m.BaseURLs.People, join(at, "base_urls", "people"))
		k.duration(m.Lag, join(at, "lag"))
		k.mailboxAuth(m.Auth, join(at, "auth"))
	}
}

func (k *checker) mailboxAuth(a MailboxAuth, path []string) {
	k.one(path, map[string]bool{"service_account": a.ServiceAccount != nil, "bearer": a.Bearer != nil})
	if a.ServiceAccount != nil {
		p := join(path, "service_account")
		k.secret(a.ServiceAccount.KeyFile, a.ServiceAccount.KeyEnv, p, "key", "the service account's key")
		k.address(a.ServiceAccount.TokenURL, join(p, "token_url"))
	}
	if a.Bearer != nil {
		k.secret(a.Bearer.TokenFile, a.Bearer.TokenEnv, join(path, "bearer"), "token", "the token")
	}
}

func join(path []string, keys ...string) []string { return append(slices.Clone(path), keys...) }
