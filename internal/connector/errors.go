package connector

import (
	"errors"
	"fmt"
	"time"
)

// Class says what a caller does about an error. Classes are decided in the connector and nowhere else.
type Class string

// The classes.
const (
	Retry       Class = "retry"       // try again, not before RetryAfter
	Unclear     Class = "unclear"     // the write may or may not have happened: look for it before sending again
	Stale       Class = "stale"       // the item moved since it was read (412): read and plan again
	Park        Class = "park"        // this item cannot be written as it is
	CursorLost  Class = "cursor_lost" // the token is no longer accepted: full read
	Reconnect   Class = "reconnect"   // credentials refused: wait for an admin
	Unsupported Class = "unsupported" // the server does not offer this; the kind is refused
	Missing     Class = "missing"     // update or delete of an item that is no longer there
	Exists      Class = "exists"      // a create whose id is taken: the item is there, or was deleted by a person
	Bug         Class = "bug"         // we sent something that no correct client sends
)

// Error is every error of a connector.
type Error struct {
	Class      Class
	Code       string        // a stable code: the vendor's (DUPLICATES_DETECTED) or ours (timeout); never a value
	RetryAfter time.Duration // for Retry: the server's own wish, 0 when it gave none
	Quota      bool          // for Retry: the mailbox's or the project's quota is used up, be it told of one op of a batch
	Row        bool          // of one op of a batch: the others may have gone through
	Op         string        // what was being done: "salesforce query Contact"
	Words      string        // the vendor's own message. It may quote customers' values: it is sealed when stored, and never logged or returned to Temporal
	Cause      error         // for errors.Is on transport errors; not printed
}

// Error prints the operation, class and code. It never prints Words or Cause, which may quote customers' values.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s (%s)", e.Op, e.Code, e.Class) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// ClassOf returns the class of err, Bug for an error that is not a connector's, "" for nil.
func ClassOf(err error) Class {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Class
	}
	return Bug
}
