package google

import (
	"encoding/base32"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reply is an answer with its own status, or with an ETag header.
type reply struct {
	status int // 200 when it is 0
	etag   string
	body   any // nothing when it is nil
}

// eid is the part of a link that names an event.
func eid(id, cal string) string { return base64.RawURLEncoding.EncodeToString([]byte(id + " " + cal)) }

// omitGuests shortens the list of attendees to what the client asked for: "If there are more than the specified number
// of attendees, only the participant is returned."
func omitGuests(d doc, n, self string) {
	limit, err := strconv.Atoi(n)
	list, _ := d["attendees"].([]any)
	if err != nil || limit < 1 || len(list) <= limit {
		return
	}
	d["attendeesOmitted"] = true
	d["attendees"] = slices.DeleteFunc(list, func(g any) bool { o, ok := g.(doc); return !ok || text(o, "email") != self })
}

// shownEvent is the answer that carries one event.
func (c *call) shownEvent(cal *calendar, d doc) reply {
	return reply{etag: text(d, "etag"), body: c.answered(cal, d)}
}

// getEvent serves events.get. A deleted event is still there, with status cancelled.
func (s *Server) getEvent(c *call) (any, *apiError) {
	cal, _, err := s.calendarOf(c.user, c.ids[0])
	if err != nil {
		return nil, err
	}
	d := cal.now().find(c.ids[1])
	switch {
	case d == nil:
		return nil, calNotFound()
	case c.header.Get("If-Match") != "" && c.header.Get("If-Match") != text(d, "etag"):
		return nil, conditionNotMet()
	case c.header.Get("If-None-Match") == text(d, "etag"):
		return reply{status: http.StatusNotModified, etag: text(d, "etag")}, nil
	}
	return c.shownEvent(cal, d), nil
}

// insertEvent serves events.insert.
func (s *Server) insertEvent(c *call) (any, *apiError) {
	cal, err := s.writable(c.user, c.ids[0])
	if err != nil {
		return nil, err
	}
	d, err := readEvent(c.body)
	if err != nil {
		return nil, err
	}
	send, err := sendUpdates(c)
	if err != nil {
		return nil, err
	}
	if d, err = s.insert(c, cal, d, send); err != nil {
		return nil, err
	}
	return c.shownEvent(cal, d), nil
}

// insert puts a new event into a calendar and invites those of its guests who have a mailbox here. Errors: 400; 409 for
// an id that is or was in use, or an iCalUID that is in use.
func (s *Server) insert(c *call, cal *calendar, d doc, send string) (doc, *apiError) {
	prune(d)
	id, uid := text(d, "id"), text(d, "iCalUID")
	switch {
	case id != "" && uid != "":
		return nil, calInvalid("Only one of id and iCalUID may be specified.")
	case id != "" && !goodID(id):
		return nil, calInvalid("Invalid resource id value.")
	case id != "" && cal.events[id] != nil, uid != "" && cal.now().byUID(uid) != nil:
		return nil, calDuplicate()
	}
	delete(d, "recurringEventId")
	delete(d, "originalStartTime")
	delete(d, "organizer")
	if err := s.complete(c, cal, d); err != nil {
		return nil, err
	}
	if text(d, "status") == "cancelled" {
		return nil, calInvalid("Invalid value for: status")
	}
	v := s.put(cal, d, false, c.now)
	s.spread(cal, nil, v.doc, c.now)
	s.mailGuests(cal, nil, v.doc, send)
	return v.doc, nil
}

// complete checks a new event and fills in what the vendor fills in.
func (s *Server) complete(c *call, cal *calendar, d doc) *apiError {
	switch uid := text(d, "iCalUID"); {
	case text(d, "id") != "":
	case uid == "":
		d["id"] = cal.newID()
	default: // an event from elsewhere: its id is its UID, spelled in base32hex
		d["id"] = "_" + strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(uid)))
	}
	if text(d, "iCalUID") == "" {
		d["iCalUID"] = text(d, "id") + "@google.com"
	}
	if c.query.Get("conferenceDataVersion") != "1" {
		delete(d, "conferenceData")
	}
	for k, v := range (doc{"status": "confirmed", "eventType": "default", "sequence": 0, "reminders": doc{"useDefault": true}}) {
		if d[k] == nil {
			d[k] = v
		}
	}
	d["creator"] = doc{"email": c.user.email}
	if object(d, "organizer") == nil {
		d["organizer"] = doc{"email": cal.id}
		if !cal.primary {
			d["organizer"] = doc{"email": cal.id, "displayName": cal.summary}
		}
	}
	return checkEvent(d, nil, cal)
}

// prune removes what a client has sent as null.
func prune(d doc) {
	for k, v := range d {
		if v == nil {
			delete(d, k)
		} else if o, ok := v.(doc); ok {
			prune(o)
		}
	}
}

// target finds the event that a write names, and checks its If-Match. Errors: 404, 412.
func (s *Server) target(c *call) (*calendar, doc, *apiError) {
	cal, err := s.writable(c.user, c.ids[0])
	if err != nil {
		return nil, nil, err
	}
	d := cal.now().find(c.ids[1])
	if d == nil {
		return nil, nil, calNotFound()
	}
	if m := c.header.Get("If-Match"); m != "" && m != "*" && m != text(d, "etag") {
		return nil, nil, conditionNotMet()
	}
	return cal, d, nil
}

// immutable properties of an event are taken from its state before, whatever a client sends.
var immutable = []string{"id", "iCalUID", "recurringEventId", "originalStartTime", "organizer", "creator", "created", "eventType", "privateCopy", "etag"}

