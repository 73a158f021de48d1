package oracle_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/demo/load"
	"github.com/repsync/repsync/internal/oracle"
	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/series"
)

// The period over which real files are judged.
var (
	begin = time.Date(2007, 1, 1, 0, 0, 0, 0, time.UTC)
	end   = time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
)

// TestLoadAgainstTheJudge reads real calendars twice, as .ics text by the judge and as the bodies that package load makes of
// them, and wants both to show the same.
func TestLoadAgainstTheJudge(t *testing.T) {
	t.Parallel()
	root := os.Getenv("REPSYNC_TESTDATA")
	if root == "" {
		_, file, _, _ := runtime.Caller(0)
		root = filepath.Join(filepath.Dir(file), "..", "..", "..", "shared", "data")
	}
	files, err := filepath.Glob(filepath.Join(root, "ics", "*.ics"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skipf("no real calendars at %s: set REPSYNC_TESTDATA to the folder that holds ics/", root)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			items, problems, err := load.ICS(bytes.NewReader(text), time.UTC)
			require.NoError(t, err)
			want := oracle.Judge(t, text, "UTC", begin, end)
			events := []map[string]any{}
			for i, item := range items {
				if item.Fields["iCalUID"] == nil {
					item.Fields["id"] = fmt.Sprint(anonymous, i)
				}
				events = append(events, item.Fields)
			}
			got := oracle.OfGoogle(t, events, "UTC", begin, end)
			t.Logf("%d occurrences; load: %v; judge: %v", len(want.Occurrences), problems, want.Problems)
			require.Empty(t, got.Problems)
			uid, refused := refusedSeries[filepath.Base(name)]
			require.Equal(t, refused, slices.ContainsFunc(want.Occurrences, func(o oracle.Instant) bool { return o.UID == uid && refused }))
			theirs := slices.DeleteFunc(want.Occurrences, func(o oracle.Instant) bool { return refused && o.UID == uid })
			for i, o := range got.Occurrences {
				if strings.HasPrefix(o.UID, anonymous) {
					got.Occurrences[i].UID = ""
				}
			}
			ours, judged := lines(got.Occurrences), lines(theirs)
			slices.Sort(ours)
			slices.Sort(judged)
			require.Equal(t, strings.Join(judged, "\n"), strings.Join(ours, "\n"))
		})
	}
}

// anonymous begins the id of an event without UID.
const anonymous = "without UID "

// refusedSeries are the series of real files that package load refuses and the judge reads, with the reason.
var refusedSeries = map[string]string{
	"issue_113_period_in_rdate.ics":     "1",      // an RDATE with its own end, which Google Calendar cannot say
	"bad_rrule_missing_until_event.ics": "blabla", // "UNTL=": ical.js skips the part and goes on for ever
}

func lines(all []oracle.Instant) []string {
	out := []string{}
	for _, o := range all {
		out = append(out, o.String())
	}
	return out
}

// TestSeriesAgainstTheJudge holds package series to the judge, rule by rule, over changes of the clocks.
func TestSeriesAgainstTheJudge(t *testing.T) {
	t.Parallel()
	rules := []string{
		"RRULE:FREQ=DAILY", "RRULE:FREQ=DAILY;INTERVAL=3;COUNT=200", "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE,FR;WKST=SU", "RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=30",
		"RRULE:FREQ=MONTHLY;BYMONTHDAY=31", "RRULE:FREQ=MONTHLY;BYDAY=-1FR", "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "RRULE:FREQ=MONTHLY;BYDAY=MO,2TU",
		"RRULE:FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=-1,15", "RRULE:FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU", "RRULE:FREQ=YEARLY;INTERVAL=3;BYMONTH=2;BYMONTHDAY=29",
		"RRULE:FREQ=YEARLY;BYYEARDAY=1,100,-1", "RRULE:FREQ=YEARLY;BYDAY=20MO,-9FR", "RRULE:FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
		"RRULE:FREQ=DAILY;UNTIL=20260401T073000Z", "RRULE:FREQ=DAILY;BYMONTH=3,4;BYDAY=SA,SU", "RRULE:FREQ=WEEKLY;UNTIL=20261231",
		"RRULE:FREQ=WEEKLY;COUNT=20\nEXDATE;VALUE=DATE:20250331\nRDATE:20260329T003000Z", "RRULE:FREQ=DAILY\nEXRULE:FREQ=WEEKLY;BYDAY=SA,SU", "RRULE:FREQ=MONTHLY;COUNT=5\nRRULE:FREQ=WEEKLY;COUNT=5;BYDAY=TH",
	}
	starts := []struct{ ics, moment string }{
		{"DTSTART;VALUE=DATE:20250303", "2025-03-03/2025-03-05"},
		{"DTSTART;TZID=Europe/Berlin:20250303T023000", "2025-03-03T02:30:00+01:00[Europe/Berlin]/2025-03-03T12:30:00+01:00[Europe/Berlin]"},
		{"DTSTART;TZID=America/New_York:20250301T013000", "2025-03-01T01:30:00-05:00[America/New_York]/2025-03-01T11:30:00-05:00[America/New_York]"},
		{"DTSTART;TZID=Australia/Lord_Howe:20250331T021500", "2025-03-31T02:15:00+11:00[Australia/Lord_Howe]/2025-03-31T12:15:00+11:00[Australia/Lord_Howe]"},
		{"DTSTART;TZID=Africa/Casablanca:20250131T023000", "2025-01-31T02:30:00+01:00[Africa/Casablanca]/2025-01-31T12:30:00+01:00[Africa/Casablanca]"},
		{"DTSTART:20250303T233000Z", "2025-03-03T23:30:00+00:00[UTC]/2025-03-04T09:30:00+00:00[UTC]"},
	}
	from, to := day(t, "2025-01-01"), day(t, "2029-01-01")
	for _, s := range starts {
		t.Run(s.ics, func(t *testing.T) {
			t.Parallel()
			var ics strings.Builder
			ics.WriteString("BEGIN:VCALENDAR\r\n")
			var ours []string
			for i, rule := range rules {
				dates := strings.Contains(s.ics, "VALUE=DATE")
				if dates { // RFC 5545 wants dates there
					rule = strings.NewReplacer("20260401T073000Z", "20260401", "RDATE:20260329T003000Z", "RDATE;VALUE=DATE:20260329").Replace(rule)
				}
				length := "PT10H"
				if dates {
					length = "P2D"
				}
				fmt.Fprintf(&ics, "BEGIN:VEVENT\r\nUID:%02d\r\n%s\r\nDURATION:%s\r\n%s\r\nEND:VEVENT\r\n", i, s.ics, length, strings.ReplaceAll(rule, "\n", "\r\n"))
				slots, err := series.Expand(record.Fields{record.FieldTime: s.moment, record.FieldRecurrence: rule}, from, to)
				require.NoError(t, err, rule)
				for _, slot := range slots {
					ours = append(ours, oracle.Instant{UID: fmt.Sprintf("%02d", i), Date: slot.Span.AllDay(), Start: slot.Span.Start.At.UTC(), End: slot.Span.End.At.UTC()}.String())
				}
			}
			ics.WriteString("END:VCALENDAR\r\n")
			answer := oracle.Judge(t, []byte(ics.String()), "UTC", from, to)
			require.Empty(t, answer.Problems)
			// ElementsMatch is slow on thousands, and prints them all.
			theirs := lines(answer.Occurrences)
			slices.Sort(ours)
			slices.Sort(theirs)
			require.Equal(t, strings.Join(theirs, "\n"), strings.Join(ours, "\n"))
		})
	}
}
