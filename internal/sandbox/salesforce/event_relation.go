package salesforce

import (
	"fmt"
	"slices"
)

// Limits of the people of one event. (Object Reference, "EventRelation".)
const (
	maxInvitees       = 1000
	maxSeriesInvitees = 100
	maxContacts       = 50
)

// copyKey is under which a relation keeps the id of the invitee's copy of the event.
const copyKey = "_copy"

// relationsOf lists the live relations of an event, oldest first.
func (s *Server) relationsOf(event string) []*row {
	t := s.table("EventRelation")
	return t.lookup(t.obj.field("EventId"), event)
}

// relationAccess is what somebody may do with a relation: what the event allows; an invitee may answer.
func (s *Server) relationAccess(a *actor, st *state) level {
	id, _ := st.values["EventId"].(string)
	t := s.table("Event")
	r := t.rows[id]
	if r == nil {
		return none
	}
	got := s.recordAccess(a, t.obj, id, r.cur)
	switch {
	case got >= canEdit:
		return canAll
	case st.values["RelationId"] == a.id && st.values["IsInvitee"] == true:
		return canEdit
	}
	return got
}

// prepareRelation checks one relation against its event and the others. Codes and wordings are from memory, the rules
// from the Object Reference, "EventRelation".
func prepareRelation(s *Server, w *writer, c *change) *Error {
	eventID, _ := c.values["EventId"].(string)
	relation, _ := c.values["RelationId"].(string)
	event := s.table("Event").rows[eventID]
	if event == nil || relation == "" {
		return nil // save says what is missing
	}
	if c.before == nil {
		if err := s.prepareInvitation(w, c, event, relation); err != nil {
			return err
		}
	}
	v := c.values
	if v["IsWhat"] == true {
		v["IsParent"] = true
	}
	if v["IsParent"] != true && v["IsInvitee"] != true {
		return failFields("FIELD_INTEGRITY_EXCEPTION", "A relation is an invitee, a parent or both", "IsInvitee")
	}
	if v["Status"] == nil && v["IsWhat"] != true {
		v["Status"] = "New"
	}
	if c.given["RespondedDate"] == nil && (v["Status"] == "Accepted" || v["Status"] == "Declined") && (c.before == nil || c.before.values["Status"] != v["Status"]) {
		v["RespondedDate"] = s.now().Truncate(1e9)
	}
	setOrClear(v, "AccountId", s.accountOf(map[string]any{"WhoId": relation, "WhatId": relation}))
	return s.checkPeople(c, event, relation)
}

// prepareInvitation checks what is settled once a relation is made, and fills in what it is when the caller does not say.
func (s *Server) prepareInvitation(w *writer, c *change, event *row, relation string) *Error {
	v := c.values
	if event.cur.values["IsChild"] == true {
		return failFields("FIELD_INTEGRITY_EXCEPTION", "An invitee's event has no relations of its own", "EventId")
	}
	if s.recordAccess(w.actor, s.table("Event").obj, event.id, event.cur) < canEdit {
		return errInvisible()
	}
	if !c.names([]string{"IsInvitee", "IsParent", "IsWhat"}) {
		v["IsInvitee"] = true
	}
	isRecord := !slices.Contains([]string{"Contact", "Lead", "User"}, s.objectOf(relation))
	if isRecord != (v["IsWhat"] == true) {
		return failFields("FIELD_INTEGRITY_EXCEPTION", "IsWhat is true for records that are no people, and for them alone", "IsWhat")
	}
	if relation == event.cur.values["OwnerId"] {
		return failFields("FIELD_INTEGRITY_EXCEPTION", "The owner of an event can't be invited to it", "RelationId")
	}
	for _, r := range s.relationsOf(event.id) {
		if r.cur.values["RelationId"] == relation {
			return failFields("DUPLICATE_VALUE", fmt.Sprintf("duplicate value found: RelationId duplicates value on record with id: %s", r.id[:15]))
		}
	}
	return nil
}

// checkPeople counts who an event concerns: a lead or up to 50 contacts, one other record, a number of invitees.
func (s *Server) checkPeople(c *change, event *row, relation string) *Error {
	v := c.values
	others, leads, records, invitees := 0, 0, 0, 0
	for _, r := range s.relationsOf(event.id) {
		if r.id == c.id {
			continue
		}
		if r.cur.values["IsInvitee"] == true {
			invitees++
		}
		switch {
		case r.cur.values["IsParent"] != true:
		case r.cur.values["IsWhat"] == true:
			records++
		case s.isLead(r.cur.values["RelationId"]):
			leads++
		default:
			others++
		}
	}
	limit := maxInvitees
	if event.cur.values["IsRecurrence2"] == true {
		limit = maxSeriesInvitees
	}
	if v["IsInvitee"] == true && invitees >= limit {
		return failFields("FIELD_INTEGRITY_EXCEPTION", fmt.Sprintf("An event can have up to %d invitees", limit), "EventId")
	}
	if event.cur.values["IsPrivate"] == true && !s.isUser(relation) {
		return failFields("FIELD_INTEGRITY_EXCEPTION", "Private: private events can't be associated with accounts, leads, contacts or other records", "RelationId")
	}
	if v["IsParent"] != true {
		return nil
	}
	lead := s.isLead(relation)
	switch {
	case s.isUser(relation):
		return failFields("FIELD_INTEGRITY_EXCEPTION", "A user is invited to an event, and is no parent of it", "IsParent")
	case v["IsWhat"] == true && records > 0, v["IsWhat"] == true && leads > 0, lead && records > 0:
		return failFields("FIELD_INTEGRITY_EXCEPTION", "An event can be related to one record beside its contacts, and to none beside a lead", "RelationId")
	case v["IsWhat"] != true && (leads > 0 || lead && others > 0 || others >= maxContacts):
		return failFields("FIELD_INTEGRITY_EXCEPTION", fmt.Sprintf("An event can be related to up to %d contacts or one lead", maxContacts), "RelationId")
	}
	return nil
}

