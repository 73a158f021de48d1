package load

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/demo/wire"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/series"
)

// Why something of an .ics file is not loaded, as Problem.Reason has it. A reason never quotes what the file says.
const (
	outsideCalendar  = "text outside a calendar (a calendar runs from BEGIN:VCALENDAR to END:VCALENDAR)"
	brokenLine       = "the line is not NAME:value; the rest of its event is loaded"
	noEnd            = "the file ends before what begins here"
	notEvent         = "a to-do, a journal or a busy time: Google Calendar takes events"
	noStart          = "the event has no readable start"
	badEnd           = "the end of the event cannot be read"
	endBeforeStart   = "the event ends before it starts"
	mixedTimes       = "one of start and end is a date and the other a time"
	hoursOfDays      = "an all-day event lasts hours"
	unknownZone      = "the time zone is not known, neither by its name nor by what the file says of it"
	badRule          = "the recurrence rule is not one of RFC 5545"
	periodDate       = "an RDATE with an end of its own, which Google Calendar cannot say"
	mixedDates       = "an RDATE is a date and the start a time"
	cancelled        = "the event is cancelled"
	olderCopy        = "another copy of the same event is newer"
	noMaster         = "a changed occurrence of a series that the file does not hold"
	masterRefused    = "a changed occurrence of a series that is not loaded"
	notInSeries      = "a changed occurrence where its series has none"
	thisAndFollowing = "a change of this and all following occurrences, which Google Calendar cannot import"
)

