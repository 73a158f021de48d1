package store

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// ofSeries are the links to events and to their occurrences: in the order of ids they stand behind each other. Each series is
// looked up by itself (offset 0 keeps it so), and not each of a rep's links compared with each series.
const ofSeries = ` from unnest($3::text[]) as series(id), lateral (select * from link
	where coll = (select no from collection where org = $1 and rep = $2 and kind = 'event') and mailbox_id <> ''
		and mailbox_id >= series.id and mailbox_id < series.id || '$' and split_part(mailbox_id, '#', 1) = series.id offset 0) link
	where true`

// LinksOfSeries returns a rep's links, those that are left apart, to these mailbox events and to every occurrence of them,
// by the id of the event or master (connector.Ref without its occurrence).
func (s *Store) LinksOfSeries(ctx context.Context, org, rep string, ids []string) (map[string][]planner.Link, error) {
	rows, err := query(ctx, s, "find links of series of "+rep, scanLink, `select `+linkColumns+ofSeries+` and state <> 'left' order by mailbox_id, link_id`, org, rep, ids)
	out := map[string][]planner.Link{}
	for _, r := range rows {
		id := seriesOf(r.Link.Mailbox.ID)
		out[id] = append(out[id], r.Link)
	}
	return out, err
}

// LeftOfSeries returns a rep's links that are left to these mailbox events and to every occurrence of them, by the id of the
// event or master.
func (s *Store) LeftOfSeries(ctx context.Context, org, rep string, ids []string) (map[string][]planner.Link, error) {
	rows, err := query(ctx, s, "find left links of series of "+rep, scanLink, `select `+linkColumns+ofSeries+` and state = 'left' order by mailbox_id, link_id`, org, rep, ids)
	out := map[string][]planner.Link{}
	for _, r := range rows {
		id := seriesOf(r.Link.Mailbox.ID)
		out[id] = append(out[id], r.Link)
	}
	return out, err
}

// PutRenamed stores links to mailbox events, some of which have other ids now, and takes the parked rows and verdicts of those
// that they had: they are planned and told of under the new ones. Errors: as PutLinks.
func (s *Store) PutRenamed(ctx context.Context, org, rep string, epoch int64, links []planner.Link, ids []string) error {
	return s.fenced(ctx, "put renamed links of "+rep, org, rep, epoch, shared, func(tx pgx.Tx) error {
		var b pgx.Batch
		if err := s.queueLinks(&b, org, rep, record.Event, links, nil); err != nil {
			return err
		}
		b.Queue(`delete from parked where org = $1 and rep = $2 and kind = 'event' and side = 'mailbox' and id = any($3)`, org, rep, ids)
		b.Queue(`delete from verdict where coll = (select no from collection where org = $1 and rep = $2 and kind = 'event')
			and side = 'mailbox' and id = any($3)`, org, rep, ids)
		return send(ctx, tx, &b)
	})
}

// StagedOfSeries returns the staged mailbox rows of these events and of every occurrence of them, by the id of the event or
// master.
func (s *Store) StagedOfSeries(ctx context.Context, org, rep string, ids []string) (map[string][]Staged, error) {
	rows, err := query(ctx, s, "find staged series of "+rep, s.scanStagedOf(org, rep, record.Event), `select `+stagedColumns+` from staged
		where coll = (select no from collection where org = $1 and rep = $2 and kind = 'event') and side = 'mailbox' and split_part(id, '#', 1) = any($3)
		order by id`, org, rep, ids)
	out := map[string][]Staged{}
	for _, r := range rows {
		id := seriesOf(r.ID)
		out[id] = append(out[id], r)
	}
	return out, err
}

// NoteSeen notes that a full read showed the items of these links, or what they are occurrences of.
func (s *Store) NoteSeen(ctx context.Context, org, rep string, epoch int64, kind record.Kind, side record.Side, linkIDs []string, readNo int64) error {
	seen := sideColumns(side).seen
	return s.exec(ctx, "note seen for "+rep, org, rep, epoch, `update link set `+seen+` = $5
		where coll = `+ofKind+` and link_id = any($4) and `+seen+` < $5`, org, rep, kind, linkIDs, readNo)
}

// Parties returns, by CRM record, the links of all reps whose events flow to the CRM (Rep.Speaks) to the record of a meeting,
// also those that are left, the oldest first.
func (s *Store) Parties(ctx context.Context, org string, crmIDs []string) (map[string][]RepLink, error) {
	rows, err := query(ctx, s, "find parties to meetings", scanLink, `select c.rep, `+linkRest+` from link join collection c on c.no = coll
		where c.org = $1 and c.kind = 'event' and crm_id = any($2) and crm_id <> '' and mailbox_id <> ''
			and exists (select from rep r where r.org = c.org and r.rep = c.rep and r.active and r.speaks)
		order by crm_id, n`, org, crmIDs)
	out := map[string][]RepLink{}
	for _, r := range rows {
		out[r.Link.CRM.ID] = append(out[r.Link.CRM.ID], r)
	}
	return out, err
}

