package budget_test

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/budget"
	"github.com/repsync/repsync/internal/config"
	"github.com/repsync/repsync/internal/connector"
	"github.com/repsync/repsync/internal/connector/google"
	"github.com/repsync/repsync/internal/record"
	sandbox "github.com/repsync/repsync/internal/sandbox/google"
)

// A first sync at a Google that keeps its quotas is never refused, and takes little longer than they ask for.
func TestGoogleRefusesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server, err := sandbox.New(sandbox.Config{Clock: w.now, Seed: 1, CalendarQuota: sandbox.VendorCalendarQuota})
	require.NoError(t, err)
	const alice = "alice@acme.test"
	server.AddUser(alice, false)
	srv := httptest.NewServer(server)
	t.Cleanup(srv.Close)
	account, err := server.ServiceAccountJSON(srv.URL + "/token")
	require.NoError(t, err)
	defaults := config.MailboxBudget{Calendar: config.Pace{Mailbox: sandbox.VendorCalendarQuota.PerUser, Project: sandbox.VendorCalendarQuota.PerProject}}
	meters := budget.New(w, budget.Options{Now: w.now, Sleep: w.sleep})
	box, err := google.New(google.Config{Org: "acme", Mailbox: alice, BaseURLPeople: srv.URL, BaseURLCalendar: srv.URL + "/calendar/v3", ServiceAccount: account,
		Now: w.now, Timeout: 2 * time.Minute, Meter: meters.Mailbox("acme", alice, "acme.test", defaults)})
	require.NoError(t, err)

	const events, batch = 2000, 50
	var made []connector.Item
	write := func(ops []connector.Op) {
		for len(ops) > 0 {
			results, err := box.Write(t.Context(), record.Event, ops)
			require.NoError(t, err)
			var again []connector.Op
			for i, r := range results {
				if connector.ClassOf(r.Err) == connector.Retry {
					require.Equal(t, connector.BudgetSpent, codeOf(t, r.Err), "Google never has to say so")
					again = append(again, ops[i])
					continue
				}
				require.NoError(t, r.Err)
				made = append(made, *r.Item)
			}
			if len(again) > 0 {
				w.pass(spent(t, results[0].Err))
			}
			ops = again
		}
	}
	began := w.now()
	for n := 0; n < events; n += batch {
		var ops []connector.Op
		for i := range batch {
			day := began.AddDate(0, 0, (n+i)%300)
			ops = append(ops, connector.Op{Verb: connector.Create, Key: fmt.Sprintf("acme/k%d", n+i), Set: record.Fields{
				record.FieldSubject: fmt.Sprint("Visit ", n+i), record.FieldTime: day.Format("2006-01-02T15:04:05Z") + "[UTC]/" + day.Add(time.Hour).Format("2006-01-02T15:04:05Z") + "[UTC]",
			}})
		}
		write(ops)
	}
	least := time.Duration(events) * time.Minute / time.Duration(sandbox.VendorCalendarQuota.PerUser)
	require.LessOrEqual(t, w.now().Sub(began), least*11/10)

	// A change is a patch, which Google counts three times.
	began = w.now()
	const changes = 500
	for n := 0; n < changes; n += batch {
		var ops []connector.Op
		for i := range batch {
			it := made[n+i]
			ops = append(ops, connector.Op{Verb: connector.Update, Ref: it.Ref, If: it.Version, Current: &it, Set: record.Fields{record.FieldSubject: fmt.Sprint("Moved ", n+i)}})
		}
		write(ops)
	}
	least = time.Duration(3*changes) * time.Minute / time.Duration(sandbox.VendorCalendarQuota.PerUser)
	require.LessOrEqual(t, w.now().Sub(began), least*12/10)
}

func codeOf(t *testing.T, err error) string {
	t.Helper()
	var e *connector.Error
	require.ErrorAs(t, err, &e)
	return e.Code
}
