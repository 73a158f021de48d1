package temporaldev

import (
	"context"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/repsync/repsync/internal/devstack/proc"
)

func TestForTestRunsAWorkflow(t *testing.T) {
	t.Parallel()
	a, b := ForTest(t), ForTest(t)
	require.NotEqual(t, a.Name, b.Name)
	require.Equal(t, a.Address, b.Address, "one server serves all tests of a binary")

	w := worker.New(a.Client, "queue", worker.Options{})
	w.RegisterWorkflowWithOptions(func(workflow.Context) (string, error) { return "done", nil }, workflow.RegisterOptions{Name: "Trivial"})
	require.NoError(t, w.Start())
	defer w.Stop()
	run, err := a.Client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: "queue"}, "Trivial")
	require.NoError(t, err)
	var got string
	require.NoError(t, run.Get(t.Context(), &got))
	require.Equal(t, "done", got)

	_, err = b.Client.DescribeWorkflowExecution(t.Context(), run.GetID(), "")
	require.Error(t, err, "another test's namespace does not show the run")
}

func TestStartTakesTheNextFreePortAndStopLeavesNothing(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp4", proc.Addr(0))
	require.NoError(t, err)
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port

	cli, err := Find(t.Context())
	require.NoError(t, err)
	log, err := proc.UnnamedLog()
	require.NoError(t, err)
	defer log.Close()
	s, err := Start(t.Context(), Config{CLI: cli, DB: t.TempDir() + "/temporal.db", Port: port, UIPort: port, Log: log})
	require.NoError(t, err)
	require.NotEqual(t, proc.Addr(port), s.Address)
	require.NotEqual(t, "http://"+proc.Addr(port), s.UI)
	require.NotEqual(t, "http://"+s.Address, s.UI, "frontend and Web UI prefer the same port and get two")

	require.NoError(t, s.Stop())
	select {
	case <-s.Done():
	default:
		require.Fail(t, "the server is still there after Stop")
	}
	_, err = net.DialTimeout("tcp4", s.Address, time.Second)
	require.Error(t, err, "nothing listens any more")
	require.NoError(t, s.Stop(), "stopping twice is no error")
}

func TestStartQuotesAServerThatEnds(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)
	log, err := proc.UnnamedLog()
	require.NoError(t, err)
	defer log.Close()
	_, err = Start(t.Context(), Config{CLI: sh, Headless: true, Log: log}) // "sh server …" finds no script of that name
	require.ErrorContains(t, err, "start Temporal: ")
	require.ErrorContains(t, err, "its last words:\n")
}

func TestStartEndsWithItsContext(t *testing.T) {
	t.Parallel()
	cli, err := Find(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Start(ctx, Config{CLI: cli, Headless: true})
	require.ErrorIs(t, err, context.Canceled)
}
