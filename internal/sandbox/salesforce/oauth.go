package salesforce

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// app is a connected app.
type app struct {
	secret   string
	key      *rsa.PublicKey
	scopes   []string
	approved map[string]bool // users; nil: everybody
	refusal  Refusal
}

// Refusal is why an org lets nobody sign in by a connected app, in OAuth's two words: error and error_description.
type Refusal struct{ Code, Words string }

// What the vendor answers to a JWT whose signature, issuer and subject are in order.
var (
	ConsentMissing = Refusal{"invalid_grant", "user hasn't approved this consumer"}               // users authorize the app themselves, and this one did not
	NotInstalled   = Refusal{"app_not_found", "External client app is not installed in this org"} // it is another org's
	IPRestricted   = Refusal{"invalid_grant", "ip restricted"}                                    // the app or the profile enforces IP ranges
	OrgInactive    = Refusal{"inactive_org", "organization is inactive"}                          // locked, or its trial ended
)

// Refuse makes a connected app refuse everybody for a reason; the zero Refusal ends it.
func (s *Server) Refuse(clientID string, why Refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.apps[clientID]; a != nil {
		a.refusal = why
	}
}

// session is an access token.
type session struct {
	user   string
	scopes []string
}

// assertionLife is how far ahead a JWT's exp may lie: the vendor documents three minutes and takes five. Half a minute
// more is left for clocks.
const assertionLife = 5*time.Minute + 30*time.Second

const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// ConnectedApp registers a connected app, or replaces the one of that client id. publicKey verifies JWT assertions (nil
// refuses that grant), secret serves the password grant ("" refuses it). Scopes default to "api", "id" and "openid";
// without "api" or "full" its tokens are not good for data. Every active user may use it until Approve names some.
func (s *Server) ConnectedApp(clientID, secret string, publicKey *rsa.PublicKey, scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(scopes) == 0 {
		scopes = []string{"api", "id", "openid"}
	}
	s.apps[clientID] = &app{secret: secret, key: publicKey, scopes: scopes}
}

// Approve restricts a connected app to the users approved so far and these, by username ("Admin approved users are
// pre-authorized").
func (s *Server) Approve(clientID string, usernames ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[clientID]
	if a == nil {
		return
	}
	if a.approved == nil {
		a.approved = map[string]bool{}
	}
	for _, name := range usernames {
		if r := s.userByName(name); r != nil {
			a.approved[r.id] = true
		}
	}
}

// ExpireSessions ends every session: tokens issued so far answer 401 INVALID_SESSION_ID.
func (s *Server) ExpireSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
}

// NewSession signs a user in without OAuth and returns the access token, for tests of other things.
func (s *Server) NewSession(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newSession(user, []string{"full"})
}

// LongerTokens makes access tokens longer from now on by so many bytes, as those are that an app issues as JWTs (Salesforce
// Help, "Access Tokens").
func (s *Server) LongerTokens(by int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.longer = by
}

func (s *Server) newSession(user string, scopes []string) string {
	token := s.cfg.OrgID[:15] + "!AQ" + strings.NewReplacer("-", ".", "_", ".").Replace(rand.Text()+rand.Text()) + strings.Repeat("e", s.longer)
	s.sessions[token] = &session{user: user, scopes: scopes}
	return token
}

// oauthError is a refusal in RFC 6749's form (section 5.2).
func oauthError(code, description string) reply {
	return reply{status: http.StatusBadRequest, header: map[string]string{"Cache-Control": "no-store"}, body: map[string]string{"error": code, "error_description": description}}
}

// oauth answers services/oauth2/*.
func (s *Server) oauth(r *http.Request, body []byte, path []string) reply {
	if len(path) != 1 {
		return refuse(errNotFound())
	}
	form := r.URL.Query()
	if posted, err := url.ParseQuery(string(body)); err == nil {
		maps.Copy(form, posted)
	}
	switch path[0] {
	case "token":
		s.calls["token"]++
		if r.Method != http.MethodPost {
			return oauthError("invalid_request", "must use HTTP POST")
		}
		return s.token(r, form)
	case "userinfo":
		s.calls["identity"]++
		ses, refusal := s.identified(r)
		if refusal != nil {
			return *refusal
		}
		return ok(s.userInfo(s.base(r), ses.user))
	case "revoke":
		s.calls["token"]++
		if s.sessions[form.Get("token")] == nil {
			return oauthError("unsupported_token_type", "this token type is not supported")
		}
		delete(s.sessions, form.Get("token"))
		return reply{status: http.StatusOK}
	}
	return refuse(errNotFound())
}

