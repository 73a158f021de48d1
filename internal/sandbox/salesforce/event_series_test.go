package salesforce_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// weekly makes a series of Alice's: four Mondays at nine in Berlin, across the end of summer time.
func (b *bench) weekly(more ...values) string {
	b.t.Helper()
	v := values{"Subject": "Standup", "StartDateTime": "2027-03-15T08:00:00Z", "DurationInMinutes": 30, "Recurrence2PatternTimeZone": "Europe/Berlin"}
	for _, m := range more {
		maps.Copy(v, m)
	}
	id, err := b.s.AddSeries(b.alice, "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=4", v)
	require.NoError(b.t, err)
	return id
}

// starts lists the occurrences of a series as "start subject", with a mark for exceptions (x) and for history (h).
func (b *bench) starts(series string) []string {
	b.t.Helper()
	out := []string{}
	for _, id := range b.s.Occurrences(series) {
		v := b.get("Event", id)
		mark := ""
		if v["IsRecurrence2Exception"] == true {
			mark += " x"
		}
		if v["IsRecurrence2Exclusion"] == true {
			mark += " h"
		}
		out = append(out, strings.TrimSuffix(v["StartDateTime"].(string), ":00.000+0000")+" "+v["Subject"].(string)+mark)
	}
	return out
}

func TestSeriesIsARecordAndARowForEachOccurrence(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	contact := b.contact("Doe")
	series := b.weekly(values{"WhoId": contact, "Repsync_Key__c": "k1"})
	got := b.get("Event", series)
	for field, want := range map[string]any{"GroupEventType": "3", "IsRecurrence": false, "IsRecurrence2": true, "IsRecurrence2Exception": false, "IsRecurrence2Exclusion": false,
		"Recurrence2PatternText": "RRULE:FREQ=WEEKLY;BYDAY=MO;WKST=SU;INTERVAL=1;COUNT=4", "Recurrence2PatternVersion": "1", "Recurrence2PatternTimeZone": "Europe/Berlin",
		"Recurrence2PatternStartDate": "2027-03-15T08:00:00.000+0000", "StartDateTime": "2027-03-15T08:00:00.000+0000", "EndDateTime": "2027-03-15T08:30:00.000+0000",
		"OwnerId": b.alice, "CreatedById": b.alice} {
		require.Equal(t, want, got[field], field)
	}
	require.Equal(t, []string{"2027-03-15T08:00 Standup", "2027-03-22T08:00 Standup", "2027-03-29T07:00 Standup", "2027-04-05T07:00 Standup"}, b.starts(series), "at nine in Berlin")
	for _, id := range b.s.Occurrences(series) {
		v := b.get("Event", id)
		require.Equal(t, values{"GroupEventType": "0", "IsRecurrence2": true, "Recurrence2PatternText": got["Recurrence2PatternText"], "Recurrence2PatternVersion": "1",
			"Recurrence2PatternStartDate": got["Recurrence2PatternStartDate"], "DurationInMinutes": 30.0, "WhoId": contact, "Repsync_Key__c": nil, "CreatedById": b.alice},
			part(v, "GroupEventType", "IsRecurrence2", "Recurrence2PatternText", "Recurrence2PatternVersion", "Recurrence2PatternStartDate", "DurationInMinutes", "WhoId", "Repsync_Key__c", "CreatedById"))
		require.Equal(t, []string{contact + " true false false New"}, b.relations(id))
		for name := range v {
			require.NotContains(t, name, "_series", "no field tells the series")
		}
	}
	for _, v := range b.s.All("Event") {
		for name := range v {
			require.False(t, strings.HasPrefix(name, "_"), name)
		}
	}
}

