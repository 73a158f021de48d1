package metrics_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/metrics"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/store"
)

// scrape returns what Prometheus would read.
func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, rec.Code)
	return rec.Body.String()
}

func holds(t *testing.T, m *metrics.Metrics, lines ...string) {
	t.Helper()
	text := scrape(t, m)
	for _, line := range lines {
		require.Contains(t, text, "\n"+line+"\n")
	}
}

// TestStagesAreCounted runs stages as Temporal would, and compares what is counted.
func TestStagesAreCounted(t *testing.T) {
	t.Parallel()
	lost := &activities.Trouble{Class: activities.ClassWaiting, Code: activities.CodeLeaseLost}
	began := time.Now().Add(-time.Minute)
	for name, c := range map[string]struct {
		stage   string
		in, out any
		want    []string
	}{
		"an idle pass": {"Fetch", activities.FetchIn{Org: "acme", Due: began}, activities.FetchOut{},
			[]string{`repsync_passes_total{org="acme",result="idle"} 1`, `repsync_pass_delay_seconds_count{org="acme"} 1`, `repsync_pass_delay_seconds_bucket{org="acme",le="30"} 0`, `repsync_stage_duration_seconds_count{stage="Fetch"} 1`}},
		"a pass in trouble": {"Fetch", activities.FetchIn{Org: "acme"}, activities.FetchOut{Trouble: &activities.Trouble{Class: "retry"}},
			[]string{`repsync_passes_total{org="acme",result="trouble"} 1`, `repsync_trouble_total{class="retry",org="acme",stage="Fetch"} 1`}},
		"a held pass": {"Fetch", activities.FetchIn{Org: "acme"}, activities.FetchOut{Held: &activities.Hold{}}, []string{`repsync_passes_total{org="acme",result="held"} 1`}},
		"a plan":      {"Match", activities.Pass{Org: "acme"}, activities.StageOut{Hold: &activities.Hold{}, Summary: activities.Summary{Reasons: map[planner.Reason]int{"ambiguous_match": 3}}}, []string{`repsync_holds_total{org="acme"} 1`, `repsync_decisions_total{org="acme",reason="ambiguous_match"} 3`}},
		"writes": {"Write", activities.Pass{Org: "acme"}, activities.StageOut{Trouble: lost, Summary: activities.Summary{Created: activities.Sided{CRM: 2}, Updated: activities.Sided{Mailbox: 5}}},
			[]string{`repsync_items_written_total{org="acme",side="crm",verb="create"} 2`, `repsync_items_written_total{org="acme",side="mailbox",verb="update"} 5`, `repsync_leases_lost_total{org="acme"} 1`}},
		"a commit": {"Commit", activities.Pass{Org: "acme", Began: began}, activities.StageOut{}, []string{`repsync_passes_total{org="acme",result="work"} 1`, `repsync_pass_duration_seconds_bucket{org="acme",le="30"} 0`, `repsync_pass_duration_seconds_bucket{org="acme",le="300"} 1`}},
		"a poll":   {"PollFeed", activities.FeedIn{Org: "acme"}, activities.FeedOut{Rows: 7}, []string{`repsync_feed_rows_total{org="acme"} 7`}},
		"an undo":  {"Undo", activities.UndoIn{Org: "acme"}, activities.UndoOut{Trouble: lost}, []string{`repsync_trouble_total{class="waiting",org="acme",stage="Undo"} 1`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := metrics.New("v1")
			var suite testsuite.WorkflowTestSuite
			e := suite.NewTestActivityEnvironment()
			e.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{m.Interceptor()}})
			options := activity.RegisterOptions{Name: c.stage}
			switch out := c.out.(type) {
			case activities.FetchOut:
				e.RegisterActivityWithOptions(func(context.Context, activities.FetchIn) (activities.FetchOut, error) { return out, nil }, options)
			case activities.StageOut:
				e.RegisterActivityWithOptions(func(context.Context, activities.Pass) (activities.StageOut, error) { return out, nil }, options)
			case activities.FeedOut:
				e.RegisterActivityWithOptions(func(context.Context, activities.FeedIn) (activities.FeedOut, error) { return out, nil }, options)
			case activities.UndoOut:
				e.RegisterActivityWithOptions(func(context.Context, activities.UndoIn) (activities.UndoOut, error) { return out, nil }, options)
			}
			_, err := e.ExecuteActivity(c.stage, c.in)
			require.NoError(t, err)
			holds(t, m, append(c.want, `repsync_build_info{build="v1"} 1`)...)
		})
	}
}

