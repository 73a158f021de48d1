package activities_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/google"
	"github.com/repsync/repsync/internal/connector/salesforce"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// org is every world's org.
const org = "acme"

// world is one org with its two vendors, its store and the stages, on a clock that is moved by hand. A test edits as
// people would and asks for passes; no Temporal is involved.
type world struct {
	t         *testing.T
	clock     *sandbox.Clock
	box       *sandbox.Sandbox
	store     *store.Store
	stages    *activities.Activities
	crm       connector.CRM
	boxes     map[string]connector.Connector
	users     map[string]string // rep → CRM user id
	passes    map[string]int64
	committed map[string]int64               // what the workflow remembers, for tests of a restored store
	fetched   map[string]activities.FetchOut // the last Fetch by rep

	ring     *keyring.Ring
	keys     string // the ring's file
	schema   string
	db       *pgx.Conn // to look at rows, once a test does
	meter    connector.Meter
	pageSize int  // of both vendors' lists, 0 is the connectors' own
	twice    bool // every stage is run twice
	lies     bool // the CRM says that it tells of deletes, and does not
	mails    bool // the test's policy lets attendees be mailed
	mu       sync.Mutex
}

// newWorld is a world that begins today at nine in the morning (UTC): what a test calls "in three days" is one day from its
// first line to its last.
func newWorld(t *testing.T, reps ...string) *world {
	t.Helper()
	t.Parallel()
	return worldAt(t, sandbox.ClockAt(time.Now().UTC().Truncate(24*time.Hour).Add(9*time.Hour)), reps...)
}

// worldAt is a world by a clock of its own.
func worldAt(t *testing.T, clock *sandbox.Clock, reps ...string) *world {
	t.Helper()
	return worldWith(t, sandbox.Config{Clock: clock}, reps...)
}

// worldWith is a world with sandboxes of their own.
func worldWith(t *testing.T, cfg sandbox.Config, reps ...string) *world {
	t.Helper()
	var w *world
	clock := cfg.Clock
	cfg.Dir, cfg.Key = t.TempDir(), storetestKey(t)
	box, err := sandbox.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		if !t.Failed() && !w.mails {
			require.Empty(t, box.Outbox.All(), "somebody is mailed")
		}
		_ = box.Close()
	})
	ring, keys := storetest.Ring(t)
	w = &world{t: t, clock: clock, box: box, ring: ring, keys: keys, schema: storetest.Migrated(t), boxes: map[string]connector.Connector{}, users: map[string]string{}, passes: map[string]int64{}, committed: map[string]int64{}, fetched: map[string]activities.FetchOut{}}
	w.open(ring)
	w.connect(0)
	require.NoError(t, w.store.PutOrg(t.Context(), org))
	if len(reps) == 0 {
		reps = []string{"alice"}
	}
	for _, rep := range reps {
		w.addRep(rep)
	}
	return w
}

// open makes the store and the stages, as a worker that starts does.
func (w *world) open(ring *keyring.Ring) {
	w.t.Helper()
	w.ring = ring
	w.store = storetest.Warm(w.t, ring, store.Options{Now: w.clock.Now, Schema: w.schema})
	w.stages = w.worker()
}

// worker is another worker beside the world's own.
func (w *world) worker() *activities.Activities {
	return activities.New(activities.Config{Store: w.store, Ring: w.ring, Connect: w, Now: w.clock.Now, Log: slog.New(slog.NewTextHandler(testWriter{w.t}, nil))})
}

// connect builds the connectors anew.
func (w *world) connect(pageSize int) {
	w.t.Helper()
	w.pageSize = pageSize
	pem, err := os.ReadFile(w.box.SalesforceKeyFile)
	require.NoError(w.t, err)
	w.crm, err = salesforce.New(salesforce.Config{Org: org, Meter: w.meter, LoginURL: w.box.SalesforceURL, BaseURL: w.box.SalesforceURL, Now: w.clock.Now, PageSize: pageSize,
		Auth: salesforce.Auth{JWT: &salesforce.JWT{ClientID: sandbox.ConnectedAppID, Username: w.box.IntegrationUser(), KeyPEM: pem}}})
	require.NoError(w.t, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.boxes)
}

