package fault_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox/fault"
)

// server is a handler that counts its runs, behind an injector.
type server struct {
	*fault.Injector
	url  string
	runs atomic.Int32
}

const answer = `{"id":"1","note":"the handler's own answer"}`

func start(t *testing.T) *server {
	t.Helper()
	s := &server{Injector: fault.New(1)}
	h := s.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.runs.Add(1)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, answer)
	}))
	srv := httptest.NewServer(h)
	t.Cleanup(func() { s.Clear(); srv.Close() })
	s.url = srv.URL
	return s
}

// post sends one POST and returns status, headers, body and the error that a client would see.
func (s *server) post(t *testing.T, path string) (*http.Response, string, error) {
	t.Helper()
	resp, err := http.Post(s.url+path, "application/json", strings.NewReader("{}"))
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return resp, string(b), err
}

func TestKinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		rule   fault.Rule
		status int    // 0: the client sees no answer
		body   string // what the body must contain
		retry  string
		broken bool // reading the body fails
		runs   int32
	}{
		{"no rule struck", fault.Rule{Kind: fault.Drop, Path: "/elsewhere"}, 201, answer, "", false, 1},
		{"latency handles in the end", fault.Rule{Kind: fault.Latency, Latency: fault.Duration(time.Millisecond)}, 201, answer, "", false, 1},
		{"429 with Retry-After", fault.Rule{Kind: fault.Status, Status: 429, RetryAfter: fault.Duration(1500 * time.Millisecond)}, 429, "", "2", false, 0},
		{"503 is the default", fault.Rule{Kind: fault.Status}, 503, "", "", false, 0},
		{"403 with a body", fault.Rule{Kind: fault.Status, Status: 403, Body: `{"error":"x"}`}, 403, `{"error":"x"}`, "", false, 0},
		{"Salesforce code in a list", fault.Rule{Kind: fault.Status, Status: 403, Code: "REQUEST_LIMIT_EXCEEDED"}, 403, `[{"errorCode":"REQUEST_LIMIT_EXCEEDED"`, "", false, 0},
		{"Google reason in an envelope", fault.Rule{Kind: fault.Status, Status: 403, Code: "rateLimitExceeded"}, 403, `"reason":"rateLimitExceeded"`, "", false, 0},
		{"5xx after the write", fault.Rule{Kind: fault.StatusAfter, Status: 502}, 502, "", "", false, 1},
		{"dropped before", fault.Rule{Kind: fault.Drop}, 0, "", "", false, 0},
		{"dropped after commit", fault.Rule{Kind: fault.DropAfter}, 0, "", "", false, 1},
		{"truncated body", fault.Rule{Kind: fault.Truncate}, 201, answer[:len(answer)/2], "", true, 1},
		{"huge body", fault.Rule{Kind: fault.Huge, Size: 100_000}, 200, "{}", "", false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			s.MustAdd(c.rule)
			resp, body, err := s.post(t, "/v1/things")
			require.Equal(t, c.runs, s.runs.Load(), "runs of the handler")
			if c.status == 0 {
				require.Error(t, err)
				return
			}
			require.Equal(t, c.broken, errors.Is(err, io.ErrUnexpectedEOF), "error of reading the body: %v", err)
			require.Equal(t, c.status, resp.StatusCode)
			require.Contains(t, body, c.body)
			require.Equal(t, c.retry, resp.Header.Get("Retry-After"))
			if c.rule.Kind == fault.Huge {
				require.Len(t, body, c.rule.Size)
			}
		})
	}
}

func TestWhichRequestsAreStruck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		rule fault.Rule
		want []int // statuses of five equal requests
	}{
		{"for ever", fault.Rule{Kind: fault.Status}, []int{503, 503, 503, 503, 503}},
		{"twice", fault.Rule{Kind: fault.Status, Times: 2}, []int{503, 503, 201, 201, 201}},
		{"the third only", fault.Rule{Kind: fault.Status, Skip: 2, Times: 1}, []int{201, 201, 503, 201, 201}},
		{"another method", fault.Rule{Kind: fault.Status, Method: "GET"}, []int{201, 201, 201, 201, 201}},
		{"the path, anchored", fault.Rule{Kind: fault.Status, Path: "^/v1/query$", Times: 1}, []int{503, 201, 201, 201, 201}},
		{"the decoded query", fault.Rule{Kind: fault.Status, Query: "FROM Contact"}, []int{503, 503, 503, 503, 503}},
		{"another query", fault.Rule{Kind: fault.Status, Query: "FROM Event"}, []int{201, 201, 201, 201, 201}},
		{"by chance, the same with the same seed", fault.Rule{Kind: fault.Status, Probability: 0.5}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run := func() (got []int) {
				s := start(t)
				s.MustAdd(c.rule)
				for range 5 {
					resp, _, err := s.post(t, "/v1/query?q=SELECT+Id+FROM+Contact")
					require.NoError(t, err)
					got = append(got, resp.StatusCode)
				}
				return got
			}
			first := run()
			if c.want != nil {
				require.Equal(t, c.want, first)
				return
			}
			require.Equal(t, first, run())
			require.Contains(t, first, 503)
			require.Contains(t, first, 201)
		})
	}
}

