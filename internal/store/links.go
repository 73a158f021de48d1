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

// columns names a side's columns of table link.
type columns struct{ id, tag, seen string }

func sideColumns(side record.Side) columns {
	if side == record.CRM {
		return columns{"crm_id", "crm_tag", "crm_seen"}
	}
	return columns{"mailbox_id", "mailbox_tag", "mailbox_seen"}
}

const linkColumns = `'', ` + linkRest // without the name of the rep, whom the caller knows

const linkRest = `link_id, state, generation, made, shared, organizes, sequence, related, pinned, norm, hash_key,
	crm_id, crm_tag, crm_at, crm_base, crm_edited, mailbox_id, mailbox_tag, mailbox_at, mailbox_base, mailbox_edited`

func scanLink(row pgx.CollectableRow) (RepLink, error) {
	var (
		r            RepLink
		l            = &r.Link
		crm, mailbox []byte
		at, edited   [2]*time.Time
	)
	err := row.Scan(&r.Rep, &l.ID, &l.State, &l.Generation, &l.Made, &l.Shared, &l.Organizes, &l.Sequence, &l.Related, &l.Pinned, &l.Norm, &l.HashKey,
		&l.CRM.ID, &l.CRM.Version.Tag, &at[0], &crm, &edited[0], &l.Mailbox.ID, &l.Mailbox.Version.Tag, &at[1], &mailbox, &edited[1])
	if err != nil {
		return RepLink{}, err
	}
	if len(l.Related) == 0 {
		l.Related = nil
	}
	l.CRM.Version.At, l.Mailbox.Version.At = moment(at[0]), moment(at[1])
	l.CRM.Edited, l.Mailbox.Edited = moment(edited[0]), moment(edited[1])
	return r, unpackBases(crm, mailbox, l)
}

// LinksBySide returns the links of these items on a side, by item id. Of several for one item, the one that is not left
// counts, else the one of the highest generation.
func (s *Store) LinksBySide(ctx context.Context, org, rep string, kind record.Kind, side record.Side, ids []string) (map[string]planner.Link, error) {
	c := sideColumns(side)
	rows, err := query(ctx, s, "find links of "+rep, scanLink, `select distinct on (`+c.id+`) `+linkColumns+` from link
		where coll = `+ofKind+` and `+c.id+` = any($4) and `+c.id+` <> ''
		order by `+c.id+`, state = 'left', generation desc, link_id`, org, rep, kind, ids)
	out := make(map[string]planner.Link, len(rows))
	for _, r := range rows {
		if side == record.CRM {
			out[r.Link.CRM.ID] = r.Link
		} else {
			out[r.Link.Mailbox.ID] = r.Link
		}
	}
	return out, err
}

// LinksByID returns links by their own ids.
func (s *Store) LinksByID(ctx context.Context, org, rep string, kind record.Kind, ids []string) (map[string]planner.Link, error) {
	rows, err := query(ctx, s, "get links of "+rep, scanLink, `select `+linkColumns+` from link
		where coll = `+ofKind+` and link_id = any($4)`, org, rep, kind, ids)
	out := make(map[string]planner.Link, len(rows))
	for _, r := range rows {
		out[r.Link.ID] = r.Link
	}
	return out, err
}

// LinksOfRecord returns every rep's link to one CRM record, by rep.
func (s *Store) LinksOfRecord(ctx context.Context, org string, kind record.Kind, crmID string) ([]RepLink, error) {
	return query(ctx, s, "list links of a record", scanLink, `select c.rep, `+linkRest+` from link join collection c on c.no = coll
		where c.org = $1 and c.kind = $2 and crm_id = $3 and crm_id <> '' order by c.rep, link_id`, org, kind, crmID)
}

