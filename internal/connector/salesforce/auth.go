package salesforce

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/credential"
)

const opSignIn = "salesforce sign in"

// unreadable is the error of a credential that is not there or is none.
func unreadable(code string, err error) error {
	return &connector.Error{Class: connector.Reconnect, Code: code, Op: opSignIn, Cause: err}
}

// mark tells the credential that would sign in now from one that an admin puts in its place.
func (c *client) mark() string {
	var all []byte
	for _, s := range c.cfg.Auth.sources() {
		text, _ := s.Read() // what cannot be read shows when it is needed
		all = append(append(all, text...), 0)
	}
	return credential.Mark(all)
}

// sources lists where an Auth's secrets are.
func (a Auth) sources() []credential.Source {
	switch {
	case a.JWT != nil:
		return []credential.Source{a.JWT.Key}
	case a.Password != nil && a.Password.ClientSecret.Set():
		return []credential.Source{a.Password.Password, a.Password.ClientSecret}
	case a.Password != nil:
		return []credential.Source{a.Password.Password}
	case a.Bearer != nil:
		return []credential.Source{a.Bearer.From}
	case a.Basic != nil:
		return []credential.Source{a.Basic.Password}
	}
	return nil
}

// key reads the private key as it is now. The error quotes nothing of it.
func (j *JWT) key() (*rsa.PrivateKey, error) {
	text, err := j.Key.Read()
	if err != nil {
		return nil, err
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM(text)
	if err != nil {
		return nil, errors.New("salesforce: the JWT key is not an RSA private key in PEM form")
	}
	return key, nil
}

// signIn gets a new session by the configured way.
func (c *client) signIn(ctx context.Context) (session, error) {
	switch a := c.cfg.Auth; {
	case a.Basic != nil:
		password, err := a.Basic.Password.Line()
		if err != nil {
			return session{}, unreadable("no_password", err)
		}
		pair := base64.StdEncoding.EncodeToString([]byte(a.Basic.Username + ":" + password))
		return session{authorization: "Basic " + pair, base: c.cfg.BaseURL}, nil
	case a.Bearer != nil:
		token, err := a.Bearer.read(ctx)
		if err != nil || token == "" {
			return session{}, unreadable("no_token", err)
		}
		return session{authorization: "Bearer " + token, base: c.cfg.BaseURL}, nil
	case a.JWT != nil:
		key, err := a.JWT.key()
		if err != nil {
			return session{}, unreadable("no_key", err)
		}
		signed, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{ // aud is one string: the vendor takes no list
			"iss": a.JWT.ClientID, "sub": a.JWT.Username, "aud": a.JWT.Audience, "exp": c.cfg.Now().Add(3 * time.Minute).Unix(),
		}).SignedString(key)
		if err != nil {
			return session{}, unreadable("sign", err)
		}
		return c.token(ctx, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {signed}})
	default:
		password, err := a.Password.Password.Line()
		if err != nil {
			return session{}, unreadable("no_password", err)
		}
		secret := ""
		if a.Password.ClientSecret.Set() {
			if secret, err = a.Password.ClientSecret.Line(); err != nil {
				return session{}, unreadable("no_client_secret", err)
			}
		}
		return c.token(ctx, url.Values{
			"grant_type": {"password"}, "client_id": {a.Password.ClientID}, "client_secret": {secret},
			"username": {a.Password.Username}, "password": {password},
		})
	}
}

// read returns the token that somebody else keeps fresh.
func (b *Bearer) read(ctx context.Context) (string, error) {
	if b.Token != nil {
		return b.Token(ctx)
	}
	raw, err := b.From.Read()
	return strings.TrimSpace(string(raw)), err
}

// token asks the login host's token endpoint.
func (c *client) token(ctx context.Context, form url.Values) (session, error) {
	r := call{op: opSignIn}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.LoginURL+"/services/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		return session{}, &connector.Error{Class: connector.Bug, Code: "request", Op: r.op}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	c.requests.Add(1)
	resp, err := c.http.Do(req)
	if err != nil {
		return session{}, transportError(r.op, err, false)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return session{}, transportError(r.op, err, false)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return session{}, c.tokenError(r, resp, body)
	}
	var t struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		InstanceURL string `json:"instance_url"`
		ID          string `json:"id"` // https://login.salesforce.com/id/<org id>/<user id>
	}
	if json.Unmarshal(body, &t) != nil || t.AccessToken == "" {
		return session{}, &connector.Error{Class: connector.Retry, Code: "answer_not_json", Op: r.op}
	}
	s := session{authorization: "Bearer " + t.AccessToken, base: c.cfg.BaseURL, user: userOf(t.ID)}
	if s.base == "" {
		s.base = strings.TrimRight(t.InstanceURL, "/")
	}
	if s.base == "" {
		return session{}, &connector.Error{Class: connector.Reconnect, Code: "no_instance_url", Op: r.op}
	}
	return s, nil
}

// userOf reads the user's id out of an identity URL.
func userOf(identity string) string {
	if id := path.Base(identity); isUserID(id) {
		return id
	}
	return ""
}

// tokenError reads OAuth's own form of errors (RFC 6749 section 5.2). A refusal means that the admin must look; only a
// server in trouble is worth trying again.
func (c *client) tokenError(r call, resp *http.Response, body []byte) *connector.Error {
	var o struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(body, &o)
	e := &connector.Error{Op: r.op, Class: connector.Reconnect, Code: safeCode(o.Error), Words: o.Description, RetryAfter: retryAfter(resp.Header, c.cfg.Now())}
	if o.Error == "" {
		e.Code = "http_" + strconv.Itoa(resp.StatusCode)
	}
	transient := o.Error == "server_error" || o.Error == "temporarily_unavailable" || o.Error == "unknown_error"
	if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || transient {
		e.Class = connector.Retry
	}
	return e
}

// whoAmI returns the integration user's id, "" where the server tells in none of the ways that the vendor documents.
// Errors: Retry, Reconnect.
func (c *client) whoAmI(ctx context.Context) (string, error) {
	s, err := c.current(ctx, 0)
	if err != nil || s.user != "" {
		return s.user, err
	}
	var info struct {
		UserID string `json:"user_id"`
	}
	_, err = c.do(ctx, call{op: "salesforce who am I", method: http.MethodGet, path: "/services/oauth2/userinfo"}, &info)
	switch class := connector.ClassOf(err); {
	case class == connector.Retry && !isCode(err, "answer_not_json"):
		return "", err
	case err != nil || !isUserID(info.UserID):
		info.UserID = unknownUser
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session.user = info.UserID
	return info.UserID, nil
}

// unknownUser stands for an integration user that the server does not name; it is asked for once only.
const unknownUser = "unknown"

// isUserID reports whether s is a user's id: 15 or 18 characters, key prefix 005.
func isUserID(s string) bool { return (len(s) == 15 || len(s) == 18) && strings.HasPrefix(s, "005") }
