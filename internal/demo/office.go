package demo

import (
	"context"
	"fmt"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/demo/scenario"
	"github.com/repsync/repsync/internal/demo/verify"
	"github.com/repsync/repsync/internal/keyring"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/policy"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// office is where Repsync keeps what an admin tells it: reps, policies, and the list of what is parked.
type office struct{ store *store.Store }

// openOffice connects to the store, brings its tables up to date and makes sure that the org is known.
func openOffice(ctx context.Context, databaseURL, keyringFile, org string) (office, error) {
	ring, err := keyring.Open(keyringFile)
	if err != nil {
		return office{}, fmt.Errorf("open the keyring: %w", err)
	}
	s, err := store.Open(ctx, databaseURL, ring, store.Options{})
	if err != nil {
		return office{}, fmt.Errorf("open the store: %w", err)
	}
	if err = s.Migrate(ctx); err == nil {
		err = s.PutOrg(ctx, org)
	}
	if err != nil {
		s.Close()
		return office{}, fmt.Errorf("prepare the store: %w", err)
	}
	return office{s}, nil
}

// addRep stores a rep, as `starter rep add` does.
func (o office) addRep(ctx context.Context, org, rep, mailbox, crmUser string) error {
	err := o.store.AddRep(ctx, store.Rep{Org: org, Rep: rep, Mailbox: mailbox, CRMUser: crmUser, Profile: scenario.Profile, Active: true})
	if err != nil {
		return fmt.Errorf("add rep %s: %w", rep, err)
	}
	return nil
}

// applyPolicy stores a policy document and returns its revision, as `starter policy apply` does.
func (o office) applyPolicy(ctx context.Context, org string, document []byte) (int64, error) {
	d, problems := policy.Load(document)
	if err := problems.Err(); err != nil {
		return 0, fmt.Errorf("the demo's policy: %w", err)
	}
	revision, err := o.store.ApplyPolicy(ctx, org, d.Policy.Name, document)
	if err != nil {
		return 0, fmt.Errorf("apply policy %s: %w", d.Policy.Name, err)
	}
	return revision, nil
}

// mostParked is how many parked items the demo asks for: more than any address book holds.
const mostParked = 100_000

// parked lists what is parked for a rep, each with its reason in a sentence.
func (o office) parked(ctx context.Context, org, rep string) ([]verify.Parked, error) {
	rows, err := o.store.ParkedList(ctx, org, rep, mostParked)
	if err != nil {
		return nil, fmt.Errorf("list what is parked for %s: %w", rep, err)
	}
	items := make([]verify.Parked, len(rows))
	for i, r := range rows {
		items[i] = verify.Parked{ID: r.ID, Reason: reason(r.Reason, r.Field)}
	}
	return items, nil
}

// inStep counts the pairs of a kind that are linked and of which neither item is parked, and the items that are parked.
func (o office) inStep(ctx context.Context, org, rep string, kind record.Kind) (pairs, parked int, err error) {
	if pairs, err = o.store.CountLinks(ctx, org, rep, kind, planner.Active); err != nil {
		return 0, 0, fmt.Errorf("count the pairs of %s: %w", rep, err)
	}
	rows, err := o.store.ParkedList(ctx, org, rep, mostParked)
	if err != nil {
		return 0, 0, fmt.Errorf("list what is parked for %s: %w", rep, err)
	}
	waiting := map[string]bool{}
	for _, r := range rows {
		if r.Kind != kind {
			continue
		}
		parked++
		if r.LinkID != "" {
			waiting[r.LinkID] = true
		}
	}
	return pairs - len(waiting), parked, nil
}

// deeds are the changes that Repsync made of one kind for one rep.
type deeds struct {
	created, updated, deleted activities.Sided
	conflicts                 int
}

// journalPage is how many lines of the journal are read at once.
const journalPage = 5000

// deedsSince reads out of the journal what was done for a rep after a line, and returns the last line read.
func (o office) deedsSince(ctx context.Context, org, rep string, after int64) (map[record.Kind]deeds, int64, error) {
	all := map[record.Kind]deeds{}
	for {
		lines, err := o.store.Journal(ctx, org, rep, after, journalPage)
		if err != nil {
			return nil, 0, fmt.Errorf("read the journal of %s: %w", rep, err)
		}
		for _, l := range lines {
			d := all[l.Kind]
			switch l.Action {
			case activities.ActionCreate:
				d.created.Add(l.Side, 1)
			case activities.ActionUpdate:
				d.updated.Add(l.Side, 1)
			case activities.ActionDelete:
				d.deleted.Add(l.Side, 1)
			case activities.ActionConflict:
				d.conflicts++
			}
			all[l.Kind], after = d, l.Seq
		}
		if len(lines) < journalPage {
			return all, after, nil
		}
	}
}

// reason says why an item is parked, and over which field where there is one.
func reason(r planner.Reason, field string) string {
	text := string(r) + ": " + r.Explain()
	if field != "" {
		text += " (" + field + ")"
	}
	return text
}
