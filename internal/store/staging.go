package store

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// Stage stores observations, and saves the cursor in the same transaction unless its Kind is "".
//
// A row whose Version.At is older than the staged one's does not replace it. A row that is Present with the very tag of
// its active link's base is no news and is not stored, unless it is Always or an earlier observation of it is staged; in
// a full read (Cursor.Full) it is noted as seen, which AbsentLinks needs. For mailbox items the match keys are kept as
// well; those of an item that could not be decoded or is partial are left as they were. Error: ErrLeaseLost.
func (s *Store) Stage(ctx context.Context, org, rep string, epoch int64, rows []Staged, cursor Cursor) error {
	defer s.wrote(ctx, len(rows))
	return s.fenced(ctx, "stage for "+rep, org, rep, epoch, shared, func(tx pgx.Tx) error {
		var b pgx.Batch
		for kind, rows := range byKind(rows, func(r Staged) record.Kind { return r.Kind }) {
			if err := s.queueStaged(&b, org, rep, kind, rows, cursor.Full); err != nil {
				return err
			}
		}
		if cursor.Kind != "" {
			s.queueCursor(&b, org, rep, cursor)
		}
		return send(ctx, tx, &b)
	})
}

// byKind splits a batch; nearly always it has one kind.
func byKind[T any](rows []T, kind func(T) record.Kind) map[record.Kind][]T {
	out := map[record.Kind][]T{}
	for _, r := range rows {
		out[kind(r)] = append(out[kind(r)], r)
	}
	return out
}

// newest keeps one row per item, the one that wins by the rule of Stage when the rows come one after the other.
func newest(rows []Staged) []Staged {
	best := map[string]Staged{}
	for _, r := range rows {
		old, twice := best[r.Place()]
		at, before := r.Obs.Item.Version.At, old.Obs.Item.Version.At
		if twice && !at.IsZero() && !before.IsZero() && at.Before(before) {
			continue
		}
		best[r.Place()] = r
	}
	out := make([]Staged, 0, len(best))
	for _, r := range best {
		out = append(out, r)
	}
	return lastOf(out, Staged.Place)
}

func (s *Store) queueStaged(b *pgx.Batch, org, rep string, kind record.Kind, rows []Staged, full bool) error {
	rows = newest(rows)
	boxes, err := sealAll(rows, func(r Staged) ([]byte, error) {
		plain, err := packObservation(r.Obs)
		if err != nil {
			return nil, err
		}
		return s.ring.Seal(plain, stagedPlace(org, rep, kind, r.Side, r.ID)), nil
	})
	if err != nil {
		return err
	}
	b.Queue(stageSQL, org, rep, kind,
		col(rows, func(r Staged) string { return string(r.Side) }),
		col(rows, func(r Staged) string { return r.ID }),
		col(rows, func(r Staged) int64 { return r.Pass }),
		col(rows, func(r Staged) int64 { return r.ReadNo }),
		col(rows, func(r Staged) string { return string(r.Obs.Presence) }),
		col(rows, func(r Staged) string { return r.Obs.Item.Version.Tag }),
		col(rows, func(r Staged) *time.Time { return stamp(r.Obs.Item.Version.At) }),
		col(rows, func(r Staged) bool { return r.Obs.In }),
		col(rows, func(r Staged) string { return string(r.Obs.Why) }),
		col(rows, func(r Staged) bool { return r.Judged }),
		col(rows, func(r Staged) bool { return r.Always }),
		col(rows, func(r Staged) bool { return r.Obs.Unread != "" || r.Obs.Item.Partial }),
		boxes,
		col(rows, func(r Staged) string { return shorts(r.Keys).text() }),
		col(rows, func(r Staged) *int64 { return seriesKey(r.Series) }))
	if full {
		for _, side := range []record.Side{record.CRM, record.Mailbox} {
			queueSeen(b, org, rep, kind, side, rows)
		}
	}
	return nil
}

