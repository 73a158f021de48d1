package activities

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// Filter marks each staged observation in or out of the policy, with the reason.
func (a *Activities) Filter(ctx context.Context, p Pass) (StageOut, error) {
	return stage(p.under(ctx), a, "filter", troubleIn, func(ctx context.Context) (StageOut, error) {
		s, release, err := a.begin(ctx, p)
		if err != nil {
			return StageOut{}, err
		}
		defer release()
		for _, k := range s.kinds(p) {
			if err := s.filtered(ctx, k); err != nil {
				return StageOut{}, err
			}
		}
		return StageOut{}, nil
	})
}

func (s *session) filtered(ctx context.Context, k record.Kind) error {
	judged, err := s.judge(ctx, k)
	if err != nil {
		return err
	}
	return s.limit(ctx, k, judged)
}

func troubleIn(o *StageOut) **Trouble { return &o.Trouble }

// begin opens the session of a stage after Fetch and takes the lease. A pass is of one policy: when another revision has
// come since Fetch, which read by the old one, the pass ends and the next begins with it.
func (a *Activities) begin(ctx context.Context, p Pass) (*session, func(), error) {
	s, release, err := a.beginAny(ctx, p)
	if err == nil && s.revision != p.Revision {
		release()
		return nil, nil, &Trouble{Class: ClassWaiting, Code: "policy_changed", Op: "go on with the pass", Remedy: "The next pass applies the policy that has just come."}
	}
	return s, release, err
}

func (a *Activities) beginAny(ctx context.Context, p Pass) (*session, func(), error) {
	s, err := a.open(ctx, p.Org, p.Rep, p.Pass)
	if err != nil {
		return nil, nil, err
	}
	s.pass, s.whole = p.Pass, p.Reread
	release, err := s.lease(ctx)
	return s, release, err
}

// scope is what the policy admits for this rep.
func (s *session) scope(k record.Kind) (planner.Scope, error) {
	scope := planner.Scope{Records: s.policy.Sync(k).Records, User: s.sit.Rep.CRMUser, Event: s.eventScope(k)}
	f, err := s.filter(k)
	if f != nil {
		scope.Filter = func(it connector.Item) (bool, error) { return f.Match(it.Raw, it.Fields) }
	}
	return scope, err
}

// judged are the CRM records that Filter has been over: those that are admitted, by what a limit goes by, and the others.
type judged struct {
	ranks []store.Ranked
	gone  []string
}

// judge marks every staged row. Rows that were judged under an older revision were staged anew by Fetch, or are judged
// again here because a plan was held meanwhile: all are looked at.
func (s *session) judge(ctx context.Context, k record.Kind) (out judged, err error) {
	for after := ""; ; {
		rows, err := s.a.Store.StagedPage(ctx, s.org, s.rep, k, after, 5*chunk, store.StagedFilter{})
		if err != nil || len(rows) == 0 {
			return out, err
		}
		after = rows[len(rows)-1].Place()
		judgements, err := s.admit(ctx, k, rows)
		if err != nil {
			return out, err
		}
		if err := s.a.Store.Judge(ctx, s.org, s.rep, s.epoch, k, judgements); err != nil {
			return out, err
		}
		for i, r := range rows {
			switch {
			case r.Side != record.CRM:
			case r.Obs.Presence == planner.Present && judgements[i].In:
				out.ranks = append(out.ranks, store.Ranked{ID: r.ID, Rank: rankOf(r.Obs.Item)})
			default:
				out.gone = append(out.gone, r.ID)
			}
		}
	}
}

// admit judges rows by the policy, its limit apart: a judgement for each, in their order.
func (s *session) admit(ctx context.Context, k record.Kind, rows []store.Staged) ([]store.Judgement, error) {
	scope, err := s.scope(k)
	if err != nil {
		return nil, err
	}
	if k == record.Event && s.policy.Events.Scope == "related" {
		if err := s.meet(ctx, rows); err != nil {
			return nil, err
		}
	}
	links, err := s.linksOf(ctx, k, rows)
	if err != nil {
		return nil, err
	}
	judgements := make([]store.Judgement, 0, len(rows))
	for _, r := range rows {
		j := store.Judgement{Side: r.Side, ID: r.ID, In: true}
		if r.Obs.Presence == planner.Present && r.Obs.Unread == "" {
			var link *planner.Link
			if l, ok := links[store.SideID{Side: r.Side, ID: r.ID}]; ok {
				link = &l
			}
			j.In, j.Why = planner.Admit(scope, r.Side, r.Obs.Item, link)
		}
		judgements = append(judgements, j)
	}
	return judgements, nil
}

