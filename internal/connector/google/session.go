package google

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/credential"
)

// What domain-wide delegation must grant. Each is asked for in a token of its own: Google refuses a token as a whole for
// one scope that is not delegated, and an admin who delegates contacts alone shall have contacts.
const (
	scopeContacts = "https://www.googleapis.com/auth/contacts"
	scopeEvents   = "https://www.googleapis.com/auth/calendar.events"
)

// session is an access token and the number of the sign-in that gave it.
type session struct {
	number int
	token  *oauth2.Token
	renew  time.Time // when a new one is asked for while this one still holds; zero: only when it ends
}

// accountKey is a service account's key as Google hands it out. Source:
// developers.google.com/identity/protocols/oauth2/service-account.
type accountKey struct {
	Type         string           `json:"type"`
	ProjectID    string           `json:"project_id"`
	ClientEmail  string           `json:"client_email"`
	ClientID     string           `json:"client_id"`
	PrivateKey   credential.Value `json:"-"`
	PrivateKeyID string           `json:"private_key_id"`
	TokenURI     string           `json:"token_uri"`
}

const defaultTokenURL = "https://oauth2.googleapis.com/token"

// readKey reads the service account's key as it is now, and the mark that tells it from another. The error quotes nothing
// of it.
func readKey(c Config) (key accountKey, mark string, err error) {
	text, err := c.Key.Read()
	if err != nil {
		return key, "", err
	}
	var secret struct {
		PrivateKey string `json:"private_key"`
	}
	if json.Unmarshal(text, &key) != nil || json.Unmarshal(text, &secret) != nil || key.Type != "service_account" || secret.PrivateKey == "" {
		return key, "", errors.New("google: the service account's key is not the JSON key of a service account")
	}
	key.PrivateKey = credential.Value(secret.PrivateKey)
	key.TokenURI = cmp.Or(c.TokenURL, key.TokenURI, defaultTokenURL)
	return key, credential.Mark(text), nil
}

// usable returns the session unless it is the one that was refused, or ended. due says that it is time for a new one.
func (c *client) usable(refused int) (s session, ok, due bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s = c.session
	ok = s.number > refused && s.token.Valid()
	return s, ok, ok && !s.renew.IsZero() && time.Now().After(s.renew)
}

// current returns a session, signing in where there is none, where it ended or soon will, or where the one numbered refused
// is still in place. Any number of callers wait for one sign-in; none waits for one that only comes before its time.
func (c *client) current(ctx context.Context, refused int) (session, error) {
	s, ok, due := c.usable(refused)
	if ok && !due {
		return s, nil
	}
	if ok {
		select {
		case c.signing <- struct{}{}:
		default: // somebody is at it
			return s, nil
		}
	} else {
		select {
		case c.signing <- struct{}{}:
		case <-ctx.Done():
			return session{}, transportError(opSignIn, ctx.Err(), false)
		}
	}
	defer func() { <-c.signing }()
	if s, ok, due = c.usable(refused); ok && !due {
		return s, nil
	}
	token, err := c.signIn(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil && ok: // the old token holds: try again in a while, not at every request
		c.session.renew = time.Now().Add(30*time.Second + rand.N(30*time.Second)) //nolint:gosec // spreads load, guards nothing
		return s, nil
	case err != nil:
		return session{}, err
	}
	c.session = session{number: c.session.number + 1, token: token}
	if c.cfg.Key.Set() {
		c.session.renew = credential.RenewAt(time.Now(), token.Expiry)
	}
	return c.session, nil
}

const opSignIn = "google sign in"

// notFetched begins what oauth2/jwt says when the token's server cannot be reached, or breaks off, or makes no sense. It
// formats its cause away (%v), so that its words are all that tells this from a key that cannot sign.
const notFetched = "oauth2: cannot fetch token"

