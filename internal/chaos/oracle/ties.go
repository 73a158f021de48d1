package oracle

import (
	"context"
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/chaos/scenario"
	"github.com/repsync/repsync/internal/demo/wire"
)

// lookAtTies reads which users and people the records are related to.
func lookAtTies(ctx context.Context, site Site, s *seen) error {
	rows, err := site.Salesforce.QueryAll(ctx, "SELECT EventId, RelationId, IsWhat FROM EventRelation")
	if err != nil {
		return err
	}
	s.ties, s.users = map[string][]string{}, site.Users
	for _, r := range rows {
		if what, _ := r["IsWhat"].(bool); !what && r["IsDeleted"] != true {
			event := wire.Text(r, "EventId")
			s.ties[event] = append(s.ties[event], wire.Text(r, "RelationId"))
		}
	}
	return nil
}

// judgeTies holds that a record is related to nobody but who was asked to the meeting by somebody, and to everybody of
// whom that is sure.
func (o *Oracle) judgeTies(g *org, s *seen) []Violation {
	var found []Violation
	for _, r := range s.events {
		m := g.events[r.name]
		if r.at != crm || r.deleted || m == nil || g.strange(r.name) {
			continue
		}
		asked := g.asked(r.name)
		for _, id := range s.ties[r.id] {
			if who := s.names(id); !slices.ContainsFunc(asked, func(guest string) bool { return g.means(guest, who) }) {
				found = append(found, Violation{Law: "misrelated", Org: g.name, Item: r.name, Want: strings.Join(asked, ", "), Got: who})
			}
		}
		if !o.carried(g, m) {
			continue
		}
		for _, guest := range asked {
			if id := o.surely(g, s, m, guest); id != "" && !slices.Contains(s.ties[r.id], id) {
				found = append(found, Violation{Law: "unrelated", Org: g.name, Item: r.name, Want: guest, Got: strings.Join(s.ties[r.id], ", ")})
			}
		}
	}
	return found
}

// strange reports whether people made or changed something of that name in a way that the oracle does not read.
func (g *org) strange(name string) bool {
	return slices.ContainsFunc(g.deeds, func(d dated) bool {
		return d.item() == name && slices.Contains([]scenario.Verb{scenario.Odd, scenario.Merge, scenario.Split}, d.step.Do)
	})
}

// asked are the reps and addresses that somebody invited to a meeting, ever.
func (g *org) asked(name string) []string {
	var out []string
	for _, d := range g.deeds {
		if d.item() != name || d.step.Do != scenario.Create {
			continue
		}
		for guest := range strings.SplitSeq(d.step.Set["guests"], ",") {
			if guest != "" {
				out = append(out, guest)
			}
		}
	}
	return out
}

// names is who a relation is to: a rep, a person of the story, or the id of neither.
func (s *seen) names(id string) string {
	for rep, user := range s.users {
		if user == id {
			return rep
		}
	}
	for _, p := range s.people {
		if p.at == crm && p.id == id {
			return p.name
		}
	}
	return id
}

// means reports whether a guest is a rep, or has an address that the person had at some time.
func (g *org) means(guest, who string) bool {
	return guest == who || slices.ContainsFunc(g.deeds, func(d dated) bool {
		return (d.item() == who || g.same(who)[d.item()]) && strings.EqualFold(d.step.Set["email"], guest)
	})
}

// carried reports whether all records of a meeting were surely made by Repsync of its organiser's copy, and tell of it now.
func (o *Oracle) carried(g *org, m *meeting) bool {
	if m.why() != "" || len(g.denied) > 0 || g.policy.Events == "crm_to_mailbox" || g.policy.Events == "off" {
		return false
	}
	for _, it := range m.units {
		for s := range it.states {
			l := s.link[m.organiser]
			if l.how != active || l.made != 1+int8(crm) || !s.crm.there || !s.box[m.organiser].there || s.box[m.organiser].v[private] != 0 {
				return false
			}
		}
	}
	return len(m.units) > 0
}

// surely returns the id of who is meant by a guest, where nobody can doubt it: another rep, or a contact whom the organiser
// made in the CRM before the meeting, to whom nothing but edits was done since and whose address was never another one.
func (o *Oracle) surely(g *org, s *seen, m *meeting, guest string) string {
	if rep := slices.Index(g.reps, guest); rep >= 0 {
		if rep == m.organiser {
			return ""
		}
		return s.users[guest]
	}
	if len(o.lags) > 0 || g.restored {
		return ""
	}
	id := ""
	for _, p := range s.people {
		if p.at != crm || p.deleted || !strings.EqualFold(p.v[email], guest) {
			continue
		}
		if id != "" || !g.plain(p.name, m) {
			return ""
		}
		id = p.id
	}
	return id
}

// plain reports whether a person began as a contact of a meeting's organiser before the meeting was made, and was edited at
// most, in other fields than the address.
func (g *org) plain(name string, m *meeting) bool {
	began, made := -1, -1
	for i, d := range g.deeds {
		switch {
		case d.item() == m.name && d.step.Do == scenario.Create:
			made = i
		case d.item() != name:
		case began < 0:
			if d.step.Do != scenario.Create || d.step.Side != scenario.CRM || d.rep != m.organiser {
				return false
			}
			began = i
		case d.step.Do != scenario.Edit && d.step.Do != scenario.Touch || d.step.Set["email"] != "":
			return false
		}
	}
	return began >= 0 && began < made
}
