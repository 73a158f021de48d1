package activities

import (
	"context"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// Commit moves the cursors once everything they cover is settled: done, parked, or stored in a held plan. While something
// is left (an item that moved, a create whose outcome is unclear, a claim that another rep holds) the cursors stay, what
// is left stays staged, and the next pass comes soon.
func (a *Activities) Commit(ctx context.Context, p Pass) (StageOut, error) {
	return stage(p.under(ctx), a, "commit", troubleIn, func(ctx context.Context) (StageOut, error) {
		s, release, err := a.beginAny(ctx, p)
		if err != nil {
			return StageOut{}, err
		}
		defer release()
		a.at(PointCommit)
		var out StageOut
		parked, err := a.Store.ParkedList(ctx, s.org, s.rep, 0)
		if err != nil {
			return out, err
		}
		out.Parked = map[planner.Reason]int{}
		for _, p := range parked {
			out.Parked[p.Reason]++
		}
		held := s.sit.Plan != nil && s.sit.Plan.State == store.PlanHeld
		settled := slices.DeleteFunc(s.kinds(p), func(k record.Kind) bool { return !held && (s.sit.Staged[k] > 0 || s.open(k) > 0) })
		in := store.CommitIn{Kinds: settled, Pass: p.Pass, AppliedRevision: s.sit.Rep.AppliedRevision, Reread: s.sit.Rep.Reread}
		if len(settled) < len(s.kinds(p)) {
			out.Trouble = &Trouble{Class: ClassWaiting, Code: "unsettled", Op: "commit", Until: a.Now().Add(time.Second), Remedy: "Some items moved while they were being written; they are planned again at once."}
			if len(settled) == 0 {
				return out, nil
			}
			return out, a.Store.Commit(ctx, s.org, s.rep, s.epoch, in) // one kind waits for no other
		}
		if p.Complete {
			in.AppliedRevision, in.Reread = p.Revision, s.sit.Rep.Reread && !p.Reread // one that was asked for since is still to come
		}
		if err := a.Store.Commit(ctx, s.org, s.rep, s.epoch, in); err != nil {
			return out, err
		}
		if s.sit.Plan != nil && !held {
			if err := a.Store.DropPlan(ctx, s.org, s.rep, s.epoch); err != nil {
				return out, err
			}
		}
		a.at(PointCommitted)
		return out, nil
	})
}
