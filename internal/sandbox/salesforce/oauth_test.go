package salesforce_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

var appKeys = sync.OnceValue(func() [2]*rsa.PrivateKey {
	var out [2]*rsa.PrivateKey
	for i := range out {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		out[i] = key
	}
	return out
})

// token posts to the token endpoint.
func (b *bench) tokenCall(form url.Values) answer {
	b.t.Helper()
	return b.raw("POST", "/services/oauth2/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Authorization", "")
}

func assertion(t *testing.T, key any, method jwt.SigningMethod, claims jwt.MapClaims) url.Values {
	t.Helper()
	signed, err := jwt.NewWithClaims(method, claims).SignedString(key)
	require.NoError(t, err)
	return url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {signed}}
}

func TestJWTBearer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	keys := appKeys()
	b.s.ConnectedApp("client1", "shh", &keys[0].PublicKey)
	b.s.AddUser(salesforce.User{Username: "left@acme.test", Name: "Left Long"})
	good := func() jwt.MapClaims {
		return jwt.MapClaims{"iss": "client1", "sub": "api@acme.test", "aud": b.srv.URL, "exp": b.clock.now().Add(3 * time.Minute).Unix()}
	}
	for name, c := range map[string]struct {
		change      func(jwt.MapClaims)
		key         any
		method      jwt.SigningMethod
		code, words string
	}{
		"own login URL":       {change: func(jwt.MapClaims) {}},
		"login host":          {change: func(m jwt.MapClaims) { m["aud"] = "https://login.salesforce.com" }},
		"test host":           {change: func(m jwt.MapClaims) { m["aud"] = "https://test.salesforce.com" }},
		"five minutes":        {change: func(m jwt.MapClaims) { m["exp"] = b.clock.now().Add(5 * time.Minute).Unix() }},
		"username's case":     {change: func(m jwt.MapClaims) { m["sub"] = "API@acme.test" }},
		"other audience":      {change: func(m jwt.MapClaims) { m["aud"] = "https://evil.test" }, code: "invalid_grant", words: "audience is invalid"},
		"bad signature":       {key: keys[1], code: "invalid_grant", words: "invalid assertion"},
		"another algorithm":   {key: []byte("shh"), method: jwt.SigningMethodHS256, code: "invalid_grant", words: "invalid assertion"},
		"unsigned":            {key: jwt.UnsafeAllowNoneSignatureType, method: jwt.SigningMethodNone, code: "invalid_grant", words: "invalid assertion"},
		"unknown issuer":      {change: func(m jwt.MapClaims) { m["iss"] = "nobody" }, code: "invalid_client_id", words: "client identifier invalid"},
		"unknown subject":     {change: func(m jwt.MapClaims) { m["sub"] = "nobody@acme.test" }, code: "invalid_grant", words: "user hasn't approved this consumer"},
		"inactive subject":    {change: func(m jwt.MapClaims) { m["sub"] = "left@acme.test" }, code: "invalid_grant", words: "inactive user"},
		"expired":             {change: func(m jwt.MapClaims) { m["exp"] = b.clock.now().Unix() }, code: "invalid_grant", words: "expired authorization code"},
		"without expiry":      {change: func(m jwt.MapClaims) { delete(m, "exp") }, code: "invalid_grant", words: "invalid assertion"},
		"expiry too far away": {change: func(m jwt.MapClaims) { m["exp"] = b.clock.now().Add(time.Hour).Unix() }, code: "invalid_grant", words: "invalid assertion"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := *b
			b.t = t
			claims := good()
			if c.change != nil {
				c.change(claims)
			}
			key, method := any(keys[0]), jwt.SigningMethod(jwt.SigningMethodRS256)
			if c.key != nil {
				key = c.key
			}
			if c.method != nil {
				method = c.method
			}
			a := b.tokenCall(assertion(t, key, method, claims))
			if c.code != "" {
				require.Equal(t, values{"error": c.code, "error_description": c.words}, a.want(400).object())
				return
			}
			got := a.want(200).object()
			require.Equal(t, b.srv.URL, got["instance_url"])
			require.Equal(t, "Bearer", got["token_type"])
			require.Equal(t, b.srv.URL+"/id/"+b.s.OrgID()+"/"+b.api, got["id"])
			require.Contains(t, got["scope"], "api")
			require.True(t, strings.HasPrefix(got["access_token"].(string), b.s.OrgID()[:15]+"!"))
			b.token = got["access_token"].(string)
			b.do("GET", "limits", nil).want(200)
		})
	}
	b.tokenCall(url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {"rubbish"}}).want(400)
	require.Equal(t, "unsupported_grant_type", b.tokenCall(url.Values{"grant_type": {"magic"}}).want(400).object()["error"])
}

func TestPreauthorizedUsersOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	keys := appKeys()
	b.s.ConnectedApp("client1", "", &keys[0].PublicKey)
	b.s.Approve("client1", "api@acme.test")
	claims := jwt.MapClaims{"iss": "client1", "sub": "alice@acme.test", "aud": b.srv.URL, "exp": b.clock.now().Add(time.Minute).Unix()}
	require.Equal(t, "user is not admin approved to access this app", b.tokenCall(assertion(t, keys[0], jwt.SigningMethodRS256, claims)).want(400).object()["error_description"])
	claims["sub"] = "api@acme.test"
	b.tokenCall(assertion(t, keys[0], jwt.SigningMethodRS256, claims)).want(200)
}

func TestScopesAreChecked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.s.ConnectedApp("narrow", "shh", nil, "openid")
	got := b.tokenCall(url.Values{"grant_type": {"password"}, "client_id": {"narrow"}, "client_secret": {"shh"}, "username": {"alice@acme.test"}, "password": {"secret1"}}).want(200).object()
	b.token = got["access_token"].(string)
	b.query("SELECT Id FROM Contact").fails(403, "INVALID_SESSION_ID")
	b.raw("GET", "/services/oauth2/userinfo", nil).want(200)
}

func TestPasswordGrant(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.s.ConnectedApp("client1", "shh", nil)
	form := func(key, value string) url.Values {
		f := url.Values{"grant_type": {"password"}, "client_id": {"client1"}, "client_secret": {"shh"}, "username": {"alice@acme.test"}, "password": {"secret1"}}
		if key != "" {
			f.Set(key, value)
		}
		return f
	}
	for name, c := range map[string]struct{ key, value, code, words string }{
		"wrong password":    {"password", "nope", "invalid_grant", "authentication failure"},
		"no password":       {"password", "", "invalid_grant", "authentication failure"},
		"unknown user":      {"username", "x@acme.test", "invalid_grant", "authentication failure"},
		"user without one":  {"username", "bob@acme.test", "invalid_grant", "authentication failure"},
		"wrong secret":      {"client_secret", "nope", "invalid_client", "invalid client credentials"},
		"unknown client id": {"client_id", "nope", "invalid_client_id", "client identifier invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := *b
			b.t = t
			require.Equal(t, values{"error": c.code, "error_description": c.words}, b.tokenCall(form(c.key, c.value)).want(400).object())
		})
	}
	got := b.tokenCall(form("", "")).want(200).object()
	require.NotEmpty(t, got["signature"])
	require.Equal(t, "1795003200000", got["issued_at"])
	b.token = got["access_token"].(string)
	id, err := url.Parse(got["id"].(string))
	require.NoError(t, err)
	who := b.raw("GET", id.Path, nil).want(200).object()
	require.Equal(t, "alice@acme.test", who["username"])
	require.Equal(t, b.alice, who["user_id"])
	require.Equal(t, "Alice Able", b.raw("GET", "/services/oauth2/userinfo", nil).want(200).object()["name"])
	b.s.SetActive(b.alice, false)
	b.query("SELECT Id FROM Contact").fails(401, "INVALID_SESSION_ID")
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.query("SELECT Id FROM Contact").want(200)
	b.s.ExpireSessions()
	a := b.query("SELECT Id FROM Contact")
	require.Equal(t, "Session expired or invalid", a.fails(401, "INVALID_SESSION_ID"))
	require.JSONEq(t, `[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]`, string(a.raw))
	require.Equal(t, "Token", a.header.Get("WWW-Authenticate"))
	b.token = b.s.NewSession(b.api)
	b.raw("POST", "/services/oauth2/revoke", "token="+url.QueryEscape(b.token), "Content-Type", "application/x-www-form-urlencoded").want(200)
	b.query("SELECT Id FROM Contact").fails(401, "INVALID_SESSION_ID")
	b.do("GET", "limits", nil, "Authorization", "Basic abc").fails(401, "INVALID_AUTH_HEADER")
	b.do("GET", "limits", nil, "Authorization", "").fails(401, "INVALID_SESSION_ID")
}

// The identity service refuses in one word of plain text, and with 403 where the data API says 401.
func TestIdentityRefusals(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	mine := "/id/" + b.s.OrgID() + "/" + b.api
	for name, c := range map[string]struct {
		path, token string
		status      int
		word        string
	}{
		"no token":              {mine, "", 403, "Missing_OAuth_Token"},
		"a bad token":           {mine, "Bearer nonsense", 403, "Bad_OAuth_Token"},
		"userinfo, a bad token": {"/services/oauth2/userinfo", "Bearer nonsense", 403, "Bad_OAuth_Token"},
		"another org":           {"/id/00D000000000999AAA/" + b.api, "Bearer " + b.token, 403, "Wrong_Org"},
		"another user":          {"/id/" + b.s.OrgID() + "/" + b.alice, "Bearer " + b.token, 404, "Bad_Id"},
	} {
		a := b.raw("GET", c.path, nil, "Authorization", c.token).want(c.status)
		require.Equal(t, c.word, string(a.raw), name)
		require.Contains(t, a.header.Get("Content-Type"), "text/html", name)
	}
	b.raw("GET", mine+"?oauth_token="+url.QueryEscape(b.token), nil, "Authorization", "").want(200)
}

