package e2e

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/devstack/proc"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/workflows"
)

// story is a piece of work during which a worker dies.
type story struct {
	name  string
	empty bool           // there is nothing in the calendars
	edits func(w *world) // what people do after the first pass; nil: the worker dies in that one
	verb  connector.Verb // what it is about, on both sides and of both kinds
	also  []string       // other operations that it brings with it
	moves int            // series whose links move
}

// upkeep are the points that every pass with work reaches.
var upkeep = []activities.Point{activities.PointStage, activities.PointPlanned, activities.PointCommit, activities.PointCommitted}

// vendor is one API that is written to.
type vendor struct {
	name string
	side record.Side
	kind record.Kind
}

var vendors = []vendor{
	{"salesforce contacts", record.CRM, record.Contact},
	{"salesforce events", record.CRM, record.Event},
	{"google people", record.Mailbox, record.Contact},
	{"google calendar", record.Mailbox, record.Event},
}

// cell is one way to die: at a point, in a story; for a point of the write protocol, of a vendor's operation.
type cell struct {
	story, operation string
	point            activities.Point
	times            int // the so-manieth time, 0 for the first
}

// at is the cell as the worker is told it.
func (c cell) at() string {
	at := string(c.point)
	if c.operation != "" {
		at += "@" + c.operation
	}
	if c.times > 0 {
		at += fmt.Sprintf("#%d", c.times)
	}
	return at
}

// cells lists all ways to die in a story.
func (s story) cells() (out []cell) {
	for _, p := range upkeep {
		out = append(out, cell{story: s.name, point: p})
	}
	for n := range s.moves {
		out = append(out, cell{story: s.name, point: activities.PointRenamed, times: n + 1})
	}
	for _, v := range vendors {
		for _, p := range activities.OperationPoints(s.verb) {
			out = append(out, cell{story: s.name, operation: activities.Operation(v.side, v.kind, s.verb), point: p})
		}
	}
	for _, operation := range s.also { // between two batches nothing is open that is not open elsewhere
		points := activities.OperationPoints(verbOf(operation))
		for _, p := range points[1:3] {
			out = append(out, cell{story: s.name, operation: operation, point: p})
		}
	}
	return out
}

// operations are all that a story has passes do.
func (s story) operations() []string {
	out := slices.Clone(s.also)
	for _, v := range vendors {
		out = append(out, activities.Operation(v.side, v.kind, s.verb))
	}
	return out
}

// verbOf is the verb of an operation.
func verbOf(operation string) connector.Verb {
	return connector.Verb(operation[strings.LastIndex(operation, " ")+1:])
}

var stories = []story{
	{name: "first sync", verb: connector.Create, also: []string{"crm contact update", "mailbox event update", "mailbox event delete"}},
	{name: "updates", verb: connector.Update, moves: 2, edits: func(w *world) {
		rearrange(w)
		w.editContact("alice", w.contactOf("ada@customer.test"), fields{"Title": "Countess"})
		w.editContact("alice", w.contactOf("grace@customer.test"), fields{"Title": "Rear Admiral"})
		w.editPerson("alice", w.personOf("alice", "edsger@customer.test"), fields{"phoneNumbers": []fields{{"value": "+31 40 555 0199", "type": "work"}}})
		w.editPerson("alice", w.personOf("alice", "ada@customer.test"), fields{"phoneNumbers": []fields{{"value": "+44 20 5555 0142", "type": "work"}}})
		w.editContact("alice", w.contactOf("barbara@customer.test"), fields{"Title": "Institute Professor"}) // a conflict: the CRM wins
		w.editPerson("alice", w.personOf("alice", "barbara@customer.test"), fields{"organizations": []fields{{"title": "Professor"}}})
	}},
	{name: "deletes", verb: connector.Delete, also: []string{"crm event update"}, edits: func(w *world) {
		cancel(w)
		require.NoError(w.t, w.box.Salesforce.Delete("Contact", w.contactOf("ada@customer.test"), w.users["alice"]))
		require.NoError(w.t, w.box.Google.Delete(address("alice"), w.personOf("alice", "edsger@customer.test")))
	}},
}

// people fills both sides: two in the CRM, two in the mailbox, one on both with different numbers.
func people(w *world) {
	w.contact("alice", fields{"FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@customer.test", "Phone": "+44 20 5555 0101"})
	w.contact("alice", fields{"FirstName": "Grace", "LastName": "Hopper", "Email": "grace@customer.test", "Title": "Commodore"})
	w.contact("alice", fields{"FirstName": "Barbara", "LastName": "Liskov", "Email": "barbara@customer.test"})
	w.person("alice", someone("Edsger", "Dijkstra", "edsger@customer.test", "+31 40 555 0102"))
	w.person("alice", someone("Tony", "Hoare", "tony@customer.test", ""))
	w.person("alice", someone("Barbara", "Liskov", "barbara@customer.test", "+1 617 555 0103"))
}

