package store

import (
	"context"
	"time"

	"github.com/repsync/repsync/internal/connector"
)

// SavePlan stores what planning a chunk of items gave, in one transaction. An intent that is past held already is left
// as it is. A verdict is written only when it is new or its reason, field, code or link changed. An item with a verdict
// in the batch is unparked unless the batch parks it. Errors: ErrLeaseLost, ErrConflict (see PutLinks).
func (s *Store) SavePlan(ctx context.Context, org, rep string, epoch int64, b PlanBatch) error {
	panic("unwritten")
}

// ResetPlan removes the intents that are planned or held: a new plan begins. The stored Plan stays. Error: ErrLeaseLost.
func (s *Store) ResetPlan(ctx context.Context, org, rep string, epoch int64) error {
	panic("unwritten")
}

// SetHeld stores the plan of a held pass in place of an earlier one, and marks the planned intents as held. A plan with
// the digest of the stored one leaves that one as it is, also when it has been released. Error: ErrLeaseLost.
func (s *Store) SetHeld(ctx context.Context, org, rep string, epoch int64, p Plan) error {
	panic("unwritten")
}

// ReleasePlan lets the held plan with this digest go on. Errors: ErrNotFound when no plan is stored, ErrConflict when
// the stored one has another digest.
func (s *Store) ReleasePlan(ctx context.Context, org, rep, digest string) error { panic("unwritten") }

// HeldPlan returns the stored plan, held or released. Error: ErrNotFound.
func (s *Store) HeldPlan(ctx context.Context, org, rep string) (Plan, error) { panic("unwritten") }

// DropPlan removes the stored plan: its pass went through, or there is nothing to hold any more. Error: ErrLeaseLost.
func (s *Store) DropPlan(ctx context.Context, org, rep string, epoch int64) error { panic("unwritten") }

// CountWrites counts the intents that were settled as done since a time, by verb; rep "" counts the whole org.
func (s *Store) CountWrites(ctx context.Context, org, rep string, since time.Time) (map[connector.Verb]int, error) {
	panic("unwritten")
}