// Organizers returns the active reps of these mailbox addresses, by address as given: those whose events flow to the CRM
// (Rep.Speaks), and those who have just been added.
func (s *Store) Organizers(ctx context.Context, org string, addresses []string) (map[string]Organizer, error) {
	keys, byKey := [][]byte{}, map[string]string{}
	for _, a := range addresses {
		if _, key := s.mailbox(Rep{Org: org, Mailbox: a}); key != nil {
			keys, byKey[string(key)] = append(keys, key), a
		}
	}
	type found struct {
		Organizer
		Key []byte
	}
	rows, err := query(ctx, s, "find reps by mailbox", pgx.RowToStructByPos[found], `select rep, speaks is null, mailbox_key from rep
		where org = $1 and active and speaks is not false and mailbox_key = any($2)`, org, keys)
	out := map[string]Organizer{}
	for _, r := range rows {
		out[byKey[string(r.Key)]] = r.Organizer
	}
	return out, err
}

// SetSpeaks notes whether a rep's copies may speak for meetings (Rep.Speaks). When they no longer may, copies of other reps
// that wait for one of them to get a record are tried again at once. Error: ErrNotFound.
func (s *Store) SetSpeaks(ctx context.Context, org, rep string, speaks bool) error {
	return s.tx(ctx, "note whether "+rep+" speaks", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update rep set speaks = $3 where org = $1 and rep = $2`, org, rep, speaks)
		if err == nil && tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		if err != nil || speaks {
			return err
		}
		_, err = tx.Exec(ctx, `update parked set next_try = `+now+`
			where org = $2 and kind = 'event' and side = 'mailbox' and reason = 'organizer_speaks' and rep <> $3`, s.clock(), org, rep)
		return err
	})
}

// Claimed returns the CRM records that claims on these keys are resolved to, by string(key).
func (s *Store) Claimed(ctx context.Context, org string, kind record.Kind, keys [][]byte) (map[string]string, error) {
	type claim struct {
		Key []byte
		ID  string
	}
	rows, err := query(ctx, s, "find claims", pgx.RowToStructByPos[claim], `select key, crm_id from claim
		where coll = `+ofOrg+` and key = any($3::uuid[]) and crm_id <> ''`, org, kind, keys)
	out := map[string]string{}
	for _, r := range rows {
		out[string(r.Key)] = r.ID
	}
	return out, err
}

// MovedClaim is a claim on a CRM record whose item has other strong keys now. With no Old ones it is a new claim; else it moves
// only where it is: a record that is gone has none.
type MovedClaim struct {
	Rep, LinkID, CRMID string // whose link they are of
	Old, New           [][]byte
}

// MoveClaims gives CRM records the claims that their items have now. A key that is claimed for another record stays there.
// Error: ErrLeaseLost.
func (s *Store) MoveClaims(ctx context.Context, org, rep string, epoch int64, kind record.Kind, moves []MovedClaim) error {
	if len(moves) == 0 {
		return nil
	}
	old, oldIDs := [][]byte{}, []string{}
	for _, m := range moves {
		for _, key := range m.Old {
			old, oldIDs = append(old, key), append(oldIDs, m.CRMID)
		}
	}
	return s.fenced(ctx, "move claims of "+rep, org, rep, epoch, shared, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `with mine as materialized (
				select c.key from claim c join unnest($1::uuid[], $2::text[]) as i(key, crm_id) on i.key = c.key and i.crm_id = c.crm_id
				order by c.key for update of c)
			delete from claim c using mine where c.key = mine.key returning c.crm_id`, old, oldIDs)
		if err != nil {
			return err
		}
		had, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		var keys [][]byte
		var ids, links, reps []string
		for _, m := range moves {
			if len(m.Old) > 0 && !slices.Contains(had, m.CRMID) {
				continue
			}
			for _, key := range m.New {
				keys, ids, links, reps = append(keys, key), append(ids, m.CRMID), append(links, m.LinkID), append(reps, m.Rep)
			}
		}
		_, err = tx.Exec(ctx, `insert into claim (coll, key, link_id, crm_id)
			select distinct on (i.key) c.no, i.key, i.link_id, i.crm_id
			from unnest($3::uuid[], $4::text[], $5::text[], $6::text[]) as i(key, rep, link_id, crm_id)
				left join collection c on c.org = $1 and c.kind = $2 and c.rep = i.rep order by i.key
			on conflict (key) do nothing`, org, kind, keys, reps, links, ids)
		return err
	})
}

// ClaimsOn returns the keys that are claimed for each of these CRM records.
func (s *Store) ClaimsOn(ctx context.Context, org string, kind record.Kind, crmIDs []string) (map[string][][]byte, error) {
	type claim struct {
		ID  string
		Key []byte
	}
	rows, err := query(ctx, s, "list claims on records", pgx.RowToStructByPos[claim], `select h.crm_id, h.key
		from unnest($3::text[]) as i(crm_id), lateral (select * from claim c where `+heldBy("c")+` = hashtext(i.crm_id) and c.crm_id = i.crm_id offset 0) h
		where h.coll = `+ofOrg+` and h.crm_id <> '' order by h.key`, org, kind, crmIDs)
	out := map[string][][]byte{}
	for _, r := range rows {
		out[r.ID] = append(out[r.ID], r.Key)
	}
	return out, err
}

// seriesOf cuts the occurrence off a mailbox id.
func seriesOf(id string) string {
	series, _, _ := strings.Cut(id, "#")
	return series
}
