package main

import (
	"runtime/metrics"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGrowthOfTheHeap(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		live uint64
		want int
	}{
		"none yet":               {0, 300},
		"a worker at rest":       {20 << 20, 300},
		"one large mailbox":      {48 << 20, 200},
		"many at once":           {200 << 20, 100},
		"more than there may be": {64 << 30, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, growth(c.live))
		})
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	require.Equal(t, metrics.KindUint64, live[0].Value.Kind(), "Go still tells")
}
