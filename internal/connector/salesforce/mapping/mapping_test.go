package mapping_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector/salesforce/mapping"
	"github.com/repsync/repsync/internal/record"
)

// Two canonical fields in one CRM field would overwrite each other for ever.
func TestContactIsOneToOne(t *testing.T) {
	t.Parallel()
	held := map[string]string{}
	for canonical, api := range mapping.Contact {
		require.Empty(t, held[api], "%s and %s both map to %s", canonical, held[api], api)
		held[api] = canonical
	}
}

func TestContactLeavesOut(t *testing.T) {
	t.Parallel()
	for _, field := range []string{
		record.FieldEmails, record.FieldHomeStreet, record.FieldHomeCity, record.FieldHomeRegion,
		record.FieldHomePostal, record.FieldHomeCountry,
	} {
		require.NotContains(t, mapping.Contact, field)
	}
}

// Of an event, only the two forms of its people come from one place, and one of them is never written.
func TestEventIsOneToOne(t *testing.T) {
	t.Parallel()
	held := map[string]string{}
	for canonical, api := range mapping.Event {
		if canonical == record.FieldAttendees {
			continue
		}
		require.Empty(t, held[api], "%s and %s both map to %s", canonical, held[api], api)
		held[api] = canonical
	}
	require.Equal(t, mapping.Event[record.FieldRelations], mapping.Event[record.FieldAttendees])
	for _, field := range []string{record.FieldAnswer, record.FieldUID, record.FieldStatus, record.FieldLabels, record.FieldOccurrence} {
		require.NotContains(t, mapping.Event, field)
	}
}
