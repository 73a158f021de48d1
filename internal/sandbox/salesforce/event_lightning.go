package salesforce

import (
	"maps"
	"net/http"
	"time"
)

// What a person does to a series in the vendor's calendar, which the API does not do, or does otherwise.

// AddSeries makes an event series as a person does in the vendor's calendar, and returns the id of its record, the one with
// GroupEventType 3. rule is an RRULE; values are those of the first event, as Insert takes them, and may name
// Recurrence2PatternTimeZone, which otherwise is the owner's zone. Errors as Insert.
func (s *Server) AddSeries(owner, rule string, values map[string]any) (string, error) {
	in := map[string]any{}
	maps.Copy(in, values)
	in["OwnerId"], in["CreatedById"], in["LastModifiedById"], in["Recurrence2PatternText"] = owner, owner, owner, rule
	return s.Insert("Event", in, "")
}

// Occurrences lists the ids of the live rows of a series by their start, those before a change of the pattern included.
func (s *Server) Occurrences(series string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.work(false)
	var out []string
	for _, r := range s.rowsOf(series, false) {
		out = append(out, r.id)
	}
	return out
}

// EditOccurrence changes one occurrence of a series and no other ("only this event"), which makes it an exception. Errors
// as Update. To delete one, Delete.
func (s *Server) EditOccurrence(id string, values map[string]any, asUser string) error {
	return s.write("Event", asUser, func(w *writer, t *table) *Error {
		w.single = true
		return s.update(w, t, id, values)
	})
}

// ChangeSeries changes the pattern of a series from a moment on. Occurrences that start earlier stay, marked
// IsRecurrence2Exclusion; later ones are deleted, exceptions too, and the new pattern's take their place under new ids.
// values are changes of the events, as Update takes them; a StartDateTime among them is the first one's start. The
// record keeps its id and has the new pattern; Recurrence2PatternVersion names the edition of RFC 5545 and stays 1. What
// becomes of the ids no document says. Errors as Update.
func (s *Server) ChangeSeries(series string, from time.Time, rule string, values map[string]any) error {
	return s.write("Event", "", func(w *writer, t *table) *Error {
		p, err := parsePattern(rule)
		if err != nil {
			return err
		}
		record, err := s.locate(w, t, series, canAll)
		if err != nil {
			return err
		}
		for _, r := range s.rowsOf(record.id, false) {
			if !instant(r.cur.values, "StartDateTime").Before(from) {
				if err := s.remove(w, t, r.id); err != nil {
					return err
				}
				continue
			}
			past := r.cur.with(map[string]any{"IsRecurrence2Exclusion": true})
			s.touch(w, t.obj, past, nil)
			t.put(w.tx, r.id, &state{values: past}, s.now(), w.delay)
		}
		given, err := s.changes(w, t, values, false)
		if err != nil {
			return err
		}
		zone := zoneOf(record.cur.values)
		old, day := instant(record.cur.values, "StartDateTime").In(zone), from.In(zone)
		if given["StartDateTime"] == nil {
			first := time.Date(day.Year(), day.Month(), day.Day(), old.Hour(), old.Minute(), old.Second(), 0, zone)
			if first.Before(from) {
				first = time.Date(day.Year(), day.Month(), day.Day()+1, old.Hour(), old.Minute(), old.Second(), 0, zone)
			}
			given["StartDateTime"] = first.UTC()
		}
		changed := record.cur.with(given)
		changed["Recurrence2PatternText"] = p.String()
		c := &change{id: record.id, values: changed, given: given, before: record.cur}
		when, err := eventTiming(c)
		if err != nil {
			return err
		}
		when.store(changed)
		slots := s.slotsOf(changed)
		if len(slots) == 0 {
			return badPattern("the series has no occurrence")
		}
		when.at(slots[0]).store(changed)
		changed["Recurrence2PatternStartDate"] = changed["StartDateTime"]
		s.touch(w, t.obj, changed, nil)
		t.put(w.tx, record.id, &state{values: changed}, s.now(), w.delay)
		s.addOccurrences(w, record.id, changed, slots)
		return nil
	})
}

// SetSeriesCreatable lets clients create series through the API, or not, as in a new org: describe shows
// Recurrence2PatternText createable. The vendor documents it so since version 52.0; not every org has it.
func (s *Server) SetSeriesCreatable(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.table("Event").obj.field("Recurrence2PatternText")
	f.ReadOnly, f.CreateOnly = !on, on
}

// job is work that the org does some time after the request that asked for it.
type job struct {
	asked time.Time
	seen  bool // a request came after the one that asked
	do    func()
}

// work does the jobs that are due: once the clock has moved on, or at the second request after the one that asked, so
// that a client which polls sees the old state once, even if the clock stands still. The caller holds s.mu.
func (s *Server) work(request bool) {
	s.emptyBin()
	var later []*job
	for _, j := range s.jobs {
		if j.seen || s.now().After(j.asked) {
			j.do()
			continue
		}
		j.seen = request
		later = append(later, j)
	}
	s.jobs = later
}

// DeleteOnwards asks, as a user, to delete an occurrence and all later ones, as DELETE …/fromThisEventOnwards does. Errors:
// those of the request; the work itself is done later.
func (s *Server) DeleteOnwards(id, asUser string) error {
	return s.write("Event", asUser, func(w *writer, t *table) *Error { return s.askOnwards(w, t, id) })
}

// deleteOnwards answers DELETE sobjects/Event/id/fromThisEventOnwards. (REST API Developer Guide, "Delete Lightning
// Experience Event Series".)
func (c *call) deleteOnwards() reply {
	t := c.s.table("Event")
	r, _, err := c.row(t, c.path[2])
	if err == nil {
		err = c.s.askOnwards(c.writer(), t, r.id)
	}
	if err != nil {
		return refuse(err)
	}
	return reply{status: http.StatusOK, body: map[string]any{"success": "We’re deleting the selected events from the series. Wait for all events to be removed."}}
}

// askOnwards checks the request and files the job. That the pattern's text stays as it is, without an UNTIL, is a guess;
// the code of the refusals is from memory.
func (s *Server) askOnwards(w *writer, t *table, id string) *Error {
	r, err := s.locate(w, t, id, canAll)
	if err != nil {
		return err
	}
	v := r.cur.values
	series, _ := v[seriesKey].(string) // invitees' copies have none
	early := instant(v, "StartDateTime").Before(instant(v, "Recurrence2PatternStartDate"))
	if early || v["IsRecurrence2"] != true || v["IsRecurrence2Exclusion"] == true || series == "" {
		return fail("INVALID_OPERATION", "The event isn't part of a series that events can be deleted from")
	}
	from := instant(v, "StartDateTime")
	does := &writer{actor: w.actor, version: w.version}
	s.jobs = append(s.jobs, &job{asked: s.now(), do: func() {
		does.tx = &tx{}
		left := false
		for _, r := range s.rowsOf(series, false) {
			if instant(r.cur.values, "StartDateTime").Before(from) || s.remove(does, t, r.id) != nil {
				left = left || r.cur.values["IsRecurrence2Exclusion"] != true
			}
		}
		if record := t.rows[series]; !left && record != nil && !record.cur.isDeleted() {
			_ = s.remove(does, t, series) // nobody waits for the answer
		}
	}})
	return nil
}
