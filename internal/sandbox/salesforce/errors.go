package salesforce

import (
	"fmt"
	"maps"
	"net/http"
)

// Error is one failure in the vendor's words. Go callers of Insert, Update and their like get it as *Error; HTTP
// clients get it as JSON: an array of {message, errorCode, fields} from single-record resources, {statusCode, message,
// fields} per row from collections. (REST API Developer Guide, "Status Codes and Error Responses".)
type Error struct {
	Status  int    // HTTP status of a single-record call
	Code    string // the vendor's errorCode, "STRING_TOO_LONG"
	Message string
	Fields  []string       // API names of the fields at fault; nil: the member is left out of a single-record answer
	extra   map[string]any // further members on single-record resources
}

// Error prints the code and the vendor's message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// single is the error as single-record resources show it.
func (e *Error) single() map[string]any {
	m := map[string]any{"message": e.Message, "errorCode": e.Code}
	if e.Fields != nil {
		m["fields"] = e.Fields
	}
	maps.Copy(m, e.extra)
	return m
}

// row is the error as collections show it, inside {"success":false,"errors":[…]}.
func (e *Error) row() map[string]any {
	fields := e.Fields
	if fields == nil {
		fields = []string{}
	}
	return map[string]any{"statusCode": e.Code, "message": e.Message, "fields": fields}
}

// fail makes a 400 error without a fields member.
func fail(code, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

// failFields makes a 400 error that names fields; with none it shows an empty list, as data errors do.
func failFields(code, message string, fields ...string) *Error {
	if fields == nil {
		fields = []string{}
	}
	return &Error{Status: http.StatusBadRequest, Code: code, Message: message, Fields: fields}
}

// with returns the error under another HTTP status.
func (e *Error) with(status int) *Error {
	e.Status = status
	return e
}

func errNotFound() *Error {
	return fail("NOT_FOUND", "The requested resource does not exist").with(http.StatusNotFound)
}

// errNoExternalID answers a path in which an id, or the name of an external id field, was to stand.
func errNoExternalID(given string) *Error {
	return fail("NOT_FOUND", "Provided external ID field does not exist or is not accessible: %s", given).with(http.StatusNotFound)
}

func errDeleted() *Error {
	return failFields("ENTITY_IS_DELETED", "entity is deleted").with(http.StatusNotFound)
}

func errCrossReference(fields ...string) *Error {
	return failFields("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields...)
}

func errReadOnly() *Error {
	return failFields("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id").with(http.StatusForbidden)
}

func errInvisible() *Error {
	return failFields("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "insufficient access rights on cross-reference id").with(http.StatusForbidden)
}

func errNoColumn(field, object string) *Error {
	return fail("INVALID_FIELD", "No such column '%s' on sobject of type %s", field, object)
}

func errNotWritable(field string) *Error {
	return failFields("INVALID_FIELD_FOR_INSERT_UPDATE",
		"Unable to create/update fields: "+field+". Please check the security settings of this field and verify that it is read/write for your profile or permission set.", field)
}

func errLocked(id string) *Error {
	return failFields("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records: "+id)
}

func errMethod(method, allowed string) *Error {
	return fail("METHOD_NOT_ALLOWED", "HTTP Method '%s' not allowed. Allowed are %s", method, allowed).with(http.StatusMethodNotAllowed)
}

func errSession() *Error {
	return fail("INVALID_SESSION_ID", "Session expired or invalid").with(http.StatusUnauthorized)
}
