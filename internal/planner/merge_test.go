package planner_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// The cases of BEHAVIOURS.md's first table bear its words as names. wants runs each in both directions.
func TestMerge(t *testing.T) {
	t.Parallel()
	conflict := func(rule string) func(*planner.Pair) {
		return func(p *planner.Pair) { p.Rules.Conflict = rule }
	}
	winner := func(w string) func(*planner.Pair) {
		return func(p *planner.Pair) { p.Rules.Fields[title] = planner.FieldRule{Winner: w} }
	}
	twoFields := func(crm, mailbox string) func(*planner.Pair) {
		return func(p *planner.Pair) {
			p.CRM.Item.Fields[notes], p.Mailbox.Item.Fields[notes] = crm, mailbox
		}
	}
	mailboxNewer := func(p *planner.Pair) { p.Mailbox.Item.Version.At = later.Add(1) }
	for name, c := range map[string]struct {
		s    *scene
		want string
	}{
		"Nothing changed, nobody looked":         {linked("a", "a").show("-", "-"), "unchanged"},
		"Nothing changed, one side looked at":    {linked("a", "a").show("a", "-"), "unchanged"},
		"Nothing changed, both looked at":        {linked("a", "a").show("a", "a"), "unchanged"},
		"New ETag, same content":                 {linked("a", "a").show(" a\r\n", "a"), "unchanged"},
		"One edited, the other not looked at":    {linked("a", "a").show("b", "-"), "need mailbox"},
		"One edited":                             {linked("a", "a").show("b", "a"), "updated | mailbox update title=b"},
		"One cleared":                            {linked("a", "a").show("", "a"), "updated | mailbox update title="},
		"One filled":                             {linked("", "").show("b", ""), "updated | mailbox update title=b"},
		"Both edited the same way":               {linked("a", "a").show("b", "b"), "converged | store active"},
		"Both cleared":                           {linked("a", "a").show("", ""), "converged | store active"},
		"Edited to what the other side shows":    {linked("long text", "long").show("long", "long"), "converged | store active"},
		"Vendor truncates, nothing changed":      {linked("long text", "long").show("long text", "long"), "unchanged"},
		"Vendor truncates, the short one edited": {linked("long text", "long").show("long text", "short"), "updated | crm update title=short"},
		"Both edited different fields": {
			linked("a", "a").show("b", "a").with(twoFields("", "n")), "merged | crm update notes=n | mailbox update title=b",
		},
		"Both edited one field, the kind's rule": {
			linked("a", "a").show("b", "c"), "conflict_resolved | mailbox update title=b | title: crm wins (conflict: crm_wins)",
		},
		"Both edited one field, one cleared it": {
			linked("a", "a").show("", "c"), "conflict_resolved | mailbox update title= | title: crm wins (conflict: crm_wins)",
		},
		"Both edited one field, the field's rule": {
			linked("a", "a").show("b", "c").with(winner("mailbox")), "conflict_resolved | crm update title=c | title: mailbox wins (fields.title.winner: mailbox)",
		},
		"Both edited one field, the newest wins": {
			linked("a", "a").show("b", "c").with(winner("newest")).with(mailboxNewer),
			"conflict_resolved | crm update title=c | title: mailbox wins (fields.title.winner: newest)",
		},
		"Both edited one field, review": {
			linked("a", "a").show("b", "c").with(conflict("review")), "conflict_review title | title: nobody wins (conflict: review)",
		},
		"Both edited one field, no rule at all": {
			linked("a", "a").show("b", "c").with(conflict("")), "conflict_review title | title: nobody wins (conflict: )",
		},
		"A field in review keeps no other back": {
			linked("a", "a").show("b", "c").with(conflict("review")).with(twoFields("n", "")),
			"conflict_review title | mailbox update notes=n | title: nobody wins (conflict: review)",
		},
		"A conflict beside a plain edit": {
			linked("a", "a").show("b", "c").with(twoFields("", "n")),
			"conflict_resolved | crm update notes=n | mailbox update title=b | title: crm wins (conflict: crm_wins)",
		},
		"A converged field beside a plain edit": {
			linked("a", "a").show("b", "b").with(twoFields("n", "")), "updated | mailbox update notes=n | store active",
		},
		"Remote id changed": {
			linked("a", "a").show("a", "a").with(func(p *planner.Pair) { p.CRM.Item.ID = "crm-2" }), "unchanged | store active",
		},
		"Remote id changed, the other side not looked at": {
			linked("a", "a").show("a", "-").with(func(p *planner.Pair) { p.CRM.Item.ID = "crm-2" }), "need mailbox",
		},
		"A field that one side cannot read does not exist": {
			linked("a", "a").show("b", "a").with(func(p *planner.Pair) { p.Caps.Mailbox[title] = connector.FieldCaps{Write: true} }), "unchanged",
		},
		"A field that the policy does not map does not exist": {
			linked("a", "a").show("b", "a").with(func(p *planner.Pair) { delete(p.Rules.Fields, title) }), "unchanged",
		},
		"The target shows later what was sent": {
			linked("long text", "long").show("long text", "long text").with(func(p *planner.Pair) {
				p.Link.Mailbox.Sent[title] = now.Value(title, "long text")
				p.CRM.Item.Fields[title] = "b"
			}).with(func(p *planner.Pair) { p.Link.CRM.Shown[title] = now.Value(title, "long text") }),
			"updated | mailbox update title=b",
		},
		"Direction off": {linked("a", "a").show("b", "c").direction("off"), "direction_off"},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); c.s.wants(t, c.want) })
	}
}

