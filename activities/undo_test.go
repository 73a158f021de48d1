package activities_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

// titles are what alice's one address book entry and cara's record show as title.
func (w *world) titles(id string) [2]string {
	w.t.Helper()
	out := [2]string{fmt.Sprint(w.crmContacts()[id]["Title"])}
	all := w.people("alice")
	require.Len(w.t, all, 1)
	for _, p := range all {
		if len(p.Organizations) > 0 {
			out[1] = p.Organizations[0].Title
		}
	}
	return out
}

func (w *world) retitle(name, title string) {
	w.t.Helper()
	w.editPerson("alice", name, `{"organizations":[{"title":"`+title+`","type":"work"}]}`)
}

func TestUndoOfAnUpdate(t *testing.T) {
	type undone struct {
		w        *world
		u        *undoer
		id, name string
	}
	for name, c := range map[string]struct {
		since       func(undone) // after since
		put, left   []string
		crm, box    string
		wrong, more func(undone) // afterwards
	}{
		"from the CRM": {
			since: func(p undone) { p.w.editContact("alice", p.id, fields{"Title": "Boss"}); p.w.settle() },
			put:   []string{"update mailbox title"}, crm: "Boss", box: "Buyer",
		},
		"from the mailbox": {
			since: func(p undone) { p.w.retitle(p.name, "Boss"); p.w.settle() },
			put:   []string{"update crm title"}, crm: "Buyer", box: "Boss",
		},
		"several passes wrote it": {
			since: func(p undone) {
				for _, v := range []string{"One", "Two", "Three"} {
					p.w.editContact("alice", p.id, fields{"Title": v})
					p.w.settle()
				}
			},
			put: []string{"update mailbox title"}, crm: "Three", box: "Buyer",
		},
		"a person wrote in between": {
			since: func(p undone) {
				p.w.editContact("alice", p.id, fields{"Title": "One"})
				p.w.settle()
				p.w.retitle(p.name, "By hand") // goes to the CRM
				p.w.settle()
				p.w.editContact("alice", p.id, fields{"Title": "Two"})
				p.w.settle()
			},
			put: []string{"update mailbox title"}, left: []string{"crm title edited_since"}, crm: "Two", box: "By hand",
		},
		"a person has edited it since": {
			since: func(p undone) {
				p.w.editContact("alice", p.id, fields{"Title": "Boss"})
				p.w.settle()
				p.w.retitle(p.name, "By hand")
			},
			left: []string{"mailbox title edited_since"}, crm: "Boss", box: "By hand",
			more: func(p undone) { // it flows as usual
				p.w.converged()
				require.Equal(t, [2]string{"By hand", "By hand"}, p.w.titles(p.id))
			},
		},
		"a person has edited another field since": {
			since: func(p undone) {
				p.w.editContact("alice", p.id, fields{"Title": "Boss", "Phone": "415-555-0177"})
				p.w.settle()
				p.w.editPerson("alice", p.name, `{"phoneNumbers":[{"value":"415-555-0199","type":"work"}]}`)
			},
			put: []string{"update mailbox title"}, left: []string{"mailbox phone.work edited_since"}, crm: "Boss", box: "Buyer",
			more: func(p undone) {
				p.w.converged()
				require.Equal(t, "415-555-0199", p.w.crmContacts()[p.id]["Phone"])
				require.Equal(t, [2]string{"Boss", "Buyer"}, p.w.titles(p.id))
			},
		},
		"a person has put it back already": {
			since: func(p undone) {
				p.w.editContact("alice", p.id, fields{"Title": "Boss"})
				p.w.settle()
				p.w.retitle(p.name, "Buyer")
			},
			crm: "Boss", box: "Buyer",
			more: func(p undone) { p.w.converged() },
		},
		"a person has edited the original since": {
			since: func(p undone) {
				p.w.editContact("alice", p.id, fields{"Title": "Boss"})
				p.w.settle()
				p.w.editContact("alice", p.id, fields{"Title": "Chief"})
			},
			put: []string{"update mailbox title"}, crm: "Chief", box: "Buyer",
			more: func(p undone) { // that edit is news, and flows
				p.w.converged()
				require.Equal(t, [2]string{"Chief", "Chief"}, p.w.titles(p.id))
			},
		},
		"a person has deleted the copy since": {
			since: func(p undone) {
				p.w.editContact("alice", p.id, fields{"Title": "Boss"})
				p.w.settle()
				p.w.deletePerson("alice", p.name)
			},
			left: []string{"mailbox deleted_since"},
			more: func(p undone) { p.w.converged() },
		},
		"each side got something": {
			since: func(p undone) {
				p.w.editContact("alice", p.id, fields{"Title": "Boss"})
				p.w.editPerson("alice", p.name, `{"phoneNumbers":[{"value":"415-555-0199","type":"work"}]}`)
				p.w.settle()
			},
			put: []string{"update crm phone.work", "update mailbox title"}, crm: "Boss", box: "Buyer",
		},
		"a value was cleared": {
			since: func(p undone) { p.w.editContact("alice", p.id, fields{"Title": nil}); p.w.settle() },
			put:   []string{"update mailbox title"}, crm: "<nil>", box: "Buyer",
		},
		"nothing was written": {since: func(undone) {}, crm: "Buyer", box: "Buyer"},
	} {
		t.Run(name, func(t *testing.T) {
			w, id, name := pair(t, "")
			p := undone{w, w.fromNow("alice"), id, name}
			c.since(p)
			told := p.u.dry()
			require.ElementsMatch(t, c.put, lines(told.PutBack))
			require.ElementsMatch(t, c.left, lines(told.Left))
			out := p.u.undo()
			require.ElementsMatch(t, c.put, lines(out.PutBack))
			require.ElementsMatch(t, c.left, lines(out.Left))
			require.Equal(t, len(c.put), out.Pinned.Count)
			if c.crm != "" {
				require.Equal(t, [2]string{c.crm, c.box}, w.titles(id))
			}
			w.nothingWritten(func() {
				again := p.u.undo()
				require.Zero(t, again.PutBack.Count, "run twice")
				require.ElementsMatch(t, c.left, lines(again.Left))
			})
			if c.more != nil {
				c.more(p)
				return
			}
			p.u.stays()
			require.Equal(t, [2]string{c.crm, c.box}, w.titles(id))
			w.nothingWritten(func() { require.Zero(t, p.u.undo().PutBack.Count, "run once more") })
		})
	}
}

