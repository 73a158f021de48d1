package store

import "context"

// ApplyPolicy stores a document as the newest revision of the policy called name and returns the revision's number; one
// sequence per org counts all policies. A document that is that policy's newest already changes nothing and returns its
// number. Error: ErrNotFound when the org is not there.
func (s *Store) ApplyPolicy(ctx context.Context, org, name string, document []byte) (int64, error) {
	panic("unwritten")
}

// Policies returns the newest revision of each of an org's policies, by name.
func (s *Store) Policies(ctx context.Context, org string) ([]PolicyRow, error) { panic("unwritten") }

// PolicyAt returns the one policy row that carries this revision. Error: ErrNotFound.
func (s *Store) PolicyAt(ctx context.Context, org string, revision int64) (PolicyRow, error) {
	panic("unwritten")
}

// PolicyHistory returns every revision of an org, newest first.
func (s *Store) PolicyHistory(ctx context.Context, org string) ([]PolicyRow, error) {
	panic("unwritten")
}
