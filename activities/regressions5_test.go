package activities_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox/fault"
)

// a record beyond the limit that is reassigned or deleted is not told of (no link), and keeps its seat for ever.
func TestRecordBeyondTheLimitThatIsGoneKeepsNoSeat(t *testing.T) {
	for _, how := range []string{"deleted", "reassigned"} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t, "alice", "bob")
			w.bothWays("  limit: {max: 2, keep_first: [last_activity]}\n")
			ids := make([]string, 4)
			for i := range ids {
				ids[i] = w.contact("", fields{"OwnerId": w.users["alice"], "LastName": fmt.Sprint("Rank ", i), "Email": fmt.Sprintf("r%d@example.com", i),
					"LastActivityDate": fmt.Sprintf("2026-01-%02d", 10+i)})
			}
			w.settle()
			if how == "deleted" {
				w.deleteContact("alice", ids[1]) // the first of those beyond the limit
			} else {
				w.editContact("alice", ids[1], fields{"OwnerId": w.users["bob"]})
			}
			w.settle("alice")
			w.deleteContact("alice", ids[3])
			w.settle("alice")
			w.settle("alice")
			require.Len(t, w.people("alice"), 2, "two seats, and two records are left for them")
		})
	}
}

func TestLimitIsKeptExactly(t *testing.T) {
	w := newWorld(t)
	w.bothWays("  limit: {max: 2, keep_first: [last_activity]}\n")
	ids := make([]string, 4)
	for i := range ids {
		ids[i] = w.contact("", fields{"OwnerId": w.users["alice"], "LastName": fmt.Sprint("Rank ", i), "Email": fmt.Sprintf("r%d@example.com", i),
			"LastActivityDate": fmt.Sprintf("2026-01-%02d", 10+i)})
	}
	active := func(i int, day string) {
		w.clock.Advance(time.Second)
		require.NoError(t, w.box.Salesforce.Update("Contact", ids[i], fields{"LastActivityDate": day, "Title": "Active " + day}, ""))
	}
	w.converged()
	active(0, "2026-02-01")
	w.converged()
	w.deleteContact("alice", ids[3])
	w.converged()
	active(1, "2026-03-01")
	w.converged()
	for n, p := range w.people("alice") {
		t.Log(n, p.Names, w.reason("alice", n))
	}
	require.Len(t, w.people("alice"), 2)
}

// a reread that is asked for while a pass runs is forgotten by that pass's commit.
func TestRereadAskedForDuringAPassIsNotForgotten(t *testing.T) {
	w, id, _ := pair(t, "")
	w.editContact("alice", id, fields{"Title": "Edited"})
	w.upTo("alice", 1)
	require.NoError(t, w.store.RequestReread(t.Context(), org, "alice")) // starter rep reread, while the stages run
	f := w.fetched["alice"]
	f.Pass, f.Complete = w.passes["alice"]+1, true
	for _, stage := range []stageFunc{w.stages.Filter, w.stages.Match, w.stages.Write, w.stages.PropagateDeletes, w.stages.Commit} {
		_, err := stage(t.Context(), passOf(f, "alice"))
		require.NoError(t, err)
	}
	rep, err := w.store.GetRep(t.Context(), org, "alice")
	require.NoError(t, err)
	require.True(t, rep.Reread)
}

// a person is deleted in the mailbox of a pair whose CRM update is unclear.
func TestTargetDeletedAfterALostUpdate(t *testing.T) {
	w, id, name := pair(t, propagate)
	w.contact("alice", fields{"LastName": "Other", "Email": "other@example.com"})
	w.settle()
	w.salesforce(fault.Rule{Method: "PATCH", Path: "composite/sobjects", Kind: fault.DropAfter, Times: 1})
	w.editPerson("alice", name, `{"organizations":[{"title":"First","type":"work"}]}`)
	w.pass("alice")
	w.deletePerson("alice", name)
	w.settle()
	require.NotContains(t, w.crmContacts(), id, "the delete is carried over")
}
