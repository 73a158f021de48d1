// Package bench measures what Repsync costs, on the whole engine: a worker process, a Temporal server, a Postgres cluster of
// its own, and vendors that run in this process, so that the CPU of the worker is the worker's alone. Each row is a figure
// with a bar; docs/bench.md explains them, and says how the least number of calls is reckoned.
//
// Counts of calls, events and rows are exact and the same on every machine. CPU times are those of this machine as it was:
// beside other work they are half as much again.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Options say what is measured.
type Options struct {
	Rows     []string      // names of Rows; all by default
	Contacts int           // of a first sync
	Events   int           // of a first sync
	Quota    int           // events of the first sync under quotas; its contacts are as many
	Reps     int           // of the fleet
	Every    time.Duration // between two passes of each of the fleet
	Time     time.Duration // that the fleet passes for
	Profile  string        // a directory that takes CPU profiles of the workers; "" takes none
	Out      io.Writer     // what is going on
}

// Figure is one row of the table.
type Figure struct {
	What, Bar, Seen string
	Over            bool
}

// row measures some figures that come from the same run.
type row struct {
	name, about string
	measure     func(context.Context, *bed, Options) ([]Figure, error)
}

func rows() []row {
	return []row{
		{"first", "first sync of one rep, each direction: calls, CPU, memory, bytes stored", firstSync},
		{"quotas", "first sync under the vendors' quotas and 100 ms of latency", quotas},
		{"changes", "100 changes among many items and among few", changes},
		{"idle", "a pass that finds nothing", idle},
		{"fleet", "many reps of one org, each passing every 5 minutes", fleet},
	}
}

// Names are the names of all rows, in their order.
func Names() []string {
	var out []string
	for _, r := range rows() {
		out = append(out, r.name)
	}
	return out
}

// Main measures, prints one table and returns how many figures are over their bar. Error: a row could not be measured; the
// others were.
func Main(ctx context.Context, o Options, table io.Writer) (over int, err error) {
	for _, name := range o.Rows {
		if !slices.Contains(Names(), name) {
			return 0, fmt.Errorf("there is no row %q: name some of %s", name, strings.Join(Names(), ","))
		}
	}
	fmt.Fprintln(o.Out, "bench: building the worker, starting Temporal and Postgres")
	b, err := newBed(ctx, o.Profile)
	if err != nil {
		return 0, err
	}
	defer b.Close()
	var all []Figure
	for _, r := range rows() {
		if len(o.Rows) > 0 && !slices.Contains(o.Rows, r.name) {
			continue
		}
		fmt.Fprintf(o.Out, "bench: %s: %s\n", r.name, r.about)
		began := time.Now()
		figures, failed := r.measure(ctx, b, o)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("measure %s: %w", r.name, failed))
		}
		fmt.Fprintf(o.Out, "bench: %s took %s\n", r.name, time.Since(began).Round(time.Second))
		all = append(all, figures...)
	}
	return Print(table, all), err
}

// Print prints figures as a table in Markdown, and returns how many are over their bar.
func Print(out io.Writer, all []Figure) (over int) {
	lines := [][]string{{"figure", "bar", "seen", ""}}
	for _, f := range all {
		verdict := "ok"
		switch {
		case f.Bar == "":
			verdict = ""
		case f.Over:
			verdict = "over"
			over++
		}
		lines = append(lines, []string{f.What, f.Bar, f.Seen, verdict})
	}
	width := make([]int, len(lines[0]))
	for _, l := range lines {
		for i, cell := range l {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	for n, l := range lines {
		for i, cell := range l {
			fmt.Fprintf(out, "| %s%s ", cell, strings.Repeat(" ", width[i]-len([]rune(cell))))
		}
		fmt.Fprintln(out, "|")
		if n == 0 {
			for _, w := range width {
				fmt.Fprint(out, "|", strings.Repeat("-", w+2))
			}
			fmt.Fprintln(out, "|")
		}
	}
	return over
}

// atMost is a figure that must not be above its bar. format prints both.
func atMost(what, format string, bar, seen float64) Figure {
	return Figure{What: what, Bar: "≤ " + fmt.Sprintf(format, bar), Seen: fmt.Sprintf(format, seen), Over: seen > bar}
}

// shown is a figure without a bar.
func shown(what, seen string) Figure { return Figure{What: what, Seen: seen} }
