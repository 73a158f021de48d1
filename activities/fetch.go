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
		out := FetchOut{Pass: in.Pass, Every: time.Minute, Plain: a.Plain}
		s, err := a.open(ctx, in.Org, in.Rep, in.Pass)
		if err != nil {
			return out, err
		}
		s.pass = max(in.Pass, s.sit.Rep.Pass+1)
		out.Pass, out.Every, out.Revision, out.Policy, out.Provider = s.pass, s.policy.Schedule.Every, s.revision, s.policyName(), s.provider
		return s.fetch(ctx, in, out)
	})
}

func (s *session) fetch(ctx context.Context, in FetchIn, out FetchOut) (FetchOut, error) {
	f := &fetcher{session: s}
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
	out.Observed = f.staged
	out.Trouble = f.trouble
	parked, err := s.a.Store.ParkedList(ctx, s.org, s.rep, 0)
	if err != nil {
		return out, err
	}
	out.Parked = len(parked)
	plan := s.sit.Plan
	if plan != nil && plan.State == store.PlanHeld && plan.Digest != in.Release {
		out.Held = holdOf(*plan)
	}
	released := plan != nil && (plan.State == store.PlanReleased || plan.Digest == in.Release)
	out.Complete = f.trouble == nil
	open := s.sit.Open[store.Planned] + s.sit.Open[store.Sent] + s.sit.Open[store.Unknown]
	waiting := s.sit.Staged > 0 && plan == nil // left by an earlier pass, and not because a guard holds it
	out.Work = f.staged > 0 || f.reread || f.moved || released || open > 0 || waiting
	return out, nil
}

// fetcher reads the two sides of one pass. It takes the lease when there is something to store, and not before.
type fetcher struct {
	*session
	staged  int  // observations staged
	moved   bool // a cursor waits for Commit
	reread  bool // everything is read and planned again
	trouble *Trouble
	release func()
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
		if now := f.a.Now(); now.Before(cur.RetryAt) {
			f.note(&Trouble{Class: ClassRetry, Code: cur.RetryCode, Op: "read " + string(side), Remedy: remedies[ClassRetry], Until: cur.RetryAt})
			continue
		}
		err := f.read(ctx, k, side, cur, fresh)
		if err == nil {
			continue
		}
		t := f.a.troubleOf(err)
		if t == nil {
			return err
		}
		if t.Class != ClassRetry && t.Class != ClassReconnect {
			return err
		}
		f.note(t)
		if !t.Until.IsZero() {
			if err := f.a.Store.SetRetry(ctx, f.org, f.rep, k, side, t.Until, t.Code); err != nil {
				return err
			}
		}
	}
	return f.parked(ctx, k)
}

func (f *fetcher) note(t *Trouble) {
	if f.trouble == nil || f.trouble.Class == ClassRetry {
		f.trouble = t
	}
}

// read reads one side of a kind.
func (f *fetcher) read(ctx context.Context, k record.Kind, side record.Side, cur store.Cursor, fresh bool) error {
	if side == record.Mailbox {
		return f.readMailbox(ctx, k, cur)
	}
	if err := f.a.ensureFeed(ctx, f.crm, f.org, k); err != nil {
		return err
	}
	if fresh {
		if _, _, err := f.a.poll(ctx, f.crm, f.org, k); err != nil {
			return err
		}
	}
	return f.readCRM(ctx, k, cur)
}

// touched reports whether the policy that is assigned now wants everything read again. A first pass has no cursors and
// reads everything anyway.
func (f *fetcher) touched(ctx context.Context, k record.Kind) bool {
	rep := f.sit.Rep
	if rep.Reread {
		return true
	}
	if rep.AppliedRevision == f.revision || rep.Pass == 0 {
		return false
	}
	old := policy.Default()
	if rep.AppliedRevision > 0 {
		row, err := f.a.Store.PolicyAt(ctx, f.org, rep.AppliedRevision)
		if err != nil {
			return true
		}
		p, problems := policy.Parse(row.Document)
		if problems.Failed() {
			return true
		}
		old = p
	}
	change := policy.Touches(old, f.policy, k)
	if change.Nothing() {
		return false
	}
	f.moved = true // the new revision is committed even when nothing is staged
	return change.Read
}

// cursor returns where reading a kind on a side stands; the zero cursor asks for a full read.
func (f *fetcher) cursor(k record.Kind, side record.Side) store.Cursor {
	for _, c := range f.sit.Cursors {
		if c.Kind == k && c.Side == side {
			return c
		}
	}
	return store.Cursor{Kind: k, Side: side}
}

// readMailbox reads a mailbox's changes to the end.
func (f *fetcher) readMailbox(ctx context.Context, k record.Kind, cur store.Cursor) error {
	start := cur.Token
	if len(cur.Next) > 0 {
		start = cur.Next // read, staged, and not committed yet: go on from there
	}
	inside := len(cur.Page) > 0
	if !inside {
		if cur.Full = len(start) == 0 || f.reread; cur.Full {
			cur.ReadNo++
		}
	}
	for {
		q := connector.Query{Token: start, Page: cur.Page}
		if cur.Full {
			q.Token = nil
		}
		d, err := f.mailbox.Changes(ctx, k, q)
		if connector.ClassOf(err) == connector.CursorLost {
			// The token or a page of it is gone: everything again, from the start. Nothing is deleted by absence until
			// that read is complete.
			cur.Full, cur.Page, cur.Token, cur.Next, start = true, nil, nil, nil, nil
			cur.ReadNo++
			continue
		}
		if err != nil {
			return err
		}
		last := len(d.Page) == 0
		if !cur.Full && last && !inside && len(d.Items)+len(d.Gone)+len(d.Bad) == 0 {
			return nil // idle: the token stays good
		}
		cur.Page = d.Page
		if last {
			cur.Next = d.Token
		}
		if err := f.stage(ctx, k, record.Mailbox, d, cur); err != nil {
			return err
		}
		inside = true
		if last {
			return f.absent(ctx, k, record.Mailbox, cur)
		}
	}
}

