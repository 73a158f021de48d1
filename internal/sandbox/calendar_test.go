package sandbox_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/internal/sandbox"
	"github.com/repsync/repsync/internal/sandbox/google"
)

func TestGoogleCalendarMailReachesTheOutbox(t *testing.T) {
	t.Parallel()
	s := start(t, sandbox.Config{CalendarQuota: google.CalendarQuota{PerUser: 2}})
	token, err := s.Google.MintToken(alice)
	require.NoError(t, err)
	const event = `{"id":"event1","start":{"date":"2026-11-03"},"end":{"date":"2026-11-04"},"attendees":[{"email":"pat@customer.test"}]}`
	url := s.GoogleURL + "/calendar/v3/calendars/primary/events"
	code, _ := do(t, http.MethodPost, url+"?sendUpdates=all", event, "Authorization", "Bearer "+token)
	require.Equal(t, 200, code)
	want := sandbox.Mail{Vendor: "google", From: alice, To: "pat@customer.test", Reason: "invitation", Event: "event1"}
	require.Equal(t, []sandbox.Mail{want}, s.Outbox.All())
	_, out := do(t, http.MethodGet, s.ControlURL+"/mail", "")
	require.EqualValues(t, 1, out["count"])

	code, page := do(t, http.MethodGet, url, "", "Authorization", "Bearer "+token)
	require.Equal(t, 200, code)
	code, _ = do(t, http.MethodGet, url, "", "Authorization", "Bearer "+token)
	require.Equal(t, 403, code, "the quota of the sandbox's configuration")

	s.Google.SetCalendarQuota(google.CalendarQuota{})
	code, _ = do(t, http.MethodPost, s.ControlURL+"/expire", `{"what":"google_calendar_tokens","user":"`+alice+`"}`)
	require.Equal(t, 200, code)
	code, _ = do(t, http.MethodGet, url+"?syncToken="+page["nextSyncToken"].(string), "", "Authorization", "Bearer "+token)
	require.Equal(t, 410, code)
}
