package workflows_test

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"

	"github.com/repsync/repsync/activities"
)

// script plays the stages: what each returns, and what was asked of them. The workflow sees no difference.
type script struct {
	mu      sync.Mutex
	calls   []string
	fetches []activities.FetchIn
	passes  []activities.Pass

	fetch  func(n int, in activities.FetchIn) (activities.FetchOut, error) // n counts from 1
	glance func(in activities.FetchIn) (activities.FetchOut, error)        // nil leaves it to Fetch
	match  activities.StageOut
	write  activities.StageOut
	commit activities.StageOut
	block  chan struct{} // when set, Write waits until it is closed or the stage is cancelled
	began  chan struct{} // when set, closed once Write has begun
}

// idle is a Fetch that found nothing.
func idle(in activities.FetchIn) activities.FetchOut {
	return activities.FetchOut{Pass: in.Pass, Revision: 3, Policy: "test@3", Provider: "google", Every: time.Hour, Complete: true}
}

// work is a Fetch that found something.
func work(in activities.FetchIn) activities.FetchOut {
	out := idle(in)
	out.Work, out.Observed = true, 1
	return out
}

func (s *script) note(stage string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, stage)
}

func (s *script) called() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.calls...)
}

func (s *script) fetched() []activities.FetchIn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]activities.FetchIn(nil), s.fetches...)
}

func (s *script) Fetch(_ context.Context, in activities.FetchIn) (activities.FetchOut, error) {
	s.note("Fetch")
	s.mu.Lock()
	s.fetches = append(s.fetches, in)
	n := len(s.fetches)
	s.mu.Unlock()
	if s.fetch == nil {
		return idle(in), nil
	}
	return s.fetch(n, in)
}

func (s *script) Glance(_ context.Context, in activities.FetchIn) (activities.FetchOut, error) {
	s.mu.Lock()
	glance := s.glance
	s.mu.Unlock()
	if glance == nil {
		return activities.FetchOut{News: true}, nil
	}
	s.note("Glance")
	return glance(in)
}

func (s *script) Filter(context.Context, activities.Pass) (activities.StageOut, error) {
	s.note("Filter")
	return activities.StageOut{}, nil
}

func (s *script) Match(_ context.Context, p activities.Pass) (activities.StageOut, error) {
	s.note("Match")
	s.mu.Lock()
	s.passes = append(s.passes, p)
	s.mu.Unlock()
	return s.match, nil
}

func (s *script) Write(ctx context.Context, _ activities.Pass) (activities.StageOut, error) {
	s.note("Write")
	if s.block == nil {
		return s.write, nil
	}
	if s.began != nil {
		close(s.began)
	}
	beat := time.NewTicker(20 * time.Millisecond)
	defer beat.Stop()
	for {
		select {
		case <-s.block:
			return s.write, nil
		case <-ctx.Done(): // the batch in flight is settled; the rest is left
			return s.write, nil
		case <-beat.C:
			activity.RecordHeartbeat(ctx)
		}
	}
}

func (s *script) PropagateDeletes(context.Context, activities.Pass) (activities.StageOut, error) {
	s.note("PropagateDeletes")
	return activities.StageOut{}, nil
}

func (s *script) Commit(context.Context, activities.Pass) (activities.StageOut, error) {
	s.note("Commit")
	return s.commit, nil
}

func (s *script) PollFeed(context.Context, activities.FeedIn) (activities.FeedOut, error) {
	s.note("PollFeed")
	return activities.FeedOut{Every: time.Hour}, nil
}

// register makes the script the stages of a worker or test environment.
func (s *script) register(r interface{ RegisterActivity(a any) }) { r.RegisterActivity(s) }

var _ interface{ RegisterActivity(a any) } = worker.Worker(nil)
