package google

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/mail"
	"regexp"
	"slices"
	"strings"
)

// Limits of events. The number of guests is from Google's help pages ("up to 200 guests"), those of extended properties
// from the guide "Extended properties".
const (
	maxGuests        = 200
	maxPropertyKey   = 44
	maxPropertyValue = 1024
	maxProperties    = 300
)

// eventFields are the properties that a client may send, with their JSON types: s text, b yes or no, n number, o object,
// l list, t list of texts. Of all others, which the vendor sets itself or does not have, nothing is read.
var eventFields = map[string]byte{
	"id": 's', "iCalUID": 's', "status": 's', "summary": 's', "description": 's', "location": 's', "colorId": 's',
	"start": 'o', "end": 'o', "originalStartTime": 'o', "recurringEventId": 's', "endTimeUnspecified": 'b', "recurrence": 't', "transparency": 's', "visibility": 's',
	"sequence": 'n', "attendees": 'l', "attendeesOmitted": 'b', "extendedProperties": 'o', "conferenceData": 'o', "organizer": 'o',
	"anyoneCanAddSelf": 'b', "guestsCanInviteOthers": 'b', "guestsCanModify": 'b', "guestsCanSeeOtherGuests": 'b',
	"privateCopy": 'b', "reminders": 'o', "source": 'o', "attachments": 'l', "eventType": 's', "gadget": 'o',
	"workingLocationProperties": 'o', "outOfOfficeProperties": 'o', "focusTimeProperties": 'o', "birthdayProperties": 'o',
}

// enums are the values of properties that have few.
var enums = map[string][]string{
	"status": {"confirmed", "tentative", "cancelled"}, "transparency": {"opaque", "transparent"},
	"visibility":     {"default", "public", "private", "confidential"},
	"eventType":      {"default", "outOfOffice", "focusTime", "workingLocation", "birthday", "fromGmail"},
	"responseStatus": {"needsAction", "declined", "tentative", "accepted"},
}

// defaults are left out of answers.
var eventDefaults = map[string]any{"transparency": "opaque", "visibility": "default", "guestsCanModify": false, "guestsCanInviteOthers": true,
	"guestsCanSeeOtherGuests": true, "anyoneCanAddSelf": false, "privateCopy": false, "endTimeUnspecified": false, "attendeesOmitted": false,
	"summary": "", "description": "", "location": ""}

// readEvent reads an event that a client sent: only properties that clients may set, null for one to be cleared. Error:
// 400 for a body that is not JSON or has a value of another type.
func readEvent(body []byte) (doc, *apiError) {
	var in doc
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&in); err != nil {
		return nil, calError(400, "global", "parseError", "Parse Error", "")
	}
	return cleanEvent(in)
}

func cleanEvent(in doc) (doc, *apiError) {
	out := doc{}
	for _, k := range slices.Sorted(maps.Keys(in)) {
		kind, known := eventFields[k]
		if !known {
			continue
		}
		v := in[k]
		if v != nil && !hasKind(v, kind) {
			return nil, calInvalid("Invalid value for: " + k)
		}
		out[k] = copyAny(v)
	}
	return out, nil
}

func hasKind(v any, kind byte) bool {
	switch kind {
	case 's':
		_, ok := v.(string)
		return ok
	case 'b':
		_, ok := v.(bool)
		return ok
	case 'n':
		switch v.(type) {
		case json.Number, int, float64:
			return true
		}
		return false
	case 'o':
		_, ok := v.(doc)
		return ok
	}
	list, ok := v.([]any)
	return ok && !slices.ContainsFunc(list, func(item any) bool {
		_, isText := item.(string)
		_, isObject := item.(doc)
		return (kind == 't') != isText || (kind == 'l') != isObject
	})
}

// merge applies a patch: objects are merged, null clears, anything else replaces (RFC 7396, which the vendor's patch
// semantics equal).
func merge(into, patch doc) {
	for k, v := range patch {
		switch x := v.(type) {
		case nil:
			delete(into, k)
		case doc:
			o := object(into, k)
			if o == nil {
				o = doc{}
				into[k] = o
			}
			merge(o, x)
		default:
			into[k] = v
		}
	}
}

// checkEvent checks an event as it is to be stored, and brings it into the stored form. was is its state before, nil for
// a new one. Errors: 400.
func checkEvent(d, was doc, cal *calendar) *apiError {
	for name, values := range enums {
		if v := text(d, name); v != "" && !slices.Contains(values, v) {
			return calInvalid("Invalid value for: " + name)
		}
	}
	if err := checkTimes(d, cal); err != nil {
		return err
	}
	if err := checkGuests(d); err != nil {
		return err
	}
	if err := checkProperties(d); err != nil {
		return err
	}
	if was != nil && number(d, "sequence") < number(was, "sequence") {
		return calInvalid("Invalid sequence value. The specified sequence number is below the current sequence number of the resource. Re-fetch the resource and use its sequence number on the following request.")
	}
	for name, v := range eventDefaults {
		if d[name] == v {
			delete(d, name)
		}
	}
	for _, name := range []string{"extendedProperties", "recurrence", "attendees"} {
		switch x := d[name].(type) {
		case doc:
			maps.DeleteFunc(x, func(_ string, v any) bool { o, ok := v.(doc); return ok && len(o) == 0 })
			if len(x) == 0 {
				delete(d, name)
			}
		case []any:
			if len(x) == 0 {
				delete(d, name)
			}
		}
	}
	return nil
}

