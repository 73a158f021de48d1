//go:build unix

package config

import (
	"os"
	"syscall"
)

// shareLock takes a shared lock on f without waiting and tells whether it got it; closing f drops it.
func shareLock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil
}