// patchEvent serves events.patch.
func (s *Server) patchEvent(c *call) (any, *apiError) {
	cal, was, err := s.target(c)
	if err != nil {
		return nil, err
	}
	patch, err := readEvent(c.body)
	if err != nil {
		return nil, err
	}
	d := copyDoc(was)
	merge(d, patch)
	return s.change(c, cal, was, d)
}

// updateEvent serves events.update: what is not sent is cleared, and a deleted event whose status is not sent is
// confirmed again.
func (s *Server) updateEvent(c *call) (any, *apiError) {
	cal, was, err := s.target(c)
	if err != nil {
		return nil, err
	}
	d, err := readEvent(c.body)
	if err != nil {
		return nil, err
	}
	prune(d)
	for k, v := range (doc{"status": "confirmed", "reminders": doc{"useDefault": true}, "sequence": was["sequence"]}) {
		if d[k] == nil {
			d[k] = v
		}
	}
	if c.query.Get("conferenceDataVersion") != "1" && was["conferenceData"] != nil {
		d["conferenceData"] = copyAny(was["conferenceData"])
	}
	if text(was, "recurringEventId") != "" {
		delete(d, "recurrence")
	}
	return s.change(c, cal, was, d)
}

// change stores an event that a client patched or replaced, and answers with it.
func (s *Server) change(c *call, cal *calendar, was, d doc) (any, *apiError) {
	send, err := sendUpdates(c)
	if err != nil {
		return nil, err
	}
	if d["attendeesOmitted"] == true { // "only update the participant's response"
		mine := guest(d, cal.id)
		d["attendees"] = copyAny(was["attendees"])
		if old := guest(d, cal.id); old != nil && mine != nil {
			merge(old, mine)
		}
		delete(d, "attendeesOmitted")
	}
	for _, k := range immutable {
		if d[k] = copyAny(was[k]); d[k] == nil {
			delete(d, k)
		}
	}
	if c.query.Get("conferenceDataVersion") != "1" {
		if d["conferenceData"] = copyAny(was["conferenceData"]); d["conferenceData"] == nil {
			delete(d, "conferenceData")
		}
	}
	if err := checkEvent(d, was, cal); err != nil {
		return nil, err
	}
	if text(d, "status") == "cancelled" && text(was, "status") != "cancelled" {
		s.remove(c, cal, was, send)
		d = cal.now().find(text(was, "id"))
		return c.shownEvent(cal, d), nil
	}
	if d, err = s.store(c, cal, was, d, send); err != nil {
		return nil, err
	}
	return c.shownEvent(cal, d), nil
}

// store puts a changed event into its calendar and tells everybody whom the change concerns. Errors: 403 for what only
// the organiser may change.
func (s *Server) store(c *call, cal *calendar, was, d doc, send string) (doc, *apiError) {
	if !organises(cal, was) {
		return s.storeAsGuest(c, cal, was, d, send)
	}
	s.stamp(was, d)
	v := s.put(cal, d, false, c.now)
	s.fit(cal, v.doc, c.now)
	s.spread(cal, was, v.doc, c.now)
	if changed(was, v.doc, sharedFields) {
		s.mailGuests(cal, was, v.doc, send)
	}
	return v.doc, nil
}

// stamp prepares an event to be stored anew: a change of its times raises its sequence (RFC 5546 section 2.1.4), and one
// of its reminders alone does not count as a change.
func (s *Server) stamp(was, d doc) {
	if changed(was, d, []string{"start", "end", "recurrence"}) && number(d, "sequence") == number(was, "sequence") {
		d["sequence"] = number(was, "sequence") + 1
	}
	d["updated"] = was["updated"]
	rest := doc{}
	for k := range eventFields {
		if k != "reminders" {
			rest[k] = nil
		}
	}
	if changed(was, d, keysOf(rest)) || !changed(was, d, []string{"reminders"}) {
		delete(d, "updated")
	}
}

// fit drops exceptions of a series that its recurrence has no place for any more; the others stay as they are.
func (s *Server) fit(cal *calendar, master doc, now time.Time) {
	id := text(master, "id")
	exceptions := cal.now().exceptions(id)
	if len(exceptions) == 0 {
		return
	}
	ser := seriesOf(master)
	for _, key := range keysOf(exceptions) {
		if _, ok := ser.at(key); !ok || !recurring(master) {
			s.cancel(cal, exceptions[key].doc, true, now)
		}
	}
}

// cancel marks an event deleted.
func (s *Server) cancel(cal *calendar, was doc, dropped bool, now time.Time) {
	d := copyDoc(was)
	d["status"] = "cancelled"
	d["sequence"] = number(was, "sequence") + 1
	delete(d, "updated")
	s.put(cal, d, dropped, now)
}

// cancelAll marks an event deleted, and with a series its exceptions.
func (s *Server) cancelAll(cal *calendar, was doc, now time.Time) {
	exceptions := cal.now().exceptions(text(was, "id"))
	s.cancel(cal, was, false, now)
	for _, key := range keysOf(exceptions) {
		if v := exceptions[key]; !v.cancelled() {
			s.cancel(cal, v.doc, false, now)
		}
	}
}

// deleteEvent serves events.delete.
func (s *Server) deleteEvent(c *call) (any, *apiError) {
	cal, was, err := s.target(c)
	if err != nil {
		return nil, err
	}
	send, err := sendUpdates(c)
	if err != nil {
		return nil, err
	}
	if text(was, "status") == "cancelled" {
		return nil, calDeleted()
	}
	s.remove(c, cal, was, send)
	return reply{status: http.StatusNoContent}, nil
}
