package google

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// calendar is one calendar: events, each a list of versions, and the order in which versions were written, as in a book.
// A user's primary calendar has the user's address as its id. Guarded by Server.mu.
type calendar struct {
	id      string
	owner   string // the user who owns it
	summary string
	zone    *time.Location
	primary bool
	roles   map[string]string // by user: reader, writer; the owner's is owner
	seed    uint64
	made    uint64
	events  map[string]*calEvent
	order   []*calEvent
	series  map[string][]*calEvent // what was ever a series, by the part of its id that its occurrences' ids begin with
	own     map[string][]*calEvent // what was ever an exception, by its series
	feed    []calChange            // change i has sequence number i+1
	epoch   int                    // rises when all sync tokens are made to expire
}

// calEvent is one event, or one exception of a series, through time.
type calEvent struct {
	id       string
	versions []*calVersion
}

// calVersion is one state of an event. It is never changed once stored.
type calVersion struct {
	seq int
	doc doc
	// dropped: an exception that its master's recurrence has no place for any more. It is cancelled, and its id may come
	// to life again as another occurrence.
	dropped bool
}

// calChange is one line of the sync feed.
type calChange struct {
	at time.Time
	e  *calEvent
}

func newCalendar(id, owner, summary string, seed uint64) *calendar {
	return &calendar{id: id, owner: owner, summary: summary, zone: time.UTC, seed: seed, roles: map[string]string{owner: "owner"}, events: map[string]*calEvent{},
		series: map[string][]*calEvent{}, own: map[string][]*calEvent{}}
}

// asOf is the newest version up to a sequence number, nil when the event did not exist then.
func (e *calEvent) asOf(seq int) *calVersion {
	i := sort.Search(len(e.versions), func(i int) bool { return e.versions[i].seq > seq })
	if i == 0 {
		return nil
	}
	return e.versions[i-1]
}

// cancelled reports whether the event is deleted in this state.
func (v *calVersion) cancelled() bool { return text(v.doc, "status") == "cancelled" }

// settled is the sequence number up to which the sync feed shows writes when it lags.
func (cal *calendar) settled(now time.Time, lag time.Duration) int {
	return sort.Search(len(cal.feed), func(i int) bool { return cal.feed[i].at.Add(lag).After(now) })
}

// now is the calendar as it is.
func (cal *calendar) now() *calView { return cal.at(len(cal.feed)) }

// newID makes an event's id as the vendor does: 26 characters of base32hex.
func (cal *calendar) newID() string {
	const alphabet = "0123456789abcdefghijklmnopqrstuv"
	cal.made++
	h := (&book{owner: cal.id, seed: cal.seed}).hash("event", cal.made)
	var b strings.Builder
	for _, x := range h[:26] {
		b.WriteByte(alphabet[x&31])
	}
	return b.String()
}

