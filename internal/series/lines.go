package series

import (
	"strings"
	"time"

	"github.com/repsync/repsync/internal/record"
)

// line is one property of a recurrence: its name, the two parameters that matter, and its value.
type line struct {
	name, kind, zone, value string
}

// parseLines reads the lines of record.FieldRecurrence (RFC 5545 section 3.1, unfolded).
func parseLines(text string) ([]line, error) {
	var out []line
	number := 0
	for raw := range strings.Lines(text) {
		number++
		raw = strings.TrimSpace(raw)
		if raw == "" {
			continue
		}
		head, value, ok := strings.Cut(raw, ":")
		if i := strings.IndexByte(raw, '"'); ok && i >= 0 && i < len(head) { // a quoted zone may hold a colon
			if j := strings.IndexByte(raw[i+1:], '"'); j >= 0 {
				rest, v, found := strings.Cut(raw[i+1+j:], ":")
				head, value, ok = raw[:i+1+j]+rest, v, found
			}
		}
		params := strings.Split(head, ";")
		l := line{name: strings.ToUpper(params[0]), value: strings.TrimSpace(value)}
		switch l.name {
		case "RRULE", "EXRULE", "RDATE", "EXDATE":
		default:
			ok = false
		}
		if !ok {
			return nil, wrap(ErrUnreadable, "line %d is none of RRULE, EXRULE, RDATE and EXDATE", number)
		}
		for _, p := range params[1:] {
			switch key, v, _ := strings.Cut(p, "="); strings.ToUpper(key) {
			case "VALUE":
				l.kind = strings.ToUpper(v)
			case "TZID":
				l.zone = strings.Trim(v, `"`)
			}
		}
		out = append(out, l)
	}
	return out, nil
}

// instant is one value of RDATE or EXDATE: a date, or a time; length is that of a period, negative without one.
type instant struct {
	at     time.Time // in its zone; of a date, midnight UTC
	date   bool
	length time.Duration
}

// instants reads the values of an RDATE or EXDATE line (RFC 5545 sections 3.8.5.1 and 3.8.5.2). A time without a zone is
// in the series' own.
func (l line) instants(zone *time.Location) ([]instant, error) {
	if l.zone != "" {
		z, err := record.Zone(l.zone)
		if err != nil {
			return nil, wrap(ErrZone, "in %s", l.name)
		}
		zone = z
	}
	var out []instant
	for v := range strings.SplitSeq(l.value, ",") {
		if v = strings.TrimSpace(v); v == "" {
			continue
		}
		from, end, period := strings.Cut(v, "/")
		in, err := parseInstant(from, zone)
		if err != nil {
			return nil, wrap(ErrUnreadable, "a value of %s is no date or time", l.name)
		}
		if period {
			if in.length, err = periodLength(in.at, end, zone); err != nil || in.date {
				return nil, wrap(ErrUnreadable, "a value of %s is no period", l.name)
			}
		}
		out = append(out, in)
	}
	return out, nil
}

// The forms of RFC 5545 sections 3.3.4 and 3.3.5.
const (
	formDate  = "20060102"
	formLocal = "20060102T150405"
	formUTC   = "20060102T150405Z"
)

func parseInstant(v string, zone *time.Location) (instant, error) {
	out := instant{length: -1}
	v = strings.ToUpper(strings.TrimSpace(v))
	switch len(v) {
	case len(formDate):
		t, err := time.Parse(formDate, v)
		out.at, out.date = t, true
		return out, err
	case len(formUTC):
		t, err := time.Parse(formUTC, v)
		out.at = t.In(zone)
		return out, err
	default:
		t, err := time.Parse(formLocal, v)
		if err == nil {
			out.at = Local(t, zone)
		}
		return out, err
	}
}

// periodLength reads what follows the slash of a period (RFC 5545 section 3.3.9): an end, or a duration.
func periodLength(start time.Time, end string, zone *time.Location) (time.Duration, error) {
	if !strings.HasPrefix(end, "P") && !strings.HasPrefix(end, "+P") {
		in, err := parseInstant(end, zone)
		if err != nil || in.date || in.at.Before(start) {
			return 0, ErrUnreadable
		}
		return in.at.Sub(start), nil
	}
	days, exact, err := Duration(end)
	if err != nil {
		return 0, err
	}
	return Local(floating(start).AddDate(0, 0, days), start.Location()).Add(exact).Sub(start), nil
}

// Duration reads a duration of RFC 5545 section 3.3.6 that is not negative: its days and weeks, which are nominal, and the
// rest, which is exact. Error: ErrUnreadable.
func Duration(v string) (days int, exact time.Duration, err error) {
	v, ok := strings.CutPrefix(strings.TrimPrefix(v, "+"), "P")
	if !ok || v == "" {
		return 0, 0, ErrUnreadable
	}
	n, digits, clock := 0, false, false
	for _, c := range v {
		switch {
		case c >= '0' && c <= '9' && n < 1e6:
			n, digits = n*10+int(c-'0'), true
			continue
		case c == 'T' && !digits && !clock:
			clock = true
			continue
		case !digits:
			return 0, 0, ErrUnreadable
		case c == 'W' && !clock:
			days += 7 * n
		case c == 'D' && !clock:
			days += n
		case c == 'H' && clock:
			exact += time.Duration(n) * time.Hour
		case c == 'M' && clock:
			exact += time.Duration(n) * time.Minute
		case c == 'S' && clock:
			exact += time.Duration(n) * time.Second
		default:
			return 0, 0, ErrUnreadable
		}
		n, digits = 0, false
	}
	if digits {
		return 0, 0, ErrUnreadable
	}
	return days, exact, nil
}
