package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// ItemAt names an item of a kind on a side.
type ItemAt struct {
	Kind record.Kind
	Side record.Side
	ID   string
}

// LinkOf names a link.
type LinkOf struct {
	Kind record.Kind
	ID   string
}

// NewBase is a link of which the bases, with their versions, are to be stored, and nothing else.
type NewBase struct {
	Kind record.Kind
	Link planner.Link
}

// ClaimOf is a claim: its key, and whose it is.
type ClaimOf struct {
	Kind          record.Kind
	Key           []byte
	LinkID, CRMID string
}

// Repair is what `starter doctor --fix` changes for one rep, in one transaction. None of it touches a vendor: it takes away
// rows that nothing needs, makes rows readable again, and has the rep's ordinary pass read again and decide.
type Repair struct {
	Reread         bool          // Rep.Reread
	Cursors        []ItemAt      // begin anew: their next read is a full one (ID is not used)
	DropIntents    []string      // become dropped
	DeleteIntents  []string      // open ones that cannot be read: they go, and what they were about is planned anew
	ForgetBefore   []string      // intents whose before-image goes
	Unstage        []ItemAt      // staged rows that go
	DropRanks      []record.Kind // whose ranks go, all of them: they are made anew by a full read
	Due            []ItemAt      // parked rows that are due now
	ForgetWords    []ItemAt      // parked rows whose vendor's words go
	DropVerdicts   []ItemAt
	UnlinkVerdicts []ItemAt  // verdicts that name a link which is not there
	Bases          []NewBase // bases that are written anew
	Bury           []LinkOf  // links that become tombstones of their mailbox item alone
	DropLinks      []LinkOf
	Claims         []ClaimOf // made, where nobody has the key
	DropClaims     []ClaimOf // taken away, if they still are what they were
	Journal        []Line
}

// Mend applies a repair under the rep's lease. Error: ErrLeaseLost.
func (s *Store) Mend(ctx context.Context, org, rep string, epoch int64, r Repair) error {
	return s.fenced(ctx, "mend "+rep, org, rep, epoch, exclusive, func(tx pgx.Tx) error {
		var b pgx.Batch
		s.queueMend(&b, org, rep, r)
		for _, l := range r.Bury {
			if err := queueBurial(ctx, tx, &b, org, rep, l); err != nil {
				return err
			}
		}
		if err := s.queueJournal(ctx, tx, &b, org, rep, r.Journal); err != nil {
			return err
		}
		return send(ctx, tx, &b)
	})
}

