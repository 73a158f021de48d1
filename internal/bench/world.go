package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/jackc/pgx/v5"
	"go.temporal.io/sdk/client"

	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/devstack/proc"
	"github.com/repsync/repsync/internal/devstack/stage"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/workflows"
)

const (
	org    = "acme"
	domain = "acme.test"
	alice  = "alice"
	bob    = "bob"
)

// address is a rep's mailbox.
func address(rep string) string { return rep + "@" + domain }

// world is one org with everything that it lives in.
type world struct {
	*bed
	name     string // of the namespace and the database
	home     string // directory
	box      *sandbox.Sandbox
	users    map[string]string // CRM user ids by rep
	client   client.Client
	office   *store.Store // what an admin tells Repsync
	db       *pgx.Conn
	worker   *proc.Process
	log      *os.File
	database string
}

// setting adapts a world.
type setting struct {
	box    sandbox.Config
	policy string        // document, but for its head
	reps   []string      // alice by default
	feed   time.Duration // feed.every; an hour by default: a poll is no part of a pass
}

// raise makes a world and starts its worker; it returns when the org's feed has its first place. fill puts into the vendors
// what is there before. The caller closes it.
func (s *bed) raise(ctx context.Context, set setting, fill func(*world) error) (*world, error) {
	s.worlds++
	w := &world{bed: s, name: fmt.Sprintf("bench_%d", s.worlds), users: map[string]string{}}
	w.home, w.database = filepath.Join(s.Dir, w.name), s.Database(w.name)
	if err := w.build(ctx, set, fill); err != nil {
		w.close()
		return nil, fmt.Errorf("make a world: %w", err)
	}
	return w, nil
}

func (w *world) build(ctx context.Context, set setting, fill func(*world) error) (err error) {
	if err := os.Mkdir(w.home, 0o700); err != nil {
		return err
	}
	// What is there before was made a day ago: a feed reads again what is minutes old, for what was committed late.
	const before = 24 * time.Hour
	set.box.Clock = sandbox.ClockAt(time.Now().Add(-before))
	set.box.Dir, set.box.Key, set.box.Domain = filepath.Join(w.home, "credentials"), w.Key, domain
	if w.box, err = sandbox.Start(context.WithoutCancel(ctx), set.box); err != nil {
		return err
	}
	if set.reps == nil {
		set.reps = []string{alice}
	}
	if err := w.open(ctx); err != nil {
		return err
	}
	for _, rep := range set.reps {
		w.users[rep] = w.box.AddRep(address(rep), "Rep "+rep, "")
		if err := w.office.AddRep(ctx, store.Rep{Org: org, Rep: rep, Mailbox: address(rep), Active: true}); err != nil {
			return err
		}
	}
	if err := fill(w); err != nil {
		return err
	}
	w.box.Clock.Advance(before)
	document := "name: bench\norg: acme\nassign: {profiles: [Field Sales]}\nguard: {creates: {max: 500, first_sync: 300000}, overwrites: {max: 100000, percent: 100}}\n" + set.policy
	if _, err := w.office.ApplyPolicy(ctx, org, "bench", []byte(document)); err != nil {
		return err
	}
	if err := w.configure(set.feed); err != nil {
		return err
	}
	if w.client, err = w.Temporal.NewNamespace(ctx, w.name); err != nil {
		return err
	}
	if err := w.work(); err != nil {
		return err
	}
	return stage.Until(ctx, time.Minute, func() bool {
		st, err := status[workflows.FeedStatus](ctx, w, workflows.FeedID(org))
		return err == nil && !st.PollAt.IsZero() && st.Trouble == nil
	})
}

// open makes the database and opens the store as an admin's command line does.
func (w *world) open(ctx context.Context) error {
	if err := w.SQL(ctx, "create database "+w.name); err != nil {
		return err
	}
	ring, err := keyring.Generate(w.file("keyring.json"))
	if err != nil {
		return err
	}
	if w.office, err = store.Open(ctx, w.database, ring, store.Options{}); err != nil {
		return err
	}
	if err := errors.Join(w.office.Migrate(ctx), w.office.PutOrg(ctx, org)); err != nil {
		return err
	}
	w.db, err = pgx.Connect(ctx, w.database)
	return err
}

func (w *world) file(name string) string { return filepath.Join(w.home, name) }

// configure writes repsync.yaml.
func (w *world) configure(every time.Duration) error {
	if every == 0 {
		every = time.Hour
	}
	env := w.box.Env()
	text, err := yaml.Marshal(config.Config{Orgs: map[string]config.Org{org: {
		CRM: config.CRM{Connector: config.Salesforce, LoginURL: env.Salesforce.BaseURL, BaseURL: env.Salesforce.BaseURL, Feed: config.Feed{Every: every},
			Auth: config.CRMAuth{JWT: &config.JWT{ClientID: env.Salesforce.ClientID, Username: env.Salesforce.Username, KeyFile: env.Salesforce.KeyFile}}},
		Mailboxes: []config.Mailbox{{Domains: []string{domain}, Connector: config.Google, BaseURLs: config.BaseURLs{People: env.Google.PeopleURL, Calendar: env.Google.PeopleURL + "calendar/v3/"},
			Auth: config.MailboxAuth{ServiceAccount: &config.ServiceAccount{KeyFile: env.Google.KeyFile, TokenURL: env.Google.TokenURL}}}},
	}}})
	if err != nil {
		return err
	}
	return os.WriteFile(w.file("repsync.yaml"), text, 0o600)
}

