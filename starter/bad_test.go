package main

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/demo/wire"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/workflows"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// mailbox is the stack's Google as one of its people reaches it.
func mailbox(address string) wire.People {
	return wire.People{Endpoint: wire.Endpoint{BaseURL: bench.stack.Sandbox.GoogleURL, Token: func(context.Context) (string, error) {
		return bench.stack.Sandbox.Google.MintToken(address)
	}}}
}

// TestUnknownOrgsAndReps: every verb that names one says so, and how to find the right one.
func TestUnknownOrgsAndReps(t *testing.T) {
	t.Parallel()
	ofOrg := []string{"org status", "rep list", "policy list", "policy show", "journal list"}
	ofRep := []string{"rep start", "rep stop", "rep pause", "rep resume", "rep status", "sync", "release --digest aa", "explain --item 003", "parked list", "parked retry", "policy show", "journal list"}
	for _, verb := range append(ofOrg, ofRep...) {
		args := with(verb, []string{"--org", "nowhere", "--rep", "alice"})
		if strings.HasPrefix(verb, "org") || verb == "rep list" || verb == "policy list" {
			args = args[:len(args)-2]
		}
		t.Run("org in "+verb, func(t *testing.T) {
			t.Parallel()
			starter(t, args...).wants(exitNotFound, `names no org "nowhere"`, "repsync.yaml", "starter org list")
		})
	}
	for _, verb := range ofRep {
		t.Run("rep in "+verb, func(t *testing.T) {
			t.Parallel()
			starter(t, with(verb, []string{"--org", "acme", "--rep", "zed"})...).wants(exitNotFound, `there is no rep "zed" in org acme`, "starter rep add --org acme --rep zed", "starter rep list --org acme")
		})
	}
	starter(t, "rep", "start", "--org", "acme", "--rep", "a b").wants(exitNotFound, `no rep "a b"`, "See `starter rep list --org acme`.")
}

func TestRepAddRefuses(t *testing.T) {
	t.Parallel()
	who, address := hire(t, "list", "lea", "")
	starter(t, with("rep add", who, "--mailbox", address)...).wants(exitOK)
	user := starter(t, "rep", "list", "--org", "list", "--json").wants(exitOK).list()
	require.NotEmpty(t, user)
	_, other := hire(t, "list", "moe", "")
	gone := bench.stack.Sandbox.AddRep("list.gone@acme.test", "Gone", "")
	bench.stack.Sandbox.Salesforce.SetActive(gone, false)
	add := func(rep string, more ...string) answer {
		return starter(t, append([]string{"rep", "add", "--org", "list", "--rep", rep}, more...)...)
	}
	add("moe", "--mailbox", "moe@elsewhere.test").wants(exitRefused, "no entry of mailboxes names the domain elsewhere.test", "repsync.yaml")
	add("moe", "--mailbox", "list.nobody@acme.test").wants(exitNotFound, "no active user with the address list.nobody@acme.test", "--crm-user ID")
	add("moe", "--mailbox", other, "--crm-user", "005nobody").wants(exitNotFound, `no user "005nobody"`, "begin with 005")
	add("moe", "--mailbox", other, "--crm-user", gone).wants(exitRefused, "is not active")
	add("moe", "--mailbox", address).wants(exitRefused, "is rep lea's")
	add("moe", "--mailbox", address, "--crm-user", crmUser(other)).wants(exitRefused, "another rep of org list has the mailbox", "starter rep list --org list")
	add("moe", "--mailbox", other).wants(exitOK, "added")
	add("moe", "--mailbox", "list.moe2@acme.test", "--crm-user", crmUser(other)).wants(exitOK, "changed rep moe", "next pass")
}

func crmUser(address string) string {
	for _, u := range bench.stack.Sandbox.Salesforce.All("User") {
		if u["Username"] == address {
			return u["Id"].(string)
		}
	}
	return ""
}

