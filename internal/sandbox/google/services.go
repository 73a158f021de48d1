package google

import (
	"fmt"
	"net/http"
	"strings"
)

// The services that a project has to enable, by the names that errors give them.
const (
	ServicePeople   = "people.googleapis.com"
	ServiceCalendar = "calendar-json.googleapis.com"
)

// titles are the services' names for people.
var titles = map[string]string{ServicePeople: "People API", ServiceCalendar: "Google Calendar API"}

// SetService enables or disables a service in the service account's project. All are enabled at first.
func (s *Server) SetService(service string, enabled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disabled[service] = !enabled
}

// serviceDisabled refuses a call to a service that the project has not enabled. (Google Cloud, "Service Usage:
// Troubleshooting"; the body as clients report it.)
func serviceDisabled(service string) *apiError {
	page := fmt.Sprintf("https://console.developers.google.com/apis/api/%s/overview?project=%s", service, projectNumber)
	message := fmt.Sprintf("%s has not been used in project %s before or it is disabled. Enable it by visiting %s then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry.",
		titles[service], projectNumber, page)
	return &apiError{code: http.StatusForbidden, status: "PERMISSION_DENIED", domain: "usageLimits", reason: "accessNotConfigured", message: message, details: []any{
		errorInfo("SERVICE_DISABLED", "googleapis.com", map[string]string{"consumer": "projects/" + projectNumber, "service": service, "activationUrl": page}),
		map[string]any{"@type": "type.googleapis.com/google.rpc.Help", "links": []any{map[string]string{"description": "Google developers console API activation", "url": page}}}}}
}

// SetCalendarUser says whether an account has the Calendar service, which an admin may turn off for a part of the domain.
// Every account has it at first.
func (s *Server) SetCalendarUser(email string, has bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.users[strings.ToLower(email)]; u != nil {
		u.noCalendar = !has
	}
}

// notACalendarUser refuses an account without Calendar. (Calendar API, "Handle API errors", 403.)
func notACalendarUser() *apiError {
	return calError(http.StatusForbidden, "calendar", "notACalendarUser", "The user must be signed up for Google Calendar.", "")
}