func TestGate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		kind       fault.Kind
		whileHeld  int32
		afterwards int32
	}{
		{"before the handler", fault.Gate, 0, 1},
		{"between the write and its answer", fault.GateAfter, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			release := s.Hold(fault.Rule{Name: "stop", Kind: c.kind})
			done := make(chan string, 1)
			go func() {
				_, body, err := s.post(t, "/v1/things")
				if err != nil {
					body = err.Error()
				}
				done <- body
			}()
			require.Eventually(t, func() bool { return s.Hits()["stop"] == 1 && s.runs.Load() == c.whileHeld },
				5*time.Second, time.Millisecond)
			require.Empty(t, done, "the answer came while the gate was closed")
			release()
			require.JSONEq(t, answer, <-done)
			require.Equal(t, c.afterwards, s.runs.Load())
			release()
			_, body, err := s.post(t, "/v1/things")
			require.NoError(t, err)
			require.JSONEq(t, answer, body, "the gate is gone")
		})
	}
}

func TestGateLetsGoOfAClientThatLeft(t *testing.T) {
	t.Parallel()
	s := start(t)
	defer s.Hold(fault.Rule{Name: "stop"})()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, strings.NewReader("{}"))
	require.NoError(t, err)
	failed := make(chan error, 1)
	go func() {
		_, err := http.DefaultClient.Do(req)
		failed <- err
	}()
	require.Eventually(t, func() bool { return s.Hits()["stop"] == 1 }, 5*time.Second, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	require.Zero(t, s.runs.Load(), "a request that was stopped before the handler never reaches it")
}

func TestCounts(t *testing.T) {
	t.Parallel()
	s := start(t)
	id := s.MustAdd(fault.Rule{Name: "busy", Kind: fault.Status, Path: "/a"})
	for _, p := range []string{"/a", "/a", "/b"} {
		_, _, err := s.post(t, p)
		require.NoError(t, err)
	}
	require.Equal(t, map[string]int{"busy": 2}, s.Hits())
	require.Equal(t, map[string]int{"POST /a": 2, "POST /b": 1}, s.Calls())
	require.True(t, s.Remove(id))
	require.False(t, s.Remove(id))
	s.Reset()
	require.Empty(t, s.Hits())
	require.Empty(t, s.Calls())
	require.Empty(t, s.Rules())
}

func TestRuleIsJSON(t *testing.T) {
	t.Parallel()
	const text = `{"name":"busy","method":"POST","path":"^/v1/","kind":"status","status":429,"retry_after":"30s","times":2}`
	var r fault.Rule
	require.NoError(t, json.Unmarshal([]byte(text), &r))
	require.Equal(t, fault.Rule{Name: "busy", Method: "POST", Path: "^/v1/", Kind: fault.Status, Status: 429,
		RetryAfter: fault.Duration(30 * time.Second), Times: 2}, r)
	b, err := json.Marshal(r)
	require.NoError(t, err)
	require.JSONEq(t, text, string(b))
	require.NoError(t, json.Unmarshal([]byte(`{"kind":"latency","latency":1.5}`), &r))
	require.Equal(t, fault.Duration(1500*time.Millisecond), r.Latency)
}

func TestBadRulesAreRefused(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]fault.Rule{
		"unknown kind":       {Kind: "explode"},
		"bad path":           {Kind: fault.Drop, Path: "("},
		"bad query":          {Kind: fault.Drop, Query: "["},
		"latency of nothing": {Kind: fault.Latency},
		"status":             {Kind: fault.Status, Status: 42},
		"probability":        {Kind: fault.Drop, Probability: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := fault.New(1)
			_, err := i.Add(r)
			require.Error(t, err)
			require.Empty(t, i.Rules())
		})
	}
}