func TestRequestsAreCounted(t *testing.T) {
	t.Parallel()
	m := metrics.New("")
	answers := map[string]int{"/a": 204, "/b": 429, "/c": 503, "/d": 0}
	through := m.Wrap("google", transport(func(r *http.Request) (*http.Response, error) {
		if answers[r.URL.Path] == 0 {
			return nil, errors.New("broken")
		}
		return &http.Response{StatusCode: answers[r.URL.Path], Body: io.NopCloser(strings.NewReader(""))}, nil
	}))
	for path := range answers {
		resp, err := through.RoundTrip(httptest.NewRequest(http.MethodGet, path, nil))
		require.Equal(t, answers[path] == 0, err != nil)
		if err == nil {
			require.NoError(t, resp.Body.Close())
		}
	}
	holds(t, m, `repsync_vendor_requests_total{status="2xx",vendor="google"} 1`, `repsync_vendor_requests_total{status="429",vendor="google"} 1`,
		`repsync_vendor_requests_total{status="5xx",vendor="google"} 1`, `repsync_vendor_requests_total{status="none",vendor="google"} 1`,
		`repsync_vendor_request_duration_seconds_count{vendor="google"} 4`)
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestBudgetsAreShown(t *testing.T) {
	t.Parallel()
	m := metrics.New("")
	m.Told("acme", 800, 1000, 10)
	m.Spent("acme", connector.QuotaCalendar, time.Minute)
	holds(t, m, `repsync_api_calls_used{org="acme"} 800`, `repsync_api_calls_limit{org="acme"} 1000`, `repsync_api_calls_left{org="acme"} 100`, `repsync_api_refused_total{org="acme",quota="calendar"} 1`)
	m.Told("acme", 990, 1000, 10)
	holds(t, m, `repsync_api_calls_left{org="acme"} 0`)
}

// The SDK's tags differ from call to call; those that are not known make no series.
func TestTemporalsMetricsAreShown(t *testing.T) {
	t.Parallel()
	m := metrics.New("")
	h := m.Temporal().WithTags(map[string]string{"namespace": "default", "client_name": "temporal_go"})
	h.Counter("temporal_request").Inc(1)
	h.WithTags(map[string]string{"operation": "StartWorkflowExecution"}).Counter("temporal_request").Inc(2)
	h.WithTags(map[string]string{"workflow_id": "rep:acme:alice", "task_queue": "repsync", "workflow_type": "none"}).Gauge("temporal_num_pollers").Update(5)
	h.Timer("temporal_request_latency").Record(300 * time.Millisecond)
	text := scrape(t, m)
	for _, line := range []string{"temporal_request_total{", "temporal_num_pollers{", `temporal_request_latency_seconds_bucket{`} {
		require.Contains(t, text, "\n"+line)
	}
	require.Regexp(t, `temporal_request_total\{[^}]*operation="StartWorkflowExecution"[^}]*\} 2`, text)
	require.Regexp(t, `temporal_num_pollers\{[^}]*task_queue="repsync"[^}]*\} 5`, text)
	require.NotContains(t, text, "alice")
	require.NotContains(t, text, `workflow_type="none"`)
}

type shelf struct {
	asked int
	err   error
}

func (s *shelf) Standings(context.Context) ([]store.Standing, error) {
	s.asked++
	return []store.Standing{{Org: "acme", Reps: 3, Held: 1, Unknown: 2, Parked: map[planner.Reason]int{"vendor_refused": 4}}}, s.err
}

func (s *shelf) Connections() (lent, idle, most int32) { return 1, 2, 8 }

func TestStandingIsAskedNowAndThen(t *testing.T) {
	t.Parallel()
	m, s := metrics.New(""), &shelf{}
	m.Watch(s)
	for range 3 {
		holds(t, m, `repsync_reps{org="acme"} 3`, `repsync_held_plans{org="acme"} 1`, `repsync_unknown_writes{org="acme"} 2`, `repsync_parked_items{org="acme",reason="vendor_refused"} 4`,
			`repsync_store_up 1`, `repsync_postgres_connections{state="most"} 8`)
	}
	require.Equal(t, 1, s.asked)

	m, s = metrics.New(""), &shelf{err: errors.New("no store")}
	m.Watch(s)
	holds(t, m, `repsync_store_up 0`)
}
