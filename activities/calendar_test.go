package activities_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/record"
	"github.com/repsync/repsync/internal/store"
)

// berlin is the zone of every rep here, unless a test says otherwise.
const berlin = "Europe/Berlin"

// eventsBothWays assigns every rep a policy that syncs events in both directions, and nothing else.
func (w *world) eventsBothWays(more string) {
	w.t.Helper()
	w.eventPolicy("both", more)
}

func (w *world) eventPolicy(direction, more string) {
	w.t.Helper()
	w.policy("name: test\norg: acme\nassign: {profiles: [Field Sales]}\ncontacts: {direction: off}\nevents:\n  direction: " + direction + "\n" + more)
}

// day is a wall time in Berlin, so many days from today.
func (w *world) day(days, hour, minute int) time.Time {
	zone, err := time.LoadLocation(berlin)
	require.NoError(w.t, err)
	now := w.clock.Now().In(zone)
	return time.Date(now.Year(), now.Month(), now.Day()+days, hour, minute, 0, 0, zone)
}

// at is a start or an end as Google has it.
func at(t time.Time) fields {
	return fields{"dateTime": t.Format(time.RFC3339), "timeZone": t.Location().String()}
}

func onDate(t time.Time) fields { return fields{"date": t.Format(time.DateOnly)} }

// meeting is an event of one hour.
func meeting(subject string, start time.Time) fields {
	return fields{"summary": subject, "start": at(start), "end": at(start.Add(time.Hour))}
}

// weekly is a meeting of one hour, every week from start on, n times or without end for 0.
func weekly(subject string, start time.Time, n int) fields {
	rule := "RRULE:FREQ=WEEKLY"
	if n > 0 {
		rule += fmt.Sprintf(";COUNT=%d", n)
	}
	e := meeting(subject, start)
	e["recurrence"] = []any{rule}
	return e
}

func also(e fields, more fields) fields {
	out := maps.Clone(e)
	maps.Copy(out, more)
	return out
}

// event puts an event into a rep's calendar, as the rep would.
func (w *world) event(rep string, e fields) string {
	w.t.Helper()
	w.clock.Advance(time.Second)
	made, err := w.box.Google.Calendar(address(rep)).Insert(e)
	require.NoError(w.t, err)
	return made["id"].(string)
}

func (w *world) editEvent(rep, id string, change fields) {
	w.t.Helper()
	w.clock.Advance(time.Second)
	_, err := w.box.Google.Calendar(address(rep)).Patch(id, change)
	require.NoError(w.t, err)
}

func (w *world) deleteEvent(rep, id string) {
	w.t.Helper()
	w.clock.Advance(time.Second)
	require.NoError(w.t, w.box.Google.Calendar(address(rep)).Delete(id))
}

// instance is the id of one occurrence of a series.
func instance(master string, start time.Time) string {
	return master + "_" + start.UTC().Format("20060102T150405Z")
}

// calendar lists what a rep sees from a month ago to two years ahead: "start end subject", every occurrence of its own.
func (w *world) calendar(rep string) []string {
	w.t.Helper()
	query := map[string][]string{"singleEvents": {"true"}, "timeMin": {w.day(-31, 0, 0).Format(time.RFC3339)}, "timeMax": {w.day(360, 0, 0).Format(time.RFC3339)}, "maxResults": {"2500"}}
	list, err := w.box.Google.Calendar(address(rep)).List(query)
	require.NoError(w.t, err)
	var out []string
	for _, e := range list {
		out = append(out, fmt.Sprintf("%s %s %s", when(e["start"]), when(e["end"]), e["summary"]))
	}
	slices.Sort(out)
	return out
}

func when(v any) string {
	m := v.(map[string]any)
	if d, ok := m["date"]; ok {
		return d.(string)
	}
	t, err := time.Parse(time.RFC3339, m["dateTime"].(string))
	if err != nil {
		return err.Error()
	}
	return t.UTC().Format("2006-01-02T15:04")
}

// crmEvent makes a CRM event owned by a rep, as its owner would.
func (w *world) crmEvent(rep string, f fields) string {
	w.t.Helper()
	w.clock.Advance(time.Second)
	if _, ok := f["OwnerId"]; !ok {
		f["OwnerId"] = w.users[rep]
	}
	id, err := w.box.Salesforce.Insert("Event", f, w.users[rep])
	require.NoError(w.t, err)
	return id
}

// crmMeeting is a CRM event of one hour.
func crmMeeting(subject string, start time.Time) fields {
	return fields{"Subject": subject, "StartDateTime": start.UTC().Format(time.RFC3339), "EndDateTime": start.Add(time.Hour).UTC().Format(time.RFC3339)}
}

func (w *world) editCRMEvent(rep, id string, f fields) {
	w.t.Helper()
	w.clock.Advance(time.Second)
	require.NoError(w.t, w.box.Salesforce.Update("Event", id, f, w.users[rep]))
}

func (w *world) deleteCRMEvent(rep, id string) {
	w.t.Helper()
	w.clock.Advance(time.Second)
	require.NoError(w.t, w.box.Salesforce.Delete("Event", id, w.users[rep]))
}

// crmEvents returns the living events, invitees' copies apart, by id.
func (w *world) crmEvents() map[string]fields {
	out := map[string]fields{}
	for _, row := range w.box.Salesforce.All("Event") {
		if row["IsDeleted"] != true && row["IsChild"] != true {
			out[fmt.Sprint(row["Id"])] = row
		}
	}
	return out
}

// crmCalendar lists the CRM's events as calendar lists a mailbox's.
func (w *world) crmCalendar() []string {
	var out []string
	for _, row := range w.crmEvents() {
		out = append(out, fmt.Sprintf("%s %s %s", crmTime(row, "StartDateTime"), crmTime(row, "EndDateTime"), row["Subject"]))
	}
	slices.Sort(out)
	return out
}

func crmTime(row fields, field string) string {
	t, ok := row[field].(time.Time)
	if !ok {
		return fmt.Sprint(row[field])
	}
	if row["IsAllDayEvent"] == true {
		if field == "EndDateTime" {
			t = t.AddDate(0, 0, 1)
		}
		return t.UTC().Format(time.DateOnly)
	}
	return t.UTC().Format("2006-01-02T15:04")
}

// crmEventOf finds the one CRM event that starts at a time.
func (w *world) crmEventOf(start time.Time) (id string, row fields) {
	w.t.Helper()
	n := 0
	for i, r := range w.crmEvents() {
		if crmTime(r, "StartDateTime") == start.UTC().Format("2006-01-02T15:04") {
			id, row = i, r
			n++
		}
	}
	require.Equal(w.t, 1, n, "events at %s: %v", start, w.crmCalendar())
	return id, row
}

// eventVerdict is the latest decision about an event of a rep.
func (w *world) eventVerdict(rep, id string) store.Verdict {
	w.t.Helper()
	list, err := w.store.Verdicts(w.t.Context(), org, rep, record.Event, id)
	require.NoError(w.t, err)
	require.NotEmpty(w.t, list, "no verdict on %s", id)
	return list[0]
}

// dayNames are the weekdays as RRULE has them.
var dayNames = []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}
