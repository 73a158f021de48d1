package planner_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

const (
	unseen  = planner.Unseen
	present = planner.Present
	gone    = planner.Deleted
	noSight = planner.NoSight
)

func TestFirstSync(t *testing.T) {
	t.Parallel()
	review := func(p *planner.Pair) { p.Rules.Conflict = "review" }
	receiverWins := func(p *planner.Pair) { p.Rules.Conflict = "mailbox_wins" }
	for name, c := range map[string]struct {
		s    *scene
		want string
	}{
		"Nothing there":                 {strangers("-", "-"), "unchanged"},
		"Deleted before it was known":   {strangers("-", "-").presence(gone, unseen), "unchanged"},
		"One side alone":                {strangers("a", "-"), "created | mailbox create title=a | store active"},
		"One side alone, off":           {strangers("a", "-").direction("off"), "direction_off"},
		"One side alone, one way":       {strangers("a", "-").direction("crm_to_mailbox"), "created | mailbox create title=a | store active"},
		"One side alone, the other way": {strangers("a", "-").direction("mailbox_to_crm"), "one_way"},
		"One side alone, not admitted":  {strangers("a", "-").out(planner.ReasonFilteredOut), "filtered_out"},
		"One side alone, a field that cannot be written": {
			strangers("a", "-").with(func(p *planner.Pair) {
				p.CRM.Item.Fields[notes] = "n"
				p.Caps.Mailbox[notes] = connector.FieldCaps{Read: true}
			}),
			"created | mailbox create title=a | store active",
		},
		"One side alone, the other cannot hold it": {
			strangers("a", "-").with(func(p *planner.Pair) {
				p.Caps.Mailbox[notes] = connector.FieldCaps{Read: true, Write: true, Required: true}
			}),
			"required_field_missing notes",
		},
		"A required field that is not mapped": {
			strangers("a", "-").with(func(p *planner.Pair) {
				p.Caps.Mailbox[family] = connector.FieldCaps{Read: true, Write: true, Required: true}
			}),
			"no_family_name name.family",
		},
		"Same item on both sides, no link":     {strangers("a", "a"), "adopted | store active"},
		"Same item on both sides, off":         {strangers("a", "a").direction("off"), "direction_off"},
		"Different items that match, no link":  {strangers("a", "b"), "linked_and_merged | mailbox update title=a | title: crm wins (first sync, conflict: crm_wins) | store active"},
		"An empty value never overwrites":      {strangers("", "b"), "linked_and_merged | crm update title=b | store active"},
		"An empty source does not overwrite":   {strangers("", "b").direction("crm_to_mailbox"), "adopted | store active"},
		"The source fills the empty receiver":  {strangers("a", "").direction("crm_to_mailbox"), "linked_and_merged | mailbox update title=a | store active"},
		"The source overwrites the receiver":   {strangers("a", "b").direction("crm_to_mailbox"), "linked_and_merged | mailbox update title=a | title: crm wins (first sync, conflict: crm_wins) | store active"},
		"The receiver wins and cannot be sent": {strangers("a", "b").direction("crm_to_mailbox").with(receiverWins), "adopted | store active"},
		"Review links and waits":               {strangers("a", "b").with(review), "conflict_review title | title: nobody wins (first sync, conflict: review) | store active"},
		"Review in a one-way policy":           {strangers("a", "b").direction("crm_to_mailbox").with(review), "conflict_review title | title: nobody wins (first sync, conflict: review) | store active"},
		"Adopted, one field cannot be written": {
			strangers("a", "").with(func(p *planner.Pair) { p.Caps.Mailbox[title] = connector.FieldCaps{Read: true} }), "adopted title | store active",
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); c.s.wants(t, c.want) })
	}
	// Of a pair the CRM record speaks, where it is a source.
	for name, c := range map[string]struct {
		s    *scene
		want string
	}{
		"A record that is not admitted is not linked": {strangers("a", "a").out(planner.ReasonFilteredOut), "filtered_out"},
		"The mailbox item is admitted by its record":  {strangers("a", "a").with(func(p *planner.Pair) { p.Mailbox.In = false }), "adopted | store active"},
		"From the mailbox, it is asked itself":        {strangers("a", "a").direction("mailbox_to_crm").with(func(p *planner.Pair) { p.Mailbox.In, p.Mailbox.Why = false, planner.ReasonFilteredOut }), "filtered_out"},
		"Another rep's record, from the CRM":          {strangers("a", "a").direction("crm_to_mailbox").out(planner.ReasonNotOwned), "not_owned"},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); c.s.wantsHere(t, c.want) })
	}
}

