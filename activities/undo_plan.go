package activities

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// undoer plans the undo of one kind.
type undoer struct {
	*matcher
	in    UndoIn
	out   *UndoOut // of a dry run: what would be done
	caps  planner.Sides[connector.Caps]
	round int
	seen  map[store.SideID]planner.Observation
}

// deed is what passes did to one side of a link, and what is known of the pair now.
type deed struct {
	history
	side   record.Side
	link   planner.Link
	linked bool
	id     string // of the item on that side
	source string // of its original
	heard  bool   // a person's edit of the item went on to the other side
}

// page plans the undo of some links.
func (u *undoer) page(ctx context.Context, ids []string) error {
	if err := u.a.Store.Renew(ctx, u.org, u.rep, u.epoch, u.a.Lease); err != nil {
		return err
	}
	writes, err := u.a.Store.WritesOf(ctx, u.org, u.rep, u.k, u.in.Since, ids)
	if err != nil {
		return err
	}
	links, err := u.a.Store.LinksByID(ctx, u.org, u.rep, u.k, ids)
	if err != nil {
		return err
	}
	var deeds []deed
	need := planner.Sides[map[string]bool]{CRM: map[string]bool{}, Mailbox: map[string]bool{}}
	for _, id := range ids {
		link, linked := links[id]
		for _, side := range []record.Side{record.CRM, record.Mailbox} {
			h := historyOf(writes[id], side)
			if len(h) == 0 || u.open[id] || u.undo.refused[id+string(side)] {
				continue
			}
			d := deed{history: h, side: side, link: link, linked: linked, id: idOn(link, side), source: idOn(link, side.Other()), heard: heard(writes[id], side)}
			if !linked {
				d.id, d.source = h.last().Ref.ID, h.last().SourceID
			}
			need.Of(side)[d.id], need.Of(side.Other())[d.source] = true, true
			deeds = append(deeds, d)
		}
	}
	if u.seen, err = u.look(ctx, need); err != nil {
		return err
	}
	u.batch = store.PlanBatch{Kind: u.k}
	for _, d := range deeds {
		if err := u.decide(ctx, d); err != nil {
			return err
		}
	}
	batch := u.batch
	u.batch = store.PlanBatch{}
	if u.in.DryRun {
		return nil
	}
	return u.a.Store.SavePlan(ctx, u.org, u.rep, u.epoch, batch)
}

// heard reports whether an edit on a side was carried over to the other, or outweighed a delete there. A CRM's relations are no
// edit: they are made of a mailbox's attendees.
func heard(writes []store.Intent, side record.Side) bool {
	return slices.ContainsFunc(writes, func(in store.Intent) bool {
		if in.Op.Side == side || in.Op.Undo != "" {
			return false
		}
		_, relations := in.Op.Set[record.FieldRelations]
		return in.Op.Verb == connector.Update && !(relations && len(in.Op.Set) == 1) || in.Op.Verb == connector.Create && in.Reason == planner.ReasonRestored
	})
}

// decide plans one deed's undo, or leaves it.
func (u *undoer) decide(ctx context.Context, d deed) error {
	target, original := u.seen[store.SideID{Side: d.side, ID: d.id}], u.seen[store.SideID{Side: d.side.Other(), ID: d.source}]
	if target.Presence == planner.Unseen && d.id != "" { // no answer that could be relied on
		target.Presence = planner.NoSight
	}
	switch {
	case d.existed() && d.exists():
		return u.putValues(d, target, original)
	case d.existed():
		return u.restore(ctx, d, target, original)
	case d.exists():
		return u.remove(ctx, d, target, original)
	}
	return nil // created and deleted again: as it was
}

// untouchable tells why an undo has to leave an item, "" when it need not.
func untouchable(o planner.Observation) planner.Reason {
	switch {
	case o.Presence == planner.Deleted:
		return UndoDeleted
	case o.Presence != planner.Present:
		return planner.ReasonNoAccess
	case o.Foreign:
		return planner.ReasonForeignMarker
	case o.Unread != "":
		return planner.ReasonUnreadable
	}
	return ""
}

// hidden tells why an older value may not be shown on a side any more: its original is out of the rep's sight, or private.
func (u *undoer) hidden(side record.Side, original planner.Observation) planner.Reason {
	switch {
	case original.Presence == planner.NoSight && side == record.Mailbox:
		return planner.ReasonNoAccess
	case u.k == record.Event && u.policy.Events.Private != "sync" && original.Presence == planner.Present && planner.Private(original.Item.Fields):
		return planner.ReasonPrivateSkipped
	}
	return ""
}

