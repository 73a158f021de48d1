package google

import (
	"fmt"
	"net/http"
	"time"
)

// window counts one user's requests of one kind within a minute.
type window struct {
	start time.Time
	used  int
}

// spend takes one request from a user's quota of critical reads or writes.
func (s *Server) spend(c *call, mutates bool) *apiError {
	kind, what, limit := "read", "Critical read requests (Contact and Profile Reads)", s.quota.CriticalReads
	if mutates {
		kind, what, limit = "write", "Critical write requests", s.quota.CriticalWrites
	}
	if c.take(kind, limit) {
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
	if c.take("full", s.quota.FullReads) {
		return nil
	}
	return &apiError{code: http.StatusTooManyRequests, status: "RESOURCE_EXHAUSTED", reason: "rateLimitExceeded",
		message: "Resource has been exhausted (e.g. check quota).",
		details: []any{map[string]any{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []any{
			map[string]any{"subject": "QUOTA_EXCEEDED", "description": "FBS quota limit exceeded"}}}}}
}

// take counts a request, and reports false when the minute's limit was reached before it.
func (c *call) take(kind string, limit int) bool {
	w := c.user.windows[kind]
	if start := c.now.Truncate(time.Minute); !w.start.Equal(start) {
		w = window{start: start}
	}
	if limit > 0 && w.used >= limit {
		return false
	}
	w.used++
	c.user.windows[kind] = w
	return true
}
