package activities_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/budget"
	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/connector"
)

// background runs a pass for which nobody waits.
func (w *world) background(rep string) result {
	w.t.Helper()
	ctx := w.t.Context()
	w.clock.Advance(time.Second)
	w.passes[rep]++
	f, err := w.stages.Fetch(ctx, activities.FetchIn{Org: org, Rep: rep, Pass: w.passes[rep]})
	require.NoError(w.t, err)
	r := result{fetch: f}
	if !f.Work {
		return r
	}
	w.passes[rep] = f.Pass
	writes, deletes := true, true
	for n, stage := range []stageFunc{w.stages.Filter, w.stages.Match, w.stages.Write, w.stages.PropagateDeletes, w.stages.Commit} {
		if n == 2 && !writes || n == 3 && !deletes {
			continue
		}
		p := passOf(f, rep)
		p.Fresh = false
		out, err := stage(ctx, p)
		require.NoError(w.t, err)
		if n == 1 {
			writes, deletes = out.Writes, out.Deletes
		}
		r.Summary = r.Summary.Plus(out.Summary)
		if r.writes.Trouble == nil {
			r.writes.Trouble = out.Trouble
		}
	}
	return r
}

// limited gives the org a budget of its own, from now on.
func (w *world) limited(b config.Budget) {
	w.t.Helper()
	w.meter = budget.New(w.store, budget.Options{Now: w.clock.Now}).CRM(org, b)
	w.connect(0)
}

// A day's calls run out at any point of a sync: what was begun waits, nothing is lost or doubled, and passes go on by
// themselves once there are calls again.
func TestPassesWaitForTheirBudget(t *testing.T) {
	for _, daily := range []int64{1, 3, 6, 9, 13, 18, 24} {
		t.Run(fmt.Sprint(daily, " calls"), func(t *testing.T) {
			w := newWorld(t)
			w.bothWays("")
			w.settle()
			for i := range 5 {
				w.contact("alice", fields{"FirstName": "Cara", "LastName": fmt.Sprint("Crm", i), "Email": fmt.Sprintf("cara%d@example.com", i)})
				w.person("alice", fmt.Sprintf(`{"names":[{"givenName":"Max","familyName":"Mailbox%d"}],"emailAddresses":[{"value":"max%d@example.com","type":"work"}]}`, i, i))
			}
			w.limited(config.Budget{Daily: daily, Reserve: 10})
			require.NoError(t, w.store.RequestReread(t.Context(), org, "alice"))
			var trouble *activities.Trouble
			for range 10 {
				w.clock.Advance(time.Minute)
				if _, err := w.stages.PollFeed(t.Context(), activities.FeedIn{Org: org}); err != nil {
					require.NoError(t, err)
				}
				if trouble = w.background("alice").trouble(); trouble != nil {
					break
				}
			}
			if trouble == nil {
				trouble = w.exhaust()
			}
			require.Equal(t, activities.ClassWaiting, trouble.Class)
			require.Equal(t, connector.BudgetSpent, trouble.Code)
			require.Greater(t, trouble.Until.Sub(w.clock.Now()), 20*time.Hour)
			require.NotEmpty(t, trouble.Op)

			before := w.box.SalesforceFaults.Calls()
			w.background("alice")
			require.Equal(t, before, w.box.SalesforceFaults.Calls(), "nobody is asked in vain")

			w.limited(config.Budget{})
			w.converged()
			require.Len(t, w.crmContacts(), 10)
			require.Len(t, w.people("alice"), 10)
		})
	}
}

// exhaust polls until there are no calls left, and returns what the feed says of it.
func (w *world) exhaust() *activities.Trouble {
	w.t.Helper()
	for range 100 {
		w.clock.Advance(time.Minute)
		out, err := w.stages.PollFeed(w.t.Context(), activities.FeedIn{Org: org})
		require.NoError(w.t, err)
		if out.Trouble != nil {
			return out.Trouble
		}
	}
	require.Fail(w.t, "the calls do not run out")
	return nil
}

// What is kept for people takes a sync-now through to its end, while passes wait; the mailbox's edit is not lost on either.
func TestAPersonsSyncUsesTheReserve(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	w.settle()
	w.limited(config.Budget{Daily: 200, Reserve: 50})
	w.exhaust()
	w.person("alice", `{"names":[{"givenName":"Max","familyName":"Mailbox"}],"emailAddresses":[{"value":"max@example.com","type":"work"}]}`)
	require.Equal(t, connector.BudgetSpent, w.background("alice").trouble().Code)
	require.Empty(t, w.crmContacts())
	require.Nil(t, w.pass("alice").trouble())
	require.Len(t, w.crmContacts(), 1)
	w.clock.Advance(26 * time.Hour)
	require.Nil(t, w.background("alice").trouble(), "the calls are back")
}
