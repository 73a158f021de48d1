package google

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A look at a whole list takes an item for what a read takes it for, at a fraction of the cost.
func TestALookSeesWhatAReadSees(t *testing.T) { //nolint:paralleltest // it counts allocations
	calendar, people := &calendar{Config: Config{Org: "acme"}}, &people{Config: Config{Org: "acme"}}
	const times = `,"start":{"dateTime":"2026-11-23T09:00:00Z"},"end":{"dateTime":"2026-11-23T10:00:00Z"}}`
	for name, raw := range map[string]string{
		"an event":              `{"id":"abcde","etag":"\"1\"","status":"confirmed","summary":"Visit","location":"Room 4"` + times,
		"without an etag":       `{"id":"abcde","status":"confirmed","summary":"Visit"` + times,
		"cancelled":             `{"id":"abcde","etag":"\"1\"","status":"cancelled"}`,
		"a working location":    `{"id":"abcde","etag":"\"1\"","eventType":"workingLocation"` + times,
		"a focus time":          `{"id":"abcde","etag":"\"1\"","eventType":"focusTime"` + times,
		"one without its times": `{"id":"abcde","etag":"\"1\"","status":"confirmed"}`,
		"no event":              `[1]`,
	} {
		require.Equal(t, seenEvents([]seen{calendar.read([]byte(raw))})[0], calendar.seen([]byte(raw)), name)
	}
	person := []byte(`{"resourceName":"people/c1","etag":"%mask","metadata":{"sources":[{"type":"PROFILE","etag":"no"},{"type":"CONTACT","id":"1","etag":"#one","updateTime":"2026-11-23T09:00:00Z"}]},
		"names":[{"givenName":"Ada","familyName":"Lovelace"}],"emailAddresses":[{"value":"ada@customer.test","type":"work"}],"phoneNumbers":[{"value":"+1 617 555 0100","type":"work"}]}`)
	one, err := people.decode(person)
	require.NoError(t, err)
	require.Equal(t, shown{id: one.item.ID, tag: one.item.Version.Tag}, people.seen(person))
	look, read := testing.AllocsPerRun(20, func() { people.seen(person) }), testing.AllocsPerRun(20, func() { _, _ = people.decode(person) })
	require.Less(t, look, read/4)
}
