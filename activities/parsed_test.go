package activities

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/record"
)

// A restored Postgres gives a revision's number to another document: what is remembered goes by what a document says.
func TestParsedPoliciesGoByWhatTheySay(t *testing.T) {
	t.Parallel()
	var p parsed
	for range 2 {
		for _, every := range []string{"5m0s", "10m0s"} {
			got, problems := p.policy([]byte("name: one\nschedule: {every: " + every + "}\n"))
			require.False(t, problems.Failed())
			require.Equal(t, every, got.Schedule.Every.String())
		}
		_, problems := p.policy([]byte("name: one\nscheduel: {}\n"))
		require.True(t, problems.Failed(), "what is wrong stays wrong")
	}
	require.Len(t, p.policies, 3)
	for range 2 {
		one, err := p.filter(record.Contact, `crm.Department == "Sales"`)
		require.NoError(t, err)
		require.Equal(t, []string{"Department"}, one.Fields())
		_, err = p.filter(record.Contact, `crm.Department ==`)
		require.Error(t, err)
	}
	require.Len(t, p.filters, 1)
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	t.Parallel()
	var p parsed
	p.policies = make(map[[32]byte]parsedPolicy, mostParsed)
	for i := range mostParsed {
		p.policies[[32]byte{byte(i), byte(i >> 8)}] = parsedPolicy{}
	}
	_, _ = p.policy([]byte("name: one\n"))
	require.Len(t, p.policies, 1, "it is begun anew when it is full")
}
