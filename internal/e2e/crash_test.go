package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/devstack/proc"
	"github.com/repsync/repsync/workflows"
)

// story is a piece of work during which a worker dies.
type story struct {
	name  string
	empty bool                     // there is nothing in the calendars
	edits func(w *world)           // what people do after the first pass; nil: the worker dies in that one
	reach map[activities.Point]int // the points of the write protocol that it reaches, and how often
}

// upkeep are the points that every pass with work reaches.
var upkeep = []activities.Point{activities.PointStage, activities.PointPlanned, activities.PointCommit, activities.PointCommitted}

// protocol are the points of so many batches of creates and updates, so many of deletes, and so many series whose links move.
func protocol(writes, deletes, moves int) map[activities.Point]int {
	return map[activities.Point]int{
		activities.PointRenamed:    moves,
		activities.PointBeforeSent: writes + deletes, activities.PointSettled: writes + deletes,
		activities.PointSent: writes, activities.PointAnswered: writes,
		activities.PointBeforeDelete: deletes, activities.PointDeleted: deletes,
	}
}

var stories = []story{
	{name: "first sync", reach: protocol(6, 1, 0)},
	{name: "updates", reach: protocol(4, 0, 2), edits: func(w *world) {
		rearrange(w)
		w.editContact("alice", w.contactOf("ada@customer.test"), fields{"Title": "Countess"})
		w.editContact("alice", w.contactOf("grace@customer.test"), fields{"Title": "Rear Admiral"})
		w.editPerson("alice", w.personOf("alice", "edsger@customer.test"), fields{"phoneNumbers": []fields{{"value": "+31 40 555 0199", "type": "work"}}})
		w.editPerson("alice", w.personOf("alice", "ada@customer.test"), fields{"phoneNumbers": []fields{{"value": "+44 20 5555 0142", "type": "work"}}})
		w.editContact("alice", w.contactOf("barbara@customer.test"), fields{"Title": "Institute Professor"}) // a conflict: the CRM wins
		w.editPerson("alice", w.personOf("alice", "barbara@customer.test"), fields{"organizations": []fields{{"title": "Professor"}}})
	}},
	{name: "deletes", reach: protocol(1, 4, 0), edits: func(w *world) {
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
		times := w.reached()
		for p, n := range s.reach {
			require.Equal(t, n, times[p], "%s: there is a cell for each time that a point is reached", p)
		}
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

func TestKilledWorkerLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	reached := map[activities.Point]bool{}
	for _, s := range stories {
		points := []string{}
		for _, p := range upkeep {
			points = append(points, string(p))
			reached[p] = true
		}
		for p, times := range s.reach {
			for n := 1; n <= times; n++ {
				if p == activities.PointBeforeSent && n > 1 || p == activities.PointSettled && n > 1 && n < times {
					continue // between two batches nothing is open that is not open at the first or the last
				}
				points = append(points, fmt.Sprintf("%s#%d", p, n))
			}
			reached[p] = reached[p] || times > 0
		}
		for _, at := range points {
			t.Run(s.name+"/"+at, func(t *testing.T) {
				t.Parallel()
				want := s.undisturbed(t)
				w := s.tell(t, at, options{})
				require.Equal(t, want, s.ends(w))
				w.converged()
			})
		}
	}
	for _, p := range activities.Points() {
		require.True(t, reached[p], "no story reaches the point %q", p)
	}
}

// reached counts how often the worker of an undisturbed story reached each point.
func (w *world) reached() map[activities.Point]int {
	w.t.Helper()
	text, err := os.ReadFile(w.file("points"))
	require.NoError(w.t, err)
	out := map[activities.Point]int{}
	for line := range strings.Lines(string(text)) {
		out[activities.Point(strings.TrimSuffix(line, "\n"))]++
	}
	return out
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
var contactsOnly = story{name: "first sync of contacts", empty: true, reach: protocol(3, 0, 0)}

// googleCreate is its batch that creates in the mailbox.
const googleCreate = "#3"

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
