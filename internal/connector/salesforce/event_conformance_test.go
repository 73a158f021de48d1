package salesforce_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/connectortest"
	"github.com/repsync/repsync/internal/record"
	sandbox "github.com/repsync/repsync/internal/sandbox/salesforce"
)

func TestEventConformance(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, func(t testing.TB) *connectortest.World { return newBench(t).eventWorld() })
}

// meeting is the n-th of any number of events.
func meeting(n int) record.Fields {
	start := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC).Add(time.Duration(n) * 25 * time.Hour)
	return record.Fields{
		record.FieldSubject: fmt.Sprintf("Réview O'Neil %d", n), record.FieldTime: timed(start, time.Hour),
		record.FieldLocation: fmt.Sprintf("Room \"%d\"", n), record.FieldDescription: fmt.Sprintf("First line %d\nSecond \\ line", n),
		record.FieldShowAs: record.ShowBusy,
	}
}

// timed is a span of a length, in UTC.
func timed(start time.Time, length time.Duration) string {
	at := func(t time.Time) record.Moment { return record.Moment{At: t.UTC()} }
	return record.Span{Start: at(start), End: at(start.Add(length))}.String()
}

// typed turns a record into what a person types into Salesforce's calendar.
func typed(f record.Fields) map[string]any {
	v := map[string]any{}
	for field, api := range map[string]string{record.FieldSubject: "Subject", record.FieldLocation: "Location", record.FieldDescription: "Description"} {
		if value, set := f[field]; set {
			if v[api] = any(value); value == "" {
				v[api] = nil
			}
		}
	}
	if span, err := record.ParseSpan(f[record.FieldTime]); err == nil {
		end := span.End.At
		if span.AllDay() {
			end = end.AddDate(0, 0, -1)
		}
		v["StartDateTime"], v["EndDateTime"], v["IsAllDayEvent"] = stamp(span.Start.At), stamp(end), span.AllDay()
	}
	if show, set := f[record.FieldShowAs]; set {
		v["ShowAs"] = map[string]any{record.ShowBusy: "Busy", record.ShowFree: "Free", record.ShowOutOfOffice: "OutOfOffice"}[show]
	}
	return v
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (b *bench) eventWorld() *connectortest.World {
	w := b.world()
	w.Kind, w.Record, w.Text, w.MissingID = record.Event, meeting, record.FieldLocation, "00U000000009999AAA"
	w.Samples = record.Fields{
		record.FieldSubject: "Sample & subject", record.FieldTime: timed(time.Date(2027, 1, 4, 8, 30, 0, 0, time.UTC), 45*time.Minute),
		record.FieldLocation: "Sample location", record.FieldDescription: "Sample\n\"description\"",
		record.FieldShowAs: record.ShowOutOfOffice, record.FieldPrivacy: record.PrivacyPrivate,
	}
	w.Refused = func(canary string) record.Fields {
		f := meeting(400)
		f[record.FieldSubject] = canary + fmt.Sprintf("%300d", 1)
		return f
	}
	w.Create = func(t testing.TB, f record.Fields) string {
		v := typed(f)
		v["OwnerId"] = b.alice
		id, err := b.org.Insert("Event", v, b.alice)
		require.NoError(t, err)
		return id
	}
	w.Edit = func(t testing.TB, id string, f record.Fields) {
		require.NoError(t, b.org.Update("Event", id, typed(f), b.alice))
	}
	w.Delete = func(t testing.TB, id string) { require.NoError(t, b.org.Delete("Event", id, b.alice)) }
	w.Restore = func(t testing.TB, id string) { require.NoError(t, b.org.Undelete("Event", id, b.alice)) }
	w.Living = func(testing.TB) int {
		n := 0
		for _, row := range b.org.All("Event") {
			if row["IsDeleted"] != true {
				n++
			}
		}
		return n
	}
	w.Hide = func(t testing.TB, id string) {
		// A private event is its owner's, once the integration user does not see all data.
		require.NoError(t, b.org.Update("Event", id, map[string]any{"IsPrivate": true}, b.alice))
		b.org.AddUser(sandbox.User{Username: "api@acme.test", Name: "Integration User", Profile: "System Administrator", Active: true})
	}
	w.Merge = nil
	w.Mark = func(t testing.TB, id, marker string) {
		require.NoError(t, b.org.Update("Event", id, map[string]any{"Repsync_Key__c": marker}, b.alice))
	}
	w.Unmapped = func(t testing.TB, id string) func(testing.TB) {
		set := map[string]any{"Type": "Call", "IsReminderSet": true, "ReminderDateTime": time.Date(2026, 12, 1, 8, 45, 0, 0, time.UTC)}
		require.NoError(t, b.org.Update("Event", id, set, b.alice))
		return func(t testing.TB) {
			row := b.event(id)
			for name, v := range set {
				require.Equal(t, v, row[name])
			}
		}
	}
	return w
}

// event is an event as the org has it.
func (b *bench) event(id string) map[string]any {
	for _, row := range b.org.All("Event") {
		if row["Id"] == id {
			return row
		}
	}
	return nil
}

func (b *bench) getEvent(id string) connector.Item {
	b.t.Helper()
	items, gone, err := b.crm.Get(b.t.Context(), record.Event, []connector.Ref{{ID: id}}, nil)
	require.NoError(b.t, err)
	require.Empty(b.t, gone)
	return items[0]
}

func (b *bench) readEvents(q connector.Query) connector.Delta {
	b.t.Helper()
	var all connector.Delta
	for {
		d, err := b.crm.Changes(b.t.Context(), record.Event, q)
		require.NoError(b.t, err)
		require.Empty(b.t, d.Bad)
		all.Items, all.Gone = append(all.Items, d.Items...), append(all.Gone, d.Gone...)
		if d.Token != nil {
			all.Token, all.Complete = d.Token, d.Complete
			return all
		}
		q.Page = d.Page
	}
}

func (b *bench) writeEvents(ops ...connector.Op) []connector.Result {
	b.t.Helper()
	r, err := b.crm.Write(b.t.Context(), record.Event, ops)
	require.NoError(b.t, err)
	require.Len(b.t, r, len(ops))
	return r
}
