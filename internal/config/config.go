package config

import (
	"cmp"
	"path/filepath"
	"strings"
	"time"
)

// DefaultFile is the configuration's file name where REPSYNC_CONFIG says nothing.
const DefaultFile = "repsync.yaml"

// The connectors that configuration knows by name. Microsoft and DAV are reserved and refused until they are enforced.
const (
	Salesforce = "salesforce"
	Google     = "google"
	Microsoft  = "microsoft"
	DAV        = "dav"
)

// Config is repsync.yaml.
type Config struct {
	// Orgs by name. A name is lower-case letters, digits and hyphens: it starts every key in the store and is a part
	// of workflow ids. Required: at least one.
	Orgs map[string]Org `yaml:"orgs"`
}

// Org is one CRM org and the mail domains whose mailboxes sync with it.
type Org struct {
	CRM       CRM       `yaml:"crm"`       // required
	Mailboxes []Mailbox `yaml:"mailboxes"` // required: at least one
}

// CRM says where an org's CRM is and how to sign in.
type CRM struct {
	Connector  string  `yaml:"connector"`             // required: "salesforce"
	LoginURL   string  `yaml:"login_url,omitempty"`   // where tokens come from. Default "https://login.salesforce.com"
	BaseURL    string  `yaml:"base_url,omitempty"`    // the org's own address. Required with bearer and basic; otherwise by default what the sign-in answers
	APIVersion string  `yaml:"api_version,omitempty"` // default "65.0"
	Auth       CRMAuth `yaml:"auth"`                  // required: exactly one way
	Feed       Feed    `yaml:"feed,omitempty"`
	Budget     Budget  `yaml:"budget,omitempty"` // how much of its API may be used
}

// CRMAuth is one way to sign in to a CRM; exactly one is set.
type CRMAuth struct {
	JWT      *JWT      `yaml:"jwt,omitempty"`
	Bearer   *Bearer   `yaml:"bearer,omitempty"`
	Basic    *Basic    `yaml:"basic,omitempty"`
	Password *Password `yaml:"password,omitempty"`
}

// JWT signs in with a key pair: the OAuth 2.0 JWT bearer flow (RFC 7523), for servers without a person at hand.
type JWT struct {
	ClientID string `yaml:"client_id"` // required: the connected app's consumer key
	Username string `yaml:"username"`  // required: the integration user
	// One of the two is required: the private key, PEM.
	KeyFile string `yaml:"key_file,omitempty"` // relative to the document
	KeyEnv  string `yaml:"key_env,omitempty"`  // the name of an environment variable
}

// Bearer uses a token that somebody else keeps fresh. It is read again when the server refuses the token.
type Bearer struct {
	// One of the two is required; it holds the token alone.
	TokenFile string `yaml:"token_file,omitempty"` // relative to the document
	TokenEnv  string `yaml:"token_env,omitempty"`  // the name of an environment variable
}

// Basic is HTTP basic authentication (RFC 7617).
type Basic struct {
	Username string `yaml:"username"` // required
	// One of the two is required; it holds the password alone.
	PasswordFile string `yaml:"password_file,omitempty"` // relative to the document
	PasswordEnv  string `yaml:"password_env,omitempty"`  // the name of an environment variable
}

// Password is the OAuth 2.0 username-password flow, for sandboxes and test orgs that offer no other.
type Password struct {
	ClientID         string `yaml:"client_id"`                    // required
	ClientSecretFile string `yaml:"client_secret_file,omitempty"` // relative to the document. Default: none
	ClientSecretEnv  string `yaml:"client_secret_env,omitempty"`  // the name of an environment variable. Default: none
	Username         string `yaml:"username"`                     // required
	// One of the two is required: password followed by the security token, if there is one.
	PasswordFile string `yaml:"password_file,omitempty"` // relative to the document
	PasswordEnv  string `yaml:"password_env,omitempty"`  // the name of an environment variable
}

// Feed says how an org's CRM is polled, once for all reps.
type Feed struct {
	Every   time.Duration `yaml:"every,omitempty"`   // time between two reads of one object. Default 1m
	Keep    time.Duration `yaml:"keep,omitempty"`    // retention of the org-wide log; a rep who is further behind reads in full. Default 72h
	Overlap time.Duration `yaml:"overlap,omitempty"` // how far back each read starts, since rows of open transactions show late. Default 10m
}

