package store

import (
	"context"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// LinksBySide returns the links of these items on a side, by item id. Of several for one item, the one that is not left
// counts, else the one of the highest generation.
func (s *Store) LinksBySide(ctx context.Context, org, rep string, kind record.Kind, side record.Side, ids []string) (map[string]planner.Link, error) {
	panic("unwritten")
}

// LinksByID returns links by their own ids.
func (s *Store) LinksByID(ctx context.Context, org, rep string, kind record.Kind, ids []string) (map[string]planner.Link, error) {
	panic("unwritten")
}

// LinksOfRecord returns every rep's link to one CRM record, by rep.
func (s *Store) LinksOfRecord(ctx context.Context, org string, kind record.Kind, crmID string) ([]RepLink, error) {
	panic("unwritten")
}

// Linked returns which of these CRM ids the rep has a link to that is not left.
func (s *Store) Linked(ctx context.Context, org, rep string, kind record.Kind, crmIDs []string) (map[string]bool, error) {
	panic("unwritten")
}

// PutLinks stores links by their ids. Errors: ErrLeaseLost; ErrConflict when another link of the rep that is not left has
// one of the items.
func (s *Store) PutLinks(ctx context.Context, org, rep string, epoch int64, kind record.Kind, links []planner.Link) error {
	panic("unwritten")
}

// DropLinks removes links. Error: ErrLeaseLost.
func (s *Store) DropLinks(ctx context.Context, org, rep string, epoch int64, kind record.Kind, ids []string) error {
	panic("unwritten")
}

// CountLinks counts a rep's links of a kind in a state, "" in any.
func (s *Store) CountLinks(ctx context.Context, org, rep string, kind record.Kind, state planner.LinkState) (int, error) {
	panic("unwritten")
}