func TestAllDaySeries(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	series, err := b.s.AddSeries(b.alice, "FREQ=DAILY;INTERVAL=2;COUNT=2", values{"Subject": "Fair", "IsAllDayEvent": true, "ActivityDate": "2027-03-27", "DurationInMinutes": 2880})
	require.NoError(t, err)
	require.Equal(t, []string{"2027-03-27T00:00 Fair", "2027-03-29T00:00 Fair"}, b.starts(series))
	require.Equal(t, "2027-03-30T00:00:00.000+0000", b.get("Event", b.s.Occurrences(series)[1])["EndDateTime"], "the last day belongs to it")
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, c := range map[string]struct {
		rule, start, text string
		want              []string // days, nil where it is refused
	}{
		"every day":                  {"RRULE:FREQ=DAILY;INTERVAL=1;COUNT=3", "2027-01-30", "RRULE:FREQ=DAILY;INTERVAL=1;COUNT=3", []string{"2027-01-30", "2027-01-31", "2027-02-01"}},
		"without its name":           {"freq=daily;count=1", "2027-01-30", "RRULE:FREQ=DAILY;INTERVAL=1;COUNT=1", []string{"2027-01-30"}},
		"every third day until":      {"FREQ=DAILY;UNTIL=20270107T100000Z;INTERVAL=3", "2027-01-01", "RRULE:FREQ=DAILY;INTERVAL=3;UNTIL=20270107T100000Z", []string{"2027-01-01", "2027-01-04", "2027-01-07"}},
		"until a moment too early":   {"FREQ=DAILY;UNTIL=20270102T085959Z", "2027-01-01", "RRULE:FREQ=DAILY;INTERVAL=1;UNTIL=20270102T085959Z", []string{"2027-01-01"}},
		"every other week, two days": {"FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;COUNT=4", "2027-01-06", "RRULE:FREQ=WEEKLY;BYDAY=MO,FR;WKST=SU;INTERVAL=2;COUNT=4", []string{"2027-01-08", "2027-01-18", "2027-01-22", "2027-02-01"}},
		"the week starts on Monday":  {"FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO;COUNT=2", "2027-01-06", "RRULE:FREQ=WEEKLY;BYDAY=SU;WKST=MO;INTERVAL=2;COUNT=2", []string{"2027-01-10", "2027-01-24"}},
		"the week starts on Sunday":  {"FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;COUNT=2", "2027-01-06", "RRULE:FREQ=WEEKLY;BYDAY=SU;WKST=SU;INTERVAL=2;COUNT=2", []string{"2027-01-17", "2027-01-31"}},
		"the 31st is the last day":   {"FREQ=MONTHLY;BYMONTHDAY=31;COUNT=3", "2027-01-31", "RRULE:FREQ=MONTHLY;BYMONTHDAY=31;INTERVAL=1;COUNT=3", []string{"2027-01-31", "2027-02-28", "2027-03-31"}},
		"there is no 30th":           {"FREQ=MONTHLY;BYMONTHDAY=30;COUNT=2", "2027-01-30", "RRULE:FREQ=MONTHLY;BYMONTHDAY=30;INTERVAL=1;COUNT=2", []string{"2027-01-30", "2027-03-30"}},
		"first Friday":               {"FREQ=MONTHLY;COUNT=2;BYDAY=1FR", "2027-01-02", "RRULE:FREQ=MONTHLY;BYDAY=1FR;INTERVAL=1;COUNT=2", []string{"2027-02-05", "2027-03-05"}},
		"third Friday":               {"FREQ=MONTHLY;BYSETPOS=3;BYDAY=FR;COUNT=2", "2027-01-01", "RRULE:FREQ=MONTHLY;BYDAY=FR;BYSETPOS=3;INTERVAL=1;COUNT=2", []string{"2027-01-15", "2027-02-19"}},
		"last weekday":               {"FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=2", "2027-01-01", "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;INTERVAL=1;COUNT=2", []string{"2027-01-29", "2027-02-26"}},
		"every year":                 {"FREQ=YEARLY;BYMONTH=10;BYMONTHDAY=31;COUNT=2", "2027-01-01", "RRULE:FREQ=YEARLY;BYMONTH=10;BYMONTHDAY=31;INTERVAL=1;COUNT=2", []string{"2027-10-31", "2028-10-31"}},
		"every year on a weekday":    {"FREQ=YEARLY;BYMONTH=1;BYDAY=FR;BYSETPOS=2;COUNT=2", "2027-01-01", "RRULE:FREQ=YEARLY;BYMONTH=1;BYDAY=FR;BYSETPOS=2;INTERVAL=1;COUNT=2", []string{"2027-01-08", "2028-01-14"}},

		"no frequency":                   {rule: "COUNT=3"},
		"every hour":                     {rule: "FREQ=HOURLY;COUNT=3"},
		"a part twice":                   {rule: "FREQ=DAILY;COUNT=3;COUNT=4"},
		"two rules":                      {rule: "FREQ=DAILY;COUNT=3\nRRULE:FREQ=DAILY"},
		"until and count":                {rule: "FREQ=DAILY;COUNT=3;UNTIL=20270107T100000Z"},
		"until without a time":           {rule: "FREQ=DAILY;UNTIL=20270107"},
		"a count of nothing":             {rule: "FREQ=DAILY;COUNT=0"},
		"a count of 1000":                {rule: "FREQ=DAILY;COUNT=1000"},
		"every 1000 days":                {rule: "FREQ=DAILY;INTERVAL=1000;COUNT=2"},
		"every 100 weeks":                {rule: "FREQ=WEEKLY;INTERVAL=100;BYDAY=MO"},
		"every other year":               {rule: "FREQ=YEARLY;INTERVAL=2;BYMONTH=1;BYMONTHDAY=1"},
		"every day on a Monday":          {rule: "FREQ=DAILY;BYDAY=MO"},
		"every week on no day":           {rule: "FREQ=WEEKLY;COUNT=2"},
		"every week, a first day":        {rule: "FREQ=WEEKLY;BYDAY=1MO"},
		"every month on no day":          {rule: "FREQ=MONTHLY;COUNT=2"},
		"a fifth Friday":                 {rule: "FREQ=MONTHLY;BYDAY=5FR"},
		"two numbers":                    {rule: "FREQ=MONTHLY;BYDAY=1SU,-1SU"},
		"a number and a position":        {rule: "FREQ=MONTHLY;BYDAY=1SU;BYSETPOS=1"},
		"two days of the month":          {rule: "FREQ=MONTHLY;BYMONTHDAY=7,15"},
		"Monday and Friday a month":      {rule: "FREQ=MONTHLY;BYDAY=MO,FR;BYSETPOS=1"},
		"a day of the week no one knows": {rule: "FREQ=WEEKLY;BYDAY=XX"},
		"weeks of the year":              {rule: "FREQ=YEARLY;BYWEEKNO=20"},
		"over before it starts":          {rule: "FREQ=DAILY;UNTIL=20200107T100000Z"},
		"longer than 512":                {rule: "FREQ=DAILY;COUNT=" + strings.Repeat("0", 512) + "1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := c.start
			if start == "" {
				start = "2027-01-01"
			}
			id, err := b.s.AddSeries(b.alice, c.rule, values{"StartDateTime": start + "T09:00:00Z", "DurationInMinutes": 60})
			if c.want == nil {
				require.ErrorContains(t, err, "Recurrence Pattern: ")
				return
			}
			require.NoError(t, err)
			byID := map[any]map[string]any{}
			for _, v := range b.s.All("Event") {
				byID[v["Id"]] = v
			}
			require.Equal(t, c.text, byID[id]["Recurrence2PatternText"])
			got := []string{}
			for _, o := range b.s.Occurrences(id) {
				got = append(got, byID[o]["ActivityDate"].(string))
			}
			require.Equal(t, c.want, got)
			require.Equal(t, c.want[0], byID[id]["ActivityDate"], "the record shows the first occurrence")
		})
	}
}

