package activities

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// settler collects the outcomes of a batch of intents and stores them in one transaction: intents, links with their new
// bases, verdicts and journal lines.
type settler struct {
	*session
	k     record.Kind
	meta  string
	links map[string]planner.Link
	batch store.SettleBatch
	looks []store.SideID // to be read and staged again
	sum   Summary
	parts map[string][]planner.Link // of a series that an undo takes back: its occurrences' links, by its own
}

func (s *session) settler(ctx context.Context, k record.Kind, meta string, intents []store.Intent) (*settler, error) {
	ids := map[string]bool{}
	for _, in := range intents {
		ids[in.LinkID] = true
	}
	links, err := s.a.Store.LinksByID(ctx, s.org, s.rep, k, keysOf(ids))
	if err != nil {
		return nil, err
	}
	t := &settler{session: s, k: k, meta: meta, links: links, batch: store.SettleBatch{Kind: k, Codes: map[string]string{}, ClaimCRM: map[string]string{}}}
	return t, t.undoneSeries(ctx, intents)
}

// done settles a write that took place; shown is the item as the write's own response or a read back showed it. One that was
// deleted since is read once more, so that its deletion is planned.
func (t *settler) done(in store.Intent, shown connector.Item) {
	t.batch.Done = append(t.batch.Done, in.ID)
	link, ok := t.links[in.LinkID]
	if !ok {
		return // the link was dropped meanwhile; the item will be met by the feed
	}
	t.unmarkItem(&shown)
	if shown.Deleted {
		shown.Moved, shown.Version = true, connector.Version{} // what was sent is the base, and the deletion is somebody's edit of it
		t.restage(shown.ID, in.Op.Side)
	}
	hasher := t.now
	if was, ok := t.a.Ring.HasherAt(link.Norm, link.HashKey); ok {
		hasher = was // the base keeps its versions until the planner renews all of it
	}
	link = settled(link, in.Op, shown, hasher)
	link.Related = related(in.Op.Set, link.Related)
	if in.After != "" {
		link.State = in.After
	}
	t.links[in.LinkID] = link
	if in.Op.Side == record.CRM && in.Op.Verb == connector.Create {
		t.batch.ClaimCRM[link.ID] = shown.ID
	}
	id := shown.ID
	if in.Op.Verb == connector.Delete {
		id = in.Ref.ID
	}
	t.count(in)
	t.entered(in, shown)
	if in.Op.Undo != "" {
		t.undone(in, link, id)
		return
	}
	t.tell(in, link, id, notTaken(in, shown))
	if in.Drop {
		t.batch.DropLinks = append(t.batch.DropLinks, link.ID)
	} else {
		t.batch.Links = replaceLink(t.batch.Links, link)
	}
	t.unstage(in, id)
}

// entered notes what a written item is found by, and its place under the policy's limit: it is not staged when it is read back
// as it was written. What was created in the CRM is admitted, since what it copies was.
func (t *settler) entered(in store.Intent, shown connector.Item) {
	switch {
	case in.Op.Verb == connector.Delete || shown.ID == "" || shown.Partial || shown.Deleted:
	case in.Op.Side == record.Mailbox:
		t.batch.Keys = append(t.batch.Keys, store.Keyed{ID: shown.ID, Keys: t.matchKeys(t.k, shown), Series: t.seriesKey(shown)})
	case in.Op.Verb == connector.Create:
		t.batch.Ranks = append(t.batch.Ranks, store.Ranked{ID: shown.ID, Rank: rankOf(shown)})
	}
}

// unmarkItem cuts the org off an item's marker.
func (t *settler) unmarkItem(it *connector.Item) {
	o := planner.Observation{Item: *it}
	t.session.unmark(&o)
	it.Key = o.Item.Key
}

func replaceLink(links []planner.Link, l planner.Link) []planner.Link {
	for i := range links {
		if links[i].ID == l.ID {
			links[i] = l
			return links
		}
	}
	return append(links, l)
}

