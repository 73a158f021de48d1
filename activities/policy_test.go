package activities_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/sandbox/salesforce"
)

// active is a filter over a field that an admin added.
const active = "  filter: crm.Status__c == \"Active\"\n"

// withStatus is a world whose contacts have a status.
func withStatus(t *testing.T, reps ...string) *world {
	t.Helper()
	w := newWorld(t, reps...)
	w.box.Salesforce.AddField("Contact", salesforce.Field{Name: "Status__c", Type: salesforce.TypeString})
	return w
}

func TestPolicyChangeIsAppliedToPastItemsInTheNextPass(t *testing.T) {
	tests := map[string]struct {
		before, after string
		want          int // people in the mailbox after the next pass, of an active and an idle contact
	}{
		"a filter comes":             {"", active, 1},
		"a filter goes":              {active, "", 2},
		"a filter that keeps copies": {"", active + "  on_filter_exit: keep\n", 2},
		"a limit comes":              {"", "  limit: {max: 1}\n", 1},
		"a limit goes":               {"  limit: {max: 1}\n", "", 2},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := withStatus(t)
			w.bothWays(tc.before)
			w.contact("alice", fields{"LastName": "Active", "Email": "a@example.com", "Status__c": "Active"})
			w.contact("alice", fields{"LastName": "Idle", "Email": "i@example.com", "Status__c": "Idle"})
			w.settle()
			w.bothWays(tc.after)
			w.pass("alice")
			require.Len(t, w.people("alice"), tc.want)
			require.Len(t, w.crmContacts(), 2)
			w.converged()
			require.Len(t, w.people("alice"), tc.want)
			require.Len(t, w.crmContacts(), 2, "what was left behind makes no record")
		})
	}
}

func TestDirectionChangeIsAppliedToPastItemsInTheNextPass(t *testing.T) {
	w := newWorld(t)
	w.policy("name: test\norg: acme\nassign: {profiles: [Field Sales]}\ncontacts:\n  direction: crm_to_mailbox\n")
	w.contact("alice", with(nil))
	w.person("alice", `{"names":[{"givenName":"Mona","familyName":"Mailbox"}]}`)
	w.converged()
	require.Len(t, w.people("alice"), 2)
	require.Len(t, w.crmContacts(), 1)
	w.bothWays("")
	w.pass("alice")
	require.Len(t, w.crmContacts(), 2)
	w.policy("name: test\norg: acme\nassign: {profiles: [Field Sales]}\ncontacts:\n  direction: \"off\"\n")
	w.contact("alice", fields{"LastName": "While off"})
	w.converged()
	require.Len(t, w.people("alice"), 2)
	w.bothWays("")
	w.converged()
	require.Len(t, w.people("alice"), 3)
}

func TestDeletesChangeIsAppliedToWhatWaitsForReview(t *testing.T) {
	w, id, name := pair(t, "  deletes: {from_crm: review}\n")
	w.deleteContact("alice", id)
	w.settle()
	require.Len(t, w.parked("alice")[planner.ReasonDeleteReview], 1)
	w.bothWays(propagate)
	w.pass("alice")
	require.NotContains(t, w.people("alice"), name)
	w.converged()
	require.Empty(t, w.parked("alice"))
}

func TestDriftIsKeptOrRevertedByPolicy(t *testing.T) {
	oneWay := "name: test\norg: acme\nassign: {profiles: [Field Sales]}\ncontacts:\n  direction: crm_to_mailbox\n"
	w := newWorld(t)
	w.policy(oneWay)
	id := w.contact("alice", with(nil))
	w.settle()
	name := w.peer("alice", id)
	title := func() string { return w.people("alice")[name].Organizations[0].Title }
	w.editPerson("alice", name, `{"organizations":[{"title":"Mine","type":"work"}]}`)
	w.converged()
	require.Equal(t, "Mine", title(), "keep")
	w.editContact("alice", id, fields{"Phone": "415-555-0111"})
	w.converged()
	require.Equal(t, "Mine", title(), "until the source changes that field")
	w.editContact("alice", id, fields{"Title": "Crm's"})
	w.converged()
	require.Equal(t, "Crm's", title())
	w.editPerson("alice", name, `{"organizations":[{"title":"Mine","type":"work"}]}`)
	w.settle()
	w.policy(oneWay + "  on_drift: revert\n")
	w.converged()
	require.Equal(t, "Crm's", title(), "revert, also of what had drifted before")
}

