package budget_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/budget"
	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/store"
	"github.com/repsync/repsync/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// world is some workers on one store, by one clock. Who sleeps moves it.
type world struct {
	*store.Store
	mu     sync.Mutex
	at     time.Time
	writes int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{at: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)}
	ring, _ := storetest.Ring(t)
	w.Store = storetest.With(t, ring, store.Options{Now: w.now})
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) sleep(_ context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
	return nil
}

func (w *world) pass(d time.Duration) { _ = w.sleep(context.Background(), d) }

// TakeRate and TakeCalls count what costs a write.
func (w *world) TakeRate(ctx context.Context, org string, r store.Rate, n int, patience time.Duration) (time.Duration, bool, error) {
	w.writes++
	return w.Store.TakeRate(ctx, org, r, n, patience)
}

func (w *world) TakeCalls(ctx context.Context, org string, c store.Calls) (int, time.Time, error) {
	w.writes++
	return w.Store.TakeCalls(ctx, org, c)
}

func (w *world) worker() *budget.Meters {
	return budget.New(w, budget.Options{Now: w.now, Sleep: w.sleep})
}

func spent(t *testing.T, err error) time.Duration {
	t.Helper()
	var e *connector.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, connector.Retry, e.Class)
	require.Equal(t, connector.BudgetSpent, e.Code)
	return e.RetryAfter
}

// However many workers there are, an hour's calls are not more than the quota and what each has of its own.
func TestWorkersShareARate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		budget  config.Pace
		boxes   []string // one for each worker
		quota   connector.Quota
		perCall int
		atLeast float64 // of the quota, in a long run
	}{
		"one worker, one mailbox":             {config.Pace{Mailbox: 600}, []string{"alice@acme.test"}, connector.QuotaCalendar, 1, 1 / 1.1},
		"the same in batches":                 {config.Pace{Mailbox: 600}, []string{"alice@acme.test"}, connector.QuotaCalendar, 50, 1 / 1.1},
		"two workers, one mailbox":            {config.Pace{Mailbox: 600}, []string{"alice@acme.test", "alice@acme.test"}, connector.QuotaCalendar, 1, 1 / 1.1},
		"a small quota":                       {config.Pace{Mailbox: 90}, []string{"alice@acme.test"}, connector.QuotaPeopleWrite, 1, 1 / 1.1},
		"three workers' mailboxes, a project": {config.Pace{Mailbox: 6000, Project: 600}, []string{"alice@acme.test", "bob@acme.test", "carol@acme.test"}, connector.QuotaPeopleRead, 1, 1 / 1.1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			b := config.MailboxBudget{Calendar: c.budget, PeopleReads: c.budget, PeopleWrites: c.budget}
			var meters []connector.Meter
			for _, address := range c.boxes {
				meters = append(meters, w.worker().Mailbox("acme", address, "acme.test", b))
			}
			limit := c.budget.Mailbox
			if c.budget.Project > 0 {
				limit = c.budget.Project
			}
			var calls []time.Time
			const minutes = 10
			end := w.now().Add(minutes * time.Minute)
			for i := 0; w.now().Before(end); i++ {
				if err := meters[i%len(meters)].Spend(t.Context(), c.quota, c.perCall); err != nil {
					w.pass(spent(t, err))
					continue
				}
				for range c.perCall {
					calls = append(calls, w.now())
				}
			}
			require.GreaterOrEqual(t, float64(len(calls)), c.atLeast*float64(limit*minutes), "the quota is made use of")
			most := 0
			for i, from := 0, 0; i < len(calls); i++ {
				for calls[i].Sub(calls[from]) >= time.Minute {
					from++
				}
				most = max(most, i-from+1)
			}
			require.LessOrEqual(t, most, limit+limit/20*(len(c.boxes)-1), "calls of the fullest minute")
			require.Less(t, w.writes, len(calls)*3/2/max(1, limit/40)*max(1, len(meters))+minutes+20, "few of them cost a write")
		})
	}
}

// An idle pass makes a call to each of a mailbox's APIs.
func TestIdlePassesCostNoWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.worker().Mailbox("acme", "alice@acme.test", "acme.test", config.MailboxBudget{
		Calendar: config.Pace{Mailbox: 600, Project: 10_000}, PeopleReads: config.Pace{Mailbox: 90}, PeopleWrites: config.Pace{Mailbox: 90},
	})
	for range 100 {
		require.NoError(t, m.Spend(t.Context(), connector.QuotaCalendar, 1))
		require.NoError(t, m.Spend(t.Context(), connector.QuotaPeopleRead, 1))
		w.pass(time.Minute)
	}
	require.Zero(t, w.writes)
}

func TestWithoutAPaceNothingIsCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.worker().Mailbox("acme", "alice@acme.test", "acme.test", config.MailboxBudget{Calendar: config.Pace{Mailbox: -1}})
	for range 1000 {
		require.NoError(t, m.Spend(t.Context(), connector.QuotaCalendar, 50))
	}
	require.Zero(t, w.writes)
}

// What the project has no room for is given back to the mailbox.
func TestRefusedCallsAreGivenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := config.MailboxBudget{Calendar: config.Pace{Mailbox: 40, Project: 40}}
	alice, bob := w.worker().Mailbox("acme", "alice@acme.test", "acme.test", b), w.worker().Mailbox("acme", "bob@acme.test", "acme.test", b)
	require.NoError(t, bob.Spend(t.Context(), connector.QuotaCalendar, 20), "half a minute of the project's")
	var waits []time.Duration
	for range 3 {
		waits = append(waits, spent(t, alice.Spend(t.Context(), connector.QuotaCalendar, 20)))
	}
	require.Equal(t, waits[0], waits[2], "asking in vain takes nothing")
	w.pass(waits[0])
	require.NoError(t, alice.Spend(t.Context(), connector.QuotaCalendar, 20))
}

func TestTheDayIsShared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := config.Budget{Daily: 2000, Reserve: 10}
	one, two := w.worker().CRM("acme", b), w.worker().CRM("acme", b)
	made := 0
	for one != nil || two != nil {
		for _, m := range []*connector.Meter{&one, &two} {
			if *m == nil {
				continue
			}
			if err := (*m).Spend(t.Context(), connector.QuotaCRM, 1); err != nil {
				require.Greater(t, spent(t, err), time.Hour)
				*m = nil
				continue
			}
			made++
		}
	}
	require.Equal(t, 1800, made)
	taken, _, err := w.CallsOfDay(t.Context(), "acme")
	require.NoError(t, err)
	require.EqualValues(t, 1800, taken)
	require.Less(t, w.writes, 1000)

	people := w.worker().CRM("acme", b)
	for range 200 {
		require.NoError(t, people.Spend(connector.Awaited(t.Context()), connector.QuotaCRM, 1), "the reserve")
	}
	spent(t, people.Spend(connector.Awaited(t.Context()), connector.QuotaCRM, 1))
	spent(t, people.Spend(t.Context(), connector.QuotaCRM, 1))
	w.pass(25 * time.Hour)
	require.NoError(t, people.Spend(t.Context(), connector.QuotaCRM, 1), "it is back")
}

// What one worker hears from the vendor, the others obey.
func TestWhatTheVendorSaysIsObeyed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := config.Budget{Reserve: 10}
	one, two := w.worker().CRM("acme", b), w.worker().CRM("acme", b)
	require.NoError(t, one.Spend(t.Context(), connector.QuotaCRM, 1))
	one.Told(9_500, 10_000)
	w.pass(time.Second)
	require.Equal(t, 15*time.Minute-time.Second, spent(t, one.Spend(t.Context(), connector.QuotaCRM, 1)), "what is left of its block is not used")
	require.Equal(t, 15*time.Minute-time.Second, spent(t, two.Spend(t.Context(), connector.QuotaCRM, 1)))
	require.NoError(t, two.Spend(connector.Awaited(t.Context()), connector.QuotaCRM, 1))
	w.pass(15 * time.Minute)
	require.NoError(t, two.Spend(t.Context(), connector.QuotaCRM, 1), "one asks")
	spent(t, one.Spend(t.Context(), connector.QuotaCRM, 1))
	two.Told(100, 10_000)
	w.pass(time.Minute)
	for range 100 {
		require.NoError(t, two.Spend(t.Context(), connector.QuotaCRM, 1), "there is room again")
	}
	require.NoError(t, one.Spend(t.Context(), connector.QuotaCRM, 1), "for all")
}

type broken struct{ budget.Store }

func (broken) TakeCalls(context.Context, string, store.Calls) (int, time.Time, error) {
	return 0, time.Time{}, errors.New("no store")
}

func (broken) TakeRate(context.Context, string, store.Rate, int, time.Duration) (time.Duration, bool, error) {
	return 0, false, errors.New("no store")
}

// What cannot be counted is not sent, and is no item's fault.
func TestUncountedCallsAreTriedAgain(t *testing.T) {
	t.Parallel()
	m := budget.New(broken{}, budget.Options{})
	for name, err := range map[string]error{
		"a day's":    m.CRM("acme", config.Budget{}).Spend(t.Context(), connector.QuotaCRM, 1),
		"a minute's": m.Mailbox("acme", "alice@acme.test", "p", config.MailboxBudget{Calendar: config.Pace{Mailbox: 1}}).Spend(t.Context(), connector.QuotaCalendar, 5),
	} {
		require.Equal(t, connector.Retry, connector.ClassOf(err), name)
	}
}
