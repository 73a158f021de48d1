package postgres

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	embedded "github.com/fergusstrange/embedded-postgres"
)

const oldest = 15 // the major version that Repsync needs

// binaries returns the directory with initdb and postgres: that of the PATH, the newest that Debian keeps out of it, or
// a release that is fetched into dir/bin once.
func binaries(dir string, log io.Writer) (string, error) {
	if p, err := exec.LookPath("postgres"); err == nil {
		if target, err := filepath.EvalSymlinks(p); err == nil && complete(filepath.Dir(target)) {
			return filepath.Dir(target), nil
		}
	}
	best, version := "", oldest-1
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	for _, bin := range found {
		v, err := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
		if err == nil && v > version && complete(bin) {
			best, version = bin, v
		}
	}
	if best != "" {
		return best, nil
	}
	return fetch(filepath.Join(dir, "bin"), log)
}

func complete(bin string) bool {
	for _, name := range []string{"postgres", "initdb"} {
		if info, err := os.Stat(filepath.Join(bin, name)); err != nil || info.IsDir() {
			return false
		}
	}
	return true
}

// fetch downloads a release with embedded-postgres. That library fetches only as part of starting a server of its own, so
// one is started on throw-away data and ended.
func fetch(into string, log io.Writer) (string, error) {
	bin := filepath.Join(into, "bin")
	if complete(bin) {
		return bin, nil
	}
	if os.Geteuid() == 0 {
		return "", errors.New("no Postgres binaries on this machine, and root may not run fetched ones; install Postgres 15 or newer, or set DATABASE_URL")
	}
	scratch, err := os.MkdirTemp("", "repsync-fetch-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	port, err := freePort()
	if err != nil {
		return "", err
	}
	e := embedded.NewDatabase(embedded.DefaultConfig().Version(embedded.V17).Port(uint32(port)).Logger(log).
		BinariesPath(into).RuntimePath(filepath.Join(scratch, "run")).DataPath(filepath.Join(scratch, "data")))
	if err := e.Start(); err != nil {
		return "", fmt.Errorf("fetch postgres binaries: %w; install Postgres 15 or newer, or set DATABASE_URL", err)
	}
	if err := e.Stop(); err != nil {
		return "", fmt.Errorf("fetch postgres binaries: %w", err)
	}
	return bin, nil
}
