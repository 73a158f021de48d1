package activities

import (
	"context"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// Glance tells whether a pass by the schedule would find nothing, as nearly all do: one look at the store, and one call per
// kind to the mailbox. It runs inside the workflow's own task, so that an idle pass takes no task of its own and leaves half
// as many events behind. It stores nothing, and whatever it meets it leaves to Fetch, which reads it again: News says so.
func (a *Activities) Glance(ctx context.Context, in FetchIn) (FetchOut, error) {
	return stage(ctx, a, "glance", func(o *FetchOut) **Trouble { return &o.Trouble }, func(ctx context.Context) (FetchOut, error) {
		s, err := a.open(ctx, in.Org, in.Rep, in.Pass)
		if err != nil {
			return FetchOut{News: true}, nil //nolint:nilerr // Fetch meets it again, and tells
		}
		out := s.begins(in)
		out.Parked, out.Complete = s.sit.Parked, true
		out.News = s.due(in) || s.news(ctx)
		return out, nil
	})
}

// due reports whether the store alone tells that a pass has something to do.
func (s *session) due(in FetchIn) bool {
	rep := s.sit.Rep
	speaks := s.speaks()
	if in.Fresh || in.Sweep || in.Release != "" || in.Committed > rep.Pass || rep.Pass == 0 || rep.Reread || rep.AppliedRevision != s.revision ||
		rep.Speaks == nil || *rep.Speaks != speaks || s.sit.Plan != nil || s.sit.ParkedDue > 0 {
		return true
	}
	for _, k := range kinds {
		if s.sit.Staged[k] > 0 || s.open(k) > 0 {
			return true
		}
	}
	return false
}

// news reports whether either side has something new for the rep, or may have.
func (s *session) news(ctx context.Context) bool {
	var on []record.Kind
	for _, k := range kinds {
		if s.policy.Rules(k).Direction == "off" {
			continue
		}
		on = append(on, k)
		if s.unread(k, record.Mailbox) || s.written(s.cursor(k, record.Mailbox)) || s.unread(k, record.CRM) || s.logged(ctx, k) {
			return true
		}
	}
	for _, k := range on {
		d, err := s.mailbox.Changes(ctx, k, connector.Query{Token: s.cursor(k, record.Mailbox).Token})
		if err != nil || len(d.Page)+len(d.Items)+len(d.Gone)+len(d.Bad) > 0 {
			return true
		}
	}
	return false
}

// unread reports whether a cursor stands inside of something: a read that has not ended or was not committed, a vendor that
// asked to be left alone.
func (s *session) unread(k record.Kind, side record.Side) bool {
	cur := s.cursor(k, side)
	p := placeOf(cur)
	return len(p.Page) > 0 || p.Check || len(cur.Next) > 0 || cur.NextOffset != 0 || s.a.Now().Before(cur.RetryAt) ||
		side == record.Mailbox && len(cur.Token) == 0 || side == record.CRM && (cur.Offset == 0 || cur.Full)
}

// logged reports whether the org's log has something for the rep after the rep's offset, or that offset is to be noted anew.
func (s *session) logged(ctx context.Context, k record.Kind) bool {
	feed, there := s.sit.Feeds[k]
	next := s.cursor(k, record.CRM).Offset
	if !there || next < feed.First {
		return true
	}
	if next > feed.Last {
		return false
	}
	rows, scanned, err := s.a.Store.FeedSince(ctx, s.org, k, s.rep, s.sit.Rep.CRMUser, next-1, 1)
	return err != nil || len(rows) > 0 || scanned < feed.Last || behind(next, scanned+1, feed)
}

// behind reports whether an offset that stands still while the log moves on would fall behind its retention: it is noted now
// and then.
func behind(noted, next int64, feed store.FeedState) bool {
	return next-noted >= 1000 || next > noted && noted < (feed.First+feed.Last)/2
}
