package salesforce

import (
	"slices"
	"time"
)

// Values under which an event keeps what the vendor knows and does not show. (Object Reference, "Event": "Lightning
// Experience event series have no series ID".)
const (
	parentKey = "_parent" // of an invitee's copy: the event that it copies
	seriesKey = "_series" // of an occurrence: the record of its series
)

// timeFields are the fields that say when an event takes place.
var timeFields = []string{"IsAllDayEvent", "StartDateTime", "ActivityDateTime", "ActivityDate", "EndDateTime", "DurationInMinutes"}

// copiedFields are what an invitee's copy has from its event, and every occurrence from its series, beside the time.
var copiedFields = []string{"Subject", "Location", "Description", "Type", "ShowAs", "IsPrivate", "WhoId", "WhatId", "AccountId"}

// prepareEvent checks the fields of an event that depend on each other, and fills in those that follow from others.
func prepareEvent(s *Server, w *writer, c *change) *Error {
	if c.before != nil && c.before.values["IsChild"] == true && !w.actor.system {
		for _, name := range sortedKeys(c.given) {
			if name != "IsReminderSet" && name != "ReminderDateTime" {
				return failFields("FIELD_INTEGRITY_EXCEPTION", "An invitee's event can't be edited, except for its reminder; edit the event that it belongs to", name)
			}
		}
	}
	if c.before == nil || c.names(timeFields) {
		t, err := eventTiming(c)
		if err != nil {
			return err
		}
		t.store(c.values)
	}
	if c.before == nil && c.given["ShowAs"] == nil {
		c.values["ShowAs"] = "Busy"
	}
	s.promoteWho(c)
	if err := s.checkRelated(c); err != nil {
		return err
	}
	setOrClear(c.values, "AccountId", s.accountOf(c.values))
	return s.prepareSeries(w, c)
}

// names tells whether the caller named one of these fields.
func (c *change) names(fields []string) bool {
	return slices.ContainsFunc(fields, func(f string) bool { _, named := c.given[f]; return named })
}

// promoteWho puts another person of the event in the place of a WhoId that is emptied. (Object Reference, "Event",
// WhoId.)
func (s *Server) promoteWho(c *change) {
	who, given := c.given["WhoId"]
	if !given || who != nil || c.before == nil {
		return
	}
	for _, r := range s.relationsOf(c.id) {
		v := r.cur.values
		if v["IsParent"] == true && v["IsWhat"] != true && v["RelationId"] != c.before.values["WhoId"] {
			c.values["WhoId"] = v["RelationId"]
			return
		}
	}
}

// checkRelated refuses what an event cannot be filed under. Wordings are from memory.
func (s *Server) checkRelated(c *change) *Error {
	who, _ := c.values["WhoId"].(string)
	what := c.values["WhatId"]
	if who != "" && what != nil && s.isLead(who) {
		return failFields("FIELD_INTEGRITY_EXCEPTION", "Related To ID: an event of a lead can't be related to another record", "WhatId")
	}
	if c.values["IsPrivate"] != true {
		return nil
	}
	related := who != "" || what != nil
	for _, r := range s.relationsOf(c.id) {
		related = related || !s.isUser(r.cur.values["RelationId"])
	}
	if related && (c.names([]string{"IsPrivate", "WhoId", "WhatId"})) {
		return failFields("FIELD_INTEGRITY_EXCEPTION", "Private: private events can't be associated with accounts, leads, contacts or other records", "IsPrivate")
	}
	return nil
}

func (s *Server) isLead(id any) bool { text, _ := id.(string); return s.objectOf(text) == "Lead" }
func (s *Server) isUser(id any) bool { text, _ := id.(string); return s.objectOf(text) == "User" }

func (s *Server) objectOf(id string) string {
	if t := s.tableOf(id); t != nil {
		return t.obj.Name
	}
	return ""
}

// accountOf derives AccountId: the account that the event concerns, else that of its contact. (Object Reference, "Event",
// AccountId.)
func (s *Server) accountOf(values map[string]any) any {
	what, _ := values["WhatId"].(string)
	if s.objectOf(what) == "Account" {
		return what
	}
	who, _ := values["WhoId"].(string)
	if r := s.table("Contact").rows[who]; r != nil {
		return r.cur.values["AccountId"]
	}
	return nil
}

func setOrClear(values map[string]any, field string, v any) {
	if v == nil {
		delete(values, field)
	} else {
		values[field] = v
	}
}

// settleEvent carries a stored event over to the rows that follow it: its occurrences, its relations, its invitees'
// copies.
func settleEvent(s *Server, w *writer, id string, before, after *state) {
	if after.values["IsChild"] == true {
		if after.isDeleted() {
			s.leave(w, id, after)
		}
		return
	}
	if after.isDeleted() {
		for _, r := range s.relationsOf(id) {
			s.removeCopy(w, r.cur.values, id)
		}
		return // its relations go by the cascade of EventRelation.EventId
	}
	s.settleSeries(w, id, before, after)
	s.follow(w, id, before, after)
}

