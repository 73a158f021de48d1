package config

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
)

// The variables of the process environment. Temporal's own start with TEMPORAL_ and are read by the SDK's envconfig.
const (
	VarDatabaseURL = "DATABASE_URL"
	VarKeyring     = "REPSYNC_KEYRING"
	VarConfig      = "REPSYNC_CONFIG"
)

// StackDir is where a development stack keeps its files, relative to where it was started.
const StackDir = ".repsync"

// Env is where a process finds everything.
type Env struct {
	DatabaseURL string         // Postgres
	Keyring     string         // the keyring's file
	ConfigFile  string         // repsync.yaml
	Temporal    client.Options // address, namespace, TLS, API key
	Stack       string         // the env.json of the running development stack that filled something in, "" when none did
}

// Config loads the document that e names.
func (e Env) Config() (Config, error) { return Load(e.ConfigFile) }

// Stack is .repsync/env.json: what a running development stack tells to processes beside it. It carries addresses,
// the paths of key files, and the credentials that open the sandbox and nothing else. Only its owner may read the file.
type Stack struct {
	PID         int               `json:"pid"`
	DatabaseURL string            `json:"database_url"`
	Keyring     string            `json:"keyring"`
	Config      string            `json:"config"`
	Temporal    StackTemporal     `json:"temporal"`
	BaseURLs    map[string]string `json:"base_urls"` // the sandbox's servers by name
	Files       map[string]string `json:"files"`     // the credentials' files by name
	// Credentials are what a program signs in to the sandbox with, by name: salesforce_client_id, google_domain.
	Credentials map[string]string `json:"credentials"`
}

// StackTemporal is the stack's Temporal server.
type StackTemporal struct {
	Address   string `json:"address"`   // host:port of the frontend
	Namespace string `json:"namespace"` // "default"
	UI        string `json:"ui"`        // address of the Web UI
}

// File returns the path of the configuration that this process would read, whatever else the environment lacks: the
// variable's, else the running development stack's, else repsync.yaml in the current directory.
func File() (string, error) {
	if path := strings.TrimSpace(os.Getenv(VarConfig)); path != "" {
		return path, nil
	}
	stack, _, err := runningStack(StackDir)
	if err != nil || stack == nil {
		return DefaultFile, err
	}
	return cmp.Or(stack.Config, DefaultFile), nil
}

// FromEnv reads the environment, and for what it does not say the running development stack of the current directory.
// An error names every variable that is missing, and the remedy.
func FromEnv() (Env, error) { return fromEnv(os.LookupEnv, os.Environ(), StackDir) }

func fromEnv(lookup func(string) (string, bool), environ []string, stackDir string) (Env, error) {
	get := func(name string) string {
		v, _ := lookup(name)
		return strings.TrimSpace(v)
	}
	env := Env{DatabaseURL: get(VarDatabaseURL), Keyring: get(VarKeyring), ConfigFile: get(VarConfig)}
	temporalSet := false
	for _, v := range environ {
		name, value, _ := strings.Cut(v, "=")
		temporalSet = temporalSet || (strings.HasPrefix(name, "TEMPORAL_") && value != "")
	}

	stack, note, err := runningStack(stackDir)
	if err != nil {
		return Env{}, err
	}
	if stack != nil {
		if env.DatabaseURL == "" || env.Keyring == "" || env.ConfigFile == "" || !temporalSet {
			env.Stack = filepath.Join(stackDir, "env.json")
		}
		env.DatabaseURL = cmp.Or(env.DatabaseURL, stack.DatabaseURL)
		env.Keyring = cmp.Or(env.Keyring, stack.Keyring)
		env.ConfigFile = cmp.Or(env.ConfigFile, stack.Config)
	}
	env.ConfigFile = cmp.Or(env.ConfigFile, DefaultFile)

	var missing []string
	if env.DatabaseURL == "" {
		missing = append(missing, VarDatabaseURL+" (a Postgres address such as postgres://user:password@host:5432/repsync)")
	}
	if env.Keyring == "" {
		missing = append(missing, VarKeyring+" (the path of the keyring file)")
	}
	if len(missing) > 0 {
		return Env{}, fmt.Errorf("not set: %s; set it, or start `make dev` in this directory%s", strings.Join(missing, ", "), note)
	}

	if stack != nil && !temporalSet {
		env.Temporal = client.Options{HostPort: stack.Temporal.Address, Namespace: stack.Temporal.Namespace}
		return env, nil
	}
	env.Temporal, err = envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{EnvLookup: envLookup{lookup, environ}})
	if err != nil {
		return Env{}, fmt.Errorf("read the TEMPORAL_* variables: %w; correct them, or unset them for a server on 127.0.0.1:7233", err)
	}
	return env, nil
}

// runningStack reads the env.json of a stack that runs, nil when none does; note says so when a stopped one left a file.
func runningStack(dir string) (stack *Stack, note string, err error) {
	path := filepath.Join(dir, "env.json")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("read the development stack's addresses: %w", err)
	}
	if !StackRuns(dir) {
		return nil, " (" + path + " is left from a stack that no longer runs)", nil
	}
	stack = new(Stack)
	if err := json.Unmarshal(text, stack); err != nil {
		return nil, "", fmt.Errorf("read %s: %w; stop the stack and start it again", path, err)
	}
	return stack, "", nil
}

// StackRuns tells whether a development stack runs on dir. A stack holds a lock on its lock file for as long as it
// lives, so that neither a crash nor a reused process id misleads.
func StackRuns(dir string) bool {
	f, err := os.Open(filepath.Join(dir, "lock"))
	if err != nil {
		return false
	}
	defer f.Close()
	return !shareLock(f)
}

// envLookup gives envconfig the environment that fromEnv was given.
type envLookup struct {
	lookup  func(string) (string, bool)
	environ []string
}

func (e envLookup) Environ() []string                    { return e.environ }
func (e envLookup) LookupEnv(name string) (string, bool) { return e.lookup(name) }
