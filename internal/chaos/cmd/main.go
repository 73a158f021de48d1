// Command chaos plays stories until one breaks a law, and says which, in how few steps.
//
//	chaos -seeds 200            as many stories in process, from seed 1 on
//	chaos -seed 17              one of them, step by step; it is the same one again
//	chaos -story FILE           a story that was kept
//	chaos -whole -seeds 20      against real workers, a real Temporal server and a real Postgres
//	chaos -day -reps 100        a day of an org, in virtual time
//	chaos -seeds 200 -first     up to the first that breaks a law; with a planted bug (package planted) that is the story that finds it
//
// A story that fails is shrunk, printed, and written to -keep, where a test plays it from then on. It exits with 1 then, and
// with 2 when the harness itself cannot go on.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/repsync/repsync/internal/chaos"
	"github.com/repsync/repsync/internal/chaos/whole"
)

func main() {
	var o chaos.Options
	flag.IntVar(&o.Seeds, "seeds", 200, "how many stories")
	flag.Uint64Var(&o.From, "from", 1, "the first seed")
	flag.Uint64Var(&o.Seed, "seed", 0, "play this seed only, and tell it step by step")
	flag.StringVar(&o.Story, "story", "", "play the story in this file, and tell it step by step")
	flag.StringVar(&o.Keep, "keep", "internal/chaos/testdata/stories", "where a failing story is written, shrunk; empty: nowhere")
	flag.BoolVar(&o.First, "first", false, "stop at the first story that breaks a law, and do not shorten it")
	flag.StringVar(&o.URL, "db", "", "a Postgres that runs already, instead of one of its own")
	flag.IntVar(&o.Benches, "benches", 2, "stories played at once")
	processes := flag.Bool("whole", false, "with real processes, in real time")
	day := flag.Bool("day", false, "play a day of one org in virtual time, instead of stories")
	var d chaos.Day
	flag.IntVar(&d.Reps, "reps", 100, "of the day's org")
	flag.IntVar(&d.Hours, "hours", 24, "of the day")
	flag.IntVar(&d.Quiet, "quiet", 6, "hours after the day in which nobody does anything")
	flag.IntVar(&d.Deeds, "deeds", 400, "of people in the day")
	flag.Parse()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // stories are many and small
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var bad int
	var err error
	if *day {
		d.Seed = max(o.Seed, 1)
		bad, err = chaos.DayMain(ctx, d, o.URL, os.Stdout)
	} else {
		bad, err = play(ctx, o, *processes)
	}
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(2)
	case bad > 0:
		os.Exit(1)
	}
}

// play plays what the options name.
func play(ctx context.Context, o chaos.Options, processes bool) (bad int, err error) {
	if !processes {
		return chaos.Main(ctx, o, os.Stdout)
	}
	stories, told, err := o.Stories()
	if err != nil {
		return 0, err
	}
	return whole.Main(ctx, stories, told, o.Benches, os.Stdout)
}
