//go:build crashpoints

package activities

import (
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// VarCrashAt names the point at which a worker built with the tag crashpoints kills itself: "POINT" or "POINT#N" for the
// N-th time that it is reached.
const VarCrashAt = "REPSYNC_CRASH_AT"

// VarPoints names a file to which every point is appended that is reached, one a line, so that a test knows how often each
// is.
const VarPoints = "REPSYNC_POINTS"

var reached atomic.Int64

func (a *Activities) at(p Point) {
	if path := os.Getenv(VarPoints); path != "" {
		if f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil { // a test misses what could not be noted
			_, _ = f.WriteString(string(p) + "\n")
			_ = f.Close()
		}
	}
	name, times, _ := strings.Cut(os.Getenv(VarCrashAt), "#")
	if name != string(p) {
		return
	}
	n, err := strconv.ParseInt(times, 10, 64)
	if err != nil {
		n = 1
	}
	if reached.Add(1) == n {
		signal.Reset(syscall.SIGKILL)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // until the signal is delivered
	}
}