func TestEndlessSeriesHasRowsForAYear(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id, err := b.s.AddSeries(b.alice, "FREQ=MONTHLY;BYMONTHDAY=1", values{"StartDateTime": "2026-12-01T09:00:00Z", "DurationInMinutes": 60})
	require.NoError(t, err)
	require.Len(t, b.s.Occurrences(id), 12)
}

func TestOneOccurrence(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	series := b.weekly()
	ids := b.s.Occurrences(series)
	require.NoError(t, b.s.EditOccurrence(ids[1], values{"StartDateTime": "2027-03-23T10:00:00Z", "Subject": "Late"}, b.alice))
	require.NoError(t, b.s.Delete("Event", ids[2], b.alice))
	require.Equal(t, []string{"2027-03-15T08:00 Standup", "2027-03-23T10:00 Late x", "2027-04-05T07:00 Standup"}, b.starts(series))
	require.Equal(t, "RRULE:FREQ=WEEKLY;BYDAY=MO;WKST=SU;INTERVAL=1;COUNT=4", b.get("Event", series)["Recurrence2PatternText"], "the pattern shows no trace")
}

func TestUpdateOfAnOccurrenceThroughTheAPI(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		version string
		now     time.Time // zero: before the series
		nth     int
		change  values
		want    []string
	}{
		"a future one changes all": {"58.0", time.Time{}, 1, values{"Subject": "New"},
			[]string{"2027-03-15T08:00 New", "2027-03-22T08:00 New", "2027-03-29T07:00 New", "2027-04-05T07:00 New"}},
		"before version 58.0 it is an exception": {"57.0", time.Time{}, 1, values{"Subject": "New"},
			[]string{"2027-03-15T08:00 Standup", "2027-03-22T08:00 New x", "2027-03-29T07:00 Standup", "2027-04-05T07:00 Standup"}},
		"a past one is an exception": {"65.0", time.Date(2027, 3, 24, 0, 0, 0, 0, time.UTC), 1, values{"Subject": "New"},
			[]string{"2027-03-15T08:00 Standup", "2027-03-22T08:00 New x", "2027-03-29T07:00 Standup", "2027-04-05T07:00 Standup"}},
		"what is past stays": {"65.0", time.Date(2027, 3, 24, 0, 0, 0, 0, time.UTC), 3, values{"Subject": "New"},
			[]string{"2027-03-15T08:00 Standup", "2027-03-22T08:00 Standup", "2027-03-29T07:00 New", "2027-04-05T07:00 New"}},
		"another time of day holds in wall time": {"65.0", time.Time{}, 2, values{"StartDateTime": "2027-03-29T09:00:00Z"},
			[]string{"2027-03-15T10:00 Standup", "2027-03-22T10:00 Standup", "2027-03-29T09:00 Standup", "2027-04-05T09:00 Standup"}},
		"another day is an exception": {"65.0", time.Time{}, 2, values{"StartDateTime": "2027-03-30T07:00:00Z"},
			[]string{"2027-03-15T08:00 Standup", "2027-03-22T08:00 Standup", "2027-03-30T07:00 Standup x", "2027-04-05T07:00 Standup"}},
		"a field that series do not share": {"65.0", time.Time{}, 0, values{"Repsync_Key__c": "k1"},
			[]string{"2027-03-15T08:00 Standup", "2027-03-22T08:00 Standup", "2027-03-29T07:00 Standup", "2027-04-05T07:00 Standup"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			series := b.weekly()
			if !c.now.IsZero() {
				b.clock.advance(c.now.Sub(b.clock.now()))
				b.token = b.s.NewSession(b.api)
			}
			id := b.s.Occurrences(series)[c.nth]
			b.raw("PATCH", "/services/data/v"+c.version+"/sobjects/Event/"+id, c.change).want(204)
			require.Equal(t, c.want, b.starts(series))
			if strings.HasSuffix(c.want[0], "T10:00 Standup") {
				require.Equal(t, "2027-03-15T10:00:00.000+0000", b.get("Event", series)["Recurrence2PatternStartDate"])
				require.Equal(t, "2027-03-15T10:00:00.000+0000", b.get("Event", id)["Recurrence2PatternStartDate"])
			}
		})
	}
	b := newBench(t)
	id := b.s.Occurrences(b.weekly())[0]
	for _, field := range []string{"IsRecurrence2", "Recurrence2PatternText", "IsRecurrence2Exception", "GroupEventType"} {
		b.do("PATCH", "sobjects/Event/"+id, values{field: nil}).fails(400, "INVALID_FIELD_FOR_INSERT_UPDATE")
	}
}

