package salesforce

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// seriesFields are the fields of a series that its rows and their copies show.
var seriesFields = []string{"IsRecurrence2", "IsRecurrence2Exception", "IsRecurrence2Exclusion", "Recurrence2PatternText", "Recurrence2PatternVersion",
	"Recurrence2PatternStartDate", "Recurrence2PatternTimeZone"}

// maxOccurrences is the highest COUNT of a series.
const maxOccurrences = 999

// prepareSeries makes an event with a pattern the record of a series, and an occurrence that is changed for itself an
// exception.
func (s *Server) prepareSeries(w *writer, c *change) *Error {
	v := c.values
	if c.before == nil {
		text, _ := v["Recurrence2PatternText"].(string)
		if kind, given := c.given["GroupEventType"]; text == "" || given && kind != eventSeries {
			return nil // a row that a test seeds as it wants it
		}
		p, err := parsePattern(text)
		if err != nil {
			return err
		}
		zone, _ := v["Recurrence2PatternTimeZone"].(string)
		if zone == "" {
			owner, _ := v["OwnerId"].(string)
			zone = s.actor(owner).zone.String()
		}
		if _, lerr := time.LoadLocation(zone); lerr != nil {
			return failFields("FIELD_INTEGRITY_EXCEPTION", "Recurrence Pattern Time Zone Reference: unknown time zone", "Recurrence2PatternTimeZone")
		}
		v["IsRecurrence2"], v["GroupEventType"] = true, eventSeries
		v["Recurrence2PatternText"], v["Recurrence2PatternVersion"], v["Recurrence2PatternTimeZone"] = p.String(), "1", zone
		first := s.slotsOf(v)
		if len(first) == 0 {
			return badPattern("the series has no occurrence")
		}
		timingOf(v).at(first[0]).store(v)
		v["Recurrence2PatternStartDate"] = v["StartDateTime"]
		return nil
	}
	if c.before.values[seriesKey] != nil && contentChanged(c.before.values, v) && !s.changesAll(w, c) {
		v["IsRecurrence2Exception"] = true
	}
	return nil
}

// contentChanged tells whether an update changes what an occurrence shares with its series.
func contentChanged(a, b map[string]any) bool {
	return slices.ContainsFunc(slices.Concat(timeFields, copiedFields), func(f string) bool { return a[f] != b[f] })
}

// changesAll tells whether an update of one occurrence is an update of its series: one of an event in the future, since
// version 58.0. (Object Reference, "Event", "Event Series and Recurring Events".) That an occurrence which moves to another
// day, or is an exception already, changes alone is our reading.
func (s *Server) changesAll(w *writer, c *change) bool {
	major, _, _ := strings.Cut(w.version, ".")
	version, _ := strconv.Atoi(major)
	before := c.before.values
	start, zone := instant(before, "StartDateTime"), zoneOf(before)
	return !w.single && version >= 58 && start.After(s.now()) && before["IsRecurrence2Exclusion"] != true &&
		start.In(zone).Format(dateLayout) == instant(c.values, "StartDateTime").In(zone).Format(dateLayout)
}

// zoneOf is the zone in which a series counts: its own, or UTC for all-day events.
func zoneOf(values map[string]any) *time.Location {
	name, _ := values["Recurrence2PatternTimeZone"].(string)
	zone, err := time.LoadLocation(name)
	if err != nil || values["IsAllDayEvent"] == true {
		return time.UTC
	}
	return zone
}

// slotsOf lists when a series takes place, from the start that its record has. A series without end has rows for a year
// from now or from its start; how far the vendor makes them no document says.
func (s *Server) slotsOf(values map[string]any) []time.Time {
	text, _ := values["Recurrence2PatternText"].(string)
	p, err := parsePattern(text)
	if err != nil {
		return nil
	}
	start := instant(values, "StartDateTime")
	before := start.AddDate(maxOccurrences, 0, 0)
	if p.count == 0 && p.until.IsZero() {
		if before = start.AddDate(1, 0, 0); s.now().After(start) {
			before = s.now().AddDate(1, 0, 0)
		}
	}
	slots := p.slots(start.In(zoneOf(values)), before)
	return slots[:min(len(slots), maxOccurrences)]
}

// at is the timing moved to another start.
func (t timing) at(start time.Time) timing {
	t.start, t.end = start.UTC(), time.Time{}
	return t.closed()
}