func TestNewestTiesGoToTheCRM(t *testing.T) {
	t.Parallel()
	s := linked("a", "a").show("b", "c").with(func(p *planner.Pair) { p.Rules.Conflict = "newest" })
	s.wantsHere(t, "conflict_resolved | mailbox update title=b | title: crm wins (conflict: newest)")
	s.with(func(p *planner.Pair) { p.CRM.Item.Version.At = later.Add(1) })
	s.wants(t, "conflict_resolved | mailbox update title=b | title: crm wins (conflict: newest)")
}

// Our own write gives an item a new time, which makes no edit in it newer.
func TestNewestIsNotMovedByOurOwnWrites(t *testing.T) {
	t.Parallel()
	written := func(crm, mailbox time.Time) *scene {
		return linked("a", "a").show("b", "c").fresh().with(func(p *planner.Pair) {
			p.Rules.Conflict = "newest"
			p.Link.CRM.Edited = noon.Add(-time.Hour) // we wrote it at noon
			p.CRM.Item.Version.At, p.Mailbox.Item.Version.At = crm, mailbox
		})
	}
	crm := "conflict_resolved | mailbox update title=b | title: crm wins (conflict: newest)"
	mailbox := "conflict_resolved | crm update title=c | title: mailbox wins (conflict: newest)"
	written(noon, noon.Add(-time.Minute)).wants(t, mailbox)
	written(noon, noon.Add(-2*time.Hour)).wants(t, crm)
	written(later, noon.Add(time.Second)).wants(t, crm) // somebody has edited it since
}

// In a one-way policy the receiving side's edits are drift.
func TestDrift(t *testing.T) {
	t.Parallel()
	revert := func(p *planner.Pair) { p.Rules.OnDrift = "revert" }
	for name, c := range map[string]struct {
		s    *scene
		want string
	}{
		"The source's edit flows":        {linked("a", "a").show("b", "a"), "updated | mailbox update title=b"},
		"Kept":                           {linked("a", "a").show("a", "c"), "drift_kept title"},
		"Kept, the source not looked at": {linked("a", "a").show("-", "c"), "drift_kept title"},
		"Receiver not changed, the source not looked at": {linked("a", "a").show("-", "a"), "unchanged"},
		"Reverted":                               {linked("a", "a").show("a", "c").with(revert), "drift_reverted | mailbox update title=a | title: crm wins (on_drift: revert)"},
		"Reverted, the source not looked at":     {linked("a", "a").show("-", "c").with(revert), "need crm"},
		"Cleared on the receiving side, kept":    {linked("a", "a").show("a", ""), "drift_kept title"},
		"The source comes to the drifted value":  {linked("a", "a").show("c", "c"), "converged | store active"},
		"The source changes the drifted field":   {linked("a", "a").show("b", "c"), "conflict_resolved | mailbox update title=b | title: crm wins (direction)"},
		"The source wins whatever the rule says": {linked("a", "a").show("b", "c").with(func(p *planner.Pair) { p.Rules.Conflict = "mailbox_wins" }), "conflict_resolved | mailbox update title=b | title: crm wins (direction)"},
		"Reverted, and another field changed at the source": {
			linked("a", "a").show("a", "c").with(revert).with(func(p *planner.Pair) { p.CRM.Item.Fields[notes] = "n" }),
			"drift_reverted | mailbox update notes=n title=a | title: crm wins (on_drift: revert)",
		},
		"Reverted, and another field overwritten": {
			linked("a", "a").show("a", "c").with(revert).with(func(p *planner.Pair) { p.CRM.Item.Fields[notes], p.Mailbox.Item.Fields[notes] = "n", "m" }),
			"conflict_resolved | mailbox update notes=n title=a | notes: crm wins (direction) | title: crm wins (on_drift: revert)",
		},
		"The source changes another field only": {
			linked("a", "a").show("a", "c").with(func(p *planner.Pair) { p.CRM.Item.Fields[notes] = "n" }), "updated | mailbox update notes=n",
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); c.s.direction("crm_to_mailbox").wants(t, c.want) })
	}
}

