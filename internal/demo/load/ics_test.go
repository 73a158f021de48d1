package load_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/demo/load"
	"github.com/repsync/repsync/internal/demo/wire"
)

// readICS reads properties of one calendar; each text in events is the body of a VEVENT, with spaces for line ends, and
// "~" for a space.
func readICS(t *testing.T, calendar string, events ...string) ([]load.Item, []load.Problem) {
	t.Helper()
	var b strings.Builder
	b.WriteString("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + calendar)
	for _, e := range events {
		b.WriteString("BEGIN:VEVENT\r\n" + strings.NewReplacer(" ", "\r\n", "~", " ").Replace(e) + "\r\nEND:VEVENT\r\n")
	}
	b.WriteString("END:VCALENDAR\r\n")
	items, problems, err := load.ICS(strings.NewReader(b.String()), time.UTC)
	require.NoError(t, err)
	return items, problems
}

func TestICSBodies(t *testing.T) {
	t.Parallel()
	const vancouver = "BEGIN:VTIMEZONE\r\nTZID:Here\r\nX-LIC-LOCATION:America/Vancouver\r\nEND:VTIMEZONE\r\n"
	for _, c := range []struct {
		name, calendar string
		events         []string
		want           []string
	}{
		{"one time", "", []string{`UID:a SUMMARY:Tea\,cakes DTSTART;TZID=Europe/Berlin:20260327T090000 DTEND;TZID=Europe/London:20260327T090000`},
			[]string{`{"iCalUID":"a","summary":"Tea,cakes","status":"confirmed","start":{"dateTime":"2026-03-27T09:00:00+01:00","timeZone":"Europe/Berlin"},"end":{"dateTime":"2026-03-27T09:00:00Z","timeZone":"Europe/London"}}`}},
		{"days", "", []string{"UID:a DTSTART;VALUE=DATE:20260327 DTEND;VALUE=DATE:20260329", "UID:b DTSTART:20260327 DTEND:20260327", "UID:c DTSTART:20260327", "UID:d DTSTART:20260327 DURATION:P3D"},
			[]string{
				`{"iCalUID":"a","status":"confirmed","start":{"date":"2026-03-27"},"end":{"date":"2026-03-29"}}`,
				`{"iCalUID":"b","status":"confirmed","start":{"date":"2026-03-27"},"end":{"date":"2026-03-28"}}`,
				`{"iCalUID":"c","status":"confirmed","start":{"date":"2026-03-27"},"end":{"date":"2026-03-28"}}`,
				`{"iCalUID":"d","status":"confirmed","start":{"date":"2026-03-27"},"end":{"date":"2026-03-30"}}`,
			}},
		{"floating time in the file's zone; no end, and a duration over a change of the clocks", "X-WR-TIMEZONE:Europe/Berlin\r\n",
			[]string{"UID:a DTSTART:20260328T090000", "UID:b DTSTART:20260328T090000 DURATION:P1DT1H"},
			[]string{
				`{"iCalUID":"a","status":"confirmed","start":{"dateTime":"2026-03-28T09:00:00+01:00","timeZone":"Europe/Berlin"},"end":{"dateTime":"2026-03-28T09:00:00+01:00","timeZone":"Europe/Berlin"}}`,
				`{"iCalUID":"b","status":"confirmed","start":{"dateTime":"2026-03-28T09:00:00+01:00","timeZone":"Europe/Berlin"},"end":{"dateTime":"2026-03-29T10:00:00+02:00","timeZone":"Europe/Berlin"}}`,
			}},
		{"zones by Windows' name, by a path, by what the file says", vancouver,
			[]string{`UID:a DTSTART;TZID="Lord~Howe~Standard~Time":20260327T090000`, "UID:b DTSTART;TZID=/freeassociation.sourceforge.net/Europe/Berlin:20260327T090000", "UID:c DTSTART;TZID=Here:20260327T090000"},
			[]string{
				`{"iCalUID":"a","status":"confirmed","start":{"dateTime":"2026-03-27T09:00:00+11:00","timeZone":"Australia/Lord_Howe"},"end":{"dateTime":"2026-03-27T09:00:00+11:00","timeZone":"Australia/Lord_Howe"}}`,
				`{"iCalUID":"b","status":"confirmed","start":{"dateTime":"2026-03-27T09:00:00+01:00","timeZone":"Europe/Berlin"},"end":{"dateTime":"2026-03-27T09:00:00+01:00","timeZone":"Europe/Berlin"}}`,
				`{"iCalUID":"c","status":"confirmed","start":{"dateTime":"2026-03-27T09:00:00-07:00","timeZone":"America/Vancouver"},"end":{"dateTime":"2026-03-27T09:00:00-07:00","timeZone":"America/Vancouver"}}`,
			}},
		{"a series, its dates in its own form, its changed occurrences behind it", "",
			[]string{
				"UID:a RECURRENCE-ID:20260403T070000Z DTSTART;TZID=Europe/Berlin:20260404T090000 SEQUENCE:2",
				"UID:a DTSTART;TZID=Europe/Berlin:20260327T090000 RRULE:FREQ=WEEKLY;UNTIL=20260501; EXDATE:20260410T070000Z EXDATE;VALUE=DATE:20260424 RDATE;TZID=Europe/London:20260411T090000",
				"UID:a RECURRENCE-ID;TZID=Europe/Berlin:20260417T090000 DTSTART;TZID=Europe/Berlin:20260417T090000 STATUS:CANCELLED",
			},
			[]string{
				`{"iCalUID":"a","status":"confirmed","start":{"dateTime":"2026-03-27T09:00:00+01:00","timeZone":"Europe/Berlin"},"end":{"dateTime":"2026-03-27T09:00:00+01:00","timeZone":"Europe/Berlin"},"recurrence":["RRULE:FREQ=WEEKLY;UNTIL=20260501T215959Z","RDATE;TZID=Europe/Berlin:20260411T100000","EXDATE;TZID=Europe/Berlin:20260410T090000","EXDATE;TZID=Europe/Berlin:20260424T090000"]}`,
				`{"iCalUID":"a","status":"confirmed","sequence":2,"originalStartTime":{"dateTime":"2026-04-03T07:00:00Z","timeZone":"UTC"},"start":{"dateTime":"2026-04-04T09:00:00+02:00","timeZone":"Europe/Berlin"},"end":{"dateTime":"2026-04-04T09:00:00+02:00","timeZone":"Europe/Berlin"}}`,
				`{"iCalUID":"a","status":"cancelled","originalStartTime":{"dateTime":"2026-04-17T09:00:00+02:00","timeZone":"Europe/Berlin"}}`,
			}},
		{"a series of days", "", []string{"UID:a DTSTART:20260327 RRULE:FREQ=DAILY;UNTIL=20260401T220000Z EXDATE;TZID=Europe/Berlin:20260328T000000"},
			[]string{`{"iCalUID":"a","status":"confirmed","start":{"date":"2026-03-27"},"end":{"date":"2026-03-28"},"recurrence":["RRULE:FREQ=DAILY;UNTIL=20260401","EXDATE;VALUE=DATE:20260328"]}`}},
		{"Outlook's changed days", "", []string{"UID:a DTSTART:20260327 RRULE:FREQ=DAILY", "UID:a DTSTART:20260401 RECURRENCE-ID;TZID=GMT~Standard~Time:20260330T000000"},
			[]string{
				`{"iCalUID":"a","status":"confirmed","start":{"date":"2026-03-27"},"end":{"date":"2026-03-28"},"recurrence":["RRULE:FREQ=DAILY"]}`,
				`{"iCalUID":"a","status":"confirmed","originalStartTime":{"date":"2026-03-30"},"start":{"date":"2026-04-01"},"end":{"date":"2026-04-02"}}`,
			}},
		{"people and what else there is", "", []string{"UID:a DTSTART:20260327 ORGANIZER;CN=Ann:MAILTO:ann@example.com ATTENDEE;PARTSTAT=ACCEPTED;ROLE=OPT-PARTICIPANT:mailto:bob@example.com ATTENDEE;CUTYPE=ROOM:mailto:room@example.com ATTENDEE:nobody STATUS:TENTATIVE TRANSP:TRANSPARENT CLASS:PRIVATE"},
			[]string{`{"iCalUID":"a","status":"tentative","transparency":"transparent","visibility":"private","organizer":{"email":"ann@example.com","displayName":"Ann"},"attendees":[{"email":"bob@example.com","responseStatus":"accepted","optional":true},{"email":"room@example.com","responseStatus":"needsAction","resource":true}],"start":{"date":"2026-03-27"},"end":{"date":"2026-03-28"}}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			items, problems := readICS(t, c.calendar, c.events...)
			require.Empty(t, problems)
			require.Len(t, items, len(c.want))
			for i := range items {
				got, err := json.Marshal(items[i].Fields)
				require.NoError(t, err)
				require.JSONEq(t, c.want[i], string(got))
			}
		})
	}
}

func TestICSRefuses(t *testing.T) {
	t.Parallel()
	const series = "UID:a DTSTART;TZID=Europe/Berlin:20260327T090000 RRULE:FREQ=WEEKLY"
	for _, c := range []struct {
		name   string
		events []string
		reason string // part of it
		loaded int
	}{
		{"no start", []string{"UID:a"}, "no readable start", 0},
		{"an empty start", []string{"UID:a DTSTART;TZID=Europe/Berlin:"}, "no readable start", 0},
		{"swapped start and end", []string{"UID:a DTSTART:20260327T090000Z DTEND:20260327T080000Z"}, "ends before it starts", 0},
		{"a date and a time", []string{"UID:a DTSTART:20260327 DTEND:20260327T080000Z"}, "one of start and end", 0},
		{"hours of a day", []string{"UID:a DTSTART:20260327 DURATION:PT10H"}, "lasts hours", 0},
		{"an end that is none", []string{"UID:a DTSTART:20260327 DTEND:tomorrow"}, "end of the event cannot be read", 0},
		{"a zone that nobody knows", []string{"UID:a DTSTART;TZID=Middle-earth/Shire:20260327T080000"}, "time zone is not known", 0},
		{"a rule that is none", []string{"UID:a DTSTART:20260327 RRULE:FREQ=WEEKLY;UNTL=20260401"}, "recurrence rule", 0},
		{"UNTIL without value", []string{"UID:a DTSTART:20260327 RRULE:FREQ=WEEKLY;UNTIL="}, "recurrence rule", 0},
		{"a period", []string{"UID:a DTSTART:20260327T080000Z RDATE;VALUE=PERIOD:20260401T080000Z/PT1H"}, "end of its own", 0},
		{"a date among times", []string{"UID:a DTSTART:20260327T080000Z RDATE;VALUE=DATE:20260401"}, "RDATE is a date", 0},
		{"cancelled", []string{"UID:a DTSTART:20260327 STATUS:CANCELLED"}, "is cancelled", 0},
		{"two copies, the newer counts", []string{"UID:a DTSTART:20260327 SEQUENCE:2", "UID:a DTSTART:20260328 SEQUENCE:1"}, "another copy", 1},
		{"two copies of an occurrence", []string{series, "UID:a RECURRENCE-ID:20260403T070000Z DTSTART:20260404", "UID:a RECURRENCE-ID;TZID=Europe/Berlin:20260403T090000 DTSTART:20260405"}, "another copy", 2},
		{"no master", []string{"UID:a DTSTART:20260327 RECURRENCE-ID:20260327"}, "does not hold", 0},
		{"a changed occurrence of a single event", []string{"UID:a DTSTART:20260327", "UID:a DTSTART:20260327 RECURRENCE-ID:20260327"}, "where its series has none", 1},
		{"a changed occurrence on another day", []string{series, "UID:a RECURRENCE-ID:20260404T070000Z DTSTART:20260404"}, "where its series has none", 1},
		{"this and following", []string{series, "UID:a RECURRENCE-ID;RANGE=THISANDFUTURE:20260403T070000Z DTSTART:20260404"}, "this and all following", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			items, problems := readICS(t, "", c.events...)
			require.Len(t, items, c.loaded)
			require.Len(t, problems, 1)
			require.Contains(t, problems[0].Reason, c.reason)
			require.Positive(t, problems[0].Line)
		})
	}
	items, problems := readICS(t, "", "UID:a DTSTART:20260327 RRULE:FREQ=DAILY;BYX=1", "UID:a DTSTART:20260327 RECURRENCE-ID:20260327", "UID:b DTSTART:20260327")
	require.Len(t, items, 1, "the rest loads")
	require.Len(t, problems, 2)
	require.Contains(t, problems[1].Reason, "not loaded")
}

func TestICSBrokenText(t *testing.T) {
	t.Parallel()
	items, problems, err := load.ICS(strings.NewReader("\xef\xbb\xbfwhat\nBEGIN:VCALENDAR\nBEGIN:VTODO\nEND:VTOOD\nBEGIN:VEVENT\nUID:a\nDTSTART:20260327\nno property\nBEGIN:VALARM\nDTSTART:x\nEND:VALARM\nEND:VEVENT\nEND:VCALENDAR\nBEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260328\nSUMMARY:caf\u00e9"), time.UTC)
	require.NoError(t, err)
	require.Len(t, items, 2)
	require.Equal(t, "café", wire.Text(items[1].Fields, "summary"))
	require.NotContains(t, items[1].Fields, "iCalUID")
	var at []int
	for _, p := range problems {
		at = append(at, p.Line)
	}
	require.Equal(t, []int{1, 3, 8, 15}, at)
}

// TestICSRealFiles reads calendars that were collected from bug reports: none stops the reading, and each event is loaded
// or refused by name.
func TestICSRealFiles(t *testing.T) {
	t.Parallel()
	dir := testData(t, "ics")
	files, err := filepath.Glob(filepath.Join(dir, "*.ics"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	reasons, loaded, events := map[string]int{}, 0, 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		items, problems, err := load.ICS(strings.NewReader(string(text)), time.UTC)
		require.NoError(t, err, name)
		in := strings.Count(string(text), "BEGIN:VEVENT") + strings.Count(string(text), "BEGIN:VTODO") + strings.Count(string(text), "BEGIN:VJOURNAL")
		named := 0
		for _, p := range problems {
			if !strings.Contains(p.Reason, "the rest of its event") {
				named++
			}
		}
		require.Equal(t, in, len(items)+named, "%s: loaded or named", filepath.Base(name))
		for _, i := range items {
			require.NotEmpty(t, i.Fields, name)
		}
		for _, p := range problems {
			t.Logf("%s %s", filepath.Base(name), p)
			reasons[p.Reason]++
		}
		events, loaded = events+in, loaded+len(items)
	}
	t.Logf("%d files, %d components, %d loaded", len(files), events, loaded)
	for _, r := range slices.Sorted(maps.Keys(reasons)) {
		t.Logf("%3d  %s", reasons[r], r)
	}
	require.Greater(t, loaded, events*9/10)
}
