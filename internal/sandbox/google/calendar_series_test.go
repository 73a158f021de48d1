package google_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/calendar/v3"

	"github.com/repsync/repsync/internal/sandbox/google"
)

func starts(list []*calendar.Event) []string {
	out := []string{}
	for _, e := range list {
		out = append(out, e.Start.DateTime+e.Start.Date)
	}
	return out
}

func TestSeriesKeepTheirWallTimeWhenClocksChange(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	require.NoError(t, b.Calendar(alice).SetTimeZone("Europe/Berlin"))
	svc := b.calendar(t, alice)
	for _, c := range []struct {
		name, start, end, rule string
		ids, starts            []string
	}{
		{"spring", "2026-03-22T09:00:00", "2026-03-22T10:00:00", "RRULE:FREQ=WEEKLY;COUNT=3",
			[]string{"20260322T080000Z", "20260329T070000Z", "20260405T070000Z"},
			[]string{"2026-03-22T09:00:00+01:00", "2026-03-29T09:00:00+02:00", "2026-04-05T09:00:00+02:00"}},
		{"autumn", "2026-10-18T09:00:00", "2026-10-18T10:00:00", "RRULE:FREQ=WEEKLY;COUNT=3",
			[]string{"20261018T070000Z", "20261025T080000Z", "20261101T080000Z"},
			[]string{"2026-10-18T09:00:00+02:00", "2026-10-25T09:00:00+01:00", "2026-11-01T09:00:00+01:00"}},
		{"an hour that is skipped", "2026-03-28T02:30:00", "2026-03-28T03:30:00", "RRULE:FREQ=DAILY;UNTIL=20260330T003000Z",
			[]string{"20260328T013000Z", "20260329T013000Z", "20260330T003000Z"},
			[]string{"2026-03-28T02:30:00+01:00", "2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00"}},
		{"an hour that is repeated", "2026-10-24T02:30:00", "2026-10-24T03:30:00", "RRULE:FREQ=DAILY;COUNT=3",
			[]string{"20261024T003000Z", "20261025T003000Z", "20261026T013000Z"},
			[]string{"2026-10-24T02:30:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := &calendar.Event{Recurrence: []string{c.rule}}
			e.Start, e.End = timed(c.start, c.end, "Europe/Berlin")
			m := inserted(t, svc, e)
			page, err := svc.Events.Instances("primary", m.Id).Do()
			require.NoError(t, err)
			want := []string{}
			for _, k := range c.ids {
				want = append(want, m.Id+"_"+k)
			}
			require.Equal(t, want, ids(page.Items))
			require.Equal(t, c.starts, starts(page.Items))
			for _, i := range page.Items {
				require.Equal(t, m.Etag, i.Etag, "an occurrence without changes shares the series' etag")
				require.Equal(t, m.Updated, i.Updated)
				require.Equal(t, m.Id, i.RecurringEventId)
				require.Equal(t, i.Start.DateTime, i.OriginalStartTime.DateTime)
				require.Equal(t, "Europe/Berlin", i.OriginalStartTime.TimeZone)
				require.Empty(t, i.Recurrence)
			}
		})
	}
}

func TestRecurrenceLines(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	for _, c := range []struct {
		name  string
		lines []string
		want  []string // keys
	}{
		{"two rules", []string{"RRULE:FREQ=WEEKLY;COUNT=2", "RRULE:FREQ=DAILY;COUNT=2"}, []string{"20261103T090000Z", "20261104T090000Z", "20261110T090000Z"}},
		{"taken away by instant", []string{"RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20261104T090000Z"}, []string{"20261103T090000Z", "20261105T090000Z"}},
		{"taken away by wall time", []string{"RRULE:FREQ=DAILY;COUNT=3", "EXDATE;TZID=Europe/Berlin:20261104T100000"}, []string{"20261103T090000Z", "20261105T090000Z"}},
		{"taken away by wall time elsewhere", []string{"RRULE:FREQ=DAILY;COUNT=3", "EXDATE;TZID=America/New_York:20261104T040000"}, []string{"20261103T090000Z", "20261105T090000Z"}},
		{"taken away by day", []string{"RRULE:FREQ=DAILY;COUNT=3", "EXDATE;VALUE=DATE:20261104"}, []string{"20261103T090000Z", "20261105T090000Z"}},
		{"taken away by rule", []string{"RRULE:FREQ=DAILY;COUNT=4", "EXRULE:FREQ=DAILY;INTERVAL=2"}, []string{"20261104T090000Z", "20261106T090000Z"}},
		{"added", []string{"RDATE;TZID=Europe/Berlin:20261203T100000,20261204T100000"}, []string{"20261103T090000Z", "20261203T090000Z", "20261204T090000Z"}},
		{"until an instant", []string{"RRULE:FREQ=DAILY;UNTIL=20261104T090000Z"}, []string{"20261103T090000Z", "20261104T090000Z"}},
		{"until just before", []string{"RRULE:FREQ=DAILY;UNTIL=20261104T085959Z"}, []string{"20261103T090000Z"}},
		{"until a day", []string{"RRULE:FREQ=DAILY;UNTIL=20261104"}, []string{"20261103T090000Z", "20261104T090000Z"}},
		{"the last weekday of months", []string{"RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=2"}, []string{"20261103T090000Z", "20261130T090000Z", "20261231T090000Z"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := meeting()
			e.Recurrence = c.lines
			m := inserted(t, svc, e)
			page, err := svc.Events.Instances("primary", m.Id).Do()
			require.NoError(t, err)
			want := []string{}
			for _, k := range c.want {
				want = append(want, m.Id+"_"+k)
			}
			require.Equal(t, want, ids(page.Items))
		})
	}
}