// What a target cannot take parks the item, names the field and leaves the base.
func TestRepresentability(t *testing.T) {
	t.Parallel()
	caps := func(c connector.FieldCaps) func(*planner.Pair) {
		return func(p *planner.Pair) { c.Read = true; p.Caps.Mailbox[title] = c }
	}
	for name, c := range map[string]struct {
		s    *scene
		want string
	}{
		"Too long":            {linked("a", "a").show("bbbb", "a").with(caps(connector.FieldCaps{Write: true, MaxLen: 3})), "too_long title"},
		"As long as may be":   {linked("a", "a").show("äöü", "a").with(caps(connector.FieldCaps{Write: true, MaxLen: 3})), "updated | mailbox update title=äöü"},
		"Required, cleared":   {linked("a", "a").show("", "a").with(caps(connector.FieldCaps{Write: true, Required: true})), "required_field_missing title"},
		"Required, filled":    {linked("a", "a").show("b", "a").with(caps(connector.FieldCaps{Write: true, Required: true})), "updated | mailbox update title=b"},
		"Date without a year": {linked("a", "a").show("--12-31", "a").with(caps(connector.FieldCaps{Write: true, FullDate: true})), "date_needs_year title"},
		"Date with its year":  {linked("a", "a").show("1990-12-31", "a").with(caps(connector.FieldCaps{Write: true, FullDate: true})), "updated | mailbox update title=1990-12-31"},
		"Date cleared":        {linked("a", "a").show("", "a").with(caps(connector.FieldCaps{Write: true, FullDate: true})), "updated | mailbox update title="},
		"Not writable":        {linked("a", "a").show("b", "a").with(caps(connector.FieldCaps{})), "field_not_writable title"},
		"Not writable, loser": {linked("a", "a").show("b", "c").with(caps(connector.FieldCaps{})), "field_not_writable title"},
		"Not writable, others are sent": {
			linked("a", "a").show("b", "a").with(caps(connector.FieldCaps{})).with(func(p *planner.Pair) { p.CRM.Item.Fields[notes] = "n" }),
			"updated title | mailbox update notes=n",
		},
		"A required field that is not written does not matter": {
			linked("", "").show("", "").with(caps(connector.FieldCaps{Write: true, Required: true})).with(func(p *planner.Pair) { p.CRM.Item.Fields[notes] = "n" }),
			"updated | mailbox update notes=n",
		},
		"One field too long parks the whole side, the other side is written": {
			linked("a", "a").show("bbbb", "a").with(caps(connector.FieldCaps{Write: true, MaxLen: 3})).with(func(p *planner.Pair) { p.Mailbox.Item.Fields[notes] = "n" }),
			"too_long title | crm update notes=n",
		},
		"A conflict that cannot be carried out is not journalled": {
			linked("a", "a").show("bbbb", "c").with(caps(connector.FieldCaps{Write: true, MaxLen: 3})), "too_long title",
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); c.s.wants(t, c.want) })
	}

	t.Run("Two fields not writable, the first is named", func(t *testing.T) {
		t.Parallel()
		s := linked("a", "a").show("b", "a").with(caps(connector.FieldCaps{})).with(func(p *planner.Pair) {
			p.CRM.Item.Fields[notes] = "n"
			p.Caps.Mailbox[notes] = connector.FieldCaps{Read: true}
		})
		s.wants(t, "field_not_writable notes")
	})
	t.Run("No family name", func(t *testing.T) {
		t.Parallel()
		s := strangers("a", "-").with(func(p *planner.Pair) {
			p.Caps.Mailbox[family] = connector.FieldCaps{Read: true, Write: true, Required: true}
		})
		s.wants(t, "no_family_name name.family")
	})
}

