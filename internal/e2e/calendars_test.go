package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/workflows"
)

// zone is where the reps live.
const zone = "Europe/Berlin"

// midnight begins the day of the test binary: worlds that are compared show the same times.
var midnight = sync.OnceValue(func() time.Time {
	berlin, err := time.LoadLocation(zone)
	must(err)
	now := time.Now().In(berlin)
	return time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, berlin)
})

// day is so many days from today, at an hour on the clock of Berlin.
func day(n, hour int) time.Time {
	return time.Date(midnight().Year(), midnight().Month(), midnight().Day()+n, hour, 0, 0, 0, midnight().Location())
}

// with returns fields with more of them.
func with(f, more fields) fields {
	f = maps.Clone(f)
	maps.Copy(f, more)
	return f
}

// hour is the start and the end of one hour, as Google has them.
func hour(start time.Time) fields {
	at := func(t time.Time) fields { return fields{"dateTime": t.Format(time.RFC3339), "timeZone": zone} }
	return fields{"start": at(start), "end": at(start.Add(time.Hour))}
}

// crmHour is the same hour as Salesforce has it.
func crmHour(start time.Time) fields {
	return fields{"StartDateTime": start.UTC().Format(time.RFC3339), "EndDateTime": start.Add(time.Hour).UTC().Format(time.RFC3339)}
}

// weekly is a mailbox event of one hour, every week, four times.
func weekly(subject string, start time.Time) fields {
	return with(hour(start), fields{"summary": subject, "recurrence": []any{"RRULE:FREQ=WEEKLY;COUNT=4"}})
}

// week is the start of the occurrence of a weekly series after n weeks.
func week(first time.Time, n int) time.Time { return first.AddDate(0, 0, 7*n) }

// instance is the id of an occurrence of a mailbox series by its original start.
func instance(series string, start time.Time) string {
	return series + "_" + start.UTC().Format("20060102T150405Z")
}

// event puts an event into a rep's calendar, as the rep would.
func (w *world) event(rep string, e fields) string {
	w.t.Helper()
	made, err := w.box.Google.Calendar(address(rep)).Insert(e)
	require.NoError(w.t, err)
	return made["id"].(string)
}

func (w *world) editEvent(rep, id string, change fields) {
	w.t.Helper()
	_, err := w.box.Google.Calendar(address(rep)).Patch(id, change)
	require.NoError(w.t, err)
}

func (w *world) deleteEvent(rep, id string) {
	w.t.Helper()
	require.NoError(w.t, w.box.Google.Calendar(address(rep)).Delete(id))
}

// crmEvent makes a CRM event of a rep's, as its owner would.
func (w *world) crmEvent(rep string, f fields) string {
	w.t.Helper()
	id, err := w.box.Salesforce.Insert("Event", with(f, fields{"OwnerId": w.users[rep]}), w.users[rep])
	require.NoError(w.t, err)
	return id
}

func (w *world) editCRMEvent(rep, id string, f fields) {
	w.t.Helper()
	require.NoError(w.t, w.box.Salesforce.Update("Event", id, f, w.users[rep]))
}

func (w *world) deleteCRMEvent(rep, id string) {
	w.t.Helper()
	require.NoError(w.t, w.box.Salesforce.Delete("Event", id, w.users[rep]))
}

// crmEventAt returns the id of the one living CRM event that starts at a time, invitees' copies and series' own records
// apart; "" without one.
func (w *world) crmEventAt(start time.Time) string {
	for _, row := range w.box.Salesforce.All("Event") {
		at, _ := row["StartDateTime"].(time.Time)
		if row["IsDeleted"] != true && row["IsChild"] != true && row["GroupEventType"] != "3" && at.Equal(start) {
			return fmt.Sprint(row["Id"])
		}
	}
	return ""
}

// eventOf returns the id of the one living event of a calendar that has a subject, the series' own for a series; "" without
// one.
func (w *world) eventOf(rep, subject string) string {
	w.t.Helper()
	list, err := w.box.Google.Calendar(address(rep)).List(nil)
	require.NoError(w.t, err)
	for _, e := range list {
		if e["summary"] == subject && e["recurringEventId"] == nil {
			return e["id"].(string)
		}
	}
	return ""
}