// putValues puts the fields back that passes wrote and that nobody has touched since.
func (u *undoer) putValues(d deed, target, original planner.Observation) error {
	if why := untouchable(target); why != "" {
		u.leave(d, why)
		return nil
	}
	hasher := u.hasherOf(d.link)
	back, edited, lost := d.was(target.Item.Fields, func(f, sent string) bool {
		return d.linked && d.link.Wrote(d.side, f, sent, target.Item.Fields[f], hasher)
	})
	if d.erased() {
		u.leave(d, UndoNotKept)
	}
	u.leaveFields(d, UndoEdited, edited)
	u.leaveFields(d, UndoNotKept, lost)
	for _, f := range slices.Sorted(maps.Keys(back)) {
		if why := u.unwritable(d.side, f); why != "" {
			delete(back, f)
			u.leaveFields(d, why, []string{f})
		}
	}
	if len(back) == 0 {
		return nil
	}
	fields := slices.Sorted(maps.Keys(back))
	op := planner.Op{Side: d.side, Verb: connector.Update, Set: back, Source: planner.Hashes{}, Edited: d.link.Age(d.side, target.Item.Version), Undo: u.in.Run, Pin: planner.ReasonPinned}
	for _, f := range fields {
		op.Source[f] = 0
	}
	u.settleAttendees(d, target, &op, hasher)
	why := u.hidden(d.side, original)
	switch {
	case why != "":
	case !target.Editable && !(len(fields) == 1 && fields[0] == record.FieldAnswer):
		why = planner.ReasonCRMDeniesEdit
	case u.mails(op, &target.Item):
		why = planner.ReasonWouldMail
	}
	if why != "" {
		u.leaveFields(d, why, fields)
		return nil
	}
	unrelate(op.Set, d.link.Related)
	u.intend(d, d.link, op, planner.ReasonPinned, "", target.Item.Version)
	return nil
}

// settleAttendees lets the CRM's attendees change by the relations that are put back: they are no person's edit then.
func (u *undoer) settleAttendees(d deed, target planner.Observation, op *planner.Op, hasher record.Hasher) {
	const f = record.FieldAttendees
	shown, known := d.link.Side(d.side).Shown[f]
	if _, relates := op.Set[record.FieldRelations]; relates && known && shown == hasher.Value(f, target.Item.Fields[f]) {
		op.Source[f] = 0
	}
}

// hasherOf makes the hashes of a link's base.
func (u *undoer) hasherOf(l planner.Link) record.Hasher {
	if was, ok := u.a.Ring.HasherAt(l.Norm, l.HashKey); ok {
		return was
	}
	return u.now
}

// unwritable tells why a field may not be written to a side by this rep, "" when it may.
func (u *undoer) unwritable(side record.Side, f string) planner.Reason {
	caps, known := u.fields.CRM[f]
	switch {
	case side == record.Mailbox && f == record.FieldAttendees && !u.fields.Mailbox[f].Write:
		return planner.ReasonWouldMail
	case !u.fields.Of(side)[f].Write, side == record.Mailbox && known && !caps.Read:
		return planner.ReasonFieldNotWritable
	}
	return ""
}

// mails reports whether a write would mail somebody against the policy.
func (u *undoer) mails(op planner.Op, it *connector.Item) bool {
	silent := u.caps.Of(op.Side).Silent
	w := writer{session: u.session, k: u.k, side: op.Side}
	return !w.invites() && silent != nil && !silent(connector.Op{Verb: op.Verb, Set: op.Set}, it)
}

// remove takes back what a pass has created, if it is as Repsync left it. Its tombstone keeps it from being created again.
func (u *undoer) remove(ctx context.Context, d deed, target, original planner.Observation) error {
	if !d.linked || d.id == "" || target.Presence == planner.Deleted {
		return nil // it is not there, as before
	}
	why := untouchable(target)
	op := planner.Op{Side: d.side, Verb: connector.Delete, Undo: u.in.Run}
	switch base := d.link.Side(d.side); {
	case why != "":
	case base.Version.Tag != target.Item.Version.Tag, d.heard, u.alike(d, target, original):
		why = UndoEdited
	case u.mails(op, &target.Item):
		why = planner.ReasonWouldMail
	default:
		var err error
		if why, err = u.keeps(ctx, d, target); err != nil {
			return err
		}
	}
	if why != "" {
		u.leave(d, why)
		return nil
	}
	u.intend(d, d.link, op, planner.ReasonUndone, planner.Tombstone, target.Item.Version)
	return nil
}

