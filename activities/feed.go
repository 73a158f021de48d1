package activities

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// PollFeed reads what changed in an org's CRM, once for all its reps, into the org's log, and forgets what is older than
// the log is kept.
func (a *Activities) PollFeed(ctx context.Context, in FeedIn) (FeedOut, error) {
	return stage(ctx, a, "feed", func(o *FeedOut) **Trouble { return &o.Trouble }, func(ctx context.Context) (FeedOut, error) {
		settings := a.Feeds[in.Org]
		if settings.Every <= 0 {
			settings.Every = time.Minute
		}
		if settings.Keep <= 0 {
			settings.Keep = 72 * time.Hour
		}
		out := FeedOut{Every: settings.Every}
		crm, err := a.Connect.CRM(in.Org)
		if err != nil {
			return out, &Trouble{Class: ClassConfig, Code: "not_configured", Op: "connect org " + in.Org, Remedy: err.Error()}
		}
		var failed error
		for _, k := range kinds { // what one has to wait for delays no other
			rows, more, err := a.pollKind(ctx, crm, in.Org, k)
			out.Rows += rows
			out.More = out.More || more
			if failed == nil {
				failed = err
			}
		}
		if failed != nil {
			return out, failed
		}
		before := a.Now().Add(-settings.Keep)
		if _, err := a.Store.PruneFeed(ctx, in.Org, before); err != nil {
			return out, err
		}
		return out, a.Store.Prune(ctx, in.Org, before)
	})
}

func (a *Activities) pollKind(ctx context.Context, crm connector.CRM, org string, k record.Kind) (rows int, more bool, err error) {
	_, err = a.Store.FeedState(ctx, org, k)
	if errors.Is(err, store.ErrNotFound) { // no rep syncs it yet; the first one begins its log
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	return a.poll(ctx, crm, org, k)
}

// ensureFeed starts an org's feed of a kind at now, if it has not been started: reps read what was there before by their
// own first snapshot.
func (a *Activities) ensureFeed(ctx context.Context, crm connector.CRM, org string, k record.Kind) error {
	_, err := a.Store.FeedState(ctx, org, k)
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	d, err := crm.Changes(ctx, k, connector.Query{FromNow: true})
	if err != nil {
		return err
	}
	if err := a.Store.PutOrg(ctx, org); err != nil {
		return err
	}
	return a.Store.EnsureFeed(ctx, org, k, d.Token)
}

// poll appends one read of the CRM to the log, page by page. A poll beside another one that was faster gives way to it.
func (a *Activities) poll(ctx context.Context, crm connector.CRM, org string, k record.Kind) (rows int, more bool, err error) {
	extra, err := a.feedExtra(ctx, org, k)
	if err != nil {
		return 0, false, err
	}
	for range 50 {
		at, err := a.Store.FeedState(ctx, org, k)
		if err != nil {
			return rows, false, err
		}
		d, err := a.changesWith(ctx, crm, k, connector.Query{Token: at.Token, Page: at.Page}, extra)
		if connector.ClassOf(err) == connector.CursorLost {
			if err := a.lostFeed(ctx, crm, org, k, at); err != nil {
				return rows, false, err
			}
			continue
		}
		if err != nil {
			return rows, false, err
		}
		token := at.Token
		if len(d.Page) == 0 {
			token = d.Token
		}
		n, err := a.Store.AppendFeed(ctx, org, k, at.Token, a.rowsOf(k, d), token, d.Page)
		if errors.Is(err, store.ErrConflict) {
			return rows, false, nil
		}
		rows += n
		if err != nil || len(d.Page) == 0 {
			return rows, false, err
		}
	}
	return rows, true, nil
}

// lostFeed goes on where the CRM no longer accepts the feed's place: a page is read again from its token; without one the
// log begins anew at now, and every rep, whose offset it has left behind, takes a snapshot.
func (a *Activities) lostFeed(ctx context.Context, crm connector.CRM, org string, k record.Kind, at store.FeedState) error {
	var err error
	if len(at.Page) > 0 {
		_, err = a.Store.AppendFeed(ctx, org, k, at.Token, nil, at.Token, nil)
	} else {
		var d connector.Delta
		if d, err = crm.Changes(ctx, k, connector.Query{FromNow: true}); err != nil {
			return err
		}
		err = a.Store.RestartFeed(ctx, org, k, at.Token, d.Token)
	}
	if errors.Is(err, store.ErrConflict) {
		return nil // somebody else did
	}
	return err
}

// changesWith reads a page with the fields that all policies' filters read. A field that the org does not have is left
// out: the policy that reads it stops its own reps, not everybody's feed.
func (a *Activities) changesWith(ctx context.Context, crm connector.CRM, k record.Kind, q connector.Query, extra []string) (connector.Delta, error) {
	q.Extra = extra
	d, err := crm.Changes(ctx, k, q)
	if connector.ClassOf(err) != connector.Unsupported || len(extra) == 0 {
		return d, err
	}
	for _, field := range extra {
		if codeOf(err) == "unknown_field:"+field {
			return a.changesWith(ctx, crm, k, q, without(extra, field))
		}
	}
	return d, err
}

// feedExtra lists the CRM fields that any policy of the org reads.
func (a *Activities) feedExtra(ctx context.Context, org string, k record.Kind) ([]string, error) {
	var fields []string
	if k == record.Contact {
		fields = append(fields, lastActivityField)
	}
	rows, err := a.Store.Policies(ctx, org)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		p, problems := a.parsed.policy(row.Document)
		if problems.Failed() || p.Sync(k).Filter == "" {
			continue
		}
		if f, err := a.parsed.filter(k, p.Sync(k).Filter); err == nil {
			fields = append(fields, f.Fields()...)
		}
	}
	slices.Sort(fields)
	return slices.Compact(fields), nil
}

// rowsOf makes log rows of a page. An item that merely left the integration user's view is not logged: each rep's own
// access is asked for when its copy is planned.
func (a *Activities) rowsOf(k record.Kind, d connector.Delta) []store.FeedRow {
	var rows []store.FeedRow
	for _, it := range d.Items {
		rows = append(rows, store.FeedRow{Kind: k, ID: it.ID, Owner: it.Owner, Version: stateOf(it), Item: it})
	}
	for _, g := range d.Gone {
		if g.Deleted {
			rows = append(rows, store.FeedRow{Kind: k, ID: g.ID, Deleted: true, Version: g.Version, Into: g.Into})
		}
	}
	for ref, bad := range d.Bad {
		rows = append(rows, store.FeedRow{Kind: k, ID: ref.ID, Version: connector.Version{Tag: "undecodable/" + codeOf(bad), At: a.Now()}, Item: connector.Item{Ref: ref, Partial: true}})
	}
	return rows
}

// stateOf tells one logged state of a record from another. The vendor's tag covers the mapped fields; what filters read may
// have changed beside them within the resolution of its stamp.
func stateOf(it connector.Item) connector.Version {
	raw, err := json.Marshal(it.Raw) // keys are sorted
	if err != nil || len(it.Raw) == 0 {
		return it.Version
	}
	sum := sha256.Sum256(fmt.Appendf(raw, "\x00%s\x00%q", it.Owner, it.Reps))
	return connector.Version{Tag: fmt.Sprintf("%s/%x", it.Version.Tag, sum[:6]), At: it.Version.At}
}
