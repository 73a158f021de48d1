package google

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// calCursor is what page tokens and sync tokens of events.list and events.instances carry, sealed, as cursor does for
// people.
type calCursor struct {
	Calendar string `json:"c"`
	User     string `json:"u"`
	Epoch    int    `json:"e"`
	Page     bool   `json:"p,omitempty"`
	Params   string `json:"q"`           // page: all parameters of the first call; sync: singleEvents
	Window   string `json:"w,omitempty"` // sync: timeMin and timeMax of the first call, which bound the occurrences of singleEvents
	Sync     bool   `json:"y,omitempty"`
	After    int    `json:"a"`
	At       int    `json:"s,omitempty"`
	Next     int    `json:"n,omitempty"`
	Offset   int    `json:"o,omitempty"`
	Blank    bool   `json:"b,omitempty"`
}

// eventListing is one call of events.list, as its parameters say.
type eventListing struct {
	single, deleted      bool
	min, max, updatedMin time.Time
	size                 int
	order                string
}

// notWithSyncToken are the parameters that a sync token excludes ("There are several query parameters that cannot be
// specified together with nextSyncToken", events.list), and that make a read give none.
var notWithSyncToken = []string{"iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "timeMin", "timeMax", "updatedMin"}

// oldest is how far back updatedMin may lie, and deleted events can be listed.
const oldest = 28 * 24 * time.Hour

func readEventListing(c *call) (l eventListing, err *apiError) {
	q := c.query
	l = eventListing{size: 250, single: q.Get("singleEvents") == "true", deleted: q.Get("showDeleted") == "true", order: q.Get("orderBy")}
	for name, into := range map[string]*time.Time{"timeMin": &l.min, "timeMax": &l.max, "updatedMin": &l.updatedMin} {
		if *into, err = parseInstant(q.Get(name), name); err != nil {
			return l, err
		}
	}
	if v := q.Get("maxResults"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return l, calError(http.StatusBadRequest, "global", "invalidParameter", "Invalid integer value: '"+v+"'.", "maxResults")
		}
		l.size = min(n, 2500)
	}
	switch {
	case !l.min.IsZero() && !l.max.IsZero() && !l.max.After(l.min):
		return l, timeRangeEmpty("timeMax")
	case l.order != "" && l.order != "startTime" && l.order != "updated":
		return l, calError(http.StatusBadRequest, "global", "invalidParameter", "Invalid value '"+l.order+"'.", "orderBy")
	case l.order == "startTime" && !l.single:
		return l, calError(http.StatusBadRequest, "calendar", "invalidParameter", "The requested ordering is not available for the particular query.", "orderBy")
	case !l.updatedMin.IsZero() && c.now.Sub(l.updatedMin) > oldest:
		return l, calError(http.StatusGone, "calendar", "updatedMinTooLongAgo", "The requested minimum modification time lies too far in the past.", "updatedMin")
	case q.Get("timeZone") != "":
		if _, zoneErr := loadZone(q.Get("timeZone")); zoneErr != nil {
			return l, calError(http.StatusBadRequest, "global", "invalidParameter", "Invalid value for timeZone.", "timeZone")
		}
	}
	return l, nil
}

// listEvents serves events.list: full reads, and reads of what changed since a sync token.
func (s *Server) listEvents(c *call) (any, *apiError) {
	cal, role, err := s.calendarOf(c.user, c.ids[0])
	if err != nil {
		return nil, err
	}
	l, err := readEventListing(c)
	if err != nil {
		return nil, err
	}
	cur, err := s.beginEvents(c, cal)
	if err != nil {
		return nil, err
	}
	items := s.matching(c, cal.at(cur.At), l, cur)
	out := listHead(cal, role)
	if cur.Blank {
		cur.Blank = false
		out["items"], out["nextPageToken"] = []any{}, s.seal(cur)
		return out, nil
	}
	page, rest := s.cutEvents(items, &cur, l.size)
	shown := []any{}
	for _, it := range page {
		shown = append(shown, c.listedEvent(cal, it))
	}
	out["items"] = shown
	switch {
	case rest:
		cur.Blank = s.paging.Empty
		out["nextPageToken"] = s.seal(cur)
	case cur.Sync || !slices.ContainsFunc(notWithSyncToken, func(k string) bool { return c.query.Has(k) && k != "timeMin" && k != "timeMax" }):
		out["nextSyncToken"] = s.seal(calCursor{Calendar: cal.id, User: c.user.email, Epoch: cur.Epoch, After: cur.Next,
			Params: syncParams(c), Window: cur.Window})
	}
	return out, nil
}

func listHead(cal *calendar, role string) doc {
	updated := time.Unix(0, 0)
	if n := len(cal.feed); n > 0 {
		updated = cal.feed[n-1].at
	}
	return doc{"kind": "calendar#events", "etag": cal.etag(), "summary": cal.summary, "description": "", "timeZone": cal.zone.String(), "accessRole": role,
		"updated": updated.UTC().Format("2006-01-02T15:04:05.000Z"), "defaultReminders": []any{doc{"method": "popup", "minutes": 10}}}
}

// syncParams are the parameters that must stay the same for a sync token to make sense.
func syncParams(c *call) string {
	return "singleEvents=" + strconv.FormatBool(c.query.Get("singleEvents") == "true")
}

// pageParams are all parameters but the page token.
func pageParams(c *call) string {
	q := maps.Clone(c.query)
	q.Del("pageToken")
	q.Del("maxResults")
	return q.Encode()
}