// put stores a state of an event. updated is left alone when the state has one that should stay.
func (s *Server) put(cal *calendar, d doc, dropped bool, now time.Time) *calVersion {
	e := cal.events[text(d, "id")]
	if e == nil {
		e = &calEvent{id: text(d, "id")}
		cal.events[e.id] = e
		cal.order = append(cal.order, e)
	}
	if base := baseID(e.id); recurring(d) && !slices.Contains(cal.series[base], e) {
		cal.series[base] = append(cal.series[base], e)
	}
	if m := text(d, "recurringEventId"); m != "" && !slices.Contains(cal.own[m], e) {
		cal.own[m] = append(cal.own[m], e)
	}
	// The vendor's etags are twice the microseconds of the last change; they rise even when the clock stands still.
	s.calEtag = max(s.calEtag+2, now.UnixMicro()*2)
	d["etag"] = strconv.Quote(strconv.FormatInt(s.calEtag, 10))
	if text(d, "created") == "" {
		d["created"] = now.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	if text(d, "updated") == "" {
		d["updated"] = now.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	cal.feed = append(cal.feed, calChange{at: now, e: e})
	v := &calVersion{seq: len(cal.feed), doc: d, dropped: dropped}
	e.versions = append(e.versions, v)
	s.announce(cal)
	return v
}

// calView is a calendar as it was at a sequence number.
type calView struct {
	cal *calendar
	seq int
}

func (cal *calendar) at(seq int) *calView { return &calView{cal: cal, seq: seq} }

// all is every event and exception, in the order in which they came to be, deleted ones included.
func (w *calView) all() []*calVersion {
	var out []*calVersion
	for _, e := range w.cal.order {
		if v := e.asOf(w.seq); v != nil {
			out = append(out, v)
		}
	}
	return out
}

// stored is an event or exception that has a state of its own, nil for none.
func (w *calView) stored(id string) *calVersion {
	e := w.cal.events[id]
	if e == nil {
		return nil
	}
	return e.asOf(w.seq)
}

// exceptions are the occurrences of a series that have a state of their own, by the key of their original start.
func (w *calView) exceptions(master string) map[string]*calVersion {
	out := map[string]*calVersion{}
	for _, e := range w.cal.own[master] {
		if v := e.asOf(w.seq); v != nil && !v.dropped && text(v.doc, "recurringEventId") == master {
			out[originalOf(v.doc).key()] = v
		}
	}
	return out
}

// find returns an event, an exception, or an occurrence of a series that has no state of its own and is made of the
// series' fields, by id. It is nil when there is nothing of that id.
func (w *calView) find(id string) doc {
	v := w.stored(id)
	if v != nil && !v.dropped {
		return v.doc
	}
	if base, key, ok := cutInstance(id); ok {
		for _, e := range w.cal.series[base] {
			m := e.asOf(w.seq)
			if m == nil || !recurring(m.doc) {
				continue
			}
			if at, ok := seriesOf(m.doc).at(key); ok {
				return occurrence(m.doc, at)
			}
		}
	}
	if v != nil {
		return v.doc
	}
	return nil
}

// byUID finds the event, not the exceptions, of an iCalendar UID.
func (w *calView) byUID(uid string) *calVersion {
	for _, v := range w.all() {
		if text(v.doc, "iCalUID") == uid && text(v.doc, "recurringEventId") == "" {
			return v
		}
	}
	return nil
}

// primaryOf is a user's own calendar, made when it is first needed.
func (s *Server) primaryOf(u *user) *calendar {
	cal := s.calendars[u.email]
	if cal == nil {
		cal = newCalendar(u.email, u.email, u.email, s.cfg.Seed)
		cal.primary = true
		s.calendars[u.email] = cal
	}
	return cal
}

// mailbox is the primary calendar that belongs to an address, nil when nobody here has it.
func (s *Server) mailbox(email string) *calendar {
	u := s.users[strings.ToLower(email)]
	if u == nil {
		return nil
	}
	return s.primaryOf(u)
}

// calendarOf finds a calendar that a user may see, by id, and the user's role in it. Error: 404.
func (s *Server) calendarOf(u *user, id string) (*calendar, string, *apiError) {
	s.primaryOf(u)
	if id == "primary" {
		id = u.email
	}
	cal := s.calendars[strings.ToLower(id)]
	if cal == nil || cal.roles[u.email] == "" {
		return nil, "", calNotFound()
	}
	return cal, cal.roles[u.email], nil
}

// writable is calendarOf for a write. Errors: 404; 403 for readers.
func (s *Server) writable(u *user, id string) (*calendar, *apiError) {
	cal, role, err := s.calendarOf(u, id)
	if err != nil {
		return nil, err
	}
	if role != "owner" && role != "writer" {
		return nil, calError(403, "calendar", "requiredAccessLevel", "You need to have writer access to this calendar.", "")
	}
	return cal, nil
}

// calendarEntry is a calendar as calendarList shows it.
func calendarEntry(cal *calendar, role string) doc {
	out := doc{"kind": "calendar#calendarListEntry", "etag": cal.etag(), "id": cal.id, "summary": cal.summary,
		"timeZone": cal.zone.String(), "colorId": "14", "backgroundColor": "#9fe1e7", "foregroundColor": "#000000",
		"selected": true, "accessRole": role, "defaultReminders": []any{doc{"method": "popup", "minutes": 10}},
		"conferenceProperties": doc{"allowedConferenceSolutionTypes": []any{"hangoutsMeet"}}}
	if cal.primary {
		out["primary"] = true
	}
	return out
}

func (cal *calendar) etag() string { return fmt.Sprintf(`"p%d"`, 33000000+len(cal.feed)) }

// listCalendars serves calendarList.list. It fits on one page, and has no sync token.
func (s *Server) listCalendars(c *call) (any, *apiError) {
	s.primaryOf(c.user)
	items := []any{}
	for _, id := range slices.Sorted(maps.Keys(s.calendars)) {
		cal := s.calendars[id]
		role := cal.roles[c.user.email]
		if role == "" || (c.query.Get("minAccessRole") == "writer" && role == "reader") || (c.query.Get("minAccessRole") == "owner" && role != "owner") {
			continue
		}
		items = append(items, calendarEntry(cal, role))
	}
	return doc{"kind": "calendar#calendarList", "etag": `"p32000000"`, "items": items}, nil
}

// getCalendarEntry serves calendarList.get.
func (s *Server) getCalendarEntry(c *call) (any, *apiError) {
	cal, role, err := s.calendarOf(c.user, c.ids[0])
	if err != nil {
		return nil, err
	}
	return calendarEntry(cal, role), nil
}

// getCalendar serves calendars.get.
func (s *Server) getCalendar(c *call) (any, *apiError) {
	cal, _, err := s.calendarOf(c.user, c.ids[0])
	if err != nil {
		return nil, err
	}
	return doc{"kind": "calendar#calendar", "etag": cal.etag(), "id": cal.id, "summary": cal.summary, "timeZone": cal.zone.String(),
		"conferenceProperties": doc{"allowedConferenceSolutionTypes": []any{"hangoutsMeet"}}}, nil
}

// AddCalendar gives a user a secondary calendar and returns its id. Error: there is no such user, or it is disabled.
func (s *Server) AddCalendar(owner, summary string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.account(owner)
	if err != nil {
		return "", err
	}
	h := (&book{owner: u.email, seed: s.cfg.Seed}).hash("calendar", binary.BigEndian.Uint64([]byte(fmt.Sprintf("%08d", len(s.calendars)))))
	id := "c_" + hex.EncodeToString(h[:]) + "@group.calendar.google.com"
	s.calendars[id] = newCalendar(id, u.email, summary, s.cfg.Seed)
	return id, nil
}

// ShareCalendar gives a user a role in a calendar: reader or writer, "" for none. A user's primary calendar goes by the
// user's address. Error: there is no such calendar.
func (s *Server) ShareCalendar(id, email, role string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	cal := s.calendars[strings.ToLower(id)]
	if u := s.users[strings.ToLower(id)]; u != nil {
		cal = s.primaryOf(u)
	}
	if cal == nil {
		return fmt.Errorf("google sandbox: no calendar %s", id)
	}
	if cal.roles[strings.ToLower(email)] = role; role == "" {
		delete(cal.roles, strings.ToLower(email))
	}
	return nil
}

// RemoveCalendar deletes a secondary calendar, as its owner would: from now on it is 404 for everybody.
func (s *Server) RemoveCalendar(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.calendars, strings.ToLower(id))
}
