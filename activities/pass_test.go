package activities_test

import (
	"crypto/rand"
	"crypto/rsa"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func storetestKey(testing.TB) *rsa.PrivateKey { return testKey() }

func TestFirstSyncBothWaysThenNothing(t *testing.T) {
	w := newWorld(t)
	w.bothWays("")
	w.contact("alice", fields{"FirstName": "Cara", "LastName": "Crm", "Email": "cara@example.com", "Phone": "555-0100"})
	w.person("alice", `{"names":[{"givenName":"Max","familyName":"Mailbox"}],"emailAddresses":[{"value":"max@example.com","type":"work"}]}`)
	sum := w.settle()["alice"]
	require.Equal(t, 1, sum.Created.CRM)
	require.Equal(t, 1, sum.Created.Mailbox)
	require.Len(t, w.crmContacts(), 2)
	require.Len(t, w.people("alice"), 2)
	require.Zero(t, w.pass("alice").Summary.Reasons, "nothing changed, passed again: nothing to do")
}

func TestTwoRepsShareAPerson(t *testing.T) {
	w := newWorld(t, "alice", "bob")
	w.bothWays("")
	w.person("alice", `{"names":[{"givenName":"Nia","familyName":"New"}],"emailAddresses":[{"value":"nia@example.com","type":"work"}]}`)
	w.person("bob", `{"names":[{"givenName":"Nia","familyName":"New"}],"emailAddresses":[{"value":"NIA@example.com","type":"work"}]}`)
	w.settle("alice", "bob")
	require.Len(t, w.crmContacts(), 1, "one record for both")
	require.Len(t, w.people("alice"), 1)
	require.Len(t, w.people("bob"), 1)
}

// only returns the one key of a map.
func only[V any](t *testing.T, m map[string]V) string {
	t.Helper()
	require.Len(t, m, 1)
	for k := range m {
		return k
	}
	return ""
}
