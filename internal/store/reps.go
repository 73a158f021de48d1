package store

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// PutOrg makes sure that an org is there.
func (s *Store) PutOrg(ctx context.Context, org string) error {
	return s.tx(ctx, "put org "+org, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into org (org) values ($1) on conflict do nothing`, org)
		return err
	})
}

// Orgs returns the names of all orgs, sorted.
func (s *Store) Orgs(ctx context.Context) ([]string, error) {
	return query(ctx, s, "list orgs", pgx.RowTo[string], `select org from org order by org`)
}

// AddRep adds a rep. Errors: ErrNotFound when the org is not there, ErrConflict when the rep is, or when another rep of
// the org has that mailbox.
func (s *Store) AddRep(ctx context.Context, r Rep) error {
	return s.tx(ctx, "add rep "+r.Rep, func(tx pgx.Tx) error {
		box, key := s.mailbox(r)
		return s.enlist(ctx, tx, r.Org, func() error {
			_, err := tx.Exec(ctx, `insert into rep
				(org, rep, mailbox_sealed, mailbox_key, crm_user, profile, active, pass, applied_revision, reread, speaks, journal_head)
				values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
				r.Org, r.Rep, box, key, r.CRMUser, r.Profile, r.Active, r.Pass, r.AppliedRevision, r.Reread, r.Speaks,
				s.emptyHead(r.Org, r.Rep))
			if err == nil {
				_, err = tx.Exec(ctx, `insert into collection (org, rep, kind) select $1, $2, unnest($3::text[]) on conflict do nothing`, r.Org, r.Rep, kinds)
			}
			return err
		})
	})
}

// UpdateRep stores a rep's mailbox, CRM user, profile and whether it is active; nothing else of r counts. With another
// mailbox the rep's items are matched anew: see moveMailbox. Errors: ErrNotFound, ErrConflict when another rep of the org
// has that mailbox.
func (s *Store) UpdateRep(ctx context.Context, r Rep) error {
	return s.tx(ctx, "update rep "+r.Rep, func(tx pgx.Tx) error {
		box, key := s.mailbox(r)
		var old []byte
		if err := tx.QueryRow(ctx, `select mailbox_key from rep where org = $1 and rep = $2 for update`, r.Org, r.Rep).Scan(&old); err != nil {
			return err
		}
		if old != nil && !bytes.Equal(old, key) {
			if err := moveMailbox(ctx, tx, r.Org, r.Rep); err != nil {
				return err
			}
		}
		tag, err := tx.Exec(ctx, `update rep set mailbox_sealed = $3, mailbox_key = $4, crm_user = $5, profile = $6, active = $7
			where org = $1 and rep = $2`, r.Org, r.Rep, box, key, r.CRMUser, r.Profile, r.Active)
		if err == nil && tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		return err
	})
}

// moveMailbox forgets what is known of a rep's old mailbox. An item's id proves nothing in another mailbox, so that its
// links end, without a delete anywhere, and what was migrated is matched as on a first sync. Tombstones stay. A worker
// that still holds the lease is refused.
func moveMailbox(ctx context.Context, tx pgx.Tx, org, rep string) error {
	var b pgx.Batch
	for _, sql := range []string{
		`update rep set reread = true, epoch = epoch + 1, holder = '', lease_until = null where org = $1 and rep = $2`,
		`delete from link where coll = ` + ofRep + ` and state <> 'tombstone'`,
		`delete from cursor where org = $1 and rep = $2 and side = 'mailbox'`,
		`delete from mailbox_key where coll = ` + ofRep + ``,
		`delete from staged where coll = ` + ofRep + ``,
		`delete from parked where org = $1 and rep = $2`,
		`delete from verdict where coll = ` + ofRep + ` and side = 'mailbox'`,
		`delete from plan where org = $1 and rep = $2`,
		`update intent set state = 'dropped', code = 'mailbox_moved', settled = now()
			where coll = ` + ofRep + ` and state in ('planned', 'held', 'sent', 'unknown')`,
	} {
		b.Queue(sql, org, rep)
	}
	return send(ctx, tx, &b)
}

// RequestReread makes the rep's next pass read and plan everything again. Error: ErrNotFound.
func (s *Store) RequestReread(ctx context.Context, org, rep string) error {
	return s.tx(ctx, "request reread of "+rep, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update rep set reread = true where org = $1 and rep = $2`, org, rep)
		if err == nil && tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		return err
	})
}

// SetSwept notes when everything of a rep was last read (Rep.Swept). Error: ErrNotFound.
func (s *Store) SetSwept(ctx context.Context, org, rep string, at time.Time) error {
	return s.tx(ctx, "note the sweep of "+rep, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update rep set swept = greatest(swept, $3) where org = $1 and rep = $2`, org, rep, at)
		if err == nil && tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		return err
	})
}

const repColumns = `org, rep, mailbox_sealed, crm_user, profile, active, pass, epoch, applied_revision, reread, speaks, journal_lines, swept`

// GetRep returns one rep. Error: ErrNotFound.
func (s *Store) GetRep(ctx context.Context, org, rep string) (Rep, error) {
	return queryOne(ctx, s, "get rep "+rep, s.scanRep, `select `+repColumns+` from rep where org = $1 and rep = $2`, org, rep)
}

// Reps returns an org's reps, active or not, by name.
func (s *Store) Reps(ctx context.Context, org string) ([]Rep, error) {
	return query(ctx, s, "list reps of "+org, s.scanRep, `select `+repColumns+` from rep where org = $1 order by rep`, org)
}

// RepByMailbox returns the rep of a mailbox address, whatever its case. Error: ErrNotFound.
func (s *Store) RepByMailbox(ctx context.Context, org, mailbox string) (Rep, error) {
	_, key := s.mailbox(Rep{Org: org, Mailbox: mailbox})
	return queryOne(ctx, s, "find rep by mailbox", s.scanRep,
		`select `+repColumns+` from rep where org = $1 and mailbox_key = $2`, org, key)
}

// mailbox returns the columns of a rep's address: sealed, and the lookup hash by which it is found.
func (s *Store) mailbox(r Rep) (box, key []byte) {
	if r.Mailbox == "" {
		return nil, nil
	}
	return s.seal([]byte(r.Mailbox), place(r.Org, "rep", r.Rep)),
		s.ring.Lookup(r.Org, "rep", "mailbox:"+strings.ToLower(strings.TrimSpace(r.Mailbox)))
}

func (s *Store) scanRep(row pgx.CollectableRow) (Rep, error) {
	var (
		r     Rep
		box   []byte
		swept *time.Time
	)
	err := row.Scan(&r.Org, &r.Rep, &box, &r.CRMUser, &r.Profile, &r.Active, &r.Pass, &r.Epoch, &r.AppliedRevision, &r.Reread, &r.Speaks, &r.Lines, &swept)
	if err != nil {
		return Rep{}, err
	}
	address, err := s.open(box, place(r.Org, "rep", r.Rep))
	if err != nil {
		return Rep{}, fmt.Errorf("rep %s: mailbox: %w", r.Rep, err)
	}
	r.Mailbox, r.Swept = string(address), moment(swept)
	return r, nil
}