// A rep may see a record and not be allowed to edit it.
func TestCRMDeniesEdit(t *testing.T) {
	t.Parallel()
	denied := func(p *planner.Pair) { p.CRM.Editable = false }
	for name, c := range map[string]struct {
		s    *scene
		want string
	}{
		"The mailbox's edit is parked":      {linked("a", "a").show("a", "c"), "crm_denies_edit"},
		"The CRM's edit flows":              {linked("a", "a").show("b", "a"), "updated | mailbox update title=b"},
		"Only the mailbox's edit is parked": {linked("a", "a").show("b", "a").with(func(p *planner.Pair) { p.Mailbox.Item.Fields[notes] = "n" }), "crm_denies_edit | mailbox update title=b"},
		"A delete is parked, too": {
			linked("a", "a").show("a", "-").presence(planner.Present, planner.Deleted).with(func(p *planner.Pair) { p.Rules.FromMailbox = "propagate" }), "crm_denies_edit",
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); c.s.with(denied).wantsHere(t, c.want) })
	}
	t.Run("A mailbox is the rep's own", func(t *testing.T) {
		t.Parallel()
		s := linked("a", "a").show("b", "a").with(func(p *planner.Pair) { p.Mailbox.Editable = false })
		s.wantsHere(t, "updated | mailbox update title=b")
	})
}

func TestUnusable(t *testing.T) {
	t.Parallel()
	earlier, never := noon.Add(-time.Minute), time.Time{}
	version := func(tag string, at time.Time, partial bool) *scene {
		return linked("a", "a").show("b", "a").with(func(p *planner.Pair) {
			p.CRM.Item.Version, p.CRM.Item.Partial = connector.Version{Tag: tag, At: at}, partial
		})
	}
	flows := "updated | mailbox update title=b"
	for name, c := range map[string]struct {
		s    *scene
		want string
	}{
		"A copy older than the base is read again":       {version("old", earlier, false), "need crm"},
		"A direct read is believed, however old it says": {version("old", earlier, false).fresh(), flows},
		"The base's own version is no older copy":        {version("agreed", earlier, false), flows},
		"Two versions of one moment have no order":       {version("other", noon, false), "need crm"},
		"Without a time there is no order":               {version("other", never, false), "need crm"},
		"A later one is believed":                        {version("other", later, false), flows},
		"A partial item is read first":                   {version("other", later, true), "need crm"},
		"A partial item that is all there is":            {version("other", later, true).fresh(), flows},
		"An older copy of what was deleted says nothing": {version("old", earlier, false).presence(planner.Deleted, planner.Deleted), "deleted_both | drop"},
		"A partial stranger is read first":               {strangers("a", "-").with(func(p *planner.Pair) { p.CRM.Item.Partial = true }), "need crm"},
		"Foreign":                                        {linked("a", "a").show("b", "a").with(func(p *planner.Pair) { p.CRM.Foreign = true }), "foreign_marker"},
		"Foreign stranger":                               {strangers("a", "-").with(func(p *planner.Pair) { p.CRM.Foreign = true }), "foreign_marker"},
		"Unreadable, not taken for absent":               {linked("a", "a").show("b", "a").with(func(p *planner.Pair) { p.CRM.Unread = "bad_vcard"; p.CRM.Item = connector.Item{} }), "unreadable"},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); c.s.wants(t, c.want) })
	}
}

