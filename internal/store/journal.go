package store

import "context"

// Journal returns up to n lines after a sequence number, oldest first, with their values opened; rep "" is the whole org.
func (s *Store) Journal(ctx context.Context, org, rep string, after int64, n int) ([]Line, error) {
	panic("unwritten")
}

// JournalOf returns the newest n lines on one item, by its id on either side or its link's id, newest first.
func (s *Store) JournalOf(ctx context.Context, org, rep, id string, n int) ([]Line, error) {
	panic("unwritten")
}

// VerifyJournal walks a rep's journal and checks the chain of digests. It returns the first sequence number that does
// not fit its predecessor, 0 when all do. Erased values do not break the chain.
func (s *Store) VerifyJournal(ctx context.Context, org, rep string) (int64, error) {
	panic("unwritten")
}
