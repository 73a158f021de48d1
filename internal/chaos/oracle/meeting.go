package oracle

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/chaos/scenario"
)

// meeting is what the oracle knows of one meeting of one org: one unit, or of a series one for each occurrence. What is linked is
// one occurrence with one record, so each unit has states of its own.
type meeting struct {
	name      string
	recurs    bool
	organiser int   // the rep who made it
	guests    []int // reps who were invited: their copies are their vendor's matter, and never speak
	elsewhere uint  // a bit for each guest who moved the own copy: what it is a copy of cannot be told by its time any more
	first     int   // of a series: when the first occurrence was laid out to be, in minutes after the story's start
	step      []int // minutes from the first occurrence to each
	length    int   // of the series itself
	units     []*item
	wild      string // why the meeting is not judged any more
	moved     bool   // the series was laid out anew over occurrences of their own: numbers do not tell them any more
}

// why tells why the meeting is not judged any more, "" while it is.
func (m *meeting) why() string {
	for _, it := range m.units {
		if m.wild == "" && it.wild != "" {
			m.giveUp(it.wild)
		}
	}
	return m.wild
}

func (m *meeting) giveUp(why string) {
	m.wild = why
	for _, it := range m.units {
		it.giveUp(why)
	}
}

// occasions are the rules of a policy that only meetings have.
type occasions struct {
	skipPrivate, busy bool
	skipped           bool // series are left out, and this is one
	busyName          word // the subject of a copy that tells nothing
	began, now        time.Time
	past, future      time.Duration
}

func (o *Oracle) occasions(p scenario.Policy, m *meeting) *occasions {
	days := func(n, otherwise int) time.Duration {
		if n <= 0 || p.Past <= 0 && p.Future <= 0 {
			n = otherwise
		}
		return time.Duration(n) * day
	}
	return &occasions{
		skipPrivate: p.Private == "" || p.Private == "skip", busy: p.Private == "busy", skipped: p.NoSeries && m.recurs, busyName: o.words.of(busyName),
		began: o.start, now: o.now, past: days(p.Past, 30), future: days(p.Future, 365),
	}
}

// span reads what a timing field holds: minutes from the story's start, and the length.
func span(timing string) (start, length int) {
	a, b, _ := strings.Cut(timing, "/")
	start, _ = strconv.Atoi(a)
	length, _ = strconv.Atoi(b)
	return start, length
}

func timed(start, length int) string { return fmt.Sprint(start, "/", length) }

// window tells whether a time is inside the window that counts while a meeting has no link, and whether that is sure: what
// enters as time passes is seen within a day.
func (x *occasions) window(timing string) (in, sure bool) {
	if x == nil {
		return true, true
	}
	start, length := span(timing)
	begins := x.began.Add(time.Duration(start) * time.Minute)
	ends := begins.Add(time.Duration(length) * time.Minute)
	at := func(now time.Time) bool { return ends.After(now.Add(-x.past)) && begins.Before(now.Add(x.future)) }
	in = at(x.now)
	return in, in == at(x.now.Add(-25*time.Hour)) && in == at(x.now.Add(time.Hour))
}

// secret reports whether a copy is private, and the other side is to show that the time is taken, and nothing else.
func (x *occasions) secret(c copied) bool {
	return x != nil && x.busy && c.there && c.v[private] != 0 && c.v[subject] != x.busyName
}

// number reads minutes that a step gives.
func number(text string, otherwise int) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return otherwise
	}
	return n
}

// setMeeting returns a meeting's values with those that a step sets.
func (o *Oracle) setMeeting(it *item, v values, set map[string]string) values {
	if text, ok := set["subject"]; ok || v[subject] == 0 {
		v[subject] = o.words.of(strings.TrimSpace(it.of.name + " " + text))
	}
	for f, name := range map[int]string{1: "location", 2: "description"} {
		if text, ok := set[name]; ok {
			v[f] = o.words.of(text)
		}
	}
	if text, ok := set["private"]; ok {
		v[private] = 0
		if text == "true" {
			v[private] = o.words.of("true")
		}
	}
	start, length := span(o.words.text(v[timing]))
	if v[timing] == 0 {
		length = 30
	}
	if text := set["start"]; text != "" {
		start = number(text, 0)
	}
	if text := set["length"]; text != "" {
		if length = number(text, 30); length <= 0 {
			length = 30
		}
	}
	v[timing] = o.words.of(timed(start, length))
	return v
}

// layOut returns how many minutes after the first each occurrence of a rule begins: daily or weekly ones with a count, in
// the wall time of first. Not ok for any other rule.
func layOut(rule string, first time.Time) (steps []int, ok bool) {
	if rule == "" {
		return []int{0}, true
	}
	part := map[string]string{}
	for p := range strings.SplitSeq(strings.ToUpper(rule), ";") {
		k, v, _ := strings.Cut(p, "=")
		part[k] = v
	}
	count, every := number(part["COUNT"], 0), number(part["INTERVAL"], 1)
	days := map[string]int{"DAILY": 1, "WEEKLY": 7}[part["FREQ"]]
	known := 1 + b2i(part["COUNT"] != "") + b2i(part["INTERVAL"] != "") + b2i(part["BYDAY"] != "")
	if count <= 0 || count > 60 || every <= 0 || days == 0 || len(part) != known {
		return nil, false
	}
	byDay := map[time.Weekday]bool{first.Weekday(): true}
	if list := part["BYDAY"]; list != "" {
		at := []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}
		byDay = map[time.Weekday]bool{}
		for d := range strings.SplitSeq(list, ",") {
			i := slices.Index(at, d)
			if i < 0 || days != 7 {
				return nil, false
			}
			byDay[time.Weekday(i)] = true
		}
		if !byDay[first.Weekday()] {
			return nil, false // the first occurrence stands beside its rule
		}
	}
	monday := (int(first.Weekday()) + 6) % 7 // days since the week's start
	for d := 0; len(steps) < count && d < 7*60*every*days; d++ {
		switch {
		case days == 1 && d%every == 0, days == 7 && (monday+d)/7%every == 0 && byDay[first.AddDate(0, 0, d).Weekday()]:
			steps = append(steps, int(first.AddDate(0, 0, d).Sub(first)/time.Minute))
		}
	}
	return steps, true
}
