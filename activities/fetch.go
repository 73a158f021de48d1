package activities

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/policy"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// chunk is how many items travel together between Postgres, the planner and a vendor.
const chunk = 200

// Fetch asks both sides what changed since the cursors, in bounded pages, and stages it. A pass that finds nothing ends
// here, having written nothing. Each page is staged in one transaction with the place in the read, so that an attempt
// that dies resumes at its last page.
func (a *Activities) Fetch(ctx context.Context, in FetchIn) (FetchOut, error) {
	return stage(ctx, a, "fetch", func(o *FetchOut) **Trouble { return &o.Trouble }, func(ctx context.Context) (FetchOut, error) {
		ctx = connector.Anew(ctx)
		if in.Fresh {
			ctx = connector.Awaited(ctx)
		}
		out := FetchOut{Pass: in.Pass, Every: time.Minute, Plain: a.Plain}
		s, err := a.open(ctx, in.Org, in.Rep, in.Pass)
		if err != nil {
			return out, err
		}
		in.Sweep = in.Sweep || s.unswept(in)
		if in.Fresh || in.Sweep { // a person waits, perhaps for what a new profile brings
			if err := s.identify(ctx, true); err != nil {
				if t := a.troubleOf(err); t == nil || t.Class != ClassRetry && !t.passes() { // a CRM that is down does not change who the rep is
					return out, err
				}
			}
			if err := s.pickPolicy(); err != nil {
				return out, err
			}
		}
		return s.fetch(ctx, in, s.begins(in))
	})
}

// begins numbers the pass, and says by what it goes.
func (s *session) begins(in FetchIn) FetchOut {
	s.pass = max(in.Pass, s.sit.Rep.Pass+1)
	return FetchOut{Pass: s.pass, Every: s.policy.Schedule.Every, Plain: s.a.Plain, Revision: s.revision, Policy: s.policyName(), Provider: s.provider}
}

func (s *session) fetch(ctx context.Context, in FetchIn, out FetchOut) (FetchOut, error) {
	// What the backup does not know is read again and adopted by its markers, and nothing is created or deleted before an
	// admin has looked at what remains.
	out.Restored = in.Committed > s.sit.Rep.Pass
	f := &fetcher{session: s, reread: out.Restored || in.Sweep}
	defer f.giveBack()
	if in.Release != "" {
		if err := s.a.Store.ReleasePlan(ctx, s.org, s.rep, in.Release); err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
			return out, err
		}
	}
	for _, k := range kinds {
		if err := f.kind(ctx, k, in.Fresh); err != nil {
			return out, err
		}
	}
	if err := f.speak(ctx); err != nil {
		return out, err
	}
	out.Observed, out.Parked = f.staged, s.sit.Parked
	out.Trouble = f.trouble
	plan := s.sit.Plan
	if plan != nil && plan.State == store.PlanHeld && plan.Digest != in.Release {
		out.Held = holdOf(*plan)
	}
	released := plan != nil && (plan.State == store.PlanReleased || plan.Digest == in.Release)
	out.Complete, out.Reread = f.trouble == nil, s.sit.Rep.Reread
	out.Closed = f.closed
	if err := f.swept(ctx, in, &out); err != nil {
		return out, err
	}
	if len(f.closed) == len(kinds) {
		return out, nil
	}
	out.Work = f.staged > 0 || f.reread || f.moved || released
	for _, k := range kinds {
		// What was left by an earlier pass, and not because a guard holds it. What is of a closed kind stays staged.
		waiting := s.open(k) > 0 || s.sit.Staged[k] > 0 && plan == nil
		out.Work = out.Work || waiting && !slices.Contains(f.closed, k)
	}
	return out, nil
}

// unswept reports whether a workflow that was started anew has missed a sweep: it knows of none, and would put off the next one
// from start to start.
func (s *session) unswept(in FetchIn) bool {
	last := s.sit.Rep.Swept
	return in.Committed == 0 && !last.IsZero() && s.a.Now().Sub(last) >= SweepEvery
}

// swept notes the sweep, or when the workflow would have the first one, for those that come after it.
func (f *fetcher) swept(ctx context.Context, in FetchIn, out *FetchOut) error {
	out.SweptAt = f.sit.Rep.Swept
	switch {
	case in.Sweep && out.Complete:
		out.SweptAt = f.a.Now()
	case out.SweptAt.IsZero() && out.Complete:
		out.SweptAt = in.SweptAt
	}
	if out.SweptAt.IsZero() || out.SweptAt.Equal(f.sit.Rep.Swept) {
		return nil
	}
	return f.a.Store.SetSwept(ctx, f.org, f.rep, out.SweptAt)
}

// fetcher reads the two sides of one pass. It takes the lease when there is something to store, and not before.
type fetcher struct {
	*session
	staged  int           // observations staged
	moved   bool          // a cursor waits for Commit
	reread  bool          // everything is read and planned again
	closed  []record.Kind // a side of them could not be read to its end: to plan without it would double what it holds
	trouble *Trouble
	release func()
}

// hold takes the lease, if this fetch does not have it yet.
func (f *fetcher) hold(ctx context.Context) (err error) {
	if f.release == nil {
		f.release, err = f.lease(ctx)
	}
	return err
}

func (f *fetcher) giveBack() {
	if f.release != nil {
		f.release()
	}
}

