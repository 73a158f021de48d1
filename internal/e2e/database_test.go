//go:build endure

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/devstack/postgres"
	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/workflows"
)

// A database in trouble, four ways (what an operator sees of each is in docs/operations.md): its disk is full
// (disk_linux_test.go), it has no connection to spare, two sessions are in each other's way, or the primary is another
// server by now (primary_test.go). Each time the trouble comes at the worst moment, when a vendor has done what it was asked
// and the result is not settled yet, and it ends without anybody telling Repsync.

// server is a Postgres of a test's own.
type server struct {
	*postgres.Cluster
	t    *testing.T
	dir  string
	port int
}

// ownPostgres starts a cluster in a directory, a new one for "".
func ownPostgres(t *testing.T, dir string) *server {
	t.Helper()
	if dir == "" {
		dir = openDir(t)
	}
	s := &server{t: t, dir: dir}
	s.start()
	return s
}

// openDir makes a directory that Postgres's user may enter.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "repsync-e2e-postgres-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

// start starts the server, at its old port where it had one.
func (s *server) start() {
	s.t.Helper()
	c, err := postgres.Start(context.WithoutCancel(s.t.Context()), postgres.Config{Dir: s.dir, Port: s.port, Fast: true})
	require.NoError(s.t, err)
	s.Cluster = c
	s.t.Cleanup(func() { _ = c.Stop() })
	u, err := url.Parse(c.URL())
	require.NoError(s.t, err)
	s.port, err = strconv.Atoi(u.Port())
	require.NoError(s.t, err)
}

// run runs a statement as the server's admin.
func (s *server) run(sql string, args ...any) error {
	conn, err := pgx.Connect(s.t.Context(), s.URL())
	if err != nil {
		return err
	}
	defer conn.Close(s.t.Context())
	_, err = conn.Exec(s.t.Context(), sql, args...)
	return err
}

// must is run for what has to succeed.
func (s *server) must(sql string, args ...any) {
	s.t.Helper()
	require.NoError(s.t, s.run(sql, args...), sql)
}

// storeFails waits until a stage of a rep's has failed for the store, and returns the codes that were seen until one of
// those that are wanted came; none wanted is any.
func (w *world) storeFails(rep string, want ...string) {
	w.t.Helper()
	seen := map[string]bool{}
	w.eventually(func() bool {
		ctx := w.t.Context()
		d, err := w.temporal.Client.DescribeWorkflowExecution(ctx, workflows.RepID(org, rep), "")
		if err != nil {
			return false
		}
		for _, a := range d.GetPendingActivities() {
			code, ok := strings.CutPrefix(a.GetLastFailure().GetApplicationFailureInfo().GetType(), "store_")
			if ok {
				require.NotEmpty(w.t, a.GetLastFailure().GetMessage())
				seen[code] = true
			}
		}
		if len(want) == 0 {
			return len(seen) > 0
		}
		return slices.ContainsFunc(want, func(code string) bool { return seen[code] })
	}, func() string { return fmt.Sprintf("no stage fails with one of %v; seen: %v", want, seen) })
	w.t.Logf("a stage failed with %v", seen)
}

// many is how many people each side gets while the database is in trouble: enough to need new pages in every table.
const many = 60

// newcomers adds people to both sides, and returns everybody's address.
func newcomers(w *world) (emails []string) {
	for i := range many {
		crm, book := fmt.Sprintf("crm%d@customer.test", i), fmt.Sprintf("book%d@customer.test", i)
		w.contact("alice", fields{"FirstName": "Crm", "LastName": "Number " + strconv.Itoa(i), "Email": crm, "Description": strings.Repeat("noted ", 100)})
		w.person("alice", someone("Book", "Number "+strconv.Itoa(i), book, ""))
		emails = append(emails, crm, book)
	}
	return append(emails, "ada@customer.test", "grace@customer.test", "barbara@customer.test", "edsger@customer.test", "tony@customer.test")
}

// once holds that everybody is on both sides, once.
func (w *world) once(emails []string) {
	w.t.Helper()
	crm, book := map[string]int{}, map[string]int{}
	for _, row := range w.box.Salesforce.All("Contact") {
		crm[fmt.Sprint(row["Email"])]++ // deleted ones too: nothing is made and taken away again
	}
	for _, c := range w.box.Google.All(address("alice")) {
		for _, e := range emails {
			if strings.Contains(show(c.Person["emailAddresses"]), `"`+e+`"`) {
				book[e]++
			}
		}
	}
	want := map[string]int{}
	for _, e := range emails {
		want[e] = 1
	}
	require.Equal(w.t, want, crm, "contacts in the CRM")
	require.Equal(w.t, want, book, "people in the mailbox")
}

