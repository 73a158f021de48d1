package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/repsync/repsync/internal/store"
)

// Store is what the collector asks; *store.Store is one.
type Store interface {
	Standings(ctx context.Context) ([]store.Standing, error)
	Connections() (lent, idle, most int32)
}

// What workers tell alike, all from the one database: take the maximum over workers, not the sum.
var (
	descReps    = prometheus.NewDesc("repsync_reps", "Active reps.", []string{"org"}, nil)
	descHeld    = prometheus.NewDesc("repsync_held_plans", "Plans that wait for an admin's release.", []string{"org"}, nil)
	descUnknown = prometheus.NewDesc("repsync_unknown_writes", "Writes whose outcome is looked for.", []string{"org"}, nil)
	descParked  = prometheus.NewDesc("repsync_parked_items", "Items that cannot be written now.", []string{"org", "reason"}, nil)
	descUp      = prometheus.NewDesc("repsync_store_up", "Whether the store could be asked.", nil, nil)
	descPool    = prometheus.NewDesc("repsync_postgres_connections", "The worker's connections to Postgres: lent, idle, and the most that there may be.", []string{"state"}, nil)
)

const (
	atMost       = 1 * time.Minute // how often the store is asked
	share        = 100             // of the time: a question that takes a second is asked every 100
	scrapeWithin = 5 * time.Second
)

// Watch makes the registry tell how orgs do. The store is asked once a minute at most, and less often where that takes long.
func (m *Metrics) Watch(s Store) { m.registry.MustRegister(&standing{store: s, now: m.now}) }

type standing struct {
	store Store
	now   func() time.Time

	mu   sync.Mutex
	next time.Time
	last []store.Standing
	up   float64
}

// Describe implements prometheus.Collector.
func (s *standing) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descReps, descHeld, descUnknown, descParked, descUp, descPool} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *standing) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	orgs, up := s.ask()
	for _, o := range orgs {
		gauge(descReps, float64(o.Reps), o.Org)
		gauge(descHeld, float64(o.Held), o.Org)
		gauge(descUnknown, float64(o.Unknown), o.Org)
		for reason, n := range o.Parked {
			gauge(descParked, float64(n), o.Org, string(reason))
		}
	}
	gauge(descUp, up)
	lent, idle, most := s.store.Connections()
	gauge(descPool, float64(lent), "lent")
	gauge(descPool, float64(idle), "idle")
	gauge(descPool, float64(most), "most")
}

// ask returns what the store said last; nothing where it does not answer.
func (s *standing) ask() ([]store.Standing, float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	began := s.now()
	if began.Before(s.next) {
		return s.last, s.up
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWithin)
	defer cancel()
	last, err := s.store.Standings(ctx)
	s.last, s.up = last, 1
	if err != nil {
		s.last, s.up = nil, 0
	}
	took := s.now().Sub(began)
	s.next = began.Add(max(atMost, share*took))
	return s.last, s.up
}
