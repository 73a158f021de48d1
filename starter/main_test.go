package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/demo/wire"
	"github.com/repsync/repsync/internal/devstack"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/workflows"
)

var update = flag.Bool("update", false, "write the golden files anew")

// bench is what the tests of this binary share: a development stack with a worker in this process, in a directory of its
// own that is the current one, so that the command line finds everything as it does beside `make dev`.
var bench struct {
	stack    *devstack.Stack
	faulty   *sandbox.Sandbox // the vendors of the org "faulty"
	store    *store.Store
	temporal client.Client
	module   string // this package's directory
}

// orgs of the stack's configuration. Tests that assign policies or count calls have one each: both are per org.
var orgs = []string{"acme", "books", "held", "policies", "list", "faulty", "denied", "away", "budget"}

func TestMain(m *testing.M) {
	flag.Parse()
	ctx, cancel := context.WithCancel(context.Background())
	code := 1
	stop, err := setUp(ctx)
	if err == nil {
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, err)
	}
	stop()
	cancel()
	os.Exit(code)
}

// setUp starts everything; stop ends what was started.
func setUp(ctx context.Context) (stop func(), err error) {
	var ends []func()
	stop = func() {
		for _, end := range slices.Backward(ends) {
			end()
		}
	}
	postgresPatience, temporalPatience, queryPatience = 10*time.Second, 4*time.Second, 6*time.Second
	if bench.module, err = os.Getwd(); err != nil {
		return stop, err
	}
	dir, err := os.MkdirTemp("", "starter")
	if err != nil {
		return stop, err
	}
	ends = append(ends, func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { // Postgres's user passes through
		return stop, err
	}
	if err := os.Chdir(dir); err != nil {
		return stop, err
	}
	for _, name := range []string{config.VarDatabaseURL, config.VarKeyring, config.VarConfig, "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"} {
		_ = os.Unsetenv(name) // the stack in this directory is what counts
	}
	if bench.faulty, err = sandbox.Start(ctx, sandbox.Config{Dir: filepath.Join(dir, "faulty")}); err != nil {
		return stop, err
	}
	ends = append(ends, func() { _ = bench.faulty.Close() })
	bench.stack, err = devstack.Start(ctx, devstack.Config{AnyPorts: true, Discard: true, Change: func(o *config.Org) { o.CRM.Feed.Every = time.Second }})
	if err != nil {
		return stop, err
	}
	ends = append(ends, func() { _ = bench.stack.Stop() })
	cfg, err := configure()
	if err != nil {
		return stop, err
	}
	end, err := work(ctx, cfg)
	if end != nil {
		ends = append(ends, end)
	}
	return stop, err
}

// configure writes the stack's configuration anew, with more orgs.
func configure() (config.Config, error) {
	cfg, err := config.Load(bench.stack.Info.Config)
	if err != nil {
		return cfg, err
	}
	acme := cfg.Orgs["acme"]
	for _, name := range orgs {
		cfg.Orgs[name] = acme
	}
	env := bench.faulty.Env()
	faulty := acme
	faulty.CRM.LoginURL, faulty.CRM.BaseURL = env.Salesforce.BaseURL, env.Salesforce.BaseURL
	faulty.CRM.Auth = config.CRMAuth{JWT: &config.JWT{ClientID: env.Salesforce.ClientID, Username: env.Salesforce.Username, KeyFile: env.Salesforce.KeyFile}}
	box := acme.Mailboxes[0]
	box.BaseURLs.People, box.BaseURLs.Calendar = env.Google.PeopleURL, env.Google.PeopleURL+"calendar/v3/"
	box.Auth = config.MailboxAuth{ServiceAccount: &config.ServiceAccount{KeyFile: env.Google.KeyFile, TokenURL: env.Google.TokenURL}}
	faulty.Mailboxes = []config.Mailbox{box}
	cfg.Orgs["faulty"] = faulty
	denied := acme // its connected app is known to nobody
	denied.CRM.Auth = config.CRMAuth{JWT: &config.JWT{ClientID: "nobody", Username: "nobody@acme.test", KeyFile: env.Salesforce.KeyFile}}
	cfg.Orgs["denied"] = denied
	away := acme
	away.CRM.LoginURL, away.CRM.BaseURL = "http://127.0.0.1:1", "http://127.0.0.1:1"
	cfg.Orgs["away"] = away
	text, err := yaml.Marshal(cfg)
	if err != nil {
		return cfg, err
	}
	return cfg, os.WriteFile(bench.stack.Info.Config, text, 0o600)
}

// work runs a worker in this process.
func work(ctx context.Context, cfg config.Config) (end func(), err error) {
	ring, err := keyring.Open(bench.stack.Info.Keyring)
	if err != nil {
		return nil, err
	}
	if bench.store, err = store.Open(ctx, bench.stack.Info.DatabaseURL, ring, store.Options{}); err != nil {
		return nil, err
	}
	if err := bench.store.Migrate(ctx); err != nil {
		return bench.store.Close, err
	}
	quiet := slog.New(slog.DiscardHandler)
	if bench.temporal, err = client.DialContext(ctx, client.Options{HostPort: bench.stack.Info.Temporal.Address, Logger: sdklog.NewStructuredLogger(quiet)}); err != nil {
		return bench.store.Close, err
	}
	feeds := map[string]activities.FeedSettings{}
	for name, o := range cfg.Orgs {
		feeds[name] = activities.FeedSettings{Every: o.CRM.Feed.Every, Keep: o.CRM.Feed.Keep}
		if err := bench.store.PutOrg(ctx, name); err != nil {
			return bench.store.Close, err
		}
	}
	w := worker.New(bench.temporal, workflows.TaskQueue, worker.Options{})
	workflows.Register(w)
	w.RegisterActivity(activities.New(activities.Config{Store: bench.store, Ring: ring, Connect: config.NewConnectors(cfg), Feeds: feeds, Plain: true, Log: quiet}))
	if err := w.Start(); err != nil {
		return bench.store.Close, err
	}
	for _, org := range []string{"acme", "books", "held", "faulty"} {
		if _, err = bench.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: workflows.FeedID(org), TaskQueue: workflows.TaskQueue},
			workflows.OrgFeed, workflows.FeedInput{Org: org}); err != nil {
			break
		}
	}
	return func() { w.Stop(); bench.temporal.Close(); bench.store.Close() }, err
}