// occurrences lists what a rep sees in a calendar, every occurrence of its own: "start subject".
func (w *world) occurrences(rep string) (out []string) {
	w.t.Helper()
	list, err := w.box.Google.Calendar(address(rep)).List(map[string][]string{"singleEvents": {"true"}, "timeMin": {day(-30, 0).Format(time.RFC3339)}, "timeMax": {day(300, 0).Format(time.RFC3339)}})
	require.NoError(w.t, err)
	for _, e := range list {
		at, err := time.Parse(time.RFC3339, fmt.Sprint(e["start"].(map[string]any)["dateTime"]))
		require.NoError(w.t, err)
		out = append(out, fmt.Sprintf("%s %s", at.UTC().Format(time.RFC3339), e["summary"]))
	}
	slices.Sort(out)
	return out
}

// crmOccurrences lists a rep's CRM events likewise.
func (w *world) crmOccurrences(rep string) (out []string) {
	for _, row := range w.box.Salesforce.All("Event") {
		if row["IsDeleted"] != true && row["IsChild"] != true && row["GroupEventType"] != "3" && row["OwnerId"] == w.users[rep] {
			out = append(out, fmt.Sprintf("%s %s", row["StartDateTime"].(time.Time).UTC().Format(time.RFC3339), row["Subject"]))
		}
	}
	slices.Sort(out)
	return out
}

// agenda is what both sides' calendars hold at the first pass: on each side a single event and a series, and a meeting of
// two reps with a customer.
func agenda(w *world) {
	for rep := range w.users {
		require.NoError(w.t, w.box.Google.Calendar(address(rep)).SetTimeZone(zone))
	}
	guests := func(emails ...string) (out []any) {
		for _, e := range emails {
			out = append(out, fields{"email": e})
		}
		return out
	}
	w.event("alice", with(hour(day(2, 9)), fields{"summary": "Coffee", "location": "Café", "attendees": guests("grace@customer.test")}))
	w.event("alice", with(hour(day(3, 9)), fields{"summary": "Board", "attendees": guests(address("bob"), "ada@customer.test")}))
	standUp := w.event("alice", weekly("Stand-up", day(1, 10)))
	second := week(day(1, 10), 1)
	w.editEvent("alice", instance(standUp, second), with(hour(second.Add(2*time.Hour)), fields{"summary": "Stand-up, late"}))
	w.deleteEvent("alice", instance(standUp, week(day(1, 10), 2)))
	w.event("alice", weekly("Review", day(2, 11)))
	w.event("alice", weekly("Planning", day(3, 11)))

	w.crmEvent("alice", with(crmHour(day(4, 9)), fields{"Subject": "Call", "WhoId": w.contactOf("ada@customer.test")}))
	w.crmEvent("alice", with(crmHour(day(5, 9)), fields{"Subject": "Visit", "Location": "Site"}))
	first := day(1, 14)
	rule := "RRULE:FREQ=WEEKLY;BYDAY=" + strings.ToUpper(first.Weekday().String()[:2]) + ";COUNT=4"
	native, err := w.box.Salesforce.AddSeries(w.users["alice"], rule, with(crmHour(first), fields{"Subject": "Pipeline", "Recurrence2PatternTimeZone": zone}))
	require.NoError(w.t, err)
	rows := w.box.Salesforce.Occurrences(native)
	require.Len(w.t, rows, 4)
	require.NoError(w.t, w.box.Salesforce.EditOccurrence(rows[1], crmHour(week(first, 1).Add(time.Hour)), w.users["alice"]))
	w.deleteCRMEvent("alice", rows[2])
}

// rearrange is what people do to those calendars: text on both sides, one occurrence on each, a series retimed, one cut in
// two.
func rearrange(w *world) {
	w.editEvent("alice", w.eventOf("alice", "Coffee"), fields{"location": "Canteen"})
	w.editCRMEvent("alice", w.crmEventAt(day(4, 9)), with(crmHour(day(4, 16)), fields{"Subject": "Call, later"}))
	w.editCRMEvent("alice", w.crmEventAt(week(day(1, 10), 3)), fields{"Location": "Room 4"})
	require.NoError(w.t, w.box.Salesforce.EditOccurrence(w.crmEventAt(day(1, 14)), fields{"Location": "Room 1"}, w.users["alice"]))
	w.editEvent("alice", w.eventOf("alice", "Review"), hour(day(2, 13)))
	third := week(day(3, 11), 2)
	_, err := w.box.Google.SplitSeries(address("alice"), w.eventOf("alice", "Planning"), third, with(hour(third.Add(3*time.Hour)), fields{"summary": "Planning, late"}))
	require.NoError(w.t, err)
}

