package probe_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/probe"
)

func TestReachTellsWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	for name, c := range map[string]struct {
		client *http.Client
		url    string
		want   connector.Standing
		found  string
		remedy string
	}{
		"any answer":                 {http.DefaultClient, plain.URL + "/deep/path", connector.OK, "answers", ""},
		"a certificate that is good": {secure.Client(), secure.URL, connector.OK, "answers", ""},
		"a certificate of nobody":    {http.DefaultClient, secure.URL, connector.Lacking, "is not trusted here", "ca-certificates"},
		"another name's certificate": {secure.Client(), strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), connector.Lacking, "certificate of another name", "Correct crm.login_url"},
		"no TLS":                     {http.DefaultClient, strings.Replace(plain.URL, "http:", "https:", 1), connector.Lacking, "", "crm.login_url"},
		"nobody listens":             {http.DefaultClient, "http://" + gone.Addr().String(), connector.Lacking, "accepts no connection", gone.Addr().String()},
		"no such name":               {http.DefaultClient, "https://acme.invalid", connector.Lacking, "acme.invalid does not resolve", "Correct crm.login_url"},
		"no address":                 {http.DefaultClient, "acme", connector.Lacking, "is no address", "Correct"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			date, f := probe.Reach(t.Context(), c.client, probe.Place{URL: c.url, Key: "crm.login_url"})
			require.Equal(t, c.want, f.Standing, "%+v", f)
			require.Contains(t, f.Found, c.found)
			require.Contains(t, f.Remedy, c.remedy)
			if c.want == connector.OK {
				require.WithinDuration(t, time.Now(), date, time.Minute)
				require.Empty(t, f.Remedy)
			} else {
				require.NotEmpty(t, f.Remedy)
			}
		})
	}
}

func TestClocks(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		theirs time.Time
		want   connector.Standing
		found  string
	}{
		"equal":     {now, connector.OK, "within 30s"},
		"near":      {now.Add(29 * time.Second), connector.OK, "within 30s"},
		"behind":    {now.Add(time.Minute), connector.Warning, "1m0s behind the server's"},
		"ahead":     {now.Add(-time.Minute), connector.Warning, "1m0s ahead of the server's"},
		"too far":   {now.Add(-time.Hour), connector.Lacking, "refused from 2m0s on"},
		"not told":  {time.Time{}, connector.Warning, "tells no time"},
		"far below": {now.Add(3 * time.Minute), connector.Lacking, "3m0s behind"},
	} {
		f := probe.Clock(now, c.theirs, 30*time.Second, 2*time.Minute)
		require.Equal(t, c.want, f.Standing, name)
		require.Contains(t, f.Found, c.found, name)
	}
}
