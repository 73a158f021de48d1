package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// What `starter doctor` reads. The ordinary reads stop at a row that is damaged, as a pass must; these say which it is and
// go on. All of them are reads: nothing here changes a row. What mends is in doctor_repair.go.

// failed reports whether one of these went wrong: what is damaged is told of and stops nothing.
func failed(errs ...error) bool { return errors.Join(errs...) != nil }

// RepRow is a rep as its row stands.
type RepRow struct {
	Rep
	MailboxBroken bool // the address does not open
	Key           int  // version of the key that the address says it was sealed under
	Holder        string
	LeaseUntil    time.Time // zero: no end
}

// RepRows returns the reps of an org, or the one that is named, by name, also those whose sealed address does not open.
func (s *Store) RepRows(ctx context.Context, org, rep string) ([]RepRow, error) {
	scan := func(row pgx.CollectableRow) (RepRow, error) {
		var r RepRow
		var box []byte
		var swept, until *time.Time
		err := row.Scan(&r.Org, &r.Rep.Rep, &box, &r.CRMUser, &r.Profile, &r.Active, &r.Pass, &r.Epoch, &r.AppliedRevision, &r.Reread, &r.Speaks, &r.Lines, &swept,
			&r.Holder, &until)
		if err != nil {
			return RepRow{}, err
		}
		address, err := s.open(box, place(r.Org, "rep", r.Rep.Rep))
		r.Mailbox, r.MailboxBroken, r.Key, r.Swept, r.LeaseUntil = string(address), failed(err) || box == nil, versionOf(box), moment(swept), moment(until)
		return r, nil
	}
	return query(ctx, s, "examine reps of "+org, scan, `select `+repColumns+`, holder, lease_until from rep
		where org = $1 and ($2 = '' or rep = $2) order by rep`, org, rep)
}

// PolicyDoc is one policy revision, its document opened or not.
type PolicyDoc struct {
	PolicyRow
	Broken bool
}

// PolicyRows returns every revision of an org, oldest first, and the number of the newest as the org's row has it.
func (s *Store) PolicyRows(ctx context.Context, org string) (docs []PolicyDoc, newest int64, err error) {
	scan := func(row pgx.CollectableRow) (PolicyDoc, error) {
		p, err := s.scanPolicy(row)
		if errors.Is(err, keyring.ErrSealed) {
			return PolicyDoc{PolicyRow: p, Broken: true}, nil
		}
		return PolicyDoc{PolicyRow: p}, err
	}
	docs, err = query(ctx, s, "examine policies of "+org, scan, `select `+policyColumns+` from policy where org = $1 order by revision`, org)
	if err != nil {
		return nil, 0, err
	}
	newest, err = queryOne(ctx, s, "examine org "+org, pgx.RowTo[int64], `select revision from org where org = $1`, org)
	return docs, newest, err
}

// CursorRow is a cursor, and what of it does not open.
type CursorRow struct {
	Cursor
	Broken bool
}

// CursorRows returns a rep's cursors.
func (s *Store) CursorRows(ctx context.Context, org, rep string) ([]CursorRow, error) {
	scan := func(row pgx.CollectableRow) (CursorRow, error) {
		c, err := s.scanCursor(row)
		if errors.Is(err, keyring.ErrSealed) {
			c.Token, c.Next, c.Page = nil, nil, nil
			return CursorRow{Cursor: c, Broken: true}, nil
		}
		return CursorRow{Cursor: c}, err
	}
	return query(ctx, s, "examine cursors of "+rep, scan, `select `+cursorColumns+` from cursor where org = $1 and rep = $2 order by kind, side`, org, rep)
}

// FeedLog is the org's log of one kind, and how its rows stand to what its state says of them.
type FeedLog struct {
	FeedState
	Broken           bool  // the token or page does not open
	Rows, Least, Top int64 // how many rows there are, and their first and last number
}