func TestNewLinks(t *testing.T) {
	t.Parallel()
	t.Run("A copy is made by us, and its source waits with its base", func(t *testing.T) {
		t.Parallel()
		d := strangers("a", "-").plan(t)
		require.Equal(t, record.Mailbox, d.Link.Made)
		require.Equal(t, "crm-1", d.Link.CRM.ID)
		require.Empty(t, d.Link.Mailbox.ID)
		require.Empty(t, d.Link.CRM.Version, "nothing is agreed on yet")
		require.Equal(t, planner.Hashes{title: now.Value(title, "a"), notes: 0}, d.Ops[0].Source)
		require.Equal(t, connector.Version{Tag: "later", At: later}, d.Ops[0].From)
		require.Equal(t, now.Norm, d.Link.Norm)
		require.Equal(t, now.KeyVersion, d.Link.HashKey)
		require.False(t, d.Restore)
	})
	t.Run("An adopted item was not made by us", func(t *testing.T) {
		t.Parallel()
		d := strangers("a", "a").plan(t)
		require.Empty(t, d.Link.Made)
		require.False(t, d.Link.Shared)
		require.Equal(t, "mailbox-1", d.Link.Mailbox.ID)
		require.Equal(t, connector.Version{Tag: "later", At: later}, d.Link.Mailbox.Version)
		require.Equal(t, planner.Hashes{title: now.Value(title, "a"), notes: 0}, d.Link.Mailbox.Shown)
	})
	t.Run("A match with another rep's record is shared", func(t *testing.T) {
		t.Parallel()
		for _, direction := range []string{"both", "mailbox_to_crm"} {
			d := strangers("a", "a").direction(direction).out(planner.ReasonNotOwned).plan(t)
			require.True(t, d.Link != nil && d.Link.Shared, direction)
		}
		d := strangers("a", "a").out(planner.ReasonNotOwned).with(func(p *planner.Pair) { p.Mailbox.In = false }).plan(t)
		require.Nil(t, d.Link, "unless the mailbox's item is not admitted either")
	})
	t.Run("An empty value does not overwrite later either, when the first write was parked", func(t *testing.T) {
		t.Parallel()
		s := strangers("", "bbbb").with(func(p *planner.Pair) { p.Caps.CRM[title] = connector.FieldCaps{Read: true, Write: true, MaxLen: 3} })
		d := s.plan(t)
		require.Equal(t, "too_long title | store active", tell(d))
		s.Link = d.Link
		s.fresh().wants(t, "too_long title")
		s.direction("crm_to_mailbox").wants(t, "converged | store active")
	})
	t.Run("A field that could not be written flows when it may be", func(t *testing.T) {
		t.Parallel()
		s := strangers("a", "-").with(func(p *planner.Pair) {
			p.CRM.Item.Fields[notes] = "n"
			p.Caps.Mailbox[notes] = connector.FieldCaps{Read: true}
		})
		d := s.plan(t)
		l := planner.Settle(*d.Link, d.Ops[0], seen("mailbox-1", "a").Item, now)
		s.Link = &l
		s.show("a", "-").wants(t, "need mailbox")
		s.show("a", "a").fresh().with(func(p *planner.Pair) { p.CRM.Item.Fields[notes] = "n" })
		s.wants(t, "field_not_writable notes")
		s.Caps.Mailbox[notes] = connector.FieldCaps{Read: true, Write: true}
		s.wants(t, "updated | mailbox update notes=n")
	})
}