func TestAllDaySeries(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	m := inserted(t, svc, &calendar.Event{Start: &calendar.EventDateTime{Date: "2026-03-28"}, End: &calendar.EventDateTime{Date: "2026-03-30"},
		Recurrence: []string{"RRULE:FREQ=DAILY;INTERVAL=7;COUNT=2", "EXDATE;VALUE=DATE:20260404", "RDATE;VALUE=DATE:20260410"}})
	page, err := svc.Events.Instances("primary", m.Id).Do()
	require.NoError(t, err)
	require.Equal(t, []string{m.Id + "_20260328", m.Id + "_20260410"}, ids(page.Items))
	require.Equal(t, "2026-04-12", page.Items[1].End.Date)
	require.Equal(t, "2026-04-10", page.Items[1].OriginalStartTime.Date)
	one, err := svc.Events.Get("primary", m.Id+"_20260410").Do()
	require.NoError(t, err)
	require.Equal(t, m.Id, one.RecurringEventId)
	_, err = svc.Events.Get("primary", m.Id+"_20260404").Do()
	mustBe(t, err, 404, "notFound")
	by, err := svc.Events.Instances("primary", m.Id).OriginalStart("2026-04-10").Do()
	require.NoError(t, err)
	require.Equal(t, []string{m.Id + "_20260410"}, ids(by.Items))
}

