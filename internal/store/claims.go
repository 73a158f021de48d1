package store

import (
	"context"
	"time"

	"github.com/repsync/repsync/internal/record"
)

// Claim takes all of an item's strong keys (keyring lookup hashes) for a rep and link, or none. Keys that nobody holds,
// whose claim expired unresolved, or that this link holds are taken; a claim that is resolved to a CRM record never
// expires and ends with the record (DropClaims). Claiming again renews.
func (s *Store) Claim(ctx context.Context, org string, kind record.Kind, rep, linkID string, keys [][]byte, ttl time.Duration) (ClaimResult, error) {
	panic("unwritten")
}

// DropClaims ends the claims that belong to a CRM record: it was deleted.
func (s *Store) DropClaims(ctx context.Context, org string, kind record.Kind, crmID string) error {
	panic("unwritten")
}
