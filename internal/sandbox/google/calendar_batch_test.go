package google_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/internal/sandbox/google"
)

// part is the answer to one call of a batch.
type part struct {
	id     string
	status int
	header http.Header
	body   map[string]any
}

// batch sends calls ("GET /path\nHeader: x\n\nbody") in one request.
func (b *bench) batch(t *testing.T, token string, calls ...string) (int, []part) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for i, c := range calls {
		p, err := w.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/http"}, "Content-ID": {fmt.Sprintf("<item%d>", i)}})
		require.NoError(t, err)
		_, err = io.WriteString(p, strings.ReplaceAll(c, "\n", "\r\n"))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+"/batch/calendar/v3", &body)
	require.NoError(t, err)
	req.Header.Set("Content-Type", "multipart/mixed; boundary="+w.Boundary())
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, nil
	}
	_, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	require.NoError(t, err)
	var out []part
	for r := multipart.NewReader(resp.Body, params["boundary"]); ; {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return resp.StatusCode, out
		}
		require.NoError(t, err)
		require.Equal(t, "application/http", p.Header.Get("Content-Type"))
		one, err := http.ReadResponse(bufio.NewReader(p), nil)
		require.NoError(t, err)
		raw, err := io.ReadAll(one.Body)
		require.NoError(t, err)
		got := part{id: p.Header.Get("Content-ID"), status: one.StatusCode, header: one.Header}
		if len(raw) > 0 {
			require.NoError(t, json.Unmarshal(raw, &got.body))
		}
		out = append(out, got)
	}
}

const dayBody = `{"id":"batch%d","start":{"date":"2026-11-03"},"end":{"date":"2026-11-04"}}`

func TestBatch(t *testing.T) {
	t.Parallel()
	faults := fault.New(1)
	b := startCalendar(t, google.Config{Around: faults.Middleware})
	token, err := b.MintToken(alice)
	require.NoError(t, err)
	bobs, err := b.MintToken(bob)
	require.NoError(t, err)
	const events = "/calendar/v3/calendars/primary/events"
	insert := func(i int) string {
		return "POST " + events + " HTTP/1.1\nContent-Type: application/json\n\n" + fmt.Sprintf(dayBody, i)
	}
	code, out := b.batch(t, token, insert(0), insert(0), "GET "+events+"/batch0", "GET "+events+"/never\n\n",
		"GET "+events+"\nAuthorization: Bearer "+bobs+"\n\n", "PATCH "+events+"/batch0?sendUpdates=none\nIf-Match: \"1\"\nContent-Type: application/json\n\n{\"summary\":\"x\"}",
		"DELETE "+events+"/batch0", "POST /batch/calendar/v3\n\n{}")
	require.Equal(t, 200, code)
	want := []int{200, 409, 200, 404, 200, 412, 204, 404}
	require.Len(t, out, len(want))
	for i, p := range out {
		require.Equal(t, want[i], p.status, "call %d", i)
		require.Equal(t, fmt.Sprintf("<response-item%d>", i), p.id)
	}
	require.NotEmpty(t, out[0].header.Get("ETag"))
	require.Equal(t, bob, out[4].body["summary"], "a call's own token counts")
	require.Equal(t, 2, b.Calls()["events.insert"])
	require.Equal(t, 1, b.Calls()["batch"])
	require.Equal(t, 2, b.Parts()["events.insert"], "calls less parts are HTTP requests")
	require.Zero(t, b.Parts()["batch"])
	require.Equal(t, 1, b.CallsOf(bob))

	// A fault strikes one call of a batch.
	faults.MustAdd(fault.Rule{Kind: fault.Status, Method: "POST", Path: "/events$", Status: 403, Code: "rateLimitExceeded", Times: 1})
	_, out = b.batch(t, token, insert(1), insert(2))
	require.Equal(t, []int{403, 200}, []int{out[0].status, out[1].status})

	// And so do quotas: n calls cost n.
	b.SetCalendarQuota(google.CalendarQuota{PerUser: 2})
	b.clock.advance(1e11)
	_, out = b.batch(t, token, insert(3), insert(4), insert(5))
	require.Equal(t, []int{200, 200, 403}, []int{out[0].status, out[1].status, out[2].status})
}

func TestBatchesThatAreRefused(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	token, err := b.MintToken(alice)
	require.NoError(t, err)
	many := make([]string, 1001)
	for i := range many {
		many[i] = "GET /calendar/v3/calendars/primary"
	}
	code, _ := b.batch(t, token, many...)
	require.Equal(t, 400, code)
	code, out := b.batch(t, token, many[:1000]...)
	require.Equal(t, 200, code)
	require.Len(t, out, 1000)
	code, _ = b.batch(t, token)
	require.Equal(t, 400, code)
	code, _ = b.batch(t, token, "nonsense")
	require.Equal(t, 400, code)
	_, out = b.batch(t, "wrong", many[0])
	require.Equal(t, 401, out[0].status)
	code, _ = b.do(t, "POST", "/batch/calendar/v3", "{}")
	require.Equal(t, 400, code)
}
