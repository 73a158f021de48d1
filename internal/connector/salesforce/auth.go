package salesforce

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/repsync/repsync/internal/connector"
)

// signIn gets a new session by the configured way.
func (c *client) signIn(ctx context.Context) (session, error) {
	const op = "salesforce sign in"
	switch a := c.cfg.Auth; {
	case a.Basic != nil:
		pair := base64.StdEncoding.EncodeToString([]byte(a.Basic.Username + ":" + a.Basic.Password))
		return session{authorization: "Basic " + pair, base: c.cfg.BaseURL}, nil
	case a.Bearer != nil:
		token, err := a.Bearer.read(ctx)
		if err != nil || token == "" {
			return session{}, &connector.Error{Class: connector.Reconnect, Code: "no_token", Op: op, Cause: err}
		}
		return session{authorization: "Bearer " + token, base: c.cfg.BaseURL}, nil
	case a.JWT != nil:
		signed, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{ // aud is one string: the vendor takes no list
			"iss": a.JWT.ClientID, "sub": a.JWT.Username, "aud": a.JWT.Audience, "exp": c.cfg.Now().Add(3 * time.Minute).Unix(),
		}).SignedString(c.key)
		if err != nil {
			return session{}, &connector.Error{Class: connector.Reconnect, Code: "sign", Op: op, Cause: err}
		}
		return c.token(ctx, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {signed}})
	default:
		return c.token(ctx, url.Values{
			"grant_type": {"password"}, "client_id": {a.Password.ClientID}, "client_secret": {a.Password.ClientSecret},
			"username": {a.Password.Username}, "password": {a.Password.Password},
		})
	}
}

// read returns the token that somebody else keeps fresh.
func (b *Bearer) read(ctx context.Context) (string, error) {
	if b.Token != nil {
		return b.Token(ctx)
	}
	raw, err := os.ReadFile(b.TokenFile)
	return strings.TrimSpace(string(raw)), err
}

// token asks the login host's token endpoint.
func (c *client) token(ctx context.Context, form url.Values) (session, error) {
	r := call{op: "salesforce sign in"}
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
	if resp.StatusCode != http.StatusOK {
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
