package postgres

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Temporary clusters lie in /tmp, whatever TMPDIR says: the server's user must be able to pass through.
const tempDir, tempPrefix = "/tmp", "repsync-postgres-"

// temporary makes a directory that Stop removes. A process that is killed cannot call Stop: its server ends with it, and
// its directory goes with the next temporary cluster that somebody starts.
func temporary() (string, error) {
	left, err := filepath.Glob(filepath.Join(tempDir, tempPrefix+"*"))
	if err != nil {
		return "", err
	}
	for _, dir := range left {
		if abandoned(dir) {
			_ = os.RemoveAll(dir) // another user's: theirs to remove
		}
	}
	dir, err := os.MkdirTemp(tempDir, tempPrefix)
	if err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "parent"), []byte(strconv.Itoa(os.Getpid())), 0o600)
}

// abandoned reports whether the process that made a directory is gone. One that does not say who made it is left alone.
func abandoned(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, "parent"))
	if err != nil {
		return false
	}
	pid, err := strconv.Atoi(string(b))
	return err == nil && pid > 0 && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}
