package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/devstack/proc"
	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/workflows"
)

// documented runs a line of docs/rollout.md, word for word as it stands there.
func (w *world) documented(line string) string {
	w.t.Helper()
	text, err := os.ReadFile("../../docs/rollout.md")
	require.NoError(w.t, err)
	require.Contains(w.t, string(text), line, "the operator's page does not say so")
	return w.mustCLI(line)
}

// version starts a worker of a build of the deployment and waits until the server knows it.
func (w *world) version(id string) *proc.Process {
	w.t.Helper()
	p := w.worker("REPSYNC_DEPLOYMENT=repsync", "REPSYNC_BUILD_ID="+id)
	w.eventually(func() bool {
		_, err := w.cli("temporal worker deployment describe-version --deployment-name repsync --build-id " + id)
		return err == nil
	}, func() string { return "the server does not know build " + id + ": " + p.Tail() })
	return p
}

// on waits until the workflow of a rep is with a build.
func (w *world) on(rep, id string) {
	w.t.Helper()
	var last string
	w.eventually(func() bool {
		d, err := w.temporal.Client.DescribeWorkflowExecution(w.t.Context(), workflows.RepID(org, rep), "")
		if err != nil {
			return false
		}
		last = fmt.Sprint(d.GetWorkflowExecutionInfo().GetVersioningInfo())
		return d.GetWorkflowExecutionInfo().GetVersioningInfo().GetDeploymentVersion().GetBuildId() == id
	}, func() string { return rep + " is not with build " + id + ": " + last })
}

// Lines of docs/rollout.md.
const (
	currentLine = "temporal worker deployment set-current-version --deployment-name repsync --build-id %s --yes"
	rampLine    = "temporal worker deployment set-ramping-version --deployment-name repsync --build-id v1.5.0 --percentage 10 --yes"
	endRampLine = "temporal worker deployment set-ramping-version --deployment-name repsync --build-id v1.5.0 --delete --yes"
	tryLine     = "temporal workflow update-options --workflow-id rep:acme:alice --versioning-override-behavior pinned --versioning-override-deployment-name repsync --versioning-override-build-id v1.5.0"
	liftLine    = "temporal workflow update-options --workflow-id rep:acme:alice --versioning-override-behavior unspecified"
	troubleLine = `temporal workflow list --query 'WorkflowType = "RepSync" AND ExecutionStatus = "Running" AND RepsyncState IN ("failing", "held")'`
	oldLine     = "temporal worker deployment describe-version --deployment-name repsync --build-id v1.4.0"
	pinnedLine  = `temporal workflow list --query 'ExecutionStatus = "Running" AND TemporalWorkerDeploymentVersion = "repsync:v1.4.0" AND TemporalWorkflowVersioningBehavior = "Pinned"'`
	countLine   = `temporal workflow count --query 'ExecutionStatus = "Running" AND TemporalWorkerDeploymentVersion = "repsync:v1.5.0"'`
)

