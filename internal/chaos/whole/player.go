// Package whole plays stories against real processes: workers that are killed with SIGKILL, a real Temporal server, a real
// Postgres, real time. The stories are those that package chaos plays in process; what they wait for is cut to seconds, and
// a moment inside a run is a request that the vendor holds until the story has gone on.
//
// A run in real time never happens twice. What repeats is the world, the edits and the faults.
package whole

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/goccy/go-yaml"
	"go.temporal.io/sdk/client"

	"github.com/repsync/repsync/internal/chaos"
	"github.com/repsync/repsync/internal/chaos/oracle"
	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/internal/chaos/world"
	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/devstack/proc"
	"github.com/repsync/repsync/internal/devstack/stage"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/workflows"
)

const (
	lease    = 6 * time.Second  // the workers that die here are dead
	longest  = 2 * time.Second  // that a story's wait lasts
	passing  = 20 * time.Second // that a run is waited for
	settling = 3 * time.Minute  // until everything has to be at rest
)

// Report is how a story ended.
type Report struct {
	Violations []oracle.Violation
	Kills      int
	Faults     map[string]int
	Steps      map[scenario.Verb]int
	Unjudged   map[string]int // items that left the oracle's model, by reason
}

// player plays one story.
type player struct {
	*stage.Stage
	story    scenario.Scenario
	dir      string
	database string
	name     string // of the story's namespace and database
	address  string // of Temporal, through its outages too
	world    *world.World
	client   client.Client
	office   *store.Store
	worker   *keeper
	workers  atomic.Int64 // that were started
	outages  outages
	fell     chan string // last words of workers that ended without a reason
	oracle   *oracle.Oracle
	running  map[string]bool // workflows that were started, by id
	gates    int
	backup   bool
	reread   bool // rights have changed: everything is read anew before the next judgement
	report   Report
	trace    func(format string, args ...any)
}

// newPlayer makes the player of a story.
func newPlayer(s *stage.Stage, story scenario.Scenario, trace func(format string, args ...any)) *player {
	if trace == nil {
		trace = func(string, ...any) {}
	}
	story.Began = lastMorning(time.Now()) // meetings lie about the time in which workers run
	return &player{Stage: s, story: story, address: s.Temporal.Address, name: "whole_" + strings.ToLower(rand.Text()), oracle: oracle.New(story), running: map[string]bool{},
		fell: make(chan string, 100), trace: trace, report: Report{Faults: map[string]int{}, Steps: map[scenario.Verb]int{}}}
}

// lastMorning is 9:00 UTC of the latest day on which that is over, since nothing that a run writes is older than its story.
func lastMorning(now time.Time) time.Time {
	const nine = 9 * time.Hour
	return now.UTC().Add(-nine).Truncate(24 * time.Hour).Add(nine)
}

// play plays a story and returns how it ended. An error is one of the harness.
func play(ctx context.Context, s *stage.Stage, story scenario.Scenario, trace func(format string, args ...any)) (_ Report, err error) {
	p := newPlayer(s, story, trace)
	defer p.close()
	if err := p.set(ctx); err != nil {
		return p.report, err
	}
	for i, step := range p.story.Steps {
		if err := p.step(ctx, step); err != nil {
			return p.report, fmt.Errorf("step %d, %s: %w", i+1, step.Do, err)
		}
		if p.falls(); len(p.report.Violations) > 0 {
			break
		}
	}
	for name, n := range p.world.Hits() {
		p.report.Faults[name] += n
	}
	p.report.Unjudged = chaos.Unjudged(p.oracle)
	return p.report, p.leaks(ctx)
}

// set builds the world, an empty store, and a worker.
func (p *player) set(ctx context.Context) (err error) {
	p.dir = filepath.Join(p.Dir, p.name)
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return err
	}
	if p.world, err = world.New(ctx, p.story, world.Config{Dir: p.dir, Key: p.Key}); err != nil {
		return err
	}
	if _, err := keyring.Generate(p.file("keyring.json")); err != nil {
		return err
	}
	if err := p.SQL(ctx, "create database "+p.name); err != nil {
		return err
	}
	p.database = p.Database(p.name)
	if err := p.open(ctx); err != nil {
		return err
	}
	if err := p.office.Migrate(ctx); err != nil {
		return err
	}
	for _, o := range p.story.Orgs {
		if err := p.office.PutOrg(ctx, o.Name); err != nil {
			return err
		}
		for _, rep := range o.Reps {
			if err := p.office.AddRep(ctx, store.Rep{Org: o.Name, Rep: rep, Mailbox: world.Address(o.Name, rep), Active: true}); err != nil {
				return err
			}
		}
		if err := p.apply(ctx, o.Name, o.Policy); err != nil {
			return err
		}
	}
	if err := p.configure(); err != nil {
		return err
	}
	if p.client, err = p.Temporal.NewNamespace(ctx, p.name); err != nil {
		return err
	}
	return p.begin()
}

