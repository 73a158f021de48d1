package budget

import (
	"context"
	"sync"
	"time"

	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/store"
)

// day is one worker's account with an org's calls of a day.
type day struct {
	m      *Meters
	org    string
	budget config.Budget

	mu   sync.Mutex
	left map[bool]int  // of the blocks: those that anybody may use, and those that people may
	shut map[bool]shut // where there was nothing left

	told   store.Told // what the vendor said last to this worker
	toldAt time.Time
	heard  bool // the store heard it, too
}

// shut is a refusal, which stands for a while without asking again.
type shut struct {
	until time.Time // calls are back
	again time.Time // ask again: another worker may have heard that there is more
}

const (
	largestBlock = 50
	unknownBlock = 20 // before the vendor said how much it allows
	shutFor      = time.Minute
)

// Spend takes n calls; where none are left for anybody, and a person waits, from what is kept for people.
func (d *day) Spend(ctx context.Context, q connector.Quota, n int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left == nil {
		d.left, d.shut = map[bool]int{}, map[bool]shut{}
	}
	awaited := d.m.ByHand || connector.IsAwaited(ctx)
	spare := d.spare(awaited)
	if spare >= int64(n) {
		for _, which := range []bool{false, awaited} {
			if d.left[which] >= n {
				d.left[which] -= n
				return nil
			}
		}
	}
	now := d.m.Now()
	if s := d.shut[awaited]; s.again.After(now) {
		d.m.Spent(d.org, q, s.until.Sub(now))
		return connector.Spent(s.until.Sub(now))
	}
	ask := n
	if spare >= int64(n) && !d.m.ByHand {
		ask = max(n, d.block())
	}
	calls := store.Calls{N: ask, Need: n, Daily: d.budget.Daily, Reserve: d.budget.Reserve, Awaited: awaited}
	if !d.heard {
		calls.Told, calls.Age = d.told, now.Sub(d.toldAt)
	}
	taken, until, err := d.m.store.TakeCalls(ctx, d.org, calls)
	if err != nil {
		return uncounted(err)
	}
	d.heard = true
	if taken < n {
		d.shut[awaited] = shut{until, now.Add(min(until.Sub(now), shutFor))}
		d.m.Spent(d.org, q, until.Sub(now))
		return connector.Spent(until.Sub(now))
	}
	d.left[awaited] += taken - n
	return nil
}

// spare is how many calls the vendor still allows, by what it said last to this worker.
func (d *day) spare(awaited bool) int64 {
	if d.told.Limit == 0 {
		return largestBlock
	}
	return d.told.Left(d.budget.Reserve, awaited)
}

// block is how many calls are taken at once: few where there are few in all.
func (d *day) block() int {
	limit := d.told.Limit
	if d.budget.Daily > 0 && (limit == 0 || d.budget.Daily < limit) {
		limit = d.budget.Daily
	}
	if limit == 0 {
		return unknownBlock
	}
	return int(min(max(limit/1000, 1), largestBlock))
}

// Told keeps what the vendor says; it is passed on with the next block.
func (d *day) Told(used, limit int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told, d.toldAt, d.heard = store.Told{Used: used, Limit: limit}, d.m.Now(), false
	clear(d.shut)
	d.m.Told(d.org, used, limit, d.budget.Reserve)
}
