package google_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	oauthgoogle "golang.org/x/oauth2/google"
	"google.golang.org/api/people/v1"

	"github.com/repsync/repsync/internal/sandbox/google"
)

// form posts a form to the token endpoint.
func (b *bench) form(t *testing.T, path string, v url.Values) (int, map[string]any) {
	t.Helper()
	resp, err := http.PostForm(b.url+path, v)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	var out map[string]any
	require.NoError(t, json.Unmarshal(raw, &out))
	return resp.StatusCode, out
}

// assertion is a good assertion for Alice, changed by edit and signed with k.
func (b *bench) assertion(t *testing.T, k *rsa.PrivateKey, edit func(h, c map[string]any)) string {
	t.Helper()
	file, err := b.ServiceAccountJSON(b.url + "/token")
	require.NoError(t, err)
	var account struct {
		ClientEmail  string `json:"client_email"`
		PrivateKeyID string `json:"private_key_id"`
	}
	require.NoError(t, json.Unmarshal(file, &account))
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": account.ClientEmail, "aud": b.url + "/token", "sub": alice, "scope": people.ContactsScope,
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})
	token.Header["kid"] = account.PrivateKeyID
	claims, ok := token.Claims.(jwt.MapClaims)
	require.True(t, ok)
	edit(token.Header, claims)
	signed, err := token.SignedString(k)
	require.NoError(t, err)
	return signed
}

func TestSignInByAssertion(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	b.AddUser("gone@acme.test", true)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	const unauthorized = "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested."
	for _, c := range []struct {
		name        string
		key         *rsa.PrivateKey
		edit        func(h, c map[string]any)
		status      int
		kind, words string
	}{
		{"good", key(), func(_, _ map[string]any) {}, 200, "", ""},
		{"Google's own audience", key(), func(_, c map[string]any) { c["aud"] = "https://oauth2.googleapis.com/token" }, 200, "", ""},
		{"user in capitals", key(), func(_, c map[string]any) { c["sub"] = "Alice@Acme.test" }, 200, "", ""},
		{"two scopes", key(), func(_, c map[string]any) { c["scope"] = people.ContactsScope + " " + google.ScopeCalendar }, 200, "", ""},
		{"another key", other, func(_, _ map[string]any) {}, 400, "invalid_grant", "Invalid JWT Signature."},
		{"another key id", key(), func(h, _ map[string]any) { h["kid"] = "x" }, 400, "invalid_grant", "Invalid JWT Signature."},
		{"another issuer", key(), func(_, c map[string]any) { c["iss"] = "x@y.iam.gserviceaccount.com" }, 400, "invalid_grant", "account not found"},
		{"another audience", key(), func(_, c map[string]any) { c["aud"] = "https://example.com/token" }, 400, "invalid_grant", "audience"},
		{"expired", key(), func(_, c map[string]any) {
			c["iat"], c["exp"] = time.Now().Add(-2*time.Hour).Unix(), time.Now().Add(-time.Hour).Unix()
		}, 400, "invalid_grant", "short-lived token"},
		{"from the future", key(), func(_, c map[string]any) {
			c["iat"], c["exp"] = time.Now().Add(time.Hour).Unix(), time.Now().Add(2*time.Hour).Unix()
		}, 400, "invalid_grant", "short-lived token"},
		{"too long", key(), func(_, c map[string]any) { c["exp"] = time.Now().Add(2 * time.Hour).Unix() }, 400, "invalid_grant", "short-lived token"},
		{"without iat", key(), func(_, c map[string]any) { delete(c, "iat") }, 400, "invalid_grant", "short-lived token"},
		{"no scope", key(), func(_, c map[string]any) { delete(c, "scope") }, 400, "invalid_scope", ""},
		{"undelegated scope", key(), func(_, c map[string]any) { c["scope"] = people.ContactsScope + " https://mail.google.com/" }, 401, "unauthorized_client", unauthorized},
		{"no user", key(), func(_, c map[string]any) { delete(c, "sub") }, 401, "unauthorized_client", unauthorized},
		{"user of another domain", key(), func(_, c map[string]any) { c["sub"] = "eve@other.test" }, 401, "unauthorized_client", unauthorized},
		{"unknown user", key(), func(_, c map[string]any) { c["sub"] = "nobody@acme.test" }, 400, "invalid_grant", "Invalid email or User ID"},
		{"disabled user", key(), func(_, c map[string]any) { c["sub"] = "gone@acme.test" }, 400, "invalid_grant", "account_disabled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, body := b.form(t, "/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {b.assertion(t, c.key, c.edit)}})
			require.Equal(t, c.status, status, "%v", body)
			if status != 200 {
				require.Equal(t, c.kind, body["error"])
				require.Contains(t, body["error_description"], c.words)
				return
			}
			require.Equal(t, "Bearer", body["token_type"])
			require.EqualValues(t, 3599, body["expires_in"])
			token, ok := body["access_token"].(string)
			require.True(t, ok)
			require.True(t, strings.HasPrefix(token, "ya29."))
			status, _ = b.doWith(t, "Bearer "+token, "GET", "/v1/people/me?personFields=names", "")
			require.Equal(t, 200, status)
		})
	}
}

