//go:build endure

package e2e

import (
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/workflows"
)

// restartBar is how long a worker may take from its start to its first write after a crash.
const restartBar = 5 * time.Second

// TestRestartToFirstWrite measures the time from starting a worker to its first write to a vendor, after its predecessor was
// killed, its lease has expired, and with no write whose outcome is unknown. It runs beside no other test.
func TestRestartToFirstWrite(t *testing.T) {
	_, err := workerBinary()
	require.NoError(t, err)
	var one sync.Mutex // measures at a time
	t.Run("after a crash", func(t *testing.T) {
		for name, at := range map[string]string{
			"while it read":           string(activities.PointStage),
			"with a plan":             string(activities.PointPlanned),
			"just before it sent":     string(activities.PointBeforeSent) + "@" + activities.Operation(record.CRM, record.Contact, connector.Create),
			"idle, and people edited": "",
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, options{})
				w.policy("")
				people(w)
				if at != "" {
					doomed := w.worker("REPSYNC_CRASH_AT=" + at)
					w.start("alice")
					w.dies(doomed, at)
				} else {
					idle := w.worker()
					w.start("alice")
					w.rest("alice", 0)
					require.NoError(t, idle.Stop(0))
					w.editContact("alice", w.contactOf("ada@customer.test"), fields{"Title": "Countess"})
					w.syncNow("alice")
				}
				w.deadAreForgotten("alice")
				one.Lock()
				defer one.Unlock()
				w.forget()
				begin := time.Now()
				w.worker()
				w.eventually(func() bool { return len(w.mutations()) > 0 }, func() string { return "the new worker writes nothing" })
				took := time.Since(begin)
				t.Logf("from restart to the first write: %.2f s (bar: %v)", took.Seconds(), restartBar)
				require.LessOrEqual(t, took, restartBar)
				w.rest("alice", 0)
				w.converged()
			})
		}
	})
}

// deadAreForgotten waits until a dead worker's lease on a mailbox has expired and Temporal has noticed its death: nothing is
// left but to begin.
func (w *world) deadAreForgotten(rep string) {
	w.t.Helper()
	ctx := w.t.Context()
	conn, err := pgx.Connect(ctx, w.database)
	require.NoError(w.t, err)
	defer conn.Close(ctx)
	w.eventually(func() bool {
		var free bool
		err := conn.QueryRow(ctx, `select coalesce(lease_until, 'epoch') < clock_timestamp() from rep where org = $1 and rep = $2`, org, rep).Scan(&free)
		if err != nil || !free {
			return false
		}
		d, err := w.temporal.Client.DescribeWorkflowExecution(ctx, workflows.RepID(org, rep), "")
		if err != nil {
			return false
		}
		for _, a := range d.GetPendingActivities() {
			if a.GetState() == enumspb.PENDING_ACTIVITY_STATE_STARTED {
				return false
			}
		}
		return true
	}, func() string { return "the dead worker is not forgotten" })
	var unknown int
	require.NoError(w.t, conn.QueryRow(ctx, `select count(*) from intent where state in ('sent', 'unknown')`).Scan(&unknown))
	require.Zero(w.t, unknown, "writes whose outcome is not known")
}
