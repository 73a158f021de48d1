package bench

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLeast(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ contacts, events, fromCRM, fromMailbox int }{
		"nothing":             {0, 0, 2 + 2 + 2, 2 + 3},
		"one of each":         {1, 1, 2 + 3 + 2 + 2, 2 + 3 + 6 + 2 + 3},
		"a page that is full": {2_000, 0, 3 + 2 + 2 + 10, 3 + 3 + 23 + 20},
		"as in docs/bench.md": {10_000, 5_000, 175, 308},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.fromCRM, leastFromCRM(c.contacts, c.events))
			require.Equal(t, c.fromMailbox, leastFromMailbox(c.contacts, c.events))
		})
	}
}

func TestWhatAQuotaAllows(t *testing.T) {
	t.Parallel()
	require.Equal(t, 7*latency, allows(600, 7), "one minute takes them: the requests are what it takes")
	require.Equal(t, time.Minute+latency, allows(601, 7), "the last one goes a minute later")
	require.Equal(t, 2*time.Minute+6*latency, allows(1500, 7))
}

func TestTable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	over := Print(&out, []Figure{atMost("calls", "%.0f", 12, 12), atMost("ratio", "%.2f", 1.02, 1.03), shown("parts", "5")})
	require.Equal(t, 1, over)
	require.Equal(t, `| figure | bar    | seen |      |
|--------|--------|------|------|
| calls  | ≤ 12   | 12   | ok   |
| ratio  | ≤ 1.02 | 1.03 | over |
| parts  |        | 5    |      |
`, out.String())
}

func TestCallsAreCountedOnce(t *testing.T) {
	t.Parallel()
	c := calls{http: map[string]int{}}
	c.add("mailbox batch", 2)
	c.add("mailbox events.insert", 0)
	c.add("mailbox token", 1)
	c.add("crm describe", 3)
	c.add("crm query", 4)
	require.Equal(t, "crm query 4, mailbox batch 2", c.String())
	require.Equal(t, 6, c.sum(""))
	require.Equal(t, 4, c.sum("crm"))
}

func TestProcessesAreMeasured(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("bench runs on Linux only: there is no /proc here")
	}
	before, err := cpuOf(os.Getpid())
	require.NoError(t, err)
	sum := 0
	require.Eventually(t, func() bool {
		for n := range 10_000_000 {
			sum += n
		}
		now, err := cpuOf(os.Getpid())
		return err == nil && now > before
	}, time.Minute, time.Millisecond, "%d", sum)
	peak, err := peakOf(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, peak, int64(1<<20))
	parent, err := parentOf(os.Getpid())
	require.NoError(t, err)
	require.Equal(t, os.Getppid(), parent)
	all, err := serverCPU(parent)
	require.NoError(t, err)
	own, err := cpuOf(os.Getpid())
	require.NoError(t, err)
	require.GreaterOrEqual(t, all+2*clockTick, own-clockTick, "a server's time has its children's in it")
	_, err = cpuOf(-1)
	require.Error(t, err)
}

func TestOnlyRowsThatThereAre(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	_, err := Main(t.Context(), Options{Rows: []string{"idle", "lazy"}, Out: &out}, &out)
	require.ErrorContains(t, err, `no row "lazy"`)
	require.Equal(t, []string{"first", "quotas", "changes", "idle", "fleet"}, Names())
}
