package series

import (
	"slices"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// Bounds of the work that one rule may cause.
const (
	maxSteps    = 400_000   // occurrences of one rule that are walked through, from the first on: daily since the year 1604, hourly for 45 years
	maxSet      = 50_000    // occurrences that one period of a rule may have
	maxHour     = 60        // occurrences that an hour of an hourly rule may have
	maxInterval = 1_000_000 // periods between two occurrences
)

// rule is one RRULE or EXRULE. The package rrule computes it, in wall time.
type rule struct {
	opt   rrule.ROption
	start time.Time      // the wall time of DTSTART
	zone  *time.Location // of DTSTART; nil for dates
	until *instant       // UNTIL, nil without
	utc   bool           // UNTIL was written in UTC
}

// parseRule reads the value of an RRULE (RFC 5545 section 3.3.10) and refuses what the package rrule is known to compute
// otherwise than the RFC, or without end.
func parseRule(value string, start time.Time, zone *time.Location) (rule, error) {
	r := rule{start: start, zone: zone}
	var parts []string
	for part := range strings.SplitSeq(strings.ToUpper(value), ";") {
		key, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case key == "" && v == "": // a semicolon at the end, as several programs write it
			continue
		case key == "UNTIL":
			in := zone
			if in == nil {
				in = time.UTC
			}
			until, err := parseInstant(v, in)
			if err != nil {
				return r, wrap(ErrUnreadable, "UNTIL is no date or time")
			}
			r.until, r.utc = &until, strings.HasSuffix(v, "Z")
			continue
		case key == "DTSTART", key == "BYEASTER":
			return r, wrap(ErrUnreadable, "RFC 5545 knows no %s in a rule", key)
		case (key == "COUNT" || key == "INTERVAL") && (strings.Trim(v, "0123456789") != "" || strings.Trim(v, "0") == ""):
			return r, wrap(ErrUnreadable, "%s is no number above zero", key)
		}
		parts = append(parts, strings.TrimSpace(part))
	}
	opt, err := rrule.StrToROption(strings.Join(parts, ";"))
	if err != nil {
		return r, wrap(ErrUnreadable, "a rule is not one of RFC 5545")
	}
	r.opt = *opt
	if err := r.check(); err != nil {
		return r, err
	}
	r.opt.Dtstart = r.start.AddDate(r.shift(), 0, 0)
	if _, err := rrule.NewRRule(r.opt); err != nil {
		return r, wrap(ErrUnreadable, "a part of a rule is out of its bounds")
	}
	return r, nil
}

