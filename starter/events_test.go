package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestExplainASeries looks for a meeting as people know it: by the id of its series, and of one occurrence, as Google has them.
func TestExplainASeries(t *testing.T) {
	t.Parallel()
	who, address := hire(t, "acme", "sue", "")
	starter(t, with("rep add", who, "--mailbox", address)...).wants(exitOK)
	starterIn(t, t.Context(), "name: sue\nassign: {reps: [sue]}\ncontacts: {direction: off}\nevents: {direction: both}\n", "policy", "apply", "--org", "acme", "-f", "-").wants(exitOK)
	start := time.Now().UTC().AddDate(0, 0, 2).Truncate(time.Hour)
	at := func(t time.Time) map[string]any {
		return map[string]any{"dateTime": t.Format(time.RFC3339), "timeZone": "UTC"}
	}
	made, err := bench.stack.Sandbox.Google.Calendar(address).Insert(map[string]any{"summary": "Stand-up", "start": at(start), "end": at(start.Add(time.Hour)), "recurrence": []any{"RRULE:FREQ=DAILY;COUNT=3"}})
	require.NoError(t, err)
	id := made["id"].(string)
	starter(t, with("rep start", who)...).wants(exitOK)
	starter(t, with("sync", who)...).wants(exitOK)

	told := starter(t, with("explain --json", who, "--item", id)...).wants(exitOK).list()
	require.Len(t, told, 4, "the series and its occurrences")
	starter(t, with("explain", who, "--item", id)...).wants(exitOK, "event "+id+" in the mailbox: series_master")
	second := starter(t, with("explain --json", who, "--item", id+"_"+start.AddDate(0, 0, 1).Format("20060102T150405Z"))...).wants(exitOK).list()
	require.Len(t, second, 1)
	require.Equal(t, "created", second[0]["reason"])
	require.Equal(t, second[0]["crm_item"], starter(t, with("explain --json", who, "--item", second[0]["crm_item"].(string))...).wants(exitOK).list()[0]["crm_item"])
	starter(t, with("explain", who, "--item", id+"_20010101T000000Z")...).wants(exitNotFound)
}