// A link waits for its create with one empty id.
func TestWaiting(t *testing.T) {
	t.Parallel()
	wait := func(crm string, at planner.Presence) *scene {
		return linked(crm, "").show(crm, "-").presence(at, unseen).made(record.Mailbox).fresh().with(func(p *planner.Pair) {
			p.Link.Mailbox = planner.SideBase{}
			p.Link.Generation = 3
		})
	}
	for name, c := range map[string]struct {
		s    *scene
		want string
	}{
		"It is wanted still":         {wait("a", present), "created | mailbox create title=a | store active"},
		"The source is not seen":     {wait("a", unseen), "need crm"},
		"The source is gone":         {wait("a", gone), "deleted_both | drop"},
		"The source is out of sight": {wait("a", noSight), "no_access_unlinked | drop"},
		"No longer admitted":         {wait("a", present).out(planner.ReasonFilteredOut), "filtered_out | drop"},
		"The filter failed":          {wait("a", present).out(planner.ReasonFilterError), "filter_error"},
		"Off":                        {wait("a", present).direction("off"), "direction_off"},
		"The other way":              {wait("a", present).direction("mailbox_to_crm"), "one_way | drop"},
		"It was there all the while": {
			wait("a", present).with(func(p *planner.Pair) {
				p.Mailbox = seen("mailbox-1", "a")
				p.Link.CRM.Shown = planner.Hashes{}
				p.Rules.Fields[title], p.Rules.Fields[notes] = planner.FieldRule{ByAdmin: true}, planner.FieldRule{ByAdmin: true}
			}), "converged | store active",
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); c.s.wants(t, c.want) })
	}
	d := wait("a", present).plan(t)
	require.Equal(t, 3, d.Link.Generation)
	require.Equal(t, record.Mailbox, d.Link.Made)
}

// The table of DESIGN.md: who deleted, what was edited, and what the policy's deletes say.
func TestDeletes(t *testing.T) {
	t.Parallel()
	rule := func(s *scene, r string) *scene { return s.with(func(p *planner.Pair) { p.Rules.FromCRM = r }) }
	crmGone := func(mailbox string) *scene { return linked("a", "a").show("-", mailbox).presence(gone, present) }
	for name, c := range map[string]struct {
		s    *scene
		want string
	}{
		"Deleted on both":                                  {linked("a", "a").presence(gone, gone), "deleted_both | drop"},
		"Deleted on both, off":                             {linked("a", "a").presence(gone, gone).direction("off"), "deleted_both | drop"},
		"Deleted, propagate":                               {crmGone("a"), "deleted | mailbox delete | then tombstone"},
		"Deleted, propagate, the other not looked at":      {crmGone("a").presence(gone, unseen), "need mailbox"},
		"Deleted, propagate, the other out of sight":       {crmGone("a").presence(gone, noSight), "tombstoned | store tombstone"},
		"Deleted, unlink":                                  {rule(crmGone("a"), "unlink"), "tombstoned | store tombstone"},
		"Deleted, unlink, the other not looked at":         {rule(crmGone("a").presence(gone, unseen), "unlink"), "tombstoned | store tombstone"},
		"Deleted, review":                                  {rule(crmGone("a"), "review"), "delete_review"},
		"Deleted, off":                                     {crmGone("a").direction("off"), "direction_off"},
		"Edited here, deleted there, propagate":            {crmGone("b"), "restored | crm create title=b | store active | restore"},
		"Edited here, deleted there, do not propagate":     {rule(crmGone("b"), "unlink"), "tombstoned | store tombstone"},
		"Edited here, deleted there, review":               {rule(crmGone("b"), "review"), "delete_review"},
		"The receiver edited, the source deleted":          {crmGone("b").direction("crm_to_mailbox"), "deleted | mailbox delete | title: crm wins (direction) | then tombstone"},
		"The receiver not edited, the source deleted":      {crmGone("a").direction("crm_to_mailbox"), "deleted | mailbox delete | then tombstone"},
		"The receiver deleted, one way":                    {crmGone("a").direction("mailbox_to_crm"), "tombstoned | store tombstone"},
		"The receiver deleted, the source edited, one way": {crmGone("b").direction("mailbox_to_crm"), "tombstoned | store tombstone"},
		"What is not admitted is not deleted":              {crmGone("a").with(func(p *planner.Pair) { p.Mailbox.In, p.Mailbox.Why = false, planner.ReasonFilteredOut }), "tombstoned | store tombstone"},
		"A filter that fails parks the delete":             {crmGone("a").with(func(p *planner.Pair) { p.Mailbox.In, p.Mailbox.Why = false, planner.ReasonFilterError }), "filter_error"},
		"A receiver that is not admitted is deleted":       {crmGone("a").direction("crm_to_mailbox").with(func(p *planner.Pair) { p.Mailbox.In = false }), "deleted | mailbox delete | then tombstone"},
		"An edit that cannot be restored is parked": {crmGone("").with(func(p *planner.Pair) {
			p.Caps.CRM[title] = connector.FieldCaps{Read: true, Write: true, Required: true}
		}), "required_field_missing title"},
		"A field never agreed on is no edit":       {crmGone("b").with(func(p *planner.Pair) { delete(p.Link.Mailbox.Shown, title) }), "deleted | mailbox delete | then tombstone"},
		"What the target shows as sent is no edit": {crmGone("b").with(func(p *planner.Pair) { p.Link.Mailbox.Sent[title] = now.Value(title, "b") }), "deleted | mailbox delete | then tombstone"},
		"Out of sight is not deleted":              {linked("a", "a").show("-", "b").presence(noSight, present), "no_access_unlinked | store left"},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); c.s.wants(t, c.want) })
	}
	t.Run("A restored item is another generation, made by us, with no base", func(t *testing.T) {
		t.Parallel()
		d := crmGone("b").made(record.Mailbox).plan(t)
		require.Equal(t, 1, d.Link.Generation)
		require.Equal(t, record.CRM, d.Link.Made)
		require.Empty(t, d.Link.CRM.ID)
		require.Equal(t, "mailbox-1", d.Link.Mailbox.ID)
	})
}

