package verify

import (
	"encoding/json"
	"fmt"
	"time"
)

// When says when a meeting takes place, in literal words that hold on whatever day the story is played:
//
//	{"day": 3, "at": "09:00", "to": "10:30", "zone": "Europe/Berlin"}      three days from today, by the clocks on the wall there
//	{"clocks": -4, "at": "09:00", "to": "09:30", "zone": "Europe/Berlin"}  four days before the clocks change there
//	{"day": 8, "days": 2}                                                  two whole days
//
// The instants are computed from it by Go's time package alone.
type When struct {
	Day    *int   `json:"day,omitempty"`
	Clocks *int   `json:"clocks,omitempty"`
	At     string `json:"at,omitempty"`
	To     string `json:"to,omitempty"`
	Zone   string `json:"zone,omitempty"`
	Days   int    `json:"days,omitempty"`
}

// Today is the day on which a story is played, at noon UTC.
type Today time.Time

// Span is the first instant and the one after the last; of whole days, midnights UTC with Dates set.
type Span struct {
	Start, End time.Time
	Dates      bool
}

// Span computes when it is. Error: the words cannot be understood.
func (w When) Span(today Today) (Span, error) {
	zone, err := time.LoadLocation(w.Zone)
	if err != nil {
		return Span{}, fmt.Errorf("%s: %w", w, err)
	}
	day := time.Time(today)
	switch {
	case (w.Day == nil) == (w.Clocks == nil):
		return Span{}, fmt.Errorf("%s: one of day and clocks says when it is", w)
	case w.Day != nil:
		day = day.AddDate(0, 0, *w.Day)
	default:
		day = NextChange(day, zone).AddDate(0, 0, *w.Clocks)
	}
	if w.Days > 0 {
		first := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC)
		return Span{first, first.AddDate(0, 0, w.Days), true}, nil
	}
	var s Span
	for _, x := range []struct {
		clock string
		to    *time.Time
	}{{w.At, &s.Start}, {w.To, &s.End}} {
		wall, err := time.Parse("15:04", x.clock)
		if err != nil {
			return s, fmt.Errorf("%s: %q is no time of a day: %w", w, x.clock, err)
		}
		*x.to = time.Date(day.Year(), day.Month(), day.Day(), wall.Hour(), wall.Minute(), 0, 0, zone)
	}
	return s, nil
}

// soonest is how many days ahead a change of the clocks must be to count: what the story puts before it is still to come.
const soonest = 14

// NextChange is the next day, two weeks from now or later, in the night to which the clocks of a zone change; within the
// next year or so. A zone without any has none: then it is 14 days from now.
func NextChange(today time.Time, zone *time.Location) time.Time {
	noon := func(n int) time.Time {
		return time.Date(today.Year(), today.Month(), today.Day()+n, 12, 0, 0, 0, zone)
	}
	for n := soonest; n < soonest+400; n++ {
		_, before := noon(n - 1).Zone()
		if _, after := noon(n).Zone(); before != after {
			return noon(n)
		}
	}
	return noon(soonest)
}

// String is the form in the tables.
func (w When) String() string {
	b, err := json.Marshal(w)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Words is an instant or a day as messages and tables of fields have it.
func (s Span) Words() (start, end string) {
	if s.Dates {
		return s.Start.Format(time.DateOnly), s.End.Format(time.DateOnly)
	}
	return s.Start.UTC().Format(time.RFC3339), s.End.UTC().Format(time.RFC3339)
}
