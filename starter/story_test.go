package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/workflows"
)

// TestARepsLife takes one rep through every verb, as an admin does on a first day.
func TestARepsLife(t *testing.T) {
	t.Parallel()
	who, address := hire(t, "books", "ann", "")
	id := contact(t, address, "Miller", "miller@client.test")

	added := starter(t, with("rep add --json", who, "--mailbox", address)...).wants(exitOK).json()
	require.Equal(t, []any{"books", "ann", address, "Field Sales", "added"}, []any{added["org"], added["rep"], added["mailbox"], added["profile"], added["result"]})
	starter(t, with("rep add", who, "--mailbox", address)...).wants(exitRefused, "rep ann is there already", "starter rep start --org books --rep ann")
	starter(t, with("rep status", who)...).wants(exitOK, "rep:books:ann: not running", "starter rep start --org books --rep ann")
	for _, verb := range []string{"rep pause", "rep resume", "sync", "release --digest aa"} {
		starter(t, with(verb, who)...).wants(exitRefused, "rep ann does not run", "starter rep start --org books --rep ann")
	}
	starter(t, with("rep stop", who)...).wants(exitRefused, "rep ann does not run", "nothing to stop")

	starter(t, with("rep start", who)...).wants(exitOK, "rep:books:ann: started")
	starter(t, with("rep start", who)...).wants(exitRefused, "runs already; nothing was changed", "starter sync --org books --rep ann")
	synced := starter(t, with("sync --json", who)...).wants(exitOK).json()
	require.Equal(t, "idle", synced["state"])
	require.Equal(t, true, synced["running"])
	require.EqualValues(t, 1, synced["status"].(map[string]any)["totals"].(map[string]any)["created"].(map[string]any)["mailbox"])
	starter(t, with("rep status", who)...).wants(exitOK, "rep:books:ann: idle", "policy default@0, provider google", "the next is due", "MAILBOX IN ALL")
	require.Equal(t, "idle", starter(t, "rep", "list", "--org", "books", "--json").wants(exitOK).list()[0]["state"])
	starter(t, "org", "status", "--org", "books").wants(exitOK, "feed: polled", "kept", "ann")
	require.ElementsMatch(t, []string{"org", "feed", "feed_rows", "budget", "reps"}, keys(starter(t, "org", "status", "--org", "books", "--json").wants(exitOK).json()))
	starter(t, "org", "list").wants(exitOK, "books", "salesforce")

	told := starter(t, with("explain --json", who, "--email", "Miller@Client.test")...).wants(exitOK).list()
	require.Len(t, told, 1)
	require.Equal(t, []any{"contact", id, "active"}, []any{told[0]["kind"], told[0]["crm_item"], told[0]["link_state"]})
	_, err := time.Parse(time.RFC3339, told[0]["at"].(string))
	require.NoError(t, err)
	starter(t, with("explain", who, "--item", id)...).wants(exitOK, "contact "+id, "decided in pass 1 under policy revision 0", "link: CRM "+id, "create people/c")
	starter(t, with("explain", who, "--item", "003nothing")...).wants(exitNotFound, `no pass of rep ann has met an item with the id "003nothing"`, "starter sync --org books --rep ann")
	starter(t, with("explain", who, "--email", "nobody@client.test")...).wants(exitNotFound, "no contact with the address nobody@client.test, and neither side holds one")
	other := "books.other@acme.test"
	bench.stack.Sandbox.AddRep(other, "Other", "")
	foreign := contact(t, other, "Foreign", "foreign@client.test")
	starter(t, with("explain", who, "--email", "foreign@client.test")...).wants(exitNotFound, foreign+" in the crm (another user owns it)", "reads the records that the rep owns")
	line := starter(t, with("journal list --json", who)...).wants(exitOK).list()
	require.NotEmpty(t, line)
	starter(t, with("journal list", who)...).wants(exitOK, "ann #", "pass 1")
	starter(t, with("journal list --after 99999", who)...).wants(exitOK, "nothing has been changed or refused yet")
	starter(t, with("parked list", who)...).wants(exitOK, "nothing is parked")
	starter(t, with("parked retry", who)...).wants(exitOK, "nothing is parked")
	starter(t, with("parked retry", who, "--item", "people/c0")...).wants(exitNotFound, `no item "people/c0" is parked for rep ann`, "starter parked list --org books --rep ann")

	starter(t, with("rep pause", who)...).wants(exitOK, "rep:books:ann: paused")
	eventually(t, with("rep status", who), "rep:books:ann: paused", "none is due until: starter rep resume --org books --rep ann")
	starter(t, with("sync", who)...).wants(exitRefused, "the rep is paused", "starter rep resume --org books --rep ann")
	starter(t, with("rep resume", who)...).wants(exitOK, "resumed")
	starter(t, with("rep resume", who)...).wants(exitOK, "resumed") // a wish that is met already harms nobody
	eventually(t, with("rep status", who), "rep:books:ann: idle")
	starter(t, with("release --digest aaaa", who)...).wants(exitRefused, "nothing is held", "starter rep status --org books --rep ann")

	starter(t, with("rep stop", who)...).wants(exitOK, "rep:books:ann: stopped")
	starter(t, with("rep stop", who)...).wants(exitRefused, "rep ann does not run")
	starter(t, with("rep status", who)...).wants(exitOK, "not running", "the last run ended", "canceled")
	starter(t, with("rep start", who)...).wants(exitOK, "started")
	starter(t, with("sync", who)...).wants(exitOK, "rep:books:ann: idle")
}

