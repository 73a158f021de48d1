package google

import (
	"crypto/sha256"
	"encoding/base32"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/record"
)

// event is an event as JSON: what is not known here stays as it is.
type event map[string]any

// Our marks among an event's private extended properties, which belong to one calendar's copy. markerKey holds
// "<org>/<key>"; markedKey the id of the event on which it was put where that id is not made from the marker, since
// whoever duplicates an event duplicates its properties, and an occurrence inherits its master's.
const markedKey = "repsyncId"

// The members of an event that map to a record.
const (
	memberSubject     = "summary"
	memberLocation    = "location"
	memberDescription = "description"
	memberStart       = "start"
	memberEnd         = "end"
	memberOriginal    = "originalStartTime"
	memberMaster      = "recurringEventId"
	memberRecurrence  = "recurrence"
	memberAttendees   = "attendees"
	memberShow        = "transparency"
	memberPrivacy     = "visibility"
	memberType        = "eventType"
	memberExtended    = "extendedProperties"
)

// readMembers are all that a record is made of.
var readMembers = []string{
	memberSubject, memberLocation, memberDescription, memberStart, memberEnd, memberOriginal, memberMaster, memberRecurrence,
	memberAttendees, memberShow, memberPrivacy, memberType, memberExtended, "status", "organizer", "iCalUID", "sequence",
}

const (
	typeOutOfOffice = "outOfOffice"
	cancelled       = "cancelled"
)

// answers says how Google calls the answers of a record.
var answers = map[string]string{
	"accepted": record.AnswerYes, "declined": record.AnswerNo, "tentative": record.AnswerTentative,
}

// eventID are the ids that Google gives and takes. Ours are of base32hex; those of imported events begin with "_", and a
// series that was cut has "_R" and a time in its id.
var eventID = regexp.MustCompile(`^[A-Za-z0-9_.@-]+$`)

// cutSeries finds what Google puts behind the id of a series that "this and following" cut from another one.
var cutSeries = regexp.MustCompile(`_R\d{8}(T\d{6}Z?)?$`)

// occurrenceID finds the original start in an occurrence's id, where Google made it of that.
var occurrenceID = regexp.MustCompile(`_(\d{8}T\d{6}Z)$`)

// baseOf is the id that a cut series and its parent share, and that the ids of their occurrences begin with.
func baseOf(master string) string { return cutSeries.ReplaceAllString(master, "") }

// parseEvent decodes one event, keeping numbers as they were written.
func parseEvent(raw []byte) (event, error) {
	e, ok := parse(raw)
	if !ok {
		return nil, unreadable{"event", "is not an object"}
	}
	return e, nil
}

// text reads a member that must be text.
func (e event) text(name string) (string, error) { return member("event", e, name) }

// object reads a member that must be an object; ok is false without one.
func (e event) object(name string) (o entry, ok bool, err error) {
	switch v := e[name].(type) {
	case nil:
		return nil, false, nil
	case entry:
		return v, true, nil
	default:
		return nil, false, unreadable{"event." + name, "is not an object"}
	}
}

// attendees returns the entries of the list, rooms and other resources included.
func (e event) attendees() ([]entry, error) {
	if e[memberAttendees] == nil {
		return nil, nil
	}
	all, ok := e[memberAttendees].([]any)
	if !ok {
		return nil, unreadable{"event.attendees", "is not a list"}
	}
	out := make([]entry, len(all))
	for i, one := range all {
		if out[i], ok = one.(entry); !ok {
			return nil, unreadable{"event.attendees", "holds what is not an object"}
		}
	}
	return out, nil
}

// private returns our entry among the private extended properties.
func (e event) private(key string) (string, error) {
	extended, _, err := e.object(memberExtended)
	if err != nil {
		return "", err
	}
	properties, _, err := event(extended).object("private")
	if err != nil {
		return "", err
	}
	return member("event.extendedProperties.private", properties, key)
}

// moment reads a start, an end or an original start. fallback names the zone of a time that names none; a zone that the
// IANA database does not have leaves the instant, in UTC.
func moment(where string, at entry, fallback string) (record.Moment, error) {
	bad := func(why string) (record.Moment, error) { return record.Moment{}, unreadable{"event." + where, why} }
	if date := str(at, "date"); date != "" {
		t, err := time.Parse(time.DateOnly, date)
		if err != nil {
			return bad("is not a date")
		}
		return record.Moment{At: t, Date: true}, nil
	}
	value := str(at, "dateTime")
	zone, zoneErr := record.Zone(str(at, "timeZone"))
	if str(at, "timeZone") == "" {
		zone, zoneErr = record.Zone(fallback)
	}
	t, err := time.Parse(time.RFC3339, value)
	switch {
	case err == nil && zoneErr == nil:
		t = t.In(zone)
	case err == nil:
		t = t.UTC()
	case zoneErr == nil:
		if t, err = time.ParseInLocation("2006-01-02T15:04:05", value, zone); err != nil {
			return bad("is not a time")
		}
	default:
		return bad("is not a time with a zone or an offset")
	}
	if t.Year() < 1 || t.Year() > 9998 {
		return bad("lies outside of the calendar")
	}
	if _, offset := t.Zone(); offset%60 != 0 { // local mean time, before there were zones: an offset without seconds would lie
		t = t.UTC()
	}
	return record.Moment{At: t.Truncate(time.Second)}, nil
}

// idFor is the id of the event that is created for a marker: an id that is taken is what keeps a repeated create from
// making a double. A hash, since ids have letters a to v and digits only, and of 26 letters, as Google's own are.
func idFor(marker string) string {
	sum := sha256.Sum256([]byte(marker))
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

// originals are the instants that an occurrence's key may mean, as Google writes them, the likelier first: a wall time
// that a change of the clocks repeats means two. Of a date it is the date.
func originals(key string) ([]record.Moment, error) {
	at, err := record.ParseMoment(key)
	if err != nil || at.Date {
		return []record.Moment{at}, err
	}
	out := []record.Moment{at}
	for shift := -2 * time.Hour; shift <= 2*time.Hour; shift += 30 * time.Minute {
		other := record.Moment{At: at.At.Add(shift)}
		if shift != 0 && other.Key() == at.Key() {
			out = append(out, other)
		}
	}
	return out, nil
}

// instanceID is the id that an occurrence has where Google makes it from its series' id. Google says since 2025 that these
// are to be taken as opaque: it is a guess that saves a request, and what it names is compared before it is believed.
func instanceID(master string, original record.Moment) string {
	if original.Date {
		return baseOf(master) + "_" + original.At.Format("20060102")
	}
	return baseOf(master) + "_" + original.At.UTC().Format("20060102T150405Z")
}

// recurrenceOf brings the lines of a recurrence into their canonical form: without empty lines and white space, names in
// upper case, without start and end, which Google has elsewhere.
func recurrenceOf(lines []string) []string {
	var out []string
	for _, line := range lines {
		line = strings.TrimSpace(line)
		end := strings.IndexAny(line, ";:")
		if end < 0 {
			continue
		}
		line = strings.ToUpper(line[:end]) + line[end:]
		if name := line[:end]; name != "DTSTART" && name != "DTEND" && !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	return out
}
