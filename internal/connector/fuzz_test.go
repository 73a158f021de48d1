package connector_test

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/fuzztest"
	"github.com/repsync/repsync/internal/record"
)

// FuzzRef takes any text as a ref, as a moment (RFC 9557) and as a span. What is read prints as what reads the same, also
// as the key of an occurrence, and what is not read is not quoted.
func FuzzRef(f *testing.F) {
	for _, text := range []string{
		"2026-03-29", "2026-03-29T09:00:00+02:00[Europe/Berlin]", "2026-03-29T02:30:00[Europe/Berlin]", "2026-10-25T02:30:00+01:00[Europe/Berlin]", "2026-03-29T09:00:00.5Z[UTC]", "0000-01-01", "[UTC]",
		"1890-01-01T00:00:00+00:53[Europe/Berlin]", "9999-12-31T23:59:59-12:00[Pacific/Apia]", "2026-03-29/2026-03-30", "2026-03-29T09:00:00Z[UTC]/2026-03-29T10:00:00Z[America/Argentina/Ushuaia]",
		"2026-03-30/2026-03-29", "2026-03-29T09:00:00Z[" + fuzztest.Canary + "]", "e1#2026-03-29T09:00:00[Europe/Berlin]", "#", "a#b#c", fuzztest.Canary + "/2026-03-30", "2026-03-29T09:00:00Z[../etc]", "2026-03-29T09:00:00+23:59[Local]",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ref := connector.ParseRef(text)
		require.NotContains(t, ref.ID, "#", "no vendor's id holds one")
		if ref.Occurrence != "" {
			require.Equal(t, text, ref.String())
		}
		require.Equal(t, ref, connector.ParseRef(ref.String()))
		if raw, err := json.Marshal(ref); utf8.ValidString(text) {
			require.NoError(t, err)
			var again connector.Ref
			require.NoError(t, json.Unmarshal(raw, &again))
			require.Equal(t, ref, again)
		}
		if m, err := record.ParseMoment(text); err != nil {
			require.NotContains(t, err.Error(), fuzztest.Canary)
			require.Less(t, len(err.Error()), 200)
		} else {
			shown, err := record.ParseMoment(m.String())
			require.NoError(t, err, m)
			require.Equal(t, m.String(), shown.String())
			require.Equal(t, m.Date, shown.Date)
			key, err := record.ParseMoment(m.Key())
			require.NoError(t, err, m.Key())
			require.Equal(t, m.Key(), key.Key())
		}
		s, err := record.ParseSpan(text)
		if err != nil {
			require.NotContains(t, err.Error(), fuzztest.Canary)
			require.Less(t, len(err.Error()), 200)
			return
		}
		require.False(t, s.End.At.Before(s.Start.At))
		again, err := record.ParseSpan(s.String())
		require.NoError(t, err, s)
		require.Equal(t, s.String(), again.String())
		require.True(t, record.Equal(record.FieldTime, s.String(), again.String()))
	})
}
