package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/policy"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// policies are an org's documents.
type policies struct {
	docs   []store.PolicyDoc // oldest first
	newest int64             // as the org's row has it
	picked []policy.Revision
}

func (e *examiner) readPolicies(ctx context.Context) (p policies, err error) {
	if p.docs, p.newest, err = e.Store.PolicyRows(ctx, e.Org); err != nil {
		return p, err
	}
	for _, d := range p.current() {
		if !d.Broken {
			parsed, _ := policy.Parse(d.Document)
			p.picked = append(p.picked, policy.Revision{Number: d.Revision, Policy: parsed})
		}
	}
	return p, nil
}

// current are the newest revisions of each name.
func (p policies) current() []store.PolicyDoc {
	newest := map[string]int64{}
	for _, d := range p.docs {
		newest[d.Name] = max(newest[d.Name], d.Revision)
	}
	return slices.DeleteFunc(slices.Clone(p.docs), func(d store.PolicyDoc) bool { return d.Revision != newest[d.Name] })
}

func (p policies) has(revision int64) bool {
	return slices.ContainsFunc(p.docs, func(d store.PolicyDoc) bool { return d.Revision == revision })
}

// of is the policy that a rep gets.
func (p policies) of(rep, profile string) policy.Policy {
	got, ok := policy.Pick(p.picked, policy.Assignee{Rep: rep, Profile: profile})
	if !ok {
		return policy.Default()
	}
	return got.Policy
}

// examineOrg looks twice at what is the org's own, and mends it if it is to.
func (e *examiner) examineOrg(ctx context.Context) error {
	first, err := e.ofOrg(ctx)
	if err != nil || len(first) == 0 {
		return err
	}
	if err := e.Wait(ctx, moment); err != nil {
		return err
	}
	found, err := e.ofOrg(ctx)
	if err != nil {
		return err
	}
	before := map[string]bool{}
	for _, f := range first {
		before[f.Rep+f.key()] = true
	}
	found = slices.DeleteFunc(found, func(f Finding) bool { return !before[f.Rep+f.key()] })
	for i := range found {
		f := &found[i]
		if !e.Fix || !f.Fixable {
			continue
		}
		line := store.Line{Kind: f.Kind, Side: f.Side, ID: f.Item, LinkID: f.Link, Action: Action, Code: string(f.Code), Rule: e.rule()}
		repair := store.OrgRepair{Journal: []store.Line{line}}
		f.org(&repair)
		if err := e.Store.MendOrg(ctx, e.Org, repair); err != nil {
			return err
		}
		f.Fixed = true
	}
	e.report.Findings = append(e.report.Findings, found...)
	return nil
}

// finding completes a finding of the org's.
func finding(f Finding, mend func(*store.OrgRepair)) Finding {
	known := codes[f.Code]
	f.Explain, f.Remedy, f.Fixable, f.org = known.explain, known.remedy, known.fixable && mend != nil, mend
	return f
}

