package activities_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
)

// change makes the change that a lost answer is to be about, on one side, for the other side to receive.
type change struct {
	verb, source string
	make         func(w *world, id, name string)
	check        func(t *testing.T, w *world, id, name string)
}

func changes() []change {
	title := func(t *testing.T, w *world, id, name string) {
		require.Equal(t, "Edited", w.crmContacts()[id]["Title"])
		require.Equal(t, "Edited", w.people("alice")[name].Organizations[0].Title)
	}
	count := func(n int) func(t *testing.T, w *world, _, _ string) {
		return func(t *testing.T, w *world, _, _ string) {
			require.Len(t, w.crmContacts(), n)
			require.Len(t, w.people("alice"), n)
		}
	}
	return []change{
		{"create", "crm", func(w *world, _, _ string) {
			w.contact("alice", fields{"LastName": "New", "Email": "newer@example.com"})
		}, count(2)},
		{"create", "mailbox", func(w *world, _, _ string) {
			w.person("alice", `{"names":[{"givenName":"Nia","familyName":"New"}],"emailAddresses":[{"value":"new@example.com","type":"work"}]}`)
		}, count(2)},
		{"update", "crm", func(w *world, id, _ string) { w.editContact("alice", id, fields{"Title": "Edited"}) }, title},
		{"update", "mailbox", func(w *world, _, name string) {
			w.editPerson("alice", name, `{"organizations":[{"title":"Edited","type":"work"}]}`)
		}, title},
		{"delete", "crm", func(w *world, id, _ string) { w.deleteContact("alice", id) }, count(0)},
		{"delete", "mailbox", func(w *world, _, name string) { w.deletePerson("alice", name) }, count(0)},
	}
}

// target matches the vendor's call that carries a change over.
func (c change) target(w *world) (*fault.Injector, fault.Rule) {
	if c.source == "mailbox" {
		return w.box.SalesforceFaults, fault.Rule{Path: "composite/sobjects", Method: map[string]string{"create": "PATCH", "update": "PATCH", "delete": "DELETE"}[c.verb]}
	}
	return w.box.GoogleFaults, fault.Rule{Method: "POST", Path: map[string]string{"create": "batchCreate", "update": "batchUpdate", "delete": "batchDelete"}[c.verb]}
}

func TestLostAnswerDoublesAndLosesNothing(t *testing.T) {
	for _, kind := range []fault.Kind{fault.DropAfter, fault.StatusAfter, fault.Drop, fault.Truncate} {
		for _, c := range changes() {
			if kind != fault.DropAfter && kind != fault.StatusAfter && c.verb != "create" {
				continue // the others are told apart by reading the item, whatever was lost
			}
			t.Run(fmt.Sprintf("%s of a %s from the %s", kind, c.verb, c.source), func(t *testing.T) {
				w, id, name := pair(t, propagate)
				faults, rule := c.target(w)
				rule.Kind, rule.Times, rule.Name = kind, 1, "lost"
				c.make(w, id, name)
				faults.MustAdd(rule)
				r := w.pass("alice")
				require.Equal(t, 1, faults.Hits()["lost"])
				require.NotNil(t, r.trouble(), "the pass says that it could not do all")
				require.Equal(t, "retry", r.trouble().Class)
				w.clock.Advance(10 * time.Minute) // longer than any list lags
				w.converged()
				c.check(t, w, id, name)
				require.Empty(t, w.parked("alice"))
			})
		}
	}
}

func TestUnclearCreateInTheMailboxWaitsForTheListToShowIt(t *testing.T) {
	w, _, _ := pair(t, propagate)
	w.google(fault.Rule{Method: "POST", Path: "batchCreate", Kind: fault.Drop, Times: 1})
	w.contact("alice", fields{"LastName": "New", "Email": "new@example.com"})
	w.pass("alice")
	before := w.mutations()
	for range 3 {
		r := w.pass("alice")
		require.Equal(t, activities.ClassWaiting, r.trouble().Class)
	}
	require.Equal(t, before, w.mutations(), "not sent again while a list may still hide it")
	w.clock.Advance(6 * time.Minute)
	w.converged()
	require.Len(t, w.people("alice"), 2)
}

