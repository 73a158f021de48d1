package salesforce

import (
	"math"
	"time"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/record"
)

const (
	day           = 24 * time.Hour
	minutesOfADay = 24 * 60
)

// dateTime is how a dateTime is sent. Source: REST API Developer Guide, "Valid Date and DateTime Formats".
const dateTime = "2006-01-02T15:04:05.000Z"

// spanOf reads when an event takes place. Salesforce knows instants only, so times are in UTC.
//
// Of an all-day event, StartDateTime and EndDateTime are midnight UTC of the first and of the last day, and have nothing to
// do with any zone; the canonical end is the day after. Either of EndDateTime and DurationInMinutes may be missing.
// Source: Object Reference, Event, fields ActivityDate, DurationInMinutes, EndDateTime, IsAllDayEvent, StartDateTime.
func spanOf(values map[string]any) (record.Span, error) {
	allDay, _ := values["IsAllDayEvent"].(bool)
	start, err := instantOf(values, "StartDateTime")
	if err != nil {
		return record.Span{}, err
	}
	if start.IsZero() {
		if start, err = instantOf(values, "ActivityDateTime"); err != nil {
			return record.Span{}, err
		}
	}
	if start.IsZero() && allDay {
		date, _ := text(values["ActivityDate"])
		start, _ = time.Parse(time.DateOnly, date)
	}
	if start.IsZero() {
		return record.Span{}, errRow{"StartDateTime", "is missing"}
	}
	end, err := instantOf(values, "EndDateTime")
	if err != nil {
		return record.Span{}, err
	}
	minutes, counted := values["DurationInMinutes"].(float64)
	if minutes < 0 || minutes > 1e6 {
		return record.Span{}, errRow{"DurationInMinutes", "is no length of an event"}
	}
	if allDay {
		start = midnight(start)
		switch {
		case !end.IsZero():
			end = midnight(end).Add(day)
		default: // a day where nothing is said, else the days that the minutes fill or begin
			end = start.AddDate(0, 0, max(1, int(math.Ceil(minutes/minutesOfADay))))
		}
	} else if end.IsZero() {
		if !counted {
			return record.Span{}, errRow{"EndDateTime", "is missing"}
		}
		end = start.Add(time.Duration(minutes) * time.Minute)
	}
	if end.Before(start) {
		return record.Span{}, errRow{"EndDateTime", "is before StartDateTime"}
	}
	return record.Span{Start: record.Moment{At: start, Date: allDay}, End: record.Moment{At: end, Date: allDay}}, nil
}

// instantOf reads a dateTime, the zero time where there is none.
func instantOf(values map[string]any, name string) (time.Time, error) {
	s, bad := text(values[name])
	if bad {
		return time.Time{}, errRow{name, "is not text"}
	}
	if s == "" {
		return time.Time{}, nil
	}
	t, ok := parseStamp(s)
	if !ok || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, errRow{name, "is not a time"}
	}
	return t, nil
}

func midnight(t time.Time) time.Time {
	y, m, d := t.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

func decodeTime(r row) (string, error) {
	read := seriesTime
	if !isSeries(r) {
		read = func(r row) (record.Span, error) { return spanOf(r.values) }
	}
	span, err := read(r)
	if err != nil {
		return "", err
	}
	if _, err := record.ParseSpan(span.String()); err != nil { // the end of the last day of 9999 is one
		return "", errRow{"EndDateTime", "lies outside of the calendar"}
	}
	return span.String(), nil
}

// encodeTime sets every field that says when an event takes place, so that an event turns from timed to all-day and back
// with nothing left over. DurationInMinutes must agree with EndDateTime, so it is sent where minutes say it exactly;
// ActivityDate of a timed event is the vendor's to derive.
func encodeTime(w *writing, _ connector.Op, v string, row map[string]any) *refusal {
	if v == "" {
		return &refusal{connector.Park, "time_required"}
	}
	span, err := record.ParseSpan(v)
	if err != nil {
		return &refusal{connector.Park, "time_unreadable"}
	}
	start, end, length := span.Start.At.UTC(), span.End.At.UTC(), span.Length()
	if span.AllDay() {
		length = max(length, day) // an empty span of dates is its one day
		end = start.Add(length - day)
	}
	set := func(name string, v any) {
		if f := w.d.byName[name]; f != nil && f.Createable && f.Updateable {
			row[name] = v
		}
	}
	row["StartDateTime"], row["EndDateTime"] = start.Format(dateTime), end.Format(dateTime)
	row["IsAllDayEvent"] = span.AllDay()
	if span.AllDay() {
		set("ActivityDate", start.Format(time.DateOnly))
	}
	if length%time.Minute == 0 {
		set("DurationInMinutes", int(length/time.Minute))
	}
	return nil
}

// showAs pairs the vendor's values with ours. Source: Object Reference, Event, ShowAs.
var showAs = map[string]string{"Busy": record.ShowBusy, "Free": record.ShowFree, "OutOfOffice": record.ShowOutOfOffice}

// decodeShowAs takes a value that is not the vendor's own for busy, as a calendar does that has something there.
func decodeShowAs(r row) (string, error) {
	v, bad := text(r.values["ShowAs"])
	switch ours, known := showAs[v]; {
	case bad:
		return "", errRow{"ShowAs", "is not text"}
	case known || v == "":
		return ours, nil
	}
	return record.ShowBusy, nil
}

func encodeShowAs(_ *writing, _ connector.Op, v string, row map[string]any) *refusal {
	row["ShowAs"] = nil
	for theirs, ours := range showAs {
		if ours == v {
			row["ShowAs"] = theirs
			return nil
		}
	}
	if v != "" {
		return &refusal{connector.Park, "show_as_unknown"}
	}
	return nil
}

func decodePrivacy(r row) (string, error) {
	switch v := r.values["IsPrivate"].(type) {
	case nil:
		return "", nil
	case bool:
		if v {
			return record.PrivacyPrivate, nil
		}
		return "", nil
	}
	return "", errRow{"IsPrivate", "is not a boolean"}
}

// encodePrivacy: Salesforce has one degree of privacy, so a confidential event reads back as a private one.
func encodePrivacy(_ *writing, _ connector.Op, v string, row map[string]any) *refusal {
	row["IsPrivate"] = v != ""
	return nil
}
