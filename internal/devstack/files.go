package devstack

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"github.com/repsync/repsync/internal/config"
)

const (
	envFile     = "env.json"
	configFile  = "repsync.yaml"
	keyringFile = "keyring.json"
)

// configHead tells a reader of the file whose it is.
const configHead = "# Written by the development stack at each start: edits are lost. Write your own and name it with REPSYNC_CONFIG.\n"

// writeConfig writes the stack's repsync.yaml and returns its path.
func writeConfig(dir string, c config.Config) (string, error) {
	text, err := yaml.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("write %s: %w", configFile, err)
	}
	path := filepath.Join(dir, configFile)
	return path, replace(path, append([]byte(configHead), text...))
}

// writeEnv writes the stack's env.json.
func writeEnv(dir string, s config.Stack) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", envFile, err)
	}
	return replace(filepath.Join(dir, envFile), append(text, '\n'))
}

// replace writes a file that only its owner may read, so that a reader sees the old text or the new, never half of it.
func replace(path string, text []byte) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, text, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// removeEnv removes env.json and tells whether there was one.
func removeEnv(dir string) (was bool, err error) {
	err = os.Remove(filepath.Join(dir, envFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("remove the stack's addresses: %w", err)
	}
	return true, nil
}

const (
	temporalDB   = "temporal.db"
	postgresName = "postgres"
	rootsData    = "/var/lib/repsync" // where root's stacks keep what Postgres's user must reach
)

// removeData removes what an earlier run stored, so that the next one starts with nothing.
func removeData(dir string) error {
	var errs []error
	for _, name := range []string{temporalDB, temporalDB + "-wal", temporalDB + "-shm", keyringFile} {
		if err := os.Remove(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	postgres := filepath.Join(dir, postgresName)
	if target, err := os.Readlink(postgres); err == nil {
		errs = append(errs, os.RemoveAll(target))
	}
	return errors.Join(append(errs, os.RemoveAll(postgres))...)
}

// postgresDir returns the directory of Postgres's files: "postgres" in the stack's own. Postgres refuses to run as root,
// so root's stack has it elsewhere, with a symbolic link to it, where the user that Postgres runs as cannot get through to
// the stack's directory.
func postgresDir(dir string) (string, error) {
	path := filepath.Join(dir, postgresName)
	if target, err := os.Readlink(path); err == nil {
		return target, nil
	}
	if os.Geteuid() != 0 {
		return path, nil
	}
	if passable(filepath.Dir(dir)) {
		if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // to pass through, not to list; the files in it are 0600
			return "", fmt.Errorf("let Postgres's user pass: %w", err)
		}
		return path, nil
	}
	sum := sha256.Sum256([]byte(dir))
	elsewhere := filepath.Join(rootsData, hex.EncodeToString(sum[:6]))
	if err := os.MkdirAll(elsewhere, 0o755); err != nil { //nolint:gosec // Postgres's user passes through; the data itself is 0700
		return "", fmt.Errorf("make Postgres's directory: %w", err)
	}
	if err := os.Symlink(elsewhere, path); err != nil {
		return "", fmt.Errorf("link Postgres's directory: %w", err)
	}
	return elsewhere, nil
}

// passable tells whether every user may pass through a directory and all directories above it.
func passable(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
		dir = filepath.Dir(dir)
	}
}