// answer is what a run of the command line gave.
type answer struct {
	t         *testing.T
	code      int
	out, errs string
}

// starter runs the command line in this process.
func starter(t *testing.T, args ...string) answer {
	t.Helper()
	return starterIn(t, t.Context(), "", args...)
}

func starterIn(t *testing.T, ctx context.Context, stdin string, args ...string) answer { //nolint:revive // t comes first in every helper here
	t.Helper()
	var out, errs bytes.Buffer
	code := run(ctx, args, strings.NewReader(stdin), &out, &errs)
	return answer{t, code, out.String(), errs.String()}
}

// wants checks the exit code and that every text stands in what was printed, on either stream.
func (a answer) wants(code int, texts ...string) answer {
	a.t.Helper()
	require.Equal(a.t, code, a.code, "%s\n%s", a.out, a.errs)
	for _, text := range texts {
		require.Contains(a.t, a.out+a.errs, text)
	}
	require.NotContains(a.t, a.errs, "goroutine ")
	if code != exitOK && code != exitUsage {
		require.NotContains(a.t, a.out+a.errs, "Usage:", "no page of usage on an error at run time")
	}
	return a
}

// json decodes standard output.
func (a answer) json() map[string]any {
	a.t.Helper()
	var v map[string]any
	require.NoError(a.t, json.Unmarshal([]byte(a.out), &v), "%s\n%s", a.out, a.errs)
	return v
}

func (a answer) list() []map[string]any {
	a.t.Helper()
	var v []map[string]any
	require.NoError(a.t, json.Unmarshal([]byte(a.out), &v), "%s\n%s", a.out, a.errs)
	return v
}

// keys are an object's keys: its shape.
func keys(o map[string]any) []string {
	var out []string
	for k := range maps.Keys(o) {
		out = append(out, k)
	}
	return out
}

// hire makes a person known to both of the stack's vendors and returns the flags that name the rep, and the address.
func hire(t *testing.T, org, rep, profile string) (flags []string, address string) {
	t.Helper()
	address = org + "." + rep + "@acme.test"
	bench.stack.Sandbox.AddRep(address, "Rep "+rep, cmp.Or(profile, "Field Sales"))
	return []string{"--org", org, "--rep", rep}, address
}

// with makes a command line of words and flags.
func with(words string, flags []string, more ...string) []string {
	return append(append(strings.Fields(words), flags...), more...)
}

// crm is the stack's Salesforce as one of its users reaches it.
func crm(address string) wire.Salesforce {
	return wire.Salesforce{Version: "65.0", Endpoint: wire.Endpoint{BaseURL: bench.stack.Sandbox.SalesforceURL, Token: func(context.Context) (string, error) {
		for _, u := range bench.stack.Sandbox.Salesforce.All("User") {
			if id, ok := u["Id"].(string); ok && u["Username"] == address {
				return bench.stack.Sandbox.Salesforce.NewSession(id), nil
			}
		}
		return "", fmt.Errorf("nobody is called %s", address)
	}}}
}

// contact makes a contact that its creator owns.
func contact(t *testing.T, owner, name, email string) (id string) {
	t.Helper()
	id, err := crm(owner).Create(t.Context(), "Contact", wire.Object{"LastName": name, "Email": email})
	require.NoError(t, err)
	return id
}

// document writes a policy into a file and returns its path.
func document(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}