func (e *examiner) ofOrg(ctx context.Context) ([]Finding, error) {
	var out []Finding
	for _, check := range []func(context.Context) ([]Finding, error){e.ofPolicies, e.ofFeeds, e.ofLeases, e.ofAbsent, e.ofJournals} {
		found, err := check(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

func (e *examiner) ofPolicies(ctx context.Context) (out []Finding, err error) {
	p, err := e.readPolicies(ctx)
	if err != nil {
		return nil, err
	}
	top := int64(0)
	for _, d := range p.docs {
		top = max(top, d.Revision)
	}
	if top > p.newest {
		out = append(out, finding(Finding{Code: OrgRevision, Item: fmt.Sprint(top)}, func(r *store.OrgRepair) { r.Revision = top }))
	}
	for _, d := range p.current() {
		name := fmt.Sprintf("%s@%d", d.Name, d.Revision)
		if d.Broken {
			out = append(out, finding(Finding{Code: PolicySealed, Item: name}, nil))
			continue
		}
		if _, problems := policy.Parse(d.Document); problems.Failed() {
			out = append(out, finding(Finding{Code: PolicyInvalid, Item: name}, nil))
		}
	}
	return out, nil
}

// ofFeeds looks at the org's logs: whether they open, and whether a row is missing.
func (e *examiner) ofFeeds(ctx context.Context) (out []Finding, err error) {
	logs, err := e.Store.FeedLogs(ctx, e.Org)
	if err != nil {
		return nil, err
	}
	sealed, err := e.Store.FeedBoxes(ctx, e.Org)
	if err != nil {
		return nil, err
	}
	for _, l := range logs {
		f := Finding{Kind: l.Kind, Side: record.CRM, Item: string(l.Kind)}
		whole := l.Rows == l.Last-l.First+1 && (l.Rows == 0 || l.Least == l.First && l.Top == l.Last)
		switch {
		case l.Broken || slices.Contains(sealed, l.Kind):
			f.Code = FeedSealed
		case !whole:
			f.Code = FeedGap
		default:
			continue
		}
		token := l.Token
		if l.Broken {
			if token, err = e.fromNow(ctx, l.Kind); err != nil {
				return nil, err
			}
		}
		if token == nil || len(e.opened) == 0 { // nothing of the org opens: it is not the log that is damaged
			f.Code = SealedKey
			out = append(out, finding(f, nil))
			continue
		}
		out = append(out, finding(f, func(r *store.OrgRepair) { r.Feeds = map[record.Kind][]byte{l.Kind: token} }))
	}
	return out, nil
}

// fromNow asks the CRM for a token from which later changes are seen; nil where it does not answer.
func (e *examiner) fromNow(ctx context.Context, k record.Kind) ([]byte, error) {
	if e.crm == nil {
		return nil, nil
	}
	d, err := e.crm.Changes(ctx, k, connector.Query{FromNow: true})
	if err != nil && codeOf(err) != "" {
		e.unchecked(Unchecked{Kind: k, Side: record.CRM, Code: codeOf(err)})
		return nil, nil
	}
	return d.Token, err
}

func (e *examiner) ofLeases(ctx context.Context) (out []Finding, err error) {
	long, err := e.Store.LongLeases(ctx, e.Org, e.Now().Add(longest))
	for kind, ids := range long {
		for _, id := range ids {
			out = append(out, finding(Finding{Code: RecordLease, Kind: kind, Side: record.CRM, Item: id}, func(r *store.OrgRepair) {
				r.Records, r.Until = map[record.Kind][]string{kind: {id}}, e.Now().Add(e.Lease)
			}))
		}
	}
	return out, err
}

// ofAbsent looks for what is left of reps who are not there: rows that wait for nobody, and claims for creates.
func (e *examiner) ofAbsent(ctx context.Context) (out []Finding, err error) {
	orphans, err := e.Store.Orphans(ctx, e.Org)
	if err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for _, o := range orphans {
		if named[o.Rep] {
			continue
		}
		named[o.Rep] = true
		f := Finding{Code: Orphaned, Rep: o.Rep, Item: o.Rep}
		out = append(out, finding(f, func(r *store.OrgRepair) { r.Rep = o.Rep }))
	}
	key := []byte{}
	for {
		rows, err := e.Store.ClaimRows(ctx, e.Org, "", key, 5*batch)
		if err != nil || len(rows) == 0 {
			return out, err
		}
		key = rows[len(rows)-1].Key
		for _, c := range rows {
			if e.reps[c.Rep] || c.CRMID != "" || c.Until.After(e.Now().Add(-e.Keep-time.Hour)) && c.Until.Before(e.Now().Add(longest+5*time.Minute)) {
				continue
			}
			f := Finding{Code: ClaimExpired, Rep: c.Rep, Kind: c.Kind, Link: c.LinkID}
			out = append(out, finding(f, func(r *store.OrgRepair) { r.Rep, r.DropClaims = c.Rep, []store.ClaimOf{claimOf(c)} }))
		}
	}
}

// ofJournals looks whether the journals are those of the org's reps: each rep's own is verified with the rep.
func (e *examiner) ofJournals(ctx context.Context) (out []Finding, err error) {
	v, err := e.Store.VerifyJournal(ctx, e.Org, "")
	for _, b := range v.Broken {
		if b.Rep == "" || !e.reps[b.Rep] {
			out = append(out, finding(Finding{Code: JournalBroken, Rep: b.Rep, Item: fmt.Sprintf("#%d %s", b.Seq, b.Fault)}, nil))
		}
	}
	return out, err
}
