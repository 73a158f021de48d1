package series_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/series"
)

// master writes a record: when is a value of record.FieldTime.
func master(when string, lines ...string) record.Fields {
	return record.Fields{record.FieldTime: when, record.FieldRecurrence: strings.Join(lines, "\n")}
}

func day(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.DateOnly, s)
	require.NoError(t, err)
	return at
}

// starts expands over whole days of UTC and returns the starts in RFC 9557's form, without the zone's name.
func starts(t testing.TB, m record.Fields, from, to string) []string {
	t.Helper()
	slots, err := series.Expand(m, day(t, from), day(t, to))
	require.NoError(t, err)
	out := []string{}
	for _, s := range slots {
		text, _, _ := strings.Cut(s.Span.Start.String(), "[")
		out = append(out, text)
	}
	return out
}

const (
	berlin  = "2026-03-27T09:00:00+01:00[Europe/Berlin]/2026-03-27T10:00:00+01:00[Europe/Berlin]"
	tuesday = "1997-09-02T09:00:00-04:00[America/New_York]/1997-09-02T10:00:00-04:00[America/New_York]"
)

func TestExpand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		when     string
		lines    []string
		from, to string
		want     string // starts, space-separated
	}{
		{"a single event", berlin, nil, "2026-01-01", "2027-01-01", "2026-03-27T09:00:00+01:00"},
		{"wall time stays when the clocks change", berlin, []string{"RRULE:FREQ=DAILY"}, "2026-03-28", "2026-03-30",
			"2026-03-28T09:00:00+01:00 2026-03-29T09:00:00+02:00"},
		{"half-open period", "2026-03-27T00:00:00+00:00[UTC]/2026-03-27T01:00:00+00:00[UTC]", []string{"RRULE:FREQ=DAILY"}, "2026-03-28", "2026-03-29",
			"2026-03-28T00:00:00Z"},
		{"one that reaches into the period", "2026-03-27T23:00:00+00:00[UTC]/2026-03-29T23:00:00+00:00[UTC]", []string{"RRULE:FREQ=WEEKLY"}, "2026-03-29", "2026-03-30",
			"2026-03-27T23:00:00Z"},
		{"without length", "2026-03-27T00:00:00+00:00[UTC]/2026-03-27T00:00:00+00:00[UTC]", []string{"RRULE:FREQ=DAILY"}, "2026-03-28", "2026-03-29",
			"2026-03-28T00:00:00Z"},
		{"DTSTART beside its rule, COUNT without it", "2026-06-08T13:00:00+00:00[UTC]/2026-06-08T14:00:00+00:00[UTC]", []string{"RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=WE;COUNT=2"}, "2026-06-01", "2026-08-01",
			"2026-06-08T13:00:00Z 2026-06-10T13:00:00Z 2026-06-17T13:00:00Z"},
		{"DTSTART excluded", berlin, []string{"RRULE:FREQ=DAILY;COUNT=3", "EXDATE;TZID=Europe/Berlin:20260327T090000"}, "2026-03-01", "2026-05-01",
			"2026-03-28T09:00:00+01:00 2026-03-29T09:00:00+02:00"},
		{"EXDATE in UTC and in another zone", berlin, []string{"RRULE:FREQ=DAILY;COUNT=4", "EXDATE:20260329T070000Z", "EXDATE;TZID=America/New_York:20260328T040000"}, "2026-03-01", "2026-05-01",
			"2026-03-27T09:00:00+01:00 2026-03-30T09:00:00+02:00"},
		{"EXDATE with a date, and without a zone", berlin, []string{"RRULE:FREQ=DAILY;COUNT=4", "EXDATE;VALUE=DATE:20260328", "EXDATE:20260329T090000"}, "2026-03-01", "2026-05-01",
			"2026-03-27T09:00:00+01:00 2026-03-30T09:00:00+02:00"},
		{"EXRULE", berlin, []string{"RRULE:FREQ=DAILY;COUNT=6", "EXRULE:FREQ=WEEKLY;BYDAY=SA,SU"}, "2026-03-01", "2026-05-01",
			"2026-03-27T09:00:00+01:00 2026-03-30T09:00:00+02:00 2026-03-31T09:00:00+02:00 2026-04-01T09:00:00+02:00"},
		{"RDATE, each once", berlin, []string{"RRULE:FREQ=WEEKLY;COUNT=2", "RDATE;TZID=Europe/Berlin:20260403T090000,20260404T180000"}, "2026-03-01", "2026-05-01",
			"2026-03-27T09:00:00+01:00 2026-04-03T09:00:00+02:00 2026-04-04T18:00:00+02:00"},
		{"only RDATE", berlin, []string{"RDATE:20260401T070000Z"}, "2026-03-01", "2026-05-01",
			"2026-03-27T09:00:00+01:00 2026-04-01T09:00:00+02:00"},
		{"two rules", "2026-01-12T10:00:00+00:00[Europe/London]/2026-01-12T12:00:00+00:00[Europe/London]", []string{"RRULE:FREQ=WEEKLY;BYDAY=TH;COUNT=2", "RRULE:FREQ=MONTHLY;BYDAY=2MO;COUNT=2"}, "2026-01-01", "2026-12-01",
			"2026-01-12T10:00:00Z 2026-01-15T10:00:00Z 2026-01-22T10:00:00Z 2026-02-09T10:00:00Z"},
		{"UNTIL in UTC is inclusive", berlin, []string{"RRULE:FREQ=DAILY;UNTIL=20260329T070000Z"}, "2026-03-01", "2026-05-01",
			"2026-03-27T09:00:00+01:00 2026-03-28T09:00:00+01:00 2026-03-29T09:00:00+02:00"},
		{"UNTIL a second before", berlin, []string{"RRULE:FREQ=DAILY;UNTIL=20260329T065959Z"}, "2026-03-01", "2026-05-01",
			"2026-03-27T09:00:00+01:00 2026-03-28T09:00:00+01:00"},
		{"UNTIL without zone is local", berlin, []string{"RRULE:FREQ=DAILY;UNTIL=20260328T090000"}, "2026-03-01", "2026-05-01",
			"2026-03-27T09:00:00+01:00 2026-03-28T09:00:00+01:00"},
		{"UNTIL a date is that whole day", berlin, []string{"RRULE:FREQ=DAILY;UNTIL=20260328"}, "2026-03-01", "2026-05-01",
			"2026-03-27T09:00:00+01:00 2026-03-28T09:00:00+01:00"},
		{"UNTIL before DTSTART", "2023-10-02/2023-10-09", []string{"RRULE:FREQ=WEEKLY;UNTIL=20231001;INTERVAL=2;BYDAY=MO"}, "2023-01-01", "2024-01-01", ""},
		{"UNTIL in UTC at dates", "2020-04-02/2020-04-03", []string{"RRULE:FREQ=WEEKLY;UNTIL=20200430T230000Z;INTERVAL=2;BYDAY=TH;WKST=MO"}, "2020-01-01", "2021-01-01",
			"2020-04-02 2020-04-16 2020-04-30"},
		{"dates", "2026-03-27/2026-03-29", []string{"RRULE:FREQ=WEEKLY;COUNT=3", "EXDATE;VALUE=DATE:20260403", "RDATE;VALUE=DATE:20260402"}, "2026-03-01", "2026-05-01",
			"2026-03-27 2026-04-02 2026-04-10"},
		{"dates excluded by times", "2026-03-27/2026-03-28", []string{"RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20260328T000000Z"}, "2026-03-01", "2026-05-01",
			"2026-03-27 2026-03-29"},
		{"a birthday without year", "1604-02-29/1604-03-01", []string{"RRULE:FREQ=YEARLY"}, "2023-01-01", "2029-01-01", "2024-02-29 2028-02-29"},
		{"a day that few months have", "2026-01-31/2026-02-01", []string{"RRULE:FREQ=MONTHLY;COUNT=3"}, "2026-01-01", "2027-01-01", "2026-01-31 2026-03-31 2026-05-31"},
		{"the last Friday", "2026-01-30/2026-01-31", []string{"RRULE:FREQ=MONTHLY;BYDAY=-1FR;COUNT=3"}, "2026-01-01", "2027-01-01", "2026-01-30 2026-02-27 2026-03-27"},
		{"the last workday", "2026-01-30/2026-01-31", []string{"RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3"}, "2026-01-01", "2027-01-01", "2026-01-30 2026-02-27 2026-03-31"},
		{"any Monday or the second Tuesday", "2026-06-01/2026-06-02", []string{"RRULE:FREQ=MONTHLY;BYDAY=MO,2TU;COUNT=4"}, "2026-01-01", "2027-01-01", "2026-06-01 2026-06-08 2026-06-09 2026-06-15"},
		{"a value given twice counts once", "2026-06-02/2026-06-03", []string{"RRULE:FREQ=WEEKLY;BYDAY=TU,TH,TU;COUNT=3"}, "2026-01-01", "2027-01-01", "2026-06-02 2026-06-04 2026-06-09"},
		{"a week's number takes DTSTART's weekday", "1997-05-12/1997-05-13", []string{"RRULE:FREQ=YEARLY;BYWEEKNO=20;COUNT=3"}, "1997-01-01", "2003-01-01", "1997-05-12 1998-05-11 1999-05-17"},
		{"the RFC's example of WKST=MO", "1997-08-05/1997-08-06", []string{"RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO"}, "1997-01-01", "1998-01-01", "1997-08-05 1997-08-10 1997-08-19 1997-08-24"},
		{"the RFC's example of WKST=SU", "1997-08-05/1997-08-06", []string{"RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU"}, "1997-01-01", "1998-01-01", "1997-08-05 1997-08-17 1997-08-19 1997-08-31"},
		{"the RFC's example, Friday the 13th", tuesday, []string{"EXDATE;TZID=America/New_York:19970902T090000", "RRULE:FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13"}, "1997-01-01", "1999-12-01",
			"1998-02-13T09:00:00-05:00 1998-03-13T09:00:00-05:00 1998-11-13T09:00:00-05:00 1999-08-13T09:00:00-04:00"},
		{"the RFC's example, every 20th Monday of the year", "1997-05-19/1997-05-20", []string{"RRULE:FREQ=YEARLY;BYDAY=20MO"}, "1997-01-01", "2000-01-01", "1997-05-19 1998-05-18 1999-05-17"},
		{"the RFC's example, hourly by an interval", tuesday, []string{"RRULE:FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T210000Z"}, "1997-01-01", "1998-01-01",
			"1997-09-02T09:00:00-04:00 1997-09-02T12:00:00-04:00 1997-09-02T15:00:00-04:00"},
		{"a semicolon at the end, lower case", berlin, []string{"rrule:freq=daily;count=2;"}, "2026-01-01", "2027-01-01", "2026-03-27T09:00:00+01:00 2026-03-28T09:00:00+01:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, strings.Join(starts(t, master(c.when, c.lines...), c.from, c.to), " "))
		})
	}
}

func TestExpandWhereClocksChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, start, zone, rule, from, to, want string }{
		{"a gap moves by the offset before it", "2026-03-28T02:30:00", "Europe/Berlin", "FREQ=DAILY", "2026-03-28", "2026-03-31",
			"2026-03-28T02:30:00+01:00 2026-03-29T03:30:00+02:00 2026-03-30T02:30:00+02:00"},
		{"a gap west of Greenwich (the RFC's own example)", "2007-03-10T02:30:00", "America/New_York", "FREQ=DAILY", "2007-03-10", "2007-03-13",
			"2007-03-10T02:30:00-05:00 2007-03-11T03:30:00-04:00 2007-03-12T02:30:00-04:00"},
		{"a repeated hour is its first (the RFC's own example)", "2007-11-03T01:30:00", "America/New_York", "FREQ=DAILY", "2007-11-03", "2007-11-06",
			"2007-11-03T01:30:00-04:00 2007-11-04T01:30:00-04:00 2007-11-05T01:30:00-05:00"},
		{"a repeated hour in Berlin", "2026-10-24T02:30:00", "Europe/Berlin", "FREQ=DAILY", "2026-10-24", "2026-10-27",
			"2026-10-24T02:30:00+02:00 2026-10-25T02:30:00+02:00 2026-10-26T02:30:00+01:00"},
		{"half an hour in Lord Howe", "2026-10-03T02:15:00", "Australia/Lord_Howe", "FREQ=DAILY", "2026-10-02", "2026-10-05",
			"2026-10-03T02:15:00+10:30 2026-10-04T02:45:00+11:00 2026-10-05T02:15:00+11:00"},
		{"Casablanca in Ramadan", "2026-02-13T10:00:00", "Africa/Casablanca", "FREQ=WEEKLY", "2026-02-13", "2026-03-28",
			"2026-02-13T10:00:00+01:00 2026-02-20T10:00:00Z 2026-02-27T10:00:00Z 2026-03-06T10:00:00Z 2026-03-13T10:00:00Z 2026-03-20T10:00:00Z 2026-03-27T10:00:00+01:00"},
		{"a quarter hour in Kathmandu", "2026-02-13T10:00:00", "Asia/Kathmandu", "FREQ=WEEKLY", "2026-02-13", "2026-02-21",
			"2026-02-13T10:00:00+05:45 2026-02-20T10:00:00+05:45"},
		{"Apia's lost day is the day after, once", "2011-12-28T09:00:00", "Pacific/Apia", "FREQ=DAILY", "2011-12-28", "2012-01-01",
			"2011-12-28T09:00:00-10:00 2011-12-29T09:00:00-10:00 2011-12-31T09:00:00+14:00 2012-01-01T09:00:00+14:00"},
		{"dates know no clocks", "", "", "FREQ=DAILY", "2011-12-29", "2012-01-01", "2011-12-29 2011-12-30 2011-12-31"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			when := "2011-12-29/2011-12-30"
			if c.zone != "" {
				zone, err := record.Zone(c.zone)
				require.NoError(t, err)
				start, err := time.ParseInLocation("2006-01-02T15:04:05", c.start, zone)
				require.NoError(t, err)
				when = record.Span{Start: record.Moment{At: start}, End: record.Moment{At: start.Add(time.Hour)}}.String()
			}
			require.Equal(t, c.want, strings.Join(starts(t, master(when, "RRULE:"+c.rule), c.from, c.to), " "))
		})
	}
}

