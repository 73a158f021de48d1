package activities_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/sandbox/fault"
)

// ranks are contacts "Rank 0", "Rank 1" and so on in the CRM, each of them active later than the one before.
func (w *world) ranks(from, to int) (ids []string) {
	w.t.Helper()
	for i := from; i < to; i++ {
		ids = append(ids, w.contact("", fields{"OwnerId": w.users["alice"], "LastName": fmt.Sprint("Rank ", i), "Email": fmt.Sprintf("r%d@example.com", i),
			"LastActivityDate": fmt.Sprintf("2026-01-%02d", 10+i)}))
	}
	return ids
}

func (w *world) families(rep string) (out []string) {
	w.t.Helper()
	for _, p := range w.people(rep) {
		out = append(out, p.Names[0].FamilyName)
	}
	return out
}

// Below the limit the store keeps no place of any record. However the limit is reached then, and wherever a worker dies on the way, what
// goes is what was active longest ago.
func TestLimitThatIsReachedLater(t *testing.T) {
	for name, c := range map[string]struct {
		reach func(w *world)
		want  []string
	}{
		"by a record": {func(w *world) { w.ranks(3, 4) }, []string{"Rank 1", "Rank 2", "Rank 3"}},
		"by a record that comes last": {func(w *world) {
			w.contact("", fields{"OwnerId": w.users["alice"], "LastName": "Never", "Email": "never@example.com"})
		}, []string{"Rank 0", "Rank 1", "Rank 2"}},
		"by a lower limit": {func(w *world) { w.bothWays("  limit: {max: 2}\n") }, []string{"Rank 1", "Rank 2"}},
		"by a lower limit, and a record": {func(w *world) {
			w.bothWays("  limit: {max: 1}\n")
			w.ranks(3, 4)
		}, []string{"Rank 3"}},
		"by a contact of the mailbox, and a record": {func(w *world) {
			w.person("alice", `{"names":[{"familyName":"Typed in"}],"emailAddresses":[{"value":"typed@example.com","type":"work"}]}`)
			w.settle()
			w.ranks(3, 4)
		}, []string{"Rank 1", "Rank 2", "Rank 3"}},
	} {
		for death, dies := range map[string]func(w *world){
			"nobody dies":                     func(*world) {},
			"after Fetch":                     func(w *world) { w.upTo("alice", 1) },
			"after Filter":                    func(w *world) { w.upTo("alice", 2) },
			"in the pass after it, in Filter": func(w *world) { w.pass("alice"); w.upTo("alice", 2) },
			"in the pass after it, in Write":  func(w *world) { w.pass("alice"); w.upTo("alice", 4) },
		} {
			t.Run(name+", "+death, func(t *testing.T) {
				w := newWorld(t)
				w.bothWays("  limit: {max: 3}\n")
				w.ranks(0, 3)
				w.settle()
				require.Zero(t, w.rows()["rank"])
				require.Len(t, w.people("alice"), 3)
				c.reach(w)
				dies(w)
				w.open(w.ring)
				w.converged()
				got := w.families("alice")
				if name == "by a contact of the mailbox, and a record" { // which has no activity, and was made there: it is let be or goes
					got = ofThe(got, "Rank 0", "Rank 1", "Rank 2", "Rank 3")
				}
				require.ElementsMatch(t, c.want, got)
				require.NotZero(t, w.rows()["rank"])
			})
		}
	}
}

// A limit that is raised again lets back in what it left out.
func TestLimitThatIsRaisedAgain(t *testing.T) {
	w := newWorld(t)
	w.bothWays("  limit: {max: 3}\n")
	ids := w.ranks(0, 3)
	w.converged()
	w.bothWays("  limit: {max: 1}\n")
	w.converged()
	require.Equal(t, []string{"Rank 2"}, w.families("alice"))
	w.bothWays("  limit: {max: 3}\n")
	w.converged()
	require.Len(t, w.people("alice"), 3)
	for _, id := range ids {
		_, ok := w.link("alice", id)
		require.True(t, ok)
	}
}

// Filter is run again when its answer is lost. The places of what was read before are as unknown then as they were.
func TestLimitThatIsReachedTwice(t *testing.T) {
	w := newWorld(t)
	w.bothWays("  limit: {max: 3}\n")
	w.ranks(0, 3)
	w.settle()
	w.contact("", fields{"OwnerId": w.users["alice"], "LastName": "Never", "Email": "never@example.com"})
	f, err := w.stages.Fetch(t.Context(), activities.FetchIn{Org: org, Rep: "alice", Committed: w.committed["alice"], Pass: w.passes["alice"] + 1, Fresh: true})
	require.NoError(t, err)
	for range 2 {
		out, err := w.stages.Filter(t.Context(), passOf(f, "alice"))
		require.NoError(t, err)
		require.NotNil(t, out.Trouble)
		require.Equal(t, "limit_reached", out.Trouble.Code)
	}
	before := w.mutations()
	w.converged()
	require.Equal(t, before, w.mutations(), "nobody was let in")
}

// The limit is reached while everything was just read, and an item of it is not settled: that read is not gone on from.
func TestLimitThatIsReachedBehindARead(t *testing.T) {
	w := newWorld(t)
	w.bothWays("  limit: {max: 5}\n")
	w.ranks(0, 2)
	w.settle()
	w.bothWays("  limit: {max: 3}\n")
	w.google(fault.Rule{Method: "POST", Path: "batchCreate", Kind: fault.Drop, Times: 1})
	w.ranks(2, 3)
	w.pass("alice")
	require.Zero(t, w.rows()["rank"])
	w.contact("", fields{"OwnerId": w.users["alice"], "LastName": "Never", "Email": "never@example.com"})
	for range 3 {
		w.pass("alice")
	}
	w.clock.Advance(6 * time.Minute)
	w.converged()
	require.ElementsMatch(t, []string{"Rank 0", "Rank 1", "Rank 2"}, w.families("alice"))
}
