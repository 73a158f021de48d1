package planner_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

const (
	answer    = record.FieldAnswer
	relations = record.FieldRelations
	attendees = record.FieldAttendees
)

// meeting starts a scene with two copies of a meeting that are in step, as far as its voice goes, with "a" for a title.
// Neither was looked at. The CRM knows its people by relations, the mailbox by attendees.
func meeting(voice planner.Voice) *scene {
	s := linked("a", "a")
	s.Voice = voice
	for _, f := range []string{answer, relations, attendees} {
		s.Rules.Fields[f] = planner.FieldRule{}
		s.Caps.CRM[f] = connector.FieldCaps{Read: true, Write: f != attendees}
		s.Caps.Mailbox[f] = connector.FieldCaps{Read: true, Write: f == attendees}
	}
	for _, b := range []*planner.SideBase{&s.Link.CRM, &s.Link.Mailbox} {
		switch voice {
		case planner.OwnAnswer:
			b.Shown = planner.Hashes{answer: now.Value(answer, record.AnswerNone)}
		case planner.Speaks:
			b.Shown[relations], b.Shown[attendees] = 0, 0
		default:
			b.Shown[relations] = 0
		}
	}
	return s
}

// sees shows both sides with "a" for a title, and sets a field on each; "-" leaves it.
func (s *scene) sees(field, crm, mailbox string) *scene {
	if s.CRM.Presence == planner.Unseen {
		s.show("a", "a")
	}
	return s.with(func(p *planner.Pair) {
		if crm != "-" {
			p.CRM.Item.Fields[field] = crm
		}
		if mailbox != "-" {
			p.Mailbox.Item.Fields[field] = mailbox
		}
	})
}

// answers shows both sides with the rep's answer, and contents that have nothing in common.
func (s *scene) answers(crm, mailbox string) *scene {
	return s.show("the record's", "the copy's").sees(answer, crm, mailbox)
}

// next is the scene after the decision's link was stored.
func (s *scene) next(t *testing.T) *scene {
	t.Helper()
	n := &scene{s.Pair}
	n.Link = s.plan(t).Link
	require.NotNil(t, n.Link)
	return n
}

func (s *scene) voice(v planner.Voice) *scene {
	return s.with(func(p *planner.Pair) { p.Voice = v })
}

// apart unlinks the pair.
func (s *scene) apart() *scene { return s.with(func(p *planner.Pair) { p.Link = nil }) }

const (
	none, yes, no = record.AnswerNone, record.AnswerYes, record.AnswerNo
)

