// Package series expands series of events: it computes which occurrences a master has in a period, and says which
// occurrence became which when a series was changed.
//
// A master is the record of a series: record.FieldTime is its first occurrence (DTSTART and DTEND), and
// record.FieldRecurrence holds its RRULE, RDATE, EXRULE and EXDATE lines (RFC 5545 section 3.8.5; EXRULE is RFC 2445
// section 4.8.5.2). Rules are computed in the wall time of the first occurrence's zone, so that a weekly meeting at nine
// stays at nine when the clocks change, and series of dates in dates. The computing of one rule is the package rrule's;
// this package adds what that one leaves out: exact zones, bounds, and errors that name their reason.
//
// Where RFC 5545 leaves a choice or programs differ, this package takes what Google Calendar shows, since a mailbox is
// where series come from:
//
//   - DTSTART is an occurrence also when it does not match its rule (the RFC calls that undefined). Google Calendar and
//     Apple's Calendar show it, and Google counts COUNT without it: COUNT=3 shows four. ical.js does not show it
//     (kewisch/ical.js issue 294).
//   - A series whose every rule ends by UNTIL before DTSTART, and that has no RDATE, has no occurrence; ical.js agrees.
//   - A wall time that a change of the clocks skips is read with the offset before the gap, and one that it repeats is the
//     first of the two (section 3.3.5, to which section 3.3.10 refers).
//   - An occurrence lasts exactly as long as the first one (section 3.8.5.3), in time or in days.
//   - UNTIL in a form that the RFC does not allow there: see rule.in. EXDATE with a date, in a series of times, excludes
//     that local day.
package series

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/repsync/repsync/internal/planted"
	"github.com/repsync/repsync/internal/record"
)

// maxSlots is how many occurrences of one series are returned at most.
const maxSlots = 20_000

// Slot is one occurrence as its rule has it, whether or not it was changed or cancelled since.
type Slot struct {
	Key  string // its original start, as record.Moment.Key prints it
	Span record.Span
}

// Expand returns the occurrences of a master that overlap [from, to), in order, each once. One without length overlaps
// where it starts. Dates are compared as days of UTC. A record without a recurrence has the one occurrence that it is.
//
// Errors, each with a Code: ErrTime, ErrZone, ErrUnreadable, ErrUnsupported (what cannot be computed exactly is not
// guessed), ErrTooMany (rules by the minute, 20,000 occurrences in the period, 400,000 since the first), ErrNever (a rule
// such as 30 February).
func Expand(fields record.Fields, from, to time.Time) ([]Slot, error) {
	first, err := record.ParseSpan(fields[record.FieldTime])
	if err != nil {
		return nil, ErrTime
	}
	if planted.Is(planted.UTCKeyForSeries) && !first.AllDay() {
		first.Start.At, first.End.At = first.Start.At.UTC(), first.End.At.UTC()
	}
	lines, err := parseLines(fields[record.FieldRecurrence])
	if err != nil {
		return nil, err
	}
	if !from.Before(to) {
		return nil, nil
	}
	s := &set{first: first, from: from, to: to, found: map[int64]found{}}
	if err := s.add(lines); err != nil {
		return nil, err
	}
	if err := s.subtract(lines); err != nil {
		return nil, err
	}
	return s.slots()
}

// found is an occurrence before the exclusions: its start, and its own length where a period gave it one.
type found struct {
	at     time.Time
	length time.Duration // negative: that of the series
}

// set collects the occurrences of one series by their instants.
type set struct {
	first    record.Span
	from, to time.Time
	found    map[int64]found
}

// zone is that of the series, nil for dates.
func (s *set) zone() *time.Location {
	if s.first.AllDay() {
		return nil
	}
	return s.first.Start.At.Location()
}

// start places a wall time.
func (s *set) start(wall time.Time) time.Time {
	if s.first.AllDay() {
		return wall
	}
	return Local(wall, s.zone())
}

// keep notes an occurrence if it overlaps the period. The longer one counts where two begin at once.
func (s *set) keep(f found) error {
	end := s.end(f)
	if !f.at.Before(s.to) || end.Before(s.from) || end.Equal(s.from) && end.After(f.at) {
		return nil
	}
	if old, ok := s.found[f.at.Unix()]; ok && old.length >= f.length {
		return nil
	}
	if f.at.Year() < 0 || end.Year() > 9999 { // UTC may be a day off: no period comes near
		return wrap(ErrUnsupported, "an occurrence outside of the years 0 to 9999")
	}
	s.found[f.at.Unix()] = f
	if len(s.found) > maxSlots {
		return wrap(ErrTooMany, "more than %d in the period", maxSlots)
	}
	return nil
}

