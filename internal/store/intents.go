package store

import (
	"context"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// Intents returns up to n intents (0: all) in any of the states, in the order of pass and id. Kind, verbs and side narrow
// when they are not empty.
func (s *Store) Intents(ctx context.Context, org, rep string, kind record.Kind, states []IntentState, verbs []connector.Verb, side record.Side, n int) ([]Intent, error) {
	panic("unwritten")
}

// MarkSent commits what is about to be sent: state, final operation, reference, precondition, before-image and SentAt
// (zero: now). The before-image of an intent that was sent once already stays. Errors: ErrLeaseLost; ErrConflict, and
// nothing is marked, when one of the intents is gone or over: then nothing may be sent.
func (s *Store) MarkSent(ctx context.Context, org, rep string, epoch int64, intents []Intent) error {
	panic("unwritten")
}

// Prune removes done and dropped intents with their before-images, and expired leases, that ended before a time. Intents
// of the last 48 hours stay, because the rolling guards count them. Tombstones, claims of records, verdicts and the
// journal are never pruned.
func (s *Store) Prune(ctx context.Context, org string, before time.Time) error { panic("unwritten") }
