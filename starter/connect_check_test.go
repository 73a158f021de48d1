package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// plain takes what differs from run to run out of an output: ports, and the paths of the stack's directory.
func plain(text string) string {
	text = regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(text, "127.0.0.1:PORT")
	text = regexp.MustCompile(`/\S*/(starter\d+|faulty)/`).ReplaceAllString(text, "DIR/")
	text = regexp.MustCompile(`\b005[A-Za-z0-9]{15}\b`).ReplaceAllString(text, "005USER")
	return regexp.MustCompile(`\d+ of 100000 were`).ReplaceAllString(text, "N of 100000 were")
}

// TestConnectCheckReads holds the outputs that a first-time user sees: one of an org that is in order, one of an org whose
// app nobody knows, one of a vendor that is not there.
func TestConnectCheckReads(t *testing.T) { //nolint:paralleltest // golden files are written in turn
	bench.stack.Sandbox.AddRep("connect.alice@acme.test", "Alice Able", "Field Sales")
	for name, c := range map[string]struct {
		args string
		code int
	}{
		"fine":   {"--org acme --mailbox connect.alice@acme.test", exitOK},
		"denied": {"--org denied", exitUnreachable},
		"away":   {"--org away", exitUnreachable},
		"domain": {"--org acme --mailbox alice@elsewhere.test", exitFailed},
	} {
		a := starter(t, append([]string{"connect", "check"}, strings.Fields(c.args)...)...).wants(c.code)
		got := "$ starter connect check " + c.args + "\n" + plain(a.out+a.errs)
		path := filepath.Join(bench.module, "testdata", "connect_check_"+name+".txt")
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), got, "go test ./starter -run TestConnectCheckReads -update writes it anew")
	}
}

func TestConnectCheckOfARepAndForPrograms(t *testing.T) {
	t.Parallel()
	flags, address := hire(t, "list", "checked", "")
	starter(t, append([]string{"rep", "add", "--mailbox", address}, flags...)...).wants(exitOK)
	r := starter(t, append([]string{"connect", "check", "--json"}, flags...)...).wants(exitOK).json()
	require.Equal(t, "list", r["org"])
	require.Zero(t, r["missing"])
	require.ElementsMatch(t, []string{"org", "steps", "ok", "warnings", "missing", "not_tried"}, keys(r))
	require.Contains(t, plain(starter(t, append([]string{"connect", "check"}, flags...)...).out), "the mailbox is there: "+address)

	starter(t, "connect", "check", "--org", "list", "--rep", "nobody").wants(exitNotFound, `no rep "nobody"`)
	starter(t, "connect", "check", "--org", "acne").wants(exitNotFound, `no org "acne"`, "Add it under orgs")
	starter(t, "connect", "check", "--org", "acme", "--mailbox", "alice").wants(exitUsage, "is no address")
	starter(t, "connect", "check", "--org", "acme", "--mailbox", "a@acme.test", "--rep", "a").wants(exitUsage, "none of the others can be")
	denied := starter(t, "--json", "connect", "check", "--org", "denied").wants(exitUnreachable)
	require.Contains(t, denied.errs, `"exit_code":4`)
	require.EqualValues(t, 1, denied.json()["missing"])
}