// A renewed base writes nothing and loses no edit.
func TestRebase(t *testing.T) {
	t.Parallel()
	rotated := record.Hasher{Norm: now.Norm, KeyVersion: 2, Key: []byte("another key, thirty-two bytes :)")}
	rotate := func(p *planner.Pair) { p.Now = rotated }
	unmapped := func(p *planner.Pair) {
		delete(p.Link.CRM.Shown, title)
		delete(p.Link.Mailbox.Shown, title)
	}
	byAdmin := func(p *planner.Pair) { p.Rules.Fields[title] = planner.FieldRule{ByAdmin: true} }
	for name, c := range map[string]struct {
		s    *scene
		want string
	}{
		"Hash key rotated":                           {linked("a", "b").show("a", "b").with(rotate), "rebased | store active"},
		"Hash key rotated, nobody looked":            {linked("a", "b").show("-", "-").with(rotate), "unchanged"},
		"Hash key rotated, one side looked at":       {linked("a", "b").show("a", "-").with(rotate), "need mailbox"},
		"Hash key rotated, an edit in the same pass": {linked("a", "a").show("b", "a").with(rotate), "updated | mailbox update title=b | store active"},
		"Normaliser upgraded":                        {linked("a", "b").show("a", "b").with(func(p *planner.Pair) { p.Now.Norm++ }), "rebased | store active"},
		"Newly mapped by an upgrade":                 {linked("", "").show("a", "b").with(unmapped), "rebased | store active"},
		"Newly mapped by an upgrade, one looked at":  {linked("", "").show("a", "-").with(unmapped), "need mailbox"},
		"Newly mapped by the admin, both have a value": {
			linked("", "").show("a", "b").with(unmapped).with(byAdmin), "conflict_resolved | mailbox update title=a | title: crm wins (first sync, conflict: crm_wins)",
		},
		"Newly mapped by the admin, one is empty":   {linked("", "").show("", "b").with(unmapped).with(byAdmin), "updated | crm update title=b"},
		"Newly mapped by the admin, both the same":  {linked("", "").show("b", "b").with(unmapped).with(byAdmin), "converged | store active"},
		"Newly mapped by the admin, both are empty": {linked("", "").show("", "").with(unmapped).with(byAdmin), "converged | store active"},
		"Known on one side only, mapped by the admin": {
			linked("", "").show("a", "b").with(byAdmin).with(func(p *planner.Pair) { delete(p.Link.CRM.Shown, title) }),
			"conflict_resolved | mailbox update title=a | title: crm wins (first sync, conflict: crm_wins)",
		},
		"Known on one side only": {
			linked("", "").show("a", "b").with(func(p *planner.Pair) { delete(p.Link.CRM.Shown, title) }), "rebased | store active",
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); c.s.wants(t, c.want) })
	}

	t.Run("The new base is under the new key, an edit stays an edit, a field not mapped goes", func(t *testing.T) {
		t.Parallel()
		s := linked("a", "x").show("a", "y").direction("crm_to_mailbox").with(rotate).with(func(p *planner.Pair) {
			p.Link.CRM.Shown["old"], p.Link.Mailbox.Sent[title] = 7, 8
		})
		d := s.plan(t)
		require.Equal(t, planner.ReasonDriftKept, d.Reason)
		require.Equal(t, 2, d.Link.HashKey)
		require.Equal(t, planner.Hashes{title: rotated.Value(title, "a"), notes: 0}, d.Link.CRM.Shown)
		require.NotEqual(t, rotated.Value(title, "y"), d.Link.Mailbox.Shown[title])
		require.Empty(t, d.Link.Mailbox.Sent)
		s.Link, s.Was = d.Link, rotated
		s.fresh().wants(t, "drift_kept title")
	})
}

func TestEditedIsWhatAPersonChanged(t *testing.T) {
	t.Parallel()
	s := linked("Owner", "Owner")
	s.CRM, s.Mailbox = seen("crm-1", "Owner"), seen("mailbox-1", "Boss")
	require.False(t, s.Edited(record.CRM, title))
	require.True(t, s.Edited(record.Mailbox, title))
	require.False(t, s.Edited(record.Mailbox, notes))
	s.Link = nil
	require.False(t, s.Edited(record.Mailbox, title), "nothing was agreed on")
}

// What waits for somebody may wait on the side that did not change.
func TestWhatIsParkedIsLookedAtOnBothSides(t *testing.T) {
	t.Parallel()
	parked := func(p *planner.Pair) { p.Parked = true }
	linked("a", "a").show("a", "-").wants(t, "unchanged")
	linked("a", "a").show("a", "-").with(parked).wants(t, "need mailbox")
	linked("a", "a").show("a", "b").with(parked).wants(t, tell(linked("a", "a").show("a", "b").plan(t)))
}
