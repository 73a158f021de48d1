package google

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
)

const unauthenticated = "UNAUTHENTICATED"

// limits are the reasons by which a 403 means "slower" and not "no".
var limits = map[string]bool{
	"rateLimitExceeded": true, "userRateLimitExceeded": true, "quotaExceeded": true, "dailyLimitExceeded": true,
	"RATE_LIMIT_EXCEEDED": true, "RESOURCE_EXHAUSTED": true, "concurrentLimitExceeded": true,
}

// contactErrors are the details of a refused batch, by index of a create and by resource name of an update.
type contactErrors map[string]struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// apiError is the envelope of Google's errors (AIP-193) with the older list inside.
type apiError struct {
	Error struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Status  string `json:"status"`
		Errors  []struct {
			Reason string `json:"reason"`
		} `json:"errors"`
		Details []struct {
			Reason        string        `json:"reason"`
			ContactErrors contactErrors `json:"contactErrors"`
		} `json:"details"`
	} `json:"error"`
}

// reasons are all reasons that the error gives, the newest form first.
func (a apiError) reasons() []string {
	var out []string
	for _, d := range a.Error.Details {
		if d.Reason != "" {
			out = append(out, d.Reason)
		}
	}
	for _, e := range a.Error.Errors {
		if e.Reason != "" {
			out = append(out, e.Reason)
		}
	}
	return out
}

// refused is the error of a batch that says which of its contacts are the reason.
type refused struct{ contacts contactErrors }

// Error quotes no message: those quote values.
func (refused) Error() string { return "the batch was refused for some of its contacts" }

var code = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,79}$`)

// safeCode keeps a code a code: an error never carries a value, whatever a server puts where a code belongs.
func safeCode(s string) string {
	if !code.MatchString(s) {
		return "unknown_code"
	}
	return s
}

// statusError turns an answer other than 2xx into an error.
func statusError(r call, status int, header http.Header, body []byte, readErr error, now time.Time) *connector.Error {
	e := &connector.Error{Op: r.op, Code: "http_" + strconv.Itoa(status), Cause: readErr, RetryAfter: retryAfter(header, now)}
	var a apiError
	limited, expired := false, false
	if json.Unmarshal(body, &a) == nil {
		e.Words = a.Error.Message
		if a.Error.Status != "" {
			e.Code = safeCode(a.Error.Status)
		}
		for i, reason := range a.reasons() {
			if i == 0 {
				e.Code = safeCode(reason)
			}
			limited = limited || limits[reason]
			expired = expired || reason == "EXPIRED_SYNC_TOKEN"
		}
		for _, d := range a.Error.Details {
			if len(d.ContactErrors) > 0 {
				e.Cause = refused{d.ContactErrors}
			}
		}
	}
	e.Cause = answered{status, e.Cause}
	switch {
	case status == http.StatusNotImplemented:
		e.Class = connector.Bug // and did nothing
	case status >= 500 && r.write:
		e.Class = connector.Unclear // a gateway that gave up does not know what the server did
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status == http.StatusConflict, limited:
		e.Class, e.Quota = connector.Retry, limited || status == http.StatusTooManyRequests
	case status == http.StatusUnauthorized:
		e.Class, e.Code = connector.Reconnect, unauthenticated
	case status == http.StatusForbidden:
		e.Class = connector.Reconnect
	case expired, status == http.StatusGone:
		e.Class = connector.CursorLost
	case status == http.StatusNotFound:
		e.Class = connector.Missing
	case status == http.StatusPreconditionFailed, a.Error.Status == "FAILED_PRECONDITION", e.Code == "failedPrecondition":
		e.Class = connector.Stale
	case status >= 300 && status < 400:
		e.Class = connector.Reconnect // the base URL points somewhere else
	default:
		e.Class = connector.Bug
	}
	return e
}

// itemError is the error of one contact of a batch, by its google.rpc code.
func itemError(op string, rpc int, words string) *connector.Error {
	e := &connector.Error{Op: op, Row: true, Words: words, Class: connector.Park, Code: "rpc_" + strconv.Itoa(rpc)}
	switch rpc {
	case 3:
		e.Code = "INVALID_ARGUMENT"
	case 5:
		e.Class, e.Code = connector.Missing, "NOT_FOUND"
	case 7:
		e.Code = "PERMISSION_DENIED"
	case 6:
		e.Class, e.Code = connector.Exists, "ALREADY_EXISTS"
	case 9:
		e.Class, e.Code = connector.Stale, "FAILED_PRECONDITION"
	case 4, 8, 10, 13, 14:
		e.Class = connector.Retry
	}
	return e
}

// transportError turns a failure to send or to receive into an error. sent says that a write may have arrived.
func transportError(op string, err error, sent bool) *connector.Error {
	e := &connector.Error{Op: op, Class: connector.Retry, Code: "connection", Cause: err}
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		e.Code = "canceled"
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout():
		e.Code = "timeout"
	}
	if sent {
		e.Class = connector.Unclear
	}
	return e
}

// isNetwork reports whether err comes from the network.
func isNetwork(err error) bool {
	var n net.Error
	return errors.As(err, &n) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// bodyError turns an answer that cannot be read to its end into an error.
func bodyError(r call, err error, tooLarge bool) *connector.Error {
	e := transportError(r.op, err, r.write)
	switch {
	case tooLarge:
		e.Code = "answer_too_large"
		if !r.write {
			e.Class = connector.Bug
		}
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		e.Code = "answer_cut"
	case errors.Is(err, connector.ErrSaysNothing):
		e.Code = "answer_empty"
	case connector.NotJSON(err):
		e.Code, e.Cause = "answer_not_json", nil // a syntax error quotes the body
	}
	return e
}

// answered is the cause of an error that an answer was: its status, and what else is known of it.
type answered struct {
	status int
	cause  error
}

// Error quotes nothing but the status.
func (a answered) Error() string { return "answered with status " + strconv.Itoa(a.status) }

// Unwrap returns what else is known.
func (a answered) Unwrap() error { return a.cause }

// isStatus reports whether err is an answer with one of these statuses.
func isStatus(err error, status ...int) bool {
	var a answered
	return errors.As(err, &a) && slices.Contains(status, a.status)
}

// isCode reports whether err is a connector's error with this code.
func isCode(err error, code string) bool {
	var e *connector.Error
	return errors.As(err, &e) && e.Code == code
}

// retryAfter reads the header's two forms: seconds, or a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.Atoi(v); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil && t.After(now) {
		return t.Sub(now)
	}
	return 0
}
