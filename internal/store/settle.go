package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

// Settle stores the outcome of a batch of writes in one transaction: intents, links with their new bases, verdicts,
// journal lines, claims, staged rows, match keys and ranks. An item with a verdict in the batch is unparked unless the batch parks it. An intent
// that is over is left as it is. Errors: ErrLeaseLost, ErrConflict (see PutLinks).
func (s *Store) Settle(ctx context.Context, org, rep string, epoch int64, p SettleBatch) error {
	defer s.wrote(ctx, len(p.Links)+len(p.Verdicts)+len(p.Journal))
	return s.fenced(ctx, "settle for "+rep, org, rep, epoch, lockFor(p.Journal), func(tx pgx.Tx) error {
		var b pgx.Batch
		s.queueResolve(&b, org, rep, p.Kind, p.ClaimCRM)
		queueUnclaim(&b, org, rep, p.Kind, p.Unclaim)
		queueDropLinks(&b, org, rep, p.Kind, p.DropLinks)
		told := jointly(p.Verdicts)
		if err := s.queueLinks(&b, org, rep, p.Kind, p.Links, told); err != nil {
			return err
		}
		s.queueVerdicts(&b, org, rep, p.Verdicts, told, p.Parked)
		queueUnstageAs(&b, org, rep, p.Kind, p.Unstage)
		for kind, rows := range byKind(p.Restage, func(r Staged) record.Kind { return r.Kind }) {
			if err := s.queueStaged(&b, org, rep, kind, rows, false); err != nil {
				return err
			}
		}
		queueKeys(&b, org, rep, p.Kind, p.Keys)
		s.queueRanks(&b, org, rep, p.Kind, p.Ranks)
		if err := s.queueJournal(ctx, tx, &b, org, rep, p.Journal); err != nil {
			return err
		}
		if err := s.queueOutcomes(&b, org, rep, epoch, p); err != nil { // behind the lines, in time as well: see untold
			return err
		}
		return send(ctx, tx, &b)
	})
}

var errTwice = errors.New("an intent has two outcomes in one batch")

// createdLinks are the links of which these lines tell that a pass created an item. What an undo creates is told otherwise.
func createdLinks(lines []Line) []string {
	var out []string
	for _, l := range lines {
		if l.LinkID != "" && l.Action == string(connector.Create) {
			out = append(out, l.LinkID)
		}
	}
	return out
}

// queueOutcomes moves intents to their next state. A create that is done, that no guard counts (exempt) and that the journal
// tells of goes: it has no before-image, its values stand in its line, and a first sync has one for each item. Back puts one among the planned again, where ResetPlan or MarkSent
// finds it; its before-image is taken anew when it is sent again.
func (s *Store) queueOutcomes(b *pgx.Batch, org, rep string, epoch int64, p SettleBatch) error {
	var ids, states, codes []string
	var numbers []int64
	seen := map[string]bool{}
	for _, part := range []struct {
		ids []string
		to  IntentState
	}{{p.Done, Done}, {p.Park, ParkedI}, {p.Unknown, Unknown}, {p.Back, Planned}, {p.Drop, Dropped}} {
		for _, id := range sorted(part.ids) {
			if seen[id] {
				return errTwice
			}
			seen[id] = true
			ids, numbers = append(ids, id), append(numbers, intentNo(id))
			states, codes = append(states, string(part.to)), append(codes, p.Codes[id])
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	if told := createdLinks(p.Journal); len(told) > 0 && len(p.Done) > 0 {
		b.Queue(`delete from intent where coll = `+ofRep+` and no = any($3) and intent_id = any($5) and link_id = any($4)
			and verb = 'create' and exempt and state in ('planned', 'held', 'sent', 'unknown')`, org, rep, col(p.Done, intentNo), told, p.Done)
	}
	b.Queue(`update intent t set state = i.state, code = i.code, epoch = $4,
			settled = case when i.state in ('done', 'parked', 'dropped') then `+now+` end
		from unnest($5::bigint[], $6::text[], $7::text[], $8::text[]) as i(no, state, code, id)
		where t.coll = `+ofRepNow+` and t.no = i.no and t.intent_id = i.id and t.state in ('planned', 'held', 'sent', 'unknown')`,
		s.clock(), org, rep, epoch, numbers, states, codes, ids)
	return nil
}
