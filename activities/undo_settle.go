package activities

import (
	"context"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// settled is a link after a write that took place.
func settled(l planner.Link, op planner.Op, shown connector.Item, now record.Hasher) planner.Link {
	if op.Undo != "" && !planted.Is(planted.UndoReplanned) {
		return planner.PutBack(l, op, shown, now)
	}
	return planner.Settle(l, op, shown, now)
}

// undone settles what an undo wrote. What is staged stays: it was read before this write, and is read again by the pass that
// plans it.
func (t *settler) undone(in store.Intent, link planner.Link, id string) {
	t.batch.Links = replaceLink(t.batch.Links, link)
	for _, part := range t.parts[link.ID] { // their deletion is not carried over
		part.State = planner.Tombstone
		t.batch.Links = replaceLink(t.batch.Links, part)
	}
	t.batch.Journal = append(t.batch.Journal, store.Line{Pass: t.pass, Revision: in.Revision, Kind: t.k, Side: in.Op.Side, ID: id, LinkID: link.ID,
		Action: ActionUndo, Rule: undoRule(in.Op.Undo), Code: string(in.Op.Verb), Reason: in.Reason, Values: changesOf(in)})
	for _, at := range []store.SideID{{Side: in.Op.Side, ID: id}, {Side: in.Op.Side.Other(), ID: idOn(link, in.Op.Side.Other())}} {
		if at.ID != "" {
			t.batch.Verdicts = append(t.batch.Verdicts, t.verdict(t.k, at.Side, at.ID, planner.Decision{Reason: in.Reason}, &link))
		}
	}
}

// refuse notes that a write that an undo wanted was refused. It is not tried again in this attempt.
func (t *settler) refuse(in store.Intent, why planner.Reason, code string) {
	t.undo.refused[in.LinkID+string(in.Op.Side)] = true
	link := t.links[in.LinkID]
	line := UndoLine{Kind: t.k, Side: in.Op.Side, Item: idOn(link, in.Op.Side), Link: in.LinkID, Reason: why, Code: code}
	t.undo.left = append(t.undo.left, line)
	t.batch.Journal = append(t.batch.Journal, leftLine(line, in.Op.Undo, t.pass, in.Revision))
}

// undoneSeries looks up the occurrences of the series that an undo takes back.
func (t *settler) undoneSeries(ctx context.Context, intents []store.Intent) error {
	ids := map[string]bool{}
	of := map[string]string{}
	for _, in := range intents {
		if link := t.links[in.LinkID]; in.Op.Undo != "" && in.Op.Verb == connector.Delete && in.Op.Side == record.Mailbox && link.Series() {
			ids[in.Ref.ID], of[in.Ref.ID] = true, link.ID
		}
	}
	if len(ids) == 0 {
		return nil
	}
	links, err := t.a.Store.LinksOfSeries(ctx, t.org, t.rep, keysOf(ids))
	t.parts = map[string][]planner.Link{}
	for id, some := range links {
		for _, l := range some {
			if l.ID != of[id] && l.State == planner.Active {
				t.parts[of[id]] = append(t.parts[of[id]], l)
			}
		}
	}
	return err
}
