package google

import (
	"cmp"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The service account that signs in for the users of the domain.
const (
	projectID     = "repsync-sandbox"
	projectNumber = "453194321487"
	clientEmail   = "repsync@repsync-sandbox.iam.gserviceaccount.com"
	clientID      = "104892101234567890123"
	keyID         = "5a1db0c5a1db0c5a1db0c5a1db0c5a1db0c5a1db"
)

// What grant_type=refresh_token expects as the client's credentials.
const (
	OAuthClientID     = "453194321487-sandbox.apps.googleusercontent.com"
	OAuthClientSecret = "GOCSPX-sandbox"
)

const (
	grantJWT     = "urn:ietf:params:oauth:grant-type:jwt-bearer" // RFC 7523
	grantRefresh = "refresh_token"
	skew         = 5 * time.Minute // how far a client's clock may be off
)

// signInEndpoints are the paths of the sign-in; they have no serve function, since they answer in OAuth's own form
// (RFC 6749, section 5) and need no token.
var signInEndpoints = map[string]endpoint{
	"POST /token":           {name: "token"},
	"POST /oauth2/v4/token": {name: "token"},
	"POST /o/oauth2/token":  {name: "token"},
	"POST /revoke":          {name: "revoke"},
}

// ServiceAccountJSON is the key file of the service account, as Google's console would give it, with a token endpoint.
func (s *Server) ServiceAccountJSON(tokenURL string) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		return nil, fmt.Errorf("encode the service account's key: %w", err)
	}
	return json.MarshalIndent(map[string]string{
		"type": "service_account", "project_id": projectID, "private_key_id": keyID,
		"private_key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email": clientEmail, "client_id": clientID,
		"auth_uri": strings.TrimSuffix(tokenURL, "/token") + "/o/oauth2/auth", "token_uri": tokenURL,
		"auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
		"client_x509_cert_url":        "https://www.googleapis.com/robot/v1/metadata/x509/" + strings.ReplaceAll(clientEmail, "@", "%40"),
		"universe_domain":             "googleapis.com",
	}, "", "  ")
}

// oauthError is an error of the token endpoint (RFC 6749, section 5.2).
type oauthError struct {
	code        int
	kind        string
	description string
}

// Error makes it an error.
func (e *oauthError) Error() string { return e.kind + ": " + e.description }

func grantError(description string) *oauthError {
	return &oauthError{http.StatusBadRequest, "invalid_grant", description}
}

// undelegated is the answer to a service account that may not act for this user with these scopes.
func undelegated() *oauthError {
	return &oauthError{http.StatusUnauthorized, "unauthorized_client",
		"Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested."}
}

// signIn serves the sign-in's endpoints.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil { // before the lock is taken: a slow client stops nobody else
		sendJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_request", "error_description": "Malformed request body."})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/revoke" {
		token := r.FormValue("token")
		if s.tokens[token] == nil && s.refresh[token] == nil {
			sendJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_token", "error_description": "Token expired or revoked"})
			return
		}
		delete(s.tokens, token)
		delete(s.refresh, token)
		sendJSON(w, http.StatusOK, struct{}{})
		return
	}
	token, scopes, err := s.exchange(r)
	if err != nil {
		sendJSON(w, err.code, map[string]string{"error": err.kind, "error_description": err.description})
		return
	}
	sendJSON(w, http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer",
		"scope": strings.Join(scopes, " "), "expires_in": int(s.cfg.TokenLife.Seconds()) - 1})
}

// exchange turns an assertion or a refresh token into an access token.
func (s *Server) exchange(r *http.Request) (string, []string, *oauthError) {
	switch r.FormValue("grant_type") {
	case grantJWT:
		return s.exchangeJWT(r)
	case grantRefresh:
		g := s.refresh[r.FormValue("refresh_token")]
		switch {
		case r.FormValue("client_id") != OAuthClientID || r.FormValue("client_secret") != OAuthClientSecret:
			return "", nil, &oauthError{http.StatusUnauthorized, "invalid_client", "The OAuth client was not found."}
		case g == nil:
			return "", nil, grantError("Token has been expired or revoked.")
		case g.user.disabled:
			return "", nil, grantError("account_disabled")
		}
		return s.issue(g.user, g.scopes), g.scopes, nil
	case "":
		return "", nil, &oauthError{http.StatusBadRequest, "invalid_request", "Required parameter is missing: grant_type"}
	default:
		return "", nil, &oauthError{http.StatusBadRequest, "unsupported_grant_type", "Invalid grant_type: " + r.FormValue("grant_type")}
	}
}

// claims are the claims of a service account's assertion ("Using OAuth 2.0 for Server to Server Applications").
type claims struct {
	jwt.RegisteredClaims
	Scope string `json:"scope"`
	Prn   string `json:"prn"` // the older name of sub
}

func (s *Server) exchangeJWT(r *http.Request) (string, []string, *oauthError) {
	var c claims
	_, err := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithoutClaimsValidation()).ParseWithClaims(
		r.FormValue("assertion"), &c, func(t *jwt.Token) (any, error) {
			if kid, ok := t.Header["kid"].(string); ok && kid != "" && kid != keyID {
				return nil, errors.New("no such key")
			}
			return &s.key.PublicKey, nil
		})
	if err != nil {
		return "", nil, grantError("Invalid JWT Signature.")
	}
	if c.Issuer != clientEmail && c.Issuer != clientID {
		return "", nil, grantError("Invalid grant: account not found")
	}
	if !slices.ContainsFunc(c.Audience, func(aud string) bool { return isTokenURL(aud, r) }) {
		return "", nil, grantError("Invalid JWT: Failed audience check. The right audience is https://oauth2.googleapis.com/token")
	}
	now := s.cfg.SignInClock()
	if c.IssuedAt == nil || c.ExpiresAt == nil || c.IssuedAt.After(now.Add(skew)) || c.ExpiresAt.Before(now.Add(-skew)) ||
		c.ExpiresAt.Sub(c.IssuedAt.Time) > time.Hour {
		return "", nil, grantError("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.")
	}
	scopes := strings.Fields(c.Scope)
	if len(scopes) == 0 {
		return "", nil, &oauthError{http.StatusBadRequest, "invalid_scope", "Invalid OAuth scope or ID token audience provided."}
	}
	for _, scope := range scopes {
		if !slices.Contains(s.delegated, scope) {
			return "", nil, undelegated()
		}
	}
	sub := strings.ToLower(cmp.Or(c.Subject, c.Prn))
	if sub == "" || sub == clientEmail {
		return "", nil, undelegated() // a service account has no address book of its own here
	}
	_, domain, isAddress := strings.Cut(sub, "@")
	u := s.users[sub]
	switch {
	case !isAddress:
		return "", nil, grantError("Not a valid email or user ID.")
	case domain != s.cfg.Domain && u == nil:
		return "", nil, undelegated()
	case u == nil:
		return "", nil, grantError("Invalid email or User ID")
	case u.disabled:
		return "", nil, grantError("account_disabled")
	}
	return s.issue(u, scopes), scopes, nil
}

// isTokenURL tells whether an audience is this token endpoint, by its own address or by Google's.
func isTokenURL(aud string, r *http.Request) bool {
	return slices.Contains([]string{"https://oauth2.googleapis.com/token", "https://www.googleapis.com/oauth2/v4/token",
		"https://accounts.google.com/o/oauth2/token", "http://" + r.Host + r.URL.Path, "https://" + r.Host + r.URL.Path}, aud)
}