func TestEditAfterAnUndoFlows(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(w *world, id, name string)
		want [2]string
	}{
		{"in the CRM", func(w *world, id, _ string) { w.editContact("alice", id, fields{"Title": "New"}) }, [2]string{"New", "New"}},
		{"in the mailbox", func(w *world, _, name string) { w.retitle(name, "New") }, [2]string{"New", "New"}},
		{"in another field", func(w *world, id, _ string) { w.editContact("alice", id, fields{"Phone": "415-555-0133"}) }, [2]string{"Boss", "Buyer"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, id, name := pair(t, "")
			u := w.fromNow("alice")
			w.editContact("alice", id, fields{"Title": "Boss"})
			w.settle()
			u.undo()
			w.settle()
			require.Equal(t, planner.ReasonPinned, w.reason("alice", id))
			c.edit(w, id, name)
			w.converged()
			require.Equal(t, c.want, w.titles(id))
			l, _ := w.link("alice", id)
			require.Equal(t, c.want[0] != c.want[1], l.Pinned == planner.ReasonPinned, "the pin goes once both sides show the same")
		})
	}
}

func TestUndoOfAWiderAndANarrowerTime(t *testing.T) {
	w, id, _ := pair(t, "")
	wide := w.fromNow("alice")
	w.editContact("alice", id, fields{"Title": "One"})
	w.settle()
	narrow := w.fromNow("alice")
	w.editContact("alice", id, fields{"Title": "Two"})
	w.settle()
	require.Equal(t, 1, narrow.undo().PutBack.Count)
	require.Equal(t, [2]string{"Two", "One"}, w.titles(id))
	wide.runs = 10
	require.Equal(t, 1, wide.undo().PutBack.Count)
	require.Equal(t, [2]string{"Two", "Buyer"}, w.titles(id))
	w.nothingWritten(func() {
		out := narrow.undo()
		require.Zero(t, out.PutBack.Count+out.Left.Count, "the wider one has put it back further")
		later := w.fromNow("alice")
		later.since = later.since.Add(-3 * time.Second) // the undo alone
		later.runs = 20
		require.Zero(t, later.undo().PutBack.Count, "an undo is not undone")
	})
	wide.stays()
}