// checkTimes checks start, end and recurrence.
func checkTimes(d doc, cal *calendar) *apiError {
	lines := rules(d)
	if len(lines) > 0 && text(d, "recurringEventId") != "" {
		return calInvalid("An instance of a recurring event cannot recur itself.")
	}
	start, err := parseWhen(object(d, "start"), "start", len(lines) > 0, cal.zone)
	if err != nil {
		return err
	}
	end, err := parseWhen(object(d, "end"), "end", len(lines) > 0, cal.zone)
	switch {
	case err != nil:
		return err
	case start.date != end.date:
		return calInvalid("Start and end times must either both be date or both be dateTime.")
	case end.t.Before(start.t), end.date && !end.t.After(start.t):
		return timeRangeEmpty("")
	}
	if len(lines) > 0 {
		s, err := parseSeries(start, end, lines)
		if err != nil {
			return err
		}
		if len(s.starts(start.t.AddDate(-100, 0, 0), start.t.AddDate(200, 0, 0), 1)) == 0 {
			return calInvalid("Invalid recurrence rule.")
		}
	}
	d["start"], d["end"] = start.doc(), end.doc()
	return nil
}

// checkGuests checks attendees and brings them into the stored form: each once, addresses in lower case, with an answer.
func checkGuests(d doc) *apiError {
	guests := objects(d, "attendees")
	if len(guests) > maxGuests {
		return calError(400, "calendar", "tooManyAttendees", fmt.Sprintf("The event has more than %d attendees.", maxGuests), "")
	}
	seen, out := map[string]bool{}, []any{}
	for _, g := range guests {
		at, err := mail.ParseAddress(text(g, "email"))
		if err != nil || at.Address != text(g, "email") {
			return calInvalid("Invalid attendee email.")
		}
		answer := text(g, "responseStatus")
		if answer != "" && !slices.Contains(enums["responseStatus"], answer) {
			return calInvalid("Invalid value for: responseStatus")
		}
		email := strings.ToLower(at.Address)
		if seen[email] {
			continue
		}
		seen[email] = true
		clean := doc{"email": email, "responseStatus": "needsAction"}
		for _, k := range []string{"displayName", "comment", "responseStatus"} {
			if v := text(g, k); v != "" {
				clean[k] = v
			}
		}
		for _, k := range []string{"optional", "resource"} {
			if g[k] == true {
				clean[k] = true
			}
		}
		if n := number(g, "additionalGuests"); n > 0 {
			clean["additionalGuests"] = n
		}
		out = append(out, clean)
	}
	if _, set := d["attendees"]; set {
		d["attendees"] = out
	}
	return nil
}

// checkProperties checks extended properties. One with a key that is too long is dropped and a value that is too long is cut,
// and nobody is told (https://developers.google.com/workspace/calendar/api/guides/extended-properties).
func checkProperties(d doc) *apiError {
	count := 0
	for kind, v := range object(d, "extendedProperties") {
		props, ok := v.(doc)
		if !ok || (kind != "private" && kind != "shared") {
			return calInvalid("Invalid value for: extendedProperties")
		}
		for k, v := range props {
			s, ok := v.(string)
			switch {
			case !ok || k == "":
				return calInvalid("Invalid value for: extendedProperties")
			case len(k) > maxPropertyKey:
				delete(props, k)
			case len(s) > maxPropertyValue:
				props[k] = strings.ToValidUTF8(s[:maxPropertyValue], "")
			}
		}
		count += len(props)
	}
	if count > maxProperties {
		return calInvalid(fmt.Sprintf("An event has up to %d extended properties.", maxProperties))
	}
	return nil
}

var base32hex = regexp.MustCompile(`^[a-v0-9]{5,}$`)

// goodID reports whether a client may give an event this id.
func goodID(id string) bool { return len(id) <= 1024 && base32hex.MatchString(id) }

// answered is an event as an answer shows it to the reader of a calendar: with what can be computed, and times in the
// reader's zone.
func (c *call) answered(cal *calendar, d doc) doc {
	zone := cal.zone
	if name := c.query.Get("timeZone"); name != "" {
		if z, err := loadZone(name); err == nil {
			zone = z
		}
	}
	out := copyDoc(d)
	out["kind"] = "calendar#event"
	out["htmlLink"] = "https://www.google.com/calendar/event?eid=" + eid(text(d, "id"), cal.id)
	for _, k := range []string{"start", "end", "originalStartTime"} {
		if o := object(out, k); o != nil {
			out[k] = shown(o, zone)
		}
	}
	for _, k := range []string{"organizer", "creator"} {
		if o := object(out, k); text(o, "email") == cal.id {
			o["self"] = true
		}
	}
	for _, g := range objects(out, "attendees") {
		if text(g, "email") == cal.id {
			g["self"] = true
		}
		if text(g, "email") == text(object(out, "organizer"), "email") {
			g["organizer"] = true
		}
	}
	if v := text(d, "visibility"); (v == "private" || v == "confidential") && cal.roles[c.user.email] == "reader" {
		return hidden(out)
	}
	if n := c.query.Get("maxAttendees"); n != "" {
		omitGuests(out, n, cal.id)
	}
	return out
}

// hidden is what a reader sees of somebody else's private event: when it is, and no more ("Private events will appear to
// users with reader access, but event details will be hidden", calendarList).
func hidden(d doc) doc {
	out := doc{}
	for _, k := range []string{"kind", "etag", "id", "status", "htmlLink", "created", "updated", "start", "end", "recurrence", "recurringEventId",
		"originalStartTime", "visibility", "transparency", "iCalUID", "sequence", "eventType", "organizer"} {
		if v, ok := d[k]; ok {
			out[k] = v
		}
	}
	return out
}
