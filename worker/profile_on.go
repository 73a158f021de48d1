//go:build profile

package main

import (
	"log/slog"
	"os"
	"os/signal"
	"runtime/pprof"
	"sync"
	"syscall"
)

// varProfile names the file that takes a CPU profile of a worker built with the tag profile, from its start, or from the last
// SIGUSR1, to its end. The bench takes its profiles so (docs/bench.md).
const varProfile = "REPSYNC_PROFILE"

// profile begins a profile where the environment names a file for it, and returns what ends it.
func profile(log *slog.Logger) (end func()) {
	path := os.Getenv(varProfile)
	if path == "" {
		return func() {}
	}
	var mu sync.Mutex
	var file *os.File
	stop := func() {
		mu.Lock()
		defer mu.Unlock()
		pprof.StopCPUProfile()
		_ = file.Close()
	}
	begin := func() {
		mu.Lock()
		defer mu.Unlock()
		var err error
		if file, err = os.Create(path); err == nil {
			err = pprof.StartCPUProfile(file)
		}
		if err != nil {
			log.Error("profile", slog.String("error", err.Error()))
		}
	}
	begin()
	anew := make(chan os.Signal, 1)
	signal.Notify(anew, syscall.SIGUSR1)
	go func() {
		for range anew {
			stop()
			begin()
		}
	}()
	return stop
}
