package google

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Calendar lets tests and the demo act as a person in front of a calendar: events are the API's own JSON, rules and
// consequences for other people's copies are those of the API, and nobody is mailed, since such mail is not the doing of
// the program under test.
type Calendar struct {
	s        *Server
	user, id string
}

// Calendar is a user's primary calendar. Methods fail when there is no such user.
func (s *Server) Calendar(user string) *Calendar { return s.CalendarOf(user, "primary") }

// CalendarOf is a calendar as one user sees it, by its id.
func (s *Server) CalendarOf(user, id string) *Calendar { return &Calendar{s, user, id} }

// do serves one call as the API would, with the lock held.
func (k *Calendar) do(serve func(*Server, *call) (any, *apiError), body any, query url.Values, ids ...string) (map[string]any, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("google sandbox: encode the event: %w", err)
	}
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	u, err := k.s.account(k.user)
	if err != nil {
		return nil, err
	}
	c := &call{body: raw, user: u, ids: append([]string{k.id}, ids...), query: query, header: http.Header{}, now: k.s.cfg.Clock()}
	if c.query == nil {
		c.query = url.Values{}
	}
	out, apiErr := serve(k.s, c)
	if apiErr != nil {
		return nil, apiErr
	}
	if r, ok := out.(reply); ok {
		out = r.body
	}
	d, _ := out.(doc)
	return d, nil
}

// Insert adds an event and returns it. Errors are those of the wire.
func (k *Calendar) Insert(event map[string]any) (map[string]any, error) {
	return k.do((*Server).insertEvent, event, nil)
}

// Import puts a private copy of an event from elsewhere into the calendar, by its iCalUID, and with originalStartTime one
// changed or cancelled occurrence of a series that is there.
func (k *Calendar) Import(event map[string]any) (map[string]any, error) {
	return k.do((*Server).importEvent, event, nil)
}

// Patch changes an event, or one occurrence of a series by its own id, and returns it: objects are merged, nil clears.
func (k *Calendar) Patch(id string, change map[string]any) (map[string]any, error) {
	return k.do((*Server).patchEvent, change, nil, id)
}

// Delete deletes an event, a series or one occurrence; of somebody else's meeting it declines.
func (k *Calendar) Delete(id string) error {
	_, err := k.do((*Server).deleteEvent, nil, nil, id)
	return err
}

// Get returns an event or an occurrence, also a deleted one.
func (k *Calendar) Get(id string) (map[string]any, error) {
	return k.do((*Server).getEvent, nil, nil, id)
}

// List returns all events that events.list shows with parameters, on all pages.
func (k *Calendar) List(query url.Values) ([]map[string]any, error) {
	return k.pages((*Server).listEvents, query)
}

// Instances returns the occurrences of a series that events.instances shows with parameters, on all pages.
func (k *Calendar) Instances(id string, query url.Values) ([]map[string]any, error) {
	return k.pages((*Server).listInstances, query, id)
}

func (k *Calendar) pages(serve func(*Server, *call) (any, *apiError), query url.Values, ids ...string) ([]map[string]any, error) {
	q := url.Values{"maxResults": {"2500"}}
	maps.Copy(q, query)
	var out []map[string]any
	for {
		page, err := k.do(serve, nil, q, ids...)
		if err != nil {
			return nil, err
		}
		out = append(out, objects(page, "items")...)
		next := text(page, "nextPageToken")
		if next == "" {
			return out, nil
		}
		q.Set("pageToken", next)
	}
}

// Answer sets what one guest has answered in the organiser's copy, as the reply of a guest from outside does.
func (k *Calendar) Answer(id, guestEmail, answer string) error {
	d, err := k.Get(id)
	if err != nil {
		return err
	}
	g := guest(d, strings.ToLower(guestEmail))
	if g == nil {
		return fmt.Errorf("google sandbox: %s is not asked to event %s", guestEmail, id)
	}
	g["responseStatus"] = answer
	_, err = k.Patch(id, map[string]any{"attendees": d["attendees"]})
	return err
}

// SetTimeZone sets the calendar's zone, UTC until then: times are shown with its offset, and dates begin at its midnight.
func (k *Calendar) SetTimeZone(name string) error {
	zone, err := loadZone(name)
	if err != nil {
		return fmt.Errorf("google sandbox: the IANA database has no zone %q", name)
	}
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	u, err := k.s.account(k.user)
	if err != nil {
		return err
	}
	cal, _, apiErr := k.s.calendarOf(u, k.id)
	if apiErr != nil {
		return apiErr
	}
	cal.zone = zone
	return nil
}

// ExpireCalendarTokens makes the sync tokens of a user's calendars expire now, everybody's for "": the next read with one
// is 410 fullSyncRequired.
func (s *Server) ExpireCalendarTokens(email string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, cal := range s.calendars {
		if email == "" || strings.EqualFold(cal.owner, email) {
			cal.epoch++
		}
	}
}

