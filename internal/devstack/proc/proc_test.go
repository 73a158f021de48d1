package proc

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// parentVar makes this test binary play a parent that starts a child and waits to be killed.
const parentVar = "REPSYNC_PROC_TEST_PARENT"

// endGuard keeps the guard's pipe reachable, which a finalizer would close otherwise.
var endGuard func()

func TestMain(m *testing.M) {
	switch os.Getenv(parentVar) {
	case "":
		os.Exit(m.Run())
	case "kernel":
		p, err := Start(Config{Name: "child", Path: "/bin/sleep", Args: []string{"600"}})
		announce(p.PID(), err)
	case "guard":
		cmd := exec.Command("/bin/sleep", "600")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		err := cmd.Start()
		if err == nil {
			endGuard, err = guard(cmd.Process.Pid)
		}
		announce(cmd.Process.Pid, err)
	}
	wait := make(chan os.Signal, 1)
	signal.Notify(wait, os.Interrupt)
	<-wait
}

// announce tells the test the child's pid.
func announce(pid int, err error) {
	if err != nil {
		_, _ = fmt.Fprintln(os.Stdout, "error:", err)
		return
	}
	_, _ = fmt.Fprintln(os.Stdout, pid)
}

func TestChildrenGoWhenTheParentIsKilled(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"kernel", "guard"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			parent := exec.Command(os.Args[0])
			parent.Env = append(os.Environ(), parentVar+"="+how)
			out, err := parent.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, parent.Start())
			line, err := bufio.NewReader(out).ReadString('\n')
			require.NoError(t, err)
			child, err := strconv.Atoi(strings.TrimSpace(line))
			require.NoError(t, err, "the parent said: %s", line)
			require.True(t, alive(child), "the child runs beside its parent")

			require.NoError(t, parent.Process.Kill())
			require.Error(t, parent.Wait())
			require.Eventually(t, func() bool { return !alive(child) }, 10*time.Second, 10*time.Millisecond, "the child outlived its parent")
		})
	}
}

// alive tells whether a process runs; one that ended and that nobody collected yet does not.
func alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	state, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(state)), "Z")
}

func TestStop(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		script string
		grace  time.Duration
	}{
		{"ends when asked", "echo ready; while :; do sleep 600; done", time.Minute},
		{"ignores being asked", "trap '' TERM; echo ready; while :; do sleep 600; done", 10 * time.Millisecond},
		{"leaves a grandchild behind", "sleep 600 & echo ready; exit 0", time.Minute},
		{"is not asked at all", "echo ready; sleep 600", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			log, err := UnnamedLog()
			require.NoError(t, err)
			defer log.Close()
			p, err := Start(Config{Name: "child", Path: "/bin/sh", Args: []string{"-c", tt.script}, Log: log})
			require.NoError(t, err)
			require.Eventually(t, func() bool { return p.Tail() == "ready" }, 10*time.Second, 10*time.Millisecond)
			require.NoError(t, p.Stop(tt.grace))
			require.Eventually(t, func() bool { return !groupAlive(p.PID()) }, 10*time.Second, 10*time.Millisecond, "something of the group is left")
			require.NoError(t, p.Stop(tt.grace), "stopping twice is no error")
		})
	}
}

// groupAlive tells whether any process of a group runs.
func groupAlive(pgid int) bool {
	out, err := exec.Command("ps", "-e", "-o", "pgid=,stat=").Output()
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) == 2 && f[0] == strconv.Itoa(pgid) && !strings.HasPrefix(f[1], "Z") {
			return true
		}
	}
	return false
}

func TestErrQuotesTheEndOfTheLog(t *testing.T) {
	t.Parallel()
	log, err := UnnamedLog()
	require.NoError(t, err)
	defer log.Close()
	p, err := Start(Config{Name: "Temporal", Path: "/bin/sh", Args: []string{"-c", "seq 1 2000; echo broken >&2; exit 3"}, Log: log})
	require.NoError(t, err)
	<-p.Done()
	require.ErrorContains(t, p.Err(), "Temporal ended: exit status 3; its last words:\n")
	require.True(t, strings.HasSuffix(p.Err().Error(), "2000\nbroken"))
	require.NotContains(t, p.Err().Error(), "\n1\n2\n3\n", "only the end is quoted")
}

func TestStartNamesWhatCannotBeRun(t *testing.T) {
	t.Parallel()
	_, err := Start(Config{Name: "Temporal", Path: t.TempDir() + "/none"})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "start Temporal: ")
}

func TestFreePorts(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp4", Addr(0))
	require.NoError(t, err)
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port

	got, err := FreePorts(port, port, 0)
	require.NoError(t, err)
	require.Greater(t, got[0], port, "a taken port gives the next free one")
	require.Greater(t, got[1], got[0], "the same preference twice gives two ports")
	require.NotZero(t, got[2])
	for _, p := range got {
		l, err := net.Listen("tcp4", Addr(p))
		require.NoError(t, err, "port %d is free", p)
		require.NoError(t, l.Close())
	}
}
