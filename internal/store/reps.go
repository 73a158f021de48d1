package store

import "context"

// PutOrg makes sure that an org is there.
func (s *Store) PutOrg(ctx context.Context, org string) error { panic("unwritten") }

// Orgs returns the names of all orgs, sorted.
func (s *Store) Orgs(ctx context.Context) ([]string, error) { panic("unwritten") }

// AddRep adds a rep. Errors: ErrNotFound when the org is not there, ErrConflict when the rep is, or when another rep of
// the org has that mailbox.
func (s *Store) AddRep(ctx context.Context, r Rep) error { panic("unwritten") }

// UpdateRep stores a rep's mailbox, CRM user, profile and whether it is active; nothing else of r counts. Errors:
// ErrNotFound, ErrConflict when another rep of the org has that mailbox.
func (s *Store) UpdateRep(ctx context.Context, r Rep) error { panic("unwritten") }

// RequestReread makes the rep's next pass read and plan everything again. Error: ErrNotFound.
func (s *Store) RequestReread(ctx context.Context, org, rep string) error { panic("unwritten") }

// GetRep returns one rep. Error: ErrNotFound.
func (s *Store) GetRep(ctx context.Context, org, rep string) (Rep, error) { panic("unwritten") }

// Reps returns an org's reps, active or not, by name.
func (s *Store) Reps(ctx context.Context, org string) ([]Rep, error) { panic("unwritten") }

// RepByMailbox returns the rep of a mailbox address, whatever its case. Error: ErrNotFound.
func (s *Store) RepByMailbox(ctx context.Context, org, mailbox string) (Rep, error) {
	panic("unwritten")
}