func TestOwnAnswer(t *testing.T) {
	t.Parallel()
	own := func() *scene { return meeting(planner.OwnAnswer) }
	alone := func(side record.Side) *scene {
		s := own().answers(none, none).apart()
		if side == record.CRM {
			s.Mailbox = planner.Observation{}
		} else {
			s.CRM = planner.Observation{}
		}
		return s
	}
	propagate := func(p *planner.Pair) { p.Rules.FromCRM, p.Rules.FromMailbox = "propagate", "propagate" }
	review := func(p *planner.Pair) { p.Rules.FromCRM, p.Rules.FromMailbox = "review", "review" }
	for name, c := range map[string]struct {
		s    *scene
		want string
	}{
		"In step, contents have nothing in common":   {own().answers(none, none), "answer_only"},
		"Only the mailbox was looked at":             {own().answers(none, none).presence("", planner.Present), "answer_only"},
		"Nothing was looked at":                      {own(), "answer_only"},
		"Answered in the mailbox":                    {own().answers(none, yes), "updated | crm update answer=accepted"},
		"Answered in the mailbox, CRM not looked at": {own().answers(none, yes).presence("", planner.Present), "need crm"},
		"Answered in the mailbox by one who may not edit the record": {
			own().answers(none, yes).with(func(p *planner.Pair) { p.CRM.Editable = false }), "updated | crm update answer=accepted",
		},
		"Answered in the CRM":                         {own().answers(no, none), "answer_only | store active"},
		"Answered in both":                            {own().answers(no, yes), "conflict_resolved | crm update answer=accepted | answer: mailbox wins (fields.answer.winner: mailbox)"},
		"Answered in both alike":                      {own().answers(yes, yes), "converged | store active"},
		"Answered in the mailbox, which is no source": {own().answers(none, yes).direction("crm_to_mailbox"), "drift_kept answer"},
		"Deleted in the mailbox":                      {own().answers(none, none).presence(planner.Present, planner.Deleted).with(propagate), "tombstoned | store tombstone"},
		"Deleted in the mailbox, review":              {own().answers(none, none).presence(planner.Present, planner.Deleted).with(review), "tombstoned | store tombstone"},
		"Deleted in the CRM":                          {own().answers(none, yes).presence(planner.Deleted, planner.Present).with(propagate), "tombstoned | store tombstone"},
		"Deleted in both":                             {own().presence(planner.Deleted, planner.Deleted), "deleted_both | drop"},
		"No record yet":                               {alone(record.Mailbox), "organizer_speaks"},
		"No record yet, the policy leaves it out":     {alone(record.Mailbox).with(func(p *planner.Pair) { p.Mailbox.In, p.Mailbox.Why = false, planner.ReasonFilteredOut }), "filtered_out"},
		"No record yet, the mailbox is no source":     {alone(record.Mailbox).direction("crm_to_mailbox"), "one_way"},
		"A record alone":                              {alone(record.CRM), "organizer_speaks"},
		"Matched":                                     {own().answers(none, none).apart(), "adopted | store active"},
		"Matched, answered in the mailbox": {
			own().answers(none, yes).apart(), "linked_and_merged | crm update answer=accepted | answer: mailbox wins (first sync, fields.answer.winner: mailbox) | store active",
		},
		"Matched, not asked by the CRM":     {own().answers("", yes).apart(), "linked_and_merged | crm update answer=accepted | store active"},
		"Matched, not asked by the mailbox": {own().answers(yes, "").apart(), "adopted | store active"},
		"Its own create was not sent yet":   {own().answers(none, none).presence("", planner.Present).with(func(p *planner.Pair) { p.Link.CRM.ID = "" }), "organizer_speaks | drop"},
		"Left, the record that it made is gone": {
			own().answers(none, none).presence(planner.Deleted, planner.Present).state(planner.Left).made(record.CRM), "tombstoned | store tombstone",
		},
		"Left, and admitted again":          {own().answers(none, none).fresh().state(planner.Left), "adopted | store active"},
		"A tombstone, both are there again": {own().answers(none, none).fresh().state(planner.Tombstone), "adopted | store active"},
		"Leaves the policy, it had made the record": {
			own().answers(none, none).made(record.CRM).with(func(p *planner.Pair) { p.Mailbox.In, p.Mailbox.Why = false, planner.ReasonFilteredOut }),
			"left_policy_unlinked since filtered_out | store left",
		},
		"Becomes private, it had made the record": {
			own().answers(none, none).made(record.CRM).with(func(p *planner.Pair) { p.Mailbox.In, p.Mailbox.Why = false, planner.ReasonPrivateSkipped }),
			"left_policy_unlinked since private_skipped | store left",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.s.wantsHere(t, c.want)
		})
	}
	t.Run("An answer given in the CRM is asked about once", func(t *testing.T) {
		t.Parallel()
		s := own().answers(no, none).next(t)
		s.wantsHere(t, "answer_only")
		s.sees(answer, "-", yes).fresh().wantsHere(t, "updated | crm update answer=accepted")
	})
}

