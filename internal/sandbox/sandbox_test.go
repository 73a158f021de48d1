package sandbox_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	oauthgoogle "golang.org/x/oauth2/google"
	"google.golang.org/api/option"
	"google.golang.org/api/people/v1"

	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/sandbox/fault"
)

const alice = "alice@acme.test"

// key is shared by all tests but one, since making one takes long.
var key = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func start(t *testing.T, cfg sandbox.Config) *sandbox.Sandbox {
	t.Helper()
	cfg.Dir, cfg.Key, cfg.Seed = t.TempDir(), key(), 1
	s, err := sandbox.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	s.Google.AddUser(alice, false)
	return s
}

// do calls the control endpoint, or a vendor, and returns status and JSON.
func do(t *testing.T, method, url, body string, header ...string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	var out map[string]any
	if json.Unmarshal(raw, &out) != nil {
		out = map[string]any{"text": string(raw)}
	}
	return resp.StatusCode, out
}

// salesforceToken signs in as Repsync does: with the connected app's key file.
func salesforceToken(t *testing.T, env sandbox.SalesforceEnv) (string, error) {
	t.Helper()
	pem, err := os.ReadFile(env.KeyFile)
	require.NoError(t, err)
	k, err := jwt.ParseRSAPrivateKeyFromPEM(pem)
	require.NoError(t, err)
	signed, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"iss": env.ClientID, "sub": env.Username,
		"aud": env.BaseURL, "exp": time.Now().Add(3 * time.Minute).Unix()}).SignedString(k)
	require.NoError(t, err)
	resp, err := http.PostForm(env.BaseURL+"/services/oauth2/token",
		url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {signed}})
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	var out struct {
		AccessToken string `json:"access_token"`
	}
	return out.AccessToken, json.NewDecoder(resp.Body).Decode(&out)
}

// peopleClient signs in as Repsync does: with the service account's key file.
func peopleClient(t *testing.T, env sandbox.GoogleEnv) *people.Service {
	t.Helper()
	file, err := os.ReadFile(env.KeyFile)
	require.NoError(t, err)
	conf, err := oauthgoogle.JWTConfigFromJSON(file, people.ContactsScope)
	require.NoError(t, err)
	require.Equal(t, env.TokenURL, conf.TokenURL)
	conf.Subject = alice
	svc, err := people.NewService(context.Background(), option.WithHTTPClient(conf.Client(context.Background())), option.WithEndpoint(env.PeopleURL))
	require.NoError(t, err)
	return svc
}

func TestBothVendorsWorkFromTheFilesAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() + "/made/by/start"
	s, err := sandbox.Start(t.Context(), sandbox.Config{Dir: dir})
	require.NoError(t, err)
	s.Google.AddUser(alice, false)
	env := s.Env()
	for _, f := range []string{env.Google.KeyFile, env.Salesforce.KeyFile} {
		info, err := os.Stat(f)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f)
	}
	for _, u := range []string{s.SalesforceURL, s.GoogleURL, s.ControlURL} {
		require.True(t, strings.HasPrefix(u, "http://127.0.0.1:"), u)
	}

	_, err = peopleClient(t, env.Google).People.CreateContact(&people.Person{Names: []*people.Name{{GivenName: "A"}}}).Do()
	require.NoError(t, err)
	require.Len(t, s.Google.Living(alice), 1)

	token, err := salesforceToken(t, env.Salesforce)
	require.NoError(t, err)
	require.NotEmpty(t, token)
	status, out := do(t, "POST", env.Salesforce.BaseURL+"/services/data/v65.0/sobjects/Contact", `{"LastName":"B","Repsync_Key__c":"k"}`,
		"Authorization", "Bearer "+token, "Content-Type", "application/json")
	require.Equal(t, 201, status, "%v", out)
	require.Len(t, s.Salesforce.All("Contact"), 1)

	s.AddRep("bob@acme.test", "Bob Baker", "")
	for _, user := range []string{env.Salesforce.Username, "bob@acme.test"} {
		resp, err := http.PostForm(env.Salesforce.TokenURL, url.Values{"grant_type": {"password"}, "client_id": {env.Salesforce.ClientID},
			"client_secret": {env.Salesforce.ClientSecret}, "username": {user}, "password": {env.Salesforce.Password}})
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 200, resp.StatusCode, user)
	}
	_, minted := do(t, "POST", env.Control+"/token", `{"vendor":"google","user":"bob@acme.test"}`)
	resp, err := http.PostForm(env.Google.TokenURL, url.Values{"grant_type": {"refresh_token"}, "client_id": {env.Google.ClientID},
		"client_secret": {env.Google.ClientSecret}, "refresh_token": {minted["refresh_token"].(string)}})
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode)

	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	_, err = http.Get(env.Control)
	require.Error(t, err)
}

func TestItEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s, err := sandbox.Start(ctx, sandbox.Config{Dir: t.TempDir(), Key: key()})
	require.NoError(t, err)
	cancel()
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.ControlURL, "http://"))
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, 5*time.Second, time.Millisecond)
}

func TestATakenPortMovesUp(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	taken := l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // a TCP listener has a TCP address
	s := start(t, sandbox.Config{Ports: sandbox.Ports{Google: taken, Salesforce: taken}})
	for _, u := range []string{s.GoogleURL, s.SalesforceURL} {
		parsed, err := url.Parse(u)
		require.NoError(t, err)
		require.NotEqual(t, l.Addr().String(), parsed.Host)
	}
	require.NotEqual(t, s.GoogleURL, s.SalesforceURL)
}

func TestStartNeedsADirectory(t *testing.T) {
	t.Parallel()
	_, err := sandbox.Start(t.Context(), sandbox.Config{})
	require.ErrorContains(t, err, "Config.Dir")
	file := t.TempDir() + "/file"
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = sandbox.Start(t.Context(), sandbox.Config{Dir: file, Key: key()})
	require.Error(t, err)
}

func TestFaultsByControl(t *testing.T) {
	t.Parallel()
	s := start(t, sandbox.Config{})
	for vendor, target := range map[string]string{
		"google":     s.GoogleURL + "/v1/people/me?personFields=names",
		"salesforce": s.SalesforceURL + "/services/data",
	} {
		path := s.ControlURL + "/faults?vendor=" + vendor
		status, out := do(t, "POST", path, `{"name":"busy","method":"GET","kind":"status","status":429,"retry_after":"30s","times":1}`)
		require.Equal(t, 200, status, "%v", out)
		status, _ = do(t, "GET", target, "")
		require.Equal(t, 429, status)
		status, _ = do(t, "GET", target, "")
		require.NotEqual(t, 429, status, "struck once only")
		_, out = do(t, "GET", path, "")
		b, err := json.Marshal(out)
		require.NoError(t, err)
		require.Contains(t, string(b), `"hits":{"busy":1}`)
		require.Contains(t, string(b), `"retry_after":"30s"`)
		status, _ = do(t, "DELETE", path, "")
		require.Equal(t, 200, status)
	}
	require.Empty(t, s.GoogleFaults.Rules())
	require.Empty(t, s.SalesforceFaults.Rules())
}

func TestAGateIsReleasedByControl(t *testing.T) {
	t.Parallel()
	s := start(t, sandbox.Config{})
	svc := peopleClient(t, s.Env().Google)
	_, out := do(t, "POST", s.ControlURL+"/faults?vendor=google", `{"name":"stop","path":"createContact","kind":"gate_after"}`)
	id, isText := out["id"].(string)
	require.True(t, isText, "%v", out)
	done := make(chan error, 1)
	go func() {
		_, err := svc.People.CreateContact(&people.Person{Names: []*people.Name{{GivenName: "A"}}}).Do()
		done <- err
	}()
	require.Eventually(t, func() bool { return len(s.Google.Living(alice)) == 1 }, 5*time.Second, time.Millisecond)
	require.Empty(t, done, "written, and not answered")
	status, _ := do(t, "DELETE", s.ControlURL+"/faults?vendor=google&id="+id, "")
	require.Equal(t, 200, status)
	require.NoError(t, <-done)
}

func TestCloseLetsGoWhatAGateHolds(t *testing.T) {
	t.Parallel()
	s, err := sandbox.Start(t.Context(), sandbox.Config{Dir: t.TempDir(), Key: key()})
	require.NoError(t, err)
	s.GoogleFaults.MustAdd(fault.Rule{Name: "stop", Kind: fault.Gate})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if resp, err := http.Get(s.GoogleURL + "/v1/people/me"); err == nil {
			_ = resp.Body.Close()
		}
	}()
	require.Eventually(t, func() bool { return s.GoogleFaults.Hits()["stop"] == 1 }, 5*time.Second, time.Millisecond)
	require.NoError(t, s.Close())
	<-done
}

