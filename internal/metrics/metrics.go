// Package metrics is what a worker tells Prometheus: how passes do, what they did, how vendors answer, what is left of
// budgets, and all that Temporal's SDK counts.
//
// No metric carries a customer's value or grows with customers, reps or items: labels are the orgs of the configuration,
// kinds of work, sides, verbs, reasons and classes, of which there are few. What belongs to one item is in the log, the journal
// and `starter explain`.
//
// The stages know nothing of metrics: an interceptor reads their inputs and results, a round tripper stands around requests
// to vendors, and a collector asks the store how orgs do. Names and units follow
// https://prometheus.io/docs/practices/naming/. Graphs and alerts on them are in deploy/.
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/repsync/repsync/internal/connector"
)

// Metrics is one worker's registry. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	now      func() time.Time

	passes       *prometheus.CounterVec   // org, result
	passSeconds  *prometheus.HistogramVec // org
	delaySeconds *prometheus.HistogramVec // org
	stageSeconds *prometheus.HistogramVec // stage
	items        *prometheus.CounterVec   // org, side, verb
	decisions    *prometheus.CounterVec   // org, reason
	holds        *prometheus.CounterVec   // org
	troubles     *prometheus.CounterVec   // org, stage, class
	leasesLost   *prometheus.CounterVec   // org
	feedRows     *prometheus.CounterVec   // org

	requests       *prometheus.CounterVec   // vendor, status
	requestSeconds *prometheus.HistogramVec // vendor

	callsUsed  *prometheus.GaugeVec   // org
	callsLimit *prometheus.GaugeVec   // org
	callsLeft  *prometheus.GaugeVec   // org
	refused    *prometheus.CounterVec // org, quota

	temporal *temporalHandler
}

// seconds are the bounds of durations from a request to a first sync.
var seconds = []float64{0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200}

// New returns an empty registry. Build names the worker's build, "" where it has no name.
func New(build string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), now: time.Now}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.passes = m.counter("passes_total", "Passes by how they ended: idle (nothing had changed), work, held, trouble.", "org", "result")
	m.passSeconds = m.histogram("pass_duration_seconds", "From the beginning of a pass that found work to its commit.", "org")
	m.delaySeconds = m.histogram("pass_delay_seconds", "How long after its time a scheduled pass began.", "org")
	m.stageSeconds = m.histogram("stage_duration_seconds", "Stages of passes, polls of feeds, undos.", "stage")
	m.items = m.counter("items_written_total", "Items created, updated and deleted.", "org", "side", "verb")
	m.decisions = m.counter("decisions_total", "Decisions on items by reason, the same as `starter explain` gives.", "org", "reason")
	m.holds = m.counter("holds_total", "Plans that a guard held.", "org")
	m.troubles = m.counter("trouble_total", "Stages that ended in trouble, by class (docs/operations.md).", "org", "stage", "class")
	m.leasesLost = m.counter("leases_lost_total", "Stages that found their mailbox taken over by another worker.", "org")
	m.feedRows = m.counter("feed_rows_total", "Rows read into an org's log.", "org")
	m.requests = m.counter("vendor_requests_total", "HTTP requests to vendors, sign-ins too, by the first digit of the status; none where no answer came.", "vendor", "status")
	m.requestSeconds = m.histogram("vendor_request_duration_seconds", "HTTP requests to vendors, until their header came.", "vendor")
	m.callsUsed = m.gauge("api_calls_used", "Calls of the last 24 hours by all programs, as the CRM told this worker last.", "org")
	m.callsLimit = m.gauge("api_calls_limit", "Calls that the CRM allows in 24 hours.", "org")
	m.callsLeft = m.gauge("api_calls_left", "Calls that passes may still make before they leave the rest to people.", "org")
	m.refused = m.counter("api_refused_total", "Calls that were not made because a budget was spent.", "org", "quota")
	m.gauge("build_info", "The worker's build; always 1.", "build").WithLabelValues(build).Set(1)
	m.temporal = newTemporalHandler(m.registry)
	return m
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "repsync", Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "repsync", Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "repsync", Name: name, Help: help, Buckets: seconds}, labels)
	m.registry.MustRegister(v)
	return v
}

// Handler serves the registry.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// Told notes what a CRM says of its limit; reserve is the percentage that passes leave. See budget.Options.
func (m *Metrics) Told(org string, used, limit int64, reserve int) {
	m.callsUsed.WithLabelValues(org).Set(float64(used))
	m.callsLimit.WithLabelValues(org).Set(float64(limit))
	m.callsLeft.WithLabelValues(org).Set(float64(max(limit-limit*int64(reserve)/100-used, 0)))
}

// Spent notes calls that were refused. See budget.Options.
func (m *Metrics) Spent(org string, q connector.Quota, _ time.Duration) {
	m.refused.WithLabelValues(org, string(q)).Inc()
}

// Wrap stands around the requests to a vendor. See config.Use.
func (m *Metrics) Wrap(vendor string, next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		began := m.now()
		resp, err := next.RoundTrip(r)
		status := "none"
		if err == nil {
			status = statusClass(resp.StatusCode)
		}
		m.requests.WithLabelValues(vendor, status).Inc()
		m.requestSeconds.WithLabelValues(vendor).Observe(m.now().Sub(began).Seconds())
		return resp, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// statusClass is "2xx" for 204. 429 has a class of its own: it is the vendor's limit and nobody's mistake.
func statusClass(status int) string {
	if status == http.StatusTooManyRequests {
		return "429"
	}
	return string(rune('0'+status/100%10)) + "xx"
}