func TestUndoOfACreate(t *testing.T) {
	t.Run("in the mailbox: removed, and not created again", func(t *testing.T) {
		w := newWorld(t)
		w.bothWays("")
		u := w.fromNow("alice")
		id := w.contact("alice", with(nil))
		w.settle()
		require.Equal(t, []string{"delete mailbox tombstoned"}, lines(u.dry().Pinned))
		out := u.undo()
		require.Equal(t, []string{"delete mailbox"}, lines(out.PutBack))
		require.Equal(t, []string{"delete mailbox tombstoned"}, lines(out.Pinned))
		require.Empty(t, w.people("alice"))
		u.stays()
		w.editContact("alice", id, fields{"Title": "Boss"})
		w.converged()
		require.Empty(t, w.people("alice"))
		require.Contains(t, w.crmContacts(), id)
		w.nothingWritten(func() { require.Zero(t, u.undo().PutBack.Count) })
	})
	t.Run("in the CRM: removed, and not created again", func(t *testing.T) {
		w := newWorld(t)
		w.bothWays(propagate)
		u := w.fromNow("alice")
		name := w.person("alice", caraPerson)
		w.settle()
		require.Len(t, w.crmContacts(), 1)
		require.Equal(t, []string{"delete crm"}, lines(u.undo().PutBack))
		require.Empty(t, w.crmContacts())
		u.stays()
		require.Contains(t, w.people("alice"), name, "its delete is not carried over")
		w.retitle(name, "Boss")
		w.converged()
		require.Empty(t, w.crmContacts())
	})
	t.Run("edited since, in a field that is not mapped: left", func(t *testing.T) {
		w := newWorld(t)
		w.bothWays("")
		u := w.fromNow("alice")
		id := w.contact("alice", with(nil))
		w.settle()
		w.editPerson("alice", w.peer("alice", id), `{"nicknames":[{"value":"Cary"}]}`)
		w.settle()
		require.Equal(t, []string{"mailbox edited_since"}, lines(u.dry().Left))
		require.Equal(t, []string{"mailbox edited_since"}, lines(u.undo().Left))
		require.Len(t, w.people("alice"), 1)
		w.converged()
	})
	t.Run("edited since, and the edit went on: left, and the edit with it", func(t *testing.T) {
		w := newWorld(t)
		w.bothWays("")
		u := w.fromNow("alice")
		id := w.contact("alice", with(nil))
		w.settle()
		w.retitle(w.peer("alice", id), "Boss")
		w.settle()
		out := u.undo()
		require.Equal(t, []string{"mailbox edited_since"}, lines(out.Left))
		require.Equal(t, []string{"update crm title"}, lines(out.PutBack))
		require.Equal(t, [2]string{"Buyer", "Boss"}, w.titles(id))
		u.stays()
	})
	t.Run("written again by a pass since: removed", func(t *testing.T) {
		w := newWorld(t)
		w.bothWays("")
		u := w.fromNow("alice")
		id := w.contact("alice", with(nil))
		w.settle()
		w.editContact("alice", id, fields{"Title": "Boss"})
		w.settle()
		require.Equal(t, []string{"delete mailbox"}, lines(u.undo().PutBack))
		u.stays()
	})
	t.Run("deleted by a person since: nothing to do", func(t *testing.T) {
		w := newWorld(t)
		w.bothWays("")
		u := w.fromNow("alice")
		id := w.contact("alice", with(nil))
		w.settle()
		w.deletePerson("alice", w.peer("alice", id))
		out := u.undo()
		require.Zero(t, out.PutBack.Count+out.Left.Count)
		w.converged()
	})
	t.Run("a record that another rep is linked to: left", func(t *testing.T) {
		w := newWorld(t, "alice", "bob")
		w.bothWays("")
		u := w.fromNow("alice")
		w.box.Salesforce.SetSharing("Contact", salesforce.PublicReadWrite)
		w.account("Acme Works")
		both := strings.Replace(caraPerson, `"organizations":[{`, `"organizations":[{"name":"Acme Works",`, 1)
		w.person("alice", both)
		w.settle("alice")
		w.person("bob", both)
		w.settle()
		require.Len(t, w.crmContacts(), 1)
		require.Equal(t, []string{"crm shared_record"}, lines(u.undo().Left))
		require.Len(t, w.crmContacts(), 1)
	})
	t.Run("created and deleted again: as it was", func(t *testing.T) {
		w := newWorld(t)
		w.bothWays(propagate)
		u := w.fromNow("alice")
		id := w.contact("alice", with(nil))
		w.settle()
		w.deleteContact("alice", id)
		w.settle()
		require.Empty(t, w.people("alice"))
		out := u.undo()
		require.Zero(t, out.PutBack.Count+out.Left.Count)
		u.stays()
	})
}

