package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// TestWrongCommandLines needs no server: what is wrong is said before anything is opened.
func TestWrongCommandLines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args string
		want []string
	}{
		"an unknown verb":           {"frob", []string{`there is no verb "starter frob"`, "See `starter --help`"}},
		"a misspelt verb":           {"rep statr", []string{"did you mean start", "See `starter rep --help`"}},
		"one with flags":            {"rep statsu --org acme --rep alice", []string{`no verb "starter rep statsu"`, "did you mean status", "See `starter rep --help`"}},
		"a verb without its group":  {"status --org acme --rep alice", []string{`no verb "starter status"`, "did you mean org status or rep status"}},
		"flags without a verb":      {"rep --org acme", []string{"unknown flag: --org"}},
		"a word instead of a flag":  {"rep add alice", []string{"takes flags only", `"alice"`, "See `starter rep add --help`"}},
		"an unknown flag":           {"rep start --orgs acme", []string{"unknown flag: --orgs", "See `starter rep start --help`"}},
		"a flag without its value":  {"rep start --org", []string{"flag needs an argument"}},
		"a value of the wrong type": {"journal list --org acme --after soon", []string{"invalid argument", "--after"}},
		"missing flags":             {"rep add --org acme", []string{`"mailbox", "rep" not set`}},
		"no org":                    {"org status", []string{`"org" not set`}},
		"no file":                   {"policy apply --org acme", []string{`"file" not set`}},
		"no digest":                 {"release --org acme --rep alice", []string{`"digest" not set`}},
		"explain what":              {"explain --org acme --rep alice", []string{"at least one", "item email"}},
		"explain two things":        {"explain --org acme --rep alice --item 003 --email a@b.test", []string{"none of the others can be"}},
		"show two things":           {"policy show --org acme --rep alice --name x", []string{"none of the others can be"}},
		"no address to explain":     {"explain --org acme --rep alice --email jane", []string{`"jane" is no email address`, "jane@example.com"}},
		"a mailbox without domain":  {"rep add --org acme --rep alice --mailbox alice", []string{"no address of a mailbox", "alice@acme.test"}},
		"a named mailbox":           {"rep add --org acme --rep alice --mailbox Alice<alice@acme.test>", []string{"no address of a mailbox"}},
		"a rep's name with a colon": {"rep add --org acme --rep a:b --mailbox alice@acme.test", []string{`"a:b" is no name for a rep`, "lower-case letters"}},
		"a rep's name in capitals":  {"rep add --org acme --rep Alice --mailbox alice@acme.test", []string{"no name for a rep"}},
		"a rep's name that is long": {"rep add --org acme --rep " + strings.Repeat("a", 64) + " --mailbox alice@acme.test", []string{"at most 63"}},
		"no such file":              {"policy validate -f nowhere.yaml", []string{"nowhere.yaml: no such file", "Give the path"}},
		"an empty rep":              {"rep start --org acme --rep=", []string{"--rep is empty"}},
		"no lines":                  {"journal list --org acme -n 0", []string{"from 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := starter(t, strings.Fields(c.args)...).wants(exitUsage, c.want...)
			require.Empty(t, a.out)
			require.True(t, strings.HasPrefix(a.errs, "starter: "), a.errs)

			j := starter(t, append(strings.Fields(c.args), "--json")...)
			require.Equal(t, exitUsage, j.code)
			j.out = j.errs
			said := j.json()
			require.EqualValues(t, exitUsage, said["exit_code"])
			require.NotEmpty(t, said["error"])
			require.NotEmpty(t, said["remedy"])
		})
	}
}

// TestHelp keeps every page of help as a golden file; -update writes it anew.
func TestHelp(t *testing.T) {
	t.Parallel()
	var pages bytes.Buffer
	each(newRoot(&app{}), func(cmd *cobra.Command) {
		args := slices.Concat(strings.Fields(cmd.CommandPath())[1:], []string{"--help"})
		a := starter(t, args...).wants(exitOK, "Usage:")
		require.Empty(t, a.errs)
		pages.WriteString("$ starter " + strings.Join(args, " ") + "\n" + a.out + "\n")
	})
	golden := filepath.Join(bench.module, "testdata", "help.txt")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o750))
		require.NoError(t, os.WriteFile(golden, pages.Bytes(), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), pages.String(), "go test ./starter -run TestHelp -update writes it anew")
}

// TestExamplesAreRight parses the example lines of every verb: their flags exist, and those that must be given are.
func TestExamplesAreRight(t *testing.T) {
	t.Parallel()
	each(newRoot(&app{}), func(cmd *cobra.Command) {
		if cmd.HasAvailableSubCommands() && cmd.HasParent() {
			return
		}
		require.NotEmpty(t, cmd.Example, "%s has no example", cmd.CommandPath())
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			for part := range strings.SplitSeq(line, " | ") {
				_, words, found := strings.Cut(strings.Trim(part, ` ")`), "starter ")
				require.True(t, found, line)
				parses(t, strings.Fields(words))
			}
		}
	})
}

func parses(t *testing.T, args []string) {
	t.Helper()
	cmd, rest, err := newRoot(&app{}).Find(args)
	require.NoError(t, err, args)
	require.NoError(t, cmd.ParseFlags(rest), args)
	require.NoError(t, cmd.ValidateRequiredFlags(), args)
	require.NoError(t, cmd.ValidateFlagGroups(), args)
	require.Empty(t, cmd.Flags().Args(), args)
}

// TestEveryVerbIsDocumented keeps docs/cli.md whole.
func TestEveryVerbIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(bench.module, "..", "docs", "cli.md"))
	require.NoError(t, err)
	each(newRoot(&app{}), func(cmd *cobra.Command) {
		if !cmd.HasAvailableSubCommands() {
			require.Contains(t, string(page), "`"+cmd.CommandPath()+"`")
		}
	})
}

// each visits every command of ours.
func each(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, sub := range cmd.Commands() {
		if sub.Name() != "help" && sub.Name() != "completion" {
			each(sub, visit)
		}
	}
}