func TestUnclearCreateInTheCRMIsSentAgainAtOnce(t *testing.T) {
	w, _, _ := pair(t, propagate)
	w.salesforce(fault.Rule{Method: "PATCH", Path: "composite/sobjects", Kind: fault.DropAfter, Times: 1})
	w.person("alice", `{"names":[{"familyName":"New"}],"emailAddresses":[{"value":"new@example.com","type":"work"}]}`)
	w.pass("alice")
	w.settle()
	require.Len(t, w.crmContacts(), 2, "the key makes it safe")
	w.converged()
}

// Somebody deletes a record that Repsync has just made, before Repsync could read it back, or while its answer is lost. It
// stays deleted.
func TestRecordThatIsDeletedRightAfterItsCreate(t *testing.T) {
	for _, kind := range []fault.Kind{fault.GateAfter, fault.DropAfter, fault.StatusAfter} {
		t.Run(string(kind), func(t *testing.T) {
			w, first, _ := pair(t, propagate)
			rule := fault.Rule{Name: "made", Method: "PATCH", Path: "composite/sobjects", Kind: kind, Status: 503, Times: 1}
			w.person("alice", `{"names":[{"familyName":"New"}],"emailAddresses":[{"value":"new@example.com","type":"work"}]}`)
			deleteIt := func() {
				for id := range w.crmContacts() {
					if id != first {
						w.deleteContact("alice", id)
					}
				}
			}
			if kind == fault.GateAfter {
				release := w.box.SalesforceFaults.Hold(rule)
				done := make(chan struct{})
				go func() {
					defer close(done)
					_, _ = w.try("alice", "")
				}()
				require.Eventually(t, func() bool { return w.box.SalesforceFaults.Hits()["made"] == 1 }, time.Minute, time.Millisecond)
				deleteIt()
				release()
				<-done
			} else {
				w.salesforce(rule)
				w.pass("alice")
				deleteIt()
			}
			w.converged()
			require.Len(t, w.crmContacts(), 1, "it came back")
			require.Len(t, w.people("alice"), 1, "the deletion is carried on")
			require.Empty(t, w.parked("alice"))
		})
	}
}

// A worker that dies after any stage is followed by one that starts anew.
func TestWorkerDiesBetweenStages(t *testing.T) {
	for n := 1; n <= 6; n++ {
		t.Run(fmt.Sprint("after stage ", n), func(t *testing.T) {
			w := newWorld(t)
			w.bothWays(propagate)
			ids := w.crowd("alice", 4)
			w.settle()
			names := make([]string, len(ids))
			for i, id := range ids {
				names[i] = w.peer("alice", id)
			}
			for i, c := range changes() {
				w.clock.Advance(time.Second)
				at := max(i-2, 0) // the creates need no pair
				c.make(w, ids[at], names[at])
			}
			w.upTo("alice", n)
			w.passes["alice"] = 0 // the next one knows nothing of it
			w.open(w.ring)
			w.converged()
			require.Len(t, w.crmContacts(), 4, "two edited, two created, two deleted")
			require.Len(t, w.people("alice"), 4)
			for i := range 2 {
				require.Equal(t, "Edited", w.crmContacts()[ids[i]]["Title"])
				require.Equal(t, "Edited", w.people("alice")[names[i]].Organizations[0].Title)
			}
		})
	}
}

