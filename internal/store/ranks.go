package store

import (
	"context"

	"github.com/repsync/repsync/internal/record"
)

// PutRanks stores the ranks of CRM items that a policy's limit chooses among. Error: ErrLeaseLost.
func (s *Store) PutRanks(ctx context.Context, org, rep string, epoch int64, kind record.Kind, ranks []Ranked) error {
	panic("unwritten")
}

// DropRanks forgets items: they are gone, or no longer admitted. Nil ids forgets every one. Error: ErrLeaseLost.
func (s *Store) DropRanks(ctx context.Context, org, rep string, epoch int64, kind record.Kind, ids []string) error {
	panic("unwritten")
}

// Beyond splits the ranked items at a limit: the max greatest ranks are in, in that order, equal ranks by id; the others
// are out.
func (s *Store) Beyond(ctx context.Context, org, rep string, kind record.Kind, limit int) (in, out []string, err error) {
	panic("unwritten")
}
