package google_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/google"
	"github.com/repsync/repsync/internal/record"
)

// A first read of a large address book costs one request a thousand people, the most that Google gives on a page, and a
// read after it one.
func TestFullReadCostsAPageEach(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const people = 10_000
	for n := range people {
		b.insert(t, m{"names": []m{{"givenName": fmt.Sprintf("N%d", n)}}})
	}
	mailbox := b.connect(google.Config{PageSize: 1000})
	seen := map[string]bool{}
	var q connector.Query
	for q.Token == nil {
		d, err := mailbox.Changes(t.Context(), record.Contact, q)
		require.NoError(t, err)
		for _, it := range d.Items {
			seen[it.ID] = true
		}
		q.Page, q.Token = d.Page, d.Token
	}
	require.Len(t, seen, people)
	require.Equal(t, map[string]int{"token": 1, "people.connections.list": 10}, b.server.Calls())

	b.server.ResetCalls()
	_, err := mailbox.Changes(t.Context(), record.Contact, connector.Query{Token: q.Token})
	require.NoError(t, err)
	require.Equal(t, map[string]int{"people.connections.list": 1}, b.server.Calls())
}