// unstage takes the observations that led to an intent out of staging, unless another one has come since: a write whose
// answer was lost is settled by a later pass, which may have read an edit meanwhile. A decision that writes to both sides
// keeps its own until it was looked at once more, since one of its writes may still fail.
func (t *settler) unstage(in store.Intent, id string) {
	if in.Op.Twin {
		return
	}
	t.batch.Unstage = append(t.batch.Unstage, store.StagedAs{SideID: store.SideID{Side: in.Op.Side, ID: id}, Tag: in.If.Tag, At: in.If.At})
	if in.SourceID != "" {
		t.batch.Unstage = append(t.batch.Unstage, store.StagedAs{SideID: store.SideID{Side: in.Op.Side.Other(), ID: in.SourceID}, Tag: in.Source.Tag, At: in.Source.At})
	}
}

// notTaken names the first field that the target shows otherwise than it was sent: a company that names no account, a value
// that the vendor cut.
func notTaken(in store.Intent, shown connector.Item) string {
	if in.Op.Verb == connector.Delete || shown.Moved {
		return ""
	}
	for _, f := range slices.Sorted(maps.Keys(in.Op.Set)) {
		if !record.Equal(f, asWritten(f, in.Op.Set[f]), shown.Fields[f]) {
			return f
		}
	}
	return ""
}

// tell writes the verdicts and the journal of a write that took place.
func (t *settler) tell(in store.Intent, link planner.Link, id, notTaken string) {
	line := store.Line{Pass: t.pass, Revision: in.Revision, Kind: t.k, Side: in.Op.Side, ID: id, LinkID: link.ID, Action: string(in.Op.Verb), Code: string(in.Op.Why), Reason: in.Reason, Values: changesOf(in)}
	if !planted.Is(planted.JournalLineLost) || in.Op.Verb != connector.Update {
		t.batch.Journal = append(t.batch.Journal, line)
	}
	for _, f := range slices.Sorted(maps.Keys(in.Op.Rules)) {
		if planted.Is(planted.ConflictLoserUnjournaled) {
			break
		}
		c := changesOf(in)[f]
		c.Lost = c.Before
		t.batch.Journal = append(t.batch.Journal, store.Line{Pass: t.pass, Revision: in.Revision, Kind: t.k, Side: in.Op.Side, ID: id, LinkID: link.ID,
			Action: ActionConflict, Field: f, Rule: in.Op.Rules[f], Reason: in.Reason, Values: map[string]store.Change{f: c}})
	}
	if in.Reason.Parked() {
		return // its verdict is the parked one
	}
	d := planner.Decision{Reason: in.Reason, Why: in.Op.Why}
	for _, f := range slices.Sorted(maps.Keys(in.Op.Rules)) {
		d.Conflicts = append(d.Conflicts, planner.Conflict{Field: f, Rule: in.Op.Rules[f]})
	}
	for _, at := range []store.SideID{{Side: in.Op.Side, ID: id}, {Side: in.Op.Side.Other(), ID: in.SourceID}} {
		if at.ID == "" {
			continue
		}
		v := t.verdict(t.k, at.Side, at.ID, d, &link)
		if v.Field == "" && notTaken != "" {
			v.Field, v.Rule = notTaken, "not taken by the "+string(in.Op.Side)
		}
		t.batch.Verdicts = append(t.batch.Verdicts, v)
	}
}

// changesOf lists the values of a write by field.
func changesOf(in store.Intent) map[string]store.Change {
	out := map[string]store.Change{}
	before := record.Fields{}
	if in.Before != nil {
		before = in.Before.Fields
	}
	if in.Op.Verb == connector.Delete {
		for f, v := range before {
			out[f] = store.Change{Before: v}
		}
		return out
	}
	for f, v := range in.Op.Set {
		out[f] = store.Change{Before: before[f], After: v}
	}
	return out
}

func (t *settler) count(in store.Intent) {
	t.sum.Conflicts += len(in.Op.Rules)
	if !in.Reason.Parked() && !(in.Op.Twin && in.Op.Side == record.CRM) { // one decision, told once
		t.sum.reason(in.Reason, 1)
	}
	switch in.Op.Verb {
	case connector.Create:
		t.sum.Created.Add(in.Op.Side, 1)
	case connector.Update:
		t.sum.Updated.Add(in.Op.Side, 1)
	case connector.Delete:
		t.sum.Deleted.Add(in.Op.Side, 1)
	}
}

