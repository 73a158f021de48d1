package chaos

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// turns lets workflows that run side by side, each in a test environment with a clock of its own, share one virtual time. A
// workflow runs freely up to its next stage and waits there; when all wait, the one whose stage comes first has its turn.
// So nothing happens before what is earlier, one thing happens at a time, and the order is the same in every run.
type turns struct {
	mu      sync.Mutex
	changed *sync.Cond
	running int // workflows that wait for nobody
	waiting []*turn
}

// turn is a stage that waits.
type turn struct {
	at time.Time
	id string // of the workflow
	ok chan struct{}
}

func newTurns() *turns {
	t := &turns{}
	t.changed = sync.NewCond(&t.mu)
	return t
}

// enter counts a workflow that begins.
func (t *turns) enter() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running++
}

// exit counts one that has ended.
func (t *turns) exit() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running--
	t.changed.Signal()
}

// wait waits for a turn at a time.
func (t *turns) wait(at time.Time, id string) {
	w := &turn{at, id, make(chan struct{})}
	t.mu.Lock()
	t.waiting = append(t.waiting, w)
	t.running--
	t.changed.Signal()
	t.mu.Unlock()
	<-w.ok
}

// next waits until all wait and returns the first of them, nil when all workflows have ended.
func (t *turns) next() *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.running > 0 {
		t.changed.Wait()
	}
	if len(t.waiting) == 0 {
		return nil
	}
	return slices.MinFunc(t.waiting, func(a, b *turn) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id)) })
}

// give lets a waiting stage run.
func (t *turns) give(w *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting = slices.DeleteFunc(t.waiting, func(o *turn) bool { return o == w })
	t.running++
	close(w.ok)
}