// eventually runs a verb until it prints all of the texts.
func eventually(t *testing.T, args []string, texts ...string) {
	t.Helper()
	var last answer
	require.Eventually(t, func() bool {
		last = starter(t, args...)
		for _, text := range texts {
			if !strings.Contains(last.out, text) {
				return false
			}
		}
		return true
	}, 20*time.Second, 100*time.Millisecond, "%v never said %v", args, texts)
}

// TestAHeldPass is released by its own digest and by no other.
func TestAHeldPass(t *testing.T) {
	t.Parallel()
	who, address := hire(t, "held", "hal", "")
	for _, name := range []string{"One", "Two", "Three"} {
		contact(t, address, name, strings.ToLower(name)+"@held.test")
	}
	starter(t, with("rep add", who, "--mailbox", address)...).wants(exitOK)
	starter(t, "policy", "apply", "--org", "held", "-f", document(t, "name: tight\nassign: {reps: [hal]}\nguard: {creates: {max: 1, first_sync: 1}}\n")).wants(exitOK, "reps that get it: hal")
	starter(t, with("rep start", who)...).wants(exitOK)

	starter(t, with("sync", who)...).wants(exitRefused, "a guard holds the pass", "HELD since", "starter release --org held --rep hal --digest ")
	digest := starter(t, with("rep status --json", who)...).wants(exitOK).json()["status"].(map[string]any)["held"].(map[string]any)["digest"].(string)
	starter(t, with("release --digest ffff", who)...).wants(exitRefused, "another plan is held now: "+digest, "starter rep status --org held --rep hal")
	require.Empty(t, bench.stack.Sandbox.Google.Living(address))
	starter(t, with("release --digest "+digest, who)...).wants(exitOK, "rep:held:hal: idle")
	require.Len(t, bench.stack.Sandbox.Google.Living(address), 3)
}

// TestAParkedItem is listed with its reason, told by explain and tried again on demand.
func TestAParkedItem(t *testing.T) {
	t.Parallel()
	who, address := hire(t, "acme", "pat", "")
	first, second := contact(t, address, "Twin", "twin@twice.test"), contact(t, address, "Twin", "twin@twice.test")
	starter(t, with("rep add", who, "--mailbox", address)...).wants(exitOK)
	_, err := mailbox(address).Create(t.Context(), map[string]any{"names": []any{map[string]any{"familyName": "Twin"}}, "emailAddresses": []any{map[string]any{"value": "twin@twice.test"}}})
	require.NoError(t, err)
	starter(t, with("rep start", who)...).wants(exitOK)
	starter(t, with("sync", who)...).wants(exitOK, "starter parked list --org acme --rep pat")

	items := starter(t, with("parked list --json", who)...).wants(exitOK).list()
	require.NotEmpty(t, items)
	item := items[0]["item"].(string)
	require.Subset(t, keys(items[0]), []string{"kind", "side", "item", "reason", "explain", "attempts", "since", "next_try"})
	starter(t, with("parked list", who)...).wants(exitOK, item, "parked since")
	starter(t, with("explain", who, "--item", item)...).wants(exitOK, "parked since", "tried ")
	starter(t, with("explain", who, "--email", "twin@twice.test")...).wants(exitOK, first, second)
	starter(t, with("parked retry", who, "--item", item)...).wants(exitOK, "1 item due")
	require.EqualValues(t, len(items), starter(t, with("parked retry --json", who)...).wants(exitOK).json()["due"])
}