// Mailbox says where the mailboxes of some mail domains are and how to sign in.
type Mailbox struct {
	Domains   []string    `yaml:"domains"`             // required: at least one; each domain stands once in an org
	Connector string      `yaml:"connector"`           // required: "google"
	BaseURLs  BaseURLs    `yaml:"base_urls,omitempty"` // default: the vendor's own
	Auth      MailboxAuth `yaml:"auth"`                // required: exactly one way
	// Lag is how long the feed may hide a write. Default: what the connector declares for its vendor.
	Lag time.Duration `yaml:"lag,omitempty"`
	// Budget says how fast the vendor's APIs may be called.
	Budget MailboxBudget `yaml:"budget,omitempty"`
}

// BaseURLs are the addresses of Google's services.
type BaseURLs struct {
	Calendar string `yaml:"calendar,omitempty"` // default "https://www.googleapis.com/calendar/v3/"
	People   string `yaml:"people,omitempty"`   // default "https://people.googleapis.com/"
}

// MailboxAuth is one way to sign in to mailboxes; exactly one is set.
type MailboxAuth struct {
	ServiceAccount *ServiceAccount `yaml:"service_account,omitempty"`
	Bearer         *Bearer         `yaml:"bearer,omitempty"`
}

// ServiceAccount signs in as each rep by domain-wide delegation.
type ServiceAccount struct {
	// One of the two is required: the key as Google hands it out, JSON.
	KeyFile  string `yaml:"key_file,omitempty"`  // relative to the document
	KeyEnv   string `yaml:"key_env,omitempty"`   // the name of an environment variable
	TokenURL string `yaml:"token_url,omitempty"` // default: the key file's own token_uri
}

const (
	googleCalendar = "https://www.googleapis.com/calendar/v3/"
	googlePeople   = "https://people.googleapis.com/"
)

// WithDefaults returns the configuration with every default filled in. It changes nothing in c.
func (c Config) WithDefaults() Config {
	orgs := make(map[string]Org, len(c.Orgs))
	for name, org := range c.Orgs {
		orgs[name] = org.withDefaults()
	}
	c.Orgs = orgs
	return c
}

func (o Org) withDefaults() Org {
	o.CRM.APIVersion = cmp.Or(o.CRM.APIVersion, "65.0")
	o.CRM.LoginURL = strings.TrimSuffix(cmp.Or(o.CRM.LoginURL, "https://login.salesforce.com"), "/")
	o.CRM.BaseURL = strings.TrimSuffix(o.CRM.BaseURL, "/")
	o.CRM.Feed.Every = cmp.Or(o.CRM.Feed.Every, time.Minute)
	o.CRM.Feed.Keep = cmp.Or(o.CRM.Feed.Keep, 72*time.Hour)
	o.CRM.Feed.Overlap = cmp.Or(o.CRM.Feed.Overlap, 10*time.Minute)
	o.CRM.Budget.Reserve = cmp.Or(o.CRM.Budget.Reserve, defaultReserve)

	mailboxes := make([]Mailbox, len(o.Mailboxes))
	for i, m := range o.Mailboxes {
		domains := make([]string, len(m.Domains))
		for j, d := range m.Domains {
			domains[j] = strings.ToLower(d)
		}
		m.Domains = domains
		if m.Connector == Google {
			m.BaseURLs.Calendar = withSlash(cmp.Or(m.BaseURLs.Calendar, googleCalendar))
			m.BaseURLs.People = withSlash(cmp.Or(m.BaseURLs.People, googlePeople))
			m.Budget = m.Budget.withDefaults(m.BaseURLs)
		}
		mailboxes[i] = m
	}
	o.Mailboxes = mailboxes
	return o
}

// withSlash ends an address with a slash: Google's clients resolve relative paths against it and would otherwise drop
// its last element.
func withSlash(u string) string { return strings.TrimSuffix(u, "/") + "/" }

// resolve makes every file path of the configuration absolute or relative to the current directory, from being
// relative to dir, the directory of the document.
func (c Config) resolve(dir string) {
	at := func(path *string) {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
	for _, org := range c.Orgs {
		if a := org.CRM.Auth.JWT; a != nil {
			at(&a.KeyFile)
		}
		if a := org.CRM.Auth.Bearer; a != nil {
			at(&a.TokenFile)
		}
		if a := org.CRM.Auth.Basic; a != nil {
			at(&a.PasswordFile)
		}
		if a := org.CRM.Auth.Password; a != nil {
			at(&a.ClientSecretFile)
			at(&a.PasswordFile)
		}
		for _, m := range org.Mailboxes {
			if a := m.Auth.ServiceAccount; a != nil {
				at(&a.KeyFile)
			}
			if a := m.Auth.Bearer; a != nil {
				at(&a.TokenFile)
			}
		}
	}
}
