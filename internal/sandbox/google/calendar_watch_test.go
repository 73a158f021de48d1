package google_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/api/calendar/v3"

	"github.com/repsync/repsync/internal/sandbox/google"
)

// hook is a receiver of push messages that answers with a status each.
type hook struct {
	mu       sync.Mutex
	messages []http.Header
	answers  []int // 200 when there are no more
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.messages = append(h.messages, r.Header)
	if len(h.answers) > 0 {
		w.WriteHeader(h.answers[0])
		h.answers = h.answers[1:]
	}
}

// wait returns the messages once there are n.
func (h *hook) wait(t *testing.T, n int) []http.Header {
	t.Helper()
	var got []http.Header
	require.Eventually(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		got = h.messages
		return len(got) >= n
	}, 10*time.Second, time.Millisecond, "%d messages", n)
	require.Len(t, got, n)
	return got
}

// watched opens a channel of Alice's calendar to a hook.
func watched(t *testing.T, svc *calendar.Service, h *hook, id string) *calendar.Channel {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	ch, err := svc.Events.Watch("primary", &calendar.Channel{Id: id, Type: "web_hook", Address: srv.URL + "/hook", Token: "secret"}).Do()
	require.NoError(t, err)
	return ch
}

func TestPush(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc, h := b.calendar(t, alice), &hook{}
	ch := watched(t, svc, h, "ch-1")
	sync := h.wait(t, 1)[0]
	require.Equal(t, "sync", sync.Get("X-Goog-Resource-State"))
	require.Equal(t, "1", sync.Get("X-Goog-Message-Number"))
	require.Equal(t, "ch-1", sync.Get("X-Goog-Channel-Id"))
	require.Equal(t, "secret", sync.Get("X-Goog-Channel-Token"))
	require.Equal(t, ch.ResourceId, sync.Get("X-Goog-Resource-Id"))
	require.Equal(t, ch.ResourceUri, sync.Get("X-Goog-Resource-Uri"))
	require.Equal(t, time.UnixMilli(ch.Expiration).UTC().Format(http.TimeFormat), sync.Get("X-Goog-Channel-Expiration"))
	require.Equal(t, "0", sync.Get("Content-Length"))
	last := 1
	changed := func(n int) {
		m := h.wait(t, n)[n-1]
		require.Equal(t, "exists", m.Get("X-Goog-Resource-State"))
		number, err := strconv.Atoi(m.Get("X-Goog-Message-Number"))
		require.NoError(t, err)
		require.Greater(t, number, last)
		last = number
	}
	e := inserted(t, svc, weekly(bob))
	changed(2)
	_, err := svc.Events.Patch("primary", e.Id, &calendar.Event{Summary: "Another"}).Do()
	require.NoError(t, err)
	changed(3)
	require.NoError(t, b.calendar(t, bob).Events.Delete("primary", e.Id).Do())
	changed(4) // his answer reaches her copy
	require.NoError(t, svc.Events.Delete("primary", e.Id).Do())
	changed(5) // a series and its copies: one message

	require.NoError(t, svc.Channels.Stop(&calendar.Channel{Id: "ch-1", ResourceId: ch.ResourceId}).Do())
	other := &hook{}
	watched(t, svc, other, "ch-2")
	inserted(t, svc, meeting())
	other.wait(t, 2)
	h.wait(t, 5)
}

func TestPushIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc, h := b.calendar(t, alice), &hook{answers: []int{503, 500, 200, 404}}
	watched(t, svc, h, "ch-1")
	list := h.wait(t, 3)
	require.Equal(t, list[0].Get("X-Goog-Message-Number"), list[2].Get("X-Goog-Message-Number"))
	inserted(t, svc, meeting())
	require.Equal(t, "exists", h.wait(t, 4)[3].Get("X-Goog-Resource-State"))
	inserted(t, svc, meeting())
	require.Equal(t, "exists", h.wait(t, 5)[4].Get("X-Goog-Resource-State"), "404 is a failure, and is not tried again")
}

func TestPushEndsWithTheChannel(t *testing.T) {
	t.Parallel()
	b := startCalendar(t, google.Config{})
	svc, h := b.calendar(t, alice), &hook{}
	watched(t, svc, h, "ch-1")
	h.wait(t, 1)
	b.clock.advance(8 * 24 * time.Hour)
	inserted(t, svc, meeting())
	other := &hook{}
	watched(t, svc, other, "ch-2")
	inserted(t, svc, meeting())
	other.wait(t, 2)
	h.wait(t, 1)
}