// signIn gets an access token by the configured way. Those of a service account go through the gate that its mailboxes
// share.
func (c *client) signIn(ctx context.Context) (*oauth2.Token, error) {
	if !c.cfg.Key.Set() {
		token, err := c.bearer(ctx)
		if err != nil || token == "" {
			return nil, &connector.Error{Class: connector.Reconnect, Code: "no_token", Op: opSignIn, Cause: err}
		}
		// Believed for a minute, so that a file that somebody else keeps fresh is read again soon.
		return &oauth2.Token{AccessToken: token, Expiry: time.Now().Add(time.Minute)}, nil
	}
	key, mark, err := readKey(c.cfg)
	if err != nil {
		return nil, &connector.Error{Class: connector.Reconnect, Code: "no_key", Op: opSignIn, Cause: err}
	}
	address := strings.ToLower(c.cfg.Mailbox)
	domain := address[strings.LastIndexByte(address, '@')+1:]
	concerns := map[trouble]string{ofKey: "key", ofScope: c.scope + " in " + domain, ofMailbox: address}
	var token *oauth2.Token
	err = c.cfg.Gate.Do(ctx, credential.Attempt{
		Mark:   mark + " " + key.TokenURI,
		Scopes: []string{concerns[ofKey], concerns[ofScope], concerns[ofMailbox]},
		Blame:  func(err error) string { return concerns[troubleOf(err)] },
		SignIn: func(ctx context.Context) (err error) { token, err = c.exchange(ctx, key); return err },
	})
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = transportError(opSignIn, err, false)
	}
	return token, err
}

// exchange asks the token endpoint for a token with one assertion.
func (c *client) exchange(ctx context.Context, key accountKey) (*oauth2.Token, error) {
	c.requests.Add(1)
	cfg := jwt.Config{Email: key.ClientEmail, PrivateKey: key.PrivateKey, PrivateKeyID: key.PrivateKeyID,
		Scopes: []string{c.scope}, Subject: c.cfg.Mailbox, TokenURL: key.TokenURI}
	token, err := cfg.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, c.http)).Token()
	if err == nil {
		return token, nil
	}
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) || refused.Response == nil {
		if ctx.Err() == nil && !isNetwork(err) && !strings.HasPrefix(err.Error(), notFetched) { // the key cannot sign
			return nil, &connector.Error{Class: connector.Reconnect, Code: "sign_in", Op: opSignIn, Cause: err}
		}
		return nil, transportError(opSignIn, err, false)
	}
	var o struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(refused.Body, &o)
	e := &connector.Error{Class: connector.Reconnect, Code: safeCode(o.Error), Op: opSignIn, Words: o.Description,
		RetryAfter: retryAfter(refused.Response.Header, c.cfg.Now())}
	status := refused.Response.StatusCode
	if status >= 500 || status == http.StatusTooManyRequests || o.Error == "internal_failure" || o.Error == "rate_limit_exceeded" {
		e.Class = connector.Retry
	}
	return nil, e
}

// trouble is what a refused sign-in concerns.
type trouble int

const (
	ofKey     trouble = iota // the service account, its key, our clock, the token's server: every mailbox
	ofScope                  // what is delegated: every mailbox of the domain
	ofMailbox                // the account that it acts for
)

// mailboxWords are what Google says of the subject of an assertion, in the description of an invalid_grant, which has no
// finer code.
var mailboxWords = []string{"invalid email or user id", "not a valid email", "account_disabled", "account_deleted", "user_suspended", "account has been deleted", "account disabled"}

// troubleOf says what a refused sign-in concerns. Source: developers.google.com/identity/protocols/oauth2/service-account,
// "JWT error codes".
func troubleOf(err error) trouble {
	var e *connector.Error
	if !errors.As(err, &e) {
		return ofKey
	}
	switch e.Code {
	case "unauthorized_client", "access_denied", "invalid_scope", "admin_policy_enforced":
		return ofScope
	case "invalid_grant":
		words := strings.ToLower(e.Words)
		if slices.ContainsFunc(mailboxWords, func(w string) bool { return strings.Contains(words, w) }) {
			return ofMailbox
		}
	}
	return ofKey
}

// bearer returns the token that somebody else keeps fresh.
func (c *client) bearer(ctx context.Context) (string, error) {
	if c.cfg.Bearer != nil {
		return c.cfg.Bearer(ctx)
	}
	raw, err := c.cfg.Token.Read()
	return strings.TrimSpace(string(raw)), err
}