// Nobody signs in with a browser here, and so no code and no refresh token is known.
func TestGrantsOfBrowsers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.s.ConnectedApp("client1", "shh", nil)
	for name, c := range map[string]struct {
		form url.Values
		want values
	}{
		"a code":         {url.Values{"grant_type": {"authorization_code"}, "client_id": {"client1"}, "code": {"x"}}, values{"error": "invalid_grant", "error_description": "invalid authorization code"}},
		"a wrong secret": {url.Values{"grant_type": {"refresh_token"}, "client_id": {"client1"}, "client_secret": {"guess"}}, values{"error": "invalid_client", "error_description": "invalid client credentials"}},
		"no such client": {url.Values{"grant_type": {"refresh_token"}, "client_id": {"client2"}}, values{"error": "invalid_client_id", "error_description": "client identifier invalid"}},
	} {
		require.Equal(t, c.want, b.tokenCall(c.form).want(400).object(), name)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	list := b.raw("GET", "/services/data", nil, "Authorization", "").want(200).list()
	require.Equal(t, values{"label": "Winter '21", "url": "/services/data/v50.0", "version": "50.0"}, list[0])
	require.Equal(t, values{"label": "Spring '26", "url": "/services/data/v66.0", "version": "66.0"}, list[len(list)-1])
	for version, status := range map[string]int{"v50.0": 200, "v66.0": 200, "v49.0": 404, "v67.0": 404, "v65": 404, "65.0": 404} {
		b.raw("GET", "/services/data/"+version+"/limits", nil).want(status)
	}
	require.Equal(t, "/services/data/v65.0/query", b.do("GET", "", nil).want(200).object()["query"])
}

// An ordinary form client sends no JSON content type; the vendor refuses the body.
func TestBodyMustBeJSON(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.do("POST", "sobjects/Contact", "LastName=Doe", "Content-Type", "application/x-www-form-urlencoded").fails(http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE")
}

func TestConcurrentClients(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var wg sync.WaitGroup
	results := make(chan int, 40)
	for range 20 {
		wg.Add(2)
		go func() {
			defer wg.Done()
			results <- status(b, "POST", "sobjects/Contact", `{"LastName":"Doe"}`)
		}()
		go func() {
			defer wg.Done()
			results <- status(b, "GET", "query?q="+url.QueryEscape("SELECT COUNT() FROM Contact"), "")
			b.s.All("Contact")
		}()
	}
	wg.Wait()
	close(results)
	for got := range results {
		require.Contains(t, []int{200, 201}, got)
	}
	require.Len(t, b.s.All("Contact"), 20)
	require.Equal(t, 20, b.s.Calls()["create"])
}

// status sends a request from a goroutine that may not stop the test.
func status(b *bench, method, path, body string) int {
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.srv.URL+"/services/data/v65.0/"+path, strings.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header.Set("Authorization", "Bearer "+b.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	var ignored any
	_ = json.NewDecoder(resp.Body).Decode(&ignored)
	_ = resp.Body.Close()
	return resp.StatusCode
}

func TestSOAPLogin(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	login := func(version, password string) answer {
		return b.raw("POST", "/services/Soap/u/"+version, `<se:Envelope xmlns:se="http://schemas.xmlsoap.org/soap/envelope/"><se:Body><login xmlns="urn:partner.soap.sforce.com"><username>alice@acme.test</username><password>`+
			password+`</password></login></se:Body></se:Envelope>`, "Content-Type", "text/xml", "Authorization", "")
	}
	got := string(login("59.0", "secret1").want(200).raw)
	require.Contains(t, got, "<userId>"+b.alice+"</userId>")
	require.Contains(t, got, "<serverUrl>"+b.srv.URL+"/services/Soap/u/59.0/")
	_, rest, _ := strings.Cut(got, "<sessionId>")
	b.token, _, _ = strings.Cut(rest, "</sessionId>")
	b.query("SELECT Id FROM Contact").want(200)
	require.Contains(t, string(login("59.0", "nope").want(500).raw), "<faultstring>INVALID_LOGIN: Invalid username, password, security token; or user locked out.</faultstring>")
	require.Contains(t, string(login("65.0", "secret1").want(500).raw), "UNSUPPORTED_API_VERSION")
}