func TestTombstone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		s    *scene
		want string
	}{
		"Stands":                             {linked("a", "a"), "tombstone_stands"},
		"Deleted, then the source is edited": {linked("a", "a").show("b", "-").presence(present, gone), "tombstone_stands"},
		"The source is edited, the other is looked for": {linked("a", "a").show("b", "-"), "need mailbox"},
		"Gone on one side, the other is looked for":     {linked("a", "a").presence(gone, unseen), "need mailbox"},
		"Gone on both is purged":                        {linked("a", "a").presence(gone, gone), "deleted_both | drop"},
		"Out of sight":                                  {linked("a", "a").presence(noSight, unseen), "tombstone_stands"},
		"Out of sight, the other there":                 {linked("a", "a").show("-", "a").presence(noSight, present), "tombstone_stands"},
		"Off":                                           {linked("a", "a").show("a", "b").direction("off"), "tombstone_stands"},
		"A feed that still shows the deleted item is not believed": {
			linked("a", "a").show("a", "a").with(func(p *planner.Pair) { p.CRM.Fresh = true }), "need mailbox",
		},
		"A person restored it":               {linked("a", "a").show("a", "b").fresh(), "linked_and_merged | mailbox update title=a | title: crm wins (first sync, conflict: crm_wins) | store active"},
		"A person restored it as it was":     {linked("a", "a").show("a", "a").fresh(), "adopted | store active"},
		"A person restored it, not admitted": {linked("a", "a").show("a", "a").fresh().out(planner.ReasonFilteredOut), "tombstone_stands"},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); c.s.state(planner.Tombstone).wants(t, c.want) })
	}
}

