package salesforce

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/fuzztest"
)

// FuzzPattern reads any text as the pattern of a series. What is taken prints as a text that means the same, and has its
// occurrences in order, each once, within its ends and within a bounded time.
func FuzzPattern(f *testing.F) {
	for _, text := range []string{
		"RRULE:FREQ=DAILY;INTERVAL=2;COUNT=5", "FREQ=WEEKLY;BYDAY=MO,WE;WKST=SU;UNTIL=20210419T083000Z", "RRULE:FREQ=MONTHLY;BYMONTHDAY=31", "RRULE:FREQ=MONTHLY;BYDAY=-1FR",
		"RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;INTERVAL=99", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;INTERVAL=1",
		"FREQ=YEARLY;BYMONTH=1;BYDAY=SA,SU;BYSETPOS=4;COUNT=999", "FREQ=WEEKLY;BYDAY=", "FREQ=HOURLY", "RRULE:", "", ";;", "FREQ=DAILY;COUNT=0", "FREQ=MONTHLY;BYDAY=1MO,2TU",
	} {
		f.Add(text, int64(1_790_000_000), uint16(400))
	}
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string, from int64, days uint16) {
		defer fuzztest.Within(10 * time.Second)()
		p, bad := parsePattern(text)
		if bad != nil {
			require.NotEmpty(t, bad.Code)
			require.NotEmpty(t, bad.Message)
			return
		}
		again, bad := parsePattern(p.String())
		require.Nil(t, bad, p.String())
		require.Equal(t, p.String(), again.String())
		const lastSecond = 4_102_444_800 // of the year 2099
		start := time.Unix(min(max(from, 0), lastSecond), 0).In(zone)
		end := start.AddDate(0, 0, int(days))
		slots := p.slots(start, end)
		require.Equal(t, slots, again.slots(start, end))
		require.LessOrEqual(t, len(slots), int(days)+1, "one a day at most")
		require.True(t, slices.IsSortedFunc(slots, time.Time.Compare))
		if p.count > 0 {
			require.LessOrEqual(t, len(slots), p.count)
		}
		for i, at := range slots {
			require.True(t, !at.Before(start) && at.Before(end))
			require.True(t, i == 0 || at.After(slots[i-1]), "each once")
			require.True(t, p.until.IsZero() || !at.After(p.until))
		}
	})
}