func TestSeriesAndItsExceptions(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	contact := b.contact("Doe")
	series := b.weekly()
	require.NoError(t, b.s.ChangeSeries(series, time.Date(2027, 3, 20, 0, 0, 0, 0, time.UTC), "FREQ=WEEKLY;BYDAY=TU;COUNT=4", nil))
	ids := b.s.Occurrences(series)
	b.invite(ids[3], b.bob)
	require.NoError(t, b.s.EditOccurrence(ids[1], values{"Subject": "Alone"}, b.alice))
	b.do("PATCH", "sobjects/Event/"+ids[1], values{"Subject": "Still alone"}).want(204)
	b.do("PATCH", "sobjects/Event/"+ids[0], values{"Location": "History"}).want(204)
	require.Equal(t, []string{"2027-03-15T08:00 Standup x h", "2027-03-23T08:00 Still alone x", "2027-03-30T07:00 Standup", "2027-04-06T07:00 Standup", "2027-04-13T07:00 Standup"}, b.starts(series))
	require.Nil(t, b.get("Event", ids[2])["Location"])

	b.do("PATCH", "sobjects/Event/"+ids[2], values{"Subject": "All", "WhoId": contact}).want(204)
	require.Equal(t, []string{"2027-03-15T08:00 Standup x h", "2027-03-23T08:00 Still alone x", "2027-03-30T07:00 All", "2027-04-06T07:00 All", "2027-04-13T07:00 All"}, b.starts(series))
	require.Equal(t, []string{contact + " true false false New"}, b.relations(ids[4]), "relations follow in every row")
	require.Empty(t, b.relations(ids[1]))
	require.Equal(t, "All", b.get("Event", b.copyOf(b.bob)[0].(string))["Subject"], "and so do invitees' copies")
	require.Equal(t, "All", b.get("Event", series)["Subject"])
}

