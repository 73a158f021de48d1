package budget

import (
	"context"
	"sync"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/store"
)

// rate is one worker's account with one quota of calls a minute. Of any minute's calls the shared count has nine tenths, and
// may be a twentieth ahead: a fortieth that is saved up, and a block that is sent as a whole when its first call is due. The
// last twentieth is this worker's own allowance: a fortieth saved up, and one that comes in.
type rate struct {
	m      *Meters
	org    string
	shared store.Rate
	block  int

	most     float64       // of the allowance
	fills    time.Duration // per call of it
	mu       sync.Mutex
	own      float64 // what is left of the allowance
	filledAt time.Time
	left     int       // what is left of the block
	from     time.Time // when the block is due
}

func newRate(m *Meters, k rateKey, perMinute int) *rate {
	every := time.Minute * 10 / time.Duration(perMinute*9)
	burst := time.Duration(perMinute) * every / 40
	own := max(float64(perMinute)/40, 1)
	return &rate{
		m: m, org: k.org, block: max(perMinute/40, 1),
		shared: store.Rate{Quota: k.quota, Project: k.project, Mailbox: k.mailbox, Every: every, Burst: burst, Block: max(perMinute/40, 1)},
		most:   own, own: own, fills: time.Duration(float64(time.Minute) / own), filledAt: m.Now(),
	}
}

// take takes n calls and returns how long to wait before they are sent. Errors: those of a meter.
func (r *rate) take(ctx context.Context, n int) (wait time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.m.Now()
	if passed := now.Sub(r.filledAt); passed > 0 {
		r.own = min(r.own+float64(passed)/float64(r.fills), r.most)
		r.filledAt = now
	}
	own := min(int(r.own), n)
	n -= own
	if n == 0 {
		r.own -= float64(own)
		return 0, nil
	}
	if r.left < n {
		ask := n - r.left
		if !r.m.ByHand {
			ask = max(ask, r.block)
		}
		wait, ok, err := r.m.store.TakeRate(ctx, r.org, r.shared, ask, patience)
		if err != nil {
			return 0, uncounted(err)
		}
		if !ok {
			return 0, connector.Spent(wait)
		}
		r.left += ask
		r.from = now.Add(wait)
	}
	r.own -= float64(own)
	r.left -= n
	return max(r.from.Sub(now), 0), nil
}

// giveBack returns calls that were not made.
func (r *rate) giveBack(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left += n
}
