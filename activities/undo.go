package activities

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// UndoIn asks to put back what passes have changed for a rep.
type UndoIn struct {
	Org    string    `json:"org"`
	Rep    string    `json:"rep"`
	Since  time.Time `json:"since"`             // the first moment that is undone
	Run    string    `json:"run"`               // names the undo: every attempt of one has the same
	DryRun bool      `json:"dry_run,omitempty"` // tell what would be done, and do nothing
}

// UndoOut reports an undo: ids, field names, counts and codes.
type UndoOut struct {
	PutBack UndoList `json:"put_back"`
	Left    UndoList `json:"left"`   // not put back, with the reason
	Pinned  UndoList `json:"pinned"` // of what was put back: what keeps it so
	Trouble *Trouble `json:"trouble,omitempty"`
}

// undoLines is how many lines of each list a report carries, so that it fits into a workflow's history.
const undoLines = 1000

// UndoList is one list of a report. Count is of all, Lines holds the first thousand; the journal has every one.
type UndoList struct {
	Count int        `json:"count"`
	Lines []UndoLine `json:"lines,omitempty"`
}

func (l *UndoList) add(line UndoLine) {
	if l.Count++; len(l.Lines) < undoLines {
		l.Lines = append(l.Lines, line)
	}
}

// UndoLine tells of one side of one pair.
type UndoLine struct {
	Kind   record.Kind    `json:"kind"`
	Side   record.Side    `json:"side"`
	Item   string         `json:"item"` // as it is called now; of what was removed, as it was called
	Link   string         `json:"link"`
	Verb   connector.Verb `json:"verb,omitempty"` // put back: what the undo did
	Fields []string       `json:"fields,omitempty"`
	Reason planner.Reason `json:"reason,omitempty"` // left: why; pinned: the pin, or tombstoned
	Code   string         `json:"code,omitempty"`   // left: the vendor's
}

// Reasons of an undo to leave something as it is, beside the planner's.
const (
	UndoEdited    planner.Reason = "edited_since"     // a person edited it after it was written
	UndoDeleted   planner.Reason = "deleted_since"    // a person deleted it after it was written
	UndoShared    planner.Reason = "shared_record"    // other reps are linked to the record
	UndoElsewhere planner.Reason = "linked_elsewhere" // its original has another copy by now
	UndoClaimed   planner.Reason = "claimed"          // another record has the address, or stands for the meeting, by now
	UndoNotKept   planner.Reason = "not_kept"         // its before-image is gone
)

// undoReasons says what a person reads about them.
var undoReasons = map[planner.Reason]string{
	UndoEdited:    "It was edited by a person since Repsync wrote it; the edit stays.",
	UndoDeleted:   "It was deleted by a person since Repsync wrote it; it stays deleted.",
	UndoShared:    "Other reps are linked to the record that Repsync created; delete it by hand if it is to go for all.",
	UndoElsewhere: "Its original has been linked to another copy since.",
	UndoClaimed:   "Another record has the same address, or stands for the same meeting, by now.",
	UndoNotKept:   "What it was before is not kept any more.",
}

// ExplainUndo returns a sentence for people about why an undo left something as it is.
func ExplainUndo(r planner.Reason) string {
	if text, ok := undoReasons[r]; ok {
		return text
	}
	return r.Explain()
}

// ActionUndo marks the journal's lines of an undo. Rule names the undo; a line of what was put back has the verb as Code.
const ActionUndo = "undo"

// undoing is what a session that undoes something notes beside.
type undoing struct {
	left    []UndoLine
	moved   map[string]string // link → code: what moved between our reading and our write, to be planned again
	refused map[string]bool   // link and side of what was refused: it is not tried again in this attempt
}

// Undo puts back what passes have written for a rep since a time, item by item, and leaves alone what people have edited
// since. It goes through the write protocol under the mailbox's lease, and throws away what a pass has planned and not sent:
// that is planned anew on what the undo leaves. It may be repeated and interrupted at any moment; what it has put back
// already is as it was, so that there is nothing left to do for it.
//
// Guards do not hold an undo, and what it writes does not count for them. Everything else that binds a pass binds it: what
// the rep may see and edit in the CRM, private events, mails.
func (a *Activities) Undo(ctx context.Context, in UndoIn) (UndoOut, error) {
	return stage(connector.Awaited(ctx), a, "undo", func(o *UndoOut) **Trouble { return &o.Trouble }, func(ctx context.Context) (UndoOut, error) {
		ctx = connector.Anew(ctx)
		s, err := a.openRep(ctx, in.Org, in.Rep, 0, true)
		if err != nil {
			return UndoOut{}, err
		}
		s.pass = s.sit.Rep.Pass
		release, err := s.lease(ctx)
		if err != nil {
			return UndoOut{}, err
		}
		defer release()
		if !in.DryRun {
			if err := a.Store.ResetPlan(ctx, s.org, s.rep, s.epoch); err != nil {
				return UndoOut{}, err
			}
		}
		var out UndoOut
		for _, k := range kinds {
			err := s.undoKind(ctx, in, k, &out)
			if t := a.troubleOf(err); t != nil && out.Trouble == nil {
				out.Trouble = t // what one kind is in trouble with does not keep the other waiting
			} else if t == nil && err != nil {
				return out, err
			}
		}
		return out, s.undoReport(ctx, in, &out)
	})
}