// linksOf finds the links of staged rows.
func (s *session) linksOf(ctx context.Context, k record.Kind, rows []store.Staged) (map[store.SideID]planner.Link, error) {
	out := map[store.SideID]planner.Link{}
	for _, side := range []record.Side{record.CRM, record.Mailbox} {
		var ids []string
		for _, r := range rows {
			if r.Side == side {
				ids = append(ids, r.ID)
			}
		}
		if len(ids) == 0 {
			continue
		}
		links, err := s.a.Store.LinksBySide(ctx, s.org, s.rep, k, side, ids)
		if err != nil {
			return nil, err
		}
		for id, l := range links {
			out[store.SideID{Side: side, ID: id}] = l
		}
	}
	return out, nil
}

// limit keeps the first limit.max of what is admitted. Once there are more, every admitted record has a rank in the store, so
// that which ones are beyond the limit depends on the records alone and not on the order in which they came.
func (s *session) limit(ctx context.Context, k record.Kind, of judged) error {
	if len(of.ranks)+len(of.gone) == 0 {
		return nil
	}
	limit := s.policy.Sync(k).Limit.Max
	switch ranks, err := s.a.Store.KeepRanks(ctx, s.org, s.rep, s.epoch, k, limit, s.whole); {
	case err != nil || ranks == store.NoRanks:
		return err
	case ranks == store.LateRanks:
		return &Trouble{Class: ClassWaiting, Code: "limit_reached", Op: "keep to the policy's limit", Remedy: "The next pass reads everything again, to know which records come first."}
	}
	if err := s.a.Store.PutRanks(ctx, s.org, s.rep, s.epoch, k, of.ranks); err != nil {
		return err
	}
	if len(of.gone) > 0 {
		if err := s.a.Store.DropRanks(ctx, s.org, s.rep, s.epoch, k, of.gone); err != nil {
			return err
		}
	}
	seats, err := s.a.Store.Seats(ctx, s.org, s.rep, k, limit)
	if err != nil || len(seats.Out)+len(seats.Back) == 0 {
		return err
	}
	return s.seat(ctx, k, of.ranks, seats)
}

// seat leaves out what is beyond the limit, and stages the records that were pushed out and those that came back in
// without having changed themselves.
func (s *session) seat(ctx context.Context, k record.Kind, staged []store.Ranked, seats store.Seating) error {
	here, look, push := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, r := range staged {
		here[r.ID] = true
	}
	for _, id := range seats.Pushed {
		push[id] = true
	}
	for _, id := range append(seats.Pushed, seats.Back...) {
		look[id] = !here[id]
	}
	for _, ids := range chunksOf(keysOf(look), chunk) {
		d, err := s.get(ctx, k, record.CRM, ids)
		if err != nil {
			return err
		}
		rows, err := s.observe(ctx, k, record.CRM, d)
		if err != nil {
			return err
		}
		for i := range rows {
			rows[i].Always = true
		}
		if err := s.a.Store.Stage(ctx, s.org, s.rep, s.epoch, rows, store.Cursor{}); err != nil {
			return err
		}
		judgements, err := s.admit(ctx, k, rows)
		if err != nil {
			return err
		}
		if err := s.a.Store.Judge(ctx, s.org, s.rep, s.epoch, k, judgements); err != nil {
			return err
		}
	}
	var judgements []store.Judgement
	for _, id := range seats.Out {
		if here[id] || push[id] {
			judgements = append(judgements, store.Judgement{Side: record.CRM, ID: id, Why: planner.ReasonOverLimit})
		}
	}
	for some := range slices.Chunk(judgements, 5*chunk) {
		if err := s.a.Store.Judge(ctx, s.org, s.rep, s.epoch, k, some); err != nil {
			return err
		}
	}
	return s.a.Store.NoteSeats(ctx, s.org, s.rep, s.epoch, k, seats)
}

// rankOf is what limit.keep_first: [last_activity] sorts by: the record's last activity, an ISO date, so that later sorts
// higher; without one the record comes last. An event is its own activity.
func rankOf(it connector.Item) string {
	if span, err := record.ParseSpan(it.Fields[record.FieldTime]); err == nil {
		return span.Start.At.UTC().Format(time.RFC3339)
	}
	if v, ok := it.Raw[lastActivityField]; ok && v != nil {
		return fmt.Sprint(v)
	}
	return ""
}
