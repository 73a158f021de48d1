package metrics

import (
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
)

// tags are the tags of the SDK that become labels; others are left out, so that no release of it can make a metric grow.
// Source: docs.temporal.io/references/sdk-metrics.
var tags = []string{
	"namespace", "task_queue", "worker_type", "poller_type", "workflow_type", "activity_type", "operation", "failure_reason", "cause", "status_code",
}

// temporalHandler makes Prometheus metrics of what the SDK counts, under its own names; durations are in seconds.
type temporalHandler struct {
	*families
	labels prometheus.Labels
}

// families are the metrics that were met so far.
type families struct {
	registry   *prometheus.Registry
	mu         sync.RWMutex
	counters   map[string]*prometheus.CounterVec
	gauges     map[string]*prometheus.GaugeVec
	histograms map[string]*prometheus.HistogramVec
}

func newTemporalHandler(r *prometheus.Registry) *temporalHandler {
	labels := prometheus.Labels{}
	for _, tag := range tags {
		labels[tag] = "" // Prometheus takes an empty label for none
	}
	return &temporalHandler{labels: labels, families: &families{
		registry: r, counters: map[string]*prometheus.CounterVec{}, gauges: map[string]*prometheus.GaugeVec{}, histograms: map[string]*prometheus.HistogramVec{},
	}}
}

// Temporal is what the SDK's client and worker count into.
func (m *Metrics) Temporal() client.MetricsHandler { return m.temporal }

// WithTags returns a handler whose metrics carry these tags, too.
func (h *temporalHandler) WithTags(with map[string]string) client.MetricsHandler {
	labels := maps.Clone(h.labels)
	for tag, value := range with {
		if _, ok := labels[tag]; ok && value != "none" {
			labels[tag] = value
		}
	}
	return &temporalHandler{families: h.families, labels: labels}
}

// Counter returns the counter "<name>_total".
func (h *temporalHandler) Counter(name string) client.MetricsCounter {
	v := family(h.families, h.counters, named(name, "_total"), func(full string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: full, Help: help(name)}, tags)
	})
	c := v.With(h.labels)
	return counterFunc(func(n int64) { c.Add(float64(n)) })
}

// Gauge returns the gauge of that name.
func (h *temporalHandler) Gauge(name string) client.MetricsGauge {
	v := family(h.families, h.gauges, name, func(full string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: full, Help: help(name)}, tags)
	})
	return gaugeFunc(v.With(h.labels).Set)
}

// Timer returns the histogram "<name>_seconds".
func (h *temporalHandler) Timer(name string) client.MetricsTimer {
	v := family(h.families, h.histograms, named(name, "_seconds"), func(full string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: full, Help: help(name), Buckets: seconds}, tags)
	})
	o := v.With(h.labels)
	return timerFunc(func(d time.Duration) { o.Observe(d.Seconds()) })
}

func named(name, suffix string) string { return strings.TrimSuffix(name, suffix) + suffix }

func help(name string) string { return "Temporal's SDK: " + name + "." }

// family returns a metric, and makes and registers it when it is first met.
func family[V prometheus.Collector](f *families, have map[string]V, name string, create func(name string) V) V {
	f.mu.RLock()
	v, ok := have[name]
	f.mu.RUnlock()
	if ok {
		return v
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if v, ok = have[name]; ok {
		return v
	}
	v = create(name)
	_ = f.registry.Register(v) // a name that is taken is counted and not shown
	have[name] = v
	return v
}

type counterFunc func(int64)

func (f counterFunc) Inc(n int64) { f(n) }

type gaugeFunc func(float64)

func (f gaugeFunc) Update(v float64) { f(v) }

type timerFunc func(time.Duration)

func (f timerFunc) Record(d time.Duration) { f(d) }
