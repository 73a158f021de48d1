package record

import (
	"slices"
	"strings"
)

// Comparable returns the form in which two values of one field are compared, under a version of the normaliser; the
// empty value, and only it, has the form "". It is idempotent.
//
// Version 1: email addresses in lower case; phones as digits with a leading "+" where it was typed, and "x" before an
// extension; times as instants, or as dates; lists of people, records and rules without their order; all other text as Canonical has it, with white space at line ends and trailing blank lines dropped, and
// case kept, since "de la Cruz" corrected to "De la Cruz" is an edit.
//
// A version that this build does not know is compared under the newest one that it does.
func Comparable(_ int, field, value string) string {
	return comparable1(field, value) // version 2 gets its own case here; version 1 stays
}

func comparable1(field, value string) string {
	switch {
	case field == FieldEmail:
		return NormalEmail(value)
	case field == FieldEmails:
		return Canonical(field, value)
	case strings.HasPrefix(field, "phone."):
		return comparablePhone(value)
	case field == FieldTime:
		return comparableSpan(value)
	case field == FieldAttendees || field == FieldRelations || field == FieldRecurrence:
		return comparableLines(value)
	default:
		return comparableText(value)
	}
}

// Equal reports whether two values of a field mean the same under the current normaliser.
func Equal(field, a, b string) bool {
	return Comparable(Normaliser, field, a) == Comparable(Normaliser, field, b)
}

// comparableLines compares lists whose order says nothing, nor do empty lines.
func comparableLines(value string) string {
	lines := strings.FieldsFunc(comparableText(value), func(r rune) bool { return r == '\n' })
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n")
}

func comparableText(value string) string {
	text := tidy(value)
	if !strings.Contains(text, "\n") {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
