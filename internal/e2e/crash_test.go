package e2e

import (
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/workflows"
)

// story is a piece of work during which a worker dies.
type story struct {
	name   string
	before func(w *world) // what is there at the first pass
	edits  func(w *world) // what people do after it; nil: the worker dies in the first pass
	sends  int            // how many batches a pass of it sends
	reach  []activities.Point
}

// upkeep are the points that every pass with work reaches.
var upkeep = []activities.Point{activities.PointStage, activities.PointPlanned, activities.PointCommit, activities.PointCommitted}

// protocol are the points of a batch of creates or updates.
var protocol = []activities.Point{activities.PointBeforeSent, activities.PointSent, activities.PointAnswered, activities.PointSettled}

// removal are the points of a batch of deletes.
var removal = []activities.Point{activities.PointBeforeSent, activities.PointBeforeDelete, activities.PointDeleted, activities.PointSettled}

var stories = []story{
	{name: "first sync", before: people, sends: 3, reach: protocol}, // creates in the CRM, an update there for who is on both sides, creates in the mailbox
	{name: "updates", before: people, sends: 2, reach: protocol, edits: func(w *world) {
		w.editContact("alice", w.contactOf("ada@customer.test"), fields{"Title": "Countess"})
		w.editContact("alice", w.contactOf("grace@customer.test"), fields{"Title": "Rear Admiral"})
		w.editPerson("alice", w.personOf("alice", "edsger@customer.test"), fields{"phoneNumbers": []fields{{"value": "+31 40 555 0199", "type": "work"}}})
		w.editPerson("alice", w.personOf("alice", "ada@customer.test"), fields{"phoneNumbers": []fields{{"value": "+44 20 5555 0142", "type": "work"}}})
		w.editContact("alice", w.contactOf("barbara@customer.test"), fields{"Title": "Institute Professor"}) // a conflict: the CRM wins
		w.editPerson("alice", w.personOf("alice", "barbara@customer.test"), fields{"organizations": []fields{{"title": "Professor"}}})
	}},
	{name: "deletes", before: people, sends: 2, reach: removal, edits: func(w *world) {
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

// tell plays a story with a worker that is told to die at a point, or with one that is not for "", and returns the world
// at rest. The pass of the story is known to be the last that changed anything.
func (s story) tell(t *testing.T, crashAt string, o options) *world {
	t.Helper()
	w := newWorld(t, o)
	w.box.Google.SetLag(o.hides)
	w.policy("  deletes: {from_crm: propagate, from_mailbox: propagate}\n")
	s.before(w)
	var pass int64
	if s.edits != nil {
		first := w.worker()
		w.start("alice")
		pass = w.rest("alice", 0).Pass
		s.edits(w)
		w.forget()
		if crashAt == "" {
			w.sync("alice")
			return w
		}
		require.NoError(t, first.Stop(patience))
	}
	if crashAt != "" {
		doomed := w.worker("REPSYNC_CRASH_AT=" + crashAt)
		if s.edits == nil {
			w.start("alice")
		} else {
			w.syncNow("alice")
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
		require.ErrorAs(t, doomed.Err(), &ended, "%v", doomed.Err())
		require.Equal(t, syscall.SIGKILL, ended.Sys().(syscall.WaitStatus).Signal(), "the worker ended otherwise than by the crash point: %v", doomed.Err())
		w.worker()
		if o.meanwhile != nil {
			o.meanwhile(w)
		}
	} else {
		w.worker()
		w.start("alice")
	}
	w.rest("alice", pass)
	return w
}

// undisturbed is what a story leaves behind when nobody dies.
func (s story) undisturbed(t *testing.T) []string {
	t.Helper()
	v, _ := outcomes.LoadOrStore(s.name, &outcome{})
	o := v.(*outcome)
	o.once.Do(func() {
		w := s.tell(t, "", options{})
		require.Len(t, w.mutations(), s.sends, "the story sends as many batches as there are cells for")
		o.contents = w.contents()
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
		for _, p := range s.reach {
			for n := 1; n <= s.sends; n++ {
				points = append(points, fmt.Sprintf("%s#%d", p, n))
			}
			reached[p] = true
		}
		for _, at := range points {
			t.Run(s.name+"/"+at, func(t *testing.T) {
				t.Parallel()
				want := s.undisturbed(t)
				w := s.tell(t, at, options{})
				require.Equal(t, want, w.contents())
				w.converged()
			})
		}
	}
	for _, p := range activities.Points() {
		require.True(t, reached[p], "no story reaches the point %q", p)
	}
}

// converged holds that another pass writes nothing.
func (w *world) converged() {
	w.t.Helper()
	before := w.raw()
	w.forget()
	w.sync("alice")
	require.Empty(w.t, w.mutations(), "a converged pair passes without writing")
	require.Equal(w.t, before, w.raw())
}

// googleCreate is the batch of the first sync that creates in the mailbox.
const googleCreate = "#3"

// TestHiddenCreateIsFound kills the worker between Google's answer to a create and its settling, while Google's feed hides
// the new item: it is there all the same and may not be sent again.
func TestHiddenCreateIsFound(t *testing.T) {
	t.Parallel()
	const hidden = 10 * time.Minute
	first := stories[0]
	want := first.undisturbed(t)
	w := first.tell(t, string(activities.PointAnswered)+googleCreate, options{hides: hidden, change: func(o *config.Org) { o.Mailboxes[0].Lag = hidden }})
	require.Equal(t, want, w.contents())
	w.converged()
}

// TestUnclearCreateIsWaitedFor kills the worker before a create's request leaves. Nobody can know that it never did: it is
// looked for as long as Google's feed may hide it, visibly, and then sent again.
func TestUnclearCreateIsWaitedFor(t *testing.T) {
	t.Parallel()
	first := stories[0]
	want := first.undisturbed(t)
	w := first.tell(t, string(activities.PointSent)+googleCreate, options{change: func(o *config.Org) { o.Mailboxes[0].Lag = 55 * time.Second }, meanwhile: func(w *world) {
		w.until("alice", "waiting for the create", func(st workflows.Status) bool {
			return st.Trouble != nil && st.Trouble.Code == "outcome_unknown" && st.State == workflows.Idle
		})
		require.Empty(t, w.personOf("alice", "ada@customer.test"))
	}})
	require.Equal(t, want, w.contents())
	w.converged()
}

// TestDeadWorkersLeaseRunsOut has a lease that outlives the notice of the worker's death: the successor waits, visibly.
func TestDeadWorkersLeaseRunsOut(t *testing.T) {
	t.Parallel()
	first := stories[0]
	want := first.undisturbed(t)
	waited := false
	w := first.tell(t, string(activities.PointSent)+googleCreate, options{env: []string{"REPSYNC_LEASE=50s"}, meanwhile: func(w *world) {
		w.until("alice", "waiting for the lease", func(st workflows.Status) bool {
			waited = waited || st.Trouble != nil && st.Trouble.Code == "mailbox_leased" && st.Trouble.Class == activities.ClassWaiting
			return waited
		})
	}})
	require.True(t, waited)
	require.Equal(t, want, w.contents())
	w.converged()
}
