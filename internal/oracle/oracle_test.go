package oracle_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/oracle"
)

func day(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.DateOnly, s)
	require.NoError(t, err)
	return at
}

// shown returns occurrences as "start/end uid", without the seconds that are always zero.
func shown(all []oracle.Instant) []string {
	out := []string{}
	for _, o := range all {
		if o.Date {
			out = append(out, o.Start.Format(time.DateOnly)+"/"+o.End.Format(time.DateOnly)+" "+o.UID)
			continue
		}
		out = append(out, o.Start.Format("2006-01-02T15:04")+"/"+o.End.Format("2006-01-02T15:04")+" "+o.UID)
	}
	return out
}

func TestOccurrences(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		events   []string // bodies of VEVENTs, with spaces for line ends
		from, to string
		want     []string
	}{
		{"a single event, half-open", []string{"UID:a DTSTART:20260327T080000Z DTEND:20260328T000000Z", "UID:b DTSTART:20260329T000000Z"}, "2026-03-28", "2026-03-29", []string{}},
		{"the clocks change", []string{"UID:a DTSTART;TZID=Europe/Berlin:20260328T090000 DURATION:PT1H RRULE:FREQ=DAILY;COUNT=2"}, "2026-03-01", "2026-05-01",
			[]string{"2026-03-28T08:00/2026-03-28T09:00 a", "2026-03-29T07:00/2026-03-29T08:00 a"}},
		{"a skipped and a repeated hour (the RFC's examples)", []string{"UID:a DTSTART;TZID=America/New_York:20070310T023000 RRULE:FREQ=DAILY;COUNT=2", "UID:b DTSTART;TZID=America/New_York:20071104T013000"}, "2007-01-01", "2008-01-01",
			[]string{"2007-03-10T07:30/2007-03-10T07:30 a", "2007-03-11T07:30/2007-03-11T07:30 a", "2007-11-04T05:30/2007-11-04T05:30 b"}},
		{"Apia's lost day, once", []string{"UID:a DTSTART;TZID=Pacific/Apia:20111229T090000 RRULE:FREQ=DAILY;UNTIL=20111231T235959Z"}, "2011-01-01", "2013-01-01",
			[]string{"2011-12-29T19:00/2011-12-29T19:00 a", "2011-12-30T19:00/2011-12-30T19:00 a", "2011-12-31T19:00/2011-12-31T19:00 a"}},
		{"a night over the change lasts as long as the first", []string{"UID:a DTSTART;TZID=Europe/Berlin:20260321T220000 DTEND;TZID=Europe/Berlin:20260322T070000 RRULE:FREQ=WEEKLY;COUNT=2"}, "2026-03-01", "2026-05-01",
			[]string{"2026-03-21T21:00/2026-03-22T06:00 a", "2026-03-28T21:00/2026-03-29T06:00 a"}},
		{"moved, cancelled, excluded, added", []string{
			"UID:a DTSTART;VALUE=DATE:20260601 RRULE:FREQ=WEEKLY;COUNT=4 EXDATE;VALUE=DATE:20260622 RDATE;VALUE=DATE:20260630",
			"UID:a RECURRENCE-ID;VALUE=DATE:20260608 DTSTART;VALUE=DATE:20260609", "UID:a RECURRENCE-ID;VALUE=DATE:20260615 DTSTART;VALUE=DATE:20260615 STATUS:CANCELLED",
		}, "2026-01-01", "2027-01-01", []string{"2026-06-01/2026-06-02 a", "2026-06-09/2026-06-10 a", "2026-06-30/2026-07-01 a"}},
		{"moved into the period from behind it", []string{"UID:a DTSTART:20260601T090000Z RRULE:FREQ=DAILY", "UID:a RECURRENCE-ID:20260605T090000Z DTSTART:20260602T100000Z"}, "2026-06-02", "2026-06-03",
			[]string{"2026-06-02T09:00/2026-06-02T09:00 a", "2026-06-02T10:00/2026-06-02T10:00 a"}},
		{"beside its rule", []string{"UID:a DTSTART:20260608T130000Z RRULE:FREQ=WEEKLY;BYDAY=WE;COUNT=1"}, "2026-06-01", "2026-08-01",
			[]string{"2026-06-08T13:00/2026-06-08T13:00 a", "2026-06-10T13:00/2026-06-10T13:00 a"}},
		{"the newest copy", []string{"UID:a SEQUENCE:2 DTSTART:20260608", "UID:a SEQUENCE:1 DTSTART:20260609"}, "2026-06-01", "2026-08-01", []string{"2026-06-08/2026-06-09 a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			for _, e := range c.events {
				b.WriteString("BEGIN:VEVENT\r\n" + strings.ReplaceAll(e, " ", "\r\n") + "\r\nEND:VEVENT\r\n")
			}
			answer := oracle.Judge(t, []byte("BEGIN:VCALENDAR\r\n"+b.String()+"END:VCALENDAR\r\n"), "UTC", day(t, c.from), day(t, c.to))
			require.Empty(t, answer.Problems)
			require.Equal(t, c.want, shown(answer.Occurrences))
		})
	}
}

