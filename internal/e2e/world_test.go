package e2e

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/devstack/proc"
	"github.com/repsync/repsync/internal/devstack/temporaldev"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/workflows"
)

const (
	org    = "acme"
	domain = "acme.test"
	// patience is how long a test waits for a condition: more than Temporal's timeouts take on a busy machine.
	patience = 120 * time.Second
	tick     = 100 * time.Millisecond
	askAgain = 2 * time.Second // for a status, of a workflow that stands still
)

// world is one org with everything that it lives in. The worker is a process.
type world struct {
	t        *testing.T
	temporal *temporaldev.Namespace
	box      *sandbox.Sandbox
	store    *store.Store // the office: what an admin tells Repsync
	dir      string       // of the worker: configuration, keyring, logs
	database string       // its URL
	users    map[string]string
	env      []string      // for every worker of this world
	patience time.Duration // 0: as all tests have

	mu   sync.Mutex
	logs []string // files
}

// options adapt a world; the zero value has a rep called alice, and servers shared with the other tests.
type options struct {
	reps       []string
	postgres   string                 // URL of a cluster of the test's own
	tablespace string                 // of the database, in a cluster of the test's own
	temporal   *temporaldev.Namespace // of a server of the test's own
	change     func(*config.Org)
	env        []string      // for every worker
	hides      time.Duration // how long Google's lists hide a write

	meanwhile func(*world) // runs between a crash and rest
}

// newWorld makes a world in which no worker runs yet.
func newWorld(t *testing.T, o options) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{t: t, temporal: o.temporal, dir: t.TempDir(), users: map[string]string{}, env: o.env}
	if w.temporal == nil {
		w.temporal = temporaldev.ForTest(t)
	}
	box, err := sandbox.Start(context.WithoutCancel(ctx), sandbox.Config{Dir: filepath.Join(w.dir, "credentials"), Key: home.key, Domain: domain})
	require.NoError(t, err)
	w.box = box
	t.Cleanup(func() { _ = box.Close() })

	w.database = newDatabase(t, o.postgres, o.tablespace)
	ring, err := keyring.Generate(w.file("keyring.json"))
	require.NoError(t, err)
	w.store, err = store.Open(ctx, w.database, ring, store.Options{})
	require.NoError(t, err)
	t.Cleanup(w.store.Close)
	require.NoError(t, w.store.PutOrg(ctx, org))
	w.configure(o.change)
	if o.reps == nil {
		o.reps = []string{"alice"}
	}
	for _, rep := range o.reps {
		w.hire(rep)
		w.addRep(rep)
	}
	return w
}

func (w *world) file(name string) string { return filepath.Join(w.dir, name) }

// address is a rep's mailbox.
func address(rep string) string { return rep + "@" + domain }

// hire makes a rep known to both vendors.
func (w *world) hire(rep string) { w.users[rep] = w.box.AddRep(address(rep), "Rep "+rep, "") }

// addRep makes a rep known to Repsync, as `starter rep add` does.
func (w *world) addRep(rep string) {
	w.t.Helper()
	require.NoError(w.t, w.store.AddRep(w.t.Context(), store.Rep{Org: org, Rep: rep, Mailbox: address(rep), Active: true}))
}

// policy applies a document to everybody: more is what it says about contacts beside the direction, indented by two.
func (w *world) policy(more string) int64 {
	w.t.Helper()
	n, err := w.store.ApplyPolicy(w.t.Context(), org, "test", []byte("name: test\norg: acme\nassign: {profiles: [Field Sales]}\nschedule: {every: 1m}\ncontacts:\n  direction: both\n"+more))
	require.NoError(w.t, err)
	return n
}

// configure writes repsync.yaml. The feed is polled when a person waits and hardly else; Google shows a create at once,
// so that an unclear one need not be waited for long.
func (w *world) configure(change func(*config.Org)) {
	w.t.Helper()
	env := w.box.Env()
	o := config.Org{
		CRM: config.CRM{Connector: config.Salesforce, LoginURL: env.Salesforce.BaseURL, BaseURL: env.Salesforce.BaseURL, Feed: config.Feed{Every: time.Hour},
			Auth: config.CRMAuth{JWT: &config.JWT{ClientID: env.Salesforce.ClientID, Username: env.Salesforce.Username, KeyFile: env.Salesforce.KeyFile}}},
		Mailboxes: []config.Mailbox{{Domains: []string{domain}, Connector: config.Google, BaseURLs: config.BaseURLs{People: env.Google.PeopleURL, Calendar: env.Google.PeopleURL + "calendar/v3/"}, Lag: time.Second,
			Auth: config.MailboxAuth{ServiceAccount: &config.ServiceAccount{KeyFile: env.Google.KeyFile, TokenURL: env.Google.TokenURL}}}},
	}
	if change != nil {
		change(&o)
	}
	text, err := yaml.Marshal(config.Config{Orgs: map[string]config.Org{org: o}})
	require.NoError(w.t, err)
	require.NoError(w.t, os.WriteFile(w.file("repsync.yaml"), text, 0o600))
}