// testWriter sends logs to the test's own.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(string(p))
	return len(p), nil
}

func address(rep string) string { return rep + "@acme.test" }

func (w *world) addRep(rep string) {
	w.t.Helper()
	w.users[rep] = w.box.AddRep(address(rep), "Rep "+rep, "")
	require.NoError(w.t, w.store.AddRep(w.t.Context(), store.Rep{Org: org, Rep: rep, Mailbox: address(rep), Active: true}))
}

// CRM and Mailbox make the world the stages' Connectors.
func (w *world) CRM(string) (connector.CRM, error) { return w.crm, nil }

func (w *world) Mailbox(_, address string) (connector.Connector, string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c, ok := w.boxes[address]; ok {
		return c, "google", nil
	}
	key, err := os.ReadFile(w.box.GoogleKeyFile)
	if err != nil {
		return nil, "", err
	}
	c, err := google.New(google.Config{Org: org, Mailbox: address, BaseURLPeople: w.box.GoogleURL, BaseURLCalendar: w.box.GoogleURL + "/calendar/v3/", ServiceAccount: key, TokenURL: w.box.GoogleURL + "/token", Now: w.clock.Now, PageSize: w.pageSize, EventPageSize: w.pageSize})
	w.boxes[address] = c
	return c, "google", err
}

// policy applies a document.
func (w *world) policy(doc string) int64 {
	w.t.Helper()
	n, err := w.store.ApplyPolicy(w.t.Context(), org, "test", []byte(doc))
	require.NoError(w.t, err)
	return n
}

// bothWays assigns every rep a policy that syncs contacts in both directions.
func (w *world) bothWays(more string) {
	w.t.Helper()
	w.policy("name: test\norg: acme\nassign: {profiles: [Field Sales]}\nevents: {direction: off}\ncontacts:\n  direction: both\n" + more)
}

// result is what one pass did.
type result struct {
	activities.Summary
	fetch  activities.FetchOut
	hold   *activities.Hold
	commit activities.StageOut
	writes activities.StageOut
}

// trouble is the first trouble of a pass.
func (r result) trouble() *activities.Trouble {
	for _, t := range []*activities.Trouble{r.fetch.Trouble, r.writes.Trouble, r.commit.Trouble} {
		if t != nil {
			return t
		}
	}
	return nil
}

// pass runs the stages once, as RepSync does.
func (w *world) pass(rep string) result {
	w.t.Helper()
	return w.passReleasing(rep, "")
}

func (w *world) passReleasing(rep, digest string) result {
	w.t.Helper()
	r, err := w.try(rep, digest)
	require.NoError(w.t, err)
	return r
}

// try runs the stages once, and returns what kept them from it.
func (w *world) try(rep, digest string) (result, error) {
	ctx := w.t.Context()
	w.clock.Advance(time.Second)
	w.mu.Lock()
	number := w.passes[rep] + 1
	w.mu.Unlock()
	f, err := w.stages.Fetch(ctx, activities.FetchIn{Org: org, Rep: rep, Committed: w.committed[rep], Pass: number, Fresh: true, Release: digest})
	if err == nil && w.twice {
		again, failed := w.stages.Fetch(ctx, activities.FetchIn{Org: org, Rep: rep, Committed: w.committed[rep], Pass: number, Fresh: true, Release: digest})
		f.Work, f.Trouble, err = f.Work || again.Work, again.Trouble, failed
	}
	r := result{fetch: f}
	if err != nil {
		return r, err
	}
	w.mu.Lock()
	w.fetched[rep] = f
	w.passes[rep] = max(number, f.Pass)
	w.mu.Unlock()
	if !f.Work {
		return r, nil
	}
	run := func(stage stageFunc) (out activities.StageOut) {
		if err != nil {
			return out
		}
		if out, err = stage(ctx, passOf(f, rep)); err == nil && w.twice {
			var again activities.StageOut
			again, err = stage(ctx, passOf(f, rep))
			if again.Trouble != nil {
				out.Trouble = again.Trouble
			}
		}
		r.Summary = r.Summary.Plus(out.Summary)
		if r.writes.Trouble == nil {
			r.writes.Trouble = out.Trouble
		}
		return out
	}
	if out := run(w.stages.Filter); err == nil && out.Trouble == nil {
		m := run(w.stages.Match)
		r.hold = m.Hold
		if m.Hold == nil && m.Writes {
			run(w.stages.Write)
		}
		if m.Hold == nil && m.Deletes {
			run(w.stages.PropagateDeletes)
		}
	}
	r.commit = run(w.stages.Commit)
	return r, err
}

