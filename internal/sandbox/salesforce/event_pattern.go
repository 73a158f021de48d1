package salesforce

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// pattern is the rule of an event series: the part of RFC 5545 section 3.3.10 that the vendor takes, with the vendor's
// limits and its two differences: a month that has no 31st gets the last day, and a month or a year has one occurrence.
// (Object Reference, "Event", "Lightning Experience Event Series and Recurring Events".)
type pattern struct {
	freq            string
	month, monthDay int // 0: none
	days            []time.Weekday
	nth             int  // which of the days in the month, -1 the last; 0 for WEEKLY
	numbered        bool // nth stood before the day, not in BYSETPOS
	weekStart       time.Weekday
	interval        int
	until           time.Time
	count           int // 0: no end by number
}

const (
	maxPattern  = 512 // characters of Recurrence2PatternText
	untilLayout = "20060102T150405Z"
)

var weekdayNames = []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}

// patternParts lists the parts that each FREQ takes beside FREQ, INTERVAL, UNTIL and COUNT.
var patternParts = map[string][]string{"DAILY": nil, "WEEKLY": {"BYDAY", "WKST"}, "MONTHLY": {"BYMONTHDAY", "BYDAY", "BYSETPOS", "WKST"},
	"YEARLY": {"BYMONTH", "BYMONTHDAY", "BYDAY", "BYSETPOS", "WKST"}}

func badPattern(why string) *Error {
	return failFields("FIELD_INTEGRITY_EXCEPTION", "Recurrence Pattern: "+why, "Recurrence2PatternText")
}

// parsePattern reads a Recurrence2PatternText. Errors: FIELD_INTEGRITY_EXCEPTION (from memory), STRING_TOO_LONG.
func parsePattern(text string) (*pattern, *Error) {
	if len(text) > maxPattern {
		return nil, failFields("STRING_TOO_LONG", "Recurrence Pattern: data value too large: "+text+" (max length=512)", "Recurrence2PatternText")
	}
	rest := strings.ToUpper(strings.TrimSpace(text))
	rest = strings.TrimPrefix(rest, "RRULE:")
	parts := map[string]string{}
	for part := range strings.SplitSeq(rest, ";") {
		name, value, found := strings.Cut(part, "=")
		if _, twice := parts[name]; !found || value == "" || twice {
			return nil, badPattern("a rule consists of parts NAME=VALUE, each once")
		}
		parts[name] = value
	}
	p := &pattern{freq: parts["FREQ"], interval: 1}
	extra, known := patternParts[p.freq]
	if !known {
		return nil, badPattern("FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY")
	}
	for name := range parts {
		if !slices.Contains(slices.Concat([]string{"FREQ", "INTERVAL", "UNTIL", "COUNT"}, extra), name) {
			return nil, badPattern(name + " is not supported with FREQ=" + p.freq)
		}
	}
	if err := p.readEnds(parts); err != nil {
		return nil, err
	}
	return p, p.readDays(parts)
}

// readEnds reads INTERVAL, UNTIL and COUNT.
func (p *pattern) readEnds(parts map[string]string) *Error {
	var ok bool
	most := map[string]int{"DAILY": 999, "WEEKLY": 99, "MONTHLY": 99, "YEARLY": 1}[p.freq]
	if v := parts["INTERVAL"]; v != "" {
		if p.interval, ok = upTo(v, most); !ok {
			return badPattern("INTERVAL must be from 1 to " + strconv.Itoa(most))
		}
	}
	if v := parts["COUNT"]; v != "" {
		if p.count, ok = upTo(v, 999); !ok {
			return badPattern("COUNT must be from 1 to 999")
		}
	}
	if v := parts["UNTIL"]; v != "" {
		at, err := time.Parse(untilLayout, v)
		if err != nil {
			return badPattern("UNTIL must look like 20210419T083000Z")
		}
		p.until = at
	}
	if p.count > 0 && !p.until.IsZero() {
		return badPattern("a rule can't contain both UNTIL and COUNT")
	}
	return nil
}