// TestRollOutAsDocumented follows docs/rollout.md with real workers while people edit: from workers without versioning to a
// first build, to the next one by trial, ramp and switch, and back. Nothing is lost, doubled or stuck.
func TestRollOutAsDocumented(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{reps: []string{"alice", "bob"}})
	w.policy("")
	people(w)
	plain := w.worker()
	for _, rep := range []string{"alice", "bob"} {
		w.start(rep)
		w.rest(rep, 0)
	}
	ada, title := w.contactOf("ada@customer.test"), 0
	edit := func() { // an edit in the CRM arrives in alice's mailbox
		t.Helper()
		title++
		want := fmt.Sprintf("Countess %d", title)
		w.editContact("alice", ada, fields{"Title": want})
		w.sync("alice")
		require.Contains(t, w.bookText("ada@customer.test"), want)
		w.sync("bob")
	}

	t.Log("the first build")
	one := w.version("v1.4.0")
	w.eventually(func() bool { return strings.Contains(one.Tail(), "takes no new work") }, func() string { return "the worker does not say that it waits:\n" + one.Tail() })
	edit() // still on the worker without versioning
	w.documented("temporal worker deployment set-current-version --deployment-name repsync --build-id v1.4.0 --yes")
	require.NoError(t, plain.Stop(patience))
	require.NoError(t, plain.Err())
	edit()
	w.on("alice", "v1.4.0")
	w.on("bob", "v1.4.0")

	t.Log("the next build, on one rep")
	two := w.version("v1.5.0")
	w.migrated()
	require.Contains(t, w.documented("temporal worker deployment describe --name repsync"), "v1.5.0")
	w.documented(tryLine)
	edit()
	w.on("alice", "v1.5.0")
	w.on("bob", "v1.4.0")
	w.documented(liftLine)
	edit()
	w.on("alice", "v1.4.0")

	t.Log("the ramp, and the switch")
	w.documented(rampLine)
	edit()
	w.documented(endRampLine)
	edit()
	w.on("alice", "v1.4.0")
	w.documented(fmt.Sprintf(currentLine, "v1.5.0"))
	edit()
	w.on("alice", "v1.5.0")
	w.on("bob", "v1.5.0")
	require.NotContains(t, w.documented(troubleLine), "rep:acme")
	w.eventually(func() bool { return strings.Contains(w.documented(countLine), "Total: 2") }, func() string { return w.documented(countLine) }) // the feed sleeps

	t.Log("the old build drains and stops")
	require.NotContains(t, w.documented(pinnedLine), "rep:acme")
	w.eventually(func() bool { return strings.Contains(strings.ToLower(w.documented(oldLine)), "drained") }, func() string { return w.documented(oldLine) })
	require.NoError(t, one.Stop(patience))
	require.NoError(t, one.Err())
	edit()

	t.Log("the roll-back, with the schema as the new build left it")
	w.version("v1.4.0")
	w.documented("temporal worker deployment set-current-version --deployment-name repsync --build-id v1.4.0 --yes")
	require.NoError(t, two.Stop(patience))
	edit()
	w.on("alice", "v1.4.0")
	w.on("bob", "v1.4.0")
	require.NotContains(t, w.mustCLI("temporal workflow show --workflow-id rep:acme:alice"), "WorkflowTaskFailed")
	w.converged()
}

// migrated makes the schema what the next build's migration may make of it: something is added, and its version counts on.
func (w *world) migrated() {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.database)
	require.NoError(w.t, err)
	defer conn.Close(w.t.Context())
	for _, sql := range []string{
		"alter table link add column later text not null default ''",
		"alter table rep add column later text not null default ''",
		"insert into goose_db_version (version_id, is_applied) select max(version_id) + 1, true from goose_db_version",
	} {
		_, err := conn.Exec(w.t.Context(), sql)
		require.NoError(w.t, err, sql)
	}
}

// TestStopSettlesTheBatchInFlight sends SIGTERM while the first of several batches is with the CRM. The worker waits for the
// answer, settles it, begins no other batch and ends with code 0; the next worker sends the rest, and nothing twice.
func TestStopSettlesTheBatchInFlight(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.policy("")
	people(w)
	release := w.box.SalesforceFaults.Hold(fault.Rule{Name: "create", Path: `/composite/sobjects`, Kind: fault.GateAfter})
	first := w.worker()
	w.start("alice")
	w.eventually(func() bool { return w.box.SalesforceFaults.Hits()["create"] > 0 }, func() string { return "nothing is created in the CRM" })

	ended := make(chan error, 1)
	go func() { ended <- first.Stop(patience) }()
	w.eventually(func() bool { return strings.Contains(first.Tail(), "ends after the batch in flight") }, func() string { return "the worker does not stop:\n" + first.Tail() })
	select {
	case <-ended:
		require.Fail(t, "the worker left its batch alone")
	default:
	}
	release()
	answered := time.Now()
	require.NoError(t, <-ended)
	require.NoError(t, first.Err(), "it ends with code 0")
	require.Less(t, time.Since(answered), 20*time.Second, "it does not use up its time to stop")
	require.Equal(t, 1, w.box.SalesforceFaults.Hits()["create"])
	require.Equal(t, 2, w.lines("crm", "create"), "the batch is settled")
	require.Empty(t, w.personOf("alice", "ada@customer.test"), "no other batch was begun")

	w.worker()
	w.rest("alice", 0)
	for _, email := range []string{"ada@customer.test", "grace@customer.test", "edsger@customer.test", "tony@customer.test"} {
		require.NotEmpty(t, w.personOf("alice", email), email)
		require.NotEmpty(t, w.contactOf(email), email)
	}
	require.Len(t, w.box.Google.Living(address("alice")), 5)
	w.converged()
}

// lines counts the journal's lines of a side and action.
func (w *world) lines(side, action string) (n int) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.database)
	require.NoError(w.t, err)
	defer conn.Close(w.t.Context())
	require.NoError(w.t, conn.QueryRow(w.t.Context(), "select count(*) from journal where side = $1 and action = $2", side, action).Scan(&n))
	return n
}