// work starts the worker.
func (w *world) work() (err error) {
	if w.log, err = proc.CreateLog(w.file("worker.log")); err != nil {
		return err
	}
	// The worker is as a team's is, whatever the environment of make says to the compiler and the sandbox.
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GOGC=") || strings.HasPrefix(v, "REPSYNC_") })
	env = append(env,
		"DATABASE_URL="+w.database, "REPSYNC_KEYRING="+w.file("keyring.json"), "REPSYNC_CONFIG="+w.file("repsync.yaml"), "REPSYNC_HTTP=off",
		"TEMPORAL_ADDRESS="+w.Temporal.Address, "TEMPORAL_NAMESPACE="+w.name)
	if w.profile != "" {
		env = append(env, "REPSYNC_PROFILE="+filepath.Join(w.profile, w.name+".pprof"))
	}
	w.worker, err = proc.Start(proc.Config{Name: "worker", Path: w.Binary, Dir: w.home, Env: env, Log: w.log})
	return err
}

// profileAnew lets the worker's profile, if it takes one, begin now: without what has been done so far.
func (w *world) profileAnew() error {
	if w.profile == "" {
		return nil
	}
	return syscall.Kill(w.worker.PID(), syscall.SIGUSR1)
}

// close ends everything of the world.
func (w *world) close() {
	if w.worker != nil {
		_ = w.worker.Stop(10 * time.Second)
	}
	if w.log != nil {
		_ = w.log.Close()
	}
	if w.client != nil {
		w.client.Close()
	}
	if w.office != nil {
		w.office.Close()
	}
	ctx := context.Background()
	if w.db != nil {
		_ = w.db.Close(ctx)
	}
	if w.box != nil {
		_ = w.box.Close()
	}
	_ = w.SQL(ctx, "drop database if exists "+w.name+" with (force)")
}

// start starts a rep's workflow.
func (w *world) start(ctx context.Context, rep string) error {
	_, err := w.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: workflows.RepID(org, rep), TaskQueue: workflows.TaskQueue},
		workflows.RepSync, workflows.RepInput{Org: org, Rep: rep})
	return err
}

// status asks a workflow of a world.
func status[S any](ctx context.Context, w *world, id string) (st S, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	answer, err := w.client.QueryWorkflow(ctx, id, "", workflows.QueryStatus)
	if err == nil {
		err = answer.Get(&st)
	}
	return st, err
}

// length says how far a workflow has come. Asking the server for it costs the worker nothing.
func (w *world) length(ctx context.Context, id string) (int64, error) {
	d, err := w.client.DescribeWorkflowExecution(ctx, id, "")
	return d.GetWorkflowExecutionInfo().GetHistoryLength(), err
}

// rest waits until a rep has ended a pass after number pass and nothing is left to do. It asks the worker only when the
// workflow has gone on.
func (w *world) rest(ctx context.Context, rep string, pass int64, limit time.Duration) (last workflows.Status, err error) {
	id, seen, asked := workflows.RepID(org, rep), int64(-1), time.Time{}
	err = stage.Until(ctx, limit, func() bool {
		select {
		case <-w.worker.Done():
			return true
		default:
		}
		n, err := w.length(ctx, id)
		if err != nil || n == seen && time.Since(asked) < 2*time.Second {
			return false
		}
		st, err := status[workflows.Status](ctx, w, id)
		if err != nil {
			return false
		}
		seen, asked, last = n, time.Now(), st
		return st.Pass > pass && st.State == workflows.Idle && st.Trouble == nil && time.Until(st.NextAt) > time.Second
	})
	select {
	case <-w.worker.Done():
		return last, fmt.Errorf("the worker ended: %w", w.worker.Err())
	default:
	}
	if err != nil {
		return last, fmt.Errorf("wait for %s to rest: %w; last: %+v\n%s", rep, err, last, w.worker.Tail())
	}
	return last, nil
}

// syncNow wishes for a pass, and waits for rest after it.
func (w *world) syncNow(ctx context.Context, rep string, limit time.Duration) (workflows.Status, error) {
	before, err := status[workflows.Status](ctx, w, workflows.RepID(org, rep))
	if err != nil {
		return before, err
	}
	if err := w.client.SignalWorkflow(ctx, workflows.RepID(org, rep), "", workflows.SignalSyncNow, nil); err != nil {
		return before, err
	}
	return w.rest(ctx, rep, before.Pass, limit)
}

// cpu is the CPU time that the worker has used.
func (w *world) cpu() (time.Duration, error) { return cpuOf(w.worker.PID()) }
