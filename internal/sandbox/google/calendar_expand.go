package google

import (
	"net/http"
	"time"
)

// inWindow reports whether an event lies at least partly between two instants; zero ones are no bound.
func (w *calView) inWindow(d doc, from, to time.Time) bool {
	start, end := whenOf(object(d, "start")).in(w.cal.zone), whenOf(object(d, "end")).in(w.cal.zone)
	if end.Equal(start) {
		end = end.Add(time.Second)
	}
	return (from.IsZero() || end.After(from)) && (to.IsZero() || start.Before(to))
}

// items is what a full read shows: masters and exceptions, or occurrences when single events are asked for.
func (w *calView) items(l eventListing, now time.Time) []doc {
	var out []doc
	for _, v := range w.all() {
		d := v.doc
		since := !l.updatedMin.IsZero() && text(d, "updated") < l.updatedMin.UTC().Format("2006-01-02T15:04:05.000Z")
		switch {
		case since:
		case l.single && recurring(d) && !v.cancelled():
			out = append(out, w.occurrences(d, l.min, l.max, now, l.deleted)...)
		case l.single && recurring(d):
		case l.single && text(d, "recurringEventId") != "" && w.recurs(text(d, "recurringEventId")): // shown with its series
		case v.cancelled() && !l.deleted && l.updatedMin.IsZero() && !w.keptAway(l, v):
		case recurring(d) && !w.anyInWindow(d, l.min, l.max):
		case !recurring(d) && !w.inWindow(d, l.min, l.max):
		default:
			out = append(out, d)
		}
	}
	return out
}

// recurs reports whether there is a living series of an id.
func (w *calView) recurs(id string) bool {
	m := w.stored(id)
	return m != nil && !m.cancelled() && recurring(m.doc)
}

// keptAway reports whether a cancelled event is an exception of a living series, which is shown even to those who ask for
// no deleted events, since it says which occurrence of the series there is not ("Cancelled instances of recurring events
// (but not the underlying recurring event) will still be included if showDeleted and singleEvents are both False").
func (w *calView) keptAway(l eventListing, v *calVersion) bool {
	return !l.single && !v.dropped && w.recurs(text(v.doc, "recurringEventId"))
}

// anyInWindow reports whether an occurrence of a series lies in a window.
func (w *calView) anyInWindow(master doc, from, to time.Time) bool {
	if from.IsZero() && to.IsZero() {
		return true
	}
	s := seriesOf(master)
	lower := from
	if !from.IsZero() {
		lower = from.Add(-s.length - 25*time.Hour) // a date begins within a day of its midnight in UTC
	}
	upper := to
	if !to.IsZero() {
		upper = to.Add(25 * time.Hour)
	}
	for _, at := range s.starts(lower, upper, 8) {
		if w.inWindow(occurrence(master, at), from, to) {
			return true
		}
	}
	return false
}

// occurrences are the occurrences of a series that lie in a window: those with a state of their own as that says, cancelled
// ones only with deleted. A window without an end stops at the horizon.
func (w *calView) occurrences(master doc, from, to, now time.Time, deleted bool) []doc {
	s := seriesOf(master)
	exceptions := w.exceptions(text(master, "id"))
	end := to
	if to.IsZero() {
		end = now.AddDate(horizon, 0, 0)
	}
	lower := from
	if !from.IsZero() {
		lower = from.Add(-s.length - 25*time.Hour)
	}
	var out []doc
	seen := map[string]bool{}
	for _, at := range s.starts(lower, end.Add(25*time.Hour), 1<<14) {
		d := occurrence(master, at)
		if v := exceptions[at.key()]; v != nil {
			d = v.doc
		}
		seen[at.key()] = true
		if w.inWindow(d, from, end) && (deleted || text(d, "status") != "cancelled") {
			out = append(out, d)
		}
	}
	for _, key := range keysOf(exceptions) { // moved into the window from elsewhere
		if d := exceptions[key].doc; !seen[key] && w.inWindow(d, from, end) && (deleted || text(d, "status") != "cancelled") {
			out = append(out, d)
		}
	}
	return out
}

// changedItems is what a read with a sync token shows: everything that changed after the token, deleted or not. With
// single events the occurrences of a changed series are shown, within the window of the first read.
func (w *calView) changedItems(cur calCursor, l eventListing, now time.Time) []doc {
	var out []doc
	seen := map[*calEvent]bool{}
	shown := map[string]bool{}
	add := func(d doc) {
		if !shown[text(d, "id")] {
			shown[text(d, "id")] = true
			out = append(out, d)
		}
	}
	for _, ch := range w.cal.feed[min(cur.After, cur.At):cur.At] {
		if seen[ch.e] {
			continue
		}
		seen[ch.e] = true
		v := ch.e.asOf(cur.At)
		if l.single && recurring(v.doc) && !v.cancelled() {
			for _, d := range w.occurrences(v.doc, l.min, l.max, now, true) {
				add(d)
			}
			continue
		}
		add(v.doc)
	}
	return out
}

// listInstances serves events.instances.
func (s *Server) listInstances(c *call) (any, *apiError) {
	cal, role, err := s.calendarOf(c.user, c.ids[0])
	if err != nil {
		return nil, err
	}
	l, err := readEventListing(c)
	if err != nil {
		return nil, err
	}
	cur := calCursor{Calendar: cal.id, User: c.user.email, Page: true, At: len(cal.feed), Params: c.ids[1] + "?" + pageParams(c)}
	if t := c.query.Get("pageToken"); t != "" {
		params := cur.Params
		if !s.openInto(t, &cur) || !cur.Page || cur.Calendar != cal.id || cur.Params != params {
			return nil, calError(http.StatusBadRequest, "global", "invalid", "Invalid page token value.", "pageToken")
		}
	}
	w := cal.at(cur.At)
	m := w.stored(c.ids[1])
	switch {
	case m == nil:
		return nil, calNotFound()
	case !recurring(m.doc):
		return nil, calInvalid("The requested event is not a recurring event.")
	}
	var items []doc
	if !m.cancelled() || l.deleted {
		items = w.occurrences(m.doc, l.min, l.max, c.now, l.deleted)
	}
	if v := c.query.Get("originalStart"); v != "" {
		items, err = originally(items, v)
		if err != nil {
			return nil, err
		}
	}
	page, rest := s.cutEvents(items, &cur, l.size)
	shown := []any{}
	for _, d := range page {
		shown = append(shown, c.listedEvent(cal, d))
	}
	out := listHead(cal, role)
	out["items"] = shown
	if rest {
		out["nextPageToken"] = s.seal(cur)
	}
	return out, nil
}

// originally keeps the occurrence whose original start is v, an instant or a date.
func originally(items []doc, v string) ([]doc, *apiError) {
	at, err := parseInstant(v, "originalStart")
	if _, dateErr := time.Parse(time.DateOnly, v); err != nil && dateErr != nil {
		return nil, err
	}
	var out []doc
	for _, d := range items {
		w := originalOf(d)
		if (w.date && w.t.Format(time.DateOnly) == v) || (!w.date && err == nil && w.t.Equal(at)) {
			out = append(out, d)
		}
	}
	return out, nil
}
