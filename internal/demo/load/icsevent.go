package load

import (
	"errors"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/demo/wire"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/series"
)

// vevent is a VEVENT whose times were understood.
type vevent struct {
	c          *component
	span       record.Span
	recurrence []string
	original   record.Moment // of a changed occurrence
}

// fields is the record from which series are expanded.
func (e *vevent) fields() record.Fields {
	return record.Fields{
		record.FieldTime:       e.span.String(),
		record.FieldRecurrence: strings.Join(e.recurrence, "\n"),
	}
}

// readEvent understands the times of a VEVENT, or says why it cannot.
func readEvent(c *component, known zones, zone *time.Location) (e *vevent, reason string) {
	e = &vevent{c: c}
	start, ok := c.first("DTSTART")
	if !ok {
		return nil, noStart
	}
	if e.span.Start, reason = readMoment(start, known, zone); reason != "" {
		return nil, reason
	}
	if e.span.End, reason = readEnd(c, e.span.Start, known, zone); reason != "" {
		return nil, reason
	}
	if e.span.End.At.Before(e.span.Start.At) {
		return nil, endBeforeStart
	}
	if _, changed := c.first("RECURRENCE-ID"); changed {
		return e, "" // some programs repeat the series' rule there: it says nothing
	}
	if reason = e.readRecurrence(known, zone); reason != "" {
		return nil, reason
	}
	_, err := series.Expand(e.fields(), e.span.Start.At, e.span.Start.At.AddDate(0, 0, 1))
	if errors.Is(err, series.ErrUnreadable) || errors.Is(err, series.ErrZone) || errors.Is(err, series.ErrTime) {
		return nil, badRule
	}
	return e, "" // what Repsync does not expand is loaded all the same: it is for Repsync to say so
}

// The forms of RFC 5545 sections 3.3.4 and 3.3.5.
const (
	icsDate  = "20060102"
	icsLocal = "20060102T150405"
	icsUTC   = "20060102T150405Z"
)

func readMoment(p property, known zones, zone *time.Location) (record.Moment, string) {
	v := strings.ToUpper(strings.TrimSpace(p.value))
	if t, err := time.Parse(icsDate, v); err == nil {
		return record.Moment{At: t, Date: true}, ""
	}
	if t, err := time.Parse(icsUTC, v); err == nil {
		return record.Moment{At: t}, ""
	}
	t, err := time.Parse(icsLocal, v)
	if err != nil {
		return record.Moment{}, noStart
	}
	if id := p.params["TZID"]; id != "" {
		own, ok := known.find(id)
		if !ok {
			return record.Moment{}, unknownZone
		}
		zone = own
	}
	m := record.Moment{At: series.Local(t, zone)}
	if year := m.At.UTC().Year(); year < 1 || year > 9998 { // at the edges a zone's offset leads to a year that cannot be written
		return record.Moment{}, noStart
	}
	return m, ""
}

// readEnd finds the end: DTEND, or start and DURATION; without both, a date lasts its day and a time lasts nothing (RFC
// 5545 section 3.6.1).
func readEnd(c *component, start record.Moment, known zones, zone *time.Location) (record.Moment, string) {
	if p, ok := c.first("DTEND"); ok {
		end, reason := readMoment(p, known, zone)
		switch {
		case reason == noStart:
			return end, badEnd
		case reason != "":
			return end, reason
		case end.Date != start.Date:
			return end, mixedTimes
		case end.Date && end.At.Equal(start.At): // how many calendars of holidays say one day
			end.At = end.At.AddDate(0, 0, 1)
		}
		return end, ""
	}
	p, ok := c.first("DURATION")
	switch {
	case !ok && start.Date:
		return record.Moment{At: start.At.AddDate(0, 0, 1), Date: true}, ""
	case !ok:
		return start, ""
	}
	days, exact, err := series.Duration(p.value)
	switch {
	case err != nil:
		return start, badEnd
	case start.Date && exact != 0:
		return start, hoursOfDays
	case start.Date:
		return record.Moment{At: start.At.AddDate(0, 0, max(days, 1)), Date: true}, ""
	case days == 0:
		return record.Moment{At: start.At.Add(exact)}, ""
	}
	// Days are nominal (section 3.3.6): the same wall time some days on.
	y, m, d := start.At.Date()
	wall := time.Date(y, m, d+days, start.At.Hour(), start.At.Minute(), start.At.Second(), 0, time.UTC)
	return record.Moment{At: series.Local(wall, start.At.Location()).Add(exact)}, ""
}

// readRecurrence brings the rules and dates into the form that the API takes: UNTIL and dates of the kind of the start.
func (e *vevent) readRecurrence(known zones, zone *time.Location) (reason string) {
	for _, name := range []string{"RRULE", "EXRULE"} {
		for _, p := range e.c.all(name) {
			if strings.TrimSpace(p.value) == "" {
				continue
			}
			rule, reason := e.rule(p.value)
			if reason != "" {
				return reason
			}
			e.recurrence = append(e.recurrence, name+":"+rule)
		}
	}
	for _, name := range []string{"RDATE", "EXDATE"} {
		for _, p := range e.c.all(name) {
			for v := range strings.SplitSeq(p.value, ",") {
				if v = strings.TrimSpace(v); v == "" {
					continue
				}
				if strings.Contains(v, "/") {
					return periodDate
				}
				m, reason := readMoment(property{params: p.params, value: v}, known, zone)
				switch {
				case reason == noStart:
					return badRule
				case reason != "":
					return reason
				case e.span.AllDay():
					day, err := time.Parse(icsDate, v[:len(icsDate)]) // of a time, the date as it stands there
					if err != nil {
						return badRule
					}
					m = record.Moment{At: day, Date: true}
				case m.Date && name == "RDATE":
					return mixedDates
				case m.Date: // the occurrence of that day
					y, month, d := m.At.Date()
					s := e.span.Start.At
					m.At = series.Local(time.Date(y, month, d, s.Hour(), s.Minute(), s.Second(), 0, time.UTC), s.Location())
				}
				e.recurrence = append(e.recurrence, name+e.dateValue(m))
			}
		}
	}
	return ""
}

