package budget

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/store"
)

// Store is where workers count together; *store.Store is one.
type Store interface {
	TakeRate(ctx context.Context, org string, r store.Rate, n int, patience time.Duration) (wait time.Duration, ok bool, err error)
	TakeCalls(ctx context.Context, org string, c store.Calls) (taken int, until time.Time, err error)
}

// Options of Meters.
type Options struct {
	Now    func() time.Time                                        // default time.Now
	Sleep  func(ctx context.Context, d time.Duration) error        // default a timer
	ByHand bool                                                    // a person runs this program: all its calls are waited for, and no more are taken than each needs
	Told   func(org string, used, limit int64, reserve int)        // hears what a CRM says of its limit; default nobody
	Spent  func(org string, q connector.Quota, wait time.Duration) // hears of calls that were refused; default nobody
}

// patience is how long a call is waited for. With the longest request (30 s) it stays below the time that a lease has left
// when a batch begins.
const patience = 10 * time.Second

// Meters makes one worker's meters. It is safe for concurrent use.
type Meters struct {
	store Store
	Options

	mu    sync.Mutex
	rates map[rateKey]*rate
}

type rateKey struct {
	org, project, mailbox string
	quota                 connector.Quota
}

var _ config.Meters = (*Meters)(nil)

// New returns the meters of one worker.
func New(s Store, o Options) *Meters {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Told == nil {
		o.Told = func(string, int64, int64, int) {}
	}
	if o.Spent == nil {
		o.Spent = func(string, connector.Quota, time.Duration) {}
	}
	return &Meters{store: s, Options: o, rates: map[rateKey]*rate{}}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// CRM returns the meter of an org's CRM.
func (m *Meters) CRM(org string, b config.Budget) connector.Meter {
	return &day{m: m, org: org, budget: b}
}

// Mailbox returns the meter of one mailbox. Project names the credentials that it shares its projects' quotas with.
func (m *Meters) Mailbox(org, address, project string, b config.MailboxBudget) connector.Meter {
	m.mu.Lock()
	defer m.mu.Unlock()
	box := &mailbox{m: m, org: org, rates: map[connector.Quota][]*rate{}}
	for _, q := range []connector.Quota{connector.QuotaCalendar, connector.QuotaPeopleRead, connector.QuotaPeopleWrite} {
		pace := b.Of(q)
		if pace.Mailbox > 0 {
			box.rates[q] = append(box.rates[q], m.rate(rateKey{org: org, mailbox: address, quota: q}, pace.Mailbox))
		}
		if pace.Project > 0 {
			box.rates[q] = append(box.rates[q], m.rate(rateKey{org: org, project: project, quota: q}, pace.Project))
		}
	}
	return box
}

// rate returns the worker's one account with a quota. Its caller holds mu.
func (m *Meters) rate(k rateKey, perMinute int) *rate {
	if r, ok := m.rates[k]; ok {
		return r
	}
	r := newRate(m, k, perMinute)
	m.rates[k] = r
	return r
}

// mailbox is the meter of one mailbox: each of its quotas is its own and its project's.
type mailbox struct {
	m     *Meters
	org   string
	rates map[connector.Quota][]*rate
}

// Spend takes n calls from the mailbox and from its project, or from neither.
func (b *mailbox) Spend(ctx context.Context, q connector.Quota, n int) error {
	var wait time.Duration
	for i, r := range b.rates[q] {
		more, err := r.take(ctx, n)
		if err != nil {
			for _, before := range b.rates[q][:i] {
				before.giveBack(n)
			}
			var spent *connector.Error
			if errors.As(err, &spent) && spent.Code == connector.BudgetSpent {
				b.m.Spent(b.org, q, spent.RetryAfter)
			}
			return err
		}
		wait = max(wait, more)
	}
	if wait <= 0 {
		return nil
	}
	if err := b.m.Sleep(ctx, wait); err != nil {
		return &connector.Error{Class: connector.Retry, Code: "canceled", Cause: err}
	}
	return nil
}

// Told is for vendors that tell; mailboxes' do not.
func (b *mailbox) Told(_, _ int64) {}

// uncounted is the error for calls that the store could not count: they are not sent.
func uncounted(err error) error {
	code := "budget_uncounted"
	var e *store.Error
	if errors.As(err, &e) {
		code = "store_" + e.Code
	}
	return &connector.Error{Class: connector.Retry, Code: code, Cause: err}
}
