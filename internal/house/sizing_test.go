package house

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what is computed into docs/sizing.md")

// TestSizing computes the second table of docs/sizing.md from the first.
func TestSizing(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/sizing.md")
	given := map[string]float64{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([0-9.]+) \\| .+ \\|$").FindAllStringSubmatch(page, -1) {
		v, err := strconv.ParseFloat(row[2], 64)
		require.NoError(t, err)
		require.Positive(t, v, row[1])
		given[row[1]] = v
	}
	const begin, end = "<!-- sizing -->\n", "<!-- /sizing -->"
	before, rest, ok := strings.Cut(page, begin)
	require.True(t, ok)
	old, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	table := sizing(given)
	if *update {
		require.NoError(t, os.WriteFile(filepath.Join(root, "docs", "sizing.md"), []byte(before+begin+table+end+after), 0o600))
		return
	}
	require.Equal(t, table, old, "run `go test ./internal/house -run TestSizing -update`")
}

func sizing(v map[string]float64) string {
	share := v["load"] / 100
	passes := func(reps float64) float64 { return reps / v["every"] }
	busy := func(reps float64) float64 { return passes(reps) * v["calls"] * v["call_ms"] / 1000 }
	cores := func(reps, ms float64) float64 { return passes(reps) * ms / 1000 / share }
	workers := func(reps float64) float64 {
		return math.Ceil(max(2, cores(reps, v["worker_ms"]), busy(reps)/v["slots"]/share, reps/v["cache"]))
	}
	updates := func(reps float64) float64 { return passes(reps) * v["updates"] }
	var b strings.Builder
	b.WriteString("| | 100 reps | 10,000 reps | 1,000,000 reps |\n|---|---|---|---|\n")
	for _, row := range []struct {
		name string
		of   func(reps float64) string
	}{
		{"passes a second", func(r float64) string { return figure(passes(r)) }},
		{"worker cores", func(r float64) string { return figure(cores(r, v["worker_ms"])) }},
		{"slots in use", func(r float64) string { return figure(busy(r)) }},
		{"workers", func(r float64) string { return figure(workers(r)) }},
		{"memory of a worker's workflows", func(r float64) string {
			return figure(min(r/workers(r), v["cache"])*v["cached_kb"]/1000) + " MB"
		}},
		{"Postgres: size", func(r float64) string { return figure(r*v["items"]*v["item_bytes"]/1e9) + " GB" }},
		{"Postgres: cores", func(r float64) string { return figure(cores(r, v["postgres_ms"])) }},
		{"Temporal: writes a second", func(r float64) string { return figure(updates(r)) }},
		{"Temporal: histories", func(r float64) string {
			lasts := 4096 / (86400 / v["every"] * v["events"]) // days of a run
			return figure(passes(r)*86400*v["events"]*v["event_bytes"]*(v["retention"]+lasts)/1e9) + " GB"
		}},
		{"Temporal: history shards", func(r float64) string {
			return figure(math.Exp2(math.Ceil(math.Log2(max(512, updates(r)/v["shard_updates"])))))
		}},
		{"Temporal: partitions of the task queue", func(r float64) string {
			return figure(math.Ceil(max(4, passes(r)*2/v["partition_tasks"])))
		}},
		{"Google: calls to calendars a minute", func(r float64) string { return figure(passes(r) * 60) }},
		{"Google: projects", func(r float64) string { return figure(math.Ceil(passes(r) * 60 / v["calendar"])) }},
		{"Salesforce: calls a day of an org's feed", func(float64) string { return figure(86400 / v["feed_every"] * v["objects"]) }},
	} {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", row.name, row.of(100), row.of(10_000), row.of(1_000_000))
	}
	return b.String()
}

// figure writes a number with two digits that count, and its thousands apart.
func figure(n float64) string {
	if n < 10 && n != math.Trunc(n) {
		return strconv.FormatFloat(n, 'g', 2, 64)
	}
	if n >= 1000 && n != math.Exp2(math.Round(math.Log2(n))) {
		scale := math.Pow(10, math.Floor(math.Log10(n))-1)
		n = math.Round(n/scale) * scale
	}
	text := strconv.FormatFloat(math.Round(n), 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
