package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/internal/sandbox/google"
)

// crowded is a world with n pairs, read in pages of two.
func crowded(t *testing.T, n int) (w *world, ids []string) {
	t.Helper()
	w = newWorld(t)
	w.bothWays(propagate)
	ids = w.crowd("alice", n)
	w.connect(2)
	w.settle()
	require.Len(t, w.people("alice"), n)
	return w, ids
}

func TestSyncTokenExpiredReadsEverythingAndIsExact(t *testing.T) {
	w, ids := crowded(t, 5)
	w.deletePerson("alice", w.peer("alice", ids[0])) // the tombstone is lost with the token
	w.editPerson("alice", w.peer("alice", ids[1]), `{"organizations":[{"title":"Edited","type":"work"}]}`)
	w.box.Google.ExpireSyncTokens("")
	w.converged()
	require.Len(t, w.crmContacts(), 4, "the get by id proved the delete")
	require.Equal(t, "Edited", w.crmContacts()[ids[1]]["Title"])
}

func TestSyncTokenExpiredInTheMiddleOfPaging(t *testing.T) {
	w, ids := crowded(t, 6)
	for _, id := range ids[:5] {
		w.editPerson("alice", w.peer("alice", id), `{"organizations":[{"title":"Edited","type":"work"}]}`)
	}
	w.google(fault.Rule{Method: "GET", Path: "me/connections", Query: "pageToken", Kind: fault.Status, Status: 400, Times: 1,
		Body: `{"error":{"code":400,"status":"FAILED_PRECONDITION","message":"Sync token is expired.","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"EXPIRED_SYNC_TOKEN"}]}}`})
	w.converged()
	for _, id := range ids[:5] {
		require.Equal(t, "Edited", w.crmContacts()[id]["Title"])
	}
	require.Len(t, w.crmContacts(), 6)
}

func TestNothingIsDeletedByAbsenceFromAnIncompleteRead(t *testing.T) {
	w, _ := crowded(t, 6)
	w.box.Google.ExpireSyncTokens("")
	stop := w.google(fault.Rule{Method: "GET", Path: "me/connections", Query: "pageToken", Kind: fault.Status, Status: 503})
	r := w.pass("alice")
	require.Equal(t, "retry", r.trouble().Class)
	require.Len(t, w.crmContacts(), 6)
	require.Equal(t, 0, r.Deleted.CRM)
	w.box.GoogleFaults.Remove(stop)
	w.converged()
	require.Len(t, w.crmContacts(), 6)
}

func TestWorkerDiesBetweenTwoPages(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	w.crowd("alice", 5)
	for _, n := range []string{"Ann", "Ben", "Cid", "Dan", "Eve"} {
		w.person("alice", `{"names":[{"givenName":"`+n+`","familyName":"Mailbox"}],"emailAddresses":[{"value":"`+n+`@example.com","type":"work"}]}`)
	}
	w.connect(2)
	for _, rule := range []fault.Rule{
		{Method: "GET", Path: "me/connections", Kind: fault.DropAfter, Skip: 2, Times: 1},
		{Method: "GET", Path: "/query", Query: "ORDER BY Id LIMIT 2", Kind: fault.DropAfter, Skip: 1, Times: 1},
	} {
		w.google(rule)
		w.salesforce(rule)
	}
	pages := func() int { return w.box.Google.Calls()["people.connections.list"] }
	w.upTo("alice", 1)
	first := pages()
	require.Positive(t, first)
	sum := w.settle()["alice"]
	require.Equal(t, activities.Sided{CRM: 5, Mailbox: 5}, sum.Created)
	w.converged()
	require.Len(t, w.crmContacts(), 10)
	require.Len(t, w.people("alice"), 10)
}

func TestReadGoesOnAtItsLastPage(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	for _, n := range []string{"Ann", "Ben", "Cid", "Dan", "Eve"} {
		w.person("alice", `{"names":[{"givenName":"`+n+`","familyName":"Mailbox"}]}`)
	}
	w.connect(2)
	w.google(fault.Rule{Method: "GET", Path: "me/connections", Kind: fault.Status, Status: 503, Skip: 2, Times: 1})
	w.upTo("alice", 1)
	before := w.box.Google.Calls()["people.connections.list"]
	w.upTo("alice", 1)
	require.LessOrEqual(t, w.box.Google.Calls()["people.connections.list"]-before, 2, "the first two pages are not read again")
	w.converged()
	require.Len(t, w.crmContacts(), 5)
}

func TestWorkerDiesAfterAFullReadBeforeItLookedForWhatIsMissing(t *testing.T) {
	w, ids := crowded(t, 5)
	w.deletePerson("alice", w.peer("alice", ids[0]))
	w.box.Google.ExpireSyncTokens("")
	w.google(fault.Rule{Method: "GET", Path: "people:batchGet", Kind: fault.Status, Status: 503, Times: 1})
	require.NotNil(t, w.pass("alice").trouble())
	w.converged()
	require.Len(t, w.crmContacts(), 4, "the delete is found by the attempt after")
}