// throughTrouble has the database in trouble from the moment that Google has made new people, which nobody has settled yet,
// until Repsync has met it. Nobody signals afterwards.
func (w *world) throughTrouble(begin, end func(), codes ...string) {
	w.t.Helper()
	w.worker()
	w.start("alice")
	pass := w.rest("alice", 0).Pass
	emails := newcomers(w)
	w.editContact("alice", w.contactOf("ada@customer.test"), fields{"Title": "Countess"})
	answer := w.box.GoogleFaults.Hold(fault.Rule{Name: "created", Path: `people:batchCreateContacts`, Kind: fault.GateAfter})
	w.syncNow("alice")
	w.eventually(func() bool { return w.box.GoogleFaults.Hits()["created"] > 0 }, func() string { return "nothing is created in the mailbox" })
	begin()
	answer()
	w.storeFails("alice", codes...)
	end()
	w.rest("alice", pass)
	w.once(emails)
	require.Contains(w.t, w.bookText("ada@customer.test"), "Countess")
	w.converged()
}

// crowd takes every connection of a server that is to be had, the others' too, and returns what gives them back.
func (s *server) crowd(others string) (leave func()) {
	s.t.Helper()
	ctx := s.t.Context()
	boss, err := pgx.Connect(ctx, s.URL())
	require.NoError(s.t, err)
	conns := []*pgx.Conn{boss}
	for {
		c, err := pgx.Connect(ctx, s.URL())
		if err == nil {
			conns = append(conns, c)
			continue
		}
		var refused *pgconn.PgError
		require.ErrorAs(s.t, err, &refused)
		require.Equal(s.t, "53300", refused.Code)
		var strangers int // a session that was ended leaves its place a little later
		require.NoError(s.t, boss.QueryRow(ctx, `select count(*) - $2 from (select backend_type, application_name = $1 and pg_terminate_backend(pid) from pg_stat_activity) x
			where backend_type = 'client backend'`, others, len(conns)).Scan(&strangers))
		if strangers == 0 {
			break
		}
	}
	s.t.Logf("%d connections are taken", len(conns))
	return func() {
		for _, c := range conns {
			_ = c.Close(ctx)
		}
	}
}

// TestConnectionsUsedUp has all of a server's connections taken by others.
func TestConnectionsUsedUp(t *testing.T) {
	t.Parallel()
	db := ownPostgres(t, "")
	w := newWorld(t, options{postgres: db.URL()})
	w.policy("")
	people(w)
	var leave func()
	w.throughTrouble(func() { leave = db.crowd("repsync") }, func() { leave() }, "53300")
}

// TestOneConnectionServesManyReps lets the worker have a single connection for a dozen reps and the feed.
func TestOneConnectionServesManyReps(t *testing.T) {
	t.Parallel()
	reps := []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "mallory", "niaj"}
	w := newWorld(t, options{reps: reps})
	w.policy(bothWays)
	for _, rep := range reps {
		w.contact(rep, fields{"FirstName": "Crm", "LastName": rep, "Email": rep + "-crm@customer.test"})
		w.person(rep, someone("Book", rep, rep+"-book@customer.test", ""))
	}
	w.database += "&pool_max_conns=1"
	w.worker()
	for _, rep := range reps {
		w.start(rep)
	}
	for _, rep := range reps {
		w.rest(rep, 0)
		require.NotEmpty(t, w.personOf(rep, rep+"-crm@customer.test"))
		require.NotEmpty(t, w.contactOf(rep+"-book@customer.test"))
	}
	w.converged()
}

// enough is how many deadlocks a rival provokes before it leaves.
const enough = 10

// TestDeadlocksDuringAPass has a rival session run into a first sync from the other end, as a careless script of an admin's
// would: Postgres ends a deadlock by rolling back whoever found it, here nearly always Repsync's transaction.
func TestDeadlocksDuringAPass(t *testing.T) {
	t.Parallel()
	db := ownPostgres(t, "")
	db.must(`alter system set deadlock_timeout = '20ms'`)
	db.must(`select pg_reload_conf()`)
	w := newWorld(t, options{postgres: db.URL()})
	w.policy("")
	people(w)
	emails := newcomers(w)
	w.worker()
	ended := make(chan error, 1)
	go func() { ended <- rival(t.Context(), w.database) }()
	w.start("alice")
	w.rest("alice", 0)
	require.NoError(t, <-ended, "the rival ended before enough deadlocks took place")
	w.sync("alice")
	w.once(emails)
	w.converged()
}

// rival locks what a pass writes, in the opposite order, until enough deadlocks took place. It looks for one itself only when
// Repsync, which does so once, was too early.
func rival(ctx context.Context, database string) error {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for deadlocks := 0; deadlocks < enough; {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			for _, sql := range []string{`set local deadlock_timeout = '2s'`, `lock table link in share row exclusive mode`, `select pg_sleep(0.01)`, `select from rep for update`} {
				if _, err := tx.Exec(ctx, sql); err != nil {
					return err
				}
			}
			return tx.QueryRow(ctx, `select deadlocks from pg_stat_database where datname = current_database()`).Scan(&deadlocks)
		})
		var lost *pgconn.PgError
		if err != nil && !(errors.As(err, &lost) && lost.Code == "40P01") {
			return err
		}
	}
	return nil
}

// file is a path below a directory of the server's.
func (s *server) file(name ...string) string {
	return filepath.Join(append([]string{s.dir}, name...)...)
}
