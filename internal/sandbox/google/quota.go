package google

import (
	"fmt"
	"net/http"
	"time"
)

// window counts the units of one quota within a minute that slides: what a burst took is free again one minute after it, and
// not when a minute of the clock begins (developers.google.com/workspace/calendar/api/guides/quota: "calculated per minute
// using a sliding window").
type window struct {
	taken []taken // oldest first
	sum   int
}

// taken is what was taken at one moment.
type taken struct {
	at    time.Time
	units int
}

// take takes units of a limit, and reports false where that is more than is left. 0 is no limit, and nothing is counted.
func (w *window) take(now time.Time, units, limit int) bool {
	if limit <= 0 {
		*w = window{}
		return true
	}
	for len(w.taken) > 0 && !now.Before(w.taken[0].at.Add(time.Minute)) {
		w.sum -= w.taken[0].units
		w.taken = w.taken[1:]
	}
	if w.sum+units > limit {
		return false
	}
	w.taken, w.sum = append(w.taken, taken{now, units}), w.sum+units
	return true
}

// spend takes one request from a user's quota of critical reads or writes.
func (s *Server) spend(c *call, mutates bool) *apiError {
	kind, what, limit := "read", "Critical read requests (Contact and Profile Reads)", s.quota.CriticalReads
	if mutates {
		kind, what, limit = "write", "Critical write requests", s.quota.CriticalWrites
	}
	if c.take(kind, 1, limit) {
		return nil
	}
	metric := fmt.Sprintf("people.googleapis.com/critical_%s_requests", kind)
	name := map[string]string{"read": "CriticalReadsPerMinutePerProjectPerUser", "write": "CriticalWritesPerMinutePerProjectPerUser"}[kind]
	return &apiError{code: http.StatusTooManyRequests, status: "RESOURCE_EXHAUSTED", reason: "rateLimitExceeded",
		message: fmt.Sprintf("Quota exceeded for quota metric '%s' and limit '%s per minute per user' of service 'people.googleapis.com' for consumer 'project_number:%s'.", what, what, projectNumber),
		details: []any{errorInfo("RATE_LIMIT_EXCEEDED", "googleapis.com", map[string]string{
			"consumer": "projects/" + projectNumber, "quota_limit": name, "quota_metric": metric,
			"quota_limit_value": fmt.Sprint(limit), "service": "people.googleapis.com"})}}
}

// spendFullRead takes one first page of a full read from its own, fixed quota.
func (s *Server) spendFullRead(c *call) *apiError {
	if c.take("full", 1, s.quota.FullReads) {
		return nil
	}
	return &apiError{code: http.StatusTooManyRequests, status: "RESOURCE_EXHAUSTED", reason: "rateLimitExceeded",
		message: "Resource has been exhausted (e.g. check quota).",
		details: []any{map[string]any{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []any{
			map[string]any{"subject": "QUOTA_EXCEEDED", "description": "FBS quota limit exceeded"}}}}}
}

// take takes units of one of the user's quotas.
func (c *call) take(kind string, units, limit int) bool {
	if c.user.windows[kind] == nil {
		c.user.windows[kind] = &window{}
	}
	return c.user.windows[kind].take(c.now, units, limit)
}
