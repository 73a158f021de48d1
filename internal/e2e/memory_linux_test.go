//go:build endure

package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/devstack/proc"
	"github.com/repsync/repsync/internal/sandbox/fault"
	"github.com/repsync/repsync/workflows"
)

const mib = 1 << 20

// peak is the most memory that a process ever had resident, as Linux counts it (proc(5), VmHWM), in MiB.
func peak(t *testing.T, p *proc.Process) float64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	require.NoError(t, err)
	_, after, found := strings.Cut(string(status), "VmHWM:")
	require.True(t, found)
	kib, err := strconv.ParseFloat(strings.Fields(after)[0], 64)
	require.NoError(t, err)
	return kib / 1024
}

// restsWithin is rest for work that takes longer than other tests' patience.
func (w *world) restsWithin(rep string, limit time.Duration) workflows.Status {
	w.t.Helper()
	w.patience = limit
	defer func() { w.patience = 0 }()
	return w.rest(rep, 0)
}

// firstSync has a worker sync a new world to the end, and returns the worker's peak in MiB.
func firstSync(t *testing.T, fill func(*world), limit time.Duration) (*world, float64) {
	t.Helper()
	w := newWorld(t, options{})
	w.policy("  limit: {max: 200000}\nguard: {creates: {max: 500, first_sync: 300000}}\n")
	fill(w)
	p := w.worker()
	w.start("alice")
	begin := time.Now()
	w.restsWithin("alice", limit)
	mem := peak(t, p)
	t.Logf("first sync in %v, peak of the worker %.0f MiB", time.Since(begin).Round(time.Second), mem)
	return w, mem
}

// book fills a mailbox with contacts that look real.
func book(n int) func(*world) {
	return func(w *world) {
		for i := range n {
			f := someone("Given"+strconv.Itoa(i), "Family"+strconv.Itoa(i), fmt.Sprintf("person%d@customer.test", i), fmt.Sprintf("+1 617 555 %04d", i%10000))
			f["organizations"] = []fields{{"name": "Company " + strconv.Itoa(i%500), "title": "Head of Department " + strconv.Itoa(i%50)}}
			f["addresses"] = []fields{{"streetAddress": strconv.Itoa(i) + " Main Street", "city": "Springfield", "postalCode": "01101", "country": "United States", "type": "work"}}
			f["biographies"] = []fields{{"value": "Met at the fair. " + strings.Repeat("Wants an offer. ", 10), "contentType": "TEXT_PLAIN"}}
			w.person("alice", f)
		}
	}
}

// rows fills the CRM with contacts.
func rows(n int) func(*world) {
	return func(w *world) {
		for i := range n {
			w.contact("alice", fields{"FirstName": "Given" + strconv.Itoa(i), "LastName": "Family" + strconv.Itoa(i), "Email": fmt.Sprintf("contact%d@customer.test", i),
				"Title": "Head of Department", "Description": strings.Repeat("Wants an offer. ", 10), "MailingCity": "Springfield", "MailingStreet": strconv.Itoa(i) + " Main Street"})
		}
	}
}

const (
	// memoryBar is what a worker may have resident at most while it syncs one mailbox of any size, in MiB.
	memoryBar = 256
	// memoryGrowth is how much more a mailbox of five times as many contacts may take.
	memoryGrowth = 1.5
	// varMemoryItems makes TestMemoryOfAMailbox sync one of that many contacts instead: 100000 is what is promised.
	varMemoryItems = "REPSYNC_MEMORY_ITEMS"
)

// TestMemoryOfAMailbox holds that the memory of a worker does not grow with the number of contacts that it syncs.
func TestMemoryOfAMailbox(t *testing.T) {
	t.Parallel()
	for direction, fill := range map[string]func(int) func(*world){"mailbox to CRM": book, "CRM to mailbox": rows} {
		t.Run(direction, func(t *testing.T) {
			t.Parallel()
			if v := os.Getenv(varMemoryItems); v != "" {
				n, err := strconv.Atoi(v)
				require.NoError(t, err)
				_, mem := firstSync(t, fill(n), 2*time.Hour)
				t.Logf("%d contacts, %s: %.0f MiB (bar: %d MiB)", n, direction, mem, memoryBar)
				require.LessOrEqual(t, mem, float64(memoryBar))
				return
			}
			_, few := firstSync(t, fill(2_500), 10*time.Minute) // of fewer the collector has not seen what it lets the heap grow to
			_, many := firstSync(t, fill(12_500), 20*time.Minute)
			t.Logf("%s: 2,500 contacts %.0f MiB, 12,500 contacts %.0f MiB, ratio %.2f (bar: %.1f, and %d MiB)", direction, few, many, many/few, memoryGrowth, memoryBar)
			require.LessOrEqual(t, many/few, memoryGrowth)
			require.LessOrEqual(t, many, float64(memoryBar))
		})
	}
}

// TestMemoryOfLargeAnswers has a vendor send 50 MB in one answer.
func TestMemoryOfLargeAnswers(t *testing.T) {
	t.Parallel()
	const bar = 512 // MiB; a healthy worker has about 60
	for name, fill := range map[string]func(*world){
		"a page of 50 MB": func(w *world) {
			for i := range 1000 {
				f := someone("Given"+strconv.Itoa(i), "Family"+strconv.Itoa(i), fmt.Sprintf("person%d@customer.test", i), "")
				f["biographies"] = []fields{{"value": strings.Repeat("Wants an offer. ", 50<<10/16), "contentType": "TEXT_PLAIN"}}
				w.person("alice", f)
			}
		},
		"a contact of 50 MB": func(w *world) {
			f := someone("Tony", "Hoare", "large@customer.test", "")
			f["biographies"] = []fields{{"value": strings.Repeat("Wants an offer. ", 50*mib/16), "contentType": "TEXT_PLAIN"}}
			w.person("alice", f)
		},
		"50 MB of nothing from the mailbox": func(w *world) {
			w.box.GoogleFaults.MustAdd(fault.Rule{Name: "huge", Path: `/connections`, Kind: fault.Huge, Size: 50 * mib, Times: 2})
		},
		"50 MB of nothing from the CRM": func(w *world) {
			w.box.SalesforceFaults.MustAdd(fault.Rule{Name: "huge", Path: `/query`, Query: "FROM Contact", Kind: fault.Huge, Size: 50 * mib, Times: 2})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, mem := firstSync(t, func(w *world) { people(w); fill(w) }, 5*time.Minute)
			t.Logf("%s: %.0f MiB (bar: %d MiB)", name, mem, bar)
			require.LessOrEqual(t, mem, float64(bar))
			require.NotEmpty(t, w.personOf("alice", "ada@customer.test"), "the others are synced")
			require.NotEmpty(t, w.contactOf("edsger@customer.test"))
		})
	}
}