// kind reads both sides of one kind. What one side or kind has to wait for delays no other.
func (f *fetcher) kind(ctx context.Context, k record.Kind, fresh bool) error {
	if f.policy.Rules(k).Direction == "off" {
		return nil
	}
	f.reread = f.reread || f.touched(ctx, k)
	for _, side := range []record.Side{record.Mailbox, record.CRM} {
		cur := f.cursor(k, side)
		if !f.a.Now().Before(cur.RetryAt) {
			cur.RetryAt, cur.RetryCode = time.Time{}, ""
		}
		if err := f.through(k, f.read(ctx, k, side, cur, fresh)); err != nil {
			return err
		}
	}
	if slices.Contains(f.closed, k) {
		return nil
	}
	if err := f.through(k, f.parked(ctx, k)); err != nil || slices.Contains(f.closed, k) {
		return err
	}
	if k == record.Event && (f.staged > 0 || f.sit.Staged[k] > 0) {
		return f.through(k, f.unroll(ctx, store.Cursor{}))
	}
	return nil
}

// through keeps the trouble of one side from the other, and of one kind from the others: only what is no vendor's trouble
// ends the stage.
func (f *fetcher) through(k record.Kind, err error) error {
	if err == nil {
		return nil
	}
	t := f.a.troubleOf(err)
	if t == nil || !t.passes() && t.Class != ClassRetry && t.Class != ClassReconnect && t.Class != ClassUnsupported {
		return err
	}
	if !slices.Contains(f.closed, k) {
		f.closed = append(f.closed, k)
	}
	f.note(t)
	return nil
}

func (f *fetcher) note(t *Trouble) {
	if f.trouble == nil || f.trouble.Class == ClassRetry || f.trouble.passes() {
		f.trouble = t
	}
}

// read reads one side of a kind. The org's feed stands where the situation says, unless this pass polls it itself.
func (f *fetcher) read(ctx context.Context, k record.Kind, side record.Side, cur store.Cursor, fresh bool) error {
	if side == record.Mailbox {
		return f.readMailbox(ctx, k, cur)
	}
	feed, there := f.sit.Feeds[k]
	if !there {
		if err := f.a.ensureFeed(ctx, f.crm, f.org, k); err != nil {
			return err
		}
	}
	if fresh {
		if _, _, err := f.a.poll(ctx, f.crm, f.org, k); err != nil {
			return err
		}
	}
	if fresh || !there {
		var err error
		if feed, err = f.a.Store.FeedState(ctx, f.org, k); err != nil {
			return err
		}
	}
	return f.readCRM(ctx, k, cur, feed)
}

// touched reports whether the policy that is assigned now wants everything read again: compared with the one that was
// applied, and with those by which a pass has read and planned that did not come to its end. A first pass has no cursors
// and reads everything anyway.
func (f *fetcher) touched(ctx context.Context, k record.Kind) bool {
	rep := f.sit.Rep
	if rep.Reread {
		return true
	}
	var before []int64
	if rep.Pass > 0 {
		before = append(before, rep.AppliedRevision)
	}
	for _, side := range []record.Side{record.Mailbox, record.CRM} {
		cur := f.cursor(k, side)
		if p := placeOf(cur); p.Revision > 0 && (len(cur.Next) > 0 || cur.NextOffset != 0 || len(p.Page) > 0 || p.Check) {
			before = append(before, p.Revision)
		}
	}
	for _, revision := range before {
		if revision != f.revision {
			f.moved = true // the new revision is committed even when nothing is staged
			if f.differs(ctx, k, revision) {
				return true
			}
		}
	}
	return false
}

// differs reports whether a kind is to be read again under the policy that is assigned now, after that of a revision.
func (f *fetcher) differs(ctx context.Context, k record.Kind, revision int64) bool {
	old := policy.Default()
	if revision > 0 {
		row, err := f.a.Store.PolicyAt(ctx, f.org, revision)
		if err != nil {
			return true
		}
		p, problems := f.a.parsed.policy(row.Document)
		if problems.Failed() {
			return true
		}
		old = p
	}
	return policy.Touches(old, f.policy, k).Read
}

// parked stages both sides of the items whose time to be tried again has come, as they are now. An idle pass asks nobody:
// what waits for other field metadata is found once there is something to do, and by its time within a day.
func (f *fetcher) parked(ctx context.Context, k record.Kind) error {
	if f.sit.Parked == 0 || f.sit.ParkedDue == 0 && f.sit.Rep.AppliedRevision == f.revision && f.staged == 0 {
		return nil
	}
	caps, err := f.capsOf(ctx, k)
	if err != nil {
		return err
	}
	metadata := caps.CRM.Metadata + "/" + caps.Mailbox.Metadata
	due, err := f.a.Store.ParkedDue(ctx, f.org, f.rep, k, f.a.Now(), f.revision, metadata)
	if err != nil || len(due) == 0 {
		return err
	}
	byID := map[string]bool{}
	for _, p := range due {
		byID[p.LinkID] = p.LinkID != ""
	}
	links, err := f.a.Store.LinksByID(ctx, f.org, f.rep, k, keysOf(byID))
	if err != nil {
		return err
	}
	ids := planner.Sides[map[string]bool]{CRM: map[string]bool{}, Mailbox: map[string]bool{}}
	for _, p := range due {
		ids.Of(p.Side)[p.ID] = true
		if l, ok := links[p.LinkID]; ok {
			ids.CRM[l.CRM.ID], ids.Mailbox[l.Mailbox.ID] = true, true
		}
	}
	for _, side := range []record.Side{record.CRM, record.Mailbox} {
		for _, some := range chunksOf(keysOf(ids.Of(side)), chunk) {
			if err := f.lookUp(ctx, k, side, some, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// keysOf lists the keys of a set that are set and not empty, sorted.
func keysOf(set map[string]bool) []string {
	var out []string
	for k, ok := range set {
		if ok && k != "" {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

func holdOf(p store.Plan) *Hold {
	return &Hold{Digest: p.Digest, Counts: p.Counts, Why: p.Why, Since: p.At}
}
