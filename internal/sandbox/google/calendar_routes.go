package google

import (
	"net/http"
	"net/url"
	"strings"
)

var (
	calendarRead  = []string{ScopeCalendar, ScopeCalendarReadonly}
	eventsRead    = []string{ScopeCalendar, ScopeCalendarEvents, ScopeCalendarReadonly}
	eventsWrite   = []string{ScopeCalendar, ScopeCalendarEvents}
	getParams     = []string{"alwaysIncludeEmail", "maxAttendees", "timeZone"}
	writeParams   = []string{"alwaysIncludeEmail", "conferenceDataVersion", "eventLabelVersion", "maxAttendees", "sendNotifications", "sendUpdates", "supportsAttachments"}
	sendParams    = []string{"sendNotifications", "sendUpdates"}
	listParams    = []string{"alwaysIncludeEmail", "eventTypes", "iCalUID", "maxAttendees", "maxResults", "orderBy", "pageToken", "privateExtendedProperty", "q", "sharedExtendedProperty", "showDeleted", "showHiddenInvitations", "singleEvents", "syncToken", "timeMax", "timeMin", "timeZone", "updatedMin"}
	instanceParam = []string{"alwaysIncludeEmail", "maxAttendees", "maxResults", "originalStart", "pageToken", "showDeleted", "timeMax", "timeMin", "timeZone"}
)

// calendarEndpoints are the methods of Calendar v3 by HTTP method and path, in which * stands for an id.
var calendarEndpoints = map[string]endpoint{
	"GET users/me/calendarList":          {name: "calendarList.list", scopes: calendarRead, params: []string{"maxResults", "minAccessRole", "pageToken", "showDeleted", "showHidden", "showOwnOrganizationOnly"}, serve: (*Server).listCalendars},
	"GET users/me/calendarList/*":        {name: "calendarList.get", scopes: calendarRead, serve: (*Server).getCalendarEntry},
	"GET calendars/*":                    {name: "calendars.get", scopes: calendarRead, serve: (*Server).getCalendar},
	"GET calendars/*/events":             {name: "events.list", scopes: eventsRead, params: listParams, serve: (*Server).listEvents},
	"POST calendars/*/events":            {name: "events.insert", mutates: true, scopes: eventsWrite, params: writeParams, serve: (*Server).insertEvent},
	"POST calendars/*/events/import":     {name: "events.import", mutates: true, scopes: eventsWrite, params: writeParams[:3], serve: (*Server).importEvent},
	"POST calendars/*/events/watch":      {name: "events.watch", scopes: eventsRead, params: listParams, serve: (*Server).watchEvents},
	"GET calendars/*/events/*":           {name: "events.get", scopes: eventsRead, params: getParams, serve: (*Server).getEvent},
	"PATCH calendars/*/events/*":         {name: "events.patch", mutates: true, scopes: eventsWrite, params: writeParams, serve: (*Server).patchEvent},
	"PUT calendars/*/events/*":           {name: "events.update", mutates: true, scopes: eventsWrite, params: writeParams, serve: (*Server).updateEvent},
	"DELETE calendars/*/events/*":        {name: "events.delete", mutates: true, scopes: eventsWrite, params: sendParams, serve: (*Server).deleteEvent},
	"GET calendars/*/events/*/instances": {name: "events.instances", scopes: eventsRead, params: instanceParam, serve: (*Server).listInstances},
	"POST calendars/*/events/*/move":     {name: "events.move", mutates: true, scopes: eventsWrite, params: append([]string{"destination"}, sendParams...), serve: (*Server).moveEvent},
	"POST channels/stop":                 {name: "channels.stop", scopes: eventsRead, serve: (*Server).stopChannel},
}

// routeCalendar finds the method of Calendar v3 for an escaped path after /calendar/v3/. The resource is that path.
func routeCalendar(method, path string) (endpoint, string, bool) {
	parts := strings.Split(path, "/")
	fixed := func(i int) bool { // "calendars/X/events/Y/move": the words of the path, as opposed to ids
		return i == 0 || i%2 == 0 || parts[0] == "channels" || (parts[0] == "users" && i < 3) ||
			(i == 3 && len(parts) == 4 && method == "POST")
	}
	var pattern []string
	for i, p := range parts {
		if parts[0] == "users" && i == 3 || !fixed(i) {
			if p == "" {
				return endpoint{}, "", false
			}
			p = "*"
		}
		pattern = append(pattern, p)
	}
	ep, ok := calendarEndpoints[method+" "+strings.Join(pattern, "/")]
	if !ok {
		return endpoint{}, "", false
	}
	serve := ep.serve
	units := 1
	if method == http.MethodPatch {
		units = patchUnits
	}
	ep.spend = func(s *Server, c *call) *apiError { return s.spendCalendar(c, units) }
	ep.serve = func(s *Server, c *call) (any, *apiError) {
		c.ids = pathIDs(parts, pattern)
		return serve(s, c)
	}
	return ep, path, true
}

// pathIDs are the ids in a path, unescaped.
func pathIDs(parts, pattern []string) []string {
	var out []string
	for i, p := range pattern {
		if p == "*" {
			id, err := url.PathUnescape(parts[i])
			if err != nil {
				id = parts[i]
			}
			out = append(out, id)
		}
	}
	return out
}