func TestVoiceChanges(t *testing.T) {
	t.Parallel()
	hasOnly := func(t *testing.T, l *planner.Link, fields ...string) {
		t.Helper()
		for _, b := range []planner.SideBase{l.CRM, l.Mailbox} {
			require.Len(t, b.Shown, len(fields))
			for _, f := range fields {
				require.Contains(t, b.Shown, f)
			}
		}
	}
	falls := func() *scene {
		return meeting(planner.Speaks).voice(planner.OwnAnswer).answers(none, none).with(func(p *planner.Pair) { p.Link.Mailbox.Sent[title] = 1 })
	}
	speaks := func() *scene { return meeting(planner.OwnAnswer).voice(planner.Speaks).answers(none, none) }
	t.Run("A copy that spoke falls silent", func(t *testing.T) {
		t.Parallel()
		s := falls()
		s.wantsHere(t, "converged | store active")
		hasOnly(t, s.next(t).Link, answer)
		require.Empty(t, s.next(t).Link.Mailbox.Sent)
		s.next(t).wantsHere(t, "answer_only")
		s.presence("", planner.Present).wantsHere(t, "need crm")
	})
	t.Run("It falls silent where answers cannot be read", func(t *testing.T) {
		t.Parallel()
		s := falls().with(func(p *planner.Pair) { delete(p.Caps.CRM, answer) })
		s.wantsHere(t, "answer_only | store active")
		hasOnly(t, s.next(t).Link, answer)
		s.next(t).wantsHere(t, "answer_only")
		s.next(t).voice(planner.Speaks).wantsHere(t, "rebased | store active")
		s.presence("", planner.Present).wantsHere(t, "need crm")
	})
	t.Run("A base that nothing is left of", func(t *testing.T) {
		t.Parallel()
		s := falls().with(func(p *planner.Pair) {
			delete(p.Caps.CRM, answer)
			p.Link.CRM.Shown, p.Link.Mailbox.Shown = planner.Hashes{}, planner.Hashes{}
		})
		s.wantsHere(t, "answer_only | store active")
		hasOnly(t, s.next(t).Link, answer)
	})
	t.Run("It speaks again", func(t *testing.T) {
		t.Parallel()
		s := speaks()
		s.wantsHere(t, "rebased | store active")
		hasOnly(t, s.next(t).Link, title, notes, relations, attendees)
		s.next(t).wantsHere(t, "unchanged")
		s.presence("", planner.Present).wantsHere(t, "need crm")
	})
	t.Run("It takes over from another copy of a meeting organised outside", func(t *testing.T) {
		t.Parallel()
		s := func(crm, mailbox string) *scene {
			return meeting(planner.OwnAnswer).voice(planner.Outside).answers(none, none).show(crm, mailbox)
		}
		s("a", "a").wantsHere(t, "converged | store active")
		require.Len(t, s("a", "the organiser's").plan(t).Ops, 1, "what its organiser said meanwhile is not lost")
		require.Equal(t, "the organiser's", s("a", "the organiser's").plan(t).Ops[0].Set[title])
		require.Empty(t, s("a", "").plan(t).Ops, "an empty value overwrites nothing, and nothing is written to the mailbox")
	})
	t.Run("It speaks again, the admin has mapped a field", func(t *testing.T) {
		t.Parallel()
		speaks().with(func(p *planner.Pair) { p.Rules.Fields[title] = planner.FieldRule{ByAdmin: true} }).wantsHere(t, "rebased | store active")
	})
	t.Run("A field that the admin maps is merged where the copy spoke all the time", func(t *testing.T) {
		t.Parallel()
		meeting(planner.Speaks).sees(notes, "n", "").with(func(p *planner.Pair) {
			p.Rules.Fields[notes] = planner.FieldRule{ByAdmin: true}
			delete(p.Link.CRM.Shown, notes)
		}).wantsHere(t, "updated | mailbox update notes=n")
	})
	t.Run("It speaks again while the key is rotated", func(t *testing.T) {
		t.Parallel()
		s := speaks().with(func(p *planner.Pair) { p.Link.HashKey, p.Was = oldKey.KeyVersion, oldKey })
		s.wantsHere(t, "rebased | store active")
		hasOnly(t, s.next(t).Link, title, notes, relations, attendees)
	})
	t.Run("It falls silent while the key is rotated", func(t *testing.T) {
		t.Parallel()
		s := falls().with(func(p *planner.Pair) { p.Link.HashKey, p.Was = oldKey.KeyVersion, oldKey })
		hasOnly(t, s.next(t).Link, answer)
	})
	t.Run("Its organiser leaves the org", func(t *testing.T) {
		t.Parallel()
		s := meeting(planner.Speaks).voice(planner.Outside).sees(title, "-", "-")
		s.wantsHere(t, "unchanged | store active")
		hasOnly(t, s.next(t).Link, title, notes, relations)
	})
	t.Run("A match knows what it has a say in", func(t *testing.T) {
		t.Parallel()
		hasOnly(t, meeting(planner.OwnAnswer).answers(none, none).apart().next(t).Link, answer)
		hasOnly(t, meeting(planner.Outside).answers(none, none).apart().next(t).Link, title, notes, relations)
		hasOnly(t, meeting(planner.Speaks).answers(none, none).apart().next(t).Link, title, notes, relations, attendees)
	})
}

