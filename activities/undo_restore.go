package activities

import (
	"context"
	"maps"
	"slices"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// restore creates again what a pass has deleted, under the next generation of the same link.
func (u *undoer) restore(ctx context.Context, d deed, target, original planner.Observation) error {
	gone := d.last()
	if gone.Op.Undo != "" || gone.SentAt.IsZero() || target.Presence == planner.Present || d.linked && d.link.State == planner.Active {
		return nil // it was taken back, somebody else deleted it, or it is there again
	}
	if gone.Before == nil || !d.linked && gone.ID == "" { // erased, or pruned together with its link: its generation is not known
		u.leave(d, UndoNotKept)
		return nil
	}
	was := maps.Clone(gone.Before.Fields)
	back, _, _ := d.history[:len(d.history)-1].was(was, func(string, string) bool { return false })
	maps.Copy(was, back)
	pin, after := pinOf(original)
	why, err := u.bars(ctx, d, was, original)
	if err != nil {
		return err
	}
	shown := original.Item
	if u.hides(original) {
		shown.Fields = planner.Disguise(shown.Fields)
	}
	op := planner.Restore(d.side, was, u.fields.Of(d.side), u.rules, shown, u.now)
	op.Undo, op.Pin = u.in.Run, pin
	if why == "" && u.mails(op, nil) {
		why = planner.ReasonWouldMail
	}
	link := d.link
	if !d.linked {
		link = planner.Link{ID: gone.LinkID, State: planner.Tombstone, Generation: gone.Generation}
		link.Side(d.side).ID, link.Side(d.side.Other()).ID = gone.Ref.ID, gone.SourceID
	}
	link = planner.Reborn(link, u.now)
	if why == "" && d.side == record.CRM && !u.in.DryRun {
		free, err := u.claimAgain(ctx, link, op, original)
		if err != nil {
			return err
		}
		if !free {
			why = UndoClaimed
		}
	}
	if why != "" {
		u.leave(d, why)
		return nil
	}
	u.batch.Links = append(u.batch.Links, link)
	u.intend(d, link, op, planner.ReasonPinned, after, connector.Version{})
	return nil
}

// pinOf is what an item that is created again is not to be deleted again for, and the state of its link.
func pinOf(original planner.Observation) (planner.Reason, planner.LinkState) {
	switch {
	case original.Presence != planner.Present:
		return planner.ReasonDeleted, planner.Tombstone
	case !original.In:
		return original.Why, planner.Active
	}
	return planner.ReasonPinned, planner.Active
}

// bars tells why an item cannot be created again.
func (u *undoer) bars(ctx context.Context, d deed, was record.Fields, original planner.Observation) (planner.Reason, error) {
	if why := u.hidden(d.side, original); why != "" {
		return why, nil
	}
	if original.Presence == planner.Present {
		if why := untouchable(original); why != "" {
			return why, nil
		}
	}
	invited := slices.ContainsFunc(record.Attendees(was[record.FieldAttendees]), func(a record.Attendee) bool {
		return record.NormalEmail(a.Email) != record.NormalEmail(u.sit.Rep.Mailbox)
	})
	if d.side == record.Mailbox && invited && !u.fields.Mailbox[record.FieldAttendees].Write {
		return planner.ReasonWouldMail, nil
	}
	others, err := u.a.Store.LinksBySide(ctx, u.org, u.rep, u.k, d.side.Other(), []string{d.source})
	if l, ok := others[d.source]; err == nil && ok && l.ID != d.last().LinkID && l.State != planner.Left {
		return UndoElsewhere, nil
	}
	return "", err
}

// claimAgain takes the strong keys of a record that is about to be created again: its own, or its original's where the CRM has
// no field for them (a meeting's UID). Claims of records that are gone end.
func (u *undoer) claimAgain(ctx context.Context, link planner.Link, op planner.Op, original planner.Observation) (bool, error) {
	keys := u.strongKeys(u.k, connector.Item{Fields: op.Set})
	if len(keys) == 0 && original.Presence == planner.Present {
		keys = u.strongKeys(u.k, original.Item)
	}
	for len(keys) > 0 {
		got, err := u.a.Store.Claim(ctx, u.org, u.k, u.rep, link.ID, keys, claimFor)
		if err != nil || got.Won {
			return got.Won, err
		}
		ended := false
		for _, id := range got.CRMIDs {
			o, err := u.lookShared(ctx, record.CRM, id)
			if err != nil {
				return false, err
			}
			if o.Presence == planner.Deleted {
				ended = true
				if err := u.a.Store.DropClaims(ctx, u.org, u.k, id); err != nil {
					return false, err
				}
			}
		}
		if !ended {
			return false, nil
		}
	}
	return true, nil
}
