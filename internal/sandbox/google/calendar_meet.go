package google

import (
	"cmp"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Mail is one message that the vendor would have sent.
type Mail struct {
	From, To string
	Kind     string // invitation, update, cancellation, or reply from a guest to the organiser
	Event    string // its id
}

// sharedFields travel from the organiser's copy of a meeting to every other copy when the organiser changes them. All
// else belongs to one copy: private extended properties, reminders, colour, and, once the copy is made, whether it blocks
// time and who may see it.
var sharedFields = []string{"summary", "description", "location", "start", "end", "recurrence", "attendees", "status", "sequence",
	"conferenceData", "attachments", "guestsCanModify", "guestsCanInviteOthers", "guestsCanSeeOtherGuests", "anyoneCanAddSelf", "endTimeUnspecified", "shared"}

// ownersFields are for the organiser alone; a guest who changes one is refused.
var ownersFields = []string{"guestsCanModify", "guestsCanInviteOthers", "guestsCanSeeOtherGuests", "anyoneCanAddSelf"}

// keysOf are a map's keys, sorted.
func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// field is a property of an event; "shared" stands for its shared extended properties.
func field(d doc, name string) any {
	if name == "shared" {
		return object(d, "extendedProperties")["shared"]
	}
	return d[name]
}

// changed reports whether one of the named properties differs.
func changed(was, d doc, fields []string) bool {
	return slices.ContainsFunc(fields, func(k string) bool { return !same(field(was, k), field(d, k)) })
}

func same(a, b any) bool { return reflect.DeepEqual(a, b) }

// organises reports whether a calendar holds the organiser's own copy.
func organises(cal *calendar, d doc) bool { return text(object(d, "organizer"), "email") == cal.id }

// guest is the entry of an address among the attendees, nil for none.
func guest(d doc, email string) doc {
	for _, g := range objects(d, "attendees") {
		if text(g, "email") == email {
			return g
		}
	}
	return nil
}

// sendUpdates reads whom a write may mail: all, externalOnly or none, which is the default. sendNotifications is its
// older form.
func sendUpdates(c *call) (string, *apiError) {
	switch v := c.query.Get("sendUpdates"); {
	case v == "all", v == "externalOnly", v == "none":
		return v, nil
	case v != "":
		return "", calError(http.StatusBadRequest, "global", "invalidParameter", "Invalid value '"+v+"'. Values must match the following regular expression: 'all|externalOnly|none'", "sendUpdates")
	case c.query.Get("sendNotifications") == "true":
		return "all", nil
	}
	return "none", nil
}

// post sends one mail.
func (s *Server) post(from, to, kind, event, send string) {
	inside := s.users[strings.ToLower(to)] != nil
	if s.cfg.Mail == nil || to == from || send == "none" || (send == "externalOnly" && inside) {
		return
	}
	s.cfg.Mail(Mail{From: from, To: to, Kind: kind, Event: event})
}

// mailGuests tells guests of an organiser's write: an invitation to those who are new, an update to those who were there,
// a cancellation to those who no longer are. was is nil for a new event, d for a deleted one. Rooms get no mail.
func (s *Server) mailGuests(cal *calendar, was, d doc, send string) {
	id := cmp.Or(text(d, "id"), text(was, "id"))
	for _, g := range objects(d, "attendees") {
		kind := "update"
		if guest(was, text(g, "email")) == nil {
			kind = "invitation"
		}
		if g["resource"] != true {
			s.post(cal.id, text(g, "email"), kind, id, send)
		}
	}
	for _, g := range objects(was, "attendees") {
		if guest(d, text(g, "email")) == nil && g["resource"] != true {
			s.post(cal.id, text(g, "email"), "cancellation", id, send)
		}
	}
}

// copyIn finds another calendar's copy of a meeting, nil for none. An event that has the same id by chance, since ids are
// unique in one calendar only, is none: its organiser is another one.
func copyIn(cal *calendar, d doc) doc {
	copied := cal.now().find(text(d, "id"))
	if copied == nil || text(object(copied, "organizer"), "email") != text(object(d, "organizer"), "email") {
		return nil
	}
	return copied
}

// spread carries an organiser's change into the copies of all guests who have a mailbox here: the fields that changed,
// so that what a guest wrote into the own copy stays until the organiser changes the same field. A guest who is new gets
// a copy, one who is no longer asked loses it, and one who deleted the own copy is left alone. was is nil for a new event.
func (s *Server) spread(from *calendar, was, d doc, now time.Time) {
	if d["privateCopy"] == true || text(d, "status") == "cancelled" {
		return
	}
	emails := map[string]bool{}
	for _, g := range append(objects(was, "attendees"), objects(d, "attendees")...) {
		emails[text(g, "email")] = true
	}
	for _, email := range keysOf(emails) {
		cal := s.mailbox(email)
		if cal == nil || cal == from {
			continue
		}
		asked, before := guest(d, email) != nil, guest(was, email) != nil
		copied := copyIn(cal, d)
		switch {
		case !asked && copied != nil && text(copied, "status") != "cancelled":
			s.cancelAll(cal, copied, now)
		case !asked:
		case copied == nil && cal.events[text(d, "id")] != nil:
		case copied == nil, text(copied, "status") == "cancelled" && (!before || text(was, "status") == "cancelled"):
			s.admit(from, cal, d, now)
		case text(copied, "status") != "cancelled" && changed(was, d, sharedFields):
			next := copyDoc(copied)
			for _, k := range sharedFields {
				if !same(field(was, k), field(d, k)) {
					setField(next, k, field(d, k))
				}
			}
			delete(next, "updated")
			v := s.put(cal, next, false, now)
			s.fit(cal, v.doc, now)
		}
	}
}

func setField(d doc, k string, v any) {
	if k == "shared" {
		props := object(d, "extendedProperties")
		if props == nil {
			props = doc{}
			d["extendedProperties"] = props
		}
		d, k = props, "shared"
	}
	if v == nil {
		delete(d, k)
		return
	}
	d[k] = copyAny(v)
}

// admit puts a meeting into a new guest's calendar. Of a series, occurrences that were cancelled, or to which the guest is
// not asked, are cancelled there.
func (s *Server) admit(from, cal *calendar, d doc, now time.Time) {
	s.put(cal, guestCopy(d), false, now)
	exceptions := from.now().exceptions(text(d, "id"))
	for _, key := range keysOf(exceptions) {
		one := guestCopy(exceptions[key].doc)
		if guest(one, cal.id) == nil {
			one["status"] = "cancelled"
		}
		s.put(cal, one, false, now)
	}
}

// guestCopy is a meeting as it first appears in a guest's calendar.
func guestCopy(d doc) doc {
	out := copyDoc(d)
	for _, k := range []string{"updated", "created", "etag", "colorId"} {
		delete(out, k)
	}
	if props := object(out, "extendedProperties"); props != nil {
		if delete(props, "private"); len(props) == 0 {
			delete(out, "extendedProperties")
		}
	}
	out["reminders"] = doc{"useDefault": true}
	return out
}

// storeAsGuest stores what a guest changed in the own copy. The own answer, and guests added, travel to the organiser and
// from there to everybody; other content only where guests may modify the meeting. Error: 403 for the organiser's fields.
func (s *Server) storeAsGuest(c *call, cal *calendar, was, d doc, send string) (doc, *apiError) {
	if changed(was, d, ownersFields) {
		return nil, calError(http.StatusForbidden, "calendar", "forbiddenForNonOrganizer", "Shared properties can only be changed by the organizer of the event.", "")
	}
	organiser := text(object(was, "organizer"), "email")
	modifies := was["guestsCanModify"] == true
	if !modifies {
		d["attendees"] = guestsAsked(was, d, cal.id)
		if len(objects(d, "attendees")) == 0 {
			delete(d, "attendees")
		}
	}
	s.stamp(was, d)
	if !modifies {
		d["sequence"] = was["sequence"]
	}
	v := s.put(cal, d, false, c.now)
	s.fit(cal, v.doc, c.now)
	answered := !same(guest(was, cal.id), guest(d, cal.id))
	if home := s.mailbox(organiser); home != nil {
		if theirs := copyIn(home, was); theirs != nil && text(theirs, "status") != "cancelled" {
			next := copyDoc(theirs)
			fields := []string{"attendees"}
			if modifies {
				fields = sharedFields
			}
			for _, k := range fields {
				if !same(field(was, k), field(d, k)) {
					setField(next, k, field(d, k))
				}
			}
			delete(next, "updated")
			stored := s.put(home, next, false, c.now)
			s.fit(home, stored.doc, c.now)
			s.spread(home, theirs, stored.doc, c.now)
		}
	}
	if answered {
		s.post(cal.id, organiser, "reply", text(d, "id"), send)
	}
	for _, g := range objects(d, "attendees") {
		if guest(was, text(g, "email")) == nil {
			s.post(cal.id, text(g, "email"), "invitation", text(d, "id"), send)
		}
	}
	last := cal.now().find(text(d, "id"))
	return last, nil
}

// guestsAsked is the list of attendees after a guest has written it: others stay as they are, the own entry is as
// written, and new ones come in where guests may invite.
func guestsAsked(was, d doc, self string) []any {
	out := []any{}
	for _, g := range objects(was, "attendees") {
		if mine := guest(d, self); mine != nil && text(g, "email") == self {
			g = mine
		}
		out = append(out, copyDoc(g))
	}
	if was["guestsCanInviteOthers"] == false {
		return out
	}
	for _, g := range objects(d, "attendees") {
		if guest(was, text(g, "email")) == nil {
			out = append(out, copyDoc(g))
		}
	}
	return out
}

// remove deletes an event: the organiser's deletion cancels every copy; a guest's removes the own copy and declines.
func (s *Server) remove(c *call, cal *calendar, was doc, send string) {
	exceptions := cal.now().exceptions(text(was, "id"))
	s.cancelAll(cal, was, c.now)
	if organises(cal, was) {
		for _, g := range objects(was, "attendees") {
			if other := s.mailbox(text(g, "email")); other != nil && other != cal {
				if copied := copyIn(other, was); copied != nil && text(copied, "status") != "cancelled" {
					s.cancelAll(other, copied, c.now)
				}
			}
		}
		s.mailGuests(cal, was, nil, send)
		return
	}
	s.decline(cal, was, c.now)
	for _, key := range keysOf(exceptions) {
		s.decline(cal, exceptions[key].doc, c.now)
	}
	if mine := guest(was, cal.id); mine != nil && text(mine, "responseStatus") != "declined" {
		s.post(cal.id, text(object(was, "organizer"), "email"), "reply", text(was, "id"), send)
	}
}

// decline notes at the organiser's, and so in every copy, that a guest does not come.
func (s *Server) decline(cal *calendar, was doc, now time.Time) {
	home := s.mailbox(text(object(was, "organizer"), "email"))
	if home == nil {
		return
	}
	theirs := copyIn(home, was)
	if theirs == nil || text(theirs, "status") == "cancelled" || guest(theirs, cal.id) == nil || text(guest(theirs, cal.id), "responseStatus") == "declined" {
		return
	}
	next := copyDoc(theirs)
	guest(next, cal.id)["responseStatus"] = "declined"
	delete(next, "updated")
	s.spread(home, theirs, s.put(home, next, false, now).doc, now)
}
