package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/connector"
)

// SavePlan stores what planning a chunk of items gave, in one transaction. An intent that is past held already is left
// as it is. A verdict is written only when it is new or its reason, field, code or link changed. An item with a verdict
// in the batch is unparked unless the batch parks it. Errors: ErrLeaseLost, ErrConflict (see PutLinks).
func (s *Store) SavePlan(ctx context.Context, org, rep string, epoch int64, p PlanBatch) error {
	defer s.wrote(ctx, len(p.Links)+len(p.Intents)+len(p.Verdicts))
	return s.fenced(ctx, "save plan of "+rep, org, rep, epoch, lockFor(p.Journal), func(tx pgx.Tx) error {
		var b pgx.Batch
		queueEndClaims(&b, org, p.Kind, p.Ended, make([]string, len(p.Ended)))
		queueDropLinks(&b, org, rep, p.Kind, p.DropLinks)
		told := jointly(p.Verdicts)
		if err := s.queueLinks(&b, org, rep, p.Kind, p.Links, told); err != nil {
			return err
		}
		if err := s.queueIntents(&b, org, rep, epoch, p.Intents); err != nil {
			return err
		}
		s.queueVerdicts(&b, org, rep, p.Verdicts, told, p.Parked)
		queueUnstage(&b, org, rep, p.Kind, p.Unstage)
		s.queueRanks(&b, org, rep, p.Kind, p.Ranks)
		if err := s.queueJournal(ctx, tx, &b, org, rep, p.Journal); err != nil {
			return err
		}
		return send(ctx, tx, &b)
	})
}

// lockFor is how strongly the rep's row must be held: journal lines of one rep are written one transaction after the other.
func lockFor(lines []Line) lock {
	if len(lines) > 0 {
		return exclusive
	}
	return shared
}

// ResetPlan removes the intents that are planned or held: a new plan begins. The stored Plan stays. Error: ErrLeaseLost.
func (s *Store) ResetPlan(ctx context.Context, org, rep string, epoch int64) error {
	return s.exec(ctx, "reset plan of "+rep, org, rep, epoch, `delete from intent
		where coll = `+ofRep+` and state in ('planned', 'held')`, org, rep)
}

// SetHeld stores the plan of a held pass in place of an earlier one, and marks the planned intents as held. A plan with
// the digest of the stored one leaves that one as it is, also when it has been released. Error: ErrLeaseLost.
func (s *Store) SetHeld(ctx context.Context, org, rep string, epoch int64, p Plan) error {
	return s.fenced(ctx, "hold plan of "+rep, org, rep, epoch, shared, func(tx pgx.Tx) error {
		counts, err := json.Marshal(p.Counts)
		if err != nil {
			return err
		}
		if p.Why == nil {
			p.Why = []string{}
		}
		if p.Lines == nil {
			p.Lines = []byte{}
		}
		var b pgx.Batch
		b.Queue(`insert into plan as t (org, rep, digest, pass, counts, why, lines, state, at)
			values ($2, $3, $4, $5, $6, $7, $9, 'held', coalesce($8, `+now+`))
			on conflict (org, rep) do update set digest = excluded.digest, pass = excluded.pass, counts = excluded.counts,
				why = excluded.why, lines = excluded.lines, state = excluded.state, at = excluded.at
			where t.digest <> excluded.digest`, s.clock(), org, rep, p.Digest, p.Pass, counts, p.Why, stamp(p.At), p.Lines)
		b.Queue(`update intent set state = 'held' where coll = `+ofRep+` and state = 'planned'`, org, rep)
		return send(ctx, tx, &b)
	})
}

// ReleasePlan lets the held plan with this digest go on. Errors: ErrNotFound when no plan is stored, ErrConflict when
// the stored one has another digest.
func (s *Store) ReleasePlan(ctx context.Context, org, rep, digest string) error {
	return s.tx(ctx, "release plan of "+rep, func(tx pgx.Tx) error {
		var stored string
		err := tx.QueryRow(ctx, `select digest from plan where org = $1 and rep = $2 for update`, org, rep).Scan(&stored)
		if err != nil {
			return err
		}
		if stored != digest {
			return ErrConflict
		}
		_, err = tx.Exec(ctx, `update plan set state = 'released' where org = $1 and rep = $2`, org, rep)
		return err
	})
}

const planColumns = `digest, pass, counts, why, lines, state, at`

func scanPlan(row pgx.CollectableRow) (Plan, error) {
	var p Plan
	err := row.Scan(&p.Digest, &p.Pass, &p.Counts, &p.Why, &p.Lines, &p.State, &p.At)
	p.At = p.At.UTC()
	return p, err
}

// HeldPlan returns the stored plan, held or released. Error: ErrNotFound.
func (s *Store) HeldPlan(ctx context.Context, org, rep string) (Plan, error) {
	return queryOne(ctx, s, "get plan of "+rep, scanPlan, `select `+planColumns+` from plan where org = $1 and rep = $2`, org, rep)
}

// DropPlan removes the stored plan: its pass went through, or there is nothing to hold any more. Error: ErrLeaseLost.
func (s *Store) DropPlan(ctx context.Context, org, rep string, epoch int64) error {
	return s.exec(ctx, "drop plan of "+rep, org, rep, epoch, `delete from plan where org = $1 and rep = $2`, org, rep)
}

// CountWrites counts the intents that were settled as done since a time, by verb; rep "" counts the whole org. Exempt ones
// do not count.
func (s *Store) CountWrites(ctx context.Context, org, rep string, since time.Time) (map[connector.Verb]int, error) {
	type count struct {
		Verb connector.Verb
		N    int
	}
	sql, args := `select verb, count(*) from intent where coll = any(array(select no from collection where org = $1 and ($3 = '' or rep = $3)))
		and state = 'done' and not exempt and settled >= $2`, []any{org, since, rep}
	rows, err := query(ctx, s, "count writes", pgx.RowToStructByPos[count], sql+` group by verb`, args...)
	out := make(map[connector.Verb]int, len(rows))
	for _, r := range rows {
		out[r.Verb] = r.N
	}
	return out, err
}