// The worker dies in the middle of its request: the vendor has done what was asked, and nobody settles it.
func TestWorkerDiesBetweenTheWriteAndItsRecord(t *testing.T) {
	for _, c := range changes() {
		t.Run(fmt.Sprintf("a %s from the %s", c.verb, c.source), func(t *testing.T) {
			w, id, name := pair(t, propagate)
			faults, rule := c.target(w)
			rule.Kind, rule.Name = fault.GateAfter, "asked"
			release := faults.Hold(rule)
			c.make(w, id, name)
			w.clock.Advance(time.Second)
			// The old worker's own store is closed under it, as when the process goes.
			doomed := storeOf(t, w)
			old := activities.New(activities.Config{Store: doomed, Ring: w.ring, Connect: w, Now: w.clock.Now})
			done := make(chan struct{})
			go func() {
				defer close(done)
				ctx := context.WithoutCancel(t.Context())
				f, err := old.Fetch(ctx, activities.FetchIn{Org: org, Rep: "alice", Pass: 2, Fresh: true})
				if err != nil {
					return
				}
				for _, stage := range []stageFunc{old.Filter, old.Match, old.Write, old.PropagateDeletes} {
					if _, err := stage(ctx, passOf(f, "alice")); err != nil {
						return
					}
				}
			}()
			require.Eventually(t, func() bool { return faults.Hits()["asked"] == 1 }, 10*time.Second, 5*time.Millisecond)
			doomed.Close()
			release()
			<-done
			r := w.pass("alice")
			require.NotNil(t, r.trouble(), "the dead worker's lease still runs")
			w.clock.Advance(10 * time.Minute)
			w.converged()
			c.check(t, w, id, name)
		})
	}
}

func TestTwoWorkersWhoBelieveTheyOwnOneMailbox(t *testing.T) {
	for _, c := range changes() {
		t.Run(fmt.Sprintf("a %s from the %s", c.verb, c.source), func(t *testing.T) {
			w, id, name := pair(t, propagate)
			faults, rule := c.target(w)
			rule.Kind, rule.Name = fault.GateAfter, "asked"
			release := faults.Hold(rule)
			c.make(w, id, name)
			done := make(chan result)
			go func() { r, _ := w.try("alice", ""); done <- r }()
			require.Eventually(t, func() bool { return faults.Hits()["asked"] == 1 }, 10*time.Second, 5*time.Millisecond)

			second := w.worker()
			f, err := second.Fetch(t.Context(), activities.FetchIn{Org: org, Rep: "alice", Pass: 9, Fresh: true})
			require.NoError(t, err)
			out, err := second.Filter(t.Context(), passOf(f, "alice"))
			require.NoError(t, err)
			require.Equal(t, "mailbox_leased", out.Trouble.Code, "not while the first one's lease lasts")

			w.clock.Advance(2 * time.Minute) // the first one's heartbeat was missed, its lease has run out
			_, err = second.Filter(t.Context(), passOf(f, "alice"))
			require.NoError(t, err)
			release()
			old := <-done
			require.NotNil(t, old.trouble())
			require.Contains(t, []string{"lease_lost", "mailbox_leased"}, old.trouble().Code, "the older one's result is refused")
			w.clock.Advance(10 * time.Minute)
			w.converged()
			c.check(t, w, id, name)
		})
	}
}

func TestDatabaseRestoredFromYesterdayAdoptsByMarker(t *testing.T) {
	w, id, name := pair(t, "")
	w.person("alice", `{"names":[{"givenName":"Mona","familyName":"Mailbox"}],"emailAddresses":[{"value":"mona@example.com","type":"work"}]}`)
	w.settle()
	restore := backup(t, w)
	// What follows is not in the backup: a copy made on either side, also of people that nothing but the marker tells apart.
	w.contact("alice", fields{"LastName": "Lone"})
	w.person("alice", `{"names":[{"familyName":"Only"}]}`)
	w.contact("alice", fields{"LastName": "New", "Email": "new@example.com"})
	w.editContact("alice", id, fields{"Title": "Edited"})
	w.settle()
	require.Len(t, w.crmContacts(), 5)
	require.Len(t, w.people("alice"), 5)
	before := w.mutations()
	restore()
	w.passes["alice"] = 0
	w.settle()
	require.Len(t, w.crmContacts(), 5, "no doubles")
	require.Len(t, w.people("alice"), 5)
	require.Equal(t, before, w.mutations(), "adopted by their markers")
	w.converged()
	w.editPerson("alice", name, `{"organizations":[{"title":"After","type":"work"}]}`)
	w.converged()
	require.Equal(t, "After", w.crmContacts()[id]["Title"])
}

