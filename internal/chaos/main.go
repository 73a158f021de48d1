package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/repsync/repsync/internal/chaos/oracle"
	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/internal/devstack/postgres"
)

// Options say which stories are played.
type Options struct {
	Seeds   int    // how many
	From    uint64 // the first seed
	Seed    uint64 // only this one, told step by step
	Story   string // only the one in this file, told step by step
	Keep    string // where failing stories are written; "" is nowhere
	Benches int    // stories played at once
	First   bool   // stop at the first story that breaks a law, and do not shorten it
	URL     string // of a Postgres that runs already; "" starts one
}

// shrinks is how often a failing story is played again to make it shorter.
const shrinks = 150

// slow is a story that does not only compute: a wait that no virtual clock ends.
const slow = 25 * time.Second

// result is what one story came to.
type result struct {
	story  scenario.Scenario
	report Report
	took   time.Duration
	err    error
}

// Main plays stories, tells out about them, and returns how many broke a law. An error is one of the harness.
func Main(ctx context.Context, o Options, out io.Writer) (bad int, err error) {
	stories, told, err := o.stories()
	if err != nil {
		return 0, err
	}
	if told == nil && o.Keep != "" && !o.First {
		if stories, err = o.kept(stories); err != nil {
			return 0, err
		}
	}
	if o.URL == "" {
		cluster, err := postgres.Start(ctx, postgres.Config{Fast: true})
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, cluster.Stop()) }()
		o.URL = cluster.URL()
	}
	began := time.Now()
	results := make(chan result)
	var players sync.WaitGroup
	for range max(o.Benches, 1) {
		players.Go(func() { o.perform(ctx, stories, results, told != nil, out) })
	}
	go func() {
		players.Wait()
		close(results)
	}()
	var all Report
	all.begin()
	n := 0
	for r := range results {
		if r.err != nil {
			err = errors.Join(err, fmt.Errorf("seed %d: %w", r.story.Seed, r.err))
			continue
		}
		n++
		all.add(r.report)
		if r.took > slow {
			fmt.Fprintf(out, "seed %d took %s: something waits in real time\n", r.story.Seed, r.took.Round(time.Second))
		}
		if len(r.report.Violations) > 0 {
			bad++
			err = errors.Join(err, o.tell(out, r))
			if o.First {
				fmt.Fprintf(out, "first: law %q, seed %d, after %d stories, %s\n", r.report.Violations[0].Law, r.story.Seed, n, time.Since(began).Round(100*time.Millisecond))
				return bad, err // those under way end with the process
			}
		}
		if n%50 == 0 {
			fmt.Fprintf(out, "%d stories, %d broke a law, %s\n", n, bad, time.Since(began).Round(time.Second))
		}
	}
	all.print(out)
	fmt.Fprintf(out, "%d stories in process, %d passes, %d broke a law; %s, %.0f stories a minute\n", n, all.Passes, bad,
		time.Since(began).Round(time.Second), float64(n)/max(time.Since(began).Minutes(), 1e-9))
	return bad, err
}

// Stories lists what the options name, for a player of another kind.
func (o Options) Stories() (list []scenario.Scenario, told bool, err error) {
	ch, one, err := o.stories()
	if err != nil {
		return nil, false, err
	}
	for s := range ch {
		list = append(list, s)
	}
	return list, one != nil, nil
}

// stories returns what is to be played, and those that are to be told step by step.
func (o Options) stories() (<-chan scenario.Scenario, []scenario.Scenario, error) {
	var told []scenario.Scenario
	switch {
	case o.Story != "":
		text, err := os.ReadFile(o.Story)
		if err != nil {
			return nil, nil, fmt.Errorf("read a story: %w", err)
		}
		s, err := scenario.Parse(text)
		if err != nil {
			return nil, nil, err
		}
		told = []scenario.Scenario{s}
	case o.Seed != 0:
		told = []scenario.Scenario{scenario.Generate(o.Seed)}
	}
	ch := make(chan scenario.Scenario)
	go func() {
		defer close(ch)
		for _, s := range told {
			ch <- s
		}
		for seed := o.From; told == nil && seed < o.From+uint64(o.Seeds); seed++ {
			ch <- scenario.Generate(seed)
		}
	}()
	return ch, told, nil
}