// FeedLogs returns an org's logs.
func (s *Store) FeedLogs(ctx context.Context, org string) ([]FeedLog, error) {
	scan := func(row pgx.CollectableRow) (FeedLog, error) {
		var (
			l           FeedLog
			token, page []byte
		)
		err := row.Scan(&l.Kind, &token, &page, &l.First, &l.Last, &l.At, &l.Rows, &l.Least, &l.Top)
		if err != nil {
			return FeedLog{}, err
		}
		var errs [2]error
		l.Token, errs[0] = s.open(token, feedPlace(org, l.Kind, "token"))
		l.Page, errs[1] = s.open(page, feedPlace(org, l.Kind, "page"))
		l.Broken = failed(errs[:]...) || token == nil
		return l, nil
	}
	return query(ctx, s, "examine feed of "+org, scan, `select s.kind, s.token_sealed, s.page_sealed, s.first, s.last, s.at, f.n, f.least, f.top
		from feed_state s, lateral (
			select count(*) as n, coalesce(min(seq), 0) as least, coalesce(max(seq), 0) as top from feed f where f.org = s.org and f.kind = s.kind) f
		where s.org = $1 order by s.kind`, org)
}

// Logged is what an org's log says of a record.
type Logged struct {
	Ahead   bool // a row stands at or beyond the number that was asked from
	Deleted bool // its newest row is a deletion
}

// FeedTells returns what the log of a kind says of these records, to a rep whose next row is from.
func (s *Store) FeedTells(ctx context.Context, org string, kind record.Kind, from int64, ids []string) (map[string]Logged, error) {
	type row struct {
		ID string
		Logged
	}
	rows, err := query(ctx, s, "look ahead in feed of "+org, pgx.RowToStructByPos[row], `select distinct on (id) id, seq >= $3, deleted from feed
		where org = $1 and kind = $2 and id = any($4) order by id, seq desc`, org, kind, from, ids)
	out := make(map[string]Logged, len(rows))
	for _, r := range rows {
		out[r.ID] = r.Logged
	}
	return out, err
}

// LinkRow is a link and what is known about it elsewhere.
type LinkRow struct {
	Kind    record.Kind
	Link    planner.Link
	Broken  bool // a side's base cannot be decoded
	Staged  bool // one of its items waits to be planned
	Parked  bool // it, or one of its items, is parked
	Told    planner.Sides[bool]
	Claimed bool // its CRM record has a claim
	N       int64
}

// Place is the row's place in the order of LinkRows.
func (l LinkRow) Place() (record.Kind, string) { return l.Kind, l.Link.ID }