// dateValue writes one RDATE or EXDATE as Google Calendar does: in the zone of the series.
func (e *vevent) dateValue(m record.Moment) string {
	at := e.span.Start.At.Location()
	switch {
	case e.span.AllDay():
		return ";VALUE=DATE:" + m.At.Format(icsDate)
	case at == time.UTC:
		return ":" + m.At.UTC().Format(icsUTC)
	}
	return ";TZID=" + at.String() + ":" + m.At.In(at).Format(icsLocal)
}

// rule brings UNTIL into the form that RFC 5545 section 3.3.10 wants: a date where the start is one, else UTC. A date at a
// start with a time means that whole day there.
func (e *vevent) rule(value string) (string, string) {
	var parts []string
	for part := range strings.SplitSeq(strings.ToUpper(value), ";") {
		part = strings.TrimRight(strings.TrimSpace(part), ",") // "BYMONTH=1,2," as some programs write it
		if part == "" {
			continue
		}
		if v, ok := strings.CutPrefix(part, "UNTIL="); ok {
			until, reason := readMoment(property{value: v}, nil, e.span.Start.At.Location())
			switch {
			case reason != "":
				return "", badRule
			case e.span.AllDay():
				part = "UNTIL=" + v[:len(icsDate)]
			case until.Date:
				day := until.At.Add(24*time.Hour - time.Second)
				part = "UNTIL=" + series.Local(day, e.span.Start.At.Location()).UTC().Format(icsUTC)
			default:
				part = "UNTIL=" + until.At.UTC().Format(icsUTC)
			}
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ";"), ""
}

// eventTime is the API's EventDateTime.
func eventTime(m record.Moment) wire.Object {
	if m.Date {
		return wire.Object{"date": m.At.Format(time.DateOnly)}
	}
	return wire.Object{"dateTime": m.At.Format(time.RFC3339), "timeZone": m.At.Location().String()}
}

// body is the event as the API's Events resource has it, without its recurrence.
func (e *vevent) body() wire.Object {
	body := wire.Object{"start": eventTime(e.span.Start), "end": eventTime(e.span.End), "status": "confirmed"}
	for from, to := range map[string]string{"SUMMARY": "summary", "LOCATION": "location", "DESCRIPTION": "description"} {
		if v := e.c.text(from); v != "" {
			body[to] = v
		}
	}
	if uid := plain(e.c.value("UID")); uid != "" {
		body["iCalUID"] = uid
	}
	if strings.EqualFold(e.c.value("STATUS"), "TENTATIVE") {
		body["status"] = "tentative"
	}
	if strings.EqualFold(e.c.value("TRANSP"), "TRANSPARENT") {
		body["transparency"] = "transparent"
	}
	switch class := strings.ToLower(e.c.value("CLASS")); class {
	case "private", "confidential":
		body["visibility"] = class
	}
	if n, err := strconv.Atoi(e.c.value("SEQUENCE")); err == nil && n > 0 {
		body["sequence"] = n
	}
	if p, ok := e.c.first("ORGANIZER"); ok {
		if who := calendarUser(p); who != nil {
			body["organizer"] = who
		}
	}
	if all := e.attendees(); len(all) > 0 {
		body["attendees"] = all
	}
	return body
}

// answers are what PARTSTAT becomes; all else is an open invitation.
var answers = map[string]string{"ACCEPTED": "accepted", "DECLINED": "declined", "TENTATIVE": "tentative"}

func (e *vevent) attendees() []wire.Object {
	var out []wire.Object
	for _, p := range e.c.all("ATTENDEE") {
		who := calendarUser(p)
		if who == nil {
			continue
		}
		who["responseStatus"] = "needsAction"
		if a := answers[strings.ToUpper(p.params["PARTSTAT"])]; a != "" {
			who["responseStatus"] = a
		}
		if strings.EqualFold(p.params["ROLE"], "OPT-PARTICIPANT") {
			who["optional"] = true
		}
		if kind := strings.ToUpper(p.params["CUTYPE"]); kind == "ROOM" || kind == "RESOURCE" {
			who["resource"] = true
		}
		out = append(out, who)
	}
	return out
}

// calendarUser reads a calendar user (RFC 5545 section 3.3.3); nil for one without an email address.
func calendarUser(p property) wire.Object {
	address := strings.TrimSpace(p.value)
	if len(address) > len("mailto:") && strings.EqualFold(address[:len("mailto:")], "mailto:") {
		address = address[len("mailto:"):]
	}
	if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address {
		return nil
	}
	who := wire.Object{"email": address}
	if name := p.params["CN"]; name != "" {
		who["displayName"] = name
	}
	return who
}
