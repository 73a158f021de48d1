package google

import (
	"maps"
	"net/http"
)

// importEvent serves events.import: "This operation is used to add a private copy of an existing event to a calendar."
// It mails nobody and reaches no other copy. An event whose iCalUID is there already is replaced.
func (s *Server) importEvent(c *call) (any, *apiError) {
	cal, err := s.writable(c.user, c.ids[0])
	if err != nil {
		return nil, err
	}
	d, err := readEvent(c.body)
	if err != nil {
		return nil, err
	}
	if text(d, "iCalUID") == "" {
		return nil, calRequired("Missing iCalUID.")
	}
	if d, err = s.place(c, cal, d); err != nil {
		return nil, err
	}
	return c.shownEvent(cal, d), nil
}

// place puts an event from elsewhere into one calendar, by its iCalUID, and with originalStartTime one occurrence of it.
// Errors: 400, also for a sequence lower than what is there; 404 for an occurrence that there is not.
func (s *Server) place(c *call, cal *calendar, d doc) (doc, *apiError) {
	prune(d)
	was := doc(nil)
	if v := cal.now().byUID(text(d, "iCalUID")); v != nil {
		was = v.doc
	}
	if o := object(d, "originalStartTime"); o != nil {
		if was == nil {
			return nil, calNotFound()
		}
		at, err := parseWhen(o, "original start", false, cal.zone)
		if err != nil {
			return nil, err
		}
		if was = cal.now().find(baseID(text(was, "id")) + "_" + at.key()); was == nil {
			return nil, calNotFound()
		}
	}
	organiser := copyDoc(object(d, "organizer"))
	if was == nil {
		delete(d, "recurringEventId")
		delete(d, "id")
		if err := s.complete(c, cal, d); err != nil {
			return nil, err
		}
		return s.put(cal, d, false, c.now).doc, nil
	}
	next := copyDoc(was)
	delete(next, "attendees")
	delete(d, "id")
	for _, k := range []string{"originalStartTime", "recurringEventId"} {
		delete(d, k)
	}
	maps.Copy(next, d)
	if next["status"] = d["status"]; d["status"] == nil {
		next["status"] = "confirmed"
	}
	if organiser != nil {
		next["organizer"] = organiser
	}
	if err := checkEvent(next, was, cal); err != nil {
		return nil, err
	}
	delete(next, "updated")
	v := s.put(cal, next, false, c.now)
	s.fit(cal, v.doc, c.now)
	return v.doc, nil
}

// moveEvent serves events.move: another calendar becomes the organiser. Occurrences cannot be moved, nor can what another
// one organises.
func (s *Server) moveEvent(c *call) (any, *apiError) {
	from, was, err := s.target(c)
	if err != nil {
		return nil, err
	}
	if c.query.Get("destination") == "" {
		return nil, calError(http.StatusBadRequest, "global", "required", "Required parameter: destination", "destination")
	}
	to, err := s.writable(c.user, c.query.Get("destination"))
	switch {
	case err != nil:
		return nil, err
	case text(was, "status") == "cancelled":
		return nil, calDeleted()
	case text(was, "recurringEventId") != "":
		return nil, calError(http.StatusBadRequest, "calendar", "cannotChangeOrganizerOfInstance", "Cannot change the organizer of an instance.", "")
	case !organises(from, was):
		return nil, calError(http.StatusForbidden, "calendar", "forbiddenForNonOrganizer", "Only the organizer can move an event.", "")
	case to.events[text(was, "id")] != nil && from != to:
		return nil, calDuplicate()
	case from == to:
		return c.shownEvent(from, was), nil
	}
	exceptions := from.now().exceptions(text(was, "id"))
	s.cancelAll(from, was, c.now)
	bring := func(d doc) doc {
		next := copyDoc(d)
		next["organizer"] = doc{"email": to.id}
		delete(next, "updated")
		return s.put(to, next, false, c.now).doc
	}
	moved := bring(was)
	for _, key := range keysOf(exceptions) {
		bring(exceptions[key].doc)
	}
	for _, g := range objects(was, "attendees") {
		if other := s.mailbox(text(g, "email")); other != nil && other != from && other != to {
			if copied := other.now().find(text(was, "id")); copied != nil && text(copied, "status") != "cancelled" {
				next := copyDoc(copied)
				next["organizer"] = doc{"email": to.id}
				delete(next, "updated")
				s.put(other, next, false, c.now)
			}
		}
	}
	return c.shownEvent(to, moved), nil
}