// beginEvents finds where a call starts: at a page token, at a sync token, or at the beginning.
func (s *Server) beginEvents(c *call, cal *calendar) (cur calCursor, err *apiError) {
	pageToken, syncToken := c.query.Get("pageToken"), c.query.Get("syncToken")
	if syncToken != "" {
		for _, k := range notWithSyncToken {
			if c.query.Has(k) {
				return cur, calError(http.StatusBadRequest, "calendar", "syncTokenWithRequestRestrictions", "Sync token cannot be used with request restrictions.", k)
			}
		}
		if c.query.Get("showDeleted") == "false" {
			return cur, calError(http.StatusBadRequest, "calendar", "syncTokenWithNonDefaultShowDeleted", "Sync token cannot be used with showDeleted set to false.", "showDeleted")
		}
	}
	fresh := calCursor{Calendar: cal.id, User: c.user.email, Page: true, Epoch: cal.epoch, Params: pageParams(c), At: len(cal.feed), Next: cal.settled(c.now, s.lag),
		Window: c.query.Get("timeMin") + "/" + c.query.Get("timeMax")}
	if pageToken == "" && syncToken == "" {
		return fresh, nil
	}
	ok := s.openInto(cmp.Or(pageToken, syncToken), &cur)
	switch {
	case !ok || cur.Calendar != cal.id || cur.User != c.user.email || cur.Page != (pageToken != ""):
		name := "syncToken"
		if pageToken != "" {
			name = "pageToken"
		}
		return cur, calError(http.StatusBadRequest, "global", "invalid", "Invalid "+map[string]string{"syncToken": "sync", "pageToken": "page"}[name]+" token value.", name)
	case (cur.Sync || !cur.Page) && cur.Epoch != cal.epoch:
		return cur, fullSyncRequired()
	case cur.Page && cur.Params != pageParams(c):
		return cur, calError(http.StatusBadRequest, "global", "invalid", "Invalid page token value.", "pageToken")
	case cur.Page:
		return cur, nil
	case cur.Params != syncParams(c):
		return cur, calError(http.StatusBadRequest, "global", "invalid", "Invalid sync token value.", "syncToken")
	}
	fresh.Sync, fresh.After, fresh.Window = true, cur.After, cur.Window
	fresh.Next = max(fresh.Next, cur.After)
	fresh.At = fresh.Next
	return fresh, nil
}

// cutEvents takes the next page, moves the cursor behind it and tells whether more follows.
func (s *Server) cutEvents(items []doc, cur *calCursor, size int) (page []doc, rest bool) {
	if s.paging.Short && size > 1 {
		size = (size + 1) / 2
	}
	from, to := min(cur.Offset, len(items)), min(cur.Offset+size, len(items))
	cur.Offset = to
	return items[from:to], to < len(items)
}

// listedEvent is one event in a list. Of a deleted one only what the vendor guarantees is shown.
func (c *call) listedEvent(cal *calendar, d doc) doc {
	if text(d, "status") != "cancelled" {
		return c.answered(cal, d)
	}
	out := doc{"kind": "calendar#event", "id": d["id"], "status": "cancelled", "etag": d["etag"]}
	if text(d, "recurringEventId") != "" {
		out["recurringEventId"], out["originalStartTime"] = d["recurringEventId"], shown(object(d, "originalStartTime"), cal.zone)
	}
	return out
}

// matching is everything that a call shows, in order.
func (s *Server) matching(c *call, w *calView, l eventListing, cur calCursor) []doc {
	var items []doc
	if cur.Sync {
		lower, upper, _ := strings.Cut(cur.Window, "/")
		l.min, _ = parseInstant(lower, "")
		l.max, _ = parseInstant(upper, "")
		items = w.changedItems(cur, l, c.now)
	} else {
		items = w.items(l, c.now)
	}
	items = slices.DeleteFunc(items, func(d doc) bool { return !c.selected(d) })
	switch l.order {
	case "startTime":
		slices.SortStableFunc(items, func(a, b doc) int {
			return whenOf(object(a, "start")).in(w.cal.zone).Compare(whenOf(object(b, "start")).in(w.cal.zone))
		})
	case "updated":
		slices.SortStableFunc(items, func(a, b doc) int { return cmp.Compare(text(a, "updated"), text(b, "updated")) })
	}
	return items
}

// selected applies the parameters that select by content.
func (c *call) selected(d doc) bool {
	if uid := c.query.Get("iCalUID"); uid != "" && text(d, "iCalUID") != uid {
		return false
	}
	if types := c.query["eventTypes"]; len(types) > 0 && !slices.Contains(types, cmp.Or(text(d, "eventType"), "default")) {
		return false
	}
	for param, kind := range map[string]string{"privateExtendedProperty": "private", "sharedExtendedProperty": "shared"} {
		for _, want := range c.query[param] {
			k, v, _ := strings.Cut(want, "=")
			if got, ok := object(object(d, "extendedProperties"), kind)[k]; !ok || got != v {
				return false
			}
		}
	}
	if q := strings.ToLower(c.query.Get("q")); q != "" {
		words := []string{text(d, "summary"), text(d, "description"), text(d, "location"), text(object(d, "organizer"), "email")}
		for _, g := range objects(d, "attendees") {
			words = append(words, text(g, "email"), text(g, "displayName"))
		}
		all := strings.ToLower(strings.Join(words, "\n"))
		for word := range strings.FieldsSeq(q) {
			if !strings.Contains(all, word) {
				return false
			}
		}
	}
	return true
}
