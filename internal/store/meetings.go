package store

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// LinksOfSeries returns a rep's links, those that are left apart, to these mailbox events and to every occurrence of them,
// by the id of the event or master (connector.Ref without its occurrence).
func (s *Store) LinksOfSeries(ctx context.Context, org, rep string, ids []string) (map[string][]planner.Link, error) {
	rows, err := query(ctx, s, "find links of series of "+rep, scanLink, `select `+linkColumns+` from link
		where org = $1 and rep = $2 and kind = 'event' and split_part(mailbox_id, '#', 1) = any($3) and mailbox_id <> '' and state <> 'left'
		order by mailbox_id, link_id`, org, rep, ids)
	out := map[string][]planner.Link{}
	for _, r := range rows {
		id := seriesOf(r.Link.Mailbox.ID)
		out[id] = append(out[id], r.Link)
	}
	return out, err
}

// StagedOfSeries returns the staged mailbox rows of these events and of every occurrence of them, by the id of the event or
// master.
func (s *Store) StagedOfSeries(ctx context.Context, org, rep string, ids []string) (map[string][]Staged, error) {
	rows, err := query(ctx, s, "find staged series of "+rep, s.scanStaged, `select `+stagedColumns+` from staged
		where org = $1 and rep = $2 and kind = 'event' and side = 'mailbox' and split_part(id, '#', 1) = any($3)
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
		where org = $1 and rep = $2 and kind = $3 and link_id = any($4) and `+seen+` < $5`, org, rep, kind, linkIDs, readNo)
}

// Speakers returns, by CRM record, which link of which rep speaks for the meeting: its organiser's, else the copy of the
// highest sequence, else the oldest. Only links of reps who sync count.
func (s *Store) Speakers(ctx context.Context, org string, crmIDs []string) (map[string]RepLink, error) {
	rows, err := query(ctx, s, "find speakers", scanLink, `select distinct on (crm_id) `+linkColumns+` from link
		where org = $1 and kind = 'event' and crm_id = any($2) and crm_id <> '' and mailbox_id <> '' and state = 'active'
			and exists (select from rep r where r.org = link.org and r.rep = link.rep and r.active)
		order by crm_id, organizes desc, sequence desc, n`, org, crmIDs)
	return keyed(rows, func(r RepLink) string { return r.Link.CRM.ID }), err
}

// Parties returns, by CRM record, the links of all reps who sync to the record of a meeting, also those that are left.
func (s *Store) Parties(ctx context.Context, org string, crmIDs []string) (map[string][]RepLink, error) {
	rows, err := query(ctx, s, "find parties to meetings", scanLink, `select `+linkColumns+` from link
		where org = $1 and kind = 'event' and crm_id = any($2) and crm_id <> '' and mailbox_id <> ''
			and exists (select from rep r where r.org = link.org and r.rep = link.rep and r.active)
		order by crm_id, rep, link_id`, org, crmIDs)
	out := map[string][]RepLink{}
	for _, r := range rows {
		out[r.Link.CRM.ID] = append(out[r.Link.CRM.ID], r)
	}
	return out, err
}

// RepsByMailbox returns the active reps of these mailbox addresses, by address as given.
func (s *Store) RepsByMailbox(ctx context.Context, org string, addresses []string) (map[string]string, error) {
	keys, byKey := [][]byte{}, map[string]string{}
	for _, a := range addresses {
		if _, key := s.mailbox(Rep{Org: org, Mailbox: a}); key != nil {
			keys, byKey[string(key)] = append(keys, key), a
		}
	}
	type found struct {
		Rep string
		Key []byte
	}
	rows, err := query(ctx, s, "find reps by mailbox", pgx.RowToStructByPos[found], `select rep, mailbox_key from rep
		where org = $1 and active and mailbox_key = any($2)`, org, keys)
	out := map[string]string{}
	for _, r := range rows {
		out[byKey[string(r.Key)]] = r.Rep
	}
	return out, err
}

// Claimed returns the CRM records that claims on these keys are resolved to, by string(key).
func (s *Store) Claimed(ctx context.Context, org string, kind record.Kind, keys [][]byte) (map[string]string, error) {
	type claim struct {
		Key []byte
		ID  string
	}
	rows, err := query(ctx, s, "find claims", pgx.RowToStructByPos[claim], `select key, crm_id from claim
		where org = $1 and kind = $2 and key = any($3) and crm_id <> ''`, org, kind, keys)
	out := map[string]string{}
	for _, r := range rows {
		out[string(r.Key)] = r.ID
	}
	return out, err
}

// ClaimsOn returns the keys that are claimed for each of these CRM records.
func (s *Store) ClaimsOn(ctx context.Context, org string, kind record.Kind, crmIDs []string) (map[string][][]byte, error) {
	type claim struct {
		ID  string
		Key []byte
	}
	rows, err := query(ctx, s, "list claims on records", pgx.RowToStructByPos[claim], `select crm_id, key from claim
		where org = $1 and kind = $2 and crm_id = any($3) and crm_id <> '' order by key`, org, kind, crmIDs)
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