// token answers services/oauth2/token.
func (s *Server) token(r *http.Request, form url.Values) reply {
	clientID, secret := form.Get("client_id"), form.Get("client_secret")
	if user, pass, basic := r.BasicAuth(); basic && clientID == "" {
		clientID, secret = user, pass
	}
	switch form.Get("grant_type") {
	case jwtBearer:
		return s.jwtGrant(r, form.Get("assertion"))
	case "password":
		a := s.apps[clientID]
		switch {
		case a == nil:
			return oauthError("invalid_client_id", "client identifier invalid")
		case a.secret == "" || subtle.ConstantTimeCompare([]byte(a.secret), []byte(secret)) != 1:
			return oauthError("invalid_client", "invalid client credentials")
		}
		u := s.userByName(form.Get("username"))
		if u == nil || s.accounts[u.id].password == "" || subtle.ConstantTimeCompare([]byte(s.accounts[u.id].password), []byte(form.Get("password"))) != 1 {
			return oauthError("invalid_grant", "authentication failure")
		}
		return s.grant(r, a, u.id)
	case "refresh_token", "authorization_code":
		return s.unknownGrant(form.Get("grant_type"), clientID, secret)
	case "":
		return oauthError("invalid_request", "grant type is required")
	}
	return oauthError("unsupported_grant_type", "grant type not supported")
}

// unknownGrant answers the grants that begin with a person in a browser. Nobody signs in that way here, and so no code and no
// refresh token is known.
func (s *Server) unknownGrant(grant, clientID, secret string) reply {
	a := s.apps[clientID]
	switch {
	case a == nil:
		return oauthError("invalid_client_id", "client identifier invalid")
	case secret != "" && subtle.ConstantTimeCompare([]byte(a.secret), []byte(secret)) != 1:
		return oauthError("invalid_client", "invalid client credentials")
	case grant == "refresh_token":
		return oauthError("invalid_grant", "expired access/refresh token")
	}
	return oauthError("invalid_grant", "invalid authorization code")
}

// jwtGrant checks an assertion as the vendor does: issuer, signature, audience, expiry, then the user. (Salesforce help,
// "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration".)
func (s *Server) jwtGrant(r *http.Request, assertion string) reply {
	bad := func(description string) reply { return oauthError("invalid_grant", description) }
	if assertion == "" {
		return oauthError("invalid_request", "assertion is required")
	}
	var claims jwt.RegisteredClaims
	var a *app
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithoutClaimsValidation())
	_, err := parser.ParseWithClaims(assertion, &claims, func(*jwt.Token) (any, error) {
		if a = s.apps[claims.Issuer]; a == nil || a.key == nil {
			return nil, errors.New("unknown issuer")
		}
		return a.key, nil
	})
	if claims.Issuer != "" && s.apps[claims.Issuer] == nil {
		return oauthError("invalid_client_id", "client identifier invalid")
	}
	if err != nil {
		return bad("invalid assertion")
	}
	if !slices.ContainsFunc([]string(claims.Audience), func(aud string) bool { return s.audience(r, aud) }) {
		return bad("audience is invalid")
	}
	now := s.now()
	switch {
	case claims.ExpiresAt == nil || claims.ExpiresAt.After(now.Add(assertionLife)):
		return bad("invalid assertion")
	case !claims.ExpiresAt.After(now):
		return bad("expired authorization code")
	case claims.NotBefore != nil && claims.NotBefore.After(now):
		return bad("invalid assertion")
	}
	u := s.userByName(claims.Subject)
	if u == nil {
		return bad("user hasn't approved this consumer")
	}
	return s.grant(r, a, u.id)
}

func (s *Server) audience(r *http.Request, aud string) bool {
	aud = strings.TrimRight(aud, "/")
	return aud == "https://login.salesforce.com" || aud == "https://test.salesforce.com" || aud == s.base(r) || slices.Contains(s.cfg.Audiences, aud)
}

