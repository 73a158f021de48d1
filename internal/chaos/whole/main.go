package whole

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/repsync/repsync/internal/chaos"
	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/internal/devstack/stage"
)

// result is what one story came to.
type result struct {
	story  scenario.Scenario
	report Report
	err    error
}

// Main plays stories, as many at once as there are benches, tells out about them, and returns how many broke a law. Told, it
// tells them step by step. An error is one of the harness.
func Main(ctx context.Context, stories []scenario.Scenario, told bool, benches int, out io.Writer) (bad int, err error) {
	fmt.Fprintln(out, "whole: building the worker, starting Temporal and Postgres")
	var trace func(string, ...any)
	if told {
		trace = func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	}
	next, results := make(chan scenario.Scenario), make(chan result)
	go func() {
		defer close(next)
		for _, s := range stories {
			next <- s
		}
	}()
	var players sync.WaitGroup
	for range min(max(benches, 1), len(stories)) {
		players.Go(func() { perform(ctx, next, results, trace) })
	}
	go func() {
		players.Wait()
		close(results)
	}()
	began, n, kills, unjudged := time.Now(), 0, 0, map[string]int{}
	for r := range results {
		if r.err != nil {
			err = errors.Join(err, fmt.Errorf("seed %d: %w", r.story.Seed, r.err))
			fmt.Fprintf(out, "whole: seed %d: %v\n", r.story.Seed, r.err)
			continue
		}
		n++
		kills += r.report.Kills
		for why, n := range r.report.Unjudged {
			unjudged[why] += n
		}
		fmt.Fprintf(out, "whole: seed %d: %d steps, %d kills, %d broken laws; %d of %d, %s\n", r.story.Seed, len(r.story.Steps), r.report.Kills, len(r.report.Violations), n, len(stories), time.Since(began).Round(time.Second))
		if len(r.report.Violations) == 0 {
			continue
		}
		bad++
		for _, v := range r.report.Violations {
			fmt.Fprintf(out, "seed %d: %s: org %s rep %s item %s %s: want %s, got %s\n", r.story.Seed, v.Law, v.Org, v.Rep, v.Item, v.Field, v.Want, v.Got)
		}
		text, failed := r.story.YAML()
		err = errors.Join(err, failed)
		fmt.Fprintf(out, "%s", text)
	}
	chaos.PrintUnjudged(out, unjudged)
	fmt.Fprintf(out, "%d stories whole, %d kill -9, %d broke a law; %s\n", n, kills, bad, time.Since(began).Round(time.Second))
	return bad, err
}

// perform plays stories on a stage of its own.
func perform(ctx context.Context, stories <-chan scenario.Scenario, results chan<- result, trace func(string, ...any)) {
	on, err := stage.New(ctx)
	if err == nil {
		defer on.Close()
	}
	for s := range stories {
		r := result{story: s, err: errors.Join(err, ctx.Err())}
		if r.err == nil {
			r.report, r.err = play(ctx, on, s, trace)
			r.err = errors.Join(r.err, ctx.Err()) // what was cut off says nothing
		}
		results <- r
	}
}
