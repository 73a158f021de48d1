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

// VarCrashAt names the point at which a worker built with the tag crashpoints kills itself: "POINT", "POINT@OPERATION" for a
// batch that does that (see Operation), and either with "#N" for the N-th time that it is reached.
const VarCrashAt = "REPSYNC_CRASH_AT"

// VarPoints names a file to which every point is appended that is reached, one a line, with its operation where it has one,
// so that a test knows how often each is.
const VarPoints = "REPSYNC_POINTS"

var reached atomic.Int64

func (a *Activities) at(p Point, operation ...string) {
	full := strings.Join(append([]string{string(p)}, operation...), "@")
	if path := os.Getenv(VarPoints); path != "" {
		if f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil { // a test misses what could not be noted
			_, _ = f.WriteString(full + "\n")
			_ = f.Close()
		}
	}
	name, times, _ := strings.Cut(os.Getenv(VarCrashAt), "#")
	if name != string(p) && name != full {
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