func (p *player) file(name string) string { return filepath.Join(p.dir, name) }

// open opens the store as an admin's command line does.
func (p *player) open(ctx context.Context) error {
	ring, err := keyring.Open(p.file("keyring.json"))
	if err == nil {
		p.office, err = store.Open(ctx, p.database, ring, store.Options{})
	}
	return err
}

// configure writes repsync.yaml for both orgs.
func (p *player) configure() error {
	c := config.Config{Orgs: map[string]config.Org{}}
	for name, o := range p.world.Orgs {
		env := o.Box.Env()
		c.Orgs[name] = config.Org{
			CRM: config.CRM{Connector: config.Salesforce, LoginURL: env.Salesforce.BaseURL, BaseURL: env.Salesforce.BaseURL, Feed: config.Feed{Every: time.Hour},
				Auth: config.CRMAuth{JWT: &config.JWT{ClientID: env.Salesforce.ClientID, Username: env.Salesforce.Username, KeyFile: env.Salesforce.KeyFile}}},
			Mailboxes: []config.Mailbox{{Domains: []string{world.Domain(name)}, Connector: config.Google, BaseURLs: config.BaseURLs{People: env.Google.PeopleURL, Calendar: env.Google.PeopleURL + "calendar/v3/"}, Lag: 3 * time.Second,
				Auth: config.MailboxAuth{ServiceAccount: &config.ServiceAccount{KeyFile: env.Google.KeyFile, TokenURL: env.Google.TokenURL}}}},
		}
	}
	text, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(p.file("repsync.yaml"), text, 0o600)
}

// begin starts a worker, and whoever keeps it running.
func (p *player) begin() (err error) {
	p.worker, err = keep(keeper{start: p.work, outages: &p.outages, ended: func(words string, excused bool) {
		p.trace("        the worker is started again, %s", words)
		if excused {
			return
		}
		select {
		case p.fell <- words:
		default: // there are enough
		}
	}})
	return err
}

// work starts a worker process, with a log of its own.
func (p *player) work() (*proc.Process, *os.File, error) {
	log, err := proc.CreateLog(p.file(fmt.Sprintf("worker-%d.log", p.workers.Add(1))))
	if err != nil {
		return nil, nil, err
	}
	worker, err := proc.Start(proc.Config{Name: "worker", Path: p.Binary, Dir: p.dir, Log: log, Env: append(os.Environ(),
		"DATABASE_URL="+p.database, "REPSYNC_KEYRING="+p.file("keyring.json"), "REPSYNC_CONFIG="+p.file("repsync.yaml"), "REPSYNC_HTTP=off",
		"TEMPORAL_ADDRESS="+p.address, "TEMPORAL_NAMESPACE="+p.name, "REPSYNC_LEASE="+lease.String(), "GOMAXPROCS=2")})
	if err != nil {
		return nil, nil, errors.Join(err, log.Close())
	}
	return worker, log, nil
}

// end ends the worker: with SIGKILL, or as an operator does.
func (p *player) end(grace time.Duration) error {
	if p.worker == nil {
		return nil
	}
	err := p.worker.end(grace)
	p.worker = nil
	return err
}

func (p *player) close() {
	_ = p.end(0)
	if p.client != nil {
		p.client.Close()
	}
	if p.office != nil {
		p.office.Close()
	}
	if p.world != nil {
		p.world.Close()
	}
	ctx := context.Background()
	for _, name := range []string{p.name, p.name + "_backup"} {
		_ = p.SQL(ctx, "drop database if exists "+name+" with (force)")
	}
	_ = os.RemoveAll(p.dir)
}

// apply puts a policy in force, and tells the workflows of the org.
func (p *player) apply(ctx context.Context, org string, ruling scenario.Policy) error {
	n, err := p.office.ApplyPolicy(ctx, org, "chaos", []byte(ruling.Document("chaos", org)))
	if err != nil {
		return err
	}
	p.note(scenario.Entry{What: scenario.Applied, Org: org, Step: scenario.Step{Do: scenario.Apply, Org: org, Policy: &ruling}})
	for id := range p.running {
		if strings.HasPrefix(id, workflows.RepID(org, "")) {
			_ = p.client.SignalWorkflow(ctx, id, "", workflows.SignalPolicy, workflows.PolicySignal{Revision: n}) // its loss does not matter
		}
	}
	return nil
}

func (p *player) note(e scenario.Entry) {
	e.At = p.world.Now()
	p.oracle.Note(e)
}