// bothWays is the policy of the stories: everything flows, also deletes.
const bothWays = "  deletes: {from_crm: propagate, from_mailbox: propagate}\nevents:\n  direction: both\n  deletes: {from_crm: propagate, from_mailbox: propagate}\n"

// tell plays a story with a worker that is told to die at a point, or with one that is not for "", and returns the world
// at rest. Bob, who is asked to one of alice's meetings, sits still meanwhile and syncs last.
func (s story) tell(t *testing.T, crashAt string, o options) *world {
	t.Helper()
	o.reps = []string{"alice", "bob"}
	w := newWorld(t, o)
	w.box.Google.SetLag(o.hides)
	w.policy(bothWays)
	people(w)
	if !s.empty {
		agenda(w)
	}
	var pass int64
	env := "REPSYNC_POINTS=" + w.file("points")
	if crashAt != "" {
		env = "REPSYNC_CRASH_AT=" + crashAt
	}
	if s.edits == nil {
		doomed := w.worker(env)
		w.start("alice")
		w.dies(doomed, crashAt)
	} else {
		first := w.worker("REPSYNC_POINTS=" + w.file("points"))
		for _, rep := range []string{"alice", "bob"} {
			w.start(rep)
			w.rest(rep, 0)
		}
		w.hold("bob", workflows.SignalPause)
		pass = w.rest("alice", 0).Pass
		s.edits(w)
		require.NoError(t, first.Stop(patience))
		require.NoError(t, os.Remove(w.file("points")))
		doomed := w.worker(env)
		w.syncNow("alice")
		w.dies(doomed, crashAt)
	}
	if crashAt != "" {
		w.worker()
		if o.meanwhile != nil {
			o.meanwhile(w)
		}
	}
	w.rest("alice", pass)
	return w
}

// dies waits until a worker has killed itself at a point.
func (w *world) dies(doomed *proc.Process, crashAt string) {
	w.t.Helper()
	if crashAt == "" {
		return
	}
	w.eventually(func() bool {
		select {
		case <-doomed.Done():
			return true
		default:
			return false
		}
	}, func() string { return fmt.Sprintf("the worker lives on: the point %q was not reached", crashAt) })
	var ended *exec.ExitError
	require.ErrorAs(w.t, doomed.Err(), &ended, "%v", doomed.Err())
	require.Equal(w.t, syscall.SIGKILL, ended.Sys().(syscall.WaitStatus).Signal(), "the worker ended otherwise than by the crash point: %v", doomed.Err())
}

// ends lets bob sync too, and returns what both vendors hold then.
func (s story) ends(w *world) []string {
	w.t.Helper()
	if s.edits == nil {
		w.start("bob")
		w.rest("bob", 0)
	} else {
		before, _ := w.status("bob")
		w.hold("bob", workflows.SignalResume)
		w.rest("bob", before.Pass)
	}
	require.Equal(w.t, w.crmOccurrences("alice"), w.occurrences("alice"), "both sides show the same meetings")
	w.noMail()
	return w.contents()
}

// undisturbed is what a story leaves behind when nobody dies.
func (s story) undisturbed(t *testing.T) []string {
	t.Helper()
	v, _ := outcomes.LoadOrStore(s.name, &outcome{})
	o := v.(*outcome)
	o.once.Do(func() {
		w := s.tell(t, "", options{})
		times, operations := w.reached()
		checked := s.cells()
		if s.verb == "" {
			checked = nil // it is told for one point only
		}
		for _, c := range checked {
			require.GreaterOrEqual(t, times[c.at()]+times[string(c.point)]*min(c.times, 1), max(c.times, 1), "%s does not reach %q, where a worker is to die; it does: %v", s.name, c.at(), operations)
		}
		if s.verb != "" {
			require.ElementsMatch(t, s.operations(), operations, "%s: there are cells for each operation", s.name)
		}
		require.Equal(t, s.moves, times[string(activities.PointRenamed)], "%s: there is a cell for each series whose links move", s.name)
		o.contents = s.ends(w)
	})
	require.NotEmpty(t, o.contents, "the story failed without any crash")
	return o.contents
}

type outcome struct {
	once     sync.Once
	contents []string
}

var outcomes sync.Map // story → *outcome

// TestKilledWorkerLosesAndDoublesNothing kills a worker with kill -9 at each point of the write protocol, for each vendor and
// for creates, updates and deletes, and at the other points of a pass; its successor ends with what is left where nobody
// dies. It prints the table of cells, and fails when one was not tried.
func TestKilledWorkerLosesAndDoublesNothing(t *testing.T) { //nolint:tparallel // the table is printed once all cells, which run at once, have ended
	t.Parallel()
	var mu sync.Mutex
	result := map[cell]string{}
	points := map[activities.Point]bool{}
	t.Run("cells", func(t *testing.T) {
		for _, s := range stories {
			for _, c := range s.cells() {
				points[c.point] = true
				t.Run(s.name+"/"+c.at(), func(t *testing.T) {
					t.Parallel()
					t.Cleanup(func() {
						mu.Lock()
						defer mu.Unlock()
						result[c] = "ok"
						if t.Failed() {
							result[c] = "FAILED"
						}
					})
					want := s.undisturbed(t)
					w := s.tell(t, c.at(), options{})
					require.Equal(t, want, s.ends(w))
					w.converged()
				})
			}
		}
	})
	for _, p := range activities.Points() {
		require.True(t, points[p], "no story reaches the point %q", p)
	}
	table, missing := matrix(result)
	t.Logf("kill -9 at each point of the write protocol:\n%s\n%d ways to die in all", table, len(result))
	if strings.Contains(flag.Lookup("test.run").Value.String(), "/") {
		return // somebody wants some cells only
	}
	require.Empty(t, missing, "cells that were not tried")
}