func (s *Store) queueMend(b *pgx.Batch, org, rep string, r Repair) {
	if r.Reread {
		b.Queue(`update rep set reread = true where org = $1 and rep = $2`, org, rep)
	}
	for _, c := range r.Cursors {
		b.Queue(`update cursor set token_sealed = null, next_sealed = null, page_sealed = null, position = 0, next_position = 0, full_read = false
			where org = $1 and rep = $2 and kind = $3 and side = $4`, org, rep, c.Kind, c.Side)
	}
	if len(r.DropIntents) > 0 {
		b.Queue(`update intent set state = 'dropped', code = 'doctor', settled = `+now+`
			where coll = `+ofRepNow+` and no = any($4) and intent_id = any($5) and state in ('planned', 'held', 'sent', 'unknown')`, s.clock(), org, rep, col(r.DropIntents, intentNo), r.DropIntents)
	}
	if len(r.DeleteIntents) > 0 {
		b.Queue(`delete from intent where coll = `+ofRep+` and no = any($3) and intent_id = any($4) and state in ('planned', 'held', 'sent', 'unknown')`,
			org, rep, col(r.DeleteIntents, intentNo), r.DeleteIntents)
	}
	if len(r.ForgetBefore) > 0 {
		b.Queue(`update intent set before_sealed = null where coll = `+ofRep+` and no = any($3) and intent_id = any($4)`, org, rep, col(r.ForgetBefore, intentNo), r.ForgetBefore)
	}
	for _, k := range r.DropRanks {
		b.Queue(`delete from rank where coll = `+ofKind+``, org, rep, k)
	}
	each := func(items []ItemAt, sql string) {
		where := ` where coll = ` + ofKind
		if strings.Contains(sql, "parked") {
			where = ` where org = $1 and rep = $2 and kind = $3`
		}
		for _, i := range items {
			b.Queue(sql+where+` and side = $4 and id = $5`, org, rep, i.Kind, i.Side, i.ID)
		}
	}
	each(r.Unstage, `delete from staged`)
	each(r.ForgetWords, `update parked set words_sealed = null`)
	for _, i := range r.DropVerdicts {
		b.Queue(`update link l set reason = '' where coll = `+ofKind+` and `+sideColumns(i.Side).id+` = $5
			and not exists (select from verdict v where v.coll = l.coll and v.side = $4 and v.id = $5)`, org, rep, i.Kind, i.Side, i.ID)
	}
	each(r.DropVerdicts, `delete from verdict`)
	each(r.UnlinkVerdicts, `update verdict set link_id = ''`)
	for _, i := range r.Due {
		b.Queue(`update parked set next_try = `+now+` where org = $2 and rep = $3 and kind = $4 and side = $5 and id = $6`,
			s.clock(), org, rep, i.Kind, i.Side, i.ID)
	}
	queueLinkMends(b, org, rep, r)
	for _, c := range r.DropClaims {
		b.Queue(`delete from claim where coll = `+ofKind+` and key = $4::uuid and link_id = $5 and crm_id = $6`,
			org, rep, c.Kind, c.Key, c.LinkID, c.CRMID)
	}
	for _, c := range r.Claims {
		b.Queue(`insert into claim (coll, key, link_id, crm_id) values (`+ofKind+`, $4::uuid, $5, $6)
			on conflict (key) do nothing`, org, rep, c.Kind, c.Key, c.LinkID, c.CRMID)
	}
}

// buried stands before the CRM id of a link that has none any more: no CRM knows such an id, so that it is deleted there.
const buried = "deleted/"

// queueBurial makes a link a tombstone of its mailbox item alone, whose base is packed against the CRM's until then.
func queueBurial(ctx context.Context, tx pgx.Tx, b *pgx.Batch, org, rep string, at LinkOf) error {
	var crm, mailbox []byte
	err := tx.QueryRow(ctx, `select crm_base, mailbox_base from link where coll = `+ofKind+` and link_id = $4`,
		org, rep, at.Kind, at.ID).Scan(&crm, &mailbox)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	var l planner.Link
	if err == nil && !failed(unpackBases(crm, mailbox, &l)) {
		mailbox = pack(l.Mailbox.Shown, l.Mailbox.Sent, nil)
	}
	b.Queue(`update link set state = 'tombstone', crm_id = $5 || link_id, crm_tag = '', crm_at = null, crm_base = null, mailbox_base = $6
		where coll = `+ofKind+` and link_id = $4`, org, rep, at.Kind, at.ID, buried, mailbox)
	return err
}

func queueLinkMends(b *pgx.Batch, org, rep string, r Repair) {
	for _, n := range r.Bases {
		l := n.Link
		b.Queue(`update link set norm = $5, hash_key = $6, crm_base = $7, mailbox_base = $8, crm_tag = '', crm_at = null, mailbox_tag = '', mailbox_at = null
			where coll = `+ofKind+` and link_id = $4`, org, rep, n.Kind, l.ID, int16(l.Norm), int16(l.HashKey),
			pack(l.CRM.Shown, l.CRM.Sent, nil), pack(l.Mailbox.Shown, l.Mailbox.Sent, l.CRM.Shown))
	}
	for _, l := range r.DropLinks {
		queueDropLinks(b, org, rep, l.Kind, []string{l.ID})
	}
}

