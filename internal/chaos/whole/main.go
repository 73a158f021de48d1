package whole

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/repsync/repsync/internal/chaos"
	"github.com/repsync/repsync/internal/chaos/scenario"
)

// Main plays stories one after the other, tells out about them, and returns how many broke a law. Told, it tells them step
// by step. An error is one of the harness.
func Main(ctx context.Context, stories []scenario.Scenario, told bool, out io.Writer) (bad int, err error) {
	fmt.Fprintln(out, "whole: building the worker, starting Temporal and Postgres")
	stage, err := NewStage(ctx)
	if err != nil {
		return 0, err
	}
	defer stage.Close()
	began, kills, unjudged := time.Now(), 0, map[string]int{}
	for i, s := range stories {
		if ctx.Err() != nil {
			break
		}
		var trace func(string, ...any)
		if told {
			trace = func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
		}
		r, failed := stage.Play(ctx, s, trace)
		kills += r.Kills
		for why, n := range r.Unjudged {
			unjudged[why] += n
		}
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("seed %d: %w", s.Seed, failed))
			continue
		}
		fmt.Fprintf(out, "whole: seed %d: %d steps, %d kills, %d broken laws; %d of %d, %s\n", s.Seed, len(s.Steps), r.Kills, len(r.Violations), i+1, len(stories), time.Since(began).Round(time.Second))
		if len(r.Violations) == 0 {
			continue
		}
		bad++
		for _, v := range r.Violations {
			fmt.Fprintf(out, "seed %d: %s: org %s rep %s item %s %s: want %s, got %s\n", s.Seed, v.Law, v.Org, v.Rep, v.Item, v.Field, v.Want, v.Got)
		}
		text, failed := s.YAML()
		err = errors.Join(err, failed)
		fmt.Fprintf(out, "%s", text)
	}
	chaos.PrintUnjudged(out, unjudged)
	fmt.Fprintf(out, "%d stories whole, %d kill -9, %d broke a law; %s\n", len(stories), kills, bad, time.Since(began).Round(time.Second))
	return bad, err
}
