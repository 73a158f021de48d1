package devstack

import (
	"errors"
	"time"
)

// workerGrace is how long a worker may take to settle the batch that it is sending: more than the minute that it gives
// itself.
const workerGrace = 75 * time.Second

// Stop stops everything and returns when it is gone: workers first, since they use the rest, then the servers. Data
// stays. Stopping twice is no error.
func (s *Stack) Stop() error {
	s.stop.Do(func() {
		s.stopErr = s.end()
		close(s.stopped)
	})
	return s.stopErr
}

func (s *Stack) end() error {
	s.mu.Lock()
	workers, logs := s.workers, s.logs
	s.mu.Unlock()

	ended := make(chan error, len(workers))
	for _, w := range workers {
		go func() { ended <- w.Stop(workerGrace) }()
	}
	var errs []error
	for range workers {
		errs = append(errs, <-ended)
	}
	if s.Sandbox != nil {
		errs = append(errs, s.Sandbox.Close())
	}
	if s.temporal != nil {
		errs = append(errs, s.temporal.Stop())
	}
	if s.postgres != nil {
		errs = append(errs, s.postgres.Stop())
	}
	_, err := removeEnv(s.dir)
	errs = append(errs, err)
	if s.discard {
		errs = append(errs, removeData(s.dir))
	}
	for _, log := range logs {
		errs = append(errs, log.Close())
	}
	errs = append(errs, s.lock.Close()) // last: until here nobody else may start on the directory
	return errors.Join(errs...)
}
