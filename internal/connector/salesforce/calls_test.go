package salesforce_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/salesforce"
	"github.com/repsync/repsync/internal/record"
)

// A full read costs one request a page of 2000 contacts, the most that Salesforce gives on one, and one to learn where
// later changes begin; a page that happens to be full is followed by one that says that it was the last.
func TestFullReadCostsAPageEach(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const contacts = 10_000
	for n := range contacts {
		b.insert("Contact", map[string]any{"LastName": fmt.Sprintf("N%d", n), "OwnerId": b.alice})
	}
	b.crm = b.connect(salesforce.Config{PageSize: 2000})
	_, err := b.crm.Caps(t.Context(), record.Contact, b.alice) // sign-in and describe are paid once, not by each read
	require.NoError(t, err)
	b.org.ResetCalls()
	pages, q := 0, connector.Query{Owner: b.alice}
	seen := map[string]bool{}
	for q.Token == nil {
		d, err := b.crm.Changes(t.Context(), record.Contact, q)
		require.NoError(t, err)
		for _, it := range d.Items {
			seen[it.ID] = true
		}
		pages, q.Page, q.Token = pages+1, d.Page, d.Token
	}
	require.Len(t, seen, contacts)
	calls := b.org.Calls()
	t.Logf("pages: %d, calls: %v", pages, calls)
	require.LessOrEqual(t, calls["query"], 5+1)
	require.Equal(t, map[string]int{"query": pages, "queryAll": 1}, calls)
}

// A copy that was read before an edit is older by the vendor's own time, or, within one second of it, another by its tag:
// the stamp has whole seconds.
func TestOlderCopies(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.contact("Doe", nil)
	first := b.get(id)
	require.NoError(t, b.org.Update("Contact", id, map[string]any{"Title": "A"}, b.alice))
	second := b.get(id)
	require.Equal(t, first.Version.At, second.Version.At, "within one second neither is older")
	require.NotEqual(t, first.Version.Tag, second.Version.Tag, "and yet they are not the same")
	b.clock.advance(time.Second)
	require.NoError(t, b.org.Update("Contact", id, map[string]any{"Title": ""}, b.alice))
	third := b.get(id)
	require.True(t, third.Version.At.After(first.Version.At), "the older copy shows")
	require.NotEqual(t, first.Version.Tag, third.Version.Tag, "also where every field is as it was")
	require.True(t, third.Moved)
}
