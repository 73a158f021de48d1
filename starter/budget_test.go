package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/store"
)

// TestOrgStatusTellsOfBudgets takes calls as workers do.
func TestOrgStatusTellsOfBudgets(t *testing.T) {
	t.Parallel()
	status := []string{"org", "status", "--org", "budget"}
	starter(t, status...).wants(exitOK, "CRM calls in 24 hours: 0 by Repsync; 10% kept for people")

	take := func(c store.Calls) int {
		c.Reserve, c.Need = 10, 1
		n, _, err := bench.store.TakeCalls(t.Context(), "budget", c)
		require.NoError(t, err)
		return n
	}
	require.Equal(t, 50, take(store.Calls{N: 50, Told: store.Told{Used: 400, Limit: 1000}}))
	starter(t, status...).wants(exitOK, "CRM calls in 24 hours: 50 by Repsync; all programs 400 of the org's 1000, as told ")
	require.Zero(t, take(store.Calls{N: 50, Told: store.Told{Used: 900, Limit: 1000}}))
	for range 2 {
		_, _, err := bench.store.TakeRate(t.Context(), "budget", store.Rate{Quota: connector.QuotaCalendar, Project: "acme.test", Every: time.Minute}, 30, 24*time.Hour)
		require.NoError(t, err)
	}
	starter(t, status...).wants(exitOK, "BUDGET SPENT: passes wait", "calendar: the next call of project acme.test is due in ")

	got := starter(t, append(status, "--json")...).wants(exitOK).json()["budget"].(map[string]any)
	require.ElementsMatch(t, []string{"calls", "reserve", "used", "limit", "told_at", "spent", "waiting"}, keys(got))
	require.InDelta(t, 900, got["used"], 0)
	require.Equal(t, true, got["spent"])
	waits := got["waiting"].([]any)[0].(map[string]any)
	require.Equal(t, "acme.test", waits["project"])
	require.InDelta(t, 3600, waits["seconds"], 60)
}
