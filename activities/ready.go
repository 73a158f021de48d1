package activities

import (
	"context"
	"fmt"
	"slices"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// ready decides which intents of a batch can be sent as they were planned: their target is read just before, and what
// moved since is planned again instead.
func (w *writer) ready(ctx context.Context, t *settler, intents []store.Intent) (send []store.Intent, unlock func(), err error) {
	unlock = func() {}
	if w.verb == connector.Create {
		send, err = w.stillClaimed(ctx, t, intents)
		return send, unlock, err
	}
	ids := make([]string, 0, len(intents))
	for _, in := range intents {
		ids = append(ids, in.Ref.ID)
	}
	locked := ids
	if w.side == record.CRM {
		if locked, err = w.a.Store.LockRecords(ctx, w.org, w.k, w.holder(), ids, w.a.Lease); err != nil {
			return nil, unlock, err
		}
		unlock = func() { _ = w.a.Store.UnlockRecords(ctx, w.org, w.k, w.holder(), locked) } // a lease not given back expires
	}
	now, err := w.current(ctx, w.k, w.side, ids)
	if err != nil {
		return nil, unlock, err
	}
	mayNot, err := w.undeletable(ctx, now)
	if err != nil {
		return nil, unlock, err
	}
	for _, in := range intents {
		row, ok := now[in.Ref.ID]
		if planted.Is(planted.StalePrecondition) {
			in.If = row.Obs.Item.Version
		}
		switch {
		case !slices.Contains(locked, in.Ref.ID):
			t.drop(in, "record_leased")
		case !ok:
			t.drop(in, "not_read")
		case row.Obs.Presence == planner.Deleted && w.verb == connector.Delete:
			t.done(in, connector.Item{Ref: in.Ref}) // somebody else did it
		case row.Obs.Presence != planner.Present || row.Obs.Item.Version.Tag != in.If.Tag || row.Obs.Foreign:
			t.drop(in, "moved", row)
		case !row.Obs.Editable && !answersOnly(in) || mayNot[in.Ref.ID]:
			t.park(in, planner.ReasonCRMDeniesEdit, nil)
		case !w.invites() && w.caps.Silent != nil && !w.caps.Silent(w.op(in), &row.Obs.Item):
			t.park(in, planner.ReasonWouldMail, nil)
		default:
			in.Before = &row.Obs.Item
			send = append(send, in)
		}
	}
	return send, unlock, nil
}

// undeletable tells which records of others the rep may not delete in the CRM: the right to edit is not enough.
func (w *writer) undeletable(ctx context.Context, now map[string]store.Staged) (map[string]bool, error) {
	others := map[string]bool{}
	for id, row := range now {
		others[id] = row.Obs.Presence == planner.Present && row.Obs.Item.Owner != w.sit.Rep.CRMUser
	}
	ids := keysOf(others)
	if w.side != record.CRM || w.verb != connector.Delete || len(ids) == 0 {
		return nil, nil
	}
	access, err := w.crm.Access(ctx, w.k, w.sit.Rep.CRMUser, ids)
	mayNot := map[string]bool{}
	for _, id := range ids {
		mayNot[id] = !access[id].Delete
	}
	return mayNot, err
}

// stillClaimed keeps the creates whose claim on their strong keys stands; the others meet the record that is there by now
// when they are planned again.
func (w *writer) stillClaimed(ctx context.Context, t *settler, intents []store.Intent) (send []store.Intent, err error) {
	held, err := w.stillHeld(ctx, intents)
	if err != nil {
		return nil, err
	}
	for _, in := range intents {
		if w.side == record.CRM {
			if w.caps.Create == connector.GuardNone {
				t.park(in, planner.ReasonVendorRefused, &connector.Error{Class: connector.Park, Code: "key_field_missing", Op: "create"})
				continue
			}
			if keys := w.strongKeys(w.k, connector.Item{Fields: in.Op.Set}); len(keys) > 0 && !held[in.LinkID] && !planted.Is(planted.ClaimNotTaken) {
				got, err := w.a.Store.Claim(ctx, w.org, w.k, w.rep, in.LinkID, keys, claimFor)
				if err != nil {
					return nil, err
				}
				if !got.Won {
					t.drop(in, "claimed")
					continue
				}
			}
		}
		send = append(send, in)
	}
	return send, nil
}

// stillHeld renews the claims of a batch of creates in the CRM at once, and tells which links hold theirs.
func (w *writer) stillHeld(ctx context.Context, intents []store.Intent) (map[string]bool, error) {
	if w.side != record.CRM || planted.Is(planted.ClaimNotTaken) {
		return nil, nil
	}
	keys := map[string][][]byte{}
	for _, in := range intents {
		if all := w.strongKeys(w.k, connector.Item{Fields: in.Op.Set}); len(all) > 0 {
			keys[in.LinkID] = all
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	return w.a.Store.RenewClaims(ctx, w.org, w.k, w.rep, keys, claimFor)
}

// holder names who leases CRM records: this rep under this very epoch, so that a worker that was thought dead gives back
// nothing that its successor has taken.
func (w *writer) holder() string { return fmt.Sprintf("%s/%d", w.rep, w.epoch) }

// renew makes the leases of the mailbox and of the records to be written last from now.
func (w *writer) renew(ctx context.Context, intents []store.Intent) error {
	if err := w.a.Store.Renew(ctx, w.org, w.rep, w.epoch, w.a.Lease); err != nil || w.side != record.CRM || w.verb == connector.Create {
		return err
	}
	ids := make([]string, 0, len(intents))
	for _, in := range intents {
		ids = append(ids, in.Ref.ID)
	}
	locked, err := w.a.Store.LockRecords(ctx, w.org, w.k, w.holder(), ids, w.a.Lease)
	if err == nil && len(locked) < len(ids) {
		return store.ErrLeaseLost
	}
	return err
}
