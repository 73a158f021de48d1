package google

import "net/http"

// The Calendar API still answers in the older form of Google's errors, with a domain and sometimes the parameter that is
// at fault (https://developers.google.com/workspace/calendar/api/guides/errors). location "" is none.
func calError(code int, domain, reason, message, location string) *apiError {
	return &apiError{code: code, domain: domain, reason: reason, message: message, location: location}
}

// calInvalid refuses a value.
func calInvalid(message string) *apiError {
	return calError(http.StatusBadRequest, "global", "invalid", message, "")
}

// calRequired misses a value.
func calRequired(message string) *apiError {
	return calError(http.StatusBadRequest, "global", "required", message, "")
}

func calNotFound() *apiError {
	return calError(http.StatusNotFound, "global", "notFound", "Not Found", "")
}

// calDeleted refuses to delete what is deleted already.
func calDeleted() *apiError {
	return calError(http.StatusGone, "global", "deleted", "Resource has been deleted", "")
}

// fullSyncRequired asks for a read without the sync token.
func fullSyncRequired() *apiError {
	return calError(http.StatusGone, "calendar", "fullSyncRequired", "Sync token is no longer valid, a full sync is required.", "syncToken")
}

// calDuplicate refuses an id that an event has or had.
func calDuplicate() *apiError {
	return calError(http.StatusConflict, "global", "duplicate", "The requested identifier already exists.", "")
}

// conditionNotMet refuses a request whose If-Match names another state.
func conditionNotMet() *apiError {
	e := calError(http.StatusPreconditionFailed, "global", "conditionNotMet", "Precondition Failed", "If-Match")
	e.locationType = "header"
	return e
}

// timeRangeEmpty refuses an end before its start.
func timeRangeEmpty(location string) *apiError {
	return calError(http.StatusBadRequest, "calendar", "timeRangeEmpty", "The specified time range is empty.", location)
}

// CalendarQuota limits units of the calendar service per minute; 0 is no limit.
type CalendarQuota struct {
	PerUser    int // excess is 403 userRateLimitExceeded
	PerProject int // all users together; excess is 403 rateLimitExceeded
}

// VendorCalendarQuota is what a new project has
// (https://developers.google.com/workspace/calendar/api/guides/quota).
var VendorCalendarQuota = CalendarQuota{PerUser: 600, PerProject: 10_000}

// patchUnits is what a patch takes of the quotas; every other call takes one unit
// (https://developers.google.com/workspace/calendar/api/v3/reference/events/patch: "consumes three quota units").
const patchUnits = 3

// spendCalendar takes the units of one call from the quotas of the calendar service.
func (s *Server) spendCalendar(c *call, units int) *apiError {
	if !s.calWindow.take(c.now, units, s.calQuota.PerProject) {
		return calError(http.StatusForbidden, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded", "")
	}
	if !c.take("calendar", units, s.calQuota.PerUser) {
		return calError(http.StatusForbidden, "usageLimits", "userRateLimitExceeded", "User Rate Limit Exceeded", "")
	}
	return nil
}

// SetCalendarQuota changes the quotas of the calendar service.
func (s *Server) SetCalendarQuota(q CalendarQuota) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calQuota = q
}