func TestOtherGrants(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	refresh, err := b.MintRefreshToken(alice)
	require.NoError(t, err)
	good := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {google.OAuthClientID}, "client_secret": {google.OAuthClientSecret}}
	status, body := b.form(t, "/oauth2/v4/token", good)
	require.Equal(t, 200, status)
	require.NotEmpty(t, body["access_token"])
	for name, c := range map[string]struct {
		form   url.Values
		status int
		kind   string
	}{
		"no grant type":  {url.Values{}, 400, "invalid_request"},
		"password":       {url.Values{"grant_type": {"password"}}, 400, "unsupported_grant_type"},
		"no assertion":   {url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}}, 400, "invalid_grant"},
		"another client": {url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {"x"}}, 401, "invalid_client"},
		"unknown token":  {url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "client_id": {google.OAuthClientID}, "client_secret": {google.OAuthClientSecret}}, 400, "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body := b.form(t, "/token", c.form)
			require.Equal(t, c.status, status)
			require.Equal(t, c.kind, body["error"])
		})
	}
	_, err = b.MintToken("nobody@acme.test")
	require.Error(t, err)
}

func TestTokensEnd(t *testing.T) {
	t.Parallel()
	const path = "/v1/people/me?personFields=names"
	for _, c := range []struct {
		name string
		end  func(t *testing.T, b *bench, now *clock, token string)
		want int
	}{
		{"nothing happens", func(*testing.T, *bench, *clock, string) {}, 200},
		{"expires", func(_ *testing.T, _ *bench, now *clock, _ string) { now.advance(time.Hour) }, 401},
		{"revoked for the user", func(_ *testing.T, b *bench, _ *clock, _ string) { b.RevokeTokens(alice) }, 401},
		{"revoked for another", func(_ *testing.T, b *bench, _ *clock, _ string) { b.RevokeTokens("bob@acme.test") }, 200},
		{"revoked by the client", func(t *testing.T, b *bench, _ *clock, token string) {
			status, _ := b.form(t, "/revoke", url.Values{"token": {token}})
			require.Equal(t, 200, status)
		}, 401},
		{"delegation revoked", func(_ *testing.T, b *bench, _ *clock, _ string) { b.RevokeDelegation() }, 401},
		{"user disabled", func(_ *testing.T, b *bench, _ *clock, _ string) { b.AddUser(alice, true) }, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			now := &clock{t: time.Now()}
			b := start(t, google.Config{SignInClock: now.now})
			token, err := b.MintToken(alice)
			require.NoError(t, err)
			status, _ := b.doWith(t, "Bearer "+token, "GET", path, "")
			require.Equal(t, 200, status)
			c.end(t, b, now, token)
			status, body := b.doWith(t, "Bearer "+token, "GET", path, "")
			require.Equal(t, c.want, status)
			if status == 401 {
				e, ok := body["error"].(map[string]any)
				require.True(t, ok)
				require.Equal(t, "UNAUTHENTICATED", e["status"])
			}
		})
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	name := b.insert(t, `{"names":[{"givenName":"A"}]}`)
	readonly := b.client(t, alice, people.ContactsReadonlyScope)
	_, err := readonly.People.Get(name).PersonFields("names").Do()
	require.NoError(t, err)
	_, err = readonly.People.DeleteContact(name).Do()
	e := apiError(t, err)
	require.Equal(t, 403, e.Code)
	require.Equal(t, "PERMISSION_DENIED", e.Status)
	require.Equal(t, []string{"ACCESS_TOKEN_SCOPE_INSUFFICIENT"}, e.Reasons)
	_, err = b.client(t, alice, google.ScopeCalendar).People.Get(name).PersonFields("names").Do()
	require.Equal(t, 403, apiError(t, err).Code)
	status, _ := b.doWith(t, "", "GET", "/v1/"+name+"?personFields=names", "")
	require.Equal(t, 401, status)
}

func TestUsersAreApart(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	b.AddUser("bob@acme.test", false)
	name := b.insert(t, `{"names":[{"givenName":"A"}]}`)
	_, err := b.client(t, "bob@acme.test").People.Get(name).PersonFields("names").Do()
	require.Equal(t, 404, apiError(t, err).Code)
	require.Equal(t, []string{alice, "bob@acme.test"}, b.Users())
}

func TestTheVendorsClientSeesWhyItMayNotSignIn(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	b.RevokeDelegation()
	file, err := b.ServiceAccountJSON(b.url + "/token")
	require.NoError(t, err)
	conf, err := oauthgoogle.JWTConfigFromJSON(file, people.ContactsScope)
	require.NoError(t, err)
	conf.Subject = alice
	_, err = conf.TokenSource(context.Background()).Token()
	var refused *oauth2.RetrieveError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 401, refused.Response.StatusCode)
	require.Contains(t, string(refused.Body), "unauthorized_client")
}

func TestRevokeKnowsItsTokens(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	token, err := b.MintRefreshToken(alice)
	require.NoError(t, err)
	for _, want := range []int{200, 400} {
		status, body := b.form(t, "/revoke", url.Values{"token": {token}})
		require.Equal(t, want, status)
		if want == 400 {
			require.Equal(t, map[string]any{"error": "invalid_token", "error_description": "Token expired or revoked"}, body)
		}
	}
}

func TestOlderWordingOfRefusals(t *testing.T) {
	t.Parallel()
	b := start(t, google.Config{})
	narrow, err := b.MintToken(alice, google.ScopeCalendarReadonly)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		auth string
		want map[string]any
	}{
		"no token":           {"", map[string]any{"domain": "global", "reason": "required", "message": "Login Required.", "location": "Authorization", "locationType": "header"}},
		"a bad token":        {"Bearer x", map[string]any{"domain": "global", "reason": "authError", "message": "Invalid Credentials", "location": "Authorization", "locationType": "header"}},
		"a scope too narrow": {"Bearer " + narrow, map[string]any{"domain": "global", "reason": "insufficientPermissions", "message": "Insufficient Permission"}},
	} {
		_, body := b.doWith(t, c.auth, "GET", "/v1/people/me?personFields=names", "")
		e, ok := body["error"].(map[string]any)
		require.True(t, ok, name)
		require.Equal(t, []any{c.want}, e["errors"], name)
	}
}