func TestControl(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		contains                 string
	}{
		{"help", "GET", "/", "", 200, "POST /faults?vendor=V"},
		{"env", "GET", "/env", "", 200, "google-service-account.json"},
		{"mail", "GET", "/mail", "", 200, `"count":0,"mail":[]`},
		{"clock", "GET", "/clock", "", 200, `"virtual":false`},
		{"clock in real time", "POST", "/clock", `{"advance":"1h"}`, 400, "real time"},
		{"unknown vendor", "POST", "/faults?vendor=acme", `{"kind":"drop"}`, 400, "salesforce or google"},
		{"no vendor", "POST", "/faults", `{"kind":"drop"}`, 400, "name the vendor"},
		{"unknown kind", "POST", "/faults?vendor=google", `{"kind":"explode"}`, 400, "not known"},
		{"unknown property", "POST", "/faults?vendor=google", `{"kind":"drop","until":"noon"}`, 400, "until"},
		{"no such rule", "DELETE", "/faults?vendor=google&id=7", ``, 400, "no such rule"},
		{"rule of no vendor", "DELETE", "/faults?id=7", ``, 400, "per vendor"},
		{"expire nothing", "POST", "/expire", `{"what":"all"}`, 400, "google_sync_tokens"},
		{"rep without an address", "POST", "/reps", `{"name":"Bob"}`, 400, "email address"},
		{"token for nobody", "POST", "/token", `{"vendor":"google","user":"x@acme.test"}`, 400, "no user"},
		{"token of no vendor", "POST", "/token", `{"vendor":"x"}`, 400, "not known"},
		{"Salesforce token for nobody", "POST", "/token", `{"vendor":"salesforce","user":"x@acme.test"}`, 400, "no user"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, sandbox.Config{})
			status, out := do(t, c.method, s.ControlURL+c.path, c.body)
			b, err := json.Marshal(out)
			require.NoError(t, err)
			require.Equal(t, c.status, status, "%s", b)
			require.Contains(t, string(b), c.contains)
		})
	}
}

func TestTokensAndExpiryByControl(t *testing.T) {
	t.Parallel()
	s := start(t, sandbox.Config{})
	for _, c := range []struct{ vendor, user, target, what string }{
		{"google", alice, s.GoogleURL + "/v1/people/me?personFields=names", "google_tokens"},
		{"salesforce", s.IntegrationUser(), s.SalesforceURL + "/services/data/v65.0/limits", "salesforce_sessions"},
	} {
		_, out := do(t, "POST", s.ControlURL+"/token", `{"vendor":"`+c.vendor+`","user":"`+c.user+`"}`)
		token, isText := out["access_token"].(string)
		require.True(t, isText, "%v", out)
		status, _ := do(t, "GET", c.target, "", "Authorization", "Bearer "+token)
		require.Equal(t, 200, status)
		status, _ = do(t, "POST", s.ControlURL+"/expire", `{"what":"`+c.what+`"}`)
		require.Equal(t, 200, status)
		status, _ = do(t, "GET", c.target, "", "Authorization", "Bearer "+token)
		require.Equal(t, 401, status)
	}
}

