//go:build profile

package main

import (
	"log/slog"
	"os"
	"runtime/pprof"
)

// varProfile names the file that takes a CPU profile of a worker built with the tag profile, from its start to its end. The
// bench takes its profiles so (docs/bench.md).
const varProfile = "REPSYNC_PROFILE"

// profile begins a profile where the environment names a file for it, and returns what ends it.
func profile(log *slog.Logger) (end func()) {
	path := os.Getenv(varProfile)
	if path == "" {
		return func() {}
	}
	f, err := os.Create(path)
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	if err != nil {
		log.Error("profile", slog.String("error", err.Error()))
		return func() {}
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}
}
