package activities

import (
	"context"
	"slices"

	"github.com/repsync/repsync/internal/planner"
	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// enrich gives observed events what neither side says by itself: a mailbox item the CRM records that it concerns by its
// attendees, a CRM record the rep's own answer.
func (s *session) enrich(ctx context.Context, k record.Kind, side record.Side, rows []store.Staged) error {
	if k != record.Event {
		return nil
	}
	if side == record.Mailbox {
		if err := s.relate(ctx, rows); err != nil {
			return err
		}
	}
	for i := range rows {
		it := &rows[i].Obs.Item
		if rows[i].Obs.Presence != planner.Present || rows[i].Obs.Unread != "" {
			continue
		}
		for _, r := range record.Relations(it.Fields[record.FieldRelations]) {
			if side == record.CRM && r.ID == s.sit.Rep.CRMUser {
				it.Fields[record.FieldAnswer] = r.Answer
			}
		}
	}
	return nil
}

// relate finds the CRM records of the attendees of mailbox events. Each address is looked up once a stage.
func (s *session) relate(ctx context.Context, rows []store.Staged) error {
	rules := planner.RelateRules{Contacts: s.policy.Events.Relate.Contacts, Leads: s.policy.Events.Relate.Leads,
		Accounts: s.policy.Events.Relate.Accounts, OnTie: s.policy.Events.Relate.OnTie}
	if d := s.policy.Rules(record.Event).Direction; d != "both" && d != "mailbox_to_crm" {
		return nil
	}
	if err := s.meet(ctx, rows); err != nil {
		return err
	}
	for i := range rows {
		it := &rows[i].Obs.Item
		if rows[i].Obs.Presence != planner.Present || rows[i].Obs.Unread != "" || planted.Is(planted.GuestUnrelated) {
			continue
		}
		all := record.Attendees(it.Fields[record.FieldAttendees])
		if planted.Is(planted.GuestOfAnother) && i > 0 {
			all = record.Attendees(rows[i-1].Obs.Item.Fields[record.FieldAttendees])
		}
		if len(all) > 0 {
			rules := rules
			if planner.Private(it.Fields) { // the CRM takes no contact, lead or account on a private event
				rules = planner.RelateRules{OnTie: rules.OnTie}
			}
			relations, _ := planner.Relate(all, s.sit.Rep.Mailbox, s.people, rules, nil)
			it.Fields[record.FieldRelations] = record.JoinRelations(relations)
		}
	}
	return nil
}

// meet looks up the attendees of events who have not been looked up yet.
func (s *session) meet(ctx context.Context, rows []store.Staged) error {
	unknown := map[string]bool{}
	for _, r := range rows {
		for _, a := range record.Attendees(r.Obs.Item.Fields[record.FieldAttendees]) {
			if _, known := s.people[a.Email]; !known {
				unknown[a.Email] = true
			}
		}
	}
	for _, emails := range chunksOf(keysOf(unknown), 5*chunk) {
		found, err := s.crm.People(ctx, emails)
		if err != nil {
			return err
		}
		for _, e := range emails {
			s.people[e] = found[e]
		}
	}
	return nil
}

// unrelate adds to the relations that are written those that Repsync had made and nobody attends any more.
func unrelate(set record.Fields, was []string) {
	value, ok := set[record.FieldRelations]
	if !ok {
		return
	}
	now := record.Relations(value)
	for _, id := range was {
		if !slices.ContainsFunc(now, func(r record.Relation) bool { return r.ID == id }) {
			now = append(now, record.Relation{ID: id, Gone: true})
		}
	}
	set[record.FieldRelations] = record.JoinRelations(now)
}

// related lists the relations that a write made.
func related(set record.Fields, was []string) []string {
	value, ok := set[record.FieldRelations]
	if !ok {
		return was
	}
	var ids []string
	for _, r := range record.Relations(value) {
		if !r.Gone {
			ids = append(ids, r.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// asWritten is a value as the side shows it once it was written: relations that were taken out are not there.
func asWritten(field, value string) string {
	if field != record.FieldRelations {
		return value
	}
	all := slices.DeleteFunc(record.Relations(value), func(r record.Relation) bool { return r.Gone })
	return record.JoinRelations(all)
}
