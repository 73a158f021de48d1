package store

import (
	"context"

	"github.com/repsync/repsync/internal/record"
)

// Verdicts returns the verdicts on an item, by its id on either side or its link's id.
func (s *Store) Verdicts(ctx context.Context, org, rep string, kind record.Kind, id string) ([]Verdict, error) {
	panic("unwritten")
}

// VerdictsByKeys returns the verdicts on the items known to carry one of these match keys (keyring lookup hashes): as
// mailbox items, as what those are linked to, or as CRM records that the key was claimed for.
func (s *Store) VerdictsByKeys(ctx context.Context, org, rep string, kind record.Kind, keys [][]byte) ([]Verdict, error) {
	panic("unwritten")
}
