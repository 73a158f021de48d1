package record_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/record"
)

// FuzzNormalisation takes any text as the value of every sort of field: what is canonical stays so, and what compares equal
// keeps doing so. Lists of people and records mean the same once they were read and written.
func FuzzNormalisation(f *testing.F) {
	for _, raw := range []string{
		"", "+44 (0)20 7946 0018 ext. 3", "1-800-FLOWERS", "x1", "#1 x2", "Mu\x00\u0308ller", "\xff\r\r\n", "A@B.test\nc@d.test", "a@b.test accepted\nc@d.test", "003A accepted\n-005C\n001B",
		"RRULE:FREQ=DAILY\nEXDATE:20260101", "2026-03-29/2026-03-30", "2026-03-29T09:00:00+02:00[Europe/Berlin]/2026-03-29T10:00:00+02:00[Europe/Berlin]", "ẞ İ ﬁ ǅ", "\u0085x\u2028",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		for _, field := range []string{
			record.FieldTitle, record.FieldEmail, record.FieldEmails, record.FieldPhoneWork, record.FieldTime, record.FieldAttendees, record.FieldRelations, record.FieldRecurrence,
		} {
			checkText(t, field, raw)
		}
		people := record.JoinAttendees(record.Attendees(raw))
		require.Equal(t, people, record.JoinAttendees(record.Attendees(people)))
		records := record.JoinRelations(record.Relations(raw))
		require.Equal(t, records, record.JoinRelations(record.Relations(records)))
		emails := record.Canonical(record.FieldEmails, raw)
		require.Equal(t, emails, strings.Join(record.Emails(record.Fields{record.FieldEmails: emails}), "\n"))
	})
}