// drop gives an intent up: its item moved, or is held by another rep. What was staged stays, together with the target as
// it is now, and is planned again.
func (t *settler) drop(in store.Intent, code string, fresh ...store.Staged) {
	if in.Op.Undo != "" {
		t.undo.moved[in.LinkID] = code
	}
	t.batch.Drop = append(t.batch.Drop, in.ID)
	t.batch.Codes[in.ID] = code
	for _, r := range fresh {
		r.Always = true
		t.batch.Restage = append(t.batch.Restage, r)
	}
}

// soon is when an item comes again that the vendor could not take just now, a locked row for example.
const soon = 15 * time.Second

// restage has an item read once more, and planned by the next pass.
func (t *settler) restage(id string, side record.Side) {
	t.looks = append(t.looks, store.SideID{Side: side, ID: id})
}

// park gives an item that the vendor refuses its own row, which retries it. A create that is refused claims nothing.
func (t *settler) park(in store.Intent, reason planner.Reason, err error) {
	t.batch.Park = append(t.batch.Park, in.ID)
	if in.Op.Side == record.CRM && in.Op.Verb == connector.Create {
		t.batch.Unclaim = append(t.batch.Unclaim, in.LinkID)
	}
	row := store.Parked{Kind: t.k, Side: in.Op.Side.Other(), ID: in.SourceID, LinkID: in.LinkID, Reason: reason, Revision: in.Revision, Metadata: t.meta, Attempts: 1}
	row.NextTry = t.a.Now().Add(retryParkedAfter(1))
	var e *connector.Error
	if errors.As(err, &e) {
		row.Code, row.Words = e.Code, e.Words
		if e.Class == connector.Retry {
			row.NextTry = t.a.Now().Add(soon)
		}
	}
	if row.ID == "" {
		row.Side, row.ID = in.Op.Side, in.Ref.ID
	}
	t.batch.Codes[in.ID] = row.Code
	if in.Op.Undo != "" { // nothing waits for it: whoever wants it undone asks again
		t.refuse(in, reason, row.Code)
		return
	}
	t.batch.Parked = append(t.batch.Parked, row)
	t.tellParked(row)
	link := t.links[in.LinkID]
	d := planner.Decision{Reason: reason}
	v := t.verdict(t.k, row.Side, row.ID, d, &link)
	v.Code = row.Code
	t.batch.Verdicts = append(t.batch.Verdicts, v)
	t.batch.Journal = append(t.batch.Journal, store.Line{Pass: t.pass, Revision: in.Revision, Kind: t.k, Side: row.Side, ID: row.ID, LinkID: in.LinkID, Action: ActionPark, Code: row.Code, Reason: reason})
	t.sum.Parked++
	t.sum.reason(reason, 1)
	t.unstage(in, in.Ref.ID)
}

// again makes items that were parked before wait longer each time, and does not tell the journal what it knows.
func (t *settler) again(ctx context.Context) error {
	if len(t.batch.Parked) == 0 {
		return nil
	}
	list, err := t.a.Store.ParkedList(ctx, t.org, t.rep, 0)
	if err != nil {
		return err
	}
	before := map[store.SideID]store.Parked{}
	for _, p := range list {
		before[store.SideID{Side: p.Side, ID: p.ID}] = p
	}
	known := map[store.SideID]bool{}
	for i := range t.batch.Parked {
		p := &t.batch.Parked[i]
		at := store.SideID{Side: p.Side, ID: p.ID}
		was, ok := before[at]
		if !ok || was.Reason != p.Reason || was.Code != p.Code {
			continue
		}
		known[at] = true
		p.Attempts = was.Attempts + 1
		p.NextTry = later(p.NextTry, t.a.Now().Add(retryParkedAfter(p.Attempts)))
	}
	t.batch.Journal = slices.DeleteFunc(t.batch.Journal, func(l store.Line) bool {
		return l.Action == ActionPark && known[store.SideID{Side: l.Side, ID: l.ID}]
	})
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// save stores what was collected, in one transaction.
func (t *settler) save(ctx context.Context) error {
	for _, at := range t.looks {
		rows, err := t.current(ctx, t.k, at.Side, []string{at.ID})
		if err != nil {
			return err
		}
		for _, r := range rows {
			r.Always = true
			t.batch.Restage = append(t.batch.Restage, r)
		}
	}
	if err := t.again(ctx); err != nil {
		return err
	}
	return t.a.Store.Settle(ctx, t.org, t.rep, t.epoch, t.batch)
}
