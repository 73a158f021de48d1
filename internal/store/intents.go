package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

func intentPlace(org, rep, id, column string) string { return place(org, "intent", rep, id, column) }

const intentColumns = `(select c.kind from collection c where c.no = intent.coll), intent_id, link_id, pass, ref_id, occurrence, if_tag, if_at, key, generation, state,
	revision, epoch, reason, after, drop_link, exempt, sent_at, settled, source_id, source_tag, source_at, code, op_sealed, before_sealed`

func (s *Store) scanIntentOf(org, rep string) func(pgx.CollectableRow) (Intent, error) {
	return func(row pgx.CollectableRow) (Intent, error) { return s.scanIntent(row, org, rep) }
}

func (s *Store) scanIntent(row pgx.CollectableRow, org, rep string) (Intent, error) {
	var (
		i                         Intent
		ifAt, sent, done, sources *time.Time
		op, before                []byte
	)
	err := row.Scan(&i.Kind, &i.ID, &i.LinkID, &i.Pass, &i.Ref.ID, &i.Ref.Occurrence, &i.If.Tag, &ifAt, &i.Key,
		&i.Generation, &i.State, &i.Revision, &i.Epoch, &i.Reason, &i.After, &i.Drop, &i.Exempt, &sent, &done, &i.SourceID, &i.Source.Tag,
		&sources, &i.Code, &op, &before)
	if err != nil {
		return Intent{}, err
	}
	i.If.At, i.SentAt, i.Settled, i.Source.At = moment(ifAt), moment(sent), moment(done), moment(sources)
	plain, err := s.open(op, intentPlace(org, rep, i.ID, "op"))
	if err == nil {
		err = unpackOp(plain, &i.Op)
	}
	if err != nil {
		return Intent{}, err
	}
	if before != nil {
		i.Before = &connector.Item{}
	}
	return i, s.openJSON(before, intentPlace(org, rep, i.ID, "before"), i.Before)
}

// intentNo is what an intent is found by: 8 bytes where its id has 16 and more. Should two of a collection ever share one, the second
// is not stored; its item stays staged, and the next pass plans it under another id. Statements name the id as well: a rep has several
// collections.
func intentNo(intentID string) int64 {
	sum := sha256.Sum256([]byte(intentID))
	return short(sum[:])
}

func intentNos(rows []Intent) []int64 {
	return col(rows, func(i Intent) int64 { return intentNo(i.ID) })
}

var intentStates = []IntentState{Planned, Held, Sent, Unknown, Done, ParkedI, Dropped}

// Intents returns up to n intents (0: all) in any of the states, in the order in which they were planned. Kind, verbs and side narrow
// when they are not empty. With one state, kind, side and verb the index gives that order, so that only n are read.
func (s *Store) Intents(ctx context.Context, org, rep string, kind record.Kind, states []IntentState, verbs []connector.Verb, side record.Side, n int) ([]Intent, error) {
	if len(states) == 0 {
		return nil, nil
	}
	// States stand in the text, not among its arguments: indexes are of some states
	// only, and how few of a rep's intents are sent is what makes intent_sent the right one.
	var quoted []string
	for _, st := range states {
		if !slices.Contains(intentStates, st) {
			return nil, &Error{Op: "list intents of " + rep, Code: CodeClient}
		}
		quoted = append(quoted, "'"+string(st)+"'")
	}
	of, args := ofRep, []any{org, rep}
	if kind != "" {
		of, args = ofKind, append(args, kind)
	}
	sql := `select ` + intentColumns + ` from intent where coll = ` + of + ` and state in (` + strings.Join(quoted, ", ") + `)`
	among := func(column string, values ...string) { // by the first letters, which intent_planned has
		values = slices.DeleteFunc(values, func(v string) bool { return v == "" })
		letters := col(values, func(v string) string { return v[:1] })
		switch len(values) {
		case 0:
			return
		case 1: // an equality keeps the index's order
			args, sql = append(args, letters[0]), fmt.Sprintf("%s and left(%s, 1) = $%d", sql, column, len(args)+1)
		default:
			args, sql = append(args, letters), fmt.Sprintf("%s and left(%s, 1) = any($%d)", sql, column, len(args)+1)
		}
	}
	among("side", string(side))
	among("verb", col(verbs, func(v connector.Verb) string { return string(v) })...)
	sql += ` order by n`
	if n > 0 {
		args, sql = append(args, int64(n)), fmt.Sprintf("%s limit $%d", sql, len(args)+1)
	}
	return query(ctx, s, "list intents of "+rep, s.scanIntentOf(org, rep), sql, args...)
}

