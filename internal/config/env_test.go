package config

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// stackJSON is what a development stack writes.
const stackJSON = `{"pid": 1, "database_url": "postgres://stack", "keyring": "/s/keyring.json", "config": "/s/repsync.yaml",
	"temporal": {"address": "127.0.0.1:7300", "namespace": "default", "ui": "http://127.0.0.1:8300"}}`

// stackDir makes the directory of a stack that runs, or of one that ended without cleaning up.
func stackDir(t *testing.T, runs bool) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "env.json"), []byte(stackJSON), 0o600))
	lock, err := os.Create(filepath.Join(dir, "lock"))
	require.NoError(t, err)
	t.Cleanup(func() { lock.Close() })
	if runs {
		require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
	}
	return dir
}

// from runs fromEnv on the given variables alone.
func from(t *testing.T, dir string, environ ...string) (Env, error) {
	t.Helper()
	return fromEnv(func(name string) (string, bool) {
		for _, v := range environ {
			if value, ok := strings.CutPrefix(v, name+"="); ok {
				return value, true
			}
		}
		return "", false
	}, environ, dir)
}

func TestFromEnv(t *testing.T) {
	t.Parallel()
	none, running := t.TempDir(), stackDir(t, true)
	tests := []struct {
		name    string
		dir     string
		environ []string
		want    Env
		address string
		stack   bool
	}{
		{
			"variables alone", none, []string{"DATABASE_URL=postgres://db", "REPSYNC_KEYRING=/k", "REPSYNC_CONFIG=/c.yaml", "TEMPORAL_ADDRESS=t:7233"},
			Env{DatabaseURL: "postgres://db", Keyring: "/k", ConfigFile: "/c.yaml"}, "t:7233", false,
		},
		{
			"the configuration's name has a default", none, []string{"DATABASE_URL=postgres://db", "REPSYNC_KEYRING=/k", "TEMPORAL_ADDRESS=t:7233"},
			Env{DatabaseURL: "postgres://db", Keyring: "/k", ConfigFile: "repsync.yaml"}, "t:7233", false,
		},
		{
			"a running stack alone", running, nil,
			Env{DatabaseURL: "postgres://stack", Keyring: "/s/keyring.json", ConfigFile: "/s/repsync.yaml"}, "127.0.0.1:7300", true,
		},
		{
			"each variable goes before the stack", running, []string{"DATABASE_URL=postgres://db"},
			Env{DatabaseURL: "postgres://db", Keyring: "/s/keyring.json", ConfigFile: "/s/repsync.yaml"}, "127.0.0.1:7300", true,
		},
		{
			"Temporal's too", running, []string{"TEMPORAL_ADDRESS=t:7233", "REPSYNC_CONFIG=mine.yaml"},
			Env{DatabaseURL: "postgres://stack", Keyring: "/s/keyring.json", ConfigFile: "mine.yaml"}, "t:7233", true,
		},
		{
			"an empty variable says nothing", running, []string{"DATABASE_URL=", "TEMPORAL_ADDRESS="},
			Env{DatabaseURL: "postgres://stack", Keyring: "/s/keyring.json", ConfigFile: "/s/repsync.yaml"}, "127.0.0.1:7300", true,
		},
		{
			"nothing is left for the stack", running, []string{"DATABASE_URL=d", "REPSYNC_KEYRING=k", "REPSYNC_CONFIG=c", "TEMPORAL_ADDRESS=t:7233"},
			Env{DatabaseURL: "d", Keyring: "k", ConfigFile: "c"}, "t:7233", false,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := from(t, tt.dir, tt.environ...)
			require.NoError(t, err)
			require.Equal(t, tt.address, got.Temporal.HostPort)
			require.Equal(t, tt.stack, got.Stack != "", "whether the stack filled something in")
			got.Temporal, got.Stack = tt.want.Temporal, ""
			require.Equal(t, tt.want, got)
		})
	}
}

func TestFromEnvNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	stopped := stackDir(t, false)
	tests := []struct {
		name    string
		dir     string
		environ []string
		want    []string
		not     string
	}{
		{"both", t.TempDir(), nil, []string{"DATABASE_URL (", "REPSYNC_KEYRING (", "make dev"}, "no longer runs"},
		{"one", t.TempDir(), []string{"DATABASE_URL=d"}, []string{"not set: REPSYNC_KEYRING ("}, "DATABASE_URL"},
		{"blank counts as missing", t.TempDir(), []string{"DATABASE_URL= ", "REPSYNC_KEYRING=k"}, []string{"not set: DATABASE_URL ("}, "REPSYNC_KEYRING"},
		{"a stack that ended is not used", stopped, nil, []string{"DATABASE_URL (", "left from a stack that no longer runs"}, "postgres://stack"},
		{"Temporal's variables", t.TempDir(), []string{"DATABASE_URL=d", "REPSYNC_KEYRING=k", "TEMPORAL_PROFILE=nobody-has-this"}, []string{"TEMPORAL_"}, "make dev"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := from(t, tt.dir, tt.environ...)
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), tt.not)
		})
	}
}

func TestFromEnvRefusesHalfAFile(t *testing.T) {
	t.Parallel()
	dir := stackDir(t, true)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "env.json"), []byte(`{"pid": `), 0o600))
	_, err := from(t, dir)
	require.ErrorContains(t, err, "env.json")
	require.ErrorContains(t, err, "start it again")
}
