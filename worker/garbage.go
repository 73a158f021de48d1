package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// headroom is how much garbage may lie about before it is collected, in bytes. A worker has some 30 MB in use, and of
	// what it reads nearly everything is garbage soon: by Go's default it would spend an eighth of its CPU on collecting.
	headroom = 96 << 20
	// leastGrowth and mostGrowth bound the heap's growth between two collections, in percent of what is in use: Go's default,
	// below which collecting costs more than it gives, and what a small heap gains no more from.
	leastGrowth, mostGrowth = 100, 300
)

// growth is by how much a heap may grow between two collections, in percent, with so many bytes in use.
func growth(live uint64) int {
	return max(leastGrowth, min(mostGrowth, int(headroom*100/max(live, 1))))
}

// collectRarely lets the heap grow as growth says, until ctx ends. GOGC, where it is set, says otherwise.
func collectRarely(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	now := mostGrowth
	debug.SetGCPercent(now)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
		metrics.Read(live)
		if want := growth(live[0].Value.Uint64()); want != now {
			now = want
			debug.SetGCPercent(now)
		}
	}
}
