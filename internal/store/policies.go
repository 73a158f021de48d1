package store

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/planted"
)

// ApplyPolicy stores a document as the newest revision of the policy called name and returns the revision's number; one
// sequence per org counts all policies. A document that is that policy's newest already changes nothing and returns its
// number. Error: ErrNotFound when the org is not there. With a revision beside it, an error says that the policy is in force and
// that it could not be asked anew who speaks for meetings: apply the next one, or this one changed.
func (s *Store) ApplyPolicy(ctx context.Context, org, name string, document []byte) (int64, error) {
	var revision int64
	err := s.tx(ctx, "apply policy "+name, func(tx pgx.Tx) error {
		var newest int64
		if err := tx.QueryRow(ctx, `select revision from org where org = $1 for no key update`, org).Scan(&newest); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `select `+policyColumns+` from policy
			where org = $1 and name = $2 order by revision desc limit 1`, org, name)
		if err != nil {
			return err
		}
		last, err := pgx.CollectOneRow(rows, s.scanPolicy)
		switch {
		case err == nil && bytes.Equal(last.Document, document):
			revision = last.Revision
			return nil
		case err != nil && !errors.Is(err, pgx.ErrNoRows):
			return err
		}
		revision = newest + 1
		if document == nil {
			document = []byte{}
		}
		var b pgx.Batch
		b.Queue(`update org set revision = $2 where org = $1`, org, revision)
		b.Queue(`insert into policy (org, revision, name, document_sealed, at)
			values ($1, $2, $3, $4, coalesce($5, clock_timestamp()))`,
			org, revision, name, s.seal(document, policyPlace(org, revision)), s.clock())
		return send(ctx, tx, &b)
	})
	if err != nil {
		return 0, err
	}
	// Whoever did not speak for meetings may now: their next pass tells. In the transaction this would wait for reps that others
	// hold while they wait for the org.
	return revision, s.tx(ctx, "ask anew who speaks in "+org, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update rep set speaks = null where org = $1 and not speaks`, org)
		return err
	})
}

const policyColumns = `org, revision, name, document_sealed, at`

// newestOfEach is the query for the newest revision of each policy.
func newestOfEach() string {
	sql := `select distinct on (name) ` + policyColumns + ` from policy where org = $1 order by name, revision`
	if planted.Is(planted.RevisionBackwards) {
		return sql
	}
	return sql + ` desc`
}

// Policies returns the newest revision of each of an org's policies, by name.
func (s *Store) Policies(ctx context.Context, org string) ([]PolicyRow, error) {
	return query(ctx, s, "list policies of "+org, s.scanPolicy, newestOfEach(), org)
}

// PolicyAt returns the one policy row that carries this revision. Error: ErrNotFound.
func (s *Store) PolicyAt(ctx context.Context, org string, revision int64) (PolicyRow, error) {
	return queryOne(ctx, s, "get policy revision "+strconv.FormatInt(revision, 10), s.scanPolicy,
		`select `+policyColumns+` from policy where org = $1 and revision = $2`, org, revision)
}

// PolicyHistory returns every revision of an org, newest first.
func (s *Store) PolicyHistory(ctx context.Context, org string) ([]PolicyRow, error) {
	return query(ctx, s, "list policy revisions of "+org, s.scanPolicy,
		`select `+policyColumns+` from policy where org = $1 order by revision desc`, org)
}

func policyPlace(org string, revision int64) string {
	return place(org, "policy", strconv.FormatInt(revision, 10))
}

func (s *Store) scanPolicy(row pgx.CollectableRow) (PolicyRow, error) {
	var (
		p   PolicyRow
		org string
		box []byte
		at  time.Time
	)
	if err := row.Scan(&org, &p.Revision, &p.Name, &box, &at); err != nil {
		return PolicyRow{}, err
	}
	var err error
	p.At = at.UTC()
	p.Document, err = s.open(box, policyPlace(org, p.Revision))
	return p, err
}