// alike reports whether both sides show the same in a field, and not what was written last: people edited both, or an edit was
// carried over that a restored backup does not know of.
func (u *undoer) alike(d deed, target, original planner.Observation) bool {
	if original.Presence != planner.Present || len(d.fields()) == 0 { // no fields: their values were erased
		return false
	}
	for f := range u.rules.Fields {
		shown := target.Item.Fields[f]
		if record.Equal(f, shown, original.Item.Fields[f]) && !record.Equal(f, shown, asWritten(f, d.history.sent(f))) {
			return true
		}
	}
	return false
}

// keeps tells why an item that nobody has edited has to stay all the same: others are linked to the record, the rep may not
// delete it, or one of its occurrences was edited.
func (u *undoer) keeps(ctx context.Context, d deed, target planner.Observation) (planner.Reason, error) {
	if d.side == record.CRM {
		all, err := u.a.Store.LinksOfRecord(ctx, u.org, u.k, d.id)
		if err != nil {
			return "", err
		}
		if slices.ContainsFunc(all, func(l store.RepLink) bool { return l.Rep != u.rep && l.Link.State != planner.Left }) {
			return UndoShared, nil
		}
		if target.Item.Owner == u.sit.Rep.CRMUser {
			return "", nil
		}
		access, err := u.crm.Access(ctx, u.k, u.sit.Rep.CRMUser, []string{d.id})
		if err == nil && !access[d.id].Delete {
			return planner.ReasonCRMDeniesEdit, nil
		}
		return "", err
	}
	if !d.link.Series() {
		return "", nil
	}
	links, err := u.a.Store.LinksOfSeries(ctx, u.org, u.rep, []string{d.id})
	if err != nil {
		return "", err
	}
	ids, byID := map[string]bool{}, map[string]planner.Link{}
	for _, l := range links[d.id] {
		if l.ID != d.link.ID && l.State == planner.Active {
			ids[l.Mailbox.ID], byID[l.Mailbox.ID] = true, l
		}
	}
	seen, err := u.look(ctx, planner.Sides[map[string]bool]{Mailbox: ids})
	if err != nil {
		return "", err
	}
	for id, l := range byID {
		if l.Touched(record.Mailbox, seen[store.SideID{Side: record.Mailbox, ID: id}].Item.Fields, u.hasherOf(l)) {
			return UndoEdited, nil
		}
	}
	return "", nil
}

// intend plans an operation, or in a dry run tells of it.
func (u *undoer) intend(d deed, l planner.Link, op planner.Op, reason planner.Reason, after planner.LinkState, now connector.Version) {
	if u.in.DryRun {
		line := UndoLine{Kind: u.k, Side: d.side, Item: d.id, Link: l.ID, Verb: op.Verb}
		if op.Verb == connector.Update {
			line.Fields = slices.Sorted(maps.Keys(op.Set))
		}
		u.out.PutBack.add(line)
		if line.Reason = op.Pin; line.Reason == "" {
			line.Reason = planner.ReasonTombstoned
		}
		u.out.Pinned.add(line)
		return
	}
	in := store.Intent{
		LinkID: l.ID, Kind: u.k, Pass: u.pass, Op: op, Generation: l.Generation, State: store.Planned, Revision: u.revision,
		Reason: reason, After: after, Key: keyOf(l), Exempt: true,
	}
	if op.Verb != connector.Create {
		in.Ref, in.If = connector.Ref{ID: d.id}, now
	}
	in.ID = u.undoID(in)
	u.batch.Intents = append(u.batch.Intents, in)
}

// leave notes in the report and in the journal that a deed stays.
func (u *undoer) leave(d deed, why planner.Reason) { u.note(d, why, nil) }

// leaveFields notes it of some fields, if there are any.
func (u *undoer) leaveFields(d deed, why planner.Reason, fields []string) {
	if len(fields) > 0 {
		u.note(d, why, fields)
	}
}

func (u *undoer) note(d deed, why planner.Reason, fields []string) {
	line := UndoLine{Kind: u.k, Side: d.side, Item: d.id, Link: d.last().LinkID, Fields: fields, Reason: why}
	u.undo.left = append(u.undo.left, line)
	u.batch.Journal = append(u.batch.Journal, leftLine(line, u.in.Run, u.pass, u.revision))
}

func leftLine(l UndoLine, run string, pass, revision int64) store.Line {
	code := l.Code
	if code == "" {
		code = "left"
	}
	return store.Line{Pass: pass, Revision: revision, Kind: l.Kind, Side: l.Side, ID: l.Item, LinkID: l.Link, Action: ActionUndo,
		Field: strings.Join(l.Fields, " "), Rule: undoRule(run), Code: code, Reason: l.Reason}
}
