package planner_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

func (s *scene) pin(why planner.Reason) *scene {
	return s.with(func(p *planner.Pair) { p.Link.Pinned = why })
}

// wantsPin is wants, and what the decision stores as the link's pin; "-" is a decision that stores no link.
func (s *scene) wantsPin(t *testing.T, want, pin string) {
	t.Helper()
	s.wants(t, want)
	got := "-"
	if d := s.plan(t); d.Link != nil {
		got = string(d.Link.Pinned)
	}
	require.Equal(t, pin, got)
}

// outMailbox says that the policy does not admit the mailbox item.
func (s *scene) outMailbox(why planner.Reason) *scene {
	return s.with(func(p *planner.Pair) { p.Mailbox.In, p.Mailbox.Why = false, why })
}

func TestPinnedValues(t *testing.T) {
	t.Parallel()
	// The undo left the mailbox with b, where the CRM has a.
	pinned := func(crm, mailbox string) *scene {
		return linked("a", "b").show(crm, mailbox).pin(planner.ReasonPinned)
	}
	for name, c := range map[string]struct {
		s         *scene
		want, pin string
	}{
		"Neither changed":                    {pinned("a", "b"), "pinned", "-"},
		"One side looked at":                 {pinned("a", "-"), "pinned", "-"},
		"Nothing looked at":                  {pinned("-", "-"), "pinned", "-"},
		"Edited":                             {pinned("c", "b"), "updated | mailbox update title=c", "-"},
		"Edited, the other not looked at":    {pinned("c", "-"), "need mailbox", "-"},
		"Left meanwhile, and back":           {pinned("a", "b").state(planner.Left).made(record.Mailbox).fresh(), "pinned | store active", "pinned"},
		"Left, back and edited":              {pinned("c", "b").state(planner.Left).made(record.Mailbox).fresh(), "updated | mailbox update title=c | store active", "pinned"},
		"Both show the same":                 {pinned("b", "b"), "converged | store active", ""},
		"Both are in step again":             {linked("a", "a").show("a", "a").pin(planner.ReasonPinned), "unchanged | store active", ""},
		"One of them shows the same, alone":  {linked("a", "a").show("a", "-").pin(planner.ReasonPinned), "pinned", "-"},
		"Left out for another reason":        {pinned("a", "b").made(record.Mailbox).out(planner.ReasonFilteredOut), "left_policy_removed since filtered_out | mailbox delete | then left", "-"},
		"Without a pin the base says enough": {linked("a", "b").show("a", "b"), "unchanged", "-"},
		"The hash key was rotated": {pinned("a", "b").with(func(p *planner.Pair) {
			p.Now = record.Hasher{Norm: now.Norm, KeyVersion: 2, Key: []byte("another key, thirty-two bytes ok")}
		}), "rebased | store active", "pinned"},
		"A tombstone":               {pinned("a", "b").state(planner.Tombstone).presence(gone, present), "pinned", "-"},
		"A tombstone without one":   {linked("a", "b").show("a", "b").state(planner.Tombstone).presence(gone, present), "tombstone_stands", "-"},
		"Merged as on a first sync": {pinned("a", "b").state(planner.Tombstone).fresh(), "linked_and_merged | mailbox update title=a | title: crm wins (first sync, conflict: crm_wins) | store active", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.s.wantsPin(t, c.want, c.pin)
		})
	}
}

func TestCopyThatIsThereAgainWithoutItsOriginal(t *testing.T) {
	t.Parallel()
	restored := func(mailbox string) *scene {
		return linked("a", "b").show("a", mailbox).state(planner.Tombstone).presence(gone, present).pin(planner.ReasonDeleted)
	}
	unlink := func(p *planner.Pair) { p.Rules.FromCRM = "unlink" }
	for name, c := range map[string]struct {
		s         *scene
		want, pin string
	}{
		"As it was put back":                    {restored("b"), "pinned", "-"},
		"Edited":                                {restored("c"), "restored | crm create title=c | store active | restore", ""},
		"Edited, and edits do not flow back":    {restored("c").direction("crm_to_mailbox"), "pinned", "-"},
		"Edited, and deletes do not flow":       {restored("c").with(unlink), "tombstoned | store tombstone", "deleted"},
		"Edited, and not pinned":                {restored("c").pin(""), "tombstone_stands", "-"},
		"Edited, and pinned for another reason": {restored("c").made(record.Mailbox).pin(planner.ReasonFilteredOut), "pinned", "-"},
		"Gone on both sides":                    {restored("b").presence(gone, gone), "deleted_both | drop", "-"},
		"The original is there again":           {restored("b").show("a", "b").fresh(), "linked_and_merged | mailbox update title=a | title: crm wins (first sync, conflict: crm_wins) | store active", ""},
		"The link is in force again":            {linked("a", "a").show("a", "a").pin(planner.ReasonDeleted), "unchanged | store active", ""},
		"Out of sight":                          {restored("b").presence(noSight, present), "pinned", "-"},
		"Off":                                   {restored("c").direction("off"), "pinned", "-"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.s.wantsPin(t, c.want, c.pin)
		})
	}
}

