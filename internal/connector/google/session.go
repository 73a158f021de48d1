package google

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"github.com/repsync/repsync/internal/connector"
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
}

// jwtConfig reads a service account's key. Source: developers.google.com/identity/protocols/oauth2/service-account.
func jwtConfig(c Config, scope string) (*jwt.Config, error) {
	var key struct {
		Type         string `json:"type"`
		ClientEmail  string `json:"client_email"`
		PrivateKey   string `json:"private_key"`
		PrivateKeyID string `json:"private_key_id"`
		TokenURI     string `json:"token_uri"`
	}
	if err := json.Unmarshal(c.ServiceAccount, &key); err != nil || key.Type != "service_account" || key.PrivateKey == "" {
		return nil, errors.New("google: the service account's key is not the JSON key of a service account")
	}
	cfg := &jwt.Config{
		Email: key.ClientEmail, PrivateKey: []byte(key.PrivateKey), PrivateKeyID: key.PrivateKeyID,
		Scopes: []string{scope}, Subject: c.Mailbox, TokenURL: key.TokenURI,
	}
	if c.TokenURL != "" {
		cfg.TokenURL = c.TokenURL
	}
	if cfg.TokenURL == "" {
		cfg.TokenURL = "https://oauth2.googleapis.com/token"
	}
	return cfg, nil
}

// current returns a session, signing in where there is none, where it ended, or where the one numbered refused is still
// in place. Any number of callers wait for one sign-in.
func (c *client) current(ctx context.Context, refused int) (session, error) {
	usable := func() (session, bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.session, c.session.number > refused && c.session.token.Valid()
	}
	if s, ok := usable(); ok {
		return s, nil
	}
	select {
	case c.signing <- struct{}{}:
	case <-ctx.Done():
		return session{}, transportError("google sign in", ctx.Err(), false)
	}
	defer func() { <-c.signing }()
	if s, ok := usable(); ok {
		return s, nil
	}
	token, err := c.signIn(ctx)
	if err != nil {
		return session{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = session{number: c.session.number + 1, token: token}
	return c.session, nil
}

// notFetched begins what oauth2/jwt says when the token's server cannot be reached, or breaks off, or makes no sense. It
// formats its cause away (%v), so that its words are all that tells this from a key that cannot sign.
const notFetched = "oauth2: cannot fetch token"

// signIn gets an access token by the configured way.
func (c *client) signIn(ctx context.Context) (*oauth2.Token, error) {
	const op = "google sign in"
	if c.jwt == nil {
		token, err := c.bearer(ctx)
		if err != nil || token == "" {
			return nil, &connector.Error{Class: connector.Reconnect, Code: "no_token", Op: op, Cause: err}
		}
		// Believed for a minute, so that a file that somebody else keeps fresh is read again soon.
		return &oauth2.Token{AccessToken: token, Expiry: time.Now().Add(time.Minute)}, nil
	}
	c.requests.Add(1)
	token, err := c.jwt.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, c.http)).Token()
	if err == nil {
		return token, nil
	}
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) || refused.Response == nil {
		if ctx.Err() == nil && !isNetwork(err) && !strings.HasPrefix(err.Error(), notFetched) { // the key cannot sign
			return nil, &connector.Error{Class: connector.Reconnect, Code: "sign_in", Op: op, Cause: err}
		}
		return nil, transportError(op, err, false)
	}
	var o struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(refused.Body, &o)
	e := &connector.Error{Class: connector.Reconnect, Code: safeCode(o.Error), Op: op, Words: o.Description,
		RetryAfter: retryAfter(refused.Response.Header, c.cfg.Now())}
	status := refused.Response.StatusCode
	if status >= 500 || status == http.StatusTooManyRequests || o.Error == "internal_failure" || o.Error == "rate_limit_exceeded" {
		e.Class = connector.Retry
	}
	return nil, e
}

// bearer returns the token that somebody else keeps fresh.
func (c *client) bearer(ctx context.Context) (string, error) {
	if c.cfg.Bearer != nil {
		return c.cfg.Bearer(ctx)
	}
	raw, err := os.ReadFile(c.cfg.TokenFile)
	return strings.TrimSpace(string(raw)), err
}