func TestExceptions(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	m := inserted(t, svc, weekly())
	second, third, fourth := m.Id+"_20260322T080000Z", m.Id+"_20260329T070000Z", m.Id+"_20260405T070000Z"
	b.clock.advance(time.Minute)

	start, end := timed("2026-03-29T15:00:00+02:00", "2026-03-29T16:00:00+02:00", "Europe/Berlin")
	moved, err := svc.Events.Patch("primary", third, &calendar.Event{Start: start, End: end}).Do()
	require.NoError(t, err)
	require.Equal(t, m.Id, moved.RecurringEventId)
	require.Equal(t, "2026-03-29T07:00:00Z", moved.OriginalStartTime.DateTime)
	require.Equal(t, "Europe/Berlin", moved.OriginalStartTime.TimeZone)
	require.NotEqual(t, m.Etag, moved.Etag)
	require.NotEqual(t, m.Updated, moved.Updated)
	require.Equal(t, m.ICalUID, moved.ICalUID)
	require.NoError(t, svc.Events.Delete("primary", fourth).Do())
	mustBe(t, svc.Events.Delete("primary", fourth).Do(), 410, "deleted")
	_, err = svc.Events.Patch("primary", second, &calendar.Event{Recurrence: []string{"RRULE:FREQ=DAILY"}}).Do()
	mustBe(t, err, 400, "invalid")

	page, err := svc.Events.Instances("primary", m.Id).Do()
	require.NoError(t, err)
	require.Equal(t, []string{"20260315T080000Z confirmed", "20260322T080000Z confirmed", "20260329T070000Z confirmed", "20260412T070000Z confirmed", "20260419T070000Z confirmed"}, brief(page.Items))
	require.Equal(t, "2026-03-29T13:00:00Z", page.Items[2].Start.DateTime)
	page, err = svc.Events.Instances("primary", m.Id).ShowDeleted(true).MaxResults(4).Do()
	require.NoError(t, err)
	require.Len(t, page.Items, 4)
	require.Equal(t, "cancelled", page.Items[3].Status)
	page, err = svc.Events.Instances("primary", m.Id).ShowDeleted(true).MaxResults(4).PageToken(page.NextPageToken).Do()
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	page, err = svc.Events.Instances("primary", m.Id).OriginalStart("2026-03-29T09:00:00+02:00").Do()
	require.NoError(t, err)
	require.Equal(t, []string{third}, ids(page.Items))
	page, err = svc.Events.Instances("primary", m.Id).TimeMin("2026-03-29T12:00:00Z").TimeMax("2026-03-30T00:00:00Z").Do()
	require.NoError(t, err)
	require.Equal(t, []string{third}, ids(page.Items), "by its own time")

	list, _ := listed(t, svc.Events.List("primary"))
	require.Equal(t, []string{"M confirmed", "20260329T070000Z confirmed", "20260405T070000Z cancelled"}, brief(list), "cancelled occurrences of a living series are shown")
	require.Equal(t, "2026-04-05T07:00:00Z", list[2].OriginalStartTime.DateTime)
	require.Empty(t, list[2].Summary)
	list, _ = listed(t, svc.Events.List("primary").SingleEvents(true).OrderBy("startTime").TimeMin("2026-03-20T00:00:00Z"))
	require.Equal(t, []string{second, third, m.Id + "_20260412T070000Z", m.Id + "_20260419T070000Z"}, ids(list))

	// The series' own change keeps what is still valid.
	_, err = svc.Events.Patch("primary", m.Id, &calendar.Event{Summary: "Renamed"}).Do()
	require.NoError(t, err)
	kept, err := svc.Events.Get("primary", third).Do()
	require.NoError(t, err)
	require.Equal(t, "2026-03-29T13:00:00Z", kept.Start.DateTime)
	require.Equal(t, moved.Etag, kept.Etag)
	other, err := svc.Events.Get("primary", second).Do()
	require.NoError(t, err)
	require.Equal(t, "Renamed", other.Summary)

	// Fewer occurrences drop the overrides of those that are no more.
	_, token := listed(t, svc.Events.List("primary"))
	_, err = svc.Events.Patch("primary", m.Id, &calendar.Event{Recurrence: []string{"RRULE:FREQ=WEEKLY;COUNT=2"}}).Do()
	require.NoError(t, err)
	list, _ = listed(t, svc.Events.List("primary").SyncToken(token))
	require.Equal(t, []string{"M confirmed", "20260329T070000Z cancelled", "20260405T070000Z cancelled"}, brief(list))
	list, _ = listed(t, svc.Events.List("primary"))
	require.Equal(t, []string{"M confirmed"}, brief(list))

	// And when it grows again, they follow the series.
	_, err = svc.Events.Patch("primary", m.Id, &calendar.Event{Recurrence: []string{"RRULE:FREQ=WEEKLY;COUNT=6"}}).Do()
	require.NoError(t, err)
	plain, err := svc.Events.Get("primary", third).Do()
	require.NoError(t, err)
	require.Equal(t, "2026-03-29T07:00:00Z", plain.Start.DateTime)
	require.Equal(t, "confirmed", plain.Status)

	require.NoError(t, svc.Events.Delete("primary", m.Id).Do())
	plain, err = svc.Events.Get("primary", third).Do()
	require.NoError(t, err)
	require.Equal(t, "cancelled", plain.Status)
	list, _ = listed(t, svc.Events.List("primary"))
	require.Empty(t, list)
}

