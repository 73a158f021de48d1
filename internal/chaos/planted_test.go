//go:build planted

package chaos_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/store/storetest"
)

var (
	updatePlanted = flag.Bool("update", false, "note which story found each planted bug")
	onlyBug       = flag.String("bug", "", "plant this one only")
)

const (
	finders = "testdata/planted.txt" // which story finds which bug
	within  = 200                    // stories, from seed 1 on
	atOnce  = 2                      // bugs
)

// catch is how a planted bug was found: by the story of a seed, or by a story of its own.
type catch struct {
	bug   planted.Bug
	story string // a seed, or a file in testdata/stories without .yaml
	law   string
	took  time.Duration
}

// Every planted bug is found, by the story that found it last time or else by one of the first 200; and by none of these
// stories where nothing is planted. Where stories are generated otherwise than before, -update notes who finds what now.
func TestPlanted(t *testing.T) {
	t.Parallel()
	p := plantation{t: t, binary: filepath.Join(t.TempDir(), "chaos"), url: storetest.URL(t)}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "planted", "-o", p.binary, "./cmd").CombinedOutput()
	require.NoError(t, err, "%s", out)
	known := knownFinders(t)
	all := slices.DeleteFunc(planted.All(), func(e planted.Entry) bool { return *onlyBug != "" && string(e.Bug) != *onlyBug })
	require.NotEmpty(t, all, "no planted bug is called %q", *onlyBug)
	found := make([]catch, len(all))
	var players sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i, e := range all {
		slots <- struct{}{}
		players.Go(func() {
			defer func() { <-slots }()
			found[i] = p.find(e.Bug, known[e.Bug])
		})
	}
	players.Wait()
	t.Logf("planted bugs:\n%s", table(found))
	clean := map[string]bool{}
	for _, c := range found {
		if c.law == "" {
			t.Errorf("%s is not found within %d stories", c.bug, within)
		} else if law, _, _ := p.play("", c.story, within); !clean[c.story] && law != "" {
			t.Errorf("story %s breaks the law %q with nothing planted", c.story, law)
		}
		clean[c.story] = true
	}
	if *updatePlanted && *onlyBug == "" && !t.Failed() {
		var b bytes.Buffer
		for _, c := range found {
			fmt.Fprintf(&b, "%s %s\n", c.bug, c.story)
		}
		require.NoError(t, os.WriteFile(finders, b.Bytes(), 0o644))
	}
}

// plantation plays stories with a bug planted.
type plantation struct {
	t      *testing.T
	binary string
	url    string // of a Postgres
}

// find returns how a bug is found: first the story that found it before is tried.
func (p plantation) find(bug planted.Bug, before string) catch {
	began := time.Now()
	c := catch{bug: bug, story: before}
	if before != "" {
		c.law, _, _ = p.play(bug, before, within)
	}
	if c.law == "" {
		c.law, c.story, _ = p.play(bug, "", within)
	}
	c.took = time.Since(began)
	return c
}

var firstOne = regexp.MustCompile(`(?m)^first: law "(.*)", seed (\d+), after (\d+) stories`)

// play plays one story, or with story "" as many from seed 1 on as it takes. It returns the law that was broken first, "" for
// none, and by which seed.
func (p plantation) play(bug planted.Bug, story string, seeds int) (law, seed string, stories int) {
	args := []string{"-db", p.url, "-keep", "", "-first"}
	switch n, err := strconv.Atoi(story); {
	case story == "":
		args = append(args, "-seeds", strconv.Itoa(seeds))
	case err == nil:
		args = append(args, "-from", strconv.Itoa(n), "-seeds", "1", "-benches", "1")
	default:
		args = append(args, "-story", filepath.Join("testdata/stories", story+".yaml"))
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.binary, args...)
	cmd.Env = append(os.Environ(), planted.Variable+"="+string(bug))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		p.t.Errorf("play %q with %q planted: %v\n%s", story, bug, err, out)
		return "", "", 0
	}
	if m := firstOne.FindSubmatch(out); m != nil {
		stories, _ = strconv.Atoi(string(m[3]))
		return string(m[1]), string(m[2]), stories
	}
	return "", "", seeds
}

// knownFinders reads which story found which bug.
func knownFinders(t *testing.T) map[planted.Bug]string {
	t.Helper()
	out := map[planted.Bug]string{}
	text, err := os.ReadFile(finders)
	if errors.Is(err, os.ErrNotExist) {
		return out
	}
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		bug, story, ok := strings.Cut(strings.TrimSpace(line), " ")
		require.True(t, ok, "%s: a line is a bug and the story that finds it: %q", finders, line)
		out[planted.Bug(bug)] = story
	}
	return out
}

func table(found []catch) string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "bug\tcaught by law\tin story\tseconds")
	for _, c := range found {
		if c.law == "" {
			c.law, c.story = "NOT CAUGHT", "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%.1f\n", c.bug, c.law, c.story, c.took.Seconds())
	}
	_ = w.Flush() // into memory
	return b.String()
}