// LinkRows returns up to n links of a rep in the order of kind and id, after the given ones.
func (s *Store) LinkRows(ctx context.Context, org, rep string, kind record.Kind, id string, n int) ([]LinkRow, error) {
	var out []LinkRow
	for _, k := range kinds {
		if k < string(kind) || len(out) >= n {
			continue
		}
		after := ""
		if k == string(kind) {
			after = id
		}
		rows, err := s.linkRows(ctx, org, rep, record.Kind(k), after, n-len(out))
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

// linkRows looks up for each link what is told of its items (offset 0 keeps it so): view told is never read whole.
func (s *Store) linkRows(ctx context.Context, org, rep string, kind record.Kind, id string, n int) ([]LinkRow, error) {
	return query(ctx, s, "examine links of "+rep, scanLinkRow, `select $3::text, l.n, l.link_id, l.state, l.generation, l.made, l.norm, l.hash_key,
			l.shared, l.organizes, l.sequence, l.related,
			l.crm_id, l.crm_tag, l.crm_at, l.crm_base, l.crm_edited, l.mailbox_id, l.mailbox_tag, l.mailbox_at, l.mailbox_base, l.mailbox_edited,
			exists (select from staged s where s.coll = l.coll and s.side = 'crm' and s.id = l.crm_id)
				or exists (select from staged s where s.coll = l.coll and s.side = 'mailbox' and s.id = l.mailbox_id)
				or $3 = 'event' and exists (select from staged s where s.coll = l.coll and s.side = 'mailbox'
					and s.id = split_part(l.mailbox_id, '#', 1) || '#'),
			exists (select from parked p where p.org = $1 and p.rep = $2 and p.kind = $3 and p.side = 'crm' and p.id = l.crm_id)
				or exists (select from parked p where p.org = $1 and p.rep = $2 and p.kind = $3 and p.side = 'mailbox' and p.id = l.mailbox_id),
			exists (select from told t where t.coll = l.coll and t.side = 'crm' and t.id = l.crm_id offset 0),
			exists (select from told t where t.coll = l.coll and t.side = 'mailbox' and t.id = l.mailbox_id offset 0),
			l.crm_id <> '' and exists (select from claim c join collection o on o.no = c.coll
				where o.org = $1 and o.kind = $3 and `+heldBy("c")+` = hashtext(l.crm_id) and c.crm_id = l.crm_id)
		from link l where l.coll = `+ofKind+` and l.link_id > $4 order by l.link_id limit $5`,
		org, rep, kind, id, n)
}

func scanLinkRow(row pgx.CollectableRow) (LinkRow, error) {
	var (
		r            LinkRow
		l            = &r.Link
		crm, mailbox []byte
		at, edited   [2]*time.Time
	)
	err := row.Scan(&r.Kind, &r.N, &l.ID, &l.State, &l.Generation, &l.Made, &l.Norm, &l.HashKey, &l.Shared, &l.Organizes, &l.Sequence, &l.Related,
		&l.CRM.ID, &l.CRM.Version.Tag, &at[0], &crm, &edited[0], &l.Mailbox.ID, &l.Mailbox.Version.Tag, &at[1], &mailbox, &edited[1],
		&r.Staged, &r.Parked, &r.Told.CRM, &r.Told.Mailbox, &r.Claimed)
	if err != nil {
		return LinkRow{}, err
	}
	if len(l.Related) == 0 {
		l.Related = nil
	}
	l.CRM.Version.At, l.Mailbox.Version.At = moment(at[0]), moment(at[1])
	l.CRM.Edited, l.Mailbox.Edited = moment(edited[0]), moment(edited[1])
	r.Broken = failed(unpackBases(crm, mailbox, l))
	return r, nil
}

// IntentRow is an intent that is not over, without what is sealed.
type IntentRow struct {
	ID, LinkID string
	Kind       record.Kind
	Side       record.Side
	Item       string
	State      IntentState
	SentAt     time.Time
	Linked     bool // its link is there
}

// OpenIntents returns a rep's intents that are planned, held, sent or unknown.
func (s *Store) OpenIntents(ctx context.Context, org, rep string) ([]IntentRow, error) {
	scan := func(row pgx.CollectableRow) (IntentRow, error) {
		var r IntentRow
		var sent *time.Time
		err := row.Scan(&r.ID, &r.LinkID, &r.Kind, &r.Side, &r.Item, &r.State, &sent, &r.Linked)
		r.SentAt = moment(sent)
		return r, err
	}
	return query(ctx, s, "examine intents of "+rep, scan, `select i.intent_id, i.link_id, c.kind, i.side, i.ref_id, i.state, i.sent_at,
			exists (select from link l where l.coll = i.coll and l.link_id = i.link_id)
		from collection c join intent i on i.coll = c.no where c.org = $1 and c.rep = $2 and i.state in ('planned', 'held', 'sent', 'unknown') order by i.intent_id`, org, rep)
}

// ParkedRow is a parked row without what is sealed.
type ParkedRow struct {
	Kind    record.Kind
	Side    record.Side
	ID      string
	Reason  planner.Reason
	NextTry time.Time
	Linked  bool // it is one of a link's items
}

// ParkedRows returns a rep's parked rows.
func (s *Store) ParkedRows(ctx context.Context, org, rep string) ([]ParkedRow, error) {
	scan := func(row pgx.CollectableRow) (ParkedRow, error) {
		var r ParkedRow
		var next *time.Time
		err := row.Scan(&r.Kind, &r.Side, &r.ID, &r.Reason, &next, &r.Linked)
		r.NextTry = moment(next)
		return r, err
	}
	return query(ctx, s, "examine parked rows of "+rep, scan, `select p.kind, p.side, p.id, p.reason, p.next_try,
			p.side = 'crm' and exists (select from link l where l.coll = c.no and l.crm_id = p.id)
				or p.side = 'mailbox' and exists (select from link l where l.coll = c.no and l.mailbox_id = p.id)
		from parked p left join collection c on c.org = p.org and c.rep = p.rep and c.kind = p.kind where p.org = $1 and p.rep = $2 order by p.kind, p.side, p.id`, org, rep)
}

// VerdictRow names a verdict that says nothing.
type VerdictRow struct {
	Kind record.Kind
	Side record.Side
	ID   string
}

// MuteVerdicts returns up to n verdicts of a rep whose reason is none of the known ones.
func (s *Store) MuteVerdicts(ctx context.Context, org, rep string, known []planner.Reason, n int) ([]VerdictRow, error) {
	return query(ctx, s, "examine verdicts of "+rep, pgx.RowToStructByPos[VerdictRow], `select kind, t.side, t.id from collection c join told t on t.coll = c.no
		where org = $1 and rep = $2 and t.reason <> all($3) order by kind, t.side, t.id limit $4`, org, rep,
		col(known, func(r planner.Reason) string { return string(r) }), n)
}

// ClaimRow is a claim and what stands behind it.
type ClaimRow struct {
	Kind        record.Kind
	Key         []byte
	Rep, LinkID string
	CRMID       string
	Until       time.Time // of one without a record
	Linked      bool      // the link that made it is there
	Led         bool      // some rep's link leads to its record, in whatever state
	Live        bool      // one that is in force does
	Named       bool      // the rep's verdict on the record names the claim's link
}

// ClaimRows returns up to n claims of an org, or of the rep that is named, in the order of keys, after the given one.
func (s *Store) ClaimRows(ctx context.Context, org, rep string, key []byte, n int) ([]ClaimRow, error) {
	return query(ctx, s, "examine claims of "+org, pgx.RowToStructByPos[ClaimRow], `select o.kind, c.key, o.rep, c.link_id, c.crm_id, coalesce(c.until, to_timestamp(0)),
			exists (select from link l where l.coll = o.no and l.link_id = c.link_id),
			c.crm_id <> '' and exists (select from link l join collection lo on lo.no = l.coll
				where lo.org = $1 and lo.kind = o.kind and l.crm_id = c.crm_id),
			c.crm_id <> '' and exists (select from link l join collection lo on lo.no = l.coll
				where lo.org = $1 and lo.kind = o.kind and l.crm_id = c.crm_id and l.state = 'active'),
			c.crm_id <> '' and exists (select from told t where t.coll = o.no and t.side = 'crm' and t.id = c.crm_id and t.link_id = c.link_id offset 0)
		from claim c join collection o on o.no = c.coll where o.org = $1 and ($2 = '' or o.rep = $2) and c.key > $3::uuid order by c.key limit $4`,
		org, rep, key, n)
}

// LongLeases returns the CRM records whose lease lasts beyond a time, by kind.
func (s *Store) LongLeases(ctx context.Context, org string, until time.Time) (map[record.Kind][]string, error) {
	type lease struct {
		Kind record.Kind
		ID   string
	}
	rows, err := query(ctx, s, "examine leases of "+org, pgx.RowToStructByPos[lease], `select kind, crm_id from record_lease
		where org = $1 and until > $2 order by kind, crm_id`, org, until)
	out := map[record.Kind][]string{}
	for _, r := range rows {
		out[r.Kind] = append(out[r.Kind], r.ID)
	}
	return out, err
}

// Orphan counts the rows of a table that belong to a rep who is not there.
type Orphan struct {
	Rep, Table string
	Rows       int64
}

// perRep are the tables whose rows nobody needs once their rep is not there. Its links and tombstones, what was sent for
// it, its claims, its journal and its keys are no such rows: a rep who is added again goes on from them.
var perRep = []string{"staged", "parked", "rank", "mailbox_key", "cursor", "plan"}

// numbered are those of them that name what a rep has by number.
var numbered = map[string]bool{"staged": true, "rank": true, "mailbox_key": true}

// Orphans lists what is left of reps that are not there.
func (s *Store) Orphans(ctx context.Context, org string) ([]Orphan, error) {
	var out []Orphan
	for _, table := range perRep {
		from := table + ` t`
		if numbered[table] {
			from = table + ` join collection t on t.no = coll`
		}
		rows, err := query(ctx, s, "look for orphans of "+org, pgx.RowToStructByPos[Orphan], `select t.rep, '`+table+`', count(*) from `+from+`
			where t.org = $1 and not exists (select from rep r where r.org = $1 and r.rep = t.rep) group by t.rep order by t.rep`, org)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}