// Linked returns which of these CRM ids the rep has a link to that is not left.
func (s *Store) Linked(ctx context.Context, org, rep string, kind record.Kind, crmIDs []string) (map[string]bool, error) {
	ids, err := query(ctx, s, "find linked records of "+rep, pgx.RowTo[string], `select crm_id from link
		where coll = `+ofKind+` and crm_id = any($4) and crm_id <> '' and state <> 'left'`,
		org, rep, kind, crmIDs)
	out := make(map[string]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out, err
}

// CountLinks counts a rep's links of a kind in a state, "" in any.
func (s *Store) CountLinks(ctx context.Context, org, rep string, kind record.Kind, state planner.LinkState) (int, error) {
	return queryOne(ctx, s, "count links of "+rep, pgx.RowTo[int], `select count(*) from link
		where coll = `+ofKind+` and ($4 = '' or state = $4)`, org, rep, kind, state)
}

// PutLinks stores links by their ids. Errors: ErrLeaseLost; ErrConflict when another link of the rep that is not left has
// one of the items.
func (s *Store) PutLinks(ctx context.Context, org, rep string, epoch int64, kind record.Kind, links []planner.Link) error {
	return s.fenced(ctx, "put links of "+rep, org, rep, epoch, shared, func(tx pgx.Tx) error {
		var b pgx.Batch
		if err := s.queueLinks(&b, org, rep, kind, links, nil); err != nil {
			return err
		}
		return send(ctx, tx, &b)
	})
}

// DropLinks removes links. Error: ErrLeaseLost.
func (s *Store) DropLinks(ctx context.Context, org, rep string, epoch int64, kind record.Kind, ids []string) error {
	return s.fenced(ctx, "drop links of "+rep, org, rep, epoch, shared, func(tx pgx.Tx) error {
		var b pgx.Batch
		queueDropLinks(&b, org, rep, kind, ids)
		return send(ctx, tx, &b)
	})
}

func queueDropLinks(b *pgx.Batch, org, rep string, kind record.Kind, ids []string) {
	if len(ids) > 0 {
		b.Queue(`delete from link where coll = `+ofKind+` and link_id = any($4)`, org, rep, kind, ids)
	}
}

var errNoKind = errors.New("a batch with links needs its kind and every link its id")

// queueLinks upserts links; one that is as it was stored is not written. Those that are left come first: they give up the items that another link of the same batch
// may take over. A side whose tag is new was seen just now, which counts for the full read under way: its absence there
// needs no Get. What is told of both items of a link goes with it, and out of told: the row is written once.
func (s *Store) queueLinks(b *pgx.Batch, org, rep string, kind record.Kind, links []planner.Link, told map[string]joint) error {
	if len(links) == 0 {
		return nil
	}
	rows := lastOf(links, func(l planner.Link) string {
		if l.State == planner.Left {
			return "0" + l.ID
		}
		return "1" + l.ID
	})
	for _, l := range rows {
		if kind == "" || l.ID == "" {
			return errNoKind
		}
	}
	verdicts := make(map[string]Verdict, len(told))
	for _, l := range rows {
		at := place(string(kind), l.ID)
		if j := told[at]; j.crm == l.CRM.ID && j.mailbox == l.Mailbox.ID {
			verdicts[l.ID] = j.Verdict
			delete(told, at)
		}
	}
	of := func(l planner.Link) Verdict { return verdicts[l.ID] }
	b.Queue(linkSQL, org, rep, kind,
		col(rows, func(l planner.Link) string { return l.ID }),
		col(rows, func(l planner.Link) string { return string(l.State) }),
		col(rows, func(l planner.Link) int32 { return int32(l.Generation) }),
		col(rows, func(l planner.Link) string { return string(l.Made) }),
		col(rows, func(l planner.Link) bool { return l.Shared }),
		col(rows, func(l planner.Link) int16 { return int16(l.Norm) }),
		col(rows, func(l planner.Link) int16 { return int16(l.HashKey) }),
		col(rows, func(l planner.Link) string { return l.CRM.ID }),
		col(rows, func(l planner.Link) string { return l.CRM.Version.Tag }),
		col(rows, func(l planner.Link) *time.Time { return stamp(l.CRM.Version.At) }),
		col(rows, func(l planner.Link) []byte { return pack(l.CRM.Shown, l.CRM.Sent, nil) }),
		col(rows, func(l planner.Link) string { return l.Mailbox.ID }),
		col(rows, func(l planner.Link) string { return l.Mailbox.Version.Tag }),
		col(rows, func(l planner.Link) *time.Time { return stamp(l.Mailbox.Version.At) }),
		col(rows, func(l planner.Link) []byte { return pack(l.Mailbox.Shown, l.Mailbox.Sent, l.CRM.Shown) }),
		col(rows, func(l planner.Link) *time.Time { return stamp(l.CRM.Edited) }),
		col(rows, func(l planner.Link) *time.Time { return stamp(l.Mailbox.Edited) }),
		col(rows, func(l planner.Link) bool { return l.Organizes }),
		col(rows, func(l planner.Link) int32 { return int32(l.Sequence) }),
		col(rows, func(l planner.Link) string { return strings.Join(l.Related, " ") }),
		col(rows, func(l planner.Link) string { return string(l.Pinned) }),
		col(rows, func(l planner.Link) int64 { return of(l).Pass }),
		col(rows, func(l planner.Link) int64 { return of(l).Revision }),
		col(rows, func(l planner.Link) *time.Time { return stamp(of(l).At) }),
		col(rows, func(l planner.Link) string { return string(of(l).Reason) }),
		col(rows, func(l planner.Link) string { return of(l).Field }),
		col(rows, func(l planner.Link) string { return of(l).Rule }),
		col(rows, func(l planner.Link) string { return of(l).Code }),
		s.clock())
	return nil
}

var linkSQL = `
with reads as (
	select coalesce(max(read_no) filter (where side = 'crm'), 0) as crm,
		coalesce(max(read_no) filter (where side = 'mailbox'), 0) as mailbox
	from cursor where org = $1 and rep = $2 and kind = $3
)
insert into link as l (coll, link_id, state, generation, made, shared, organizes, sequence, related, pinned, norm, hash_key,
	crm_id, crm_tag, crm_at, crm_base, crm_edited, crm_seen,
	mailbox_id, mailbox_tag, mailbox_at, mailbox_base, mailbox_edited, mailbox_seen,
	pass, revision, at, reason, field, rule, code)
select ` + ofKind + `, i.link_id, i.state, i.generation, i.made, i.shared, i.organizes, i.sequence,
	string_to_array(nullif(i.related, ''), ' '), i.pinned, i.norm, i.hash_key,
	i.crm_id, i.crm_tag, i.crm_at, i.crm_base, i.crm_edited, reads.crm,
	i.mailbox_id, i.mailbox_tag, i.mailbox_at, i.mailbox_base, i.mailbox_edited, reads.mailbox,
	i.pass, i.revision, case when i.reason <> '' then coalesce(i.at, $32::timestamptz, clock_timestamp()) end, i.reason, i.field, i.rule, i.code
from unnest($4::text[], $5::text[], $6::integer[], $7::text[], $8::boolean[], $9::smallint[], $10::smallint[],
	$11::text[], $12::text[], $13::timestamptz[], $14::bytea[], $15::text[], $16::text[], $17::timestamptz[], $18::bytea[],
	$19::timestamptz[], $20::timestamptz[], $21::boolean[], $22::integer[], $23::text[], $24::text[],
	$25::bigint[], $26::bigint[], $27::timestamptz[], $28::text[], $29::text[], $30::text[], $31::text[])
	with ordinality as i(link_id, state, generation, made, shared, norm, hash_key,
		crm_id, crm_tag, crm_at, crm_base, mailbox_id, mailbox_tag, mailbox_at, mailbox_base, crm_edited, mailbox_edited, organizes, sequence, related, pinned,
		pass, revision, at, reason, field, rule, code, n), reads
order by i.n
on conflict (coll, link_id) do update set state = excluded.state, generation = excluded.generation,
	made = excluded.made, shared = excluded.shared, organizes = excluded.organizes, sequence = excluded.sequence,
	related = excluded.related, pinned = excluded.pinned, norm = excluded.norm, hash_key = excluded.hash_key,
	crm_id = excluded.crm_id, crm_tag = excluded.crm_tag, crm_at = excluded.crm_at, crm_base = excluded.crm_base,
	mailbox_id = excluded.mailbox_id, mailbox_tag = excluded.mailbox_tag, mailbox_at = excluded.mailbox_at,
	mailbox_base = excluded.mailbox_base, crm_edited = excluded.crm_edited, mailbox_edited = excluded.mailbox_edited,
	crm_seen = case when (l.crm_id, l.crm_tag) <> (excluded.crm_id, excluded.crm_tag)
		then greatest(l.crm_seen, excluded.crm_seen) else l.crm_seen end,
	mailbox_seen = case when (l.mailbox_id, l.mailbox_tag) <> (excluded.mailbox_id, excluded.mailbox_tag)
		then greatest(l.mailbox_seen, excluded.mailbox_seen) else l.mailbox_seen end,
	` + strings.Join(toldAnew, ",\n\t") + `
where ` + tellsAnew + ` or (l.state, l.generation, l.made, l.shared, l.organizes, l.sequence, l.related, l.pinned, l.norm, l.hash_key, l.crm_id, l.crm_tag, l.crm_at, l.crm_base, l.crm_edited,
		l.mailbox_id, l.mailbox_tag, l.mailbox_at, l.mailbox_base, l.mailbox_edited)
	is distinct from (excluded.state, excluded.generation, excluded.made, excluded.shared, excluded.organizes, excluded.sequence,
		excluded.related, excluded.pinned, excluded.norm, excluded.hash_key,
		excluded.crm_id, excluded.crm_tag, excluded.crm_at, excluded.crm_base, excluded.crm_edited,
		excluded.mailbox_id, excluded.mailbox_tag, excluded.mailbox_at, excluded.mailbox_base, excluded.mailbox_edited)`
