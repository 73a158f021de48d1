package salesforce

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/credential"
)

// Config says which org to speak to and as whom. WithDefaults fills what is left out.
type Config struct {
	// Org is our own name of the org. It stands before every marker that the connector stamps: "<org>/<key>".
	Org string
	// LoginURL is where tokens come from; default https://login.salesforce.com.
	LoginURL string
	// BaseURL is the instance, "https://acme.my.salesforce.com"; default: the instance_url of the token's answer. It
	// must be set where Auth is Bearer or Basic, since these ask for no token.
	BaseURL string
	// APIVersion is the REST API's version; default "65.0".
	APIVersion string
	Auth       Auth
	// Meter is asked before each call to the API, and told what the org has used (Sforce-Limit-Info); default none.
	Meter connector.Meter
	// HTTPClient carries the requests; default a client of its own. Its Timeout is ignored: every request has Timeout.
	HTTPClient *http.Client
	// Now is the clock; default time.Now.
	Now func() time.Time
	// KeyField is the external id field, of Contact and of Event alike, that holds our marker; default "Repsync_Key__c".
	KeyField string
	// Overlap is how far an incremental read reaches back, because rows of transactions that were open at the last read
	// carry earlier stamps; default 10 minutes.
	Overlap time.Duration
	// Timeout is the longest that one request may take, its answer's body included; default 30 seconds.
	Timeout time.Duration
	// MaxBody is how many bytes of an answer are read at most; default 64 MiB.
	MaxBody int64
	// PageSize is the largest number of rows of one page; default and most 2000 (the query resource's own limit).
	PageSize int
}

// Auth says how to sign in; exactly one member is set.
type Auth struct {
	JWT      *JWT
	Password *Password
	Bearer   *Bearer
	Basic    *Basic
}

// Format implements fmt.Formatter: of the ways to sign in, only which one it is.
func (a Auth) Format(f fmt.State, _ rune) {
	way := "none"
	switch {
	case a.JWT != nil:
		way = "jwt as " + a.JWT.Username
	case a.Password != nil:
		way = "password as " + a.Password.Username
	case a.Bearer != nil:
		way = "bearer"
	case a.Basic != nil:
		way = "basic as " + a.Basic.Username
	}
	_, _ = io.WriteString(f, way)
}

// JWT is the OAuth 2.0 JWT bearer flow: a token signed with RS256, iss = client id, sub = username, aud = login host.
// Source: Salesforce Help, "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration".
type JWT struct {
	ClientID string
	Username string
	KeyPEM   credential.Value  // PKCS#1 or PKCS#8 RSA key
	Key      credential.Source // where the key is, in place of KeyPEM; read before each sign-in
	Audience string            // default: LoginURL
}

// Password is the OAuth 2.0 username-password flow, which older orgs still use.
type Password struct {
	ClientID     string
	ClientSecret credential.Source // none: sent empty
	Username     string
	Password     credential.Source // read before each sign-in, as the secret is
}

// Bearer is a token that somebody else keeps fresh. From is read anew before each sign-in, that is at the start and
// after a token was refused; Token, when set, is asked instead.
type Bearer struct {
	From  credential.Source
	Token func(context.Context) (string, error)
}

// Basic is HTTP basic authentication, for servers that offer the API behind it.
type Basic struct {
	Username string
	Password credential.Source // read before each sign-in
}

// WithDefaults returns c with every default filled in.
func (c Config) WithDefaults() Config {
	if c.LoginURL == "" {
		c.LoginURL = "https://login.salesforce.com"
	}
	c.LoginURL = strings.TrimRight(c.LoginURL, "/")
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	if c.APIVersion == "" {
		c.APIVersion = "65.0"
	}
	c.APIVersion = strings.TrimPrefix(c.APIVersion, "v")
	if c.HTTPClient == nil {
		c.HTTPClient = &http.Client{Transport: http.DefaultTransport}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.KeyField == "" {
		c.KeyField = "Repsync_Key__c"
	}
	if c.Overlap == 0 {
		c.Overlap = 10 * time.Minute
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.MaxBody <= 0 {
		c.MaxBody = 64 << 20
	}
	if c.PageSize <= 0 || c.PageSize > maxPage {
		c.PageSize = maxPage
	}
	if c.Auth.JWT != nil {
		j := *c.Auth.JWT
		j.Audience = cmp.Or(j.Audience, c.LoginURL)
		if !j.Key.Set() {
			j.Key, j.KeyPEM = credential.Fixed(j.KeyPEM), nil
		}
		c.Auth.JWT = &j
	}
	return c
}

// validate reports the first thing that makes c unusable.
func (c Config) validate() error {
	ways := 0
	for _, set := range []bool{c.Auth.JWT != nil, c.Auth.Password != nil, c.Auth.Bearer != nil, c.Auth.Basic != nil} {
		if set {
			ways++
		}
	}
	switch {
	case c.Org == "":
		return errors.New("salesforce: org is empty; markers need it")
	case strings.Contains(c.Org, "/"):
		return errors.New("salesforce: an org's name has no slash")
	case ways != 1:
		return errors.New("salesforce: auth needs exactly one of jwt, password, bearer, basic")
	case c.BaseURL == "" && (c.Auth.Bearer != nil || c.Auth.Basic != nil):
		return errors.New("salesforce: base_url is needed with bearer and basic, which ask for no token")
	case !apiName.MatchString(c.KeyField):
		return errors.New("salesforce: key field is not the API name of a field")
	}
	for _, u := range []string{c.LoginURL, c.BaseURL} {
		if u == "" {
			continue
		}
		if p, err := url.Parse(u); err != nil || p.Host == "" || (p.Scheme != "https" && p.Scheme != "http") {
			return errors.New("salesforce: login_url and base_url must be http or https URLs")
		}
	}
	return nil
}

// New returns a connector to one org. It makes no request: a wrong password shows at the first call, as Reconnect.
func New(c Config) (connector.CRM, error) {
	c = c.WithDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	if c.Auth.JWT != nil {
		if _, err := c.Auth.JWT.key(); err != nil {
			return nil, err
		}
	}
	return newCRM(c), nil
}

func newCRM(c Config) *crm {
	return &crm{Config: c, client: newClient(c), describes: map[string]*describe{}, granted: map[string]granted{}, named: map[string]account{}}
}