func TestExpandLengthAndKey(t *testing.T) {
	t.Parallel()
	night := "2026-03-21T22:00:00+01:00[Europe/Berlin]/2026-03-22T06:00:00+00:00[Europe/London]"
	slots, err := series.Expand(master(night, "RRULE:FREQ=WEEKLY", "RDATE;VALUE=PERIOD:20260325T100000Z/PT3H,20260326T100000Z/20260326T103000Z"), day(t, "2026-03-25"), day(t, "2026-04-01"))
	require.NoError(t, err)
	require.Len(t, slots, 3)
	require.Equal(t, "2026-03-25T11:00:00[Europe/Berlin]", slots[0].Key)
	require.Equal(t, 3*time.Hour, slots[0].Span.Length())
	require.Equal(t, 30*time.Minute, slots[1].Span.Length())
	require.Equal(t, "2026-03-28T22:00:00+01:00[Europe/Berlin]/2026-03-29T07:00:00+01:00[Europe/London]", slots[2].Span.String(), "nine hours, exactly")

	slots, err = series.Expand(master("2026-03-27/2026-03-30", "RRULE:FREQ=WEEKLY;COUNT=2"), day(t, "2026-04-05"), day(t, "2026-04-06"))
	require.NoError(t, err)
	require.Len(t, slots, 1)
	require.Equal(t, "2026-04-03", slots[0].Key)
	require.Equal(t, "2026-04-03/2026-04-06", slots[0].Span.String())
}

func TestExpandRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, when, lines, code string }{
		{"no time", "", "RRULE:FREQ=DAILY", "time_unreadable"},
		{"end before start", "2026-03-27/2026-03-26", "RRULE:FREQ=DAILY", "time_unreadable"},
		{"another property", berlin, "DTSTART:20260101T000000Z", "rule_unreadable"},
		{"no rule", berlin, "RRULE:", "rule_unreadable"},
		{"a misspelt part", berlin, "RRULE:FREQ=WEEKLY;UNTL=20191023;BYDAY=TH", "rule_unreadable"},
		{"UNTIL without value", berlin, "RRULE:FREQ=WEEKLY;UNTIL=", "rule_unreadable"},
		{"COUNT of none", berlin, "RRULE:FREQ=WEEKLY;COUNT=0", "rule_unreadable"},
		{"INTERVAL of none", berlin, "RRULE:FREQ=WEEKLY;INTERVAL=0", "rule_unreadable"},
		{"INTERVAL beyond all", berlin, "RRULE:FREQ=YEARLY;INTERVAL=9223372036854775807", "rule_unreadable"},
		{"a weekday beyond the month", berlin, "RRULE:FREQ=MONTHLY;BYDAY=53MO", "rule_unreadable"},
		{"a counted weekday in a week", berlin, "RRULE:FREQ=WEEKLY;BYDAY=2MO", "rule_unreadable"},
		{"hours of a date", "2026-03-27/2026-03-28", "RRULE:FREQ=DAILY;BYHOUR=9", "rule_unreadable"},
		{"the year's last week", berlin, "RRULE:FREQ=YEARLY;BYWEEKNO=53", "rule_unsupported"},
		{"a date among times", berlin, "RDATE;VALUE=DATE:20260401", "rule_unsupported"},
		{"a period among dates", "2026-03-27/2026-03-28", "RDATE;VALUE=PERIOD:20260401T000000Z/PT1H", "rule_unsupported"},
		{"both halves of a repeated hour", berlin, "RDATE:20261025T003000Z,20261025T013000Z", "rule_unsupported"},
		{"an unknown zone", berlin, "EXDATE;TZID=Mars/Olympus:20260401T000000", "zone_unknown"},
		{"30 February", berlin, "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "rule_never"},
		{"30 February, day by day", berlin, "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "rule_never"},
		{"30 February, minute by minute", berlin, "RRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30;BYMINUTE=" + numbers(60), "rule_never"},
		{"every second of an hour", berlin, "RRULE:FREQ=HOURLY;BYMINUTE=" + numbers(60) + ";BYSECOND=" + numbers(60), "rule_too_many"},
		{"30 February by position", berlin, "RRULE:FREQ=DAILY;BYSETPOS=2", "rule_never"},
		{"an hour that is never met", berlin, "RRULE:FREQ=HOURLY;INTERVAL=24;BYHOUR=5", "rule_never"},
		{"every second", berlin, "RRULE:FREQ=SECONDLY", "rule_too_many"},
		{"every second of a 30 February", berlin, "RRULE:FREQ=SECONDLY;BYHOUR=23;BYMONTH=2;BYMONTHDAY=30", "rule_too_many"},
		{"every second by lists", berlin, "RRULE:FREQ=DAILY;BYHOUR=" + numbers(24) + ";BYMINUTE=" + numbers(60) + ";BYSECOND=" + numbers(60), "rule_too_many"},
		{"every minute by lists", berlin, "RRULE:FREQ=DAILY;BYHOUR=" + numbers(24) + ";BYMINUTE=" + numbers(60), "rule_too_many"},
		{"millions", berlin, "RRULE:FREQ=HOURLY;BYMINUTE=" + numbers(60) + ";COUNT=5000000", "rule_too_many"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			_, err := series.Expand(master(c.when, c.lines), day(t, "2026-01-01"), day(t, "2028-01-01"))
			require.Error(t, err)
			require.Equal(t, c.code, series.Code(err), err.Error())
			require.Less(t, time.Since(begun), 20*time.Second)
		})
	}
	require.Empty(t, series.Code(fmt.Errorf("another")))
}

func numbers(n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint(i))
	}
	return strings.Join(out, ",")
}

func TestExpandManyExceptions(t *testing.T) {
	t.Parallel()
	zone, err := record.Zone("Europe/Berlin")
	require.NoError(t, err)
	start := time.Date(2010, 1, 1, 9, 0, 0, 0, zone)
	var skipped []string
	for i := range 5000 {
		skipped = append(skipped, "EXDATE;TZID=Europe/Berlin:"+start.AddDate(0, 0, i).Format("20060102T150405"))
	}
	when := record.Span{Start: record.Moment{At: start}, End: record.Moment{At: start.Add(time.Hour)}}.String()
	m := master(when, append(skipped, "RRULE:FREQ=DAILY;COUNT=5001000")...)
	require.Empty(t, starts(t, m, "2010-01-01", "2023-09-10"))
	require.Len(t, starts(t, m, "2023-09-10", "2024-09-10"), 366)
}