func TestSyncTokensExpireByControlAndByClock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, path, body string }{
		{"by control", "/expire", `{"what":"google_sync_tokens","user":"alice@acme.test"}`},
		{"by clock", "/clock", `{"advance":"168h"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, sandbox.Config{Clock: &sandbox.Clock{}})
			list := peopleClient(t, s.Env().Google).People.Connections.List("people/me").PersonFields("names").RequestSyncToken(true)
			r, err := list.Do()
			require.NoError(t, err)
			status, _ := do(t, "POST", s.ControlURL+c.path, c.body)
			require.Equal(t, 200, status)
			_, err = list.SyncToken(r.NextSyncToken).Do()
			require.ErrorContains(t, err, "Sync token is expired")
		})
	}
}

func TestLagByControl(t *testing.T) {
	t.Parallel()
	s := start(t, sandbox.Config{Lag: time.Hour})
	list := peopleClient(t, s.Env().Google).People.Connections.List("people/me").PersonFields("names").RequestSyncToken(true)
	r, err := list.Do()
	require.NoError(t, err)
	_, err = s.Google.Insert(alice, `{"names":[{"givenName":"A"}]}`)
	require.NoError(t, err)
	list.SyncToken(r.NextSyncToken)
	r, err = list.Do()
	require.NoError(t, err)
	require.Empty(t, r.Connections)
	status, _ := do(t, "POST", s.ControlURL+"/lag", `{"lag":"0s"}`)
	require.Equal(t, 200, status)
	r, err = list.Do()
	require.NoError(t, err)
	require.Len(t, r.Connections, 1)
}

func TestCallsByControl(t *testing.T) {
	t.Parallel()
	s := start(t, sandbox.Config{})
	_, err := peopleClient(t, s.Env().Google).People.Get("people/me").PersonFields("names").Do()
	require.NoError(t, err)
	_, err = salesforceToken(t, s.Env().Salesforce)
	require.NoError(t, err)
	_, out := do(t, "GET", s.ControlURL+"/calls", "")
	b, err := json.Marshal(out)
	require.NoError(t, err)
	require.Contains(t, string(b), `"people.get":1`)
	require.Contains(t, string(b), `"GET /v1/people/me":1`)
	require.Contains(t, string(b), `"POST /services/oauth2/token":1`)
	status, _ := do(t, "DELETE", s.ControlURL+"/calls", "")
	require.Equal(t, 200, status)
	require.Empty(t, s.Google.Calls())
	require.Empty(t, s.Salesforce.Calls())
}

func TestOutboxIsServed(t *testing.T) {
	t.Parallel()
	s := start(t, sandbox.Config{})
	s.Outbox.Add(sandbox.Mail{Vendor: "google", From: alice, To: "x@y.test", Reason: "invitation"})
	_, out := do(t, "GET", s.ControlURL+"/mail", "")
	require.EqualValues(t, 1, out["count"])
}

func TestRepsByControl(t *testing.T) {
	t.Parallel()
	s := start(t, sandbox.Config{})
	status, out := do(t, "POST", s.ControlURL+"/reps", `{"email":"bob@acme.test","name":"Bob Baker"}`)
	require.Equal(t, 200, status)
	require.Regexp(t, "^005", out["crm_user"])
	require.Equal(t, []string{alice, "bob@acme.test"}, s.Google.Users())
	for _, vendor := range []string{"google", "salesforce"} {
		status, _ = do(t, "POST", s.ControlURL+"/token", `{"vendor":"`+vendor+`","user":"bob@acme.test"}`)
		require.Equal(t, 200, status, vendor)
	}
}

func TestVendorsClocksMayBeApart(t *testing.T) {
	t.Parallel()
	s, err := sandbox.Start(t.Context(), sandbox.Config{Dir: t.TempDir(), Skew: time.Hour})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	s.AddRep("alice@acme.test", "Alice", "")
	name, err := s.Google.Insert("alice@acme.test", `{"names":[{"familyName":"Doe"}]}`)
	require.NoError(t, err)
	_, err = s.Salesforce.Insert("Contact", map[string]any{"LastName": "Doe"}, "")
	require.NoError(t, err)
	stamp, ok := s.Salesforce.All("Contact")[0]["SystemModstamp"].(time.Time)
	require.True(t, ok)
	var p struct {
		Metadata struct {
			Sources []struct{ UpdateTime time.Time }
		}
	}
	text, err := json.Marshal(s.Google.Living("alice@acme.test")[0].Person)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &p))
	require.NotEmpty(t, p.Metadata.Sources, name)
	require.WithinDuration(t, stamp.Add(time.Hour), p.Metadata.Sources[0].UpdateTime, time.Minute)
}

func TestLatencyIsOfEveryRequest(t *testing.T) {
	t.Parallel()
	s := start(t, sandbox.Config{Latency: time.Hour})
	for _, base := range []string{s.GoogleURL, s.SalesforceURL} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/services/data", nil)
		require.NoError(t, err)
		_, err = http.DefaultClient.Do(req)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		cancel()
	}
	require.Empty(t, s.GoogleFaults.Calls(), "none has arrived yet")
	require.Empty(t, s.SalesforceFaults.Calls())
}
