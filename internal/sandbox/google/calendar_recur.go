package google

import (
	"slices"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// horizon bounds how many occurrences of one series are shown when a read names no end, in years from now, as the real
// service bounds them without saying where.
const horizon = 2

// series is the recurrence of an event: its first start, the length of each occurrence, and what RFC 5545 section 3.8.5
// adds and takes away. Rules run in the wall time of the start's zone, so that a weekly nine o'clock stays nine o'clock
// when clocks change.
type series struct {
	start  when
	length time.Duration // the exact duration of every occurrence (RFC 5545 section 3.8.5.3); of dates, days of 24 hours
	rules  []*rrule.RRule
	not    []*rrule.RRule
	dates  []time.Time
	except []time.Time
	days   []string // EXDATEs that are dates in a series of times: they take away the day
}

// recurring reports whether an event is a series' master.
func recurring(d doc) bool { return len(rules(d)) > 0 }

// seriesOf is the recurrence of a stored master, whose lines have been checked.
func seriesOf(master doc) *series {
	s, _ := parseSeries(whenOf(object(master, "start")), whenOf(object(master, "end")), rules(master))
	if s == nil {
		return &series{start: whenOf(object(master, "start"))}
	}
	return s
}

// parseSeries reads recurrence lines: RRULE, EXRULE, RDATE and EXDATE. Errors: 400 for any other line, one that is not
// well-formed, and frequencies under a day, which the vendor's calendars do not have.
func parseSeries(start, end when, lines []string) (*series, *apiError) {
	s := &series{start: start, length: end.t.Sub(start.t)}
	for _, line := range lines {
		head, value, ok := strings.Cut(line, ":")
		name, params, _ := strings.Cut(head, ";")
		if !ok {
			return nil, calInvalid("Invalid recurrence rule.")
		}
		switch strings.ToUpper(name) {
		case "RRULE", "EXRULE":
			rule, err := s.rule(value)
			if err != nil || params != "" {
				return nil, calInvalid("Invalid recurrence rule.")
			}
			if strings.EqualFold(name, "RRULE") {
				s.rules = append(s.rules, rule)
			} else {
				s.not = append(s.not, rule)
			}
		case "RDATE", "EXDATE":
			if !s.readDates(strings.EqualFold(name, "RDATE"), params, value) {
				return nil, calInvalid("Invalid recurrence rule.")
			}
		default:
			return nil, calInvalid("Invalid recurrence rule.")
		}
	}
	return s, nil
}

// rule reads the value of an RRULE. An UNTIL that is a date reaches to the end of that day. The rule is one of wall times,
// written as UTC: within places them.
func (s *series) rule(value string) (*rrule.RRule, error) {
	opt, err := rrule.StrToROptionInLocation(strings.ToUpper(value), time.UTC)
	if err != nil {
		return nil, err
	}
	if opt.Freq > rrule.DAILY {
		return nil, calInvalid("Invalid recurrence rule.")
	}
	for part := range strings.SplitSeq(strings.ToUpper(value), ";") {
		switch until, ok := strings.CutPrefix(part, "UNTIL="); {
		case !ok || s.start.date:
		case len(until) == len(compactDate):
			opt.Until = opt.Until.AddDate(0, 0, 1).Add(-time.Second)
		case strings.HasSuffix(until, "Z"):
			opt.Until = wallOf(opt.Until.In(s.start.t.Location()))
		}
	}
	opt.Dtstart = wallOf(s.start.t)
	return rrule.NewRRule(*opt)
}

// readDates reads the value of an RDATE or EXDATE, with the parameters TZID and VALUE. It reports false when it is not
// well-formed, or is a period.
func (s *series) readDates(add bool, params, value string) bool {
	zone := s.start.t.Location()
	for param := range strings.SplitSeq(params, ";") {
		name, v, _ := strings.Cut(param, "=")
		switch strings.ToUpper(name) {
		case "":
		case "TZID":
			z, err := loadZone(strings.Trim(v, `"`))
			if err != nil {
				return false
			}
			zone = z
		case "VALUE":
			if !strings.EqualFold(v, "DATE") && !strings.EqualFold(v, "DATE-TIME") {
				return false
			}
		default:
			return false
		}
	}
	for v := range strings.SplitSeq(value, ",") {
		day, err := time.ParseInLocation(compactDate, v, s.start.t.Location())
		isDay := err == nil
		at := day
		if !isDay {
			if at, err = time.Parse(compactTime, v); err != nil {
				at, err = time.Parse("20060102T150405", v)
				at = placed(at, zone)
			}
		}
		if err == nil && s.start.date { // a time in a series of dates stands for its day
			at = time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
		}
		switch {
		case err != nil:
			return false
		case add:
			s.dates = append(s.dates, at.In(s.start.t.Location()))
		case isDay && !s.start.date:
			s.days = append(s.days, v)
		default:
			s.except = append(s.except, at)
		}
	}
	return true
}

// starts are the original starts from from on and before to, in order, at most limit of them. A zero to is no end. The
// first start belongs to the series whether or not the rule has it (RFC 5545 section 3.8.5.3).
func (s *series) starts(from, to time.Time, limit int) []when {
	if to.IsZero() {
		to = s.start.t.AddDate(200, 0, 0)
	}
	in := func(t time.Time) bool { return !t.Before(from) && t.Before(to) }
	var all []time.Time
	for _, t := range append([]time.Time{s.start.t}, s.dates...) {
		if in(t) {
			all = append(all, t)
		}
	}
	room := limit + len(s.except) + 2 // some may be taken away again
	if len(s.not) > 0 {
		room += 1 << 14
	}
	for _, r := range s.rules {
		all = append(all, s.within(r, from, to, room+len(s.days)*2)...)
	}
	gone := map[int64]bool{}
	for _, t := range s.except {
		gone[t.Unix()] = true
	}
	for _, r := range s.not {
		for _, t := range s.within(r, from, to, 1<<20) {
			gone[t.Unix()] = true
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	var out []when
	for _, t := range all {
		if gone[t.Unix()] || slices.Contains(s.days, t.Format(compactDate)) {
			continue
		}
		gone[t.Unix()] = true
		if out = append(out, when{t, s.start.date}); len(out) == limit {
			break
		}
	}
	return out
}

// within runs a rule over a span of time.
func (s *series) within(r *rrule.RRule, from, to time.Time, limit int) []time.Time {
	var out []time.Time
	next := r.Iterator()
	for wall, ok := next(); ok && len(out) < limit; wall, ok = next() {
		t := placed(wall, s.start.t.Location())
		if !t.Before(to) {
			break
		}
		if !t.Before(from) {
			out = append(out, t)
		}
	}
	return out
}

// wallOf is what clocks show, as if in UTC.
func wallOf(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.Add(time.Duration(offset) * time.Second).UTC()
}

// placed is a wall time, given as if in UTC, in a zone: the first of two where clocks were put back, and where they were put
// forward what the time before that would have come to (RFC 5545 section 3.3.5).
func placed(wall time.Time, zone *time.Location) time.Time {
	var last time.Time
	for _, near := range []time.Duration{-26 * time.Hour, 26 * time.Hour} { // further than any zone lies from UTC, or jumps
		_, offset := wall.Add(near).In(zone).Zone()
		t := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if wallOf(t).Equal(wall) {
			return t
		}
		if last.IsZero() {
			last = t
		}
	}
	return last
}

// at finds the occurrence that a key names.
func (s *series) at(key string) (when, bool) {
	t, err := time.Parse(compactTime, key)
	if s.start.date {
		t, err = time.Parse(compactDate, key)
	}
	if err != nil {
		return when{}, false
	}
	list := s.starts(t, t.Add(time.Second), 1)
	if len(list) == 0 {
		return when{}, false
	}
	return list[0], true
}

// occurrence is one occurrence of a series that has no state of its own: the master's fields, with its own times. It
// shares the master's etag and times of change.
func occurrence(master doc, at when) doc {
	out := copyDoc(master)
	delete(out, "recurrence")
	out["id"] = baseID(text(master, "id")) + "_" + at.key()
	out["recurringEventId"] = text(master, "id")
	out["originalStartTime"] = at.doc()
	out["start"] = at.doc()
	end := when{at.t.Add(seriesLength(master)), at.date}
	if zone, err := loadZone(text(object(master, "end"), "timeZone")); err == nil && !at.date {
		end.t = end.t.In(zone)
	}
	out["end"] = end.doc()
	return out
}

func seriesLength(master doc) time.Duration {
	return whenOf(object(master, "end")).t.Sub(whenOf(object(master, "start")).t)
}