// kept puts the stories that are kept before others.
func (o Options) kept(others <-chan scenario.Scenario) (<-chan scenario.Scenario, error) {
	list, err := Kept(o.Keep)
	ch := make(chan scenario.Scenario)
	go func() {
		defer close(ch)
		for _, name := range slices.Sorted(maps.Keys(list)) {
			ch <- list[name]
		}
		for s := range others {
			ch <- s
		}
	}()
	return ch, err
}

// Kept reads the stories in a directory, by file name.
func Kept(dir string) (map[string]scenario.Scenario, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("read the stories: %w", err)
	}
	out := map[string]scenario.Scenario{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the stories: %w", err)
		}
		s, err := scenario.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		out[strings.TrimSuffix(filepath.Base(file), ".yaml")] = s
	}
	return out, nil
}

// perform plays stories on a bench of its own, and makes those that fail shorter.
func (o Options) perform(ctx context.Context, stories <-chan scenario.Scenario, results chan<- result, told bool, out io.Writer) {
	b, err := NewBench(ctx, o.URL, nil)
	if err != nil {
		results <- result{err: err}
	} else {
		defer b.Close()
	}
	for s := range stories {
		if err != nil || ctx.Err() != nil {
			continue // the rest is let go
		}
		var trace func(string, ...any)
		if told {
			trace = func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
		}
		r := result{story: s}
		began := time.Now()
		r.report, r.err = b.Play(ctx, s, trace)
		r.took = time.Since(began)
		r.err = errors.Join(r.err, ctx.Err()) // what was cut off says nothing
		if r.err == nil && len(r.report.Violations) > 0 && !told && !o.First && s.Why == "" {
			r.story = b.Shrink(ctx, s, r.report.Violations[0].Law)
		}
		results <- r
	}
}

// Shrink returns the fewest steps of a story that still break a law.
func (b *Bench) Shrink(ctx context.Context, s scenario.Scenario, law string) scenario.Scenario {
	return scenario.Shrink(s, shrinks, func(shorter scenario.Scenario) bool {
		r, err := b.Play(ctx, shorter, nil)
		return err == nil && len(r.Violations) > 0 && r.Violations[0].Law == law
	})
}

// tell prints a story that broke a law, and keeps it.
func (o Options) tell(out io.Writer, r result) error {
	for _, v := range r.report.Violations {
		fmt.Fprintf(out, "seed %d: %s: org %s rep %s item %s %s: want %s, got %s\n", r.story.Seed, v.Law, v.Org, v.Rep, v.Item, v.Field, v.Want, v.Got)
	}
	isKept := r.story.Why != ""
	r.story.Why = cmp.Or(r.story.Why, r.report.Violations[0].Law)
	text, err := r.story.YAML()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s", text)
	if isKept || o.Keep == "" || o.Story != "" || o.Seed != 0 {
		return nil
	}
	if err := os.MkdirAll(o.Keep, 0o750); err != nil {
		return fmt.Errorf("keep a story: %w", err)
	}
	path := filepath.Join(o.Keep, fmt.Sprintf("seed-%d.yaml", r.story.Seed))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("keep a story: %w", err)
	}
	fmt.Fprintf(out, "kept as %s\n", path)
	return nil
}

func (r *Report) begin() {
	r.Reasons, r.Faults, r.Steps, r.Unjudged = map[string]int{}, map[string]int{}, map[scenario.Verb]int{}, map[string]int{}
}

// add sums another report up.
func (r *Report) add(o Report) {
	for k, n := range o.Reasons {
		r.Reasons[k] += n
	}
	for k, n := range o.Faults {
		r.Faults[k] += n
	}
	for k, n := range o.Steps {
		r.Steps[k] += n
	}
	for k, n := range o.Unjudged {
		r.Unjudged[k] += n
	}
	r.Passes += o.Passes
}

// Unjudged counts the items that left an oracle's model, by reason.
func Unjudged(o *oracle.Oracle) map[string]int {
	out := map[string]int{}
	for _, text := range o.Unjudged() {
		_, why, _ := strings.Cut(text, ": ")
		out[why]++
	}
	return out
}

// PrintUnjudged tells how many items were not judged to the end, and why.
func PrintUnjudged(out io.Writer, unjudged map[string]int) {
	n := 0
	for _, k := range unjudged {
		n += k
	}
	fmt.Fprintf(out, "items not judged to the end: %d\n", n)
	for _, why := range slices.Sorted(maps.Keys(unjudged)) {
		fmt.Fprintf(out, "    %d %s\n", unjudged[why], why)
	}
}

func counts[K ~string](m map[K]int) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, " %s %d", k, m[k])
	}
	return strings.TrimSpace(b.String())
}