func TestOccurrencesOwnZone(t *testing.T) {
	t.Parallel()
	const ics = "BEGIN:VCALENDAR\r\nX-WR-TIMEZONE:Asia/Kathmandu\r\nBEGIN:VTIMEZONE\r\nTZID:Ours\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0130\r\nTZOFFSETTO:+0130\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n" +
		"BEGIN:VEVENT\r\nUID:a\r\nDTSTART:20260601T120000\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:b\r\nDTSTART;TZID=Ours:20260602T120000\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:c\r\nDTSTART;TZID=Nowhere:20260602T120000\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
	answer := oracle.Judge(t, []byte(ics), "UTC", day(t, "2026-01-01"), day(t, "2027-01-01"))
	require.Equal(t, []string{"2026-06-01T06:15/2026-06-01T06:15 a", "2026-06-02T10:30/2026-06-02T10:30 b"}, shown(answer.Occurrences))
	require.Len(t, answer.Problems, 1)
	require.Equal(t, answer.Occurrences, oracle.Occurrences(t, []byte(ics), day(t, "2026-01-01"), day(t, "2027-01-01")))
}

func TestOfGoogle(t *testing.T) {
	t.Parallel()
	const list = `[
		{"id":"m","iCalUID":"a@x","status":"confirmed","summary":"Tea, weekly","start":{"dateTime":"2026-03-22T09:00:00+01:00","timeZone":"Europe/Berlin"},"end":{"dateTime":"2026-03-22T10:00:00+01:00","timeZone":"Europe/Berlin"},
		 "recurrence":["RRULE:FREQ=WEEKLY;COUNT=5","EXDATE;TZID=Europe/Berlin:20260405T090000"]},
		{"id":"m_20260329T070000Z","recurringEventId":"m","iCalUID":"a@x","status":"confirmed","summary":"Tea, moved","originalStartTime":{"dateTime":"2026-03-29T09:00:00+02:00","timeZone":"Europe/Berlin"},"start":{"dateTime":"2026-03-30T12:00:00+02:00"},"end":{"dateTime":"2026-03-30T13:00:00+02:00"}},
		{"id":"m_20260412T070000Z","recurringEventId":"m","status":"cancelled","originalStartTime":{"dateTime":"2026-04-12T09:00:00+02:00","timeZone":"Europe/Berlin"}},
		{"id":"gone","status":"cancelled"},
		{"id":"s_20260401","recurringEventId":"s","status":"cancelled","originalStartTime":{"date":"2026-04-01"}},
		{"id":"s","iCalUID":"s@x","status":"confirmed","start":{"date":"2026-04-01"},"end":{"date":"2026-04-03"}},
		{"id":"o_20260501T070000Z","recurringEventId":"o","iCalUID":"o@x","status":"confirmed","originalStartTime":{"dateTime":"2026-05-01T07:00:00Z"},"start":{"dateTime":"2026-05-01T07:00:00Z"},"end":{"dateTime":"2026-05-01T08:00:00Z"}}
	]`
	var events []map[string]any
	require.NoError(t, json.Unmarshal([]byte(list), &events))
	answer := oracle.OfGoogle(t, events, "Europe/Berlin", day(t, "2026-01-01"), day(t, "2027-01-01"))
	require.Empty(t, answer.Problems)
	require.Equal(t, []string{
		"2026-03-22T08:00/2026-03-22T09:00 a@x",
		"2026-03-30T10:00/2026-03-30T11:00 a@x",
		"2026-04-01/2026-04-03 s@x",
		"2026-04-19T07:00/2026-04-19T08:00 a@x",
		"2026-05-01T07:00/2026-05-01T08:00 o@x", // invited to this one occurrence only
	}, shown(answer.Occurrences))
	require.Equal(t, "Tea, moved", answer.Occurrences[1].Summary)
	require.Empty(t, oracle.OfGoogle(t, nil, "UTC", day(t, "2026-01-01"), day(t, "2027-01-01")).Occurrences)
}