// TestAVendorInTrouble is told at the time of adding a rep, and in the status of one that runs.
func TestAVendorInTrouble(t *testing.T) {
	t.Parallel()
	starter(t, "rep", "add", "--org", "denied", "--rep", "dan", "--mailbox", "dan@acme.test").wants(exitUnreachable, "the CRM refuses our credentials", "Check the org's auth")
	starter(t, "rep", "add", "--org", "away", "--rep", "abe", "--mailbox", "abe@acme.test").wants(exitUnreachable, "the CRM does not answer", "Check login_url and base_url")

	who, address := []string{"--org", "faulty", "--rep", "flo"}, "flo@acme.test"
	bench.faulty.AddRep(address, "Flo", "")
	starter(t, with("rep add", who, "--mailbox", address)...).wants(exitOK)
	revoked := must(bench.faulty.GoogleFaults.Add(fault.Rule{Path: "^/token$", Kind: fault.Status, Status: 400, Body: `{"error":"unauthorized_client","error_description":"x"}`}))
	starter(t, with("rep start", who)...).wants(exitOK)
	starter(t, with("sync", who)...).wants(exitFailed, "the pass ended in trouble", "TROUBLE (reconnect)", "check them with the vendor's admin")
	starter(t, with("rep status", who)...).wants(exitOK, "rep:faulty:flo: failing", "TROUBLE (reconnect)")
	starter(t, "rep", "list", "--org", "faulty").wants(exitOK, "failing")
	starter(t, with("explain", who, "--email", "nobody@client.test")...).wants(exitUnreachable, "whether the mailbox holds one is not known", "starter connect check --org faulty")
	bench.faulty.GoogleFaults.Remove(revoked)
	starter(t, with("sync", who)...).wants(exitOK, "rep:faulty:flo: idle")

	// Ctrl-C while a pass hangs at the vendor ends the waiting at once, and not the pass.
	gate := must(bench.faulty.GoogleFaults.Add(fault.Rule{Name: "gate", Path: "^/v1/", Kind: fault.Gate}))
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan answer, 1)
	go func() { ended <- starterIn(t, ctx, "", with("sync", who)...) }()
	require.Eventually(t, func() bool { return bench.faulty.GoogleFaults.Hits()["gate"] > 0 }, 20*time.Second, 20*time.Millisecond)
	interrupt()
	select {
	case a := <-ended:
		a.wants(exitInterrupted, "interrupted", "The pass goes on by itself.")
	case <-time.After(5 * time.Second):
		t.Fatal("still waiting after Ctrl-C")
	}
	bench.faulty.GoogleFaults.Remove(gate)
	starter(t, with("sync", who)...).wants(exitOK)
}

// TestAStuckWorkflow runs under a build that does not fit: its workflow tasks fail, and the status says so.
func TestAStuckWorkflow(t *testing.T) {
	t.Parallel()
	who, address := hire(t, "acme", "sid", "")
	starter(t, with("rep add", who, "--mailbox", address)...).wants(exitOK)
	_, err := bench.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: workflows.RepID("acme", "sid"), TaskQueue: workflows.TaskQueue},
		"RepSyncOfAnotherBuild", workflows.RepInput{Org: "acme", Rep: "sid"})
	require.NoError(t, err)
	eventually(t, with("rep status", who), "rep:acme:sid: stuck", "workflow task fails", "a fixed one")
	starter(t, with("sync", who)...).wants(exitFailed, "the workflow of rep sid is stuck", "starter rep status --org acme --rep sid")
	require.NoError(t, bench.temporal.TerminateWorkflow(t.Context(), workflows.RepID("acme", "sid"), "", "the test is over"))
	starter(t, with("rep status", who)...).wants(exitOK, "the last run ended", "terminated")
	starter(t, with("rep stop", who)...).wants(exitOK, "stopped") // what nobody noted is noted now
}