// TestServersDown changes the process's environment and therefore runs alone.
func TestServersDown(t *testing.T) {
	db := must(url.Parse(bench.stack.Info.DatabaseURL))
	wrongPassword, wrongName := *db, *db
	wrongPassword.User = url.UserPassword(db.User.Username(), "wrong")
	wrongName.Path = "/nowhere"
	otherRing := filepath.Join(t.TempDir(), "keyring.json")
	must(keyring.Generate(otherRing))
	who, address := hire(t, "acme", "eve", "")
	starter(t, with("rep add", who, "--mailbox", address)...).wants(exitOK)
	broken := document(t, "orgs: {acme: {crm: {connector: salesfarce}}}\n")
	for name, c := range map[string]struct {
		variable, value string
		verb            string
		code            int
		want            []string
	}{
		"no Postgres":            {config.VarDatabaseURL, "postgres://u:p@127.0.0.1:1/x", "rep status", exitUnreachable, []string{"Postgres does not answer", "Check DATABASE_URL and that Postgres runs"}},
		"a malformed address":    {config.VarDatabaseURL, "postgres//x", "rep status", exitFailed, []string{"malformed", "postgres://user:password@host:port/database"}},
		"a wrong password":       {config.VarDatabaseURL, wrongPassword.String(), "rep status", exitUnreachable, []string{"Postgres refuses the credentials", "password in DATABASE_URL"}},
		"a wrong database":       {config.VarDatabaseURL, wrongName.String(), "rep status", exitUnreachable, []string{"no such database", "Create it"}},
		"no keyring":             {config.VarKeyring, "/nowhere/keyring.json", "rep status", exitFailed, []string{"there is no keyring at /nowhere/keyring.json", "REPSYNC_KEYRING"}},
		"another keyring":        {config.VarKeyring, otherRing, "rep status", exitFailed, []string{"does not open what is stored", "Set REPSYNC_KEYRING"}},
		"no configuration":       {config.VarConfig, "/nowhere/repsync.yaml", "rep status", exitFailed, []string{"/nowhere/repsync.yaml", "REPSYNC_CONFIG"}},
		"a broken configuration": {config.VarConfig, broken, "rep status", exitFailed, []string{"salesfarce", "write connector: salesforce"}},
		"no Temporal":            {"TEMPORAL_ADDRESS", "127.0.0.1:1", "rep start", exitUnreachable, []string{"Temporal does not answer at 127.0.0.1:1", "Check TEMPORAL_ADDRESS"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(c.variable, c.value)
			a := starter(t, with(c.verb, who)...).wants(c.code, c.want...)
			require.NotContains(t, a.errs, "wrong", "no password in messages")
		})
	}
	t.Run("nothing is set", func(t *testing.T) {
		t.Chdir(t.TempDir())
		starter(t, with("rep status", who)...).wants(exitFailed, "not set: DATABASE_URL", "REPSYNC_KEYRING", "make dev")
		starter(t, "env").wants(exitNotFound, "no development stack runs in this directory", "make dev")
	})
	t.Run("no such namespace", func(t *testing.T) {
		t.Setenv("TEMPORAL_ADDRESS", bench.stack.Info.Temporal.Address)
		t.Setenv("TEMPORAL_NAMESPACE", "nowhere")
		for _, verb := range []string{"rep status", "rep start", "rep pause", "rep stop", "sync"} {
			starter(t, with(verb, who)...).wants(exitUnreachable, `has no namespace "nowhere"`, "TEMPORAL_NAMESPACE")
		}
		for _, verb := range []string{"rep list --org acme", "org status --org acme"} {
			starter(t, strings.Fields(verb)...).wants(exitUnreachable, `has no namespace "nowhere"`)
		}
	})
}

// TestNoWorker runs against a namespace that nobody works in.
func TestNoWorker(t *testing.T) {
	who, address := hire(t, "acme", "wes", "")
	starter(t, with("rep add", who, "--mailbox", address)...).wants(exitOK)
	_, err := bench.temporal.WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{Namespace: "idle", WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour)})
	require.NoError(t, err)
	t.Setenv("TEMPORAL_ADDRESS", bench.stack.Info.Temporal.Address)
	t.Setenv("TEMPORAL_NAMESPACE", "idle")
	var started answer
	require.Eventually(t, func() bool { // a new namespace takes a while to be known
		started = starter(t, with("rep start", who)...)
		return started.code == exitOK
	}, 20*time.Second, 200*time.Millisecond)
	started.wants(exitOK, "rep:acme:wes: started", "warning: no worker asks for work on the task queue "+workflows.TaskQueue)
	starter(t, with("rep pause", who)...).wants(exitOK, "warning: no worker")
	starter(t, with("rep status", who)...).wants(exitOK, "no worker answers", "bin/worker")
	starter(t, with("sync", who)...).wants(exitUnreachable, "no worker answers for rep wes", "bin/worker")
	starter(t, with("rep stop", who)...).wants(exitUnreachable, "asked to stop, and no worker runs to do it")
	starter(t, "org", "status", "--org", "acme").wants(exitOK, "the feed does not run: start a worker")
}

// TestEnv signs in to both vendors with nothing but what `env` prints.
func TestEnv(t *testing.T) {
	t.Parallel()
	said := starter(t, "env", "--json").wants(exitOK).json()
	require.Subset(t, keys(said), []string{"database_url", "keyring", "config", "temporal", "base_urls", "files", "credentials"})
	_, address := hire(t, "acme", "una", "")
	script := starter(t, "env").wants(exitOK).out + `
for user in "$REPSYNC_SALESFORCE_USERNAME" ` + address + `; do
  echo "grant_type=password&client_id=$REPSYNC_SALESFORCE_CLIENT_ID&client_secret=$REPSYNC_SALESFORCE_CLIENT_SECRET&username=$user&password=$REPSYNC_SALESFORCE_PASSWORD"
done
echo "$REPSYNC_URL_SALESFORCE_TOKEN $REPSYNC_URL_GOOGLE_TOKEN $REPSYNC_URL_CONTROL_TOKEN $TEMPORAL_UI $REPSYNC_SALESFORCE_ORG_ID $REPSYNC_GOOGLE_DOMAIN $REPSYNC_GOOGLE_CLIENT_ID $REPSYNC_GOOGLE_CLIENT_SECRET $REPSYNC_URL_GOOGLE $REPSYNC_FILE_GOOGLE_SERVICE_ACCOUNT"
`
	cmd := exec.CommandContext(t.Context(), "sh", "-eu")
	cmd.Stdin = strings.NewReader(script)
	printed, err := cmd.Output()
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(printed)), "\n")
	require.Len(t, lines, 3)
	rest := strings.Fields(lines[2])
	require.Len(t, rest, 10)
	for _, form := range lines[:2] {
		resp, err := http.Post(rest[0], "application/x-www-form-urlencoded", strings.NewReader(form))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode, form)
	}
	resp, err := http.Post(rest[2], "application/json", strings.NewReader(`{"vendor":"google","user":"`+address+`"}`))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	_, err = os.Stat(rest[9])
	require.NoError(t, err)
}

// TestDevAndDemoRefuse what cannot work before they start a server.
func TestDevAndDemoRefuse(t *testing.T) {
	t.Parallel()
	starter(t, "demo", "--vcf", "nowhere.vcf").wants(exitFailed, "nowhere.vcf")
	starter(t, "dev").wants(exitFailed, "make build") // the worker's binary is not beside a test's
}