func TestRestoredDatabaseHoldsCreatesAndDeletesUntilAnAdminHasLooked(t *testing.T) {
	w, id, name := pair(t, propagate)
	w.settle()
	restore := backup(t, w)
	// Since the backup a copy was made and deleted by the rep, whose tombstone the backup does not have.
	w.policy("name: test\norg: acme\nassign: {profiles: [Field Sales]}\ncontacts:\n  direction: both\n")
	lone := w.contact("alice", fields{"LastName": "Lone"})
	w.settle()
	w.deletePerson("alice", w.peer("alice", lone))
	w.settle()
	require.Len(t, w.people("alice"), 1)
	w.committed["alice"] = w.passes["alice"]
	restore()
	before := w.mutations()
	var held *activities.Hold
	for range 4 { // the reason outlives the pass that saw it
		if r := w.pass("alice"); r.hold != nil {
			held = r.hold
		}
	}
	require.NotNil(t, held)
	require.Contains(t, held.Why[0], "restored from an older backup")
	require.Equal(t, before, w.mutations(), "nothing comes back before an admin has looked")
	w.editContact("alice", id, fields{"Title": "Edited"})
	w.passReleasing("alice", held.Digest)
	require.Contains(t, w.people("alice"), name)
}

func TestRepStoppedAndStartedAgainWritesNothing(t *testing.T) {
	w, _, _ := pair(t, "")
	rep, err := w.store.GetRep(t.Context(), org, "alice")
	require.NoError(t, err)
	rep.Active = false
	require.NoError(t, w.store.UpdateRep(t.Context(), rep))
	r := w.pass("alice")
	require.Equal(t, "rep_stopped", r.trouble().Code)
	before := w.mutations()
	rep.Active = true
	require.NoError(t, w.store.UpdateRep(t.Context(), rep))
	w.clock.Advance(10 * 24 * time.Hour)
	w.reread()
	require.Equal(t, before, w.mutations())
	require.Len(t, w.people("alice"), 1)
}

func TestTwoRepsCreateTheSamePersonAtOnce(t *testing.T) {
	reps := []string{"alice", "bob", "carol"}
	w := newWorld(t, reps...)
	w.bothWays("")
	for _, rep := range reps {
		w.person(rep, `{"names":[{"givenName":"Nia","familyName":"New"}],"emailAddresses":[{"value":"nia@example.com","type":"work"}]}`)
	}
	done := make(chan error)
	for _, rep := range reps {
		go func() { _, err := w.try(rep, ""); done <- err }()
	}
	for range reps {
		require.NoError(t, <-done)
	}
	// A contact without an account is its owner's alone; the others wait, visibly, until it is shared with them.
	w.settle()
	id := only(t, w.crmContacts())
	w.editContact("", id, fields{"AccountId": w.account("Acme Works")})
	for _, rep := range reps {
		_, err := w.store.RetryParked(t.Context(), org, rep, nil)
		require.NoError(t, err)
	}
	w.converged()
	require.Len(t, w.crmContacts(), 1)
	links, err := w.store.LinksOfRecord(t.Context(), org, record.Contact, id)
	require.NoError(t, err)
	require.Len(t, links, len(reps), "one record, linked to all")
	for _, rep := range reps {
		require.Len(t, w.people(rep), 1)
	}
}

func TestOneRepsFailureTouchesNoOther(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.bothWays("")
	a, b := w.contact("alice", with(nil)), w.contact("bob", fields{"LastName": "Bobs", "Email": "b@example.com"})
	w.box.Google.AddUser(address("alice"), true) // disabled
	r := w.pass("alice")
	require.Equal(t, activities.ClassReconnect, r.trouble().Class)
	require.NotEmpty(t, r.trouble().Remedy)
	w.converged("bob")
	require.Len(t, w.people("bob"), 1)
	w.box.Google.AddUser(address("alice"), false)
	w.converged()
	require.Len(t, w.people("alice"), 1)
	_, _ = a, b
}
