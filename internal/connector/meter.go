package connector

import (
	"context"
	"time"
)

// Quota names what a vendor limits. Each has its own count.
type Quota string

// The quotas. Salesforce counts an org's calls of a day, Google an API's calls of a minute, per user and per project.
const (
	QuotaCRM         Quota = "crm"          // calls to the CRM's API
	QuotaCalendar    Quota = "calendar"     // units of a calendar: one a call, each part of a batch apart, three a patch
	QuotaPeopleRead  Quota = "people_read"  // reads of contacts: "critical read requests"
	QuotaPeopleWrite Quota = "people_write" // "critical write requests"
)

// BudgetSpent is the code of the error that a Meter refuses calls with.
const BudgetSpent = "api_budget_spent"

// Meter is asked before requests are sent, so that what a vendor allows is kept to by all workers together. A nil Meter is
// to be taken for one that allows everything: see Spend.
type Meter interface {
	// Spend takes n calls of a quota. It waits where a call is due within some seconds. Error: Retry with the code BudgetSpent
	// and a RetryAfter; then nothing was taken and nothing is to be sent.
	Spend(ctx context.Context, q Quota, n int) error
	// Told passes on the vendor's own count of the last 24 hours, all of the org's programs together.
	Told(used, limit int64)
}

// Spend asks a meter, where there is one. Op names the request in the error.
func Spend(ctx context.Context, m Meter, q Quota, n int, op string) error {
	if m == nil {
		return nil
	}
	err := m.Spend(ctx, q, n)
	if e, ok := err.(*Error); ok && e.Op == "" { //nolint:errorlint // a meter's own error, and not one that it wraps
		named := *e
		named.Op = op
		return &named
	}
	return err
}

// Spent is the error of a Meter for calls that are allowed again after wait.
func Spent(wait time.Duration) *Error {
	return &Error{Class: Retry, Code: BudgetSpent, RetryAfter: max(wait, time.Second)}
}

type awaited struct{}

// Awaited marks what is done under ctx as something that a person waits for: it may use the part of a budget that is kept
// for people.
func Awaited(ctx context.Context) context.Context { return context.WithValue(ctx, awaited{}, true) }

// IsAwaited reports whether a person waits.
func IsAwaited(ctx context.Context) bool { return ctx.Value(awaited{}) != nil }