func TestFilterExit(t *testing.T) {
	t.Parallel()
	out := func(mailbox string) *scene {
		return linked("a", "a").show("a", mailbox).out(planner.ReasonFilteredOut).made(record.Mailbox)
	}
	keep := func(p *planner.Pair) { p.Rules.OnFilterExit = "keep" }
	removed := "left_policy_removed since filtered_out | mailbox delete | then left"
	kept := "left_policy_kept since filtered_out | store left"
	for name, c := range map[string]struct {
		s    *scene
		want string
	}{
		"Made by us, remove":                        {out("a"), removed},
		"Made by us, remove, one way":               {out("a").direction("crm_to_mailbox"), removed},
		"Made by us, the copy not looked at":        {out("-"), "need mailbox"},
		"Made by us, keep":                          {out("a").with(keep), kept},
		"Made by us, keep, not looked at":           {out("-").with(keep), kept},
		"Adopted":                                   {out("a").made(""), "left_policy_unlinked since filtered_out | store left"},
		"The original was ours":                     {out("a").made(record.CRM), kept},
		"The copy holds an edit to be carried over": {out("b"), kept},
		"The copy holds drift":                      {out("b").direction("crm_to_mailbox"), "left_policy_removed since filtered_out | mailbox delete | title: crm wins (direction) | then left"},
		"The receiving side is not asked":           {out("b").direction("mailbox_to_crm"), "updated | crm update title=b"},
		"Off":                                       {out("a").direction("off"), "direction_off"},
		"The filter failed":                         {out("a").out(planner.ReasonFilterError), "filter_error"},
		"Over the limit":                            {out("a").out(planner.ReasonOverLimit), "left_policy_removed since over_limit | mailbox delete | then left"},
		"Not looked at is not left":                 {linked("a", "a").show("-", "a").made(record.Mailbox), "unchanged"},
		"The copy was deleted, the record is out":   {out("-").presence(present, gone).with(func(p *planner.Pair) { p.Rules.FromMailbox = "propagate" }), "tombstoned | store tombstone"},
		"The other side's filter failed": {
			out("a").with(func(p *planner.Pair) { p.Mailbox.In, p.Mailbox.Why = false, planner.ReasonFilterError }), "filter_error",
		},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); c.s.wants(t, c.want) })
	}
}

// A pair that was unlinked comes back when its source is admitted again.
func TestReturn(t *testing.T) {
	t.Parallel()
	left := func(crm, mailbox string) *scene {
		return linked("a", "a").show(crm, mailbox).state(planner.Left).made(record.Mailbox).fresh()
	}
	takenAway := left("a", "-").presence(present, gone).with(func(p *planner.Pair) { p.Link.Mailbox = planner.SideBase{ID: p.Link.Mailbox.ID} })
	for name, c := range map[string]struct {
		s    *scene
		want string
	}{
		"Nothing is seen":                       {left("-", "-"), "left_policy"},
		"The receiver alone is seen":            {left("-", "b").direction("crm_to_mailbox"), "need crm"},
		"A record given back, its source rests": {left("a", "-").direction("mailbox_to_crm"), "need mailbox"},
		"Still out":                             {left("a", "-").out(planner.ReasonFilteredOut), "filtered_out"},
		"Still out of sight":                    {left("-", "a").presence(noSight, present), "no_access_unlinked"},
		"Off":                                   {left("a", "a").direction("off"), "direction_off"},
		"Gone on both":                          {left("-", "-").presence(gone, gone), "deleted_both | drop"},
		"Back, the copy not looked at":          {left("a", "-"), "need mailbox"},
		"Back, the copy is there":               {left("a", "a"), "adopted | store active"},
		"Back, the copy was edited":             {left("a", "b"), "linked_and_merged | mailbox update title=a | title: crm wins (first sync, conflict: crm_wins) | store active"},
		"Back, the copy as an old feed has it":  {left("a", "a").with(func(p *planner.Pair) { p.Mailbox.Fresh = false }), "need mailbox"},
		"Back, our copy was taken away":         {takenAway, "restored | mailbox create title=a | store active | restore"},
		"Back, somebody deleted our copy":       {left("a", "-").presence(present, gone), "tombstoned | store tombstone"},
		"Back, a person's own item is gone":     {left("a", "-").presence(present, gone).made(""), "tombstoned | store tombstone"},
		"The copy edited, the record is gone":   {left("-", "b").presence(gone, present), "tombstoned | store tombstone"},
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); c.s.wants(t, c.want) })
	}
	d := takenAway.plan(t)
	require.Equal(t, 1, d.Link.Generation)
	require.Equal(t, planner.Active, d.Link.State)
}