// ICS reads the events of an .ics file (RFC 5545) as bodies of Google Calendar's events.import
// (https://developers.google.com/workspace/calendar/api/v3/reference/events). zone is the calendar's own: times that name
// none are in the file's X-WR-TIMEZONE, and without one in zone. An event without UID has no iCalUID: it is one for
// events.insert. Error: the file cannot be read.
//
// A series is its master, with recurrence[], and behind it the occurrences that were changed: full bodies with
// originalStartTime and the master's iCalUID, or, when cancelled, with status "cancelled". They lack recurringEventId,
// which the master's answer tells.
//
// Where the file departs from the RFC in a way that leaves no doubt, it is read as meant: 20190101 is a date without
// VALUE=DATE, a day that ends on itself is one day, an empty property is none, UNTIL is brought into the form that belongs
// to its start. All else that cannot be said exactly is refused and named.
func ICS(r io.Reader, zone *time.Location) (events []Item, problems []Problem, err error) {
	text, err := lines(r)
	if err != nil {
		return nil, nil, fmt.Errorf("read the .ics file: %w", err)
	}
	calendars, problems := components(text)
	l := icsLoader{problems: problems, byUID: map[string]*family{}}
	for _, c := range calendars {
		l.calendar(c, zone)
	}
	for _, f := range l.families {
		l.family(f)
	}
	slices.SortStableFunc(l.problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return l.events, l.problems, nil
}

// icsLoader collects what a file holds.
type icsLoader struct {
	events   []Item
	problems []Problem
	families []*family
	byUID    map[string]*family
}

// family is all that has one UID: a single event or a master, and changed occurrences by their original start.
type family struct {
	uid     string
	master  *vevent
	changed map[string]*vevent
	broken  bool // the master was refused
}

func (l *icsLoader) refuse(line int, reason string) {
	l.problems = append(l.problems, Problem{line, reason})
}

// calendar reads the components of one VCALENDAR.
func (l *icsLoader) calendar(c *component, zone *time.Location) {
	known := zones{}
	for _, child := range c.children {
		if child.kind == "VTIMEZONE" {
			known.noteZone(child)
		}
	}
	if own, ok := known.find(c.value("X-WR-TIMEZONE")); ok {
		zone = own
	}
	for _, child := range c.children {
		switch child.kind {
		case "VEVENT":
			l.event(child, known, zone)
		case "VTODO", "VJOURNAL", "VFREEBUSY":
			l.refuse(child.line, notEvent)
		}
	}
}

// event files one VEVENT under its UID. Of several copies the one with the highest SEQUENCE counts, then the one changed
// last, then the one that comes later.
func (l *icsLoader) event(c *component, known zones, zone *time.Location) {
	uid := c.value("UID")
	f := l.byUID[uid]
	if f == nil || uid == "" {
		f = &family{uid: uid, changed: map[string]*vevent{}}
		l.families = append(l.families, f)
		if uid != "" {
			l.byUID[uid] = f
		}
	}
	e, reason := readEvent(c, known, zone)
	slot, isChange := c.first("RECURRENCE-ID")
	if reason != "" {
		l.refuse(c.line, reason)
		f.broken = f.broken || !isChange
		return
	}
	keep := func(old *vevent) *vevent {
		if old == nil {
			return e
		}
		if newer(old, e) {
			old, e = e, old
		}
		l.refuse(e.c.line, olderCopy)
		return old
	}
	if !isChange {
		f.master = keep(f.master)
		return
	}
	at, reason := readMoment(slot, known, zone)
	switch {
	case reason != "":
		l.refuse(c.line, reason)
	case strings.EqualFold(slot.params["RANGE"], "THISANDFUTURE"):
		l.refuse(c.line, thisAndFollowing)
	default:
		e.original = at
		key := momentKey(at)
		f.changed[key] = keep(f.changed[key])
	}
}

// newer reports whether b is the newer copy.
func newer(a, b *vevent) bool {
	sa, _ := strconv.Atoi(a.c.value("SEQUENCE"))
	sb, _ := strconv.Atoi(b.c.value("SEQUENCE"))
	return cmp.Or(cmp.Compare(sa, sb), cmp.Compare(a.c.value("LAST-MODIFIED"), b.c.value("LAST-MODIFIED")),
		cmp.Compare(a.c.value("DTSTAMP"), b.c.value("DTSTAMP")), cmp.Compare(a.c.line, b.c.line)) < 0
}

// momentKey tells moments apart by instant or date, however their zones are written.
func momentKey(m record.Moment) string {
	if m.Date {
		return m.Key()
	}
	return m.At.UTC().Format(time.RFC3339)
}

// family turns one UID's events into bodies.
func (l *icsLoader) family(f *family) {
	reason := noMaster
	if f.master != nil && strings.EqualFold(f.master.c.value("STATUS"), "CANCELLED") {
		l.refuse(f.master.c.line, cancelled)
		f.master, f.broken = nil, true
	}
	if f.broken {
		reason = masterRefused
	}
	if f.master != nil {
		body := f.master.body()
		if len(f.master.recurrence) > 0 {
			body["recurrence"] = f.master.recurrence
		}
		l.events = append(l.events, Item{f.master.c.line, body})
	}
	for _, key := range slices.Sorted(maps.Keys(f.changed)) {
		e := f.changed[key]
		if f.master != nil && f.master.span.AllDay() {
			e.original = dayOf(e.original)
		}
		switch {
		case f.master == nil:
			l.refuse(e.c.line, reason)
		case !f.master.has(e.original):
			l.refuse(e.c.line, notInSeries)
		default:
			body := wire.Object{"status": "cancelled"}
			if !strings.EqualFold(e.c.value("STATUS"), "CANCELLED") {
				body = e.body()
			}
			body["iCalUID"] = plain(f.uid)
			body["originalStartTime"] = eventTime(e.original)
			l.events = append(l.events, Item{e.c.line, body})
		}
	}
}

// dayOf returns the date of a midnight: Outlook names a changed day by the time at which it begins.
func dayOf(m record.Moment) record.Moment {
	y, month, d := m.At.Date()
	if h, minute, s := m.At.Clock(); m.Date || h+minute+s > 0 {
		return m
	}
	return record.Moment{At: time.Date(y, month, d, 0, 0, 0, 0, time.UTC), Date: true}
}

// has reports whether a series has an occurrence at a start.
func (e *vevent) has(start record.Moment) bool {
	if start.Date != e.span.AllDay() || len(e.recurrence) == 0 {
		return false
	}
	slots, err := series.Expand(e.fields(), start.At, start.At.Add(time.Second))
	if err != nil {
		return series.Code(err) != series.Code(series.ErrNever)
	}
	return slices.ContainsFunc(slots, func(s series.Slot) bool { return momentKey(s.Span.Start) == momentKey(start) })
}
