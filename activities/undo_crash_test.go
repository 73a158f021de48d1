package activities_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/internal/store"
)

// mortal is a mailbox during whose n-th write from now on the worker dies: before the vendor gets it, or after.
type mortal struct {
	connector.Connector
	mu    sync.Mutex
	n     int
	after bool
}

func (m *mortal) Write(ctx context.Context, k record.Kind, ops []connector.Op) ([]connector.Result, error) {
	m.mu.Lock()
	m.n--
	dies := m.n == 0
	m.mu.Unlock()
	if dies && m.after {
		_, _ = m.Connector.Write(ctx, k, ops)
	}
	if dies {
		panic("killed")
	}
	return m.Connector.Write(ctx, k, ops)
}

// dying lets the worker die in alice's n-th write.
func (w *world) dying(n int, after bool) {
	w.t.Helper()
	c, _, err := w.Mailbox(org, address("alice"))
	require.NoError(w.t, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.boxes[address("alice")] = &mortal{Connector: c, n: n, after: after}
}

// troubled is a world in which passes have created, updated and deleted in alice's mailbox, and someone who undoes it.
func troubled(t *testing.T) (*undoer, func()) {
	t.Helper()
	w := newWorld(t)
	w.bothWays(propagate)
	kept := w.contact("alice", with(nil))
	gone := w.contact("alice", fields{"FirstName": "Gia", "LastName": "Gone", "Email": "gia@example.com"})
	w.settle()
	u := w.fromNow("alice")
	w.editContact("alice", kept, fields{"Title": "Boss"})
	w.deleteContact("alice", gone)
	w.contact("alice", fields{"FirstName": "Nia", "LastName": "New", "Email": "nia@example.com"})
	w.settle()
	return u, func() {
		t.Helper()
		titles := map[string]string{}
		for _, p := range w.people("alice") {
			titles[p.Names[0].GivenName] = ""
			if len(p.Organizations) > 0 {
				titles[p.Names[0].GivenName] = p.Organizations[0].Title
			}
		}
		require.Equal(t, map[string]string{"Cara": "Buyer", "Gia": ""}, titles)
		require.Len(t, w.people("alice"), 2, "nothing doubled")
	}
}

func TestUndoKilledAnywhereGoesOn(t *testing.T) {
	for _, then := range []string{"the undo goes on", "a pass comes first"} {
		for n := 1; n <= 3; n++ {
			for _, after := range []bool{false, true} {
				name := then + ", killed before write "
				if after {
					name = then + ", killed after write "
				}
				t.Run(name+string(rune('0'+n)), func(t *testing.T) {
					u, undone := troubled(t)
					w := u.w
					u.runs++
					w.dying(n, after)
					_, err := u.try(false)
					require.Error(t, err, "it died")
					w.connect(0)
					w.stages = w.worker()
					w.clock.Advance(10 * time.Minute) // a dead worker's lease runs out, and the vendor's lists can be trusted
					if then != "the undo goes on" {
						w.settle()
					}
					out, err := u.try(false) // the same run
					require.NoError(t, err)
					require.Nil(t, out.Trouble)
					require.Equal(t, []string{"create mailbox", "delete mailbox", "update mailbox title"}, lines(out.PutBack), "also what the first attempt did")
					require.Zero(t, out.Left.Count)
					undone()
					u.stays()
					undone()
					w.nothingWritten(func() { require.Zero(t, u.undo().PutBack.Count) })
				})
			}
		}
	}
}

func TestUndoWhoseAnswersAreLost(t *testing.T) {
	for _, kind := range []fault.Kind{fault.Drop, fault.DropAfter} {
		for _, call := range []string{"batchCreate", "batchUpdate", "batchDelete"} {
			t.Run(string(kind)+" "+call, func(t *testing.T) {
				u, undone := troubled(t)
				u.runs++
				u.w.google(fault.Rule{Method: "POST", Path: call, Kind: kind, Times: 1})
				for range 5 {
					out, err := u.try(false)
					require.NoError(t, err)
					if out.Trouble == nil {
						require.Equal(t, 3, out.PutBack.Count)
						break
					}
					require.Contains(t, []string{activities.ClassRetry, activities.ClassWaiting}, out.Trouble.Class, "it passes")
					u.w.clock.Advance(10 * time.Minute)
				}
				undone()
				u.stays()
				undone()
			})
		}
	}
}

func TestUndoAndAPassOfOneMailbox(t *testing.T) {
	t.Run("it waits while a stage has the lease", func(t *testing.T) {
		u, _ := troubled(t)
		epoch, err := u.w.store.Acquire(t.Context(), org, "alice", "a stage", time.Minute)
		require.NoError(t, err)
		for _, dry := range []bool{false, true} {
			out, err := u.try(dry)
			require.NoError(t, err)
			require.Equal(t, activities.ClassWaiting, out.Trouble.Class)
			require.Equal(t, "mailbox_leased", out.Trouble.Code)
		}
		require.NoError(t, u.w.store.Release(t.Context(), org, "alice", epoch))
		require.Equal(t, 3, u.undo().PutBack.Count)
	})
	t.Run("what a pass had planned is planned anew", func(t *testing.T) {
		w, id, _ := pair(t, "")
		u := w.fromNow("alice")
		w.editContact("alice", id, fields{"Title": "Boss"})
		w.settle()
		w.editContact("alice", id, fields{"Phone": "415-555-0144"})
		w.upTo("alice", 3) // matched, and not written
		require.Equal(t, 1, u.undo().PutBack.Count)
		f := w.fetched["alice"]
		w.nothingWritten(func() {
			_, err := w.stages.Write(t.Context(), activities.Pass{Org: org, Rep: "alice", Pass: f.Pass + 1, Revision: f.Revision})
			require.NoError(t, err)
		})
		w.converged()
		require.Equal(t, [2]string{"Boss", "Buyer"}, w.titles(id))
		require.Equal(t, "415-555-0144", w.people("alice")[w.peer("alice", id)].PhoneNumbers[0].Value)
	})
	t.Run("what moves while it is written is planned again", func(t *testing.T) {
		w, id, name := pair(t, "")
		u := w.fromNow("alice")
		w.editContact("alice", id, fields{"Title": "Boss"})
		w.settle()
		c, _, err := w.Mailbox(org, address("alice"))
		require.NoError(t, err)
		w.boxes[address("alice")] = &meddler{Connector: c, before: func() { w.editPerson("alice", name, `{"phoneNumbers":[{"value":"415-555-0199","type":"work"}]}`) }}
		require.Equal(t, []string{"update mailbox title"}, lines(u.undo().PutBack))
		w.connect(0)
		w.converged()
		require.Equal(t, [2]string{"Boss", "Buyer"}, w.titles(id))
		require.Equal(t, "415-555-0199", w.crmContacts()[id]["Phone"], "nothing lost")
	})
}

// meddler is a mailbox that a person edits once, just before it is written.
type meddler struct {
	connector.Connector
	once   sync.Once
	before func()
}

func (m *meddler) Write(ctx context.Context, k record.Kind, ops []connector.Op) ([]connector.Result, error) {
	m.once.Do(m.before)
	return m.Connector.Write(ctx, k, ops)
}

func TestUndoOfARepWhoIsStopped(t *testing.T) {
	w, id, _ := pair(t, "")
	u := w.fromNow("alice")
	w.editContact("alice", id, fields{"Title": "Boss"})
	w.settle()
	rep, err := w.store.GetRep(t.Context(), org, "alice")
	require.NoError(t, err)
	rep.Active = false
	require.NoError(t, w.store.UpdateRep(t.Context(), rep))
	require.Equal(t, 1, u.undo().PutBack.Count)
}

func TestUndoIsBoundByNoGuardAndCountsForNone(t *testing.T) {
	w := newWorld(t)
	w.bothWays("guard: {deletes: {max: 1}, creates: {max: 2}}\n")
	u := w.fromNow("alice")
	for _, n := range []string{"a", "b", "c"} {
		w.contact("alice", fields{"LastName": n, "Email": n + "@example.com"})
	}
	w.settle() // the first sync's guard is another one
	require.Len(t, w.people("alice"), 3)
	before, err := w.store.CountWrites(t.Context(), org, "alice", u.since)
	require.NoError(t, err)
	require.Equal(t, 3, u.undo().PutBack.Count)
	require.Empty(t, w.people("alice"))
	after, err := w.store.CountWrites(t.Context(), org, "alice", u.since)
	require.NoError(t, err)
	require.Equal(t, before, after)
	u.stays()
}

func TestUndoIsJournalledWithItsValues(t *testing.T) {
	w, id, name := pair(t, "")
	u := w.fromNow("alice")
	w.editContact("alice", id, fields{"Title": "Boss", "Phone": "415-555-0177"})
	w.settle()
	w.retitle(name, "By hand")
	u.undo()
	all, err := w.store.JournalOf(t.Context(), org, "alice", name, 10)
	require.NoError(t, err)
	var told []store.Line
	for _, l := range all {
		if l.Action == activities.ActionUndo {
			told = append(told, l)
		}
	}
	require.Len(t, told, 2, "what was put back, and what was left")
	require.Equal(t, map[string]store.Change{"phone.work": {Before: "415-555-0177", After: "415-555-0100"}}, told[0].Values)
	require.Equal(t, []any{"update", planner.ReasonPinned, "undo run1"}, []any{told[0].Code, told[0].Reason, told[0].Rule})
	require.Equal(t, []any{"left", activities.UndoEdited, "title"}, []any{told[1].Code, told[1].Reason, told[1].Field})
	require.Empty(t, told[1].Values)
}

func TestUndoOfARepThatIsNotThere(t *testing.T) {
	w := newWorld(t)
	out, err := w.stages.Undo(t.Context(), activities.UndoIn{Org: org, Rep: "nobody", Since: w.clock.Now(), Run: "x"})
	require.NoError(t, err)
	require.Equal(t, "unknown_rep", out.Trouble.Code)
}

func TestUndoOfOneKindWaitsForNoOther(t *testing.T) {
	w := newWorld(t)
	w.policy("name: test\norg: acme\nassign: {profiles: [Field Sales]}\ncontacts: {direction: both}\nevents: {direction: both}\n")
	id := w.contact("alice", with(nil))
	crmID := w.crmEvent("alice", crmMeeting("Demo", w.day(3, 9, 0)))
	w.settle()
	u := w.fromNow("alice")
	w.editContact("alice", id, fields{"Title": "Boss"})
	w.editCRMEvent("alice", crmID, fields{"Location": "Room 9"})
	w.settle()
	stop := w.google(fault.Rule{Path: "/people", Kind: fault.Status, Status: 503})
	u.runs++
	out, err := u.try(false)
	require.NoError(t, err)
	require.Equal(t, activities.ClassRetry, out.Trouble.Class)
	require.Equal(t, []string{"update mailbox location"}, lines(out.PutBack))
	require.True(t, w.box.GoogleFaults.Remove(stop))
	out, err = u.try(false)
	require.NoError(t, err)
	require.Nil(t, out.Trouble)
	require.Equal(t, []string{"update mailbox location", "update mailbox title"}, lines(out.PutBack))
	u.stays()
}