// settleSeries makes the rows of a new series, and carries an update of one row over to the others.
func (s *Server) settleSeries(w *writer, id string, before, after *state) {
	v := after.values
	isSeries := v["GroupEventType"] == eventSeries
	switch {
	case before == nil && isSeries && v["Recurrence2PatternText"] != nil:
		s.addOccurrences(w, id, v, s.slotsOf(v))
	case before == nil || !contentChanged(before.values, v) || v["IsRecurrence2Exception"] == true || v["IsRecurrence2Exclusion"] == true:
	case isSeries:
		s.spread(w, id, before.values, v)
	case v[seriesKey] != nil:
		series, _ := v[seriesKey].(string)
		s.spread(w, series, before.values, v)
	}
}

// addOccurrences makes a row for each slot.
func (s *Server) addOccurrences(w *writer, series string, values map[string]any, slots []time.Time) {
	t := s.table("Event")
	for _, slot := range slots {
		row := map[string]any{"OwnerId": values["OwnerId"], "IsChild": false, "IsGroupEvent": false, "GroupEventType": eventSingle, "IsRecurrence": false,
			"IsArchived": false, "IsReminderSet": false, "EventSubtype": "Event", seriesKey: series}
		copyEvent(row, values)
		timingOf(values).at(slot).store(row)
		id := s.addRow(w, t, row)
		if by := values["CreatedById"]; w.actor.system && by != nil {
			row["CreatedById"], row["LastModifiedById"] = by, by
		}
		s.follow(w, id, nil, t.rows[id].cur)
		for _, r := range s.relationsOf(series) {
			if r.cur.values["IsInvitee"] == true {
				s.inviteLike(w, id, r.cur)
			}
		}
	}
}

// spread gives the other rows of a series what an update changed in one of them: those that are still to come and follow
// the pattern. A new time of day holds on every day in the pattern's zone.
func (s *Server) spread(w *writer, series string, before, after map[string]any) {
	t := s.table("Event")
	was, is := timingOf(before), timingOf(after)
	retimed := was != is
	move := func(at time.Time) time.Time {
		zone := zoneOf(after)
		day, clock := at.In(zoneOf(before)), is.start.In(zone)
		return time.Date(day.Year(), day.Month(), day.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, zone).UTC()
	}
	for _, r := range s.rowsOf(series, true) {
		v := r.cur.values
		if v["IsRecurrence2Exception"] == true || v["IsRecurrence2Exclusion"] == true || r.id != series && !instant(v, "StartDateTime").After(s.now()) && v["Id"] != after["Id"] {
			continue
		}
		values := r.cur.with(nil)
		for _, f := range copiedFields {
			if before[f] != after[f] {
				setOrClear(values, f, after[f])
			}
		}
		if retimed {
			if r.id != after["Id"] {
				is.at(move(instant(v, "StartDateTime"))).store(values)
			}
			values["Recurrence2PatternStartDate"] = move(instant(v, "Recurrence2PatternStartDate"))
		}
		old, now := r.cur, &state{values: values}
		s.touch(w, t.obj, values, nil)
		t.put(w.tx, r.id, now, s.now(), w.delay)
		if r.id != after["Id"] {
			s.follow(w, r.id, old, now)
		}
	}
}

// rowsOf lists the live rows of a series by their start, with the record itself first or without it.
func (s *Server) rowsOf(series string, record bool) []*row {
	t := s.table("Event")
	var out []*row
	for _, id := range t.order {
		if r := t.rows[id]; r.cur.values[seriesKey] == series && !r.cur.isDeleted() {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b *row) int {
		return instant(a.cur.values, "StartDateTime").Compare(instant(b.cur.values, "StartDateTime"))
	})
	if r := t.rows[series]; record && r != nil && !r.cur.isDeleted() {
		out = slices.Insert(out, 0, r)
	}
	return out
}

// inviteToAll invites somebody to every occurrence of a series who is invited to its record.
func (s *Server) inviteToAll(w *writer, series string, before, after *state) {
	if before != nil || after.isDeleted() {
		return
	}
	for _, r := range s.rowsOf(series, false) {
		s.inviteLike(w, r.id, after)
	}
	s.regroup(w, series)
}

// inviteLike gives an event the relation that another one has, unless it has one to the same person.
func (s *Server) inviteLike(w *writer, event string, relation *state) {
	if slices.ContainsFunc(s.relationsOf(event), func(o *row) bool { return o.cur.values["RelationId"] == relation.values["RelationId"] }) {
		return
	}
	t := s.table("EventRelation")
	id := s.addRow(w, t, relation.with(map[string]any{"EventId": event, copyKey: nil}))
	settleRelation(s, w, id, nil, t.rows[id].cur)
}