// sealOp seals an operation.
func (s *Store) sealOp(op planner.Op, where string) ([]byte, error) {
	plain, err := packOp(op)
	if err != nil {
		return nil, err
	}
	return s.ring.Seal(plain, where), nil
}

// payload are the columns that are sealed.
func (s *Store) payload(org, rep string, rows []Intent) (ops, befores [][]byte, err error) {
	ops, err = sealAll(rows, func(i Intent) ([]byte, error) { return s.sealOp(i.Op, intentPlace(org, rep, i.ID, "op")) })
	if err != nil {
		return nil, nil, err
	}
	befores, err = sealAll(rows, func(i Intent) ([]byte, error) {
		if i.Before == nil {
			return nil, nil
		}
		return s.sealJSON(i.Before, intentPlace(org, rep, i.ID, "before"))
	})
	return ops, befores, err
}

// queueIntents upserts planned (or held, or parked at once) intents. What is past held already has been sent, and a
// replayed plan must not make it be sent again.
func (s *Store) queueIntents(b *pgx.Batch, org, rep string, epoch int64, intents []Intent) error {
	if len(intents) == 0 {
		return nil
	}
	rows := lastOf(intents, func(i Intent) string { return i.ID })
	ops, befores, err := s.payload(org, rep, rows)
	if err != nil {
		return err
	}
	b.Queue(intentSQL, org, rep, epoch,
		intentNos(rows),
		col(rows, func(i Intent) string { return i.ID }),
		col(rows, func(i Intent) string { return string(i.Kind) }),
		col(rows, func(i Intent) string { return i.LinkID }),
		col(rows, func(i Intent) string { return string(i.Op.Side) }),
		col(rows, func(i Intent) string { return string(i.Op.Verb) }),
		col(rows, func(i Intent) int64 { return i.Pass }),
		col(rows, func(i Intent) string { return i.Ref.ID }),
		col(rows, func(i Intent) string { return i.Ref.Occurrence }),
		col(rows, func(i Intent) string { return i.If.Tag }),
		col(rows, func(i Intent) *time.Time { return stamp(i.If.At) }),
		col(rows, func(i Intent) string { return i.Key }),
		col(rows, func(i Intent) int32 { return int32(i.Generation) }),
		col(rows, func(i Intent) string {
			if i.State == "" {
				return string(Planned)
			}
			return string(i.State)
		}),
		col(rows, func(i Intent) int64 { return i.Revision }),
		col(rows, func(i Intent) string { return string(i.Reason) }),
		col(rows, func(i Intent) string { return string(i.After) }),
		col(rows, func(i Intent) bool { return i.Drop }),
		col(rows, func(i Intent) string { return i.SourceID }),
		col(rows, func(i Intent) string { return i.Source.Tag }),
		col(rows, func(i Intent) *time.Time { return stamp(i.Source.At) }),
		col(rows, func(i Intent) string { return i.Code }),
		ops, befores,
		col(rows, func(i Intent) bool { return i.Exempt }))
	return nil
}

const intentSQL = `
insert into intent as t (coll, no, epoch, intent_id, link_id, side, verb, pass, ref_id, occurrence, if_tag, if_at, key,
	generation, state, revision, reason, after, drop_link, source_id, source_tag, source_at, code, op_sealed, before_sealed, exempt)
select c.no, i.no, $3, i.id, i.link_id, i.side, i.verb, i.pass, i.ref_id, i.occurrence, i.if_tag, i.if_at, i.key,
	i.generation, i.state, i.revision, i.reason, i.after, i.drop_link, i.source_id, i.source_tag, i.source_at, i.code, i.op, i.before, i.exempt
from unnest($4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[], $11::text[], $12::text[], $13::text[],
	$14::timestamptz[], $15::text[], $16::integer[], $17::text[], $18::bigint[], $19::text[], $20::text[], $21::boolean[],
	$22::text[], $23::text[], $24::timestamptz[], $25::text[], $26::bytea[], $27::bytea[],
	$28::boolean[]) with ordinality as i(no, id, kind, link_id, side, verb, pass, ref_id, occurrence, if_tag, if_at, key,
	generation, state, revision, reason, after, drop_link, source_id, source_tag, source_at, code, op, before, exempt, nth)
	left join collection c on c.org = $1 and c.rep = $2 and c.kind = i.kind
order by i.nth
on conflict (coll, no) do update set epoch = excluded.epoch, link_id = excluded.link_id,
	side = excluded.side, verb = excluded.verb, pass = excluded.pass, ref_id = excluded.ref_id, occurrence = excluded.occurrence,
	if_tag = excluded.if_tag, if_at = excluded.if_at, key = excluded.key, generation = excluded.generation,
	state = excluded.state, revision = excluded.revision, reason = excluded.reason, after = excluded.after,
	drop_link = excluded.drop_link, source_id = excluded.source_id, source_tag = excluded.source_tag,
	source_at = excluded.source_at, code = excluded.code, op_sealed = excluded.op_sealed, before_sealed = excluded.before_sealed,
	exempt = excluded.exempt
where t.state in ('planned', 'held') and t.intent_id = excluded.intent_id`

