package planner_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// settle plans, carries out the only operation so that its target then shows item, and returns the next pass's scene,
// in which both sides are looked at.
func settle(t *testing.T, s *scene, item connector.Item) *scene {
	t.Helper()
	d := s.plan(t)
	require.Len(t, d.Ops, 1)
	link := s.Link
	if d.Link != nil {
		link = d.Link
	}
	l := planner.Settle(*link, d.Ops[0], item, now)
	next := &scene{s.Pair}
	next.Link = &l
	if o := seen("", ""); d.Ops[0].Side == record.CRM {
		next.CRM, next.CRM.Item = o, item
	} else {
		next.Mailbox, next.Mailbox.Item = o, item
	}
	return next
}

func item(id, text, tag string) connector.Item {
	it := seen(id, text).Item
	it.Version = connector.Version{Tag: tag, At: later.Add(1)}
	return it
}

func TestSettle(t *testing.T) {
	t.Parallel()
	written := connector.Version{Tag: "written", At: later.Add(1)}
	t.Run("Vendor stores something else than was sent", func(t *testing.T) {
		t.Parallel()
		s := settle(t, linked("a", "a").show("long text", "a"), item("mailbox-1", "long", "written"))
		s.wants(t, "unchanged")
		require.Equal(t, written, s.Link.Mailbox.Version)
		require.Equal(t, later, s.Link.Mailbox.Edited, "the item's time before our write")
		require.Equal(t, connector.Version{Tag: "later", At: later}, s.Link.CRM.Version, "the edit is known now")
		require.Equal(t, now.Value(title, "long text"), s.Link.Mailbox.Sent[title])
		s.Mailbox.Item.Fields[title] = "long text"
		s.wants(t, "unchanged") // the vendor shows later what was sent
		s.Mailbox.Item.Fields[title] = "shorter"
		s.fresh().wants(t, "updated | crm update title=shorter")
	})
	t.Run("What was sent once is an edit after the other side's own", func(t *testing.T) {
		t.Parallel()
		s := settle(t, linked("a", "a").show("b", "a"), item("mailbox-1", "b", "written"))
		s.Mailbox.Item.Fields[title], s.Mailbox.Fresh = "c", true
		s = settle(t, s, item("crm-1", "c", "written"))
		s.wants(t, "unchanged")
		s.Mailbox.Item.Fields[title] = "b"
		s.wants(t, "updated | crm update title=b")
	})
	t.Run("Edited by a person between our write and our read-back", func(t *testing.T) {
		t.Parallel()
		edited := item("mailbox-1", "c", "theirs")
		edited.Moved = true
		s := settle(t, linked("a", "a").show("b", "a"), edited)
		require.Zero(t, s.Link.Mailbox.Edited, "the item's time is that person's")
		require.Empty(t, s.Link.Mailbox.Version.Tag, "the version does not prove that the item is known")
		s.fresh().wants(t, "updated | crm update title=c")
	})
	t.Run("Moved, and what was sent is there", func(t *testing.T) {
		t.Parallel()
		moved := item("mailbox-1", "b", "theirs")
		moved.Moved = true
		s := settle(t, linked("a", "a").show("b", "a"), moved)
		require.Equal(t, "theirs", s.Link.Mailbox.Version.Tag)
		s.wants(t, "unchanged")
	})
	t.Run("An edit in another field is met in the next pass", func(t *testing.T) {
		t.Parallel()
		shown := item("mailbox-1", "b", "written")
		shown.Fields[notes] = "typed meanwhile"
		s := settle(t, linked("a", "a").show("b", "a"), shown)
		require.Equal(t, connector.Version{At: later.Add(1)}, s.Link.Mailbox.Version)
		s.fresh().wants(t, "updated | crm update notes=typed meanwhile")
	})
	t.Run("An edit of the source that was not sent keeps its version from proving anything", func(t *testing.T) {
		t.Parallel()
		start := linked("a", "a").show("b", "a").with(func(p *planner.Pair) {
			p.CRM.Item.Fields[notes] = "n"
			p.Caps.Mailbox[notes] = connector.FieldCaps{Read: true}
		})
		s := settle(t, start, item("mailbox-1", "b", "written"))
		require.Equal(t, connector.Version{At: later}, s.Link.CRM.Version)
		s.fresh().wants(t, "field_not_writable notes")
	})
	t.Run("A create knows every field", func(t *testing.T) {
		t.Parallel()
		shown := item("mailbox-9", "a", "written")
		shown.Fields[notes] = "the vendor's default"
		s := settle(t, strangers("a", "-"), shown)
		require.Equal(t, "mailbox-9", s.Link.Mailbox.ID)
		require.Equal(t, written, s.Link.Mailbox.Version)
		require.NotContains(t, s.Link.Mailbox.Sent, notes)
		require.Equal(t, "later", s.Link.CRM.Version.Tag)
		s.wants(t, "unchanged")
		s.Mailbox.Item.Fields[notes] = "corrected"
		s.fresh().wants(t, "updated | crm update notes=corrected")
	})
	t.Run("A create from a vendor that gives no times", func(t *testing.T) {
		t.Parallel()
		start := strangers("a", "-").with(func(p *planner.Pair) { p.CRM.Item.Version = connector.Version{Tag: "etag"} })
		s := settle(t, start, item("mailbox-9", "a", "written"))
		require.Equal(t, connector.Version{Tag: "etag"}, s.Link.CRM.Version)
		s.wants(t, "unchanged")
	})
	t.Run("A create that a person edited at once", func(t *testing.T) {
		t.Parallel()
		shown := item("mailbox-9", "a", "theirs")
		shown.Fields[notes], shown.Moved = "typed", true
		settle(t, strangers("a", "-"), shown).fresh().wants(t, "updated | crm update notes=typed")
	})
	t.Run("Two operations settle, the second does not take the first one's version back", func(t *testing.T) {
		t.Parallel()
		s := linked("a", "a").show("b", "a").with(func(p *planner.Pair) { p.Mailbox.Item.Fields[notes] = "n" })
		d := s.plan(t)
		crm, box := item("crm-1", "b", "crm written"), item("mailbox-1", "b", "mailbox written")
		crm.Fields[notes], box.Fields[notes] = "n", "n"
		l := planner.Settle(planner.Settle(*s.Link, d.Ops[0], crm, now), d.Ops[1], box, now)
		require.Equal(t, later.Add(1), l.CRM.Version.At)
		require.Equal(t, "mailbox written", l.Mailbox.Version.Tag)
		s.CRM.Item, s.Mailbox.Item, s.Link = crm, box, &l
		s.fresh().wants(t, "unchanged")
	})
	t.Run("A delete leaves the id", func(t *testing.T) {
		t.Parallel()
		s := linked("a", "a").presence(planner.Deleted, planner.Present)
		s.Mailbox = seen("mailbox-1", "a")
		l := planner.Settle(*s.Link, s.plan(t).Ops[0], connector.Item{}, now)
		require.Equal(t, planner.SideBase{ID: "mailbox-1"}, l.Mailbox)
		require.Equal(t, s.Link.CRM.Shown, l.CRM.Shown)
	})
	t.Run("The link that was given is not changed", func(t *testing.T) {
		t.Parallel()
		s := linked("a", "a").show("b", "a")
		planner.Settle(*s.Link, s.plan(t).Ops[0], item("mailbox-1", "b", "written"), now)
		require.Equal(t, linked("a", "a").Link, s.Link)
	})
}

func TestObserve(t *testing.T) {
	t.Parallel()
	it := item("crm-2", "b", "seen")
	it.Fields["company"] = "Acme"
	s := linked("a", "a")
	s.Link.CRM.Sent[title] = 1
	l := planner.Observe(*s.Link, record.CRM, it, now)
	require.Equal(t, planner.SideBase{
		ID: "crm-2", Version: it.Version, Sent: planner.Hashes{},
		Shown: planner.Hashes{title: now.Value(title, "b"), notes: 0, "company": now.Value("company", "Acme")},
	}, l.CRM)
	require.Equal(t, s.Link.Mailbox, l.Mailbox)
	require.NotContains(t, s.Link.CRM.Shown, "company", "the link that was given is not changed")
}