func TestHistoryStaysWhenTheSeriesChanges(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	series := b.weekly()
	require.NoError(t, b.s.ChangeSeries(series, time.Date(2027, 3, 20, 0, 0, 0, 0, time.UTC), "FREQ=WEEKLY;BYDAY=TU;COUNT=1", nil))
	ids := b.s.Occurrences(series)
	b.do("PATCH", "sobjects/Event/"+ids[1], values{"Subject": "All"}).want(204)
	require.Equal(t, []string{"2027-03-15T08:00 Standup h", "2027-03-23T08:00 All"}, b.starts(series))
	b.do("PATCH", "sobjects/Event/"+ids[0], values{"Subject": "Old"}).want(204)
	require.Equal(t, []string{"2027-03-15T08:00 Old x h", "2027-03-23T08:00 All"}, b.starts(series))
}

func TestDeleteFromThisEventOnwards(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	series := b.weekly()
	ids := b.s.Occurrences(series)
	path := func(id string) string { return "sobjects/Event/" + id + "/fromThisEventOnwards" }
	all := "SELECT Id FROM Event WHERE GroupEventType = '0' ORDER BY StartDateTime"

	got := b.do("DELETE", path(ids[2]), nil).want(200).object()
	require.Equal(t, values{"success": "We’re deleting the selected events from the series. Wait for all events to be removed."}, got)
	require.Len(t, b.column(all, "Id"), 4, "it answers before it is done")
	require.Equal(t, []any{ids[0], ids[1]}, b.column(all, "Id"), "the next poll sees it, even if the clock stands still")
	require.Equal(t, "RRULE:FREQ=WEEKLY;BYDAY=MO;WKST=SU;INTERVAL=1;COUNT=4", b.get("Event", series)["Recurrence2PatternText"])

	b.do("DELETE", path(ids[0]), nil).want(200)
	b.clock.advance(time.Second)
	require.Empty(t, b.column("SELECT Id FROM Event", "Id"), "the record goes with its last occurrence, once the clock moves")
	require.Equal(t, 2, b.s.Calls()["deleteSeries"])
}

func TestWhatCannotBeDeletedOnwards(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	series := b.weekly()
	ids := b.s.Occurrences(series)
	b.invite(ids[1], b.bob)
	require.NoError(t, b.s.ChangeSeries(series, time.Date(2027, 3, 20, 0, 0, 0, 0, time.UTC), "FREQ=WEEKLY;BYDAY=TU;COUNT=2", nil))
	moved := b.s.Occurrences(series)[1]
	require.NoError(t, b.s.EditOccurrence(moved, values{"StartDateTime": "2027-03-16T08:00:00Z"}, b.alice))
	b.invite(b.s.Occurrences(series)[2], b.bob)
	for name, id := range map[string]string{"a single event": b.event(), "history": ids[0], "one before the pattern starts": moved, "an invitee's copy": b.copyOf(b.bob)[0].(string), "the record": series} {
		b.do("DELETE", "sobjects/Event/"+id+"/fromThisEventOnwards", nil).fails(400, "INVALID_OPERATION")
		require.NotEmpty(t, name)
	}
	b.do("DELETE", "sobjects/Event/00URs0000zzzzzz/fromThisEventOnwards", nil).fails(404, "NOT_FOUND")
	b.as(b.bob).do("DELETE", "sobjects/Event/"+b.s.Occurrences(series)[2]+"/fromThisEventOnwards", nil).fails(403, "INSUFFICIENT_ACCESS_OR_READONLY")
	b.do("GET", "sobjects/Event/"+ids[0]+"/fromThisEventOnwards", nil).fails(405, "METHOD_NOT_ALLOWED")
}

