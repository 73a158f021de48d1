package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/demo"
)

func (a *app) envCommand() *cobra.Command {
	return &cobra.Command{
		Use: "env", Short: "print what other programs need to reach the running development stack",
		Long: "Prints, as lines that a shell can read, the addresses, base URLs and credentials of the development stack that runs in the current directory (make dev, make demo). " +
			"They open the stack and nothing else: the vendors are sandboxes on this machine. docs/cli.md lists them with examples.",
		Example: "  eval \"$(bin/starter env)\"\n  bin/starter env --json", Args: flagsOnly,
		RunE: func(*cobra.Command, []string) error {
			stack, err := runningStack()
			if err != nil {
				return err
			}
			return a.print(stack, func(w io.Writer) { printEnv(w, stack) })
		},
	}
}

// runningStack reads what the stack in the current directory says of itself.
func runningStack() (config.Stack, error) {
	var s config.Stack
	for _, dir := range []string{config.StackDir, demo.Dir} {
		text, err := os.ReadFile(filepath.Join(dir, "env.json"))
		if err != nil || !config.StackRuns(dir) {
			continue
		}
		if err := json.Unmarshal(text, &s); err != nil {
			return s, fail(exitFailed, "Stop the stack and start it again.", "%s/env.json cannot be read: %s", dir, err)
		}
		return s, nil
	}
	return s, fail(exitNotFound, "Start one with `make dev`, and run this in the same directory.", "no development stack runs in this directory")
}

// printEnv writes export lines. Names of base URLs and files become REPSYNC_URL_… and REPSYNC_FILE_…, those of
// credentials REPSYNC_….
func printEnv(w io.Writer, s config.Stack) {
	line := func(name, value string) { fmt.Fprintf(w, "export %s=%s\n", name, quote(value)) }
	line(config.VarDatabaseURL, s.DatabaseURL)
	line(config.VarKeyring, s.Keyring)
	line(config.VarConfig, s.Config)
	line("TEMPORAL_ADDRESS", s.Temporal.Address)
	line("TEMPORAL_NAMESPACE", s.Temporal.Namespace)
	line("TEMPORAL_UI", s.Temporal.UI)
	for _, group := range []struct {
		prefix string
		values map[string]string
	}{{"REPSYNC_URL_", s.BaseURLs}, {"REPSYNC_FILE_", s.Files}, {"REPSYNC_", s.Credentials}} {
		for _, name := range slices.Sorted(maps.Keys(group.values)) {
			line(group.prefix+envName(name), group.values[name])
		}
	}
}

func envName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(s))
}

// quote makes a value safe for a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
