package planner_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

// Relations come from the mailbox alone, attendees from the CRM alone; what the other side shows of them stays there.
func TestNativeFields(t *testing.T) {
	t.Parallel()
	both := func(f, crm, mailbox string) *scene { return meeting(planner.Speaks).sees(f, crm, mailbox) }
	never := func(p *planner.Pair) { p.Caps.Mailbox[attendees] = connector.FieldCaps{Read: true} }
	revert := func(p *planner.Pair) { p.Rules.OnDrift = "revert" }
	propagate := func(p *planner.Pair) { p.Rules.FromCRM, p.Rules.FromMailbox = "propagate", "propagate" }
	const ada, bea = "ada@x.test accepted", "bea@x.test accepted"
	for name, c := range map[string]struct {
		s    *scene
		want string
	}{
		"Relations, by the mailbox":                         {both(relations, "", "003A"), "updated | crm update relations=003A"},
		"Relations, by a person in the CRM":                 {both(relations, "003B", ""), "unchanged | store active"},
		"Relations, by both":                                {both(relations, "003B", "003A"), "conflict_resolved | crm update relations=003A | relations: mailbox wins (fields.relations.winner: mailbox)"},
		"Relations, by both, the mailbox is no source":      {both(relations, "003B", "003A").direction("crm_to_mailbox"), "unchanged | store active"},
		"Relations, by the mailbox, which is no source":     {both(relations, "", "003A").direction("crm_to_mailbox"), "drift_kept relations"},
		"Relations, drift of the mailbox":                   {both(relations, "", "003A").direction("crm_to_mailbox").with(revert), "unchanged | store active"},
		"Relations, drift of the CRM":                       {both(relations, "003B", "").direction("mailbox_to_crm").with(revert), "drift_reverted | crm update relations= | relations: mailbox wins (on_drift: revert)"},
		"Relations, the CRM denies them":                    {both(relations, "", "003A").with(func(p *planner.Pair) { p.Caps.CRM[relations] = connector.FieldCaps{Read: true} }), "field_not_writable relations"},
		"Relations, whatever wins":                          {both(relations, "003B", "003A").with(func(p *planner.Pair) { p.Rules.Conflict = "review" }), "conflict_resolved | crm update relations=003A | relations: mailbox wins (fields.relations.winner: mailbox)"},
		"Relations, matched":                                {both(relations, "003B", "003A").apart(), "linked_and_merged | crm update relations=003A | relations: mailbox wins (first sync, fields.relations.winner: mailbox) | store active"},
		"Relations, matched, only the CRM has them":         {both(relations, "003B", "").apart(), "adopted | store active"},
		"Attendees, by the CRM":                             {both(attendees, ada, ""), "updated | mailbox update attendees=" + ada},
		"Attendees, by the CRM, nobody is invited":          {both(attendees, ada, "").with(never), "field_not_writable attendees"},
		"Attendees, by the CRM, which is no source":         {both(attendees, ada, "").direction("mailbox_to_crm"), "drift_kept attendees"},
		"Attendees, by the mailbox":                         {both(attendees, "", bea), "unchanged | store active"},
		"Attendees, by both":                                {both(attendees, ada, bea), "conflict_resolved | mailbox update attendees=" + ada + " | attendees: crm wins (fields.attendees.winner: crm)"},
		"Attendees, by both, nobody is invited":             {both(attendees, ada, bea).with(never), "field_not_writable attendees"},
		"Attendees, by both, the mailbox's edit wins never": {both(attendees, ada, bea).with(func(p *planner.Pair) { p.Rules.Conflict = "mailbox_wins" }), "conflict_resolved | mailbox update attendees=" + ada + " | attendees: crm wins (fields.attendees.winner: crm)"},
		"Attendees, matched, only the mailbox has them":     {both(attendees, "", bea).apart(), "adopted | store active"},
		"A contact and an attendee, each where it is at home": {both(attendees, "", bea).sees(relations, "003B", "003A"),
			"conflict_resolved | crm update relations=003A | relations: mailbox wins (fields.relations.winner: mailbox) | store active"},
		"A new copy in the mailbox": {
			both(attendees, ada, "").sees(relations, "003A", "").apart().presence(planner.Present, ""), "created | mailbox create attendees=" + ada + " title=a | store active",
		},
		"A new copy in the mailbox, nobody is invited": {
			both(attendees, ada, "").apart().presence(planner.Present, "").with(never), "created attendees | mailbox create title=a | store active",
		},
		"A new copy in the mailbox, notes cannot be written": {
			both(notes, "n", "").apart().presence(planner.Present, "").with(func(p *planner.Pair) { p.Caps.Mailbox[notes] = connector.FieldCaps{Read: true} }),
			"created | mailbox create title=a | store active",
		},
		"A new copy in the CRM": {
			both(attendees, "", ada).sees(relations, "", "003A").apart().presence("", planner.Present), "created | crm create relations=003A title=a | store active",
		},
		"Deleted in the CRM, other relations by the mailbox": {
			both(relations, "", "003A").presence(planner.Deleted, planner.Present).with(propagate), "deleted | mailbox delete | relations: crm wins (direction) | then tombstone",
		},
		"Deleted in the CRM, edited in the mailbox": {
			both(relations, "", "003A").sees(title, "a", "b").presence(planner.Deleted, planner.Present).with(propagate), "restored | crm create relations=003A title=b | store active | restore",
		},
		"Deleted in the mailbox, related by a person in the CRM": {
			both(relations, "003B", "").presence(planner.Present, planner.Deleted).with(propagate), "restored | mailbox create title=a | store active | restore",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.s.wantsHere(t, c.want)
		})
	}

	t.Run("A record that a person related is asked about once, and stays", func(t *testing.T) {
		t.Parallel()
		s := both(relations, "003B", "").next(t)
		s.wantsHere(t, "unchanged")
		s.sees(relations, "-", "003A").fresh().wantsHere(t, "updated | crm update relations=003A")
	})
	t.Run("The CRM's attendees change by our own write of relations", func(t *testing.T) {
		t.Parallel()
		start := both(relations, "", "003A").sees(attendees, "", ada)
		shown := item("crm-1", "a", "written")
		shown.Fields[relations], shown.Fields[attendees] = "003A accepted", ada
		settle(t, start, shown).fresh().wantsHere(t, "unchanged")
	})
	t.Run("But not by a person's", func(t *testing.T) {
		t.Parallel()
		op := both(relations, "", "003A").sees(attendees, bea, "").plan(t).Ops[0]
		require.Equal(t, record.CRM, op.Side)
		require.NotContains(t, op.Source, attendees)
	})
	t.Run("Nor where attendees are not mapped, nor without relations", func(t *testing.T) {
		t.Parallel()
		s := both(relations, "", "003A").with(func(p *planner.Pair) { delete(p.Rules.Fields, attendees) })
		require.NotContains(t, s.plan(t).Ops[0].Source, attendees)
		require.NotContains(t, both(title, "a", "b").plan(t).Ops[0].Source, attendees)
	})
	t.Run("What a new copy has no place for is agreed on", func(t *testing.T) {
		t.Parallel()
		s := settle(t, both(attendees, ada, "").sees(relations, "003A", "").apart().presence(planner.Present, ""), func() connector.Item {
			it := item("mailbox-1", "a", "written")
			it.Fields[attendees] = ada
			return it
		}())
		s.fresh().wantsHere(t, "unchanged")
	})
}

