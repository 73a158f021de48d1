package store

import "context"

// Situation reads all that a pass starts from, in one round trip. It is the only query of an idle pass. Error:
// ErrNotFound when the rep is not there.
func (s *Store) Situation(ctx context.Context, org, rep string) (Situation, error) {
	panic("unwritten")
}
