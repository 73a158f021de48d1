package devstack

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lockTries and lockPause bound the wait for somebody who only looks whether a stack runs, and holds the lock for the
// blink of an eye.
const (
	lockTries = 20
	lockPause = 10 * time.Millisecond
)

// RunningError says that a stack runs on the directory already.
type RunningError struct {
	Dir string
	PID int // 0 when it has not told yet
}

// Error names the directory, the process and the remedy.
func (e *RunningError) Error() string {
	return fmt.Sprintf("a development stack runs on %s already (pid %d); use it, stop it, or name another directory", e.Dir, e.PID)
}

// lock takes the directory's lock for as long as the returned file stays open, and writes this process's id into it.
// Error: *RunningError.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	for try := 1; ; try++ {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) || try == lockTries {
			break
		}
		<-time.After(lockPause)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		text, readErr := io.ReadAll(f)
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		return nil, errors.Join(&RunningError{Dir: dir, PID: pid}, readErr, f.Close())
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), f.Close())
	}
	return f, nil
}