func TestUndoOfADelete(t *testing.T) {
	t.Run("in the mailbox: restored with its values, and stays", func(t *testing.T) {
		w, id, name := pair(t, propagate)
		was, _ := w.link("alice", id)
		u := w.fromNow("alice")
		w.deleteContact("alice", id)
		w.settle()
		require.Empty(t, w.people("alice"))
		require.Equal(t, []string{"create mailbox deleted"}, lines(u.dry().Pinned))
		out := u.undo()
		require.Equal(t, []string{"create mailbox"}, lines(out.PutBack))
		require.Equal(t, []string{"create mailbox deleted"}, lines(out.Pinned))
		again := only(t, w.people("alice"))
		require.NotEqual(t, name, again)
		p := w.people("alice")[again]
		require.Equal(t, []string{"Cara", "cara@example.com", "Buyer", "415-555-0100"}, []string{p.Names[0].GivenName, p.EmailAddresses[0].Value, p.Organizations[0].Title, p.PhoneNumbers[0].Value})
		require.Contains(t, p.ClientData[0].Value, was.ID+".1", "the same link, the next generation")
		u.stays()
		require.Equal(t, planner.ReasonPinned, w.reason("alice", again))
		w.nothingWritten(func() { require.Zero(t, u.undo().PutBack.Count) })
		require.Empty(t, w.crmContacts())

		w.retitle(again, "Boss") // the edit wins over the delete
		w.converged()
		require.Equal(t, "Boss", w.crmContacts()[only(t, w.crmContacts())]["Title"])
	})
	t.Run("in the mailbox, one way: an edit of the copy stays there", func(t *testing.T) {
		w := newWorld(t)
		w.policy("name: test\norg: acme\nassign: {profiles: [Field Sales]}\nevents: {direction: off}\ncontacts:\n  direction: crm_to_mailbox\n" + "  deletes: {from_crm: propagate}\n")
		id := w.contact("alice", with(nil))
		w.settle()
		u := w.fromNow("alice")
		w.deleteContact("alice", id)
		w.settle()
		u.undo()
		w.retitle(only(t, w.people("alice")), "Boss")
		u.stays()
		require.Len(t, w.people("alice"), 1)
		require.Empty(t, w.crmContacts())
	})
	t.Run("in the CRM: restored, and stays", func(t *testing.T) {
		w, id, name := pair(t, propagate)
		u := w.fromNow("alice")
		w.deletePerson("alice", name)
		w.settle()
		require.Empty(t, w.crmContacts())
		require.Equal(t, []string{"create crm"}, lines(u.undo().PutBack))
		again := only(t, w.crmContacts())
		require.NotEqual(t, id, again)
		require.Equal(t, "cara@example.com", w.crmContacts()[again]["Email"])
		u.stays()
		require.Empty(t, w.people("alice"))
		w.editContact("alice", again, fields{"Title": "Boss"})
		w.converged()
		require.Equal(t, "Boss", w.people("alice")[only(t, w.people("alice"))].Organizations[0].Title, "the edit wins over the delete")
	})
	t.Run("written before it was deleted: as it was before that, too", func(t *testing.T) {
		w, id, _ := pair(t, propagate)
		u := w.fromNow("alice")
		w.editContact("alice", id, fields{"Title": "Boss"})
		w.settle()
		w.deleteContact("alice", id)
		w.settle()
		require.Equal(t, []string{"create mailbox"}, lines(u.undo().PutBack))
		require.Equal(t, "Buyer", w.people("alice")[only(t, w.people("alice"))].Organizations[0].Title)
		u.stays()
	})
	t.Run("the original is restored afterwards: linked again", func(t *testing.T) {
		w, id, _ := pair(t, propagate)
		u := w.fromNow("alice")
		w.deleteContact("alice", id)
		w.settle()
		u.undo()
		w.clock.Advance(time.Minute)
		require.NoError(t, w.box.Salesforce.Undelete("Contact", id, w.users["alice"]))
		w.converged()
		require.Len(t, w.people("alice"), 1)
		l, _ := w.link("alice", id)
		require.Equal(t, planner.Active, l.State)
		require.Empty(t, l.Pinned)
	})
	t.Run("the link was dropped meanwhile", func(t *testing.T) {
		w, id, _ := pair(t, propagate)
		u := w.fromNow("alice")
		w.deleteContact("alice", id)
		w.converged()
		w.reread()
		require.Equal(t, []string{"create mailbox"}, lines(u.undo().PutBack))
		require.Len(t, w.people("alice"), 1)
		u.stays()
	})
	t.Run("restored, and deleted again by a person: stays deleted", func(t *testing.T) {
		w, id, _ := pair(t, propagate)
		u := w.fromNow("alice")
		w.deleteContact("alice", id)
		w.settle()
		u.undo()
		w.deletePerson("alice", only(t, w.people("alice")))
		require.Equal(t, []string{"mailbox deleted_since"}, lines(u.undo().Left))
		require.Empty(t, w.people("alice"))
		w.converged()
	})
	t.Run("another record has the address by now: left", func(t *testing.T) {
		w, _, name := pair(t, propagate)
		u := w.fromNow("alice")
		w.deletePerson("alice", name)
		w.settle()
		w.person("alice", caraPerson)
		w.settle()
		require.Len(t, w.crmContacts(), 1)
		require.Equal(t, []string{"crm claimed"}, lines(slicedLeft(u.undo(), "crm")))
		require.Empty(t, w.crmContacts(), "what was created is taken back")
	})
}

// slicedLeft is what was left on one side.
func slicedLeft(out activities.UndoOut, side string) (l activities.UndoList) {
	for _, line := range out.Left.Lines {
		if string(line.Side) == side {
			l.Lines = append(l.Lines, line)
		}
	}
	return l
}
