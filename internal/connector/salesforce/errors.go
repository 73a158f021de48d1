package salesforce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/repsync/repsync/internal/connector"
)

const sessionGone = "INVALID_SESSION_ID"

// classes says what each of the vendor's codes means for a caller; a row's code that is not here parks that row, a
// request's code goes by its status. Source: REST API Developer Guide, "Status Codes and Error Responses"; SOAP API
// Developer Guide, "StatusCode".
var classes = map[string]connector.Class{
	sessionGone:                               connector.Reconnect,
	"INVALID_AUTH_HEADER":                     connector.Reconnect,
	"INVALID_LOGIN":                           connector.Reconnect,
	"INACTIVE_OWNER_OR_USER":                  connector.Park,
	"API_DISABLED_FOR_ORG":                    connector.Reconnect,
	"API_CURRENTLY_DISABLED":                  connector.Reconnect,
	"ORG_LOCKED":                              connector.Reconnect,
	"USER_LOCKED_OUT":                         connector.Reconnect,
	"INSUFFICIENT_API_ACCESS":                 connector.Reconnect,
	"REQUEST_LIMIT_EXCEEDED":                  connector.Retry,
	"CONCURRENT_API_LIMIT":                    connector.Retry,
	"SERVER_UNAVAILABLE":                      connector.Retry,
	"UNABLE_TO_LOCK_ROW":                      connector.Retry,
	"ROW_LOCK_TIMEOUT":                        connector.Retry,
	"QUERY_TIMEOUT":                           connector.Retry,
	"REQUEST_RUNNING_TOO_LONG":                connector.Retry,
	"OPERATION_TOO_LARGE":                     connector.Retry,
	"UNKNOWN_EXCEPTION":                       connector.Retry,
	"INVALID_FIELD":                           connector.Retry, // describe is read anew: a field went, or a permission
	"INVALID_TYPE":                            connector.Unsupported,
	"FIELD_INTEGRITY_EXCEPTION":               connector.Park, // an event of more than 14 days, an end before the start
	"STRING_TOO_LONG":                         connector.Park,
	"NUMBER_OUTSIDE_VALID_RANGE":              connector.Park,
	"INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": connector.Park,
	"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY":    connector.Park,
	"ENTITY_IS_DELETED":                       connector.Missing,
	"INVALID_CROSS_REFERENCE_KEY":             connector.Missing,
	"NOT_FOUND":                               connector.Missing,
	"MALFORMED_QUERY":                         connector.Bug,
	"MALFORMED_ID":                            connector.Bug,
	"JSON_PARSER_ERROR":                       connector.Bug,
	"METHOD_NOT_ALLOWED":                      connector.Bug,
	"EXCEEDED_MAX_SIZE_REQUEST":               connector.Bug,
	"INVALID_QUERY_LOCATOR":                   connector.CursorLost,
}

// vendorError is one error in either of the two forms the API uses.
type vendorError struct {
	ErrorCode  string   `json:"errorCode"`
	StatusCode string   `json:"statusCode"`
	Message    string   `json:"message"`
	Fields     []string `json:"fields"`
}

// vendorErrors is a list of them; servers are about that give one by itself.
type vendorErrors []vendorError

// UnmarshalJSON takes a list, one error, or null.
func (v *vendorErrors) UnmarshalJSON(raw []byte) error {
	if raw = bytes.TrimSpace(raw); len(raw) > 0 && raw[0] == '{' {
		var one vendorError
		err := json.Unmarshal(raw, &one)
		*v = vendorErrors{one}
		return err
	}
	return json.Unmarshal(raw, (*[]vendorError)(v))
}

func (v vendorError) code() string {
	code := v.ErrorCode
	if code == "" {
		code = v.StatusCode
	}
	return safeCode(code)
}

// safeCode keeps a code a code: an error never carries a value, whatever a server puts where a code belongs.
func safeCode(code string) string {
	if len(code) > 80 || !apiName.MatchString(code) {
		return "unknown_code"
	}
	return code
}

// badToken is all that the identity URLs say of a session that is gone, with a 403. Source: Salesforce Help, "OAuth Endpoints".
const badToken = "Bad_OAuth_Token"

// statusError turns an answer other than 2xx into an error.
func statusError(r call, resp *http.Response, body []byte, readErr error, now time.Time) *connector.Error {
	e := &connector.Error{Op: r.op, Code: "http_" + strconv.Itoa(resp.StatusCode), RetryAfter: retryAfter(resp.Header, now)}
	var list vendorErrors
	if json.Unmarshal(body, &list) != nil || len(list) == 1 && list[0].code() == "unknown_code" && body[0] != '[' {
		list = nil
	}
	e.Cause = answered{status: resp.StatusCode, list: list, cause: readErr}
	known := false
	if len(list) > 0 {
		e.Code, e.Words = list[0].code(), list[0].Message
		e.Class, known = classes[e.Code]
	}
	status := resp.StatusCode
	switch {
	case status == http.StatusNotImplemented:
		e.Class = connector.Bug // and did nothing
	case status >= 500 && r.write:
		e.Class = connector.Unclear // a gateway that gave up does not know what the server did
	case status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		e.Class = connector.Retry
	case status == http.StatusUnauthorized, status == http.StatusForbidden && strings.TrimSpace(string(body)) == badToken:
		e.Class, e.Code = connector.Reconnect, sessionGone
	case known:
	case status == http.StatusForbidden:
		e.Class = connector.Reconnect
	case status == http.StatusNotFound:
		e.Class = connector.Missing
	case status >= 300 && status < 400:
		e.Class = connector.Reconnect // the org moved: base_url or My Domain changed
	default:
		e.Class = connector.Bug
	}
	return e
}

// rowError turns a row's error of a collection into an error.
func rowError(op string, verb connector.Verb, list []vendorError) *connector.Error {
	e := &connector.Error{Op: op, Class: connector.Park, Code: "unknown_code", Row: true}
	if len(list) == 0 {
		return e
	}
	e.Code, e.Words = list[0].code(), list[0].Message
	if class, ok := classes[e.Code]; ok {
		e.Class = class
	}
	switch {
	case e.Class == connector.Missing && (verb == connector.Create || namesReference(list[0].Fields)):
		e.Class = connector.Park // a reference in the row (the owner, a contact) is not there
	case verb == connector.Create && e.Code == "DUPLICATE_VALUE":
		e.Class = connector.Exists
	case e.Class == connector.Bug || e.Class == connector.Unsupported || e.Class == connector.Reconnect:
		e.Class = connector.Park // one row's trouble stays one row's
	}
	return e
}

// namesReference reports whether an error speaks of a reference in the row and not of the row.
func namesReference(fields []string) bool {
	return slices.ContainsFunc(fields, func(f string) bool { return !strings.EqualFold(f, "Id") })
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
		e.Code = "answer_not_json"
		e.Cause = nil // a syntax error quotes the body
	}
	return e
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

// isCode reports whether err is a connector's error with one of these codes.
func isCode(err error, codes ...string) bool {
	var e *connector.Error
	return errors.As(err, &e) && slices.Contains(codes, e.Code)
}

// notServed reports whether a server does not know an object or a field at all, as servers that offer part of the API do.
func notServed(err error) bool {
	class := connector.ClassOf(err)
	return class == connector.Unsupported || class == connector.Missing || isCode(err, "INVALID_FIELD", "MALFORMED_QUERY", "INSUFFICIENT_ACCESS")
}
