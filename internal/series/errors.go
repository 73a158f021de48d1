package series

import (
	"errors"
	"fmt"
)

// Error says why a series cannot be expanded. Its text names the line of the recurrence, never what the event says.
type Error struct {
	code, text string
}

// Error returns the reason in words.
func (e *Error) Error() string { return e.text }

// The reasons. They are wrapped: compare with errors.Is, or ask Code.
var (
	ErrUnreadable  = &Error{"rule_unreadable", "the recurrence cannot be read"}
	ErrUnsupported = &Error{"rule_unsupported", "the recurrence says what Repsync does not expand exactly"}
	ErrTooMany     = &Error{"rule_too_many", "the series has too many occurrences"}
	ErrNever       = &Error{"rule_never", "the recurrence rule has no occurrence"}
	ErrZone        = &Error{"zone_unknown", "the IANA database has no time zone of that name"}
	ErrTime        = &Error{"time_unreadable", "the first occurrence has no readable start and end"}
)

// Code returns the stable code of an error of this package, fit for a reason in the journal, and "" for any other error.
func Code(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.code
	}
	return ""
}

func wrap(reason *Error, format string, args ...any) error {
	return fmt.Errorf("%w: %s", reason, fmt.Sprintf(format, args...))
}
