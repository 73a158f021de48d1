package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSince(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		text string
		want time.Time
		says string
	}{
		"a time":                 {text: "2026-11-22T08:00:00Z", want: now.Add(-4 * time.Hour)},
		"a time in another zone": {text: "2026-11-22T08:00:00+02:00", want: now.Add(-6 * time.Hour)},
		"how long ago":           {text: "90m", want: now.Add(-90 * time.Minute)},
		"this very moment":       {text: "2026-11-22T12:00:00Z", want: now},
		"ahead":                  {text: "2026-11-22T12:00:01Z", says: "lies ahead"},
		"nothing":                {text: "", says: "neither a time nor"},
		"a negative length":      {text: "-2h", says: "neither a time nor"},
		"no length":              {text: "0s", says: "neither a time nor"},
		"a day":                  {text: "2026-11-22", says: "neither a time nor"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := sinceOf(c.text, now)
			if c.says != "" {
				require.ErrorContains(t, err, c.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestUndo(t *testing.T) {
	t.Parallel()
	who, address := hire(t, "books", "uma", "")
	starter(t, with("undo --since 1h", who)...).wants(exitNotFound, `there is no rep "uma"`)
	starter(t, with("rep add", who, "--mailbox", address)...).wants(exitOK)
	starter(t, with("undo --since never", who)...).wants(exitUsage, `--since "never" is neither a time nor a length of time`, "2h")
	starter(t, with("undo --since 1h", who)...).wants(exitOK, "nothing to put back")

	id := contact(t, address, "Undine", "undine@client.test")
	starter(t, with("rep start", who)...).wants(exitOK)
	starter(t, with("sync", who)...).wants(exitOK)
	told := starter(t, with("explain --json", who, "--item", id)...).wants(exitOK).list()
	copied := told[0]["mailbox_item"].(string)

	starter(t, with("undo --since 1h --dry-run", who)...).wants(exitOK, "would be put back: 1", "contact "+copied+" in the mailbox: removed again", "left as it is: 0", "pinned: 1")
	starter(t, with("explain", who, "--item", copied)...).wants(exitOK, "created")
	done := starter(t, with("undo --since 1h --json", who)...).wants(exitOK).json()
	require.ElementsMatch(t, []string{"put_back", "left", "pinned"}, keys(done))
	require.EqualValues(t, 1, done["put_back"].(map[string]any)["count"])
	require.NotContains(t, starter(t, with("undo --since 1h", who)...).wants(exitOK, "nothing to put back").out, "Undine")
	starter(t, with("sync", who)...).wants(exitOK)
	starter(t, with("explain", who, "--item", id)...).wants(exitOK, "link: CRM "+id, "tombstone", "undo")

	// One that a person edited is left, and the exit code says so.
	other, otherAddress := hire(t, "books", "udo", "")
	starter(t, with("rep add", other, "--mailbox", otherAddress)...).wants(exitOK)
	contact(t, otherAddress, "Udell", "udell@client.test")
	starter(t, with("rep start", other)...).wants(exitOK)
	starter(t, with("sync", other)...).wants(exitOK)
	for _, c := range bench.stack.Sandbox.Google.Living(otherAddress) {
		require.NoError(t, bench.stack.Sandbox.Google.Update(otherAddress, c.ResourceName, `{"biographies":[{"value":"met in Bonn"}]}`))
	}
	starter(t, with("undo --since 1h", other)...).wants(exitFailed, "left as it is: 1", "edited_since", "the edit stays", "not all of it was put back: 1 item left")
}
