// Command bench measures what Repsync costs and prints one table.
//
//	bench                       all rows: an hour and some minutes
//	bench -rows idle,changes    some
//	bench -rows fleet -reps 50 -minutes 6
//
// It exits with 1 when a figure is over its bar, and with 2 when one could not be measured.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/repsync/repsync/internal/bench"
)

func main() {
	o := bench.Options{Out: os.Stderr}
	var rows string
	var minutes int
	flag.StringVar(&rows, "rows", "", "rows to measure, with commas; empty: all of "+strings.Join(bench.Names(), ","))
	flag.IntVar(&o.Contacts, "contacts", 10_000, "of a first sync")
	flag.IntVar(&o.Events, "events", 5_000, "of a first sync")
	flag.IntVar(&o.Quota, "quota-events", 1_500, "of the first sync under quotas")
	flag.IntVar(&o.Reps, "reps", 1000, "of the fleet")
	flag.DurationVar(&o.Every, "every", 5*time.Minute, "between two passes of each of the fleet")
	flag.IntVar(&minutes, "minutes", 60, "that the fleet passes for")
	flag.StringVar(&o.Profile, "profile", "", "directory for CPU profiles of the workers; empty: none")
	flag.Parse()
	o.Time = time.Duration(minutes) * time.Minute
	if rows != "" {
		o.Rows = strings.Split(rows, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	over, err := bench.Main(ctx, o, os.Stdout)
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	case over > 0:
		os.Exit(1)
	}
}