func TestFilterExitRemovesWhatWasMadeAndUnlinksWhatWasAdopted(t *testing.T) {
	for _, exit := range []string{"remove", "keep"} {
		t.Run(exit, func(t *testing.T) {
			w := withStatus(t)
			w.bothWays(active + "  on_filter_exit: " + exit + "\n")
			made := w.contact("alice", fields{"LastName": "Made", "Email": "made@example.com", "Status__c": "Active"})
			adopted := w.contact("alice", fields{"LastName": "Adopted", "Email": "adopted@example.com", "Status__c": "Active"})
			own := w.person("alice", `{"names":[{"familyName":"Adopted"}],"emailAddresses":[{"value":"adopted@example.com","type":"work"}]}`)
			w.settle()
			copied := w.peer("alice", made)
			for _, id := range []string{made, adopted} {
				w.editContact("alice", id, fields{"Status__c": "Idle"})
			}
			w.converged()
			require.Contains(t, w.people("alice"), own, "a person's own item stays")
			require.Equal(t, exit == "keep", w.people("alice")[copied].Names != nil)
			require.Len(t, w.crmContacts(), 2)
			// An edit of what was left behind brings nothing back.
			w.editPerson("alice", own, `{"organizations":[{"title":"Left","type":"work"}]}`)
			w.converged()
			require.Nil(t, w.crmContacts()[adopted]["Title"])

			for _, id := range []string{made, adopted} {
				w.editContact("alice", id, fields{"Status__c": "Active", "Phone": "415-555-0100"})
			}
			w.converged()
			require.Len(t, w.people("alice"), 2, "back, and no double")
			require.Equal(t, own, w.peer("alice", adopted))
			require.Equal(t, "Left", w.crmContacts()[adopted]["Title"], "merged as on a first sync")
			l, _ := w.link("alice", made)
			require.Equal(t, map[string]int{"remove": 1, "keep": 0}[exit], l.Generation)
		})
	}
}

func TestCopyThatAPersonEditedIsNotRemovedOnFilterExit(t *testing.T) {
	w := withStatus(t)
	w.bothWays(active)
	id := w.contact("alice", with(fields{"Status__c": "Active"}))
	w.settle()
	name := w.peer("alice", id)
	w.editPerson("alice", name, `{"organizations":[{"title":"Typed in","type":"work"}]}`)
	w.editContact("alice", id, fields{"Status__c": "Idle"})
	w.converged()
	require.Contains(t, w.people("alice"), name)
}

func TestLimitKeepsTheMostRecentlyActive(t *testing.T) {
	w := newWorld(t)
	w.bothWays("  limit: {max: 2, keep_first: [last_activity]}\n")
	ids := make([]string, 4)
	for i := range ids {
		ids[i] = w.contact("", fields{"OwnerId": w.users["alice"], "LastName": fmt.Sprint("Rank ", i), "Email": fmt.Sprintf("r%d@example.com", i),
			"LastActivityDate": fmt.Sprintf("2026-01-%02d", 10+i)})
	}
	names := func() (out []string) {
		for _, p := range w.people("alice") {
			out = append(out, p.Names[0].FamilyName)
		}
		return out
	}
	w.converged()
	require.ElementsMatch(t, []string{"Rank 2", "Rank 3"}, names())
	require.Equal(t, planner.ReasonOverLimit, w.reason("alice", ids[0]))
	active := func(i int, day string) {
		w.clock.Advance(time.Second)
		require.NoError(t, w.box.Salesforce.Update("Contact", ids[i], fields{"LastActivityDate": day, "Title": "Active " + day}, ""))
	}
	active(0, "2026-02-01")
	w.settle()
	require.ElementsMatch(t, []string{"Rank 0", "Rank 3"}, names(), "one is pushed out")
	require.Contains(t, []planner.Reason{planner.ReasonLeftRemoved, planner.ReasonLeft}, w.reason("alice", ids[2]))
	w.converged()
	w.deleteContact("alice", ids[3])
	w.converged()
	require.Contains(t, names(), "Rank 2", "and comes back when there is room, without having changed")
	active(1, "2026-03-01")
	w.converged()
	require.ElementsMatch(t, []string{"Rank 0", "Rank 1"}, ofThe(names(), "Rank 0", "Rank 1"))
	require.Len(t, w.crmContacts(), 3)
}