// settleRelation carries a stored relation over to its event and to the invitee's copy of it. The event's stamp does not
// move.
func settleRelation(s *Server, w *writer, id string, before, after *state) {
	v := after.values
	eventID, _ := v["EventId"].(string)
	event := s.table("Event").rows[eventID]
	if event == nil || event.cur.isDeleted() {
		return
	}
	if event.cur.values["GroupEventType"] == eventSeries {
		s.inviteToAll(w, event.id, before, after)
		return
	}
	field := "WhoId"
	if v["IsWhat"] == true {
		field = "WhatId"
	}
	live := !after.isDeleted()
	switch current := event.cur.values[field]; {
	case live && v["IsParent"] == true && current == nil:
		s.file(w, event, field, v["RelationId"])
	case current == v["RelationId"] && (!live || v["IsParent"] != true):
		s.file(w, event, field, s.anotherWho(eventID, id, field))
	}
	switch guest := s.isUser(v["RelationId"]) && v["IsInvitee"] == true; {
	case live && guest && v[copyKey] == nil:
		s.addCopy(w, id, after, event)
	case !live || !guest:
		s.removeCopy(w, v, id)
	}
	s.regroup(w, eventID)
}

// anotherWho is the person who takes the place of an event's WhoId, nil when there is none.
func (s *Server) anotherWho(event, except, field string) any {
	for _, r := range s.relationsOf(event) {
		if v := r.cur.values; field == "WhoId" && r.id != except && v["IsParent"] == true && v["IsWhat"] != true {
			return v["RelationId"]
		}
	}
	return nil
}

// file sets WhoId or WhatId of an event, and AccountId that follows from them.
func (s *Server) file(w *writer, event *row, field string, to any) {
	values := event.cur.with(map[string]any{field: to})
	setOrClear(values, "AccountId", s.accountOf(values))
	s.table("Event").put(w.tx, event.id, &state{values: values}, s.now(), w.delay)
	for _, r := range s.relationsOf(event.id) {
		id, _ := r.cur.values[copyKey].(string)
		if copied := s.table("Event").rows[id]; copied != nil && !copied.cur.isDeleted() {
			s.table("Event").put(w.tx, id, &state{values: copied.cur.with(map[string]any{field: to, "AccountId": values["AccountId"]})}, s.now(), w.delay)
		}
	}
}

// addCopy makes the event in the calendar of a user who is invited. (Change Data Capture guide, "Event Invitees".)
func (s *Server) addCopy(w *writer, relation string, st *state, event *row) {
	values := map[string]any{"OwnerId": st.values["RelationId"], "IsChild": true, "IsGroupEvent": true, "GroupEventType": eventGroup, "IsRecurrence": false,
		"IsArchived": false, "IsReminderSet": false, "EventSubtype": "Event", parentKey: event.id}
	copyEvent(values, event.cur.values)
	id := s.addRow(w, s.table("Event"), values)
	s.putRelation(w, relation, st.with(map[string]any{copyKey: id}))
}

// removeCopy takes an invitee's copy out of the calendar; cascade is the event that it goes with, "" for none.
func (s *Server) removeCopy(w *writer, relation map[string]any, cascade string) {
	t := s.table("Event")
	id, _ := relation[copyKey].(string)
	if r := t.rows[id]; r != nil && !r.cur.isDeleted() {
		s.bury(w, t, r, map[string]any{"IsDeleted": true}, cascade)
	}
}

// leave takes the invitation away from a user who deleted the own copy. From memory: no document says what becomes of it.
func (s *Server) leave(w *writer, copied string, st *state) {
	event, _ := st.values[parentKey].(string)
	for _, r := range s.relationsOf(event) {
		if r.cur.values[copyKey] == copied {
			s.dropRelation(w, r)
		}
	}
	s.regroup(w, event)
}

// dropRelation deletes a relation and the copy that it made.
func (s *Server) dropRelation(w *writer, r *row) {
	s.removeCopy(w, r.cur.values, "")
	s.bury(w, s.table("EventRelation"), r, map[string]any{"IsDeleted": true}, "")
}

// putRelation stores a relation that the platform itself changed.
func (s *Server) putRelation(w *writer, id string, values map[string]any) {
	s.table("EventRelation").put(w.tx, id, &state{values: values}, s.now(), w.delay)
}
