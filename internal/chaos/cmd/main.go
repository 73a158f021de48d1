// Command chaos plays stories until one breaks a law, and says which, in how few steps.
//
//	chaos -seeds 200            as many stories in process, from seed 1 on
//	chaos -seed 17              one of them, step by step; it is the same one again
//	chaos -story FILE           a story that was kept
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
	"syscall"

	"github.com/repsync/repsync/internal/chaos"
)

func main() {
	var o chaos.Options
	flag.IntVar(&o.Seeds, "seeds", 200, "how many stories")
	flag.Uint64Var(&o.From, "from", 1, "the first seed")
	flag.Uint64Var(&o.Seed, "seed", 0, "play this seed only, and tell it step by step")
	flag.StringVar(&o.Story, "story", "", "play the story in this file, and tell it step by step")
	flag.StringVar(&o.Keep, "keep", "internal/chaos/testdata/stories", "where a failing story is written, shrunk; empty: nowhere")
	flag.IntVar(&o.Benches, "benches", 2, "stories played at once")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	bad, err := chaos.Main(ctx, o, os.Stdout)
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(2)
	case bad > 0:
		os.Exit(1)
	}
}
