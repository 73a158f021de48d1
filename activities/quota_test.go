package activities_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/repsync/repsync/activities"
	"github.com/repsync/repsync/internal/sandbox/google"
)

// A calendar that takes no more for this minute says so of each request of a batch. That is no refusal of those events: none
// is parked, and the next pass sends them.
func TestQuotaOfTheCalendarParksNothing(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(wideWindow)
	for n := range 30 {
		w.crmEvent("alice", crmMeeting(fmt.Sprint("Call ", n), w.day(1+n, 9, 0)))
	}
	w.box.Google.SetCalendarQuota(google.CalendarQuota{PerUser: 20})
	got := w.pass("alice")
	require.NotNil(t, got.trouble())
	require.Equal(t, activities.ClassRetry, got.trouble().Class)
	require.Equal(t, "userRateLimitExceeded", got.trouble().Code)
	require.Empty(t, w.parked("alice"))
	require.Less(t, len(w.calendar("alice")), 30)

	w.clock.Advance(time.Minute)
	w.pass("alice")
	w.box.Google.SetCalendarQuota(google.CalendarQuota{})
	w.converged()
	require.Empty(t, w.parked("alice"))
	require.Len(t, w.calendar("alice"), 30)
}

// A write waits within its stage for the vendor's next minute: the pass that met the quota is the one that ends the work.
func TestWriteWaitsForTheNextMinute(t *testing.T) {
	w := newWorld(t)
	w.eventsBothWays(wideWindow)
	for n := range 70 {
		w.crmEvent("alice", crmMeeting(fmt.Sprint("Call ", n), w.day(1+n, 9, 0)))
	}
	w.stages.Patience = time.Hour
	w.box.Google.SetCalendarQuota(google.CalendarQuota{PerUser: 60})
	refused := make(chan struct{})
	go func() {
		defer close(refused)
		look := time.NewTicker(10 * time.Millisecond)
		defer look.Stop()
		for w.box.Google.Calls()["events.insert"] <= 70 && t.Context().Err() == nil { // all were sent, and some again
			<-look.C
		}
		w.clock.Advance(time.Minute)
	}()
	got := w.pass("alice")
	<-refused
	require.Nil(t, got.trouble())
	require.Len(t, w.calendar("alice"), 70)
	require.Empty(t, w.parked("alice"))
}
