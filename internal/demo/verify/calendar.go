package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Window is the part of time in which a policy syncs events.
type Window struct{ From, To time.Time }

// edge is how close to an end of the window an event may be there or not: the window moves while the demo runs.
const edge = 48 * time.Hour

// Compared is how many occurrences inside the window CheckCalendar looked at: those that must have a record, and those
// that are parked.
type Compared struct{ Inside, Parked int }

// CheckCalendar compares a rep's calendar with the CRM after a first sync of both directions into an empty CRM calendar:
// the user's own data, of which nothing is known but what was loaded. It says that
//
//   - the calendar is as it was, every occurrence of it, field by field;
//   - each occurrence inside the window has exactly one record, with the same subject, location, start and end, or else
//     is parked with a reason;
//   - there is no record more, none in the recycle bin, and no mail was sent.
//
// The occurrences are those that Google's own expansion of the series shows (singleEvents).
func CheckCalendar(before, after Snapshot, rep string, parked []Parked, w Window) ([]Difference, Compared) {
	c := comparison{place: Calendar(rep), records: map[string][]Item{}, parked: waiting(parked)}
	c.unchanged(before.Calendars[rep], after.Calendars[rep])
	for _, it := range after.Events {
		c.records[takesPlace(it.Fields)] = append(c.records[takesPlace(it.Fields)], it)
	}
	// Those that must have a record take theirs before those that may.
	var may []Item
	for _, it := range after.Calendars[rep] {
		span := startOf(it.Fields)
		inside, near := between(span, w, edge), between(span, w, -edge)
		switch {
		case c.waits(it.ID):
			if near {
				c.sum.Parked++
			}
		case inside:
			c.sum.Inside++
			if !c.take(it) {
				c.report(c.place, Meet(it.Fields), "has no record in Salesforce that starts and ends with it, and is not parked")
			}
		case near:
			may = append(may, it)
		}
	}
	for _, it := range may {
		c.take(it)
	}
	for _, key := range slices.Sorted(maps.Keys(c.records)) {
		for _, it := range c.records[key] {
			c.report(Salesforce, Meet(it.Fields), "is a copy of nothing, or a double")
		}
	}
	for _, it := range after.DeletedEvents {
		c.report(Salesforce, Meet(it.Fields), "lies in the recycle bin, and nobody deleted it")
	}
	return c.diffs, c.sum
}

// comparison is the work of CheckCalendar.
type comparison struct {
	place   string
	records map[string][]Item // those that no occurrence has taken yet, by what they are
	parked  map[string]bool
	sum     Compared
	diffs   []Difference
}

func (c *comparison) report(where, item, format string, args ...any) {
	c.diffs = append(c.diffs, Difference{where, item, fmt.Sprintf(format, args...)})
}

// unchanged checks that a calendar is as it was.
func (c *comparison) unchanged(before, after []Item) {
	was := map[string]Item{}
	for _, it := range before {
		was[it.ID] = it
	}
	for _, it := range after {
		old, there := was[it.ID]
		delete(was, it.ID)
		if !there {
			c.report(c.place, Meet(it.Fields), "is new, and a copy of nothing")
		} else if !maps.Equal(old.Fields, it.Fields) {
			c.report(c.place, Meet(it.Fields), "has changed, and nobody changed it: it was %v and is %v", old.Fields, it.Fields)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(was)) {
		c.report(c.place, Meet(was[id].Fields), "is missing")
	}
}

// take gives an occurrence its record.
func (c *comparison) take(it Item) bool {
	key := takesPlace(it.Fields)
	if len(c.records[key]) == 0 {
		return false
	}
	all := c.records[key]
	where := plain(it.Fields["location"])
	i := max(slices.IndexFunc(all, func(r Item) bool { return plain(r.Fields["Location"]) == where }), 0)
	if there := plain(all[i].Fields["Location"]); there != where {
		c.report(Salesforce, Meet(it.Fields), "Location is %q, and %s says %q", there, c.place, where)
	}
	c.records[key] = slices.Delete(all, i, i+1)
	return true
}

// plain is a text without regard to white space.
func plain(s string) string { return strings.Join(strings.Fields(s), " ") }

// takesPlace is what an event of either side is called and when it is.
func takesPlace(fields map[string]string) string {
	return strings.Join([]string{plain(fields["Subject"] + fields["summary"]), fields[fieldStart], fields[fieldEnd]}, " ")
}

func startOf(fields map[string]string) time.Time {
	if at, err := time.Parse(time.RFC3339, fields[fieldStart]); err == nil {
		return at
	}
	day, _ := time.Parse(time.DateOnly, fields[fieldStart]) // Words has written one of the two
	return day
}

func between(at time.Time, w Window, inward time.Duration) bool {
	return at.After(w.From.Add(inward)) && at.Before(w.To.Add(-inward))
}

func waiting(parked []Parked) map[string]bool {
	out := map[string]bool{}
	for _, p := range parked {
		out[Listed(p.ID)] = true
	}
	return out
}

// Listed turns an id under which Repsync knows an occurrence into that under which Google lists it: Repsync names one by
// its series and its original start on the wall, "abc#2026-03-29T09:00:00[Europe/Berlin]", Google by series and original
// instant, "abc_20260329T070000Z". Other ids stay as they are.
func Listed(id string) string {
	series, start, one := strings.Cut(id, "#")
	if !one {
		return id
	}
	wall, zone, _ := strings.Cut(strings.TrimSuffix(start, "]"), "[")
	if day, err := time.Parse(time.DateOnly, wall); err == nil {
		return series + "_" + day.Format("20060102")
	}
	at, err := time.Parse(time.RFC3339, wall)
	if location, unknown := time.LoadLocation(zone); err != nil && unknown == nil {
		at, err = time.ParseInLocation("2006-01-02T15:04:05", wall, location)
	}
	if err != nil {
		return id
	}
	return series + "_" + at.UTC().Format("20060102T150405Z")
}

// waits tells whether an occurrence, or the whole series that it is of, is parked.
func (c *comparison) waits(id string) bool {
	series, _, _ := strings.Cut(id, "_")
	return c.parked[id] || c.parked[series]
}
