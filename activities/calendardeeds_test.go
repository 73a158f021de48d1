package activities_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/series"
)

// wall is a time in the office's zone, from five days ago to some weeks ahead; also at hours that changes of the clocks
// skip and repeat.
func (o *office) wall(a, b int) time.Time {
	hours := [][2]int{{9, 0}, {0, 30}, {2, 15}, {23, 45}, {1, 30}, {0, 0}, {2, 30}}
	at := hours[b%len(hours)]
	return series.Local(time.Date(o.today.Year(), o.today.Month(), o.today.Day()-5+a%30, at[0], at[1], 0, 0, time.UTC), o.zone)
}

// newEvent is an event of random length, every third one all day.
func (o *office) newEvent(a, b int) fields {
	start := o.wall(a, b)
	e := fields{"summary": fmt.Sprintf("Event %d-%d", a, b)}
	if b%3 == 2 {
		first := time.Date(o.today.Year(), o.today.Month(), o.today.Day()-5+a%30, 0, 0, 0, 0, time.UTC) // a date, also one that a zone left out
		e["start"], e["end"] = onDate(first), onDate(first.AddDate(0, 0, 1+b%2))
		return e
	}
	lengths := []time.Duration{time.Hour, 30 * time.Minute, 0, 26 * time.Hour, 45 * time.Minute}
	e["start"], e["end"] = at(start), at(start.Add(lengths[b%len(lengths)]))
	return e
}

// rule is a recurrence that fits an event.
func (o *office) rule(e fields, c int) []any {
	allDay, until, except := e["start"].(fields)["date"] != nil, o.startOf(e).AddDate(0, 0, c%25), o.startOf(e).AddDate(0, 0, c%6)
	last, gone := until.UTC().Format("20060102T150405Z"), "EXDATE;TZID="+o.zone.String()+":"+except.Format("20060102T150405")
	if allDay {
		last, gone = until.Format("20060102"), "EXDATE;VALUE=DATE:"+except.Format("20060102")
	}
	rules := []string{
		fmt.Sprintf("FREQ=DAILY;COUNT=%d", 2+c%9), fmt.Sprintf("FREQ=WEEKLY;COUNT=%d", 2+c%5), "FREQ=DAILY;INTERVAL=2;UNTIL=" + last,
		"FREQ=WEEKLY;BYDAY=MO,TH", "FREQ=MONTHLY;BYMONTHDAY=13,29,-1", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,FR;WKST=SU", "FREQ=MONTHLY;BYDAY=-1FR,2TU;COUNT=6",
	}
	out := []any{"RRULE:" + rules[c%len(rules)]}
	if c%2 == 1 {
		out = append(out, gone)
	}
	return out
}

// startOf is when an event of Google's begins, of an all-day event midnight.
func (o *office) startOf(e fields) time.Time { return o.moment(e["start"]) }

func (o *office) moment(v any) time.Time {
	o.t.Helper()
	m := v.(fields)
	if d, ok := m["date"].(string); ok {
		t, err := time.Parse(time.DateOnly, d)
		require.NoError(o.t, err)
		return t
	}
	t, err := time.Parse(time.RFC3339, m["dateTime"].(string))
	require.NoError(o.t, err)
	return t.In(o.zone)
}

// shifts are by how much people move events: hours, days.
var shifts = [][2]int{{1, 0}, {-3, 0}, {0, 1}, {0, -2}, {5, 3}, {0, 7}, {0, 40}, {-1, -1}}

// times are an event's start and end after a move. Days keep the wall time.
func (o *office) times(e fields, c int) fields {
	shift := shifts[c%len(shifts)]
	start, end := o.startOf(e), o.moment(e["end"])
	if e["start"].(fields)["date"] != nil {
		days := shift[0] + shift[1]
		return fields{"start": onDate(start.AddDate(0, 0, days)), "end": onDate(end.AddDate(0, 0, days))}
	}
	// By the clocks there. Nothing is put into the second of two equal hours: a series that begins there is parked.
	to := series.Local(time.Date(start.Year(), start.Month(), start.Day()+shift[1], start.Hour()+shift[0], start.Minute(), 0, 0, time.UTC), o.zone)
	return fields{"start": at(to), "end": at(to.Add(end.Sub(start)))}
}

// other turns an all-day event into a timed one and a timed one into an all-day one.
func (o *office) other(e fields) fields {
	start := o.startOf(e)
	if e["start"].(fields)["date"] != nil {
		from := time.Date(start.Year(), start.Month(), start.Day(), 10, 0, 0, 0, o.zone)
		return fields{"start": also(at(from), fields{"date": nil}), "end": also(at(from.Add(time.Hour)), fields{"date": nil})}
	}
	none := fields{"dateTime": nil, "timeZone": nil}
	first := time.Date(start.Year(), start.Month(), start.Day(), 0, 0, 0, 0, time.UTC)
	return fields{"start": also(onDate(first), none), "end": also(onDate(first.AddDate(0, 0, 1)), none)}
}