func TestSplitSeries(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc := b.calendar(t, alice)
	m := inserted(t, svc, weekly(bob))
	third := m.Id + "_20260329T070000Z"
	_, err := svc.Events.Patch("primary", third, &calendar.Event{Summary: "Special"}).Do()
	require.NoError(t, err)
	_, token := listed(t, svc.Events.List("primary"))

	next, err := b.SplitSeries(alice, m.Id, time.Date(2026, 3, 29, 7, 0, 0, 0, time.UTC), map[string]any{"summary": "New name"})
	require.NoError(t, err)
	require.Equal(t, m.Id+"_R20260329T070000", next["id"])
	require.Equal(t, m.Id+"_R20260329T070000@google.com", next["iCalUID"])
	require.Equal(t, []any{"RRULE:FREQ=WEEKLY;COUNT=4"}, next["recurrence"])
	old, err := svc.Events.Get("primary", m.Id).Do()
	require.NoError(t, err)
	require.Equal(t, []string{"RRULE:FREQ=WEEKLY;UNTIL=20260329T065959Z"}, old.Recurrence)

	for _, user := range []string{alice, bob} {
		svc := b.calendar(t, user)
		page, err := svc.Events.Instances("primary", next["id"].(string)).Do()
		require.NoError(t, err)
		require.Equal(t, []string{third, m.Id + "_20260405T070000Z", m.Id + "_20260412T070000Z", m.Id + "_20260419T070000Z"}, ids(page.Items))
		page, err = svc.Events.Instances("primary", m.Id).Do()
		require.NoError(t, err)
		require.Equal(t, []string{m.Id + "_20260315T080000Z", m.Id + "_20260322T080000Z"}, ids(page.Items))
		one, err := svc.Events.Get("primary", third).Do()
		require.NoError(t, err)
		require.Equal(t, "New name", one.Summary)
		require.Equal(t, next["id"], one.RecurringEventId)
	}
	list, _ := listed(t, svc.Events.List("primary").SyncToken(token))
	require.ElementsMatch(t, []string{m.Id, third, next["id"].(string)}, ids(list))

	own, err := svc.Events.Patch("primary", third, &calendar.Event{Location: "Elsewhere"}).Do()
	require.NoError(t, err, "an occurrence of the new series may have an id that one of the old series had")
	require.Equal(t, next["id"], own.RecurringEventId)
	for _, c := range []struct {
		name            string
		lines, old, new []string
	}{
		{"without an end", []string{"RRULE:FREQ=DAILY"}, []string{"RRULE:FREQ=DAILY;UNTIL=20261105T085959Z"}, []string{"RRULE:FREQ=DAILY"}},
		{"with an end", []string{"RRULE:FREQ=DAILY;UNTIL=20261201T000000Z;BYDAY=MO,TU,WE,TH,FR"},
			[]string{"RRULE:FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;UNTIL=20261105T085959Z"}, []string{"RRULE:FREQ=DAILY;UNTIL=20261201T000000Z;BYDAY=MO,TU,WE,TH,FR"}},
		{"with a count, one taken away", []string{"RRULE:COUNT=5;FREQ=DAILY", "EXDATE:20261104T090000Z"},
			[]string{"RRULE:FREQ=DAILY;UNTIL=20261105T085959Z", "EXDATE:20261104T090000Z"}, []string{"RRULE:COUNT=3;FREQ=DAILY", "EXDATE:20261104T090000Z"}},
		{"with dates", []string{"RDATE:20261104T090000Z,20261105T090000Z,20261106T090000Z", "RRULE:FREQ=YEARLY"},
			[]string{"RDATE:20261104T090000Z", "RRULE:FREQ=YEARLY;UNTIL=20261105T085959Z"}, []string{"RDATE:20261105T090000Z", "RDATE:20261106T090000Z", "RRULE:FREQ=YEARLY"}},
	} {
		e := meeting()
		e.Recurrence = c.lines
		old := inserted(t, svc, e)
		next, err := b.SplitSeries(alice, old.Id, time.Date(2026, 11, 5, 9, 0, 0, 0, time.UTC), nil)
		require.NoError(t, err, c.name)
		old, err = svc.Events.Get("primary", old.Id).Do()
		require.NoError(t, err)
		require.Equal(t, c.old, old.Recurrence, c.name)
		second, err := svc.Events.Get("primary", next["id"].(string)).Do()
		require.NoError(t, err)
		require.Equal(t, c.new, second.Recurrence, c.name)
	}
	days := inserted(t, svc, &calendar.Event{Start: &calendar.EventDateTime{Date: "2026-11-03"}, End: &calendar.EventDateTime{Date: "2026-11-04"}, Recurrence: []string{"RRULE:FREQ=DAILY"}})
	next, err = b.SplitSeries(alice, days.Id, time.Date(2026, 11, 5, 0, 0, 0, 0, time.UTC), nil)
	require.NoError(t, err)
	require.Equal(t, days.Id+"_R20261105", next["id"])
	days, err = svc.Events.Get("primary", days.Id).Do()
	require.NoError(t, err)
	require.Equal(t, []string{"RRULE:FREQ=DAILY;UNTIL=20261104"}, days.Recurrence)

	_, err = b.SplitSeries(alice, m.Id, time.Date(2026, 3, 22, 9, 0, 0, 0, time.UTC), nil)
	require.Error(t, err, "there is no occurrence at that time")
	_, err = b.SplitSeries(alice, m.Id, time.Date(2026, 3, 15, 8, 0, 0, 0, time.UTC), nil)
	require.Error(t, err, "the first occurrence divides nothing")
}