// stageSQL upserts observations and, for those that it stored, replaces the match keys.
var stageSQL = `
with input as (
	select * from unnest($4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::timestamptz[],
		$11::boolean[], $12::text[], $13::boolean[], $14::boolean[], $15::boolean[], $16::bytea[],
		$17::text[], $18::bigint[])
	as i(side, id, pass, read_no, presence, tag, at, admitted, why, judged, always, keep_keys, box, keys, series)
), stored as (
	insert into staged as s (coll, side, id, pass, read_no, presence, tag, at, admitted, why, judged, obs_sealed)
	select ` + ofKind + `, side, id, pass, read_no, presence, tag, at, admitted, why, judged, box
	from input i
	where always or presence <> 'present' or tag = ''
		or exists (select from staged o where o.coll = ` + ofKind + ` and o.side = i.side and o.id = i.id)
		or not exists (
			select from link l where i.side = 'crm' and l.coll = ` + ofKind + ` and l.crm_id = i.id
				and l.crm_id <> '' and l.state = 'active' and l.crm_tag = i.tag
			union all
			select from link l where i.side = 'mailbox' and l.coll = ` + ofKind + ` and l.mailbox_id = i.id
				and l.mailbox_id <> '' and l.state = 'active' and l.mailbox_tag = i.tag)
	on conflict (coll, side, id) do update set
		pass = excluded.pass, read_no = greatest(s.read_no, excluded.read_no), presence = excluded.presence, tag = excluded.tag,
		at = excluded.at, admitted = excluded.admitted, why = excluded.why, judged = excluded.judged,
		obs_sealed = excluded.obs_sealed
	where coalesce(excluded.at >= s.at, true)
	returning s.side, s.id
), fresh as (
	select i.id, i.presence = 'present' as there, ` + keysOf("i") + ` as keys
	from input i join stored t on t.side = i.side and t.id = i.id where i.side = 'mailbox' and not i.keep_keys
), dropped as (
	delete from mailbox_key m using fresh f where ` + sameItem("f") + ` and not f.there
), ` + putKeys("select id, keys from fresh where there")

// queueSeen notes on the links which items a full read showed.
func queueSeen(b *pgx.Batch, org, rep string, kind record.Kind, side record.Side, rows []Staged) {
	var ids []string
	var reads []int64
	for _, r := range rows {
		if r.Side == side && r.Obs.Presence == planner.Present {
			ids, reads = append(ids, r.ID), append(reads, r.ReadNo)
		}
	}
	if len(ids) == 0 {
		return
	}
	c := sideColumns(side)
	b.Queue(`update link l set `+c.seen+` = i.read_no from unnest($4::text[], $5::bigint[]) as i(id, read_no)
		where l.coll = `+ofKind+` and l.`+c.id+` = i.id and l.`+c.seen+` < i.read_no`,
		org, rep, kind, ids, reads)
}

func stagedPlace(org, rep string, kind record.Kind, side record.Side, id string) string {
	return place(org, "staged", rep, string(kind), itemOf(side, id))
}

const stagedColumns = `side, id, pass, read_no, admitted, why, judged, obs_sealed`

func (s *Store) scanStagedOf(org, rep string, kind record.Kind) func(pgx.CollectableRow) (Staged, error) {
	return func(row pgx.CollectableRow) (Staged, error) {
		r := Staged{Kind: kind}
		var box []byte
		var in bool
		var why planner.Reason
		if err := row.Scan(&r.Side, &r.ID, &r.Pass, &r.ReadNo, &in, &why, &r.Judged, &box); err != nil {
			return Staged{}, err
		}
		plain, err := s.open(box, stagedPlace(org, rep, r.Kind, r.Side, r.ID))
		if err == nil {
			err = unpackObservation(plain, &r.Obs)
		}
		r.Obs.In, r.Obs.Why = in, why // Judge wrote these without opening the box
		return r, err
	}
}

// stagedPage is after how many bytes of sealed observations a page ends, whatever its number of rows: one contact may take 2 MiB.
const stagedPage = 16 << 20

// StagedPage returns up to n staged rows of a kind, fewer where they are large and at least one where there is any, in the order
// of side and id, after the given Staged.Place.
func (s *Store) StagedPage(ctx context.Context, org, rep string, kind record.Kind, after string, n int, filter StagedFilter) ([]Staged, error) {
	side, id, _ := strings.Cut(after, "/")
	return query(ctx, s, "page staged of "+rep, s.scanStagedOf(org, rep, kind), `select `+stagedColumns+` from (
		select *, sum(octet_length(obs_sealed)) over (order by side, id rows unbounded preceding) - octet_length(obs_sealed) as before
		from staged
		where coll = `+ofKind+` and (side, id) > ($4, $5)
			and ($6 = '' or side = $6) and ($7::boolean is null or judged = $7)
			and ($8::bigint = 0 or read_no < $8 and presence = 'present')
		order by side, id limit $9) page
		where before < $10 order by side, id`, org, rep, kind, side, id, filter.Side, filter.Judged, filter.Before, n, stagedPage)
}

// StagedByID returns the staged rows of these ids, by id.
func (s *Store) StagedByID(ctx context.Context, org, rep string, kind record.Kind, side record.Side, ids []string) (map[string]Staged, error) {
	rows, err := query(ctx, s, "get staged of "+rep, s.scanStagedOf(org, rep, kind), `select `+stagedColumns+` from staged
		where coll = `+ofKind+` and side = $4 and id = any($5)`, org, rep, kind, side, ids)
	return keyed(rows, func(r Staged) string { return r.ID }), err
}