// grant issues a token to a user who may have one.
func (s *Server) grant(r *http.Request, a *app, user string) reply {
	switch {
	case !s.isActive(user):
		return oauthError("invalid_grant", "inactive user")
	case a.refusal.Code != "":
		return oauthError(a.refusal.Code, a.refusal.Words)
	case a.approved != nil && !a.approved[user]:
		return oauthError("invalid_app_access", "user is not admin approved to access this app")
	}
	base := s.base(r)
	id := base + "/id/" + s.cfg.OrgID + "/" + user
	issued := strconv.FormatInt(s.now().UnixMilli(), 10)
	mac := hmac.New(sha256.New, []byte(a.secret))
	mac.Write([]byte(id + issued))
	return reply{status: http.StatusOK, header: map[string]string{"Cache-Control": "no-cache, no-store"}, body: map[string]string{
		"access_token": s.newSession(user, a.scopes), "instance_url": base, "id": id, "token_type": "Bearer", "scope": strings.Join(a.scopes, " "),
		"issued_at": issued, "signature": base64.StdEncoding.EncodeToString(mac.Sum(nil))}}
}

// lookupSession finds the session of a request. Errors: INVALID_AUTH_HEADER, INVALID_SESSION_ID.
func (s *Server) lookupSession(h http.Header) (*session, *reply) {
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	if h.Get("Authorization") != "" && !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "OAuth") {
		out := refuse(fail("INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE").with(http.StatusUnauthorized))
		return nil, &out
	}
	ses := s.sessions[strings.TrimSpace(token)]
	if ses == nil || !s.isActive(ses.user) {
		out := refuse(errSession())
		out.header = map[string]string{"WWW-Authenticate": "Token"}
		return nil, &out
	}
	return ses, nil
}

// authenticate finds the session of a data call, whose token must carry the api scope.
func (s *Server) authenticate(h http.Header) (*session, *reply) {
	ses, refusal := s.lookupSession(h)
	if refusal != nil {
		return nil, refusal
	}
	if !slices.Contains(ses.scopes, "api") && !slices.Contains(ses.scopes, "full") {
		out := refuse(fail("INVALID_SESSION_ID", "This session is not valid for use with the REST API").with(http.StatusForbidden))
		return nil, &out
	}
	return ses, nil
}

// identified finds the session of a request to the identity service, which refuses in one word of plain text where the
// data API answers JSON. (Salesforce help, "Identity URLs".)
func (s *Server) identified(r *http.Request) (*session, *reply) {
	h := r.Header
	if token := r.URL.Query().Get("oauth_token"); token != "" && h.Get("Authorization") == "" {
		h = http.Header{"Authorization": {"Bearer " + token}}
	}
	if h.Get("Authorization") == "" {
		out := forbidden("Missing_OAuth_Token")
		return nil, &out
	}
	ses, refusal := s.lookupSession(h)
	if refusal != nil {
		out := forbidden("Bad_OAuth_Token")
		return nil, &out
	}
	return ses, nil
}

func forbidden(word string) reply {
	return reply{status: http.StatusForbidden, header: map[string]string{"Content-Type": "text/html;charset=UTF-8"}, body: rawBody(word)}
}

// identity answers GET id/<org>/<user>.
func (s *Server) identity(r *http.Request, org, user string) reply {
	s.calls["identity"]++
	ses, refusal := s.identified(r)
	if refusal != nil {
		return *refusal
	}
	org, _ = normalizeID(org)
	user, _ = normalizeID(user)
	switch {
	case org != s.cfg.OrgID:
		return forbidden("Wrong_Org")
	case user != ses.user:
		out := forbidden("Bad_Id")
		out.status = http.StatusNotFound
		return out
	}
	info := s.userInfo(s.base(r), user)
	rest := s.base(r) + "/services/data/v{version}/"
	return ok(map[string]any{"id": s.base(r) + "/id/" + org + "/" + user, "asserted_user": true, "user_id": user, "organization_id": org,
		"username": info["preferred_username"], "display_name": info["name"], "email": info["email"], "email_verified": true,
		"first_name": info["given_name"], "last_name": info["family_name"], "timezone": info["zoneinfo"], "active": true, "user_type": "STANDARD",
		"language": "en_US", "locale": "en_US", "urls": map[string]string{"rest": rest, "sobjects": rest + "sobjects/", "query": rest + "query/"}})
}

// userInfo is the OpenID Connect view of a user.
func (s *Server) userInfo(base, user string) map[string]any {
	st := s.table("User").rows[user].cur
	return map[string]any{"sub": base + "/id/" + s.cfg.OrgID + "/" + user, "user_id": user, "organization_id": s.cfg.OrgID,
		"preferred_username": st.values["Username"], "nickname": st.values["Alias"], "name": fullName(st.values), "email": st.values["Email"],
		"email_verified": true, "given_name": st.values["FirstName"], "family_name": st.values["LastName"], "zoneinfo": st.values["TimeZoneSidKey"],
		"active": true, "user_type": "STANDARD", "language": "en_US", "locale": "en_US"}
}