// follow brings relations and copies in line with their event.
func (s *Server) follow(w *writer, id string, before, after *state) {
	old := map[string]any{}
	if before != nil {
		old = before.values
	}
	s.relate(w, id, "WhoId", old["WhoId"], after.values["WhoId"])
	s.relate(w, id, "WhatId", old["WhatId"], after.values["WhatId"])
	for _, r := range s.relationsOf(id) {
		if r.cur.values["RelationId"] == after.values["OwnerId"] { // who comes to own the event is no guest any more
			s.dropRelation(w, r)
			continue
		}
		child, _ := r.cur.values[copyKey].(string)
		copied := s.table("Event").rows[child]
		if copied == nil || copied.cur.isDeleted() {
			continue
		}
		values := copied.cur.with(nil)
		if copyEvent(values, after.values) {
			s.touch(w, s.table("Event").obj, values, nil)
			s.table("Event").put(w.tx, child, &state{values: values}, s.now(), w.delay)
		}
	}
	s.regroup(w, id)
}

// copyEvent gives an invitee's copy what its event says, and tells whether anything is new.
func copyEvent(to, from map[string]any) (changed bool) {
	for _, f := range slices.Concat(timeFields, copiedFields, seriesFields) {
		if to[f] != from[f] {
			setOrClear(to, f, from[f])
			changed = true
		}
	}
	return changed
}

// relate keeps the row of EventRelation that stands for WhoId or WhatId. A person who is not the event's WhoId any more
// stays when invited. (Object Reference, "EventRelation"; that the former WhoId does not stay otherwise is from memory.)
func (s *Server) relate(w *writer, event, field string, old, now any) {
	if old == now {
		return
	}
	t := s.table("EventRelation")
	found := false
	for _, r := range s.relationsOf(event) {
		v := r.cur.values
		switch {
		case now != nil && v["RelationId"] == now:
			found = true
			if v["IsParent"] != true {
				s.putRelation(w, r.id, r.cur.with(map[string]any{"IsParent": true}))
			}
		case old != nil && v["RelationId"] == old && v["IsInvitee"] == true:
			s.putRelation(w, r.id, r.cur.with(map[string]any{"IsParent": false}))
		case old != nil && v["RelationId"] == old:
			s.bury(w, t, r, map[string]any{"IsDeleted": true}, "")
		}
	}
	if now == nil || found {
		return
	}
	values := map[string]any{"EventId": event, "RelationId": now, "IsParent": true, "IsWhat": field == "WhatId", "IsInvitee": false}
	if field == "WhoId" {
		values["Status"] = "New"
	}
	s.addRow(w, t, values)
}

// addRow stores a record that the platform makes by itself, and returns its id.
func (s *Server) addRow(w *writer, t *table, values map[string]any) string {
	id, now := s.newID(t.obj.Prefix), s.now().Truncate(time.Second)
	values["Id"], values["IsDeleted"] = id, false
	values["CreatedDate"], values["CreatedById"] = now, w.actor.id
	s.touch(w, t.obj, values, nil)
	if t.obj.Name == "EventRelation" {
		setOrClear(values, "AccountId", s.accountOf(map[string]any{"WhoId": values["RelationId"], "WhatId": values["RelationId"]}))
	}
	t.put(w.tx, id, &state{values: values}, s.now(), w.delay)
	return id
}

// regroup sets IsGroupEvent and GroupEventType of an event and its copies by whether anybody is invited. The event's
// stamp does not move.
func (s *Server) regroup(w *writer, id string) {
	t := s.table("Event")
	r := t.rows[id]
	if r == nil || r.cur.isDeleted() {
		return
	}
	invited := slices.ContainsFunc(s.relationsOf(id), func(r *row) bool { return r.cur.values["IsInvitee"] == true })
	kind := eventSingle
	if invited {
		kind = eventGroup
	}
	if r.cur.values["GroupEventType"] == eventSeries {
		kind = eventSeries
	}
	if r.cur.values["IsGroupEvent"] != invited || r.cur.values["GroupEventType"] != kind {
		t.put(w.tx, id, &state{values: r.cur.with(map[string]any{"IsGroupEvent": invited, "GroupEventType": kind})}, s.now(), w.delay)
	}
}

// takesPart tells whether a user is invited to an event, or owns the event of which this is a copy.
func (s *Server) takesPart(user, id string, st *state) bool {
	if parent, _ := st.values[parentKey].(string); parent != "" {
		r := s.table("Event").rows[parent]
		return r != nil && r.cur.values["OwnerId"] == user
	}
	return slices.ContainsFunc(s.relationsOf(id), func(r *row) bool { return r.cur.values["RelationId"] == user })
}

// Archive sets IsArchived on every event that ended before a day, as the vendor does by itself with events that are a year
// old: query leaves them out, queryAll shows them. Stamps do not move. It returns how many there were.
func (s *Server) Archive(before time.Time) int {
	n := 0
	_ = s.write("Event", "", func(w *writer, t *table) *Error { // does not fail
		for _, id := range t.order {
			r := t.rows[id]
			if end := instant(r.cur.values, "EndDateTime"); !r.cur.isDeleted() && !r.cur.isArchived() && end.Before(before) && !end.IsZero() {
				t.put(w.tx, id, &state{values: r.cur.with(map[string]any{"IsArchived": true})}, s.now(), w.delay)
				n++
			}
		}
		return nil
	})
	return n
}