func TestOutside(t *testing.T) {
	t.Parallel()
	out := func(crm, mailbox string) *scene { return meeting(planner.Outside).show(crm, mailbox) }
	propagate := func(p *planner.Pair) { p.Rules.FromCRM, p.Rules.FromMailbox = "propagate", "propagate" }
	left := func(why planner.Reason) func(*planner.Pair) {
		return func(p *planner.Pair) {
			p.Link.Made, p.Rules.OnFilterExit, p.Mailbox.In, p.Mailbox.Why = record.CRM, "remove", false, why
		}
	}
	for name, c := range map[string]struct {
		s    *scene
		want string
	}{
		"Edited by the organiser":                  {out("a", "b"), "updated | crm update title=b"},
		"Edited in the CRM":                        {out("b", "a"), "not_ours_to_change title"},
		"Edited in both, two fields":               {out("b", "a").sees(notes, "-", "n"), "not_ours_to_change title | crm update notes=n"},
		"Edited in both":                           {out("b", "c"), "conflict_resolved | crm update title=c | title: mailbox wins (organised outside)"},
		"Edited in both, the mailbox is no source": {out("b", "c").direction("crm_to_mailbox"), "not_ours_to_change title"},
		"Drift is not put back": {
			out("a", "b").direction("crm_to_mailbox").with(func(p *planner.Pair) { p.Rules.OnDrift = "revert" }), "not_ours_to_change title",
		},
		"Another answer is no content":                {out("a", "a").sees(answer, yes, no), "unchanged"},
		"The CRM knows other attendees":               {out("a", "a").sees(attendees, "x@y.test accepted", ""), "unchanged"},
		"Related to other records":                    {out("a", "a").sees(relations, "-", "003A"), "updated | crm update relations=003A"},
		"Matched, both differ":                        {out("b", "c").apart(), "linked_and_merged | crm update title=c | title: mailbox wins (first sync, organised outside) | store active"},
		"Matched, the mailbox is no source":           {out("b", "c").apart().direction("crm_to_mailbox"), "adopted | store active"},
		"Matched, the CRM says more":                  {out("a", "a").sees(notes, "n", "").apart(), "adopted | store active"},
		"Deleted in the CRM":                          {out("a", "a").presence(planner.Deleted, planner.Present).with(propagate), "not_ours_to_change"},
		"Deleted in the CRM, unlink":                  {out("a", "a").presence(planner.Deleted, planner.Present).with(func(p *planner.Pair) { p.Rules.FromCRM = "unlink" }), "tombstoned | store tombstone"},
		"Deleted in the CRM, edited by the organiser": {out("a", "b").presence(planner.Deleted, planner.Present).with(propagate), "restored | crm create title=b | store active | restore"},
		"Gone from the mailbox":                       {out("a", "a").presence(planner.Present, planner.Deleted).with(propagate), "tombstoned | store tombstone"},
		"Gone from the mailbox, edited in the CRM":    {out("b", "a").presence(planner.Present, planner.Deleted).with(propagate), "tombstoned | store tombstone"},
		"Gone from the mailbox, review": {
			out("a", "a").presence(planner.Present, planner.Deleted).with(func(p *planner.Pair) { p.Rules.FromMailbox = "review" }), "delete_review",
		},
		"Declined": {out("a", "a").with(left(planner.ReasonExcludedDeclined)), "left_policy_unlinked since excluded_declined | store left"},
		"Declined, and one's own": {
			out("a", "a").with(left(planner.ReasonExcludedDeclined)).with(func(p *planner.Pair) { p.Voice = planner.Speaks }),
			"left_policy_removed since excluded_declined | crm delete | then left",
		},
		"Excluded": {out("a", "a").with(left(planner.ReasonExcludedDomain)), "left_policy_removed since excluded_domain | crm delete | then left"},
		"New":      {out("-", "a").apart(), "created | crm create title=a | store active"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.s.wantsHere(t, c.want)
		})
	}
}