// cancel is what people delete: a single event and an occurrence on each side, and a whole series.
func cancel(w *world) {
	w.deleteEvent("alice", w.eventOf("alice", "Coffee"))
	w.deleteCRMEvent("alice", w.crmEventAt(day(4, 9)))
	w.deleteEvent("alice", instance(w.eventOf("alice", "Review"), week(day(2, 11), 1)))
	w.deleteCRMEvent("alice", w.crmEventAt(week(day(1, 10), 3)))
	w.deleteCRMEvent("alice", w.crmEventAt(week(day(1, 14), 3)))
	w.deleteEvent("alice", w.eventOf("alice", "Planning"))
}

// hold lets a rep's workflow run or rest.
func (w *world) hold(rep, signal string) {
	w.t.Helper()
	require.NoError(w.t, w.temporal.Client.SignalWorkflow(w.t.Context(), workflows.RepID(org, rep), "", signal, nil))
	w.until(rep, signal+"d", func(st workflows.Status) bool {
		return (st.State == workflows.Paused) == (signal == workflows.SignalPause)
	})
}

// names tells what the ids of a world stand for.
func (w *world) names() map[string]string {
	out := map[string]string{}
	for object, of := range map[string]func(fields) any{
		"User": func(f fields) any { return f["Username"] }, "Contact": func(f fields) any { return f["Email"] },
		"Event": func(f fields) any { return fmt.Sprintf("%v at %v", f["Subject"], f["StartDateTime"]) },
	} {
		for _, row := range w.box.Salesforce.All(object) {
			out[fmt.Sprint(row["Id"])] = fmt.Sprintf("%s %v", object, of(row))
		}
	}
	return out
}

// crmCalendars is what the CRM holds about events, deleted ones and relations included, by names in the place of ids.
func (w *world) crmCalendars() (out []string) {
	names := w.names()
	for _, object := range []string{"Event", "EventRelation"} {
		for _, row := range w.box.Salesforce.All(object) {
			row = maps.Clone(row)
			for name, v := range row {
				text, _ := v.(string)
				switch {
				case name == "Repsync_Key__c":
					row[name] = "a marker"
				case name == "Id", name == "CreatedDate", name == "LastModifiedDate", name == "SystemModstamp", name == "RespondedDate":
					delete(row, name)
				case names[text] != "":
					row[name] = names[text]
				}
			}
			out = append(out, object+" "+show(row))
		}
	}
	return out
}

// mailboxCalendars is what the reps' calendars hold, deleted ones included, without what differs from run to run.
func (w *world) mailboxCalendars() (out []string) {
	w.t.Helper()
	for _, rep := range slices.Sorted(maps.Keys(w.users)) {
		list := w.events(rep)
		series := map[string]any{}
		for _, e := range list {
			series[fmt.Sprint(e["id"])] = e["summary"]
		}
		for _, e := range list {
			e = maps.Clone(e)
			for name, v := range e {
				switch name {
				case "id", "etag", "htmlLink", "created", "updated", "iCalUID":
					delete(e, name)
				case "recurringEventId":
					e[name] = series[fmt.Sprint(v)]
				case "extendedProperties":
					e[name] = "a marker"
				}
			}
			out = append(out, "calendar "+rep+" "+show(e))
		}
	}
	return out
}

// events is everything that a rep's calendar holds, deleted events included.
func (w *world) events(rep string) []fields {
	w.t.Helper()
	list, err := w.box.Google.Calendar(address(rep)).List(map[string][]string{"showDeleted": {"true"}})
	require.NoError(w.t, err)
	return list
}

// noMail holds that nobody was mailed.
func (w *world) noMail() {
	w.t.Helper()
	require.Empty(w.t, w.box.Outbox.All(), "somebody is mailed")
}