// readDays reads the parts that name days.
func (p *pattern) readDays(parts map[string]string) *Error {
	var ok bool
	if v := parts["WKST"]; v != "" {
		i := slices.Index(weekdayNames, v)
		if i < 0 {
			return badPattern("WKST must be a day of the week")
		}
		p.weekStart = time.Weekday(i)
	}
	if v := parts["BYMONTH"]; v != "" {
		if p.month, ok = upTo(v, 12); !ok {
			return badPattern("BYMONTH must be from 1 to 12")
		}
	} else if p.freq == "YEARLY" {
		return badPattern("BYMONTH is required with FREQ=YEARLY")
	}
	if v := parts["BYMONTHDAY"]; v != "" {
		if p.monthDay, ok = upTo(v, 31); !ok {
			return badPattern("BYMONTHDAY must be from 1 to 31")
		}
	}
	if p.freq == "DAILY" {
		return nil
	}
	if (parts["BYDAY"] != "") == (p.monthDay > 0) {
		return badPattern("either BYDAY or BYMONTHDAY is required with FREQ=" + p.freq)
	}
	if p.monthDay > 0 {
		return nil
	}
	for day := range strings.SplitSeq(parts["BYDAY"], ",") {
		number := strings.TrimRight(day, "ADEFHMORSTUW")
		i := slices.Index(weekdayNames, day[len(number):])
		if i < 0 || slices.Contains(p.days, time.Weekday(i)) {
			return badPattern("BYDAY must be a list of different days of the week")
		}
		p.days = append(p.days, time.Weekday(i))
		if number != "" {
			if p.nth, ok = position(number); !ok || p.freq == "WEEKLY" || parts["BYSETPOS"] != "" || parts["BYDAY"] != day {
				return badPattern("a number before a day must be -1, 1, 2, 3 or 4, and stand alone")
			}
			p.numbered = true
		}
	}
	if p.freq == "WEEKLY" {
		return nil
	}
	if v := parts["BYSETPOS"]; v != "" {
		if p.nth, ok = position(v); !ok {
			return badPattern("BYSETPOS must be -1, 1, 2, 3 or 4")
		}
	}
	if p.nth == 0 {
		p.nth = 1
	}
	if n := len(p.days); n != 1 && n != 7 && !sameDays(p.days, 1, 2, 3, 4, 5) && !sameDays(p.days, 0, 6) {
		return badPattern("BYDAY must be one day, weekend days, weekdays or every day")
	}
	return nil
}

func upTo(text string, most int) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 1 && n <= most
}

func position(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && (n == -1 || n >= 1 && n <= 4)
}

func sameDays(days []time.Weekday, want ...time.Weekday) bool {
	return slices.Equal(slices.Sorted(slices.Values(days)), want)
}

// String is the rule as the vendor stores it: with its name before it, parts in the vendor's order, defaults filled in.
// The default of WKST is that of the user's locale, here en_US.
func (p *pattern) String() string {
	out := "RRULE:FREQ=" + p.freq
	add := func(name, value string) { out += ";" + name + "=" + value }
	if p.month > 0 {
		add("BYMONTH", strconv.Itoa(p.month))
	}
	if p.monthDay > 0 {
		add("BYMONTHDAY", strconv.Itoa(p.monthDay))
	}
	if len(p.days) > 0 {
		var names []string
		for _, d := range p.days {
			name := weekdayNames[d]
			if p.numbered {
				name = strconv.Itoa(p.nth) + name
			}
			names = append(names, name)
		}
		add("BYDAY", strings.Join(names, ","))
	}
	if p.freq == "WEEKLY" {
		add("WKST", weekdayNames[p.weekStart])
	}
	if p.nth != 0 && !p.numbered {
		add("BYSETPOS", strconv.Itoa(p.nth))
	}
	add("INTERVAL", strconv.Itoa(p.interval))
	if !p.until.IsZero() {
		add("UNTIL", p.until.Format(untilLayout))
	}
	if p.count > 0 {
		add("COUNT", strconv.Itoa(p.count))
	}
	return out
}

// slots lists when the series takes place: at the wall time of start, in its zone, from start on, up to a moment.
func (p *pattern) slots(start, before time.Time) []time.Time {
	var out []time.Time
	for period := 0; ; period++ {
		first, days := p.period(start, period)
		if !first.Before(before) {
			return out
		}
		for _, day := range days {
			switch {
			case day.Before(start):
				continue
			case !p.until.IsZero() && day.After(p.until), !day.Before(before), p.count > 0 && len(out) == p.count:
				return out
			}
			out = append(out, day)
		}
	}
}

// period lists the days of the n-th day, week, month or year that counts, and when it begins.
func (p *pattern) period(start time.Time, n int) (time.Time, []time.Time) {
	at := func(year int, month time.Month, day int) time.Time {
		return time.Date(year, month, day, start.Hour(), start.Minute(), start.Second(), 0, start.Location())
	}
	year, month, day := start.Date()
	n *= p.interval
	switch p.freq {
	case "DAILY":
		d := at(year, month, day+n)
		return d, []time.Time{d}
	case "WEEKLY":
		first := day - (int(start.Weekday())-int(p.weekStart)+7)%7 + 7*n
		var out []time.Time
		for i := range 7 {
			if d := at(year, month, first+i); slices.Contains(p.days, d.Weekday()) {
				out = append(out, d)
			}
		}
		return at(year, month, first), out
	case "YEARLY":
		year, month, n = year+n, time.Month(p.month), 0
	}
	first := at(year, month+time.Month(n), 1)
	if d := p.dayOf(first); d > 0 {
		return first, []time.Time{at(first.Year(), first.Month(), d)}
	}
	return first, nil
}

// dayOf is the one day of a month, 0 when it has none.
func (p *pattern) dayOf(first time.Time) int {
	last := first.AddDate(0, 1, -1).Day()
	if p.monthDay == 31 {
		return last
	}
	if p.monthDay > last {
		return 0
	}
	if p.monthDay > 0 {
		return p.monthDay
	}
	var days []int
	for d := 1; d <= last; d++ {
		if slices.Contains(p.days, first.AddDate(0, 0, d-1).Weekday()) {
			days = append(days, d)
		}
	}
	if p.nth < 0 {
		return days[len(days)-1]
	}
	return days[p.nth-1] // every set of days occurs four times a month at least
}
