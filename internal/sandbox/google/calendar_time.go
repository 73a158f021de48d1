package google

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // calendars need zones, and not every machine has them
)

// doc is a JSON object. Events are kept as such: the API's patches, which merge objects and let null clear a field, and
// its answers, which leave out what is not set, are operations on JSON and not on Go structs.
type doc = map[string]any

// text is a string property, "" when it is none.
func text(d doc, name string) string { s, _ := d[name].(string); return s }

// object is an object property, nil when it is none. Reading from nil is safe.
func object(d doc, name string) doc { o, _ := d[name].(doc); return o }

// objects are the objects of a list property.
func objects(d doc, name string) []doc {
	list, _ := d[name].([]any)
	var out []doc
	for _, item := range list {
		if o, ok := item.(doc); ok {
			out = append(out, o)
		}
	}
	return out
}

// rules are the lines of an event's recurrence.
func rules(d doc) []string {
	list, _ := d["recurrence"].([]any)
	var out []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// number is an integer property, 0 when it is none.
func number(d doc, name string) int {
	switch n := d[name].(type) {
	case int:
		return n
	case float64:
		return int(n)
	case json.Number:
		i, _ := n.Int64()
		return int(i)
	}
	return 0
}

// copyDoc copies a JSON value deeply.
func copyDoc[T any](v T) T {
	out, _ := copyAny(v).(T)
	return out
}

// copyAny also turns whole numbers into int, however they came.
func copyAny(v any) any {
	switch x := v.(type) {
	case doc:
		out := make(doc, len(x))
		for k, item := range x {
			out[k] = copyAny(item)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, item := range x {
			out[i] = copyAny(item)
		}
		return out
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return int(n)
		}
	case float64:
		if n := int(x); float64(n) == x {
			return n
		}
	}
	return v
}

// when is a start or an end: an instant in the zone that it was placed in, or, of an all-day event, midnight UTC.
type when struct {
	t    time.Time
	date bool
}

const (
	compactTime = "20060102T150405Z"
	compactDate = "20060102"
)

// key names one occurrence in ids: its original start, in UTC or as a date.
func (w when) key() string {
	if w.date {
		return w.t.Format(compactDate)
	}
	return w.t.UTC().Format(compactTime)
}

// doc is the moment as an EventDateTime.
func (w when) doc() doc {
	if w.date {
		return doc{"date": w.t.Format(time.DateOnly)}
	}
	return doc{"dateTime": w.t.Format(time.RFC3339), "timeZone": w.t.Location().String()}
}

// in is the instant at which the moment falls in a calendar of a zone, which matters to dates.
func (w when) in(zone *time.Location) time.Time {
	if w.date {
		return time.Date(w.t.Year(), w.t.Month(), w.t.Day(), 0, 0, 0, 0, zone)
	}
	return w.t
}

// whenOf reads a stored EventDateTime.
func whenOf(d doc) when {
	if day := text(d, "date"); day != "" {
		t, _ := time.Parse(time.DateOnly, day)
		return when{t, true}
	}
	t, _ := time.Parse(time.RFC3339, text(d, "dateTime"))
	if zone, err := loadZone(text(d, "timeZone")); err == nil {
		t = t.In(zone)
	}
	return when{t: t}
}

func originalOf(d doc) when { return whenOf(object(d, "originalStartTime")) }

// parseWhen reads an EventDateTime that a client sent. what is start or end, zone the calendar's. An event that recurs
// must say its zone. Errors: 400.
func parseWhen(d doc, what string, recurs bool, zone *time.Location) (when, *apiError) {
	day, at, name := text(d, "date"), text(d, "dateTime"), text(d, "timeZone")
	if name != "" {
		var err error
		if zone, err = loadZone(name); err != nil {
			return when{}, calInvalid("Invalid time zone definition for " + what + " time.")
		}
	}
	switch {
	case day == "" && at == "":
		return when{}, calRequired("Missing " + what + " time.")
	case day != "" && at != "":
		return when{}, calInvalid("Invalid " + what + " time.")
	case day != "":
		t, err := time.Parse(time.DateOnly, day)
		if err != nil {
			return when{}, calInvalid("Invalid " + what + " time.")
		}
		return when{t, true}, nil
	case name == "" && recurs:
		return when{}, calRequired("Missing time zone definition for " + what + " time.")
	}
	if t, err := time.Parse(time.RFC3339, at); err == nil {
		return when{t: t.In(zone).Truncate(time.Second)}, nil
	}
	t, err := time.Parse("2006-01-02T15:04:05", at)
	if err != nil {
		return when{}, calInvalid("Invalid " + what + " time.")
	}
	if name == "" {
		return when{}, calRequired("Missing time zone definition for " + what + " time.")
	}
	return when{t: placed(t.Truncate(time.Second), zone)}, nil
}

var instanceID = regexp.MustCompile(`^(.+)_(\d{8}(?:T\d{6}Z)?)$`)

// cutInstance divides the id of an occurrence into its series' part and the key of its original start.
func cutInstance(id string) (base, key string, ok bool) {
	m := instanceID.FindStringSubmatch(id)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

var splitID = regexp.MustCompile(`_R\d{8}(?:T\d{6})?$`)

// baseID is what the ids of a series' occurrences begin with: the series' id, without the _R… of a series that was cut
// off from another.
func baseID(master string) string { return splitID.ReplaceAllString(master, "") }

// shown is an EventDateTime as answers show it: the time with the offset of the reader's zone, beside the event's own
// zone.
func shown(d doc, zone *time.Location) doc {
	if text(d, "dateTime") == "" {
		return d
	}
	out := copyDoc(d)
	out["dateTime"] = whenOf(d).t.In(zone).Format(time.RFC3339)
	return out
}

// parseInstant reads a bound of a list: RFC 3339 with an offset. Error: 400.
func parseInstant(v, name string) (time.Time, *apiError) {
	if v == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, strings.Replace(v, " ", "+", 1))
	if err != nil {
		return time.Time{}, calError(400, "global", "badRequest", "Bad Request", name)
	}
	return t, nil
}

// zones are the zones that were asked for: time.LoadLocation reads a file every time.
var zones sync.Map

// loadZone finds a zone of the IANA database. Error: there is none of that name.
func loadZone(name string) (*time.Location, error) {
	if z, ok := zones.Load(name); ok {
		if zone, ok := z.(*time.Location); ok {
			return zone, nil
		}
	}
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("a time zone needs its name in the IANA database")
	}
	zone, err := time.LoadLocation(name)
	if err == nil {
		zones.Store(name, zone)
	}
	return zone, err
}
