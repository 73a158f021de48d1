package salesforce

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/repsync/repsync/internal/record"
)

// tieObject is the object whose rows tie people and records to an event. With Shared Activities it holds whom the event is
// with (IsParent), what it is about (IsWhat) and who is invited (IsInvitee); without, invitees alone, and WhoId and WhatId
// stand on the event only. The rows are read by a query of their own and not as a child relationship of Event: a plain
// query on EventId is what the Object Reference shows for them, and its keyset never meets the locator by which a nested
// result goes on. Their changes do not move the event's SystemModstamp.
const tieObject = "EventRelation"

// tiesMember is where a row carries its ties.
const tiesMember = "EventRelations"

// Key prefixes of ids. Source: Salesforce Help, "Standard Field Record ID Prefix Decoder".
const (
	prefixAccount = "001"
	prefixContact = "003"
	prefixUser    = "005"
	prefixLead    = "00Q"
)

// tie is one row of EventRelation.
type tie struct {
	ID         string `json:"Id,omitempty"` // "" for a WhoId that has no row
	EventID    string `json:"EventId,omitempty"`
	RelationID string `json:"RelationId"`
	Status     string `json:"Status,omitempty"`
	IsWhat     bool   `json:"IsWhat,omitempty"`
	IsParent   bool   `json:"IsParent,omitempty"`
	IsInvitee  *bool  `json:"IsInvitee,omitempty"` // absent without Shared Activities, where every row is an invitee's
	Email      string `json:"Email,omitempty"`     // put there by attachTies
}

// invited reports whether the tie is an invitation that stands.
func (t tie) invited() bool {
	return !t.IsWhat && (t.IsInvitee == nil || *t.IsInvitee) && t.Status != "Uninvited"
}

// answer is what the invitee said, "" for one who was not asked.
func (t tie) answer() string {
	if !t.invited() {
		return ""
	}
	switch t.Status {
	case "Accepted":
		return record.AnswerYes
	case "Declined":
		return record.AnswerNo
	case "Maybe", "Tentative":
		return record.AnswerTentative
	}
	return record.AnswerNone // New, Undelivered, and what an org adds
}

// status is the vendor's word for an answer: New, Accepted and Declined are everybody's, others where describe has them.
func status(ties *describe, answer string) string {
	switch answer {
	case record.AnswerYes:
		return "Accepted"
	case record.AnswerNo:
		return "Declined"
	case record.AnswerTentative:
		if f := ties.byName["Status"]; f != nil && slices.ContainsFunc(f.Picklist, func(c choice) bool { return c.Active && c.Value == "Maybe" }) {
			return "Maybe"
		}
	}
	return "New"
}

func isPerson(id string) bool {
	return strings.HasPrefix(id, prefixContact) || strings.HasPrefix(id, prefixLead) || strings.HasPrefix(id, prefixUser)
}

