package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	activitypb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/workflows"
)

// TestStatusReads: whatever the trouble, the page says what it is and what to do.
func TestStatusReads(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	status := func(change func(*workflows.Status)) *workflows.Status {
		s := &workflows.Status{State: workflows.Idle, Policy: "field@3", Provider: "google", Pass: 7, PassedAt: at, NextAt: at.Add(time.Minute)}
		change(s)
		return s
	}
	for name, c := range map[string]struct {
		state repState
		want  []string
		not   []string
	}{
		"never started": {repState{State: stateNotRunning}, []string{"not running", "start it with: starter rep start --org acme --rep alice"}, []string{"the last run", "policy"}},
		"ended":         {repState{State: stateNotRunning, Ended: "failed", EndedAt: at}, []string{"the last run ended " + when(at) + ": failed", "starter rep start"}, nil},
		"no worker":     {repState{State: stateNoWorker, Running: true}, []string{"no worker answers", "bin/worker"}, []string{"rep start"}},
		"stuck":         {repState{State: stateStuck, Running: true}, []string{"workflow task fails", "worker's log"}, []string{"rep start"}},
		"a stage is retried": {repState{State: "idle", Status: status(func(*workflows.Status) {}), Retrying: []retrying{{"Write", 4, "the store could not lease: check Postgres and DATABASE_URL", at}}},
			[]string{"stage Write has been tried 3 times: the store could not lease", "next at " + when(at)}, nil},
		"no pass yet": {repState{State: "idle", Status: status(func(s *workflows.Status) { s.Pass = 0 })}, []string{"no pass has ended yet"}, []string{"the next is due"}},
		"paused":      {repState{State: "paused", Status: status(func(s *workflows.Status) { s.State = workflows.Paused })}, []string{"none is due until: starter rep resume --org acme --rep alice"}, []string{"the next is due"}},
		"held": {repState{State: "held", Status: status(func(s *workflows.Status) {
			s.Held = &activities.Hold{Digest: "3f0a", Since: at, Why: []string{"guard.deletes.max: 120 > 50"}, Counts: map[string]int{"delete mailbox": 120, "create mailbox": 1}}
		})}, []string{"HELD since " + when(at), "guard.deletes.max: 120 > 50", "create mailbox: 1, delete mailbox: 120", "starter release --org acme --rep alice --digest 3f0a"}, nil},
		"trouble": {repState{State: "failing", Status: status(func(s *workflows.Status) {
			s.Trouble = &activities.Trouble{Class: "config", Code: "policy_invalid", Op: "read policy field revision 3", Remedy: "Correct the policy and apply it again."}
		})}, []string{"TROUBLE (config): policy_invalid, while this was done: read policy field revision 3", "Correct the policy and apply it again."}, nil},
		"parked and a remark": {repState{State: "idle", Status: status(func(s *workflows.Status) { s.Parked, s.Remarks = 2, []string{"signal \"x\" is not known"} })},
			[]string{"starter parked list --org acme --rep alice", "remark: signal \"x\" is not known"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.state.Rep, c.state.Mailbox = "alice", "alice@acme.test"
			var out bytes.Buffer
			printStatus(&out, "acme", c.state)
			require.Contains(t, out.String(), "rep:acme:alice: "+c.state.State)
			for _, text := range c.want {
				require.Contains(t, out.String(), text)
			}
			for _, text := range c.not {
				require.NotContains(t, out.String(), text)
			}
		})
	}
}

// TestPending lists only stages that failed before: the first attempt is no news.
func TestPending(t *testing.T) {
	t.Parallel()
	got := pending(&workflowservice.DescribeWorkflowExecutionResponse{PendingActivities: []*workflowpb.PendingActivityInfo{
		{ActivityType: &activitypb.ActivityType{Name: "Fetch"}, Attempt: 1},
		{ActivityType: &activitypb.ActivityType{Name: "Write"}, Attempt: 3, LastFailure: &failurepb.Failure{Message: "the store could not lease"}},
	}})
	require.Equal(t, []retrying{{Stage: "Write", Attempt: 3, Error: "the store could not lease"}}, got)
}