type stageFunc func(context.Context, activities.Pass) (activities.StageOut, error)

func passOf(f activities.FetchOut, rep string) activities.Pass {
	return activities.Pass{Org: org, Rep: rep, Pass: f.Pass, Revision: f.Revision, Policy: f.Policy, Complete: f.Complete, Reread: f.Reread, Restored: f.Restored, Fresh: true, Closed: f.Closed}
}

// upTo runs a pass's stages up to the n-th and no further, as a worker does that dies: 1 Fetch, 2 Filter, 3 Match, 4 Write,
// 5 PropagateDeletes, 6 Commit.
func (w *world) upTo(rep string, n int) {
	w.t.Helper()
	w.clock.Advance(time.Second)
	f, err := w.stages.Fetch(w.t.Context(), activities.FetchIn{Org: org, Rep: rep, Committed: w.committed[rep], Pass: w.passes[rep] + 1, Fresh: true})
	require.NoError(w.t, err)
	for i, stage := range []stageFunc{w.stages.Filter, w.stages.Match, w.stages.Write, w.stages.PropagateDeletes, w.stages.Commit} {
		if n >= i+2 {
			_, err := stage(w.t.Context(), passOf(f, rep))
			require.NoError(w.t, err)
		}
	}
}

// mutations counts the vendors' calls that can change something, the lost and the refused ones too.
func (w *world) mutations() int {
	n := 0
	for _, calls := range []map[string]int{w.box.SalesforceFaults.Calls(), w.box.GoogleFaults.Calls()} {
		for call, times := range calls {
			if !strings.HasPrefix(call, "GET ") && !strings.Contains(call, "token") && !strings.Contains(call, "/batch/") {
				n += times
			}
		}
	}
	for rep := range w.users { // Google's calendars are read and written in batches alike: what counts is what changed
		list, err := w.box.Google.Calendar(address(rep)).List(map[string][]string{"showDeleted": {"true"}, "maxResults": {"2500"}})
		if err != nil { // a disabled user
			continue
		}
		for _, e := range list {
			version, err := strconv.Unquote(fmt.Sprint(e["etag"]))
			require.NoError(w.t, err)
			h := fnv.New32a()
			_, _ = h.Write([]byte(version))
			n += int(h.Sum32())
		}
	}
	return n
}

// converged passes until nothing is left to do, and then holds that nothing is written any more: not by another pass, and
// not by reading everything again and planning every item anew.
func (w *world) converged(reps ...string) map[string]result {
	w.t.Helper()
	sum := w.settle(reps...)
	before, rows := w.mutations(), w.rows()
	w.reread(reps...)
	if w.mutations() != before {
		w.dump()
	}
	require.Equal(w.t, before, w.mutations(), "converged, and yet something is written")
	for table, n := range w.rows() {
		require.LessOrEqual(w.t, n, rows[table], "to read everything again adds rows to "+table)
	}
	return sum
}

// rows counts what the store keeps of items.
func (w *world) rows() map[string]int {
	w.t.Helper()
	if w.db == nil {
		conn, err := pgx.Connect(w.t.Context(), storetest.URL(w.t))
		require.NoError(w.t, err)
		w.t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(w.t.Context())) })
		w.db = conn
	}
	out := map[string]int{}
	for _, table := range []string{"link", "claim", "rank", "mailbox_key", "told", "parked", "staged"} {
		var n int
		require.NoError(w.t, w.db.QueryRow(w.t.Context(), `select count(*) from `+pgx.Identifier{w.schema, table}.Sanitize()).Scan(&n))
		out[table] = n
	}
	return out
}

// reread makes every rep read everything again.
func (w *world) reread(reps ...string) {
	w.t.Helper()
	for rep := range w.users {
		if len(reps) == 0 || slices.Contains(reps, rep) {
			require.NoError(w.t, w.store.RequestReread(w.t.Context(), org, rep))
		}
	}
	w.settle(reps...)
}