// changeEvent edits one occurrence, or a single event, in the mailbox.
func (o *office) changeEvent(e fields, b, c int) {
	o.t.Helper()
	id := e["id"].(string)
	var change fields
	switch b % 5 {
	case 0:
		change = fields{"summary": fmt.Sprint("Renamed ", c)}
	case 1, 2:
		change = o.times(e, c)
	case 3:
		change = o.other(e)
	default:
		o.note("mailbox", "delete %s %v", id, e["start"])
		o.deleteEvent("alice", id)
		return
	}
	o.note("mailbox", "change %s %v: %v", id, e["start"], change)
	o.editEvent("alice", id, change)
}

// changeRow edits an event in the CRM.
func (o *office) changeRow(row fields, b, c int) {
	o.t.Helper()
	id, was := row["Id"].(string), instantOf(o.t, row)
	var change fields
	switch b % 4 {
	case 0:
		change = fields{"Subject": fmt.Sprint("CRM renamed ", c)}
	case 1, 2:
		shift := shifts[c%len(shifts)]
		by := time.Duration(24*shift[1]+shift[0]) * time.Hour
		if was.Date {
			by = time.Duration(shift[1]+shift[0]) * 24 * time.Hour
			was.End = was.End.AddDate(0, 0, -1)
		}
		change = fields{"StartDateTime": was.Start.Add(by).Format(time.RFC3339), "EndDateTime": was.End.Add(by).Format(time.RFC3339)}
	default:
		o.note("crm", "CRM deletes %s %s", id, was)
		o.deleteCRMEvent("alice", id)
		return
	}
	o.note("crm", "CRM changes %s %s: %v", id, was, change)
	o.editCRMEvent("alice", id, change)
}

// changeSeries edits a series as a whole.
func (o *office) changeSeries(e fields, b, c int) {
	o.t.Helper()
	id := e["id"].(string)
	var change fields
	switch b % 8 {
	case 0:
		change = fields{"summary": fmt.Sprint("All renamed ", c)}
	case 1, 2:
		change = o.times(e, c)
	case 3:
		change = fields{"recurrence": o.rule(e, c)}
	case 4:
		out := o.startOf(e).AddDate(0, 0, c%8).Format("20060102T150405")
		line := "EXDATE;TZID=" + o.zone.String() + ":" + out
		if e["start"].(fields)["date"] != nil {
			line = "EXDATE;VALUE=DATE:" + out[:8]
		}
		change = fields{"recurrence": append(e["recurrence"].([]any), line)}
	case 5:
		change = fields{"recurrence": nil}
	case 6:
		change = o.other(e)
		change["recurrence"] = o.rule(change, c)
	default:
		o.note("mailbox", "delete series %s", id)
		o.deleteEvent("alice", id)
		return
	}
	if ended(also(e, change)) {
		return
	}
	o.note("mailbox", "change series %s %v: %v", id, e["start"], change)
	o.editEvent("alice", id, change)
}

// ended reports whether a rule of a series ends before the series begins, of which programs, and Google's own doors, make
// different things: nothing, one event, or an error.
func ended(e fields) bool {
	start := e["start"].(fields)
	first := fmt.Sprint(start["date"])
	if t, err := time.Parse(time.RFC3339, fmt.Sprint(start["dateTime"])); err == nil {
		first = t.UTC().Format("20060102T150405Z")
	}
	lines, _ := e["recurrence"].([]any)
	for _, line := range lines {
		if _, until, ok := strings.Cut(fmt.Sprint(line), "UNTIL="); ok {
			until, _, _ = strings.Cut(until, ";")
			return until < strings.ReplaceAll(first, "-", "")
		}
	}
	return false
}

// split changes "this and following events".
func (o *office) split(e fields, b, c int) {
	o.t.Helper()
	id := e["id"].(string)
	all, err := o.box.Google.Calendar(address("alice")).Instances(id, map[string][]string{"timeMax": {o.to.Format(time.RFC3339)}})
	require.NoError(o.t, err)
	if len(all) < 2 {
		return
	}
	at := o.moment(all[1+b%(len(all)-1)]["originalStartTime"])
	change := fields{"summary": fmt.Sprint("From now on ", c)}
	if c%3 == 0 {
		change = nil
	}
	o.note("mailbox", "split %s at %s: %v", id, at, change)
	o.clock.Advance(time.Second)
	_, err = o.box.Google.SplitSeries(address("alice"), id, at, change)
	require.NoError(o.t, err)
}
