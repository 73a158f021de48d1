package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/record"
)

// errNotWon rolls a partial claim back; it never leaves this file.
var errNotWon = errors.New("claim not won")

// heldBy is what a claim is found by, beside its key: 4 bytes of its record's id, or of its link's while there is no record. Statements
// name the id as well.
func heldBy(claim string) string {
	return fmt.Sprintf("hashtext(case %[1]s.crm_id when '' then %[1]s.link_id else %[1]s.crm_id end)", claim)
}

// claimSQL takes those keys that may be taken, each for its link, in the order in which they come, and returns the links.
var claimSQL = `insert into claim as c (coll, key, link_id, until)
	select ` + ofKindNow + `, key, link_id, ` + now + ` + $7::interval
	from unnest($5::text[], $6::uuid[]) with ordinality as k(link_id, key, n) order by n
	on conflict (key) do update set coll = excluded.coll, link_id = excluded.link_id, until = excluded.until
		where c.crm_id = '' and (c.until <= ` + now + ` or c.coll = excluded.coll and c.link_id = excluded.link_id)
	returning link_id`

// Claim takes all of an item's strong keys (keyring lookup hashes) for a rep and link, or none. Keys that nobody holds,
// whose claim expired unresolved, or that this link holds are taken; a claim that is resolved to a CRM record never
// expires and ends with the record (DropClaims). Claiming again renews. Keys are taken in sorted order, so that two reps
// who hold the same person never wait for each other in a circle.
func (s *Store) Claim(ctx context.Context, org string, kind record.Kind, rep, linkID string, keys [][]byte, ttl time.Duration) (ClaimResult, error) {
	op := "claim for " + rep
	if rep == "" || linkID == "" {
		return ClaimResult{}, wrap(op, errors.New("no rep or link"))
	}
	keys = sortedKeys(keys)
	if len(keys) == 0 {
		return ClaimResult{Won: true}, nil // nothing that anybody else could hold
	}
	var out ClaimResult
	err := s.tx(ctx, op, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, claimSQL, s.clock(), org, rep, kind, slices.Repeat([]string{linkID}, len(keys)), keys, ttl); err != nil {
			return err
		}
		// Each of these rows is locked by the insert, also where it was left alone: nobody can move it in between.
		rows, err := tx.Query(ctx, `select rep, link_id, crm_id from claim join collection on no = coll
			where key = any($1::uuid[]) order by key`, keys)
		if err != nil {
			return err
		}
		out = ClaimResult{Won: true}
		var holder, link, crmID string
		_, err = pgx.ForEachRow(rows, []any{&holder, &link, &crmID}, func() error {
			mine := holder == rep && link == linkID
			out.Won = out.Won && mine
			switch {
			case crmID != "":
				out.CRMIDs = append(out.CRMIDs, crmID)
			case !mine && out.Holder == "":
				out.Holder = fmt.Sprintf("%s/%s", holder, link)
			}
			return nil
		})
		if err == nil && !out.Won {
			return errNotWon
		}
		return err
	})
	if err != nil && !errors.Is(err, errNotWon) {
		return ClaimResult{}, err
	}
	out.CRMIDs = sorted(out.CRMIDs)
	if len(out.CRMIDs) == 1 {
		out.CRMID = out.CRMIDs[0]
	}
	return out, nil
}

// ClaimEach claims one strong key for each of several links, as most items have one, in one statement, and returns which links
// hold theirs. For the others Claim tells what is the matter. Of links that want the same key one is tried.
func (s *Store) ClaimEach(ctx context.Context, org string, kind record.Kind, rep string, keyOf map[string][]byte, ttl time.Duration) (won map[string]bool, err error) {
	won = map[string]bool{}
	links := slices.SortedFunc(maps.Keys(keyOf), func(a, b string) int { return cmp.Or(slices.Compare(keyOf[a], keyOf[b]), strings.Compare(a, b)) })
	links = slices.CompactFunc(links, func(a, b string) bool { return slices.Equal(keyOf[a], keyOf[b]) })
	if len(links) == 0 {
		return won, nil
	}
	taken, err := query(ctx, s, "claim for "+rep, pgx.RowTo[string], claimSQL,
		s.clock(), org, rep, kind, links, col(links, func(l string) []byte { return keyOf[l] }), ttl)
	for _, l := range taken {
		won[l] = true
	}
	return won, err
}

// RenewClaims renews, in one statement, the claims of links that hold all of their keys still, and returns which did. For
// the others Claim tells what is the matter. It takes nothing that the link does not hold.
func (s *Store) RenewClaims(ctx context.Context, org string, kind record.Kind, rep string, keysOf map[string][][]byte, ttl time.Duration) (renewed map[string]bool, err error) {
	var links []string
	var keys [][]byte
	want := map[string]int{}
	for link, all := range keysOf {
		all = sortedKeys(all)
		want[link] = len(all)
		for _, key := range all {
			links, keys = append(links, link), append(keys, key)
		}
	}
	got := map[string]int{}
	err = s.tx(ctx, "renew claims for "+rep, func(tx pgx.Tx) error {
		clear(got)
		// Rows are locked in key order, as in Claim.
		rows, err := tx.Query(ctx, `with mine as materialized (
				select c.key from claim c join unnest($5::text[], $6::uuid[]) as i(link_id, key) on i.key = c.key and i.link_id = c.link_id
				where c.coll = `+ofKindNow+` and c.crm_id = '' order by c.key for update of c)
			update claim c set until = `+now+` + $7::interval from mine where c.key = mine.key returning c.link_id`,
			s.clock(), org, rep, kind, links, keys, ttl)
		if err != nil {
			return err
		}
		var link string
		_, err = pgx.ForEachRow(rows, []any{&link}, func() error { got[link]++; return nil })
		return err
	})
	renewed = map[string]bool{}
	for link, n := range want {
		renewed[link] = n > 0 && got[link] == n
	}
	return renewed, err
}