// undoKind undoes one kind.
func (s *session) undoKind(ctx context.Context, in UndoIn, k record.Kind, out *UndoOut) error {
	some, err := s.a.Store.WrittenLinks(ctx, s.org, s.rep, k, in.Since, "", 1)
	if err != nil || len(some) == 0 && s.open(k) == 0 {
		return err
	}
	m, err := s.matcher(ctx, k)
	if err != nil {
		return err
	}
	u := &undoer{matcher: m, in: in, out: out}
	if u.caps, err = s.capsOf(ctx, k); err != nil || in.DryRun {
		if err == nil {
			err = u.all(ctx)
		}
		return err
	}
	if err := m.resolve(ctx); err != nil {
		return err
	}
	if err := u.all(ctx); err != nil {
		return err
	}
	if err := u.rounds(ctx); err != nil || m.waiting == nil {
		return err
	}
	return m.waiting // what was sent and not answered may be among what is to be undone
}

// rounds sends what is planned, and plans and sends again what moved meanwhile.
func (u *undoer) rounds(ctx context.Context) error {
	s := u.session
	for range patience {
		if err := u.write(ctx); err != nil || len(s.undo.moved) == 0 {
			return err
		}
		again := slices.Sorted(maps.Keys(s.undo.moved))
		s.undo.left = slices.DeleteFunc(s.undo.left, func(l UndoLine) bool { return slices.Contains(again, l.Link) })
		clear(s.undo.moved)
		u.round++
		for some := range slices.Chunk(again, chunk) {
			if err := u.page(ctx, some); err != nil {
				return err
			}
		}
	}
	if err := u.write(ctx); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(s.undo.moved)) {
		s.undo.left = append(s.undo.left, UndoLine{Kind: u.k, Link: id, Reason: planner.Reason(s.undo.moved[id])})
	}
	clear(s.undo.moved)
	return nil
}

// write sends what is planned, and stops at the first trouble: the next attempt goes on.
func (u *undoer) write(ctx context.Context) error {
	for _, side := range []record.Side{record.CRM, record.Mailbox} {
		if _, err := u.writeSide(ctx, u.k, side, []connector.Verb{connector.Create, connector.Update, connector.Delete}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// all plans everything that was written since.
func (u *undoer) all(ctx context.Context) error {
	for after := ""; ; {
		ids, err := u.a.Store.WrittenLinks(ctx, u.org, u.rep, u.k, u.in.Since, after, chunk)
		if err != nil || len(ids) == 0 {
			return err
		}
		after = ids[len(ids)-1]
		if err := u.page(ctx, ids); err != nil {
			return err
		}
	}
}

// undoReport makes the lists: what was put back by the journal, which knows what earlier attempts of this undo did, and what
// was left by this attempt, which has looked at everything.
func (s *session) undoReport(ctx context.Context, in UndoIn, out *UndoOut) error {
	for _, l := range s.undo.left {
		out.Left.add(l)
	}
	if in.DryRun {
		return nil
	}
	for after := int64(0); ; {
		lines, err := s.a.Store.LinesByRule(ctx, s.org, s.rep, ActionUndo, undoRule(in.Run), after, 5*chunk)
		if err != nil || len(lines) == 0 {
			return err
		}
		after = lines[len(lines)-1].Seq
		if err := s.undoLines(ctx, lines, out); err != nil {
			return err
		}
	}
}

// undoLines reports journal lines of what was put back, and what keeps it so.
func (s *session) undoLines(ctx context.Context, lines []store.Line, out *UndoOut) error {
	for kind, some := range byKindOf(lines) {
		ids := map[string]bool{}
		for _, l := range some {
			ids[l.LinkID] = true
		}
		links, err := s.a.Store.LinksByID(ctx, s.org, s.rep, kind, keysOf(ids))
		if err != nil {
			return err
		}
		for _, l := range some {
			line := UndoLine{Kind: l.Kind, Side: l.Side, Item: l.ID, Link: l.LinkID, Verb: connector.Verb(l.Code)}
			if line.Verb == connector.Update {
				line.Fields = slices.Sorted(maps.Keys(l.Values))
			}
			out.PutBack.add(line)
			link := links[l.LinkID]
			if line.Reason = link.Pinned; line.Reason == "" && link.State == planner.Tombstone {
				line.Reason = planner.ReasonTombstoned
			}
			if line.Reason != "" {
				out.Pinned.add(line)
			}
		}
	}
	return nil
}

func byKindOf(lines []store.Line) map[record.Kind][]store.Line {
	out := map[record.Kind][]store.Line{}
	for _, l := range lines {
		if l.Reason == planner.ReasonPinned || l.Reason == planner.ReasonUndone { // the others were left
			out[l.Kind] = append(out[l.Kind], l)
		}
	}
	return out
}

// undoRule is what the journal calls an undo.
func undoRule(run string) string { return "undo " + run }

// undoID names an intent of an undo. Every attempt and round plans anew: what an earlier one sent is settled by then.
func (u *undoer) undoID(in store.Intent) string {
	return nameOf(fmt.Sprintf("undo\x00%s\x00%d\x00%d\x00%s\x00%s\x00%s", u.in.Run, u.epoch, u.round, in.LinkID, in.Op.Side, in.Op.Verb))
}
