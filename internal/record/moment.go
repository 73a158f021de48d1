package record

import (
	"fmt"
	"strings"
	"time"
)

// Moment is a start or an end: an instant with the zone that people placed it in, or a date for an all-day event.
type Moment struct {
	At   time.Time // with its zone as Location; of a date, midnight UTC
	Date bool
}

// wall is RFC 9557's form of a local time, without offset and zone.
const wall = "2006-01-02T15:04:05"

// String returns a moment in the form of RFC 9557, "2026-03-29T09:00:00+02:00[Europe/Berlin]", or a date, "2026-03-29". An
// offset that has seconds, as local mean time had before there were zones, has no such form: the instant is then in UTC,
// "1889-12-31T23:06:32Z[Europe/Berlin]" (RFC 9557 section 2: Z says nothing of the offset there).
func (m Moment) String() string {
	if m.Date {
		return m.At.Format(time.DateOnly)
	}
	at := m.At
	if _, offset := at.Zone(); offset%60 != 0 {
		at = at.UTC()
	}
	return at.Format(time.RFC3339) + "[" + zoneName(m.At) + "]"
}

// Key returns a moment as the key of one occurrence: its wall time and zone, "2026-03-29T09:00:00[Europe/Berlin]", or a
// date. It has no offset, so that a zone whose rules are changed does not rename what was there.
func (m Moment) Key() string {
	if m.Date {
		return m.At.Format(time.DateOnly)
	}
	return m.At.Format(wall) + "[" + zoneName(m.At) + "]"
}

func zoneName(t time.Time) string {
	if name := t.Location().String(); name != "" && name != "Local" {
		return name
	}
	return "UTC"
}

// ParseMoment reads what String and Key print. A wall time that a change of the clocks skips or repeats is taken as
// time.Date takes it. Errors: the form is another one, the zone is not known, or the year there is none of 0 to 9999.
func ParseMoment(s string) (Moment, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return Moment{At: t, Date: true}, nil
	}
	at, rest, ok := strings.Cut(s, "[")
	name, closed := strings.CutSuffix(rest, "]")
	if !ok || !closed {
		return Moment{}, fmt.Errorf("a moment has the form 2026-03-29T09:00:00+02:00[Europe/Berlin] or 2026-03-29")
	}
	zone, err := Zone(name)
	if err != nil {
		return Moment{}, err
	}
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		if t, err = time.ParseInLocation(wall, at, zone); err != nil {
			return Moment{}, fmt.Errorf("a moment has the form 2026-03-29T09:00:00+02:00[Europe/Berlin] or 2026-03-29")
		}
	}
	if t = t.In(zone); !written(t) {
		return Moment{}, fmt.Errorf("a moment lies in the years 0 to 9999")
	}
	return Moment{At: t}, nil
}

// written reports whether a time can be written with four digits of its year, in its zone and in UTC.
func written(t time.Time) bool {
	return min(t.Year(), t.UTC().Year()) >= 0 && max(t.Year(), t.UTC().Year()) <= 9999
}

// Zone finds a time zone by its name in the IANA database. Error: there is none of that name.
func Zone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("a time zone needs its name in the IANA database")
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("the IANA database has no time zone of that name")
	}
	return zone, nil
}

// Span is when an event takes place. The end of an all-day event is the day after its last (RFC 5545 section 3.6.1).
type Span struct{ Start, End Moment }

// String returns the value of FieldTime: both moments, with a slash between them.
func (s Span) String() string { return s.Start.String() + "/" + s.End.String() }

// AllDay reports whether the span consists of dates.
func (s Span) AllDay() bool { return s.Start.Date }

// Length is how long it lasts; of an all-day event, in days of 24 hours.
func (s Span) Length() time.Duration { return s.End.At.Sub(s.Start.At) }

// ParseSpan reads a value of FieldTime. Error: it has another form, is half a date, or ends before it starts.
func ParseSpan(value string) (Span, error) {
	// A zone's name may hold a slash: the one that divides the two comes after a bracket or a digit and before a digit.
	for i := 1; i+1 < len(value); i++ {
		if value[i] != '/' || value[i-1] != ']' && (value[i-1] < '0' || value[i-1] > '9') || value[i+1] < '0' || value[i+1] > '9' {
			continue
		}
		start, err := ParseMoment(value[:i])
		if err != nil {
			continue
		}
		end, err := ParseMoment(value[i+1:])
		switch {
		case err != nil:
			return Span{}, err
		case start.Date != end.Date:
			return Span{}, fmt.Errorf("a span has two dates or two times")
		case end.At.Before(start.At):
			return Span{}, fmt.Errorf("a span ends at or after its start")
		}
		return Span{Start: start, End: end}, nil
	}
	return Span{}, fmt.Errorf("a span has the form START/END")
}

// comparableSpan is the form in which times are compared: instants without their zone, or dates.
func comparableSpan(value string) string {
	s, err := ParseSpan(value)
	if err != nil {
		return comparableText(value)
	}
	if s.AllDay() {
		return s.String()
	}
	return s.Start.At.UTC().Format(time.RFC3339) + "/" + s.End.At.UTC().Format(time.RFC3339)
}
