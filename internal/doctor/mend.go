package doctor

import (
	"context"
	"errors"

	"github.com/repsync/repsync/internal/store"
)

// Action is the action of the journal lines that the doctor writes; their code is the finding's.
const Action = "doctor"

// rule names the run in its journal lines, so that mending the same thing twice is told twice.
func (e *examiner) rule() string { return "starter doctor --fix, " + e.stamp }

func (p *patient) line(f Finding) store.Line {
	return store.Line{Pass: p.row.Pass, Revision: p.row.AppliedRevision, Kind: f.Kind, Side: f.Side, ID: f.Item, LinkID: f.Link, Action: Action, Code: string(f.Code), Rule: p.rule()}
}

// mostAtOnce bounds one repair's transaction.
const mostAtOnce = 500

// mend mends what was found again under the lease. Without it nothing is mended: the findings stay, and the next run sees
// what is left.
func (e *examiner) mend(ctx context.Context, p *patient, epoch int64, found []Finding) error {
	some := []*Finding{}
	for i := range found {
		if found[i].mend != nil && found[i].Fixable {
			some = append(some, &found[i])
		}
	}
	mended := false
	for len(some) > 0 {
		chunk := some[:min(len(some), mostAtOnce)]
		some = some[len(chunk):]
		var r store.Repair
		for _, f := range chunk {
			f.mend(&r)
			r.Journal = append(r.Journal, p.line(*f))
		}
		err := e.Store.Mend(ctx, e.Org, p.row.Rep.Rep, epoch, r)
		if errors.Is(err, store.ErrLeaseLost) {
			e.unchecked(Unchecked{Rep: p.row.Rep.Rep, Code: "lease_lost"})
			break
		}
		if err != nil {
			return err
		}
		for _, f := range chunk {
			f.Fixed, mended = true, true
		}
	}
	if mended && e.Nudge != nil {
		e.Nudge(ctx, p.row.Rep.Rep)
	}
	return nil
}

// boundLease gives an endless lease an end, without holding it: who has it may still be at a request, so that it ends
// after the longest of them.
func (e *examiner) boundLease(ctx context.Context, p *patient) error {
	for i, f := range p.found {
		if f.Code != LeaseEndless {
			continue
		}
		err := e.Store.BoundLease(ctx, e.Org, p.row.Rep.Rep, p.row.Epoch, e.Now().Add(e.Lease), p.line(f))
		if err != nil && !errors.Is(err, store.ErrLeaseLost) {
			return err
		}
		if err == nil {
			f.Fixed = true
			p.bounded = append(p.bounded, f)
			p.found = append(p.found[:i:i], p.found[i+1:]...)
		}
		return nil
	}
	return nil
}