// readCRM reads what the org's feed has for the rep, or takes a snapshot: the first time, after falling behind the feed,
// and when everything is to be read again. The cursor's offset is the sequence number of the next row to read.
func (f *fetcher) readCRM(ctx context.Context, k record.Kind, cur store.Cursor) error {
	feed, err := f.a.Store.FeedState(ctx, f.org, k)
	if err != nil {
		return err
	}
	next := max(cur.Offset, cur.NextOffset)
	if next == 0 || next < feed.First || f.reread || len(cur.Page) > 0 {
		return f.snapshot(ctx, k, cur, feed)
	}
	noted := next
	cur.Full = false
	for next <= feed.Last {
		rows, scanned, err := f.a.Store.FeedSince(ctx, f.org, k, f.rep, f.sit.Rep.CRMUser, next-1, 5*chunk)
		if err != nil {
			return err
		}
		if scanned < next {
			break
		}
		next = scanned + 1
		if len(rows) > 0 {
			cur.NextOffset, noted = next, next
			if err := f.stage(ctx, k, record.CRM, deltaOf(rows), cur); err != nil {
				return err
			}
		}
	}
	// An offset that stands still while the log moves on would fall behind its retention: note it now and then.
	if next-noted >= 1000 {
		cur.NextOffset = next
		return f.stage(ctx, k, record.CRM, connector.Delta{}, cur)
	}
	return nil
}

func deltaOf(rows []store.FeedRow) connector.Delta {
	var d connector.Delta
	for _, r := range rows {
		if r.Deleted {
			d.Gone = append(d.Gone, connector.Gone{Ref: connector.Ref{ID: r.ID}, Deleted: true})
			continue
		}
		d.Items = append(d.Items, r.Item)
	}
	return d
}

// snapshot reads all of a rep's own records. What changes meanwhile is in the feed after the offset noted first.
func (f *fetcher) snapshot(ctx context.Context, k record.Kind, cur store.Cursor, feed store.FeedState) error {
	if len(cur.Page) == 0 {
		cur.Full, cur.ReadNo, cur.NextOffset = true, cur.ReadNo+1, 0
		cur.Offset = feed.Last + 1 // kept while inside the read, whose end makes it NextOffset
	}
	extra, err := f.extra(k)
	if err != nil {
		return err
	}
	for {
		d, err := f.crm.Changes(ctx, k, connector.Query{Owner: f.sit.Rep.CRMUser, Page: cur.Page, Extra: extra})
		if connector.ClassOf(err) == connector.CursorLost && len(cur.Page) > 0 {
			cur.Page = nil
			continue
		}
		if err != nil {
			return err
		}
		cur.Page = d.Page
		last := len(d.Page) == 0
		if last {
			cur.NextOffset = cur.Offset
		}
		if err := f.stage(ctx, k, record.CRM, d, cur); err != nil {
			return err
		}
		if last {
			return f.absent(ctx, k, record.CRM, cur)
		}
	}
}

// absent looks, one by one, for the linked items that a complete full read did not show: absence is suspicion, and only a
// get by id tells whether an item was deleted, left the rep's sight, or merely was not in the answer.
func (f *fetcher) absent(ctx context.Context, k record.Kind, side record.Side, cur store.Cursor) error {
	if !cur.Full {
		return nil
	}
	for after := ""; ; {
		ids, err := f.a.Store.AbsentLinks(ctx, f.org, f.rep, k, side, cur.ReadNo, after, chunk)
		if err != nil || len(ids) == 0 {
			return err
		}
		after = ids[len(ids)-1]
		if err := f.lookUp(ctx, k, side, ids, cur.ReadNo); err != nil {
			return err
		}
	}
}

// lookUp gets items by id and stages what it finds.
func (f *fetcher) lookUp(ctx context.Context, k record.Kind, side record.Side, ids []string, readNo int64) error {
	d, err := f.get(ctx, k, side, ids)
	if err != nil {
		return err
	}
	return f.stage(ctx, k, side, d, store.Cursor{ReadNo: readNo})
}

// get reads items by id, as a delta.
func (s *session) get(ctx context.Context, k record.Kind, side record.Side, ids []string) (connector.Delta, error) {
	extra := []string(nil)
	if side == record.CRM {
		var err error
		if extra, err = s.extra(k); err != nil {
			return connector.Delta{}, err
		}
	}
	refs := make([]connector.Ref, len(ids))
	for i, id := range ids {
		refs[i] = connector.Ref{ID: id}
	}
	items, gone, err := s.side(side).Get(ctx, k, refs, extra)
	return connector.Delta{Items: items, Gone: gone}, err
}

// parked stages both sides of the items whose time to be tried again has come, as they are now.
func (f *fetcher) parked(ctx context.Context, k record.Kind) error {
	metadata := ""
	if f.sit.ParkedDue > 0 || f.sit.Rep.AppliedRevision != f.revision || f.staged > 0 {
		caps, err := f.capsOf(ctx, k)
		if err != nil {
			return err
		}
		metadata = caps.CRM.Metadata + "/" + caps.Mailbox.Metadata
	}
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