// tiesOf reads the ties of events, by the short form of the event's id.
func (c *crm) tiesOf(ctx context.Context, events []string) (map[string][]tie, error) {
	d, err := c.describe(ctx, tieObject)
	if notServed(err) {
		return map[string][]tie{}, nil
	}
	if err != nil {
		return nil, err
	}
	list := d.list([]string{"Id", "EventId", "RelationId", "Status", "IsWhat", "IsParent", "IsInvitee"})
	archive := d.byName["IsDeleted"] != nil // rows of archived events
	out := map[string][]tie{}
	for _, batch := range idBatches(unique(events), c.room(list)) {
		conditions := "EventId IN (" + quoteAll(batch) + ")"
		if archive {
			conditions += " AND IsDeleted = false"
		}
		err := c.each(ctx, "ties of Event", list, tieObject, conditions, archive, func(raw json.RawMessage) error {
			var t tie
			if json.Unmarshal(raw, &t) == nil && itemID.MatchString(t.RelationID) {
				out[same(t.EventID)] = append(out[same(t.EventID)], t)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// attachTies puts its ties on each row, with the addresses of their people: one query for the ties and at most one for each
// of contacts, leads and users, of as many ids as a URI holds.
func (c *crm) attachTies(ctx context.Context, rows []*row) error {
	events := make([]string, len(rows))
	for i, r := range rows {
		events[i] = r.id
	}
	ties, err := c.tiesOf(ctx, events)
	if err != nil {
		return err
	}
	var people []string
	for _, r := range rows {
		all := ties[same(r.id)]
		who, _ := text(r.values["WhoId"])
		if itemID.MatchString(who) && !slices.ContainsFunc(all, func(t tie) bool { return same(t.RelationID) == same(who) }) {
			no := false
			all = append(all, tie{RelationID: who, IsParent: true, IsInvitee: &no})
		}
		slices.SortFunc(all, func(a, b tie) int { return cmp.Or(cmp.Compare(a.RelationID, b.RelationID), cmp.Compare(a.ID, b.ID)) })
		ties[same(r.id)] = all
		for _, t := range all {
			people = append(people, t.RelationID)
		}
	}
	emails, err := c.emailsOf(ctx, unique(people))
	if err != nil {
		return err
	}
	for _, r := range rows {
		all := ties[same(r.id)]
		for i := range all {
			all[i].Email = emails[same(all[i].RelationID)]
			all[i].EventID = ""
		}
		if len(all) > 0 {
			r.values[tiesMember] = all
		}
	}
	return nil
}

// emailsOf reads the addresses of contacts, leads and users, by the short form of their ids.
func (c *crm) emailsOf(ctx context.Context, ids []string) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range []struct{ prefix, object string }{{prefixContact, "Contact"}, {prefixLead, "Lead"}, {prefixUser, "User"}} {
		var list []string
		for _, id := range ids {
			if strings.HasPrefix(id, p.prefix) {
				list = append(list, id)
			}
		}
		for _, batch := range idBatches(list, c.room("")) {
			err := c.each(ctx, "addresses of "+p.object, "Id,Email", p.object, "Id IN ("+quoteAll(batch)+")", false, func(raw json.RawMessage) error {
				var row struct{ ID, Email string }
				if json.Unmarshal(raw, &row) == nil {
					out[same(row.ID)] = record.NormalEmail(row.Email)
				}
				return nil
			})
			if notServed(err) {
				break
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// tiesIn reads the ties that a row carries.
func tiesIn(values map[string]any) []tie {
	switch v := values[tiesMember].(type) {
	case []tie:
		return v
	case []any: // of an Image
		var out []tie
		if b, err := json.Marshal(v); err == nil {
			_ = json.Unmarshal(b, &out)
		}
		return out
	}
	return nil
}

// guests lists the people of a row whom the event concerns beside its owner, whom it is with first.
func guests(r row) []tie {
	owner, _ := text(r.values["OwnerId"])
	who, _ := text(r.values["WhoId"])
	var out []tie
	for _, t := range tiesIn(r.values) {
		if isPerson(t.RelationID) && !t.IsWhat && same(t.RelationID) != same(owner) && (t.IsParent || t.invited()) {
			out = append(out, t)
		}
	}
	slices.SortStableFunc(out, func(a, b tie) int {
		first := func(t tie) int {
			if same(t.RelationID) == same(who) {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(first(a), first(b)), cmp.Compare(a.RelationID, b.RelationID))
	})
	return out
}

func decodeRelations(r row) (string, error) {
	who, badWho := text(r.values["WhoId"])
	what, badWhat := text(r.values["WhatId"])
	if badWho || badWhat {
		return "", errRow{"WhoId, WhatId", "are not ids"}
	}
	var all []record.Relation
	people := guests(r)
	if itemID.MatchString(who) && (len(people) == 0 || same(people[0].RelationID) != same(who)) {
		all = append(all, record.Relation{ID: who})
	}
	for _, t := range people {
		all = append(all, record.Relation{ID: t.RelationID, Answer: t.answer()})
	}
	if itemID.MatchString(what) {
		all = append(all, record.Relation{ID: what})
	}
	return record.JoinRelations(all), nil
}

// decodeAttendees lists the people by address; who has none, or is hidden from the integration user, is left out.
func decodeAttendees(r row) (string, error) {
	var all []record.Attendee
	for _, t := range guests(r) {
		all = append(all, record.Attendee{Email: t.Email, Answer: t.answer()})
	}
	return record.JoinAttendees(all), nil
}

// invitedUsers lists the users whom the event concerns beside its owner.
func invitedUsers(r row) []string {
	var out []string
	for _, t := range guests(r) {
		if strings.HasPrefix(t.RelationID, prefixUser) && t.invited() {
			out = append(out, t.RelationID)
		}
	}
	return out
}
