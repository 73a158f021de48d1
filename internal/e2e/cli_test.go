package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"

	"github.com/repsync/repsync/internal/devstack/temporaldev"
	"github.com/repsync/repsync/workflows"
)

// startLine is how an operator starts a rep, word for word as DESIGN.md has it.
const startLine = `temporal workflow start --type RepSync --task-queue repsync --workflow-id rep:acme:alice --input '{"org":"acme","rep":"alice"}'`

// cli runs Temporal's own command line as a shell would, and returns all that it printed.
func (w *world) cli(line string) (string, error) {
	w.t.Helper()
	path, err := temporaldev.Find(w.t.Context())
	require.NoError(w.t, err)
	rest, ok := strings.CutPrefix(line, "temporal ")
	require.True(w.t, ok, line)
	cmd := exec.CommandContext(w.t.Context(), "/bin/sh", "-c", `exec "$TEMPORAL_CLI" `+rest)
	cmd.Env = append(os.Environ(), "TEMPORAL_CLI="+path, "TEMPORAL_ADDRESS="+w.temporal.Address, "TEMPORAL_NAMESPACE="+w.temporal.Name)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// mustCLI is cli for what has to work.
func (w *world) mustCLI(line string) string {
	w.t.Helper()
	out, err := w.cli(line)
	for try := 0; err != nil && strings.Contains(out, "Workflow is busy") && try < 20; try++ { // the server is: it says to come again
		out, err = w.cli(line)
	}
	require.NoError(w.t, err, "%s\n%s", line, out)
	return out
}

// queried is the status as the command line shows it.
func (w *world) queried(rep string) (st workflows.Status, ok bool) {
	w.t.Helper()
	out, err := w.cli("temporal workflow query --workflow-id " + workflows.RepID(org, rep) + " --type status --output json")
	var answer struct{ QueryResult []json.RawMessage }
	return st, err == nil && json.Unmarshal([]byte(out), &answer) == nil && len(answer.QueryResult) == 1 && json.Unmarshal(answer.QueryResult[0], &st) == nil
}

func TestTemporalCLIAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.policy("")
	people(w)
	w.worker()
	w.mustCLI(startLine)
	w.rest("alice", 0)
	st, ok := w.queried("alice")
	require.True(t, ok)
	require.Equal(t, 3, st.Last.Created.CRM+st.Last.Created.Mailbox-1, "two people each way: %s", show(st.Last))
	require.NotEmpty(t, w.contactOf("edsger@customer.test"))
	require.NotEmpty(t, w.personOf("alice", "ada@customer.test"))

	out, err := w.cli(startLine + " --fail-existing")
	require.Error(t, err, "a second start of a running rep is refused")
	require.Contains(t, out, "already")
	run := w.runID("alice")
	require.Contains(t, w.mustCLI(startLine), run, "without the flag, the command line answers with the run that is there")
	require.Equal(t, run, w.runID("alice"))

	signal := "temporal workflow signal --workflow-id rep:acme:alice --name "
	for _, s := range []string{
		"sync-now", "nudge", `policy --input '{"revision":1}'`, `release --input '{"digest":"no-such-plan"}'`, // as they are meant
		"policy", "release", // without their payloads
		`policy --input '"seven"'`, `policy --input '[1,2]'`, `release --input '{"digest":7}'`, `release --input 'null'`, // of the wrong form
		`sync-now --input '{"for":"me"}'`, `nudge --input '1'`, `pause --input '[]'`, `resume --input '"now"'`, // with a payload that nobody wants
		`policy --input 'not JSON' --input-meta encoding=binary/plain`, `release --input 'eA==' --input-base64 --input-meta encoding=binary/null`,
		`policy --input '1' --input '2'`, // two payloads
		"no-such-signal", `Sync-Now --input '{}'`,
	} {
		w.mustCLI(signal + s)
	}
	w.until("alice", "done with the signals", func(st workflows.Status) bool {
		return st.State == workflows.Idle && strings.Contains(strings.Join(st.Remarks, "\n"), "no-such-signal")
	})
	require.Contains(t, w.mustCLI("temporal workflow describe --workflow-id rep:acme:alice"), "RepsyncState")
	require.NotContains(t, w.mustCLI("temporal workflow show --workflow-id rep:acme:alice"), "WorkflowTaskFailed")

	w.mustCLI(signal + "pause")
	w.until("alice", "paused", func(st workflows.Status) bool { return st.State == workflows.Paused })
	w.editContact("alice", w.contactOf("ada@customer.test"), fields{"Title": "Countess"})
	w.mustCLI(signal + "sync-now")
	w.mustCLI(signal + "resume")
	w.eventually(func() bool { return strings.Contains(w.bookText("ada@customer.test"), "Countess") }, func() string { return "the edit did not arrive after resume" })

	done := w.mustCLI("temporal workflow update execute --workflow-id rep:acme:alice --name sync")
	require.Contains(t, done, "state:idle", "the update answers with the status")
	require.Contains(t, w.mustCLI("temporal workflow metadata --workflow-id rep:acme:alice"), "policy test@1", "the details tell the state")

	want := w.contents()
	w.mustCLI("temporal workflow cancel --workflow-id rep:acme:alice")
	w.ends("rep:acme:alice", enums.WORKFLOW_EXECUTION_STATUS_CANCELED)
	again := func() {
		w.mustCLI(startLine)
		w.rest("alice", 0)
		require.Equal(t, want, w.contents(), "starting again doubles nothing")
	}
	again()
	w.mustCLI("temporal workflow terminate --workflow-id rep:acme:alice --reason 'an operator wants to'")
	w.ends("rep:acme:alice", enums.WORKFLOW_EXECUTION_STATUS_TERMINATED)
	again()

	for _, bad := range []string{`'{"org":"acme"}'`, `'{}'`, `'{"rep":"alice"}'`} {
		w.mustCLI("temporal workflow start --type RepSync --task-queue repsync --workflow-id bad --input " + bad)
		w.ends("bad", enums.WORKFLOW_EXECUTION_STATUS_FAILED)
		out, err := w.cli("temporal workflow result --workflow-id bad")
		require.Error(t, err)
		require.Contains(t, out, `{"org":"acme","rep":"alice"}`, "the failure says what to write instead")
	}
	w.mustCLI("temporal workflow signal-with-start --type RepSync --task-queue repsync --workflow-id rep:acme:alice --signal-name sync-now --input '{\"org\":\"acme\",\"rep\":\"alice\"}'")
	w.mustCLI("temporal workflow start --type OrgFeed --task-queue repsync --workflow-id feed:acme --input '{\"org\":\"acme\"}' --id-conflict-policy UseExisting")
	require.Contains(t, w.mustCLI("temporal workflow query --workflow-id feed:acme --type status"), "polled_at")
}