func TestDeltaRepeatsItems(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	w.box.Google.SetPaging(google.Paging{Short: true, Empty: true, Repeat: true, Reverse: true})
	for _, n := range []string{"Ann", "Ben", "Cid", "Dan", "Eve"} {
		w.person("alice", `{"names":[{"givenName":"`+n+`","familyName":"Mailbox"}],"emailAddresses":[{"value":"`+n+`@example.com","type":"work"}]}`)
	}
	w.connect(2)
	sum := w.converged()["alice"]
	require.Equal(t, 5, sum.Created.CRM)
	require.Len(t, w.crmContacts(), 5)
	require.Len(t, w.people("alice"), 5)
}

func TestRepBehindTheFeedsRetentionReadsEverything(t *testing.T) {
	w, ids := crowded(t, 4)
	w.stages.Feeds = map[string]activities.FeedSettings{org: {Every: time.Minute, Keep: time.Hour}}
	w.editContact("alice", ids[0], fields{"Title": "While away"})
	w.deleteContact("alice", ids[1])
	_, err := w.stages.PollFeed(t.Context(), activities.FeedIn{Org: org})
	require.NoError(t, err)
	w.clock.Advance(2 * time.Hour)
	_, err = w.stages.PollFeed(t.Context(), activities.FeedIn{Org: org})
	require.NoError(t, err)
	feed, err := w.store.FeedState(t.Context(), org, record.Contact)
	require.NoError(t, err)
	require.Greater(t, feed.First, feed.Last, "the log is empty")
	w.converged()
	require.Len(t, w.people("alice"), 3)
	require.Equal(t, "While away", w.people("alice")[w.peer("alice", ids[0])].Organizations[0].Title)
}

func TestFeedOlderThanTheRecycleBinBeginsAnew(t *testing.T) {
	w, ids := crowded(t, 3)
	w.editContact("alice", ids[0], fields{"Title": "While away"})
	w.deleteContact("alice", ids[1])
	w.clock.Advance(16 * 24 * time.Hour)
	w.converged()
	require.Equal(t, "While away", w.people("alice")[w.peer("alice", ids[0])].Organizations[0].Title)
	w.editContact("alice", ids[2], fields{"Title": "And later"})
	w.converged()
	require.Equal(t, "And later", w.people("alice")[w.peer("alice", ids[2])].Organizations[0].Title)
}

func TestRowsOfASlowTransactionAreNotMissed(t *testing.T) {
	w, ids := crowded(t, 2)
	w.box.Salesforce.SlowCommit(2 * time.Minute)
	w.editContact("alice", ids[0], fields{"Title": "Slow"})
	w.box.Salesforce.SlowCommit(0)
	w.editContact("alice", ids[1], fields{"Title": "Fast"})
	w.settle()
	require.Equal(t, "Fast", w.people("alice")[w.peer("alice", ids[1])].Organizations[0].Title)
	require.Empty(t, w.people("alice")[w.peer("alice", ids[0])].Organizations)
	w.clock.Advance(3 * time.Minute)
	w.converged()
	require.Equal(t, "Slow", w.people("alice")[w.peer("alice", ids[0])].Organizations[0].Title)
}

func TestEveryStageTwiceGivesTheSameEndState(t *testing.T) {
	w := newWorld(t)
	w.twice = true
	w.bothWays(propagate)
	ids := w.crowd("alice", 4)
	for _, n := range []string{"Ann", "Ben"} {
		w.person("alice", `{"names":[{"givenName":"`+n+`","familyName":"Mailbox"}],"emailAddresses":[{"value":"`+n+`@example.com","type":"work"}]}`)
	}
	w.settle()
	require.Len(t, w.crmContacts(), 6)
	require.Len(t, w.people("alice"), 6)
	w.editContact("alice", ids[0], fields{"Title": "Edited"})
	w.editPerson("alice", w.peer("alice", ids[1]), `{"organizations":[{"title":"Edited","type":"work"}]}`)
	w.deleteContact("alice", ids[2])
	w.deletePerson("alice", w.peer("alice", ids[3]))
	w.converged()
	require.Len(t, w.crmContacts(), 4)
	require.Len(t, w.people("alice"), 4)
	require.Equal(t, "Edited", w.crmContacts()[ids[1]]["Title"])
	require.Equal(t, "Edited", w.people("alice")[w.peer("alice", ids[0])].Organizations[0].Title)
	journal, err := w.store.VerifyJournal(t.Context(), org, "alice")
	require.NoError(t, err)
	require.Empty(t, journal.Broken)
}
