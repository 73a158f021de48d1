package metrics

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func deployed(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", path))
	require.NoError(t, err)
	return text
}

// expressions are all that the dashboard and the alerts ask Prometheus.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	var dashboard struct {
		UID    string
		Panels []struct {
			ID      int
			Title   string
			Type    string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(deployed(t, "grafana/repsync.json"), &dashboard))
	require.NotEmpty(t, dashboard.UID)
	ids := map[int]bool{}
	for _, p := range dashboard.Panels {
		require.False(t, ids[p.ID], "two panels have the id %d", p.ID)
		ids[p.ID] = true
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		require.Equal(t, p.Type == "row", len(p.Targets) == 0, "%s asks for nothing", p.Title)
		for _, target := range p.Targets {
			out["panel "+p.Title+": "+target.Expr] = target.Expr
		}
	}
	var alerts struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Labels      map[string]string
				Annotations map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(deployed(t, "prometheus/alerts.yml"), &alerts))
	for _, g := range alerts.Groups {
		for _, r := range g.Rules {
			require.NotEmpty(t, r.Annotations["summary"], r.Alert)
			require.NotEmpty(t, r.Annotations["description"], "%s says what to do", r.Alert)
			require.Contains(t, []string{"warning", "critical"}, r.Labels["severity"], r.Alert)
			out["alert "+r.Alert] = r.Expr
		}
	}
	require.Greater(t, len(out), 30)
	return out
}

var (
	metric   = regexp.MustCompile(`\b(?:repsync|temporal|go|process)_[a-z0-9_]+`)
	grouping = regexp.MustCompile(`\b(?:by|on|without) \(([^)]*)\)`)
	matcher  = regexp.MustCompile(`([a-z_]+)(?:=~|!~|!=|=)"`)
	desc     = regexp.MustCompile(`fqName: "([^"]+)".*variableLabels: \{([^}]*)\}`)
	suffix   = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// known are the metrics of a worker, each with its labels.
func known(t *testing.T) map[string][]string {
	t.Helper()
	m := New("")
	m.Watch(nil)
	ch := make(chan *prometheus.Desc, 1000)
	m.registry.Describe(ch)
	close(ch)
	out := map[string][]string{}
	for d := range ch {
		parts := desc.FindStringSubmatch(d.String())
		require.NotNil(t, parts, d)
		out[parts[1]] = strings.Split(parts[2], ",")
	}
	require.Greater(t, len(out), 40)
	return out
}

// Whatever the dashboard and the alerts ask for is what workers tell. Temporal's metrics are held against a real worker's by
// the end-to-end tests.
func TestDashboardAndAlertsAskForWhatIsThere(t *testing.T) {
	t.Parallel()
	have := known(t)
	for where, expr := range expressions(t) {
		allowed := []string{"le", "job", "instance", "org"}
		for _, name := range metric.FindAllString(expr, -1) {
			if strings.HasPrefix(name, "temporal_") {
				allowed = append(allowed, tags...)
				continue
			}
			labels, ok := have[name]
			if base := suffix.ReplaceAllString(name, ""); !ok {
				labels, ok = have[base]
			}
			require.True(t, ok, "%s: no worker has the metric %s", where, name)
			allowed = append(allowed, labels...)
		}
		for _, group := range grouping.FindAllStringSubmatch(expr, -1) {
			for label := range strings.SplitSeq(group[1], ",") {
				require.True(t, slices.Contains(allowed, strings.TrimSpace(label)), "%s: no label %s", where, label)
			}
		}
		for _, label := range matcher.FindAllStringSubmatch(expr, -1) {
			require.True(t, slices.Contains(allowed, label[1]), "%s: no label %s", where, label[1])
		}
	}
}

func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	require.NoError(t, err)
	have := known(t)
	for name := range have {
		if strings.HasPrefix(name, "repsync_") {
			require.Contains(t, string(page), "`"+name+"`", "docs/operations.md lists every metric")
		}
	}
	for _, name := range regexp.MustCompile("`(repsync_[a-z_]+)`").FindAllStringSubmatch(string(page), -1) {
		require.Contains(t, have, name[1], "docs/operations.md lists a metric that no worker has")
	}
}

// Labels are few and have no customer's value.
func TestLabelsAreBounded(t *testing.T) {
	t.Parallel()
	few := []string{"", "org", "result", "stage", "side", "verb", "reason", "class", "vendor", "status", "quota", "state", "build", "version", "quantile", "le"}
	for name, labels := range known(t) {
		for _, l := range labels {
			require.Contains(t, few, l, name)
		}
	}
	for _, tag := range tags {
		require.NotContains(t, []string{"workflow_id", "run_id", "activity_id"}, tag)
	}
}