// runID is the newest run of a rep.
func (w *world) runID(rep string) string {
	w.t.Helper()
	d, err := w.temporal.Client.DescribeWorkflowExecution(w.t.Context(), workflows.RepID(org, rep), "")
	require.NoError(w.t, err)
	return d.GetWorkflowExecutionInfo().GetExecution().GetRunId()
}

// bookText is the address book entry of alice's with an email address, as text.
func (w *world) bookText(email string) string {
	name := w.personOf("alice", email)
	for _, c := range w.box.Google.Living(address("alice")) {
		if c.ResourceName == name {
			return show(c.Person)
		}
	}
	return ""
}

// ends waits until the newest run of a workflow has a status.
func (w *world) ends(id string, want enums.WorkflowExecutionStatus) {
	w.t.Helper()
	w.eventually(func() bool {
		d, err := w.temporal.Client.DescribeWorkflowExecution(w.t.Context(), id, "")
		return err == nil && d.GetWorkflowExecutionInfo().GetStatus() == want
	}, func() string { return id + " never was " + want.String() })
}

// listed counts what a visibility query finds.
func (w *world) listed(query string) int {
	w.t.Helper()
	out, err := w.cli("temporal workflow list --output json --query '" + query + "'")
	var found []json.RawMessage
	if err != nil || json.Unmarshal([]byte(out), &found) != nil {
		return -1
	}
	return len(found)
}

func TestVisibilityFindsRepsByTheirAttributes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{reps: []string{"alice", "bob"}})
	rev := w.policy("")
	require.EqualValues(t, 1, rev)
	w.worker()
	for _, rep := range []string{"alice", "bob"} {
		w.start(rep)
		w.rest(rep, 0)
	}
	w.mustCLI("temporal workflow signal --workflow-id rep:acme:bob --name pause")
	for query, want := range map[string]int{
		`RepsyncState="idle"`: 1, `RepsyncState="paused"`: 1, `RepsyncOrg="acme"`: 2, `RepsyncProvider="google"`: 2, `RepsyncPolicy="test@1"`: 2,
		`RepsyncState="failing"`: 0, `RepsyncOrg="globex"`: 0, `RepsyncOrg="acme" AND RepsyncState="paused" AND WorkflowType="RepSync"`: 1,
	} {
		got := 0
		w.eventually(func() bool { got = w.listed(query); return got == want }, func() string { return query + " found " + show(got) + ", not " + show(want) })
	}
	w.mustCLI("temporal workflow cancel --workflow-id rep:acme:alice")
	w.eventually(func() bool { return w.listed(`RepsyncState="stopped"`) == 1 }, func() string { return "a cancelled rep is not found as stopped" })
}

// TestWorkerRunsWhereItMayNotRegisterAttributes uses a namespace that has no room for any more attributes.
func TestWorkerRunsWhereItMayNotRegisterAttributes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.policy("")
	people(w)
	full := map[string]enums.IndexedValueType{}
	for n := range strings.SplitSeq("one two three four five six seven eight nine ten", " ") {
		full["Other"+n] = enums.INDEXED_VALUE_TYPE_KEYWORD
	}
	_, err := w.temporal.Client.OperatorService().AddSearchAttributes(t.Context(), &operatorservice.AddSearchAttributesRequest{Namespace: w.temporal.Name, SearchAttributes: full})
	require.NoError(t, err)
	w.worker()
	w.mustCLI(startLine)
	w.rest("alice", 0)
	require.NotEmpty(t, w.personOf("alice", "ada@customer.test"))
	require.Equal(t, -1, w.listed(`RepsyncOrg="acme"`), "the namespace knows no such attribute")
	log, err := os.ReadFile(w.logs[0])
	require.NoError(t, err)
	require.Contains(t, string(log), "search attributes are not registered")
}