func TestCopyThatIsThereAgainWhileItsOriginalIsLeftOut(t *testing.T) {
	t.Parallel()
	pinned := func(crm, mailbox string) *scene {
		return linked("a", "a").show(crm, mailbox).made(record.Mailbox).out(planner.ReasonFilteredOut).pin(planner.ReasonFilteredOut)
	}
	in := func(p *planner.Pair) { p.CRM.In, p.CRM.Why = true, "" }
	for name, c := range map[string]struct {
		s         *scene
		want, pin string
	}{
		"For the same reason":                  {pinned("a", "a"), "pinned", "-"},
		"The copy not looked at":               {pinned("a", "-"), "pinned", "-"},
		"Edited":                               {pinned("b", "a"), "updated | mailbox update title=b", "-"},
		"The copy edited":                      {pinned("a", "b"), "updated | crm update title=b", "-"},
		"For another reason":                   {pinned("a", "a").out(planner.ReasonNotOwned), "left_policy_removed since not_owned | mailbox delete | then left", "-"},
		"Private by now":                       {pinned("a", "a").out(planner.ReasonPrivateSkipped), "left_policy_removed since private_skipped | mailbox delete | then left", "-"},
		"The copy left out for another reason": {pinned("a", "a").outMailbox(planner.ReasonPrivateSkipped), "left_policy_removed since private_skipped | mailbox delete | then left", "-"},
		"Not pinned":                           {pinned("a", "a").pin(""), "left_policy_removed since filtered_out | mailbox delete | then left", "-"},
		"Admitted again":                       {pinned("a", "a").with(in), "unchanged | store active", ""},
		"Admitted again, and edited":           {pinned("b", "a").with(in), "updated | mailbox update title=b | store active", ""},
		"Admitted again, to be looked at":      {pinned("b", "-").with(in), "need mailbox", "-"},
		"Admitted again, and the same":         {pinned("b", "b").with(in), "converged | store active", ""},
		"The original not looked at":           {pinned("-", "a"), "pinned", "-"},
		"Deleted":                              {pinned("a", "a").presence(gone, present), "deleted | mailbox delete | then tombstone", "-"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.s.wantsPin(t, c.want, c.pin)
		})
	}
}

func TestNeedSaysNothingElse(t *testing.T) {
	t.Parallel()
	d := linked("a", "a").show("c", "-").made(record.Mailbox).pin(planner.ReasonFilteredOut).plan(t)
	require.Equal(t, planner.Decision{Need: record.Mailbox}, d)
}