// BoundLease lets a lease that never ends, end at a time. Who holds it goes on until then; nobody else takes it before. It
// changes nothing when the lease has another epoch by now.
func (s *Store) BoundLease(ctx context.Context, org, rep string, epoch int64, until time.Time, line Line) error {
	return s.fenced(ctx, "bound the lease of "+rep, org, rep, epoch, exclusive, func(tx pgx.Tx) error {
		var b pgx.Batch
		b.Queue(`update rep set lease_until = $3 where org = $1 and rep = $2 and holder <> ''`, org, rep, until)
		if err := s.queueJournal(ctx, tx, &b, org, rep, []Line{line}); err != nil {
			return err
		}
		return send(ctx, tx, &b)
	})
}

// OrgRepair is what `starter doctor --fix` changes of an org rather than of one rep.
type OrgRepair struct {
	Revision   int64                  // raised to this one, 0 leaves it
	Feeds      map[record.Kind][]byte // logs that begin anew from this token: every rep reads all of its records again
	Records    map[record.Kind][]string
	Until      time.Time // when the leases of Records end
	DropClaims []ClaimOf // of Rep, who is not there
	Rep        string    // whose rows go: nobody of that name is there
	Journal    []Line    // told in the journal of the org's first rep: every chain is a rep's
}

// MendOrg applies a repair of an org. What it forgets of a rep it forgets only while no such rep is there. Error:
// ErrNotFound when the org is not there.
func (s *Store) MendOrg(ctx context.Context, org string, r OrgRepair) error {
	return s.tx(ctx, "mend org "+org, func(tx pgx.Tx) error {
		var revision int64
		if err := tx.QueryRow(ctx, `select revision from org where org = $1 for update`, org).Scan(&revision); err != nil {
			return err
		}
		var b pgx.Batch
		if r.Revision > revision {
			b.Queue(`update org set revision = $2 where org = $1`, org, r.Revision)
		}
		for kind, token := range r.Feeds {
			b.Queue(`select from feed_state where org = $1 and kind = $2 for update`, org, kind)
			b.Queue(`delete from feed where org = $1 and kind = $2`, org, kind)
			// Beyond every number that was ever given out, so that no offset fits.
			b.Queue(`update feed_state s set token_sealed = $4, page_sealed = null, first = top.n + 2, last = top.n + 1, at = `+now+`
				from (select greatest(f.last, f.first, (select max(greatest(c.position, c.next_position)) from cursor c
					where c.org = $2 and c.kind = $3 and c.side = 'crm')) as n from feed_state f where f.org = $2 and f.kind = $3) top
				where s.org = $2 and s.kind = $3`, s.clock(), org, kind, s.seal(token, feedPlace(org, kind, "token")))
		}
		for kind, ids := range r.Records {
			b.Queue(`update record_lease set until = $4 where org = $1 and kind = $2 and crm_id = any($3) and until > $4`, org, kind, ids, r.Until)
		}
		if r.Rep != "" {
			for _, table := range perRep {
				of := `org = $1 and rep = $2`
				if numbered[table] {
					of = `coll = ` + ofRep
				}
				b.Queue(`delete from `+table+` where `+of+` and not exists (select from rep where org = $1 and rep = $2)`, org, r.Rep)
			}
			b.Queue(`update collection set ranked = false where org = $1 and rep = $2 and not exists (select from rep where org = $1 and rep = $2)`, org, r.Rep)
		}
		for _, c := range r.DropClaims {
			b.Queue(`delete from claim where coll = `+ofKind+` and key = $4::uuid and link_id = $5 and crm_id = $6
				and not exists (select from rep where org = $1 and rep = $2)`, org, r.Rep, c.Kind, c.Key, c.LinkID, c.CRMID)
		}
		var teller string
		err := tx.QueryRow(ctx, `select rep from rep where org = $1 order by rep limit 1 for no key update`, org).Scan(&teller)
		if err == nil {
			err = s.queueJournal(ctx, tx, &b, org, teller, r.Journal)
		}
		if err != nil && !errors.Is(err, pgx.ErrNoRows) { // without any rep there is no journal
			return err
		}
		return send(ctx, tx, &b)
	})
}
