package planner_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/record"
)

const (
	title  = record.FieldTitle
	notes  = record.FieldNotes
	family = record.FieldFamily
)

var (
	now   = record.Hasher{Norm: record.Normaliser, KeyVersion: 1, Key: []byte("a key of tests, thirty-two bytes")}
	noon  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	later = noon.Add(time.Minute)
)

// scene is a pair in the making. Its two fields, title and notes, may be read and written on both sides.
type scene struct{ planner.Pair }

// linked starts a scene with two items that are in step, with the title as each side shows it. Neither was looked at.
func linked(crm, mailbox string) *scene {
	s := &scene{planner.Pair{Was: now, Now: now}}
	s.Rules = planner.Rules{
		Direction: "both", Conflict: "crm_wins", FromCRM: "propagate", FromMailbox: "unlink", OnFilterExit: "remove",
		OnDrift: "keep", Fields: map[string]planner.FieldRule{title: {}, notes: {}},
	}
	s.Caps.CRM, s.Caps.Mailbox = map[string]connector.FieldCaps{}, map[string]connector.FieldCaps{}
	for _, f := range []string{title, notes} {
		s.Caps.CRM[f] = connector.FieldCaps{Read: true, Write: true}
		s.Caps.Mailbox[f] = connector.FieldCaps{Read: true, Write: true}
	}
	s.Link = &planner.Link{ID: "l", State: planner.Active, Norm: now.Norm, HashKey: now.KeyVersion}
	s.Link.CRM = base("crm-1", crm)
	s.Link.Mailbox = base("mailbox-1", mailbox)
	return s
}

func base(id, text string) planner.SideBase {
	return planner.SideBase{
		ID: id, Version: connector.Version{Tag: "agreed", At: noon},
		Shown: planner.Hashes{title: now.Value(title, text), notes: 0}, Sent: planner.Hashes{},
	}
}

// seen makes an item, as a feed shows it, edited a minute after the base.
func seen(id, text string) planner.Observation {
	return planner.Observation{
		Presence: planner.Present, In: true, Editable: true,
		Item: connector.Item{
			Ref: connector.Ref{ID: id}, Version: connector.Version{Tag: "later", At: later}, Fields: record.Fields{title: text},
		},
	}
}

// strangers starts a scene with two items that were matched, or one where a title is "-".
func strangers(crm, mailbox string) *scene {
	s := linked("", "").show(crm, mailbox)
	s.Link = nil
	return s
}

// show sets the titles that the sides show in this pass; "-" means that the pass did not look.
func (s *scene) show(crm, mailbox string) *scene {
	s.CRM, s.Mailbox = planner.Observation{}, planner.Observation{}
	if crm != "-" {
		s.CRM = seen("crm-1", crm)
	}
	if mailbox != "-" {
		s.Mailbox = seen("mailbox-1", mailbox)
	}
	return s
}

func (s *scene) with(change func(p *planner.Pair)) *scene {
	change(&s.Pair)
	return s
}

func (s *scene) direction(d string) *scene {
	return s.with(func(p *planner.Pair) { p.Rules.Direction = d })
}

func (s *scene) state(st planner.LinkState) *scene {
	return s.with(func(p *planner.Pair) { p.Link.State = st })
}

func (s *scene) made(side record.Side) *scene {
	return s.with(func(p *planner.Pair) { p.Link.Made = side })
}

func (s *scene) presence(crm, mailbox planner.Presence) *scene {
	return s.with(func(p *planner.Pair) {
		for side, at := range map[*planner.Observation]planner.Presence{&p.CRM: crm, &p.Mailbox: mailbox} {
			if side.Presence = at; at != planner.Present {
				side.Item = connector.Item{}
			}
		}
	})
}

// fresh says that whatever is seen was read directly.
func (s *scene) fresh() *scene {
	return s.with(func(p *planner.Pair) {
		p.CRM.Fresh, p.Mailbox.Fresh = p.CRM.Presence != planner.Unseen, p.Mailbox.Presence != planner.Unseen
	})
}