func TestPutBack(t *testing.T) {
	t.Parallel()
	written := connector.Version{Tag: "written", At: later.Add(1)}
	update := planner.Op{Side: record.Mailbox, Verb: connector.Update, Set: record.Fields{title: "old"}, Source: planner.Hashes{title: 0}, Edited: noon, Undo: "u", Pin: planner.ReasonPinned}
	start := *linked("new", "new").Link
	start.CRM.Sent = planner.Hashes{title: 7}
	t.Run("An update moves the base of its side alone", func(t *testing.T) {
		t.Parallel()
		l := planner.PutBack(start, update, item("mailbox-1", "old", "written"), now)
		require.Equal(t, start.CRM, l.CRM, "a person's edit there is an edit still")
		require.Equal(t, written, l.Mailbox.Version)
		require.Equal(t, now.Value(title, "old"), l.Mailbox.Shown[title])
		require.Equal(t, planner.ReasonPinned, l.Pinned)
		require.Empty(t, l.Made)
		asWritten := func(p *planner.Pair) { p.Link, p.Mailbox.Item.Version = &l, written }
		linked("", "").show("new", "old").with(asWritten).wants(t, "pinned")
		linked("", "").show("newer", "old").with(asWritten).wants(t, "updated | mailbox update title=newer")
	})
	t.Run("A removal leaves the original's base, and no pin", func(t *testing.T) {
		t.Parallel()
		start := start
		start.Pinned = planner.ReasonFilteredOut
		l := planner.PutBack(start, planner.Op{Side: record.Mailbox, Verb: connector.Delete, Undo: "u"}, connector.Item{}, now)
		require.Equal(t, start.CRM, l.CRM)
		require.Equal(t, planner.SideBase{ID: "mailbox-1"}, l.Mailbox)
		require.Empty(t, l.Pinned)
		require.Empty(t, l.Made)
	})
	rules := linked("", "").Rules
	original := seen("crm-1", "other").Item
	caps := linked("", "").Caps.Mailbox
	t.Run("A restored copy beside its original: both are agreed on as they are", func(t *testing.T) {
		t.Parallel()
		op := planner.Restore(record.Mailbox, record.Fields{title: "old", family: "no right to write", notes: ""}, caps, rules, original, now)
		require.Equal(t, record.Fields{title: "old"}, op.Set)
		op.Pin = planner.ReasonFilteredOut
		l := planner.Reborn(start, now)
		require.Equal(t, start.Generation+1, l.Generation)
		require.Equal(t, planner.SideBase{ID: "crm-1", Shown: planner.Hashes{}, Sent: planner.Hashes{}}, l.CRM)
		l = planner.PutBack(l, op, item("mailbox-2", "old", "written"), now)
		require.Equal(t, planner.SideBase{ID: "crm-1", Version: original.Version, Shown: planner.Hashes{title: now.Value(title, "other"), notes: 0}, Sent: planner.Hashes{}}, l.CRM)
		require.Equal(t, "mailbox-2", l.Mailbox.ID)
		require.Equal(t, record.Mailbox, l.Made)
		asWritten := func(p *planner.Pair) { p.Link, p.Mailbox.Item = &l, item("mailbox-2", "old", "written") }
		linked("", "").show("other", "old").with(asWritten).out(planner.ReasonFilteredOut).wants(t, "pinned")
	})
	t.Run("A restored copy without its original", func(t *testing.T) {
		t.Parallel()
		op := planner.Restore(record.Mailbox, record.Fields{title: "old", record.FieldAnswer: "yes"}, map[string]connector.FieldCaps{title: {Write: true}, record.FieldAnswer: {Write: true}}, rules, connector.Item{}, now)
		require.Equal(t, record.Fields{title: "old"}, op.Set, "an answer is nobody's to give")
		op.Pin = planner.ReasonDeleted
		reborn := planner.Reborn(start, now)
		l := planner.PutBack(reborn, op, item("mailbox-2", "old", "written"), now)
		require.Equal(t, reborn.CRM, l.CRM, "nothing is known of it")
		require.Equal(t, now.Value(title, "old"), l.Mailbox.Shown[title])
	})
	t.Run("An answer is not part of the base", func(t *testing.T) {
		t.Parallel()
		rules := planner.Rules{Fields: map[string]planner.FieldRule{title: {}, record.FieldAnswer: {}}}
		op := planner.Restore(record.Mailbox, record.Fields{}, caps, rules, original, now)
		require.Equal(t, planner.Hashes{title: now.Value(title, "other")}, op.Source)
	})
}

func TestWrote(t *testing.T) {
	t.Parallel()
	l := *linked("a", "long").Link
	l.Mailbox.Sent[title] = now.Value(title, "long text") // and the mailbox cut it
	for name, c := range map[string]struct {
		side        record.Side
		sent, shown string
		want        bool
	}{
		"The value itself":                {record.Mailbox, "x", "x", true},
		"What the side made of it":        {record.Mailbox, "long text", "long", true},
		"Something else was sent last":    {record.Mailbox, "other", "long", false},
		"Something else is shown":         {record.Mailbox, "long text", "edited", false},
		"Nothing is known to be sent":     {record.CRM, "b", "a", false},
		"Nothing was sent, nothing shown": {record.CRM, "b", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, l.Wrote(c.side, title, c.sent, c.shown, now))
		})
	}
	l.CRM.Sent = planner.Hashes{}
	require.False(t, l.Wrote(record.CRM, notes, "", "a", now), "clearing it")
	l.CRM.Shown[notes] = now.Value(notes, "a")
	require.False(t, l.Wrote(record.CRM, notes, "", "a", now), "a field of which nothing was sent is not one that was cleared")
}

func TestTouched(t *testing.T) {
	t.Parallel()
	l := linked("a", "a").Link
	require.False(t, l.Touched(record.Mailbox, record.Fields{title: "a"}, now))
	require.True(t, l.Touched(record.Mailbox, record.Fields{title: "b"}, now))
	require.False(t, l.Touched(record.Mailbox, record.Fields{title: "a", family: "not in the base"}, now))
	undecided := strangers("a", "-").plan(t).Link // a copy whose fields were never agreed on
	require.False(t, undecided.Touched(record.Mailbox, record.Fields{title: "b"}, now))
}

func TestAge(t *testing.T) {
	t.Parallel()
	l := linked("a", "a").Link
	l.Mailbox.Edited = noon.Add(-time.Hour)
	require.Equal(t, noon.Add(-time.Hour), l.Age(record.Mailbox, l.Mailbox.Version), "nobody has touched it since our own write")
	require.Equal(t, later, l.Age(record.Mailbox, connector.Version{At: later}))
	require.Equal(t, noon, l.Age(record.CRM, l.CRM.Version))
}