// keyed makes a map of rows.
func keyed[T any](rows []T, key func(T) string) map[string]T {
	out := make(map[string]T, len(rows))
	for _, r := range rows {
		out[key(r)] = r
	}
	return out
}

// Judge stores what Filter decided. Rows that are not staged are passed over. Error: ErrLeaseLost.
func (s *Store) Judge(ctx context.Context, org, rep string, epoch int64, kind record.Kind, judgements []Judgement) error {
	rows := lastOf(judgements, func(j Judgement) string { return itemOf(j.Side, j.ID) })
	return s.exec(ctx, "judge for "+rep, org, rep, epoch, `update staged s set admitted = i.admitted, why = i.why, judged = true
		from unnest($4::text[], $5::text[], $6::boolean[], $7::text[]) as i(side, id, admitted, why)
		where s.coll = `+ofKind+` and s.side = i.side and s.id = i.id`, org, rep, kind,
		col(rows, func(j Judgement) string { return string(j.Side) }), col(rows, func(j Judgement) string { return j.ID }),
		col(rows, func(j Judgement) bool { return j.In }), col(rows, func(j Judgement) string { return string(j.Why) }))
}

// Unstage removes staged rows. Error: ErrLeaseLost.
func (s *Store) Unstage(ctx context.Context, org, rep string, epoch int64, kind record.Kind, items []SideID) error {
	return s.fenced(ctx, "unstage for "+rep, org, rep, epoch, shared, func(tx pgx.Tx) error {
		var b pgx.Batch
		queueUnstage(&b, org, rep, kind, items)
		return send(ctx, tx, &b)
	})
}

func queueUnstage(b *pgx.Batch, org, rep string, kind record.Kind, items []SideID) {
	if len(items) == 0 {
		return
	}
	b.Queue(`delete from staged s using unnest($4::text[], $5::text[]) as i(side, id)
		where s.coll = `+ofKind+` and s.side = i.side and s.id = i.id`, org, rep, kind,
		col(items, func(i SideID) string { return string(i.Side) }), col(items, func(i SideID) string { return i.ID }))
}

// queueUnstageAs removes staged rows that show what they showed when they were planned.
func queueUnstageAs(b *pgx.Batch, org, rep string, kind record.Kind, items []StagedAs) {
	if len(items) == 0 {
		return
	}
	b.Queue(`delete from staged s using unnest($4::text[], $5::text[], $6::text[], $7::timestamptz[]) as i(side, id, tag, at)
		where s.coll = `+ofKind+` and s.side = i.side and s.id = i.id and (s.tag = i.tag or s.at < i.at)`, org, rep, kind,
		col(items, func(i StagedAs) string { return string(i.Side) }), col(items, func(i StagedAs) string { return i.ID }),
		col(items, func(i StagedAs) string { return i.Tag }), col(items, func(i StagedAs) *time.Time { return stamp(i.At) }))
}

// Absent is an item that a full read did not show, and the link that tells of it.
type Absent struct{ LinkID, ID string }

// AbsentLinks returns, in the order of links, up to n items after the given link's: the items on a side whose link is active or a
// tombstone and that full read readNo did not show. Their absence is suspicion; Get decides.
func (s *Store) AbsentLinks(ctx context.Context, org, rep string, kind record.Kind, side record.Side, readNo int64, after string, n int) ([]Absent, error) {
	c := sideColumns(side)
	return query(ctx, s, "list absent links of "+rep, pgx.RowToStructByPos[Absent], `select l.link_id, l.`+c.id+` from link l
		where l.coll = `+ofKind+` and l.state in ('active', 'tombstone')
			and l.`+c.id+` <> '' and l.link_id > $6 and l.`+c.seen+` < $5
			and not exists (select from staged s where s.coll = `+ofKind+` and s.side = $4
				and s.id = l.`+c.id+` and s.read_no >= $5)
		order by l.link_id limit $7`, org, rep, kind, side, readNo, after, n)
}

// Forget takes away what is noted under ids that no item has any more: staged rows, match keys, parked rows and verdicts.
func (s *Store) Forget(ctx context.Context, org, rep string, epoch int64, kind record.Kind, side record.Side, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	return s.fenced(ctx, "forget ids of "+rep, org, rep, epoch, shared, func(tx pgx.Tx) error {
		var b pgx.Batch
		for _, table := range []string{"staged", "verdict"} {
			b.Queue(`delete from `+table+` where coll = `+ofKind+` and side = $4 and id = any($5)`, org, rep, kind, side, ids)
		}
		b.Queue(`delete from parked where org = $1 and rep = $2 and kind = $3 and side = $4 and id = any($5)`, org, rep, kind, side, ids)
		if side == record.Mailbox {
			b.Queue(`delete from mailbox_key m using unnest($4::text[]) as i(id) where `+sameItem("i"), org, rep, kind, ids)
		}
		return send(ctx, tx, &b)
	})
}