// MarkSent commits what is about to be sent: state, final operation, reference, precondition, before-image and SentAt
// (zero: now). The before-image of an intent that was sent once already stays. Errors: ErrLeaseLost; ErrConflict, and
// nothing is marked, when one of the intents is gone or over: then nothing may be sent.
func (s *Store) MarkSent(ctx context.Context, org, rep string, epoch int64, intents []Intent) error {
	rows := lastOf(intents, func(i Intent) string { return i.ID })
	op := "mark intents sent for " + rep
	ops, befores, err := s.payload(org, rep, rows)
	if err != nil {
		return wrap(op, err)
	}
	return s.fenced(ctx, op, org, rep, epoch, shared, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update intent t set state = 'sent', epoch = $4,
				sent_at = coalesce(i.sent_at, `+now+`), ref_id = i.ref_id, occurrence = i.occurrence, if_tag = i.if_tag,
				if_at = i.if_at, key = i.key, generation = i.generation, op_sealed = i.op,
				before_sealed = case when t.state in ('sent', 'unknown') then coalesce(t.before_sealed, i.before) else i.before end
			from unnest($5::bigint[], $6::timestamptz[], $7::text[], $8::text[], $9::text[], $10::timestamptz[], $11::text[],
				$12::integer[], $13::bytea[], $14::bytea[], $15::text[])
				as i(no, sent_at, ref_id, occurrence, if_tag, if_at, key, generation, op, before, id)
			where t.coll = `+ofRepNow+` and t.no = i.no and t.intent_id = i.id and t.state in ('planned', 'sent', 'unknown')`,
			s.clock(), org, rep, epoch,
			intentNos(rows),
			col(rows, func(i Intent) *time.Time { return stamp(i.SentAt) }),
			col(rows, func(i Intent) string { return i.Ref.ID }),
			col(rows, func(i Intent) string { return i.Ref.Occurrence }),
			col(rows, func(i Intent) string { return i.If.Tag }),
			col(rows, func(i Intent) *time.Time { return stamp(i.If.At) }),
			col(rows, func(i Intent) string { return i.Key }),
			col(rows, func(i Intent) int32 { return int32(i.Generation) }),
			ops, befores,
			col(rows, func(i Intent) string { return i.ID }))
		if err == nil && tag.RowsAffected() != int64(len(rows)) {
			return ErrConflict
		}
		return err
	})
}

const keepIntents = 48 * time.Hour // more than the rolling day of the guards

// Prune removes intents that are over, with their before-images, and leases that ran out, before a time. Intents
// of the last 48 hours stay, because the rolling guards count them. Tombstones, claims of records, verdicts and the
// journal are never pruned.
func (s *Store) Prune(ctx context.Context, org string, before time.Time) error {
	return s.tx(ctx, "prune "+org, func(tx pgx.Tx) error {
		var b pgx.Batch
		b.Queue(`delete from intent where coll = any(array(select no from collection where org = $2)) and state in ('done', 'parked', 'dropped') and settled < least($3, `+now+` - $4::interval)`,
			s.clock(), org, before, keepIntents)
		b.Queue(`delete from record_lease where org = $2 and until < least($3, `+now+`)`, s.clock(), org, before)
		b.Queue(`delete from claim where coll = any(array(select no from collection where org = $2)) and crm_id = '' and until < least($3, `+now+`)`, s.clock(), org, before)
		return send(ctx, tx, &b)
	})
}

// CountDropped counts, per link and code, the intents that were dropped since a time.
func (s *Store) CountDropped(ctx context.Context, org, rep string, linkIDs []string, since time.Time) (map[string]map[string]int, error) {
	var out map[string]map[string]int
	err := s.read(ctx, "count what was dropped for "+rep, func(conn *pgx.Conn) error {
		out = map[string]map[string]int{}
		rows, err := conn.Query(ctx, `select link_id, code, count(*)::int from intent
			where coll = `+ofRep+` and link_id = any($3) and state = 'dropped' and settled >= $4 group by link_id, code`, org, rep, linkIDs, since)
		if err != nil {
			return err
		}
		var link, code string
		var n int
		_, err = pgx.ForEachRow(rows, []any{&link, &code, &n}, func() error {
			if out[link] == nil {
				out[link] = map[string]int{}
			}
			out[link][code] += n
			return nil
		})
		return err
	})
	return out, err
}