// worker starts a worker process; it ends with the test at the latest.
func (w *world) worker(env ...string) *proc.Process {
	w.t.Helper()
	binary, err := workerBinary()
	require.NoError(w.t, err)
	w.mu.Lock()
	path := w.file("worker-" + string(rune('a'+len(w.logs))) + ".log")
	w.logs = append(w.logs, path)
	w.mu.Unlock()
	log, err := proc.CreateLog(path)
	require.NoError(w.t, err)
	all := append(os.Environ(),
		"DATABASE_URL="+w.database, "REPSYNC_KEYRING="+w.file("keyring.json"), "REPSYNC_CONFIG="+w.file("repsync.yaml"), "REPSYNC_HTTP=off",
		"TEMPORAL_ADDRESS="+w.temporal.Address, "TEMPORAL_NAMESPACE="+w.temporal.Name, "REPSYNC_LEASE=20s", "GOMAXPROCS=2")
	p, err := proc.Start(proc.Config{Name: "worker", Path: binary, Dir: w.dir, Env: append(append(all, w.env...), env...), Log: log})
	require.NoError(w.t, err)
	w.t.Cleanup(func() {
		_ = p.Stop(0) // killed: what a graceful stop does is a test of its own
		if w.t.Failed() {
			w.t.Logf("%s:\n%s", path, p.Tail())
		}
		_ = log.Close()
	})
	return p
}

// start starts a rep's workflow.
func (w *world) start(rep string) {
	w.t.Helper()
	_, err := w.temporal.Client.ExecuteWorkflow(w.t.Context(), client.StartWorkflowOptions{ID: workflows.RepID(org, rep), TaskQueue: workflows.TaskQueue},
		workflows.RepSync, workflows.RepInput{Org: org, Rep: rep})
	require.NoError(w.t, err)
}

// syncNow wishes for a pass.
func (w *world) syncNow(rep string) {
	w.t.Helper()
	require.NoError(w.t, w.temporal.Client.SignalWorkflow(w.t.Context(), workflows.RepID(org, rep), "", workflows.SignalSyncNow, nil))
}

// status asks a rep's workflow; false where it does not answer now.
func (w *world) status(rep string) (st workflows.Status, ok bool) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	answer, err := w.temporal.Client.QueryWorkflow(ctx, workflows.RepID(org, rep), "", workflows.QueryStatus)
	return st, err == nil && answer.Get(&st) == nil
}

// length says how far a rep's workflow has come. Asking the server for it costs next to nothing, while a query makes the
// worker answer, and the server send it the whole history where it does not remember the workflow.
func (w *world) length(rep string) (run string, events int64, ok bool) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	d, err := w.temporal.Client.DescribeWorkflowExecution(ctx, workflows.RepID(org, rep), "")
	if err != nil {
		return "", 0, false
	}
	info := d.GetWorkflowExecutionInfo()
	return info.GetExecution().GetRunId(), info.GetHistoryLength(), true
}

// until waits for a status and returns it. It asks again when the workflow has gone on, and now and then.
func (w *world) until(rep, what string, want func(workflows.Status) bool) workflows.Status {
	w.t.Helper()
	var last workflows.Status
	var lastRun string
	var lastEvents int64
	var asked time.Time // when last came; zero: none has
	w.eventually(func() bool {
		run, events, ok := w.length(rep)
		if !ok {
			return false
		}
		if run != lastRun || events != lastEvents || time.Since(asked) > askAgain {
			st, ok := w.status(rep)
			if !ok {
				asked = time.Time{}
				return false
			}
			last, lastRun, lastEvents, asked = st, run, events, time.Now()
		}
		return want(last)
	}, func() string { return rep + " never was " + what + "; last: " + show(last) })
	return last
}

// eventually waits for a condition, looking as often as it is cheap.
func (w *world) eventually(ok func() bool, otherwise func() string) {
	w.t.Helper()
	limit := time.NewTimer(cmp.Or(w.patience, patience))
	defer limit.Stop()
	every := time.NewTicker(tick)
	defer every.Stop()
	for !ok() {
		select {
		case <-every.C:
		case <-limit.C:
			require.Fail(w.t, otherwise())
		}
	}
}

// rest waits until a rep has ended a pass after number pass and nothing is left to do.
func (w *world) rest(rep string, pass int64) workflows.Status {
	w.t.Helper()
	return w.until(rep, "at rest", func(st workflows.Status) bool {
		return st.Pass > pass && st.State == workflows.Idle && st.Trouble == nil && time.Until(st.NextAt) > time.Second
	})
}

// sync wishes for a pass and waits for rest after it.
func (w *world) sync(rep string) workflows.Status {
	w.t.Helper()
	before := w.until(rep, "there to answer", func(workflows.Status) bool { return true })
	w.syncNow(rep)
	return w.rest(rep, before.Pass)
}

// newDatabase makes a database with all tables in a cluster, by default the shared one, and returns its URL.
func newDatabase(t *testing.T, cluster, tablespace string) string {
	t.Helper()
	own := cluster != ""
	if !own {
		var err error
		cluster, err = sharedPostgres()
		require.NoError(t, err)
	}
	name := "e2e_" + strings.ToLower(rand.Text())
	conn, err := pgx.Connect(t.Context(), cluster)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	if own {
		require.NoError(t, migrated(t.Context(), cluster))
	}
	within := ""
	if tablespace != "" {
		within = " tablespace " + tablespace
	}
	copying.Lock() // a template can be copied by one at a time
	defer copying.Unlock()
	_, err = conn.Exec(t.Context(), "create database "+name+" template "+template+within)
	require.NoError(t, err)
	return databaseOf(cluster, name)
}

var copying sync.Mutex

// databaseOf is the URL of another database of the same cluster.
func databaseOf(cluster, name string) string {
	u, err := url.Parse(cluster)
	must(err)
	u.Path = "/" + name
	return u.String()
}