// ofThe keeps what is wanted of a list.
func ofThe(list []string, want ...string) (out []string) {
	for _, s := range list {
		for _, v := range want {
			if s == v {
				out = append(out, s)
			}
		}
	}
	return out
}

func TestFieldThatAFilterBeginsToReadIsNotTakenForNull(t *testing.T) {
	w := withStatus(t)
	w.bothWays("")
	id := w.contact("alice", with(fields{"Status__c": "Active"}))
	w.settle()
	// The record changes and is logged while no policy reads its status; then one does, before the rep's next pass.
	w.editContact("alice", id, fields{"Title": "Logged"})
	_, err := w.stages.PollFeed(t.Context(), feedIn)
	require.NoError(t, err)
	w.bothWays(active)
	sum := w.converged()["alice"]
	require.Zero(t, sum.Deleted.Mailbox)
	require.Equal(t, "Logged", w.people("alice")[w.peer("alice", id)].Organizations[0].Title)
}

func TestFilterThatFailsAdmitsNothingAndRemovesNothing(t *testing.T) {
	w := withStatus(t)
	w.bothWays("")
	w.contact("alice", with(fields{"Status__c": "Active"}))
	w.settle()
	w.bothWays("  filter: int(crm.Status__c) > 3\n")
	w.converged()
	require.Len(t, w.people("alice"), 1)
	require.NotEmpty(t, w.parked("alice")[planner.ReasonFilterError])
	w.bothWays(active)
	w.converged()
	require.Empty(t, w.parked("alice"))
	require.Len(t, w.people("alice"), 1)
}

func TestPolicyChangedSeveralTimesAppliesTheNewestOnce(t *testing.T) {
	w := withStatus(t)
	w.bothWays("")
	w.contact("alice", with(fields{"Status__c": "Idle"}))
	w.settle()
	w.bothWays(active)
	w.bothWays("  direction: crm_to_mailbox\n"[:0] + "  limit: {max: 5}\n")
	last := w.policy("name: test\norg: acme\nassign: {profiles: [Field Sales]}\ncontacts:\n  direction: both\n") // rolled back
	before := w.mutations()
	r := w.pass("alice")
	require.Equal(t, last, r.fetch.Revision)
	require.Equal(t, before, w.mutations())
	require.Len(t, w.people("alice"), 1)
	rep, err := w.store.GetRep(t.Context(), org, "alice")
	require.NoError(t, err)
	require.Equal(t, last, rep.AppliedRevision)
	require.False(t, w.pass("alice").fetch.Work, "once")
}

func TestRepMovedToAnotherPolicy(t *testing.T) {
	w := withStatus(t, "alice", "bob")
	w.bothWays("")
	for _, rep := range []string{"alice", "bob"} {
		w.contact(rep, fields{"LastName": "Idle " + rep, "Email": rep + "s@example.com", "Status__c": "Idle"})
	}
	w.settle()
	w.policy("name: narrow\norg: acme\nassign: {reps: [alice]}\ncontacts:\n  direction: both\n" + active)
	w.converged()
	require.Empty(t, w.people("alice"))
	require.Len(t, w.people("bob"), 1)
}

func TestPolicyChangedInTheMiddleOfAReadIsAppliedWhole(t *testing.T) {
	w := withStatus(t)
	w.bothWays("")
	for i := range 5 {
		w.contact("alice", fields{"LastName": fmt.Sprint("Idle ", i), "Email": fmt.Sprintf("i%d@example.com", i), "Status__c": "Idle"})
	}
	w.connect(2)
	w.settle()
	w.box.Google.ExpireSyncTokens("")
	interrupted := holdPages(w)
	w.pass("alice") // reads two pages in which nothing is news, and stops
	interrupted()
	w.bothWays(active)
	w.converged()
	require.Empty(t, w.people("alice"))
}