// Whichever side is private, the pair is one-way from there.
func TestDisguised(t *testing.T) {
	t.Parallel()
	private := func(crm, mailbox string) *scene {
		return linked("a", "a").show(crm, mailbox).with(func(p *planner.Pair) {
			p.Disguised, p.Rules.FromCRM, p.Rules.FromMailbox = record.Mailbox, "propagate", "propagate"
		})
	}
	revert := func(p *planner.Pair) { p.Rules.OnDrift = "revert" }
	for name, c := range map[string]struct {
		s    *scene
		want string
	}{
		"The private one is edited":                   {private("a", "b"), "updated | crm update title=b"},
		"The copy is edited":                          {private("b", "a"), "drift_kept title"},
		"The copy is edited, revert":                  {private("b", "a").with(revert), "drift_reverted | crm update title=a | title: mailbox wins (on_drift: revert)"},
		"Both are edited":                             {private("b", "c"), "conflict_resolved | crm update title=c | title: mailbox wins (direction)"},
		"The copy is deleted":                         {private("a", "a").presence(planner.Deleted, planner.Present), "tombstoned | store tombstone"},
		"The private one is deleted":                  {private("a", "a").presence(planner.Present, planner.Deleted), "deleted | crm delete | then tombstone"},
		"The direction is the other one":              {private("a", "b").direction("crm_to_mailbox"), "drift_kept title"},
		"The direction is the other one, both edited": {private("b", "c").direction("crm_to_mailbox"), "drift_kept title"},
		"The direction is the other one, revert":      {private("b", "a").direction("crm_to_mailbox").with(revert), "drift_kept title"},
		"New":                                         {private("-", "a").apart(), "created | crm create title=a | store active"},
		"New, the direction is the other one":         {private("-", "a").apart().direction("crm_to_mailbox"), "one_way"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.s.wants(t, c.want)
		})
	}
}

