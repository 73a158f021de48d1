package probe_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/probe"
)

func TestListNamesItsVendor(t *testing.T) {
	t.Parallel()
	list := probe.List{Vendor: "box"}
	list.Add("reach", "the box can be reached", nil)
	list.Add("token", "the box lets us in", func(context.Context) connector.Finding { return probe.Fine("%d sessions", 2) }, "reach")
	require.Equal(t, []string{"box.reach", "box.token"}, []string{list.Checks[0].ID, list.Checks[1].ID})
	require.Equal(t, []string{"box.reach"}, list.Checks[1].Needs)
	require.Equal(t, connector.Finding{Standing: connector.OK, Found: "2 sessions"}, list.Checks[1].Run(t.Context()))
}

func TestClocksKeepWhatReachingTold(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(nil)
	t.Cleanup(server.Close)
	for ahead, want := range map[time.Duration]connector.Standing{0: connector.OK, time.Minute: connector.Warning, time.Hour: connector.Lacking} {
		var c probe.Clocks
		require.Equal(t, connector.Warning, c.Agree(30*time.Second, 2*time.Minute).Standing, "nobody told a time")
		f := c.Reach(t.Context(), server.Client(), func() time.Time { return time.Now().Add(ahead) }, probe.Place{URL: server.URL, Key: "url"})
		require.Equal(t, connector.OK, f.Standing)
		require.Equal(t, want, c.Agree(30*time.Second, 2*time.Minute).Standing, ahead)
	}
}

func TestCodesAndWords(t *testing.T) {
	t.Parallel()
	require.Equal(t, "X", probe.Code(&connector.Error{Code: "X"}))
	require.Equal(t, "unknown_code", probe.Code(errors.New("x")))
	require.Equal(t, "é", probe.Short("é"))
	require.Equal(t, strings.Repeat("é", 160)+"…", probe.Short(strings.Repeat("é", 200)))
}
