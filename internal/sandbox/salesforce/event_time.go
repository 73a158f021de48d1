package salesforce

import (
	"fmt"
	"time"
)

// maxEvent is the longest event, in minutes: 14 days. (Object Reference, "Event", "Multiday Events".)
const maxEvent = 14 * dayMinutes

const dayMinutes = 24 * 60

// timing is when an event takes place. Of an all-day event, start is midnight UTC of the first day and end, as the
// vendor shows it, midnight UTC of the last one: a day that belongs to it.
type timing struct {
	allDay     bool
	start, end time.Time
	minutes    int
}

// eventTiming finds out from what the caller gave, and for the rest from what the event was, when it is to take place.
//
// StartDateTime, ActivityDateTime and ActivityDate name the same moment and must agree; EndDateTime and
// DurationInMinutes too. One of the latter is required, except of an all-day event, which lasts a day. An update that
// names the start alone moves the event, one that names the end alone makes it longer or shorter. (Object Reference,
// "Event", the fields named; that an update keeps the length is from memory.)
func eventTiming(c *change) (timing, *Error) {
	t := timing{allDay: c.values["IsAllDayEvent"] == true}
	start, err := eventStart(c, t.allDay)
	if err != nil {
		return t, err
	}
	t.start = start
	end, minutes, fault := c.given["EndDateTime"], c.given["DurationInMinutes"], "EndDateTime"
	if minutes != nil {
		fault = "DurationInMinutes" // where errors appear since version 39.0
	}
	if end == nil && minutes == nil {
		if minutes, err = eventLength(c, t.allDay); err != nil {
			return t, err
		}
	}
	if n, ok := minutes.(float64); ok {
		t.minutes = int(n)
	}
	if at, ok := end.(time.Time); ok {
		length := t.until(at)
		if minutes != nil && length != t.minutes {
			return t, failFields("FIELD_INTEGRITY_EXCEPTION", "Duration and End Date Time do not add up to the same amount of time: Duration", fault)
		}
		t.minutes = length
		t.end = at
	}
	switch {
	case t.minutes < 0 || t.minutes > maxEvent:
		return t, failFields("FIELD_INTEGRITY_EXCEPTION", fmt.Sprintf("Duration must be between 0 and %d minutes: Duration", maxEvent), fault)
	case t.allDay && (t.minutes%dayMinutes != 0 || t.minutes == 0):
		return t, failFields("FIELD_INTEGRITY_EXCEPTION", "Duration of an all-day event must be a multiple of 1440 minutes: Duration", fault)
	}
	return t.closed(), nil
}

// until is the length in minutes of an event that shows this end.
func (t timing) until(end time.Time) int {
	if t.allDay {
		return int(midnight(end).Sub(t.start)/time.Minute) + dayMinutes
	}
	return int(end.Sub(t.start) / time.Minute)
}

// closed returns the timing with the end that its start and length make.
func (t timing) closed() timing {
	if t.allDay {
		t.end = t.start.AddDate(0, 0, t.minutes/dayMinutes-1)
	} else if t.end.IsZero() || t.until(t.end) != t.minutes {
		t.end = t.start.Add(time.Duration(t.minutes) * time.Minute)
	}
	return t
}

// eventStart reads the start from whichever field names it.
func eventStart(c *change, allDay bool) (time.Time, *Error) {
	at := func(t time.Time) time.Time {
		if allDay {
			return midnight(t)
		}
		return t
	}
	start, named := c.given["StartDateTime"].(time.Time)
	due, dueNamed := c.given["ActivityDateTime"].(time.Time)
	day, dayNamed := c.given["ActivityDate"].(string)
	if !named {
		switch {
		case dueNamed:
			start, named = due, true
		case dayNamed && allDay:
			start, _ = time.Parse(dateLayout, day)
			named = true
		}
	}
	if !named && c.before != nil {
		_, emptied := c.given["StartDateTime"]
		start, named = instant(c.before.values, "StartDateTime"), !emptied
	}
	switch {
	case !named || start.IsZero():
		return start, failFields("REQUIRED_FIELD_MISSING", "Required fields are missing: [StartDateTime]", "StartDateTime")
	case dueNamed && !at(due).Equal(at(start)):
		return start, failFields("FIELD_INTEGRITY_EXCEPTION", "Due Date Time and Start Date Time must match: Due Date Time", "ActivityDateTime")
	case dayNamed && day != start.Format(dateLayout):
		return start, failFields("FIELD_INTEGRITY_EXCEPTION", "Due Date Only and Start Date Time must match: Due Date Only", "ActivityDate")
	}
	return at(start), nil
}

// eventLength is the length of an event for which the caller gave neither end nor duration: what it was, or a day for an
// all-day event that is new.
func eventLength(c *change, allDay bool) (any, *Error) {
	_, endGiven := c.given["EndDateTime"]
	_, lengthGiven := c.given["DurationInMinutes"]
	if c.before != nil && !(endGiven && lengthGiven) {
		n, _ := c.before.values["DurationInMinutes"].(float64)
		if allDay && c.before.values["IsAllDayEvent"] != true { // its days are those that it touched
			first, last := midnight(instant(c.before.values, "StartDateTime")), midnight(instant(c.before.values, "EndDateTime"))
			n = float64(last.Sub(first)/time.Minute) + dayMinutes
		}
		return n, nil
	}
	if allDay {
		return float64(dayMinutes), nil
	}
	return nil, failFields("REQUIRED_FIELD_MISSING", "Required fields are missing: [EndDateTime]", "EndDateTime")
}

// store writes the timing into every field that shows it.
func (t timing) store(values map[string]any) {
	values["IsAllDayEvent"] = t.allDay
	values["StartDateTime"], values["ActivityDateTime"], values["ActivityDate"] = t.start, t.start, t.start.Format(dateLayout)
	values["EndDateTime"], values["DurationInMinutes"] = t.end, float64(t.minutes)
}

// timingOf reads the timing of a stored event.
func timingOf(values map[string]any) timing {
	n, _ := values["DurationInMinutes"].(float64)
	return timing{allDay: values["IsAllDayEvent"] == true, start: instant(values, "StartDateTime"), end: instant(values, "EndDateTime"), minutes: int(n)}
}

func instant(values map[string]any, field string) time.Time {
	t, _ := values[field].(time.Time)
	return t
}

func midnight(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
