package record

import (
	"strings"
	"time"
)

// ValidDate reports whether a value of a date field is one: YYYY-MM-DD, or --MM-DD when the year is not known (the form
// of RFC 6350 section 4.3.1, with ISO 8601's dash between month and day). --02-29 is valid.
func ValidDate(v string) bool {
	if rest, ok := strings.CutPrefix(v, "--"); ok {
		v = "2000-" + rest // a leap year, so that the 29th of February passes
	}
	_, err := time.Parse(time.DateOnly, v)
	return err == nil
}

// HasYear reports whether a date's year is known.
func HasYear(v string) bool { return ValidDate(v) && !strings.HasPrefix(v, "--") }
