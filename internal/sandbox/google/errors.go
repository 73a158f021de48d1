package google

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
)

// apiError is an error in the envelope that all of Google's APIs use (AIP-193).
type apiError struct {
	code    int    // HTTP
	status  string // google.rpc.Code by name
	reason  string // of the older "errors" list: badRequest, failedPrecondition
	message string
	details []any

	domain                 string // of the "errors" list: global by default
	location, locationType string // what of the request is at fault; a parameter by default
	older                  string // what the "errors" list says instead of message: the wording that errors had before
}

// Error lets the Go API return what the wire would.
func (e *apiError) Error() string {
	return fmt.Sprintf("%d %s: %s", e.code, cmp.Or(e.status, e.reason), e.message)
}

// rpc is the error as a google.rpc.Status inside another answer.
func (e *apiError) rpc() *Status {
	return &Status{Code: rpcCodes[e.status], Message: e.message, Details: e.details}
}

// rpcCodes are the numbers of google.rpc.Code.
var rpcCodes = map[string]int{
	"INVALID_ARGUMENT": 3, "NOT_FOUND": 5, "PERMISSION_DENIED": 7, "RESOURCE_EXHAUSTED": 8, "FAILED_PRECONDITION": 9,
	"ABORTED": 10, "UNAUTHENTICATED": 16,
}

func invalid(format string, args ...any) *apiError {
	return &apiError{code: http.StatusBadRequest, status: "INVALID_ARGUMENT", reason: "badRequest", message: fmt.Sprintf(format, args...)}
}

func notFound() *apiError {
	return &apiError{code: http.StatusNotFound, status: "NOT_FOUND", reason: "notFound", message: "Requested entity was not found."}
}

// stale refuses an update that was made from an older state.
func stale() *apiError {
	return &apiError{code: http.StatusBadRequest, status: "FAILED_PRECONDITION", reason: "failedPrecondition",
		message: "Request person.etag is different than the current person.etag. Clear local cache and get the latest person."}
}

// expiredSyncToken asks for a full read. Clients go by the reason in the details.
func expiredSyncToken() *apiError {
	return &apiError{code: http.StatusBadRequest, status: "FAILED_PRECONDITION", reason: "failedPrecondition",
		message: "Sync token is expired. Clear local cache and retry call without the sync token.",
		details: []any{errorInfo("EXPIRED_SYNC_TOKEN", "people.googleapis.com", nil)}}
}

// errorInfo is google.rpc.ErrorInfo.
func errorInfo(reason, domain string, metadata map[string]string) map[string]any {
	out := map[string]any{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": domain}
	if metadata != nil {
		out["metadata"] = metadata
	}
	return out
}

// send writes the error to the wire.
func (e *apiError) send(w http.ResponseWriter) {
	first := map[string]any{"message": cmp.Or(e.older, e.message), "domain": cmp.Or(e.domain, "global"), "reason": e.reason}
	if e.location != "" {
		first["location"], first["locationType"] = e.location, cmp.Or(e.locationType, "parameter")
	}
	body := map[string]any{"code": e.code, "message": e.message, "errors": []any{first}}
	if e.status != "" {
		body["status"] = e.status
	}
	if len(e.details) > 0 {
		body["details"] = e.details
	}
	if e.code == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/", error="invalid_token"`)
	}
	sendJSON(w, e.code, map[string]any{"error": body})
}

// sendJSON writes an answer as Google does: indented, in UTF-8, never cached.
func sendJSON(w http.ResponseWriter, status int, body any) {
	b, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		http.Error(w, "encode answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.Header().Set("Cache-Control", "private")
	w.Header().Set("Vary", "Origin, X-Origin, Referer")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}