func TestChangeOfThePattern(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	series := b.weekly()
	before := b.s.Occurrences(series)
	b.clock.advance(time.Minute)
	require.NoError(t, b.s.ChangeSeries(series, time.Date(2027, 3, 22, 0, 0, 0, 0, time.UTC), "FREQ=WEEKLY;BYDAY=TU;COUNT=2", values{"Subject": "Sync"}))
	require.Equal(t, []string{"2027-03-15T08:00 Standup h", "2027-03-23T08:00 Sync", "2027-03-30T07:00 Sync"}, b.starts(series))
	got := b.get("Event", series)
	require.Equal(t, values{"Recurrence2PatternText": "RRULE:FREQ=WEEKLY;BYDAY=TU;WKST=SU;INTERVAL=1;COUNT=2", "Recurrence2PatternStartDate": "2027-03-23T08:00:00.000+0000",
		"StartDateTime": "2027-03-23T08:00:00.000+0000", "Recurrence2PatternVersion": "1", "SystemModstamp": "2026-11-18T12:01:00.000+0000"},
		part(got, "Recurrence2PatternText", "Recurrence2PatternStartDate", "StartDateTime", "Recurrence2PatternVersion", "SystemModstamp"))
	now := b.s.Occurrences(series)
	require.Equal(t, before[0], now[0])
	require.NotContains(t, before, now[1])
	old := b.get("Event", before[0])
	require.Equal(t, "RRULE:FREQ=WEEKLY;BYDAY=MO;WKST=SU;INTERVAL=1;COUNT=4", old["Recurrence2PatternText"])
	require.Equal(t, "2026-11-18T12:01:00.000+0000", old["SystemModstamp"])
	b.do("GET", "sobjects/Event/"+before[1], nil).fails(404, "ENTITY_IS_DELETED")
}

func TestInvitationToASeries(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	series := b.weekly()
	b.invite(series, b.bob)
	require.Len(t, b.copyOf(b.bob), 4, "a copy of each occurrence, none of the record")
	require.Equal(t, "3", b.get("Event", series)["GroupEventType"])
	require.NoError(t, b.s.ChangeSeries(series, time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC), "FREQ=WEEKLY;BYDAY=TU;COUNT=2", nil))
	require.Len(t, b.copyOf(b.bob), 2, "who is invited stays so")
	require.Equal(t, []string{b.bob + " false false true New"}, b.relations(b.s.Occurrences(series)[0]))
	for _, o := range b.s.Occurrences(series) {
		require.Equal(t, true, b.get("Event", o)["IsGroupEvent"], fmt.Sprint(o))
	}
}

func TestSeriesThroughTheAPI(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	v := meeting(b, values{"Recurrence2PatternText": "FREQ=DAILY;COUNT=3"})
	b.do("POST", "sobjects/Event", v).fails(400, "INVALID_FIELD_FOR_INSERT_UPDATE")
	b.s.SetSeriesCreatable(true)
	id := b.do("POST", "sobjects/Event", v).want(201).object()["id"].(string)
	require.Equal(t, "RRULE:FREQ=DAILY;INTERVAL=1;COUNT=3", b.get("Event", id)["Recurrence2PatternText"])
	require.Equal(t, []string{"2026-11-19T09:00 Review", "2026-11-20T09:00 Review", "2026-11-21T09:00 Review"}, b.starts(id))
	b.do("PATCH", "sobjects/Event/"+id, values{"Recurrence2PatternText": "FREQ=DAILY;COUNT=2"}).fails(400, "INVALID_FIELD_FOR_INSERT_UPDATE")
	v["Recurrence2PatternText"] = "FREQ=SECONDLY"
	b.do("POST", "sobjects/Event", v).fails(400, "FIELD_INTEGRITY_EXCEPTION")
	b.s.SetSeriesCreatable(false)
	b.do("POST", "sobjects/Event", v).fails(400, "INVALID_FIELD_FOR_INSERT_UPDATE")
}
