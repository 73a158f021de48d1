package activities_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox/fault"
)

// masters lists the series of a rep's calendar.
func (w *world) masters(rep string) (out []fields) {
	w.t.Helper()
	list, err := w.box.Google.Calendar(address(rep)).List(map[string][]string{"maxResults": {"2500"}})
	require.NoError(w.t, err)
	for _, e := range list {
		if e["recurrence"] != nil {
			out = append(out, e)
		}
	}
	return out
}

func TestANativeSeriesIsOneMailboxSeries(t *testing.T) {
	for name, direction := range map[string]string{"both ways": "both", "CRM to mailbox": "crm_to_mailbox"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.eventPolicy(direction, "  window: {past: 30d, future: 359d}\n")
			start := w.day(2, 9, 0)
			weekday := []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}[start.Weekday()]
			series, err := w.box.Salesforce.AddSeries(w.users["alice"], "RRULE:FREQ=WEEKLY;BYDAY="+weekday+";COUNT=20", fields{
				"Subject": "Pipeline", "Recurrence2PatternTimeZone": berlin, "StartDateTime": start.UTC().Format(time.RFC3339), "EndDateTime": start.Add(time.Hour).UTC().Format(time.RFC3339)})
			require.NoError(t, err)
			rows := w.box.Salesforce.Occurrences(series)
			require.Len(t, rows, 20)
			require.NoError(t, w.box.Salesforce.EditOccurrence(rows[3], fields{"StartDateTime": start.AddDate(0, 0, 22).UTC().Format(time.RFC3339), "EndDateTime": start.AddDate(0, 0, 22).Add(time.Hour).UTC().Format(time.RFC3339)}, w.users["alice"]))
			w.deleteCRMEvent("alice", rows[5])
			w.converged()

			rowsOf := func() []string {
				var out []string
				for _, r := range w.crmEvents() {
					if r["GroupEventType"] != "3" {
						out = append(out, crmTime(r, "StartDateTime"))
					}
				}
				return out
			}
			starts := func() []string {
				var out []string
				for _, line := range w.calendar("alice") {
					out = append(out, line[:len("2006-01-02T15:04")])
				}
				return out
			}
			require.Len(t, w.masters("alice"), 1, "one series")
			require.ElementsMatch(t, rowsOf(), starts())
			require.Len(t, starts(), 19)

			require.NoError(t, w.box.Salesforce.EditOccurrence(rows[7], fields{"Location": "Room 1"}, w.users["alice"]))
			w.deleteCRMEvent("alice", rows[8])
			w.converged()
			require.ElementsMatch(t, rowsOf(), starts())
			require.Len(t, starts(), 18)

			m := w.masters("alice")[0]
			w.deleteEvent("alice", instance(m["id"].(string), start.AddDate(0, 0, 7*10)))
			w.editEvent("alice", m["id"].(string), fields{"summary": "Renamed by the rep"})
			before := len(rowsOf())
			w.converged()
			require.Len(t, rowsOf(), before, "by default a delete in the mailbox stays there")
		})
	}
}

func TestDeletedRowOfANativeSeriesIsVacatedThoughTheAnswerIsLost(t *testing.T) {
	for name, kind := range map[string]fault.Kind{"nothing was deleted": fault.Drop, "it was deleted": fault.DropAfter} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.eventsBothWays(wideWindow)
			start := w.day(2, 9, 0)
			weekday := []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}[start.Weekday()]
			series, err := w.box.Salesforce.AddSeries(w.users["alice"], "RRULE:FREQ=WEEKLY;BYDAY="+weekday+";COUNT=4", also(crmMeeting("Pipeline", start), fields{"Recurrence2PatternTimeZone": berlin}))
			require.NoError(t, err)
			w.deleteCRMEvent("alice", w.box.Salesforce.Occurrences(series)[2])
			w.google(fault.Rule{Method: "DELETE", Path: "/events/", Kind: kind, Times: 1})
			w.converged()
			require.Len(t, w.calendar("alice"), 3, "the copy has no occurrence where the series has no row")
		})
	}
}