// out says that the policy does not admit the CRM record.
func (s *scene) out(why planner.Reason) *scene {
	return s.with(func(p *planner.Pair) { p.CRM.In, p.CRM.Why = false, why })
}

// wants checks what Plan wants, as told by tell, and that with everything mirrored it wants the mirror of that. It also
// checks that Plan leaves its argument alone.
func (s *scene) wants(t *testing.T, want string) {
	t.Helper()
	require.Equal(t, want, tell(s.plan(t)))
	m := &scene{mirror(s.Pair)}
	require.Equal(t, mirrorText(want), tell(m.plan(t)), "mirrored")
}

// wantsHere is wants for what is not the same on both sides.
func (s *scene) wantsHere(t *testing.T, want string) {
	t.Helper()
	require.Equal(t, want, tell(s.plan(t)))
}

func (s *scene) plan(t *testing.T) planner.Decision {
	t.Helper()
	before := fmt.Sprintf("%#v %#v", s.Pair, s.Link)
	d := planner.Plan(s.Pair)
	require.Equal(t, before, fmt.Sprintf("%#v %#v", s.Pair, s.Link), "Plan changes its argument")
	return d
}

// tell writes a decision in one line: reason, operations, conflicts, and what becomes of the link.
func tell(d planner.Decision) string {
	if d.Need != "" {
		return "need " + string(d.Need)
	}
	out := []string{string(d.Reason)}
	if d.Field != "" {
		out[0] += " " + d.Field
	}
	if d.Why != "" {
		out[0] += " since " + string(d.Why)
	}
	for _, op := range d.Ops {
		line := string(op.Side) + " " + string(op.Verb)
		for _, f := range slices.Sorted(maps.Keys(op.Set)) {
			line += " " + f + "=" + op.Set[f]
		}
		out = append(out, line)
	}
	for _, c := range d.Conflicts {
		who := string(c.Winner)
		if who == "" {
			who = "nobody"
		}
		out = append(out, fmt.Sprintf("%s: %s wins (%s)", c.Field, who, c.Rule))
	}
	if d.Link != nil {
		out = append(out, "store "+string(d.Link.State))
	}
	if d.Restore {
		out = append(out, "restore")
	}
	if d.After != "" {
		out = append(out, "then "+string(d.After))
	}
	if d.Drop {
		out = append(out, "drop")
	}
	return strings.Join(out, " | ")
}

// mirror swaps the two sides in everything that a pair says.
func mirror(p planner.Pair) planner.Pair {
	p.CRM, p.Mailbox = p.Mailbox, p.CRM
	p.Caps.CRM, p.Caps.Mailbox = p.Caps.Mailbox, p.Caps.CRM
	p.Rules = mirrorRules(p.Rules)
	if p.Disguised != "" {
		p.Disguised = p.Disguised.Other()
	}
	if p.Link != nil {
		l := *p.Link
		l.CRM, l.Mailbox = l.Mailbox, l.CRM
		if l.Made != "" {
			l.Made = l.Made.Other()
		}
		p.Link = &l
	}
	return p
}

func mirrorRules(r planner.Rules) planner.Rules {
	r.Direction, r.Conflict = mirrorText(r.Direction), mirrorText(r.Conflict)
	r.FromCRM, r.FromMailbox = r.FromMailbox, r.FromCRM
	fields := map[string]planner.FieldRule{}
	for f, rule := range r.Fields {
		rule.Winner = mirrorText(rule.Winner)
		fields[f] = rule
	}
	r.Fields = fields
	return r
}

// mirrorText swaps the names of the sides in a text. Operations come in the order of the sides, so two that stand next
// to each other change places.
func mirrorText(s string) string {
	s = strings.NewReplacer("crm", "mailbox", "mailbox", "crm").Replace(s)
	parts := strings.Split(s, " | ")
	for i := 1; i < len(parts); i++ {
		if strings.HasPrefix(parts[i], "crm ") && strings.HasPrefix(parts[i-1], "mailbox ") {
			parts[i-1], parts[i] = parts[i], parts[i-1]
		}
	}
	return strings.Join(parts, " | ")
}