// matrix prints what became of vendor × verb × point, and lists the cells that nobody tried.
func matrix(result map[cell]string) (table string, missing []string) {
	var b strings.Builder
	for _, s := range stories {
		fmt.Fprintf(&b, "%s\n", s.verb)
		for _, p := range activities.OperationPoints(s.verb) {
			fmt.Fprintf(&b, "    %-62s", p)
			for _, v := range vendors {
				c := cell{story: s.name, operation: activities.Operation(v.side, v.kind, s.verb), point: p}
				if result[c] == "" {
					missing = append(missing, v.name+": "+c.at())
				}
				fmt.Fprintf(&b, "  %s: %-6s", v.name, cmp.Or(result[c], "-"))
			}
			b.WriteString("\n")
		}
	}
	return b.String(), missing
}

// reached counts how often the worker of an undisturbed story reached each point, alone and with its operation, and lists
// the operations.
func (w *world) reached() (times map[string]int, operations []string) {
	w.t.Helper()
	text, err := os.ReadFile(w.file("points"))
	require.NoError(w.t, err)
	times = map[string]int{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		times[line]++
		if point, operation, ok := strings.Cut(line, "@"); ok {
			times[point]++
			operations = append(operations, operation)
		}
	}
	slices.Sort(operations)
	return times, slices.Compact(operations)
}

// converged holds that another pass of everybody writes nothing.
func (w *world) converged() {
	w.t.Helper()
	before := w.raw()
	w.forget()
	for rep := range w.users {
		w.sync(rep)
	}
	require.Empty(w.t, w.mutations(), "a converged pair passes without writing")
	require.Equal(w.t, before, w.raw())
}

// contactsOnly is a first sync of contacts, whose creates in the mailbox are guarded by nothing but looking for them.
var contactsOnly = story{name: "first sync of contacts", empty: true}

// googleCreate is its batch that creates in the mailbox.
const googleCreate = "@mailbox contact create"

// TestHiddenCreateIsFound kills the worker between Google's answer to a create and its settling, while Google's feed hides
// the new item: it is there all the same and may not be sent again.
func TestHiddenCreateIsFound(t *testing.T) {
	t.Parallel()
	const hidden = 10 * time.Minute
	first := contactsOnly
	want := first.undisturbed(t)
	w := first.tell(t, string(activities.PointAnswered)+googleCreate, options{hides: hidden, change: func(o *config.Org) { o.Mailboxes[0].Lag = hidden }})
	require.Equal(t, want, first.ends(w))
	w.converged()
}

// TestUnclearCreateIsWaitedFor kills the worker before a create's request leaves. Nobody can know that it never did: it is
// looked for as long as Google's feed may hide it, visibly, and then sent again.
func TestUnclearCreateIsWaitedFor(t *testing.T) {
	t.Parallel()
	first := contactsOnly
	want := first.undisturbed(t)
	w := first.tell(t, string(activities.PointSent)+googleCreate, options{change: func(o *config.Org) { o.Mailboxes[0].Lag = 55 * time.Second }, meanwhile: func(w *world) {
		w.until("alice", "waiting for the create", func(st workflows.Status) bool {
			return st.Trouble != nil && st.Trouble.Code == "outcome_unknown" && st.State == workflows.Idle
		})
		require.Empty(t, w.personOf("alice", "ada@customer.test"))
	}})
	require.Equal(t, want, first.ends(w))
	w.converged()
}

// TestDeadWorkersLeaseRunsOut has a lease that outlives the notice of the worker's death: the successor waits, visibly.
func TestDeadWorkersLeaseRunsOut(t *testing.T) {
	t.Parallel()
	first := contactsOnly
	want := first.undisturbed(t)
	waited := false
	w := first.tell(t, string(activities.PointSent)+googleCreate, options{env: []string{"REPSYNC_LEASE=50s"}, meanwhile: func(w *world) {
		w.until("alice", "waiting for the lease", func(st workflows.Status) bool {
			waited = waited || st.Trouble != nil && st.Trouble.Code == "mailbox_leased" && st.Trouble.Class == activities.ClassWaiting
			return waited
		})
	}})
	require.True(t, waited)
	require.Equal(t, want, first.ends(w))
	w.converged()
}
