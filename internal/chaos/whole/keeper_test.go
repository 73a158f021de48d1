package whole

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/devstack/proc"
)

const limit = 20 * time.Second // within which a shell starts and ends, on any machine

// kept keeps shells running, which stand in for a worker: each gets its number as $1.
func kept(t *testing.T, o *outages, script string) (k *keeper, started, fell chan string) {
	t.Helper()
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)
	dir, n := t.TempDir(), 0
	started, fell = make(chan string, 100), make(chan string, 100)
	k, err = keep(keeper{outages: o, ended: func(words string, excused bool) {
		if !excused {
			fell <- words
		}
	}, start: func() (*proc.Process, *os.File, error) {
		n++
		log, err := proc.CreateLog(filepath.Join(dir, fmt.Sprint(n)))
		if err != nil {
			return nil, nil, err
		}
		p, err := proc.Start(proc.Config{Name: "shell", Path: sh, Args: []string{"-c", script, "sh", strconv.Itoa(n)}, Dir: dir, Log: log})
		started <- strconv.Itoa(n)
		return p, log, err
	}})
	require.NoError(t, err)
	return k, started, fell
}

func next(t *testing.T, ch <-chan string, what string) string {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(limit):
		require.Fail(t, what)
		return ""
	}
}

// A worker that ends by itself is started again; whether it may have ended at all depends on what it was at.
func TestAWorkerThatEndsIsStartedAgain(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		script string
		outage bool
		fell   string
	}{
		"an outage strikes one that starts": {script: `[ "$1" = 2 ] && exec sleep 1000; exit 1`, outage: true},
		"nothing struck it":                 {script: `[ "$1" = 2 ] && exec sleep 1000; echo no key; exit 1`, fell: "it ended: shell ended: exit status 1; its last words:\nno key"},
		"an outage strikes one that works":  {script: `[ "$1" = 2 ] && exec sleep 1000; echo msg=working; exit 1`, outage: true, fell: "it ended: shell ended: exit status 1; its last words:\nmsg=working"},
		"it ends as if it were done":        {script: `[ "$1" = 2 ] && exec sleep 1000; exit 0`, fell: "it ended: <nil>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var o outages
			play := func(f func() error) error { return f() }
			if tt.outage {
				play = o.during
			}
			require.NoError(t, play(func() error {
				k, started, fell := kept(t, &o, tt.script)
				require.Equal(t, "1", next(t, started, "it was not started"))
				require.Equal(t, "2", next(t, started, "it was not started again"))
				require.NoError(t, k.end(0))
				if tt.fell != "" {
					require.Equal(t, tt.fell, next(t, fell, "nobody was told"))
				}
				require.Empty(t, fell)
				require.Empty(t, started, "one that was ended stays so")
				return nil
			}))
		})
	}
}

func TestAnOutageCountsFromBeginningToEnd(t *testing.T) {
	t.Parallel()
	var o outages
	before, within := o.mark(), int64(0)
	require.False(t, o.any(before))
	require.NoError(t, o.during(func() error {
		within = o.mark()
		require.True(t, o.any(before), "one that has begun")
		require.True(t, o.any(within), "one that lasts")
		return nil
	}))
	require.True(t, o.any(before), "one that is over")
	require.True(t, o.any(within), "one that was there at the mark")
	require.False(t, o.any(o.mark()))
}