// settle passes every rep until none finds work, and returns what each did in all. Ten rounds without rest fail.
func (w *world) settle(reps ...string) map[string]result {
	w.t.Helper()
	if len(reps) == 0 {
		for rep := range w.users {
			reps = append(reps, rep)
		}
	}
	sum := map[string]result{}
	for range 10 {
		rest := true
		for _, rep := range reps {
			r := w.pass(rep)
			rest = rest && !r.fetch.Work
			was := sum[rep]
			was.Summary = was.Summary.Plus(r.Summary)
			was.fetch, was.hold, was.commit, was.writes = r.fetch, r.hold, r.commit, r.writes
			sum[rep] = was
			require.Nil(w.t, r.hold, "held")
			if !r.fetch.Work {
				require.Nil(w.t, r.fetch.Trouble, "at rest, and yet in trouble")
			}
		}
		if rest {
			return sum
		}
	}
	w.dump()
	require.Fail(w.t, "the sides do not come to rest")
	return nil
}

// dump logs what is still staged and open.
func (w *world) dump() {
	for rep := range w.users {
		lines, err := w.store.Journal(w.t.Context(), org, rep, 0, 1000)
		require.NoError(w.t, err)
		for _, l := range lines[max(0, len(lines)-10):] {
			w.t.Logf("  journal pass %d %s %s %s %s field=%s reason=%s values=%v", l.Pass, l.Action, l.Side, l.ID, l.LinkID, l.Field, l.Reason, l.Values)
		}
		for _, k := range []record.Kind{record.Contact, record.Event} {
			w.dumpKind(rep, k)
		}
	}
}

func (w *world) dumpKind(rep string, k record.Kind) {
	rows, err := w.store.StagedPage(w.t.Context(), org, rep, k, "", 50, store.StagedFilter{})
	w.t.Log(rep, k, "staged", len(rows), err)
	for _, r := range rows {
		w.t.Logf("  %s %s %s in=%v why=%s tag=%s at=%s key=%s", r.Side, r.ID, r.Obs.Presence, r.Obs.In, r.Obs.Why, r.Obs.Item.Version.Tag, r.Obs.Item.Version.At, r.Obs.Item.Key)
	}
	open, err := w.store.Intents(w.t.Context(), org, rep, k, []store.IntentState{store.Planned, store.Sent, store.Unknown, store.Dropped, store.ParkedI}, nil, "", 50)
	w.t.Log(rep, k, "intents", len(open), err)
	for _, in := range open {
		w.t.Logf("  %s %s %s %s %s code=%s reason=%s if=%s", in.State, in.Op.Verb, in.Op.Side, in.Ref.ID, in.LinkID, in.Code, in.Reason, in.If.Tag)
	}
}

// storeOf opens a store beside the world's own, which a test may close.
func storeOf(t *testing.T, w *world) *store.Store {
	t.Helper()
	return storetest.With(t, w.ring, store.Options{Now: w.clock.Now, Schema: w.schema})
}

// backup copies every table; restore puts the copies back.
func backup(t *testing.T, w *world) (restore func()) {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, storetest.URL(t))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(ctx)) })
	rows, err := conn.Query(ctx, `select tablename from pg_tables where schemaname = $1 and tablename not like 'goose%' order by tablename`, w.schema)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.NotEmpty(t, tables)
	at := func(table string) string { return pgx.Identifier{w.schema, table}.Sanitize() }
	for _, table := range tables {
		_, err := conn.Exec(ctx, `create temp table `+pgx.Identifier{"backup_" + table}.Sanitize()+` as table `+at(table))
		require.NoError(t, err)
	}
	return func() {
		for _, table := range tables {
			_, err := conn.Exec(ctx, `truncate `+at(table)+` cascade`)
			require.NoError(t, err)
		}
		pending := tables
		for range len(tables) { // parents before children, whatever the order
			var later []string
			for _, table := range pending {
				if _, err := conn.Exec(ctx, `insert into `+at(table)+` overriding system value table `+pgx.Identifier{"backup_" + table}.Sanitize()); err != nil {
					later = append(later, table)
				}
			}
			pending = later
		}
		require.Empty(t, pending)
	}
}