// DropClaims ends the claims that belong to a CRM record: it was deleted.
func (s *Store) DropClaims(ctx context.Context, org string, kind record.Kind, crmID string) error {
	return s.tx(ctx, "drop claims of a record", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `delete from claim c using (
				select key from claim h where coll = `+ofOrg+` and `+heldBy("h")+` = hashtext($3) and crm_id = $3 and crm_id <> '' order by key for update) mine
			where c.key = mine.key`, org, kind, crmID)
		return err
	})
}

// endClaims ends the claims on records that the CRM says were deleted. Those on one that was merged into another are the
// other's from then on.
func endClaims(ctx context.Context, tx pgx.Tx, org string, kind record.Kind, rows []FeedRow) error {
	var ids, into []string
	for _, r := range rows {
		if r.Deleted {
			ids, into = append(ids, r.ID), append(into, r.Into)
		}
	}
	var b pgx.Batch
	queueEndClaims(&b, org, kind, ids, into)
	return send(ctx, tx, &b)
}

// queueEndClaims ends the claims on deleted records; into has, for each, the record that it was merged into, or "".
func queueEndClaims(b *pgx.Batch, org string, kind record.Kind, ids, into []string) {
	if len(ids) == 0 {
		return
	}
	mine := `with mine as materialized (
			select c.key, i.into_id from claim c join unnest($3::text[], $4::text[]) as i(crm_id, into_id)
				on ` + heldBy("c") + ` = hashtext(i.crm_id) and c.crm_id = i.crm_id
			where c.coll = ` + ofOrg + ` and c.crm_id <> '' order by c.key for update of c)`
	b.Queue(mine+` delete from claim c using mine where c.key = mine.key and mine.into_id = ''`, org, kind, ids, into)
	b.Queue(mine+` update claim c set crm_id = mine.into_id from mine where c.key = mine.key and mine.into_id <> ''`, org, kind, ids, into)
}

// queueResolve notes which record the claims of these links became. Rows are locked in key order, as in Claim.
func (s *Store) queueResolve(b *pgx.Batch, org, rep string, kind record.Kind, crmOf map[string]string) {
	if len(crmOf) == 0 {
		return
	}
	var links, ids []string
	for l, id := range crmOf {
		links, ids = append(links, l), append(ids, id)
	}
	// Materialized: without statistics Postgres would lock the rows anew for each one that it updates.
	b.Queue(`with mine as materialized (
			select c.key, i.crm_id from unnest($4::text[], $5::text[]) as i(link_id, crm_id)
				left join lateral (select crm_id from link where coll = `+ofKind+` and link_id = i.link_id offset 0) l on true -- with the record that it had
				join claim c on `+heldBy("c")+` in (hashtext(i.link_id), hashtext(l.crm_id)) and c.link_id = i.link_id
			where c.coll = `+ofKind+` order by c.key for update of c)
		update claim c set crm_id = mine.crm_id, until = null from mine where c.key = mine.key`, org, rep, kind, links, ids)
	// Other reps' copies of a meeting that were parked until its record is there wait no longer.
	b.Queue(`update parked p set next_try = `+now+`
		from collection o join mailbox_key k on k.coll = o.no
		where p.org = $2 and p.kind = $4 and p.side = 'mailbox' and p.reason = 'organizer_speaks' and p.rep <> $3
			and o.org = p.org and o.rep = p.rep and o.kind = p.kind and hashtext(k.id) = hashtext(p.id) and k.id = p.id
			and `+mixed("k.keys", "k.coll")+` && array(select `+shortSQL("uuid_send(c.key)")+` from claim c
				join unnest($5::text[]) as i(crm_id) on `+heldBy("c")+` = hashtext(i.crm_id) and c.crm_id = i.crm_id
				where c.coll = `+ofKindNow+`)`, s.clock(), org, rep, kind, ids)
}

// queueUnclaim ends the claims of these links that no record was made for. Rows are locked in key order, as in Claim.
func queueUnclaim(b *pgx.Batch, org, rep string, kind record.Kind, links []string) {
	if len(links) == 0 {
		return
	}
	b.Queue(`delete from claim c using (
			select c.key from claim c join unnest($4::text[]) as i(link_id) on `+heldBy("c")+` = hashtext(i.link_id) and c.link_id = i.link_id
			where c.coll = `+ofKind+` and c.crm_id = '' order by c.key for update of c) mine
		where c.key = mine.key`, org, rep, kind, links)
}

func sortedKeys(keys [][]byte) [][]byte {
	out := slices.Clone(keys)
	slices.SortFunc(out, slices.Compare)
	return slices.CompactFunc(out, slices.Equal)
}