// SplitSeries changes a series from one occurrence on, as "this and following events" does in the vendor's own calendar:
// the old series ends before the occurrence whose original start is at, and a new one begins with it, whose id is the old
// one's with _R and the start (in UTC, or the date), and whose occurrences have ids like those of the old one. change is
// what the person changed, and may be nil. It returns the new series.
func (s *Server) SplitSeries(user, master string, at time.Time, change map[string]any) (map[string]any, error) {
	return s.Calendar(user).do(func(s *Server, c *call) (any, *apiError) {
		cal, was, err := s.target(c)
		if err != nil {
			return nil, err
		}
		cut, ok := cutSeries(was, at)
		if !ok {
			return nil, calNotFound()
		}
		old := copyDoc(was)
		old["recurrence"] = cut.old
		next := occurrence(was, cut.at)
		for _, k := range []string{"recurringEventId", "originalStartTime", "etag", "updated", "created"} {
			delete(next, k)
		}
		key := cut.at.key()
		next["id"] = baseID(master) + "_R" + strings.TrimSuffix(key, "Z")
		next["iCalUID"] = text(next, "id") + "@google.com"
		next["recurrence"], next["sequence"] = cut.next, 0
		if err := checkEvent(old, was, cal); err != nil {
			return nil, err
		}
		patch, err := cleanEvent(copyDoc(change))
		if err != nil {
			return nil, err
		}
		merge(next, patch)
		if err := checkEvent(next, nil, cal); err != nil {
			return nil, err
		}
		if _, err := s.store(c, cal, was, old, "none"); err != nil {
			return nil, err
		}
		v := s.put(cal, next, false, c.now)
		s.spread(cal, nil, v.doc, c.now)
		return c.shownEvent(cal, v.doc), nil
	}, nil, nil, master)
}

// cutLines are the recurrences of the two halves of a series.
type cutLines struct {
	at        when
	old, next []any
}

// cutSeries divides a series before an occurrence. It reports false when there is none at that time, or it is the first.
func cutSeries(master doc, at time.Time) (cut cutLines, ok bool) {
	ser := seriesOf(master)
	list := ser.starts(at, at.Add(time.Second), 1)
	if len(list) == 0 || !list[0].t.After(ser.start.t) {
		return cut, false
	}
	cut.at = list[0]
	left := 0
	for _, r := range ser.rules { // COUNT counts what the rule gives, taken away or not
		left += len(ser.within(r, ser.start.t, at, 1<<14))
	}
	until := cut.at.t.Add(-time.Second).UTC().Format(compactTime)
	if cut.at.date {
		until = cut.at.t.AddDate(0, 0, -1).Format(compactDate)
	}
	for _, line := range rules(master) {
		name, value, _ := strings.Cut(line, ":")
		if !strings.EqualFold(name, "RRULE") {
			before, after := ser.cutDates(line, at)
			cut.old, cut.next = append(cut.old, before...), append(cut.next, after...)
			continue
		}
		var old, next []string
		for part := range strings.SplitSeq(value, ";") {
			switch key, v, _ := strings.Cut(part, "="); strings.ToUpper(key) {
			case "UNTIL":
				next = append(next, part)
			case "COUNT":
				n, _ := strconv.Atoi(v)
				next = append(next, fmt.Sprintf("COUNT=%d", n-left))
			default:
				old, next = append(old, part), append(next, part)
			}
		}
		cut.old = append(cut.old, "RRULE:"+strings.Join(append(old, "UNTIL="+until), ";"))
		cut.next = append(cut.next, "RRULE:"+strings.Join(next, ";"))
	}
	return cut, true
}

// cutDates gives each half of a series its RDATEs. Other lines take away, and are good for both.
func (s *series) cutDates(line string, at time.Time) (before, after []any) {
	head, values, _ := strings.Cut(line, ":")
	name, params, _ := strings.Cut(head, ";")
	if !strings.EqualFold(name, "RDATE") {
		return []any{line}, []any{line}
	}
	for v := range strings.SplitSeq(values, ",") {
		one := &series{start: s.start}
		if one.readDates(true, params, v); len(one.dates) == 1 && one.dates[0].Before(at) {
			before = append(before, head+":"+v)
		} else {
			after = append(after, head+":"+v)
		}
	}
	return before, after
}

// Invite puts a meeting that somebody outside organises into a user's primary calendar, or changes it there: event has an
// iCalUID and an organizer, with originalStartTime it is one occurrence of the series, and sequence is not lower than
// before. The user is asked unless attendees say otherwise. It returns the user's copy.
func (s *Server) Invite(user string, event map[string]any) (map[string]any, error) {
	k := s.Calendar(user)
	return k.do(func(s *Server, c *call) (any, *apiError) {
		d, err := readEvent(c.body)
		if err != nil {
			return nil, err
		}
		cal := s.primaryOf(c.user)
		organiser := strings.ToLower(text(object(d, "organizer"), "email"))
		if text(d, "iCalUID") == "" || organiser == "" || s.users[organiser] != nil {
			return nil, calInvalid("An invitation from outside has an iCalUID and an organizer from outside.")
		}
		object(d, "organizer")["email"] = organiser
		if guest(d, cal.id) == nil {
			list, _ := d["attendees"].([]any)
			d["attendees"] = append(slices.Clone(list), doc{"email": cal.id})
		}
		if d, err = s.place(c, cal, d); err != nil {
			return nil, err
		}
		return c.shownEvent(cal, d), nil
	}, event, nil)
}

// Withdraw cancels a meeting that somebody outside organises, in a user's primary calendar: the whole of it, or one
// occurrence by the last part of its id ("20260329T070000Z", or "20260329" of an all-day series).
func (s *Server) Withdraw(user, iCalUID, occurrence string) error {
	_, err := s.Calendar(user).do(func(s *Server, c *call) (any, *apiError) {
		cal := s.primaryOf(c.user)
		v := cal.now().byUID(iCalUID)
		if v == nil {
			return nil, calNotFound()
		}
		d := v.doc
		if occurrence != "" {
			if d = cal.now().find(baseID(text(d, "id")) + "_" + occurrence); d == nil {
				return nil, calNotFound()
			}
		}
		s.cancelAll(cal, d, c.now)
		return nil, nil
	}, nil, nil)
	return err
}