func (s *set) end(f found) time.Time {
	length := f.length
	if length < 0 {
		length = s.first.Length()
	}
	return f.at.Add(length)
}

// wallStart is a wall time before which no occurrence of a rule reaches into the period.
func (s *set) wallStart() time.Time {
	return floating(s.from.UTC()).Add(-s.first.Length()).AddDate(0, 0, -2)
}

// wallEnd is a wall time by which every occurrence of the period has begun.
func (s *set) wallEnd() time.Time { return floating(s.to.UTC()).AddDate(0, 0, 2) }

// add collects DTSTART and what RRULE and RDATE say.
func (s *set) add(lines []line) error {
	rules, alive, extra := 0, false, false
	for _, l := range lines {
		switch l.name {
		case "RRULE":
			r, err := parseRule(l.value, floating(s.first.Start.At), s.zone())
			if err != nil {
				return err
			}
			rules++
			alive = alive || r.in(r.start, s.first.Start.At)
			var full error
			early := s.wallStart()
			err = r.each(s.wallEnd(), func(wall time.Time) {
				if wall.Before(early) || full != nil {
					return
				}
				if at := s.start(wall); r.in(wall, at) {
					full = s.keep(found{at, -1})
				}
			})
			if err == nil {
				err = full
			}
			if err != nil {
				return err
			}
		case "RDATE":
			extra = true
			if err := s.addDates(l); err != nil {
				return err
			}
		}
	}
	if rules > 0 && !alive && !extra {
		return nil // every rule ended before the series began
	}
	return s.keep(found{s.first.Start.At, -1})
}

func (s *set) addDates(l line) error {
	in := s.zone()
	if in == nil {
		in = time.UTC
	}
	dates, err := l.instants(in)
	if err != nil {
		return err
	}
	for _, d := range dates {
		switch {
		case s.first.AllDay() && d.length >= 0:
			return wrap(ErrUnsupported, "a period in a series of dates")
		case s.first.AllDay():
			d.at = floating(d.at).Truncate(24 * time.Hour)
		case d.date:
			return wrap(ErrUnsupported, "a date in a series of times")
		default:
			d.at = d.at.In(s.zone())
		}
		if err := s.keep(found{d.at, d.length}); err != nil {
			return err
		}
	}
	return nil
}

// subtract takes out what EXDATE and EXRULE say.
func (s *set) subtract(lines []line) error {
	for _, l := range lines {
		var err error
		switch l.name {
		case "EXDATE":
			err = s.subtractDates(l)
		case "EXRULE":
			err = s.subtractRule(l)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *set) subtractDates(l line) error {
	in := s.zone()
	if in == nil {
		in = time.UTC
	}
	dates, err := l.instants(in)
	if err != nil {
		return err
	}
	days := map[string]bool{} // dates excluded from a series of times
	for _, d := range dates {
		switch {
		case s.first.AllDay():
			delete(s.found, floating(d.at).Truncate(24*time.Hour).Unix())
		case d.date:
			days[d.at.Format(time.DateOnly)] = true
		default:
			delete(s.found, d.at.Unix())
		}
	}
	if len(days) > 0 {
		maps.DeleteFunc(s.found, func(_ int64, f found) bool { return days[f.at.Format(time.DateOnly)] })
	}
	return nil
}

func (s *set) subtractRule(l line) error {
	r, err := parseRule(l.value, floating(s.first.Start.At), s.zone())
	if err != nil {
		return err
	}
	early := s.wallStart()
	err = r.each(s.wallEnd(), func(wall time.Time) {
		if wall.Before(early) {
			return
		}
		if at := s.start(wall); r.in(wall, at) {
			delete(s.found, at.Unix())
		}
	})
	if errors.Is(err, ErrNever) {
		return nil
	}
	return err
}

// slots returns what was collected. Two occurrences in the repeated hour of one night would have one key, and only an
// RDATE in UTC can say that: it is refused.
func (s *set) slots() ([]Slot, error) {
	out := make([]Slot, 0, len(s.found))
	for _, f := range s.found {
		start := record.Moment{At: f.at, Date: s.first.AllDay()}
		end := record.Moment{At: s.end(f), Date: s.first.AllDay()}
		if !end.Date {
			end.At = end.At.In(s.first.End.At.Location())
		}
		out = append(out, Slot{Key: start.Key(), Span: record.Span{Start: start, End: end}})
	}
	slices.SortFunc(out, func(a, b Slot) int { return a.Span.Start.At.Compare(b.Span.Start.At) })
	for i := 1; i < len(out); i++ {
		if out[i].Key == out[i-1].Key {
			return nil, wrap(ErrUnsupported, "two occurrences at one wall time")
		}
	}
	return out, nil
}