func TestDisguise(t *testing.T) {
	t.Parallel()
	kept := record.Fields{
		record.FieldTime: "2026-03-29/2026-03-30", record.FieldShowAs: record.ShowOutOfOffice, record.FieldPrivacy: record.PrivacyPrivate, record.FieldUID: "u",
		record.FieldOccurrence: "2026-03-29", record.FieldSequence: "3", record.FieldStatus: record.StatusTentative,
	}
	f := record.Fields{
		record.FieldSubject: "Surgery", record.FieldLocation: "Clinic", record.FieldDescription: "n", attendees: "a@x.test accepted",
		relations: "003A", answer: yes, record.FieldRecurrence: "RRULE:FREQ=DAILY", record.FieldLabels: "crm", record.FieldSeries: "s",
	}
	maps.Copy(f, kept)
	shown := planner.Disguise(f)
	kept[record.FieldSubject] = "Busy"
	require.Equal(t, kept, shown)
	require.Equal(t, "Surgery", f[record.FieldSubject], "what was given stays")
	require.Equal(t, record.Fields{record.FieldSubject: "Busy"}, planner.Disguise(record.Fields{}))
}

// An occurrence that is known by its series' master is believed, and read by itself before it is written.
func TestDerived(t *testing.T) {
	t.Parallel()
	derived := func(crm, mailbox string) *scene {
		return linked("a", "a").show(crm, mailbox).with(func(p *planner.Pair) {
			p.Mailbox.Derived, p.Mailbox.Item.Version = true, connector.Version{Tag: "the master's", At: noon.Add(-1)}
		})
	}
	for name, c := range map[string]struct {
		s    *scene
		want string
	}{
		"In step":                         {derived("a", "a"), "unchanged"},
		"Its series was edited":           {derived("a", "b"), "updated | crm update title=b"},
		"The record was edited":           {derived("b", "a"), "need mailbox"},
		"Both were edited":                {derived("b", "a").sees(notes, "", "n"), "need mailbox"},
		"The record was deleted":          {derived("a", "a").presence(planner.Deleted, planner.Present), "need mailbox"},
		"New":                             {derived("-", "a").apart(), "created | crm create title=a | store active"},
		"The record was edited, and read": {derived("b", "a").fresh().with(func(p *planner.Pair) { p.Mailbox.Derived = false }), "updated | mailbox update title=b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.s.wantsHere(t, c.want)
		})
	}
}