// check refuses what would not be exact or not end, and brings the rest into the form that the package rrule computes
// as the RFC means it.
func (r *rule) check() error {
	o := &r.opt
	if o.Freq == rrule.MINUTELY || o.Freq == rrule.SECONDLY {
		return wrap(ErrTooMany, "it recurs by the minute or second")
	}
	if o.Interval > maxInterval {
		return wrap(ErrUnreadable, "INTERVAL is too large")
	}
	for _, list := range []*[]int{
		&o.Bysetpos, &o.Bymonth, &o.Bymonthday, &o.Byyearday, &o.Byweekno, &o.Byhour, &o.Byminute, &o.Bysecond,
	} { // a value given twice would count twice
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	if slices.ContainsFunc(o.Byweekno, func(n int) bool { return n < 1 || n > 51 }) {
		// The weeks across New Year come out differently in each implementation, rrule included.
		return wrap(ErrUnsupported, "BYWEEKNO names a week at the year's end")
	}
	if len(o.Byweekno) > 0 && o.Freq != rrule.YEARLY {
		return wrap(ErrUnreadable, "BYWEEKNO belongs to FREQ=YEARLY")
	}
	if o.Freq == rrule.HOURLY {
		if len(o.Bysetpos) > 0 {
			return wrap(ErrUnsupported, "BYSETPOS within an hour")
		}
		if len(o.Byhour) > 0 && !r.reachesHour() {
			return wrap(ErrNever, "no step of INTERVAL meets BYHOUR")
		}
	}
	if err := r.checkDays(); err != nil {
		return err
	}
	if o.Freq == rrule.HOURLY && max(len(o.Byminute), 1)*max(len(o.Bysecond), 1) > maxHour {
		return wrap(ErrTooMany, "a rule has more than %d occurrences in one hour", maxHour)
	}
	days := map[rrule.Frequency]int{rrule.YEARLY: 366, rrule.MONTHLY: 31, rrule.WEEKLY: 7}[o.Freq]
	if max(days, 1)*max(len(o.Byhour), 1)*max(len(o.Byminute), 1)*max(len(o.Bysecond), 1) > maxSet {
		return wrap(ErrTooMany, "a rule has more than %d occurrences in one period", maxSet)
	}
	if r.zone == nil && (o.Freq == rrule.HOURLY || len(o.Byhour)+len(o.Byminute)+len(o.Bysecond) > 0) {
		return wrap(ErrUnreadable, "a rule of dates has hours")
	}
	return nil
}

// checkDays looks at BYDAY: "2TU" counts within a month, or within a year without BYMONTH.
func (r *rule) checkDays() error {
	o := &r.opt
	most := 0
	switch {
	case o.Freq == rrule.MONTHLY, o.Freq == rrule.YEARLY && len(o.Bymonth) > 0:
		most = 5
	case o.Freq == rrule.YEARLY && len(o.Byweekno) == 0:
		most = 53
	}
	var plain, counted []rrule.Weekday
	for _, d := range o.Byweekday {
		switch n := d.N(); {
		case n == 0 && !slices.Contains(plain, d):
			plain = append(plain, d)
		case n > most || -n > most:
			return wrap(ErrUnreadable, "BYDAY counts to where there is no day")
		case n != 0 && !slices.Contains(counted, d):
			counted = append(counted, d)
		}
	}
	if len(counted) > 0 { // rrule takes "MO,2TU" as both at once; the RFC means either
		for _, d := range plain {
			for n := 1; n <= most; n++ {
				counted = append(counted, d.Nth(n))
			}
		}
		plain = nil
	}
	o.Byweekday = slices.Concat(plain, counted)
	if len(o.Byweekno) > 0 && len(o.Byweekday)+len(o.Bymonthday)+len(o.Byyearday) == 0 {
		// What a rule leaves open comes from DTSTART; rrule takes the whole week.
		week := []rrule.Weekday{rrule.SU, rrule.MO, rrule.TU, rrule.WE, rrule.TH, rrule.FR, rrule.SA}
		o.Byweekday = []rrule.Weekday{week[r.start.Weekday()]}
	}
	return nil
}

// reachesHour reports whether steps of INTERVAL hours from DTSTART ever meet an hour of BYHOUR; rrule would look for ever.
func (r *rule) reachesHour() bool {
	hour := r.start.Hour()
	for range 24 {
		if slices.Contains(r.opt.Byhour, hour) {
			return true
		}
		hour = (hour + max(r.opt.Interval, 1)) % 24
	}
	return false
}

// shift is by how many years a rule is moved before it is computed. The package rrule gives up in the year 9999, after
// seconds of looking for a 30 February. The calendar repeats itself every 400 years to the weekday, so a rule that begins
// in one of the years 9000 to 9399 has the same occurrences, and an end in sight, 600 years on or later.
func (r *rule) shift() int {
	return (9000 - r.start.Year() + 399) / 400 * 400
}

// endOfTime is where the package rrule ends.
var endOfTime = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// each calls yield with every occurrence's wall time (dates: midnight), in order, up to the wall time "to"; those around
// UNTIL are for in to decide. Errors: ErrTooMany, ErrNever.
func (r *rule) each(to time.Time, yield func(wall time.Time)) (err error) {
	defer func() { // a rule is what somebody else wrote: whatever rrule makes of it, this one series is parked
		if recover() != nil {
			err = wrap(ErrUnsupported, "a rule cannot be computed")
		}
	}()
	last := to
	if r.until != nil {
		// A day more, since the wall time of an instant is not exact where clocks change; in decides.
		if end := floating(r.until.at).AddDate(0, 0, 2); end.Before(last) {
			last = end
		}
	}
	years := r.shift()
	opt := r.opt
	if opt.Freq == rrule.HOURLY { // whether it has a day at all is found out sooner day by day
		days := opt
		days.Freq, days.Interval, days.Count, days.Byhour, days.Byminute, days.Bysecond = rrule.DAILY, 1, 1, nil, nil, nil
		days.Until = endOfTime
		if probe, err := rrule.NewRRule(days); err != nil {
			return wrap(ErrUnreadable, "a part of a rule is out of its bounds")
		} else if _, ok := probe.Iterator()(); !ok {
			return ErrNever
		}
	}
	opt.Until = last.AddDate(years, 0, 0)
	compiled, err := rrule.NewRRule(opt)
	if err != nil {
		return wrap(ErrUnreadable, "a part of a rule is out of its bounds")
	}
	next, steps := compiled.Iterator(), 0
	for t, ok := next(); ok; t, ok = next() {
		if steps++; steps > maxSteps {
			return wrap(ErrTooMany, "more than %d up to the end of the period", maxSteps)
		}
		yield(t.AddDate(-years, 0, 0))
	}
	if steps > 0 {
		return nil
	}
	opt.Until, opt.Count = endOfTime, 1
	if compiled, err = rrule.NewRRule(opt); err != nil {
		return wrap(ErrUnreadable, "a part of a rule is out of its bounds")
	}
	if _, ok := compiled.Iterator()(); !ok {
		return ErrNever
	}
	return nil
}

// in reports whether an occurrence is not after UNTIL. RFC 5545 wants UNTIL to be a date exactly where DTSTART is one, and
// UTC exactly where DTSTART has a zone. Where programs wrote it otherwise: a date means that whole day, in the zone of the
// series; a time at a series of dates means its date as written; a time without a zone is in the zone of the series.
func (r *rule) in(wall, at time.Time) bool {
	switch u := r.until; {
	case u == nil:
		return true
	case r.zone == nil:
		return !wall.After(floating(u.at).Truncate(24 * time.Hour))
	case u.date:
		return wall.Before(u.at.AddDate(0, 0, 1))
	case r.utc:
		return !at.After(u.at)
	default:
		return !wall.After(floating(u.at))
	}
}
