package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAWorkerTellsHowItDoes scrapes a real worker after a first sync: what it wrote, how vendors answered, what is left of the
// org's budget, and what Temporal's SDK counts. Its log is JSON, names the item that was parked, and nobody.
func TestAWorkerTellsHowItDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{env: []string{"REPSYNC_HTTP=127.0.0.1:0", "REPSYNC_LOG=json"}})
	w.policy("")
	const n = 5
	for i := range n {
		w.person("alice", someone("Rear", "Admiral", fmt.Sprintf("rear%d@customer.test", i), ""))
	}
	for range 2 {
		w.contact("alice", fields{"FirstName": "Cara", "LastName": "Twice", "Email": "twice@customer.test"})
	}
	twice := w.person("alice", someone("Cara", "Twice", "twice@customer.test", ""))
	w.worker()
	w.start("alice")
	w.syncNow("alice")
	require.Eventually(t, func() bool { return w.contactOf("rear4@customer.test") != "" }, patience, tick)
	base := w.address()
	var text string
	require.Eventually(t, func() bool {
		text = get(t, base+"/metrics", http.StatusOK)
		return strings.Contains(text, `repsync_passes_total{org="acme",result="work"}`) && strings.Contains(text, "repsync_parked_items{")
	}, patience, askAgain) // the store is asked once a minute
	for _, want := range []string{
		`repsync_items_written_total\{org="acme",side="crm",verb="create"\} 5`,
		`repsync_stage_duration_seconds_count\{stage="Fetch"\} [1-9]`,
		`repsync_pass_duration_seconds_count\{org="acme"\} [1-9]`,
		`repsync_vendor_requests_total\{status="2xx",vendor="salesforce"\} [1-9]`,
		`repsync_vendor_requests_total\{status="2xx",vendor="google"\} [1-9]`,
		`repsync_api_calls_limit\{org="acme"\} 100000`,
		`repsync_api_calls_left\{org="acme"\} (8|9)`,
		`repsync_parked_items\{org="acme",reason="ambiguous_match"\} [1-9]`,
		`repsync_reps\{org="acme"\} 1`,
		`repsync_store_up 1`,
		`temporal_request_total\{[^}]*operation="PollWorkflowTaskQueue"|temporal_long_request_total\{[^}]*operation="PollWorkflowTaskQueue"`,
		`temporal_activity_execution_latency_seconds_count\{activity_type="Fetch"[^}]*\} [1-9]`,
		`temporal_worker_task_slots_available\{`,
		`go_goroutines [1-9]`,
		`process_resident_memory_bytes [1-9]`,
	} {
		require.Regexp(t, `(?m)^`+want, text)
	}
	for _, name := range temporalsAsked(t) {
		require.Contains(t, text, "\n# TYPE "+name+" ", "the dashboard or an alert asks for what Temporal's SDK does not count")
	}
	require.Equal(t, "ok\n", get(t, base+"/healthz", http.StatusOK))
	require.Equal(t, "ready\n", get(t, base+"/readyz", http.StatusOK))

	taken, told, err := w.store.CallsOfDay(t.Context(), org)
	require.NoError(t, err)
	require.Positive(t, taken, "what workers take is counted")
	require.NotNil(t, told)
	written, parked := false, false
	for _, line := range w.logLines() {
		written = written || line["msg"] == "written" && line["rep"] == "alice" && line["pass"] != nil
		parked = parked || line["msg"] == "parked" && line["reason"] == "ambiguous_match" && line["item"] == twice
	}
	require.True(t, written, "the log tells what a pass wrote")
	require.True(t, parked, "and which item it could not write, and why")
}

// onlyInTrouble are metrics of the SDK that a worker that does well may not have.
var onlyInTrouble = []string{
	"temporal_request_failure_total", "temporal_workflow_task_execution_failed_total", "temporal_activity_execution_failed_total",
	"temporal_sticky_cache_total_forced_eviction_total",
}

// temporalsAsked are the metrics of Temporal's SDK that the dashboard and the alerts in deploy/ ask for.
func temporalsAsked(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, path := range []string{"grafana/repsync.json", "prometheus/alerts.yml"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "deploy", path))
		require.NoError(t, err)
		for _, name := range regexp.MustCompile(`\btemporal_[a-z_]+`).FindAllString(string(text), -1) {
			if name = strings.TrimSuffix(name, "_bucket"); !slices.Contains(onlyInTrouble, name) {
				out = append(out, name)
			}
		}
	}
	require.NotEmpty(t, out)
	return out
}

// logLines are the first worker's log, which is JSON.
func (w *world) logLines() []map[string]any {
	w.t.Helper()
	text, err := os.ReadFile(w.logs[0])
	require.NoError(w.t, err)
	var out []map[string]any
	for line := range strings.Lines(string(text)) {
		var fields map[string]any
		require.NoError(w.t, json.Unmarshal([]byte(line), &fields), "%s", line)
		out = append(out, fields)
	}
	return out
}

// address is where the first worker says that its endpoints are.
func (w *world) address() string {
	w.t.Helper()
	at := regexp.MustCompile(`"?address"?[=:]"?(http://[0-9.:]+)`)
	var found []byte
	require.Eventually(w.t, func() bool {
		text, err := os.ReadFile(w.logs[0])
		if m := at.FindSubmatch(text); err == nil && m != nil {
			found = m[1]
		}
		return found != nil
	}, patience, tick)
	return string(found)
}

func get(t *testing.T, url string, status int) string {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, status, resp.StatusCode, "%s", text)
	return string(text)
}
